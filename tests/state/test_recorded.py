"""What a record holds of a state: it comes back as it was, or it is said that it does not."""

import contextlib
import dataclasses
import datetime
import decimal
import enum
import threading

import pytest
from pydantic import BaseModel

from netflux_nb import function, runs, sql
from netflux_nb.core.errors import ArgumentError, ConflictError, RejectedError
from netflux_nb.state import heavy, plain, state


class Colour(enum.Enum):
    RED = 1


class Customer(BaseModel):
    name: str
    since: datetime.date = datetime.date(2020, 1, 2)


class Order(BaseModel):
    customer: Customer
    tags: set[str] = set()


@dataclasses.dataclass
class Item:
    price: decimal.Decimal
    colour: Colour = Colour.RED


@dataclasses.dataclass
class Shop:
    items: list[Item] = dataclasses.field(default_factory=list)
    orders: dict[str, Order] = dataclasses.field(default_factory=dict)
    marks: set[int] = dataclasses.field(default_factory=set)
    fixed: frozenset[int] = frozenset()
    pair: tuple[list[int], int] = ([1], 2)
    odd: dict[object, object] = dataclasses.field(default_factory=dict)


def cut_off(value, body):
    """Have a run fail after a step that counted, and go on with it in another kernel."""
    fails = [1]

    def program():
        shop = state(value(), name="shop")

        @function(writes=["*"])
        def step() -> int:
            body(shop)
            return 1

        @function(uses=[step])
        def day() -> int:
            step()
            if fails:
                raise RuntimeError("cut off")
            return 2

        return shop, day

    shop, day = program()
    with contextlib.suppress(RuntimeError):
        day()
    run, then = runs.last, shop.value()
    fails.clear()
    shop, day = program()
    again = run.resume(day)
    assert again.result() == 2
    return then, shop.value(), again


def fills(shop):
    shop.items.append(Item(decimal.Decimal("1.50")))
    shop.orders["a"] = Order(customer=Customer(name="ann"), tags={"x"})
    shop.marks.add(3)
    shop.fixed = frozenset({1})
    shop.pair[0].append(4)
    for key in (1, None, Colour.RED, (1, "a"), b"x", 1.5, "a.b", "$type", "*", "", "\n", "<b>"):
        shop.odd[key] = {"n": 1}
        shop.odd[key]["n"] += 1


def test_what_a_served_call_changed_comes_back_with_its_classes():
    then, now, again = cut_off(Shop, fills)
    assert now == then
    assert repr(now) == repr(then)
    assert again.served.nodes == 1
    assert type(now.orders["a"].customer) is Customer
    assert again.replay().is_same


def test_an_instance_of_a_class_that_nobody_knows_is_not_made_a_dict():
    then, now, again = cut_off(lambda: {"x": []}, lambda shop: shop.x.append(Item(1)))
    assert now == then
    assert again.served.nodes == 0
    assert "Item is no class that this state is known to hold" in str(again.served)


def test_a_key_that_was_taken_out_is_not_put_into_the_state():
    def body(vault):
        vault.db["password"] = "hunter2hunter2"

    then, now, again = cut_off(lambda: {"db": {}}, body)
    assert now == then
    assert again.served.nodes == 0


def test_what_is_below_another_change_is_in_it():
    def body(tree):
        tree.d["a"] = {"k": 1}
        tree.d["a"]["k"] = 2
        tree.d["a"] = 3
        tree.rows[0]["k"] = 5
        tree.rows[0] = [1]

    value = {"d": {}, "rows": [{"k": 1}]}
    then, now, again = cut_off(lambda: value, body)
    assert then == now == {"d": {"a": 3}, "rows": [[1]]}
    assert again.served.nodes == 1


def played(value, body):
    """Run a body, and its replay with another state in its place."""
    bank = state(value, name="bank")

    @function(writes=["*"])
    def plays() -> object:
        return body(bank)

    given = plays()
    run = runs.last
    with bank.edit() as s:
        for name in bank.value() if isinstance(value, dict) else vars(value):
            if name != "model":
                s[name] = None
    return given, run.replay()


def nested(bank):
    bank.d["a"]["k"] = 2
    return "x" in bank.d["a"], "no" in bank.d


def instance(bank):
    bank.item.price = decimal.Decimal(3)
    return bank.item.colour is Colour.RED


def counts(bank):
    bank.d[Colour.RED]["n"] = 1
    return len(bank.d)


def new_keys(bank):
    bank.d[Colour.RED] = range(3)
    bank.d[range(3)] = 1


@pytest.mark.parametrize(
    ("value", "body"),
    [
        (Shop(), fills),
        ({"d": {"a": {"k": 1, "x": {}}}}, nested),
        ({"d": {"a": {"k": 1}}}, lambda bank: bank.d["a"] and 1),
        ({"d": {"a": {"k": {}}}}, lambda bank: (bank.d["a"]["k"], 1)[1]),
        ({"item": Item(1)}, instance),
        ({"item": Item(decimal.Decimal(1))}, lambda bank: bank.item),
        ({"d": {}}, new_keys),
        ({"d": {Colour.RED: {}}}, counts),
        (Shop(), lambda shop: setattr(shop, "marks", {7})),
        ({"model": heavy(len), "n": 1}, lambda bank: bank.model([1, bank.n])),
    ],
)
def test_a_replay_is_the_same_whatever_was_touched(value, body):
    _, done = played(value, body)
    assert done.is_same, str(done)


