"""The state of a kernel: what Functions share, changed in transactions under contracts and rules."""

from .audit import audit
from .kernel_state import State, heavy, plain, state

__all__ = ["State", "audit", "heavy", "plain", "state"]
