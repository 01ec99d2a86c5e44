"""The card of a question: who asks, where in which run, and what was answered before."""

import pytest

import netflux_nb
from netflux_nb import Approvals, Runtime, agent, function, runs
from netflux_nb.show.parts import text
from netflux_nb.testing import ScriptedModel, call


@function(needs_approval=True)
def publish(text: str) -> str:
    """Publish."""
    return f"published {text}"


planner = agent("planner(text: str)", "Publish {text}", uses=[publish], model="planning")


@function(uses=[planner, publish])
def study(text: str) -> str:
    """Let it be published."""
    planner(text=text)
    return publish(text=text)


@pytest.fixture
def planning(store):
    """A runtime whose agent publishes."""
    model = ScriptedModel([call("publish", text="draft"), "It is done."])
    with Runtime(is_open=True, models={"planning": model}, policies=[Approvals()]) as runtime:
        netflux_nb.use(runtime)
        yield runtime


def asked(told, holds=bool):
    found = told.wait(lambda m: holds(m.get("pending") or []))
    return found["pending"]


def answer(told, one, verb="approve", number=1):
    order = {
        "t": "do",
        "id": number,
        "verb": verb,
        **{k: one[k] for k in ("run", "node", "question")},
    }
    told.say(order)
    return told.wait(lambda m: m["t"] == "said" and m["id"] == number)


def test_q39_a_card_names_the_agent_the_path_and_what_was_answered_before(told, planning):
    told.say({"t": "hello"})
    run = study.start(text="a")
    [first] = asked(told)
    assert (first["path"], first["asker"]) == ("study/planner/publish", "planner")
    assert "before" not in first or first["before"] == {}

    assert answer(told, first)["ok"]

    [second] = asked(told, lambda all: [one for one in all if one["path"] == "study/publish"])
    assert second["asker"] == ""
    known = asked(told, lambda all: [one for one in all if one["before"]])[0]["before"]
    assert (known["approved"], known["rejected"], known["how"]) == (1, 0, "approved")
    assert known["mine"]
    assert known["last"] > 0
    answer(told, second, "reject", 2)
    run.wait(60)


def test_q39_the_tree_says_who_answered_live_and_from_the_record(told, planning):
    told.say({"t": "hello"})
    run = study.start(text="a")
    answer(told, asked(told)[0])
    second = asked(told, lambda all: [one for one in all if one["path"] == "study/publish"])[0]
    answer(told, second, "reject", 2)
    run.wait(60)

    for view in (run.view(), runs[run.id]._stored()):
        nodes = {"/".join((str(depth), one.fn.name)): one for depth, one in view.walk()}
        assert text.answered(nodes["2/publish"]).startswith("✓ approved by ")
        assert text.answered(nodes["1/publish"]).startswith("✗ rejected by ")
        assert text.answered(nodes["1/planner"]) == ""
    assert "approved by" in run.tree().html
    assert "rejected by" in str(run.tree())


def test_a_question_of_one_kind_is_answered_by_its_own_id(told, planning):
    told.say({"t": "hello"})
    made = [publish.start(text="same"), publish.start(text="same")]
    both = asked(told, lambda all: len(all) == 2)
    assert len({one["question"] for one in both}) == 2 or both[0]["node"] != both[1]["node"]

    answer(told, both[1])

    [left] = asked(told, lambda all: len(all) == 1 and all[0]["node"] == both[0]["node"])
    assert left["run"] == both[0]["run"]
    assert not answer(told, both[1], number=2)["ok"]
    answer(told, left, number=3)
    assert [one.wait(60).result() for one in made] == ["published same"] * 2


def test_q39_a_run_that_is_itself_the_call_that_asks_counts_too(told, planning):
    told.say({"t": "hello"})
    one, two = publish.start(text="same"), publish.start(text="same")
    both = asked(told, lambda all: len(all) == 2)

    answer(told, both[0])

    [left] = asked(told, lambda all: len(all) == 1 and all[0]["before"])
    assert left["before"]["approved"] == 1
    answer(told, left, number=2)
    assert one.wait(60).result() == two.wait(60).result()
