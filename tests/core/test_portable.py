"""Views as JSON and back: any tree, any depth, any value; and bad text is refused."""

import json
import math
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netflux_nb import (
    ArgumentError,
    Continuation,
    ModelTextPart,
    Provider,
    RetriableException,
    ThinkingBlockPart,
    TokenUsage,
    ToolResultPart,
    ToolUsePart,
    TranscriptPosition,
    UserTextPart,
    WaitingOn,
    agent,
    function,
    view_from_json,
    view_to_json,
)
from netflux_nb.core import events as ev
from netflux_nb.core.errors import RecordedError
from netflux_nb.core.fold import Fold
from netflux_nb.core.json.portable import Unkept, value_from_json, value_to_json


@function
def work(x: int) -> int:
    return x


thinker = agent("thinker(q: str)", "{q}")

text = st.text(max_size=12)
plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
parts = st.one_of(
    st.builds(UserTextPart, text),
    st.builds(ModelTextPart, text),
    st.builds(ThinkingBlockPart, text, text, st.booleans()),
    st.builds(ToolUsePart, text, text, st.dictionaries(text, plain, max_size=2)),
    st.builds(ToolResultPart, text, text, plain, st.booleans()),
)
bodies = st.one_of(
    st.builds(ev.NodeStarted),
    st.builds(ev.PartAdded, parts),
    st.builds(ev.StatusSet, text),
    st.builds(ev.CancelAsked, text),
    st.builds(
        ev.UsageSet, st.builds(TokenUsage, st.integers(0), output_tokens_total=st.integers(0))
    ),
    st.builds(ev.NodeWaits, st.builds(WaitingOn, st.just("model"), text)),
    st.builds(ev.Noted, st.builds(Continuation, st.builds(TranscriptPosition, st.integers(0)))),
    st.builds(ev.NodeClosed, st.just("success"), plain, st.none(), touched=st.none()),
)


@st.composite
def trees(draw):
    """Events of one random tree, in an order that could have been."""
    size = draw(st.integers(1, 8))
    made = []
    for node in range(1, size + 1):
        parent = None if node == 1 else draw(st.integers(1, node - 1))
        fn = draw(st.sampled_from([work, thinker]))
        inputs = draw(st.dictionaries(text, plain, max_size=2))
        provider = draw(st.sampled_from([None, "mine", Provider.Gemini]))
        made.append((node, ev.NodeOpened(parent, fn, inputs, f"k{node}", None, provider)))
    for node in draw(st.lists(st.integers(1, size), max_size=12)):
        made.append((node, draw(bodies)))
    return [ev.Event(n, n / 4, node, body) for n, (node, body) in enumerate(made, 1)]


def folded(events):
    fold = Fold()
    fold.apply(events)
    return fold.view(events[0].node_id)


def view(*bodies, inputs=()):
    made = [ev.NodeOpened(None, work, dict(inputs), "k"), *bodies]
    return folded([ev.Event(n, 0.0, 1, body) for n, body in enumerate(made, 1)])


def again(one):
    return view_from_json(view_to_json(one))


@given(trees())
def test_a_view_of_plain_values_comes_back_equal(events):
    one = folded(events)
    back = again(one)
    assert back == one
    assert view_to_json(back) == view_to_json(one)
    assert [v.fn.is_agent() for _, v in back.walk()] == [v.fn.is_agent() for _, v in one.walk()]


def test_a_very_deep_tree_comes_back():
    depth = 5000
    events = [
        ev.Event(n, 0.0, n, ev.NodeOpened(n - 1 if n > 1 else None, work, {}, f"k{n}"))
        for n in range(1, depth + 1)
    ]
    one = folded(events)
    back = again(one)
    assert back == one
    assert max(d for d, _ in back.walk()) == depth - 1


def test_a_wide_tree_keeps_the_order_of_its_children():
    opened = [ev.Event(1, 0.0, 1, ev.NodeOpened(None, work, {}, "k"))]
    opened += [ev.Event(n, 0.0, n, ev.NodeOpened(1, work, {}, "k")) for n in range(2, 1000)]
    assert [c.id for c in again(folded(opened)).children] == list(range(2, 1000))


@pytest.mark.parametrize("value", [threading.Lock(), float, object(), {1: object()}, [object()]])
def test_a_value_without_a_form_is_marked_by_its_type(value):
    one = view(ev.NodeClosed("success", value), inputs={"x": value})
    (row,) = json.loads(view_to_json(one))["nodes"]
    marked = {"type": type(value).__qualname__, "portable": False}
    assert row["outputs"] == row["inputs"]["x"] == marked
    assert again(one).outputs == Unkept(type(value).__qualname__)


@pytest.mark.parametrize(
    "value",
    [{1: 1, "a": (2, [3])}, b"\xff", frozenset({1, 2}), {"$bytes": ""}, {"$tuple": [1]}, "\ud800"],
)
def test_what_json_cannot_say_comes_back_as_it_was(value):
    one = view(ev.NodeClosed("success", value))
    view_to_json(one).encode("utf-8")
    assert again(one).outputs == value
    assert type(again(one).outputs) is type(value)


