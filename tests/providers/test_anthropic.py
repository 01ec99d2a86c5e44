"""What only Anthropic's API does (rows N202, NU28, NW5)."""

import base64
import json
import struct
import zlib

import pytest
from wire import Call, Said, Stream, WireServer
from wire.asking import KEY, told
from wire.formats import sse

from netflux_nb import ModelTextPart, NativePart, ThinkingBlockPart, function
from netflux_nb.core import ModelRequest, UserTextPart
from netflux_nb.core.messages import Tool
from netflux_nb.providers import anthropic as provider


@function
def add(x: int, y: int) -> int:
    """Add."""
    return x + y


def start(place, block):
    return {"type": "content_block_start", "index": place, "content_block": block}


def delta(place, **more):
    return {"type": "content_block_delta", "index": place, "delta": more}


def stop(place):
    return {"type": "content_block_stop", "index": place}


def with_blocks(said, *events):
    """Put blocks of one's own before what a reply says. Their places follow on its own."""
    return Stream(said, lambda own: [own[0], *(sse(e, e["type"]) for e in events), *own[1:]])


def test_n202_thinking_is_given_back_byte_for_byte(play):
    thought = 'Üb \u2028 \\ "quoted"\n\ttab 🜁'
    signature = "EqQBCkYIBxgCKkD+/=="
    calls = [Call("add", {"x": 1, "y": 2})]
    first = Said(thinking=thought, signature=signature, text="so", calls=calls)
    hidden = [
        start(7, {"type": "redacted_thinking", "data": "b64+/=="}),
        stop(7),
    ]
    done = play("anthropic", [with_blocks(first, *hidden), Said(text="3")], uses=[add])
    assert done.node.result() == "3"
    (assistant,) = [m for m in done.bodies[1]["messages"] if m["role"] == "assistant"]
    assert assistant["content"] == [
        {"type": "thinking", "thinking": thought, "signature": signature},
        {"type": "text", "text": "so"},
        {"type": "tool_use", "id": "call_1", "name": "add", "input": {"x": 1, "y": 2}},
        {"type": "redacted_thinking", "data": "b64+/=="},
    ]
    assert ThinkingBlockPart("b64+/==", "", redacted=True) in done.view.transcript


def marks(body):
    found = [("system", "cache_control" in body["system"][0])]
    for place, message in enumerate(body["messages"]):
        for block in message["content"]:
            if "cache_control" in block:
                found.append((place, block["cache_control"]))
    return found


def test_n202_the_cache_mark_moves_with_the_conversation(play):
    turn = Said(calls=[Call("add", {"x": 1, "y": 2})])
    done = play("anthropic", [turn, turn, turn, Said(text="x")], uses=[add])
    five = {"type": "ephemeral"}
    assert [marks(b) for b in done.bodies] == [
        [("system", True), (0, five)],
        [("system", True), (0, five), (2, five)],
        [("system", True), (2, five), (4, five)],
        [("system", True), (4, five), (6, five)],
    ]


def test_the_cache_may_be_kept_for_an_hour_or_not_marked(play):
    done = play("anthropic", [Said(text="x", written_1h=50)], settings={"cache_ttl": "1h"})
    assert marks(done.bodies[0])[1][1] == {"type": "ephemeral", "ttl": "1h"}
    usage = done.view.usage
    assert (usage.input_tokens_cache_write, usage.input_tokens_cache_write_1h) == (50, 50)
    done = play("anthropic", [Said(text="x")], settings={"cache_ttl": None})
    assert marks(done.bodies[0]) == [("system", False)]


def test_a_turn_that_the_server_pauses_goes_on_with_its_blocks_given_back(play):
    used = {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {}}
    found = {"type": "web_search_tool_result", "tool_use_id": "srv_1", "content": []}
    paused = with_blocks(
        Said(text="", stop="pause"),
        start(0, used),
        delta(0, type="input_json_delta", partial_json='{"query": "tides"}'),
        stop(0),
        start(1, found),
        stop(1),
    )
    done = play("anthropic", [paused, Said(text="High at noon.")])
    assert done.node.result() == "High at noon."
    assert done.bodies[1]["messages"][-1] == {
        "role": "assistant",
        "content": [{**used, "input": {"query": "tides"}}, found],
    }
    assert [p.data["type"] for p in done.view.transcript if isinstance(p, NativePart)] == [
        "server_tool_use",
        "web_search_tool_result",
    ]


