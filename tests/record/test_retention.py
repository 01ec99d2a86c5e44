"""Files packed, runs deleted, and what nobody needs cleared up (rows F of the record, B9)."""

import os
import re
import signal
import subprocess
import sys
import threading

import duckdb
import pytest
from record_views import views

from netflux_nb import Runtime, function
from netflux_nb.core.errors import RecordError
from netflux_nb.record import packing, retention
from netflux_nb.record.codecs.artifacts import Artifacts
from netflux_nb.record.journal import Journal
from netflux_nb.record.reading import asking, check, deleted, files, rows_of
from netflux_nb.record.retention import compact, delete, gc, pin, pinned, sizes, unpin
from netflux_nb.record.sql.store import sql

from .conftest import asks, double, fan, many_files


def aged(folder):
    """Make everything old, as if hours had passed."""
    for path in folder.rglob("*"):
        os.utime(path, (1, 1))


def text_of(path):
    return "".join(line.text + "\n" for line in packing.packed_lines(path))


def test_a_packed_file_holds_every_line_as_it_was(recorded):
    recorded.add((fan, {"n": 5}), (asks, {"q": "ö 😀 '\"\\"}), (double, {"x": 10**25}))
    whole = recorded.path.read_text()
    rows, seen = recorded.rows(), views(recorded.folder)
    (made,) = compact(recorded.folder)
    assert made == recorded.path.with_suffix(".parquet")
    assert files(recorded.folder) == [made]
    assert text_of(made) == whole
    assert recorded.rows() == rows
    assert views(recorded.folder) == seen
    assert check(made).is_sound
    assert made.stat().st_mode & 0o077 == 0
    assert compact(recorded.folder) == []
    assert recorded.names() == [made.name]


def test_a_text_that_duckdb_cannot_hold_stays_in_lines_and_hides_no_other(recorded, monkeypatch):
    # As records were written before such a text got a file of its own.
    monkeypatch.setattr("netflux_nb.record.channel.is_heavy", lambda words: False)
    recorded.add((double, {"x": 1}), (asks, {"q": "\ud800"}), (double, {"x": 2}))
    seen = views(recorded.folder)
    assert compact(recorded.folder) == []
    assert views(recorded.folder) == seen
    assert {"double"} <= set(sql("SELECT fn FROM runs", recorded.folder).fn)
    assert len(sql("SELECT * FROM runs WHERE state = 'Success'", recorded.folder)) >= 2


def test_the_columns_are_those_that_are_asked_for(recorded):
    recorded.add((double, {"x": 1}))
    (made,) = compact(recorded.folder)
    with duckdb.connect(":memory:") as db:
        found = db.execute(f"DESCRIBE SELECT * FROM read_parquet('{made}')").fetchall()
    assert [name for name, *_ in found] == ["run", "node", "seq", "time", "event", "line"]


def test_a_file_that_is_still_written_is_left(recorded):
    with Journal(recorded.folder) as journal, Runtime([double], sink=journal) as runtime:
        runtime.get_ctx().invoke(double, {"x": 1}).wait()
        assert journal.sync() is None
        assert compact(recorded.folder) == []
        assert files(recorded.folder) == [journal.path]
    assert len(compact(recorded.folder)) == 1


def test_a_file_that_is_only_just_made_is_left(recorded):
    recorded.folder.mkdir()
    (recorded.folder / "just-made.jsonl").touch()
    assert compact(recorded.folder) == []
    assert (recorded.folder / "just-made.jsonl").exists()


@pytest.mark.parametrize("spoil", ["altered", "rubbish", "headless"])
def test_a_file_with_a_fault_is_left_as_it_is(recorded, spoil):
    recorded.add((double, {"x": 1}))
    whole = recorded.path.read_bytes()
    spoilt = {
        "altered": whole.replace(b'"json":2', b'"json":3'),
        "rubbish": whole + b"\xff\xff\n",
        "headless": whole.partition(b"\n")[2],
    }[spoil]
    recorded.path.write_bytes(spoilt)
    assert compact(recorded.folder) == []
    assert recorded.path.read_bytes() == spoilt
    assert recorded.names() == [recorded.path.name]


