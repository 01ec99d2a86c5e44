"""`look` and `put`: the two Functions by which an agent reads and writes the state.

Each acts under the contract of the agent that calls it, in that agent's transaction.
"""

from __future__ import annotations

import dataclasses
import enum
import json
from collections.abc import Iterator
from functools import cache
from pathlib import PurePath
from typing import Any

from ..core.contracts.declared import Contract, parsed, written
from ..core.contracts.persistent import (
    MISSING,
    SCALARS,
    VERSIONS,
    DictVersion,
    Heavy,
    ListVersion,
    Path,
    RecordVersion,
    is_array,
    kind_of,
    plain,
)
from ..core.contracts.version_paths import get_at
from ..core.errors import ArgumentError, ContractError, NoNodeError, listed, stringify
from ..core.functions.arguments import FunctionArg
from ..core.functions.kinds import CodeFunction, Function
from ..core.functions.schema import check
from ..core.secrets.redaction import is_secret
from ..core.text.legible import escaped
from ..runtime.context import RunContext
from .drafts import Draft
from .guards import fields_of

# A model is told the shape of what is larger, and looks at a part.
MOST_CHARS = 20_000
MOST_NAMES = 50

_LISTS: dict[str, Any] = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}
_WORDED = SCALARS - {type(None), bool, int, float, complex, str, bytes, range}

Json = str | int | float | bool | list[Any] | dict[str, Any]


def _draft_of(ctx: RunContext) -> Draft:
    draft = None if ctx.node is None else ctx.node.draft
    if not isinstance(draft, Draft) or draft.outer is None:
        raise NoNodeError("look() and put() are called by an agent with a contract; none is here.")
    granted = draft.granted()
    # For this one call it is under the contract of whoever calls it.
    draft.contract = granted or Contract()
    return draft


def _look(ctx: RunContext, *, path: str = "") -> Any:
    draft = _draft_of(ctx)
    if not path.strip():
        contract = draft.contract
        assert contract is not None
        return {"you may look at": sorted({*contract.reads, *contract.writes}),
                "you may put at": sorted(contract.writes)}  # fmt: skip
    place = _place(draft, path)
    is_key = any(is_secret(str(part)) for part in place)
    found = None if is_key else _read(draft, place)
    if found is MISSING:
        raise ArgumentError(f"There is nothing at {path[:80]}.{_near(draft, place)}")
    if is_key or any(is_secret(str(part), found) for part in place):
        raise ArgumentError(f"{written(place)} is named like a key, and is not shown.")
    return _told(found)


def _put(ctx: RunContext, *, path: str, value: Json) -> str:
    draft = _draft_of(ctx)
    place = _place(draft, path)
    contract = draft.contract
    assert contract is not None
    if not contract.may_write(place):
        raise ContractError(
            f"{written(place)} may not be put by you. You may put at: {listed(contract.writes)}."
        )
    before = _read(draft, place)
    draft.write(place, _as(_model_of(draft, place, before), value, written(place)))
    return f"{written(place)} is put. It counts when your task succeeds."


def _place(draft: Draft, path: str) -> Path:
    """Take a path apart, with the keys as they are: a dict's may be numbers, a list's are."""
    draft.begin()
    version, place = draft.view, []
    for part in parsed(path.strip()):
        key: Any = part
        if get_at(version, (key,)) is MISSING and part.lstrip("-").isdigit():
            number = int(part)
            if isinstance(version, ListVersion) or get_at(version, (number,)) is not MISSING:
                key = number
        place.append(key)
        version = get_at(version, (key,))
    return tuple(place)


def _read(draft: Draft, place: Path) -> Any:
    """Give what stands at a path, all of it."""
    found = draft.read(place)
    return draft.read_all(place) if isinstance(found, VERSIONS) else found


def _near(draft: Draft, place: Path) -> str:
    contract = draft.contract
    if contract is None or not place[:-1] or not contract.may_read_all(place[:-1]):
        return ""
    above = draft.read_all(place[:-1])
    if isinstance(above, DictVersion):
        return f" There is: {listed(str(key) for key in above)}."
    return f" There is: {listed(above.values)}." if isinstance(above, RecordVersion) else ""


def _told(version: Any) -> Any:
    """Give a value as a model may read it; of a large one its shape."""
    if isinstance(version, Heavy) or is_array(version):
        return repr(version)[:MOST_CHARS]
    value = plain(version)
    try:
        words = json.dumps(value, default=_fields, ensure_ascii=False)
    except (TypeError, ValueError):
        return repr(value)[:MOST_CHARS]
    if len(words) <= MOST_CHARS:
        return json.loads(words)
    if isinstance(version, (DictVersion, RecordVersion)):
        names = list(version) if isinstance(version, DictVersion) else list(version.values)
        first = [str(name)[:100] for name in names[:MOST_NAMES]]
        return {"too large to show": f"{len(names)} entries; look at one of them", "first": first}
    return {"too large to show": f"{len(words):,} characters", "begins": words[:1_000]}


