"""Large values: what is kept under its hash, and what comes back (rows F of the record)."""

import io
import json
import struct
import subprocess
import sys
import threading
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
import pytest

from netflux_nb.core.errors import ArgumentError, RecordError
from netflux_nb.record.codecs import containers, frame_bytes
from netflux_nb.record.codecs.artifacts import Artifacts, decoded, digest_of, encoded
from netflux_nb.record.codecs.containers import Room, mixed_bytes, mixed_of
from netflux_nb.record.sql.engine import connected, quoted


@pytest.fixture
def kept(tmp_path):
    return Artifacts(tmp_path)


def test_what_is_put_is_got_under_its_hash(kept, tmp_path):
    digest = kept.put(b"abc")
    assert digest == digest_of(b"abc")
    assert kept.get(digest) == b"abc"
    assert kept.path(digest) == tmp_path / "artifacts" / digest[:2] / digest[2:]
    assert kept.path(digest).stat().st_mode & 0o077 == 0
    assert kept.has(digest)
    assert not kept.has(digest_of(b"other"))


def test_the_same_bytes_are_kept_once(kept, tmp_path):
    for _ in range(3):
        kept.put(b"abc")
    Artifacts(tmp_path).put(b"abc")
    kept.put(b"")
    assert sorted(kept) == sorted([(digest_of(b"abc"), 3), (digest_of(b""), 0)])
    assert len([p for p in tmp_path.rglob("*") if p.is_file()]) == 2


def test_what_was_put_is_synced_once(tmp_path):
    synced = []
    kept = Artifacts(tmp_path, sync_path=synced.append)
    digest = kept.put(b"abc")
    assert synced == []
    kept.sync()
    assert synced[0] == kept.path(digest)
    assert kept.path(digest).parent in synced
    count = len(synced)
    kept.sync()
    assert len(synced) == count


def test_a_sync_that_failed_is_tried_again(kept):
    digest = kept.put(b"abc")
    path = kept.path(digest)
    data = path.read_bytes()
    path.unlink()
    with pytest.raises(FileNotFoundError):
        kept.sync()
    path.write_bytes(data)
    kept.sync()
    path.unlink()
    kept.sync()


@pytest.mark.parametrize(
    "name",
    [
        "",
        "../../etc/passwd",
        "a" * 63,
        "A" * 64,
        "g" * 64,
        "a" * 64 + "\n",
        "/" + "a" * 63,
        5,
        None,
    ],
)
def test_what_is_no_digest_names_no_file(kept, name):
    for ask in (kept.path, kept.has, kept.get):
        with pytest.raises(RecordError, match="names no artifact"):
            ask(name)


def test_missing_altered_and_large_ones_are_one_line(kept):
    digest = kept.put(b"abc")
    with pytest.raises(RecordError, match=r"has 3 bytes, of 2\."):
        kept.get(digest, most_bytes=2)
    kept.path(digest).write_bytes(b"abd")
    with pytest.raises(RecordError, match="is not as it was written"):
        kept.get(digest)
    kept.path(digest).unlink()
    with pytest.raises(RecordError, match="is missing"):
        kept.get(digest)


@pytest.mark.parametrize("torn", [b"", b"ab", b"abd"])
def test_what_a_power_cut_left_is_written_again(kept, tmp_path, torn):
    digest = kept.put(b"abc")
    kept.path(digest).write_bytes(torn)
    Artifacts(tmp_path).put(b"abc")
    assert kept.get(digest) == b"abc"


def test_one_that_was_cleared_up_is_written_again(kept):
    digest = kept.put(b"abc")
    kept.path(digest).unlink()
    kept.put(b"abc")
    assert kept.get(digest) == b"abc"


def test_a_temporary_file_is_no_artifact(kept):
    digest = kept.put(b"abc")
    (kept.path(digest).parent / ".new-0123456789abcdef").write_bytes(b"half")
    assert list(kept) == [(digest, 3)]


