"""The names of older programs, and nothing more: thin translations."""
