"""Events on disk: one file a process, a line an event, each line bound to the one before."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..core.errors import RecordError
from ..core.events import SCHEMA_VERSION, Event, NodeClosed, NodeOpened
from ..core.lines import event_to_json
from ..runtime.runtime import steady_clock

SUFFIX = ".jsonl"
# The hash stands last, so that a line is its words, this, and 32 digits.
MARK = ',"hash":"'
END = '"}\n'
DIGITS = 32

Done = Callable[[OSError | None], object]


_journals: weakref.WeakSet[Journal] = weakref.WeakSet()


def _leave_the_parents() -> None:
    """In a forked child: let go of files that are not its own, and of their locks."""
    for journal in list(_journals):
        journal.abandon()


os.register_at_fork(after_in_child=_leave_the_parents)


def hash_of(before: str, words: str) -> str:
    """Give the hash that binds a line to the one before."""
    text = f"{before}\0{words}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=DIGITS // 2).hexdigest()


class Journal:
    """The one sink of a runtime: every event becomes a line of a file that only grows.

    Posters queue. Whoever gets the write lock writes for all, in one write, which a killed
    process cannot lose; the loop's thread never does, a thread of ours writes for it. A
    call that cannot be recorded is refused before it exists.

    Args:
        folder: Where the files are. It is made if need be.
        clock: Tells the time, in seconds since 1970.

    Example:
        >>> import tempfile
        >>> from netflux_nb import Runtime, function
        >>> from netflux_nb.record.reading import views
        >>> @function
        ... def double(x: int) -> int:
        ...     return 2 * x
        >>> folder = Path(tempfile.mkdtemp())
        >>> with Journal(folder) as journal, Runtime([double], sink=journal) as runtime:
        ...     runtime.get_ctx().invoke(double, {"x": 21}).result()
        42
        >>> [view.outputs for view in views(folder)]
        [42]
    """

    def __init__(
        self, folder: str | os.PathLike[str], *, clock: Callable[[], float] | None = None
    ) -> None:
        self._clock = clock or steady_clock()
        started = datetime.fromtimestamp(self._clock(), UTC)
        self.segment = f"{started:%Y%m%d-%H%M%S}-{os.urandom(4).hex()}"
        self.path = Path(folder) / f"{self.segment}{SUFFIX}"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL
        self._fd = os.open(self.path, flags | getattr(os, "O_CLOEXEC", 0), 0o600)
        # Held while this process lives: who wants to know whether a run goes on asks for it.
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        self._queue: deque[Event] = deque()
        self._write = threading.Lock()  # guards the file, runs, chains
        self._runs: dict[int, str] = {}
        self._members: dict[str, list[int]] = {}
        self._chains: dict[str, str] = {}
        self._waiting: deque[Done] = deque()
        self._bell = threading.Event()
        self._failure: OSError | None = None
        self._is_open = True
        _journals.add(self)
        self._begin()
        self._thread = threading.Thread(target=self._serve, name="netflux-record", daemon=True)
        self._thread.start()

    def _begin(self) -> None:
        words = _words(
            {
                "v": SCHEMA_VERSION,
                "event": "Segment",
                "segment": self.segment,
                "time": self._clock(),
                "pid": os.getpid(),
                "host": platform.node(),
                "python": platform.python_version(),
                "platform": sys.platform,
            }
        )
        self._first = hash_of("", words)
        self._put(line_of(words, self._first))

    # What the runtime asks of a sink.

    def append(self, event: Event, /) -> None:
        """Queue an event. Refuses a new call once the record has failed."""
        if (self._failure is not None or not self._is_open) and isinstance(event.body, NodeOpened):
            why = self._failure or "it was closed"
            raise RecordError(
                f"The record {self.path.name} cannot be written: {why}. Nothing new is begun. "
                f"Free some space, or use another folder."
            )
        self._queue.append(event)

    def drain(self, *, may_write: bool) -> None:
        """Write what is queued, unless another thread does; the loop's own only rings."""
        if self._fd < 0:
            return
        if not may_write:
            if not self._bell.is_set():
                self._bell.set()
            return
        while self._queue and self._write.acquire(blocking=False):
            try:
                self._write_queue()
            finally:
                self._write.release()

    # What outlives the machine.

    def barrier(self, done: Done) -> None:
        """Call `done` once all that was queued is on the disk, or with why it cannot be.

        One sync answers all who wait. It happens on the record's own thread.
        """
        self._waiting.append(done)
        self._bell.set()

    def sync(self, timeout: float | None = None) -> None:
        """Wait until all that was queued is on the disk. Not for the loop's thread."""
        came: list[OSError | None] = []
        ready = threading.Event()

        def tell(error: OSError | None) -> None:
            came.append(error)
            ready.set()

        self.barrier(tell)
        if not ready.wait(timeout):
            raise TimeoutError(f"The record {self.path.name} was not synced in {timeout} s.")
        if came[0] is not None:
            raise RecordError(f"The record {self.path.name} cannot be written: {came[0]}.")

    def _serve(self) -> None:
        while self._is_open or self._queue or self._waiting:
            self._bell.wait()
            self._bell.clear()
            waiting = [self._waiting.popleft() for _ in range(len(self._waiting))]
            with self._write:
                self._write_queue()
                if waiting and self._failure is None:
                    self._try(lambda: os.fdatasync(self._fd))
                failure = self._failure
            for done in waiting:
                done(failure)

    def _write_queue(self) -> None:
        lines = []
        while self._queue:
            line = self._line(self._queue.popleft())
            if line is not None:
                lines.append(line)
        if lines and self._failure is None:
            self._try(lambda: self._put("".join(lines)))

    def _try(self, do: Callable[[], object]) -> None:
        try:
            do()
        except OSError as error:
            self._failure = error

    def _put(self, text: str) -> None:
        data = memoryview(text.encode("utf-8"))
        while data:  # a full disk may take a part
            data = data[os.write(self._fd, data) :]

    def _line(self, event: Event) -> str | None:
        body = event.body
        if isinstance(body, NodeOpened):
            above = body.parent_id
            run = f"{self.segment}-{event.node_id}" if above is None else self._runs.get(above, "")
            self._runs[event.node_id] = run
            self._members.setdefault(run, []).append(event.node_id)
        run = self._runs.get(event.node_id, "")
        data = event_to_json(event)
        if data is None or not run:
            return None
        words = _words({"v": SCHEMA_VERSION, "run": run, **data})
        mark = self._chains[run] = hash_of(self._chains.get(run, self._first), words)
        if isinstance(body, NodeClosed) and self._members[run][0] == event.node_id:
            self._forget(run)
        return line_of(words, mark)

    def _forget(self, run: str) -> None:
        # The tree has ended: nothing of it can come any more.
        del self._chains[run]
        for node_id in self._members.pop(run):
            del self._runs[node_id]

    def abandon(self) -> None:
        """Let go of a file that another process writes. Nothing is written."""
        self._is_open = False
        self._queue.clear()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def close(self) -> None:
        """Write and sync what is queued, and let go of the file."""
        if not self._is_open:
            return
        self._is_open = False
        self.barrier(lambda error: None)
        self._thread.join(timeout=10)
        os.close(self._fd)
        self._fd = -1

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


# ASCII only: half of a pair, which a file cannot hold, is written out then.
_encoded = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def _words(data: dict[str, Any]) -> str:
    return _encoded(data)[:-1]


def line_of(words: str, mark: str) -> str:
    """Write a line: its words, and their hash at the end."""
    return f"{words}{MARK}{mark}{END}"