def test_a_folder_that_cannot_be_written_leaves_no_trace(tmp_path):
    (tmp_path / "artifacts").write_text("in the way")
    with pytest.raises(OSError, match="artifacts"):
        Artifacts(tmp_path).put(b"abc")


def test_many_threads_put_the_same(kept):
    texts = [bytes([n % 7]) * 5000 for n in range(40)]
    gate = threading.Barrier(4)

    def put():
        gate.wait(20)
        for text in texts:
            assert kept.get(kept.put(text)) == text

    threads = [threading.Thread(target=put) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(list(kept)) == 7


PUTS = """
import sys
from netflux_nb.record.codecs.artifacts import Artifacts
kept = Artifacts(sys.argv[1])
for n in range(100):
    text = bytes([n % 10]) * 3000
    assert kept.get(kept.put(text)) == text
kept.sync()
"""


@pytest.mark.slow
def test_two_processes_put_the_same(kept, tmp_path):
    running = [subprocess.Popen([sys.executable, "-c", PUTS, str(tmp_path)]) for _ in range(2)]
    assert [r.wait(60) for r in running] == [0, 0]
    assert len(list(kept)) == 10
    assert all(digest_of(kept.get(digest)) == digest for digest, _ in kept)


SHORT = pd.DataFrame(
    {
        "whole": [1, 2, 3],
        "small": np.array([1, 2, 3], "uint8"),
        "real": [1.5, float("nan"), -0.0],
        "half": np.array([1, np.nan, 2], "f2"),
        "text": ["x", None, "é\0"],
        "odd": [b"x", 1, None],
        "cells": [[1, (2, None)], {"a": 1.5}, float("inf")],
        "said": [True, False, True],
        "day": pd.to_datetime(["2020-01-01", None, "1677-10-01"]).as_unit("s"),
        "zoned": pd.date_range("2020-10-25", periods=3, tz="Europe/Berlin", freq="h"),
        "span": pd.to_timedelta([1, 2, None], unit="s"),
        "month": pd.period_range("2020", periods=3, freq="M"),
        "kind": pd.Categorical(["u", "v", None], categories=["v", "u", "w"], ordered=True),
        "year": pd.Categorical([2020, 2021, 2020]),
        "maybe": pd.array([1, None, 3], dtype="Int64"),
        "about": pd.array([1.5, None, 3], dtype="Float32"),
        "either": pd.array([True, None, False], dtype="boolean"),
        "string": pd.array(["a", None, "c"], dtype="string"),
        ("two", 1): [7, 8, 9],
        4: np.array([1, 2, 3], ">i4"),
    }
)
FRAMES = {
    "all kinds": SHORT,
    "no rows": SHORT.iloc[:0],
    "nothing": pd.DataFrame(),
    "rows alone": pd.DataFrame(index=range(5)),
    "columns alone": pd.DataFrame(columns=["a", "b"]),
    "plain numbers": pd.DataFrame(np.arange(6.0).reshape(3, 2)),
    "its own index": SHORT[["whole", "text"]].set_index("text"),
    "two levels": SHORT.set_index(["kind", "zoned"])[["whole"]],
    "levels above": pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("a", 2)])),
    "twice the same name": pd.concat([SHORT[["text"]], SHORT[["text"]]], axis=1),
    "a step": SHORT[["whole"]].iloc[::2],
    "hourly": SHORT[["whole", "zoned"]].set_index("zoned").asfreq("h"),
    "hours as text": pd.DataFrame({"a": [1]}, index=pd.Index([None], name=("n", 1))),
    "with attributes": pd.DataFrame({"a": [1]}),
    "nothing but nothing": pd.DataFrame({"a": [None] * 3000 + ["x"], "b": [None] * 3001}),
    "a series": SHORT["text"],
    "an unnamed one": pd.Series([1, 2]),
    "objects that are texts": pd.Series(["a", "b"], dtype=object, name=("x", 2)),
    "empty objects": pd.Series(dtype=object),
    "long": pd.Series(range(20_000), dtype="int16").rename("n"),
}
FRAMES["with attributes"].attrs["unit"] = ("kg", 1)


