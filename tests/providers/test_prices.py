"""What a tree cost, and what is not known of it (rows NW6, NW36)."""

from dataclasses import replace

import pytest
from wire import Call, Said

from netflux_nb import (
    Bill,
    Budget,
    BudgetError,
    NodeView,
    Runtime,
    Spent,
    TokenUsage,
    agent,
    function,
)
from netflux_nb.core import events as ev
from netflux_nb.core.bill import price
from netflux_nb.core.fold import fold
from netflux_nb.testing import ScriptedModel, Turn

MILLION = 1_000_000
DAY = 1_795_250_000.0  # in November 2026


def used(**counts):
    usage = TokenUsage(**counts)
    total = usage.input_tokens_regular + usage.input_tokens_cache_read
    return replace(usage, input_tokens_total=total + (usage.input_tokens_cache_write or 0))


@pytest.mark.parametrize(
    ("counts", "usd"),
    [
        ({"input_tokens_regular": MILLION}, 4.0),
        ({"output_tokens_total": MILLION}, 20.0),
        ({"input_tokens_cache_read": MILLION}, 0.2),
        ({"input_tokens_cache_write": MILLION}, 5.0),
        ({"input_tokens_cache_write": MILLION, "input_tokens_cache_write_1h": MILLION}, 8.0),
        ({"input_tokens_cache_write": MILLION, "input_tokens_cache_write_1h": 0}, 5.0),
    ],
)
def test_nw36_each_kind_of_token_has_its_own_price(counts, usd):
    assert price("anthropic", "claude-opus-5-5", used(**counts), DAY) == pytest.approx(usd)


def test_names_of_models_are_found_as_the_providers_write_them():
    usage = used(input_tokens_regular=1000)
    for provider, model in [
        ("anthropic", "claude-sonnet-4-5-20250929"),
        ("gemini", "gemini-2.5-pro"),
        ("openai", "gpt-5.5"),
        ("xai", "grok-4"),
    ]:
        assert price(provider, model, usage, DAY) > 0, model


def test_what_is_not_known_is_none_and_what_is_free_is_nothing():
    usage = used(input_tokens_regular=1000)
    assert price("anthropic", "claude-of-tomorrow", usage, DAY) is None
    assert price("a-local-one", "llama3", usage, DAY) is None
    assert price("nobody", None, usage, DAY) is None
    assert price("scripted", "scripted", usage, DAY) == 0.0
    assert price("openai", "anything", TokenUsage(), DAY) == 0.0


def test_every_model_that_is_asked_by_default_has_a_price():
    from netflux_nb.providers import ModelNames

    usage = used(input_tokens_regular=1000)
    unknown = [
        p.value for p, name in ModelNames.items() if price(p.value, name, usage, DAY) is None
    ]
    assert unknown in ([], ["xai"])


def spent(provider="anthropic", model="claude-opus-5-5", tokens=1000, **more):
    return Spent(provider, model, used(input_tokens_regular=tokens), time=DAY, **more)


one = agent("one()", "x")


@function
def code() -> int:
    return 1


def tree(*requests, depth=1):
    """Give the view of a chain of agents, each of which made these requests."""
    events = []
    for node in range(1, depth + 1):
        body = ev.NodeOpened(node - 1 or None, one, {}, f"k{node}", None, "anthropic")
        events.append(ev.Event(len(events) + 1, DAY, node, body))
        events += [
            ev.Event(len(events) + 1 + i, DAY, node, ev.RequestEnded(s))
            for i, s in enumerate(requests)
        ]
    (view,) = fold(events).values()
    assert isinstance(view, NodeView)
    return view


def test_a_bill_is_by_provider_and_model():
    bill = tree(spent(), spent(), spent("openai", "gpt-5.5"), spent("local", "llama3")).bill()
    assert [(b.provider, b.model, b.requests) for b in bill.lines] == [
        ("anthropic", "claude-opus-5-5", 2),
        ("local", "llama3", 1),
        ("openai", "gpt-5.5", 1),
    ]
    assert bill.lines[0].usd == pytest.approx(0.008)
    assert bill.unknown == ("local:llama3",)
    assert bill.usd == pytest.approx(0.008 + bill.lines[2].usd)
    assert bill.usage.input_tokens_total == 4000
    assert bill.priced_on == "2026-11-21"
    text = str(bill)
    assert "price unknown: local:llama3" in text
    assert "genai-prices" in text


