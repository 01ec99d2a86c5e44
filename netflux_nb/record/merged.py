"""Merged copies of small packed files, for queries; they may be deleted at any time."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import RecordError
from . import packing, reading
from .codecs.artifacts import TEMPORARY, settle
from .os import unlink
from .sql import engine

# Files of this folder hold the lines of many others, and name them beside.
FOLDER = "merged"
NAMES = ".json"
# A file costs a question half a millisecond for each view: so many are not felt.
MANY = 32
# Larger ones stand for themselves, and are written into no other again.
SMALL_BYTES = 8_000_000
MOST_NAMES_BYTES = 10_000_000

# What tells whether a file is still the one that was copied: its size, and when it was written.
Mark = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Copy:
    """One file that holds the lines of others, which it names as they were."""

    path: Path
    of: Mapping[str, Mark]

    @property
    def names(self) -> Path:
        """The file that names them."""
        return self.path.with_suffix(NAMES)


def _marks(paths: Iterable[Path]) -> dict[str, Mark]:
    found: dict[str, Mark] = {}
    for path in paths:
        with suppress(FileNotFoundError):
            seen = path.stat()
            found[path.name] = seen.st_size, seen.st_mtime_ns
    return found


def _copies(folder: Path, there: Mapping[str, Mark]) -> list[Copy]:
    # No file is in two of them, though a process may have died between a new one and the old.
    found: list[Copy] = []
    taken: set[str] = set()
    for one in sorted(_all(folder), key=lambda copy: (-len(copy.of), copy.path.name)):
        if one.of.items() <= there.items() and not taken & one.of.keys() and one.path.is_file():
            found.append(one)
            taken |= one.of.keys()
    return found


def _all(folder: Path) -> Iterator[Copy]:
    for path in (folder / FOLDER).glob(f"[!.]*{NAMES}"):
        try:
            with path.open("rb") as file:
                told = json.loads(file.read(MOST_NAMES_BYTES))
            of = {str(name): (int(size), int(when)) for name, (size, when) in told.items()}
        except (OSError, ValueError, TypeError, AttributeError, RecursionError):
            continue  # it stands for nothing
        if of:
            yield Copy(path.with_suffix(packing.SUFFIX), of)


def standing_for(
    folder: Path, packed: Iterable[Path], without: frozenset[Path] = frozenset()
) -> list[Path]:
    """Give the files to ask in place of packed ones: copies where there are, else themselves."""
    paths = list(packed)
    if not (folder / FOLDER).is_dir():
        return paths
    used = [one for one in _copies(folder, _marks(paths)) if one.path not in without]
    held = {name for one in used for name in one.of}
    return [*(one.path for one in used), *(path for path in paths if path.name not in held)]


def renew(folder: Path, *, many: int = MANY, small_bytes: int = SMALL_BYTES) -> None:
    """Remove copies that stand for nothing any more, and copy where there are many small files.

    The files stay as they are: they are what is read, checked, deleted and given away. A
    deleted run may be in a copy; where somebody asks, that is left for later. Who calls this
    holds the folder's lock.
    """
    _clear(folder)
    if engine.is_there() and _merge(folder, many, small_bytes) is not None:
        _clear(folder)  # the older copies are in it


def _merge(folder: Path, many: int, small_bytes: int) -> Path | None:
    there = _marks(path for path in reading.files(folder) if path.suffix == packing.SUFFIX)
    known = _copies(folder, there)
    held = {name for one in known for name in one.of}
    loose = [
        folder / name
        for name, (size, _) in there.items()
        if name not in held and size <= small_bytes
    ]
    small = [one for one in known if one.path.stat().st_size <= small_bytes]
    made = _made(folder, small, loose, there, many)
    if made is not None or len(loose) < many:
        return made
    # One that is damaged takes no other with it.
    damaged = [one for one in small if not packing.is_packed(one.path)]
    _take_away(folder, [one.names for one in damaged])
    small = [one for one in small if one not in damaged]
    return _made(folder, small, [path for path in loose if packing.is_packed(path)], there, many)


def _made(
    folder: Path,
    small: Sequence[Copy],
    loose: Sequence[Path],
    there: Mapping[str, Mark],
    many: int,
) -> Path | None:
    if len(loose) < many:
        return None
    of = {name: mark for one in small for name, mark in one.of.items()}
    of |= {path.name: there[path.name] for path in loose}
    place = folder / FOLDER
    place.mkdir(mode=0o700, exist_ok=True)
    made = place / f"{Path(max(of)).stem}-{os.urandom(4).hex()}{packing.SUFFIX}"
    temporary = place / f"{TEMPORARY}{os.urandom(8).hex()}"
    try:
        packing.merge([*(one.path for one in small), *loose], temporary)
        if _marks(folder / name for name in of) != of:
            return None  # some were written anew meanwhile
        settle(temporary, made)
        temporary.write_text(json.dumps(of), encoding="utf-8")
        settle(temporary, made.with_suffix(NAMES))  # from here on it stands for them
    except (RecordError, OSError):
        return None
    finally:
        unlink(temporary, missing_ok=True)
    return made


def _clear(folder: Path) -> None:
    place = folder / FOLDER
    if not place.is_dir():
        return
    there = _marks(path for path in reading.files(folder) if path.suffix == packing.SUFFIX)
    used = _copies(folder, there)
    kept = {path for one in used for path in (one.path, one.names)}
    _take_away(folder, set(place.glob("[!.]*")) - kept)


def _take_away(folder: Path, paths: Collection[Path]) -> None:
    if not paths:
        return
    with reading.unasked(folder) as is_free:
        # First what names: without it nobody looks at the other.
        for path in sorted(paths, key=lambda path: path.suffix != NAMES) if is_free else ():
            if path.is_file():  # a folder in here is none of ours
                with suppress(PermissionError):  # open somewhere: left for later
                    unlink(path, missing_ok=True)
