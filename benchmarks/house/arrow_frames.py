"""DataFrames as our bytes and as Arrow IPC: what comes back, what two writes give, what spoils.

`python -m benchmarks.house.arrow_frames` wants pyarrow. `digests` prints hashes alone, to be
compared between versions; `spoil NAME` flips bits in a frame and reads it, in this process.
`once NAME FRAME TIMES` writes and reads (`packed` writes only), for
`valgrind --tool=cachegrind --cache-sim=no`: run it with two numbers, and take the difference.
"""

from __future__ import annotations

import datetime
import decimal
import hashlib
import json
import random
import subprocess
import sys
import warnings
import zlib
from typing import Any

import numpy as np
import pandas as pd

from netflux_nb.record.codecs.frame_bytes import Writer, frame_bytes, frame_of

COLUMNS: dict[str, Any] = {
    "int64": [1, 2, 3],
    "uint8": np.array([1, 2, 3], "u1"),
    "big-endian": np.array([1, 2, 3], ">i4"),
    "float64, -0.0": [1.5, float("nan"), -0.0],
    "float16": np.array([1, np.nan, 2], "f2"),
    "a NaN of its own": np.array([0x7FF8000000000001, 0x7FF0000000000001, 0], "u8").view("f8"),
    "bool": [True, False, True],
    "str": ["x", None, "é\0"],
    "string": pd.array(["a", None, "c"], dtype="string"),
    "texts as objects": pd.Series(["a", None, "b"], dtype=object),
    "NaN in objects": pd.Series(["a", float("nan"), None], dtype=object),
    "bools as objects": pd.Series([True, None, False], dtype=object),
    "ints as objects": pd.Series([1, None, 2**70], dtype=object),
    "kinds mixed": pd.Series([b"x", 1, None], dtype=object),
    "lists": pd.Series([[1, 2], [], None], dtype=object),
    "tuples": pd.Series([(1, 2), (), None], dtype=object),
    "dicts": pd.Series([{"a": 1}, {"b": 2}, {}], dtype=object),
    "lists, dicts, inf": pd.Series([[1, (2, None)], {"a": 1.5}, float("inf")], dtype=object),
    "bytes": pd.Series([b"x", b"", None], dtype=object),
    "decimals": pd.Series([decimal.Decimal("1.10"), decimal.Decimal(2), None], dtype=object),
    "dates": pd.Series([datetime.date(2020, 1, 1), None, None], dtype=object),
    "datetime64[s]": pd.to_datetime(["2020-01-01", None, "1677-10-01"]).as_unit("s"),
    "datetime64[ns]": pd.to_datetime(["2020-01-01", None, "2021-10-01"]).as_unit("ns"),
    "zoned": pd.date_range("2020-10-25", periods=3, tz="Europe/Berlin", freq="h"),
    "timedelta": pd.to_timedelta([1, 2, None], unit="s"),
    "period": pd.period_range("2020", periods=3, freq="M"),
    "interval": pd.interval_range(0, 3),
    "category": pd.Categorical(["u", "v", None], categories=["v", "u", "w"], ordered=True),
    "category of ints": pd.Categorical([2020, 2021, 2020]),
    "Int64": pd.array([1, None, 3], dtype="Int64"),
    "Float32": pd.array([1.5, None, 3], dtype="Float32"),
    "boolean": pd.array([True, None, False], dtype="boolean"),
    "complex": np.array([1j, 2, 3]),
    "all None": pd.Series([None] * 3, dtype=object),
}
_ONE = pd.DataFrame({"a": [1, 2, 3]})
FRAMES: dict[str, Any] = {name: pd.DataFrame({"c": values}) for name, values in COLUMNS.items()} | {
    "no rows": _ONE.iloc[:0],
    "nothing": pd.DataFrame(),
    "rows alone": pd.DataFrame(index=range(5)),
    "columns alone": pd.DataFrame(columns=["a", "b"]),
    "RangeIndex with a step": pd.DataFrame({"a": range(6)}).iloc[::2],
    "columns are numbers": pd.DataFrame(np.arange(6.0).reshape(3, 2)),
    "columns are mixed": pd.DataFrame([[1, 2, 3]], columns=["a", 4, ("two", 1)]),
    "columns in levels": pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("a", 2)])),
    "columns with a name": pd.DataFrame([[1]], columns=pd.Index(["a"], name="n")),
    "twice the same name": pd.DataFrame([[1, "x"]], columns=["a", "a"]),
    "index of texts": pd.DataFrame({"a": [1, 2]}, index=pd.Index(["x", "y"], name="k")),
    "index in levels": pd.DataFrame({"a": [1, 2]}, index=pd.MultiIndex.from_tuples([("x", 1), ("y", 2)])),
    "index with a freq": pd.DataFrame({"a": [1, 2]}, index=pd.date_range("2020", periods=2, freq="D")),
    "index named by a tuple": pd.DataFrame({"a": [1]}, index=pd.Index([1], name=("n", 1))),
    "attrs": _ONE.copy(),
    "attrs with a tuple": _ONE.copy(),
    "a Series": pd.Series([1, 2], name="s"),
    "an unnamed Series": pd.Series([1, 2]),
}  # fmt: skip
FRAMES["attrs"].attrs["unit"] = "kg"
FRAMES["attrs with a tuple"].attrs["unit"] = ("kg", 1)
_chance = np.random.default_rng(0)
LARGE = {
    "3 × 5": pd.DataFrame(_chance.normal(size=(3, 5)), columns=list("abcde")),
    "1,000 × 5, floats": pd.DataFrame(_chance.normal(size=(1_000, 5)), columns=list("abcde")),
    "100,000 × 3, kinds": pd.DataFrame(
        {"n": np.arange(100_000), "x": _chance.normal(size=100_000), "t": [f"row {n % 997}" for n in range(100_000)]}
    ),
}  # fmt: skip


