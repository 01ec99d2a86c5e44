"""Substitution is literal, whatever stands in prompts and values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netflux_nb.core.errors import PromptError
from netflux_nb.core.functions import prompts


@given(st.text().filter(lambda t: prompts.unknown(t, ()) is None and "{{" not in t))
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


@pytest.mark.parametrize("before", ["", "\n", "one\n", "\n\none\n"])
def test_q55_a_caret_shows_the_place(before):
    with pytest.raises(PromptError) as caught:
        prompts.check(f"{before}say {{wrong}} now\nand on", ["right"], "fn")
    assert str(caught.value).splitlines()[1:] == ["  say {wrong} now", "      ^"]


# Names with combining marks, which `\w` does not match, stay as they are.
names = st.from_regex(r"[^\W\d]\w{0,5}", fullmatch=True).filter(str.isidentifier)


@given(names, st.text())
def test_every_name_an_argument_may_have_is_a_placeholder(name, value):
    assert prompts.fill(f"<{{{name}}}>", {name: value}) == f"<{value}>"


@given(st.dictionaries(names, st.text(), min_size=1, max_size=3))
def test_values_are_put_in_once_whatever_they_hold(values):
    hostile = {name: "".join(f"{{{n}}}" for n in values) + v for name, v in values.items()}
    template = "|".join(f"{{{name}}}" for name in hostile)
    assert prompts.fill(template, hostile) == "|".join(hostile.values())


@given(st.text())
def test_check_and_fill_agree(template):
    found = set()
    while (more := prompts.unknown(template, found)) is not None:
        found.add(more[0])

    prompts.check(template, found, "fn")
    prompts.fill(template, dict.fromkeys(found, ""))


def test_the_first_unknown_placeholder_is_found_and_doubled_braces_are_none():
    assert prompts.unknown("{{x} {y} {x} }} {}", ()) == ("y", 5)
    assert prompts.unknown("{{x} {y} {x} }} {}", ["y"]) == ("x", 9)
    assert prompts.unknown("{{x} {y} {x} }} {}", ["x", "y"]) is None
