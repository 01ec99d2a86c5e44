"""Output of the command line: bounded text or one JSON document, control characters escaped."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from contextvars import ContextVar
from itertools import islice
from typing import Any, TextIO

from ..core.text.legible import cut, shortened
from ..runtime.safe import visible

MOST_CHARS = 20_000
MOST_ITEMS = 1_000
# Of a document.
MOST_TOTAL = 1_000_000
MOST_LEVELS = 50
MOST_LINES = 2_000
LINE_CHARS = 2_000
ERROR_CHARS = 600
CELL_CHARS = 60


def plain(value: Any) -> Any:
    """Give any value as bounded JSON: what JSON cannot say, as it is written in Python."""
    return _Bounded().of(value, 0)


class _Bounded:
    """Makes JSON of a value, until there is enough of it."""

    def __init__(self) -> None:
        self.left = MOST_TOTAL

    def of(self, value: Any, level: int) -> Any:
        self.left -= 4
        if self.left <= 0:
            return "…"
        match value:
            case None | bool():
                return value
            case int():
                return value if abs(value) < 2**63 else f"{value:x}"[:100]
            case float():
                return value if math.isfinite(value) else str(value)
            case str():
                return self.text(value)
            case Mapping() if level < MOST_LEVELS:
                return self.fields(value, level + 1)
            case list() | tuple() | set() | frozenset() if level < MOST_LEVELS:
                rows = [self.of(one, level + 1) for one in islice(value, MOST_ITEMS)]
                return [*rows, *_more(len(value))]
            case Mapping() | list() | tuple() | set() | frozenset():
                return "…"
        try:
            return self.text(repr(value))
        except Exception:  # noqa: BLE001  a user's __repr__ may raise anything
            return f"<{type(value).__name__}>"

    def text(self, text: str) -> str:
        found = cut(text, min(MOST_CHARS, self.left))
        self.left -= len(found)
        return found

    def fields(self, value: Mapping[Any, Any], level: int) -> dict[str, Any]:
        items = islice(value.items(), MOST_ITEMS)
        found = {self.text(cut(str(k), 200)): self.of(v, level) for k, v in items}
        return found | dict.fromkeys(_more(len(value)))


def _more(count: int) -> list[str]:
    return [f"… {count - MOST_ITEMS:,} more"] if count > MOST_ITEMS else []


# Where the one document goes, while all else that is printed goes elsewhere.
_document: ContextVar[TextIO | None] = ContextVar("document", default=None)


@contextmanager
def one_document() -> Iterator[None]:
    """Keep the output for one JSON document: what a user's code prints goes where errors do."""
    token = _document.set(sys.stdout)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _document.reset(token)


def say_json(document: Any) -> None:
    """Print one JSON document. It is ASCII, so that no control character goes through."""
    stream = _document.get() or sys.stdout
    stream.write(json.dumps(plain(document), indent=2, allow_nan=False) + "\n")


def say(text: str) -> None:
    """Print text, bounded, with every unseen character made visible."""
    lines = text.splitlines()
    for line in lines[:MOST_LINES]:
        sys.stdout.write(_ascii_safe(cut(visible(line[: LINE_CHARS * 2]), LINE_CHARS)) + "\n")
    if len(lines) > MOST_LINES:
        sys.stdout.write(f"... {len(lines) - MOST_LINES:,} more lines\n")


def complain(words: str) -> None:
    """Print one line to where errors go."""
    line = cut(visible(" ".join(words[: ERROR_CHARS * 2].split())), ERROR_CHARS)
    sys.stderr.write(_ascii_safe(f"netflux-nb: {line}", sys.stderr) + "\n")


def _ascii_safe(text: str, stream: Any = None) -> str:
    """Keep what the terminal can show; a stream that knows less gets escapes."""
    encoding = getattr(stream or sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Lay rows out under their columns."""
    cells = [[_cell(one) for one in row] for row in islice(rows, MOST_ITEMS)]
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
    return shortened(text, CELL_CHARS)
