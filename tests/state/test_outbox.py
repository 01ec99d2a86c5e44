"""The outbox of a transaction: calls that are made once it counts, and never where it does not."""

import asyncio
import contextlib
import json
import random
import threading

import pytest

from netflux_nb import Runtime, agent, function, runs, sql, use
from netflux_nb.core.errors import (
    ArgumentError,
    CancellationException,
    ConflictError,
    ContractError,
    FunctionError,
    NoNodeError,
)
from netflux_nb.core.policy import Admit
from netflux_nb.jupyter.magics.verb_doings import context
from netflux_nb.run.outboxes import outbox_table
from netflux_nb.state import state
from netflux_nb.testing import ScriptedModel, call


def bank_of(value=None):
    return state(value or {"accounts": {"ann": 100, "bob": 0}, "n": 0}, name="bank")


def mailer(sent, **options):
    @function(effect="mail", **options)
    def mail(to: str, n: int = 0) -> str:
        if to == "nobody":
            raise OSError("no such address")
        sent.append((to, n))
        return "sent"

    return mail


def names(view):
    return [one.fn.name for _, one in view.walk()]


def test_tx8_a_call_in_the_outbox_is_made_when_the_transaction_counts_and_not_before():
    bank, sent, seen = bank_of(), [], []
    mail = mailer(sent)

    @function(writes=["n"], uses=[mail])
    def pay() -> int:
        bank.n += 1
        bank.after(mail, to="ann", n=bank.n)
        bank.after(mail, "bob")
        seen.append(list(sent))
        return bank.n

    @function(uses=[pay])
    def day() -> list:
        first = pay()
        seen.append(list(sent))
        return [first, pay()]

    assert day() == [1, 2]
    assert seen == [[], [("ann", 1), ("bob", 0)], [("ann", 1), ("bob", 0)]]
    assert sent == [("ann", 1), ("bob", 0), ("ann", 2), ("bob", 0)]
    run = runs.last
    assert names(run.view()) == ["day", *(["pay", "release_outbox", "mail", "mail"] * 2)]
    assert run.replay().is_same
    assert len(sent) == 4
    assert pay() == 3
    assert sent[4:] == [("ann", 3), ("bob", 0)]
    released, paid = runs[0], runs[1]
    assert (released.fn, paid.fn) == ("release_outbox", "pay")
    assert released.replay().is_same
    assert paid.replay().is_same
    assert len(sent) == 6


def test_tx8_what_fails_or_is_cancelled_leaves_nothing():
    bank, sent, go_on = bank_of(), [], threading.Event()
    mail = mailer(sent)
    begun = threading.Event()

    @function(writes=["n"], uses=[mail])
    def fails() -> int:
        bank.after(mail, to="ann")
        raise ValueError

    @function(uses=[mail], raises=[])
    def waits() -> int:
        bank.after(mail, to="bob")
        begun.set()
        go_on.wait(20)
        return 1

    @function(writes=["n"], uses=[fails, mail])
    def outer() -> int:
        with contextlib.suppress(ValueError):
            fails()
        bank.after(mail, to="cid")
        return 1

    with pytest.raises(ValueError):  # noqa: PT011
        fails()
    run = waits.start()
    begun.wait(20)
    run.cancel()
    go_on.set()
    with pytest.raises(CancellationException):
        run.result()
    assert sent == []
    assert outer() == 1
    assert sent == [("cid", 0)]
    for one in list(runs):
        assert one.replay().is_same
    assert sql("SELECT fn, inputs FROM outbox").values.tolist() == [["mail", '{"to":"cid"}']]


def test_tx8_entries_go_up_in_the_order_of_the_calls():
    bank, sent = bank_of(), []
    mail = mailer(sent)

    @function(writes=["n"], uses=[mail])
    def part(n: int) -> int:
        bank.after(mail, to="part", n=n)
        return n

    @function(writes=["n"], uses=[mail, part])
    def whole() -> None:
        bank.after(mail, to="whole", n=0)
        one, two = part.start(n=1), part.start(n=3)
        bank.after(mail, to="whole", n=4)
        two.result()
        one.result()
        part.start(n=5)
        bank.after(mail, to="whole", n=6)

    whole()
    assert [n for _, n in sent] == [0, 1, 3, 4, 5, 6]