@pytest.mark.parametrize("cut", [1, 2, 40])
def test_a_write_that_was_cut_off_is_dropped(recorded, cut):
    recorded.add((double, {"x": 1}))
    whole = recorded.path.read_bytes()
    recorded.path.write_bytes(whole[:-cut])
    (made,) = compact(recorded.folder)
    assert text_of(made).encode() == whole[: whole.rindex(b"\n", 0, -1) + 1]
    assert check(made).is_sound


def test_a_packed_file_wins_over_its_lines(recorded):
    """Killed between the last two steps: both are there, and no run is counted twice."""
    recorded.add((double, {"x": 1}))
    whole = recorded.path.read_bytes()
    (made,) = compact(recorded.folder)
    recorded.path.write_bytes(whole)
    assert files(recorded.folder) == [made]
    assert len(views(recorded.folder)) == len(sql("SELECT * FROM runs", recorded.folder)) == 1
    assert compact(recorded.folder) == []
    assert recorded.names() == [made.name]


def test_lines_are_kept_while_what_was_packed_is_damaged(recorded):
    recorded.add((double, {"x": 1}))
    whole = recorded.path.read_bytes()
    (made,) = compact(recorded.folder)
    recorded.path.write_bytes(whole)
    made.write_bytes(made.read_bytes()[:-30])
    assert len(compact(recorded.folder)) == 1
    assert text_of(made).encode() == whole


def altered(path, words):
    other = path.with_name("other")
    with duckdb.connect(":memory:") as db:
        db.execute(
            f"COPY (SELECT * REPLACE ({words}) FROM read_parquet('{path}')) TO '{other}' "
            f"(FORMAT parquet)"
        )
    other.replace(path)


@pytest.mark.parametrize(
    "words",
    [
        """replace(line, '"json":2', '"json":3') AS line""",
        "CASE event WHEN 'NodeClosed' THEN 'StatusSet' ELSE event END AS event",
        "CASE seq WHEN 2 THEN 3 ELSE seq END AS seq",
        "CASE WHEN seq IS NOT NULL THEN 'x-1.1' ELSE run END AS run",
        "5 AS node",
    ],
    ids=["line", "event", "seq", "run", "node"],
)
def test_a_packed_file_that_was_altered_is_found_out(recorded, words):
    (run,) = recorded.add((double, {"x": 1}))
    (made,) = compact(recorded.folder)
    altered(made, words)
    assert not check(made).is_sound
    assert not rows_of_or_none(recorded.folder, run)


def rows_of_or_none(folder, run):
    try:
        return rows_of(folder, run).is_sound
    except RecordError:
        return False


@pytest.mark.slow
def test_a_packed_file_that_is_cut_is_a_fault_and_no_crash(recorded):
    recorded.add((double, {"x": 1}))
    (made,) = compact(recorded.folder)
    data = made.read_bytes()
    recorded.add((double, {"x": 2}))
    for size in (0, 3, 100, len(data) - 1):
        made.write_bytes(data[:size])
        assert not check(made).is_sound
        assert [v.outputs for v in views(recorded.folder)] == [4]
        assert sql("SELECT * FROM runs", recorded.folder).outputs.tolist() == ["4"]


@pytest.mark.slow
@pytest.mark.parametrize("is_packed", [False, True])
def test_one_run_is_read_alone(recorded, is_packed):
    runs = recorded.add((double, {"x": 1}), (fan, {"n": 3}), (double, {"x": 4}))
    if is_packed:
        compact(recorded.folder)
    for run in runs:
        found = rows_of(recorded.folder, run)
        assert found.is_sound
        assert list(found.rows) == [row for row in recorded.rows() if row["run"] == run]
    for name in ("x-1.1", runs[0][:-1] + "99", "../x", "", ".", "a/b", 5):
        with pytest.raises(RecordError, match=r"no run|names no run"):
            rows_of(recorded.folder, name)


