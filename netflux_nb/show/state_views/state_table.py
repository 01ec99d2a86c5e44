"""A kernel's state as a table: its paths, what stands there, who changed it last."""

from __future__ import annotations

from itertools import islice
from typing import Any

from ...core.contracts.declared import GLOBAL, domain_of, written
from ...core.contracts.persistent import MISSING, DictVersion, Path, RecordVersion, plain
from ...core.contracts.version_paths import get_at
from ...core.secrets.redaction import REDACTED, is_secret
from ...state.kernel_state import State
from ...state.signals import SentSignal
from ...state.state_versions import Commit
from ..parts import tables
from ..parts.html import MOST_BYTES, Page, sentence
from ..parts.shown import Shown
from ..parts.tables import Column
from ..parts.values import line, said

# Paths that are shown, of one container and in all; versions that are told.
MOST_OF_ONE, MOST_ROWS, MOST_COMMITS = 12, 60, 8
MOST_CHANGES = 4

_VERSION, _BY = Column("Version", is_number=True), Column("By")
_PATHS = (Column("Path", is_short=True), Column("Value"), _VERSION, _BY)
_VERSIONS = (_VERSION, _BY, Column("Changed"))


def state_table(state: State, *, note: str = "", max_bytes: int = 30_000) -> Shown:
    """Show what a state holds, and its last transactions; a note stands above."""
    commits = state.history()
    root = state.newest
    rows, hidden = _rows(domain_of(root), (), commits)
    config, more = _rows(get_at(root, (GLOBAL,)), (GLOBAL,), commits)
    # Read once: HTML is drawn when somebody looks, and the state goes on.
    name, version = line(state.words, 64), f"version {state.version:,}"
    told = [_told(commit) for commit in reversed(commits[-MOST_COMMITS:])]
    unread = state.signals()
    sent = [_sent(one) for one in unread[:MOST_COMMITS]]
    head = [f"{name} · {version}", *([note] if note else [])]
    words = [*head, *tables.lines(rows, _PATHS), *(["… more"] if hidden else [])]
    if sent:
        words += ["", f"Unread signals: {len(unread):,}", *tables.lines(sent, _PATHS)]
    if config:
        words += ["", "Configuration", *tables.lines(config, _PATHS), *(["… more"] if more else [])]
    if told:
        words += ["", "Last transactions", *tables.lines(told, _VERSIONS)]

    def html() -> str:
        page = Page(min(max_bytes, MOST_BYTES))
        page.add(f"<p><b>{sentence(name)}</b> · {version}</p>")
        if note:
            page.add(f"<p>{sentence(note)}</p>")
        tables.add(page, rows, _PATHS, hidden)
        if sent:
            page.add(f"<p>Unread signals: {len(unread):,}</p>")
            tables.add(page, sent, _PATHS, len(unread) - len(sent))
        if config:
            page.add("<p>Configuration</p>")
            tables.add(page, config, _PATHS, more)
        if told:
            page.add("<p>Last transactions</p>")
            tables.add(page, told, _VERSIONS)
        return str(page)

    return Shown("\n".join(words), html, "State")


def _rows(layer: Any, start: Path, commits: list[Commit]) -> tuple[list[list[Any]], int]:
    """Give the rows of a layer that are shown, and whether there are more."""
    found = islice(_paths(layer, start), MOST_ROWS + 1)
    rows = [_row(path, value, commits) for path, value in found]
    return rows[:MOST_ROWS], max(len(rows) - MOST_ROWS, 0)


def _paths(layer: Any, start: Path) -> Any:
    """Give the paths of a layer, two levels deep, and what stands there."""
    for name, value in _items(layer):
        inner = list(islice(_items(value), MOST_OF_ONE + 1))
        if not inner:
            yield (*start, name), value
            continue
        for key, item in inner[:MOST_OF_ONE]:
            yield (*start, name, key), item
        if len(inner) > MOST_OF_ONE:
            yield (*start, name, "…"), f"{len(value):,} entries in all"


def _items(version: Any) -> Any:
    if isinstance(version, DictVersion):
        return version.items()
    return version.values.items() if isinstance(version, RecordVersion) else ()


def _row(path: Path, value: Any, commits: list[Commit]) -> list[Any]:
    for commit in reversed(commits):
        if any(_touches(one, path) for one, _, _ in commit.delta):
            return [written(path), _shown(path, value), commit.version, commit.by]
    return [written(path), _shown(path, value), 0, ""]


def _sent(one: SentSignal) -> list[Any]:
    is_key = any(is_secret(part, one.value) for part in one.path.split("."))
    return [one.path, REDACTED if is_key else one.value, one.version, one.by]


def _shown(path: Path, version: Any) -> Any:
    """Give what stands at a path, but for a key: its name stands in another column."""
    value = plain(version)
    return REDACTED if any(is_secret(str(part), value) for part in path) else value


def _touches(changed: Path, path: Path) -> bool:
    return all(a == b for a, b in zip(changed, path, strict=False))


def _told(commit: Commit) -> list[Any]:
    changes = [
        f"{written(path)}: {_word(path, before)} → {_word(path, after)}"
        for path, before, after in commit.delta[:MOST_CHANGES]
    ]
    more = len(commit.delta) - MOST_CHANGES
    if more > 0:
        changes.append(f"{more:,} more")
    return [commit.version, commit.by, "; ".join(changes)]


def _word(path: Path, version: Any) -> str:
    return "nothing" if version is MISSING else said(_shown(path, version), 40)
