"""The audit: rules at the ways in and out of calls, and over the state; levels, counts, latches."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from typing import Any

import pytest

from netflux_nb import AuditError, ContractError, agent, audit, function, runs, sql, state
from netflux_nb.core.errors import ArgumentError, InterlockError, NoNodeError
from netflux_nb.runtime.host import host
from netflux_nb.session import here
from netflux_nb.show.wire import details
from netflux_nb.state.audit_recipe import read_recipe
from netflux_nb.state.audit_rules import CONDITIONS, rules_of
from netflux_nb.testing import ScriptedModel, call

SEED = """
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


@dataclass
class Bank:
    accounts: dict[str, int] = field(default_factory=dict)
    total_reserves: int = 1_000
    log: list[str] = field(default_factory=list)


@pytest.fixture
def bank():
    return state(Bank({"ann": 100, "bob": 50}), name="bank")


@pytest.fixture
def transfer(bank):
    @function(reads=["accounts"], writes=["accounts", "total_reserves"])
    def transfer(src: str, dst: str, amount: int, reserve: int = 0) -> int:
        """Move money."""
        bank.accounts[src] -= amount
        bank.accounts[dst] += amount
        bank.total_reserves += reserve
        return bank.accounts[src]

    return transfer


def violations() -> Any:
    return sql("SELECT * FROM violations ORDER BY time, run, seq")


# Recipes.


def test_t27_a_recipe_is_read_as_the_seed_prints_it(tmp_path):
    path = tmp_path / "audit.yaml"
    path.write_text(SEED)
    for source in (path, str(path), SEED):
        recipe = read_recipe(source)
        [amount], [reserves] = (
            getattr(recipe.processes["transfer"], k) for k in ("inputs", "outputs")
        )
        assert (amount.field, amount.condition, amount.limit, amount.level) == (
            "amount",
            "max",
            10_000,
            "B",
        )
        assert (reserves.path, reserves.condition, reserves.level) == (
            ("total_reserves",),
            "min",
            "S",
        )


def test_t27_one_entry_with_several_conditions_is_several_rules_and_a_message_is_none():
    entry = {"field": "n", "min": 0, "max": 9, "message": "Too odd.", "max_threshold": 3}
    recipe = read_recipe({"process_recipes": {"f": {"inputs": [entry], "side_effects": ["mail"]}}})
    rules = recipe.processes["f"].inputs
    assert [(r.condition, r.limit, r.most, r.message) for r in rules] == [
        ("min", 0, 3, "Too odd."),
        ("max", 9, 3, "Too odd."),
    ]
    assert recipe.processes["f"].side_effects == ("mail",)


def test_t27_what_is_inherited_holds_under_the_name_of_who_inherits():
    recipe = read_recipe(
        {
            "process_recipes": {
                "base": {
                    "inputs": [{"field": "n", "max": 9, "level": "B"}, {"field": "m", "min": 1}]
                },
                "own": {"inherits": "base", "inputs": [{"field": "n", "max": 3, "level": "A"}]},
            }
        }
    )
    assert [rule.id for rule in recipe.processes["own"].rules] == [
        "own in n max A",
        "own in m min C",
    ]


