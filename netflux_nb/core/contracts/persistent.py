"""Values of a state that never change: a change gives a new one, which shares what is alike.

- A `DictVersion` is three dicts over each other. A change copies the newest, which is small; a full
  one goes into the older, a full older one into the base. A change so costs the same in a dict of
  ten and of 100,000 entries, and so does a reading. Its order is that of a `dict`.
- Two versions that came from one another have the same `line`. A value that was put in the place
  of another has a line of its own: so a change below it is not taken for one of what was there.
- What a `DictVersion` holds is compared by identity where it is asked whether it changed.
"""

from __future__ import annotations

import copy
import datetime
import decimal
import enum
import fractions
import pathlib
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from ..errors import ArgumentError
from ..text.legible import escaped

Path = tuple[Any, ...]

# Entries of the newest and of the older dict, before they go into the one below.
_NEWEST, _OLDER = 32, 1_024
# A state is read by persons and models; deeper is a cycle, or a mistake.
MOST_DEPTH = 100


class _Missing:
    __slots__ = ()

    def __repr__(self) -> str:
        return "missing"

    def __reduce__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


# Where a pydantic model holds what are no fields of it.
_BESIDE = ("extra", "private")

# What is not there.
MISSING: Any = _Missing()


class _Placed:
    """A value whose key was removed before: it stands where it was put, not where it was."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class DictVersion:
    """A dict that never changes. `with_key` and `without` give the next one."""

    __slots__ = ("_base", "_newest", "_older", "_size", "line")

    def __init__(self, items: dict[Any, Any] | None = None, line: object = None) -> None:
        self._base: dict[Any, Any] = items or {}
        self._older: dict[Any, Any] = {}
        self._newest: dict[Any, Any] = {}
        self._size = len(self._base)
        self.line = line or object()

    def get(self, key: Any) -> Any:
        """Give what stands under a key, or `MISSING`."""
        found = self._newest.get(key, self)
        if found is self:
            found = self._older.get(key, self)
            if found is self:
                return self._base.get(key, MISSING)
        return found.value if type(found) is _Placed else found

    def __len__(self) -> int:
        return self._size

    def with_key(self, key: Any, value: Any) -> DictVersion:
        """Give the dict in which this stands under a key."""
        newest = dict(self._newest)
        size = self._size
        if self.get(key) is MISSING:
            size += 1
            newest.pop(key, None)
            is_below = key in self._older or key in self._base
            newest[key] = _Placed(value) if is_below else value
        else:
            was = newest.get(key)
            newest[key] = _Placed(value) if type(was) is _Placed else value
        return self._next(newest, size)

    def without(self, key: Any) -> DictVersion:
        """Give the dict without a key, which is there."""
        newest = dict(self._newest)
        newest.pop(key, None)
        if key in self._older or key in self._base:
            newest[key] = MISSING
        return self._next(newest, self._size - 1)

    def _next(self, newest: dict[Any, Any], size: int) -> DictVersion:
        made = object.__new__(DictVersion)
        made._size, made.line = size, self.line
        made._base, made._older, made._newest = self._base, self._older, newest
        if len(newest) > _NEWEST:
            made._older = _merged(self._older, newest, self._base)
            made._newest = {}
            if len(made._older) > _OLDER:
                made._base = _settled(self._base, made._older)
                made._older = {}
        return made

    def __iter__(self) -> Iterator[Any]:
        """Give the keys in their order."""
        newest, older = self._newest, self._older
        for key in self._base:
            above = newest.get(key, self)
            if above is self or type(above) is not _Placed:
                below = older.get(key, self)
                if above is self:
                    above = below
                if above is not MISSING and type(below) is not _Placed:
                    yield key
        for key, value in older.items():
            if key in self._base and type(value) is not _Placed:
                continue
            above = newest.get(key, self)
            if type(above) is not _Placed and (value if above is self else above) is not MISSING:
                yield key
        for key, value in newest.items():
            is_new = type(value) is _Placed or (key not in older and key not in self._base)
            if is_new and value is not MISSING:
                yield key

    def items(self) -> Iterator[tuple[Any, Any]]:
        """Give keys and what stands under them, in their order."""
        if not self._newest and not self._older:
            yield from self._base.items()
            return
        for key in self:
            yield key, self.get(key)


def _merged(
    older: dict[Any, Any], newest: Mapping[Any, Any], base: Mapping[Any, Any]
) -> dict[Any, Any]:
    made = dict(older)
    for key, value in newest.items():
        was = made.get(key)
        if type(value) is _Placed:
            made.pop(key, None)
            made[key] = value if key in base else value.value
        elif value is MISSING:
            made.pop(key, None)
            if key in base:
                made[key] = MISSING
        else:
            made[key] = _Placed(value) if type(was) is _Placed else value
    return made


def _settled(base: Mapping[Any, Any], older: Mapping[Any, Any]) -> dict[Any, Any]:
    made = dict(base)
    for key, value in older.items():
        if value is MISSING:
            made.pop(key, None)
        elif type(value) is _Placed:
            made.pop(key, None)
            made[key] = value.value
        else:
            made[key] = value
    return made


class ListVersion:
    """A list, or a tuple that holds what can change, that never changes."""

    __slots__ = ("is_tuple", "items", "line")

    def __init__(
        self, items: tuple[Any, ...], *, is_tuple: bool = False, line: object = None
    ) -> None:
        self.items = items
        self.is_tuple = is_tuple
        self.line = line or object()

    def __len__(self) -> int:
        return len(self.items)

    def get(self, place: Any) -> Any:
        """Give what stands at a place, or `MISSING`."""
        if type(place) is int and -len(self.items) <= place < len(self.items):
            return self.items[place]
        return MISSING

    def with_key(self, place: int, value: Any) -> ListVersion:
        """Give the list in which this stands at a place."""
        items = (*self.items[:place], value, *self.items[place + 1 :])
        return ListVersion(items, is_tuple=self.is_tuple, line=self.line)


class SetVersion:
    """A set that never changes."""

    __slots__ = ("items", "line")

    def __init__(self, items: frozenset[Any], line: object = None) -> None:
        self.items = items
        self.line = line or object()

    def __len__(self) -> int:
        return len(self.items)

    def get(self, key: Any) -> Any:
        """Give nothing: what is in a set has no place."""
        return MISSING


class RecordVersion:
    """A dataclass' or a pydantic model's instance that never changes: its class and its fields."""

    __slots__ = ("cls", "line", "values")

    def __init__(self, cls: type, values: dict[str, Any], line: object = None) -> None:
        self.cls = cls
        self.values = values
        self.line = line or object()

    def get(self, name: Any) -> Any:
        """Give a field, or `MISSING`."""
        return self.values.get(name, MISSING)

    def with_key(self, name: str, value: Any) -> RecordVersion:
        """Give the instance with another field."""
        return RecordVersion(self.cls, {**self.values, name: value}, self.line)


class Present:
    """That a container stands somewhere, of which nothing was read but what is told beside it."""

    __slots__ = ("kind",)

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Present) and other.kind == self.kind

    def __hash__(self) -> int:
        return hash(self.kind)

    def __repr__(self) -> str:
        return f"<a {self.kind}>"


class Heavy:
    """A value that is held by reference: outside every transaction, and not in the record."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"heavy({type(self.value).__name__})"


