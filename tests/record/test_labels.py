"""Tags, notes and titles: kept beside the lines of a run, and read with doubt."""

import json
import threading

import pytest

from netflux_nb.core.errors import ArgumentError, RecordError
from netflux_nb.record import bundle, labels
from netflux_nb.record.labels import Labels
from netflux_nb.record.retention import compact, delete, gc, sizes
from netflux_nb.record.scan import scan
from netflux_nb.record.sql.store import sql

from .conftest import double

KEY = "sk-ant-api03-" + "a1B2c3D4e5" * 6


@pytest.fixture
def run(recorded):
    (name,) = recorded.add((double, {"x": 1}))
    return name


def file_of(recorded, run):
    return recorded.folder / labels.FOLDER / f"{run}.json"


@pytest.mark.parametrize("is_packed", [False, True])
def test_q41_labels_are_kept_and_asked_with_sql(recorded, run, is_packed):
    if is_packed:
        compact(recorded.folder)
    labels.tag(recorded.folder, run, ["baseline", "#study"])
    labels.note(recorded.folder, run, "It's right.\nMostly.")
    labels.rename(recorded.folder, run, "First\nlook")

    found = sql("SELECT tags, note, title, failed FROM runs", recorded.folder).iloc[0]

    assert labels.labels_of(recorded.folder, run) == Labels(
        ("baseline", "study"), "It's right.\nMostly.", "First look"
    )
    assert list(found.tags) == ["baseline", "study"]
    assert (found.note, found.title, found.failed) == ("It's right.\nMostly.", "First look", 0)


def test_q41_what_was_said_is_taken_back(recorded, run):
    labels.tag(recorded.folder, run, ["a", "b", "c"])
    labels.note(recorded.folder, run, "x")
    labels.untag(recorded.folder, run, ["b", "never"])
    assert labels.labels_of(recorded.folder, run) == Labels(("a", "c"), "x")
    labels.untag(recorded.folder, run, [])
    labels.note(recorded.folder, run, "")

    assert not labels.labels_of(recorded.folder, run)
    assert not file_of(recorded, run).exists()
    found = sql("SELECT tags, note, title FROM runs", recorded.folder).iloc[0]
    assert list(found.tags) == []
    assert found.isna().tolist()[1:] == [True, True]


def test_q41_labels_are_bounded(recorded, run):
    folder = recorded.folder
    labels.tag(folder, run, [f"t{n}" for n in range(labels.MOST_TAGS)])

    with pytest.raises(ArgumentError, match="at most 20 tags; this would be 21"):
        labels.tag(folder, run, ["more"])
    with pytest.raises(ArgumentError, match="at most 40 characters; got 41"):
        labels.tag(folder, run, ["x" * 41])
    with pytest.raises(ArgumentError, match="A tag is one word"):
        labels.tag(folder, run, ["two words"])
    with pytest.raises(ArgumentError, match="A tag is one word"):
        labels.tag(folder, run, ["a\u202eb"])
    with pytest.raises(ArgumentError, match="at most 2,000 characters; got 2,001"):
        labels.note(folder, run, "x" * 2_001)
    with pytest.raises(ArgumentError, match="A title has at most 120"):
        labels.rename(folder, run, "x" * 121)
    with pytest.raises(ArgumentError, match="A note is a text; got int"):
        labels.note(folder, run, 1)
    assert len(labels.labels_of(folder, run).tags) == 20


def test_q41_labels_are_of_a_run_that_is_there(recorded, run):
    other = f"{run[:-1]}9"
    with pytest.raises(RecordError, match="There is no run"):
        labels.tag(recorded.folder, other, ["a"])
    with pytest.raises(RecordError, match="names no run"):
        labels.tag(recorded.folder, "../x", ["a"])
    labels.tag(recorded.folder, run, ["a"])
    delete(recorded.folder, run)
    assert not file_of(recorded, run).exists()
    with pytest.raises(RecordError, match="There is no run"):
        labels.tag(recorded.folder, run, ["a"])


