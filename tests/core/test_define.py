"""Short ways to define Functions: what a person writes, and what is made of it."""

import asyncio
import functools
from typing import Literal

import pytest

from netflux_nb import MISSING, FunctionError, agent, function


def called(fn, **given):
    """Call a Function's body as a Node does: with checked arguments."""
    return fn.callable("ctx", **fn.validate_coerce_args(given))


def test_optional_with_a_default_of_its_own_takes_none_too():
    @function
    def made(x: int | None = 3) -> int | None:
        return x

    assert called(made) == 3
    assert called(made, x=None) is None
    assert called(made, x=4) == 4


def test_an_agent_asks_two_hundred_times_at_most_unless_it_says_otherwise():
    assert agent("f()", "x").max_steps == 200
    assert agent("f()", "x", max_steps=3).max_steps == 3


def test_optional_without_a_default_reads_as_none():
    @function
    def made(x: int | None) -> int | None:
        return x

    assert called(made) is None
    assert called(made, x=1) == 1


def test_positional_parameters_keep_their_places():
    @function
    def made(a: int | None = None, b: int = 2, /, c: int = 3) -> tuple:
        return a, b, c

    assert called(made, b=5) == (None, 5, 3)
    assert called(made, a=1, c=9) == (1, 2, 9)


def test_a_required_parameter_stays_required():
    @function
    def made(x: int, y: str | None) -> int:
        return x

    with pytest.raises(TypeError, match="x"):
        made.callable(None)


def test_a_context_is_handed_over_by_name_or_by_type():
    @function
    def by_name(ctx, x: int) -> tuple:
        return ctx, x

    @function
    def by_type(where: "RunContext", x: int) -> tuple:  # noqa: F821
        return where, x

    assert called(by_name, x=1) == called(by_type, x=1) == ("ctx", 1)
    assert [a.name for a in by_type.args] == ["x"]


def test_a_coroutine_function_makes_an_async_function():
    @function
    async def later(x: int) -> int:
        return x + 1

    assert later.is_async
    assert asyncio.run(called(later, x=1)) == 2


def test_an_object_that_can_be_called_is_a_body():
    class Doubler:
        """Twice."""

        def __call__(self, x: int) -> int:
            return 2 * x

    made = function(Doubler())
    assert (made.name, made.desc, made.args[0].argtype) == ("Doubler", "Twice.", int)
    assert called(made, x=2) == 4


def test_a_partial_is_a_body_of_what_is_left():
    def scale(factor: int, x: int) -> int:
        return factor * x

    made = function(name="triple")(functools.partial(scale, 3))
    assert [a.name for a in made.args] == ["x"]
    assert called(made, x=2) == 6


def test_options_of_the_decorator_are_kept():
    @function(name="other", effect="writes", needs_approval=True)
    def made() -> int:
        return 1

    assert (made.name, made.effect, made.needs_approval) == ("other", "writes", True)


@pytest.mark.parametrize("kind", ["*rest: int", "**rest: int"])
def test_n43_stars_are_refused_by_the_short_way_too(kind):
    space = {}
    exec(f"def made({kind}) -> int: return 1", space)
    with pytest.raises(TypeError, match="declare explicit parameters"):
        function(space["made"])


@pytest.mark.parametrize(
    ("text", "name", "kind", "default", "optional"),
    [
        ("f(x)", "x", str, MISSING, False),
        ("f(x: int)", "x", int, MISSING, False),
        ("f(x: int = -3)", "x", int, -3, False),
        ("f(x: list[str] = [])", "x", list[str], [], False),
        ("f(x: dict[str, int])", "x", dict[str, int], MISSING, False),
        ("f(x: Literal['a', 'b'] = 'a')", "x", Literal["a", "b"], "a", False),
        ("f(x: int | None)", "x", int, MISSING, True),
        ("f(x: int | None = 4)", "x", int, 4, True),
        ("f(x: str = None)", "x", str, MISSING, True),
        ("f(*, x: bool = True)", "x", bool, True, False),
    ],
)
def test_a_signature_text_reads_as_python_does(text, name, kind, default, optional):
    (arg,) = agent(text, "go").args
    assert (arg.name, arg.argtype, arg.optional) == (name, kind, optional)
    assert arg.default == default or arg.default is default


@pytest.mark.parametrize("text", ["f() -> int", "f() -> list[int]", "f() -> 'int'", "f()"])
def test_a_result_type_is_read(text):
    if "'" in text:
        with pytest.raises(FunctionError, match="the result has type"):
            agent(text, "go")
    else:
        told = {"f() -> int": int, "f() -> list[int]": list[int], "f()": str}
        assert agent(text, "go").result_type == told[text]


@pytest.mark.parametrize(
    "text",
    [
        "f(x: Literal[y])",
        "f(x: int[str])",
        "f(x: None | None)",
        "f(x: int = {[]: 1})",
        "f(x: int = y)",
        "f(x:\0)",
        "f(x: " + "(" * 300 + ")" * 300 + ")",
        "",
        "f(x",
        "f(x: open('/etc/passwd'))",
    ],
)
def test_a_bad_signature_text_is_a_function_error(text):
    with pytest.raises(FunctionError) as caught:
        agent(text, "go")
    assert len(str(caught.value)) < 400


def test_types_may_be_given_by_name():
    class Row(dict[str, int]):
        pass

    made = agent("f(x: Seven) -> Seven", "{x}", types={"Seven": Literal[7]})
    assert made.args[0].argtype == made.result_type == Literal[7]


@pytest.mark.parametrize(
    ("doc", "desc", "told"),
    [
        ("", "made", ""),
        ("Do.", "Do.", ""),
        ("Do.\n\n    Args:\n        x: What.", "Do.", "What."),
        ("Do.\n\n    Args:\n        x (int): What: so.", "Do.", "What: so."),
        ("Do.\n\n    Returns:\n        It.", "Do.", ""),
        ("Do.\n\n    Args:\n        x: What.\n\n    Returns:\n        y: It.", "Do.", "What."),
    ],
)
def test_a_docstring_tells_of_arguments(doc, desc, told):
    def made(x: int) -> int:
        return x

    made.__doc__ = doc
    fn = function(made)
    assert (fn.desc, fn.args[0].desc) == (desc, told)
