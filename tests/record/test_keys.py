"""No key reaches the disk, however large the value is that it stands in."""

import numpy as np
import pandas as pd
import pytest

from netflux_nb import Runtime, agent, function
from netflux_nb.again.recording import Recording
from netflux_nb.again.replay import replay, run_of
from netflux_nb.core.redaction import Redaction
from netflux_nb.record.chain import LARGE_CHARS
from netflux_nb.record.journal import Journal
from netflux_nb.record.scan import scan, verify
from netflux_nb.testing import ScriptedModel

OWN = "open sesame 7"
KIND = "sk-ant-" + "x1" * 20
LONG = "z" * (LARGE_CHARS + 1)
NAMES = {"DOOR_KEY": OWN}
WORDS = f"{OWN} and {KIND} "


@function
def text() -> str:
    return WORDS + LONG


@function
def data() -> dict:
    return {"a": [WORDS] * 2, "b": ["y"] * LARGE_CHARS, "c": {"d": LONG + WORDS}}


@function
def raw() -> bytes:
    return WORDS.encode() + b"\xff\x00"


@function
def much() -> bytes:
    return b"\xff\x00" * LARGE_CHARS + WORDS.encode()


@function
def table() -> pd.DataFrame:
    return pd.DataFrame({"a": [WORDS, "b"]})


@function
def array() -> np.ndarray:
    return np.frombuffer(WORDS.encode(), dtype=np.uint8)


@function
def clean() -> pd.DataFrame:
    return pd.DataFrame({"a": ["b"]})


@function
def passes_on(words: str) -> bool:
    return bool(words)


asks = agent("asks(q: str)", WORDS + LONG + "{q}", system=WORDS + LONG, model="scripted")


def recorded(folder, fn, inputs):
    model = ScriptedModel(lambda request: WORDS + LONG)
    with (
        Journal(folder, variables=NAMES) as journal,
        Runtime([fn], models={"scripted": model}, sink=journal) as runtime,
    ):
        node = runtime.invoke(None, fn, inputs)
        node.wait(10)
        return run_of(runtime, node)


@pytest.mark.parametrize(
    ("fn", "inputs"),
    [(one, {}) for one in (text, data, raw, much, table, array)]
    + [(passes_on, {"words": WORDS + LONG}), (asks, {"q": WORDS + LONG})],
    ids=lambda value: value.name if hasattr(value, "name") else "",
)
def test_no_key_reaches_the_disk(tmp_path, fn, inputs, monkeypatch):
    for name, value in NAMES.items():
        monkeypatch.setenv(name, value)
    run = recorded(tmp_path, fn, inputs)

    written = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    for key in (OWN, KIND):
        assert key.encode() not in written
        assert key.encode().hex().encode() not in written
    assert scan(tmp_path, run, NAMES).is_clean
    assert verify(tmp_path, run) == ()
    was = Recording(tmp_path, run)
    assert scan(tmp_path, run, NAMES).redacted or b"[redacted" in was.root.value
    assert replay(was, fn).is_same


def test_a_table_without_a_key_is_kept(tmp_path):
    run = recorded(tmp_path, clean, {})
    assert Recording(tmp_path, run).root.value.to_dict("list") == {"a": ["b"]}


def test_bytes_lose_a_key_and_nothing_else():
    clean_of = Redaction({OWN: "DOOR_KEY"}).of_bytes
    assert clean_of(b"\xff\x00 sesame \xfe") == b"\xff\x00 sesame \xfe"
    assert clean_of(f"a {OWN} é".encode() + b"\xff") == "a [redacted DOOR_KEY] é".encode() + b"\xff"
