"""A recording: one run's events, indexed by Node for a cursor that serves from it."""

from __future__ import annotations

import contextlib
import gc
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from ..core.contracts.declared import Entry, Touched
from ..core.errors import (
    ArgumentError,
    NetfluxError,
    RecordedError,
    RecordError,
    listed,
    revived,
    stringify,
)
from ..core.events import (
    Answered,
    CancelAsked,
    Drawn,
    EffectStarted,
    Event,
    NodeClosed,
    NodeOpened,
    NodeServed,
    NodeStarted,
    NodeWaits,
    PartAdded,
    RequestEnded,
    RequestStarted,
    Ruling,
    RunBegan,
    TranscriptSet,
)
from ..core.fold import Fold
from ..core.functions.kinds import Function
from ..core.functions.versions import Version, version_in
from ..core.json.lines import event_from_json
from ..core.json.portable import is_plain, pictured
from ..core.messages import (
    ModelStatusPart,
    Spent,
    ToolResultPart,
    TranscriptPart,
    UserTextPart,
    provider_name,
)
from ..core.policy import FOR_PERSONS, Answer, Change, WaitingOn
from ..core.views import NodeView
from ..record.chain import join_artifacts
from ..record.codecs.artifacts import Artifacts, decoded
from ..record.reading import check, fetcher, files, rows_of
from ..runtime.host import host

# Runs that were cut off one after the other.
MOST_BEFORE = 100


class DivergenceError(NetfluxError):
    """A replay asked for something that the record does not hold."""


class RecordedAnswer(NamedTuple):
    """A recorded answer of a person, with its question where that is recorded."""

    seq: int
    answer: Answer
    question: WaitingOn | None


@dataclass(slots=True, repr=False)
class RecordedRequest:
    """One request to a model, and what came of it: a whole reply or none."""

    start: RequestStarted
    seq: int
    # How much had been said when it was asked, and what the answer was.
    parts_before: int
    parts: tuple[TranscriptPart, ...] = ()
    spent: Spent | None = None
    # A reply of the first version of records: how it ended, and its parts as far as they came.
    # They stood in lines of their own, so that only what came after says that they are all.
    ended: Spent | None = None
    came: list[TranscriptPart] = field(default_factory=list)

    def settle(self) -> None:
        """Take what came for the whole reply: the conversation went on after it."""
        if self.ended is not None:
            self.spent, self.parts, self.ended = self.ended, tuple(self.came), None


