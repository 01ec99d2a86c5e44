"""One output of a cell in which one run is shown: its widget, then its static view."""

from __future__ import annotations

import contextvars
import html
import threading
from collections.abc import Callable
from typing import Any, Literal

from ...core.errors import NetfluxError
from ...core.views import NodeView
from ...run import Run
from ...show.parts.shown import Shown
from ...show.trees import tree
from ..config import settings
from .run_view import RunView
from .widgets import PlayWidget, RunWidget

# quiet: nothing before the end, as in a notebook that nobody watches.
Mode = Literal["widget", "html", "text", "quiet"]

# A call that is over sooner is shown once, by its end.
GRACE_S = 0.25
# A browser that could have come said hello by then; else HTML is what it can show.
HELLO_S = 3.0
RENEW_S = 1.0
WIDGET_MIME = "application/vnd.jupyter.widget-view+json"


class CellExecution:
    """The execution of a cell that shows runs: who it is, and how many it has shown."""

    def __init__(self, shell: Any, mark: str, name: str, *, is_watched: bool) -> None:
        self.shell = shell
        self.mark = mark
        # The same in every execution of it; nothing where the front end does not say.
        self.id = name
        self.is_watched = is_watched
        self.shown: list[Showing] = []
        self.more = 0
        self.more_said = 0
        self._line = f"netflux-more-{mark}"
        self._context = contextvars.copy_context()

    def publish(
        self, data: dict[str, Any], name: str, *, is_new: bool, run: str = "", stays: bool = False
    ) -> None:
        """Put an output into this cell, or renew it, from whatever thread."""
        own: dict[str, Any] = {"run": run, **({"stays": True} if stays else {})}
        metadata = {"netflux_nb": own} if run else {}
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

    def __init__(
        self,
        run: Run,
        cell: CellExecution,
        mode: Mode,
        *,
        waits: bool = True,
        stays: bool = False,
        played: tuple[str, float] | None = None,
        do: Callable[[Callable[[], object]], None],
        keep: Callable[[RunWidget], None],
    ) -> None:
        self.run = run
        self._do, self._keep = do, keep
        self.cell = cell
        self.mode: Mode = mode
        self.waits = waits
        self.stays = stays
        # Its changes, and the speed, where it is played again: then nothing is left to look at.
        self.played = played
        self._may_settle = settings().display == "auto" and not stays
        self._name = f"netflux-{id(self):x}-{cell.mark}"
        self._lock = threading.RLock()  # guards the output: it is ended by two threads
        self._widget: RunWidget | PlayWidget | None = None
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
            if self.run.is_done and not self.stays:
                self.end()
                return
            self._shown_at = self._renewed = self.run.runtime.clock()
            if self.mode == "widget":
                rows = settings().rows
                self._widget = (
                    RunWidget(self.run, rows=rows, do=self._do)
                    if self.played is None
                    else PlayWidget(self.played[0], speed=self.played[1], rows=rows)
                )
            self._publish(is_new=True)

    def again(self, cell: CellExecution) -> None:
        """Show it in another output too: its cell was run again, and it goes on."""
        with self._lock:
            if self.is_over or self._shown_at is None:
                return
            bill = self.run.bill()
            usd = f"${bill.usd:,.2f}" + (" + unknown" if bill.unknown else "")
            words = f"still running: {self.run.fn}(), {usd}"
            data = {"text/plain": words, "text/html": f"<p>{html.escape(words)}</p>"}
            cell.publish(data, f"{self._name}-again", is_new=True)
            self.cell = cell
            self._publish(is_new=True)

    def _publish(self, *, is_new: bool) -> None:
        view = self.run.view()
        self._last = view
        shown = tree(view, run=self._run_name())
        data: dict[str, Any] = {"text/plain": str(shown)}
        if self.mode != "text" and settings().display != "text":
            data["text/html"] = shown.html
        if self._widget is not None and not self.is_over:
            own = self._widget.model_id
            data[WIDGET_MIME] = {"version_major": 2, "version_minor": 0, "model_id": own}
        # The panel takes a live view away when its run has ended: one that was opened stays.
        stays = self.stays and not self.is_over
        self.cell.publish(data, self._name, is_new=is_new, run=self._run_name(), stays=stays)

    @property
    def view(self) -> RunView | None:
        """The live view, while there is one."""
        return None if self._widget is None else self._widget.view

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
        if (view := self.view) is not None:
            goes_on = view.tick(now)
            if not view.is_seen and self._may_settle and now - self._shown_at > HELLO_S:
                self.mode = "html"
                self._drop()
                self._publish(is_new=False)
            return goes_on or not self.stays or self._widget is None
        if now - self._renewed >= RENEW_S and self.run.view() is not self._last:
            self._renewed = now
            self._publish(is_new=False)
        return True

    def end(self) -> None:
        """Put the static view in its place, once."""
        with self._lock:
            if self.is_over:
                return
            widget = self._widget
            if (view := self.view) is not None:
                view.tick(self.run.runtime.clock())
            self.is_over = True
            if self.mode == "quiet" and not self.waits:
                return
            self._publish(is_new=self._shown_at is None)
            # A page that was loaded again knows no display id: there the view itself stays.
            if isinstance(widget, RunWidget) and len(widget.view.pages) > 1:
                self._keep(widget)
                self._widget = None
            else:
                self._drop()

    def _drop(self) -> None:
        widget, self._widget = self._widget, None
        if widget is not None:
            widget.close()

    def close(self) -> None:
        """Stop showing it. What stands there now stays, without what would be dead."""
        with self._lock:
            was_live = self._widget is not None and not self.is_over
            self.is_over = True
            if was_live:
                self._publish(is_new=False)
            self._drop()


class Followed:
    """One view in one output, drawn anew while what it shows goes on; it stays as it was last."""

    def __init__(
        self, cell: CellExecution, draw: Callable[[], Shown], is_over: Callable[[], bool]
    ) -> None:
        self._cell = cell
        self._draw = draw
        self._is_over = is_over
        self._name = f"netflux-{id(self):x}-{cell.mark}"
        self._lock = threading.Lock()  # guards what was shown last
        self._last = ""
        self._renewed = 0.0

    def begin(self) -> None:
        """Show it."""
        self._show(is_new=True)

    def tick(self, now: float) -> bool:
        """Look whether it has changed. False once it is over."""
        is_over = self._is_over()  # before it is drawn: what comes after is in it
        if is_over or now - self._renewed >= RENEW_S:
            self._renewed = now
            self._show(is_new=False)
        return not is_over

    def _show(self, *, is_new: bool) -> None:
        with self._lock:
            shown = self._draw()
            data = {"text/plain": str(shown), "text/html": shown.html}
            if data["text/html"] != self._last:
                self._last = data["text/html"]
                self._cell.publish(data, self._name, is_new=is_new)
