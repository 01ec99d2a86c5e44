"""What Functions may call, and how a call's arguments reach them."""

import copy

import pytest

from netflux_nb import (
    AgentFunction,
    ArgumentError,
    CodeFunction,
    FunctionArg,
    FunctionError,
    Provider,
    Runtime,
    agent,
    function,
)


def code(name, uses=(), **more):
    return CodeFunction(name=name, desc="", args=[], callable=lambda ctx: name, uses=uses, **more)


def closed(*chain, **more):
    """Give Functions that use each other in a circle, by a list filled afterwards."""
    made = [code(name, **more) for name in chain]
    for one, following in zip(made, made[1:] + made[:1], strict=True):
        one.uses_funcs.append(following)
    return made


@pytest.mark.parametrize("chain", ["a", "ab", "abcd"])
def test_nd8_a_circle_is_refused_when_the_runtime_is_made(chain):
    with pytest.raises(ValueError, match="Circular uses: a -> ") as caught:
        Runtime(closed(*chain)[:1])
    assert " -> ".join([*chain, "a"]) in str(caught.value)


def test_n52_a_circle_deep_below_is_found():
    top = code("top", uses=[code("middle", uses=closed("x", "y")[:1])])
    with pytest.raises(FunctionError, match="x -> y -> x"):
        Runtime([top])


def test_n53_a_diamond_is_no_circle():
    base = code("base")
    top = code("top", uses=[code("left", uses=[base]), code("right", uses=[base])])
    with Runtime([top]) as runtime:
        assert {f.name for f in runtime.invocable_functions} == {"top", "left", "right", "base"}


def test_n54_a_long_chain_is_checked_without_recursion():
    fn = code("f0")
    for n in range(1, 3000):
        fn = code(f"f{n}", uses=[fn])
    with Runtime([fn]) as runtime:
        assert len(runtime.invocable_functions) == 3000


def test_nu1_recursion_is_asked_for_and_added_once():
    one = agent("one()", "x", uses_recursion=True)
    assert one.uses == [one]
    assert agent("one()", "x").uses == []
    with Runtime([one, code("again", uses_recursion=True)]) as runtime:
        assert len(runtime.invocable_functions) == 2


def test_nu1_a_used_function_cannot_have_the_name_of_a_recursive_one():
    with pytest.raises(ValueError, match=r"duplicate tool names not allowed: \['one'\]"):
        agent("one()", "x", uses=[code("one")], uses_recursion=True)


def test_n37_a_model_is_a_provider_or_a_name():
    assert agent("one()", "x").default_model is Provider.Anthropic
    assert agent("one()", "x", model=Provider.Gemini).default_model is Provider.Gemini
    assert agent("one()", "x", model="mine").default_model == "mine"


def test_n29_an_agent_may_be_a_class_of_its_own():
    class Translator(AgentFunction):
        def __init__(self, language):
            super().__init__(
                name=f"to_{language}",
                desc="",
                args=[FunctionArg("text", str)],
                system_prompt=f"Answer in {language}.",
                user_prompt_template="{text}",
            )

    made = Translator("Dutch")
    assert made.is_agent()
    assert (made.name, made.user_text({"text": "{x}"})) == ("to_Dutch", "{x}")


def test_n47_the_callable_of_another_may_be_called_directly():
    inner = CodeFunction(
        name="inner", desc="", args=[FunctionArg("x", int)], callable=lambda ctx, *, x: (ctx, x)
    )
    assert inner.callable("the same ctx", x=2) == ("the same ctx", 2)


def test_n49_code_may_be_a_class_of_its_own():
    class Adder(CodeFunction):
        def __init__(self, step):
            self.step = step
            args = [FunctionArg("x", int)]
            super().__init__(name="adder", desc="", args=args, callable=self.add)

        def add(self, ctx, *, x: int) -> int:
            return x + self.step

    assert Adder(2).callable(None, x=3) == 5


def test_n31_two_braces_of_a_seed_template_are_one():
    one = AgentFunction(
        name="one",
        desc="",
        args=[FunctionArg("x", str)],
        system_prompt="",
        user_prompt_template='{{"x": {x}}}',
    )
    assert one.user_text({"x": "{{v}}"}) == '{"x": {{v}}}'


@function
def both(x: int, y: int = 2) -> int:
    return x + y


@pytest.mark.parametrize(
    ("args", "kwargs", "says"),
    [((1, 2, 3), {}, r"both\(\) takes 2 arguments, got 3"), ((1,), {"x": 2}, "got 'x' twice")],
)
def test_a_call_binds_as_pythons_does(args, kwargs, says):
    with pytest.raises(ArgumentError, match=says):
        both.start(*args, **kwargs)


def test_n15_all_unknown_arguments_are_named_even_when_one_is_missing():
    with pytest.raises(ValueError, match=r"\['p', 'q'\]; expected \['x', 'y'\]"):
        both.validate_coerce_args({"p": 1, "q": 2})


def test_n16_a_default_is_not_missing():
    with pytest.raises(ValueError, match=r"\['x'\]$"):
        both.validate_coerce_args({})
    assert both.validate_coerce_args({"x": 1}) == {"x": 1, "y": 2}


def test_nw24_a_duplicate_name_cannot_come_in_by_a_signature():
    with pytest.raises(ValueError, match="duplicate argument names"):
        agent("one(x: int, x: str)", "{x}")


@pytest.mark.parametrize("uses_recursion", [0, 1])
def test_functions_are_shown_by_kind_name_and_arguments(uses_recursion):
    assert repr(both) == "<code both(x, y)>"
    assert repr(agent("one(q: str)", "{q}", uses_recursion=bool(uses_recursion))) == (
        "<agent one(q)>"
    )


MISTAKES = {
    "uses": (lambda: agent("a()", "x", uses=[len]), "a: `uses` holds Functions; got builtin"),
    "uses of code": (lambda: code("c", uses=["x"]), "c: `uses` holds Functions; got str"),
    "model": (lambda: agent("a()", "x", model=3), "a: a model is named by .*; got 3"),
}


@pytest.mark.parametrize(("make", "told"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_in_a_definition_is_one_line(make, told):
    with pytest.raises(FunctionError, match=told) as caught:
        make()

    assert "\n" not in str(caught.value)


def test_arguments_that_have_no_names_are_told():
    title = agent("title(text: str)", "{text}")

    with pytest.raises(ArgumentError, match=r"title are given by name.*got str.*takes: text\."):
        Runtime([title]).get_ctx().invoke(title, "rivers")


def test_a_copy_of_a_function_is_another_and_a_deep_copy_the_same():
    one = agent("one(q: str)", "{q}", model="m", settings={"seed": 1})
    other = copy.copy(one)

    assert type(other) is type(one)
    assert other is not one
    assert vars(other) == vars(one)
    assert copy.deepcopy([one])[0] is one


def test_a_traceback_shows_a_persons_own_frames_between_one_call_and_the_next():
    @function
    def inner() -> int:
        raise KeyError("mine")

    @function(uses=[inner])
    def outer() -> int:
        return inner()

    with (
        Runtime([outer], record=False) as runtime,
        pytest.raises(KeyError, match="mine") as caught,
    ):
        runtime.get_ctx().invoke(outer, {}).result()

    shown = [frame.name for frame in caught.traceback.filter(caught)]
    assert shown[1:] == ["outer", "inner"]
    assert len(caught.traceback) > len(shown)
