"""The list of runs in a real JupyterLab: sorted, filtered, selected, acted on; cards told apart."""

import pytest

from lab.jupyter import ROOT
from lab.page import PANEL
from lab.panels import SETUP, act, questions, rows, show, until_recorded, until_row

pytestmark = pytest.mark.lab

SOME = """
@function
def fails(text: str) -> int:
    "Fail."
    raise ValueError("no room for " + text)

@function(uses=[fails])
def handle_all(topic: str, limit: int) -> int:
    "Try each."
    for _ in range(limit):
        try:
            fails(text=topic)
        except ValueError:
            pass
    return limit

for topic, limit in (("bread", 1), ("water", 3), ("yeast", 2)):
    handle_all(topic=topic, limit=limit)
title(text="tides")
"""
WIDTH = """width => {
  const split = window.jupyterapp.shell._hsplitPanel;
  split.setRelativeSizes([width, split.node.clientWidth - width, 0]);
}"""
# What would be scrolled sideways.
ASIDE = """() => [...document.querySelectorAll('#netflux-runs, #netflux-runs *')]
  .filter(one => one.scrollWidth > one.clientWidth + 1
    && ['auto', 'scroll'].includes(getComputedStyle(one).overflowX))
  .map(one => one.className)"""
# What is cut without a sign that more is there, stands out, or is squeezed in height.
SQUEEZED = """() => {
  const whole = document.querySelector('#netflux-runs');
  const {left, right} = whole.getBoundingClientRect();
  const seen = [...whole.querySelectorAll('*')].filter((one) => one.checkVisibility());
  const bad = seen.filter((one) => {
    const box = one.getBoundingClientRect();
    // A row's first cell cuts what is in it, and says so.
    if (box.width <= 1 || one.matches('.nfx-what *')) return false;
    const style = getComputedStyle(one);
    const hides = style.overflowX === 'hidden' && style.textOverflow !== 'ellipsis';
    return box.right > right + 1 || box.left < left - 1
      || (hides && one.scrollWidth > one.clientWidth + 1);
  });
  const pending = whole.querySelector('.nfx-pending');
  if (pending.scrollHeight > pending.clientHeight + 1) bad.push(pending);
  if (whole.querySelector('.nfx-list').clientHeight < 138) bad.push(whole);
  return bad.map((one) => `${one.className} ${one.textContent.slice(0, 40)}`);
}"""
NAMES = """() => [...document.querySelectorAll('#netflux-runs .nfx-run')]
  .sort((a, b) => a.offsetTop - b.offsetTop).map(one => one.textContent)"""
AXE = ROOT / "extensions" / "node_modules" / "axe-core" / "axe.min.js"
FOUND = """async selector => (await axe.run(selector, {resultTypes: ['violations']})).violations
  .map(v => v.id + ': ' + v.nodes.map(n => n.html.slice(0, 160) + n.failureSummary).join(' | '))"""


def until_first(book, text):
    """Wait until the first row says something."""
    says = f"text => (({NAMES})()[0] ?? '').includes(text)"
    book.until(says, text)


def test_q38_q41_runs_are_sorted_filtered_selected_and_acted_on(lab):
    book = lab([SETUP, SOME], name="list.ipynb")
    show(book)
    book.run(0)
    book.run(1)
    until_recorded(book, "handle_all")
    rows(book, "3 failed").wait_for()
    for topic in ("bread", "water", "yeast"):
        assert rows(book, f"topic='{topic}'").count() == 1, "arguments tell them apart"

    # Sorted by a header, with the mouse and by a key.
    book.page.evaluate(WIDTH, 900)
    head = book.page.get_by_role("columnheader", name="Run")
    head.get_by_role("button").click()
    until_first(book, "bread")
    assert head.get_attribute("aria-sort") == "ascending"
    head.get_by_role("button").press("Enter")
    until_first(book, "title")
    assert head.get_attribute("aria-sort") == "descending"

    # Searched for in the record: an error of a Node below is none of the run's; an argument is.
    search = book.page.get_by_role("searchbox", name="Search runs")
    search.fill("yeast")
    book.page.locator(".nfx-count", has_text="1 of 4 runs").wait_for()
    search.fill("")
    book.page.locator(".nfx-count", has_text="4 runs").wait_for()
    book.page.get_by_role("button", name="Filters, order and columns").click()
    book.page.get_by_role("combobox", name="Function").select_option("handle_all")
    book.page.locator(".nfx-count", has_text="3 of 4 runs").wait_for()

    # Selected by keys, and tagged at once; a name is written where the row is.
    keys = book.page.keyboard
    book.page.get_by_role("grid", name="Runs").focus()
    keys.press("Home")
    keys.press("Shift+ArrowDown")
    book.page.locator(".nfx-count", has_text="2 selected").wait_for()
    keys.press("t")
    book.page.locator(".jp-Dialog input").fill("baseline")
    keys.press("Enter")
    rows(book, "#baseline").nth(1).wait_for()
    keys.press("End")
    keys.press("F2")
    keys.type("My bread")
    keys.press("Enter")
    rows(book, "My bread").wait_for()
    named = "print([r.labels.title or ' '.join(r.labels.tags) for r in netflux_nb.runs[:4]])"
    assert book.ask(named).strip() == "['', 'baseline', 'baseline', 'My bread']"

    # Deleted once a dialog was answered, which says how many.
    book.page.get_by_role("combobox", name="Tag").select_option("baseline")
    book.page.locator(".nfx-count", has_text="2 of 4 runs").wait_for()
    book.page.get_by_role("grid", name="Runs").focus()
    keys.press("Control+a")
    keys.press("Delete")
    book.page.locator(".jp-Dialog", has_text="Delete 2 runs?").wait_for()
    keys.press("Escape")
    assert book.ask("print(len(netflux_nb.runs))") == "4\n"
    act(book, "Delete")
    book.page.locator(".jp-Dialog").get_by_role("button", name="Delete 2 runs").click()
    book.page.get_by_text("No run is like that").wait_for()
    assert book.ask("print(len(netflux_nb.runs))") == "2\n"


