"""What the README shows does run."""

import ast
import inspect
import re
from pathlib import Path

import pytest

import netflux_nb
from netflux_nb import Budget, Function, Limit, ModelError, Run, Runtime, func_lib, session
from netflux_nb.cli import entry
from netflux_nb.func_lib import Bash
from netflux_nb.func_lib._process.sessions import SessionFunction

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)
CELLS = re.findall(r"^```ipython\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)


GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
BLOCKS += re.findall(r"^```python\n(.*?)^```$", GUIDE, flags=re.DOTALL | re.MULTILINE)
# The blocks of a page belong together; a page that imports nothing shows lines, no program.
for _page in sorted((ROOT / "docs").glob("*.md")):
    _found = re.findall(
        r"^```python\n(.*?)^```$", _page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    BLOCKS += ["".join(_found)] if "import " in "".join(_found) else []


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_a_readme_block_runs(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NETFLUX_HOME", str(tmp_path / "record"))
    source = tmp_path / "block.py"
    # A file, so that a Function finds its source as it would in a person's script.
    source.write_text(block, encoding="utf-8")

    exec(compile(block, source, "exec"), {"__name__": "__main__"})
    session.close_records()


@pytest.mark.slow
def test_the_readmes_cells_run(tmp_path, monkeypatch):
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("NETFLUX_HOME", str(tmp_path / "record"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    cells = [nbformat.v4.new_code_cell(one) for one in CELLS]
    book = nbformat.v4.new_notebook(cells=cells)

    NotebookClient(book, timeout=60, kernel_name="python3").execute(cwd=str(tmp_path))

    assert len(cells) == 3
    assert "'Rivers in spring'" in str(book.cells[-1].outputs)


def test_the_readmes_verbs_are_those_there_are():
    from netflux_nb.jupyter.magics.verbs import VERBS

    rows = re.findall(r"^\| (`%nf .*?) \|", README, flags=re.MULTILINE)
    named = {word.removeprefix("%nf ") for row in rows for word in re.findall(r"`(.*?)`", row)}

    assert named
    assert named <= set(VERBS)


def test_what_the_readme_links_to_is_there():
    links = re.findall(r"\]\((?!http)([^)#]+)\)|(?:src|srcset)=\"([^\"]+)\"", README)

    assert [one for pair in links for one in pair if one and not (ROOT / one).exists()] == []


def test_the_readme_is_short():
    words = [word for word in README.split() if any(map(str.isalnum, word))]

    assert len(words) <= 600


def test_the_spec_page_is_true() -> None:
    """`tests/SPEC.md` says what the tests' names say."""
    from importlib.util import module_from_spec, spec_from_file_location

    found = spec_from_file_location("spec", ROOT / "tests" / "spec.py")
    assert found is not None
    assert found.loader is not None
    spec = module_from_spec(found)
    found.loader.exec_module(spec)
    assert (ROOT / "tests" / "SPEC.md").read_text() == spec.page(), (
        "Run `python tests/spec.py --write`."
    )


# A sentence that begins so circumscribes a thing instead of naming it.
CIRCUMSCRIBES = re.compile(r"(?:What|Whoever|Who|Which|How|Where)\b")


def is_named(source: str) -> bool:
    """Whether a module's docstring begins with the thing that the module is."""
    text = ast.get_docstring(ast.parse(source))
    return bool(text) and not CIRCUMSCRIBES.match(text)


def test_each_module_docstring_names_its_thing():
    modules = sorted((ROOT / "netflux_nb").rglob("*.py"))

    riddles = [
        str(path.relative_to(ROOT))
        for path in modules
        if not is_named(path.read_text(encoding="utf-8"))
    ]

    assert modules
    assert riddles == []


@pytest.mark.parametrize(
    "source",
    [
        '"""What a child process may see and use: a clean environment, limits."""',
        '"""Whoever answers agents."""',
        "import re",
    ],
)
def test_a_module_docstring_that_circumscribes_is_caught(source):
    assert not is_named(source)


# What such an option does is in its name, wherever it stands.
PLAIN = {"timeout", "reason", "by", "name"}


def options_of(made):
    """The options of a callable, and of a class those of its constructor."""
    found = inspect.signature(made).parameters.values()
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p.name for p in found if p.default is not p.empty and p.kind not in kinds]


def public():
    """What a person calls: functions, what makes Functions and runtimes, a run's verbs."""
    for name in netflux_nb.__all__:
        made = getattr(netflux_nb, name)
        if inspect.isfunction(made) or made in (Runtime, Budget, ModelError, Limit):
            yield name, made, made.__doc__
    for name in func_lib.__all__:
        made = getattr(func_lib, name)
        if inspect.isclass(made) and issubclass(made, Function):
            beside = Bash.__doc__ if issubclass(made, SessionFunction) else ""
            yield name, made, made.__doc__ + beside
    for kind in (Run, type(netflux_nb.runs)):
        for name, made in inspect.getmembers(kind, inspect.isfunction):
            if not name.startswith("_"):
                yield f"{kind.__name__}.{name}", made, made.__doc__


def test_every_option_is_named_where_it_is_told_what_a_call_does():
    silent = [
        f"{name}({option}=…)"
        for name, made, words in public()
        for option in options_of(made)
        if option not in PLAIN and not re.search(rf"\b{option}\b", words)
    ]

    assert silent == []


def test_every_option_of_the_command_line_says_what_it_does():
    silent, parsers = [], [entry._parser()]
    while parsers:
        parser = parsers.pop()
        for action in parser._actions:
            parsers += action.choices.values() if isinstance(action.choices, dict) else []
            if not action.help and not isinstance(action.choices, dict):
                silent.append(f"{parser.prog} {action.option_strings or action.dest}")

    assert silent == []