@pytest.mark.parametrize("value", FRAMES.values(), ids=FRAMES)
def test_a_frame_comes_back_exactly(value):
    kind, data = encoded(value)
    back = decoded(kind, data)
    assert kind == "frame"
    assert type(back) is type(value)
    assert back.attrs == value.attrs
    if isinstance(value, pd.Series):
        pd.testing.assert_series_equal(back, value, check_exact=True, check_index_type=True)
    else:
        pd.testing.assert_frame_equal(back, value, check_exact=True, check_column_type=True)
    if "odd" in back and len(back):
        assert [type(v) for v in back["odd"]] == [type(v) for v in value["odd"]]
        assert np.signbit(value["real"].iloc[-1]) == np.signbit(back["real"].iloc[-1])


def test_a_frame_that_came_back_can_be_written_to():
    back = decoded(*encoded(SHORT))
    back.loc[0, "whole"] = 5
    back.loc[0, "real"] = 5.5
    back.loc[0, "text"] = "new"
    assert back.iloc[0][["whole", "real", "text"]].tolist() == [5, 5.5, "new"]


def made(tmp_path, asked, rows):
    """Make a frame's bytes as a stranger may: its columns are what a query gives."""
    path = tmp_path / "columns.parquet"
    with connected() as db:
        db.execute(f"COPY ({asked}) TO {quoted(path)} (FORMAT parquet)")
    data = path.read_bytes()
    spec = {"as": "text", "at": [rows, "c1"], "storage": "python", "na": "nan"}
    header = {
        "index": {"index": "range", "of": [0, 2, 1], "names": ["null"]},
        "attrs": "{}",
        "name": "null",
        "values": spec,
        "files": [[rows, len(data)]],
    }
    head = json.dumps(header).encode()
    return b"".join([frame_bytes._MAGIC, frame_bytes._SIZE.pack(len(head)), head, data])


STRANGE = {
    "another count": ("SELECT 'x' AS c1 FROM range(3)", "holds 3 rows, of 2"),
    "lists": ("SELECT ['x'] AS c1 FROM range(2)", r"a column of VARCHAR\[\]"),
    "another name": ("SELECT 'x' AS \"a\" FROM range(2)", "a column 'a', which is none of ours"),
}


@pytest.mark.parametrize(("asked", "why"), STRANGE.values(), ids=STRANGE)
def test_a_strangers_frame_holds_what_it_says(tmp_path, asked, why):
    assert list(decoded("frame", made(tmp_path, "SELECT 'x' AS c1 FROM range(2)", 2))) == ["x"] * 2
    with pytest.raises(ArgumentError, match=why):
        decoded("frame", made(tmp_path, asked, 2))


def test_the_name_of_a_strangers_column_is_never_run(tmp_path):
    mark = tmp_path / "mark.csv"
    name = f"x\")), 0) FROM (SELECT 'a' AS x); COPY (SELECT 1) TO {quoted(mark)}; SELECT 0 --"
    column = '"' + name.replace('"', '""') + '"'
    data = made(tmp_path, f"SELECT 'x' AS {column} FROM range(2)", 2)

    with pytest.raises(ArgumentError, match="none of ours"):
        decoded("frame", data)
    assert not mark.exists()


class Other(pd.DataFrame):
    """A frame of somebody's own."""


