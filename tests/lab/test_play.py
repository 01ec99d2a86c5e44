"""A run that is over is played again in a cell: it stays, whatever becomes of its kernel."""

import pytest

pytestmark = pytest.mark.lab

BEGIN = """
%load_ext netflux_nb
from netflux_nb import function

@function
def leaf(x: int) -> int:
    if x == 3:
        raise ValueError("no three")
    return x

@function(uses=[leaf])
def study(n: int) -> int:
    for x in range(n):
        try:
            leaf(x=x)
        except ValueError:
            pass
    return n

run = study.start(n=6).wait()
"""


STATIC = "This page was loaded again: run the cell to open or play it."


def check_played(lab, front):
    """Play a run to its end, load the page again, and play it once more."""
    it = lab([BEGIN, "run.play()"], name=f"{front}.ipynb", front=front)
    it.run(0)
    it.run(1)
    view = it.cell(1).locator(".nfv")
    view.get_by_role("button", name="Pause").click()
    view.get_by_role("slider").press("Home")
    view.get_by_role("button", name="Step").click()
    view.locator(".nfv-title", has_text="◐").wait_for()
    view.get_by_label("Speed").select_option("as fast as it shows")
    view.get_by_role("button", name="Play").click()
    view.locator(".nfv-title", has_text="●").wait_for()
    assert view.locator(".nfv-row", has_text="no three").count() == 1
    it.save()

    it.reload()
    it.cell(1).get_by_text(STATIC).wait_for()
    assert it.cell(1).get_by_text("no three").first.is_visible()
    assert it.cell(1).locator(".nfv").count() == 0

    it.run(1)
    it.cell(1).locator(".nfv").get_by_role("button", name="Step").wait_for()


@pytest.mark.slow
@pytest.mark.parametrize("front", ["lab", "notebook"])
def test_p1_p17_a_played_run_that_is_loaded_again_is_static_and_says_so(lab, front):
    check_played(lab, front)


def test_p1_p17_a_run_that_was_over_at_once_is_watched_again(lab):
    it = lab([BEGIN, "run.play()"])
    it.run(0)
    it.run(1)
    view = it.cell(1).locator(".nfv")
    view.get_by_role("button", name="Pause").click()

    # The panel takes live views away that are of runs that ended: not this one.
    it.page.wait_for_timeout(2_500)
    assert view.count() == 1
    view.get_by_role("slider").press("Home")
    for _ in range(3):
        view.get_by_role("button", name="Step").click()
    assert "Running" in view.locator(".nfv-sum").inner_text()
    # What stands behind a row is there too, as far as it was known then.
    view.locator(".nfv-row", has_text="study").click()
    view.get_by_role("tab", name="Inputs").click()
    view.locator(".nfv-part-text", has_text="6").wait_for()
    view.get_by_role("tab", name="Result").click()
    view.get_by_text("There is no result yet.").wait_for()

    view.get_by_label("Speed").select_option("as fast as it shows")
    view.get_by_role("button", name="Play").click()
    view.locator(".nfv-title", has_text="●").wait_for()
    assert "7 Nodes" in view.locator(".nfv-sum").inner_text()
    assert view.locator(".nfv-row", has_text="no three").count() == 1
    it.save()
    static = next(o["data"]["text/html"] for o in it.outputs(1) if "data" in o)
    assert "no three" in static
