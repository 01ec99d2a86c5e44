"""The fold of events into views: only touched Nodes are rebuilt, and only on demand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, assert_never

from . import events as ev
from .contracts.declared import Touched, Violated
from .messages import (
    Delta,
    IntermediateEvent,
    ModelTextPart,
    Spent,
    ThinkingBlockPart,
    TokenUsage,
    TranscriptPart,
)
from .policy import Change, WaitingOn
from .text.paths import name_in, nth_in
from .views import NodeOrigin, NodeState, NodeView, PersonAnswer

OUTCOMES = {
    "success": NodeState.Success,
    "error": NodeState.Error,
    "canceled": NodeState.Canceled,
}

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_UNUSED = TokenUsage()


class _Shadow:
    """The mutable twin of one Node's next view."""

    __slots__ = (
        "answers",
        "cancel_reason",
        "children",
        "dirty",
        "ended_at",
        "exception",
        "node_id",
        "notes",
        "opened",
        "opened_at",
        "origin",
        "outputs",
        "parent",
        "place",
        "requests",
        "seq",
        "served",
        "stale",
        "started_at",
        "state",
        "status",
        "stream",
        "touched",
        "transcript",
        "usage",
        "view",
        "views",
        "violations",
        "waiting_on",
    )

    def __init__(self, event: ev.Event, opened: ev.NodeOpened, parent: _Shadow | None) -> None:
        self.node_id = event.node_id
        self.seq = event.seq
        self.opened = opened
        self.opened_at = event.time
        self.parent = parent
        self.place = 0
        self.dirty = True
        self.state = NodeState.Waiting
        self.view: NodeView | None = None
        self.outputs: Any = None
        self.exception: BaseException | None = None
        self.started_at: float | None = None
        self.ended_at: float | None = None
        self.usage: TokenUsage | None = None
        self.waiting_on: WaitingOn | None = None
        self.status = ""
        self.violations: tuple[Violated, ...] = ()
        self.touched: Touched | None = None
        self.cancel_reason: str | None = None
        self.served = False
        self.origin: NodeOrigin | None = None
        self.answers: tuple[PersonAnswer, ...] = ()
        self.notes: tuple[IntermediateEvent, ...] = ()
        self.children: list[_Shadow] | None = None
        self.views: list[Any] | None = None
        self.transcript: list[TranscriptPart] | None = None
        self.stream: list[Delta] | None = None
        self.requests: list[Spent] | None = None
        self.stale: list[_Shadow] | None = None


class _Changed:
    """A call that a fork makes otherwise, until it is made."""

    __slots__ = ("change", "left", "name", "root")

    def __init__(self, root: int, change: Change) -> None:
        self.root = root
        self.change = change
        was = name_in(change.path)
        self.name = was if change.fn is None else change.fn.name
        # How many calls of this name its caller makes up to it. Of another Function in its place
        # nobody knows: it is the first.
        self.left = nth_in(change.path) if self.name == was else 1

    def is_made(self, opened: ev.NodeOpened) -> bool:
        """Say whether this call, of the same caller, is the one. Asked once a call."""
        if self.change.fn is None and self.change.inputs is None:
            return opened.key == self.change.key
        self.left -= opened.fn.name == self.name
        return self.left == 0 and opened.fn.name == self.name


