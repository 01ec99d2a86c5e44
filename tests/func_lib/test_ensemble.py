"""Several runs of an agent, and one answer."""

import asyncio
import inspect
import itertools
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from netflux_nb import (
    AgentFunction,
    CancellationException,
    CodeFunction,
    FunctionArg,
    FunctionError,
    ModelProviderException,
    NoKeyError,
    Provider,
    Runtime,
    agent,
    function,
)
from netflux_nb.core.functions.versions import version_of
from netflux_nb.func_lib.ensemble import Ensemble, EnsembleException
from netflux_nb.testing import ScriptedModel, broken, call

ask = agent(
    'ask(question: str, tone: str = "plain") -> str',
    "In a {tone} tone: {question}",
    system="You answer questions.",
)
BOTH = {Provider.Anthropic: 2, Provider.Gemini: 1}


def is_reconciling(request):
    return "--- Candidate answers ---" in request.parts[0].text


def answering(*answers, final="final"):
    """A model that gives the candidates in turn, and one answer to the reconciling agent."""
    left = itertools.cycle(answers)
    return ScriptedModel(lambda request: final if is_reconciling(request) else next(left))


def run(ensemble, models, **inputs):
    with Runtime([ensemble], models=models) as runtime:
        node = runtime.get_ctx().invoke(ensemble, inputs or {"question": "why?"})
        node.wait()
        return node


def test_n212_the_call_of_the_seed_works():
    ensemble = Ensemble(
        agent=ask,
        instances={Provider.Anthropic: 1, Provider.Gemini: 3},
        allow_fail={Provider.Anthropic: 0, Provider.Gemini: 1},
    )
    models = {Provider.Anthropic: answering("a"), Provider.Gemini: answering("b", broken(), "c")}

    node = run(ensemble, models)

    assert node.result() == "final"
    assert ensemble.is_code()


WRONG = {
    "none": ({}, None, "asks for no run"),
    "zero": ({Provider.Gemini: 0}, None, "asks for no run"),
    "negative": ({Provider.Gemini: -1}, None, "instances has -1 for 'gemini'"),
    "a claim": ({Provider.Gemini: True}, None, "instances has True"),
    "more than run": ({Provider.Gemini: 1}, {Provider.Gemini: 2}, "lets 2 runs .* of 1"),
    "who does not run": (
        {Provider.Gemini: 1},
        {Provider.xAI: 1},
        "lets 1 runs of 'xai' fail, of 0",
    ),
}


@pytest.mark.parametrize(("instances", "allow", "why"), WRONG.values(), ids=WRONG)
def test_n212_counts_that_make_no_sense_are_refused(instances, allow, why):
    with pytest.raises(FunctionError, match=why):
        Ensemble(ask, instances, allow_fail=allow)


def test_n212_only_an_agent_can_be_asked_often():
    @function
    def code() -> int:
        return 1

    with pytest.raises(FunctionError, match="is made of an agent"):
        Ensemble(code, {Provider.Gemini: 1})


def test_n212_another_provider_may_reconcile():
    ensemble = Ensemble(ask, {Provider.Anthropic: 2}, reconcile_by=Provider.Gemini)
    models = {Provider.Anthropic: answering("a"), Provider.Gemini: answering("unused")}

    assert run(ensemble, models).result() == "final"
    assert [is_reconciling(r) for r in models[Provider.Gemini].requests] == [True]


def test_n213_all_runs_are_under_way_at_once():
    together = asyncio.Event()
    begun = []

    async def reply(request):
        if is_reconciling(request):
            return "final"
        begun.append(request)
        if len(begun) == 3:
            together.set()
        await asyncio.wait_for(together.wait(), 10)
        return "x"

    models = dict.fromkeys(BOTH, ScriptedModel(reply))

    assert run(Ensemble(ask, BOTH), models).result() == "final"
    assert len(begun) == 3


def test_n213_the_arguments_are_forwarded_to_every_run():
    model = answering("a")

    run(Ensemble(ask, BOTH), dict.fromkeys(BOTH, model), question="why {x}?", tone="dry")

    runs = [r.parts[0].text for r in model.requests if not is_reconciling(r)]
    assert runs == ["In a dry tone: why {x}?"] * 3


def test_n213_the_last_agent_sees_the_same_prompts_and_every_candidate():
    model = answering("first {question} {{x}}", "second {candidates}", "third }}")

    run(Ensemble(ask, BOTH), dict.fromkeys(BOTH, model), question="why {x}?")

    (request,) = filter(is_reconciling, model.requests)
    text = request.parts[0].text
    assert request.system == "You answer questions."
    assert text.startswith("In a plain tone: why {x}?")
    for n, answer in enumerate(["first {question} {{x}}", "second {candidates}", "third }}"], 1):
        assert answer in text
        assert f"[Candidate {n} of 3]\n" in text
    assert "given to 3 runs" in text
    assert text.index("third }}") < text.index("--- Reconciliation ---")


