"""Several Nodes waited for together."""

import asyncio
import threading

import pytest

from netflux_nb import ArgumentError, CancellationException, Runtime, as_completed, function, gather


@function
def double(x: int) -> int:
    return 2 * x


@function
def fails() -> int:
    raise ValueError("no")


class Gated:
    """Functions that end when they are let, in whatever order."""

    def __init__(self):
        self.gates = [threading.Event() for _ in range(3)]
        gates = self.gates

        @function
        def waits(n: int) -> int:
            assert gates[n].wait(timeout=60)
            return n

        self.fn = waits


def test_nodes_are_given_as_they_end_in_an_async_body():
    gated = Gated()
    order = [2, 0, 1]

    @function(uses=[gated.fn])
    async def body() -> list[int]:
        gated.gates[order[0]].set()
        seen = []
        async for node in as_completed(*(gated.fn.start(n=n) for n in range(3))):
            seen.append(node.result())
            if len(seen) < 3:
                gated.gates[order[len(seen)]].set()
        return seen

    with Runtime([body]) as runtime:
        assert runtime.invoke(None, body, {}).result(timeout=20) == order


def test_nodes_are_given_as_they_end_on_a_loop_of_ones_own():
    gated = Gated()

    async def cell(runtime):
        nodes = [runtime.invoke(None, gated.fn, {"n": n}) for n in range(3)]
        gated.gates[1].set()
        seen = []
        async for node in as_completed(*nodes):
            seen.append(node.result())
            for gate in gated.gates:
                gate.set()
        return seen

    with Runtime([gated.fn]) as runtime:
        seen = asyncio.run(asyncio.wait_for(cell(runtime), 20))
    assert seen[0] == 1
    assert sorted(seen) == [0, 1, 2]


def test_nodes_that_have_ended_are_given_too_and_one_that_failed_raises_when_asked():
    async def cell(runtime):
        nodes = [runtime.invoke(None, double, {"x": 1}), runtime.invoke(None, fails, {})]
        for node in nodes:
            node.wait(timeout=60)
        return [node async for node in as_completed(*nodes)], nodes

    with Runtime([double, fails]) as runtime:
        given, nodes = asyncio.run(cell(runtime))
        assert set(given) == set(nodes)
        with pytest.raises(ValueError, match="no"):
            nodes[1].result()
        assert list(as_completed(*nodes)) == nodes
        assert gather(nodes[0], nodes[0]) == [2, 2]


def test_none_at_all_is_nothing():
    async def cell():
        return [node async for node in as_completed()]

    assert asyncio.run(cell()) == list(as_completed()) == []


def test_a_cancel_ends_the_wait_of_an_async_body():
    gated = Gated()
    began = threading.Event()

    @function(uses=[gated.fn])
    async def body() -> None:
        nodes = [gated.fn.start(n=0)]
        began.set()
        async for _ in as_completed(*nodes):
            raise AssertionError("nothing ended")

    with Runtime([body]) as runtime:
        node = runtime.invoke(None, body, {})
        assert began.wait(timeout=60)
        node.cancel("enough")
        gated.gates[0].set()
        with pytest.raises(CancellationException, match="enough"):
            node.result(timeout=60)


def test_a_body_may_leave_before_all_have_ended():
    gated = Gated()

    @function(uses=[gated.fn])
    async def body() -> int:
        nodes = [gated.fn.start(n=n) for n in range(3)]
        gated.gates[1].set()
        first = await anext(as_completed(*nodes))
        for gate in gated.gates:
            gate.set()
        return first.result()

    with Runtime([body]) as runtime:
        assert runtime.invoke(None, body, {}).result(timeout=20) == 1


def test_runs_are_given_as_they_end():
    runs = [double.start(x=n) for n in range(3)]
    assert {id(run) for run in as_completed(*runs)} == {id(run) for run in runs}
    assert gather(*runs) == [0, 2, 4]


@pytest.mark.parametrize("wait", [gather, as_completed])
def test_a_list_of_nodes_is_refused_with_what_to_write(wait):
    with pytest.raises(ArgumentError, match=rf"got list.*{wait.__name__}\(\*nodes\)"):
        wait([double.start(x=1)])
