"""What every provider promises, asked of each in the same words (rows N118, N134, N204, ND6)."""

import base64
import json
import threading
import traceback
from dataclasses import dataclass

import pytest
from wire import CUT, STALL, Call, Fault, Said, Stream
from wire.asking import KEY, WIRED, client_of, told
from wire.formats import FORMATS

from netflux_nb import (
    CancellationException,
    ImageResult,
    ModelProviderException,
    NodeState,
    NoKeyError,
    RetriableException,
    Runtime,
    SignatureError,
    agent,
    function,
)


@dataclass
class City:
    name: str
    people: int


@function
def add(x: int, y: int) -> int:
    """Add two numbers."""
    return x + y


@function
def boom() -> int:
    """Fail."""
    raise LookupError("gone")


def test_n118_a_plain_answer(play, kind):
    done = play(kind, [Said(text="Because it rains.", cached=7, out=9)])
    assert done.node.result() == "Because it rains."
    assert told(done.view) == [("UserText", "Q: why?"), ("ModelText", "Because it rains.")]
    usage = done.view.usage
    assert (usage.input_tokens_regular, usage.input_tokens_cache_read) == (10, 7)
    assert (usage.input_tokens_total, usage.output_tokens_total) == (17, 9)


def test_calls_are_made_at_once_and_their_results_given_back(play, kind):
    calls = [Call("add", {"x": 1, "y": 2}, "a"), Call("add", {"x": 3, "y": 4}, "b")]
    script = [
        Said(thinking="I add.", signature="c2ln", text="One moment.", calls=calls),
        Said(text="3 and 7"),
    ]
    done = play(kind, script, uses=[add])
    assert done.node.result() == "3 and 7"
    assert told(done.view) == [
        ("UserText", "Q: why?"),
        ("ThinkingBlock", "I add."),
        ("ModelText", "One moment."),
        ("ToolUse", "add", {"x": 1, "y": 2}),
        ("ToolUse", "add", {"x": 3, "y": 4}),
        ("ToolResult", "add", "3", False),
        ("ToolResult", "add", "7", False),
        ("ModelText", "3 and 7"),
    ]
    assert [c.outputs for c in done.view.children] == [3, 7]
    assert done.view.usage.output_tokens_total == 10


def test_arguments_of_any_type_are_told_and_read(play, kind):
    @function
    def count(cities: list[City], at: City | None = None) -> int:
        """Count people."""
        return sum(c.people for c in cities)

    ulm = {"name": "Ulm", "people": 3}
    done = play(
        kind, [Said(calls=[Call("count", {"cities": [ulm, ulm]})]), Said(text="6")], uses=[count]
    )
    assert done.node.result() == "6"
    assert [c.outputs for c in done.view.children] == [6]
    if done.server:
        text = json.dumps(done.bodies[0])
        assert "#/$defs/City" in text
        assert '"people"' in text


def test_what_goes_wrong_with_a_call_is_told_to_the_model(play, kind):
    calls = [Call("boom", {}, "a"), Call("add", {"x": "one"}, "b"), Call("nothing", {}, "c")]
    done = play(kind, [Said(calls=calls), Said(text="sorry")], uses=[add, boom])
    assert done.node.result() == "sorry"
    results = [line for line in told(done.view) if line[0] == "ToolResult"]
    assert [r[3] for r in results] == [True, True, True]
    assert "LookupError: " in results[0][2]
    assert "expects int" in results[1][2]
    assert "Unknown tool" in results[2][2]


def test_a_repeated_id_is_made_one_of_its_own(play, kind):
    turn = Said(calls=[Call("add", {"x": 1, "y": 2}, "same")])
    done = play(kind, [turn, turn, Said(text="done")], uses=[add])
    ids = [p.tool_use_id for p in done.view.transcript if hasattr(p, "args")]
    assert len(set(ids)) == 2
    assert len(done.view.children) == 2


@pytest.mark.parametrize("raw", ['{"x": 1,', "[1, 2]", '{"x": NaN}', "\\u0000", "null"])
@pytest.mark.parametrize("wired", ["anthropic", "openai"])
def test_garbled_arguments_are_told_to_the_model(play, wired, raw):
    script = [Said(calls=[Call("add", raw=raw)]), Said(text="I see")]
    done = play(wired, script, uses=[add])
    assert done.node.result() == "I see"
    (result,) = [line for line in told(done.view) if line[0] == "ToolResult"]
    assert "were no JSON object" in result[2]
    assert result[3]


