"""The record asked with SQL."""

import subprocess
import sys
import threading
from contextlib import closing

import duckdb
import numpy as np
import pandas as pd
import pytest
from record_views import views

from netflux_nb import ArgumentError, RunContext, Runtime, agent, function
from netflux_nb.governance.approvals import Approvals
from netflux_nb.record.codecs.artifacts import Artifacts
from netflux_nb.record.journal import Journal
from netflux_nb.record.reading import files
from netflux_nb.record.retention import compact, delete
from netflux_nb.record.sql import store
from netflux_nb.record.sql.dataframes import DTYPES, typed
from netflux_nb.record.sql.sql_views import VIEWS
from netflux_nb.record.sql.store import names, sql
from netflux_nb.runtime.threads.waiting import questions
from netflux_nb.session import here
from netflux_nb.state import state, workflow
from netflux_nb.testing import FakeClock, ScriptedModel, Turn, call, flaky


@function
def add(x: int, y: int) -> int:
    return x + y


@function
def boom() -> int:
    raise LookupError("it's gone")


one = agent("one(q: str)", "{q}", uses=[add, boom], model="scripted")


@function(effect="shell")
def act(what: str) -> str:
    return what


@pytest.fixture
def asked(tmp_path):
    """One recorded run that has something of everything."""

    @function(needs_approval=True)
    def risky() -> int:
        return 1

    @function
    def told() -> int:
        return 1

    @function(writes=["n", "sig_up"], uses=[told])
    def counts(ctx: RunContext) -> int:
        ctx.domain.n += 1
        ctx.domain.sig_up = True
        bank.after(told)
        return 1

    day = workflow({"steps": [counts]}, name="day")

    @function(uses=[one, act, risky, day])
    def everything(ctx: RunContext) -> str:
        day()
        ctx.random.random()
        act(what="x" * 20_000)
        risky()
        return one(q="y" * 20_000)

    folder = tmp_path / "asked"
    models = {"scripted": ScriptedModel([call("add", x=1, y=2), "done"])}
    with (
        here.fresh(),
        Journal(folder) as journal,
        Runtime([everything], models=models, sink=journal, policies=[Approvals()]) as runtime,
    ):
        bank = state({"n": 0, "sig_up": False})
        bank.rule("n", max=0, level="I")
        node = runtime.get_ctx().invoke(everything, {})
        with closing(questions(node)) as asking:
            next(asking).approve(by="Ada")
        node.result(timeout=20)
    return folder


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


@pytest.mark.slow
def test_every_view_can_be_read_whole_and_empty(asked, tmp_path):
    for name in VIEWS:
        assert len(sql(f"SELECT * FROM {name}", asked)) > 0, name
        assert len(sql(f"SELECT * FROM {name}", tmp_path / "nothing")) == 0


@pytest.mark.slow
def test_every_view_is_the_same_once_the_files_are_packed(asked):
    before = {name: sql(f"SELECT * FROM {name} ORDER BY ALL", asked) for name in VIEWS}
    assert len(compact(asked)) == 1
    for name in VIEWS:
        after = sql(f"SELECT * FROM {name} ORDER BY ALL", asked)
        pd.testing.assert_frame_equal(after, before[name])


# What people write their questions with.
COLUMNS = {
    "events": "run seq time node event body",
    "functions": (
        "fn version description kind effect source system prompt model args uses settings "
        "unhashed first_called segment"
    ),
    "environments": "segment time python implementation platform packages git_head git_dirty",
    "calls": (
        "run node seq time provider model stop seconds served input_tokens "
        "cache_read_tokens cache_write_tokens output_tokens reasoning_tokens error"
    ),
    "messages": "run node seq place time kind text fn tool_use_id args is_error artifact",
    "draws": "run node seq time kind name value served",
    "approvals": (
        "run node seq time kind question id asker is_answered answer answered_by known "
        "reason seconds"
    ),
    "artifacts": "run node seq event artifact kind bytes type",
    "transactions": "run node fn outcome state base version reads writes ended",
    "changes": "run node fn outcome version path before after ended",
    "violations": (
        "run node seq time fn rule gate field condition must value level count most action text"
    ),
    "outbox": "run node of key nth fn inputs state time",
    "signals": "run node state fn key path value version ended",
    "workflow_steps": ("run node workflow nth state entry outcome event next count began ended"),
    "nodes": (
        "run node parent fn kind key version provider model effect inputs state outputs "
        "error_type error opened started ended seconds served served_from tool_use_id"
    ),
    "usage": (
        "run node provider model requests served input_tokens cache_read_tokens "
        "cache_write_tokens output_tokens reasoning_tokens"
    ),
    "runs": (
        "run fn kind version key state opened ended seconds error_type error inputs "
        "outputs nodes failed requests served input_tokens output_tokens provider model of how "
        "mode seed policies notebook cell execution_count is_live segment tags note title"
    ),
}


