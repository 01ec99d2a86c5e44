"""The parser of unified diffs: files, names and hunks, as strictly as the text allows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ...core.errors import UsageError
from .diff_names import git_names, name_of, unquoted

# A diff is written for somebody to read; a larger one is a bundle of files.
MAX_DIFF_CHARS = 2_000_000
# Each hunk is looked for in the whole file.
MAX_HUNKS = 2_000
# A longer line is no fence; the search in it is not linear.
FENCE_CHARS = 200
# Problems that one message tells.
MOST_TOLD = 8

Kind = Literal[
    "ambiguous",  # it fits in several places
    "unmatched",  # it fits nowhere
    "unreadable",  # the diff can be read in several ways, or in none
    "missing",  # there is no such file
    "applied",  # what it asks for is there already
    "exists",  # a new file's name is taken
    "refused",  # out of bounds, binary, too large, no text
    "empty",  # there is no diff
]

# What somebody who thinks may still settle. The rest is settled: it must not be done.
UNSURE: frozenset[str] = frozenset({"ambiguous", "unmatched", "unreadable", "missing"})


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault of a diff. `hunk` counts from one in its file; `places` are lines."""

    kind: Kind
    file: str
    reason: str
    hunk: int | None = None
    places: tuple[int, ...] = ()

    def __str__(self) -> str:
        hunk = "" if self.hunk is None else f", hunk {self.hunk}"
        where = f"{self.file[:200]!r}{hunk}: " if self.file else ""
        return f"{where}{self.reason}"


class DiffError(UsageError, ValueError):
    """A diff that was not applied. Every file is as it was; `problems` say why."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        told = [f"{p.kind}: {p}" for p in problems[:MOST_TOLD]]
        if len(problems) > MOST_TOLD:
            told.append(f"and {len(problems) - MOST_TOLD} more")
        super().__init__("Nothing was changed. " + "\n".join(told))
        self.problems = tuple(problems)

    @property
    def is_unsure(self) -> bool:
        """True where every problem is one that judgement may settle."""
        return all(p.kind in UNSURE for p in self.problems)


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines that go together. Each is a mark, of ` `, `-` and `+`, and a text with its end."""

    number: int
    start: int | None
    lines: tuple[tuple[str, str], ...]

    @property
    def old(self) -> list[str]:
        """The lines as they are before."""
        return [text for mark, text in self.lines if mark != "+"]

    @property
    def new(self) -> list[str]:
        """The lines as they are after."""
        return [text for mark, text in self.lines if mark != "-"]

    def context(self) -> tuple[int, int]:
        """Count the lines before the first change, and those after the last."""
        marks = "".join(mark for mark, _ in self.lines)
        return len(marks) - len(marks.lstrip(" ")), len(marks) - len(marks.rstrip(" "))


