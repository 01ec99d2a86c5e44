import json
import os
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stories import FIXTURES, LEAF, PLAYED, TOP, Story, made, played, write

from netflux_nb.core import bill
from netflux_nb.core import events as ev
from netflux_nb.core.messages import ModelTextPart, UserTextPart
from netflux_nb.core.policy import WaitingOn
from netflux_nb.jupyter.live import feed as feeds
from netflux_nb.jupyter.live.feed import FRAME_BYTES, Feed, size
from netflux_nb.show.wire import details


@dataclass
class Table:
    source = "a test"

    def __call__(self, provider, model, usage, time, /):
        return 0.001 * usage.total if model == "known" else None


@pytest.fixture(autouse=True)
def prices():
    with bill.prices.filled(Table()):
        yield


def known(messages):
    """Fold messages as a browser does, in the fewest words: rows by id, and the last number."""
    rows, heads, seq, names = {}, {}, -1, []
    for message in messages:
        if message["t"] == "snap":
            if message["part"] == 0:
                rows, heads, names = {}, {}, []
            seq = message["seq"]
        else:
            assert message["seq"] == seq + 1
            seq = message["seq"]
        names += message.get("names", [])
        for row in [*message.get("rows", []), *message.get("add", [])]:
            assert row[0] not in rows
            assert row[1] == -1 or row[1] in rows, "a parent comes before its children"
            heads[row[0]] = [row[1], names[row[2]], *row[3:5]]
            rows[row[0]] = row[5:]
        for row in message.get("upd", []):
            rows[row[0]] = row[1:]
    return rows, heads


@pytest.mark.parametrize("name", ["growing", "asking", "spending", "streaming", "again"])
def test_the_feed_makes_the_messages_that_the_browser_is_tested_with(name):
    if os.environ.get("NETFLUX_WRITE_FIXTURES"):
        write()
    kept = json.loads((FIXTURES / f"{name}.json").read_text())
    assert json.loads(json.dumps(made()[name])) == kept
    assert played()[name] == json.loads(PLAYED.read_text())[name]


STEPS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 30)), max_size=40)


@given(STEPS)
def test_what_is_told_piece_by_piece_is_the_last_snapshot(steps):
    story = Story().opens(1, None, TOP).happens(1, ev.NodeStarted()).looks()
    opened, closed = [1], set()
    for kind, which in steps:
        node = opened[which % len(opened)]
        if kind == 0 and node not in closed:
            story.opens(len(opened) + 1, node, LEAF, x=which)
            opened.append(len(opened) + 1)
        elif kind == 1 and node not in closed:
            story.happens(node, ev.NodeWaits(WaitingOn("approval", "may it?")))
        elif kind == 2 and node not in closed:
            story.happens(node, ev.NodeStarted())
        elif kind == 3 and node > 1 and node not in closed:
            closed.add(node)
            story.happens(node, ev.NodeClosed("error" if which % 2 else "success"))
        elif kind == 4:
            story.happens(node, ev.StatusSet(f"step {which}"))
        else:
            story.looks()
    story.looks()
    fresh = Feed(story.fold.view(1), "a study")
    fresh._since = story.feed._since
    rows, heads = known(story.messages)
    again, again_heads = known(fresh.snapshot())
    assert heads == again_heads
    assert {k: v[:1] + v[3:] for k, v in rows.items()} == {
        k: v[:1] + v[3:] for k, v in again.items()
    }


def test_a_view_in_which_nothing_happened_is_told_in_no_words():
    story = Story().opens(1, None, TOP).looks()
    assert story.feed.update(story.fold.view(1)) == []


def wide(count):
    story = Story().opens(1, None, TOP).happens(1, ev.NodeStarted())
    for node in range(2, count + 2):
        story.opens(node, 1, LEAF, x="é" * 60)
    return story


def test_a_large_snapshot_is_told_in_frames_that_pass():
    story = wide(10_000).looks()
    snapshot = story.feed.snapshot()
    assert len(snapshot) > 1
    assert max(map(size, snapshot)) <= 256_000
    rows, _ = known(snapshot)
    assert len(rows) == 10_001


def test_many_changes_at_once_are_told_in_frames_that_pass():
    story = Story().opens(1, None, TOP).looks()
    for node in range(2, 10_002):
        story.opens(node, 1, LEAF, x="é" * 60)
    before = len(story.messages)
    story.looks()
    news = story.messages[before:]
    assert max(map(size, news)) <= 256_000
    assert [m["seq"] for m in news] == list(range(news[0]["seq"], news[0]["seq"] + len(news)))
    assert len(known(story.messages)[0]) == 10_001


