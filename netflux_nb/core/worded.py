"""Values of the standard library that a text tells whole, and how they are read back."""

from __future__ import annotations

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
