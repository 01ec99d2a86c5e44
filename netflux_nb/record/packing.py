"""The Parquet form of a journal's file that is no longer written: pack, read, merge."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from ..core.errors import RecordError
from .sql.engine import among, at_work, failures, first_line, quoted

SUFFIX = ".parquet"
# A reader of one run passes over groups of others; several groups are read side by side.
GROUP_ROWS = 10_240
# A line that is longer is no line of ours.
MOST_LINE_BYTES = 64_000_000

_COLUMNS = {
    "run": "VARCHAR",
    "node": "BIGINT",
    "seq": "BIGINT",
    "time": "DOUBLE",
    "event": "VARCHAR",
    "line": "VARCHAR",
}


class PackedLine(NamedTuple):
    """One line of a packed file: its number, what stands beside it, its text."""

    number: int
    run: str | None
    node: int | None
    seq: int | None
    event: str | None
    text: str


def pack(source: Path, target: Path) -> None:
    """Write the whole lines of a journal's file as Parquet, each with its exact text.

    The text is read back and compared: `RecordError` where it is not the same.
    """
    lines = (
        f"read_ndjson_objects({quoted(source)}, ignore_errors = true, "
        f"maximum_object_size = {MOST_LINE_BYTES})"
    )
    picked = ", ".join(
        f"{'json' if name == 'line' else _field(name)}::{kind} AS {name}"
        for name, kind in _COLUMNS.items()
    )
    try:
        with at_work() as db:
            # A write that was cut off gives a row of nothing.
            asked = f"SELECT {picked} FROM {lines} WHERE json IS NOT NULL"
            db.execute(f"COPY ({asked}) TO {quoted(target)} ({_form()})")
    except failures() as error:
        raise RecordError(f"{source.name} cannot be packed: {first_line(error)}.") from None
    if not _is_same(source, target):
        raise RecordError(f"{source.name} is not the same when it is packed.")


def _field(name: str) -> str:
    return f"(json->>'{name}')"


def _form() -> str:
    return f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {GROUP_ROWS}"


def _is_same(source: Path, target: Path) -> bool:
    with source.open("rb") as file:
        for packed in packed_lines(target):
            if file.readline() != packed.text.encode() + b"\n":
                return False
        return not file.readline().endswith(b"\n")


def without(source: Path, target: Path, runs: Iterable[str]) -> int:
    """Write a packed file again without some runs, and say how many others are left."""
    gone = ", ".join(quoted(run) for run in runs)
    kept = f"FROM read_parquet({quoted(source)}) WHERE (run IS NULL OR run NOT IN ({gone}))"
    try:
        with at_work() as db:
            db.execute(f"COPY (SELECT * {kept}) TO {quoted(target)} ({_form()})")
            # What belongs to the file has no place in a run.
            found = db.execute(f"SELECT count(DISTINCT run) {kept} AND seq IS NOT NULL").fetchone()
    except failures() as error:
        raise RecordError(f"{source.name} cannot be written again: {first_line(error)}.") from None
    return int(found[0]) if found else 0


def merge(sources: Iterable[Path], target: Path) -> None:
    """Write the lines of packed files into one. Raises `RecordError` where that cannot be."""
    picked = ", ".join(_COLUMNS)
    try:
        with at_work() as db:
            asked = f"SELECT {picked} FROM read_parquet({among(sources)})"
            db.execute(f"COPY ({asked}) TO {quoted(target)} ({_form()})")
    except failures() as error:
        raise RecordError(f"Packed files cannot be made one: {first_line(error)}.") from None
    if not is_packed(target):
        raise RecordError("Packed files cannot be made one: there is a line that is none.")


def packed_lines(path: Path, run: str | None = None) -> Iterator[PackedLine]:
    """Give the lines of a packed file in their order: all, or its first and those of one run.

    Raises `RecordError` where it is none.
    """
    wanted = "" if run is None else f"WHERE run = {quoted(run)} OR event = 'Segment'"
    asked = (
        f"SELECT file_row_number + 1, run, node, seq, event, line "
        f"FROM read_parquet({quoted(path)}, file_row_number = true) {wanted} "
        f"ORDER BY file_row_number"
    )
    if not path.is_file():
        raise FileNotFoundError(2, "No such file or directory", str(path))
    try:
        with at_work() as db:
            found = db.execute(asked)
            while rows := found.fetchmany(10_000):
                for row in rows:
                    yield PackedLine(*row)
    except failures() as error:
        raise RecordError(f"{path.name} cannot be read: {first_line(error)}.") from None


def is_packed(path: Path) -> bool:
    """True for a file that can be asked: its columns are ours, and its lines are JSON."""
    source = f"FROM read_parquet({quoted(path)})"
    try:
        with at_work() as db:
            columns = db.execute(f"DESCRIBE SELECT * {source}").fetchall()
            if {name: kind for name, kind, *_ in columns} != _COLUMNS:
                return False
            # What stands beside the lines is read too: a flipped bit there stops a question.
            asked = (
                "SELECT count(*) FILTER (NOT coalesce(json_valid(line), false)), "
                f"bit_xor(hash(run, node, seq, time, event)) {source}"
            )
            found = db.execute(asked).fetchone()
            return found is not None and found[0] == 0
    except failures():
        return False
