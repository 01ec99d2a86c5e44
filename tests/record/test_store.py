"""The record asked with SQL."""

import threading

import pandas as pd
import pytest

from netflux_nb import ArgumentError, Runtime, agent, function
from netflux_nb.record.journal import Journal
from netflux_nb.record.reading import files
from netflux_nb.record.store import VIEWS, sql
from netflux_nb.testing import FakeClock, ScriptedModel, Turn, call, flaky


@function
def add(x: int, y: int) -> int:
    return x + y


@function
def boom() -> int:
    raise LookupError("it's gone")


one = agent("one(q: str)", "{q}", uses=[add, boom], model="scripted")


@pytest.fixture
def folder(tmp_path):
    """Two recorded runs: one of an agent, one that failed."""
    clock = FakeClock()
    script = [flaky(), Turn(thinking="hm", calls=[call("add", x=1, y=2), call("boom")]), "done"]
    with (
        Journal(tmp_path) as journal,
        Runtime(
            [one, boom],
            models={"scripted": ScriptedModel(script)},
            sink=journal,
            clock=clock,
            sleep=clock.sleep,
        ) as runtime,
    ):
        runtime.get_ctx().invoke(one, {"q": "it's?"}).wait()
        runtime.get_ctx().invoke(boom, {}).wait()
    return tmp_path


def test_runs_have_a_line_each(folder):
    found = sql("SELECT fn, state, nodes, requests, error FROM runs ORDER BY fn DESC", folder)
    assert found.fn.tolist() == ["one", "boom"]
    assert found.state.tolist() == ["Success", "Error"]
    assert found.nodes.tolist() == [3, 1]
    assert found.requests.iloc[0] == 2
    assert found.error.iloc[1] == "it's gone"


def test_nodes_messages_and_calls(folder):
    nodes = sql("SELECT fn, state, outputs, error_type FROM nodes ORDER BY run, node", folder)
    assert nodes.fn.tolist() == ["one", "add", "boom", "boom"]
    assert nodes.outputs.iloc[1] == "3"
    assert nodes.error_type.iloc[2] == "LookupError"
    kinds = sql("SELECT kind, text, fn FROM messages ORDER BY seq", folder)
    assert kinds.kind.tolist()[:3] == ["UserTextPart", "ThinkingBlockPart", "ToolUsePart"]
    assert kinds.text.iloc[0] == "it's?"
    calls = sql("SELECT stop, error, output_tokens FROM calls ORDER BY seq", folder)
    assert calls.stop.tolist() == ["error", "calls", "end"]
    assert calls.error.iloc[0] == "ModelError: Overloaded"
    usage = sql("SELECT provider, requests, output_tokens FROM usage", folder)
    assert usage.requests.tolist() == [2]
    assert usage.output_tokens.dtype.kind == "i"


def test_every_view_can_be_read_whole_and_empty(folder, tmp_path):
    for name in VIEWS:
        assert len(sql(f"SELECT * FROM {name}", folder)) > 0
        assert len(sql(f"SELECT * FROM {name}", tmp_path / "nothing")) == 0


def test_a_frame_is_joined_by_its_name(folder):
    prices = pd.DataFrame({"fn": ["one", "boom"], "cost": [2, 3]})
    found = sql(
        "SELECT sum(cost)::BIGINT AS c FROM runs JOIN prices USING (fn)", folder, {"prices": prices}
    )
    assert found.c.tolist() == [5]
    with pytest.raises(ArgumentError, match="'runs' is a view of the record"):
        sql("SELECT 1", folder, {"runs": prices})


def test_a_running_tree_is_seen_the_moment_it_is_written(tmp_path):
    go, begun = threading.Event(), threading.Event()

    @function
    def waits() -> int:
        begun.set()
        go.wait(20)
        return 1

    with Journal(tmp_path) as journal, Runtime([waits], sink=journal) as runtime:
        node = runtime.get_ctx().invoke(waits, {})
        assert begun.wait(20)
        journal.sync(timeout=20)
        assert sql("SELECT state FROM runs", tmp_path).state.tolist() == ["Running"]
        go.set()
        node.wait()
        journal.sync(timeout=20)
        assert sql("SELECT state FROM runs", tmp_path).state.tolist() == ["Success"]


def test_a_torn_line_and_a_strange_file_do_not_hide_the_rest(folder):
    path = files(folder)[0]
    path.write_bytes(path.read_bytes()[:-20])
    (folder / "strange.jsonl").write_bytes(b"\x00\xff not json\n{}\n[1]\n")
    assert len(sql("SELECT * FROM runs", folder)) == 2


def test_a_wrong_question_is_one_line(folder):
    with pytest.raises(ArgumentError, match="The record cannot answer") as caught:
        sql("SELECT nothing FROM runs", folder)
    assert "\n" not in str(caught.value)


def test_a_folder_with_a_quote_in_its_name(tmp_path):
    folder = tmp_path / "it's"
    with Journal(folder) as journal, Runtime([boom], sink=journal) as runtime:
        runtime.get_ctx().invoke(boom, {}).wait()
    assert sql("SELECT fn FROM runs", folder).fn.tolist() == ["boom"]
