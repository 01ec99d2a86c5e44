"""A view of a run: its feed sent to browser pages, and their commands taken."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from ...core.errors import NoNodeError
from ...run import Run
from ...runtime.nodes import Node
from . import commands
from .feed import Feed, Message

# Until a browser says hello: one frame that any of them can begin with, so often.
FIRST_S = 1.0
FIRST_BYTES = 120_000
# However often browsers ask: a large tree is not sent more often than this.
SNAPSHOT_S = 0.4
MOST_PAGES = 64


class RunView:
    """A run and its feed, whatever carries the messages.

    Args:
        run: The run that is viewed.
        send: Carries a message to all its pages.
        do: Does something soon, on the thread that ticks.
        module: Gives the component's text, where a page may come without it. Then a
            beginning is repeated, too, until a page says hello.
    """

    def __init__(
        self,
        run: Run,
        send: Callable[[Message], None],
        *,
        do: Callable[[Callable[[], object]], None],
        module: Callable[[], str] | None = None,
    ) -> None:
        self.run = run
        self._root: Node | None = _root(run)
        self._send = send
        self._do = do
        self._module = module
        self._lock = threading.RLock()  # guards the feed: a cell's end looks too
        self._feed: Feed | None = None
        self.pages: dict[str, None] = {}
        self._wants_all = False
        self._sent_all = 0.0
        self._is_final = False
        self._is_closed = False

    @property
    def is_seen(self) -> bool:
        """True once a browser said hello."""
        return bool(self.pages)

    def heard(self, content: Any) -> None:
        """Take a browser's message, on whatever thread it comes, and leave it to the ticker."""
        command = commands.parse(content)
        if command is not None:
            self._do(lambda: self._obey(command))

    def _obey(self, command: commands.Command) -> None:
        if isinstance(command, commands.Do):  # it may wait for the runtime
            self._send(commands.do(command, self._root))
            return
        with self._lock:
            self._give(command)

    def _give(self, command: commands.PageHello | commands.Fetch | commands.Look) -> None:
        match command:
            case commands.PageHello(page=page):
                if len(self.pages) < MOST_PAGES:
                    self.pages[page] = None
                self._wants_all = True
                self.tick(self.run.runtime.clock())
            case commands.Fetch():
                if self._module is not None:
                    self._send({"t": "module", "text": self._module()})
            case commands.Look(id=node, pane=pane, at=at):
                self._look(node, pane, at)

    def _look(self, node: int, pane: Any, at: tuple[int, int]) -> None:
        feed = self._fed()
        if not feed.knows(node):
            return
        found = feed.page(node, pane, at)
        self._send({"t": "detail", "id": node, "pane": pane, "at": list(at), **found})
        if pane == "transcript" and found["next"] is None:
            parts = found["parts"]
            feed.watch(node, (parts[-1][0], parts[-1][5]) if parts else at)

    def _fed(self) -> Feed:
        if self._feed is None:
            self._feed = Feed(self.run.view(), self.run.fn)
        return self._feed

    def tick(self, now: float) -> bool:
        """Send what changed, or all of it to a page that asked; False when it needs no more."""
        with self._lock:
            if self._is_closed:
                return False
            return True if self._module is None and not self.is_seen else self._tick(now)

    def _tick(self, now: float) -> bool:
        feed = self._fed()
        messages = feed.update(self.run.view())
        if not self.is_seen:
            is_whole = now - self._sent_all >= FIRST_S
            messages = feed.snapshot(FIRST_BYTES) if is_whole else []
        else:
            # Where nothing goes on there is no next look.
            is_due = self._is_final or now - self._sent_all >= SNAPSHOT_S
            is_whole = self._wants_all and is_due
            self._wants_all = self._wants_all and not is_whole
            messages = feed.snapshot() if is_whole else messages
        if is_whole:
            self._sent_all = now
        for message in messages:
            self._send({**message, "now": feed.millis(now)})
        # What is known from the record only is looked at once.
        is_over = self._root is None or (feed.view is not None and feed.view.is_done)
        if is_over and (is_whole or not self._is_final):
            self._is_final = True
            self._send({"t": "final", "seq": feed.seq})
        return not is_over or self._wants_all

    def close(self) -> None:
        """Let it go: nobody views it here any more."""
        self._is_closed = True


def _root(run: Run) -> Node | None:
    try:
        return run.root
    except NoNodeError:
        return None
