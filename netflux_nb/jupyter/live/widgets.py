"""The widgets that carry a run's feed to browsers: one for a run, and one hub a kernel."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
from IPython.core.getipython import get_ipython
from traitlets import Float, Int, Unicode

from ...run import Run
from ...session import here
from . import commands
from .feed import Message
from .run_view import RunView

STATIC = Path(__file__).parent / "static"


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


def hub() -> Hub:
    """Give this kernel's hub; a new one where somebody closed all widgets."""
    own = here.get(Hub)
    if own is None or own.comm is None or own.layout.comm is None:
        own = here.keep(Hub())
    return own


def close_hub() -> None:
    """Close the hub, if there is one."""
    if (own := here.take(Hub)) is not None:
        own.close()


class RunWidget(anywidget.AnyWidget):
    """One run in browsers. It only carries: its `view` says what."""

    _esm = built("stub.js")
    _hub = Unicode().tag(sync=True)
    _hash = Unicode().tag(sync=True)
    _rows = Int(12).tag(sync=True)

    def __init__(self, run: Run, *, rows: int, do: Callable[[Callable[[], object]], None]) -> None:
        own = hub()
        self.view = RunView(run, self._carry, do=do, module=lambda: built("run.js"))
        super().__init__(_hub=own.model_id, _hash=module_hash(), _rows=rows, layout=own.layout)
        self.on_msg(lambda _, content, buffers: self.view.heard(content))

    def open(self) -> None:
        """Open its comm."""
        super().open()
        _hear_at_once(self)

    def _carry(self, message: Message) -> None:
        if self.comm is not None:
            self.send(message)

    def close(self) -> None:
        """Take it away. From a kernel that ends its pages have let go, and know it no more."""
        self.view.close()
        if not getattr(get_ipython(), "exit_now", False):
            super().close()

    def __repr__(self) -> str:
        return "RunWidget()"


class PlayWidget(anywidget.AnyWidget):
    """One run that browsers play again. All of it is sent once: no kernel is needed to go on."""

    _esm = built("stub.js")
    _hub = Unicode().tag(sync=True)
    _hash = Unicode().tag(sync=True)
    _rows = Int(12).tag(sync=True)
    _played = Unicode().tag(sync=True)
    # 0: as the browser chooses; less: as fast as it shows.
    _speed = Float(0.0).tag(sync=True)

    # Nothing of it is told by this kernel.
    view = None

    def __init__(self, played: str, *, speed: float, rows: int) -> None:
        own = hub()
        super().__init__(
            _hub=own.model_id,
            _hash=module_hash(),
            _rows=rows,
            _played=played,
            _speed=speed,
            layout=own.layout,
        )
        self.on_msg(lambda _, content, buffers: self._heard(content))

    def open(self) -> None:
        """Open its comm."""
        super().open()
        _hear_at_once(self)

    def _heard(self, content: Any) -> None:
        # A page that found no hub asks for the component.
        if isinstance(commands.parse(content), commands.Fetch) and self.comm is not None:
            self.send({"t": "module", "text": built("run.js")})

    def close(self) -> None:
        """Take it away. From a kernel that ends its pages have let go, and know it no more."""
        if not getattr(get_ipython(), "exit_now", False):
            super().close()

    def __repr__(self) -> str:
        return "PlayWidget()"
