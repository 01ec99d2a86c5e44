"""Searching files in a child process."""
