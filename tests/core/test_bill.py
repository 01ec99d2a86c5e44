"""What a request costs: whose table is asked, and what is counted."""

from dataclasses import replace

import pytest

from netflux_nb import Spent, TokenUsage, function
from netflux_nb.core import bill
from netflux_nb.core import events as ev
from netflux_nb.core.fold import fold
from netflux_nb.core.messages import ModelRequest, Tool, ToolUsePart, UserTextPart


class Table:
    """A cent a token of the one model that it knows."""

    source = "ours, of today"

    def __call__(self, provider, model, usage, time):
        return usage.total / 100 if model == "known" else None


@function
def leaf() -> int:
    return 1


@pytest.fixture(autouse=True)
def prices():
    with bill.prices.filled(Table()):
        yield


def used(tokens):
    return TokenUsage(input_tokens_regular=tokens, input_tokens_total=tokens)


def test_a_price_is_that_of_the_table():
    assert bill.price("p", "known", used(3)) == 0.03
    assert bill.price("p", "other", used(3)) is None
    assert bill.price("p", "known", TokenUsage(unknown_requests=1)) is None


def test_an_example_takes_nothing_from_an_account():
    assert bill.paid_price(bill.EXAMPLE, "known", used(3)) == 0.0
    assert bill.paid_price("p", "known", used(3)) == 0.03


def viewed(*bodies):
    opened = ev.NodeOpened(None, leaf, {}, "k")
    events = [ev.Event(n, float(n), 1, body) for n, body in enumerate([opened, *bodies])]
    return fold(events)[1]


def test_what_ran_is_not_served():
    assert viewed(ev.NodeStarted()).served is False
    assert viewed(ev.NodeServed("r-1")).served is True


@pytest.mark.parametrize("stop", ["error", "canceled", "end"])
@pytest.mark.parametrize("tokens", [0, 5])
def test_a_request_that_failed_is_billed_where_it_used_tokens(stop, tokens):
    made = viewed(ev.RequestEnded(Spent("p", "known", used(tokens), stop))).bill()

    assert sum(line.requests for line in made.lines) == int(stop == "end" or tokens > 0)
    assert made.usd == tokens / 100
    assert made.source == "ours, of today"


def test_a_bill_is_that_of_the_node_and_not_of_who_asked_before():
    view = viewed(ev.RequestEnded(Spent("p", "known", used(2))))

    assert view.bill() == view.bill()
    assert view.bill().usd == 0.02


# What a request is taken to use.


@pytest.mark.parametrize(
    ("settings", "replies", "is_bounded"),
    [
        ({}, (20, 1_000, 16_000), False),
        ({"max_tokens": 300}, (20, 300, 300), True),
        ({"max_tokens": 5}, (5, 5, 5), True),
        ({"max_tokens": "many"}, (20, 1_000, 16_000), False),
    ],
)
def test_an_answer_is_taken_to_be_as_long_as_it_is_allowed_to_be(settings, replies, is_bounded):
    found = bill.estimate(
        ModelRequest(provider="p", model=None, system="", parts=(), settings=settings)
    )

    ends = (found.low, found.likely, found.high)
    assert tuple(one.output_tokens_total for one in ends) == replies
    assert found.is_bounded == is_bounded


def test_all_that_is_sent_counts_by_its_bytes():
    plain = ModelRequest(provider="p", model=None, system="", parts=(UserTextPart("a" * 60),))
    told = [
        plain,
        replace(plain, parts=(UserTextPart("語" * 20),)),
        replace(plain, system="b" * 60),
        replace(plain, tools=(Tool("count", "c" * 60, {}),)),
        replace(plain, result_schema={"type": "object"}),
        replace(plain, parts=(*plain.parts, ToolUsePart("1", "count", {"text": "d" * 60}))),
    ]

    sizes = [bill.estimate(one).likely.input_tokens_total for one in told]

    assert sizes[0] == sizes[1] == 15
    assert all(size > 15 for size in sizes[2:])


def test_a_bill_is_of_the_newest_day_whose_prices_were_taken():
    asked = [ev.RequestEnded(Spent("p", "known", used(1), time=day * 86_400.0)) for day in (3, 1)]

    assert viewed(*asked).bill().priced_on == "1970-01-04"
    assert viewed().bill().priced_on is None


def test_a_bill_is_of_the_whole_subtree_and_names_models_without_a_price():
    told = [
        ev.NodeOpened(None, leaf, {}, "k"),
        ev.NodeOpened(1, leaf, {}, "kk"),
        ev.NodeOpened(2, leaf, {}, "kkk"),
        ev.RequestEnded(Spent("p", "known", used(2))),
        ev.RequestEnded(Spent("p", "other", used(3))),
        ev.RequestEnded(Spent("p", "known", used(5))),
    ]
    nodes = (1, 2, 3, 1, 2, 3)
    events = [
        ev.Event(n, float(n), node, body)
        for n, (node, body) in enumerate(zip(nodes, told, strict=True))
    ]
    made = fold(events)[1].bill()

    assert {line.model: line.usage.total for line in made.lines} == {"known": 7, "other": 3}
    assert made.known_usd == 0.07
    assert made.unknown == ("p:other",)
    assert str(made).splitlines()[-1].endswith(", prices: ours, of today")
    assert "prices" not in str(viewed().bill()), "where nothing was asked, no table was"
    assert viewed(told[3]).bill().unknown == ()


@pytest.mark.parametrize(
    ("asked", "is_example"),
    [
        ((("p", 1),), False),
        (((bill.EXAMPLE, 1),), True),
        (((bill.EXAMPLE, 1), ("p", 0)), True),
        (((bill.EXAMPLE, 1), ("p", 1)), False),
        ((), False),
    ],
)
def test_a_bill_is_an_example_where_nobody_pays_anything_of_it(asked, is_example):
    made = [ev.RequestEnded(Spent(name, "known", used(tokens))) for name, tokens in asked]

    assert viewed(*made).bill().is_example == is_example
