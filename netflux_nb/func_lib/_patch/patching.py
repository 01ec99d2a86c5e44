"""A diff on files: all of it is planned in memory, then all of it is written, or nothing."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from ..bounds import Root, Stamp, encoded, read_text
from .diff_parser import DiffError, FileDiff, Kind, Parsed, Problem, parse
from .edits import plural
from .hunks import LEVELS, Patched, PlacedHunk, patch
from .writing import After, RefusedError, Writing, changed_meanwhile, is_as_before

# A diff that touches more is made by a program, which can apply it too.
MOST_FILES = 500
# All texts that one plan reads, those that are read twice counted twice.
MOST_CHARS = 100_000_000
# The modes that git gives to plain files: not links, not other repositories.
_MODES = {"100644": False, "100664": False, "100755": True}


class _Stop(Exception):  # noqa: N818  it carries a problem, and leaves the planning of one file
    def __init__(self, kind: Kind, reason: str) -> None:
        super().__init__(reason)
        self.kind: Kind = kind
        self.reason = reason


@dataclass(frozen=True, slots=True)
class FileChange:
    """The change of one file. `source` is the other name of one renamed or copied."""

    verb: str
    path: str
    source: str = ""
    hunks: tuple[PlacedHunk, ...] = ()

    def __str__(self) -> str:
        source = f" from {self.source!r}" if self.source else ""
        hunks = plural(len(self.hunks), "hunk")
        drift = {note: None for p in self.hunks if (note := _drift(p))}
        told = "; ".join([hunks, *list(drift)[:4]]) if self.hunks else ""
        return f"{self.verb} {self.path!r}{source}" + (f" ({told})" if told else "")


@dataclass(slots=True)
class PatchPlan:
    """All that a diff would do, or the problems for which it must not."""

    root: Root
    files: list[FileChange] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    after: dict[Path, After] = field(default_factory=dict)

    def is_fresh(self) -> bool:
        """True while every file is as it was when it was planned."""
        return all(is_as_before(self.root, p, a) for p, a in self.after.items())

    def __str__(self) -> str:
        hunks = plural(sum(len(f.hunks) for f in self.files), "hunk")
        told = [str(f) for f in self.files[:20]]
        if len(self.files) > 20:
            told.append(f"and {len(self.files) - 20} more")
        return f"Patched {plural(len(self.files), 'file')} with {hunks}: {', '.join(told)}."


Guard = Callable[[Path], AbstractContextManager[object]]


def apply(
    text: str,
    root: str | os.PathLike[str] | None = None,
    *,
    is_markdown: bool | None = None,
    guard: Guard | None = None,
) -> PatchPlan:
    """Apply a diff to the files below a folder, the current one if none is named.

    `guard` gives what must be held while a file is changed.

    Raises:
        DiffError: It was not applied. Every file is as it was.
        RollbackError: Writing failed, and so did putting it back.
    """
    parsed = parse(text, is_markdown=is_markdown)
    planned = plan(parsed, root)
    if planned.problems:
        raise DiffError(planned.problems)
    with ExitStack() as held:
        if guard is not None:
            # In one order for all, so that no two wait for each other.
            for place in sorted(planned.after):
                held.enter_context(guard(place))
        if not planned.is_fresh():
            again = plan(parsed, root)
            if again.after.keys() != planned.after.keys():
                again.problems = again.problems or [changed_meanwhile("")]
            if again.problems:
                raise DiffError(again.problems)
            planned = again
        commit(planned)
    return planned


def plan(parsed: Parsed, root: str | os.PathLike[str] | None = None) -> PatchPlan:
    """Say what a diff would do to the files below a folder. Nothing is written."""
    planner = _Planner(Root(Path.cwd() if root is None else root, RefusedError))
    planner.plan.problems.extend(parsed.problems)
    if len(parsed.files) > MOST_FILES:
        why = f"The diff touches {len(parsed.files):,} files, of {MOST_FILES}. Split it."
        planner.plan.problems.append(Problem("refused", "", why))
        return planner.plan
    planner.leaving = set(planner.places_that_leave(parsed.files))
    for file in parsed.files:
        planner.add(file)
    planner.forget_the_unchanged()
    return planner.plan


class _Planner:
    """Files as they will be, while one part of the diff after another is planned."""

    def __init__(self, root: Root) -> None:
        self.plan = PatchPlan(root)
        self.root = root
        self.disk: dict[Path, tuple[str, Stamp] | None] = {}
        # What a part of the diff put where another file is, or was.
        self.arrived: set[Path] = set()
        self.leaving: set[Path] = set()
        self.chars = 0

    def add(self, file: FileDiff) -> None:
        """Plan one part of the diff."""
        problems = self.plan.problems
        try:
            change = self._planned(file)
        except _Stop as stop:
            problems.append(Problem(stop.kind, file.name, stop.reason))
        except RefusedError as error:
            problems.append(Problem("refused", file.name, str(error)))
        except OSError as error:
            problems.append(Problem("refused", file.name, f"{error.strerror or error}."))
        else:
            if change is not None:
                self.plan.files.append(change)

    def forget_the_unchanged(self) -> None:
        """Leave out what would be written as it is, and refuse a diff that changes nothing."""
        plan = self.plan
        for place, after in list(plan.after.items()):
            before = self.disk.get(place)
            if after.is_program is None and after.text == (before[0] if before else None):
                del plan.after[place]
        if not plan.after and not plan.problems:
            plan.problems.append(Problem("empty", "", "The diff would change nothing."))

    def places_that_leave(self, files: Sequence[FileDiff]) -> Iterator[Path]:
        """Give the places that git says become free: other files may move there."""
        for file in files:
            if file.is_git and (file.is_gone or file.verb == "rename"):
                with suppress(_Stop, RefusedError, OSError):
                    yield self._existing(file.old, file)[1]

    def _planned(self, file: FileDiff) -> FileChange | None:
        if file.mode is not None and file.mode not in _MODES:
            raise _Stop("refused", f"Mode {file.mode[:10]} is that of no plain file.")
        if file.verb != "change":
            return self._moved(file)
        if file.is_new or file.old is None:
            return self._made(file)
        if file.is_gone or file.new is None:
            return self._removed(file)
        if not file.hunks and file.mode is None:
            raise _Stop("unreadable", "It has no hunks.")
        return self._changed(file)

    def _made(self, file: FileDiff) -> FileChange | None:
        path, place = self._free(file)
        done = self._patch("", file)
        if done is None:
            return None
        self._put(place, done.text, None, file)
        self.arrived.add(place)
        return FileChange("created", path, "", done.hunks)

    def _removed(self, file: FileDiff) -> FileChange | None:
        try:
            path, place = self._existing(file.old, file)
        except _Stop as stop:
            kind: Kind = "applied" if stop.kind == "missing" else stop.kind
            raise _Stop(kind, f"{stop.reason} It cannot be removed.") from None
        done = self._patch(self._text(place, path, file), file)
        if done is None:
            return None
        if done.text:
            raise _Stop("unmatched", "The diff removes it, but it holds more than the diff says.")
        self._put(place, None, None, file)
        return FileChange("removed", path, "", done.hunks)

    def _moved(self, file: FileDiff) -> FileChange | None:
        source, old = self._existing(file.old, file)
        text = self._text(old, source, file)
        mode = self._mode(old)
        path, place = self._free(file)
        done = self._patch(text, file)
        if done is None:
            return None
        if file.verb == "rename" and not (old in self.arrived and old in self.leaving):
            self._put(old, None, None, file)
        self._put(place, done.text, mode, file)
        self.arrived.add(place)
        verb = "renamed" if file.verb == "rename" else "copied"
        return FileChange(verb, path, source, done.hunks)

    def _changed(self, file: FileDiff) -> FileChange | None:
        try:
            path, place = self._target(file)
        except _Stop as stop:
            hunks = file.hunks
            is_first = len(hunks) == 1 and not hunks[0].old and hunks[0].start == 0
            if stop.kind == "missing" and is_first:
                return self._made(file)
            raise
        done = self._patch(self._text(place, path, file), file)
        if done is None:
            return None
        self._put(place, done.text, self._mode(place), file)
        return FileChange("changed", path, "", done.hunks)

    def _patch(self, text: str, file: FileDiff) -> Patched | None:
        self.chars += len(text)
        if self.chars > MOST_CHARS:
            raise _Stop("refused", f"The diff reads over {MOST_CHARS:,} characters. Split it.")
        done = patch(text, file.hunks, file=file.name)
        self.plan.problems.extend(done.problems)
        return None if done.problems else done

    def _target(self, file: FileDiff) -> tuple[str, Path]:
        """Give the file that is meant, by its new name or its old one."""
        found: dict[Path, str] = {}
        for name in (file.new, file.old):
            with suppress(_Stop):
                path, place = self._existing(name, file)
                found.setdefault(place, path)
        if len(found) > 1:
            raise _Stop("ambiguous", f"Both {' and '.join(map(repr, found.values()))} are there.")
        for place, path in found.items():
            return path, place
        raise _Stop("missing", f"There is no such file below {_shown(self.root)}.")

    def _existing(self, name: str | None, file: FileDiff) -> tuple[str, Path]:
        for path in _names(name, file):
            place = self._place(path)
            if self._is_there(place):
                return path, place
        raise _Stop("missing", f"There is no such file below {_shown(self.root)}.")

    def _free(self, file: FileDiff) -> tuple[str, Path]:
        names = _names(file.new, file)
        if not names:
            raise _Stop("unreadable", "It has no name.")
        place = self._place(names[0])
        if self._is_there(place) and (place in self.arrived or place not in self.leaving):
            raise _Stop("exists", "There is a file of this name already.")
        return names[0], place

    def _place(self, path: str) -> Path:
        parts = PurePath(path).parts
        if ".." in parts:
            raise RefusedError(f"{path[:80]!r} goes through `..`. Name the file from the root on.")
        if any(part.lower() == ".git" for part in parts):
            raise RefusedError(f"{path[:80]!r} is git's own. A diff does not change that.")
        return self.root.name(path)

    def _is_there(self, place: Path) -> bool:
        if place in self.plan.after:
            return self.plan.after[place].text is not None
        try:
            with self.root.spot(place) as spot:
                return spot.is_taken()
        except (FileNotFoundError, NotADirectoryError):
            return False

    def _text(self, place: Path, path: str, file: FileDiff) -> str:
        """Give a text as the parts before this one left it."""
        after = self.plan.after.get(place)
        # Git names the files of one diff as they all were before it.
        is_other = file.is_git and place in self.arrived and place in self.leaving
        is_other = is_other or (file.verb == "copy" and place in self.disk)
        if after is not None and after.text is not None and not is_other:
            return after.text
        return self._read(place, path)[0]

    def _read(self, place: Path, path: str) -> tuple[str, Stamp]:
        found = self.disk.get(place)
        if found is None:
            with self.root.spot(place) as spot:
                if stat.S_ISLNK(spot.status().st_mode):
                    raise _Stop("refused", "It is a link. Name the file that it leads to.")
                found = self.disk[place] = read_text(spot, path, RefusedError)
                if not os.access(spot.at, os.W_OK, dir_fd=spot.fd):
                    raise _Stop("refused", "The file may not be written.")
        return found

    def _mode(self, place: Path) -> int | None:
        after = self.plan.after.get(place)
        if after is not None and after.mode is not None and place not in self.leaving:
            return after.mode
        found = self.disk.get(place)
        return found[1].mode if found else None

    def _put(self, place: Path, text: str | None, mode: int | None, file: FileDiff) -> None:
        if text is not None:
            encoded(text, RefusedError)
        if place not in self.disk and self._is_there(place) and place not in self.plan.after:
            self._read(place, str(place))
        before = self.disk.get(place)
        is_program = _MODES[file.mode] if file.mode is not None and text is not None else None
        self.plan.after[place] = After(text, before[1] if before else None, mode, is_program)


def _names(name: str | None, file: FileDiff) -> list[str]:
    """Give a name without its prefix and as it is, the likelier one first."""
    if not name:
        return []
    plain = name[2:] if name[1:2] == "/" and name[0] in "abciow" else name
    is_pair = all(n is None or n[1:2] == "/" for n in (file.old, file.new))
    differ = file.old is None or file.new is None or file.old[:1] != file.new[:1]
    both = [plain, name] if is_pair and differ else [name, plain]
    return list(dict.fromkeys(n for n in both if n))


def _shown(root: Root) -> str:
    return repr(str(root.folder)[:200])


def _drift(placed: PlacedHunk) -> str:
    hunk, level = placed.hunk, placed.level
    notes = []
    if level != LEVELS[0]:
        notes.append(
            f"{level.fuzz} context lines left out" if level.fuzz else "white space differs"
        )
    moved = placed.at - placed.above - (hunk.start - 1) if hunk.start else 0
    if moved and hunk.old:
        notes.append(f"moved {moved:+,} lines")
    return f"hunk {hunk.number}: {', '.join(notes)}" if notes else ""


def commit(plan: PatchPlan) -> None:
    """Write what was planned. Raises `DiffError` with every file as it was, if it cannot."""
    Writing(plan.root, plan.after).run()