@dataclass(slots=True, repr=False)
class RecordedNode:
    """One Node as it was recorded."""

    key: str
    parent: RecordedNode | None
    opened: NodeOpened
    seq: int
    version: Version | None
    input_forms: Mapping[str, Any]
    children: list[RecordedNode] = field(default_factory=list)
    started: bool = False
    # The kind of what reached outside, where it began to.
    effect: str = ""
    closed: NodeClosed | None = None
    closed_seq: int = 0
    value_form: Any = None
    cancel: str | None = None
    transcript: list[TranscriptPart] = field(default_factory=list)
    requests: dict[int, RecordedRequest] = field(default_factory=dict)
    # With the place of each in the run.
    draws: list[tuple[int, Drawn]] = field(default_factory=list)
    answers: list[RecordedAnswer] = field(default_factory=list)
    # What it asked a person last.
    question: WaitingOn | None = None
    served_from: str = ""
    # A person was asked whether it may be done again: it had begun, or was done, in a run before.
    is_doubted: bool = False
    run: str = ""

    def __repr__(self) -> str:
        return f"<RecordedNode {self.fn_name} {self.outcome or 'open'} {self.key[:8]}>"

    @property
    def fn(self) -> Function:
        """The Function that was called, as far as a record tells."""
        return self.opened.fn

    @property
    def fn_name(self) -> str:
        """The name of the Function that was called."""
        return self.opened.fn.name

    @property
    def outcome(self) -> str:
        """Give "success", "error", "canceled", or nothing where it never ended."""
        return self.closed.outcome if self.closed is not None else ""

    @property
    def value(self) -> Any:
        """The value of the call."""
        return pictured(self.closed.value) if self.closed is not None else None

    @property
    def error(self) -> BaseException:
        """The error of the call, known by name."""
        error = self.closed.error if self.closed is not None else None
        return revived(error) if error is not None else RecordedError("Error", "")

    @property
    def error_name(self) -> str:
        """The name of the class of what it failed with; nothing where it did not."""
        if self.outcome != "error":
            return ""
        error = self.error
        return error.type_name if isinstance(error, RecordedError) else type(error).__name__

    @property
    def ruling(self) -> Ruling | None:
        """The policies that gave it another outcome than its body's."""
        return self.closed.ruling if self.closed is not None else None

    @property
    def touched(self) -> Touched | None:
        """What it read and changed of the state."""
        return self.closed.touched if self.closed is not None else None

    @property
    def outbox(self) -> tuple[Entry, ...]:
        """The calls of its outbox, where its transaction counts."""
        touched = self.touched if self.outcome == "success" else None
        return () if touched is None else touched.outbox

    @property
    def never_ran(self) -> bool:
        """True where it ended before its body began: it was refused, or cancelled."""
        was_refused = self.ruling is not None and self.ruling.moment == "enter"
        return self.closed is not None and (was_refused or not self.started)

    @property
    def is_settled(self) -> bool:
        """True where it says all that there is to say; an earlier run's Node adds nothing."""
        return self.outcome in ("success", "error") or self.is_half_finished

    @property
    def given(self) -> int:
        """The number of its replies, draws and answers."""
        return len(self.given_at)

    @property
    def given_at(self) -> list[int]:
        """The event numbers of its replies, draws and answers."""
        replies = [
            one.seq
            for one in self.requests.values()
            if one.spent is not None and one.spent.stop not in ("error", "canceled")
        ]
        return replies + [seq for seq, _ in self.draws] + [said.seq for said in self.answers]

    @property
    def is_half_finished(self) -> bool:
        """True where it began to reach outside, and nobody knows whether that was done."""
        if not self.started:
            return self.is_doubted  # what nobody knew then, nobody knows now
        if not self.effect:
            return False
        return self.closed is None or (self.outcome == "canceled" and self.effect != "llm")

    @property
    def failed_outside(self) -> bool:
        """True where it reached outside and failed: it may have done some of it."""
        return self.started and self.outcome == "error" and self.effect not in ("", "llm", "human")

    @property
    def has_plain_value(self) -> bool:
        """True where what it gave can be given again."""
        return self.outcome == "success" and is_plain(self.value_form)

    @property
    def has_plain_inputs(self) -> bool:
        """True where what it was given is known whole."""
        return all("json" in form or "held" in form for form in self.input_forms.values())

    @property
    def is_code(self) -> bool:
        """True for a call of code."""
        return not self.opened.fn.is_agent()

    def went_on(self) -> bool:
        """True where its caller did something after it had ended: its end was taken in."""
        above = self.parent
        if above is None or self.closed is None:
            return False
        if above.outcome == "success":
            return True
        later = [c.seq for c in above.children] + [r.seq for r in above.requests.values()]
        # What a workflow draws when its steps have ended.
        later += [seq for seq, drawn in above.draws if drawn.kind == "events"]
        return any(seq > self.closed_seq for seq in later)

    def shares_a_bag(self) -> bool:
        """True where it, or what it called, took from a bag that outlives it."""
        stack: list[RecordedNode] = [self]
        while stack:
            one = stack.pop()
            for _, draw in one.draws:
                if draw.kind != "bag":
                    continue
                if draw.value == "TopLevel" or (draw.value == "Parent" and one is self):
                    return True
            stack.extend(one.children)
        return False

    def touches_below(self) -> bool:
        """True where something that it called touched the state, and it has no part in that."""
        if self.touched is not None:
            return False
        stack = list(self.children)
        while stack:
            one = stack.pop()
            if one.touched is not None:
                return True
            stack.extend(one.children)
        return False


