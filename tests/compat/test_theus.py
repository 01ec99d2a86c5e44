"""Programs of theus with only their import lines changed, and what they are promised."""

import contextlib
import logging
import re
import sys
import textwrap
import threading
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import BaseModel

from netflux_nb import audit, function, plain, runs, sql
from netflux_nb.compat import theus
from netflux_nb.compat.theus import (
    BaseDomainContext,
    BaseGlobalContext,
    BaseSystemContext,
    ContractViolationError,
    IEngine,
    LockViolationError,
    POPEngine,
    TheusEngine,
    process,
)
from netflux_nb.core.errors import ArgumentError, FunctionError, UsageError
from netflux_nb.core.json.canonical import digest
from netflux_nb.session import here

# The seed's quick start as it is printed, with only its import lines changed.
QUICK_START = re.sub(
    r"^from theus\.\w+ import",
    "from netflux_nb.compat.theus import",
    (Path(__file__).parent / "quick_start.txt").read_text("utf-8"),
    flags=re.MULTILINE,
)


@pytest.fixture(autouse=True)
def record(tmp_path):
    with here.fresh() as fresh:
        fresh.configure(store=str(tmp_path / "store"))
        yield fresh


@pytest.fixture
def bank(tmp_path, monkeypatch, capsys):
    """The quick start after its last line: its names."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "quick_start.py"
    file.write_text(QUICK_START, encoding="utf-8")
    names = {"__name__": "__main__"}
    exec(compile(QUICK_START, file, "exec"), names)
    names["printed"] = capsys.readouterr().out
    return names


@dataclass
class Order:
    lines: list[str] = field(default_factory=list)


@dataclass
class Shop(BaseDomainContext):
    stock: dict[str, int] = field(default_factory=dict)
    orders: list[Order] = field(default_factory=list)
    sold: int = 0
    name: str = "corner"

    def left(self) -> int:
        return sum(self.stock.values())


@dataclass
class ShopSystem(BaseSystemContext):
    domain_ctx: Shop = field(default_factory=Shop)


@pytest.fixture
def shop():
    system = ShopSystem(domain_ctx=Shop({"tea": 3, "salt": 2}))
    return TheusEngine(system, strict_mode=True)


def test_t1_the_quick_start_runs_as_printed(bank):
    engine, system = bank["engine"], bank["sys_ctx"]

    assert bank["result"] == "Success"
    assert system.domain.accounts["Alice"] == 500
    assert plain(system.domain.accounts) == {"Alice": 500, "Bob": 500}
    assert system.domain_ctx.total_reserves == 1_000_000
    assert isinstance(system.domain, bank["BankDomain"])
    assert bank["printed"] == "Result: Success\nAlice: 500\n"

    result = engine.run_process("transfer", from_user="Alice", to_user="Bob", amount=501)
    assert result == "Failed: Insufficient Funds"
    # A signal is read once.
    assert system.domain.sig_fraud_detected is True
    assert system.domain.sig_fraud_detected is False


def test_t45_each_run_process_is_a_recorded_run(bank):
    assert [run.fn for run in runs] == ["transfer"]
    assert runs.last.replay().is_same
    [row] = sql("SELECT fn, outcome, version FROM transactions").to_dict("records")
    assert row == {"fn": "transfer", "outcome": "success", "version": 1}
    with pytest.raises(ValueError, match="must be positive"):
        bank["engine"].run_process("transfer", from_user="Alice", to_user="Bob", amount=0)
    assert runs.last.state.name == "Error"


# The layers.


@dataclass
class Limits(BaseGlobalContext):
    most: int = 5


@dataclass
class LimitedSystem(BaseSystemContext):
    domain: Shop = field(default_factory=Shop)
    global_ctx: Limits = field(default_factory=Limits)


def test_t1_a_system_is_made_of_its_two_layers_in_either_spelling():
    given = BaseSystemContext(Limits(7), Shop({"tea": 1}))
    named = LimitedSystem(domain=Shop({"tea": 1}), global_ctx=Limits(7))

    for system in (given, named):
        engine = TheusEngine(system, strict_mode=True)
        assert system.global_ctx.most == 7
        assert system.domain.stock["tea"] == system.domain_ctx.stock["tea"] == 1
        assert run(engine, lambda ctx: ctx.global_ctx.most, ["global.most"]) == 7
        assert run(engine, lambda ctx: ctx.domain_ctx.left(), ["domain"]) == 1
    assert asdict(named)["global_ctx"] == {"most": 7}


def test_t1_a_domain_has_one_name():
    @dataclass
    class Twice(BaseSystemContext):
        domain: Shop = field(default_factory=Shop)

    with pytest.raises(ContractViolationError, match="which are one"):
        TheusEngine(Twice(domain_ctx=Shop()))


def test_t3_a_process_that_writes_configuration_is_refused_at_definition():
    with pytest.raises(FunctionError, match=r"writes global\.most, which is configuration"):

        @process(inputs=[], outputs=["global.most"])
        def raises_it(ctx):
            ctx.global_ctx.most = 9


def test_t3_configuration_is_changed_by_a_person_alone():
    engine = TheusEngine(LimitedSystem(), strict_mode=True)

    def sets(ctx):
        ctx.global_ctx.most = 9

    engine.register_process("sets", sets)
    with pytest.raises(ContractViolationError, match=r"may not write global\.most"):
        engine.run_process("sets")
    with pytest.raises(ContractViolationError, match=r"may not write global\.most"):
        run(engine, sets, ["global"], ["domain"])
    with pytest.raises(LockViolationError):
        engine.ctx.global_ctx.most = 9
    assert engine.ctx.global_ctx.most == 5
    with engine.edit() as ctx:
        ctx.global_ctx.most = 9
        ctx.global_ctx = Limits(10)
    assert engine.ctx.global_ctx.most == 10


# The lock.


def test_t10_outside_of_a_process_a_change_is_refused(shop):
    system = shop.ctx
    domain = system.domain_ctx

    for change in (
        lambda: setattr(system.domain_ctx, "sold", 1),
        lambda: system.domain_ctx.stock.update(tea=9),
        lambda: system.domain_ctx.orders.append(Order()),
        lambda: domain.stock.clear(),
        lambda: setattr(system, "domain_ctx", Shop()),
        lambda: setattr(system, "extra", 1),
    ):
        with pytest.raises(LockViolationError, match=r"with engine\.edit\(\) as ctx"):
            change()
    assert asdict(system.domain) == asdict(Shop({"tea": 3, "salt": 2}))


def test_t10_edit_opens_it_whole_or_not_at_all(shop):
    system = shop.ctx

    with shop.edit() as ctx:
        ctx.domain.stock["tea"] += 1
        system.domain_ctx.orders.append(Order(["tea"]))
        with shop.edit() as again:
            again.domain.sold = 1
    with pytest.raises(AttributeError, match="no field"), shop.edit() as ctx:
        ctx.domain.stock["tea"], ctx.domain.wrong = 0, 0

    assert plain(system.domain.stock) == {"tea": 4, "salt": 2}
    assert system.domain.orders[0].lines == ["tea"]
    assert system.domain.sold == 1
    assert shop.store.version == 1


def test_t10_an_edit_is_of_its_own_thread(shop):
    refused, opened = [], threading.Event()

    def beside():
        opened.wait(10)
        try:
            shop.ctx.domain.sold = 9
        except LockViolationError as error:
            refused.append(error)

    thread = threading.Thread(target=beside)
    thread.start()
    with shop.edit() as ctx:
        ctx.domain.sold = 1
        opened.set()
        thread.join(10)

    assert len(refused) == 1
    assert shop.ctx.domain.sold == 1


def test_t10_a_lax_engine_warns_and_changes(caplog):
    engine = TheusEngine(ShopSystem(domain_ctx=Shop({"tea": 3})), strict_mode=False)
    domain = engine.ctx.domain

    with caplog.at_level(logging.WARNING, "TheusEngine"):
        domain.sold = 1
        domain.stock["tea"] -= 1
        engine.ctx.domain_ctx.orders.append(Order())

    assert [one.levelname for one in caplog.records] == ["WARNING"] * 3
    assert "stock.tea is changed outside of every process" in caplog.text
    assert (domain.sold, plain(domain.stock), len(domain.orders)) == (1, {"tea": 2}, 1)
    engine.ctx.domain = Shop({"rice": 1}, name="new")
    assert (domain.name, plain(domain.stock)) == ("new", {"rice": 1})


def test_t10_before_there_is_an_engine_a_system_is_plain():
    system = ShopSystem()

    system.domain_ctx.stock["tea"] = 1
    system.domain_ctx = Shop({"salt": 2})
    engine = TheusEngine(system, strict_mode=True)

    assert plain(engine.ctx.domain_ctx.stock) == {"salt": 2}


# Contracts.


def test_t11_a_process_has_its_contract(shop):
    @process(
        inputs=["domain.stock"],
        outputs=["domain_ctx.sold"],
        side_effects=["mail", "printer"],
        errors=["ValueError"],
    )
    def sell(ctx, what: str):
        """Sell one."""

    told = sell.contract.told
    assert told == {
        "reads": ("domain.stock",), "writes": ("domain.sold",), "raises": ["ValueError"]
    }  # fmt: skip
    assert sell.effect == "mail, printer"
    assert sell.desc == "Sell one."
    with pytest.raises(TypeError):
        process(inputs=["domain.stock"])
    with pytest.raises(UsageError, match="takes a context first"):
        process(inputs=[], outputs=[])(lambda: 1)


def test_t11_a_path_that_the_domain_does_not_have_is_told(shop):
    @process(inputs=["domain.stok"], outputs=[])
    def count(ctx):
        return 1

    with pytest.raises(FunctionError, match=r"no path stok\. Did you mean stock\?"):
        shop.register_process("count", count)
    assert shop.get_process("count") is None


def test_t12_a_misspelt_argument_is_told(shop):
    @process(inputs=[], outputs=["domain.sold"])
    def sell(ctx, amount: int = 1):
        ctx.domain.sold += amount

    @process(inputs=[], outputs=["domain.sold"])
    def sell_any(ctx, amount, **more):
        ctx.domain.sold += amount
        return more

    shop.register_process("sell", sell)
    shop.register_process("sell_any", sell_any)

    with pytest.raises(ArgumentError, match="amuont"):
        shop.run_process("sell", amuont=3)
    with pytest.raises(ArgumentError, match="amount"):
        shop.run_process("sell_any", amuont=3)
    assert shop.ctx.domain.sold == 0
    assert shop.run_process("sell_any", amount=2, why="sale") == {"why": "sale"}
    assert shop.ctx.domain.sold == 2


def run(engine, body, inputs=(), outputs=(), errors=(), **kwargs):
    engine.register_process("p", process(inputs, outputs, errors=errors)(body))
    return engine.run_process("p", **kwargs)


def test_t13_what_is_not_declared_is_not_read(shop):
    with pytest.raises(ContractViolationError, match="may not read sold"):
        run(shop, lambda ctx: ctx.domain.sold, ["domain.stock"])
    with pytest.raises(ContractViolationError, match=r"may not read stock\.salt"):
        run(shop, lambda ctx: ctx.domain.stock["salt"], ["domain.stock.tea"])
    with pytest.raises(ContractViolationError, match="may not read"):
        run(shop, lambda ctx: ctx.domain.left(), ["domain.sold"])
    assert run(shop, lambda ctx: ctx.domain.left(), ["domain.stock"]) == 5
    assert run(shop, lambda ctx: ctx.domain_ctx.stock["tea"], ["domain.stock.tea"]) == 3
    assert run(shop, lambda ctx: ctx.domain.sold, ["domain"]) == 0


def test_t13_a_system_that_a_body_reaches_by_itself_is_under_the_contract_too(shop):
    with pytest.raises(ContractViolationError, match="may not read sold"):
        run(shop, lambda ctx: shop.ctx.domain.sold, ["domain.stock"])
    assert run(shop, lambda ctx: shop.ctx.domain.stock["tea"], ["domain.stock"]) == 3


def test_t14_what_is_not_declared_is_not_written(shop):
    def sets(ctx):
        ctx.domain.sold = 7

    def below(ctx):
        ctx.domain.stock["tea"] = 0

    def into_a_list(ctx):
        ctx.domain.orders[0].lines.append("tea")

    def swallows(ctx):
        with contextlib.suppress(Exception):
            ctx.domain.sold = 7
        return "fine"

    with shop.edit() as ctx:
        ctx.domain.orders.append(Order())
    for body in (sets, below, into_a_list, swallows):
        with pytest.raises(ContractViolationError, match="may not write"):
            run(shop, body, ["domain"], ["domain.name"])
    with pytest.raises(ContractViolationError, match="is not set"):
        run(shop, lambda ctx: setattr(ctx, "domain", Shop()), ["domain"], ["domain"])
    assert (shop.ctx.domain.sold, shop.ctx.domain.left()) == (0, 5)

    run(shop, sets, [], ["domain.sold"])
    run(shop, below, [], ["domain"])
    assert (shop.ctx.domain.sold, shop.ctx.domain.left()) == (7, 2)


def test_t14_a_view_is_stored_as_what_it_shows(shop):
    def copies(ctx):
        ctx.domain.orders = [Order(["tea"])]
        kept = ctx.domain.orders
        ctx.domain.orders = kept
        return kept

    given = run(shop, copies, [], ["domain.orders"])

    assert given == [Order(["tea"])]
    assert shop.store.handle.value().orders == [Order(["tea"])]


def test_t15_outputs_are_readable_and_an_underscore_opens_nothing(shop):
    def raises(ctx):
        ctx.domain.sold += 1
        return ctx.domain.sold

    def under(ctx):
        return ctx.domain._stock

    assert run(shop, raises, [], ["domain.sold"]) == 1
    with pytest.raises(ContractViolationError):
        run(shop, under, [], ["domain.sold"])
    with pytest.raises(ContractViolationError, match="may not read stock"):
        run(shop, lambda ctx: ctx.domain_ctx.stock, [], ["domain.sold"])


class BrokeError(ValueError):
    """A kind of ValueError."""


def test_t16_an_undeclared_error_is_one_of_the_contract(shop):
    def fails(ctx):
        ctx.domain.sold = 9
        raise KeyError("tea")

    with pytest.raises(ContractViolationError, match=r"p\(\) raised .*Add KeyError") as caught:
        run(shop, fails, [], ["domain.sold"], ["ValueError"])

    assert isinstance(caught.value.__cause__, KeyError)
    with pytest.raises(ContractViolationError, match="Add KeyError"):
        run(shop, fails, [], ["domain.sold"], errors=None)
    assert shop.ctx.domain.sold == 0


def test_t16_a_declared_error_and_its_kinds_pass_after_the_rollback(shop):
    def fails(ctx, kind):
        ctx.domain.sold = 9
        raise {"value": ValueError, "broke": BrokeError}[kind]("no")

    for kind, cls in {"value": ValueError, "broke": BrokeError}.items():
        with pytest.raises(cls, match="no") as caught:
            run(shop, fails, [], ["domain.sold"], ["ValueError"], kind=kind)
        assert type(caught.value) is cls
    assert shop.ctx.domain.sold == 0


def test_t18_a_process_logs_under_its_name(shop, caplog):
    def says(ctx):
        ctx.log.info("sold", what="tea", n=2)
        ctx.log.warning("plain %d%%", 3)

    with caplog.at_level(logging.INFO, "POP_PROCESS"):
        run(shop, says)

    assert [one.getMessage() for one in caplog.records] == [
        "[p] sold {what=tea n=2}", "[p] plain 3%"
    ]  # fmt: skip


# Zones.


@dataclass
class Desk(BaseDomainContext):
    sold: int = 0
    marks: list[str] = field(default_factory=list)
    sig_late: bool = False
    meta_note: str = ""
    alarm: Annotated[bool, theus.ContextZone.SIGNAL] = False


@dataclass
class DeskSystem(BaseSystemContext):
    domain: Desk = field(default_factory=Desk)


def test_t6_what_lasts_goes_into_a_dict_and_comes_back():
    system = DeskSystem(domain=Desk(3, ["a"], sig_late=True, meta_note="x"))
    engine = TheusEngine(system, strict_mode=True)

    told = system.to_dict()
    assert told == {"global_ctx": None, "domain": {"sold": 3, "marks": ["a"]}}
    told["domain"]["marks"].append("mine")
    assert plain(system.domain.marks) == ["a"]
    whole = system.domain.to_dict(exclude_zones=[])
    assert set(whole) == {"sold", "marks", "sig_late", "meta_note", "alarm"}
    assert system.domain.get_zone("alarm") is theus.ContextZone.SIGNAL
    assert theus.resolve_zone("cmd_go") is theus.ContextZone.SIGNAL

    with pytest.raises(LockViolationError):
        system.domain.from_dict({"sold": 4})
    with engine.edit() as ctx:
        ctx.domain.from_dict({"sold": 4, "marks": ["b"]})
    assert system.domain.to_dict() == {"sold": 4, "marks": ["b"]}
    with pytest.raises(AttributeError, match="has no field 'other'"), engine.edit() as ctx:
        ctx.domain.from_dict({"sold": 5, "other": 1})
    assert system.domain.sold == 4


@pytest.mark.parametrize("path", ["domain.sig_late", "domain.meta_note", "domain.alarm"])
def test_t9_a_signal_is_no_input(path):
    engine = TheusEngine(DeskSystem())

    with pytest.raises(ContractViolationError, match="and no input"):
        engine.register_process("p", process([path], [])(lambda ctx: 1))
    engine.register_process("p", process([], [path])(lambda ctx: 1))


# The engine.


@pytest.mark.parametrize(
    ("variables", "is_strict"),
    [
        ({}, False),
        ({"THEUS_STRICT_MODE": "1"}, True),
        ({"THEUS_STRICT_MODE": "Yes"}, True),
        ({"THEUS_STRICT_MODE": "0", "POP_STRICT_MODE": "1"}, False),
        ({"POP_STRICT_MODE": "on"}, True),
    ],
)
def test_t42_the_environment_says_whether_it_is_strict(monkeypatch, variables, is_strict):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert TheusEngine(ShopSystem()).strict_mode is is_strict
    assert TheusEngine(ShopSystem(), strict_mode=not is_strict).strict_mode is not is_strict


def test_t42_the_older_name_is_deprecated():
    with pytest.warns(DeprecationWarning, match="POPEngine is deprecated"):
        engine = POPEngine(ShopSystem(), True)

    assert isinstance(engine, TheusEngine)
    assert engine.strict_mode


def test_t42_a_system_without_a_domain_is_told():
    with pytest.raises(ContractViolationError, match=r"has no domain\. Give it a field `domain`"):
        TheusEngine(BaseSystemContext())
    with pytest.raises(ArgumentError, match="takes a BaseSystemContext; got dict"):
        TheusEngine({})


def test_t43_a_process_without_a_contract_is_warned_of(shop, caplog):
    def sells(ctx):
        ctx.domain.stock["tea"] -= 1
        ctx.domain.sold += 1
        if not ctx.domain.stock["tea"]:
            raise LookupError("sold out")

    with caplog.at_level(logging.WARNING, "TheusEngine"):
        shop.register_process("sells", sells)
    shop.run_process("sells")
    shop.run_process("sells")
    with pytest.raises(LookupError):
        shop.run_process("sells")

    assert "sells has no contract" in caplog.text
    assert (shop.ctx.domain.sold, shop.ctx.domain.stock["tea"]) == (2, 1)


def test_t43_a_process_is_looked_up_by_its_name(shop):
    @process(inputs=["domain"], outputs=[])
    def counts(ctx):
        return ctx.domain.left()

    shop.register_process("how_many", counts)

    assert shop.get_process("how_many").original is counts.original
    assert shop.get_process("counts") is None
    assert shop.run_process("how_many") == 5
    assert runs.last.fn == "how_many"


def test_t43_a_function_of_ours_may_be_a_process(shop):
    @function(reads=["stock"])
    def count() -> int:
        """Count all."""
        return sum(shop.store.handle.stock.values())

    shop.register_process("count", count)

    assert shop.run_process("count") == 5


PARTS = {
    "__init__.py": "",
    "context.py": "STEP = 2\n",
    "processes/__init__.py": "raise_nothing = True\n",
    "processes/sell.py": """
        from netflux_nb.compat.theus import process
        from ..context import STEP

        @process(inputs=[], outputs=["domain.sold"])
        def sell(ctx):
            ctx.domain.sold += STEP

        def helper(ctx):
            pass
    """,
    "processes/deep/__init__.py": "",
    "processes/deep/count.py": """
        import netflux_nb.compat.theus as th
        from ..sell import sell

        @th.process(inputs=["domain.stock"], outputs=[])
        def count(ctx):
            return ctx.domain.left()
    """,
}


def folder_of(root, parts):
    for name, text in parts.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    return root


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A folder of a package that no other test has."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    name = f"shop_{digest(str(tmp_path))[:10]}"
    yield folder_of(tmp_path / name, PARTS)
    for module in [one for one in sys.modules if one.split(".")[0] == name]:
        del sys.modules[module]


def test_t44_every_process_of_a_folder_is_found(shop, package):
    shop.scan_and_register(package / "processes")
    shop.run_process("sell")

    assert shop.ctx.domain.sold == 2
    assert shop.run_process("count") == 5
    assert shop.get_process("helper") is None


def test_t44_a_folder_that_is_no_package_is_scanned_too(shop, tmp_path):
    text = PARTS["processes/sell.py"].replace("from ..context import STEP", "STEP = 3")
    folder_of(tmp_path / "loose", {"sell.py": text})

    shop.scan_and_register(str(tmp_path / "loose"))
    shop.run_process("sell")

    assert shop.ctx.domain.sold == 3


@pytest.mark.parametrize(
    ("parts", "said"),
    {
        "broken": ({"a.py": "1 / 0"}, "'a.py' could not be imported: ZeroDivisionError"),
        "twice": (
            {"a.py": PARTS["processes/deep/count.py"].replace("from ..sell import sell", ""),
             "b.py": PARTS["processes/deep/count.py"].replace("from ..sell import sell", "")},
            "b.py and a.py both define a process 'count'",
        ),
    }.values(),
    ids=["broken", "twice"],
)  # fmt: skip
def test_t44_what_cannot_be_registered_is_told_and_nothing_is(shop, tmp_path, parts, said):
    folder_of(tmp_path / "bad", parts)

    with pytest.raises(UsageError, match=said):
        shop.scan_and_register(tmp_path / "bad")
    assert shop.get_process("count") is None


def test_t45_an_unknown_process_is_a_key_error(shop):
    run(shop, lambda ctx: None)

    with pytest.raises(KeyError, match=r"Process 'pp' not found in registry\. Did you mean 'p'\?"):
        shop.run_process("pp")


def test_t45_execute_process_runs_without_arguments(shop):
    shop.register_process("p", process(["domain.stock"], [])(lambda ctx: ctx.domain.left()))

    assert shop.execute_process("p", shop.ctx) == 5


def test_t45_an_async_process_is_awaited_before_it_counts(shop):
    async def sells(ctx):
        await ctx.sleep(0)
        ctx.domain.sold = 4
        return "done"

    assert run(shop, sells, [], ["domain.sold"]) == "done"
    assert shop.ctx.domain.sold == 4


def test_t26_a_process_runs_another_and_both_count_or_none(shop):
    @process(inputs=[], outputs=["domain.sold"])
    def one(ctx):
        ctx.domain.sold += 1

    @process(inputs=[], outputs=["domain.sold"], errors=["ValueError"])
    def twice(ctx, fails=False):
        shop.run_process("one")
        shop.run_process("one")
        if fails:
            raise ValueError("no")

    shop.register_process("one", one)
    shop.register_process("twice", twice)

    shop.run_process("twice")
    with pytest.raises(ValueError, match="no"):
        shop.run_process("twice", fails=True)

    assert shop.ctx.domain.sold == 2
    assert [child.fn.name for child in runs.last.view().children] == ["one", "one"]


def test_t46_an_engine_is_an_iengine_and_edits(shop):
    assert isinstance(shop, IEngine)
    for kind in (theus.IEngine, theus.IScheduler, theus.IOrchestrator):
        with pytest.raises(TypeError):
            kind()
    with shop.edit() as ctx:
        assert ctx is shop.ctx


def test_two_engines_each_have_their_own_state(shop):
    other = TheusEngine(ShopSystem(domain_ctx=Shop({"rice": 9})), strict_mode=True)

    def left(ctx):
        return ctx.domain.left()

    assert run(shop, left, ["domain"]) == 5
    assert run(other, left, ["domain"]) == 9
    assert run(shop, left, ["domain"]) == 5


class Model(BaseModel):
    n: int = 0
    words: list[str] = []


@dataclass
class ModelSystem(BaseSystemContext):
    domain: Model = field(default_factory=Model)


def test_a_domain_may_be_a_pydantic_model():
    engine = TheusEngine(ModelSystem(), strict_mode=True)

    def adds(ctx):
        ctx.domain.n += 1
        ctx.domain.words.append("tea")
        return ctx.domain.model_dump()

    assert run(engine, adds, [], ["domain"]) == {"n": 1, "words": ["tea"]}
    with pytest.raises(LockViolationError):
        engine.ctx.domain.words.append("salt")
    assert engine.ctx.domain.model_dump() == {"n": 1, "words": ["tea"]}


# Linear workflows.


def workflow_of(folder, text):
    path = folder / "flow.yaml"
    path.write_text(textwrap.dedent(text))
    return path


def test_t41_the_steps_of_a_workflow_run_in_their_order(shop, tmp_path):
    @process(inputs=[], outputs=["domain.sold"])
    def sell(ctx, n: int):
        ctx.domain.sold += n

    @process(inputs=["domain.sold"], outputs=["domain.name"])
    def sign(ctx, who: str = "me"):
        ctx.domain.name = f"{who} sold {ctx.domain.sold}"

    shop.register_process("sell", sell)
    shop.register_process("sign", sign)
    path = workflow_of(tmp_path, "steps:\n  - sell\n  - process: sell\n  - sign\n")

    assert shop.execute_workflow(path, n=2, who="ann") is shop.ctx
    assert shop.ctx.domain.name == "ann sold 4"
    with pytest.raises(ArgumentError, match="nn"):
        shop.execute_workflow(path, nn=2)
    assert [run.fn for run in runs][:1] == ["flow"]
    assert runs.last.replay().is_same
    for text, said in {
        "steps: [sell, buy]": "buy names no Function",
        "steps: [{run: sell}]": "a step is the name of a Function",
        "step: [sell]": "either `states` or `steps`",
    }.items():
        with pytest.raises(UsageError, match=said):
            shop.execute_workflow(workflow_of(tmp_path, text), n=1)
    assert shop.ctx.domain.sold == 4


# The audit.

# The seed's recipe, as it is printed.
RECIPE = """
process_recipes:
  transfer:
    inputs:
      - field: "amount"
        max: 10000        # Max transfer limit
        level: "B"        # Block transaction
    outputs:
      - field: "domain.total_reserves"
        min: 0            # Reserves must never be negative
        level: "S"        # Safety Interlock (Stop System)
