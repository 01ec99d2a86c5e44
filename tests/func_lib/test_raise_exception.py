"""An agent may say that it failed."""

import pytest

from netflux_nb import AgentException, Provider, Runtime, agent
from netflux_nb.func_lib.raise_exception import raise_exception
from netflux_nb.testing import ScriptedModel, call

ask = agent("ask(question: str) -> str", "{question}", uses=[raise_exception])


def test_n176_it_speaks_for_the_agent_that_called_it():
    model = ScriptedModel([call("raise_exception", msg="no key")])
    with Runtime([ask], models={Provider.Anthropic: model}) as runtime:
        node = runtime.get_ctx().invoke(ask, {"question": "why?"})

        with pytest.raises(AgentException, match="no key") as caught:
            node.result()

        assert caught.value.agent_name == "ask"
        assert caught.value.node_id == node.id
        model.assert_finished()


def test_n176_without_an_agent_above_it_names_itself():
    with Runtime([raise_exception]) as runtime:
        node = runtime.get_ctx().invoke(raise_exception, {"msg": "alone"})

        with pytest.raises(AgentException) as caught:
            node.result()

        assert (caught.value.agent_name, caught.value.node_id) == ("raise_exception", node.id)


@pytest.mark.parametrize("told", ["inner cause", "alternatives you tried", "what is missing"])
def test_n177_the_model_is_told_what_to_say(told):
    assert told in raise_exception.desc


def test_n211_it_takes_one_message():
    assert raise_exception.name == "raise_exception"
    assert [(a.name, a.argtype, a.required) for a in raise_exception.args] == [("msg", str, True)]
    assert raise_exception.is_code()
