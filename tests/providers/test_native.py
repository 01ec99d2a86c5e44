"""What a provider gave beside its answer is kept; what it should not give does no harm."""

import json
import logging
from dataclasses import replace

import pytest
from wire import Call, Said, Stream
from wire.asking import KEY, told

from netflux_nb import Spent, TokenUsage, function
from netflux_nb.core.json.portable import spent_from_json, spent_to_json
from netflux_nb.core.messages import ModelReply
from netflux_nb.core.policy import Replied
from netflux_nb.providers import native, native_digests
from netflux_nb.providers.faults import retry_after_s
from netflux_nb.record.journal import Journal


@function
def add(x: int, y: int) -> int:
    """Add."""
    return x + y


def test_the_envelope_of_a_response_is_kept_without_its_content(play, wired):
    done = play(wired, [Said(text="a secret answer", thinking="hm", signature="c2ln")])
    (spent,) = done.view.requests
    text = json.dumps(dict(spent.native))
    assert "wire-model" in text
    assert "secret" not in text
    names = {
        "anthropic": ("id", "stop_reason", "usage"),
        "gemini": ("model_version", "finish_reason", "usage_metadata"),
        "openai": ("id", "finish_reason", "usage", "created"),
    }
    assert set(names[wired]) <= set(spent.native)
    assert spent_from_json(json.loads(json.dumps(spent_to_json(spent)))).native == spent.native


def test_a_recorded_request_is_known_by_the_hash_of_what_its_sdk_was_given(play, wired, tmp_path):
    asked = []

    class Watch:
        moments = frozenset({Replied})

        def __call__(self, moment):
            asked.append((moment.request, moment.spent.native_request))

    script = [Said(calls=[Call("add", {"x": 1, "y": 2})]), Said(text="3")]
    settings = {"timeout_s": 9, "max_tokens": 50, "extra": {"mine": 1}}
    with Journal(tmp_path) as journal:
        options = {"settings": settings, "policies": [Watch()], "sink": journal}
        done = play(wired, script, uses=[add], **options)
        assert done.node.result() == "3"
    first, second = asked
    assert len(first[1]) == 64
    assert first[1] in native_digests(first[0])
    assert second[1] in native_digests(second[0])
    assert first[1] not in native_digests(second[0])
    louder = replace(first[0], settings={**settings, "max_tokens": 51})
    assert first[1] not in native_digests(louder)
    slower = replace(first[0], settings={**settings, "timeout_s": 10})
    assert first[1] in native_digests(slower)  # how it travels is no part of it


def test_a_line_of_before_is_read_and_says_nothing_of_it():
    spent = Spent("openai", "m", TokenUsage(input_tokens_total=3))
    data = spent_to_json(spent)
    assert "native" not in data
    assert spent_from_json(data) == spent
    assert spent_from_json({**data, "native": 5}).native == {}


def test_what_is_native_makes_no_two_runs_differ():
    one = Spent("openai", "m", TokenUsage(), native={"id": "a"}, native_request="x")
    assert one == replace(one, native={"id": "b"}, native_request="y")
    assert hash(one) == hash(replace(one, native={"id": "b"}))
    reply = ModelReply(parts=(), native={"id": "a"})
    assert reply == replace(reply, native={})


def test_an_envelope_is_bounded_and_plain():
    deep = []
    for _ in range(2000):
        deep = [deep]
    given = {
        "id": "x" * 5000,
        "deep": deep,
        "wide": {str(i): "y" * 900 for i in range(500)},
        "odd": object(),
        "inf": float("inf"),
        "big": 10**400,
        "half": "\ud800",
        "n" * 9000: 1,
        "last": 1,
    }
    kept = native.envelope(given)
    assert len(json.dumps(kept, allow_nan=False).encode()) < 10_000
    assert kept["id"].endswith("…")
    assert kept["wide"].endswith("left out")
    assert kept["last"] == 1


NAN_USAGE = ["-5", '"many"', "1e999", "1" + "0" * 40, "null", "{}", "[1]", "true"]
WHERE = {
    "anthropic": ("input_tokens", "output_tokens"),
    "gemini": ("promptTokenCount", "candidatesTokenCount"),
    "openai": ("prompt_tokens", "completion_tokens"),
}


@pytest.mark.parametrize("number", NAN_USAGE)
def test_a_count_that_is_none_does_no_harm(play, wired, number):
    asked, out = WHERE[wired]

    def spoil(events):
        for name in (asked, out):
            events = [_replaced(e, name, number) for e in events]
        return events

    said = Said(text="well")
    done = play(wired, [Stream(said, spoil), said])
    assert done.node.result() == "well"
    usage = done.view.usage
    assert 0 <= usage.input_tokens_total <= native.MOST_TOKENS * 3
    assert 0 <= usage.output_tokens_total <= native.MOST_TOKENS * 3


