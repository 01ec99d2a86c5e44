"""Trees of runs that come from others: what their rows and headings say of it."""

import json
import re

import pytest

from netflux_nb import agent, function
from netflux_nb.core.events import Event, NodeOpened, RunBegan
from netflux_nb.core.fold import Fold
from netflux_nb.core.policy import Change
from netflux_nb.core.views import NodeOrigin
from netflux_nb.jupyter.live.feed import Feed
from netflux_nb.record.journal import Journal
from netflux_nb.replay.begin import fork, rerun, resume
from netflux_nb.replay.recording import Recording
from netflux_nb.runtime.runtime import Runtime
from netflux_nb.show.parts import text
from netflux_nb.show.trees import tree
from netflux_nb.show.wire.playback import playback
from netflux_nb.testing import ScriptedModel

CLOCK = r"\d\d:\d\d"

title = agent("title(text: str)", "Title of {text}", model="scripted")


@function
def count(text: str) -> int:
    """Count."""
    return len(text)


@function(uses=[title, count])
def study(texts: list[str]) -> list[str]:
    """Name each text, and count it."""
    return [f"{title(text=one)} {count(text=one)}" for one in texts]


@pytest.fixture
def ran(tmp_path):
    """Run something with its own journal; give its live view, its recording and its name."""

    def run(begin, reply="<{}>"):
        models = {"scripted": ScriptedModel(lambda asked: reply.format(asked.parts[0].text))}
        with Journal(tmp_path) as journal, Runtime([study], models=models, sink=journal) as runtime:
            node = begin(runtime)
            node.wait(timeout=30)
            view, name = node.view(), runtime.run_name(node)
        return view, Recording(tmp_path, name)

    return run


@pytest.fixture
def was(ran):
    return ran(lambda rt: rt.invoke(None, study, {"texts": ["a", "b"]}))[1]


def key_of(recording, path):
    fn, _, nth = path.partition(":")
    same = [one for one in recording.nodes.values() if one.fn_name == fn]
    return same[int(nth or 1) - 1].key


def sources(view):
    """Give what each row says, by its path, of where it comes from."""
    return {
        f"{one.fn.name}({next(iter(one.inputs.values()), '')})": text.source(one, view.origin)
        for _, one in view.walk()
    }


def test_q36_a_fork_says_of_which_run_it_is_where_and_what_was_changed(ran, was):
    change = Change(key_of(was, "title:2"), inputs={"text": "B"})

    view, kept = ran(lambda rt: fork(rt, was, change, study))

    end = was.run.rpartition("-")[2]
    words = text.came_from(view)
    assert re.fullmatch(rf"↱ fork of \w+-{re.escape(end)}, {CLOCK}, at study/title\[2\]", words)
    said = sources(view)
    assert re.fullmatch(rf"» served from …{re.escape(end)}, {CLOCK}", said["title(a)"])
    assert said["title(B)"] == "↱ changed"
    # What its caller did after it is live, and no other call.
    assert said["study(['a', 'b'])"] == said["count(b)"] == ""
    assert view == kept.view


def test_q36_a_rerun_says_what_was_served_and_what_ran_again(ran, was):
    view, kept = ran(lambda rt: rerun(rt, was, study, inputs={"texts": ["a", "c"]}))

    said = sources(view)
    assert re.match(r"↻ rerun of \w+-", text.came_from(view))
    assert said["title(a)"].startswith("» served from …")
    assert said["title(c)"] == said["study(['a', 'c'])"] == "↻ run again"
    assert view == kept.view


def test_q36_a_prompt_that_a_fork_changed_is_marked_and_a_rerun_of_it_is_served(ran, was):
    change = Change(key_of(was, "title:1"), prompt="Name {text}")

    view, kept = ran(lambda rt: fork(rt, was, change, study))
    again, _ = ran(lambda rt: rerun(rt, kept, study))

    assert sources(view)["title(a)"] == "↱ changed"
    assert sources(view)["title(b)"] == ""
    assert text.came_from(again).startswith("↻ rerun of ")
    assert sources(again)["study(['a', 'b'])"].startswith("» served from …"), "as the fork had it"


