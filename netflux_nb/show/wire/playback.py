"""A finished run as a list of its changes, sent once: the browser plays it in the live view.

- It is made of the last view: when each Node was called, began and ended, and what it used. What
  a view does not hold, such as what a Node waited for, is heard from the events of the record.
- Sums over subtrees are not in it: the browser adds up what Nodes use themselves.
- Bounds: `MOST_BYTES` for all; rows come first, then what stands behind them. Of a tree with more
  Nodes than there is room for, those that failed come first, and the rest is counted.
- Texts pass `runtime.safe` on their way here, as those of a live view do.

The form is described in `extensions/view/README.md`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from ...core.events import (
    Answered,
    Event,
    NodeWaits,
    PartAdded,
    RequestEnded,
    StatusSet,
    TranscriptSet,
)
from ...core.views import NodeState, NodeView
from ...runtime.safe import line
from ..parts import text
from ..parts.outline import outline
from . import details
from .rows import NAME_CHARS, STATES, spending

MOST_BYTES = 1_000_000
# What rows take of it at most; and of a run with more Nodes, not all are looked at.
_ROW_SHARE, _MOST_NODES = 0.6, 6_000
# What is heard of one run; a run that says more is played without the rest.
MOST_HEARD = 30_000
SAID_CHARS = 120
# Of one pane, and of one conversation.
_PANE_BYTES, _TALK_BYTES = 3_000, 12_000
_PANES: tuple[details.Pane, ...] = ("inputs", "result", "error", "policy", "state")
_MOST_URGENT = 1_000

Turn = tuple[float, int, str, str]


class Heard:
    """What the events of a run say that its last view does not: handed each, in order."""

    def __init__(self) -> None:
        # When, which Node, what it waits for, a line about it.
        self.turns: list[Turn] = []
        # By Node: when its conversation had so many parts.
        self.talks: dict[int, list[tuple[float, int]]] = {}
        self._asked: dict[int, str] = {}

    def __call__(self, event: Event) -> None:
        """Take in an event."""
        node, now = event.node_id, event.time
        match event.body:
            case NodeWaits(on=None):
                self._say(now, node, "", self._asked.pop(node, ""))
            case NodeWaits(on=on) if on is not None:
                self._say(now, node, on.wants or on.kind, on.what if on.wants else "")
            case Answered(answer=answer):
                what = {True: "approved", False: "rejected"}.get(answer.value)
                told = what if what and isinstance(answer.value, bool) else "answered"
                self._asked[node] = f"{told} by {answer.by}"
            case StatusSet(text=words):
                self._say(now, node, "", words)
            case PartAdded():
                self._grow(now, node, 1)
            case RequestEnded(parts=parts) if parts:
                self._grow(now, node, len(parts))
            case TranscriptSet(parts=parts):
                self.talks.setdefault(node, []).append((now, len(parts)))
            case _:
                pass

    def _say(self, now: float, node: int, waits: str, words: str) -> None:
        if len(self.turns) < MOST_HEARD:
            self.turns.append((now, node, waits, line(words[: SAID_CHARS * 4], SAID_CHARS)))

    def _grow(self, now: float, node: int, more: int) -> None:
        known = self.talks.setdefault(node, [])
        count = known[-1][1] if known else 0
        if len(known) < MOST_HEARD // 10:
            known.append((now, count + more))


def playback(
    view: NodeView, name: str = "", heard: Heard | None = None, *, most: int = MOST_BYTES
) -> str:
    """Give the changes of a run as JSON, in at most so many bytes; nothing where there is no time.

    Args:
        view: The run as it ended.
        name: What it is called.
        heard: What its events said, where they are known.
        most: The bytes.
    """
    since = _time(view.opened_at, _time(view.started_at, math.nan))
    if math.isnan(since):
        return ""
    return _Playback(view, since, heard or Heard(), most).written(name)


def _time(given: object, other: float) -> float:
    # A stored time may be anything.
    is_number = isinstance(given, (int, float)) and not isinstance(given, bool)
    return float(given) if is_number and math.isfinite(given) else other  # type: ignore[arg-type]


class _Playback:
    """One run that is written down."""

    def __init__(self, view: NodeView, since: float, heard: Heard, most: int) -> None:
        self.view = view
        self.since = since
        self.heard = heard
        self.left = most - 1_000
        self.names: dict[str, int] = {}
        self.marks: dict[str, int] = {}
        self.last = 0.0
        # Nodes behind whose rows there was no room for anything.
        self.unsent = 0

    def ms(self, time: object, other: float = 0.0) -> float:
        """Give milliseconds since the run began, to a hundredth."""
        found = round((_time(time, math.nan) - self.since) * 1000, 2)
        found = other if math.isnan(found) else max(0.0, found)
        self.last = max(self.last, found)
        return found

    def written(self, name: str) -> str:
        chosen, count = self._chosen()
        rows = [self._row(one, parent, level) for one, parent, level in chosen]
        home = self._homes({one.id for one, _, _ in chosen})
        spent = sorted(self._spent(home))
        turns = [
            [self.ms(now), node, waits, words]
            for now, node, waits, words in self._turns()
            if home.get(node) == node
        ]
        self.left -= _size(rows) + _size(spent) + _size(turns)
        views = sorted(
            (one for one, _, _ in chosen),
            key=lambda one: (one.state is not NodeState.Error, not one.transcript),
        )
        panes = dict(self._panes(views))
        found = {
            "v": 1,
            "name": line(name, 80),
            "since": self.since,
            "left_out": count - len(rows),
            "took": max(self.last, 0.01),
            "names": [line(one, NAME_CHARS) for one in self.names],
            "marks": list(self.marks),
            "from": text.came_from(self.view),
            "nodes": rows,
            "spent": spent,
            "turns": turns,
            "panes": panes,
            "unsent": self.unsent,
        }
        return _json(found)

    def _chosen(self) -> tuple[list[tuple[NodeView, int, int]], int]:
        """Choose Nodes, each with the number of its parent and its level; count them all."""
        whole = list(islice(self.view.walk(), _MOST_NODES + 1))
        if len(whole) <= _MOST_NODES:
            above = {child.id: one.id for _, one in whole for child in one.children}
            found = [(one, above.get(one.id, -1), level) for level, one in whole]
            if _size([self._row(*each) for each in found]) < self.left * _ROW_SHARE:
                return found, len(whole)
        room = [self.left * _ROW_SHARE]

        def take(row: Any) -> bool:
            parent = -1 if row.parent is None else row.parent.view.id
            room[0] -= _size(self._row(row.view, parent, row.level)) + 40
            return room[0] >= 0

        chosen = outline(self.view, take, most_urgent=_MOST_URGENT)
        kept = [
            (row.view, -1 if row.parent is None else row.parent.view.id, row.level)
            for row in chosen.rows()
        ]
        return kept, chosen.count

    def _row(self, view: NodeView, parent: int, level: int) -> list[Any]:
        name = self.names.setdefault(view.fn.name, len(self.names))
        label = text.arguments(view, level)
        opened = self.ms(view.opened_at, self.ms(view.started_at))
        started = 0.0 if view.started_at is None else max(0.01, self.ms(view.started_at, opened))
        # What was cut off has no end: it stays as it was to the end of what is known.
        ended = 0.0 if not view.is_done else max(0.01, self.ms(view.ended_at, started or opened))
        return [
            *(view.id, parent, name, int(view.fn.is_agent()), label, opened, started, ended),
            *(STATES[view.state], text.result(view, level, label)),
            self._mark(text.source(view, self.view.origin)),
            *self._answer(view),
        ]

    def _mark(self, words: str) -> int:
        """Give the place, from 1, of what a row says beside its call; 0 of nothing."""
        return 1 + self.marks.setdefault(words, len(self.marks)) if words else 0

    def _answer(self, view: NodeView) -> list[Any]:
        """Say who answered what a Node asked, and when; nothing where nobody did."""
        if not view.answers:
            return []
        return [self._mark(text.answered_by(view)), self.ms(view.answers[-1].time)]

    def _homes(self, known: set[int]) -> dict[int, int]:
        """Give for each Node the nearest one from it upwards that is played."""
        found: dict[int, int] = {}
        stack = [(self.view, self.view.id)]
        while stack:
            view, above = stack.pop()
            found[view.id] = home = view.id if view.id in known else above
            stack.extend((child, home) for child in view.children)
        return found

    def _spent(self, home: Mapping[int, int]) -> Iterator[list[float]]:
        sums: dict[tuple[float, int], tuple[int, float, float]] = {}
        for _, view in self.view.walk():
            for time, tokens, usd, unknown in spending(view):
                at = self.ms(time, self.ms(view.ended_at))
                known = sums.get((at, home[view.id]), (0, 0.0, 0))
                sums[at, home[view.id]] = known[0] + tokens, known[1] + usd, known[2] + unknown
        for (at, node), (count, cost, unpriced) in sums.items():
            yield [at, node, count, round(cost, 9), unpriced]

    def _turns(self) -> list[Turn]:
        if self.heard.turns:
            return self.heard.turns
        # Of a run that is not recorded, when it asked models is known.
        found: list[Turn] = []
        for _, view in islice(self.view.walk(), _MOST_NODES):
            for spent in view.requests:
                end = _time(spent.time, math.nan)
                if not math.isnan(end):
                    found += [(end - spent.seconds, view.id, "model", ""), (end, view.id, "", "")]
        return sorted(found)

    def _panes(self, views: list[NodeView]) -> Iterator[tuple[str, dict[str, Any]]]:
        for view in views:
            if self.left < 0:  # it is not looked at, and may have had nothing
                self.unsent += 1
                continue
            panes: dict[str, Any] = {
                pane: parts
                for pane in _PANES
                if (parts := _parts(view, pane, _PANE_BYTES)) is not None
            }
            talk = _parts(view, "transcript", _TALK_BYTES)
            if talk is not None:
                times = self._times(view, len(talk))
                timed: list[list[Any]] = [[at, *one] for at, one in zip(times, talk, strict=True)]
                panes["transcript"] = timed
            if not panes:
                continue
            self.left -= _size(panes) + 20
            if self.left < 0:
                self.unsent += 1
            else:
                yield str(view.id), panes

    def _times(self, view: NodeView, count: int) -> list[float]:
        """Say when each part of a conversation was there."""
        grown = self.heard.talks.get(view.id, [])
        end = self.ms(view.ended_at, self.last)
        times = [end] * count
        at = 0
        for time, length in grown:
            for n in range(at, min(length, count)):
                times[n] = self.ms(time)
            at = max(at, length)
        return times


def _parts(view: NodeView, pane: details.Pane, most: int) -> list[list[str]] | None:
    """Give the parts of a pane, the last one saying where it is not whole; None of an empty one."""
    found = details.page(view, pane, (0, 0), most)
    parts = [[kind, title, words] for _, _, kind, title, words, _ in found["parts"]]
    if found["next"] is not None:
        parts.append(["note", "", "(the rest is in the record)"])
    return parts or None


def _size(data: Any) -> int:
    return len(_json(data).encode())


def _json(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