def test_tx8_where_no_transaction_is_or_it_may_not_be_called_it_is_refused():
    bank, sent = bank_of(), []
    mail = mailer(sent)
    log = function(writes=["accounts"], name="log")(lambda: None)

    @function(uses=[mail])
    def bare() -> None:
        bank.after(mail, to="ann")

    @function(writes=["n"])
    def undeclared() -> None:
        bank.after(mail, to="ann")

    @function(writes=["n"], uses=[log])
    def beyond() -> None:
        bank.after(log)

    @function(writes=["n"], uses=[mail])
    def given(how: str) -> None:
        odd = {"set": {1}, "tuple": (1,), "key": {1: 2}, "nan": float("nan"), "int": "x"}
        if how == "name":
            bank.after(mail, too="ann")
        elif how == "kind":
            bank.after(print, to="ann")
        else:
            bank.after(mail, to="ann", n=odd[how])

    with pytest.raises(NoNodeError, match=r"No transaction goes on here. Call mail\(\) itself"):
        bank.after(mail, to="ann")
    with pytest.raises(NoNodeError, match=r"bare\(\) is no part of a transaction"):
        bare()
    with pytest.raises(FunctionError, match="not in its `uses`"):
        undeclared()
    with pytest.raises(ContractError, match="which writes accounts; its own contract does not"):
        beyond()
    for how in ("set", "tuple", "key", "nan"):
        with pytest.raises(ArgumentError, match="is no plain JSON"):
            given(how)
    for how, words in (("int", "n"), ("name", "Unknown"), ("kind", "takes a Function")):
        with pytest.raises(ArgumentError, match=words):
            given(how)
    assert sent == []


def test_tx8_what_is_given_is_held_as_it_was():
    bank, got = bank_of({"rows": [1]}), []

    @function
    def keep(rows: list) -> None:
        got.append(rows)

    @function(writes=["rows"], uses=[keep])
    def works() -> None:
        mine = [1]
        bank.after(keep, rows=mine)
        bank.after(keep, rows=bank.rows)
        mine.append(2)
        bank.rows.append(2)

    works()
    assert got == [[1], [1]]


def test_tx8_one_that_fails_stops_none_after_it_and_the_transaction_counts():
    bank, sent = bank_of(), []
    mail = mailer(sent)

    @function(writes=["n"], uses=[mail])
    def pay() -> int:
        bank.n += 1
        for to in ("ann", "nobody", "bob"):
            bank.after(mail, to=to)
        return bank.n

    @function(uses=[pay])
    def day() -> int:
        return pay()

    assert day() == 1
    assert [to for to, _ in sent] == ["ann", "bob"]
    assert bank.version == 1
    view = runs.last.view()
    failed = {one.fn.name for _, one in view.walk() if one.exception is not None}
    assert failed == {"mail", "release_outbox"}
    assert runs.last.replay().is_same
    states = sql("SELECT nth, state FROM outbox ORDER BY nth").values.tolist()
    assert states == [[0, "released"], [1, "failed"], [2, "released"]]


def test_tx8_who_read_what_another_changed_sends_nothing():
    bank, sent = bank_of(), []
    mail = mailer(sent)

    @function(reads=["n"], uses=[mail])
    def tells() -> None:
        bank.after(mail, to="ann", n=bank.n)
        read.set()
        changed.wait(20)

    read, changed = threading.Event(), threading.Event()
    run = tells.start()
    read.wait(20)
    with bank.edit() as s:
        s.n = 5
    changed.set()
    with pytest.raises(ConflictError, match="n: edit"):
        run.result()
    assert sent == []
    assert runs.last.replay().is_same
    tells()
    assert sent == [("ann", 5)]


