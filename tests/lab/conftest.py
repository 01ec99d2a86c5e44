"""One server, a browser for each module of tests, and pages for each test."""

import itertools

import pytest

from lab.jupyter import browsing, not_hanging, serving
from lab.page import Notebook

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def jupyter(tmp_path_factory):
    """A JupyterLab that serves an empty folder, which is its `.folder`."""
    with serving(tmp_path_factory.mktemp("served")) as server:
        yield server


# Playwright leaves its event loop running in the main thread: no longer than a module.
@pytest.fixture(scope="module")
def chromium():
    """A browser with a profile of its own."""
    with browsing() as context:
        yield context


@pytest.fixture
def lab(jupyter, chromium, request):
    """Open notebooks: `lab(["1 + 1"])`, or `lab(path, front="notebook")`.

    Cells are written into a folder of the test's own, so that the records of others are not met.
    At the end no page may have said an error on its console.
    """
    opened = []
    own = f"{request.node.originalname[5:45]}-{next(_numbers)}"

    def open_it(cells, *, front="lab", name="test.ipynb", idle=True):
        path = jupyter.write(cells, f"{own}/{name}") if isinstance(cells, list) else cells
        book = Notebook(chromium.new_page(), jupyter, path, front)
        opened.append(book)
        return book.open(idle=idle)

    with not_hanging(chromium):
        yield open_it
        errors = [error for book in opened for error in book.errors]
        for book in opened:
            if not book.page.is_closed():
                book.page.close()
        jupyter.end_kernels()
    assert errors == []