def test_n213_an_agent_of_the_seeds_kind_keeps_its_braces():
    seeds = AgentFunction(
        name="seeds",
        desc="",
        args=[FunctionArg("candidates", str), FunctionArg("ctx", int, optional=True)],
        system_prompt="",
        user_prompt_template='{{"q": "{candidates}", "n": {ctx}}}',
    )
    model = answering("{a}")

    node = run(
        Ensemble(seeds, {Provider.Anthropic: 1}), {Provider.Anthropic: model}, candidates="{b}"
    )

    assert node.result() == "final"
    assert model.requests[0].parts[0].text == '{"q": "{b}", "n": None}'
    assert model.requests[1].parts[0].text.startswith('{"q": "{b}", "n": None}\n\n---')


def test_n213_data_is_shown_as_json_and_given_as_data():
    counts = agent("counts(text: str) -> dict[str, int]", "{text}")
    model = answering('{"a": 1}', final='{"a": 2}')

    node = run(Ensemble(counts, {Provider.Anthropic: 1}), {Provider.Anthropic: model}, text="x")

    assert node.result() == {"a": 2}
    assert '{"a":1}' in model.requests[1].parts[0].text


def test_n214_the_signature_is_the_agents():
    ensemble = Ensemble(ask, BOTH)

    assert ensemble.args == ask.args
    assert str(inspect.signature(ensemble.callable)) == "(ctx, /, *, question, tone='plain')"


def test_n214_too_many_failures_are_told_by_provider():
    ensemble = Ensemble(ask, BOTH, allow_fail={Provider.Anthropic: 1})
    models = {Provider.Anthropic: answering("a"), Provider.Gemini: answering(broken("closed"))}

    with pytest.raises(EnsembleException, match="gemini: 1 of 1 failed, 0 allowed") as caught:
        run(ensemble, models).result()

    error = caught.value
    assert error.failed == {"anthropic": 0, "gemini": 1}
    assert error.allowed == {"anthropic": 1, "gemini": 0}
    assert "closed" in error.reasons[0]
    assert not any(map(is_reconciling, models[Provider.Anthropic].requests))


def test_n214_without_any_answer_there_is_nothing_to_reconcile():
    ensemble = Ensemble(ask, {Provider.Gemini: 2}, allow_fail={Provider.Gemini: 2})

    with pytest.raises(EnsembleException, match="2 of 2 failed, 2 allowed"):
        run(
            ensemble, {Provider.Gemini: answering(broken()), Provider.Anthropic: answering()}
        ).result()


def test_n214_failures_that_are_allowed_do_not_stop_it():
    ensemble = Ensemble(ask, {Provider.Anthropic: 3}, allow_fail={Provider.Anthropic: 1})
    model = answering("a", broken(), "c")

    assert run(ensemble, {Provider.Anthropic: model}).result() == "final"
    (request,) = filter(is_reconciling, model.requests)
    assert "[Candidate 2 of 2]" in request.parts[0].text


def test_n214_a_failure_of_the_last_agent_is_its_own():
    model = answering("a", final=broken("gone"))

    with pytest.raises(ModelProviderException, match="gone"):
        run(Ensemble(ask, {Provider.Anthropic: 1}), {Provider.Anthropic: model}).result()


def test_n214_a_cancel_before_the_runs_asks_nobody():
    model = answering("a")
    ensemble = Ensemble(ask, {Provider.Anthropic: 2})

    @function(uses=[ask, ensemble.reconcile])
    def cancelled(ctx) -> str:
        ctx.cancel_event.set()
        return ensemble.callable(ctx, question="why?")

    with Runtime([cancelled], models={Provider.Anthropic: model}) as runtime:
        node = runtime.get_ctx().invoke(cancelled, {})
        with pytest.raises(CancellationException):
            node.result()

    assert model.requests == []


def test_n214_a_cancel_during_the_runs_reconciles_nothing():
    asked = threading.Event()

    async def reply(request):
        asked.set()
        await asyncio.Event().wait()

    model = ScriptedModel(reply)
    ensemble = Ensemble(ask, {Provider.Anthropic: 2}, allow_fail={Provider.Anthropic: 1})

    with Runtime([ensemble], models={Provider.Anthropic: model}) as runtime:
        node = runtime.get_ctx().invoke(ensemble, {"question": "why?"})
        assert asked.wait(60)
        node.cancel()

        with pytest.raises(CancellationException):
            node.result(timeout=60)

    assert not any(map(is_reconciling, model.requests))


def test_n214_a_run_that_cannot_start_stops_the_others():
    async def reply(request):
        await asyncio.Event().wait()

    ensemble = Ensemble(ask, BOTH)

    with Runtime([ensemble], models={Provider.Anthropic: ScriptedModel(reply)}) as runtime:
        node = runtime.get_ctx().invoke(ensemble, {"question": "why?"})

        with pytest.raises(NoKeyError, match="'gemini'"):
            node.result(timeout=60)


def test_n215_it_works_without_a_name():
    ensemble = Ensemble(ask, BOTH)

    assert ensemble.name == "ask_ensemble"
    assert [f.name for f in ensemble.uses] == ["ask", "ask_ensemble_reconcile"]
    with Runtime([ask, ensemble]) as runtime:
        names = [f.name for f in runtime.invocable_functions]
    assert names == ["ask", "ask_ensemble", "ask_ensemble_reconcile"]


