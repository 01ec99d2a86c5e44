"""Rows as the arguments of calls: a table's columns, or values, matched to a Function's names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..compare.table_cells import is_frame
from ..core.errors import ArgumentError, listed
from ..core.functions.kinds import Function

# A map holds all of its rows, and a Node for each call.
MOST_ROWS = 1_000_000


@dataclass(frozen=True, slots=True)
class Rows:
    """Input rows, and the arguments of each call."""

    # As given, with all columns: a list of dicts for whatever was no DataFrame.
    source: Any
    calls: tuple[dict[str, Any], ...]

    def __len__(self) -> int:
        return len(self.calls)


def rows_of(fn: Function, rows: Any, fixed: Mapping[str, Any]) -> Rows:
    """Match rows to a Function's arguments by name; `fixed` are the same in every row.

    Columns that are no argument stay in the result and are not handed on. Raises where a
    column is missing that the Function needs.

    Args:
        fn: The Function.
        rows: A DataFrame, dicts, or values for a Function of one argument.
        fixed: Arguments by name.
    """
    names = [arg.name for arg in fn.args]
    strange = [name for name in fixed if name not in names]
    if strange:
        raise ArgumentError(
            f"{fn.name}() has no argument {strange[0]!r}. It takes: {listed(names)}."
        )
    frame = is_frame(rows)
    given: Any = rows if frame else _listed(fn, rows)
    records: Sequence[Any] = given.to_dict("records") if frame else given
    if records and not isinstance(records[0], Mapping):
        name = _only(fn, fixed)
        records = [{name: value} for value in records]
        given = records
    _check_columns(fn, list(given.columns) if frame else _keys(records), fixed, len(records))
    wanted = set(names) - set(fixed)
    calls = tuple(
        {**{k: v for k, v in row.items() if k in wanted and not _is_left_out(fn, k, v)}, **fixed}
        for row in records
    )
    return Rows(given, calls)


def _listed(fn: Function, rows: Any) -> list[Any]:
    if isinstance(rows, str | bytes | Mapping) or not isinstance(rows, Iterable):
        raise ArgumentError(
            f"{fn.name}.map() takes a DataFrame, a list of dicts, or values for its one argument; "
            f"got {type(rows).__name__}."
        )
    found: list[Any] = []
    for row in rows:
        found.append(row)
        if len(found) > MOST_ROWS:
            raise ArgumentError(f"{fn.name}.map() takes at most {MOST_ROWS:,} rows.")
    kinds = {isinstance(row, Mapping) for row in found}
    if len(kinds) > 1:
        raise ArgumentError(f"{fn.name}.map() was given dicts and other values. Give one kind.")
    return found


def _only(fn: Function, fixed: Mapping[str, Any]) -> str:
    """Name the argument that plain values are for."""
    open_ones = [arg for arg in fn.args if arg.name not in fixed]
    needed = [arg for arg in open_ones if arg.required] or open_ones
    if len(needed) != 1:
        raise ArgumentError(
            f"Plain values are for a Function of one argument; {fn.name}() takes "
            f"{listed(a.name for a in fn.args)}. Give dicts, or a DataFrame with these columns."
        )
    return needed[0].name


def _keys(records: Sequence[Any]) -> list[str]:
    return list({key: None for row in records for key in row})


def _check_columns(fn: Function, columns: list[Any], fixed: Mapping[str, Any], count: int) -> None:
    needed = [arg.name for arg in fn.args if arg.required and arg.name not in fixed]
    missing = [name for name in needed if name not in columns]
    if missing and count:
        raise ArgumentError(
            f"{fn.name}() needs {missing[0]!r}, which is no column here. There is: "
            f"{listed(columns)}. Rename one, or give it for all rows: "
            f"`{fn.name}.map(rows, {missing[0]}=…)`."
        )


def _is_left_out(fn: Function, name: str, value: Any) -> bool:
    """Say whether a cell without a value leaves an argument to its default."""
    arg = next(one for one in fn.args if one.name == name)
    is_nothing = value is None or (isinstance(value, float) and value != value)
    return is_nothing and not arg.required and arg.argtype is not float
