"""Many small files are asked as one, and are what is read, deleted and given away all the same."""

import signal
import subprocess
import sys
import threading

import pytest

from netflux_nb.core.errors import RecordError
from netflux_nb.record import bundle, merged, packing
from netflux_nb.record.reading import check, files
from netflux_nb.record.retention import compact, delete, gc, pin, sizes, unpin
from netflux_nb.record.sql.engine import connected
from netflux_nb.record.sql.sql_views import VIEWS
from netflux_nb.record.sql.store import source_of, sql

from .conftest import double, many_files


@pytest.fixture
def many(recorded):
    """A record of six packed files, of which five would be one."""
    many_files(recorded, 6)
    compact(recorded.folder, many=5)
    return recorded


def runs_of(folder):
    return sorted(sql("SELECT run FROM runs", folder).run)


def copies(folder):
    return sorted((folder / merged.FOLDER).glob("*.parquet"))


def packed(folder):
    return list(source_of(folder).packed)


def test_many_small_files_are_asked_as_one(many):
    assert packed(many.folder) == copies(many.folder)
    assert len(files(many.folder)) == 6
    with_copy = {view: sql(f"SELECT * FROM {view}", many.folder) for view in VIEWS}
    for path in copies(many.folder):
        path.with_suffix(".json").unlink()
    assert packed(many.folder) == files(many.folder)
    for view, asked in with_copy.items():
        alone = sql(f"SELECT * FROM {view}", many.folder)
        # These files begin in the same moment: which was the first is not told.
        columns = [name for name in alone.columns if (view, name) != ("functions", "segment")]
        same = [f[columns].sort_values(columns[:3], ignore_index=True) for f in (asked, alone)]
        assert same[0].equals(same[1]), view


def test_a_few_files_stay_as_they_are(recorded):
    many_files(recorded, 6)
    compact(recorded.folder)
    assert not (recorded.folder / merged.FOLDER).exists()


def test_what_comes_later_is_asked_beside_and_in_time_becomes_one_with_it(many):
    (first,) = copies(many.folder)
    (run,) = many.add((double, {"x": 1}))
    assert run in runs_of(many.folder)
    compact(many.folder, many=5)
    assert len(packed(many.folder)) == 2
    many.add((double, {"x": 2}))
    compact(many.folder, many=2)

    (second,) = packed(many.folder)
    assert copies(many.folder) == [second] != [first]
    assert runs_of(many.folder) == sorted(many.runs())


def test_a_large_file_stands_for_itself(many):
    for path in (many.folder / merged.FOLDER).iterdir():
        path.unlink()
    compact(many.folder, many=5, small_bytes=10)
    assert packed(many.folder) == files(many.folder)


def test_a_deleted_run_is_not_seen_and_leaves_no_copy(many):
    runs = runs_of(many.folder)
    gone, other = runs[0], runs[1]
    pin(many.folder, other)
    delete(many.folder, gone)
    assert runs_of(many.folder) == runs[1:]
    gc(many.folder)
    compact(many.folder, many=5)

    for path in [*files(many.folder), *copies(many.folder)]:
        assert gone not in {line.run for line in packing.packed_lines(path)}
    assert runs_of(many.folder) == runs[1:]
    assert len(packed(many.folder)) == 1
    unpin(many.folder, other)
    delete(many.folder, other)
    gc(many.folder)
    assert runs_of(many.folder) == runs[2:]


def test_a_run_is_given_away_from_its_own_file(many, tmp_path):
    run = runs_of(many.folder)[2]
    bundle.write(many.folder, [run], tmp_path / "one.nfrun")
    assert runs_of(bundle.opened(tmp_path / "one.nfrun")) == [run]


