"""What `?` shows of Functions and of our magics, in a real shell."""

import pytest

pytestmark = pytest.mark.slow

DEFINE = '''%%agent say(text: str, tone: str = "plain") -> str --model scripted
"""Say it."""
You are brief.
---
In a {tone} tone: {text}
'''


def asked(shell, name, level=0):
    return shell.shell.object_inspect_mime(name, level)["text/plain"]


def test_a_function_is_shown_as_its_card_and_prompts(shell):
    shell.run(DEFINE)

    said = asked(shell, "say").splitlines()

    assert [line.partition(":")[0] for line in said] == [
        "Signature",
        "Kind",
        "Description",
        "Facts",
        "System prompt",
        "Prompt",
    ]
    assert said[0].split(None, 1)[1] == "say(text: str, tone: str = 'plain') -> str"
    assert said[-1].split(None, 1)[1] == "In a {tone} tone: {text}"


def test_two_question_marks_show_it_as_python(shell):
    shell.run(DEFINE)
    assert "say = agent(" in asked(shell, "say", 1)


def test_code_and_what_it_calls_are_shown(shell):
    shell.run(DEFINE)
    shell.run("@function(uses=[say])\ndef study(n: int) -> str:\n    'Study it.'\n    return ''")
    said = asked(shell, "study")
    assert "study(n: int) -> str" in said
    assert "Study it." in said
    assert "└─ say (agent)" in said


@pytest.mark.parametrize("name", ["agent", "function", "map", "invoke", "nf", "nfsql"])
def test_a_magic_is_found_by_one_sign_or_two_and_shows_an_example(shell, name):
    kinds = shell.shell.magics_manager.magics
    signs = ["%", *(["%%"] if name in kinds["cell"] else [])]
    for sign in signs:
        said = asked(shell, f"{sign}{name}")
        assert "Example:" in said
        assert "::" not in said
        assert "File:" not in said


def test_what_is_not_ours_is_left_to_ipython(shell):
    assert "Signature" in asked(shell, "len")
    assert "File:" in asked(shell, "%timeit")


def test_unloaded_it_is_ipythons_again(shell):
    shell.run(DEFINE)
    shell.run("%unload_ext netflux_nb")
    assert "Class docstring" in asked(shell, "say")
    assert dict(shell.shell.inspector.mime_hooks) == {}


def test_hostile_words_of_a_prompt_are_shown_as_signs(shell):
    shell.run("odd = agent('odd(text: str) -> str', 'a\\x1b[31m\\u202e {text}', model='scripted')")
    said = asked(shell, "odd")
    assert "\x1b" not in said
    assert "\u202e" not in said
