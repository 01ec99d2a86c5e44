"""Texts measured in cells of a terminal: a wide character takes two, a combining one none."""

from __future__ import annotations

from collections.abc import Sequence
from unicodedata import combining, east_asian_width


def cells(text: str) -> int:
    r"""Count the cells that a text of one line takes.

    Example:
        >>> cells("abc"), cells("東京"), cells("e\u0301")
        (3, 4, 1)
    """
    if text.isascii():
        return len(text)
    return sum(_width(char) for char in text)


def _width(char: str) -> int:
    if combining(char):
        return 0
    return 2 if east_asian_width(char) in ("W", "F") else 1


def fitted(text: str, most: int) -> str:
    """Give a text of at most so many cells; one that was cut ends in `…`.

    Example:
        >>> fitted("東京タワー", 6)
        '東京…'
    """
    if len(text) * 2 <= most or cells(text) <= most:
        return text
    left = most - 1
    for n, char in enumerate(text):
        left -= _width(char)
        if left < 0:
            return f"{text[:n].rstrip('…')}…"
    return text


def padded(text: str, width: int, *, to_right: bool = False) -> str:
    """Fill a text up to so many cells."""
    space = " " * (width - cells(text))
    return space + text if to_right else text + space


def columns(rows: Sequence[Sequence[str]], to_right: Sequence[bool]) -> list[str]:
    """Give rows as lines whose columns stand below each other, two spaces between them."""
    widths = [max(cells(row[i]) for row in rows) for i in range(len(to_right))] if rows else []
    return [
        "  ".join(
            padded(word, width, to_right=right)
            for word, width, right in zip(row, widths, to_right, strict=True)
        ).rstrip()
        for row in rows
    ]
