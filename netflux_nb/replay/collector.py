"""The garbage collector, asked to look away from what is known to live.

It goes through all objects again and again while many are made, which doubles the time
that a large record takes.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def paused() -> Iterator[None]:
    """Make many objects of our own without a collection. Not around a user's code."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextlib.contextmanager
def set_apart() -> Iterator[None]:
    """Keep what is there now out of collections; what is made meanwhile is collected."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
