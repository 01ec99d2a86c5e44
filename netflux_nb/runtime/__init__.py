"""The runtime: it makes Nodes of calls, schedules them, asks policies and posts events."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from . import runtime as _runtime
from .agents.agent import AgentNode
from .agents.lanes import Limit
from .bags import SessionBag, SessionScope
from .context import RunContext
from .nodes import CodeNode, Node
from .observe import Missed, Subscription
from .registry import register_driver, register_model
from .runtime import DEFAULT_MAX_AGENT_LEVELS, UPPER_MAX_AGENT_LEVELS, Runtime
from .threads.collect import as_completed, gather

get_AgentNode_impl = _runtime.get_AgentNode_impl  # noqa: N816  the seed's name


class _Runtime(ModuleType):
    """This package, where replacing `get_AgentNode_impl` reaches the runtime."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "get_AgentNode_impl":
            setattr(_runtime, name, value)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Runtime

__all__ = [
    "DEFAULT_MAX_AGENT_LEVELS",
    "UPPER_MAX_AGENT_LEVELS",
    "AgentNode",
    "CodeNode",
    "Limit",
    "Missed",
    "Node",
    "RunContext",
    "Runtime",
    "SessionBag",
    "SessionScope",
    "Subscription",
    "as_completed",
    "gather",
    "get_AgentNode_impl",
    "register_driver",
    "register_model",
]
