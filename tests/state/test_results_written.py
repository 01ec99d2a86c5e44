"""Results that are written to the state, and contracts in the older words."""

import pytest

from netflux_nb import Runtime, agent, function, plain, runs, sql, state
from netflux_nb.core.errors import ArgumentError, ContractError, SignatureError
from netflux_nb.core.functions.versions import version_of
from netflux_nb.core.policy import Leave, Replace
from netflux_nb.session import use
from netflux_nb.testing import ScriptedModel, call


@pytest.fixture
def bank():
    return state({"accounts": {"ann": 100, "bob": 50}, "total": 0, "note": ""}, name="bank")


def test_tx3_a_result_is_put_at_the_one_path_that_is_written(bank):
    @function(reads=["accounts"], writes="total", writes_result=True)
    def add() -> int:
        return sum(bank.accounts.values())

    assert add() == 150
    assert bank.total == 150
    [row] = sql("SELECT path, before, after FROM changes").to_dict("records")
    assert row == {"path": "total", "before": "0", "after": "150"}
    assert runs.last.replay().is_same


def test_tx3_none_writes_nothing(bank):
    @function(writes="total", writes_result=True)
    def nothing() -> int | None:
        return None

    @function(writes="total", writes_result=True)
    def zero() -> int:
        return 0

    assert nothing() is None
    assert bank.version == 0
    zero()
    assert bank.version == 1


def test_tx3_without_the_word_a_result_is_only_a_result(bank):
    @function(writes="total")
    def message() -> str:
        return "done"

    assert message() == "done"
    assert bank.total == 0


@pytest.mark.parametrize("writes", [(), ["total", "note"], "accounts.*", "*", ["domain"]])
def test_tx3_it_needs_one_path_and_no_wildcard(writes):
    def add() -> int:
        return 1

    with pytest.raises(SignatureError, match="its result goes to the one path in `writes`"):
        function(writes=writes, writes_result=True)(add)
    with pytest.raises(SignatureError, match="its result goes to the one path"):
        agent("add() -> int", "x", writes=writes, writes_result=True)


def test_tx3_what_fails_writes_nothing_and_what_cannot_be_put_fails(bank):
    @function(writes="total", writes_result=True, raises=[ValueError])
    def fails() -> int:
        bank.total = 3
        raise ValueError("no")

    @function(writes="total", writes_result=True)
    def odd() -> object:
        return open(__file__)  # noqa: PTH123

    with pytest.raises(ValueError, match="no"):
        fails()
    with pytest.raises(ArgumentError, match="total: a TextIOWrapper cannot be tracked"):
        odd()
    assert bank.total == 0


def test_tx3_a_view_that_is_given_is_put_as_what_it_shows(bank):
    @function(reads=["accounts"], writes="note", writes_result=True)
    def copies() -> dict:
        return bank.accounts

    assert copies() == {"ann": 100, "bob": 50}
    assert plain(bank.note) == {"ann": 100, "bob": 50}


def test_tx3_an_agents_answer_is_put(bank):
    clerk = agent(
        "clerk(task: str) -> str", "{task}", writes="note", writes_result=True,
        state_tools=False, model="scripted",
    )  # fmt: skip
    use(scripted=ScriptedModel(["All is well."]))

    assert clerk("Report.") == "All is well."
    assert bank.note == "All is well."
    assert runs.last.replay().is_same


def test_tx3_a_caller_sees_it_when_it_takes_the_result(bank):
    @function(reads=["accounts"], writes="total", writes_result=True)
    def add() -> int:
        return sum(bank.accounts.values())

    @function(reads=["accounts"], writes=["total", "note"], uses=[add])
    def report() -> str:
        before = bank.total
        add()
        bank.note = f"{before} -> {bank.total}"
        return bank.note

    assert report() == "0 -> 150"
    assert runs.last.replay().is_same


def test_tx3_what_a_policy_puts_in_its_place_is_what_is_written(bank):
    class Doubles:
        moments = frozenset({Leave})

        def __call__(self, moment):
            return Replace(moment.value * 2)

    @function(writes="total", writes_result=True)
    def seven() -> int:
        return 7

    with Runtime(is_open=True, policies=[Doubles()]) as runtime:
        assert runtime.get_ctx().invoke(seven, {}).result() == 14
    assert bank.total == 14


def test_tx3_a_version_and_a_source_tell_it(bank):
    def made(**more):
        @function(writes="total", **more)
        def add() -> int:
            return 1

        return add

    assert version_of(made()).digest != version_of(made(writes_result=True)).digest
    assert "writes_result=True" in made(writes_result=True).source()
    assert "writes_result" not in made().source()


# The older words.


def test_t11_the_words_of_theus_are_taken_for_ours(bank):
    @function(
        inputs=["domain.accounts"], outputs="total", errors=["ValueError"], side_effects=["mail"]
    )
    def add() -> int:
        bank.total = sum(bank.accounts.values())
        raise KeyError("x")

    clerk = agent("clerk() -> str", "x", inputs=["accounts"], outputs=["total"], errors=ValueError)

    assert add.contract.told == {
        "reads": ("domain.accounts",), "writes": ("total",), "raises": ["ValueError"]
    }  # fmt: skip
    assert add.effect == "mail"
    assert clerk.contract.told["writes"] == ("total",)
    with pytest.raises(ContractError, match="Add KeyError to raises"):
        add()
    assert bank.total == 0


def test_t11_a_word_twice_or_a_misspelt_one_is_told():
    def add() -> int:
        return 1

    for words, said in (
        ({"reads": "a", "inputs": "a"}, "`inputs` is `reads`"),
        ({"effect": "net", "side_effects": ["net"]}, "`side_effects` is `effect`"),
        ({"output": "a"}, "'output' is no option. Did you mean 'outputs'?"),
        ({"read": "a"}, "Did you mean 'reads'?"),
    ):
        with pytest.raises(SignatureError) as caught:
            function(**words)(add)
        assert said in str(caught.value)
    with pytest.raises(SignatureError, match="are the Functions that it `uses`"):
        agent("clerk() -> str", "x", side_effects=["mail"])


def test_an_agent_looks_where_an_older_word_says(bank):
    clerk = agent("clerk() -> str", "x", inputs=["total"], model="scripted")
    use(scripted=ScriptedModel([call("look", path="total"), "done"]))

    assert clerk() == "done"
