"""A flow as one Function: its steps are calls below it, its verification is one too."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ..core.errors import ArgumentError, listed
from ..core.functions.arguments import FunctionArg
from ..core.functions.kinds import CodeFunction, Function, newest
from ..core.views import NodeState, NodeView
from ..determinism.levels import unsafe_config
from ..determinism.rules import Decision, Rule, VerificationPolicy
from ..determinism.verification import Verification, VerificationFailure, verify
from .manifest import ConfigurationError, FlowManifest
from .plan import FlowPlan, ResolvedStep, resolve
from .policy_file import policy_from_json
from .step_artifacts import (
    ArtifactStore,
    SemanticViolationError,
    artifacts_in,
    check_output,
    check_parents,
    kept_and_read_back,
)

_ARGS = ("manifest", "policy", "inputs")
MOST_FINDINGS = 50


def flow(
    manifest: FlowManifest,
    *,
    policy: VerificationPolicy | Mapping[str, Any] | None = None,
    functions: Iterable[Function] = (),
    inputs: Mapping[str, Any] | None = None,
    is_enforced: bool = True,
    artifacts: ArtifactStore | None = None,
) -> CodeFunction:
    """Make one Function of a flow: called, it runs the agents and verifies what they gave.

    Each agent is the Function of its name, in `functions` or defined here. It is called once
    what it depends on is done, beside all others that may run then, and is given what its
    arguments ask for: the result of an agent that it depends on, by that one's name; `results`,
    all of them; what `inputs` holds; `agent_id`, `seed`, `inputs_fingerprint`, `step_index`,
    `flow_id`, `tenant_id`, `determinism_level`, `declared_outputs`, `dependencies`,
    `evidence`, `dataset`, `retrieval_contracts`, `verification_gates`.

    A step that failed takes only those with it that depend on it. A gate that names a
    Function is a rule of the verification.

    Args:
        manifest: The flow.
        policy: What it is held to, as a policy or as the JSON of its file.
        functions: Where its agents are looked for first.
        inputs: What its agents may ask for beside.
        is_enforced: False to give the verification instead of failing by it.
        artifacts: Where what the steps make is kept, and read back while it is verified.

    Raises:
        ConfigurationError: Where an agent names no Function, or asks for what is not given.
    """
    here = {fn.name: fn for fn in functions}
    agents = {name: _function(name, here) for name in manifest.agents}
    given = _sorted(dict(inputs or {}))
    _check_inputs(manifest, resolve(manifest), agents, given)
    words = _sorted(dict(policy)) if isinstance(policy, Mapping) else None
    ruled = policy if isinstance(policy, VerificationPolicy) else policy_from_json(words or {})
    gates = [fn for name in manifest.verification_gates if (fn := _known(name, here)) is not None]
    # What a body reaches is hashed: plain words are, a policy may not be.
    held = ruled if words is None and policy is not None else words or {}
    name = _name(manifest.flow_id, set(agents))
    kept = None if artifacts is None else _Kept(artifacts, resolve(manifest))
    verifies = _verifies(verification_name(name), held, gates, kept)
    failure_mode = ruled.failure_mode
    if words is None:
        words = {} if policy is None else {"fingerprint": ruled.fingerprint}
    defaults = {"manifest": _sorted(manifest.to_json()), "policy": words, "inputs": given}

    async def body(
        ctx: Any,
        *,
        manifest: Any = defaults["manifest"],
        policy: Any = defaults["policy"],
        inputs: Any = defaults["inputs"],
    ) -> dict[str, Any]:
        for name, value in (("manifest", manifest), ("policy", policy)):
            if value != defaults[name]:
                raise ArgumentError(f"This is another flow than the one given: {name} differs.")
        plan = resolve(FlowManifest.from_json(manifest))
        loose = unsafe_config(plan.manifest.determinism_level, failure_mode)
        if loose is not None:
            ctx.status(loose)
        results = await _Steps(ctx, plan, agents, inputs).run()
        _hold_parents(ctx, plan, results, is_enforced)
        found = await ctx.invoke(verifies, {})
        if is_enforced and found["status"] != "PASS":
            named = ", ".join(found["violations"][:8])
            raise VerificationFailure(f"The flow was not verified: {found['status']}: {named}.")
        return {"results": results, "verification": found}

    return CodeFunction(
        name=name,
        desc=f"Flow {manifest.flow_id[:200]}",
        args=[FunctionArg(name, dict[str, Any], default=defaults[name]) for name in _ARGS],
        callable=body,
        uses=[*agents.values(), verifies],
    )


def parts_of(inputs: Mapping[str, Any]) -> tuple[FlowManifest, dict[str, Any], dict[str, Any]]:
    """Read a flow, its policy and its inputs off the arguments of its recorded call."""
    if set(inputs) != set(_ARGS):
        raise ConfigurationError("This run is not one of a flow.")
    return (
        FlowManifest.from_json(inputs["manifest"]),
        dict(inputs["policy"] or {}),
        dict(inputs["inputs"] or {}),
    )


def is_flow(inputs: Mapping[str, Any]) -> bool:
    """Say whether the arguments of a recorded call are those of a flow."""
    manifest = inputs.get("manifest")
    return set(inputs) == set(_ARGS) and isinstance(manifest, Mapping) and "flow_id" in manifest


def verification_name(flow_name: str) -> str:
    """Name the Function that verifies what a flow's steps gave, by the flow's own."""
    return f"verify_{flow_name}"


def verification_in(view: NodeView) -> Mapping[str, Any] | None:
    """Give what the verification of a flow's run came to, as far as it did."""
    for one in view.children:
        if one.fn.name == verification_name(view.fn.name) and isinstance(one.outputs, Mapping):
            return one.outputs
    return None


