"""A child process that is fed one text after the other, and ends with its descendants."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

# A command that writes more than this never ends by itself.
ENDLESS_BYTES = 256_000_000
CHUNK = 65_536
# What a pipe can hold at most. All that a command wrote is read once this much was.
PIPE_BYTES = 1_048_576
# How often a process is asked whether it still runs, and how many run with it.
TICK_S = 0.1
# How long a killed process may take to go before a thread waits for it instead.
GONE_S = 0.2
# More than the answer to one command; a process that answers more is no longer itself.
ANSWER_BYTES = 1_000

# Who wrote it, as the system says of each answer: process, user, group.
_WRITER = struct.Struct("3i")

End = Literal["", "exit", "time", "endless", "crowded", "foreign"]


@dataclass(frozen=True, slots=True)
class Done:
    """The result of one text: a code, the output, and how the process ended, if it did."""

    code: int | None
    output: str
    end: End = ""


@dataclass(frozen=True, slots=True)
class ProcessCommand:
    """The command of a process. It answers on the descriptor that `argv` names.

    It is fed a word, then a text and a word, again and again; each ends with a NUL. It
    answers each word in one line: the word, a space, and the code that the text before it
    came to, at first 0; or, for the code, `exit` and a code where it ends itself.
    """

    argv: Callable[[int], list[str]]
    env: Mapping[str, str]
    cwd: Path | None = None


def why_none(name: str) -> str:
    """Say why a Function can have no process of its own here; nothing where it can."""
    if os.name == "posix":
        return ""
    return f"{name}() needs POSIX processes, which Windows has in WSL only."


class Kept:
    """The beginning and the end of a text that may be endless."""

    def __init__(self, most: int) -> None:
        self._half = max(1, most // 2)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._head = ""
        self._tail = ""
        self._held = ""
        self._seen = 0
        self.bytes = 0

    def add(self, data: bytes, *, last: bool = False) -> None:
        """Take in what was written next."""
        self.bytes += len(data)
        text = self._held + self._decoder.decode(data, last)
        self._held = ""
        if text.endswith("\r") and not last:
            text, self._held = text[:-1], "\r"
        text = text.replace("\r\n", "\n").replace("\0", "\N{REPLACEMENT CHARACTER}")
        self._seen += len(text)
        room = self._half - len(self._head)
        self._head += text[:room]
        self._tail = (self._tail + text[room:])[-self._half :]

    def text(self) -> str:
        """Give all of it, or both ends and how much is between them."""
        self.add(b"", last=True)
        left_out = self._seen - len(self._head) - len(self._tail)
        return joined(self._head, left_out, self._tail)


def joined(head: str, left_out: int, tail: str) -> str:
    """Put two ends of a text together and say how much is missing between them."""
    if left_out <= 0:
        return head + tail
    return f"{head}\n[… {left_out:,} characters are left out here …]\n{tail}"


def middle_cut(text: str, most: int) -> str:
    """Keep both ends of a text."""
    half = most // 2
    return text if len(text) <= most else joined(text[:half], len(text) - 2 * half, text[-half:])


class Process:
    """One process and all that it starts, in a session of the system's of its own.

    What it starts cannot answer for it. The way to it is made of sockets, which nobody opens
    a second time through `/proc`; an answer repeats a word that was sent behind the text; and
    where the system says which process wrote it, that is the one that was ready first. Else
    the process is killed.
    """

    def __init__(self, program: ProcessCommand) -> None:
        self._lock = threading.Lock()
        self._closed = False
        self._feed, fed = socket.socketpair()
        self._answers, answers = socket.socketpair()
        self._writer: int | None = None
        if hasattr(socket, "SO_PASSCRED"):
            self._answers.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        try:
            self._proc = subprocess.Popen(
                program.argv(answers.fileno()),
                stdin=fed.fileno(),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=dict(program.env),
                cwd=program.cwd,
                pass_fds=(answers.fileno(),),
                start_new_session=True,
                bufsize=0,
            )
        except BaseException:
            self._feed.close()
            self._answers.close()
            raise
        finally:
            fed.close()
            answers.close()
        self._feed.setblocking(False)
        self._answers.setblocking(False)
        if sys.platform != "win32":  # where `why_none` says that there is no such process
            assert self._proc.stdout is not None
            os.set_blocking(self._proc.stdout.fileno(), False)

    @property
    def pid(self) -> int:
        """The id of the process, and of its session."""
        return self._proc.pid

    def alive(self) -> bool:
        """True until it was closed or ended."""
        return not self._closed and not self._has_ended()

    def _has_ended(self) -> bool:
        # It is not reaped here: while it is not, nobody else can be given its id.
        if sys.platform == "win32" or not hasattr(os, "waitid"):
            return self._proc.poll() is not None
        try:
            how = os.WEXITED | os.WNOHANG | os.WNOWAIT
            return os.waitid(os.P_PID, self._proc.pid, how) is not None
        except ChildProcessError:
            return True

    async def opened(self, timeout: float) -> Done:
        """Wait until it answers that it is ready."""
        return await self._talk(b"", timeout, most=2_000, crowd=None)

    async def run(self, text: str, timeout: float, *, most: int, crowd: int | None) -> Done:
        """Send a text and wait for what comes of it. However the wait ends early, it is killed.

        `most` bounds the output, `crowd` the number of processes.
        """
        return await self._talk(text.encode() + b"\0", timeout, most=most, crowd=crowd)

    async def _talk(self, data: bytes, timeout: float, *, most: int, crowd: int | None) -> Done:
        stdout = self._proc.stdout
        assert stdout is not None
        word = os.urandom(16).hex().encode()
        data += word + b"\0"
        talk = _Talk(self._feed, stdout.fileno(), self._answers, data, Kept(most))
        try:
            with talk:
                end = await self._wait(talk, timeout, crowd)
        except BaseException:
            self.close()
            raise
        answer = talk.answered(word)
        if answer is not None and not self._is_own(talk.writer):
            answer = None
        if talk.has_answer and answer is None:
            end = end or "foreign"
        if end or answer is None:
            self.close()
            return Done(self._proc.returncode, talk.kept.text(), end or "exit")
        if answer.startswith("exit"):
            self.close()
        said = answer.removeprefix("exit ")
        code = int(said) if said.lstrip("-").isdigit() else 0
        return Done(code, talk.kept.text(), "exit" if answer.startswith("exit") else "")

    def _is_own(self, writer: int | None) -> bool:
        """Say whether an answer comes from whoever gave the first one."""
        if self._writer is None:
            self._writer = writer
        return writer == self._writer

    async def _wait(self, talk: _Talk, timeout: float, crowd: int | None) -> End:
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout
        while not talk.over.done():
            left = end - loop.time()
            if left <= 0:
                return "time"
            await asyncio.wait({talk.over}, timeout=min(left, TICK_S))
            if talk.over.done() or self._has_ended():
                break
            if crowd is not None:
                there = await asyncio.to_thread(members, self._proc.pid)
                if len(there) > crowd:
                    return "crowded"
        return "endless" if talk.kept.bytes > ENDLESS_BYTES else ""

    def close(self) -> None:
        """Kill it and all that it started; once."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        kill(self._proc.pid)
        try:
            self._proc.wait(GONE_S)
        except subprocess.TimeoutExpired:
            threading.Thread(target=self._proc.wait, daemon=True).start()
        self._answers.close()
        self._feed.close()
        if self._proc.stdout is not None:
            with contextlib.suppress(OSError):
                self._proc.stdout.close()


