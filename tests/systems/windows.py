"""Windows, as far as our package can tell: what is not there, and what is otherwise.

Paths stay those of this system. Files that are open in this process can be neither removed nor
replaced, a lock is a range of bytes, text mode writes two characters for a line end, and names
with a colon or the like cannot be made.
"""

import asyncio
import errno
import fcntl
import os
import pathlib
import signal
import struct
import sys
import time
import types

from system import PACKAGE, StandIn

MISSING = {
    "fcntl",
    "grp",
    "posix",
    "pty",
    "pwd",
    "readline",
    "resource",
    "syslog",
    "termios",
    "tty",
}

GONE_OS = """
    fork forkpty register_at_fork fdatasync sync killpg getuid geteuid getgid getegid getgroups
    getresuid getresgid setuid setgid seteuid setegid setreuid setregid setresuid setresgid
    setgroups initgroups getpgid getpgrp setpgid getsid setsid tcgetpgrp tcsetpgrp ctermid ttyname
    wait wait3 wait4 waitid WNOHANG WEXITED WNOWAIT WSTOPPED WUNTRACED WCONTINUED P_PID P_ALL
    P_PGID P_PIDFD WIFEXITED WEXITSTATUS WIFSIGNALED WTERMSIG WIFSTOPPED WSTOPSIG WCOREDUMP
    pidfd_open mkfifo mknod major minor makedev pread pwrite preadv pwritev readv writev sendfile
    splice copy_file_range statvfs fstatvfs uname chown fchown lchown fchmod chroot fchdir openpty
    nice getpriority setpriority getloadavg confstr sysconf pathconf fpathconf pipe2 set_blocking
    get_blocking posix_spawn posix_spawnp posix_fallocate posix_fadvise lockf memfd_create eventfd
    getxattr setxattr listxattr removexattr sched_getaffinity sched_setaffinity sched_yield
    sched_getscheduler O_CLOEXEC O_NONBLOCK O_NDELAY O_DIRECTORY O_NOFOLLOW O_PATH O_SYNC O_DSYNC
    O_RSYNC O_NOCTTY O_ASYNC O_DIRECT O_LARGEFILE O_NOATIME O_TMPFILE O_ACCMODE EX_OK EX_USAGE
    EX_DATAERR EX_NOINPUT EX_SOFTWARE EX_OSERR EX_IOERR EX_TEMPFAIL
"""
GONE_SIGNAL = """
    SIGKILL SIGHUP SIGQUIT SIGALRM SIGUSR1 SIGUSR2 SIGCHLD SIGCLD SIGPIPE SIGTSTP SIGSTOP SIGCONT
    SIGWINCH SIGTTIN SIGTTOU SIGIO SIGPOLL SIGPROF SIGVTALRM SIGTRAP SIGURG SIGXCPU SIGXFSZ alarm
    setitimer getitimer ITIMER_REAL ITIMER_VIRTUAL ITIMER_PROF pthread_kill pthread_sigmask
    sigwait sigwaitinfo sigtimedwait sigpending pause siginterrupt SIG_BLOCK SIG_UNBLOCK
    SIG_SETMASK
"""
O_BINARY = 1 << 29
LAST = 0x7FFF_FFFF
# As in <fcntl.h> of this system: type, whence, start, length, pid.
_FLOCK = "hhqqi4x"


def locking(fd, mode, nbytes):
    """Lock, or let go of, so many bytes from where the file is read or written next."""
    start = os.lseek(fd, 0, os.SEEK_CUR)
    if start + nbytes > LAST:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    assert mode == msvcrt.LK_NBLCK, "Of its modes only this one says at once."
    # A file that is open for reading can be locked there, but only be shared here.
    reads = fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY
    assert not reads or nbytes == 1, "Here, who locks alone needs a file that is open for writing."
    kind = fcntl.F_RDLCK if reads else fcntl.F_WRLCK
    try:
        lock = struct.pack(_FLOCK, kind, os.SEEK_SET, start, nbytes, 0)
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, lock)
    except BlockingIOError as error:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES)) from error


