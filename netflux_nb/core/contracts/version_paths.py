"""Versions read, changed and compared by paths."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .persistent import (
    KINDS,
    MISSING,
    VERSIONS,
    DictVersion,
    ListVersion,
    Path,
    SetVersion,
    kind_of,
)


def meet(one: Path, other: Path) -> bool:
    """Say whether one path is the other, or leads to it."""
    return all(a == b for a, b in zip(one, other, strict=False))


def get_at(version: Any, path: Path) -> Any:
    """Give what stands at a path, or `MISSING`."""
    for part in path:
        if type(version) not in KINDS:
            return MISSING
        version = version.get(part)
    return version


def put_at(version: Any, path: Path, value: Any) -> Any:
    """Give the version in which a value stands at a path; `MISSING` takes away what is there.

    Raises `LookupError` where nothing holds it there.
    """
    if not path:
        return value
    kind = type(version)
    if kind not in KINDS or kind is SetVersion:
        raise LookupError(path[0])
    part, rest = path[0], path[1:]
    inner = version.get(part)
    made = put_at(inner, rest, value) if rest else value
    if made is MISSING:
        if kind is not DictVersion:
            raise LookupError(part)
        return version if inner is MISSING else version.without(part)
    if inner is MISSING and kind is ListVersion:
        raise LookupError(part)
    return version if made is inner else version.with_key(part, made)


def is_same(one: Any, other: Any) -> bool:
    """Say whether two versions hold the very same: nothing in them was put anew."""
    if one is other:
        return True
    if type(one) is not type(other) or not isinstance(one, VERSIONS) or one.line is not other.line:
        return False
    if isinstance(one, SetVersion) or isinstance(other, SetVersion):
        return bool(one.items == other.items)  # type: ignore[union-attr]
    if isinstance(one, DictVersion):
        if len(one) != len(other):
            return False
        pairs = zip(one.items(), other.items(), strict=True)
        return all(a[0] == b[0] and is_same(a[1], b[1]) for a, b in pairs)
    if isinstance(one, ListVersion):
        items = zip(one.items, other.items, strict=False)
        return len(one) == len(other) and all(is_same(a, b) for a, b in items)
    mine, others = one.values, other.values
    return mine.keys() == others.keys() and all(is_same(v, others[k]) for k, v in mine.items())


def first_changed(
    base: Any, now: Any, touched: Iterable[Path], passed: Iterable[Path] = ()
) -> Path:
    """Give the first path at which two versions are not the very same; nothing where all are.

    Of what was only passed through, it must be of the same kind.
    """
    if now is base:
        return ()
    for path in touched:
        one, other = base, now
        for part in path:
            if one is other:
                break
            # Something was put in the place of what holds it.
            if getattr(one, "line", None) is not getattr(other, "line", None):
                return path
            one, other = get_at(one, (part,)), get_at(other, (part,))
        if not is_same(one, other):
            return path
    kinds = ((path, kind_of(get_at(base, path)), kind_of(get_at(now, path))) for path in passed)
    return next((path for path, was, is_now in kinds if was != is_now), ())
