"""The kernel's end of the panel: one comm, always open, that sends its state and takes orders."""

from __future__ import annotations

import logging
import threading
from typing import Any

from ...core.errors import NetfluxError, UsageError
from ...core.functions.kinds import Function
from ...session import here as session
from ...show.parts.text import clean
from ...show.wire import details
from ..live import commands
from ..live.run_view import RunView
from ..origin import here
from ..ticker import Ticker
from . import marks, orders
from .run_updates import RunUpdates, Send

logger = logging.getLogger("netflux_nb.jupyter")

# The comm's name is its number too: a panel that comes while the kernel is busy, and so
# cannot ask which comms there are, finds it all the same.
TARGET = "netflux_nb"
# Runs that are watched at once; the oldest makes room.
MOST_OPEN = 20


class PanelEnd:
    """What a kernel tells its panels, and does for them, whatever carries the messages."""

    def __init__(self, send: Send) -> None:
        self.run_updates = RunUpdates(send)
        # Whether a panel ever said that it is there.
        self.is_heard = False
        self._lock = threading.Lock()  # guards what is open
        self._open: dict[str, RunView] = {}
        self._ticker = Ticker(self.run_updates.clock)
        self._before: dict[str, Function] = {}

    def start(self) -> PanelEnd:
        """Begin to tell."""
        self.run_updates.start()
        return self

    def close(self) -> None:
        """Stop."""
        with self._lock:
            self._open.clear()
        self._ticker.close()
        self.run_updates.close()

    def receive(self, data: object) -> None:
        """Take what a panel said, on any thread."""
        try:
            order = orders.read(data)
        except UsageError as error:
            logger.warning("%s", error)
            return
        look = self.run_updates
        match order:
            case orders.PanelHello():
                self.is_heard = True
                look.tell_all()
            case orders.Find():
                look.find_later(order)
            case orders.NotebookLocation(path=path, of=of):
                here.shared(of)
                look.path = here.at(path)
                look.ring()
            case orders.Static(run=name):
                look.later(lambda: look.tell_static(name))
            case orders.Usage():
                look.later(look.tell_usage)
            case orders.ShowChart():
                look.later(lambda: look.tell_chart(order.id, order.by, order.of, order.is_whole))
            case orders.ShowLedger():
                look.later(lambda: look.tell_ledger(order.id, order.run))
            case orders.Act():
                look.later(lambda: look.act(order))
            case orders.Command():
                self._do(order)
            case orders.OpenRun(run=name, is_open=True):
                self._ticker.do(lambda: self._begin(name))
            case orders.OpenRun(run=name):
                self._end(name)
            case orders.ViewMessage(run=name, message=message):
                self._ticker.do(lambda: self._hand(name, message))

    # Runs that a panel has opened. On the ticker's thread, so that what is said of a run that
    # is just being opened comes after that.

    def _begin(self, name: str) -> None:
        look = self.run_updates
        with self._lock:
            if name in self._open:
                return
        one = RunView(
            look.run(name),
            lambda message: look.send({"t": "view", "run": name, "message": message}),
            do=self._ticker.do,
        )
        with self._lock:
            self._open[name] = one
            oldest = next(iter(self._open)) if len(self._open) > MOST_OPEN else None
        self._ticker.add(one)
        if oldest is not None:
            self._end(oldest)

    def _hand(self, name: str, message: dict[str, Any]) -> None:
        with self._lock:
            one = self._open.get(name)
        if one is not None:
            one.heard(message)

    def _end(self, name: str) -> None:
        with self._lock:
            one = self._open.pop(name, None)
        if one is not None:
            one.close()

    def _do(self, command: orders.Command) -> None:
        value = "" if command.value is None else str(command.value)
        try:
            root = self.run_updates.root(command.run)
            node = root.id if command.node is None else command.node
            if command.verb == "whole":
                ok, text = True, details.asked_of(commands.node_in(root, node).view())
            else:
                do = commands.Do(command.verb, node, "", value, command.question)
                said = commands.do(do, root)
                ok, text = bool(said["ok"]), clean(str(said["text"]), 400)
        except (NetfluxError, LookupError) as error:
            ok, text = False, clean(str(error), 400)
        self.run_updates.send({"t": "said", "id": command.id, "ok": ok, "text": text})
        self.run_updates.ring()

    # What cells define.

    def before_cell(self, names: dict[str, Any]) -> None:
        """Note which Functions there are before a cell runs."""
        self._before = marks.defined_in(names)
        self.run_updates.ring()

    def after_cell(self, cell: str | None, names: dict[str, Any]) -> None:
        """See which Functions a cell defined."""
        if cell:
            self.run_updates.defined(cell, marks.news(self._before, marks.defined_in(names)))
        self._before = {}
        self.run_updates.ring()


class _Wire:
    """The comm, and the shell's events, of one PanelEnd."""

    def __init__(self, shell: Any) -> None:
        from comm import create_comm

        self._shell = shell
        self._comm: Any = create_comm(target_name=TARGET, comm_id=TARGET, data={})
        # ipykernel 7.4 answers on the shell that last used the comm, which a running cell
        # may block. One would expect: on the shell that the message came on.
        if hasattr(self._comm, "_reply_subshell_for"):
            self._comm._reply_subshell_for = lambda data, default: default
        self.end = PanelEnd(self._comm.send).start()
        self._comm.on_msg(self._received)
        shell.events.register("pre_run_cell", self._pre_run_cell)
        shell.events.register("post_run_cell", self._post_run_cell)

    def _received(self, message: dict[str, Any]) -> None:
        self.end.receive(message["content"]["data"])

    def _pre_run_cell(self, info: Any) -> None:
        self.end.before_cell(self._shell.user_ns)

    def _post_run_cell(self, result: Any) -> None:
        cell = getattr(result.info, "cell_id", None) if result.info is not None else None
        self.end.after_cell(cell, self._shell.user_ns)

    def close(self) -> None:
        self._shell.events.unregister("pre_run_cell", self._pre_run_cell)
        self._shell.events.unregister("post_run_cell", self._post_run_cell)
        self.end.close()
        self._comm.close()


def open(shell: Any) -> PanelEnd | None:
    """Open the comm of this kernel, once; nothing where there is no kernel.

    Args:
        shell: The IPython shell that the extension is loaded into.
    """
    wire = session.get(_Wire)
    if wire is None and getattr(shell, "kernel", None) is not None:
        wire = session.keep(_Wire(shell))
    return None if wire is None else wire.end


def is_heard() -> bool:
    """Say whether there is a panel beside this notebook."""
    wire = session.get(_Wire)
    return wire is not None and wire.end.is_heard


def close() -> None:
    """Close it again."""
    if (wire := session.take(_Wire)) is not None:
        wire.close()
