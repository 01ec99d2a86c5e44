"""What a request costs: whose table is asked, and what is counted."""

import pytest

from netflux_nb import Spent, TokenUsage, function
from netflux_nb.core import bill
from netflux_nb.core import events as ev
from netflux_nb.core.fold import fold


class Table:
    """A cent a token of the one model that it knows."""

    source = "ours, of today"

    def __call__(self, provider, model, usage, time):
        return usage.total / 100 if model == "known" else None


@function
def leaf() -> int:
    return 1


@pytest.fixture(autouse=True)
def prices(monkeypatch):
    monkeypatch.setattr(bill, "_prices", [])
    bill.set_prices(Table())


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
