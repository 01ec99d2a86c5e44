"""The verdict on the differences between two runs, and the class of a failure."""

from __future__ import annotations

import builtins
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from ..core.errors import ArgumentError, NetfluxError, RecordedError
from .levels import checked

ReplayMode = Literal["strict", "bounded", "observational"]
Acceptability = Literal["exact_match", "invariant_preserving", "statistically_bounded"]
ReplayVerdict = Literal["acceptable", "acceptable_with_warnings", "unacceptable", "non_certifiable"]
FailureClass = Literal["structural", "semantic", "environmental", "authority"]

MODES: tuple[ReplayMode, ...] = get_args(ReplayMode)
ACCEPTABILITIES: tuple[Acceptability, ...] = get_args(Acceptability)

# Differences that any acceptability but "exact_match" lets pass.
PASSING = frozenset(
    {
        "events",
        "artifact_fingerprint",
        "artifact_count",
        "evidence_fingerprint",
        "evidence_count",
        "non_determinism_report",
    }
)
# A comparison that already weighed a difference against an envelope says so by this prefix.
WEIGHED = "acceptable_"

SHOWN = 8


class ReplayDiffError(NetfluxError, ValueError):
    """A run came out otherwise than its mode lets it."""

    def __init__(self, reason_code: str, diffs: Mapping[str, Any], step_id: str = "") -> None:
        names = sorted(diffs)
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        where = f" at {step_id[:80]}" if step_id else ""
        super().__init__(f"{reason_code}{where}: {', '.join(names[:SHOWN]) or 'nothing'}{more}.")
        self.reason_code = reason_code
        self.step_id = step_id
        self.diffs = dict(diffs)


@dataclass(frozen=True, slots=True)
class ReplayEnvelope:
    """How far claims may drift apart where a run is only statistically the same."""

    min_claim_overlap: float = 1.0
    max_contradiction_delta: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.min_claim_overlap <= 1:
            raise ArgumentError(
                f"min_claim_overlap is between 0 and 1, got {self.min_claim_overlap}."
            )
        if self.max_contradiction_delta < 0:
            raise ArgumentError(
                f"max_contradiction_delta is 0 or more, got {self.max_contradiction_delta}."
            )


@dataclass(frozen=True, slots=True)
class Judgement:
    """The judgement on a run's differences, and the ones that count."""

    verdict: ReplayVerdict
    blocking: tuple[str, ...] = ()
    acceptable: tuple[str, ...] = ()
    mode: ReplayMode = "strict"
    diffs: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def is_accepted(self) -> bool:
        """True where the run may stand for the recorded one, with or without warnings."""
        return self.verdict in ("acceptable", "acceptable_with_warnings")

    def check(self) -> None:
        """Raise `ReplayDiffError` where the run is not acceptable."""
        if self.verdict == "unacceptable":
            raise ReplayDiffError(f"{self.mode}_replay_diverged", self.diffs)


def judge(
    diffs: Mapping[str, Any] | Collection[str],
    mode: ReplayMode = "strict",
    acceptability: Acceptability = "exact_match",
    *,
    non_certifiable: bool = False,
) -> Judgement:
    """Say whether a run with these differences is the recorded one.

    "strict" takes no difference, "bounded" those that the acceptability lets pass,
    "observational" takes all and warns. Of a run that is not certifiable nothing is said.

    Example:
        >>> judge(["events"], "bounded", "invariant_preserving").verdict
        'acceptable_with_warnings'
    """
    checked("A replay mode", mode, MODES)
    checked("An acceptability", acceptability, ACCEPTABILITIES)
    told = dict(diffs) if isinstance(diffs, Mapping) else dict.fromkeys(diffs)
    if non_certifiable:
        return Judgement("non_certifiable", mode=mode, diffs=told)
    passing = {name for name in told if _passes(name)} if acceptability != "exact_match" else set()
    acceptable, blocking = tuple(sorted(passing)), tuple(sorted(set(told) - passing))
    verdict: ReplayVerdict = "acceptable"
    counting = {"strict": told, "bounded": blocking, "observational": ()}[mode]
    if counting:
        verdict = "unacceptable"
    elif told:
        verdict = "acceptable_with_warnings"
    return Judgement(verdict, blocking, acceptable, mode, told)


def _passes(name: str) -> bool:
    return name in PASSING or name.startswith(WEIGHED)


# What a change of the surroundings does to a record.
REPLAY_BREAKERS = frozenset(
    {"plan_hash", "environment_fingerprint", "step_order", "artifact_content"}
)
DETERMINISM_BREAKERS = frozenset({"environment_fingerprint", "tool_versions", "random_seed"})
ALLOWED_CHANGES = frozenset({"doc_text", "non_semantic_metadata"})


def breaks(changed: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Name the changes after which a replay, and a run's determinism, no longer hold.

    A change that nobody knows breaks both.
    """
    names = set(changed)
    known = REPLAY_BREAKERS | DETERMINISM_BREAKERS | ALLOWED_CHANGES
    strange = names - known
    return (
        tuple(sorted(names & REPLAY_BREAKERS | strange)),
        tuple(sorted(names & DETERMINISM_BREAKERS | strange)),
    )


# Errors by the name of their class, and the older program's names beside ours.
_CLASSES: Mapping[FailureClass, str] = {
    "structural": (
        "NetfluxError UsageError ArgumentError FunctionError SignatureError PromptError "
        "NoNodeError MaxAgentLevelExceededException NoParentSessionError RecordedError "
        "CancellationException ResolutionFailure ExecutionFailure RetrievalFailure "
        "ReasoningFailure ConfigurationError"
    ),
    "semantic": (
        "AgentException VerificationFailure NonDeterminismViolationError DivergenceError "
        "ReplayDiffError"
    ),
    "environmental": (
        "NoKeyError RecordError ModelError ModelProviderException EnvironmentMismatchError "
        "ImportError OSError MemoryError StillRunningError ConflictError OutboxError"
    ),
    "authority": (
        "PolicyError BudgetError RejectedError PendingError SemanticViolationError PermissionError "
        "ContractError AuditError InterlockError"
    ),
}
FAILURE_CLASSES: Mapping[str, FailureClass] = {
    name: kind for kind, names in _CLASSES.items() for name in names.split()
}


def failure_class(failure: BaseException | type[BaseException] | str) -> FailureClass:
    """Give the class of a failure: an error, its class, or the name of its class.

    Every error has one. What nobody knows is structural: a fault in what was written.

    Example:
        >>> failure_class(ConnectionRefusedError("no"))
        'environmental'
    """
    if isinstance(failure, RecordedError):
        failure = str(failure.type_name)
    if isinstance(failure, BaseException):
        failure = type(failure)
    if isinstance(failure, str):
        known = getattr(builtins, failure, None) if failure not in FAILURE_CLASSES else None
        if not (isinstance(known, type) and issubclass(known, BaseException)):
            return FAILURE_CLASSES.get(failure, "structural")
        failure = known
    for kind in failure.__mro__:
        if kind.__name__ in FAILURE_CLASSES:
            return FAILURE_CLASSES[kind.__name__]
    return "structural"
