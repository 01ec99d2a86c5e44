"""Functions and their arguments (rows N11-N50, NW20-NW25, ND8)."""

import inspect
import threading
from dataclasses import dataclass
from typing import Literal

import pytest
from pydantic import BaseModel

from netflux_nb import (
    AgentFunction,
    CodeFunction,
    Function,
    FunctionArg,
    Provider,
    Runtime,
    SignatureError,
    agent,
    function,
)
from netflux_nb.core import RunContext
from netflux_nb.testing import ScriptedModel


def code(args, body, **more):
    return CodeFunction(name="fn", desc="d", args=args, callable=body, **more)


def agent_of(template, args=(), **more):
    return AgentFunction(
        name="one",
        desc="d",
        args=list(args),
        system_prompt="s",
        user_prompt_template=template,
        **more,
    )


def takes_x(ctx: RunContext, *, x: int) -> int:
    return x


def test_n11_function_is_abstract_and_takes_name_desc_args():
    with pytest.raises(TypeError, match="abstract"):
        Function("f", "d", [])

    class Mine(Function):
        @property
        def uses(self):
            return []

    made = Mine("f", "d", [FunctionArg("x", int)])
    assert (made.name, made.desc, [a.name for a in made.args]) == ("f", "d", ["x"])


def test_n12_uses_is_a_list_one_cannot_change_from_outside():
    inner = code([], lambda ctx: 1)
    outer = CodeFunction(name="outer", desc="", args=[], callable=lambda ctx: 1, uses=[inner])
    outer.uses.clear()
    assert outer.uses == [inner]


def test_n13_agents_and_code_say_what_they_are():
    one, two = agent("one()", "x"), code([], lambda ctx: 1)
    assert (one.is_agent(), one.is_code()) == (True, False)
    assert (two.is_agent(), two.is_code()) == (False, True)


def test_n14_checking_gives_a_copy():
    given = {"flag": " TRUE "}
    checked = agent_of("x", [FunctionArg("flag", bool)]).validate_coerce_args(given)
    assert (given, checked) == ({"flag": " TRUE "}, {"flag": True})


def test_n15_unknown_arguments_are_named():
    fn = code([FunctionArg("x", int)], takes_x)
    with pytest.raises(
        ValueError, match=r"Unknown arg\(s\) for fn: \['y', 'z'\]; expected \['x'\]"
    ):
        fn.validate_coerce_args({"z": 1, "y": 1})


def test_n16_missing_arguments_are_named():
    fn = code([FunctionArg("x", int)], takes_x)
    with pytest.raises(ValueError, match=r"Missing required arg\(s\) for fn: \['x'\]"):
        fn.validate_coerce_args({})


def test_n17_optional_arguments_are_left_out_or_none():
    fn = agent_of("x", [FunctionArg("x", int, optional=True)])
    assert fn.validate_coerce_args({}) == {}
    assert fn.validate_coerce_args({"x": None}) == {"x": None}


@pytest.mark.parametrize(("text", "value"), [("true", True), (" False\n", False), ("TRUE", True)])
def test_n18_words_for_true_and_false_are_taken_for_bools(text, value):
    fn = agent_of("x", [FunctionArg("b", bool), FunctionArg("s", str, optional=True)])
    assert fn.validate_coerce_args({"b": text, "s": text}) == {"b": value, "s": text}


@pytest.mark.parametrize("text", ["yes", "1", "", "tru"])
def test_n18_other_words_are_not(text):
    with pytest.raises(ValueError, match="expects bool, got str"):
        agent_of("x", [FunctionArg("b", bool)]).validate_coerce_args({"b": text})


def test_n19_an_argument_is_frozen_and_has_defaults():
    arg = FunctionArg("x", int)
    assert (arg.desc, arg.optional, arg.enum) == ("", False, None)
    with pytest.raises(AttributeError):
        arg.name = "y"


@pytest.mark.parametrize("kind", [threading.Lock, object(), 3, "str"])
def test_n20_a_type_that_no_model_can_be_told_is_refused(kind):
    with pytest.raises(ValueError, match="Arg 'x' has unsupported type"):
        FunctionArg("x", kind)


class Point(BaseModel):
    x: int
    y: int = 0


