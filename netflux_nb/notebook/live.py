"""A run in the cell that began it. To be replaced by the one of the live view."""

from __future__ import annotations


def close_all() -> None:
    """Settle what is shown."""
