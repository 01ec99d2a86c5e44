"""A finished run as a list of changes that a browser plays: whole, bounded, of text alone."""

import json
import math

import pytest
from show import samples
from show.forest import failed, node, talk
from show.hostile import HOSTILE, UNSEEN, hostile_tree

from netflux_nb.core import events as ev
from netflux_nb.core.messages import ModelTextPart, Spent, TokenUsage, UserTextPart
from netflux_nb.core.policy import Answer, WaitingOn
from netflux_nb.core.views import NodeState
from netflux_nb.show.wire import playback as played
from netflux_nb.show.wire.playback import MOST_BYTES, Heard, playback

USED = TokenUsage(input_tokens_total=10, input_tokens_regular=10, output_tokens_total=5)


def read(view, heard=None, **more):
    return json.loads(playback(view, "a run", heard, **more))


def hear(*events):
    heard = Heard()
    for seq, (time, number, body) in enumerate(events):
        heard(ev.Event(seq, time, number, body))
    return heard


def test_every_node_is_called_begins_and_ends_when_it_did():
    view = samples.run()

    found = read(view)

    rows = {row[0]: row for row in found["nodes"]}
    seen = set()
    for row in found["nodes"]:
        assert row[1] == -1 or row[1] in seen, "a parent comes before its children"
        seen.add(row[0])
    for _, one in view.walk():
        begun = (one.started_at - view.opened_at) * 1000
        assert rows[one.id][6] == pytest.approx(max(begun, 0.01), abs=0.01)
        assert (rows[one.id][7] > 0) == one.is_done
    assert found["took"] == 48_200
    assert found["left_out"] == 0


def test_what_was_used_adds_up_to_the_bill():
    view = samples.run()

    found = read(view)

    bill = view.bill()
    assert sum(one[2] for one in found["spent"]) == bill.usage.total
    assert sum(one[3] for one in found["spent"]) == pytest.approx(bill.usd)
    assert found["spent"] == sorted(found["spent"])


def test_what_a_node_waited_for_is_heard():
    on = WaitingOn("approval", "publish() wants a yes", id="q")
    heard = hear(
        (1.0, 1, ev.NodeWaits(on)),
        (2.0, 1, ev.Answered(Answer(True, "ada"))),
        (2.0, 1, ev.NodeWaits(None)),
        (2.5, 1, ev.StatusSet("half way")),
        (2.6, 1, ev.NodeWaits(WaitingOn("model", "claude"))),
    )

    found = read(node(opened_at=1.0), heard)

    assert found["turns"] == [
        [0.0, 1, "approval", "publish() wants a yes"],
        [1000.0, 1, "", "approved by ada"],
        [1500.0, 1, "", "half way"],
        [1600.0, 1, "model", ""],
    ]


def test_parts_of_a_conversation_come_when_they_were_said():
    said = [UserTextPart("a"), ModelTextPart("b"), ModelTextPart("c")]
    view = talk(parts=said, children=[node(id=2)], opened_at=1.0)
    heard = hear(
        (1.1, 1, ev.PartAdded(UserTextPart("a"))),
        (1.5, 1, ev.RequestEnded(Spent("p", "m", USED), (ModelTextPart("b"),))),
    )

    found = read(view, heard)

    said = found["panes"]["1"]["transcript"]
    assert [(part[0], part[3]) for part in said] == [(100.0, "a"), (500.0, "b"), (1000.0, "c")]


def test_without_a_record_it_is_known_when_models_were_asked():
    asked = Spent("p", "m", USED, seconds=0.5, time=1.8)

    found = read(node(kind="agent", requests=[asked], usage=USED, opened_at=1.0))

    assert found["turns"] == [[300.0, 1, "model", ""], [800.0, 1, "", ""]]


@pytest.mark.slow
@pytest.mark.parametrize("words", ["short", "é中" * 200])
def test_a_large_run_is_bounded_and_failures_come_first(words):
    bad = set(range(7, 9_000, 1_000))
    made = [
        (failed if n in bad else node)("leaf", inputs={"text": words}, outputs=words, id=n)
        for n in range(9_000)
    ]
    view = node("root", made, id=9_001)

    text = playback(view)

    assert len(text.encode()) <= MOST_BYTES
    found = json.loads(text)
    assert found["left_out"] == 9_001 - len(found["nodes"]) > 0
    assert bad <= {row[0] for row in found["nodes"]}


@pytest.mark.parametrize("most", [5_000, 20_000, 100_000])
def test_rows_come_first_and_what_stands_behind_them_takes_what_is_left(most):
    made = [node("leaf", inputs={"n": n}, id=n) for n in range(2, 302)]
    view = node("root", made, inputs={"n": 1})

    text = playback(view, most=most)

    assert len(text.encode()) <= most
    found = json.loads(text)
    assert len(found["nodes"]) > 5
    assert len(found["panes"]) + found["unsent"] == len(found["nodes"])


def test_what_was_used_below_what_is_left_out_is_told_of_the_node_above():
    spent = [Spent("p", "m", USED, time=1.5)]
    made = [node("a", kind="agent", requests=spent, usage=USED, id=n) for n in range(2, 302)]
    view = node("root", made, id=1)

    found = read(view, most=10_000)

    assert found["left_out"] > 100
    assert sum(one[2] for one in found["spent"]) == 300 * USED.total


@pytest.mark.parametrize("odd", [math.nan, math.inf, -1e300, "soon", True, None, [1]])
def test_odd_times_are_none(odd):
    view = node("root", [node("leaf", started_at=odd, ended_at=odd, opened_at=odd)], opened_at=1.0)

    found = read(view)

    assert all(math.isfinite(time) and time >= 0 for row in found["nodes"] for time in row[5:8])


def test_a_run_without_times_is_not_played():
    assert playback(node(started_at=None, ended_at=None)) == ""


def test_what_was_cut_off_has_no_end():
    cut = node("b", state=NodeState.CutOff, ended_at=None, id=2)

    found = read(node("a", [cut], state=NodeState.CutOff, ended_at=None))

    assert [row[7] for row in found["nodes"]] == [0, 0]
    assert [row[8] for row in found["nodes"]] == [5, 5]


@pytest.mark.slow
@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_text_is_seen_and_bounded(kind):
    words = HOSTILE[kind]
    heard = hear(
        (1.0, 1, ev.NodeWaits(WaitingOn("answer", words))),
        (1.5, 1, ev.Answered(Answer(words, words[:1_000]))),
        (1.6, 1, ev.NodeWaits(None)),
        (1.7, 1, ev.StatusSet(words)),
    )

    text = playback(hostile_tree(words), words, heard)

    assert len(text.encode()) <= MOST_BYTES
    assert not set(text) & UNSEEN
    assert json.loads(text)["turns"]


def test_what_is_heard_is_bounded():
    heard = hear(*((float(n), 1, ev.StatusSet("x")) for n in range(played.MOST_HEARD + 50)))

    assert len(heard.turns) == played.MOST_HEARD
