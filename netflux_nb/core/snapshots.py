"""Snapshots of values: later changes to the original do not reach them.

Copied are dicts, lists, sets, tuples and dataclasses, pydantic models, arrays of numpy, and
frames of pandas and polars: all that a record keeps. What cannot change is shared, and so is
an object of any other class, of which a record keeps the type only.
"""

from __future__ import annotations

import copy
import datetime
import decimal
import fractions
import pathlib
import sys
import types
import uuid
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, cast

from .functions.display import Displayed

_T = TypeVar("_T")
# What was copied, by its id, which is its own while it is held, and the copy.
_Memo = dict[int, tuple[Any, Any]]

# Their values cannot change. Looked up by the class alone: a subclass may hold more.
FIXED = frozenset(
    {
        type(None),
        bool,
        int,
        float,
        complex,
        str,
        bytes,
        datetime.date,
        datetime.datetime,
        datetime.time,
        datetime.timedelta,
        decimal.Decimal,
        fractions.Fraction,
        pathlib.PosixPath,
        pathlib.WindowsPath,
        range,
        type,
        types.FunctionType,
        uuid.UUID,
    }
)
# A deeper value has no form in a record; a snapshot shares what lies deeper.
MAX_DEPTH = 100
# An array of more is shared: a copy of so much takes 50 ms, and its memory as long as the view.
LARGE_BYTES = 64_000_000


def snapshot(value: _T) -> _T:
    """Give a value as it is now: itself where it cannot change, else a copy.

    Cells of a DataFrame and an array are copied, objects within them are not; an array of
    more than 64 MB is given as it is. It raises nothing.

    Example:
        >>> given = {"a": [1]}
        >>> kept = snapshot(given)
        >>> given["a"].append(2)
        >>> kept
        {'a': [1]}
    """
    kind = type(value)
    if kind in FIXED:
        return value
    flat: Any = value  # as most are
    if (kind is dict and FIXED.issuperset(map(type, flat.values()))) or (
        kind is list and FIXED.issuperset(map(type, flat))
    ):
        return cast("_T", flat.copy())
    return cast("_T", _copied(value, {}, MAX_DEPTH))


def _copied(value: Any, memo: _Memo, depth: int) -> Any:
    """Copy a value once, however often it occurs: it may hold itself."""
    kind = type(value)
    if kind in FIXED or depth == 0:
        return value
    if id(value) in memo:
        return memo[id(value)][1]
    way = _WAYS.get(kind) or _way(value)
    if way is None:
        return value
    try:
        return way(value, memo, depth - 1)
    except Exception:  # noqa: BLE001  a class of the user's may not let itself be copied
        return value


def _way(value: Any) -> Callable[[Any, _Memo, int], Any] | None:
    """Say how a value of a class that is not built in is copied; None for one that is not."""
    if isinstance(value, (type, Displayed)):
        return None
    for kind in (dict, list, tuple, set, bytearray):
        if isinstance(value, kind):
            return _WAYS[kind]
    if is_dataclass(value):
        return _dataclass
    if hasattr(type(value), "model_copy") and hasattr(type(value), "model_fields"):
        return _model
    return next((way for module, way in _PLUGGED if _is_of(value, module)), None)


def _is_of(value: Any, module: str) -> bool:
    # Without the module nothing can be of it.
    return module in sys.modules and type(value).__module__.partition(".")[0] == module


def _noted(value: Any, made: Any, memo: _Memo) -> Any:
    memo[id(value)] = value, made
    return made


def _dict(value: dict[Any, Any], memo: _Memo, depth: int) -> Any:
    # Copied whole first, in one step: another thread may be changing it.
    return _filled(_noted(value, copy.copy(value), memo), memo, depth)


def _filled(made: dict[Any, Any], memo: _Memo, depth: int) -> dict[Any, Any]:
    if not FIXED.issuperset(map(type, made.values())):
        for key, one in made.items():
            if type(one) not in FIXED:
                dict.__setitem__(made, key, _copied(one, memo, depth))
    return made


def _list(value: list[Any], memo: _Memo, depth: int) -> Any:
    made = _noted(value, copy.copy(value), memo)
    if not FIXED.issuperset(map(type, made)):
        for place, one in enumerate(made):
            if type(one) not in FIXED:
                list.__setitem__(made, place, _copied(one, memo, depth))
    return made


def _tuple(value: tuple[Any, ...], memo: _Memo, depth: int) -> Any:
    if FIXED.issuperset(map(type, value)):
        return value
    made = [_copied(one, memo, depth) for one in value]
    if all(old is new for old, new in zip(value, made, strict=True)):
        return value
    return tuple.__new__(type(value), made)


def _whole(value: Any, memo: _Memo, depth: int) -> Any:
    """Copy what holds nothing that can change: the members of a set, bytes."""
    return _noted(value, copy.copy(value), memo)


def _proxy(value: Any, memo: _Memo, depth: int) -> Any:
    return types.MappingProxyType(_filled(dict(value), memo, depth))


def _dataclass(value: Any, memo: _Memo, depth: int) -> Any:
    names = [f.name for f in fields(value) if hasattr(value, f.name)]
    is_frozen = type(value).__dataclass_params__.frozen
    if is_frozen and FIXED.issuperset(type(getattr(value, name)) for name in names):
        return value
    made = _noted(value, copy.copy(value), memo)
    is_same = is_frozen
    for name in names:
        one = getattr(value, name)
        new = _copied(one, memo, depth)
        if new is not one:
            is_same = False
            object.__setattr__(made, name, new)
    return value if is_same else made


def _model(value: Any, memo: _Memo, depth: int) -> Any:
    made = _noted(value, value.model_copy(), memo)
    _filled(vars(made), memo, depth)
    return made


def _numpy(value: Any, memo: _Memo, depth: int) -> Any:
    if not isinstance(value, sys.modules["numpy"].ndarray) or value.nbytes > LARGE_BYTES:
        return value
    return _whole(value, memo, depth)


def _pandas(value: Any, memo: _Memo, depth: int) -> Any:
    pandas: Any = sys.modules["pandas"]
    if not isinstance(value, pandas.DataFrame | pandas.Series):
        return value
    # From pandas 3 on nothing is copied before one of the two changes.
    is_lazy = int(pandas.__version__.partition(".")[0]) >= 3
    used = 0 if is_lazy else value.memory_usage(index=False)
    size = getattr(used, "sum", lambda: used)()
    return _noted(value, value.copy(deep=not is_lazy and size <= LARGE_BYTES), memo)


def _polars(value: Any, memo: _Memo, depth: int) -> Any:
    # Its columns cannot change, and a clone shares them.
    return value.clone() if hasattr(value, "clone") else value


_WAYS: dict[type, Callable[[Any, _Memo, int], Any]] = {
    dict: _dict,
    list: _list,
    tuple: _tuple,
    set: _whole,
    bytearray: _whole,
    types.MappingProxyType: _proxy,
}
_PLUGGED = (("numpy", _numpy), ("pandas", _pandas), ("polars", _polars))
