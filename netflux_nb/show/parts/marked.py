"""A changed field as lines of marked text, for a terminal and a page alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from typing import TypeGuard

from ...compare.equality import Opaque, plain, readable
from ...compare.fields import CallsChange, Field, RequestChange, TextChange
from ...compare.sequences import TextPiece, word_diff
from ...compare.table_cells import MOST_COMPARED, FrameChange, frame_change, is_frame
from ...compare.value_paths import PathChange, ValueChange
from ...core.text.legible import cut
from ...runtime.safe import visible

# Around what differs: lines, and characters of a line.
CONTEXT_LINES = 2
CONTEXT_CHARS = 60
# Of one text on one side.
MOST_CHARS = 600
# Runs of a line: one with more differences is no longer read word by word.
MOST_PIECES = 40
GAP = "⋯"


@dataclass(frozen=True, slots=True)
class Marked:
    """One line: where it stands, and runs of text that are the same, removed or added."""

    label: str
    pieces: tuple[TextPiece, ...]
    # A line of a text, which is the same, removed or added as a whole.
    is_whole: bool = False


def said(line: Marked, piece: TextPiece) -> str:
    """Give a piece as it is shown: an end of a line has a sign where it would not be seen."""
    text = visible(piece.text)
    if line.label:
        return text.replace("\n", "⏎ ")
    return text if piece.tag == "same" or line.is_whole else text.replace("\n", "⏎\n")


def shortened(line: Marked, pieces: int, chars: int) -> Marked:
    """Give a line with fewer and shorter pieces, for where there is little room."""
    kept = [TextPiece(p.tag, cut(p.text, chars)) for p in line.pieces[:pieces]]
    if len(line.pieces) > pieces:
        kept.append(TextPiece("same", GAP))
    return Marked(cut(line.label, chars), tuple(kept), line.is_whole)


def marked(found: Field, most: int) -> Iterator[Marked]:
    """Give at most so many lines for a field, and one that says how many are left."""
    lines = _marked(found)
    yield from islice(lines, most)
    left = sum(1 for _ in lines)
    if left:
        yield Marked("", (TextPiece("same", f"… {left:,} more"),))


def _marked(found: Field) -> Iterator[Marked]:
    change = found.change
    match change:
        case TextChange(by_line=True):
            return _by_line(change.pieces)
        case TextChange():
            return iter([Marked("", tuple(_near(change.pieces)))])
        case ValueChange(entries=()):
            return iter([_both("", _said(plain(found.left)), _said(plain(found.right)))])
        case ValueChange():
            return _entries(change, "")
        case FrameChange():
            return _cells(change)
        case CallsChange():
            return _calls(change.calls)


def _said(data: object) -> str:
    return readable(data, MOST_CHARS)


def _both(label: str, left: str | None, right: str | None) -> Marked:
    pieces = []
    if left is not None:
        pieces.append(TextPiece("removed", cut(left, MOST_CHARS)))
    if right is not None:
        pieces.append(TextPiece("added", cut(right, MOST_CHARS)))
    return Marked(label, tuple(pieces))


def _near(pieces: Sequence[TextPiece]) -> Iterator[TextPiece]:
    """Give a text with only what stands near a difference."""
    last = len(pieces) - 1
    for i, piece in enumerate(pieces):
        if i == MOST_PIECES:
            yield TextPiece("same", f"{GAP} ({last + 1 - i:,} more)")
            return
        text = piece.text
        if piece.tag != "same":
            yield TextPiece(piece.tag, cut(text, MOST_CHARS))
            continue
        head = text[:CONTEXT_CHARS] if i else ""
        tail = text[-CONTEXT_CHARS:] if i < last else ""
        is_short = len(text) <= len(head) + len(tail)
        yield piece if is_short else TextPiece("same", f"{head}{GAP}{tail}")


def _by_line(pieces: Sequence[TextPiece]) -> Iterator[Marked]:
    near: set[int] = set()
    for i, piece in enumerate(pieces):
        if piece.tag != "same":
            near.update(range(i - CONTEXT_LINES, i + CONTEXT_LINES + 1))
    for is_near, group in groupby(enumerate(pieces), lambda pair: pair[0] in near):
        if is_near:
            for _, piece in group:
                text = cut(piece.text.removesuffix("\n"), MOST_CHARS)
                yield Marked("", (TextPiece(piece.tag, text),), is_whole=True)
        else:
            yield Marked("", (TextPiece("same", GAP),), is_whole=True)


def _entries(change: ValueChange, before: str) -> Iterator[Marked]:
    # A list may hold any number of tables: all together are looked into as one may be.
    room = MOST_COMPARED
    for entry in change.entries:
        yield from _entry(entry, before, cell_by_cell=room > 0)
        room -= sum(o.value.size for o in (entry.left, entry.right) if _is_table(o))
    if change.is_cut:
        yield Marked("", (TextPiece("same", "… and more"),))


def _is_table(data: object) -> TypeGuard[Opaque]:
    return isinstance(data, Opaque) and is_frame(data.value)


def _entry(entry: PathChange, before: str, *, cell_by_cell: bool) -> Iterator[Marked]:
    label = before + entry.path
    match entry:
        case PathChange(kind="changed", left=str(left), right=str(right)):
            yield Marked(label, tuple(_near(word_diff(left, right))))
        case PathChange(left=old, right=new) if cell_by_cell and _is_table(old) and _is_table(new):
            for one in _cells(frame_change(old.value, new.value)):
                yield replace(one, label=f"{label} {one.label}".strip())
        case _:
            removed = None if entry.kind == "added" else _said(entry.left)
            added = None if entry.kind == "removed" else _said(entry.right)
            yield _both(label, removed, added)


def _cells(change: FrameChange) -> Iterator[Marked]:
    if change.left_shape != change.right_shape:
        olds, news = (f"{r:,} rows × {c:,} columns" for r, c in _shapes(change))
        yield _both("shape", olds, news)
    for label, removed, added in (
        ("rows", change.rows_removed, change.rows_added),
        ("columns", change.columns_removed, change.columns_added),
    ):
        if removed or added:
            yield _both(label, _names(removed), _names(added))
    for name, old, new in change.retyped:
        yield _both(f"type of {_name(name)}", old, new)
    if change.is_reordered:
        yield Marked("order", (TextPiece("added", "other than before"),))
    if change.changed is None:
        yield Marked("", (TextPiece("same", "too large to be compared cell by cell"),))
    for cell in change.cells:
        label = f"[{_name(cell.row)}, {_name(cell.column)}]"
        yield _both(label, _said(plain(cell.left)), _said(plain(cell.right)))
    left = (change.changed or 0) - len(change.cells)
    if left > 0:
        yield Marked("", (TextPiece("same", f"… {left:,} more cells"),))


def _shapes(change: FrameChange) -> tuple[tuple[int, int], tuple[int, int]]:
    return change.left_shape, change.right_shape


def _name(label: object) -> str:
    return readable(plain(label), 40)


def _names(labels: Iterable[object]) -> str | None:
    return ", ".join(map(_name, labels)) or None


def _calls(calls: Sequence[RequestChange]) -> Iterator[Marked]:
    for one in calls:
        if one.args is not None and one.left is not None:
            yield from _entries(one.args, f"{one.left.name} ")
            continue
        olds, news = (
            None if c is None else f"{c.name}({_said(plain(c.args))})"
            for c in (one.left, one.right)
        )
        yield _both("", olds, news)
