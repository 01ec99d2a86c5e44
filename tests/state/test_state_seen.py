"""What a Node did to the state, in its pane and in the diff of two runs."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from netflux_nb import function, runs, state
from netflux_nb.show.wire import details


@dataclass
class Item:
    name: str
    api_key: str = ""


@dataclass
class Shop:
    stock: dict[str, int] = field(default_factory=dict)
    best: Item = field(default_factory=lambda: Item("tea"))
    log: list[str] = field(default_factory=list)


@pytest.fixture
def sell():
    shop = state(Shop({"tea": 5, "milk": 2}), name="shop")

    @function(reads=["log"], writes=["stock", "best"], raises=[ValueError])
    def sell(what: str, n: int) -> int:
        """Sell."""
        shop.stock[what] -= n
        shop.best = Item(what, "hunter2-hunter2")
        if len(shop.log) or shop.stock[what] < 0:
            raise ValueError("sold out")
        return shop.stock[what]

    return sell


def pane(view):
    return {
        title: (kind, text)
        for _, _, kind, title, text, _ in details.page(view, "state", (0, 0))["parts"]
    }


def test_a_pane_tells_what_a_call_changed_and_read(sell):
    sell("tea", 2)
    told = pane(runs.last.view())
    assert told["shop"] == ("note", "from version 0: changed, which made version 1")
    assert told["stock.tea"] == ("value", "5 → 3")
    assert "hunter2" not in str(told)
    assert "log" in told["read"][1].splitlines()
    kept = runs[runs.last.id].view()
    assert pane(kept) == told


def test_a_pane_tells_what_did_not_count(sell):
    with pytest.raises(ValueError, match="sold out"):
        sell("tea", 9)
    told = pane(runs.last.view())
    assert told["shop"] == ("note", "from version 0: would have changed; none of it counts")
    assert told["stock.tea"] == ("value", "5 → -4")


def test_a_pane_of_a_call_that_touched_nothing_is_empty():
    @function
    def one() -> int:
        """Give one."""
        return 1

    one()
    assert pane(runs.last.view()) == {}


def test_p12_a_diff_shows_the_changes_that_differ(sell):
    sell("tea", 1)
    first = runs.last
    sell("tea", 1)
    sell("milk", 1)
    [one] = [f for f in first.diff(runs.last).nodes[0].fields if f.name == "changes"]
    assert one.is_blocking
    assert (one.left["stock.tea"], one.right["stock.milk"]) == (4, 1)
    assert "hunter2" not in str(one)
    assert first.diff(first.replay().run if hasattr(first.replay(), "run") else first).is_same


def test_p12_a_replay_of_what_changed_the_state_differs_in_nothing(sell):
    sell("tea", 1)
    sell("milk", 1)
    for run in list(runs):
        assert run.replay().is_same
