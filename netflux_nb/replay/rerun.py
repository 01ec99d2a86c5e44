"""The cursor of rerun: serves every unchanged call from the record, and runs the others live.

- Callers: those of every cursor (`replay/serving.py`); `begin.rerun` makes one, a map its subclass.
- A call is identified by function name, version, canonical arguments, provider and model (`_call`).
  Neither key nor caller counts: an unchanged call is served wherever it is made now.
- `_found` lists the recorded Nodes of each call; `admit` takes the first off under `_lock`. Each
  serves one call: three equal calls are served three times only if three were recorded.
- Recordings at hand come first, then runs they went on from (`before`): of these only calls beyond
  the number that the newer ones hold (`_add`), for a resumed run repeats what it was served.
- A recorded Node qualifies (`_take`) if it succeeded, its arguments came back as they were, its
  version is whole and it shares no session bag; plain code also needs a value that did.
- A version that is not whole is never equal to anything: such calls run, and `unjudged` says why.
- Doubts come first: an effect that had begun and has no known end is not done again before a
  person says so, unless a newer recording settles its key (`_settled`). `_doubts` counts them.
- A `Hold` leaves everything as it was, because `admit` is asked again: the doubt stays counted, the
  recorded Node is put back at the head of its list.
- An agent that is not served whole is live whole: `reply`, `draw_of` and `answer_to` return None. A
  single recorded reply to a changed agent is never mixed in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..core.events import RequestStarted
from ..core.functions.kinds import Function
from ..core.functions.versions import Version
from ..core.json.canonical import canonical
from ..core.messages import ModelReply, ModelRequest, provider_name
from ..core.policy import Answer, Change, Hold, Verdict, WaitingOn
from ..record.codecs.artifacts import encoded
from ..runtime.sinks import redaction
from .prefix import CUT_OFF
from .recorded_values import is_whole, recover_value
from .recording import RecordedNode, Recording
from .serving import ServingCursor, asked_again


class Unchanged(ServingCursor):
    """Serves every call whose Function and arguments are as they were, wherever it is made."""

    # Whether a person is asked before what was done, and cannot be given, is done again.
    asks_again = True

    def __init__(
        self,
        recording: Recording,
        *older: Recording,
        before: Sequence[Recording] = (),
        changes: tuple[Change, ...] = (),
        doubts: Iterable[RecordedNode] | None = None,
    ) -> None:
        super().__init__(recording, "rerun", changes)
        # Each with the run that it is from.
        self._found: dict[str, list[tuple[str, RecordedNode]]] = {}
        self._known: dict[str, set[str]] = {}
        # Effects of which nobody knows whether they were done, by name and arguments.
        self._doubts: dict[str, int] = {}
        self._settled: set[str] = set()
        self._looks_for_doubts = doubts is None
        for was in doubts or ():
            self._doubt(was)
        for one in (recording, *older):
            for was in one.nodes.values():
                self._know(was)
                self._take(one.run, was, self._found)
            self._settle(one)
        for one in before:
            self._add(one)

    def _add(self, one: Recording) -> None:
        """Take of a run that this one went on from what did not come to be served again."""
        mine: dict[str, list[tuple[str, RecordedNode]]] = {}
        for was in one.nodes.values():
            self._know(was)
            self._take(one.run, was, mine)
        for call, found in mine.items():
            newer = self._found.setdefault(call, [])
            newer += found[len(newer) :]
        self._settle(one)

    def _know(self, was: RecordedNode) -> None:
        known = self._known.setdefault(was.fn_name, set())
        known.add("" if was.version is None else was.version.digest)

    def _settle(self, one: Recording) -> None:
        self._settled.update(was.key for was in one.nodes.values() if was.is_settled)

    def _take(
        self, run: str, was: RecordedNode, candidates: dict[str, list[tuple[str, RecordedNode]]]
    ) -> None:
        is_plain_code = was.is_code and not was.effect
        if self._looks_for_doubts and was.is_half_finished and was.key not in self._settled:
            self._doubt(was)
        if was.outcome != "success" or not was.has_plain_inputs:
            return
        if is_plain_code and not (was.has_plain_value and is_whole(was.value_form)):
            return
        version = was.version
        if version is not None and version.is_whole and not was.shares_a_bag():
            opened = was.opened
            call = _call(was.fn_name, version, opened.inputs, opened.provider, opened.model)
            candidates.setdefault(call, []).append((run, was))

    def _doubt(self, was: RecordedNode) -> None:
        call = _call_in_doubt(was.fn_name, was.opened.inputs if was.has_plain_inputs else None)
        self._doubts[call] = self._doubts.get(call, 0) + 1

    def holds(self, fn: Function, inputs: Mapping[str, Any], provider: Any, model: Any) -> int:
        """Say how often a call would be served."""
        version = self._version(fn)
        try:
            call = _call(fn.name, version, inputs, provider, model)
        except ValueError:
            return 0
        return len(self._found.get(call, ())) if version.is_whole else 0

    def admit(self, node: Any, /) -> Verdict:
        """Serve a call that is as it was."""
        fn = node.fn
        if self._doubts and (verdict := self._doubted(node)) is not None:
            return verdict
        if not fn.is_served_whole:
            return None
        version = self._version(fn)
        if not version.is_whole:
            self.unjudged[fn.name] = ", ".join(version.unhashed[:3])
            return None
        model = node.model if fn.is_agent() else None
        try:
            call = _call(fn.name, version, node.inputs, node.provider, model)
        except ValueError:
            self.unjudged[fn.name] = "its arguments"
            return None
        run, was = self._first_of(call, node)
        if was is not None:
            value = recover_value(fn, was)
            if value is not None:
                return self._serve(was, value, run)
            if was.effect and self.asks_again:
                verdict = self._done_before(node)
                if isinstance(verdict, Hold):
                    with self._lock:  # it is looked for once more when there is an answer
                        self._found[call].insert(0, (run, was))
                return verdict
        self._went_live(node, *self._why_new(node, version, call))
        return None

    def _first_of(self, call: str, node: Any) -> tuple[str, RecordedNode | None]:
        """Take the first recorded Node of a call whose reads of the state are as they were."""
        with self._lock:
            same = self._found.get(call, [])
            for place, (run, was) in enumerate(same):
                if not self._why_touched(node, was):
                    del same[place]
                    return run, was
        return "", None

    def _doubted(self, node: Any) -> Verdict:
        """Have a person asked about an effect that was cut off in the middle."""
        call = _call_in_doubt(node.fn.name, node.inputs)
        with self._lock:
            if not self._doubts.get(call):
                return None
            verdict = asked_again(node, CUT_OFF)
            if not isinstance(verdict, Hold):  # it is looked for once more when there is an answer
                self._doubts[call] -= 1
        return verdict

    def _why_new(self, node: Any, version: Version, call: str) -> tuple[str, str]:
        fn = node.fn
        known = self._known.get(fn.name)
        if known is None:
            return "call", "it was not called then"
        if version.digest not in known:
            then = " and ".join(sorted(one[:8] for one in known)[:3])
            return "version", f"it has changed: version {then} then, {version.short} now"
        if same := self._found.get(call):
            why = self._why_touched(node, same[0][1])
            return "state", why or "what it read of the state has changed"
        return "inputs", "this call of it, with these arguments, gave nothing then"

    def reply(
        self, node: Any, request: ModelRequest, asked: RequestStarted, /
    ) -> ModelReply | None:
        """Ask the model: its agent has changed."""
        self._count("live_requests")
        return None

    def draw_of(self, node: Any, kind: str, name: str, /) -> tuple[Any] | None:
        """Draw anew."""
        return None

    def answer_to(self, node: Any, on: WaitingOn, /) -> Answer | None:
        """Ask again."""
        return None


def _call(name: str, version: Version, inputs: Mapping[str, Any], provider: Any, model: Any) -> str:
    named = None if provider is None else provider_name(provider)
    return f"{name}\0{version.digest}\0{_words(inputs)}\0{named}\0{model}"


def _call_in_doubt(name: str, inputs: Mapping[str, Any] | None) -> str:
    """Name a call as the record can: without keys, and without arguments that have no form."""
    try:
        return f"{name}\0{redaction().json(_words(inputs))}" if inputs is not None else name
    except ValueError:
        return name


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
