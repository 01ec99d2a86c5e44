"""What a notebook shows of a run, and of what comes of one."""

import json
import platform

import pandas as pd
import pytest
from show.hostile import PAGE_ATTRS, PAGE_TAGS, checked

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
from netflux_nb.core.functions.display import Displayed, drawings
from netflux_nb.run import Run
from netflux_nb.show.parts.shown import Shown
from netflux_nb.testing import ScriptedModel, Turn, call


@function
def tally(text: str) -> int:
    """Count words."""
    if text == "bad":
        raise LookupError("nothing to tally")
    return len(text.split())


headline = agent(
    "headline(text: str)", "Headline of {text}", system="Be brief.", uses=[tally], model="scripted"
)


@function(uses=[headline, tally])
def census(texts: list[str]) -> list[str]:
    """Name all texts."""
    return [f"{headline(text=t)} {tally(text=t)}" for t in texts]


def answer(request):
    if len(request.parts) == 1:
        return Turn(calls=[call("tally", text="a b")])
    return f"<{request.parts[0].text}>"


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A default runtime that records into a folder of this test."""
    monkeypatch.setenv("NETFLUX_HOME", str(tmp_path / "store"))
    with Runtime(is_open=True, models={"scripted": ScriptedModel(answer)}) as runtime:
        netflux_nb.use(runtime)
        yield tmp_path / "store"
    session.close_records()


def test_p1_live_and_stored_runs_are_shown_alike(store):
    live = census.start(["a", "b c"]).wait()
    stored = runs[live.id]

    for ask in (Run.tree, Run.usage, Run.timeline, Run.why):
        one, other = ask(live), ask(stored)
        assert str(one) == str(other)
        assert one.html == other.html
        checked(one.html, most=30_000)
    assert live.mermaid() == stored.mermaid()
    assert live._repr_mimebundle_()["text/html"] == live.tree().html
    assert live.id in live.tree().html


def test_p4_two_runs_are_shown_beside_each_other(store):
    old, new = census.start(["a"]).wait(), census.start(["b"]).wait()

    diff = old.diff(new)

    page = checked(diff._repr_mimebundle_()["text/html"], most=30_000)
    assert "First divergence:" in page.text
    assert diff.show().html == diff._repr_mimebundle_()["text/html"]
    assert diff.show(only_changes=False).html != diff.show().html
    whole = old.diff(runs[old.id]).show(only_changes=False)
    assert checked(whole.html).text.count("same") > 4


def test_a_conversation_has_its_system_prompt_live_and_stored(store):
    run = census.start(["a"]).wait()
    for one in (run, runs[run.id]):
        words = str(one.node("headline").transcript())
        assert "§ system: Be brief." in words
        assert "» user: Headline of a" in words
    checked(run.node("headline").transcript().html)
    assert "headline" in run.node("headline")._repr_mimebundle_()["text/plain"]


def test_why_names_the_node_and_its_fork_line_works(store):
    run = census.start(["a", "bad"]).wait()

    words = str(run.why())

    assert "it began at census/tally[2]" in words
    ready = words.splitlines()[-1].strip()
    assert ready == "run.node('census/tally[2]').fork(args={'text': 'bad'})"
    assert run.node("census/tally[2]").fork(args={"text": "good"}).wait().state is NodeState.Success


def test_what_comes_of_a_run_is_shown_too(store):
    run = census.start(["a"]).wait()
    shown = {
        "bill": run.bill(),
        "view": run.view(),
        "node": run.root,
        "replay": run.replay(),
        "runs": runs,
        "serving": netflux_nb.serve(run.export(store.parent / "a.nfrun")),
    }
    shown["serving"].stop()

    for name, one in shown.items():
        bundle = one._repr_mimebundle_()
        checked(bundle["text/html"], most=30_000)
        assert len(bundle["text/plain"]) < 10_000, name
    assert "served, $0.00" in shown["replay"]._repr_mimebundle_()["text/plain"]
    assert "● census(texts=['a'])  Success" in str(runs.table())


def page_of(run, folder, **more):
    place = run.export(folder / "run.html", **more)
    text = place.read_text(encoding="utf-8")
    return checked(text, most=250_000, tags=PAGE_TAGS, attrs=PAGE_ATTRS)


def test_q41_a_run_is_exported_as_a_page_with_all_that_is_known_of_it(store):
    run = census.start(["a", "bad"]).wait()
    run.tag("baseline")
    run.note("The first\ntry.")
    run.rename("Two texts")

    page = page_of(run, store.parent)

    for words in ("Name all texts", "Be brief.", "nothing to tally", run.id, "began 2"):
        assert words in page.text
    for words in ("#baseline", "The first\ntry.", "Two texts", platform.python_version(), "pytest"):
        assert words in page.text
    titles = ["#why", "#tree", "#conversations", "#usage", "#timeline", "#ledger", "#sources"]
    assert page.links[:8] == [*titles, "#environment"]
    (played, _) = page.scripts
    assert json.loads(played)["names"][0] == "census"
    with pytest.raises(ArgumentError, match=r"\.nfrun, a page's in \.html"):
        run.export("run.pdf")


def test_q41_the_page_of_a_fork_has_the_transcripts_side_by_side(store):
    run = census.start(["a"]).wait()
    fork = run.node("census/headline").fork(prompt="Say of {text} what it is.").wait()

    page = page_of(fork, store.parent)

    assert "#compared" in page.links
    said = " ".join(page.text.split())
    assert "conversation, 5 → 5 parts" in said
    assert "prompt “Headline” → “Say”" in said
    assert "#compared" not in page_of(run, store.parent).links


def test_a_page_shows_what_differs_from_a_run_that_is_named(store):
    run, other = (census.start([one]).wait() for one in "ab")

    page = page_of(run, store.parent, against=other)

    assert "#compared" in page.links
    assert "census: texts[0] “b” → “a”" in page.text


def test_an_unrecorded_run_is_shown_and_exported(tmp_path):
    with Runtime([census], models={"scripted": ScriptedModel(answer)}, record=False) as runtime:
        run = Run.of(runtime.invoke(None, census, {"texts": ["a"]})).wait()

        checked(run.tree().html)
        assert "Headline of a" in run.export(tmp_path / "x.html").read_text(encoding="utf-8")


def test_frames_have_their_types(store):
    run = census.start(["a"]).wait()

    nodes = run.nodes_df

    assert str(nodes["parent"].dtype) == "Int64"
    assert str(nodes["served"].dtype) == "boolean"
    assert str(nodes["state"].dtype) == "category"
    assert str(nodes["started"].dtype) == "datetime64[us]"
    assert str(nodes["fn"].dtype) == ("str" if pd.__version__ >= "3" else "object")
    assert str(runs.df["seed"].dtype) == "Int64"
    assert str(run.artifacts_df["bytes"].dtype) == "Int64"
    joined = run.messages_df.merge(nodes, on=["run", "node"])
    assert len(joined) == len(run.messages_df)


def test_there_is_no_figure_of_another_kind(store):
    run = census.start(["a"]).wait()
    with pytest.raises(ArgumentError, match="timeline, usage"):
        run.figure("pie")


def test_without_a_notebook_nothing_is_opened(store):
    run = census.start(["a"]).wait()
    with pytest.raises(NoNodeError, match=r"print\(run\.tree\(\)\)"):
        run.open()

    with pytest.raises(NoNodeError, match=r"print\(run\.tree\(\)\)"):
        run.play()

    session.here.opens = lambda run, played: (run.id, played)

    assert run.open() == (run.id, None)
    played, speed = run.play(2)[1]
    assert json.loads(played)["names"][0] == "census"
    assert speed == 2


def test_what_cannot_be_drawn_says_so_and_is_still_shown():
    class Odd(Displayed):
        def __repr__(self):
            return "<Odd>"

    assert Odd()._repr_mimebundle_() == {"text/plain": "<Odd>"}

    def fail(value):
        raise ValueError("no pen")

    with drawings.filled({Odd: fail}):
        assert Odd()._repr_mimebundle_() == {
            "text/plain": "<Odd> could not be drawn: ValueError: no pen"
        }
    with drawings.filled({Odd: lambda value: Shown("words", lambda: fail(value), "Odd")}):
        assert Odd()._repr_mimebundle_() == {
            "text/plain": "words\n(Odd could not be drawn: ValueError: no pen)"
        }
