"""Not whole is not success: cut, mixed and strange answers of each provider (Q65-Q67, Q71)."""

import asyncio
from dataclasses import replace

import pytest
from wire import Call, Raw, Said, Stream, WireServer
from wire.asking import KEY, WIRED, client_of
from wire.formats import FORMATS, sse

from netflux_nb import ModelError, ModelReply, ModelTextPart, function
from netflux_nb.core import ModelRequest, UserTextPart
from netflux_nb.core.bill import line_of
from netflux_nb.core.json.portable import view_from_json, view_to_json
from netflux_nb.record.journal import Journal
from netflux_nb.record.sql.store import rows
from netflux_nb.show.trees import tree
from netflux_nb.show.usages import usage

CALLS = [Call("add", {"x": 1, "y": 2}, "a"), Call("add", {"x": 3, "y": 4}, "b")]
TWO = Said(text="I add them.", thinking="hm", signature="c2ln", calls=CALLS)


@function
def add(x: int, y: int) -> int:
    """Add two numbers."""
    return x + y


def _without(word):
    return lambda events: [e for e in events if word not in e]


def _until(n):
    return lambda events: events[:n]


NOT_WHOLE = {
    "a block that never ends": ("anthropic", _without(b"content_block_stop")),
    "no message_stop": ("anthropic", _without(b'"message_stop"')),
    "no stop_reason": ("anthropic", _without(b"message_delta")),
    "a block begun twice": ("anthropic", lambda e: [*e[:4], *e[1:4], *e[4:]]),
    "cut between two calls": ("gemini", lambda e: e[:-1]),
    "no finish_reason": ("openai", _without(b'"tool_calls"}')),
}


@pytest.mark.parametrize("how", NOT_WHOLE)
def test_q65_an_answer_that_is_not_whole_is_asked_again_and_runs_nothing(play, how):
    wired, edit = NOT_WHOLE[how]

    done = play(wired, [Stream(TWO, edit), Said(text="whole")], uses=[add])

    assert done.node.result() == "whole"
    assert done.view.children == ()
    assert "ended too early" in done.view.requests[0].error


def _cuts(kind):
    """Give beginnings of a stream, and whether each holds the line that makes it count.

    It is cut beside each end of a line, and at every seventh byte.
    """
    data = b"".join(FORMATS[kind](TWO))
    last = {"anthropic": b'{"type": "message_stop"}', "gemini": b"usageMetadata"}
    counts = data.index(last.get(kind, b'"finish_reason": "tool_calls"'))
    ends = [n for n, byte in enumerate(data) if byte == ord("\n")]
    places = {*range(0, len(data), 7), len(data), *ends, *(n + 1 for n in ends)}
    return [(n, data[:n], n > counts) for n in sorted(places)]


async def _asked_with(kind, bodies):
    """Give what a provider makes of each body: its reply, or the fault."""
    from netflux_nb.providers import anthropic, gemini, openai

    made = {"anthropic": anthropic, "gemini": gemini, "openai": openai}[kind]
    script = [Raw(200, {"content-type": "text/event-stream"}, body) for body in bodies]
    request = ModelRequest(provider=kind, model="m", system="", parts=[UserTextPart("q")])
    came = []
    with WireServer(script) as server:
        model = made.model(client_of(kind, server.url))
        for _ in bodies:
            try:
                came.append(await model.reply(request, lambda delta: None))
            except ModelError as error:
                came.append(error)
        await model.close()
    return came


@pytest.mark.slow
@pytest.mark.parametrize("kind", WIRED)
def test_q65_no_beginning_of_a_stream_is_a_success(kind):
    cuts = _cuts(kind)
    whole = asyncio.run(_asked_with(kind, [cuts[-1][1]]))[0]
    assert isinstance(whole, ModelReply)

    came = asyncio.run(_asked_with(kind, [body for _, body, _ in cuts]))

    for (place, _, counts), one in zip(cuts, came, strict=True):
        if isinstance(one, ModelError):
            assert one.retryable, (place, one)
        else:
            assert counts, (place, one)
            assert one.parts == whole.parts, place


def test_q65_several_answers_to_one_request_are_refused_and_never_mixed(play):
    def chunk(index, text, finish=None):
        choice = {"index": index, "delta": {"content": text}, "finish_reason": finish}
        return sse({"choices": [choice], "model": "m"})

    mixed = [chunk(0, "one "), chunk(1, "two "), chunk(0, "!", "stop"), chunk(1, "?", "stop")]

    done = play("openai", [Stream(edit=lambda _: [*mixed, sse("[DONE]")])])

    assert "not several `choices`" in str(done.node.exception)
    assert len(done.bodies) == 1


