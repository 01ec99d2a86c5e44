"""Functions whose calls share one process for each agent, and the rules of that process."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...core.errors import FunctionError, NetfluxError, UsageError
from ...core.functions.arguments import FunctionArg
from ...core.functions.kinds import CodeFunction
from ...runtime.bags import SessionScope
from ...runtime.context import RunContext
from ..bounds import folder_of
from ..setting_checks import MOST_SECONDS, at_least, is_time, seconds
from .processes import Done, Process, ProcessCommand, middle_cut, why_none
from .walls import Walls, clean_env

# How long a call waits for another one in the same session.
LOCK_S = 3.0
# Setting up takes well under a second; a machine under load may need more.
START_S = 30.0
MOST_SESSIONS = 16
MOST_NAME_CHARS = 100
# A text that is fed at once. It is read byte by byte at the other end.
MOST_INPUT_CHARS = 1_000_000
# What an exception says of the output. A model is shown 2,000 characters of an error.
SAID_CHARS = 1_600


class ProcessSession:
    """One process that an agent's calls share, and what became of it."""

    def __init__(self, *, is_lost: bool = False) -> None:
        self.turn = asyncio.Lock()
        # The calls before were served from a record: what they left behind is nowhere.
        self.is_lost = is_lost
        self._proc: Process | None = None

    @property
    def pid(self) -> int | None:
        """The id of its process; None before the first call."""
        return None if self._proc is None else self._proc.pid

    @property
    def requires_restart(self) -> bool:
        """True once its process ended otherwise than by its own will."""
        return self._proc is not None and not self._proc.alive()

    def alive(self) -> bool:
        """True while it has a process that runs."""
        return self._proc is not None and self._proc.alive()

    def close(self) -> None:
        """Kill its process and all that it started."""
        if self._proc is not None:
            self._proc.close()

    def forget(self) -> None:
        """Kill its process; the next call starts another one."""
        self.close()
        self._proc = None
        self.is_lost = False

    async def process(self, programs: Iterator[ProcessCommand]) -> Process | str:
        """Give the process, started if need be, or what the last one said when it did not."""
        if self._proc is not None:
            return self._proc
        said = ""
        for program in programs:
            try:
                self._proc = Process(program)
            except OSError as error:
                said = f"{error.strerror}: {error.filename!r}"
                continue
            opened = await self._proc.opened(START_S)
            if opened.end == "" and opened.code == 0:
                return self._proc
            self.forget()
            said = opened.output.strip()
        return middle_cut(" ".join(said.split()), 200)


