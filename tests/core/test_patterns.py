"""What a person named as not to be kept, in texts and in events as JSON."""

import json
import re
from enum import Enum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netflux_nb import NativePart, Spent, TokenUsage, function
from netflux_nb.core import events as ev
from netflux_nb.core.errors import ArgumentError
from netflux_nb.core.functions.versions import Version
from netflux_nb.core.json.canonical import canonical, ordered_json
from netflux_nb.core.json.lines import event_to_json
from netflux_nb.core.messages import (
    ModelTextPart,
    RetriableException,
    ThinkingBlockPart,
    Tool,
    ToolResultPart,
    ToolUsePart,
    TranscriptPosition,
    UserTextPart,
)
from netflux_nb.core.policy import Answer, Change, WaitingOn
from netflux_nb.core.secrets.patterns import Patterns
from netflux_nb.core.secrets.redaction import Redaction, is_marked

FORMS = {"employee": r"EMP-\d{6}", "phone": r"\+?49\d{9}", "person": "Jané Döe"}


class OddError(Exception):
    def __init__(self, message, kind):
        super().__init__(message)
        self.kind = self.name = kind


def same(id: str, name: str) -> str:
    return id


@pytest.fixture
def own():
    made = Patterns()
    made.put(FORMS)
    return made


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("EMP-123456", "[redacted employee]"),
        ("of EMP-123456, or EMP-654321.", "of [redacted employee], or [redacted employee]."),
        ("call +49123456789 for Jané Döe", "call [redacted phone] for [redacted person]"),
        ("EMP-12345", "EMP-12345"),
        ("", ""),
    ],
)
def test_what_matches_is_marked_and_nothing_else(own, text, clean):
    assert own.text(text) == clean
    assert set(own.found(text)) == set(re.findall(r"redacted (\w+)", clean))


@given(st.text(alphabet="EMP-0123456789[redact ]", max_size=60))
def test_what_was_cleaned_once_stays_as_it_is(text):
    own = Patterns()
    own.put({"employee": r"EMP-\d{2}", "mark": r"redacted|\[", "digits": r"\d+"})
    once = own.text(text)
    assert own.text(once) == once
    assert not list(own.found(once))


def test_a_value_is_cleaned_wherever_it_holds_a_match(own):
    value = {
        "who": "EMP-123456",
        "EMP-123457": 1,
        "EMP-123458": 2,
        "phone": 49123456789,
        "raw": b"so EMP-123456\xff",
        "set": {"EMP-123456"},
        ("EMP-123456", 1): [True, None, 0.5],
    }
    clean = json.loads(own.json(json.dumps(ordered_json(value))))
    text = json.dumps(clean)
    for words in ("EMP-1", "4912", b"EMP-1".hex()):
        assert words not in text
    assert text.count("[redacted ") == 7
    assert [True, None, 0.5] in clean["$dict"][-1]


def test_fields_that_say_the_same_are_numbered_in_any_order_alike(own):
    one = {"EMP-000001": "a", "EMP-000002": "b"}
    other = dict(reversed(one.items()))
    assert canonical(json.loads(own.json(json.dumps(one)))) == canonical(
        json.loads(own.json(json.dumps(other)))
    )
    assert len(json.loads(own.json(json.dumps(one)))) == 2


def test_names_and_hashes_of_ours_stay():
    own = Patterns()
    own.put({"digits": r"[0-9a-f]+"})
    row = {
        "v": 1,
        "run": "20260101-1.1",
        "event": "PartAdded",
        "node": 12,
        "time": 12.5,
        "part": {"part": "ToolUsePart", "tool_use_id": "toolu_1", "args": {"json": {"x": 12}}},
        "error": {"type": "Bad1", "message": "no 12", "fields": {"key": "12", "name": "12"}},
        "inputs": {"key": {"json": "12"}},
    }
    clean = own.event(row)
    assert {k: clean[k] for k in ("v", "run", "event", "node", "time")} == {
        k: row[k] for k in ("v", "run", "event", "node", "time")
    }
    assert clean["part"]["part"] == "ToolUsePart"
    assert clean["part"]["tool_use_id"] == "toolu_1"
    assert clean["part"]["args"] == {"json": {"x": "[redacted digits]"}}
    assert clean["error"]["type"] == "Bad1"
    assert is_marked(clean["error"]["message"])
    assert set(clean["error"]["fields"].values()) == {"[redacted digits]"}
    assert clean["inputs"] == {"key": {"json": "[redacted digits]"}}


