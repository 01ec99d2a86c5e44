"""The commands over a project's files: what they write, and what they refuse to write over."""

import json
import os
import subprocess
import sys
import textwrap
from dataclasses import fields
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from netflux_nb.cli import main
from netflux_nb.core.text.yaml_text import read_yaml

ROOT = Path(__file__).parents[2]
RECIPE = Path("specs/audit_recipe.yaml")
SCHEMA = Path("specs/context_schema.yaml")


@pytest.fixture
def cli(tmp_path, monkeypatch, capsys):
    """Run one command in a folder of its own: its code, what it printed, its errors by line."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        code = main(list(words))
        said = capsys.readouterr()
        return code, said.out, said.err.splitlines()

    return run


def real(*words, module="netflux_nb", cwd=None):
    return subprocess.run(
        [sys.executable, *(["-m", module] if module else []), *words],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        cwd=cwd,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "NETFLUX_HOME": "",
            "PYTHONWARNINGS": "error",
        },
    )


def put(path, text):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text), encoding="utf-8", newline="")
    return path


def imported(path):
    spec = spec_from_file_location("made_by_a_test", path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# init


@pytest.mark.slow
@pytest.mark.parametrize("module", ["netflux_nb", "netflux_nb.compat.theus"])
def test_t47_a_new_project_runs_offline_as_it_stands(tmp_path, module):
    made = real("init", "farm", module=module, cwd=tmp_path)
    farm = tmp_path / "farm"

    assert (made.returncode, made.stderr) == (0, "")
    lines = made.stdout.splitlines()
    created = [line.removeprefix("Created ") for line in lines if line.startswith("Created ")]
    there = [p.relative_to(farm).as_posix() for p in farm.rglob("*") if p.is_file()]
    assert sorted(created) == sorted(there)
    assert {name.split("/")[0] for name in created} == {"main.py", "src", "specs", "workflows"}
    assert lines[lines.index("Next:") + 1 :][:2] == ["  cd farm", "  python main.py"]

    ran = real("main.py", module="", cwd=farm)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "ann has 70" in ran.stdout
    assert "Refused: ann has not got 500" in ran.stdout
    assert "Refused: More than this is moved by a person" in ran.stdout
    assert "After: {'ann': 70, 'bob': 80}" in ran.stdout
    assert "The day ends in DONE with {'ann': 80, 'bob': 70}" in ran.stdout
    assert (farm / ".netflux").is_dir()

    assert real("audit", "gen-spec", module=module, cwd=farm).returncode == 0
    shown = real("audit", "inspect", "transfer", module=module, cwd=farm)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "input   amount: max 1000, level B: block" in shown.stdout
    assert real("schema", "gen", module=module, cwd=farm).returncode == 0


def test_t47_a_folder_that_is_not_empty_is_refused(cli, tmp_path):
    put("full/notes.txt", "mine")
    put("file", "mine")

    assert cli("init", "full")[::2] == (
        2,
        ["netflux-nb: ArgumentError: The folder 'full' is not empty: it has 'notes.txt'. Give the name of a new one."],
    )  # fmt: skip
    assert cli("init", ".")[0] == 2
    assert "is a file" in cli("init", "file")[2][0]
    assert cli("init", " ")[0] == 2
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["file", "full", "notes.txt"]


def test_t47_this_folder_may_be_the_project(cli):
    put(".git/config", "")

    code, out, errors = cli("init", ".")

    assert (code, errors) == (0, [])
    assert Path("main.py").is_file()
    assert "  cd" not in out
    assert read_yaml(Path("workflows/day.yaml").read_text(), "day")["states"]["PROCESSING"]


def test_t47_what_it_made_is_told_as_json_too(cli):
    _, out, _ = cli("init", "deep/er", "--json")

    told = json.loads(out)
    assert told["folder"] == "deep/er"
    assert all((Path("deep/er") / name).is_file() for name in told["created"])
    assert told["next"][0] == "cd deep/er"


# audit gen-spec

PROCESSES = {
    "src/processes/__init__.py": "1 / 0",
    "src/processes/a.py": """
        from netflux_nb.compat.theus import process
        raise SystemExit("it is never imported")

        @process(inputs=["domain.stock"], outputs=["domain.sold"], side_effects=["mail"],
                 errors=["ValueError", "KeyError"])
        def sell(ctx, what: str, n: int = 1):
            pass

        @process(["domain.stock"], [], errors=LISTED)
        async def count(system):
            pass

        def helper(ctx):
            pass
    """,
    "src/processes/deep/b.py": """
        import netflux_nb.compat.theus as th
        from netflux_nb import function as made, agent
        from netflux_nb.compat.theus import process as step

        @th.process(inputs=[], outputs=["domain.sold"])
        def clear(ctx):
            pass

        @step(inputs=[], outputs=[])
        def wait(ctx):
            pass

        @made(reads="stock", writes=("sold", "orders.*"), raises=[ValueError], effect="mail")
        def order(what: str) -> int:
            return 1

        @made(reads=["stock"], name="null")
        def other(ctx, what: str) -> int:
            return 1

        @made
        def plain(x: int) -> int:
            return x
    """,
}


@pytest.fixture
def project(cli):
    for name, text in PROCESSES.items():
        put(name, text)
    return cli


def test_t48_processes_are_found_without_importing_them(project):
    code, out, errors = project("audit", "gen-spec", "--json")

    assert (code, errors) == (0, [])
    found = ["sell", "count", "clear", "wait", "order", "null"]
    assert json.loads(out) == {"found": found, "added": found}
    told = read_yaml(RECIPE.read_text(), "recipe")["process_recipes"]
    assert list(told) == found
    assert told["sell"] == {
        "inputs": [{"field": "TODO_FIELD", "level": "I", "min": 0}],
        "outputs": [{"field": "TODO_FIELD", "level": "I", "threshold": 3}],
        "side_effects": ["mail"],
        "errors": ["ValueError", "KeyError"],
    }
    assert (told["count"]["errors"], told["order"]["errors"]) == ([], ["ValueError"])
    assert told["order"]["side_effects"] == ["mail"]
    text = RECIPE.read_text()
    assert "TODO_FIELD  # what, n, domain.stock\n" in text
    assert "TODO_FIELD  # sold, orders.*\n" in text


def test_t48_again_there_is_nothing_to_add(project):
    project("audit", "gen-spec")
    before = RECIPE.read_bytes()

    code, out, _ = project("audit", "gen-spec")

    assert code == 0
    assert "has them all" in out
    assert RECIPE.read_bytes() == before


KEPT = {
    "last": "# ours\nprocess_recipes:  # by name\n    sell:\n        inputs: []   # none\n",
    "no end of line": "process_recipes:\n  sell: {inputs: []}",
    "in between": "process_recipes:\n sell:\n  inputs: []\n\n# of the state\nstate: []\n# end\n",
    "empty": "process_recipes:\n# below\nstate: []\n",
    "braces": "process_recipes: {} # nothing yet\nstate: []\n",
    "null": "process_recipes: ~\n",
    "another key": "state: []\n# end",
    "comments": "# nothing\n",
    "windows": "process_recipes:\r\n  sell:\r\n    inputs: []\r\n# end\r\n",
    "on": "process_recipes:\n  on:\n    inputs: []\n",
}


@pytest.mark.parametrize("text", KEPT.values(), ids=KEPT)
def test_t48_what_stands_in_the_recipe_stays(project, text):
    put(RECIPE, text)
    before = read_yaml(text, "before") or {}

    assert project("audit", "gen-spec")[0] == 0

    made = RECIPE.read_bytes().decode()
    now = read_yaml(made, "now")
    old = before.get("process_recipes") or {}
    assert {name: now["process_recipes"][name] for name in old} == old
    assert set(now["process_recipes"]) == {*old, "sell", "count", "clear", "wait", "order", "null"}
    assert {k: v for k, v in now.items() if k != "process_recipes"} == {
        k: v for k, v in before.items() if k != "process_recipes"
    }
    for line in text.splitlines():
        kept = "process_recipes:" if line.startswith("process_recipes:") else line
        assert kept in made
    assert ("\r\n" in made) == ("\r\n" in text)
    assert made.count("\n") == made.count("\r\n") or "\r\n" not in text


def test_t48_what_is_said_above_the_next_key_stays_above_it(project):
    put(RECIPE, KEPT["in between"])

    project("audit", "gen-spec")

    lines = RECIPE.read_text().splitlines()
    assert lines[-4:] == ["", "# of the state", "state: []", "# end"]
    assert lines[:3] == ["process_recipes:", " sell:", "  inputs: []"]
    assert lines[3].strip() == "count:"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{process_recipes: {a: {}}}", "braces"),
        ("process_recipes: {a: {}}\n", "braces"),
        ("- a\n", "is no recipe"),
        ("process_recipes: [a]\n", "is no recipe"),
        ("a: 1\na: 2\n", "a"),
        ("base: &b\n  sell: {}\nprocess_recipes: *b\n", "nothing can be added"),
    ],
)
def test_t48_a_recipe_that_cannot_be_added_to_is_left_as_it_is(project, text, said):
    put(RECIPE, text)

    code, out, errors = project("audit", "gen-spec")

    assert (code, out, len(errors)) == (2, "", 1)
    assert said in errors[0]
    assert RECIPE.read_text() == text
    assert [p.name for p in RECIPE.parent.iterdir()] == [RECIPE.name]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("bad.py", "def (:\n", "bad.py, line 1: invalid syntax"),
        ("zero.py", "x = '\0'", "zero.py"),
        ("deep.py", "x = " + "(" * 5_000, "deep.py"),
        ("twice.py", "@process(inputs=[], outputs=[])\ndef sell(ctx): ...\n", "both define"),
    ],
)
def test_t48_a_source_that_cannot_be_read_is_told_in_one_line(project, name, text, said):
    put(f"src/processes/{name}", text)

    code, out, errors = project("audit", "gen-spec")

    assert (code, out, len(errors)) == (2, "", 1)
    assert said in errors[0]
    assert not RECIPE.exists()


def test_t48_without_a_project_it_says_how_to_begin_one(cli):
    code, _, errors = cli("audit", "gen-spec")

    assert code == 2
    assert "There is no folder 'src/processes' here. `netflux-nb init NAME`" in errors[0]


# audit inspect


def test_t49_a_process_is_shown_with_its_contract_and_its_rules(project):
    put(
        RECIPE,
        """
        process_recipes:
          base:
            outputs:
              - {field: domain.sold, min: 0, level: S}
          sell:
            inherits: base
            inputs:
              - {field: n, min: 1, max: 9, level: B, threshold: 3, message: "Few"}
        """,
    )

    code, out, errors = project("audit", "inspect", "sell")

    assert (code, errors) == (0, [])
    assert out.splitlines() == [
        "sell: src/processes/a.py",
        "",
        "  reads        domain.stock",
        "  writes       domain.sold",
        "  side effects mail",
        "  errors       ValueError, KeyError",
        "",
        "Rules in specs/audit_recipe.yaml",
        "  input   n: min 1, level B: block, from the 3rd on (Few)",
        "  input   n: max 9, level B: block, from the 3rd on (Few)",
        "  output  domain.sold: min 0, level S: stop",
    ]
    told = json.loads(project("audit", "inspect", "sell", "--json")[1])
    assert told["contract"]["writes"] == ["domain.sold"]
    assert told["rules"]["outputs"][0]["limit"] == 0
    assert "it has no entry there" in project("audit", "inspect", "count")[1]
    assert "base: not in src/processes" in project("audit", "inspect", "base")[1]


def test_t49_what_is_not_there_or_not_sound_is_told_in_one_line(project):
    put(RECIPE, "process_recipes:\n  sell:\n    inputs:\n      - {field: n, minn: 1}\n")

    for name, said in {"sel": "Did you mean 'sell'?", "sell": "'minn' is no condition"}.items():
        code, out, errors = project("audit", "inspect", name)
        assert (code, out, len(errors)) == (2, "", 1)
        assert said in errors[0]


# schema

CONTEXT = '''
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Dict, List, Literal, Optional, Union
from pydantic import BaseModel, Field

raise SystemExit("it is never imported")

@dataclass
class BaseDomain:
    first: int

@dataclass
class BankDomain(BaseDomain):
    """What a bank has."""
    accounts: dict[str, int] = field(default_factory=dict)
    names: List[str] = field(default_factory=lambda: ["ann", "it's\\n"])
    note: Optional[str] = None
    rate: "float | None" = 0.5
    sig_fraud: Annotated[bool, "signal"] = False
    mode: Literal["day", "night"] = "day"
    seen: set[str] = field(default_factory=set)
    pair: tuple[int, ...] = (1, 2)
    anything: Any = None
    made: datetime = field(default_factory=datetime.now)
    either: Union[int, str] = 3
    kinds: ClassVar[int] = 3
    _hidden: int = 3
    last: int = field(default=1)
    matrix: list[list[float]] = field(default_factory=list)
    plain = 3

class BankGlobal(BaseModel):
    most: int = Field(1_000, ge=0)
    least: int
    needed: str = Field(...)
    tags: dict = Field(default_factory=dict)
    on: str = "yes"

class Other:
    not_it: int = 1
'''


def test_t50_dataclasses_and_models_are_read_with_their_defaults(cli):
    put("src/context.py", CONTEXT)

    code, out, errors = cli("schema", "gen")

    assert (code, errors) == (0, [])
    told = read_yaml(SCHEMA.read_text(), "schema")
    assert told["generated"] is True
    told = told["context"]
    assert told["domain"] == {
        "first": {"type": "integer"},
        "accounts": {"type": "dict[string, integer]", "default": {}},
        "names": {"type": "list[string]", "default": ["ann", "it's\n"]},
        "note": {"type": "string", "optional": True, "default": None},
        "rate": {"type": "float", "optional": True, "default": 0.5},
        "sig_fraud": {"type": "boolean", "default": False},
        "mode": {"type": "string", "default": "day"},
        "seen": {"type": "set[string]", "default": []},
        "pair": {"type": "tuple[integer, ...]", "default": [1, 2]},
        "anything": {"type": "any", "default": None},
        "made": {"type": "any", "default": None},
        "either": {"type": "any", "default": 3},
        "last": {"type": "integer", "default": 1},
        "matrix": {"type": "list[list[float]]", "default": []},
    }
    assert told["global"] == {
        "most": {"type": "integer", "default": 1000},
        "least": {"type": "integer"},
        "needed": {"type": "string"},
        "tags": {"type": "dict", "default": {}},
        "on": {"type": "string", "default": "yes"},
    }
    assert "sig_fraud" in out


def test_t50_another_file_may_be_named_and_a_schema_by_hand_is_not_written_over(cli):
    put("ctx.py", "class ADomain:\n    n: int = 1\n")

    assert cli("schema", "gen", "--context-file", "ctx.py")[0] == 0
    assert cli("schema", "gen", "--context-file", "ctx.py")[0] == 0
    put(SCHEMA, "# ours\n")
    assert cli("schema", "gen", "--context-file", "ctx.py")[0] == 0
    put(SCHEMA, "context: {}\n")
    code, _, errors = cli("schema", "gen", "--context-file", "ctx.py")
    assert code == 2
    assert "written by hand" in errors[0]
    assert SCHEMA.read_text() == "context: {}\n"
    assert cli("schema", "gen", "--context-file", "ctx.py", "--force")[0] == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "There is no file 'src/context.py'"),
        ("class (", "line 1"),
        ("class Other:\n    n: int = 1\n", "has no class with fields"),
        ("class ADomain:\n    n: int\nclass BDomain:\n    n: int\n", "both have a field 'n'"),
    ],
)
def test_t50_a_context_that_cannot_be_read_is_told_in_one_line(cli, text, said):
    if text is not None:
        put("src/context.py", text)

    code, out, errors = cli("schema", "gen")

    assert (code, out, len(errors)) == (2, "", 1)
    assert said in errors[0]
    assert not SCHEMA.exists()


def test_t51_what_was_read_is_written_as_classes_that_import(cli):
    put("src/context.py", CONTEXT)
    cli("schema", "gen")

    code, _, errors = cli("schema", "code", "--out-file", "made.py")

    assert (code, errors) == (0, [])
    made = imported(Path("made.py"))
    one, other = made.AppDomain(first=1), made.AppDomain(first=2)
    assert [f.name for f in fields(one)][:2] == ["first", "accounts"]
    assert (one.names, one.seen, one.pair) == (["ann", "it's\n"], set(), (1, 2))
    assert one.accounts is not other.accounts
    assert (one.note, one.rate, one.mode, one.last) == (None, 0.5, "day", 1)
    config = made.AppGlobal(least=1, needed="x")
    assert (config.most, config.on, config.tags) == (1000, "yes", {})
    cli("schema", "gen", "--context-file", "made.py", "--force")
    again = read_yaml(SCHEMA.read_text(), "schema")["context"]
    assert set(again["domain"]) == {f.name for f in fields(one)}


def test_t51_a_file_that_is_there_is_not_written_over(cli):
    put(SCHEMA, "context: {domain: {n: integer}}\n")
    put("src/context.py", "# mine\n")

    code, _, errors = cli("schema", "code")

    assert code == 2
    assert "is there already" in errors[0]
    assert Path("src/context.py").read_text() == "# mine\n"
    assert cli("schema", "code", "--force")[0] == 0
    assert imported(Path("src/context.py")).AppDomain(n=3).n == 3


HOSTILE = {
    "type": "n: {type: \"int = __import__('os').abort()\"}",
    "call": 'n: {type: "list[print(1)]"}',
    "name": '"n = 1; import os #": {type: integer}',
    "keyword": "class: {type: integer}",
    "unknown": "n: {type: integre}",
    "no type": "n: 3",
    "list": "- n",
}


@pytest.mark.parametrize("fields_said", HOSTILE.values(), ids=HOSTILE)
def test_t51_nothing_of_a_schema_becomes_code(cli, fields_said):
    put(SCHEMA, f"context:\n  domain:\n    {fields_said}\n")

    code, out, errors = cli("schema", "code", "--out-file", "made.py")

    assert (code, out, len(errors)) == (2, "", 1)
    assert not Path("made.py").exists()


def test_t51_texts_of_a_schema_stay_texts(cli):
    hostile = 'x"""\nimport os\\\' + str(1/0) + \u2028"'
    put(SCHEMA, f"context:\n  domain:\n    n: {{type: string, default: {json.dumps(hostile)}}}\n"
                "    far: {type: float, default: .inf}\n")  # fmt: skip

    assert cli("schema", "code", "--out-file", "made.py")[0] == 0
    made = imported(Path("made.py")).AppDomain()
    assert (made.n, made.far) == (hostile, float("inf"))


@pytest.mark.parametrize("noun", ["audit", "schema"])
def test_a_noun_alone_asks_for_its_command(cli, noun):
    code, _, errors = cli(noun)

    assert (code, len(errors)) == (2, 1)
