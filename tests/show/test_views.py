"""Usage, timelines, conversations, causes, charts, cards, tables, pages and figures."""

import io
import re
import sys

import pytest
from show.forest import asked, deep, failed, node, talk, tokens, wide
from show.hostile import PAGE_ATTRS, PAGE_TAGS, Page, checked

from netflux_nb import NodeState, agent, function
from netflux_nb.core import bill
from netflux_nb.core.errors import NoKeyError
from netflux_nb.core.messages import ModelTextPart, UserTextPart
from netflux_nb.show import cards, figures, timelines, transcripts, trees, usages, why
from netflux_nb.show.exported import html_file
from netflux_nb.show.parts import numbers, tables, values


@pytest.fixture
def priced():
    """A price table of a dollar for a million tokens, but not for one model."""

    class Table:
        source = "a table of ours"

        def __call__(self, provider, model, usage, time):
            return None if model == "odd" else usage.total / 1e6

    with bill.prices.filled(Table()):
        yield


# Usage.


def test_p6_usage_tells_kinds_models_functions_and_what_served_calls_saved(priced):
    one = talk("one", requests=(asked(tokens(1_000, 500, 100, 400, 50)),))
    two = talk("two", requests=(asked(tokens(10), model="odd"), asked(tokens(90), served=True)))

    shown = usages.usage(node("study", [one, one, two]))

    words = str(shown)
    assert words.startswith("study: 4,010 tokens, $0.0040, 3 requests, 100 of 800 out thought")
    assert "1 request served from the record for $0.00, which would have cost $0.000090." in words
    assert "Price unknown, and not in the sum: scripted:odd." in words
    assert re.search(r"scripted:m +2 +1 +2,000 +1,000 +200 +800 +\$0\.0040  █", words)
    assert re.search(r"\none +2 +2 +2,000", words)
    page = checked(shown.html)
    for said in ("scripted:odd", "price unknown", "into cache", "2,000", "one"):
        assert said in page.text


def test_usage_without_a_model_says_so():
    shown = usages.usage(wide(3))
    assert str(shown) == "root: no model answered"
    assert "<p><b>root</b>: no model answered</p>" in shown.html


def test_usage_of_many_functions_is_bounded():
    view = node("r", [talk(f"a{i}", requests=(asked(tokens(i)),)) for i in range(1, 500)])

    shown = usages.usage(view)

    checked(shown.html, most=30_000)
    assert "… 479 more" in str(shown)
    assert str(shown).count("\n") < 40


# Timelines.


def test_a_timeline_takes_time_apart():
    child = node("tool", opened_at=4.0, started_at=5.0, ended_at=6.0)
    ask = talk(
        opened_at=0.0, started_at=1.0, ended_at=8.0, children=[child],
        requests=(asked(tokens(1), begin=1.0, end=4.0), asked(tokens(1), begin=7.0, end=8.0)),
    )  # fmt: skip

    found = timelines.pieces(ask, 8.0)

    assert [(p.doing, p.begin, p.end) for p in found] == [
        ("waiting", 0.0, 1.0),
        ("model", 1.0, 4.0),
        ("waiting", 4.0, 5.0),
        ("called", 5.0, 6.0),
        ("waiting", 6.0, 7.0),
        ("model", 7.0, 8.0),
    ]
    assert [p.doing for p in timelines.pieces(child, 8.0)] == ["waiting", "code"]


def test_a_timeline_says_what_ran_at_once():
    one = node("a", started_at=0.0, ended_at=4.0)
    two = node("b", started_at=2.0, ended_at=6.0)
    view = node("root", [one, two], started_at=0.0, ended_at=6.0)

    shown = timelines.timeline(view)

    assert str(shown).splitlines()[0] == (
        "root: 6.0 s, code 8.0 s, up to 2 at once (1.3 on average)"
    )
    rows = [row.split("│")[1] for row in str(shown).splitlines()[2:4]]
    assert rows[0].strip() == "▓" * 34
    assert rows[1] == " " * 16 + "▓" * 34
    page = checked(shown.html)
    assert "+2.0 s" in page.text
    assert "left:33.33%;width:66.67%" in shown.html


