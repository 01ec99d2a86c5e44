"""The placement of hunks in a text, and the patched text: never a guess between two places."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .diff_parser import MOST_TOLD, Hunk, Kind, Problem

# Context lines left out at each end when nothing else fits: as many as `patch` allows.
MOST_FUZZ = 2
# Places that a problem names.
MOST_PLACES = 8
# Lines compared to say where a hunk nearly fits.
MOST_COMPARED = 2_000_000
# Lines of the file times hunks: some seconds of search.
MOST_SEARCHED = 500_000_000

_SPACE = " \t\r\n\f\v"


class Level(NamedTuple):
    """How strictly lines are compared."""

    is_loose: bool
    fuzz: int


LEVELS = (Level(False, 0), Level(True, 0), *(Level(True, n) for n in range(1, MOST_FUZZ + 1)))


@dataclass(frozen=True, slots=True)
class PlacedHunk:
    """A hunk and its place: `at` counts lines from 0. Lines at its ends may be left out."""

    hunk: Hunk
    at: int
    level: Level
    above: int = 0
    below: int = 0

    @property
    def lines(self) -> Sequence[tuple[str, str]]:
        """The lines that count."""
        return self.hunk.lines[self.above : len(self.hunk.lines) - self.below]

    @property
    def size(self) -> int:
        """The number of lines of the text that it covers."""
        return sum(mark != "+" for mark, _ in self.lines)

    @property
    def core(self) -> tuple[int, int]:
        """The lines that it changes, from and to."""
        marks = [mark for mark, _ in self.lines]
        first = next((n for n, mark in enumerate(marks) if mark != " "), len(marks))
        tail = next((n for n, mark in enumerate(reversed(marks)) if mark != " "), 0)
        return self.at + first, self.at + self.size - tail


@dataclass(frozen=True, slots=True)
class Patched:
    """A text after its hunks, or why there is none."""

    text: str
    hunks: tuple[PlacedHunk, ...] = ()
    problems: tuple[Problem, ...] = ()


def rows_of(text: str) -> list[str]:
    """Split at line feeds only, each line with its end."""
    rows = [f"{row}\n" for row in text.split("\n")]
    rows[-1] = rows[-1][:-1]
    return rows if rows[-1] else rows[:-1]


def patch(text: str, hunks: Sequence[Hunk], *, file: str = "") -> Patched:
    r"""Apply hunks to a text: all of them, or none.

    Example:
        >>> from netflux_nb.func_lib._patch.diff_parser import parse
        >>> diff = parse("--- a/f\n+++ b/f\n@@ -1 +1 @@\n-x\n+y\n").files[0]
        >>> patch("w\nx\n", diff.hunks).text
        'w\ny\n'
    """
    rows = rows_of(text)
    if len(rows) * len(hunks) > MOST_SEARCHED:
        why = f"{len(hunks):,} hunks in {len(rows):,} lines are too much. Split the diff."
        return Patched(text, (), (Problem("refused", file, why),))
    search = _Search(rows, hunks, file)
    placed = search.settle()
    if not search.problems:
        search.check_order(placed)
    if search.problems:
        return Patched(text, (), tuple(search.problems))
    return Patched(_with(rows, placed), tuple(placed))


def _loose(row: str) -> str:
    return row.rstrip(_SPACE)


class _Search:
    """The hunks of one file, each looked for in the lines as they were."""

    def __init__(self, rows: list[str], hunks: Sequence[Hunk], file: str) -> None:
        self.rows = rows
        self.hunks = hunks
        self.file = file
        self.problems: list[Problem] = []
        said = [text for hunk in hunks for _, text in hunk.lines]
        # A line is one character of a string, so that the search is the string's own.
        self.codes = {False: _coded(said), True: _coded(map(_loose, said))}
        self.hays = {
            False: "".join([self.codes[False].get(r, "\0") for r in rows]),
            True: "".join([self.codes[True].get(_loose(r), "\0") for r in rows]),
        }

    def settle(self) -> list[PlacedHunk]:
        """Place each hunk by itself; those that fit often, between those beside them."""
        placed: dict[int, PlacedHunk] = {}
        pending: dict[int, list[PlacedHunk]] = {}
        shift = 0
        for n, hunk in enumerate(self.hunks):
            found = self._find(hunk, None if hunk.start is None else hunk.start - 1 + shift)
            if len(found) == 1:
                placed[n] = found[0]
                if hunk.start is not None:
                    shift = found[0].at - found[0].above - (hunk.start - 1)
            elif found:
                pending[n] = found
        for n, found in pending.items():
            one = self._between(n, found[0], placed)
            if one is None:
                self._ambiguous(self.hunks[n], [p.at for p in found])
            else:
                placed[n] = one
        return [placed[n] for n in sorted(placed)]

    def _find(self, hunk: Hunk, wanted: int | None) -> list[PlacedHunk]:
        """Give the places at the strictest level that has any."""
        if not hunk.old:
            return self._bare(hunk)
        for level in LEVELS:
            above, below = _left_out(hunk, level.fuzz)
            old = hunk.old[above : len(hunk.old) - below]
            if level != LEVELS[0] and not any(c.isalnum() for line in old for c in line):
                continue
            at = None if wanted is None else wanted + above
            if places := self._places(hunk, level, old, at):
                return [PlacedHunk(hunk, p, level, above, below) for p in places]
        self._unmatched(hunk, wanted)
        return []

    def _places(self, hunk: Hunk, level: Level, old: list[str], wanted: int | None) -> list[int]:
        """Give one place where it is clear, else several."""
        hay, needle = self.hays[level.is_loose], self._needle(level, old)
        if wanted is not None and wanted >= 0 and hay.startswith(needle, wanted):
            leading, trailing = hunk.context()
            # Less context on one side says that the file begins or ends there.
            end = len(hay) - len(needle)
            edge = 0 if leading < trailing else end if trailing < leading else wanted
            if edge != wanted and edge >= 0 and hay.startswith(needle, edge):
                return sorted({wanted, edge})
            return [wanted]
        return _all_places(hay, needle, 0, len(hay))

    def _needle(self, level: Level, old: list[str]) -> str:
        codes = self.codes[level.is_loose]
        return "".join(codes[_loose(line) if level.is_loose else line] for line in old)

    def _bare(self, hunk: Hunk) -> list[PlacedHunk]:
        if not self.rows:
            return [PlacedHunk(hunk, 0, LEVELS[0])]
        self._problem("ambiguous", hunk, "It has no context, so it fits anywhere. Add some.")
        return []

    def _between(self, n: int, one: PlacedHunk, placed: dict[int, PlacedHunk]) -> PlacedHunk | None:
        """Give the one place between the hunks beside it, which come in the file's order."""
        low, high = 0, len(self.rows)
        before = [placed[m] for m in placed if m < n]
        after = [placed[m] for m in placed if m > n]
        if before:
            low = max(p.core[1] for p in before)
        if after:
            high = min(p.core[0] for p in after)
        old = one.hunk.old[one.above : len(one.hunk.old) - one.below]
        needle = self._needle(one.level, old)
        found = _all_places(self.hays[one.level.is_loose], needle, low, high)
        if len(found) != 1:
            return None
        return PlacedHunk(one.hunk, found[0], one.level, one.above, one.below)

    def check_order(self, placed: list[PlacedHunk]) -> None:
        """Refuse hunks that would change places with each other, or touch the same lines."""
        by_number = sorted(placed, key=lambda p: (p.hunk.start or 0, p.hunk.number))
        is_told = all(p.hunk.start is not None for p in placed)
        by_place = sorted(placed, key=lambda p: (p.at, p.hunk.number))
        end = core_end = 0
        last: PlacedHunk | None = None
        for one, other in zip(by_place, by_number if is_told else placed, strict=True):
            first, last_line = one.core
            if last is not None and (one is not other or first < end or one.at < core_end):
                reason = (
                    f"It would go to line {one.at + 1}, and hunk {last.hunk.number} to line "
                    f"{last.at + 1}: the same lines, or another order than the diff has."
                )
                places = last.at + 1, one.at + 1
                self._problem("ambiguous", one.hunk, reason, places)
                return
            end, core_end, last = max(end, one.at + one.size), max(core_end, last_line), one

    def _problem(self, kind: Kind, hunk: Hunk, reason: str, places: Iterable[int] = ()) -> None:
        self.problems.append(Problem(kind, self.file, reason, hunk.number, tuple(places)))

    def _ambiguous(self, hunk: Hunk, places: list[int]) -> None:
        lines = [p + 1 for p in places[:MOST_PLACES]]
        more = ", and more" if len(places) > MOST_PLACES else ""
        self._problem(
            "ambiguous",
            hunk,
            f"It fits equally well at lines {', '.join(map(str, lines))}{more}, and the line in "
            f"its header is none that decides. Add lines around it.",
            lines,
        )

    def _unmatched(self, hunk: Hunk, wanted: int | None) -> None:
        new = hunk.new
        hay, codes = self.hays[False], self.codes[False]
        done = _all_places(hay, "".join(codes[line] for line in new), 0, len(hay)) if new else []
        if len(done) == 1 and any(c.isalnum() for line in new for c in line):
            reason = f"What it asks for is at line {done[0] + 1} already."
            self._problem("applied", hunk, reason, (done[0] + 1,))
            return
        best = self._nearest(hunk, wanted)
        if best is None:
            first = next((line for line in hunk.old if line.strip()), "").rstrip("\n")
            reason = f"It fits nowhere; no line of the file is like {first[:80]!r}."
            self._problem("unmatched", hunk, reason)
            return
        at, n = best
        there = self.rows[at + n].rstrip("\n")[:80] if at + n < len(self.rows) else None
        has = "the file has ended" if there is None else f"the file has {there!r}"
        reason = (
            f"It fits nowhere. It comes nearest at line {at + 1}; but at line {at + n + 1} {has}, "
            f"the diff {hunk.old[n].rstrip(chr(10))[:80]!r}."
        )
        self._problem("unmatched", hunk, reason, (at + 1,))

    def _nearest(self, hunk: Hunk, wanted: int | None) -> tuple[int, int] | None:
        """Give the place where most lines agree, and the first line there that does not."""
        old = self._needle(LEVELS[1], hunk.old)
        hay = self.hays[True]
        if len(self.problems) >= MOST_TOLD or len(old) * len(hay) > MOST_COMPARED:
            return None
        counts: dict[int, int] = {}
        blank = self.codes[True].get("")
        for n, code in enumerate(old):
            if code == blank:
                continue
            at = hay.find(code)
            while at != -1:
                if at >= n:
                    counts[at - n] = counts.get(at - n, 0) + 1
                at = hay.find(code, at + 1)
        if not counts:
            return None
        place = max(counts, key=lambda p: (counts[p], -abs(p - (wanted or 0))))
        there = hay[place : place + len(old)]
        n = next((n for n, c in enumerate(old) if there[n : n + 1] != c), 0)
        return place, n


