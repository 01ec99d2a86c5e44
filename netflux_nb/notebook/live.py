"""A run in the output of a cell: live while it goes on, static once it ended."""

from __future__ import annotations

import contextvars
import html
import logging
import threading
from collections.abc import Callable
from typing import Any, Literal

from IPython.core.getipython import get_ipython

from ..core.errors import NetfluxError
from ..core.views import NodeView
from ..run import Run, set_opener
from ..session import default_runtime
from ..show import text
from ..show.shown import Shown
from .config import settings
from .ticking import Ticker
from .widgets import View, close_hub

logger = logging.getLogger("netflux_nb.notebook")

# quiet: nothing before the end, as in a notebook that nobody watches.
Mode = Literal["widget", "html", "text", "quiet"]

# A call that is over sooner is shown once, by its end.
GRACE_S = 0.25
# A browser that could have come said hello by then; else HTML is what it can show.
HELLO_S = 3.0
RENEW_S = 1.0
# Of one cell; what is more is counted in one line.
MOST_SHOWN = 3
# Interactive views that stay after their run ended: the oldest makes room.
MOST_OPEN = 20

WIDGET_MIME = "application/vnd.jupyter.widget-view+json"


def still(view: NodeView, name: str) -> Shown:
    """Give the static view of a run, for all outputs of this module."""
    words = text.tree(view, limit=60)[: settings().max_kb * 1000]
    return Shown(words, lambda: f"<pre>{html.escape(words)}</pre>", "Tree")


class Cell:
    """The execution of a cell that shows runs: who it is, and how many it has shown."""

    def __init__(self, shell: Any, mark: str, is_watched: bool) -> None:
        self.shell = shell
        self.mark = mark
        self.is_watched = is_watched
        self.shown: list[Showing] = []
        self.more = 0
        self.more_said = 0
        self._line = f"netflux-more-{mark}"
        self._context = contextvars.copy_context()

    def publish(self, data: dict[str, Any], name: str, *, is_new: bool, run: str = "") -> None:
        """Put an output into this cell, or renew it, from whatever thread."""
        metadata = {"netflux_nb": {"run": run}} if run else {}
        # A copy of the copy: two threads may not be in one context at a time.
        self._context.copy().run(
            self.shell.display_pub.publish,
            data=data,
            metadata=metadata,
            transient={"display_id": name},
            update=not is_new,
        )

    def say_more(self) -> None:
        """Say how many runs of this cell are not shown."""
        if self.more == self.more_said:
            return
        is_new = self.more_said == 0
        self.more_said = self.more
        words = f"and {self.more:,} more run{'s' if self.more > 1 else ''} of this cell"
        data = {"text/plain": words, "text/html": f"<p>{words}</p>"}
        self.publish(data, self._line, is_new=is_new)


class Showing:
    """One run in one output: what is there now, and what comes next."""

    def __init__(self, run: Run, cell: Cell, mode: Mode, *, waits: bool, stays: bool) -> None:
        self.run = run
        self.cell = cell
        self.mode: Mode = mode
        self.waits = waits
        self.stays = stays
        self._may_settle = settings().display == "auto" and not stays
        self._name = f"netflux-{id(self):x}-{cell.mark}"
        self._lock = threading.RLock()  # guards the output: it is ended by two threads
        self._view: View | None = None
        self._begun = run.runtime.clock()
        self._shown_at: float | None = None
        self._renewed = 0.0
        self._last: NodeView | None = None
        self.is_over = False

    def begin(self) -> None:
        """Show it, so that it is in the output from now on."""
        with self._lock:
            if self._shown_at is not None or self.is_over:
                return
            self._shown_at = self._renewed = self.run.runtime.clock()
            if self.mode == "widget":
                rows = settings().rows
                self._view = View(self.run, rows=rows, do=_ticker().do)
            self._publish(is_new=True)

    def _publish(self, *, is_new: bool) -> None:
        view = self.run.view()
        self._last = view
        shown = still(view, self._run_name())
        data: dict[str, Any] = {"text/plain": str(shown)}
        if self.mode != "text" and settings().display != "text":
            data["text/html"] = shown.html
        if self._view is not None and not self.is_over:
            own = self._view.widget.model_id
            data[WIDGET_MIME] = {"version_major": 2, "version_minor": 0, "model_id": own}
        self.cell.publish(data, self._name, is_new=is_new, run=self._run_name())

    def _run_name(self) -> str:
        try:
            return self.run.id
        except (NetfluxError, OSError):
            return ""

    def tick(self, now: float) -> bool:
        """Look at the run. False once it needs no more looks."""
        with self._lock:
            if self.is_over:
                return False
            if self.run.is_done and not self.stays:
                self.end()
                return False
            if self.mode == "quiet":
                return True
            if self._shown_at is None:
                if now - self._begun >= GRACE_S:
                    self.begin()
                return True
            return self._go_on(now)

    def _go_on(self, now: float) -> bool:
        assert self._shown_at is not None
        if self._view is not None:
            goes_on = self._view.tick(now)
            if not self._view.is_seen and self._may_settle and now - self._shown_at > HELLO_S:
                self.mode = "html"
                self._drop()
                self._publish(is_new=False)
            return goes_on or not self._view_is_enough()
        if now - self._renewed >= RENEW_S and self.run.view() is not self._last:
            self._renewed = now
            self._publish(is_new=False)
        return True

    def _view_is_enough(self) -> bool:
        return self.stays and self._view is not None

    def end(self) -> None:
        """Put the static view in its place, once."""
        with self._lock:
            if self.is_over:
                return
            view = self._view
            if view is not None:
                view.tick(self.run.runtime.clock())
            self.is_over = True
            if self.mode == "quiet" and not self.waits:
                return
            self._publish(is_new=self._shown_at is None)
            # A page that was loaded again knows no display id: there the view itself stays.
            if view is not None and len(view.pages) > 1:
                _keep(view)
            else:
                self._drop()

    def _drop(self) -> None:
        view, self._view = self._view, None
        if view is not None:
            view.close()

    def close(self) -> None:
        """Stop showing it."""
        with self._lock:
            self.is_over = True
            self._drop()


