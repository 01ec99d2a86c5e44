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

from . import core as _core
from .core import *  # noqa: F403
from .core.errors import UsageError
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

__all__ = sorted(
    {
        *_core.__all__,
        "AgentNode",
        "Approvals",
        "Budget",
        "CodeNode",
        "Node",
        "RunContext",
        "Runtime",
        "SessionBag",
        "SessionScope",
        "UsageError",
        "default_runtime",
        "gather",
        "use",
    }
)