def test_the_columns_of_each_view_stay_as_they_were(tmp_path):
    assert {
        name: " ".join(sql(f"SELECT * FROM {name} LIMIT 0", tmp_path).columns) for name in VIEWS
    } == COLUMNS


def test_every_column_has_a_type_and_a_part_of_a_view_has_those_of_its_columns(asked):
    assert {name: set(kinds) for name, kinds in DTYPES.items()} == {
        name: set(words.split()) for name, words in COLUMNS.items()
    }
    part = typed(sql("SELECT seconds, node, 1 AS more FROM approvals", asked), "approvals")
    assert part.dtypes.astype(str).to_dict() == {
        "seconds": DTYPES["approvals"]["seconds"],
        "node": DTYPES["approvals"]["node"],
        "more": "int32",
    }


@pytest.mark.slow
def test_columns_need_no_quotes(asked):
    with duckdb.connect(":memory:") as db:
        words = dict(
            db.execute("SELECT keyword_name, keyword_category FROM duckdb_keywords()").fetchall()
        )
    for name in VIEWS:
        columns = list(sql(f"SELECT * FROM {name} LIMIT 0", asked).columns)
        assert [c for c in columns if words.get(c) == "reserved"] == []
        assert len(set(columns)) == len(columns)
        sql(f"SELECT {', '.join(columns)} FROM {name}", asked)


def test_every_view_says_what_it_is_and_whose(asked):
    for name, view in VIEWS.items():
        assert view.about.endswith(".")
        columns = set(sql(f"SELECT * FROM {name} LIMIT 0", asked).columns)
        assert columns & {"run", "segment"}, name
        if name not in ("runs", "functions", "environments"):
            assert {"run", "node"} <= columns


def test_runs_say_how_they_were_begun(asked):
    found = sql("SELECT * FROM runs", asked).iloc[0]
    assert (found.fn, found.kind, found["mode"], found.is_live) == (
        "everything",
        "code",
        "live",
        False,
    )
    assert isinstance(found.seed, (int, np.integer))
    assert found.of is None or pd.isna(found.of)
    assert (found.provider, found.model) == ("scripted", "scripted")
    nodes = sql("SELECT fn, version, effect, model, served FROM nodes", asked).set_index("fn")
    assert len(nodes.loc["add", "version"]) == 32
    assert nodes.loc["act", "effect"] == "shell"
    assert not nodes.served.any()
    known = sql("SELECT fn, version, effect, source FROM functions", asked).set_index("fn")
    assert known.loc["act", "effect"] == "shell"
    assert "def act" in known.loc["act", "source"]
    assert known.loc["add", "version"] == nodes.loc["add", "version"]


def test_draws_approvals_and_artifacts(asked):
    drawn = sql("SELECT kind, value FROM draws ORDER BY seq", asked)
    assert drawn.kind.tolist()[:2] == ["events", "random"]
    found = sql("SELECT * FROM approvals", asked).iloc[0]
    assert (found.kind, found.is_answered, found.answer) == ("approval", True, "true")
    assert found.answered_by == "Ada"
    kept = sql("SELECT artifact, kind, bytes, event FROM artifacts", asked)
    digests = [digest for digest, _ in Artifacts(asked)]
    assert sorted(kept.artifact.unique()) == digests
    text = sql("SELECT text, artifact FROM messages WHERE artifact IS NOT NULL LIMIT 1", asked)
    assert text.text.isna().all()
    assert text.artifact.iloc[0] in digests


