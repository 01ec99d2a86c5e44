"""One handle for a run, live and stored; the runs of a record."""

import asyncio
import json
import math
import os
import subprocess
import sys
import textwrap
import threading
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import netflux_nb
from netflux_nb import (
    Approvals,
    ArgumentError,
    NetfluxError,
    NodeState,
    NoNodeError,
    Runtime,
    agent,
    function,
    runs,
    session,
    sql,
)
from netflux_nb.core.errors import RecordError
from netflux_nb.record.sql.engine import connected
from netflux_nb.run import Run
from netflux_nb.show import diffs
from netflux_nb.testing import ScriptedModel


@function
def count(text: str) -> int:
    """Count words."""
    return len(text.split())


title = agent("title(text: str)", "Title of {text}", uses=[count], model="scripted")


@function(uses=[title, count])
def study(texts: list[str]) -> list[str]:
    """Name all texts."""
    return [f"{title(text=t)} {count(text=t)}" for t in texts]


def echo(request):
    return f"<{request.parts[0].text}>"


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A default runtime that records into a folder of this test."""
    monkeypatch.setenv("NETFLUX_HOME", str(tmp_path / "store"))
    models = {"scripted": ScriptedModel(echo)}
    with Runtime(is_open=True, models=models, policies=[Approvals()]) as runtime:
        netflux_nb.use(runtime)
        yield tmp_path / "store"
    session.close_records()


def test_start_gives_a_run_and_a_call_gives_the_value(store):
    run = study.start(["a", "b c"])
    assert isinstance(run, Run)
    assert run.result() == ["<Title of a> 1", "<Title of b c> 2"] == study(["a", "b c"])
    assert run.state is NodeState.Success
    assert run.folder == store
    assert len(runs) == 2


def test_a_stored_run_is_asked_like_a_live_one(store):
    live = study.start(["a", "b"]).wait()
    stored = runs[live.id]
    assert stored.result() == live.result()
    assert str(stored.tree()) == str(live.tree())
    assert str(stored.bill()) == str(live.bill())
    assert repr(stored) == repr(live)
    assert stored.diff(live).is_same
    with pytest.raises(NoNodeError, match="known from the record only"):
        stored.cancel()


def test_what_was_done_is_visible_at_once(store):
    run = study.start(["a"]).wait()
    frame = runs.df
    assert list(frame["state"]) == ["Success"]
    assert list(frame["run"]) == [run.id]
    assert len(run.nodes_df) == 3
    assert set(run.events_df["event"]) >= {"NodeOpened", "RunBegan", "RequestEnded", "NodeClosed"}
    assert list(run.calls_df["provider"]) == ["scripted"]
    assert list(run.messages_df["kind"]) == ["UserTextPart", "ModelTextPart"]
    assert len(run.usage_df) == 1
    assert len(run.artifacts_df) == 0


def test_p5_sql_joins_the_record_with_frames_by_name(store):
    study.start(["a", "b"]).wait()
    ours = pd.DataFrame({"fn": ["title", "count"], "kind_of_work": ["model", "code"]})
    found = sql(
        "SELECT o.kind_of_work, count(*)::BIGINT AS n FROM nodes JOIN ours o USING (fn) "
        "GROUP BY ALL ORDER BY 1",
        ours=ours,
    )
    assert found.values.tolist() == [["code", 2], ["model", 2]]


def test_a_large_value_stands_in_a_file_of_its_own(store):
    @function
    def much(n: int) -> str:
        return "x" * n

    big, small = much.start(100_000).wait(), much.start(10).wait()
    assert len(big.artifacts_df) == 1
    assert len(small.artifacts_df) == 0
    assert runs[big.id].result() == "x" * 100_000
    path = next((store / "artifacts").rglob("*/*"))
    assert big.verify() == ()
    path.write_bytes(b"another")
    assert "artifact" in str(big.verify()).lower()
    assert small.verify() == ()


def test_half_of_a_pair_hides_no_row(store):
    half = os.fsdecode(b"caf\xe9.txt")
    run = study.start([half, "\U0001f600", "\\ud800"]).wait()

    assert len(run.nodes_df) == 7
    assert runs[run.id].view().inputs == {"texts": [half, "\U0001f600", "\\ud800"]}
    assert runs[run.id].result() == run.result()
    assert run.messages_df["text"].notna().sum() == 4
    assert run.verify() == ()
    assert title.preview(text=half).tokens[0] > 0


def test_a_frame_comes_back_from_the_record(store):
    table = pd.DataFrame({"a": [1, 2], "b": ["x", None]}, index=[7, 9])

    @function
    def make() -> object:
        return table

    run = make.start().wait()
    pd.testing.assert_frame_equal(runs[run.id].result(), table)
    done = run.replay(make)
    assert done.is_same
    assert done.diff.is_same


def test_a_key_is_taken_out_before_it_is_written_and_marked(store, monkeypatch):
    key = "sk-ant-api03-" + "A1b2C3d4" * 4
    monkeypatch.setenv("HOUSE_TOKEN", "open-sesame-77")

    @function
    def leak() -> str:
        return f"the key is {key}, the word is open-sesame-77"

    teller = agent("teller(x: str)", "{x}", uses=[leak], model="scripted")
    run = teller.start(x=f"use {key}").wait()
    inner = leak.start().wait()
    written = b"".join(p.read_bytes() for p in store.rglob("*") if p.is_file())
    assert key.encode() not in written
    assert b"open-sesame-77" not in written
    assert (
        runs[inner.id].result() == "the key is [redacted key], the word is [redacted HOUSE_TOKEN]"
    )
    assert run.secrets_scan().is_clean
    assert inner.secrets_scan().redacted == 2
    assert not run.secrets_scan({"TITLE_TOKEN": "[redacted key]"}).is_clean
    assert run.replay(teller).is_same


def test_f74_a_run_that_was_cancelled_goes_on(store):
    asked = []

    def slow(request):
        asked.append(request.parts[0].text)
        if request.parts[0].text == "Title of b" and len(asked) == 2:
            run.cancel("enough")
        return echo(request)

    models = {"scripted": ScriptedModel(slow)}
    with Runtime(is_open=True, models=models) as runtime:
        netflux_nb.use(runtime)
        run = study.start(["a", "b"])
        run.wait()
        assert run.state is NodeState.Canceled
        done = run.replay(study)
        assert done.is_same, str(done)
        again = run.resume(study)
        assert again.result() == ["<Title of a> 1", "<Title of b> 1"]
    assert asked.count("Title of a") == 1


def test_p8_a_fork_from_a_node_by_its_path(store):
    run = study.start(["a", "b"]).wait()
    fork = run.node("study/title[2]").fork(prompt="Name of {text}", root=study)
    assert fork.result() == ["<Title of a> 1", "<Name of b> 1"]
    found = run.diff(fork)
    assert found.first.path == "study/title[2]"
    assert "Name of" in str(found.df["right"].tolist())
    with pytest.raises(ArgumentError, match=r"no title\[3\] below study\(\)"):
        run.node("title[3]")
    with pytest.raises(ArgumentError, match="is code and has no prompt"):
        run.node("count").fork(prompt="x")


def test_a_fork_whose_call_is_not_made_again_does_not_pass_for_one(store):
    run = study.start(["a", "b"]).wait()

    @function(name="study", uses=[title, count])
    def other(texts: list[str]) -> list[str]:
        return [title(text="a")]

    fork = run.node("study/title[2]").fork(args={"text": "z"}, root=other)
    with pytest.raises(ArgumentError, match=r"changed nothing: 'study/title\[2\]' was not called"):
        fork.result()
    done = fork.replay(other)
    assert done.is_same, str(done)


def test_p16_a_rerun_pays_for_what_is_missing(store):
    run = study.start(["a", "b"]).wait()
    again = run.rerun(study, texts=["a", "b", "c"])
    assert again.result()[2] == "<Title of c> 1"
    assert sum(line.requests for line in again.bill().lines if not line.served) == 1


def test_a_person_answers_through_the_run(store):
    @function(needs_approval=True)
    def spend() -> str:
        return "spent"

    run = spend.start()
    (waiting,) = run.pending()
    assert waiting.fn is spend
    run.approve(by="ada")
    assert run.result() == "spent"
    with pytest.raises(NoNodeError, match="No Node of this run waits for an approval"):
        run.approve()
    other = spend.start()
    other.reject("too dear", by="ada")
    assert other.wait().state is NodeState.Error
    assert "too dear" in str(runs[other.id].view().exception)


def test_a_run_is_awaited(store):
    async def main():
        return await study.start(["a"])

    assert asyncio.run(main()) == ["<Title of a> 1"]


def test_a_bundle_shows_and_replays_a_run_elsewhere(store, tmp_path):
    run = study.start(["a", "b" * 40_000]).wait()
    path = run.export(tmp_path / "study.nfrun")
    with pytest.raises(ArgumentError, match=r"ends in \.nfrun"):
        run.export(tmp_path / "study.zip")
    opened = netflux_nb.open_run(path)
    assert str(opened.tree()) == str(run.tree())
    assert opened.diff(run).is_same
    assert opened.replay(study).is_same
    assert len(opened.nodes_df) == 5


def test_p3_calls_below_are_served_from_a_bundle(store, tmp_path):
    path = study.start(["a"]).wait().export(tmp_path / "one.nfrun")

    def nobody(request):
        raise AssertionError("a model was asked")

    with Runtime(is_open=True, models={"scripted": ScriptedModel(nobody)}) as runtime:
        netflux_nb.use(runtime)
        with netflux_nb.serve(path) as serving:
            assert study(["a"]) == ["<Title of a> 1"]
            assert study(["a"]) == ["<Title of a> 1"]
            with pytest.raises(netflux_nb.NetfluxError, match=r"one.nfrun holds no call study\("):
                study(["b"])
            assert "one.nfrun" in repr(serving)


def test_a_recording_within_another_ends_and_the_outer_one_goes_on(store, tmp_path):
    first = study.start(["a"]).wait().export(tmp_path / "first.nfrun")
    second = title.start("b").wait().export(tmp_path / "second.nfrun")

    with netflux_nb.serve(first) as outer:
        with netflux_nb.serve(second):
            assert title(text="b") == "<Title of b>"
        with pytest.raises(netflux_nb.NetfluxError, match=r"first\.nfrun holds no call title"):
            title(text="b")
        outer.stop()
        assert title(text="c") == "<Title of c>"


def test_what_a_recording_does_not_hold_is_named_with_the_way_to_go_live(store, tmp_path):
    path = study.start(["a"]).wait().export(tmp_path / "one.nfrun")
    again = agent("title(text: str)", "Name {text}", uses=[count], model="scripted")

    @function(name="study", uses=[again])
    def other(texts: list[str]) -> list[str]:
        return [again(text=text) for text in texts]

    with netflux_nb.serve(path), pytest.raises(netflux_nb.NetfluxError) as found:
        other(["a"])
    assert "Request 1 of title() differs in its part 1" in str(found.value)
    assert "`serving.stop()` goes live" in str(found.value)


def test_a_run_becomes_a_test(store, tmp_path):
    (tmp_path / "my_study.py").write_text(
        "from netflux_nb import function\n\n@function\ndef half(x: int) -> float:\n    return x / 2\n"
    )
    sys.path.insert(0, str(tmp_path))
    try:
        import my_study

        run = my_study.half.start(5).wait()
        test = run.as_test(tmp_path / "cassettes", my_study.half)
    finally:
        sys.path.remove(str(tmp_path))

    @function(name="half")
    def elsewhere(x: int) -> float:
        return x / 2

    with pytest.raises(ArgumentError, match="in no module that a test could import"):
        run.as_test(tmp_path, elsewhere)
    code = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(test)]
    env = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{Path(__file__).parents[1]}"}
    assert subprocess.run(code, env=env, cwd=tmp_path, check=False).returncode == 0
    source = tmp_path / "my_study.py"
    source.write_text(source.read_text().replace("x / 2", "x / 3"))
    assert subprocess.run(code, env=env, cwd=tmp_path, check=False).returncode == 1


def test_runs_are_deleted_pinned_and_sized(store):
    one, two = study.start(["a"]).wait(), study.start(["b"]).wait()
    one.pin()
    with pytest.raises((RecordError, NoNodeError), match="pinned"):
        one.delete()
    runs.delete(two.id)
    assert [run.id for run in runs.all] == [one.id]
    one.unpin()
    one.delete()
    assert len(runs) == 0
    runs.gc()


def test_names_of_runs_may_be_cut(store):
    one, two = study.start(["a"]).wait(), study.start(["b"]).wait()
    assert runs[two.id[-4:]].id == two.id
    with pytest.raises(ArgumentError, match="2 runs are called"):
        runs[one.id[:8]]
    with pytest.raises(ArgumentError, match="No run is called 'x'"):
        runs["x"]
    assert runs.last.id == two.id


SCRIPT = textwrap.dedent("""
    import json, sys
    from netflux_nb import function, runs, Runtime
    @function
    def double(x: int) -> int:
        return 2 * x
    run = double.start(21)
    print(json.dumps([run.result(), str(run.folder), len(runs)]))
