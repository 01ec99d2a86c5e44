"""The notebook display of our values: each kind drawn by the room that can draw it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ..errors import stringify
from ..slots import Slot


class Bundled(Protocol):
    """Something that a notebook can show."""

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]: ...


# How values are shown, by their kind.
drawings: Slot[Mapping[type, Callable[[Any], Bundled]]] = Slot({})


def drawing_of(value: Any) -> Bundled | None:
    """Draw a value for a notebook; None where no room draws its kind."""
    known = drawings()
    draw = next((known[kind] for kind in type(value).__mro__ if kind in known), None)
    return None if draw is None else draw(value)


class Displayed:
    """A value that a notebook shows as more than its `repr`."""

    __slots__ = ()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        try:
            shown = drawing_of(self)
            bundle = None if shown is None else shown._repr_mimebundle_()
        except Exception as error:  # noqa: BLE001  IPython would swallow it and show nothing
            return {"text/plain": f"{self!r} could not be drawn: {stringify(error, 200)}"}
        return {"text/plain": repr(self)} if bundle is None else bundle