class Fold:
    """Events folded into views. Only what an event touched is rebuilt, and only when asked.

    The same events in the same order give equal views, whoever folds them and however
    often views were asked for in between.
    """

    def __init__(self) -> None:
        self._shadows: dict[int, _Shadow] = {}
        # A dict for its order: a tree is dropped from the middle in one step.
        self.roots: dict[int, None] = {}
        self.seq = 0
        # Calls that forks make otherwise, by the key of their caller.
        self._changed: dict[str | None, list[_Changed]] = {}

    def apply(self, events: Iterable[ev.Event]) -> None:
        """Take in what happened, in order."""
        shadows = self._shadows
        for event in events:
            body = event.body
            if isinstance(body, ev.NodeOpened):
                self._open(event, body)
                continue
            shadow = shadows.get(event.node_id)
            if shadow is None:
                continue  # an event of a tree that was deleted meanwhile
            shadow.seq = event.seq
            if not shadow.dirty:
                _mark(shadow)
            _change(shadow, event, body)
            self.seq = event.seq
            if isinstance(body, ev.RunBegan) and body.changes:
                self._await(event.node_id, body.changes)

    def _await(self, root: int, changes: tuple[Change, ...]) -> None:
        for change in changes:
            # That the root itself is another is said of the run.
            if change.above is not None:
                self._changed.setdefault(change.above, []).append(_Changed(root, change))

    def _is_changed(self, shadow: _Shadow, caller: _Shadow) -> bool:
        awaited = self._changed.get(caller.opened.key)
        if not awaited:
            return False
        root = caller
        while root.parent is not None:
            root = root.parent
        for one in awaited:
            if one.root == root.node_id and one.is_made(shadow.opened):
                awaited.remove(one)
                return True
        return False

    def _open(self, event: ev.Event, body: ev.NodeOpened) -> None:
        self.seq = event.seq
        parent = self._shadows.get(body.parent_id) if body.parent_id is not None else None
        shadow = _Shadow(event, body, parent)
        self._shadows[event.node_id] = shadow
        if parent is None:
            self.roots[event.node_id] = None
            return
        if parent.children is None or parent.views is None:
            parent.children, parent.views = [], []
        shadow.place = len(parent.children)
        parent.children.append(shadow)
        parent.views.append(None)
        _note_stale(parent, shadow)
        if self._changed and self._is_changed(shadow, parent):
            shadow.origin = NodeOrigin("changed")
        if not parent.dirty:
            _mark(parent)

    def failed(self, node_id: int, why: str) -> None:
        """Say at a Node, in its status, that one of its events could not be taken in."""
        shadow = self._shadows.get(node_id)
        if shadow is not None:
            shadow.status = f"This view is not whole. {why}"

    def view(self, node_id: int) -> NodeView:
        """Give the view of a Node as of the last event taken in. Raises `KeyError`."""
        shadow = self._shadows[node_id]
        if shadow.dirty or shadow.view is None:
            return _rebuild(shadow)
        return shadow.view

    def drop(self, root_id: int) -> list[int]:
        """Forget a tree and give the ids that were in it."""
        del self.roots[root_id]
        gone, stack = [], [self._shadows[root_id]]
        while stack:
            shadow = stack.pop()
            gone.append(shadow.node_id)
            stack.extend(shadow.children or ())
        for node_id in gone:
            del self._shadows[node_id]
        for above, awaited in list(self._changed.items()):
            left = [one for one in awaited if one.root != root_id]
            self._changed[above] = left
            if not left:
                del self._changed[above]
        return gone


def _change(shadow: _Shadow, event: ev.Event, body: ev.Body) -> None:
    match body:
        case ev.NodeStarted(inline=inline):
            shadow.state = NodeState.Running
            shadow.started_at = event.time
            shadow.waiting_on = None
            if inline and shadow.parent is not None:
                name = shadow.opened.fn.name
                shadow.parent.waiting_on = WaitingOn("child", name, shadow.node_id)
        case ev.NodeClosed():
            _close(shadow, event, body)
        case ev.NodeWaits(on=on):
            shadow.waiting_on = on
        case ev.PartAdded(part=part):
            _say(shadow, (part,))
        case ev.PartStreamed(delta=delta):
            if shadow.stream is None:
                shadow.stream = []
            shadow.stream.append(delta)
        case ev.StreamDropped():
            shadow.stream = None
        case ev.TranscriptSet(parts=parts):
            shadow.transcript = list(parts)
        case ev.UsageSet(usage=usage):
            shadow.usage = usage
        case ev.RequestEnded(spent=spent, parts=parts):
            if shadow.requests is None:
                shadow.requests = []
            shadow.requests.append(spent)
            if parts:
                _say(shadow, parts)
            if not spent.served and spent.usage != _UNUSED:
                shadow.usage = (shadow.usage or _UNUSED) + spent.usage
        case ev.Noted(note=note):
            shadow.notes = (*shadow.notes, note)
        case ev.StatusSet(text=text):
            shadow.status = text
        case Violated():
            shadow.violations = (*shadow.violations, body)
        case ev.CancelAsked(reason=reason):
            shadow.cancel_reason = reason
        case ev.Answered(answer=answer):
            shadow.answers = (*shadow.answers, PersonAnswer(answer, event.time))
        case ev.NodeTouched() | ev.NodeOpened():
            pass
        case ev.NodeServed(run=run):
            shadow.served = True
            shadow.origin = shadow.origin or NodeOrigin("served", run)
        case ev.RunBegan(info=info, changes=changes):
            shadow.origin = _origin(info, changes)
        case ev.EffectStarted() | ev.RequestStarted() | ev.Drawn():
            pass
        case _:
            assert_never(body)


