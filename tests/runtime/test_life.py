"""Nodes from Waiting to an outcome (rows N86-N106, N170-N197, NU6-NU12, NW10-NW28, ND5, ND7)."""

import asyncio
import contextlib
import gc
import logging
import multiprocessing
import queue
import re
import threading
import time
import traceback
from pathlib import Path

import pytest

import netflux_nb
from netflux_nb import Approvals, CancellationException, NodeState, Runtime, function, gather
from netflux_nb.core import RunContext
from netflux_nb.runtime.context import SessionBag
from netflux_nb.runtime.safe import Keyless


@function
def leaf(x: int = 1) -> int:
    return x


class Boom(Exception):  # noqa: N818
    pass


@function
def boom() -> int:
    raise Boom("no")


def gate_function(name="gated"):
    started, go = threading.Event(), threading.Event()

    @function(name=name)
    def gated(ctx: RunContext) -> str:
        started.set()
        while not go.wait(0.002):
            ctx.check()
        return "went"

    return gated, started, go


def test_q55_n96_the_states_in_order(make_runtime):
    gated, started, go = gate_function()

    @function(uses=[gated], needs_approval=True)
    def asks(how: str) -> str:
        if how == "fails":
            raise LookupError(how)
        return gated()

    runtime = make_runtime(asks, policies=[Approvals()])
    ends = {"went": NodeState.Success, "fails": NodeState.Error, "stops": NodeState.Canceled}
    for how, end in ends.items():
        started.clear()
        go.clear()
        told = []
        watching = runtime.subscribe(
            lambda e, told=told: told.append((e.node_id, type(e.body).__name__))
        )
        node = runtime.get_ctx().invoke(asks, {"how": how})
        assert (node.view().state, node.view().started_at) == (NodeState.Waiting, None)
        node.approve()
        if how != "fails":
            assert started.wait(60)
            assert node.state is node.view().state is NodeState.Running
            assert not node.is_done
        if how == "stops":
            node.cancel()
        else:
            go.set()
        node.wait(timeout=60)
        assert (node.state, node.view().state, node.is_done) == (end, end, True)
        assert node.view().ended_at >= node.view().started_at
        watching.close()
        watching.join(60)
        names = [name for of, name in told if of == node.id and name.startswith("Node")]
        kept = [name for name in names if name != "NodeWaits"]
        assert kept == ["NodeOpened", "NodeStarted", "NodeClosed"]


def test_n225_waiting_comes_first(make_runtime):
    @function(needs_approval=True)
    def asked() -> int:
        return 1

    node = make_runtime(asked, policies=[Approvals()]).get_ctx().invoke(asked, {})
    assert node.view().state is NodeState.Waiting
    assert node.view().started_at is None
    node.approve()
    assert node.result() == 1


def test_n98_children_stay_in_call_order(make_runtime):
    @function(uses=[leaf])
    def fan() -> list[int]:
        nodes = [leaf.start(i) for i in range(50)]
        return [n.result() for n in reversed(nodes)]

    runtime = make_runtime(fan)
    node = runtime.get_ctx().invoke(fan, {})
    node.wait()
    assert [c.inputs["x"] for c in node.view().children] == list(range(50))
    assert [c.inputs["x"] for c in node.children] == list(range(50))


def test_n100_result_gives_the_value_or_the_very_exception(make_runtime):
    runtime = make_runtime(leaf, boom)
    node = runtime.get_ctx().invoke(boom, {})
    with pytest.raises(Boom) as caught:
        node.result()
    assert caught.value is node.exception
    assert runtime.get_ctx().invoke(leaf, {"x": 3}).result() == 3


def test_nw28_the_traceback_does_not_grow(make_runtime):
    node = make_runtime(boom).get_ctx().invoke(boom, {})
    lengths = []
    for _ in range(4):
        with pytest.raises(Boom) as caught:
            node.result()
        lengths.append(len(traceback.extract_tb(caught.value.__traceback__)))
    assert len(set(lengths)) == 1


def test_n100_result_takes_a_timeout_and_the_node_goes_on(make_runtime):
    gated, _, go = gate_function()
    node = make_runtime(gated).get_ctx().invoke(gated, {})
    with pytest.raises(TimeoutError, match=r"gated\(\), is still"):
        node.result(timeout=0.01)
    go.set()
    assert node.result() == "went"


