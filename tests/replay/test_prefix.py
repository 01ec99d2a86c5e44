"""What a resume serves of what persons said, and what it asks again."""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from netflux_nb import Approvals, RejectedError, RunContext, Runtime, function
from netflux_nb.core.policy import Admit, Change, Hold, WaitingOn
from netflux_nb.record.journal import Journal
from netflux_nb.record.sql.store import sql
from netflux_nb.replay.begin import replay, resume
from netflux_nb.replay.prefix import layers_of
from netflux_nb.replay.recording import Recording
from netflux_nb.runtime.threads import waiting

# Says "here" when it is inside of what ann agreed to, and stays there to be killed.
PROGRAM = """
import builtins, os, sys, threading
from netflux_nb import Approvals, Runtime, function
from netflux_nb.record.journal import Journal
from netflux_nb.runtime.threads import waiting

def stop_here():
    journal.flush()
    print("here", flush=True)
    threading.Event().wait()

builtins.stop_here = stop_here
space = {{"__name__": "__main__", "function": function, "os": os}}
exec(compile({source!r}, "<cell>", "exec"), space)
with Journal(sys.argv[1]) as journal:
    runtime = Runtime([space["shop"]], sink=journal, policies=[Approvals()])
    node = runtime.invoke(None, space["shop"], {{}})
    for one in waiting.questions(node):
        one.approve(by="ann")
"""
PAY = """
def receipt(amount):
    return f"paid {amount}"
@function(needs_approval=True)
def pay(amount: int) -> str:
    if "CHILD" in os.environ:
        stop_here()
    return receipt(amount)
@function(uses=[pay])
def shop() -> str:
    return pay(3)
"""


def defined(source):
    space = {"__name__": "__main__", "function": function, "os": os}
    exec(compile(source, "<cell>", "exec"), space)
    return space


