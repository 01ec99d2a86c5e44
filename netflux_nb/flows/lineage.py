"""Rules of lineage: the order of agents, the parents of artifacts, the states of data sets."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, get_args

from ..core.errors import ArgumentError, listed

ArtifactType = Literal[
    "flow_manifest",
    "execution_plan",
    "resolved_step",
    "agent_invocation",
    "retrieval_request",
    "retrieved_evidence",
    "reasoning_step",
    "reasoning_claim",
    "reasoning_bundle",
    "verification_rule",
    "verification_result",
    "execution_event",
    "execution_trace",
    "executor_state",
]
ARTIFACT_TYPES: tuple[ArtifactType, ...] = get_args(ArtifactType)

# By kind, what an artifact of it may be made from.
PARENTS: Mapping[str, frozenset[str]] = {
    kind: frozenset(parents.split())
    for kind, parents in {
        "flow_manifest": "",
        "execution_plan": "flow_manifest",
        "resolved_step": "flow_manifest execution_plan",
        "agent_invocation": "resolved_step",
        "retrieval_request": "resolved_step",
        "retrieved_evidence": "retrieval_request",
        "reasoning_step": "resolved_step retrieved_evidence agent_invocation",
        "reasoning_claim": "reasoning_step retrieved_evidence agent_invocation",
        "reasoning_bundle": "reasoning_step reasoning_claim",
        "verification_rule": "flow_manifest resolved_step",
        "verification_result": (
            "verification_rule reasoning_bundle retrieved_evidence agent_invocation"
        ),
        "execution_event": "resolved_step verification_result",
        "execution_trace": "execution_plan execution_event",
        "executor_state": "agent_invocation resolved_step",
    }.items()
}


def check_lineage(parents: Iterable[str], child: str) -> None:
    """Raise `ArgumentError` where an artifact of this kind cannot come from those.

    Example:
        >>> check_lineage(["flow_manifest"], "execution_plan")
    """
    allowed = PARENTS.get(child)
    if allowed is None:
        raise ArgumentError(
            f"{child[:80]!r} is no kind of artifact. There are: {listed(PARENTS, 14)}."
        )
    given = set(parents)
    if given and not allowed:
        raise ArgumentError(f"{child} must not declare parent artifacts")
    wrong = sorted(str(parent)[:80] for parent in given - allowed)
    if wrong:
        raise ArgumentError(f"{child} cannot depend on: {', '.join(wrong[:14])}")


DatasetState = Literal["experimental", "frozen", "deprecated"]
DATASET_STATES: tuple[DatasetState, ...] = get_args(DatasetState)


def check_transition(before: str | None, after: str) -> None:
    """Raise `ArgumentError` where a data set cannot go from one state to the other.

    It may stay or go on: experimental, frozen, deprecated. There is no way back.

    Example:
        >>> check_transition("experimental", "frozen")
    """
    for state in (before, after):
        if state is not None and state not in DATASET_STATES:
            raise ArgumentError(
                f"A data set is {', '.join(DATASET_STATES)}; got {str(state)[:80]!r}."
            )
    if before is None:
        return
    if _PLACE[after] < _PLACE[before]:
        raise ArgumentError(f"dataset_state transition from {before} to {after} is not allowed")


_PLACE: Mapping[str, int] = {state: place for place, state in enumerate(DATASET_STATES)}


def check_dataset(
    state: str,
    *,
    allow_deprecated: bool = False,
    declared_hash: str | None = None,
    found_hash: str | None = None,
) -> None:
    """Raise `ArgumentError` where a run may not use a data set.

    Args:
        state: Where the data set stands.
        allow_deprecated: Take one that nobody should use any more.
        declared_hash: What its content is said to hash to.
        found_hash: What its content does hash to, where it was looked at.
    """
    check_transition(None, state)
    if state == "deprecated" and not allow_deprecated:
        raise ArgumentError(
            "This data set is deprecated. Name a newer version, or set `allow_deprecated_datasets`."
        )
    if state == "frozen" and not declared_hash:
        raise ArgumentError("A frozen data set names the hash of its content; this one has none.")
    if declared_hash and found_hash and declared_hash != found_hash:
        raise ArgumentError(
            f"The data set is not as declared: its content hashes to {found_hash[:80]}, "
            f"declared was {declared_hash[:80]}."
        )


def steps_in_order(agents: Sequence[str], dependencies: Iterable[str] = ()) -> tuple[str, ...]:
    """Give agents in an order in which each comes after what it depends on.

    Of those that could be next, the first by its name is.

    Args:
        agents: Their names, each once.
        dependencies: `"agent:dependency"`, each once.

    Example:
        >>> steps_in_order(["b", "a", "c"], ["a:c"])
        ('b', 'c', 'a')
    """
    if not agents:
        raise ArgumentError("A flow has at least one agent, got none.")
    if len(set(agents)) < len(agents):
        twice = sorted({name for name in agents if agents.count(name) > 1})
        raise ArgumentError(f"Agents of a flow are named once each, twice are: {listed(twice)}.")
    needs: dict[str, set[str]] = {name: set() for name in agents}
    feeds: dict[str, list[str]] = {name: [] for name in agents}
    for words in dependencies:
        agent, dependency = _edge(words, needs)
        if dependency in needs[agent]:
            raise ArgumentError(f"The dependency {words[:80]!r} is named twice.")
        needs[agent].add(dependency)
        feeds[dependency].append(agent)
    ready = [name for name, on in needs.items() if not on]
    heapq.heapify(ready)
    order: list[str] = []
    while ready:
        name = heapq.heappop(ready)
        order.append(name)
        for after in feeds[name]:
            needs[after].discard(name)
            if not needs[after]:
                heapq.heappush(ready, after)
    if len(order) < len(agents):
        left = set(agents) - set(order)
        raise ArgumentError(f"These agents wait for each other in a circle: {listed(left)}.")
    return tuple(order)


def _edge(text: str, known: Mapping[str, object]) -> tuple[str, str]:
    agent, colon, dependency = text.partition(":")
    if not colon or not agent or not dependency:
        raise ArgumentError(f"A dependency is written 'agent:dependency', got {str(text)[:80]!r}.")
    strange = [name for name in (agent, dependency) if name not in known]
    if strange:
        raise ArgumentError(
            f"{text[:80]!r} names {strange[0][:80]!r}, which is no agent of this flow. "
            f"There are: {listed(known)}."
        )
    if agent == dependency:
        raise ArgumentError(f"{agent[:80]!r} cannot depend on itself.")
    return agent, dependency
