"""The log of a runtime: events in one order, views of them, watchers, subscribers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable
from operator import length_hint
from pathlib import Path
from types import FrameType
from typing import Protocol, runtime_checkable

from ..core.errors import RecordError, RecordWarning, stringify
from ..core.events import Body, EffectStarted, Event, NodeOpened
from ..core.fold import Fold
from ..core.views import NodeView
from .threads.schedule import spawn

logger = logging.getLogger("netflux_nb.runtime")

# Events wait unfolded until somebody looks; past this many, a poster folds them.
FOLD_AT = 2048
# A subscriber that is this far behind is told how much it missed instead.
BACKLOG = 100_000


class Sink(Protocol):
    """The one journal. It is told of every event in order, and must not fail.

    `append` is called under the posting lock: it only queues. It may refuse a call by
    raising at its `NodeOpened`. `drain` is called after it, without a lock, by any thread.
    """

    def append(self, event: Event, /) -> None:
        """Take one event."""
        ...

    def drain(self, *, may_write: bool) -> None:
        """Write what is queued; or see to it that another thread does, on the loop's own."""
        ...

    def barrier(self, done: Callable[[OSError | None], object], /) -> None:
        """Call `done`, on any thread, once what was queued outlives the machine."""
        ...

    def sync(self) -> OSError | None:
        """Wait until what was queued outlives the machine, or say why it cannot."""
        ...


@runtime_checkable
class Recorder(Sink, Protocol):
    """A sink that is a record: it has a place, and names the runs."""

    @property
    def redact(self) -> Callable[[str], str]:
        """The redaction of JSON texts."""
        ...

    @property
    def folder(self) -> Path:
        """The folder of the record."""
        ...

    def limit(self, most_bytes: float) -> None:
        """Refuse calls in a run that has written so much."""
        ...

    def run_of(self, root_id: int) -> str:
        """Give the name of a root's run; nothing before its beginning is written."""
        ...

    def flush(self) -> None:
        """Have what is queued written. Not on the loop's thread."""
        ...

    def written(self, done: Callable[[OSError | None], object], /) -> None:
        """Call `done`, on any thread, once what is queued is written."""
        ...

    def left(self, node_id: int, /) -> OSError | None:
        """Say why a Node's run is written no further, once what was posted of it is written."""
        ...

    def notices(self, root_id: int) -> list[str]:
        """Say what the record lacks of a run that has ended, and what nobody was told yet."""
        ...


class Ended:
    """The sink in place of a journal that raised: it refuses every new call."""

    def __init__(self, error: BaseException) -> None:
        self.failure = OSError(stringify(error, 300))
        self.failure.__cause__ = error

    def append(self, event: Event, /) -> None:
        """Refuse a call; what else happens is not kept."""
        if isinstance(event.body, NodeOpened):
            raise RecordError(
                f"The record failed: {self.failure}. Nothing new is begun. Make a new Runtime()."
            ) from self.failure.__cause__

    def drain(self, *, may_write: bool) -> None:
        """Do nothing: queued events stay in the failed journal."""

    def barrier(self, done: Callable[[OSError | None], object], /) -> None:
        """Tell why nothing is kept."""
        done(self.failure)

    def sync(self) -> OSError | None:
        """Tell why nothing is kept."""
        return self.failure


@runtime_checkable
class Record(Protocol):
    """Several runtimes' one journal: each gets a sink of its own."""

    def channel(self) -> Sink:
        """Give a runtime its sink."""
        ...


