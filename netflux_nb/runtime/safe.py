"""The one door for shown text: secrets redacted, unprintable characters marked, lengths cut."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Mapping

from ..core.secrets.redaction import Redaction
from ..core.text.legible import signed
from .host import host
from .sinks import redaction

# Whoever shows a text looks behind its cut so far: half a key is not known as one.
EDGE = 200
# A shorter text of letters and digits alone holds no key of a known form; nor one of two signs.
_SHORTEST_FORM, _SHORTEST = 18, 6
_PLAIN = re.compile(r"[\w ]*")
# Of short texts so many are remembered: a name, or an argument, is shown again and again.
_SHORT_CHARS, _MOST_KNOWN = 400, 2_000
_FRESH_S = 1.0


class Safe(str):
    """Text that went through the door. What is made of it is plain text again, unless it says so.

    `Safe(words)` says of words that all that others wrote in them went through.
    """

    __slots__ = ()


class _Door:
    """The current redaction, and a cache of its results for short texts."""

    def __init__(self) -> None:
        self.redaction: Redaction = redaction()
        self.time = time.monotonic()
        self.count = len(os.environ)
        self.patterns: Mapping[str, object] = host().patterns.given
        self.known: dict[str, str] = {}
        self.shortest = min(_SHORTEST_FORM, self.redaction.shortest)

    def is_fresh(self) -> bool:
        """Say whether it is as of now: the environment is looked at now and then."""
        return (
            time.monotonic() - self.time <= _FRESH_S
            and self.count == len(os.environ)
            and self.patterns is host().patterns.given
        )

    def keyless(self, text: str) -> str:
        if len(text) > _SHORT_CHARS:
            return self.redaction(text)
        clean = self.known.get(text)
        if clean is None:
            if len(self.known) >= _MOST_KNOWN:
                self.known.clear()
            clean = self.known[text] = self.redaction(text)
        return clean


def _now() -> _Door:
    door: _Door | None = host().door
    if door is None or not door.is_fresh():
        door = host().door = _Door()
    return door


def keyless(text: str) -> str:
    """Take keys out of a text that is to be shown; the rest of the door is still to come."""
    if isinstance(text, Safe) or (len(text) < _SHORTEST and not host().patterns):
        return text
    door = _now()
    if len(text) < door.shortest and not host().patterns and _PLAIN.fullmatch(text):
        return text
    return door.keyless(text)


def keyless_bytes(data: bytes) -> bytes:
    """Take keys out of bytes that are to be shown, as far as they are text."""
    return _now().redaction.of_bytes(data)


def undecided(text: str) -> int:
    """Say how much of the end of a text that goes on may be the beginning of a key."""
    return _now().redaction.undecided(text)


def visible(text: str) -> Safe:
    r"""Make what has no sign of its own seen: controls, directions, spaces of no width.

    Keys are taken out: what is shown is saved and shared.

    Example:
        >>> visible("a\x1b[31m\u202eb")
        'a⟨U+001B⟩[31m⟨U+202E⟩b'
    """
    return text if isinstance(text, Safe) else seen(keyless(text))


def seen(text: str) -> Safe:
    """Make what has no sign of its own seen, in a text without keys."""
    if text.isascii() and text.isprintable():
        return Safe(text)
    return Safe(signed(text))


def line(words: str, most: int) -> str:
    r"""Give any text as one line, with every sign in it seen, cut at so many characters.

    Example:
        >>> line("a\nb\u202e c", 40)
        'a b⟨U+202E⟩ c'
    """
    if isinstance(words, Safe) and len(words) <= most and "\n" not in words:
        return words
    # Signs of control take more room; nobody reads on behind so many.
    room = most * 2 + 8
    head = words if isinstance(words, Safe) else keyless(words[: room + EDGE])
    flat = " ".join(head[:room].split())
    shown = Safe(flat[: most + 1]) if isinstance(words, Safe) else seen(flat[: most + 1])
    is_cut = len(words) > room or len(shown) > most
    return Safe(f"{shown[: most - 1]}…") if is_cut else shown


class Keyless(logging.Filter):
    """Takes keys out of what is logged, tracebacks too: a key may be in any error's words."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Write the line out, and its traceback, as far as somebody hears it."""
        try:
            record.msg = keyless(record.getMessage())
        except Exception:  # noqa: BLE001  a `repr` of somebody's own may raise anything
            record.msg = f"{record.msg} (what it is about cannot be told)"
        record.args = ()
        if record.exc_info:
            record.exc_text = keyless(_written.formatException(record.exc_info))
            record.exc_info = None
        return True


_written = logging.Formatter()