def test_one_run_is_read_alone_beside_a_damaged_one(recorded):
    runs = recorded.add((double, {"x": 1}), (double, {"x": 2}))
    data = recorded.path.read_bytes()
    recorded.path.write_bytes(data.replace(b'"json":4', b'"json":5'))
    assert rows_of(recorded.folder, runs[0]).is_sound
    broken = rows_of(recorded.folder, runs[1])
    assert [fault.why for fault in broken.faults] == [
        f"Run {runs[1]} is not as it was written here."
    ]


def test_a_run_that_speaks_of_another_is_not_taken_for_it(recorded):
    @function
    def names(run: str) -> str:
        return run

    with Journal(recorded.folder) as journal, Runtime([names], sink=journal) as runtime:
        for _ in range(2):
            runtime.get_ctx().invoke(names, {"run": f"{journal.segment}-1.1"}).wait()
    found = rows_of(recorded.folder, f"{journal.segment}-1.1")
    assert found.is_sound
    assert {row["run"] for row in found.rows} == {f"{journal.segment}-1.1"}


def test_views_of_two_runtimes_in_one_file_are_not_mixed(recorded):
    """Numbers of Nodes are told apart within a run only."""
    with Journal(recorded.folder) as journal:
        for n in (3, 4):
            with Runtime([fan], sink=journal) as runtime:
                runtime.get_ctx().invoke(fan, {"n": n}).wait()
    assert [(v.outputs, len(v.children)) for v in views(recorded.folder)] == [(6, 3), (12, 4)]


def test_large_values_come_back_in_views(recorded):
    run = recorded.text("a")
    (view,) = views(recorded.folder)
    assert view.outputs == "a" * 20_000
    (digest,) = recorded.artifacts()
    Artifacts(recorded.folder).path(digest).unlink()
    (view,) = views(recorded.folder)
    assert (repr(view.outputs), view.is_done) == (f"<json {digest[:12]}, lost>", True)
    assert rows_of(recorded.folder, run).is_sound


# Deleting.


@pytest.mark.slow
@pytest.mark.parametrize("is_packed", [False, True])
def test_a_deleted_run_is_gone_at_once_and_for_good(recorded, is_packed):
    runs = recorded.add((double, {"x": 1}), (fan, {"n": 3}), (double, {"x": 3}))
    if is_packed:
        compact(recorded.folder)
    delete(recorded.folder, runs[1])
    delete(recorded.folder, runs[1])
    for _ in range(2):
        assert [v.outputs for v in views(recorded.folder)] == [2, 6]
        assert runs[1] not in recorded.runs()
        assert set(sizes(recorded.folder).runs) == {runs[0], runs[2]}
        with pytest.raises(RecordError, match="There is no run"):
            rows_of(recorded.folder, runs[1])
        gc(recorded.folder)
    assert deleted(recorded.folder) == set()
    (made,) = files(recorded.folder)
    assert runs[1] not in text_of(made)
    assert check(made).is_sound


def test_the_last_run_of_a_file_takes_it_along(recorded):
    runs = recorded.add((double, {"x": 1}), (double, {"x": 2}))
    for run in runs:
        delete(recorded.folder, run)
    assert gc(recorded.folder) > 0
    assert recorded.names() == []


def test_a_run_of_a_file_with_a_fault_is_deleted_too(recorded):
    runs = recorded.add((double, {"x": 1}), (double, {"x": 2}), (double, {"x": 3}))
    data = recorded.path.read_bytes()
    recorded.path.write_bytes(data.replace(b'"json":4', b'"json":5') + b"rubbish\n")
    delete(recorded.folder, runs[0])
    delete(recorded.folder, runs[1])
    gc(recorded.folder)
    assert deleted(recorded.folder) == set()
    assert [v.outputs for v in views(recorded.folder)] == [6]
    assert recorded.path.read_bytes().endswith(b"rubbish\n")


