"""Whatever a run holds is text: nothing of it runs, hides, or breaks what stands around it."""

import json
import re
import shutil

import pandas as pd
import pytest
from show.forest import node
from show.hostile import (
    HOSTILE,
    PAGE_ATTRS,
    PAGE_TAGS,
    TAGS,
    UNSEEN,
    Page,
    checked,
    hostile_tree,
)

from netflux_nb import NodeState, agent, function
from netflux_nb.compare.diff import Side, diff
from netflux_nb.core.messages import ModelRequest, UserTextPart
from netflux_nb.record.labels import Labels
from netflux_nb.replay.free import ORIGINS, Free, FreeInputs
from netflux_nb.run import preview
from netflux_nb.run.trend_chart import Chart, Found
from netflux_nb.show import (
    cards,
    diffs,
    histories,
    ledgers,
    timelines,
    transcripts,
    trees,
    usages,
    why,
)
from netflux_nb.show.exported import html_file, markdown_file
from netflux_nb.show.parts import tables, text
from netflux_nb.show.parts.charts import Series
from netflux_nb.show.parts.look import SHEET

SHOWN = {
    "tree": lambda view, words: trees.tree(view, run=words),
    "usage": lambda view, words: usages.usage(view),
    "bill": lambda view, words: usages.bill(view.bill()),
    "timeline": lambda view, words: timelines.timeline(view),
    "transcript": lambda view, words: transcripts.transcript(view.children[0], system=words),
    "why": lambda view, words: why.why(view, run="run"),
    "diff": lambda view, words: diffs.shown(
        diff(Side(view, words), Side(hostile_tree("plain", state=NodeState.Success), "b"))
    ),
    "diff of frames": lambda view, words: diffs.shown(
        diff(_framed(words[:5_000], words[:5_000]), _framed(words[:5_000], "plain"))
    ),
    "table": lambda view, words: tables.table(
        [[words, {words[:100]: words}, 1, None, pd.DataFrame({words[:100]: [words]})]] * 60,
        [words, "b", "c", "d", "e"],
        title=words,
    ),
    "history": lambda view, words: histories.history(
        [_run(words), {**_run(words), "notebook": "b", "inputs": _json(words), "title": ""}],
        [],
        count=3,
        called=words,
        whose=words,
    ),
    "chart": lambda view, words: Chart(_found(words), words),
    "chart by day": lambda view, words: Chart(_found(words, by="day"), words),
    "ledger": lambda view, words: ledgers.ledger(_account(words), view, run=words),
    "preview": lambda view, words: preview.shown(
        preview.Preview(
            fn="f",
            args={"x": words},
            request=ModelRequest(
                provider="p", model=words[:100], system=words, parts=(UserTextPart(words),)
            ),
            notes=(words,),
        )
    ),
    "card": lambda view, words: cards.card(
        agent("a(x: str)", f"{{x}} {words[:50_000]}".replace("{init", "{{init"), model="scripted"),
        notes=[words],
    ),
}


# Those that have a form of their own; of the others the text stands in a block.
MARKED = {
    *("tree", "usage", "bill", "transcript", "diff", "diff of frames", "table", "history"),
}
MARKED_TAGS = {
    *("p", "strong", "em", "br", "table", "thead", "tbody", "tr", "th", "td", "blockquote"),
    *("pre", "code", "h1", "h2"),
}


def markdown_checked(text):
    """Read Markdown as GitHub and notebooks do, and hold it to what is ours."""
    import mistune

    read = mistune.create_markdown(
        escape=False,
        plugins=["table", "url", "strikethrough", "footnotes", "math", "task_lists", "mark"],
    )
    page = Page(read(text))
    assert page.tags <= MARKED_TAGS, page.tags - MARKED_TAGS
    assert page.attrs <= {"style", "class"}
    assert page.links == page.others == page.scripts == []
    assert not set(text) & UNSEEN
    return page


def _framed(name, cell):
    frame = pd.DataFrame({name: [cell, 1], "b": [2, 3]}, index=[name, "y"])
    return node(outputs=frame, inputs={"frame": frame})


def _json(words):
    return json.dumps(
        {words[:9]: {"json": words[:50_000]}, "y": {"artifact": words, "kind": words}}
    )


def _account(words):
    """An account of a run in which all is hostile, and of one source there is much."""
    given = {"kind": words, "key": words, "fn": words, "path": f"{words}/x", "fault": words}
    few = [
        Free(source=origin, what=words, declared=False, why=words, **given) for origin in ORIGINS
    ]
    much = [Free(source="tool", what=words, **given | {"key": f"{n}"}) for n in range(40)]
    return FreeInputs(rows=(*few, *much), missing=(words,) * 9, served=2, ran=2)


def _found(words, by="fn"):
    """The failures of Functions, or days, whose names and classes of errors are hostile."""
    series = tuple(Series(f"{words[:n]}{words}", "#8a8a8a", "█") for n in (1, 2, 0))
    keys = [f"2026-11-{n:02}" for n in range(1, 31)]
    if by == "fn":
        keys = [words, *(f"{n}{words}" for n in range(40))]
    return Found(of="errors", by=by, series=series, rows=dict.fromkeys(keys, (1, 2, 3)))


def _run(words):
    return {
        "run": words, "opened": pd.Timestamp(0), "fn": words, "inputs": words, "state": words,
        "seconds": None, "nodes": 4, "failed": 2, "input_tokens": None, "output_tokens": 3,
        "served": 0, "how": words, "of": f"{words[:100]}x", "notebook": words, "tags": [words] * 30,
        "note": words, "title": words,
    }  # fmt: skip


