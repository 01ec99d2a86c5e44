"""Static trees: bounded, of every level some, what failed first (row P1, the static half)."""

import datetime
import re
import threading

import numpy as np
import pandas as pd
import pytest
from show.forest import asked, deep, failed, node, talk, tokens, wide
from show.hostile import Page, checked

from netflux_nb import NodeState
from netflux_nb.core.json.portable import Unkept
from netflux_nb.core.policy import WaitingOn
from netflux_nb.show.parts.outline import MOST_LEVELS, outline
from netflux_nb.show.parts.text import tree as drawn
from netflux_nb.show.trees import tree


def plain(html):
    """Give HTML without its styles and classes, as a code host shows it."""
    bare = re.sub(r"<style>.*?</style>", "", html)
    bare = re.sub(r' (style|class|width|align)=("[^"]*"|[^\s>]+)', "", bare)
    return bare.replace("\u00a0", " ").replace("\u2003", "")


def test_p1_a_finished_run_is_one_line_and_its_nodes():
    view = node("study", [node("fetch", inputs={"url": "a"}, outputs="page"), talk()], ended_at=3.4)

    html = plain(tree(view, run="r1").html)

    assert html.startswith(
        "<div><p><b>●</b> <b>study</b> Success · 4 Nodes · 2.4 s <small>r1</small></p>"
    )
    assert "<tr><th>Call<th>State<th>Time<th>Tokens<th>Money</table>" in html
    assert "<details open><summary><table><tfoot><tr><td><b>●</b> study<td>Success<td>2.4 s" in html
    assert "<tr><td><b>●</b> fetch <tt>url='a'</tt> → page<td>Success<td>1.0 s<td><td>" in html
    assert "<details><summary><small>conversation, 5 parts</small></summary>" in html
    assert "<td><small>» user</small><td>What is it?" in html
    assert "<td><small>« model</small><td>It is two." in html


def test_p1_text_and_page_hold_the_same_nodes():
    view = node("study", [talk(), failed("boom")])

    shown = tree(view)

    for words in ("study", "ask", "count", "boom", "it broke", "Error"):
        assert words in str(shown)
        assert words in Page(shown.html).text


@pytest.mark.slow
def test_p1_ten_thousand_nodes_are_drawn_whole_and_small():
    views = [
        wide(10_000),
        deep(10_000),
        node("root", [wide(99, name=f"n{i}") for i in range(100)]),
    ]

    for view in views:
        html = tree(view).html

        checked(html, most=30_000)
        assert " more" in html


@pytest.mark.slow
@pytest.mark.parametrize("most", [0, 50, 200, 1_000, 5_000, 30_000, 200_000, 10_000_000])
def test_p1_a_tree_is_as_large_as_it_may_be_and_whole(most):
    for view in (
        wide(3_000, bad=range(0, 3_000, 7)),
        deep(500),
        node("r", [talk() for _ in range(200)]),
    ):
        html = tree(view, max_bytes=most).html

        checked(html, most=min(most, 200_000))
        # The room is used, and not left lying about.
        if 5_000 <= most <= 30_000 and len(view.children) > 1:
            assert len(html) > most / 2


def test_what_failed_is_seen_among_thousands():
    html = plain(tree(wide(10_000, bad=[7_777, 9_998])).html)

    assert "leaf[7778] <tt>n=7777</tt> ValueError: it broke<td>" in html
    assert "leaf[9999] <tt>n=9998</tt>" in html
    assert re.search(r"<small>… 9,8\d\d more leaf: 9,8\d\d Success</small>", html)
    assert re.search(r"<p><small>… 9,8\d\d more in the record</small></p>", html)


def test_the_way_to_what_failed_is_unfolded_and_the_rest_is_folded():
    bad = node("outer", [node("fine", [node("x")]), node("way", [failed("boom")])])
    view = node("root", [*(node("other", [node("y")]) for _ in range(30)), bad])

    html = plain(tree(view).html)

    fold = "<summary><table><tfoot><tr><td><b>●</b>"
    assert f"<details open>{fold} outer" in html
    assert f"<details open>{fold} way" in html
    assert f"<details>{fold} fine" in html
    assert f"<details>{fold} other" in html


def test_a_failure_in_the_deep_stands_below_the_last_level():
    html = plain(tree(deep(5_000, last=failed("boom"))).html)

    assert "…/boom ValueError: it broke<td>" in html
    assert html.count("<ul") <= MOST_LEVELS + 2


