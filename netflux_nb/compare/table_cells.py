"""The cells in which two tables differ, found without importing pandas."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# A reader sees the first ones, and how many there are.
MOST_CELLS = 200
MOST_NAMES = 50
# Larger tables are said to differ, and where is not looked for.
MOST_COMPARED = 2_000_000


@dataclass(frozen=True, slots=True)
class CellChange:
    """One cell that both tables have, and that differs."""

    row: Any
    column: Any
    left: Any
    right: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameChange:
    """The differences between two tables. Lists are cut; `changed` counts every cell.

    `changed` is None where the tables were too large to be compared cell by cell.
    """

    left_shape: tuple[int, int]
    right_shape: tuple[int, int]
    cells: tuple[CellChange, ...] = ()
    changed: int | None = 0
    rows_removed: tuple[Any, ...] = ()
    rows_added: tuple[Any, ...] = ()
    columns_removed: tuple[Any, ...] = ()
    columns_added: tuple[Any, ...] = ()
    # Columns of another type: name, type on the left, type on the right.
    retyped: tuple[tuple[Any, str, str], ...] = ()
    is_reordered: bool = False


def is_frame(value: Any) -> bool:
    """True for a DataFrame of pandas."""
    pandas = sys.modules.get("pandas")  # a value of a type that is not loaded cannot be
    return pandas is not None and isinstance(value, pandas.DataFrame)


def same_table(left: Any, right: Any) -> bool | None:
    """Compare two tables, columns or arrays; None for what is none of these.

    Example:
        >>> same_table(object(), object()) is None
        True
    """
    pandas, numpy = sys.modules.get("pandas"), sys.modules.get("numpy")
    if pandas is not None and isinstance(left, (pandas.DataFrame, pandas.Series, pandas.Index)):
        return type(left) is type(right) and _equal_labels(left, right) and left.equals(right)
    if numpy is not None and isinstance(left, numpy.ndarray):
        if type(left) is not type(right) or left.dtype != right.dtype or left.shape != right.shape:
            return False
        if left.dtype.hasobject:
            return _same_lists(left.ravel().tolist(), right.ravel().tolist())
        return bool(left.tobytes() == right.tobytes())
    return None


def _equal_labels(left: Any, right: Any) -> bool:
    if left.ndim == 1 and left.name != right.name:
        return False
    axes = zip(getattr(left, "axes", ()), getattr(right, "axes", ()), strict=False)
    return all(
        a.equals(b) and a.dtype == b.dtype and list(a.names) == list(b.names) for a, b in axes
    )


def frame_change(left: Any, right: Any) -> FrameChange:
    """Compare two DataFrames: by labels where these are unique, else by position."""
    rows = _matched(left.index, right.index)
    columns = _matched(left.columns, right.columns)
    names = [left.columns[i] for i, _ in columns.pairs]
    types = [(str(left.dtypes.iloc[i]), str(right.dtypes.iloc[j])) for i, j in columns.pairs]
    retyped = [(name, a, b) for name, (a, b) in zip(names, types, strict=True) if a != b]
    cells: list[CellChange] = []
    changed: int | None = 0
    if len(rows.pairs) * len(columns.pairs) > MOST_COMPARED:
        changed = None
    else:
        found = _cells(left, right, rows.pairs, columns.pairs)
        cells, changed = found[:MOST_CELLS], len(found)
    return FrameChange(
        left_shape=tuple(left.shape),
        right_shape=tuple(right.shape),
        cells=tuple(cells),
        changed=changed,
        rows_removed=rows.removed,
        rows_added=rows.added,
        columns_removed=columns.removed,
        columns_added=columns.added,
        retyped=tuple(retyped[:MOST_NAMES]),
        is_reordered=rows.is_reordered or columns.is_reordered,
    )


@dataclass(frozen=True, slots=True)
class _Matched:
    pairs: list[tuple[int, int]]
    removed: tuple[Any, ...]
    added: tuple[Any, ...]
    is_reordered: bool = False


def _matched(left: Any, right: Any) -> _Matched:
    if not left.equals(right) and left.is_unique and right.is_unique:
        places = {label: j for j, label in enumerate(right)}
        pairs = [(i, places[label]) for i, label in enumerate(left) if label in places]
        mine = {left[i] for i, _ in pairs}
        removed = [label for label in left if label not in mine][:MOST_NAMES]
        added = [label for label in right if label not in mine][:MOST_NAMES]
        order = [j for _, j in pairs]
        return _Matched(pairs, tuple(removed), tuple(added), order != sorted(order))
    shorter = min(len(left), len(right))
    pairs = [(i, i) for i in range(shorter)]
    return _Matched(
        pairs,
        tuple(left[shorter : shorter + MOST_NAMES]),
        tuple(right[shorter : shorter + MOST_NAMES]),
    )


def _cells(
    left: Any, right: Any, rows: Sequence[tuple[int, int]], columns: Sequence[tuple[int, int]]
) -> list[CellChange]:
    cells: list[CellChange] = []
    for i, j in columns:
        mine, theirs = left.iloc[:, i], right.iloc[:, j]
        if _equal_labels(mine, theirs) and mine.equals(theirs):
            continue
        olds, news = mine.astype(object).tolist(), theirs.astype(object).tolist()
        cells += [
            CellChange(left.index[a], left.columns[i], olds[a], news[b])
            for a, b in rows
            if not _same_cell(olds[a], news[b])
        ]
    return cells


def _same_lists(left: Sequence[Any], right: Sequence[Any]) -> bool:
    return all(_same_cell(a, b) for a, b in zip(left, right, strict=True))


def _same_cell(left: Any, right: Any) -> bool:
    if left is right:
        return True
    try:
        # What is not equal to itself is a missing value.
        return bool(left == right) or bool(left != left and right != right)
    except (TypeError, ValueError):
        return repr(left)[:1000] == repr(right)[:1000]
