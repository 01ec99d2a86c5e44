"""The walls of a child process: a clean environment, limits, an isolated folder and network."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...core.secrets.redaction import secrets_of, withheld

# Processes that the system's own limit leaves free above ours. It counts all that the user
# runs, elsewhere too; ours is counted exactly, but only every so often.
SPARE_PROCESSES = 256

# What would run code of somebody else's in a shell as it starts, or change how it works.
_MEDDLING = re.compile(
    "BASH_ENV|ENV|SHELLOPTS|BASHOPTS|BASH_FUNC_.*|PROMPT_COMMAND|PS4|CDPATH|GLOBIGNORE"
)
# A program that a pager or a question would hold up waits for nobody here.
_QUIET = {
    "TERM": "dumb",
    "PAGER": "cat",
    "GIT_PAGER": "cat",
    "GIT_TERMINAL_PROMPT": "0",
    "DEBIAN_FRONTEND": "noninteractive",
}


def clean_env(given: Mapping[str, str], added: Mapping[str, str]) -> dict[str, str]:
    """Give an environment without keys and without what makes a shell run foreign code.

    Example:
        >>> clean_env({"HOME": "/root", "X_API_KEY": "1", "BASH_ENV": "x"}, {})["HOME"]
        '/root'
        >>> "X_API_KEY" in clean_env({"X_API_KEY": "1"}, {})
        False
    """
    secrets = secrets_of(given)
    kept = {
        name: value
        for name, value in given.items()
        if _MEDDLING.fullmatch(name.upper()) is None
        and not withheld(name, value)
        and not any(secret in value for secret in secrets)
    }
    return {**kept, **_QUIET, **added}


@dataclass(frozen=True, slots=True)
class Walls:
    """The walls around a process: a folder, the network, and limits."""

    root: Path | None = None
    network: bool = True
    readable: tuple[Path, ...] = ()
    max_processes: int | None = None
    max_memory_mb: int | None = None

    def around(self, argv: list[str]) -> list[str]:
        """Give the command that puts these walls up, then becomes `argv`."""
        if self.root is not None or not self.network:
            argv = self._apart(argv)
        if self.max_processes is not None or self.max_memory_mb is not None:
            most = 0 if self.max_processes is None else self.max_processes + SPARE_PROCESSES
            limits = [str(most), str(self.max_memory_mb or 0)]
            argv = [sys.executable, "-I", "-S", "-c", _LIMITS, *limits, *argv]
        return argv

    def _apart(self, argv: list[str]) -> list[str]:
        if sys.platform == "win32":
            raise NotImplementedError  # `why_none` says so before
        words = ["unshare", "--user", "--map-root-user"]
        if not self.network:
            words += ["--net"]
        if self.root is not None:
            words += ["--mount", "--pid", "--fork", "--kill-child", "--ipc"]
        root = "" if self.root is None else os.path.realpath(self.root)
        seen = [os.path.realpath(p) for p in self.readable]
        ids = [str(os.getuid()), str(os.getgid())]
        return [*words, "sh", "-c", _APART, "sh", root, *ids, str(len(seen)), *seen, *argv]


# `ulimit` differs from shell to shell; this does not, and needs no code after a fork.
_LIMITS = """
import os, resource, sys
processes, memory = int(sys.argv[1]), int(sys.argv[2])
if processes:
    there = 0
    for one in filter(str.isdigit, os.listdir("/proc") if os.path.isdir("/proc") else ()):
        try:
            if os.stat("/proc/" + one).st_uid == os.getuid():
                there += len(os.listdir("/proc/" + one + "/task"))
        except OSError:
            pass
    hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    most = there + processes
    if hard == resource.RLIM_INFINITY or most < hard:
        resource.setrlimit(resource.RLIMIT_NPROC, (most, most))
if memory:
    resource.setrlimit(resource.RLIMIT_AS, (memory << 20, memory << 20))
os.execvp(sys.argv[3], sys.argv[3:])
"""

# Run as the root of a new user namespace. A second one at the end makes what was mounted
# here unchangeable, and gives the user their own id back.
_APART = r"""
set -e
root=$1 uid=$2 gid=$3 count=$4
shift 4
if [ -n "$root" ]; then
    mount --make-rprivate /
    mount -t tmpfs -o mode=0755,size=512m tmpfs /tmp
    for one in usr bin sbin lib lib32 lib64 libx32 etc opt nix run/systemd/resolve; do
        if [ -L "/$one" ]; then
            ln -s "$(readlink "/$one")" "/tmp/$one"
        elif [ -d "/$one" ]; then
            mkdir -p "/tmp/$one"
            mount --rbind "/$one" "/tmp/$one"
        fi
    done
    mkdir /tmp/.old
    cd /tmp
    pivot_root . .old
    cd /
    mkdir -p /dev /proc
    mkdir -m 1777 -p /tmp /dev/shm
    for one in null zero full random urandom tty; do
        : > "/dev/$one"
        mount --bind "/.old/dev/$one" "/dev/$one"
    done
    ln -s /proc/self/fd /dev/fd
    ln -s /proc/self/fd/0 /dev/stdin
    ln -s /proc/self/fd/1 /dev/stdout
    ln -s /proc/self/fd/2 /dev/stderr
    mount -t proc proc /proc
    # Who is root may write these, whatever namespace they are in.
    for one in sys sysrq-trigger irq bus; do
        if [ -e "/proc/$one" ]; then mount --bind "/proc/$one" "/proc/$one"; fi
    done
    while [ "$count" -gt 0 ]; do
        mkdir -p "$1"
        mount --rbind "/.old$1" "$1"
        shift
        count=$((count - 1))
    done
    while read -r _ _ _ _ place _; do
        place=$(printf %b "$place")
        case $place in
            / | /proc | /dev/* | /.old | /.old/*) ;;
            *) mount -o remount,bind,ro "$place" ;;
        esac
    done < /proc/self/mountinfo
    mkdir -p "$root"
    mount --rbind "/.old$root" "$root"
    umount -l /.old
    rmdir /.old
    cd "$root"
fi
ip link set lo up 2> /dev/null || true
exec unshare --user --map-user="$uid" --map-group="$gid" --mount -- "$@"
"""
