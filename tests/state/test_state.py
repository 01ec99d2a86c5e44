"""A state that Functions share: contracts, transactions, what is left when something fails."""

import contextlib
import copy
import json
import threading
from dataclasses import asdict, dataclass, field, replace

import pytest
from pydantic import BaseModel

from netflux_nb import Runtime, agent, function, runs, sql
from netflux_nb.core.errors import (
    CancellationException,
    ConflictError,
    ContractError,
    FunctionError,
    NoNodeError,
    SignatureError,
)
from netflux_nb.core.functions.versions import version_of
from netflux_nb.session import here, use
from netflux_nb.state import heavy, plain, state
from netflux_nb.testing import ScriptedModel, call


@dataclass
class Limits:
    most: int = 1_000
    names: list[str] = field(default_factory=list)


@dataclass
class Bank:
    accounts: dict[str, int]
    limits: Limits = field(default_factory=Limits)
    log: list[str] = field(default_factory=list)
    total: int = 0


@pytest.fixture
def bank():
    return state(Bank({"ann": 100, "bob": 50}), name="bank")


def nothing() -> None:
    pass


def transfer_of(bank):
    @function(reads=["accounts"], writes=["accounts"], raises=[ValueError])
    def transfer(src: str, dst: str, n: int) -> int:
        bank.accounts[src] -= n
        bank.accounts[dst] += n
        if bank.accounts[src] < 0:
            raise ValueError("no overdraft")
        return bank.accounts[src]

    return transfer


def test_what_a_call_wrote_counts_when_it_succeeds(bank):
    transfer = transfer_of(bank)
    assert transfer("ann", "bob", 30) == 70
    assert plain(bank.accounts) == {"ann": 70, "bob": 80}
    assert bank.version == 1
    assert bank.at(0).accounts == {"ann": 100, "bob": 50}


def test_t25_p12_a_call_that_fails_leaves_nothing(bank):
    transfer = transfer_of(bank)
    with pytest.raises(ValueError, match="no overdraft"):
        transfer("ann", "bob", 500)
    assert plain(bank.accounts) == {"ann": 100, "bob": 50}
    assert bank.version == 0


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, CancellationException, Exception])
def test_t25_any_exception_leaves_nothing(bank, error):
    @function(writes=["accounts"])
    def spoil() -> int:
        bank.accounts["ann"] = 0
        raise error

    with pytest.raises((error, CancellationException)):
        spoil()
    assert bank.value().accounts["ann"] == 100


def test_a_cancel_drops_also_what_a_body_returned_after_it(bank):
    with Runtime(is_open=True) as runtime:
        ready = threading.Event()

        @function(writes=["accounts"])
        def waits() -> int:
            ready.wait(10)
            bank.accounts["ann"] = 0
            node.cancel()
            return 1

        node = runtime.get_ctx().invoke(waits, {})
        ready.set()
        node.wait()
    assert node.state.name == "Canceled"
    assert bank.value().accounts["ann"] == 100


def test_t13_what_a_contract_does_not_name_is_not_read(bank):
    @function(reads=["accounts.ann"])
    def peek(who: str) -> int:
        return bank.accounts[who]

    @function(reads=["accounts.ann"])
    def count() -> int:
        return len(bank.accounts)

    @function
    def stranger() -> int:
        return bank.total

    assert peek("ann") == 100
    with pytest.raises(ContractError, match=r"peek\(\) may not read accounts.bob. Add it to reads"):
        peek("bob")
    with pytest.raises(ContractError, match="may read only some of accounts"):
        count()
    with pytest.raises(ContractError, match=r"stranger\(\) declares nothing of the state"):
        stranger()


def test_t14_what_a_contract_does_not_name_is_not_written(bank):
    @function(reads=["accounts"])
    def takes() -> None:
        bank.accounts["ann"] = 0

    @function(writes=["accounts.*"])
    def swallows() -> int:
        with contextlib.suppress(ContractError):
            bank.total = 3
        return 1

    with pytest.raises(ContractError, match=r"takes\(\) may not write accounts.ann. Add it to wri"):
        takes()
    with pytest.raises(ContractError, match=r"swallows\(\) may not write total"):
        swallows()
    assert bank.version == 0


