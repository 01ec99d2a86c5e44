"""The line of a record: its text, and the hash that binds it to the line before."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from ..core.json.scalars import encoder

SUFFIX = ".jsonl"
# The hash stands last, so that a line is its words, this, and 32 digits.
MARK = ',"hash":"'
END = '"}\n'
DIGITS = 32
# What is longer than this stands in a file of its own.
LARGE_CHARS = 16_000


# A copy of it costs half of what a new one does.
_hash = hashlib.blake2b(digest_size=DIGITS // 2)


def hash_of(before: str, words: str | bytes) -> str:
    """Give the hash that binds a line to the one before."""
    made = _hash.copy()
    made.update(f"{before}\0".encode("utf-8", "surrogatepass"))
    made.update(words.encode("utf-8", "surrogatepass") if isinstance(words, str) else words)
    return made.hexdigest()


class Light(dict[str, Any]):
    """A line's JSON of which nothing stands in a file of its own."""

    __slots__ = ()


# ASCII only: half of a pair, which a file cannot hold, is written out then.
_encoded = encoder(json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False))


def words_of(data: Mapping[str, Any]) -> str:
    """Give JSON without its closing brace."""
    return _encoded(data)[:-1]


def line_of(words: str, mark: str) -> str:
    """Write a line: its words, and their hash at the end."""
    return f"{words}{MARK}{mark}{END}"


# Half of a pair, as it is written out. DuckDB skips a line that holds one.
_HALF = re.compile(
    r"\\ud[89ab][0-9a-f]{2}(?!\\ud[c-f])|(?<!\\ud[89ab][0-9a-f]{2})\\ud[c-f][0-9a-f]{2}"
)


def is_heavy(words: str) -> bool:
    """Tell whether a line is too long, or may hold what DuckDB cannot read."""
    has_half = "\\" in words and "\\ud" in words and _HALF.search(words) is not None
    return has_half or len(words) > LARGE_CHARS


def lighter(data: Any, store: Callable[[str, str], dict[str, Any]]) -> Any:
    """Give JSON in which what is large, or no sound text, stands in a file of its own."""
    if isinstance(data, str):
        if len(data) <= LARGE_CHARS and (data.isascii() or not is_heavy(_encoded(data))):
            return data
        return store("text", data)
    if isinstance(data, list):
        return [lighter(item, store) for item in data]
    if not isinstance(data, dict):
        return data
    if data.keys() == {"json"}:
        text = _encoded(data["json"])
        return store("json", text) if is_heavy(text) else data
    return {name: lighter(item, store) for name, item in data.items()}


def join_artifacts(data: Any, fetch: Callable[[str, str], Any]) -> Any:
    """Give JSON in which what stood in files of its own is back in its place."""
    if isinstance(data, list):
        return [join_artifacts(item, fetch) for item in data]
    if not isinstance(data, dict) or type(data) is Light or data.keys() == {"json"}:
        return data
    kind = data.get("kind")
    if "artifact" in data and isinstance(kind, str):
        value = fetch(kind, data["artifact"])
        return value if kind == "text" else {"json" if kind == "json" else "held": value}
    nested = (dict, list)
    return {
        name: join_artifacts(item, fetch) if type(item) in nested else item
        for name, item in data.items()
    }
