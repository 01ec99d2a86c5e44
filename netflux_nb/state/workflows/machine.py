"""A machine: states with what runs in them, and the events that lead from one to the next.

What is wrong with one is told when it is read, all of it at once.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...core.errors import FunctionError
from ...core.functions.kinds import Function
from ...core.text.legible import escaped

MOST_STATES = 10_000
MOST_ENTRY = 1_000
MOST_CHARS = 200
# Findings that are told.
MOST_TOLD = 20

# What the end of an entry sends; the first of each is taken where both are there.
SUCCEEDED = ("EVT_SUCCESS", "EVT_CHAIN_DONE")
FAILED = ("EVT_FAIL", "EVT_CHAIN_FAIL")
_OUTCOMES = frozenset(name.casefold() for name in (*SUCCEEDED, *FAILED))

_TOP = ("states", "steps", "start", "name")
_EVENTS = ("events", "on", "transitions")
_ENTRY = ("entry", "process")


@dataclass(frozen=True, slots=True)
class MachineState:
    """One state: the Functions that run in it, and where events lead from it."""

    name: str
    entry: tuple[str, ...] = ()
    events: Mapping[str, str] = field(default_factory=dict)
    # By the event, whatever its case.
    _folded: Mapping[str, tuple[str, str]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        folded = {event.casefold(): (event, to) for event, to in self.events.items()}
        object.__setattr__(self, "_folded", folded)

    @property
    def is_end(self) -> bool:
        """True where no event leads on."""
        return not self.events

    @property
    def awaited(self) -> tuple[str, ...]:
        """The events that come from outside, or from signals."""
        return tuple(event for event in self.events if event.casefold() not in _OUTCOMES)

    def taken(self, *names: str) -> tuple[str, str] | None:
        """Give the event, and where it leads, that the first of these names is here."""
        found = (self._folded.get(name.casefold()) for name in names)
        return next((one for one in found if one is not None), None)


@dataclass(frozen=True, slots=True)
class Machine:
    """States by name, in their order, and the one to begin in."""

    states: Mapping[str, MachineState]
    start: str

    @property
    def words(self) -> dict[str, Any]:
        """All of it, as it is read."""
        return {
            "start": self.start,
            "states": {
                one.name: {"entry": list(one.entry), "events": dict(one.events)}
                for one in self.states.values()
            },
        }

    @property
    def entries(self) -> list[str]:
        """The names of all Functions that run in it."""
        return list(dict.fromkeys(name for one in self.states.values() for name in one.entry))

    def reached(self, start: str) -> list[MachineState]:
        """List the states that can be come to from one, itself first."""
        found, seen = [start], {start}
        for name in found:
            for to in self.states[name].events.values():
                if to not in seen and to in self.states:
                    seen.add(to)
                    found.append(to)
        return [self.states[name] for name in found]


class Findings:
    """What is wrong with a machine."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._told: list[str] = []
        self._more = 0

    def add(self, words: str, wrong: str = "", known: Collection[str] = ()) -> None:
        """Tell something; `wrong` may be meant as one that is known."""
        if len(self._told) >= MOST_TOLD:
            self._more += 1
            return
        near = difflib.get_close_matches(wrong, list(known)[:MOST_STATES], 1, 0.6) if wrong else []
        if not near:
            near = [one for one in known if wrong and one.casefold() == wrong.casefold()][:1]
        self._told.append(words + (f" Did you mean {shown(near[0])}?" if near else ""))

    def check(self) -> None:
        """Raise where something was told."""
        if not self._told:
            return
        more = [f"… and {self._more} more"] if self._more else []
        if len(self._told) == 1:
            raise FunctionError(f"{self._name}: {self._told[0]}")
        lines = "\n".join(f"- {one}" for one in (*self._told, *more))
        raise FunctionError(f"{self._name} is no workflow that can run:\n{lines}")


def shown(name: object) -> str:
    """Give a name of a person's as one may read it."""
    return escaped(str(name)[:80]) or "''"


def read_machine(data: Any, findings: Findings) -> tuple[Machine, dict[str, Function]]:
    """Read a machine off what a file or a dict says, with the Functions that it holds itself."""
    functions: dict[str, Function] = {}
    if not isinstance(data, Mapping) or ("states" in data) == ("steps" in data):
        findings.add("A workflow is a mapping with either `states` or `steps`.")
        return Machine({}, ""), functions
    for key in data:
        if key not in _TOP:
            findings.add(f"{shown(key)} is none of its keys.", str(key), _TOP)
    if "steps" in data:
        states = _linear(_entry_of(data["steps"], "steps", functions, findings))
        if not data["steps"]:
            findings.add("`steps` holds Functions by name, in their order: [first, second].")
    else:
        states = _states_of(data["states"], functions, findings)
    start = str(data.get("start", next(iter(states), "")))
    machine = Machine(states, start)
    if states and len(states) <= MOST_STATES:
        _check(machine, findings)
    return machine, functions


def _linear(entry: tuple[str, ...]) -> dict[str, MachineState]:
    if not entry:
        return {}
    names = []
    for place, name in enumerate(entry):
        names.append(name if entry.count(name) == 1 else f"{name} {entry[: place + 1].count(name)}")
    end = "DONE"
    while end in names:
        end += "_"
    following = [*names[1:], end]
    states = {
        name: MachineState(name, (fn,), {SUCCEEDED[0]: to})
        for name, fn, to in zip(names, entry, following, strict=True)
    }
    return {**states, end: MachineState(end)}


