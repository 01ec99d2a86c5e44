"""Two runs beside each other (rows F84-F86, P4)."""

import asyncio
import dataclasses
import datetime
import math
import threading
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from record_views import views

from netflux_nb import (
    CancellationException,
    ModelTextPart,
    NodeState,
    Runtime,
    ThinkingBlockPart,
    TokenUsage,
    ToolResultPart,
    ToolUsePart,
    UserTextPart,
    agent,
    function,
    gather,
    view_from_json,
    view_to_json,
)
from netflux_nb.compare.diff import Side, diff
from netflux_nb.compare.equality import compared
from netflux_nb.compare.outcomes import differences
from netflux_nb.compare.sequences import common, line_diff, word_diff
from netflux_nb.compare.value_paths import changes
from netflux_nb.core.errors import RecordedError
from netflux_nb.core.json.portable import RecordedFunction
from netflux_nb.core.messages import NativePart, Spent
from netflux_nb.core.views import NodeView
from netflux_nb.record.journal import Journal
from netflux_nb.testing import ScriptedModel, Turn, call

TAKEN_OUT = "for [redacted employee]"


@pytest.mark.parametrize("of", [str, str.encode, lambda text: [text], lambda text: {text: (1, 2)}])
def test_what_was_taken_out_is_not_told_to_be_the_same(of):
    value, other = of(f"{TAKEN_OUT}, 1"), of(", ".join([TAKEN_OUT, "1"]))
    found = diff(node(outputs=value), node(outputs=other))
    assert found.verdict == "no difference found"
    assert found.not_comparable == (("work", "result (taken out)"),)
    assert diff(node(outputs=value), node(outputs=[value])).verdict == "different outcome"
    assert not list(differences(node(outputs=value), node(outputs=other)))


def test_texts_beside_a_table_are_compared_as_they_are_alone():
    def both(left, right):
        table = pd.DataFrame({"a": [1]})
        return diff(node(outputs=[table, left]), node(outputs=[table.copy(), right]))

    for said in (TAKEN_OUT, {TAKEN_OUT: 1}):
        assert both(said, said).not_comparable == (("work", "result (taken out)"),)
        assert both((said, 1), (said, 2)).verdict == "different outcome"
    assert both("agent 'x', Node 12)", "agent 'x', Node 13)").verdict == "identical"
    assert both("agent 'x'", "agent 'y'").verdict == "different outcome"


def node(name="work", key="", children=(), **more):
    """Build a finished Node of code, as it is read from a record."""
    kind = "agent" if more.get("transcript") else "code"
    given = {
        "id": 1,
        "inputs": {},
        "state": NodeState.Success,
        "outputs": None,
        "exception": None,
        "usage": None,
        "transcript": (),
        "started_at": 1.0,
        "ended_at": 2.0,
        "update_seqnum": 0,
    }
    fn = RecordedFunction(name, kind)
    return NodeView(fn=fn, children=tuple(children), key=key, **(given | more))


def chain(depth, value):
    """Build a Node that calls a Node, and so on; the deepest one gives the value."""
    view = node(key=f"k{depth}", outputs=value)
    for level in range(depth - 1, 0, -1):
        view = node(key=f"k{level}", children=[view])
    return view


def found(left, right):
    """Give each path that differs with the fields that do."""
    return {n.path: [f.name for f in n.fields] for n in diff(left, right).changed}


# Runs of a real runtime.


@function
def add(x: int, y: int) -> int:
    return x + y


@function
def boom(why: str) -> int:
    raise ValueError(f"no {why}")


@function(uses=[boom])
def careful(why: str) -> str:
    try:
        return str(boom(why=why))
    except ValueError as error:
        return str(error)


def answer_with(said="It is"):
    def answer(request):
        if request.parts[0].text == "Wait.":
            return never()
        if len(request.parts) == 1:
            return Turn(
                thinking="hm",
                text="I add.",
                calls=[call("add", x=1, y=2), call("careful", why="luck"), call("boom", why="x")],
            )
        return f"{said} {request.parts[0].text} {request.parts[-3].outputs}"

    return answer


asked = threading.Semaphore(0)


