"""Marks beside cells that define Functions: version, change, cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ...core.functions.kinds import Function
from ...core.functions.versions import Version, version_of
from ...show.parts.text import clean
from .updates import NAME_CHARS, CellMark


def defined_in(names: Mapping[str, Any]) -> dict[str, Function]:
    """List the Functions among a notebook's names, by name."""
    # A name may be bound by another thread meanwhile.
    return {k: v for k, v in list(names.items()) if isinstance(v, Function)}


def news(before: Mapping[str, Function], after: Mapping[str, Function]) -> list[Function]:
    """Give the Functions that are new, or were defined again."""
    found = {id(fn): fn for name, fn in after.items() if before.get(name) is not fn}
    old = {id(fn) for fn in before.values()}
    return [fn for key, fn in found.items() if key not in old]


def mark_of(fn: Function) -> CellMark:
    """Give the mark of a Function as it stands now: helpers that it reaches count too."""
    version = version_of(fn)
    return CellMark(
        fn=clean(fn.name, NAME_CHARS),
        kind="agent" if fn.is_agent() else "code",
        version=version.digest,
        unhashed=tuple(clean(name, 80) for name in version.unhashed[:5]),
    )


def with_last(mark: CellMark, last: tuple[Version | None, float | None, int]) -> CellMark:
    """Add what is known of the newest run that called it."""
    version, cost, calls = last
    changed = version is None or version.digest != mark.version
    rounded = None if cost is None else round(cost, 6)
    return replace(mark, changed=changed, cost=rounded, calls=calls)
