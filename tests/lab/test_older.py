"""The panel and a cell's view in the oldest JupyterLab and Notebook that they are for.

`NETFLUX_JUPYTERS` names the Pythons that have one, as `make test` does.
"""

import os

import pytest

from lab.jupyter import serving
from lab.panels import path_of
from lab.test_panel import SETUP
from lab.test_play import check_played

PYTHONS = [name for name in os.environ.get("NETFLUX_JUPYTERS", "").split(os.pathsep) if name]

pytestmark = [
    pytest.mark.lab,
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHONS, reason="NETFLUX_JUPYTERS names no older Jupyter."),
]
SETTLED = (
    "() => !JSON.stringify(window.jupyterapp.shell.currentWidget.content.widgets[1]"
    ".model.outputs.toJSON()).includes('widget-view')"
)


def is_live(saved):
    return "widget-view" in str(saved.cells[1].outputs)


@pytest.fixture(scope="module", params=PYTHONS)
def jupyter(request, tmp_path_factory):
    """An older JupyterLab, with the panel and the package of this checkout."""
    with serving(tmp_path_factory.mktemp("served"), python=request.param) as server:
        yield server


@pytest.mark.parametrize("front", ["lab", "notebook"])
def test_a_run_is_seen_approved_and_settled_in_the_oldest_jupyter(lab, front):
    book = lab([SETUP, "run = study.start(text='alpha')"], name=f"{front}.ipynb", front=front)
    book.run(0)
    book.run(1)
    book.cell(1).locator(".nfv-row", has_text="publish").first.wait_for()
    book.command("netflux:show-panel")
    listed = book.page.locator("#netflux-runs")
    listed.locator(".nfx-run", has_text="study").first.wait_for()

    listed.locator(".nfx-question").get_by_role("button", name="Approve").click()
    book.cell(1).locator(".nfv-row", has_text="slow").first.wait_for()
    assert is_live(book.save())
    book.reload()

    # JupyterLab remembers the panel, Notebook does not.
    book.command("netflux:show-panel")
    listed.locator(".nfx-run", has_text="study").first.wait_for()
    book.cell(1).locator(".nfv-row", has_text="slow").first.wait_for()
    listed.locator(".nfx-run", has_text="study").first.dblclick()
    tab = book.page.locator(".nfx-runtab")
    tab.locator(".nfv-row", has_text="slow").first.wait_for()
    assert tab.bounding_box()["height"] > 200
    if front == "lab":
        book.bring(path_of(book))

    book.ask("gate.set()")
    book.until(SETTLED)
    book.cell(1).get_by_text("slow").first.wait_for()
    assert not is_live(book.save())


@pytest.mark.parametrize("front", ["lab", "notebook"])
def test_p1_a_run_is_played_in_the_oldest_jupyter(lab, front):
    check_played(lab, front)