def _sorted(data: Any) -> Any:
    """Give JSON in one order: what comes back from a record is the same flow then."""
    if isinstance(data, Mapping):
        return {name: _sorted(data[name]) for name in sorted(data)}
    return [_sorted(one) for one in data] if isinstance(data, list) else data


def _name(flow_id: str, taken: set[str]) -> str:
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", flow_id)[:50]
    if not re.match(r"[A-Za-z_]", plain):
        plain = f"flow_{plain[:45]}"
    return f"{plain}_flow" if plain in taken else plain


def _known(name: str, here: Mapping[str, Function]) -> Function | None:
    return here.get(name) or newest(name)


def _function(name: str, here: Mapping[str, Function]) -> Function:
    found = _known(name, here)
    if found is not None:
        return found
    raise ConfigurationError(
        f"Agent {name[:80]!r} names no registered Function. There is: "
        f"{listed(here)}. Define it, or import the module that does, before the flow."
    )


def _check_inputs(
    manifest: FlowManifest,
    plan: FlowPlan,
    agents: Mapping[str, Function],
    inputs: Mapping[str, Any],
) -> None:
    """Look whether each agent can be given what it asks for, before any of them runs."""
    names: set[str] = set()
    for step in plan.steps:
        known = _offered(manifest, step, {}, inputs)
        for arg in agents[step.agent_id].args:
            names.add(arg.name)
            if arg.required and arg.name not in known:
                raise ConfigurationError(
                    f"Agent {step.agent_id!r} asks for {arg.name!r}, which is not given. Give it "
                    f"as an input of the flow. There is: {listed(known, 20)}."
                )
    strange = sorted(set(inputs) - names)
    if strange:
        raise ConfigurationError(f"No agent of this flow asks for the input {strange[0][:80]!r}.")


def _argument(name: str) -> str:
    return name.replace("-", "_")


def _offered(
    manifest: FlowManifest,
    step: ResolvedStep,
    results: Mapping[str, Any],
    inputs: Mapping[str, Any],
) -> dict[str, Any]:
    """Give all that a step may ask for, by name; the nearest wins."""
    mine = {name: results.get(name) for name in step.declared_dependencies}
    return {
        "agent_id": step.agent_id,
        "step_index": step.step_index,
        "seed": step.seed,
        "inputs_fingerprint": step.inputs_fingerprint,
        "determinism_level": step.determinism_level,
        "dependencies": list(step.declared_dependencies),
        "declared_outputs": [],
        "evidence": [one for value in mine.values() for one in _evidence(value)],
        "flow_id": manifest.flow_id,
        "tenant_id": manifest.tenant_id,
        "dataset": dict(manifest.dataset),
        "retrieval_contracts": list(manifest.retrieval_contracts),
        "verification_gates": list(manifest.verification_gates),
        "results": mine,
        **inputs,
        **{_argument(name): value for name, value in mine.items()},
    }


