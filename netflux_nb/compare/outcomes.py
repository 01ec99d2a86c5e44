"""Outcomes compared, of Nodes with the same key: the cheap half of a diff."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..core.views import NodeView
from .fields import outcomes
from .values import plain, readable


@dataclass(frozen=True, slots=True)
class Difference:
    """One outcome that is not as it was recorded."""

    key: str
    fn: str
    what: str
    recorded: Any
    now: Any

    def __str__(self) -> str:
        was, now = (readable(plain(v), 160) for v in (self.recorded, self.now))
        return f"{self.fn}(): {self.what} was {was}, now {now}"


def differences(was: NodeView, now: NodeView) -> Iterator[Difference]:
    """Compare what Nodes with the same key came to."""
    before = {view.key: view for _, view in was.walk()}
    after = {view.key: view for _, view in now.walk()}
    # The body of what was served did not run: what it called stands on one side only.
    hidden = {
        below.key
        for mine, theirs in ((before, after), (after, before))
        for key, one in mine.items()
        if one.served and key in theirs
        for _, below in theirs[key].walk()
    }
    for key, one in before.items():
        other = after.get(key)
        if other is None and key in hidden:
            continue
        if other is None:
            yield Difference(key, one.fn.name, "the call", dict(one.inputs), None)
            continue
        for found in outcomes(one, other).fields:
            yield Difference(key, one.fn.name, f"the {found.name}", found.left, found.right)
    for key, other in after.items():
        if key not in before and key not in hidden:
            yield Difference(key, other.fn.name, "the call", None, dict(other.inputs))
