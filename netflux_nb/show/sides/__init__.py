"""What the diff of two runs is drawn of: its words, its rows, its conversations."""