def test_a_node_that_runs_is_drawn_up_to_what_is_known():
    running = node("a", state=NodeState.Running, started_at=2.0, ended_at=None)
    waits = node("b", state=NodeState.Waiting, opened_at=3.0, started_at=None, ended_at=None)
    view = node("root", [running, waits], started_at=0.0, ended_at=6.0)

    assert [p.end for p in timelines.pieces(running, 6.0)] == [6.0]
    assert [p.doing for p in timelines.pieces(waits, 6.0)] == ["waiting"]
    assert "Running" in str(timelines.timeline(view))


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), "soon", None, -1e300])
def test_a_timeline_of_odd_times_is_drawn(odd):
    view = node("root", [node(started_at=odd, opened_at=odd), node(ended_at=odd)])
    checked(timelines.timeline(view).html)


@pytest.mark.slow
def test_a_timeline_is_bounded():
    for view in (wide(10_000), deep(3_000)):
        shown = timelines.timeline(view)
        checked(shown.html, most=30_000)
        assert str(shown).count("\n") < 70
        assert "more" in str(shown)


# Conversations.


def test_a_transcript_reads_as_a_conversation():
    shown = transcripts.transcript(talk(), system="Be brief.")

    assert str(shown).splitlines()[1:] == [
        "§ system: Be brief.",
        "» user: What is it?",
        "~ thinking: Let me count.",
        "→ calls: count(text='a b')  [Success, 1.0 s]",
        "← count gave: 2",
        "« model: It is two.",
    ]
    page = checked(shown.html)
    assert "« model It is two." in re.sub(r"\s+", " ", page.text)


def test_long_parts_are_folded_and_the_end_is_kept():
    parts = tuple(
        p for n in range(500) for p in (UserTextPart(f"q{n} " * 300), ModelTextPart(f"a{n} " * 300))
    )

    shown = transcripts.transcript(talk(parts=parts))

    page = checked(shown.html, most=30_000)
    assert "<small>» user</small>" in shown.html
    assert "<summary><tt>q0 q0" in shown.html
    assert "a499" in page.text
    assert "q0 " in page.text
    assert "more parts in the record" in page.text
    assert "more parts in the record" in str(shown)


def test_code_has_no_conversation():
    shown = transcripts.transcript(node("f", inputs={"x": 1}, outputs=2))
    assert "it is code, so there is no conversation; → 2" in str(shown)


# Why.


def test_why_leads_from_the_root_to_what_caused_it():
    boom = failed("fetch", inputs={"url": "http://bad"}, said="no answer", tool_use_id="u1")
    ask = failed("ask", [boom], said="no answer", kind="agent", transcript=talk().transcript)
    view = failed("study", [node("ask"), ask], said="no answer")

    shown = why.why(view)

    rows = str(shown).splitlines()
    assert rows[0] == "✗ Error, structural: it began at study/ask[2]/fetch"
    assert rows[2].startswith("✗ study()")
    assert rows[4].startswith("   └─ ✗ fetch(url='http://bad')")
    assert rows[5].strip() == "ValueError: no answer"
    assert "  url = 'http://bad'" in rows
    assert "The last words of ask:" in rows
    assert rows[-1] == "  run.node('study/ask[2]/fetch').fork(args={'url': 'http://bad'})"
    page = checked(shown.html)
    assert "run.node('study/ask[2]/fetch').fork(" in page.text


def test_why_an_agent_failed_offers_another_prompt():
    shown = why.why(failed("ask", kind="agent", transcript=talk().transcript), run="r")
    assert str(shown).endswith("r.node('ask').fork(prompt=\"…\")")


def test_why_of_a_success_names_what_was_caught():
    words = str(why.why(node("fine", [failed("boom")])))
    assert words == (
        "fine succeeded. 1 call below it failed and was dealt with: boom: ValueError: it broke."
    )


def test_why_of_what_has_no_end_offers_to_go_on():
    stopped = node("study", [node("ask")], state=NodeState.Canceled)
    open_ = node("study", [node("ask", state=NodeState.Running)], state=NodeState.Running)
    offline = failed("study", said="no")
    object.__setattr__(offline, "exception", ConnectionError("no"))

    assert str(why.why(stopped)).splitlines()[0] == "◌ Canceled: study"
    assert str(why.why(stopped)).endswith("\n  run.resume()")
    assert "Without an end: study, study/ask" in str(why.why(open_))
    assert str(why.why(offline)).splitlines()[-2:] == [
        "  run.resume()",
        "  run.node('study').fork(fn=...)",
    ]