@dataclass
class Pair:
    a: str
    b: float


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        (list[int], [1, 2], [1, 2]),
        (dict[str, float], {"a": 1.5}, {"a": 1.5}),
        (Literal["a", "b"], "a", "a"),
        (Point, {"x": 1}, Point(x=1)),
        (Pair, {"a": "x", "b": 2.0}, Pair("x", 2.0)),
        (int | None, None, None),
    ],
)
def test_nw21_any_type_with_a_schema_is_an_argument(kind, given, value):
    fn = agent_of("x", [FunctionArg("v", kind)])
    assert fn.validate_coerce_args({"v": given}) == {"v": value}
    assert fn.json_schema()["properties"]["v"]


def test_nw21_a_value_that_does_not_fit_says_where():
    fn = agent_of("x", [FunctionArg("v", Point)])
    with pytest.raises(ValueError, match=r"Arg 'v': x: .*integer.*got 'one'"):
        fn.validate_coerce_args({"v": {"x": "one"}})


@pytest.mark.parametrize(
    ("kind", "enum", "says"),
    [
        (int, {"a"}, "only supported for str"),
        (str, set(), "must be a set of string literals"),
        (str, ["a"], "must be a set of string literals"),
        (str, {1}, "enum values must be strings"),
    ],
)
def test_n21_an_enum_is_a_set_of_strings(kind, enum, says):
    with pytest.raises(ValueError, match=says):
        FunctionArg("x", kind, enum=enum)


def test_n22_none_needs_an_optional_argument():
    FunctionArg("x", int, optional=True).validate_value(None)
    with pytest.raises(ValueError, match="Arg 'x' is required and cannot be None"):
        FunctionArg("x", int).validate_value(None)


@pytest.mark.parametrize(
    ("kind", "value", "says"),
    [
        (int, True, "expects int, got bool"),
        (float, True, "expects float, got bool"),
        (bool, 1, "expects bool, got int"),
        (int, 1.0, "expects int, got float"),
        (str, 1, "expects str, got int"),
        (float, "1", "expects float, got str"),
    ],
)
def test_n23_types_are_exact(kind, value, says):
    with pytest.raises(ValueError, match=f"Arg 'x' {says}"):
        FunctionArg("x", kind).validate_value(value)


def test_n24_an_int_is_taken_for_a_float():
    assert agent_of("x", [FunctionArg("x", float)]).validate_coerce_args({"x": 2}) == {"x": 2}


def test_n25_an_enum_says_what_is_allowed():
    with pytest.raises(ValueError, match="Arg 'x' must be one of: a, b; got 'c'"):
        FunctionArg("x", str, enum={"b", "a"}).validate_value("c")


def test_n26_argument_errors_are_value_errors():
    from netflux_nb import ArgumentError

    assert issubclass(ArgumentError, ValueError)


def test_q55_n27_others_see_description_and_schema():
    args = [FunctionArg("tone", str, "How it sounds.", enum={"dry", "warm"})]
    schema = {
        "type": "object",
        "properties": {
            "tone": {"type": "string", "enum": ["dry", "warm"], "description": "How it sounds."}
        },
        "required": ["tone"],
        "additionalProperties": False,
    }
    inner = CodeFunction(
        name="inner", desc="Say it in a tone.", args=args, callable=lambda ctx, *, tone: tone
    )
    other = AgentFunction(
        name="other",
        desc="Think about a tone.",
        args=args,
        system_prompt="",
        user_prompt_template="{tone}",
        default_model="scripted",
    )
    assert inner.json_schema() == other.json_schema() == schema

    outer = agent("outer()", "go", uses=[inner, other], model="scripted")
    model = ScriptedModel(["end"])
    with Runtime([outer], models={"scripted": model}) as runtime:
        runtime.get_ctx().invoke(outer, {}).result(timeout=60)
    assert [(t.name, t.desc, t.schema) for t in model.requests[0].tools] == [
        ("inner", "Say it in a tone.", schema),
        ("other", "Think about a tone.", schema),
    ]


def test_n28_an_agent_is_made_by_keywords():
    with pytest.raises(TypeError):
        AgentFunction("one", "d", [], "s", "u")
    assert agent_of("x").default_model is Provider.Anthropic


def test_n30_an_agent_keeps_its_prompts():
    one = agent_of("Hello {x}", [FunctionArg("x", str)])
    assert (one.system_prompt, one.user_prompt_template) == ("s", "Hello {x}")


def test_n31_the_user_turn_is_filled_from_the_arguments():
    assert agent_of("Hi {x}!", [FunctionArg("x", str)]).user_text({"x": "Ada"}) == "Hi Ada!"


