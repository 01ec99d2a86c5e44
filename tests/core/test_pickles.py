"""Views and events travel through pickle and deepcopy."""

import copy
import pickle
import subprocess
import sys
import threading

import pytest

from netflux_nb import AgentException, NodeState, Runtime, agent, function
from netflux_nb.core import RunContext
from netflux_nb.core.errors import RecordedError
from netflux_nb.core.events import NodeOpened
from netflux_nb.core.functions.versions import Version
from netflux_nb.core.json.portable import RecordedFunction, view_from_json, view_to_json
from netflux_nb.core.policy import Change
from netflux_nb.testing import ScriptedModel, call


class PickyError(Exception):
    """Its `__init__` wants another number of things than its message."""

    def __init__(self, code, words):
        super().__init__(f"{code}: {words}")
        self.code = code


class StuckError(Exception):
    """What it holds cannot be pickled."""

    def __init__(self):
        super().__init__("stuck")
        self.lock = threading.Lock()


@function
def look(where: str) -> dict[str, list[int]]:
    return {where: [1, 2]}


@function
def picky() -> int:
    raise PickyError(7, "no")


@function
def stuck() -> int:
    raise StuckError


@function(uses=[picky])
def middle() -> int:
    return picky()


think = agent("think(topic: str)", "About {topic}.", uses=[look, picky], model="scripted")


@function(uses=[think, stuck, middle])
def whole(ctx: RunContext, table: dict[str, list[int]]) -> list[str]:
    done = [think(topic="tea")]
    for fn in (stuck, middle):
        node = fn.start()
        node.wait()
        done.append(node.state.name)
    return done


SCRIPT = [call("look", where="here"), call("picky"), "Tea is fine."]


def through_pickle(value):
    return pickle.loads(pickle.dumps(value))


def ran(fn, inputs, script=()):
    seen = []
    with Runtime([fn], models={"scripted": ScriptedModel(list(script))}) as runtime:
        subscription = runtime.subscribe(seen.append)
        node = runtime.get_ctx().invoke(fn, inputs)
        node.wait()
        view = node.view()
    subscription.join(10)
    return view, seen


@pytest.mark.parametrize("travel", [through_pickle, copy.deepcopy, copy.copy])
def test_q12_a_view_travels_whole(travel):
    view = ran(whole, {"table": {"a": [1]}}, SCRIPT)[0]

    back = travel(view)

    assert view_to_json(back) == view_to_json(view)
    pairs = list(zip(back.walk(), view.walk(), strict=True))
    assert all(new.fn is old.fn for (_, new), (_, old) in pairs)
    assert back.bill() == view.bill()
    below = back.children[2]
    assert below.exception is below.children[0].exception
    assert (type(below.exception), below.exception.code) == (PickyError, 7)


def test_q12_a_copy_shares_no_value_that_can_change():
    view = ran(whole, {"table": {"a": [1]}}, SCRIPT)[0]

    back = copy.deepcopy(view)
    back.inputs["table"]["a"].append(2)
    back.outputs.clear()

    assert view.inputs["table"] == {"a": [1]}
    assert view.outputs == ["Tea is fine.", "Error", "Error"]
    with pytest.raises(TypeError):
        back.inputs["table"] = {}


def test_q12_an_error_that_cannot_be_pickled_arrives_by_its_name():
    view = ran(stuck, {})[0]

    assert through_pickle(view).exception == RecordedError("StuckError", "stuck")
    assert copy.deepcopy(view).exception is view.exception


@pytest.mark.parametrize("travel", [through_pickle, copy.deepcopy])
def test_q12_every_event_travels(travel):
    _, events = ran(whole, {"table": {"a": [1]}}, SCRIPT)

    back = travel(events)

    opened = [one for one in back if isinstance(one.body, NodeOpened)]
    assert [dict(one.body.inputs) for one in opened][:2] == [
        {"table": {"a": [1]}},
        {"topic": "tea"},
    ]
    assert [one.body.fn for one in opened][:2] == [whole, think]
    words = [
        repr(one).replace("RecordedError('StuckError', 'stuck')", "StuckError('stuck')")
        for one in back
    ]
    assert words == list(map(repr, events))


@pytest.mark.parametrize("travel", [through_pickle, copy.deepcopy])
def test_q12_a_stored_view_travels(travel):
    live = ran(whole, {"table": {"a": [1]}}, SCRIPT)[0]
    stored = view_from_json(view_to_json(live))

    back = travel(stored)

    assert back == stored
    assert isinstance(back.fn, RecordedFunction)


@pytest.mark.parametrize("travel", [through_pickle, copy.deepcopy])
def test_q12_ten_thousand_levels_are_not_too_deep(travel):
    view = ran(look, {"where": "x"})[0]
    for number in range(10_000):
        view = type(view)(
            **{
                **{n: getattr(view, n) for n in ("fn", "state", "outputs", "exception", "usage")},
                **{n: getattr(view, n) for n in ("inputs", "transcript")},
                "id": number,
                "children": (view,),
                "started_at": None,
                "ended_at": None,
                "update_seqnum": number,
            }
        )

    back = travel(view)

    assert sum(1 for _ in back.walk()) == 10_001
    assert back == view


def test_q12_where_a_function_is_not_defined_its_name_arrives(tmp_path):
    view = ran(think, {"topic": "tea"}, ["Fine."])[0]
    (tmp_path / "view").write_bytes(pickle.dumps(view))
    code = (
        "import pickle, sys; view = pickle.load(open(sys.argv[1], 'rb'));"
        "print(type(view.fn).__name__, view.fn.name, view.fn.is_agent(), view.outputs)"
    )

    command = [sys.executable, "-c", code, str(tmp_path / "view")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == ("RecordedFunction think True Fine.\n", "")


def test_q12_a_function_that_was_defined_again_is_no_longer_the_one():
    @function
    def one_name() -> int:
        return 1

    sent = pickle.dumps(ran(one_name, {})[0])
    del one_name

    @function
    def one_name() -> int:
        return 2

    assert pickle.loads(sent).fn is not one_name


def test_q12_a_refusal_of_an_agent_arrives_as_it_was():
    @function
    def gives_up() -> int:
        raise AgentException("no way", "think", 3)

    view = through_pickle(ran(gives_up, {})[0])

    assert view.state is NodeState.Error
    assert (type(view.exception), view.exception.node_id) == (AgentException, 3)


@pytest.mark.parametrize("inputs", [None, {"topic": "tea"}])
@pytest.mark.parametrize("fn", [None, look])
def test_a_change_travels_whole(inputs, fn):
    back = through_pickle(Change("1/a", fn, inputs, "p", "new", "sys", "0", "a/b", Version("v")))

    assert back == Change("1/a", back.fn, inputs, "p", "new", "sys", "0", "a/b", Version("v"))
    assert (back.fn and back.fn.name) == (fn and fn.name)
