"""The state of a kernel: what Functions share, changed in transactions under contracts."""

from .kernel_state import State, heavy, plain, state

__all__ = ["State", "heavy", "plain", "state"]