def test_n101_wait_and_is_done(make_runtime):
    node = make_runtime(boom).get_ctx().invoke(boom, {})
    node.wait()
    assert node.is_done
    assert node.done.is_set()


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit, Boom])
def test_nw14_any_exception_ends_the_node_and_reaches_the_caller(make_runtime, kind):
    @function
    def bad() -> int:
        raise kind("out")

    node = make_runtime(bad).get_ctx().invoke(bad, {})
    with pytest.raises(kind):
        node.result(timeout=60)
    assert node.state is NodeState.Error


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit, Boom])
def test_nw14_so_it_does_in_async_bodies(make_runtime, kind):
    @function
    async def bad() -> int:
        raise kind("out")

    runtime = make_runtime(bad, leaf)
    with pytest.raises(kind):
        runtime.get_ctx().invoke(bad, {}).result(timeout=60)
    assert runtime.get_ctx().invoke(leaf, {}).result() == 1


def test_n105_a_cancellation_in_a_body_is_canceled(make_runtime):
    @function
    def gives_up() -> int:
        raise CancellationException("enough")

    node = make_runtime(gives_up).get_ctx().invoke(gives_up, {})
    with pytest.raises(CancellationException, match="enough"):
        node.result()
    assert node.state is NodeState.Canceled


def test_n106_times_are_set_and_ordered(make_runtime):
    node = make_runtime(leaf).get_ctx().invoke(leaf, {})
    node.wait()
    view = node.view()
    assert abs(view.started_at - time.time()) < 60
    assert view.started_at <= view.ended_at
    assert (node.started_at, node.ended_at) == (view.started_at, view.ended_at)


def test_nw32_durations_do_not_follow_the_wall_clock(make_runtime):
    ticks = iter(range(1000))
    node = make_runtime(leaf, clock=lambda: next(ticks)).get_ctx().invoke(leaf, {})
    node.wait()
    assert node.view().ended_at - node.view().started_at == 1


def test_n120_failures_are_logged_even_when_nobody_collects(make_runtime, caplog):
    node = make_runtime(boom).get_ctx().invoke(boom, {})
    node.wait()
    assert f"Node {node.id} (boom) ended with exception: Boom: no" in caplog.text


def test_no_key_is_in_the_log_of_a_failure(make_runtime, caplog):
    key = "sk-ant-" + "x7" * 20

    @function
    def calls_out() -> None:
        raise RuntimeError(f"401: {key} is not valid")

    node = make_runtime(calls_out).get_ctx().invoke(calls_out, {})
    node.wait()
    assert "RuntimeError: 401: [redacted key] is not valid" in caplog.text
    assert key not in caplog.text


class Unclosable:
    """Fails with a key, and cannot even be named."""

    def __init__(self, key, repr_fails):
        self.key, self.repr_fails = key, repr_fails

    def close(self):
        raise ValueError(f"bad key {self.key}")

    def __repr__(self):
        if self.repr_fails:
            raise OSError(self.key)
        return f"<door of {self.key}>"


@pytest.mark.parametrize("repr_fails", [False, True])
def test_no_key_is_in_a_traceback_that_is_logged(make_runtime, caplog, repr_fails):
    key = "sk-ant-" + "x7" * 20
    bag = SessionBag()
    bag.get_or_put("a", "b", lambda: Unclosable(key, repr_fails))
    bag.close()

    assert "close() failed for owned object" in caplog.text
    assert "ValueError: bad key [redacted key]" in caplog.text
    assert key not in caplog.text
    assert all(record.exc_info is None for record in caplog.records)


def test_all_that_logs_takes_keys_out():
    named = {
        name
        for path in Path(netflux_nb.__file__).parent.rglob("*.py")
        for name in re.findall(r"getLogger\(\"(.+?\..+?)\"\)", path.read_text("utf-8"))
    }
    assert "netflux_nb.runtime" in named
    for name in named:
        assert any(isinstance(one, Keyless) for one in logging.getLogger(name).filters), name


def test_nu6_a_node_ends_after_its_children(make_runtime):
    gated, started, go = gate_function()

    @function(uses=[gated])
    def leaves() -> str:
        gated.start()
        return "early"

    node = make_runtime(leaves).get_ctx().invoke(leaves, {})
    assert started.wait(60)
    with pytest.raises(TimeoutError):
        node.result(timeout=0.02)
    go.set()
    assert node.result(timeout=60) == "early"
    assert all(c.is_done for c in node.children)


