"""What the tests of the panel share: a notebook that has runs, and where things are in the page."""

from lab.page import PANEL, PATIENT

SETUP = (
    PATIENT
    + """
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

@function
async def chooses(ctx: RunContext, question: str) -> str:
    "Choose."
    return await ctx.ask(question, choices=["red", "two  spaces", "green"])

@function
async def writes(ctx: RunContext, question: str) -> str:
    "Write."
    return await ctx.ask(question)

title = agent("title(text: str)", "Title of {text}", model="scripted")

@function(uses=[title, words, slow, publish])
def study(text: str) -> str:
    "Study."
    return title(text=text) + publish(text=text) + slow(text=text)

get_ipython().run_line_magic('load_ext', 'netflux_nb')
"""
)
# The settings of the panel, as the settings editor changes them.
SET = """async ([name, value]) => {
  const plugins = window.jupyterapp.pluginRegistry._plugins;
  const registry = plugins.get('@jupyterlab/apputils-extension:settings').service;
  await (await registry.load('netflux-lab:plugin')).set(name, value);
}"""
NOTEBOOK = """(path => [...window.jupyterapp.shell.widgets('main')]
  .find(one => one.context?.path === path))"""
SOURCES = f"() => {PANEL}.content.widgets.map(one => one.model.sharedModel.getSource())"
LIVE = "application/vnd.jupyter.widget-view+json"


def show(book):
    """Bring the panel to the front."""
    book.command("netflux:show-panel")
    book.page.locator("#netflux-runs").wait_for()


def path_of(book):
    """Give the notebook's path as JupyterLab knows it."""
    return book.path.relative_to(book.server.folder).as_posix()


def rows(book, text=""):
    """Give the runs that the list draws, or those that say `text`."""
    found = book.page.locator("#netflux-runs .nfx-run")
    return found.filter(has_text=text) if text else found


def until_row(book, text):
    """Wait until a run is in the list."""
    rows(book, text).first.wait_for()


def act(book, name):
    """Press one of the buttons below the list."""
    book.page.locator(".nfx-actions").get_by_role("button", name=name, exact=True).click()


def more(book, name):
    """Choose from the menu of what else can be done."""
    act(book, "More…")
    book.page.locator(".lm-Menu-itemLabel", has_text=name).click()


def questions(book, text=""):
    """Give what waits, or what of it says `text`."""
    found = book.page.locator("#netflux-runs .nfx-question")
    return found.filter(has_text=text) if text else found


def until_recorded(book, text):
    """Wait until the runs in the list that say `text` have the names that the record gives."""
    named = """text => {
      const rows = [...document.querySelectorAll('#netflux-runs .nfx-run')]
        .filter(row => row.textContent.includes(text));
      return rows.length > 0 && rows.every(row => !row.dataset.run.startsWith('live-'));
    }"""
    book.until(named, text)


def live(outputs):
    """List the outputs that hold a live view."""
    return [out for out in outputs if LIVE in out.get("data", {})]
