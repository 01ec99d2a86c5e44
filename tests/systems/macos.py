"""macOS, as far as our package can tell: no `fdatasync`, no `/proc`, and F_FULLFSYNC."""

import errno
import fcntl
import os
import sys

from system import StandIn

MISSING: set[str] = set()

GONE_OS = """
    fdatasync waitid P_PID P_ALL P_PGID P_PIDFD WEXITED WNOWAIT WSTOPPED WCONTINUED pidfd_open
    pipe2 O_PATH O_DIRECT O_LARGEFILE O_NOATIME O_TMPFILE O_RSYNC sched_getaffinity
    sched_setaffinity posix_fallocate posix_fadvise memfd_create eventfd splice copy_file_range
    getxattr setxattr listxattr removexattr getresuid getresgid setresuid setresgid
"""
F_FULLFSYNC = 51


def control(fd, what, arg=0):
    if what == F_FULLFSYNC:
        os.fsync(fd)
        return 0
    return fcntl.fcntl(fd, what, arg)


def listed(path="."):
    if str(path).startswith("/proc"):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    return os.listdir(path)


def modules():
    return {
        "os": StandIn(os, gone=GONE_OS, listdir=listed),
        "sys": StandIn(sys, platform="darwin"),
        "fcntl": StandIn(
            fcntl, gone="F_OFD_SETLK F_OFD_SETLKW", F_FULLFSYNC=F_FULLFSYNC, fcntl=control
        ),
    }


def also():
    """Nothing else is otherwise."""
