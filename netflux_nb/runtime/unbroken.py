"""What an interrupt must not break in the middle: it is heard right after."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Any, TypeVar

_T = TypeVar("_T")


def unbroken(do: Callable[[], _T]) -> _T:
    """Do something short. An interrupt meanwhile is raised when it is done, not within.

    Python raises `KeyboardInterrupt` between any two steps of the main thread. A Node that is
    opened and not yet started would then be nobody's, and whoever waits for it would wait on.
    """
    if threading.current_thread() is not threading.main_thread():
        return do()
    was = signal.getsignal(signal.SIGINT)
    if not callable(was):
        return do()
    pressed: list[tuple[int, Any]] = []
    signal.signal(signal.SIGINT, lambda number, frame: pressed.append((number, frame)))
    try:
        return do()
    finally:
        signal.signal(signal.SIGINT, was)
        if pressed:
            was(*pressed[0])
