"""The run view in a real JupyterLab, as a person with a mouse, a keyboard, or neither meets it."""

import json

import pytest

from lab.labs import CHROMIUM, ROOT, Page, chromium, lab

pytestmark = [
    pytest.mark.lab,
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium"),
]

BEGIN = """
import threading
from netflux_nb import Runtime, agent, function, runs
from netflux_nb.governance.approvals import Approvals
from netflux_nb.notebook import live
from netflux_nb.session import use

gates = {}

def gate(name):
    return gates.setdefault(name, threading.Event())

@function
def leaf(x: int) -> int:
    if x == 3:
        raise ValueError("three <b>is</b> no good\\u202e")
    if x > 4:
        gate("leaf").wait(120)
    return x * 2

@function(needs_approval=True)
def publish(title: str) -> str:
    return "published " + title

@function(uses=[leaf, publish])
def study(n: int) -> int:
    nodes = [leaf.start(x=i) for i in range(n)]
    last = publish.start(title="<img src=x onerror=alert(1)>")
    total = 0
    for one in [*nodes, last]:
        try:
            total += len(str(one.result()))
        except ValueError:
            pass
    return total

@function
def grain(x: int) -> int:
    return x

@function(uses=[grain])
def sand(n: int) -> int:
    grains = [grain.start(x=i) for i in range(n)]
    gate("sand").wait(120)
    return len(grains)

use(Runtime(policies=[Approvals()], is_open=True))

def watched(fn, **args):
    run = fn.start(**args)
    live.show(run, waits=False)
    return run
"""
STUDY = "run = watched(study, n=8)"
AXE = ROOT / "extensions" / "node_modules" / "axe-core" / "axe.min.js"
SERIOUS = """async () => {
  const found = await axe.run('.nfv', {resultTypes: ['violations']});
  return found.violations.filter(v => ['serious', 'critical'].includes(v.impact))
    .map(v => v.id + ': ' + v.nodes.map(n => n.html.slice(0, 160) + ' ' + n.failureSummary).join(' | '));
}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with lab(tmp_path_factory.mktemp("lab")) as it:
        yield it


@pytest.fixture(scope="module")
def browser():
    with chromium() as it:
        yield it


@pytest.fixture
def opened(server, browser, request):
    """Give a function that opens a notebook; at the end no page may have complained."""
    pages = []

    def give(*cells, name=f"{request.node.name[:40]}.ipynb", write=True, **options):
        if write:
            server.write(name, BEGIN, *cells)
        it = Page(browser, server, name, **options).open(fresh=write)
        pages.append(it)
        return it

    yield give
    for it in pages:
        it.close()
    assert [e for it in pages for e in it.errors] == []


def begun(it, cell=1):
    it.run(0)
    it.run(cell)
    it.page.wait_for_selector(".nfv-row:visible")


def rows(it):
    return it.page.eval_on_selector_all(
        ".nfv-row", "all => all.filter(r => !r.hidden).map(r => r.getAttribute('aria-label'))"
    )


def settled(it, cell=1):
    it.page.wait_for_function(
        """i => window.jupyterapp.shell.currentWidget.content.widgets[i].model.outputs.toJSON()
             .every(o => !o.data || !o.data['application/vnd.jupyter.widget-view+json'])""",
        arg=cell,
    )


def test_a_run_is_watched_searched_answered_and_ends_as_static_html(opened, server):
    it = opened(STUDY)
    begun(it)
    page = it.page
    page.wait_for_selector(".nfv-ask >> text=publish() needs a person's approval")
    assert page.locator(".nfv-row:visible").count() == 10
    assert any(r.startswith("leaf, failed") for r in rows(it))

    # Nothing that was written by others is anything but text.
    assert page.locator(".nfv b, .nfv img").count() == 0
    page.click(".nfv-row:has-text('three')")
    page.wait_for_selector(".nfv-panel:has-text('⟨U+202E⟩')")
    assert page.get_attribute(".nfv-tab[aria-selected=true]", "role") == "tab"

    page.fill(".nfv-search", "publish")
    page.wait_for_function("document.querySelector('.nfv-found').textContent.startsWith('1 of 10')")
    assert page.locator(".nfv-row:visible").count() == 2
    page.press(".nfv-search", "Escape")
    page.click(".nfv-filter:has-text('failed')")
    page.wait_for_function("document.querySelector('.nfv-found').textContent.startsWith('1 of 10')")
    page.click(".nfv-filter:has-text('failed')")

    page.click(".nfv-fold >> nth=0")
    page.wait_for_function(
        "document.querySelector('.nfv-tree').getAttribute('aria-rowcount') === '2'"
    )
    page.click(".nfv-fold >> nth=0")

    page.click("text=Approve")
    page.wait_for_selector(".nfv-note:has-text('publish() was approved.')")
    page.wait_for_selector(".nfv-asks", state="hidden")
    it.ask("gate('leaf').set()")
    settled(it)
    page.wait_for_selector(".nfv", state="detached")
    (output,) = it.outputs(1)
    assert "<script" not in output["data"]["text/html"]
    it.save()
    page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
    (cell,) = server.read(it.name).cells[1].outputs
    assert set(cell.data) == {"text/html", "text/plain"}
    assert cell.metadata["netflux_nb"]["run"]

    it.ask("import os; live.close_all()")
    again = opened(name=it.name, write=False)
    assert "study" in again.page.inner_text(".jp-OutputArea >> nth=-1")


def test_all_of_it_can_be_done_with_the_keyboard(opened):
    it = opened(STUDY)
    begun(it)
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

    page.focus("text=Reject")
    page.keyboard.press("Enter")
    page.keyboard.type("not today")
    page.keyboard.press("Enter")
    page.wait_for_selector(".nfv-row:has-text('not today')")
    page.focus("text=Cancel all")
    page.keyboard.press("Enter")
    page.wait_for_selector(".nfv-note:has-text('study() was asked to stop.')")
    it.ask("gate('leaf').set()")
    settled(it)
    assert "Cancel" in it.ask("run.wait(); print([c.state for c in run.view().children])")


def test_a_page_that_is_loaded_again_and_a_second_one_are_right(opened):
    it = opened(STUDY)
    begun(it)
    it.save()
    it.page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
    it.reload()
    it.page.wait_for_selector(".nfv-row:visible", timeout=40_000)
    it.page.wait_for_selector(".nfv-ask >> text=Approve")
    assert len(rows(it)) == 10

    other = opened(name=it.name, write=False)
    other.page.wait_for_selector(".nfv-row:visible", timeout=40_000)
    it.page.click("text=Approve")
    other.page.wait_for_selector(".nfv-row:has-text('→ published')")
    it.ask("gate('leaf').set()")
    for each in (it, other):
        each.page.wait_for_selector(".nfv-title:has-text('●')")
        assert all("running" not in r for r in rows(each))


def test_ten_thousand_nodes_in_dark_and_narrow_pages_are_usable(opened):
    it = opened("run = watched(sand, n=10_000)")
    begun(it)
    page = it.page
    page.wait_for_function("document.querySelector('.nfv-filters').textContent.includes('10,000')")
    assert page.get_attribute(".nfv-tree", "aria-rowcount") == "10002"
    page.focus(".nfv-tree")
    page.keyboard.press("End")
    page.wait_for_selector(".nfv-row:has-text('x=9999')")
    assert page.locator(".nfv-row").count() < 40
    page.add_script_tag(path=str(AXE))
    it.theme("JupyterLab Dark")
    page.wait_for_function("document.body.dataset.jpThemeLight === 'false'")
    page.evaluate("() => { window.jupyterapp.shell.collapseLeft(); }")
    page.set_viewport_size({"width": 480, "height": 900})
    page.wait_for_function("document.querySelector('.nfv').clientWidth > 200")
    assert page.evaluate(
        "(() => { const v = document.querySelector('.nfv'); return v.scrollWidth <= v.clientWidth; })()"
    )
    page.set_viewport_size({"width": 1200, "height": 900})
    it.theme("JupyterLab Light")
    page.click("text=Cancel all")
    it.ask("gate('sand').set()")
    settled(it)


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: run npm ci in extensions/")
def test_no_serious_hindrance_is_found_in_light_and_in_dark(opened):
    it = opened(STUDY)
    begun(it)
    it.page.add_script_tag(path=str(AXE))
    it.page.click(".nfv-row:has-text('three')")
    it.page.wait_for_selector(".nfv-part")
    for theme, is_light in (("JupyterLab Light", "true"), ("JupyterLab Dark", "false")):
        it.theme(theme)
        it.page.wait_for_function(f"document.body.dataset.jpThemeLight === '{is_light}'")
        assert it.page.evaluate(SERIOUS) == []
    it.theme("JupyterLab Light")
    it.ask("run.cancel(); gate('leaf').set()")


def test_while_a_cell_blocks_the_view_goes_on_and_is_static_at_its_end(opened):
    blocking = """
