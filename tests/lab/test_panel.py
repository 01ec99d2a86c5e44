"""The panel in a real JupyterLab: runs at a glance, tabs, what waits, cells, settling."""

import pytest

from lab.panels import SETUP, act, live, questions, rows, show, until_row

pytestmark = pytest.mark.lab


def test_runs_appear_beside_a_busy_kernel(lab):
    book = lab([SETUP, "study(text='alpha')"], name="busy.ipynb")
    show(book)
    book.page.get_by_text("netflux_nb is not loaded in this kernel").wait_for()
    book.run(0)
    book.page.get_by_text("No runs yet").wait_for()
    told = book.ask("print(get_ipython().run_line_magic('nf', ''))")
    assert "All runs are in the panel on the left" in told

    book.run(1, wait=False)
    question = questions(book)
    question.wait_for()
    assert book.count(1) is None, "its cell goes on"
    assert "publish(text='alpha')" in question.inner_text()
    assert question.locator(".nfx-asked").inner_text().count("alpha") == 1
    # Who has not opened the panel yet is told of it, while there is a live view.
    book.output(1).get_by_text("All runs: the panel on the left").wait_for()
    until_row(book, "study")
    question.get_by_role("button", name="Approve").click()
    question.wait_for(state="hidden")
    book.page.locator(".nfx-status-text", has_text="2 running").wait_for()
    rows(book).first.click()
    act(book, "Cancel")
    rows(book).filter(has_text="Canceled").first.wait_for()
    book.until_ended(1)


# Kept by the server once both are open.
KEPT = ("netflux-runs:", "netflux-usage:")


def test_tabs_of_a_run_and_of_usage_are_there_after_a_reload(lab):
    book = lab([SETUP, "run = study.start(text='beta')"], name="tab.ipynb")
    book.run(0)
    book.run(1)
    show(book)
    until_row(book, "study")

    book.command("netflux:show-usage")
    with book.page.expect_request(
        lambda asked: (
            "api/workspaces" in asked.url and all(name in (asked.post_data or "") for name in KEPT)
        )
    ):
        rows(book).first.dblclick()
    tab = book.page.locator(".nfx-runtab")
    tab.locator(".nfv-row", has_text="publish").first.wait_for()
    book.page.reload()
    tab = book.page.locator(".nfx-runtab")
    tab.locator(".nfv-row", has_text="publish").first.wait_for()
    labels = book.page.locator("#jp-main-dock-panel .lm-TabBar-tabLabel")
    assert sorted(labels.all_inner_texts()) == ["Usage of tab.ipynb", "study", "tab.ipynb"]
    tab.get_by_role("button", name="Approve").first.click()
    tab.locator(".nfv-row", has_text="slow").first.wait_for()
    tab.get_by_role("button", name="Cancel all").click()
    tab.locator(".nfv-row", has_text="Canceled").first.wait_for()


def test_a_restart_empties_the_list_and_the_record_fills_it_again(lab):
    book = lab([SETUP, "words(text='a b')"], name="restart.ipynb")
    book.run(0)
    book.run(1)
    show(book)
    until_row(book, "words")

    book.restart()

    book.page.get_by_text("netflux_nb is not loaded in this kernel").wait_for()
    book.run(0)
    until_row(book, "words")


def test_two_notebooks_show_their_own_kernels(lab):
    book = lab([SETUP, "words(text='in the first')"], name="one.ipynb")
    book.run(0)
    book.run(1)
    show(book)
    until_row(book, "words")
    folder = book.path.parent.name
    book.server.write(["1 + 1"], f"{folder}/two.ipynb")

    book.bring(f"{folder}/two.ipynb")

    book.page.get_by_text("netflux_nb is not loaded in this kernel").wait_for()
    book.bring(f"{folder}/one.ipynb")
    until_row(book, "words")


HOSTILE = '<img src=x onerror="window.bad=1">'
MANY = f"""
from netflux_nb.jupyter.panel import comm, updates
look = comm.open(get_ipython()).run_updates
evil = {HOSTILE!r}
look._past_rows = [
    updates.RunRow(id=f"r-{{n:04}}", fn=f"fn{{n}}" if n else evil,
              state="Error" if n % 2 else "Success",
              opened=1.7e9 - n, seconds=1.0, tokens=n, error=evil if n % 2 else "",
              notebook=evil, cell="c00")
    for n in range(1000)
]
look._signature = look._next_look = 1e18
look.reread = lambda: None
look.ring()
"""