class Recording:
    """One run of a record.

    Args:
        path: A file of a record, or the folder of all.
        run: Which run; the only one, where there is one.

    Example:
        >>> Recording("missing.jsonl")
        Traceback (most recent call last):
        ...
        FileNotFoundError: [Errno 2] No such file or directory: 'missing.jsonl'
    """

    def __init__(
        self, path: str | Path, run: str | None = None, *, is_for_looking: bool = False
    ) -> None:
        place = Path(path)
        self.folder = place if place.is_dir() else place.parent
        # What is to be run again needs all of it; who only looks can do with what there is.
        self._looks = fetcher(self.folder) if is_for_looking else None
        with paused():
            self._read(_rows(place, run))

    def _read(self, rows: Sequence[dict[str, Any]]) -> None:
        self.run = str(rows[0]["run"])
        self._artifacts = Artifacts(self.folder)
        self.about: Mapping[str, Any] = {}
        # What it changed as a fork, each with its arguments as they are recorded.
        self.changes: list[tuple[Change, Mapping[str, Any]]] = []
        self.nodes: dict[str, RecordedNode] = {}
        self._by_id: dict[int, RecordedNode] = {}
        self.events: list[Event] = []
        for row in rows:
            light = join_artifacts(row, self._looks or self._fetch)
            try:
                event = event_from_json(light)
            except ArgumentError as error:
                where = f"Line {str(row.get('seq'))[:20]} of run {self.run[:80]}"
                raise ArgumentError(f"{where}: {error}") from None
            self.events.append(event)
            self._take(event, light)
        root = next(iter(self.nodes.values()), None)
        if root is None:
            raise ArgumentError(f"The record of run {self.run[:80]!r} has no beginning.")
        self.root = root

    def _fetch(self, kind: str, digest: str) -> Any:
        content = self._artifacts.get(digest)
        try:
            if kind == "json":
                return json.loads(content)
            if kind == "text":
                return content.decode("utf-8", "surrogatepass")
        except (ValueError, RecursionError) as error:
            said = f"Artifact {digest[:12]} is no {kind}: {stringify(error, 120)}."
            raise RecordError(said) from None
        return decoded(kind, content)

    @cached_property
    def view(self) -> NodeView:
        """The whole tree, as it ended, or as far as it is known."""
        with paused():
            folding = Fold()
            folding.apply(self.events)
            return folding.view(next(iter(folding.roots)))

    @property
    def began(self) -> float:
        """The time of its first event."""
        return self.events[0].time

    @property
    def is_whole(self) -> bool:
        """True where the run came to its end."""
        return self.root.closed is not None

    def before(self, *how: str) -> list[Recording]:
        """Give the runs that this one went on from in these ways, as far as they are here.

        One that is from a bundle is here where this process has opened that.
        """
        found: list[Recording] = []
        one: Recording | None = self
        while one is not None and one.about.get("how") in how and len(found) < MOST_BEFORE:
            one = one._before()
            found += [] if one is None else [one]
        return found

    def _before(self) -> Recording | None:
        name = self.about.get("bundle")
        laid_out = [at for at, own in host().bundles.items() if own == name]
        for folder in (self.folder, *reversed(laid_out)):
            try:
                return Recording(folder, str(self.about.get("of")))
            except NetfluxError:  # deleted, damaged, or on another machine
                continue
        return None

    @property
    def bundle(self) -> str | None:
        """The name of the bundle that it is read from; None where it is of a record."""
        return host().bundles.get(self.folder)

    @property
    def providers(self) -> set[str]:
        """The providers of its agents."""
        named = {n.opened.provider for n in self.nodes.values() if n.opened.provider is not None}
        asked = {r.start.provider for n in self.nodes.values() for r in n.requests.values()}
        return {provider_name(p) for p in named} | asked

    def systems(self) -> dict[str, str]:
        """Give the first system prompt of each agent's Node, by key."""
        found: dict[str, str] = {}
        for node in self.nodes.values():
            for request in node.requests.values():
                if request.start.system is not None:
                    found.setdefault(node.key, request.start.system)
        return found

    def _take(self, event: Event, row: Mapping[str, Any]) -> None:
        body = event.body
        if isinstance(body, NodeOpened):
            parent = self._by_id.get(body.parent_id) if body.parent_id is not None else None
            version = version_in(row.get("version"))
            node = RecordedNode(
                body.key, parent, body, event.seq, version, row["inputs"], run=self.run
            )
            self._by_id[event.node_id] = self.nodes[body.key] = node
            if parent is not None:
                parent.children.append(node)
                _settle(parent)
            return
        known = self._by_id.get(event.node_id)
        if known is not None:
            self._change(known, event, row)

    def _change(self, node: RecordedNode, event: Event, row: Mapping[str, Any]) -> None:
        match event.body:
            case NodeStarted():
                node.started = True
            case NodeClosed() as body:
                node.closed, node.closed_seq, node.value_form = body, event.seq, row["value"]
                _settle(node)
            case CancelAsked(reason=reason):
                node.cancel = reason
            case EffectStarted(kind=kind):
                node.effect = kind
            case NodeServed(run=run):
                node.served_from = run
            case NodeWaits(on=WaitingOn(kind=kind) as on) if kind in FOR_PERSONS:
                node.question = on
                node.is_doubted = node.is_doubted or kind == "again"
            case Drawn() as drawn:
                node.draws.append((event.seq, drawn))
            case Answered(answer=answer):
                node.answers.append(RecordedAnswer(event.seq, answer, node.question))
            case RunBegan(info=about, changes=changes):
                forms = [one["inputs"] or {} for one in row.get("changes", ())]
                self.about = about if isinstance(about, Mapping) else {}
                self.changes = list(zip(changes, forms, strict=True))
            case RequestStarted() as asked:
                _settle(node)
                request = RecordedRequest(asked, event.seq, len(node.transcript))
                node.requests[asked.nth] = request
            case RequestEnded(spent=spent, parts=parts):
                request_now = _newest(node)
                if request_now is None:
                    return
                if "parts" in row or spent.stop in ("error", "canceled"):
                    request_now.spent, request_now.parts = spent, parts
                    node.transcript += parts
                else:
                    request_now.ended = spent
            case TranscriptSet(parts=parts):
                node.transcript = list(parts)
            case PartAdded(part=part) if not isinstance(part, ModelStatusPart):
                request_now = _newest(node)
                if isinstance(part, (UserTextPart, ToolResultPart)):
                    _settle(node)
                elif request_now is not None:
                    request_now.came.append(part)
                node.transcript.append(part)
            case _:
                pass


