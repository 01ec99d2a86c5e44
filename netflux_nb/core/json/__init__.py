"""JSON of values and events: record lines, views, scalars, and the check of input."""
