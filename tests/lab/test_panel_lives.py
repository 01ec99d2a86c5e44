"""The panel when things come and go: notebooks, kernels that die, are shared, slow, or full of lies."""

import pytest

from lab.page import PANEL
from lab.panels import (
    NOTEBOOK,
    SETUP,
    live,
    path_of,
    questions,
    rows,
    show,
    until_row,
)

pytestmark = pytest.mark.lab

SLOW = [SETUP, "run = slow.start(text='alpha')", "words(text='beta')"]


def test_a_saved_live_view_of_a_run_that_goes_on_is_live_again(lab):
    book = lab(SLOW, name="again.ipynb")
    book.run(0)
    book.run(1)
    book.until("() => document.querySelector('.nfv-row') !== null")
    assert live(book.save().cells[1].outputs)
    book.close()

    again = lab(book.path)
    view = again.page.locator(".jp-OutputArea .nfv")
    view.get_by_role("button", name="Cancel all").click()

    again.until("() => document.querySelector('.nfv') === null")
    again.until_text(1, "Canceled")
    assert not live(again.save().cells[1].outputs)


def test_a_run_in_a_tab_outlives_its_kernel(lab):
    book = lab([SETUP, "run = study.start(text='alpha')"], name="tabs.ipynb")
    show(book)
    book.run(0)
    book.run(1)
    until_row(book, "asks you")
    rows(book).first.dblclick()
    tab = book.page.locator(".nfx-runtab")
    tab.get_by_role("button", name="Approve").wait_for()
    path = path_of(book)

    book.ask_page(
        f"""path => {{ {NOTEBOOK}(path).sessionContext.session.kernel
          .requestExecute({{code: 'import os; os._exit(1)'}}); }}""",
        path,
    )

    tab.get_by_text("The kernel of this run is gone").wait_for()
    assert tab.locator(".nfv-row", has_text="publish").is_visible()
    assert tab.get_by_role("button", name="Approve").count() == 0
    assert tab.get_by_role("button", name="Cancel all").count() == 0
    # It comes again by itself, and the record knows what was cut off.
    book.page.locator(".jp-Dialog").get_by_role("button", name="Ok").click()
    book.page.get_by_text("netflux_nb is not loaded in this kernel").wait_for()
    book.bring(path)
    book.until_idle()
    book.run(0)
    until_row(book, "Cut off")
    rows(book).first.dblclick()
    tab.get_by_text("This run was cut off").wait_for()
    assert tab.get_by_role("button", name="Cancel all").count() == 0


RENAME = f"async ([path, name]) => {{ await {NOTEBOOK}(path).context.rename(name); }}"


def test_tabs_follow_a_notebook_that_is_renamed_and_say_when_it_is_closed(lab):
    book = lab([SETUP, "run = study.start(text='alpha')"], name="before.ipynb")
    show(book)
    book.run(0)
    book.run(1)
    until_row(book, "asks you")
    path = path_of(book)
    book.command("netflux:show-usage")
    rows(book).first.dblclick()
    tab = book.page.locator(".nfx-runtab")
    tab.locator(".nfv-row", has_text="publish").wait_for()

    book.ask_page(RENAME, [path, "after.ipynb"])

    book.page.locator(".lm-TabBar-tabLabel", has_text="Usage of after.ipynb").wait_for()
    assert tab.locator(".nfx-notice").is_hidden()
    tab.get_by_role("button", name="Approve").click()
    tab.locator(".nfv-row", has_text="slow").wait_for()
    book.ask_page(f"path => {{ {NOTEBOOK}(path).dispose(); }}", path.replace("before", "after"))
    tab.get_by_text("The notebook of this run is closed").wait_for()
    assert tab.locator(".nfv-row", has_text="slow").is_visible()


OPEN_ON = f"""async ([path, other]) => {{
  const {{id}} = {PANEL}.sessionContext.session.kernel;
  const opened = await window.jupyterapp.commands.execute(
    'docmanager:open', {{path: other, kernel: {{id}}}});
  await opened.sessionContext.ready;
}}"""


