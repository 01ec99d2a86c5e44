"""Finished views in a notebook that nobody trusts, in JupyterLab and in Notebook 7."""

import pytest
from nbformat.v4 import new_code_cell, new_output
from show import gallery

from lab.jupyter import ROOT

pytestmark = pytest.mark.lab

AXE = ROOT / "extensions" / "node_modules" / "axe-core" / "axe.min.js"
SHOWN = ("tree", "diff", "table", "questions", "ledger", "money", "latency", "tokens", "state")
FAILS = """async () => (await axe.run(".jp-Notebook .jp-RenderedHTML", {runOnly: ["color-contrast"]}))
  .violations.map((one) => one.nodes.map((n) => n.html.slice(0, 160) + n.failureSummary).join(" | "))"""

# What is left of a view, what stands out of it, where the columns of its rows end.
FOUND = """(whole) => {
  for (const one of whole.querySelectorAll("details")) one.open = true;
  const right = whole.getBoundingClientRect().right;
  const seen = [...whole.querySelectorAll("*")].filter((one) => one.checkVisibility());
  const rows = seen.filter((one) => one.matches("tfoot tr") && one.cells.length === 5);
  return {
    sheets: whole.querySelectorAll("style, script").length,
    sideways: seen.filter((one) => one.getBoundingClientRect().right > right + 1).length,
    line: getComputedStyle(whole.querySelector(".nf1")).borderTopWidth,
    heads: [...new Set(seen.filter((one) => one.matches("th"))
      .map((one) => getComputedStyle(one).fontSize))],
    edges: [...new Set(rows.map((row) => [...row.cells].slice(1)
      .map((cell) => Math.round(cell.getBoundingClientRect().right)).join(" ")))],
  };
}"""


def sent():
    """Give cells with outputs, as a colleague sends them: nobody here has signed them."""
    views = gallery.views()
    return [
        new_code_cell(
            f"# {name}",
            execution_count=1,
            outputs=[
                new_output("display_data", {"text/html": views[name].html, "text/plain": name})
            ],
        )
        for name in SHOWN
    ]


@pytest.mark.parametrize("front", ["lab", "notebook"])
def test_q36_a_finished_view_looks_the_same_where_it_is_not_trusted(lab, front):
    book = lab(sent(), front=front)
    book.page.wait_for_selector(".nf1")

    for is_dark in (False, True):
        book.dark(is_dark)
        for place, name in enumerate(SHOWN):
            whole = book.cell(place).locator(".jp-RenderedHTML")
            whole.wait_for()
            found = whole.evaluate(FOUND)

            # The sheet of the output is taken away: that of the extension is there.
            assert found["sheets"] == 0, name
            assert found["line"] == "1px", name
            assert found["heads"] in (["11px"], []), name
            assert found["sideways"] == 0, name
            if name in ("tree", "diff"):
                for column in zip(*(map(int, row.split()) for row in found["edges"]), strict=True):
                    assert max(column) - min(column) <= 1, (name, found["edges"])
        if AXE.exists():
            book.page.evaluate(AXE.read_text(encoding="utf-8"))
            assert book.page.evaluate(FAILS) == []
    book.dark(False)