@pytest.mark.parametrize(
    ("recipe", "says"),
    [
        (
            {"f": {"inputs": [{"field": "n", "maxx": 3}]}},
            "f, input 1: 'maxx' is no condition. Did you mean 'max'?",
        ),
        ({"f": {"inputs": [{"field": "n"}]}}, "n has no condition"),
        ({"f": {"inputs": [{"max": 3}]}}, "names its field"),
        (
            {"f": {"inputs": [{"field": "n", "max": [1]}]}},
            "`max` takes a number or a text; got [1]",
        ),
        ({"f": {"inputs": [{"field": "n", "max": float("nan")}]}}, "`max` takes a number"),
        ({"f": {"inputs": [{"field": "n", "eq": float("nan")}]}}, "equals itself"),
        ({"f": {"inputs": [{"field": "n", "min_len": -1}]}}, "`min_len` takes a whole number"),
        (
            {"f": {"inputs": [{"field": "n", "regex": "("}]}},
            "`regex` takes a pattern that can be read",
        ),
        ({"f": {"inputs": [{"field": "n", "max": 1, "level": "X"}]}}, "A level is"),
        ({"f": {"inputs": [{"field": "n", "max": 1, "max_threshold": "2"}]}}, "A threshold is"),
        ({"f": {"inputs": [{"field": "n", "max": 1, "reset_on_success": 2}]}}, "true or false"),
        ({"f": {"inputs": [{"field": "n", "grows": True}]}}, "is of a change"),
        ({"f": {"inputs": [{"field": "items.clear()", "max": 1}]}}, "calls what is no figure"),
        ({"f": {"inputs": [{"field": "a..b", "max": 1}]}}, "is no path"),
        ({"f": {"input": []}}, "f has no 'input'. Did you mean 'inputs'?"),
        ({"f": {"inputs": {"field": "n"}}}, "rules are a list"),
        ({"f": {"inherits": "g"}}, "f inherits g, which is not there"),
        ({"f": {"inherits": "g"}, "g": {"inherits": "f"}}, "f inherits g inherits f: a circle"),
        ({"f": 3}, "f holds inputs and outputs"),
    ],
)
def test_t37_what_a_recipe_cannot_ask_is_told_when_it_is_loaded(recipe, says):
    with pytest.raises(ArgumentError) as refused:
        audit({"process_recipes": recipe})
    assert says in str(refused.value)
    assert audit().rules == ()


def test_t37_all_findings_are_told_at_once():
    entry = [{"field": "n", "maxx": 3}, {"field": "m", "min": "a", "max": []}]
    with pytest.raises(ArgumentError, match=r"(?s)input 1.*input 2.*no 'stat'|no 'stat'.*input 1"):
        audit({"process_recipes": {"f": {"inputs": entry}}, "stat": []})


def test_t37_a_field_that_is_nowhere_is_told_when_its_function_is_known(transfer):
    rules = [{"field": "amout", "max": 3}, {"field": "total_reserve", "min": 1}]
    with pytest.raises(ContractError) as refused:
        audit({"process_recipes": {"transfer": {"inputs": rules}}})
    assert "amout is not there. Did you mean 'amount'?" in str(refused.value)
    assert "total_reserve is not there. Did you mean 'total_reserves'?" in str(refused.value)
    transfer("ann", "bob", 5)


def test_t37_a_recipe_that_is_refused_leaves_all_as_it_was(bank, transfer):
    audit(
        {"process_recipes": {"transfer": {"inputs": [{"field": "amount", "max": 9, "level": "B"}]}}}
    )
    before = audit().rules
    good = [{"field": "amount", "max": 99, "level": "B"}]
    for bad in (
        {"process_recipes": {"transfer": {"inputs": good}}, "state": [{"field": "acounts", "min": 0}]},
        {"process_recipes": {"transfer": {"inputs": [*good, {"field": "amout", "min": 0}]}},
         "state": [{"field": "total_reserves", "max": 2_000, "level": "B"}]},
    ):  # fmt: skip
        with pytest.raises((ArgumentError, ContractError)):
            audit(bad)
        assert audit().rules == before
        with pytest.raises(AuditError, match=r"amount is 10: above 9"):
            transfer("ann", "bob", 10)


def test_a_check_is_asked_once(bank, transfer):
    asked = []

    def check(after: Any, before: Any) -> bool:
        asked.append(after)
        return len(asked) > 1

    bank.rule("accounts", check=check, level="B")
    with pytest.raises(AuditError):
        transfer("ann", "bob", 1)
    assert len(asked) == 1


def test_t37_a_field_outside_the_contract_is_refused(bank):
    @function(writes=["accounts"])
    def pay(n: int) -> None:
        """Pay."""

    with pytest.raises(ContractError, match=r"does not name total_reserves. Add it to reads"):
        audit({"process_recipes": {"pay": {"outputs": [{"field": "total_reserves", "min": 0}]}}})


def test_t37_a_function_that_comes_later_is_compared_at_its_call(bank):
    audit({"process_recipes": {"late": {"inputs": [{"field": "m", "max": 3, "level": "I"}]}}})

    @function()
    def late(n: int) -> int:
        """Later."""
        return n

    with pytest.raises(ContractError, match=r"m is not there"):
        late(1)


def test_t37_a_path_of_a_rule_that_the_state_does_not_have_is_refused(bank):
    with pytest.raises(
        ArgumentError, match=r"bank has no path acounts.\*. Did you mean 'accounts'\?"
    ):
        bank.rule("acounts.*", min=0)