async def never():
    """Answer never, and tell that somebody waits."""
    asked.release()
    await asyncio.Event().wait()


def study_with(order=(0, 1, 2, 3)):
    uses = [add, careful, boom]
    summarise = agent("summarise(text: str)", "Sum up {text}.", uses=uses, model="scripted")

    stuck = agent("stuck()", "Wait.", model="scripted")

    @function(name="study", uses=[summarise, stuck, careful])
    def study(n: int) -> dict:
        waiting = stuck.start()
        nodes = {i: summarise.start(text=f"t{i}") for i in order}
        said = gather(*(nodes[i] for i in sorted(order)))
        assert asked.acquire(timeout=30)
        waiting.cancel()
        waiting.wait()
        return {"said": said, "n": n, "state": waiting.state.name, "why": careful(why="luck")}

    return study


def run(fn=None, inputs=None, answer=None, runtime=None, **options):
    fn = fn or study_with()
    models = {"scripted": ScriptedModel(answer or answer_with())}
    with Runtime([fn], models=models, **options) as runtime:
        made = runtime.get_ctx().invoke(fn, {"n": 4} if inputs is None else inputs)
        made.wait()
        return made.view()


def test_f86_identical_runs_have_an_empty_diff(tmp_path):
    """With fan-out, agents in parallel, failures and a cancelled child; live and recorded."""
    live = []
    for name in ("a", "b"):
        with Journal(tmp_path / name) as journal:
            live.append(run(sink=journal))
    left, right = live
    assert {v.state.name for _, v in left.walk()} == {"Success", "Error", "Canceled"}
    read = [*views(tmp_path / "a"), *views(tmp_path / "b")]
    for one, other in [(left, right), (left, read[1]), (read[0], right), tuple(read)]:
        same = diff(one, other)
        assert same.is_same
        assert same.verdict == "identical"
        assert same.changed == ()
        assert same.first is None
        assert same.counts == {"same": len(list(left.walk()))}
        assert same.df.field.isna().all()
        assert not same.df.is_blocking.any()
        assert same.not_comparable == ()
        assert list(differences(one, other)) == []


def test_ids_of_one_runtime_are_no_difference():
    fn = study_with()
    with Runtime([fn], models={"scripted": ScriptedModel(answer_with())}) as runtime:
        made = [runtime.get_ctx().invoke(fn, {"n": 4}) for _ in range(2)]
        for one in made:
            one.wait()
        left, right = (one.view() for one in made)
    assert {v.id for _, v in left.walk()}.isdisjoint(v.id for _, v in right.walk())
    assert diff(left, right).is_same


def test_f86_a_changed_outcome_is_always_a_difference():
    pairs = {
        "result": (node(outputs=1), node(outputs=2)),
        "type": (node(outputs=1), node(outputs=True)),
        "float": (node(outputs=1), node(outputs=1.0)),
        "tuple": (node(outputs=(1,)), node(outputs=[1])),
        "nan": (node(outputs=math.nan), node(outputs=math.inf)),
        "inner": (node(outputs={"a": object(), "b": 1}), node(outputs={"a": object(), "b": 2})),
        "nothing": (node(outputs=None), node(outputs=0)),
        "numpy": (node(outputs=np.int64(1)), node(outputs=np.int64(2))),
        "array": (node(outputs=np.array([1, 2])), node(outputs=np.array([1, 3]))),
        "frame": (node(outputs=pd.DataFrame({"a": [1]})), node(outputs=pd.DataFrame({"a": [2]}))),
        "date": (
            node(outputs=datetime.date(2026, 1, 1)),
            node(outputs=datetime.date(2026, 1, 2)),
        ),
        "large": (node(outputs=10**5000), node(outputs=10**5000 + 1)),
        "error": (node(exception=ValueError("a")), node(exception=ValueError("b"))),
        "type of error": (node(exception=ValueError("a")), node(exception=TypeError("a"))),
        "long": (node(exception=ValueError("a" * 5000)), node(exception=ValueError("a" * 5001))),
        "state": (node(), node(state=NodeState.Canceled)),
        "unfinished": (node(), node(state=NodeState.Running)),
    }
    for name, (left, right) in pairs.items():
        for one, other in [(left, right), (right, left)]:
            given = diff(one, other)
            assert given.verdict == "different outcome", name
            assert given.first is given.nodes[0]
            assert given.first.is_blocking
            assert len(list(differences(one, other))) == 1


