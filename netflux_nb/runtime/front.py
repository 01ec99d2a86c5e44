"""The front between a person and calls outside any tree; in a script, the terminal."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Generator
from typing import Any, Protocol

from ..core.policy import Person
from .nodes import Node
from .threads import interrupts, typed_answers


class Front(Protocol):
    """The front between a person and the calls outside any tree."""

    def begun(self, node: Node, *, waits: bool) -> None:
        """Take note of a root that was begun; `waits` where the caller blocks for it."""
        ...

    def wait(self, node: Node) -> None:
        """Wait for its outcome. Ask what must be asked; raise `PendingError` where nobody can."""
        ...

    def awaited(self, node: Node) -> Generator[Any, None, Any]:
        """Wait for its outcome in async code, and give its value."""
        ...

    def tell(self, text: str) -> None:
        """Tell a person something, in a line or two."""
        ...


class Script:
    """The front of a script: it asks at a terminal, where there is one."""

    def __init__(self, who: Callable[[], Person] = Person) -> None:
        self._who = who

    def begun(self, node: Node, *, waits: bool) -> None:
        """Show nothing."""

    def wait(self, node: Node) -> None:
        """Wait; ask at the terminal."""
        interrupts.wait_or_stop(node, self._ask)

    def _ask(self, node: Node) -> None:
        is_there = sys.stdin is not None and sys.stdin.isatty()
        if not is_there or threading.current_thread() is not threading.main_thread():
            raise typed_answers.pending(node)
        try:
            typed_answers.put(node, input, self._who(), self.tell)
        except EOFError:
            raise typed_answers.pending(node) from None

    def awaited(self, node: Node) -> Generator[Any, None, Any]:
        """Wait for it on the caller's loop."""
        return (yield from node.__await__())

    def tell(self, text: str) -> None:
        """Say it on the terminal, where there is one."""
        if sys.stderr is not None and sys.stderr.isatty():
            sys.stderr.write(f"{text}\n")
