"""The front of a notebook: shows the runs that cells begin, asks their questions, stops them."""

from __future__ import annotations

import _thread
import builtins
import logging
import signal
import sys
import threading
from collections.abc import Generator
from contextlib import suppress
from typing import Any

from .. import session
from ..core.policy import Person
from ..run import Run
from ..runtime.front import Script
from ..runtime.host import LINES
from ..runtime.nodes import Node
from ..runtime.threads import interrupts, typed_answers, waiting
from ..runtime.threads.schedule import spawn
from .config import settings
from .interrupt_button import Interrupts
from .live import board
from .magics import people

logger = logging.getLogger("netflux_nb.jupyter")

# A typed answer is not waited for any more once somebody else gave one; looked at this often
# where nothing happens in the run, in seconds.
LOOK_S = 1.0


class Notebook:
    """The front of a kernel: live views, questions by `input()`, and ■."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.interrupts = Interrupts(shell)
        self._lock = threading.Lock()  # guards who may break an `input()`

    def begun(self, node: Node, *, waits: bool) -> None:
        """Show a root that was begun. A view that fails stops no run."""
        self.interrupts.begun()
        try:
            if settings().live:
                board.show(Run.of(node), waits=waits)
        except Exception:  # a display is a plug: the run goes on without it
            logger.exception("A run could not be shown.")

    def wait(self, node: Node) -> None:
        """Block the cell until the outcome; ask in it what must be asked."""
        interrupts.wait_or_stop(node, self.ask)
        board.settle(Run.of(node))

    def awaited(self, node: Node) -> Generator[Any, None, Any]:
        """Wait for the outcome in an `await` cell, and give the value."""
        try:
            waits = self.interrupts.awaited(node, self.ask, board.is_heard)
            return (yield from waits.__await__())
        finally:
            board.settle(Run.of(node))

    def tell(self, text: str) -> None:
        """Print it in the cell."""
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    @property
    def can_ask(self) -> bool:
        """True where a person can be asked by `input()` now."""
        if threading.current_thread() is not threading.main_thread():
            return False  # the front end hears the main thread only
        kernel = getattr(self.shell, "kernel", None)
        if kernel is not None:
            return bool(getattr(kernel, "_allow_stdin", False))
        return sys.stdin is not None and sys.stdin.isatty()

    def ask(self, node: Node) -> None:
        """Put a question where it can be put; raise `PendingError` where it cannot."""
        if not self.can_ask:
            raise typed_answers.pending(node)
        try:
            typed_answers.put(
                node, lambda text: self._read(node, text), session.here.who(), self.tell
            )
        except _AnsweredError:
            self.tell("It was answered elsewhere.")
        except (EOFError, NotImplementedError):  # a front end that has no place for an answer
            raise typed_answers.pending(node) from None

    def _read(self, node: Node, text: str) -> str:
        """Have something typed, until the answer comes from elsewhere: a button, a thread.

        Only the typing is broken off. What follows, the answer, must not be.
        """
        state = {"is_over": False, "is_answered": False}

        def look() -> None:
            seen = 0
            while waiting.is_asking(node) and not state["is_over"]:
                view = node.watch(seen, timeout=LOOK_S)
                seen = view.update_seqnum if view is not None else seen
            with self._lock:
                if not state["is_over"]:
                    state["is_answered"] = True
                    _interrupt_main()

        spawn(look, "netflux-question")
        said = ""
        try:
            said = builtins.input(text)
        except KeyboardInterrupt:
            if not state["is_answered"]:
                raise
        finally:
            _over(self._lock, state)
        if state["is_answered"]:
            raise _AnsweredError
        return said


class _AnsweredError(Exception):
    """Somebody else answered what is being typed."""


def _over(lock: threading.Lock, state: dict[str, bool]) -> None:
    # An interrupt of ours that is on its way arrives in here, at the latest.
    with suppress(KeyboardInterrupt), lock:
        state["is_over"] = True
        _reached()
    state["is_over"] = True


def _reached() -> None:
    """Be called: Python looks for signals then."""


def _interrupt_main() -> None:
    if sys.platform == "win32":  # what reads in a kernel opens its eyes often enough
        _thread.interrupt_main()
    else:
        ident = threading.main_thread().ident
        assert ident is not None
        signal.pthread_kill(ident, signal.SIGINT)


def install(shell: Any) -> Notebook:
    """Let this kernel's calls be shown, asked and stopped here. Again is nothing."""
    if (known := session.here.get(Notebook)) is not None:
        return known
    made = session.here.keep(Notebook(shell))
    session.here.front = made
    session.here.who = people.who
    session.here.opens = board.open
    session.here.lines = (
        lambda run: f"%nf resume {run}",
        "`%nf pending` shows it, and `%nf approve`, `reject` or `answer` answers it",
    )
    session.configure(cap_usd=settings().cap_usd, cap_setting="%config NetfluxNB.cap_usd = …")
    made.interrupts.install()
    bundles = _bundles(shell)
    if bundles is not None:
        bundles.for_type(Run, board.bundle)
    return made


def _bundles(shell: Any) -> Any:
    return getattr(getattr(shell, "display_formatter", None), "mimebundle_formatter", None)


def uninstall() -> None:
    """Take it all back."""
    if (one := session.here.take(Notebook)) is not None:
        one.interrupts.uninstall()
        bundles = _bundles(one.shell)
        if bundles is not None:
            bundles.pop(Run, None)
    session.here.front = Script(session.here.person)
    session.here.who = Person
    session.here.lines = LINES
