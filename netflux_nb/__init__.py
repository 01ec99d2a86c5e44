"""Agents are functions.

A Function is anything that can be called: Python code or an agent. A call is a Node.
What happens to a Node is an event. Everything a person sees is read off the events.
"""

# For builders. Rooms, left may be imported by right (tests/test_layers.py holds it):
#   core, testing, runtime, {providers, func_lib, record}, {state, recovery, governance},
#   scale, show, session, {notebook, compat, cli}, this file.
# The way of the data: call -> Node -> events -> { record, views } -> whatever is shown.
# Nothing goes back: who shows never asks who runs.
# Three kinds of plug, three ways to fail: a model answers or raises; a policy refuses or
# waits; the one journal must not fail, and an observer that fails is dropped and logged.

from __future__ import annotations

import logging

from .core import (
    MISSING,
    AgentException,
    AgentFunction,
    ArgumentError,
    BudgetError,
    CancellationException,
    CodeFunction,
    Continuation,
    Delta,
    Event,
    Function,
    FunctionArg,
    FunctionError,
    IntermediateEvent,
    MaxAgentLevelExceededException,
    Model,
    ModelError,
    ModelProviderException,
    ModelReply,
    ModelRequest,
    ModelStatusPart,
    ModelTextPart,
    NetfluxError,
    NodeState,
    NodeView,
    NoNodeError,
    NoParentSessionError,
    PendingError,
    PolicyError,
    PromptError,
    Provider,
    RejectedError,
    RetriableException,
    SignatureError,
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
from .runtime import (
    AgentNode,
    CodeNode,
    Node,
    RunContext,
    Runtime,
    SessionBag,
    SessionScope,
    gather,
)
from .session import default_runtime, use

__version__ = "0.1.0"

# As libraries do: what is logged is heard by whoever asks for it, and by nobody else.
logging.getLogger("netflux_nb").addHandler(logging.NullHandler())

__all__ = [
    "MISSING",
    "AgentException",
    "AgentFunction",
    "AgentNode",
    "Approvals",
    "ArgumentError",
    "Budget",
    "BudgetError",
    "CancellationException",
    "CodeFunction",
    "CodeNode",
    "Continuation",
    "Delta",
    "Event",
    "Function",
    "FunctionArg",
    "FunctionError",
    "IntermediateEvent",
    "MaxAgentLevelExceededException",
    "Model",
    "ModelError",
    "ModelProviderException",
    "ModelReply",
    "ModelRequest",
    "ModelStatusPart",
    "ModelTextPart",
    "NetfluxError",
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
    "RunContext",
    "Runtime",
    "SessionBag",
    "SessionScope",
    "SignatureError",
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
    "default_runtime",
    "function",
    "gather",
    "use",
    "version_of",
    "view_from_json",
    "view_to_json",
]
