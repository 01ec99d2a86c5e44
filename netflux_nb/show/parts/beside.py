"""Changed fields and texts as HTML: both sides beside each other, word by word."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from ...compare.fields import Field, TextChange
from ...compare.sequences import Tag, TextPiece, word_diff
from .html import bytes_of, safe
from .look import ADDED, REMOVED
from .marked import Marked, marked, said, shortened

# Lines of one field.
MOST_LINES = 12
# Of a page, for one field.
FIELD_BYTES = 4_000
# Two lines of more characters are not read word by word.
_WORDS_CHARS = 4_000

_BEGIN = {"same": "", "removed": f'<del style="{REMOVED}">', "added": f'<ins style="{ADDED}">'}
_END = {"same": "", "removed": "</del>", "added": "</ins>"}
# The column of a field's name, in pixels.
NAME_WIDTH = 112
_CELL = " class=l align=left style=text-align:left"
END = "</table>"

Pair = tuple[Marked | None, Marked | None]


def head(left: str, right: str, first: str = "what") -> str:
    """Open a table of two sides, with their names above."""
    titles = "".join(f"<th{_CELL}>{safe(title)}" for title in (left, right))
    return (
        "<table width=100% style=margin:0;table-layout:fixed><thead><tr>"
        f"<th width={NAME_WIDTH}{_CELL}>{safe(first)}{titles}<tfoot>"
    )


def row(name: str, left: str, right: str) -> str:
    """Draw one row of two sides; all three are HTML."""
    return (
        f"<tr valign=top><td width={NAME_WIDTH}{_NAME}><small>{name}</small>"
        f"<td{_WRAP}>{left}<td{_WRAP}>{right}"
    )


_NAME = ' class=l align=left style="text-align:left;white-space:normal;overflow-wrap:anywhere"'
_WRAP = ' class=l align=left style="text-align:left;white-space:pre-wrap;overflow-wrap:anywhere"'


def field_rows(found: Field, name: str, room: int) -> str:
    """Draw one field that differs as rows of two sides, in about so many bytes."""
    left = min(FIELD_BYTES, room)
    drawn: list[str] = []
    for n, pair in enumerate(_pairs(found)):
        titled = _named(name, pair, is_first=n == 0)
        piece = row(titled, *map(_side_html, pair))
        if bytes_of(piece) > left:
            cut = [None if one is None else shortened(one, 10, 60) for one in pair]
            piece = row(titled, *map(_side_html, cut))
        left -= bytes_of(piece)
        if left < 0:
            drawn.append(row("" if drawn else safe(name), "…", "…"))
            break
        drawn.append(piece)
    return "".join(drawn)


def _named(name: str, pair: Pair, *, is_first: bool) -> str:
    place = next((one.label for one in pair if one is not None), "")
    shown = place.removeprefix("$.").removeprefix("$")
    words = safe(name) if is_first else ""
    return f"{words} <tt>{safe(shown[:80])}</tt>" if shown else words


def _side_html(one: Marked | None) -> str:
    return "" if one is None else drawn(one)


def _pairs(found: Field) -> Iterator[Pair]:
    change = found.change
    if isinstance(change, TextChange) and change.by_line:
        yield from beside(found, MOST_LINES)
        return
    for line in marked(found, MOST_LINES):
        yield _side(line, "added"), _side(line, "removed")


def words_beside(left: str, right: str) -> tuple[str, str]:
    """Draw two texts, what differs between them marked."""
    if len(left) + len(right) > _WORDS_CHARS:
        return drawn(_changed_text("removed", left)), drawn(_changed_text("added", right))
    line = Marked("", word_diff(left, right))
    return drawn(_side(line, "added")), drawn(_side(line, "removed"))


def _changed_text(tag: Tag, text: str) -> Marked:
    return Marked("", (TextPiece(tag, text),), is_whole=True)


def beside(found: Field, most: int) -> Iterator[Pair]:
    """Give the lines of a text that differs, left and right; lines that were changed in pairs."""
    olds: list[str] = []
    news: list[str] = []
    for line in marked(found, most):
        tag = line.pieces[0].tag if line.is_whole else ""
        if tag == "removed" and not news:
            olds.append(line.pieces[0].text)
        elif tag == "added":
            news.append(line.pieces[0].text)
        else:
            yield from _changed(olds, news)
            olds, news = [], []
            if tag == "removed":
                olds.append(line.pieces[0].text)
            else:
                yield _side(line, "added"), _side(line, "removed")
    yield from _changed(olds, news)


def _changed(olds: list[str], news: list[str]) -> Iterator[Pair]:
    for n in range(max(len(olds), len(news))):
        old = olds[n] if n < len(olds) else None
        new = news[n] if n < len(news) else None
        if old is None or new is None or len(old) + len(new) > _WORDS_CHARS:
            yield _whole("removed", old), _whole("added", new)
        else:
            line = Marked("", word_diff(old, new))
            yield _side(line, "added"), _side(line, "removed")


def _whole(tag: Tag, text: str | None) -> Marked | None:
    return None if text is None else _changed_text(tag, text)


def _side(line: Marked, without: str) -> Marked:
    return Marked(line.label, tuple(p for p in line.pieces if p.tag != without), line.is_whole)


def drawn(line: Marked) -> str:
    """Draw one line of one side."""
    return "".join(
        f"{_BEGIN[p.tag]}{escape(said(line, p), quote=False)}{_END[p.tag]}" for p in line.pieces
    )
