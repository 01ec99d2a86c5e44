"""The one list of what is a key: by name, by form, by value; and patterns that a person adds."""