class Told(logging.Handler):
    """Waits for a line of the log: the first outcome lets the caller go before it is written."""

    def __init__(self):
        super().__init__()
        self.lines = queue.Queue()

    def emit(self, record):
        self.lines.put(record.getMessage())


def test_nu7_the_first_outcome_stands(make_runtime, quiet_log):
    quiet_log.addHandler(told := Told())

    @function
    def twice(ctx: RunContext) -> str:
        ctx.post_success("first")
        return "second"

    node = make_runtime(twice).get_ctx().invoke(twice, {})
    assert node.result() == "first"
    assert "has no effect and is ignored" in told.lines.get(timeout=60)
    quiet_log.removeHandler(told)
    node.ctx.post_cancel()
    assert node.state is NodeState.Success


def test_nu9_post_running_is_idempotent_and_has_its_old_name(make_runtime):
    @function
    def talks(ctx: RunContext) -> int:
        ctx.post_running()
        ctx.post_status_update(NodeState.Running)
        return 1

    assert make_runtime(talks).get_ctx().invoke(talks, {}).result() == 1


def test_nu10_post_update_publishes_without_a_change(make_runtime):
    seqs = []

    @function
    def talks(ctx: RunContext) -> int:
        seqs.append(ctx.node.view().update_seqnum)
        ctx.post_update()
        seqs.append(ctx.node.view().update_seqnum)
        return 1

    make_runtime(talks).get_ctx().invoke(talks, {}).result()
    assert seqs[1] == seqs[0] + 1


def test_n92_posting_without_a_node_is_a_runtime_error(make_runtime):
    ctx = make_runtime().get_ctx()
    for post in (ctx.post_running, lambda: ctx.post_success(1), ctx.post_cancel, ctx.post_update):
        with pytest.raises(RuntimeError, match="needs a running Node"):
            post()


def test_n170_children_run_in_parallel(make_runtime):
    meet = threading.Barrier(8, timeout=60)

    @function
    def meets(i: int) -> int:
        meet.wait()
        return i

    @function(uses=[meets])
    def fan() -> list[int]:
        return gather(*[meets.start(i) for i in range(8)])

    assert make_runtime(fan).get_ctx().invoke(fan, {}).result(timeout=60) == list(range(8))


def test_n173_exceptions_flow_as_in_plain_code(make_runtime):
    @function(uses=[boom])
    def outer() -> str:
        try:
            return str(boom())
        except Boom as error:
            return f"caught {error}"

    assert make_runtime(outer).get_ctx().invoke(outer, {}).result() == "caught no"


def test_n188_any_event_is_a_token(make_runtime):
    for event in (threading.Event(), multiprocessing.Event()):
        gated, started, _ = gate_function()
        node = make_runtime(gated).get_ctx().invoke(gated, {}, cancel_event=event)
        assert started.wait(60)
        event.set()
        with pytest.raises(CancellationException):
            node.result(timeout=60)


def test_nw16_a_childs_own_token_adds_to_its_parents(make_runtime):
    gated, started, _ = gate_function()
    own = threading.Event()

    @function(uses=[gated])
    def outer(ctx: RunContext) -> str:
        return ctx.invoke(gated, {}, cancel_event=own).result()

    node = make_runtime(outer).get_ctx().invoke(outer, {})
    assert started.wait(60)
    node.cancel("from above")
    with pytest.raises(CancellationException, match="from above"):
        node.result(timeout=60)
    assert not own.is_set()


def test_n197_a_subtree_is_cancelled_alone(make_runtime):
    gated, started, _ = gate_function()

    @function(uses=[gated])
    def outer() -> str:
        child = gated.start()
        started.wait(60)
        child.cancel("only you")
        try:
            child.result()
        except CancellationException as error:
            return f"went on after: {error}"
        return "?"

    node = make_runtime(outer).get_ctx().invoke(outer, {})
    assert node.result(timeout=60) == "went on after: only you"


