"""Views: one immutable picture of a Node and its subtree at a moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from enum import Enum
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from .bill import Bill, Lines, add, bill_of, line_of
from .contracts.declared import Touched, Violated
from .functions.arguments import FunctionArg
from .functions.display import Displayed
from .messages import (
    IntermediateEvent,
    Spent,
    TokenBill,
    TokenUsage,
    ToolResultPart,
    ToolUsePart,
    TranscriptPart,
    provider_name,
)
from .policy import Answer, WaitingOn


class PersonAnswer(NamedTuple):
    """What a person answered a Node, and when."""

    answer: Answer
    time: float


class NodeOrigin(NamedTuple):
    """Where a Node comes from, where it is not simply a call."""

    # Of a root "fork", "rerun", "resume", "replay" or "map"; of a Node below one "served", or
    # "changed": a fork made this call otherwise.
    how: str
    # The run that it goes on from, or is served from; and when that began.
    run: str = ""
    began: float | None = None
    # Of a fork, the call that it changed.
    path: str = ""


class Callee(Protocol):
    """A `Function` as a view of its call shows it."""

    name: str
    desc: str
    args: list[FunctionArg]
    effect: str | None
    needs_approval: bool
    # The module, or notebook, that it was defined in, where that is known.
    home: str

    @property
    def version(self) -> str:
        """A hash of what it is."""
        ...

    @property
    def uses(self) -> Sequence[Callee]:
        """The Functions that it may call."""
        ...

    def is_agent(self) -> bool:
        """True for an agent."""
        ...

    def is_code(self) -> bool:
        """True for Python code."""
        ...


class NodeState(Enum):
    """The state of a Node."""

    Waiting = "Waiting"
    Running = "Running"
    Success = "Success"
    Error = "Error"
    Canceled = "Canceled"
    # Only of what is known from a record: nobody runs it any more, and it has no outcome.
    CutOff = "Cut off"


TerminalNodeStates = (NodeState.Success, NodeState.Error, NodeState.Canceled)


@dataclass(frozen=True, slots=True, eq=False, repr=False, weakref_slot=True)
class NodeView(Displayed):
    """One Node and its whole subtree at one moment; it never changes.

    `update_seqnum` is the number of the newest event in the subtree, so a view equals
    the fold of all events up to any number from there to the next.
    """

    id: int
    fn: Callee
    inputs: Mapping[str, Any]
    state: NodeState
    outputs: Any
    exception: BaseException | None
    children: tuple[NodeView, ...]
    usage: TokenUsage | None
    transcript: tuple[TranscriptPart, ...]
    started_at: float | None
    ended_at: float | None
    update_seqnum: int
    tool_use_id: str | None = None
    provider: Any = None
    intermediate_events: tuple[IntermediateEvent, ...] = ()
    key: str = ""
    waiting_on: WaitingOn | None = None
    status: str = ""
    cancel_reason: str | None = None
    requests: tuple[Spent, ...] = ()
    # Its outcome came from a record; its body did not run.
    served: bool = False
    # When it was called: until it started it waited.
    opened_at: float | None = None
    # What persons answered it, in order.
    answers: tuple[PersonAnswer, ...] = ()
    # Rules of the audit that did not hold at it, in order.
    violations: tuple[Violated, ...] = ()
    # What it read and changed of the state.
    touched: Touched | None = None
    origin: NodeOrigin | None = None
    _bill: list[dict[Any, TokenBill]] = field(default_factory=list, init=False)
    _lines: list[Lines] = field(default_factory=list, init=False)

    @property
    def is_done(self) -> bool:
        """True when the Node has its outcome, and so has its whole subtree."""
        return self.state in TerminalNodeStates

    @property
    def transcript_child_map(self) -> Mapping[int, NodeView]:
        """Find the child of a transcript part, by the part's `id()`."""
        by_use = {c.tool_use_id: c for c in self.children}
        return MappingProxyType(
            {
                id(part): by_use[part.tool_use_id]
                for part in self.transcript
                if isinstance(part, (ToolUsePart, ToolResultPart)) and part.tool_use_id in by_use
            }
        )

    def walk(self) -> Iterable[tuple[int, NodeView]]:
        """Give every view of the subtree with its depth, parents first; any depth."""
        stack: list[tuple[int, NodeView]] = [(0, self)]
        while stack:
            depth, view = stack.pop()
            yield depth, view
            stack.extend((depth + 1, child) for child in reversed(view.children))

    def total_tree_token_bill(self) -> dict[Any, TokenBill]:
        """Give the subtree's tokens by provider. A finished subtree is counted once."""
        for view in self._without("_bill"):
            bill: dict[Any, TokenBill] = {}
            if view.usage is not None:
                bill[view.provider] = TokenBill().plus(view.usage)
            for child in view.children:
                for provider, more in child._bill[0].items():
                    bill[provider] = _add(bill.get(provider), more)
            view._bill.append(bill)
        return dict(self._bill[0])

    def bill(self) -> Bill:
        """Give the subtree's tokens and money by provider and model, any depth."""
        for view in self._without("_lines"):
            lines: Lines = {}
            for spent in view.requests:
                if spent.usage.total or spent.stop not in ("error", "canceled"):
                    add(lines, line_of(spent))
            if view.usage is not None and not view.requests:  # a driver that counts itself
                provider = "unknown" if view.provider is None else provider_name(view.provider)
                add(lines, line_of(Spent(provider, None, view.usage)))
            for child in view.children:
                for line in child._lines[0].values():
                    add(lines, line)
            view._lines.append(lines)
        return bill_of(self._lines[0])

    def _without(self, cache: str) -> list[NodeView]:
        """List the views of the subtree whose cache is empty, deepest first."""
        order: list[NodeView] = []
        stack: list[NodeView] = [self] if not getattr(self, cache) else []
        while stack:
            view = stack.pop()
            order.append(view)
            stack.extend(c for c in view.children if not getattr(c, cache))
        return order[::-1]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, NodeView):
            return NotImplemented
        pairs: list[tuple[NodeView, NodeView]] = [(self, other)]
        while pairs:
            mine, theirs = pairs.pop()
            if mine is theirs:
                continue
            if len(mine.children) != len(theirs.children):
                return False
            if any(getattr(mine, n) != getattr(theirs, n) for n in _COMPARED):
                return False
            pairs.extend(zip(mine.children, theirs.children, strict=True))
        return True

    def __hash__(self) -> int:
        return hash((self.id, self.update_seqnum))

    def __repr__(self) -> str:
        return (
            f"<NodeView {self.id} {self.fn.name} {self.state.name} "
            f"seq={self.update_seqnum} children={len(self.children)}>"
        )


def cut_off(view: NodeView) -> NodeView:
    """Give the view of a tree that nobody runs any more: what has no outcome was cut off."""
    found: dict[int, NodeView] = {}
    for _, one in reversed(list(view.walk())):  # children first; any depth
        below = tuple(found.get(id(child), child) for child in one.children)
        if not one.is_done:
            found[id(one)] = replace(one, state=NodeState.CutOff, children=below)
        elif any(old is not new for old, new in zip(one.children, below, strict=True)):
            found[id(one)] = replace(one, children=below)
    return found.get(id(view), view)


_COMPARED = [f.name for f in fields(NodeView) if f.name not in ("children", "_bill", "_lines")]


def _add(mine: TokenBill | None, more: TokenBill) -> TokenBill:
    if mine is None:
        return more
    return TokenBill(*(getattr(mine, f.name) + getattr(more, f.name) for f in fields(TokenBill)))
