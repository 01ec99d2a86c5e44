"""A run in the output of a cell: live while it goes on, static once it ended."""
