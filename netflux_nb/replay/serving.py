"""The cursor of a replayed tree: calls, replies, draws and answers are served from a record.

- One cursor serves one tree, from any of its threads. Callers: `Calls.invoke` (`turned`, before a
  Node exists), `Gate` (`admit`, `answer_to`, `outdated`, `leave`), `Driver` (`request_of`, `reply`) and
  `RunContext` (`draw_of`).
- A Node finds its recorded self by `node.key`: function, redacted arguments, the how-manieth such
  call, the caller's key. Keys do not depend on the order in which threads come.
- A request is found by its number in its agent, and served if its whole digest is equal. Draws and
  answers are found by their number per (Node, kind, name), counted in `_places`.
- `_lock` guards `_places`, `tally`, `reasons` and `Strict.first`; `Turns` has its own. A recording
  is never changed: what is served is a snapshot.
- Served effects, requests and draws are not done again. `admit` returns a `Replace` for a Node that
  is served whole, None for one whose body is to run.
- `Strict` (`is_alone`): nothing is live. `reply` and `draw_of` give what is recorded or raise; they
  never return None, and the gate asks no policy. Plain code and agents' loops run again, with
  every boundary answered here; effects, custom drivers and what never ran are served whole.
- Where the record of a Node ends, `Strict` repeats the end it had, a cancel or an error; only else
  it diverges. `first` keeps the first divergence.
- `Strict.leave` repeats a recorded ruling only where the body came to the same (`came_to`): a
  ruling never hides that a result has changed.
"""

from __future__ import annotations

import builtins
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ..core.errors import (
    CancellationException,
    ModelError,
    RecordedError,
    RejectedError,
    revived,
    stringify,
    type_and_message,
)
from ..core.events import RequestStarted
from ..core.functions.kinds import Function
from ..core.functions.versions import Version, version_of
from ..core.json.canonical import came_to, inputs_digest, node_key
from ..core.messages import ModelReply, ModelRequest, Spent, provider_name
from ..core.policy import Answer, Change, Hold, Refuse, Replace, Verdict, WaitingOn
from ..core.question_ids import called
from ..core.snapshots import snapshot
from ..core.text.legible import shortened
from ..runtime.sinks import redaction
from .fork_changes import Turns, not_made
from .recorded_values import recover_value
from .recording import DivergenceError, RecordedNode, RecordedRequest, Recording
from .report import Reasons, Served, ServedCounts, saved_of, served_so_far

# What a person compares is on one line.
SHOWN = 160


def source_of(recording: Recording) -> dict[str, Any]:
    """Name the run that another goes on from, and when that began."""
    return {"of": recording.run, "of_began": recording.began}


