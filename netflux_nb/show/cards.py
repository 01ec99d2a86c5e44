"""A Function as a card. To be replaced by the one that the views bring."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.functions import Function
from .sheet import block
from .shown import Shown


def card(fn: Function, *, notes: Sequence[str] = (), diff: str = "") -> Shown:
    """Show a Function: name, signature, uses, version."""
    uses = ", ".join(one.name for one in fn.uses) or "nothing"
    lines = [f"{fn.name}{fn.__signature__}", fn.desc, f"uses {uses} · version {fn.version[:8]}"]
    text = "\n".join([*lines, *notes, *([diff] if diff else [])])
    return Shown(text, lambda: block(text), "Card")
