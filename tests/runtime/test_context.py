"""Contexts and session bags (rows N78-N93, N155-N169, NW15)."""

import threading

import pytest

from netflux_nb import NoNodeError, NoParentSessionError, SessionBag, SessionScope, function
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


def test_n158_there_are_three_scopes():
    assert [s.name for s in SessionScope] == ["TopLevel", "Parent", "Self"]


def test_n155_objects_are_read_changed_and_kept(make_runtime):
    @function
    def adds(ctx: RunContext, word: str) -> list:
        words = ctx.get_or_put(SessionScope.Parent, "words", "list", list)
        words.append(word)
        return list(words)

    @function(uses=[adds])
    def collects() -> list:
        adds(word="a")
        return adds(word="b")

    assert make_runtime(collects).get_ctx().invoke(collects, {}).result() == ["a", "b"]


def chain(make_runtime):
    found = {}

    @function
    def low(ctx: RunContext) -> int:
        found["low"] = ctx
        return 1

    @function(uses=[low])
    def middle(ctx: RunContext) -> int:
        found["middle"] = ctx
        return low()

    @function(uses=[middle])
    def top(ctx: RunContext) -> int:
        found["top"] = ctx
        return middle()

    make_runtime(top).get_ctx().invoke(top, {}).result()
    return found


def test_n157_own_parents_and_roots_bag_are_within_reach(make_runtime):
    found = chain(make_runtime)
    bags = found["low"].object_bags
    assert bags[SessionScope.Self] is found["low"].node.session_bag
    assert bags[SessionScope.Parent] is found["middle"].node.session_bag
    assert bags[SessionScope.TopLevel] is found["top"].node.session_bag


def test_n160_a_roots_childs_parent_is_the_top(make_runtime):
    bags = chain(make_runtime)["middle"].object_bags
    assert bags[SessionScope.Parent] is bags[SessionScope.TopLevel]


def test_n161_deeper_the_three_differ(make_runtime):
    bags = chain(make_runtime)["low"].object_bags
    assert len({id(b) for b in bags.values()}) == 3


def test_q55_n162_get_or_put_is_the_only_way_to_a_bag(make_runtime):
    found = chain(make_runtime)
    ctx = found["low"]
    thing = ctx.get_or_put(SessionScope.Parent, "n", "k", object)
    assert found["middle"].get_or_put(SessionScope.Self, "n", "k", object) is thing
    assert ctx.get_or_put(SessionScope.Self, "n", "k", object) is not thing
    # A name and a key together are a place.
    assert ctx.get_or_put(SessionScope.Parent, "other", "k", object) is not thing
    assert ctx.get_or_put(SessionScope.Parent, "n", "other", object) is not thing
    assert ctx.get_or_put(SessionScope.Parent, "n", "k", object) is thing
    assert {name for name in dir(SessionBag) if name[0] != "_"} == {"get_or_put", "close"}
    with pytest.raises(TypeError):
        iter(SessionBag())
    bag = SessionBag()
    bag.close()
    with pytest.raises(NoNodeError, match="closed"):
        bag.get_or_put("n", "k", object)


def test_n169_the_runtime_hands_bags_to_descendants(make_runtime):
    found = chain(make_runtime)
    tops = {id(ctx.object_bags[SessionScope.TopLevel]) for ctx in found.values()}
    assert len(tops) == 1