def test_values_without_a_form_are_compared_where_they_can_be():
    nan = float("nan")
    alike = [
        (nan, float("-nan")),
        ([1, nan], [1, nan]),
        (datetime.date(2026, 1, 1), datetime.date(2026, 1, 1)),
        (np.array([1.0, nan]), np.array([1.0, nan])),
        (np.array([{}, None]), np.array([{}, None])),
        (np.float32(1), np.float32(1)),
        (pd.Series([1, None], name="x"), pd.Series([1, None], name="x")),
        (pd.DataFrame({"name": ["a", None]}), pd.DataFrame({"name": ["a", None]})),
        ({"a": pd.Timestamp("2026-01-01")}, {"a": pd.Timestamp("2026-01-01")}),
        (10**5000, 10**5000),
    ]
    assert [compared(a, b) for a, b in alike] == ["same"] * len(alike)
    assert compared(object(), object()) == "unknown"
    assert compared([object(), 1], [object(), 2]) == "changed"
    assert compared(object(), threading.Lock()) == "changed"
    assert compared(pd.Series([1], name="x"), pd.Series([1], name="y")) == "changed"
    assert compared(pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [1.0]})) == "changed"


@dataclass
class Point:
    x: int
    of: tuple = ()


class Hostile:
    def __eq__(self, other):
        raise RuntimeError("no")

    __hash__ = None


def test_a_live_value_equals_its_record():
    values = [Point(1, (2,)), [Point(1)], {"a": (1, {2, 3}), "p": Point(2)}, {1: b"x"}, {"$a": 1}]
    for value in values:
        view = node(outputs=value, inputs={"v": value})
        live = NodeView(
            **{f.name: getattr(view, f.name) for f in dataclasses.fields(view) if f.init}
        )
        object.__setattr__(live, "fn", add)
        assert diff(live, view_from_json(view_to_json(live))).is_same
        other = replace(view_from_json(view_to_json(live)), outputs={"$type": "Point", "x": 7})
        assert found(live, other) == {"add": ["result"]}
    assert compared(Point(1), Spot(1)) == "changed"
    assert compared({"$type": "Point", "x": 1, "of": ()}, Point(1)) == "changed"


@dataclass
class Spot:
    x: int
    of: tuple = ()


def test_what_a_record_does_not_hold_is_named_and_no_difference():
    @function
    def thing() -> object:
        return Hostile()

    left, right = run(thing, {}), run(thing, {})
    for one, other in [(left, right), (left, view_from_json(view_to_json(right)))]:
        given = diff(one, other)
        assert given.is_same
        assert given.not_comparable == (("thing", "result"),)
        assert given.verdict == "no difference found"


def test_long_errors_equal_what_a_record_keeps_of_them():
    @function
    def long() -> int:
        raise ValueError("a" * 5000)

    left = run(long, {})
    once = view_from_json(view_to_json(left))
    twice = view_from_json(view_to_json(once))
    assert diff(left, once).is_same
    assert diff(left, twice).is_same
    changed = replace(once, exception=RecordedError("ValueError", "b" + str(once.exception)[1:]))
    assert found(left, changed) == {"long": ["error"]}


# Where a run differs.


def test_the_first_divergence_is_the_cause_and_not_the_root():
    left, right = run(), run(answer=lambda r: _changed(r, "t2"))
    given = diff(left, right)
    assert given.verdict == "different outcome"
    assert given.first.path == "study/summarise[3]"
    assert [f.name for f in given.first.fields] == ["answer", "result"]
    assert {n.path for n in given.changed} == {"study", "study/summarise[3]"}


def _changed(request, where):
    turn = answer_with()(request)
    is_last = isinstance(turn, str)
    return turn.replace("It is", "That is") if is_last and where in turn else turn