def test_t15_what_is_written_may_be_read(bank):
    @function(writes=["accounts.*"])
    def double(who: str) -> int:
        bank.accounts[who] *= 2
        return bank.accounts[who]

    assert double("ann") == 200


def test_t16_an_error_that_is_not_declared_is_told_with_its_cause(bank):
    @function(writes=["accounts"], raises=["LookupError"])
    def looks(who: str) -> int:
        return {"x": bank.accounts[who]}[who]

    with pytest.raises(KeyError):  # a class that is made of what is declared
        looks("zoe")

    @function(writes=["accounts"], raises=[ValueError])
    def divides() -> float:
        return 1 / 0

    with pytest.raises(
        ContractError, match=r"raised ZeroDivisionError.*Add ZeroDivisionError"
    ) as f:
        divides()
    assert isinstance(f.value.__cause__, ZeroDivisionError)


def test_a_path_that_the_state_does_not_have_is_told_at_once(bank):
    with pytest.raises(FunctionError, match=r"bank has no path acounts. Did you mean accounts"):

        @function(reads=["acounts"])
        def peek() -> int:
            return 1


@pytest.mark.parametrize("path", ["", "a..b", "9", "a b", "a.", 3, "a[", "a.b()"])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(FunctionError, match="is no path of a state"):
        function(reads=[path])(nothing)


def test_what_may_be_raised_is_a_class_of_exceptions_or_its_name():
    with pytest.raises(SignatureError, match="holds classes of exceptions"):
        function(raises=[3])(nothing)


def test_a_contract_without_a_state_says_what_to_declare():
    @function(reads=["x"])
    def peek() -> int:
        return 1

    with pytest.raises(FunctionError, match=r"there is no state\. Declare it first"):
        peek()


def test_t10_outside_a_call_the_state_is_read_only(bank):
    for change in (
        lambda: bank.accounts.update(ann=1),
        lambda: setattr(bank, "total", 3),
        lambda: bank.log.append("x"),
        lambda: setattr(bank.limits, "most", 1),
    ):
        with pytest.raises(ContractError, match=r"read-only outside a call. Write: with bank.edit"):
            change()
    with bank.edit() as s:
        s.total += 3
        s.limits.most = 5
        s.log.append("by hand")
    assert (bank.total, bank.limits.most, list(bank.log)) == (3, 5, ["by hand"])

    def fails():
        with bank.edit() as s:
            s.total = 9
            raise LookupError

    with pytest.raises(LookupError):
        fails()
    assert bank.total == 3
    assert [one.by for one in bank.history()] == ["edit()"]


def test_a_thread_of_its_own_does_not_see_another_state(bank):
    seen = []

    @function(reads=["accounts"])
    def forks() -> None:
        def look():
            try:
                seen.append(bank.accounts["ann"])
            except NoNodeError as error:
                seen.append(str(error))

        one = threading.Thread(target=look)
        one.start()
        one.join()

    forks()
    assert "ctx.bind(fn)" in seen[0]


def test_a_caller_sees_what_a_child_wrote_once_it_takes_the_result(bank):
    @function(writes=["accounts"])
    def put(who: str, n: int) -> None:
        bank.accounts[who] = n

    @function(reads=["accounts"], writes=["accounts"], uses=[put])
    def both() -> list[int]:
        seen = [bank.accounts["ann"]]
        call = put.start("ann", 1)
        while not call.is_done:
            threading.Event().wait(0.001)
        seen.append(bank.accounts["ann"])
        call.result()
        return [*seen, bank.accounts["ann"]]

    assert both() == [100, 100, 1]
    assert bank.value().accounts["ann"] == 1
    assert bank.version == 1


