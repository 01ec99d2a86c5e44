"""Zones of a state: what is data, what is a signal, what is told beside it.

- The zone of a field is what its annotation says, else what its name begins with. A key of a dict
  below the top is data, however it is called: it is what somebody entered.
- A signal never stays in a state: the newest version holds what was declared.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, get_args, get_origin, get_type_hints

from ..core.contracts.declared import Contract, parsed
from ..core.contracts.persistent import DictVersion, Path, RecordVersion
from ..core.contracts.version_paths import get_at
from ..core.errors import FunctionError
from ..core.text.legible import escaped


class Zone(enum.Enum):
    """What a field of a state is for."""

    DATA = "data"
    SIGNAL = "signal"
    META = "meta"


# In an annotation: `late: Annotated[bool, Signal] = False`.
Signal, Meta = Zone.SIGNAL, Zone.META
_BY_PREFIX = {"sig": Zone.SIGNAL, "cmd": Zone.SIGNAL, "meta": Zone.META}
_IN_WORDS = re.compile(r"\bAnnotated\[.*\b(Signal|Meta)\b")


def zone_by_name(name: object) -> Zone:
    """Give the zone that a name says: `sig_` and `cmd_` begin a signal's, `meta_` one of META."""
    head, mark, _ = name.partition("_") if isinstance(name, str) else ("", "", "")
    return _BY_PREFIX.get(head, Zone.DATA) if mark else Zone.DATA


@lru_cache(maxsize=1_000)
def zones_of(cls: type) -> Mapping[str, Zone]:
    """Give the fields of a class that are no data, by name."""
    found: dict[str, Zone] = {}
    for name, told in _annotated(cls).items():
        zone = _zone_in(told) or zone_by_name(name)
        if zone is not Zone.DATA:
            found[name] = zone
    return found


def _annotated(cls: type) -> Mapping[str, Any]:
    try:
        return get_type_hints(cls, include_extras=True)
    except Exception:  # noqa: BLE001  a hint may name what is not there: its words are there
        parts = [vars(one).get("__annotations__", {}) for one in reversed(cls.__mro__)]
        return {name: told for part in parts for name, told in part.items()}


def _zone_in(told: Any) -> Zone | None:
    if isinstance(told, str):
        named = _IN_WORDS.search(told)
        return None if named is None else Zone[named[1].upper()]
    stack = [told]
    while stack:
        one = stack.pop()
        for part in getattr(one, "__metadata__", ()):
            if isinstance(part, Zone):
                return part
        if get_origin(one) is not None:
            stack.extend(get_args(one)[:1])
    return None


def zone_at(root: Any, path: Path) -> Zone:
    """Give the zone of a path of a state: that of the first field on it that is no data."""
    version = root
    for place, part in enumerate(path):
        zone = Zone.DATA
        if isinstance(version, RecordVersion):
            zone = zones_of(version.cls).get(part, Zone.DATA) if isinstance(part, str) else zone
        elif not place:
            zone = zone_by_name(part)
        if zone is not Zone.DATA:
            return zone
        version = get_at(version, (part,))
    return Zone.DATA


def is_signal(root: Any, path: Path) -> bool:
    """Say whether just this path is a signal, and not one below it."""
    above = get_at(root, path[:-1])
    if isinstance(above, RecordVersion):
        return zones_of(above.cls).get(path[-1]) is Zone.SIGNAL
    is_top = len(path) == 1 and isinstance(above, DictVersion)
    return is_top and zone_by_name(path[0]) is Zone.SIGNAL


def signals_in(path: Path, version: RecordVersion) -> Iterable[Path]:
    """Give the paths of the signals in a record, and in the records right in it."""
    zones = zones_of(version.cls)
    for name, value in version.values.items():
        if zones.get(name) is Zone.SIGNAL:
            yield (*path, name)
        elif isinstance(value, RecordVersion):
            yield from signals_in((*path, name), value)


def check_reads(name: str, contract: Contract, root: Any = None) -> None:
    """Refuse a contract that reads what is no data.

    Where the state is not known, or does not hold the path, the names decide.
    """
    for said in contract.reads:
        path = parsed(said)
        zone = zone_by_name(path[-1]) if root is None else zone_at(root, path)
        if zone is not Zone.DATA and said not in contract.writes:
            raise FunctionError(
                f"{name}: reads {escaped(said)}, which is {_called(zone)}, and no input. "
                f"{_AND_SO[zone]}"
            )


def _called(zone: Zone) -> str:
    return "a signal" if zone is Zone.SIGNAL else "META"


_AND_SO = {
    Zone.SIGNAL: "Signals drive a workflow, or a person reads them; writes may name it.",
    Zone.META: "It tells of the work; writes may name it.",
}


def why_unread(contract: Contract, root: Any, path: Path) -> str:
    """Say why a path is not read under a contract that covers it; nothing where it may be."""
    zone = zone_at(root, path)
    if zone is Zone.DATA or contract.may_write(path):
        return ""
    return f"it is {_called(zone)}, and no input"
