"""The panel's comm of a real kernel: found by name, answered while a cell runs, gone after."""

import queue
import time
from pathlib import Path

import pytest
from kernels import Kernel

pytestmark = [pytest.mark.slow, pytest.mark.timeout(100)]

LOAD = """
import threading
from netflux_nb import function
get_ipython().run_line_magic("load_ext", "netflux_nb")
gate = threading.Event()

@function
def words(text: str) -> int:
    "Count words."
    return len(text.split())
"""


class Panel:
    """A panel of a kernel: what it says, and what it was told."""

    def __init__(self, kernel):
        self.client = kernel.client
        self.told = []
        self.closed = False

    def say(self, data, subshell=None):
        content = {"comm_id": "netflux_nb", "data": data}
        message = self.client.session.msg("comm_msg", content)
        if subshell is not None:
            message["header"]["subshell_id"] = subshell
        self.client.shell_channel.send(message)

    def subshell(self):
        """Make a subshell, as JupyterLab does for comms."""
        asked = self.client.session.msg("create_subshell_request", {})
        self.client.control_channel.send(asked)
        while True:
            reply = self.client.get_control_msg(timeout=60)
            if reply["parent_header"].get("msg_id") == asked["header"]["msg_id"]:
                return reply["content"]["subshell_id"]

    def wait(self, holds, timeout=20):
        end = time.monotonic() + timeout
        while True:
            for one in self.told:
                if holds(one):
                    return one
            assert time.monotonic() < end, self.told[-3:]
            try:
                message = self.client.get_iopub_msg(timeout=0.1)
            except queue.Empty:
                continue
            content = message["content"]
            if content.get("comm_id") == "netflux_nb":
                self.closed |= message["msg_type"] == "comm_close"
                self.told.append(content.get("data") or {})


@pytest.fixture
def kernel(tmp_path):
    one = Kernel(NETFLUX_HOME=str(tmp_path / "store"))
    yield one
    one.close()


def test_the_comm_is_found_by_its_target(kernel):
    kernel.run(LOAD)
    kernel.client.comm_info(target_name="netflux_nb")

    reply = kernel.client.get_shell_msg(timeout=60)
    while reply["msg_type"] != "comm_info_reply":
        reply = kernel.client.get_shell_msg(timeout=60)

    assert list(reply["content"]["comms"]) == ["netflux_nb"]


def test_a_hello_is_answered_while_a_cell_runs_and_its_runs_are_told(kernel):
    kernel.run(LOAD)
    panel = Panel(kernel)
    subshell = panel.subshell()
    kernel.client.execute("words(text='a b'); gate.wait(30)")

    panel.say({"t": "where", "path": "a.ipynb"}, subshell)
    panel.say({"t": "hello"}, subshell)

    panel.wait(lambda data: data.get("t") == "state")
    panel.wait(lambda data: any(r["state"] == "Success" for r in data.get("runs", ())))
    kernel.stop()


def test_a_run_is_booked_to_the_notebook_whose_cell_began_it_not_to_the_one_looked_at(kernel):
    # What ran before somebody looked is booked by the record.
    kernel.run(LOAD + "words(text='a b')")
    panel = Panel(kernel)
    own = kernel.client.session.session
    panel.say({"t": "where", "path": "looked_at.ipynb", "of": {own: "ran.ipynb"}})
    panel.say({"t": "hello"})
    panel.wait(lambda data: data.get("t") == "state")

    kernel.client.execute("@function\ndef other() -> int:\n    return 1\nother()")

    def row(data):
        return [r for r in data.get("runs", ()) if r["fn"] == "other" and r["state"] == "Success"]

    [found] = row(panel.wait(row))
    assert Path(found["notebook"]).name == "ran.ipynb"


def test_loading_again_opens_no_second_comm_and_unloading_closes_it(kernel):
    kernel.run(LOAD)
    kernel.run("%load_ext netflux_nb\n%reload_ext netflux_nb")
    count = "print(len(get_ipython().kernel.comm_manager.comms))"
    assert kernel.run(count).text.strip() == "1"

    kernel.run("%unload_ext netflux_nb")

    assert kernel.run(count).text.strip() == "0"
    alive = (
        "import threading, time\nfor _ in range(2000):\n"
        "    left = [t.name for t in threading.enumerate() if 'panel' in t.name]\n"
        "    if not left: break\n    time.sleep(0.01)\nprint(left)"
    )
    assert kernel.run(alive).text.strip() == "[]"


def test_a_panel_that_says_nonsense_harms_no_cell(kernel):
    kernel.run(LOAD)
    panel = Panel(kernel)
    for data in (
        {"t": "eval", "code": "1/0"},
        {},
        {"t": "find", "id": 1, "page": "p", "start": 10**9},
    ):
        panel.say(data)

    assert kernel.run("print(words(text='still here'))").text.strip().endswith("2")