def _evidence(value: Any) -> list[Any]:
    found = value.get("evidence") if isinstance(value, Mapping) else None
    return list(found) if isinstance(found, (list, tuple)) else []


class _Steps:
    """The steps of one run: each begins when all that it depends on has given its result."""

    def __init__(
        self, ctx: Any, plan: FlowPlan, agents: Mapping[str, Function], inputs: Mapping[str, Any]
    ) -> None:
        self._ctx = ctx
        self._plan = plan
        self._agents = agents
        self._inputs = inputs
        self._results: dict[str, Any] = {}
        self._tasks: dict[str, asyncio.Task[bool]] = {}
        self._errors: dict[int, BaseException] = {}

    async def run(self) -> dict[str, Any]:
        for step in self._plan.steps:
            self._tasks[step.agent_id] = asyncio.ensure_future(self._step(step))
        await asyncio.gather(*self._tasks.values())
        if self._errors:
            raise self._errors[min(self._errors)]
        return {name: self._results[name] for name in self._tasks}

    async def _step(self, step: ResolvedStep) -> bool:
        """Run one step, and say whether it gave a result."""
        before = [await self._tasks[name] for name in step.declared_dependencies]
        if not all(before):
            return False
        fn = self._agents[step.agent_id]
        known = _offered(self._plan.manifest, step, self._results, self._inputs)
        args = {arg.name: known[arg.name] for arg in fn.args if arg.name in known}
        try:
            value = await self._ctx.invoke(fn, args)
            check_output(step.agent_id, value)
            self._results[step.agent_id] = value
        except Exception as error:  # noqa: BLE001  the first in the flow's order is raised
            self._errors[step.step_index] = error
            return False
        return True


def _hold_parents(ctx: Any, plan: FlowPlan, results: Mapping[str, Any], is_enforced: bool) -> None:
    try:
        check_parents(plan, results)
    except SemanticViolationError as error:
        if is_enforced:
            raise
        ctx.status(str(error))


class _Kept:
    """Where the artifacts of a flow go, and what is kept there."""

    def __init__(self, store: ArtifactStore, plan: FlowPlan) -> None:
        self._store = store
        self._plan = plan

    def __call__(self, results: Mapping[str, Any]) -> list[Decision]:
        return kept_and_read_back(self._store, artifacts_in(self._plan, results))


def _verifies(
    name: str,
    policy: VerificationPolicy | Mapping[str, Any],
    gates: list[Function],
    kept: _Kept | None,
) -> CodeFunction:
    """Make the Function that holds what the steps gave to the policy."""

    def body(ctx: Any) -> dict[str, Any]:
        above = ctx.node.parent.view()
        steps = tuple(one for one in above.children if one.fn.name != name)
        given = {one.fn.name: one.outputs for one in steps}
        view = replace(above, children=steps, state=NodeState.Success, outputs=given)
        also = [] if kept is None else kept(given)
        return verification_to_json(verify(view, _held(policy, gates), also=also))

    held = _held(policy, gates)
    calls = [rule.check for rule in held.own if isinstance(rule.check, Function)]
    return CodeFunction(
        name=name,
        desc="Hold what the steps of a flow gave to its policy.",
        args=[],
        callable=body,
        uses=calls,
    )


def _held(
    policy: VerificationPolicy | Mapping[str, Any], gates: list[Function]
) -> VerificationPolicy:
    held = policy if isinstance(policy, VerificationPolicy) else policy_from_json(policy)
    if not gates:
        return held
    return replace(held, rules=[*held.rules, *(Rule(id=f"gate {g.name}", check=g) for g in gates)])


def verification_to_json(verification: Verification) -> dict[str, Any]:
    """Give a verification as plain JSON, bounded."""
    return {
        "status": verification.status,
        "violations": list(verification.violations),
        "findings": list(verification.findings[:MOST_FINDINGS]),
        "contradiction_count": verification.contradiction_count,
        "policy": verification.policy,
        "decisions": [
            {
                "engine": one.engine,
                "status": one.status,
                "reason": one.reason,
                "violations": list(one.violations),
                "node_key": one.node_key,
            }
            for one in verification.decisions[:MOST_FINDINGS]
        ],
    }
