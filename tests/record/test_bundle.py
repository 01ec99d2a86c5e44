"""Runs in one file, and files that are none (rows F of the record)."""

import contextlib
import io
import json
import stat
import struct
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest
from record_views import views

from netflux_nb import NetfluxError, Runtime, agent
from netflux_nb.core.errors import ArgumentError, RecordError
from netflux_nb.record import bundle
from netflux_nb.record.chain import hash_of, line_of, words_of
from netflux_nb.record.codecs.artifacts import Artifacts
from netflux_nb.record.journal import Journal
from netflux_nb.record.reading import check, files, rows_of
from netflux_nb.record.retention import compact, delete
from netflux_nb.record.sql.store import sql
from netflux_nb.run.listing import Runs
from netflux_nb.testing import ScriptedModel

from .conftest import asks, double, fan


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """Where bundles are laid out, so that what is left of one is seen."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


@pytest.fixture
def shared(recorded, tmp_path):
    """A bundle of one run that holds a large value, from a file with others."""
    recorded.add((double, {"x": 1}))
    run = recorded.text("a")
    recorded.add((double, {"x": 2}))
    path = tmp_path / "one.nfrun"
    bundle.write(recorded.folder, [run], path)
    return path, run


@pytest.mark.slow
@pytest.mark.parametrize("is_packed", [False, True])
def test_a_bundle_holds_runs_that_are_read_and_asked_as_ever(recorded, tmp_path, is_packed):
    runs = recorded.add((double, {"x": 1}), (fan, {"n": 3}), (asks, {"q": "?"}))
    runs.append(recorded.text("a"))
    if is_packed:
        compact(recorded.folder)
    picked = [runs[1], runs[2], runs[3]]
    bundle.write(recorded.folder, picked, tmp_path / "some.nfrun")
    folder = bundle.opened(tmp_path / "some.nfrun")
    for run in picked:
        assert rows_of(folder, run).rows == rows_of(recorded.folder, run).rows
    assert all(check(path).is_sound for path in files(folder))
    assert [v.outputs for v in views(folder)] == [6, "done", "a" * 20_000]
    assert sorted(sql("SELECT run FROM runs", folder).run) == sorted(picked)
    known = sql("SELECT fn FROM functions", folder).fn.tolist()
    assert {"fan", "double", "asks", "repeat"} <= set(known)
    assert len(sql("SELECT * FROM environments", folder)) == 2
    assert dict(Artifacts(folder)) == recorded.artifacts()
    assert folder.stat().st_mode & 0o077 == 0


def test_a_function_that_is_first_called_after_the_runs_is_not_in_it(recorded, tmp_path):
    runs = recorded.add((double, {"x": 1}), (asks, {"q": "?"}))
    bundle.write(recorded.folder, runs[:1], tmp_path / "one.nfrun")
    folder = bundle.opened(tmp_path / "one.nfrun")
    rows = [row for path in files(folder) for row in check(path).rows]
    named = [row["name"] for row in rows if row["event"] == "Function"]
    environments = [row for row in rows if row["event"] == "Environment"]
    assert "double" in named
    assert len(environments) == 1
    assert "asks" not in named or rows.index(environments[0]) > 3


@pytest.mark.parametrize("is_packed", [False, True])
def test_the_code_of_others_is_not_in_it(recorded, tmp_path, is_packed):
    """In a kernel all runs share a file: a colleague is given what these runs called."""
    before, mine, _, again = recorded.add(
        (asks, {"q": "?"}), (fan, {"n": 2}), (asks, {"q": "!"}), (fan, {"n": 3})
    )
    if is_packed:
        compact(recorded.folder)
    bundle.write(recorded.folder, [mine, again], tmp_path / "two.nfrun")
    folder = bundle.opened(tmp_path / "two.nfrun")

    (path,) = files(folder)
    rows = check(path).rows
    assert sorted(row["name"] for row in rows if row["event"] == "Function") == ["double", "fan"]
    assert b"asks" not in path.read_bytes()
    for run in (mine, again):
        assert rows_of(folder, run).rows == rows_of(recorded.folder, run).rows
    bundle.write(recorded.folder, [before], tmp_path / "one.nfrun")
    (path,) = files(bundle.opened(tmp_path / "one.nfrun"))
    named = [row["name"] for row in check(path).rows if row["event"] == "Function"]
    assert sorted(named) == ["asks", "double"]


def test_large_source_of_others_is_not_in_it(recorded, tmp_path):
    long = agent("long(q: str)", "{q}" + " much" * 10_000, model="scripted")
    script = ScriptedModel(lambda request: "done")
    with (
        Journal(recorded.folder) as journal,
        Runtime([long, double], models={"scripted": script}, sink=journal) as runtime,
    ):
        for fn, inputs in ((long, {"q": "?"}), (double, {"x": 1})):
            runtime.get_ctx().invoke(fn, inputs).wait()
    run = recorded.runs()[-1]
    assert recorded.artifacts()
    bundle.write(recorded.folder, [run], tmp_path / "one.nfrun")

    assert dict(Artifacts(bundle.opened(tmp_path / "one.nfrun"))) == {}


def test_the_same_runs_give_the_same_bytes(shared, recorded, tmp_path):
    path, run = shared
    bundle.write(recorded.folder, [run, run], tmp_path / "again.nfrun")
    assert (tmp_path / "again.nfrun").read_bytes() == path.read_bytes()
    bundle.write(recorded.folder, [run], path)
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == ["again.nfrun", "one.nfrun"]


def test_a_bundle_of_a_bundle_is_the_same(shared, tmp_path):
    path, run = shared
    folder = bundle.opened(path)
    bundle.write(folder, [run], tmp_path / "again.nfrun")
    assert (tmp_path / "again.nfrun").read_bytes() == path.read_bytes()


def test_runs_that_cannot_be_given_away_are_one_line(shared, recorded, tmp_path):
    _, run = shared
    target = tmp_path / "no.nfrun"
    for runs, why in [
        ([], "one run at least"),
        (["x-1.1"], "There is no run 'x-1.1'"),
        (["../x"], "names no run"),
        ([run.rpartition("-")[0] + "-9.9"], "There is no run"),
    ]:
        with pytest.raises(RecordError, match=why):
            bundle.write(recorded.folder, runs, target)
    (digest,) = recorded.artifacts()
    artifact = Artifacts(recorded.folder).path(digest)
    data = artifact.read_bytes()
    artifact.unlink()
    with pytest.raises(RecordError, match="is missing"):
        bundle.write(recorded.folder, [run], target)
    artifact.write_bytes(data)
    delete(recorded.folder, run)
    with pytest.raises(RecordError, match="There is no run"):
        bundle.write(recorded.folder, [run], target)
    assert not target.exists()
    assert not list(tmp_path.glob(".new-*"))


def test_a_run_that_was_altered_is_not_given_away(recorded, tmp_path):
    (run,) = recorded.add((double, {"x": 1}))
    recorded.path.write_bytes(recorded.path.read_bytes().replace(b'"json":2', b'"json":3'))
    with pytest.raises(RecordError, match="is not as it was written"):
        bundle.write(recorded.folder, [run], tmp_path / "no.nfrun")


def test_the_folder_is_gone_when_the_process_has_ended(shared, temporary):
    code = (
        "import sys; from netflux_nb.record.bundle import opened; f = opened(sys.argv[1]); "
        "print(f, any(f.iterdir()))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, str(shared[0])], capture_output=True, text=True, check=True
    ).stdout.split()
    assert said[1] == "True"
    assert not Path(said[0]).exists()


# What is wrong with a bundle: each takes its members apart and puts something else together.


def parts_of(path):
    with zipfile.ZipFile(path) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def put_together(path, parts, **options):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in parts.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = options.get("how", zipfile.ZIP_DEFLATED)
            info.external_attr = options.get("modes", {}).get(name, 0o600) << 16
            made.writestr(info, data)


def named(parts, start):
    return next(name for name in parts if name.startswith(start))


def changed(name, change):
    def do(parts):
        key = named(parts, name)
        return {**parts, key: change(parts[key])}

    return do


def with_manifest(**words):
    return changed("manifest", lambda data: json.dumps({**json.loads(data), **words}).encode())


def renamed(start, name):
    return lambda parts: {name if k == named(parts, start) else k: v for k, v in parts.items()}


def another_line(data):
    words = '{"v":1,"run":"x-1.1","seq":1,"time":1,"node":1,"event":"StatusSet","text":"hello"'
    first = json.loads(data.splitlines()[0])["hash"]
    return data + line_of(words, hash_of(first, words)).encode()


WRONG = {
    "above": renamed("artifacts", "../../evil"),
    "absolute": renamed("artifacts", "/tmp/evil"),
    "a folder": lambda p: {**p, "artifacts/": b""},
    "backslashes": renamed("artifacts", "artifacts\\..\\evil"),
    "hidden": lambda p: {**p, ".gitignore": b"*"},
    "another file": lambda p: {**p, "setup.py": b"import os"},
    "a marker": lambda p: {**p, "deleted/x": b""},
    "a name with a line in it": lambda p: {**p, "segments/a\n.jsonl": b""},
    "no manifest": lambda p: {k: v for k, v in p.items() if k != "manifest.json"},
    "a manifest that is none": lambda p: {**p, "manifest.json": b"{"},
    "a manifest that is a list": lambda p: {**p, "manifest.json": b"[1]"},
    "a deep manifest": lambda p: {**p, "manifest.json": b"[" * 100_000},
    "a long manifest": lambda p: {**p, "manifest.json": b" " * 4_000_001 + p["manifest.json"]},
    "a later version": with_manifest(netflux_bundle=2),
    "a version that is none": with_manifest(netflux_bundle="1"),
    "a later schema": with_manifest(schema=99),
    "no runs": with_manifest(runs=[]),
    "other runs": with_manifest(runs=["x-1.1"]),
    "runs that are paths": with_manifest(runs=["../x"]),
    "runs that are none": with_manifest(runs=5),
    "a wrong hash": changed("artifacts", lambda data: data[:-1] + b"b"),
    "a short artifact": changed("artifacts", lambda data: data[:-1]),
    "a missing artifact": lambda p: {k: v for k, v in p.items() if not k.startswith("artifacts")},
    "nobody's artifact": lambda p: {
        **p,
        "artifacts/e3/b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855": b"",
    },
    "an altered line": changed("segments", lambda data: data.replace(b'"times"', b'"timez"')),
    "a missing line": changed("segments", lambda data: b"".join(data.splitlines(True)[:-2])),
    "no first line": changed("segments", lambda data: b"".join(data.splitlines(True)[1:])),
    "a cut line": changed("segments", lambda data: data + b'{"v":1'),
    "a line of rubbish": changed("segments", lambda data: data + b"\xff\n"),
    "a line of a run that it does not name": changed("segments", another_line),
    "a run in another's file": renamed("segments", "segments/another.jsonl"),
    "no lines": lambda p: {k: v for k, v in p.items() if not k.startswith("segments")},
}


def refused(path, temporary, **limits):
    with pytest.raises(RecordError, match=r"is no bundle of runs|There is no bundle") as caught:
        bundle.opened(path, limits=bundle.BundleLimits(**limits))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300
    assert list(temporary.iterdir()) == []
    return str(caught.value)


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_bundle_with_anything_wrong_is_one_line_and_leaves_nothing(
    shared, tmp_path, temporary, wrong
):
    parts = parts_of(shared[0])
    put_together(tmp_path / "same.nfrun", parts)
    assert bundle.opened(tmp_path / "same.nfrun").is_dir()
    for folder in temporary.iterdir():
        folder.rename(tmp_path / folder.name)
    put_together(tmp_path / "wrong.nfrun", wrong(parts))
    refused(tmp_path / "wrong.nfrun", temporary)
    assert not (tmp_path.parent / "evil").exists()
    assert not (tmp_path / "evil").exists()
    assert not Path("/tmp/evil").exists()


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO])
def test_what_is_no_plain_file_is_refused(shared, tmp_path, temporary, kind):
    parts = parts_of(shared[0])
    key = named(parts, "artifacts")
    put_together(tmp_path / "link.nfrun", {**parts, key: b"/etc/passwd"}, modes={key: kind | 0o777})
    assert "no plain file" in refused(tmp_path / "link.nfrun", temporary)


def test_a_member_that_is_there_twice_is_refused(shared, tmp_path, temporary):
    parts = parts_of(shared[0])
    target = tmp_path / "twice.nfrun"
    put_together(target, parts)
    with zipfile.ZipFile(target, "a") as made, pytest.warns(UserWarning, match="Duplicate"):
        made.writestr("manifest.json", parts["manifest.json"])
    assert "twice" in refused(target, temporary)


def test_another_way_to_pack_is_refused(shared, tmp_path, temporary):
    put_together(tmp_path / "lzma.nfrun", parts_of(shared[0]), how=zipfile.ZIP_LZMA)
    assert "packed in a way" in refused(tmp_path / "lzma.nfrun", temporary)


def test_one_that_asks_for_a_password_is_refused(shared, tmp_path, temporary):
    data = bytearray(shared[0].read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(mark)
        while at >= 0:
            data[at + place] |= 1
            at = data.find(mark, at + 1)
    (tmp_path / "locked.nfrun").write_bytes(data)
    assert "no plain file" in refused(tmp_path / "locked.nfrun", temporary)


def test_a_member_that_holds_more_than_it_claims_is_stopped(shared, tmp_path, temporary):
    parts = parts_of(shared[0])
    key = named(parts, "artifacts")
    target = tmp_path / "bomb.nfrun"
    put_together(target, {**parts, key: b"a" * 5_000_000})
    data = target.read_bytes()
    small = data.replace(struct.pack("<L", 5_000_000), struct.pack("<L", 20_000))
    assert small != data
    target.write_bytes(small)
    refused(target, temporary)


def test_one_that_claims_too_much_is_refused_before_it_is_inflated(
    shared, tmp_path, temporary, monkeypatch
):
    monkeypatch.setattr(bundle, "_inflate", None)
    assert "claims" in refused(shared[0], temporary, bytes=10_000)
    assert "claims" in refused(shared[0], temporary, bytes=10_000_000, line_bytes=100)
    assert "3 members, of 2" in refused(shared[0], temporary, members=2)
    monkeypatch.undo()


def test_one_with_a_huge_number_of_members_is_refused_before_they_are_listed(tmp_path, temporary):
    target = tmp_path / "many.nfrun"
    put_together(target, {f"artifacts/{n}": b"" for n in range(50)})
    data = bytearray(target.read_bytes())
    at = data.rfind(b"PK\x05\x06")
    data[at + 8 : at + 12] = b"\xff\xff\xff\xff"
    target.write_bytes(data)
    # There are fifty: who lists them says that it is no archive.
    assert "65,535 members" in refused(target, temporary)


def test_a_file_that_is_cut_anywhere_is_refused(shared, tmp_path, temporary):
    data = shared[0].read_bytes()
    target = tmp_path / "cut.nfrun"
    for size in [0, 1, 21, 22, *range(30, len(data), max(1, len(data) // 25)), len(data) - 1]:
        target.write_bytes(data[:size])
        refused(target, temporary)
    target.unlink()
    refused(target, temporary)
    target.mkdir()
    refused(target, temporary)


def test_a_flipped_bit_is_refused_or_does_no_harm(shared, tmp_path, temporary, chance):
    data = shared[0].read_bytes()
    target = tmp_path / "spoilt.nfrun"
    for _ in range(40):
        spoilt = bytearray(data)
        spoilt[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        target.write_bytes(spoilt)
        try:
            folder = bundle.opened(target)
        except RecordError:
            assert list(temporary.iterdir()) == []
            continue
        assert rows_of(folder, shared[1]).rows
        folder.rename(tmp_path / folder.name)


def test_too_much_for_one_bundle_is_said_and_not_written(shared, recorded, tmp_path):
    limits = bundle.BundleLimits(bytes=1000)
    with pytest.raises(RecordError, match="a bundle holds 1,000"):
        bundle.write(recorded.folder, [shared[1]], tmp_path / "no.nfrun", limits=limits)
    assert not (tmp_path / "no.nfrun").exists()


def test_what_is_in_it_is_what_is_expected(shared):
    names = list(parts_of(shared[0]))
    assert names[0] == "manifest.json"
    assert len(names) == 3
    assert json.loads(parts_of(shared[0])["manifest.json"])["runs"] == [shared[1]]
    assert io.BytesIO(shared[0].read_bytes()).read(2) == b"PK"


def rebound(data, change):
    """Write the lines of a bundle anew as a stranger can: every hash fits."""
    chains, first, out = {}, "", []
    for raw in data.splitlines():
        row = json.loads(raw)
        del row["hash"]
        words = words_of(change(row))
        if not first:
            mark = first = hash_of("", words)
        else:
            mark = chains[str(row.get("run"))] = hash_of(
                chains.get(str(row.get("run")), first), words
            )
        out.append(line_of(words, mark))
    return "".join(out).encode()


@pytest.mark.parametrize("odd", [["x"], None], ids=repr)
@pytest.mark.parametrize("name", ["fn", "name", "version", "event", "time"])
def test_a_strangers_odd_words_are_no_traceback(shared, tmp_path, name, odd):
    def change(row):
        return {k: odd if k == name and row["event"] != "Segment" else v for k, v in row.items()}

    parts = changed("segments/", lambda data: rebound(data, change))(parts_of(shared[0]))
    put_together(tmp_path / "odd.nfrun", parts)
    try:
        folder = bundle.opened(tmp_path / "odd.nfrun")
    except RecordError:
        return
    strange = Runs(lambda: folder, is_whole=True)
    for look in (
        strange.table,
        lambda: strange.export(tmp_path / "again.nfrun"),
        lambda: strange.last.secrets_scan(),
    ):
        with contextlib.suppress(NetfluxError):
            look()


def test_a_line_that_is_no_event_is_named(shared, tmp_path):
    def change(row):
        return row | ({"time": "noon"} if row["event"] == "NodeStarted" else {})

    parts = changed("segments/", lambda data: rebound(data, change))(parts_of(shared[0]))
    put_together(tmp_path / "odd.nfrun", parts)
    strange = Runs(lambda: bundle.opened(tmp_path / "odd.nfrun"), is_whole=True)
    with pytest.raises(ArgumentError, match=r"Line \d+ of run .*: This is no event"):
        _ = strange.last.recording


def test_a_bundle_that_is_not_there_is_named(tmp_path):
    with pytest.raises(RecordError, match=r"There is no bundle 'none\.nfrun'\."):
        bundle.opened(tmp_path / "none.nfrun")
