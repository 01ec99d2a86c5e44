"""What the record says that runs have cost: a notebook's since a moment, a Function's calls."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..core import bill
from ..core.messages import Spent
from ..core.portable import spent_from_json
from ..record import store
from ..record.parquet import quoted


def requests_since(folder: Path, notebook: str | None, start: float) -> list[tuple[str, Spent]]:
    """List the live requests of a notebook's runs since a moment, each with its run."""
    name = "NULL" if notebook is None else quoted(notebook)
    rows = store.sql(
        f"""
        SELECT run, body->>'spent' AS spent FROM events
        WHERE event = 'RequestEnded' AND epoch("time") >= {float(start)!r} AND run IN (
            SELECT run FROM events WHERE event = 'RunBegan'
            AND (body->'info'->'json'->>'notebook') IS NOT DISTINCT FROM {name})
        """,
        folder,
    )
    found = ((str(run), _spent(text)) for run, text in zip(rows["run"], rows["spent"], strict=True))
    return [(run, spent) for run, spent in found if spent is not None and not spent.served]


def _spent(text: Any) -> Spent | None:
    try:
        return spent_from_json(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None  # a line that a newer writer, or nobody of ours, has written


def costs_of(folder: Path, fn: str, most: int = 200) -> list[float]:
    """List what the newest recorded calls of a Function have cost, with all below them.

    Calls that were served, or that asked a model without a known price, are left out.
    """
    rows = store.sql(
        f"""
        WITH RECURSIVE top AS (
            SELECT run, node FROM nodes
            WHERE fn = {quoted(fn)} AND state = 'Success' AND NOT served
            ORDER BY opened DESC LIMIT {int(most)}
        ), below(run, top, node) AS (
            SELECT run, node, node FROM top
            UNION ALL
            SELECT b.run, b.top, n.node FROM below b JOIN nodes n
            ON n.run = b.run AND n.parent = b.node
        )
        SELECT b.run, b.top, e.body->>'spent' AS spent FROM below b JOIN events e
        ON e.run = b.run AND e.node = b.node WHERE e.event = 'RequestEnded'
        """,
        folder,
    )
    costs: dict[tuple[str, int], float | None] = {}
    for run, top, text in zip(rows["run"], rows["top"], rows["spent"], strict=True):
        spent = _spent(text)
        line = bill.line_of(spent) if spent is not None else None
        usd = None if line is None or spent is None or spent.served else line.usd
        before = costs.get((run, top), 0.0)
        costs[run, top] = None if usd is None or before is None else before + usd
    return [cost for cost in costs.values() if cost is not None]
