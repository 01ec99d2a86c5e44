"""What an agent is told of a state, and what it may put: values of the kinds that are there."""

import dataclasses
import datetime
import decimal
import enum

import pytest

from netflux_nb import agent, runs
from netflux_nb.session import here, use
from netflux_nb.state import heavy, state
from netflux_nb.testing import ScriptedModel, call


class Colour(enum.Enum):
    RED = "r"


@dataclasses.dataclass
class Item:
    price: decimal.Decimal
    on: datetime.date = datetime.date(2020, 1, 2)


def told(value, *calls):
    """Have an agent make calls, and give what it is told, and the state after it."""
    bank = state(value, name="bank")
    use(scripted=ScriptedModel([list(calls), "done"]))
    clerk = agent("clerk() -> str", "go", model="scripted", writes=["*"])
    assert clerk() == "done"
    parts = runs.last.view().transcript
    assert runs.last.replay().is_same
    return [str(part.outputs) for part in parts if hasattr(part, "outputs")], bank.value()


def put(path, value):
    return call("put", path=path, value=value)


@pytest.mark.parametrize(
    ("before", "given", "after"),
    [
        ((1, 2), [3], (3,)),
        (([1], 2), [[3], 4], ([3], 4)),
        ({1}, [2, 2], {2}),
        (frozenset({1}), [2], frozenset({2})),
        (decimal.Decimal(1), "2.5", decimal.Decimal("2.5")),
        (datetime.date(2020, 1, 1), "2021-02-03", datetime.date(2021, 2, 3)),
        (Colour.RED, "r", Colour.RED),
        (1.5, 3, 3.0),
        ({1: 2}, {"1": 3, "x": 4}, {1: 3, "x": 4}),
        ([Item(decimal.Decimal(1))], [{"price": "3", "on": "2020-01-02"}], [Item(decimal.Decimal(3))]),
        (Item(decimal.Decimal(1)), {"price": "3", "on": "2020-01-02"}, Item(decimal.Decimal(3))),
    ],
)  # fmt: skip
def test_what_is_put_is_of_the_kind_that_is_there(before, given, after):
    _, now = told({"x": before}, put("x", given))
    assert now == {"x": after}
    assert type(now["x"]) is type(after)


@pytest.mark.parametrize(
    ("before", "given", "words"),
    [
        ({1}, [[1]], "x is a set: it holds no [1]"),
        (heavy(3), 4, "x holds a heavy, which is not put by this"),
        (decimal.Decimal(1), "much", "x holds a Decimal"),
        (Colour.RED, "blue", "x holds a Colour"),
        (
            Item(decimal.Decimal(1)),
            {"price": "3"},
            "x is a Item. Give all of its fields: on, price",
        ),
        (True, 1, "x holds a bool; got int"),
    ],
)
def test_what_is_of_another_kind_is_refused_in_one_line(before, given, words):
    (line,), _ = told({"x": before}, put("x", given))
    assert words in line
    assert "\n" not in line


def test_a_new_entry_beside_instances_is_one():
    item = {"price": "3", "on": "2020-01-02"}
    _, now = told({"d": {"a": Item(decimal.Decimal(1))}}, put("d.b", item))
    assert now["d"]["b"] == Item(decimal.Decimal(3))


def test_a_model_is_told_values_as_it_may_put_them():
    lines, _ = told(
        {"e": Colour.RED, "i": Item(decimal.Decimal("1.5"))},
        call("look", path="e"),
        call("look", path="i"),
    )
    assert lines == ["r", '{"price":"1.5","on":"2020-01-02"}']


def test_what_is_named_like_a_key_is_not_shown(tmp_path):
    secret = "hunter2hunter2"
    value = {"db": {"password": secret}, "api_token": secret}
    looks = [call("look", path="db.password"), call("look", path="api_token")]
    lines, _ = told(value, *looks)
    assert lines[0].endswith("db.password is named like a key, and is not shown.")
    assert lines[1].endswith("api_token is named like a key, and is not shown.")
    here.close_records()
    kept = b"".join(p.read_bytes() for p in (tmp_path / "store").rglob("*") if p.is_file())
    assert secret.encode() not in kept