@pytest.mark.parametrize("how", ["all", "node", "runtime", "token"])
def test_q55_nw17_every_tree_can_be_cancelled(make_runtime, how):
    gated, started, _ = gate_function()

    @function(uses=[gated])
    def outer() -> str:
        return gated()

    runtime = make_runtime(outer)
    node = runtime.get_ctx().invoke(outer, {})
    assert started.wait(60)
    if how == "all":
        assert runtime.cancel_all("stop") == [node]
    elif how == "node":
        node.cancel("stop")
    elif how == "runtime":
        runtime.cancel(node, "stop")
    else:
        node.ctx.cancel_event.set()
    with pytest.raises(CancellationException):
        node.result(timeout=60)
    assert {view.state for _, view in node.view().walk()} == {NodeState.Canceled}
    if how != "token":
        assert node.view().cancel_reason == "stop"
    assert runtime.cancel_all("again") == []


def test_n90_asked_is_not_yet_cancelled(make_runtime):
    started, go, seen = threading.Event(), threading.Event(), []

    @function
    def slow(ctx: RunContext) -> str:
        started.set()
        go.wait(60)
        seen.append((ctx.cancel_requested(), ctx.node.state, ctx.cancel_event.is_set()))
        return "done anyway"

    node = make_runtime(slow).get_ctx().invoke(slow, {})
    assert started.wait(60)
    node.cancel()
    go.set()
    assert node.result() == "done anyway"
    assert seen == [(True, NodeState.Running, True)]


@pytest.mark.parametrize("fails", [False, True])
def test_q55_n195_work_that_finished_counts_although_it_was_cancelled(make_runtime, fails):
    started, go = threading.Event(), threading.Event()

    @function
    def slow() -> str:
        started.set()
        go.wait(60)
        if fails:
            raise LookupError("known by now")
        return "value"

    node = make_runtime(slow).get_ctx().invoke(slow, {})
    assert started.wait(60)
    node.cancel("too late")
    go.set()
    node.wait(timeout=60)

    assert node.cancel_reason == "too late"
    if fails:
        assert node.state is NodeState.Error
        with pytest.raises(LookupError, match="known by now"):
            node.result()
    else:
        assert (node.state, node.result()) == (NodeState.Success, "value")


def test_n193_a_cancelled_node_calls_nothing_more(make_runtime):
    started, go = threading.Event(), threading.Event()

    @function(uses=[leaf])
    def outer() -> str:
        started.set()
        go.wait(60)
        for _ in range(2):  # swallowing it does not undo it
            with pytest.raises(CancellationException):
                leaf(x=1)
        raise CancellationException("as asked")

    node = make_runtime(outer).get_ctx().invoke(outer, {})
    assert started.wait(60)
    node.cancel()
    go.set()
    node.wait()
    assert node.state is NodeState.Canceled
    assert node.children == []


def test_n194_running_children_are_collected_first(make_runtime):
    started, go = threading.Event(), threading.Event()

    @function
    def deaf() -> str:
        started.set()
        go.wait(60)
        return "finished"

    @function(uses=[deaf])
    def outer(ctx: RunContext) -> str:
        deaf.start()
        started.wait(60)
        ctx.node.cancel("stop")
        ctx.check()
        return "?"

    node = make_runtime(outer).get_ctx().invoke(outer, {})
    assert started.wait(60)
    with pytest.raises(TimeoutError):
        node.result(timeout=0.02)
    go.set()
    node.wait()
    assert node.state is NodeState.Canceled
    assert node.children[0].outputs == "finished"


def test_what_has_not_begun_never_begins(make_runtime):
    ran = []

    @function
    def late(i: int) -> int:
        ran.append(i)
        return i

    @function(uses=[late])
    def outer(ctx: RunContext) -> str:
        nodes = [late.start(i) for i in range(5)]
        ctx.node.cancel("no")
        for node in nodes:
            node.wait()
        ctx.check()
        return "?"

    node = make_runtime(outer).get_ctx().invoke(outer, {})
    node.wait()
    assert ran == []
    assert [c.state for c in node.children] == [NodeState.Canceled] * 5


def test_deadlines_are_tokens(make_runtime):
    gated, _, _ = gate_function()
    node = make_runtime(gated).get_ctx().invoke(gated, {}, timeout=0.03)
    with pytest.raises(CancellationException, match=r"deadline of 0\.03 s"):
        node.result(timeout=60)


