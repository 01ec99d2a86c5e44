"""Substitution is literal, whatever stands in prompts and values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netflux_nb.core import prompts
from netflux_nb.core.errors import PromptError


@given(st.text().filter(lambda t: not prompts.placeholders(t) and "{{" not in t))
def test_text_without_placeholders_comes_out_unchanged(text):
    assert prompts.fill(text, {"x": "y"}) == text


@given(st.text(), st.text())
def test_values_are_never_read_again(before, value):
    template = before.replace("{", "(") + "{x}"
    assert prompts.fill(template, {"x": value}) == before.replace("{", "(") + value


@pytest.mark.parametrize(
    "text", ["{x.__class__}", "{x!r}", "{x:>10}", "{x[0]}", "{ x }", "{}", "{0}", "{1x}", "}{"]
)
def test_nothing_cleverer_than_a_name_is_a_placeholder(text):
    assert prompts.fill(text, {"x": "secret"}) == text
    prompts.check(text, ["x"], "fn")


def test_doubled_braces_give_one():
    assert prompts.fill("{{x}", {"x": 1}) == "{x}"
    assert prompts.fill("{{x}} {x}", {"x": 1}, doubled=True) == "{x} 1"


def test_a_caret_shows_the_place():
    with pytest.raises(PromptError) as caught:
        prompts.check("one\nsay {wrong} now", ["right"], "fn")
    assert str(caught.value).splitlines()[1:] == ["  say {wrong} now", "      ^"]
