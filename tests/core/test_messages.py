"""Transcript parts and usage (rows N121-N134, NU21-NU23)."""

import importlib
import pickle
from dataclasses import FrozenInstanceError, fields, replace

import pytest

from netflux_nb import (
    ModelTextPart,
    Spent,
    ThinkingBlockPart,
    TokenBill,
    TokenUsage,
    ToolResultPart,
    ToolUsePart,
    UserTextPart,
)
from netflux_nb.core.messages import ImageResult, ModelReply, Prefix


def test_n121_user_text_is_frozen():
    part = UserTextPart("hi")
    with pytest.raises(FrozenInstanceError):
        part.text = "x"


def test_n122_model_text_is_a_value():
    assert ModelTextPart("a") == ModelTextPart("a")


def test_n123_the_arguments_of_a_call_cannot_change():
    given = {"x": 1}
    part = ToolUsePart("id", "add", given)
    given["x"] = 2
    assert part.args == {"x": 1}
    with pytest.raises(TypeError):
        part.args["x"] = 3
    assert pickle.loads(pickle.dumps(part)) == part


def test_n124_a_result_says_whether_it_is_an_error():
    assert ToolResultPart("id", "add", "3").is_error is False


def test_n125_thinking_keeps_its_signature():
    part = ThinkingBlockPart("hm", "sig")
    assert (part.signature, part.redacted) == ("sig", False)


def test_n128_usage_starts_at_nothing():
    assert TokenUsage().input_tokens_cache_read == 0


def test_n129_no_rate_for_writes_is_none():
    assert TokenUsage().input_tokens_cache_write is None
    assert (TokenUsage() + TokenUsage(input_tokens_cache_write=3)).input_tokens_cache_write == 3


def test_n130_regular_tokens_add_up():
    assert (TokenUsage(input_tokens_regular=2) + TokenUsage(input_tokens_regular=3)) == TokenUsage(
        input_tokens_regular=5
    )


def test_n131_the_scripted_total_is_the_sum_of_its_kinds():
    from netflux_nb.core import ModelRequest
    from netflux_nb.testing import Turn, _guessed

    request = ModelRequest(
        provider="p", model=None, system="s" * 40, parts=[UserTextPart("u" * 80)]
    )
    usage = _guessed(request, Turn(text="t" * 40, thinking="h" * 20))
    kinds = usage.input_tokens_cache_read + usage.input_tokens_cache_write
    assert usage.input_tokens_total == kinds + usage.input_tokens_regular > 0
    assert usage.output_tokens_total == usage.output_tokens_text + usage.output_tokens_reasoning


def test_n132_unknown_breakdowns_are_none():
    usage = TokenUsage()
    assert (usage.output_tokens_reasoning, usage.output_tokens_text) == (None, None)


def test_n133_output_is_a_total():
    assert TokenUsage(input_tokens_total=2, output_tokens_total=3).total == 5


def test_a_bill_adds_usage():
    usage = TokenUsage(input_tokens_regular=1, output_tokens_total=2)
    assert TokenBill().plus(usage).plus(usage) == TokenBill(0, 0, 2, 4)


def test_a_prefix_does_not_see_what_came_later():
    parts = [UserTextPart("a")]
    prefix = Prefix(parts)
    parts.append(ModelTextPart("b"))
    assert list(prefix) == [UserTextPart("a")]
    assert (len(prefix), prefix[-1], prefix[:5]) == (1, UserTextPart("a"), [UserTextPart("a")])
    with pytest.raises(IndexError):
        prefix[1]


def test_n123_a_call_does_not_share_the_dict_it_was_given():
    part = ToolUsePart("id", "add", {"x": 1})
    assert dict(part.args) == {"x": 1}
    assert hash(part) == hash(ToolUsePart("id", "add", {"x": 1}))


@pytest.mark.parametrize(
    "part",
    [
        UserTextPart("a"),
        ModelTextPart("a"),
        ToolUsePart("i", "n", {"x": [1]}),
        ToolResultPart("i", "n", {"x": 1}, True),
        ThinkingBlockPart("", "sig", redacted=True),
    ],
    ids=lambda p: type(p).__name__,
)
def test_n127_every_part_is_frozen_equal_by_value_and_travels(part):
    back = pickle.loads(pickle.dumps(part))
    assert back == part
    with pytest.raises(FrozenInstanceError):
        setattr(part, fields(part)[0].name, "other")


def test_nu22_the_context_window_is_the_latest():
    one = TokenUsage(context_window_in=5, context_window_out=1)
    assert (one + TokenUsage(context_window_in=7)).context_window_in == 7
    assert (one + TokenUsage()).context_window_out == 1


def test_nu21_a_bill_is_frozen():
    with pytest.raises(FrozenInstanceError):
        TokenBill().output_tokens_total = 1


def test_q55_a_reply_ends_unless_it_says_otherwise_and_a_picture_is_not_written_out():
    assert ModelReply(parts=()).stop == "end"
    picture = ImageResult("image/png", b"many bytes", 2, 3)
    assert repr(picture) == "ImageResult(media_type='image/png', width=2, height=3)"


@pytest.mark.parametrize("made", [Spent("p", "m", TokenUsage()), ModelReply(parts=())])
def test_what_a_provider_said_natively_is_compared_by_nothing_and_not_written_out(made):
    told = replace(made, native={"id": "native-1"}, native_request="native-2")

    assert told == made
    assert repr(told) == repr(made)


@pytest.mark.parametrize("room", ["core", "func_lib", "providers"])
def test_q55_every_name_that_a_room_offers_is_there(room):
    module = importlib.import_module(f"netflux_nb.{room}")

    for name in module.__all__:
        assert getattr(module, name) is not None, name
