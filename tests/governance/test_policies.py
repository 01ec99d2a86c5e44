"""The one policy hook, with two real policies: budgets and approvals."""

import asyncio
import threading

import pytest

from netflux_nb import (
    Approvals,
    Budget,
    CancellationException,
    NodeState,
    RejectedError,
    Runtime,
    TokenUsage,
    agent,
    function,
)
from netflux_nb.core import BudgetError
from netflux_nb.core.policy import (
    Admit,
    Ask,
    Closed,
    Enter,
    Hold,
    Leave,
    Refuse,
    Replace,
    Switch,
    WaitingOn,
)
from netflux_nb.testing import ScriptedModel, Turn, broken, call


@function
def leaf(x: int = 1) -> int:
    return x


@function(uses=[leaf])
def fan(n: int) -> int:
    nodes = [leaf.start(i) for i in range(n)]
    return sum(1 for node in nodes if not node.wait() and node.state is NodeState.Success)


@pytest.fixture
def make_runtime():
    made = []

    def make(*specs, **options):
        made.append(Runtime(list(specs), **options))
        return made[-1]

    yield make
    for runtime in made:
        runtime.close()


def test_a_budget_of_calls_stops_the_next_call_of_a_fan_out(make_runtime):
    node = make_runtime(fan, policies=[Budget(calls=4)]).get_ctx().invoke(fan, {"n": 10})
    assert node.result() == 3
    refused = [c for c in node.view().children if c.state is NodeState.Error]
    assert len(refused) == 7
    assert "allows 4 calls; with leaf() it would be 5" in str(refused[0].exception)


def test_a_budget_is_a_trees_or_the_runtimes(make_runtime):
    each = make_runtime(leaf, policies=[Budget(calls=1)]).get_ctx()
    assert [each.invoke(leaf, {}).result() for _ in range(3)] == [1, 1, 1]
    both = make_runtime(leaf, policies=[Budget(calls=2, per="runtime")]).get_ctx()
    assert [both.invoke(leaf, {}).result() for _ in range(2)] == [1, 1]
    with pytest.raises(BudgetError, match="this runtime"):
        both.invoke(leaf, {}).result()


def test_a_budget_of_time_uses_the_runtimes_clock(make_runtime):
    now = [0.0]
    runtime = make_runtime(fan, policies=[Budget(seconds=5)], clock=lambda: now[0])

    @function(uses=[leaf])
    def slow() -> int:
        leaf(x=1)
        now[0] += 10
        return leaf(x=2)

    runtime.register(slow)
    with pytest.raises(BudgetError, match="5 seconds"):
        runtime.get_ctx().invoke(slow, {}).result()


def spender(model="scripted"):
    return agent("spend(i: int)", "{i}", model=model)


def test_a_fan_out_of_agents_cannot_overspend(make_runtime):
    spend = spender()

    @function(uses=[spend])
    def study(n: int) -> int:
        nodes = [spend.start(i) for i in range(n)]
        for node in nodes:
            node.wait()
        return sum(node.state is NodeState.Success for node in nodes)

    used = TokenUsage(input_tokens_total=0, output_tokens_total=1000)

    async def answer(request):
        await asyncio.sleep(0)
        return Turn(text="ok", usage=used)

    budget = Budget(tokens=3500)
    runtime = make_runtime(study, models={"scripted": ScriptedModel(answer)}, policies=[budget])
    node = runtime.get_ctx().invoke(study, {"n": 10})
    assert node.result(timeout=60) == 3
    total = sum(v.usage.total for _, v in node.view().walk() if v.usage)
    assert total == 3000


def test_money_is_counted_with_the_price_that_is_given(make_runtime):
    spend = spender()
    budget = Budget(usd=0.5, price=lambda provider, model, usage: usage.output_tokens_total / 1000)
    script = ScriptedModel(lambda r: Turn(text="x", usage=TokenUsage(output_tokens_total=400)))
    runtime = make_runtime(spend, models={"scripted": script}, policies=[budget])
    with pytest.raises(BudgetError, match="usd"):
        runtime.get_ctx().invoke(spend, {"i": 1}).result()
    assert script.requests == []


def test_what_was_done_before_the_budget_ended_is_kept(make_runtime):
    one = agent("one()", "x", uses=[leaf], model="scripted", settings={"max_tokens": 10})
    usage = TokenUsage(output_tokens_total=50)
    script = [Turn(calls=[call("leaf")], usage=usage), "never"]
    runtime = make_runtime(
        one, models={"scripted": ScriptedModel(script)}, policies=[Budget(tokens=55)]
    )
    node = runtime.get_ctx().invoke(one, {})
    with pytest.raises(BudgetError):
        node.result(timeout=60)
    assert node.view().usage.output_tokens_total == 50
    assert node.view().children[0].outputs == 1


