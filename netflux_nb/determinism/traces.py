"""Traces of two runs compared: plan, environment, events, outputs, evidence, entropy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ..core import events as ev
from ..core.errors import ArgumentError, stringify
from ..core.fold import Fold
from ..core.json.lines import event_to_json
from ..core.messages import ModelStatusPart
from ..core.views import NodeState, NodeView
from .claims import bundle_of
from .classes import profile
from .ledger import Ledger, ledger_of
from .levels import RANK, Level, Magnitude, Source, checked, fingerprint, largest
from .verdict import ACCEPTABILITIES, Acceptability, ReplayEnvelope
from .verification import Verification

# What a person compares is on one line; of what changed, this many are named.
SHOWN = 160
MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class EventMark:
    """One event as a comparison sees it: what happened, where, and a hash of the rest."""

    type: str
    step: str
    payload_hash: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one Node. `shown` is for a person; `hash` is compared."""

    fn: str
    state: str
    hash: str
    shown: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One run, as far as it matters whether another is the same."""

    flow_id: str
    plan_hash: str = ""
    tenant_id: str = ""
    flow_state: str = ""
    replay_envelope: ReplayEnvelope = field(default_factory=ReplayEnvelope)
    dataset: Any = None
    allow_deprecated_datasets: bool = False
    environment_fingerprint: str = ""
    verification_policy_fingerprint: str = ""
    events: Sequence[EventMark] = ()
    claim_ids: Sequence[str] = ()
    contradiction_count: int = 0
    arbitration_decision: str | None = None
    usage: Sequence[tuple[Source, Magnitude]] = ()
    level: Level = "strict"
    # By Node key.
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    # Keys of Nodes that have no outcome, and of those that failed.
    unfinished: Sequence[str] = ()
    failed: Sequence[str] = ()
    human_answers: int = 0
    artifact_hashes: Sequence[str] = ()
    evidence_hashes: Sequence[str] = ()
    non_certifiable: bool = False

    def __hash__(self) -> int:
        return hash((self.flow_id, self.plan_hash, len(self.outcomes)))


def trace_of(
    events: Iterable[ev.Event],
    *,
    ledger: Ledger | None = None,
    verification: Verification | None = None,
    **more: Any,
) -> Trace:
    """Read a run off its recorded events: the first tree that they tell of.

    Events are put into an order that does not depend on scheduling: by Node, and within a
    Node as they came.

    Args:
        events: What was recorded.
        ledger: What varied; read off the events, where left out.
        verification: What the run was found to be.
        more: Other fields of `Trace`, such as `environment_fingerprint`.
    """
    told = list(events)
    folding = Fold()
    folding.apply(told)
    if not folding.roots:
        raise ArgumentError("These events tell of no run.")
    view = folding.view(next(iter(folding.roots)))
    keys = {one.id: one.key for _, one in view.walk()}
    mine = [event for event in told if event.node_id in keys]
    ledger = ledger_of(mine, counts_served=True) if ledger is None else ledger
    marks = [mark for event in _by_part(mine) if (mark := _mark(event, keys)) is not None]
    bundles = [found for _, one in view.walk() if (found := bundle_of(one)) is not None]
    known: dict[str, Any] = {
        "flow_id": view.fn.name,
        "events": tuple(sorted(marks, key=lambda mark: mark.step)),
        "claim_ids": tuple(sorted({claim.id for one in bundles for claim in one.claims})),
        "evidence_hashes": tuple(sorted({e.content_hash for one in bundles for e in one.evidence})),
        "usage": ledger.usage(),
        "level": ledger.level,
        "non_certifiable": ledger.non_certifiable,
        "outcomes": {one.key: _outcome(one) for _, one in view.walk()},
        "unfinished": tuple(one.key for _, one in view.walk() if not one.is_done),
        "failed": tuple(one.key for _, one in view.walk() if one.state is NodeState.Error),
        "human_answers": sum(isinstance(event.body, ev.Answered) for event in mine),
    }
    if verification is not None:
        known |= {
            "arbitration_decision": verification.status,
            "contradiction_count": verification.contradiction_count,
            "verification_policy_fingerprint": verification.policy,
        }
    return Trace(**(known | more))


# What was asked and what came; not how long it took.
_TOLD = (ev.NodeOpened, ev.RequestStarted, ev.PartAdded, ev.Drawn, ev.Answered, ev.NodeClosed)
_PASSING = ("seq", "time", "node", "event", "parent", "key", "served", "ruling")


def _by_part(events: Iterable[ev.Event]) -> Iterator[ev.Event]:
    """Give events with each part of a reply in one of its own, as the first version wrote them."""
    for event in events:
        yield event
        if isinstance(event.body, ev.RequestEnded):
            for part in event.body.parts:
                yield event._replace(body=ev.PartAdded(part))


def _mark(event: ev.Event, keys: Mapping[int, str]) -> EventMark | None:
    body = event.body
    if not isinstance(body, _TOLD):
        return None
    if isinstance(body, ev.PartAdded) and isinstance(body.part, ModelStatusPart):
        return None
    row = event_to_json(event)
    assert row is not None
    payload = {name: value for name, value in row.items() if name not in _PASSING}
    return EventMark(type(body).__name__, keys[event.node_id], fingerprint(payload))


def _outcome(view: NodeView) -> Outcome:
    if view.exception is not None:
        words = stringify(view.exception)
        return Outcome(view.fn.name, view.state.value, fingerprint(words), words[:SHOWN])
    try:
        value = fingerprint(view.outputs)
    except ArgumentError:
        value = f"not portable: {type(view.outputs).__qualname__}"
    return Outcome(view.fn.name, view.state.value, value, repr(view.outputs)[:SHOWN])


_DATA = ("dataset", "allow_deprecated_datasets", "replay_envelope")
_PRINTS = ("environment_fingerprint", "verification_policy_fingerprint")
_PLAIN = ("flow_id", "plan_hash", "tenant_id", "flow_state", *_DATA, *_PRINTS)


_COUNTED = {
    "missing_step_end": "unfinished",
    "failed_steps": "failed",
    "human_intervention_events": "human_answers",
}


def trace_diff(
    expected: Trace, observed: Trace, acceptability: Acceptability = "exact_match"
) -> dict[str, Any]:
    """Give what differs between two runs, by name; nothing, where they are the same.

    An outcome that changed is a difference at every level. What only the envelope of
    `expected` lets pass is named with `acceptable_` before it.

    Example:
        >>> trace_diff(Trace(flow_id="a"), Trace(flow_id="b"))["flow_id"]
        {'expected': 'a', 'observed': 'b'}
    """
    checked("An acceptability", acceptability, ACCEPTABILITIES)
    diffs: dict[str, Any] = {}
    for name in _PLAIN:
        mine, theirs = getattr(expected, name), getattr(observed, name)
        if mine != theirs:
            diffs[name] = _pair(_plain(mine), _plain(theirs))
    diffs |= _events(expected, observed, acceptability)
    diffs |= _claims(expected, observed, acceptability)
    diffs |= _outcomes(expected, observed, acceptability)
    diffs |= _entropy(expected, observed, acceptability)
    if diffs and acceptability != "exact_match":
        diffs["non_determinism_report"] = non_determinism_report(expected, observed)
    return diffs


def replay_diff(
    expected: Trace, observed: Trace, acceptability: Acceptability = "exact_match"
) -> dict[str, Any]:
    """Give what differs between a recorded run and its replay, counts and steps included."""
    diffs = trace_diff(expected, observed, acceptability)
    if expected.dataset != observed.dataset and _is_deprecated(observed.dataset):
        diffs["deprecated_dataset"] = _pair(_plain(expected.dataset), _plain(observed.dataset))
    for name, of in _COUNTED.items():
        mine, theirs = getattr(expected, of), getattr(observed, of)
        if mine != theirs:
            diffs[name] = _pair(mine, theirs)
    for name in ("artifact", "evidence"):
        many = sorted(getattr(expected, f"{name}_hashes"))
        others = sorted(getattr(observed, f"{name}_hashes"))
        if many != others:
            diffs[f"{name}_fingerprint"] = _pair(fingerprint(many), fingerprint(others))
        if len(many) != len(others):
            diffs[f"{name}_count"] = _pair(len(many), len(others))
    return diffs


def _pair(expected: Any, observed: Any) -> dict[str, Any]:
    return {"expected": expected, "observed": observed}


def _plain(value: Any) -> Any:
    return asdict(value) if isinstance(value, ReplayEnvelope) else value


def _is_deprecated(dataset: Any) -> bool:
    return isinstance(dataset, Mapping) and dataset.get("state") == "deprecated"


def signature(trace: Trace, acceptability: Acceptability) -> list[tuple[str, ...]]:
    """Give a run's events as an acceptability sees them."""
    if acceptability == "exact_match":
        return [(mark.type, mark.step, mark.payload_hash) for mark in trace.events]
    marks: list[tuple[str, ...]] = [(mark.type, mark.step) for mark in trace.events]
    return sorted(marks) if acceptability == "statistically_bounded" else marks


