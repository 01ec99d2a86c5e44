"""A run: one handle for a tree of calls, while it goes on and after, live or from the record."""

from .handle import Run
from .run_node import RunNode

__all__ = ["Run", "RunNode"]
