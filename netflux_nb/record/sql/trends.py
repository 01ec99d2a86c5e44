"""Queries over many runs: requests, their latency, and failures, by day, Function or model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from . import store
from .engine import quoted

By = Literal["day", "fn", "model"]
BYS: tuple[By, ...] = get_args(By)
# How a request is placed. Times are UTC.
_KEY: Mapping[By, str] = {
    "day": "strftime(a.\"time\", '%Y-%m-%d')",
    "fn": "n.fn",
    "model": "a.provider || coalesce(':' || a.model, '')",
}
_TOKENS = "input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens"


def requests(folder: Path, notebook: str | None, by: By) -> list[dict[str, Any]]:
    """List the live requests, those alike as one row with their number.

    A driver with a count of its own says all at once.
    """
    found = store.sql(
        f"""
        WITH asked AS (
            SELECT run, node, "time", provider, model, error, {_TOKENS} FROM calls
            WHERE NOT coalesce(served, false)
            UNION ALL BY NAME
            SELECT u.run, u.node, coalesce(m.ended, m.opened) AS "time", u.provider, u.model,
                NULL AS error, {", ".join(f"u.{name.strip()}" for name in _TOKENS.split(","))}
            FROM (SELECT * FROM usage ANTI JOIN calls USING (run, node)) u
            JOIN nodes m USING (run, node)
        )
        SELECT {_KEY[by]} AS place, a.provider, a.model, a.error IS NOT NULL AS failed,
            {", ".join(f"a.{name.strip()}" for name in _TOKENS.split(","))},
            count(*) AS number, max(a."time") AS "time", min(a.error) AS error
        FROM asked a JOIN nodes n USING (run, node) WHERE {_ours(notebook)}
        GROUP BY ALL HAVING place IS NOT NULL
        """,
        folder,
    )
    rows: list[dict[str, Any]] = found.to_dict("records")
    return rows


def latencies(folder: Path, notebook: str | None, by: By) -> list[tuple[str, float, float, int]]:
    """List the median and the 95th percentile of the seconds of live requests that were answered."""
    return store.rows(
        f"""
        SELECT {_KEY[by]} AS place, quantile_cont(a.seconds, 0.5), quantile_cont(a.seconds, 0.95),
            count(*)
        FROM calls a JOIN nodes n USING (run, node)
        WHERE NOT coalesce(a.served, false) AND a.error IS NULL AND isfinite(a.seconds)
            AND a.seconds >= 0 AND {_ours(notebook)}
        GROUP BY place HAVING place IS NOT NULL
        """,
        folder,
    )


def failures(folder: Path, notebook: str | None, by: By) -> list[tuple[str, str, int]]:
    """List failures by their class: of Nodes, where each began; by model, of its requests."""
    if by == "model":
        words = f"""
            SELECT {_KEY[by]} AS place, split_part(a.error, ':', 1) AS class, count(*)
            FROM calls a JOIN nodes n USING (run, node)
            WHERE NOT coalesce(a.served, false) AND a.error IS NOT NULL AND {_ours(notebook)}
            GROUP BY place, class HAVING place IS NOT NULL
        """
    else:
        words = f"""
            WITH failed AS (
                SELECT *, coalesce(ended, opened) AS "time" FROM nodes
                WHERE state = 'Error' AND NOT served
            ), below AS (SELECT DISTINCT run, parent AS node FROM failed WHERE parent IS NOT NULL)
            SELECT {_KEY[by].replace("n.fn", "a.fn")} AS place, coalesce(a.error_type, '?') AS class,
                count(*)
            FROM failed a ANTI JOIN below USING (run, node) WHERE {_ours(notebook)}
            GROUP BY place, class HAVING place IS NOT NULL
        """
    return store.rows(words, folder)


def _ours(notebook: str | None) -> str:
    if notebook is None:
        return "true"
    return f"a.run IN (SELECT run FROM _trees WHERE notebook = {quoted(notebook)})"