class Missed:
    """Told to a subscriber that fell behind, in place of the events it missed."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __repr__(self) -> str:
        return f"Missed({self.count} events)"


class Subscription:
    """One observer with a thread of its own: slow or failing, it harms nobody."""

    def __init__(
        self, tell: Callable[[Event | Missed], None], off: Callable[[Subscription], None]
    ) -> None:
        self._tell = tell
        self._off = off
        self._queue: deque[Event] = deque()
        self._missed = 0
        self._bell = threading.Event()
        self._open = True
        self._thread: threading.Thread | None = None

    def put(self, event: Event) -> None:
        """Queue an event. Called under the posting lock."""
        if len(self._queue) >= BACKLOG:
            self._missed += 1
            return
        self._queue.append(event)
        if not self._bell.is_set():
            self._bell.set()

    def start(self) -> Subscription:
        """Begin to tell."""
        self._thread = spawn(self._serve, "netflux-observer")
        return self

    def _serve(self) -> None:
        while self._open or self._queue:
            self._bell.wait()
            self._bell.clear()
            while self._queue:
                self._say(self._queue.popleft())
            if self._missed:
                missed, self._missed = self._missed, 0
                self._say(Missed(missed))

    def _say(self, event: Event | Missed) -> None:
        try:
            self._tell(event)
        except BaseException:  # an observer is a plug: one that fails is dropped, the run goes on
            logger.exception("An observer raised and was dropped.")
            self._queue.clear()
            self.close()

    def close(self) -> None:
        """Stop: what is queued is still told."""
        self._off(self)
        self._open = False
        self._bell.set()

    def join(self, timeout: float | None = None) -> None:
        """Wait until all that was queued was told."""
        if self._thread is not None:
            self._thread.join(timeout)


class LoggedNode(Protocol):
    """A Node as the log sees it: where it stands, and who watches it."""

    id: int
    mark: int
    watchers: list[threading.Lock] | None
    exception: BaseException | None

    @property
    def parent(self) -> LoggedNode | None:
        """The Node above."""
        ...


class Log:
    """All events of one runtime, and the views that are read off them.

    Posting takes a short lock: number, append, mark. Folding and building views happen
    under another lock, by whoever looks.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        sink: Sink | None = None,
        is_loop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.lock = threading.Lock()  # guards seq, pending, marks, watchers, the tree's links
        self.seq = 0
        self._clock = clock
        self.sink = sink
        # The sink where it is a record; it still knows its runs when `sink` has ended.
        self.recorder = sink if isinstance(sink, Recorder) else None
        self._is_loop = is_loop
        self._pending: list[Event] = []
        # A Node whose mark is this number has told its watchers, and so have those above.
        self._epoch = 1
        self._fold = Fold()
        self._fold_lock = threading.Lock()  # guards the fold
        self._subscriptions: tuple[Subscription, ...] = ()

    def post(self, node: LoggedNode, body: Body) -> Event:
        """Give an event its number and its place. O(1) but for the first after a look."""
        with self.lock:
            event, woken = self.post_locked(node, body)
        self.after(woken)
        return event

    def after(self, woken: list[threading.Lock] | None, *, drains: bool = True) -> None:
        """Do what a post leaves to be done once the lock is free.

        `drains` is False where another event follows at once, and one write will do.
        """
        if woken is not None:
            for waiter in woken:
                waiter.release()
        if drains and self.sink is not None:
            try:
                self.sink.drain(may_write=not self._is_loop())
            except Exception as error:  # noqa: BLE001  who posts is not who failed
                self._lose(error)
        if len(self._pending) > FOLD_AT:
            self.settle()

    def post_locked(
        self, node: LoggedNode, body: Body
    ) -> tuple[Event, list[threading.Lock] | None]:
        """Post while holding the lock; the caller releases the waiters given back."""
        self.seq = seq = self.seq + 1
        event = Event(seq, self._clock(), node.id, body)
        if self.sink is not None:
            try:
                self.sink.append(event)  # first: what cannot be recorded does not happen
            except Exception as error:
                if isinstance(body, NodeOpened):
                    raise
                self._lose(error)
        self._pending.append(event)
        for subscription in self._subscriptions:
            subscription.put(event)
        woken: list[threading.Lock] | None = None
        epoch = self._epoch
        above: LoggedNode | None = node
        while above is not None and above.mark != epoch:
            above.mark = epoch
            if above.watchers:
                woken = above.watchers if woken is None else woken + above.watchers
                above.watchers = None
            above = above.parent
        return event, woken

    def _lose(self, error: Exception) -> None:
        """Go on without a journal that raised. Effects and new calls are refused from now on."""
        if self.sink is not None and not isinstance(self.sink, Ended):
            logger.error("The journal raised.", exc_info=error)
            self.sink = Ended(error)

    @property
    def is_recorded(self) -> bool:
        """True where there is a journal."""
        return self.sink is not None

    def begin_effect(self, node: LoggedNode, kind: str) -> None:
        """Say that an effect begins, and wait until that is known. Not on the loop's thread."""
        assert self.sink is not None
        with self.lock:
            _, woken = self.post_locked(node, EffectStarted(kind))
        self.after(woken, drains=False)
        _refuse(self.sink.sync() or self._left(node))

    def flush(self) -> None:
        """Have what was posted written, so that whoever reads the record finds it."""
        recorder = self._writing()
        if recorder is not None and not self._is_loop():
            recorder.flush()

    def tell(self, root: LoggedNode) -> None:
        """Warn whoever waited for a run of what the record lacks of it."""
        # A `RecordError` says it already.
        if self.recorder is None or isinstance(root.exception, RecordError):
            return
        for words in self.recorder.notices(root.id):
            warnings.warn(words, RecordWarning, stacklevel=_outside())

    async def settled(self, node: LoggedNode) -> None:
        """Wait, on the loop's thread, until what was posted of a Node outlives the machine."""
        assert self.sink is not None
        _refuse(await _told(self.sink.barrier) or self._left(node))

    def _left(self, node: LoggedNode) -> OSError | None:
        """Say what is wrong where the file of a Node's run was taken away, and others go on."""
        return None if self.recorder is None else self.recorder.left(node.id)

    async def written(self) -> None:
        """Have what was posted written, on the loop's thread."""
        recorder = self._writing()
        if recorder is not None:
            await _told(recorder.written)

    def _writing(self) -> Recorder | None:
        return None if isinstance(self.sink, Ended) else self.recorder

    def settle(self) -> None:
        """Fold what waits, unless somebody is at it."""
        if self._fold_lock.acquire(blocking=False):
            try:
                self._take()
            finally:
                self._fold_lock.release()

    def _take(self) -> int:
        with self.lock:
            # With nothing new, no mark is of this epoch, and it can serve again.
            if not self._pending:
                return self._epoch
            batch, self._pending = self._pending, []
            self._epoch += 1
            epoch = self._epoch
        left = iter(batch)
        raised: BaseException | None = None
        while True:
            try:
                self._fold.apply(left)
                break
            except BaseException as error:  # noqa: BLE001  the events after it count
                at = batch[len(batch) - length_hint(left) - 1]
                self._fold.failed(at.node_id, f"{type(at.body).__name__}: {stringify(error, 200)}")
                raised = raised if isinstance(error, Exception) else error
        if raised is not None:  # a person's interrupt
            raise raised
        return epoch

    def view(self, node_id: int) -> NodeView:
        """Give the view of a Node as of now. Raises `KeyError`."""
        with self._fold_lock:
            self._take()
            return self._fold.view(node_id)

    def roots(self) -> list[NodeView]:
        """Give the views of all roots, as of one moment."""
        with self._fold_lock:
            self._take()
            return [self._fold.view(root) for root in self._fold.roots]

    def drop(self, root_id: int) -> list[int]:
        """Forget a tree."""
        with self._fold_lock:
            self._take()
            return self._fold.drop(root_id)

    def watch(self, node: LoggedNode, as_of_seq: int, timeout: float | None) -> NodeView | None:
        """Wait for a view newer than `as_of_seq`.

        None when the time is over. On a finished Node nothing newer can come: the last
        view, or None where a timeout was given.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            with self._fold_lock:
                epoch = self._take()
                view = self._fold.view(node.id)
            if view.update_seqnum > as_of_seq:
                return view
            if view.is_done:
                return view if timeout is None else None
            waiter = threading.Lock()
            waiter.acquire()
            with self.lock:
                if node.mark >= epoch:
                    continue  # something happened below since we looked
                node.watchers = [*(node.watchers or ()), waiter]
            left = -1.0 if end is None else max(0.0, end - time.monotonic())
            if waiter.acquire(timeout=left):
                continue
            with self.lock:
                if node.watchers and waiter in node.watchers:
                    node.watchers.remove(waiter)
            return None

    def subscribe(self, tell: Callable[[Event | Missed], None]) -> Subscription:
        """Tell every event from now on, in order, on a thread of the observer's own."""
        subscription = Subscription(tell, self._unsubscribe)
        with self.lock:
            self._subscriptions = (*self._subscriptions, subscription)
        return subscription.start()

    def _unsubscribe(self, subscription: Subscription) -> None:
        with self.lock:
            self._subscriptions = tuple(s for s in self._subscriptions if s is not subscription)

    def close(self) -> None:
        """Let all observers end."""
        for subscription in self._subscriptions:
            subscription.close()


def _outside() -> int:
    """Count the frames up to the first that is not of this package: who called it."""
    ours = str(Path(__file__).parents[1])
    frame: FrameType | None = sys._getframe(1)
    level = 1
    while frame is not None and frame.f_code.co_filename.startswith(ours):
        frame = frame.f_back
        level += 1
    return level


async def _told(begin: Callable[[Callable[[OSError | None], object]], object]) -> OSError | None:
    """Wait, on a loop, until a journal calls back, on whatever thread it does."""
    loop = asyncio.get_running_loop()
    known: asyncio.Future[OSError | None] = loop.create_future()

    def settle(error: OSError | None) -> None:
        if not known.done():
            known.set_result(error)

    def tell(error: OSError | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop ended meanwhile
            loop.call_soon_threadsafe(settle, error)

    begin(tell)
    return await known


def _refuse(error: OSError | None) -> None:
    if error is not None:
        raise RecordError(
            f"The record cannot be written: {error}. The effect was not begun."
        ) from (error.__cause__ or error)
