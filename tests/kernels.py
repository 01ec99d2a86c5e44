"""A real kernel, driven as a front end drives it: cells, ■, and answers to `input()`."""

from __future__ import annotations

import os
import queue
import sys
import time
from pathlib import Path

from jupyter_client.manager import KernelManager

ROOT = Path(__file__).parents[1]
# Other environments whose kernels are tested too, such as one with an older ipykernel.
PYTHONS = [sys.executable, *filter(None, os.environ.get("NETFLUX_KERNELS", "").split(os.pathsep))]
TIMEOUT = 60

INSTALL = """
from netflux_nb.jupyter import notebook_front
notebook = notebook_front.install(get_ipython())
"""


class Cell:
    """What came of one cell, as far as it is known by now."""

    def __init__(self, msg_id):
        self.id = msg_id
        self.text = ""
        self.prompts = []
        self.error = None
        self.is_idle = False


class Kernel:
    """One kernel and its client."""

    def __init__(self, python=sys.executable, **env):
        self.manager = KernelManager()
        # The spec is the default one; which Python runs it is ours to say.
        self.manager.kernel_spec.argv[0] = python
        self.manager.start_kernel(env={**os.environ, "PYTHONPATH": str(ROOT), **env})
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=TIMEOUT)
        self.late = ""

    def begin(self, code, *, stdin=False):
        return Cell(self.client.execute(code, allow_stdin=stdin))

    def run(self, code, *, stdin=False):
        cell = self.end(self.begin(code, stdin=stdin))
        assert cell.error is None, cell.error["traceback"]
        return cell

    def end(self, cell):
        return self.until(cell, lambda: cell.is_idle)

    def until(self, cell, holds, timeout=TIMEOUT):
        """Take in messages until something holds."""
        end = time.monotonic() + timeout
        while not holds():
            assert time.monotonic() < end, (cell.text, cell.error, self.late)
            self._take(cell)
        return cell

    def _take(self, cell):
        try:
            asked = self.client.get_stdin_msg(timeout=0)
            cell.prompts.append(asked["content"]["prompt"])
        except queue.Empty:
            pass
        try:
            message = self.client.get_iopub_msg(timeout=0.02)
        except queue.Empty:
            return
        content, kind = message["content"], message["msg_type"]
        is_of_cell = message["parent_header"].get("msg_id") == cell.id
        if kind == "stream":
            self.late += content["text"]
            cell.text += content["text"] if is_of_cell else ""
        elif is_of_cell and kind == "error":
            cell.error = content
        elif is_of_cell and kind == "execute_result":
            cell.text += content["data"].get("text/plain", "")
        elif is_of_cell and kind == "status" and content["execution_state"] == "idle":
            cell.is_idle = True

    def stop(self):
        """Press ■."""
        self.manager.interrupt_kernel()

    def type(self, text):
        self.client.input(text)

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.client.context.destroy(linger=0)
