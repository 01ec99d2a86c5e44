"""The types of frames: declared as data, the same for empty ones (issue: proper dtypes)."""

import pandas as pd
import pytest

from netflux_nb.record.sql import store
from netflux_nb.record.sql.dataframes import CLOSED, DTYPES, TEXT, typed
from netflux_nb.record.sql.sql_views import VIEWS

# Before its version 3 pandas has no type of text.
TEXTS = TEXT if pd.__version__ >= "3" else "object"


def test_every_view_has_its_types():
    assert DTYPES.keys() == VIEWS.keys()


@pytest.mark.parametrize("view", VIEWS)
def test_every_column_of_a_view_has_a_type_even_where_there_is_no_row(view, tmp_path):
    raw = store.sql(f"SELECT * FROM {view}", tmp_path)

    frame = typed(raw, view)

    assert set(raw.columns) == set(DTYPES[view])
    for name, kind in DTYPES[view].items():
        wanted = "category" if name in CLOSED.get(view, {}) else TEXTS if kind == TEXT else kind
        assert str(frame[name].dtype) == wanted, name


def test_what_is_missing_is_missing_and_numbers_stay_whole():
    raw = pd.DataFrame(
        {
            "run": ["r", "r"],
            "node": [1, 2],
            "parent": [None, 1],
            "served": [True, None],
            "state": ["Success", "Waiting"],
            "error": ["odd", None],
        }
    )

    frame = typed(raw, "nodes")

    assert frame["parent"].isna().tolist() == [True, False]
    assert frame["parent"].sum() == 1
    assert str(frame["parent"].dtype) == "Int64"
    assert frame["served"].isna().tolist() == [False, True]
    assert list(frame["state"].cat.categories)[2] == "Success"
    assert frame["error"].isna().tolist() == [False, True]


def test_the_state_of_a_kernel_is_no_state_of_a_node():
    raw = pd.DataFrame({"run": ["r"], "node": [1], "state": ["bank"]})

    assert typed(raw, "transactions")["state"].tolist() == ["bank"]
    assert typed(raw.assign(state="lost"), "outbox")["state"].tolist() == ["lost"]
