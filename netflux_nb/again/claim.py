"""The right to go on with a run: nobody else runs it, and nobody went on with it before."""

from __future__ import annotations

import contextlib
import json
import platform
from collections.abc import Callable, Iterator
from pathlib import Path

from ..core.errors import NoNodeError
from ..record.chain import SUFFIX
from ..record.os import sync, try_lock
from ..record.reading import deleted, is_written
from .recording import Recording

# Files of this folder name the runs that others went on as.
RESUMED = "resumed"

# File systems on which a lock of another machine may not be seen.
_FAR = ("nfs", "cifs", "smb", "fuse.sshfs", "9p", "lustre", "afs", "ceph", "gluster")


@contextlib.contextmanager
def claimed(recording: Recording, *, force: bool) -> Iterator[Callable[[str], None]]:
    """Hold the right to go on with a run, and note under which name it goes on."""
    run = recording.run
    if not force:
        _check_ended(recording)
    folder = recording.folder / RESUMED
    folder.mkdir(exist_ok=True)
    with (folder / run).open("a+", encoding="utf-8") as file:
        if not try_lock(file.fileno()):
            raise NoNodeError(f"Run {run} is being resumed by another process.")
        file.seek(0)
        before = file.read().split()
        if before and not force:
            raise NoNodeError(
                f"Run {run} was resumed already, as {before[-1][:80]}. Resume that one, or write "
                f"`force=True` to begin from this one again."
            )

        def note(again: str) -> None:
            file.write(f"{again}\n")
            file.flush()
            sync(file.fileno())

        yield note


# How much is looked through for runs that were cut off. It is done whenever a notebook begins.
_LOOK_BYTES = 16_000_000


def left_behind(folder: Path, notebook: str | None = None) -> list[str]:
    """Name the runs that a process left without an end, oldest first, found without a database.

    Only files are looked at that were not packed since. Runs of other notebooks, deleted ones
    and those that were resumed are left out.
    """
    found: list[str] = []
    room = _LOOK_BYTES
    for path in sorted(folder.glob(f"*{SUFFIX}"), reverse=True):
        try:
            room -= path.stat().st_size
            if room < 0:
                break
            if not is_written(path):
                found = [*_open_roots(path, notebook), *found]
        except OSError:
            continue  # packed meanwhile, or not ours to read
    gone = deleted(folder)
    return [run for run in found if run not in gone and not (folder / RESUMED / run).exists()]


def _open_roots(path: Path, notebook: str | None) -> list[str]:
    roots: dict[str, int] = {}
    with path.open("rb") as file:
        for line in file:
            opens = b'"event":"NodeOpened"' in line and b'"parent":null' in line
            if not (opens or b'"event":"NodeClosed"' in line or b'"event":"RunBegan"' in line):
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                continue
            run, node, event = row.get("run"), row.get("node"), row.get("event")
            if event == "NodeOpened" and row.get("parent") is None:
                roots[run] = node
            elif event == "NodeClosed" and roots.get(run) == node:
                del roots[run]
            elif event == "RunBegan" and notebook is not None:
                about = row.get("info", {}).get("json", {})
                if about.get("notebook") != notebook:
                    roots.pop(run, None)
    return list(roots)


def _check_ended(recording: Recording) -> None:
    """Raise where a run may still go on."""
    if recording.is_whole:
        return
    run = recording.run
    path = recording.folder / f"{run.rpartition('-')[0]}{SUFFIX}"
    if not path.exists():
        return  # it was made small, and only what has ended is
    host = _host_of(path)
    if host != platform.node():
        raise NoNodeError(
            f"Run {run} was recorded on {host[:80]!r}: whether it goes on there cannot be told "
            f"from here. If it does not, write `force=True`."
        )
    kind = _file_system(path)
    if kind.startswith(_FAR):
        raise NoNodeError(
            f"Run {run} lies on a {kind} disk, where locks of others may not be seen. If no "
            f"process runs it, write `force=True`."
        )
    if is_written(path):
        raise NoNodeError(
            f"The process that runs {run} is still there. Cancel the run, or end the process, "
            f"first."
        )


def _host_of(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as file:
        try:
            return str(json.loads(file.readline(100_000)).get("host", ""))
        except (ValueError, AttributeError):
            return ""


def _file_system(path: Path) -> str:
    """Name the kind of file system a file is on; nothing where that cannot be told."""
    best, kind = "", ""
    try:
        lines = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    here = str(path.resolve())
    for line in lines.splitlines():
        words = line.split()
        is_closer = len(words) > 2 and len(words[1]) > len(best)
        if is_closer and here.startswith(words[1].rstrip("/") + "/"):
            best, kind = words[1], words[2]
    return kind
