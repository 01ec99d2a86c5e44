"""A tree ends a recursion that has no end (Q13)."""

import pytest

from netflux_nb import Runtime, agent, function
from netflux_nb.core.errors import ArgumentError, BudgetError
from netflux_nb.jupyter.config import NetfluxNB
from netflux_nb.record.journal import Journal
from netflux_nb.runtime.calls import MAX_DEPTH, MAX_NODES, MAX_RECORD_MB
from netflux_nb.testing import ScriptedModel, call


@function(uses_recursion=True)
def down(n: int) -> int:
    """Go down without an end."""
    return down(n=n + 1)


@function
def leaf(n: int) -> int:
    """Give it back."""
    return n


@function(uses=[leaf])
def wide(n: int) -> int:
    """Call many."""
    return sum(leaf(n=i) for i in range(n))


def outcome(runtime, fn, args):
    node = runtime.get_ctx().invoke(fn, args)
    node.wait(timeout=60)
    return node


def test_q13_a_recursion_without_an_end_ends_at_the_depth_that_is_set():
    with Runtime([down], max_depth=40) as runtime:
        node = outcome(runtime, down, {"n": 0})

        assert isinstance(node.exception, BudgetError)
        (line,) = str(node.exception).splitlines()
        assert "down() was not called: its caller is 40 levels deep" in line
        assert "%config NetfluxNB.max_depth" in line
        assert node.tree.count == 40


@pytest.mark.slow
def test_q13_a_recursion_without_an_end_ends_by_itself():
    with Runtime([down], record=False) as runtime:
        node = outcome(runtime, down, {"n": 0})

        assert isinstance(node.exception, BudgetError)
        assert node.tree.count == MAX_DEPTH


def test_q13_a_tree_has_as_many_nodes_as_are_set():
    with Runtime([wide], max_nodes=10) as runtime:
        assert outcome(runtime, wide, {"n": 9}).outputs == 36
        node = outcome(runtime, wide, {"n": 10})

        (line,) = str(node.exception).splitlines()
        assert "leaf() was not called: its tree has 10 Nodes" in line
        assert "Runtime(max_nodes=…)" in line


def test_q13_an_agent_that_calls_itself_for_ever_ends_with_its_tree():
    loop = agent("loop(q: str)", "{q}", model="scripted", uses_recursion=True)
    model = ScriptedModel(lambda request: call("loop", q="again"))
    options = {"models": {"scripted": model}, "max_nodes": 30}
    with Runtime([loop], **options) as runtime:
        node = runtime.get_ctx().invoke(loop, {"q": "go"}, max_agent_levels=3)
        node.wait(timeout=60)

        assert "max_nodes" in str(node.exception)
        assert node.tree.count == 30


def test_q13_an_agent_reads_that_a_call_is_too_deep():
    asks = agent("asks(q: str)", "{q}", model="scripted", uses=[leaf])
    model = ScriptedModel([call("leaf", n=1), "as you say"])
    with Runtime([asks], models={"scripted": model}, max_depth=1) as runtime:
        node = outcome(runtime, asks, {"q": "go"})

        assert node.outputs == "as you say"
        assert "max_depth" in str(node.children[0].exception)


def test_q13_a_run_writes_no_more_record_than_is_set(tmp_path):
    @function
    def large(n: int) -> str:
        """Give a large text."""
        return f"{n}" * 300_000

    @function(uses=[large])
    def many() -> int:
        """Call for ever."""
        n = 0
        while True:
            n += 1
            large(n=n)

    with Journal(tmp_path) as journal, Runtime([many], sink=journal, max_record_mb=1) as runtime:
        node = outcome(runtime, many, {})

        (line,) = str(node.exception).splitlines()
        assert "large() was not called: the record of its run has " in line
        assert "`max_record_mb`" in line
        assert outcome(runtime, large, {"n": 1}).exception is None  # another run


def test_q13_rows_that_were_asked_for_are_no_runaway():
    from netflux_nb import session

    session.use(Runtime([leaf], is_open=True, max_nodes=5, record=False))

    mapped = leaf.map([{"n": i} for i in range(9)]).wait()

    assert [view.outputs for view in mapped.views] == list(range(9))


@pytest.mark.parametrize("name", ["max_depth", "max_nodes", "max_record_mb"])
@pytest.mark.parametrize("value", [-1, 1.5, True, "9"])
def test_q13_a_limit_is_a_whole_number(name, value):
    with pytest.raises(ArgumentError, match=f"{name} is .*Give a whole number"):
        Runtime([leaf], **{name: value})


def test_q13_0_is_no_limit():
    with Runtime([wide, down], max_depth=0, max_nodes=0, max_record_mb=0) as runtime:
        assert outcome(runtime, wide, {"n": 9}).outputs == 36


def test_q13_a_notebook_sets_them_for_its_calls():
    from netflux_nb import session

    made = NetfluxNB()
    assert (made.max_depth, made.max_nodes) == (MAX_DEPTH, MAX_NODES)
    assert made.max_record_mb == MAX_RECORD_MB
    made.max_depth = 7

    try:
        with pytest.raises(BudgetError, match="7 levels deep"):
            down(n=0)
    finally:
        session.configure(max_depth=MAX_DEPTH)