def test_a_call_that_gave_another_value_is_before_what_its_agent_then_says():
    def tree(value):
        parts = (
            UserTextPart("go"),
            ToolUsePart(f"u{value}", "add", {"x": 1}),
            ToolResultPart(f"u{value}", "add", value),
            ModelTextPart(f"got {value}"),
        )
        one = node("add", "k2", outputs=value, tool_use_id=f"u{value}")
        return node("ask", "k1", [one], transcript=parts, outputs=f"got {value}")

    given = diff(tree(1), tree(2))
    assert given.first.path == "ask/add"
    assert found(tree(1), tree(2))["ask"] == ["tool_results", "answer", "result"]


def test_an_agent_that_calls_otherwise_is_before_the_call():
    def tree(*names):
        uses = [ToolUsePart(f"u{i}", name, {}) for i, name in enumerate(names)]
        below = [node(n, f"k{n}", tool_use_id=f"u{i}") for i, n in enumerate(names)]
        return node("ask", "k", below, transcript=(UserTextPart("go"), *uses), outputs=1)

    given = diff(tree("a", "b"), tree("a", "c"))
    assert given.verdict == "same outcome, other path"
    assert given.first.path == "ask"
    assert {n.path: n.status for n in given.changed} == {
        "ask": "changed", "ask/b": "only left", "ask/c": "only right",
    }  # fmt: skip
    change = given.first.fields[0].change
    assert [(c.left and c.left.name, c.right and c.right.name) for c in change.calls] == [
        ("b", None),
        (None, "c"),
    ]


def test_other_arguments_of_a_call_are_named_by_their_place():
    def tree(args):
        parts = (UserTextPart("go"), ToolUsePart("u", "add", args))
        return node("ask", transcript=parts)

    (one,) = diff(tree({"x": [1, 2]}), tree({"x": [1, 3]})).first.fields
    assert one.name == "tool_calls"
    assert [e.path for e in one.change.calls[0].args.entries] == ["$.x[1]"]


def test_given_otherwise_comes_before_all_else():
    given = diff(run(inputs={"n": 4}), run(inputs={"n": 5}))
    assert given.first.path == "study"
    assert [f.name for f in given.first.fields] == ["inputs", "result"]
    # All calls have other keys now, and belong together all the same.
    assert len(given.changed) == 1
    entries = given.first.fields[0].change.entries
    assert [(e.path, e.left, e.right) for e in entries] == [("$.n", 4, 5)]


def test_what_is_known_beside_the_views_is_compared():
    left, right = run(), run()
    one = next(v for _, v in left.walk() if v.fn.name == "summarise")
    other = next(v for _, v in right.walk() if v.key == one.key)
    given = diff(
        Side(left, "a", {one.key: "Be short."}, {left.key: "v1", one.key: "v1"}),
        Side(right, "b", {other.key: "Be brief."}, {left.key: "v2", one.key: "v2"}),
    )
    assert given.verdict == "same outcome, other path"
    assert given.first.path == "study/summarise"
    assert [f.name for f in given.first.fields] == ["system", "version"]
    assert [f.name for f in given.nodes[0].fields] == ["version"]
    only = diff(Side(left, versions={left.key: "1", one.key: "1"}), Side(right))
    assert only.is_same  # what one side does not know is no difference
    rippled = diff(
        Side(left, versions={left.key: "1", one.key: "1"}),
        Side(right, versions={left.key: "2", one.key: "2"}),
    )
    assert rippled.first.path == "study/summarise"


def test_swapped_parallel_siblings_are_no_difference():
    left, right = run(), run(study_with(order=(3, 1, 0, 2)))
    assert [c.inputs for c in left.children] != [c.inputs for c in right.children]
    assert diff(left, right).is_same


def test_served_nodes_and_what_they_did_not_call_are_no_difference():
    inner = node("deep", "k3")
    left = node("a", "k1", [node("b", "k2", [inner], outputs=1), node("c", "k4")])
    right = node("a", "k1", [node("b", "k2", outputs=1, served=True), node("c", "k4")])
    for one, other in [(left, right), (right, left)]:
        given = diff(one, other)
        assert given.is_same
        assert [(n.path, n.status) for n in given.nodes] == [
            ("a", "executed again"),
            ("a/b", "served"),
            ("a/b/deep", "served"),
            ("a/c", "executed again"),
        ]
    wrong = replace(right, children=(replace(right.children[0], outputs=2), right.children[1]))
    assert found(left, wrong) == {"a/b": ["result"]}


