"""The board of a kernel: every live view in its cells, from its start to its static end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from IPython.core.getipython import get_ipython

from ...core.errors import NoNodeError
from ...run import Run
from ...runtime.nodes import Node
from ...session import default_runtime
from ...show.parts.shown import Shown
from ..config import settings
from ..ticker import Ticker
from .cell_output import RENEW_S, CellExecution, Followed, Mode, Showing
from .widgets import RunWidget, close_hub

logger = logging.getLogger("netflux_nb.jupyter")

# Of one cell; what is more is counted in one line.
MOST_SHOWN = 3
# Interactive views that stay after their run ended: the oldest makes room.
MOST_OPEN = 20


class _Board:
    """The live views of this kernel. It is used under its lock."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.ticker: Ticker | None = None
        self.cell: CellExecution | None = None
        self.open: list[Showing] = []
        self.background: list[Showing] = []
        self.kept: list[RunWidget] = []
        self.hooked: Any = None


_board = _Board()


def _ticker() -> Ticker:
    with _board.lock:
        if _board.ticker is None:
            _board.ticker = Ticker(default_runtime().clock)
        return _board.ticker


def _do(job: Callable[[], object]) -> None:
    _ticker().do(job)


def _keep(widget: RunWidget) -> None:
    with _board.lock:
        _board.kept.append(widget)
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


def bundle(run: Run) -> dict[str, Any]:
    """Give what stands for a run that a cell ends with: its view, once, and not as it was.

    A run that goes on gets a live view. Where the cell shows it already, a line says so.
    """
    shell = get_ipython()
    if shell is not None and _mode(shell) != "quiet" and _is_here(run):
        if not _is_shown(run, shell) and not run.is_done:
            show(run, waits=False)
        if _is_shown(run, shell):
            name = f"Run {run.id}" if run.id else "The run"
            return {"text/plain": f"{name} of {run.fn}(), shown above"}
    drawn: dict[str, Any] = run._repr_mimebundle_()
    return drawn


def _is_here(run: Run) -> bool:
    try:
        return run.root is not None
    except NoNodeError:  # known from the record only
        return False


def _is_shown(run: Run, shell: Any) -> bool:
    with _board.lock:
        return any(one.run.root is run.root for one in _cell(shell).shown)


def is_heard(node: Node) -> bool | None:
    """Say whether a browser shows this root and was heard while this cell goes on.

    None while it may still say hello. A click of its is then heard too.
    """
    with _board.lock:
        shown = list(_board.cell.shown) if _board.cell is not None else []
    views = [one.view for one in shown if one.run.root is node and one.view is not None]
    if not views:
        return False
    return True if any(view.is_seen for view in views) else None


def open(run: Run, played: tuple[str, float] | None = None) -> None:
    """Show a run, live or stored, so that one can walk in it; it stays so after its end.

    Args:
        run: The run.
        played: Its changes and the speed, where it is to be played again.
    """
    shell = get_ipython()
    cell = _cell(shell)
    mode: Mode = _mode(shell)
    one = Showing(run, cell, mode, stays=mode == "widget", played=played, do=_do, keep=_keep)
    if mode != "widget" or (played is not None and not played[0]):
        one.end()
        return
    one.begin()
    with _board.lock:
        _board.open.append(one)
        old, _board.open = _board.open[:-MOST_OPEN], _board.open[-MOST_OPEN:]
    for each in old:  # outside the lock: whoever ends takes its own, and then ours
        each.stays = False
        each.end()
    if played is None:
        _ticker().add(one)


def follow(draw: Callable[[], Shown], is_over: Callable[[], bool]) -> bool:
    """Show a view in the current cell, and draw it anew until it is over.

    False where nobody watches: then nothing is shown.
    """
    shell = get_ipython()
    if shell is None or _mode(shell) == "quiet":
        return False
    one = Followed(_cell(shell), draw, is_over)
    one.begin()
    _ticker().add(one)
    return True


def close_all() -> None:
    """Stop showing anything: the kernel ends, or begins anew."""
    with _board.lock:
        ticker, _board.ticker = _board.ticker, None
        if _board.hooked is not None:
            _board.hooked.events.unregister("post_run_cell", _after_cell)
            _board.hooked = None
        shown = _board.cell.shown if _board.cell is not None else []
        last = list(dict.fromkeys([*_board.open, *_board.background, *shown]))
        kept = list(_board.kept)
        _board.open.clear()
        _board.background.clear()
        _board.kept.clear()
        _board.cell = None
    # Outside the lock: the ticker's thread takes a view's own first, and then ours.
    if ticker is not None:
        ticker.close()
    for one in last:
        _safely(one.close)
    for widget in kept:
        _safely(widget.close)
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
        one = Showing(run, cell, _mode(shell), waits=waits, do=_do, keep=_keep)
        cell.shown.append(one)
        older = [
            o
            for o in _board.background
            if o.cell.id == cell.id and o.cell is not cell and o.run.root is not run.root
        ]
        _board.background = [o for o in _board.background if not o.is_over]
        if not waits:
            _board.background.append(one)
    if one.mode == "quiet":
        if not waits:
            print(f"{run.fn}() runs in the background.")  # noqa: T201  its output is this line
        return
    if not waits:
        one.begin()
    if cell.id:
        for old in older:
            old.again(cell)
    _ticker().add(one)


def _settle(run: Run) -> None:
    shell = get_ipython()
    if shell is None:
        return
    with _board.lock:
        # Of this cell alone: what an earlier one began is not to speak after its end.
        shown = list(_cell(shell).shown)
    for one in shown:
        if one.run.root is run.root and run.is_done:
            one.waits = True  # it was begun in the background, and waited for in the same cell
            one.end()


class _More:
    """The line that counts what a cell does not show, renewed while the cell runs."""

    def __init__(self, cell: CellExecution) -> None:
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


def _cell(shell: Any) -> CellExecution:
    """Give the execution that goes on now; the first call of each makes it."""
    header = _parent(shell).get("header", {})
    mark = str(header.get("msg_id", getattr(shell, "execution_count", "")))
    with _board.lock:
        if _board.cell is None or _board.cell.mark != mark:
            name = str(_parent(shell).get("metadata", {}).get("cellId", ""))
            _board.cell = CellExecution(shell, mark, name, is_watched=_is_watched(shell))
            if _board.hooked is not shell:
                shell.events.register("post_run_cell", _after_cell)
                _board.hooked = shell
        return _board.cell


def _after_cell(result: object) -> None:
    """Leave nothing for later that the cell waited for."""
    with _board.lock:
        cell = _board.cell
        shown = list(cell.shown) if cell is not None else []
    for one in shown:
        # Also where the ticker is just at it: the cell must not end before its output is there.
        if one.waits:
            _safely(partial(_end, one))
    if cell is not None:
        _safely(cell.say_more)


def _end(one: Showing) -> None:
    if one.run.is_done:
        one.end()
