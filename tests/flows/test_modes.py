"""How much of a call happens: planned, tried with stand-ins, looked on, or judged."""

import enum
from dataclasses import dataclass
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field

from netflux_nb import (
    AgentNode,
    Approvals,
    ArgumentError,
    Budget,
    ModelProviderException,
    NodeState,
    Runtime,
    agent,
    function,
)
from netflux_nb.determinism.claims import Bundle, Claim
from netflux_nb.determinism.entropy import Determinism
from netflux_nb.determinism.levels import EntropyBudget, Intent, NonDeterminismViolationError
from netflux_nb.determinism.rules import VerificationPolicy
from netflux_nb.determinism.verification import VerificationFailure, Verifies
from netflux_nb.flows.call_plan import plan
from netflux_nb.flows.modes import begin, dry_run, loosened, observe, unsafe
from netflux_nb.flows.standins import stand_in
from netflux_nb.replay.recording import Recording
from netflux_nb.run import Run
from netflux_nb.session import flush
from netflux_nb.testing import ScriptedModel

REACHED = []


@function(effect="shell")
def wipe(path: str) -> int:
    """Change the world."""
    REACHED.append(path)
    return 1


@function(effect="files")
def untyped(path: str):
    """Change the world, and say nothing of what comes."""
    REACHED.append(path)


guess = agent("guess(of: str) -> int", "How many {of}?", uses=[wipe], model="scripted")


@function(uses=[guess, wipe, untyped])
def study(of: str) -> list[int]:
    """Ask and act."""
    untyped(path=of)
    return [guess(of=of), wipe(path=of)]


@function
def claims() -> Bundle:
    """Claim something without evidence."""
    return Bundle(claims=[Claim("c1", "It rains")])


@pytest.fixture(autouse=True)
def nothing_reached():
    REACHED.clear()


def test_f32_a_plan_tells_all_that_may_be_called_and_runs_nothing():
    with Runtime([study], record=False, models={"scripted": ScriptedModel([])}) as runtime:
        found = plan(study, {"of": "beans"}, runtime=runtime)

    assert found.is_sound
    assert found.functions == 4
    assert found.effects == ("files", "shell")
    assert found.models == ("scripted",)
    assert (found.levels, found.max_levels) == (1, 8)
    assert [child.fn for child in found.root.children] == ["guess", "wipe", "untyped"]
    assert found.root.children[1].is_again
    assert "guess()  [agent, scripted]" in str(found)
    assert REACHED == []


def test_f32_a_plan_refuses_arguments_that_do_not_fit():
    with Runtime([study], record=False) as runtime, pytest.raises(ArgumentError, match="beans"):
        plan(study, {"beans": 1}, runtime=runtime)


def test_f32_a_plan_names_what_speaks_against_it_and_what_cannot_be_told():
    strict = Determinism(level="strict")
    with Runtime([study], record=False, policies=[strict, Budget(calls=3)]) as runtime:
        found = plan(study, runtime=runtime)

    said = " ".join(found.faults)
    assert not found.is_sound
    assert "guess() wants 'scripted'" in said
    assert "shell varies" in said
    assert "llm varies" in said
    assert found.unjudged == ("The arguments of study() were not given.",)
    assert any("Budget(calls=3" in words for words in found.policies)


@pytest.mark.parametrize("name", ["anthropic", "gemini"])
def test_f32_a_plan_names_a_provider_without_a_key(name):
    asks = agent("asks(x: str)", "{x}", model=name)
    with Runtime([asks], record=False) as runtime:
        found = plan(asks, {"x": "1"}, runtime=runtime)

    assert "key" in found.faults[0]


def test_f32_a_plan_of_shared_functions_is_as_long_as_there_are_functions():
    last = _above("f0", [])
    for depth in range(1, 40):
        last = _above(f"f{depth}", [last, _above(f"g{depth}", [last])])
    with Runtime(record=False, is_open=True) as runtime:
        found = plan(last, {}, runtime=runtime)

    assert found.functions == 79
    assert len(str(found).splitlines()) <= 210


def _above(name, uses):
    @function(name=name, uses=uses)
    def body() -> int:
        return 1

    return body


def test_f33_a_dry_run_runs_code_and_stands_in_for_all_else(tmp_path):
    with Runtime([study], record=tmp_path) as runtime:
        run = dry_run(study, {"of": "beans"}, runtime=runtime)
        value = run.result()
        view = run.view()
        about = run.recording.about

    assert value == [0, 0]
    assert REACHED == []
    assert about["mode"] == "dry-run"
    assert [child.served for child in view.children] == [True, False, True]
    assert view.children[0].outputs is None
    assert "How many beans?" in str(view.children[1].transcript)
    assert view.bill().usd == 0


def test_f33_a_dry_run_answers_for_the_person():
    @function(needs_approval=True)
    def careful() -> str:
        return "done"

    @function
    async def curious(ctx) -> str:
        return await ctx.ask("Which?", ["left", "right"])

    with Runtime([careful, curious], record=False, policies=[Approvals()]) as runtime:
        assert dry_run(careful, runtime=runtime).result(timeout=20) == "done"
        assert dry_run(curious, runtime=runtime).result(timeout=20) == "left"


