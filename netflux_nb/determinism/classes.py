"""The determinism class of an event, and the profile of a whole run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..core import events as ev
from ..core.views import NodeView
from .levels import (
    CLASS_OF_SOURCE,
    LEVELS,
    RANK,
    SEVERITY,
    DeterminismClass,
    EntropyBudget,
    Level,
    Magnitude,
    Severity,
    Slice,
    Source,
    checked,
    source_of,
)

_EVENT_CLASSES: Mapping[type, DeterminismClass] = {
    ev.RequestStarted: "stochastic",
    ev.RequestEnded: "stochastic",
    ev.Answered: "human",
}


def event_class(event: str | ev.Body) -> DeterminismClass:
    """Give the class of an event: one of ours, or the name of one of the older kinds.

    Example:
        >>> event_class("TOOL_CALL_END")
        'external'
    """
    match event:
        case str():
            if event.startswith("TOOL_CALL_"):
                return "external"
            return "human" if event == "HUMAN_INTERVENTION" else "structural"
        case ev.EffectStarted(kind=kind):
            return CLASS_OF_SOURCE[source_of(kind)]
        case ev.Drawn(kind=kind):
            return "stochastic" if source_of(kind) == "seeded_rng" else "environmental"
        case ev.RunBegan():
            return "environmental"
        case _:
            return _EVENT_CLASSES.get(type(event), "structural")


def class_of(view: NodeView) -> tuple[DeterminismClass, ...]:
    """Give the classes of one Node, without its children, sorted.

    A Function read back from a record is known by name and kind only: what it did to the
    world is in its events, for `event_class`.
    """
    fn = view.fn
    found: set[DeterminismClass] = set()
    if fn.is_agent():
        found.add("stochastic")
    elif fn.effect is not None:
        found.add("human" if fn.effect == "human" else "external")
    if fn.needs_approval:
        found.add("human")
    return tuple(sorted(found or {"structural"}))


def classes_of(view: NodeView) -> tuple[DeterminismClass, ...]:
    """Give the classes of a whole tree, sorted."""
    found: set[DeterminismClass] = {"structural"}
    for _, one in view.walk():
        found.update(class_of(one))
    return tuple(sorted(found))


@dataclass(frozen=True, slots=True)
class SourceProfile:
    """The total of one source in a run."""

    source: Source
    severity: Severity
    magnitude: Magnitude
    slice: Slice | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeterminismProfile:
    """The profile of a run: how far a second one may be trusted to be the same."""

    level: Level
    sources: tuple[Source, ...]
    magnitude: Magnitude | None
    per_source: tuple[SourceProfile, ...]
    classes: tuple[DeterminismClass, ...]
    acceptability: str
    confidence_decay: float


_DECAY: Mapping[Level, float] = {
    "strict": 0.0,
    "bounded": 0.2,
    "probabilistic": 0.5,
    "unconstrained": 1.0,
}


def profile(
    level: Level,
    usage: Iterable[tuple[Source, Magnitude]],
    *,
    acceptability: str = "exact_match",
    budget: EntropyBudget | None = None,
) -> DeterminismProfile:
    """Sum up what varied in a run, and how much trust that costs it."""
    checked("A level", level, LEVELS)
    largest: dict[Source, Magnitude] = {}
    for source, magnitude in usage:
        largest[source] = max(largest.get(source, magnitude), magnitude, key=RANK.__getitem__)
    most = max(largest.values(), key=RANK.__getitem__, default=None)
    decay = _DECAY[level] + 0.2 * (most == "high") + 0.1 * bool(largest)
    classes: set[DeterminismClass] = {"structural", "environmental"}
    classes.update(CLASS_OF_SOURCE[source] for source in largest)
    if level in ("probabilistic", "unconstrained"):
        classes.add("stochastic")
    return DeterminismProfile(
        level=level,
        sources=tuple(sorted(largest)),
        magnitude=most,
        per_source=tuple(
            SourceProfile(s, SEVERITY[s], largest[s], budget.slice_of(s) if budget else None)
            for s in sorted(largest)
        ),
        classes=tuple(sorted(classes)),
        acceptability=acceptability,
        # Sums of tenths: what is left beyond them is rounding.
        confidence_decay=round(min(decay, 1.0), 6),
    )
