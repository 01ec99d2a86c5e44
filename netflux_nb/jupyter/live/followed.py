"""A view in a cell that is drawn anew while what it shows goes on, and stays as it was last."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ...show.parts.shown import Shown
from .cell_output import RENEW_S, CellExecution


class Followed:
    """One view in one output."""

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
