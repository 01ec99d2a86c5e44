"""Every built-in is where a person looks for it, and looking loads little."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from netflux_nb import func_lib
from netflux_nb.core.functions.kinds import CodeFunction

ROOT = Path(__file__).parents[2]
FOLDER = Path(func_lib.__file__).parent
FILES = sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("__"))
# The second names of files.
OTHERS = {"bash_func", "text_editor_func"}
BOTH = ["apply_diff", "raise_exception", "text_editor", "view_image"]
SEED = [
    "apply_diff_patch",
    "bash",
    "Ensemble",
    "ImageResult",
    "raise_exception",
    "status_update",
    "text_editor",
    "view_image",
]


def run(code):
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    return done.stdout.strip() or done.stderr.strip()


@pytest.mark.parametrize("name", func_lib.__all__)
def test_every_name_is_there(name):
    found = getattr(func_lib, name)

    assert name in dir(func_lib)
    assert isinstance(found, CodeFunction | type) or name == "from_mcp"
    if isinstance(found, CodeFunction):
        assert found.name == name


def test_the_names_are_sorted_and_once():
    assert sorted(func_lib.__all__) == func_lib.__all__
    assert len(set(func_lib.__all__)) == len(func_lib.__all__)


@pytest.mark.parametrize("file", sorted(set(FILES) - OTHERS))
def test_every_function_and_error_of_a_file_is_in_the_list(file):
    module = import_module(f"netflux_nb.func_lib.{file}")
    own = {
        name
        for name, value in vars(module).items()
        if getattr(value, "__module__", None) == module.__name__
        and isinstance(value, type)
        and issubclass(value, Exception)
    }
    own |= {n for n in getattr(module, "__all__", ()) if isinstance(vars(module)[n], CodeFunction)}

    own = {name for name in own if not name.startswith("_")}

    # The applying of a diff tells it as a DiffError.
    assert own - {"RefusedError"} <= set(func_lib.__all__)


@pytest.mark.parametrize("name", SEED)
def test_the_names_of_netflux_are_there(name):
    assert name in func_lib.__all__


def test_a_name_that_is_not_there_says_so():
    with pytest.raises(AttributeError, match=r"'netflux_nb\.func_lib' has no attribute 'bahs'"):
        func_lib.bahs  # noqa: B018


def test_only_names_that_are_no_file_wait():
    assert set(func_lib._FILES) & set(FILES) == set()
    assert set(func_lib.__all__) & set(FILES) == set(BOTH)


@pytest.mark.slow
@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("first", ["file", "Function"])
def test_a_file_and_its_function_are_both_found_whichever_comes_first(name, first):
    ways = {
        "file": f"from netflux_nb.func_lib.{name} import {name} as a",
        "Function": f"from netflux_nb.func_lib import {name} as b",
    }
    lines = [ways.pop(first), *ways.values()]

    said = run("\n".join([*lines, "print(a is b, a.name)"]))

    assert said == f"True {name}"


@pytest.mark.slow
def test_it_loads_nothing_heavy():
    heavy = ["PIL", "anthropic", "duckdb", "mcp", "numpy", "openai", "pandas", "pydantic"]

    said = run(
        "import sys, netflux_nb.func_lib as lib\n"
        "lib.bash, lib.python, lib.text_editor, lib.Ensemble, lib.QueryFrames, lib.from_mcp\n"
        f"print('loaded:', *sorted(set({heavy}) & set(sys.modules)))"
    )

    assert said == "loaded:"


@pytest.mark.slow
def test_the_package_itself_loads_no_built_in():
    said = run("import sys, netflux_nb\nprint(any('func_lib' in m for m in sys.modules))")

    assert said == "False"
