"""Artifacts of a flow's steps, each with its hash and parents, and the stores for them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from ..core.errors import ArgumentError, PolicyError, RecordError, stringify
from ..core.json.canonical import canonical
from ..determinism.levels import fingerprint
from ..determinism.rules import Decision
from .lineage import ARTIFACT_TYPES, ArtifactType
from .plan import FlowPlan

Producer = Literal["agent", "retrieval", "reasoning"]
Scope = Literal["ephemeral", "working", "audit"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
# What each maker may make.
MADE_BY: Mapping[str, frozenset[str]] = {
    "agent": frozenset({"agent_invocation", "executor_state"}),
    "retrieval": frozenset({"retrieved_evidence"}),
    "reasoning": frozenset({"reasoning_bundle"}),
}
MOST_ARTIFACTS = 10_000
SAID = 80


class SemanticViolationError(PolicyError):
    """What a flow made is not what its kind allows, or comes from what is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """Something that a step made: never changed, and told by the hash of what it holds."""

    id: str
    type: ArtifactType = "agent_invocation"
    content: Any = None
    content_hash: str = ""
    parents: tuple[str, ...] = ()
    producer: Producer = "agent"
    scope: Scope = "working"
    tenant_id: str = "local"

    @property
    def is_sound(self) -> bool:
        """True where its content has the hash it is told by."""
        return self.content_hash == _hash(self.content)


def listed_in(value: Any) -> list[Mapping[str, Any]] | None:
    """Give the artifacts that a step lists, each a dict with an `artifact_id`; None for no list."""
    if isinstance(value, Mapping) and {"result", "evidence"} <= set(value):
        value = value["result"]
    is_list = isinstance(value, list) and bool(value)
    if is_list and all(isinstance(v, Mapping) and "artifact_id" in v for v in value):
        return list(value)
    return None


def artifacts_of(agent: str, value: Any, tenant: str = "local") -> list[Artifact]:
    """Read the artifacts off what a step gave; a result that lists none is one itself.

    Raises:
        SemanticViolationError: Where one is of a kind that an agent does not make, or has no
            content that can be hashed.
    """
    listed = listed_in(value)
    if listed is None:
        return [_made(agent, {"artifact_id": agent, "content": value}, tenant)]
    if len(listed) > MOST_ARTIFACTS:
        raise SemanticViolationError(f"A step gives at most {MOST_ARTIFACTS:,} artifacts.")
    return [_made(agent, one, tenant) for one in listed]


def _made(agent: str, fields: Mapping[str, Any], tenant: str) -> Artifact:
    name = fields["artifact_id"]
    kind = fields.get("artifact_type", "agent_invocation")
    scope = fields.get("scope", "working")
    parents = fields.get("parent_artifacts") or []
    if not isinstance(name, str) or not name.strip():
        raise SemanticViolationError(f"{agent[:SAID]!r} gave an artifact without an id.")
    whose = f"Artifact {name[:SAID]!r} of {agent[:SAID]!r}"
    if kind not in MADE_BY["agent"]:
        known = " and ".join(sorted(MADE_BY["agent"]))
        raise SemanticViolationError(f"{whose} is {kind!r:.80}; an agent makes {known}.")
    if scope not in SCOPES:
        raise SemanticViolationError(f"{whose} has the scope {scope!r:.80}, none of {SCOPES}.")
    if not isinstance(parents, (list, tuple)) or not all(isinstance(p, str) for p in parents):
        raise SemanticViolationError(f"{whose}: parent_artifacts is a list of ids.")
    content = fields.get("content")
    digest = _hash(content)
    if not digest:
        raise SemanticViolationError(f"{whose} holds what has no hash: {type(content).__name__}.")
    return Artifact(
        id=name,
        type=kind,
        content=content,
        content_hash=digest,
        parents=tuple(parents),
        scope=scope,
        tenant_id=tenant,
    )


def _hash(content: Any) -> str:
    try:
        return fingerprint(content)
    except ArgumentError:
        return ""


def check_output(agent: str, value: Any) -> None:
    """Raise `SemanticViolationError` where a step lists an artifact that an agent cannot make."""
    if listed_in(value) is not None:
        artifacts_of(agent, value)


