"""One run of a machine: what runs in each state, which event comes, where that leads.

- Steps are children, one after the other. Which signals they published, and in which order, is
  drawn from the record where there is one; an outcome follows from what a step came to.
- Events are taken in this order: signals, as they were committed; then the outcome of the entry;
  then what a person answers. A signal that fits nothing in the state that it meets is told and goes;
  those behind the one that fits are there for the next state.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from ...core.contracts.declared import written
from ...core.contracts.persistent import Path
from ...core.errors import ArgumentError, BudgetError, listed
from ...core.events import Drawn
from ...core.functions.kinds import Function
from ...core.messages import MachineStep, TranscriptPosition
from ...core.views import NodeState
from ...runtime.consent import CHOICE_CHARS, MOST_CHOICES
from ...runtime.context import RunContext
from ...runtime.nodes import Node
from ..zones import Zone, zone_by_name
from .finished import Finished
from .machine import FAILED, SUCCEEDED, Machine, MachineState, shown

OUTCOMES = {NodeState.Success: "success", NodeState.Error: "error", NodeState.Canceled: "canceled"}
_NOWHERE = TranscriptPosition(0, 0)


def names_of(path: str) -> tuple[str, ...]:
    """Give the events that a signal at this path may be: its field's name, also without `sig_`."""
    field = path.rpartition(".")[2]
    bare = field.partition("_")[2] if zone_by_name(field) is Zone.SIGNAL else ""
    return (field, bare) if bare else (field,)


class MachineRun:
    """One run of a machine."""

    def __init__(
        self,
        ctx: RunContext,
        name: str,
        machine: Machine,
        uses: Sequence[Function],
        inputs: Mapping[str, Any],
        max_ops: int,
    ) -> None:
        assert ctx.node is not None
        self._ctx = ctx
        self._node: Node = ctx.node
        self._name = name
        self._machine = machine
        self._max_ops = max_ops
        self._fns = {fn.name: fn for fn in uses}
        self._start = str(inputs["start"])
        self._inputs = {k: v for k, v in inputs.items() if k != "start" and v is not None}
        self._results: dict[str, Any] = {}
        self._history: list[dict[str, Any]] = []
        # Paths of signals that were published, and that no state has met.
        self._sent: list[str] = []
        self._lock = threading.Lock()  # guards what was sent: steps end on any thread
        self._queue: deque[str] = deque()

    async def run(self) -> Finished:
        """Go from state to state until one is an end."""
        self._check()
        tree, mine = self._node.tree, self._node.id
        tree.hears = hears = tree.hears or {}
        hears[mine] = self._hear
        try:
            return await self._go(self._machine.states[self._start])
        finally:
            del hears[mine]

    def _check(self) -> None:
        states = self._machine.states
        if self._start not in states:
            raise ArgumentError(
                f"{self._name}() has no state {shown(self._start)}. There is: {listed(map(shown, states))}."
            )
        for one in self._machine.reached(self._start):
            for step in one.entry:
                for arg in self._fns[step].args:
                    given = arg.name in self._inputs or arg.name in self._fns
                    if arg.required and not given:
                        raise ArgumentError(
                            f"{self._name}() needs {arg.name}: {step}() takes it, in {shown(one.name)}."
                        )

    def _hear(self, paths: Sequence[Path]) -> None:
        with self._lock:
            self._sent += map(written, paths)

    async def _go(self, here: MachineState) -> Finished:
        nth = 0
        while True:
            nth += 1
            outcome, error = await self._enter(here)
            found = self._found(nth, here, outcome, error)
            if here.is_end:
                self._left(nth, here, outcome, "", "")
                return Finished(here.name, self._history, self._results)
            event, to = found or await self._asked(nth, here, outcome)
            if nth > self._max_ops:
                raise BudgetError(
                    f"{self._name}() made {self._max_ops:,} transitions, the most it may make, and "
                    f"is in {shown(here.name)}. Where that is meant, give `max_ops`."
                )
            self._left(nth, here, outcome, event, to)
            self._ctx.status(f"{here.name} → {to}: {event}")
            here = self._machine.states[to]

    async def _enter(self, here: MachineState) -> tuple[str, BaseException | None]:
        """Run what runs in a state, and have the signals that it published."""
        nodes: list[Node] = []
        for name in here.entry:
            node = self._ctx.invoke(self._fns[name], self._args(self._fns[name]))
            nodes.append(node)
            await node.ended()
            self._ctx.check()
            if node.state is not NodeState.Success:
                break
            self._results[name] = node.outputs
        if not nodes:
            return "", None
        self._queue.extend(self._drawn())
        last = nodes[-1]
        return OUTCOMES[last.state], last.exception

    def _args(self, fn: Function) -> dict[str, Any]:
        """Give a step what it takes: of the inputs, and of what others gave, by their names."""
        known = {**self._inputs, **self._results}
        return {arg.name: known[arg.name] for arg in fn.args if arg.name in known}

    def _drawn(self) -> list[str]:
        """Give the signals that came, in the order that the record tells where it holds just them."""
        with self._lock:
            came, self._sent = self._sent, []
        cursor = self._node.cursor
        served = cursor.draw_of(self._node, "events", "")
        told = [] if served is None else [str(one) for one in served[0]]
        is_told = served is not None and (cursor.is_alone or sorted(told) == sorted(came))
        events = told if is_told else came
        self._node.runtime.log.post(self._node, Drawn("events", events, "", is_told))
        return events

    def _found(
        self, nth: int, here: MachineState, outcome: str, error: BaseException | None
    ) -> tuple[str, str] | None:
        """Give the event that comes by itself, and where it leads."""
        unheard: dict[str, int] = {}
        found = None
        while self._queue and found is None:
            path = self._queue.popleft()
            found = here.taken(*names_of(path))
            if found is None:
                unheard[path] = unheard.get(path, 0) + 1
        for path, count in unheard.items():
            self._note(MachineStep(_NOWHERE, nth, here.name, here.entry, outcome, path, "", count))
        if found is None and outcome:
            found = here.taken(*(SUCCEEDED if outcome == "success" else FAILED))
        if found is None and error is not None:
            self._left(nth, here, outcome, "", "")
            raise error
        return found

    async def _asked(self, nth: int, here: MachineState, outcome: str) -> tuple[str, str]:
        """Wait, without a thread, for the event that a person says."""
        choices = here.awaited
        fits = len(choices) <= MOST_CHOICES and all(len(one) <= CHOICE_CHARS for one in choices)
        text = f"{self._name} is in {here.name}. Which event comes?"
        while True:
            said = str(await self._ctx.ask(text, choices if fits else None))
            found = here.taken(said)
            if found is not None:
                return found
            words = said[:CHOICE_CHARS]
            self._note(MachineStep(_NOWHERE, nth, here.name, here.entry, outcome, words, "", 1))
            self._ctx.status(f"{here.name}: {words} is none of its events")

    def _left(self, nth: int, here: MachineState, outcome: str, event: str, to: str) -> None:
        step = MachineStep(_NOWHERE, nth, here.name, here.entry, outcome, event, to, 1)
        self._note(step)
        self._history.append({
            "state": here.name,
            "entry": list(here.entry),
            "outcome": outcome,
            "event": event,
            "next": to,
        })  # fmt: skip

    def _note(self, step: MachineStep) -> None:
        self._node.runtime.post_note(self._node, step)
