"""DataFrames of the record's views: built, and typed column by column, empty ones too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import store
from .engine import engine, quoted

if TYPE_CHECKING:
    import pandas as pd

TEXT = "str"
# Whole numbers and claims that may be missing: they stay what they are, and are not floats.
NUMBER = "Int64"
CLAIM = "boolean"
SHARE = "float64"
# Of the view `runs` and others: UTC, without a zone, as SQL gives it, so that both can be joined.
TIME = "datetime64[us]"
# A list of texts in each cell.
TEXTS = "object"

# Columns that hold one of a few words, which are all known, by view.
STATES = ("Waiting", "Running", "Success", "Error", "Canceled", "CutOff")
CLOSED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "nodes": {"state": STATES},
    "runs": {"state": STATES},
    "outbox": {"state": ("waiting", "running", "released", "failed", "lost")},
}


def _each(names: str, kind: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), kind)


_TOKENS = "input_tokens cache_read_tokens cache_write_tokens output_tokens reasoning_tokens"

# The columns of each view, and the type of each.
DTYPES: Mapping[str, Mapping[str, str]] = {
    "events": {
        **_each("run event body", TEXT),
        **_each("seq node", NUMBER),
        "time": TIME,
    },
    "functions": {
        **_each("fn version description kind effect source system prompt model", TEXT),
        **_each("args uses settings unhashed segment", TEXT),
        "first_called": TIME,
    },
    "environments": {
        **_each("segment python implementation platform packages git_head", TEXT),
        "git_dirty": CLAIM,
        "time": TIME,
    },
    "calls": {
        **_each("run provider model stop error", TEXT),
        **_each(f"node seq {_TOKENS}", NUMBER),
        "served": CLAIM,
        "seconds": SHARE,
        "time": TIME,
    },
    "messages": {
        **_each("run kind text fn tool_use_id args artifact", TEXT),
        **_each("node seq place", NUMBER),
        "is_error": CLAIM,
        "time": TIME,
    },
    "draws": {
        **_each("run kind name value", TEXT),
        **_each("node seq", NUMBER),
        "served": CLAIM,
        "time": TIME,
    },
    "approvals": {
        **_each("run kind question id asker answer answered_by known reason", TEXT),
        **_each("node seq", NUMBER),
        "is_answered": CLAIM,
        "seconds": SHARE,
        "time": TIME,
    },
    "artifacts": {
        **_each("run event artifact kind type", TEXT),
        **_each("node seq bytes", NUMBER),
    },
    "transactions": {
        **_each("run fn outcome state", TEXT),
        **_each("node base version reads writes", NUMBER),
        "ended": TIME,
    },
    "changes": {
        **_each("run fn outcome path before after", TEXT),
        **_each("node version", NUMBER),
        "ended": TIME,
    },
    "violations": {
        **_each("run fn rule gate field condition must value level action text", TEXT),
        **_each("node seq count most", NUMBER),
        "time": TIME,
    },
    "signals": {
        **_each("run state fn key path value", TEXT),
        **_each("node version", NUMBER),
        "ended": TIME,
    },
    "workflow_steps": {
        **_each("run workflow state entry outcome event next", TEXT),
        **_each("node nth count", NUMBER),
        **_each("began ended", TIME),
    },
    "outbox": {
        **_each("run of key fn inputs state", TEXT),
        **_each("node nth", NUMBER),
        "time": TIME,
    },
    "nodes": {
        **_each("run fn kind key version provider model effect inputs state outputs", TEXT),
        **_each("error_type error served_from tool_use_id", TEXT),
        **_each("node parent", NUMBER),
        **_each("opened started ended", TIME),
        "served": CLAIM,
        "seconds": SHARE,
    },
    "usage": {
        **_each("run provider model", TEXT),
        **_each(f"node requests served {_TOKENS}", NUMBER),
    },
    "runs": {
        **_each("run fn kind version key state error_type error inputs outputs provider", TEXT),
        **_each("model of how mode policies notebook cell segment note title", TEXT),
        "tags": TEXTS,
        **_each(
            "nodes failed requests served input_tokens output_tokens seed execution_count", NUMBER
        ),
        **_each("opened ended", TIME),
        "is_live": CLAIM,
        "seconds": SHARE,
    },
}


def of_run(view: str, folder: Path, run: str, order: str = "seq") -> pd.DataFrame:
    """Build the DataFrame of one run's rows of a view: `nodes`, `events`, `calls` and the others."""
    query = f"SELECT * FROM {view} WHERE run = {quoted(run)} ORDER BY {order}"
    return typed(store.sql(query, folder), view)


def made(rows: Sequence[Sequence[Any]], kinds: Mapping[str, str]) -> pd.DataFrame:
    """Build a DataFrame of rows, whose columns have these types, empty ones too."""
    engine(with_frames=True)
    import pandas as pd

    frame = pd.DataFrame(rows, columns=list(kinds), dtype=object)
    texts = TEXT if _has_text() else "object"
    return frame.astype({n: texts if kind == TEXT else kind for n, kind in kinds.items()})


def typed(frame: pd.DataFrame, view: str) -> pd.DataFrame:
    """Give a frame whose columns have the types of a view; others stay as they are."""
    kinds = {**DTYPES[view]} if _has_text() else {**DTYPES[view], **_objects(view)}
    known = {name: kind for name, kind in kinds.items() if name in frame.columns}
    return _closed(frame.astype(known), CLOSED.get(view, {}))


def _has_text() -> bool:
    """Say whether pandas has a type of text. Before its version 3 texts are objects."""
    import pandas as pd

    return int(pd.__version__.partition(".")[0]) >= 3


def _objects(view: str) -> dict[str, str]:
    return {name: "object" for name, kind in DTYPES[view].items() if kind == TEXT}


def _closed(frame: pd.DataFrame, words: Mapping[str, tuple[str, ...]]) -> pd.DataFrame:
    """Make categories of the columns whose words are all known."""
    import pandas as pd

    wanted = {
        name: pd.CategoricalDtype(pd.Index(known, dtype=TEXT if _has_text() else object))
        for name, known in words.items()
        if name in frame.columns
    }
    return frame.astype(wanted)
