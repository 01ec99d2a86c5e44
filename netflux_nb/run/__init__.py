"""A run: one handle for a tree of calls, while it goes on and after, live or from the record."""

from ..session import set_handle
from .handle import Run
from .nodes import RunNode
from .opening import set_opener

__all__ = ["Run", "RunNode", "set_opener"]

set_handle(Run.of)