@pytest.mark.parametrize(
    "spoil",
    {
        "cut": lambda data: data[: len(data) // 2],
        "empty": lambda data: b"",
        "no parquet": lambda data: b"PAR1 nothing of the kind PAR1",
    }.values(),
    ids=["cut", "empty", "no parquet"],
)
def test_a_damaged_copy_hides_nothing_and_is_made_anew(many, spoil):
    (path,) = copies(many.folder)
    runs = runs_of(many.folder)
    path.write_bytes(spoil(path.read_bytes()))
    assert runs_of(many.folder) == runs
    many.add((double, {"x": 1}))
    compact(many.folder, many=1)
    compact(many.folder, many=1)
    assert runs_of(many.folder) == sorted(many.runs())
    assert all(packing.is_packed(path) for path in packed(many.folder))


@pytest.mark.parametrize(
    "words", ["", "{", "[]", '{"a": 1}', '{"x.parquet": [1, 2]}', "[" * 10_000, '{"a": [null, {}]}']
)
def test_names_that_say_nothing_stand_for_nothing(many, words):
    (path,) = copies(many.folder)
    runs = runs_of(many.folder)
    path.with_suffix(".json").write_text(words)
    assert packed(many.folder) == files(many.folder)
    compact(many.folder, many=5)
    assert runs_of(many.folder) == runs
    assert len(packed(many.folder)) == 1


def test_no_run_is_seen_twice_where_two_copies_hold_it(many):
    (path,) = copies(many.folder)
    for suffix in (".parquet", ".json"):  # killed between a new one and the old
        (path.parent / f"other{suffix}").write_bytes(path.with_suffix(suffix).read_bytes())
    assert runs_of(many.folder) == sorted(many.runs())
    compact(many.folder, many=5)
    assert len(copies(many.folder)) == 1


def test_a_damaged_file_takes_no_other_with_it(recorded):
    many_files(recorded, 7)
    compact(recorded.folder)
    bad = files(recorded.folder)[3]
    bad.write_bytes(b"no parquet")
    compact(recorded.folder, many=5)
    assert len(copies(recorded.folder)) == 1
    assert bad in packed(recorded.folder)
    assert len(runs_of(recorded.folder)) == 6


def test_copies_count_as_what_is_on_the_disk(many):
    on_disk = sum(path.stat().st_size for path in many.folder.rglob("*") if path.is_file())
    assert sizes(many.folder).total_bytes == on_disk


MERGES = """
import os, sys
from pathlib import Path
from netflux_nb.record.retention import compact
folder = Path(sys.argv[1])
one = min(folder.glob("*.parquet"))
print("begin", flush=True)
for _ in range(int(sys.argv[2])):
    os.utime(one)  # what was copied is not what is there any more
    compact(folder, many=5)
"""


def merging(folder, times):
    command = [sys.executable, "-c", MERGES, str(folder), str(times)]
    started = subprocess.Popen(command, stdout=subprocess.PIPE)
    started.stdout.readline()
    return started


@pytest.mark.slow
def test_a_process_that_is_killed_while_it_merges_loses_nothing(many, monkeypatch, chance):
    runs = runs_of(many.folder)
    for _ in range(4):
        started = merging(many.folder, 1_000)
        threading.Event().wait(chance.uniform(0.0, 0.4))  # anywhere in the middle of it
        started.send_signal(signal.SIGKILL)
        started.wait(20)
        started.stdout.close()
        assert runs_of(many.folder) == runs
        assert all(check(path).is_sound for path in files(many.folder))
    compact(many.folder, many=5)
    assert len(packed(many.folder)) == 1
    gc(many.folder, young_s=-1.0)
    left = {path.suffix for path in (many.folder / merged.FOLDER).iterdir()}
    assert (runs_of(many.folder), left) == (runs, {".parquet", ".json"})


@pytest.mark.slow
def test_two_processes_merge_and_a_reader_always_sees_all(many):
    runs = runs_of(many.folder)
    started = [merging(many.folder, 12) for _ in range(2)]
    while any(one.poll() is None for one in started):
        assert runs_of(many.folder) == runs
    for one in started:
        one.stdout.close()
    assert [one.returncode for one in started] == [0, 0]
    compact(many.folder, many=5)
    assert (runs_of(many.folder), len(packed(many.folder))) == (runs, 1)


def test_files_with_a_line_that_is_none_are_not_made_one(tmp_path):
    with connected() as db:
        for name, line in (("a", "{}"), ("b", "no line")):
            columns = ", ".join(f"NULL::{kind} AS {one}" for one, kind in packing._COLUMNS.items())
            asked = f"SELECT * REPLACE ('{line}' AS line) FROM (SELECT {columns})"
            db.execute(f"COPY ({asked}) TO '{tmp_path / name}.parquet' (FORMAT parquet)")
    packing.merge([tmp_path / "a.parquet"], tmp_path / "one.parquet")
    with pytest.raises(RecordError, match="cannot be made one: there is a line that is none"):
        packing.merge([tmp_path / "a.parquet", tmp_path / "b.parquet"], tmp_path / "two.parquet")
