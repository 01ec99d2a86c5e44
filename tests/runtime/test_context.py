"""Contexts and session bags (rows N78-N93, N155-N169, NW15)."""

import threading

import pytest

from netflux_nb import NoParentSessionError, SessionBag, SessionScope, function
from netflux_nb.core import RunContext


class Thing:
    def __init__(self, log, name):
        self.log, self.name = log, name

    def close(self):
        self.log.append(self.name)


def test_n82_a_context_is_made_from_runtime_and_node():
    ctx = RunContext(runtime="r", node=None)
    assert (ctx.runtime, ctx.node, ctx.object_bags) == ("r", None, {})


def test_n156_every_node_has_its_own_bag_and_reaches_parent_and_root(make_runtime):
    bags = {}

    @function
    def low(ctx: RunContext) -> int:
        bags["low"] = dict(ctx.object_bags)
        return 1

    @function(uses=[low])
    def middle(ctx: RunContext) -> int:
        bags["middle"] = dict(ctx.object_bags)
        return low()

    @function(uses=[middle])
    def top(ctx: RunContext) -> int:
        bags["top"] = dict(ctx.object_bags)
        return middle()

    make_runtime(top).get_ctx().invoke(top, {}).result()
    s = SessionScope
    assert set(bags["top"]) == {s.TopLevel, s.Self}
    assert bags["top"][s.TopLevel] is bags["top"][s.Self]
    assert bags["middle"][s.Parent] is bags["middle"][s.TopLevel] is bags["top"][s.Self]
    assert len({id(b) for b in bags["low"].values()}) == 3
    assert bags["low"][s.Parent] is bags["middle"][s.Self]


def test_n159_a_root_has_no_parents_bag(make_runtime):
    @function
    def asks(ctx: RunContext) -> int:
        return ctx.get_or_put(SessionScope.Parent, "n", "k", int)

    with pytest.raises(NoParentSessionError):
        make_runtime(asks).get_ctx().invoke(asks, {}).result()


def test_n163_a_factory_runs_once(make_runtime):
    made, bag = [], SessionBag()
    barrier = threading.Barrier(20)

    def fetch():
        barrier.wait()
        bag.get_or_put("n", "k", lambda: made.append(1) or object())

    threads = [threading.Thread(target=fetch) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1]


def test_nw15_a_factory_may_fetch_from_the_same_bag():
    bag = SessionBag()
    assert bag.get_or_put("n", "a", lambda: bag.get_or_put("n", "b", lambda: 7)) == 7


def test_a_factory_that_raises_leaves_nothing():
    bag = SessionBag()
    with pytest.raises(ZeroDivisionError):
        bag.get_or_put("n", "k", lambda: 1 / 0)
    assert bag.get_or_put("n", "k", lambda: 5) == 5


def test_n164_without_a_node_there_is_no_bag(make_runtime):
    with pytest.raises(RuntimeError, match="needs a running Node"):
        make_runtime().get_ctx().get_or_put(SessionScope.Self, "n", "k", int)


def test_n165_objects_pass_by_reference(make_runtime):
    @function
    def child(ctx: RunContext) -> int:
        ctx.get_or_put(SessionScope.Parent, "n", "list", list).append(1)
        return 1

    @function(uses=[child])
    def parent(ctx: RunContext) -> list:
        child()
        child()
        return ctx.get_or_put(SessionScope.Self, "n", "list", list)

    assert make_runtime(parent).get_ctx().invoke(parent, {}).result() == [1, 1]


def test_n168_objects_live_until_the_tree_is_deleted_and_close_once(make_runtime):
    log = []

    @function
    def child(ctx: RunContext) -> int:
        thing = ctx.get_or_put(SessionScope.TopLevel, "n", "shared", lambda: Thing(log, "shared"))
        ctx.get_or_put(SessionScope.Self, "n", "again", lambda: thing)
        ctx.get_or_put(SessionScope.Self, "n", "own", lambda: Thing(log, "own"))
        return 1

    @function(uses=[child])
    def parent() -> int:
        return child()

    runtime = make_runtime(parent)
    node = runtime.get_ctx().invoke(parent, {})
    node.wait()
    assert log == []
    runtime.delete(node)
    assert sorted(set(log)) == ["own", "shared"]
    assert log.count("own") == 1


def test_nu17_a_closed_bag_refuses_and_closing_goes_on_past_a_failure(caplog):
    log, bag = [], SessionBag()

    class Bad:
        def close(self):
            raise OSError("stuck")

    bag.get_or_put("n", "bad", Bad)
    bag.get_or_put("n", "good", lambda: Thing(log, "good"))
    bag.close()
    bag.close()
    assert log == ["good"]
    assert "close() failed" in caplog.text
    with pytest.raises(RuntimeError, match="terminally closed"):
        bag.get_or_put("n", "k", int)


def test_n93_each_call_has_its_own_context(make_runtime):
    seen = []

    @function
    def look(ctx: RunContext) -> int:
        seen.append(ctx)
        return 1

    runtime = make_runtime(look)
    for _ in range(2):
        runtime.get_ctx().invoke(look, {}).result()
    assert seen[0] is not seen[1]
    assert [c.node.id for c in seen] == [1, 2]
