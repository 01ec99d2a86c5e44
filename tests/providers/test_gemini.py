"""What only Gemini's API does (rows N203, NU29, NU31)."""

import base64
import json

import pytest
from wire import Call, Said, Stream
from wire.asking import KEY, told
from wire.formats import sse

from netflux_nb import NativePart, ThinkingBlockPart, function
from netflux_nb.core import ModelRequest, UserTextPart
from netflux_nb.providers import gemini as provider


@function
def add(x: int, y: int) -> int:
    """Add."""
    return x + y


SIGNED = base64.b64encode(b"\x00\xff signed").decode()


def rows(*parts, finish="STOP", **more):
    """Give a stream of these parts, one a chunk."""
    out = [{"candidates": [{"content": {"role": "model", "parts": [p]}}]} for p in parts]
    out = out or [{"candidates": [{}]}]
    if finish:
        out[-1]["candidates"][0]["finishReason"] = finish
    out[-1]["candidates"][0] |= more
    out[-1]["usageMetadata"] = {"promptTokenCount": 10, "candidatesTokenCount": 5}
    return Stream(Said(), lambda _: [sse(row) for row in out])


def model_parts(body):
    return [p for c in body["contents"] if c["role"] == "model" for p in c["parts"]]


def test_n203_thought_signatures_are_given_back_where_they_stood(play):
    call = {"name": "add", "args": {"x": 1, "y": 2}}
    first = rows(
        {"text": "Let me ", "thoughtSignature": SIGNED},
        {"text": "add."},
        {"functionCall": call, "thoughtSignature": SIGNED},
        {"functionCall": call},
        {"text": "", "thoughtSignature": SIGNED},
    )
    done = play("gemini", [first, Said(text="3")], uses=[add])
    assert done.node.result() == "3"
    assert model_parts(done.bodies[1]) == [
        {"text": "Let me ", "thoughtSignature": SIGNED},
        {"text": "add."},
        {"functionCall": call, "thoughtSignature": SIGNED},
        {"functionCall": call},
        {"text": "", "thoughtSignature": SIGNED},
    ]


def test_n203_the_sdk_calls_nothing_by_itself(play):
    done = play("gemini", [Said(calls=[Call("add", {"x": 1, "y": 2})]), Said(text="3")], uses=[add])
    assert len(done.bodies) == 2
    assert len(done.view.children) == 1


def test_what_it_thought_is_for_people_and_is_not_given_back(play):
    turn = Said(thinking="I wonder", calls=[Call("add", {"x": 1, "y": 2})])
    done = play("gemini", [turn, Said(text="3")], uses=[add])
    assert ThinkingBlockPart("I wonder", "") in done.view.transcript
    assert "I wonder" not in json.dumps(done.bodies[1])


def test_q55_nu31_a_call_without_an_id_gets_one_that_the_model_never_sees(play):
    calls = [Call("add", {"x": n, "y": 1}, None) for n in range(2)]
    script = [Said(calls=calls), Said(calls=[Call("add", {"x": 5, "y": 1}, None)]), Said(text="x")]
    done = play("gemini", script, uses=[add])

    ids = [p.tool_use_id for p in done.view.transcript if hasattr(p, "args")]
    assert ids == ["gemini-1-1-add", "gemini-1-2-add", "gemini-1-3-add"]
    assert [child.tool_use_id for child in done.view.children] == ids
    assert [child.inputs["x"] for child in done.view.children] == [0, 1, 5]
    assert "gemini-1" not in json.dumps(done.bodies)


@pytest.mark.parametrize("kind", ["gemini", "openai", "anthropic"])
def test_q55_nu31_an_id_that_comes_twice_is_made_another(play, kind):
    turns = [Said(calls=[Call("add", {"x": n, "y": 1}, "same")]) for n in range(2)]
    done = play(kind, [*turns, Said(text="x")], uses=[add])

    assert done.view.outputs == "x"
    assert [child.tool_use_id for child in done.view.children] == ["same", f"{kind}-1-2-add"]
    assert [child.outputs for child in done.view.children] == [1, 2]


def test_nu29_a_long_answer_goes_on_with_its_token(play):
    token = base64.b64encode(b"state \xff").decode()
    first = rows({"text": "one, "}, finish="CONTINUATION", continuationToken=token)
    second = rows({"text": "two, "}, finish="CONTINUATION", continuationToken=token)
    call = rows({"functionCall": {"name": "add", "args": {"x": 1, "y": 2}}})
    done = play("gemini", [first, second, call, Said(text="three")], uses=[add])
    assert done.node.result() == "three"
    assert [type(n).__name__ for n in done.view.intermediate_events] == ["Continuation"] * 2
    # A hop is asked for by its token alone; afterwards all hops are one answer.
    for body in done.bodies[1:3]:
        assert len(body["contents"]) == 1
        assert token in json.dumps(body).replace("-", "+").replace("_", "/")
    texts = [p.get("text") for p in model_parts(done.bodies[3])]
    assert texts == ["one, ", "two, ", None]
    assert "oken" not in json.dumps(done.bodies[3])


