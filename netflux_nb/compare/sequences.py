"""Text and sequence diff: common runs, found in bounded time."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

Tag = Literal["same", "removed", "added"]

# After the common ends are taken off, a longer rest is one change: nobody reads more.
MOST_CHARS = 200_000
# Steps that are looked for between two sequences. The work grows with its square.
MOST_STEPS = 300
# Between two anchors there is less to find, and there may be many such gaps.
MOST_STEPS_IN_A_GAP = 40
# Of all gaps together; what is left after that is one change a gap.
MOST_STEPS_IN_ALL = 600

_WORDS = re.compile(r"\w+|\s+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class TextPiece:
    """A run of text that both sides have, or only one of them."""

    tag: Tag
    text: str


class CommonRun(NamedTuple):
    """A place where `size` items of one sequence equal as many of the other."""

    left: int
    right: int
    size: int


def word_diff(left: str, right: str) -> tuple[TextPiece, ...]:
    """Compare two texts word by word.

    Example:
        >>> [(p.tag, p.text) for p in word_diff("the old way", "the new way")]
        [('same', 'the '), ('removed', 'old'), ('added', 'new'), ('same', ' way')]
    """
    return _pieces(left, right, by_line=False)


def line_diff(left: str, right: str) -> tuple[TextPiece, ...]:
    r"""Compare two texts line by line. Each line is a piece of its own.

    Example:
        >>> [p.tag for p in line_diff("a\nb", "a\nc")]
        ['same', 'removed', 'added']
    """
    found = _pieces(left, right, by_line=True)
    return tuple(TextPiece(p.tag, line) for p in found for line in _lines(p.text))


def _lines(text: str) -> list[str]:
    # `splitlines` would break at separators that are no ends of lines to a reader.
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _pieces(left: str, right: str, *, by_line: bool) -> tuple[TextPiece, ...]:
    head = _shared(left, right)
    tail = _shared_end(left, right, min(len(left), len(right)) - head)
    head, tail = _to_edges(left, right, head, tail, by_line=by_line)
    mine, theirs = left[head : len(left) - tail], right[head : len(right) - tail]
    pieces = [TextPiece("same", left[:head])]
    if max(len(mine), len(theirs)) > MOST_CHARS:
        pieces += [TextPiece("removed", mine), TextPiece("added", theirs)]
    else:
        pieces += _between(mine, theirs, by_line=by_line)
    pieces.append(TextPiece("same", left[len(left) - tail :]))
    return _joined(pieces, by_line=by_line)


def _between(mine: str, theirs: str, *, by_line: bool) -> list[TextPiece]:
    cut = _lines if by_line else _WORDS.findall
    a, b = cut(mine), cut(theirs)
    pieces: list[TextPiece] = []
    at_a = at_b = 0
    for run in (*common(a, b), CommonRun(len(a), len(b), 0)):
        pieces += [
            TextPiece("removed", "".join(a[at_a : run.left])),
            TextPiece("added", "".join(b[at_b : run.right])),
            TextPiece("same", "".join(a[run.left : run.left + run.size])),
        ]
        at_a, at_b = run.left + run.size, run.right + run.size
    return pieces


def _joined(pieces: Sequence[TextPiece], *, by_line: bool) -> tuple[TextPiece, ...]:
    """Join what belongs together; white space between two changed words is part of them."""
    full = [p for p in pieces if p.text]
    out: list[TextPiece] = []
    old = new = ""
    for i, piece in enumerate([*full, TextPiece("same", "")]):
        if piece.tag == "removed":
            old += piece.text
        elif piece.tag == "added":
            new += piece.text
        elif not by_line and old and new and i + 1 < len(full) and piece.text.isspace():
            old += piece.text
            new += piece.text
        else:
            space = "" if by_line else _space_at_end(old, new)
            cut = len(space)
            out += [
                TextPiece("removed", old[: len(old) - cut]),
                TextPiece("added", new[: len(new) - cut]),
            ]
            out.append(TextPiece("same", space + piece.text))
            old = new = ""
    return tuple(p for p in out if p.text)


def _space_at_end(old: str, new: str) -> str:
    space = old[len(old.rstrip()) :]
    return space if space == new[len(new.rstrip()) :] else ""


def _shared(left: str, right: str) -> int:
    """Count the characters that both begin with: halving, so that C does the comparing."""
    low, high = 0, min(len(left), len(right))
    while low < high:
        middle = (low + high + 1) // 2
        if left[low:middle] == right[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _shared_end(left: str, right: str, most: int) -> int:
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if (
            left[len(left) - middle : len(left) - low]
            == right[len(right) - middle : len(right) - low]
        ):
            low = middle
        else:
            high = middle - 1
    return low


def _to_edges(left: str, right: str, head: int, tail: int, *, by_line: bool) -> tuple[int, int]:
    """Take the common ends back to where a word, or a line, ends in both texts."""
    if head == len(left) == len(right):
        return head, 0
    if by_line:
        head = left.rfind("\n", 0, head) + 1
        if tail and not _ends_line(left, tail) & _ends_line(right, tail):
            end = left.find("\n", len(left) - tail)
            tail = 0 if end < 0 else len(left) - end - 1
        return head, tail
    # A word is no longer than this to a reader; a longer one is cut.
    for _ in range(80):
        if head and not _is_edge(left, right, head, head):
            head -= 1
    for _ in range(80):
        if tail and not _is_edge(left, right, len(left) - tail, len(right) - tail):
            tail -= 1
    return head, tail


def _ends_line(text: str, tail: int) -> bool:
    place = len(text) - tail
    return place == 0 or text[place - 1] == "\n"


def _is_edge(left: str, right: str, in_left: int, in_right: int) -> bool:
    return _cuts(left, in_left) and _cuts(right, in_right)


def _cuts(text: str, place: int) -> bool:
    if place in (0, len(text)):
        return True
    before, after = text[place - 1], text[place]
    return not ((_wordy(before) and _wordy(after)) or (before.isspace() and after.isspace()))


def _wordy(char: str) -> bool:
    return char.isalnum() or char == "_"


def common(a: Sequence[Hashable], b: Sequence[Hashable]) -> list[CommonRun]:
    """Find runs that two sequences have in common, in order.

    A shortest edit where that is near. Else items that are unique in both are anchors, and
    the gaps between them are searched. The work is bounded whatever the sequences hold.
    """
    size = min(len(a), len(b))
    head = 0
    while head < size and a[head] == b[head]:
        head += 1
    tail = 0
    while tail < size - head and a[-1 - tail] == b[-1 - tail]:
        tail += 1
    mine, theirs = a[head : len(a) - tail], b[head : len(b) - tail]
    runs = [CommonRun(0, 0, head)]
    if mine and theirs:
        found = _shortest(mine, theirs, MOST_STEPS)
        if found is None:
            found = _anchored(mine, theirs)
        runs += [CommonRun(r.left + head, r.right + head, r.size) for r in found]
    runs.append(CommonRun(len(a) - tail, len(b) - tail, tail))
    return [run for run in runs if run.size]


def _shortest(a: Sequence[Hashable], b: Sequence[Hashable], most: int) -> list[CommonRun] | None:
    """Give the runs of a shortest edit (Myers), or None where it takes more steps."""
    n, m = len(a), len(b)
    if abs(n - m) > most:
        return None
    far = {1: 0}
    trace: list[dict[int, int]] = []
    for steps in range(min(most, n + m) + 1):
        trace.append(far.copy())
        for k in range(-steps, steps + 1, 2):
            down = k == -steps or (k != steps and far[k - 1] < far[k + 1])
            x = far[k + 1] if down else far[k - 1] + 1
            y = x - k
            while x < n and y < m and a[x] == b[y]:
                x += 1
                y += 1
            far[k] = x
            if x >= n and y >= m:
                return _way_back(trace, n, m)
    return None


def _way_back(trace: Sequence[dict[int, int]], n: int, m: int) -> list[CommonRun]:
    runs: list[CommonRun] = []
    x, y = n, m
    for steps in range(len(trace) - 1, -1, -1):
        far, k = trace[steps], x - y
        down = k == -steps or (k != steps and far[k - 1] < far[k + 1])
        before = k + 1 if down else k - 1
        from_x = far[before]
        start = from_x if down else from_x + 1
        if steps == 0:
            start = 0
        if x > start:
            runs.append(CommonRun(start, start - k, x - start))
        x, y = from_x, from_x - before
    return runs[::-1]


def _anchored(a: Sequence[Hashable], b: Sequence[Hashable]) -> list[CommonRun]:
    """Give runs around items that each side has once, longest rising chain of them."""
    seen, other = Counter(a), Counter(b)
    places = {item: i for i, item in enumerate(b) if other[item] == 1}
    pairs = [(i, places[item]) for i, item in enumerate(a) if seen[item] == 1 and item in places]
    runs: list[CommonRun] = []
    at_a = at_b = 0
    left_over = MOST_STEPS_IN_ALL
    for i, j in [*_rising(pairs), (len(a), len(b))]:
        if i > at_a and j > at_b and left_over > 0:
            gap = _shortest(a[at_a:i], b[at_b:j], min(MOST_STEPS_IN_A_GAP, left_over))
            left_over -= min(MOST_STEPS_IN_A_GAP, i - at_a + j - at_b)
            runs += [CommonRun(r.left + at_a, r.right + at_b, r.size) for r in gap or ()]
        if i < len(a):
            runs.append(CommonRun(i, j, 1))
        at_a, at_b = i + 1, j + 1
    return runs


def _rising(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Give the longest chain of pairs that rises on both sides."""
    ends: list[int] = []
    chain: list[int] = []
    before: list[int] = []
    for place, (_, j) in enumerate(pairs):
        at = bisect_left(ends, j)
        before.append(chain[at - 1] if at else -1)
        if at == len(ends):
            ends.append(j)
            chain.append(place)
        else:
            ends[at], chain[at] = j, place
    out: list[tuple[int, int]] = []
    place = chain[-1] if chain else -1
    while place >= 0:
        out.append(pairs[place])
        place = before[place]
    return out[::-1]
