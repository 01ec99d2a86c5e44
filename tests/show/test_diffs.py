"""Diffs as text and as HTML: what a person reads, whatever the values hold (row P4)."""

import re
from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from show.hostile import ATTRS, TAGS, Page

from netflux_nb import (
    ModelTextPart,
    NodeState,
    Runtime,
    TokenUsage,
    ToolUsePart,
    UserTextPart,
    function,
    session,
)
from netflux_nb.compare.diff import Side, diff
from netflux_nb.core.json.portable import RecordedFunction
from netflux_nb.core.views import NodeView
from netflux_nb.runtime.safe import visible
from netflux_nb.show.diffs import html, text
from netflux_nb.show.parts import marked

HOSTILE = "\x1b[31m\u202eevil\u200b<script>alert(1)</script>\x00\ud800\u2028"


def node(name="work", children=(), **more):
    """Build a finished Node, as it is read from a record."""
    kind = "agent" if more.get("transcript") else "code"
    given = {
        "id": 1,
        "inputs": {},
        "state": NodeState.Success,
        "outputs": None,
        "exception": None,
        "usage": None,
        "transcript": (),
        "started_at": 1.0,
        "ended_at": 2.0,
        "update_seqnum": 0,
    }
    return NodeView(fn=RecordedFunction(name, kind), children=tuple(children), **(given | more))


def wide(count, value):
    return node("root", [node(inputs={"n": n}, outputs=[n, value]) for n in range(count)])


def test_a_terminal_shows_the_tree_and_the_first_divergence():
    left = node("study", [node("a", outputs=1), node("b", outputs="the old way", ended_at=3.5)])
    right = node("study", [node("a", outputs=1), node("b", outputs="the new way"), node("c")])

    drawn = text(diff(Side(left, "run 1"), Side(right, "run 2")))

    assert drawn.splitlines() == [
        "study: b result · same outcome, other path · 2 = the same, 1 ≠ changed, 1 + only after",
        "",
        "       before · 00:00:01 UTC, run 1  after · 00:00:01 UTC, run 2  change",
        "calls  3                             4                                +1",
        "time   1.0 s                         1.0 s                          same",
        "",
        "First divergence: study/b (result)",
        "  result",
        "    the [-old-]{+new+} way",
        "",
        "Call             What changed              Time  Tokens  Money",
        "≈ study          by what it called        1.0 s",
        "├─ ≠ b ◀ first   result             2.5 → 1.0 s",
        "└─ + c() → null  only after               1.0 s",
        "1 the same on both sides",
    ]


def test_all_nodes_are_drawn_where_that_is_asked_for():
    drawn = text(diff(wide(3, 1), wide(3, 1)), only_changes=False)
    assert drawn.count("= work") == 3
    assert "First divergence" not in drawn
    assert "work" not in text(diff(wide(3, 1), wide(3, 1)))


def test_lines_of_a_prompt_are_marked_one_by_one():
    old = "\n".join(f"line {n}" for n in range(20))
    left = node(transcript=(UserTextPart(old),))
    right = node(transcript=(UserTextPart(old.replace("line 9", "other 9")),))

    drawn = text(diff(left, right))

    lines = drawn.splitlines()
    assert lines[lines.index("  prompt") :][:9] == [
        "  prompt",
        "      ⋯",
        "      line 7",
        "      line 8",
        "    - line 9",
        "    + other 9",
        "      line 10",
        "      line 11",
        "      ⋯",
    ]


def test_calls_and_cells_have_lines_of_their_own():
    left = node(transcript=(ToolUsePart("u", "add", {"x": 1}), ToolUsePart("v", "gone", {})))
    right = node(transcript=(ToolUsePart("w", "add", {"x": 2}),))
    drawn = text(diff(left, right))
    assert "    add $.x: [-1-]{+2+}\n    [-gone({})-]" in drawn
    old = pd.DataFrame({"a": [1, 2]})
    drawn = text(diff(node(outputs=old), node(outputs=pd.DataFrame({"a": [1, 3], "b": 0}))))
    assert "shape: [-2 rows × 1 columns-]{+2 rows × 2 columns+}" in drawn
    assert 'columns: {+"b"+}' in drawn
    assert '[1, "a"]: [-2-]{+3+}' in drawn
    new = pd.DataFrame({"a": [1, 3]})
    drawn = text(diff(node(outputs={"t": [old], "n": 1}), node(outputs={"t": [new], "n": 2})))
    assert '$.t[0] [1, "a"]: [-2-]{+3+}' in drawn
    assert "$.n: [-1-]{+2+}" in drawn


def test_of_many_large_tables_the_first_are_compared_cell_by_cell(monkeypatch):
    monkeypatch.setattr(marked, "MOST_COMPARED", 6)
    old, new = pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": [1, 3]})
    drawn = text(diff(node(outputs=[old] * 4), node(outputs=[new] * 4)))
    assert '$[1] [1, "a"]: [-2-]{+3+}' in drawn
    assert "$[2]: [-<DataFrame>-]{+<DataFrame>+}" in drawn


