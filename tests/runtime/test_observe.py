"""Views, watching, subscribers (rows N70-N74, N136-N154, N218, NW2-NW7, NW26-NW27, ND3)."""

import json
import pickle
import random
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netflux_nb import (
    NodeState,
    TerminalNodeStates,
    TokenUsage,
    agent,
    function,
    view_from_json,
    view_to_json,
)
from netflux_nb.core import RunContext
from netflux_nb.core.fold import fold
from netflux_nb.testing import FakeClock, ScriptedModel, Turn, call, flaky


@function
def leaf(x: int = 1) -> int:
    return x


@function(uses=[leaf])
def pair() -> int:
    return leaf(x=1) + leaf(x=2)


class Tape:
    """A sink that keeps every event, as the record will."""

    def __init__(self):
        self.events = []

    def append(self, event):
        self.events.append(event)

    def drain(self, *, may_write):
        pass


def test_n70_all_trees_as_of_one_moment(make_runtime):
    runtime = make_runtime(pair)
    for _ in range(3):
        runtime.get_ctx().invoke(pair, {}).wait()
    views = runtime.list_toplevel_views()
    assert [v.outputs for v in views] == [3, 3, 3]
    assert len({v.id for v in views}) == 3


def test_n71_an_unknown_node_is_a_key_error(make_runtime):
    with pytest.raises(KeyError):
        make_runtime(leaf).get_view(99)


def test_n72_watch_gives_what_is_newer(make_runtime):
    runtime = make_runtime(pair)
    node = runtime.get_ctx().invoke(pair, {})
    seq = 0
    while True:
        view = runtime.watch(node.id, as_of_seq=seq)
        assert view.update_seqnum > seq
        seq = view.update_seqnum
        if view.state in TerminalNodeStates:
            break
    assert view.outputs == 3


def test_n73_a_timeout_gives_none_and_zero_is_a_poll(make_runtime):
    go = threading.Event()

    @function
    def slow() -> int:
        go.wait(60)
        return 1

    node = make_runtime(slow).get_ctx().invoke(slow, {})
    while node.view().state is not NodeState.Running:
        node.watch(timeout=1)
    seq = node.view().update_seqnum
    assert node.watch(seq, timeout=0) is None
    assert node.watch(seq, timeout=0.01) is None
    assert node.watch(0, timeout=0).state is NodeState.Running
    go.set()
    node.wait()


def test_nw26_watching_a_finished_node_does_not_hang(make_runtime):
    node = make_runtime(leaf).get_ctx().invoke(leaf, {})
    node.wait()
    last = node.view()
    assert node.watch(last.update_seqnum) == last
    assert node.watch(last.update_seqnum, timeout=60) is None


def test_n136_a_view_never_changes(make_runtime):
    runtime = make_runtime(pair)
    node = runtime.get_ctx().invoke(pair, {})
    node.wait()
    view = node.view()
    with pytest.raises(AttributeError):
        view.state = NodeState.Error
    runtime.get_ctx().invoke(pair, {}).wait()
    assert node.view() is view


def test_q55_nw27_inputs_are_read_only_and_views_hash(make_runtime):
    given_inputs = {"x": 3}
    node = make_runtime(leaf).get_ctx().invoke(leaf, given_inputs)
    node.wait()
    view = node.view()
    given_inputs["x"] = 4
    node.inputs["x"] = 6
    assert view.inputs == node.view().inputs == {"x": 3}
    with pytest.raises(TypeError):
        view.inputs["x"] = 5
    for name in ("inputs", "outputs", "state", "children"):
        with pytest.raises(AttributeError):
            setattr(view, name, None)
    assert len({view, node.view()}) == 1
    other = node.runtime.get_ctx().invoke(leaf, {"x": 3})
    other.wait()
    assert view != other.view()
    assert len({view, other.view()}) == 2


def test_n137_a_view_has_the_seeds_fields(make_runtime):
    payload = object()

    @function
    def gives() -> object:
        return payload

    node = make_runtime(gives).get_ctx().invoke(gives, {})
    node.wait()
    view = node.view()
    assert (view.id, view.fn, view.state) == (node.id, gives, NodeState.Success)
    assert view.outputs is payload
    assert view.exception is None


def test_n151_a_watcher_of_the_root_sees_the_whole_subtree(make_runtime):
    step = threading.Event()

    @function
    def told(ctx: RunContext) -> int:
        ctx.status("deep news")
        step.wait(60)
        return 1

    @function(uses=[told])
    def middle() -> int:
        return told()

    @function(uses=[middle])
    def top() -> int:
        return middle()

    node = make_runtime(top).get_ctx().invoke(top, {})
    seq, lines = 0, []
    while "deep news" not in lines:
        view = node.watch(seq, timeout=60)
        seq = view.update_seqnum
        lines = [v.status for _, v in view.walk()]
    step.set()
    node.wait()


