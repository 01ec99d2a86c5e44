"""Served or live: what a record answers at each boundary of a tree that runs again."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..core.errors import CancellationException, ModelError, RejectedError, stringify
from ..core.events import RequestStarted, canonical, inputs_digest, node_key
from ..core.functions import Function
from ..core.messages import ModelReply, ModelRequest, provider_name
from ..core.policy import Answer, Hold, Refuse, Replace, Verdict, WaitingOn
from ..core.redaction import REDACTED
from ..core.versions import Version, version_of
from .artifacts import encoded
from .recording import DivergenceError, RecordedNode, RecordedRequest, Recording

# What a person compares is on one line.
SHOWN = 160


@dataclass(slots=True)
class Tally:
    """How much came from the record, and how much did not."""

    requests: int = 0
    nodes: int = 0
    draws: int = 0
    answers: int = 0
    live_requests: int = 0
    # Code without a mark that ran again, by name.
    ran_again: dict[str, int] = field(default_factory=dict)

    @property
    def served(self) -> int:
        """All that was served."""
        return self.requests + self.nodes + self.draws + self.answers


class _Serving:
    """What all cursors share: where they are in each Node's draws and answers."""

    is_alone = False

    def __init__(self, recording: Recording, how: str) -> None:
        self.recording = recording
        self.about: Mapping[str, Any] = {"of": recording.run, "how": how}
        self.model: str | None = recording.about.get("model")
        self.settings: Mapping[str, Any] = recording.about.get("settings") or {}
        self.tally = Tally()
        self._versions: dict[int, tuple[Function, Version]] = {}
        self._lock = threading.Lock()  # guards the places, the tally
        self._places: dict[tuple[str, str, str], int] = {}

    def turned(
        self, caller: Any, fn: Any, inputs: Mapping[str, Any], provider: Any, /
    ) -> tuple[Any, Mapping[str, Any], Any]:
        """Give the call as it is."""
        return fn, inputs, provider

    def leave(self, node: Any, value: Any, error: BaseException | None, /) -> Verdict:
        """Leave the end as it is."""
        return None

    def _version(self, fn: Function) -> Version:
        """Give a Function's version, hashed once a run."""
        known = self._versions.get(id(fn))
        if known is None:
            known = self._versions[id(fn)] = fn, version_of(fn)
        return known[1]

    def _of(self, node: Any) -> RecordedNode | None:
        return self.recording.nodes.get(node.key)

    def _next(self, node: Any, kind: str, name: str) -> int:
        with self._lock:
            place = (node.key, kind, name)
            nth = self._places.get(place, 0)
            self._places[place] = nth + 1
            return nth

    def _count(self, what: str) -> None:
        with self._lock:
            setattr(self.tally, what, getattr(self.tally, what) + 1)

    def _serve(self, was: RecordedNode) -> Replace:
        self._count("nodes")
        if was.outcome == "success":
            return Replace(was.value, served=self.recording.run)
        return Replace(error=was.error, served=self.recording.run)

    def _reply(self, request: RecordedRequest) -> ModelReply:
        spent = request.spent
        assert spent is not None
        self._count("requests")
        return ModelReply(
            parts=tuple(request.parts),
            usage=spent.usage,
            stop=spent.stop,  # type: ignore[arg-type]
            model=spent.model,
            served=True,
        )

    def _draw(self, was: RecordedNode, node: Any, kind: str, name: str) -> tuple[Any] | None:
        nth = self._next(node, kind, name)
        drawn = [(seq, d) for seq, d in was.draws if d.kind == kind and d.name == name]
        if nth >= len(drawn) or not self._holds(was, drawn[nth][0]):
            return None
        self._count("draws")
        return (drawn[nth][1].value,)

    def _answer(self, was: RecordedNode, node: Any) -> Answer | None:
        nth = self._next(node, "answer", "")
        if nth >= len(was.answers) or not self._holds(was, was.answers[nth][0]):
            return None
        self._count("answers")
        return was.answers[nth][1]

    def _holds(self, was: RecordedNode, seq: int) -> bool:
        return True


