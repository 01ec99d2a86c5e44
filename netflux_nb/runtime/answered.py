"""Agents of which a record answers every question: led by whoever waits for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .agents import AgentNode
from .drive import Driver, met
from .gate import Outcome, outcome_of
from .nodes import Node

if TYPE_CHECKING:
    from .runtime import Runtime


def is_answered(node: Node) -> bool:
    """True for a call in a tree in which nothing is live: a record answers, or it fails."""
    return node.cursor.is_alone


def answer(runtime: Runtime, node: AgentNode) -> Outcome:
    """Lead such an agent to its outcome on this thread. Nothing of it waits for the loop."""
    leading = _Answered(runtime, node, None).lead()
    try:
        leading.send(None)
    except StopIteration as end:
        return "success", end.value, None
    except BaseException as error:  # noqa: BLE001  this thread is ours; the caller gets it
        return outcome_of(None, met(node, error))
    leading.close()
    raise RuntimeError("A record that is to answer everything left a question open.")


class _Answered(Driver):
    """The loop of an agent that waits for nothing but its calls."""

    async def all_done(self, nodes: list[Node]) -> None:
        """Wait for each in turn: one that nobody has begun runs here."""
        for node in nodes:
            node.wait()

    def back_off(self, seconds: float) -> None:
        """Spare nobody: nothing is asked."""

    async def rest(self, seconds: float) -> None:
        """Go on: what was waited for has happened."""
        self.check()
