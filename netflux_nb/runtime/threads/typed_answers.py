"""Questions of a Node as text, and the answers that a person types."""

from __future__ import annotations

import shutil
import unicodedata
from collections.abc import Callable, Generator
from typing import Any

from ...core.errors import NoNodeError, PendingError
from ...core.policy import Person, WaitingOn
from ...core.question_ids import full_text
from ...core.text.legible import escaped
from ...core.text.paths import path_of
from ..host import host
from ..nodes import Node
from ..safe import keyless
from .interrupts import resume_line
from .waiting import is_asking

QUESTION_CHARS = 2_000
YES = ("y", "yes")
NO = ("n", "no")
WHOLE = ("w", "whole")
ASK = "Type y or n, or w for the whole: "

# The mark of what others wrote, before each line of it: nothing that it says stands at the edge.
BAR = "│ "
# A terminal may say that it has no width, or a very small one.
LEAST_WIDTH, MOST_WIDTH = 40, 120


def quoted(text: str) -> str:
    """Set off a text that others wrote, line by line: no line break in it can imitate our words.

    Long lines are broken here, behind the mark too: else the terminal would break them before it.
    """
    room = _columns() - len(BAR) - 1
    lines = [piece for line in text.split("\n") for piece in _pieces(escaped(line), room)]
    return "\n".join(f"{BAR}{line}".rstrip() for line in lines)


def _columns() -> int:
    return min(max(shutil.get_terminal_size().columns, LEAST_WIDTH), MOST_WIDTH)


def _pieces(line: str, room: int) -> Generator[str, None, None]:
    """Break a line into pieces of so many columns, at a blank where one is near."""
    start = used = 0
    for place, char in enumerate(line):
        wide = _width(char)
        if used + wide > room:
            blank = line.rfind(" ", place - room // 4, place) + 1
            end = blank or place
            yield line[start:end]
            start, used = end, sum(_width(c) for c in line[end:place])
        used += wide
    yield line[start:]


def _width(char: str) -> int:
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def question_text(node: Node) -> str:
    """Give what a Node asks, and where it stands. What is asked may be a model's words."""
    on: WaitingOn = node.held.on
    head = f"{path_of(node)} asks"
    text = keyless(on.text)
    line = f"{head}: {escaped(text)}"
    # On the line that says who asks nothing can begin another: as long as it is one.
    is_one = "\n" not in text and len(line) < min(_columns(), LEAST_WIDTH * 2)
    return line if is_one else f"{head}:\n{quoted(text)}"


def whole_text(node: Node) -> str:
    """Give all that a Node asks about: the question, and every argument to its end."""
    on: WaitingOn = node.held.on
    parts = [f"{path_of(node)} asks:", quoted(keyless(on.text))]
    for name, value in node.inputs.items():
        text = keyless(full_text(value))
        parts += [f"{name}, {len(text):,} characters:", quoted(text)]
    return "\n".join(parts)


def pending(node: Node) -> PendingError:
    """Say that an answer is needed that cannot be asked for here, and what to do."""
    run, text = node.runtime.run_name(node), question_text(node)
    goes_on = f", `{resume_line(run)}` goes on with it later" if run else ""
    return PendingError(
        f"Run {run or 'not recorded'} waits for a person: {text}\n"
        f"Nobody can be asked here. The run is kept: {host().lines[1]}{goes_on}.",
        run=run,
        node=path_of(node),
        question="\n".join(map(escaped, keyless(node.held.on.text).split("\n"))),
    )


def put(
    node: Node,
    read: Callable[[str], str],
    who: str | Person,
    tell: Callable[[str], object],
) -> None:
    """Ask a person what a Node waits for, until there is an answer, and give it.

    `read` shows a text and gives what was typed. Where somebody else was first, or the Node asks
    another question by now, they are told, and their own answer is dropped.
    """
    held = node.held
    if held is None:
        return
    on: WaitingOn = held.on
    value, reason = _typed(node, on, read)
    try:
        node.runtime.answer(node, value, by=who, reason=reason, question=on.id)
    except NoNodeError as error:
        if is_asking(node) and node.held is held:
            raise
        tell(str(error))


def _typed(node: Node, on: WaitingOn, read: Callable[[str], str]) -> tuple[Any, str]:
    text = question_text(node)
    if on.wants == "approval":
        said = _one_of(read, f"{text}\nApprove? y/n, w for the whole: ", (*YES, *NO, *WHOLE), ASK)
        while said in WHOLE:
            said = _one_of(read, f"{whole_text(node)}\n{ASK}", (*YES, *NO, *WHOLE), ASK)
        return (True, "") if said in YES else (False, read("Why not? ").strip()[:QUESTION_CHARS])
    if on.choices:
        words = [escaped(word) for word in on.choices]
        listed = "\n".join(f"  {n}. {word}" for n, word in enumerate(words, 1))
        numbers = [str(n) for n in range(1, len(words) + 1)]
        again = f"Type a number from 1 to {len(words)}: "
        said = _one_of(read, f"{text}\n{listed}\n{again}", (*numbers, *on.choices), again)
        # A choice that reads like a number is meant by its own words first.
        return (said if said in on.choices else on.choices[int(said) - 1]), ""
    return read(f"{text}\n> "), ""


def _one_of(read: Callable[[str], str], first: str, words: tuple[str, ...], again: str) -> str:
    said = read(first).strip()
    while said not in words:
        if said.lower() in words:
            return said.lower()
        said = read(again).strip()
    return said