"""


@pytest.fixture
def audited(bank, tmp_path):
    """An engine over the quick start's system, with the seed's recipe, and a process that spends."""
    path = tmp_path / "audit.yaml"
    path.write_text(RECIPE)
    recipe = theus.ConfigFactory.load_recipe(path)
    system = bank["BankSystem"](domain=bank["BankDomain"]({"Alice": 100_000, "Bob": 0}))
    engine = TheusEngine(system, strict_mode=True, audit_recipe=recipe)
    engine.register_process("transfer", bank["transfer"])
    return engine


def test_t34_the_seeds_recipe_blocks_what_is_above_its_limit(audited):
    given = {"from_user": "Alice", "to_user": "Bob"}

    assert audited.run_process("transfer", **given, amount=10_000) == "Success"
    with pytest.raises(theus.AuditBlockError, match=r"amount is 10001: above 10000") as caught:
        audited.run_process("transfer", **given, amount=10_001)

    assert not isinstance(caught.value, theus.AuditInterlockError)
    assert plain(audited.ctx.domain.accounts) == {"Alice": 90_000, "Bob": 10_000}
    assert runs.last.state.name == "Error"


def test_t32_the_seeds_rule_of_level_s_stops_the_system_until_a_person_clears_it(audited):
    given = {"from_user": "Alice", "to_user": "Bob", "amount": 1}

    def spends(ctx, from_user: str, to_user: str, amount: int):
        ctx.domain.total_reserves -= 2_000_000

    outputs = ["domain.total_reserves"]
    good = audited.get_process("transfer")
    audited.register_process("transfer", process([], outputs)(spends))
    with pytest.raises(theus.AuditInterlockError, match=r"total_reserves is -1000000: below 0"):
        audited.run_process("transfer", **given)
    assert audited.ctx.domain.total_reserves == 1_000_000

    audited.register_process("transfer", good)
    with pytest.raises(theus.AuditInterlockError, match="The audit stopped this kernel"):
        audited.run_process("transfer", **given)
    audit().clear()
    assert audited.run_process("transfer", **given) == "Success"


def test_t37_a_recipe_that_does_not_fit_is_told_when_it_is_given(audited, tmp_path, bank):
    with pytest.raises(ContractViolationError, match="does not name total_reserves"):
        audited.register_process("transfer", process(["domain.accounts"], [])(lambda ctx: 1))
    with pytest.raises(ArgumentError, match="'maxx' is no condition"):
        TheusEngine(bank["BankSystem"](), audit_recipe={
            "process_recipes": {"transfer": {"inputs": [{"field": "amount", "maxx": 1}]}}
        })  # fmt: skip


# Machines.

# The seed's workflow, as it is printed: NOTIFY is no state of it.
WORKFLOW = """
states:
  IDLE:
    events:
      CMD_TX: "PROCESSING"
  PROCESSING:
    entry: "transfer"
    events:
      EVT_SUCCESS: "NOTIFY"
      EVT_FAIL: "IDLE"
"""


def test_t38_the_seeds_workflow_leaves_processing(bank, tmp_path, caplog):
    path = workflow_of(tmp_path, WORKFLOW)
    given = {"from_user": "Alice", "to_user": "Bob", "amount": 100}

    with caplog.at_level(logging.WARNING, "TheusEngine"):
        done = bank["engine"].execute_workflow(path, start="PROCESSING", **given)

    assert done.end == "NOTIFY"
    assert done.results == {"transfer": "Success"}
    assert bank["sys_ctx"].domain.accounts["Alice"] == 400
    assert "NOTIFY is no state; it is taken for an end" in caplog.text
    assert [child.fn.name for child in runs.last.view().children] == ["transfer"]
    misspelt = workflow_of(tmp_path, WORKFLOW.replace("NOTIFY", "IDEL"))
    with pytest.raises(
        FunctionError, match=r"leads to IDEL, which is no state\. Did you mean IDLE"
    ):
        bank["engine"].execute_workflow(misspelt, start="PROCESSING", **given)