def test_why_in_the_deep_is_short_and_keeps_the_line_to_go_on():
    view = failed("last")
    for _ in range(300):
        view = failed("step", [view])

    shown = why.why(view)

    assert str(shown).count("\n") < 40
    assert "… 289 more" in str(shown)
    assert ".fork(" in checked(why.why(view, max_bytes=2_400).html, most=2_400).text


# Charts.


def test_a_chart_is_the_executed_tree():
    chart = trees.mermaid(node("study", [talk("ask"), failed("boom")]))

    assert chart.splitlines() == [
        "flowchart TD",
        '  n0["#9679; study<br/>Success, 1.0 s"]',
        '  n1(["#9679; ask<br/>Success, 1.0 s"])',
        "  n0 --> n1",
        '  n2["#9679; count<br/>Success, 1.0 s"]',
        "  n1 --> n2",
        '  n3["#10007; boom<br/>Error, 1.0 s"]',
        "  n0 --> n3",
    ]


def test_a_chart_is_bounded():
    chart = trees.mermaid(wide(5_000), most=10)
    assert chart.count("-->") == 9
    assert "4,991 more leaf#58; 4,991 Success" in chart


# Cards and tables.


@function
def word_count(text: str, least: int = 1) -> int:
    """Count words."""
    return len(text.split())


def test_a_card_says_what_a_function_is():
    ask = agent(
        "ask(q: str, tone: str = 'plain') -> list[str]",
        "Be brief.\n---\n{q} {tone}",
        uses=[word_count],
        model="scripted",
    )

    shown = cards.card(ask, notes=["changed since the last run: prompt"])

    rows = str(shown).splitlines()
    assert rows[0] == "agent ask(q: str, tone: str = 'plain') -> list[str]"
    assert rows[1] == f"  version {ask.version[:8]} · model scripted"
    assert rows[2:] == ["  uses", "  └─ word_count", "  changed since the last run: prompt"]
    assert "function word_count(text: str, least: int = 1) -> int" in str(cards.card(word_count))
    page = checked(shown.html)
    assert "Be brief." in page.text


def test_what_a_function_uses_is_drawn_once():
    inner = function(uses=[word_count])(named("inner"))
    outer = function(uses=[inner, word_count])(named("outer"))

    assert str(cards.card(outer)).splitlines()[-3:] == [
        "  ├─ inner",
        "  │  └─ word_count",
        "  └─ word_count",
    ]


def named(name):
    def body() -> None: ...

    body.__name__ = name
    return body


def test_narrow_columns_stand_on_one_line_while_there_is_room_for_them():
    rows = [["top/publish[2]", "a long text, " * 6, "left, right"]]
    wide = [[f"{n:020}" for n in range(9)]]

    html = tables.table(rows, ["Node", "question", "choices"]).html
    many = tables.table(wide, [f"c{n}" for n in range(9)]).html

    assert html.count("<td") == 3
    assert html.count('<td class="l k"') == 2
    assert many.count('<td class="l k"') == 2


def test_a_table_is_bounded_and_numbers_stand_to_the_right():
    rows = [[f"row {n}", n * 1_000, None] for n in range(500)]

    shown = tables.table(rows, ["name", tables.Column("n", is_number=True), "c"], count=9_000)

    lines = str(shown).splitlines()
    assert lines[0] == "name         n  c"
    assert lines[2] == "row 1    1,000"
    assert lines[-1] == "… 8,950 more"
    assert "… 8,950 more" in checked(shown.html, most=30_000).text
    assert (
        "… 9,000 more" in checked(tables.table(rows, "abc", count=9_000, max_bytes=500).html).text
    )
    assert str(tables.table([], ["a"])) == "(none)"


# Pages and figures.


def test_a_page_is_one_file_that_needs_nothing():
    view = failed("study", [talk(inputs={"q": "x"}, key="k")])
    source = html_file.Source("study", "abc", (("source", "def study(): ..."),))

    beside = html_file.Beside(systems={"k": "Be brief."}, sources=[source])
    html = html_file.page(view, run="r1", beside=beside)

    page = checked(html, most=100_000, tags=PAGE_TAGS, attrs=PAGE_ATTRS)
    contents = ["#why", "#tree", "#conversations", "#usage", "#timeline", "#sources"]
    assert page.links == [*contents, "#c0"]
    for words in ("def study(): ...", "Be brief.", "It is two.", "study/ask"):
        assert words in page.text
    assert "color-scheme:light dark" in html
    assert "http" not in re.sub(r'http-equiv="[^"]*"', "", html)


