"""Values, names and errors as one short line that is safe to show, whatever they hold."""

from __future__ import annotations

import datetime
import decimal
import pathlib
import sys
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from ...core.errors import stringify
from ...core.json.portable import Unkept
from ...core.messages import ImageResult
from ...runtime.safe import EDGE, Safe, keyless_bytes
from ...runtime.safe import line as line

# Those of the standard library whose `str` is short and runs no code of a user's.
_SAID = (datetime.date, datetime.time, datetime.timedelta, decimal.Decimal, pathlib.PurePath)
# Python writes no larger number in decimal.
_MOST_BITS = 14_000


def said(value: Any, most: int) -> str:
    """Give a result as one line: a text as it is, anything else as `brief` does."""
    return line(value, most) if isinstance(value, str) else brief(value, most)


def brief(value: Any, most: int) -> str:
    """Write a value as Python would, at most so many characters, and look at no more of it.

    Example:
        >>> brief({"a": [1, "two"], "b": None}, 40)
        "{'a': [1, 'two'], 'b': None}"
        >>> brief("x" * 10_000_000, 10)
        "'xxxxxxxx…"
    """
    left = [most + 1]
    pieces: list[str] = []
    for piece in _written(value, left, 6):
        pieces.append(piece)
        left[0] -= len(piece)
        if left[0] < 0:
            break
    return line("".join(pieces), most)


def call(inputs: Mapping[str, Any], most: int, each: int = 24) -> str:
    """Write the arguments of a call, as `text='a', n=3`."""
    words: list[str] = []
    left = most
    for n, (name, value) in enumerate(inputs.items()):
        if left <= 0:
            words.append(f"… {len(inputs) - n:,} more")
            break
        words.append(f"{line(str(name), 24)}={brief(value, each)}")
        left -= len(words[-1]) + 2
    return Safe(", ".join(words))


def failure(error: BaseException, most: int = 200) -> str:
    """Give an error as one line: its type and what it says."""
    return line(stringify(error, most * 2 + EDGE), most)


def _written(value: Any, left: list[int], depth: int) -> Iterator[str]:
    room = max(left[0], 1)
    match value:
        case str():
            # Cut where keys are out of the whole: `line` does both.
            yield repr(value[: room + EDGE])
        case bool() | None | float():
            yield repr(value)
        case Enum():
            yield f"{type(value).__name__}.{value.name}"
        case int():
            yield repr(value) if value.bit_length() < _MOST_BITS else "a large number"
        case bytes() | bytearray():
            head = keyless_bytes(bytes(value[: 24 + EDGE]))
            yield f"{head[: min(room, 24)]!r} ({len(value):,} bytes)"
        case _ if depth == 0:
            yield "…"
        case Mapping():
            yield "{"
            yield from _joined(_pairs(value, left, depth))
            yield "}"
        case list() | tuple() | set() | frozenset():
            begin, end = "[]" if isinstance(value, list) else "()"
            if isinstance(value, (set, frozenset)):
                begin, end = "{}"
            yield begin
            yield from _joined(_written(one, left, depth - 1) for one in value)
            yield end
        case ImageResult():
            yield str(value)
        case BaseException():
            yield stringify(value, room)
        case _ if isinstance(value, (*_SAID, uuid.UUID)):
            yield str(value)
        case Unkept():
            yield f"<{value.type_name}>"
        case _:
            yield from _object(value, left, depth)


def _joined(items: Iterable[Iterator[str]]) -> Iterator[str]:
    for n, item in enumerate(items):
        if n:
            yield ", "
        yield from item


def _pairs(value: Mapping[Any, Any], left: list[int], depth: int) -> Iterator[Iterator[str]]:
    for key, one in value.items():

        def pair(key: Any = key, one: Any = one) -> Iterator[str]:
            yield from _written(key, left, depth - 1)
            yield ": "
            yield from _written(one, left, depth - 1)

        yield pair()


def _object(value: Any, left: list[int], depth: int) -> Iterator[str]:
    name = type(value).__name__
    shape = _shape(value)
    if shape is not None:
        yield f"{name} {shape}"
        return
    known = _fields(value)
    if known:
        yield f"{name}("
        yield from _joined(_named(n, getattr(value, n, None), left, depth) for n in known)
        yield ")"
        return
    if getattr(type(value), "__repr__", None) is object.__repr__:
        yield f"<{name}>"  # its address says nothing, and is another each time
        return
    try:
        yield repr(value)
    except Exception:  # noqa: BLE001  a user's `__repr__` may raise anything
        yield f"<{name}>"


def _named(name: str, value: Any, left: list[int], depth: int) -> Iterator[str]:
    yield f"{name}="
    yield from _written(value, left, depth - 1)


def _fields(value: Any) -> list[str]:
    if is_dataclass(value):
        return [f.name for f in fields(value) if f.repr]
    known = getattr(type(value), "model_fields", None)
    return list(known) if isinstance(known, Mapping) else []


def _shape(value: Any) -> str | None:
    """Say how large a table or an array is; drawing one would take long."""
    pandas, numpy = sys.modules.get("pandas"), sys.modules.get("numpy")
    # A value of a type that is not loaded cannot be one.
    if pandas is not None and isinstance(value, pandas.DataFrame):
        return f"{len(value):,} × {value.shape[1]:,}"
    if pandas is not None and isinstance(value, (pandas.Series, pandas.Index)):
        return f"of {len(value):,}"
    if numpy is not None and isinstance(value, numpy.ndarray):
        return " × ".join(f"{n:,}" for n in value.shape) or "of 1"
    return None
