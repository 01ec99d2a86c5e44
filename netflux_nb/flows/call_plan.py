"""The plan of one call: all that it may call, its limits and objections, with nothing run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..core.errors import ArgumentError, FunctionError, NoKeyError
from ..core.functions.kinds import AgentFunction, Function
from ..core.functions.versions import version_of
from ..core.messages import provider_name
from ..determinism.entropy import Determinism
from ..determinism.ledger import Ledger, use_of
from ..governance.budgets import Budget
from ..runtime.calls import DEFAULT_MAX_AGENT_LEVELS
from ..runtime.registry import refuse_cycles
from ..runtime.runtime import Runtime
from ..session import default_runtime
from ..show.parts.text import clean

# Of a tree that is drawn, and of a list that is told.
MOST_ROWS = 200
MOST_NAMED = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCall:
    """One Function that may be called, with those that it may call."""

    fn: str
    kind: str
    version: str
    effect: str | None = None
    model: str | None = None
    needs_approval: bool = False
    # It stands further up, or further left, with what it may call.
    is_again: bool = False
    children: tuple[PlannedCall, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Give it as plain JSON."""
        return {
            "fn": self.fn,
            "kind": self.kind,
            "version": self.version,
            "effect": self.effect,
            "model": self.model,
            "needs_approval": self.needs_approval,
            "is_again": self.is_again,
            "children": [child.to_json() for child in self.children],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPlan:
    """What a call may come to: what may be called, by whom it is limited, what speaks against it.

    `faults` would stop the call, or a part of it; `unjudged` cannot be told beforehand.
    """

    root: PlannedCall
    inputs: Mapping[str, Any]
    functions: int
    effects: tuple[str, ...]
    models: tuple[str, ...]
    approvals: tuple[str, ...]
    policies: tuple[str, ...]
    levels: int
    max_levels: int
    faults: tuple[str, ...] = ()
    unjudged: tuple[str, ...] = ()

    @property
    def is_sound(self) -> bool:
        """True where nothing is known that would stop it."""
        return not self.faults

    def to_json(self) -> dict[str, Any]:
        """Give it as plain JSON, without the values of arguments."""
        return {
            "root": self.root.to_json(),
            "inputs": sorted(self.inputs),
            "functions": self.functions,
            "effects": list(self.effects),
            "models": list(self.models),
            "approvals": list(self.approvals),
            "policies": list(self.policies),
            "levels": self.levels,
            "max_levels": self.max_levels,
            "faults": list(self.faults),
            "unjudged": list(self.unjudged),
            "is_sound": self.is_sound,
        }

    def __str__(self) -> str:
        rows = list(_drawn(self.root, "", ""))
        lines = rows[:MOST_ROWS]
        if len(rows) > MOST_ROWS:
            lines.append(f"… {len(rows) - MOST_ROWS:,} more")
        for name, many in (
            ("Models", self.models),
            ("Effects", self.effects),
            ("Asks a person", self.approvals),
            ("Policies", self.policies),
        ):
            if many:
                lines.append(f"{name}: {', '.join(clean(one, 120) for one in many[:MOST_NAMED])}")
        if self.levels:
            lines.append(f"Agent levels: {self.levels} of {self.max_levels}")
        for mark, words in (("✗", self.faults), ("?", self.unjudged)):
            lines += [f"{mark} {clean(one, 300)}" for one in words[:MOST_NAMED]]
            if len(words) > MOST_NAMED:
                lines.append(f"{mark} … {len(words) - MOST_NAMED:,} more")
        return "\n".join(lines)


def _drawn(call: PlannedCall, lead: str, below: str) -> Iterator[str]:
    facts = [call.kind]
    if call.model:
        facts.append(call.model)
    if call.effect:
        facts.append(f"effect {call.effect}")
    if call.needs_approval:
        facts.append("needs approval")
    if call.is_again:
        facts.append("as above")
    yield f"{lead}{clean(call.fn, 64)}()  [{', '.join(clean(one, 60) for one in facts)}]"
    last = len(call.children) - 1
    for place, child in enumerate(call.children):
        is_last = place == last
        yield from _drawn(
            child, below + ("└─ " if is_last else "├─ "), below + ("   " if is_last else "│  ")
        )


class _Walk:
    """The walk through what is used, and what is found on the way."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.seen: dict[int, Function] = {}
        self.faults: dict[str, None] = {}
        self.unjudged: dict[str, None] = {}
        self.models: dict[str, None] = {}

    def call(self, fn: Function) -> PlannedCall:
        is_again = id(fn) in self.seen
        version = version_of(fn)
        model = self.model(fn) if isinstance(fn, AgentFunction) else None
        if not is_again:
            self.seen[id(fn)] = fn
            self.look(fn, version.unhashed)
        return PlannedCall(
            fn=fn.name,
            kind="agent" if fn.is_agent() else "code",
            version=version.digest,
            effect=fn.effect,
            model=model,
            needs_approval=fn.needs_approval,
            is_again=is_again,
            children=() if is_again else tuple(self.call(used) for used in fn.uses),
        )

    def look(self, fn: Function, unhashed: tuple[str, ...]) -> None:
        if unhashed:
            named = ", ".join(unhashed[:3])
            self.unjudged[f"{fn.name}() depends on what cannot be hashed: {named}."] = None
        if fn.uses_recursion:
            self.unjudged[f"{fn.name}() may call itself: how often is not known."] = None
        try:
            fn.json_schema()
        except ArgumentError as error:
            self.faults[f"{fn.name}(): {error}"] = None

    def model(self, fn: AgentFunction) -> str:
        default = self.runtime.model
        own = fn.default_model if fn.names_model else default or fn.default_model
        named = provider_name(own)
        self.models[named] = None
        name = named.partition(":")[0]
        try:
            if not self.runtime.can_ask(name):
                self.faults[f"{fn.name}() wants {name!r}, for which nobody answers here."] = None
        except NoKeyError as error:
            self.faults[f"{fn.name}(): {error}"] = None
        return named


def plan(
    fn: Function, inputs: Mapping[str, Any] | None = None, *, runtime: Runtime | None = None
) -> CallPlan:
    """Say what a call may come to, and what speaks against it. Nothing runs.

    Args:
        fn: What would be called.
        inputs: With which arguments; they are checked as a call would check them.
        runtime: Where it would run, with its models and policies; else the default one.

    Raises:
        ArgumentError: Where the arguments do not fit.

    Example:
        >>> from netflux_nb import function
        >>> @function
        ... def double(x: int) -> int:
        ...     return 2 * x
        >>> plan(double, {"x": 1}).is_sound
        True
    """
    runtime = runtime or default_runtime()
    walk = _Walk(runtime)
    checked: Mapping[str, Any] = {}
    if inputs is None and any(arg.required for arg in fn.args):
        walk.unjudged[f"The arguments of {fn.name}() were not given."] = None
    else:
        checked = fn.validate_coerce_args(inputs or {})
    try:
        refuse_cycles([fn])
    except FunctionError as error:
        walk.faults[str(error)] = None
    root = walk.call(fn)
    found = list(walk.seen.values())
    effects = sorted({one.effect for one in found if one.effect is not None})
    kinds = [*effects, *(["llm"] if walk.models else [])]
    for policy in runtime.gate.policies:
        if isinstance(policy, Determinism):
            walk.faults.update(dict.fromkeys(_refused(policy, kinds)))
    levels = _levels(fn)
    if levels > DEFAULT_MAX_AGENT_LEVELS:
        walk.faults[
            f"Agents call agents {levels} deep; {DEFAULT_MAX_AGENT_LEVELS} levels are allowed."
        ] = None
    limits = [repr(p) for p in runtime.gate.policies if isinstance(p, (Budget, Determinism))]
    others = [
        type(p).__name__
        for p in runtime.gate.policies[1:]
        if not isinstance(p, (Budget, Determinism))
    ]
    return CallPlan(
        root=root,
        inputs=checked,
        functions=len(found),
        effects=tuple(effects),
        models=tuple(walk.models),
        approvals=tuple(one.name for one in found if one.needs_approval or one.effect == "human"),
        policies=(*limits, *others),
        levels=levels,
        max_levels=DEFAULT_MAX_AGENT_LEVELS,
        faults=tuple(walk.faults),
        unjudged=tuple(walk.unjudged),
    )


def _refused(policy: Determinism, kinds: list[str]) -> Iterator[str]:
    """Name the kinds of effects that a policy would refuse at their first use."""
    ledger = Ledger(policy.budget, policy.intents, variance=policy.variance, level=policy.level)
    for kind in kinds:
        use = use_of(kind, policy.magnitudes)
        fault = ledger.fault(use)
        if fault is None:
            continue
        stops = policy.level == "strict" if fault.action is None else fault.action == "halt"
        if stops:
            yield f"{kind} varies ({use.source}, {use.magnitude}): {fault.why}."


def _levels(root: Function) -> int:
    """Say how many agents stand above each other at most; a circle counts once."""
    known: dict[int, int] = {}
    path: set[int] = set()

    def depth(fn: Function) -> int:
        if id(fn) in known:
            return known[id(fn)]
        if id(fn) in path:
            return 0
        path.add(id(fn))
        found = max((depth(used) for used in fn.uses), default=0) + fn.is_agent()
        path.discard(id(fn))
        known[id(fn)] = found
        return found

    return depth(root)
