"""The lessons: short, listed, stored as they read, and run without a widget, key or late word."""

import contextlib
import importlib.util
import json
import os
import queue
import re
import shutil
from pathlib import Path

import nbformat
import pytest
from jupyter_client.manager import KernelManager

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "notebooks"
LESSONS = sorted(FOLDER.glob("[0-9]*.ipynb"))
MAX_CELLS = 30
# At 200 words a minute, with the time it takes to run a cell and look.
MAX_WORDS = 900
MAX_BYTES = 250_000
CELL_S = 60
# How long a late message is waited for after the last cell.
LATE_S = 2
# There, what needs POSIX processes says in one line that it is not there.
IS_WINDOWS = os.name == "nt" or os.environ.get("NETFLUX_SYSTEM") == "windows"
SHOWN = {"stream", "display_data", "execute_result", "error", "update_display_data"}
WIDGET = "application/vnd.jupyter.widget-view+json"

named = pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)


def tool():
    spec = importlib.util.spec_from_file_location("lessons", FOLDER / "lessons.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of the lessons, with an IPython and a record of its own."""
    folder = tmp_path / "notebooks"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    monkeypatch.delenv("NETFLUX_HOME")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return folder


def code_of(book):
    return [cell for cell in book.cells if cell.cell_type == "code"]


def test_the_numbers_have_no_gap():
    assert [int(one.name[:2]) for one in LESSONS] == list(range(9))


@named
def test_a_lesson_is_listed_in_the_readme_and_in_the_tour(lesson):
    tour = nbformat.read(LESSONS[0], 4).cells[-1].source

    assert f"notebooks/{lesson.name}" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert lesson == LESSONS[0] or f"({lesson.name})" in tour


@named
def test_a_lesson_is_short_and_says_what_it_is(lesson):
    book = nbformat.read(lesson, 4)
    words = " ".join(cell.source for cell in book.cells).split()
    head = book.cells[0].source

    assert len(book.cells) <= MAX_CELLS
    assert len(words) <= MAX_WORDS
    assert head.startswith(f"# {lesson.name[:2]} ")
    assert "**You will see**" in head
    assert "No key is needed" in head
    assert re.search(
        r"model anthropic|model=\"anthropic|\"anthropic:", json.dumps(book).replace("\\", "")
    )


@named
def test_a_stored_lesson_reads_well_anywhere(lesson):
    text = lesson.read_text(encoding="utf-8")
    book = nbformat.read(lesson, 4)

    nbformat.validate(book)
    assert tool().errors(book) == []
    assert len(text) <= MAX_BYTES
    assert "<script" not in text
    assert WIDGET not in text
    assert not re.search(r"/(work|home|root|Users)/", text)
    assert [c.id for c in code_of(book) if c.execution_count is None] == []
    assert book == tool().clean(book)


@named
def test_a_stored_lesson_is_a_file_of_markdown_too(lesson):
    import mistune
    from nbconvert import MarkdownExporter

    text, resources = MarkdownExporter().from_notebook_node(nbformat.read(lesson, 4))
    page = mistune.html(text)

    assert resources["outputs"] == {}
    assert page.startswith(f"<h1>{lesson.name[:2]} ")
    assert page.count("<table") == text.count("<table") + len(
        re.findall(r"^\|[-|]+\|$", text, re.MULTILINE)
    )
    # Nothing of an output is read as Markdown: then its own ends would be shown as text.
    assert "&lt;/div&gt;" not in page
    assert "&lt;/pre&gt;" not in page


@pytest.mark.slow
@named
def test_a_lesson_runs_with_no_widget_no_key_and_no_late_word(lesson, copy):
    book = nbformat.read(copy / lesson.name, 4)

    with Kernel(copy) as kernel:
        for cell in code_of(book):
            kernel.run(cell.id, cell.source)
        kernel.listen(LATE_S)

    assert [one for one in kernel.wrong if not (IS_WINDOWS and "WSL only" in one[1])] == []
    assert kernel.late == []
    assert kernel.widgets == []


class Kernel:
    """A kernel that notes what went wrong, and what was said after its cell had ended."""

    def __init__(self, folder):
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(cwd=str(folder), env=dict(os.environ))
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=CELL_S)
        self.wrong, self.late, self.widgets = [], [], []

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def run(self, cell, code):
        """Run a cell to its end. What comes from an earlier one is late."""
        mine = self.client.execute(code, allow_stdin=False)
        while self._hear(cell, mine, CELL_S) != "idle":
            pass

    def listen(self, seconds):
        """Hear what is said after the end."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._hear("after the last", "", seconds)

    def _hear(self, cell, mine, seconds):
        message = self.client.get_iopub_msg(timeout=seconds)
        kind, content = message["msg_type"], message["content"]
        is_mine = message["parent_header"].get("msg_id") == mine
        if kind == "status":
            return content["execution_state"] if is_mine else ""
        if kind in SHOWN:
            self._noted(kind, content, cell, is_late=not is_mine)
        return ""

    def _noted(self, kind, content, cell, *, is_late):
        said = str(content.get("text") or content.get("evalue") or content.get("data"))[:300]
        if is_late:
            self.late.append((cell, kind, said))
        if kind == "error" or content.get("name") == "stderr":
            self.wrong.append((cell, said))
        if WIDGET in content.get("data", {}):
            self.widgets.append(cell)


@pytest.mark.slow
@named
def test_papermill_runs_a_lesson(lesson, copy, tmp_path):
    import papermill

    papermill.execute_notebook(
        copy / lesson.name,
        tmp_path / "out.ipynb",
        cwd=str(copy),
        kernel_name="python3",
        progress_bar=False,
        execution_timeout=CELL_S,
    )

    assert tool().errors(nbformat.read(tmp_path / "out.ipynb", 4)) == []


@pytest.mark.slow
@named
def test_nbconvert_runs_a_lesson_into_a_page(lesson, copy):
    from nbconvert import HTMLExporter
    from nbconvert.preprocessors import ExecutePreprocessor

    book = nbformat.read(copy / lesson.name, 4)
    runner = ExecutePreprocessor(timeout=CELL_S, kernel_name="python3", store_widget_state=False)
    book, _ = runner.preprocess(book, {"metadata": {"path": str(copy)}})
    page, _ = HTMLExporter().from_notebook_node(book)

    assert tool().errors(book) == []
    assert WIDGET not in page
    assert book.cells[0].source.split("\n")[0].lstrip("# ") in page