def test_one_change_among_ten_thousand_is_told_in_few_bytes():
    story = wide(10_000).looks()
    story.happens(500, ev.NodeStarted()).looks()
    assert size(story.messages[-1]) < 400


def test_the_first_frame_is_bounded_and_says_what_is_not_in_it():
    story = wide(10_000).looks()
    first = story.feed.snapshot(100_000)
    assert len(first) == 1
    assert size(first[0]) <= 110_000
    assert len(first[0]["rows"]) + first[0]["run"]["left_out"] == 10_001


def test_a_tree_that_is_too_large_is_cut_and_counted(monkeypatch):
    story = wide(100)
    feed = Feed(story.fold.view(1), most=50)
    assert len(known(feed.snapshot())[0]) == 50
    assert feed.snapshot()[0]["run"]["left_out"] == 51


def test_what_was_left_out_is_counted_once_however_often_it_changes():
    story = wide(100)
    feed = Feed(story.fold.view(1), most=50)
    story.happens(99, ev.NodeStarted()).happens(100, ev.NodeStarted())
    feed.update(story.fold.view(1))
    assert feed.left_out == 51


def test_a_chain_of_ten_thousand_is_told_without_recursion():
    story = Story().opens(1, None, TOP)
    for node in range(2, 10_002):
        story.opens(node, node - 1)
    story.looks().happens(10_001, ev.NodeStarted()).looks()
    assert known(story.messages)[0][1][6] == 10_000


HOSTILE = [
    "\x1b[31mred",
    "a\u202eb",
    "zero\u200bwidth",
    "\ud800 alone",
    "\U000e0041tag",
    "line\nline",
    "x" * 10_000_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_reaches_the_wire_unseen_or_unbounded(text):
    story = Story().opens(1, None, TOP, text=text).happens(1, ev.NodeStarted())
    story.happens(1, ev.StatusSet(text)).happens(1, ev.NodeWaits(WaitingOn("answer", text)))
    story.looks()
    story.happens(1, ev.NodeClosed("error", None, ValueError(text))).looks()
    for message in story.messages:
        written = json.dumps(message, ensure_ascii=False)
        written.encode()
        assert len(written) < 3_000
        assert not any(c in written for c in "\x1b\u202e\u200b\U000e0041")


class Rude:
    def __repr__(self):
        raise RuntimeError("no")


def test_a_value_that_cannot_be_said_is_named_by_its_type():
    story = Story().opens(1, None, TOP, x=Rude()).looks()
    assert "Rude" in story.messages[0]["rows"][0][4]
    assert "Rude" in story.feed.page(1, "inputs", (0, 0))["parts"][0][4]


def test_a_long_pane_is_given_page_by_page_and_nothing_is_lost():
    story = Story().opens(1, None, TOP).looks()
    texts = ["é" * 150_000, "", "b" * 10, "c\x00" * 9_000]
    for text in texts:
        story.happens(1, ev.PartAdded(ModelTextPart(text)))
    story.looks()
    at, got, count = (0, 0), {}, 0
    while at is not None:
        page = story.feed.page(1, "transcript", tuple(at))
        assert size(page) <= 64_000
        for part, offset, _, _, text, end in page["parts"]:
            assert got.setdefault(part, ["", 0])[1] == offset
            got[part] = [got[part][0] + text, end]
        at = page["next"]
        count += 1
    assert count > 4
    assert [got[i][0] for i in range(4)] == [
        *texts[:3],
        texts[3].replace("\x00", "⟨U+0000⟩"),
    ]


def test_a_page_that_is_not_there_is_empty():
    story = Story().opens(1, None, TOP).looks()
    for pane in details.PANES:
        assert story.feed.page(1, pane, (7, 99))["parts"] == []


def test_what_grows_is_followed_from_where_it_was(monkeypatch):
    story = Story().opens(1, None, TOP).happens(1, ev.PartAdded(UserTextPart("hi"))).looks()
    story.feed.watch(1, (0, 2))
    story.happens(1, ev.PartAdded(ModelTextPart("ho"))).looks()
    assert story.messages[-1]["tail"] == [[1, 1, 0, "model", "said", "ho", 2]]
    story.happens(1, ev.NodeStarted()).looks()
    assert "tail" not in story.messages[-1]


def test_only_so_many_conversations_are_followed():
    story = wide(20).looks()
    for node in range(1, 20):
        story.feed.watch(node, (0, 0))
    assert len(story.feed._watched) == feeds.MOST_WATCHED


def test_frames_leave_room_for_what_carries_them():
    assert FRAME_BYTES < 256_000
