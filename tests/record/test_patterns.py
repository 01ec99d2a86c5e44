"""What a person named as not to be kept reaches no file, and the record is a record all the same."""

import contextlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from netflux_nb import Runtime, agent, function
from netflux_nb.core.errors import ArgumentError
from netflux_nb.core.policy import Change
from netflux_nb.core.secrets.redaction import Redaction
from netflux_nb.record.chain import LARGE_CHARS
from netflux_nb.record.codecs.artifacts import encoded
from netflux_nb.record.journal import Journal
from netflux_nb.record.scan import packed, scan, verify
from netflux_nb.replay.begin import fork, replay
from netflux_nb.replay.recording import Recording
from netflux_nb.runtime.host import host
from netflux_nb.runtime.sinks import redact
from netflux_nb.testing import ScriptedModel, call

WORDS = "EMP-123456 of Jané “Döe”"
PHONE = 49123456789
FORMS = {"employee": r"EMP-\d{6}", "person": "Jané “Döe”", "phone": str(PHONE)}
LONG = "z" * (LARGE_CHARS + 1)


@pytest.fixture(autouse=True)
def _patterns():
    redact(**FORMS)


@dataclass
class Person:
    name: str
    phone: int


class OddError(Exception):
    def __init__(self, name):
        super().__init__(name, PHONE)
        self.name = name


@function
def same(value: Any) -> Any:
    return value


@function
def fails(value: Any) -> Any:
    raise OddError(f"no {value}")


@function
def person(name: str) -> Person:
    return Person(name, PHONE)


@function
def frame() -> pd.DataFrame:
    return pd.DataFrame({"a": [WORDS, "b"]})


@function
def clean_frame() -> pd.DataFrame:
    return pd.DataFrame({"a": ["x", "b"]})


@function
def frames_within() -> dict:
    return {"a": [clean_frame.original(), frame.original()], "b": 1}


@function
def words_beside() -> dict:
    return {"a": clean_frame.original(), "b": ("x", {PHONE: WORDS.encode()})}


@function
def clean_frames_within() -> dict:
    return {"a": [clean_frame.original()], "b": b"EMP"}


@function
def array() -> np.ndarray:
    return np.frombuffer(WORDS.encode(), dtype=np.uint8)


@function(uses=[same, fails], effect="mail")
def acts(ctx: Any, key: str) -> str:
    """Act for EMP-123456."""
    ctx.post_status_update(f"for {key}")
    ctx.env("WHO")
    with contextlib.suppress(OddError):
        fails(value=key)
    same(value={key: [key, PHONE, {key}, key.encode()]})
    return f"done {key}"


asks = agent(
    "asks(name: str)",
    "{name} " + WORDS,
    desc="Ask for EMP-123456.",
    system=WORDS + LONG,
    uses=[acts],
    model="scripted",
)


def answers(request):
    if len(request.parts) == 1:
        return call("acts", key=WORDS)
    return WORDS + LONG


def recorded(folder, fn, inputs):
    models = {"scripted": ScriptedModel(answers)}
    with (
        Journal(folder) as journal,
        Runtime([fn], models=models, sink=journal) as runtime,
    ):
        node = runtime.invoke(None, fn, inputs)
        node.wait(10)
        return runtime.run_name(node)


def written(folder):
    return b"".join(p.read_bytes() for p in folder.rglob("*") if p.is_file())


CALLS = [
    (same, {"value": WORDS}),
    (same, {"value": WORDS + LONG}),
    (same, {"value": PHONE}),
    (same, {"value": [WORDS, {WORDS: PHONE, "x": (WORDS,)}, {WORDS}, WORDS.encode()]}),
    (same, {"value": {("a", 1): WORDS}}),
    (same, {"value": Path("EMP-123456")}),
    (same, {"value": WORDS.encode() * LARGE_CHARS}),
    (fails, {"value": WORDS}),
    (person, {"name": WORDS}),
    (frame, {}),
    (frames_within, {}),
    (words_beside, {}),
    (array, {}),
    (acts, {"key": WORDS}),
    (asks, {"name": WORDS}),
]


