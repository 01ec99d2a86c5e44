"""Many files written at once: all of them, or none."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import NetfluxError, UsageError
from ..bounds import Root, Spot, Stamp, back_up, encoded, staged, swapping
from .diff_parser import DiffError, Problem


class RollbackError(NetfluxError):
    """Writing failed, and not all that was written could be put back."""


class RefusedError(UsageError):
    """A place that may not be used, or holds no text."""


@dataclass(slots=True)
class After:
    """What a place is to hold: a text, or nothing; and what it held when it was planned."""

    text: str | None
    before: Stamp | None
    mode: int | None = None
    is_program: bool | None = None


def is_as_before(root: Root, place: Path, after: After) -> bool:
    """True while a place holds what it held when it was planned."""
    try:
        with root.spot(place) as spot:
            return _is_at(spot, after.before)
    except (FileNotFoundError, NotADirectoryError):
        return after.before is None


def _is_at(spot: Spot, before: Stamp | None) -> bool:
    return Stamp.of(spot.status()) == before if spot.is_taken() else before is None


class Writing:
    """What was written so far, and how it is put back."""

    def __init__(self, root: Root, after: Mapping[Path, After]) -> None:
        self.root = root
        self.after = after
        self.made: list[Path] = []
        self.temps: dict[Path, Path] = {}
        self.kept: dict[Path, Path | None] = {}

    def run(self) -> None:
        """Write all: first beside each file, then each in its place."""
        place = Path()
        try:
            for place in self.after:
                self._stage(place)
            for place in self.after:
                self._swap(place)
        except BaseException as error:
            self._roll_back(error)
            if not isinstance(error, DiffError) and isinstance(error, (OSError, UsageError)):
                why = (isinstance(error, OSError) and error.strerror) or str(error)
                path = str(place.relative_to(self.root.folder or place.anchor))
                problem = Problem("refused", path, f"It could not be written. {why}.")
                raise DiffError([problem]) from error
            raise
        for place, spare in self.kept.items():
            if spare is not None:
                with suppress(OSError, UsageError), self.root.spot(place) as spot:
                    spot.beside(spare.name).unlink()

    def _stage(self, path: Path) -> None:
        after = self.after[path]
        if after.text is None:
            return
        with self.root.spot(path, made=self.made) as spot:
            data = encoded(after.text, RefusedError)
            self.temps[path] = staged(spot, data, after.mode, after.is_program).place

    def _swap(self, path: Path) -> None:
        after = self.after[path]
        with swapping, self.root.spot(path) as spot:
            if not _is_at(spot, after.before):
                raise DiffError([changed_meanwhile(path.name)])
            spare = back_up(spot) if after.before is not None else None
            self.kept[path] = spare.place if spare else None
            if after.text is None:
                spot.unlink()
            else:
                spot.take(spot.beside(self.temps[path].name))
                del self.temps[path]

    def _roll_back(self, error: BaseException) -> None:
        lost = [p for p in reversed(self.kept) if not self._put_back(p, self.kept[p])]
        for place, temp in self.temps.items():
            with suppress(OSError, UsageError), self.root.spot(place) as spot:
                spot.beside(temp.name).unlink()
        for folder in reversed(self.made):
            with suppress(OSError):
                folder.rmdir()
        if lost:
            spares = [
                f"{p.name!r} (its former text: {getattr(self.kept[p], 'name', '')!r})" for p in lost
            ]
            raise RollbackError(
                f"Writing failed, and these could not be put back: {', '.join(spares[:8])}."
            ) from error

    def _put_back(self, path: Path, spare: Path | None) -> bool:
        try:
            with self.root.spot(path) as spot:
                if spare is not None:
                    other = spot.beside(spare.name)
                    spot.take(other)
                    # Where both were names of one file, the system left both.
                    with suppress(FileNotFoundError):
                        other.unlink()
                elif path not in self.temps:
                    spot.unlink()
        except (OSError, UsageError):
            return False
        return True


def changed_meanwhile(path: str) -> Problem:
    """Say that somebody else was there."""
    return Problem("refused", path, "It was changed by somebody else meanwhile. Try again.")