def test_f33_a_dry_run_asks_no_driver_of_ones_own():
    class Own(AgentNode):
        def run(self):
            raise AssertionError("it ran")

    asks = agent("asks_own(x: str) -> bool", "{x}", model="scripted")
    with Runtime([asks], record=False) as runtime:
        node = None
        import netflux_nb.runtime.runtime as module

        before = module.get_AgentNode_impl
        module.get_AgentNode_impl = lambda _: Own
        try:
            node = dry_run(asks, {"x": "1"}, runtime=runtime)
            assert node.result(timeout=20) is False
        finally:
            module.get_AgentNode_impl = before


class Colour(enum.Enum):
    RED = "red"


class Point(BaseModel):
    x: float
    colour: Colour
    above: "Point | None"
    many: Annotated[list[int], Field(min_length=2)]
    label: Annotated[str, Field(min_length=12)]
    size: Annotated[int, Field(gt=3, multiple_of=5)]


@dataclass
class Pair:
    left: int
    right: tuple[str, bool]


def test_f33_a_stand_in_fits_its_type():
    point = stand_in(Point)

    assert point.colour is Colour.RED
    assert len(point.many) == 2
    assert len(point.label) >= 12
    assert point.size == 5
    assert stand_in(Pair) == Pair(0, ("dry run", False))
    assert stand_in(Literal["b"]) == "b"
    assert stand_in(int | None) == 0
    assert stand_in(None) is None


def test_f33_a_type_that_nothing_stands_in_for_fails_and_is_asked_once():
    class Odd(BaseModel):
        code: Annotated[str, Field(pattern=r"^[0-9]{3}$")]

    odd = agent("odd(x: str) -> Odd", "{x}", types={"Odd": Odd}, model="scripted")
    with Runtime([odd], record=False) as runtime:
        run = dry_run(odd, {"x": "1"}, runtime=runtime).wait(20)

        with pytest.raises(ModelProviderException, match="odd"):
            run.result()
        assert len(run.view().requests) == 1


def test_f34_a_live_run_says_so_in_its_record(tmp_path):
    model = ScriptedModel(["3"])
    with Runtime([study], record=tmp_path, models={"scripted": model}) as runtime:
        run = Run.of(begin(runtime, study, {"of": "x"}, about={"flow": {"flow_id": "f"}}))
        assert run.result() == [3, 1]
        about = run.recording.about

    assert about["mode"] == "live"
    assert about["flow"] == {"flow_id": "f"}
    assert REACHED == ["x", "x"]


def test_f34_a_mode_with_nobody_who_answers_is_refused():
    with Runtime([study], record=False) as runtime:
        run = unsafe(study, {"of": "x"}, runtime=runtime).wait(20)

        assert "the scripted model, which has no script" in str(run.view().exception)


def test_f36_unsafe_looks_on_where_live_would_stop(tmp_path):
    policies = [
        Verifies(VerificationPolicy()),
        Determinism(
            level="strict",
            budget=EntropyBudget(allowed_sources=["data"], max_magnitude="low"),
            intents=[Intent("retrieval", justification="x")],
        ),
    ]
    with Runtime([claims, wipe], record=False, policies=policies) as runtime:
        with pytest.raises(VerificationFailure):
            begin(runtime, claims).result()
        with pytest.raises(NonDeterminismViolationError):
            begin(runtime, wipe, {"path": "x"}).result()

    free = loosened(policies)
    with Runtime([claims, wipe, untyped], record=tmp_path, policies=free) as runtime:
        run = unsafe(claims, runtime=runtime)
        assert run.result() == claims()
        unsafe(wipe, {"path": "x"}, runtime=runtime).result()
        marked = unsafe(untyped, {"path": "x"}, runtime=runtime).wait()
        assert run.recording.about["mode"] == "unsafe"
        assert free[1].ledger(marked.root).non_certifiable

    assert [found.status for _, found in free[0].found] == ["FAIL"]
    assert REACHED == ["x", "x"]


def test_f36_unsafe_leaves_all_other_policies_as_they_are():
    budget = Budget(calls=1)

    assert loosened([budget]) == [budget]


def test_f35_a_stored_run_is_observed_and_nothing_runs(tmp_path):
    with Runtime([claims], record=tmp_path) as runtime:
        run = Run.of(runtime.invoke(None, claims, {})).wait()
        name = run.id
    flush()
    stored = Run(tmp_path, name)

    found = observe(stored)

    assert found.status == "FAIL"
    assert "claim_requires_evidence" in found.violations
    assert observe(stored, VerificationPolicy(escalate_on=found.violations)).status == "ESCALATE"
    assert len(Recording(tmp_path, name).nodes) == 1


def test_f35_a_running_tree_is_observed_as_far_as_it_is():
    import threading

    go = threading.Event()

    @function(uses=[claims])
    def slow() -> int:
        claims()
        go.wait(20)
        return 1

    with Runtime([slow], record=False) as runtime:
        run = Run.of(runtime.invoke(None, slow, {}))
        while not any(child.is_done for child in run.view().children):
            run.watch(run.view().update_seqnum, timeout=20)
        try:
            found = observe(run)
        finally:
            go.set()
        run.wait(20)

    assert "claim_requires_evidence" in found.violations
    assert "outcome_not_success" not in found.violations


def test_f35_a_failed_run_does_not_pass():
    @function
    def fails() -> int:
        raise ValueError("no")

    with Runtime([fails], record=False) as runtime:
        run = Run.of(runtime.invoke(None, fails, {})).wait()

        assert run.state is NodeState.Error
        assert observe(run).violations == ("outcome_not_success",)
