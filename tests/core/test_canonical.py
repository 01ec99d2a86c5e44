"""Canonical JSON and the keys of Nodes (rows ND2, ND3)."""

import enum
import json
import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netflux_nb.core.json.canonical import came_to, canonical, inputs_digest, ordered_json, untagged
from netflux_nb.core.json.scalars import encoder


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@dataclass
class Point:
    x: int


@dataclass
class Spot:
    x: int


def test_what_differs_never_has_one_text():
    values = [
        {1: 1}, {"1": 1}, {True: 1}, (1,), [1], {1}, [True], [1.0], ["1"], b"", {"$bytes": ""},
        {"$dict": []}, {}, [], (), None, "null", {"$set": [1]}, {"$tuple": [1]}, Colour.RED,
        Colour.BLUE, Point(1), Spot(1), {"$type": "Point", "x": 1}, {"x": 1}, "", b"\x00",
    ]  # fmt: skip
    texts = [canonical(v) for v in values]
    assert len(set(texts)) == len(texts)


def test_order_counts_in_lists_and_not_in_dicts_and_sets():
    assert canonical([1, 2]) != canonical([2, 1])
    assert canonical({"a": 1, "b": {3, 4}}) == canonical({"b": {4, 3}, "a": 1})
    assert canonical({2: "x", 1: "y"}) == canonical({1: "y", 2: "x"})
    assert canonical(MappingProxyType({"a": 1})) == canonical({"a": 1})


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner)
        | st.dictionaries(st.text() | st.integers() | st.sampled_from(["$set", "$type"]), inner)
    ),
    max_leaves=12,
)


@given(plain)
def test_a_value_is_read_back_as_it_was(value):
    back = untagged(json.loads(canonical(value)))
    assert back == value
    assert canonical(back) == canonical(value)


WORDED = [
    date(2026, 1, 2),
    datetime(2026, 1, 2, 3, 4, 5, 6),  # noqa: DTZ001
    datetime(2026, 1, 2, tzinfo=UTC),
    datetime(2026, 1, 2, tzinfo=timezone(-timedelta(hours=3, seconds=7))),
    time(3, 4, 5, 6),
    timedelta(-1, 2, 3),
    Decimal("1.10"),
    Decimal("-Infinity"),
    UUID(int=7),
    1 - 2j,
    complex(-0.0, math.inf),
    math.inf,
    -math.inf,
]


@pytest.mark.parametrize("value", WORDED, ids=repr)
def test_what_a_text_tells_whole_is_read_back_as_it_was(value):
    for one in (value, [value], {"a": (value, {value: value})}):
        back = untagged(json.loads(canonical(one)))
        assert (back, repr(back)) == (one, repr(one))
        assert canonical(back) == canonical(one)


def test_texts_of_values_are_told_apart_and_from_what_looks_like_them():
    values = [*WORDED, math.nan, *map(str, WORDED), {"$date": "2026-01-02"}, Decimal("1.1"), 1.1]
    assert len({canonical(v) for v in values}) == len(values)
    assert math.isnan(untagged(json.loads(canonical([math.nan])))[0])


NO_WORDS = [
    {"$date": "soon"},
    {"$float": ""},
    {"$uuid": "[redacted]"},
    {"$decimal": 1},
    {"$timedelta": "1 2 3 4 5 6 7 8"},
    {"$complex": None},
    {"$date": ["2026-01-01"]},
]


@pytest.mark.parametrize("data", NO_WORDS)
def test_a_text_that_is_none_stays_as_it_is(data):
    assert untagged(data) == data


ODD = [
    object(),
    Point,
    [object()],
    {object(): 1},
    datetime(2026, 1, 1, tzinfo=ZoneInfo("UTC")),
    time(1, fold=1),
]


