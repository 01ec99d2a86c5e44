"""What is written, what survives, and what is found out (rows F of the record, B8)."""

import json
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import threading

import pytest
from record_views import views

from netflux_nb import RunContext, Runtime, agent, function, gather, view_to_json
from netflux_nb.core.errors import ArgumentError, RecordError, RecordWarning
from netflux_nb.record.journal import Journal
from netflux_nb.record.reading import check, files, is_written, mend, read_view
from netflux_nb.testing import FakeClock, ScriptedModel, Turn, call, flaky


@function
def double(x: int) -> int:
    return 2 * x


@function(uses=[double])
def fan(n: int) -> int:
    return sum(gather(*(double.start(x=i) for i in range(n))))


def recorded(folder, *runs):
    """Record these runs and give the views as the runtime had them."""
    views_now = []
    with Journal(folder) as journal, Runtime([fan, double], sink=journal) as runtime:
        for fn, inputs in runs or [(fan, {"n": 3}), (double, {"x": 4})]:
            node = runtime.get_ctx().invoke(fn, inputs)
            node.wait()
            views_now.append(node.view())
    return views_now


def plain(view):
    return json.loads(view_to_json(view))


def test_what_is_read_back_is_what_was_seen(tmp_path):
    views_now = recorded(tmp_path)
    assert [plain(v) for v in views(tmp_path)] == [plain(v) for v in views_now]
    (path,) = files(tmp_path)
    assert check(path).is_sound
    assert path.stat().st_mode & 0o077 == 0


def test_a_conversation_is_read_back_whole(tmp_path):
    clock = FakeClock()
    one = agent("one(q: str)", "{q}", uses=[double], model="scripted")
    script = [flaky(), Turn(thinking="hm", calls=[call("double", x=2), call("none")]), "ö \ud800"]
    with (
        Journal(tmp_path) as journal,
        Runtime(
            [one],
            models={"scripted": ScriptedModel(script)},
            sink=journal,
            clock=clock,
            sleep=clock.sleep,
        ) as runtime,
    ):
        node = runtime.get_ctx().invoke(one, {"q": "?"})
        node.wait()
        assert journal.sync() is None
        (back,) = views(tmp_path)
        assert plain(back) == plain(node.view())
    (line,) = back.bill().lines
    assert (line.model, line.requests) == ("scripted", 2)
    assert len(back.requests) == 3


def test_a_run_is_seen_while_it_goes_on(tmp_path):
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
        assert [v.state.value for v in views(tmp_path)] == ["Running"]
        assert is_written(journal.path)
        with pytest.raises(RecordError, match="still being written"):
            mend(journal.path)
        go.set()
        node.wait()
    assert not is_written(journal.path)


def test_the_memory_of_ended_runs_is_let_go(tmp_path):
    with Journal(tmp_path) as journal, Runtime([fan, double], sink=journal) as runtime:
        for _ in range(20):
            runtime.get_ctx().invoke(fan, {"n": 5}).wait()
        assert journal.sync() is None
        kept = runtime.log.sink
        assert (kept._runs, kept._chains, kept._members) == ({}, {}, {})
        assert journal.running == 0


def test_many_threads_write_in_one_order(tmp_path):
    with Journal(tmp_path) as journal, Runtime([double], sink=journal) as runtime:

        def ask():
            for i in range(50):
                runtime.get_ctx().invoke(double, {"x": i}).wait()

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    checked = check(journal.path)
    assert checked.is_sound
    seqs = [r["seq"] for r in checked.rows if "seq" in r]
    # Three events a call, and one that says how its tree began.
    assert seqs == list(range(1, 1 + 4 * 400))


def test_a_file_cut_at_any_byte_of_its_last_lines_is_mended(tmp_path):
    recorded(tmp_path)
    (path,) = files(tmp_path)
    whole = path.read_bytes()
    rows = check(path).rows
    ends = [i for i, b in enumerate(whole) if b == ord("\n")]
    for size in range(ends[-4] + 1, len(whole)):
        path.write_bytes(whole[:size])
        checked = check(path)
        assert checked.is_sound
        assert checked.rows == rows[: len(checked.rows)]
        torn = size - (max(e for e in ends if e < size) + 1)
        assert checked.torn_bytes == torn
        assert mend(path) == torn
        assert check(path).torn_bytes == 0


