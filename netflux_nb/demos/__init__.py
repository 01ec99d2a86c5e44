"""Small programs that run without a key."""
