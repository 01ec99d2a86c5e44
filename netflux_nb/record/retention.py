"""Retention of a record: files packed, runs deleted or pinned, unused artifacts removed."""

from __future__ import annotations

import atexit
import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from ..core.errors import RecordError
from ..runtime.threads.schedule import at_fork
from . import labels, merged, packing, reading
from .chain import SUFFIX
from .codecs.artifacts import FOLDER, TEMPORARY, Artifacts, settle
from .os import open_fd, replace, sync_path, try_lock, unlink
from .reading import DELETED, check, deleted, file_of, files, is_written, owned_lines, run_name
from .sql import engine

PINS = "pins"
LOCK = ".lock"
# An artifact under such a name is being judged.
ASIDE = ".old-"
# What is younger may be on its way into a line that is not written yet.
YOUNG_S = 600.0
# A process that ends waits no longer for what it packs.
LEAVE_S = 10.0

# A value's own words may look so too; then more is kept than must be.
_NAMED = re.compile(rb'"artifact":"([0-9a-f]{64})"')


@dataclass(frozen=True, slots=True)
class RunSize:
    """What one run takes: its lines as they were written, and the artifacts that they name."""

    lines: int
    line_bytes: int
    artifact_bytes: int


@dataclass(frozen=True, slots=True)
class Sizes:
    """The size of a record on disk, and of each run in it.

    An artifact that several runs name counts for each of them, and once in the total.
    """

    runs: Mapping[str, RunSize]
    file_bytes: int
    artifact_bytes: int

    @property
    def total_bytes(self) -> int:
        """All that is on the disk."""
        return self.file_bytes + self.artifact_bytes


class _Work:
    """State of this process: whether it changes files now, and whether it is about to end.

    A thread that Python ends inside of DuckDB takes the process down with an abort: an end
    waits for it, and stops it.
    """

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        self.lock = threading.Lock()  # held while files are changed
        self.is_leaving = False

    def leave(self) -> None:
        self.is_leaving = True
        engine.interrupt()
        if self.lock.acquire(timeout=LEAVE_S):
            self.lock.release()


