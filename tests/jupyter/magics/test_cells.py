"""Cells as Functions, and what is wrong with one told by its line (P10)."""

import inspect

import pandas as pd
import pytest

pytestmark = pytest.mark.slow

AGENT = '''%%agent summarise(text: str, tone: str = "plain") -> str --uses count --model scripted
"""Summarise a text.

Args:
    text: What is summarised.
"""
You are careful.
---
In a {tone} tone, as {"json": 1}:
{text}
'''
COUNT = '''%%function
def count(text: str) -> int:
    """Count words."""
    return len(text.split())
'''


def test_p10_a_cell_magic_defines_a_typed_agent(shell):
    shell.run(COUNT)
    shell.run(AGENT)

    fn = shell.names["summarise"]
    assert fn.desc == "Summarise a text."
    assert [(a.name, a.argtype, a.desc) for a in fn.args] == [
        ("text", str, "What is summarised."),
        ("tone", str, ""),
    ]
    assert fn.args[1].default == "plain"
    assert fn.system_prompt == "You are careful."
    assert fn.user_text({"text": "{x}", "tone": "dry"}) == 'In a dry tone, as {"json": 1}:\n{x}'
    assert fn.uses == [shell.names["count"]]
    assert "summarise(text: str, tone: str = 'plain') -> str" in shell.text
    assert "└─ count" in shell.text


def test_p10_types_are_those_of_the_notebook(shell):
    shell.run("import dataclasses, typing\n@dataclasses.dataclass\nclass Fact:\n    name: str")
    shell.run("import netflux_nb as pkg")
    shell.run(
        "%%agent facts(text: str, n: int | None, kind: Literal['a', 'b']) -> list[Fact]\n{text}"
    )
    fn = shell.names["facts"]
    fact = shell.names["Fact"]
    assert fn.result_type == list[fact]
    assert fn.args[1].optional

    shell.run("%%agent usage(text: str) -> pkg.TokenUsage\n{text}")
    assert shell.names["usage"].result_type.__name__ == "TokenUsage"


def test_what_a_cell_cannot_mean_is_told_by_its_line_with_a_caret(shell):
    shell.run(COUNT)
    said = shell.fails("\n\n%%agent one(text: str)\nA line.\nSay {txt} of it.")
    assert said.splitlines() == [
        "PromptError: Line 5: {txt} is no argument. one() takes: text. Did you mean text? "
        "`{{txt}` stands for plain braces.",
        "  Say {txt} of it.",
        "      ^",
    ]


WRONG = {
    "no signature": ("%%agent\nhi", "`%%agent` wants a signature"),
    "no python": ("%%agent one(a: \nhi", "is no signature"),
    "unknown type": ("%%agent one(a: Thing)\nhi", "type 'Thing', which is not known here"),
    "no type": ("%%agent one(a: print)\nhi", "type 'print', which is not known here"),
    "called": ("%%agent one(a: x())\nhi", "type 'x()', which is not known here"),
    "bad default": ('%%agent one(a: int = "x")\nhi', "Line 1: Arg 'a' expects int, got str"),
    "unknown use": ("%%agent one() --uses cuont\nhi", "no Function 'cuont'. Did you mean count?"),
    "built in": ("%%agent one() --uses bash\nhi", "`from netflux_nb.func_lib import bash`"),
    "plain use": ("%%agent one() --uses plain\nhi", "'plain' is no Function. Put `@function`"),
    "itself": ("%%agent one() --uses one\nhi", "one() uses itself. If that is meant, write"),
    "no prompt": ("%%agent one()\n\n", "There is no prompt"),
    "open quotes": ('%%agent one()\n"""Doc\nhi', "Line 2: The description has no closing"),
    "bad setting": ("%%agent one() --set efort=1\nhi", "knows no setting 'efort'"),
    "bad value": ("%%agent one() --effort huge\nhi", "Setting 'effort' must be"),
    "two defs": (
        "%%function\ndef a() -> int:\n    return 1\nx = 1",
        "Line 4: A `%%function` cell holds one `def`",
    ),
    "no hint": ("%%function\ndef a(x) -> int:\n    return 1", "Line 2: Parameter 'x' needs a type"),
    "stars": ("%%function\ndef a(*x: int):\n    return 1", "*args/**kwargs are not allowed"),
    "syntax": ("%%function\ndef a(x: int:\n    return 1", "Line 2: "),
    "type of none": (
        "%%function\ndef a(n: int,\n      x: open):\n    return 1",
        "Line 3: Arg 'x' has unsupported type",
    ),
}


@pytest.mark.parametrize(("cell", "why"), WRONG.values(), ids=WRONG)
def test_a_mistake_is_a_line_or_two(shell, cell, why):
    shell.run(COUNT)
    shell.run("def plain(): ...")
    said = shell.fails(cell)
    assert why in said
    assert "Line " in said
    assert len(said.splitlines()) <= 3
    assert "Traceback" not in said


def test_a_circle_is_refused_by_the_names_as_they_stand(shell):
    shell.run("%%agent a()\nhi")
    shell.run("%%agent b() --uses a\nhi")
    said = shell.fails("%%agent a() --uses b\nhi")
    assert "Circular uses: a -> b -> a" in said
    shell.run("%%agent a() --uses b --recursive\nhi")
    assert shell.names["a"].uses_recursion


