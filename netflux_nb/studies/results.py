"""A map's results as a DataFrame: the input rows, and the outcome of each call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

from ..core.errors import stringify
from ..core.views import NodeState, NodeView
from .inputs import Rows

if TYPE_CHECKING:
    import pandas as pd

ERROR_CHARS = 500
# A result with more fields is kept whole, in one column.
MOST_FIELDS = 200


def frame(
    rows: Rows, models: Sequence[str], names: Sequence[str], views: Sequence[NodeView]
) -> pd.DataFrame:
    """Give a row a call: index and inputs, the model, the result's fields, how it went.

    Args:
        rows: What was mapped.
        models: The models that each row was given to; none where nothing was said.
        names: The model of each call of a row, in words; none for code.
        views: The calls, in their order. Those that were never begun are missing at the end.
    """
    import pandas as pd

    times = max(len(models), 1)
    given = rows.source if isinstance(rows.source, pd.DataFrame) else _given(rows)
    made = (
        given.loc[given.index.repeat(times)] if given.index.is_unique else _repeated(given, times)
    )
    made = made.copy()
    count = len(rows) * times
    if names:
        made[_free("model", made)] = [names[n % times] for n in range(count)]
    for name, column in _results(views, count).items():
        made[_free(name, made)] = pd.Series(column, index=made.index, dtype=_dtype(column))
    made[_free("state", made)] = [_state(views, n) for n in range(count)]
    made[_free("error", made)] = pd.Series(
        [_error(views, n) for n in range(count)], index=made.index, dtype="str"
    )
    made[_free("cost_usd", made)] = pd.Series(
        [cost_of(views[n]) if n < len(views) else None for n in range(count)],
        index=made.index,
        dtype="float64",
    )
    return made


def _given(rows: Rows) -> Any:
    import pandas as pd

    return pd.DataFrame(rows.source, index=pd.RangeIndex(len(rows)))


def _repeated(given: Any, times: int) -> Any:
    return given.iloc[[n for n in range(len(given)) for _ in range(times)]]


def _free(name: str, made: Any) -> str:
    """Give a column's name: a column of the input keeps its own."""
    return f"{name}_result" if name in made.columns else name


def _dtype(column: Sequence[Any]) -> Any:
    """Give the type of a column that has holes: whole numbers and claims stay what they are."""
    kinds = {type(value) for value in column if value is not None}
    if kinds == {int} and all(abs(v) < 2**63 for v in column if v is not None):
        return "Int64" if None in column else "int64"
    if kinds == {bool}:
        return "boolean" if None in column else "bool"
    if kinds == {str}:
        return "str"
    return "float64" if kinds == {float} or kinds == {int, float} else "object"


def _results(views: Sequence[NodeView], count: int) -> dict[str, list[Any]]:
    """Give the columns of the results: a field each, else one column."""
    given = [(n, view.outputs) for n, view in enumerate(views) if view.state is NodeState.Success]
    parts = [(n, _fields(value)) for n, value in given]
    names = list({name: None for _, part in parts for name in part or ()})
    if any(part is None for _, part in parts) or not names or len(names) > MOST_FIELDS:
        column: list[Any] = [None] * count
        for n, value in given:
            column[n] = value
        return {"result": column}
    columns: dict[str, list[Any]] = {name: [None] * count for name in names}
    for n, part in parts:
        for name, value in (part or {}).items():
            columns[name][n] = value
    return columns


def _fields(value: Any) -> Mapping[str, Any] | None:
    """Give the fields of an object; None for what is no object with fields."""
    if isinstance(value, Mapping):
        return value if all(isinstance(key, str) for key in value) else None
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in fields(value)}
    own = getattr(type(value), "model_fields", None)
    if isinstance(own, Mapping):
        return {str(name): getattr(value, name, None) for name in own}
    return None


def _state(views: Sequence[NodeView], n: int) -> str:
    return views[n].state.value if n < len(views) else "Not begun"


def _error(views: Sequence[NodeView], n: int) -> str | None:
    error = views[n].exception if n < len(views) else None
    return None if error is None else stringify(error, ERROR_CHARS)


def cost_of(view: NodeView) -> float | None:
    """Give what a call cost, in USD; None where a price is not known."""
    bill = view.bill()
    return None if bill.unknown else bill.usd