UNFIT = {
    "objects": pd.DataFrame({"a": [object()]}),
    "frames in it": pd.DataFrame({"a": [SHORT]}),
    "sets": pd.Series([{1}]),
    "numbers of numpy": pd.Series([np.int64(1), "a"], dtype=object),
    "complex": pd.Series([1j]),
    "half of a pair": pd.Series(["\ud800"]),
    "intervals": pd.Series(pd.interval_range(0, 3)),
    "a name that is an object": pd.Series([1], name=pd.Timestamp("2020-01-01")),
    "attributes": pd.DataFrame({"a": [1]}),
    "a kind of one": Other({"a": [1]}),
    "flags": pd.DataFrame({"a": [1]}).set_flags(allows_duplicate_labels=False),
    "array of objects": np.array([1, "a"], dtype=object),
    "array with an object": np.zeros(1, dtype=[("a", "O")]),
    "array that says more": np.zeros(1, dtype=np.dtype("i4", metadata={"unit": "kg"})),
    "array of another kind": np.ma.array([1, 2], mask=[True, False]),
    "text": "text",
    "number": 5,
    "number of numpy": np.float64(5),
}
UNFIT["attributes"].attrs["x"] = object()


@pytest.mark.parametrize("value", UNFIT.values(), ids=UNFIT)
def test_what_would_not_come_back_exactly_has_no_form(value):
    assert encoded(value) is None


ARRAYS = {
    "numbers": np.arange(12).reshape(3, 4),
    "columns first": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    "every second": np.arange(12)[::2],
    "one": np.array(3),
    "none": np.zeros((0, 3)),
    "texts": np.array(["a", "bc"]),
    "bytes": np.array([b"a", b"bc"]),
    "complex": np.array([1j]),
    "days": np.array(["2020-01-01", "NaT"], "M8[D]"),
    "fields": np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
    "big end first": np.array([1, 2], ">i4"),
    "half": np.array([1, np.nan], "f2"),
    "no width": np.zeros(3, "U0"),
}


@pytest.mark.parametrize("value", ARRAYS.values(), ids=ARRAYS)
def test_an_array_comes_back_exactly(value):
    kind, data = encoded(value)
    back = decoded(kind, data)
    assert kind == "array"
    assert (back.dtype, back.shape, back.tobytes()) == (value.dtype, value.shape, value.tobytes())
    assert back.flags.writeable
    assert back.flags.f_contiguous == np.array(value).flags.f_contiguous


LOOP = {"a": SHORT}
LOOP["b"] = [LOOP]
DEEP = [SHORT]
for _ in range(120):
    DEEP = [DEEP]


@dataclass(frozen=True)
class Point:
    x: int


MIXED = {
    "a dict": {"table": SHORT, "text": "ö\ud800", "many": [SHORT["text"], {"n": np.arange(3)}]},
    "a list": [SHORT, 1, None, (SHORT[["text"]], 2.5)],
    "a tuple": (1, SHORT, "$held"),
    "other keys": {("a", 1): SHORT, 3: [np.array([1j])], "$held": 0, "c": {"$tuple": [1]}},
    "twice the same": [SHORT, SHORT],
    "kinds that have a tag": {
        "t": SHORT,
        "b": b"\0\xff",
        "s": {1, 2},
        "f": float("inf"),
        "day": date(2026, 1, 2),
        "long": 7**9_000,
        "of numpy": np.float64(2.5),
    },
}
NOT_MIXED = {
    "an object beside": [SHORT, object()],
    "fields of an object": [SHORT, Point(1)],
    "a table without a form": {"a": [pd.DataFrame({"a": [object()]})]},
    "a loop": LOOP,
    "too deep": DEEP,
    "no table": {"a": [1, {"b": (2,)}]},
    "in a set": {1, (2, 3)},
}


def alike(left, right):
    """Compare all but tables and arrays as they are, and say of these what they are."""
    assert type(left) is type(right) or isinstance(right, set | np.generic)
    match right:
        case dict():
            assert list(left) == list(right)
            assert all(alike(left[name], right[name]) for name in right)
        case list() | tuple():
            assert len(left) == len(right)
            assert all(map(alike, left, right))
        case pd.DataFrame():
            pd.testing.assert_frame_equal(left, right, check_exact=True, check_column_type=True)
        case pd.Series():
            pd.testing.assert_series_equal(left, right, check_exact=True, check_index_type=True)
        case np.ndarray():
            assert (left.dtype, left.tolist()) == (right.dtype, right.tolist())
        case _:
            assert left == right
    return True