def test_nodes_belong_together_by_inputs_then_by_an_argument_then_by_place():
    def tree(*inputs, key=""):
        return node("a", key, [node("b", inputs=i, outputs=i) for i in inputs])

    by_inputs = diff(tree({"t": 1}, {"t": 2}, {"t": 3}), tree({"t": 3}, {"t": 1}))
    assert [(n.path, n.status) for n in by_inputs.changed] == [("a/b[2]", "only left")]
    old = [{"t": "x", "n": 1}, {"t": "y", "n": 1}, {"t": "z", "n": 1}]
    new = [{"t": "y", "n": 2}, {"t": "z", "n": 2}]
    by_argument = diff(tree(*old), tree(*new))
    gone, *others = by_argument.changed
    assert (gone.path, gone.status) == ("a/b", "only left")
    assert [e.path for n in others for e in n.fields[0].change.entries] == [
        "$.n",
        "$.n",
    ]
    by_place = diff(tree({"t": 1}, {"t": 2}), tree({"t": 3}, {"t": 4}, {"t": 5}))
    assert [n.status for n in by_place.nodes[1:]] == ["changed", "changed", "only right"]


def test_keys_that_lie_do_no_harm():
    left = node("a", "k", [node("a", "k", [node("a", "k")]), node("b", "k")])
    right = node("a", "k", [node("b", "k"), node("a", "k"), node("a", "k")])
    for one, other in [(left, right), (right, left)]:
        given = diff(one, other)
        sides = [[n.left for n in given.nodes], [n.right for n in given.nodes]]
        for side, view in zip(sides, (one, other), strict=True):
            there = [id(v) for v in side if v is not None]
            assert sorted(there) == sorted(id(v) for _, v in view.walk())


def test_a_stored_run_may_hold_nonsense():
    parts_ = (UserTextPart([1]), ToolUsePart({}, ["f"], {}), ThinkingBlockPart(None, 5))
    for odd in ([], {}, 5, None, "\ud800"):
        left = node(
            key=odd, started_at=odd, transcript=(*parts_, ModelTextPart(odd)), provider=odd,
            requests=(Spent("p", odd, TokenUsage()),), tool_use_id=odd, outputs=odd,
        )  # fmt: skip
        right = node(key=odd, transcript=(ToolUsePart(odd, odd, {}),), children=[left])
        for one, other in [(left, right), (right, left), (left, left)]:
            given_ = diff(one, other)
            assert given_.is_same == (one is other)
            assert len(given_.df)
            assert all(f.change is not None for n in given_.changed for f in n.fields)


@pytest.mark.slow
def test_ten_thousand_levels_are_compared():
    given = diff(chain(10_000, 1), chain(10_000, 2))
    (one,) = given.changed
    assert given.first is one
    assert one.depth == 9_999
    assert one.path.count("/") == 30
    assert "9,970 more" in one.path
    assert repr(one).startswith("<NodeDiff work/work/")
    assert diff(given.left, chain(10_000, 1)).is_same


def test_who_answered_and_how_it_may_vary_are_compared():
    def tree(model, stop="end"):
        spent = (Spent("p", "old", TokenUsage(), stop="error"), Spent("p", model, TokenUsage()))
        return node("ask", transcript=(UserTextPart("x"),), provider="p", requests=spent)

    assert found(tree("a"), tree("b")) == {"ask": ["model"]}
    left, right = node(key="k"), node(key="k")
    given = diff(Side(left, classes={"k": "shell"}), Side(right, classes={"k": "deterministic"}))
    assert [f.name for f in given.first.fields] == ["determinism"]


