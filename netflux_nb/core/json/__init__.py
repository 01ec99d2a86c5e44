"""Text forms of values and events: lines of a record, views, scalars, and the check of what is read."""
