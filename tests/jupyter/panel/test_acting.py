"""What a person does to runs of the list, to one and to many."""

from pathlib import Path

import pytest

from netflux_nb import function, open_run, runs


@function
def words(text: str) -> int:
    """Count words."""
    return len(text.split())


@pytest.fixture
def two(told):
    told.say({"t": "hello"})
    made = [words.start(text=text).wait(60) for text in ("a", "b")]
    told.wait_rows(lambda rows: {run.id for run in made} <= set(rows))
    return made


def act(told, verb, names, value="", number=1):
    told.say({"t": "act", "id": number, "verb": verb, "runs": names, "value": value})
    said = told.wait(lambda m: m["t"] == "said" and m["id"] == number)
    return said["ok"], said["text"]


def ids(made):
    return [run.id for run in made]


def test_q41_labels_are_set_from_the_panel_and_are_in_its_rows_at_once(told, two):
    first, second = ids(two)

    assert act(told, "tag", [first, second], "#base slow") == (True, "2 runs tagged.")
    act(told, "untag", [second], "slow", number=2)
    act(told, "rename", [first], "the first one", number=3)
    act(told, "note", [first], "a note", number=4)
    act(told, "tags", [first], "other base", number=5)

    rows = told.wait_rows(lambda rows: rows[first].get("tags") == ["base", "other"])
    assert (rows[first]["title"], rows[first]["note"]) == ("the first one", "a note")
    assert rows[second]["tags"] == ["base"]
    assert runs[first].labels.title == "the first one"
    told.end.run_updates.reread()
    assert told.rows[first]["tags"] == ["base", "other"]


def test_q41_several_are_pinned_and_a_pinned_one_is_not_deleted(told, two):
    first, second = ids(two)
    act(told, "pin", [first])
    told.wait_rows(lambda rows: rows[first].get("pinned"))

    is_ok, text = act(told, "delete", [first, second], number=2)

    assert not is_ok
    assert text.startswith("1 run deleted. ")
    assert "is pinned. Unpin it first." in text
    told.wait_rows(lambda rows: set(rows) == {first})
    assert [run.id for run in runs.all] == [first]
    act(told, "unpin", [first], number=3)
    assert act(told, "delete", [first], number=4) == (True, "1 run deleted.")
    told.wait_rows(lambda rows: not rows)


def test_q41_several_are_exported_into_a_file_that_is_not_there_yet(
    told, two, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)

    is_ok, text = act(told, "export", ids(two), "both.nfrun")

    assert is_ok
    assert text.startswith("2 runs written into ")
    assert open_run(Path("both.nfrun")).fn == "words"
    for n, name in enumerate(
        ("both.nfrun", "../x.nfrun", "/tmp/x.nfrun", "a\\b.nfrun", ".nfrun", "x.html", "", "x.txt"),
        9,
    ):
        assert not act(told, "export", ids(two), name, number=n)[0], name
    assert act(told, "export", ids(two)[:1], "one.html", number=30)[0]
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == [
        "both.nfrun",
        "one.html",
    ]


def test_a_run_that_is_not_there_is_said_and_the_others_are_done(told, two):
    is_ok, text = act(told, "tag", [ids(two)[0], "nowhere"], "base")

    assert not is_ok
    assert text.startswith("1 run tagged. ")
    assert "nowhere" in text
    assert runs[ids(two)[0]].labels.tags == ("base",)


def test_a_chart_and_a_ledger_are_told_as_static_html(told, two):
    told.say({"t": "chart", "id": 5, "by": "fn", "of": "errors", "whole": True})
    told.say({"t": "ledger", "id": 6, "run": two[0].id})

    chart = told.wait(lambda m: m["t"] == "html" and m["id"] == 5)["html"]
    ledger = told.wait(lambda m: m["t"] == "html" and m["id"] == 6)["html"]

    assert "<script" not in chart + ledger
    assert "all runs" in chart
    assert ledger == runs[two[0].id].ledger().html
    told.say({"t": "ledger", "id": 7, "run": "nowhere"})
    assert "nowhere" in told.wait(lambda m: m["t"] == "html" and m["id"] == 7)["html"]