def test_a_flipped_bit_anywhere_is_found(tmp_path):
    recorded(tmp_path, (double, {"x": 1}))
    (path,) = files(tmp_path)
    whole = path.read_bytes()
    for place in range(len(whole)):
        spoilt = bytearray(whole)
        spoilt[place] ^= 1 << (place % 8)
        path.write_bytes(spoilt)
        checked = check(path)
        assert checked.faults or checked.torn_bytes, place


def test_a_line_that_is_gone_is_found_and_named(tmp_path):
    recorded(tmp_path, (double, {"x": 1}))
    (path,) = files(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], *lines[3:]]))
    (fault,) = check(path).faults
    assert fault.line == 3
    assert "not as it was written" in str(fault)


def test_a_damaged_run_takes_no_other_with_it(tmp_path):
    recorded(tmp_path, (double, {"x": 1}), (double, {"x": 2}))
    recorded(tmp_path, (double, {"x": 3}))
    path = files(tmp_path)[0]
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"json":2', b'"json":5', 1))
    if check(path).is_sound:  # the two files may have one second, and so any order
        path.write_bytes(data)
        path = files(tmp_path)[1]
        data = path.read_bytes()
        path.write_bytes(data.replace(b'"json":2', b'"json":5', 1))
    assert len(check(path).faults) == 1
    assert sorted(v.outputs for v in views(tmp_path) if v.is_done) == [4, 6]


def test_a_run_is_looked_at_with_the_system_prompts_of_its_agents_and_without_one_that_is_lost(
    tmp_path,
):
    one = agent("one(q: str)", "{q}", system="Be short.", uses=[double], model="scripted")
    with (
        Journal(tmp_path) as journal,
        Runtime([one], models={"scripted": ScriptedModel(["a"])}, sink=journal) as runtime,
    ):
        runtime.get_ctx().invoke(one, {"q": "?"}).wait()
    (run,) = {row["run"] for row in check(journal.path).rows if "seq" in row}
    found = read_view(tmp_path, run)
    assert found.systems == {found.view.key: "Be short."}

    lines = journal.path.read_bytes().splitlines(keepends=True)
    first = next(n for n, line in enumerate(lines) if f'"run":"{run}"'.encode() in line)
    lines[first] = lines[first].replace(b'"seq":', b'"sex":')
    journal.path.write_bytes(b"".join(lines))
    with pytest.raises(ArgumentError, match="is damaged from its first line on"):
        read_view(tmp_path, run)
    with pytest.raises(RecordError, match="There is no run"):
        read_view(tmp_path, run.replace("1.1", "1.7"))


@pytest.mark.parametrize(
    "text",
    [b"", b"\n", b"{}\n", b"[1]\n", b"\xff\xfe\n", b"[" * 100_000 + b"\n", b"null\n" * 5, b"{"],
)
def test_a_file_that_is_none_of_ours_is_no_harm(tmp_path, text):
    (tmp_path / "strange.jsonl").write_bytes(text)
    assert not check(tmp_path / "strange.jsonl").is_sound
    recorded(tmp_path, (double, {"x": 3}))
    assert [v.outputs for v in views(tmp_path)] == [6]


def test_a_schema_of_tomorrow_is_said_to_be_one(tmp_path):
    from netflux_nb.record import journal

    words = json.dumps({"v": 99, "event": "Segment"}, separators=(",", ":"))[:-1]
    line = journal.line_of(words, journal.hash_of("", words))
    (tmp_path / "new.jsonl").write_text(line)
    assert any("schema 99" in f.why for f in check(tmp_path / "new.jsonl").faults)


def script(text):
    return textwrap.dedent(text)


