"""The panel in a real JupyterLab: runs at a glance, tabs, what waits, cells, settling."""

import pytest

from lab.jupyter import ROOT, serving

pytestmark = pytest.mark.lab

SETUP = """
import threading
import netflux_nb
from netflux_nb import Approvals, RunContext, Runtime, agent, function, session
from netflux_nb.testing import ScriptedModel

models = {"scripted": ScriptedModel(lambda request: "a title " * 5)}
netflux_nb.use(Runtime(is_open=True, models=models, policies=[Approvals()]))
gate = threading.Event()

@function
def words(text: str) -> int:
    "Count words."
    return len(text.split())

@function
def slow(ctx: RunContext, text: str) -> str:
    "Wait."
    while not gate.wait(0.02):
        ctx.check()
    return text

@function(needs_approval=True)
def publish(text: str) -> str:
    "Publish."
    return "published " + text

title = agent("title(text: str)", "Title of {text}", model="scripted")

@function(uses=[title, words, slow, publish])
def study(text: str) -> str:
    "Study."
    return title(text=text) + publish(text=text) + slow(text=text)

get_ipython().run_line_magic('load_ext', 'netflux_nb')
"""


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory):
    """A JupyterLab with the panel of this checkout."""
    path = tmp_path_factory.mktemp("share")
    (path / "labextensions").mkdir()
    (path / "labextensions" / "netflux-lab").symlink_to(ROOT / "netflux_nb" / "labextension")
    with serving(tmp_path_factory.mktemp("served"), env={"JUPYTER_PATH": str(path)}) as server:
        yield server


def show(book):
    book.command("netflux:show-panel")
    book.page.locator("#netflux-runs").wait_for()


def rows(book):
    return book.page.locator("#netflux-runs .nfx-run")


def until_row(book, text):
    rows(book).filter(has_text=text).first.wait_for()


def test_runs_appear_beside_a_busy_kernel(lab):
    book = lab([SETUP, "study(text='alpha')"], name="busy.ipynb")
    show(book)
    book.page.get_by_text("netflux_nb is not loaded in this kernel").wait_for()
    book.run(0)
    book.page.get_by_text("No runs yet").wait_for()

    book.run(1, wait=False)
    question = book.page.locator(".nfx-question")
    question.wait_for()
    assert book.kernel == "busy"
    assert "publish()" in question.inner_text()
    until_row(book, "study")
    question.get_by_role("button", name="Approve").click()
    question.wait_for(state="hidden")
    book.page.locator(".nfx-status-text", has_text="2 running").wait_for()
    rows(book).first.click()
    book.page.locator(".nfx-actions").get_by_text("Cancel").click()
    rows(book).filter(has_text="stopped").first.wait_for()
    book.until_idle()
