"""The feed of a live view: differences between a run's trees as bounded, numbered messages.

- `RunView` (run_view.py) makes a `Feed` and uses it under its `_lock`; a `Feed` has no own lock.
- `_walk` goes only where views are other objects than before (`is not`). It relies on the fold: an
  unchanged subtree is the very same object, a changed Node gives all above it new views, and
  `children` only grows at its end.
- `visited` has parents first. So `add` never names a child before its parent, and `settle`, in
  reverse, has every child's difference added before its parent hands on its own.
- `update` turns each change into deltas once: a message that is not sent is lost. `seq` goes up by
  one a delta; a page that finds a gap asks for a `snapshot`, which holds all up to its `seq`.
- A row's `head` is fixed when it is made; `body` is sent again whenever it differs.
- `_names` only grows: rows hold indices into it, and new names stand before the rows in a delta.
- Bounds: `FRAME_BYTES` for the lists of a message, `MOST_NODES` and `MOST_BYTES` for a run,
  `TAIL_BYTES` for each of `MOST_WATCHED` conversations. A Node beyond those of a run is left out
  with its subtree for good, and counted in `_left`.
- What is said of the run as a whole goes along once a change, with the first message of it.
- Texts pass `runtime.safe` on their way here: none reaches a page unredacted or uncut.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ...core.views import NodeState, NodeView
from ...runtime.safe import line
from ...show.parts import text
from ...show.wire import details
from ...show.wire.rows import CHOICE_CHARS, NAME_CHARS, STATES, NodeRow, asked_line

# jupyter-server drops messages of all kernels over 1 MB a second: a quarter of it a frame.
FRAME_BYTES = 240_000
# What one browser can still walk; what is more is counted.
MOST_NODES = 50_000
# Of all rows together: a browser is sent no more, and a saved page holds no more.
MOST_BYTES = 5_000_000
# What the numbers of a row may take, and what one says that goes on.
_NUMBERS_BYTES, _SAID_BYTES = 110, 160
MOST_ASKS = 50
# Whose conversations are followed at once, by all views of the run.
MOST_WATCHED = 8
# Of one conversation at a time; what is more is asked for.
TAIL_BYTES = 32_000

Message = dict[str, Any]


def size(data: Any) -> int:
    """Say how many bytes a thing takes on the wire."""
    return len(json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode())


class Feed:
    """One run as its views know it. `update` tells what changed, `snapshot` all of it.

    Subtrees in which nothing happened are the very same objects from one view to the next,
    so only what changed is walked. It is used by one thread at a time.
    """

    def __init__(self, view: NodeView, name: str = "", *, most: int = MOST_NODES) -> None:
        self.seq = 0
        self.name = name
        self._most = most
        self._clear()
        self.update(view)

    def _clear(self) -> None:
        self._rows: dict[int, NodeRow] = {}
        self._bytes = 0
        self._names: dict[str, int] = {}
        self._asking: dict[int, None] = {}
        self._watched: dict[int, tuple[int, int]] = {}
        self._said: dict[str, Any] = {}
        self._since = 0.0
        # Subtrees that are not told, and how many Nodes they had when they were counted.
        self._left: dict[int, int] = {}
        self.view: NodeView | None = None

    def update(self, view: NodeView) -> list[Message]:
        """Take in a newer view, and give what changed as numbered messages."""
        if view is self.view:
            return []
        if self.view is None:
            self._since = view.started_at or 0.0
        elif not self._since and view.started_at is not None:
            self._since = view.started_at
        known = len(self._names)
        visited, new = self._walk(view)
        for row in visited:
            row.count()
        for row in reversed(visited):
            row.settle()
        self.view = view
        adds, changes = [], []
        for row in visited:
            body = row.encode(self._since, view.origin, self._name)
            if row.view.id in new:
                row.body = body
                adds.append([*row.head, *body])
            elif body != row.body:
                row.body = body
                changes.append([row.view.id, *body])
        names = [line(name, NAME_CHARS) for name in list(self._names)[known:]]
        return list(self._deltas(names, adds, changes))

    def _walk(self, view: NodeView) -> tuple[list[NodeRow], set[int]]:
        """List the rows of all that changed, parents first, and which of them are new."""
        visited: list[NodeRow] = []
        new: set[int] = set()
        stack: list[tuple[NodeView, NodeRow | None]] = [(view, None)]
        while stack:
            one, parent = stack.pop()
            row = self._rows.get(one.id)
            before: tuple[NodeView, ...] = ()
            if row is None:
                row = self._made(one, parent)
                if row is None:
                    self._leave_out(one)
                    continue
                self._rows[one.id] = row
                new.add(one.id)
            else:
                before = row.view.children
                row.view = one
            visited.append(row)
            self._note(one)
            after = one.children
            fresh = [a for a, b in zip(after, before, strict=False) if a is not b]
            fresh.extend(after[len(before) :])
            stack.extend((child, row) for child in reversed(fresh))
        return visited, new

    def _made(self, view: NodeView, parent: NodeRow | None) -> NodeRow | None:
        """Make a row, where there is room for one more."""
        if len(self._rows) >= self._most or self._bytes >= MOST_BYTES:
            return None
        row = NodeRow(view, parent, self._name(view.fn.name))
        words = size(text.result(view, 0, "")) if view.is_done else _SAID_BYTES
        self._bytes += size(row.head) + words + _NUMBERS_BYTES
        return row

    @property
    def left_out(self) -> int:
        """The number of Nodes that are left out, at least."""
        return sum(self._left.values())

    def _leave_out(self, view: NodeView) -> None:
        # Counted when it is met and when it ended: in between it would be walked at every change.
        if view.is_done or view.id not in self._left:
            self._left[view.id] = sum(1 for _ in view.walk())

    def _name(self, name: str) -> int:
        return self._names.setdefault(name, len(self._names))

    def _note(self, view: NodeView) -> None:
        on = view.waiting_on if view.state is not NodeState.CutOff else None
        if on is not None and on.wants:
            self._asking[view.id] = None
        else:
            self._asking.pop(view.id, None)

    def _deltas(self, names: list[str], adds: list[Any], changes: list[Any]) -> Iterator[Message]:
        cut, tail = self._tails()
        facts = self._news()
        lists = {"names": names, "add": adds, "upd": changes, "cut": cut, "tail": tail}
        for part in _split(lists):
            self.seq += 1
            yield {"t": "delta", "seq": self.seq, **part, **facts}
            facts = {}
        if facts:
            self.seq += 1
            yield {"t": "delta", "seq": self.seq, **facts}

    def _news(self) -> dict[str, Any]:
        """Give the facts of the run as a whole that have changed since the last delta."""
        now = self._facts()
        news = {key: value for key, value in now.items() if self._said.get(key) != value}
        self._said = now
        return news

    def _facts(self) -> dict[str, Any]:
        view = self.view
        assert view is not None
        return {
            "run": {
                "name": line(self.name, 80),
                "fn": line(view.fn.name, NAME_CHARS),
                "from": text.came_from(view),
                "state": STATES[view.state],
                "since": self._since,
                "left_out": self.left_out,
                "asks": len(self._asking),
            },
            "asks": self._asks(),
        }

    def _asks(self) -> list[Any]:
        found = []
        for node in list(self._asking)[:MOST_ASKS]:
            view = self._rows[node].view
            on = view.waiting_on
            if on is not None:
                choices = [line(one, CHOICE_CHARS) for one in on.choices[:20]]
                found.append([node, on.wants, asked_line(on.text), choices, on.id])
        return found

    def snapshot(self, most_bytes: int | None = None) -> list[Message]:
        """Give all of it, in as many frames as it takes; or in one that is cut."""
        facts = self._facts()
        names = [line(name, NAME_CHARS) for name in self._names]
        rows = [[*row.head, *row.body] for row in self._rows.values()]
        parts = list(_split({"names": names, "rows": rows}, most_bytes or FRAME_BYTES))
        if most_bytes is not None and len(parts) > 1:
            kept = len(parts[0].get("rows", []))
            facts["run"]["left_out"] += len(rows) - kept
            parts = parts[:1]
        head = {"t": "snap", "seq": self.seq, "parts": max(1, len(parts))}
        return [
            {**head, "part": i, **part, **(facts if i == 0 else {})}
            for i, part in enumerate(parts or [{}])
        ]

    # What a person looks at more closely.

    def millis(self, now: float) -> int:
        """Say how long after the run's begin a time is, as rows say their times."""
        return max(0, round((now - self._since) * 1000)) if self._since else 0

    def knows(self, node: int) -> bool:
        """Say whether a Node is one of this view's rows."""
        return node in self._rows

    def page(self, node: int, pane: details.Pane, at: tuple[int, int]) -> Message:
        """Give one page of a pane of a Node."""
        return details.page(self._rows[node].view, pane, at)

    def watch(self, node: int, at: tuple[int, int]) -> None:
        """Follow a Node's conversation from a place on."""
        self._watched.pop(node, None)
        self._watched[node] = at
        while len(self._watched) > MOST_WATCHED:
            self._watched.pop(next(iter(self._watched)))

    def _tails(self) -> tuple[list[Any], list[Any]]:
        """Give new parts of the watched conversations, and the ones that became shorter."""
        cut: list[Any] = []
        tails: list[Any] = []
        for node, (part, offset) in list(self._watched.items()):
            view = self._rows[node].view
            count = len(view.transcript)
            if part >= count and (part, offset) != (0, 0):  # what streamed became no part
                cut.append([node, max(0, count - 1)])
                part, offset = max(0, count - 1), 0
            news = details.page(view, "transcript", (part, offset), TAIL_BYTES)
            if news["parts"]:
                tails.extend([node, *one] for one in news["parts"])
                part, offset = news["parts"][-1][0], news["parts"][-1][5]
            self._watched[node] = (part, offset)
        return cut, tails


def _split(lists: Mapping[str, list[Any]], most: int = FRAME_BYTES) -> Iterator[Message]:
    """Put lists into as few messages as hold them, in their order, none over the bound."""
    part: Message = {}
    room = most
    for key, items in lists.items():
        for item in items:
            cost = size(item) + 1
            if cost > room and part:
                yield part
                part, room = {}, most
            part.setdefault(key, []).append(item)
            room -= cost
    if part:
        yield part