class Strict(_Serving):
    """Serves all, and nothing is live: code runs again, whatever else it asks is in the record.

    What came from outside when it was recorded, a cancel or a refusal, comes again.
    """

    is_alone = True

    def __init__(self, recording: Recording) -> None:
        super().__init__(recording, "replay")
        # The first question that is not in the record, and the Node that asked it.
        self.first: tuple[str, str] | None = None

    def _diverge(self, node: Any, why: str) -> DivergenceError:
        with self._lock:
            if self.first is None:
                self.first = node.key, why
        return DivergenceError(why)

    def _gone(self, node: Any, was: RecordedNode | None, why: str) -> BaseException:
        """Say what a Node meets where its record ends: what ended it then, else a divergence."""
        if was is not None:
            if was.outcome == "canceled":
                return CancellationException(_reason(was))
            if was.outcome == "error":
                return was.error
        return self._diverge(node, why)

    def admit(self, node: Any, /) -> Verdict:
        """Serve what reached outside, and what never ran; let code and agents run."""
        was = self._of(node)
        fn = node.fn
        if was is None:
            if fn.effect is None:
                return None
            return Replace(error=self._diverge(node, _not_there(node)))
        if was.closed is not None and not was.started:
            return self._serve(was)
        if fn.effect is not None or was.effect == "llm":
            if was.closed is not None:
                return self._serve(was)
            return Replace(error=self._diverge(node, f"{fn.name}() has no end in the record."))
        if was.outcome == "canceled" and not (was.children or was.requests or was.draws):
            return self._serve(was)
        if fn.is_code() and fn.name:
            with self._lock:
                again = self.tally.ran_again
                again[fn.name] = again.get(fn.name, 0) + 1
        return None

    def leave(self, node: Any, value: Any, error: BaseException | None, /) -> Verdict:
        """Cancel what was cancelled when it was recorded."""
        was = self._of(node)
        if was is None or was.outcome != "canceled" or isinstance(error, CancellationException):
            return None
        return Replace(error=CancellationException(_reason(was)))

    def reply(self, node: Any, request: ModelRequest, asked: RequestStarted, /) -> ModelReply:
        """Give the recorded reply to just this request."""
        was = self._of(node)
        recorded = was.requests.get(request.nth) if was is not None else None
        if recorded is None:
            last = _shown(request.parts[-1]) if request.parts else "an empty one"
            why = f"Request {request.nth + 1} of this Node is not in the record: {last}."
            raise self._gone(node, was, why)
        assert was is not None
        if asked.digest != recorded.asked.digest:
            what = difference(request, recorded, was)
            raise self._diverge(node, f"Request {request.nth + 1} {what}.")
        spent = recorded.spent
        if spent is None or spent.stop == "canceled":
            why = f"Request {request.nth + 1} has no answer in the record."
            raise self._gone(node, was, why)
        if spent.stop == "error":
            raise ModelError(spent.error.partition(": ")[2])
        return self._reply(recorded)

    def drawn(self, node: Any, kind: str, name: str, /) -> tuple[Any]:
        """Give what was drawn."""
        was = self._of(node)
        found = None if was is None else self._draw(was, node, kind, name)
        if found is None:
            what = f"{kind} {name!r}" if name else kind
            raise self._gone(node, was, f"{node.fn.name}() drew from {what} once more than then.")
        return found

    def answered(self, node: Any, on: WaitingOn, /) -> Answer | None:
        """Give what a person said."""
        if on.kind not in ("approval", "answer"):
            return None
        was = self._of(node)
        answer = None if was is None else self._answer(was, node)
        if answer is None:
            why = f"{node.fn.name}() asks a person what nobody answered then: {on.what[:80]!r}."
            raise self._gone(node, was, why)
        return answer


@dataclass(frozen=True, slots=True)
class Change:
    """What is otherwise in a fork: the call with this key is made so."""

    key: str
    fn: Function | None = None
    inputs: Mapping[str, Any] | None = None
    provider: Any = None