@pytest.mark.parametrize("value", ODD)
def test_what_has_no_form_is_refused(value):
    with pytest.raises(ValueError, match="no canonical JSON"):
        canonical(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (math.inf, '{"$float":"inf"}'),
        ([-math.inf, {1.5: 2}], '[{"$float":"-inf"},{"$dict":[[1.5,2]]}]'),
        ({math.inf}, '{"$set":[{"$float":"inf"}]}'),
        (np.int64(3), "3"),
        ({"hit": np.bool_(True), "share": np.float32(0.5)}, '{"hit":true,"share":0.5}'),
        ((np.float64("inf"), np.str_("a")), '{"$tuple":[{"$float":"inf"},"a"]}'),
        (bytearray(b"a"), '{"$bytes":"61"}'),
        ({date(2026, 1, 2): 1}, '{"$dict":[[{"$date":"2026-01-02"},1]]}'),
        (datetime(2026, 1, 2, tzinfo=UTC), '{"$datetime":"2026-01-02T00:00:00+00:00"}'),
        ([Decimal("1.10")], '[{"$decimal":"1.10"}]'),
        (UUID(int=1), '{"$uuid":"00000000-0000-0000-0000-000000000001"}'),
        (Path("a/b"), '{"$path":"a/b"}'),
        ({"$date": "2026-01-02"}, '{"$dict":[["$date","2026-01-02"]]}'),
    ],
)
def test_numbers_of_science_are_read_back_as_they_were(value, text):
    assert canonical(value) == text
    assert untagged(json.loads(text)) == value


def test_a_number_that_is_none_is_read_back_as_one():
    assert math.isnan(untagged(json.loads(canonical({"loss": math.nan})))["loss"])
    assert canonical(math.nan) == canonical(np.float32("nan")) != canonical(math.inf)
    for rubbish in ({"$float": "1e999"}, {"$date": "x"}, {"$uuid": 1}, {"$path": [1]}):
        assert untagged(rubbish) == rubbish
    with pytest.raises(ValueError, match="no canonical JSON"):
        canonical(np.longdouble(1))
    with pytest.raises(ValueError, match="no canonical JSON"):
        canonical(np.datetime64("2026-01-01"))


def test_a_call_with_one_odd_argument_still_has_a_digest():
    assert inputs_digest({"a": 1, "b": object()}) == inputs_digest({"b": object(), "a": 1})
    assert inputs_digest({"a": 1, "b": object()}) != inputs_digest({"a": 2, "b": object()})


def test_what_is_kept_has_every_dict_in_its_order_and_hashes_alike():
    value = {"b": [{"d": 1, "c": {2: "x", 1: "y"}}], "a": ({"z", "y"}, math.inf)}
    back = untagged(ordered_json(value))
    assert back == value
    assert [*back, *back["b"][0], *back["b"][0]["c"]] == ["b", "a", "d", "c", 2, 1]
    assert canonical(back) == canonical(value)
    with pytest.raises(ValueError, match="no canonical JSON"):
        ordered_json({"a": object()})


@pytest.mark.parametrize("is_ascii", [True, False])
def test_an_encoder_that_is_made_once_writes_what_json_writes(is_ascii):
    form = json.JSONEncoder(
        sort_keys=is_ascii, separators=(",", ":"), ensure_ascii=is_ascii, check_circular=False
    )
    numbers = [0, -1, 2**70, 1.5, 1e16, 1e-7, 1 / 3, float("nan"), True, None]
    value = {"b": numbers, "a": {"é": '\ud800\u2028\\"\x00漢😀', "": [[], {}]}}

    written = encoder(form)

    assert written(value) == written(value) == form.encode(value)
    assert [written(one) for one in numbers] == [form.encode(one) for one in numbers]
    with pytest.raises(TypeError):
        written([object()])


def test_what_a_body_came_to_is_its_value_or_the_class_of_its_error():
    found = [
        came_to(1, None),
        came_to(2, None),
        came_to(None, None),
        came_to(None, ValueError("a")),
        came_to(None, KeyError("a")),
    ]

    assert len(set(found)) == len(found)
    assert came_to({"a": 1, "b": 2}, None) == came_to({"b": 2, "a": 1}, None)
    assert came_to(None, ValueError("at 0x1")) == came_to(None, ValueError("at 0x2"))
    assert came_to("k1", None, lambda text: text.replace("k1", "x")) == came_to("x", None)