def test_tx8_an_effect_may_have_a_transaction_and_an_outbox_of_its_own():
    bank, sent = bank_of(), []
    mail = mailer(sent)

    @function(writes=["accounts"], uses=[mail], effect="money")
    def wire(n: int) -> int:
        bank.accounts["bob"] += n
        bank.after(mail, to="bob", n=n)
        return bank.accounts["bob"]

    @function(writes=["accounts"], uses=[wire])
    def pay(n: int) -> None:
        bank.accounts["ann"] -= n
        bank.after(wire, n=n)

    @function(uses=[pay])
    def day() -> None:
        pay(3)

    day()
    assert bank.value()["accounts"] == {"ann": 97, "bob": 3}
    assert sent == [("bob", 3)]
    assert bank.version == 2
    assert runs.last.replay().is_same
    pay(4)
    assert sent == [("bob", 3), ("bob", 4)]
    assert all(one.replay().is_same for one in list(runs))


def test_tx8_tools_of_an_agent_and_async_code_use_it():
    bank, sent = bank_of(), []
    mail = mailer(sent)

    @function(effect="mail", name="post")
    async def post(to: str) -> str:
        await asyncio.sleep(0)
        sent.append((to, -1))
        return "sent"

    @function(uses=[mail, post])
    def notify(to: str) -> str:
        """Tell somebody."""
        bank.after(mail, to=to)
        bank.after(post, to=to)
        return "it is sent when you have succeeded"

    clerk = agent(
        "clerk(task: str) -> str", "{task}", writes=["n"], uses=[notify], model="scripted"
    )
    use(scripted=ScriptedModel([call("notify", to="ann"), "done", call("notify", to="bob"), "no"]))

    @function(uses=[clerk])
    async def day() -> str:
        return await clerk.start(task="a")

    assert day() == "done"
    assert sent == [("ann", 0), ("ann", -1)]
    run = runs.last
    assert names(run.view()) == ["day", "clerk", "notify", "release_outbox", "mail", "post"]
    assert run.replay().is_same
    assert clerk(task="b") == "no"
    assert sent[2:] == [("bob", 0), ("bob", -1)]
    assert all(one.replay().is_same for one in list(runs))


def plan_of(chance, depth):
    """Draw a call: what it puts in and calls, in which order, whether it fails."""
    steps = []
    for _ in range(chance.randrange(1, 5)):
        if depth and chance.random() < 0.5:
            steps.append(["call", plan_of(chance, depth - 1), chance.random() < 0.4])
        else:
            steps.append(["mail", chance.randrange(1_000)])
    return {"steps": steps, "fails": chance.random() < 0.25, "late": chance.random() < 0.3}


def expected(plan, seen):
    """Say what of a call counts, in order, and put down what it wrote."""
    mine = []
    for step in plan["steps"]:
        if step[0] == "mail":
            mine.append(step[1])
        else:
            mine += expected(step[1], seen)
    return [] if plan["fails"] else mine


class FallsError(Exception):
    pass


@pytest.mark.parametrize("seed", range(40))
def test_tx8_random_trees_release_just_what_counted_in_order(seed):
    chance = random.Random(seed)
    bank, sent = bank_of(), []
    mail = mailer(sent)

    @function(writes=["accounts"], uses=[mail], uses_recursion=True)
    def part(plan: dict) -> int:
        waiting = []
        for step in plan["steps"]:
            if step[0] == "mail":
                bank.after(mail, to="x", n=step[1])
                bank.accounts[f"k{step[1]}"] = step[1]
            else:
                started = part.start(plan=step[1])
                if step[2]:  # its result is taken later, or never
                    waiting.append(started)
                    continue
                with contextlib.suppress(FallsError):
                    started.result()
        if not plan["late"]:
            for one in waiting:
                with contextlib.suppress(FallsError):
                    one.result()
        if plan["fails"]:
            raise FallsError
        return 1

    @function(uses=[part, mail])
    def day(plans: list) -> None:
        for plan in plans:
            with contextlib.suppress(FallsError):
                part(plan=plan)

    plans = [plan_of(chance, 2) for _ in range(3)]
    should = [n for plan in plans for n in expected(plan, [])]
    print(f"seed {seed}: {json.dumps(plans)}")
    try:
        day(plans=plans)
    except ContractError:  # it wrote what a call that goes on had written
        pytest.fail("the plan is no good")
    assert [n for _, n in sent] == should
    assert runs.last.replay().is_same
    assert [n for _, n in sent] == should