def test_what_a_served_request_would_have_cost_is_kept_apart():
    view = tree(spent(), spent(served=True), spent(served=True))
    bill = view.bill()
    assert (bill.usd, bill.saved_usd) == (pytest.approx(0.004), pytest.approx(0.008))
    assert view.usage.input_tokens_total == 1000
    assert "2 served from a record would have cost $0.008" in str(bill)


def test_nw6_a_deep_tree_is_billed_without_recursion_and_once():
    view = tree(spent(tokens=10), depth=5000)
    assert view.bill().lines[0].requests == 5000
    assert view.bill() == view.bill()
    assert len(view._lines) == 1


def test_a_bill_of_nothing_says_so():
    bill = tree().bill()
    assert (bill.lines, bill.usd, bill.priced_on) == ((), 0.0, None)
    assert isinstance(bill, Bill)


def test_a_tree_of_real_requests_has_a_bill(play):
    @function
    def add(x: int, y: int) -> int:
        """Add."""
        return x + y

    first = Said(calls=[Call("add", {"x": 1, "y": 2})], model="claude-opus-5-5", out=100)
    done = play("anthropic", [first, Said(text="3", model="claude-opus-5-5", out=100)], uses=[add])
    assert done.node.result() == "3"
    assert done.node.bill() == done.view.bill()
    (line,) = done.view.bill().lines
    assert (line.provider, line.model, line.requests) == ("anthropic", "claude-opus-5-5", 2)
    assert line.usd == pytest.approx((20 * 4 + 200 * 20) / MILLION)
    assert [s.stop for s in done.view.requests] == ["calls", "end"]


def test_a_budget_in_money_uses_these_prices(make):
    turns = [Turn(text="x", usage=used(input_tokens_regular=MILLION))] * 3
    runtime, fn = make(turns, policies=[Budget(usd=4.01, per="runtime")])
    ctx = runtime.get_ctx()
    assert ctx.invoke(fn, {}).result() == "x"
    with pytest.raises(BudgetError, match=r"allows 4\.01 usd"):
        ctx.invoke(fn, {}).result()


def test_a_budget_in_money_refuses_a_model_without_a_price(make):
    runtime, fn = make(
        [Turn(text="x")], model="anthropic:claude-of-tomorrow", policies=[Budget(usd=5.0)]
    )
    with pytest.raises(BudgetError, match=r"no price is known for anthropic:claude-of-tomorrow"):
        runtime.get_ctx().invoke(fn, {}).result()


@pytest.fixture
def make():
    from netflux_nb import Runtime

    made = []

    def go(turns, *, model="anthropic:claude-opus-5-5", **options):
        fn = agent("asks()", "x", model=model)
        runtime = Runtime([fn], models={"anthropic": ScriptedModel(turns)}, **options)
        made.append(runtime)
        return runtime, fn

    yield go
    for runtime in made:
        runtime.close()


@pytest.mark.parametrize(
    ("model", "counts", "usd"),
    [
        ("example-large", {"input_tokens_regular": MILLION}, 5.0),
        ("example-large", {"input_tokens_cache_read": MILLION}, 0.5),
        ("example-small", {"output_tokens_total": MILLION}, 5.0),
        ("another", {"output_tokens_total": MILLION}, 0.0),
        (None, {"output_tokens_total": MILLION}, 0.0),
    ],
)
def test_a_scripted_model_may_have_an_example_price(model, counts, usd):
    assert price("scripted", model, used(**counts)) == pytest.approx(usd)


def test_a_bill_says_that_the_price_is_an_example():
    bill = tree(spent("scripted", "example-large")).bill()

    assert (bill.usd, bill.unknown) == (pytest.approx(0.005), ())
    assert "scripted models: examples" in str(bill)


def test_a_script_answers_in_the_name_it_was_asked_by():
    speak = agent("speak()", "Hello", model="scripted:example-large")
    with Runtime([speak], models={"scripted": ScriptedModel(["hello"])}) as runtime:
        node = runtime.get_ctx().invoke(speak, {})
        node.wait()
        bill = node.bill()

    assert [(line.model, line.usd > 0) for line in bill.lines] == [("example-large", True)]
