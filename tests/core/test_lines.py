"""Events as lines: what is read back folds to the same views."""

import contextlib
import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netflux_nb import (
    Approvals,
    ArgumentError,
    ImageResult,
    NativePart,
    Runtime,
    Spent,
    TokenUsage,
    agent,
    function,
    view_to_json,
)
from netflux_nb.core import events as ev
from netflux_nb.core.contracts.declared import Violated
from netflux_nb.core.fold import Fold, fold
from netflux_nb.core.functions.version_value import Version
from netflux_nb.core.json.lines import FLEETING, event_from_json, event_to_json
from netflux_nb.core.json.portable import Unkept
from netflux_nb.core.messages import Tool, ToolResultPart
from netflux_nb.core.policy import Answer, Change, WaitingOn
from netflux_nb.testing import FakeClock, ScriptedModel, Turn, call, flaky


class Kept:
    """A sink that keeps every event."""

    def __init__(self):
        self.events = []

    def append(self, event):
        self.events.append(event)

    def drain(self, *, may_write):
        pass

    def barrier(self, done):
        done(None)

    def sync(self):
        return None


def again(event):
    return event_from_json(json.loads(json.dumps(event_to_json(event))))


def same_views(events):
    """Say whether what is kept of these events folds to what they themselves fold to."""
    kept = [again(e) for e in events if not isinstance(e.body, FLEETING)]
    mine, theirs = fold(events), fold(kept)
    assert mine.keys() == theirs.keys()
    for root in mine:
        assert json.loads(view_to_json(mine[root])) == json.loads(view_to_json(theirs[root]))
    return True


@function
def add(x: int, y: int) -> int:
    return x + y


@function
def boom() -> int:
    raise LookupError("gone")


def test_a_run_of_agents_folds_to_the_same_views():
    sink, clock = Kept(), FakeClock()
    one = agent("one(q: str)", "{q}", uses=[add, boom], model="scripted")
    script = [
        flaky(),
        Turn(thinking="hm", calls=[call("add", x=1, y=2), call("boom"), call("none")]),
        "done",
    ]
    with Runtime(
        [one],
        models={"scripted": ScriptedModel(script)},
        sink=sink,
        clock=clock,
        sleep=clock.sleep,
    ) as runtime:
        assert runtime.get_ctx().invoke(one, {"q": "?"}).result() == "done"
        assert same_views(sink.events)


def test_a_person_and_a_cancel_are_kept():
    @function(needs_approval=True)
    def risky(x: int) -> int:
        return x

    sink = Kept()
    with Runtime([risky], policies=[Approvals()], sink=sink) as runtime:
        first = runtime.get_ctx().invoke(risky, {"x": 1})
        first.approve(by="ada")
        assert first.result() == 1
        second = runtime.get_ctx().invoke(risky, {"x": 2})
        second.cancel("no more")
        second.wait()
        assert same_views(sink.events)
    names = {type(e.body).__name__ for e in sink.events}
    assert {"Answered", "CancelAsked", "NodeWaits"} <= names


BODIES = [
    ev.NodeOpened(None, add, {"x": (1, b"\xff"), "y": {"$set": 1}}, "k", "t", "mine", "m"),
    ev.NodeStarted(True),
    ev.NodeWaits(WaitingOn("answer", "which?", 3, ("a", "b"))),
    ev.NodeWaits(WaitingOn("again", "Again?", asker="the record", note="Changed.", id="q-1")),
    ev.NodeWaits(None),
    ev.PartAdded(ToolResultPart("i", "look", ImageResult("image/png", b"\x89", 1, 2))),
    ev.PartAdded(NativePart("gemini", {"part": {"a": [1]}})),
    ev.TranscriptSet((ToolResultPart("i", "look", "x"),)),
    ev.UsageSet(TokenUsage(1, 2, 3)),
    ev.EffectStarted("shell"),
    ev.RunBegan({"seed": 7, "place": {"notebook": "a.ipynb"}}),
    ev.RunBegan({}, (Change("1/a", None, {"x": 1}, "p", "new", "sys", "0", "a/b", Version("v")),)),
    ev.RunBegan({}, (Change("1/a", prompt="new"),)),
    ev.Drawn("env", "UTC", "TZ", True),
    ev.NodeServed("r-1"),
    ev.RequestStarted("p", "m", 2, 5, "d"),
    ev.RequestStarted(
        "p", None, 0, 1, "d", "sys", (Tool("add", "Add.", {"type": "object"}),), {"a": 1}, {"b": 2}
    ),
    ev.RequestEnded(Spent("p", "m", TokenUsage(1), "error", 0.5, True, "why", 9.0)),
    ev.StatusSet("half way"),
    ev.Answered(Answer({"a": (1,)}, "ada", "because", "system"), "q-1"),
    ev.CancelAsked("enough"),
    Violated(
        "pay in n max B", "in", "n", "max", "max 3", "4", "B", 1, 2, "tolerated", "n is 4: above 3"
    ),
    ev.NodeClosed("success", {"a": frozenset({1})}, None),
]


@pytest.mark.parametrize("body", BODIES, ids=lambda b: type(b).__name__)
def test_every_kind_of_event_comes_back(body):
    back = again(ev.Event(7, 1.5, 3, body))
    assert back[:3] == (7, 1.5, 3)
    assert type(back.body) is type(body)
    if not isinstance(body, ev.NodeOpened):
        assert back.body == body
    else:
        assert (back.body.fn.name, back.body.fn.is_agent()) == ("add", False)
        assert back.body._replace(fn=add) == body