# What was not made, and a person's release.


def test_tx8_what_a_cancel_left_waits_for_a_person_and_is_made_once():
    bank, sent, begun, go_on = bank_of(), [], threading.Event(), threading.Event()

    @function(effect="mail")
    def mail(to: str) -> str:
        if to == "slow" and not go_on.is_set():
            begun.set()
            go_on.wait(20)
            raise CancellationException("it stops in the middle")
        sent.append(to)
        return "sent"

    @function(writes=["n"], uses=[mail])
    def pay() -> int:
        for to in ("ann", "slow", "bob", "cid"):
            bank.after(mail, to=to)
        bank.n += 1
        return bank.n

    @function(uses=[pay])
    def day() -> int:
        return pay()

    run = day.start()
    begun.wait(20)
    assert [row.state for row in bank.outbox()] == ["released", "running", "running", "running"]
    run.cancel()
    go_on.set()
    assert run.result() == 1
    assert bank.version == 1
    assert runs.last.replay().is_same
    assert sent == ["ann"]
    rows = bank.outbox()
    assert [row.state for row in rows] == ["released", "lost", "waiting", "waiting"]
    assert [str(row) for row in rows.left] == [
        "mail(to='slow')",
        "mail(to='bob')",
        "mail(to='cid')",
    ]
    assert [row.state for row in rows.release()] == ["released", "lost", "released", "released"]
    assert sent == ["ann", "bob", "cid"]
    assert runs.last.replay().is_same
    with pytest.raises(
        NoNodeError, match=r"1 of these may have been done already: mail\(to='slow'"
    ):
        rows.release()
    assert {row.state for row in rows.release(again=True)} == {"released"}
    assert sent == ["ann", "bob", "cid", "slow"]
    assert bank.outbox().release().left == []
    assert len(sent) == 4


def filed(path):
    """Give a mailer whose version stays as it is, and what reads what it did."""

    @function(effect="mail")
    def mail(n: int) -> str:
        with open(path, "a", encoding="utf-8") as file:  # noqa: PTH123  a path is no plain value
            file.write(f"{n}\n")
        return "sent"

    def sent():
        try:
            with open(path, encoding="utf-8") as file:  # noqa: PTH123
                return [int(line) for line in file]
        except FileNotFoundError:
            return []

    return mail, sent


def test_tx8_a_resume_makes_no_call_that_a_person_released(tmp_path):
    bank = bank_of()
    mail, sent = filed(str(tmp_path / "sent"))
    begun, go_on = threading.Event(), threading.Event()

    @function
    def holds(n: int) -> None:
        if n == 2:
            begun.set()
            go_on.wait(20)

    @function(writes=["n"], uses=[mail, holds])
    def pay(n: int) -> int:
        bank.n += n
        bank.after(holds, n=n)
        bank.after(mail, n=n)
        return bank.n

    @function(uses=[pay])
    def day() -> int:
        pay(n=1)
        pay(n=2)
        return pay(n=3)

    run = day.start()
    begun.wait(20)
    run.cancel()
    go_on.set()
    with pytest.raises(CancellationException):
        run.result()
    assert sent() == [1]
    assert bank.outbox().release(again=True).left == []
    assert sent() == [1, 2]
    again = runs[run.id].resume()
    assert again.result() == 6
    assert sent() == [1, 2, 3]
    assert bank.outbox().left == []
    assert again.replay().is_same


