"""The boundary of file access: names within one root folder, files read and replaced whole."""

from __future__ import annotations

import errno
import itertools
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import ArgumentError, FunctionError, UsageError

# A larger file is no text that anybody edits by hand; reading it would fill the memory.
MAX_BYTES = 10_000_000

_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_BINARY = getattr(os, "O_BINARY", 0)
# Without O_NONBLOCK a pipe that nobody writes to would hold the thread for ever.
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)
# To pass through a folder one need not be allowed to list it.
_PASS = _FOLDER | getattr(os, "O_PATH", 0)
_CAN_HOLD = {os.open, os.mkdir, os.rename, os.stat, os.unlink, os.link} <= os.supports_dir_fd

_serial = itertools.count(1)

# Held between the last look at a file and its replacement, which trees would else race.
swapping = threading.Lock()


@dataclass(frozen=True, slots=True)
class Stamp:
    """Which file was read, and how it was then."""

    inode: int
    size_bytes: int
    mtime_ns: int
    mode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """Take a stamp."""
        mode = stat.S_IMODE(status.st_mode)
        return cls(status.st_ino, status.st_size, status.st_mtime_ns, mode)


@dataclass(frozen=True, slots=True)
class Spot:
    """A name in a folder. With `fd` that folder is held open, whatever its path means later."""

    place: Path
    fd: int | None = None

    @property
    def at(self) -> str:
        """What the system is asked for: a name in the held folder, or a whole path."""
        return str(self.place) if self.fd is None else self.place.name

    def beside(self, name: str) -> Spot:
        """Give another name in the same folder."""
        return Spot(self.place.with_name(name), self.fd)

    def open(self, flags: int) -> int:
        """Open it, unless it is a link: the way to a place has been followed before."""
        return os.open(self.at, flags | _NO_LINK | _BINARY, 0o666, dir_fd=self.fd)

    def status(self) -> os.stat_result:
        """Say what is there, be it a link."""
        return os.stat(self.at, dir_fd=self.fd, follow_symlinks=False)

    def is_taken(self) -> bool:
        """True where anything is there, be it a link that leads nowhere."""
        try:
            self.status()
        except FileNotFoundError:
            return False
        return True

    def take(self, other: Spot) -> None:
        """Put another file here in one step, over what is here."""
        os.replace(other.at, self.at, src_dir_fd=other.fd, dst_dir_fd=self.fd)

    def unlink(self) -> None:
        """Remove it."""
        os.unlink(self.at, dir_fd=self.fd)

    def chmod(self, file: int, mode: int) -> None:
        """Set the mode of this file, which is open as `file`."""
        if os.chmod in os.supports_fd:
            os.chmod(file, mode)
        else:
            self.place.chmod(mode)


def folder_of(name: str, root: str | os.PathLike[str] | None) -> Path | None:
    """Give the folder that is a Function's root, wherever this program goes later."""
    if root is None:
        return None
    folder = Path(root).absolute()
    if not folder.is_dir():
        raise FunctionError(f"{name}: root {str(folder)!r} is no folder.")
    return folder


class Root:
    """A folder that no path leads out of; without one, the whole file system.

    What is refused is raised as `error`.

    Example:
        >>> Root(".").place("notes/../a.txt").name
        'a.txt'
    """

    def __init__(
        self,
        folder: str | os.PathLike[str] | None = None,
        error: type[UsageError] = ArgumentError,
    ) -> None:
        self.folder = None if folder is None else Path(os.path.realpath(folder))
        self.error = error

    def place(self, path: str) -> Path:
        """Follow links to the file that is meant, and refuse one outside of the root."""
        _check_name(path, self.error)
        if self.folder is None:
            return Path(os.path.realpath(path))
        place = Path(os.path.realpath(self.folder / path))
        if not place.is_relative_to(self.folder):
            raise self._leads_out(path)
        return place

    def name(self, path: str) -> Path:
        """Give the place of a name itself: only links on the way to it are followed."""
        _check_name(path, self.error)
        head, tail = os.path.split(path)
        if tail in ("", ".", ".."):
            raise self.error(f"{path[:80]!r} names no file.")
        return self.place(head or ".") / tail

    def _leads_out(self, path: str) -> UsageError:
        return self.error(
            f"{path[:80]!r} leads out of the folder that may be used here. Give a path inside it."
        )

    @contextmanager
    def spot(self, place: Path, made: list[Path] | None = None) -> Iterator[Spot]:
        """Hold a place's folder open. With `made`, folders that are missing are added to it."""
        if self.folder is None or not _CAN_HOLD or place == self.folder:
            if made is not None:
                _make_folders(place.parent, made)
            yield Spot(place)
            return
        fd = self._walk(place.parent, made)
        try:
            yield Spot(place, fd)
        finally:
            os.close(fd)

    @contextmanager
    def listing(self, place: Path) -> Iterator[Iterator[os.DirEntry[str]]]:
        """Go through a folder's entries."""
        if self.folder is None or not _CAN_HOLD:
            with os.scandir(place) as entries:
                yield entries
            return
        fd = self._walk(place, None, _FOLDER)
        try:
            with os.scandir(fd) as entries:
                yield entries
        finally:
            os.close(fd)

    def _walk(self, folder: Path, made: list[Path] | None, last: int = _PASS) -> int:
        """Open a folder step by step from the root, so that no link is followed on the way."""
        assert self.folder is not None
        parts = folder.relative_to(self.folder).parts
        here = self.folder
        fd = os.open(here, _PASS if parts else last)
        try:
            for n, part in enumerate(parts, 1):
                here /= part
                if made is not None:
                    _make_folder(here, part, fd, made)
                flags = (last if n == len(parts) else _PASS) | _NO_LINK
                try:
                    deeper = os.open(part, flags, dir_fd=fd)
                except OSError as error:
                    if _is_link(part, fd):
                        raise self._leads_out(str(here)) from None
                    raise OSError(error.errno, error.strerror, str(here)) from None
                os.close(fd)
                fd = deeper
        except BaseException:
            os.close(fd)
            raise
        return fd


