"""Reading, checking and writing patches: unified diffs, hunks, edits of files."""
