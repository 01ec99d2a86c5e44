"""What can happen to a Node: one closed set of events, and hashes of what they hold."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from .functions import Function
from .messages import Delta, IntermediateEvent, TokenUsage, TranscriptPart
from .policy import Answer, WaitingOn

# Raised by one whenever a reader of older events would misread a newer one.
SCHEMA_VERSION = 1


# The three that every call has are tuples: a frozen dataclass costs four times as much.
class NodeOpened(NamedTuple):
    """A call was made. The Node waits."""

    parent_id: int | None
    fn: Function
    inputs: Mapping[str, Any]
    key: str
    tool_use_id: str | None = None
    provider: Any = None


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


@dataclass(frozen=True, slots=True)
class CancelAsked:
    """The Node's subtree was asked to stop."""

    reason: str


@dataclass(frozen=True, slots=True)
class NodeTouched:
    """Somebody asked for a new view; nothing changed."""


class NodeClosed(NamedTuple):
    """The Node has its outcome: "success", "error" or "canceled"."""

    outcome: str
    value: Any = None
    error: BaseException | None = None


Body = (
    NodeOpened
    | NodeStarted
    | NodeWaits
    | PartAdded
    | PartStreamed
    | StreamDropped
    | TranscriptSet
    | UsageSet
    | Noted
    | StatusSet
    | Answered
    | CancelAsked
    | NodeTouched
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


class _NotPortable(Exception):  # noqa: N818  never leaves this module
    pass


def canonical(value: Any) -> str:
    """Give canonical JSON: sorted keys, lists in their order, floats as themselves.

    Raises `ValueError` where a value has no such form. Nothing is ever stringified
    silently: two values that differ never give the same text.
    """
    try:
        return json.dumps(
            value,
            sort_keys=True,
            separators=(",", ":"),
            ensure_ascii=False,
            allow_nan=False,
            default=_plain,
        )
    except (_NotPortable, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{type(value).__name__} has no canonical JSON: {error}") from None


def _plain(value: Any) -> Any:
    from dataclasses import fields, is_dataclass

    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return {"$set": sorted(canonical(v) for v in value)}
    if isinstance(value, bytes):
        return {"$bytes": value.hex()}
    if is_dataclass(value) and not isinstance(value, type):
        data = {f.name: getattr(value, f.name) for f in fields(value)}
        return {"$type": type(value).__qualname__, **data}
    dump: Any = getattr(value, "model_dump", None)
    if callable(dump):
        dumped: Any = dump(mode="json")
        return {"$type": type(value).__qualname__, **dumped}
    raise _NotPortable(type(value).__name__)


def digest(text: str) -> str:
    """Hash a text: 128 bits, as 32 hex digits."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


_EMPTY = "{}"


def inputs_digest(inputs: Mapping[str, Any]) -> str:
    """Hash a call's arguments; one without canonical JSON counts by its type alone."""
    if not inputs:
        return _EMPTY
    try:
        return canonical(inputs)
    except ValueError:
        parts = {}
        for name, value in inputs.items():
            try:
                parts[name] = canonical(value)
            except ValueError:
                parts[name] = f"$not-portable:{type(value).__qualname__}"
        return canonical(parts)


def node_key(parent_key: str, name: str, inputs_text: str, nth: int) -> str:
    """Give a Node's key: the same in every run that makes the same calls.

    Hash of the parent's key, the Function's name, the arguments, and the how-manieth
    identical call of this parent it is. It does not depend on scheduling.
    """
    text = f"{parent_key}\0{name}\0{nth}\0{inputs_text}"
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