def test_a_thousand_runs_with_hostile_names_are_walked_by_keys(lab):
    book = lab([SETUP, MANY], name="many.ipynb")
    show(book)
    book.run(0)
    book.page.get_by_text("No runs yet").wait_for()
    book.run(1)
    book.page.locator(".nfx-count", has_text="1,000 runs").wait_for()

    assert rows(book).count() < 60
    listed = book.page.get_by_role("grid", name="Runs")
    listed.focus()
    # What was not told yet is asked for where it is looked at.
    listed.press("End")
    until_row(book, "fn999")
    listed.press("Home")
    until_row(book, "fn1(")
    assert book.ask("print(len(look._told))").strip() == "400"
    assert rows(book).count() < 60
    search = book.page.get_by_role("searchbox", name="Search runs")
    search.fill("fn987")
    book.page.locator(".nfx-count", has_text="1 of 1,000 runs").wait_for()
    assert rows(book).count() == 1
    search.fill("onerror")
    book.page.get_by_role("button", name="Filters, order and columns").click()
    book.page.get_by_role("combobox", name="State").select_option("failed")
    book.page.locator(".nfx-count", has_text="500 of 1,000 runs").wait_for()
    until_row(book, "fn1(")
    assert book.page.evaluate(
        "() => [window.bad, document.querySelectorAll('img[src=x]').length]"
    ) == [
        None,
        0,
    ]


PROMPT = '''%%agent summarise(text: str) -> str --model scripted
"""Summarise."""
Keep {"json": 1}.
---
Summarise for {reader}: {text}'''


def test_cells_are_highlighted_and_marked(lab):
    book = lab(
        [SETUP, PROMPT, PROMPT.replace(" for {reader}", ""), "%%nfsql\nSELECT fn FROM runs"],
        name="cells.ipynb",
    )
    book.run(0)
    book.run(2)

    cell = book.cell(1)
    assert cell.locator(".nfx-hole").all_inner_texts() == ["{text}"]
    assert cell.locator(".nfx-unknown").all_inner_texts() == ["{reader}"]
    assert "There is: text" in cell.locator(".nfx-unknown").get_attribute("title")
    assert cell.locator(".nfx-rule").inner_text() == "---"
    assert book.cell(3).locator(".nfx-keyword").all_inner_texts() == ["SELECT", "FROM"]
    mark = book.cell(2).locator(".nfx-mark")
    mark.wait_for()
    assert "never run" in mark.get_attribute("aria-label")
    book.ask("summarise(text='a')")
    book.page.locator(".nfx-mark", has_text="●").first.wait_for()


def test_a_view_that_was_saved_live_is_settled_when_it_is_opened_again(lab, chromium):
    book = lab([SETUP, "run = slow.start(text='gamma')"], name="settle.ipynb")
    book.run(0)
    book.run(1)
    book.until("() => document.querySelector('.nfv-row') !== null")
    assert live(book.save().cells[1].outputs)
    kernel = book.ask_page(
        "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.id"
    )
    book.ask("import threading; t = threading.Timer(3, gate.set); t.daemon = True; t.start()")
    book.close()

    again = lab(book.path)
    assert again.ask("run.wait(20).state.name").strip() == "'Success'"
    again.until(
        "() => !JSON.stringify(window.jupyterapp.shell.currentWidget.content.widgets[1]"
        ".model.outputs.toJSON()).includes('widget-view')"
    )

    assert (
        again.ask_page(
            "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.id"
        )
        == kernel
    )
    saved = again.save().cells[1].outputs
    assert not live(saved)
    assert "slow" in saved[0].data["text/html"]
    assert "<script" not in saved[0].data["text/html"]
    again.close()
    again.server.end_kernels()
    last = lab(book.path, idle=False)
    last.until_text(1, "slow")
    assert "model not found" not in last.text(1)


def test_a_kernel_that_dies_leaves_no_live_view(lab):
    book = lab([SETUP, "run = slow.start(text='delta')"], name="dies.ipynb")
    book.run(0)
    book.run(1)
    book.until("() => document.querySelector('.nfv-row') !== null")

    book.ask_page(
        "() => { const k = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel; k.requestExecute({code: 'import os; os._exit(1)'}); }"
    )

    book.until(
        "() => !JSON.stringify(window.jupyterapp.shell.currentWidget.content.widgets[1]"
        ".model.outputs.toJSON()).includes('widget-view')"
    )
    book.until_text(1, "The kernel ended while this ran")
    assert "slow" in book.text(1)


def test_notebook_7_loads_it_without_what_it_lacks(lab):
    book = lab(
        [SETUP, PROMPT.replace(" for {reader}", ""), "summarise(text='a')"],
        name="seven.ipynb",
        front="notebook",
    )
    book.run(0)
    book.run(1)
    book.run(2)

    assert book.cell(1).locator(".nfx-hole").all_inner_texts() == ["{text}"]
    assert book.page.evaluate("() => window.jupyterapp.commands.hasCommand('netflux:show-panel')")
    book.command("netflux:show-panel")
    until_row(book, "summarise")
