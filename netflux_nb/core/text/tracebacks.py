"""Short tracebacks: an error's message, and the lines of the user's code that led to it."""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, TracebackType

from .legible import signed


def headline(error: BaseException) -> str:
    """Name an error. What it quotes may hold what moves a cursor, or turns a line around."""
    return signed(f"{type(error).__name__}: {error}")


# How much of a line of code is shown beside an error.
_LINE_CHARS = 100


def asked_at(walked: TracebackType | None) -> str:
    """Name the line of a person's own cell that a mistake came from."""
    found = ""
    while walked is not None:
        frame = walked.tb_frame
        if frame.f_globals.get("__name__") == "__main__":
            line = linecache.getline(frame.f_code.co_filename, walked.tb_lineno).strip()
            # A magic's own words say what it read; IPython made this line of them.
            is_cell_magic = "get_ipython().run_cell_magic(" in line
            code = "" if "get_ipython()." in line else f": {line[:_LINE_CHARS]}"
            found = "" if is_cell_magic else f"line {walked.tb_lineno}{code}"
        walked = walked.tb_next
    return found


_LIBRARY = str(Path(linecache.__file__).parent)
_PACKAGE = __name__.partition(".")[0]
# Lines of a person's code that are shown: where it was asked, and where it went wrong.
_FIRST, _LAST = 2, 4


def in_frames(error: BaseException) -> list[str]:
    """Show an error with the lines of a person's code that led to it, the outermost first."""
    # A comprehension has a frame of its own on the same line.
    places = {
        (frame.f_code.co_filename, number): frame
        for frame, number in reversed(list(_walked(error)))
        if _is_persons(frame)
    }
    found = [_place(frame, number) for (_, number), frame in reversed(places.items())]
    if len(found) > _FIRST + _LAST:
        found[_FIRST:-_LAST] = ["  …"]
    return [headline(error), *found]


def _place(frame: FrameType, number: int) -> str:
    file, name = frame.f_code.co_filename, frame.f_code.co_name
    where = "" if frame.f_globals.get("__name__") == "__main__" else f"{Path(file).name}, "
    within = "" if name.startswith("<") else f", in {name}()"
    code = linecache.getline(file, number).strip()[:_LINE_CHARS]
    told = "" if not code or "get_ipython()." in code else f": {code}"
    return f"  {where}line {number}{within}{told}"


def _walked(error: BaseException) -> Iterator[tuple[FrameType, int]]:
    walked = error.__traceback__
    while walked is not None:
        yield walked.tb_frame, walked.tb_lineno
        walked = walked.tb_next


def _is_persons(frame: FrameType) -> bool:
    """Say whether a frame is of a person's own code: not ours, nor that of what is installed."""
    name, file = str(frame.f_globals.get("__name__")), frame.f_code.co_filename
    if name == "__main__" or name.partition(".")[0] == _PACKAGE:
        return name == "__main__"
    return not any(part in file for part in ("site-packages", sys.prefix + os.sep, _LIBRARY))


def has_own_fault(error: BaseException) -> bool:
    """Say whether it, or what it came from, was raised by a person's own code."""
    seen: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in seen:
        seen.append(one)
        frames = [frame for frame, _ in _walked(one)]
        if frames and _is_persons(frames[-1]):
            return True
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    return False
