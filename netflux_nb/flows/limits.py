"""The limits of a flow: its steps, artifacts, evidence, events."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from ..core.errors import ArgumentError, BudgetError
from ..core.policy import Admit, Closed, Leave, Moment, Refuse, Verdict
from ..determinism.claims import bundle_of
from .step_artifacts import listed_in


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionBudget:
    """The most of each that a flow may come to; None where there is no end.

    Args:
        step_limit: Steps that begin.
        token_limit: Tokens of models, in all.
        artifact_limit: Results of steps; each that a step lists with an `artifact_id` counts.
        artifact_step_limit: Those of one step.
        evidence_limit: Pieces of evidence that results name.
        trace_event_limit: Events, when a call is made.
    """

    step_limit: int | None = None
    token_limit: int | None = None
    artifact_limit: int | None = None
    artifact_step_limit: int | None = None
    evidence_limit: int | None = None
    trace_event_limit: int | None = None

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if value is not None and (type(value) is not int or value < 0):
                raise ArgumentError(f"{one.name} is a number from 0, got {str(value)[:80]!r}.")


@dataclass(slots=True)
class _Counts:
    first_event: int
    steps: int = 0
    artifacts: int = 0
    evidence: int = 0


class Limits:
    """The policy that holds a flow to its `ExecutionBudget`; tokens are `Budget`'s."""

    moments = frozenset({Admit, Leave, Closed})

    def __init__(self, budget: ExecutionBudget, steps: frozenset[str]) -> None:
        self.budget = budget
        self.steps = steps
        self._lock = threading.Lock()  # guards the counts
        self._counts: dict[int, _Counts] = {}

    def __call__(self, moment: Moment, /) -> Verdict:
        """Count what begins and what came, and refuse what is too much."""
        node = moment.node
        with self._lock:
            match moment:
                case Admit():
                    return self._admit(node)
                case Leave(value=value, error=None):
                    return self._leave(node, value)
                case Closed():
                    if node.parent is None:
                        self._counts.pop(node.id, None)
        return None

    def _of(self, node: Any) -> _Counts:
        root = node.root_ancestor
        return self._counts.setdefault(root.id, _Counts(node.runtime.log.seq))

    def _is_step(self, node: Any) -> bool:
        above = node.parent
        return above is not None and above.parent is None and node.fn.name in self.steps

    def _admit(self, node: Any) -> Verdict:
        counts = self._of(node)
        if self._is_step(node):
            counts.steps += 1
        told = node.runtime.log.seq - counts.first_event
        return self._over(
            {"step_limit": counts.steps if self._is_step(node) else 0, "trace_event_limit": told}
        )

    def _leave(self, node: Any, value: Any) -> Verdict:
        if not self._is_step(node):
            return None
        counts = self._of(node)
        bundle = bundle_of(replace(node.view(), outputs=value))
        mine = count_of(value)
        counts.artifacts += mine
        counts.evidence += len(_evidence(value) if bundle is None else bundle.evidence)
        return self._over(
            {
                "artifact_step_limit": mine,
                "artifact_limit": counts.artifacts,
                "evidence_limit": counts.evidence,
            }
        )

    def _over(self, found: Mapping[str, int]) -> Refuse | None:
        for name, count in found.items():
            most = getattr(self.budget, name)
            if most is not None and count > most:
                return Refuse(BudgetError(f"{name} is {most:,}; this would be {count:,}."))
        return None


def _evidence(value: Any) -> Sequence[Any]:
    found = value.get("evidence") if isinstance(value, Mapping) else None
    return found if isinstance(found, (list, tuple)) else ()


def count_of(value: Any) -> int:
    """Count the artifacts that a step gave: those it lists, or its one result."""
    if value is None:
        return 0
    listed = listed_in(value)
    return 1 if listed is None else len(listed)
