"""Agents are functions.

A Function is anything that can be called: Python code or an agent. A call is a Node.
What happens to a Node is an event. Everything a person sees is read off the events.
"""

# For builders. Rooms, left may be imported by right (tests/test_layers.py holds it):
#   core, testing, runtime, {providers, func_lib, record, compare, determinism}, replay,
#   {state, recovery, governance}, session, show, run, studies, wiring,
#   {flows, jupyter}, cli, compat, this file, demos.
# The way of the data: call -> Node -> events -> { record, views } -> whatever is shown.
# Nothing goes back: who shows never asks who runs.
# Three kinds of plug, three ways to fail: a model answers or raises; a policy refuses or
# waits; the one journal must not fail, and an observer that fails is dropped and logged.

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import wiring as wiring  # fills the slots
from .core import (
    MISSING,
    AgentException,
    AgentFunction,
    ArgumentError,
    AuditError,
    Bill,
    BillLine,
    BudgetError,
    CancellationException,
    CodeFunction,
    ConflictError,
    Continuation,
    ContractError,
    Delta,
    Event,
    Function,
    FunctionArg,
    FunctionError,
    ImageResult,
    IntermediateEvent,
    MaxAgentLevelExceededException,
    Model,
    ModelError,
    ModelProviderException,
    ModelReply,
    ModelRequest,
    ModelStatusPart,
    ModelTextPart,
    NativePart,
    NetfluxError,
    NodeState,
    NodeView,
    NoKeyError,
    NoNodeError,
    NoParentSessionError,
    PendingError,
    PolicyError,
    PromptError,
    Provider,
    RejectedError,
    RetriableException,
    SignatureError,
    Spent,
    TerminalNodeStates,
    ThinkingBlockPart,
    TokenBill,
    TokenUsage,
    ToolResultPart,
    ToolUsePart,
    TranscriptPart,
    TranscriptPosition,
    UsageError,
    UserTextPart,
    Version,
    WaitingOn,
    agent,
    function,
    version_of,
    view_from_json,
    view_to_json,
)
from .governance.approvals import Approvals
from .governance.budgets import Budget
from .run import Run
from .run.listing import export_notebook, open_run, runs, serve, sql
from .runtime import (
    AgentNode,
    CodeNode,
    Limit,
    Node,
    RunContext,
    Runtime,
    SessionBag,
    SessionScope,
    as_completed,
    gather,
)
from .runtime.safe import Keyless
from .runtime.sinks import redact
from .session import default_runtime, use
from .state import Meta, Signal, audit, heavy, plain, state, workflow

if TYPE_CHECKING:
    from .jupyter.extension import load_ipython_extension, setup, unload_ipython_extension

__version__ = "0.1.0"

# As libraries do: what is logged is heard by whoever asks for it, and by nobody else.
logging.getLogger("netflux_nb").addHandler(logging.NullHandler())
for _logger in ("runtime", "governance", "session", "state", "audit", "jupyter"):
    logging.getLogger(f"netflux_nb.{_logger}").addFilter(Keyless())

# What needs IPython is imported when somebody asks for it.
_NOTEBOOK = ("load_ipython_extension", "setup", "unload_ipython_extension")


def __getattr__(name: str) -> Any:
    if name not in _NOTEBOOK:
        raise AttributeError(f"module 'netflux_nb' has no attribute {name!r}")
    return getattr(import_module(".jupyter.extension", __name__), name)


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    """Tell `jupyter labextension develop` where the built panel is."""
    return [{"src": "labextension", "dest": "netflux-lab"}]


__all__ = [
    "MISSING",
    "AgentException",
    "AgentFunction",
    "AgentNode",
    "Approvals",
    "ArgumentError",
    "AuditError",
    "Bill",
    "BillLine",
    "Budget",
    "BudgetError",
    "CancellationException",
    "CodeFunction",
    "CodeNode",
    "ConflictError",
    "Continuation",
    "ContractError",
    "Delta",
    "Event",
    "Function",
    "FunctionArg",
    "FunctionError",
    "ImageResult",
    "IntermediateEvent",
    "Limit",
    "MaxAgentLevelExceededException",
    "Meta",
    "Model",
    "ModelError",
    "ModelProviderException",
    "ModelReply",
    "ModelRequest",
    "ModelStatusPart",
    "ModelTextPart",
    "NativePart",
    "NetfluxError",
    "NoKeyError",
    "NoNodeError",
    "NoParentSessionError",
    "Node",
    "NodeState",
    "NodeView",
    "PendingError",
    "PolicyError",
    "PromptError",
    "Provider",
    "RejectedError",
    "RetriableException",
    "Run",
    "RunContext",
    "Runtime",
    "SessionBag",
    "SessionScope",
    "Signal",
    "SignatureError",
    "Spent",
    "TerminalNodeStates",
    "ThinkingBlockPart",
    "TokenBill",
    "TokenUsage",
    "ToolResultPart",
    "ToolUsePart",
    "TranscriptPart",
    "TranscriptPosition",
    "UsageError",
    "UserTextPart",
    "Version",
    "WaitingOn",
    "agent",
    "as_completed",
    "audit",
    "default_runtime",
    "export_notebook",
    "function",
    "gather",
    "heavy",
    "load_ipython_extension",
    "open_run",
    "plain",
    "redact",
    "runs",
    "serve",
    "setup",
    "sql",
    "state",
    "unload_ipython_extension",
    "use",
    "version_of",
    "view_from_json",
    "view_to_json",
    "workflow",
]
