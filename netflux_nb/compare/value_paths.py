"""The paths inside two values at which they differ."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ..core.json.scalars import WORDED
from .equality import compared_plain, dumped, plain
from .sequences import CommonRun, common

MOST_ENTRIES = 1_000
# Tags whose values are told whole, not place by place.
_LEAVES = ("$tuple", "$set", "$dict", "$bytes", "$name", *sorted(WORDED))
_BARE = re.compile(r"[A-Za-z_]\w{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class PathChange:
    """One place inside a value that differs, such as `$.items[3].name`.

    Both sides are plain JSON, with the tags of `canonical`; None where the place is missing.
    """

    path: str
    kind: Literal["added", "removed", "changed"]
    left: Any
    right: Any


@dataclass(frozen=True, slots=True)
class ValueChange:
    """All places inside a value that differ, in order; `is_cut` where there are more."""

    entries: tuple[PathChange, ...]
    is_cut: bool = False


def changes(left: Any, right: Any, most: int = MOST_ENTRIES) -> ValueChange:
    """List the places where two values differ.

    Example:
        >>> [e.path for e in changes({"a": [1, 2]}, {"a": [1, 3], "b c": 0}).entries]
        ['$.a[1]', '$["b c"]']
    """
    changed: list[PathChange] = []
    # What is looked at next is on top, so that places come in order.
    stack: list[PathChange] = [PathChange("$", "changed", plain(left), plain(right))]
    while stack:
        if len(changed) == most:
            return ValueChange(tuple(changed), is_cut=True)
        entry = stack.pop()
        if entry.kind != "changed":
            changed.append(entry)
            continue
        inner = _inside(entry)
        if inner is not None:
            stack.extend(reversed(inner))
        elif compared_plain(entry.left, entry.right) == "changed":
            changed.append(entry)
    return ValueChange(tuple(changed))


def _inside(entry: PathChange) -> list[PathChange] | None:
    """Give the places one level below, or None where both sides are not alike enough."""
    left, right, path = entry.left, entry.right, entry.path
    if isinstance(left, list) and isinstance(right, list):
        return list(_items(path, left, right))
    if not (isinstance(left, dict) and isinstance(right, dict)):
        return None
    for tag in ("$tuple", "$set", "$dict"):
        if tag in left and tag in right and isinstance(left[tag], list):
            if tag == "$dict":
                return list(_pairs(path, left[tag], right[tag]))
            return list(_items(path, left[tag], right[tag]))
    if any(k in left or k in right for k in _LEAVES):
        return None
    return list(_keys(path, left, right))


def _keys(path: str, left: Mapping[str, Any], right: Mapping[str, Any]) -> Iterator[PathChange]:
    for key in [*left, *(k for k in right if k not in left)]:
        place = f"{path}.{key}" if _BARE.fullmatch(key) else f"{path}[{dumped(key[:80])}]"
        if key not in right:
            yield PathChange(place, "removed", left[key], None)
        elif key not in left:
            yield PathChange(place, "added", None, right[key])
        else:
            yield PathChange(place, "changed", left[key], right[key])


def _pairs(path: str, left: Sequence[Any], right: Sequence[Any]) -> Iterator[PathChange]:
    mine = {dumped(k): v for k, v in left}
    theirs = {dumped(k): v for k, v in right}
    for entry in _keys("", mine, theirs):
        yield PathChange(f"{path}{entry.path}", entry.kind, entry.left, entry.right)


def _items(path: str, left: Sequence[Any], right: Sequence[Any]) -> Iterator[PathChange]:
    """Align two lists by equal items; in a gap, items are paired by position."""
    odd: list[Any] = []

    def told(opaque: Any) -> str:
        odd.append(opaque)
        return repr(opaque)

    runs = common([dumped(v, told) for v in left], [dumped(v, told) for v in right])
    at_l = at_r = 0
    for run in (*runs, CommonRun(len(left), len(right), 0)):
        both = min(run.left - at_l, run.right - at_r)
        for n in range(both):
            yield PathChange(f"{path}[{at_l + n}]", "changed", left[at_l + n], right[at_r + n])
        for i in range(at_l + both, run.left):
            yield PathChange(f"{path}[{i}]", "removed", left[i], None)
        for j in range(at_r + both, run.right):
            yield PathChange(f"{path}[{j}]", "added", None, right[j])
        # Two that are told alike need not be: each is looked into.
        for n in range(run.size if odd else 0):
            i, j = run.left + n, run.right + n
            yield PathChange(f"{path}[{i}]", "changed", left[i], right[j])
        at_l, at_r = run.left + run.size, run.right + run.size