def test_n152_a_watcher_may_skip_versions_but_not_the_last(make_runtime):
    runtime = make_runtime(pair)
    node = runtime.get_ctx().invoke(pair, {})
    node.wait()
    assert runtime.watch(node, 0).outputs == 3


def test_n218_a_running_tree_reads_like_a_call_stack(make_runtime):
    at_bottom, go = threading.Event(), threading.Event()

    @function
    def bottom() -> int:
        at_bottom.set()
        go.wait(60)
        return 1

    one = agent("one()", "x", uses=[bottom], model="scripted")

    @function(uses=[one])
    def top() -> str:
        return one()

    runtime = make_runtime(top, models={"scripted": ScriptedModel([call("bottom"), "end"])})
    node = runtime.get_ctx().invoke(top, {})
    assert at_bottom.wait(60)
    stack = [(d, v.fn.name, v.state.value) for d, v in node.view().walk()]
    assert stack == [(0, "top", "Running"), (1, "one", "Running"), (2, "bottom", "Running")]
    go.set()
    node.wait()


def test_subscribers_get_events_in_order(make_runtime):
    runtime = make_runtime(pair)
    seen = []
    told = runtime.subscribe(seen.append)
    runtime.get_ctx().invoke(pair, {}).wait()
    told.close()
    told.join(60)
    assert [e.seq for e in seen] == list(range(1, len(seen) + 1))
    assert len(seen) == 9


def test_a_subscriber_that_raises_is_dropped_and_the_run_goes_on(make_runtime, caplog):
    runtime = make_runtime(pair)
    calls = []

    def bad(event):
        calls.append(event)
        raise RuntimeError("observer bug")

    told = runtime.subscribe(bad)
    assert runtime.get_ctx().invoke(pair, {}).result() == 3
    told.join(60)
    assert runtime.get_ctx().invoke(pair, {}).result() == 3
    assert len(calls) == 1
    assert "was dropped" in caplog.text


def test_a_slow_subscriber_does_not_slow_the_run(make_runtime):
    runtime = make_runtime(pair)
    go, seen = threading.Event(), []

    def slow(event):
        go.wait(60)
        seen.append(event)

    told = runtime.subscribe(slow)
    assert runtime.get_ctx().invoke(pair, {}).result(timeout=60) == 3
    assert seen == []
    go.set()
    told.close()
    told.join(60)
    assert len(seen) == 9


def test_nw7_watchers_of_other_trees_are_not_woken(make_runtime):
    go, begun = threading.Event(), threading.Event()

    @function
    def slow() -> int:
        begun.set()
        go.wait(60)
        return 1

    runtime = make_runtime(slow, leaf)
    quiet = runtime.get_ctx().invoke(slow, {})
    assert begun.wait(60)
    runtime.get_ctx().invoke(leaf, {}).wait()
    seq = quiet.view().update_seqnum
    runtime.get_ctx().invoke(leaf, {}).wait()
    assert quiet.view().update_seqnum == seq
    go.set()
    quiet.wait()


def test_nw6_bills_of_any_depth(make_runtime):
    @function(uses_recursion=True)
    def deep(n: int) -> int:
        return 0 if n == 0 else deep(n=n - 1)

    node = make_runtime(deep).get_ctx().invoke(deep, {"n": 1500})
    node.wait()
    assert node.view().total_tree_token_bill() == {}


def test_nd3_a_view_goes_to_json_and_back(make_runtime):
    one = agent("one(q: str)", "{q}", uses=[leaf], model="scripted")
    usage = TokenUsage(input_tokens_total=3, output_tokens_total=4)
    script = [Turn(thinking="t", calls=[call("leaf", x="bad")]), Turn(text="end", usage=usage)]
    runtime = make_runtime(one, models={"scripted": ScriptedModel(script)})
    node = runtime.get_ctx().invoke(one, {"q": "a {b}"})
    node.wait()
    view = node.view()
    back = view_from_json(view_to_json(view))
    assert view_to_json(back) == view_to_json(view)
    assert back.fn.name == "one"
    assert back.transcript == view.transcript
    assert back.usage == view.usage
    assert back.children[0].exception.type_name == "ArgumentError"


def test_nd3_notes_beside_the_transcript_come_back_too(make_runtime):
    one = agent("one()", "q", model="scripted")
    clock = FakeClock()
    model = ScriptedModel([flaky("busy"), Turn(text="cut", stop="max_tokens"), "end"])
    runtime = make_runtime(one, models={"scripted": model}, sleep=clock.sleep)
    node = runtime.get_ctx().invoke(one, {})
    assert node.result(timeout=60) == "cutend"
    back = view_from_json(view_to_json(node.view()))
    retry, continued = back.intermediate_events
    assert (retry.attempt, retry.exception.type_name) == (1, "ModelError")
    assert continued == node.view().intermediate_events[1]
    assert view_to_json(back) == view_to_json(node.view())


