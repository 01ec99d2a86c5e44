"""A draft, its critique, and the answer made of both."""

import asyncio
import inspect
import threading

import pytest

from netflux_nb import (
    AgentException,
    AgentFunction,
    CancellationException,
    FunctionArg,
    FunctionError,
    ModelProviderException,
    Provider,
    Runtime,
    agent,
    function,
)
from netflux_nb.core.functions.versions import version_of
from netflux_nb.func_lib.raise_exception import raise_exception
from netflux_nb.func_lib.think_more import ThinkMore
from netflux_nb.testing import ScriptedModel, broken, call

ask = agent(
    'ask(question: str, tone: str = "plain") -> str',
    "In a {tone} tone: {question}",
    system="You answer questions.",
    model="scripted",
)


def run(fn, script, models=None, **inputs):
    model = ScriptedModel(script)
    with Runtime([fn], models={"scripted": model, **(models or {})}) as runtime:
        node = runtime.get_ctx().invoke(fn, inputs or {"question": "why?"})
        node.wait(timeout=20)
        return node, model


def test_n217_the_agent_drafts_hears_a_critique_and_answers():
    node, model = run(ThinkMore(ask), ["a draft {x}", "{tone} is wrong", "the answer"])

    assert node.result() == "the answer"
    first, critic, final = [r.parts[0].text for r in model.requests]
    assert first == "In a plain tone: why?"
    assert critic.startswith("In a plain tone: why?\n\n--- Draft ---")
    assert "\na draft {x}\n[End of the draft]" in critic
    assert "Criticise the draft" in critic
    assert final.startswith("In a plain tone: why?\n\n--- Draft ---")
    assert "\na draft {x}\n[End of the draft]" in final
    assert "\n{tone} is wrong\n[End of the critique]" in final
    assert {r.system for r in model.requests} == {"You answer questions."}


def test_n217_names_are_made_of_the_agents():
    more = ThinkMore(ask)

    assert more.name == "ask_think_more"
    assert [f.name for f in more.uses] == ["ask", "ask_think_more_critique", "ask_think_more_final"]
    assert ThinkMore(ask, name="muse").final.name == "muse_final"


def test_n217_it_takes_what_the_agent_takes():
    more = ThinkMore(ask)

    assert more.args == ask.args
    assert str(inspect.signature(more.callable)) == "(ctx, /, *, question, tone='plain')"
    node, model = run(more, ["a", "b", "c"], question="why {x}?", tone="dry")
    assert node.result() == "c"
    assert all(r.parts[0].text.startswith("In a dry tone: why {x}?") for r in model.requests)


def test_n217_the_result_is_typed_as_the_agents():
    counts = agent("counts(text: str) -> dict[str, int]", "{text}", model="scripted")

    node, model = run(ThinkMore(counts), ['{"a": 1}', "No.", '{"a": 2}'], text="x")

    assert node.result() == {"a": 2}
    assert '{"a":1}' in model.requests[1].parts[0].text
    assert [r.result_schema is None for r in model.requests] == [False, True, False]


def test_n217_more_rounds_criticise_the_newest_draft():
    node, model = run(ThinkMore(ask, rounds=2), ["d1", "c1", "d2", "c2", "d3"])

    assert node.result() == "d3"
    assert "\nd2\n[End of the draft]" in model.requests[3].parts[0].text
    assert "\nc2\n[End of the critique]" in model.requests[4].parts[0].text
    assert [c.fn.name for c in node.children] == [
        "ask",
        "ask_think_more_critique",
        "ask_think_more_final",
        "ask_think_more_critique",
        "ask_think_more_final",
    ]


def test_n217_another_provider_may_criticise():
    critic = ScriptedModel(["No."])
    more = ThinkMore(ask, provider=Provider.Gemini)

    node, model = run(more, ["draft", "final"], {Provider.Gemini: critic})

    assert node.result() == "final"
    assert len(critic.requests) == 1
    assert "No." in model.requests[1].parts[0].text


def test_n217_an_agent_without_a_model_of_its_own_stays_so():
    free = agent("free()", "x")

    more = ThinkMore(free, name="m")
    assert not more.critic.names_model
    assert not more.final.names_model
    script = ScriptedModel(["a", "b", "c"])
    with Runtime([more], models={"scripted": script}, model="scripted") as runtime:
        assert runtime.get_ctx().invoke(more, {}).result(timeout=20) == "c"


def test_n217_the_critic_has_the_agents_tools():
    @function
    def look() -> str:
        return "seen"

    tooled = agent("tooled()", "Do it.", uses=[look], model="scripted")

    more = ThinkMore(tooled)
    model = ScriptedModel(["draft", call("look"), "No.", "final"])
    with Runtime([more], models={"scripted": model}) as runtime:
        assert runtime.get_ctx().invoke(more, {}).result(timeout=20) == "final"

    assert model.requests[2].parts[-1].outputs == "seen"


def test_n217_an_agent_of_the_seeds_kind_keeps_its_braces():
    seeds = AgentFunction(
        name="seeds",
        desc="",
        args=[FunctionArg("draft", str), FunctionArg("ctx", int, optional=True)],
        system_prompt="",
        user_prompt_template='{{"q": "{draft}", "n": {ctx}}}',
        default_model="scripted",
    )

    node, model = run(ThinkMore(seeds), ["one", "two", "three"], draft="{b}")

    assert node.result() == "three"
    texts = [r.parts[0].text for r in model.requests]
    assert texts[0] == '{"q": "{b}", "n": None}'
    assert all(t.startswith('{"q": "{b}", "n": None}\n\n---') for t in texts[1:])
    assert "\none\n[End of the draft]" in texts[2]


def test_n217_what_fails_is_the_outcome():
    node, _ = run(ThinkMore(ask), ["draft", broken("gone")])

    assert isinstance(node.exception, ModelProviderException)
    careful = agent("careful()", "x", uses=[raise_exception], model="scripted")
    more = ThinkMore(careful)
    model = ScriptedModel([call("raise_exception", msg="no")])
    with Runtime([more], models={"scripted": model}) as runtime, pytest.raises(AgentException):
        runtime.get_ctx().invoke(more, {}).result(timeout=20)
    assert len(model.requests) == 1


def test_n217_a_cancel_ends_it():
    asked = threading.Event()

    async def reply(request):
        asked.set()
        await asyncio.Event().wait()

    model = ScriptedModel(reply)
    more = ThinkMore(ask)
    with Runtime([more], models={"scripted": model}) as runtime:
        node = runtime.get_ctx().invoke(more, {"question": "why?"})
        assert asked.wait(20)
        node.cancel()
        with pytest.raises(CancellationException):
            node.result(timeout=20)

    assert len(model.requests) == 1


def test_n217_its_version_is_whole_and_follows_its_parts():
    assert version_of(ThinkMore(ask)).is_whole
    assert ThinkMore(ask).version == ThinkMore(ask).version
    assert ThinkMore(ask).version != ThinkMore(ask, rounds=2).version
    assert ThinkMore(ask).version != ThinkMore(ask, provider="gemini").version


@pytest.mark.parametrize("rounds", [0, -1, 11, True, "1", 1.0])
def test_n217_rounds_that_make_no_sense_are_refused(rounds):
    with pytest.raises(FunctionError, match="`rounds` is 1 to 10, got"):
        ThinkMore(ask, rounds=rounds)


def test_n217_only_an_agent_can_think_more():
    @function
    def code() -> int:
        return 1

    with pytest.raises(FunctionError, match="is made of an agent; got CodeFunction"):
        ThinkMore(code)
