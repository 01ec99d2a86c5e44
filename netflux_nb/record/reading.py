"""The reader of a journal's files: sound lines, faults, and the views folded from them."""

from __future__ import annotations

import json
import os
import platform
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import ArgumentError, RecordError
from ..core.events import SCHEMA_VERSION, Event, RequestStarted
from ..core.fold import Fold
from ..core.json.lines import event_from_json
from ..core.json.portable import Lost
from ..core.json.scalars import read
from ..core.json.shapes import LostText
from ..core.views import NodeView
from . import packing
from .chain import DIGITS, END, MARK, SUFFIX, Light, hash_of, join_artifacts
from .codecs.artifacts import Artifacts, decoded
from .os import is_alive, lock, open_fd, try_lock, unlink
from .packing import MOST_LINE_BYTES, packed_lines

# Files of this folder name the runs that are not there any more.
DELETED = "deleted"
# Who asks holds this lock with others. Who takes a file away wants it alone.
READING = ".reading"
# How long one waits for those who ask, and how often one looks.
PATIENCE_S = 0.5
LOOK_S = 0.01

_RUN = re.compile(r"[0-9A-Za-z._-]{1,200}")
_OWNER = re.compile(rb'\{"v":[0-9]+,"run":"([^"\\]*)"')
_PLACE = re.compile(r"-[^-]*$")


@dataclass(frozen=True, slots=True)
class LineFault:
    """A fault of a line of a file."""

    path: Path
    line: int
    why: str

    def __str__(self) -> str:
        return f"{self.path.name}, line {self.line}: {self.why}"


@dataclass(frozen=True, slots=True)
class Checked:
    """A file as read: its sound lines, and the first fault of each run."""

    rows: tuple[dict[str, Any], ...]
    faults: tuple[LineFault, ...]
    # Bytes after the last whole line: a write that was cut off. It holds no event.
    torn_bytes: int

    @property
    def is_sound(self) -> bool:
        """True when every line is as it was written."""
        return not self.faults


class Walk:
    """Walks the chains of a file, line by line; nothing of it is held.

    Args:
        path: The file.
        only: The run whose lines are wanted; without it all are.
    """

    def __init__(self, path: Path, only: str | None = None) -> None:
        self.path = path
        self.only = only
        self.faults: list[LineFault] = []
        # Bytes after the last whole line.
        self.torn = 0
        self._first = ""
        self._chains: dict[str, str] = {}
        self._broken: set[str] = set()

    def rows(self) -> Iterator[dict[str, Any]]:
        """Give the lines that are sound, one after the other, without runs that are deleted."""
        unseen = deleted(self.path.parent)
        for row in self._all():
            if row["run"] not in unseen:
                yield row
        if not self._first:
            self.miss_first()

    @property
    def has_first(self) -> bool:
        """True once the line was seen that says what the file is."""
        return bool(self._first)

    def miss_first(self) -> None:
        """Note that there was no such line."""
        why = "The first line, which says what this is, is missing."
        self.faults.insert(0, LineFault(self.path, 1, why))

    def _all(self) -> Iterator[dict[str, Any]]:
        if self.path.suffix != packing.SUFFIX:
            try:
                yield from self._lines()
                return
            except FileNotFoundError:
                packed = self.path.with_suffix(packing.SUFFIX)
                if self.path.suffix != SUFFIX or not packed.is_file():
                    raise
                self.path = packed
        try:
            for number, *beside, text in packed_lines(self.path, self.only):
                row = self.take(number, f"{text}\n".encode(), tuple(beside))
                if row is not None:
                    yield row
        except RecordError as error:
            self.faults.append(LineFault(self.path, 1, str(error)))

    def _lines(self) -> Iterator[dict[str, Any]]:
        named = b"" if self.only is None else json.dumps(self.only).encode()
        for number, raw in _raw_lines(self.path):
            if not raw.endswith(b"\n"):
                self.torn = len(raw)
                return
            # Looking for the name costs a hundredth of reading the line.
            if number == 1 or named in raw:
                row = self.take(number, raw)
                if row is not None:
                    yield row

    def take(
        self, number: int, raw: bytes, beside: tuple[Any, ...] | None = None
    ) -> dict[str, Any] | None:
        """Give a line's row; None where it is not sound, or of another run."""
        found = _parsed(raw)
        if isinstance(found, str):
            self._blame(number, found)
            return None
        words, mark, row = found
        run = row.get("run")
        if beside is not None and beside != tuple(row.get(name) for name in _BESIDE):
            self._blame(number, "What stands beside the line is not what it says.")
        elif row.get("event") == "Segment":
            self._first = mark
            if number != 1 or mark != hash_of("", words):
                self._blame(number, "This is no beginning.")
        elif not isinstance(run, str):
            self._blame(number, "The line names no run.")
        elif self.only is not None and run != self.only:
            pass  # another run, that speaks of this one
        elif run in self._broken:
            pass
        elif mark != hash_of(self._chains.get(run, self._first), words):
            self._broken.add(run)
            self._blame(number, f"Run {run[:80]} is not as it was written here.")
        else:
            self._chains[run] = mark
            return row
        return None

    def _blame(self, number: int, why: str) -> None:
        self.faults.append(LineFault(self.path, number, why))


