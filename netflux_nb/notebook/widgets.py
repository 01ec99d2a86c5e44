"""The widgets that carry a run's feed to browsers: one for a run, and one hub a kernel."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
from traitlets import Int, Unicode

from ..core.errors import NoNodeError
from ..run import Run
from ..runtime.nodes import Node
from . import commands
from .feed import Feed, Message

STATIC = Path(__file__).parent / "static"
# Until a browser says hello: one frame that any of them can begin with, so often.
FIRST_S = 1.0
FIRST_BYTES = 120_000
# However often browsers ask: a large tree is not sent more often than this.
SNAPSHOT_S = 0.4
MOST_PAGES = 64


@cache
def built(name: str) -> str:
    """Give built browser code. It is in the package; a checkout makes it with `make widgets`."""
    return (STATIC / name).read_text(encoding="utf-8")


@cache
def module_hash() -> str:
    """Name the component's text, so that a page runs each one once."""
    return hashlib.sha256(built("run.js").encode()).hexdigest()[:16]


def _hear_at_once(widget: Any) -> None:
    # Expected: a click is handled at once, on a subshell. Instead ipykernel 7.4 sends what a
    # browser says to the shell that last spoke on the comm, which is deaf while a cell runs.
    if hasattr(widget.comm, "_reply_subshell_for"):
        widget.comm._reply_subshell_for = lambda data, default: default


class Hub(ipywidgets.Widget):  # type: ignore[misc]  # ipywidgets has no types
    """What all run views of a kernel share: the component's text, sent once, and a layout."""

    _module = Unicode().tag(sync=True)

    def __init__(self) -> None:
        self.layout = ipywidgets.Layout(width="auto")
        super().__init__(_module=built("run.js"))

    def close(self) -> None:
        """Close it, and what it holds."""
        self.layout.close()
        super().close()

    def __repr__(self) -> str:
        return "Hub()"


_hubs: list[Hub] = []


def hub() -> Hub:
    """Give this kernel's hub; a new one where somebody closed all widgets."""
    if not _hubs or _hubs[0].comm is None or _hubs[0].layout.comm is None:
        _hubs[:] = [Hub()]
    return _hubs[0]


def close_hub() -> None:
    """Close the hub, if there is one."""
    while _hubs:
        _hubs.pop().close()


class RunWidget(anywidget.AnyWidget):
    """One run in browsers. It only carries: `View` says what."""

    _esm = built("stub.js")
    _hub = Unicode().tag(sync=True)
    _hash = Unicode().tag(sync=True)
    _rows = Int(12).tag(sync=True)

    def __init__(self, rows: int) -> None:
        own = hub()
        super().__init__(_hub=own.model_id, _hash=module_hash(), _rows=rows, layout=own.layout)

    def open(self) -> None:
        """Open its comm."""
        super().open()
        _hear_at_once(self)

    def __repr__(self) -> str:
        return "RunWidget()"


class View:
    """A run, its feed and its widget."""

    def __init__(self, run: Run, *, rows: int, do: Callable[[Callable[[], object]], None]) -> None:
        self.run = run
        self._root: Node | None = _root(run)
        self._do = do
        self._lock = threading.RLock()  # guards the feed: a cell's end looks too
        self._feed: Feed | None = None
        self.pages: dict[str, None] = {}
        self._wants_all = False
        self._sent_all = 0.0
        self._is_final = False
        self.widget = RunWidget(rows)
        self.widget.on_msg(self.heard)

    @property
    def is_seen(self) -> bool:
        """True once a browser said hello."""
        return bool(self.pages)

    def heard(self, widget: object, content: Any, buffers: object) -> None:
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

    def _give(self, command: commands.Hello | commands.Fetch | commands.Look) -> None:
        match command:
            case commands.Hello(page=page):
                if len(self.pages) < MOST_PAGES:
                    self.pages[page] = None
                self._wants_all = True
                self.tick(self._now())
            case commands.Fetch():
                self._send({"t": "module", "text": built("run.js")})
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

    def _now(self) -> float:
        return self.run.runtime.clock()

    def tick(self, now: float) -> bool:
        """Send what changed; or, until somebody said hello, a beginning now and then."""
        with self._lock:
            return self._tick(now)

    def _tick(self, now: float) -> bool:
        feed = self._fed()
        deltas = feed.update(self.run.view())
        moment = feed.millis(now)
        if not self.is_seen:
            if now - self._sent_all >= FIRST_S:
                self._sent_all = now
                self._send_all(feed.snapshot(FIRST_BYTES), moment)
        elif self._wants_all:
            # Where nothing goes on there is no next look.
            if self._is_final or now - self._sent_all >= SNAPSHOT_S:
                self._wants_all, self._sent_all = False, now
                self._send_all(feed.snapshot(), moment)
            else:
                self._send_all(deltas, moment)
        else:
            self._send_all(deltas, moment)
        is_done = feed.view is not None and feed.view.is_done
        if is_done and not self._is_final:
            self._is_final = True
            self._send({"t": "final", "seq": feed.seq})
        return not is_done or self._wants_all

    def _send_all(self, messages: list[Message], moment: int) -> None:
        for message in messages:
            self._send({**message, "now": moment})

    def _send(self, message: Message) -> None:
        if self.widget.comm is not None:
            self.widget.send(message)

    def close(self) -> None:
        """Take its widget away."""
        self.widget.close()


def _root(run: Run) -> Node | None:
    try:
        return run.root
    except NoNodeError:
        return None
