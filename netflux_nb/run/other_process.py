"""A run of another process: awaited by watching its file in the record."""

from __future__ import annotations

import json
import threading
from pathlib import Path

from ..core.errors import StillRunningError
from ..record import reading
from ..record.chain import SUFFIX
from ..runtime.threads.waiting import acquired

# A file tells nobody that it grew: it is looked at this often.
LOOK_S = 0.1


def wait_for_end(folder: Path, run: str, timeout: float | None = None) -> None:
    """Wait until a run has its end in the record, or nobody makes it any more.

    Raises `StillRunningError` when the time is over.
    """
    left = timeout
    offset = 0
    never = threading.Lock()
    never.acquire()
    while True:
        path = reading.file_of(folder, run)
        if path.suffix != SUFFIX:  # it was packed, and only what has ended is
            return
        try:
            # First, so that what was written last is seen.
            is_made = reading.is_written(path)
            has_end, offset = _ended(path, run, offset)
        except FileNotFoundError:
            continue  # packed in between
        if has_end or not is_made:
            return
        if left is not None and left <= 0:
            raise StillRunningError(
                f"Run {run} still goes on in another process after {timeout} s. Ask again later."
            )
        pause = LOOK_S if left is None else min(LOOK_S, left)
        acquired(never, pause)  # an interrupt is heard
        left = None if left is None else left - pause


def _ended(path: Path, run: str, offset: int) -> tuple[bool, int]:
    """Say whether the root's end is in what was written since, and how far that goes."""
    named = json.dumps(run).encode()
    with path.open("rb") as file:
        file.seek(offset)
        for raw in file:
            if not raw.endswith(b"\n"):
                break
            offset += len(raw)
            if named in raw and b'"event":"NodeClosed"' in raw and _is_end(raw, run):
                return True, offset
    return False, offset


def _is_end(raw: bytes, run: str) -> bool:
    try:
        row = json.loads(raw)
    except (ValueError, RecursionError):
        return False
    # A run is named after its root.
    is_root = row.get("run") == run and str(row.get("node")) == run.rpartition(".")[2]
    return is_root and row.get("event") == "NodeClosed"
