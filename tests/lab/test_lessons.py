"""Lessons in a real JupyterLab and Notebook 7, run from top to bottom as a person would."""

import shutil

import nbformat
import pytest

from lab.jupyter import ROOT

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def lessons(jupyter):
    """The lessons, in the folder that is served, without what they show."""
    place = jupyter.folder / "notebooks"
    shutil.copytree(ROOT / "notebooks", place, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    for path in place.glob("*.ipynb"):
        book = nbformat.read(path, 4)
        for cell in book.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        nbformat.write(book, path)
    return place


def cells_of(path):
    return {cell.id: place for place, cell in enumerate(nbformat.read(path, 4).cells)}


def run_through(book):
    """Run all cells, and hold that none failed or complained."""
    book.run_all()
    book.until_idle()
    said = [(place, out) for place in book.code_cells() for out in book.outputs(place)]
    assert [one for one in said if one[1].get("name") == "stderr"] == []
    assert book.failures() == []


@pytest.mark.parametrize("front", ["lab", "notebook"])
def test_the_tour_runs_and_its_tree_is_seen(lab, lessons, front):
    path = lessons / "00_tour.ipynb"
    place = cells_of(path)

    book = lab(path, front=front)
    run_through(book)

    for cell in ("study", "see"):
        assert "digest" in book.text(place[cell])
        assert "summarise" in book.text(place[cell])
    assert "$" in book.text(place["usage"])
    assert "served" in book.text(place["again"])
    assert "cheerful" in book.text(place["diff"])


def test_what_the_tour_shows_is_there_without_its_kernel(lab, lessons):
    path = lessons / "00_tour.ipynb"
    place = cells_of(path)
    book = lab(path)
    run_through(book)
    book.save()

    book.shut_down()
    book.reload(kernel=False)

    book.until_text(place["study"], "summarise")
    assert "Model not found" not in book.page.content()


def test_again_and_otherwise_runs(lab, lessons):
    path = lessons / "05_again_and_otherwise.ipynb"
    place = cells_of(path)

    book = lab(path)
    run_through(book)

    assert "ended with -9" in book.text(place["kill-code"])
    assert "study/title[3]" in book.text(place["diff-code"])
    assert book.text(place["resumed"]).strip() == "requests to the model: 1"


def test_sums_of_money_are_no_mathematics(lab):
    shown = "Shown('$1', lambda: '<p>$1.00 → $2.00</p>')"
    book = lab([f"from netflux_nb.show.parts.shown import Shown\n{shown}"], name="money.ipynb")

    book.run(0)

    book.until_text(0, "$1.00 → $2.00")
    assert book.output(0).locator("mjx-container").count() == 0
