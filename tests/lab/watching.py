"""Runs that are watched in a real JupyterLab, and what stands on the page."""

import pytest

from lab.labs import Page, chromium, lab

BEGIN = """
import threading
from netflux_nb import Runtime, agent, function, runs
from netflux_nb.governance.approvals import Approvals
from netflux_nb.notebook import live
from netflux_nb.session import use

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

def watched(fn, **args):
    run = fn.start(**args)
    live.show(run, waits=False)
    return run
"""
STUDY = "run = watched(study, n=8)"


@pytest.fixture(scope="module")
def view_lab(tmp_path_factory):
    with lab(tmp_path_factory.mktemp("lab")) as it:
        yield it


@pytest.fixture(scope="module")
def view_browser():
    with chromium() as it:
        yield it


@pytest.fixture
def open_page(view_lab, view_browser, request):
    """Give a function that opens a notebook; at the end no page may have complained."""
    pages = []

    def give(*cells, name=f"{request.node.name[:40]}.ipynb", write=True, **options):
        if write:
            view_lab.write(name, BEGIN, *cells)
        it = Page(view_browser, view_lab, name, **options).open(fresh=write)
        pages.append(it)
        return it

    yield give
    for it in pages:
        it.close()
    assert [e for it in pages for e in it.errors] == []


def begun(it, cell=1):
    it.run(0)
    it.run(cell)
    it.page.wait_for_selector(".nfv-row:visible")


def rows(it):
    return it.page.eval_on_selector_all(
        ".nfv-row", "all => all.filter(r => !r.hidden).map(r => r.getAttribute('aria-label'))"
    )


def settled(it, cell=1):
    it.page.wait_for_function(
        """i => window.jupyterapp.shell.currentWidget.content.widgets[i].model.outputs.toJSON()
             .every(o => !o.data || !o.data['application/vnd.jupyter.widget-view+json'])""",
        arg=cell,
    )
