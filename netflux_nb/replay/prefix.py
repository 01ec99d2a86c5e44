"""The cursor of resume and fork: serves as far as the record goes, then goes live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ..core.contracts.declared import RELEASE, Apart
from ..core.errors import NoNodeError, RejectedError
from ..core.events import RequestStarted
from ..core.functions.kinds import Function
from ..core.messages import ModelReply, ModelRequest
from ..core.policy import Answer, Change, Refuse, Verdict, WaitingOn
from ..core.secrets.redaction import REDACTED
from ..runtime.sinks import redaction
from .recorded_values import is_whole, recover_value
from .recording import MOST_BEFORE, RecordedNode, RecordedRequest, Recording
from .serving import ServingCursor, asked_again, difference

CUT_OFF = "had begun when the run was cut off, and nobody knows whether it was done"
FAILED = "failed, nothing came after it, and nobody knows how much of it was done"


@dataclass(frozen=True, slots=True)
class Layer:
    """A run that another goes on from, and its calls that were changed since."""

    recording: Recording
    cuts: tuple[RecordedNode, ...] = ()

    def holds(self, was: RecordedNode, seq: int) -> bool:
        """Say whether something of a Node comes before, or beside, what was changed."""
        return all(_is_beside(was, seq, cut) for cut in self.cuts)

    def reply_count(self, was: RecordedNode) -> tuple[bool, int]:
        """Say whether a Node says all there is to say, and how much it was given."""
        if not any(_covers(was, cut) for cut in self.cuts):
            return was.is_settled, was.given
        return False, sum(self.holds(was, seq) for seq in was.given_at)


def layers_of(recording: Recording, change: Change | None = None) -> list[Layer]:
    """Give a run, and those that it went on from where it was cut off: the newest first.

    Of the run that a fork is of, that counts which cannot depend on what was changed.
    """
    keys = [] if change is None else [change.key]
    found = [Layer(recording, _cut(recording, keys))]
    if recording.root.outcome == "success":
        return found
    newer = recording
    for one in recording.before("resume", "fork"):
        if newer.about.get("how") == "fork":
            keys.append(str(newer.about.get("at")))
        found.append(Layer(one, _cut(one, keys)))
        newer = one
    return found


def check_found(layers: Sequence[Layer]) -> None:
    """Refuse to go on without a run that this one went on from: it would be paid for again."""
    last = layers[-1].recording
    if last.about.get("how") not in ("resume", "fork") or len(layers) > MOST_BEFORE:
        return
    name = last.about.get("bundle")
    if name is not None:
        where = f"a run of the bundle {str(name)[:80]!r}. `open_run` that first"
    else:
        where = f"run {str(last.about.get('of'))[:80]}, which is not here. Bring it here first"
    raise NoNodeError(
        f"Run {last.run} goes on from {where}, so that nothing is paid twice; `force=True` goes on "
        f"without."
    )


def _cut(recording: Recording, keys: Sequence[str]) -> tuple[RecordedNode, ...]:
    return tuple(recording.nodes[key] for key in keys if key in recording.nodes)


class Onward(ServingCursor):
    """Serves what there is, then goes live: resume, and fork with a change.

    A fork serves what cannot depend on the changed call: all that was begun before the
    call ended, but for the call itself. What its callers did after is live.
    """

    goes_on = True

    def __init__(
        self,
        layers: Sequence[Layer],
        changes: tuple[Change, ...] = (),
        change: Change | None = None,
        by_hand: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        made = changes if change is None else (*changes, change)
        super().__init__(layers[0].recording, "resume" if change is None else "fork", made)
        # What is recorded: where this run was cut off, one that it went on from may have come
        # further.
        self._layers = layers
        self._by_run = {one.recording.root.run: one for one in layers}
        if change is not None:
            self.about: Mapping[str, Any] = {**self.about, "at": change.key}
        if made:  # also where a fork is gone on with
            self.apart = Apart(_first_version(self.recording))
        # The runs in which persons had outboxes released, by the keys of the Nodes that filled them.
        self._by_hand = by_hand
        # Agents whose questions differ from the recorded ones: the rest of them is live.
        self._live: set[str] = set()

    def _of(self, node: Any) -> RecordedNode | None:
        if len(self._layers) == 1:
            return super()._of(node)
        first: RecordedNode | None = None
        nearest: RecordedNode | None = None
        most = -1
        for layer in self._layers:
            was = layer.recording.nodes.get(node.key)
            if was is None:
                continue
            if first is None:
                first = was
            if not layer.holds(was, was.seq):
                continue
            is_settled, count = layer.reply_count(was)
            if is_settled or count > most:
                nearest, most = was, count
            if is_settled:
                break
        return nearest or first

    def _holds(self, was: RecordedNode, seq: int) -> bool:
        return self._by_run[was.run].holds(was, seq)

    def admit(self, node: Any, /) -> Verdict:
        """Serve a Node that came to its end, where it can be given again."""
        was, fn = self._of(node), node.fn
        by = self._by_hand.get(node.inputs["of"]) if fn.name == RELEASE and fn.calls_any else None
        if by is not None:
            return Refuse(RejectedError(f"This outbox was released by a person, in run {by}."))
        if was is None or not self._holds(was, was.seq):
            return None
        reaches_out = fn.effect is not None or was.effect == "llm" or was.is_doubted
        if reaches_out and was.is_half_finished:
            return asked_again(node, CUT_OFF)
        if reaches_out and was.failed_outside and not was.went_on():
            return asked_again(node, FAILED)
        if any(_covers(was, cut) for cut in self._by_run[was.run].cuts):
            return None
        if was.outcome == "success" and reaches_out:
            if changed := self._why_touched(node, was):
                return asked_again(node, f"was done, and {changed}")
            value = recover_value(fn, was)
            return self._done_before(node) if value is None else self._serve(was, value)
        if was.outcome == "success" and was.is_code:
            why = self._why_anew(node, was)
            if why is None:
                return self._serve(was)
            if node.draft is not None and node.draft.is_in((was.run, was.key)):
                return asked_again(node, f"has changed the state already, and {why[1]}")
            self._went_live(node, *why)
        if was.outcome == "error" and was.went_on() and not was.touches_below():
            return self._serve(was)
        return None

    def _is_new(self, fn: Function, was: RecordedNode) -> bool:
        """Say whether a Function is another than the recorded one: its body runs then."""
        return was.version is not None and self._version(fn).digest != was.version.digest

    def _versions_of(self, fn: Function, was: RecordedNode) -> str:
        then = "unknown" if was.version is None else was.version.short
        return f"version {then} then, {self._version(fn).short} now"

    def _why_anew(self, node: Any, was: RecordedNode) -> tuple[str, str] | None:
        """Say why code that succeeded runs again; None where it need not."""
        fn = node.fn
        if not (was.has_plain_value and was.has_plain_inputs and is_whole(was.value_form)):
            return "form", "the record does not hold what it took or gave in full, so it runs again"
        if was.shares_a_bag():
            return "bag", "it, or what it calls, shares a session bag, so it runs again"
        if self._is_new(fn, was):
            return "version", f"it has changed: {self._versions_of(fn, was)}"
        if why := self._why_touched(node, was):
            return "state", why
        return None

    def reply(
        self, node: Any, request: ModelRequest, asked: RequestStarted, /
    ) -> ModelReply | None:
        """Give the recorded reply to just this request, where there is one."""
        was = self._of(node)
        recorded = was.requests.get(request.nth) if was is not None else None
        if node.key not in self._live:
            why = self._why_live(was, recorded, request, asked)
            if why is None:
                assert recorded is not None
                return self._reply(recorded)
            self._live.add(node.key)
            self._went_live(node, *why)
        self._count("live_requests")
        return None

    def _why_live(
        self,
        was: RecordedNode | None,
        recorded: RecordedRequest | None,
        request: ModelRequest,
        asked: RequestStarted,
    ) -> tuple[str, str] | None:
        """Say why a request is not served, the kind of it first; None where it is."""
        nth = f"request {request.nth + 1}"
        if was is None:
            return "call", "this call is not in the record"
        if recorded is None:
            return "end", f"the record ends before its {nth}"
        if not self._holds(was, recorded.seq):
            return "after", f"its {nth} comes with, or after, the call that was changed"
        if asked.digest != recorded.start.digest:
            name, what = difference(request, recorded, was)
            return name, f"its {nth} {what}"
        if recorded.spent is None or recorded.spent.stop in ("error", "canceled"):
            return "answer", f"its {nth} has no answer in the record"
        return None

    def draw_of(self, node: Any, kind: str, name: str, /) -> tuple[Any] | None:
        """Give the recorded draw, as far as the record goes."""
        was = self._of(node)
        if was is None:
            return None
        found = self._draw(was, node, kind, name)
        return None if found == (REDACTED,) else found

    def answer_to(self, node: Any, on: WaitingOn, /) -> Answer | None:
        """Give what a person said then to just this question: nobody is asked twice.

        Another text, argument or version is another question; and whether something may be done
        again is asked each time. Records of the first version do not tell which question was meant.
        """
        was = self._of(node)
        if was is None or not on.id or on.kind == "again":
            return None
        return self._answer(was, node, on, lambda one: one.id)

    def outdated(self, node: Any, on: WaitingOn, /) -> str:
        """Say why what a person said then to a question like this does not count."""
        was = self._of(node)
        like = [] if was is None else [s for s in was.answers if _is_like(s.question, on)]
        if was is None or not like or on.kind == "again":
            return ""
        said, then = like[-1], like[-1].question
        assert then is not None
        lines = []
        if not then.id:
            lines.append("The record does not tell which question that was to.")
        if then.what != redaction()(on.what):
            lines.append(f"It was asked then: {then.what}")
        if self._is_new(node.fn, was):
            lines.append(f"{node.fn.name}() has changed: {self._versions_of(node.fn, was)}.")
        lines = lines or ["What it is given, or what it uses, has changed."]
        return f"What {said.answer.who} said before does not count here:\n" + "\n".join(lines)


def _first_version(recording: Recording) -> int | None:
    """Give the version of the state that a run began with; None where it touched none."""
    touched = [n.touched for n in recording.nodes.values() if n.touched is not None]
    return min((one.base for one in touched), default=None)


def _is_like(then: WaitingOn | None, on: WaitingOn) -> bool:
    """Say whether two questions are the same asker's; of the first version no asker is known."""
    return then is not None and then.kind == on.kind and then.asker in ("", on.asker)


def _is_above(one: RecordedNode, other: RecordedNode) -> bool:
    above = other.parent
    while above is not None:
        if above is one:
            return True
        above = above.parent
    return False


def _covers(one: RecordedNode, cut: RecordedNode) -> bool:
    return one is cut or _is_above(one, cut)


def _is_beside(was: RecordedNode, seq: int, cut: RecordedNode) -> bool:
    """Say whether something of a Node comes before, or beside, a changed call."""
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
