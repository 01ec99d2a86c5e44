"""The recognition of secrets by name, by form, by value, and by a person's own patterns."""
