"""The command line: thin calls of what a notebook calls."""

from .entry import main

__all__ = ["main"]
