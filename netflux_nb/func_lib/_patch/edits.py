"""Edits of a text as pure functions: numbering, one replacement, one insertion."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...core.errors import UsageError

# What a model is shown at once. More would crowd out what it is there to think about.
CAP_CHARS = 36_000
# Kept free below the cap for the sentence that says what was cut.
NOTICE_CHARS = 200
# Lines shown on each side of an edit, and the most that is shown of one.
AROUND = 2
AROUND_CHARS = 2_000
# One more than once is wrong already; a count goes no further than this.
MOST_MATCHES = 100

_NUMBERED = re.compile(r"^[ \t]*\d+\|", re.MULTILINE)


class TextEditorException(UsageError, ValueError):  # noqa: N818  the seed's name
    """A call of the text editor that does not make sense for the file as it is."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A text after an edit, and the lines that the edit brought, counted from one."""

    text: str
    first: int
    last: int
    note: str = ""

    def around(self) -> str:
        """Show the edited lines and those beside them."""
        start = max(1, self.first - AROUND)
        lines = lines_of(self.text)[start - 1 : self.last + AROUND]
        return numbered(lines, start, cap=AROUND_CHARS)


def lines_of(text: str) -> list[str]:
    """Split at line feeds only; a carriage return before one is left out."""
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    if lines[-1] == "" and not text.endswith("\r"):
        lines.pop()
    return lines