class SessionFunction(CodeFunction):
    """A Function whose calls within one agent share a process. Not called by itself."""

    BAG = "sessions"
    Failed: type[NetfluxError] = UsageError
    TimedOut: type[NetfluxError] = UsageError
    Crashed: type[NetfluxError] = UsageError
    RequiresRestart: type[NetfluxError] = UsageError
    LOST = "Its state is lost."

    def __init__(
        self,
        name: str,
        *,
        desc: str,
        args: Sequence[FunctionArg],
        body: Callable[..., Any],
        effect: str,
        root: str | os.PathLike[str] | None,
        bounded: bool | None,
        network: bool,
        readable: Sequence[str | os.PathLike[str]],
        env: Mapping[str, str] | None,
        max_output_chars: int,
        timeout_s: float,
        max_processes: int | None,
        max_memory_mb: int | None,
    ) -> None:
        self.root = _folder(name, root)
        self.bounded = bounded
        self.network = network
        self.readable = _folders(name, readable)
        self.env = _env(name, env)
        self.max_output_chars = at_least(name, "max_output_chars", max_output_chars, 100)
        self.timeout_s = seconds(name, "timeout_s", timeout_s)
        self.max_processes = at_least(name, "max_processes", max_processes, 1)
        self.max_memory_mb = at_least(name, "max_memory_mb", max_memory_mb, 16)
        if bounded and root is None:
            raise FunctionError(f"{name}: `bounded` needs a `root` folder to be bounded to.")
        super().__init__(name=name, desc=desc, args=args, callable=body, effect=effect)

    def program(self, walls: Walls, env: Mapping[str, str], cwd: Path | None) -> ProcessCommand:
        """Say how the process is started and spoken to."""
        raise NotImplementedError

    def readable_too(self) -> tuple[Path, ...]:
        """Name the folders that the process itself needs to read."""
        return ()

    def failed(self, done: Done, note: str) -> NetfluxError:
        """Make the error of a text that came to nothing good."""
        raise NotImplementedError

    @staticmethod
    def _bag_key(sid: str) -> str:
        return sid

    def session(self, ctx: RunContext, sid: str) -> ProcessSession:
        """Give the session of a name that the caller's agent has, or a new one."""
        node = ctx.node
        if node is None:
            raise self.Failed(f"{self.name}() needs a running Node; call it through a Runtime.")
        if not sid or len(sid) > MOST_NAME_CHARS:
            raise self.Failed(
                f"session_id has {len(sid)} characters; give 1 to {MOST_NAME_CHARS}, or leave it out."
            )
        # A root has no agent above it: what it starts lives as long as the call.
        owner = node.parent or node
        scope = SessionScope.Self if node.parent is None else SessionScope.Parent
        place = f"{self.BAG}.{self.name}"
        names: set[str] = ctx.get_or_put(scope, place + ".names", "all", set)
        if sid not in names and len(names) >= MOST_SESSIONS:
            raise self.Failed(
                f"There are {MOST_SESSIONS} sessions, the most there may be. Use one of them: "
                f"{', '.join(sorted(names))[:300]}."
            )
        names.add(sid)

        def make() -> ProcessSession:
            made = ProcessSession(is_lost=self._was_served(ctx, sid))
            owner.add_done_callback(made.close)
            return made

        found: ProcessSession = ctx.get_or_put(scope, place, self._bag_key(sid), make)
        return found

    def session_name(self, inputs: Mapping[str, Any]) -> str:
        """Give the name of the session that a call with these arguments is made in."""
        raise NotImplementedError

    def _was_served(self, ctx: RunContext, sid: str) -> bool:
        """Say whether a record answered for this session before: its process is not here."""
        node = ctx.node
        beside = [] if node is None or node.parent is None else list(node.parent.children)
        return any(
            one.served and one.fn.name == self.name and self.session_name(one.inputs) == sid
            for one in beside
        )

    @contextlib.asynccontextmanager
    async def taken(self, session: ProcessSession, sid: str) -> AsyncIterator[None]:
        """Hold a session for one call; give up when another call does not let go of it."""
        try:
            async with asyncio.timeout(LOCK_S):
                await session.turn.acquire()
        except TimeoutError:
            raise self.Failed(
                f"A race: session {sid!r} is still busy with another call after {LOCK_S:g} s. "
                + self._race_advice()
            ) from None
        try:
            yield
        finally:
            session.turn.release()

    def _race_advice(self) -> str:
        if any(arg.name == "session_id" for arg in self.args):
            return "Wait for that call, or give calls at one time a session_id each."
        return "Wait for that call, then call again."

    async def feed(
        self,
        ctx: RunContext,
        text: str | None,
        restart: bool | None,
        sid: str,
        timeout_sec: float | None,
    ) -> str:
        """Run a text in a session and give what it wrote."""
        self._check(text, restart)
        limit_s = self._seconds(timeout_sec)
        session = self.session(ctx, sid)
        async with self.taken(session, sid):
            if restart:
                session.forget()
            if text is None:
                return "[The session is new: nothing is kept of the old one.]"
            if session.requires_restart:
                raise self.RequiresRestart(
                    f"Session {sid!r} was ended in or after the call before. Call {self.name}() "
                    f"with restart=true to start it again. {self.LOST}"
                )
            if session.is_lost:
                raise self.RequiresRestart(
                    f"Session {sid!r} is gone: this run goes on from its record, which answered "
                    f"the calls before. Nothing was run now. Call {self.name}() with restart=true "
                    f"to start it again. {self.LOST}"
                )
            process = await session.process(self._programs())
            if isinstance(process, str):
                raise self.Failed(self._no_start(process))
            done = await process.run(
                text.replace("\r\n", "\n"),
                limit_s,
                most=self.max_output_chars,
                crowd=self.max_processes,
            )
            return self._told(session, done, limit_s)

    def _check(self, text: str | None, restart: bool | None) -> None:
        if why := why_none(self.name):
            raise self.Failed(why)
        if text is None:
            if not restart:
                raise self.Failed(f"Give {self.name}() something to run, or restart=true.")
            return
        if len(text) > MOST_INPUT_CHARS:
            raise self.Failed(
                f"That is {len(text):,} characters, of {MOST_INPUT_CHARS:,}. Write it to a file "
                f"and run that."
            )
        if "\0" in text:
            raise self.Failed(
                f"Character {text.index(chr(0)):,} is NUL, which cannot be run. Leave it out."
            )
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise self.Failed(
                f"Character {error.start:,} is {text[error.start]!a}, half of a pair that UTF-8 "
                f"cannot hold. Write the whole character."
            ) from None

    def _seconds(self, given: float | None) -> float:
        if given is None:
            return self.timeout_s
        if not is_time(given):
            raise self.Failed(
                f"timeout_sec is {given}; give a number above 0, up to {MOST_SECONDS:,.0f}."
            )
        return given

    def _programs(self) -> Iterator[ProcessCommand]:
        env = clean_env(os.environ, self.env)
        walls = Walls(
            None if self.bounded is False else self.root,
            self.network,
            (*self.readable, *self.readable_too()),
            self.max_processes,
            self.max_memory_mb,
        )
        yield self.program(walls, env | ({"HOME": "/tmp"} if walls.root else {}), self.root)
        if walls.root is not None and not self.bounded:
            yield self.program(replace(walls, root=None), env, self.root)

    def _no_start(self, said: str) -> str:
        wants = []
        if not self.network:
            wants.append("network=False")
        if self.bounded:
            wants.append("bounded=True")
        why = f" {' and '.join(wants)} needs Linux with user namespaces and `unshare`." * bool(
            wants
        )
        return f"{self.name}() could not start its process: {said or 'it said nothing'}.{why}"

    def _told(self, session: ProcessSession, done: Done, limit_s: float) -> str:
        if done.end == "" and done.code == 0:
            return done.output
        if done.end == "":
            raise self.failed(done, "")
        if done.end != "exit" or (done.code or 0) < 0:
            again = f"Call with restart=true before the next one. {self.LOST}"
            raise self._ended(done, limit_s, again)
        session.forget()
        note = f"[This ended the session, with code {done.code}. {self.LOST} The next call starts a new one.]"
        if done.code == 0:
            return f"{done.output}\n{note}".lstrip("\n")
        raise self.failed(done, note)

    def _ended(self, done: Done, limit_s: float, again: str) -> NetfluxError:
        wrote = f"\nOutput so far:\n{middle_cut(done.output, SAID_CHARS)}" if done.output else ""
        match done.end:
            case "time":
                why = f"It ran longer than {limit_s:g} s and was killed. {again}"
                return self.TimedOut(why + wrote)
            case "endless":
                return self.Crashed(f"It wrote without end and was killed. {again}{wrote}")
            case "foreign":
                why = "What it ran wrote to the session's own channel, and it was killed."
                return self.Crashed(f"{why} {again}{wrote}")
            case "crowded":
                return self.Crashed(
                    f"It had more than {self.max_processes} processes, the most there may be, "
                    f"and was killed. {again}{wrote}"
                )
        return self.Crashed(f"Its process was ended by signal {-(done.code or 0)}. {again}{wrote}")


def _folder(name: str, root: str | os.PathLike[str] | None) -> Path | None:
    folder = folder_of(name, root)
    if folder is not None and os.path.realpath(folder) == "/":
        raise FunctionError(f"{name}: root cannot be '/', which bounds nothing.")
    return folder


def _folders(name: str, paths: Sequence[str | os.PathLike[str]]) -> tuple[Path, ...]:
    if isinstance(paths, str):
        raise FunctionError(f"{name}: readable is {paths[:80]!r}; give a list of folders.")
    return tuple(Path(p).absolute() for p in paths)


def _env(name: str, env: Mapping[str, str] | None) -> dict[str, str]:
    given = dict(env or {})
    for key, value in given.items():
        if not (isinstance(key, str) and isinstance(value, str)):
            raise FunctionError(f"{name}: env has {value!r} for {key!r}; give texts.")
    return given
