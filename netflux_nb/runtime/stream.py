"""Pieces of a reply on their way to whoever watches: few and large ones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from ..core.messages import Delta

# Pieces that arrive within this long of each other are one event.
STREAM_S = 0.1


class Stream:
    """Pieces of a reply on their way to the log: the first at once, then ten times a second."""

    def __init__(self, post: Callable[[Delta], object]) -> None:
        self._post = post
        self._kind: Any = "text"
        self._pieces: list[str] = []
        self._timer: asyncio.TimerHandle | None = None
        self.is_used = False

    def add(self, delta: Delta) -> None:
        """Take in a piece."""
        if delta.kind != self._kind:
            self._flush()
            self._kind = delta.kind
        self._pieces.append(delta.text)
        if self._timer is None:
            self._tick()

    def _tick(self) -> None:
        self._timer = None
        if self._pieces:
            self._flush()
            self._timer = asyncio.get_running_loop().call_later(STREAM_S, self._tick)

    def _flush(self) -> None:
        if self._pieces:
            self.is_used = True
            self._post(Delta(self._kind, "".join(self._pieces)))
            self._pieces.clear()

    def close(self) -> None:
        """Stop; what is left comes with the finished part."""
        if self._timer is not None:
            self._timer.cancel()
