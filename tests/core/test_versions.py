"""What changes a Function's version, and what does not."""

import json
import os
import subprocess
import sys
import textwrap
import threading
import types
from pathlib import Path

import pytest

from netflux_nb import FunctionArg, agent, version_of
from netflux_nb.core.functions import loads
from netflux_nb.core.functions.define import function

# Bytecode differs from one to the next; where pyenv has them, all are asked.
PYENV = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
OTHERS = [
    found
    for minor in (11, 12, 13)
    for found in sorted(PYENV.glob(f"versions/3.{minor}.*/bin/python"))[:1]
]

BASE = """
from netflux_nb import agent, function
LIMIT = 3
TABLE = {"a": [1, 2]}
def helper(x):
    return x + LIMIT
def outer_helper(x):
    return helper(x) * 2
@function
def leaf(x: int) -> int:
    return outer_helper(x)
@function(uses=[leaf])
def top(x: int = 1) -> int:
    '''Do it.'''
    names = {"one", "two", "three"}
    return leaf(x=x) + len(TABLE) + len(names)
one = agent("one(q: str)", "Ask {q}", system="Be brief.", uses=[top])
"""


def versions(source, names=("leaf", "top", "one")):
    space = {"__name__": "__main__"}
    exec(compile(source, "<cell>", "exec"), space)
    return {n: version_of(space[n]) for n in names}


def test_the_same_source_has_the_same_version():
    assert versions(BASE) == versions("\n\n# moved down\n" + BASE)
    assert all(v.is_whole for v in versions(BASE).values())


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("LIMIT = 3", "LIMIT = 4", {"leaf", "top", "one"}),
        ("x + LIMIT", "x - LIMIT", {"leaf", "top", "one"}),
        ("* 2", "* 3", {"leaf", "top", "one"}),
        ("x: int = 1", "x: int = 2", {"top", "one"}),
        ('"a": [1, 2]', '"a": [2, 1]', {"top", "one"}),
        ("Do it.", "Do that.", {"top", "one"}),
        ("Ask {q}", "Tell {q}", {"one"}),
        ("Be brief.", "Be long.", {"one"}),
        ("q: str", "q: int", {"one"}),
        ('"three"', '"four"', {"top", "one"}),
    ],
)
def test_what_the_code_reaches_changes_it(old, new, changed):
    before, after = versions(BASE), versions(BASE.replace(old, new))
    assert {n for n in before if before[n] != after[n]} == changed


def test_a_helper_that_was_redefined_is_seen_at_once():
    space = {"__name__": "__main__"}
    exec(compile(BASE, "<cell>", "exec"), space)
    before = space["top"].version
    exec("def helper(x):\n    return 0", space)
    assert space["top"].version != before


def test_what_cannot_be_hashed_is_listed():
    lock = threading.Lock()

    @function
    def uses_lock() -> bool:
        return lock.locked()

    version = version_of(uses_lock)
    assert version.unhashed == ("lock",)
    assert not version.is_whole


def test_settings_of_a_subclass_count():
    from netflux_nb.func_lib.text_editor import TextEditor

    assert version_of(TextEditor(root="/")).digest != version_of(TextEditor(root="/usr")).digest


