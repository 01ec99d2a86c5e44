"""Rows as a bounded table, for a terminal and for a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...core.text.markdown import table as markdown_table
from .html import MOST_BYTES, ROOM, Page, bytes_of, safe, sentence
from .shown import Shown, in_markdown
from .values import line, said
from .widths import cells
from .widths import columns as lined

MOST_ROWS = 50
CELL_CHARS = 80
# In Markdown, of a cell that is drawn.
MOST_CELL = 400
# A column whose cells are all as narrow as that stands on one line, while such and short columns
# take no more than that together: else a name breaks before its last letter, beside much room.
_NARROW, _MOST_NARROW = 22, 48


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its title, and how its cells stand: numbers to the right, short ones unbroken."""

    title: str
    is_number: bool = False
    is_short: bool = False
    # On one line where our sheet is, which lets the texts beside it break.
    is_narrow: bool = False
    # In pixels, where a column must not be narrower.
    width: int = 0


@dataclass(frozen=True, slots=True)
class Drawn:
    """A cell that is drawn: as HTML of ours, and as text where nothing can be drawn."""

    html: str
    text: str


def table(
    rows: Sequence[Sequence[Any]],
    columns: Sequence[Column | str],
    *,
    title: str = "",
    count: int | None = None,
    most_rows: int = MOST_ROWS,
    max_bytes: int = 30_000,
) -> Shown:
    """Show rows under their columns, at most so many of them.

    Args:
        rows: The cells of each row. Anything may stand in one.
        columns: A title each, or a `Column`.
        title: A line above.
        count: How many rows there are, where `rows` are only the first of them.
        most_rows: How many are shown.
        max_bytes: Of the HTML; 200 kB is the most.
    """
    known = [Column(c) if isinstance(c, str) else c for c in columns]
    kept = rows[:most_rows]
    hidden = (len(rows) if count is None else max(count, len(rows))) - len(kept)
    # A title alone says that there is none.
    words = [line(title, 400)] if title else []
    if kept or not title:
        words += lines(kept, known)
    if hidden:
        words.append(f"… {hidden:,} more")

    def html() -> str:
        page = Page(min(max_bytes, MOST_BYTES))
        if title:
            page.add(f"<p>{sentence(line(title, 400))}</p>")
        if kept or not title:
            add(page, kept, known, hidden)
        return str(page)

    def markdown() -> list[str]:
        head = [in_markdown(line(title, 400)), ""] if title else []
        more = ["", f"… {hidden:,} more"] if hidden else []
        return [*head, *(marked_down(kept, known) if kept or not title else []), *more]

    return Shown("\n".join(words), html, "Table", markdown=markdown)


def folding(
    rows: Sequence[Sequence[Any]],
    columns: Sequence[Column],
    *,
    title: str,
    text: str,
    count: int,
    shown: int,
    max_bytes: int = 30_000,
) -> Shown:
    """Show the first rows under a heading, and fold those behind them.

    Args:
        rows: The cells of each row that may be drawn.
        columns: Their columns.
        title: The heading, as HTML of ours.
        text: The heading, as text.
        count: How many rows there are.
        shown: How many are seen before the fold is opened.
        max_bytes: Of the HTML; 200 kB is the most.
    """
    first, more = rows[:shown], rows[shown:]
    words = [text, *lines(first, columns)]
    if count > len(first):
        words.append(f"… {count - len(first):,} more")

    def html() -> str:
        page = Page(min(max_bytes, MOST_BYTES))
        page.add(title)
        left = count - len(first)
        add(page, first, columns, 0 if more else left)
        begin = f"<details class=f style=margin:0><summary>{left:,} more rows</summary>"
        if more and page.begin(begin, "</details>"):
            add(page, more, columns, count - len(rows))
            page.close()
        return str(page)

    def markdown() -> list[str]:
        hidden = count - len(first)
        more = ["", f"… {hidden:,} more"] if hidden else []
        return [in_markdown(text), "", *marked_down(first, columns), *more]

    return Shown("\n".join(words), html, "Table", markdown=markdown)


def marked_down(rows: Sequence[Sequence[Any]], columns: Sequence[Column]) -> list[str]:
    """Give the lines of a table in Markdown."""
    if not rows:
        return ["(none)"]
    heads = [in_markdown(line(c.title, 40)) for c in columns]
    cells = ([in_markdown(_seen(cell)) for cell in row] for row in rows)
    return markdown_table(heads, cells, [c.is_number for c in columns])


def _seen(cell: Any) -> str:
    # What is drawn may hold what others wrote.
    return line(_word(cell), MOST_CELL)


def lines(rows: Sequence[Sequence[Any]], columns: Sequence[Column]) -> list[str]:
    """Give a table as lines whose columns stand below each other."""
    if not rows:
        return ["(none)"]
    heads = [line(c.title, 40) for c in columns]
    cells = [heads, *([_word(cell) for cell in row] for row in rows)]
    return lined(cells, [column.is_number for column in columns])


def add(
    page: Page, rows: Sequence[Sequence[Any]], columns: Sequence[Column], hidden: int = 0
) -> None:
    """Write a table on a page, as many rows of it as there is room for."""
    if not rows:
        page.add("<p>(none)</p>")
        return
    columns = _unbroken(rows, columns)
    head = "".join(
        f"<th{f' width={c.width}' if c.width else ''}{_marks(c)}>{safe(line(c.title, 40))}"
        for c in columns
    )
    begin = f"<table width=100% style=margin:0;table-layout:auto><thead align=right><tr>{head}<tfoot align=right>"
    end = "</table>"
    if not page.add("", keep=bytes_of(begin + end) + ROOM):
        return
    page.open(begin, end)
    for n, row in enumerate(rows):
        cells = zip(row, columns, strict=True)
        drawn = "".join(f"<td{_marks(c)}>{_cell(cell)}" for cell, c in cells)
        if not page.add(f"<tr>{drawn}"):
            hidden += len(rows) - n
            break
    page.close()
    page.more(hidden)


def _unbroken(rows: Sequence[Sequence[Any]], columns: Sequence[Column]) -> list[Column]:
    """Let narrow columns stand on one line, as far as there is room for them."""
    widest = [
        max(cells(_word(row[n])) for row in [*rows, [c.title for c in columns]])
        for n, c in enumerate(columns)
    ]
    is_fixed = [c.is_number or c.is_short for c in columns]
    left = _MOST_NARROW - sum(w for w, known in zip(widest, is_fixed, strict=True) if known)
    found = []
    for column, width, known in zip(columns, widest, is_fixed, strict=True):
        if not known and width <= min(_NARROW, left):
            left -= width
            column = replace(column, is_narrow=True)
        found.append(column)
    return found


def _marks(column: Column) -> str:
    """Say how a column stands: numbers and what is short on one line, texts at the left."""
    if column.is_number:
        return " style=white-space:nowrap"
    if column.is_short:
        return ' class="l k" align=left style="text-align:left;white-space:nowrap"'
    return _NARROW_LEFT if column.is_narrow else _LEFT


_LEFT = " class=l align=left style=text-align:left"
_NARROW_LEFT = ' class="l k" align=left style=text-align:left'


def _cell(cell: Any) -> str:
    return cell.html if isinstance(cell, Drawn) else safe(_word(cell))


def _word(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, Drawn):
        return cell.text
    if type(cell) is int:
        return f"{cell:,}"
    return said(cell, CELL_CHARS)