msvcrt = types.ModuleType("msvcrt")
msvcrt.LK_UNLCK, msvcrt.LK_LOCK, msvcrt.LK_NBLCK = 0, 1, 2
msvcrt.locking = locking


def opened(path, flags, mode=0o777, *, dir_fd=None):
    assert dir_fd is None, "Windows opens by path only."
    if os.path.isdir(path):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    is_binary = flags & O_BINARY or path == os.devnull
    assert is_binary, f"{path} is opened in text mode: a line end would become two characters."
    return os.open(path, flags & ~O_BINARY, mode)


def synced(fd):
    if fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    os.fsync(fd)


def killed(pid, number):
    assert number in (signal.SIGTERM, signal.SIGINT), f"Signal {number} ends a process there."
    os.kill(pid, signal.SIGKILL if number == signal.SIGTERM else number)


def by_path(name):
    do = getattr(os, name)

    def done(path, *args, **named):
        assert not isinstance(path, int), f"os.{name} takes no descriptor there."
        return do(path, *args, **named)

    return done


def modules():
    return {
        "os": StandIn(
            os,
            gone=GONE_OS,
            name="nt",
            O_BINARY=O_BINARY,
            open=opened,
            fsync=synced,
            kill=killed,
            utime=by_path("utime"),
            scandir=by_path("scandir"),
            listdir=by_path("listdir"),
            chmod=by_path("chmod"),
            supports_dir_fd=set(),
            supports_fd={os.stat, os.truncate},
            supports_follow_symlinks={os.stat},
            supports_effective_ids=set(),
        ),
        "sys": StandIn(sys, platform="win32"),
        "signal": StandIn(
            signal, gone=GONE_SIGNAL, CTRL_C_EVENT=0, CTRL_BREAK_EVENT=1, SIGBREAK=21
        ),
        "time": StandIn(time, gone="tzset clock_gettime pthread_getcpuclockid"),
        "asyncio": StandIn(asyncio, ProactorEventLoop=asyncio.SelectorEventLoop),
        "msvcrt": msvcrt,
    }


def _is_open(path):
    """Say whether this process has a file open."""
    try:
        about = os.stat(path, follow_symlinks=False)
    except OSError:
        return False
    for fd in os.listdir("/proc/self/fd"):
        try:
            one = os.stat(int(fd))
        except OSError:
            continue
        if (one.st_dev, one.st_ino) == (about.st_dev, about.st_ino):
            return True
    return False


def _asks(depth):
    """Say whether our package asks, be it through `pathlib`."""
    frame = sys._getframe(depth)
    while frame is not None and frame.f_globals.get("__name__", "").startswith("pathlib"):
        frame = frame.f_back
    return frame is not None and frame.f_globals.get("__name__", "").startswith(f"{PACKAGE}.")


def _refusing(name, is_onto):
    real = getattr(pathlib.Path, name)

    def done(self, *args, **named):
        if _asks(2) and not self.is_dir():
            for path in (self, *args[:is_onto]):
                if _is_open(path):
                    raise PermissionError(errno.EACCES, "It is open here", str(path))
            if name == "rename" and os.path.lexists(args[0]):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(args[0]))
        return real(self, *args, **named)

    return done


def _named(event, args):
    if event == "open" and isinstance(args[0], str) and args[2] & os.O_CREAT:
        name = os.path.basename(args[0])
        if set(name) & set('<>:"|?*\\') or name.endswith((" ", ".")):
            assert not _asks(2), f"Windows has no file {name!r}."


def also():
    for name, is_onto in (("unlink", False), ("replace", True), ("rename", True)):
        setattr(pathlib.Path, name, _refusing(name, is_onto))
    sys.addaudithook(_named)
