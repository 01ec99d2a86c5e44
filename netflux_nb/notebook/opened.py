"""A run that a panel has opened in a tab: the feed of its live view, over the panel's own comm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.errors import NoNodeError
from ..run import Run
from ..runtime.nodes import Node
from . import commands
from .feed import Feed, Message

# However often browsers ask: a large tree is not sent more often than this.
SNAPSHOT_S = 0.4


class Opened:
    """One run, and who watches it. All but `heard` happens on the ticker's thread."""

    def __init__(
        self,
        run: Run,
        clock: Callable[[], float],
        send: Callable[[Message], None],
        do: Callable[[Callable[[], object]], None],
    ) -> None:
        self.run = run
        self._root = _root(run)
        self._clock = clock
        self._send = send
        self._do = do
        self._feed: Feed | None = None
        self._is_seen = False
        self._wants_all = False
        self._sent_all = 0.0
        self._is_final = False
        self._is_closed = False

    def heard(self, content: Any) -> None:
        """Take a page's message, on whatever thread it comes, and leave it to the ticker."""
        command = commands.parse(content)
        if command is not None:
            self._do(lambda: self._obey(command))

    def _obey(self, command: commands.Command) -> None:
        match command:
            case commands.Hello():
                self._is_seen = self._wants_all = True
                self.tick(self._clock())
            case commands.Look(id=node, pane=pane, at=at):
                self._look(node, pane, at)
            case commands.Do():
                self._send(commands.do(command, self._root))
            case commands.Fetch():
                pass  # the panel has the component itself

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
        if self._is_closed:
            return False
        if not self._is_seen:
            return True
        feed = self._fed()
        deltas = feed.update(self.run.view())
        if self._wants_all and now - self._sent_all >= SNAPSHOT_S:
            self._wants_all, self._sent_all = False, now
            deltas = feed.snapshot()
        for message in deltas:
            self._send({**message, "now": feed.millis(now)})
        is_done = feed.view is not None and (feed.view.is_done or self._root is None)
        if is_done and not self._is_final:
            self._is_final = True
            self._send({"t": "final", "seq": feed.seq})
        return not is_done or self._wants_all

    def close(self) -> None:
        """Let it go: nobody watches it here any more."""
        self._is_closed = True


def _root(run: Run) -> Node | None:
    try:
        return run.root
    except NoNodeError:
        return None
