"""What each provider is told of a type takes every value that our own check takes."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import Enum
from importlib.metadata import version
from typing import Annotated, Any, Literal, NotRequired

import jsonschema
import pytest
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict
from wire import Call, Said
from wire.asking import told

from netflux_nb import ArgumentError, CodeFunction, FunctionArg, ModelRequest, function
from netflux_nb.core.functions.schema import as_object, check, check_json, schema_of
from netflux_nb.providers import anthropic, gemini, typed_results


@dataclass
class City:
    name: str
    people: int = 0


@dataclass
class Land:
    capital: City
    others: list[City] = field(default_factory=list)
    nearby: "City | None" = None


@dataclass
class Tree:
    name: str
    below: "list[Tree]" = field(default_factory=list)


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    name: str


class Mixed(BaseModel):
    counts: dict[str, int]
    at: datetime


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Row(TypedDict):
    x: int
    y: NotRequired[str]


ULM = {"name": "Ulm", "people": 3}

TYPES: dict[str, tuple[Any, list[Any]]] = {
    "dict of int": (dict[str, int], [{}, {"a": 1, "b": 2}]),
    "dict of models": (dict[str, City], [{"ulm": ULM}]),
    "dict of lists": (dict[str, list[str]], [{"a": ["b"]}]),
    "bare dict": (dict, [{}, {"a": [1, None]}]),
    "optional": (City | None, [None, ULM]),
    "union": (int | str | list[int], [1, "x", [1, 2]]),
    "union of models": (Cat | Dog, [{"kind": "dog", "name": "Rex"}]),
    "tagged union": (
        Annotated[Cat | Dog, Field(discriminator="kind")],
        [{"kind": "cat", "lives": 9}, {"kind": "dog", "name": "Rex"}],
    ),
    "tuple": (tuple[int, str], [[1, "x"]]),
    "tuple of any length": (tuple[int, ...], [[], [1, 2, 3]]),
    "enum": (Color, ["red", "blue"]),
    "list of enums": (list[Color], [["red", "blue"]]),
    "literal": (Literal["a", 1, None], ["a", 1, None]),
    "one literal": (Literal["a"], ["a"]),
    "recursive": (Tree, [{"name": "a", "below": [{"name": "b", "below": [{"name": "c"}]}]}]),
    "recursive, below": (list[Tree], [[{"name": "a", "below": [{"name": "b"}]}]]),
    "nested": (Land, [{"capital": ULM}, {"capital": ULM, "others": [ULM], "nearby": None}]),
    "list of dicts": (list[dict], [[{"a": 1}, {}]]),
    "list of anything": (list, [[1, "x", None]]),
    "anything": (Any, [1, "x", None, {"a": 1}, [1]]),
    "model with a dict": (Mixed, [{"counts": {"a": 1}, "at": "2026-01-02T03:04:05"}]),
    "datetime": (datetime, ["2026-01-02T03:04:05", "2026-01-02T03:04:05Z"]),
    "open model": (Open, [{"name": "x", "more": 1}]),
    "bounded": (Annotated[int, Field(ge=1, le=5)], [1, 5]),
    "bounded list": (Annotated[list[int], Field(min_length=2, max_length=3)], [[1, 2]]),
    "pattern": (Annotated[str, Field(pattern="^a+$")], ["aaa"]),
    "decimal": (Decimal, ["1.5", 2]),
    "typed dict": (Row, [{"x": 1}, {"x": 1, "y": "z"}]),
    "set": (set[int], [[1, 2]]),
    "plain": (int, [3]),
    "truth": (bool, [True, False]),
}


def told_of(body: dict[str, Any], wired: str) -> tuple[Any, Any, bool]:
    """Give what is told of the argument's call and of the result; and whether it is enforced."""
    if wired == "anthropic":
        tools = {t["name"]: t for t in body["tools"]}
        format = body.get("output_config", {}).get("format")
        result = format["schema"] if format else tools["give_result"]["input_schema"]
        assert not any(t.get("strict") for t in tools.values())
        return tools["take"]["input_schema"], result, bool(format)
    if wired == "gemini":
        (group,) = body["tools"]
        tools = {t["name"]: t["parameters_json_schema"] for t in group["functionDeclarations"]}
        config = body["generationConfig"]
        if "responseJsonSchema" in config:
            return tools["take"], config["responseJsonSchema"], True
        _, line = body["systemInstruction"]["parts"][0]["text"].rsplit("\n", 1)
        return tools["take"], json.loads(line), False
    tools = {t["function"]["name"]: t["function"]["parameters"] for t in body["tools"]}
    format = body["response_format"]["json_schema"]
    return tools["take"], format["schema"], format["strict"]


def validator(schema: Any) -> jsonschema.Draft202012Validator:
    jsonschema.Draft202012Validator.check_schema(schema)
    checker = jsonschema.FormatChecker()

    @checker.checks("date-time")
    def zoned(text: Any) -> bool:  # as strict modes read it
        return not isinstance(text, str) or text.endswith("Z")

    return jsonschema.Draft202012Validator(schema, format_checker=checker)


