"""The names of agentic-flows, for programs that were written with them."""

from __future__ import annotations

from enum import StrEnum

from ..core.errors import ArgumentError, NetfluxError
from ..determinism.ledger import Ledger as EntropyLedger
from ..determinism.levels import (
    EntropyBudget,
    NonDeterminismPolicy,
    NonDeterminismViolationError,
    environment_fingerprint,
    fingerprint,
    reasoning_seed,
    step_seed,
)
from ..determinism.levels import Intent as NonDeterministicIntent
from ..determinism.levels import Slice as EntropyBudgetSlice
from ..determinism.rules import VerificationPolicy
from ..determinism.verdict import ReplayDiffError, ReplayEnvelope, failure_class
from ..determinism.verification import VerificationFailure
from ..flows import (
    Artifact,
    ArtifactStore,
    ConfigurationError,
    ExecutionBudget,
    FlowManifest,
    FlowPlan,
    FlowResult,
    HostileArtifactStore,
    ReasoningFailure,
    ResolvedStep,
    RetrievalFailure,
    RetrievalRequest,
    SemanticViolationError,
    check_plan,
    execute_flow,
    plan_diff,
    replay_flow,
    resolve,
    resume_flow,
)
from ..flows import MemoryArtifactStore as InMemoryArtifactStore
from ..replay.recording import DivergenceError


class ExecutionFailure(NetfluxError):  # noqa: N818  the older name
    """An agent of a flow failed. Steps raise it; nothing here does."""


class RunMode(StrEnum):
    """The modes of a run, under the older names."""

    PLAN = "plan"
    DRY_RUN = "dry-run"
    LIVE = "live"
    OBSERVE = "observe"
    UNSAFE = "unsafe"


class _Id(str):
    """A text that names something. It is not empty."""

    __slots__ = ()

    def __new__(cls, value: str) -> _Id:
        if not isinstance(value, str) or not value.strip():
            raise ArgumentError(f"{cls.__name__} is a text that is not empty.")
        return super().__new__(cls, value)


_NAMES = (
    "ActionName",
    "AgentID",
    "ArtifactID",
    "BundleID",
    "ClaimID",
    "ContentHash",
    "ContractID",
    "DatasetID",
    "EnvironmentFingerprint",
    "EvidenceID",
    "FlowID",
    "GateID",
    "InputsFingerprint",
    "PlanHash",
    "PolicyFingerprint",
    "RequestID",
    "ResolverID",
    "RuleID",
    "RunID",
    "StepID",
    "TenantID",
    "ToolID",
    "VersionID",
)
# By name, each kind of text that names something.
IDS: dict[str, type[str]] = {name: type(name, (_Id,), {"__slots__": ()}) for name in _NAMES}

SPEC_VERSION = "v1"

__all__ = [
    "IDS",
    "SPEC_VERSION",
    "Artifact",
    "ArtifactStore",
    "ConfigurationError",
    "DivergenceError",
    "EntropyBudget",
    "EntropyBudgetSlice",
    "EntropyLedger",
    "ExecutionBudget",
    "ExecutionFailure",
    "FlowManifest",
    "FlowPlan",
    "FlowResult",
    "HostileArtifactStore",
    "InMemoryArtifactStore",
    "NonDeterminismPolicy",
    "NonDeterminismViolationError",
    "NonDeterministicIntent",
    "ReasoningFailure",
    "ReplayDiffError",
    "ReplayEnvelope",
    "ResolvedStep",
    "RetrievalFailure",
    "RetrievalRequest",
    "RunMode",
    "SemanticViolationError",
    "VerificationFailure",
    "VerificationPolicy",
    "check_plan",
    "environment_fingerprint",
    "execute_flow",
    "failure_class",
    "fingerprint",
    "plan_diff",
    "reasoning_seed",
    "replay_flow",
    "resolve",
    "resume_flow",
    "step_seed",
]