def test_who_writes_what_an_untaken_child_wrote_is_refused(bank):
    @function(writes=["accounts"])
    def put(who: str, n: int) -> None:
        bank.accounts[who] = n

    @function(writes=["accounts"], uses=[put])
    def hasty() -> None:
        call = put.start("ann", 1)
        while not call.is_done:
            threading.Event().wait(0.001)
        bank.accounts["ann"] = 2

    with pytest.raises(
        ContractError, match=r"accounts.ann: put\(\) wrote it, and you have not tak"
    ):
        hasty()
    assert bank.version == 0


def test_a_child_may_not_do_what_its_caller_may_not(bank):
    @function(writes=["total"])
    def put() -> None:
        bank.total = 1

    @function(reads=["accounts"], uses=[put])
    def clerk() -> None:
        put()

    words = r"clerk\(\) calls put\(\), which writes total; its own contract does not"
    with pytest.raises(ContractError, match=words):
        clerk()


def test_a_call_without_a_contract_lets_each_step_count(bank):
    transfer = transfer_of(bank)

    @function(uses=[transfer])
    def day() -> int:
        transfer("ann", "bob", 10)
        transfer("ann", "bob", 500)
        return 1

    with pytest.raises(ValueError, match="overdraft"):
        day()
    assert plain(bank.accounts) == {"ann": 90, "bob": 60}


def test_a_contract_makes_all_that_it_calls_one_transaction(bank):
    transfer = transfer_of(bank)

    @function(writes=["accounts"], uses=[transfer], raises=[ValueError])
    def day() -> int:
        transfer("ann", "bob", 10)
        transfer("ann", "bob", 500)
        return 1

    with pytest.raises(ValueError, match="overdraft"):
        day()
    assert bank.version == 0


def conflict(bank, read, write):
    """Run two calls at once: each reads, waits for the other, and writes."""
    both = threading.Barrier(2, timeout=20)

    @function(reads=["accounts", "log", "limits"], writes=["accounts", "log", "limits"])
    def mixes(n: int) -> object:
        seen = read(n)
        with contextlib.suppress(threading.BrokenBarrierError):  # a replay meets no other
            both.wait()
        write(n, seen)
        return plain(seen)

    calls = [mixes.start(n=n) for n in (1, 2)]
    for one in calls:
        one.wait()
    both.abort()
    return sorted(one.state.name for one in calls), [one.view().exception for one in calls]


def test_two_calls_that_change_the_same_path_do_not_lose_one(bank):
    def write(n, seen):
        bank.accounts["ann"] = seen + n

    states, errors = conflict(bank, lambda n: bank.accounts["ann"], write)
    assert states == ["Error", "Success"]
    (error,) = [e for e in errors if e is not None]
    assert isinstance(error, ConflictError)
    assert "accounts.ann: mixes in run" in str(error)
    assert "Nothing that mixes() wrote counts" in str(error)
    assert bank.value().accounts["ann"] in (101, 102)
    for run in list(runs)[:2]:
        assert run.replay().is_same


def test_two_calls_that_change_different_paths_both_count(bank):
    def write(n, seen):
        bank.accounts[f"new {n}"] = n

    states, _ = conflict(bank, lambda n: bank.accounts[("ann", "bob")[n - 1]], write)
    assert states == ["Success", "Success"]
    assert bank.value().accounts == {"ann": 100, "bob": 50, **bank.value().accounts}
    assert bank.value().accounts["new 1"] == 1
    assert bank.value().accounts["new 2"] == 2


def test_what_was_counted_is_a_reading_too(bank):
    def write(n, seen):
        bank.accounts[f"new {n}"] = seen

    states, _ = conflict(bank, lambda n: len(bank.accounts), write)
    assert states == ["Error", "Success"]


def test_a_change_below_what_another_replaced_is_a_conflict(bank):
    both = threading.Barrier(2, timeout=20)

    @function(writes=["accounts"])
    def replaces() -> None:
        both.wait()
        bank.accounts = {"eve": 1}

    @function(writes=["accounts"])
    def adds(go: bool) -> None:
        bank.accounts["zoe"] = 3
        both.wait()
        replaced.wait(20)

    replaced = threading.Event()
    adding = adds.start(go=True)
    replaces.start().wait()
    replaced.set()
    adding.wait()
    assert isinstance(adding.view().exception, ConflictError)
    assert bank.value().accounts == {"eve": 1}


