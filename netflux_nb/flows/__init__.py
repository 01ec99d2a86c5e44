"""Flows written as JSON: agents by name, in the order of their dependencies, under a policy."""

from .execution import FlowResult, Observer, execute_flow, replay_flow, resume_flow
from .export_rows import export_run
from .flow import flow, parts_of
from .limits import ExecutionBudget, Limits
from .manifest import FLOW_STATES, ConfigurationError, FlowManifest, FlowState
from .plan import FlowPlan, ResolvedStep, check_plan, plan_diff, resolve
from .policy_file import policy_from_json
from .step_artifacts import (
    Artifact,
    ArtifactStore,
    HostileArtifactStore,
    MemoryArtifactStore,
    SemanticViolationError,
    artifacts_in,
    executor_states,
)
from .steps import ReasoningFailure, RetrievalFailure, RetrievalRequest, step

__all__ = [
    "FLOW_STATES",
    "Artifact",
    "ArtifactStore",
    "ConfigurationError",
    "ExecutionBudget",
    "FlowManifest",
    "FlowPlan",
    "FlowResult",
    "FlowState",
    "HostileArtifactStore",
    "Limits",
    "MemoryArtifactStore",
    "Observer",
    "ReasoningFailure",
    "ResolvedStep",
    "RetrievalFailure",
    "RetrievalRequest",
    "SemanticViolationError",
    "artifacts_in",
    "check_plan",
    "execute_flow",
    "executor_states",
    "export_run",
    "flow",
    "parts_of",
    "plan_diff",
    "policy_from_json",
    "replay_flow",
    "resolve",
    "resume_flow",
    "step",
]
