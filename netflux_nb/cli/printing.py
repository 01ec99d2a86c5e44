"""What the command line prints: bounded, one JSON document or text, nothing unseen."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..core.portable import Unkept
from ..show.marked import visible

MOST_CHARS = 20_000
MOST_ITEMS = 1_000
MOST_LEVELS = 50
MOST_LINES = 2_000
LINE_CHARS = 2_000
ERROR_CHARS = 600
CELL_CHARS = 60


def plain(value: Any, level: int = 0) -> Any:
    """Give any value as bounded JSON: what JSON cannot say, as it is written in Python."""
    if value is None or isinstance(value, bool | int):
        return value if not isinstance(value, int) or abs(value) < 2**63 else str(value)[:100]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return _cut(value, MOST_CHARS)
    if level < MOST_LEVELS:
        if isinstance(value, Mapping):
            found = {_cut(str(k), 200): plain(v, level + 1) for k, v in _few(value.items())}
            if len(value) > MOST_ITEMS:
                found["…"] = f"{len(value) - MOST_ITEMS:,} more"
            return found
        if isinstance(value, list | tuple | set | frozenset):
            rows = [plain(one, level + 1) for one in _few(value)]
            return (
                [*rows, f"… {len(value) - MOST_ITEMS:,} more"] if len(value) > MOST_ITEMS else rows
            )
    if isinstance(value, Unkept):
        return str(value)[:200]
    return _cut(repr(value), MOST_CHARS)


def _few(values: Iterable[Any]) -> Iterable[Any]:
    for count, value in enumerate(values):
        if count >= MOST_ITEMS:
            return
        yield value


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}… ({len(text) - most:,} more)"


def say_json(document: Any) -> None:
    """Print one JSON document. It is ASCII, so that no control character goes through."""
    sys.stdout.write(json.dumps(plain(document), indent=2, allow_nan=False) + "\n")


def say(text: str) -> None:
    """Print text, bounded, with every unseen character made visible."""
    lines = text.splitlines()
    for line in lines[:MOST_LINES]:
        sys.stdout.write(_ascii_safe(visible(_cut(line, LINE_CHARS))) + "\n")
    if len(lines) > MOST_LINES:
        sys.stdout.write(f"... {len(lines) - MOST_LINES:,} more lines\n")


def complain(words: str) -> None:
    """Print one line to where errors go."""
    line = visible(" ".join(_cut(words, ERROR_CHARS).split()))
    sys.stderr.write(_ascii_safe(f"netflux-nb: {line}", sys.stderr) + "\n")


def _ascii_safe(text: str, stream: Any = None) -> str:
    """Keep what the terminal can show; a stream that knows less gets escapes."""
    encoding = getattr(stream or sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Lay rows out under their columns."""
    cells = [[_cell(one) for one in row] for row in _few(rows)]
    heads = [_cell(name) for name in columns]
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    lines = [heads, ["─" * width for width in widths], *cells]
    return "\n".join(
        "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _cell(value: Any) -> str:
    if isinstance(value, float) and math.isnan(value):
        return ""
    text = "" if value is None else str(value)
    text = visible(" ".join(text[: 4 * CELL_CHARS].split()))
    return text if len(text) <= CELL_CHARS else f"{text[: CELL_CHARS - 1]}…"