def test_t21_a_view_is_dead_when_its_call_has_ended(bank):
    kept = []

    @function(reads=["accounts", "log"], writes=["accounts"])
    def leaks() -> None:
        kept.extend([bank.accounts, bank.log])

    leaks()
    for use_it in (lambda: kept[0]["ann"], lambda: len(kept[1]), lambda: kept[0].update(x=1)):
        with pytest.raises(ContractError, match=r"belongs to a call that has ended. Read bank"):
            use_it()


def test_t19_a_view_that_is_moved_does_not_write_into_another(bank):
    rows = state({"rows": [{"n": 1}, {"n": 2}]}, name="rows_state")

    @function(writes=["rows"])
    def moves() -> None:
        second = rows.rows[1]
        del rows.rows[0]
        second["n"] = 9

    with pytest.raises(ContractError):
        moves()
    assert rows.value() == {"rows": [{"n": 1}, {"n": 2}]}


def test_t20_lists_sets_and_dicts_do_as_those_of_python():
    tree = state({"l": [3, 1, 2], "s": {1, 2}, "d": {"a": {"b": [1]}}, "t": ([1], 2)}, name="tree")

    @function(writes=["l", "s", "d", "t"])
    def plays() -> list[object]:
        tree.l.append(9)
        tree.l.sort(reverse=True)
        tree.l[0:1] = [7, 8]
        tree.l.remove(1)
        tree.s.add(5)
        tree.s -= {1}
        tree.d["a"]["b"].extend([2, 3])
        tree.d["c"] = {"new": [1]}
        tree.d["c"]["new"].append(2)
        del tree.d["c"]["new"][0]
        tree.t[0].append(4)
        assert 5 in tree.s
        assert tree.d["a"] == {"b": [1, 2, 3]}
        assert tree.d | {"x": 1} == {**plain(tree.d), "x": 1}
        assert [*reversed(tree.l)] == [2, 3, 8, 7]
        assert json.loads(json.dumps(plain(tree.d)))["c"] == {"new": [2]}
        with pytest.raises(TypeError):
            json.dumps(tree.d)  # rather than `{}` without a word
        assert copy.deepcopy(tree.l) == [7, 8, 3, 2]
        assert dict(tree.d["a"]) == {"b": [1, 2, 3]}
        assert tree.d.pop("nothing", 3) == 3
        return plain(tree.l)

    assert plays() == [7, 8, 3, 2]
    assert tree.value() == {
        "l": [7, 8, 3, 2],
        "s": {2, 5},
        "d": {"a": {"b": [1, 2, 3]}, "c": {"new": [2]}},
        "t": ([1, 4], 2),
    }


class Order(BaseModel):
    name: str
    lines: list[int] = []


def test_t24_dataclasses_and_models_keep_the_promise(bank):
    shop = state({"limits": Limits(), "order": Order(name="a")}, name="shop")

    @function(writes=["limits", "order"])
    def changes(fail: bool) -> None:
        shop.limits.most = 7
        shop.limits.names.append("x")
        shop.order.lines.append(3)
        shop.order.name = "b"
        assert isinstance(shop.order, Order)
        assert isinstance(shop.limits, Limits)
        assert asdict(shop.limits) == {"most": 7, "names": ["x"]}
        assert plain(replace(shop.limits, most=8).names) == ["x"]
        assert plain(shop.order).model_dump() == {"name": "b", "lines": [3]}
        with pytest.raises(AttributeError):
            shop.limits.nothing = 1
        if fail:
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        changes(fail=True)
    assert shop.value() == {"limits": Limits(), "order": Order(name="a")}
    changes(fail=False)
    assert shop.value() == {"limits": Limits(7, ["x"]), "order": Order(name="b", lines=[3])}

    @function(reads=["limits"])
    def reads_only() -> None:
        shop.limits.names.append("y")

    with pytest.raises(ContractError, match="may not write"):
        reads_only()


