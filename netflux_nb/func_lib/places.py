"""Where a path leads: links followed, and never out of a root folder."""

from __future__ import annotations

import os
from pathlib import Path

from ..core.errors import NetfluxError

# Without it, opening a pipe that nobody writes to would hold a thread for ever.
READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)


def placed(path: str, root: Path | None, error: type[NetfluxError]) -> Path:
    """Follow links to what a path means. Raise `error` where that is outside of the root."""
    try:
        is_path = bool(os.fsencode(path)) and "\0" not in path
    except UnicodeEncodeError:  # half of a pair, which no file's name can hold
        is_path = False
    if not is_path:
        raise error(f"{path[:80]!r} is no path. Give the path of a file.")
    if root is None:
        return Path(os.path.realpath(path))
    real = Path(os.path.realpath(root))
    place = Path(os.path.realpath(real / path))
    if not place.is_relative_to(real):
        raise error(
            f"{path[:80]!r} leads out of the folder that may be used here. Give a path inside it."
        )
    return place


def opened(place: Path, root: Path | None) -> int:
    """Open for reading what `placed` gave.

    Where there is a root each step is taken from the folder before it and follows no link.
    Somebody who puts a link in the way after the check gains nothing by it.
    """
    if root is None or os.open not in os.supports_dir_fd:
        return os.open(place, READ)
    real = Path(os.path.realpath(root))
    here = os.open(real, _FOLDER & ~getattr(os, "O_NOFOLLOW", 0))
    parts = place.relative_to(real).parts
    for number, part in enumerate(parts, 1):
        flags = _FOLDER if number < len(parts) else READ | os.O_NOFOLLOW
        try:
            below = os.open(part, flags, dir_fd=here)
        finally:
            os.close(here)
        here = below
    return here
