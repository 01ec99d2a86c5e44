"""Zones and signals: set in a transaction, published when it counts, read once."""

import contextlib
import threading
from dataclasses import dataclass, field
from typing import Annotated

import pytest
from pydantic import BaseModel

from netflux_nb import ContractError, FunctionError, Meta, Signal, function, plain, runs, sql, state
from netflux_nb.core.contracts.persistent import freeze
from netflux_nb.state.signals import KEPT
from netflux_nb.state.zones import Zone, zone_at


@dataclass
class Order:
    total: int = 0
    sig_paid: bool = False


@dataclass
class Bank:
    accounts: dict[str, int] = field(default_factory=dict)
    sig_fraud: bool = False
    late: Annotated[bool, Signal] = False
    seen: Annotated[int, Meta] = 0
    meta_by: str = ""
    sig_loud: Annotated[int, Zone.DATA] = 0
    order: Order = field(default_factory=Order)
    orders: dict[str, Order] = field(default_factory=dict)


@pytest.fixture
def bank():
    return state(Bank({"ann": 100, "bob": 50}, orders={"a": Order()}), name="bank")


def test_t5_a_zone_is_what_the_annotation_says_then_what_the_name_begins_with():
    root = freeze(Bank({"cmd_bob": 1}, orders={"a": Order()}), "bank")

    def zone(*path):
        return zone_at(root, path)

    assert zone("accounts") is Zone.DATA
    assert zone("sig_fraud") is Zone.SIGNAL
    assert zone("late") is Zone.SIGNAL
    assert zone("seen") is Zone.META
    assert zone("meta_by") is Zone.META
    assert zone("sig_loud") is Zone.DATA
    assert zone("orders", "a", "sig_paid") is Zone.SIGNAL
    # What somebody entered is data, however it is called.
    assert zone("accounts", "cmd_bob") is Zone.DATA
    root = freeze({"cmd_go": False, "sigma": 1, "x": {"sig_y": 1}}, "s")
    assert [zone_at(root, p) for p in (("cmd_go",), ("sigma",), ("x", "sig_y"))] == [
        Zone.SIGNAL,
        Zone.DATA,
        Zone.DATA,
    ]


def test_a_zone_is_found_where_hints_cannot_be_read():
    @dataclass
    class Odd:
        other: "Nowhere"  # noqa: F821
        late: "Annotated[bool, Signal]" = False
        sig_x: int = 0

    root = freeze(Odd(None), "odd")
    assert zone_at(root, ("late",)) is Zone.SIGNAL
    assert zone_at(root, ("sig_x",)) is Zone.SIGNAL
    assert zone_at(root, ("other",)) is Zone.DATA


@pytest.mark.parametrize("path", ["sig_fraud", "late", "seen", "meta_by", "domain.sig_fraud"])
def test_t9_a_contract_may_not_read_what_is_no_data(bank, path):
    with pytest.raises(FunctionError, match="no input"):

        @function(reads=["accounts", path])
        def peek() -> int:
            return 1


def test_t9_is_held_before_the_state_is_there_and_when_it_comes():
    with pytest.raises(FunctionError, match="reads sig_x, which is a signal"):

        @function(reads=["sig_x"])
        def peek() -> int:
            return 1

    @function(reads=["late"])
    def early() -> bool:
        return bank.late

    bank = state(Bank(), name="bank")
    with pytest.raises(FunctionError, match="early: reads late, which is a signal"):
        early()


def test_t9_a_wide_contract_reads_data_only(bank):
    @function(reads=["*"])
    def peek(name: str) -> str:
        return str(getattr(bank, name))

    assert peek("accounts") == "{'ann': 100, 'bob': 50}"
    for name in ("sig_fraud", "late", "seen", "meta_by"):
        with pytest.raises(ContractError, match="no input"):
            peek(name)


def test_what_is_written_may_be_read_in_the_same_call(bank):
    @function(writes=["sig_fraud", "seen"])
    def mark() -> list:
        before = bank.sig_fraud, bank.seen
        bank.sig_fraud, bank.seen = True, 3
        return [*before, bank.sig_fraud, bank.seen]

    assert mark() == [False, 0, True, 3]
    assert mark() == [False, 3, True, 3]


