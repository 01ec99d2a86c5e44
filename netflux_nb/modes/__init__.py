"""How much of a call happens: it is looked at, tried with stand-ins, run, or only watched."""

from .planned import Plan, PlannedCall, plan
from .running import Mode, begin, dry_run, loosened, observe, unsafe
from .standins import StandIns, stand_in

__all__ = [
    "Mode",
    "Plan",
    "PlannedCall",
    "StandIns",
    "begin",
    "dry_run",
    "loosened",
    "observe",
    "plan",
    "stand_in",
    "unsafe",
]