def texts(data, path=()):
    """Give every text in JSON, names of fields too, by where it stands."""
    for name, value in data.items() if isinstance(data, dict) else enumerate(data):
        if isinstance(value, dict | list):
            yield from texts(value, (*path, name))
        elif isinstance(value, str):
            yield (*path, name), value


# What a person, a model, a tool said begins with EMP. All else is ours.
EVENTS = {
    "NodeOpened": ev.NodeOpened(1, function(same), {"id": "EMP", "name": "EMP"}, "1/a", "t1", "p", "m"),
    "NodeWaits": ev.NodeWaits(
        WaitingOn("again", "EMP?", 3, ("EMP",), asker="Approvals, ask", note="EMP then.", id="0a")
    ),
    "ToolUsePart": ev.PartAdded(ToolUsePart("t1", "add", {"tool_name": "EMP", "path": "EMP"})),
    "ToolResultPart": ev.PartAdded(ToolResultPart("t1", "add", {"digest": "EMP"})),
    "UserTextPart": ev.PartAdded(UserTextPart("EMP")),
    "ThinkingBlockPart": ev.PartAdded(ThinkingBlockPart("EMP", "5igned")),
    "NativePart": ev.PartAdded(NativePart("gemini", {"part": "EMP", "type": "EMP"})),
    "TranscriptSet": ev.TranscriptSet((ModelTextPart("EMP"),)),
    "EffectStarted": ev.EffectStarted("shell"),
    "RunBegan": ev.RunBegan(
        {
            "of": "run-1", "how": "resume", "mode": "run", "patterns": ["employee"], "seed": "s1",
            "policies": ["Approvals"], "provider": "p", "model": "m", "levels": ["l1"],
            "cell": "c1", "execution_count": "12", "at": "2026", "title": "EMP", "name": "EMP",
        },
        (Change("1/a", function(same), {"key": "EMP"}, "p", "EMP", "EMP", "above", "a/b", Version("v1")),),
    ),
    "Drawn": ev.Drawn("env", "EMP", "TZ"),
    "NodeServed": ev.NodeServed("run-1"),
    "RequestStarted": ev.RequestStarted(
        "p", "m", 1, 1, "0a", "EMP", (Tool("add", "EMP", {"type": "EMP"}),), {"model": "EMP"},
        {"type": "EMP", "name": "EMP"},
    ),
    "RequestEnded": ev.RequestEnded(
        Spent("p", "m", TokenUsage(1), "error", error="EMP", native={"id": "EMP"}, native_request="EMP")
    ),
    "Noted": ev.Noted(RetriableException(TranscriptPosition(0, 0), ValueError("EMP"), 1, 2.0, 3.0)),
    "StatusSet": ev.StatusSet("EMP"),
    "Answered": ev.Answered(Answer({"id": "EMP"}, "EMP", "EMP", "system"), "0a"),
    "CancelAsked": ev.CancelAsked("EMP"),
    "NodeClosed": ev.NodeClosed("error", None, OddError("EMP", kind="EMP")),
    "ruled": ev.NodeClosed("success", {"v": "EMP"}, None, ev.Ruling("Cap", "leave", "0a")),
}  # fmt: skip


@pytest.mark.parametrize("body", EVENTS.values(), ids=EVENTS)
def test_of_each_kind_of_event_all_that_was_said_is_taken_and_nothing_of_ours(body):
    own = Patterns()
    own.put({"all": r"(?s)\w.*"})
    row = {"v": 2, "run": "run-1", **event_to_json(ev.Event(7, 1.5, 3, body))}

    clean = dict(texts(own.event(row)))

    assert "EMP" not in str(clean)
    ours = {path: text for path, text in texts(row) if not text.startswith("EMP")}
    assert {path: clean.get(path) for path in ours} == ours


