"""Runs as rows of a table for people: when, what, how it stands, what it took."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.bill import price
from ..core.messages import TokenUsage
from ..record import store
from ..record.parquet import quoted
from ..runtime.waiting import run_name
from ..session import roots
from ..show import numbers
from ..show.tables import Column

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    Column("#", is_number=True),
    "run",
    "when",
    "Function",
    "state",
    Column("time", is_number=True),
    Column("tokens", is_number=True),
    Column("money", is_number=True),
    "how",
    "cell",
)
# Of a run's name, what tells it from others on one screen.
NAME_CHARS = 14

_COUNTS = "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"


def rows(folder: Path, ours: str, most: int) -> tuple[list[list[Any]], int]:
    """Give the newest runs as rows, and how many there are in all."""
    if not folder.is_dir():
        return [], 0
    found = store.sql(f"SELECT * FROM runs {ours} ORDER BY opened DESC, run DESC", folder)
    count = len(found)
    records = _records(found.head(most))
    asked = [quoted(row["run"]) for row in records if row["requests"]]
    spent = _spent(folder, asked)
    here = {run_name(root): root.id for root in roots()}
    return [_row(row, spent, here) for row in records], count


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    plain = frame.astype(object).where(frame.notna(), None)
    return list(plain.to_dict("records"))


def _spent(folder: Path, names: list[str]) -> dict[str, float | None]:
    """Price the requests of runs, each alone: long ones may have another price."""
    if not names:
        return {}
    calls = store.sql(
        f"SELECT run, provider, model, epoch(time) AS time, {', '.join(_COUNTS)} FROM calls "
        f"WHERE run IN ({', '.join(names)}) AND NOT coalesce(served, false)",
        folder,
    )
    return total(_records(calls), "run")


def total(calls: Iterable[Mapping[str, Any]], by: str) -> dict[str, float | None]:
    """Sum what requests cost; None where the price of one is not known."""
    found: dict[str, float | None] = {}
    for call in calls:
        cost = price(
            str(call["provider"]), call["model"], usage_of(call), _number(call.get("time"))
        )
        before = found.get(call[by], 0.0)
        found[call[by]] = None if cost is None or before is None else before + cost
    return found


def usage_of(call: Mapping[str, Any]) -> TokenUsage:
    """Give the tokens of one request as they are priced."""
    counts = {name: int(call.get(name) or 0) for name in _COUNTS}
    return TokenUsage(
        input_tokens_total=counts["input_tokens"],
        output_tokens_total=counts["output_tokens"],
        input_tokens_cache_read=counts["cache_read_tokens"],
        input_tokens_cache_write=counts["cache_write_tokens"],
    )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _row(
    row: Mapping[str, Any], spent: Mapping[str, float | None], here: Mapping[str, int]
) -> list[Any]:
    name = str(row["run"])
    state = row["state"]
    if row["ended"] is None:
        state = state if row["is_live"] else "cut off"
    used = (row["input_tokens"] or 0) + (row["output_tokens"] or 0)
    cost = spent.get(name, 0.0)
    how = row["how"] or row["mode"] or "live"
    if row["served"]:
        how = "served" if not row["requests"] else f"{row['served']} served"
    count = row["execution_count"]
    return [
        here.get(name),
        name[-NAME_CHARS:],
        f"{row['opened']:%Y-%m-%d %H:%M}",
        row["fn"],
        state,
        numbers.seconds(row["seconds"]) if row["seconds"] is not None else None,
        used or None,
        numbers.usd(cost) if row["requests"] else None,
        how,
        f"[{int(count)}]" if count is not None else None,
    ]
