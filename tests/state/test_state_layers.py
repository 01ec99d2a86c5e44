"""The layers of a state: the domain, configuration that no Function writes, what is a Node's own."""

import threading
from dataclasses import dataclass, field

import pytest
from pydantic import BaseModel

from netflux_nb import agent, function, plain, runs, sql, state
from netflux_nb.core.errors import ConflictError, ContractError, FunctionError, SignatureError
from netflux_nb.session import use
from netflux_nb.testing import ScriptedModel, call


@dataclass
class Config:
    limit: int = 100
    names: list[str] = field(default_factory=list)


@dataclass
class Bank:
    accounts: dict[str, int]
    total: int = 0


def nothing() -> None:
    pass


@pytest.fixture
def bank():
    return state(Bank({"ann": 100, "bob": 50}), config=Config(names=["ann"]), name="bank")


def test_t2_a_function_reads_configuration_and_changes_the_domain(bank):
    @function(reads=["domain.accounts", "global.limit"], writes=["domain_ctx.total"])
    def add(ctx) -> int:
        ctx.domain_ctx.total = min(sum(ctx.domain.accounts.values()), ctx.global_ctx.limit)
        ctx.local.seen = bank.global_ctx.limit
        return ctx.local.seen + bank.total

    assert add() == 200
    assert bank.total == 100
    assert bank.global_ctx.limit == 100
    assert bank.value() == Bank({"ann": 100, "bob": 50}, 100)
    assert bank.at(0) == Bank({"ann": 100, "bob": 50})
    assert plain(bank.global_ctx) == Config(names=["ann"])


def test_t2_what_is_local_is_a_nodes_own():
    @function
    def inner(ctx) -> bool:
        had = hasattr(ctx.local, "n")
        ctx.local.n = 2
        return had

    @function(uses=[inner])
    def outer(ctx) -> tuple[bool, bool, int]:
        ctx.local.n = 1
        return inner(), inner(), ctx.local.n

    assert outer() == (False, False, 1)


@pytest.mark.parametrize("path", ["global", "global.limit", "global_ctx.limit", "global.*"])
def test_t3_a_contract_that_writes_configuration_is_refused_at_definition(bank, path):
    with pytest.raises(FunctionError, match=r"which is configuration\. A person changes that"):
        function(writes=[path])(nothing)
    with pytest.raises(FunctionError, match="which is configuration"):
        agent("clerk() -> str", "x", writes=[path])


def test_t3_no_contract_reaches_configuration_without_naming_it(bank):
    @function(reads=["*"], writes=["*"])
    def all_of_it(ctx) -> int:
        return ctx.global_ctx.limit

    @function(reads=["global"], writes=["*"])
    def spoils(ctx) -> None:
        ctx.global_ctx.limit = 3

    @function(reads=["global"], writes=["*"])
    def spoils_below(ctx) -> None:
        ctx.global_ctx.names.append("eve")

    @function(reads=["global.names"])
    def names_only(ctx) -> int:
        return len(ctx.global_ctx.names) + ctx.global_ctx.limit

    with pytest.raises(ContractError, match=r"may not read global\. Add"):
        all_of_it()
    with pytest.raises(ContractError, match=r"may not write global\.limit"):
        spoils()
    with pytest.raises(ContractError, match=r"may not write global\.names"):
        spoils_below()
    with pytest.raises(ContractError, match=r"may not read global\.limit"):
        names_only()
    assert plain(bank.global_ctx) == Config(names=["ann"])
    assert bank.version == 0


def test_t3_a_person_changes_configuration(bank):
    with bank.edit() as s:
        s.global_ctx.limit = 7
        s.global_ctx.names.append("bob")
        s.total = 1
    assert (bank.global_ctx.limit, bank.total, bank.version) == (7, 1, 1)
    with bank.edit() as s:
        s.global_ctx = Config(limit=8)
    assert plain(bank.global_ctx) == Config(limit=8)
    assert [commit.version for commit in bank.history("global.limit")] == [1, 2]
    with pytest.raises(ContractError, match="read-only outside a call"):
        bank.global_ctx.limit = 9


def test_a_callee_reads_of_configuration_what_its_caller_may(bank):
    @function(reads=["global.limit"])
    def inner(ctx) -> int:
        return ctx.global_ctx.limit

    @function(reads=["*"], uses=[inner])
    def outer() -> int:
        return inner()

    with pytest.raises(ContractError, match=r"calls inner\(\), which reads global\.limit"):
        outer()