def _events(expected: Trace, observed: Trace, acceptability: Acceptability) -> dict[str, Any]:
    if signature(expected, "exact_match") == signature(observed, "exact_match"):
        return {}
    mine, theirs = signature(expected, acceptability), signature(observed, acceptability)
    if mine == theirs:
        return {"acceptable_events": "different but acceptable under policy"}
    place = next(
        (i for i, (a, b) in enumerate(zip(mine, theirs, strict=False)) if a != b),
        min(len(mine), len(theirs)),
    )
    return {
        "events": {
            "expected": mine[place : place + MOST_NAMED],
            "observed": theirs[place : place + MOST_NAMED],
            "first": place,
            "expected_count": len(mine),
            "observed_count": len(theirs),
        }
    }


def overlap(expected: Trace, observed: Trace) -> float:
    """Give how many of the expected claims were made again, from 0 to 1."""
    mine, theirs = set(expected.claim_ids), set(observed.claim_ids)
    return len(mine & theirs) / len(mine) if mine else 1.0


def _claims(expected: Trace, observed: Trace, acceptability: Acceptability) -> dict[str, Any]:
    diffs: dict[str, Any] = {}
    envelope, is_bounded = expected.replay_envelope, acceptability == "statistically_bounded"
    share = overlap(expected, observed)
    if is_bounded and share < envelope.min_claim_overlap:
        diffs["claim_overlap"] = {
            "expected_min": envelope.min_claim_overlap,
            "observed": share,
        }
    mine, theirs = set(expected.claim_ids), set(observed.claim_ids)
    if mine != theirs and not diffs:
        diffs["acceptable_claims" if is_bounded else "claims"] = {
            "missing": sorted(mine - theirs)[:MOST_NAMED],
            "added": sorted(theirs - mine)[:MOST_NAMED],
        }
    delta = abs(expected.contradiction_count - observed.contradiction_count)
    if delta and is_bounded and delta > envelope.max_contradiction_delta:
        diffs["contradiction_delta"] = {
            "allowed": envelope.max_contradiction_delta,
            "observed": delta,
        }
    elif delta:
        name = "acceptable_contradictions" if is_bounded else "contradiction_count"
        diffs[name] = _pair(expected.contradiction_count, observed.contradiction_count)
    if expected.arbitration_decision != observed.arbitration_decision:
        diffs["arbitration_decision"] = _pair(
            expected.arbitration_decision, observed.arbitration_decision
        )
    return diffs


