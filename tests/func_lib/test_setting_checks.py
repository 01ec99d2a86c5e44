"""A setting that makes no sense is told when the Function is made, in one line."""

import pandas as pd
import pytest

from netflux_nb import FunctionError, agent
from netflux_nb.func_lib import (
    Bash,
    Ensemble,
    Fallback,
    Python,
    QueryError,
    QueryFrames,
    Retry,
    SearchFiles,
    ThinkMore,
    from_mcp,
)

ask = agent("ask(question: str) -> str", "{question}")
FRAME = pd.DataFrame({"a": [1]})

WRONG = {
    "bash, time as text": (lambda: Bash(timeout_s="5"), "timeout_s is '5'"),
    "bash, no time": (lambda: Bash(timeout_s=0), "timeout_s is 0"),
    "bash, time without end": (lambda: Bash(timeout_s=float("inf")), "timeout_s is inf"),
    "bash, environment": (lambda: Bash(env={"LEVEL": 1}), "env has 1 for 'LEVEL'"),
    "bash, readable as text": (lambda: Bash(readable="/srv"), "readable is '/srv'"),
    "python, time": (lambda: Python(timeout_s=-1), "timeout_s is -1"),
    "search, time": (lambda: SearchFiles(timeout_s=-1), "timeout_s is -1"),
    "search, time as text": (lambda: SearchFiles(timeout_s="1"), "timeout_s is '1'"),
    "frames, one alone": (lambda: QueryFrames(FRAME), "by name.*got DataFrame"),
    "frames, a list": (lambda: QueryFrames([FRAME]), "got list"),
    "frames, nothing": (lambda: QueryFrames(None), "got NoneType"),
    "frames, a number": (lambda: QueryFrames({"a": 3}), "'a' is int, no DataFrame"),
    "frames, time": (lambda: QueryFrames({}, timeout_s="x"), "timeout_s is 'x'"),
    "frames, memory": (lambda: QueryFrames({}, memory_mb=-1), "memory_mb is -1"),
    "frames, threads": (lambda: QueryFrames({}, threads=0), "threads is 0"),
    "ensemble, a number": (lambda: Ensemble(ask, 2), "`instances` says how many"),
    "ensemble, a list": (lambda: Ensemble(ask, ["gemini"]), "`instances` says how many"),
    "ensemble, may fail": (
        lambda: Ensemble(ask, {"gemini": 2}, allow_fail=1),
        "`allow_fail` says how many",
    ),
    "ensemble, who": (lambda: Ensemble(ask, {"gemini": 2}, reconcile_by=3), "got 3"),
    "retry, no class": (lambda: Retry(ask, on=5), "`on` holds the classes.*got 5"),
    "fallback, a number": (lambda: Fallback(ask, 3), "`providers` is a list, got 3"),
    "second look, who": (lambda: ThinkMore(ask, provider=3), "got 3"),
    "mcp, a number": (lambda: from_mcp(3), "list of texts"),
}


@pytest.mark.parametrize(("make", "told"), WRONG.values(), ids=WRONG)
def test_a_wrong_setting_is_one_line(make, told):
    with pytest.raises((FunctionError, QueryError), match=told) as caught:
        make()

    assert "\n" not in str(caught.value)


def test_frames_may_be_anything_that_duckdb_reads():
    pytest.importorskip("duckdb", minversion="2.0")
    query = QueryFrames({"a": FRAME, "b": FRAME["a"].to_frame()})

    assert query(sql="SELECT count(*) AS n FROM a, b") == "n\n-\n1\n(1 row)"


def test_an_error_in_a_query_names_its_own_line():
    pytest.importorskip("duckdb", minversion="2.0")
    query = QueryFrames({"sales": FRAME})

    with pytest.raises(ValueError, match=r"LINE 1: SELECT a FROM sale\n") as one:
        query(sql="SELECT a FROM sale")
    with pytest.raises(ValueError, match=r"LINE 2: FROM sale\n"):
        query(sql="SELECT a\nFROM sale")

    assert "There is: sales." in str(one.value)
