"""Text and tables as Markdown: what others wrote is escaped, and stays one cell or one line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

# As entities: a page that sets mathematics, or links what looks like an address, reads a backslash
# before a sign in its own way. The rest is Markdown's own, and a backslash takes it as text.
_ENTITIES = {c: f"&#{ord(c)};" for c in "\\$|@"} | {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_SIGNS = re.compile(
    r"[\\$|@&<>`*\[\]~#!{}^]|(?<![^\W_])_|_(?![^\W_])|:(?=//)|(?<=www)\.", re.IGNORECASE
)
# What begins a list, a title or a rule, where it is the first of a line.
_FIRST = re.compile(r"^([-+=]|\d{1,9}(?=[.)](?:\s|$)))")
# Of what stands before a line of code, so much is kept.
_MOST_INDENT = 24
SPACE, STEP = "&nbsp;", "&emsp;"


def escaped(words: str) -> str:
    r"""Write one line so that Markdown shows it, and takes nothing in it for more than text.

    Example:
        >>> print(escaped("[a](b) | <i> 2*3 snake_case _x"))
        \[a\](b) &#124; &lt;i&gt; 2\*3 snake_case \_x
    """
    text = _SIGNS.sub(_as_text, " ".join(words.split()))
    first = _FIRST.match(text)
    if first is None:
        return text
    end = first.end()
    return f"{text[:end]}\\{text[end:]}" if text[0].isdigit() else f"\\{text}"


def _as_text(found: re.Match[str]) -> str:
    sign = found[0]
    if sign in ":.":
        return f"&#{ord(sign)};"
    return _ENTITIES.get(sign, f"\\{sign}")


def quoted(words: str) -> list[str]:
    """Write a text of many lines as a quotation, each line of it as it stands."""
    lines = []
    for row in words.splitlines():
        indent = min(len(row) - len(row.lstrip()), _MOST_INDENT)
        lines.append(f"> {SPACE * indent}{escaped(row)}")
    # Two spaces at its end: the next is a line of its own.
    return [*(f"{row}  " for row in lines[:-1]), *lines[-1:]]


def table(
    heads: Sequence[str], rows: Iterable[Sequence[str]], is_number: Sequence[bool] = ()
) -> list[str]:
    r"""Give the lines of a table. Cells are Markdown already; numbers stand to the right.

    Example:
        >>> print("\n".join(table(["a", "n"], [["x", "1"]], [False, True])))
        | a | n |
        |---|---:|
        | x | 1 |
    """
    right = [*is_number, *[False] * (len(heads) - len(is_number))]
    bars = "|".join("---:" if one else "---" for one in right)
    return [_row(heads), f"|{bars}|", *map(_row, rows)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell or ' ' for cell in cells)} |"
