"""Questions in SQL to tables in memory, and to nothing else."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..core.errors import UsageError, listed
from ..core.functions.arguments import FunctionArg
from ..core.functions.kinds import CodeFunction
from ..core.text.legible import escaped, shortened
from ..runtime.context import RunContext
from .setting_checks import at_least, seconds

# Before it, `enable_logging()` could be called whatever was locked, and end this process.
MIN_DUCKDB = 2
# Nobody writes longer queries by hand, and what plans them knows no other bound.
SQL_CHARS = 10_000
DEFAULT_ROWS = 50
MAX_ROWS = 1_000
MAX_COLUMNS = 100
CELL_CHARS = 100
TEXT_CHARS = 20_000
ERROR_CHARS = 600
# How often a running query is asked after, and how often it is told to stop before it is
# left to itself: planning hears nothing, so the thread may outlive the call.
POLL_S = 0.05
STOPS = 100

# What a query could reach, shut before it is read; then the settings themselves are locked.
_CONFIG = {
    "python_enable_replacements": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "temp_directory": "",
    "max_temp_directory_size": "0KB",
    # Otherwise these tell where this user's home is.
    "home_directory": "/nowhere",
    "secret_directory": "/nowhere",
    "extension_directory": "/nowhere",
}

Frames = Mapping[str, Any] | Callable[[], Mapping[str, Any]]


class QueryError(UsageError, ValueError):
    """A query that cannot be run, or did not come to an end."""


class QueryFrames(CodeFunction):
    """SQL over some DataFrames as a Function. It reads them, and reaches nothing else.

    A query has no files, no network, no extensions and no Python variables; it cannot
    write, and it is stopped at its time-out or by a cancel.

    Args:
        frames: The tables by name, or a callable that gives them at every call.
        name: The Function's name.
        timeout_s: How long a query may take.
        memory_mb: How much memory its data may take.
        threads: How many threads it may use.

    Example:
        >>> import pandas
        >>> sales = pandas.DataFrame({"city": ["Oslo", "Rome"], "sold": [3, 4]})
        >>> query = QueryFrames({"sales": sales})
        >>> from netflux_nb import Runtime
        >>> with Runtime([query]) as runtime:
        ...     sql = "SELECT city FROM sales WHERE sold > 3"
        ...     print(runtime.get_ctx().invoke(query, {"sql": sql}).result())
        city
        ----
        Rome
        (1 row)
    """

    def __init__(
        self,
        frames: Frames,
        name: str = "query_frames",
        *,
        timeout_s: float = 30.0,
        memory_mb: int = 512,
        threads: int = 2,
    ) -> None:
        self.frames = frames
        self.timeout_s = seconds(name, "timeout_s", timeout_s)
        self.memory_mb = at_least(name, "memory_mb", memory_mb, 1)
        self.threads = at_least(name, "threads", threads, 1)
        tables = ""
        if isinstance(frames, Mapping) or not callable(frames):
            tables = f" The tables: {listed(_checked(frames), 50)}."
        super().__init__(
            name=name,
            desc=(
                "Ask tables in memory by one SELECT in DuckDB's SQL. `SHOW TABLES` lists "
                "them, `DESCRIBE name` tells the columns, `SUMMARIZE name` what is in them. "
                f"There are no files and nothing can be changed.{tables}"
            ),
            args=[
                FunctionArg("sql", str, "One query."),
                FunctionArg(
                    "max_rows",
                    int,
                    f"How many rows are shown, at most {MAX_ROWS:,}.",
                    default=DEFAULT_ROWS,
                ),
            ],
            callable=self.call,
            effect="frames",
        )

    def call(self, ctx: RunContext, *, sql: str, max_rows: int = DEFAULT_ROWS) -> str:
        """Run one query and give its rows as text.

        Raises:
            QueryError: It is no query that is run here, failed, or took too long.
        """
        if not 1 <= max_rows <= MAX_ROWS:
            raise QueryError(f"`max_rows` is 1 to {MAX_ROWS:,}, got {max_rows}.")
        if len(sql) > SQL_CHARS:
            raise QueryError(f"A query has at most {SQL_CHARS:,} characters, got {len(sql):,}.")
        if not sql.isascii() and sql != sql.encode(errors="ignore").decode():
            raise QueryError("The query has half of a character pair, which UTF-8 cannot hold.")
        frames = self.frames if isinstance(self.frames, Mapping) else self.frames()
        work = _Work(self._connected(_checked(frames)), sql, max_rows, list(frames))
        threading.Thread(target=work.run, name="netflux-query", daemon=True).start()
        is_late = self._wait(ctx, work)
        ctx.check()
        if is_late and work.text is None:
            raise QueryError(
                f"The query was stopped after {self.timeout_s:g} s. Ask for less: filter "
                f"earlier, join on keys, or take a sample."
            )
        if work.error is not None:
            raise work.error
        assert work.text is not None
        return work.text

    def _connected(self, frames: Mapping[str, Any]) -> Any:
        duckdb = _duckdb()
        limits = {"threads": str(self.threads), "memory_limit": f"{self.memory_mb}MB"}
        con = duckdb.connect(":memory:", config={**_CONFIG, **limits})
        try:
            for name, frame in frames.items():
                con.register(name, frame)
            # Not in the configuration: there it would let in files beside this program,
            # named after the database.
            con.execute("SET enable_external_access = false")
            con.execute("SET enable_progress_bar = false")
            con.execute("SET lock_configuration = true")
            con.execute("BEGIN TRANSACTION READ ONLY")
        except duckdb.Error as error:
            con.close()
            raise QueryError(
                f"A table cannot be read: {shortened(str(error), ERROR_CHARS)}"
            ) from None
        except BaseException:
            con.close()
            raise
        return con

    def _wait(self, ctx: RunContext, work: _Work) -> bool:
        """Wait until it is done, stop it where it must end, and say if it was late."""
        clock = ctx.runtime.clock
        end = clock() + self.timeout_s
        is_late, stops = False, STOPS
        while not work.done.wait(POLL_S):
            is_late = is_late or clock() >= end
            if is_late or ctx.cancel_requested():
                work.stop()  # again and again: one that comes before the query starts is lost
                stops -= 1
                if not stops:
                    break
        return is_late


class _Work:
    """One query in a thread of its own, so that whoever waits for it can stop it."""

    def __init__(self, con: Any, sql: str, max_rows: int, tables: Sequence[str]) -> None:
        self.done = threading.Event()
        self.text: str | None = None
        self.error: BaseException | None = None
        self._con = con
        self._sql = sql
        self._max_rows = max_rows
        self._tables = tables
        # Lines put before the query, which its errors count.
        self._lines_before = 0

    def run(self) -> None:
        duckdb = _duckdb()
        try:
            self.text = self._asked()
        except duckdb.Error as error:
            self.error = QueryError(self._told(error))
        except BaseException as error:  # noqa: BLE001  this thread is ours; the caller gets it
            self.error = error
        finally:
            self.done.set()
            self._con.close()

    def stop(self) -> None:
        try:
            self._con.interrupt()
        except _duckdb().Error:
            pass  # it has just ended

    def _told(self, error: Exception) -> str:
        own = str(error)
        if own.startswith("Catalog Error: Table with name"):
            own = re.sub(r"\nDid you mean .*", "", own)
            own = own.replace("\n", f" There is: {listed(self._tables)}.\n", 1)
        before = self._lines_before
        own = re.sub(r"(?m)^LINE (\d+):", lambda m: f"LINE {int(m[1]) - before}:", own)
        return shortened(own, ERROR_CHARS)

    def _asked(self) -> str:
        query = _one_select(self._con, self._sql)
        self._lines_before = 1
        # Cells are cut where they are made: a row may hold gigabytes.
        cells = f"SELECT left(CAST(COLUMNS(*) AS VARCHAR), {CELL_CHARS + 1}) FROM (\n{query}\n)"
        found = self._con.execute(
            _one_select(self._con, f"{cells} LIMIT {self._max_rows + 1}", is_ours=True)
        )
        names = [str(column[0]) for column in found.description]
        if len(names) > MAX_COLUMNS:
            raise QueryError(
                f"The result has {len(names):,} columns; at most {MAX_COLUMNS} are shown. "
                f"Name those you need."
            )
        rows = found.fetchall()
        total: int | None = len(rows)
        if len(rows) > self._max_rows:
            total = self._count(query)
        return _table(names, rows[: self._max_rows], total)

    def _count(self, query: str) -> int | None:
        try:
            row = self._con.execute(f"SELECT count(*) FROM (\n{query}\n)").fetchone()
        except _duckdb().Error:
            return None  # the rows are there; counting took too long, or too much memory
        return int(row[0])


def _duckdb() -> Any:
    try:
        import duckdb
    except ImportError:
        raise QueryError(
            'SQL needs DuckDB, which is not installed: pip install "netflux_nb[frames]"'
        ) from None
    if int(duckdb.__version__.split(".")[0]) < MIN_DUCKDB:
        raise QueryError(
            f"A query of an agent needs DuckDB {MIN_DUCKDB} or newer, which can be kept from files; "
            f"got {duckdb.__version__}. Use `pip install --upgrade duckdb`."
        )
    return duckdb


def _checked(frames: Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(frames, Mapping):
        raise QueryError(
            f"Tables are given by name, as {{'sales': frame}}; got {type(frames).__name__}."
        )
    seen: set[str] = set()
    for name, frame in frames.items():
        if not (isinstance(name, str) and name.isidentifier()) or len(name) > 64:
            raise QueryError(
                f"{str(name)[:80]!r} cannot name a table. Use letters, digits and underscores."
            )
        if name.lower() in seen:
            raise QueryError(f"Two tables are named {name!r}; SQL does not tell case apart.")
        if type(frame).__module__ == "builtins":
            raise QueryError(
                f"A table cannot be read: {name!r} is {type(frame).__name__}, no DataFrame."
            )
        seen.add(name.lower())
    return frames


def _one_select(con: Any, sql: str, *, is_ours: bool = False) -> str:
    """Give the one query of a text, without what ends it. Raises where it is none."""
    duckdb = _duckdb()
    statements = con.extract_statements(sql)
    if len(statements) != 1:
        raise QueryError(f"Give one query, got {len(statements)}.")
    try:
        kind = statements[0].type
    except ValueError:  # of a kind that DuckDB knows and has no name for
        raise QueryError(
            "Only a query is run here: SELECT, FROM, VALUES, SHOW TABLES, DESCRIBE, SUMMARIZE."
        ) from None
    if kind == duckdb.StatementType.MULTI:
        raise QueryError("PIVOT needs its values here: `PIVOT t ON a IN (1, 2) USING count(*)`.")
    if kind != duckdb.StatementType.SELECT:
        raise QueryError(
            f"Only a query is run here: SELECT, FROM, VALUES, SHOW TABLES, DESCRIBE, SUMMARIZE; "
            f"got {kind.name}."
        )
    return sql if is_ours else _without_end(duckdb.tokenize(sql), sql)


def _without_end(tokens: Sequence[tuple[int, Any]], sql: str) -> str:
    raw = sql.encode()
    end = len(raw)
    for start, kind in reversed(tokens):
        if kind.name != "comment" and raw[start:end].strip() != b";":
            break
        end = start
    return raw[:end].decode()


def _table(names: Sequence[str], rows: Sequence[Sequence[Any]], total: int | None) -> str:
    """Lay rows out below their names, and say how many there are beside those shown."""
    grid = [[_cell(n) for n in names], *([_cell(c) for c in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*grid, strict=True)]
    lines = [" | ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip() for r in grid]
    lines.insert(1, "-+-".join("-" * w for w in widths))
    used = shown = 0
    for line in lines:
        used += len(line) + 1
        if used > TEXT_CHARS and shown > 2:
            break
        shown += 1
    left_out = None if total is None else total - (shown - 2)
    return "\n".join([*lines[:shown], _ending(shown - 2, left_out)])


def _ending(shown: int, left_out: int | None) -> str:
    rows = f"{shown:,} row" if shown == 1 else f"{shown:,} rows"
    if left_out == 0:
        return f"({rows})"
    more = "more, which took too long to count" if left_out is None else f"{left_out:,} more"
    return f"({rows} shown; {more}. Narrow the query, or raise `max_rows`.)"


def _cell(value: Any) -> str:
    """Give a value on one line, bounded."""
    if value is None:
        return "NULL"
    text = str(value)
    flat = escaped(text[:CELL_CHARS])
    return f"{flat[:CELL_CHARS]}…" if len(text) > CELL_CHARS or len(flat) > CELL_CHARS else flat


__all__ = ["QueryError", "QueryFrames"]