@pytest.mark.parametrize(
    "finish", ["SAFETY", "RECITATION", "MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", "OTHER"]
)
def test_nu29_a_slip_is_tried_again_three_times_at_most(play, finish):
    done = play("gemini", [rows({"text": "I"}, finish=finish), Said(text="well")])
    assert done.node.result() == "well"
    assert told(done.view)[-1] == ("ModelText", "well")
    done = play("gemini", [rows(finish=finish)] * 4)
    assert f"broke its answer off: {finish}" in str(done.node.exception)
    assert len(done.bodies) == 3
    assert done.view.usage.output_tokens_total == 15  # slips cost too


def test_nu29_an_empty_answer_is_tried_again(play):
    done = play("gemini", [rows(), rows(finish=None), Said(text="well")])
    assert done.node.result() == "well"


def test_a_prompt_that_is_blocked_is_not_tried_again(play):
    row = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}
    done = play("gemini", [Stream(Said(), lambda _: [sse(row)])])
    assert "PROHIBITED_CONTENT" in str(done.node.exception)
    assert len(done.bodies) == 1


def test_a_stop_that_nobody_knows_is_named(play):
    done = play("gemini", [rows({"text": "x"}, finish="TOO_MANY_TOOL_CALLS")])
    assert "TOO_MANY_TOOL_CALLS" in str(done.node.exception)


def test_counts_of_the_cache_of_thinking_and_of_tools(play):
    usage = {
        "promptTokenCount": 100,
        "cachedContentTokenCount": 60,
        "candidatesTokenCount": 7,
        "thoughtsTokenCount": 30,
        "toolUsePromptTokenCount": 5,
    }

    def edit(events):
        row = json.loads(events[-1][6:])
        return [*events[:-1], sse({**row, "usageMetadata": usage})]

    done = play("gemini", [Stream(Said(text="x"), edit)])
    used = done.view.usage
    assert (used.input_tokens_total, used.input_tokens_regular) == (105, 45)
    assert (used.input_tokens_cache_read, used.input_tokens_tools) == (60, 5)
    assert (used.output_tokens_total, used.output_tokens_reasoning) == (37, 30)
    assert used.output_tokens_text == 7


def test_a_limit_says_in_its_body_how_long_to_wait(play):
    from netflux_nb.providers.gemini import fault_of

    class Limit(Exception):  # noqa: N818
        code = 429
        message = "quota"
        details = {"error": {"details": [{"retryDelay": "34.5s"}]}}  # noqa: RUF012

    fault = fault_of(Limit())
    assert (fault.retry_after_s, fault.is_limit, fault.retryable) == (34.5, True, True)


def test_parts_of_tomorrow_are_kept_and_given_back(play):
    code = {"executableCode": {"language": "PYTHON", "code": "1+1"}}
    call = {"functionCall": {"name": "add", "args": {"x": 1, "y": 2}}}
    done = play("gemini", [rows(code, call), Said(text="2")], uses=[add])
    assert done.node.result() == "2"
    assert [p.provider for p in done.view.transcript if isinstance(p, NativePart)] == ["gemini"]
    assert model_parts(done.bodies[1])[0] == code


@pytest.mark.parametrize(
    ("model", "settings", "config"),
    [
        ("gemini-4-argon", {}, {"include_thoughts": True}),
        ("gemini-2.0-flash", {}, None),
        ("gemma-4-31b-it", {}, None),
        ("gemini-2.5-pro", {"thinking": 500}, {"thinking_budget": 500, "include_thoughts": True}),
        ("gemini-2.5-pro", {"thinking": False}, {"thinking_budget": 0}),
    ],
)
def test_thinking_is_what_the_model_knows(model, settings, config):
    request = ModelRequest(
        provider="gemini", model=model, system="", parts=[UserTextPart("q")], settings=settings
    )
    given = provider.encode(request)["config"].thinking_config
    assert (given and given.model_dump(exclude_none=True)) == config


def test_effort_is_a_level():
    request = ModelRequest(
        provider="gemini", model=None, system="", parts=[], settings={"effort": "max"}
    )
    assert provider.encode(request)["config"].thinking_config.thinking_level.value == "XHIGH"


def test_older_models_give_a_typed_result_through_a_call(play):
    give = Call("give_result", {"result": 5})
    done = play(
        "gemini",
        [Said(calls=[give])],
        uses=[add],
        signature="one(q: str) -> int",
        model="gemini-2.5-flash",
    )
    assert done.node.result() == 5
    assert "responseJsonSchema" not in json.dumps(done.bodies[0])


def test_a_vertex_client_is_asked_in_its_own_way(play):
    from google import genai

    def vertex(url):
        return genai.Client(vertexai=True, api_key=KEY, http_options={"base_url": url})

    turn = Said(calls=[Call("add", {"x": 1, "y": 2}, None)])
    done = play("gemini", [turn, Said(text="x")], uses=[add], client=vertex)
    assert done.node.result() == "x"
    assert "publishers/google/models/" in done.server.asked[0].path
