"""The plan of a flow: its steps in order, with the hashes that tell whether it has changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..core.errors import listed
from ..determinism.levels import EntropyBudget, Intent, Level, Magnitude, fingerprint, step_seed
from .lineage import steps_in_order
from .manifest import SPEC_VERSION, ConfigurationError, FlowManifest


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedStep:
    """One step: an agent, what it comes after, and all that is known of it beforehand."""

    step_index: int
    agent_id: str
    inputs_fingerprint: str
    declared_dependencies: tuple[str, ...]
    determinism_level: Level
    declared_entropy_budget: EntropyBudget
    allowed_variance_class: Magnitude | None
    nondeterminism_intent: tuple[Intent, ...]
    step_type: str = "agent"

    @property
    def seed(self) -> int:
        """The step's seed: it depends on its place and its inputs alone."""
        return step_seed(self.step_index, self.inputs_fingerprint)

    @property
    def spec_version(self) -> str:
        """The version of its form."""
        return SPEC_VERSION

    def to_json(self) -> dict[str, Any]:
        """Give it as plain JSON."""
        return {
            "step_index": self.step_index,
            "step_type": self.step_type,
            "agent_id": self.agent_id,
            "seed": self.seed,
            "inputs_fingerprint": self.inputs_fingerprint,
            "declared_dependencies": list(self.declared_dependencies),
            "determinism_level": self.determinism_level,
            "allowed_variance_class": self.allowed_variance_class,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowPlan:
    """What would run, in which order."""

    manifest: FlowManifest
    steps: tuple[ResolvedStep, ...]

    @property
    def plan_hash(self) -> str:
        """A hash of what decides how the flow runs; not of where it runs, or of its code."""
        words = self.manifest.to_json()
        dataset = {k: v for k, v in words.pop("dataset").items() if k != "storage_uri"}
        return fingerprint(
            {**words, "dataset": dataset, "steps": [s.to_json() for s in self.steps]}
        )

    @property
    def spec_version(self) -> str:
        """The version of its form."""
        return SPEC_VERSION

    def to_json(self) -> dict[str, Any]:
        """Give it as plain JSON."""
        return {
            "flow_id": self.manifest.flow_id,
            "tenant_id": self.manifest.tenant_id,
            "flow_state": self.manifest.flow_state,
            "plan_hash": self.plan_hash,
            "steps": [step.to_json() for step in self.steps],
        }


def resolve(manifest: FlowManifest) -> FlowPlan:
    """Give a flow's steps in the order in which they may run: by name, where it is free."""
    steps = tuple(
        _step(manifest, place, agent)
        for place, agent in enumerate(steps_in_order(manifest.agents, manifest.dependencies))
    )
    return FlowPlan(manifest=manifest, steps=steps)


def _step(manifest: FlowManifest, place: int, agent: str) -> ResolvedStep:
    needs = manifest.needs_of(agent)
    return ResolvedStep(
        step_index=place,
        agent_id=agent,
        inputs_fingerprint=fingerprint(
            {
                "agent_id": agent,
                "dependencies": list(needs),
                "retrieval_contracts": list(manifest.retrieval_contracts),
                "verification_gates": list(manifest.verification_gates),
            }
        ),
        declared_dependencies=needs,
        determinism_level=manifest.determinism_level,
        declared_entropy_budget=manifest.entropy_budget,
        allowed_variance_class=manifest.allowed_variance_class,
        nondeterminism_intent=tuple(manifest.nondeterminism_intent),
    )


def check_plan(plan: FlowPlan, manifest: FlowManifest) -> None:
    """Raise `ConfigurationError` where a plan is not one of this flow."""
    mine, theirs = plan.manifest.to_json(), manifest.to_json()
    other = [name for name in mine if mine[name] != theirs[name]]
    if other:
        raise ConfigurationError(f"The plan is not of this flow: {listed(other)} differ.")
    named = [step.agent_id for step in plan.steps]
    if sorted(named) != sorted(manifest.agents):
        raise ConfigurationError("The steps of the plan are not the agents of the flow, once each.")
    done: set[str] = set()
    for step in plan.steps:
        if step.step_type != "agent":
            raise ConfigurationError(
                f"A step is of type 'agent', {step.agent_id[:80]!r} is {step.step_type[:80]!r}."
            )
        late = [name for name in step.declared_dependencies if name not in done]
        if late or step.declared_dependencies != manifest.needs_of(step.agent_id):
            raise ConfigurationError(
                f"{step.agent_id[:80]!r} does not come after what it depends on."
            )
        done.add(step.agent_id)


_COMPARED = (
    "determinism_level",
    "replay_acceptability",
    "tenant_id",
    "flow_state",
    "replay_envelope",
    "dataset",
    "allow_deprecated_datasets",
)


def plan_diff(
    recorded: FlowManifest,
    now: FlowManifest,
    *,
    policies: tuple[str, str] = ("", ""),
    environments: tuple[str, str] = ("", ""),
) -> dict[str, Any]:
    """Give what differs between the flow of a record and one of today, by name.

    Args:
        recorded: The flow as it ran.
        now: The flow as it is.
        policies: The fingerprints of both policies.
        environments: The fingerprints of both environments.
    """
    then_hash, now_hash = resolve(recorded).plan_hash, resolve(now).plan_hash
    mine, theirs = recorded.to_json(), now.to_json()
    pairs: list[tuple[str, Any, Any]] = [
        ("plan_hash", then_hash, now_hash),
        *((name, mine[name], theirs[name]) for name in _COMPARED),
        ("environment_fingerprint", *environments),
        ("verification_policy", *policies),
    ]
    diffs = {name: {"expected": a, "observed": b} for name, a, b in pairs if a != b}
    state: Mapping[str, Any] = theirs["dataset"]
    if "dataset" in diffs and state["dataset_state"] == "deprecated":
        diffs["deprecated_dataset"] = diffs["dataset"]
    return diffs