def test_a_refused_cell_leaves_the_name_as_it_was(shell):
    shell.run(COUNT)
    before = shell.names["count"]
    shell.fails("%%function\ndef count(text: open) -> int:\n    return 1")
    assert shell.names["count"] is before
    shell.fails("%%function\ndef other(text: open) -> int:\n    return 1")
    assert "other" not in shell.names


def test_p10_a_card_says_what_changed_since_the_last_run(shell):
    shell.run(COUNT)
    shell.run(AGENT)
    assert "changed" not in shell.text
    shell.run("summarise('a')")
    shell.run(AGENT.replace("careful", "careless"))
    assert "changed since the last run: system prompt" in shell.text
    assert "-You are careful." in shell.text
    assert "+You are careless." in shell.text
    # It has not run meanwhile: what ran last is what counts.
    shell.run(AGENT.replace("careful", "dull").replace("In a", "With a"))
    assert "changed since the last run: prompt, system prompt" in shell.text
    assert "-You are careful." in shell.text


def test_a_redefined_function_is_itself_for_all_that_used_it_before(shell):
    shell.run("%%function\ndef low(x: int) -> int:\n    return 1")
    shell.run("%%function --uses low\ndef mid(x: int) -> int:\n    return low(x=x)")
    shell.run("mid(1)")
    shell.run("%%function\ndef low(x: int) -> int:\n    return 2")
    shell.run(
        "%%function --uses mid,low\ndef top(x: int) -> list:\n    return [mid(x=x), low(x=x)]"
    )
    assert shell.run("top(1)") == [2, 2]


def test_an_agent_calls_what_a_name_means_now_and_its_version_says_so(shell):
    low = "%%function\ndef low(x: int) -> int:\n    return {}"
    shell.run(low.format(1))
    shell.run("%%agent top() --uses low --model scripted\nCall it.")
    first = shell.names["top"].version
    shell.run("top()")
    shell.run(low.format(2))
    top = shell.names["top"]
    assert top.version != first
    assert top.uses == [shell.names["low"]]
    node = shell.run("run = top.start().wait()\nrun.root")
    assert node.func_map["low"] is shell.names["low"]


def test_functions_of_one_name_that_are_held_apart_stay_apart(shell):
    shell.run(
        "def made(n):\n    @function\n    def low() -> int:\n        return n\n    return low\n"
        "one, two = made(1), made(2)\nlow = 3"
    )
    shell.run("%%function --uses one\ndef first() -> int:\n    return one()")
    shell.run("%%function --uses two\ndef second() -> int:\n    return two()")
    assert shell.run("first(), second(), first()") == (1, 2, 1)


def test_the_code_of_a_cell_is_found_by_inspect_and_by_a_version(shell):
    shell.run("RATE = 2")
    cell = "%%function --effect network --idempotent\ndef scaled(x: int) -> int:\n    return x * RATE\n"
    shell.run(cell)
    fn = shell.names["scaled"]
    assert inspect.getsource(fn.original) == "def scaled(x: int) -> int:\n    return x * RATE\n"
    assert (fn.effect, fn.idempotent) == ("network", True)
    first = fn.version
    shell.run("RATE = 3")
    assert fn.version != first


def test_a_cell_and_python_define_the_same_version(shell):
    shell.run("%%function\ndef one(x: int) -> int:\n    return x + 1\n")
    by_cell = shell.names["one"].version
    shell.run("@function\ndef one(x: int) -> int:\n    return x + 1\n")
    assert shell.names["one"].version == by_cell


def test_my_own_error_keeps_my_frames_and_hides_ours(shell):
    shell.run("%%function\ndef boom(n: int) -> float:\n    rest = n\n    return rest / 0\n")
    said = shell.fails("1\nboom(n=1)")
    assert "----> 2 boom(n=1)" in said
    assert "return rest / 0" in said
    assert "netflux_nb/" not in said
    assert "in boom(n)" in said
    assert "skipping hidden" in said


def test_a_mistake_in_a_plain_cell_names_its_line(shell):
    shell.run(COUNT)
    said = shell.fails("x = 1\ncount(txt='a')")
    assert said.splitlines()[1] == "  line 2: count(txt='a')"
    said = shell.fails("x = 1\n%invoke count txt='a'")
    assert said.splitlines()[1] == "  line 2"


def test_settings_of_an_agent_are_options(shell):
    shell.run("%%agent one() --effort low --set max_tokens=5 stop=END --max-steps 3 --approve\nhi")
    fn = shell.names["one"]
    assert fn.settings == {"effort": "low", "max_tokens": 5, "stop": "END"}
    assert (fn.max_steps, fn.needs_approval) == (3, True)


def test_a_placeholder_in_the_system_prompt_is_pointed_out(shell):
    shell.run("%%agent one(text: str)\nBe {text}.\n---\n{text}")
    assert "{text} in the system prompt stays as it is" in shell.text


def test_a_table_is_no_argument_by_accident(shell):
    shell.names["frame"] = pd.DataFrame({"a": [1]})
    said = shell.fails("%%agent one(x: frame.a)\nhi")
    assert "not known here" in said or "no JSON schema" in said