def _origin(info: Any, changes: tuple[Change, ...]) -> NodeOrigin | None:
    """Say of which run one is a fork, a rerun or the like; None of one that stands alone."""
    if not isinstance(info, Mapping):  # a stored one may be anything
        return None
    of, how, began = info.get("of"), info.get("how"), info.get("of_began")
    if not of or not how:
        return None
    path = changes[-1].path if how == "fork" and changes else ""
    known = isinstance(began, (int, float)) and not isinstance(began, bool)
    return NodeOrigin(str(how), str(of), float(began) if known and began else None, path)


def _say(shadow: _Shadow, parts: tuple[TranscriptPart, ...]) -> None:
    if shadow.transcript is None:
        shadow.transcript = []
    shadow.transcript.extend(parts)
    shadow.stream = None


def _close(shadow: _Shadow, event: ev.Event, body: ev.NodeClosed) -> None:
    shadow.state = OUTCOMES[body.outcome]
    shadow.outputs = body.value
    shadow.exception = body.error
    shadow.touched = body.touched
    shadow.ended_at = event.time
    shadow.waiting_on = None
    parent = shadow.parent
    if parent is not None and parent.waiting_on is not None:
        on = parent.waiting_on
        if on.kind == "child" and on.node_id == shadow.node_id:
            parent.waiting_on = None


def _mark(start: _Shadow) -> None:
    shadow: _Shadow | None = start
    while shadow is not None and not shadow.dirty:
        shadow.dirty = True
        if shadow.parent is not None:
            _note_stale(shadow.parent, shadow)
        shadow = shadow.parent


def _note_stale(parent: _Shadow, child: _Shadow) -> None:
    # A list of its own: looking for stale ones among 100,000 children would cost a scan.
    if parent.stale is None:
        parent.stale = []
    parent.stale.append(child)


def _rebuild(top: _Shadow) -> NodeView:
    """Make views for all that is stale below, deepest first, without recursion."""
    order, stack = [], [top]
    while stack:
        shadow = stack.pop()
        order.append(shadow)
        if shadow.stale is not None:
            stack.extend(c for c in shadow.stale if c.dirty)
            shadow.stale = None
    for shadow in reversed(order):
        if shadow.dirty:
            _refresh(shadow)
    assert top.view is not None
    return top.view


def _refresh(shadow: _Shadow) -> None:
    opened = shadow.opened
    transcript: tuple[TranscriptPart, ...] = ()
    if shadow.transcript is not None or shadow.stream is not None:
        transcript = (*(shadow.transcript or ()), *_streaming(shadow.stream))
    view = NodeView(
        shadow.node_id,
        opened.fn,
        opened.inputs or _NOTHING,
        shadow.state,
        shadow.outputs,
        shadow.exception,
        tuple(shadow.views) if shadow.views is not None else (),
        shadow.usage,
        transcript,
        shadow.started_at,
        shadow.ended_at,
        shadow.seq,
        opened.tool_use_id,
        opened.provider,
        shadow.notes,
        opened.key,
        shadow.waiting_on,
        shadow.status,
        shadow.cancel_reason,
        tuple(shadow.requests) if shadow.requests is not None else (),
        shadow.served,
        shadow.opened_at,
        shadow.answers,
        shadow.violations,
        shadow.touched,
        shadow.origin,
    )
    shadow.view = view
    shadow.dirty = False
    parent = shadow.parent
    # A stale Node's ancestors are all stale, so nobody has built on the old number.
    if parent is not None and parent.views is not None:
        parent.views[shadow.place] = view
        parent.seq = max(parent.seq, shadow.seq)


def _streaming(stream: list[Delta] | None) -> list[TranscriptPart]:
    parts: list[TranscriptPart] = []
    for kind in ("thinking", "text"):
        text = "".join(d.text for d in stream or () if d.kind == kind)
        if text:
            parts.append(ThinkingBlockPart(text, "") if kind == "thinking" else ModelTextPart(text))
    return parts


def fold(events: Iterable[ev.Event]) -> dict[int, NodeView]:
    """Fold events from nothing and give every root's view."""
    folding = Fold()
    folding.apply(events)
    return {root: folding.view(root) for root in folding.roots}