def _outcomes(expected: Trace, observed: Trace, acceptability: Acceptability) -> dict[str, Any]:
    mine, theirs = expected.outcomes, observed.outcomes
    changed = [key for key in {**mine, **theirs} if mine.get(key) != theirs.get(key)]
    if not changed:
        return {}
    # Words may change where the claims in them are held to an envelope instead.
    is_weighed = (
        acceptability == "statistically_bounded"
        and bool(expected.claim_ids)
        and overlap(expected, observed) >= expected.replay_envelope.min_claim_overlap
        and all(
            key in mine and key in theirs and mine[key].state == theirs[key].state
            for key in changed
        )
    )
    return {
        "acceptable_outcomes" if is_weighed else "outcomes": {
            "count": len(changed),
            "nodes": {
                key: _pair(_said(mine, key), _said(theirs, key)) for key in changed[:MOST_NAMED]
            },
        }
    }


def _said(outcomes: Mapping[str, Outcome], key: str) -> str | None:
    found = outcomes.get(key)
    return None if found is None else f"{found.fn}() {found.state}: {found.shown}"


def _entropy(expected: Trace, observed: Trace, acceptability: Acceptability) -> dict[str, Any]:
    diffs: dict[str, Any] = {}
    if expected.level != observed.level:
        diffs["determinism_level"] = _pair(expected.level, observed.level)
    mine, theirs = entropy_summary(expected.usage), entropy_summary(observed.usage)
    if sorted(expected.usage) != sorted(observed.usage):
        is_less = set(theirs["sources"]) <= set(mine["sources"]) and _size(theirs) <= _size(mine)
        is_weighed = acceptability != "exact_match" and is_less
        diffs["acceptable_entropy" if is_weighed else "entropy"] = _pair(mine, theirs)
    return diffs