def test_a_replay_of_a_call_that_takes_away_what_it_changed_is_the_same():
    shop = state(Shop([Item(1)], odd={"a": Item(2), "b": [{"n": 1}, {}]}), name="shop")

    @function(writes=["*"])
    def inner() -> None:
        shop.odd["a"].price += 3
        del shop.odd["a"]
        shop.odd["b"][1]["n"] = 2
        shop.odd["b"].pop(0)
        shop.marks.add(1)

    @function(writes=["*"], uses=[inner])
    def outer() -> int:
        inner()
        return len(shop.marks)

    assert outer() == 1
    assert shop.value().odd == {"b": [{"n": 2}]}
    done = runs.last.replay()
    assert done.is_same, str(done)


def test_a_replay_of_who_read_what_no_record_holds_says_so():
    class Odd(tuple):
        _fields = ()

    _, done = played({"x": Odd(), "n": 1}, lambda bank: bank.x == ())
    assert "reads x of the state, which the record does not hold" in str(done)


def test_what_is_heavy_is_not_in_the_record():
    lab = state({"model": heavy({"weights": "w" * 99}), "d": {"m": heavy(b"w" * 99)}}, name="lab")

    @function(writes=["*"])
    def reads() -> int:
        lab.d["n"] = len(lab.model["weights"]) + len(plain(lab.d)["m"])
        return 1

    reads()
    (node,) = runs.last.recording.nodes.values()
    assert "www" not in repr(node.touched)
    assert runs.last.replay().is_same is False  # `d` was read whole


@pytest.mark.parametrize("key", [range(3), datetime.UTC, int, "\ud800", "\0", "x" * 2_000])
def test_a_run_ends_in_the_record_whatever_its_keys_are(key):
    bank = state({"d": {}}, name="bank")

    @function(writes=["d"])
    def plays() -> int:
        bank.d[key] = 1
        return 1

    assert plays() == 1
    assert runs.last.state.name == "Success"
    assert len(sql("SELECT * FROM changes")) == 1
    assert bank.value() == {"d": {key: 1}}


def test_that_something_is_there_is_a_reading_too():
    bank = state({"d": {"x": {}}, "n": 0}, name="bank")
    looked, removed = threading.Event(), threading.Event()

    @function(writes=["n"], reads=["d"])
    def looks() -> None:
        seen = "x" in bank.d
        looked.set()
        removed.wait(20)
        bank.n = int(seen)

    @function(writes=["d"])
    def removes() -> None:
        del bank.d["x"]

    call = looks.start()
    looked.wait(20)
    removes()
    removed.set()
    with pytest.raises(ConflictError, match=r"d.x: removes in run .* changed it first"):
        call.result()


def test_a_replay_of_a_call_that_came_second_is_the_same():
    bank = state({"n": 0, "odd": {"a.b": 0}}, name="bank")

    @function(writes=["odd"])
    def adds(i: int) -> int:
        bank.odd["a.b"] += i
        return bank.odd["a.b"]

    @function(writes=["odd"], uses=[adds])
    def both() -> list[object]:
        calls = [adds.start(i=1), adds.start(i=2)]
        return [str(call.view().exception or "") for call in calls if call.wait() is None]

    first, second = both()
    assert first == ""
    assert second == "odd[a.b]: adds() changed it first. Nothing that adds() wrote counts."
    assert runs.last.replay().is_same


def test_a_view_that_is_given_or_taken_goes_by_value():
    bank = state({"d": {"a": [1]}, "item": Item(1)}, name="bank")

    @function
    def spoils(d: object, item: object) -> None:
        d["a"].append(2)
        item.price = 9

    @function(writes=["d", "item"], uses=[spoils])
    def day() -> object:
        spoils(bank.d, bank.item)
        return {"d": bank.d, "items": [bank.item], "pair": (bank.d["a"], 1)}

    given = day()
    assert given == {"d": {"a": [1]}, "items": [Item(1)], "pair": ([1], 1)}
    assert type(given["items"][0]) is Item
    assert bank.version == 0
    assert runs.last.replay().is_same


def test_what_changed_the_state_already_is_not_done_again_unasked():
    fails, tries = [1], []
    bank = state({"n": 0}, name="bank")

    @function(writes=["n"])
    def adds() -> object:
        bank.n += 1
        tries.append(1)
        return object()  # no record holds it

    @function(uses=[adds])
    def day() -> int:
        adds()
        if fails:
            raise RuntimeError("cut off")
        return 1

    with contextlib.suppress(RuntimeError):
        day()
    fails.clear()
    again = runs.last.resume()
    while not again.pending():
        threading.Event().wait(0.01)
    assert "has changed the state already" in again.pending()[0].held.on.what
    again.reject("no")
    with pytest.raises(RejectedError):
        again.result()
    assert (bank.n, len(tries)) == (1, 1)


def test_numbers_of_numpys_are_put_and_come_back():
    numpy = pytest.importorskip("numpy")

    def body(lab):
        lab.mean = numpy.float32(0.1)
        lab.d[numpy.int64(3).item()] = numpy.arange(3).sum()
        return float(lab.mean)

    then, now, again = cut_off(lambda: {"mean": 0, "d": {}}, body)
    assert now == then
    assert type(now["mean"]) is numpy.float32
    assert again.served.nodes == 1
    assert played({"mean": 0, "d": {}}, body)[1].is_same


@pytest.mark.parametrize("how", ["path", "itself"])
def test_a_state_gets_no_deeper_than_a_record_holds(how):
    bank = state({"d": {}, "n": 0}, name="bank")

    @function(writes=["d"])
    def nests() -> None:
        inner = bank.d
        for _ in range(3_000):
            inner["x"] = {} if how == "path" else bank.d
            inner = inner["x"] if how == "path" else inner

    with pytest.raises(ArgumentError, match="nested more than 100 levels"):
        nests()
    assert runs.last.state.name == "Error"
    assert bank.value() == {"d": {}, "n": 0}