@pytest.mark.parametrize("kind", ["overloaded_error", "api_error", "rate_limit_error"])
def test_nu28_an_error_inside_a_good_stream_is_tried_again(play, kind):
    error = sse({"type": "error", "error": {"type": kind, "message": "busy"}}, "error")
    broken = Stream(Said(text="half an answer"), lambda e: [*e[:3], error])
    done = play("anthropic", [broken, Said(text="whole")])
    assert done.node.result() == "whole"
    assert kind in done.view.requests[0].error


def test_an_error_inside_a_good_stream_that_will_not_pass_ends_the_agent(play):
    error = {"type": "error", "error": {"type": "invalid_request_error", "message": "no"}}
    done = play("anthropic", [Stream(Said(text="x"), lambda e: [*e[:2], sse(error, "error")])])
    assert "invalid_request_error: no" in str(done.node.exception)
    assert len(done.view.requests) == 1


def test_nu28_a_missing_stop_reason_is_tried_again(play):
    done = play("anthropic", [Said(text="x", stop="none"), Said(text="y")])
    assert done.node.result() == "y"
    assert "no stop_reason" in done.view.requests[0].error


def test_a_refusal_says_why(play):
    done = play("anthropic", [Said(text="", stop="refusal", detail="It is about a virus.")])
    assert "It is about a virus." in str(done.node.exception)


def test_a_full_context_goes_on_as_a_cut_and_then_fails_clearly(play):
    done = play("anthropic", [Said(text="", stop="model_context_window_exceeded")])
    assert "before it said anything" in str(done.node.exception)


def test_a_stop_that_nobody_knows_is_named(play):
    done = play("anthropic", [Said(text="x", stop="asleep")])
    assert "'asleep'" in str(done.node.exception)


def test_blocks_and_events_of_tomorrow_are_kept_or_passed_over(play):
    new = {"type": "hologram", "data": {"a": [1]}}
    events = [start(9, new), delta(9, type="shine_delta", shine=1), stop(9), {"type": "news"}]
    done = play("anthropic", [with_blocks(Said(text="x"), *events)])
    assert done.node.result() == "x"
    assert [dict(p.data) for p in done.view.transcript if isinstance(p, NativePart)] == [new]


def test_a_block_that_never_began_is_asked_for_again(play):
    broken = Stream(Said(text="half"), lambda e: [e[0], *e[2:]])
    done = play("anthropic", [broken, Said(text="whole")])
    assert done.node.result() == "whole"
    assert "never began" in done.view.requests[0].error


def request(model=None, tools=(), **settings):
    return ModelRequest(
        provider="anthropic",
        model=model,
        system="",
        parts=[UserTextPart("q")],
        tools=tools,
        settings=settings,
    )


@pytest.mark.parametrize(
    ("model", "settings", "thinking"),
    [
        (None, {}, "adaptive"),
        ("claude-opus-5-5", {"thinking": True}, "adaptive"),
        ("claude-opus-4-6", {}, "adaptive"),
        ("claude-fable-9-from-the-future", {}, "adaptive"),
        ("claude-haiku-4-5", {}, None),
        ("claude-haiku-4-5", {"thinking": True}, "enabled"),
        ("us.anthropic.claude-sonnet-4-20250514-v1:0", {}, None),
        ("claude-3-7-sonnet@20250219", {}, None),
        ("claude-opus-5-5", {"thinking": 2000}, "enabled"),
        ("claude-opus-5-5", {"thinking": False}, "disabled"),
        ("claude-opus-5-5", {"temperature": 0.1}, None),
    ],
)
def test_thinking_is_what_the_model_knows(model, settings, thinking):
    body = provider.encode(request(model, **settings))
    assert body.get("thinking", {}).get("type") == thinking


def test_thinking_with_a_budget_goes_on_between_calls():
    tool = Tool("add", "Add.", {"type": "object", "properties": {}})
    body = provider.encode(request("claude-haiku-4-5", (tool,), thinking=2000))
    assert body["thinking"] == {"type": "enabled", "budget_tokens": 2000}
    assert "interleaved-thinking" in body["extra_headers"]["anthropic-beta"]