@pytest.fixture(scope="module", params=HOSTILE)
def words(request):
    return HOSTILE[request.param]


@pytest.fixture(scope="module")
def view(words):
    return hostile_tree(words)


@pytest.mark.slow
@pytest.mark.parametrize("kind", SHOWN)
def test_nu50_hostile_text_is_only_text(kind, view, words):
    shown = SHOWN[kind](view, words)

    bundle = shown._repr_mimebundle_()

    page = checked(bundle["text/html"], most=30_000)
    assert page.words
    # In a file of Markdown, what follows an empty line is Markdown again.
    assert not re.search(r"\n[ \t]*\n", bundle["text/html"])
    for plain in (str(shown), bundle["text/plain"], bundle["text/markdown"]):
        assert not set(plain) & UNSEEN
        assert len(plain) <= 400_000
    marked = bundle["text/markdown"]
    if kind not in MARKED:
        fence = marked.split("text\n")[0]
        assert marked.count("\n" + fence) == 1
    markdown_checked(marked)
    assert len(marked) < 5_000
    assert len(repr(shown)) < 100


@pytest.mark.slow
def test_hostile_text_is_only_text_in_a_page_of_its_own(view, words):
    beside = html_file.Beside(
        notes=[words],
        labels=Labels((words, words[:40]), words, words),
        systems={words[:100]: words},
        sources=[html_file.Source(words, words, (("source", words), ("prompt", words)))] * 3,
        environment={
            "python": words,
            "platform": {words[:100]: words},
            "packages": {words[:1_000]: words, "plain": [words]},
            "git": {"head": words, "dirty": words},
        },
        ledger=SHOWN["ledger"](view, words),
        compared=lambda most: SHOWN["diff"](view, words),
    )

    html = html_file.page(view, run=words, beside=beside)

    checked(html, most=html_file.MOST_BYTES, tags=PAGE_TAGS, attrs=PAGE_ATTRS)


@pytest.mark.slow
def test_hostile_text_is_only_text_in_a_chart(view, words):
    chart = trees.mermaid(view)

    labels = re.compile(r'  n\d+r?(\["|\(\[")([\w ,.…]|#\d+;|<br/>)*("\]|"\]\))')
    links = re.compile(r"  n\d+ (-->|-\.->|-\.-) n\d+r?")
    for row in chart.splitlines()[1:]:
        assert labels.fullmatch(row) or links.fullmatch(row), row
    assert len(chart) < 100_000


@pytest.mark.slow
def test_hostile_text_is_one_row_each_in_a_terminal(view, words):
    drawn = text.tree(view)

    assert len(drawn.splitlines()) == 6  # with the heads of the columns
    assert all(len(row) < 1_000 for row in drawn.splitlines())
    assert all(row.isprintable() for row in drawn.splitlines())


@pytest.mark.slow
def test_hostile_text_is_only_text_in_a_file_of_markdown(view, words):
    beside = html_file.Beside(
        notes=[words],
        labels=Labels((words, words[:40]), words, words),
        systems={one.key: words for _, one in view.walk()},
        ledger=SHOWN["ledger"](view, words),
        compared=lambda most: SHOWN["diff"](view, words),
    )

    text = markdown_file.page(view, run=words, beside=beside)

    page = markdown_checked(text)
    assert len(text) < 420_000
    assert {"h1", "h2", "table", "blockquote"} <= page.tags


def test_nothing_hostile_is_markdown_in_an_exported_notebook():
    import mistune
    import nbformat
    from nbconvert import MarkdownExporter

    words = "\n".join(one for one in HOSTILE.values() if len(one) < 10_000)
    view = hostile_tree(words)
    cell = nbformat.v4.new_code_cell("run.tree()")
    for kind in SHOWN:
        bundle = SHOWN[kind](view, words)._repr_mimebundle_()
        cell.outputs.append(nbformat.v4.new_output("display_data", bundle))

    text, _ = MarkdownExporter().from_notebook_node(nbformat.v4.new_notebook(cells=[cell]))
    page = Page(mistune.html(text))

    # Of ours each begins with a sheet.
    assert page.tags <= {*TAGS, "style"}
    assert text.count("<style") == text.count(f"<style>{SHEET}</style>")
    assert page.links == page.others == []


@function
def named(x: str = "</code><script>") -> str:
    """Hold <b>mark-up</b>."""
    return x


def test_a_card_holds_mark_up_as_text():
    html = cards.card(named, notes=["<i>"], diff="").html

    assert "&lt;b&gt;mark-up&lt;/b&gt;" in html
    assert "&lt;script&gt;" in html
    checked(html)


@pytest.mark.skipif(not shutil.which("chromium"), reason="needs a browser")
@pytest.mark.lab
def test_nothing_hostile_runs_in_a_real_browser(tmp_path):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page()
        said = []
        page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
        page.on("console", lambda message: said.append(message.text))
        page.on("request", lambda request: said.append(request.url))
        for words in (w for w in HOSTILE.values() if len(w) < 100_000):
            view = hostile_tree(words)
            found = [SHOWN[kind](view, words).html for kind in SHOWN]
            page.set_content(f"<!DOCTYPE html><body>{''.join(found)}<p id=end>end</p>")
            page.eval_on_selector_all("details", "all => all.forEach(one => one.open = true)")
            assert page.locator("#end").is_visible()
            assert page.locator("body > #end").count() == 1
        browser.close()
    assert said == []
