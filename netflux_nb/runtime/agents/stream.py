"""Streamed pieces of a reply, batched for whoever watches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from ...core.messages import Delta
from ..safe import undecided

# Pieces that arrive within this long of each other are one event.
STREAM_S = 0.1
# What stands before a key tells that it is one: `Bearer …`, a name and its `=`.
_BEFORE = 80


class Stream:
    """Pieces of a reply on their way to the log: the first at once, then ten times a second.

    An end that may be the beginning of a key stays here until more of it has come: whoever
    watches is shown a key as a mark, and no piece of it before.
    """

    def __init__(self, post: Callable[[Delta], object]) -> None:
        self._post = post
        self._kind: Any = "text"
        self._pieces: list[str] = []
        self._before = ""
        self._timer: asyncio.TimerHandle | None = None
        self.is_used = False

    def add(self, delta: Delta) -> None:
        """Take in a piece."""
        if delta.kind != self._kind:
            self._flush(is_whole=True)
            self._kind, self._before = delta.kind, ""
        self._pieces.append(delta.text)
        if self._timer is None:
            self._tick()

    def _tick(self) -> None:
        self._timer = None
        if self._flush():
            self._timer = asyncio.get_running_loop().call_later(STREAM_S, self._tick)

    def _flush(self, *, is_whole: bool = False) -> bool:
        """Post what there is, and say whether that was anything."""
        text = "".join(self._pieces)
        held = 0 if is_whole else min(undecided(self._before + text), len(text))
        said, kept = text[: len(text) - held], text[len(text) - held :]
        self._pieces = [kept] if kept else []
        if not said:
            return False
        self.is_used = True
        self._before = (self._before + said)[-_BEFORE:]
        self._post(Delta(self._kind, said))
        return True

    def close(self) -> None:
        """Stop; what is left comes with the finished part."""
        if self._timer is not None:
            self._timer.cancel()
