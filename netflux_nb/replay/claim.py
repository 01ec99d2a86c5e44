"""The right to go on with a run: nobody else runs it, and nobody went on with it before."""

from __future__ import annotations

import contextlib
import json
import platform
import threading
from collections.abc import Callable, Container, Iterator
from pathlib import Path

from ..core.errors import NoNodeError
from ..record.chain import SUFFIX
from ..record.os import LOOK_S, PATIENCE_S, is_alive, sync, try_lock
from ..record.reading import deleted, files, is_written, owned_lines
from .recording import Recording

# Files of this folder name the runs that others went on as.
RESUMED = "resumed"

# File systems on which a lock of another machine may not be seen.
_FAR = ("nfs", "cifs", "smb", "fuse.sshfs", "9p", "lustre", "afs", "ceph", "gluster")


# How a claim begins, before the name of its run is known.
_BEGINS = "begins in "


@contextlib.contextmanager
def claimed(
    recording: Recording, into: Path | None, *, force: bool
) -> Iterator[Callable[[str], None]]:
    """Hold the right to go on with a run, and note under which name it goes on.

    That it is about to go on is noted before anything runs, its name after. Whoever finds the
    first without the second looks in the record: the run began if its `RunBegan` is there.

    Args:
        recording: The run.
        into: The folder of the record that it goes on in; None where it is not recorded.
        force: Go on with it although another did, or although that cannot be told.
    """
    run = recording.run
    if not force:
        _check_ended(recording)
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
        note(f"{_BEGINS}{into.absolute()}")
        yield note


def went_on_as(folder: Path, run: str) -> str:
    """Name the run that went on with this one; nothing where none did."""
    try:
        text = (folder / RESUMED / run).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    noted = [line for line in text.splitlines() if line.strip()]
    if not noted or not noted[-1].startswith(_BEGINS):
        return noted[-1] if noted else ""
    # Who resumed it failed, or was killed, around the beginning.
    return _begun_in(Path(noted[-1].removeprefix(_BEGINS)), run, known=noted)


def _begun_in(folder: Path, run: str, known: Container[str]) -> str:
    """Look through a record for a run that went on with this one, and is not known."""
    of = json.dumps(run).encode()
    for path in reversed(files(folder)):
        for owner, raw in owned_lines(path):
            if owner in known or b'"event":"RunBegan"' not in raw or of not in raw:
                continue
            with contextlib.suppress(ValueError, AttributeError, RecursionError):
                about = json.loads(raw)["info"].get("json", {})
                if (about.get("how"), about.get("of")) == ("resume", run):
                    return owner
    return ""


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
    return [run for run in found if run not in gone and not went_on_as(folder, run)]


def _open_roots(path: Path, notebook: str | None) -> list[str]:
    roots: dict[str, int] = {}
    began: set[str] = set()
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
            elif event == "RunBegan":
                about = row.get("info", {}).get("json", {})
                if notebook is None or about.get("notebook") == notebook:
                    began.add(run)
    return [run for run in roots if run in began]


def _check_ended(recording: Recording) -> None:
    """Raise where a run may still go on."""
    if recording.is_whole:
        return
    run = recording.run
    path = recording.folder / f"{run.rpartition('-')[0]}{SUFFIX}"
    try:
        host, pid = _writer_of(path)
        kind = _file_system(path)
        goes_on = is_written(path)
        if goes_on and host == platform.node() and not is_alive(pid):
            goes_on = _is_held_on(path)
    except FileNotFoundError:
        return  # it was packed, perhaps just now, and only what has ended is
    if host != platform.node():
        raise NoNodeError(
            f"Run {run} was recorded on {host[:80]!r}: whether it goes on there cannot be told "
            f"from here. If it does not, write `force=True`."
        )
    if kind.startswith(_FAR):
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


def _writer_of(path: Path) -> tuple[str, int]:
    """Give the machine and the process that wrote a file, as its first line says."""
    with path.open(encoding="utf-8", errors="replace") as file:
        try:
            first = json.loads(file.readline(100_000))
            return str(first.get("host", "")), int(first.get("pid", 0))
        except (ValueError, TypeError, AttributeError, RecursionError):
            return "", 0


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