def test_what_could_not_be_compared_is_said():
    @function
    def thing() -> object:
        return object()

    with Runtime([thing]) as runtime:
        made = [runtime.get_ctx().invoke(thing, {}) for _ in range(2)]
        views = [one.view() for one in made if one.wait() is None]
    drawn = text(diff(*views))
    assert "no difference found" in drawn
    assert "Could not be compared: thing: result" in drawn
    assert "Could not be compared" in html(diff(*views))


def test_cost_and_tokens_are_shown_where_there_are_any():
    left = node(usage=TokenUsage(output_tokens_total=1_000), outputs="a", provider="nobody")
    drawn = text(diff(left, node(outputs="b", ended_at=4.0)))
    rows = [line.split("  ") for line in drawn.splitlines()]
    cells = {row[0]: [cell.strip() for cell in row[1:] if cell] for row in rows}
    assert cells["time"] == ["1.0 s", "3.0 s", "+200 %"]
    assert cells["tokens"] == ["1,000", "0", "−1,000"]
    assert cells["money"] == ["price unknown", "$0.00"]


def test_hostile_text_is_only_text():
    left = node(outputs="a", transcript=(ModelTextPart("a"),))
    right = node(
        inputs={HOSTILE: HOSTILE},
        outputs={HOSTILE: [HOSTILE]},
        transcript=(ModelTextPart(HOSTILE), UserTextPart(HOSTILE)),
        exception=ValueError(HOSTILE),
        state=NodeState.Error,
    )
    given_ = diff(Side(left, HOSTILE), Side(right, "b"))
    drawn, page = text(given_), html(given_)
    for shown in (drawn, page):
        assert not set(shown) & set("\x1b\u202e\u200b\x00\ud800\u2028")
        assert "⟨U+001B⟩[31m⟨U+202E⟩evil⟨U+200B⟩" in shown
    assert "<script" not in page
    assert Page(page).tags <= TAGS
    assert Page(page).attrs <= ATTRS
    only = node("root", [node(inputs={"x": HOSTILE}, outputs=HOSTILE)])
    for shown in (text(diff(node("root"), only)), html(diff(node("root"), only))):
        assert not set(shown) & set("\x1b\u202e\u200b\x00\ud800\u2028")


def test_p4_a_diff_is_a_cell_s_output_that_reads_without_its_styles():
    left = node("study", [node("a", outputs="the old way"), node("b")])
    right = node("study", [node("a", outputs="the new way"), node("c", [node("d")])])

    page = re.sub(
        r' style=("[^"]*"|[^ >]+)', "", html(diff(Side(left, "run 1"), Side(right, "run 2")))
    )

    assert "<b>study: a result</b> · same outcome, other path" in page
    assert "<b>First divergence:</b> <code>study/a</code> result" in page
    row = "<small>result</small><td class=l align=left>the <del>old</del> way"
    assert f"{row}<td class=l align=left>the <ins>new</ins> way" in page
    assert "<span>−</span> b <tt>() → null</tt><td width=150 class=l align=left>only before" in page
    assert "<summary><table align=right width=98%><tfoot align=right><tr><td align=left>" in page
    assert "<span>≈</span> study<td width=150 class=l align=left>by what it called" in page
    assert Page(page).words


def test_the_page_of_identical_runs_says_so():
    page = html(diff(wide(3, 1), wide(3, 1)))
    assert "identical" in page
    assert "<details" not in page


@pytest.mark.slow
@pytest.mark.parametrize("most", [0, 100, 500, 1_000, 3_000, 10_000, 30_000])
def test_a_page_is_bounded_and_whole(most):
    def deep(value):
        view = node(outputs=value)
        for _ in range(3_000):
            view = node(children=[view], outputs=value)
        return view

    def large(value):
        return node("root", [node(outputs=HOSTILE * 5_000 + value) for _ in range(30)])

    for pair in [
        (wide(1_000, "old"), wide(1_000, "new")),
        (large("a"), large("b" * 10_000)),
        (deep("a"), deep("b")),
        (node("root"), deep("b")),
    ]:
        page = html(diff(*pair), max_bytes=most)
        assert len(page.encode()) <= most
        words = "".join(Page(page).words)
        if most >= 1_000:
            assert " more" in words
            assert "First divergence" in words
        assert len(text(diff(*pair))) < 100_000


def test_a_deep_tree_is_drawn_with_few_levels():
    def deep(value):
        view = node(outputs=value)
        for _ in range(2_000):
            view = node(children=[view])
        return view

    drawn = text(diff(deep(1), deep(2)))
    leads = [re.match("[ │├└─]*", line)[0] for line in drawn.splitlines()]
    assert max(map(len, leads)) <= 30
    assert "≠ …/work ◀ first" in drawn


signs = st.text(
    st.characters() | st.sampled_from("\u202e\u200b\x1b\n\x00\ufe0f\U000e0001\u3164"), max_size=12
)


