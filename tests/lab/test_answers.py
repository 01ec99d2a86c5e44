"""A person answers, stops and restarts: by click, by key, in cells that wait and that do not."""

import pytest

from lab.page import PATIENT

pytestmark = [pytest.mark.lab, pytest.mark.slow]

DEFINED = (
    PATIENT
    + """
%load_ext netflux_nb
import threading
from netflux_nb import function, runs
from netflux_nb.func_lib import bash

@function(needs_approval=True)
def pay(euros: int) -> str:
    return f"paid {euros}"

@function
def deaf(ctx) -> int:
    ctx.cancel_event.wait()
    print("asked to stop", flush=True)
    threading.Event().wait(100)
    return 1

@function(uses=[bash])
def naps() -> str:
    return bash(command="sleep 321", timeout_sec=300)
"""
)


@pytest.fixture
def book(lab):
    def opened(*cells, name):
        it = lab([DEFINED, *cells], name=name)
        it.run(0)
        assert not it.failures()
        return it

    return opened


def test_a_click_answers_a_cell_that_awaits(book):
    it = book("run = pay.start(3)\nawait run", name="awaits.ipynb")
    it.run(1, wait=False)
    it.page.click(".nfv button:has-text('Approve')")
    it.until_ended(1)
    assert "paid 3" in it.text(1)
    assert it.ask("print(runs.last.state.name)") == "Success\n"


def test_a_cell_that_blocks_is_answered_by_what_is_typed(book):
    it = book("pay(4)", name="blocks.ipynb")
    it.run(1, wait=False)
    it.page.wait_for_selector(".jp-Stdin-input")
    it.page.fill(".jp-Stdin-input", "y")
    it.page.press(".jp-Stdin-input", "Enter")
    it.until_ended(1)
    assert "paid 4" in it.text(1)


def test_a_run_in_the_background_is_answered_by_a_magic(book):
    it = book("run = pay.start(5)", "%nf approve", "run.result()", name="magic.ipynb")
    it.run(1)
    it.run(2)
    it.run(3)
    assert "paid 5" in it.text(3)


def test_the_stop_button_names_what_it_stopped(book):
    it = book("deaf()", name="stops.ipynb")
    it.run(1, wait=False)
    it.page.wait_for_selector(".nfv-row:has-text('deaf')")
    it.interrupt()
    it.until_text(1, "asked to stop")
    it.interrupt()
    it.until_ended(1)
    assert it.failures()[0][1] == "Interrupted"
    assert it.ask("print(6 * 7)") == "42\n"


def test_a_restart_leaves_no_process_and_no_comm(book):
    it = book("run = naps.start()", name="restarts.ipynb")
    it.run(1)
    it.ask(
        "import subprocess\nwhile not subprocess.run(['pgrep', '-f', 'sleep 321'], "
        "capture_output=True).stdout: threading.Event().wait(0.02)"
    )
    it.restart()
    gone = it.ask(
        "import subprocess, threading\nfor _ in range(1_000):\n"
        "    left = subprocess.run(['pgrep', '-f', 'sleep 321'], capture_output=True).stdout\n"
        "    if not left: break\n    threading.Event().wait(0.02)\nprint(left)"
    )
    assert gone == "b''\n"
    comms = (
        "from comm import get_comm_manager as m; print(len(m().comms), threading.active_count())"
    )
    assert int(it.ask(f"import threading; {comms}").split()[0]) == 0
