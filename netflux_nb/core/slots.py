"""Slots of an earlier room, each filled by a later one; `wiring.py` fills all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

_T = TypeVar("_T")


class Slot(Generic[_T]):
    """A place for one value, typed by whoever reads it and filled by whoever knows more.

    Before it is filled it gives what it was made with.

    Example:
        >>> greeting = Slot("hello")
        >>> greeting.fill("good day")
        >>> greeting()
        'good day'
    """

    __slots__ = ("_value",)

    def __init__(self, value: _T) -> None:
        self._value = value

    def __call__(self) -> _T:
        """Give the value of the slot."""
        return self._value

    def fill(self, value: _T) -> None:
        """Put this in place of what was there."""
        self._value = value

    @contextmanager
    def filled(self, value: _T) -> Iterator[None]:
        """Put this in place of what was there, for a block."""
        before, self._value = self._value, value
        try:
            yield
        finally:
            self._value = before
