"""Rows of a live view: one Node's fields, and the totals of its subtree."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ...core.bill import price
from ...core.messages import Spent, TokenUsage, provider_name
from ...core.text.legible import not_shown
from ...core.views import NodeOrigin, NodeState, NodeView
from ...runtime.safe import line
from ..parts import text

STATES = {
    NodeState.Waiting: 0,
    NodeState.Running: 1,
    NodeState.Success: 2,
    NodeState.Error: 3,
    NodeState.Canceled: 4,
    NodeState.CutOff: 5,
}
# What a row says at most; the whole is in its details.
NAME_CHARS = 64
CHOICE_CHARS = 200
QUESTION_CHARS = 1_000


def asked_line(text: str, most: int = QUESTION_CHARS) -> str:
    """Make a question one bounded line that says what is left out; the whole can be opened."""
    return line(text[:most], most) + not_shown(text, most)


class NodeRow:
    """One Node: its last view, what was sent of it, its own counts and its subtree's."""

    __slots__ = ("body", "counts", "head", "level", "own", "parent", "pend", "priced", "view")

    def __init__(self, view: NodeView, parent: NodeRow | None, name: int) -> None:
        self.view = view
        self.parent = parent
        self.priced = 0
        # Tokens, USD, requests of unknown price, Nodes, finished, failed.
        self.own: list[float] = [0, 0.0, 0, 0, 0, 0]
        self.counts: list[float] = [0, 0.0, 0, 0, 0, 0]
        self.pend: list[float] | None = None
        self.body: list[Any] = []
        above = -1 if parent is None else parent.view.id
        self.level: int = 0 if parent is None else parent.level + 1
        label = text.arguments(view, self.level)
        self.head: list[Any] = [view.id, above, name, int(view.fn.is_agent()), label]

    def count(self) -> None:
        """Compare its own counts with its view, and note the difference as pending."""
        own = _own(self)
        self.pend = [new - old for new, old in zip(own, self.own, strict=True)]
        self.own = own

    def settle(self) -> None:
        """Add what is pending to its subtree's counts, and hand it to its parent."""
        pend, self.pend = self.pend, None
        if pend is None or not any(pend):
            return
        self.counts = [a + b for a, b in zip(self.counts, pend, strict=True)]
        above = self.parent.pend if self.parent is not None else None
        if above is not None:
            for i, more in enumerate(pend):
                above[i] += more

    def encode(
        self, since: float, origin: NodeOrigin | None, place_of: Callable[[str], int]
    ) -> list[Any]:
        """Encode the changing fields as a short array, without empty ones at its end.

        Args:
            since: When the run began.
            origin: Where its root comes from.
            place_of: Gives the place of a text among those that are sent once.
        """
        view, own = self.view, self.own
        tokens, usd, unknown, nodes, done, bad = self.counts
        source = text.told(view, origin)
        on = view.waiting_on if view.state is not NodeState.CutOff else None
        body: list[Any] = [
            STATES[view.state],
            _millis(view.started_at, since),
            _millis(view.ended_at, since),
            int(tokens),
            round(usd, 9) or 0,
            int(unknown),
            # Without itself: what is below it.
            int(nodes - own[3]),
            int(done - own[4]),
            int(bad - own[5]),
            (on.wants or on.kind) if on is not None else "",
            text.result(view, self.level, self.head[4]),
            # From 1: nothing is what most Nodes are.
            1 + place_of(source) if source else 0,
            text.answered_by(view),
            _millis(view.answers[-1].time, since) if view.answers else None,
        ]
        while body and body[-1] in (0, "", None):
            body.pop()
        return body


def _millis(time: float | None, since: float) -> int | None:
    # Never nothing: a Node that began with the run began at a time too.
    return None if time is None else max(1, round((time - since) * 1000))


def _own(row: NodeRow) -> list[float]:
    view = row.view
    _, usd, unknown, *_ = row.own
    for spent in view.requests[row.priced :]:
        usd, unknown = _priced(spent, usd, unknown)
    row.priced = len(view.requests)
    usage = view.usage
    if usage is not None and not view.requests:  # a driver that counts itself
        usd, unknown = _counted(view.provider, usage)
    tokens = 0 if usage is None else usage.total
    return [tokens, usd, unknown, 1, view.is_done, view.state is NodeState.Error]


def spending(view: NodeView) -> Iterator[tuple[float | None, int, float, float]]:
    """Give what a Node used itself, request by request: when, tokens, USD, how many unknown."""
    for spent in view.requests:
        usd, unknown = _priced(spent, 0.0, 0)
        tokens = 0 if spent.served else spent.usage.total
        if tokens or usd or unknown:
            yield spent.time, tokens, usd, unknown
    if view.usage is not None and not view.requests:
        usd, unknown = _counted(view.provider, view.usage)
        if view.usage.total or unknown:
            yield view.ended_at, view.usage.total, usd, unknown


def _priced(spent: Spent, usd: float, unknown: float) -> tuple[float, float]:
    if spent.served or not (spent.usage.total or spent.stop not in ("error", "canceled")):
        return usd, unknown
    cost = price(spent.provider, spent.model, spent.usage, spent.time)
    return (usd, unknown + 1) if cost is None else (usd + cost, unknown)


def _counted(provider: Any, usage: TokenUsage) -> tuple[float, float]:
    cost = price(provider_name(provider), None, usage, None) if usage.total else 0.0
    return (0.0, 1) if cost is None else (cost, 0)
