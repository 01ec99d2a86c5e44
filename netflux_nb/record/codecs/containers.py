"""Dicts and lists as bytes, and back: tables and arrays in them exactly, the rest as JSON is."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ...core.errors import ArgumentError
from ...core.json.canonical import MAX_DEPTH, ordered_json, untagged
from .frame_bytes import MOST_CELLS, MOST_TEXT, UNFIT
from .texts import texts_in

Encoded = tuple[str, bytes]
Way = tuple[int, ...]

# It is: this, the size of its header, the header as JSON, and the parts one after the other.
_MAGIC = b"NFmixed1"
_SIZE = struct.Struct("<Q")
# More in one value are no value of a call. A table takes a database of its own to write and read.
MOST_PARTS, MOST_TABLES = 10_000, 500
HOLDERS = (dict, list, tuple)


def mixed_bytes(
    value: Any,
    kinds: tuple[type, ...],
    encoded: Callable[[Any], Encoded | None],
    room: Room | None = None,
) -> bytes | None:
    """Give a dict, a list or a tuple that holds some of `kinds` as bytes.

    What JSON can say stands in the header. Each other part has its own bytes, and its way
    there: how many items to pass at each level. None where a part has no exact form, or
    JSON cannot say the rest.
    """
    parts: list[tuple[Way, str, bytes]] = []
    try:
        room = room or Room()
        found = [(way, one) for way, one in _parts(value, kinds) if room.takes(one)]
        for way, one in found:
            form = encoded(one)
            if form is None:
                return None
            parts.append((way, *form))
        words = _words(value, [way for way, _, _ in parts]) if parts else None
        # An object would come back as a dict.
        if words is None or ordered_json(untagged(words)) != words:
            return None
    except UNFIT:
        return None
    header = {"json": words, "parts": [[way, kind, len(data)] for way, kind, data in parts]}
    head = json.dumps(header, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    content = head.encode("utf-8", "surrogatepass")
    return b"".join([_MAGIC, _SIZE.pack(len(content)), content, *(data for *_, data in parts)])


def mixed_of(data: bytes, decoded: Callable[[str, bytes], Any], room: Room | None = None) -> Any:
    """Read such a value back. Raises `ArgumentError` or another of `UNFIT`."""
    start = len(_MAGIC) + _SIZE.size
    if data[: len(_MAGIC)] != _MAGIC or len(data) < start:
        raise ArgumentError("These bytes are no mixed value: they begin otherwise.")
    (size,) = _SIZE.unpack_from(data, len(_MAGIC))
    at = start + size
    if at > len(data):
        raise ArgumentError("These bytes are no mixed value: the header is cut off.")
    header = json.loads(data[start:at].decode("utf-8", "surrogatepass"))
    holes: dict[Way, Any] = {}
    room = room or Room()
    for way, kind, length in header["parts"]:
        place = tuple(way)
        if kind == "mixed" or place in holes or type(length) is not int:
            raise ArgumentError("These bytes are no mixed value: a part is not as it must be.")
        if not 0 <= length <= len(data) - at:
            raise ArgumentError("These bytes are no mixed value: a part is cut off.")
        holes[place] = decoded(kind, data[at : at + length])
        room.takes(holes[place])
        at += length
    if at != len(data):
        raise ArgumentError("These bytes are no mixed value: there are more than it says.")
    made = _filled(untagged(header["json"]), (), holes)
    if holes:
        raise ArgumentError("These bytes are no mixed value: a part has no place.")
    return made


@dataclass(slots=True)
class Room:
    """How much all parts together may be: no more than one table may."""

    parts: int = MOST_PARTS
    tables: int = MOST_TABLES
    cells: int = MOST_CELLS
    bytes: int = MOST_TEXT

    def takes(self, part: Any) -> bool:
        """Count one. Raises `ValueError` where there is no room for it."""
        self.parts -= 1
        self.cells -= getattr(part, "size", 0)
        if hasattr(part, "memory_usage"):
            self.tables -= 1
            held = part.memory_usage(deep=True)
            self.bytes -= int(held if part.ndim == 1 else held.sum())
        else:
            self.bytes -= getattr(part, "nbytes", 0)
        if min(self.parts, self.tables, self.cells, self.bytes) < 0:
            raise ValueError("it holds too much")
        return True


def mixed_words(
    value: Any, kinds: tuple[type, ...], words_of: Callable[[Any], Iterable[str]]
) -> Iterator[str]:
    """Give all that is said in such a value: names, texts, numbers, and what is in the parts."""
    parts = list(_parts(value, kinds))
    yield from texts_in(_words(value, [way for way, _ in parts]))
    for _, one in parts:
        yield from words_of(one)


def _parts(value: Any, kinds: tuple[type, ...]) -> Iterator[tuple[Way, Any]]:
    """Give what is of these kinds, and the ways there. Raises `ValueError` on what is too deep."""
    stack: list[tuple[Way, Any]] = [((), value)]
    while stack:
        way, holder = stack.pop()
        if len(way) >= MAX_DEPTH:
            raise ValueError("it is too deep")
        for nth, one in enumerate(holder.values() if type(holder) is dict else holder):
            if type(one) in kinds:
                yield (*way, nth), one
            elif type(one) in HOLDERS:
                stack.append(((*way, nth), one))


def _words(value: Any, ways: Iterable[Way]) -> Any:
    """Give what JSON can say of a value, with nothing where a part was."""
    return ordered_json(_filled(value, (), dict.fromkeys(ways)))


def _filled(value: Any, way: Way, holes: dict[Way, Any]) -> Any:
    """Give a value with what is meant for it at each way, which is taken out of `holes`."""
    if not holes:
        return value
    if type(value) not in HOLDERS:
        return holes.pop(way) if way in holes else value
    if type(value) is dict:
        return {
            name: _filled(one, (*way, nth), holes) for nth, (name, one) in enumerate(value.items())
        }
    items = [_filled(one, (*way, nth), holes) for nth, one in enumerate(value)]
    return items if type(value) is list else tuple(items)
