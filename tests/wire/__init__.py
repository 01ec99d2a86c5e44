"""A local server that speaks the providers' wire formats."""

from .formats import Call, Said
from .server import CUT, STALL, Asked, Fault, Raw, Stream, WireServer

__all__ = ["CUT", "STALL", "Asked", "Call", "Fault", "Raw", "Said", "Stream", "WireServer"]
