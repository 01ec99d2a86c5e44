"""The list of runs: what tells them apart, what is chosen from it, how quick it is."""

import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

import netflux_nb
from netflux_nb import (
    ArgumentError,
    NodeState,
    NoNodeError,
    Runtime,
    agent,
    function,
    runs,
    session,
)
from netflux_nb.core.errors import RecordError
from netflux_nb.record.retention import compact
from netflux_nb.run.listing import open_run
from netflux_nb.show import histories
from netflux_nb.show.parts import numbers
from netflux_nb.testing import ScriptedModel

say = agent("say(text: str)", "Say {text}", model="scripted:example-large")


@function
def breaks(x: int) -> int:
    """Fail."""
    raise LookupError(f"{x} isn't in the étagère")


@function(uses=[say, breaks])
def handle(texts: list[str], about: str = "tents", n: int = 1) -> list[str]:
    """Handle all; the last may fail."""
    said = [say(text=text) for text in texts]
    if n > 1:
        breaks(x=n)
    return said


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A default runtime that records into a folder of this test."""
    monkeypatch.setenv("NETFLUX_HOME", str(tmp_path / "store"))
    models = {"scripted": ScriptedModel(lambda request: "short")}
    with Runtime(is_open=True, models=models) as runtime:
        netflux_nb.use(runtime)
        yield tmp_path / "store"
    session.close_records()


def rows_of(shown):
    """Give the rows of a shown table by the place that each begins with."""
    lines = str(shown).splitlines()
    return {line.split()[0]: line for line in lines if line.startswith("[")}


def test_q38_a_row_tells_a_run_from_its_neighbours(store):
    handle.start(["a"], "tents, April").wait()
    handle.start(["a"], "tents, May").wait()
    handle.start(["a"], "tents, May", n=2).wait()

    rows = rows_of(runs.table())

    assert "✗ handle(about='tents, May', n=2, …) " in rows["[0]"]
    assert " Error · 2 of 3 failed " in rows["[0]"]
    assert "● handle(about='tents, May', n=1, …) " in rows["[1]"]
    assert "● handle(about='tents, April', n=1, …)" in rows["[2]"]
    assert not any("texts=" in row for row in rows.values())
    for place, row in enumerate(rows.values()):
        assert row.endswith(name := runs[place].id)
        assert f'title="{name}"' in runs.table().html
        assert runs["-".join(name.split("-")[-2:])].id == name


def test_q38_a_row_says_which_run_it_comes_from(store):
    one = handle.start(["a"], "tents").wait()
    one.fork(at="handle/say", prompt="Shout {text}").wait()
    one.rerun().wait()

    rows = rows_of(runs.table())
    assert "↻ rerun of [2]" in rows["[0]"]
    assert "↱ fork of [2]" in rows["[1]"]
    one.rename("First look")
    rows = rows_of(runs.table())
    assert "↻ rerun of First look" in rows["[0]"]
    assert "● First look: handle(" in rows["[2]"]


def test_q38_the_clock_is_that_of_who_looks():
    noon = datetime(2026, 3, 4, 12, 30).astimezone()
    today = noon.replace(hour=0, minute=0).timestamp()

    assert numbers.clock(noon.timestamp(), today) == "12:30"
    assert numbers.clock((noon - timedelta(days=1)).timestamp(), today) == "yesterday 12:30"
    assert numbers.clock((noon - timedelta(days=2)).timestamp(), today) == "2026-03-02"
    assert numbers.clock((noon + timedelta(days=1)).timestamp(), today) == "2026-03-05"
    assert numbers.clock(noon.timestamp(), None) == "2026-03-04"
    assert numbers.clock(1e300, today) == numbers.clock(None, today) == "?"


def test_q38_the_list_says_of_which_day_it_is_and_whose(store):
    handle.start(["a"]).wait()
    today = datetime.fromtimestamp(session.day().start, UTC).astimezone()

    assert str(runs.table()).splitlines()[0] == f"1 run · as of {today:%Y-%m-%d}"
    assert "of the whole folder" in str(runs.all.table()).splitlines()[0]


def test_q38_the_notebook_is_named_where_there_are_several(store):
    one = {"run": "a", "fn": "f", "inputs": "{}", "state": "Success", "opened": None,
           "seconds": 1.0, "input_tokens": None, "output_tokens": None, "served": 0}  # fmt: skip
    rows = [{**one, "notebook": "a/x.ipynb"}, {**one, "run": "b", "notebook": "a/y.ipynb"}]

    assert "Notebook" not in str(histories.history(rows[:1] * 2, [], count=2))
    assert "  x.ipynb  " in str(histories.history(rows, [], count=2))
    rows[1]["notebook"] = "b/x.ipynb"
    assert "  b/x.ipynb  " in str(histories.history(rows, [], count=2))


def test_q41_runs_carry_tags_notes_and_a_title(store, tmp_path):
    one = handle.start(["a"]).wait()
    one.tag("baseline", "study")
    one.note("looks\nright")
    one.rename("First look")
    one.untag("study")

    assert one.labels.tags == ("baseline",)
    row = rows_of(runs.table())["[0]"]
    assert "● First look: handle(texts=['a']" in row
    assert "#baseline “looks right”" in row
    found = runs.df.iloc[0]
    assert (list(found.tags), found.note, found.title) == (
        ["baseline"],
        "looks\nright",
        "First look",
    )
    one.export(tmp_path / "one.nfrun")
    assert open_run(tmp_path / "one.nfrun").labels == one.labels


def test_q41_a_live_run_is_tagged_and_a_packed_one_too(store):
    seen = []

    @function
    def tags_itself(x: int) -> int:
        run = runs.all.last
        run.tag("live")
        seen.append(run.state)
        return x

    tags_itself.start(1).result(timeout=20)
    session.close_records()
    assert compact(store)

    assert seen == [NodeState.Running]
    runs.last.tag("packed")
    assert runs.last.labels.tags == ("live", "packed")


def test_q41_labels_are_seen_from_another_process(store):
    handle.start(["a"]).wait().tag("baseline")
    session.flush()
    code = (
        "from netflux_nb import runs; print(runs.last.labels.tags, len(runs.where(tag='baseline')));"
        "runs.last.tag('seen')"
    )

    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False
    )

    assert done.stdout == "('baseline',) 1\n", done.stderr
    assert runs.last.labels.tags == ("baseline", "seen")


def test_q41_what_is_not_recorded_has_no_labels():
    with Runtime([handle], record=False, models={"scripted": ScriptedModel(["x"])}) as runtime:
        run = netflux_nb.Run.of(runtime.get_ctx().invoke(handle, {"texts": ["a"]}))
        run.wait()
        assert not run.labels
        with pytest.raises(NoNodeError, match="not recorded"):
            run.tag("a")


@pytest.fixture
def several(store):
    """Four runs, of which the third failed and the second has labels."""
    made = [
        handle.start(["a"], "tents, April").wait(),
        handle.start(["b"], 'a "quoted" étage').wait(),
        handle.start(["c"], "tents, May", n=2).wait(),
        say.start("tents").wait(),
    ]
    made[1].tag("baseline", "good")
    made[1].note("Compared WITH the paper")
    made[1].rename("Second")
    return made


WHERE = {
    "function": ({"fn": "say"}, [3]),
    "a Function": ({"fn": say}, [3]),
    "state": ({"state": "error"}, [2]),
    "a state": ({"state": NodeState.Success}, [3, 1, 0]),
    "tag": ({"tag": "#baseline"}, [1]),
    "tags": ({"tag": ["baseline", "good"]}, [1]),
    "tags, one missing": ({"tag": ["baseline", "bad"]}, []),
    "text in arguments": ({"text": "TENTS"}, [3, 2, 0]),
    "text with quotes": ({"text": '"quoted" ÉTAGE'}, [1]),
    "text in an error": ({"text": "isn't in the étagère"}, [2]),
    "text in a note": ({"text": "with the paper"}, [1]),
    "text in a tag": ({"text": "baselin"}, [1]),
    "text in a title": ({"text": "second"}, [1]),
    "no pattern": ({"text": "t%s"}, []),
    "nothing of SQL": ({"text": "') OR true --"}, []),
    "NUL and half a pair": ({"text": "\x00\ud800"}, []),
    "both": ({"text": "tents", "fn": "handle"}, [2, 0]),
    "since": ({"since": "yesterday"}, [3, 2, 1, 0]),
    "since later": ({"since": date(2999, 1, 1)}, []),
    "until a day": ({"until": "today"}, [3, 2, 1, 0]),
    "until before": ({"until": datetime(2020, 1, 1, tzinfo=UTC)}, []),
}


@pytest.mark.slow
@pytest.mark.parametrize(("conditions", "places"), WHERE.values(), ids=WHERE)
def test_q41_runs_are_chosen(several, conditions, places):
    found = runs.where(**conditions)

    assert [run.id for run in found] == [several[place].id for place in places]
    assert len(found) == len(found.df) == len(places)
    assert len(rows_of(found.table())) == len(places)


@pytest.mark.slow
def test_q41_what_was_chosen_is_a_list_like_the_others(several, tmp_path):
    found = runs.where(fn="handle").where(text="tents")

    assert [run.id for run in found[:]] == [several[2].id, several[0].id]
    assert found.last.id == found[0].id == several[2].id
    assert found.all[1].id == several[0].id
    assert str(found.table()).startswith("2 runs with fn='handle', text='tents' · as of ")
    assert found.usage() is not None
    assert len(runs.where(tag="good").export(tmp_path / "good.nfrun").read_bytes()) > 0
    assert open_run(tmp_path / "good.nfrun").labels.title == "Second"
    assert str(runs.where(tag="none").table()) == "There is no run with tag='none'."
    with pytest.raises(NoNodeError, match="There is no run with tag='none'"):
        _ = runs.where(tag="none").last


WRONG = {
    "state": ({"state": "broken"}, "There is no state 'broken'. There is: Canceled"),
    "text": ({"text": 3}, "text is a text; got int"),
    "long": ({"text": "x" * 1_001}, "at most 1,000 characters"),
    "since": ({"since": "soon"}, "since is a day or a time, such as '2026-11-28'"),
    "until": ({"until": 3}, "until is a day or a time"),
    "tags": ({"tag": ["a"] * 21}, "at most 20 tags"),
}


@pytest.mark.parametrize(("conditions", "words"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_wanted_is_one_line(store, conditions, words):
    with pytest.raises(ArgumentError, match=words):
        runs.where(**conditions)


def test_a_damaged_label_breaks_no_list(store):
    one = handle.start(["a"]).wait()
    one.tag("baseline")
    (file,) = (store / "labels").glob("*.json")
    file.write_text('{"tags": ["' + "x" * 90_000)

    assert "handle(texts=['a']" in str(runs.table())
    assert len(runs.where(fn="handle")) == 1
    assert len(runs.where(tag="baseline")) == 0


def test_the_record_error_of_a_folder_that_cannot_be_written_is_one_line(store):
    one = handle.start(["a"]).wait()
    (store / "labels").write_text("no folder")

    with pytest.raises(RecordError, match="cannot be written"):
        one.tag("a")
    assert not one.labels