def test_t37_a_rule_that_does_not_hold_now_is_refused(bank):
    with pytest.raises(ArgumentError, match=r"accounts.bob is 50 now: below 60. Mend it first"):
        bank.rule("accounts.*", min=60, level="B")
    assert audit().rules == ()


# Conditions.


@pytest.mark.parametrize(
    ("condition", "limit", "good", "bad"),
    [
        ("min", 3, [3, 4.5], [2, "x", None, float("nan"), [1], 2.999]),
        ("max", 3, [3, -1], [4, "x", None, float("nan")]),
        ("min", "2026-01-01", ["2026-02-01"], ["2025-12-31", 3]),
        ("eq", 3, [3, 3.0], [4, True, None, "3"]),
        ("eq", True, [True], [1, False]),
        ("eq", [1, 2], [[1, 2]], [[1], (1, 2)]),
        ("neq", 3, [4, "3", True], [3, float("nan")]),
        ("min_len", 2, ["ab", [1, 2], {"a": 1, "b": 2}], ["a", [], 5, None]),
        ("max_len", 2, ["ab", []], ["abc", 5]),
        ("regex", "[a-z]+$", ["abc"], ["Abc", 5, None, "a1"]),
    ],
)  # fmt: skip
def test_t28_t29_conditions(condition, limit, good, bad):
    [rule] = rules_of("f", "in", {"field": "n", condition: limit})
    assert [value for value in good if not rule.test(value, None)] == []
    assert [value for value in bad if rule.test(value, None)] == []


def test_t29_a_pattern_that_never_ends_does_not_hold():
    [rule] = rules_of("f", "in", {"field": "n", "regex": "(a+)+$"})
    assert rule.test("a" * 20, None)
    assert not rule.test("a" * 5_000 + "b", None)
    assert not rule.test("a" * 200_000, None)


def test_t31_figures_of_what_stands_there(bank):
    @function(reads=["accounts", "log"], writes=["log"])
    def say(words: list[str]) -> None:
        """Say."""
        bank.log.extend(words)

    audit(
        {
            "process_recipes": {
                "say": {
                    "inputs": [
                        {"field": "words.len()", "max": 2, "level": "B"},
                        {"field": "accounts.mean()", "min": 70, "level": "B"},
                    ],
                    "outputs": [{"field": "domain_ctx.log.len()", "max": 3, "level": "B"}],
                }
            }
        }
    )
    say(["a", "b"])
    with pytest.raises(AuditError, match=r"words.len\(\) is 3: above 2 at the way into say"):
        say(["a", "b", "c"])
    with pytest.raises(AuditError, match=r"log.len\(\) is 4: above 3"):
        say(["c", "d"])
    assert len(bank.log) == 2


def test_t31_a_rule_runs_nothing_of_a_value(bank):
    class Odd:
        @property
        def total(self) -> int:
            raise AssertionError("a property was run")

    @function()
    def take(thing: Any) -> None:
        """Take."""

    audit(
        {
            "process_recipes": {
                "take": {"inputs": [{"field": "thing.total", "max": 3, "level": "B"}]}
            }
        }
    )
    with pytest.raises(AuditError, match=r"thing.total is not there"):
        take(Odd())


# Gates.


def test_t30_the_way_in_is_asked_before_the_body(bank):
    ran = []

    @function()
    def pay(amount: int, to: str = "nobody") -> int:
        """Pay."""
        ran.append(amount)
        return amount

    audit(
        {
            "process_recipes": {
                "pay": {
                    "inputs": [
                        {"field": "amount", "max": 10, "level": "B"},
                        {"field": "to", "neq": "nobody", "level": "B"},
                    ]
                }
            }
        }
    )
    assert pay(10, "ann") == 10
    with pytest.raises(AuditError, match=r"amount is 11: above 10"):
        pay(11, "ann")
    with pytest.raises(AuditError, match=r"to is 'nobody'"):  # a default is asked, too
        pay(1)
    assert ran == [10]