@given(signs)
@settings(max_examples=200)
def test_only_what_is_seen_is_left(words):
    shown = visible(words)
    assert all(c == "\n" or c.isprintable() for c in shown)
    assert not set(shown) & set("\ufe0f\U000e0001\u3164")


@given(signs, signs)
@settings(max_examples=60)
def test_two_texts_that_differ_are_shown_to_differ(left, right):
    page = html(diff(node(outputs=left), node(outputs=right)))
    Page(page)
    assert ("<ins" in page or "<del" in page) == (left != right)


def test_q37_a_version_is_shown_as_what_changed_in_it():
    def side(system, version):
        told = {"system": system, "prompt": "{text}", "uses": ["a"] if version == "1" * 32 else []}
        reply = node("reply", key="r", outputs="x")
        view = node("all", [reply], key="a")
        versions = {"r": version, "a": f"{version[0]}f"}
        described = {version: told, f"{version[0]}f": {"source": "return reply()"}}
        return Side(view, versions=versions, functions=described)

    found = diff(side("Be polite.", "1" * 32), side("Be polite, and sorry.", "2" * 32))

    drawn, page = text(found), html(found)
    title = "all: reply system prompt with “and sorry”, reply uses without “a”"
    assert drawn.startswith(f"{title} · same outcome, other path")
    for shown in (drawn, page):
        assert "1111" not in shown
        assert "2222" not in shown
    assert re.search("≠ reply ◀ first +system prompt, uses  ", drawn)
    assert re.search("≠ all +what it uses  ", drawn)
    assert re.search("Be polite<ins[^>]*>, and sorry</ins>.", page)
    unknown = diff(replace(found.left, functions={}), found.right)
    assert "1111" not in text(unknown) + html(unknown)
    assert re.search("≠ reply ◀ first +version  ", text(unknown))


def test_q37_a_title_says_what_was_compared_and_ids_stand_at_the_end():
    old, new = (
        node("study", inputs={"text": t, "n": 1}, opened_at=w)
        for t, w in (("a", 0.0), ("b", 300.0))
    )
    ids = "20261121-093012345-1f2e3d4c-1.7", "20261121-093512345-1f2e3d4c-1.9"

    found = diff(Side(old, ids[0]), Side(new, ids[1]))

    first, *_, last = text(found).splitlines()
    assert first.startswith("study: text “a” → “b” · ")
    assert last == f"before {ids[0]} · after {ids[1]}"
    assert "before · 00:00 UTC  after · 00:05 UTC" in text(found)
    assert html(found).endswith(f"<p style=margin:0><small>{last}</small></p>")
    assert "after · 00:05 UTC, sorry" in text(diff(Side(old, ids[0]), Side(new, "sorry")))


def test_q37_what_changed_in_the_same_way_is_folded_with_its_count():
    def run(word):
        calls = [node("handle", [node("reply", outputs=word)], inputs={"n": n}) for n in range(9)]
        return node("all", [*calls, *(node("sentiment", inputs={"n": n}) for n in range(3))])

    found = diff(run("a"), run("b"))

    assert text(found).splitlines()[-6:] == [
        "Call                   What changed        Time  Tokens  Money",
        "≈ all                  by what it called  1.0 s",
        "├─ ≈ handle            by what it called  1.0 s",
        "│  └─ ≠ reply ◀ first  result             1.0 s",
        "└─ 8 more handle that changed in the same way, by what they called",
        "3 the same on both sides",
    ]
    page = Page(html(found))
    assert "8 more handle that changed in the same way, by what they called" in page.words
    assert "handle[9]" in " ".join(page.words)
    assert "all/sentiment[3]" in page.words


def test_q37_conversations_stand_side_by_side_and_what_is_alike_is_folded():
    alike = [UserTextPart("Write."), ModelTextPart("Yes."), UserTextPart("Now.")]
    old = node(transcript=(*alike, ModelTextPart("the old way")))
    new = node(transcript=(*alike, ToolUsePart("u", "add", {"x": 1}), ModelTextPart("the new way")))

    page = html(diff(old, new))

    read = Page(page).words
    assert "conversation, 4 → 5 parts" in read
    assert "3 parts, the same on both sides" in read
    assert re.search("<small>→ calls</small><td[^>]*><td[^>]*><ins[^>]*>add\\(x=1\\)</ins>", page)
    assert re.search("<small>« model</small><td[^>]*>the <del[^>]*>old</del> way<td", page)


def test_q37_times_and_ids_are_masked_where_outputs_are_to_be_stable():
    session.here.is_stable = True
    run = "20261121-093012345-1f2e3d4c-1.7"
    found = diff(Side(node(outputs=1), run), Side(node(outputs=2, ended_at=9.0), run))

    for shown in (text(found), html(found)):
        assert run not in shown
        assert "before ‹run› · after ‹run›" in shown
        assert "before · ‹time›" in shown
        assert "1.0 s" not in shown
        assert "8.0 s" not in shown
