"""A real kernel, and what it says on its channels."""

import contextlib
import os
import time
from pathlib import Path
from queue import Empty

from jupyter_client.manager import KernelManager

ROOT = Path(__file__).parents[1]
WAIT_S = 30


class Kernel:
    """One kernel and a client that keeps every message it says."""

    def __init__(self, manager, client):
        self.manager = manager
        self.client = client
        self.said = []

    def run(self, code, *, allow_stdin=False, cell=""):
        """Execute as a front end does, and give what was said until it was idle again."""
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": allow_stdin,
            "stop_on_error": True,
        }
        message = self.client.session.msg("execute_request", content, metadata={"cellId": cell})
        self.client.shell_channel.send(message)
        return self._collect(lambda m: _is_idle(m, message["header"]["msg_id"]), WAIT_S)

    def until(self, sought, wait_s=WAIT_S):
        """Give what is said until something is said."""
        return self._collect(sought, wait_s)

    def quiet(self, for_s):
        """Give what is said in a time in which nothing should be."""
        with contextlib.suppress(TimeoutError):
            self._collect(lambda m: False, for_s)
        return self.said[-self.fresh :] if self.fresh else []

    def _collect(self, sought, wait_s):
        end = time.monotonic() + wait_s
        found = []
        self.fresh = 0
        while True:
            try:
                message = self.client.get_iopub_msg(timeout=max(0.01, end - time.monotonic()))
            except Empty:
                raise TimeoutError(f"Only {[m['msg_type'] for m in found]} was said.") from None
            found.append(message)
            self.said.append(message)
            self.fresh += 1
            if sought(message):
                return found

    def tell(self, comm, content):
        """Say something as a widget in a browser does."""
        data = {"method": "custom", "content": content}
        message = self.client.session.msg("comm_msg", {"comm_id": comm, "data": data})
        self.client.shell_channel.send(message)

    def shut_down(self):
        """Ask the kernel to end, as who restarts it does."""
        message = self.client.session.msg("shutdown_request", {"restart": True})
        self.client.control_channel.send(message)


def _is_idle(message, parent):
    return (
        message["msg_type"] == "status"
        and message["content"]["execution_state"] == "idle"
        and message["parent_header"].get("msg_id") == parent
    )


@contextlib.contextmanager
def kernel(folder):
    manager = KernelManager(kernel_name="python3")
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "IPYTHONDIR": str(folder),
        "NETFLUX_HOME": str(Path(folder) / "record"),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    manager.start_kernel(env=env, cwd=str(folder))
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        yield Kernel(manager, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def of(messages, *kinds):
    return [m for m in messages if m["msg_type"] in kinds]


def custom(messages, comm=None):
    """List what widgets were told."""
    return [
        m["content"]["data"]["content"]
        for m in of(messages, "comm_msg")
        if m["content"]["data"].get("method") == "custom"
        and comm in (None, m["content"]["comm_id"])
    ]
