"""Events as lines of JSON, and back: all that is needed to fold every view again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields, replace
from functools import lru_cache
from itertools import islice
from typing import Any

from .. import events as ev
from ..contracts.declared import Entry, Touched, Violated
from ..contracts.persistent import Path
from ..errors import ArgumentError, stringify
from ..functions.versions import version_in
from ..messages import ModelRequest, Provider, TokenUsage, Tool, provider_name
from ..policy import Answer, Change, WaitingOn
from ..secrets.redaction import REDACTED, is_secret, redacted
from .canonical import digest
from .portable import (
    RecordedFunction,
    error_from_json,
    error_to_json,
    note_from_json,
    note_to_json,
    part_from_json,
    part_to_json,
    spent_from_json,
    spent_to_json,
    usage_to_json,
    value_from_json,
    value_to_json,
)
from .scalars import encoder
from .shapes import LATEST, checked, text_in
from .state_values import path_from_json, path_to_json, version_from_json, version_to_json

Json = dict[str, Any]

# Pieces on their way, and a wish to be looked at, are of the moment: no record keeps them.
FLEETING = (ev.PartStreamed, ev.StreamDropped, ev.NodeTouched)


_PROVIDERS: Mapping[Any, Provider] = {p.value: p for p in Provider}

# A run calls few Functions, and many times.
recorded_function = lru_cache(maxsize=1024)(RecordedFunction)


def _opened(body: ev.NodeOpened) -> Json:
    provider = body.provider
    return {
        "parent": body.parent_id,
        "fn": body.fn.name,
        "kind": "agent" if body.fn.is_agent() else "code",
        "inputs": {name: value_to_json(value) for name, value in body.inputs.items()},
        "key": body.key,
        "tool_use_id": body.tool_use_id,
        "provider": provider.value if isinstance(provider, Provider) else provider,
        "model": body.model,
        "version": body.version,
    }


def _opened_again(data: Mapping[str, Any]) -> ev.NodeOpened:
    provider = data["provider"]
    return ev.NodeOpened(
        data["parent"],
        recorded_function(text_in(data, "fn"), text_in(data, "kind")),
        {name: value_from_json(value) for name, value in data["inputs"].items()},
        data["key"],
        data["tool_use_id"],
        _PROVIDERS.get(provider, provider),
        data.get("model"),
        data.get("version"),
    )


def _began(body: ev.RunBegan) -> Json:
    told: Json = {"info": value_to_json(redacted(body.info))}
    return {**told, "changes": [_change(one) for one in body.changes]} if body.changes else told


def _change(one: Change) -> Json:
    fn, inputs, provider = one.fn, one.inputs, one.provider
    return {
        "key": one.key,
        "above": one.above,
        "path": one.path,
        "fn": None if fn is None else fn.name,
        "kind": None if fn is None else "agent" if fn.is_agent() else "code",
        "version": None if one.version is None else one.version.text,
        "inputs": None if inputs is None else {n: value_to_json(v) for n, v in inputs.items()},
        "provider": None if provider is None else provider_name(provider),
        "prompt": one.prompt,
        "system": one.system,
    }


def _began_again(data: Mapping[str, Any]) -> ev.RunBegan:
    changes = tuple(map(_change_again, data.get("changes", ())))
    return ev.RunBegan(value_from_json(data["info"]) or {}, changes)


def _change_again(data: Mapping[str, Any]) -> Change:
    inputs, provider = data["inputs"], data["provider"]
    if provider is not None:
        text_in(data, "provider")
    return Change(
        text_in(data, "key"),
        None
        if data["fn"] is None
        else RecordedFunction(text_in(data, "fn"), text_in(data, "kind")),
        None if inputs is None else {n: value_from_json(form) for n, form in inputs.items()},
        provider,
        data["prompt"],
        data["system"],
        data["above"],
        data["path"],
        version_in(data["version"]),
    )


def _asked(body: ev.RequestStarted) -> Json:
    tools = body.tools
    return {
        "provider": body.provider,
        "model": body.model,
        "nth": body.nth,
        "parts": body.parts,
        "digest": body.digest,
        "system": body.system,
        "tools": None
        if tools is None
        else [{"name": t.name, "desc": t.desc, "schema": dict(t.schema)} for t in tools],
        "settings": None if body.settings is None else value_to_json(redacted(body.settings)),
        "result_schema": None if body.result_schema is None else dict(body.result_schema),
    }


def _asked_again(data: Mapping[str, Any]) -> ev.RequestStarted:
    tools, settings = data["tools"], data["settings"]
    return ev.RequestStarted(
        data["provider"],
        data["model"],
        data["nth"],
        data["parts"],
        data["digest"],
        data["system"],
        None if tools is None else tuple(Tool(t["name"], t["desc"], t["schema"]) for t in tools),
        None if settings is None else value_from_json(settings),
        data["result_schema"],
    )


class Digests:
    """Hashes of one Node's requests, each over the whole, at the cost of what is new.

    Keys are taken out before: what a record gives back, where they are marked, hashes alike.
    """

    def __init__(self, redact: Callable[[str], str] = str) -> None:
        self._redact = redact
        self._done = 0
        self._chain = ""
        self._rest = ""
        self._last: ModelRequest | None = None
        self._before: ModelRequest | None = None

    def started(self, request: ModelRequest, *, anew: bool = False) -> ev.RequestStarted:
        """Give the event that a request is about to be sent.

        `anew`: in place of the one given last, which was not sent.
        """
        for part in islice(request.parts, self._done, None):
            self._chain = digest(f"{self._chain}\0{self._words(part_to_json(part))}")
        self._done = len(request.parts)
        rest = self._rest_of(request)
        last, self._last = self._before if anew else self._last, request
        self._before = last

        def fresh(name: str) -> Any:
            value = getattr(request, name)
            return None if last is not None and getattr(last, name) == value else value

        return ev.RequestStarted(
            request.provider,
            request.model,
            request.nth,
            self._done,
            digest(f"{self._chain}\0{rest}"),
            fresh("system"),
            fresh("tools"),
            fresh("settings"),
            fresh("result_schema"),
        )

    def _rest_of(self, request: ModelRequest) -> str:
        """Write out all but the parts; tools and their like are the same for many requests."""
        last = self._last
        if last is None or any(getattr(last, name) is not getattr(request, name) for name in _REST):
            tools = [[t.name, t.desc, t.schema] for t in request.tools]
            rest = [request.provider, request.model, request.system, tools, request.result_schema]
            self._rest = self._words([*rest, value_to_json(redacted(request.settings))])
        return self._rest

    def _words(self, data: Any) -> str:
        return self._redact(_text(data))


_REST = ("provider", "model", "system", "tools", "result_schema", "settings")
_text = encoder(json.JSONEncoder(sort_keys=True, separators=(",", ":"), check_circular=False))


def _drawn(body: ev.Drawn) -> Json:
    # What a variable holds that is named like a key stays out of the record.
    value = REDACTED if body.kind == "env" and is_secret(body.name) else body.value
    return {
        "kind": body.kind,
        "name": body.name,
        "value": value_to_json(value),
        "served": body.served,
    }


def _waits(body: ev.NodeWaits) -> Json:
    on = body.on
    if on is None:
        return {"on": None}
    told = {"kind": on.kind, "what": on.what, "node_id": on.node_id, "choices": on.choices}
    if on.id:  # most are no question to a person, and there are many
        told |= {"asker": on.asker, "note": on.note, "id": on.id}
    return {"on": told}


# How the question ended, in records of the first version, whether an effect is to be done a second
# time. It was an "approval" like any other: nothing but its words told.
OLD_AGAIN = "Shall it be done again?"


def _waits_again(data: Mapping[str, Any]) -> ev.NodeWaits:
    if data["on"] is None:
        return ev.NodeWaits(None)
    on = WaitingOn(**data["on"])
    is_old = not on.id and on.kind == "approval" and str(on.what).endswith(OLD_AGAIN)
    return ev.NodeWaits(replace(on, kind="again") if is_old else on)


def _answered(body: ev.Answered) -> Json:
    answer = body.answer
    return {
        "value": value_to_json(answer.value),
        "by": answer.by,
        "reason": answer.reason,
        "known": answer.known,
        "question": body.question,
    }


def _answered_again(data: Mapping[str, Any]) -> ev.Answered:
    known: Any = data.get("known", "")
    answer = Answer(value_from_json(data["value"]), data["by"], data["reason"], known)
    return ev.Answered(answer, data.get("question", ""))


def _closed(body: ev.NodeClosed) -> Json:
    ruling = {} if body.ruling is None else {"ruling": body.ruling._asdict()}
    return {
        "outcome": body.outcome,
        "value": value_to_json(body.value),
        "error": None if body.error is None else error_to_json(body.error),
        **ruling,
        **({} if body.touched is None else {"touched": _touched(body.touched)}),
    }


def _touched(touched: Touched) -> Json:
    return {
        "state": touched.state,
        "base": touched.base,
        "version": touched.version,
        "reads": [
            [path_to_json(path), version_to_json(path, value)] for path, value in touched.reads
        ],
        "delta": [
            [path_to_json(path), version_to_json(path, before), version_to_json(path, after)]
            for path, before, after in touched.delta
        ],
        **({"signals": [_sent(*one) for one in touched.signals]} if touched.signals else {}),
        **({"outbox": [_entry(one) for one in touched.outbox]} if touched.outbox else {}),
    }


def _sent(path: Path, value: Any, by: str, key: str) -> list[Any]:
    return [path_to_json(path), version_to_json(path, value), by, key]


def _entry(one: Entry) -> Json:
    return {"fn": one.fn, "inputs": value_to_json(one.inputs)}


def _entry_again(data: Mapping[str, Any]) -> Entry:
    inputs = value_from_json(data["inputs"])
    return Entry(text_in(data, "fn"), inputs if isinstance(inputs, dict) else None)


def _touched_again(data: Mapping[str, Any]) -> Touched:
    base, version = data["base"], data["version"]
    if type(base) is not int or (version is not None and type(version) is not int):
        raise ValueError("such a version there is not")
    return Touched(
        str(data["state"]),
        base,
        version,
        tuple((path_from_json(path), version_from_json(one)) for path, one in data["reads"]),
        tuple(
            (path_from_json(path), version_from_json(before), version_from_json(after))
            for path, before, after in data["delta"]
        ),
        tuple(
            (path_from_json(path), version_from_json(value), str(by), str(key))
            for path, value, by, key in data.get("signals", ())
        ),
        outbox=tuple(_entry_again(one) for one in data.get("outbox", ())),
    )


def _closed_again(data: Mapping[str, Any]) -> ev.NodeClosed:
    error, ruling = data["error"], data.get("ruling")
    if data["outcome"] not in ("success", "error", "canceled"):
        raise ValueError("such an outcome there is not")
    return ev.NodeClosed(
        data["outcome"],
        value_from_json(data["value"]),
        None if error is None else error_from_json(error),
        None if ruling is None else ev.Ruling(**ruling),
        _touched_again(data["touched"]) if "touched" in data else None,
    )


_Write = Callable[[Any], Json]
_Read = Callable[[Mapping[str, Any]], ev.Body]

# One row an event that is kept: how it is written, and how it is read.
_FORMS: dict[type, tuple[_Write, _Read]] = {
    ev.NodeOpened: (_opened, _opened_again),
    ev.NodeStarted: (lambda b: {"inline": b.inline}, lambda d: ev.NodeStarted(d["inline"])),
    ev.NodeWaits: (_waits, _waits_again),
    ev.PartAdded: (
        lambda b: {"part": part_to_json(b.part)},
        lambda d: ev.PartAdded(part_from_json(d["part"])),
    ),
    ev.TranscriptSet: (
        lambda b: {"parts": [part_to_json(p) for p in b.parts]},
        lambda d: ev.TranscriptSet(tuple(part_from_json(p) for p in d["parts"])),
    ),
    ev.UsageSet: (
        lambda b: {"usage": usage_to_json(b.usage)},
        lambda d: ev.UsageSet(TokenUsage(**d["usage"])),
    ),
    ev.EffectStarted: (lambda b: {"kind": b.kind}, lambda d: ev.EffectStarted(d["kind"])),
    ev.RunBegan: (_began, _began_again),
    ev.Drawn: (
        _drawn,
        lambda d: ev.Drawn(d["kind"], value_from_json(d["value"]), d["name"], d["served"]),
    ),
    ev.NodeServed: (lambda b: {"from": b.run}, lambda d: ev.NodeServed(d["from"])),
    ev.RequestStarted: (_asked, _asked_again),
    ev.RequestEnded: (
        lambda b: {"spent": spent_to_json(b.spent), "parts": [part_to_json(p) for p in b.parts]},
        # The first version wrote a reply's parts in lines of their own, after this one.
        lambda d: ev.RequestEnded(
            spent_from_json(d["spent"]), tuple(part_from_json(p) for p in d.get("parts", ()))
        ),
    ),
    ev.Noted: (
        lambda b: {"note": note_to_json(b.note)},
        lambda d: ev.Noted(note_from_json(d["note"])),
    ),
    ev.StatusSet: (lambda b: {"text": b.text}, lambda d: ev.StatusSet(d["text"])),
    ev.Answered: (_answered, _answered_again),
    ev.CancelAsked: (lambda b: {"reason": b.reason}, lambda d: ev.CancelAsked(d["reason"])),
    Violated: (asdict, lambda d: Violated(*(d[one.name] for one in fields(Violated)))),
    ev.NodeClosed: (_closed, _closed_again),
}
_BY_NAME = {kind.__name__: forms for kind, forms in _FORMS.items()}


def event_to_json(event: ev.Event) -> Json | None:
    """Give an event as JSON, or None for one that no record keeps."""
    body = body_to_json(event.body)
    if body is None:
        return None
    return {"seq": event.seq, "time": event.time, "node": event.node_id, **body}


def body_to_json(body: ev.Body) -> Json | None:
    """Encode an event without its number and time; None where no record keeps it."""
    kind = type(body)
    forms = _FORMS.get(kind)
    if forms is None:
        assert isinstance(body, FLEETING), f"{kind.__name__} has no form"
        return None
    return {"event": kind.__name__, **forms[0](body)}


def event_from_json(data: Mapping[str, Any]) -> ev.Event:
    """Read an event back; its Function and errors are known by name. Nothing is run.

    Raises `ArgumentError` on what is none, or holds what such an event never does.
    """
    try:
        read = _BY_NAME[data["event"]][1]
        event = ev.Event(data["seq"], data["time"], data["node"], read(data))
        if not -LATEST <= event.time <= LATEST:
            raise ValueError("such a time there is not")
        checked(event)
        return event
    except ArgumentError:
        raise
    except (LookupError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise ArgumentError(f"This is no event: {stringify(error, 120)}.") from None