class _Talk:
    """One exchange: what is still to be sent, what was written, and the answer."""

    def __init__(
        self, feed: socket.socket, stdout: int, answers: socket.socket, data: bytes, kept: Kept
    ) -> None:
        self._feed, self._stdout, self._answers = feed, stdout, answers
        self._data = memoryview(data)
        self.kept = kept
        self._answer = b""
        # Who wrote the answer, where the system says that; -1 for several.
        self.writer: int | None = None
        self._loop = asyncio.get_running_loop()
        self.over: asyncio.Future[None] = self._loop.create_future()

    def __enter__(self) -> None:
        self._loop.add_reader(self._stdout, self._read_output)
        self._loop.add_reader(self._answers, self._read_answer)
        self._loop.add_writer(self._feed, self._write)

    def __exit__(self, *exc: object) -> None:
        self._loop.remove_reader(self._stdout)
        self._loop.remove_reader(self._answers)
        self._loop.remove_writer(self._feed)
        if not self.over.done():
            self._read_answer()
        # What was written before the answer is in the pipe by now. A background job may
        # write on for ever, so there is an end to this.
        for _ in range(PIPE_BYTES // CHUNK):
            if not self._read_output():
                break

    @property
    def has_answer(self) -> bool:
        """True where anything was written as an answer."""
        return bool(self._answer)

    def answered(self, word: bytes) -> str | None:
        """Give the answer to a word, if just that came."""
        said, end, more = self._answer.partition(b"\n")
        first, _, rest = said.partition(b" ")
        return rest.decode("ascii", "replace") if end and not more and first == word else None

    def _write(self) -> None:
        try:
            self._data = self._data[self._feed.send(self._data[:CHUNK]) :]
        except BlockingIOError:
            return
        except OSError:
            self._data = self._data[:0]
        if not self._data:
            self._loop.remove_writer(self._feed)

    def _read_output(self) -> bool:
        try:
            data = os.read(self._stdout, CHUNK)
        except BlockingIOError:
            return False
        if not data:
            self._loop.remove_reader(self._stdout)
        self.kept.add(data)
        if self.kept.bytes > ENDLESS_BYTES and not self.over.done():
            self.over.set_result(None)
        return bool(data)

    def _read_answer(self) -> None:
        if sys.platform == "win32":
            raise NotImplementedError  # `why_none` says so before
        try:
            data, told, _, _ = self._answers.recvmsg(ANSWER_BYTES, socket.CMSG_SPACE(_WRITER.size))
        except BlockingIOError:
            return
        except OSError:  # it ended with what it was fed unread
            data, told = b"", []
        # The end of the channel has no writer, whatever the system says.
        for _, _, words in told if data else ():
            if len(words) == _WRITER.size:
                pid = int(_WRITER.unpack(words)[0])
                self.writer = pid if self.writer in (None, pid) else -1
        self._answer += data
        if not data:  # what follows is the end of the process, and that is looked for
            self._loop.remove_reader(self._answers)
        elif not self.over.done() and (b"\n" in data or len(self._answer) > ANSWER_BYTES):
            self.over.set_result(None)


def _table() -> dict[int, tuple[int, int]]:
    """Give the parent and the session of every process; nothing where there is no /proc."""
    found = {}
    with contextlib.suppress(OSError):
        for name in os.listdir("/proc"):  # noqa: PTH208  a path for each would cost more
            if not name.isdigit():
                continue
            try:
                with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123
                    words = file.read().rpartition(b")")[2].split()
            except OSError:
                continue
            if words and words[0] not in (b"Z", b"X"):
                found[int(name)] = (int(words[1]), int(words[3]))
    return found


def members(leader: int) -> set[int]:
    """Give the processes of a session, and those below them, that have not ended."""
    table = _table()
    found = {pid for pid, (_, session) in table.items() if session == leader}
    found |= {leader} & table.keys()
    grown = True
    while grown:
        below = {pid for pid, (parent, _) in table.items() if parent in found} - found
        found |= below
        grown = bool(below)
    return found


def kill(leader: int) -> None:
    """Kill a session's processes and those below them. Its leader must not be reaped yet."""
    if sys.platform == "win32":
        raise NotImplementedError  # `why_none` says so before
    table = _table()
    if leader in table and table[leader][1] != leader:
        return  # it was reaped behind our back, and its id is somebody else's by now
    # Asked before the first dies: the children of the dead are somebody else's.
    there = members(leader)
    for _ in range(8):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, signal.SIGKILL)
        for pid in there - {leader}:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        there = members(leader) - {leader}
        if not there:
            break


def end_left(leader: int, there: set[int]) -> None:
    """Kill what a leader of a session left when it ended: its session, and those seen below it."""
    if sys.platform == "win32":
        return
    table = _table()
    if not table:  # no /proc: its group is asked
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, signal.SIGKILL)
    if leader in table:
        return  # its id is somebody else's by now
    for pid in {one for one, (_, session) in table.items() if session == leader} | there:
        if pid in table and pid != leader:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
