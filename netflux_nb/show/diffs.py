"""Diffs of two runs as text for a terminal, and as static HTML for a notebook."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..compare.diff import Diff, NodeDiff
from ..compare.equality import plain, readable
from ..core.errors import stringify
from ..core.text import markdown
from ..core.views import NodeState, NodeView
from ..replay.begin import Replayed
from ..runtime.safe import visible
from .parts import beside, values, widths
from .parts.html import (
    BELOW,
    BELOW_END,
    FOLD_ROW,
    FOLD_ROW_END,
    MOST_BYTES,
    ROOM,
    ROWS,
    ROWS_END,
    Page,
    bytes_of,
    safe,
)
from .parts.marked import Marked, marked, said
from .parts.shown import Shown, in_markdown
from .parts.text import clean
from .sides import words
from .sides.diff_rows import MOST_LEVELS, AlikeRows, DiffRow, chosen, walked
from .sides.talks import talk

LINE_CHARS = 2_000
# Columns of the tree beside the call, in pixels at most; of numbers, what they need.
WIDTHS = {"What changed": 150, "Time": 108, "Tokens": 92, "Money": 138}
_CHAR, _PADDING, _LEAST = 8, 14, 54
# In a terminal, in cells.
_CALL_CELLS, _WHAT_CELLS = 60, 40
_FIRST = "◀ first"

_SUMS = (
    "<table width=100% style=margin:0;table-layout:fixed><thead><tr>"
    f"<th width={beside.NAME_WIDTH} align=left style=text-align:left>"
    "{0}<th align=left style=text-align:left class=l>{1}"
    "<th align=left style=text-align:left class=l>{2}<th width=110 align=right>change<tfoot>"
)
# What is kept for the line of the first divergence, where there is little room.
_FIRST_BYTES = 600
# Conversations take at most this share of what is left.
_TALK_SHARE = 0.3


def text(diff: Diff, *, only_changes: bool = True, width: int = 100) -> str:
    """Draw a diff for a terminal: what it comes to, the first divergence, the tree.

    Args:
        diff: What to draw.
        only_changes: Leave out Nodes that do not differ, but for those above one that does.
        width: Of a line of text, in characters.
    """
    lines = [f"{words.title(diff)} · {words.verdict(diff)}", "", *_sums_lines(diff)]
    if unknown := words.unknown(diff):
        lines.append(unknown)
    if diff.first is not None:
        lines += ["", *_first_lines(diff, diff.first, width)]
    if not only_changes or not diff.is_same:
        lines += ["", *_tree_lines(diff, only_changes)]
    if ids := words.ids(diff):
        lines += ["", ids]
    return "\n".join(lines)


def _sums_lines(diff: Diff) -> list[str]:
    rows = [("", *words.labels(diff), "change"), *words.sums(diff)]
    return widths.columns(rows, [False, False, False, True])


def _first_lines(diff: Diff, first: NodeDiff, width: int) -> Iterator[str]:
    yield f"First divergence: {values.line(first.path, 500)} ({words.what(diff, first)})"
    if first.left is None or first.right is None:
        yield f"  {_call(first)}"
    for found in words.fields_of(diff, first):
        yield f"  {words.label(found.name)}"
        for line in marked(found, beside.MOST_LINES):
            for row in _wrapped(_plain_line(line), width - 4):
                yield f"    {row}"


def _tree_lines(diff: Diff, only_changes: bool) -> Iterator[str]:
    found = chosen(diff, only_changes=only_changes)
    rows: list[Sequence[str]] = [("Call", *WIDTHS)]
    notes: dict[int, str] = {}
    for lead, row in walked(found.top):
        if isinstance(row, AlikeRows):
            notes[len(rows)] = f"{lead}{row.title}"
            rows.append(("",) * 5)
            continue
        call = widths.fitted(f"{lead}{_words(diff, row)}", _CALL_CELLS)
        rows.append((call, widths.fitted(row.what, _WHAT_CELLS), *words.figures(row.node)))
    for n, line in enumerate(widths.columns(rows, [False, False, True, True, True])):
        yield notes.get(n, line)
    if found.more:
        yield f"… {found.more:,} more"
    for fold in found.alike:
        yield fold.title


def _words(diff: Diff, row: DiffRow) -> str:
    node = row.node
    call = "" if node.left is not None and node.right is not None else _call(node, with_name=False)
    first = f" {_FIRST}" if node is diff.first else ""
    return f"{_shape(row)} {row.title}{call}{first}"


def _shape(row: DiffRow) -> str:
    return words.BELOW if row.is_way else words.SHAPES[row.node.status]


def _call(node: NodeDiff, *, with_name: bool = True) -> str:
    """Write the call of a Node that one side has, and what came of it."""
    view = node.left if node.left is not None else node.right
    assert view is not None
    args = ", ".join(f"{clean(k, 24)}={_shown(v, 24)}" for k, v in view.inputs.items())
    name = clean(view.fn.name, 64) if with_name else ""
    return f"{name}({clean(args, 60)}) → {_outcome(view)}"


def _outcome(view: NodeView) -> str:
    if view.state is NodeState.Success:
        return _shown(view.outputs, 60)
    if view.exception is not None:
        return f"{view.state.value}: {clean(stringify(view.exception, 200))}"
    return str(view.state.value)


def _shown(value: object, most: int) -> str:
    return clean(visible(readable(plain(value), most)), most)


def _plain_line(line: Marked) -> str:
    if line.is_whole:
        mark = {"same": "  ", "removed": "- ", "added": "+ "}[line.pieces[0].tag]
        return mark + visible(line.pieces[0].text)
    label = f"{visible(line.label)}: " if line.label else ""
    begin = {"same": "", "removed": "[-", "added": "{+"}
    end = {"same": "", "removed": "-]", "added": "+}"}
    pieces = [f"{begin[p.tag]}{said(line, p)}{end[p.tag]}" for p in line.pieces]
    return label + "".join(pieces)[:LINE_CHARS]


def _wrapped(line: str, width: int) -> Iterator[str]:
    width = max(width, 20)
    for left in line.split("\n"):
        while len(left) > width:
            # At a space where one is near; a word that fills a line is cut.
            end = left.rfind(" ", width // 2, width) + 1 or width
            yield left[:end].rstrip(" ")
            left = left[end:]
        yield left


def shown(diff: Diff, *, only_changes: bool = True, max_bytes: int = 30_000) -> Shown:
    """Show a diff: what both came to, the first divergence, the trees laid over each other.

    Args:
        diff: What to show.
        only_changes: Leave out Nodes that do not differ, but for those above one that does.
        max_bytes: Of the HTML; 200 kB is the most.
    """
    most = min(max_bytes, MOST_BYTES)
    return Shown(
        text(diff, only_changes=only_changes),
        lambda: html(diff, only_changes=only_changes, max_bytes=most),
        "Diff",
        markdown=lambda: _markdown(diff, only_changes),
    )


def _markdown(diff: Diff, only_changes: bool) -> Iterator[str]:
    yield f"**{in_markdown(words.title(diff))}** · {in_markdown(words.verdict(diff))}"
    yield ""
    sums = [[in_markdown(cell) for cell in row] for row in words.sums(diff)]
    labels = [in_markdown(label) for label in words.labels(diff)]
    yield from markdown.table(["what", *labels, "change"], sums, [False, False, False, True])
    if unknown := words.unknown(diff):
        yield from ("", in_markdown(unknown))
    if diff.first is not None:
        yield ""
        yield from _marked_first(diff, diff.first)
    if not (only_changes and diff.is_same):
        yield ""
        yield from _marked_tree(diff, only_changes)
    if ids := words.ids(diff):
        yield from ("", in_markdown(ids))


def _marked_first(diff: Diff, first: NodeDiff) -> Iterator[str]:
    path = in_markdown(values.line(first.path, 500))
    yield f"**First divergence:** {path} ({in_markdown(words.what(diff, first))})"
    if first.left is None or first.right is None:
        yield from ("", in_markdown(_call(first)))
    for found in words.fields_of(diff, first):
        yield from ("", f"{in_markdown(words.label(found.name))}:", "")
        for line in marked(found, beside.MOST_LINES):
            yield from markdown.quoted(visible(_plain_line(line))) or [">"]
            yield ">"


def _marked_tree(diff: Diff, only_changes: bool) -> Iterator[str]:
    found = chosen(diff, only_changes=only_changes)
    rows: list[list[str]] = []
    for lead, row in walked(found.top):
        space = markdown.STEP * (len(lead) // 3)
        if isinstance(row, AlikeRows):
            rows.append([space + in_markdown(row.title), *[""] * len(WIDTHS)])
            continue
        cells = [_words(diff, row), row.what, *words.figures(row.node)]
        rows.append([space + in_markdown(cells[0]), *map(in_markdown, cells[1:])])
    yield from markdown.table(["Call", *WIDTHS], rows, [False, False, True, True, True])
    if found.more:
        yield from ("", f"… {found.more:,} more")
    for fold in found.alike:
        yield from ("", in_markdown(fold.title))


def replayed(found: Replayed, *, max_bytes: int = 30_000) -> Shown:
    """Show a replay, and below it the diff where something came out otherwise."""
    told = str(found)

    def drawn() -> str:
        page = Page(min(max_bytes, MOST_BYTES))
        first, *rest = told.splitlines()
        mark = "●" if found.is_same else "✗"
        lines = "".join(f"<br>{safe(line[:1_000])}" for line in rest)
        page.add(f"<p><b>{mark} {safe(first)}</b>{lines}</p>")
        if not found.is_same:
            page.add(html(found.diff, max_bytes=page.left))
        return str(page)

    return Shown(told, drawn, "Replay")


def html(diff: Diff, *, only_changes: bool = True, max_bytes: int = 30_000) -> str:
    """Draw a diff as one static piece of HTML, without script, of at most so many bytes.

    The first divergence stands above the tree with all that differs in it: a link to it would
    not survive where outputs are cleaned.

    It reads without its styles too: what was removed and added is `del` and `ins`, and a
    status is a shape and a word.
    """
    ids = f"<p><small>{safe(words.ids(diff))}</small></p>" if words.ids(diff) else ""
    page = Page(max_bytes - ROOM - bytes_of(ids))
    page.add(f"<p><b>{safe(words.title(diff))}</b> · {safe(words.verdict(diff))}</p>")
    if unknown := words.unknown(diff):
        page.add(f"<p>{safe(unknown)}</p>")
    labels = words.labels(diff)
    rows = "".join(_sums_row(row) for row in words.sums(diff))
    sums = f"{_SUMS.format('what', *map(safe, labels))}{rows}</table>"
    if bytes_of(sums) + _FIRST_BYTES < page.left:
        page.add(sums)
    if diff.first is not None:
        _add_first(page, diff, diff.first)
    if not (diff.is_same and only_changes):
        _add_tree(page, diff, only_changes)
    page.left += bytes_of(ids)
    page.add(ids)
    return str(page)


def _sums_row(row: tuple[str, str, str, str]) -> str:
    name, before, after, change = map(safe, row)
    left = "<td class=l align=left style=text-align:left>"
    return f"<tr>{left}<small>{name}</small>{left}{before}{left}{after}<td align=right>{change}"


def _add_first(page: Page, diff: Diff, first: NodeDiff) -> None:
    path = f"<code>{safe(values.line(first.path, 500))}</code>"
    page.add(f"<p><b>First divergence:</b> {path} {safe(words.what(diff, first))}</p>")
    if first.left is None or first.right is None:
        page.add(f"<p>{safe(_call(first))}</p>")
    _add_fields(page, diff, first)
    page.add(talk(diff, first, int(page.left * _TALK_SHARE)))


def _add_fields(page: Page, diff: Diff, node: NodeDiff) -> None:
    fields = words.fields_of(diff, node)
    if not fields or not page.begin(beside.head("before", "after"), beside.END):
        return
    for found in fields:
        page.add(beside.field_rows(found, words.label(found.name), page.left // 4))
    page.close()


def _add_tree(page: Page, diff: Diff, only_changes: bool) -> None:
    found = chosen(diff, only_changes=only_changes)
    sizes = _sizes(found.top)
    if page.begin(f"<div class=nf1-t>{_head(sizes)}", "</div>"):
        drawing = _Drawing(page, diff, sizes)
        drawing.add(found.top)
        page.close()
        page.more(found.more + drawing.more, ROOM)
    else:
        page.more(len(diff.changed), ROOM)
    for fold in found.alike:
        _add_alike(page, fold)


def _sizes(top: Sequence[DiffRow | AlikeRows]) -> list[int]:
    """Give the widths of the columns, the same in all tables of one tree."""
    what, *numbers = WIDTHS.values()
    longest = [0] * len(numbers)
    for _, row in walked(top):
        for one in row.rows if isinstance(row, AlikeRows) else [row]:
            for n, figure in enumerate(words.figures(one.node)):
                longest[n] = max(longest[n], len(figure))
    needed = [max(_CHAR * chars + _PADDING, _LEAST) for chars in longest]
    return [what, *map(min, numbers, needed)]


def _head(sizes: Sequence[int]) -> str:
    titles = [f"<th width={size} style=font-weight:400>{title}"
              for title, size in zip(WIDTHS, sizes, strict=True)]  # fmt: skip
    left = "align=left style=text-align:left;font-weight:400"
    titles[0] = titles[0].replace("style=font-weight:400", left)
    return (
        "<table width=100% style=margin:0><thead align=right><tr>"
        f"<th {left}>Call{''.join(titles)}</table>"
    )


def _add_alike(page: Page, fold: AlikeRows) -> None:
    begin, end = f"<details><summary>{safe(fold.title)}</summary><div>", "</div></details>"
    if not page.begin(begin, end):
        page.add(f"<p>{safe(fold.title)}</p>")
        return
    for row in fold.rows:
        if not page.add(f"<p><small>{safe(values.line(row.node.path, 200))}</small></p>"):
            break
    page.close()


class _Drawing:
    """The rows of a tree, as far as there is room on a page."""

    def __init__(self, page: Page, diff: Diff, sizes: Sequence[int]) -> None:
        self.page, self.diff, self.sizes = page, diff, sizes
        self.more = 0
        self.in_table = False
        self.open = {id(diff.nodes[0])}
        node = diff.first
        while node is not None and len(self.open) <= MOST_LEVELS:
            self.open.add(id(node))
            node = node.parent

    def add(self, top: Sequence[DiffRow | AlikeRows]) -> None:
        """Write rows, parents before what stands below them."""
        stack: list[DiffRow | AlikeRows | None] = [*reversed(top)]
        is_full = False
        while stack:
            row = stack.pop()
            if row is None:
                self.end_table()
                self.page.close()
                continue
            inner = row.rows if isinstance(row, AlikeRows) else row.below
            if is_full or not self.begin(row):
                is_full = True
                self.more += isinstance(row, DiffRow)
                stack.extend(inner)
            elif self.folds(row):
                stack += [None, *reversed(inner)]
        self.end_table()

    def folds(self, row: DiffRow | AlikeRows) -> bool:
        """Say whether a row has something below it."""
        if isinstance(row, AlikeRows):
            return bool(row.rows)
        has_fields = bool(words.fields_of(self.diff, row.node)) and row.node is not self.diff.first
        return bool(row.below) or has_fields

    def begin(self, row: DiffRow | AlikeRows) -> bool:
        """Write one row; False where there is no room."""
        if not self.folds(row):
            return isinstance(row, DiffRow) and self.leaf(row)
        if isinstance(row, AlikeRows):
            head = f"<details><summary>{safe(row.title)}</summary>{BELOW}"
        else:
            opened = " open" if id(row.node) in self.open else ""
            cells = f"{FOLD_ROW}{self.cells(row)}{FOLD_ROW_END}"
            head = f"<details class=f style=margin:0{opened}><summary>{cells}{BELOW}"
        if bytes_of(head + BELOW_END) + 2 * ROOM > self.page.left:
            return False
        self.end_table()
        self.page.begin(head, BELOW_END)
        if isinstance(row, DiffRow) and row.node is not self.diff.first:
            self.add_sides(row)
        return True

    def add_sides(self, row: DiffRow) -> None:
        """Write what differs in a row's Node: folded where a tree goes on below it."""
        if not words.fields_of(self.diff, row.node):
            return
        title = f"<small>before and after: {safe(row.what)}</small>"
        begin, end = f"<details style=margin:0><summary>{title}</summary><div>", "</div></details>"
        is_folded = bool(row.below) and self.page.begin(begin, end)
        if is_folded or not row.below:
            _add_fields(self.page, self.diff, row.node)
            self.page.add(talk(self.diff, row.node, int(self.page.left * _TALK_SHARE / 4)))
        if is_folded:
            self.page.close()

    def leaf(self, row: DiffRow) -> bool:
        """Write a row with nothing below it, into the table of those before it."""
        cells = self.cells(row)
        if bytes_of(cells + ROWS + ROWS_END) + 2 * ROOM > self.page.left:
            return False
        if not self.in_table:
            self.page.begin(ROWS, ROWS_END)
            self.in_table = True
        return self.page.add(cells)

    def end_table(self) -> None:
        """Close the table of rows with nothing below them."""
        if self.in_table:
            self.page.close()
            self.in_table = False

    def cells(self, row: DiffRow) -> str:
        """Draw a row: the call, what changed, the figures of both sides."""
        node = row.node
        view = node.left if node.left is not None else node.right
        assert view is not None
        name = safe(row.title)
        space = "" if self.folds(row) else "\u2003"
        # In an element of its own: the sheet colours a bold first one as a success.
        parts = [
            f"{space}<span>{_shape(row)}</span>",
            f"<b>{name}</b>" if view.fn.is_agent() else name,
        ]
        if node is self.diff.first:
            parts.append(f"<i>{_FIRST}</i>")
        if node.left is None or node.right is None:
            parts.append(f"<tt>{safe(_call(node, with_name=False))}</tt>")
        what, *amounts = [row.what, *words.figures(node)]
        sizes = self.sizes
        columns = f"<td width={sizes[0]} class=l align=left style=text-align:left>{safe(what)}"
        columns += "".join(
            f"<td width={size}>{safe(amount)}"
            for size, amount in zip(sizes[1:], amounts, strict=True)
        )
        return f"<tr><td align=left style=text-align:left>{' '.join(parts)}{columns}"
