"""The cards of questions: who asks, where in the run, what was answered before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.text.paths import path_of
from ...record.sql import store
from ...record.sql.engine import any_of
from ...runtime.nodes import Node
from ...runtime.safe import line
from ...show.parts.text import WHO_CHARS

PATH_CHARS = 300
# Answers that are looked at, the newest first.
MOST_ANSWERS = 1_000

_ANSWERED = """
    SELECT n.fn, CAST(a.answer AS VARCHAR), a.answered_by, epoch(a.time) + a.seconds AS moment
    FROM approvals a JOIN nodes n USING (run, node)
    WHERE a.is_answered AND n.fn IN {0} ORDER BY moment DESC LIMIT {1}
"""


@dataclass(frozen=True, slots=True)
class Before:
    """What persons answered calls of a Function before: how often today, and the last time."""

    approved: int = 0
    rejected: int = 0
    answered: int = 0
    last: float = 0.0
    by: str = ""
    how: str = ""
    # By who sits here.
    mine: bool = False


def place_of(node: Node) -> tuple[str, str]:
    """Give the path of a call that asks, and the agent nearest above it; "" where none is."""
    above: Node | None = node.parent
    while above is not None and not above.fn.is_agent():
        above = above.parent
    asker = "" if above is None else line(above.fn.name, PATH_CHARS)
    return line(path_of(node), PATH_CHARS), asker


def answered_before(
    folder: Path | None, fns: Iterable[str], since: float, me: str
) -> dict[str, Before]:
    """Ask the record what was answered before, by Function.

    Args:
        folder: The record.
        fns: The Functions that ask now.
        since: When today began.
        me: Who answers here.
    """
    names = sorted(set(fns))
    if not names or folder is None or not folder.is_dir():
        return {}
    rows = store.rows(_ANSWERED.format(any_of(names), MOST_ANSWERS), folder)
    return {fn: _before([row for row in rows if row[0] == fn], since, me) for fn in names}


def _before(rows: list[tuple[Any, ...]], since: float, me: str) -> Before:
    if not rows:
        return Before()
    hows = [_how(answer) for _, answer, _, at in rows if at is not None and at >= since]
    _, answer, by, at = rows[0]
    return Before(
        hows.count("approved"),
        hows.count("rejected"),
        hows.count("answered"),
        round(at or 0.0, 3),
        line(by or "", WHO_CHARS),
        _how(answer),
        bool(by) and by == me,
    )


def _how(answer: str | None) -> str:
    return {"true": "approved", "false": "rejected"}.get(answer or "", "answered")
