"""Queries for the cost of recorded runs: a notebook's since a moment, a Function's calls."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from ...core import bill
from ...core.functions.versions import Version
from ...core.json.portable import spent_from_json
from ...core.messages import Spent
from . import store
from .engine import any_of, quoted


def requests_since(folder: Path, notebook: str | None, start: float) -> list[tuple[str, Spent]]:
    """List the live requests of a notebook's runs since a moment, each with its run."""
    rows = store.rows(
        f"{_asked(start, _begun_in(notebook))} SELECT run, spent FROM asked",
        folder,
    )
    found = ((str(run), _spent(text)) for run, text in rows)
    return [(run, spent) for run, spent in found if spent is not None and not spent.served]


def calls_since(
    folder: Path, notebook: str | None, start: float, *, is_whole: bool = False
) -> list[tuple[str, str, Spent]]:
    """List the requests of a notebook's runs since a moment: of which Function, of which call.

    Args:
        folder: Where they are recorded.
        notebook: The notebook.
        start: The moment.
        is_whole: Whether those of all notebooks count.
    """
    rows = store.rows(
        f"""
        {_asked(start, "" if is_whole else _begun_in(notebook))}
        SELECT n.fn, a.run || '/' || a.node, a.spent FROM asked a JOIN nodes n USING (run, node)
        """,
        folder,
    )
    found = ((str(fn), str(call), _spent(text)) for fn, call, text in rows)
    return [(fn, call, spent) for fn, call, spent in found if spent is not None]


def _asked(start: float, whose: str) -> str:
    """Name the requests since a moment. A driver with a count of its own says all at once."""
    return f"""
        WITH mine AS (
            SELECT run, node, seq, event, body FROM events
            WHERE event IN ('RequestEnded', 'UsageSet') AND epoch("time") >= {float(start)!r}
            {whose}
        ), told AS (
            SELECT run, node, arg_max(body->'usage', seq) AS usage FROM mine
            ANTI JOIN (SELECT run, node FROM mine WHERE event = 'RequestEnded') USING (run, node)
            GROUP BY run, node
        ), asked AS (
            SELECT run, node, body->>'spent' AS spent FROM mine WHERE event = 'RequestEnded'
            UNION ALL
            SELECT run, node,
                json_object('provider', n.provider, 'model', n.model, 'usage', t.usage)
            FROM told t JOIN nodes n USING (run, node)
        )"""


def _begun_in(notebook: str | None) -> str:
    name = "NULL" if notebook is None else quoted(notebook)
    return f"""AND run IN (SELECT run FROM events WHERE event = 'RunBegan'
                AND (body->'info'->'json'->>'notebook') IS NOT DISTINCT FROM {name})"""


