"""The manifest of a flow, read from its file and checked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from ..core.errors import ArgumentError, listed
from ..determinism.levels import (
    LEVELS,
    MAGNITUDES,
    EntropyBudget,
    Intent,
    Level,
    Magnitude,
    Slice,
    checked,
    fingerprint,
)
from ..determinism.verdict import ACCEPTABILITIES, MODES, Acceptability, ReplayEnvelope, ReplayMode
from .lineage import DATASET_STATES, check_dataset, steps_in_order

FlowState = Literal["draft", "validated", "frozen", "deprecated"]
FLOW_STATES: tuple[FlowState, ...] = get_args(FlowState)
SPEC_VERSION = "v1"

MOST_BYTES = 10_000_000
MOST_AGENTS = 10_000
SAID = 80


class ConfigurationError(ArgumentError):
    """A flow, or its policy, that is not as it has to be."""


_DATASET = {
    "dataset_id": True,
    "dataset_version": True,
    "dataset_hash": False,
    "dataset_state": True,
    "storage_uri": False,
    "tenant_id": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowManifest:
    """A flow: which agents, after which others, and how much of it may vary.

    Example:
        >>> FlowManifest.from_json({"flow": "x"})
        Traceback (most recent call last):
        ...
        netflux_nb.flows.manifest.ConfigurationError: A flow has no key 'flow'. ...
    """

    flow_id: str
    tenant_id: str
    flow_state: FlowState
    determinism_level: Level
    replay_acceptability: Acceptability
    entropy_budget: EntropyBudget
    replay_envelope: ReplayEnvelope
    dataset: Mapping[str, Any]
    agents: Sequence[str]
    dependencies: Sequence[str] = ()
    nondeterminism_intent: Sequence[Intent] = ()
    retrieval_contracts: Sequence[str] = ()
    verification_gates: Sequence[str] = ()
    allow_deprecated_datasets: bool = False
    allowed_variance_class: Magnitude | None = None
    replay_mode: ReplayMode = "strict"

    def __post_init__(self) -> None:
        for name in ("flow_id", "tenant_id"):
            word(name, getattr(self, name))
        if self.determinism_level in (None, "", "default"):
            raise ConfigurationError(
                f"determinism_level must be said: one of {', '.join(LEVELS)}. There is no default."
            )
        for name in _LISTS:
            object.__setattr__(self, name, tuple(getattr(self, name)))
        with as_configuration():
            checked("flow_state", self.flow_state, FLOW_STATES)
            checked("determinism_level", self.determinism_level, LEVELS)
            checked("replay_mode", self.replay_mode, MODES)
            checked("replay_acceptability", self.replay_acceptability, ACCEPTABILITIES)
            if self.allowed_variance_class is not None:
                checked("allowed_variance_class", self.allowed_variance_class, MAGNITUDES)
            if len(self.agents) > MOST_AGENTS:
                raise ArgumentError(f"A flow has at most {MOST_AGENTS:,} agents.")
            steps_in_order(self.agents, self.dependencies)
        for intent in self.nondeterminism_intent:
            if not intent.justification.strip():
                raise ConfigurationError("A nondeterminism_intent needs a justification.")
        object.__setattr__(self, "dataset", _dataset(self))

    @property
    def spec_version(self) -> str:
        """The version of the file's form."""
        return SPEC_VERSION

    def check_runnable(self) -> None:
        """Raise `ConfigurationError` where the state of the flow, or of its data, forbids it."""
        if self.flow_state in ("draft", "deprecated"):
            raise ConfigurationError(
                f"flow_state must allow execution; {self.flow_id[:SAID]!r} is {self.flow_state}. "
                f"Flows that are validated or frozen run."
            )
        with as_configuration():
            check_dataset(
                self.dataset["dataset_state"],
                allow_deprecated=self.allow_deprecated_datasets,
                declared_hash=self.dataset["dataset_hash"],
            )

    def needs_of(self, agent: str) -> tuple[str, ...]:
        """Name what an agent depends on, sorted."""
        pairs = (one.partition(":") for one in self.dependencies)
        return tuple(sorted(on for who, _, on in pairs if who == agent))

    @classmethod
    def from_json(cls, data: Any) -> FlowManifest:
        """Read a flow from plain JSON. A key that it does not know is an error."""
        given = _object("A flow", data, _KEYS)
        try:
            made = {name: _KEYS[name](name, value) for name, value in given.items()}
        except ConfigurationError:
            raise
        except (ArgumentError, TypeError) as error:
            raise ConfigurationError(str(error)[:300]) from None
        missing = [name for name in _REQUIRED if name not in given]
        if missing:
            raise ConfigurationError(f"The flow lacks {listed(missing, 16)}.")
        return cls(**made)

    @classmethod
    def load(cls, path: str | Path) -> FlowManifest:
        """Read a flow from a file."""
        return cls.from_json(read_json(path))

    def to_json(self) -> dict[str, Any]:
        """Give it as the plain JSON that it is read from."""
        budget, envelope = self.entropy_budget, self.replay_envelope
        return {
            "flow_id": self.flow_id,
            "tenant_id": self.tenant_id,
            "flow_state": self.flow_state,
            "determinism_level": self.determinism_level,
            "replay_mode": self.replay_mode,
            "replay_acceptability": self.replay_acceptability,
            "entropy_budget": {
                "allowed_sources": list(budget.allowed_sources),
                "min_magnitude": budget.min_magnitude,
                "max_magnitude": budget.max_magnitude,
                "exhaustion_action": budget.exhaustion_action,
                "per_source": [
                    {name: getattr(part, name) for name in _SLICE} for part in budget.per_source
                ],
            },
            "allowed_variance_class": self.allowed_variance_class,
            "nondeterminism_intent": [
                {name: getattr(one, name) for name in _INTENT} for one in self.nondeterminism_intent
            ],
            "replay_envelope": {name: getattr(envelope, name) for name in _ENVELOPE},
            "dataset": dict(self.dataset),
            "allow_deprecated_datasets": self.allow_deprecated_datasets,
            "agents": list(self.agents),
            "dependencies": list(self.dependencies),
            "retrieval_contracts": list(self.retrieval_contracts),
            "verification_gates": list(self.verification_gates),
        }

    @property
    def fingerprint(self) -> str:
        """A hash of all it says."""
        return fingerprint(self.to_json())