def test_nd5_nodes_are_awaitable_on_any_loop(make_runtime):
    runtime = make_runtime(leaf, boom)

    async def main():
        good = await runtime.get_ctx().invoke(leaf, {"x": 5})
        with pytest.raises(Boom):
            await runtime.get_ctx().invoke(boom, {})
        many = await asyncio.gather(
            *[_wait(runtime.get_ctx().invoke(leaf, {"x": i})) for i in range(20)]
        )
        return good, many

    async def _wait(node):
        return await node

    assert asyncio.run(main()) == (5, list(range(20)))


def test_nd5_async_callables_are_functions(make_runtime):
    @function
    async def inner(n: int) -> int:
        await asyncio.sleep(0)
        return n

    @function(uses=[inner])
    async def outer(n: int) -> int:
        return sum([await node for node in [inner.start(i) for i in range(n)]])

    @function(uses=[outer])
    def sync_outer(n: int) -> int:
        return outer(n=n)

    runtime = make_runtime(sync_outer)
    assert runtime.get_ctx().invoke(sync_outer, {"n": 10}).result(timeout=60) == 45
    assert runtime.get_ctx().invoke(outer, {"n": 4}).result(timeout=60) == 6


def test_nw35_a_blocking_call_on_the_loop_thread_says_what_to_write(make_runtime):
    @function(uses=[leaf])
    async def outer() -> int:
        return leaf(x=1)

    with pytest.raises(RuntimeError, match=r"await leaf\.start"):
        make_runtime(outer).get_ctx().invoke(outer, {}).result(timeout=60)


def test_an_async_body_is_cancelled_where_it_waits(make_runtime):
    started = threading.Event()

    @function
    async def forever() -> int:
        started.set()
        await asyncio.Event().wait()
        return 1

    node = make_runtime(forever).get_ctx().invoke(forever, {})
    assert started.wait(60)
    node.cancel("enough")
    with pytest.raises(CancellationException, match="enough"):
        node.result(timeout=60)


def test_nd7_nodes_share_threads(make_runtime):
    @function(uses=[leaf])
    def fan() -> int:
        return sum(n.result() for n in [leaf.start(i) for i in range(2000)])

    before = threading.active_count()
    runtime = make_runtime(fan)
    runtime.get_ctx().invoke(fan, {}).result()
    assert threading.active_count() - before < 20


def test_nw1_a_thousand_nodes_need_no_thousand_threads(make_runtime):
    runtime = make_runtime(leaf)
    nodes = [runtime.get_ctx().invoke(leaf, {"x": i}) for i in range(1000)]
    assert [n.result() for n in nodes] == list(range(1000))
    assert runtime.pool.threads < 50


@pytest.mark.slow
def test_a_chain_of_ten_thousand_ends(make_runtime):
    @function(uses_recursion=True)
    def deep(n: int) -> int:
        return 0 if n == 0 else 1 + deep(n=n - 1)

    runtime = make_runtime(deep)
    node = runtime.get_ctx().invoke(deep, {"n": 10_000})
    assert node.result(timeout=60) == 10_000
    assert runtime.pool.threads < 300
    view = node.view()
    assert sum(1 for _ in view.walk()) == 10_001
    assert view == node.view()
    assert view.total_tree_token_bill() == {}


@pytest.mark.slow
def test_a_hundred_thousand_siblings_end(make_runtime):
    @function(uses=[leaf])
    def fan(n: int) -> int:
        return sum(node.result() for node in [leaf.start(1) for _ in range(n)])

    node = make_runtime(fan).get_ctx().invoke(fan, {"n": 100_000})
    assert node.result(timeout=100) == 100_000
    assert len(node.view().children) == 100_000