Version = DictVersion | ListVersion | SetVersion | RecordVersion
VERSIONS = (DictVersion, ListVersion, SetVersion, RecordVersion)
# By the class alone: every look at a state asks.
KINDS = frozenset(VERSIONS)
SCALARS = frozenset({
    type(None), bool, int, float, complex, str, bytes,
    decimal.Decimal, fractions.Fraction, uuid.UUID, range,
    datetime.datetime, datetime.date, datetime.time, datetime.timedelta, datetime.timezone,
})  # fmt: skip


def is_scalar(value: Any) -> bool:
    """Say whether a value cannot change, and holds nothing."""
    return type(value) in SCALARS or isinstance(
        value, (enum.Enum, pathlib.PurePath, type, Heavy, _Missing)
    )


def is_array(value: Any) -> bool:
    """Say whether a value is an array or a table: these are copied in and out."""
    module = type(value).__module__.partition(".")[0]
    if module == "numpy":
        return isinstance(value, (sys.modules["numpy"].ndarray, sys.modules["numpy"].generic))
    return module == "pandas" and isinstance(
        value, (sys.modules["pandas"].DataFrame, sys.modules["pandas"].Series)
    )


def copied(value: Any) -> Any:
    """Copy an array or a table, its objects too."""
    if type(value).__module__.partition(".")[0] == "pandas":
        made = value.copy(deep=True)
        made.attrs = dict(value.attrs)
        if made.ndim == 1 and made.dtype.kind == "O":
            made[:] = copy.deepcopy(made.to_numpy())
        for place in range(made.shape[1]) if made.ndim == 2 else ():
            if made.dtypes.iloc[place].kind == "O":
                made.isetitem(place, copy.deepcopy(made.iloc[:, place].to_numpy()))
        return made
    return copy.deepcopy(value) if value.dtype.hasobject else value.copy()