FULL = script("""
    import resource, signal, sys
    from netflux_nb import Runtime, function
    from netflux_nb.core.errors import RecordError
    from netflux_nb.record.journal import Journal

    @function
    def double(x: int) -> int:
        return 2 * x

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    journal = Journal(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))
    runtime = Runtime([double], sink=journal)
    done = 0
    try:
        for x in range(1000):
            assert runtime.get_ctx().invoke(double, {"x": x}).result() == 2 * x
            done += 1
    except RecordError as error:
        print("refused", done, error)
    print("synced" if journal.sync() is None else "unsynced")
    print(len(runtime.list_toplevel_views()) == done)
    runtime.close()
    journal.close()
""")


def test_a_full_disk_refuses_what_is_new_and_keeps_what_is_there(tmp_path):
    said = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert said[0].startswith("refused")
    assert "cannot be written" in said[0]
    assert said[1:] == ["unsynced", "True"]
    (path,) = files(tmp_path)
    checked = check(path)
    assert checked.is_sound
    assert checked.torn_bytes > 0
    mend(path)
    assert all(v.outputs == 2 * v.inputs["x"] for v in views(tmp_path) if v.is_done)


@pytest.mark.posix("no process forks")
def test_a_forked_child_writes_nothing_and_holds_no_lock(tmp_path):
    code = script("""
        import os, sys
        from netflux_nb import Runtime, function
        from netflux_nb.core.events import Event, StatusSet
        from netflux_nb.record.journal import Journal
        from netflux_nb.record.reading import is_written

        @function
        def double(x: int) -> int:
            return 2 * x

        journal = Journal(sys.argv[1])
        runtime = Runtime([double], sink=journal)
        runtime.get_ctx().invoke(double, {"x": 1}).result()
        assert journal.sync() is None
        read, write = os.pipe()
        ready, begun = os.pipe()
        child = os.fork()
        if child == 0:
            runtime.log.sink.append(Event(99, 0.0, 1, StatusSet("not mine")))
            journal.drain(may_write=True)
            os.write(begun, b"x")
            os.read(read, 1)
            os._exit(0)
        os.read(ready, 1)
        path = journal.path
        runtime.close()
        journal.close()
        print("not mine" in path.read_text(), is_written(path), flush=True)
        os.write(write, b"x")
        os.waitpid(child, 0)
    """)
    said = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.split() == ["False", "False"]


STEADY = script("""
    import sys
    from netflux_nb import Runtime, function, gather
    from netflux_nb.record.journal import Journal

    @function
    def double(x: int) -> int:
        return 2 * x

    @function(uses=[double])
    def fan(n: int) -> int:
        return sum(gather(*(double.start(x=n + i) for i in range(5))))

    with Journal(sys.argv[1]) as journal, Runtime([fan], sink=journal) as runtime:
        for n in range(int(sys.argv[2])):
            value = runtime.get_ctx().invoke(fan, {"n": n}).result()
            assert journal.sync() is None
            print(n, value, flush=True)
""")


@pytest.mark.slow
def test_what_was_acknowledged_before_a_kill_is_there(tmp_path, chance):
    for round_ in range(6):
        folder = tmp_path / str(round_)
        running = subprocess.Popen(
            [sys.executable, "-c", STEADY, str(folder), "100000"],
            stdout=subprocess.PIPE,
            text=True,
        )
        wanted = chance.randrange(1, 60)
        told = [running.stdout.readline().split() for _ in range(wanted)]
        running.send_signal(signal.SIGKILL)
        told += [line.split() for line in running.stdout.read().splitlines()]
        running.wait(20)
        running.stdout.close()
        (path,) = files(folder)
        assert not is_written(path)
        mend(path)
        assert check(path).is_sound
        kept = {v.inputs["n"]: v.outputs for v in views(folder) if v.is_done}
        for n, value in (t for t in told if len(t) == 2):
            assert kept[int(n)] == int(value)


@pytest.mark.slow
def test_two_processes_and_a_reader_share_a_folder(tmp_path):
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", STEADY, str(tmp_path), "40"], stdout=subprocess.DEVNULL
        )
        for _ in range(2)
    ]
    seen = 0
    while any(w.poll() is None for w in writers):
        for path in files(tmp_path):
            assert path.stat().st_size == 0 or check(path).is_sound
            seen += 1
    assert seen
    assert [w.returncode for w in writers] == [0, 0]
    assert len([v for v in views(tmp_path) if v.is_done]) == 80