@pytest.mark.parametrize("name", TYPES)
def test_a_provider_is_told_of_every_value_that_a_type_takes(play, wired, name):
    kind, samples = TYPES[name]
    got = []

    def take_it(ctx, *, x):
        got.append(x)

    take = CodeFunction(
        name="take", desc="Take it.", args=[FunctionArg("x", kind, "told")], callable=take_it
    )
    script = [Said(calls=[Call("take", {"x": v}, f"c{i}") for i, v in enumerate(samples)])]
    wraps = _wraps(kind)
    answers = [{"result": samples[-1]} if wraps else samples[-1]]
    script.append(Said(text=json.dumps(answers[0])))
    done = play(wired, script, uses=[take], signature="one(q: str) -> T", types={"T": kind})
    assert done.node.result() == check(kind, samples[-1])
    assert len(got) == len(samples)
    call, result, is_enforced = told_of(done.bodies[0], wired)
    validate = validator if is_enforced else jsonschema.Draft202012Validator
    for value in samples:
        check(kind, value)
        # Of a call nothing is enforced: a format there is a hint.
        jsonschema.Draft202012Validator(call).validate({"x": value})
        validate(result).validate({"result": value} if wraps else value)


def _wraps(kind: Any) -> bool:
    schema = schema_of(kind)
    return as_object(schema) != schema


LOOSE = {
    "dict of int", "dict of models", "dict of lists", "bare dict", "tuple", "recursive",
    "recursive, below", "list of dicts", "list of anything", "anything", "model with a dict",
    "open model",
}  # fmt: skip
if int(version("anthropic").split(".")[0]) < 2:
    LOOSE.add("literal")


@pytest.mark.parametrize("name", TYPES)
def test_what_can_be_enforced_is(name):
    request = ModelRequest(
        provider="x", model=None, system="", parts=(), result_schema=schema_of(TYPES[name][0])
    )
    assert ("output_config" in anthropic.encode(request)) == (name not in LOOSE)
    config = gemini.encode(request)["config"]
    assert bool(config.response_json_schema) == ("recursive" not in name)


def test_strict_is_asked_of_openai_only_for_words_that_it_knows():
    def is_strict(kind):
        return typed_results.is_strict(as_object(schema_of(kind)))

    class Closed(BaseModel):
        model_config = ConfigDict(extra="forbid")
        name: str
        tags: list[Literal["a", "b"]]

    class Timed(Closed):
        at: datetime

    class Odd(Closed):
        extra: Any

    assert is_strict(Closed)
    assert is_strict(list[Closed])
    assert not is_strict(Timed)
    assert not is_strict(Odd)
    assert not is_strict(Annotated[str, Field(pattern="^a+$")])
    assert not is_strict(tuple[int, str])
    assert not is_strict(set[int])


def test_gemini_is_given_a_reference_alone_and_no_const():
    told = typed_results.plain(
        as_object(schema_of(Annotated[Cat | Dog, Field(discriminator="kind")]))
    )
    assert told["$defs"]["Cat"]["properties"]["kind"]["enum"] == ["cat"]
    tool = FunctionArg("x", Tree, "a tree").json_schema()
    assert typed_results.plain(tool)["anyOf"] == [{"$ref": "#/$defs/Tree"}]
    assert typed_results.plain(tool)["description"] == "a tree"


@function
def give_result(name: str) -> str:
    """Send a result away."""
    return f"sent {name}"


def test_a_function_of_ones_own_may_be_called_as_the_result_is(play, wired):
    script = [Said(calls=[Call("give_result", {"name": "x"})]), Said(text="done")]
    done = play(wired, script, uses=[give_result])
    assert done.node.result() == "done"
    assert [c.outputs for c in done.view.children] == ["sent x"]


def test_the_call_that_gives_the_result_is_named_unlike_all_others(play, wired):
    script = [
        Said(calls=[Call("give_result", {"name": "x"})]),
        Said(calls=[Call("give_result_", {"result": [1]})]),
    ]
    done = play(
        wired, script, uses=[give_result], signature="one(q: str) -> list[int]",
        settings={"result": "tool"},
    )  # fmt: skip
    assert done.node.result() == [1]
    assert [c.outputs for c in done.view.children] == ["sent x"]


def test_words_before_the_call_that_gives_the_result_do_no_harm(play, wired):
    script = [Said(text="Here it is.", calls=[Call("give_result", {"result": [1]})])]
    done = play(wired, script, signature="one(q: str) -> list[int]", settings={"result": "tool"})
    assert done.node.result() == [1]
    assert len(done.server.asked) == 1


def test_a_result_given_beside_calls_comes_too_early_and_the_calls_are_made(play, wired):
    both = [
        Call("give_result", {"name": "x"}, "a"),
        Call("give_result_", {"result": [1]}, "b"),
    ]
    script = [Said(calls=both), Said(calls=[Call("give_result_", {"result": [2]}, "c")])]
    done = play(
        wired, script, uses=[give_result], signature="one(q: str) -> list[int]",
        settings={"result": "tool"},
    )  # fmt: skip
    assert done.node.result() == [2]
    assert [c.outputs for c in done.view.children] == ["sent x"]


@pytest.mark.parametrize("wired", ["anthropic", "openai"])
def test_a_garbled_result_is_told_as_one(play, wired):
    script = [
        Said(calls=[Call("give_result", raw='{"result": [1')]),
        Said(calls=[Call("give_result", {"result": [1]})]),
    ]
    done = play(wired, script, signature="one(q: str) -> list[int]", settings={"result": "tool"})
    assert done.node.result() == [1]
    assert any("does not fit" in t for kind, t in told(done.view) if kind == "UserText")


DEEP = '{"result": ' + "[" * 50_000


@pytest.mark.parametrize(
    "text", [DEEP, DEEP + "]" * 50_000 + "}", "\ud800", '{"result": NaN}', "9" * 9999]
)
def test_an_answer_that_cannot_be_read_is_a_misfit_and_no_crash(text):
    with pytest.raises(ArgumentError):
        check_json(list[int], text)