_work = _Work()
atexit.register(_work.leave)
at_fork(after_in_child=_work.begin)  # the thread that held it is not in the child


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Say whether nobody else changes the files of this folder meanwhile."""
    lock = _work.lock
    if _work.is_leaving or not lock.acquire(blocking=False):
        yield False
        return
    try:
        with _locked(folder) as is_alone:
            yield is_alone
    finally:
        lock.release()


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    file = open_fd(folder / LOCK, os.O_RDWR | os.O_CREAT)
    try:
        if not try_lock(file):
            yield False
            return
        os.utime(folder / LOCK)  # the file system's own time, which its files are as old as
        yield True
    finally:
        os.close(file)


def compact(
    folder: str | os.PathLike[str],
    *,
    many: int = merged.MANY,
    small_bytes: int = merged.SMALL_BYTES,
) -> list[Path]:
    """Pack the files that nobody writes any more, and give those that were packed.

    A file with a fault is left as it is. Where another process packs, or DuckDB is missing,
    nothing is done. A process that is killed in the middle leaves each file whole.

    Where there are many small ones, they are copied into one, which questions are put to.

    Args:
        folder: The record's folder.
        many: So many are copied into one.
        small_bytes: A longer file stands for itself.
    """
    place = Path(folder)
    if not place.is_dir() or not engine.is_there():
        return []
    with _alone(place) as is_alone:
        if not is_alone:
            return []
        packed = [path for path in _compacted(place) if path is not None]
        merged.renew(place, many=many, small_bytes=small_bytes)
        return packed


def _compacted(root: Path) -> Iterator[Path | None]:
    for path in sorted(root.glob(f"[!.]*{SUFFIX}")):
        if _work.is_leaving:
            return
        if _is_unwritten(path):
            yield _packed(path)


def _is_unwritten(path: Path) -> bool:
    """Say whether nobody writes this file. Nobody begins to, then: a writer makes its own."""
    try:
        # A writer makes its file, locks it, and writes then: an empty one may be in between.
        return not is_written(path) and path.stat().st_size > 0
    except OSError:  # it is gone, or another person's
        return False


def _packed(path: Path) -> Path | None:
    target = path.with_suffix(packing.SUFFIX)
    if target.is_file() and check(target).is_sound:  # the last step is left
        reading.take_away(path)
        return None
    if not check(path).is_sound:
        return None
    reading.mend(path)  # what was cut off holds no event
    temporary = path.parent / f"{TEMPORARY}{os.urandom(8).hex()}"
    try:
        packing.pack(path, temporary)
        settle(temporary, target)
    except (RecordError, OSError):
        unlink(temporary, missing_ok=True)
        return None
    reading.take_away(path)
    return target


def delete(folder: str | os.PathLike[str], run: str) -> None:
    """Take a run out of sight, for good. Its bytes are freed by `gc`.

    Raises `RecordError` where there is no such run, while it runs, and while it is pinned.

    Args:
        folder: The record's folder.
        run: The run's name.
    """
    root = Path(folder)
    if run in deleted(root):
        return
    found = reading.rows_of(root, run)
    if run in pinned(root):
        raise RecordError(f"Run {run} is pinned. Unpin it first.")
    is_over = any(
        row.get("event") == "NodeClosed" and row.get("node") == found.rows[0].get("node")
        for row in found.rows
    )
    path = file_of(root, run)
    if not is_over and path.suffix == SUFFIX and is_written(path):
        raise RecordError(f"Run {run} has not ended. Cancel it first.")
    _mark(root / DELETED / run)
    labels.forget(root, run)


def pin(folder: str | os.PathLike[str], run: str) -> None:
    """Keep a run from being deleted. Raises `RecordError` where there is none."""
    reading.rows_of(folder, run)
    _mark(Path(folder) / PINS / run)


def unpin(folder: str | os.PathLike[str], run: str) -> None:
    """Let a run be deleted again."""
    unlink(Path(folder) / PINS / run_name(run), missing_ok=True)


def pinned(folder: str | os.PathLike[str]) -> set[str]:
    """Name the runs that are kept from being deleted."""
    return {path.name for path in (Path(folder) / PINS).glob("*")}


def _mark(path: Path) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    os.close(open_fd(path, os.O_WRONLY | os.O_CREAT))
    sync_path(path.parent)


def sizes(folder: str | os.PathLike[str]) -> Sizes:
    """Measure the runs of a record, and its files on the disk."""
    root = Path(folder)
    unseen = deleted(root)
    kept = dict(Artifacts(root))
    counts: dict[str, tuple[int, int]] = {}
    named: dict[str, set[str]] = {}
    with reading.asking(root):
        for path in files(root):
            with suppress(RecordError, OSError):  # a damaged one takes no other with it
                for run, raw in owned_lines(path):
                    if run == path.stem or run in unseen:
                        continue
                    lines, size = counts.get(run, (0, 0))
                    counts[run] = lines + 1, size + len(raw)
                    named.setdefault(run, set()).update(m.decode() for m in _NAMED.findall(raw))
    runs = {
        run: RunSize(lines, size, sum(kept.get(digest, 0) for digest in named[run]))
        for run, (lines, size) in counts.items()
    }
    on_disk = [
        path for name in ("", merged.FOLDER, labels.FOLDER) for path in (root / name).glob("*")
    ]
    file_bytes = sum(_size(path) for path in on_disk if path.is_file())
    return Sizes(runs, file_bytes, sum(kept.values()))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def gc(folder: str | os.PathLike[str], *, young_s: float = YOUNG_S) -> int:
    """Clear up and say how many bytes are free again.

    Deleted runs leave the files that nobody writes. Artifacts that no run names are removed
    unless they are some minutes young, and so is what a power cut left. While another
    process clears up, nothing is done.

    Args:
        folder: The record's folder.
        young_s: What was written within so many seconds may be of a run that is on its way.
    """
    root = Path(folder)
    if not root.is_dir():
        return 0
    with _alone(root) as is_alone:
        if not is_alone:
            return 0
        before = sizes_on_disk(root)
        if engine.is_there():
            for _ in _compacted(root):
                pass
        _drop_deleted(root)
        _drop_stale(root, young_s)
        _drop_artifacts(root, young_s)
        merged.renew(root)
        return max(0, before - sizes_on_disk(root))


def sizes_on_disk(root: Path) -> int:
    """Add up all files of a folder."""
    return sum(_size(path) for path in root.rglob("*") if path.is_file())


def _drop_deleted(root: Path) -> None:
    """Write the files anew without the deleted runs, and forget that these were deleted."""
    unseen = deleted(root)
    done: set[str] = set(unseen)
    for path in files(root) if unseen else ():
        try:
            here = {run for run, _ in owned_lines(path)} & unseen
        except (RecordError, OSError):
            return  # what it holds is not known, so nothing is forgotten
        if not here:
            continue
        if not _is_unwritten(path) or not _rewrite(path, here):
            done -= here
    for run in done:
        labels.forget(root, run)  # who deleted it may have been killed before
        unlink(root / DELETED / run, missing_ok=True)


def _rewrite(path: Path, gone: set[str]) -> bool:
    temporary = path.parent / f"{TEMPORARY}{os.urandom(8).hex()}"
    try:
        if path.suffix == packing.SUFFIX:
            left = packing.without(path, temporary, gone)
        else:
            left = _filtered(path, temporary, gone)
        with reading.unasked(path.parent) as is_free:
            if not is_free:
                return False
            if left:
                settle(temporary, path)
            else:
                unlink(path)
                sync_path(path.parent)
        return True
    except RecordError:
        return False
    finally:
        unlink(temporary, missing_ok=True)


def _filtered(path: Path, target: Path, gone: set[str]) -> int:
    left: set[str] = set()
    with target.open("xb") as file:
        for run, raw in owned_lines(path):
            if run not in gone:
                file.write(raw)
                left.add(run)
    return len(left - {path.stem})


def _now(root: Path) -> float:
    # Two machines that share a disk may differ; the lock was touched by the disk's own time.
    return (root / LOCK).stat().st_mtime


def _drop_stale(root: Path, young_s: float) -> None:
    for path in (root / FOLDER).glob(f"*/{ASIDE}*"):  # killed while it judged one
        replace(path, path.parent / path.name.removeprefix(ASIDE))
    left = [(root / name).glob(f"{TEMPORARY}*") for name in ("", merged.FOLDER, labels.FOLDER)]
    for path in chain(*left, (root / FOLDER).glob(f"*/{TEMPORARY}*")):
        if path.is_file() and not _is_young(path, _now(root), young_s):
            unlink(path, missing_ok=True)


def _is_young(path: Path, now: float, young_s: float) -> bool:
    try:
        return path.stat().st_mtime > now - young_s
    except FileNotFoundError:
        return True


def _drop_artifacts(root: Path, young_s: float) -> None:
    artifacts = Artifacts(root)
    now = _now(root)
    old = {digest for digest, _ in artifacts if not _is_young(artifacts.path(digest), now, young_s)}
    if not old:
        return
    # Which are old is asked first: what is named from here on is touched when it is put.
    unseen = deleted(root)
    try:
        for path in files(root):
            for run, raw in owned_lines(path):
                if run not in unseen or path.suffix == SUFFIX:
                    old.difference_update(m.decode() for m in _NAMED.findall(raw))
    except (RecordError, OSError):
        return  # what it names is not known, so nothing is removed
    for digest in old:
        _drop_artifact(artifacts.path(digest), now, young_s)


def _drop_artifact(path: Path, now: float, young_s: float) -> None:
    """Remove one that is still old; who puts it meanwhile finds it gone, or gets it back."""
    aside = path.parent / f"{ASIDE}{path.name}"
    try:
        replace(path, aside)
    except (FileNotFoundError, PermissionError):  # another did so, or reads it
        return
    if _is_young(aside, now, young_s):
        replace(aside, path)
        return
    unlink(aside, missing_ok=True)
    try:
        path.parent.rmdir()
    except OSError:
        return  # others are in it