def test_a_value_nested_too_deeply_is_marked_and_the_rest_is_kept():
    value = []
    for _ in range(900):
        value = [value]
    back = again(view(ev.NodeClosed("success", value), inputs={"x": 1}))
    assert (back.outputs, back.inputs) == (Unkept("list"), {"x": 1})


def test_a_row_whose_parent_is_missing_is_no_view():
    data = json.loads(view_to_json(view(ev.NodeClosed("success", 1))))
    data["nodes"].append({**data["nodes"][0], "id": 77, "parent": 99})
    with pytest.raises(ArgumentError, match="names parents that are not in it: 99"):
        view_from_json(json.dumps(data))


def test_a_call_with_arguments_without_a_form_comes_back_without_them():
    use = ToolUsePart("id", "tool", {"x": object(), "y": 1})
    back = again(view(ev.PartAdded(use))).transcript
    assert back == (ToolUsePart("id", "tool", {}),)


def test_what_looks_like_a_mark_is_a_value():
    for value in ({"json": 1}, {"type": "x", "portable": False}, {"part": "UserTextPart"}):
        assert again(view(ev.NodeClosed("success", value))).outputs == value


class StuckError(Exception):
    """Neither pickle nor JSON can take it."""

    type_name = object()

    def __init__(self, lock):
        super().__init__("it hangs: here")
        self.lock = lock

    def __reduce__(self):
        raise TypeError("no")


class RudeError(Exception):
    def __str__(self):
        raise RuntimeError("not telling")


@pytest.mark.parametrize(
    ("error", "name", "message"),
    [
        (StuckError(threading.Lock()), "StuckError", "it hangs: here"),
        (RudeError(), "RudeError", ""),
        (ValueError(), "ValueError", ""),
        (KeyError("k"), "KeyError", "'k'"),
        (KeyboardInterrupt(), "KeyboardInterrupt", ""),
        (RecordedError("LookupError", "again"), "LookupError", "again"),
    ],
    ids=lambda v: type(v).__name__,
)
def test_any_exception_is_known_by_type_and_message(error, name, message):
    back = again(view(ev.NodeClosed("error", None, error))).exception
    assert isinstance(back, RecordedError)
    assert (back.type_name, str(back)) == (name, message)


def test_nu23_a_retry_is_kept_with_its_error():
    note = RetriableException(TranscriptPosition(1, 2), OSError("busy"), 3, 6.0, 7.0)
    (back,) = again(view(ev.Noted(note))).intermediate_events
    assert (back.position, back.attempt, back.backoff_seconds) == (note.position, 3, 6.0)
    assert str(back.exception) == "busy"


GOOD = view(ev.NodeClosed("success", 1))


def spoilt(**changes):
    data = json.loads(view_to_json(GOOD))
    data["nodes"][0] |= changes
    return json.dumps(data)


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "null",
        "3",
        "[]",
        "{}",
        '{"schema": 1, "nodes": []}',
        '{"schema": "1", "nodes": []}',
        "[" * 100_000,
        spoilt(state="Lost"),
        spoilt(usage={"tokens": 1}),
        spoilt(provider=[]),
        spoilt(transcript=[{"part": "os.system"}]),
        spoilt(transcript=[{"part": "UserTextPart"}]),
        spoilt(waiting_on={"kind": "turn", "who": 1}),
        spoilt(notes=[{}]),
        spoilt(inputs=3),
    ],
    ids=lambda bad: bad[:30],
)
def test_text_that_is_no_view_is_an_argument_error(bad):
    with pytest.raises(ArgumentError) as caught:
        view_from_json(bad)
    assert len(str(caught.value)) < 300


def test_a_newer_schema_is_refused_in_words():
    data = json.loads(view_to_json(GOOD)) | {"schema": 99}
    with pytest.raises(ArgumentError, match="has schema 99; this package reads up to"):
        view_from_json(json.dumps(data))


@pytest.mark.parametrize("digits", [3_000, 3_100, 4_250, 4_310, 10_000, 1_000_000])
def test_a_long_number_is_kept(digits):
    for value in (10**digits + 1, -(10**digits), [1, 10**digits], {"a": (10**digits, math.nan, 2)}):
        back = value_from_json(json.loads(json.dumps(value_to_json(value))))
        assert type(back) is type(value)
        # NaN is not itself; a number is compared, not written.
        assert back == value or back["a"][0] == value["a"][0]


def test_a_number_too_long_to_keep_is_known_by_its_type():
    assert value_to_json(1 << 4_000_001) == {"type": "int", "portable": False}
    assert value_to_json([1 << 4_000_001]) == {"type": "list", "portable": False}
    assert value_from_json({"json": {"$int": "no number"}}) == {"$int": "no number"}