def test_t7_a_signal_is_published_when_it_counts_and_read_once(bank):
    @function(writes=["sig_fraud", "accounts"])
    def mark(ok: bool) -> None:
        bank.sig_fraud = True
        bank.accounts["ann"] = 1
        if not ok:
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        mark(False)
    assert bank.signals() == []
    assert bank.sig_fraud is False

    mark(True)
    assert bank.value().sig_fraud is False
    [sent] = bank.signals()
    assert (sent.path, sent.value, sent.version, sent.by) == ("sig_fraud", True, 1, "mark")
    assert sent.run == runs.last.id
    assert "sig_fraud" in dir(bank)
    assert len(bank.signals()) == 1
    assert bank.sig_fraud is True
    assert bank.sig_fraud is False
    assert bank.signals() == []


def test_t7_signals_are_read_in_the_order_of_the_commits(bank):
    @function(writes=["order", "sig_fraud"])
    def mark(n: int) -> None:
        bank.order.sig_paid = n
        bank.sig_fraud = n

    for n in (1, 2, 3):
        mark(n)
    assert [bank.order.sig_paid for _ in range(4)] == [1, 2, 3, False]
    assert [sent.value for sent in bank.signals()] == [1, 2, 3]


def test_the_declared_value_is_no_signal_and_takes_one_back(bank):
    @function(writes=["sig_fraud"])
    def mark() -> None:
        bank.sig_fraud = True
        bank.sig_fraud = False

    mark()
    assert bank.signals() == []
    assert bank.value().sig_fraud is False


def test_a_record_in_the_place_of_another_sets_its_signals(bank):
    @function(writes=["order"])
    def pay() -> None:
        bank.order = Order(7, sig_paid=True)

    pay()
    assert bank.value().order == Order(7, sig_paid=False)
    assert [(sent.path, sent.value) for sent in bank.signals()] == [("order.sig_paid", True)]


def test_a_signal_of_what_is_new_in_the_transaction_leaves_it_too(bank):
    @function(writes=["orders"])
    def pay() -> None:
        bank.orders["b"] = Order(1)
        bank.orders["b"].sig_paid = True
        bank.orders["a"].sig_paid = True

    pay()
    assert bank.value().orders == {"a": Order(), "b": Order(1)}
    assert [sent.path for sent in bank.signals()] == ["orders.b.sig_paid", "orders.a.sig_paid"]


def test_a_model_of_pydantic_and_a_plain_dict_have_signals():
    class Model(BaseModel):
        n: int = 0
        go: Annotated[bool, Signal] = False

    model = state(Model(), name="model")
    with model.edit() as s:
        s.go = True
    assert (model.go, model.go, model.value()) == (True, False, Model())

    box = state({"n": 1}, name="box")

    @function(writes=["sig_new", "n"])
    def mark() -> None:
        box["sig_new"] = 5
        box.n = 2

    mark()
    assert box.value() == {"n": 2}
    assert [(sent.path, sent.value) for sent in box.signals()] == [("sig_new", 5)]


def test_a_person_sets_a_signal_by_hand(bank):
    with bank.edit() as s:
        s.sig_fraud = "by hand"
    [sent] = bank.signals()
    assert (sent.value, sent.by, sent.run, sent.key) == ("by hand", "edit()", "", "")
    with pytest.raises(TypeError), bank.edit() as s:
        s.sig_fraud = int([])
    assert len(bank.signals()) == 1


def test_t7_two_that_set_the_same_signal_do_not_conflict(bank):
    both = threading.Barrier(2)

    @function(writes=["sig_fraud", "accounts"])
    def mark(name: str) -> None:
        bank.sig_fraud = name
        bank.accounts[name] = 1
        both.wait(20)

    @function(uses=[mark], writes=["sig_fraud", "accounts"])
    def together() -> None:
        for one in [mark.start("c"), mark.start("d")]:
            one.result()

    @function(uses=[mark])
    def apart() -> None:
        for one in [mark.start("e"), mark.start("f")]:
            one.result()

    together()
    assert sorted(sent.value for sent in bank.signals()) == ["c", "d"]
    apart()
    assert sorted(sent.value for sent in bank.signals()) == ["c", "d", "e", "f"]
    assert set(plain(bank.accounts)) == {"ann", "bob", "c", "d", "e", "f"}