def test_two_notebooks_share_a_kernel_and_its_panel(lab):
    book = lab(SLOW, name="one.ipynb")
    show(book)
    book.run(0)
    book.run(2)
    until_row(book, "words")
    first = path_of(book)
    second = book.server.write(["run = slow.start(text='alpha')"], first.replace("one", "two"))
    other = second.relative_to(book.server.folder).as_posix()

    book.ask_page(OPEN_ON, [first, other])
    book.until_in_front(other)
    until_row(book, "words")
    book.run(0)
    until_row(book, "slow")
    book.until("() => document.querySelector('.nfx-run').title.includes('two.ipynb')")
    # Widgets of the kernel are the first one's: here the panel feeds the view in the cell.
    view = book.page.locator(".nfx-runcell .nfv")
    view.locator(".nfv-row", has_text="slow").wait_for()
    # JupyterLab lets the first one's connection handle comms: it goes, the panel stays.
    book.ask_page(f"path => {{ {NOTEBOOK}(path).dispose(); }}", first)
    until_row(book, "slow")
    view.get_by_role("button", name="Cancel all").click()
    rows(book, "slow").filter(has_text="Canceled").wait_for()
    view.wait_for(state="detached")
    book.bring(first)
    book.until_idle()
    book.run(2)
    rows(book, "words").nth(1).wait_for()


# What a page hears of a kernel comes late, in its order.
LATE = """() => {
  window.lateMs = 0;
  const Real = window.WebSocket;
  window.WebSocket = class extends Real {
    // Who hears by then: a connection that was closed meanwhile does not.
    set onmessage(hear) {
      this.hear = hear;
      super.onmessage = event => setTimeout(() => this.hear(event), window.lateMs);
    }
    get onmessage() { return super.onmessage; }
  };
}"""


def test_a_kernel_far_away_is_waited_for(lab, chromium):
    chromium.add_init_script(f"({LATE})()")
    book = lab(SLOW, name="far.ipynb")
    show(book)
    book.run(0)
    book.run(2)
    until_row(book, "words")
    path = path_of(book)
    book.page.evaluate("() => { window.lateMs = 5000; }")

    book.command("netflux:refresh")
    assert rows(book).count() == 1, "what was told stays meanwhile"
    book.ask_page(f"path => {{ {NOTEBOOK}(path).dispose(); }}", path)
    book.page.get_by_text("Open a notebook to see the runs").wait_for()
    book.command("docmanager:open", {"path": path})
    book.page.get_by_text("it is busy, slow or starting").wait_for()
    until_row(book, "words")


def test_a_kernel_that_is_busy_from_the_start_is_said_to_be(lab):
    code = (
        "import pathlib, time\nprint('begun', flush=True)\n"
        "while not pathlib.Path('go').exists(): time.sleep(0.1)"
    )
    book = lab([code, SETUP, "words(text='a')"], name="held.ipynb")
    book.run(0, wait=False)
    book.until_text(0, "begun")
    book.reload()
    show(book)

    book.page.get_by_text("it is busy, slow or starting").wait_for()
    (book.path.parent / "go").touch()
    book.page.get_by_text("netflux_nb is not loaded in this kernel").wait_for()
    book.run(1)
    book.run(2)
    until_row(book, "words")


EVIL = """
evil = '<img src=x onerror="window.bad=1">\\u202e\\x1b[31m'
asks = chooses.start(question=evil)
approves = publish.start(text=evil)

@function
def fails(text: str) -> str:
    "Fail."
    raise type(evil, (Exception,), {})(evil)

failed = fails.start(text=evil).wait()
from netflux_nb.jupyter.panel import comm, updates
look = comm.open(get_ipython()).run_updates
made = [updates.RunRow(id=f"r{evil[:30]}", fn=evil, state="Error", opened=1.7e9, seconds=1.0)]
look._signature = look._next_look = 1e18
look.reread = lambda: None
# Behind a look at the record that may be on its way.
look.later(lambda: (setattr(look, "_past_rows", made), look.ring()))
"""


def test_hostile_names_stay_text_in_tabs_and_in_what_waits(lab):
    book = lab([SETUP, EVIL], name="hostile.ipynb")
    show(book)
    book.run(0)
    book.run(1)
    questions(book).nth(1).wait_for()
    rows(book).nth(3).wait_for()

    assert "⟨U+202E⟩⟨U+001B⟩[31m" in questions(book, "chooses()").inner_text()
    rows(book, "fails").dblclick()
    tab = book.page.locator(".nfx-runtab:visible")
    tab.locator(".nfv-row", has_text="<img src=x").wait_for()
    rows(book, "chooses").dblclick()
    tab.locator(".nfv-ask", has_text="<img src=x").wait_for()
    # A run that is nowhere: its tab has a name, and nothing to show.
    rows(book).last.dblclick()
    book.page.locator(".lm-TabBar-tabLabel", has_text="<img src=x").wait_for()
    book.page.locator(".nfx-status-button").click()
    book.page.locator(".nfx-usage", has_text="today").wait_for()
    told = "() => [window.bad ?? null, document.querySelectorAll('img[src=x]').length]"
    assert book.page.evaluate(told) == [None, 0]
