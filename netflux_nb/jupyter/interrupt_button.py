"""The interrupt button ■: stops the tree that a cell waits for; in an idle kernel, all trees."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

from .. import session
from ..runtime.nodes import Node
from ..runtime.threads import interrupts, waiting
from ..runtime.threads.schedule import spawn

# A second press within this time lets go of what does not stop, in seconds.
AGAIN_S = 3.0
# How long what was stopped in an idle kernel may take until it is listed.
SETTLE_S = 10.0
# A signal may reach the process on another thread, and the kernel's loop sleeps through it.
# It is woken this often while something runs.
TICK_S = 0.1
# A handler goes in while the kernel is idle; a busy one is looked at again so much later.
BUSY_S = 0.2
MOST_LISTED = 10
# A browser that shows a run said hello by then, in seconds.
HELLO_S = 3.5


class Interrupts:
    """The interrupts of one kernel. Handlers go in and out on its main thread only."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._kernel: Any = getattr(shell, "kernel", None)
        self._is_on = False
        self._was: Any = None
        self._stopping: list[tuple[Node, Node]] = []
        self._last_idle = -AGAIN_S
        self._presses = 0
        self._is_typing = False
        self._let_go: asyncio.Event | None = None
        self._awaited = 0
        self._is_ticking = False
        self._cell: asyncio.Task[Any] | None = None
        self._said: list[interrupts.Interrupted] = []

    # Idle kernels.

    def install(self) -> None:
        """Hear ■ from now on. In plain IPython there is nothing to do: Ctrl-C is heard."""
        if self._kernel is None or self._is_on:
            return
        self._is_on = True
        self._shell.events.register("pre_run_cell", self._cell_begins)
        self._shell.events.register("post_run_cell", self._cell_ends)
        self._kernel.io_loop.call_later(0, self._arm)

    def begun(self) -> None:
        """Take note that something runs: ■ is to be heard at once from now on."""
        if self._is_on:
            self._kernel.io_loop.add_callback(self._stay_awake)

    def uninstall(self) -> None:
        """Put back what was there."""
        if not self._is_on:
            return
        self._is_on = False
        self._shell.events.unregister("pre_run_cell", self._cell_begins)
        self._shell.events.unregister("post_run_cell", self._cell_ends)
        self._kernel.io_loop.call_later(0, self._disarm)

    def _arm(self) -> None:
        # A cell puts back, when it ends, the handler that it found: one that goes in while a
        # cell runs is lost.
        if not self._is_on or signal.getsignal(signal.SIGINT) == self._pressed_idle:
            return
        if _is_busy():
            self._kernel.io_loop.call_later(BUSY_S, self._arm)
        else:
            self._was = signal.signal(signal.SIGINT, self._pressed_idle)

    def _disarm(self) -> None:
        if self._is_on:
            return
        if _is_busy():
            self._kernel.io_loop.call_later(BUSY_S, self._disarm)
        elif signal.getsignal(signal.SIGINT) == self._pressed_idle:
            signal.signal(signal.SIGINT, self._was)

    def _pressed_idle(self, number: int, frame: Any) -> None:
        self._kernel.io_loop.add_callback(self._stop_all)
        if callable(self._was):
            self._was(number, frame)

    def _stop_all(self) -> None:
        """Stop all trees of this kernel and list them; a second time, let go of the rest."""
        now = self._kernel.io_loop.time()
        is_again, self._last_idle = now - self._last_idle < AGAIN_S, now
        left = [(root, at) for root, at in self._stopping if not root.is_done]
        if is_again and left:
            self._stopping = []
            self._say([f"{len(left)} runs go on stopping in the background."])
            return
        going = [root for root in session.roots() if not root.is_done]
        self._stopping = [(root, interrupts.standing(root)) for root in going]
        if going:
            for root in going:
                root.cancel("Interrupted")
            spawn(self._list, "netflux-interrupted")

    def _list(self) -> None:
        stopping = self._stopping
        for root, _ in stopping:
            waiting.settled(root, SETTLE_S)
        if self._stopping is not stopping:
            return  # they were let go
        lines = [line for root, at in stopping[:MOST_LISTED] for line in _lines(root, at)]
        more = len(stopping) - MOST_LISTED
        self._say(lines + ([f"… {more} more: `%nf runs`"] if more > 0 else []))

    def _say(self, lines: list[str]) -> None:
        session.here.front.tell("\n".join(lines))

    # Cells that await.

    def _cell_begins(self, info: Any = None) -> None:
        try:
            self._cell = asyncio.current_task()
        except RuntimeError:
            self._cell = None

    def _cell_ends(self, result: Any = None) -> None:
        # A run that was awaited in a task of the cell's own: all that is seen is its cancel.
        said, self._said = self._said, []
        if said and isinstance(getattr(result, "error_in_exec", None), asyncio.CancelledError):
            self._say([str(one) for one in said[:MOST_LISTED]])

    async def awaited(
        self,
        node: Node,
        ask: Callable[[Node], None],
        is_heard: Callable[[Node], bool | None] = lambda node: False,
    ) -> Any:
        """Wait for a root in a cell that awaits it, and give its value. ■ stops it.

        Args:
            node: The root.
            ask: Puts a question where something can be typed; the loop stands still meanwhile.
            is_heard: Whether a button is heard while the cell waits; None where it may be yet.
        """
        loop = asyncio.get_running_loop()
        came: asyncio.Queue[Node | None] = asyncio.Queue()

        def tell(one: Node | None) -> None:
            with contextlib.suppress(RuntimeError):  # the loop ended: nobody waits any more
                loop.call_soon_threadsafe(came.put_nowait, one)

        def ended() -> None:
            tell(None)

        off = node.runtime.gate.on_question(tell)
        node.add_done_callback(ended)
        for one in waiting.asking_below(node):
            tell(one)
        presses = self._presses
        try:
            with self._heard(loop):
                while (asking := await came.get()) is not None:
                    if await self._has_button(asking, is_heard):
                        continue
                    if waiting.is_asking(asking) and asking.root_ancestor is node:
                        self._put(asking, ask)
        except (asyncio.CancelledError, KeyboardInterrupt) as error:
            if isinstance(error, asyncio.CancelledError) and self._presses == presses:
                raise  # its own task was cancelled, as a timeout does: the run goes on
            await self._stopped(node, loop)
            raise
        finally:
            off()
            node.remove_done_callback(ended)
        node.wait()
        return node.result()

    async def _has_button(self, node: Node, is_heard: Callable[[Node], bool | None]) -> bool:
        """Say whether a person answers by a click: typing would stop the loop that hears it."""
        for _ in range(round(HELLO_S / TICK_S)):
            known = is_heard(node.root_ancestor)
            if known is not None or not waiting.is_asking(node):
                return bool(known)
            await asyncio.sleep(TICK_S)
        return False

    def _put(self, node: Node, ask: Callable[[Node], None]) -> None:
        self._is_typing = True
        try:
            ask(node)
        finally:
            self._is_typing = False

    async def _stopped(self, node: Node, loop: asyncio.AbstractEventLoop) -> None:
        """Stop a tree and wait for it to settle; in the cell's own task, raise what says so."""
        at = interrupts.standing(node)
        # Before the tree is asked to stop: a press from then on lets go.
        let_go = self._let_go = asyncio.Event()
        node.cancel("Interrupted")
        node.add_done_callback(lambda: _told(loop, let_go.set))
        with self._heard(loop):
            while not let_go.is_set():
                with contextlib.suppress(asyncio.CancelledError):  # one more press lets go
                    await let_go.wait()
        said = interrupts.interrupted(node, at)
        # In another task of the loop it would end the kernel itself.
        if asyncio.current_task() is self._cell:
            raise said from None
        self._said.append(said)

    @contextlib.contextmanager
    def _heard(self, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
        """Hear ■ while a cell awaits: keep the loop awake, and take note of presses."""
        if not self._is_on or threading.current_thread() is not threading.main_thread():
            yield
            return
        was = signal.getsignal(signal.SIGINT)
        ours = None
        if not getattr(was, "is_ours", False):
            ours = self._handler(was, loop)
            signal.signal(signal.SIGINT, ours)
        self._awaited += 1
        self._stay_awake()
        try:
            yield
        finally:
            self._awaited -= 1
            if ours is not None and signal.getsignal(signal.SIGINT) is ours:
                signal.signal(signal.SIGINT, was)

    def _stay_awake(self) -> None:
        if not self._is_ticking:
            self._is_ticking = True
            self._kernel.io_loop.call_later(TICK_S, self._tick)

    def _tick(self) -> None:
        self._is_ticking = False
        if self._is_on and (self._awaited or any(not root.is_done for root in session.roots())):
            self._stay_awake()

    def _handler(self, was: Any, loop: asyncio.AbstractEventLoop) -> Callable[[int, Any], None]:
        def pressed(number: int, frame: Any) -> None:
            self._presses += 1
            if self._is_typing:
                raise KeyboardInterrupt
            if self._let_go is not None:
                _told(loop, self._let_go.set)
            if callable(was):
                was(number, frame)

        pressed.is_ours = True  # type: ignore[attr-defined]
        return pressed


def _told(loop: asyncio.AbstractEventLoop, do: Callable[[], object]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop ended
        loop.call_soon_threadsafe(do)


def _lines(root: Node, at: Node) -> list[str]:
    return str(interrupts.interrupted(root, at)).splitlines()


def _is_busy() -> bool:
    """Say whether a cell runs now: it has put a handler of its own in place."""
    now = signal.getsignal(signal.SIGINT)
    # Of ipykernel's own, around a cell that awaits, nothing but the name is to be seen.
    is_theirs = "_cancel_on_sigint" in getattr(now, "__qualname__", "")
    return now is signal.default_int_handler or is_theirs or getattr(now, "is_ours", False)
