"""The shell that agents use: one bash session for each agent."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..core.errors import NetfluxError, UsageError
from ..core.functions.arguments import FunctionArg
from ..runtime.context import RunContext
from ._process.processes import Done, ProcessCommand, middle_cut
from ._process.sessions import SAID_CHARS, ProcessSession, SessionFunction
from ._process.walls import Walls

DEFAULT_SESSION = "default"

_DESC = """\
Run a command in bash. Folder, variables and functions stay from call to call; output and \
errors come back together. A code other than 0 is an error. A command cannot ask anybody: \
its input is empty. Long output is cut in the middle.
- End what runs on with `&` and send its output to a file. It is killed when you end.
- `exit`, or `set -e` and a command that fails, ends the session.
- After a time-out call with restart=true; the state is lost.
- Calls at one time need a session_id each."""

_ARGS = [
    FunctionArg("command", str, "What to run; several lines are fine.", optional=True),
    FunctionArg("restart", bool, "Start the session anew, before the command.", optional=True),
    FunctionArg("session_id", str, "A name of yours for another session.", optional=True),
    FunctionArg("timeout_sec", float, "Kill the command after so many seconds.", optional=True),
]

# Reads a word and answers it with the code of the last command, the first time 0, then reads
# the next one. What bash writes of itself goes nowhere. The loop inside takes a stray `break`.
# The command's own descriptors are put back after it, so `exec >file` holds for one command;
# and what it runs has no way to answer for it. `builtin`: a command may define a `printf`.
# All in one line: bash counts lines from it in its errors.
_LOOP = (
    "exec 254>&{fd} 253<&0 252>&1 {shut} </dev/null >/dev/null 2>&1; "
    "while __netflux_code=$?; builtin set +e; IFS= builtin read -r -d '' -u 253 __netflux_word; "
    'builtin printf \'%s %s\\n\' "$__netflux_word" "$__netflux_code" >&254; '
    "IFS= builtin read -r -d '' -u 253 __netflux_command; "
    "do for __netflux_once in 1; "
    'do eval "$__netflux_command" </dev/null >&252 2>&1 252>&- 253>&- 254>&-; done; done'
)
_NOEXEC = r"\bset\s+-\w*n|\bnoexec\b"


class BashException(UsageError):  # noqa: N818  the seed's name
    """A command that could not be run, or came to nothing good."""


class BashNonZeroExitCodeException(BashException):
    """A command ended with a code other than 0. `output` has all that is kept of its output."""

    def __init__(self, exit_code: int, output: str, note: str = "") -> None:
        lines = [f"Exit code {exit_code}.", note, middle_cut(output, SAID_CHARS)]
        super().__init__("\n".join(filter(None, lines)))
        self.exit_code = exit_code
        self.output = output


class BashCommandTimeoutException(BashException):
    """A command was killed because its time was over."""


class BashSessionCrashedException(BashException):
    """The session's bash was killed while a command ran."""


class BashRequiresRestartException(BashException):
    """A session that was killed is used again without `restart`."""


BashSession = ProcessSession


class Bash(SessionFunction):
    """Bash as a Function: one session for each agent, ended with the agent.

    Called by nobody's body, as from a notebook cell, a session lives for that one call.

    Nothing of it is a safe place by itself: a command does what the user may do. It is not
    given environment variables that look like keys. Files with keys it can read, and what
    `/proc` tells of the user's other processes.

    With `root` it starts in that folder. On a Linux with user namespaces and `unshare` it is
    also bounded: it sees that folder, `/usr`, `/etc`, `/opt` and the like and what is in
    `readable`, none of which it can change but the folder; a `/tmp` of its own in memory; and
    no process but its own. Elsewhere the folder is just where it starts; `bounded=True`
    refuses to run there, `bounded=False` never bounds. Not bounded are time on the processor,
    the size of files below `root`, and, for a user who is root, files in `/etc` that only
    root may read.

    What a command runs cannot answer for the next one: the session is killed where it tries.
    What a command defines in the shell, a function or a trap, holds for those after it.

    When it ends, all that it started is killed: what is in its session, of the system's, and
    what is below that. A daemon that left both lives on, unless the shell is bounded.

    `network=False` gives it a network where there is nobody else, or refuses to run. Sockets
    in the file system, such as Docker's, are no network: bound it to a `root` as well.

    `max_processes` and `max_memory_mb`, the latter for each process, end what grows wild. The
    number of processes is looked at ten times a second, and on Linux only.

    `env` sets environment variables beside those that it is given. A command may take
    `timeout_s`, and of what it writes the first and last of `max_output_chars` are given.

    Example:
        >>> Bash(timeout_s=20).name
        'bash'
    """

    BAG = "bash"
    Failed = BashException
    TimedOut = BashCommandTimeoutException
    Crashed = BashSessionCrashedException
    RequiresRestart = BashRequiresRestartException
    LOST = "Its variables, functions and folder are lost."

    def __init__(
        self,
        name: str = "bash",
        *,
        root: str | os.PathLike[str] | None = None,
        bounded: bool | None = None,
        network: bool = True,
        readable: Sequence[str | os.PathLike[str]] = (),
        env: Mapping[str, str] | None = None,
        max_output_chars: int = 40_000,
        timeout_s: float = 300.0,
        max_processes: int | None = None,
        max_memory_mb: int | None = None,
    ) -> None:
        super().__init__(
            name,
            desc=_DESC,
            args=_ARGS,
            body=self.call,
            effect="shell",
            root=root,
            bounded=bounded,
            network=network,
            readable=readable,
            env=env,
            max_output_chars=max_output_chars,
            timeout_s=timeout_s,
            max_processes=max_processes,
            max_memory_mb=max_memory_mb,
        )

    async def call(
        self,
        ctx: RunContext,
        *,
        command: str | None = None,
        restart: bool | None = None,
        session_id: str | None = None,
        timeout_sec: float | None = None,
    ) -> str:
        """Run one command and give what it wrote.

        Raises:
            BashException: The command failed, ran too long, or could not be run.
        """
        sid = self.session_name({"session_id": session_id})
        try:
            return await self.feed(ctx, command, restart, sid, timeout_sec)
        except BashCommandTimeoutException as error:
            if command is not None and re.search(_NOEXEC, command):
                error.args = (f"{error} After `set -n` bash runs nothing any more.",)
            raise

    def session_name(self, inputs: Mapping[str, Any]) -> str:
        """Give the name that the model gave, or the one of who gives none."""
        given = inputs.get("session_id")
        return DEFAULT_SESSION if given is None else str(given)

    def program(self, walls: Walls, env: Mapping[str, str], cwd: Path | None) -> ProcessCommand:
        """Say how bash is started and spoken to."""
        return ProcessCommand(lambda fd: walls.around(_argv(fd)), env, cwd)

    def failed(self, done: Done, note: str) -> NetfluxError:
        """Make the error of a command that ended with a code."""
        return BashNonZeroExitCodeException(done.code or 0, done.output, note)


def _argv(fd: int) -> list[str]:
    shut = "" if fd in (252, 253, 254) else f"{fd}>&-"
    return ["bash", "--noprofile", "--norc", "-c", _LOOP.format(fd=fd, shut=shut)]


bash = Bash()

__all__ = [
    "Bash",
    "BashCommandTimeoutException",
    "BashException",
    "BashNonZeroExitCodeException",
    "BashRequiresRestartException",
    "BashSession",
    "BashSessionCrashedException",
    "bash",
]
