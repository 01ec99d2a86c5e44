"""The conversations of an agent in both runs, aligned; what is alike is folded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest

from ...compare.diff import Diff, NodeDiff, Side
from ...compare.sequences import CommonRun, common
from ...core.text.legible import cut
from ...core.views import NodeView
from ...runtime.safe import visible
from .. import transcripts
from ..parts import beside
from ..parts.html import Page, bytes_of, folded, safe
from ..parts.numbers import count
from ..transcripts import Said

# Of one part, on one side.
_PART_CHARS = 1_200
_MOST_PARTS = 400
_SAME, _SAME_END = "<table width=100% style=margin:0><tfoot>", "</table>"
_REST = 120


def talk(diff: Diff, node: NodeDiff, room: int) -> str:
    """Draw the conversations of a Node side by side, folded; nothing where they do not differ."""
    left, right = node.left, node.right
    if node.agreeing_parts is None or left is None or right is None:
        return ""
    mine, theirs = _parts(left, diff.left), _parts(right, diff.right)
    title = f"<small>conversation, {len(mine):,} → {count(len(theirs), 'part')}</small>"
    page = Page(room + _REST)
    if not page.begin("<div>", "</div>"):
        return ""
    for chunk in _chunks(mine[:_MOST_PARTS], theirs[:_MOST_PARTS]):
        if not page.add(chunk, keep=_REST):
            page.add("<p><small>… more in the record</small></p>")
            break
    page.close()
    return folded(title, str(page))


def _parts(view: NodeView, side: Side) -> list[Said]:
    # Without its children: their times are no part of what was said.
    alone = replace(view, children=())
    return transcripts.parts(alone, side.systems.get(str(view.key), ""))


def _chunks(left: Sequence[Said], right: Sequence[Said]) -> Iterator[str]:
    at_l = at_r = 0
    for run in (*common(left, right), CommonRun(len(left), len(right), 0)):
        gap = [*_rows(left[at_l : run.left], right[at_r : run.right])]
        if gap:
            yield from _tables(gap)
        if run.size:
            same = left[run.left : run.left + run.size]
            body = "".join(map(transcripts.drawn, same))
            title = f"<small>{count(run.size, 'part')}, the same on both sides</small>"
            yield folded(title, f"{_SAME}{body}{_SAME_END}")
        at_l, at_r = run.left + run.size, run.right + run.size


def _tables(rows: Sequence[str]) -> Iterator[str]:
    """Give rows as tables that are small enough to be left out one by one."""
    begin, held = beside.head("before", "after", "who"), ""
    for row in rows:
        if held and bytes_of(held) + bytes_of(row) > 3_000:
            yield f"{begin}{held}{beside.END}"
            held = ""
        held += row
    yield f"{begin}{held}{beside.END}"


def _rows(left: Sequence[Said], right: Sequence[Said]) -> Iterator[str]:
    """Pair what the same speaker said, in order."""
    speakers = [[one.who for one in side] for side in (left, right)]
    at_l = at_r = 0
    for run in (*common(*speakers), CommonRun(len(left), len(right), 0)):
        for old, new in zip_longest(left[at_l : run.left], right[at_r : run.right]):
            yield from (_row(old, None) for _ in range(old is not None))
            yield from (_row(None, new) for _ in range(new is not None))
        for n in range(run.size):
            yield _row(left[run.left + n], right[run.right + n])
        at_l, at_r = run.left + run.size, run.right + run.size


def _row(old: Said | None, new: Said | None) -> str:
    one = old or new
    assert one is not None
    left, right = (_text(side) for side in (old, new))
    drawn = beside.words_beside(left, right)
    return beside.row(f"{one.sign} {safe(one.who)}", *drawn)


def _text(one: Said | None) -> str:
    return "" if one is None else visible(cut(one.words, _PART_CHARS))