def test_usage_is_of_a_node_and_of_a_run(asked):
    nodes = sql("SELECT u.requests, fn FROM usage u JOIN nodes USING (run, node)", asked)
    assert nodes.fn.tolist() == ["one"]
    runs = sql("SELECT run, sum(requests)::BIGINT AS n FROM usage GROUP BY run", asked)
    assert runs.n.tolist() == sql("SELECT requests FROM runs", asked).requests.tolist()


def test_what_belongs_to_a_file_is_no_run(asked):
    segment = files(asked)[0].stem
    assert sql("SELECT DISTINCT run FROM events", asked).run.tolist() == [f"{segment}-1.1"]
    assert sql("SELECT segment FROM runs", asked).segment.tolist() == [segment]
    assert sql("SELECT segment FROM environments", asked).segment.tolist() == [segment]


@pytest.mark.slow
@pytest.mark.parametrize("is_packed", [False, True])
def test_a_deleted_run_is_not_seen(folder, is_packed):
    if is_packed:
        compact(folder)
    run = sql("SELECT run FROM runs WHERE fn = 'boom'", folder).run.iloc[0]
    delete(folder, run)
    for name in ("runs", "nodes", "events", "messages", "calls", "usage"):
        assert run not in sql(f"SELECT run FROM {name}", folder).run.tolist()
    assert sql("SELECT fn FROM runs", folder).fn.tolist() == ["one"]


@pytest.mark.slow
def test_a_file_that_is_no_parquet_hides_nothing(folder):
    compact(folder)
    (folder / "strange.parquet").write_bytes(b"PAR1 nothing PAR1")
    (folder / "empty.parquet").write_bytes(b"")
    (folder / "folder.parquet").mkdir()
    with duckdb.connect(":memory:") as db:
        other = folder / "other.parquet"
        db.execute(f"COPY (SELECT 'x' AS run, 5 AS line) TO '{other}' (FORMAT parquet)")
        spoilt = folder / "spoilt.parquet"
        whole = files(folder)[0]
        db.execute(
            f"COPY (SELECT * REPLACE ('no json' AS line) FROM read_parquet('{whole}')) "
            f"TO '{spoilt}' (FORMAT parquet)"
        )
    assert len(sql("SELECT * FROM runs", folder)) == 2


ODD = [
    '{"v":1,"run":"r-1","seq":1,"time":1e300,"node":1,"event":"NodeOpened","parent":null,"fn":"f"}',
    '{"v":1,"run":"r-1","seq":"x","time":"y","node":[],"event":"NodeOpened","fn":{"a":1}}',
    '{"v":1,"run":"r-1","seq":3,"time":1,"node":1,"event":"RequestEnded","spent":{"seconds":"x",'
    '"served":"perhaps","usage":{"input_tokens_total":1e30,"output_tokens_total":"many"}}}',
    '{"v":1,"run":"r-1","seq":4,"time":1,"node":1,"event":"RequestEnded","spent":7}',
    '{"v":1,"run":"r-1","seq":5,"time":1,"node":1,"event":"PartAdded","part":[1]}',
    '{"v":1,"run":"r-1","seq":6,"time":1,"node":1,"event":"TranscriptSet","parts":5}',
    '{"v":1,"run":"r-1","seq":7,"time":1,"node":1,"event":"RunBegan","info":{"json":{"seed":1e40}}}',
    '{"v":1,"run":"r","time":1,"event":"Function","name":5,"version":[]}',
    '{"v":1,"run":"r","time":null,"event":"Environment","git":{"dirty":"rather"}}',
    '{"v":1,"run":"r-1","seq":8,"time":1,"node":1,"event":"NodeWaits","on":5}',
    '{"event":5,"run":{"a":1},"seq":1}',
]


@pytest.mark.slow
def test_lines_that_say_odd_things_hide_no_others(folder):
    (folder / "odd.jsonl").write_text("\n".join(ODD) + "\n")
    for name in VIEWS:
        sql(f"SELECT * FROM {name}", folder)
    assert {"one", "boom"} <= set(sql("SELECT fn FROM runs", folder).fn)


