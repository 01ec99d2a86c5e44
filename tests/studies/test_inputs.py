"""Rows as arguments: matched by name, refused where a name is missing."""

import pandas as pd
import pytest

from netflux_nb import function
from netflux_nb.studies.inputs import rows_of


@function
def tag(text: str, tone: str = "plain", weight: float = 1.0) -> str:
    return text


@function
def pair(a: str, b: str) -> str:
    return a + b


FITS = {
    "values": (tag, ["a", "b"], {}, [{"text": "a"}, {"text": "b"}]),
    "values and one for all": (pair, ["a"], {"b": "x"}, [{"a": "a", "b": "x"}]),
    "a generator": (tag, (c for c in "ab"), {}, [{"text": "a"}, {"text": "b"}]),
    "dicts": (tag, [{"text": "a", "other": 1}], {}, [{"text": "a"}]),
    "a frame": (tag, pd.DataFrame({"text": ["a"], "n": [1]}), {}, [{"text": "a"}]),
    "a hole is the default": (
        tag,
        [{"text": "a", "tone": None}, {"text": "b", "tone": "dry"}],
        {},
        [{"text": "a"}, {"text": "b", "tone": "dry"}],
    ),
    "a series": (tag, pd.Series(["a"]), {}, [{"text": "a"}]),
    "nothing": (tag, [], {}, []),
}


@pytest.mark.parametrize(("fn", "rows", "fixed", "calls"), FITS.values(), ids=FITS)
def test_columns_are_matched_by_name(fn, rows, fixed, calls):
    assert list(rows_of(fn, rows, fixed).calls) == calls


WRONG = {
    "a missing column": (pair, [{"a": 1}], {}, r"needs 'b', which is no column here.*There is: a"),
    "a missing column of a frame": (pair, pd.DataFrame({"b": ["x"]}), {}, "needs 'a'"),
    "two arguments for plain values": (pair, ["a"], {}, "Function of one argument; pair"),
    "no argument of that name": (tag, ["a"], {"tune": 1}, "no argument 'tune'"),
    "a text": (tag, "abc", {}, "got str"),
    "a dict": (tag, {"text": "a"}, {}, "got dict"),
    "a number": (tag, 3, {}, "got int"),
    "two kinds": (tag, ["a", {"text": "b"}], {}, "Give one kind"),
}


@pytest.mark.parametrize(("fn", "rows", "fixed", "says"), WRONG.values(), ids=WRONG)
def test_what_does_not_fit_is_refused_before_anything_runs(fn, rows, fixed, says):
    with pytest.raises(ValueError, match=says) as caught:
        rows_of(fn, rows, fixed)
    assert "\n" not in str(caught.value)


def test_numbers_of_a_frame_are_plain_python():
    frame = pd.DataFrame({"text": ["a"], "weight": [2.5]})
    [call] = rows_of(tag, frame, {}).calls
    assert type(call["weight"]) is float