def test_a_run_that_goes_on_is_not_deleted_and_one_that_ended_beside_it_is(recorded):
    go, begun = threading.Event(), threading.Event()

    @function
    def waits() -> int:
        begun.set()
        go.wait(20)
        return 1

    with Journal(recorded.folder) as journal, Runtime([waits, double], sink=journal) as runtime:
        node = runtime.get_ctx().invoke(waits, {})
        assert begun.wait(20)
        runtime.get_ctx().invoke(double, {"x": 1}).wait()
        assert journal.sync() is None
        running, ended = recorded.runs()
        with pytest.raises(RecordError, match="has not ended"):
            delete(recorded.folder, running)
        delete(recorded.folder, ended)
        assert recorded.runs() == [running]
        gc(recorded.folder)
        assert deleted(recorded.folder) == {ended}
        assert recorded.runs() == [running]
        go.set()
        node.wait()
    gc(recorded.folder)
    assert deleted(recorded.folder) == set()
    assert recorded.runs() == [running]


def test_a_run_that_was_cut_off_is_deleted(recorded):
    (run,) = recorded.add((double, {"x": 1}))
    lines = recorded.path.read_bytes().splitlines(keepends=True)
    ends = [n for n, line in enumerate(lines) if b'"NodeClosed"' in line]
    recorded.path.write_bytes(b"".join(lines[: ends[0]]))
    delete(recorded.folder, run)
    assert recorded.runs() == []


def test_a_pinned_run_is_not_deleted(recorded):
    runs = recorded.add((double, {"x": 1}), (double, {"x": 2}))
    pin(recorded.folder, runs[0])
    pin(recorded.folder, runs[0])
    assert pinned(recorded.folder) == {runs[0]}
    with pytest.raises(RecordError, match="is pinned"):
        delete(recorded.folder, runs[0])
    gc(recorded.folder)
    assert recorded.runs() == runs
    unpin(recorded.folder, runs[0])
    unpin(recorded.folder, runs[0])
    delete(recorded.folder, runs[0])
    assert recorded.runs() == runs[1:]


@pytest.mark.parametrize("name", ["../x", "", ".hidden", "a/b", "x" * 300, "a\0b", None, "..", "*"])
def test_what_is_no_run_is_neither_deleted_nor_pinned(recorded, name):
    recorded.add((double, {"x": 1}))
    before = recorded.names()
    for ask in (delete, pin, unpin):
        with pytest.raises(RecordError, match="names no run"):
            ask(recorded.folder, name)
    for ask in (delete, pin):
        with pytest.raises(RecordError, match="There is no run"):
            ask(recorded.folder, "20200101-000000-00000000-1.1")
    assert recorded.names() == before


# Clearing up.


@pytest.mark.slow
def test_artifacts_that_no_run_names_are_removed_and_shared_ones_stay(recorded):
    own, shared = recorded.text("a"), recorded.text("b")
    other = recorded.text("b")
    kept = Artifacts(recorded.folder)
    loose = kept.put(b"nobody's")
    aged(recorded.folder)
    delete(recorded.folder, own)
    delete(recorded.folder, shared)
    assert len(recorded.artifacts()) == 3
    assert gc(recorded.folder) > 20_000
    (left,) = recorded.artifacts()
    assert left != loose
    assert kept.get(left) == f'"{"b" * 20_000}"'.encode()
    assert recorded.runs() == [other]
    assert gc(recorded.folder) == 0


def test_what_is_young_is_spared(recorded):
    kept = Artifacts(recorded.folder)
    digest = kept.put(b"on its way")
    gc(recorded.folder)
    assert kept.has(digest)
    aged(recorded.folder)
    kept.put(b"on its way")
    gc(recorded.folder)
    assert kept.has(digest)
    aged(recorded.folder)
    gc(recorded.folder)
    assert not kept.has(digest)
    assert kept.get(kept.put(b"on its way")) == b"on its way"


