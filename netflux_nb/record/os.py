"""Locks, sync, replace and removal of files, as each system has them.

A lock belongs to an open file. Closing the file lets it go, and so does the end of its process.
It is exclusive, or shared with others that are shared. It keeps nobody from reading or writing.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

# How long a lock is tried again where the system cannot wait for it, or a file that is held open.
LOOK_S = 0.01
PATIENCE_S = 1.0

if sys.platform == "win32":
    import msvcrt

    # Windows locks ranges of bytes, always exclusively, and refuses to read and write what is
    # in them. So ours are far behind the end of any file: one of them is a shared lock, all of
    # them the exclusive one. The C library counts places in a file in 31 bits.
    _FAR = 0x7FFF_0000
    _SLOTS = 64

    # Without O_BINARY a line end is written as two characters.
    _FLAGS = os.O_BINARY

    sync = os.fsync

    def try_lock(fd: int, *, is_shared: bool = False) -> bool:
        """Take a lock if nobody's is in the way, and say whether it was taken."""
        if not is_shared:
            return _take(fd, _FAR, _SLOTS)
        first = os.urandom(1)[0]
        return any(_take(fd, _FAR + (first + i) % _SLOTS, 1) for i in range(_SLOTS))

    def _take(fd: int, first: int, count: int) -> bool:
        was = os.lseek(fd, 0, os.SEEK_CUR)
        os.lseek(fd, first, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, count)
        except PermissionError:
            return False
        finally:
            os.lseek(fd, was, os.SEEK_SET)
        return True

    def lock(fd: int, *, is_shared: bool = False) -> None:
        """Take a lock, and wait for it as long as somebody's is in the way."""
        while not try_lock(fd, is_shared=is_shared):
            threading.Event().wait(LOOK_S)

    def is_alive(pid: int) -> bool:
        """Say whether a process of this machine may still be there. Here it is not asked."""
        return True

    def sync_path(path: Path) -> None:
        """Wait until a file is on the disk. The lists of folders cannot be waited for."""
        if path.is_dir():
            return
        file = open_fd(path, os.O_RDWR)  # one that is open for reading cannot be synced
        try:
            sync(file)
        finally:
            os.close(file)

    def replace(source: Path, target: Path) -> None:
        """Give a file the place of another, which may be open elsewhere for a moment."""
        _patiently(lambda: source.replace(target), target)

    def unlink(path: Path, *, missing_ok: bool = False) -> None:
        """Remove a file, which may be open elsewhere for a moment."""
        _patiently(lambda: path.unlink(missing_ok=missing_ok), path)

    def _patiently(do: Callable[[], object], path: Path) -> None:
        for _ in range(int(PATIENCE_S / LOOK_S)):
            try:
                do()
            except PermissionError:
                threading.Event().wait(LOOK_S)
            else:
                return
        try:
            do()
        except PermissionError as error:
            why = "It stays as it is: another program has it open, or it may not be changed"
            raise PermissionError(errno.EACCES, why, str(path)) from error

else:
    import fcntl

    _FLAGS = 0

    if sys.platform == "darwin":

        def sync(fd: int) -> None:
            """Wait until a file is on the disk. `fsync` stops at the disk's own memory here."""
            try:
                fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
            except OSError:  # the file system has no such thing, or the disk fails
                os.fsync(fd)

    else:
        sync = getattr(os, "fdatasync", os.fsync)

    def try_lock(fd: int, *, is_shared: bool = False) -> bool:
        """Take a lock if nobody's is in the way, and say whether it was taken."""
        try:
            fcntl.flock(fd, (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def lock(fd: int, *, is_shared: bool = False) -> None:
        """Take a lock, and wait for it as long as somebody's is in the way."""
        fcntl.flock(fd, fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX)

    def is_alive(pid: int) -> bool:
        """Say whether a process of this machine may still be there."""
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except (OSError, OverflowError):
            return True
        return True

    def sync_path(path: Path) -> None:
        """Wait until a file, or the list of a folder, is on the disk."""
        file = open_fd(path, os.O_RDONLY)
        try:
            sync(file)
        finally:
            os.close(file)

    def replace(source: Path, target: Path) -> None:
        """Give a file the place of another."""
        source.replace(target)

    def unlink(path: Path, *, missing_ok: bool = False) -> None:
        """Remove a file."""
        path.unlink(missing_ok=missing_ok)


def open_fd(path: Path, flags: int) -> int:
    """Open a file for bytes. It is this user's alone, and no child process inherits it."""
    return os.open(path, flags | _FLAGS, 0o600)