def _settle(node: RecordedNode) -> None:
    request = _newest(node)
    if request is not None:
        request.settle()


def _newest(node: RecordedNode) -> RecordedRequest | None:
    return node.requests[max(node.requests)] if node.requests else None


def _rows(source: Path, run: str | None) -> Sequence[dict[str, Any]]:
    if source.is_dir() and run is not None:
        mine = rows_of(source, run).rows
        if not mine:
            raise ArgumentError(f"Run {run[:80]!r} is damaged from its first line on.")
        return mine
    found: dict[str, list[dict[str, Any]]] = {}
    for path in files(source) if source.is_dir() else [source]:
        for row in check(path).rows:
            if "seq" in row:
                found.setdefault(row["run"], []).append(row)
    if run is None and len(found) != 1:
        raise ArgumentError(f"{source.name} holds {len(found)} runs: {listed(found)}. Name one.")
    rows = found.get(run) if run is not None else next(iter(found.values()))
    if rows is None:
        raise ArgumentError(
            f"{source.name} holds no run {str(run)[:80]!r}. It holds: {listed(found)}."
        )
    return rows


# The garbage collector goes through all objects again and again while many are made, which
# doubles the time that a large record takes.


@contextlib.contextmanager
def paused() -> Iterator[None]:
    """Make many objects of our own without a collection. Not around a user's code."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextlib.contextmanager
def set_apart() -> Iterator[None]:
    """Keep what is there now out of collections; what is made meanwhile is collected."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