def test_a_number_that_an_error_was_made_with_is_taken():
    own = Patterns()
    own.put({"phone": r"49\d{9}"})
    closed = ev.NodeClosed("error", None, LookupError(49123456789))

    row = own.event(event_to_json(ev.Event(7, 1.5, 3, closed)))

    assert row["error"]["args"] == ["[redacted phone]"]
    assert "4912" not in str(row)


class Colour(Enum):
    RED = 1


def test_the_name_of_a_type_and_of_a_member_is_ours():
    own = Patterns()
    own.put({"all": r"(?s)\w.*"})
    said = ordered_json({"a": Colour.RED})

    assert list(json.loads(own.json(json.dumps(said))).values()) == list(said.values())


def test_lines_that_are_no_events_keep_what_is_ours_in_them():
    own = Patterns()
    own.put({"all": r"(?s)\w.*"})
    code = {"event": "Function", "fn": "add", "kind": "code", "version": "v1", "module": "m"}
    held = {
        "event": "PartAdded",
        "part": {"held": {"artifact": "0a", "kind": "text", "bytes": "9"}},
    }

    assert own.event(code | {"source": "EMP", "desc": "EMP"}) == code | {
        "source": "[redacted all]",
        "desc": "[redacted all]",
    }
    assert own.event(code | {"schema": {"name": "EMP"}})["schema"] == {
        "[redacted all]": "[redacted all]"
    }
    assert own.event(held) == held


@pytest.mark.parametrize(
    ("name", "form", "said"),
    [
        ("employee", "(", "is no pattern"),
        ("employee", "a*", "matches anything"),
        ("employee", ".", "matches anything"),
        ("employee", 12, "is a int"),
        ("two words", "a", "names no pattern"),
        ("a]", "a", "names no pattern"),
    ],
)
def test_what_is_no_pattern_is_refused_and_changes_nothing(own, name, form, said):
    with pytest.raises(ArgumentError, match=said):
        own.put({"fine": "fine!", name: form})
    assert own.sources == FORMS


def test_a_pattern_that_matches_a_part_of_a_key_leaves_none_of_it():
    own = Patterns()
    own.put({"digits": r"\d{6}"})
    key = "sk-ant-ab123456" + "x" * 30
    row = {
        "run": "20260101-123456-1.1",
        "event": "PartAdded",
        "part": {"part": "UserTextPart", "text": f"use {key}", "password": "open123456sesame"},
    }
    clean = Redaction({}, own).event(row)
    assert clean["run"] == row["run"]
    assert clean["part"] == {
        "part": "UserTextPart",
        "text": "use [redacted key]",
        "password": "[redacted password]",
    }
    assert Redaction({}, own)(f"use {key}") == "use [redacted key]"


def test_what_looks_like_a_mark_hides_nothing(own):
    assert own.text("see [redacted EMP-123456]") == "see [redacted employee]"
    assert own.text("see [redacted employee]") == "see [redacted employee]"
    assert list(own.found("see [redacted EMP-123456]")) == ["employee"]


def test_a_compiled_pattern_keeps_its_flags():
    own = Patterns()
    own.put({"word": re.compile("geheim", re.IGNORECASE)})
    assert own.text("Geheim") == "[redacted word]"


def test_a_pattern_that_takes_too_long_takes_all_of_the_text():
    own = Patterns(longest_s=0.01)
    own.put({"slow": r"(?:a+a+)+b"})
    assert own.text("a" * 2_000) == "[redacted slow]"
    assert own.undecided("a" * 2_000) == 2_000


@pytest.mark.parametrize(
    ("text", "held"), [("so EMP-12", 6), ("so E", 1), ("so", 0), ("EMP-123456 is", 0)]
)
def test_the_beginning_of_a_match_is_held_back(own, text, held):
    assert own.undecided(text) == held
    assert Redaction({}, own).undecided(text) == held


def test_without_patterns_nothing_is_changed():
    row = {"event": "PartAdded", "part": {"content": "EMP-123456"}}
    assert Redaction().event(row) is row
    assert Redaction().json('{"a":1}') == '{"a":1}'