@pytest.fixture
def cut_off(tmp_path):
    """A run in which ann said yes to `pay(3)`, killed before it came to its end."""
    command = [sys.executable, "-c", PROGRAM.format(source=PAY), str(tmp_path)]
    env = {**os.environ, "CHILD": "1", "NETFLUX_HOME": "off"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdout.readline() == "here\n"
        os.kill(process.pid, signal.SIGKILL)
    name = sql("SELECT run FROM runs", tmp_path)["run"][0]
    return Recording(tmp_path, name)


class Dearer:
    moments = frozenset({Admit})

    def __call__(self, moment):
        if moment.node.fn.name != "pay":
            return None
        on = WaitingOn("approval", "It costs $900 more than yesterday. Yes?")
        return None if moment.answers.to(on) else Hold(on)


def gone_on(was, fn, *policies, by="bob", value=True, **more):
    """Go on with a run, and answer what is asked. Give the questions, and the root."""
    asked = []
    with (
        Journal(was.folder) as journal,
        Runtime([fn], sink=journal, policies=[*policies, Approvals()]) as runtime,
    ):
        node = resume(runtime, was, fn, **more)
        with closing(waiting.questions(node)) as asking:
            for one in asking:
                asked.append(one.held.on)
                runtime.answer(one, value, by=by)
        node.wait(60)
        name = runtime.run_name(node)
    return asked, node, Recording(was.folder, name)


@pytest.mark.slow
def test_q74_a_yes_is_served_to_its_own_question_and_to_no_other(cut_off):
    shop = defined(PAY)["shop"]

    asked, node, now = gone_on(cut_off, shop, Dearer())

    assert [on.what for on in asked] == ["It costs $900 more than yesterday. Yes?"]
    assert node.result() == "paid 3"
    rows = sql(f"SELECT * FROM approvals WHERE run = '{now.run}' ORDER BY seq", cut_off.folder)
    assert rows[["asker", "answered_by", "known"]].values.tolist() == [
        ["Dearer", "bob", "claimed"],
        ["Approvals", "ann", "claimed"],
    ]
    assert rows["id"].tolist()[0] == asked[0].id


@pytest.mark.slow
def test_q74_q75_nobody_is_asked_twice_while_nothing_changed(cut_off):
    asked, node, _ = gone_on(cut_off, defined(PAY)["shop"])
    assert asked == []
    assert node.result() == "paid 3"


CHANGES = {
    "its body": ("return receipt(amount)", "return receipt(amount * 300)"),
    "a helper": ("paid {amount}", "PAID {amount}"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("old", "new"), CHANGES.values(), ids=CHANGES)
def test_q75_a_yes_does_not_outlive_its_code(cut_off, old, new):
    shop = defined(PAY.replace(old, new))["shop"]

    asked, node, _ = gone_on(cut_off, shop)

    (on,) = asked
    assert on.what == "pay(amount=3) needs a person's approval"
    assert on.note.startswith(
        "What ann (as claimed) said before does not count here:\npay() has changed: version "
    )
    assert node.children[0].answer_given.by == "bob"


def recorded(folder, fn, inputs=None, *, value=True):
    """Run something to its end, and answer what it asks."""
    with (
        Journal(folder) as journal,
        Runtime([fn], sink=journal, policies=[Approvals()]) as runtime,
    ):
        node = runtime.invoke(None, fn, inputs or {})
        with closing(waiting.questions(node)) as asking:
            for one in asking:
                runtime.answer(one, value, by="ann")
        node.wait(60)
        name = runtime.run_name(node)
    return Recording(folder, name)


def test_q79_an_effect_that_failed_last_is_not_done_again_unasked(tmp_path):
    sent = []

    @function(effect="mail")
    def send(to: str) -> str:
        sent.append(to)
        raise OSError("the line broke behind the last byte")

    @function(uses=[send])
    def post() -> str:
        return send(to="ann")

    was = recorded(tmp_path, post)
    was.root.closed = None  # killed before its caller took that in

    asked, node, _ = gone_on(was, post, value=False)

    (on,) = asked
    assert on.kind == "again"
    assert on.what.startswith("send(to='ann') failed, nothing came after it")
    assert sent == ["ann"]
    with pytest.raises(RejectedError, match=r"bob \(as claimed\) did not let it be again"):
        node.result()


def test_q79_whether_it_may_be_again_is_asked_each_time_and_without_what_was_said_before(tmp_path):
    sent = []

    @function(effect="mail")
    def send(to: str) -> str:
        sent.append(to)
        raise OSError("the line broke behind the last byte")

    @function(uses=[send])
    def post() -> str:
        return send(to="ann")

    was = recorded(tmp_path, post)
    for times in (2, 3):
        was.root.closed = None  # killed before its caller took that in
        asked, _, was = gone_on(was, post)
        assert [(on.kind, on.note) for on in asked] == [("again", "")]
        assert len(sent) == times


@pytest.mark.parametrize("how", ["idempotent", "taken in"])
def test_q79_what_does_no_harm_or_was_taken_in_is_not_asked_about(tmp_path, how):
    sent = []

    @function(effect="mail", idempotent=how == "idempotent")
    def send(to: str) -> str:
        sent.append(to)
        raise OSError("the line broke")

    @function
    def note() -> int:
        return 1

    @function(uses=[send, note])
    def post() -> str:
        try:
            send(to="ann")
        except OSError:
            if how == "taken in":
                note()
        return "done"

    was = recorded(tmp_path, post)
    was.root.closed = None
    was.root.children[0].parent.closed = None

    asked, node, _ = gone_on(was, post)

    assert asked == []
    assert node.result() == "done"
    assert len(sent) == (2 if how == "idempotent" else 1)


def test_q77_a_yes_to_one_table_is_none_to_another(tmp_path):
    @function(needs_approval=True)
    def load(table: object) -> int:
        raise RuntimeError("later")

    @function(uses=[load])
    def job(table: object) -> int:
        return load(table)

    one, like_it = (pd.DataFrame({"a": range(200)}) for _ in range(2))
    other = one.replace(100, 7)  # reads alike, where it is cut
    was = recorded(tmp_path, job, {"table": one})

    same, _, _ = gone_on(was, job, inputs={"table": like_it})
    other, _, _ = gone_on(was, job, inputs={"table": other}, force=True)

    assert same == []
    assert [on.kind for on in other] == ["approval"]
    assert "What it is given, or what it uses, has changed." in other[0].note


def test_q74_what_may_be_done_again_is_asked_each_time(tmp_path):
    done = []

    @function(effect="mail")
    def send(to: str) -> str:
        done.append(to)
        return "sent"

    @function(uses=[send])
    def post() -> str:
        return send(to="ann")

    was = recorded(tmp_path, post)
    cut(was)
    asked, _, now = gone_on(was, post)
    assert [on.kind for on in asked] == ["again"]
    cut(now)
    again, _, _ = gone_on(now, post)
    assert [on.kind for on in again] == ["again"]


def cut(was):
    """As it is after a power cut, in the middle of the effect."""
    was.root.closed = was.root.children[0].closed = None


def test_q74_a_replay_serves_what_was_said_to_the_same_words(tmp_path):
    @function
    async def ask(ctx) -> str:
        first = await ctx.ask("Which?", choices=["a", "b"])
        second = await ctx.ask(f"Sure of {first}?", choices=["a", "b"])
        return first + second

    was = recorded(tmp_path, ask, value="b")
    assert replay(was, ask).is_same

    @function(name="ask")
    async def other(ctx) -> str:
        first = await ctx.ask("Which?", choices=["a", "b"])
        second = await ctx.ask(f"Delete {first}?", choices=["a", "b"])
        return first + second

    made = replay(was, other)
    assert "asks a person what nobody answered then: 'Delete b?'" in made.divergence


OLD = Path(__file__).parent / "kept" / "20261130-195508651-e0745ee4.jsonl"
# As it was when the first version recorded it.
OLD_SHOP = """
@function(needs_approval=True)
def pay(amount: int) -> str:
    raise OSError("no connection")


@function
async def which(ctx) -> str:
    return await ctx.ask("Which?", choices=["a", "b"])


@function(uses=[pay, which])
def shop() -> str:
    return which() + pay(3)
"""


# A version of code is one of its bytecode: to another Python, each Function has changed.
@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="Recorded with Python 3.11.")
def test_q74_old_records_are_served_to_a_replay_and_asked_again_by_a_resume(tmp_path):
    was = Recording(shutil.copy(OLD, tmp_path))
    shop = defined(OLD_SHOP)["shop"]

    assert replay(was, shop).is_same
    asked, node, _ = gone_on(was, shop)

    (on,) = asked
    assert on.what == "pay(amount=3) needs a person's approval"
    assert on.note == (
        "What ann said before does not count here:\n"
        "The record does not tell which question that was to."
    )
    assert str(node.exception) == "no connection"


def test_of_what_is_above_a_change_a_run_gives_what_came_before_and_never_the_end(tmp_path):
    @function
    def leaf(x: int) -> int:
        return x

    @function(uses=[leaf])
    def root(ctx: RunContext) -> int:
        ctx.now()
        found = leaf(x=1)
        ctx.now()
        return found

    was = recorded(tmp_path, root)
    (whole,) = layers_of(was)
    (changed,) = layers_of(was, Change(was.root.children[0].key, inputs={"x": 2}))

    assert whole.reply_count(was.root) == (True, was.root.given)
    assert changed.reply_count(was.root) == (False, 1)
