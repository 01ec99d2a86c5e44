"""Views as JSON, and back, without the code that ran."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from .. import messages
from ..errors import ArgumentError, RecordedError, UsageError, listed, stringify, type_and_message
from ..events import SCHEMA_VERSION
from ..functions.kinds import Function
from ..messages import (
    Continuation,
    IntermediateEvent,
    MachineStep,
    Provider,
    RetriableException,
    Spent,
    TokenUsage,
    TranscriptPart,
    TranscriptPosition,
)
from ..policy import WaitingOn
from ..secrets.redaction import is_secret
from ..views import NodeState, NodeView
from .canonical import ordered_json, untagged
from .scalars import INT_BITS
from .shapes import LostText, text_in

_PARTS: dict[str, type[TranscriptPart]] = {
    kind.__name__: kind
    for kind in (
        messages.UserTextPart,
        messages.ModelTextPart,
        messages.ModelStatusPart,
        messages.ToolUsePart,
        messages.ToolResultPart,
        messages.ThinkingBlockPart,
        messages.NativePart,
    )
}


# An error says no more; a body that caught it may have read all of it.
MOST_ERROR_CHARS = 10_000_000


class RecordedFunction(Function):
    """A Function that is known by name only: the one a stored Node called."""

    def __init__(self, name: str, kind: str) -> None:  # not defined here: it cannot run
        self.name, self.desc, self.args = name, "", []
        self._spec = {}
        self.kind = kind

    @property
    def uses(self) -> list[Function]:
        """Empty: only the name is known."""
        return []

    def is_agent(self) -> bool:
        """True where the stored Node was an agent's."""
        return self.kind == "agent"

    def is_code(self) -> bool:
        """True where the stored Node was code."""
        return self.kind == "code"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Function) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)


class Unkept:
    """A placeholder for a value without a form in JSON: only its type is known."""

    __slots__ = ("type_name",)

    def __init__(self, type_name: str) -> None:
        self.type_name = type_name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unkept) and other.type_name == self.type_name

    def __hash__(self) -> int:
        return hash(self.type_name)

    def __repr__(self) -> str:
        return f"<{self.type_name}, not kept>"


class Lost(Unkept):
    """A placeholder for a value whose artifact file is lost: only its hash is known."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{self.type_name}, lost>"


def is_lost(value: Any) -> bool:
    """Say whether a value, or one right in it, stands for what is lost."""
    if isinstance(value, Mapping):
        return any(isinstance(one, (Lost, LostText)) for one in value.values())
    return isinstance(value, (Lost, LostText))


def value_to_json(value: Any) -> Any:
    """Give a value as JSON, or say its type where it has no such form."""
    if isinstance(value, Unkept):
        return {"type": value.type_name, "portable": False}
    kind = type(value)
    if value is None or kind in (str, bool) or (kind is int and value.bit_length() <= INT_BITS):
        return {"json": value}
    try:
        return {"json": ordered_json(value)}
    except ValueError:
        return {"type": type(value).__qualname__, "portable": False}


def value_from_json(data: Any) -> Any:
    """Read a value back; one that had no form in JSON is `Unkept`."""
    if type(data) is not dict and not isinstance(data, Mapping):  # most are; an ABC is slow
        return None
    if "json" in data:
        return untagged(data["json"])
    if "held" in data:  # a value that is no JSON, fetched by whoever read the line
        return data["held"]
    kind = data.get("type")
    return Unkept(kind[:200]) if isinstance(kind, str) else None


def is_plain(data: Any) -> bool:
    """Say whether what was recorded comes back as it was: a value, not an object's fields."""
    if not isinstance(data, Mapping):
        return False
    if "held" in data:
        return data["held"] is not None
    if "json" not in data:
        return False
    stack: list[Any] = [data["json"]]
    while stack:
        one = stack.pop()
        if isinstance(one, list):
            stack.extend(one)
        elif isinstance(one, dict):
            if "$type" in one and one["$type"] != "ImageResult":
                return False
            stack.extend(one.values())
    return True


def part_to_json(part: TranscriptPart) -> dict[str, Any]:
    """Give a transcript part as JSON."""
    data = {f.name: getattr(part, f.name) for f in fields(part)}  # type: ignore[arg-type]
    for name in ("args", "outputs", "data"):
        if name in data:
            raw = dict(data[name]) if isinstance(data[name], Mapping) else data[name]
            data[name] = value_to_json(raw)
    return {"part": type(part).__name__, **data}


