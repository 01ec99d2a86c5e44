"""The gate: the one place where policies are asked, moment by moment, in one order.

- Callers: `Life` (`admit`, `enter`, `leave`, `closed`), `drive` (`enter`, `ask`, `replied`),
  `RunContext` (`draw`, `question`), and `Runtime` with a person's `answer`.
- Order: the record (`FIRST`), `Pauses`, then the policies as given; `leave` goes backwards and asks
  the record last. In a tree where nothing is live (`cursor.is_alone`) no policy rules.
- Policies run on the thread of whoever came, without `log.lock`; they guard their own state.
- A policy that raises at Admit, Enter or Leave fails the Node; at Draw the body, at Ask the agent
  gets the error; at Replied all others are told first; at Closed it is logged. A verdict that
  is not in `HEARD` for its moment is an error of the policy, never ignored.
- A hold goes on once: `Held.release` pops its continuation. The same policy is asked again, and
  earlier ones only where what a person agreed to has changed (`_looked_again`).
- `_hold` sets `node.held` before it looks at `cancel_reason`; `Life.cancel` sets the reason before
  it looks at `held`: whoever comes second releases, so a cancel finds every held Node.
- A person's first answer counts, decided under `log.lock` (`is_open`, `_take`). `answer` posts it
  before it releases the Node, and refuses whoever comes from inside a run.
- Before a person is asked at Admit, arguments and Functions are held fast (`_hold_fast`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol

from ..core.errors import (
    ArgumentError,
    CancellationException,
    NoNodeError,
    PolicyError,
    SignatureError,
    listed,
)
from ..core.events import Answered, NodeServed, NodeWaits, Ruling
from ..core.functions.kinds import current
from ..core.json.canonical import came_to
from ..core.messages import ModelReply, ModelRequest, Spent
from ..core.policy import (
    Admit,
    Answer,
    Answers,
    Ask,
    Closed,
    Draw,
    Enter,
    Hold,
    Leave,
    Policy,
    Refuse,
    Replace,
    Replied,
    Switch,
    Verdict,
    WaitingOn,
)
from .consent import Consent, Round, answers_at, asked_by
from .host import host
from .nodes import Node
from .observe import Log
from .threads.schedule import Loop, attempt, here

logger = logging.getLogger("netflux_nb.runtime")

Outcome = tuple[str, Any, BaseException | None]

# The place before all policies: what a record serves. Who asks there is called so.
FIRST = -1
RECORD = "the record"
# The pass through the policies before a Node runs; each request to a model has one of its own.
ADMISSION = "admission"
# What is heard at each moment, beside None.
HEARD: dict[type, tuple[type, ...]] = {
    Admit: (Refuse, Hold, Replace),
    Enter: (Refuse,),
    Ask: (Refuse, Hold, Switch),
    Replied: (),
    Draw: (Refuse,),
    Leave: (Refuse, Replace),
    Closed: (),
}


class Pauses:
    """The first policy: in a paused tree no new call starts and no request is sent."""

    moments = frozenset({Admit, Ask})

    def __init__(self) -> None:
        self._waiting: dict[int, list[Callable[[], object]]] = {}

    def __call__(self, moment: Any) -> Hold | None:
        """Hold whatever is about to begin in a paused tree."""
        if not self._waiting:
            return None
        root = moment.node.root_ancestor.id
        if root not in self._waiting:
            return None
        return Hold(WaitingOn("paused", "the tree is paused"), lambda go: self._add(root, go))

    @property
    def any(self) -> bool:
        """True while a tree is paused."""
        return bool(self._waiting)

    def _add(self, root: int, go: Callable[[], object]) -> None:
        waiting = self._waiting.get(root)
        if waiting is None:
            go()
        else:
            waiting.append(go)

    def pause(self, root: int) -> None:
        """Hold what comes."""
        self._waiting.setdefault(root, [])

    def unpause(self, root: int) -> None:
        """Let go what was held."""
        for go in self._waiting.pop(root, []):
            go()


class Held:
    """A Node that waits at a moment, and how it goes on. It goes on once."""

    __slots__ = ("_go", "answer", "answers", "on", "since")

    def __init__(
        self,
        on: WaitingOn,
        go: Callable[[], object],
        answers: dict[str, Answer] | None = None,
    ) -> None:
        self.on = on
        self.answer: Answer | None = None
        # Where its asker finds what was said; nobody looks for what a body asked.
        self.answers = answers
        self.since: float | None = None
        self._go: list[Callable[[], object]] = [go]

    def release(self) -> None:
        """Ask the policy again."""
        try:
            go = self._go.pop()
        except IndexError:
            return  # somebody else was first
        go()


class _Life(Protocol):
    def admit(self, node: Node, start: int, /) -> None: ...


class _Calls(Protocol):
    def resolve(self, node: Node, /) -> None: ...


class _Runtime(Protocol):
    """A runtime as its gate needs it."""

    clock: Callable[[], float]
    redact: Callable[[str], str]
    log: Log
    loop: Loop

    @property
    def life(self) -> _Life: ...

    @property
    def calls(self) -> _Calls: ...


class Gate:
    """The policies of a runtime, sorted by the moments at which they speak."""

    def __init__(self, runtime: _Runtime, policies: Sequence[Policy]) -> None:
        self._runtime = runtime
        self.pauses = Pauses()
        for policy in policies:
            if not hasattr(policy, "moments"):
                raise SignatureError(f"`policies` holds policies; got {type(policy).__name__}.")
        self.policies: tuple[Policy, ...] = (self.pauses, *policies)
        self.at_admit = self._at(Admit)
        self.at_enter = self._at(Enter)
        self.at_ask = self._at(Ask)
        self.at_replied = self._at(Replied)
        self.at_draw = self._at(Draw)
        self.at_leave = self._at(Leave)
        self.at_closed = self._at(Closed)
        self._names = _names(self.policies)
        # Whether those who rule at Admit look at marked Functions only.
        self._only_marked = all(getattr(p, "only_marked", False) for p in self.at_admit[1:])
        # Who wants to know that somebody waits for a person. They are told in a hurry.
        self._askers: tuple[Callable[[Node], object], ...] = ()

    def on_question(self, tell: Callable[[Node], object]) -> Callable[[], None]:
        """Tell of every Node that waits for a person from now on. Gives what ends it.

        `tell` is called on whatever thread the question came up: it must only take note.
        """
        with self._runtime.log.lock:
            self._askers = (*self._askers, tell)

        def off() -> None:
            with self._runtime.log.lock:
                self._askers = tuple(one for one in self._askers if one is not tell)

        return off

    def _at(self, kind: type) -> tuple[Policy, ...]:
        return tuple(p for p in self.policies if kind in p.moments)

    def admit(self, node: Node, start: int = FIRST) -> Outcome | Held | None:
        """Ask whether a Node may start: None for yes, `Held` for not yet, else what it comes to.

        The record is asked first: what it serves needs nobody's leave.
        """
        cursor = node.cursor
        if cursor.is_live:
            is_free = self._only_marked and not node.fn.needs_approval
            if is_free and not self.pauses.any:
                return None
            start = max(start, 0)
        last = 0 if cursor.is_alone else len(self.at_admit)
        one = None if node.consent is None else node.consent.rounds.get(ADMISSION)
        if one is not None:
            start = self._looked_again(node, one, start)
        for position in range(start, last):
            if one is not None and one.is_passed(position, start):
                continue
            try:
                verdict = self._said(node, position)
                asks = isinstance(verdict, Hold) and bool(verdict.on.wants)
                if asks and self._hold_fast(node):
                    verdict = self._said(node, position)  # in words of what will run
                if verdict is not None:
                    return self._ruled(node, verdict, position)
            except BaseException as error:  # noqa: BLE001  a policy that raises fails the Node
                return outcome_of(None, error)
        return None

    def _said(self, node: Node, position: int) -> Verdict:
        if position == FIRST:
            return node.cursor.admit(node)
        policy = self.at_admit[position]
        if node.consent is None:
            return policy(Admit(node))
        return policy(Admit(node, answers_at(node, ADMISSION, position, self._names[id(policy)])))

    def answers_of_record(self, node: Node) -> Answers:
        """Give persons' answers to the questions that the record asks about a Node."""
        return answers_at(node, ADMISSION, FIRST, RECORD)

    def _hold_fast(self, node: Node) -> bool:
        """Copy what a person is about to be asked about; False where that was done before."""
        if node.consent is not None and node.consent.is_fast:
            return False
        self._runtime.calls.resolve(node)
        if node.consent is None:
            node.consent = Consent(node)
        node.consent.hold_fast(node)
        return True

    def _looked_again(self, node: Node, one: Round, start: int) -> int:
        """Give the place to go on at: where what was agreed to differs, the first that asked."""
        assert node.consent is not None
        if node.cancel_reason is not None or not node.consent.looked_again(node):
            return start
        self._runtime.calls.resolve(node)
        return min(start, *one.answers)

    def _ruled(self, node: Node, verdict: Verdict, position: int) -> Outcome | Held:
        if isinstance(verdict, Refuse):
            return outcome_of(None, verdict.error)
        if isinstance(verdict, Replace):
            if verdict.served:
                node.served, node.ruling = verdict.served, verdict.ruling
                if node.draft is not None:
                    node.draft.serve(verdict.touched, (verdict.served, verdict.key))
                self._runtime.log.post(node, NodeServed(verdict.served))
            return outcome_of(verdict.value, verdict.error)
        who = RECORD if position == FIRST else self._names[id(self.at_admit[position])]
        if not isinstance(verdict, Hold):
            return outcome_of(None, unheard(who, verdict, Admit))
        go = partial(self._runtime.life.admit, node, position)
        return self._hold(node, verdict, go, ADMISSION, position, who)

    def _hold(
        self,
        node: Node,
        verdict: Hold,
        go: Callable[[], object],
        name: str = "",
        position: int = FIRST,
        asker: str = "",
    ) -> Held:
        """Let a Node wait. A question of a pass is put by the policy at a place of it."""
        on, given, answers = verdict.on, None, None
        if on.wants:
            on, given, answers = self._put(node, on, name, position, asker)
        elif node.consent is not None and name:
            node.consent.round(name).held(position)
        held = Held(on, go, answers)
        node.held = held
        held.since = self._runtime.log.post(node, NodeWaits(on)).time
        if given is not None:
            self._take(node, held, given, None)
            self._runtime.log.post(node, Answered(given, on.id))
            held.release()
            return held
        if verdict.until is not None:
            verdict.until(held.release)
        if node.cancel_reason is not None:
            held.release()
        elif on.wants:
            for tell in self._askers:
                attempt(partial(tell, node))
        return held

    def _put(
        self, node: Node, on: WaitingOn, name: str, position: int, asker: str
    ) -> tuple[WaitingOn, Answer | None, dict[str, Answer] | None]:
        """Give a question its id, and what the record has as its answer."""
        consent = node.consent
        if consent is None or not name:  # a body's own questions are each about what is now
            consent = consent or Consent(node)
            consent.look(node)
            node.consent = consent
        answers, changed = None, ""
        if name:
            one = consent.round(name)
            changed = consent.changed if position in one.answers else ""
            answers = one.asks(position)
        on = asked_by(on, asker)
        on = replace(on, id=consent.id_of(on))
        cursor, given = node.cursor, None
        # What was said then may be to other values, where nobody can compare them.
        if cursor.is_alone or not consent.facts.unknown:
            given = cursor.answer_to(node, on)
        if given is None:
            changed = changed or cursor.outdated(node, on)
        return replace(on, note="\n".join(filter(None, (changed, consent.loose)))), given, answers

    def _take(self, node: Node, held: Held, answer: Answer, time: float | None) -> None:
        """Keep what was said, where its asker finds it."""
        assert node.consent is not None
        held.answer = answer
        node.consent.last = answer, time
        if held.answers is not None:
            held.answers[held.on.id] = answer

    def enter(self, node: Node) -> None:
        """Tell that the body is about to run. Raises what refuses it."""
        if node.cursor.is_alone:
            return
        for policy in self.at_enter:
            try:
                verdict = policy(Enter(node))
                if isinstance(verdict, Refuse):
                    raise verdict.error
                if verdict is not None:
                    raise unheard(self._names[id(policy)], verdict, Enter)
            except Exception:
                node.ruling = Ruling(type(policy).__qualname__, "enter")
                raise
        audit = host().audit
        if audit is not None and not node.served:
            try:
                audit.enter(node)
            except Exception:
                node.ruling = Ruling("Audit", "enter")
                raise

    def draw(self, node: Node, kind: str) -> None:
        """Tell that a body is about to draw. Raises what refuses it."""
        if node.cursor.is_alone:
            return
        for policy in self.at_draw:
            verdict = policy(Draw(node, kind))
            if isinstance(verdict, Refuse):
                raise verdict.error
            if verdict is not None:
                raise unheard(self._names[id(policy)], verdict, Draw)

    async def ask(self, node: Node, request: ModelRequest) -> ModelRequest:
        """Wait until a request may be sent, and give it: a policy may have switched its model.

        Raises what refuses it.
        """
        position, name = 0, f"request {request.nth + 1}"
        while position < len(self.at_ask):
            policy = self.at_ask[position]
            asker = f"{self._names[id(policy)]}, {name}"
            verdict = policy(Ask(node, request, answers_at(node, name, position, asker)))
            if verdict is None:
                position += 1
                continue
            if isinstance(verdict, Refuse):
                raise verdict.error
            if isinstance(verdict, Switch):
                to, _, model = verdict.model.partition(":")
                request = replace(request, provider=to, model=model or None)
                position += 1
                continue
            if not isinstance(verdict, Hold):
                raise unheard(self._names[id(policy)], verdict, Ask)
            # What it is asked with, and what it may call, was fixed when it was admitted.
            await self._held(node, verdict, name, position, asker)
        return request

    async def question(self, node: Node, on: WaitingOn) -> Any:
        """Wait until a person answers, and give the answer. A cancel ends the wait."""
        if node.held is not None:
            raise NoNodeError(
                f"{node.fn.name}() waits for an answer already. Ask the next question after it."
            )
        held = await self._held(node, Hold(on))
        assert held.answer is not None
        return held.answer.value

    async def _held(
        self, node: Node, verdict: Hold, name: str = "", position: int = FIRST, asker: str = ""
    ) -> Held:
        free: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        go = partial(self._runtime.loop.settle, free)
        try:
            held = self._hold(node, verdict, go, name, position, asker)
            await free
        finally:
            node.held = None
            self._runtime.log.post(node, NodeWaits(None))
        if node.cancel_reason is not None:
            raise CancellationException(node.cancel_reason)
        return held

    def replied(
        self, node: Node, request: ModelRequest, reply: ModelReply | None, spent: Spent
    ) -> None:
        """Tell all that a request ended. Raises the first failure, when all were told."""
        failures: list[BaseException] = []
        for policy in self.at_replied:
            try:
                verdict = policy(Replied(node, request, reply, spent))
                if verdict is not None:
                    raise unheard(self._names[id(policy)], verdict, Replied)
            except BaseException as failure:  # noqa: BLE001  the others hold what others wait for
                failures.append(failure)
        if failures:
            raise failures[0]

    def leave(self, node: Node, outcome: Outcome) -> Outcome:
        """Let policies see, and change, what a body came to. Last in, first out."""
        alone = node.cursor.is_alone
        # What is served was ruled on when it was recorded; it is not made otherwise twice.
        alone = alone or (bool(node.served) and node.ruling is not None)
        came, by = outcome, list[str]()
        for policy in () if alone else reversed(self.at_leave):
            try:
                verdict = policy(Leave(node, outcome[1], outcome[2]))
            except BaseException as failure:  # noqa: BLE001  a policy that raises fails the Node
                verdict = Replace(error=failure)
            if isinstance(verdict, Refuse):
                verdict = Replace(error=verdict.error)
            if isinstance(verdict, Replace):
                outcome = outcome_of(verdict.value, verdict.error)
                by.append(type(policy).__qualname__)
            elif verdict is not None:
                outcome = outcome_of(None, unheard(self._names[id(policy)], verdict, Leave))
                by.append(type(policy).__qualname__)
        audit = host().audit
        if audit is not None and outcome[0] == "success" and not (alone or node.served):
            try:
                audit.leave(node, outcome[1])
            except Exception as failure:  # noqa: BLE001  a rule that cannot be asked does not hold
                outcome = outcome_of(None, failure)
                by.append("Audit")
        if by:
            was = came_to(came[1], came[2], self._runtime.redact)
            node.ruling = Ruling(", ".join(by), "leave", was)
        verdict = node.cursor.leave(node, outcome[1], outcome[2])
        if isinstance(verdict, Replace):
            outcome = outcome_of(verdict.value, verdict.error)
        return outcome

    def closed(self, node: Node) -> None:
        """Tell that a Node has its outcome."""
        for policy in self.at_closed:
            try:
                if (verdict := policy(Closed(node))) is not None:
                    raise unheard(self._names[id(policy)], verdict, Closed)
            except BaseException:  # nothing can be ruled any more, and who called is waiting for it
                logger.exception("A policy failed when Node %s had ended.", node.id)

    def answer(self, node: Node, answer: Answer, question: str = "") -> None:
        """Take a person's answer and go on. The first one counts, and only to what it is to.

        It comes from outside: a body, or what it calls, answers nothing.
        """
        if current.get() is not None or here.stack:
            raise NoNodeError(
                f"Node {node.id}, {node.fn.name}(), is answered by a person, not from inside a run. "
                f"Call it where no Function's body runs: in a cell, or at the end of the script."
            )
        held: Held | None = node.held
        if held is not None and question and held.on.id != question and is_open(node, held):
            raise NoNodeError(
                f"Node {node.id}, {node.fn.name}(), does not ask that any more: it asks another "
                f"question now. Look at it before you answer."
            )
        if held is not None:
            _check(node, held.on, answer)
        with self._runtime.log.lock:
            is_first = held is not None and is_open(node, held)
            if held is not None and is_first:
                self._take(node, held, answer, self._runtime.clock())
        if held is None or not is_first:
            last = node.consent.last if node.consent is not None else None
            who = f" It was answered by {_first(*last)}." if last else ""
            raise NoNodeError(f"Node {node.id}, {node.fn.name}(), waits for no answer.{who}")
        self._runtime.log.post(node, Answered(answer, held.on.id))
        held.release()