class as_configuration:  # noqa: N801  read as words in a `with`
    """Let what is wrong be a `ConfigurationError`."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, _: Any) -> None:
        if isinstance(error, ArgumentError) and not isinstance(error, ConfigurationError):
            raise ConfigurationError(str(error)) from None


def read_json(path: str | Path) -> Any:
    """Read a file of JSON, bounded. Raises `ConfigurationError` where it is none."""
    target = Path(path)
    try:
        with target.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise ConfigurationError(f"{str(path)[:200]!r} cannot be read: {why}.") from None
    if len(content) > MOST_BYTES:
        raise ConfigurationError(f"{target.name!r} is larger than {MOST_BYTES:,} bytes.")
    try:
        return json.loads(content, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{file.name!r} is no JSON: {str(error)[:120]}.") from None


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def _object(what: str, data: Any, known: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(data, Mapping):
        raise ConfigurationError(f"{what} is a JSON object, got {type(data).__name__}.")
    strange = sorted(str(name) for name in data if name not in known)
    if strange:
        raise ConfigurationError(
            f"{what} has no key {strange[0][:SAID]!r}. It has: {listed(known, 20)}."
        )
    return dict(data)


def word(name: str, value: Any) -> str:
    """Give a text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise ConfigurationError(f"{name} is a text that is not empty; got {str(value)[:SAID]!r}.")
    return value


def _plain(name: str, value: Any) -> Any:
    return value


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ConfigurationError(f"{name} is true or false; got {str(value)[:SAID]!r}.")
    return value


