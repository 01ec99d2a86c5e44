"""Flows written as JSON: agents by name, in the order of their dependencies, under a policy."""

from .exported import export_run
from .flow import flow, parts_of
from .limits import ExecutionBudget, Limits
from .manifest import FLOW_STATES, ConfigurationError, FlowManifest, FlowState
from .plan import FlowPlan, ResolvedStep, check_plan, plan_diff, resolve
from .policy import policy_from_json
from .running import FlowResult, Observer, execute_flow, replay_flow, resume_flow

__all__ = [
    "FLOW_STATES",
    "ConfigurationError",
    "ExecutionBudget",
    "FlowManifest",
    "FlowPlan",
    "FlowResult",
    "FlowState",
    "Limits",
    "Observer",
    "ResolvedStep",
    "check_plan",
    "execute_flow",
    "export_run",
    "flow",
    "parts_of",
    "plan_diff",
    "policy_from_json",
    "replay_flow",
    "resolve",
    "resume_flow",
]
