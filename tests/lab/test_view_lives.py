"""The run view over its life: while a cell blocks, across pages, late, and at its end."""

import pytest

from lab.watching import BEGIN, STUDY, asked, begun, rows, settled

pytestmark = pytest.mark.lab


def test_a_page_that_is_loaded_again_and_a_second_one_are_right(lab):
    it = lab([BEGIN, STUDY])
    begun(it)
    it.save()
    it.reload()
    it.page.wait_for_selector(".nfv-row:visible")
    asked(it)
    assert len(rows(it)) == 10

    other = lab(it.path)
    other.page.wait_for_selector(".nfv-row:visible")
    it.page.click(".nfv >> text=Approve")
    other.page.wait_for_selector(".nfv-row:has-text('→ published')")
    it.ask("gate('leaf').set()")
    for each in (it, other):
        # The panel puts the static tree in its place 1.5 s after the end: on a busy machine the
        # live one may be gone before anybody looks.
        ended = ".nfv-title:has-text('●'), .nf1 > p:has-text('● study')"
        said = each.page.wait_for_selector(f".jp-OutputArea :is({ended})").inner_text()
        assert "study" in said
        assert all("Running" not in r for r in rows(each))
        settled(each)
        tree = each.cell(1).locator(".nf1")
        tree.get_by_text("published").first.wait_for()
        assert "Success · 10 Nodes" in tree.inner_text().replace("\u00a0", " ")


def test_while_a_cell_blocks_the_view_goes_on_and_is_static_at_its_end(lab):
    blocking = """
import pathlib
run = study.start(n=8)
def answers():
    while not (pathlib.Path('go').exists() and run.pending()):
        threading.Event().wait(0.05)
    run.approve()
    gate('leaf').set()
threading.Thread(target=answers, daemon=True).start()
run.result()
"""
    it = lab([BEGIN, blocking])
    it.run(0)
    it.run(1, wait=False)
    it.page.wait_for_selector(".nfv-row:has-text('publish')")
    (it.path.parent / "go").touch()
    settled(it)
    texts = [o["data"]["text/plain"] for o in it.outputs(1) if "data" in o]
    assert any("study" in t for t in texts)


def test_a_component_that_comes_late_knows_all_and_mends_what_it_missed(lab):
    late = """
from netflux_nb.jupyter.live import widgets
hub = widgets.hub()
text, hub._module = hub._module, ''
run = study.start(n=8)
threading.Timer(1.5, lambda: setattr(hub, '_module', text)).start()
"""
    it = lab([BEGIN, late])
    begun(it)
    asked(it)
    assert len(rows(it)) == 10
    # A message is lost: the next one does not follow, and all of it is asked for again.
    it.ask(
        "from netflux_nb.jupyter.live import board\nfor one in board._board.background: one.view._feed.seq += 1"
    )
    it.page.click(".nfv >> text=Approve")
    it.page.wait_for_selector(".nfv-row:has-text('→ published')")
    it.ask("run.cancel(); gate('leaf').set()")
    settled(it)


def test_a_view_that_finds_no_hub_is_given_the_component_by_its_own_kernel(lab):
    alone = """
from netflux_nb.jupyter.live import widgets
from netflux_nb.jupyter.config import settings
settings().display = 'widget'
widgets.hub()._module = ''
run = study.start(n=8)
"""
    it = lab([BEGIN, alone])
    begun(it)
    it.page.wait_for_selector(".nfv-row:has-text('publish')")
    it.ask("run.cancel(); gate('leaf').set()")
    settled(it)
