"""The one place where policies are called: who may start, ask, and end, in one order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from ..core.errors import ArgumentError, CancellationException, NoNodeError, SignatureError
from ..core.events import Answered, NodeServed, NodeWaits, Ruling, came_to
from ..core.messages import ModelReply, ModelRequest, Spent
from ..core.policy import (
    Admit,
    Answer,
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
from .schedule import attempt
from .waiting import FOR_PERSONS

if TYPE_CHECKING:
    from .nodes import Node
    from .runtime import Runtime

logger = logging.getLogger("netflux_nb.runtime")

Outcome = tuple[str, Any, BaseException | None]

# The place before all policies: what a record serves.
FIRST = -1
# A question is read by a person, on a screen that shows others too.
QUESTION_CHARS = 2_000
CHOICE_CHARS = 200
MOST_CHOICES = 50


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

    __slots__ = ("_go", "answer", "on", "since")

    def __init__(self, on: WaitingOn, go: Callable[[], object]) -> None:
        self.on = on
        self.answer: Answer | None = None
        self.since: float | None = None
        self._go: list[Callable[[], object]] = [go]

    def release(self) -> None:
        """Ask the policy again."""
        try:
            go = self._go.pop()
        except IndexError:
            return  # somebody else was first
        go()


class Gate:
    """The policies of a runtime, sorted by the moments at which they speak."""

    def __init__(self, runtime: Runtime, policies: Sequence[Policy]) -> None:
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
        if cursor is None:
            is_free = self._only_marked and not node.fn.needs_approval
            if is_free and not self.pauses.any:
                return None
            start = max(start, 0)
        last = 0 if cursor is not None and cursor.is_alone else len(self.at_admit)
        for place in range(start, last):
            try:
                if place == FIRST:
                    assert cursor is not None
                    verdict = cursor.admit(node)
                else:
                    verdict = self.at_admit[place](Admit(node, node.answer_given))
            except BaseException as error:  # noqa: BLE001  a policy that raises fails the Node
                return outcome_of(None, error)
            if verdict is not None:
                return self._ruled(node, verdict, place)
        return None

    def _ruled(self, node: Node, verdict: Verdict, place: int) -> Outcome | Held:
        if isinstance(verdict, Refuse):
            return outcome_of(None, verdict.error)
        if isinstance(verdict, Replace):
            if verdict.served:
                node.served, node.ruling = verdict.served, verdict.ruling
                self._runtime.log.post(node, NodeServed(verdict.served))
            return outcome_of(verdict.value, verdict.error)
        assert isinstance(verdict, Hold), f"{verdict!r} at Admit"
        return self._hold(node, verdict, lambda: self._runtime.life.admit(node, place))

    def _hold(self, node: Node, verdict: Hold, go: Callable[[], object]) -> Held:
        held = Held(verdict.on, go)
        node.held = held
        held.since = self._runtime.log.post(node, NodeWaits(verdict.on)).time
        given = node.cursor.answered(node, verdict.on) if node.cursor is not None else None
        if given is not None:
            held.answer = node.answer_given = given
            self._runtime.log.post(node, Answered(given))
            held.release()
            return held
        if verdict.until is not None:
            verdict.until(held.release)
        if node.cancel_reason is not None:
            held.release()
        elif verdict.on.kind in FOR_PERSONS:
            for tell in self._askers:
                attempt(partial(tell, node))
        return held

    def enter(self, node: Node) -> None:
        """Tell that the body is about to run. Raises what refuses it."""
        if node.cursor is not None and node.cursor.is_alone:
            return
        for policy in self.at_enter:
            try:
                verdict = policy(Enter(node))
                if isinstance(verdict, Refuse):
                    raise verdict.error
            except Exception:
                node.ruling = Ruling(type(policy).__qualname__, "enter")
                raise

    def draw(self, node: Node, kind: str) -> None:
        """Tell that a body is about to draw. Raises what refuses it."""
        if node.cursor is not None and node.cursor.is_alone:
            return
        for policy in self.at_draw:
            verdict = policy(Draw(node, kind))
            if isinstance(verdict, Refuse):
                raise verdict.error

    async def ask(self, node: Node, request: ModelRequest) -> ModelRequest:
        """Wait until a request may be sent, and give it: a policy may have switched its model.

        Raises what refuses it.
        """
        place = 0
        while place < len(self.at_ask):
            verdict = self.at_ask[place](Ask(node, request, node.answer_given))
            if verdict is None:
                place += 1
                continue
            if isinstance(verdict, Refuse):
                raise verdict.error
            if isinstance(verdict, Switch):
                name, _, model = verdict.model.partition(":")
                request = replace(request, provider=name, model=model or None)
                place += 1
                continue
            assert isinstance(verdict, Hold), f"{verdict!r} at Ask"
            await self._held(node, verdict)
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

    async def _held(self, node: Node, verdict: Hold) -> Held:
        free: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            held = self._hold(node, verdict, partial(self._runtime.loop.settle, free))
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
                policy(Replied(node, request, reply, spent))
            except BaseException as failure:  # noqa: BLE001  the others hold what others wait for
                failures.append(failure)
        if failures:
            raise failures[0]

    def leave(self, node: Node, outcome: Outcome) -> Outcome:
        """Let policies see, and change, what a body came to. Last in, first out."""
        alone = node.cursor is not None and node.cursor.is_alone
        # What is served was ruled on when it was recorded; it is not made otherwise twice.
        alone = alone or (bool(node.served) and node.ruling is not None)
        came, by = outcome, list[str]()
        for policy in () if alone else reversed(self.at_leave):
            _, value, error = outcome
            try:
                verdict = policy(Leave(node, value, error))
            except BaseException as failure:  # noqa: BLE001  a policy that raises fails the Node
                verdict = Replace(error=failure)
            if isinstance(verdict, Refuse):
                verdict = Replace(error=verdict.error)
            if isinstance(verdict, Replace):
                outcome = outcome_of(verdict.value, verdict.error)
                by.append(type(policy).__qualname__)
        if by:
            was = came_to(came[1], came[2], self._runtime.redact)
            node.ruling = Ruling(", ".join(by), "leave", was)
        if node.cursor is not None:
            verdict = node.cursor.leave(node, outcome[1], outcome[2])
            if isinstance(verdict, Replace):
                outcome = outcome_of(verdict.value, verdict.error)
        return outcome

    def closed(self, node: Node) -> None:
        """Tell that a Node has its outcome."""
        for policy in self.at_closed:
            try:
                policy(Closed(node))
            except BaseException:  # nothing can be ruled any more, and who called is waiting for it
                logger.exception("A policy failed when Node %s had ended.", node.id)

    def answer(self, node: Node, answer: Answer) -> None:
        """Take a person's answer and go on. The first one counts."""
        held: Held | None = node.held
        choices = held.on.choices if held is not None else ()
        if choices and not (isinstance(answer.value, str) and answer.value in choices):
            raise ArgumentError(
                f"{str(answer.value)[:80]!r} is none of the answers to Node {node.id}, "
                f"{node.fn.name}(). It takes: {', '.join(choices)[:400]}."
            )
        with self._runtime.log.lock:
            given = node.answer_given
            is_first = (
                held is not None
                and held.answer is None
                and held.on.kind in FOR_PERSONS
                and node.held is held
                and not node.is_done
            )
            if held is not None and is_first:
                held.answer = node.answer_given = answer
                node.answered_at = self._runtime.clock()
        if held is None or not is_first:
            who = f" It was answered by {_first(given, node.answered_at)}." if given else ""
            raise NoNodeError(f"Node {node.id}, {node.fn.name}(), waits for no answer.{who}")
        self._runtime.log.post(node, Answered(answer))
        held.release()


