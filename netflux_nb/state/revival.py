"""Versions made again of what a record tells of a state, and compared with what is there."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from importlib import import_module
from typing import Any, get_args, get_type_hints

from ..core.contracts.declared import Touched, written
from ..core.contracts.persistent import (
    MISSING,
    SCALARS,
    VERSIONS,
    DictVersion,
    ListVersion,
    Path,
    Present,
    RecordVersion,
    SetVersion,
    freeze,
    is_array,
    kind_of,
    same_array,
)
from ..core.contracts.version_paths import get_at
from ..core.json.portable import Unkept
from ..core.json.state_values import Fields, Member, Number
from ..core.secrets.redaction import is_marked

# By name; None where two classes have it.
Classes = dict[str, type | None]


class NotHeldError(LookupError):
    """A record does not hold a value in full, or nobody knows here what its class is."""


def revived(value: Any, classes: Mapping[str, type | None]) -> Any:
    """Make of what a record holds a version. Raises `NotHeldError` where that cannot be."""
    kind = type(value)
    if kind is str:
        if is_marked(value):
            raise NotHeldError("a key was taken out")
        return value
    if kind in SCALARS or value is MISSING or isinstance(value, (Present, *VERSIONS)):
        return value
    if kind is dict:
        return DictVersion({revived(k, classes): revived(v, classes) for k, v in value.items()})
    if kind in (list, tuple):
        items = tuple(revived(item, classes) for item in value)
        is_fixed = kind is tuple and not any(_is_part(item) for item in items)
        return items if is_fixed else ListVersion(items, is_tuple=kind is tuple)
    if kind in (set, frozenset):
        parts = frozenset(revived(item, classes) for item in value)
        return SetVersion(parts) if kind is set else parts
    if kind is Fields:
        cls = _class_of(value.type, classes)
        return RecordVersion(cls, {n: revived(v, classes) for n, v in value.values.items()})
    if kind is Member:
        members = getattr(_class_of(value.type, classes), "__members__", {})
        if value.name not in members:
            raise NotHeldError(f"{value.type} has no {value.name}")
        return members[value.name]
    if kind is Number:
        return _number(value)
    if isinstance(value, Unkept):
        raise NotHeldError(f"a {value.type_name} was not kept")
    return freeze(value, "it") if is_array(value) else value


def _number(value: Number) -> Any:
    try:
        made = import_module("numpy").dtype(value.kind).type(value.value)
    except (ImportError, TypeError, ValueError, OverflowError):
        raise NotHeldError(f"a number of numpy's, {value.kind[:20]!r}, is not known here") from None
    return made


def _is_part(item: Any) -> bool:
    """Say whether a tuple that holds it is kept as a version."""
    return isinstance(item, VERSIONS) or is_array(item)


def _class_of(name: str, classes: Mapping[str, type | None]) -> type:
    cls = classes.get(name)
    if cls is None:
        raise NotHeldError(f"{name} is no class that this state is known to hold")
    return cls


def learn(classes: Classes, version: Any) -> None:
    """Add the classes of what a version holds, and of what their fields may."""
    stack = [version]
    while stack:
        one = stack.pop()
        kind = type(one)
        if kind in SCALARS:
            continue
        if isinstance(one, RecordVersion):
            _add(classes, one.cls)
            for cls in _hinted(one.cls):
                _add(classes, cls)
            stack.extend(one.values.values())
        elif isinstance(one, DictVersion):
            for key, item in one.items():
                stack += key, item
        elif isinstance(one, (ListVersion, SetVersion)):
            stack.extend(one.items)
        elif kind in (tuple, frozenset):
            stack.extend(one)
        elif isinstance(one, enum.Enum):
            _add(classes, kind)


def _add(classes: Classes, cls: type) -> None:
    name = cls.__qualname__
    classes[name] = cls if classes.get(name, cls) is cls else None


@lru_cache(maxsize=1_000)
def _hinted(cls: type) -> frozenset[type]:
    """Give the classes that the annotations of a class, and of theirs, name."""
    found: set[type] = set()
    stack: list[Any] = [cls]
    while stack:
        one = stack.pop()
        stack.extend(get_args(one))
        if not isinstance(one, type) or one in found:
            continue
        is_record = dataclasses.is_dataclass(one) or hasattr(one, "__pydantic_fields__")
        if is_record or issubclass(one, enum.Enum):
            found.add(one)
        if is_record:
            try:
                stack.extend(get_type_hints(one).values())
            except Exception:  # noqa: BLE001  a hint may name what is not there
                continue
    return frozenset(found)


def revived_path(path: Path, classes: Mapping[str, type | None]) -> Path:
    """Make a path of what a record holds of it."""
    return tuple(revived(part, classes) for part in path)


def base_of(touched: Touched, classes: Mapping[str, type | None]) -> tuple[Any, frozenset[Path]]:
    """Make a version of what a record says was read, and list what of it is known in full.

    What holds something that was read or changed is there, and of it nothing else.
    """
    base: Any = DictVersion()
    given: set[Path] = set()
    for path, value in sorted(touched.reads, key=lambda pair: len(pair[0])):
        # Who reads what is left out is told so.
        with suppress(LookupError):
            path, version = revived_path(path, classes), revived(value, classes)
            is_whole = not isinstance(version, Present)
            if not is_whole:
                cls = classes.get(version.kind)
                version = DictVersion() if cls is None else RecordVersion(cls, {})
            base = put_deep(base, path, version)
            given |= {path} if is_whole else set()
    for told, _, _ in touched.delta:
        with suppress(LookupError):
            for size in range(1, len(told)):
                path = revived_path(told[:size], classes)
                if get_at(base, path) is MISSING:
                    base = put_deep(base, path, DictVersion())
    return base, frozenset(given)


def written_otherwise(
    touched: Touched, now: Mapping[Path, Any], classes: Mapping[str, type | None]
) -> str:
    """Name the first path that is not left as a record says; nothing where all are."""
    left = dict(now)
    for path, _, after in touched.delta:
        try:
            place, then = revived_path(path, classes), revived(after, classes)
        except NotHeldError:
            # Nobody can say whether it is the same, nor, of an odd key, which one it was.
            left = {one: value for one, value in left.items() if not _may_be(path, one)}
            continue
        if not equal(left.pop(place, MISSING), then):
            return written(place)
    return next((written(path) for path, value in left.items() if value is not MISSING), "")


def _may_be(told: Path, path: Path) -> bool:
    return len(told) == len(path) and all(
        a == b or isinstance(a, (Member, Unkept)) for a, b in zip(told, path, strict=True)
    )


def why_changed(touched: Touched, view: Any, classes: Mapping[str, type | None]) -> str:
    """Say what in a version is not as a record says it was read; nothing where all of it is."""
    path: Path = ()
    try:
        for path, value in touched.reads:
            now = get_at(view, revived_path(path, classes))
            if not equal(now, revived(value, classes)):
                return f"what it read of the state has changed: {written(path)}"
        for path, _, after in touched.delta:
            revived_path(path, classes)
            revived(after, classes)
    except RecursionError:
        return f"of the state, the record holds {written(path)} too deep"
    except NotHeldError as error:
        return f"of the state, the record does not hold {written(path)}: {error}"
    return ""


def put_deep(version: Any, path: Path, value: Any) -> Any:
    """Put a value as `put_at` does; where a record knows not what holds it, it is a dict."""
    if not path:
        return value
    if type(version) not in (DictVersion, ListVersion, RecordVersion):
        version = DictVersion()
    first, rest = path[0], path[1:]
    inner = version.get(first)
    made = put_deep(DictVersion() if inner is MISSING and rest else inner, rest, value)
    if type(version) is not DictVersion and (
        made is MISSING or (inner is MISSING and type(version) is ListVersion)
    ):
        raise LookupError(first)
    if made is MISSING:
        return version if inner is MISSING else version.without(first)
    return version.with_key(first, made)


def equal(one: Any, other: Any) -> bool:
    """Say whether two versions hold equal values, of equal types."""
    if one is other:
        return True
    if isinstance(other, Present):
        return other.kind == kind_of(one)
    if type(one) is not type(other):
        return False
    if isinstance(one, DictVersion):
        return len(one) == len(other) and all(
            equal(a[0], b[0]) and equal(a[1], b[1])
            for a, b in zip(one.items(), other.items(), strict=True)
        )
    if isinstance(one, RecordVersion):
        if one.cls is not other.cls or one.values.keys() != other.values.keys():
            return False
        return all(equal(value, other.values[name]) for name, value in one.values.items())
    if isinstance(one, SetVersion):
        return bool(one.items == other.items)
    if isinstance(one, ListVersion):
        return (
            one.is_tuple == other.is_tuple
            and len(one) == len(other)
            and all(map(equal, one.items, other.items))
        )
    if is_array(one):
        return same_array(one, other)
    try:
        return bool(one == other) or (one != one and other != other)
    except Exception:  # noqa: BLE001  a class of a person's own may raise anything
        return False


class Recorded:
    """What a Node read and changed of a state when it was recorded."""

    __slots__ = ("_classes", "_differs", "_given", "base", "touched")

    def __init__(
        self, touched: Touched, classes: Classes, differs: Callable[[str], BaseException]
    ) -> None:
        self.touched = touched
        self._classes, self._differs = classes, differs
        self.base, self._given = base_of(touched, classes)

    def check(self, by: str, path: Path, found: Any, *, is_all: bool) -> None:
        """Raise on what was not read then."""
        if any(path[:n] in self._given for n in range(len(path) + 1)):
            return
        if not is_all and isinstance(found, (DictVersion, RecordVersion)):
            return  # on the way to what was read
        was_read = any(one == path[: len(one)] for one, _ in self.touched.reads)
        why = "which the record does not hold" if was_read else "and did not then"
        raise self._differs(f"{by}() reads {written(path)} of the state, {why}.")

    def left_otherwise(self, now: Mapping[Path, Any]) -> str:
        """Name the first path that was left otherwise than then."""
        return written_otherwise(self.touched, now, self._classes)