def test_every_kind_of_event_is_kept_or_fleeting():
    import typing

    kinds = set(typing.get_args(ev.Body))
    known = {type(b) for b in BODIES} | {ev.Noted} | set(FLEETING)
    assert kinds == known


def requests_of(sink):
    return [e.body for e in sink.events if isinstance(e.body, ev.RequestStarted)]


def asked(script, **options):
    sink = Kept()
    one = agent("one(q: str)", "{q}", uses=[add], model="scripted", **options)
    with Runtime([one], models={"scripted": ScriptedModel(script)}, sink=sink) as runtime:
        runtime.get_ctx().invoke(one, {"q": "?"}).result()
    return requests_of(sink)


SCRIPT = [call("add", x=1, y=2), call("add", x=3, y=4), "done"]


def test_a_request_is_known_by_all_that_it_says():
    first, second, third = asked(SCRIPT)
    assert [r.parts for r in (first, second, third)] == [1, 3, 5]
    assert [r.nth for r in (first, second, third)] == [0, 1, 2]
    assert [r.digest for r in asked(SCRIPT)] == [first.digest, second.digest, third.digest]
    # What is as before is not said again.
    assert (first.system, [t.name for t in first.tools]) == ("", ["add"])
    assert (second.system, second.tools, second.settings) == (None, None, None)


@pytest.mark.parametrize(
    ("script", "options"),
    [
        ([call("add", x=1, y=3), *SCRIPT[1:]], {}),
        (SCRIPT, {"system": "Be brief."}),
        (SCRIPT, {"settings": {"effort": "low"}}),
    ],
)
def test_another_request_has_another_digest(script, options):
    assert asked(script, **options)[1].digest != asked(SCRIPT)[1].digest


def test_what_looks_like_a_key_is_not_kept():
    settings = {"extra": {"api_key": "sk-1", "max_tokens": 5, "Authorization": ["x"]}}
    (first, *_) = asked(SCRIPT, settings=settings)
    line = json.dumps(event_to_json(ev.Event(1, 0.0, 1, first)))
    assert "sk-1" not in line
    assert line.count("$redacted") == 2
    assert '"max_tokens": 5' in line


@pytest.mark.parametrize(
    ("kind", "name", "kept"),
    [
        ("env", "DB_PASSWORD", "$redacted"),
        ("env", "LANG", "hunter2 or so"),
        ("bag", "DB_PASSWORD", "hunter2 or so"),
    ],
)
def test_of_a_variable_named_like_a_key_the_value_is_not_kept(kind, name, kept):
    back = again(ev.Event(1, 0.0, 1, ev.Drawn(kind, "hunter2 or so", name)))
    assert back.body.value == kept


def test_an_error_is_kept_by_its_name_and_words():
    back = again(ev.Event(1, 0.0, 1, ev.NodeClosed("error", None, LookupError("gone"))))
    assert (back.body.error.type_name, str(back.body.error)) == ("LookupError", "gone")


def test_a_value_without_a_form_does_not_lose_the_event():
    back = again(ev.Event(1, 0.0, 1, ev.NodeClosed("success", threading.Lock(), None)))
    assert (back.body.outcome, back.body.value) == ("success", Unkept("lock"))


scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
junk = st.dictionaries(
    st.sampled_from(["event", "seq", "time", "node", "part", "on", "value", "error", "inputs"]),
    st.sampled_from([n.__name__ for n in {type(b) for b in BODIES}])
    | st.dictionaries(st.text(max_size=3), scalars)
    | scalars,
)


@given(junk)
def test_junk_is_refused_and_nothing_else_is_raised(data):
    with contextlib.suppress(ArgumentError):
        assert isinstance(event_from_json(data), ev.Event)


def places(data, path=()):
    """Give the path of each value inside of JSON that is no list or object."""
    for name, value in data.items() if isinstance(data, dict) else enumerate(data):
        if isinstance(value, dict | list):
            yield from places(value, (*path, name))
        else:
            yield (*path, name)


def put(data, path, value):
    """Give JSON with another value in one place."""
    back = json.loads(json.dumps(data))
    inner = back
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return back


@pytest.mark.parametrize("body", BODIES, ids=lambda body: type(body).__name__)
def test_a_field_of_another_type_is_refused_or_one_that_may_hold_anything(body):
    first = ev.Event(1, 0.0, 1, ev.NodeOpened(None, add, {}, "k"))
    data = event_to_json(ev.Event(2, 0.0, 1, body))
    for path in places(data):
        for odd in ({}, [], {"a": 1}, "odd", True, None, 10**400, 1e300):
            with contextlib.suppress(ArgumentError):
                folding = Fold()
                folding.apply([first, event_from_json(put(data, path, odd))])
                for root in folding.roots:
                    str(folding.view(root).bill())


OLD_WAITS = {
    "v": 1,
    "run": "r",
    "seq": 1,
    "time": 1.0,
    "node": 1,
    "event": "NodeWaits",
    "on": {
        "kind": "approval",
        "what": "send() had begun: {}. Shall it be done again?",
        "node_id": None,
        "choices": [],
    },
}


def test_q74_a_question_of_the_first_version_is_read_by_its_words():
    assert event_from_json(OLD_WAITS).body.on.kind == "again"
    now = {**OLD_WAITS, "on": {**OLD_WAITS["on"], "id": "q", "asker": "", "note": ""}}
    assert event_from_json(now).body.on.kind == "approval"


def test_q74_an_answer_of_the_first_version_is_to_no_question():
    old = {"seq": 1, "time": 1.0, "node": 1, "event": "Answered", "reason": "", "by": "ann"}
    body = event_from_json({**old, "value": {"json": True}}).body
    assert (body.question, body.answer.known) == ("", "")