@pytest.mark.slow
def test_a_very_long_line_is_asked_too_and_an_endless_one_hides_no_other(folder):
    path = files(folder)[0]
    path.write_text(
        path.read_text().replace('"code","desc":"boom', '"code","desc":"' + "x" * 17_000_000, 1)
    )
    found = sql("SELECT max(strlen(description)) AS n FROM functions", folder)
    assert found.n.iloc[0] == 17_000_000
    with (folder / "endless.jsonl").open("wb") as file:
        file.truncate(140_000_000)
    assert len(sql("SELECT * FROM runs", folder)) == 2


def test_a_question_about_files_that_are_packed_under_it_is_asked_again(folder, monkeypatch):
    found = store.source_of(folder)
    stale = iter([found, found])
    real = store.source_of
    compact(folder)
    monkeypatch.setattr(store, "source_of", lambda *args: next(stale, None) or real(*args))
    next(stale)
    assert len(sql("SELECT * FROM runs", folder)) == 2


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
        assert journal.sync() is None
        assert sql("SELECT state FROM runs", tmp_path).state.tolist() == ["Running"]
        go.set()
        node.wait()
        assert journal.sync() is None
        assert sql("SELECT state FROM runs", tmp_path).state.tolist() == ["Success"]


def test_a_torn_line_and_a_strange_file_do_not_hide_the_rest(folder):
    path = files(folder)[0]
    path.write_bytes(path.read_bytes()[:-20])
    (folder / "strange.jsonl").write_bytes(b"\x00\xff not json\n{}\n[1]\n")
    assert len(sql("SELECT * FROM runs", folder)) == 2


def test_a_wrong_question_is_shown_in_four_lines(folder):
    with pytest.raises(ArgumentError, match="The record cannot answer") as caught:
        sql("SELECT fn,\n nothing\n FROM runs", folder)
    what, advice, line, caret = str(caught.value).splitlines()
    assert what.endswith('"nothing" not found in FROM clause!')
    assert advice.startswith("Candidate bindings: ")
    assert line == "LINE 2:  nothing"
    assert line[caret.index("^") :] == "nothing"


def test_a_folder_with_a_quote_in_its_name(tmp_path):
    folder = tmp_path / "it's"
    with Journal(folder) as journal, Runtime([boom], sink=journal) as runtime:
        runtime.get_ctx().invoke(boom, {}).wait()
    assert sql("SELECT fn FROM runs", folder).fn.tolist() == ["boom"]


@pytest.mark.parametrize("is_packed", [False, True])
@pytest.mark.slow
def test_sql_and_views_say_the_same(asked, folder, is_packed):
    for place in (asked, folder):
        if is_packed:
            compact(place)
        columns = "node, parent, fn, kind, key, state, error_type, outputs, served"
        rows = sql(f"SELECT {columns} FROM nodes ORDER BY run, node", place)
        seen = sorted((view.id, view) for root in views(place) for _, view in root.walk())
        assert rows.node.tolist() == [node for node, _ in seen]
        for row, (_, view) in zip(rows.itertuples(), seen, strict=True):
            assert (row.fn, row.key, row.state) == (view.fn.name, view.key, view.state.value)
            assert (row.kind == "agent") == view.fn.is_agent()
            assert row.served == view.served
            if isinstance(view.outputs, int):
                assert row.outputs == str(view.outputs)
        tokens = sum(v.usage.total for r in views(place) for _, v in r.walk() if v.usage)
        used = sql("SELECT sum(input_tokens + output_tokens)::BIGINT AS n FROM usage", place)
        assert used.n.tolist() == [tokens]


@pytest.mark.slow
def test_a_question_shows_nothing_of_its_own_where_somebody_types(tmp_path):
    code = (
        "from netflux_nb.record.sql import engine, store\n"
        f"asked = 'SELECT current_setting(\\'enable_progress_bar\\') AS shown'\n"
        f"print(store.sql(asked, {str(tmp_path)!r})['shown'].tolist())\n"
        "print(engine.engine().execute(asked).fetchall())\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    # DuckDB's own would show a bar there.
    assert said == ["[False]", "[(True,)]"]


def test_runs_are_named_newest_first_without_more(folder):
    everything = sql("SELECT run FROM runs ORDER BY opened DESC, run DESC", folder)
    assert len(everything) == 2
    assert names(folder) == everything.run.tolist()
    assert names(folder, "it's.ipynb") == []
    delete(folder, names(folder)[0])
    assert names(folder) == everything.run.tolist()[1:]