def _size(summary: Mapping[str, Any]) -> int:
    most = summary["max_magnitude"]
    return -1 if most is None else RANK[most]


def entropy_summary(usage: Sequence[tuple[Source, Magnitude]]) -> dict[str, Any]:
    """Sum up what varied: the sources, how many uses, the largest magnitude."""
    return {
        "sources": sorted({source for source, _ in usage}),
        "count": len(usage),
        "max_magnitude": largest(magnitude for _, magnitude in usage),
    }


def non_determinism_report(expected: Trace, observed: Trace) -> dict[str, Any]:
    """Set side by side what varied in two runs, and how far each may be trusted."""
    mine, theirs = entropy_summary(expected.usage), entropy_summary(observed.usage)
    left, right = profile(expected.level, expected.usage), profile(observed.level, observed.usage)
    return {
        "expected_entropy": mine,
        "observed_entropy": theirs,
        "entropy_sources_added": sorted(set(theirs["sources"]) - set(mine["sources"])),
        "entropy_sources_missing": sorted(set(mine["sources"]) - set(theirs["sources"])),
        "entropy_magnitude_delta": _pair(mine["max_magnitude"], theirs["max_magnitude"]),
        "determinism_classes": {
            **_pair(list(left.classes), list(right.classes)),
            "added": sorted(set(right.classes) - set(left.classes)),
            "missing": sorted(set(left.classes) - set(right.classes)),
        },
        "determinism_profile": _pair(asdict(left), asdict(right)),
    }


def render_diff(diffs: Mapping[str, Any]) -> str:
    """Give differences as lines for a person."""
    if not diffs:
        return "no differences"
    return "\n".join(f"- {name}: {str(value)[: 4 * SHOWN]}" for name, value in diffs.items())


def compare(traces: Sequence[Trace]) -> dict[str, Any]:
    """Set many runs of one thing side by side, each against the first."""
    if not traces:
        raise ArgumentError("There is nothing to compare: no run was given.")
    first = traces[0]
    drifted = {
        key
        for trace in traces[1:]
        for key in {**first.outcomes, **trace.outcomes}
        if first.outcomes.get(key) != trace.outcomes.get(key)
    }
    counts = [trace.contradiction_count for trace in traces]
    return {
        "claim_overlap": min(overlap(first, trace) for trace in traces),
        "contradictions": {"min": min(counts), "max": max(counts)},
        "decisions": sorted({str(trace.arbitration_decision) for trace in traces}),
        "entropy_drift": [entropy_summary(trace.usage) for trace in traces],
        "outcome_drift": sorted(drifted)[:MOST_NAMED],
    }