def test_what_is_put_while_it_is_cleared_up_is_there(recorded, monkeypatch):
    kept = Artifacts(recorded.folder)
    digest = kept.put(b"again")
    aged(recorded.folder)
    monkeypatch.setattr(retention, "files", lambda place: kept.put(b"again") and [])
    gc(recorded.folder)
    assert kept.get(digest) == b"again"


def test_one_that_was_being_judged_when_the_process_died_is_back(recorded):
    recorded.text("a")
    (digest,) = recorded.artifacts()
    path = Artifacts(recorded.folder).path(digest)
    path.rename(path.parent / f"{retention.ASIDE}{path.name}")
    aged(recorded.folder)
    gc(recorded.folder)
    assert list(recorded.artifacts()) == [digest]


def test_artifacts_of_a_file_that_is_written_are_spared(recorded):
    with Journal(recorded.folder) as journal, Runtime([double], sink=journal) as runtime:
        digest = journal.artifacts.put(b"x" * 20_000)
        runtime.get_ctx().invoke(double, {"x": 1}).wait()
        assert journal.sync() is None
        recorded.path = journal.path
        named = f'"artifact":"{digest}"'
        with journal.path.open("a") as file:  # as another line of it would
            file.write("{" + named + "}\n")
        aged(recorded.folder)
        gc(recorded.folder)
        assert journal.artifacts.has(digest)


def test_nothing_is_removed_while_a_file_cannot_be_read(recorded):
    recorded.text("a")
    (made,) = compact(recorded.folder)
    made.write_bytes(made.read_bytes()[:-9])
    aged(recorded.folder)
    gc(recorded.folder)
    assert len(recorded.artifacts()) == 1


def test_what_a_power_cut_left_is_cleared_up_once_it_is_old(recorded):
    recorded.text("a")
    (digest,) = recorded.artifacts()
    beside = Artifacts(recorded.folder).path(digest).parent
    left = [recorded.folder / ".new-0123", beside / ".new-4567"]
    for path in left:
        path.write_bytes(b"half")
    gc(recorded.folder)
    assert all(path.exists() for path in left)
    aged(recorded.folder)
    assert gc(recorded.folder) >= 8
    assert not any(path.exists() for path in left)