def test_arrays_and_tables_are_written_when_they_were_changed_in_place():
    numpy, pandas = pytest.importorskip("numpy"), pytest.importorskip("pandas")
    lab = state({"n": numpy.zeros(3), "t": pandas.DataFrame({"x": [1, 2]})}, name="lab")

    @function(writes=["n", "t"])
    def changes(fail: bool) -> None:
        lab.n[0] = 5
        lab.n[1] += lab.n[0]
        lab.t.loc[0, "x"] = 7
        if fail:
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        changes(fail=True)
    assert lab.value()["n"].tolist() == [0, 0, 0]
    changes(fail=False)
    assert lab.value()["n"].tolist() == [5, 5, 0]
    assert lab.value()["t"]["x"].tolist() == [7, 2]

    @function(reads=["n"])
    def reads_only() -> float:
        lab.n[0] = 99
        return float(lab.n[0])

    assert reads_only() == 5


def test_what_is_heavy_is_held_by_reference():
    model = object()
    lab = state({"model": heavy(model), "n": 0}, name="lab")

    @function(reads=["model"])
    def same() -> bool:
        return lab.model is model

    assert same()


def test_a_view_that_is_put_into_the_state_is_put_there_by_value(bank):
    tree = state({"a": {"x": [1]}, "b": {}}, name="tree")

    @function(writes=["a", "b"])
    def puts() -> None:
        tree.b["copy"] = tree.a["x"]
        tree.a["x"].append(2)

    puts()
    assert tree.value() == {"a": {"x": [1, 2]}, "b": {"copy": [1]}}


def test_a_word_of_the_state_itself_is_no_field():
    with pytest.raises(SignatureError, match="history is a word of the state itself"):
        state({"history": []})
    with pytest.raises(SignatureError, match="made of a dataclass, a pydantic model or a dict"):
        state([1])


def test_a_functions_version_knows_the_state_by_name_not_by_value(bank):
    peek = transfer_of(bank)
    before = version_of(peek)
    assert before.is_whole
    with bank.edit() as s:
        s.accounts["ann"] = 3
    assert version_of(peek).digest == before.digest

    @function(reads=["total"], name="transfer")
    def other(src: str, dst: str, n: int) -> int:
        return 1

    assert version_of(other).digest != before.digest


def test_an_agent_and_what_it_calls_are_one_transaction(bank):
    transfer = transfer_of(bank)
    script = ScriptedModel(
        [
            call("transfer", src="ann", dst="bob", n=30),
            "done",
        ]
    )
    use(scripted=script)
    clerk = agent(
        "clerk(task: str) -> str", "{task}", model="scripted", uses=[transfer],
        writes=["accounts"],
    )  # fmt: skip
    assert clerk("move 30") == "done"
    assert bank.value().accounts == {"ann": 70, "bob": 80}
    assert bank.version == 1
    assert [one.by for one in bank.history("accounts.ann")] == ["clerk"]


# What a record holds, and what is made of it.


def last():
    return runs.last


def test_t53_a_replay_reads_what_was_read_and_leaves_the_state(bank):
    transfer = transfer_of(bank)
    transfer("ann", "bob", 30)
    run = last()
    with bank.edit() as s:
        s.accounts["ann"] = 5
    done = run.replay()
    assert done.is_same
    assert bank.value().accounts == {"ann": 5, "bob": 80}


def test_a_replay_of_nested_calls_is_the_same(bank):
    transfer = transfer_of(bank)

    @function(reads=["accounts"], writes=["accounts", "log"], uses=[transfer])
    def day() -> list[int]:
        transfer("ann", "bob", 10)
        call = transfer.start("bob", "ann", 1)
        seen = [bank.accounts["ann"]]
        call.result()
        bank.log.append("day")
        return [*seen, bank.accounts["ann"], len(bank.log)]

    assert day() == [90, 91, 1]
    assert last().replay().is_same


def test_a_replay_of_a_call_that_was_refused_is_the_same(bank):
    @function(writes=["accounts.bob"])
    def takes() -> None:
        bank.accounts["ann"] = 0

    with pytest.raises(ContractError):
        takes()
    assert last().replay().is_same