def _states_of(
    data: Any, functions: dict[str, Function], findings: Findings
) -> dict[str, MachineState]:
    if not isinstance(data, Mapping) or not data:
        findings.add("`states` holds states by name: {IDLE: {events: {CMD: NEXT}}}.")
        return {}
    if len(data) > MOST_STATES:
        findings.add(f"It has {len(data):,} states; the most is {MOST_STATES:,}.")
        return {}
    states: dict[str, MachineState] = {}
    for key, said in data.items():
        name = _name(key, "A state", findings)
        if name in states:
            findings.add(f"{shown(name)} stands twice.")
        states[name] = _state(name, said, functions, findings)
    return states


def _name(key: object, what: str, findings: Findings) -> str:
    name = str(key)
    if not isinstance(key, (str, int, float)) or not name.strip() or len(name) > MOST_CHARS:
        findings.add(f"{what} has a name of 1 to {MOST_CHARS} characters; got {shown(key)}.")
    return name[:MOST_CHARS]


def _state(
    name: str, said: Any, functions: dict[str, Function], findings: Findings
) -> MachineState:
    said = {} if said is None else said
    if not isinstance(said, Mapping):
        findings.add(f"{shown(name)}: a state is a mapping; got {type(said).__name__}.")
        return MachineState(name)
    # YAML 1.1 reads `on` as True.
    told = {"on" if key is True else key: value for key, value in said.items()}
    for key in told:
        if key not in _EVENTS and key not in _ENTRY:
            words = f"{shown(name)}: {shown(key)} is none of its keys."
            findings.add(words, str(key), (*_EVENTS, *_ENTRY))
    where = shown(name)
    events = _events(_one_of(told, _EVENTS, where, findings), where, findings)
    entry = _entry_of(_one_of(told, _ENTRY, where, findings), where, functions, findings)
    return MachineState(name, entry, events)


def _one_of(told: Mapping[Any, Any], keys: Iterable[str], where: str, findings: Findings) -> Any:
    there = [key for key in keys if key in told]
    if len(there) > 1:
        findings.add(f"{where}: {' and '.join(there)} say the same. Keep one.")
    return told[there[0]] if there else None


def _events(said: Any, where: str, findings: Findings) -> dict[str, str]:
    if said is None:
        return {}
    if not isinstance(said, Mapping):
        findings.add(f"{where}: events are a mapping, {{EVENT: STATE}}; got {type(said).__name__}.")
        return {}
    found: dict[str, str] = {}
    folded: set[str] = set()
    for key, to in said.items():
        event = _name(key, f"{where}: an event", findings)
        if event.casefold() in folded:
            findings.add(f"{where}: {shown(event)} stands twice; case does not count.")
        folded.add(event.casefold())
        if not isinstance(to, (str, int, float)):
            findings.add(f"{where}: {shown(event)} leads to one state; got {shown(to)}.")
            continue
        found[event] = str(to)
    return found


def _entry_of(
    said: Any, where: str, functions: dict[str, Function], findings: Findings
) -> tuple[str, ...]:
    listed = said if isinstance(said, (list, tuple)) else [] if said is None else [said]
    if len(listed) > MOST_ENTRY:
        findings.add(f"{where}: {len(listed):,} Functions; the most is {MOST_ENTRY:,}.")
        return ()
    found = []
    for one in listed:
        if isinstance(one, Mapping) and set(one) == {"process"}:
            one = one["process"]
        if isinstance(one, Function):
            if functions.setdefault(one.name, one) is not one:
                findings.add(f"{where}: two Functions are called {one.name}.")
            one = one.name
        if isinstance(one, str) and one:
            found.append(one[:MOST_CHARS])
        else:
            findings.add(f"{where}: a step is the name of a Function; got {shown(one)}.")
    return tuple(found)


def _check(machine: Machine, findings: Findings) -> None:
    states = machine.states
    if machine.start not in states:
        findings.add(
            f"It starts in {shown(machine.start)}, which is no state.", machine.start, states
        )
        return
    for one in states.values():
        _check_state(one, states, findings)
    reached = {one.name for one in machine.reached(machine.start)}
    for name in states:
        if name not in reached:
            findings.add(
                f"{shown(name)} cannot be reached from {shown(machine.start)}. Lead an event to "
                f"it, or begin there: `start: {shown(name)}`."
            )


def _check_state(one: MachineState, states: Mapping[str, MachineState], findings: Findings) -> None:
    where = shown(one.name)
    for event, to in one.events.items():
        if to not in states:
            words = f"{where}: {shown(event)} leads to {shown(to)}, which is no state."
            findings.add(words, to, states)
    for pair in (SUCCEEDED, FAILED):
        both = [found for name in pair if (found := one.taken(name)) is not None]
        if len(both) == 2 and both[0][1] != both[1][1]:
            findings.add(f"{where}: {' and '.join(pair)} are one event, and lead two ways.")
    if one.is_end:
        return
    if all(to == one.name for to in one.events.values()):
        findings.add(f"{where}: all its events lead back to it. Without events it is an end.")
    if one.awaited:
        return
    if not one.entry:
        findings.add(f"{where}: nothing runs in it, so {_first(one)} never comes.")
    elif one.taken(*SUCCEEDED) is None:
        findings.add(f"{where}: nothing follows when it succeeds. Add EVT_SUCCESS.")


def _first(one: MachineState) -> str:
    return shown(next(iter(one.events)))