def test_a_folder_that_cannot_be_written_is_an_error_at_once(tmp_path):
    (tmp_path / "file").write_text("x")
    with Journal(tmp_path / "file") as journal, Runtime([double], sink=journal) as runtime:
        with pytest.raises(RecordError, match=r"cannot be kept in 'file'.*NETFLUX_HOME"):
            runtime.get_ctx().invoke(double, {"x": 1})
        assert runtime.list_toplevel_views() == []


def test_a_journal_that_was_closed_takes_no_new_call(tmp_path):
    journal = Journal(tmp_path)
    with Runtime([double], sink=journal) as runtime:
        journal.close()
        journal.close()
        with pytest.raises(RecordError, match=r"it was closed.*A forked process, too"):
            runtime.get_ctx().invoke(double, {"x": 1})
        assert runtime.list_toplevel_views() == []


def test_a_parent_that_cannot_record_a_child_goes_on(tmp_path):
    journal = Journal(tmp_path)

    @function(uses=[double])
    def parent() -> str:
        journal.close()
        try:
            double(x=1)
        except RecordError:
            return "kept going"
        return "recorded"

    with Runtime([parent, double], sink=journal) as runtime:
        assert runtime.get_ctx().invoke(parent, {}).result(timeout=20) == "kept going"


def moved(folder):
    folder.rename(folder.with_name("elsewhere"))


def replaced(folder):
    shutil.rmtree(folder)
    folder.write_text("not a folder")


@pytest.mark.parametrize("lose", [shutil.rmtree, moved], ids=["deleted", "renamed"])
def test_q61_a_record_that_is_taken_away_is_begun_anew_and_said_once(tmp_path, lose):
    folder = tmp_path / "record"
    with Journal(folder) as journal, Runtime([double], sink=journal) as runtime:
        ctx = runtime.get_ctx()
        ctx.invoke(double, {"x": 1}).wait()
        gone = journal.path
        lose(folder)

        with pytest.warns(RecordWarning, match=f"{gone.name} was removed or replaced"):
            ctx.invoke(double, {"x": 2}).wait()
        ctx.invoke(double, {"x": 3}).wait()  # a warning would be an error here

    assert [view.outputs for view in views(folder)] == [4, 6]
    assert all(check(path).is_sound for path in files(folder))


def test_q61_a_run_whose_file_is_taken_away_meanwhile_says_so_and_pays_nothing(tmp_path):
    folder = tmp_path / "record"
    paid = []

    @function(effect="mail")
    def send() -> int:
        paid.append(1)
        return 1

    @function(uses=[send])
    def two() -> int:
        shutil.rmtree(folder)
        return send()

    with Journal(folder) as journal, Runtime([two, double], sink=journal) as runtime:
        ctx = runtime.get_ctx()
        node = ctx.invoke(two, {})
        node.wait()
        with pytest.warns(RecordWarning, match="recorded no further"):
            ctx.invoke(double, {"x": 2}).wait()

    assert isinstance(node.exception, RecordError)
    assert "was removed or replaced" in str(node.exception)
    assert not paid
    assert [view.outputs for view in views(folder)] == [4]


@pytest.mark.parametrize("is_async", [False, True])
def test_q61_a_run_whose_file_was_taken_away_pays_nothing_when_another_began_anew(
    tmp_path, is_async
):
    folder = tmp_path / "record"
    go, begun = threading.Event(), threading.Event()
    paid = []

    if is_async:

        @function(effect="mail")
        async def send() -> int:
            paid.append(1)
            return 1
    else:

        @function(effect="mail")
        def send() -> int:
            paid.append(1)
            return 1

    @function(uses=[send])
    def waits(ctx: RunContext) -> int:
        begun.set()
        go.wait(30)
        return ctx.invoke(send, {}).result()

    with Journal(folder) as journal, Runtime([waits, double], sink=journal) as runtime:
        ctx = runtime.get_ctx()
        node = ctx.invoke(waits, {})
        assert begun.wait(30)
        shutil.rmtree(folder)
        with pytest.warns(RecordWarning, match="removed or replaced"):
            ctx.invoke(double, {"x": 2}).wait()
        go.set()
        node.wait()

    assert isinstance(node.exception, RecordError)
    assert "was removed or replaced" in str(node.exception)
    assert not paid


