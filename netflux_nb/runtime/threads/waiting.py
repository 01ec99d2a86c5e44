"""The wait of a thread outside any tree: until a root's end, or a question of its tree."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TypeVar

from ..nodes import Node

_T = TypeVar("_T")

# A signal may reach the process on another thread, and then the main one sleeps on. It opens
# its eyes this often, so that an interrupt is heard.
TICK_S = 0.1


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
            if is_asking(came) and came.root_ancestor in (root, root.release):
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


def settled(root: Node, timeout: float | None = None) -> bool:
    """Wait until a root has its outcome, whatever it asks; False when the time is over."""
    woken = threading.Lock()
    woken.acquire()
    root.add_done_callback(woken.release)
    if acquired(woken, timeout):
        return True
    root.remove_done_callback(woken.release)
    return root.is_done
