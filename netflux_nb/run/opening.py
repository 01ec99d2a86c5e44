"""The slot for whoever shows a run so that one can walk in it: the notebook fills it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..core.errors import UsageError

if TYPE_CHECKING:
    from .handle import Run

_opener: list[Callable[[Run], None]] = []


def set_opener(call: Callable[[Run], None]) -> None:
    """Fill the slot."""
    _opener[:] = [call]


def opened(run: Run) -> None:
    """Show a run in the way of whoever filled the slot."""
    if not _opener:
        raise UsageError(
            "Nobody shows runs here: in a notebook, `%load_ext netflux_nb` does. "
            "`print(run.tree())` shows it as text."
        )
    _opener[0](run)