def _coded(lines: Iterable[str]) -> dict[str, str]:
    """Give each line that a diff has a character of its own; zero is for all others."""
    codes: dict[str, str] = {}
    for line in lines:
        codes.setdefault(line, chr(len(codes) + 1))
    return codes


def _all_places(hay: str, needle: str, low: int, high: int) -> list[int]:
    """Give the places, one more than are named at most."""
    found: list[int] = []
    at = hay.find(needle, low, high)
    while at != -1 and len(found) <= MOST_PLACES:
        found.append(at)
        at = hay.find(needle, at + 1, high)
    return found


def _left_out(hunk: Hunk, fuzz: int) -> tuple[int, int]:
    """Count the context lines that a fuzz leaves out above and below, as `patch` does."""
    leading, trailing = hunk.context()
    most = max(leading, trailing)
    fuzz = min(fuzz, most)  # a line that changes is never left out
    return max(0, fuzz + leading - most), max(0, fuzz + trailing - most)


def _with(rows: list[str], placed: Sequence[PlacedHunk]) -> str:
    out: list[str] = []
    done = 0
    for one in sorted(placed, key=lambda p: (p.core, p.hunk.number)):
        done = _apply(one, rows, done, out)
    out.extend(rows[done:])
    # A line that ended the file, and does no more, gets an end.
    end = "\r\n" if rows and rows[0].endswith("\r\n") else "\n"
    out[:-1] = [row if row.endswith("\n") else row + end for row in out[:-1]]
    return "".join(out)


def _apply(one: PlacedHunk, rows: list[str], done: int, out: list[str]) -> int:
    """Write what is there up to the hunk's last change; give where that is."""
    here = one.at
    newline = _line_end(one, rows[one.at : one.at + one.size])
    for mark, text in one.lines:
        if mark == "+":
            out.extend(rows[done:here])
            done = max(done, here)
            out.append(newline(text) if newline else text)
            continue
        if mark == "-":
            out.extend(rows[done:here])
            done = here + 1
        here += 1
    return done


def _line_end(one: PlacedHunk, rows: list[str]) -> Callable[[str], str] | None:
    """Say how new lines must end where the diff and the file differ in that alone."""
    there = [row.endswith("\r\n") for row in rows if row.endswith("\n")]
    said = [text.endswith("\r\n") for mark, text in one.lines if mark != "+"]
    if not one.level.is_loose or not there:
        return None
    if all(there) and not any(said):
        return lambda text: f"{text[:-1]}\r\n" if _ends_plainly(text) else text
    if all(said) and not any(there):
        return lambda text: f"{text[:-2]}\n" if text.endswith("\r\n") else text
    return None


def _ends_plainly(text: str) -> bool:
    return text.endswith("\n") and not text.endswith("\r\n")
