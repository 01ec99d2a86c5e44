"""The record's past runs for the panel: their rows and costs, without pandas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...core.bill import price
from ...core.functions.versions import Version, version_in
from ...core.messages import TokenUsage
from ...record.labels import TAG_CHARS
from ...record.retention import pinned
from ...record.sql import store
from ...record.sql.engine import any_of
from ...runtime.safe import line
from ...show.histories import calls_apart
from ...show.parts.text import clean
from .updates import MOST_ROWS, NAME_CHARS, NOTE_CHARS, RunRow

_LOOKED_AT = 8_000
_RUNS = f"""
    SELECT run, fn, kind, state, epoch(opened), seconds, nodes, served, how, notebook, cell,
        error_type, version,
        -- A large value has a file of its own; what is long all the same is not looked into.
        CASE WHEN length(inputs::VARCHAR) <= {_LOOKED_AT} THEN inputs::VARCHAR END,
        failed, "of", title, note, tags
    FROM runs ORDER BY opened DESC, run DESC LIMIT {MOST_ROWS}
"""
_CALLS = """
    SELECT run, provider, model, coalesce(served, false), coalesce(input_tokens, 0),
        coalesce(cache_read_tokens, 0), cache_write_tokens, coalesce(output_tokens, 0),
        epoch(time)
    FROM calls WHERE error IS NULL OR input_tokens + output_tokens > 0
"""
_LAST = """
    , latest AS (SELECT fn, arg_max(run, opened) AS run FROM nodes WHERE {0} GROUP BY fn)
    SELECT n.fn, arg_max(n.version, n.opened), count(*), any_value(n.run)
    FROM nodes n JOIN latest USING (fn, run) GROUP BY n.fn
"""


class Past:
    """One folder's runs. What has ended is priced once: it does not change any more."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._priced: dict[str, tuple[int, float, int]] = {}

    def rows(self) -> list[RunRow]:
        """Give a row for each run, newest first."""
        if not self.folder.is_dir():
            return []
        found = store.rows(_RUNS, self.folder)
        new = {one[0] for one in found} - set(self._priced)
        spent = self._spent(new) if new else {}
        kept = pinned(self.folder)
        args = calls_apart([(one[1] or "", one[13]) for one in found])
        rows = [
            replace(
                _row(one, self._priced.get(one[0]) or spent.get(one[0], (0, 0.0, 0))),
                args=args[n],
                pinned=one[0] in kept,
            )
            for n, one in enumerate(found)
        ]
        rows = _with_origins(rows)
        for row in rows:
            if row.seconds is not None:
                self._priced.setdefault(row.id, (row.tokens, row.usd, row.unpriced))
        return rows

    def _spent(self, runs: set[str]) -> dict[str, tuple[int, float, int]]:
        spent: dict[str, tuple[int, float, int]] = {}
        for run, *call in store.rows(_CALLS, self.folder):
            if run in runs:
                tokens, usd, unpriced = spent.get(run, (0, 0.0, 0))
                more, cost = _cost(call)
                spent[run] = (tokens + more, usd + (cost or 0.0), unpriced + (cost is None))
        return spent

    def last(self, fns: Iterable[str]) -> Mapping[str, tuple[Version | None, float | None, int]]:
        """Give each Function's version, cost and calls in the newest run that called it.

        The cost is of its own requests; what it called counts for those.
        """
        names = sorted(set(fns))
        if not names or not self.folder.is_dir():
            return {}
        is_theirs = f"fn IN {any_of(names)}"
        newest = store.rows(_words(is_theirs), self.folder)
        calls = store.rows(
            f"""SELECT n.fn, c.provider, c.model, coalesce(c.served, false),
                coalesce(input_tokens, 0), coalesce(cache_read_tokens, 0), cache_write_tokens,
                coalesce(output_tokens, 0), epoch(c.time), c.run
            FROM calls c JOIN nodes n USING (run, node)
            WHERE run IN {any_of(one[3] for one in newest)} AND n.{is_theirs}""",
            self.folder,
        )
        of = {fn: run for fn, _, _, run in newest}
        cost: dict[str, float | None] = dict.fromkeys(of, 0.0)
        for fn, *call, run in calls:
            if of.get(fn) == run:
                more = _cost(call)[1]
                so_far = cost[fn]
                cost[fn] = None if more is None or so_far is None else so_far + more
        return {fn: (version_in(version), cost[fn], count) for fn, version, count, _ in newest}


def _words(where: str) -> str:
    return "WITH " + _LAST.strip().removeprefix(", ").replace("{0}", where)


def _cost(call: list[Any]) -> tuple[int, float | None]:
    provider, model, served, total_in, read, written, out, time = call
    if served:
        return 0, 0.0
    usage = TokenUsage(
        input_tokens_total=total_in,
        input_tokens_cache_read=read,
        input_tokens_cache_write=written,
        output_tokens_total=out,
    )
    return usage.total, price(provider or "", model, usage, time)


def _row(one: tuple[Any, ...], spent: tuple[int, float, int]) -> RunRow:
    run, fn, kind, state, opened, seconds, nodes, served, how, notebook, cell, *rest = one
    error, text, _, failed, of, title, note, tags = rest
    version = version_in(text)
    is_over = state in ("Success", "Error", "Canceled")
    return RunRow(
        id=clean(run, NAME_CHARS),
        fn=clean(fn or "", NAME_CHARS),
        kind="agent" if kind == "agent" else "code",
        state=state,
        opened=round(opened or 0.0, 3),
        seconds=round(seconds or 0.0, 3) if is_over else None,
        nodes=nodes,
        done=nodes if is_over else 0,
        tokens=spent[0],
        usd=round(spent[1], 6),
        unpriced=spent[2],
        served=served or 0,
        how=clean(how or "", 40),
        notebook=clean(notebook or "", NAME_CHARS),
        cell=clean(cell or "", NAME_CHARS),
        error=clean(error or "", 120),
        version="" if version is None else clean(version.digest, 64),
        failed=failed or 0,
        of=clean(of or "", NAME_CHARS),
        title=line(title or "", NAME_CHARS),
        note=line(note or "", NOTE_CHARS),
        tags=tuple(line(tag, TAG_CHARS) for tag in tags or ()),
    )


def _with_origins(rows: list[RunRow]) -> list[RunRow]:
    """Say of a replay, a fork, a rerun what the run is called that it came from."""
    known = {row.id: row.title for row in rows}
    return [replace(row, of_title=known.get(row.of, "")) if row.of else row for row in rows]