def _replaced(event, name, number):
    head, _, tail = event.decode().partition(f'"{name}": ')
    if not tail:
        return event
    end = min(i for i in (tail.find(","), tail.find("}")) if i >= 0)
    return f'{head}"{name}": {number}{tail[end:]}'.encode()


ODD = ["", "x" * 5000, "\ud800", "a b/c\0", None, 7, ["add"], {"a": 1}]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("which", ["name", "id"])
def test_an_odd_name_or_id_of_a_call_is_told_to_the_model(play, wired, which, odd):
    call = Call("add", {"x": 1, "y": 2}, "a")

    def spoil(events):
        key = {"name": '"name": "add"', "id": '"id": "a"'}[which]
        return [e.decode().replace(key, f'"{which}": {json.dumps(odd)}').encode() for e in events]

    done = play(
        wired, [Stream(Said(calls=[call]), spoil), Said(text="ok"), Said(text="ok")], uses=[add]
    )
    assert done.node.result() == "ok"
    results = [line for line in told(done.view) if line[0] == "ToolResult"]
    for result in results:
        assert result[3] is (which == "name")
        assert len(result[1]) <= 200
    json.loads(done.node.to_json())


def test_halves_of_a_character_are_mended_on_their_way_in_and_out(play, wired):
    @function
    def speak(text: str) -> str:
        """Say something that cannot be sent."""
        assert text == "\ufffd"
        return "file\udcff"

    def half(events):
        return [e.replace(b"HALF", b"\\ud800") for e in events]

    call = Call("speak", {"text": "HALF"})
    script = [Stream(Said(text="oh HALF", calls=[call]), half), Said(text="done")]
    done = play(wired, script, uses=[speak])
    assert done.node.result() == "done"
    assert ("ModelText", "oh \ufffd") in told(done.view)


DEEP = "[" * 30_000 + "]" * 30_000


def test_deep_arguments_are_garbled_or_asked_for_again(play, wired):
    def deepen(events):
        if wired == "gemini":
            return [e.replace(b'"x": 1', b'"x": ' + DEEP.encode()) for e in events]
        return events

    raw = None if wired == "gemini" else '{"x": ' + DEEP + "}"
    call = Call("add", {"x": 1, "y": 2}, raw=raw)
    done = play(wired, [Stream(Said(calls=[call]), deepen), Said(text="ok")], uses=[add])
    assert done.node.result() == "ok"


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("line", ["null", "[]", "5", '{"type": 5}', '{"choices": 5}', '{"candidates": 5}', '{"choices": [5]}', '{"candidates": [{"content": 5}]}', '{"type": "content_block_delta", "index": "x", "delta": null}', '{"type": "content_block_start", "index": 0}', '{"type": "message_start", "message": null}'])  # fmt: skip
def test_a_line_that_nobody_would_send_is_passed_over_or_asked_again(play, wired, line, place):
    odd = f"event: {json.loads(line).get('type') if line[0] == '{' else 'x'}\ndata: {line}\n\n"
    said = Said(text="some words")
    torn = Stream(said, lambda e: [*e[:place], odd.encode(), *e[place:]])
    done = play(wired, [torn, said, said])
    assert done.node.result() == "some words"


def test_a_key_that_a_provider_repeats_is_in_no_message_chain_or_log(play, wired, caplog):
    caplog.set_level(logging.DEBUG)
    stop = "TOO_MANY_TOOL_CALLS" if wired == "gemini" else f"stop {KEY}"
    said = Said(text="x", stop=stop, detail=f"your {KEY}", model=KEY)
    error = play(wired, [said] * 9).node.exception
    refusing = Said(text="x", stop="refusal", detail=f"your {KEY}")
    refused = play(wired, [refusing] * 9).node
    assert KEY not in str(refused.exception)
    (spent,) = play(wired, [Said(text="x", model=KEY)]).view.requests
    assert KEY not in str(dict(spent.native))
    chain = []
    while error is not None:
        chain += [str(error), repr(error), repr(error.__dict__)]
        error = error.__cause__ or error.__context__
    assert chain
    assert KEY not in "".join(chain)
    assert KEY not in caplog.text


@pytest.mark.parametrize(("told", "seconds"), [("nan", None), ("-5", 0.0), ("soon", None)])
def test_a_wait_that_is_no_number_is_none(told, seconds):
    assert retry_after_s({"retry-after": told}) == seconds
