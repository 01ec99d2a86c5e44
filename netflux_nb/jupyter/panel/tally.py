"""Totals of every tree of a runtime, counted from its events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...core import events as ev
from ...core.bill import EXAMPLE, BillLine, line_of
from ...core.fold import OUTCOMES
from ...core.messages import Spent
from ...core.policy import WaitingOn
from ...core.views import NodeState, NodeView
from ...show.parts.values import call

# Of the arguments of a root, as its row has them.
ARGS_CHARS = 120


@dataclass(slots=True)
class NodeQuestion:
    """A question of a Node to a person."""

    node_id: int
    fn: str
    on: WaitingOn
    since: float
    # Its arguments, its path and the agent that asks, once somebody looked.
    known: tuple[str, str, str] | None = None


@dataclass(slots=True)
class TreeTotals:
    """One tree of calls: how it stands, and what it used."""

    root_id: int
    fn: str
    kind: str
    opened: float
    state: NodeState = NodeState.Waiting
    started: float | None = None
    ended: float | None = None
    nodes: int = 0
    done: int = 0
    running: int = 0
    tokens: int = 0
    usd: float = 0.0
    # Of that, what somebody's account paid: an example's price is none.
    paid: float = 0.0
    # Requests whose price is not known, and requests that were served.
    unpriced: int = 0
    served: int = 0
    how: str = ""
    notebook: str = ""
    cell: str = ""
    error: str = ""
    args: str = ""
    failed: int = 0
    # The run that it came from, where it did.
    of: str = ""
    questions: dict[int, NodeQuestion] = field(default_factory=dict)


@dataclass(slots=True)
class _Open:
    tree: TreeTotals
    fn: str
    is_running: bool = False


class Tally:
    """Every tree, counted event by event; `changed` names those that are new since it was taken."""

    def __init__(self) -> None:
        self.trees: dict[int, TreeTotals] = {}
        self.changed: dict[int, None] = {}
        self._open: dict[int, _Open] = {}
        self._seen = 0
        self._paid_before = 0.0

    def load(self, views: Iterable[NodeView]) -> None:
        """Count what there is already; events up to there are passed over when they come."""
        for root in views:
            self._seen = max(self._seen, root.update_seqnum)
            self._count(root)

    def _count(self, root: NodeView) -> None:
        tree = self._begin(root.id, root.fn.name, "agent" if root.fn.is_agent() else "code", 0.0)
        # It may not have been started yet, or not be before somebody agrees.
        tree.opened = root.opened_at or root.started_at or 0.0
        tree.started, tree.ended, tree.state = root.started_at, root.ended_at, root.state
        tree.error = type(root.exception).__name__ if root.exception is not None else ""
        tree.args = _args(root.inputs)
        for _, view in root.walk():
            tree.nodes += 1
            tree.done += view.is_done
            tree.failed += view.state is NodeState.Error
            tree.running += view.state is NodeState.Running
            if not view.is_done:
                is_running = view.state is NodeState.Running
                self._open[view.id] = _Open(tree, view.fn.name, is_running)
            on = view.waiting_on
            if on is not None and on.wants:
                since = view.opened_at or tree.opened
                tree.questions[view.id] = NodeQuestion(view.id, view.fn.name, on, since)
        for line in root.bill().lines:
            _pay(tree, line)

    def _begin(self, root_id: int, fn: str, kind: str, time: float) -> TreeTotals:
        tree = self.trees[root_id] = TreeTotals(root_id, fn, kind, time)
        self.changed[root_id] = None
        return tree

    def apply(self, event: ev.Event) -> bool:
        """Take in an event, and say whether a person would see that something changed."""
        if event.seq <= self._seen:
            return False
        body = event.body
        if isinstance(body, ev.NodeOpened):
            self._opened(event, body)
            return True
        node = self._open.get(event.node_id)
        if node is None or not _change(node, event, body):
            return False
        if isinstance(body, ev.NodeClosed):
            del self._open[event.node_id]
        self.changed[node.tree.root_id] = None
        return True

    def _opened(self, event: ev.Event, body: ev.NodeOpened) -> None:
        if body.parent_id is None:
            kind = "agent" if body.fn.is_agent() else "code"
            tree = self._begin(event.node_id, body.fn.name, kind, event.time)
            tree.args = _args(body.inputs)
        else:
            above = self._open.get(body.parent_id)
            if above is None:
                return
            tree = above.tree
        tree.nodes += 1
        self._open[event.node_id] = _Open(tree, body.fn.name)
        self.changed[tree.root_id] = None

    def take(self) -> list[TreeTotals]:
        """Give the trees that changed since this was asked last."""
        changed, self.changed = self.changed, {}
        return [self.trees[root_id] for root_id in changed if root_id in self.trees]

    def drop(self, root_id: int) -> None:
        """Forget a tree that has ended."""
        tree = self.trees.pop(root_id, None)
        self._paid_before += tree.paid if tree is not None else 0.0

    @property
    def paid(self) -> float:
        """The money paid by all trees of this kernel."""
        return self._paid_before + sum(tree.paid for tree in self.trees.values())


def _change(node: _Open, event: ev.Event, body: ev.Body) -> bool:
    tree = node.tree
    is_root = event.node_id == tree.root_id
    match body:
        case ev.NodeStarted():
            node.is_running = True
            tree.running += 1
            if is_root:
                tree.started, tree.state = event.time, NodeState.Running
        case ev.NodeWaits(on=on):
            tree.questions.pop(event.node_id, None)
            if on is not None and on.wants:
                tree.questions[event.node_id] = NodeQuestion(event.node_id, node.fn, on, event.time)
        case ev.RequestEnded(spent=spent):
            _spend(tree, spent)
        case ev.RunBegan(info=info):
            tree.how = str(info.get("how") or "")
            tree.of = str(info.get("of") or "")
            tree.notebook = str(info.get("notebook") or "")
            tree.cell = str(info.get("cell") or "")
        case ev.NodeServed():
            tree.served += 1
        case ev.NodeClosed(outcome=outcome, error=error):
            tree.questions.pop(event.node_id, None)
            tree.done += 1
            tree.running -= node.is_running
            tree.failed += OUTCOMES[outcome] is NodeState.Error
            if is_root:
                tree.ended, tree.state = event.time, OUTCOMES[outcome]
                tree.error = type(error).__name__ if error is not None else ""
        case _:
            return False
    return True


def _args(inputs: Mapping[str, Any]) -> str:
    return call(inputs, ARGS_CHARS, 48)


def _spend(tree: TreeTotals, spent: Spent) -> None:
    if spent.usage.total or spent.stop not in ("error", "canceled"):
        _pay(tree, line_of(spent))


def _pay(tree: TreeTotals, line: BillLine) -> None:
    tree.tokens += line.usage.total
    tree.served += line.served
    if line.usd is None:
        tree.unpriced += line.requests
    else:
        tree.usd += line.usd
        tree.paid += 0.0 if line.provider == EXAMPLE else line.usd