def part_from_json(data: Mapping[str, Any]) -> TranscriptPart:
    """Read a transcript part back. Raises `ArgumentError` on one that is not known."""
    kind = _PARTS.get(str(data.get("part")))
    if kind is None:
        raise ArgumentError(f"{str(data.get('part'))[:80]!r} is no transcript part.")
    names = {f.name for f in fields(kind)}  # type: ignore[arg-type]
    values = {k: v for k, v in data.items() if k in names}
    for name in ("args", "outputs", "data"):
        if name in values:
            value = values[name] = pictured(value_from_json(values[name]))
            if name != "outputs" and not isinstance(value, Mapping):  # it had no form
                values[name] = {"lost": value} if is_lost(value) else {}
    return kind(**values)


def pictured(value: Any) -> Any:
    """Make what was a picture one again."""
    if isinstance(value, tuple):
        return tuple(pictured(v) for v in value)
    if isinstance(value, Mapping) and value.get("$type") == "ImageResult":
        image_fields = {f.name: value[f.name] for f in fields(messages.ImageResult)}
        return messages.ImageResult(**image_fields)
    return value


def note_to_json(note: IntermediateEvent) -> dict[str, Any]:
    """Encode an event beside a transcript as JSON."""
    place = note.position
    data: dict[str, Any] = {
        "note": type(note).__name__,
        "position": [place.part_index, place.text_offset],
    }
    if isinstance(note, RetriableException):
        data |= {
            "error": error_to_json(note.exception),
            "attempt": note.attempt,
            "backoff_seconds": note.backoff_seconds,
            "backoff_started_at": note.backoff_started_at,
        }
    elif isinstance(note, MachineStep):
        data |= {name: getattr(note, name) for name in _OF_STEP}
        data["entry"] = list(note.entry)
    return data


_OF_STEP = ("nth", "state", "entry", "outcome", "event", "next", "count")


def note_from_json(data: Mapping[str, Any]) -> IntermediateEvent:
    """Decode an event beside a transcript."""
    place = TranscriptPosition(*data["position"])
    if data["note"] == "Continuation":
        return Continuation(place)
    if data["note"] == "MachineStep":
        nth, state, entry, outcome, event, after, count = (data[name] for name in _OF_STEP)
        words = (str(state), tuple(map(str, entry)), str(outcome), str(event), str(after))
        return MachineStep(place, int(nth), *words, int(count))
    if data["note"] != "RetriableException":
        return IntermediateEvent(place)
    error = error_from_json(data["error"])
    return RetriableException(
        place, error, data["attempt"], data["backoff_seconds"], data["backoff_started_at"]
    )


def error_to_json(error: BaseException) -> dict[str, Any]:
    """Give an error by its type's name and its message, and what its class is made with."""
    if isinstance(error, RecordedError):
        name, module, given, own = error.type_name, error.module, error.given, error.fields
    else:
        name, module = type(error).__name__, type(error).__module__
        given, own = error.args, vars(error)
    data: dict[str, Any] = {"type": name, "message": _message(error), "module": module}
    _, text = type_and_message(stringify(error, MOST_ERROR_CHARS))
    if text != data["message"]:
        # A question put to the record shows the beginning.
        data["whole"] = text
    if given is not None and all(_is_short(one) for one in given):
        data["args"] = list(given)
    fields_kept = {
        k: v for k, v in own.items() if _is_short(v) and k[:1] != "_" and not is_secret(k)
    }
    return {**data, "fields": fields_kept} if fields_kept else data


def _message(error: BaseException) -> str:
    return type_and_message(stringify(error))[1]


def _is_short(value: Any) -> bool:
    if type(value) is str:
        return len(value) <= MOST_ERROR_CHARS
    return value is None or type(value) in (int, bool)


def error_from_json(data: Mapping[str, Any]) -> RecordedError:
    """Read an error back, by name; see `errors.revived`."""
    given, own = data.get("args"), data.get("fields")
    return RecordedError(
        text_in(data, "type"),
        text_in(data, "whole" if "whole" in data else "message"),
        str(data.get("module") or ""),
        tuple(given) if isinstance(given, list) else None,
        own if isinstance(own, Mapping) else None,
    )


def usage_to_json(usage: TokenUsage) -> dict[str, Any]:
    """Give counts as JSON."""
    counts = {f.name: getattr(usage, f.name) for f in fields(usage)}
    if not usage.unknown_requests:
        del counts["unknown_requests"]  # as with most requests
    return counts


