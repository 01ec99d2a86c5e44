"""What a browser is sent of a run: rows, panes, and the list of changes that is played."""
