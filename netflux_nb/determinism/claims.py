"""Claims with their evidence, read off a Node's result, and the rules they are held to."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..core.views import NodeView

# A result that claims more than this is cut: the rules compare texts with each other.
MOST_CLAIMS = 10_000
STATEMENT_CHARS = 100_000


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that is said to be so, how surely, and on whose word."""

    id: str
    statement: str
    confidence: float = 1.0
    supported_by: Sequence[str] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "supported_by", tuple(self.supported_by))


@dataclass(frozen=True, slots=True)
class Evidence:
    """Something that a claim may rest on."""

    id: str
    content_hash: str
    source_uri: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """Claims together with what they rest on.

    `evidence_ids` is what the claims' maker says was used, `evidence` what was there.
    """

    claims: Sequence[Claim] = ()
    evidence_ids: Sequence[str] = ()
    evidence: Sequence[Evidence] = ()
    artifact_hashes: Sequence[str] = ()

    def __post_init__(self) -> None:
        for name in ("claims", "evidence_ids", "evidence", "artifact_hashes"):
            object.__setattr__(self, name, tuple(getattr(self, name)))


def bundle_of(view: NodeView) -> Bundle | None:
    """Read the claims off a Node's result, or None where it makes none.

    A result claims where it is a `Bundle`, a `Claim` or a list of them, or has `claims`: a
    dict, or any object with that field. What a record gave back as plain dicts is read too.
    """
    outputs = view.outputs
    if isinstance(outputs, Bundle):
        return outputs
    if isinstance(outputs, Claim):
        outputs = [outputs]
    is_list = isinstance(outputs, (list, tuple)) and bool(outputs)
    if is_list and all(isinstance(one, Claim) or _is_claim(one) for one in outputs[:MOST_CLAIMS]):
        claims: Any = outputs
    else:
        claims = _field(outputs, "claims")
    if not isinstance(claims, (list, tuple)):
        return None
    own = None if is_list else outputs
    evidence = [*_evidence(_field(own, "evidence")), *_given(view.inputs)]
    ids = _field(own, "evidence_ids")
    return Bundle(
        claims=[_claim(one) for one in claims[:MOST_CLAIMS]],
        evidence_ids=_texts(ids) if ids is not None else [one.id for one in evidence],
        evidence=evidence,
        artifact_hashes=_texts(_field(own, "artifact_hashes")),
    )


def _field(thing: Any, name: str) -> Any:
    if isinstance(thing, Mapping):
        return thing.get(name)
    if thing is None or isinstance(thing, (str, bytes, int, float, list, tuple)):
        return None
    return getattr(thing, name, None)


def _is_claim(thing: Any) -> bool:
    return isinstance(thing, Mapping) and thing.get("$type") == "Claim"


def _claim(thing: Any) -> Claim:
    """Read a claim. One that is none keeps a confidence that no rule takes."""
    if isinstance(thing, Claim):
        return thing
    name = _field(thing, "claim_id")
    confidence = _field(thing, "confidence")
    is_number = isinstance(confidence, (int, float)) and not isinstance(confidence, bool)
    return Claim(
        _text(_field(thing, "id") if name is None else name),
        _text(_field(thing, "statement")),
        float(confidence) if is_number else math.nan,
        _texts(_field(thing, "supported_by")),
    )


def _evidence(things: Any) -> Iterable[Evidence]:
    for thing in things if isinstance(things, (list, tuple)) else ():
        if isinstance(thing, Evidence):
            yield thing
            continue
        name = _field(thing, "evidence_id")
        yield Evidence(
            _text(_field(thing, "id") if name is None else name),
            _text(_field(thing, "content_hash")),
            _text(_field(thing, "source_uri")),
        )


def _given(inputs: Mapping[str, Any]) -> Iterable[Evidence]:
    for name, value in inputs.items():
        many = value if isinstance(value, (list, tuple)) else [value]
        if name == "evidence" or any(isinstance(one, Evidence) for one in many):
            yield from _evidence(many)


def _text(value: Any) -> str:
    return value[:STATEMENT_CHARS] if isinstance(value, str) else ""


def _texts(values: Any) -> list[str]:
    many = values[:MOST_CLAIMS] if isinstance(values, (list, tuple)) else ()
    return [_text(value) for value in many]


def _rests_on(bundle: Bundle, holds: Callable[[Claim, str, Evidence | None], bool]) -> bool:
    known = {one.id: one for one in bundle.evidence}
    return all(
        holds(claim, name, known.get(name))
        for claim in bundle.claims
        for name in claim.supported_by
    )


def _names_artifacts(bundle: Bundle) -> bool:
    hashes = bundle.artifact_hashes
    return not hashes or all(any(h in c.statement for h in hashes) for c in bundle.claims)


# What every bundle of claims is held to, each for a cost of 1, in this order.
BASELINE: Mapping[str, Callable[[Bundle], bool]] = {
    "claim_requires_evidence": lambda b: all(c.supported_by for c in b.claims),
    "confidence_in_range": lambda b: all(0 <= c.confidence <= 1 for c in b.claims),
    "unique_claim_ids": lambda b: len({c.id for c in b.claims}) == len(b.claims),
    "bundle_evidence_ids_match_inputs": lambda b: (
        set(b.evidence_ids) == {one.id for one in b.evidence}
    ),
    "claim_supports_known_evidence": lambda b: _rests_on(b, lambda c, name, e: e is not None),
    "claim_mentions_evidence_id": lambda b: _rests_on(
        b, lambda c, name, e: e is not None and name in c.statement
    ),
    "claim_mentions_evidence_hash": lambda b: _rests_on(
        b, lambda c, name, e: e is not None and e.content_hash in c.statement
    ),
    "claim_mentions_artifact_hash": _names_artifacts,
}


def contradictions(claims: Iterable[Claim]) -> tuple[str, ...]:
    """Name in what ways claims contradict each other, by their words alone.

    "not X" beside "X" is `direct_contradiction`; the same again with less confidence
    `weakened_restatement`; a claim that names itself `circular_justification`.

    Example:
        >>> contradictions([Claim("c1", "It rains"), Claim("c2", "not it rains")])
        ('direct_contradiction',)
    """
    sure: dict[str, list[float]] = {}
    names_itself = False
    for claim in claims:
        words = " ".join(claim.statement.lower().split())
        sure.setdefault(words, []).append(claim.confidence)
        names_itself |= bool(claim.id) and claim.id in words
    found = []
    if any(f"not {words}" in sure for words in sure):
        found.append("direct_contradiction")
    if any(min(many) < max(many) for many in sure.values()):
        found.append("weakened_restatement")
    if names_itself:
        found.append("circular_justification")
    return tuple(found)
