"""Views of a state do as the values that they show: against plain ones, and where code is careless."""

import copy
import dataclasses
import pickle
import random
import threading
from typing import ClassVar

import pytest
from pydantic import BaseModel, ConfigDict, PrivateAttr

from netflux_nb import function
from netflux_nb.core.errors import ContractError
from netflux_nb.state import plain, state


def done(value, body):
    """Give what a body gives, and the state after it."""
    bank = state(value, name="bank")

    @function(writes=list(value))
    def plays() -> object:
        return body(bank)

    return plays(), bank.value()


def test_what_setdefault_gives_is_in_the_state():
    _, after = done({"d": {}}, lambda bank: bank.d.setdefault("k", []).append(1))
    assert after == {"d": {"k": [1]}}


def test_what_is_popped_is_ones_own():
    def takes(bank):
        job, entry, last = bank.q.pop(0), bank.d.pop("x"), bank.d.popitem()
        return job["n"], entry[0], last, bank.d.pop("no", None)

    value = {"q": [{"n": 1}, {"n": 2}], "d": {"x": [5], "y": [6], "z": [7]}}
    given, after = done(value, takes)
    assert given == (1, 5, ("z", [7]), None)
    assert after == {"q": [{"n": 2}], "d": {"y": [6]}}


def dict_move(chance):
    key = chance.choice("abcd")
    return chance.choice([
        lambda d: d.__setitem__(key, chance.randrange(9)),
        lambda d: d.pop(key, None),
        lambda d: d.pop(key),
        lambda d: d.popitem(),
        lambda d: d.setdefault(key, [1]),
        lambda d: d.update({key: 1, "z": [2]}),
        lambda d: d.clear() if chance.random() < 0.2 else None,
        lambda d: d.__delitem__(key),
        lambda d: d.get(key),
        lambda d: (list(d), list(d.items()), list(reversed(d)), len(d), key in d),
        lambda d: d | {"y": 3},
        lambda d: {"y": 3} | d,
        lambda d: d.__ior__({"y": 3}) and None,
        lambda d: d == dict(d),
    ])  # fmt: skip


def list_move(chance):
    at, to, n = chance.randrange(-5, 6), chance.randrange(-5, 6), chance.randrange(9)
    step = chance.choice([None, 1, 2, -1, -2])
    return chance.choice([
        lambda x: x.append(n),
        lambda x: x.insert(at, n),
        lambda x: x.extend(x),
        lambda x: x.__iadd__([n]) and None,
        lambda x: x.pop(),
        lambda x: x.pop(at),
        lambda x: x.remove(n),
        lambda x: x.sort(reverse=n > 4),
        lambda x: x.reverse(),
        lambda x: x.__setitem__(at, n),
        lambda x: x.__setitem__(slice(at, to, step), [n, n + 1]),
        lambda x: x.__setitem__(slice(at, to), x),
        lambda x: x.__delitem__(slice(at, to, step)),
        lambda x: x[at:to:step],
        lambda x: x[at],
        lambda x: (x + x, [n] + x, x * 2, x < [n], x >= [n], list(reversed(x)), x.count(n)),  # noqa: RUF005
        lambda x: x.__imul__(2 if len(x) < 9 else 0) and None,
        lambda x: x.clear() if n == 0 else None,
        lambda x: x.index(n),
    ])  # fmt: skip


