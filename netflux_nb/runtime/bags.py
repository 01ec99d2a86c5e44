"""Session bags, which live as long as their Node, and the cancel token of a body."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from enum import Enum
from typing import Any, Protocol

from ..core.errors import NoNodeError

logger = logging.getLogger("netflux_nb.runtime")


class SessionScope(Enum):
    """Whose bag: the whole tree's, the caller's, or the Node's own."""

    TopLevel = "TopLevel"
    Parent = "Parent"
    Self = "Self"


class SessionBag:
    """Objects that live as long as a Node is kept, and are closed with it, in order."""

    def __init__(self) -> None:
        # Reentrant: a factory may itself fetch from this bag.
        self._lock = threading.RLock()
        self._values: dict[tuple[str, str], Any] = {}
        self._closed = False

    def get_or_put(self, namespace: str, key: str, factory: Callable[[], Any]) -> Any:
        """Give the object under a name; make it first where there is none."""
        place = (namespace, key)
        with self._lock:
            if self._closed:
                raise NoNodeError("This session bag is terminally closed: its tree was deleted.")
            if place not in self._values:
                self._values[place] = factory()
            return self._values[place]

    def close(self) -> None:
        """Close every object that has a `close`, each once, whatever the others do."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            owned = list({id(v): v for v in self._values.values()}.values())
            self._values.clear()
        for thing in owned:
            shut = getattr(thing, "close", None)
            if not callable(shut):
                continue
            try:
                shut()
            except Exception:  # a plug of the user's: the others must still be closed
                logger.exception("SessionBag: close() failed for owned object %r", thing)


# Foreign events cannot tell us that they were set; they are looked at this often.
POLL_S = 0.02


class Stoppable(Protocol):
    """A Node as its token sees it."""

    def is_cancel_requested(self) -> bool:
        """True once it was asked to stop."""
        ...

    def cancel(self) -> None:
        """Ask it to stop."""
        ...


class CancelToken:
    """A Node's token as a body sees it: set when the Node, or any above it, is to stop."""

    __slots__ = ("_node",)

    def __init__(self, node: Stoppable) -> None:
        self._node = node

    def is_set(self) -> bool:
        """True once this subtree was asked to stop."""
        return self._node.is_cancel_requested()

    def set(self) -> None:
        """Ask this subtree to stop."""
        self._node.cancel()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until asked to stop; False when the time is over first."""
        end = None if timeout is None else time.monotonic() + timeout
        while not self.is_set():
            left = POLL_S if end is None else min(POLL_S, end - time.monotonic())
            if left <= 0:
                return False
            time.sleep(left)
        return True