def arrow_bytes(value: Any) -> bytes:
    """Write a frame as an Arrow IPC stream, compressed as ours is."""
    import pyarrow as pa

    frame = value.to_frame() if isinstance(value, pd.Series) else value
    table = pa.Table.from_pandas(frame)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:  # fmt: skip
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def arrow_of(data: bytes) -> Any:
    """Read it back, after the checks that pyarrow has."""
    import pyarrow as pa

    table = pa.ipc.open_stream(data).read_all()
    table.validate(full=True)
    return table.to_pandas()


def packed(value: Any) -> bytes:
    """Write what `Writer` took apart as numpy's bytes and zlib's: neither DuckDB nor Arrow."""
    writer = Writer()
    parts = [json.dumps(writer.header(value)).encode()]
    for columns in writer._columns.values():
        for values in columns.values():
            array = np.asarray(values)
            if array.dtype == object:
                texts = [None if text is None else text.encode() for text in array]
                sizes = np.array([-1 if text is None else len(text) for text in texts], "<i4")
                data = sizes.tobytes() + b"".join(filter(None, texts))
            else:  # the first bytes of all numbers, then the second
                data = array[:, None].view("u1").T.tobytes()
            parts.append(zlib.compress(data, 6))
    return b"".join(parts)


def is_same(back: Any, value: Any) -> str:
    """Say what differs, as `frame_bytes` looks."""
    if isinstance(value, pd.Series) and isinstance(back, pd.DataFrame):
        back = back.iloc[:, 0]
        if value.name is None:
            back = back.rename(None)  # a frame has no word for it
    look = {"check_exact": True, "check_index_type": True, "check_freq": True}
    try:
        if isinstance(value, pd.Series):
            pd.testing.assert_series_equal(back, value, **look)
        else:
            pd.testing.assert_frame_equal(back, value, check_column_type=True, **look)
            for place in range(value.shape[1]):
                one, two = value.iloc[:, place], back.iloc[:, place]
                if one.dtype == object and [(type(v), repr(v)) for v in one] != [(type(v), repr(v)) for v in two]:  # fmt: skip
                    return f"objects of other kinds: {[*two]}"
                if one.dtype.kind == "f" and isinstance(one.dtype, np.dtype) and one.to_numpy().tobytes() != two.to_numpy().tobytes():  # fmt: skip
                    return "other bits"
        if repr(back.attrs) != repr(value.attrs):
            return f"attrs are {back.attrs}"
    except AssertionError as error:
        return "; ".join(str(error).split("\n")[:5])[:140]
    return ""