def test_n32_any_deterministic_transform_may_stand_in():
    class Loud(AgentFunction):
        def user_text(self, inputs):
            return super().user_text(inputs).upper()

    one = Loud(name="l", desc="", args=[], system_prompt="", user_prompt_template="hey")
    assert one.user_text({}) == "HEY"


def test_n33_a_missing_placeholder_raises():
    with pytest.raises(KeyError, match="name"):
        agent_of("Hello {name}").user_text({})


def test_nw25_a_bad_placeholder_is_refused_at_definition():
    with pytest.raises(KeyError, match=r"\{tome\} is no argument. It takes: text, tone") as caught:
        agent("one(text: str, tone: str)", "In a {tome} tone: {text}")
    assert str(caught.value).splitlines()[-1].index("^") == len("  In a ")


def test_nw25_json_in_a_prompt_is_left_alone():
    one = agent("one(text: str)", 'Answer {"n": 1, "x": {}} or {0} for {text} {}')
    assert one.user_text({"text": "t"}) == 'Answer {"n": 1, "x": {}} or {0} for t {}'


def test_nu16_what_was_left_out_reads_as_none():
    assert agent_of("{x}", [FunctionArg("x", str, optional=True)]).user_text({}) == "None"


def test_n36_two_tools_of_one_name_are_refused():
    tool = code([], lambda ctx: 1)
    other = code([], lambda ctx: 2)
    with pytest.raises(ValueError, match=r"one: duplicate tool names not allowed: \['fn'\]"):
        agent_of("x", uses=[tool, other])


def test_n38_raise_exception_is_opt_in():
    assert agent_of("x").uses == []


def test_n40_code_is_made_by_keywords():
    with pytest.raises(TypeError):
        CodeFunction("fn", "d", [], takes_x)


def no_parameters():
    return 1


def keyword_first(*, ctx):
    return 1


@pytest.mark.parametrize("body", [no_parameters, keyword_first])
def test_n41_the_first_parameter_is_the_context(body):
    with pytest.raises(TypeError, match="first parameter must be a RunContext"):
        code([], body)


def swapped(ctx, *, y, x):
    return 1


def positional(ctx, x):
    return 1


@pytest.mark.parametrize(
    ("body", "says"), [(swapped, "do not match spec"), (positional, "must be keyword-only")]
)
def test_n42_the_others_are_keywords_in_the_specs_order(body, says):
    args = [FunctionArg("x", int), FunctionArg("y", int)]
    with pytest.raises(TypeError, match=says):
        code(args[:1] if body is positional else args, body)


def star(ctx, *rest):
    return 1


def stars(ctx, **rest):
    return 1


@pytest.mark.parametrize("body", [star, stars])
def test_n43_stars_are_refused(body):
    with pytest.raises(TypeError, match=r"\*args/\*\*kwargs are not allowed"):
        code([], body)


def with_default(ctx, *, x=1):
    return x


def with_none(ctx, *, x=None):
    return x


@pytest.mark.parametrize(
    ("optional", "body", "says"),
    [
        (True, takes_x, "optional arg 'x' must have default=None"),
        (True, with_default, "optional arg 'x' default must be None"),
        (False, with_none, "required arg 'x' must not have a default"),
    ],
)
def test_n44_defaults_follow_the_spec(optional, body, says):
    with pytest.raises(TypeError, match=says):
        code([FunctionArg("x", int, optional=optional)], body)


def test_n45_a_default_other_than_none_is_declared_on_both_sides():
    fn = code([FunctionArg("x", int, default=1)], with_default)
    assert fn.validate_coerce_args({}) == {"x": 1}
    with pytest.raises(TypeError, match="default 2 in the spec and 1 in the callable"):
        code([FunctionArg("x", int, default=2)], with_default)


def test_n46_two_used_functions_of_one_name_are_refused():
    with pytest.raises(ValueError, match="duplicate uses names not allowed"):
        code([], lambda ctx: 1, uses=[code([], lambda ctx: 1), code([], lambda ctx: 2)])


