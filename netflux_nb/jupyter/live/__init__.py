"""Live views: a run in the output of a cell, live while it runs, static once it ended."""