@function(needs_approval=True)
def risky(x: int) -> int:
    return x * 2


def test_a_marked_call_waits_without_a_thread(make_runtime):
    runtime = make_runtime(risky, policies=[Approvals()])
    before = threading.active_count()
    nodes = [runtime.get_ctx().invoke(risky, {"x": i}) for i in range(50)]
    assert threading.active_count() <= before + 1
    view = nodes[3].view()
    assert (view.state, view.waiting_on.kind) == (NodeState.Waiting, "approval")
    for node in nodes:
        node.approve(by="ada")
    assert [n.result(timeout=60) for n in nodes] == [i * 2 for i in range(50)]


def test_a_rejection_names_who_and_why_and_nothing_ran(make_runtime):
    node = make_runtime(risky, policies=[Approvals()]).get_ctx().invoke(risky, {"x": 1})
    node.reject("too risky", by="ada")
    with pytest.raises(RejectedError, match=r"rejected by ada \(as claimed\): too risky"):
        node.result(timeout=60)
    assert node.view().started_at is None


def test_a_second_answer_is_told_who_came_first(make_runtime):
    node = make_runtime(risky, policies=[Approvals()]).get_ctx().invoke(risky, {"x": 1})
    node.approve(by="ada")
    node.wait()
    with pytest.raises(RuntimeError, match="answered by 'ada'"):
        node.reject(by="bob")


def test_headless_it_stays_pending_and_can_be_cancelled(make_runtime):
    node = make_runtime(risky, policies=[Approvals()]).get_ctx().invoke(risky, {"x": 1})
    with pytest.raises(TimeoutError):
        node.result(timeout=0.02)
    node.cancel("nobody came")
    with pytest.raises(CancellationException, match="nobody came"):
        node.result(timeout=60)


def test_a_models_call_waits_for_approval_too(make_runtime):
    one = agent("one()", "x", uses=[risky], model="scripted")
    runtime = make_runtime(
        one, models={"scripted": ScriptedModel([call("risky", x=4), "end"])}, policies=[Approvals()]
    )
    node = runtime.get_ctx().invoke(one, {})
    seq = 0
    while not (view := node.watch(seq, timeout=60)).children:
        seq = view.update_seqnum
    child = node.children[0]
    child.approve(by="ada")
    assert node.result(timeout=60) == "end"
    assert node.view().children[0].outputs == 8


def test_policies_speak_in_one_order_and_leave_in_reverse(make_runtime):
    said = []

    class Named:
        moments = frozenset({Admit, Enter, Leave, Closed})

        def __init__(self, name):
            self.name = name

        def __call__(self, moment):
            said.append(f"{self.name}:{type(moment).__name__}")

    runtime = make_runtime(leaf, policies=[Named("a"), Named("b")])
    node = runtime.get_ctx().invoke(leaf, {})
    node.wait()
    node.view()
    assert said[:4] == ["a:Admit", "b:Admit", "a:Enter", "b:Enter"]
    assert said[4:6] == ["b:Leave", "a:Leave"]


def test_a_policy_may_replace_an_outcome(make_runtime):
    class Rescue:
        moments = frozenset({Leave})

        def __call__(self, moment):
            return Replace(value="rescued") if moment.error is not None else None

    @function
    def fails() -> str:
        raise LookupError("x")

    runtime = make_runtime(fails, policies=[Rescue()])
    assert runtime.get_ctx().invoke(fails, {}).result() == "rescued"


def test_a_policy_that_raises_fails_the_node_and_is_not_skipped(make_runtime):
    class Broken:
        moments = frozenset({Admit})

        def __call__(self, moment):
            raise ZeroDivisionError("policy bug")

    node = make_runtime(leaf, policies=[Broken()]).get_ctx().invoke(leaf, {})
    with pytest.raises(ZeroDivisionError, match="policy bug"):
        node.result(timeout=60)


def test_a_policy_that_raises_at_the_end_holds_up_nobody(make_runtime, caplog):
    class Broken:
        moments = frozenset({Closed})

        def __call__(self, moment):
            raise ZeroDivisionError("policy bug")

    @function(uses=[leaf])
    def above() -> str:
        return str(leaf())

    node = make_runtime(above, policies=[Broken()]).get_ctx().invoke(above, {})
    assert node.result(timeout=60) == "1"
    assert "policy bug" in caplog.text


