"""The ticker: one thread that renews all live views ten times a second and serves browsers."""

from __future__ import annotations

import contextvars
import logging
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Protocol

logger = logging.getLogger("netflux_nb.jupyter")

# No more often than this is anything sent: more is not seen, and drops frames.
TICK_S = 0.1


class LiveDisplay(Protocol):
    """Something that is shown while it goes on."""

    def tick(self, now: float, /) -> bool:
        """Look, and send what changed. False when it needs no more looks."""
        ...


class Ticker:
    """Looks at what is live, all of it on one thread, so that messages leave in one order."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._bell = threading.Condition()  # guards all of the below
        self._live: list[LiveDisplay] = []
        self._jobs: deque[Callable[[], object]] = deque()
        self._thread: threading.Thread | None = None
        self._stops = False

    def add(self, one: LiveDisplay) -> None:
        """Look at something from now on."""
        with self._bell:
            self._live.append(one)
            self._wake()

    def do(self, job: Callable[[], object]) -> None:
        """Do something on the thread, soon."""
        with self._bell:
            self._jobs.append(job)
            self._wake()

    def _wake(self) -> None:
        self._stops = False
        if self._thread is None or not self._thread.is_alive():
            # In a copy of the context: without one, some ipykernels cannot send from a thread.
            run = contextvars.copy_context().run
            self._thread = threading.Thread(
                target=run, args=(self._serve,), name="netflux-view", daemon=True
            )
            self._thread.start()
        self._bell.notify_all()

    def close(self) -> None:
        """Stop looking, and let the thread end."""
        with self._bell:
            self._stops = True
            self._live.clear()
            self._jobs.clear()
            self._bell.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(2)

    def _serve(self) -> None:
        due = 0.0
        while True:
            with self._bell:
                while not (self._stops or self._jobs or self._live):
                    self._bell.wait()
                if self._stops:
                    return
                left = due - self._clock()
                if self._live and not self._jobs and left > 0:
                    self._bell.wait(min(left, TICK_S))
                jobs, live = list(self._jobs), list(self._live)
                self._jobs.clear()
            for job in jobs:
                _try(job)
            now = self._clock()
            if live and now >= due:
                due = now + TICK_S
                gone = [one for one in live if not _try(partial(one.tick, now))]
                with self._bell:
                    self._live = [one for one in self._live if one not in gone]


def _try(job: Callable[[], object]) -> object:
    try:
        return job()
    except Exception:
        logger.debug("A live view failed and was dropped.", exc_info=True)
        return False
