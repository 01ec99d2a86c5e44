"""The run view in a real JupyterLab, as a person with a mouse, a keyboard, or neither meets it."""

import json

import pytest

from lab.jupyter import ROOT
from lab.watching import BEGIN, STUDY, asked, begun, settled

pytestmark = pytest.mark.lab

AXE = ROOT / "extensions" / "node_modules" / "axe-core" / "axe.min.js"
SERIOUS = """async () => {
  const found = await axe.run('.nfv', {resultTypes: ['violations']});
  return found.violations.filter(v => ['serious', 'critical'].includes(v.impact))
    .map(v => v.id + ': ' + v.nodes.map(n => n.html.slice(0, 160) + ' ' + n.failureSummary).join(' | '));
}"""


def test_nu38_nu40_nw38_nw40_a_run_is_watched_searched_answered_and_ends_as_static_html(lab):
    it = lab([BEGIN, STUDY])
    begun(it)
    page = it.page
    page.wait_for_selector(".nfv-ask >> text=needs a person's approval")
    assert page.locator(".nfv-row:visible").count() == 10
    page.wait_for_selector(".nfv-row[aria-label^='leaf, Error']")

    # Nothing that was written by others is anything but text.
    assert page.locator(".nfv b, .nfv img").count() == 0
    page.click(".nfv-row:has-text('three')")
    page.wait_for_selector(".nfv-panel:has-text('⟨U+202E⟩')")
    assert page.get_attribute(".nfv-tab[aria-selected=true]", "role") == "tab"

    page.fill(".nfv-search", "publish")
    page.wait_for_function("document.querySelector('.nfv-found').textContent.startsWith('1 of 10')")
    assert page.locator(".nfv-row:visible").count() == 2
    page.press(".nfv-search", "Escape")
    page.click(".nfv-filter:has-text('Error')")
    page.wait_for_function("document.querySelector('.nfv-found').textContent.startsWith('1 of 10')")
    page.click(".nfv-filter:has-text('Error')")

    page.click(".nfv-fold >> nth=0")
    page.wait_for_function(
        "document.querySelector('.nfv-tree').getAttribute('aria-rowcount') === '2'"
    )
    page.click(".nfv-fold >> nth=0")

    page.click(".nfv >> text=Approve")
    page.wait_for_selector(".nfv-note:has-text('publish() was approved.')")
    page.wait_for_selector(".nfv-asks", state="hidden")
    it.ask("gate('leaf').set()")
    settled(it)
    page.wait_for_selector(".nfv", state="detached")
    (output,) = it.outputs(1)
    assert "<script" not in output["data"]["text/html"]
    (cell,) = it.save().cells[1].outputs
    assert set(cell.data) == {"text/html", "text/plain"}
    assert cell.metadata["netflux_nb"]["run"]

    it.shut_down()
    it.reload(kernel=False)
    it.until_text(1, "study")


def test_nu39_all_of_it_can_be_done_with_the_keyboard(lab):
    it = lab([BEGIN, STUDY])
    begun(it)
    asked(it)
    page = it.page
    page.focus(".nfv-tree")
    active = "document.getElementById(document.querySelector('.nfv-tree').getAttribute('aria-activedescendant'))?.getAttribute('aria-label') ?? ''"

    def at(words):
        page.wait_for_function(f"({active}).includes({json.dumps(words)})")

    at("study")
    page.keyboard.press("ArrowDown")
    at("leaf")
    page.keyboard.press("End")
    at("publish")
    page.keyboard.press("Home")
    page.keyboard.press("p")
    at("publish, asks you")
    page.keyboard.press("ArrowLeft")
    at("study")
    page.keyboard.press("ArrowLeft")
    page.wait_for_function(
        "document.querySelector('.nfv-tree').getAttribute('aria-rowcount') === '2'"
    )
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "document.querySelector('.nfv-tree').getAttribute('aria-rowcount') === '11'"
    )
    page.keyboard.press("Enter")
    page.wait_for_selector(".nfv-details:visible")
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.getAttribute('role') === 'tab'")
    page.keyboard.press("ArrowRight")
    page.focus(".nfv-tree")
    page.keyboard.press("/")
    page.wait_for_function("document.activeElement.classList.contains('nfv-search')")
    page.keyboard.type("failed nothing")
    page.wait_for_function("document.querySelector('.nfv-found').textContent.startsWith('0 of 10')")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.wait_for_function("document.activeElement.classList.contains('nfv-tree')")

    page.focus(".nfv >> text=Reject")
    page.keyboard.press("Enter")
    page.keyboard.type("not today")
    page.keyboard.press("Enter")
    page.wait_for_selector(".nfv-row:has-text('not today')")
    page.focus(".nfv >> text=Cancel all")
    page.keyboard.press("Enter")
    page.wait_for_selector(".nfv-note:has-text('study() was asked to stop.')")
    it.ask("gate('leaf').set()")
    settled(it)
    assert "in the run view" in it.ask("print(run.view().cancel_reason)")


def test_nw41_ten_thousand_nodes_in_dark_and_narrow_pages_are_usable(lab):
    it = lab([BEGIN, "run = sand.start(n=10_000)"])
    begun(it)
    page = it.page
    page.wait_for_function("document.querySelector('.nfv-filters').textContent.includes('10,000')")
    assert page.get_attribute(".nfv-tree", "aria-rowcount") == "10002"
    page.focus(".nfv-tree")
    page.keyboard.press("End")
    page.wait_for_selector(".nfv-row:has-text('x=9999')")
    assert page.locator(".nfv-row").count() < 40
    it.dark()
    page.evaluate("() => { window.jupyterapp.shell.collapseLeft(); }")
    it.size(480)
    page.wait_for_function("document.querySelector('.nfv').clientWidth > 200")
    assert page.evaluate(
        "(() => { const v = document.querySelector('.nfv'); return v.scrollWidth <= v.clientWidth; })()"
    )
    it.size(1280)
    it.dark(False)
    page.click(".nfv >> text=Cancel all")
    it.ask("gate('sand').set()")
    settled(it)


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: run npm ci in extensions/")
def test_no_serious_hindrance_is_found_in_light_and_in_dark(lab):
    it = lab([BEGIN, STUDY])
    begun(it)
    it.page.add_script_tag(path=str(AXE))
    it.page.click(".nfv-row:has-text('three')")
    it.page.wait_for_selector(".nfv-part")
    for is_dark in (False, True):
        it.dark(is_dark)
        assert it.page.evaluate(SERIOUS) == []
    it.dark(False)
    it.ask("run.cancel(); gate('leaf').set()")
