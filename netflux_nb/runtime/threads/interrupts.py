"""An interrupt of a thread that waits for a tree, as a busy cell does: the tree is stopped."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any, TypeVar

from ...core.text.paths import path_of
from ...core.views import NodeState
from ..host import host
from ..nodes import Node
from .waiting import questions, settled

_T = TypeVar("_T")


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


def wait_or_stop(root: Node, ask: Callable[[Node], None]) -> None:
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


def resume_line(run: str) -> str:
    """Give the line that goes on with a run."""
    return host().lines[0](run)


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
