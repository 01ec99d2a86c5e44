"""The harness itself: a real JupyterLab in a real Chromium."""

import contextlib

import pytest

from lab.jupyter import ROOT, processes_of, serving

pytestmark = pytest.mark.lab


def test_a_cell_runs_with_the_package_of_this_checkout(lab):
    book = lab(["import netflux_nb; print(netflux_nb.__file__)", "1 / 0"])

    book.run(0)
    book.run(1)

    assert book.text(0).strip() == str(ROOT / "netflux_nb" / "__init__.py")
    assert [found[:2] for found in book.failures()] == [(1, "ZeroDivisionError")]
    assert book.ask("print(6 * 7)") == "42\n"


def test_the_stop_button_ends_a_waiting_cell(lab):
    waits = "import threading; print('waits', flush=True); threading.Event().wait()"
    book = lab([waits], name="stop.ipynb")

    book.run(0, wait=False)
    book.until_text(0, "waits")
    book.interrupt()
    book.until_ended(0)

    assert book.failures()[0][1] == "KeyboardInterrupt"


def test_what_is_saved_is_there_after_a_reload(lab):
    book = lab(["print('kept')"], name="kept.ipynb")

    book.run(0)
    saved = book.save()
    book.reload(idle=True)

    assert saved.cells[0].outputs[0].text == "kept\n"
    book.until_text(0, "kept")


def test_themes_and_sizes_change(lab, tmp_path):
    book = lab(["print('seen')"], name="seen.ipynb")

    book.run(0)
    book.dark()
    book.size(480, 800)
    book.picture(tmp_path / "all.png")
    book.picture(tmp_path / "cell.png", 0)
    book.dark(False)

    assert (tmp_path / "all.png").stat().st_size > (tmp_path / "cell.png").stat().st_size > 0


def test_notebook_7_runs_a_cell(lab):
    book = lab(["print('seven')"], name="seven.ipynb", front="notebook")

    book.run(0)

    assert book.text(0).strip() == "seven"


def test_a_page_that_does_not_answer_is_named(lab):
    book = lab(["1"], name="late.ipynb")

    with pytest.raises(Exception, match="no answer in 100 ms"):
        book.ask_page("() => new Promise(() => {})", timeout=0.1)


def test_nothing_is_left_behind(tmp_path):
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(serving(tmp_path))
        mark = str(server.home)
        assert server.ask("api/kernels") == []

    assert processes_of(mark) == []
    assert not server.home.exists()
