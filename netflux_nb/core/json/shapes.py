"""The check of values read from a file against the dataclass fields they fill."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from operator import attrgetter
from typing import Any

# Beyond it no calendar of Python's goes.
LATEST = 2.5e11
# What a column of 64 bits holds; a larger number is no count of ours.
_MOST = 2**63

_TYPES: dict[str, frozenset[type]] = {
    "str": frozenset({str}),
    "int": frozenset({int}),
    "float": frozenset({float, int}),
    "bool": frozenset({bool}),
}
_TYPES |= {f"{name} | None": kinds | {type(None)} for name, kinds in _TYPES.items()}


class LostText(str):
    """A placeholder for a text whose file is lost; its text says so."""

    __slots__ = ()


# Names of fields, the types of each (None: it may hold anything), and what gives them all.
_Shape = tuple[tuple[tuple[str, frozenset[type] | None], ...], Callable[[Any], tuple[Any, ...]]]
# What is looked at no further, where a field may hold anything.
_PLAIN = frozenset({type(None), str, int, float, bool, dict})
_NUMBERS = frozenset({int, float})


def checked(value: Any) -> None:
    """Raise `TypeError` or `ValueError` unless a value's own fields, and theirs, hold what they say.

    Fields that may hold anything are left alone.
    """
    fields, read = _shape(value.__class__)
    for (name, kinds), one in zip(fields, read(value), strict=True):
        kind = type(one)
        if kinds is None:
            if kind not in _PLAIN:
                _check_within(one)
        elif kind not in kinds and not (kind is LostText and str in kinds):
            raise TypeError(f"{name} is {kind.__name__}")
        elif kind in _NUMBERS and not -_MOST <= one < _MOST:
            raise ValueError(f"{name} is no such number")


def _check_within(value: Any) -> None:
    for one in value if type(value) is tuple else (value,):
        if hasattr(type(one), "__dataclass_fields__") or hasattr(one, "_fields"):
            checked(one)


@cache
def _shape(kind: type) -> _Shape:
    told = {k: v for c in reversed(kind.__mro__) for k, v in inspect.get_annotations(c).items()}
    fields = tuple(
        (name, _TYPES.get(str(getattr(one, "__forward_arg__", one)))) for name, one in told.items()
    )
    names = [name for name, _ in fields]
    if len(names) > 1:
        return fields, attrgetter(*names)
    return fields, lambda value: tuple(getattr(value, name) for name in names)


def text_in(data: Mapping[str, Any], name: str) -> str:
    """Give a text by its name. Raises `TypeError` where it is none."""
    text = data[name]
    if not isinstance(text, str):
        raise TypeError(f"{name} is {type(text).__name__}")
    return text