def text_list(name: str, value: Any) -> tuple[str, ...]:
    """Give a list of texts."""
    if not isinstance(value, list):
        raise ConfigurationError(f"{name} is a list of texts; got {type(value).__name__}.")
    return tuple(word(f"Each of {name}", one) for one in value)


_SLICE = ("source", "min_magnitude", "max_magnitude", "exhaustion_action")
_INTENT = ("source", "min_magnitude", "max_magnitude", "justification")
_ENVELOPE = ("min_claim_overlap", "max_contradiction_delta")
_BUDGET = ("allowed_sources", "min_magnitude", "max_magnitude", "exhaustion_action", "per_source")


def part(what: str, data: Any, names: Sequence[str]) -> dict[str, Any]:
    """Give an object that has no other keys than these."""
    given = _object(what, data, dict.fromkeys((*names, "spec_version")))
    if given.pop("spec_version", SPEC_VERSION) != SPEC_VERSION:
        raise ConfigurationError(f"{what} has another spec_version than {SPEC_VERSION}.")
    return given


def needed(what: str, given: Mapping[str, Any], *names: str) -> None:
    """Raise `ConfigurationError` where a key is missing."""
    missing = [name for name in names if name not in given]
    if missing:
        raise ConfigurationError(f"{what} lacks {listed(missing)}.")


def _budget(name: str, data: Any) -> EntropyBudget:
    fields = part(name, data, _BUDGET)
    needed(name, fields, "allowed_sources")
    fields["allowed_sources"] = text_list("allowed_sources", fields["allowed_sources"])
    slices = fields.pop("per_source", None) or []
    if not isinstance(slices, list):
        raise ConfigurationError("per_source is a list of objects.")
    parts = [part("per_source", one, _SLICE) for one in slices]
    for one in parts:
        needed("per_source", one, "source")
    return EntropyBudget(**fields, per_source=[Slice(**one) for one in parts])


def _intents(name: str, data: Any) -> tuple[Intent, ...]:
    if not isinstance(data, list):
        raise ConfigurationError(f"{name} is a list of objects; got {type(data).__name__}.")
    parts = [part(name, one, _INTENT) for one in data]
    for one in parts:
        needed(name, one, "source", "justification")
        word("The justification", one["justification"])
    return tuple(Intent(**one) for one in parts)


def _envelope(name: str, data: Any) -> ReplayEnvelope:
    return ReplayEnvelope(**part(name, data, _ENVELOPE))


def _dataset(manifest: FlowManifest) -> dict[str, Any]:
    fields = part("dataset", manifest.dataset, tuple(_DATASET))
    needed("dataset", fields, *(name for name, needed in _DATASET.items() if needed))
    for name in ("dataset_id", "dataset_version"):
        word(name, fields[name])
    with as_configuration():
        checked("dataset_state", fields["dataset_state"], DATASET_STATES)
    whose = fields.get("tenant_id")
    if whose not in (None, manifest.tenant_id):
        raise ConfigurationError(
            f"The data set is of tenant {str(whose)[:SAID]!r}, the flow of "
            f"{manifest.tenant_id[:SAID]!r}."
        )
    return {name: fields.get(name) for name in _DATASET} | {"tenant_id": manifest.tenant_id}


_LISTS = (
    "agents",
    "dependencies",
    "retrieval_contracts",
    "verification_gates",
    "nondeterminism_intent",
)
# Each key, and how its value is read.
_KEYS: Mapping[str, Callable[[str, Any], Any]] = {
    "flow_id": word,
    "tenant_id": word,
    "flow_state": _plain,
    "determinism_level": _plain,
    "replay_mode": _plain,
    "replay_acceptability": _plain,
    "entropy_budget": _budget,
    "allowed_variance_class": _plain,
    "nondeterminism_intent": _intents,
    "replay_envelope": _envelope,
    "dataset": _plain,
    "allow_deprecated_datasets": _flag,
    "agents": text_list,
    "dependencies": text_list,
    "retrieval_contracts": text_list,
    "verification_gates": text_list,
}
_REQUIRED = [name for name in _KEYS if name not in ("replay_mode", "allowed_variance_class")]
