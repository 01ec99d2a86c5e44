"""Views of runs, Functions and values, as text and as static HTML."""
