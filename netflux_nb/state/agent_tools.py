"""`look` and `put`: the two Functions by which an agent reads and writes the state.

Each acts under the contract of the agent that calls it, in that agent's transaction.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from ..core.contracts.declared import Contract, parsed, written
from ..core.contracts.persistent import (
    MISSING,
    VERSIONS,
    DictVersion,
    Heavy,
    ListVersion,
    Path,
    RecordVersion,
    SetVersion,
    freeze,
    is_array,
    plain,
)
from ..core.contracts.version_paths import get_at
from ..core.errors import ArgumentError, ContractError, NoNodeError, listed
from ..core.functions.arguments import FunctionArg
from ..core.functions.kinds import CodeFunction, Function
from ..runtime.context import RunContext
from .drafts import Draft

# A model is told the shape of what is larger, and looks at a part.
MOST_CHARS = 20_000
MOST_NAMES = 50

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
    found = _read(draft, place)
    if found is MISSING:
        raise ArgumentError(f"There is nothing at {path[:80]}.{_near(draft, place)}")
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
    draft.write(place, _as(before, value, written(place)))
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
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=repr)
    known = getattr(value, "__dict__", None)
    return known if known is not None else repr(value)


def _as(before: Any, value: Any, where: str) -> Any:
    """Give a value in the form of what stands there: a number stays one, a record its class."""
    if isinstance(before, RecordVersion):
        if not isinstance(value, dict) or value.keys() != before.values.keys():
            raise ArgumentError(
                f"{where} is a {before.cls.__name__}. Give all of its fields: "
                f"{listed(before.values)}."
            )
        made = {n: freeze(_as(before.values[n], v, f"{where}.{n}"), n) for n, v in value.items()}
        return RecordVersion(before.cls, made, before.line)
    if isinstance(before, SetVersion) and isinstance(value, list):
        return set(value)
    if before is MISSING or before is None:
        return value
    kinds = {DictVersion: dict, ListVersion: list}
    wanted = kinds.get(type(before), type(before))
    if wanted is float and type(value) is int:
        return float(value)
    if wanted in (dict, list, str, int, float, bool) and type(value) is not wanted:
        raise ArgumentError(
            f"{where} holds a {wanted.__name__}; got {type(value).__name__}: {str(value)[:80]}."
        )
    return value


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
