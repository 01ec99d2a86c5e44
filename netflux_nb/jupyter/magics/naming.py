"""The Function, run or Node that a word of a line names."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...core.errors import ArgumentError, FunctionError, NoNodeError, listed
from ...core.functions.kinds import Function
from ...core.text.paths import path_in
from ...run import Run, RunNode
from ...run.listing import open_run, runs
from ...session import roots
from .cells import named, near
from .line_options import WORD_CHARS

# As `%nf runs` lists them.
_PLACED = re.compile(r"runs\[(-?\d{1,7})\]|runs\.last")
# A run's own name has more.
_DIGITS = 7


def function_named(word: str, names: Mapping[str, Any]) -> Function:
    """Give the Function that a word names in the notebook."""
    found = named(word, names) if word else None
    if isinstance(found, Function):
        return found
    known = [name for name, one in names.items() if isinstance(one, Function) and name[:1] != "_"]
    if not word:
        raise FunctionError(f"Name a Function. There is: {listed(known) or 'none yet'}.")
    if callable(found):
        raise FunctionError(
            f"{word[:WORD_CHARS]!r} is a plain callable. Put `@function` above its `def`."
        )
    raise FunctionError(
        f"There is no Function {word[:WORD_CHARS]!r}.{near(word, known)} "
        f"There is: {listed(known) or 'none yet'}."
    )


def run_named(word: str, names: Mapping[str, Any]) -> Run:
    """Give the run that a word means: a variable, a small number, a file, an id; none, the last."""
    if not word:
        return runs.last
    found = named(word, names)
    if isinstance(found, Run):
        return found
    if isinstance(found, RunNode):
        run: Run = found.run
        return run
    if isinstance(found, str):
        word = found
    elif found is not None:
        what = "a Function" if isinstance(found, Function) else f"of type {type(found).__name__}"
        raise ArgumentError(
            f"{word[:WORD_CHARS]!r} is {what}, not a run. `%nf runs` lists the runs."
        )
    placed = _PLACED.fullmatch(word)
    if placed is not None:
        return runs.last if placed[1] is None else runs[int(placed[1])]
    numbered = _numbered(word)
    if numbered is not None:
        return numbered.run
    if word.endswith(".nfrun"):
        if not Path(word).is_file():
            raise ArgumentError(f"There is no bundle {word[:WORD_CHARS]!r}.")
        return open_run(word)
    return runs[word]


def node_named(words: list[str], names: Mapping[str, Any]) -> RunNode[Run]:
    """Give a Node by its path, in a run or in the last one; of a run alone, its root.

    A small number is a Node's own, in this kernel.
    """
    if len(words) > 1:
        return run_named(words[0], names).node(words[1])
    word = words[0] if words else ""
    found = named(word, names) if word else None
    if isinstance(found, RunNode):
        return found
    numbered = _numbered(word)
    if numbered is not None:
        return numbered
    is_path = "/" in word or "[" in word or isinstance(found, Function)
    if is_path and _PLACED.fullmatch(word) is None:
        return run_named("", names).node(word)
    try:
        run = run_named(word, names)
    except (ArgumentError, NoNodeError):
        run = run_named("", names)
        if word.split("/")[0] != run.fn:
            raise
        return run.node(word)
    return run.node(run.fn)


def _numbered(word: str) -> RunNode[Run] | None:
    """Give the Node of a small number, which means something in this process only."""
    if not word.isdecimal() or len(word) > _DIGITS:
        return None
    for root in reversed(roots()):
        run = Run.of(root)
        with contextlib.suppress(NoNodeError):
            return run.node(path_in(run.view(), int(word)))
    return None