def test_t30_the_way_out_is_asked_of_what_would_count_and_of_the_value(bank, transfer):
    audit(
        {
            "process_recipes": {
                "transfer": {
                    "outputs": [
                        {"field": "accounts.ann", "min": 0, "level": "B"},
                        {"field": "result", "max": 90, "level": "B"},
                    ]
                }
            }
        }
    )
    assert transfer("ann", "bob", 20) == 80
    with pytest.raises(
        AuditError, match=r"accounts.ann is -20: below 0 at the way out of transfer"
    ):
        transfer("ann", "bob", 100)
    with pytest.raises(AuditError, match=r"result is 100: above 90"):
        transfer("ann", "bob", -20)
    assert bank.value().accounts == {"ann": 80, "bob": 70}


def test_t30_p21_an_agent_is_asked_too_and_hears_why(bank):
    bank.rule("accounts.*", min=0, level="B", message="No overdraft.")
    model = ScriptedModel([call("put", path="accounts.ann", value=-5), "done"])
    clerk = agent("clerk(n: int) -> str", "Pay {n}.", writes=["accounts"])
    here.use(scripted=model)
    here.configure(model="scripted")
    assert clerk(1) == "done"
    heard = [p for p in runs.last.view().transcript if hasattr(p, "outputs")]
    assert "No overdraft. accounts.ann is -5: below 0." in str(heard[0])
    assert bank.value().accounts["ann"] == 100
    refused = runs.last.view().children[0]
    told = [text for *_, text, _ in details.page(refused, "state", (0, 0))["parts"]]
    assert "No overdraft. accounts.ann is -5: below 0. Level B." in told
    assert "100 → -5" in told


# Rules of a state.


def test_t30_p12_a_rule_of_the_state_holds_in_every_call(bank, transfer):
    bank.rule("accounts.*", min=0, level="B", message="No overdraft.")
    transfer("ann", "bob", 30)
    with pytest.raises(AuditError) as refused:
        transfer("ann", "bob", 500)
    assert str(refused.value) == "No overdraft. accounts.ann is -430: below 0. Level B."
    with pytest.raises(AuditError, match=r"accounts.bob is -1"), bank.edit() as s:
        s.accounts["bob"] = -1
    assert bank.value().accounts == {"ann": 70, "bob": 80}
    with bank.edit() as s:
        del s.accounts["bob"]
    assert bank.value().accounts == {"ann": 70}


def test_t30_what_replaces_a_container_is_asked_of_each_of_its_values(bank):
    bank.rule("accounts.*", min=0, level="B")

    @function(writes=["accounts"])
    def put(accounts: dict[str, int]) -> None:
        """Put."""
        bank.accounts = accounts

    put({"x": 1})
    with pytest.raises(AuditError, match=r"accounts.y is -2"):
        put({"x": 1, "y": -2})


def test_tx16_rules_of_a_change_are_asked_of_the_whole_transaction(bank):
    bank.rule("accounts", same_sum=True, level="B", message="Money is moved, not made.")
    bank.rule("total_reserves", grows=True, level="B")
    bank.rule("accounts.*", max_step=60, level="B")

    @function(writes=["accounts"])
    def add(name: str, n: int) -> None:
        """Add."""
        bank.accounts[name] = bank.accounts.get(name, 0) + n

    @function(writes=["accounts"], uses=[add])
    def move(src: str, dst: str, n: int) -> None:
        """Move."""
        add(src, -n)
        add(dst, n)

    @function(writes=["total_reserves"])
    def keep(n: int) -> None:
        """Keep."""
        bank.total_reserves = n

    move("ann", "bob", 10)  # each half alone breaks the sum
    move("ann", "cid", 10)
    with pytest.raises(AuditError, match=r"Money is moved, not made. accounts has another sum"):
        add("ann", 1)
    with pytest.raises(AuditError, match=r"accounts.\w+ is -?\d+: a step of more than 60 from"):
        move("ann", "bob", 61)
    keep(1_500)
    with pytest.raises(AuditError, match=r"total_reserves is 1499: it fell from 1500"):
        keep(1_499)
    assert bank.value().accounts == {"ann": 80, "bob": 60, "cid": 10}


def test_tx16_a_check_of_a_persons_own_that_raises_does_not_hold(bank, transfer):
    def even(after: Any, before: Any) -> bool:
        return sum(after.values()) % 2 == 0

    bank.rule("accounts", check=even, level="B")
    transfer("ann", "bob", 3)
    bank.rule("accounts", check=lambda after, before: after["nobody"] > 0, level="A")
    with pytest.raises(AuditError, match=r"it does not pass"):
        transfer("ann", "bob", 3)