def _fields(value: Any) -> Any:
    """Give what JSON has no word for as a model reads it, and may put it."""
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=repr)
    if isinstance(value, enum.Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name, None) for field in dataclasses.fields(value)}
    if hasattr(type(value), "__pydantic_fields__"):
        return {**vars(value), **(getattr(value, "__pydantic_extra__", None) or {})}
    return str(value) if type(value) in _WORDED or isinstance(value, PurePath) else repr(value)


def _model_of(draft: Draft, place: Path, before: Any) -> Any:
    """Give what a new value is to be like: what stands there, or an instance beside it."""
    above = get_at(draft.view, place[:-1])
    contract = draft.contract
    if before is not MISSING or not isinstance(above, DictVersion) or contract is None:
        return before
    if not contract.may_read_all(place[:-1]):
        return before
    key, first = next(iter(above.items()), (None, before))
    if not isinstance(first, RecordVersion):
        return before
    draft.read((*place[:-1], key))
    return first


def _as(before: Any, value: Any, where: str) -> Any:
    """Give a value in the form of what stands there: a number stays one, a record its class."""
    if before is MISSING or before is None:
        return value
    if isinstance(before, RecordVersion):
        names = {name for name in (*fields_of(before.cls), *before.values) if name[:1] != "_"}
        if not isinstance(value, dict) or value.keys() != names:
            raise ArgumentError(
                f"{where} is a {before.cls.__name__}. Give all of its fields: {listed(names)}."
            )
        return _checked(before.cls, value, where)
    kind, wanted = type(before), kind_of(before)
    if wanted in _LISTS:
        _check_type(list, wanted, value, where)
        return _LISTS[wanted](_items(before, value, where))
    if isinstance(before, DictVersion):
        _check_type(dict, wanted, value, where)
        return dict(_entries(before, value, where))
    if kind in (str, int, float, bool):
        number = float(value) if kind is float and type(value) is int else value
        _check_type(kind, wanted, number, where)
        return number
    if kind in SCALARS or isinstance(before, (enum.Enum, PurePath)):
        return _checked(kind, value, where)
    if getattr(before, "shape", None) == () and type(value) in (int, float, bool):
        return before.dtype.type(value)  # a single number of numpy's
    raise ArgumentError(f"{where} holds a {wanted}, which is not put by this.")


def _items(before: Any, value: list[Any], where: str) -> list[Any]:
    if not isinstance(before, ListVersion):
        for item in value:
            if isinstance(item, (list, dict)):
                raise ArgumentError(f"{where} is a {kind_of(before)}: it holds no {item!s:.80}.")
        return value
    is_alike = before.items and all(isinstance(item, RecordVersion) for item in before.items)
    if not is_alike:
        return value
    return [_as(before.items[0], item, f"{where}[{at}]") for at, item in enumerate(value)]


def _entries(before: DictVersion, value: dict[str, Any], where: str) -> Iterator[tuple[Any, Any]]:
    for name, item in value.items():
        key: Any = name
        if before.get(key) is MISSING and name.lstrip("-").isdigit():
            key = int(name) if before.get(int(name)) is not MISSING else name
        yield key, _as(before.get(key), item, f"{where}.{name}")


def _check_type(kind: type, wanted: str, value: Any, where: str) -> None:
    if type(value) is not kind:
        raise ArgumentError(
            f"{where} holds a {wanted}; got {type(value).__name__}: {escaped(str(value)[:80])}."
        )


def _checked(kind: type, value: Any, where: str) -> Any:
    try:
        return check(kind, value)
    except ArgumentError as error:
        raise ArgumentError(f"{where} holds a {kind.__name__}: {error}") from None
    except Exception as error:
        raise ArgumentError(f"{where} holds a {kind.__name__}: {stringify(error, 120)}.") from error


# Made when they are first needed: the type of a value is known by what is slow to import.
@cache
def look() -> CodeFunction:
    """Give the Function by which an agent looks at the state."""
    return CodeFunction(
        name="look",
        desc=(
            "Look at what the state holds at a path, such as `accounts.ann`. Without a path you "
            "are told which paths you may look at, and where you may put."
        ),
        args=[FunctionArg("path", str, "A path, such as `accounts.ann`.", default="")],
        callable=_look,
    )


@cache
def put() -> CodeFunction:
    """Give the Function by which an agent changes the state."""
    return CodeFunction(
        name="put",
        desc=(
            "Put a value at a path of the state. It replaces what stands there, and must be of "
            "its kind. Nothing that you put counts if your task fails."
        ),
        args=[
            FunctionArg("path", str, "A path, such as `accounts.ann`."),
            FunctionArg("value", Json, "The value that is to stand there."),
        ],
        callable=_put,
    )


def tools_of(contract: Contract) -> list[Function]:
    """Give the Functions by which an agent with a contract reads and writes the state."""
    if not contract.reads and not contract.writes:
        return []
    return [look(), put()] if contract.writes else [look()]
