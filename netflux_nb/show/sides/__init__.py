"""Parts of the diff of two runs: its words, its rows, its conversations."""
