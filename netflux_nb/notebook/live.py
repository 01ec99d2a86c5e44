"""A run in the cell that began it: shown while it goes on, and settled when it has ended."""

from __future__ import annotations

from ..run import Run


def show(run: Run, *, waits: bool) -> None:
    """Show a run in the current cell."""


def close_all() -> None:
    """Settle what is shown, and forget it."""
