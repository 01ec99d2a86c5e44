"""Which providers there are, and what it takes to come by them (rows N8-N9, N118-N119, N198-N200)."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from netflux_nb import AgentNode, NoKeyError, Provider, Runtime, agent
from netflux_nb.providers import ModelNames, get_AgentNode_impl

ROOT = Path(__file__).parents[2]


def test_n8_each_provider_has_an_extra():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    assert {"anthropic", "gemini", "openai", "all"} <= set(extras)


def test_n9_the_demos_make_clients_from_key_files(tmp_path, monkeypatch):
    from netflux_nb.demos.client_factory import CLIENT_FACTORIES

    monkeypatch.chdir(tmp_path)
    for provider, name in [
        (Provider.Anthropic, "anthropic"),
        (Provider.Gemini, "gemini"),
        (Provider.OpenAI, "openai"),
    ]:
        with pytest.raises(NoKeyError, match=f"{name}.key"):
            CLIENT_FACTORIES[provider]()
        (tmp_path / f"{name}.key").write_text("k-123\n")
        assert CLIENT_FACTORIES[provider]() is not None


def test_n198_every_provider_has_a_name_and_one_model():
    assert {"Anthropic", "Gemini", "OpenAI", "xAI", "Scripted"} == {p.name for p in Provider}
    assert set(ModelNames) == set(Provider)


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        (Provider.Anthropic, "AnthropicAgentNode"),
        (Provider.Gemini, "GeminiAgentNode"),
        (Provider.OpenAI, "OaiAgentNode"),
        (Provider.Scripted, "AgentNode"),
    ],
)
def test_n118_n119_n199_a_provider_has_its_node(provider, name):
    kind = get_AgentNode_impl(provider)
    assert kind.__name__ == name
    assert issubclass(kind, AgentNode)


def test_n119_the_nodes_are_where_the_seed_has_them():
    from netflux_nb.providers.anthropic import AnthropicAgentNode
    from netflux_nb.providers.gemini import GeminiAgentNode

    assert AnthropicAgentNode is get_AgentNode_impl(Provider.Anthropic)
    assert GeminiAgentNode is get_AgentNode_impl(Provider.Gemini)


def test_n199_no_sdk_is_imported_before_it_is_asked():
    code = (
        "import sys, netflux_nb as n\n"
        "from netflux_nb.providers import get_AgentNode_impl\n"
        "for p in n.Provider: get_AgentNode_impl(p)\n"
        "f = n.agent('f()', 'x', model='scripted')\n"
        "from netflux_nb.testing import ScriptedModel\n"
        "with n.Runtime([f], models={'scripted': ScriptedModel(['x'])}) as r:\n"
        "    r.get_ctx().invoke(f, {}).result()\n"
        "heavy = {'anthropic', 'google.genai', 'openai', 'httpx', 'httpx2', 'genai_prices'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_n200_a_new_provider_may_be_a_node_of_its_own():
    from netflux_nb.providers import register_driver

    class Mine(AgentNode):
        def run(self):
            self.ctx.post_success(self.build_user_text())

    # Under a name that no other test has: it stays.
    register_driver("by-a-node", Mine)
    one = agent("one(q: str)", "{q}?", model="by-a-node")
    with Runtime([one], client_factories={"by-a-node": object}) as runtime:
        assert runtime.get_ctx().invoke(one, {"q": "so"}).result() == "so?"


def test_nw39_every_provider_is_tested_against_its_wire_format():
    tests = {p.name for p in Path(__file__).parent.glob("test_*.py")}
    assert {"test_anthropic.py", "test_gemini.py", "test_openai.py", "test_contract.py"} <= tests


@pytest.mark.live
@pytest.mark.parametrize("provider", [Provider.Anthropic, Provider.Gemini, Provider.OpenAI])
def test_a_real_provider_answers_for_a_cent_at_most(provider):
    one = agent(
        "one()",
        "Say the word tide and nothing else.",
        model=provider,
        settings={"max_tokens": 2000},
    )
    with Runtime([one]) as runtime:
        try:
            node = runtime.get_ctx().invoke(one, {})
        except NoKeyError as error:
            pytest.skip(str(error))
        assert "tide" in node.result(timeout=60).lower()
        assert node.view().bill().usd < 0.01
