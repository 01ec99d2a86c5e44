"""Rows, panes and changes of a run, as they are sent to a browser."""