def test_q65_several_candidates_are_refused(play):
    def row(index, text):
        content = {"role": "model", "parts": [{"text": text}]}
        return sse({"candidates": [{"index": index, "content": content, "finishReason": "STOP"}]})

    done = play("gemini", [Stream(edit=lambda _: [row(0, "one"), row(1, "two")])])

    assert "not several `candidates`" in str(done.node.exception)


def test_q65_several_answers_are_not_even_asked_for(play):
    done = play("openai", [], settings={"extra": {"n": 2}})

    assert "Leave 'n' out of `extra`" in str(done.node.exception)
    assert done.bodies == []


def _no_count(events):
    return [e for e in events if b'"usage"' not in e and b"[DONE]" not in e]


def test_q66_a_count_that_never_came_is_unknown_and_no_zero(play, tmp_path):
    with Journal(tmp_path) as journal:
        done = play("openai", [Stream(Said(text="hello"), _no_count)], sink=journal)
        view = done.view
        done.runtime.close()
    (spent,) = view.requests
    again = view_from_json(view_to_json(view))

    assert view.outputs == "hello"
    assert spent.usage.unknown_requests == 1
    assert line_of(replace(spent, model="gpt-5")).usd is None
    assert view.bill().known_usd is None
    assert "tokens unknown" in str(tree(view))
    assert "tokens unknown" in str(usage(view))
    assert "tokens unknown" in str(view.bill())
    assert again.requests == view.requests
    counted = rows("SELECT input_tokens, output_tokens FROM calls", tmp_path)
    assert counted == [(None, None)]


@pytest.mark.parametrize("wired", WIRED)
def test_q67_arguments_that_no_record_keeps_are_told_to_the_model(play, wired):
    deep: object = 1
    for _ in range(120):
        deep = {"a": deep}
    turn = Said(calls=[Call("add", {"x": deep, "y": 1})])

    done = play(wired, [turn, Said(text="I see")], uses=[add])

    again = view_from_json(view_to_json(done.view))
    assert done.node.result() == "I see"
    assert again.transcript == done.view.transcript
    (child,) = done.view.children
    assert "nested more than 100 levels deep" in str(child.exception)


PAGE = b"<!doctype html><html><body>Log in to the guest network</body></html>"


def test_q71_a_page_of_html_is_named_and_not_asked_for_again(play, wired):
    page = Raw(200, {"content-type": "text/html; charset=utf-8"}, PAGE)

    done = play(wired, [page] * 8)

    assert len(done.server.asked) == 1
    assert "answered with a page of HTML, not with JSON. Is the address right?" in str(
        done.node.exception
    )


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_q71_a_redirect_to_another_host_is_refused(play, wired, status):
    with WireServer([Said(text="stolen")] * 9) as thief:
        there = f"http://localhost:{thief.port}/v1"

        done = play(wired, [Raw(status, {"location": there})] * 9)

        assert thief.asked == []
    assert len(done.server.asked) == 1
    assert f"answered {status} and sends the request, with its key, to 'http://localhost" in str(
        done.node.exception
    )
    assert KEY not in str(done.node.exception)


def test_q71_another_port_is_another_server(play, wired):
    with WireServer([Said(text="stolen")] * 9) as thief:
        done = play(wired, [Raw(307, {"location": f"{thief.url}/v1"})] * 9)

        assert thief.asked == []
    assert "Nothing was sent there" in str(done.node.exception)


def test_q71_a_redirect_on_the_same_server_is_followed(play, wired):
    paths = {"anthropic": "/v1/messages", "openai": "/v2/chat/completions"}
    gemini = "/v1beta/models/x:streamGenerateContent?alt=sse"
    moved = Raw(307, {"location": paths.get(wired, gemini)})

    done = play(wired, [moved, Said(text="here")])

    assert done.node.result() == "here"
    assert len(done.server.asked) == 2


def test_q67_a_part_that_no_record_keeps_is_no_answer():
    from netflux_nb.core import NativePart
    from netflux_nb.providers import faults

    deep: object = 1
    for _ in range(120):
        deep = [deep]

    class Decoder:
        def reply(self):
            parts = (ModelTextPart("x"), NativePart("gemini", {"part": deep}))
            return ModelReply(parts=parts)

    async def nothing():
        return
        yield

    with pytest.raises(ModelError, match="cannot be read"):
        asyncio.run(faults.read(nothing(), Decoder(), ()))