def test_a_replay_in_which_code_writes_something_else_says_so(bank):
    add = [1]

    @function(writes=["total"])
    def put() -> int:
        bank.total = bank.total + add[0]
        return 3

    put()
    add[0] = 2
    done = last().replay()
    assert not done.is_same
    assert "total" in str(done)


def test_a_rerun_serves_only_what_read_the_same(bank):
    transfer = transfer_of(bank)
    transfer("ann", "bob", 30)
    run = last()
    done = run.rerun()
    assert done.result() == 40
    assert done.served.nodes == 0
    assert bank.value().accounts == {"ann": 40, "bob": 110}


def test_t52_the_record_holds_what_was_read_and_changed(bank):
    transfer = transfer_of(bank)
    transfer("ann", "bob", 30)
    (node,) = last().recording.nodes.values()
    assert node.touched.state == "bank"
    assert (node.touched.base, node.touched.version) == (0, 1)
    assert dict(node.touched.reads) == {("accounts", "ann"): 100, ("accounts", "bob"): 50}
    assert set(node.touched.delta) == {
        (("accounts", "ann"), 100, 70),
        (("accounts", "bob"), 50, 80),
    }


def test_a_failed_call_keeps_in_the_record_what_it_would_have_changed(bank):
    transfer = transfer_of(bank)
    with pytest.raises(ValueError, match="overdraft"):
        transfer("ann", "bob", 500)
    (node,) = last().recording.nodes.values()
    assert node.touched.version is None
    assert (("accounts", "ann"), 100, -400) in node.touched.delta


def test_transactions_and_changes_are_asked_with_sql(bank):
    transfer = transfer_of(bank)
    transfer("ann", "bob", 30)
    with pytest.raises(ValueError, match="overdraft"):
        transfer("ann", "bob", 500)
    found = sql("SELECT fn, outcome, base, version, reads, writes FROM transactions ORDER BY run")
    rows = found.astype(object).where(found.notna(), None).values.tolist()
    assert rows == [["transfer", "success", 0, 1, 2, 2], ["transfer", "error", 1, None, 2, 2]]
    found = sql("SELECT path, before, after FROM changes WHERE version = 1 ORDER BY path")
    assert [[p, str(b), str(a)] for p, b, a in found.values.tolist()] == [
        ["accounts.ann", "100", "70"],
        ["accounts.bob", "50", "80"],
    ]


def test_a_key_in_the_state_does_not_reach_the_record(tmp_path):
    secret = "hunter2hunter2"
    vault = state({"db": {"password": secret, "n": 0}, "api_token": secret}, name="vault")

    @function(writes=["db", "api_token"])
    def rotates() -> int:
        vault.db["n"] = len(vault.db["password"]) + len(vault.api_token)
        vault.db["password"] = secret + "x"
        return 1

    rotates()
    here.close_records()
    kept = b"".join(p.read_bytes() for p in (tmp_path / "store").rglob("*") if p.is_file())
    assert b'"touched"' in kept
    assert secret.encode() not in kept


def test_an_array_in_the_state_is_in_the_record():
    numpy = pytest.importorskip("numpy")
    lab = state({"n": numpy.zeros(3)}, name="lab")

    @function(writes=["n"])
    def adds(x: int) -> float:
        lab.n[1] += x
        return float(lab.n.sum())

    adds(3)
    (node,) = last().recording.nodes.values()
    ((path, before, after),) = node.touched.delta
    assert path == ("n",)
    assert (before.tolist(), after.tolist()) == ([0, 0, 0], [0, 3, 0])
    adds(4)
    assert [one.is_same for one in (runs.last.replay(), runs[-2].replay())] == [True, True]


