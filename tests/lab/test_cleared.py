"""An output that is cleared takes nothing with it, in a real JupyterLab."""

import pytest

from lab.page import PATIENT

pytestmark = [pytest.mark.lab, pytest.mark.slow]

BEGIN = (
    PATIENT
    + """
%load_ext netflux_nb
import threading
from netflux_nb import function
gate = threading.Event()

@function
def waits() -> str:
    gate.wait(60)
    return "came to its end"
"""
)


def test_clearing_an_output_cancels_nothing(lab):
    it = lab([BEGIN, "run = waits.start()", "run", "gate.set(); run.result()"])
    it.run(0)
    it.run(1)
    it.page.wait_for_selector(".nfv-row:has-text('waits')")

    it.command("notebook:clear-all-cell-outputs")
    it.page.wait_for_selector(".nfv", state="detached")

    assert it.ask("print(run.state.name)") == "Running\n"
    it.run(2)
    it.page.wait_for_selector(".nfv-row:has-text('waits')")
    it.run(3)
    assert "came to its end" in it.text(3)
    assert it.ask("print(run.state.name)") == "Success\n"
