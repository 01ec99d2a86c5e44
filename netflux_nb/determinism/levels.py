"""Determinism levels, sources and magnitudes; intents declare them, budgets allow them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from ..core.errors import ArgumentError, PolicyError
from ..core.json.canonical import canonical

Level = Literal["strict", "bounded", "probabilistic", "unconstrained"]
Source = Literal["seeded_rng", "external_oracle", "human_input", "data"]
Magnitude = Literal["low", "medium", "high"]
DeterminismClass = Literal["structural", "environmental", "stochastic", "human", "external"]
IntentSource = Literal["llm", "retrieval", "human", "external"]
Severity = Literal["low", "medium", "high", "critical"]
# What happens when a budget is used up.
Action = Literal["halt", "degrade", "mark_non_certifiable"]

LEVELS: tuple[Level, ...] = get_args(Level)
SOURCES: tuple[Source, ...] = get_args(Source)
MAGNITUDES: tuple[Magnitude, ...] = get_args(Magnitude)
ACTIONS: tuple[Action, ...] = get_args(Action)
RANK: Mapping[Magnitude, int] = {name: place for place, name in enumerate(MAGNITUDES)}

SOURCE_OF_INTENT: Mapping[IntentSource, Source] = {
    "llm": "seeded_rng",
    "retrieval": "data",
    "human": "human_input",
    "external": "external_oracle",
}
SEVERITY: Mapping[Source, Severity] = {
    "seeded_rng": "low",
    "external_oracle": "high",
    "human_input": "critical",
    "data": "medium",
}
CLASS_OF_SOURCE: Mapping[Source, DeterminismClass] = {
    "seeded_rng": "stochastic",
    "external_oracle": "external",
    "human_input": "human",
    "data": "stochastic",
}
# Kinds of effects and draws. One that is not here is an oracle: nothing is known of it.
SOURCE_OF_KIND: Mapping[str, Source] = {
    "llm": "seeded_rng",
    "random": "seeded_rng",
    "uuid": "seeded_rng",
    "files": "data",
    "frames": "data",
    "retrieval": "data",
    "human": "human_input",
}
# What is declared of a kind where nobody says otherwise. Labels: nothing is measured.
MAGNITUDE_OF_KIND: Mapping[str, Magnitude] = {
    "llm": "medium",
    "retrieval": "medium",
    "frames": "low",
    "files": "medium",
    "random": "low",
    "uuid": "low",
    "clock": "low",
    "env": "low",
    "order": "low",
}


class NonDeterminismViolationError(PolicyError):
    """Something varied, or was about to, that was not declared or is used up."""


def source_of(kind: str) -> Source:
    """Give the source that an effect or a draw takes from."""
    return SOURCE_OF_KIND.get(kind, "external_oracle")


def magnitude_of(kind: str) -> Magnitude:
    """Give the magnitude that a kind is taken to have."""
    return MAGNITUDE_OF_KIND.get(kind, "high")


def largest(magnitudes: Iterable[Magnitude]) -> Magnitude | None:
    """Give the largest of some magnitudes; None of none."""
    found: Magnitude | None = None
    for magnitude in magnitudes:
        if found is None or RANK[magnitude] > RANK[found]:
            found = magnitude
    return found


def checked(what: str, value: Any, known: Sequence[str]) -> None:
    """Raise `ArgumentError` where a value is none of a closed set."""
    if value not in known:
        raise ArgumentError(f"{what} is one of {', '.join(known)}; got {str(value)[:80]!r}.")


@dataclass(frozen=True, slots=True)
class Intent:
    """A source that a program says it uses, how much, and why."""

    source: IntentSource
    min_magnitude: Magnitude = "low"
    max_magnitude: Magnitude = "high"
    justification: str = ""

    def __post_init__(self) -> None:
        checked("The source of an intent", self.source, tuple(SOURCE_OF_INTENT))
        checked("A magnitude", self.min_magnitude, MAGNITUDES)
        checked("A magnitude", self.max_magnitude, MAGNITUDES)

    def covers(self, source: Source, magnitude: Magnitude) -> bool:
        """True where this intent declares such a use."""
        return (
            SOURCE_OF_INTENT[self.source] == source
            and RANK[self.min_magnitude] <= RANK[magnitude] <= RANK[self.max_magnitude]
        )


@dataclass(frozen=True, slots=True)
class Slice:
    """The bounds of one source, in place of the budget's own."""

    source: Source
    min_magnitude: Magnitude = "low"
    max_magnitude: Magnitude = "high"
    exhaustion_action: Action | None = None

    def __post_init__(self) -> None:
        checked("The source of a slice", self.source, SOURCES)
        checked("A magnitude", self.min_magnitude, MAGNITUDES)
        checked("A magnitude", self.max_magnitude, MAGNITUDES)
        if self.exhaustion_action is not None:
            checked("An exhaustion action", self.exhaustion_action, ACTIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """How much of one source a run may use in all; None where there is no end."""

    source: Source
    count: int | None = None
    tokens: int | None = None
    usd: float | None = None
    exhaustion_action: Action | None = None

    def __post_init__(self) -> None:
        checked("The source of a ceiling", self.source, SOURCES)
        if self.exhaustion_action is not None:
            checked("An exhaustion action", self.exhaustion_action, ACTIONS)
        if self.count is not None and self.count < 0:
            raise ArgumentError(f"The count of a ceiling is 0 or more, got {self.count}.")
        for name, value in (("tokens", self.tokens), ("usd", self.usd)):
            if value is not None and not value > 0:
                raise ArgumentError(f"The {name} of a ceiling are more than 0, got {value}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class EntropyBudget:
    """A budget of variation: its sources, its magnitude per use, and its totals.

    Example:
        >>> EntropyBudget(allowed_sources=["data"]).exhaustion_action
        'halt'
    """

    allowed_sources: Sequence[Source]
    min_magnitude: Magnitude = "low"
    max_magnitude: Magnitude = "high"
    exhaustion_action: Action = "halt"
    per_source: Sequence[Slice] = ()
    ceilings: Sequence[Ceiling] = ()

    def __post_init__(self) -> None:
        for name in ("allowed_sources", "per_source", "ceilings"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if not self.allowed_sources:
            raise ArgumentError("A budget allows at least one source, got none.")
        for source in self.allowed_sources:
            checked("A source", source, SOURCES)
        checked("A magnitude", self.min_magnitude, MAGNITUDES)
        checked("A magnitude", self.max_magnitude, MAGNITUDES)
        checked("An exhaustion action", self.exhaustion_action, ACTIONS)
        named: tuple[tuple[str, Sequence[Slice | Ceiling]], ...] = (
            ("slice", self.per_source),
            ("ceiling", self.ceilings),
        )
        for what, parts in named:
            sources = [part.source for part in parts]
            if len(set(sources)) < len(sources):
                raise ArgumentError(f"A budget has one {what} a source, got {sources[:8]}.")

    def slice_of(self, source: Source) -> Slice | None:
        """Give what holds for one source alone."""
        return next((part for part in self.per_source if part.source == source), None)

    def ceiling_of(self, source: Source) -> Ceiling | None:
        """Give how much of one source may be used in all."""
        return next((part for part in self.ceilings if part.source == source), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class NonDeterminismPolicy:
    """What a project lets its programs declare at all, looked at before a run.

    Raises:
        NonDeterminismViolationError: From `check`, for the first thing that is not allowed.
    """

    allowed_sources: Sequence[Source] = SOURCES
    allowed_intents: Sequence[IntentSource] = tuple(SOURCE_OF_INTENT)
    min_magnitude: Magnitude = "low"
    max_magnitude: Magnitude = "high"
    variance: Magnitude | None = None
    require_justification: bool = True

    def check(
        self,
        intents: Iterable[Intent] = (),
        budget: EntropyBudget | None = None,
        variance: Magnitude | None = None,
    ) -> None:
        """Look at what a program declares."""
        for intent in intents:
            self._check_intent(intent)
        if budget is not None:
            self._check_budget(budget)
        if self.variance is not None and RANK[variance or "high"] > RANK[self.variance]:
            raise NonDeterminismViolationError("variance class above policy maximum")

    def _check_intent(self, intent: Intent) -> None:
        if intent.source not in self.allowed_intents:
            raise NonDeterminismViolationError("nondeterminism intent source not allowed by policy")
        if self.require_justification and not intent.justification.strip():
            raise NonDeterminismViolationError("nondeterminism intent requires justification")
        self._check_bounds("intent", intent)

    def _check_budget(self, budget: EntropyBudget) -> None:
        strange = [s for s in budget.allowed_sources if s not in self.allowed_sources]
        if strange:
            raise NonDeterminismViolationError(f"budget source not allowed by policy: {strange[0]}")
        self._check_bounds("budget", budget)
        for part in budget.per_source:
            if part.source not in self.allowed_sources:
                raise NonDeterminismViolationError(
                    f"budget slice not allowed by policy: {part.source}"
                )
            self._check_bounds("budget slice", part)

    def _check_bounds(self, what: str, thing: Intent | EntropyBudget | Slice) -> None:
        if RANK[thing.min_magnitude] < RANK[self.min_magnitude]:
            raise NonDeterminismViolationError(f"{what} min entropy below policy minimum")
        if RANK[thing.max_magnitude] > RANK[self.max_magnitude]:
            raise NonDeterminismViolationError(f"{what} max entropy above policy maximum")


def check_level(
    level: Level, *, has_seed: bool, is_normalised: bool, environment: str, current: str
) -> None:
    """Raise `NonDeterminismViolationError` where a run does not fit the level it claims.

    Args:
        level: What it claims.
        has_seed: Whether what draws by chance is seeded; "strict" and "bounded" need it.
        is_normalised: Whether unordered collections have one order; only "unconstrained"
            goes without.
        environment: The fingerprint that was planned for.
        current: The fingerprint of here and now.
    """
    checked("A level", level, LEVELS)
    missing = []
    if level in ("strict", "bounded") and not has_seed:
        missing.append("a seed")
    if level != "unconstrained" and not is_normalised:
        missing.append("one order for unordered collections")
    if environment != current:
        missing.append("the environment that was planned for")
    if missing:
        raise NonDeterminismViolationError(f"level {level} needs {', '.join(missing)}")


def unsafe_config(level: Level, failure_mode: str = "halt") -> str | None:
    """Say what of a configuration lets a run go on that varies; None where nothing does."""
    loose = []
    if level != "strict":
        loose.append(f"level is {level}")
    if failure_mode != "halt":
        loose.append(f"failure_mode is {failure_mode[:80]}")
    return f"unsafe_config: {', '.join(loose)}" if loose else None


def fingerprint(value: Any) -> str:
    """Hash a value by its canonical JSON, lists in their order: SHA-256, 64 hex digits.

    Example:
        >>> fingerprint([1, 2]) == fingerprint([2, 1])
        False
    """
    try:
        plain = json.loads(canonical(value))
    except ValueError as error:
        raise ArgumentError(f"This value has no fingerprint: {str(error)[:200]}.") from None
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def environment_fingerprint(python: str, platform: str, packages: Mapping[str, str]) -> str:
    """Hash where a run happened: Python, the platform, and every package with its version."""
    found = {"python": python, "platform": platform, "packages": dict(packages)}
    return fingerprint(found)


def step_seed(index: int, inputs_fingerprint: str) -> int:
    """Give the seed of a step: 32 bits that depend on nothing but these two."""
    return _seed(f"{index}:{inputs_fingerprint}")


def reasoning_seed(artifact_hashes: Iterable[str], evidence_hashes: Iterable[str]) -> int:
    """Give a seed that depends on what is reasoned about, in any order."""
    return _seed(f"{','.join(sorted(artifact_hashes))}:{','.join(sorted(evidence_hashes))}")


def _seed(text: str) -> int:
    return int(hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8], 16)