def check_parents(plan: FlowPlan, results: Mapping[str, Any]) -> None:
    """Raise `SemanticViolationError` where artifacts do not come from each other as they must.

    Each has an id of its own. One of a step that depends on others says what it was made from,
    and what that is was made by this step before, or by one that it comes after.
    """
    known: dict[str, dict[str, Artifact]] = {}
    ids: dict[str, str] = {}
    for step in plan.steps:
        if listed_in(results.get(step.agent_id)) is None:
            known[step.agent_id] = _above(known, step.declared_dependencies)
            continue
        before = _above(known, step.declared_dependencies)
        needs_parents = bool(before)
        for one in artifacts_of(step.agent_id, results[step.agent_id]):
            whose = f"Artifact {one.id[:SAID]!r} of {step.agent_id[:SAID]!r}"
            if one.id in ids:
                raise SemanticViolationError(
                    f"{whose} has the id of one of {ids[one.id][:SAID]!r}."
                )
            missing = [name for name in one.parents if name not in before]
            if missing:
                raise SemanticViolationError(
                    f"{whose} comes from {missing[0][:SAID]!r}, which no step before it made."
                )
            if needs_parents and not one.parents:
                raise SemanticViolationError(f"{whose} names no parent, and its step has some.")
            ids[one.id] = step.agent_id
            before = before | {one.id: one}
        known[step.agent_id] = before


def _above(known: Mapping[str, dict[str, Artifact]], steps: Sequence[str]) -> dict[str, Artifact]:
    return {name: one for step in steps for name, one in known[step].items()}


def executor_states(plan: FlowPlan) -> tuple[str, ...]:
    """Give the chain of a flow's steps: each hash holds the one before, the agent, its inputs.

    Two flows have the same state after a step only where all up to it is the same.
    """
    found = []
    state = plan.plan_hash
    for step in plan.steps:
        words = f"{state}:{step.agent_id}:{step.inputs_fingerprint}"
        state = hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()
        found.append(state)
    return tuple(found)


def artifacts_in(plan: FlowPlan, results: Mapping[str, Any]) -> list[Artifact]:
    """Give all that a flow's steps made, and the state of the flow after each of them."""
    artifacts = []
    tenant = plan.manifest.tenant_id
    for step, state in zip(plan.steps, executor_states(plan), strict=True):
        if step.agent_id not in results:
            continue
        mine = []
        with contextlib.suppress(SemanticViolationError):  # what it gave counts as nothing
            mine = artifacts_of(step.agent_id, results[step.agent_id], tenant)
        artifacts += mine
        artifacts.append(
            Artifact(
                id=f"executor_state:{step.step_index}",
                type="executor_state",
                content=state,
                content_hash=_hash(state),
                parents=tuple(one.id for one in mine),
                scope="audit",
                tenant_id=tenant,
            )
        )
    return artifacts


class ArtifactStore(ABC):
    """Where artifacts are kept, by tenant and id. What is there is never changed."""

    def create(self, **facts: Any) -> Artifact:
        """Make an artifact of what it holds, and keep it."""
        made = Artifact(content_hash=_hash(facts.get("content")), **facts)
        if made.type not in ARTIFACT_TYPES or not made.content_hash:
            raise ArgumentError(f"{made.id[:SAID]!r} has no kind of artifact, or no hash.")
        self.save(made)
        return made

    @abstractmethod
    def save(self, artifact: Artifact) -> None:
        """Keep an artifact. The same again is fine, another under its id is refused."""

    @abstractmethod
    def load(self, artifact_id: str, tenant_id: str = "local") -> Artifact:
        """Give an artifact. Raises `RecordError` where there is none."""