@pytest.mark.parametrize("value", MIXED.values(), ids=MIXED)
def test_tables_within_a_dict_or_a_list_come_back_at_their_places(value):
    kind, data = encoded(value)
    assert kind == "mixed"
    assert alike(decoded(kind, data), value)


@pytest.mark.parametrize("value", NOT_MIXED.values(), ids=NOT_MIXED)
def test_what_holds_something_else_beside_has_no_form(value):
    assert encoded(value) is None


@pytest.mark.parametrize("bound", ["parts", "tables", "cells", "bytes"])
def test_all_tables_together_are_bounded(bound):
    value = {"a": [SHORT] * 4}
    _, data = encoded(value)
    assert mixed_bytes(value, (pd.DataFrame,), encoded) == data

    assert mixed_bytes(value, (pd.DataFrame,), encoded, Room(**{bound: 3})) is None
    with pytest.raises(ValueError, match="it holds too much"):
        mixed_of(data, decoded, Room(**{bound: 3}))


def test_other_kinds_come_back_too():
    assert encoded(bytearray(b"ab")) == ("bytes", b"ab")
    assert decoded("bytes", b"ab") == b"ab"
    assert decoded("text", "ö\ud800".encode("utf-8", "surrogatepass")) == "ö\ud800"
    assert decoded("json", b'{"a":{"$tuple":[1,"\\ud800"]}}') == {"a": (1, "\ud800")}


def claim(shape, dtype="<i8", data=b"12345678"):
    head = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + data


def framed(header, data=b""):
    return frame_bytes._MAGIC + frame_bytes._SIZE.pack(len(header)) + header + data


def mixed_with(json, *parts, more=b""):
    ways = ",".join(f"[{way},{kind},{size}]" for way, kind, size, _ in parts)
    header = f'{{"json":{json},"parts":[{ways}]}}'.encode()
    data = b"".join(one for *_, one in parts)
    return containers._MAGIC + containers._SIZE.pack(len(header)) + header + data + more


def npy(header):
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header


def array_of(value):
    file = io.BytesIO()
    np.save(file, value)
    return file.getvalue()


