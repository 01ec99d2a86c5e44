"""A Function goes to another process and back: the same version, the same checks."""

import json
import pickle
import subprocess
import sys
import textwrap

import cloudpickle
import pytest

from netflux_nb import ArgumentError, agent, function, version_of
from netflux_nb.core.functions.arguments import MISSING
from netflux_nb.core.functions.kinds import newest
from netflux_nb.func_lib import Retry, bash, python, text_editor
from netflux_nb.studies.mapping import map_of

SOURCE = """
import enum
from typing import Literal, NamedTuple
from netflux_nb import FunctionArg, agent, function
from netflux_nb.core import CodeFunction
LIMIT = 3
class Part(NamedTuple):
    name: str
    weight: float = 1.0
class Kind(enum.Enum):
    HEAVY = 1
def helper(x):
    return x + LIMIT
@function
def leaf(part: Part, many: list[int], kind: Kind = Kind.HEAVY) -> float:
    "Weigh it."
    return part.weight * helper(len(many))
@function(uses=[leaf], effect="mail", idempotent=True, needs_approval=True)
def send(to: str, tone: Literal["plain", "warm"] = "plain", note: str | None = None) -> str:
    return f"{to} {tone} {note} {leaf(part=Part(name='a'), many=[1])}"
odd = CodeFunction(name="odd", desc="Odd.", args=[FunctionArg("word", str, enum={"a", "b"})],
                   callable=lambda ctx, *, word: word, uses=[leaf])
ask = agent("ask(q: str, n: int = 3) -> list[str]", "Ask {q} {n}", system="Be brief.",
            uses=[send, odd], settings={"max_tokens": 5}, model="scripted", max_steps=7)
"""
TELL = """
from netflux_nb import ArgumentError, version_of
def told(fns):
    found = {}
    for fn in fns:
        refused = []
        for given in ({}, {"to": 1}, {"q": "x", "n": "y"}, {"word": "c"}, {"zz": 1}, {"to": "a"}):
            try:
                refused.append(repr(fn.validate_coerce_args(given)))
            except ArgumentError as error:
                refused.append(str(error))
        version = version_of(fn)
        found[fn.name] = [version.digest, version.unhashed, fn.json_schema(), refused,
            [u.name for u in fn.uses], fn.effect, fn.idempotent, fn.needs_approval, fn.home]
    return found
"""
WRITE = """
import base64, cloudpickle, json
from netflux_nb.studies.mapping import map_of
for fn in fns:
    map_of(fn)
print(json.dumps([base64.b64encode(cloudpickle.dumps(fns)).decode(), told(fns)]))
"""
READ = """
import base64, json, pickle, sys
fns = pickle.loads(base64.b64decode(sys.stdin.read()))
again = told(fns)
import cloudpickle
print(json.dumps([again, told(pickle.loads(cloudpickle.dumps(fns)))]))
"""
LIST = "\nfns = [leaf, send, odd, ask]\n"
# How the Functions come to be defined, as a program that has them as `fns`.
WAYS = {
    "main": SOURCE + LIST,
    "module": f"from mine import *\n{LIST}",
    "cell": (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "shell.run_line_magic('load_ext', 'netflux_nb')\n"
        f"shell.run_cell({SOURCE + LIST!r}).raise_error()\n"
        "shell.run_cell('%%agent ask(q: str, n: int = 3) -> list[str]\\nAsk {q} {n}')\n"
        "shell.run_cell('fns[-1] = ask').raise_error()\n"
        "fns = shell.user_ns['fns']\n"
    ),
}


def ran(program, folder, given=""):
    said = subprocess.run(
        [sys.executable, "-c", program],
        input=given,
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    return json.loads(said.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_q82_a_function_comes_out_of_a_pickle_as_it_went_in(way, tmp_path):
    (tmp_path / "mine.py").write_text(SOURCE)

    pickled, before = ran(WAYS[way] + TELL + WRITE, tmp_path)
    there, back = ran(TELL + READ, tmp_path, pickled)

    assert there == before == back
    assert before["send"][3][0] == "Missing required arg(s) for send: ['to']"
    assert not any(unhashed for _, unhashed, *_ in before.values())


def test_q82_what_must_be_given_must_be_given_still():
    assert pickle.loads(pickle.dumps(MISSING)) is MISSING

    one = agent("one(q: str, n: int = 3) -> str", "{q} {n}")
    again = pickle.loads(cloudpickle.dumps(one))

    assert [arg.required for arg in again.args] == [True, False]
    with pytest.raises(ArgumentError, match="Missing required"):
        again.validate_coerce_args({})


def test_q82_a_copy_leaves_its_map_behind_and_displaces_nothing():
    @function
    def only_here(x: int) -> int:
        return x

    map_of(only_here)
    again = pickle.loads(cloudpickle.dumps(only_here))

    assert again.root_of_maps is None
    assert newest("only_here") is only_here
    assert map_of(again).of is again


@pytest.mark.parametrize("fn", [bash, python, text_editor], ids=lambda fn: fn.name)
def test_q82_built_in_functions_are_pickled(fn):
    assert version_of(pickle.loads(cloudpickle.dumps(fn))) == version_of(fn)


def test_q82_one_made_of_another_keeps_it():
    @function
    def fetch(page: int) -> str:
        return str(page)

    made = Retry(fetch, attempts=2)
    again = pickle.loads(cloudpickle.dumps(made))

    assert version_of(again) == version_of(made)
    assert again.uses == [again.fn]


def test_q82_a_pickled_function_runs():
    @function
    def doubled(x: int) -> int:
        return x * len(textwrap.dedent("  ab"))

    assert pickle.loads(cloudpickle.dumps(doubled))(4) == 8
