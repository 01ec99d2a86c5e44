"""A changed field as HTML: both sides beside each other, word by word."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from ...compare.fields import Field, TextChange
from ...compare.sequences import TextPiece, word_diff
from .html import TEXT, bytes_of, safe
from .look import ADDED, REMOVED
from .marked import Marked, marked, said, shortened

# Lines of one field.
MOST_LINES = 12
# Of a page, for one field.
FIELD_BYTES = 4_000
# Two lines of more characters are not read word by word.
_WORDS_CHARS = 4_000

_BOTH = (
    "table-layout:fixed;width:100%;border-collapse:collapse;white-space:pre-wrap;"
    "overflow-wrap:anywhere;margin:0 0 .3em"
)
_SIDE = "text-align:left;vertical-align:top;padding:0 .8em"
_BEGIN = {"same": "", "removed": f'<del style="{REMOVED}">', "added": f'<ins style="{ADDED}">'}
_END = {"same": "", "removed": "</del>", "added": "</ins>"}

Pair = tuple[Marked | None, Marked | None]


def field_html(found: Field, room: int) -> str:
    """Draw one field that differs, in about so many bytes."""
    left = min(FIELD_BYTES, room)
    is_text = isinstance(found.change, TextChange)
    kept: list[str] = []
    for one, small in _pairs(found) if is_text else _lines(found):
        drawn = one if bytes_of(one) <= left else small
        left -= bytes_of(drawn)
        if left < 0:
            kept.append("<tr><td>…</td></tr>" if is_text else "…")
            break
        kept.append(drawn)
    if is_text:
        body = f'<table style="{_BOTH}"><tbody>{"".join(kept)}</tbody></table>'
    else:
        lines = "\n".join(kept)
        body = f'<pre style="{TEXT}">{lines}</pre>'
    return f"<div><i>{safe(found.name)}</i>{body}</div>"


def _lines(found: Field) -> Iterator[tuple[str, str]]:
    """Give each line below the other, and shorter for where there is little room."""
    for line in marked(found, MOST_LINES):
        yield _drawn(line), _drawn(shortened(line, 10, 60))


def _pairs(found: Field) -> Iterator[tuple[str, str]]:
    for left, right in beside(found, MOST_LINES):
        cut = tuple(None if one is None else shortened(one, 10, 60) for one in (left, right))
        yield _row(left, right), _row(*cut)


def _row(left: Marked | None, right: Marked | None) -> str:
    cells = "".join(
        f'<td style="{_SIDE}">{"" if one is None else _drawn(one)}</td>' for one in (left, right)
    )
    return f"<tr>{cells}</tr>"


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


def _whole(tag: str, text: str | None) -> Marked | None:
    if text is None:
        return None
    return Marked("", (TextPiece("removed" if tag == "removed" else "added", text),), is_whole=True)


def _side(line: Marked, without: str) -> Marked:
    return Marked(line.label, tuple(p for p in line.pieces if p.tag != without), line.is_whole)


def _drawn(line: Marked) -> str:
    label = f"{safe(line.label)}: " if line.label else ""
    return label + "".join(
        f"{_BEGIN[p.tag]}{escape(said(line, p), quote=False)}{_END[p.tag]}" for p in line.pieces
    )