@pytest.mark.parametrize("status", [408, 429, 500, 503, 529])
def test_n204_a_fault_that_may_pass_is_tried_again_and_seen(play, kind, status):
    done = play(kind, [Fault(status, "overloaded"), Fault(status), Said(text="well")])
    assert done.node.result() == "well"
    notes = done.view.intermediate_events
    assert [type(n) for n in notes] == [RetriableException, RetriableException]
    assert [n.attempt for n in notes] == [1, 2]
    first, second = done.clock.slept[:2]
    assert 3 <= first <= 3.3
    assert 6 <= second <= 6.6
    assert [s.stop for s in done.view.requests] == ["error", "error", "end"]
    if done.server:
        assert len(done.server.asked) == 3  # the SDK did not try again by itself


def test_n204_a_server_may_say_how_long_to_wait(play, kind):
    done = play(kind, [Fault(429, "slow down", {"retry-after": "20"}), Said(text="well")])
    assert done.node.result() == "well"
    assert any(20 <= s <= 22 for s in done.clock.slept)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413])
def test_a_fault_that_will_not_pass_ends_the_agent(play, kind, status):
    done = play(kind, [Fault(status, f"your key {KEY} is not good")])
    assert isinstance(done.node.exception, ModelProviderException)
    assert str(status) in str(done.node.exception)
    assert done.clock.slept == []
    if kind != "scripted":
        assert KEY not in str(done.node.exception)
        assert "***" in str(done.node.exception)
        assert KEY not in done.node.to_json()
        assert KEY not in "".join(traceback.format_exception(done.node.exception))


def test_n204_eight_tries_and_no_more(play, kind):
    done = play(kind, [Fault(500)] * 9)
    assert isinstance(done.node.exception, ModelProviderException)
    assert len(done.view.requests) == 8
    assert max(done.clock.slept) <= 33


TURN = Said(
    thinking="hm", signature="c2ln", text="some words here", calls=[Call("add", {"x": 1, "y": 1})]
)


def _places():
    return [(k, n) for k in WIRED for n in range(len(FORMATS[k](TURN)))]


@pytest.mark.parametrize(("wired", "place"), _places())
def test_a_connection_cut_in_any_phase_of_a_stream_is_asked_again(play, wired, place):
    torn = Stream(TURN, lambda events: [*events[:place], 0.01, CUT])
    done = play(wired, [torn, Said(text="whole")], uses=[add])
    assert done.node.result() == "whole"
    lines = [line for line in told(done.view) if line[0] == "ModelText"]
    # Where all had arrived, the cut took nothing away.
    assert lines[-1] == ("ModelText", "whole")
    assert len(lines) == 1 or done.view.children