RUBBISH = {
    "no kind": ("pickle", b"cos\nsystem\n"),
    "empty array": ("array", b""),
    "a pickle": ("array", b"\x80\x04N."),
    "a huge array": ("array", claim("(999999999999,)")),
    "a huge array of nothing": ("array", claim("(999999999999,)", "|V0", b"")),
    "more than fits": ("array", claim("(9999999999999, 99999999999)")),
    "less than is there": ("array", claim("(0,)")),
    "below nothing": ("array", claim("(-1, -1)")),
    "an array of objects": ("array", claim("(1,)", "|O")),
    "a shape that is code": ("array", claim("(__import__('os').getpid(),)")),
    "a later version": ("array", b"\x93NUMPY\x03\x00" + claim("(1,)")[8:]),
    "empty frame": ("frame", b""),
    "a frame without a header": ("frame", framed(b"")),
    "a frame of another kind": ("frame", framed(b"[]")),
    "a header that is not whole": ("frame", frame_bytes._MAGIC + frame_bytes._SIZE.pack(1 << 60)),
    "a deep header": ("frame", framed(b"[" * 100_000)),
    "no parquet": ("frame", framed(b'{"files":[[1,4]],"index":{}}', b"PAR1")),
    "files that are not there": ("frame", framed(b'{"files":[[1,400]],"index":{}}')),
    "a header that does not end": ("array", npy(b"{'descr': '<i8', 'shape': (3, ")),
    "a header of old code": (
        "array",
        npy(b"{'descr': '<i8', 'fortran_order': False, 'shape': (3L,)}"),
    ),
    "a type that is none": (
        "array",
        npy(b"{'descr': '<,8', 'fortran_order': False, 'shape': (3,)}"),
    ),
    "no character": ("array", array_of(np.array([1 << 24], "<u4").view("<U1"))),
    "no character within": (
        "array",
        array_of(np.array([(1 << 24, 1)], "<u4,<u4").view([("a", "<U1"), ("b", "<u4")])),
    ),
    "empty mixed": ("mixed", b""),
    "a mixed one without an end": ("mixed", containers._MAGIC + containers._SIZE.pack(1 << 60)),
    "a part that is cut off": ("mixed", mixed_with("[null]", ("[0]", '"bytes"', 2, b"a"))),
    "a part below nothing": ("mixed", mixed_with("[null]", ("[0]", '"bytes"', -1, b""))),
    "a part of no size": ("mixed", mixed_with("[null]", ("[0]", '"bytes"', "true", b"a"))),
    "a part of no kind": ("mixed", mixed_with("[null]", ("[0]", '"pickle"', 1, b"N"))),
    "a part that nests": ("mixed", mixed_with("[null]", ("[0]", '"mixed"', 1, b"N"))),
    "a part without a place": ("mixed", mixed_with("[null]", ("[1]", '"bytes"', 1, b"a"))),
    "a part over others": ("mixed", mixed_with("[[1]]", ("[0]", '"bytes"', 1, b"a"))),
    "two parts at one place": ("mixed", mixed_with("[null]", *[("[0]", '"bytes"', 0, b"")] * 2)),
    "a place that is none": ("mixed", mixed_with("[null]", ("{}", '"bytes"', 1, b"a"))),
    "a place of lists": ("mixed", mixed_with("[null]", ("[[0]]", '"bytes"', 1, b"a"))),
    "bytes that nobody wants": ("mixed", mixed_with("[null]", more=b"a")),
    "a mixed one of another kind": ("mixed", containers._MAGIC + containers._SIZE.pack(1) + b"7"),
    "a deep mixed one": ("mixed", mixed_with("[" * 100_000 + "]" * 100_000)),
    "no text": ("text", b"\xff"),
    "no json": ("json", b"{"),
    "deep json": ("json", b"[" * 100_000),
}


@pytest.mark.parametrize(("kind", "data"), RUBBISH.values(), ids=RUBBISH)
def test_rubbish_is_one_line(kind, data):
    with pytest.raises(ArgumentError) as caught:
        decoded(kind, data)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("held", [0, 1, 20])
def test_a_frame_that_was_cut_within_its_header_is_said_to_be(held):
    data = framed(b'{"files":[],"index":{},"of":[]}')
    start = len(frame_bytes._MAGIC) + frame_bytes._SIZE.size
    with pytest.raises(ArgumentError, match="header is not whole"):
        decoded("frame", data[: start + held])
    with pytest.raises(ArgumentError, match="header is not whole"):
        decoded("frame", data[:-1])


def test_a_frame_that_claims_more_than_it_holds_is_refused():
    _, data = encoded(pd.DataFrame({"a": [1, 2, 3]}))
    with pytest.raises(ArgumentError):
        decoded("frame", data.replace(b"[3,", b"[4,"))
    with pytest.raises(ArgumentError):
        decoded("frame", data.replace(b'"of":[0,3,1]', b'"of":[0,9,1]'))


def test_a_flipped_bit_in_a_frame_never_does_more_than_be_refused(chance):
    _, whole = encoded(SHORT[["whole", "text", "kind"]])
    for _ in range(12):
        spoilt = bytearray(whole)
        spoilt[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        try:
            decoded("frame", bytes(spoilt))
        except ArgumentError:
            continue


NOTHING_HEAVY = """
import sys
from netflux_nb.record.codecs.artifacts import encoded
assert encoded([object()]) is None
assert encoded(b"x") == ("bytes", b"x")
print(sorted({"numpy", "pandas", "duckdb"} & set(sys.modules)))
"""


@pytest.mark.slow
def test_nothing_is_imported_to_find_out():
    said = subprocess.run(
        [sys.executable, "-c", NOTHING_HEAVY], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "[]"
