"""The public stand-ins do what a model does, and say when a script does not fit."""

import asyncio
import functools
import json

import pytest

from netflux_nb import ModelRequest, Runtime, ThinkingBlockPart, TokenUsage, UserTextPart, agent
from netflux_nb.core import ModelError
from netflux_nb.show.failures import explain
from netflux_nb.testing import (
    Call,
    FakeClock,
    ScriptedModel,
    ScriptError,
    Turn,
    broken,
    call,
    flaky,
)

REQUEST = ModelRequest(provider="scripted", model=None, system="s", parts=[UserTextPart("hi")])


def ask(model, deltas=None):
    return asyncio.run(model.reply(REQUEST, (deltas if deltas is not None else []).append))


def test_answers_come_in_order_and_are_used_up():
    model = ScriptedModel(["a", "b"])
    assert ask(model).parts[0].text == "a"
    with pytest.raises(ScriptError, match="1 of 2 scripted answers were not used; next: 'b'"):
        model.assert_finished()
    ask(model)
    model.assert_finished()
    with pytest.raises(ScriptError, match="2 answers and was asked 3 times"):
        ask(model)


def test_a_function_of_the_request_may_answer():
    assert ask(ScriptedModel(lambda r: r.parts[0].text * 2)).parts[0].text == "hihi"


def test_text_and_thinking_stream_in_pieces_with_usage_so_far():
    deltas = []
    reply = ask(ScriptedModel([Turn(thinking="t" * 60, text="x" * 100)]), deltas)
    assert "".join(d.text for d in deltas if d.kind == "text") == "x" * 100
    assert "".join(d.text for d in deltas if d.kind == "thinking") == "t" * 60
    counts = [d.usage.output_tokens_total for d in deltas]
    assert counts == sorted(counts)
    assert isinstance(reply.parts[0], ThinkingBlockPart)


def test_nothing_streams_when_told_so():
    deltas = []
    ask(ScriptedModel(["abc"], stream=False), deltas)
    assert deltas == []


def test_parallel_calls_have_ids_of_their_own():
    reply = ask(ScriptedModel([[call("f", x=1), Call("g", {}, "mine")]]))
    assert [p.tool_use_id for p in reply.parts] == ["call_1", "mine"]
    assert reply.stop == "calls"


@pytest.mark.parametrize(("answer", "retryable"), [(flaky(), True), (broken(), False)])
def test_faults_are_simulated(answer, retryable):
    with pytest.raises(ModelError) as caught:
        ask(ScriptedModel([answer]))
    assert caught.value.retryable is retryable


def test_usage_may_be_given():
    usage = TokenUsage(input_tokens_cache_read=7)
    assert ask(ScriptedModel([Turn(text="x", usage=usage)])).usage is usage


def test_latency_is_slept_on_the_clock_that_is_handed_in():
    clock = FakeClock(0)
    ask(ScriptedModel(["a"], latency_s=5, sleep=clock.sleep))
    assert (clock(), clock.slept) == (5, [5])


def test_something_else_is_no_answer():
    with pytest.raises(ScriptError, match="got int"):
        ask(ScriptedModel([3]))


def test_a_recorded_file_answers(tmp_path):
    file = tmp_path / "script.json"
    parts = [
        {"part": "ThinkingBlockPart", "content": "hm", "signature": "sig"},
        {
            "part": "ToolUsePart",
            "tool_use_id": "t1",
            "tool_name": "f",
            "args": {"json": {"x": 1}},
        },
    ]
    rows = [
        {"parts": parts, "usage": {"output_tokens_total": 9}},
        {"parts": [{"part": "ModelTextPart", "text": "end"}]},
    ]
    file.write_text(json.dumps(rows))
    model = ScriptedModel(file)
    first = ask(model)
    assert (first.parts[0].signature, dict(first.parts[1].args)) == ("sig", {"x": 1})
    assert first.usage.output_tokens_total == 9
    assert ask(model).parts[0].text == "end"
    model.assert_finished()


@pytest.mark.parametrize("text", ["{", "[1]", '[{"parts": [{"part": "os.system"}]}]', "[{}]"])
def test_a_file_that_is_no_script_is_one_line(tmp_path, text):
    file = tmp_path / "bad.json"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"is no (script|transcript part)"):
        ScriptedModel(file)


def test_a_path_argument_is_bounded(tmp_path):
    from netflux_nb import AgentFunction, FunctionArg, ModelProviderException

    big = tmp_path / "big.txt"
    big.write_bytes(b"x" * 1_000_001)
    one = AgentFunction(
        name="one",
        desc="",
        args=[FunctionArg("note", str, load=True)],
        system_prompt="",
        user_prompt_template="{note}",
        default_model="scripted",
    )
    model = ScriptedModel([])
    with Runtime([one], models={"scripted": model}) as runtime:
        node = runtime.get_ctx().invoke(one, {"note": str(big)})
        with pytest.raises((ValueError, ModelProviderException), match="1,000,001 bytes"):
            node.result(timeout=60)
    assert model.requests == []


def test_an_agent_on_the_scripted_provider_needs_no_key():
    from netflux_nb import Provider

    one = agent("one()", "x", model=Provider.Scripted)
    factories = {Provider.Scripted: lambda: ScriptedModel(["fine"])}
    with Runtime([one], client_factories=factories) as runtime:
        assert runtime.get_ctx().invoke(one, {}).result(timeout=60) == "fine"


class Answers:
    """Answers by its own method, and by being called."""

    def spoken(self, request):
        return request.nothing_of_that_name

    __call__ = spoken


async def late(request):
    await asyncio.sleep(0)
    raise KeyError("topic")


@pytest.mark.parametrize(
    "ask", [Answers(), Answers().spoken, late, functools.partial(Answers.spoken, 1)]
)
def test_a_mistake_in_a_scripts_function_is_its_own_not_a_models(ask):
    guess = agent("guess(of: str) -> str", "{of}", model="scripted")
    with Runtime([guess], models={"scripted": ScriptedModel(ask)}) as runtime:
        node = runtime.invoke(None, guess, {"of": "beans"})
        with pytest.raises(ScriptError) as found:
            node.result()
        words = f"{explain(node.view())}"
    name = "late" if ask is late else "spoken"
    assert f"{name}(), a scripted model's function, failed at line" in str(found.value)
    assert "of test_testing.py (`" in str(found.value)
    assert isinstance(found.value.__cause__, (AttributeError, KeyError))
    assert "Mend the code" in words
    assert "Something outside failed" not in words


@pytest.mark.parametrize("answer", [None, {"a": 1}, ["text"]])
def test_what_is_no_answer_names_the_function_that_gave_it(answer):
    def gives(request):
        return answer

    line = gives.__code__.co_firstlineno
    with pytest.raises(ScriptError, match=rf"gives\(\) gave it, at line {line} of test_testing.py"):
        ask(ScriptedModel(gives))


def test_a_function_that_takes_no_request_is_named():
    with pytest.raises(ScriptError, match=r"A lambda, .* of test_testing.py .*TypeError"):
        ask(ScriptedModel(lambda: "hello"))


def test_a_script_may_raise_what_a_model_raises():
    def busy(request):
        raise ModelError("Overloaded", retryable=True)

    with pytest.raises(ModelError, match="Overloaded"):
        ask(ScriptedModel(busy))