def test_q36_a_changed_root_is_marked_itself(ran, was):
    change = Change(was.root.key, inputs={"texts": ["z"]})

    view, _ = ran(lambda rt: fork(rt, was, change, study))

    assert sources(view)["study(['z'])"] == "↱ changed"
    assert text.came_from(view).endswith(", at study")


def test_q36_words_are_the_same_live_finished_and_played(ran, was):
    change = Change(key_of(was, "title:2"), inputs={"text": "B"})
    view, kept = ran(lambda rt: fork(rt, was, change, study))

    feed = Feed(view, "a run")
    (snap,) = feed.snapshot()
    played = json.loads(playback(kept.view, "a run"))
    shown = tree(kept.view, run=kept.run)

    told = {row[0]: snap["names"][row[16] - 1] for row in snap["rows"] if len(row) > 16}
    wanted = {one.id: said for _, one in view.walk() if (said := text.source(one, view.origin))}
    assert told == wanted
    assert {row[0]: played["marks"][row[10] - 1] for row in played["nodes"] if row[10]} == wanted
    came = text.came_from(view)
    assert snap["run"]["from"] == played["from"] == came
    for words in (*wanted.values(), came):
        assert words in str(shown)
        assert words in shown.html.replace("\u00a0", " ")


def test_a_run_that_stands_alone_says_nothing_of_it(was):
    assert text.came_from(was.view) == ""
    assert set(sources(was.view).values()) == {""}


def test_a_resumed_run_names_the_one_it_goes_on_from(ran, was):
    broken = ran(lambda rt: rt.invoke(None, study, {"texts": ["a"]}), reply="{0.x}")[1]
    assert broken.root.outcome == "error"

    view, _ = ran(lambda rt: resume(rt, broken, study))

    assert re.match(r"↻ resume of \w+-\S+, ", text.came_from(view))
    assert sources(view)["title(a)"] == "", "it went on by itself"


def opened(seq, node, parent, fn, inputs, key):
    return Event(seq, float(seq), node, NodeOpened(parent, fn, inputs, key))


def test_a_change_is_looked_for_in_its_own_tree_alone():
    folding = Fold()
    change = Change("k2", inputs={"text": "B"}, above="k1", path="study/title[2]")
    for root in (1, 11):
        folding.apply([opened(1, root, None, study, {}, "k1")])
    folding.apply([Event(2, 2.0, 1, RunBegan({"of": "r-1.1", "how": "fork"}, (change,)))])
    for root in (11, 1):
        for n in range(3):
            folding.apply([opened(3, root + 1 + n, root, title, {"text": str(n)}, f"c{n}")])

    marked = [one.id for root in (1, 11) for _, one in folding.view(root).walk() if one.origin]

    assert marked == [1, 3]
    folding.drop(1)
    assert folding._changed == {}


@pytest.mark.parametrize(
    "info", [None, {}, {"of": 3, "how": ["x"]}, {"of": "r", "how": "fork", "of_began": "soon"}]
)
def test_odd_beginnings_are_shown(info):
    folding = Fold()
    change = Change("k", above=None, path="../\u202e" + "x" * 500)
    folding.apply(
        [
            opened(1, 1, None, study, {}, "k1"),
            Event(2, 2.0, 1, RunBegan(info, (change,))),  # type: ignore[arg-type]
        ]
    )

    view = folding.view(1)

    words = text.came_from(view)
    assert "\u202e" not in words
    assert len(words) < 200
    assert str(tree(view))


def test_a_name_of_a_run_is_bounded_and_seen():
    folding = Fold()
    folding.apply([opened(1, 1, None, study, {}, "k1")])
    odd = NodeOrigin("fork<b>" * 20, "r\u202e" * 400, float("inf"), "p" * 10_000)

    class View:
        origin, opened_at = odd, 1.0

    assert len(text.came_from(View)) < 250  # type: ignore[arg-type]
    assert "\u202e" not in text.came_from(View)  # type: ignore[arg-type]