@pytest.mark.slow
def test_a_bit_flipped_anywhere_in_a_packed_file_takes_no_other_with_it(recorded):
    recorded.add((double, {"x": 1}))
    recorded.add((double, {"x": 2}))
    compact(recorded.folder)
    hurt = files(recorded.folder)[0]
    whole = hurt.read_bytes()
    for place in range(20, len(whole), len(whole) // 40):
        hurt.write_bytes(whole[:place] + bytes([whole[place] ^ 0x81]) + whole[place + 1 :])
        assert len(sql("SELECT run FROM runs", recorded.folder)) >= 1, place
        assert len(sizes(recorded.folder).runs) >= 1, place


def test_a_damaged_name_that_duckdb_cannot_say_takes_no_other_with_it(recorded):
    recorded.add((double, {"x": 1}))
    recorded.add((double, {"x": 2}))
    compact(recorded.folder)
    hurt = files(recorded.folder)[0]
    whole = hurt.read_bytes()
    places = [found.start() for found in re.finditer(rb"event|line|time|node", whole)]
    assert len(places) >= 4
    for place in places:
        hurt.write_bytes(whole[:place] + b"\xef" + whole[place + 1 :])
        assert len(sql("SELECT run FROM runs", recorded.folder)) >= 1, place


def test_folders_with_the_names_of_files_are_left_alone(recorded):
    recorded.add((double, {"x": 1}), (double, {"x": 2}))
    gone, kept = sorted(row["run"] for row in recorded.rows() if row["event"] == "RunBegan")
    names = ("x.peculiar.parquet", "y.jsonl", ".new-z", "merged/z.parquet", "merged/.new-z")
    left = [recorded.folder / name for name in (*names, f"artifacts/aa/{'b' * 62}")]
    for path in left:
        path.mkdir(parents=True)
    delete(recorded.folder, gone)
    aged(recorded.folder)

    assert gc(recorded.folder) > 0

    assert all(path.is_dir() for path in left)
    assert deleted(recorded.folder) == set()
    assert sql("SELECT run FROM runs", recorded.folder).run.tolist() == [kept]
    assert sizes(recorded.folder).runs.keys() == {kept}


def test_a_damaged_file_takes_no_other_with_it_when_sizes_are_asked(recorded):
    recorded.add((double, {"x": 1}))
    (made,) = compact(recorded.folder)
    (recorded.folder / "20200101-000000000-aaaaaaaa.parquet").write_bytes(b"PAR1 rubbish")
    found = sizes(recorded.folder)
    assert len(found.runs) == 1
    assert found.file_bytes > made.stat().st_size


def test_sizes_count_what_is_shared_once(recorded):
    first, second = recorded.text("a"), recorded.text("a")
    third = recorded.text("b")
    found = sizes(recorded.folder)
    assert list(found.runs) == [first, second, third]
    assert [one.artifact_bytes for one in found.runs.values()] == [20_002] * 3
    assert found.artifact_bytes == 40_004
    assert found.total_bytes == found.file_bytes + 40_004
    lines = [row for row in recorded.rows() if row["run"] == first]
    assert found.runs[first].lines == len(lines)
    before = found.runs
    compact(recorded.folder)
    packed = sizes(recorded.folder)
    assert packed.runs == before
    assert packed.total_bytes < found.total_bytes


def test_a_folder_that_is_not_there_is_nothing_to_do(tmp_path):
    assert compact(tmp_path / "nothing") == []
    assert gc(tmp_path / "nothing") == 0
    assert sizes(tmp_path / "nothing").total_bytes == 0
    assert pinned(tmp_path / "nothing") == deleted(tmp_path / "nothing") == set()


def test_only_one_process_clears_up_at_a_time(recorded):
    recorded.add((double, {"x": 1}))
    with retention._alone(recorded.folder) as is_alone:
        assert is_alone
        assert compact(recorded.folder) == []
        assert gc(recorded.folder) == 0
    assert len(compact(recorded.folder)) == 1


def test_without_duckdb_lines_stay_lines_and_runs_are_deleted_all_the_same(recorded, monkeypatch):
    runs = recorded.add((double, {"x": 1}), (double, {"x": 2}))
    monkeypatch.setitem(sys.modules, "duckdb", None)
    assert compact(recorded.folder) == []
    delete(recorded.folder, runs[0])
    gc(recorded.folder)
    assert recorded.runs() == runs[1:]
    assert files(recorded.folder) == [recorded.path]
    assert runs[0].encode() not in recorded.path.read_bytes()


# Killed, and side by side.


PACKS = """
import sys
from netflux_nb.record.retention import compact, gc
while True:
    print("begin", flush=True)
    compact(sys.argv[1]) if sys.argv[2] == "compact" else gc(sys.argv[1])
    if sys.argv[2] != "compact" or sys.argv[3] == "once":
        break
"""


@pytest.mark.slow
@pytest.mark.parametrize("what", ["compact", "gc"])
def test_a_process_that_is_killed_while_it_packs_loses_nothing(recorded, what, chance):
    many_files(recorded, 12)
    rows = sorted(map(str, recorded.rows()))
    runs = sorted(recorded.runs())
    packed = set()
    for _ in range(5):
        running = subprocess.Popen(
            [sys.executable, "-c", PACKS, str(recorded.folder), what, "once"],
            stdout=subprocess.PIPE,
        )
        running.stdout.readline()
        threading.Event().wait(chance.uniform(0.05, 0.5))  # anywhere in the middle of it
        running.send_signal(signal.SIGKILL)
        running.wait(20)
        running.stdout.close()
        assert sorted(map(str, recorded.rows())) == rows
        assert sorted(sql("SELECT run FROM runs", recorded.folder).run) == runs
        packed |= {p.name for p in files(recorded.folder) if p.suffix == ".parquet"}
        assert all(check(path).is_sound for path in files(recorded.folder))
    compact(recorded.folder)
    assert {p.suffix for p in files(recorded.folder)} == {".parquet"}
    assert not list(recorded.folder.glob("*.jsonl"))
    assert sorted(map(str, recorded.rows())) == rows
    aged(recorded.folder)
    gc(recorded.folder)
    assert not list(recorded.folder.glob(".new-*"))


ENDS = """
import sys, threading
from netflux_nb.record.retention import compact
packing = threading.Thread(target=compact, args=sys.argv[1:2], daemon=True)
packing.start()
packing.join(float(sys.argv[2]))
"""


@pytest.mark.slow
def test_a_process_may_end_while_a_thread_of_it_packs(recorded):
    many_files(recorded, 14)
    rows = sorted(map(str, recorded.rows()))
    for wait_s in (0.0, 0.05, 0.2, 0.3, 0.4):
        command = [sys.executable, "-c", ENDS, str(recorded.folder), str(wait_s)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")
        assert sorted(map(str, recorded.rows())) == rows


@pytest.mark.slow
def test_a_process_that_is_killed_while_it_deletes_loses_no_other_run(recorded, chance):
    many_files(recorded, 6)
    compact(recorded.folder)
    left = recorded.runs()
    for _ in range(4):
        gone, left = left[0], left[1:]
        delete(recorded.folder, gone)
        running = subprocess.Popen(
            [sys.executable, "-c", PACKS, str(recorded.folder), "gc", "once"],
            stdout=subprocess.PIPE,
        )
        running.stdout.readline()
        threading.Event().wait(chance.uniform(0.02, 0.25))
        running.send_signal(signal.SIGKILL)
        running.wait(20)
        running.stdout.close()
        assert recorded.runs() == left
        assert all(check(path).is_sound for path in files(recorded.folder))
    gc(recorded.folder)
    assert recorded.runs() == left
    assert deleted(recorded.folder) == set()


@pytest.mark.slow
def test_two_processes_pack_and_a_reader_always_sees_all(recorded):
    many_files(recorded, 10)
    runs = sorted(recorded.runs())
    rows = sorted(map(str, recorded.rows()))
    command = [sys.executable, "-c", PACKS, str(recorded.folder), "compact", "once"]
    packing = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(2)]
    while any(one.poll() is None for one in packing):
        assert sorted(sql("SELECT run FROM runs", recorded.folder).run) == runs
        assert sorted(map(str, recorded.rows())) == rows
    assert [one.returncode for one in packing] == [0, 0]
    compact(recorded.folder)
    assert sorted(map(str, recorded.rows())) == rows
    assert {p.suffix for p in files(recorded.folder)} == {".parquet"}


@pytest.mark.parametrize("is_packed", [False, True])
def test_a_deleted_run_stays_deleted_where_somebody_asks_while_it_is_cleared_up(
    recorded, is_packed
):
    gone, left = recorded.add((double, {"x": 1}), (double, {"x": 2}))
    if is_packed:
        compact(recorded.folder)
    delete(recorded.folder, gone)

    with asking(recorded.folder):
        gc(recorded.folder, young_s=0)
    assert deleted(recorded.folder) == {gone}, "its file could not be written anew"
    assert recorded.runs() == [left]

    gc(recorded.folder, young_s=0)
    assert not deleted(recorded.folder)
    assert recorded.runs() == [left]
    assert not list(recorded.folder.glob(f"{retention.TEMPORARY}*"))