def test_p21_an_agent_looks_at_the_state_and_puts_under_its_contract(bank):
    script = ScriptedModel([
        call("look"),
        [call("look", path="accounts"), call("look", path="limits")],
        call("put", path="accounts.ann", value=7),
        call("put", path="accounts.bob", value="much"),
        call("put", path="total", value=7),
        call("look", path="accounts.zoe"),
        "done",
    ])  # fmt: skip
    use(scripted=script)
    clerk = agent(
        "clerk(task: str) -> str", "{task}", model="scripted", writes=["accounts.*", "log"]
    )
    assert [fn.name for fn in clerk.uses] == ["look", "put"]
    assert clerk("go") == "done"
    told = [str(part.outputs) for part in last().view().transcript if hasattr(part, "outputs")]
    assert "accounts.*" in told[0]
    assert "100" in told[1]
    assert "may not read limits" in told[2]
    assert "is put" in told[3]
    assert "holds a int; got str" in told[4]
    assert "may not be put by you" in told[5]
    assert "nothing at accounts.zoe. There is: ann, bob" in told[6]
    assert bank.value().accounts == {"ann": 7, "bob": 50}
    assert last().replay().is_same


def test_an_agent_that_fails_leaves_nothing_of_what_it_put(bank):
    script = ScriptedModel([call("put", path="accounts.ann", value=7), RuntimeError("no more")])
    use(scripted=script)
    clerk = agent("clerk(task: str) -> str", "{task}", model="scripted", writes=["accounts"])
    with pytest.raises(Exception, match="no more"):
        clerk("go")
    assert bank.version == 0


def test_an_agent_is_given_no_tools_where_it_is_told_so(bank):
    clerk = agent("clerk() -> str", "go", writes=["accounts"], state_tools=False)
    assert clerk.uses == []
    reader = agent("reader() -> str", "go", reads=["accounts"])
    assert [fn.name for fn in reader.uses] == ["look"]


def test_t2_a_body_finds_the_state_by_its_context(bank):
    @function(writes=["accounts"])
    def move(ctx, n: int) -> int:
        ctx.domain.accounts["ann"] -= n
        return ctx.domain.accounts["ann"]

    assert move(3) == 97


def test_t11_a_cell_says_what_its_function_reads_and_writes(bank):
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    try:
        shell.run_line_magic("load_ext", "netflux_nb")
        shell.user_ns["bank"] = bank
        shell.run_cell_magic(
            "function",
            "--reads accounts --writes accounts.ann total --raises ValueError",
            "def put(n: int) -> int:\n    bank.accounts['ann'] = n\n    return n",
        )
        shell.run_cell_magic("agent", "clerk(task: str) -> str --writes accounts", "{task}")
        put, clerk = shell.user_ns["put"], shell.user_ns["clerk"]
    finally:
        InteractiveShell.clear_instance()
    told = {"reads": ("accounts",), "writes": ("accounts.ann", "total"), "raises": ["ValueError"]}
    assert put.contract.told == told
    assert [fn.name for fn in clerk.uses] == ["look", "put"]
    assert "writes=['accounts']" in clerk.source()
    assert "reads=['accounts'], writes=['accounts.ann', 'total'], raises=['ValueError']" in (
        put.source()
    )


def test_a_call_whose_end_cannot_be_recorded_changes_nothing(bank):
    @function(writes=["total"])
    def put() -> int:
        bank.total = 3
        return 1

    with Runtime(is_open=True, record=False) as runtime:
        post = runtime.log.post_locked

        def fails(node, body):
            if type(body).__name__ == "NodeClosed" and body.touched is not None:
                raise OSError("no space")
            return post(node, body)

        runtime.log.post_locked = fails
        node = runtime.get_ctx().invoke(put, {})
        node.wait()
    assert node.state.name == "Error"
    assert (bank.value().total, bank.version) == (0, 0)
    assert bank.history() == []


def test_a_node_that_has_ended_holds_no_version_of_the_state(bank):
    transfer = transfer_of(bank)

    @function(writes=["accounts"], uses=[transfer], raises=[ValueError])
    def day() -> int:
        call = transfer.start("ann", "bob", 10)
        transfer("ann", "bob", 1)
        return call.result()

    node = day.start().root
    node.wait()
    assert [one.draft for one in (node, *node.children)] == [None, None, None]