BAD = {
    "half a line": lambda e: [e[0], e[1][: len(e[1]) // 2]],
    "half a line, then more": lambda e: [e[0], e[1][:-9] + b"\n\n", *e[2:]],
    "no utf-8": lambda e: [e[0], b'data: {"type": "\xff\xfe"}\n\n', *e[1:]],
    "no json": lambda e: [e[0], b"event: message_delta\ndata: {oops}\n\n", *e[1:]],
    "nothing": lambda e: [],
    "no end": lambda e: e[:-3] if len(e) > 3 else e[:1],
}


@pytest.mark.parametrize("how", BAD)
def test_a_stream_that_cannot_be_read_is_asked_again(play, wired, how):
    if (wired, how) == ("gemini", "no utf-8"):
        pytest.skip("Its SDK reads such bytes as U+FFFD, and nobody can tell any more.")
    done = play(wired, [Stream(Said(text="some words here"), BAD[how]), Said(text="whole")])
    assert done.node.result() == "whole"
    assert len(done.view.requests) == 2
    assert done.view.requests[0].stop == "error"


def test_nw19_a_cancel_aborts_the_request_itself_and_keeps_what_was_spent(play, wired):
    script = [Stream(Said(text="a long answer, word by word"), lambda e: [*e[:4], STALL])]
    done = play(wired, script, wait=False)
    view = done.view
    while not any(t == "ModelText" for t, *_ in told(view)):
        view = done.node.watch(view.update_seqnum, timeout=30)
    done.node.cancel("enough")
    done.node.wait(timeout=30)
    assert done.node.state is NodeState.Canceled
    assert done.server.dropped.acquire(timeout=30)
    (spent,) = done.view.requests
    assert spent.stop == "canceled"
    assert spent.usage.output_tokens_total > 0
    assert done.view.usage == spent.usage


def test_a_server_that_falls_silent_is_asked_again_after_a_while(play, wired):
    silent = Stream(Said(text="half an answer, and then"), lambda e: [*e[:3], STALL])
    done = play(wired, [silent, Said(text="whole")], settings={"timeout_s": 0.3})
    assert done.node.result() == "whole"
    assert "connection failed" in done.view.requests[0].error


def test_nd6_words_arrive_while_the_answer_is_on_its_way(play, wired):
    script = [
        Stream(
            Said(thinking="hm", text="half of it, and then some more of it"),
            lambda e: [*e[:-4], STALL],
        )
    ]
    done = play(wired, script, wait=False)
    view, seen = done.view, []
    while not any(t == "ModelText" and text for t, text, *_ in seen):
        view = done.node.watch(view.update_seqnum, timeout=30)
        seen = told(view)
    assert ("ThinkingBlock", "hm") in seen
    done.node.cancel()
    with pytest.raises(CancellationException):
        done.node.result(timeout=60)


def test_an_answer_that_was_cut_at_max_tokens_goes_on(play, kind):
    script = [Said(text="one, two, ", stop="max_tokens"), Said(text="three")]
    done = play(kind, script)
    assert done.node.result() == "one, two, three"
    assert [type(n).__name__ for n in done.view.intermediate_events] == ["Continuation"]
    if done.server:
        assert "exactly where you stopped" in json.dumps(done.bodies[1])


def test_an_answer_that_was_cut_after_thinking_goes_on_with_a_turn_of_the_user(play, wired):
    cut = Said(thinking="hm", signature="c2ln", text="one, ", stop="max_tokens")
    done = play(wired, [cut, Said(text="two")])
    assert done.node.result() == "one, two"
    body = done.bodies[1]
    last = (body.get("messages") or body.get("contents"))[-1]
    assert last["role"] == "user"
    assert "exactly where you stopped" in json.dumps(last)


def test_an_answer_without_a_word_at_max_tokens_fails_clearly(play, kind):
    done = play(kind, [Said(thinking="on and on", stop="max_tokens")])
    assert "before it said anything. Raise `max_tokens`" in str(done.node.exception)


def test_a_refusal_is_an_error_and_not_an_answer(play, kind):
    done = play(kind, [Said(text="I", stop="refusal")] * 3)
    assert isinstance(done.node.exception, ModelProviderException)
    assert done.view.outputs is None


def test_missing_counts_are_none_at_all(play, wired):
    done = play(wired, [Said(text="x", usage=False)])
    assert done.node.result() == "x"
    assert done.view.usage is None or done.view.usage.total <= 1


@pytest.mark.parametrize(
    ("signature", "answer", "value"),
    [
        ("one(q: str) -> City", '{"name": "Ulm", "people": 3}', City("Ulm", 3)),
        ("one(q: str) -> list[int]", '{"result": [1, 2]}', [1, 2]),
        ("one(q: str) -> int", '{"result": 5}', 5),
    ],
)
def test_a_typed_result_is_asked_for_by_its_schema(play, kind, signature, answer, value):
    done = play(kind, [Said(text=answer)], signature=signature, types={"City": City})
    assert done.node.result() == value
    if done.server:
        text = json.dumps(done.bodies[0])
        assert "json" in text
        assert '"people"' in text or '"result"' in text


def test_a_typed_result_may_be_given_through_a_call(play, wired):
    give = Call("give_result", {"name": "Ulm", "people": 3})
    done = play(
        wired,
        [Said(calls=[give])],
        signature="one(q: str) -> City",
        types={"City": City},
        settings={"result": "tool"},
    )
    assert done.node.result() == City("Ulm", 3)
    assert done.view.children == ()
    assert "give_result" in json.dumps(done.bodies[0])


def test_a_result_that_does_not_fit_is_given_back_a_bounded_number_of_times(play, kind):
    script = [Said(text='{"name": 1}'), Said(text="no"), Said(text="{}")]
    done = play(kind, script, signature="one(q: str) -> City", types={"City": City})
    assert "gave 3 answers that do not fit" in str(done.node.exception)


PICTURE = ImageResult("image/png", b"\x89PNG", 1, 1)


@function
def look() -> str:
    """Look."""
    return PICTURE


def test_nu32_a_picture_is_given_as_a_picture(play, wired):
    done = play(wired, [Said(calls=[Call("look")]), Said(text="a dot")], uses=[look])
    assert done.node.result() == "a dot"
    assert base64.b64encode(PICTURE.data).decode() in json.dumps(done.bodies[1])
    assert told(done.view)[2][2] == PICTURE


SETTINGS = {"effort": "high", "max_tokens": 77, "temperature": 0.5, "top_p": 0.9, "stop": ["END"]}


def test_settings_reach_the_request(play, wired):
    done = play(wired, [Said(text="x")], settings={**SETTINGS, "extra": {"mine": 1}}, model="m-1")
    text = json.dumps(done.bodies[0]).lower()
    for word in ('"high"', "77", "0.5", "0.9", '"end"', '"mine": 1'):
        assert word in text, (word, text)
    asked = done.server.asked[0]
    assert "m-1" in asked.path + text


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"maxtokens": 5}, "knows no setting 'maxtokens'"),
        ({"effort": "huge"}, "'effort' must be high, low"),
        ({"max_tokens": 0}, "'max_tokens' must be a whole number"),
        ({"temperature": 9}, "'temperature' must be a number from 0 to 2"),
        ({"stop": [1]}, "'stop' must be a list of texts"),
        ({"cache_ttl": "2h"}, "'cache_ttl' must be '5m', '1h' or None"),
        ({"extra": 5}, "'extra' must be a mapping"),
        ({"timeout_s": -1}, "'timeout_s' must be seconds above 0"),
        ({"result": "x"}, "'result' must be"),
        ({"thinking": "yes"}, "'thinking' must be"),
    ],
)
def test_a_setting_that_cannot_be_is_one_line(play, wired, settings, why):
    done = play(wired, [], settings=settings)
    assert why in str(done.node.exception)
    assert "\n" not in str(done.node.exception)
    assert done.server.asked == []


