"""Lines of magics, parsed: arguments as Python expressions, Functions and runs by name."""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ...core.errors import ArgumentError, FunctionError, NoNodeError, listed
from ...core.functions.kinds import Function
from ...core.text.paths import path_in
from ...run import Run, RunNode
from ...run.listing import open_run, runs
from ...session import roots
from .cells import is_outside, named, near

# `name=`, but neither `==` nor the end of `<=`: where the next argument of a line begins.
_ARGUMENT = re.compile(r"(?:^|(?<=\s))([A-Za-z_]\w*)=(?!=)")
_KEPT = re.compile(r"^(.*?)\s*>>\s*([A-Za-z_]\w*)\s*$", re.DOTALL)
WORD_CHARS = 80
_SAID_CHARS = 400
# As `%nf runs` lists them.
_PLACED = re.compile(r"runs\[(-?\d{1,7})\]|runs\.last")
# A run's own name has more.
_DIGITS = 7


def expressions(text: str) -> dict[str, str]:
    """Split `a=1 b=f(x, y)` into names and Python expressions.

    Example:
        >>> expressions('text=notes["a b"] n=len(x) + 1')
        {'text': 'notes["a b"]', 'n': 'len(x) + 1'}
    """
    starts = [m for m in _ARGUMENT.finditer(text) if is_outside(text[: m.start()])]
    before = text[: starts[0].start()].strip() if starts else text.strip()
    if before:
        raise ArgumentError(
            f"{before[:WORD_CHARS]!r} has no name. Write arguments as `name=value`."
        )
    found: dict[str, str] = {}
    ends = [m.start() for m in starts[1:]] + [len(text)] * bool(starts)
    for start, end in zip(starts, ends, strict=True):
        name, words = start[1], text[start.end() : end].strip()
        if name in found:
            raise ArgumentError(f"The argument {name!r} is given twice.")
        found[name] = _expression(name, words)
    return found


def arguments_in(text: str) -> tuple[str, str]:
    """Split a line into its words and the `name=expression` behind them.

    Example:
        >>> arguments_in('a/b[2] --model gemini text="x y"')
        ('a/b[2] --model gemini', 'text="x y"')
    """
    starts = (m.start() for m in _ARGUMENT.finditer(text) if is_outside(text[: m.start()]))
    place = next(starts, len(text))
    return text[:place].strip(), text[place:].strip()


def _expression(name: str, words: str) -> str:
    try:
        ast.parse(words, mode="eval")
    except (SyntaxError, ValueError) as error:
        why = getattr(error, "msg", error)
        raise ArgumentError(
            f"`{name}={words[:WORD_CHARS]}` is no Python expression: {why}. A text stands in quotes."
        ) from None
    return words


def values(text: str, evaluate: Callable[[str], Any]) -> dict[str, Any]:
    """Give the arguments of a line, their expressions evaluated."""
    __tracebackhide__ = True
    found = {}
    for name, words in expressions(text).items():
        found[name] = evaluated(words, evaluate)
    return found


# How IPython calls what is no line of a file.
_TYPED = "<string>"


def evaluated(words: str, evaluate: Callable[[str], Any]) -> Any:
    """Give what a person's expression gives. Its own mistake is shown in a line or two.

    What fails deeper, in code of theirs, keeps its frames.
    """
    __tracebackhide__ = True
    try:
        return evaluate(words)
    except Exception as error:  # whatever an expression raises is its writer's
        walked = error.__traceback__
        while walked is not None and walked.tb_next is not None:
            walked = walked.tb_next
        if walked is not None and walked.tb_frame.f_code.co_filename == _TYPED:
            said = [
                f"{type(error).__name__}: {error}"[:_SAID_CHARS],
                f"  in `{words[:WORD_CHARS]}`",
            ]
            error._render_traceback_ = lambda: said  # type: ignore[attr-defined]
        raise


_PLACE = re.compile(r"^LINE (\d+): ", re.MULTILINE)


def placed(said: str, above: int | None) -> str:
    """Let what is said of a line of SQL name the cell's line; `above` is None for a magic's own."""
    found = _PLACE.search(said)
    if found is None:
        return said
    new = "  " if above is None else f"Line {int(found[1]) + above}: "
    before, [line, *below] = said[: found.start()], said[found.end() :].split("\n")
    # The caret below stands behind as many spaces.
    moved = [" " * len(new) + row[len(found[0]) :] for row in below]
    return "\n".join([f"{before}{new}{line}", *moved])


def first_word(text: str) -> tuple[str, str]:
    """Split a line behind its first word."""
    word, *rest = text.split(None, 1)[:2] or [""]
    return word, rest[0] if rest else ""


def kept_as(text: str) -> tuple[str, str]:
    """Split `… >> name` into what stands before it, and the name.

    Example:
        >>> kept_as("SELECT 1 >> ones")
        ('SELECT 1', 'ones')
    """
    found = _KEPT.match(text)
    return (text.strip(), "") if found is None else (found[1].strip(), found[2])


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


def live_run(words: list[str], names: Mapping[str, Any]) -> Run:
    """Give a run that goes on: the one that is named, else the one that runs."""
    if words:
        return run_named(words[0], names)
    going = [root for root in roots() if not root.is_done]
    if len(going) != 1:
        told = listed(f"{node.id} {node.fn.name}()" for node in going)
        raise NoNodeError(
            f"{len(going)} runs go on: {told}. Name one." if going else "No run goes on."
        )
    return Run.of(going[0])
