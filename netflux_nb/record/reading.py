"""Files of a journal read back: what is sound, what is not, and the views of it."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import ArgumentError, RecordError
from ..core.events import SCHEMA_VERSION
from ..core.fold import Fold
from ..core.lines import event_from_json
from ..core.views import NodeView
from .chain import DIGITS, END, MARK, SUFFIX, hash_of, line_of

# A line that is longer is no line of ours.
MOST_BYTES = 64_000_000


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a line of a file."""

    path: Path
    line: int
    why: str

    def __str__(self) -> str:
        return f"{self.path.name}, line {self.line}: {self.why}"


@dataclass(frozen=True, slots=True)
class Checked:
    """What a file holds: the lines that are sound, and the first fault of each run."""

    rows: tuple[dict[str, Any], ...]
    faults: tuple[Fault, ...]
    # Bytes after the last whole line: a write that was cut off. It holds no event.
    torn_bytes: int

    @property
    def is_sound(self) -> bool:
        """True when every line is as it was written."""
        return not self.faults


def check(path: Path) -> Checked:
    """Read a file of a journal and walk its chains.

    After a fault no more of that run is believed; the other runs of the file are.
    """
    rows: list[dict[str, Any]] = []
    faults: list[Fault] = []
    chains: dict[str, str] = {}
    broken: set[str] = set()
    first, torn = "", 0
    for number, raw in _raw_lines(path):
        if not raw.endswith(b"\n"):
            torn = len(raw)
            break
        found = _parsed(raw)
        if isinstance(found, str):
            faults.append(Fault(path, number, found))
            continue
        words, mark, row = found
        run = row.get("run")
        if row.get("event") == "Segment":
            first = mark
            if number != 1 or mark != hash_of("", words):
                faults.append(Fault(path, number, "This is no beginning."))
            continue
        if not isinstance(run, str):
            faults.append(Fault(path, number, "The line names no run."))
            continue
        if run in broken:
            continue
        if mark != hash_of(chains.get(run, first), words):
            broken.add(run)
            faults.append(Fault(path, number, f"Run {run[:80]} is not as it was written here."))
            continue
        chains[run] = mark
        rows.append(row)
    if not first:
        faults.insert(0, Fault(path, 1, "The first line, which says what this is, is missing."))
    return Checked(tuple(rows), tuple(faults), torn)


def _raw_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file:
        number = 0
        while raw := file.readline(MOST_BYTES):
            number += 1
            yield number, raw


def _parsed(raw: bytes) -> tuple[str, str, dict[str, Any]] | str:
    """Take a line apart, or say why it is none."""
    try:
        text = raw.decode("utf-8")
        words, mark = text[: -len(END) - DIGITS - len(MARK)], text[-len(END) - DIGITS : -len(END)]
        if text != line_of(words, mark):
            return "The line does not end with its hash."
        row = json.loads(text)
    except (ValueError, RecursionError):
        return "The line cannot be read."
    if not isinstance(row, dict):
        return "The line is no object."
    version = row.get("v")
    if type(version) is not int or version > SCHEMA_VERSION:
        return f"The line has schema {str(version)[:20]}; this reads up to {SCHEMA_VERSION}."
    return words, mark, row


def files(folder: str | os.PathLike[str]) -> list[Path]:
    """List the files of a record, oldest first."""
    return sorted(Path(folder).glob(f"*{SUFFIX}"))


def views(folder: str | os.PathLike[str]) -> list[NodeView]:
    """Give the views of all recorded runs, oldest first, as far as they are sound.

    Nothing is run: Functions and errors are known by name. A damaged file takes no other
    with it.
    """
    found: list[NodeView] = []
    for path in files(folder):
        folding = Fold()
        for row in check(path).rows:
            try:
                event = event_from_json(row)
            except ArgumentError:
                continue  # the hash holds, but a newer writer knows more
            folding.apply([event])
        found.extend(folding.view(root) for root in folding.roots)
    return found


def is_written(path: Path) -> bool:
    """True while the process that writes a file lives."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def mend(path: Path) -> int:
    """Cut off a write that never ended, and say how many bytes it had.

    Raises `RecordError` while the writer lives: it may be in the middle of it.
    """
    if is_written(path):
        raise RecordError(f"{path.name} is still being written.")
    torn = check(path).torn_bytes
    if torn:
        os.truncate(path, path.stat().st_size - torn)
    return torn