class _Board:
    """What is shown in this kernel. It is used under its lock."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.ticker: Ticker | None = None
        self.cell: Cell | None = None
        self.open: list[Showing] = []
        self.kept: list[View] = []
        self.hooked: Any = None


_board = _Board()


def _ticker() -> Ticker:
    with _board.lock:
        if _board.ticker is None:
            _board.ticker = Ticker(default_runtime().clock)
        return _board.ticker


def _keep(view: View) -> None:
    with _board.lock:
        _board.kept.append(view)
        while len(_board.kept) > MOST_OPEN:
            _board.kept.pop(0).close()


def show(run: Run, *, waits: bool) -> None:
    """Show a run in the current cell. It never raises, and never waits for the run.

    Args:
        run: The run that was begun.
        waits: Whether the cell blocks until it ends.
    """
    _safely(lambda: _show(run, waits))


def settle(run: Run) -> None:
    """Put the static view into the cell, for whoever has waited for the run there."""
    _safely(lambda: _settle(run))


def open(run: Run) -> None:
    """Show a run, live or stored, so that one can walk in it; it stays so after its end."""
    shell = get_ipython()
    cell = _cell(shell)
    mode: Mode = _mode(shell)
    one = Showing(run, cell, mode, waits=True, stays=mode == "widget")
    if mode != "widget":
        one.end()
        return
    one.begin()
    with _board.lock:
        _board.open.append(one)
        while len(_board.open) > MOST_OPEN:
            _settled(_board.open.pop(0))
    _ticker().add(one)


def close_all() -> None:
    """Stop showing anything: the kernel ends, or begins anew."""
    with _board.lock:
        if _board.ticker is not None:
            _board.ticker.close()
            _board.ticker = None
        if _board.hooked is not None:
            _board.hooked.events.unregister("post_run_cell", _after_cell)
            _board.hooked = None
        for one in [*_board.open, *(_board.cell.shown if _board.cell else ())]:
            one.close()
        for view in _board.kept:
            view.close()
        _board.open.clear()
        _board.kept.clear()
        _board.cell = None
    close_hub()


def _safely(call: Callable[[], object]) -> None:
    try:
        call()
    except Exception:
        logger.debug("A run could not be shown.", exc_info=True)


def _show(run: Run, waits: bool) -> None:
    shell = get_ipython()
    if shell is None:
        return
    with _board.lock:
        cell = _cell(shell)
        if len(cell.shown) >= MOST_SHOWN:
            cell.more += 1
            if cell.is_watched and cell.more == 1:
                _ticker().add(_More(cell))
            return
        one = Showing(run, cell, _mode(shell), waits=waits, stays=False)
        cell.shown.append(one)
    if one.mode == "quiet":
        if not waits:
            print(f"{run.fn}() runs in the background.")  # noqa: T201  its output is this line
        return
    if not waits:
        one.begin()
    _ticker().add(one)


def _settle(run: Run) -> None:
    with _board.lock:
        shown = list(_board.cell.shown) if _board.cell is not None else []
    for one in shown:
        if one.run is run or (one.run.view().id == run.view().id):
            one.end()


class _More:
    """The line that counts what a cell does not show, renewed while the cell runs."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._said = 0.0

    def tick(self, now: float) -> bool:
        with _board.lock:
            if _board.cell is not self._cell:
                return False
            if now - self._said >= RENEW_S:
                self._said = now
                self._cell.say_more()
            return True


def _settled(one: Showing) -> None:
    one.stays = False
    one.end()


def _parent(shell: Any) -> dict[str, Any]:
    found = shell.get_parent() if hasattr(shell, "get_parent") else None
    return found if isinstance(found, dict) else {}


def _is_watched(shell: Any) -> bool:
    """Say whether a person may sit before it: whoever only executes takes no input."""
    if not hasattr(shell, "kernel"):
        return False
    return bool(_parent(shell).get("content", {}).get("allow_stdin", False))


def _mode(shell: Any) -> Mode:
    own = settings()
    if shell is None or own.static or not own.live or not _is_watched(shell):
        return "quiet"
    asked: Any = own.display
    return "widget" if asked == "auto" else asked


def _cell(shell: Any) -> Cell:
    """Give the execution that goes on now; the first call of each makes it."""
    header = _parent(shell).get("header", {})
    mark = str(header.get("msg_id", getattr(shell, "execution_count", "")))
    with _board.lock:
        if _board.cell is None or _board.cell.mark != mark:
            _board.cell = Cell(shell, mark, _is_watched(shell))
            if _board.hooked is not shell:
                shell.events.register("post_run_cell", _after_cell)
                _board.hooked = shell
        return _board.cell


def _after_cell(result: object) -> None:
    """Leave nothing for later that the cell waited for."""
    with _board.lock:
        cell = _board.cell
        if cell is None:
            return
        for one in cell.shown:
            if one.waits and one.run.is_done and not one.stays:
                _safely(one.end)
        _safely(cell.say_more)


set_opener(open)
