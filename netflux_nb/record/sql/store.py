"""The store: SQL views over the record's files, current the moment a line is written."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core.errors import ArgumentError
from ...core.text.legible import blanked
from .. import merged, packing
from ..packing import MOST_LINE_BYTES
from ..reading import asking, deleted, files, is_written
from . import engine
from .engine import connected
from .sql_views import OUR_OWN, VIEWS, SourceFiles, view_sql

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

# How often a question is asked again when files were packed under it.
TRIES = 20
# DuckDB takes room for two of the longest lines a thread, and passes over longer ones.
LEAST_LINE_BYTES = 4_000_000

# Of one line of what DuckDB says.
MOST_SAID = 240
# How it begins the line of a question in which the mistake is.
_PLACE = re.compile(r"LINE \d+: ")
_ITS_OWN = re.compile(r'^Did you mean "(?:pg_|duckdb_|sqlite_|information_schema)')
_WORD = re.compile(r"\w+")
# Who writes one of these asks what there is.
_ABOUT = {"show", "information_schema", "duckdb_views", "duckdb_columns", "pg_catalog"}
# What each view builds on, itself last.
_NEEDS = {
    "usage": ("calls", "usage"),
    "runs": ("calls", "nodes", "usage", "runs"),
    "_roots": ("nodes", "_roots"),
}


def sql(
    query: str,
    folder: str | os.PathLike[str],
    frames: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Ask the record of a folder, running trees too, and give a DataFrame.

    There are the views `runs`, `nodes`, `events`, `messages`, `calls`, `usage`, `artifacts`,
    `functions`, `environments`, `draws` and `approvals`, and the DataFrames given in `frames`
    under their names. Lines that cannot be read are passed over; `record.reading.check`
    names them. Deleted runs are not seen. Times are UTC.

    Args:
        query: SQL, as DuckDB has it.
        folder: Where the files of the record are.
        frames: DataFrames by name.

    Example:
        >>> import tempfile
        >>> len(sql("SELECT run, state FROM runs", tempfile.mkdtemp()))
        0
    """
    if not isinstance(query, str):
        raise ArgumentError(f"A question is a text of SQL, got {type(query).__name__}.")
    engine.engine(with_frames=True)
    for name, frame in (frames or {}).items():
        if name.lower() in VIEWS:
            raise ArgumentError(f"{name!r} is a view of the record. Name the frame otherwise.")
        _check_frame(name, frame)
    found: pd.DataFrame = _asked(query, folder, frames or {}, lambda answer: answer.df())
    return found


def _check_frame(name: str, frame: Any) -> None:
    kind = type(frame).__name__
    if frame is None or isinstance(frame, str | int | float | Sequence | Mapping):
        raise ArgumentError(f"{name!r} is a {kind}. Give a DataFrame: `pd.DataFrame({name})`.")
    if kind == "Series":
        raise ArgumentError(f"{name!r} is a Series. Give a DataFrame: `{name}.to_frame()`.")


def rows(query: str, folder: str | os.PathLike[str]) -> list[tuple[Any, ...]]:
    """Ask as `sql` does, and give plain rows: without pandas, for whoever must be quick."""
    found: list[tuple[Any, ...]] = _asked(query, folder, {}, lambda answer: answer.fetchall())
    return found


def names(folder: str | os.PathLike[str], notebook: str | None = None) -> list[str]:
    """Name the runs of a record, the newest first; of one notebook where it is given."""
    ours = "" if notebook is None else f"WHERE notebook = {engine.quoted(notebook)}"
    found = rows(f"SELECT run FROM _trees {ours} ORDER BY opened DESC, run DESC", folder)
    return [name for (name,) in found]


def sources(
    folder: str | os.PathLike[str], run: str
) -> list[tuple[str, str, tuple[tuple[str, str], ...]]]:
    """Give each Function of a run: its name, its version, and its texts, each with a title."""
    found = rows(
        "SELECT fn, version, source, system, prompt FROM functions WHERE version IN "
        f"(SELECT DISTINCT version FROM nodes WHERE run = {engine.quoted(run)}) "
        "ORDER BY first_called",
        folder,
    )
    titles = ("source", "system prompt", "prompt")
    return [
        (
            str(fn),
            str(version),
            tuple(
                (title, text) for title, text in zip(titles, texts, strict=True) if text is not None
            ),
        )
        for fn, version, *texts in found
    ]


