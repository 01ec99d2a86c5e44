"""No key reaches the disk, however large the value is that it stands in."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from netflux_nb import Runtime, agent, function
from netflux_nb.core.secrets.redaction import Redaction
from netflux_nb.record.chain import LARGE_CHARS
from netflux_nb.record.codecs.artifacts import Artifacts, encoded
from netflux_nb.record.journal import Journal
from netflux_nb.record.scan import packed, scan, verify
from netflux_nb.replay.begin import replay
from netflux_nb.replay.recording import Recording
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
def long_table() -> pd.DataFrame:
    return pd.DataFrame({"a": [*"abc" * 900, f"m {WORDS}" * 3, *"xyz" * 900]})


@function
def labels() -> np.ndarray:
    return np.array(["a", WORDS])


@function
def array() -> np.ndarray:
    return np.frombuffer(WORDS.encode(), dtype=np.uint8)


@function
def table_within() -> dict:
    return {"tables": [table.original()], "n": 1}


@function
def beside_a_table() -> list:
    return [pd.DataFrame({"a": [1]}), {"words": (WORDS.encode(), 1)}]


@function
def clean() -> pd.DataFrame:
    return pd.DataFrame({"a": ["b"]})


@function
def passes_on(words: Any) -> bool:
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
        return runtime.run_name(node)


@pytest.mark.parametrize(
    ("fn", "inputs"),
    [(one, {}) for one in (text, data, raw, much, table, long_table, array, labels)]
    + [(one, {}) for one in (table_within, beside_a_table)]
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
    assert not isinstance(was.root.value, pd.DataFrame | np.ndarray)
    assert replay(was, fn).is_same


def test_a_table_without_a_key_is_kept(tmp_path):
    run = recorded(tmp_path, clean, {})
    assert Recording(tmp_path, run).root.value.to_dict("list") == {"a": ["b"]}


def test_bytes_lose_a_key_and_nothing_else():
    clean_of = Redaction({OWN: "DOOR_KEY"}).of_bytes
    assert clean_of(b"\xff\x00 sesame \xfe") == b"\xff\x00 sesame \xfe"
    assert clean_of(f"a {OWN} é".encode() + b"\xff") == "a [redacted DOOR_KEY] é".encode() + b"\xff"


PEM = "-----BEGIN RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    "words",
    [PEM, f"{PEM} abc", f'{PEM}\\" "b', LONG + PEM, f"{PEM}\n-----END RSA PRIVATE KEY----- c"],
)
def test_half_a_private_key_takes_nothing_else_with_it(tmp_path, words):
    run = recorded(tmp_path, passes_on, {"words": words})

    assert verify(tmp_path, run) == ()
    assert PEM.encode() not in b"".join(p.read_bytes() for p in tmp_path.rglob("*.jsonl"))
    assert "[redacted private key]" in Recording(tmp_path, run).root.opened.inputs["words"]
    assert Recording(tmp_path, run).root.value is True


@pytest.mark.parametrize("before", ["\n", "\t", "“", "é: ", 'a "', "\\", "x=", "\u2003"])
@pytest.mark.parametrize("key", [KIND, "AKIA" + "X" * 16, "ghp_" + "y" * 36])
def test_a_key_is_known_wherever_its_line_begins(tmp_path, before, key):
    run = recorded(tmp_path, passes_on, {"words": f"{before}{key} and more"})

    assert key not in next(tmp_path.glob("*.jsonl")).read_text()
    assert Recording(tmp_path, run).root.opened.inputs["words"].endswith("] and more")
    assert scan(tmp_path, run, NAMES).is_clean


SAID_BY_NAME = {
    "argument": {"api_key": "plainly"},
    "header": {"headers": {"X-Api-Key": "plainly it is", "accept": "json"}},
    "printed": "{'Authorization': 'Token plainly'}",
    "JSON in a text": '{"db_password": "plainly\\n \\"so\\"", "n": 1}',
    "cut off": "{'password': 'plainly",
    "cut off in JSON": '{"a": {"password": "plainly \\',
    "cookie": {"Set-Cookie": "id=plainly; Path=/"},
    "login": "https://ada:plainly@host/x",
    "address": "https://host/x?n=1&api_key=plainly-so&m=2",
}


@pytest.mark.parametrize("said", SAID_BY_NAME.values(), ids=SAID_BY_NAME.keys())
def test_what_stands_under_the_name_of_a_key_never_reaches_the_disk(tmp_path, said):
    @function(effect="network")
    def fetch(api_key: str, given: object) -> object:
        return given

    inputs = {"api_key": "plainly", "given": said}
    run = recorded(tmp_path, fetch, inputs)

    assert b"plainly" not in b"".join(p.read_bytes() for p in tmp_path.rglob("*.jsonl"))
    assert scan(tmp_path, run, NAMES).is_clean
    assert scan(tmp_path, run, NAMES).redacted > 1
    assert verify(tmp_path, run) == ()
    assert replay(Recording(tmp_path, run), fetch, inputs=inputs).is_same


@pytest.mark.parametrize(
    "words",
    [
        {"key": "plainly", "max_token": "plainly", "tokens": "plainly", "keywords": "plainly"},
        {"cookie": "plainly chocolate", "password": "", "secret": None, "secretary": "plainly"},
        'def f(api_key=plainly): password = plainly("api_key")',
        "task-" + "management-system-" * 3,
        "A password: plainly a word.",
        "http://host:80/plainly?monkey=plainly1&tokens=plainly1",
    ],
    ids=str,
)
def test_what_is_no_key_is_kept(tmp_path, words):
    run = recorded(tmp_path, passes_on, {"words": words})
    assert Recording(tmp_path, run).root.opened.inputs["words"] == words


@pytest.mark.parametrize(
    "value",
    [
        pd.DataFrame({"a": [*"abc" * 900, f"m {KIND}", *"xyz" * 900]}),
        pd.Series(["a", KIND], name="b"),
        np.array(["a", KIND]),
        pd.DataFrame({"a": [[KIND.encode(), f"{n}"] for n in range(999)]}),
        pd.DataFrame({"a": [{"password": f"hunter2hunter2 {n}"} for n in range(999)]}),
        np.array([("a", KIND)], [("a", "U9"), ("b", "U90")]),
        np.asfortranarray(np.frombuffer(f"{KIND} {KIND} ".encode(), np.uint8).reshape(2, -1)),
        {"a": (1, pd.DataFrame({"a": [*"abc" * 900, f"m {KIND}", *"xyz" * 900]}))},
    ],
    ids=["table", "column", "array", "bytes", "name", "records", "turned", "within"],
)
def test_a_key_in_a_table_is_found_although_its_bytes_are_packed(tmp_path, value):
    assert Journal(tmp_path).stored_value(value)["portable"] is False
    _, data = encoded(value)
    assert set(Redaction().found_among(packed(data))) in ({"key"}, {"password"})


def test_a_line_that_is_damaged_is_looked_through_too(tmp_path):
    run = recorded(tmp_path, passes_on, {"words": "here it stood"})
    (path,) = tmp_path.glob("*.jsonl")
    path.write_bytes(path.read_bytes().replace(b"here it stood", KIND.encode()))

    assert verify(tmp_path, run)
    assert dict(scan(tmp_path, run, NAMES).found) == {"event 1, NodeOpened": "key"}
    path.write_bytes(path.read_bytes().replace(b'"event":"NodeOpened",', b'"event":'))
    assert [kind for _, kind in scan(tmp_path, run, NAMES).found] == ["key"]
    hurt = path.read_bytes().replace(KIND.encode(), b'","password":"plainly')
    path.write_bytes(hurt)
    assert [kind for _, kind in scan(tmp_path, run, NAMES).found] == ["password"]
    assert KIND not in str(scan(tmp_path, run, NAMES))


def test_what_nobody_can_look_through_is_told(tmp_path):
    run = recorded(tmp_path, clean, {})
    kept = Artifacts(tmp_path)
    (was,) = (digest for digest, _ in kept)
    header = f'{{"json":{"[" * 150}"{KIND}"{"]" * 150},"parts":[]}}'.encode()
    deep = kept.put(b"NFmixed1" + len(header).to_bytes(8, "little") + header)
    (path,) = tmp_path.glob("*.jsonl")
    path.write_text(path.read_text().replace(was, deep))

    seen = scan(tmp_path, run, NAMES)
    assert [kind for _, kind in seen.found] == ["key"]
    (lost,) = seen.lost
    assert "too deep" in lost