def plural(count: int, noun: str) -> str:
    """Count a noun: 1 line, 2,000 lines."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def capped(rows: Sequence[str], cap: int = CAP_CHARS) -> tuple[str, int]:
    """Join rows up to a cap; give also how many are whole."""
    whole = "\n".join(rows)
    if len(whole) <= cap:
        return whole, len(rows)
    room, count, size = cap - NOTICE_CHARS, 0, 0
    for row in rows:
        if size + len(row) > room:
            break
        size += len(row) + 1
        count += 1
    return "\n".join(rows[:count]), count


def numbered(lines: Sequence[str], first: int, *, cap: int = CAP_CHARS) -> str:
    """Show lines as `N|line`; say what was cut, and where to go on."""
    rows = [f"{n}|{line}" for n, line in enumerate(lines, first)]
    shown, count = capped(rows, cap)
    if count == len(rows):
        return shown
    what = f"lines {first:,}-{first + count - 1:,} are shown"
    if count == 0:
        shown, count = rows[0][: cap - NOTICE_CHARS], 1
        what = f"line {first:,} has {len(lines[0]):,} characters and is shown in part"
    there = f"{first + len(lines) - 1:,}"
    more = f" Go on with view_start_line={first + count}." if count < len(rows) else ""
    return f"{shown}\n[Cut at {cap:,} characters: {what}, of lines {first:,}-{there}.{more}]"


def view(text: str, start: int | None = None, end: int | None = None) -> str:
    """Show a range of lines. Counting is from one; an end of -1 is the last line."""
    lines = lines_of(text)
    if start is None and end is None and not lines:
        return "[The file is empty.]"
    first = 1 if start is None else start
    last = len(lines) if end is None or end == -1 else min(end, len(lines))
    if not 1 <= first <= len(lines):
        raise TextEditorException(
            f"view_start_line is {first}, and the file has {plural(len(lines), 'line')}. "
            f"Lines are counted from 1."
        )
    if last < first:
        raise TextEditorException(
            f"view_end_line is {end}, before view_start_line {first}. Give a line from "
            f"there on, or -1 for the last one."
        )
    return numbered(lines[first - 1 : last], first)


def positions_of(text: str, part: str) -> Iterator[int]:
    """Give each place where a part is found, those that overlap too."""
    place = text.find(part)
    while place != -1:
        yield place
        place = text.find(part, place + 1)


def replace_once(text: str, old: str, new: str) -> Edit:
    """Replace the one place where `old` is found."""
    if not old:
        raise TextEditorException("old_str is empty. Give the text to replace, or use `insert`.")
    if old == new:
        raise TextEditorException("old_str and new_str are the same, so nothing would change.")
    found: list[int] = []
    for place in positions_of(text, old):
        found.append(place)
        if len(found) == MOST_MATCHES:
            break
    if not found:
        raise TextEditorException(f"old_str was not found. {_hint(text, old)}")
    if len(found) > 1:
        raise TextEditorException(_found_often(text, found))
    start = found[0]
    after = text[:start] + new + text[start + len(old) :]
    first = text.count("\n", 0, start) + 1
    last = first + new.removesuffix("\n").count("\n")
    return Edit(after, first, last, _newline_note(text, new))


def _found_often(text: str, found: list[int]) -> str:
    count = f"{len(found)} times"
    if len(found) == MOST_MATCHES:
        count = f"{MOST_MATCHES} times or more"
    at = [str(text.count("\n", 0, place) + 1) for place in found[:8]]
    more = ", …" if len(found) > 8 else ""
    return (
        f"old_str was found {count}, places that overlap counted, at lines "
        f"{', '.join(at)}{more}. It must be found once: add lines around it to old_str."
    )


def _hint(text: str, old: str) -> str:
    """Say why a text may not have been found."""
    plain = _NUMBERED.sub("", old)
    lines = [line for line in old.split("\n") if line.strip()]
    if lines and all(_NUMBERED.match(line) for line in lines):
        there = " Without them it is there." if plain in text else ""
        return (
            "It carries line numbers as `view` shows them (`12|`). Leave them out of "
            f"old_str and new_str.{there}"
        )
    if "\r\n" in text and "\n" in old and re.sub("\r?\n", "\r\n", old) in text:
        return (
            "The file's lines end in CRLF, those of old_str in LF. Write `\\r\\n` for "
            "each line's end in old_str and new_str."
        )
    if "\r\n" in old and old.replace("\r\n", "\n") in text:
        return (
            "The file's lines end in LF, those of old_str in CRLF. Write `\\n` for each "
            "line's end in old_str and new_str."
        )
    near = _drifted(lines_of(text), lines_of(old))
    if near:
        return (
            f"But for white space it is at line {', '.join(map(str, near))}. `view` "
            f"there and copy it exactly."
        )
    return "`view` the file, then copy the text exactly, white space included."


def _drifted(lines: list[str], wanted: list[str]) -> list[int]:
    """Give the first lines where a text is found when white space does not count."""
    sought = [" ".join(line.split()) for line in wanted]
    if not any(sought):
        return []
    plain = [" ".join(line.split()) for line in lines]
    span = len(sought)
    found: list[int] = []
    for place, line in enumerate(plain):
        if line == sought[0] and plain[place : place + span] == sought:
            found.append(place + 1)
            if len(found) == 3:
                break
    return found


def insert_after(text: str, line: int, new: str) -> Edit:
    """Put lines after a line; after line 0 is before the first."""
    if not new:
        raise TextEditorException("new_str is empty. Give the text to insert.")
    rows = text.split("\n")
    ends_open = rows[-1] != ""
    count = len(rows) if ends_open else len(rows) - 1
    if not 0 <= line <= count:
        raise TextEditorException(
            f"insert_line is {line}, and the file has {plural(count, 'line')}. Give 0 to "
            f"{count}: the text goes after that line."
        )
    newline = "\r\n" if _style(text) == "CRLF" else "\n"
    at = sum(len(row) + 1 for row in rows[:line])
    if line == count and ends_open:
        after = text + newline + new
    else:
        end = "" if new.endswith("\n") else newline
        after = text[:at] + new + end + text[at:]
    brought = len(lines_of(new if new.endswith("\n") else new + "\n"))
    return Edit(after, line + 1, line + brought, _newline_note(text, new))


def _style(text: str) -> str | None:
    """Name how all lines end; None where they differ or there is no end."""
    both = text.count("\r\n")
    plain = text.count("\n") - both
    if both and not plain:
        return "CRLF"
    return "LF" if plain and not both else None


def _newline_note(text: str, new: str) -> str:
    before, brought = _style(text), _style(new)
    if before is None or "\n" not in new or before == brought:
        return ""
    return (
        f" Note: the file's lines end in {before}, those of the new text in "
        f"{brought or 'both LF and CRLF'}; they were written as given."
    )