def _first(given: Answer, time: float | None) -> str:
    if time is None:  # a record answered
        return repr(given.by)
    said = (
        "yes" if given.value is True else "no" if given.value is False else repr(given.value)[:80]
    )
    when = datetime.fromtimestamp(time, UTC)
    return f"{given.by!r}, at {when:%H:%M:%S} UTC: {said}"


def question_of(text: str, choices: Sequence[str] | None) -> WaitingOn:
    """Check a question and give it as what a Node waits for."""
    if not text.strip() or len(text) > QUESTION_CHARS:
        raise ArgumentError(
            f"A question has 1 to {QUESTION_CHARS:,} characters, got {len(text.strip()):,}."
        )
    if isinstance(choices, str):
        raise ArgumentError(f"Choices are a list of texts, got the one text {choices[:80]!r}.")
    words = tuple(choices or ())
    if len(words) > MOST_CHOICES or len(set(words)) < len(words):
        raise ArgumentError(
            f"Choices differ from each other and are at most {MOST_CHOICES}, got {len(words)}."
        )
    wrong = next((w for w in words if not w.strip() or len(w) > CHOICE_CHARS), None)
    if wrong is not None:
        raise ArgumentError(f"A choice has 1 to {CHOICE_CHARS} characters, got {wrong[:80]!r}.")
    return WaitingOn("answer", text, choices=words)


def outcome_of(value: Any, error: BaseException | None) -> Outcome:
    """Name what a value or an error comes to."""
    if error is None:
        return "success", value, None
    kind = "canceled" if isinstance(error, CancellationException) else "error"
    return kind, None, error
