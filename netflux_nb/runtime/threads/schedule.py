"""The scheduler: a pool of reused threads for code, one event loop thread for agents.

Pool:
- `_lock` guards all of its fields and every job's `queued`. No foreign code runs under it.
- A job runs at most once: whoever turns `queued` to False under the lock (`_next`, `claim`) has it.
  A claimed job may stay in `_queue` until somebody passes over it.
- Each idle thread waits at a lock of its own in `_idle`. Whoever pops that lock must release it;
  a thread whose time is over and that is no longer listed waits for this release.
- `_threads` is raised under the lock before the thread starts; `_grow` takes it back if none does.
- `put(wake=False)` wakes nobody: the parent's own wait most likely runs the job (`Life.wait_for`).
  Whatever nobody takes, the tick sees at the head of the queue twice, and brings threads in.
  So bodies that block each other never stop the pool, up to `MAX_THREADS`.
- `_ticking`, set under the lock, promises that the tick will look: its thread ends only while this
  is False, or at `close`.

Loop:
- `_lock` guards the start and the end. Nothing may block on its thread (`is_here`).
- `call` appends to `_inbox`, then rings; `_drain` clears `_rung`, then empties. In this order no
  call is left behind, and many share one wake-up.
- `failure` is final: it is set when an error ends the thread, and `loop` raises it from then on.
  What is still in `_inbox` runs at once, without a loop, so that it fails; `on_failure` ends what
  was running.

A callback of others goes through `attempt`: what it raises ends neither the pool nor the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import os
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

from ...core.errors import NetfluxError, stringify

logger = logging.getLogger("netflux_nb.runtime")

# Work that waits longer than one tick gets another thread: a body that is blocked in a
# queue of its own cannot be told from one that is busy.
TICK_S = 0.01
IDLE_S = 2.0
# A tick that found nothing to do this often goes to sleep.
QUIET_TICKS = 20
# Beside a process that already burns a core, new threads only wait for the interpreter lock.
BUSY = 0.8
BUSY_EVERY = 20
# What a client may take to say goodbye.
CLOSE_S = 2.0
# A thread that waits costs about 30 kB; this bounds a runaway fan-out of blocked bodies.
MAX_THREADS = 2000

if sys.platform == "win32":

    def at_fork(**hooks: Callable[[], object]) -> None:
        """Do nothing: no process forks here."""

else:

    def at_fork(**hooks: Callable[[], object]) -> None:
        """Call these when this process forks: `before`, `after_in_parent`, `after_in_child`."""
        os.register_at_fork(**hooks)


class Job(Protocol):
    """Something that waits for a thread. `queued` is true until somebody claims it."""

    queued: bool

    def run_queued(self) -> None:
        """Run on a pool thread."""
        ...


class Here(threading.local):
    """The jobs that this thread is inside of, innermost last."""

    def __init__(self) -> None:
        self.stack: list[object] = []


here = Here()


# Not the session's: a fork waits for all of them.
# Who imports while a process is forked leaves a lock held in the child: it never imports again.
_importing: weakref.WeakSet[threading.Thread] = weakref.WeakSet()
IMPORTS_S = 2.0


def spawn(target: Callable[[], object], name: str, *, may_import: bool = False) -> threading.Thread:
    """Start a daemon thread in a copy of this context.

    A plain thread has an empty context, and ipykernel then cannot tell whose output it is.
    """
    context = contextvars.copy_context()
    thread = threading.Thread(target=lambda: context.run(target), name=name, daemon=True)
    if may_import:
        _importing.add(thread)
    thread.start()
    return thread


def attempt(do: Callable[[], object]) -> None:
    """Do something on a thread that others need as well: what it raises ends nobody else."""
    try:
        do()
    except BaseException:
        logger.exception("A call on a thread of the runtime failed.")


def _before_fork() -> None:
    """Let short work that imports come to its end."""
    for thread in list(_importing):
        if thread is not threading.current_thread() and thread.is_alive():
            thread.join(IMPORTS_S)


at_fork(before=_before_fork)


class Pool:
    """Threads that run jobs, oldest first, and the tick that adds threads when all block."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards all below, and every job's `queued`
        self._queue: deque[Job] = deque()
        self._idle: list[threading.Lock] = []
        self._threads = 0
        self._moves = 0
        self._ticking = False
        self._tick_wake = threading.Event()
        self._polls: dict[object, Callable[[], object]] = {}
        self._closed = False

    @property
    def threads(self) -> int:
        """The number of threads now."""
        return self._threads

    def put(self, job: Job, *, wake: bool) -> None:
        """Queue a job. `wake`: somebody must see to it now, not at the next tick."""
        worker: threading.Lock | None = None
        grow = False
        with self._lock:
            job.queued = True
            self._queue.append(job)
            self._moves += 1
            if wake:
                if self._idle:
                    worker = self._idle.pop()
                elif self._threads < (os.cpu_count() or 1) + 2:
                    self._threads += 1
                    grow = True
            tick = not self._ticking
            self._ticking = True
        if worker is not None:
            worker.release()
        elif grow:
            self._grow()
        if tick:
            self._start_tick()

    def wake(self) -> None:
        """Bring in a thread now: somebody waits for what is queued and cannot run it."""
        with self._lock:
            worker = self._idle.pop() if self._idle else None
            grow = worker is None and self._threads < MAX_THREADS
            self._threads += grow
        if worker is not None:
            worker.release()
        elif grow:
            self._grow()

    def claim(self, job: Job) -> bool:
        """Take a job out of the queue, to run it oneself or to drop it."""
        with self._lock:
            if not job.queued:
                return False
            job.queued = False
            self._moves += 1
            if self._queue and self._queue[-1] is job:
                self._queue.pop()
            return True

    def poll(self, key: object, look: Callable[[], object]) -> None:
        """Call `look` at every other tick, until `unpoll`."""
        with self._lock:
            self._polls[key] = look
            tick = not self._ticking
            self._ticking = True
        if tick:
            self._start_tick()

    def unpoll(self, key: object) -> None:
        """Stop calling."""
        with self._lock:
            self._polls.pop(key, None)

    def close(self) -> None:
        """Let idle threads end. Threads that run a body end after it."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            self._polls.clear()
        for worker in idle:
            worker.release()
        self._tick_wake.set()

    def _next(self) -> Job | None:
        while self._queue:
            job = self._queue.popleft()
            if job.queued:
                job.queued = False
                self._moves += 1
                return job
        return None

    def _work(self) -> None:
        parked = threading.Lock()
        parked.acquire()
        while True:
            with self._lock:
                job = self._next()
                if job is None:
                    if self._closed:
                        self._threads -= 1
                        return
                    self._idle.append(parked)
            if job is not None:
                attempt(job.run_queued)
                job = None  # an idle thread must not keep a finished tree alive
                continue
            if not parked.acquire(timeout=IDLE_S):
                with self._lock:
                    if parked in self._idle:
                        self._idle.remove(parked)
                        self._threads -= 1
                        return
                # Somebody took us off the list meanwhile and is about to release us.
                parked.acquire()

    def _grow(self) -> None:
        """Start a thread that was counted already. The tick tries again where there is none."""
        try:
            spawn(self._work, "netflux-pool")
        except RuntimeError:  # the system gives no more threads
            with self._lock:
                self._threads -= 1

    def _start_tick(self) -> None:
        self._tick_wake.set()
        if not hasattr(self, "_ticker"):
            try:
                self._ticker = spawn(self._tick, "netflux-tick")
            except RuntimeError as error:
                with self._lock:
                    self._ticking = False
                raise NetfluxError(f"No thread can be started: {error}.") from error

    def _tick(self) -> None:
        quiet = turn = moves = 0
        cpu, wall = time.process_time(), time.monotonic()
        seen: Job | None = None
        while True:
            time.sleep(TICK_S)
            turn += 1
            now_cpu, now_wall = time.process_time(), time.monotonic()
            busy = (now_cpu - cpu) / max(now_wall - wall, 1e-6) > BUSY
            cpu, wall = now_cpu, now_wall
            with self._lock:
                while self._queue and not self._queue[0].queued:
                    self._queue.popleft()
                head = self._queue[0] if self._queue else None
                moved = self._moves != moves
                moves = self._moves
                late = head is not None and head is seen
                seen = head
                polls = list(self._polls.values()) if turn % 2 == 0 else []
                quiet = 0 if head is not None or self._polls or moved else quiet + 1
                want = 0
                # CPU-bound work that moves on needs no more threads, only now and then
                # one, in case its bodies let go of the interpreter lock.
                if head is not None and busy and moved:
                    want = 1 if turn % BUSY_EVERY == 0 else 0
                elif late or (head is not None and self._threads == 0):
                    want = min(len(self._queue), max(1, self._threads))
                woken = [self._idle.pop() for _ in range(min(want, len(self._idle)))]
                more = min(want - len(woken), MAX_THREADS - self._threads)
                if busy and moved and self._threads > (os.cpu_count() or 1):
                    more = 0
                self._threads += max(more, 0)
                asleep = self._closed or quiet > QUIET_TICKS
                if asleep:
                    self._ticking = False
                    self._tick_wake.clear()
            for worker in woken:
                worker.release()
            for _ in range(more):
                self._grow()
            for look in polls:
                attempt(look)
            if asleep:
                seen = None
                if self._closed or not self._tick_wake.wait(IDLE_S):
                    with self._lock:
                        if self._closed or not self._ticking:
                            del self._ticker
                            return
                quiet = 0
                cpu, wall = time.process_time(), time.monotonic()


class Loop:
    """One event loop in a thread of its own, started when first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards the start
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ident: int | None = None
        self._inbox: deque[Callable[[], object]] = deque()
        self._closing: asyncio.AbstractEventLoop | None = None
        # What ended the thread, where nobody asked it to end; who is told of that.
        self.failure: NetfluxError | None = None
        self.on_failure: Callable[[NetfluxError], object] | None = None
        self._rung = False
        # What is awaited last of all, when the loop ends.
        self.at_close: Callable[[], Awaitable[object]] | None = None

    @property
    def is_here(self) -> bool:
        """True on the loop's own thread, where nothing may block."""
        return self._ident == threading.get_ident()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The running loop. Raises what ended it."""
        with self._lock:
            if self.failure is not None:
                raise self.failure
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                ready = threading.Event()
                self._thread = spawn(lambda: self._serve(ready), "netflux-loop")
                ready.wait()
            return self._loop

    def _serve(self, ready: threading.Event) -> None:
        loop = self._loop
        assert loop is not None
        asyncio.set_event_loop(loop)
        self._ident = threading.get_ident()
        loop.call_soon(ready.set)
        try:
            self._run(loop)
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            if tasks:
                loop.run_until_complete(asyncio.wait(tasks, timeout=2))
            if self.at_close is not None:
                with contextlib.suppress(asyncio.TimeoutError):
                    loop.run_until_complete(asyncio.wait_for(self.at_close(), CLOSE_S))
            loop.run_until_complete(loop.shutdown_asyncgens())
        except BaseException as error:  # noqa: BLE001  who waits for this thread is told
            self._fail(error)
        finally:
            ready.set()
            self._ident = None  # another thread may be given it
            attempt(loop.close)

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run until closed: code that stops the loop it runs on stops nobody else's."""
        while self._closing is not loop:
            try:
                loop.run_forever()
            except (SystemExit, KeyboardInterrupt):
                # A task's own: whoever waits for the task is given it.
                logger.exception("A task asked the runtime's loop to end. It goes on.")

    def _fail(self, error: BaseException) -> None:
        logger.error("The runtime's loop ended.", exc_info=error)
        failure = NetfluxError(
            f"The thread that runs agents ended: {stringify(error, 300)}. "
            f"Make a new Runtime(); in a notebook, restart the kernel."
        )
        failure.__cause__ = error
        self.failure = failure
        self._drain()  # what was about to begin is refused
        if self.on_failure is not None:
            self.on_failure(failure)

    def call(self, do: Callable[[], object]) -> None:
        """Do something on the loop's thread, soon. Many calls share one wake-up."""
        if self.is_here:
            assert self._loop is not None
            self._loop.call_soon(do)
            return
        loop = self.loop
        self._inbox.append(do)
        # Waking the loop writes to a pipe. Whoever finds the bell rung need not.
        if not self._rung:
            self._rung = True
            try:
                loop.call_soon_threadsafe(self._drain)
            except RuntimeError:
                self._inbox.clear()  # closed: nobody is left to do it

    def _drain(self) -> None:
        self._rung = False
        while self._inbox:
            attempt(self._inbox.popleft())

    def settle(self, waiting: asyncio.Future[None]) -> None:
        """Set this future's result, once, from any thread."""

        def tell() -> None:
            if not waiting.done():
                waiting.set_result(None)

        self.call(tell)

    def later(self, seconds: float, do: Callable[[], object]) -> Callable[[], object]:
        """Do something on the loop's thread after a while. Gives what takes it back."""
        handles: list[asyncio.TimerHandle] = []
        taken_back: list[bool] = []

        def arm() -> None:
            if not taken_back:
                handles.append(self.loop.call_later(seconds, do))

        def disarm() -> None:
            for handle in handles:
                handle.cancel()

        def take_back() -> None:
            taken_back.append(True)
            self.call(disarm)

        self.call(arm)
        return take_back

    def close(self) -> None:
        """Stop the loop; what runs on it is cancelled."""
        with self._lock:
            self._closing = loop = self._loop
            self._loop = None
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(loop.stop)
            if not self.is_here:
                self._thread.join(timeout=2 * CLOSE_S)
