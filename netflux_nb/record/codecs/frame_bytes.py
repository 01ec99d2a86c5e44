"""DataFrames and arrays as bytes, and back: exactly, or not at all."""

from __future__ import annotations

import json
import re
import struct
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ...core.errors import ArgumentError
from ...core.json.canonical import canonical, untagged
from ..sql.engine import failures, opened, quoted

# More of them is no frame: a small file can claim any number.
MOST_CELLS = 100_000_000
MOST_TEXT = 2_000_000_000
MOST_HEADER = 16_000_000

# What a value that has no such form, or a file that is none, may raise on its way.
UNFIT = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    OSError,
    ImportError,
    AssertionError,
    MemoryError,
    struct.error,
)

# A frame is: this, the size of its header, the header as JSON, and Parquet files.
_MAGIC = b"NFframe1"
_SIZE = struct.Struct("<Q")
_MASKED = {
    f"{sign}Int{bits}": f"{sign.lower()}int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)
} | {"Float32": "float32", "Float64": "float64", "boolean": "bool"}

Spec = dict[str, Any]


def frame_bytes(value: Any) -> bytes | None:
    """Give a DataFrame or a Series as bytes; None where it would not come back exactly."""
    import pandas as pd

    try:
        data = Writer().frame(value)
        back = frame_of(data)
        if isinstance(value, pd.Series):
            pd.testing.assert_series_equal(
                back, value, check_exact=True, check_index_type=True, check_freq=True
            )
        else:
            pd.testing.assert_frame_equal(
                back,
                value,
                check_exact=True,
                check_index_type=True,
                check_column_type=True,
                check_freq=True,
            )
    except (*UNFIT, ArgumentError):
        return None
    return data


class Writer:
    """Takes a frame apart into plain columns, one Parquet file for each length."""

    def __init__(self) -> None:
        self._columns: dict[int, dict[str, Any]] = {}
        self._count = 0
        # Columns of texts that are JSON each; and columns of numbers as they are.
        self._json: set[str] = set()
        self.numbers: list[Any] = []

    def frame(self, value: Any) -> bytes:
        """Give a DataFrame or a Series as bytes."""
        header = self.header(value)
        files = [(size, _parquet(columns)) for size, columns in self._columns.items()]
        header["files"] = [[size, len(data)] for size, data in files]
        head = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
        return b"".join([_MAGIC, _SIZE.pack(len(head)), head, *(data for _, data in files)])

    def texts(self) -> Iterator[tuple[str, bool]]:
        """Give all texts that were kept, and say of each whether it is JSON."""
        for columns in self._columns.values():
            for name, values in columns.items():
                if values.dtype == object:
                    is_json = name in self._json
                    yield from ((text, is_json) for text in values if text is not None)

    def header(self, value: Any) -> Spec:
        """Take a DataFrame or a Series apart, and say how it is put together again."""
        is_series = not hasattr(value, "columns")
        header: Spec = {"index": self._index(value.index), "attrs": canonical(value.attrs)}
        if is_series:
            header["name"] = canonical(_plain(value.name))
            header["values"] = self._values(value)
        else:
            header["columns"] = self._index(value.columns)
            header["values"] = [
                self._values(value.iloc[:, place]) for place in range(value.shape[1])
            ]
        return header

    def _keep(self, values: Any) -> list[Any]:
        # Which file it is in follows from its length, so that the files need no order.
        self._count += 1
        name = f"c{self._count}"
        self._columns.setdefault(len(values), {})[name] = values
        return [len(values), name]

    def _index(self, index: Any) -> Spec:
        import pandas as pd

        names = [canonical(_plain(name)) for name in index.names]
        if isinstance(index, pd.MultiIndex):
            levels = [self._values(index.get_level_values(n)) for n in range(index.nlevels)]
            return {"index": "multi", "levels": levels, "names": names}
        if isinstance(index, pd.RangeIndex):
            return {"index": "range", "of": [index.start, index.stop, index.step], "names": names}
        freq = getattr(index, "freqstr", None) if index.dtype.kind in "mM" else None
        return {"index": "plain", "values": self._values(index), "names": names, "freq": freq}

    def _values(self, column: Any) -> Spec:
        import numpy as np
        import pandas as pd

        dtype, array = column.dtype, column.array
        match dtype:
            case np.dtype():
                return self._plain_values(np.asarray(array), dtype)
            case pd.CategoricalDtype():
                categories = self._index(dtype.categories)
                codes = self._keep(np.asarray(array.codes))
                return {"as": "category", "at": codes, "of": categories, "ordered": dtype.ordered}
            case pd.DatetimeTZDtype():
                kept = self._keep(array.asi8)
                return {"as": "zoned", "at": kept, "unit": dtype.unit, "zone": str(dtype.tz)}
            case pd.PeriodDtype():
                return {"as": "period", "at": self._keep(array.asi8), "freq": str(dtype)}
            case pd.StringDtype():
                texts = array.to_numpy(dtype=object, na_value=None)
                na = "NA" if dtype.na_value is pd.NA else "nan"
                return {"as": "text", "at": self._keep(texts), "storage": dtype.storage, "na": na}
            case _ if str(dtype) in _MASKED:
                kind = np.dtype(_MASKED[str(dtype)])
                values = self._plain_values(array.to_numpy(dtype=kind, na_value=0), kind)
                mask = self._keep(array.isna())
                return {"as": str(dtype), "at": values["at"], "mask": mask}
            case _:
                raise TypeError(f"{dtype} has no such form")

    def _plain_values(self, array: Any, dtype: Any) -> Spec:
        import numpy as np

        if dtype.kind == "O":
            at = self._keep(np.array([_cell(v) for v in array], object))
            self._json.add(at[1])
            return {"as": "objects", "at": at}
        if dtype.kind not in "biufmM" or dtype.itemsize > 8:
            raise TypeError(f"{dtype} has no such form")
        kept = array.astype(dtype.newbyteorder("="))
        if dtype.kind in "iuf":
            self.numbers.append(kept)
        if dtype.kind in "mM":
            kept = kept.view("int64")
        elif dtype.kind == "f":  # its bits, so that no reader mends a NaN
            kept = kept.view(f"uint{8 * dtype.itemsize}")
        return {"as": "numbers", "at": self._keep(kept), "dtype": dtype.str}