def test_what_is_only_the_provider_s_is_no_difference():
    def tree(n):
        parts = (
            UserTextPart("x"),
            ThinkingBlockPart("sealed" * n, "s", redacted=True),
            ThinkingBlockPart("seen", f"sig{n}"),
            NativePart("p", {"id": n, "search": {"tool_use_id": n, "q": "same"}}),
            ToolUsePart(f"u{n}", "add", {"x": 1}, f"sig{n}"),
            ToolResultPart(f"u{n}", "add", f"failed (raised by agent 'a', Node {n})", True),
        )
        return node("ask", id=n, transcript=parts, started_at=float(n), update_seqnum=n)

    assert diff(tree(1), tree(2)).is_same
    error = "ValueError: no (raised by agent 'a', Node {})"
    left, right = (node(exception=RecordedError("E", error.format(n))) for n in (1, 2))
    assert diff(left, right).is_same
    left, right = (node(exception=RecordedError("E", f"disk of Node {n}")) for n in (1, 2))
    assert found(left, right) == {"work": ["error"]}


def test_the_order_of_what_was_said_counts():
    a, b = ModelTextPart("a"), ToolUsePart("u", "add", {})
    assert found(node("x", transcript=(a, b)), node("x", transcript=(b, a))) == {"x": ["order"]}


# Properties.

text = st.text(max_size=8)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | text,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3) | st.tuples(inner)
    ),
    max_leaves=6,
)
parts = st.one_of(
    st.builds(UserTextPart, text),
    st.builds(ModelTextPart, text),
    st.builds(ThinkingBlockPart, text, text, st.just(False)),
    st.builds(ToolUsePart, text, text, st.dictionaries(text, plain, max_size=2)),
    st.builds(ToolResultPart, text, text, plain, st.booleans()),
)
errors = st.none() | st.builds(ValueError, text)
names = st.sampled_from(["a", "b", "c"])


@st.composite
def trees(draw, depth=3):
    below = draw(st.lists(trees(depth=depth - 1), max_size=3)) if depth else []
    return node(
        draw(names),
        draw(st.text("xyz", max_size=2)),
        below,
        id=draw(st.integers(0, 1_000_000)),
        inputs=draw(st.dictionaries(text, plain, max_size=2)),
        outputs=draw(plain),
        state=draw(st.sampled_from(list(NodeState))),
        exception=draw(errors),
        transcript=tuple(draw(st.lists(parts, max_size=3))),
    )


def numbered(view):
    """Give every Node a number of its own, as JSON of a view needs."""
    order = [v for _, v in view.walk()]
    made = {}
    for number, one in reversed(list(enumerate(order))):
        below = tuple(made[id(c)] for c in one.children)
        made[id(one)] = replace(one, id=number, children=below)
    return made[id(view)]


def renewed(view, number, **changed):
    """Copy a tree; its `number`-th Node is changed."""
    order = [v for _, v in view.walk()]
    made = {}
    for place, one in reversed(list(enumerate(order))):
        below = tuple(made[id(c)] for c in one.children)
        made[id(one)] = replace(one, children=below, **(changed if place == number else {}))
    return made[id(view)]


@pytest.mark.slow
@given(trees())
@settings(max_examples=60)
def test_a_run_does_not_differ_from_itself_nor_from_its_record(view):
    view = numbered(view)
    for other in (view, renewed(view, 0), view_from_json(view_to_json(view))):
        given_ = diff(view, other)
        assert given_.is_same
        assert given_.first is None
        assert len(given_.nodes) == len(list(view.walk()))


@pytest.mark.slow
@given(trees(), st.data())
@settings(max_examples=100)
def test_one_changed_value_is_named_by_its_node_and_field(view, data):
    view = numbered(view)
    # Each Node has a key of its own, so that no two can be taken for each other.
    for place in range(len(list(view.walk()))):
        view = renewed(view, place, key=f"k{place}")
    order = [v for _, v in view.walk()]
    place = data.draw(st.integers(0, len(order) - 1))
    one = order[place]
    what = data.draw(st.sampled_from(["inputs", "result", "state", "error", "prompt", "answer"]))
    kinds = {"prompt": UserTextPart, "answer": ModelTextPart}
    if what in kinds:
        kind = kinds[what]
        view = renewed(view, place, transcript=(kind("old"), *one.transcript))
        changed = {"transcript": (kind("new"), *one.transcript)}
    else:
        changed = {
            "inputs": {"inputs": {**one.inputs, "new": 1}},
            "result": {"outputs": [one.outputs]},
            "state": {"state": next(s for s in NodeState if s is not one.state)},
            "error": {"exception": RecordedError("OtherError", "new")},
        }[what]
    other = renewed(view, place, **changed)
    for pair in [(view, other), (view, view_from_json(view_to_json(other)))]:
        given_ = diff(*pair)
        (differing,) = given_.changed
        assert differing.left.key == f"k{place}"
        assert [f.name for f in differing.fields] == [what]
        assert given_.first is differing