def test_tx8_a_rerun_serves_what_was_released(tmp_path):
    bank = bank_of()
    mail, sent = filed(str(tmp_path / "sent"))

    @function(writes=["n"], uses=[mail])
    def pay(n: int) -> int:
        bank.after(mail, n=n)
        return n

    @function(uses=[pay])
    def day() -> int:
        return pay(n=1) + pay(n=2)

    assert day() == 3
    again = runs.last.rerun()
    assert again.result() == 3
    assert sent() == [1, 2]
    assert bank.outbox().left == []
    pay(n=5)
    assert sent() == [1, 2, 5]
    assert runs[1].rerun().result() == 5
    assert sent() == [1, 2, 5]
    assert bank.outbox().left == []


def test_tx8_a_key_that_the_record_does_not_hold_is_not_sent_as_its_mark():
    bank, sent, begun, go_on = bank_of(), [], threading.Event(), threading.Event()
    key = "sk-ant-api03-" + "x9" * 20

    @function
    def holds() -> None:
        if not go_on.is_set():
            begun.set()
            go_on.wait(20)
            raise CancellationException("it stops in the middle")

    mail = mailer(sent)

    @function(writes=["n"], uses=[mail, holds])
    def pay() -> None:
        bank.after(holds)
        bank.after(mail, to=key)

    run = pay.start()
    begun.wait(20)
    run.cancel()
    go_on.set()
    run.wait()
    assert [row.state for row in bank.outbox()] == ["lost", "waiting"]
    with pytest.raises(NoNodeError, match=r"outbox\(\).release\(\)"):
        runs.last.resume(force=True)
    assert [row.state for row in bank.outbox().release(again=True)] == ["released", "failed"]
    assert sent == []
    assert "The record does not hold in full what mail() is" in str(runs.last.tree())


def test_tx8_what_is_not_recorded_is_released_all_the_same(session):
    session.configure(store="off")
    bank, sent = bank_of(), []
    mail = mailer(sent)

    @function(writes=["n"], uses=[mail])
    def pay() -> None:
        bank.after(mail, to="ann")

    pay()
    assert sent == [("ann", 0)]
    assert list(bank.outbox()) == []


def test_tx8_what_was_left_is_shown_and_said(session):
    bank, sent = bank_of(), []
    mail = mailer(sent)

    @function(writes=["n"], uses=[mail])
    def pay() -> None:
        bank.after(mail, to="<b>nobody</b>\x1b[31m")
        bank.after(mail, to="nobody")

    pay()
    shown = outbox_table(bank.outbox())
    assert "1 not made" in str(shown)
    assert "mail(to='nobody')" in str(shown)
    html = shown._repr_mimebundle_()["text/html"]
    assert "<b>nobody" not in html
    assert "\x1b" not in html + str(shown)
    assert "1 call of the outbox not made: bank.outbox()" in str(context())
    assert bank.outbox().df["state"].tolist() == ["released", "failed"]


def test_tx8_two_who_release_at_the_same_time_make_each_call_once():
    bank, sent, ways = bank_of(), [], threading.Barrier(4)
    mail = mailer(sent)

    run = stopped_between(bank, mail)
    assert [row.state for row in bank.outbox()] == ["waiting"] * 3, run

    def releases():
        ways.wait(20)
        bank.outbox().release()

    threads = [threading.Thread(target=releases) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    assert sorted(n for _, n in sent) == [0, 1, 2]
    assert bank.outbox().left == []


def stopped_between(bank, mail):
    """Give a run whose release was cancelled before it began."""

    @function(writes=["n"], uses=[mail])
    def pay() -> int:
        for n in range(3):
            bank.after(mail, to="ann", n=n)
        bank.n += 1
        return bank.n

    @function(uses=[pay])
    def day() -> int:
        return pay()

    class Stops:
        """A policy that cancels a tree once its transaction counts."""

        moments = frozenset({Admit})

        def __call__(self, moment):
            if moment.node.fn.name == "release_outbox" and moment.node.parent is not None:
                moment.node.parent.cancel("between")

    with Runtime([day], policies=[Stops()]) as runtime:
        node = runtime.invoke(None, day, {})
        node.wait()
        return runtime.run_name(node)
