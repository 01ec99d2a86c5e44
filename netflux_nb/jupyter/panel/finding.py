"""The wanted runs of the panel's list: chosen, sorted, and searched for in the record."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from ...core.errors import UsageError
from ...record.sql import store
from ...run.wanted import wanted
from ...show.parts.text import clean
from .updates import RunRow

Sort = Literal["what", "state", "when", "notebook", "time", "tokens", "money", "marks"]
SORTS: tuple[Sort, ...] = get_args(Sort)
TEXT_CHARS = 200
# Words of a search; what is more narrows nothing.
MOST_WORDS = 8
_PATH_CHARS = 2_000
_STATES: Mapping[str, Sequence[str]] = {
    "live": ("Running", "Waiting"),
    "failed": ("Error", "CutOff"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Which runs a panel wants, and in which order."""

    text: str = ""
    fn: str = ""
    # A state's name, or "live", "failed", "asks".
    state: str = ""
    tag: str = ""
    notebook: str = ""
    # Seconds since 1970: it began then or later, and before.
    since: float | None = None
    until: float | None = None
    sort: Sort = "when"
    is_down: bool = True

    @property
    def words(self) -> tuple[str, ...]:
        """What is searched for: every word has to be found."""
        return tuple(self.text.lower().split()[:MOST_WORDS])


def read(data: object) -> Wish:
    """Read a wish of a panel. Raises `UsageError` for what is none."""
    if not isinstance(data, Mapping):
        raise UsageError("The panel wants runs, and does not say which.")
    texts = {name: data.get(name, "") for name in ("text", "fn", "state", "tag", "notebook")}
    for name, value in texts.items():
        most = _PATH_CHARS if name == "notebook" else TEXT_CHARS
        if not isinstance(value, str) or len(value) > most:
            raise UsageError(f"{name} of a list of runs is a text of {most:,} characters at most.")
    sort = data.get("sort", "when")
    if sort not in SORTS:
        raise UsageError(f"A list is not sorted by {clean(str(sort), 40)!r}.")
    return Wish(
        **texts,
        since=_moment(data.get("since")),
        until=_moment(data.get("until")),
        sort=sort,
        is_down=data.get("down") is not False,
    )


def _moment(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise UsageError("A moment is a number of seconds since 1970.")
    return float(value)


def search(folder: Path | None, words: Sequence[str]) -> dict[str, frozenset[str]]:
    """Ask the record in which runs each word stands: in arguments, errors, labels, names."""
    found: dict[str, set[str]] = {word: set() for word in words}
    if words and folder is not None and folder.is_dir():
        tests = [wanted(text=word).sql[0] for word in words]
        query = f"SELECT run, {', '.join(tests)} FROM _roots WHERE {' OR '.join(tests)}"
        for run, *holds in store.rows(query, folder):
            for word, is_held in zip(words, holds, strict=True):
                if is_held:
                    found[word].add(run)
    return {word: frozenset(runs) for word, runs in found.items()}


def find(
    rows: Iterable[RunRow], wish: Wish, found: Mapping[str, frozenset[str]] | None = None
) -> list[RunRow]:
    """Give the rows that are wanted, sorted.

    Args:
        rows: All rows.
        wish: Which of them.
        found: In which runs of the record each word stands, beside what a row itself says.
    """
    known = found or {}
    kept = [row for row in rows if _passes(row, wish) and _holds(row, wish.words, known)]
    # The newest first among equals, whichever way it is sorted.
    kept.sort(key=lambda row: (-row.opened, row.id))
    kept.sort(key=_KEYS[wish.sort], reverse=wish.is_down)
    return kept


def _passes(row: RunRow, wish: Wish) -> bool:
    if wish.fn and row.fn != wish.fn:
        return False
    if wish.state == "asks":
        if not row.waits:
            return False
    elif wish.state and row.state not in _STATES.get(wish.state, (wish.state,)):
        return False
    if wish.tag and wish.tag not in row.tags:
        return False
    if wish.notebook and not _is_of(row, wish.notebook):
        return False
    if wish.since is not None and row.opened < wish.since:
        return False
    return wish.until is None or row.opened < wish.until


def _is_of(row: RunRow, path: str) -> bool:
    # The record has whole paths; a front end knows what is below the server's root.
    return row.notebook == path or row.notebook.endswith(f"/{path}")


def _holds(row: RunRow, words: Sequence[str], found: Mapping[str, frozenset[str]]) -> bool:
    if not words:
        return True
    said = hay(row)
    return all(word in said or row.id in found.get(word, ()) for word in words)


def hay(row: RunRow) -> str:
    """Give all that a row says, in which a word is looked for."""
    tags = " ".join(f"#{tag}" for tag in row.tags)
    parts = (row.fn, row.title, row.args, row.note, tags, row.id, row.state, row.error, row.how)
    return "\n".join((*parts, row.notebook)).lower()


def _name(path: str) -> str:
    return path.rpartition("/")[2].lower()


_KEYS: Mapping[Sort, Callable[[RunRow], Any]] = {
    "what": lambda row: ((row.title or row.fn).lower(), row.args.lower()),
    "state": lambda row: ("0" if row.waits else row.state, row.failed),
    "when": lambda row: row.opened,
    "notebook": lambda row: _name(row.notebook),
    # What goes on takes longest.
    "time": lambda row: math.inf if row.seconds is None else row.seconds,
    "tokens": lambda row: row.tokens,
    "money": lambda row: row.usd,
    "marks": lambda row: (row.pinned, " ".join(row.tags).lower(), row.how),
}