def _check_name(path: str, error: type[UsageError]) -> None:
    try:
        is_name = bool(path) and "\0" not in path and bool(os.fsencode(path))
    except UnicodeEncodeError:
        is_name = False
    if not is_name:
        raise error(f"{path[:80]!r} is no path. Give the path of a file.")


def _is_link(name: str, fd: int) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode)
    except OSError:
        return False


def _make_folder(here: Path, name: str, fd: int, made: list[Path]) -> None:
    try:
        os.mkdir(name, dir_fd=fd)
    except FileExistsError:
        return
    made.append(here)


def _make_folders(folder: Path, made: list[Path]) -> None:
    missing = [p for p in (folder, *folder.parents) if not p.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    made.extend(reversed(missing))


def read_text(spot: Spot, path: str, error: type[UsageError]) -> tuple[str, Stamp]:
    """Give a file's text, its line ends untouched, and how it was when it was opened.

    Only a plain file is opened: to open a device or a pipe may already do something.
    """
    _check_plain(spot.status(), path, error)
    with os.fdopen(spot.open(_READ), "rb") as file:
        status = os.fstat(file.fileno())
        _check_plain(status, path, error)
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise _too_large(path, len(data), error)
    try:
        return data.decode("utf-8"), Stamp.of(status)
    except UnicodeDecodeError as fault:
        raise error(
            f"{path!r} is not UTF-8 text: byte {fault.start:,} is 0x{data[fault.start]:02x}. "
            f"It is not opened here."
        ) from None


def _check_plain(status: os.stat_result, path: str, error: type[UsageError]) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "It is a folder, not a file", path)
    if stat.S_ISLNK(status.st_mode):  # links were followed before: a circle, or a new one
        raise OSError(errno.ELOOP, "It is a link that cannot be followed", path)
    if not stat.S_ISREG(status.st_mode):
        raise error(f"{path!r} is no plain file, so it has no text to edit.")
    if status.st_size > MAX_BYTES:
        raise _too_large(path, status.st_size, error)


def _too_large(path: str, size_bytes: int, error: type[UsageError]) -> UsageError:
    return error(
        f"{path!r} has {size_bytes:,} bytes; files are read up to {MAX_BYTES:,}. Split it, or "
        f"use another tool."
    )


def encoded(text: str, error: type[UsageError]) -> bytes:
    """Give a text's bytes in UTF-8."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as fault:
        raise error(
            f"Character {fault.start:,} of the text is {text[fault.start]!a}, half of a pair "
            f"that UTF-8 cannot hold. Write the whole character."
        ) from None


def staged(
    spot: Spot, data: bytes, mode: int | None = None, is_program: bool | None = None
) -> Spot:
    """Write bytes to a new file beside a place, for `take` to put it there.

    Without a mode it gets the usual one. Who may read a program may run it.
    """
    temp, file = temporary(spot)
    try:
        with os.fdopen(file, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
            if mode is None and is_program is not None:
                mode = stat.S_IMODE(os.fstat(out.fileno()).st_mode)
            if mode is not None:
                temp.chmod(out.fileno(), _with_runs(mode, is_program))
    except BaseException:
        temp.unlink()
        raise
    return temp


def _with_runs(mode: int, is_program: bool | None) -> int:
    if is_program is None:
        return mode
    return mode | (mode & 0o444) >> 2 if is_program else mode & ~0o111


def back_up(spot: Spot) -> Spot:
    """Give what is at a place a second name beside it, to put it back from."""
    temp, file = temporary(spot)
    os.close(file)
    temp.unlink()
    try:
        os.link(spot.at, temp.at, src_dir_fd=spot.fd, dst_dir_fd=temp.fd, follow_symlinks=False)
    except (OSError, NotImplementedError):  # not every file system has links, nor every file
        with os.fdopen(spot.open(_READ), "rb") as original:
            status = os.fstat(original.fileno())
            return staged(spot, original.read(), stat.S_IMODE(status.st_mode))
    return temp


def temporary(spot: Spot) -> tuple[Spot, int]:
    """Make an empty file beside a place, under a name that nobody has."""
    # Not `tempfile`: its files are private, and only the system knows the umask safely.
    while True:
        temp = spot.beside(f".netflux_nb-{os.getpid()}-{next(_serial)}.tmp")
        try:
            return temp, temp.open(os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except FileExistsError:  # left by a process that had this id and died
            continue
