"""The Python that agents use: one interpreter of its own for each agent."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..core.errors import NetfluxError, UsageError
from ..core.functions.arguments import FunctionArg
from ..runtime.context import RunContext
from ._process.processes import Done, ProcessCommand, middle_cut
from ._process.sessions import SAID_CHARS, SessionFunction
from ._process.walls import Walls

_DESC = """\
Run Python code in a process of its own. Variables and imports stay from call to call. \
Gives what was printed, and the value of a last expression as a notebook shows it. An \
exception is an error with its traceback. `input()` finds nothing. Long output is cut in \
the middle. After a time-out call with restart=true; all variables are lost then."""

_ARGS = [
    FunctionArg("code", str, "What to run; several lines are fine.", optional=True),
    FunctionArg("restart", bool, "Start a new interpreter, before the code.", optional=True),
    FunctionArg("timeout_sec", float, "Kill the code after so many seconds.", optional=True),
]

_SERVER = Path(__file__).with_name("_process") / "python_server.py"


class PythonException(UsageError):  # noqa: N818  as its sisters are called
    """Code that could not be run, or raised. `output` has all that is kept of its output."""

    output: str = ""


class PythonTimeoutException(PythonException):
    """Code was killed because its time was over."""


class PythonCrashedException(PythonException):
    """The interpreter was killed while code ran."""


class PythonRequiresRestartException(PythonException):
    """An interpreter that was killed is used again without `restart`."""


class Python(SessionFunction):
    """An interpreter as a Function: one process for each agent, ended with the agent.

    It is the same Python as this one, with the packages that are installed beside it, and
    nothing of this process in it. What `root`, `network` and the limits do, and what they
    do not, `Bash` tells.

    Example:
        >>> Python(timeout_s=20).name
        'python'
    """

    BAG = "python"
    Failed = PythonException
    TimedOut = PythonTimeoutException
    Crashed = PythonCrashedException
    RequiresRestart = PythonRequiresRestartException
    LOST = "Its variables and imports are lost."

    def __init__(
        self,
        name: str = "python",
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
            effect="python",
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
        code: str | None = None,
        restart: bool | None = None,
        timeout_sec: float | None = None,
    ) -> str:
        """Run code and give what it printed, and its last value.

        Raises:
            PythonException: The code raised, ran too long, or could not be run.
        """
        return await self.feed(ctx, code, restart, self.session_name({}), timeout_sec)

    def session_name(self, inputs: Mapping[str, Any]) -> str:
        """Give the one name: an agent has one interpreter."""
        return "python"

    def program(self, walls: Walls, env: Mapping[str, str], cwd: Path | None) -> ProcessCommand:
        """Say how the interpreter is started and spoken to."""
        argv = [sys.executable, "-I", "-u", "-X", "utf8", str(_SERVER)]
        return ProcessCommand(lambda fd: walls.around([*argv, str(fd)]), env, cwd)

    def readable_too(self) -> tuple[Path, ...]:
        """Name the folders of this Python and its packages."""
        needed = {Path(p).absolute() for p in (sys.prefix, sys.base_prefix, _SERVER.parent)}
        return tuple(sorted(p for p in needed if p.parts[1:2] not in (("usr",), ("opt",))))

    def failed(self, done: Done, note: str) -> NetfluxError:
        """Make the error of code that raised."""
        said = middle_cut(done.output, SAID_CHARS)
        error = PythonException("\n".join(filter(None, [note, said])) or f"Code {done.code}.")
        error.output = done.output
        return error


python = Python()

__all__ = [
    "Python",
    "PythonCrashedException",
    "PythonException",
    "PythonRequiresRestartException",
    "PythonTimeoutException",
    "python",
]