@pytest.mark.slow
@given(trees(), trees())
@settings(max_examples=60)
def test_each_node_of_both_runs_stands_in_one_place(left, right):
    given_ = diff(left, right)
    for side, view in (("left", left), ("right", right)):
        there = [id(v) for n in given_.nodes if (v := getattr(n, side)) is not None]
        assert sorted(there) == sorted(id(v) for _, v in view.walk())
    assert len({n.path for n in given_.nodes}) == len(given_.nodes)
    assert given_.is_same == diff(right, left).is_same == (given_.first is None)
    assert given_.is_same or given_.first.is_difference
    assert sum(given_.counts.values()) == len(given_.nodes) == given_.df.field.isna().sum()
    assert all(f.change is not None for n in given_.changed for f in n.fields)


@given(st.text("ab \n", max_size=30), st.text("ab \n", max_size=30))
def test_pieces_give_both_texts_again(left, right):
    for cut in (word_diff, line_diff):
        pieces = cut(left, right)
        assert "".join(p.text for p in pieces if p.tag != "added") == left
        assert "".join(p.text for p in pieces if p.tag != "removed") == right
        assert all(p.tag == "same" for p in pieces) == (left == right)


@given(st.lists(st.integers(0, 3), max_size=20), st.lists(st.integers(0, 3), max_size=20))
def test_common_runs_are_common(left, right):
    at = (0, 0)
    for run_ in common(left, right):
        assert left[run_.left : run_.left + run_.size] == right[run_.right : run_.right + run_.size]
        assert run_.left >= at[0]
        assert run_.right >= at[1]
        at = (run_.left + run_.size, run_.right + run_.size)


@given(plain, plain)
def test_places_are_listed_where_values_differ(left, right):
    assert bool(changes(left, right).entries) == (compared(left, right) == "changed")


# Inside a value.


def test_places_in_json_are_named():
    old = {"items": [{"name": "a"}, {"name": "b"}, {"name": "c"}], "k": (1, 2), "s": {1}}
    new = {"items": [{"name": "a"}, {"name": "x"}, {"name": "c"}, 4], "k": (1, 3), "s": {2}}
    entries = changes(old, new | {"b c": 0}).entries
    assert [(e.path, e.kind) for e in entries] == [
        ("$.items[1].name", "changed"),
        ("$.items[3]", "added"),
        ("$.k[1]", "changed"),
        ("$.s[0]", "changed"),
        ('$["b c"]', "added"),
    ]
    entries = changes([1, 2, 3, 4], [1, 3, 4]).entries
    assert [(e.path, e.kind, e.left) for e in entries] == [("$[1]", "removed", 2)]
    assert [e.path for e in changes([], {}).entries] == ["$"]


def test_many_places_are_cut():
    change = changes(list(range(5_000)), list(range(1, 10_001, 2)))
    assert change.is_cut
    assert len(change.entries) == 1_000


def test_cells_of_tables_are_compared_by_their_labels():
    old = pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", None], "c": 0}, index=["r1", "r2", "r3"])
    new = pd.DataFrame({"b": ["y", None, "w"], "a": [2.0, 4.0, 5.0]}, index=["r2", "r3", "r4"])
    change = diff(node(outputs=old), node(outputs=new)).first.fields[0].change
    assert [(c.row, c.column, c.left, c.right) for c in change.cells] == [("r3", "a", 3, 4.0)]
    assert change.changed == 1
    assert (change.rows_removed, change.rows_added) == (("r1",), ("r4",))
    assert (change.columns_removed, change.columns_added) == (("c",), ())
    assert change.retyped == (("a", "int64", "float64"),)
    assert change.is_reordered


