"""The DuckDB engine: in memory, interruptible, with safe quoting."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING

from ...core.errors import NoKeyError

if TYPE_CHECKING:
    import duckdb


def is_there() -> bool:
    """True where DuckDB is installed."""
    return find_spec("duckdb") is not None


def engine(*, with_frames: bool = False) -> ModuleType:
    """Give DuckDB. Raises `NoKeyError` where it is missing, or pandas where that is needed."""
    try:
        import duckdb

        if with_frames:
            import pandas as pd  # noqa: F401
    except ImportError as error:
        raise NoKeyError(
            f'Asking the record needs DuckDB and pandas ({error}). Write `pip install "netflux_nb'
            f'[frames]"`.'
        ) from None
    return duckdb


def failures() -> tuple[type[Exception], ...]:
    """List the exceptions of DuckDB: its own, and one whose text held a damaged file's bytes."""
    import duckdb

    return duckdb.Error, UnicodeDecodeError


def opened(**limits: str | int) -> duckdb.DuckDBPyConnection:
    """Open a DuckDB in memory, which no file outlives and which shows nothing of its own."""
    db: duckdb.DuckDBPyConnection = engine().connect(
        ":memory:", config={"python_enable_replacements": False, **limits}
    )
    db.execute("SET enable_progress_bar = false")  # a notebook would have it among its outputs
    return db


@contextmanager
def connected() -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a DuckDB in memory for a moment, in which an interrupt is heard."""
    with opened() as db:
        try:
            yield db
        except RuntimeError as error:
            # DuckDB hears an interrupt itself, and swallows it: a loop would go on.
            if str(error) != "Query interrupted":
                raise
            raise KeyboardInterrupt from None


# Not the session's: what is at work as the process ends is stopped, whoever began it.
_working: dict[int, duckdb.DuckDBPyConnection] = {}


@contextmanager
def at_work() -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a DuckDB for something that may take long, and can be stopped."""
    with connected() as db:
        _working[id(db)] = db
        try:
            yield db
        finally:
            del _working[id(db)]


def interrupt() -> None:
    """Stop what is packed or read at this moment; it raises `RecordError` there."""
    for db in list(_working.values()):
        db.interrupt()


def quoted(text: object) -> str:
    """Write a text, or a path, as SQL."""
    return "'" + str(text).replace("'", "''") + "'"


def any_of(texts: Iterable[object]) -> str:
    """Write texts as what stands behind `IN` in SQL; nothing is in none."""
    return f"({', '.join(map(quoted, texts)) or 'NULL'})"


def among(texts: Iterable[object]) -> str:
    """Write texts as a list in SQL."""
    return f"[{', '.join(quoted(text) for text in texts)}]"


def first_line(error: Exception) -> str:
    """Give the first line of an error's message, bounded."""
    return str(error).strip().partition("\n")[0][:160] or type(error).__name__