def test_n215_a_name_may_be_given():
    assert Ensemble(ask, BOTH, name="sure").name == "sure"


def test_n215_two_alike_have_one_version_and_another_has_another():
    first, second = Ensemble(ask, BOTH), Ensemble(ask, BOTH)
    other = Ensemble(ask, {Provider.Anthropic: 3, Provider.Gemini: 1})

    assert version_of(first).is_whole
    assert first.version == second.version
    assert first.version != other.version


def test_n212_two_ensembles_of_one_agent_live_in_one_runtime():
    first, second = Ensemble(ask, BOTH), Ensemble(ask, BOTH, name="ask_twice")

    with Runtime([first, second]) as runtime:
        names = {f.name for f in runtime.invocable_functions}

    assert {"ask_ensemble_reconcile", "ask_twice_reconcile"} <= names


def test_nw29_names_are_stable_and_versions_too():
    one, two = Ensemble(ask, BOTH), Ensemble(ask, BOTH)

    assert [f.name for f in one.uses] == [f.name for f in two.uses]
    assert one.version == two.version


def test_nw29_its_callable_is_written_code_and_not_made_of_text():
    ensemble = Ensemble(ask, BOTH)

    assert Path(inspect.unwrap(ensemble.callable).__code__.co_filename).name == "ensemble.py"
    assert inspect.getsource(ensemble.callable).lstrip().startswith("def call(ctx")


PRINT_IT = """
from netflux_nb import Provider, Runtime, agent
from netflux_nb.func_lib.ensemble import Ensemble
from netflux_nb.testing import ScriptedModel

ask = agent("ask(question: str) -> str", "{question}")
both = Ensemble(ask, {Provider.Anthropic: 2, Provider.Gemini: 1})
models = dict.fromkeys([Provider.Anthropic, Provider.Gemini], ScriptedModel(lambda r: "x"))
with Runtime([both], models=models) as runtime:
    node = runtime.get_ctx().invoke(both, {"question": "why?"})
    node.wait(timeout=60)
    print(both.version, *(f"{v.fn.name} {v.key}" for _, v in node.view().walk()))
"""


@pytest.mark.slow
def test_nw29_runs_of_two_processes_can_be_compared():
    told = [
        subprocess.run(
            [sys.executable, "-c", PRINT_IT],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
            env={"PYTHONHASHSEED": seed, "NETFLUX_HOME": "off"},
            cwd=Path(__file__).parents[2],
        ).stdout
        for seed in ("1", "2")
    ]

    assert "ask_ensemble_reconcile" in told[0]
    assert told[0] == told[1]


def test_n212_who_reconciles_is_the_agents_own_model_unless_named():
    own = agent("own()", "x", model="openai")
    assert Ensemble(own, {Provider.Gemini: 1}).reconcile.default_model == "openai"
    assert not Ensemble(ask, {Provider.Gemini: 1}).reconcile.names_model
    named = Ensemble(ask, {Provider.Gemini: 1}, None, None, "xai:grok")
    assert named.reconcile.default_model == "xai:grok"


@pytest.mark.parametrize("name", [None, "sure"])
def test_n215_an_agent_may_use_it_with_and_without_a_name(name):
    ensemble = Ensemble(ask, {Provider.Anthropic: 1}, name=name)
    chief = agent("chief()", "Decide.", uses=[ensemble], model="scripted")
    script = ScriptedModel([call(ensemble.name, question="why?"), "decided"])
    models = {Provider.Anthropic: answering("a"), "scripted": script}

    with Runtime([chief], models=models) as runtime:
        assert runtime.get_ctx().invoke(chief, {}).result(timeout=20) == "decided"

    assert script.requests[1].parts[-1].outputs == "final"
    assert script.requests[0].tools[0].schema["required"] == ["question"]


def test_n220_its_callable_may_be_called_with_the_same_context():
    ensemble = Ensemble(ask, {Provider.Anthropic: 1})

    def body(ctx):
        return ensemble.callable(ctx, **{a.name: "x" for a in ask.args if a.required})

    outer = CodeFunction(
        name="outer", desc="", args=[], callable=body, uses=[ask, ensemble.reconcile]
    )
    model = ScriptedModel(lambda request: "answer")
    with Runtime([outer], models={Provider.Anthropic: model}) as runtime:
        assert runtime.get_ctx().invoke(outer, {}).result(timeout=60) == "answer"


def test_q15_its_callable_needs_nothing_declared():
    ensemble = Ensemble(ask, {Provider.Anthropic: 2})

    @function
    def outer(ctx) -> str:
        return ensemble.callable(ctx, question="why?")

    model = ScriptedModel(lambda request: "answer")
    with Runtime([outer, ask], models={Provider.Anthropic: model}) as runtime:
        node = runtime.get_ctx().invoke(outer, {})

        assert node.result(timeout=60) == "answer"

    assert {one.fn.name for one in node.children} == {"ask", "ask_ensemble_reconcile"}