def _plain(value: Any) -> Any:
    """Give a value that JSON brings back as it is. Raises `TypeError` on any other."""
    stack = [value]
    while stack:
        one = stack.pop()
        if type(one) in (list, tuple):
            stack.extend(one)
        elif type(one) is dict:
            stack.extend((*one.keys(), *one.values()))
        elif type(one) not in (str, int, float, bool, bytes, type(None)):
            raise TypeError(f"a {type(one).__name__} would not come back")
    return value


def _cell(value: Any) -> str:
    # A number that is none stands in tables everywhere, and canonical JSON has no word for it.
    return json.dumps(value) if type(value) is float else canonical(_plain(value))


def _parquet(columns: Mapping[str, Any]) -> bytes:
    """Write columns of one length as Parquet, strings as they are and NULL for None."""
    import numpy as np
    import pandas as pd

    texts = {name for name, values in columns.items() if values.dtype == np.dtype(object)}
    # Objects, which all pandas and DuckDB have one word for; without a look at some of them,
    # each is taken for a text.
    frame = pd.DataFrame(
        {n: pd.Series(v, dtype=object) if n in texts else v for n, v in columns.items()}
    )
    picked = ", ".join(f"{n}::VARCHAR AS {n}" if n in texts else n for n in columns)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "frame.parquet"
        try:
            with opened(**_LIMITS) as db:
                db.execute("SET pandas_analyze_sample = 0")
                db.register("frame", frame)
                db.execute(f"COPY (SELECT {picked} FROM frame) TO {quoted(path)} ({_FORM})")
        except failures() as error:
            raise ValueError(f"DuckDB takes it not: {error}") from None
        return path.read_bytes()


_FORM = "FORMAT parquet, COMPRESSION zstd"
_LIMITS: dict[str, str | int] = {"threads": 1, "memory_limit": "2GB"}


def frame_of(data: bytes) -> Any:
    """Read a DataFrame or a Series back. Raises `ArgumentError` or another of `UNFIT`."""
    import pandas as pd

    start = len(_MAGIC) + _SIZE.size
    if not data.startswith(_MAGIC) or len(data) < start:
        raise ArgumentError("This is no frame of ours.")
    (size,) = _SIZE.unpack_from(data, len(_MAGIC))
    if size > min(MOST_HEADER, len(data) - start):
        raise ArgumentError("The frame's header is not whole.")
    header = json.loads(data[start : start + size])
    reader = _Reader(header["files"], data[start + size :])
    index = reader.index(header["index"])
    made: Any
    if isinstance(header["values"], list):
        columns = reader.index(header["columns"])
        if len(columns) != len(header["values"]):
            raise ArgumentError("The frame's columns have other names than it has columns.")
        parts = {n: reader.column(spec, index) for n, spec in enumerate(header["values"])}
        made = pd.DataFrame(parts, index=index, copy=False)
        made.columns = columns
    else:
        made = reader.column(header["values"], index)
        made.name = untagged(json.loads(header["name"]))
    made.attrs = untagged(json.loads(header["attrs"]))
    return made


