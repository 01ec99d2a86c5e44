"""The kernel's end of the panel: one comm, always open, that tells what goes on and takes orders."""

from __future__ import annotations

import logging
from typing import Any

from ..core.errors import NetfluxError, UsageError
from ..core.functions import Function
from ..runtime.nodes import Node
from ..show.text import clean
from . import marks, orders
from .lookout import Lookout, Send

logger = logging.getLogger("netflux_nb.notebook")

# The comm's name is its number too: a panel that comes while the kernel is busy, and so
# cannot ask which comms there are, finds it all the same.
TARGET = "netflux_nb"


class Beacon:
    """What a kernel tells its panels, and does for them, whatever carries the messages."""

    def __init__(self, send: Send) -> None:
        self.lookout = Lookout(send)
        self._feeds: dict[str, Any] = {}
        self._before: dict[str, Function] = {}

    def start(self) -> Beacon:
        """Begin to tell."""
        self.lookout.start()
        return self

    def close(self) -> None:
        """Stop."""
        self.lookout.close()

    def receive(self, data: object) -> None:
        """Take what a panel said, on any thread."""
        try:
            order = orders.read(data)
        except UsageError as error:
            logger.warning("%s", error)
            return
        look = self.lookout
        match order:
            case orders.Hello():
                look.tell_all()
            case orders.More(start=start):
                look.tell_page(start)
            case orders.Place(path=path):
                look.path = path
                look.ring()
            case orders.Static(run=name):
                look.later(lambda: look.tell_static(name))
            case orders.Command():
                self._do(order)
            case orders.Opened() | orders.Said():
                pass

    def _do(self, command: orders.Command) -> None:
        ok = True
        try:
            text = self._done(command)
        except (NetfluxError, LookupError, RuntimeError) as error:
            ok, text = False, clean(str(error), 400)
        self.lookout.send({"t": "said", "id": command.id, "ok": ok, "text": text})
        self.lookout.ring()

    def _done(self, command: orders.Command) -> str:
        node, by = self._node(command), "unknown"
        match command.verb:
            case "cancel":
                node.cancel("Cancelled in the panel")
                return f"{node.fn.name}() was asked to stop."
            case "approve":
                node.approve(by)
            case "reject":
                node.reject(str(command.value or ""), by)
            case "answer":
                node.answer(command.value, by)
        return f"{node.fn.name}() was answered."

    def _node(self, command: orders.Command) -> Node:
        root = self.lookout.root(command.run)
        if command.node is None:
            return root
        node = root.runtime.node(command.node)
        if node.root_ancestor is not root:
            raise UsageError(f"Node {command.node} is none of run {command.run}.")
        return node

    # What cells define.

    def before_cell(self, names: dict[str, Any]) -> None:
        """Note which Functions there are before a cell runs."""
        self._before = marks.defined_in(names)
        self.lookout.ring()

    def after_cell(self, cell: str | None, names: dict[str, Any]) -> None:
        """See which Functions a cell defined."""
        if cell:
            self.lookout.defined(cell, marks.news(self._before, marks.defined_in(names)))
        self._before = {}
        self.lookout.ring()


class _Wire:
    """The comm, and the shell's events, of one Beacon."""

    def __init__(self, shell: Any) -> None:
        from comm import create_comm

        self._shell = shell
        self._comm = create_comm(target_name=TARGET, comm_id=TARGET, data={})
        # ipykernel 7.4 answers on the shell that last used the comm, which a running cell
        # may block. One would expect: on the shell that the message came on.
        if hasattr(self._comm, "_reply_subshell_for"):
            self._comm._reply_subshell_for = lambda data, default: default
        self.beacon = Beacon(self._comm.send).start()
        self._comm.on_msg(self._received)
        shell.events.register("pre_run_cell", self._pre_run_cell)
        shell.events.register("post_run_cell", self._post_run_cell)

    def _received(self, message: dict[str, Any]) -> None:
        self.beacon.receive(message["content"]["data"])

    def _pre_run_cell(self, info: Any) -> None:
        self.beacon.before_cell(self._shell.user_ns)

    def _post_run_cell(self, result: Any) -> None:
        cell = getattr(result.info, "cell_id", None) if result.info is not None else None
        self.beacon.after_cell(cell, self._shell.user_ns)

    def close(self) -> None:
        self._shell.events.unregister("pre_run_cell", self._pre_run_cell)
        self._shell.events.unregister("post_run_cell", self._post_run_cell)
        self.beacon.close()
        self._comm.close()


_wires: list[_Wire] = []


def open(shell: Any) -> Beacon | None:
    """Open the comm of this kernel, once; nothing where there is no kernel.

    Args:
        shell: The IPython shell that the extension is loaded into.
    """
    if not _wires and getattr(shell, "kernel", None) is not None:
        _wires.append(_Wire(shell))
    return _wires[0].beacon if _wires else None


def close() -> None:
    """Close it again."""
    while _wires:
        _wires.pop().close()