class Onward(_Serving):
    """Serves what there is, then goes live: resume, and fork with a change.

    A fork serves what cannot depend on the changed call: all that was begun before the
    call ended, but for the call itself. What its callers did after is live.
    """

    def __init__(self, recording: Recording, change: Change | None = None) -> None:
        super().__init__(recording, "resume" if change is None else "fork")
        self._change = change
        self._cut: RecordedNode | None = None
        if change is not None:
            self._cut = recording.nodes.get(change.key)
            self.about = {**self.about, "at": change.key}
        # Agents whose questions differ from the recorded ones: the rest of them is live.
        self._live: set[str] = set()

    def _holds(self, was: RecordedNode, seq: int) -> bool:
        """Say whether something of a Node comes before, or beside, the changed call."""
        cut = self._cut
        if cut is None:
            return True
        if cut.closed_seq and seq > cut.closed_seq and _is_above(was, cut):
            return False
        one: RecordedNode | None = was
        while one is not None:
            if one is cut:
                return False
            if cut.closed_seq and one.seq > cut.closed_seq:
                return False
            one = one.parent
        return True

    def turned(
        self, caller: Any, fn: Any, inputs: Mapping[str, Any], provider: Any, /
    ) -> tuple[Any, Mapping[str, Any], Any]:
        """Make the changed call in place of the recorded one."""
        change = self._change
        if change is None:
            return fn, inputs, provider
        text = inputs_digest(fn.validate_coerce_args(inputs))
        counts = (caller.counts or {}) if caller is not None else {}
        above = caller.key if caller is not None else ""
        if node_key(above, fn.name, text, counts.get((fn.name, text), 0)) != change.key:
            return fn, inputs, provider
        self._change = None  # once
        given = inputs if change.inputs is None else {**inputs, **change.inputs}
        return change.fn or fn, given, provider if change.provider is None else change.provider

    def admit(self, node: Any, /) -> Verdict:
        """Serve a Node that came to its end, where it can be given again."""
        was = self._of(node)
        if was is None or was is self._cut or not self._holds(was, was.seq):
            return None
        fn = node.fn
        reaches_out = fn.effect is not None or was.effect == "llm"
        is_whole = was.has_plain_value and was.has_plain_inputs
        if was.outcome == "success" and not _covers(was, self._cut):
            if reaches_out and was.has_plain_value:
                return self._serve(was)
            if was.is_code and is_whole and not was.shares_a_bag() and not self._is_new(fn, was):
                return self._serve(was)
        if was.outcome == "error" and was.went_on() and not _covers(was, self._cut):
            return self._serve(was)
        if reaches_out and was.started and was.effect and was.closed is None:
            return self._half_finished(node, was)
        return None

    def _is_new(self, fn: Function, was: RecordedNode) -> bool:
        """Say whether a Function is another than the recorded one: its body runs then."""
        return bool(was.version) and self._version(fn).digest != was.version.rstrip("?")

    def _half_finished(self, node: Any, was: RecordedNode) -> Verdict:
        fn = node.fn
        if fn.idempotent:
            return None
        answer: Answer | None = node.answer_given
        if answer is None:
            words = _shown(dict(node.inputs))
            return Hold(
                WaitingOn(
                    "approval",
                    f"{fn.name}() had begun when the run was cut off, and nobody knows whether "
                    f"it was done: {words}. Shall it be done again?",
                )
            )
        if answer.value is True:
            return None
        return Refuse(
            RejectedError(f"{fn.name}() may have been done; {answer.by} did not let it be again.")
        )

    def reply(
        self, node: Any, request: ModelRequest, asked: RequestStarted, /
    ) -> ModelReply | None:
        """Give the recorded reply to just this request, where there is one."""
        was = self._of(node)
        recorded = was.requests.get(request.nth) if was is not None else None
        served = (
            was is not None
            and recorded is not None
            and node.key not in self._live
            and self._holds(was, recorded.seq)
            and asked.digest == recorded.asked.digest
            and recorded.spent is not None
            and recorded.spent.stop not in ("error", "canceled")
        )
        if served and recorded is not None:
            return self._reply(recorded)
        self._live.add(node.key)
        self._count("live_requests")
        return None

    def drawn(self, node: Any, kind: str, name: str, /) -> tuple[Any] | None:
        """Give what was drawn, as far as the record goes."""
        was = self._of(node)
        if was is None:
            return None
        found = self._draw(was, node, kind, name)
        return None if found == (REDACTED,) else found

    def answered(self, node: Any, on: WaitingOn, /) -> Answer | None:
        """Give what a person said then: nobody is asked twice."""
        was = self._of(node)
        if was is None or on.kind not in ("approval", "answer"):
            return None
        if was.effect and was.closed is None:
            return None  # whether it may be done again is a new question
        return self._answer(was, node)


