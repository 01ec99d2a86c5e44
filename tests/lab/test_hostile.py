"""What a model, a tool or a person says is text: it runs nowhere in a real JupyterLab."""

import pytest
from show.hostile import UNSEEN

from lab.jupyter import ROOT
from lab.page import PATIENT

pytestmark = [pytest.mark.lab, pytest.mark.slow]

BEGIN = f"""
import sys
sys.path.insert(0, {str(ROOT / "tests")!r})
get_ipython().run_line_magic('load_ext', 'netflux_nb')
{PATIENT}
import pandas as pd
from show.hostile import HOSTILE
from netflux_nb import agent, function, runs, use
from netflux_nb.func_lib import human_in_loop
from netflux_nb.testing import ScriptedModel, broken, call

short = [words[:200] for words in HOSTILE.values()]
# Jupyter itself cannot send half of a pair, in a frame or in an error.
framed = [words for words in short if "\\ud800" not in words]
texts = {{"short": " ".join(short), "long": HOSTILE["long line"]}}

@function
def fail(x: str) -> str:
    raise ValueError(x)

def said(request):
    words = texts[request.parts[0].text.split(chr(10))[0]]
    asked = sum(1 for part in request.parts if type(part).__name__ == "ToolUsePart")
    if len(words) > 100_000:
        return words
    return [call(words[:64], x=words), call("fail", x=words), words][asked]

ask = agent(
    "ask(kind: str, x: str) -> str", "{{kind}}" + chr(10) + "{{x}}", uses=[fail], model="scripted"
)

@function(uses=[ask, human_in_loop])
def study(asks: bool) -> dict:
    kinds = texts if asks else ["short"]
    found = {{kind: ask(kind=kind, x=texts[kind][:10_000]) for kind in kinds}}
    if asks:
        human_in_loop(question=texts["short"], choices=short)
    return {{"all": found, "frame": pd.DataFrame({{words: [words] for words in framed}})}}

_ = use(scripted=ScriptedModel(said, stream=False))
"""
# What is shown of it, one way after the other.
SHOWN = (
    "run.tree()",
    "run.diff(other)",
    "run.usage()",
    "run.timeline()",
    "run.why()",
    "run.node('study/ask').transcript()",
    "runs",
    "run.nodes_df",
    "run.messages_df",
    "%nfsql select * from events",
    "run.result()['frame']",
    "ask.preview(kind='a', x=texts['short'])",
    "ask.history()",
)
FAILING = """
_ = use(scripted=ScriptedModel([broken(" ".join(framed))]))
ask(kind="short", x="x")
"""
ANSWERED = "run.answer(short[0]); run.wait(); other = study.start(False).wait()"
# A way for what was said to be more than text, and what would be too wide.
MORE_THAN_TEXT = """place => {
  const out = window.jupyterapp.shell.currentWidget.content.widgets[place].node
    .querySelector('.jp-Cell-outputWrapper');
  const found = [...out.querySelectorAll('script, iframe, object, embed, img, form, [autofocus]')]
    .map(one => one.outerHTML.slice(0, 100));
  for (const one of out.querySelectorAll('*')) {
    for (const name of one.getAttributeNames()) {
      if (name.startsWith('on')) found.push(one.outerHTML.slice(0, 100));
    }
    if (/^\\s*javascript:/i.test(one.getAttribute('href') ?? '')) found.push(one.outerHTML);
  }
  const book = document.querySelector('.jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook');
  const edge = book.getBoundingClientRect().right + 1;
  for (const one of out.querySelectorAll('.jp-OutputArea-output')) {
    if (one.getBoundingClientRect().right > edge) found.push('too wide');
  }
  return found;
}"""

OVERLAPS = """() => {
  const found = [];
  for (const row of document.querySelectorAll('.nfv-columns, .nfv-row')) {
    const cells = [...row.children].filter(one => one.getClientRects().length);
    const edges = cells.flatMap(one => {
      const parts = [one, ...one.children].map(part => part.getBoundingClientRect());
      return [Math.min(...parts.map(p => p.left)), Math.max(...parts.map(p => p.right))];
    });
    edges.push(row.getBoundingClientRect().right);
    if (edges.some((edge, i) => i && edge < edges[i - 1] - 1)) found.push(row.innerText);
  }
  return found;
}"""
OTHER_HEAD = """before => {
  const head = document.querySelector('.nfv-details-head')?.innerText.trim() ?? '';
  return head !== '' && head.split(/\\s+/).pop() !== before;
}"""


def listened(page):
    """Note what a page does that only a text that runs would do."""
    heard = []
    page.on("dialog", lambda one: (heard.append(one.message), one.dismiss()))
    page.on("request", lambda one: "x.example" in one.url and heard.append(one.url))
    page.on("popup", lambda one: heard.append("a popup"))
    return heard


def test_what_is_hostile_is_read_and_runs_nowhere(lab):
    it = lab([BEGIN, "run = study.start(True)", ANSWERED, *SHOWN, FAILING])
    heard = listened(it.page)
    it.run(0)
    it.run(1)
    page = it.page
    page.wait_for_selector(".nfv-ask")
    assert it.ask_page(MORE_THAN_TEXT, 1) == []
    page.focus(".nfv-tree")
    heads = [""]
    for _ in range(5):
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Space")
        it.until(OTHER_HEAD, heads[-1])
        for tab in page.locator(".nfv-tab").all():
            tab.click()
            page.wait_for_function("document.querySelector('.nfv-panel').innerText.trim() !== ''")
        assert it.ask_page(MORE_THAN_TEXT, 1) == []
        heads.append(page.inner_text(".nfv-details-head").split()[-1])
        page.focus(".nfv-tree")
    assert heads[3:5] == ["study/ask/fail", "study/ask[2]"]
    assert not set(it.text(1)) & UNSEEN
    # With the file browser open, the cell has the width of a few words.
    it.size(480)
    it.until("() => document.querySelector('.nfv').clientWidth < 220")
    assert it.ask_page(OVERLAPS) == []
    it.size(1280)
    for place in range(2, 3 + len(SHOWN) + 1):
        it.run(place)
        assert it.ask_page(MORE_THAN_TEXT, place) == [], place
    assert [place for place, *_ in it.failures()] == [3 + len(SHOWN)], it.failures()
    assert heard == []