def same_array(one: Any, other: Any) -> bool:
    """Say whether two arrays or tables hold the same."""
    if type(one) is not type(other):
        return False
    try:
        if hasattr(one, "equals"):
            named = [(list(t.index), t.index.names, _names_of(t), t.attrs) for t in (one, other)]
            return bool(one.equals(other)) and named[0] == named[1]
        if one.dtype != other.dtype or one.shape != other.shape:
            return False
        if one.dtype.hasobject:
            return all(map(_is_like, one.ravel().tolist(), other.ravel().tolist()))
        return bool(one.tobytes() == other.tobytes())
    except Exception:  # noqa: BLE001  objects of a person's own may raise anything
        return False


def _names_of(table: Any) -> Any:
    return table.columns.names if table.ndim == 2 else table.name


def _is_like(one: Any, other: Any) -> bool:
    if one is other:
        return True
    return type(one) is type(other) and bool(one == other or (one != one and other != other))


def freeze(
    value: Any, where: str, unwrap: Callable[[Any], Any] | None = None, depth: int = 0
) -> Any:
    """Give a value that never changes and holds the same. What cannot be tracked is refused.

    Args:
        value: What is put into a state.
        where: Its path, for the message.
        unwrap: Gives what stands behind a view of a state, or `MISSING` where it is none.
        depth: How deep in the state it is put.
    """
    return _Freezing(unwrap)(value, where, depth)


def checked_key(key: Any, where: str) -> Any:
    """Give a key that a dict of a state may have. Others are refused."""
    if type(key) in SCALARS or is_scalar(key):
        return key
    if type(key) is tuple and all(is_scalar(part) for part in key):
        return key
    raise ArgumentError(
        f"{escaped(where[:80])}: a key, or what is in a set, must be plain; got {type(key).__name__}."
    )


class _Freezing:
    def __init__(self, unwrap: Callable[[Any], Any] | None) -> None:
        self._unwrap = unwrap
        self._above: set[int] = set()

    def __call__(self, value: Any, where: str, depth: int) -> Any:
        if type(value) in SCALARS or is_scalar(value):
            return value
        if isinstance(value, VERSIONS):
            return value
        behind = MISSING if self._unwrap is None else self._unwrap(value)
        if depth >= MOST_DEPTH or _is_deeper(behind, MOST_DEPTH - depth):
            raise ArgumentError(
                f"{escaped(where[:80])}: the value is nested more than {MOST_DEPTH} levels deep. A state "
                f"holds what a person can read; give it flatter, or as heavy(x)."
            )
        if behind is not MISSING:
            return behind
        if id(value) in self._above:
            raise ArgumentError(
                f"{escaped(where[:80])}: the value holds itself, which no record can."
            )
        self._above.add(id(value))
        try:
            return self._made(value, where, depth + 1)
        finally:
            self._above.discard(id(value))

    def _made(self, value: Any, where: str, depth: int) -> Any:
        kind = type(value)
        if kind is dict:
            return DictVersion(
                {
                    checked_key(key, where): self(item, f"{where}.{key}", depth)
                    for key, item in value.items()
                }
            )
        if kind is list:
            return ListVersion(self._all(value, where, depth))
        if kind is tuple or (isinstance(value, tuple) and hasattr(kind, "_fields")):
            return self._tuple(value, where, depth)
        if kind in (set, frozenset):
            items = frozenset(checked_key(item, where) for item in value)
            return SetVersion(items) if kind is set else items
        if is_array(value):
            made = copied(value)
            if getattr(getattr(made, "flags", None), "writeable", False) and made.ndim:
                made.flags.writeable = False
            return made
        if is_dataclass(value) and not isinstance(value, type):
            names = [field.name for field in fields(value)]
            return self._record(
                value, {n: getattr(value, n) for n in names if hasattr(value, n)}, where, depth
            )
        if hasattr(kind, "__pydantic_fields__"):
            more = (getattr(value, f"__pydantic_{name}__", None) or {} for name in _BESIDE)
            told = {k: v for part in (vars(value), *more) for k, v in part.items()}
            return self._record(value, told, where, depth)
        raise ArgumentError(
            f"{escaped(where[:80])}: a {kind.__name__} cannot be tracked. Give plain data, or heavy(x)."
        )

    def _all(self, values: Iterable[Any], where: str, depth: int) -> tuple[Any, ...]:
        return tuple(self(item, f"{where}[{at}]", depth) for at, item in enumerate(values))

    def _tuple(self, value: tuple[Any, ...], where: str, depth: int) -> Any:
        items = self._all(value, where, depth)
        if all(one is other for one, other in zip(items, value, strict=True)):
            return value
        if type(value) is not tuple:
            raise ArgumentError(
                f"{escaped(where[:80])}: a {type(value).__name__} that holds a list or a dict cannot be "
                f"tracked. Give a dataclass."
            )
        return ListVersion(items, is_tuple=True)

    def _record(self, value: Any, told: Mapping[str, Any], where: str, depth: int) -> RecordVersion:
        cls = type(value)
        # What guards an instance stands before its own class.
        cls = getattr(cls, "__guards__", cls)
        return RecordVersion(
            cls, {name: self(item, f"{where}.{name}", depth) for name, item in told.items()}
        )


