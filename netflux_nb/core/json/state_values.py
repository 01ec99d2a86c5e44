"""JSON forms of what stands in a state, and what is read back of them.

What is read back holds no classes of a person's: `Fields` and `Member` stand for what was one.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..contracts.declared import Touched, written
from ..contracts.persistent import (
    MISSING,
    DictVersion,
    Heavy,
    ListVersion,
    Path,
    Present,
    RecordVersion,
    SetVersion,
    kind_of,
    plain,
)
from ..secrets.redaction import REDACTED, is_secret
from .canonical import ordered_json, untagged
from .portable import Unkept, value_from_json
from .scalars import INT_BITS

Json = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Fields:
    """An instance of a dataclass or a model, as a record holds it."""

    type: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Member:
    """A member of an enumeration, as a record holds it."""

    type: str
    name: str

    def __str__(self) -> str:
        return f"{self.type}.{self.name}"


@dataclass(frozen=True)
class Number:
    """A single number of numpy's, as a record holds it."""

    kind: str
    value: bool | int | float


def version_to_json(path: Path, version: Any) -> Json:
    """Give what stands at a path as JSON, or say its kind where it has no such form."""
    if version is MISSING:
        return {"missing": True}
    if isinstance(version, Present):
        return {"present": version.kind}
    value = None if isinstance(version, Heavy) else plain(version)
    # Here the name of a key does not stand beside it, where it would be seen.
    if any(is_secret(str(part), value) for part in path):
        return {"type": kind_of(version), "portable": False, "redacted": REDACTED}
    try:
        return {"json": _form(version)}
    except (ValueError, TypeError, AttributeError, RecursionError):
        return {"type": kind_of(version), "portable": False}


def version_from_json(data: Any) -> Any:
    """Read back what stood at a path; what had no form is `Unkept`."""
    if not isinstance(data, Mapping):
        raise TypeError("a value is a mapping")
    if data.get("missing") is True:
        return MISSING
    if "present" in data:
        return Present(str(data["present"]))
    return _back(data["json"]) if "json" in data else value_from_json(data)


def path_to_json(path: Path) -> list[Any]:
    """Give a path as JSON. Of a key without a form its kind is told."""
    told = []
    for part in path:
        try:
            told.append(_form(part))
        except ValueError:
            told.append({"$lost": type(part).__qualname__})
    return told


def path_from_json(data: Any) -> Path:
    """Read a path back."""
    return tuple(_back(part) for part in data)


def _form(version: Any) -> Any:
    kind = type(version)
    if kind is str or version is None or kind is bool:
        return version
    if (kind is int and version.bit_length() <= INT_BITS) or (
        kind is float and math.isfinite(version)
    ):
        return version
    if isinstance(version, DictVersion):
        if all(type(key) is str and key[:1] != "$" for key in version):
            return {key: _form(item) for key, item in version.items()}
        return {"$dict": [[_form(key), _form(item)] for key, item in version.items()]}
    if isinstance(version, ListVersion):
        items = [_form(item) for item in version.items]
        return {"$tuple": items} if version.is_tuple else items
    if isinstance(version, SetVersion):
        return {"$set": _sorted(version.items)}
    if isinstance(version, RecordVersion):
        if any(name[:1] == "$" for name in version.values):
            raise ValueError("a field has a name that is none of Python's")
        fields = {name: _form(item) for name, item in version.values.items()}
        return {"$type": version.cls.__qualname__, **fields}
    if kind is tuple:
        return {"$tuple": [_form(item) for item in version]}
    if kind is frozenset:
        return {"$frozenset": _sorted(version)}
    if isinstance(version, enum.Enum):
        return {"$type": kind.__qualname__, "$name": version.name}
    if isinstance(version, (tuple, Heavy)):
        raise ValueError(f"a {kind.__name__} has no form")
    plain_form = ordered_json(version)
    if type(plain_form) in (bool, int, float) and hasattr(version, "dtype"):
        return {"$numpy": [version.dtype.str, plain_form]}
    return plain_form


def _sorted(items: frozenset[Any]) -> list[Any]:
    return sorted(map(_form, items), key=repr)


def _back(data: Any) -> Any:
    if isinstance(data, list):
        return [_back(one) for one in data]
    if not isinstance(data, dict):
        return data
    match data:
        case {"$tuple": list(items)} if len(data) == 1:
            return tuple(_back(one) for one in items)
        case {"$set": list(items)} if len(data) == 1:
            return {_back(one) for one in items}
        case {"$frozenset": list(items)} if len(data) == 1:
            return frozenset(_back(one) for one in items)
        case {"$dict": list(pairs)} if len(data) == 1:
            return {_back(key): _back(item) for key, item in pairs}
        case {"$numpy": [str(kind), bool() | int() | float() as number]} if len(data) == 1:
            return Number(kind, number)
        case {"$lost": str(kind)} if len(data) == 1:
            return Unkept(kind[:200])
        case {"$type": str(kind), "$name": str(name)} if len(data) == 2:
            return Member(kind, name)
        case {"$type": str(kind)}:
            return Fields(kind, {k: _back(one) for k, one in data.items() if k != "$type"})
        case _ if len(data) == 1 and next(iter(data))[:1] == "$":
            return untagged(data)
        case _:
            return {key: _back(one) for key, one in data.items()}


def told_changes(touched: Touched) -> dict[str, tuple[Any, Any]]:
    """Tell what a Node changed, before and after by path, in plain values without classes.

    A live Node and one of a record tell the same.
    """
    return {
        written(path): (_told(path, before), _told(path, after))
        for path, before, after in touched.delta
    }


def _told(path: Path, version: Any) -> Any:
    if version is MISSING or isinstance(version, Present):
        return version
    if isinstance(version, (Fields, Member, Number, Unkept)) or type(version) in (dict, list, set):
        return _plainly(version)
    form = version_to_json(path, version)
    return form["redacted"] if "redacted" in form else _plainly(version_from_json(form))


def _plainly(value: Any) -> Any:
    match value:
        case Fields(values=values):
            return {name: _plainly(one) for name, one in values.items()}
        case Member():
            return str(value)
        case Number(value=number):
            return number
        case dict():
            return {key: _plainly(one) for key, one in value.items()}
        case list():
            return [_plainly(one) for one in value]
        case tuple() if type(value) is tuple:
            return tuple(_plainly(one) for one in value)
        case _:
            return value
