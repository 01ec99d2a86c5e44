"""JSON codecs for dates, Decimal, UUID, Path, complex and NaN, and a fast encoder."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

# A longer number Python writes only where it is told so. One of a megabyte is none of a call.
INT_BITS, MOST_INT_BITS = 14_000, 4_000_000


def _moment(value: datetime | time) -> str:
    """Write a time down. Of a zone that is more than an offset, text does not tell all."""
    if value.fold or not (value.tzinfo is None or type(value.tzinfo) is timezone):
        raise ValueError("its time zone has no text")
    return value.isoformat()


# Values that a text tells whole: their tag, how they are written, and how they are read.
WORDS: Mapping[type, tuple[str, Callable[[Any], str], Callable[[str], Any]]] = {
    date: ("$date", date.isoformat, date.fromisoformat),
    datetime: ("$datetime", _moment, datetime.fromisoformat),
    time: ("$time", _moment, time.fromisoformat),
    timedelta: (
        "$timedelta",
        lambda value: f"{value.days} {value.seconds} {value.microseconds}",
        lambda text: timedelta(*map(int, text.split())),
    ),
    Decimal: ("$decimal", str, Decimal),
    type(Path()): ("$path", str, Path),
    UUID: ("$uuid", str, UUID),
    complex: ("$complex", repr, complex),
    float: ("$float", str, {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}.__getitem__),
}
READ = {tag: read for tag, _, read in WORDS.values()}
# A number too long for JSON; any other is written as itself.
READ["$int"] = lambda text: int(text, 16)
WORDED = frozenset(READ)


def encoder(of: json.JSONEncoder) -> Callable[[Any], str]:
    """Give a fast encode function with an encoder's settings, made once.

    `encode` makes its inner encoder for each value, which costs more than a small value does.

    Example:
        >>> encoder(json.JSONEncoder(sort_keys=True, check_circular=False))({"b": [1.5], "a": None})
        '{"a": null, "b": [1.5]}'
    """
    make: Any = vars(json.encoder).get("c_make_encoder")
    if make is None or of.check_circular:
        return of.encode
    written = (
        json.encoder.encode_basestring_ascii if of.ensure_ascii else json.encoder.encode_basestring
    )
    inner = make(
        None,
        of.default,
        written,
        None,
        of.key_separator,
        of.item_separator,
        of.sort_keys,
        of.skipkeys,
        of.allow_nan,
    )
    return lambda value: "".join(inner(value, 0))


_scanned = json.JSONDecoder().raw_decode


def read(text: str) -> Any:
    """Read JSON that has nothing before it and at most a line's end behind it.

    Raises `ValueError` where it is none, as `json.loads` does.
    """
    value, end = _scanned(text)
    return value if end == len(text) or text[end:].isspace() else json.loads(text)