def test_q55_nw24_a_spec_and_its_callable_agree():
    with pytest.raises(ValueError, match=r"duplicate argument names not allowed: \['x'\]"):
        agent_of("x", [FunctionArg("x", int), FunctionArg("x", str)])

    def body(ctx, *, x: int):
        return x

    def of(**options):
        return CodeFunction(name="f", desc="", args=[FunctionArg("x", **options)], callable=body)

    with pytest.raises(
        SignatureError, match="'x' is str in the spec and int in the callable's annot"
    ):
        of(argtype=str)
    with pytest.raises(
        SignatureError, match="'x' is float in the spec and int in the callable's ann"
    ):
        of(argtype=float)
    assert of(argtype=int).name == "f"


def typed_str(ctx, *, x: str):
    return x


def test_nd8_an_annotation_that_contradicts_the_spec_is_refused():
    with pytest.raises(TypeError, match="'x' is int in the spec and str in the callable"):
        code([FunctionArg("x", int)], typed_str)


@pytest.mark.parametrize("effect", [True, "", 3])
def test_an_effect_is_said_in_a_word(effect):
    with pytest.raises(SignatureError, match="say in a word what it acts on"):
        function(effect=effect, name="act")(lambda: 1)


def test_nd8_generators_are_refused():
    def gen(ctx):
        yield 1

    with pytest.raises(TypeError, match="generator"):
        code([], gen)
    with pytest.raises(TypeError, match="generator"):

        @function
        def also():
            yield 1


@pytest.mark.parametrize("name", ["", "two words", "a" * 65, "x;drop", "<b>"])
def test_a_name_is_one_that_every_provider_takes(name):
    with pytest.raises(ValueError, match="cannot name a Function"):
        CodeFunction(name=name, desc="", args=[], callable=lambda ctx: 1)


def test_function_reads_hints_and_docstring():
    @function
    def made(text: str, n: int = 3, tone: str | None = None) -> str:
        """Do a thing.

        Args:
            text: What to do it to,
                at length.
            n: How often.

        Returns:
            Something.
        """
        return text

    assert made.desc == "Do a thing."
    assert [(a.name, a.argtype, a.desc) for a in made.args] == [
        ("text", str, "What to do it to, at length."),
        ("n", int, "How often."),
        ("tone", str, ""),
    ]
    assert made.validate_coerce_args({"text": "a"}) == {"text": "a", "n": 3}
    assert made.callable(None, text="direct") == "direct"


def test_function_needs_types():
    with pytest.raises(TypeError, match="parameter 'x' needs a type"):

        @function
        def made(x):
            return x


@pytest.mark.parametrize(
    ("signature", "says"),
    [
        ("one(", "is no signature"),
        ("one(x: Thing)", "type 'Thing', which is not known here"),
        ("one(x: int = f())", "must be a plain value"),
        ("one(*args)", "not allowed"),
        ("one(): pass\ndef two()", "is no signature of one Function"),
        ("one(x: __import__('os').system)", "not known here"),
    ],
)
def test_a_signature_text_is_read_and_never_run(signature, says):
    with pytest.raises((ValueError, TypeError), match=says):
        agent(signature, "x")


def test_agent_takes_a_typed_stub():
    def one(text: str, tone: Literal["dry", "warm"] = "dry") -> list[str]:
        """Say it.

        Args:
            text: What.
        """
        raise AssertionError("a stub is never called")

    made = agent(one, "{tone}: {text}")
    assert (made.name, made.desc, made.result_type) == ("one", "Say it.", list[str])
    assert made.args[0].desc == "What."


def test_q55_a_signature_is_one_that_python_takes():
    args = [
        FunctionArg("a", int),
        FunctionArg("b", int, optional=True),
        FunctionArg("c", int),
        FunctionArg("d", int, default=4),
    ]

    def body(ctx, *, a: int, b: int | None = None, c: int, d: int = 4):
        return a

    fn = CodeFunction(name="f", desc="", args=args, callable=body)
    by_place, by_name = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY

    signature = inspect.signature(fn)

    assert [p.kind for p in signature.parameters.values()] == [by_place, by_place, by_name, by_name]
    assert [p.default for p in signature.parameters.values()] == [
        inspect.Parameter.empty,
        None,
        inspect.Parameter.empty,
        4,
    ]


def test_the_signature_of_a_call_says_which_arguments_take_none():
    args = [
        FunctionArg("a", int),
        FunctionArg("b", int, optional=True),
        FunctionArg("c", str, default="x"),
        FunctionArg("d", list[int], optional=True),
    ]

    assert str(inspect.signature(agent_of("x", args))) == (
        "(a: int, b: int | None = None, c: str = 'x', d: list[int] | None = None) -> str"
    )