TWO = """
count = globals().get("count", 0) + 1
one = publish.start(text="same")
two = publish.start(text="same")
"""


def test_q39_two_equal_cards_are_told_apart_and_a_key_approves_one_and_runs_no_cell(lab):
    book = lab([SETUP, TWO], name="equal.ipynb")
    show(book)
    book.run(0)
    book.run(1)
    questions(book).nth(1).wait_for()
    until_recorded(book, "publish")
    said = [questions(book).nth(n).locator(".nfx-where").inner_text() for n in (0, 1)]
    assert said[0] != said[1]
    assert all("run " in one and "equal.ipynb" in one for one in said)
    aloud = book.page.locator(".nfx-aloud").inner_text()
    assert "publish(text='same')" in aloud

    keys = book.page.keyboard
    keys.press("Control+Alt+p")
    book.until("() => document.activeElement.closest('.nfx-question') !== null")
    assert "approves" in questions(book).nth(0).locator(".nfx-card-keys").inner_text()
    keys.press("Control+Shift+Enter")
    questions(book).nth(1).wait_for(state="detached")

    assert (
        book.ask("print(one.wait(20).result(), two.is_done, count)") == "published same False 1\n"
    )
    assert book.page.evaluate(f"() => {PANEL}.content.widgets.length") == 2
    questions(book).locator(".nfx-before", has_text="approved once; last by").wait_for()

    # All of a kind: each by its own id, and none that came after they were listed.
    book.ask("three = publish.start(text='three')")
    questions(book, "three").wait_for()
    questions(book).get_by_role("button", name="Approve all 2 of publish()").click()
    book.page.locator(".jp-Dialog li", has_text="three").wait_for()
    book.ask("late = publish.start(text='late')")
    questions(book, "late").wait_for()
    book.page.locator(".jp-Dialog").get_by_role("button", name="Approve 2").click()
    questions(book).nth(1).wait_for(state="detached")
    told = "print(two.wait(20).result(), three.wait(20).result(), late.is_done)"
    assert book.ask(told) == "published same published three False\n"

    # The tree says who it was, where it stays and where it is live.
    assert "approved by" in book.ask("print(three.tree())")
    rows(book, "three").dblclick()
    book.page.locator(".nfx-runtab .nfv-row", has_text="approved by").wait_for()


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: run npm ci in extensions/")
def test_q41_the_panel_is_walked_by_keys_and_has_no_findings_at_any_width(lab):
    book = lab([SETUP, SOME, "waits = publish.start(text='a')"], name="walk.ipynb")
    show(book)
    for place in range(3):
        book.run(place)
    until_row(book, "publish")
    book.page.get_by_role("button", name="Filters, order and columns").click()
    book.page.add_script_tag(content=AXE.read_text(encoding="utf-8"))
    try:
        for is_dark in (False, True):
            book.dark(is_dark)
            for width in (320, 600, 900):
                book.page.evaluate(WIDTH, width)
                rows(book).first.click()
                assert book.page.evaluate(ASIDE) == [], (width, is_dark)
                assert book.ask_page(FOUND, "#netflux-runs") == [], (width, is_dark)
    finally:
        book.dark(False)
    keys = book.page.keyboard
    book.page.get_by_role("searchbox", name="Search runs").focus()
    keys.press("ArrowDown")
    keys.press("?")
    sheet = book.page.locator(".jp-Dialog", has_text="Keys of the Runs Panel")
    sheet.get_by_text("Compare Two Runs").wait_for()
    keys.press("Escape")
    book.command("netflux:show-charts")
    charts = book.page.locator(".nfx-usage", has_text="by day")
    charts.get_by_role("combobox", name="What is drawn").select_option("errors")
    charts.get_by_role("combobox", name="How it is laid out").select_option("fn")
    charts.get_by_text("ValueError").first.wait_for()
    assert book.ask_page(FOUND, ".nfx-usage") == []


def test_q40_q41_at_200_percent_all_of_the_panel_is_reached_and_nothing_is_cut(lab):
    book = lab([SETUP, SOME, "waits = publish.start(text='a')"], name="zoom.ipynb")
    show(book)
    # A window of 1400 pixels at 200 %, and a narrow left area.
    book.size(700, 450)
    for place in range(3):
        book.run(place)
    until_row(book, "publish")
    filters = book.page.get_by_role("button", name="Filters, order and columns")
    for width in (200, 260, 340):
        book.page.evaluate(WIDTH, width)
        for _ in range(2):
            filters.click()
            assert book.page.evaluate(ASIDE) == [], width
            assert book.page.evaluate(SQUEEZED) == [], width
    rows(book).first.click()
    book.page.locator(".nfx-actions").get_by_role(
        "button", name="Export"
    ).scroll_into_view_if_needed()
    questions(book).get_by_role("button", name="Approve").first.click()
    questions(book).first.wait_for(state="detached")
