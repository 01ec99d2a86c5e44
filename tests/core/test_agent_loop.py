"""The agent loop, led by hand: it only asks, so no model, thread or clock is needed."""

from netflux_nb import (
    AgentException,
    ModelError,
    ModelReply,
    ModelTextPart,
    NativePart,
    ThinkingBlockPart,
    ToolResultPart,
    ToolUsePart,
    agent,
)
from netflux_nb.core.agent_loop import (
    Continue,
    Raised,
    Result,
    ResultError,
    Say,
    StepsError,
    ToolCalls,
    converse,
    for_its_provider,
    identified,
)
from netflux_nb.core.messages import ModelRequest, UserTextPart
from netflux_nb.core.model_retries import Pause


def lead(answers, signature="one()", **more):
    """Answer each request in turn; give what was yielded, and the value or the error."""
    fn = agent(signature, "go", model="m", **more)
    talk = converse(
        fn,
        node_id=1,
        system="s",
        user_text="go",
        tools=(),
        provider="m",
        model=None,
        settings={},
    )
    left, steps, sent = list(answers), [], None
    try:
        while True:
            step = talk.send(sent)
            steps.append(step)
            asks = isinstance(step, (ModelRequest, ToolCalls))
            sent = left.pop(0) if asks else None
    except StopIteration as end:
        return steps, end.value
    except Exception as error:  # noqa: BLE001  it is what the test asks about
        return steps, error


def said(text, stop="end"):
    return ModelReply(parts=(ModelTextPart(text),), stop=stop)


def calls(*ids):
    return ModelReply(parts=tuple(ToolUsePart(i, "tool", {}) for i in ids), stop="calls")


def test_the_last_text_is_the_value():
    steps, value = lead([said("end")])
    assert value == "end"
    assert [type(s).__name__ for s in steps] == ["Say", "ModelRequest", "Say"]


def test_calls_are_asked_for_at_once_and_answered_in_order():
    steps, value = lead([calls("a", "b"), (Result("1"), Result({"n": 2})), said("end")])
    assert value == "end"
    asked = next(s for s in steps if isinstance(s, ToolCalls))
    assert [p.tool_use_id for p in asked.parts] == ["a", "b"]
    told = [s.part for s in steps if isinstance(s, Say) and isinstance(s.part, ToolResultPart)]
    assert [(t.tool_use_id, t.outputs) for t in told] == [("a", "1"), ("b", '{"n":2}')]


def test_the_history_of_a_request_does_not_grow_later():
    steps, _ = lead([calls("a"), (Result("1"),), said("end")])
    assert [len(s.parts) for s in steps if isinstance(s, ModelRequest)] == [1, 3]


def test_raising_comes_after_the_whole_batch():
    error = AgentException("stuck", "one", 1)
    steps, outcome = lead([calls("a", "b"), (Raised(error=error), Result("2"))])
    assert outcome is error
    assert sum(isinstance(getattr(s, "part", None), ToolResultPart) for s in steps) == 2


def test_faults_that_may_pass_are_tried_eight_times_with_doubled_pauses():
    steps, error = lead([ModelError("busy", retryable=True)] * 8)
    assert isinstance(error, ModelError)
    pauses = [s.seconds for s in steps if isinstance(s, Pause)]
    assert pauses == [3, 6, 12, 24, 30, 30, 30]


def test_a_provider_may_say_how_long_to_wait():
    steps, value = lead([ModelError("busy", retryable=True, retry_after_s=1.5), said("end")])
    assert value == "end"
    assert [s.seconds for s in steps if isinstance(s, Pause)] == [1.5]


def test_other_faults_are_raised_at_once():
    steps, error = lead([ModelError("no account")])
    assert str(error) == "no account"
    assert not any(isinstance(s, Pause) for s in steps)


def test_an_answer_that_was_cut_goes_on():
    steps, value = lead([said("one ", "max_tokens"), said("two")])
    assert value == "one two"
    assert any(isinstance(s, Continue) for s in steps)


def test_a_refusal_fails_clearly():
    _, error = lead([said("no", "refusal")])
    assert "refused" in str(error)


def test_steps_are_bounded():
    _, error = lead([calls("a"), (Result("1"),)] * 3, max_steps=3)
    assert isinstance(error, StepsError)
    assert "3 times" in str(error)


def test_misfits_are_told_three_times_at_most():
    answers = [said("no json"), said("[1"), said('"text"')]
    steps, error = lead(answers, "one() -> list[int]")
    assert isinstance(error, ResultError)
    assert "gave 3 answers" in str(error)
    requests = [s for s in steps if isinstance(s, ModelRequest)]
    assert len(requests) == 3
    assert requests[0].result_schema["type"] == "array"
    assert "does not fit" in requests[1].parts[-1].text


def test_a_server_that_asks_for_a_very_long_pause_is_not_waited_for():
    steps, error = lead([ModelError("spent", retryable=True, retry_after_s=3600.0)])
    assert str(error) == "spent"
    assert not [s for s in steps if isinstance(s, Pause)]


def test_json_in_a_fence_may_hold_a_fence():
    fenced = '```json\n{\n"a": "see ```x```"\n}\n```'
    _, value = lead([said(fenced)], "one() -> dict[str, str]")
    assert value == {"a": "see ```x```"}


def test_json_in_a_fence_is_read():
    _, value = lead([said("```json\n[1, 2]\n```")], "one() -> list[int]")
    assert value == [1, 2]


