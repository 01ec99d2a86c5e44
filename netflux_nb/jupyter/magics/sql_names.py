"""The names of a `%%nfsql` query: DataFrames of the notebook and views of the record."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from ...record.sql.sql_views import VIEWS
from ...record.sql.store import sql

_WORD = re.compile(r"\w+")
_PLACE = re.compile(r"^LINE (\d+): ", re.MULTILINE)


def frames_in(query: str, names: Mapping[str, Any]) -> dict[str, Any]:
    """Give the DataFrames of a notebook that a question names."""
    found = {}
    for word in set(_WORD.findall(query)) & names.keys():
        kind = type(names[word])
        is_frame = kind.__module__.split(".")[0] in ("pandas", "polars", "pyarrow")
        if is_frame and hasattr(names[word], "columns") and word.lower() not in VIEWS:
            found[word] = names[word]
    return found


@lru_cache(maxsize=1)
def _columns() -> dict[str, list[str]]:
    with tempfile.TemporaryDirectory() as empty:
        return {view: list(sql(f"SELECT * FROM {view} LIMIT 0", empty).columns) for view in VIEWS}


def columns(view: str) -> list[str]:
    """Name the columns of a view of the record."""
    return _columns().get(view, [])


def with_cell_line(said: str, above: int | None) -> str:
    """Let what is said of a line of SQL name the cell's line; `above` is None for a magic's own."""
    found = _PLACE.search(said)
    if found is None:
        return said
    new = "  " if above is None else f"Line {int(found[1]) + above}: "
    before, [line, *below] = said[: found.start()], said[found.end() :].split("\n")
    # The caret below stands behind as many spaces.
    moved = [" " * len(new) + row[len(found[0]) :] for row in below]
    return "\n".join([f"{before}{new}{line}", *moved])