def test_a_version_is_of_the_call_however_late_its_line_is_written(tmp_path):
    seen = []

    @function
    def grows() -> int:
        seen.append(1)
        return len(seen)

    @function(uses=[grows])
    def root() -> int:
        with journal._write:  # whoever posts does not wait for it
            return grows()

    before = grows.version
    with Journal(tmp_path) as journal, Runtime([root], sink=journal) as runtime:
        assert runtime.invoke(None, root, {}).result(timeout=30) == 1
        journal.flush()
        rows = [json.loads(line) for line in journal.path.read_bytes().splitlines()]

    (version,) = [row["version"] for row in rows if row.get("fn") == "grows" and "key" in row]
    assert grows.version != before
    assert version == before


def test_q61_a_value_whose_run_is_not_recorded_says_so(tmp_path):
    folder = tmp_path / "record"

    @function
    def loses() -> int:
        shutil.rmtree(folder)
        return 7

    with Journal(folder) as journal, Runtime([loses], sink=journal) as runtime:
        node = runtime.get_ctx().invoke(loses, {})
        with pytest.warns(RecordWarning, match="is not recorded: its file was removed"):
            assert node.result() == 7


def test_q61_runs_that_go_on_while_the_record_is_begun_anew_leave_it_sound(tmp_path):
    folder = tmp_path / "record"
    go, begun = threading.Event(), threading.Event()

    @function(uses=[double])
    def waits() -> int:
        begun.set()
        go.wait(30)
        return double(x=1)

    with Journal(folder) as journal, Runtime([waits, double], sink=journal) as runtime:
        ctx = runtime.get_ctx()
        node = ctx.invoke(waits, {})
        assert begun.wait(30)
        shutil.rmtree(folder)
        with pytest.warns(RecordWarning, match="removed or replaced"):
            ctx.invoke(double, {"x": 2}).wait()
        go.set()
        assert node.result() == 2
        assert journal.running == 0

    assert [view.outputs for view in views(folder)] == [4]
    assert all(check(path).is_sound for path in files(folder))


def test_q61_a_record_whose_place_is_taken_is_refused(tmp_path):
    folder = tmp_path / "record"
    with Journal(folder) as journal, Runtime([double], sink=journal) as runtime:
        ctx = runtime.get_ctx()
        ctx.invoke(double, {"x": 1}).wait()
        replaced(folder)

        with pytest.raises(RecordError, match="The record cannot be kept in 'record'"):
            ctx.invoke(double, {"x": 2})


HALF_FULL = script("""
    import resource, signal, sys, warnings
    from netflux_nb import Runtime, function
    from netflux_nb.record.journal import Journal

    @function
    def fills() -> int:
        size = journal.path.stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        return 7

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    warnings.simplefilter("always")
    journal = Journal(sys.argv[1])
    runtime = Runtime([fills], sink=journal)
    with warnings.catch_warnings(record=True) as told:
        print(runtime.get_ctx().invoke(fills, {}).result())
    print(*[f"{one.category.__name__}: {one.message} [{one.filename}]" for one in told], sep="\\n")
""")


def test_q62_a_run_whose_end_does_not_fit_on_the_disk_says_so_to_its_caller(tmp_path):
    said = subprocess.run(
        [sys.executable, "-c", HALF_FULL, str(tmp_path)], capture_output=True, text=True, check=True
    ).stdout.splitlines()

    assert said[0] == "7"
    assert re.match(
        r"RecordWarning: The end of run \S+ could not be recorded: .*too large", said[1]
    )
    assert said[1].endswith("[<string>]")  # where it was called, not a line of ours
    assert [view.state.name for view in views(tmp_path)] == ["Running"]