def test_tables_with_labels_that_stand_twice_are_compared_by_place():
    old = pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"], index=[0, 0])
    new = pd.DataFrame([[1, 2], [3, 5]], columns=["a", "a"], index=[0, 0])
    change = diff(node(outputs=old), node(outputs=new)).first.fields[0].change
    assert [(c.left, c.right) for c in change.cells] == [(4, 5)]


def test_many_cells_are_cut_and_counted():
    old = pd.DataFrame({"a": range(3_000)})
    change = diff(node(outputs=old), node(outputs=old + 1)).first.fields[0].change
    assert len(change.cells) == 200
    assert change.changed == 3_000


@pytest.mark.slow
def test_huge_texts_are_compared_in_bounded_time():
    left = "\n".join(map(str, range(1_500_000)))
    (old, new) = (p for p in line_diff(left, left[:-9] + "x" + left[-9:]) if p.tag != "same")
    assert len(old.text) < 20
    assert len(new.text) < 20
    other = "ab " * 4_000_000
    assert [p.tag for p in word_diff(left, other)] == ["removed", "added"]
    one, two = "a b " * 20_000, "b a a " * 15_000
    assert {p.tag for p in word_diff(one, two)} <= {"same", "removed", "added"}


# Tables of a diff.


def test_p4_a_diff_is_a_table_with_cost_and_time_a_node():
    left, right = run(), run(answer=lambda r: _changed(r, "t2"))
    df = diff(left, right).df
    assert list(df.columns) == [
        "path", "fn", "status", "field", "left", "right", "is_blocking", "left_tokens",
        "right_tokens", "left_usd", "right_usd", "left_seconds", "right_seconds",
    ]  # fmt: skip
    nodes = df[df.field.isna()]
    assert len(nodes) == len(list(left.walk()))
    assert (nodes.left_seconds >= 0).all()
    assert nodes[nodes.fn == "summarise"].left_tokens.gt(0).all()
    fields = df[df.field.notna()]
    assert fields[["path", "field", "is_blocking"]].values.tolist() == [
        ["study", "result", True],
        ["study/summarise[3]", "answer", False],
        ["study/summarise[3]", "result", True],
    ]
    assert fields.left.iloc[2].startswith("It is")
    assert fields.right.iloc[2].startswith("That is")


def test_p4_requests_and_effects_stand_side_by_side():
    @function(effect="shell")
    def act() -> int:
        return 1

    ask = agent("ask(q: str)", "{q}", uses=[act], model="scripted")
    left = run(ask, {"q": "a"}, ["done"])
    right = run(ask, {"q": "a"}, [[call("act")], "done"])
    df = diff(left, right).effects_df
    assert df[["kind", "left_count", "right_count", "right_served"]].values.tolist() == [
        ["effect shell", 0, 1, 0],
        ["model scripted:scripted", 1, 2, 0],
    ]
    assert (df.left_tokens <= df.right_tokens).all()
    one, other = diff(left, right).totals
    assert one.tokens < other.tokens


def test_the_cancelled_are_told_by_their_state():
    left = node(exception=CancellationException("stop"), state=NodeState.Canceled)
    assert found(left, node(outputs=1)) == {"work": ["state", "result", "error"]}


def test_q37_a_node_has_the_name_that_it_has_in_the_tree():
    old = node("all", children=[node("handle", inputs={"n": n}, outputs=n) for n in (1, 2)])
    new = node("all", children=[node("handle", inputs={"n": n}, outputs=-n) for n in (1, 2, 3)])

    assert [n.path for n in diff(old, new).changed] == [
        "all/handle",
        "all/handle[2]",
        "all/handle[3]",
    ]
    # One name for one Node, also where the other run has another Node of that name.
    swapped = node("all", children=[node("a", inputs={"n": n}) for n in (9, 8)])
    only = diff(node("all", children=[node("a", inputs={"n": 8})]), swapped)
    assert [(n.path, n.status) for n in only.nodes[1:]] == [
        ("all/a[2]", "only right"),
        ("all/a", "same"),
    ]
