"""Values that never change: against plain dicts, and what cannot be tracked."""

import dataclasses
import math
import random
import socket
import uuid
from collections import Counter, namedtuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netflux_nb.core.contracts.persistent import (
    MISSING,
    MOST_DEPTH,
    DictVersion,
    Heavy,
    freeze,
    plain,
)
from netflux_nb.core.contracts.version_paths import get_at, is_same, put_at
from netflux_nb.core.errors import ArgumentError

numpy = pytest.importorskip("numpy")
pandas = pytest.importorskip("pandas")


@pytest.mark.parametrize("size", [0, 3, 40, 1_500])
@pytest.mark.parametrize("seed", range(6))
def test_a_dict_version_is_as_a_dict_is_its_order_too(size, seed):
    chance = random.Random(f"{size} {seed}")
    model = {key: key for key in range(size)}
    version = DictVersion(dict(model))
    before = []
    for step in range(1_200):
        key = chance.randrange(size + 30)
        if chance.random() < 0.4 and key in model:
            del model[key]
            version = version.without(key)
        else:
            model[key] = step
            version = version.with_key(key, step)
        if step % 113 == 0:
            before.append((version, list(model.items())))
    assert list(version.items()) == list(model.items())
    assert len(version) == len(model)
    for earlier, items in before:
        assert list(earlier.items()) == items


scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=4), st.floats())
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.text(max_size=3), inner, max_size=3),
        st.tuples(inner, inner),
    ),
    max_leaves=12,
)


@given(values)
def test_what_is_frozen_comes_back_equal_and_shares_nothing(value):
    frozen = freeze(value, "x")
    once, twice = plain(frozen), plain(frozen)
    assert repr(once) == repr(value)
    assert type(once) is type(value)
    if isinstance(value, (list, dict, set)):
        assert once is not value
        assert once is not twice
        once.clear()
        assert repr(plain(frozen)) == repr(value)


@settings(max_examples=60)
@given(values, st.text(max_size=3), values)
def test_a_change_gives_another_version_and_leaves_the_first(value, key, new):
    root = freeze({"a": {"b": value}, "c": [value]}, "x")
    words = repr(plain(root))
    changed = put_at(root, ("a", key), freeze(new, "x"))
    assert repr(plain(root)) == words
    assert repr(plain(get_at(changed, ("a", key)))) == repr(new)
    assert get_at(changed, ("c",)) is get_at(root, ("c",))
    assert is_same(root, root)


@dataclasses.dataclass
class Account:
    owner: str
    history: list[int]


def test_a_dataclass_an_array_and_a_table_are_held_by_value():
    array, table = numpy.arange(3), pandas.DataFrame({"x": [1, 2]})
    account = Account("ann", [1])
    frozen = freeze({"a": account, "n": array, "t": table}, "x")
    array[0], account.history[0] = 9, 9
    table.loc[0, "x"] = 9
    back = plain(frozen)
    assert back["a"] == Account("ann", [1])
    assert back["n"].tolist() == [0, 1, 2]
    assert back["t"]["x"].tolist() == [1, 2]
    back["n"][0] = 7
    assert plain(frozen)["n"][0] == 0


Pair = namedtuple("Pair", "a b")
cycle = []
cycle.append(cycle)
deep = []
for _ in range(10_000):
    deep = [deep]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (socket, "a module cannot be tracked"),
        ({"x": object()}, "bank.x: a object cannot be tracked. Give plain data, or heavy"),
        (Counter("aab"), "a Counter cannot be tracked"),
        (Pair([1], 2), "a Pair that holds a list or a dict cannot be tracked"),
        (cycle, "holds itself"),
        (deep, f"more than {MOST_DEPTH} levels"),
        ({frozenset({1}): 2}, "a key, or what is in a set, must be plain"),
    ],
)
def test_what_cannot_be_tracked_is_refused_in_one_line(value, words):
    with pytest.raises(ArgumentError, match=words.replace("(", r"\(")) as failed:
        freeze(value, "bank")
    assert "\n" not in str(failed.value)


def test_odd_values_are_held_as_they_are():
    one = uuid.uuid4()
    thing = object()
    value = {"nan": math.nan, "id": one, "heavy": Heavy(thing), 3: (1, (2, 3)), None: b"x"}
    back = plain(freeze(value, "x"))
    assert math.isnan(back["nan"])
    assert back["id"] is one
    assert back["heavy"] is thing
    assert back[3] == (1, (2, 3))
    assert back[None] == b"x"
    assert get_at(freeze(value, "x"), ("no", "such")) is MISSING