def results_of(steps):
    return [s.part for s in steps if isinstance(s, Say) and isinstance(s.part, ToolResultPart)]


def requests_of(steps):
    return [s for s in steps if isinstance(s, ModelRequest)]


def test_a_failed_call_is_told_within_bounds():
    steps, value = lead([calls("a"), (Result(error=LookupError("x" * 50_000)),), said("end")])
    (told,) = results_of(steps)
    assert value == "end"
    assert told.is_error
    assert told.outputs.startswith("LookupError: xxx")
    assert told.outputs.endswith("more characters)")
    assert len(told.outputs) < 4100


def test_a_sub_agents_exception_is_a_result_like_any_other():
    error = AgentException("stuck", "inner", 2)
    steps, value = lead([calls("a"), (Result(error=error),), said("end")])
    assert value == "end"
    assert "stuck" in results_of(steps)[0].outputs


def test_the_first_of_two_raised_is_raised():
    one, two = (AgentException(text, "one", 1) for text in ("one", "two"))
    _, outcome = lead([calls("a", "b"), (Raised(error=one), Raised(error=two))])
    assert outcome is one


def test_the_same_request_is_tried_again():
    busy = ModelError("busy", retryable=True)
    steps, _ = lead([busy, busy, said("end")])
    first, second, third = requests_of(steps)
    assert first is second is third
    assert [s.attempt for s in steps if isinstance(s, Pause)] == [1, 2]


def test_every_request_has_eight_attempts_of_its_own():
    busy = ModelError("busy", retryable=True)
    steps, value = lead([*[busy] * 7, calls("a"), (Result("1"),), *[busy] * 7, said("end")])
    assert value == "end"
    assert len(requests_of(steps)) == 16


def test_a_fault_that_stays_is_raised_after_those_that_may_pass():
    gone = ModelError("gone")
    steps, error = lead([ModelError("busy", retryable=True), gone])
    assert error is gone
    assert len(requests_of(steps)) == 2


def test_a_pause_is_never_negative():
    steps, _ = lead([ModelError("busy", retryable=True, retry_after_s=-5.0), said("end")])
    assert [s.seconds for s in steps if isinstance(s, Pause)] == [0.0]


def test_a_cut_answer_counts_as_a_step():
    steps, error = lead([said("more", "max_tokens")] * 2, max_steps=2)
    assert isinstance(error, StepsError)
    assert len(requests_of(steps)) == 2


def test_text_before_a_call_is_no_part_of_the_value():
    before = ModelReply(
        parts=(ModelTextPart("thinking aloud"), ToolUsePart("a", "tool", {})), stop="calls"
    )
    _, value = lead([before, (Result("1"),), said("end")])
    assert value == "end"


def test_a_misfit_may_be_mended():
    steps, value = lead([said("no json"), said("[1]")], "one() -> list[int]")
    assert value == [1]
    assert requests_of(steps)[1].parts[-1].text.endswith("Answer with JSON only.")


def test_a_misfit_before_a_block_of_the_providers_own_is_told_as_any_other():
    parts = (ModelTextPart("no json"), NativePart("p", {"type": "cited"}))
    steps, value = lead([ModelReply(parts=parts, stop="end"), said("[1]")], "one() -> list[int]")
    assert value == [1]
    assert "does not fit" in requests_of(steps)[1].parts[-1].text


def test_a_long_misfit_is_told_within_bounds():
    steps, _ = lead([said('["' + "x" * 9000 + '"]'), said("[1]")], "one() -> list[int]")
    assert len(requests_of(steps)[1].parts[-1].text) < 900


def test_all_requests_look_at_one_history():
    script = []
    for n in range(40):
        script += [calls(str(n)), (Result(n),)]
    steps, _ = lead([*script, said("end")])
    asked = requests_of(steps)
    assert [len(r.parts) for r in asked] == [1 + 2 * n for n in range(41)]
    assert all(r.parts._parts is asked[0].parts._parts for r in asked)
    assert list(asked[3].parts) == list(asked[-1].parts)[:7]


def test_a_request_to_another_provider_holds_nothing_that_only_the_first_can_read():
    parts = (
        UserTextPart("q"),
        ThinkingBlockPart("hm", "sig"),
        ToolUsePart("a", "add", {"x": 1}, "sig"),
        ToolResultPart("a", "add", "1"),
        ThinkingBlockPart("oh", "own"),
        ModelTextPart("1", "own"),
        NativePart("gemini", {}),
        UserTextPart("again"),
    )
    request = ModelRequest(provider="anthropic", model=None, system="", parts=parts)
    assert for_its_provider(request, [(1, "anthropic"), (4, "anthropic")]) is request
    there = for_its_provider(request, [(1, "gemini"), (4, "anthropic")])
    assert list(there.parts) == [
        parts[0],
        ToolUsePart("a", "add", {"x": 1}),
        *parts[3:],
    ]
    back = for_its_provider(request, [(1, "anthropic"), (4, "gemini")])
    assert list(back.parts) == [*parts[:4], ModelTextPart("1"), parts[-1]]


def test_an_id_of_our_own_holds_only_what_every_provider_takes():
    parts = (ToolUsePart("", "add it, pl\u00e9ase!", {}),)
    (named,) = identified(parts, set(), "my:own-1")
    assert named.tool_use_id == "my_own-1-1-add_it__pl_ase_"