def test_q55_nw34_a_tree_goes_out_and_comes_back(make_runtime):
    @function
    def gives() -> object:
        return threading.Lock()

    node = make_runtime(gives).get_ctx().invoke(gives, {})
    node.wait()
    row = json.loads(view_to_json(node.view()))["nodes"][0]
    assert row["outputs"] == {"type": "lock", "portable": False}

    one = agent("one(q: str)", "{q}", uses=[leaf, gives], model="scripted")
    turn = Turn(text="both", calls=[call("leaf", x=7), call("gives")])
    models = {"scripted": ScriptedModel([turn, "end"])}
    node = make_runtime(one, models=models).get_ctx().invoke(one, {"q": "ö"})
    node.wait(timeout=60)
    live, back = node.view(), view_from_json(view_to_json(node.view()))

    def told(view):
        return [
            (depth, one.fn.name, one.key, one.state, one.inputs, one.started_at, one.ended_at)
            for depth, one in view.walk()
        ]

    assert told(back) == told(live)
    assert (back.outputs, back.transcript[0]) == ("end", live.transcript[0])
    assert back.bill() == live.bill()
    # A part finds its child there too, though it is another object.
    found = back.transcript_child_map
    children = [found[id(part)].fn.name for part in back.transcript if hasattr(part, "args")]
    assert children == ["leaf", "gives"]
    assert view_to_json(back) == view_to_json(live)


def test_an_exception_that_cannot_be_pickled_hurts_nothing(make_runtime):
    class StuckError(Exception):
        def __init__(self, a, b):
            super().__init__(f"{a}{b}")
            self.lock = threading.Lock()

    @function
    def fails() -> int:
        raise StuckError(1, 2)

    node = make_runtime(fails).get_ctx().invoke(fails, {})
    node.wait()
    with pytest.raises((TypeError, AttributeError)):
        pickle.dumps(node.exception)
    assert view_from_json(view_to_json(node.view())).exception.args == ("12",)


def random_tree(seed):
    """Give a Function that calls itself, fails and talks at random, the same for one seed."""

    @function(uses_recursion=True)
    def grow(ctx: RunContext, path: str, depth: int) -> str:
        chance = random.Random(f"{seed}/{path}")
        ctx.status(path)
        nodes = []
        for i in range(chance.randint(0, 4) if depth else 0):
            node = grow.start(f"{path}.{i}", depth - 1)
            if chance.random() < 0.5:
                node.wait()
            nodes.append(node)
        for node in nodes:
            if chance.random() < 0.8:
                node.wait()
        if chance.random() < 0.2:
            raise LookupError(path)
        return path

    return grow


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10**6))
def test_every_snapshot_equals_the_fold_of_events_up_to_it(make_runtime, seed):
    tape = Tape()
    grow = random_tree(seed)
    runtime = make_runtime(grow, sink=tape)
    snapshots, stop = [], threading.Event()

    def look():
        while not stop.is_set():
            snapshots.extend(runtime.list_toplevel_views())

    watcher = threading.Thread(target=look)
    watcher.start()
    roots = [runtime.get_ctx().invoke(grow, {"path": str(i), "depth": 3}) for i in range(3)]
    for root in roots:
        root.wait()
    stop.set()
    watcher.join()
    snapshots.extend(runtime.list_toplevel_views())

    chosen = {(v.id, v.update_seqnum): v for v in snapshots}
    assert len(chosen) >= 3
    for (root_id, seq), view in list(chosen.items())[:: max(1, len(chosen) // 40)]:
        assert fold(e for e in tape.events if e.seq <= seq)[root_id] == view


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10**6))
def test_node_keys_do_not_depend_on_scheduling(make_runtime, seed):
    grow = random_tree(seed)
    runtime = make_runtime(grow)
    keys = []
    for _ in range(2):
        other = make_runtime(grow)
        root = other.get_ctx().invoke(grow, {"path": "r", "depth": 3})
        root.wait()
        keys.append({v.key: v.inputs["path"] for _, v in root.view().walk()})
    assert keys[0] == keys[1]
    assert len(keys[0]) == sum(1 for _ in root.view().walk())
    assert runtime.list_toplevel_views() == []


def test_identical_calls_have_keys_of_their_own(make_runtime):
    @function(uses=[leaf])
    def twice() -> int:
        return leaf(x=1) + leaf(x=1)

    node = make_runtime(twice).get_ctx().invoke(twice, {})
    node.wait()
    first, second = node.view().children
    assert first.key != second.key


def test_a_sink_that_fails_fails_the_call(make_runtime):
    class Full:
        def append(self, event):
            raise OSError("disk full")

    runtime = make_runtime(leaf, sink=Full())
    with pytest.raises(OSError, match="disk full"):
        runtime.get_ctx().invoke(leaf, {})
    assert runtime.list_toplevel_views() == []