@pytest.mark.parametrize(
    ("name", "variable"),
    [("anthropic", "ANTHROPIC_API_KEY"), ("gemini", "GEMINI_API_KEY"), ("openai", "OPENAI_API_KEY"),
     ("xai", "XAI_API_KEY")],
)  # fmt: skip
def test_a_missing_key_is_named_in_two_lines(name, variable, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ANTHROPIC_CONFIG_DIR", str(tmp_path))
    for other in ("OPENAI_BASE_URL", "XAI_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.delenv(other, raising=False)
    one = agent("one()", "x", model=name)
    with Runtime([one]) as runtime, pytest.raises(NoKeyError) as caught:
        runtime.get_ctx().invoke(one, {})
    assert runtime.list_toplevel_views() == []
    assert variable in str(caught.value)
    assert len(str(caught.value).splitlines()) == 2


def test_n201_a_client_of_another_kind_is_refused(play, wired):
    done = play(wired, [], client=lambda url: object())
    assert isinstance(done.node.exception, (SignatureError, ModelProviderException))
    assert "client factory" in str(done.node.exception)


def test_a_synchronous_client_as_the_seed_made_them_will_do(play, wired):
    def sync(url):
        if wired == "anthropic":
            import anthropic

            return anthropic.Anthropic(api_key=KEY, base_url=url, max_retries=4)
        if wired == "openai":
            import openai

            return openai.OpenAI(api_key=KEY, base_url=url, max_retries=4)
        return client_of(wired, url)

    done = play(wired, [Fault(500), Said(text="x")], client=sync)
    assert done.node.result() == "x"
    assert KEY in "".join(done.server.asked[0].headers.values())


def test_nu30_clients_are_made_once_and_closed_with_the_runtime(play, wired):
    made = []

    def make(url):
        made.append((client_of(wired, url), threading.current_thread().name))
        return made[-1][0]

    done = play(wired, [Said(text="x")] * 3, client=make)
    ctx = done.runtime.get_ctx()
    assert [ctx.invoke(done.node.fn, {"q": "?"}).result() for _ in range(2)] == ["x", "x"]
    assert len(made) == 1
    client, thread = made[0]
    assert thread != "netflux-loop"
    done.runtime.close()
    inner = client._api_client._async_httpx_client if wired == "gemini" else client._client
    assert inner.is_closed