def vertex(url):
    import anthropic

    return anthropic.AsyncAnthropicVertex(
        region="here", project_id="mine", access_token=KEY, base_url=url
    )


def test_n201_a_vertex_client_answers(play):
    done = play("anthropic", [Said(text="x")], client=vertex, model="claude-opus-5-5")
    assert done.node.result() == "x"
    assert "/projects/mine/locations/here/" in done.server.asked[0].path


def aws_frame(event):
    """Wrap an event as Bedrock does: lengths, headers, payload, and two checksums."""
    payload = json.dumps({"bytes": base64.b64encode(event).decode()}).encode()
    headers = b""
    for name, value in [(":event-type", "chunk"), (":message-type", "event")]:
        headers += bytes([len(name)]) + name.encode()
        headers += b"\x07" + struct.pack(">H", len(value)) + value.encode()
    head = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    body = head + struct.pack(">I", zlib.crc32(head)) + headers + payload
    return body + struct.pack(">I", zlib.crc32(body))


def test_n201_a_bedrock_client_is_asked_in_its_own_way(play):
    import anthropic

    def bedrock(url):
        return anthropic.AsyncAnthropicBedrock(aws_region="here", api_key=KEY, base_url=url)

    def framed(events):
        return [aws_frame(event.split(b"data: ", 1)[1].strip()) for event in events]

    script = [Stream(Said(text="x"), framed)]
    done = play("anthropic", script, client=bedrock, model="us.anthropic.claude-opus-5-5")
    assert done.node.result() == "x"
    assert done.view.usage.output_tokens_total == 5
    done = play("anthropic", [], client=bedrock, model="us.anthropic.claude-opus-5-5")
    assert (
        done.server.asked[0].path
        == "/model/us.anthropic.claude-opus-5-5/invoke-with-response-stream"
    )
    assert "the script has only 0 answers" in str(done.node.exception)


def test_nw5_a_long_conversation_is_sent_whole_and_in_order(play):
    turns = 120

    def script(asked):
        seen = len([m for m in asked.body["messages"] if m["role"] == "assistant"])
        if seen == turns:
            return Said(text="done")
        return Said(text=f"step {seen}", calls=[Call("add", {"x": seen, "y": 1}, f"c{seen}")])

    done = play("anthropic", script, uses=[add])
    assert done.node.result() == "done"
    last = done.bodies[-1]["messages"]
    said = [b["text"] for m in last for b in m["content"] if b["type"] == "text"]
    assert said == ["Q: why?", *(f"step {n}" for n in range(turns))]
    assert len(told(done.view)) == 3 * turns + 2


def test_a_key_reaches_no_view_and_no_log(play, caplog):
    done = play("anthropic", [Said(text="x")])
    done.node.result()
    assert KEY not in done.node.to_json()
    assert KEY not in caplog.text
    assert KEY in json.dumps(dict(done.server.asked[0].headers))


def test_the_server_of_the_tests_can_be_used_by_hand():
    with WireServer([]) as server:
        assert server.url.startswith("http://127.0.0.1:")


@pytest.mark.parametrize("signature", ["", "sig"])
def test_an_answer_that_was_cut_while_it_thought_again_goes_on(signature):
    parts = (UserTextPart("q"), ModelTextPart("one"), ThinkingBlockPart("hm", signature))
    body = provider.encode(ModelRequest(provider="anthropic", model=None, system="", parts=parts))
    roles = [(m["role"], [c["type"] for c in m["content"]]) for m in body["messages"]]
    assert roles == [("user", ["text"]), ("assistant", ["text"]), ("user", ["text"])]


def test_an_answer_of_thinking_alone_is_left_out_and_turns_alternate():
    parts = (UserTextPart("q"), ThinkingBlockPart("hm", "sig"), UserTextPart("That does not fit"))
    body = provider.encode(ModelRequest(provider="anthropic", model=None, system="", parts=parts))
    assert [(m["role"], len(m["content"])) for m in body["messages"]] == [("user", 2)]