def set_move(chance):
    n, some = chance.randrange(6), set(chance.sample(range(6), 3))
    return chance.choice([
        lambda s: s.add(n),
        lambda s: s.discard(n),
        lambda s: s.remove(n),
        lambda s: s.clear() if n == 0 else None,
        lambda s: s.update(some, [n]),
        lambda s: s.intersection_update(some),
        lambda s: s.difference_update(some),
        lambda s: s.symmetric_difference_update(some),
        lambda s: s.__ior__(some) and None,
        lambda s: s.__iand__(some) and None,
        lambda s: s.__isub__(some) and None,
        lambda s: s.__ixor__(some) and None,
        lambda s: (s | some, s & some, s - some, s ^ some, some - s, s <= some, s > some),
        lambda s: (s.union(some, [n]), s.intersection(some), s.difference(some)),
        lambda s: (s.symmetric_difference(some), s.issubset(some), s.issuperset(some), n in s),
        lambda s: s.isdisjoint(some),
    ])  # fmt: skip


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(
    ("moves", "value"), [(dict_move, {"a": 1}), (list_move, [3, 1]), (set_move, {1, 2})]
)
def test_random_changes_of_a_collection_are_as_those_of_pythons(moves, value, seed):
    draws = [random.Random(f"{seed} {n}") for n in range(60)]
    model = copy.deepcopy(value)

    def came(change, one):
        try:
            return change(one)
        except Exception as error:  # noqa: BLE001  whatever it is, it is the same
            return type(error)

    def body(bank):
        for draw in draws:
            state_of = draw.getstate()
            expected = came(moves(draw), model)
            draw.setstate(state_of)
            assert plain(came(moves(draw), bank.x)) == expected
            assert bank.x == model
            assert type(model) is set or repr(bank.x) == repr(model)
        return 1

    assert done({"x": value}, body)[1] == {"x": model}


@dataclasses.dataclass
class Account:
    balance: int = 0
    log: list[str] = dataclasses.field(default_factory=list)

    @property
    def doubled(self) -> int:
        return self.balance * 2

    @doubled.setter
    def doubled(self, value):
        self.balance = value // 2

    def deposit(self, n):
        self.balance += n


def test_an_instance_shows_what_a_child_wrote():
    bank = state({"account": Account(1)}, name="bank")

    @function(writes=["account"])
    def deposit() -> None:
        bank.account.deposit(10)

    @function(writes=["account"], uses=[deposit])
    def day() -> int:
        account = bank.account
        deposit()
        account.balance += 1
        account.doubled += 2
        return account.balance

    assert day() == 13
    assert bank.value() == {"account": Account(13)}


def test_a_contract_names_one_field_of_an_instance():
    bank = state({"accounts": {"ann": Account(3)}}, name="bank")

    @function(reads=["accounts.*.balance"])
    def balance() -> int:
        return bank.accounts["ann"].balance

    @function(reads=["accounts.*.balance"])
    def log() -> int:
        return len(bank.accounts["ann"].log)

    assert balance() == 3
    with pytest.raises(ContractError, match=r"may not read accounts.ann.log"):
        log()


def test_an_instance_is_dead_when_its_call_has_ended_and_when_another_is_there():
    kept = []

    def leaks(bank):
        kept.append(bank.x)
        bank.x = Account(5)
        with pytest.raises(ContractError, match="another thing now"):
            kept[0].balance += 1
        kept.append(bank.x)

    done({"x": Account()}, leaks)
    with pytest.raises(ContractError, match="belongs to a call that has ended"):
        _ = kept[1].balance


class Registering:
    known: ClassVar = []

    def __init_subclass__(cls, **more):
        Registering.known.append(cls)


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Point(Registering):
    x: int
    y: int = dataclasses.field(default=0, kw_only=True)


def test_classes_of_any_make_are_guarded():
    before = len(Registering.known)

    def body(bank):
        assert bank.p < Point(2)
        assert {bank.p: 1}[Point(1, y=2)] == 1
        with pytest.raises(dataclasses.FrozenInstanceError):
            bank.p.x = 3
        bank.p = dataclasses.replace(bank.p, x=7)
        return bank.p.x, vars(bank.a), dataclasses.asdict(bank.a)

    given, after = done({"p": Point(1, y=2), "a": Account(1)}, body)
    assert given == (7, {"balance": 1, "log": []}, {"balance": 1, "log": []})
    assert after["p"] == Point(7, y=2)
    assert len(Registering.known) == before


class Customer(BaseModel):
    name: str


class Order(BaseModel):
    model_config = ConfigDict(extra="allow")
    customer: Customer
    lines: list[int] = []
    _seen: int = PrivateAttr(default=0)

    def look(self):
        self._seen += 1


