"""Runs that are watched in a real JupyterLab, and what stands on the page."""

from lab.page import PATIENT

BEGIN = (
    PATIENT
    + """
import threading
from netflux_nb import Runtime, agent, function, runs
from netflux_nb.governance.approvals import Approvals
from netflux_nb.session import use

get_ipython().run_line_magic('load_ext', 'netflux_nb')
gates = {}

def gate(name):
    return gates.setdefault(name, threading.Event())

@function
def leaf(x: int) -> int:
    if x == 3:
        raise ValueError("three <b>is</b> no good\\u202e")
    if x > 4:
        gate("leaf").wait(120)
    return x * 2

@function(needs_approval=True)
def publish(title: str) -> str:
    return "published " + title

@function(uses=[leaf, publish])
def study(n: int) -> int:
    nodes = [leaf.start(x=i) for i in range(n)]
    last = publish.start(title="<img src=x onerror=alert(1)>")
    total = 0
    for one in [*nodes, last]:
        try:
            total += len(str(one.result()))
        except ValueError:
            pass
    return total

@function
def grain(x: int) -> int:
    return x

@function(uses=[grain])
def sand(n: int) -> int:
    grains = [grain.start(x=i) for i in range(n)]
    gate("sand").wait(120)
    return len(grains)

use(Runtime(policies=[Approvals()], is_open=True))
"""
)
STUDY = "run = study.start(n=8)"


def begun(book, cell=1):
    """Run the cells, and wait until the view is there."""
    book.run(0)
    book.run(cell)
    book.page.wait_for_selector(".nfv-row:visible")


def asked(book):
    """Wait until the last call of a study asks: by then all others are there."""
    book.page.wait_for_selector(".nfv-ask >> text=Approve")


def rows(book):
    """List what stands in the tree, as it is read aloud."""
    return book.page.eval_on_selector_all(
        ".nfv-row", "all => all.filter(r => !r.hidden).map(r => r.getAttribute('aria-label'))"
    )


def settled(book, cell=1):
    """Wait until the view became static."""
    book.until(
        """i => window.jupyterapp.shell.currentWidget.content.widgets[i].model.outputs.toJSON()
             .every(o => !o.data || !o.data['application/vnd.jupyter.widget-view+json'])""",
        cell,
    )
