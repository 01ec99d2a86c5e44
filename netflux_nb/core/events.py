"""The closed set of events of a Node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from .contracts.declared import Touched, Violated
from .functions.kinds import Function
from .messages import Delta, IntermediateEvent, Spent, TokenUsage, Tool, TranscriptPart
from .policy import Answer, Change, WaitingOn

# Raised by one whenever a reader of older events would misread a newer one.
SCHEMA_VERSION = 2


# The three that every call has are tuples: a frozen dataclass costs four times as much.
class NodeOpened(NamedTuple):
    """A call was made. The Node waits."""

    parent_id: int | None
    fn: Function
    inputs: Mapping[str, Any]
    key: str
    tool_use_id: str | None = None
    provider: Any = None
    # The model that its agent names, where it names one.
    model: str | None = None
    # The Function's version when its tree first called it, where that is recorded: its body may
    # change what it reaches, before the line is written.
    version: str | None = None


class NodeStarted(NamedTuple):
    """The body runs. `inline`: in its parent's thread, so that the parent waits for it."""

    inline: bool = False


@dataclass(frozen=True, slots=True)
class NodeWaits:
    """The Node waits for something, or (`None`) no longer does."""

    on: WaitingOn | None


@dataclass(frozen=True, slots=True)
class PartAdded:
    """A finished part joined the transcript; what was streaming is part of it."""

    part: TranscriptPart


@dataclass(frozen=True, slots=True)
class PartStreamed:
    """A piece of a part that is still arriving. Kept in memory only."""

    delta: Delta


@dataclass(frozen=True, slots=True)
class StreamDropped:
    """What was streaming did not become a part: the request failed or was cancelled."""


@dataclass(frozen=True, slots=True)
class TranscriptSet:
    """The whole transcript, from a driver that keeps its own."""

    parts: tuple[TranscriptPart, ...]


@dataclass(frozen=True, slots=True)
class UsageSet:
    """Tokens of this agent so far."""

    usage: TokenUsage


@dataclass(frozen=True, slots=True)
class EffectStarted:
    """Something that costs money, or reaches outside, is about to begin."""

    kind: str


@dataclass(frozen=True, slots=True)
class RunBegan:
    """A tree began; told of its root. What it was made with, as far as it can be said."""

    info: Mapping[str, Any]
    # Of a fork, and what goes on from one: the calls that are made otherwise.
    changes: tuple[Change, ...] = ()

    def __hash__(self) -> int:
        return hash(tuple(self.info))


@dataclass(frozen=True, slots=True)
class Drawn:
    """A body took something from outside: "clock", "random", "uuid", "env", "order", "bag"."""

    kind: str
    value: Any
    name: str = ""
    served: bool = False


@dataclass(frozen=True, slots=True)
class NodeServed:
    """The Node's outcome comes from a record: its body does not run."""

    run: str


@dataclass(frozen=True, slots=True)
class RequestStarted:
    """A request to a model is about to be sent.

    What it says is the transcript so far (its first `parts` parts) and the fields here,
    which are None where they are as in the Node's request before. `digest` is over all.
    """

    provider: str
    model: str | None
    nth: int
    parts: int
    digest: str
    system: str | None = None
    tools: tuple[Tool, ...] | None = None
    settings: Mapping[str, Any] | None = None
    result_schema: Mapping[str, Any] | None = None

    def __hash__(self) -> int:
        return hash(self.digest)


@dataclass(frozen=True, slots=True)
class RequestEnded:
    """A request to a model ended, well or not; its usage adds to the Node's.

    The reply is part of it: a record holds both or neither. Its parts join the transcript.
    """

    spent: Spent
    parts: tuple[TranscriptPart, ...] = ()


@dataclass(frozen=True, slots=True)
class Noted:
    """Something beside the transcript: a retry, a continuation."""

    note: IntermediateEvent


@dataclass(frozen=True, slots=True)
class StatusSet:
    """A line about progress, for a person."""

    text: str


@dataclass(frozen=True, slots=True)
class Answered:
    """A person answered what the Node waited for."""

    answer: Answer
    # The id of the question; records of the first version have none.
    question: str = ""


@dataclass(frozen=True, slots=True)
class CancelAsked:
    """The Node's subtree was asked to stop."""

    reason: str


@dataclass(frozen=True, slots=True)
class NodeTouched:
    """Somebody asked for a new view; nothing changed."""


class Ruling(NamedTuple):
    """A policy gave a Node another outcome than its body came to."""

    # The policies' classes, and when they spoke: "enter", so that no body ran, or "leave".
    by: str
    moment: str
    # At "leave", a hash of what the body came to: see `came_to`.
    came: str = ""


class NodeClosed(NamedTuple):
    """The Node has its outcome: "success", "error" or "canceled"."""

    outcome: str
    value: Any = None
    error: BaseException | None = None
    ruling: Ruling | None = None
    # What it read and changed of the state.
    touched: Touched | None = None


Body = (
    NodeOpened
    | NodeStarted
    | NodeWaits
    | PartAdded
    | PartStreamed
    | StreamDropped
    | TranscriptSet
    | UsageSet
    | EffectStarted
    | RunBegan
    | Drawn
    | NodeServed
    | RequestStarted
    | RequestEnded
    | Noted
    | StatusSet
    | Answered
    | CancelAsked
    | NodeTouched
    | Violated
    | NodeClosed
)


class Event(NamedTuple):
    """One thing that happened: its place in the runtime's one order, when, to whom.

    A tuple, because a million of them are made: a frozen dataclass costs four times as much.
    """

    seq: int
    time: float
    node_id: int
    body: Body
