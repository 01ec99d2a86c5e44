"""What a Function can be asked beyond a call: a preview, its history, its source, its card."""

import dataclasses
import inspect
import textwrap
from typing import Literal

import pytest

import netflux_nb
from netflux_nb import AgentFunction, ArgumentError, Runtime, agent, function, session
from netflux_nb.testing import ScriptedModel


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("NETFLUX_HOME", str(tmp_path / "store"))
    with Runtime(is_open=True, models={"scripted": ScriptedModel(lambda r: "ok")}) as runtime:
        netflux_nb.use(runtime)
        yield tmp_path / "store"
    session.close_records()


@function
def count(text: str, most: int = 5) -> int:
    """Count words."""
    return min(len(text.split()), most)


def test_a_preview_is_what_a_call_sends_first(store):
    asked = []
    fn = agent(
        "say(text: str)",
        "Say {text}",
        system="Be kind.",
        uses=[count],
        model="scripted",
        settings={"max_tokens": 9},
    )
    with Runtime(
        models={"scripted": ScriptedModel(lambda r: asked.append(r) or "ok")}, is_open=True
    ) as own:
        netflux_nb.use(own)
        seen = fn.preview(text="a")
        assert asked == []
        assert not store.exists()
        fn("a")

    sent = asked[0]
    told = seen.request
    names = ("provider", "model", "system", "tools", "settings", "result_schema", "nth")
    assert {n: getattr(told, n) for n in names} == {n: getattr(sent, n) for n in names}
    assert list(told.parts) == list(sent.parts)


@pytest.mark.parametrize("model", ["anthropic", "openai:gpt-6-astra", "gemini", "xai"])
def test_a_preview_needs_no_key_and_shows_the_native_request(store, model):
    seen = agent("say(text: str) -> list[int]", "Say {text}", uses=[count], model=model).preview(
        "hi"
    )

    assert seen.native is not None
    assert "Say hi" in str(seen) or "Say hi" in repr(seen.native)
    low, likely, high = seen.tokens
    assert 0 < low < likely < high
    assert seen.usd is None or 0 < seen.usd[0] < seen.usd[1]
    assert "Say hi" in seen._repr_mimebundle_()["text/html"]


def test_a_preview_refuses_what_the_call_would(store):
    fn = agent("say(text: str)", "Say {text}", model="anthropic", settings={"efort": 1})
    with pytest.raises(ArgumentError, match="knows no setting 'efort'"):
        fn.preview("a")
    with pytest.raises(ArgumentError, match="Missing required"):
        fn.preview()
    assert count.preview("a b").request is None
    assert "no model is asked" in repr(count.preview("a b"))


def test_p10_a_history_lists_versions_with_their_diffs_runs_and_costs(store):
    first = agent("say(text: str)", "Say {text}", model="scripted")
    first("a")
    first("b")
    with pytest.raises(ArgumentError):
        first(1)
    second = agent("say(text: str)", "Please say {text}", model="scripted", system="Be brief.")
    second("a")
    third = agent("say(text: str)", "Please say {text}", model="scripted")

    found = third.history()

    assert [(e.runs, e.calls, e.is_current) for e in found] == [
        (2, 2, False),
        (1, 1, False),
        (0, 0, True),
    ]
    assert found[1].changed == ("prompt", "system prompt")
    assert "-Say {text}\n+Please say {text}" in found[1].diff
    assert found[2].changed == ("system prompt",)
    assert [e.usd for e in found] == [0.0, 0.0, 0]
    assert list(found.df["calls"]) == [2, 1, 0]
    html = found._repr_mimebundle_()["text/html"]
    assert "Please say" in html
    assert "<script" not in html


def test_a_helper_that_changed_is_a_version_too(store):
    space = {}
    for rate in (1, 2):
        space["RATE"] = rate
        exec("def scaled(x: int) -> int:\n    return x * RATE\n", space)
        fn = function(space["scaled"])
        fn(x=1)
    assert [e.changed for e in fn.history()] == [(), ("what it uses or reaches",)]


@dataclasses.dataclass
class Fact:
    name: str


SIGNATURES = [
    'a(text: str, tone: str = "plain") -> str',
    "a(text: str | None, n: int = 3, x: float | None = None) -> list[dict[str, int]]",
    'a(kind: Literal["x", "y"] = "x") -> Fact',
    "a() -> int | list[Fact]",
    "a(fs: list[Fact], *, flag: bool = False) -> tuple[int, str]",
]


@pytest.mark.parametrize("signature", SIGNATURES)
def test_the_source_of_an_agent_is_the_same_function(signature):
    fn = agent(
        signature,
        'Say "it" \\ and {"json": 1}\n  in lines\n',
        system="Quotes: \"\"\" and '''",
        desc="Says.\n\nArgs:\n    text: What is said." if "text" in signature else "Says.",
        uses=[count],
        model="anthropic:claude-x",
        settings={"effort": "low", "stop": ["a"]},
        max_steps=7,
        needs_approval=True,
        uses_recursion=True,
        types={"Fact": Fact},
    )
    space = {"count": count, "Fact": Fact, "Literal": Literal}
    exec(fn.source(), space)
    made = space["a"]
    assert isinstance(made, AgentFunction)
    assert made.version == fn.version


def test_the_source_of_code_is_the_same_function(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        textwrap.dedent(
            """
            from netflux_nb import function
            RATE = 2
            @function
            def low(x: int) -> int:
                return x

            @function(uses=[low], effect="mail", idempotent=True, needs_approval=True)
            def high(x: int,
                     y: str = "a") -> int:
                '''High.

                Args:
                    x: A number.
                '''
                return low(x=x) * RATE

            @function
            async def later(x: int) -> int:
                return x
            """
        )
    )
    space = {"__name__": "mine"}
    exec(compile(file.read_text(), str(file), "exec"), space)
    for name in ("low", "high", "later"):
        text = space[name].source()
        again = dict(space)
        copy = tmp_path / f"{name}.py"
        copy.write_text(text)
        exec(compile(text, str(copy), "exec"), again)
        assert again[name].version == space[name].version
    assert "# It needs, defined or imported above: RATE, low." in space["high"].source()


def test_what_cannot_be_written_says_so():
    from netflux_nb.func_lib import bash

    with pytest.raises(ArgumentError, match="made by a call of that class"):
        bash.source()
    with pytest.raises(ArgumentError, match="was not made of a `def`"):
        function(name="twice")(lambda: 1).source()
    odd = agent("f(x: str)", "{x}", settings={"extra": object()})
    with pytest.raises(ArgumentError, match="cannot be written as Python"):
        odd.source()


def test_python_is_told_signature_and_words():
    fn = agent(
        "say(text: str, tone: str | None) -> list[int]", "Say {text}", desc="Says.", system="S"
    )
    assert str(inspect.signature(fn)) == "(text: str, tone: str | None = None) -> list[int]"
    assert inspect.getdoc(fn) == "Says.\n\nS\n\nSay {text}"
    assert str(inspect.signature(count)) == "(text: str, most: int = 5) -> int"
    assert inspect.getsource(count).startswith("@function\ndef count(")
    inspect.signature(AgentFunction)


def test_a_function_is_shown_as_its_card():
    bundle = count._repr_mimebundle_()
    assert "count(text: str, most: int = 5) -> int" in bundle["text/plain"]
    assert "<script" not in bundle["text/html"]
    assert repr(count) == "<code count(text, most)>"
