"""The list of runs as a panel asks for it: chosen, sorted, searched for, page by page."""

import pytest

from netflux_nb import Runtime, function
from netflux_nb.core.errors import UsageError
from netflux_nb.jupyter.panel import finding, updates
from netflux_nb.jupyter.panel.updates import RunRow


@function
def words(text: str, tone: str = "plain") -> int:
    """Count words."""
    return len(text.split())


@function
def fails(text: str) -> int:
    """Fail."""
    raise ValueError(f"no room for {text}")


@function(uses=[fails])
def tries(texts: list[str]) -> int:
    """Try each."""
    failed = 0
    for text in texts:
        try:
            fails(text=text)
        except ValueError:
            failed += 1
    return failed


def ask(told, start=0, *, number=1, page="p", **wish):
    told.say({"t": "find", "id": number, "page": page, "start": start, "wish": wish})
    return told.wait(lambda m: m["t"] == "found" and m["id"] == number)


def calls(found):
    return [f"{row['fn']}({row.get('args', '')})" for row in found["runs"]]


def row(**given):
    return RunRow(**{"id": "r", "fn": "f", "opened": 1.0, "seconds": 1.0, **given})


ROWS = [
    row(id="a", fn="b", opened=1.0, tokens=5, seconds=3.0, state="Success", notebook="/x/n.ipynb"),
    row(id="b", fn="C", opened=2.0, tokens=5, state="Error", failed=2, error="ValueError"),
    row(id="c", fn="a", opened=3.0, seconds=None, state="Running", tags=("x",), waits=1),
]


@pytest.mark.parametrize(
    ("wish", "names"),
    [
        ({}, "cba"),
        ({"down": False}, "abc"),
        ({"sort": "what", "down": False}, "cab"),
        ({"sort": "tokens"}, "bac"),
        ({"sort": "time"}, "cab"),
        ({"sort": "marks"}, "cba"),
        ({"state": "live"}, "c"),
        ({"state": "asks"}, "c"),
        ({"state": "failed"}, "b"),
        ({"state": "Success"}, "a"),
        ({"fn": "C"}, "b"),
        ({"tag": "x"}, "c"),
        ({"notebook": "n.ipynb"}, "a"),
        ({"since": 2.0, "until": 3.0}, "b"),
        ({"text": "VALUE error"}, "b"),
        ({"text": "#x"}, "c"),
        ({"text": "value #x"}, ""),
    ],
)
def test_rows_are_chosen_and_sorted_as_the_browser_does_it(wish, names):
    found = finding.find(ROWS, finding.read(wish))

    assert "".join(one.id for one in found) == names


@pytest.mark.parametrize(
    "wish",
    [None, [], {"sort": "evil"}, {"text": 3}, {"fn": "x" * 300}, {"since": "1"}, {"until": True}],
)
def test_a_wish_of_no_panel_is_refused(wish):
    with pytest.raises(UsageError):
        finding.read(wish)


def test_q38_a_row_tells_runs_apart_and_counts_what_failed(told):
    long = "the same beginning of a text, and then "
    words.start(text=f"{long}one").wait(60)
    words.start(text=f"{long}two").wait(60)
    run = tries.start(texts=["a", "b"]).wait(60)
    told.say({"t": "hello"})
    told.end.run_updates.reread()

    rows = told.wait_rows(lambda rows: len([r for r in rows.values() if "…" in r["args"]]) >= 2)

    args = [one["args"] for one in rows.values() if one["fn"] == "words"]
    assert len(set(args)) == 2
    assert any("one" in one for one in args)
    assert (rows[run.id]["state"], rows[run.id]["failed"]) == ("Success", 2)


def test_q38_a_search_finds_arguments_errors_tags_and_notes_in_the_record(told, store):
    tail = "x" * 300 + " needle in the hay"
    with Runtime(is_open=True, record=store) as other:
        other.invoke(None, words, {"text": tail}).result()
        other.invoke(None, words, {"text": "plain"}).result()
        with pytest.raises(Exception, match="no room"):
            other.invoke(None, fails, {"text": "ice"}).result()
    told.say({"t": "hello"})
    rows = told.wait_rows(lambda rows: len(rows) == 3)
    plain = next(name for name, one in rows.items() if "plain" in one.get("args", ""))
    told.say({"t": "act", "id": 7, "verb": "note", "runs": [plain], "value": "for the appendix"})
    assert told.wait(lambda m: m["t"] == "said")["ok"]

    found = {
        text: calls(ask(told, number=n, text=text))
        for n, text in enumerate(("NEEDLE hay", "room ice", "appendix", "nowhere"), 10)
    }

    assert [len(one) for one in found.values()] == [1, 1, 1, 0]
    assert found["room ice"][0].startswith("fails(")
    assert "plain" in found["appendix"][0]


def test_a_quoted_word_of_a_search_stays_a_word(told):
    words.start(text="it's").wait(60)
    told.say({"t": "hello"})
    told.wait_rows(lambda rows: len(rows) == 1)

    assert len(calls(ask(told, number=3, text="it's"))) == 1
    assert calls(ask(told, number=4, text="'); DROP TABLE runs; --")) == []


def test_pages_of_a_question_have_their_places_and_the_last_question_of_a_page_counts(
    told, monkeypatch
):
    monkeypatch.setattr(updates, "PAGE_ROWS", 2)
    for n in range(5):
        words.start(text=str(n)).wait(60)
    told.say({"t": "hello"})
    told.wait(lambda m: m.get("total") == 5)

    second = ask(told, start=2, number=5, sort="when", down=False)

    assert (second["start"], second["total"], len(second["runs"])) == (2, 5, 2)
    assert [one.partition("'")[2][0] for one in calls(second)] == ["2", "3"]


def test_what_a_filter_offers_is_told_with_the_rows(told):
    run = words.start(text="a").wait(60)
    told.say({"t": "hello"})
    told.say({"t": "act", "id": 1, "verb": "tag", "runs": [run.id], "value": "base slow"})

    offered = told.wait(lambda m: m.get("offered", {}).get("tags") == ["base", "slow"])["offered"]

    assert offered["fns"] == ["words"]


def test_of_ten_thousand_runs_a_page_is_told_and_all_are_counted(told):
    rows = [row(id=f"r-{n:05}", opened=float(n), args=f"n={n}") for n in range(10_000)]
    updating = told.end.run_updates
    updating.reread = lambda: None
    updating._past_rows = rows
    told.say({"t": "hello"})

    state = told.wait(lambda m: m["t"] == "state" and m["total"] == 10_000)
    found = ask(told, start=9_800, number=2, sort="what")

    assert len(told.rows) == 2 * updates.PAGE_ROWS
    assert state["runs"][0]["id"] == "r-09999"
    assert (found["total"], len(found["runs"])) == (10_000, 200)