@dataclass(slots=True)
class FileDiff:
    """One file of a diff: names and hunks. A name of None is `/dev/null`."""

    old: str | None = None
    new: str | None = None
    is_git: bool = False
    verb: Literal["change", "rename", "copy"] = "change"
    is_new: bool = False
    is_gone: bool = False
    mode: str | None = None
    hunks: list[Hunk] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The name to speak of."""
        return (self.old if self.is_gone else self.new) or self.old or self.new or ""


@dataclass(frozen=True, slots=True)
class Parsed:
    """The files of a diff, and what could not be read."""

    files: list[FileDiff]
    problems: list[Problem]


_FENCE = re.compile(r"^( {0,3})(`{3,}|~{3,})[ \t]*([\w+-]*)[^`]*$")
_HUNK = re.compile(r"^@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@")
_VERBS = {
    "rename from ": "rename",
    "rename to ": "rename",
    "copy from ": "copy",
    "copy to ": "copy",
}
_STARTS = ("diff -", "@@", "Index: ", "====", "From ", "Only in ", "Binary files ", "GIT binary")


def parse(text: str, *, is_markdown: bool | None = None) -> Parsed:
    r"""Read a diff. In Markdown only the blocks fenced as `diff` count.

    Example:
        >>> parse("--- a/f\n+++ b/f\n@@ -1 +1 @@\n-x\n+y\n").files[0].hunks[0].new
        ['y\n']
    """
    if len(text) > MAX_DIFF_CHARS:
        why = f"The diff has {len(text):,} characters, of {MAX_DIFF_CHARS:,}. Split it."
        return Parsed([], [Problem("refused", "", why)])
    lines = text.split("\n")
    if is_markdown is None:
        is_markdown = _is_markdown(lines)
    blocks = list(_fenced(lines)) if is_markdown else [lines]
    parsed = Parsed([], [])
    for block in blocks:
        _Reader(block, parsed).read()
    count = sum(len(f.hunks) for f in parsed.files)
    if count > MAX_HUNKS:
        why = f"The diff has {count:,} hunks, of {MAX_HUNKS:,}. Split it."
        return Parsed([], [Problem("refused", "", why)])
    if not parsed.files and not parsed.problems:
        where = " in a block fenced as ```diff" if is_markdown else ""
        why = f"There is no diff{where}. Give `---` and `+++` lines and hunks that begin with `@@`."
        parsed.problems.append(Problem("empty", "", why))
    return parsed


def _is_markdown(lines: list[str]) -> bool:
    """Say whether there is a block fenced as `diff`, and no line that only a diff has above."""
    for n, line in enumerate(lines):
        if line.startswith("diff --git ") or _is_header(lines, n):
            return False
        if _fence(line):
            return any((fence := _fence(x)) and fence[3] == "diff" for x in lines[n:])
    return False


def _fence(line: str) -> re.Match[str] | None:
    return _FENCE.match(line.removesuffix("\r")) if len(line) <= FENCE_CHARS else None


def _fenced(lines: list[str]) -> Iterator[list[str]]:
    """Give the lines of each block fenced as `diff`."""
    fence: re.Match[str] | None = None
    block: list[str] = []
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        found = _fence(line)
        if fence is None:
            fence, block = found, []
            continue
        # One space more is a context line that shows a fence.
        ends = (
            found is not None
            and not found[3]
            and found[1] == fence[1]
            and found[2].startswith(fence[2])
        )
        if not ends:
            block.append(line.removeprefix(fence[1]))
            continue
        # It may be such a line that lost its space. Left in, it faults a hunk that wants more.
        if after.startswith(("+", "-")):
            block.append(line)
        if fence[3] == "diff":
            yield block
        fence = None
    if fence is not None and fence[3] == "diff":
        yield block


def _is_header(lines: list[str], n: int) -> bool:
    return lines[n].startswith("--- ") and n + 1 < len(lines) and lines[n + 1].startswith("+++ ")


class _Reader:
    """One pass over the lines of a diff."""

    def __init__(self, lines: list[str], into: Parsed) -> None:
        self.lines = lines
        self.into = into
        self.file: FileDiff | None = None
        self.is_named = False
        if lines and lines[-1] == "":
            lines.pop()
        # A diff that was saved with other line ends has them in its headers too.
        heads = [x for n, x in enumerate(lines) if _is_header(lines, n) or _HUNK.match(x)]
        if heads and all(x.endswith("\r") for x in heads):
            self.lines = [x.removesuffix("\r") for x in lines]

    def read(self) -> None:
        n = 0
        while n < len(self.lines):
            n = self._step(n)

    def _problem(self, reason: str, kind: Kind = "unreadable", hunk: int | None = None) -> None:
        name = self.file.name if self.file else ""
        self.into.problems.append(Problem(kind, name, reason, hunk))

    def _begin(self, file: FileDiff) -> FileDiff:
        self.file, self.is_named = file, False
        self.into.files.append(file)
        return file

    def _step(self, n: int) -> int:
        line = self.lines[n]
        if line.startswith("diff --git "):
            return self._git(n)
        if _is_header(self.lines, n):
            return self._names(n)
        if line.startswith(("diff --cc ", "diff --combined ", "@@@ ")):
            self._problem(
                "It is a diff of a merge, against several files at once. Make a plain one."
            )
            return len(self.lines)
        if line.startswith("@@"):
            return self._hunk(n)
        if line.startswith(("GIT binary patch", "Binary files ")):
            self._problem("It is a binary patch. Only text is patched here.", "refused")
        elif line.startswith(("--- ", "+++ ", "*** ", "diff -", "Index: ")):
            self.file = None  # another file begins, so no hunk below is the last one's
        return n + 1

    def _git(self, n: int) -> int:
        """Read the lines from `diff --git` to the first hunk."""
        file = self._begin(FileDiff(is_git=True))
        file.old, file.new = git_names(self.lines[n].removeprefix("diff --git "))
        for at, line in enumerate(self.lines[n + 1 :], n + 1):
            key = next((k for k in _VERBS if line.startswith(k)), None)
            if key is not None:
                file.verb = "copy" if _VERBS[key] == "copy" else "rename"
                # These names have no prefix; the marks that the others have tell them apart.
                name = unquoted(line.removeprefix(key))
                if key.endswith("from "):
                    file.old = f"a/{name}"
                else:
                    file.new = f"b/{name}"
            elif line.startswith("new file mode "):
                file.is_new, file.mode = True, line.split()[-1]
            elif line.startswith("deleted file mode "):
                file.is_gone, file.mode = True, line.split()[-1]
            elif line.startswith("new mode "):
                file.mode = line.split()[-1]
            elif not line.startswith(("old mode ", "similarity ", "dissimilarity ", "index ")):
                return at
        return len(self.lines)

    def _names(self, n: int) -> int:
        old, is_new = name_of(self.lines[n])
        new, is_gone = name_of(self.lines[n + 1])
        file = self.file
        if file is None or not file.is_git or file.hunks or self.is_named:
            file = self._begin(FileDiff())
        self.is_named = True
        if file.verb == "change":
            file.old, file.new = old or None, new or None
        file.is_new = file.is_new or is_new
        file.is_gone = file.is_gone or is_gone
        if not (old or new):
            self._problem("Both of its names are /dev/null.")
        return n + 2

    def _hunk(self, n: int) -> int:
        file = self.file
        if file is None or not (file.old or file.new):
            self._problem(f"Line {n + 1} of the diff begins a hunk, and no `---` names its file.")
            return n + 1
        number = len(file.hunks) + 1
        body = _Body(self.lines, n)
        end = body.read()
        if body.fault:
            self._problem(body.fault, hunk=number)
        elif not body.lines:
            self._problem("It has no lines.", hunk=number)
        file.hunks.append(Hunk(number, body.start, tuple(body.lines)))
        return end


class _Body:
    """The lines of one hunk. Where its header's counts do not fit, the body is trusted."""

    def __init__(self, all_lines: list[str], n: int) -> None:
        self.all = all_lines
        self.n = n + 1
        self.lines: list[tuple[str, str]] = []
        self.fault = ""
        self.start: int | None = None
        self.wanted: tuple[int, int] | None = None
        if head := _HUNK.match(all_lines[n]):
            self.start = int(head[1])
            self.wanted = int(head[2] or 1), int(head[4] or 1)
        self.have = [0, 0]
        # Bare empty lines at the end: context whose one space was lost, or no part of it.
        self.bare = 0

    @property
    def is_full(self) -> bool:
        return self.wanted == tuple(self.have)

    def read(self) -> int:
        while self.n < len(self.all):
            line = self.all[self.n]
            if line.startswith("\\"):
                if self.lines:
                    mark, text = self.lines[-1]
                    self.lines[-1] = mark, text.removesuffix("\n")
            elif self._ends(line):
                break
            elif line[:1] in (" ", "+", "-"):
                self._put(line[0], line[1:])
                self.bare = 0
            elif line in ("", "\r") and not self.is_full:
                self._put(" ", line)
                self.bare += 1
            else:
                break
            self.n += 1
        while self.bare and not self.is_full:
            self.bare -= 1
            self.lines.pop()
            self.have = [self.have[0] - 1, self.have[1] - 1]
        self._check_end()
        return self.n

    def _put(self, mark: str, text: str) -> None:
        self.lines.append((mark, f"{text}\n"))
        self.have[0] += mark != "+"
        self.have[1] += mark != "-"

    def _ends(self, line: str) -> bool:
        if line.startswith(_STARTS):
            return True
        if line.rstrip() == "--":  # git's signature, or a line `-` that goes
            return self.is_full
        below, second = [*self.all[self.n + 1 : self.n + 3], "", ""][:2]
        if not _is_header(self.all, self.n):
            is_half = line.startswith(("--- ", "+++ ")) and below.startswith("@@")
            return is_half and self.is_full
        # A line `-- x` that goes and a line `++ y` that comes look like a header.
        full_after = self.wanted == (self.have[0] + 1, self.have[1] + 1)
        return self.is_full or (second.startswith("@@") and not full_after)

    def _check_end(self) -> None:
        """Find fault where lines may have been lost: the rest looks like more of it."""
        n = self.n
        while n < len(self.all) and not self.all[n].strip():
            n += 1
        if n == len(self.all) or self._ends(self.all[n]):
            return
        looks_so = self.all[n][:1] in ("+", "-")
        if looks_so or not self.is_full:
            self.fault = (
                f"Line {n + 1} of the diff, {self.all[n][:60]!r}, may belong to it: the counts in "
                f"its header do not tell. Begin each line with a space, `-` or `+`."
            )
