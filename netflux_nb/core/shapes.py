"""What is read from a file is held to the types that its fields are declared with."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

# Beyond it no calendar of Python's goes.
LATEST = 2.5e11
# What a column of 64 bits holds; a larger number is no count of ours.
_MOST = 2**63

_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (float, int),
    "bool": (bool,),
}
_TYPES |= {f"{name} | None": (*kinds, type(None)) for name, kinds in _TYPES.items()}


class LostText(str):
    """What stands for a text whose file is lost; it says so."""

    __slots__ = ()


_Shape = tuple[tuple[str, tuple[type, ...] | None], ...]
_shapes: dict[type, _Shape] = {}


def checked(value: Any) -> None:
    """Raise `TypeError` or `ValueError` unless a value's own fields, and theirs, hold what they say.

    Fields that may hold anything are left alone.
    """
    for name, kinds in _shape(type(value)):
        one = getattr(value, name)
        if kinds is None:
            for each in one if type(one) is tuple else (one,):
                if hasattr(type(each), "__dataclass_fields__") or hasattr(each, "_fields"):
                    checked(each)
        elif type(one) not in kinds and not (type(one) is LostText and str in kinds):
            raise TypeError(f"{name} is {type(one).__name__}")
        elif isinstance(one, int | float) and not -_MOST <= one < _MOST:
            raise ValueError(f"{name} is no such number")


def _shape(kind: type) -> _Shape:
    known = _shapes.get(kind)
    if known is None:
        told = {k: v for c in reversed(kind.__mro__) for k, v in inspect.get_annotations(c).items()}
        known = tuple(
            (name, _TYPES.get(str(getattr(one, "__forward_arg__", one))))
            for name, one in told.items()
        )
        _shapes[kind] = known
    return known


def text_in(data: Mapping[str, Any], name: str) -> str:
    """Give a text by its name. Raises `TypeError` where it is none."""
    text = data[name]
    if not isinstance(text, str):
        raise TypeError(f"{name} is {type(text).__name__}")
    return text