class _Reader:
    """Puts columns together again."""

    def __init__(self, files: Any, data: bytes) -> None:
        self._columns: dict[tuple[int, str], Any] = {}
        for rows, size in files:
            if not 0 <= size <= len(data):
                raise ArgumentError("The frame is not whole.")
            for name, values in _columns(data[:size], rows).items():
                self._columns[rows, name] = values
            data = data[size:]

    def _at(self, place: Any) -> Any:
        return self._columns[place[0], place[1]]

    def index(self, spec: Spec) -> Any:
        import pandas as pd

        names = [untagged(json.loads(name)) for name in spec["names"]]
        match spec["index"]:
            case "multi":
                return pd.MultiIndex.from_arrays(
                    [self.values(level) for level in spec["levels"]], names=names
                )
            case "range":
                start, stop, step = (int(n) for n in spec["of"])
                rows = pd.RangeIndex(start, stop, step, name=names[0])
                if len(rows) > MOST_CELLS:
                    raise ArgumentError(f"The frame says that it has {len(rows)} rows.")
                return rows
            case _:
                values = self.values(spec["values"])
                made: Any = pd.Index(values, dtype=values.dtype, tupleize_cols=False, name=names[0])
                if spec["freq"] is not None:
                    made = type(made)(made, freq=str(spec["freq"])[:40])
                return made

    def column(self, spec: Spec, index: Any) -> Any:
        import pandas as pd

        values = self.values(spec)
        return pd.Series(values, index=index, dtype=values.dtype)  # it would guess otherwise

    def values(self, spec: Spec) -> Any:
        import numpy as np
        import pandas as pd

        kept, kind = self._at(spec["at"]), spec["as"]
        match kind:
            case "numbers":
                return _numbers(kept, spec["dtype"])
            case "objects":
                made = np.empty(len(kept), object)
                for place, text in enumerate(kept):
                    made[place] = untagged(json.loads(text))
                return made
            case "category":
                dtype = pd.CategoricalDtype(self.index(spec["of"]), ordered=bool(spec["ordered"]))
                return pd.Categorical.from_codes(kept, dtype=dtype)
            case "zoned":
                moments = kept.view(f"M8[{_UNITS[spec['unit']]}]")
                return pd.DatetimeIndex(moments, tz="UTC").tz_convert(str(spec["zone"])).array
            case "period":
                dtype = pd.PeriodDtype(str(spec["freq"])[7:40].rstrip("]"))
                return pd.PeriodIndex.from_ordinals(kept, freq=dtype.freq).array
            case "text":
                na = pd.NA if spec["na"] == "NA" else np.nan
                dtype = pd.StringDtype(spec["storage"], na_value=na)
                return pd.array(kept, dtype=dtype)
            case _:
                values = _numbers(kept, _MASKED[kind])
                mask = self._at(spec["mask"]).astype(bool)
                makers = {"b": pd.arrays.BooleanArray, "f": pd.arrays.FloatingArray}
                return makers.get(values.dtype.kind, pd.arrays.IntegerArray)(values, mask)


_UNITS = {unit: unit for unit in ("s", "ms", "us", "ns")}


def _numbers(kept: Any, name: Any) -> Any:
    import numpy as np

    dtype = np.dtype(str(name)[:20])
    if dtype.kind not in "biufmM" or dtype.itemsize > 8:
        raise ArgumentError(f"{str(name)[:20]!r} is no number.")
    if dtype.kind in "mM":
        return kept.view(dtype.newbyteorder("=")).astype(dtype)
    if dtype.kind == "f":
        return kept.view(f"f{dtype.itemsize}").astype(dtype)
    return kept.astype(dtype)


def _columns(data: bytes, rows: int) -> dict[str, Any]:
    """Read a Parquet file whole, unless it holds more than it should."""
    import numpy as np

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "frame.parquet"
        path.write_bytes(data)
        source = f"read_parquet({quoted(path)})"
        try:
            with opened(**_LIMITS) as db:
                _bound(db, source, rows)
                found: dict[str, Any] = db.execute(f"SELECT * FROM {source}").fetchnumpy()
        except failures() as error:
            said = str(error).partition("\n")[0][:120]
            raise ArgumentError(f"The frame cannot be read: {said}.") from None
    for name, values in found.items():
        if isinstance(values, np.ma.MaskedArray):
            found[name] = values.data
            if values.dtype == object:
                found[name][values.mask] = None
    return found


def _bound(db: Any, source: str, rows: int) -> None:
    described = db.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
    (count,) = db.execute(f"SELECT count(*) FROM {source}").fetchone()
    if count != rows or count * len(described) > MOST_CELLS:
        raise ArgumentError(f"The frame holds {count} rows, of {str(rows)[:20]}.")
    for name, kind, *_ in described:
        # A stranger's name may be more than a name, once it stands in a statement.
        if not _COLUMN.fullmatch(name):
            raise ArgumentError(f"The frame holds a column {name[:40]!r}, which is none of ours.")
        if kind == "VARCHAR":
            asked = f"SELECT coalesce(sum(strlen({name})), 0) FROM {source}"
            (size,) = db.execute(asked).fetchone()
            if size > MOST_TEXT:
                raise ArgumentError(f"The frame holds {size} bytes of text.")
        elif kind not in _STORED:
            raise ArgumentError(f"The frame holds a column of {str(kind)[:40]}.")


_COLUMN = re.compile(r"c[0-9]{1,9}")
_STORED = (
    {"BOOLEAN"}
    | {f"{u}{n}INT" for u in ("", "U") for n in ("TINY", "SMALL", "BIG")}
    | {
        "INTEGER",
        "UINTEGER",
    }
)