def outcome(write: Any, read: Any, value: Any) -> str:
    """Write and read a frame, and say what came of it."""
    try:
        data = write(value)
        if data is None:
            return "not written"
        return is_same(read(data), value) or "exact"
    except Exception as error:  # noqa: BLE001  it is counted
        return f"{type(error).__name__}: {error}".split("\n")[0][:120]


def digests() -> None:
    """Print hashes of the bytes of some frames."""
    for name in ("int64", "category", "zoned", "index in levels"):
        ours = hashlib.sha256(frame_bytes(FRAMES[name]) or b"").hexdigest()[:12]
        theirs = hashlib.sha256(arrow_bytes(FRAMES[name])).hexdigest()[:12]
        print(f"{name}: ours {ours}, arrow {theirs}")


def spoil(which: str, start: int) -> None:
    """Flip bits and read, printing each number before: what ends the process is the last one."""
    write, read = {"ours": (frame_bytes, frame_of), "arrow": (arrow_bytes, arrow_of)}[which]
    data = write(LARGE["3 × 5"].assign(t=["a", None, "c"], k=pd.Categorical(["x", "y", "x"])))
    kinds: dict[str, int] = {}
    for number in range(start, 2000):
        print(number, flush=True)
        chance = random.Random(number)
        spoilt = bytearray(data)
        for _ in range(chance.randint(1, 4)):
            spoilt[chance.randrange(len(spoilt))] ^= 1 << chance.randrange(8)
        try:
            read(bytes(spoilt))
            kind = "read"
        except Exception as error:  # noqa: BLE001  it is counted
            kind = type(error).__name__
        kinds[kind] = kinds.get(kind, 0) + 1
    print(kinds)


def once(which: str, value: Any) -> None:
    """Write and read a frame."""
    match which:
        case "ours":
            frame_of(frame_bytes(value) or b"")
        case "arrow":
            arrow_of(arrow_bytes(value))
        case "packed":
            packed(value)


def main() -> None:
    """Print what comes back, sizes and what spoilt bytes do."""
    warnings.simplefilter("ignore")
    count = dict.fromkeys(("ours", "arrow"), 0)
    for name, value in FRAMES.items():
        ours, arrow = outcome(frame_bytes, frame_of, value), outcome(arrow_bytes, arrow_of, value)
        count["ours"] += ours == "exact"
        count["arrow"] += arrow == "exact"
        if (ours, arrow) != ("exact", "exact"):
            print(f"{name:24} ours: {ours:12} arrow: {arrow}")
    print(f"exact: {count} of {len(FRAMES)}")
    for name, value in LARGE.items():
        print(f"{name:24} bytes: ours {len(frame_bytes(value) or b''):,}, arrow {len(arrow_bytes(value)):,}, packed {len(packed(value)):,}")  # fmt: skip
    digests()
    for which in ("ours", "arrow"):
        argv = [sys.executable, "-W", "ignore", "-m", "benchmarks.house.arrow_frames", "spoil", which]  # fmt: skip
        start, ends = 0, []
        while start < 2000:
            told = subprocess.run([*argv, str(start)], capture_output=True, text=True)
            last = told.stdout.rstrip().rpartition("\n")[2]
            if told.returncode == 0:
                print(which, last)
                break
            ends.append(told.returncode)
            start = int(last) + 1
        print(f"{which}: of 2,000 spoilt frames, {len(ends)} ended the process: {sorted(set(ends))}")  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1:2] == ["digests"]:
        digests()
    elif sys.argv[1:2] == ["spoil"]:
        spoil(sys.argv[2], int(sys.argv[3]))
    elif sys.argv[1:2] == ["once"]:
        for _ in range(int(sys.argv[4])):
            once(sys.argv[2], LARGE[sys.argv[3]])
    else:
        main()