def test_a_path_of_a_layer_is_checked_at_definition(bank):
    for path, said in {
        "global.limt": r"bank has no path global\.limt\. Did you mean global\.limit\?",
        "globl.limit": r"no path globl",
        "domain.acounts": r"no path acounts\. Did you mean accounts\?",
    }.items():
        with pytest.raises(FunctionError, match=said):
            function(reads=[path])(nothing)
    state(Bank({}), name="bare")
    with pytest.raises(FunctionError, match=r"bare has no layer global\. Give it one"):
        function(reads=["global.limit"])(nothing)


@pytest.mark.parametrize("name", ["global", "domain"])
def test_a_field_cannot_be_called_like_a_layer(name):
    with pytest.raises(SignatureError, match="is a layer's name"):
        state({name: 1})


class Settings(BaseModel):
    limit: int = 5


@pytest.mark.parametrize(
    "config", [Config(5), Settings(), {"limit": 5}], ids=["data", "model", "dict"]
)
@pytest.mark.parametrize("domain", [Bank({}), {"total": 0}], ids=["data", "dict"])
def test_layers_are_of_any_kind(domain, config):
    bank = state(domain, config=config, name="bank")

    @function(reads=["global.limit"], writes=["total"])
    def add(ctx) -> int:
        limit = ctx.global_ctx["limit"] if isinstance(config, dict) else ctx.global_ctx.limit
        bank.total = limit
        return limit

    assert add() == 5
    assert bank.total == 5
    assert bank.value() == ({"total": 5} if isinstance(domain, dict) else Bank({}, 5))


def test_what_is_read_of_configuration_is_in_the_record_and_replays(bank):
    @function(reads=["global.limit"], writes=["total"])
    def add(ctx) -> int:
        ctx.domain.total += ctx.global_ctx.limit
        return bank.total

    assert add() == 100
    run = runs.last
    with bank.edit() as s:
        s.global_ctx.limit = 1

    assert run.replay().is_same
    assert add() == 101
    told = sql("SELECT fn, path FROM changes WHERE version IS NOT NULL").to_dict("records")
    assert told == [{"fn": "add", "path": "total"}] * 2


def test_what_was_read_of_configuration_conflicts_like_anything(bank):
    def lower() -> None:
        with bank.edit() as s:
            s.global_ctx.limit = 1

    @function(reads=["global.limit"], writes=["total"])
    def add(ctx) -> None:
        ctx.domain.total += ctx.global_ctx.limit
        thread = threading.Thread(target=lower)
        thread.start()
        thread.join(10)

    with pytest.raises(ConflictError, match=r"global\.limit: edit\(\) changed it first"):
        add()
    assert (bank.total, bank.global_ctx.limit) == (0, 1)


def test_an_agent_looks_at_configuration_and_cannot_put_it(bank):
    clerk = agent("clerk() -> str", "Look.", reads=["global"], writes=["total"], model="scripted")
    use(
        scripted=ScriptedModel(
            [
                call("look", path="global.limit"),
                call("put", path="global.limit", value=3),
                "done",
            ]
        )
    )

    assert clerk() == "done"
    looked, put = runs.last.view().children
    assert looked.outputs == 100
    assert "may not be put by you" in str(put.exception)
    assert bank.global_ctx.limit == 100


def test_configuration_is_shown_below_the_domain(bank):
    with bank.edit() as s:
        s.global_ctx.limit = 7

    shown = bank._repr_mimebundle_()
    lines = [line.split() for line in shown["text/plain"].splitlines()]

    assert lines.index(["Configuration"]) > lines.index(["accounts.ann", "100", "0"])
    assert ["global.limit", "7", "1", "edit()"] in lines
    assert ["global.names", "['ann']", "0"] in lines
    assert "Configuration" in shown["text/html"]
    bare = state({"global_rate": 1}, name="bare")._repr_mimebundle_()
    assert "Configuration" not in bare["text/plain"] + bare["text/html"]


def test_a_large_domain_hides_no_configuration():
    big = state({f"k{n}": n for n in range(500)}, config=Config(), name="big")

    assert "global.limit" in big._repr_mimebundle_()["text/plain"]
