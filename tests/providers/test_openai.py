"""What servers that speak as OpenAI does do differently from each other."""

import json

import pytest
from wire import Said, Stream, WireServer
from wire.asking import told
from wire.formats import sse

from netflux_nb import ModelReply, Runtime, agent, function
from netflux_nb.core import ModelRequest, UserTextPart
from netflux_nb.providers import openai as provider


@function
def add(x: int, y: int) -> int:
    """Add."""
    return x + y


def chunks(*deltas, finish="stop", usage=None):
    """Give a stream of these deltas."""
    rows = [{"choices": [{"index": 0, "delta": d}], "model": "local"} for d in deltas]
    rows.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    if usage:
        rows.append({"choices": [], "usage": usage})
    return Stream(Said(), lambda _: [*(sse(r) for r in rows), sse("[DONE]")])


def test_a_local_server_needs_no_key(monkeypatch):
    with WireServer([Said(text="from here")]) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        one = agent("one()", "x", model="openai:llama3")
        with Runtime([one]) as runtime:
            assert runtime.get_ctx().invoke(one, {}).result(timeout=30) == "from here"
        assert server.asked[0].body["model"] == "llama3"


def test_xai_speaks_the_same(monkeypatch):
    monkeypatch.setenv("XAI_API_KEY", "k")
    made = provider.xai(None)
    assert "api.x.ai" in str(made._client.base_url)


@pytest.mark.parametrize("word", ["reasoning_content", "reasoning"])
def test_thinking_has_two_names(play, word):
    done = play("openai", [chunks({word: "hm"}, {"content": "so"})])
    assert told(done.view)[1:] == [("ThinkingBlock", "hm"), ("ModelText", "so")]


def test_some_servers_number_every_call_0(play):
    def one(n):
        function = {"name": "add", "arguments": json.dumps({"x": n, "y": 1})}
        return {"tool_calls": [{"index": 0, "id": f"c{n}", "function": function}]}

    done = play("openai", [chunks(one(1), one(2)), Said(text="x")], uses=[add])
    assert [c.outputs for c in done.view.children] == [2, 3]


def test_calls_count_whatever_the_finish_reason_is(play):
    function = {"name": "add", "arguments": '{"x": 1, "y": 1}'}
    done = play(
        "openai",
        [chunks({"tool_calls": [{"index": 0, "id": "", "function": function}]}), Said(text="x")],
        uses=[add],
    )
    assert [c.outputs for c in done.view.children] == [2]


def test_a_call_that_was_cut_is_not_made(play):
    half = {"name": "add", "arguments": '{"x": 1'}
    done = play(
        "openai",
        [chunks({"tool_calls": [{"index": 0, "id": "a", "function": half}]}, finish="length")],
        uses=[add],
    )
    assert "cut at its `max_tokens`" in str(done.node.exception)
    assert done.view.children == ()


def test_a_refusal_says_why(play):
    done = play("openai", [chunks({"refusal": "I will "}, {"refusal": "not."})])
    assert "I will not." in str(done.node.exception)


def test_a_spent_account_is_not_asked_again(play):
    from wire import Fault

    done = play("openai", [Fault(429, "You exceeded your quota: insufficient_quota")])
    assert len(done.bodies) == 1
    assert "insufficient_quota" in str(done.node.exception)


def test_an_answer_without_words_is_an_empty_text(play):
    done = play("openai", [chunks({"content": ""})])
    assert done.node.result() == ""


def request(**more):
    return ModelRequest(provider="openai", model=None, system="", parts=[UserTextPart("q")], **more)


def test_openai_itself_has_another_name_for_the_longest_answer():
    asked = request(settings={"max_tokens": 9})
    assert provider.encode(asked, "m")["max_tokens"] == 9
    assert provider.encode(asked, "m", is_openai=True)["max_completion_tokens"] == 9


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        ({"type": "object", "properties": {"a": {"type": "string"}}}, False),
        (
            {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"],
             "additionalProperties": False},
            True,
        ),
        ({"type": "integer"}, True),
    ],
)  # fmt: skip
def test_a_schema_is_enforced_where_it_can_be(schema, strict):
    body = provider.encode(request(result_schema=schema), "m")
    assert body["response_format"]["json_schema"]["strict"] is strict


def test_a_provider_of_ones_own_is_one_class_and_one_line():
    from netflux_nb.core import ModelTextPart
    from netflux_nb.providers import register_model

    class Parrot:
        async def reply(self, request, emit):
            return ModelReply(parts=(ModelTextPart(request.parts[-1].text.upper()),))

    register_model("parrot", lambda client: Parrot())
    one = agent("one(q: str)", "{q}", model="parrot")
    with Runtime([one]) as runtime:
        assert runtime.get_ctx().invoke(one, {"q": "hi"}).result() == "HI"