class ServingCursor:
    """The base of all cursors: serves values, and counts draws and answers."""

    is_live = False
    is_alone = False
    # Whether it goes on with a run: what a served Node changed of the state may be in it already.
    goes_on = False
    apart: Any = None

    def __init__(self, recording: Recording, how: str, changes: tuple[Change, ...] = ()) -> None:
        self.recording = recording
        self.changes = changes
        self._turns = Turns(changes, recording.nodes)
        # What kind of run it is stays as it was.
        kept = {k: recording.about[k] for k in ("mode", "flow") if recording.about.get(k)}
        if "outbox" in recording.about:
            kept["outbox"] = recording.about["outbox"]
        if recording.bundle is not None:
            kept["bundle"] = recording.bundle
        self.about: Mapping[str, Any] = {**kept, **source_of(recording), "how": how}
        self.model: str | None = recording.about.get("model")
        self.settings: Mapping[str, Any] = recording.about.get("settings") or {}
        self.tally = ServedCounts()
        # Why calls were not served; what was, to say what that saved.
        self.reasons = Reasons()
        self.unjudged: dict[str, str] = {}
        self._given: list[RecordedNode] = []
        self._replied: list[Spent] = []
        self._versions: dict[int, tuple[Function, Version]] = {}
        self._lock = threading.Lock()  # guards the places, the tally
        self._places: dict[tuple[str, str, str], int] = {}

    def turned(
        self, caller: Any, fn: Any, inputs: Mapping[str, Any], provider: Any, /
    ) -> tuple[Any, Mapping[str, Any], Any]:
        """Give the call as it is, or as a fork changed it."""
        return self._turns.made_of(caller, (fn, inputs, provider), self.key_of)

    @property
    def forked(self) -> frozenset[tuple[str, str]]:
        """Functions that were called in place of others by a fork, by name and version."""
        return frozenset((fn.name, self._version(fn).digest) for fn in self._turns.called)

    def key_of(self, caller: Any, fn: Function, inputs: Mapping[str, Any]) -> str:
        """Give the key that a call will have."""
        text = inputs_digest(fn.validate_coerce_args(inputs))
        if caller is None:
            return node_key("", fn.name, redaction().json(text), 0)
        text = caller.runtime.redact(text)
        nth = (caller.counts or {}).get((fn.name, text), 0)
        return node_key(caller.key, fn.name, text, nth)

    def leave(self, node: Any, value: Any, error: BaseException | None, /) -> Verdict:
        """Leave the end as it is; refuse that of a fork in which a changed call was never made."""
        missed = self._turns.missed
        if missed is None or node.parent is not None or error is not None:
            return None
        return Replace(error=not_made(missed))

    def request_of(self, node: Any, request: ModelRequest, /) -> ModelRequest:
        """Give the request as it was asked: a policy may have switched its model."""
        was = self._of(node)
        recorded = was.requests.get(request.nth) if was is not None else None
        if was is None or recorded is None:
            return request
        then, opened = recorded.start, was.opened
        who = opened.provider and provider_name(opened.provider), opened.model
        if (then.provider, then.model) == who:
            return request
        return replace(request, provider=then.provider, model=then.model)

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

    def _went_live(self, node: Any, kind: str, why: str) -> None:
        with self._lock:
            self.reasons.add(node.fn.name, kind, why)

    def _done_before(self, node: Any) -> Verdict:
        """Rule on an effect that was done, and whose value the record does not hold."""
        verdict = asked_again(node, "was done, and the record does not hold what it gave")
        if verdict is None:
            self._went_live(node, "form", "the record does not hold what it gave, so it runs again")
        return verdict

    def served(self) -> Served:
        """Report what was served so far, what was live, and why."""
        with self._lock:
            tally, live, unjudged = (
                replace(self.tally),
                self.reasons.by_reason(),
                dict(self.unjudged),
            )
            given, replied = list(self._given), list(self._replied)
        saved = saved_of(given, replied)
        return served_so_far(self.about, self.changes, tally, live, unjudged, saved)

    def _serve(self, was: RecordedNode, value: tuple[Any] | None = None, run: str = "") -> Replace:
        """Serve a Node; its value may have been made anew, and be from another run."""
        self._count("nodes")
        self._turns.passed(was.key)
        if not self.is_alone:
            self._given.append(was)
        if was.outcome == "success":
            recorded = snapshot(was.value if value is None else value[0])
            key = was.key if self.goes_on else ""
            return Replace(recorded, None, run or was.run, was.ruling, was.touched, key)
        return Replace(error=was.error, served=run or was.run, ruling=was.ruling)

    def _why_touched(self, node: Any, was: RecordedNode) -> str:
        """Say why the state forbids to serve a Node; nothing where it does not.

        What it read must be as it was; or what it changed is in the state already. What its calls
        did to the state without it, each of them does again.
        """
        if was.touched is None:
            return (
                "what it called touched the state, so it runs again" if was.touches_below() else ""
            )
        if node.draft is None:
            return "it has no contract with the state any more"
        if self.goes_on and node.draft.is_in((was.run, was.key)):
            return ""
        why: str = node.draft.differs(was.touched)
        return why

    def _reply(self, request: RecordedRequest) -> ModelReply:
        spent = request.spent
        assert spent is not None
        self._count("requests")
        if not self.is_alone:
            self._replied.append(spent)
        return ModelReply(
            parts=request.parts,
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

    def _answer(
        self, was: RecordedNode, node: Any, on: WaitingOn, name: Callable[[WaitingOn], Any]
    ) -> Answer | None:
        """Give the recorded answer to a question of this name, the n-th to the n-th."""
        wanted = name(on)
        nth = self._next(node, "answer", repr(wanted))
        same = [s for s in was.answers if s.question is not None and name(s.question) == wanted]
        if nth >= len(same) or not self._holds(was, same[nth].seq):
            return None
        self._count("answers")
        return same[nth].answer

    def outdated(self, node: Any, on: WaitingOn, /) -> str:
        """Say why what a person said to a question like this does not count; mostly nothing."""
        return ""

    def _holds(self, was: RecordedNode, seq: int) -> bool:
        return True


class Strict(ServingCursor):
    """Serves all, and nothing is live: code runs again, whatever else it asks is in the record.

    What came from outside when it was recorded, a cancel or a refusal, comes again.
    """

    is_alone = True

    def __init__(
        self, recording: Recording, hint: str = "", changes: tuple[Change, ...] = ()
    ) -> None:
        super().__init__(recording, "replay", changes)
        # What a person may do where the record ends.
        self._hint = hint
        # The first question that is not in the record, and the Node that asked it.
        self.first: tuple[str, str] | None = None
        # The system prompts that are used now, by the keys of Nodes.
        self.systems: dict[str, str] = {}

    def turned(
        self, caller: Any, fn: Any, inputs: Mapping[str, Any], provider: Any, /
    ) -> tuple[Any, Mapping[str, Any], Any]:
        """Give the call as it was; a cancelled Node makes none that it did not make then."""
        fn, inputs, provider = super().turned(caller, fn, inputs, provider)
        was = self._of(caller) if caller is not None else None
        was_stopped = was is not None and was.outcome == "canceled"
        if was_stopped and self.key_of(caller, fn, inputs) not in self.recording.nodes:
            assert was is not None
            raise CancellationException(_reason(was))
        return fn, inputs, provider

    def _diverge(self, node: Any, why: str) -> DivergenceError:
        with self._lock:
            if self.first is None:
                self.first = node.key, why
        return DivergenceError(why + self._hint)

    def _gone(self, node: Any, was: RecordedNode | None, why: str) -> BaseException:
        """Give the error of a Node whose record ends: the recorded one, or a divergence."""
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
        if node.draft is not None:  # what it reads is in the record too
            touched = None if was is None else was.touched
            node.draft.replay(touched, lambda why: self._diverge(node, why))
        if was is None:
            if fn.effect is None:
                return None
            return Replace(error=self._diverge(node, _not_there(node)))
        if was.never_ran:
            return self._serve(was, recover_value(fn, was))
        if fn.effect is not None or was.effect == "llm":
            if was.closed is not None:
                return self._serve(was, recover_value(fn, was))
            return Replace(error=self._diverge(node, f"{fn.name}() has no end in the record."))
        if was.outcome == "canceled" and not (was.children or was.requests or was.draws):
            return self._serve(was)
        if fn.is_code() and fn.name:
            with self._lock:
                again = self.tally.ran_again
                again[fn.name] = again.get(fn.name, 0) + 1
        return None

    def leave(self, node: Any, value: Any, error: BaseException | None, /) -> Verdict:
        """Cancel what was cancelled when it was recorded, and rule as policies did then.

        They ruled on what a body came to: where it comes to something else, that stays.
        """
        was = self._of(node)
        ruling = None if was is None else was.ruling
        if was is None or isinstance(error, CancellationException):
            return super().leave(node, value, error)
        if ruling is not None and ruling.came == came_to(value, error, node.runtime.redact):
            made = recover_value(node.fn, was)
            error = was.error if was.outcome != "success" else None
            return Replace(was.value if made is None else made[0], error)
        if error is None and node.draft is not None and (path := node.draft.changed()):
            why = f"{node.fn.name}() left {path} of the state otherwise than then."
            return Replace(error=self._diverge(node, why))
        if error is None and node.draft is not None and was.error_name == "ConflictError":
            return Replace(error=was.error)  # it did all this, and another was first
        if was.outcome != "canceled":
            return super().leave(node, value, error)
        return Replace(error=CancellationException(_reason(was)))

    def reply(self, node: Any, request: ModelRequest, asked: RequestStarted, /) -> ModelReply:
        """Give the recorded reply to just this request."""
        was = self._of(node)
        self.systems.setdefault(node.key, request.system)
        recorded = was.requests.get(request.nth) if was is not None else None
        if recorded is None:
            last = value_line(request.parts[-1]) if request.parts else "an empty one"
            why = f"Request {request.nth + 1} of {node.fn.name}() is not in the record: {last}."
            raise self._gone(node, was, why)
        assert was is not None
        if asked.digest != recorded.start.digest:
            _, what = difference(request, recorded, was)
            raise self._diverge(node, f"Request {request.nth + 1} of {node.fn.name}() {what}.")
        spent = recorded.spent
        if spent is None or spent.stop == "canceled":
            why = f"Request {request.nth + 1} of {node.fn.name}() has no answer in the record."
            raise self._gone(node, was, why)
        if spent.stop == "error":
            kind, words = type_and_message(spent.error)
            if kind == "ModelError":
                raise ModelError(words)
            if was.error_name == kind:  # the agent failed with just that
                raise was.error
            # What a client raised itself, which the agent then wraps as it did.
            raise _as_raised(kind, words)
        return self._reply(recorded)

    def draw_of(self, node: Any, kind: str, name: str, /) -> tuple[Any]:
        """Give the recorded draw, or raise where there is none."""
        was = self._of(node)
        found = None if was is None else self._draw(was, node, kind, name)
        if found is None:
            what = f"{kind} {name!r}" if name else kind
            raise self._gone(node, was, f"{node.fn.name}() drew from {what} once more than then.")
        return found

    def answer_to(self, node: Any, on: WaitingOn, /) -> Answer | None:
        """Give the recorded answer of a person, or raise where there is none."""
        if not on.wants:
            return None
        was = self._of(node)
        # Nothing is live: that the code is another than then is told at the end, and asks nobody.
        answer = None if was is None else self._answer(was, node, on, _words_of)
        if answer is None:
            why = f"{node.fn.name}() asks a person what nobody answered then: {on.what[:80]!r}."
            raise self._gone(node, was, why)
        return answer


def _as_raised(kind: str, message: str) -> BaseException:
    """Make an error of which a class' name and the words are known; a built-in one is one."""
    made = revived(RecordedError(kind, message))
    if not isinstance(made, RecordedError):
        return made
    known: Any = getattr(builtins, kind, None)
    base: type = known if isinstance(known, type) and issubclass(known, Exception) else Exception
    like: Any = type(kind[:80] or "Error", (base,), {"__str__": _words})
    error: BaseException = like.__new__(like)
    error.args = (message,)
    return error


def _words(error: BaseException) -> str:
    return str(error.args[0])


def _reason(was: RecordedNode) -> str:
    one: RecordedNode | None = was
    while one is not None:
        if one.cancel is not None:
            return one.cancel
        one = one.parent
    return type_and_message(stringify(was.error))[1]


def asked_again(node: Any, how: str) -> Verdict:
    """Have a person asked before an effect is done a second time, unless that does no harm."""
    name = node.fn.name
    if node.fn.idempotent:
        return None
    words = f"{called(name, node.inputs)} {how}. Shall it be done again?"
    question = WaitingOn("again", words)
    answer = node.runtime.gate.answers_of_record(node).to(question)
    if answer is None:
        return Hold(question)
    if answer.value is True:
        return None
    why = f"{name}() may have been done; {answer.who} did not let it be again."
    return Refuse(RejectedError(why))


def _words_of(on: WaitingOn) -> tuple[str, str, tuple[str, ...]]:
    """Name a question by what is read of it. Records of the first version know no more."""
    return on.wants, redaction()(on.what), on.choices


def _not_there(node: Any) -> str:
    return (
        f"{node.fn.name}() reaches outside, and this call of it is not in the record: "
        f"{value_line(dict(node.inputs))}."
    )


def difference(
    request: ModelRequest, recorded: RecordedRequest, was: RecordedNode
) -> tuple[str, str]:
    """Name the first field in which a request differs from the recorded one, and say how."""
    asked = recorded.start
    pairs: list[tuple[str, Any, Any]] = [
        ("model", asked.model, request.model),
        ("provider", asked.provider, request.provider),
    ]
    if asked.system is not None:
        pairs.append(("system prompt", asked.system, request.system))
    said = was.transcript[: recorded.parts_before]
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
            return (
                name,
                f"differs in its {name}: recorded {value_line(then)}, now {value_line(now)}",
            )
    return "settings", "differs in its settings or its Functions from the recorded one"


def value_line(value: Any) -> str:
    """Give a value on a line, bounded and without keys."""
    return shortened(redaction()(repr(value)), SHOWN)