# A line without it has nothing in a file of its own; escaped, the name would not be ours.
_ARTIFACT = b'"artifact"'
# What a packed line has beside its text, so that it is found without reading that.
_BESIDE = ("run", "node", "seq", "event")


def check(path: Path) -> Checked:
    """Read a file of a record, of lines or packed, and walk its chains.

    After a fault no more of that run is believed; the other runs of the file are. A file
    that was packed meanwhile is read as such. Deleted runs are left out.
    """
    return _checked(path, None)


def check_lines(path: Path, lines: Iterable[bytes]) -> Checked:
    """Walk the chains of some lines of a file: its first, and all of the runs in question."""
    walk = Walk(path)
    taken = (walk.take(number, raw) for number, raw in enumerate(lines, 1))
    rows = tuple(row for row in taken if row is not None)
    if not walk.has_first:
        walk.miss_first()
    return Checked(rows, tuple(walk.faults), 0)


def _checked(path: Path, run: str | None) -> Checked:
    """Check a file whole, or its lines of one run."""
    walk = Walk(path, run)
    rows = tuple(walk.rows())
    return Checked(rows, tuple(walk.faults), walk.torn)


def _raw_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file:
        number = 0
        while raw := file.readline(MOST_LINE_BYTES):
            number += 1
            yield number, raw


_END, _MARK = END.encode(), MARK.encode()
_AT_MARK = len(_END) + DIGITS + len(_MARK)