def test_a_model_keeps_what_is_private_and_extra():
    def body(bank):
        bank.o.look()
        bank.o.note = "x"
        bank.o.customer.name += "!"
        bank.o.lines.append(3)
        assert bank.o.model_copy().note == "x"
        return bank.o.model_dump(), bank.o._seen

    given, after = done({"o": Order(customer=Customer(name="ann"), extra=1)}, body)
    fields = {"customer": {"name": "ann!"}, "lines": [3], "extra": 1, "note": "x"}
    assert given == (fields, 1)
    assert after["o"].model_dump() == fields
    assert after["o"]._seen == 1


def test_an_array_is_watched_as_long_as_it_is_in_its_place():
    numpy = pytest.importorskip("numpy")
    lab = state({"n": numpy.zeros(3), "rows": [numpy.zeros(1)]}, name="lab")

    @function
    def other() -> None:
        pass

    @function(writes=["*"], uses=[other])
    def works() -> float:
        kept, row = lab.n, lab.rows[0]
        kept[0] = row[0] = 1
        other()
        kept[1] = 2
        lab.rows.insert(0, 5)
        return float(plain(lab.n).sum())

    assert works() == 3
    assert lab.value()["n"].tolist() == [1, 2, 0]
    assert lab.value()["rows"][1].tolist() == [1]


def test_objects_in_arrays_and_tables_are_held_by_value():
    numpy, pandas = pytest.importorskip("numpy"), pytest.importorskip("pandas")
    cell = numpy.empty(2, dtype=object)
    cell[:] = [[1], float("nan")]
    table = pandas.DataFrame({"x": [[1], [2]]})
    lab = state({"n": cell, "t": table, "s": pandas.Series([{"a": 1}])}, name="lab")

    @function(writes=["*"])
    def changes(fail: bool) -> None:
        lab.n[0].append(2)
        lab.t["x"][0].append(2)
        lab.s[0]["a"] = 2
        lab.s.name = "z"
        if fail:
            raise ValueError

    @function(writes=["*"])
    def looks() -> int:
        return len(lab.n) + len(lab.t) + len(lab.s)

    def shown():
        now = lab.value()
        return now["n"][0], now["t"]["x"][0], now["s"][0], now["s"].name

    with pytest.raises(ValueError):  # noqa: PT011
        changes(fail=True)
    assert shown() == ([1], [1], {"a": 1}, None)
    assert looks() == 5
    assert lab.version == 0
    changes(fail=False)
    assert shown() == ([1, 2], [1, 2], {"a": 2}, "z")


def test_a_handle_is_itself_when_it_is_copied():
    bank = state({"n": 1}, name="bank")
    assert copy.deepcopy({"b": bank})["b"] is bank
    with pytest.raises(TypeError, match=r"cannot be pickled. Take bank.value\(\)"):
        pickle.dumps(bank)


def test_what_a_thread_writes_when_its_call_ends_counts_or_is_refused():
    begun, go_on, told = threading.Event(), threading.Event(), []

    @dataclasses.dataclass
    class Slow:
        n: int = 0

        def __getattribute__(self, name):
            if name == "n":
                begun.set()
                go_on.wait(20)
            return object.__getattribute__(self, name)

    bank = state({"d": {}}, name="bank")

    @function(writes=["d"])
    def forks(ctx) -> int:
        def late():
            try:
                bank.d["x"] = Slow()
            except ContractError as error:
                told.append(str(error))

        threads.append(threading.Thread(target=ctx.bind(late)))
        threads[0].start()
        begun.wait(20)
        return 1

    threads = []
    assert forks() == 1
    go_on.set()
    threads[0].join()
    assert "belongs to a call that has ended" in told[0]
    assert bank.value() == {"d": {}}


@pytest.mark.parametrize("key", ["a\nb", "\x1b[31m", "\u202e", "<b>"])
def test_a_key_is_one_legible_line_in_a_message(key):
    bank = state({"d": {key: {}}}, name="bank")

    @function(reads=["d.x"], writes=["d.y"])
    def reads() -> int:
        return bank.d[key]

    @function(writes=["d"])
    def writes() -> None:
        bank.d[key]["x"] = object()

    for call in (reads, writes):
        with pytest.raises(Exception, match="d") as failed:
            call()
        assert str(failed.value).isprintable()