def test_q41_a_key_is_taken_out_of_labels(recorded, run):
    labels.note(recorded.folder, run, f"made with {KEY}")
    labels.tag(recorded.folder, run, [KEY[:40]])
    text = file_of(recorded, run).read_text()

    assert KEY not in text
    assert "[redacted" in labels.labels_of(recorded.folder, run).note
    assert scan(recorded.folder, run, {}).is_clean
    file_of(recorded, run).write_text(json.dumps({"note": KEY}))
    assert [where for where, _ in scan(recorded.folder, run, {}).found] == [
        "its tags, note and title"
    ]


DAMAGED = {
    "nothing": b"",
    "half": b'{"tags": ["a"',
    "a list": b"[1, 2]",
    "other types": b'{"tags": {"a": 1}, "note": ["x"], "title": 3}',
    "tags of types": b'{"tags": [1, null, [], {}]}',
    "bytes": b"\xff\xfe\x00{}",
    "deep": b"[" * 60_000,
    "long": b'{"note": "' + b"x" * 100_000 + b'"}',
    "a number": b"1" * 20_000,
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED)
def test_q41_a_damaged_file_says_nothing_and_hides_nothing(recorded, run, data):
    labels.tag(recorded.folder, run, ["a"])
    file_of(recorded, run).write_bytes(data)

    assert labels.labels_of(recorded.folder, run) == Labels()
    assert len(sql("SELECT run, tags, note, title FROM runs", recorded.folder)) == 1
    labels.tag(recorded.folder, run, ["b"])
    assert labels.labels_of(recorded.folder, run) == Labels(("b",))


def test_q41_a_hostile_file_is_cut_and_hides_nothing(recorded, run):
    labels.tag(recorded.folder, run, ["a"])
    words = "\ud800\x00'); DROP VIEW runs; $live $labels --" + "x" * 3_000
    form = {"tags": [words] * 2 + [f"t {n}" for n in range(100)], "note": words, "title": words}
    file_of(recorded, run).write_text(json.dumps(form))
    (recorded.folder / labels.FOLDER / "no run!.json").write_text("{}")
    (recorded.folder / labels.FOLDER / "a folder.json").mkdir()

    found = sql("SELECT tags, note, title FROM runs", recorded.folder).iloc[0]

    assert len(found.tags) == labels.MOST_TAGS
    assert all(len(tag) <= labels.TAG_CHARS and " " not in tag for tag in found.tags)
    assert found.note.startswith("?'); DROP VIEW runs; $live $labels --x")
    assert len(found.note) <= labels.NOTE_CHARS
    assert len(found.title) <= labels.TITLE_CHARS


def test_q41_labels_go_with_a_run_into_a_bundle(recorded, run, tmp_path):
    (other,) = recorded.add((double, {"x": 2}))
    file = tmp_path / "one.nfrun"
    labels.tag(recorded.folder, run, ["baseline"])
    labels.note(recorded.folder, run, "why")
    labels.tag(recorded.folder, other, ["not in it"[:3]])

    bundle.write(recorded.folder, [run], file)
    opened = bundle.opened(file)

    assert dict(labels.all_labels(opened)) == {run: Labels(("baseline",), "why")}
    again = tmp_path / "two.nfrun"
    bundle.write(opened, [run], again)
    assert again.read_bytes() == file.read_bytes()


def test_two_who_tag_at_once_lose_nothing(recorded, run):
    def tag(letter):
        for n in range(5):
            labels.tag(recorded.folder, run, [f"{letter}{n}"])

    threads = [threading.Thread(target=tag, args=(letter,)) for letter in "abc"]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)

    assert sorted(labels.labels_of(recorded.folder, run).tags) == sorted(
        f"{letter}{n}" for letter in "abc" for n in range(5)
    )


def test_labels_are_sized_and_cleared_up(recorded, run):
    before = sizes(recorded.folder).file_bytes
    labels.note(recorded.folder, run, "x" * 1_000)
    left = recorded.folder / labels.FOLDER / ".new-0000"
    left.write_text("half")
    assert sizes(recorded.folder).file_bytes > before + 1_000

    gc(recorded.folder, young_s=-10)

    assert not left.exists()
    assert labels.labels_of(recorded.folder, run).note == "x" * 1_000