@pytest.mark.slow
def test_a_page_of_ten_thousand_nodes_is_bounded():
    view = node("root", [talk(f"a{n}", parts=[UserTextPart("x" * 9_000)]) for n in range(3_333)])

    html = html_file.page(view, run="r")

    checked(html, most=html_file.MOST_BYTES, tags=PAGE_TAGS, attrs=PAGE_ATTRS)
    assert "more in the record" in html
    for most in (0, 500, 5_000, 50_000):
        assert len(html_file.page(view, max_bytes=most).encode()) <= most


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_figures_are_drawn_for_a_paper():
    view = node("study $x$", [talk("a_b^c", requests=(asked(tokens(10, out=5)),))])

    for figure in (figures.timeline_figure(view), figures.usage_figure(view)):
        out = io.BytesIO()
        figure.savefig(out, format="png")
        assert out.getvalue()[:4] == b"\x89PNG"
        assert figure._repr_png_()[:4] == b"\x89PNG"


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "matplotlib.figure", raising=False)

    with pytest.raises(NoKeyError, match=r"netflux_nb\[figures\]"):
        figures.usage_figure(wide(1))


# Numbers and values.


NUMBERS = {
    "tokens": (numbers.tokens(1_204), "1,204 tokens"),
    "one": (numbers.tokens(1), "1 token"),
    "cents": (numbers.usd(0.0134), "$0.013"),
    "less": (numbers.usd(0.000123), "$0.00012"),
    "least": (numbers.usd(1e-9), "< $0.000001"),
    "dollars": (numbers.usd(1_234.5), "$1,234.50"),
    "nothing": (numbers.usd(0), "$0.00"),
    "zero": (numbers.seconds(0), "0 s"),
    "little time": (numbers.seconds(4e-6), "4 µs"),
    "back": (numbers.usd(-0.5), "-$0.50"),
    "unknown": (numbers.usd(None), "price unknown"),
    "odd": (numbers.usd(float("nan")), "price unknown"),
    "seconds": (numbers.seconds(2.44), "2.4 s"),
    "hours": (numbers.seconds(36_000), "10.0 h"),
    "no time": (numbers.seconds(float("inf")), "?"),
    "moment": (numbers.moment(1e9), "2001-09-09 01:46:40 UTC"),
    "never": (numbers.moment(1e99), "?"),
}


@pytest.mark.parametrize(("found", "wanted"), NUMBERS.values(), ids=NUMBERS)
def test_numbers_are_for_people(found, wanted):
    assert found == wanted


class Loud:
    def __repr__(self):
        raise RuntimeError("no")


class Silent:
    pass


def test_values_are_written_shortly_and_nothing_of_theirs_can_break_it():
    looped: list = []
    looped.append(looped)
    large = "x" * 50_000_000

    assert (
        values.brief({"a": [1, (2.0, None)], "b": {1}}, 80) == "{'a': [1, (2.0, None)], 'b': {1}}"
    )
    assert values.brief([large] * 9, 20) == "['xxxxxxxxxxxxxxxxx…"
    assert values.brief(looped, 80) == "[[[[[[…]]]]]]"
    assert values.brief(Loud(), 80) == "<Loud>"
    assert values.brief(Silent(), 80) == "<Silent>"
    assert values.brief(10**20_000, 80) == "a large number"
    assert values.brief(NodeState.Error, 80) == "NodeState.Error"
    assert values.brief(b"ab" * 100, 80).endswith("(200 bytes)")
    assert values.said("as it\nis", 80) == "as it is"
    assert Page(f"<p>{values.line('<b>', 9).replace('<', '')}</p>").words


def test_a_frame_is_written_by_its_size():
    import numpy as np
    import pandas as pd

    frame = pd.DataFrame({"a": range(1_000), "b": 1})

    assert values.brief(frame, 80) == "DataFrame 1,000 × 2"
    assert values.brief([frame["a"]], 80) == "[Series of 1,000]"
    assert values.brief(np.zeros((3, 4)), 80) == "ndarray 3 × 4"
