"""How a notebook shows what is ours: a slot for each kind, filled by those who can draw."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from .errors import stringify


class Bundled(Protocol):
    """Something that a notebook can show."""

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]: ...


_drawn: dict[type, Callable[[Any], Bundled]] = {}


def set_drawn(kind: type, draw: Callable[[Any], Bundled]) -> None:
    """Fill the slot that says how values of a kind are shown."""
    _drawn[kind] = draw


def drawn(value: Any) -> Bundled | None:
    """Give what shows a value; None where nobody knows how."""
    draw = next((_drawn[kind] for kind in type(value).__mro__ if kind in _drawn), None)
    return None if draw is None else draw(value)


class Displayed:
    """A value that a notebook shows as more than its `repr`."""

    __slots__ = ()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        try:
            shown = drawn(self)
            bundle = None if shown is None else shown._repr_mimebundle_()
        except Exception as error:  # noqa: BLE001  IPython would swallow it and show nothing
            return {"text/plain": f"{self!r} could not be drawn: {stringify(error, 200)}"}
        return {"text/plain": repr(self)} if bundle is None else bundle