@pytest.mark.slow
def test_a_thousand_threads_post_at_once(make_runtime):
    @function
    def busy(ctx: RunContext) -> int:
        def post(i):
            ctx.status(f"line {i}")

        threads = [threading.Thread(target=post, args=(i,)) for i in range(1000)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return 1

    runtime = make_runtime(busy)
    seqs = []
    told = runtime.subscribe(lambda e: seqs.append(e.seq))
    runtime.get_ctx().invoke(busy, {}).result(timeout=60)
    told.close()
    told.join(60)
    assert seqs == list(range(1, 1004))


def test_q55_nw11_a_helper_thread_may_post(make_runtime):
    def aside(act, *args):
        met = []

        def go():
            try:
                act(*args)
            except BaseException as error:  # noqa: BLE001  the test looks at it
                met.append(error)

        thread = threading.Thread(target=go)
        thread.start()
        thread.join(60)
        return met

    @function
    def helped(ctx: RunContext) -> list:
        met = aside(ctx.post_running) + aside(ctx.post_update) + aside(ctx.status, "from a helper")
        return met + aside(ctx.post_success, "posted")

    node = make_runtime(helped).get_ctx().invoke(helped, {})
    node.wait(timeout=60)
    assert node.view().status == "from a helper"
    # The first outcome stands, whoever posts it.
    assert (node.state, node.result()) == (NodeState.Success, "posted")

    @function
    def fails(ctx: RunContext) -> int:
        aside(ctx.post_exception, LookupError("from a helper"))
        return 1

    node = make_runtime(fails).get_ctx().invoke(fails, {})
    with pytest.raises(LookupError, match="from a helper"):
        node.result(timeout=60)


def test_ctx_bind_keeps_a_users_thread_in_the_tree(make_runtime):
    @function(uses=[leaf])
    def outer(ctx: RunContext) -> int:
        got = []
        thread = threading.Thread(target=ctx.bind(lambda: got.append(leaf(x=7))))
        thread.start()
        thread.join()
        return got[0]

    node = make_runtime(outer).get_ctx().invoke(outer, {})
    assert node.result(timeout=60) == 7
    assert [c.fn.name for c in node.children] == ["leaf"]


def test_n75_a_finished_tree_is_deleted_on_request(make_runtime):
    runtime = make_runtime(leaf)
    node = runtime.get_ctx().invoke(leaf, {})
    node.wait()
    runtime.delete(node)
    with pytest.raises(KeyError):
        runtime.get_view(node.id)
    assert runtime.list_toplevel_views() == []


def test_n75_a_running_tree_is_not_deleted(make_runtime):
    gated, started, go = gate_function()
    runtime = make_runtime(gated)
    node = runtime.get_ctx().invoke(gated, {})
    assert started.wait(60)
    with pytest.raises(RuntimeError, match="still runs"):
        runtime.delete(node)
    go.set()


def test_nw8_the_oldest_finished_trees_go_first(make_runtime):
    runtime = make_runtime(leaf, keep_trees=3)
    for i in range(10):
        runtime.get_ctx().invoke(leaf, {"x": i}).result()
    assert [v.outputs for v in runtime.list_toplevel_views()] == [7, 8, 9]


def test_n5_a_tree_stays_until_it_is_deleted(make_runtime):
    runtime = make_runtime(leaf)
    node_id = runtime.get_ctx().invoke(leaf, {"x": 9}).id
    gc.collect()
    runtime.get_ctx().invoke(leaf, {}).result()
    while not runtime.get_view(node_id).is_done:
        runtime.watch(node_id, timeout=1)
    assert runtime.get_view(node_id).outputs == 9


def test_n76_closing_the_runtime_closes_every_bag():
    from netflux_nb import Runtime, SessionScope

    closed = []

    class Thing:
        def close(self):
            closed.append(self)

    @function
    def keeps(ctx: RunContext) -> int:
        ctx.get_or_put(SessionScope.Self, "n", "k", Thing)
        return 1

    with Runtime([keeps]) as runtime:
        runtime.get_ctx().invoke(keeps, {}).result()
        assert closed == []
    assert len(closed) == 1


def test_a_closed_runtime_takes_no_calls():
    from netflux_nb import Runtime

    runtime = Runtime([leaf])
    runtime.close()
    with pytest.raises(RuntimeError, match="was closed"):
        runtime.get_ctx().invoke(leaf, {})


def test_nw10_nothing_ends_the_process(make_runtime):
    runtime = make_runtime(leaf)
    node = runtime.get_ctx().invoke(leaf, {})
    node.wait()
    for post in (
        lambda: runtime.post_success(node, 2),
        lambda: runtime.post_exception(node, Boom()),
        lambda: runtime.post_running(node),
    ):
        post()
    assert node.result() == 1


def test_an_async_body_that_is_cancelled_at_once_ends(make_runtime):
    @function
    async def later() -> int:
        await asyncio.sleep(30)
        return 1

    runtime = make_runtime(later)
    for _ in range(50):
        node = runtime.get_ctx().invoke(later, {})
        node.cancel("at once")
        node.wait(timeout=60)
        assert node.state is NodeState.Canceled


def test_what_has_not_begun_ends_with_the_runtime():
    @function
    async def later() -> int:
        await asyncio.sleep(30)
        return 1

    runtime = Runtime([later])
    nodes = [runtime.get_ctx().invoke(later, {}) for _ in range(20)]
    runtime.close()
    assert {n.state for n in nodes} == {NodeState.Canceled}


def _swallows_results(ctx, nodes):
    for node in nodes:
        with contextlib.suppress(Exception):
            node.result()
    return "fine"


def _looks_at_states(ctx, nodes):
    for node in nodes:
        try:
            node.wait()
        except Exception:  # noqa: BLE001  the point
            return "fine"
    return f"{[node.state for node in nodes]}"


def _looks_at_one(ctx, nodes):
    nodes[0].wait()
    return nodes[0].state.name


def _calls_more(ctx, nodes):
    ctx.cancel_event.wait(60)
    try:
        leaf(x=1)
    except CancellationException:
        return "fine"


def _checks(ctx, nodes):
    try:
        while True:
            ctx.check()
            ctx.cancel_event.wait(60)
    except CancellationException:
        return "fine"


def _posts(ctx, nodes):
    try:
        nodes[0].result()
    except CancellationException:
        with pytest.raises(CancellationException):
            ctx.post_success("fine")


def _fails_otherwise(ctx, nodes):
    try:
        nodes[0].result()
    except CancellationException:
        raise RuntimeError("a child failed") from None


SWALLOWING = (
    _swallows_results,
    _looks_at_states,
    _looks_at_one,
    _calls_more,
    _checks,
    _posts,
    _fails_otherwise,
)


@pytest.mark.parametrize("body", SWALLOWING, ids=lambda body: body.__name__)
def test_q10_a_cancelled_tree_is_canceled_whatever_its_bodies_swallow(make_runtime, body):
    gated, started, _ = gate_function()

    @function(uses=[gated, leaf])
    def outer(ctx: RunContext) -> object:
        leaf(x=7)
        return body(ctx, [gated.start(), gated.start()])

    node = make_runtime(outer).get_ctx().invoke(outer, {})
    assert started.wait(60)
    node.cancel("by a person")

    with pytest.raises(CancellationException, match="by a person"):
        node.result()

    view = node.view()
    assert (view.state, view.outputs) == (NodeState.Canceled, None)
    assert [c.state.name for c in view.children] == ["Success", "Canceled", "Canceled"]
    assert view.children[0].outputs == 7


def test_q10_an_async_body_that_swallows_its_cancel_is_canceled(make_runtime):
    started = threading.Event()

    @function
    async def stubborn(ctx: RunContext) -> str:
        started.set()
        try:
            await ctx.sleep(60)
        except asyncio.CancelledError:
            return "partly"
        return "done"

    node = make_runtime(stubborn).get_ctx().invoke(stubborn, {})
    assert started.wait(60)
    node.cancel("by a person")

    with pytest.raises(CancellationException, match="by a person"):
        node.result()


def test_q10_a_child_that_was_cancelled_may_be_collected(make_runtime):
    gated, started, _ = gate_function()

    @function(uses=[gated, leaf])
    def outer() -> str:
        child = gated.start()
        assert started.wait(60)
        child.cancel("too slow")
        try:
            child.result()
        except CancellationException as error:
            return f"{error}, {leaf(x=2)}"
        return "?"

    node = make_runtime(outer).get_ctx().invoke(outer, {})

    assert node.result() == "too slow, 2"


def test_a_node_whose_end_fails_is_ended_for_those_who_wait_and_in_views(make_runtime):
    def refuses(record):
        if "ended with exception" in record.msg:
            raise OSError("no log today")
        return True

    @function
    def fails() -> int:
        raise ValueError("first")

    runtime = make_runtime(fails)
    logger = logging.getLogger("netflux_nb.runtime")
    logger.addFilter(refuses)
    try:
        node = runtime.invoke(None, fails, {})
        with pytest.raises(OSError, match="no log today"):
            node.result(timeout=30)
    finally:
        logger.removeFilter(refuses)

    view = runtime.get_view(node.id)
    assert (view.state, str(view.exception)) == (NodeState.Error, "no log today")
    assert view.ended_at is not None