def _spent(text: Any) -> Spent | None:
    try:
        return spent_from_json(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None  # a line that a newer writer, or nobody of ours, has written


# Kinds of draws, in the words of a ledger; a bag is filled again by the code.
_DRAWS = {"clock": "clock", "random": "chance", "uuid": "chance", "env": "environment",
          "order": "order"}  # fmt: skip


def free_in(folder: Path, runs: Collection[str]) -> dict[str, dict[str, int]]:
    """Count what was free in runs beside requests to models, by kind; what was served was not."""
    if not runs:
        return {}
    known = ", ".join(f"({quoted(kind)}, {quoted(word)})" for kind, word in _DRAWS.items())
    rows = store.rows(
        f"""
        WITH words(kind, word) AS (VALUES {known}),
        mine AS (
            SELECT run, event, body->>'kind' AS kind,
                coalesce(TRY_CAST(body->>'served' AS BOOLEAN), false) AS served
            FROM events WHERE run IN {any_of(runs)}
            AND event IN ('Drawn', 'EffectStarted', 'Answered')
        )
        SELECT run, CASE event WHEN 'Drawn' THEN word WHEN 'Answered' THEN 'person' ELSE 'tool' END
            AS what, count(*)
        FROM mine LEFT JOIN words USING (kind)
        WHERE NOT served AND NOT (event = 'Drawn' AND word IS NULL)
            AND NOT (event = 'EffectStarted' AND kind IN ('llm', 'human'))
        GROUP BY ALL ORDER BY run, what
        """,
        folder,
    )
    found: dict[str, dict[str, int]] = {}
    for run, what, count in rows:
        found.setdefault(str(run), {})[str(what)] = int(count)
    return found


def maps_of(folder: Path, root: str, fn: str, version: Version, most: int) -> list[str]:
    """Name the newest runs of a map that hold a call of this version of its Function."""
    rows = store.sql(
        f"""
        SELECT r.run FROM runs r WHERE r.fn = {quoted(root)} AND r.run IN (
            SELECT run FROM nodes WHERE fn = {quoted(fn)} AND version = {quoted(version.text)}
            AND state = 'Success')
        ORDER BY r.opened DESC, r.run DESC LIMIT {int(most)}
        """,
        folder,
    )
    return [str(run) for run in rows["run"]]


def doubted_of(folder: Path, root: str) -> list[tuple[str, str]]:
    """Name the effects in a map's runs of which nobody knows whether they were done.

    They had begun, and were cut off or cancelled, or are asked about since. What a later run of
    the map came to an end with is not in doubt any more.

    Args:
        folder: Where they are recorded.
        root: The name of the map's root.

    Returns:
        The run and the key of each.
    """
    rows = store.rows(
        f"""
        WITH mine AS (
            SELECT n.*, a.node IS NOT NULL AS is_asked FROM nodes n
            LEFT JOIN (SELECT DISTINCT run, node FROM approvals WHERE kind = 'again') a
            USING (run, node)
            WHERE run IN (SELECT run FROM nodes WHERE parent IS NULL AND fn = {quoted(root)})
        ), doubted AS (
            SELECT * FROM mine WHERE CASE WHEN started IS NULL THEN is_asked AND NOT served
                AND state <> 'Waiting'
                ELSE effect IS NOT NULL AND (state = 'CutOff'
                    OR state = 'Canceled' AND effect <> 'llm') END
        )
        SELECT DISTINCT run, key FROM doubted d WHERE NOT EXISTS (
            SELECT 1 FROM mine m LEFT JOIN (SELECT run, node, true AS too FROM doubted)
            USING (run, node)
            WHERE m.fn = d.fn AND m.inputs::VARCHAR = d.inputs::VARCHAR AND m.run <> d.run
            AND m.opened > d.opened AND (too OR m.state IN ('Success', 'Error')))
        """,
        folder,
    )
    return [(str(run), str(key)) for run, key in rows]


Cost = tuple[str | None, str | None, float]


def costs_of(folder: Path, fn: str, most: int = 200) -> list[Cost]:
    """List what the newest recorded calls of a Function have cost, with all below them.

    Each with the provider and model that the call named. Calls that were served, or that asked
    a model without a known price, are left out.
    """
    rows = store.sql(
        f"""
        WITH RECURSIVE top AS (
            SELECT run, node, provider, model FROM nodes
            WHERE fn = {quoted(fn)} AND state = 'Success' AND NOT served
            ORDER BY opened DESC LIMIT {int(most)}
        ), below(run, top, node) AS (
            SELECT run, node, node FROM top
            UNION ALL
            SELECT b.run, b.top, n.node FROM below b JOIN nodes n
            ON n.run = b.run AND n.parent = b.node
        )
        SELECT b.run, b.top, t.provider, t.model, e.body->>'spent' AS spent
        FROM below b JOIN events e ON e.run = b.run AND e.node = b.node
        JOIN top t ON t.run = b.run AND t.node = b.top WHERE e.event = 'RequestEnded'
        """,
        folder,
    )
    costs: dict[tuple[str, int], float | None] = {}
    who: dict[tuple[str, int], tuple[str | None, str | None]] = {}
    for row in rows.to_dict("records"):
        call = row["run"], row["top"]
        spent = _spent(row["spent"])
        usd = None if spent is None or spent.served else bill.line_of(spent).usd
        before = costs.get(call, 0.0)
        costs[call] = None if usd is None or before is None else before + usd
        who[call] = _text(row["provider"]), _text(row["model"])
    return [(*who[call], cost) for call, cost in costs.items() if cost is not None]


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
