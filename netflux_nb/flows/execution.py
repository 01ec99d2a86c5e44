"""The run of a flow in each of its modes, its replay, and its continuation."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from .. import session
from ..core.errors import ArgumentError, stringify
from ..core.functions.kinds import CodeFunction, Function
from ..core.views import NodeState, NodeView
from ..determinism.entropy import Determinism
from ..determinism.levels import environment_fingerprint
from ..determinism.rules import VerificationPolicy
from ..determinism.verdict import ReplayDiffError, judge
from ..determinism.verification import Verifies
from ..governance.budgets import Budget
from ..record.environment import environment
from ..record.reading import check, file_of
from ..replay.begin import Replayed, replay, resume
from ..replay.recording import Recording
from ..run import Run
from ..runtime.nodes import Node
from ..runtime.runtime import Runtime
from .call_plan import CallPlan, plan
from .flow import flow, parts_of, verification_in, verification_to_json
from .limits import ExecutionBudget, Limits
from .manifest import ConfigurationError, FlowManifest
from .modes import Mode, begin, loosened, observe
from .plan import FlowPlan, plan_diff, resolve
from .policy_file import policy_from_json
from .step_artifacts import ArtifactStore

Policy = VerificationPolicy | Mapping[str, Any] | None


class Observer(Protocol):
    """Who is told of a flow. `on_stage_start` and `on_stage_end` may be missing."""

    def on_event(self, event: Any) -> None:
        """Hear of an event."""
        ...


@dataclass(frozen=True, kw_only=True)
class FlowResult:
    """What a flow came to in a mode. What its mode does not make is None."""

    mode: Mode
    plan: FlowPlan
    calls: CallPlan | None = None
    view: NodeView | None = None
    run: Run | None = None
    verification: Mapping[str, Any] | None = None

    @property
    def is_ok(self) -> bool:
        """True where all of it succeeded and was verified; of a plan, where nothing stops it."""
        if self.mode == "plan":
            return self.calls is not None and self.calls.is_sound
        if self.mode != "observe" and (
            self.view is None or self.view.state is not NodeState.Success
        ):
            return False
        if self.mode == "dry-run":
            return True
        return self.verification is not None and self.verification["status"] == "PASS"

    @property
    def results(self) -> Mapping[str, Any]:
        """What each agent gave, by its name, as far as there is something."""
        outputs = None if self.view is None else self.view.outputs
        found = outputs.get("results") if isinstance(outputs, Mapping) else None
        return found if isinstance(found, Mapping) else {}


def execute_flow(
    manifest: FlowManifest,
    mode: Mode = "live",
    *,
    policy: Policy = None,
    functions: Iterable[Function] = (),
    inputs: Mapping[str, Any] | None = None,
    budget: ExecutionBudget | None = None,
    observers: Iterable[Observer] = (),
    run: Run | None = None,
    is_strict: bool = False,
    artifacts: ArtifactStore | None = None,
    **options: Any,
) -> FlowResult:
    """Run a flow in a mode, to its end; what it failed with is in its view.

    Args:
        manifest: The flow.
        mode: "plan" runs nothing, "dry-run" runs it with stand-ins, "live" for real, "unsafe"
            looks on where "live" would stop, "observe" judges the recorded `run`.
        policy: What its results are held to; the eight rules on claims, where left out.
        functions: Where its agents are looked for first.
        inputs: What its agents may ask for beside.
        budget: What it may come to.
        observers: Who is told.
        run: Which run is observed.
        is_strict: Refuse what varies undeclared, whatever level the flow says.
        artifacts: Where what its agents make is kept, and read back while it is verified.
        options: What its runtime is made with, such as `models` and `record`.
    """
    manifest.check_runnable()
    watchers = _Told(observers)
    made: Any = str(mode)  # of an enum, its word
    if made == "observe":
        if run is None:
            raise ArgumentError("To observe needs the run: give `run=`.")
        ruled = policy if isinstance(policy, VerificationPolicy) else policy_from_json(policy or {})
        found = verification_to_json(observe(run, ruled))
        return FlowResult(
            mode="observe", plan=resolve(manifest), view=run.view(), run=run, verification=found
        )
    with watchers.stage("planning"):
        resolved = resolve(manifest)
        fn = flow(
            manifest,
            policy=policy,
            functions=functions,
            inputs=inputs,
            is_enforced=made == "live",
            artifacts=artifacts if made in ("live", "unsafe") else None,
        )
        policies = policies_of(manifest, policy, budget, is_strict=is_strict)
        policies += options.pop("policies", ())
        if made == "unsafe":
            policies = loosened(policies)
    if made == "plan":
        options["record"] = False
    with Runtime([fn], policies=policies, **options) as runtime:
        if made == "plan":
            return FlowResult(
                mode="plan",
                plan=resolved,
                calls=_with_gates(plan(fn, {}, runtime=runtime), resolved),
            )
        about = {
            "flow": {
                "flow_id": manifest.flow_id,
                "tenant_id": manifest.tenant_id,
                "plan_hash": resolved.plan_hash,
            }
        }
        return _run(runtime, resolved, made, lambda: begin(runtime, fn, {}, made, about), watchers)


def policies_of(
    manifest: FlowManifest,
    policy: Policy,
    budget: ExecutionBudget | None = None,
    *,
    is_strict: bool = False,
) -> list[Any]:
    """Give the policies that a flow declares: on what varies, on results, on how much."""
    policies: list[Any] = [
        Determinism(
            level="strict" if is_strict else manifest.determinism_level,
            budget=manifest.entropy_budget,
            intents=manifest.nondeterminism_intent,
            variance=manifest.allowed_variance_class,
        )
    ]
    ruled = policy if isinstance(policy, VerificationPolicy) else policy_from_json(policy or {})
    # No Function can be called while a Node ends: such rules hold for the flow as a whole.
    plain = [rule for rule in ruled.own if not isinstance(rule.check, Function)]
    policies.append(Verifies(replace(ruled, rules=plain)))
    if budget is not None:
        if budget.token_limit is not None:
            policies.append(Budget(tokens=budget.token_limit))
        policies.append(Limits(budget, frozenset(manifest.agents)))
    return policies


def _with_gates(calls: CallPlan, resolved: FlowPlan) -> CallPlan:
    """Say of a plan what of the flow nobody judges."""
    manifest = resolved.manifest
    known = {child.fn for one in calls.root.children for child in one.children}
    words = [
        f"The gate {name[:80]!r} names no Function, so nothing asks it."
        for name in manifest.verification_gates
        if name not in known
    ]
    words += [
        f"The contract {name[:80]!r} is handed to agents that ask for it; nothing enforces it."
        for name in manifest.retrieval_contracts
    ]
    return replace(calls, unjudged=(*calls.unjudged, *words))


# How long a flow that has ended waits for its observers to have heard of it.
HEAR_S = 10.0


def _run(runtime: Runtime, resolved: FlowPlan, mode: Mode, start: Any, told: _Told) -> FlowResult:
    subscription = runtime.subscribe(told.hear) if told.is_asked else None
    with told.stage("execution"):
        node: Node = start()
        session.wait(node)
    with told.stage("finalization"):
        run = Run.of(node)
        view = node.view()
        stored = None
        if run.id:
            session.flush()
            stored = Run(run.folder, run.id)
        if subscription is not None:
            subscription.close()
            subscription.join(HEAR_S)
    verification = verification_in(view)
    return FlowResult(mode=mode, plan=resolved, view=view, run=stored, verification=verification)


class _Told:
    """The observers of one run. One that raises is not asked again."""

    def __init__(self, observers: Iterable[Observer]) -> None:
        self._observers = list(observers)

    @property
    def is_asked(self) -> bool:
        return bool(self._observers)

    def hear(self, event: Any) -> None:
        self._tell("on_event", event)

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self._tell("on_stage_start", name)
        yield
        self._tell("on_stage_end", name)

    def _tell(self, method: str, what: Any) -> None:
        for one in list(self._observers):
            told = getattr(one, method, None)
            if told is None:
                continue
            try:
                told(what)
            except Exception:  # noqa: BLE001  an observer never stops what it observes
                self._observers.remove(one)


def replay_flow(
    recording: Recording,
    manifest: FlowManifest | None = None,
    *,
    policy: Policy = None,
    functions: Iterable[Function] = (),
) -> Replayed:
    """Replay a recorded flow, as its own `replay_mode` and `replay_acceptability` say.

    Nothing is asked and nothing is paid: what is compared is the record with what its code
    comes to now.

    Args:
        recording: The run.
        manifest: The flow as it is now; the recorded one, where left out.
        policy: Its policy as it is now; the recorded one, where left out.
        functions: Where its agents are looked for first.

    Raises:
        ReplayDiffError: Where the flow, its policy or its surroundings are not as they were.
    """
    recorded, then, inputs = parts_of(recording.root.opened.inputs)
    now = manifest or recorded
    held = _held(then, policy)
    diffs = plan_diff(
        recorded,
        now,
        policies=(_policy_hash(then), _policy_hash(held)),
        environments=(_recorded_environment(recording), _environment()),
    )
    judged = judge(diffs, now.replay_mode, now.replay_acceptability)
    if not judged.is_accepted:
        raise ReplayDiffError("plan_mismatch", diffs, recording.run)
    # What it ran with is what is run again: other differences were accepted.
    own = held if _is_fingerprint(then) else then
    fn = flow(
        recorded,
        policy=own or None,
        functions=functions,
        inputs=inputs,
        is_enforced=_mode_of(recording) == "live",
    )
    return replay(
        recording,
        fn,
        mode=now.replay_mode,
        acceptability=now.replay_acceptability,
        envelope=now.replay_envelope,
    )


def _mode_of(recording: Recording) -> str:
    """Give the mode that a flow ran in: "live" where its record does not say."""
    return str(recording.about.get("mode") or "live")


def _is_fingerprint(policy: Mapping[str, Any]) -> bool:
    return set(policy) == {"fingerprint"}


def _held(recorded: Mapping[str, Any], policy: Policy) -> Policy:
    """Give the policy that counts now."""
    if policy is None and _is_fingerprint(recorded):
        raise ConfigurationError("The policy of this flow was none of JSON. Give it: `policy=`.")
    return recorded if policy is None else policy


def _policy_hash(policy: Policy) -> str:
    if isinstance(policy, VerificationPolicy):
        return policy.fingerprint
    if policy and _is_fingerprint(policy):
        return str(policy["fingerprint"])
    return policy_from_json(policy or {}).fingerprint


def _environment() -> str:
    return _hashed(environment(Path.cwd()))


def _hashed(found: Mapping[str, Any]) -> str:
    return environment_fingerprint(
        str(found.get("python")), str(found.get("platform")), found.get("packages") or {}
    )


def _recorded_environment(recording: Recording) -> str:
    """Hash the surroundings that a run was recorded in; those of now where it does not say."""
    rows = check(file_of(recording.folder, recording.run)).rows
    told = [row for row in rows if row.get("event") == "Environment"]
    return _hashed(told[-1]) if told else _environment()


def resume_flow(
    recording: Recording,
    *,
    policy: Policy = None,
    functions: Iterable[Function] = (),
    force: bool = False,
    **options: Any,
) -> FlowResult:
    """Go on with a flow that was cut off or cancelled: what it has is served, the rest is live.

    `force` goes on although it may still run, or was resumed already. The others are those of
    `execute_flow`: `policy`, `functions`, and `options` of its runtime.
    """
    manifest, then, inputs = parts_of(recording.root.opened.inputs)
    manifest.check_runnable()
    held = _held(then, policy)
    mode = _mode_of(recording)
    fn: CodeFunction = flow(
        manifest,
        policy=held or None,
        functions=functions,
        inputs=inputs,
        is_enforced=mode == "live",
    )
    policies = [*policies_of(manifest, held), *options.pop("policies", ())]
    if mode == "unsafe":
        policies = loosened(policies)
    with Runtime([fn], policies=policies, **options) as runtime:
        return _run(
            runtime,
            resolve(manifest),
            "unsafe" if mode == "unsafe" else "live",
            lambda: resume(runtime, recording, fn, force=force),
            _Told(()),
        )


def failure_of(view: NodeView) -> str:
    """Say in a line what a tree failed with; nothing where it did not."""
    return "" if view.exception is None else stringify(view.exception, 300)