def spent_to_json(spent: Spent) -> dict[str, Any]:
    """Encode a request's usage as JSON."""
    data = {f.name: getattr(spent, f.name) for f in fields(spent)}
    # Most providers of one's own have neither.
    del data["native"], data["native_request"]
    native: dict[str, Any] = {"native": dict(spent.native)} if spent.native else {}
    if spent.native_request:
        native["native_request"] = spent.native_request
    return data | {"usage": usage_to_json(spent.usage)} | native


def spent_from_json(data: Mapping[str, Any]) -> Spent:
    """Decode a request's usage."""
    native = data.get("native")
    known = {"native": native if isinstance(native, Mapping) else {}}
    return Spent(**{**data, **known, "usage": TokenUsage(**data["usage"])})


def _flat(view: NodeView) -> dict[str, Any]:
    usage = view.usage
    error = view.exception
    provider = view.provider
    return {
        "id": view.id,
        "fn": view.fn.name,
        "kind": "agent" if view.fn.is_agent() else "code",
        "key": view.key,
        "state": view.state.value,
        "inputs": {k: value_to_json(v) for k, v in view.inputs.items()},
        "outputs": value_to_json(view.outputs),
        "error": None if error is None else error_to_json(error),
        "usage": None if usage is None else usage_to_json(usage),
        "transcript": [part_to_json(p) for p in view.transcript],
        "notes": [note_to_json(note) for note in view.intermediate_events],
        "opened_at": view.opened_at,
        "started_at": view.started_at,
        "ended_at": view.ended_at,
        "update_seqnum": view.update_seqnum,
        "tool_use_id": view.tool_use_id,
        "provider": provider.value if isinstance(provider, Provider) else provider,
        "waiting_on": None
        if view.waiting_on is None
        else {f.name: getattr(view.waiting_on, f.name) for f in fields(WaitingOn)},
        "status": view.status,
        "cancel_reason": view.cancel_reason,
        "requests": [spent_to_json(s) for s in view.requests],
        "served": view.served,
    }


def view_to_json(view: NodeView) -> str:
    """Give a view and its subtree as JSON: one flat list, parents first, any depth."""
    rows = []
    stack: list[tuple[int | None, NodeView]] = [(None, view)]
    while stack:
        parent, one = stack.pop()
        rows.append({**_flat(one), "parent": parent})
        stack.extend((one.id, child) for child in reversed(one.children))
    return json.dumps({"schema": SCHEMA_VERSION, "nodes": rows})


def view_from_json(text: str) -> NodeView:
    """Read a view back. Its Functions and errors are known by name; nothing is run."""
    try:
        data = json.loads(text)
        rows = data["nodes"]
        version = data["schema"]
        if version > SCHEMA_VERSION:
            raise ArgumentError(
                f"This view has schema {version}; this package reads up to "
                f"{SCHEMA_VERSION}. Use a newer netflux_nb."
            )
        made: dict[int, NodeView] = {}
        below: dict[int, list[NodeView]] = {}
        for row in reversed(rows):
            view = _unflat(row, tuple(reversed(below.pop(row["id"], []))))
            made[row["id"]] = view
            if row["parent"] is not None:
                below.setdefault(row["parent"], []).append(view)
        if below:
            raise ArgumentError(f"This view names parents that are not in it: {listed(below)}.")
        return made[rows[0]["id"]]
    except UsageError:
        raise
    except (LookupError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise ArgumentError(f"This is no view's JSON: {stringify(error, 120)}.") from None


def _unflat(row: Mapping[str, Any], children: tuple[NodeView, ...]) -> NodeView:
    error, provider, usage = row["error"], row["provider"], row["usage"]
    named = {p.value: p for p in Provider}
    return NodeView(
        id=row["id"],
        fn=RecordedFunction(row["fn"], row["kind"]),
        inputs={k: value_from_json(v) for k, v in row["inputs"].items()},
        state=NodeState(row["state"]),
        outputs=value_from_json(row["outputs"]),
        exception=None if error is None else error_from_json(error),
        children=children,
        usage=None if usage is None else TokenUsage(**usage),
        transcript=tuple(part_from_json(p) for p in row["transcript"]),
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        update_seqnum=row["update_seqnum"],
        tool_use_id=row["tool_use_id"],
        intermediate_events=tuple(note_from_json(n) for n in row["notes"]),
        provider=named.get(provider, provider),
        key=row["key"],
        waiting_on=None if row["waiting_on"] is None else WaitingOn(**row["waiting_on"]),
        status=row["status"],
        cancel_reason=row["cancel_reason"],
        requests=tuple(spent_from_json(s) for s in row.get("requests", ())),
        served=bool(row.get("served", False)),
        opened_at=row.get("opened_at"),
    )
