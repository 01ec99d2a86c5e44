"""Searching the text of files, as ripgrep does it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from ..core.functions.arguments import FunctionArg
from ..core.functions.kinds import CodeFunction
from ..runtime.context import RunContext
from ._process.processes import Process, ProcessCommand, why_none
from ._process.walls import clean_env
from .bounds import Root, folder_of
from .files import FilesException
from .setting_checks import seconds

MAX_PATTERN_CHARS = 1_000
MAX_RESULTS = 1_000
MAX_CONTEXT = 10
# The child ends by itself after the seconds it is given; this much later it is killed.
GRACE_S = 5.0
START_S = 30.0
OUTPUT_CHARS = 40_000

_WORKER = Path(__file__).with_name("_search") / "worker.py"

_DESC = """\
Search the text of files for a regular expression (Python's), line by line. Gives \
`path:line:text` in order of paths; lines around a match as `path-line-text`. Hidden files, \
binary files, links and what `.gitignore` names are passed over."""


class SearchFiles(CodeFunction):
    """Searching files as a Function, as ripgrep does it, without its binary.

    The search runs in a process of its own, so that a pattern that takes for ever holds up
    nobody. It ends after `timeout_s`, and what was found by then is given; a cancel kills it
    at once. With `root`, no path leads out of that folder. Links are never followed.

    Of `.gitignore` it knows all but files outside of the tree, such as `.git/info/exclude`.
    Where there is no root, those above the path count up to the folder that holds `.git`.

    Example:
        >>> SearchFiles(root=".").name
        'search_files'
    """

    def __init__(
        self,
        name: str = "search_files",
        *,
        root: str | os.PathLike[str] | None = None,
        timeout_s: float = 20.0,
    ) -> None:
        self.root = folder_of(name, root)
        self.timeout_s = seconds(name, "timeout_s", timeout_s)
        below = "" if root is None else " Paths are below one folder and may be relative to it."
        super().__init__(
            name=name, desc=_DESC + below, args=_args(), callable=self.call, effect="files"
        )

    async def call(
        self,
        ctx: RunContext,
        *,
        pattern: str,
        path: str = ".",
        glob: str | None = None,
        ignore_case: bool = False,
        fixed: bool = False,
        context: int = 0,
        max_results: int = 200,
    ) -> str:
        """Give the lines that match.

        Raises:
            FilesException: The pattern, the path or a number makes no sense.
        """
        _check(pattern, glob or "", context, max_results)
        asked: dict[str, Any] = {
            "pattern": pattern,
            "glob": glob or "",
            "ignore_case": ignore_case,
            "fixed": fixed,
            "context": context,
            "max_results": max_results,
            "seconds": self.timeout_s,
            "prefix": "" if path in (".", "./") else path,
        }
        root = Root(self.root, FilesException)
        place = root.place(path)
        top = root.folder or _top(place)
        asked |= {"top": str(top), "parts": place.relative_to(top).parts}
        if not place.is_dir():
            asked["prefix"] = os.path.dirname(path)  # noqa: PTH120  it is only shown
        return await self._ask(asked, path)

    async def _ask(self, asked: dict[str, Any], path: str) -> str:
        if why := why_none(self.name):
            raise FilesException(why)
        process = Process(_program())
        try:
            if (opened := await process.opened(START_S)).end:
                raise FilesException(f"The search could not start. {opened.output[-300:]}")
            limit = self.timeout_s + GRACE_S
            done = await process.run(json.dumps(asked), limit, most=OUTPUT_CHARS, crowd=None)
        finally:
            process.close()
        if done.end == "time":
            raise FilesException(f"The search of {path[:200]!r} took over {limit:g} s.")
        if done.end or done.code != 0:
            raise FilesException(f"{path[:200]!r} could not be searched. {done.output[-500:]}")
        return done.output.removesuffix("\n") or "[Nothing matches.]"


def _args() -> list[FunctionArg]:
    return [
        FunctionArg("pattern", str, "What to look for."),
        FunctionArg("path", str, "A folder or a file.", default="."),
        FunctionArg(
            "glob", str, "Only files like this, such as `*.{py,pyi}`; `!*.js`: all others.", True
        ),
        FunctionArg("ignore_case", bool, "Take A for a.", default=False),
        FunctionArg("fixed", bool, "The pattern is plain text.", default=False),
        FunctionArg("context", int, f"Lines around a match, to {MAX_CONTEXT}.", default=0),
        FunctionArg("max_results", int, f"Matches at most, to {MAX_RESULTS:,}.", default=200),
    ]


def _check(pattern: str, glob: str, context: int, max_results: int) -> None:
    for what, text in (("pattern", pattern), ("glob", glob)):
        if len(text) > MAX_PATTERN_CHARS:
            raise FilesException(f"{what} has {len(text):,} characters, of {MAX_PATTERN_CHARS:,}.")
    if not pattern:
        raise FilesException("pattern is empty. Give what to look for.")
    if not 0 <= context <= MAX_CONTEXT:
        raise FilesException(f"context is {context}; give 0 to {MAX_CONTEXT}.")
    if not 1 <= max_results <= MAX_RESULTS:
        raise FilesException(f"max_results is {max_results}; give 1 to {MAX_RESULTS:,}.")


def _top(place: Path) -> Path:
    """Give the folder whose rules are the first to count."""
    start = place if place.is_dir() else place.parent
    for folder in (start, *start.parents):
        if (folder / ".git").exists():
            return folder
    return start


def _program() -> ProcessCommand:
    argv = [sys.executable, "-I", "-S", "-W", "ignore", str(_WORKER)]
    return ProcessCommand(lambda fd: [*argv, str(fd)], clean_env(os.environ, {}))


search_files = SearchFiles()

__all__ = ["FilesException", "SearchFiles", "search_files"]