class MemoryArtifactStore(ArtifactStore):
    """Artifacts in memory, as long as it lives."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards what is kept
        self._kept: dict[tuple[str, str], Artifact] = {}

    def save(self, artifact: Artifact) -> None:
        """Keep an artifact."""
        with self._lock:
            there = self._kept.setdefault((artifact.tenant_id, artifact.id), artifact)
        if there.content_hash != artifact.content_hash:
            raise RecordError(f"Artifact {artifact.id[:SAID]!r} is there with another content.")

    def load(self, artifact_id: str, tenant_id: str = "local") -> Artifact:
        """Give an artifact."""
        with self._lock:
            found = self._kept.get((tenant_id, artifact_id))
        if found is None:
            raise RecordError(f"There is no artifact {artifact_id[:SAID]!r}.")
        return found


class HostileArtifactStore(ArtifactStore):
    """A store that loses, delays and alters what it is given, for tests of who notices.

    What it does to an artifact depends on the seed and its id alone: the same again.

    Args:
        seed: Which artifacts it harms.
        max_delay: The longest that it takes, in seconds.
        drop_rate: How many of a hundred parts it loses, from 0 to 1.
        corruption_rate: How many it alters, from 0 to 1.
        store: Where the others are kept; in memory, where left out.
        sleep: How it waits.

    Example:
        >>> store = HostileArtifactStore(7, corruption_rate=1.0)
        >>> store.create(id="a", content=[1]) == store.load("a")
        False
    """

    def __init__(
        self,
        seed: int,
        *,
        max_delay: float = 0.0,
        drop_rate: float = 0.0,
        corruption_rate: float = 0.0,
        store: ArtifactStore | None = None,
        sleep: Callable[[float], Any] | None = None,
    ) -> None:
        for name, rate in (("drop_rate", drop_rate), ("corruption_rate", corruption_rate)):
            if not 0 <= rate <= 1:
                raise ArgumentError(f"{name} is from 0 to 1, got {rate!r}.")
        if max_delay < 0:
            raise ArgumentError(f"max_delay is 0 or more seconds, got {max_delay!r}.")
        self._seed = seed
        self._max_delay = max_delay
        self._rates = {"drop": drop_rate, "corrupt": corruption_rate}
        self._store = store or MemoryArtifactStore()
        self._sleep = sleep or threading.Event().wait

    def _chance(self, what: str, name: str) -> float:
        words = f"{self._seed}:{what}:{name}".encode("utf-8", "surrogatepass")
        return int.from_bytes(hashlib.sha256(words).digest()[:6]) / 2**48

    def _does(self, what: str, name: str) -> bool:
        return self._chance(what, name) < self._rates[what]

    def _wait(self, what: str, name: str) -> None:
        if self._max_delay:
            self._sleep(self._max_delay * self._chance(what, name))

    def save(self, artifact: Artifact) -> None:
        """Keep an artifact, or say so only."""
        self._wait("save", artifact.id)
        if not self._does("drop", artifact.id):
            self._store.save(artifact)

    def load(self, artifact_id: str, tenant_id: str = "local") -> Artifact:
        """Give an artifact, or what looks like it."""
        self._wait("load", artifact_id)
        found = self._store.load(artifact_id, tenant_id)
        if not self._does("corrupt", artifact_id):
            return found
        return replace(found, content=_altered(found.content))


def _altered(content: Any) -> Any:
    """Give a content that is another in one place."""
    words = json.dumps(json.loads(canonical(content)))
    return words[:-1] + ("x" if words[-1:] != "x" else "y")


def kept_and_read_back(store: ArtifactStore, artifacts: Iterable[Artifact]) -> list[Decision]:
    """Keep artifacts, and say where the store does not give them back as they were."""
    wrong = []
    for one in artifacts:
        try:
            store.save(one)
            back = store.load(one.id, one.tenant_id)
        except Exception as error:  # noqa: BLE001  a store is a plug of the user's
            wrong.append(f"{one.id[:SAID]}: {stringify(error, SAID)}")
            continue
        if back.content_hash != one.content_hash or not back.is_sound:
            wrong.append(f"{one.id[:SAID]}: what came back has another hash")
    # Nothing is said of what is fine: a replay, which keeps nothing, comes out the same.
    if not wrong:
        return []
    failed = "artifact_store_load_failed"
    return [
        Decision(
            engine="integrity",
            status="FAIL",
            reason=failed,
            violations=(failed,),
            findings=tuple(wrong),
        )
    ]
