"""The state of a kernel: what Functions share, changed in transactions under contracts and rules."""

from .audit import audit
from .kernel_state import State, heavy, plain, state
from .workflows.workflow import workflow
from .zones import Meta, Signal

__all__ = ["Meta", "Signal", "State", "audit", "heavy", "plain", "state", "workflow"]