""")


def said(folder, **env):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=folder,
        env={k: v for k, v in os.environ.items() if k != "NETFLUX_HOME"}
        | {"PYTHONPATH": str(Path(__file__).parents[1])}
        | env,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout or done.stderr.strip().splitlines()[-1]


def test_runs_are_recorded_beside_the_notebook_without_being_asked(tmp_path):
    inner = tmp_path / "deep" / "er"
    inner.mkdir(parents=True)
    assert json.loads(said(inner)) == [42, str(inner / ".netflux"), 1]
    assert (inner / ".netflux" / ".gitignore").read_text() == "*\n"
    below = inner / "below"
    below.mkdir()
    assert json.loads(said(below)) == [42, str(inner / ".netflux"), 2]
    assert json.loads(said(below, NETFLUX_HOME=str(tmp_path / "x"))) == [42, str(tmp_path / "x"), 1]
    assert "not recorded" in said(tmp_path, NETFLUX_HOME="off")
    assert not (tmp_path / ".netflux").exists()


def test_an_environment_is_kept_with_the_runs(tmp_path):
    said(tmp_path)
    from netflux_nb.record.sql import store as asked

    found = asked.sql("SELECT * FROM environments", tmp_path / ".netflux")
    assert len(found) == 1
    assert "duckdb" in str(found.iloc[0].to_dict())
    (fn,) = asked.sql("SELECT fn, source FROM functions", tmp_path / ".netflux").itertuples()
    assert fn.fn == "double"


def forgotten(runtime, times=3):
    run = count.start("a b")
    run.wait()
    for number in range(times):
        count(str(number))
    with pytest.raises(KeyError):
        runtime.get_view(run.root.id)
    return run


def test_a_run_that_its_runtime_forgot_is_known_from_the_record(store):
    with Runtime(is_open=True, keep_trees=2) as runtime:
        netflux_nb.use(runtime)
        run = forgotten(runtime)
        assert (run.state, run.is_done, run.result(), run.fn) == (
            NodeState.Success,
            True,
            2,
            "count",
        )
        assert run.view().outputs == 2
        assert "count" in str(run.tree())
        assert list(run.nodes_df["fn"]) == ["count"]


def test_a_run_that_is_forgotten_and_not_recorded_says_so(store):
    with Runtime(is_open=True, keep_trees=2, record=False) as runtime:
        netflux_nb.use(runtime)
        run = forgotten(runtime)
        assert (run.state, run.result()) == (NodeState.Success, 2)
        assert repr(run) == "<Run not recorded count Success>"
        with pytest.raises(NoNodeError, match="forgotten"):
            run.tree()


def test_a_number_of_any_length_ends_no_record(store):
    @function
    def big(n: int) -> int:
        return n + 1

    assert big(10**10_000) == 10**10_000 + 1
    assert big(1) == 2
    assert len(runs.all) == 2
    assert [run.id for run in runs.all[:1]] == [runs.last.id]
    assert [run.id for run in runs.all[:]] == [run.id for run in runs.all]


def test_an_interrupt_that_duckdb_heard_is_one_for_python():
    with pytest.raises(KeyboardInterrupt), connected():
        raise RuntimeError("Query interrupted")
    with pytest.raises(RuntimeError, match="otherwise"), connected():
        raise RuntimeError("otherwise")


@pytest.mark.parametrize(
    ("path", "changes", "words"),
    [
        ("study/title", {"args": {"size": 1}}, r"Unknown arg\(s\) for title: \['size'\]"),
        ("study/title", {"args": {"text": 1}}, "Arg 'text' expects str"),
        ("study/title", {"args": 1}, "`args` are arguments by name; got int"),
        ("study/title", {"prompt": "Title of {topic}"}, r"\{topic\} is no argument"),
        ("study/title", {"prompt": 1}, "A prompt is text; got int"),
        ("study/title", {"model": "nobody:large"}, "wants provider 'nobody'"),
        ("study/title", {"model": 1}, "A model is named as `provider`"),
        ("study/title", {"fn": 1}, "A Function is wanted here; got int 1"),
        ("study/title", {"fn": study}, r"Unknown arg\(s\) for study: \['text'\]"),
        ("study/count", {"model": "scripted"}, r"count\(\) is code and asks no model"),
        ("study/count", {"prompt": "Count"}, r"count\(\) is code and has no prompt"),
    ],
)
def test_a_mistake_in_a_fork_is_told_before_anything_runs(store, path, changes, words):
    run = study.start(["a"]).wait()

    with pytest.raises(netflux_nb.UsageError, match=words):
        run.node(path).fork(**changes)
    assert len(runs.all) == 1


def test_what_cannot_be_asked_of_a_run_is_one_line(store, tmp_path):
    run = study.start(["a"]).wait()
    mistakes = {
        "compared with another run": lambda: run.diff(3),
        "asked for by its path": lambda: run.node(3),
        "A Function is wanted": lambda: run.replay(3),
        "A Function is wanted here": lambda: run.rerun(3),
        "`inputs` are arguments by name": lambda: run.replay(inputs=3),
        "There is no folder": lambda: run.export(tmp_path / "none" / "x.nfrun"),
        "There is no folder .* for the file": lambda: runs.export(tmp_path / "none" / "x.nfrun"),
        "A question is a text of SQL": lambda: sql(3),
    }
    for words, ask in mistakes.items():
        with pytest.raises(ArgumentError, match=words):
            ask()


@function
async def asks(ctx) -> str:
    """Ask a person."""
    answer: str = await ctx.ask("Which?")
    return answer


def test_a_run_that_is_to_stop_asks_nobody_any_more(store):
    run = asks.start()
    seen = 0
    while not run.pending():
        view = run.watch(seen, timeout=30)
        seen = seen if view is None else view.update_seqnum

    run.cancel("enough")

    assert run.pending() == []
    assert run.wait().state is NodeState.Canceled


def test_dates_and_numbers_without_end_are_kept_compared_and_served(store):
    made = []

    @function(effect="archive")
    def weigh(day: date) -> dict[str, Any]:
        made.append(day)
        return {"day": day, "share": Decimal("0.10"), "rest": [math.inf, math.nan]}

    @function(uses=[weigh, title])
    def diary(first: date, days: int) -> list[Any]:
        found = [weigh(day=first + timedelta(n)) for n in range(days)]
        return [*found, title(text=str(first))]

    one, two = (diary.start(date(2026, 1, day), 2).wait() for day in (1, 2))
    stored = runs[one.id]

    assert repr(stored.result()) == repr(one.result())
    assert one.replay(diary).is_same
    assert one.diff(stored).is_same
    assert "result" in [found.name for found in one.diff(two).nodes[0].fields]
    assert one.diff(two).not_comparable == ()
    assert "2026-01-01" in str(runs.table())
    made.clear()
    assert repr(one.node("diary/title").fork(prompt="Of {text}").result()[:2]) == repr(
        one.result()[:2]
    )
    assert made == []


@pytest.mark.parametrize("name", ["x.nfrun", "x.html", "x.duckdb"])
def test_a_folder_that_is_not_there_is_named(store, tmp_path, name):
    run = count.start("a")
    run.wait()
    write = runs.export_duckdb if name.endswith("duckdb") else run.export
    with pytest.raises(NetfluxError, match=r"nowhere' (for the file|is no folder)"):
        write(tmp_path / "nowhere" / name)


@pytest.mark.parametrize("query", [None, 1, b"select 1"])
def test_a_question_is_a_text(store, query):
    with pytest.raises(ArgumentError, match="A question is a text of SQL, got"):
        sql(query)


@pytest.mark.parametrize("frame", [None, [1], {"a": [1]}, "a", pd.Series([1])])
def test_what_is_no_frame_is_refused_with_what_to_give(store, frame):
    with pytest.raises(ArgumentError, match=r"'mine' is a .*\. Give a DataFrame: `.*mine"):
        sql("SELECT * FROM mine", mine=frame)


def test_sql_says_what_there_is_and_a_frame_may_be_called_query(store):
    there = sql("SHOW TABLES").iloc[:, 0].tolist()
    assert {"runs", "nodes", "messages", "environments"} <= set(there)
    assert sql("SELECT * FROM query", query=pd.DataFrame({"a": [1]}))["a"].tolist() == [1]


def test_times_are_compared_in_utc_wherever_one_is(store):
    count("a")
    session.flush()
    code = (
        "from netflux_nb import sql; print(*sql('SELECT now() - opened < INTERVAL 1 HOUR AND "
        "opened <= now() FROM runs').iloc[0])"
    )
    for zone in ("Asia/Tokyo", "America/Lima"):
        env = {**os.environ, "TZ": zone, "PYTHONPATH": str(Path(netflux_nb.__file__).parents[1])}
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True, text=True, timeout=100, check=False, env=env,
        )  # fmt: skip
        assert (done.stdout, done.stderr) == ("True\n", "")


def test_the_value_of_a_run_that_goes_on_elsewhere_is_not_there_yet(store):
    go = threading.Event()

    @function
    def waits() -> int:
        go.wait(20)
        return 1

    run = waits.start()
    session.flush()
    elsewhere = Run(run.folder, run.id)
    for ask in (elsewhere.result, elsewhere.wait):
        with pytest.raises(TimeoutError, match="still goes on in another process after 0 s"):
            ask(timeout=0)
    go.set()
    run.wait()
    session.flush()
    assert elsewhere.result() == 1


@pytest.mark.slow
def test_a_run_of_another_process_is_waited_for(store):
    code = textwrap.dedent("""
        import os
        from netflux_nb import function

        @function
        def waits(n: int) -> int:
            print("here", flush=True)
            os.read(0, 1)
            return n

        run = waits.start(7)
        os.read(0, 1)
        run.wait()
        os.read(0, 1)
    """)
    env = {**os.environ, "PYTHONPATH": str(Path(netflux_nb.__file__).parents[1])}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], text=True, env=env, **pipes) as process:
        assert process.stdout.readline() == "here\n"
        stored = runs.last
        with pytest.raises(TimeoutError, match="still goes on in another process"):
            stored.wait(timeout=0)
        found = []
        waiting = threading.Thread(target=lambda: found.append(stored.result()))
        waiting.start()
        # Its end is seen while its process lives on.
        process.stdin.write("\n\n")
        process.stdin.flush()
        waiting.join(30)
        assert found == [7]
        process.kill()


def test_a_wait_that_was_over_is_told_in_a_line(store):
    go = threading.Event()

    @function
    def waits() -> int:
        go.wait(20)
        return 1

    run = waits.start()
    with pytest.raises(TimeoutError) as caught:
        run.result(timeout=0)
    go.set()
    assert run.result() == 1
    told = caught.value._render_traceback_()
    assert told == [f"StillRunningError: {caught.value}"]


def test_no_name_is_no_run(store):
    count("a")
    with pytest.raises(ArgumentError, match="No run is called ''"):
        runs[""]


@pytest.mark.parametrize("is_gone", [True, False])
def test_a_lost_value_takes_nothing_else_of_its_run_with_it(store, is_gone):
    @function
    def long(n: int) -> list[str]:
        return ["y" * n] * 2

    run = long.start(15_000)
    run.wait()
    session.flush()
    (kept,) = [p for p in (store / "artifacts").rglob("*") if p.is_file()]
    if is_gone:
        kept.unlink()
    else:
        kept.write_bytes(b"other")

    stored = Run(run.folder, run.id)
    assert stored.state is NodeState.Success
    assert f"json {kept.parent.name}{kept.name[:10]}, lost" in repr(stored.view().outputs)
    assert "long" in str(stored.tree())
    assert "Success" in repr(stored)
    assert len(stored.verify()) == 1
    with pytest.raises(RecordError, match=r"is missing|is not as it was written"):
        stored.result()


@pytest.mark.parametrize("what", ["the answer", "a value"])
def test_what_is_left_of_a_run_is_scanned_compared_and_shown(store, tmp_path, what):
    @function(name="told")
    def value(n: int) -> dict[str, str]:
        return {"text": "y" * n}

    told = value if what == "a value" else agent("told(n: int) -> str", "{n}", model="scripted")
    session.use(scripted=ScriptedModel(["y" * 30_000, "y" * 30_000, "z" * 30_000]))
    left, same = (told.start(30_000).wait() for _ in range(2))
    other = told.start(30_001).wait()
    session.flush()
    large = json.loads(left.artifacts_df.to_json(orient="records"))
    digests = {one["artifact"] for one in large} - {
        one["artifact"] for one in json.loads(other.artifacts_df.to_json(orient="records"))
    }
    for digest in digests:
        (store / "artifacts" / digest[:2] / digest[2:]).unlink()

    left, same, other = (Run(run.folder, run.id) for run in (left, same, other))
    scanned = left.secrets_scan()
    assert len(scanned.lost) == len(digests)
    assert not scanned.is_clean
    assert other.secrets_scan().is_clean
    assert left.diff(same).is_same
    found = left.diff(other)
    field = "result" if what == "a value" else "answer"
    assert ("told", f"{field} (lost)") in found.not_comparable
    assert field not in [one.name for node in found.nodes for one in node.fields]
    assert "lost" in str(diffs.text(found))
    page = left.export(tmp_path / "left.html").read_text()
    assert digests.pop()[:12] in page
    with pytest.raises(RecordError, match=r"A bundle holds all that its runs need"):
        left.export(tmp_path / "left.nfrun")
    with pytest.raises(RecordError, match="is missing"):
        left.replay(told)


def test_a_run_that_was_given_a_key_goes_on_when_it_is_given_again(store):
    @function
    def greet(password: str, note: str) -> str:
        return f"{note} {len(password)}"

    run = greet.start(password="hunter2", note="a").wait()
    stored = Run(run.folder, run.id)
    assert stored.replay(greet, inputs={"password": "hunter2"}).is_same
    for again in (stored.rerun, stored.fork):
        with pytest.raises(ArgumentError, match=r"rerun\(password=\.\.\.\)` or `fork\(args"):
            again(fn=greet)
    assert stored.rerun(greet, password="hunter2").result() == "a 7"
    assert stored.fork(root=greet, args={"password": "hunter2", "note": "b"}).result() == "b 7"