def _asked(
    query: str,
    folder: str | os.PathLike[str],
    frames: Mapping[str, Any],
    take: Callable[[duckdb.DuckDBPyConnection], Any],
) -> Any:
    with asking(folder):
        return _answered(query, folder, frames, take)


def _answered(
    query: str,
    folder: str | os.PathLike[str],
    frames: Mapping[str, Any],
    take: Callable[[duckdb.DuckDBPyConnection], Any],
) -> Any:
    unreadable: frozenset[Path] = frozenset()
    said = ""
    for _ in range(TRIES):
        source = source_of(folder, unreadable)
        try:
            with connected() as db:
                # What is compared with `now()`, or with a time of another zone, is UTC too.
                db.execute("SET TimeZone = 'UTC'")
                define(db, source, wanted_in(query))
                for name, frame in frames.items():
                    db.register(name, frame)
                answer: Any = db.execute(query)
                if answer is None:  # a comment alone
                    raise ArgumentError("There is no question in it, such as `SELECT * FROM runs`.")
                return take(answer)
        except engine.failures() as error:
            said = str(error)
        if source_of(folder, unreadable).paths != source.paths:
            continue  # files were packed, or cleared up, under the question
        found = frozenset(path for path in source.packed if not packing.is_packed(path))
        if "maximum_object_size" in said:  # a line without an end takes its file with it
            found |= {path for path in source.lines if path.name in said}
        if not found:
            break
        unreadable |= found
    raise ArgumentError(f"The record cannot answer: {_readable(said)}")


def _readable(said: str) -> str:
    """Give what DuckDB says of a mistake in four lines: what it is, its advice, where it is."""
    rows = [blanked(row).rstrip()[:MOST_SAID] for row in said.splitlines() if row.strip()]
    place = next((i for i, row in enumerate(rows) if _PLACE.match(row)), len(rows))
    advice = " ".join(rows[1:place])[:MOST_SAID]
    if _ITS_OWN.search(advice):  # tables of the engine's own, which nobody means
        advice = f"There is: {', '.join(sorted(VIEWS))}; and DataFrames by their names."
    return "\n".join([*rows[: min(place, 1)], *([advice] if advice else []), *rows[place:][:2]])


def source_of(
    folder: str | os.PathLike[str], without: frozenset[Path] = frozenset()
) -> SourceFiles:
    """List the files of a record, and what is not to be seen in them."""
    # On a shared folder some may be another person's own.
    found = [path for path in files(folder) if os.access(path, os.R_OK)]
    lines = tuple(p for p in found if p.suffix != packing.SUFFIX and p not in without)
    packed = [path for path in found if path.suffix == packing.SUFFIX]
    asked = merged.standing_for(Path(folder), packed, without)
    return SourceFiles(
        lines=lines,
        packed=tuple(path for path in asked if path not in without),
        unseen=tuple(sorted(deleted(folder))),
        live=tuple(path.stem for path in lines if _is_live(path)),
        most_line_bytes=_longest(lines),
        folder=Path(folder),
    )


def _longest(paths: Iterable[Path]) -> int:
    """Say how long a line may be: no line is longer than its file."""
    found = LEAST_LINE_BYTES
    for path in paths:
        with contextlib.suppress(OSError):
            found = max(found, path.stat().st_size)
    return min(found, MOST_LINE_BYTES)


def _is_live(path: Path) -> bool:
    try:
        # A writer makes its file, locks it, and writes then: an empty one may be in between.
        return not path.stat().st_size or is_written(path)
    except OSError:
        return False


def wanted_in(query: str) -> list[str]:
    """Name the views that a question may be about, each after those it builds on."""
    words = {word.lower() for word in _WORD.findall(query)}
    if words & _ABOUT:
        return list(VIEWS)
    known = (*VIEWS, *OUR_OWN)
    needed = {need for name in known if name in words for need in _NEEDS.get(name, (name,))}
    return [name for name in known if name in needed]


def define(db: duckdb.DuckDBPyConnection, source: SourceFiles, names: list[str]) -> None:
    """Define views in a DuckDB."""
    for name in names:
        db.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {view_sql(name, source)}")