def _parsed(raw: bytes) -> tuple[bytes, str, dict[str, Any]] | str:
    """Take a line apart, or say why it is none."""
    try:
        words, end = raw[:-_AT_MARK], raw[-_AT_MARK:]
        mark = end[len(_MARK) : -len(_END)].decode("utf-8")
        if len(mark) != DIGITS or not (end.startswith(_MARK) and end.endswith(_END)):
            return "The line does not end with its hash."
        row = read(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        return "The line cannot be read."
    if not isinstance(row, dict):
        return "The line is no object."
    version = row.get("v")
    if type(version) is not int or version > SCHEMA_VERSION:
        return f"The line has schema {str(version)[:20]}; this reads up to {SCHEMA_VERSION}."
    return words, mark, row if _ARTIFACT in raw else Light(row)


def files(folder: str | os.PathLike[str]) -> list[Path]:
    """List the files of a record, oldest first: each once, packed where it is."""
    found: dict[str, Path] = {}
    there = [path for path in map(Path, _files_in(folder)) if not path.name.startswith(".")]
    for suffix in (SUFFIX, packing.SUFFIX):
        found |= {path.stem: path for path in there if path.suffix == suffix}
    return [found[name] for name in sorted(found)]


def _files_in(folder: str | os.PathLike[str]) -> list[str]:
    # Somebody's folder may have such a name too.
    found: list[str] = []
    with readable(folder), os.scandir(folder) as entries:
        found = [entry.path for entry in entries if _is_file(entry)]
    return found


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link that leads in a circle
        return False


@contextmanager
def readable(folder: str | os.PathLike[str]) -> Iterator[None]:
    """Pass over a folder that is not there; raise `RecordError` for one that cannot be read."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        return
    except (OSError, ValueError) as error:  # a link in a circle, a name too long, a NUL
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise RecordError(f"The record in {str(folder)[-80:]!r} cannot be read: {why}.") from None


def owned_lines(path: Path) -> Iterator[tuple[str, bytes]]:
    """Give the lines of a file with the run of each; nothing is checked."""
    if path.suffix == SUFFIX:
        try:
            with path.open("rb") as file:
                for raw in file:
                    yield _owner(raw) or path.stem, raw
            return
        except FileNotFoundError:
            path = path.with_suffix(packing.SUFFIX)  # packed meanwhile
    for line in packed_lines(path):
        yield line.run or path.stem, line.text.encode() + b"\n"


def _owner(raw: bytes) -> str:
    found = _OWNER.match(raw)
    if found:
        return found[1].decode("utf-8", "replace")
    try:
        row = json.loads(raw)
    except (ValueError, RecursionError):
        return ""
    run = row.get("run") if isinstance(row, dict) else None
    return run if isinstance(run, str) else ""


def deleted(folder: str | os.PathLike[str]) -> set[str]:
    """Name the runs that were deleted, and may still be in the files."""
    found: set[str] = set()
    with readable(folder):
        found = {path.name for path in (Path(folder) / DELETED).iterdir() if path.name[0] != "."}
    return found


def run_name(run: str) -> str:
    """Give a run's name, or raise `RecordError` where it is none: it may become a file's."""
    if not isinstance(run, str) or not _RUN.fullmatch(run) or run.startswith("."):
        raise RecordError(f"{str(run)[:80]!r} names no run.")
    return run


def file_of(folder: str | os.PathLike[str], run: str) -> Path:
    """Give the file that a run is in, by its name. Raises `RecordError` where it is missing."""
    segment = _PLACE.sub("", run_name(run))
    # It may be packed just now: between the looks at the two it is there as the first.
    for suffix in (packing.SUFFIX, SUFFIX, packing.SUFFIX):
        path = Path(folder) / f"{segment}{suffix}"
        with readable(folder):
            if path.is_file():
                return path
    raise RecordError(f"There is no run {run!r} in this record.")


def rows_of(folder: str | os.PathLike[str], run: str) -> Checked:
    """Read one run of a record, and nothing else of a big file; its chain is checked.

    Raises `RecordError` where there is no such run.
    """
    try:
        found = _checked(file_of(folder, run), run)
    except FileNotFoundError:  # it was deleted, and cleared up, in between
        raise RecordError(f"There is no run {run!r} in this record.") from None
    rows = tuple(row for row in found.rows if row["run"] == run)
    if not rows and not found.faults:
        raise RecordError(f"There is no run {run!r} in this record.")
    return Checked(rows, found.faults, found.torn_bytes)


def functions_of(folder: str | os.PathLike[str], run: str) -> dict[str, dict[str, Any]]:
    """Give what the file of a run describes of Functions, by their versions."""
    path, fetch = file_of(folder, run), fetcher(folder)
    found: dict[str, dict[str, Any]] = {}
    for owner, raw in owned_lines(path):
        if owner != path.stem or b'"Function"' not in raw:
            continue
        try:
            row = json.loads(raw)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict) and row.get("event") == "Function":
            found[str(row.get("version"))] = join_artifacts(row, fetch)
    return found


def environment_of(folder: str | os.PathLike[str], run: str) -> dict[str, Any]:
    """Give what a run ran on: what its file noted last before it, else first; nothing is checked.

    Packages, platform, Python and the state of the code. Empty where nothing was noted.
    """
    path, fetch = file_of(folder, run), fetcher(folder)
    found: dict[str, Any] = {}
    has_begun = False
    for owner, raw in owned_lines(path):
        has_begun = has_begun or owner == run
        if has_begun and found:
            break
        if owner != path.stem or b'"Environment"' not in raw:
            continue
        try:
            row = json.loads(raw)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict) and row.get("event") == "Environment":
            found = join_artifacts(row, fetch)
    return found


@dataclass(frozen=True, slots=True)
class StoredRun:
    """One run as it is looked at: its view, and the first system prompt of each agent's Node."""

    view: NodeView
    # By the key of the Node.
    systems: Mapping[str, str]


def read_view(
    folder: str | os.PathLike[str], run: str, *, hear: Callable[[Event], object] | None = None
) -> StoredRun:
    """Read one run to be looked at. Its lines are folded one by one, and none is held.

    `hear` is handed each event, before it is folded.

    What stands for a lost value says so. Raises `RecordError` where there is no such run, and
    `ArgumentError` on a line that is no event.
    """
    fetch, folding = fetcher(folder), Fold()
    systems: dict[int, str] = {}
    try:
        walk = Walk(file_of(folder, run), run)
        for row in walk.rows():
            try:
                event = event_from_json(join_artifacts(row, fetch))
            except ArgumentError as error:
                where = f"Line {str(row.get('seq'))[:20]} of run {run[:80]}"
                raise ArgumentError(f"{where}: {error}") from None
            if hear is not None:
                hear(event)
            folding.apply([event])
            if isinstance(event.body, RequestStarted) and event.body.system is not None:
                systems.setdefault(event.node_id, event.body.system)
    except FileNotFoundError:  # it was deleted, and cleared up, in between
        raise RecordError(f"There is no run {run!r} in this record.") from None
    root = next(iter(folding.roots), None)
    if root is None:
        if walk.faults:
            raise ArgumentError(f"Run {run[:80]!r} is damaged from its first line on.")
        raise RecordError(f"There is no run {run!r} in this record.")
    view = folding.view(root)
    if systems:
        keys = {one.id: one.key for _, one in view.walk() if one.id in systems}
        return StoredRun(view, {keys[node]: text for node, text in systems.items() if node in keys})
    return StoredRun(view, systems={})


def fetcher(folder: str | os.PathLike[str]) -> Callable[[str, str], Any]:
    """Give what fetches a value that stands in a file of its own, as `chain.join_artifacts` asks.

    What stands for one that is missing, or damaged, says so.
    """
    artifacts = Artifacts(folder)

    def fetch(kind: str, digest: str) -> Any:
        try:
            data = artifacts.get(digest)
            return json.loads(data) if kind == "json" else decoded(kind, data)
        except (RecordError, ArgumentError, ValueError, RecursionError) as error:
            return LostText(f"({error})") if kind == "text" else Lost(f"{kind} {digest[:12]}")

    return fetch


def is_written(path: Path) -> bool:
    """True while the process that writes a file lives."""
    with path.open("rb") as file:
        return not try_lock(file.fileno(), is_shared=True)


def writer_of(path: Path) -> tuple[str, int]:
    """Give the machine and the process that wrote a file, as its first line says."""
    with path.open(encoding="utf-8", errors="replace") as file:
        try:
            first = json.loads(file.readline(100_000))
            return str(first.get("host", "")), int(first.get("pid", 0))
        except (ValueError, TypeError, AttributeError, RecursionError):
            return "", 0


def is_orphan(path: Path) -> bool:
    """True where the process that wrote a file was of this machine, and is gone.

    Its lock may live a moment longer: a child that it was just starting has it too, until it
    becomes another program.
    """
    host, pid = writer_of(path)
    return host == platform.node() and not is_alive(pid)


@contextmanager
def asking(folder: str | os.PathLike[str]) -> Iterator[None]:
    """See to it that no file that is listed from here on is taken away meanwhile.

    Where the folder cannot be written, nobody is held up: a question is then asked again. One
    that holds no record is left as it is: it may be anybody's.
    """
    try:
        file = _asking_file(Path(folder))
    except (OSError, ValueError, RecordError):
        yield
        return
    try:
        lock(file, is_shared=True)
        yield
    finally:
        os.close(file)


@contextmanager
def unasked(folder: str | os.PathLike[str]) -> Iterator[bool]:
    """Say whether nobody asks, and let nobody begin to; who asks is waited for a moment."""
    file = _lock_file(Path(folder))
    try:
        for _ in range(int(PATIENCE_S / LOOK_S)):
            if try_lock(file):
                yield True
                return
            threading.Event().wait(LOOK_S)
        yield False
    finally:
        os.close(file)


def take_away(path: Path) -> None:
    """Remove a file. Where somebody asks, or has it open, it is left for later."""
    with unasked(path.parent) as is_free, suppress(PermissionError):
        if is_free:
            unlink(path)


def _asking_file(folder: Path) -> int:
    try:
        return open_fd(folder / READING, os.O_RDWR)
    except FileNotFoundError:
        if not files(folder):
            raise
    return _lock_file(folder)


def _lock_file(folder: Path) -> int:
    return open_fd(folder / READING, os.O_RDWR | os.O_CREAT)


def mend(path: Path) -> int:
    """Cut off a write that never ended, and say how many bytes it had.

    Raises `RecordError` while the writer lives: it may be in the middle of it.
    """
    if is_written(path):
        raise RecordError(f"{path.name} is still being written.")
    walk = Walk(path)
    for _ in walk.rows():
        pass
    torn = walk.torn
    if torn:
        os.truncate(path, path.stat().st_size - torn)
    return torn
