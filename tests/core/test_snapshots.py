"""A snapshot keeps what was there when it was taken, and copies nothing that cannot change."""

import collections
import dataclasses
import datetime
import threading
import types
from typing import NamedTuple

import numpy as np
import pandas as pd
import pydantic
import pytest

from netflux_nb import ImageResult, function
from netflux_nb.core import snapshots
from netflux_nb.core.snapshots import snapshot


@dataclasses.dataclass
class Cart:
    items: list[int]


@dataclasses.dataclass(frozen=True, slots=True)
class Box:
    holds: object


class Order(pydantic.BaseModel):
    items: list[int]


class Pair(NamedTuple):
    left: list[int]
    right: int


class Odd:
    def __init__(self):
        self.items = [1]


class Stubborn(dict):
    def __copy__(self):
        raise RuntimeError("not me")


CHANGES = {
    "a list": ([1], lambda v: v.append(2)),
    "a list in a list": ([[1]], lambda v: v[0].append(2)),
    "a dict": ({"a": {"b": 1}}, lambda v: v["a"].update(b=2)),
    "a set": ({1}, lambda v: v.add(2)),
    "bytes": (bytearray(b"a"), lambda v: v.extend(b"b")),
    "a list in a tuple": ((1, [2]), lambda v: v[1].append(3)),
    "a named tuple": (Pair([1], 2), lambda v: v.left.append(3)),
    "a dict in order": (
        collections.OrderedDict(a=[1]),
        lambda v: v["a"].append(2),
    ),
    "a counter": (collections.Counter("aab"), lambda v: v.update("a")),
    "a proxy": (types.MappingProxyType({"a": [1]}), lambda v: v["a"].append(2)),
    "a dataclass": (Cart([1]), lambda v: v.items.append(2)),
    "a frozen one": (Box([1]), lambda v: v.holds.append(2)),
    "a model": (Order(items=[1]), lambda v: v.items.append(2)),
}


@pytest.mark.parametrize(("value", "change"), CHANGES.values(), ids=CHANGES)
def test_q11_a_change_reaches_no_snapshot(value, change):
    before = repr(value)

    kept = snapshot(value)
    change(value)

    assert repr(kept) == before
    assert type(kept) is type(value)
    assert repr(value) != before


def test_q11_arrays_and_frames_are_kept_as_they_were():
    array, frame, column = np.zeros(3), pd.DataFrame({"a": [1, 2]}), pd.Series([1, 2])

    kept = snapshot([array, frame, column])
    array[0] = 9
    frame.loc[0, "a"] = 9
    frame["b"] = 1
    column[0] = 9

    assert kept[0].tolist() == [0, 0, 0]
    assert kept[1].to_dict("list") == {"a": [1, 2]}
    assert kept[2].tolist() == [1, 2]


def test_q11_an_array_too_large_to_copy_is_given_itself():
    array = np.zeros(snapshots.LARGE_BYTES // 8 + 1)  # no page of it is touched

    assert snapshot(array) is array


@function
def work() -> int:
    return 1


SAME = {
    "None": None,
    "text": "x" * 100,
    "a number": 10**30,
    "a tuple": (1, ("a", b"b")),
    "a day": (datetime.date(2026, 1, 1),),
    "a frozen set": frozenset({1}),
    "a frozen dataclass": Box((1, 2)),
    "a picture": ImageResult("image/png", b"x", 1, 1),
    "a Function": work,
    "a lock": threading.Lock(),
    "an object": Odd(),
    "what refuses": Stubborn(a=1),
    "a class": Odd,
}


@pytest.mark.parametrize("value", SAME.values(), ids=SAME)
def test_q11_nothing_is_copied_that_cannot_be_changed_or_kept(value):
    assert snapshot(value) is value


def test_q11_a_value_that_holds_itself_and_one_without_end_are_taken():
    loop: list[object] = [1]
    loop.append(loop)
    deep: list[object] = []
    for _ in range(10_000):
        deep = [deep]

    kept = snapshot(loop)

    assert kept is not loop
    assert kept[1] is kept
    assert snapshot(deep) is not deep


def test_q11_what_is_one_value_stays_one():
    shared = [1]

    kept = snapshot({"a": shared, "b": [shared]})

    assert kept["a"] is kept["b"][0]
    assert kept["a"] is not shared