def _is_deeper(version: Any, levels: int) -> bool:
    """Say whether a version is nested deeper than this."""
    stack = [(version, 0)]
    while stack:
        one, depth = stack.pop()
        if type(one) not in KINDS or type(one) is SetVersion:
            continue
        if depth >= levels:
            return True
        stack.extend((item, depth + 1) for item in _items_of(one) if type(item) in KINDS)
    return False


def _items_of(version: Any) -> Iterable[Any]:
    """Give what is right in a version."""
    if isinstance(version, DictVersion):
        return (item for _, item in version.items())
    if isinstance(version, RecordVersion):
        return version.values.values()
    return version.items if isinstance(version, ListVersion) else ()


def plain(version: Any) -> Any:
    """Give what a version holds as values of one's own: nothing that is done to them counts."""
    if isinstance(version, DictVersion):
        return {key: plain(item) for key, item in version.items()}
    if isinstance(version, ListVersion):
        items = [plain(item) for item in version.items]
        return tuple(items) if version.is_tuple else items
    if isinstance(version, SetVersion):
        return set(version.items)
    if isinstance(version, RecordVersion):
        return instance_of(version.cls, {n: plain(v) for n, v in version.values.items()})
    if isinstance(version, Heavy):
        return version.value
    return copied(version) if is_array(version) else version


def holds_heavy(version: Any) -> bool:
    """Say whether something in a version is held by reference."""
    stack = [version]
    while stack:
        one = stack.pop()
        if isinstance(one, Heavy):
            return True
        stack.extend(_items_of(one))
    return False


def instance_of(cls: type, values: Mapping[str, Any]) -> Any:
    """Make an instance with these fields. No code of its class runs."""
    made: Any = object.__new__(cls)
    if hasattr(cls, "__pydantic_fields__"):
        names, hidden = cls.__pydantic_fields__, getattr(cls, "__private_attributes__", {})
        own = {name: value for name, value in values.items() if name in names}
        private = {name: value for name, value in values.items() if name in hidden}
        extra = {n: v for n, v in values.items() if n not in names and n not in hidden}
        object.__setattr__(made, "__dict__", own)
        takes_more = getattr(cls, "model_config", {}).get("extra") == "allow"
        object.__setattr__(made, "__pydantic_extra__", extra if takes_more else None)
        object.__setattr__(made, "__pydantic_fields_set__", set(own))
        object.__setattr__(made, "__pydantic_private__", private if hidden else None)
        return made
    for name, value in values.items():
        object.__setattr__(made, name, value)
    return made


def kind_of(version: Any) -> str:
    """Name the class of what a version holds."""
    if isinstance(version, RecordVersion):
        return version.cls.__qualname__
    if isinstance(version, ListVersion):
        return "tuple" if version.is_tuple else "list"
    kinds = {DictVersion: "dict", SetVersion: "set", Heavy: "heavy"}
    return kinds.get(type(version), type(version).__qualname__)
