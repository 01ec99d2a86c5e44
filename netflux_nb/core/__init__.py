"""The nouns: Functions, arguments, prompts, messages, events, views, policies, errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .bill import Bill, BillLine
from .errors import (
    AgentException,
    ArgumentError,
    AuditError,
    BudgetError,
    CancellationException,
    ConflictError,
    ContractError,
    FunctionError,
    MaxAgentLevelExceededException,
    ModelError,
    ModelProviderException,
    NetfluxError,
    NoKeyError,
    NoNodeError,
    NoParentSessionError,
    PendingError,
    PolicyError,
    PromptError,
    RejectedError,
    SignatureError,
    UsageError,
)
from .events import Event
from .functions.arguments import MISSING, FunctionArg
from .functions.define import agent, function
from .functions.kinds import AgentFunction, CodeFunction, Function
from .functions.versions import Version, version_of
from .json import pickles  # noqa: F401  it says how views are pickled
from .json.portable import view_from_json, view_to_json
from .messages import (
    Continuation,
    Delta,
    ImageResult,
    IntermediateEvent,
    Model,
    ModelReply,
    ModelRequest,
    ModelStatusPart,
    ModelTextPart,
    NativePart,
    Provider,
    RetriableException,
    Spent,
    ThinkingBlockPart,
    TokenBill,
    TokenUsage,
    ToolResultPart,
    ToolUsePart,
    TranscriptPart,
    TranscriptPosition,
    UserTextPart,
)
from .policy import WaitingOn
from .views import NodeState, NodeView, TerminalNodeStates

if TYPE_CHECKING:
    from ..runtime.agents.agent import AgentNode
    from ..runtime.bags import SessionBag, SessionScope
    from ..runtime.context import RunContext
    from ..runtime.nodes import CodeNode, Node

# The seed has these here; they live with the runtime, which comes later in the corridor.
_LATER = {
    "AgentNode": "agents.agent",
    "CodeNode": "nodes",
    "Node": "nodes",
    "RunContext": "context",
    "SessionBag": "bags",
    "SessionScope": "bags",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"netflux_nb.runtime.{_LATER[name]}"), name)


__all__ = [
    "MISSING",
    "AgentException",
    "AgentFunction",
    "AgentNode",
    "ArgumentError",
    "AuditError",
    "Bill",
    "BillLine",
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
    "MaxAgentLevelExceededException",
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
    "RunContext",
    "SessionBag",
    "SessionScope",
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
    "function",
    "version_of",
    "view_from_json",
    "view_to_json",
]