def is_open(node: Node, held: Held) -> bool:
    """Say whether this is what a Node waits for a person with, and nobody has answered."""
    waits = held.answer is None and node.held is held and not node.is_done
    return waits and bool(held.on.wants)


def _check(node: Node, on: WaitingOn, answer: Answer) -> None:
    if on.wants == "approval" and not isinstance(answer.value, bool):
        raise ArgumentError(
            f"Node {node.id}, {node.fn.name}(), waits for a yes or a no: True or False, got "
            f"{str(answer.value)[:80]!r}."
        )
    if on.choices and not (isinstance(answer.value, str) and answer.value in on.choices):
        raise ArgumentError(
            f"{str(answer.value)[:80]!r} is none of the answers to Node {node.id}, "
            f"{node.fn.name}(). It takes: {', '.join(on.choices)[:400]}."
        )


def _names(policies: Sequence[Policy]) -> dict[int, str]:
    """Name policies as those who ask: by their class, and by number where there are several."""
    found: dict[int, str] = {}
    counts: dict[str, int] = {}
    for policy in policies:
        name = type(policy).__name__
        counts[name] = counts.get(name, 0) + 1
        found[id(policy)] = name if counts[name] == 1 else f"{name}[{counts[name]}]"
    return found


def unheard(who: str, verdict: object, moment: type) -> PolicyError:
    """Give the error of a policy that said what nobody hears at a moment."""
    kinds = HEARD[moment]
    heard = f"{listed(kind.__name__ for kind in kinds)} and None" if kinds else "nothing but None"
    return PolicyError(
        f"{who} gave {type(verdict).__name__} at {moment.__name__}, where {heard} is heard. Give it "
        f"at a moment that hears it, or raise."
    )


def _first(given: Answer, time: float | None) -> str:
    if time is None:  # a record answered
        return repr(given.by)
    said = (
        "yes" if given.value is True else "no" if given.value is False else repr(given.value)[:80]
    )
    when = datetime.fromtimestamp(time, UTC)
    return f"{given.by!r}, at {when:%H:%M:%S} UTC: {said}"


def outcome_of(value: Any, error: BaseException | None) -> Outcome:
    """Name what a value or an error comes to."""
    if error is None:
        return "success", value, None
    kind = "canceled" if isinstance(error, CancellationException) else "error"
    return kind, None, error