@pytest.mark.parametrize(("fn", "inputs"), CALLS)
def test_what_matches_never_reaches_the_disk_and_the_run_is_served_again(
    tmp_path, monkeypatch, fn, inputs
):
    monkeypatch.setenv("WHO", WORDS)
    run = recorded(tmp_path, fn, inputs)

    kept = written(tmp_path)
    for words in (b"EMP-123456", b"EMP-123456".hex().encode(), b"Jan", str(PHONE).encode()):
        # What a Function is by its own source is told with it.
        assert words not in kept, kept[max(0, kept.index(words) - 200) :][:400]
    found = scan(tmp_path, run)
    assert found.is_clean
    assert found.redacted
    assert verify(tmp_path, run) == ()
    was = Recording(tmp_path, run)
    assert was.about["patterns"] == sorted(FORMS)
    if "asks" not in fn.name:
        assert replay(was, fn).is_same


def test_an_agent_is_served_again_with_marks_in_the_place_of_what_matched(tmp_path, monkeypatch):
    monkeypatch.setenv("WHO", WORDS)
    was = Recording(tmp_path, recorded(tmp_path, asks, {"name": WORDS}))
    again = replay(was, asks)
    assert again.is_same
    assert was.root.value.startswith("[redacted employee] of [redacted person]")


def test_a_table_in_which_nothing_matches_is_kept(tmp_path):
    redact(file="PAR1|schema")
    run = recorded(tmp_path, clean_frame, {})
    assert Recording(tmp_path, run).root.value.to_dict("list") == {"a": ["x", "b"]}
    assert scan(tmp_path, run).is_clean
    assert verify(tmp_path, run) == ()


def with_attrs(said):
    made = clean_frame.original()
    made.attrs = {"of": said}
    return made


PACKED = {
    "bytes in a cell": pd.DataFrame({"a": [WORDS.encode(), {"b": WORDS.encode()}] * 9}),
    "beside it": with_attrs("Jané “Döe”"),
    "bytes beside it": with_attrs([WORDS.encode()]),
    "a name of its rows": pd.DataFrame({"a": [1]}, pd.Index([1], name="Jané “Döe”")),
    "a name of a column": pd.Series([1], name=("a", "Jané “Döe”")),
    "a column of a name": pd.DataFrame({"name": ["Jané “Döe”"]}),
    "a column of numbers": pd.DataFrame({"a": [1, PHONE]}),
    "labels that are numbers": pd.Series([1], [PHONE]),
    "numbers, some missing": pd.DataFrame({"a": pd.array([PHONE, None], dtype="Int64")}),
    "a column of bytes": pd.DataFrame({"a": np.frombuffer(b"EMP-123456" * 9, np.uint8)}),
    "an array of numbers": np.array([[PHONE, 1.5]]),
    "an array of bytes": np.frombuffer(WORDS.encode(), np.uint8),
    "an array of texts as bytes": np.array([WORDS.encode()]),
    "records": np.array([(WORDS, 1)], [("a", "U40"), ("b", "i4")]),
    "names of records": np.array([(1,)], [("EMP-123456", "i4")]),
    "a text of its own": pd.DataFrame({"a": ["c", "only this"]}),
}


@pytest.mark.parametrize("value", PACKED.values(), ids=PACKED)
def test_what_matches_is_found_wherever_it_is_packed(tmp_path, value):
    redact(own="^only this$")
    look = Redaction({}, host().patterns)
    for one in (value, {"a": [value]}):
        _, data = encoded(one)
        assert set(look.found_among(packed(data)))
        assert Journal(tmp_path).stored_value(one)["portable"] is False


