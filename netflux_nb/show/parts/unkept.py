"""Values of a run that no record keeps, counted by type and named in one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from ...core.errors import listed
from ...core.json.portable import Lost, Unkept, value_to_json
from ...core.views import NodeView
from ...record.codecs.artifacts import encoded
from .numbers import count
from .values import line

# Values that are looked at, of one run; a run with more is not gone through for this.
MOST_VALUES = 20_000
# Of one value: what is larger is taken to be kept if its first elements are.
MOST_ELEMENTS = 2_000
_TABLES = frozenset({"numpy", "pandas"})
_PLAIN = frozenset({str, int, float, bool, type(None)})


def unkept(view: NodeView) -> Counter[str]:
    """Count the arguments and results of a tree that have no form in a record, by type."""
    found: Counter[str] = Counter()
    left = MOST_VALUES
    for _, one in view.walk():
        for value in (*one.inputs.values(), one.outputs):
            if type(value) in _PLAIN:
                continue
            left -= 1
            name = type_unkept(value)
            if name:
                found[name] += 1
        if left < 0:
            break
    return found


def words(view: NodeView) -> str:
    """Say it in a line; nothing where all is kept, or the run still goes on."""
    found = unkept(view) if view.is_done else None
    if not found:
        return ""
    named = [f"{line(name, 60)}{f' × {n:,}' if n > 1 else ''}" for name, n in found.items()]
    return f"{count(found.total(), 'value')} could not be kept: {listed(named)}"


def type_unkept(value: Any) -> str:
    """Give the type of a value that has no form in a record; nothing of one that has."""
    if isinstance(value, Unkept):
        return "" if isinstance(value, Lost) else value.type_name
    stack: list[Any] = [value]
    seen = 0
    while stack:
        one = stack.pop()
        kind = type(one)
        if kind in _PLAIN:
            continue
        seen += 1
        if seen > MOST_ELEMENTS:
            return ""
        if isinstance(one, Mapping) or kind in (list, tuple, set, frozenset):
            inner = [*one.keys(), *one.values()] if isinstance(one, Mapping) else one
            if not _PLAIN.issuperset(map(type, inner)):
                stack.extend(inner)
        elif not _is_kept(one):
            return kind.__qualname__
    return ""


def _is_kept(value: Any) -> bool:
    size = getattr(value, "size", None)  # of an array or a table: in cells
    if type(value).__module__.partition(".")[0] in _TABLES and isinstance(size, int):
        is_odd = bool(getattr(getattr(value, "dtype", None), "hasobject", False))
        if size > MOST_ELEMENTS and not is_odd:
            return True
    try:
        return "json" in value_to_json(value) or encoded(value) is not None
    except Exception:  # noqa: BLE001  a class of the user's may raise anything
        return False
