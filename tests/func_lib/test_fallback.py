"""Another provider is asked where one is at fault, and for no other reason."""

import asyncio
import inspect
import pickle
import threading

import pytest

from netflux_nb import (
    AgentException,
    CancellationException,
    FunctionError,
    ModelProviderException,
    NoKeyError,
    Provider,
    Runtime,
    agent,
    function,
)
from netflux_nb.core.events import StatusSet
from netflux_nb.core.functions.versions import version_of
from netflux_nb.func_lib.fallback import Fallback, FallbackException
from netflux_nb.func_lib.raise_exception import raise_exception
from netflux_nb.func_lib.retry_func import Retry
from netflux_nb.testing import ScriptedModel, broken, call

ask = agent('ask(question: str, tone: str = "x") -> str', "{question}", uses=[raise_exception])
ORDER = ["anthropic", "gemini", "scripted"]


def run(fn, **scripts):
    models = {name: ScriptedModel(script) for name, script in scripts.items()}
    told = []
    with Runtime([fn], models=models) as runtime:
        subscription = runtime.subscribe(lambda e: told.append(e.body))
        node = runtime.get_ctx().invoke(fn, {"question": "why?"})
        node.wait(timeout=20)
        subscription.close()
        subscription.join(20)
    return node, {name: len(m.requests) for name, m in models.items()}, told


def test_the_first_that_answers_is_heard():
    node, asked, _ = run(Fallback(ask, ORDER), anthropic=["a"], gemini=["b"], scripted=["c"])

    assert node.result() == "a"
    assert asked == {"anthropic": 1, "gemini": 0, "scripted": 0}


def test_another_is_asked_where_one_is_at_fault():
    node, asked, told = run(
        Fallback(ask, ORDER), anthropic=[broken()], gemini=[OSError("net")], scripted=["c"]
    )

    assert node.result() == "c"
    assert asked == {"anthropic": 1, "gemini": 1, "scripted": 1}
    assert StatusSet("anthropic is at fault: asking gemini") in told
    assert [c.provider for c in node.children] == [
        Provider.Anthropic,
        Provider.Gemini,
        Provider.Scripted,
    ]


def test_when_all_fail_all_are_named():
    node, _, _ = run(
        Fallback(ask, ORDER),
        anthropic=[broken("one")],
        gemini=[broken("two")],
        scripted=[broken("x" * 1_000)],
    )

    with pytest.raises(FallbackException, match="no answer from any of 3 providers") as caught:
        node.result()
    error = caught.value
    assert list(error.errors) == ORDER
    for word in ("anthropic: ", "one", "gemini: ", "two", "scripted: "):
        assert word in str(error)
    assert len(str(error)) < 1_200
    assert isinstance(error, ModelProviderException)
    assert error.agent_name == "ask_fallback"
    assert error.inner_exception is error.errors["scripted"]
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_what_the_agent_decides_is_the_outcome():
    node, asked, _ = run(
        Fallback(ask, ORDER), anthropic=[call("raise_exception", msg="no")], gemini=[], scripted=[]
    )

    assert isinstance(node.exception, AgentException)
    assert asked["gemini"] == 0


def test_a_cancel_is_the_outcome():
    asked = threading.Event()

    async def reply(request):
        asked.set()
        await asyncio.Event().wait()

    models = {"anthropic": ScriptedModel(reply), "gemini": ScriptedModel(["b"])}
    fn = Fallback(ask, ["anthropic", "gemini"])
    for whole in (True, False):
        asked.clear()
        with Runtime([fn], models=models) as runtime:
            node = runtime.get_ctx().invoke(fn, {"question": "why?"})
            assert asked.wait(20)
            (node if whole else node.children[0]).cancel("enough")
            with pytest.raises(CancellationException, match="enough"):
                node.result(timeout=20)
    assert models["gemini"].requests == []


def test_a_provider_that_nobody_set_up_is_a_mistake_and_is_told():
    node, _, _ = run(Fallback(ask, ["openai", "scripted"]), scripted=["c"])

    with pytest.raises(NoKeyError, match="'openai'"):
        node.result()


def test_a_model_may_be_named():
    models = {"gemini": ScriptedModel([broken(), "b"])}
    fn = Fallback(ask, ["gemini:large", "gemini:small"])
    with Runtime([fn], models=models) as runtime:
        assert runtime.get_ctx().invoke(fn, {"question": "why?"}).result(timeout=20) == "b"

    assert [r.model for r in models["gemini"].requests] == ["large", "small"]


def test_it_can_be_tried_again_as_a_whole():
    fn = Retry(Fallback(ask, ["anthropic", "gemini"]), pause_s=0)

    node, asked, _ = run(fn, anthropic=[broken(), broken()], gemini=[broken(), "b"])

    assert node.result() == "b"
    assert asked == {"anthropic": 2, "gemini": 2}


def test_it_takes_what_the_agent_takes():
    fn = Fallback(ask, [Provider.Anthropic])

    assert fn.args == ask.args
    assert str(inspect.signature(fn.callable)) == "(ctx, /, *, question, tone='x')"
    assert (fn.name, Fallback(ask, ORDER, name="sure").name) == ("ask_fallback", "sure")


def test_its_version_follows_the_order():
    assert version_of(Fallback(ask, ORDER)).is_whole
    assert Fallback(ask, ORDER).version == Fallback(ask, ORDER).version
    assert Fallback(ask, ORDER).version != Fallback(ask, ORDER[::-1]).version


WRONG = {
    "none": [],
    "twice": ["gemini", Provider.Gemini],
    "a number": [1],
    "nothing": [""],
}


@pytest.mark.parametrize("providers", WRONG.values(), ids=WRONG)
def test_providers_that_make_no_sense_are_refused(providers):
    with pytest.raises(FunctionError, match="names each provider once"):
        Fallback(ask, providers)


def test_providers_are_a_list():
    with pytest.raises(FunctionError, match="is a list, got 'gemini'"):
        Fallback(ask, "gemini")


def test_only_an_agent_has_providers():
    @function
    def code() -> int:
        return 1

    with pytest.raises(FunctionError, match="is made of an agent"):
        Fallback(code, ORDER)
