"""Untrusted text made legible: unprintable characters marked, cuts visible."""

from __future__ import annotations

import re

# Printable by name, and yet nothing is seen.
_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\u180b\u180c\u180d\u180f")
# How `cut` ends what it cut: a record holds the text alone.
_MORE = re.compile(r"… \([\d,]{1,20} more characters\)\Z")


def is_seen(char: str) -> bool:
    """True for a character that one sees, or that is a plain space."""
    if not char.isprintable() or char in _UNSEEN:
        return False
    return not ("\ufe00" <= char <= "\ufe0f" or char >= "\U000e0000")


def signed(text: str) -> str:
    r"""Put a sign in the place of what is not seen; lines stay lines.

    Example:
        >>> signed("a\x1b[31m\u202eb")
        'a⟨U+001B⟩[31m⟨U+202E⟩b'
    """
    return "".join(c if is_seen(c) else _sign(c) for c in text)


def _sign(char: str) -> str:
    # Few fonts have the pictures of controls; all have these.
    return {"\n": "\n", "\t": "⇥"}.get(char, f"⟨U+{ord(char):04X}⟩")


def escaped(text: str) -> str:
    r"""Put its escape, as Python writes it, in the place of what is not seen, also of a line's end.

    Example:
        >>> print(escaped("a\n\u202eb"))
        a\n\u202eb
    """
    return "".join(c if is_seen(c) else ascii(c)[1:-1] for c in text)


def blanked(text: str) -> str:
    """Put a space in the place of what is not seen, so that columns stay columns."""
    return "".join(c if is_seen(c) else " " for c in text)


def shortened(text: str, most: int) -> str:
    """Give a text of at most so many characters; one that was cut ends in `…`."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def cut(text: str, most: int) -> str:
    """Give the beginning of a text, and say how much more there is."""
    left = len(text) - most
    return text if left <= 0 else f"{text[:most]}… ({left:,} more characters)"


def length_kept(text: str) -> int | None:
    """Give how much of a text `cut` left; None where it is whole."""
    found = _MORE.search(text)
    return None if found is None else found.start()


def not_shown(text: str, most: int) -> str:
    """Say behind the beginning of a question what of it is left out; nothing where it is whole.

    Its brackets are those that no text of others has when it is shown beside them.
    """
    left = len(text) - most
    return "" if left <= 0 else f" ⟨{left:,} of {len(text):,} characters not shown⟩"
