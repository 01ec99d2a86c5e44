"""The lock on resuming a run: no other process runs it, and no other run has resumed it."""

from __future__ import annotations

import contextlib
import platform
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from ..core.errors import NoNodeError
from ..record.chain import SUFFIX
from ..record.os import LOOK_S, PATIENCE_S, sync, try_lock
from ..record.reading import is_orphan, is_written, writer_of
from ..record.unfinished import BEGINS, RESUMED, went_on_as
from .recording import Recording

# File systems on which a lock of another machine may not be seen.
FAR = ("nfs", "cifs", "smb", "sshfs", "9p", "lustre", "afs", "ceph", "gluster")
_ESCAPED = re.compile(r"\\([0-7]{3})")


@contextlib.contextmanager
def claimed(
    recording: Recording, into: Path | None, *, force: bool, far: tuple[str, ...] = FAR
) -> Iterator[Callable[[str], None]]:
    """Hold the right to go on with a run, and note under which name it goes on.

    That it is about to go on is noted before anything runs, its name after. Whoever finds the
    first without the second looks in the record: the run began if its `RunBegan` is there.

    Args:
        recording: The run.
        into: The folder of the record that it goes on in; None where it is not recorded.
        force: Go on with it although another did, or although that cannot be told.
        far: File systems whose locks say nothing.
    """
    run = recording.run
    if not force:
        _check_ended(recording, far)
    folder = recording.folder / RESUMED
    folder.mkdir(exist_ok=True)
    with (folder / run).open("a+", encoding="utf-8") as file:
        if not try_lock(file.fileno()):
            raise NoNodeError(f"Run {run} is being resumed by another process.")

        def note(words: str) -> None:
            file.write(f"{words}\n")
            file.flush()
            sync(file.fileno())

        if not force and (again := went_on_as(recording.folder, run)):
            raise NoNodeError(
                f"Run {run} was resumed already, as {again[:80]}. Resume that one, or write "
                f"`force=True` to begin from this one again."
            )
        if into is None:
            yield lambda again: None
            return
        note(f"{BEGINS}{into.absolute()}")
        yield note


def _check_ended(recording: Recording, far: tuple[str, ...]) -> None:
    """Raise where a run may still go on."""
    if recording.is_whole:
        return
    run = recording.run
    path = recording.folder / f"{run.rpartition('-')[0]}{SUFFIX}"
    try:
        host, _ = writer_of(path)
        kind = _file_system(path)
        goes_on = is_written(path)
        if goes_on and is_orphan(path):
            goes_on = _is_held_on(path)
    except FileNotFoundError:
        return  # it was packed, perhaps just now, and only what has ended is
    if host != platform.node():
        raise NoNodeError(
            f"Run {run} was recorded on {host[:80]!r}: whether it goes on there cannot be told "
            f"from here. If it does not, write `force=True`."
        )
    if kind.removeprefix("fuse.").startswith(far):
        raise NoNodeError(
            f"Run {run} lies on a {kind} disk, where locks of others may not be seen. If no "
            f"process runs it, write `force=True`."
        )
    if goes_on:
        raise NoNodeError(
            f"The process that runs {run} is still there. Cancel the run, or end the process, "
            f"first."
        )


def _is_held_on(path: Path) -> bool:
    """Wait a moment for the lock of a process that is gone, and say whether it stays.

    A child that it was just starting has the lock too, until it becomes another program.
    """
    for _ in range(int(PATIENCE_S / LOOK_S)):
        if not is_written(path):
            return False
        threading.Event().wait(LOOK_S)
    return True


def _file_system(path: Path) -> str:
    """Name the kind of file system a file is on; nothing where that cannot be told."""
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return _kind_in(mounts, str(path.resolve()))


def _kind_in(mounts: str, file: str) -> str:
    """Name the kind of the innermost mount above a file; of two in one place the later hides."""
    best, kind = "", ""
    for line in mounts.splitlines():
        words = line.split()
        if len(words) < 3:
            continue
        place = _ESCAPED.sub(lambda one: chr(int(one[1], 8)), words[1])  # a space is `\040`
        if len(place) >= len(best) and file.startswith(place.rstrip("/") + "/"):
            best, kind = place, words[2]
    return kind