def test_a_large_number_is_no_text_by_its_bytes(tmp_path):
    redact(letters="[A-Z]{2}")
    value = [pd.DataFrame({"n": [0x4142]}), np.array([0x4142])]
    assert Journal(tmp_path).stored_value(value)["kind"] == "mixed"


def test_tables_within_a_dict_in_which_nothing_matches_are_kept(tmp_path):
    redact(file="PAR1|NFmixed|schema")
    run = recorded(tmp_path, clean_frames_within, {})
    value = Recording(tmp_path, run).root.value
    assert value["a"][0].to_dict("list") == {"a": ["x", "b"]}
    assert value["b"] == b"EMP"
    assert scan(tmp_path, run).is_clean
    assert verify(tmp_path, run) == ()


def test_hashes_and_names_stay_whatever_the_patterns_match(tmp_path):
    redact(letters="[0-9a-f-]{6,}|acts|asks|success|code")
    run = recorded(tmp_path, asks, {"name": WORDS})
    assert verify(tmp_path, run) == ()
    assert replay(Recording(tmp_path, run), asks).is_same


@pytest.mark.parametrize("value", [WORDS, WORDS + LONG, PHONE, [WORDS], {WORDS: 1}, WORDS.encode()])
def test_what_was_recorded_before_is_found(tmp_path, value):
    redact(**dict.fromkeys(FORMS))
    run = recorded(tmp_path, same, {"value": value})
    assert scan(tmp_path, run).is_clean
    redact(**FORMS)
    found = scan(tmp_path, run)
    assert not found.is_clean
    assert {kind for _, kind in found.found} <= FORMS.keys()


def test_a_table_recorded_before_is_found(tmp_path):
    redact(**dict.fromkeys(FORMS))
    run = recorded(tmp_path, frame, {})
    redact(**FORMS)
    assert {kind for _, kind in scan(tmp_path, run).found} == {"employee", "person"}


def test_a_pattern_holds_from_the_moment_it_is_named(tmp_path):
    redact(**dict.fromkeys(FORMS))

    @function
    def names_it(value: str) -> str:
        redact(**FORMS)
        return value

    models = {"scripted": ScriptedModel(answers)}
    with (
        Journal(tmp_path) as journal,
        Runtime([names_it, same], models=models, sink=journal) as runtime,
    ):
        node = runtime.invoke(None, names_it, {"value": "x"})
        node.wait(10)
        same_node = runtime.invoke(None, same, {"value": "EMP-123456"})
        same_node.wait(10)
    assert b"EMP-123456" not in written(tmp_path).replace(FORMS["employee"].encode(), b"")


def test_patterns_are_added_and_taken_away_by_name():
    assert redact(other="o+p") == {**FORMS, "other": "o+p"}
    assert redact(other=None) == FORMS
    with pytest.raises(ArgumentError, match="is no pattern"):
        redact(other="(")
    assert redact() == FORMS
    redact(secret=re.compile("geheim", re.IGNORECASE))
    redact(other="o+p")
    assert host().patterns.text("Geheim") == "[redacted secret]"


def test_what_a_fork_changes_is_marked_too(tmp_path, monkeypatch):
    monkeypatch.setenv("WHO", WORDS)
    was = Recording(tmp_path, recorded(tmp_path, asks, {"name": "nobody"}))
    change = Change(was.root.key, None, {"name": WORDS}, None, f"{{name}} {WORDS}", WORDS + LONG)
    models = {"scripted": ScriptedModel(answers)}
    with (
        Journal(tmp_path) as journal,
        Runtime([asks], models=models, sink=journal) as runtime,
    ):
        node = fork(runtime, was, change, asks)
        node.wait(10)
        name = runtime.run_name(node)
    assert b"EMP-123456" not in written(tmp_path)
    assert verify(tmp_path, name) == ()
    forked = Recording(tmp_path, name)
    assert forked.about["of"] == was.run
    assert forked.about["at"] == was.root.key
    assert forked.changes[0][0].above is None
    assert replay(forked, asks).is_same
