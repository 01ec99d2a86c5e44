"""Native requests and responses of a provider as plain JSON of a bounded size."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

from ..core.json.canonical import MAX_DEPTH, ordered_json
from ..core.messages import GARBLED, ToolUsePart
from ..core.text.legible import shortened

# An envelope is for people who look something up: what is longer is cut.
ENVELOPE_CHARS = 8_000
TEXT_CHARS = 1_000
MOST_ENTRIES = 100
MOST_LEVELS = 8
# More tokens than any request has: a count beyond is no count.
MOST_TOKENS = 10**9
NAME_CHARS = 200
# How a request travels, and with which keys: no part of what is asked.
TRAVEL = {"extra_headers", "http_options", "timeout"}


def count(value: Any) -> int:
    """Read a count of tokens; what is none is 0."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return 0
    if not math.isfinite(value):
        return 0
    return int(min(max(value, 0), MOST_TOKENS))


def maybe_count(value: Any) -> int | None:
    """Read a count that a provider may leave out."""
    return None if value is None else count(value)


def untold(*counts: Any) -> int:
    """Give 1 where a provider told none of these counts: what was used is not known then."""
    return int(all(count is None for count in counts))


def mapping(value: Any) -> Mapping[str, Any]:
    """Read counts that are given apart; what is no mapping is none."""
    return value if isinstance(value, Mapping) else {}


def word(value: Any) -> str:
    """Read a name or an id; what is no text is none."""
    return mended(value)[:NAME_CHARS] if isinstance(value, str) else ""


def mended(text: str) -> str:
    """Give a text that can be sent: halves of a character that stand alone are replaced."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def sendable(value: Any) -> Any:
    """Give a body whose texts can be sent, itself where nothing is wrong."""
    if isinstance(value, str):
        return mended(value)
    if isinstance(value, Mapping):
        return {sendable(k): sendable(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [sendable(v) for v in value]
    return value


def call(use_id: Any, name: Any, args: Mapping[str, Any], signature: str = "") -> ToolUsePart:
    """Make a call of what a model gave. Arguments that no record could keep are garbled ones."""
    try:
        ordered_json(dict(args))
    except ValueError:
        args = {GARBLED: f"what is nested more than {MAX_DEPTH} levels deep"}
    return ToolUsePart(word(use_id), word(name), args, signature)


def envelope(given: Mapping[str, Any]) -> dict[str, Any]:
    """Keep of a response what is no content, cut to a bounded size."""
    kept: dict[str, Any] = {}
    left = ENVELOPE_CHARS
    for name, value in given.items():
        if value is None:
            continue
        told = _cut(value, MOST_LEVELS)
        size = len(name) + len(json.dumps(told))
        if size > left:
            told = f"{size:,} characters, left out"
            size = len(name) + len(told)
        if size <= left:
            kept[name[:NAME_CHARS]] = told
            left -= size
    return kept


def _cut(value: Any, levels: int) -> Any:
    if hasattr(value, "model_dump"):
        value = value.model_dump(mode="json", exclude_none=True, warnings=False)
    match value:
        case None | bool() | int():
            return value if value is None or abs(value) < 10**18 else str(value)[:TEXT_CHARS]
        case float():
            return value if math.isfinite(value) else str(value)
        case str():
            return shortened(mended(str(getattr(value, "value", value))), TEXT_CHARS)
        case _ if levels == 0:
            return "…"
        case Mapping():
            some = list(value.items())[:MOST_ENTRIES]
            return {mended(str(k))[:NAME_CHARS]: _cut(v, levels - 1) for k, v in some}
        case list() | tuple():
            return [_cut(v, levels - 1) for v in value[:MOST_ENTRIES]]
        case _:
            return str(value)[:TEXT_CHARS]


def digest(body: Mapping[str, Any]) -> str:
    """Hash what an SDK is handed: SHA-256 of its canonical JSON, without keys and headers."""
    asked = {name: value for name, value in body.items() if name not in TRAVEL}
    text = json.dumps(
        _whole(asked), sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str
    )
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def whole(body: Mapping[str, Any]) -> dict[str, Any]:
    """Give what an SDK is handed as plain JSON, without what says only how it travels."""
    return {name: _whole(value) for name, value in body.items() if name not in TRAVEL}


def _whole(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        value = value.model_dump(exclude_none=True, warnings=False)
    if isinstance(value, Mapping):
        return {str(k): _whole(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_whole(v) for v in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return getattr(value, "value", value)
