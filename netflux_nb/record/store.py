"""The record asked with SQL: views over the lines on disk, seen the moment they are written."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import ArgumentError, NoKeyError
from .chain import SUFFIX

if TYPE_CHECKING:
    import pandas as pd

# Each view by name. They build on each other, so their order counts.
VIEWS: dict[str, str] = {
    "events": """
        SELECT json->>'run' AS run, (json->>'seq')::BIGINT AS seq,
            make_timestamp(((json->>'time')::DOUBLE * 1e6)::BIGINT) AS time, (json->>'node')::BIGINT AS node,
            json->>'event' AS event, json AS body
        FROM lines WHERE json->>'event' <> 'Segment' AND json->>'run' IS NOT NULL
    """,
    "calls": """
        SELECT run, node, seq, time, body->'spent'->>'provider' AS provider,
            body->'spent'->>'model' AS model, body->'spent'->>'stop' AS stop,
            (body->'spent'->>'seconds')::DOUBLE AS seconds,
            (body->'spent'->>'served')::BOOLEAN AS served,
            (body->'spent'->'usage'->>'input_tokens_total')::BIGINT AS input_tokens,
            (body->'spent'->'usage'->>'input_tokens_cache_read')::BIGINT AS cache_read_tokens,
            (body->'spent'->'usage'->>'input_tokens_cache_write')::BIGINT AS cache_write_tokens,
            (body->'spent'->'usage'->>'output_tokens_total')::BIGINT AS output_tokens,
            nullif(body->'spent'->>'error', '') AS error
        FROM events WHERE event = 'RequestEnded'
    """,
    "messages": """
        SELECT run, node, seq, time, body->'part'->>'part' AS kind,
            coalesce(body->'part'->>'text', body->'part'->>'content',
                body->'part'->'outputs'->>'json') AS text,
            body->'part'->>'tool_name' AS fn, body->'part'->>'tool_use_id' AS tool_use_id,
            body->'part'->'args'->'json' AS args,
            (body->'part'->>'is_error')::BOOLEAN AS is_error
        FROM events WHERE event = 'PartAdded'
    """,
    "nodes": """
        SELECT o.run, o.node, (o.body->>'parent')::BIGINT AS parent, o.body->>'fn' AS fn,
            o.body->>'kind' AS kind, o.body->>'key' AS key, o.body->>'provider' AS provider,
            o.body->'inputs' AS inputs,
            coalesce(CASE c.body->>'outcome' WHEN 'success' THEN 'Success'
                WHEN 'error' THEN 'Error' WHEN 'canceled' THEN 'Canceled' END,
                CASE WHEN s.run IS NOT NULL THEN 'Running' ELSE 'Waiting' END) AS state,
            c.body->'value'->'json' AS outputs, c.body->'error'->>'type' AS error_type,
            c.body->'error'->>'message' AS error, o.time AS opened, s.time AS started,
            c.time AS ended, epoch(c.time) - epoch(s.time) AS seconds
        FROM events o
        LEFT JOIN events s ON s.run = o.run AND s.node = o.node AND s.event = 'NodeStarted'
        LEFT JOIN events c ON c.run = o.run AND c.node = o.node AND c.event = 'NodeClosed'
        WHERE o.event = 'NodeOpened'
    """,
    "usage": """
        SELECT run, provider, model, count(*) FILTER (NOT served) AS requests,
            count(*) FILTER (served) AS served,
            sum(input_tokens) FILTER (NOT served)::BIGINT AS input_tokens,
            sum(cache_read_tokens) FILTER (NOT served)::BIGINT AS cache_read_tokens,
            sum(output_tokens) FILTER (NOT served)::BIGINT AS output_tokens
        FROM calls WHERE error IS NULL GROUP BY ALL
    """,
    "runs": """
        SELECT n.run, n.fn, n.state, n.opened, n.ended, n.seconds, n.error_type, n.error,
            m.nodes, u.requests, u.input_tokens, u.output_tokens
        FROM nodes n
        JOIN (SELECT run, count(*) AS nodes FROM nodes GROUP BY run) m USING (run)
        LEFT JOIN (SELECT run, sum(requests)::BIGINT AS requests,
            sum(input_tokens)::BIGINT AS input_tokens,
            sum(output_tokens)::BIGINT AS output_tokens FROM usage GROUP BY run) u USING (run)
        WHERE n.parent IS NULL
    """,
}


def sql(
    query: str,
    folder: str | os.PathLike[str],
    frames: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Ask the record of a folder, running trees too, and give a DataFrame.

    There are the views `runs`, `nodes`, `events`, `messages`, `calls` and `usage`, and the
    DataFrames given in `frames` under their names. Lines that cannot be read are passed
    over; `record.reading.check` names them. Times are UTC.

    Args:
        query: SQL, as DuckDB has it.
        folder: Where the files of the journals are.
        frames: DataFrames by name.
    """
    try:
        import duckdb
        import pandas as pd  # noqa: F401  DuckDB gives its frames with it
    except ImportError as error:
        raise NoKeyError(
            f'Asking the record needs DuckDB and pandas ({error}). Write `pip install "netflux_nb'
            f'[frames]"`.'
        ) from None
    with duckdb.connect(":memory:", config={"python_enable_replacements": False}) as db:
        db.execute(f"CREATE VIEW lines AS {_lines(Path(folder))}")
        for name, words in VIEWS.items():
            db.execute(f"CREATE VIEW {name} AS {words}")
        for name, frame in (frames or {}).items():
            if name in VIEWS:
                raise ArgumentError(f"{name!r} is a view of the record. Name the frame otherwise.")
            db.register(name, frame)
        try:
            return db.execute(query).df()
        except duckdb.Error as error:
            said = str(error).strip().splitlines()
            raise ArgumentError(f"The record cannot answer: {' '.join(said)[:400]}") from None


def _lines(folder: Path) -> str:
    if not any(folder.glob(f"*{SUFFIX}")):
        return "SELECT NULL::JSON AS json WHERE false"
    where = str(folder / f"*{SUFFIX}").replace("'", "''")
    return f"SELECT json FROM read_ndjson_objects('{where}', ignore_errors = true)"