def test_t37_a_rule_is_asked_again_of_what_others_made_meanwhile(bank):
    bank.rule("accounts.sum()", max=160, level="B")
    wrote = threading.Barrier(2)

    @function(writes=["accounts.*"])
    def add(name: str) -> None:
        """Add, and end when the other has added too."""
        bank.accounts[name] = 6
        wrote.wait(30)

    @function(uses=[add])
    def both() -> list[str]:
        """Add two at once: each alone is within the rule."""
        begun = [add.start("x"), add.start("y")]
        for one in begun:
            one.wait()
        return [type(one.exception).__name__ for one in begun]

    assert sorted(both()) == ["AuditError", "NoneType"]
    assert sum(bank.value().accounts.values()) == 156


def test_t37_what_a_rule_names_and_is_taken_away_does_not_hold(bank):
    bank.rule("accounts.ann", min=0, level="B")
    bank.rule("accounts.*", min=0, level="B")

    @function(writes=["accounts"])
    def close(name: str) -> None:
        """Close an account."""
        del bank.accounts[name]

    close("bob")
    with pytest.raises(AuditError, match=r"accounts.ann is not there"):
        close("ann")


def test_t35_what_a_child_left_is_noted_once(bank, transfer):
    bank.rule("accounts.*", max=120, level="C")

    @function(writes=["accounts", "total_reserves", "log"], uses=[transfer])
    def day() -> None:
        """Move, and say so."""
        transfer("ann", "bob", 90)
        bank.log.append("moved")

    day()
    assert list(violations().fn) == ["transfer"]


# Levels and counts.


def test_t34_level_b_rolls_back_one_call_and_its_caller_goes_on(bank, transfer):
    bank.rule("accounts.*", min=0, level="B")

    @function(writes=["accounts", "total_reserves", "log"], uses=[transfer])
    def day() -> str:
        """Go on."""
        bank.log.append("begun")
        try:
            transfer("ann", "bob", 500)
        except AuditError as error:
            return error.level
        return ""

    assert day() == "B"
    assert bank.value().log == ["begun"]
    assert bank.value().accounts == {"ann": 100, "bob": 50}


def test_t35_level_c_warns_and_counts_and_level_i_is_a_line_in_the_record(bank, transfer, caplog):
    bank.rule("accounts.*", max=120, level="C")
    bank.rule("total_reserves", max=1_000, level="I")
    transfer("ann", "bob", 90, reserve=5)
    assert bank.value().accounts["bob"] == 140
    table = violations()
    assert list(zip(table.field, table.action, strict=True)) == [
        ("accounts.bob", "warned"),
        ("total_reserves", "noted"),
    ]
    assert [r.message for r in caplog.records if r.name == "netflux_nb.audit"] == [
        "accounts.bob is 140: above 120. Level C."
    ]


def test_t33_level_a_stops_the_tree_and_nothing_else(bank, transfer):
    bank.rule("accounts.*", min=0, level="A")

    @function(uses=[transfer])
    def day() -> str:
        """Go on, whatever happens."""
        with contextlib.suppress(InterlockError):
            transfer("ann", "bob", 500)
        transfer("ann", "bob", 1)
        return "done"

    with pytest.raises(Exception, match=r"The audit stopped it"):
        day()
    assert runs.last.state.value == "Canceled"
    assert bank.value().accounts == {"ann": 100, "bob": 50}
    assert transfer("ann", "bob", 1) == 99


def test_t32_level_s_stops_the_kernel_until_a_person_clears_it(bank, transfer):
    audit(SEED)
    with pytest.raises(InterlockError, match=r"total_reserves is -1: below 0") as stopped:
        transfer("ann", "bob", 1, reserve=-1_001)
    assert stopped.value.level == "S"

    @function()
    def other() -> str:
        """Has nothing to do with it."""
        return "ran"

    for begin in (other, lambda: transfer("ann", "bob", 1)):
        with pytest.raises(
            InterlockError, match=r"The audit stopped this kernel: total_reserves is -1"
        ):
            begin()
    assert runs.last.replay().is_same  # nothing of a replay is live

    @function()
    def clear() -> None:
        """Try to go on."""
        audit().clear()

    with pytest.raises(InterlockError):
        clear()
    audit().clear()
    assert other() == "ran"
    with pytest.raises(NoNodeError, match=r"cleared by a person"):
        clear()


