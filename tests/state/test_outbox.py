"""The outbox of a transaction: calls that are made once it counts, and never where it does not."""

import asyncio
import contextlib
import json
import random
import threading

import pytest

from netflux_nb import agent, function, runs, sql, use
from netflux_nb.core.errors import (
    ArgumentError,
    CancellationException,
    ConflictError,
    ContractError,
    FunctionError,
    NoNodeError,
)
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
