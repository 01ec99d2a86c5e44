"""The wait of a thread outside any tree: until a root's end, a question, an interrupt."""

from __future__ import annotations

import shutil
import signal
import threading
import time
import unicodedata
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from ...core.errors import NoNodeError, PendingError
from ...core.policy import Person, WaitingOn
from ...core.question_ids import full_text
from ...core.text.legible import escaped
from ...core.text.paths import path_of
from ...core.views import NodeState
from ..host import host
from ..nodes import Node
from ..safe import keyless

_T = TypeVar("_T")

# A signal may reach the process on another thread, and then the main one sleeps on. It opens
# its eyes this often, so that an interrupt is heard.
TICK_S = 0.1
QUESTION_CHARS = 2_000
YES = ("y", "yes")
NO = ("n", "no")
WHOLE = ("w", "whole")
ASK = "Type y or n, or w for the whole: "


class Interrupted(KeyboardInterrupt):
    """A person stopped a run that was waited for. What it had is kept.

    It is a `KeyboardInterrupt`, so that whatever lets those through lets it through too.
    """

    def __init__(
        self, message: str, *, run: str = "", at: str = "", is_settled: bool = True
    ) -> None:
        super().__init__(message)
        self.run = run
        # The path of the Node that was at work.
        self.at = at
        # False where the second interrupt came before all of the tree had stopped.
        self.is_settled = is_settled

    def _render_traceback_(self) -> list[str]:
        return str(self).splitlines()


def resume_line(run: str) -> str:
    """Give the line that goes on with a run."""
    return host().lines[0](run)


def is_asking(node: Node) -> bool:
    """True while a Node waits for a person who has not answered yet, and is not to stop."""
    held = node.held
    if held is None or held.answer is not None or node.cancel_reason is not None:
        return False
    return bool(held.on.wants)


def asking_below(root: Node) -> list[Node]:
    """List the Nodes of a tree that wait for a person, in the order of the tree."""
    found: list[Node] = []
    stack = [root]
    while stack:
        one = stack.pop()
        if is_asking(one):
            found.append(one)
        stack.extend(reversed(one.children))
    return found


def questions(root: Node) -> Generator[Node, None, None]:
    """Wait for a root's outcome, and give each Node of its tree that asks a person meanwhile.

    The thread sleeps until there is either; nothing is looked up meanwhile.
    """
    bell: SimpleQueue[Node | None] = SimpleQueue()

    def ended() -> None:
        bell.put(None)

    off = root.runtime.gate.on_question(bell.put)
    root.add_done_callback(ended)
    try:
        for node in asking_below(root):
            bell.put(node)
        while (came := take(bell)) is not None:
            if is_asking(came) and came.root_ancestor is root:
                yield came
    finally:
        off()
        root.remove_done_callback(ended)


def take(bell: SimpleQueue[_T]) -> _T:
    """Take what comes next, so that the main thread hears an interrupt."""
    while True:
        with suppress(Empty):
            return bell.get(timeout=TICK_S if _is_main() else None)


def _is_main() -> bool:
    return threading.current_thread() is threading.main_thread()


def acquired(lock: threading.Lock, timeout: float | None) -> bool:
    """Acquire a lock, so that the main thread hears an interrupt; False when the time is over."""
    if not _is_main():
        return lock.acquire(timeout=-1 if timeout is None else max(timeout, 0))
    end = None if timeout is None else time.monotonic() + timeout
    while True:
        left = TICK_S if end is None else min(TICK_S, end - time.monotonic())
        if lock.acquire(timeout=max(left, 0)):
            return True
        if left < TICK_S:
            return False


def wait(root: Node, ask: Callable[[Node], None]) -> None:
    """Wait for a root's outcome in a thread outside any tree; `ask` puts each question.

    An interrupt cancels the tree, waits for it to settle, and is raised as `Interrupted`.
    """
    if root.is_done:
        return
    try:
        with closing(questions(root)) as asking:
            for node in asking:
                ask(node)
    except KeyboardInterrupt:
        raise stopped(root) from None


def settled(root: Node, timeout: float | None = None) -> bool:
    """Wait until a root has its outcome, whatever it asks; False when the time is over."""
    woken = threading.Lock()
    woken.acquire()
    root.add_done_callback(woken.release)
    if acquired(woken, timeout):
        return True
    root.remove_done_callback(woken.release)
    return root.is_done


def stopped(root: Node) -> Interrupted:
    """Cancel a tree for a person, wait for it to settle, and give what says so.

    A second interrupt lets go: the tree goes on stopping without anybody who waits.
    """
    at = standing(root)
    try:
        root.cancel("Interrupted")
        settled(root)
    except KeyboardInterrupt:
        pass
    return interrupted(root, at)


def interrupted(root: Node, at: Node) -> Interrupted:
    """Say where a tree was stopped, what is kept of it, and how it goes on."""
    run, path = root.runtime.run_name(root), path_of(at)
    calls = [one for _, one in root.view().walk()]
    ended = sum(one.state in (NodeState.Success, NodeState.Error) for one in calls)
    spent = root.bill().usd
    money = f" ${spent:,.4f} was spent." if spent else ""
    lines = [
        f"Interrupted at {path}. {ended} of {len(calls)} calls had ended; they are kept.{money}"
    ]
    if not root.is_done:
        lines.append(f"{root.fn.name}() goes on stopping in the background; nobody waits for it.")
    elif run and root.state is NodeState.Canceled:
        lines.append(f"`{resume_line(run)}` goes on where it stopped.")
    return Interrupted("\n".join(lines), run=run, at=path, is_settled=root.is_done)


def standing(root: Node) -> Node:
    """Give the Node that is at work now: the newest of the deepest that have not ended."""
    one = root
    while below := [c for c in one.children if not c.is_done]:
        one = next((c for c in reversed(below) if c.started_at is not None), below[-1])
    return one


# Questions, put to a person who is there.


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


def unbroken(do: Callable[[], _T]) -> _T:
    """Do something short. An interrupt meanwhile is raised when it is done, not within.

    Python raises `KeyboardInterrupt` between any two steps of the main thread. A Node that is
    opened and not yet started would then be nobody's, and whoever waits for it would wait on.
    """
    if threading.current_thread() is not threading.main_thread():
        return do()
    was = signal.getsignal(signal.SIGINT)
    if not callable(was):
        return do()
    pressed: list[tuple[int, Any]] = []
    signal.signal(signal.SIGINT, lambda number, frame: pressed.append((number, frame)))
    try:
        return do()
    finally:
        signal.signal(signal.SIGINT, was)
        if pressed:
            was(*pressed[0])