def test_t36_two_are_let_through_and_the_third_is_blocked(bank):
    @function()
    def sense(n: int) -> int:
        """Sense."""
        return n

    entry = {"field": "n", "max": 9, "level": "B", "max_threshold": 3, "min_threshold": 2}
    audit({"process_recipes": {"sense": {"inputs": [entry]}}})
    came = []
    for n in (10, 11, 12, 13):
        try:
            came.append(sense(n))
        except AuditError:
            came.append(None)
    assert came == [10, 11, None, 13]
    assert list(violations().action) == ["tolerated", "warned", "blocked", "tolerated"]
    assert audit().counts() == {"sense in n max B": 1}
    sense(1)  # what holds sets the count back
    assert audit().counts() == {}


def test_t36_a_count_that_is_not_set_back_goes_on(bank):
    @function()
    def sense(n: int) -> int:
        """Sense."""
        return n

    entry = {"field": "n", "max": 9, "level": "B", "threshold": 2, "reset_on_success": False}
    audit({"process_recipes": {"sense": {"inputs": [entry]}}})
    sense(10)
    sense(1)
    with pytest.raises(AuditError):
        sense(11)


def test_t36_ways_in_and_out_have_counts_of_their_own(bank):
    @function()
    def same(result: int) -> int:
        """Give it back."""
        return result

    entry = {"field": "result", "max": 9, "level": "B", "max_threshold": 2}
    audit({"process_recipes": {"same": {"inputs": [entry], "outputs": [entry]}}})
    assert same(10) == 10
    assert set(audit().counts().values()) == {1}
    assert len(audit().counts()) == 2


RESTART = """
import sys
from netflux_nb import AuditError, audit, function
from netflux_nb.core.errors import InterlockError
entry = {"field": "n", "max": 9, "level": sys.argv[1], "max_threshold": 3}
audit({"process_recipes": {"sense": {"inputs": [entry]}}})

@function()
def sense(n: int) -> int:
    "Sense."
    return n

try:
    print("came", sense(int(sys.argv[2])))
except (AuditError, InterlockError) as error:
    print(type(error).__name__, str(error)[:60])
"""


@pytest.mark.slow
def test_t36_t32_counts_and_what_stopped_a_kernel_survive_a_restart(tmp_path):
    env = {**os.environ, "NETFLUX_HOME": str(tmp_path / "kept")}

    def go(level: str, n: int) -> str:
        done = subprocess.run(
            [sys.executable, "-c", RESTART, level, str(n)],
            env=env, capture_output=True, text=True, timeout=100, check=True,
        )  # fmt: skip
        return done.stdout.strip()

    assert [go("B", 10)[:10] for _ in range(4)] == ["came 10", "came 10", "AuditError", "came 10"]
    assert [go("S", 10)[:10] for _ in range(2)] == ["came 10", "came 10"]
    assert go("S", 10).startswith("InterlockError n is 10: above 9")
    assert go("S", 1).startswith("InterlockError The audit stopped this kernel")
    assert go("B", 1) == "came 1"  # a kernel without the rule is not stopped by it


def test_t36_notes_that_are_damaged_say_nothing(bank, session):
    entry = {"field": "n", "max": 9, "level": "B", "max_threshold": 2}

    @function()
    def sense(n: int) -> int:
        """Sense."""
        return n

    audit({"process_recipes": {"sense": {"inputs": [entry]}}})
    sense(10)
    [path] = (here.home() / "notes").glob("*.json")
    assert json.loads(path.read_text()) == {"counts": {"sense in n max B": 1}}
    for damaged in (b"{", b"[1]", b'{"counts": {"sense in n max B": "x"}, "latches": 3}', b"\xff"):
        path.write_bytes(damaged)
        assert audit().counts() == {}
        assert audit().latches() == {}
    sense(10)
    assert audit().counts() == {"sense in n max B": 1}


# The record.


