"""The agent loop, led by hand: it only asks, so no model, thread or clock is needed."""

from netflux_nb import (
    AgentException,
    ModelError,
    ModelReply,
    ModelTextPart,
    ToolResultPart,
    ToolUsePart,
    agent,
)
from netflux_nb.core.converse import (
    Calls,
    Continue,
    Pause,
    Raised,
    Result,
    ResultError,
    Say,
    StepsError,
    converse,
)
from netflux_nb.core.messages import ModelRequest


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
            asks = isinstance(step, (ModelRequest, Calls))
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
    asked = next(s for s in steps if isinstance(s, Calls))
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


def test_json_in_a_fence_is_read():
    _, value = lead([said("```json\n[1, 2]\n```")], "one() -> list[int]")
    assert value == [1, 2]