import time
run = study.start(n=8)
live.show(run, waits=True)
threading.Timer(2, lambda: (run.approve(), gate('leaf').set())).start()
run.result()
"""
    it = opened(blocking)
    it.run(0)
    it.run(1, wait=False)
    it.page.wait_for_selector(".nfv-row:has-text('publish')")
    settled(it)
    texts = [o["data"]["text/plain"] for o in it.outputs(1) if "data" in o]
    assert any("study" in t for t in texts)


def test_a_component_that_comes_late_shows_all_that_was_told_before(opened):
    late = """
from netflux_nb.notebook import widgets
hub = widgets.hub()
text, hub._module = hub._module, ''
run = watched(study, n=8)
threading.Timer(1.5, lambda: setattr(hub, '_module', text)).start()
"""
    it = opened(late)
    begun(it)
    assert len(rows(it)) == 10
    it.ask("run.cancel(); gate('leaf').set()")
    settled(it)


def test_a_view_that_finds_no_hub_is_given_the_component_by_its_own_kernel(opened):
    alone = """
from netflux_nb.notebook import widgets
from netflux_nb.notebook.config import settings
settings().display = 'widget'
widgets.hub()._module = ''
run = watched(study, n=8)
"""
    it = opened(alone)
    begun(it)
    it.page.wait_for_selector(".nfv-row:has-text('publish')")
    it.ask("run.cancel(); gate('leaf').set()")
    settled(it)
