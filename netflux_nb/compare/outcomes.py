"""Outcomes of Nodes with the same key, compared: the cheap half of a diff."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..core.json.portable import Unkept
from ..core.views import NodeView
from .equality import plain, readable
from .fields import NodeComparison, outcomes


@dataclass(frozen=True, slots=True)
class Difference:
    """One outcome that is not as it was recorded."""

    key: str
    fn: str
    # As `Field` names it; "call" where only one of the two was made.
    field: str
    recorded: Any
    now: Any

    @property
    def what(self) -> str:
        """The field, as a sentence names it."""
        return f"the {self.field}"

    def __str__(self) -> str:
        was, now = (readable(plain(v), 160) for v in (self.recorded, self.now))
        return f"{self.fn}(): {self.what} was {was}, now {now}"


@dataclass(frozen=True, slots=True)
class Uncompared:
    """One value that could not be compared: the record does not hold it."""

    key: str
    fn: str
    # "outputs", or an argument by its name.
    what: str
    type_name: str

    def __str__(self) -> str:
        said = "gave" if self.what == "outputs" else f"was given {self.what},"
        return f"{self.fn}() {said} {self.type_name}"


def differences(
    was: NodeView, now: NodeView, unknown: list[Uncompared] | None = None
) -> Iterator[Difference]:
    """Compare what Nodes with the same key came to; what cannot be is added to `unknown`."""
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
            yield Difference(key, one.fn.name, "call", dict(one.inputs), None)
            continue
        found = outcomes(one, other)
        if unknown is not None:
            unknown += _uncompared(one, other, found)
        for field in found.fields:
            yield Difference(key, one.fn.name, field.name, field.left, field.right)
    for key, other in after.items():
        if key not in before and key not in hidden:
            yield Difference(key, other.fn.name, "call", None, dict(other.inputs))


def _uncompared(one: NodeView, other: NodeView, found: NodeComparison) -> Iterator[Uncompared]:
    for name, value in one.inputs.items():
        if isinstance(value, Unkept):
            yield Uncompared(one.key, one.fn.name, name, value.type_name)
    # Not both results were at hand.
    if ("result", "unknown") in found.unsure or ("result", "lost") in found.unsure:
        pair = (one.outputs, other.outputs)
        value = next((v for v in pair if isinstance(v, Unkept)), other.outputs)
        yield Uncompared(one.key, one.fn.name, "outputs", _name(value))


def _name(value: Any) -> str:
    return value.type_name if isinstance(value, Unkept) else type(value).__qualname__