def test_t7_a_failed_child_sends_nothing_and_a_nested_one_with_its_caller(bank):
    @function(writes=["sig_fraud"])
    def mark(n: int) -> None:
        bank.sig_fraud = n
        if n == 2:
            raise ValueError

    @function(uses=[mark], writes=["sig_fraud"])
    def outer(ok: bool) -> None:
        mark(1)
        with contextlib.suppress(ValueError):
            mark(2)
        mark(3)
        if not ok:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        outer(False)
    assert bank.signals() == []
    outer(True)
    sent = bank.signals()
    assert [(one.value, one.by, one.version) for one in sent] == [(1, "mark", 1), (3, "mark", 1)]


def test_t7_a_replay_and_a_fork_send_nothing_to_the_kernel(bank):
    @function(writes=["sig_fraud"])
    def mark(n: int) -> int:
        bank.sig_fraud = n
        return n

    @function(uses=[mark])
    def day() -> int:
        return mark(n=1) + mark(n=2)

    day()
    run = runs.last
    assert [sent.value for sent in bank.signals()] == [1, 2]
    assert run.replay().is_same
    assert run.fork("day/mark[2]", args={"n": 7}).result() == 8
    assert [sent.value for sent in bank.signals()] == [1, 2]


def test_a_resume_sends_what_was_sent_once_here_and_again_in_another_kernel(bank):
    fails = [True]

    @function(writes=["sig_fraud"])
    def mark(n: int) -> int:
        bank.sig_fraud = n
        return n

    @function(uses=[mark])
    def day() -> int:
        mark(1)
        if fails:
            raise RuntimeError
        return mark(2)

    with pytest.raises(RuntimeError):
        day()
    run = runs.last
    fails.clear()
    run.resume().result()
    assert [sent.value for sent in bank.signals()] == [1, 2]
    assert [sent.version for sent in bank.signals()] == [1, 2]


def test_the_record_tells_of_signals(bank):
    @function(writes=["sig_fraud", "order"])
    def mark(n: int) -> None:
        bank.sig_fraud = n
        bank.order = Order(n, sig_paid=True)

    @function(uses=[mark], writes=["sig_fraud", "order"])
    def outer() -> None:
        mark(1)

    outer()
    mark(2)
    found = sql("SELECT fn, path, value, version FROM signals ORDER BY version, path")
    assert [tuple(row) for row in found.itertuples(index=False)] == [
        ("mark", "order.sig_paid", "true", 1),
        ("mark", "sig_fraud", "1", 1),
        ("mark", "order.sig_paid", "true", 2),
        ("mark", "sig_fraud", "2", 2),
    ]
    assert len(sql("SELECT * FROM changes WHERE path = 'sig_fraud' AND version > 0")) == 2
    assert runs[-1].verify() == ()


def test_unread_signals_are_bounded(bank, caplog):
    with caplog.at_level("WARNING"):
        for n in range(KEPT + 5):
            bank._store.inbox.put([(("sig_fraud",), n, "x", "k")], n, "r")
    assert len(bank.signals()) == KEPT
    assert bank._store.inbox.dropped == 5
    assert bank.sig_fraud == 5
    assert caplog.text.count("unread") == 1


def test_any_order_of_signals_is_the_order_of_the_commits(bank, chance):
    """Every commit's signals are there, in the order of the versions, each as it was set."""

    @function(writes=["sig_fraud", "late", "accounts"])
    def mark(n: int, what: int) -> None:
        if what & 1:
            bank.sig_fraud = n
        if what & 2:
            bank.late = n
        bank.accounts["ann"] = n
        if what & 4:
            raise ValueError

    wanted = []
    for n in range(1, 60):
        what = chance.randrange(8)
        try:
            mark(n, what)
            wanted += [("sig_fraud", n)] * bool(what & 1) + [("late", n)] * bool(what & 2)
        except ValueError:
            pass
    assert [(sent.path, sent.value) for sent in bank.signals()] == wanted
    while wanted:
        name = chance.choice(["sig_fraud", "late"])
        mine = [value for path, value in wanted if path == name]
        assert getattr(bank, name) == (mine[0] if mine else False)
        if mine:
            wanted.remove((name, mine[0]))


def test_to_show_a_record_reads_no_signal(bank):
    with bank.edit() as s:
        s.order.sig_paid = True
    assert repr(bank.order) == "Order(total=0, sig_paid=False)"
    assert repr(bank.orders) == "{'a': Order(total=0, sig_paid=False)}"
    assert len(bank.signals()) == 1
    assert bank.order.sig_paid is True
