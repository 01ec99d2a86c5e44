"""The journal: one file a process, one line an event, each line chained to the one before.

- Callers: `Log.post_locked` queues through `Channel.append` and `add`, under the log's lock, so the
  queue keeps the order of each log's events. `Log.after` then calls `drain` without a lock.
- `_write` guards the file, `_described`, `_own` and every channel's chains. Only its holder takes
  from `_queue` (but for `abandon`). `drain` never waits for it: whoever gets it writes for all.
- Lock order: the log's lock, then `_write` (`begin_run` opens a file while an event is posted).
  Nothing that runs under `_write` may post an event.
- `drain` on the loop's thread does not write: it sets `_bell`, and `_serve` writes.
- A sync answers all who wait: events are queued before the ask, and `_sync` writes the queue
  first, so one that began after the ask (`_syncs`) covers it.
- `_settle` syncs the artifacts before the file: no line that survives names a lost artifact.
- A root leaves `Channel.unended` after the write that holds its last line, never before.
- The file is locked from its beginning until it is closed: readers ask the lock whether a run
  still goes on. A forked child must `abandon` its copy, or it would keep that lock.
- A run stands in one file: `_rotate` waits until no tree runs.
- `failure` is final: no event is written after it, new calls and effects are refused, and running
  trees go on unrecorded.
- A file that was taken away is no `failure`: effects are refused until the next root has another
  file begun (`_begin_anew`). Runs of the lost one go on unrecorded (`Channel.leave_runs`), and
  theirs stay refused (`Channel.left`).
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import platform
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from ..core.errors import stringify
from ..core.events import SCHEMA_VERSION, Event
from ..core.functions.kinds import Function
from ..core.functions.versions import described
from ..core.json.portable import value_to_json
from ..core.secrets.redaction import REDACTED, Redaction, secrets_of
from ..runtime.host import host
from ..runtime.runtime import steady_clock
from ..runtime.threads.schedule import at_fork, attempt, spawn
from .chain import SUFFIX, hash_of, lighter, line_of, words_of
from .channel import Channel, Done
from .codecs.artifacts import Artifacts, encoded, words_of_value
from .environment import GIT_S, environment
from .os import lock, open_fd, sync

# Whether the code was changed is looked at no oftener.
LOOK_AGAIN_S = 30.0
# A file that is longer than this is ended, and a new one begun, when no tree runs.
ROTATE_BYTES = 8_000_000
# Lines in one write.
BATCH = 200


# Not the session's: in a forked child each must let go, whoever made it.
_journals: weakref.WeakSet[Journal] = weakref.WeakSet()


def _leave_the_parents() -> None:
    """In a forked child: let go of files that are not its own, and of their locks."""
    for journal in list(_journals):
        journal.abandon()


at_fork(after_in_child=_leave_the_parents)


class Journal:
    """The events of all runtimes of one process: every event becomes a line of one file.

    Each runtime has a channel of its own. Posters queue. Whoever gets the write lock writes
    for all, in one write, which a killed process cannot lose; the loop's thread never does,
    a thread of ours writes for it. A call that cannot be recorded is refused before it
    exists. The file is made with the first event.

    Args:
        folder: Where the files are. It is made if need be.
        clock: Tells the time, in seconds since 1970.
        variables: What the environment holds; what is named like a key is kept out.

    Example:
        >>> import tempfile
        >>> from netflux_nb import Runtime, function
        >>> from netflux_nb.record.reading import read_view
        >>> @function
        ... def double(x: int) -> int:
        ...     return 2 * x
        >>> folder = Path(tempfile.mkdtemp())
        >>> with Journal(folder) as journal, Runtime([double], sink=journal) as runtime:
        ...     node = runtime.get_ctx().invoke(double, {"x": 21})
        ...     run = runtime.run_name(node)
        >>> read_view(folder, run).view.outputs
        42
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        clock: Callable[[], float] | None = None,
        variables: Mapping[str, str] = os.environ,
        rotate_bytes: int = ROTATE_BYTES,
    ) -> None:
        self._rotate_bytes = rotate_bytes
        self._clock = clock or steady_clock()
        self.folder = Path(folder)
        self.segment = self._fresh()
        self.artifacts = Artifacts(self.folder)
        self._variables = variables
        self.redact = Redaction(secrets_of(variables), host().patterns)
        self._fd = -1
        # The file that is open: its path, device and number.
        self._here: tuple[str, int, int] | None = None
        self._channels: weakref.WeakSet[Channel] = weakref.WeakSet()
        # What is to be told to whoever waits for a run next.
        self.notices: deque[str] = deque()
        # Roots whose end is in the next write.
        self.ending: list[tuple[Channel, int]] = []
        self._queue: deque[tuple[Channel, Event]] = deque()
        self._write = threading.Lock()  # guards the file, the queue's order, all chains
        self._waiting: deque[Done] = deque()
        self._asking: deque[Done] = deque()
        self._bell = threading.Event()
        self.failure: OSError | None = None
        self.is_open = True
        # Told, on our own thread, of a file that is written no more.
        self.on_ended: Callable[[Path], object] | None = None
        self._written = 0
        self.stored = 0  # bytes of artifacts
        self._syncs = 0  # begun
        self.running = 0  # trees
        self._numbers = itertools.count(1)
        # Functions that the file describes; the chain of what belongs to no run.
        self._described: set[tuple[str, str]] = set()
        self.first = self._own = ""
        self._looked: float | None = None
        self._thread: threading.Thread | None = None
        self._looking: threading.Thread | None = None
        _journals.add(self)

    def channel(self) -> Channel:
        """Give a runtime its own way into the file."""
        channel = Channel(self, next(self._numbers))
        self._channels.add(channel)
        return channel

    @property
    def path(self) -> Path:
        """The file that is written now, or next."""
        return self.folder / f"{self.segment}{SUFFIX}"

    def _fresh(self) -> str:
        started = datetime.fromtimestamp(self._clock(), UTC)
        when = f"{started:%Y%m%d-%H%M%S%f}"[:-3]  # names sort as files were begun
        return f"{when}-{os.urandom(4).hex()}"

    # The file.

    def begin(self) -> None:
        """Make the file, and hold its lock while this process lives."""
        if self._fd < 0 and self.is_open:
            with self._write:
                self._begin()

    def begin_run(self) -> None:
        """Have a file for a run that begins: a new one where somebody took ours away."""
        if self.is_open and self._fd >= 0 and not self.is_in_place:
            with self._write:
                if self._fd >= 0 and not self.is_in_place:
                    self._begin_anew()
        self.begin()

    @property
    def is_in_place(self) -> bool:
        """True while the file that is written, if any, is the one that a reader finds there."""
        here = self._here
        if here is None:
            return True
        path, device, inode = here
        try:
            # A path of text: at each barrier another object would cost more than the call.
            there = os.stat(path)  # noqa: PTH116
        except OSError:
            is_mine = False
        else:
            is_mine = there.st_ino == inode and there.st_dev == device
        # Ended and packed meanwhile is not taken away.
        return is_mine or self._here is not here

    def _begin_anew(self) -> None:
        lost = self.path
        self._write_queue()
        for channel in list(self._channels):
            channel.leave_runs()
        self._let_go()
        self._begin()
        self.notices.append(
            f"{lost.name} was removed or replaced in {self.folder.name!r}: what it held is gone, and "
            f"runs that were in it are recorded no further. {self.path.name} is the record now."
        )

    def _let_go(self) -> None:
        """Close the file; the next event begins another."""
        os.close(self._fd)
        self._fd, self._here = -1, None
        self._written = 0
        self._looked = None
        self._described.clear()
        self.segment = self._fresh()

    def _begin(self) -> None:
        if self._fd >= 0 or not self.is_open:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        _keep_out_of_git(self.folder)
        fd = open_fd(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL)
        # Held while this process lives: who wants to know whether a run goes on asks.
        lock(fd)
        self._fd = fd
        made = os.fstat(fd)
        self._here = str(self.path), made.st_dev, made.st_ino
        words = words_of(
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
        self.first = self._own = hash_of("", words)
        self._put(line_of(words, self.first))
        if self._thread is None:
            self._thread = spawn(self._serve, "netflux-record")

    def _rotate(self) -> None:
        """End a long file while no tree runs: it can be made small then."""
        ended = self.path
        self._try(self._settle)
        self._let_go()
        if self.on_ended is not None:
            self.on_ended(ended)

    def look_around(self) -> None:
        """Note what the code runs on, now and then, on a thread of its own."""
        now = self._clock()
        self.redact = Redaction(secrets_of(self._variables), host().patterns)
        if self._looked is not None and now - self._looked < LOOK_AGAIN_S:
            return
        self._looked = now
        if self._looking is None or not self._looking.is_alive():
            self._looking = spawn(self._look, "netflux-environment", may_import=True)

    def _look(self) -> None:
        try:
            seen = environment(Path.cwd())
        except FileNotFoundError:  # the folder is gone; what it was is not known
            return
        with self._write:
            if self._fd >= 0 and self.failure is None:
                self._try(lambda: self._put(self.own_line("Environment", seen)))
        self.drain(may_write=True)

    def own_line(self, event: str, words: Mapping[str, Any]) -> str:
        """Write a line that belongs to the file, not to a run. The lock is held."""
        row = {"v": SCHEMA_VERSION, "run": self.segment, "event": event, "time": self._clock()}
        told = self.redact.event({**row, **words})
        text = self.redact.keys(words_of(self.lighter(told)))
        self._own = hash_of(self._own, text)
        return line_of(text, self._own)

    def describe(self, fn: Function, version: str) -> str:
        """Write what a Function is, where the file does not hold it yet. The lock is held."""
        if (fn.name, version) in self._described:
            return ""
        self._described.add((fn.name, version))
        words = described(fn)
        if "settings" in words:
            words["settings"] = value_to_json(words["settings"])
        return self.own_line("Function", {**words, "version": version})

    def lighter(self, data: Any) -> Any:
        """Put what is large into files of their own, named by what they hold."""
        return lighter(data, self._stored)

    def _stored(self, kind: str, text: str) -> dict[str, Any]:
        return self._put_away(kind, self.redact.keys(text).encode("utf-8", "surrogatepass"))

    def _put_away(self, kind: str, content: bytes) -> dict[str, Any]:
        self.stored += len(content)
        return {"artifact": self.artifacts.put(content), "kind": kind, "bytes": len(content)}

    def stored_value(self, value: Any) -> dict[str, Any] | None:
        """Put a value that JSON cannot say into a file, where there is a form for it.

        A table or an array that holds a key is not kept: it cannot be marked in its middle.
        """
        if (form := encoded(value)) is None:
            return None
        kind, content = form
        name = type(value).__qualname__
        # What a table's file says beside its cells is ours: no pattern is meant for it.
        clean = self.redact.of_bytes(content, with_own=kind not in ("frame", "mixed"))
        words = words_of_value(value, with_numbers=bool(host().patterns))
        if kind == "bytes":
            content = clean
        elif clean != content or any(self.redact.found_among(words)):
            return {"type": name, "portable": False, "redacted": REDACTED}
        return {**self._put_away(kind, content), "type": name}

    # What channels ask.

    def add(self, channel: Channel, event: Event) -> None:
        """Queue an event."""
        self._queue.append((channel, event))

    def drain(self, *, may_write: bool) -> None:
        """Write what is queued, unless another thread does; the loop's own only rings."""
        if not self.is_open:
            return
        if not may_write:
            if not self._bell.is_set():
                self._bell.set()
            return
        while self._queue and self._write.acquire(False):
            try:
                self._write_queue()
            finally:
                self._write.release()

    def flush(self) -> None:
        """Write what is queued, and wait for who does. Not for the loop's thread."""
        if self.is_open and (self._queue or self._write.locked()):
            with self._write:
                self._write_queue()

    # What outlives the machine.

    def barrier(self, done: Done) -> None:
        """Call `done` once all that was queued is on the disk, or with why it cannot be.

        One sync answers all who wait. It happens on the record's own thread.
        """
        self._ring(self._waiting, done)

    def written(self, done: Done) -> None:
        """Call `done` once all that was queued is written: a killed process cannot lose it."""
        self._ring(self._asking, done)

    def _ring(self, who: deque[Done], done: Done) -> None:
        if self._thread is None or not self._thread.is_alive():  # not begun, or closed
            done(self.failure)
            return
        who.append(done)
        self._bell.set()

    def sync(self) -> OSError | None:
        """Put all that was queued on the disk, or say why it cannot be.

        The caller's thread does it, so never the loop's. One sync answers all who wait.
        """
        failure = self._sync()
        # Who came while we held the lock left its events to us.
        self.drain(may_write=True)
        return failure

    def _sync(self) -> OSError | None:
        asked = self._syncs
        with self._write:
            if self._syncs == asked:  # else another's began since, and took what is ours along
                self._syncs += 1
                self._write_queue()
                if self._fd >= 0 and self.failure is None:
                    self._try(self._settle)
            if self.failure is None and self._fd >= 0 and not self.is_in_place:
                # Nothing that is paid for may go on unseen; the next run begins a new file.
                return FileNotFoundError(
                    errno.ENOENT, f"{self.path.name} was removed or replaced while it was written"
                )
            return self.failure

    def _serve(self) -> None:
        while self.is_open or self._queue or self._waiting or self._asking:
            self._bell.wait()
            self._bell.clear()
            waiting, asking = map(_taken, (self._waiting, self._asking))
            failure = None
            try:
                failure = self._sync() if waiting else None
            except BaseException as error:  # noqa: BLE001  this thread never leaves who waits
                self._fail(error)
                failure = self.failure
            for done in waiting:
                attempt(partial(done, failure))
            attempt(self.flush)
            for done in asking:
                attempt(partial(done, self.failure))

    def _settle(self) -> None:
        self.artifacts.sync()  # first: a line that counts names no file that may be lost
        sync(self._fd)

    def _write_queue(self) -> None:
        if self._fd < 0 and self._queue:
            self._try(self._begin)
        while self._queue:
            lines: list[str] = []
            # No more at once than a kill may lose: a fast poster would keep us here.
            while self._queue and len(lines) < BATCH:
                channel, event = self._queue.popleft()
                try:
                    channel.write(event, lines)
                except Exception as error:  # noqa: BLE001  whatever it is, the record ends with it
                    self._fail(error)
            if lines and self.failure is None:
                self._try(partial(self._put, "".join(lines)))
            if self.ending:
                if self.failure is None:
                    for channel, root in self.ending:
                        channel.unended.discard(root)
                self.ending.clear()
        if self._written > self._rotate_bytes and not self.running and self.failure is None:
            self._rotate()

    def _try(self, do: Callable[[], object]) -> None:
        try:
            do()
        except Exception as error:  # noqa: BLE001  whatever it is, the record ends with it
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if isinstance(error, OSError):
            self.failure = error
            return
        self.failure = OSError(f"an event has no form: {stringify(error, 300)}")
        self.failure.__cause__ = error

    def _put(self, text: str) -> None:
        data = text.encode("utf-8")
        self._written += len(data)
        done = os.write(self._fd, data)
        while done < len(data):  # a full disk may take a part
            done += os.write(self._fd, memoryview(data)[done:])

    def abandon(self) -> None:
        """Let go of a file that another process writes. Nothing is written."""
        self.is_open = False
        self._queue.clear()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def close(self) -> None:
        """Write and sync what is queued, and let go of the file."""
        if not self.is_open:
            return
        if self._looking is not None:
            self._looking.join(timeout=GIT_S)
        self.is_open = False
        if self._thread is not None:
            self.barrier(lambda error: None)
            self._thread.join(timeout=10)
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _taken(queue: deque[Done]) -> list[Done]:
    return [queue.popleft() for _ in range(len(queue))]


def _keep_out_of_git(folder: Path) -> None:
    """Say once that what is recorded is nobody else's."""
    with contextlib.suppress(OSError), (folder / ".gitignore").open("x", encoding="utf-8") as file:
        file.write("*\n")
