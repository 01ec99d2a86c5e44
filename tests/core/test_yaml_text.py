"""YAML as it is read: plain data, or one line that says what is wrong and where."""

from __future__ import annotations

import pytest

from netflux_nb.core.errors import ArgumentError
from netflux_nb.core.text.yaml_text import read_yaml

BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


def test_t38_words_like_on_and_yes_are_words() -> None:
    text = "on: {go: yes, stop: no}\nis_done: true\nday: 2026-12-01\ncounts: [1, 2.5, 0x10]\n"
    assert read_yaml(text, "day.yaml") == {
        "on": {"go": "yes", "stop": "no"},
        "is_done": True,
        "day": "2026-12-01",
        "counts": [1, 2.5, 16],
    }


def test_an_alias_is_a_copy_of_what_it_stands_for() -> None:
    read = read_yaml("a: &one {x: [1]}\nb: *one", "f.yaml")
    read["a"]["x"].append(2)
    assert read["b"] == {"x": [1]}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "a: 1\na: 2",
            "f.yaml, line 2: it is no YAML that is read here: the key 'a' stands twice.",
        ),
        ("a: [", "line 1"),
        ("\t- a", "line 1"),
        ("a: !!python/object/apply:os.system [ls]", "python/object/apply:os.system"),
        ("a: !!binary aGk=", "binary"),
        ("a: !!set {x}", "set"),
        ("a: &x [*x]", "recursive"),
        ("? [1]\n: 2", "a key is a text or a number"),
        ("a: 1\n---\nb: 2", "another document"),
        ("a: \x00", "#x0000"),
        ("[" * 5_000, "nested too deeply"),
        ("[" * 90 + "]" * 90, "nested too deeply"),
        (f"a: {'9' * 9_000}", "f.yaml"),
        (BOMB, "it holds too much"),
        (f"a: {'x' * 2_100_000}", "f.yaml is larger than 2 MB"),
    ],
)
def test_what_is_no_plain_data_is_refused(text: str, says: str) -> None:
    with pytest.raises(ArgumentError) as refused:
        read_yaml(text, "f.yaml")
    assert says in str(refused.value)
    assert len(str(refused.value)) < 400