def test_nd3_a_tree_is_paused_and_goes_on(make_runtime):
    at_gate, go = threading.Event(), threading.Event()

    @function(uses=[leaf])
    def outer() -> int:
        at_gate.set()
        go.wait(60)
        return leaf(x=5)

    node = make_runtime(outer).get_ctx().invoke(outer, {})
    assert at_gate.wait(60)
    node.pause()
    go.set()
    seq, child = 0, None
    while child is None or child.waiting_on is None:
        view = node.watch(seq, timeout=60)
        seq, child = view.update_seqnum, (view.children[0] if view.children else None)
    assert (child.state, child.waiting_on.kind) == (NodeState.Waiting, "paused")
    node.unpause()
    assert node.result(timeout=60) == 5


@pytest.mark.parametrize("price", [float("nan"), float("inf")])
def test_a_price_that_is_no_number_is_unknown(make_runtime, price):
    one = agent("one()", "x", model="scripted")
    budget = Budget(usd=1, price=lambda *a: price)
    runtime = make_runtime(one, models={"scripted": ScriptedModel(["a"])}, policies=[budget])
    with pytest.raises(BudgetError, match="no price is known"):
        runtime.get_ctx().invoke(one, {}).result()


def test_a_price_that_fails_afterwards_holds_up_nobody(make_runtime):
    one = agent("one(i: int)", "x {i}", model="scripted", settings={"max_tokens": 10})
    asked, go = [], asyncio.Event()

    def price(provider, model, usage):
        if usage.output_tokens_total == 7:
            raise LookupError("no such model")
        return 0.6

    async def answer(request):
        asked.append(request)
        if len(asked) == 1:
            await go.wait()
        return Turn(text="a", usage=TokenUsage(output_tokens_total=7))

    budget = Budget(usd=1, price=price, per="runtime")
    model = ScriptedModel(answer)
    runtime = make_runtime(one, models={"scripted": model}, policies=[budget])
    nodes = [runtime.get_ctx().invoke(one, {"i": i}) for i in range(2)]
    held = [n for n in nodes if _held_by_budget(n)]
    assert len(held) == 1
    runtime.loop.call(go.set)
    for node in nodes:
        node.wait(timeout=60)
    assert [n.is_done for n in nodes] == [True, True]
    assert budget.account(nodes[0]).reserved == {}


def _held_by_budget(node):
    view = node.view()
    while view.waiting_on is None or view.waiting_on.kind not in ("budget", "model"):
        view = node.watch(view.update_seqnum, timeout=60)
    return view.waiting_on.kind == "budget"


@pytest.mark.parametrize("how", ["refuse", "raise", "hold", "switch"])
def test_what_was_reserved_is_given_back_however_a_request_ends(make_runtime, how):
    class After:
        moments = frozenset({Ask})

        def __call__(self, moment):
            if how == "refuse":
                return Refuse(RejectedError("no"))
            if how == "raise":
                raise LookupError("broken policy")
            if how == "hold":
                return Hold(WaitingOn("approval", "may it?"))
            return Switch("other:big")

    one = agent("one()", "x", model="scripted")
    budget = Budget(tokens=5000, per="runtime")
    models = {"scripted": ScriptedModel([]), "other": ScriptedModel([broken()])}
    runtime = make_runtime(one, models=models, policies=[budget, After()])
    node = runtime.get_ctx().invoke(one, {})
    if how == "hold":
        view = node.view()
        while view.waiting_on is None:
            view = node.watch(view.update_seqnum, timeout=60)
        assert budget.account(node).reserved
        node.cancel()
    node.wait(timeout=60)
    assert node.state in (NodeState.Error, NodeState.Canceled)
    assert budget.account(node).reserved == {}
    assert budget.account(node).tokens == 0


def test_a_model_that_is_switched_to_is_not_given_the_thinking_of_another(make_runtime):
    class Later:
        moments = frozenset({Ask})

        def __call__(self, moment):
            return Switch("other") if moment.request.nth else None

    first = ScriptedModel([Turn(thinking="hm", signature="s", calls=[call("leaf", x=1)])])
    other = ScriptedModel(["done"])
    one = agent("one()", "x", model="scripted", uses=[leaf])
    models = {"scripted": first, "other": other}
    runtime = make_runtime(one, models=models, policies=[Later()])
    node = runtime.get_ctx().invoke(one, {})
    assert node.result() == "done"
    kinds = [type(p).__name__ for p in other.requests[0].parts]
    assert kinds == ["UserTextPart", "ToolUsePart", "ToolResultPart"]
    assert "ThinkingBlockPart" in [type(p).__name__ for p in node.view().transcript]