class Unchanged(_Serving):
    """Serves every call whose Function and arguments are as they were, wherever it is made."""

    def __init__(self, recording: Recording) -> None:
        super().__init__(recording, "rerun")
        self._found: dict[str, list[RecordedNode]] = {}
        # What could not be judged, by name.
        self.unjudged: dict[str, str] = {}
        for was in recording.nodes.values():
            if was.outcome != "success" or not was.has_plain_value or not was.has_plain_inputs:
                continue
            if was.version and not was.version.endswith("?") and not was.shares_a_bag():
                opened = was.opened
                call = _call(was.fn_name, was.version, opened.inputs, opened.provider, opened.model)
                self._found.setdefault(call, []).append(was)

    def admit(self, node: Any, /) -> Verdict:
        """Serve a call that is as it was."""
        fn = node.fn
        version = self._version(fn)
        if not version.is_whole:
            self.unjudged[fn.name] = ", ".join(version.unhashed[:3])
            return None
        model = node.model if fn.is_agent() else None
        try:
            call = _call(fn.name, version.digest, node.inputs, node.provider, model)
        except ValueError:
            self.unjudged[fn.name] = "its arguments"
            return None
        with self._lock:
            same = self._found.get(call)
            was = same.pop(0) if same else None
        return None if was is None else self._serve(was)

    def reply(
        self, node: Any, request: ModelRequest, asked: RequestStarted, /
    ) -> ModelReply | None:
        """Ask the model: its agent has changed."""
        self._count("live_requests")
        return None

    def drawn(self, node: Any, kind: str, name: str, /) -> tuple[Any] | None:
        """Draw anew."""
        return None

    def answered(self, node: Any, on: WaitingOn, /) -> Answer | None:
        """Ask again."""
        return None


def _call(name: str, version: str, inputs: Mapping[str, Any], provider: Any, model: Any) -> str:
    named = None if provider is None else provider_name(provider)
    return f"{name}\0{version}\0{_words(inputs)}\0{named}\0{model}"


def _words(inputs: Mapping[str, Any]) -> str:
    words = {}
    for name, value in sorted(inputs.items()):
        try:
            words[name] = canonical(value)
        except ValueError:
            form = encoded(value)
            if form is None:
                raise
            words[name] = form[0] + form[1].hex()
    return canonical(words)


def _is_above(one: RecordedNode, other: RecordedNode) -> bool:
    above = other.parent
    while above is not None:
        if above is one:
            return True
        above = above.parent
    return False


def _covers(one: RecordedNode, cut: RecordedNode | None) -> bool:
    return cut is not None and (one is cut or _is_above(one, cut))


def _reason(was: RecordedNode) -> str:
    one: RecordedNode | None = was
    while one is not None:
        if one.cancel is not None:
            return one.cancel
        one = one.parent
    return stringify(was.error).partition(": ")[2]


def _not_there(node: Any) -> str:
    return (
        f"{node.fn.name}() reaches outside, and this call of it is not in the record: "
        f"{_shown(dict(node.inputs))}."
    )


def difference(request: ModelRequest, recorded: RecordedRequest, was: RecordedNode) -> str:
    """Say in what a request differs from the recorded one: the first thing that does."""
    asked = recorded.asked
    pairs: list[tuple[str, Any, Any]] = [
        ("model", asked.model, request.model),
        ("provider", asked.provider, request.provider),
    ]
    if asked.system is not None:
        pairs.append(("system prompt", asked.system, request.system))
    said = was.transcript[: recorded.said]
    for place in range(max(len(said), len(request.parts))):
        then = said[place] if place < len(said) else None
        now = request.parts[place] if place < len(request.parts) else None
        pairs.append((f"part {place + 1}", then, now))
    if asked.tools is not None:
        tools = [[t.name, t.desc, dict(t.schema)] for t in asked.tools]
        pairs.append(
            ("Functions", tools, [[t.name, t.desc, dict(t.schema)] for t in request.tools])
        )
    for name, then, now in pairs:
        if then != now:
            return f"differs in its {name}: recorded {_shown(then)}, now {_shown(now)}"
    return "differs in its settings or its Functions from the recorded one"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