@pytest.mark.slow
def test_two_processes_agree(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(BASE + textwrap.dedent("print(leaf.version, top.version, one.version)"))
    said = {
        subprocess.run(
            [sys.executable, str(program)],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(said) == 1


def test_an_agents_model_and_settings_count():
    made = [
        agent("one()", "x", model="a"),
        agent("one()", "x", model="b"),
        agent("one()", "x", model="a", settings={"max_tokens": 5}),
        agent("one()", "x", model="a", uses=[function(lambda_())]),
    ]
    assert len({m.version for m in made}) == 4


def lambda_():
    def inner(x: int) -> int:
        return x

    return inner


def test_an_arguments_description_counts():
    from netflux_nb import CodeFunction

    def body(ctx, *, x):
        return x

    made = [
        CodeFunction(name="f", desc="", args=[FunctionArg("x", int, d)], callable=body)
        for d in ("a", "b")
    ]
    assert made[0].version != made[1].version


def test_a_types_fields_count_and_its_address_does_not():
    def made(source):
        space = {"__name__": "__main__"}
        exec("from netflux_nb import function\nfrom dataclasses import dataclass\n" + source, space)
        return version_of(space["f"])

    base = (
        "@dataclass\nclass P:\n    a: int\n"
        "@function\ndef f(p: list[P]) -> int:\n    return p[0].a\n"
    )
    assert made(base) == made(base)
    assert made(base) != made(base.replace("a: int", "a: int\n    b: str = ''"))


HEAD = "import functools\nfrom pydantic import BaseModel\nfrom netflux_nb import agent, function\n"


@pytest.mark.parametrize(
    ("source", "old", "new"),
    [
        ("def max(x): return 1\n@function\ndef f(x: int): return max(x)", "return 1", "return 2"),
        ("class P(BaseModel):\n  a: int\n@function\ndef f(p: P): return 1", "a: int", "a: str"),
        ("class P(BaseModel):\n  a: int = 1\nf = agent('f() -> P', 'x', types={'P': P})", "1", "2"),
        ("@functools.lru_cache\ndef h(): return 1\n@function\ndef f(): return h()", "1", "2"),
        ("def add(n):\n  @function\n  def f(): return n\n  return f\nf = add(1)", "(1)", "(2)"),
        ("def h(): return 1\n@function\ndef f():\n  def g(): return h()\n  return g()", "1", "2"),
        ("def h(x=(1, 2)): return x\n@function\ndef f(): return h()", "(1, 2)", "(1, True)"),
        ("def h(*, x=0.0): return x\n@function\ndef f(): return h()", "x=0.0", "x=-0.0"),
        (
            "def twice(g):\n  @functools.wraps(g)\n  def go(): return g() * 2\n  return go\n"
            "@twice\ndef h(): return 1\n@function\ndef f(): return h()",
            "* 2",
            "* 3",
        ),
    ],
    ids=["builtin name", "argument", "result", "cached", "cell", "nested", "1/True", "-0", "wraps"],
)
def test_hidden_ways_to_change_are_seen(source, old, new):
    before = versions(HEAD + source, ["f"])["f"]
    assert before == versions("\n\n" + HEAD + source, ["f"])["f"]
    assert before != versions(HEAD + source.replace(old, new), ["f"])["f"]
    assert before.is_whole


@pytest.mark.parametrize(
    ("source", "old", "new"),
    [
        ("class B:\n  def h(self): return 1\nclass C(B): pass\n", "return 1", "return 2"),
        ("import enum\nclass C(enum.Enum):\n  A = 1\n", "A = 1", "A = 2"),
        ("class C:\n  @property\n  def h(self): return 1\n", "return 1", "return 2"),
        ("class C:\n  @functools.cached_property\n  def h(self): return 1\n", "1", "2"),
        ("class C:\n  table = {'a': [1]}\n", "[1]", "[1, 2]"),
        ("class C:\n  @staticmethod\n  def h(): return 1\n", "return 1", "return 2"),
        ("class C:\n  one = 1\n", "one", "two"),
        ("class C:\n  def one(self): return 1\n", "one", "two"),
        ("class C:\n  @property\n  def one(self): return 1\n", "one", "two"),
        ("class C:\n  one: int\n", "one", "two"),
        ("def free(self): return 1\nclass C:\n  one = free\n", "one", "two"),
    ],
    ids=[
        "base class",
        "enum member",
        "property",
        "cached property",
        "table",
        "static",
        "name of a value",
        "name of a method",
        "name of a property",
        "name of a field",
        "name of a method from elsewhere",
    ],
)
def test_what_a_class_holds_counts(source, old, new):
    body = HEAD + source + "@function\ndef f(): return C"
    before = versions(body, ["f"])["f"]
    assert before == versions(body, ["f"])["f"]
    assert before != versions(body.replace(old, new), ["f"])["f"]
    assert before.is_whole


def test_helpers_in_a_users_own_module_count():
    body = "@function\ndef f(): return mine.helper()"

    def made(source):
        mine = types.ModuleType("mine")
        exec(source, vars(mine))
        space = {"__name__": "__main__", "mine": mine}
        exec(HEAD + body, space)
        return version_of(space["f"])

    assert made("def helper(): return 1") == made("def helper(): return 1")
    assert made("def helper(): return 1") != made("def helper(): return 2")


def test_an_overridden_method_of_a_function_counts():
    source = (
        "from netflux_nb.core import CodeFunction\n"
        "class Own(CodeFunction):\n  def validate_coerce_args(self, args): return {}\n"
        "f = Own(name='f', desc='', args=[], callable=lambda ctx: 1)"
    )
    before = versions(HEAD + source, ["f"])["f"]
    assert before == versions(HEAD + source, ["f"])["f"]
    assert before != versions(HEAD + source.replace("return {}", "return dict()"), ["f"])["f"]


def test_settings_count_in_any_order_and_are_listed_where_they_cannot_be_hashed():
    one, other = (agent("one()", "x", settings=s) for s in ({"a": 1, "b": 2}, {"b": 2, "a": 1}))
    assert version_of(one) == version_of(other)
    odd = agent("one()", "x", settings={"hook": object()})
    assert version_of(odd).unhashed == ("one.hook",)


def test_a_type_known_only_by_its_address_is_listed():
    from typing import Annotated

    from pydantic import AfterValidator

    kind = Annotated[int, AfterValidator(lambda v: v)]
    assert version_of(agent("one() -> T", "x", types={"T": kind})).unhashed == ("one.result_type",)


def test_functions_that_call_each_other_have_a_version():
    space = {"__name__": "__main__"}
    exec(
        HEAD + "def a(n): return n and b(n - 1)\ndef b(n): return a(n)\n"
        "@function\ndef f(n: int): return a(n)",
        space,
    )
    assert version_of(space["f"]).is_whole


# Each names `name` in one way; the global of that name changes in between. True: it is reached.
NAMED = {
    "a global": ("return name", True),
    "an attribute": ("return x.name", False),
    "a method": ("return x.name()", False),
    "an attribute that is set": ("x.name = 1", False),
    "an argument": ("return (lambda name: name)(x)", False),
    "a keyword": ("return dict(name=x)", False),
    "a local": ("name = x\n    return name", False),
    "a global that is only set": ("global name\n    name = x", False),
    "a global that is counted up": ("global name\n    name += x", True),
    "a text": ("return 'name'", False),
    "a nested function": ("def inner(): return name\n    return inner()", True),
    "an attribute in one": ("def inner(): return x.name\n    return inner()", False),
    "a closure": ("name = x\n    def inner(): return name\n    return inner()", False),
    "a comprehension": ("return [name for _ in [x]]", True),
    "its own variable": ("return [name for name in [x]]", False),
    "an attribute in a comprehension": ("return {one.name for one in [x]}", False),
    "a generator": ("return list(name for _ in [x])", True),
    "a dict's": ("return {k: name for k in [x]}", True),
    "a class body": ("class Box:\n        held = name\n    return Box", True),
    "a class' own": ("class Box:\n        name = x\n    return Box", False),
    "a class' own, read": (
        "class Box:\n        name = 1\n        also = name\n    return Box",
        False,
    ),
    "a class' own of it": ("class Box:\n        name = name\n    return Box", True),
    "a class' own, perhaps": (
        "class Box:\n        if x:\n            name = 1\n        also = name\n    return Box",
        True,
    ),
    "a class' own, tried": (
        "class Box:\n        try:\n            name = 1 / x\n        except Exception: pass\n"
        "        also = name\n    return Box",
        True,
    ),
    "a method's attribute": (
        "class Box:\n        def go(self): return self.name\n    return Box",
        False,
    ),
    "a method's global": ("class Box:\n        def go(self): return name\n    return Box", True),
    "a class' comprehension": (
        "class Box:\n        name = 1\n        held = [name for _ in (1, 2)]\n    return Box",
        True,
    ),
    "a base": ("class Box(name.__class__): pass\n    return Box", True),
    "a default": ("def inner(y=name): return y\n    return inner()", True),
    "an import": ("from sys import path as name\n    return name", False),
    "a format": ("return f'{name}'", True),
    "an attribute in a format": ("return f'{x.name}'", False),
}


@pytest.mark.parametrize(("body", "is_reached"), NAMED.values(), ids=NAMED)
def test_q81_only_what_is_loaded_as_a_global_changes_a_version(body, is_reached):
    source = f"from netflux_nb import function\n@function\ndef f(x: int):\n    {body}\nname = 1\n"

    before = versions(source, ["f"])["f"]
    after = versions(source.replace("\nname = 1", "\nname = 2"), ["f"])["f"]

    assert (before != after) is is_reached
    assert before.is_whole


def test_q81_an_attribute_of_a_users_own_module_counts_and_one_of_anything_else_does_not():
    def made(held, body):
        mine = types.ModuleType("mine")
        exec(held, vars(mine))
        space = {"__name__": "__main__", "mine": mine}
        exec(f"{HEAD}@function\ndef f(x: int): return {body}", space)
        return version_of(space["f"])

    assert made("LIMIT = 1", "mine.LIMIT") != made("LIMIT = 2", "mine.LIMIT")
    assert made("x = 1", "mine and x") == made("x = 2", "mine and x")


@pytest.mark.slow
@pytest.mark.parametrize("python", OTHERS, ids=[p.parts[-3] for p in OTHERS])
def test_q81_the_shapes_are_read_alike_by_every_python(python):
    program = textwrap.dedent(
        """
        import importlib.util, json, sys
        spec = importlib.util.spec_from_file_location("loads", sys.argv[1])
        shapes = json.load(sys.stdin)
        loads = importlib.util.module_from_spec(spec)
        sys.modules["loads"] = loads
        spec.loader.exec_module(loads)
        found = {}
        for label, body in shapes.items():
            space = {}
            exec("def f(x):\\n    " + body, space)
            found[label] = "name" in loads.loads_of(space["f"].__code__).globals
        print(json.dumps(found))
        """
    )
    shapes = json.dumps({label: body for label, (body, _) in NAMED.items()})

    said = subprocess.run(
        [str(python), "-c", program, loads.__file__],
        input=shapes,
        capture_output=True,
        text=True,
        check=True,
    )

    assert json.loads(said.stdout) == {label: reached for label, (_, reached) in NAMED.items()}


def test_q55_which_of_two_is_met_again_is_part_of_a_version():
    def top_of(pick):
        def first():
            return 1

        def second():
            return 2

        third = (first, second)[pick]

        def top():
            return first(), second(), third()

        return function(top, name="top")

    assert version_of(top_of(0)).digest == version_of(top_of(0)).digest
    assert version_of(top_of(0)).digest != version_of(top_of(1)).digest
