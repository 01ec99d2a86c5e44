"""Outboxes that a person released: a run that is resumed later does not make their calls again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.errors import NoNodeError
from ..runtime.host import host
from .recording import Recording

# Facts beside the records, and how many are kept: the newest.
NOTES = "outbox"
MOST = 10_000
_BY_HAND = "by_hand"


def note_released(facts: dict[str, Any], run: str, key: str, by: str) -> None:
    """Note that a run makes the calls of an outbox for a person."""
    known = _known(facts)
    known[f"{run} {key}"] = by
    facts[_BY_HAND] = dict(list(known.items())[-MOST:])


def _known(facts: dict[str, Any]) -> dict[str, str]:
    found = facts.get(_BY_HAND)
    return dict(found) if isinstance(found, dict) else {}


def released_by_hand(recordings: Sequence[Recording]) -> dict[str, str]:
    """Give the runs in which a person had the outboxes of these released, by key of the Node.

    Raises where what is to go on is a release itself: what is left of that is released anew.
    """
    if "outbox" in recordings[0].about:
        raise NoNodeError(
            f"Run {recordings[0].run} makes the calls of an outbox. What it left is made by the "
            f"state's `.outbox().release()`, which knows what was made meanwhile."
        )
    holds = [one for one in recordings if any(n.outbox for n in one.nodes.values())]
    if not holds:
        return {}
    with host().notes(NOTES).turn() as facts:
        known = _known(facts)
    return {
        node.key: known[f"{one.run} {node.key}"]
        for one in holds
        for node in one.nodes.values()
        if node.outbox and f"{one.run} {node.key}" in known
    }