def test_t52_a_violation_is_an_event_a_row_and_part_of_the_view(bank, transfer):
    bank.rule("accounts.*", min=0, level="B", message="No overdraft.")
    with pytest.raises(AuditError):
        transfer("ann", "bob", 500)
    [seen] = runs.last.view().violations
    assert (seen.rule, seen.value, seen.action) == (
        "bank state accounts.* min B",
        "-400",
        "blocked",
    )
    [row] = violations().to_dict("records")
    assert row["text"] == "No overdraft. accounts.ann is -400: below 0. Level B."
    assert (row["fn"], row["level"], row["count"], row["must"]) == ("transfer", "B", 1, "min 0")


@pytest.mark.parametrize("gate", ["in", "out", "state"])
def test_t53_a_replay_gives_the_refusal_again_and_counts_nothing(bank, transfer, gate):
    entry = {"level": "B", "max_threshold": 2}
    if gate == "state":
        bank.rule("accounts.*", min=0, **entry)
    else:
        where, name, limit = ("inputs", "amount", 9) if gate == "in" else ("outputs", "result", 90)
        asked = {"field": name, ("max" if gate == "in" else "min"): limit, **entry}
        audit({"process_recipes": {"transfer": {where: [asked]}}})
    transfer("ann", "bob", 101)
    with pytest.raises(AuditError):
        transfer("ann", "bob", 101)
    before = audit().counts()
    for run in list(runs):
        assert run.replay().is_same
    host().audit = None
    for run in list(runs):
        assert run.replay().is_same
    assert audit().counts() == before == {}


def test_keys_in_what_was_found_are_not_told(bank):
    @function()
    def use(api_key: str) -> None:
        """Use."""

    audit(
        {"process_recipes": {"use": {"inputs": [{"field": "api_key", "max_len": 3, "level": "B"}]}}}
    )
    with pytest.raises(AuditError) as refused:
        use("hunter2-hunter2")
    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in violations().to_string()


def test_hostile_texts_are_one_bounded_line(bank):
    @function()
    def take(text: str) -> None:
        """Take."""

    audit(
        {"process_recipes": {"take": {"inputs": [{"field": "text", "max_len": 3, "level": "B"}]}}}
    )
    with pytest.raises(AuditError) as refused:
        take("a\n\x1b[31m\u202e" + "<script>" * 10_000)
    said = str(refused.value)
    assert len(said) < 400
    assert said.isprintable()


def test_every_condition_can_be_said_in_words():
    for word, make in CONDITIONS.items():
        limit = {
            "eq": 3,
            "neq": 3,
            "regex": "a",
            "check": all,
            "same_sum": True,
            "grows": True,
        }.get(word, 3)
        assert callable(make(limit))
        [rule] = rules_of("s", "state", {"field": "n", word: limit})
        assert rule.broken(1, 2)


def test_a_message_is_a_sentence_of_its_own(bank, transfer):
    bank.rule("accounts.*", min=0, level="B", message="No overdraft")
    with pytest.raises(AuditError, match=r"^No overdraft\. accounts\.ann is -1: below 0\."):
        transfer("ann", "bob", 101)


def test_rules_can_be_dropped_and_given_again(bank, transfer):
    bank.rule("accounts.*", min=0, level="B")
    bank.rule("accounts.*", min=10, level="B")  # in the place of the one before
    [rule] = audit().rules
    assert rule.limit == 10
    with pytest.raises(ArgumentError, match=r"Did you mean 'bank state accounts.* min B'?"):
        audit().drop("bank state accounts.* min")
    audit().drop(rule.id)
    transfer("ann", "bob", 500)


def test_a_state_that_is_declared_again_keeps_its_rules(bank, transfer):
    bank.rule("accounts.*", min=0, level="B")
    again = state(Bank({"ann": 1, "bob": 1}), name="bank")

    @function(writes=["accounts"])
    def take() -> None:
        """Take."""
        again.accounts["ann"] -= 5

    with pytest.raises(AuditError):
        take()


def test_a_fork_counts_apart(bank):
    @function()
    def sense(n: int) -> int:
        """Sense."""
        return n

    entry = {"field": "n", "max": 9, "level": "B", "max_threshold": 2}
    audit({"process_recipes": {"sense": {"inputs": [entry]}}})
    sense(10)
    with pytest.raises(AuditError):
        [runs.last.rerun(n=11).result() for _ in range(2)]
    forked = runs.last.fork(args={"n": 11})
    assert forked.result() == 11
    assert audit().counts() == {}