def test_every_level_is_seen_and_not_only_the_first_branch():
    view = node("root", [wide(60, name=f"leaf{i}") for i in range(60)])

    html = plain(tree(view).html)

    assert len(set(re.findall(r"</b> (leaf\d+)", html))) > 3
    assert len(re.findall(r"</b> root\[\d+\]", html)) > 10


def test_siblings_stand_in_their_order_whatever_was_chosen_first():
    view = wide(30, bad=[20])
    chosen = outline(view, lambda row: True)

    assert [row.place for row in chosen.top.below] == list(range(30))
    assert chosen.shown == chosen.count == 31
    assert chosen.top.rest == ""


def test_what_is_left_out_is_named_by_kind_and_state():
    left = [4]
    view = node("root", [*(node("a") for _ in range(5)), *(failed("b") for _ in range(20))])

    def take(row):
        left[0] -= 1
        return left[0] >= 0

    chosen = outline(view, take)

    assert chosen.top.rest == "… 5 more a: 5 Success; 17 more b: 17 Error"


def test_who_waits_for_a_person_is_shown_before_others():
    on = WaitingOn("approval", "May I?")
    held = node("held", state=NodeState.Waiting, waiting_on=on, ended_at=None)

    html = tree(node("root", [*(node() for _ in range(5_000)), held]), max_bytes=5_000).html

    assert "<b>!</b> held May I?<td><span>asks you</span>" in plain(html)


def test_p6_a_subtree_says_what_it_used_and_what_serving_it_saved():
    ask = talk(requests=(asked(tokens(1_000, out=204)), asked(tokens(50), served=True)))

    html = plain(tree(node("study", [ask])).html)

    assert "1,204 tokens · $0.00 · 1 of 2 requests served from the record, which would have" in html
    assert "<b>ask</b>" in html
    assert "<td>1,204<td>$0.00" in html


def test_a_tree_in_a_terminal_is_bounded_and_says_what_is_left():
    rows = drawn(wide(1_000), limit=20).splitlines()

    assert len(rows) == 23  # with the heads of the columns
    assert rows[-2] == "└─ … 981 more leaf: 981 Success"
    assert rows[-1] == "… 981 more in the record"


def test_a_bundle_holds_text_and_markdown_that_are_bounded():
    bundle = tree(wide(5_000))._repr_mimebundle_()

    assert set(bundle) == {"text/plain", "text/html", "text/markdown"}
    assert len(bundle["text/plain"]) < 9_000
    assert len(bundle["text/markdown"]) < 5_000
    assert bundle["text/plain"].endswith("more lines; `print` shows them)")


def test_a_whole_call_that_was_served_claims_no_money():
    view = node("study", [node("ask", served=True)])

    said = str(tree(view))

    assert "1 Node served from the record" in said
    assert "would have cost" not in said


class Odd:
    """What no record keeps."""


UNKEPT = {
    "a lock": ({"outputs": threading.Lock()}, "1 value could not be kept: lock"),
    "two": (
        {"outputs": [Odd()], "inputs": {"x": Odd()}},
        "2 values could not be kept: Odd × 2",
    ),
    "of a stored run": ({"outputs": Unkept("Odd")}, "1 value could not be kept: Odd"),
}
KEPT = {
    "plain": {"a": [1, 2.0, None, "x"], "b": (b"x", {1})},
    "large": list(range(100_000)),
    "a table": pd.DataFrame({"a": [1, 2]}),
    "a large table": pd.DataFrame({"a": range(10_000)}),
    "an array": {"all": np.zeros(3)},
    "a day": datetime.date(2026, 1, 1),
}


@pytest.mark.parametrize(("what", "words"), UNKEPT.values(), ids=UNKEPT)
def test_q14_a_finished_tree_says_what_could_not_be_kept(what, words):
    shown = tree(node("root", [node("make", **what)]))

    assert words in str(shown).splitlines()[0]
    assert words in plain(shown.html)


@pytest.mark.parametrize("value", KEPT.values(), ids=KEPT)
def test_q14_of_what_is_kept_nothing_is_said(value):
    assert "kept" not in str(tree(node("root", outputs=value, inputs={"x": value}))).splitlines()[0]


def test_a_state_without_an_outcome_is_said_once_in_text():
    view = node("top", [node("stopped", id=2, state=NodeState.Canceled)])

    (row,) = (row for row in str(tree(view)).splitlines() if "stopped" in row)

    assert row.count("Canceled") == 1
