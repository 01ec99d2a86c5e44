"""The corridor holds: who may import whom, and how large things may grow."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest

import netflux_nb

ROOT = Path(__file__).parents[1]
PACKAGE = "netflux_nb"

# Left may be imported by right. Rooms in one bracket never import each other.
CORRIDOR = (
    ("core",),
    ("testing",),
    ("runtime",),
    ("providers", "func_lib", "record", "compare", "determinism"),
    ("replay",),
    ("state", "recovery", "governance"),
    ("session",),
    ("show",),
    ("run",),
    ("studies",),
    ("wiring",),
    ("flows", "jupyter"),
    ("cli",),
    ("compat",),
    ("__init__",),
    ("demos", "__main__"),
)
PLACE = {room: i for i, rooms in enumerate(CORRIDOR) for room in rooms}

# What these keep or look up they are handed: they must not know the record.
STRANGERS = {room: {"record"} for room in ("state", "recovery", "governance")}

# The only files that may import a later room, and only when a name is asked for.
TABLES = {"__init__", "core.__init__", "func_lib.__init__", "providers.__init__"}

MODULE_LINES = 600
FUNCTION_LINES = 80
P90_LINES = 30
ROOM_MODULES = 14
MAY_BE_CROWDED = {"func_lib"}

# Stems that two modules share, and why. A folder counts by its own name.
SHARED_STEMS = {
    "magics": "a folder and the module it is named after",
    "runtime": "a room and the module it is named after",
    "text": "`core.text` makes any text legible, `show.parts.text` draws views as text",
}

# Class names that two modules share, and why. Names with an underscore stay in their module.
SHARED_CLASSES = {
    "Drawn": "an event by this name is in every record; in `show` a drawn cell",
    "Edition": "a protocol in `core`, and the class that fills it",
    "Share": "the version of every Ensemble holds its name; in `show` a part of a total",
    "Verbs": "a protocol in `core`, and the class that fills it",
}

# Modules that are small and have one importer in their own room, and why they stand alone.
SMALL_LINES = 60
MAY_BE_SMALL = {
    "core.functions.loads": "other Pythons load it by itself",
    "func_lib.raise_exception": "a built-in Function has a file of its own",
    "show.exported.browser_code": "what may run in a page is read alone",
    "jupyter.magics.overview": "the verbs are a table, this a view",
}

HEAVY = [
    "IPython",
    "anthropic",
    "anywidget",
    "duckdb",
    "google.genai",
    "ipywidgets",
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic",
]

# A module of ours as text, the way a lazy table names it.
NAMED = re.compile(rf"(?:{PACKAGE})?\.+[a-z_][\w.]*")


@dataclass(frozen=True)
class Import:
    """One import: of which module, at which line, and when it happens."""

    target: str
    line: int
    when: str  # "loaded", "called" or "typed"


def room_of(module: str) -> str:
    return module.split(".")[0]


def modules_of(package: Path) -> dict[str, Path]:
    """Each module's name below the package, such as `core.events`, and its file."""
    return {
        ".".join(path.relative_to(package).with_suffix("").parts): path
        for path in sorted(package.rglob("*.py"))
    }


def full_name(module: str, level: int, name: str) -> str | None:
    """A module's name below the package, or nothing when it is not ours."""
    if level:
        above = module.split(".")[:-level]
        return ".".join([*above, *filter(None, [name])]) or "__init__"
    if name == PACKAGE:
        return "__init__"
    return name.removeprefix(f"{PACKAGE}.") if name.startswith(f"{PACKAGE}.") else None


def settle(name: str, modules: dict[str, Path]) -> str:
    """A package's name stands for its `__init__`."""
    return f"{name}.__init__" if f"{name}.__init__" in modules else name


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def is_import_call(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and (
        ast.unparse(node.func).split(".")[-1] in {"import_module", "__import__"}
    )


def walk(node: ast.AST, when: str = "loaded") -> Iterator[tuple[ast.AST, str]]:
    """Every node below, and when it is executed."""
    for child in ast.iter_child_nodes(node):
        inner = when
        if isinstance(node, ast.If) and is_type_checking(node) and child in node.body:
            inner = "typed"
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            inner = "called"
        yield child, inner
        yield from walk(child, inner)


def imports_of(module: str, tree: ast.AST, modules: dict[str, Path]) -> Iterator[Import]:
    loads_by_name = any(is_import_call(node) for node, _ in walk(tree))
    for node, when in walk(tree):
        match node:
            case ast.Import(names=names):
                found = [full_name(module, 0, alias.name) for alias in names]
            case ast.ImportFrom(module=base, names=names, level=level):
                start = full_name(module, level, base or "")
                found = [taken_from(start, alias.name, modules) for alias in names]
            case ast.Constant(value=str(text)) if loads_by_name:
                if not NAMED.fullmatch(text):
                    continue
                level = len(text) - len(text.lstrip("."))
                found = [full_name(module, level, text.lstrip("."))]
                when = "called"
            case _:
                continue
        yield from (Import(settle(t, modules), node.lineno, when) for t in found if t)


def taken_from(start: str | None, name: str, modules: dict[str, Path]) -> str | None:
    """What `from start import name` imports: the module `name`, or else `start`."""
    if start is None:
        return None
    inner = name if start == "__init__" else f"{start}.{name}"
    is_module = inner in modules or f"{inner}.__init__" in modules
    return inner if is_module or inner in PLACE else start


def wrong(module: str, target: str) -> str | None:
    """Why `module` may not import `target`, or nothing."""
    here, there = room_of(module), room_of(target)
    if here == there:
        return None
    if there not in PLACE:
        return f"{there} is no room. The rooms are in CORRIDOR"
    if there == "compat":
        return "nobody imports compat"
    if there in STRANGERS.get(here, ()):
        return f"{here} is handed what it needs of {there}"
    if PLACE[there] == PLACE[here]:
        return f"{here} and {there} stand side by side"
    if PLACE[there] > PLACE[here]:
        return f"{there} comes after {here}"
    return None


def layer_faults(package: Path) -> list[str]:
    """Each import that goes the wrong way, and each cycle within a room."""
    modules = modules_of(package)
    faults = []
    graph: dict[str, set[str]] = {}
    for module, path in modules.items():
        if room_of(module) not in PLACE:
            faults.append(f"{module}: {room_of(module)} has no place in the corridor.")
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        is_table = module in TABLES
        if not is_table and has_table(tree):
            faults.append(f"{module}: lazy names belong in {sorted(TABLES)}.")
        for imp in imports_of(module, tree, modules):
            if is_table and imp.when != "loaded":
                continue
            if reason := wrong(module, imp.target):
                faults.append(f"{module}:{imp.line} imports {imp.target}: {reason}.")
            elif room_of(imp.target) == room_of(module):
                graph.setdefault(module, set()).add(imp.target)
    return faults + cycles(graph)


def has_table(tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.FunctionDef) and node.name == "__getattr__" for node in tree.body
    )


def cycles(graph: dict[str, set[str]]) -> list[str]:
    """The first cycle of each room, as a sentence."""
    faults = []
    for room in sorted({room_of(module) for module in graph}):
        part = {m: seen for m, seen in graph.items() if room_of(m) == room}
        try:
            TopologicalSorter(part).prepare()
        except CycleError as error:
            # The sorter names the way from the imported to the importer.
            faults.append(f"{' imports '.join(reversed(error.args[1]))}: a cycle.")
    return faults


def size_faults(package: Path) -> list[str]:
    """Each module, function, room and folder that is too large, and folders in folders."""
    faults = []
    lengths = []
    rooms: dict[str, int] = {}
    for module, path in modules_of(package).items():
        text = path.read_text(encoding="utf-8")
        *folder, name = module.split(".")
        if len(folder) > 2:
            faults.append(f"{module}: a folder of a room holds no folders.")
        if folder and not name.startswith("__"):
            room = ".".join(folder)
            rooms[room] = rooms.get(room, 0) + 1
        if (count := len(text.splitlines())) > MODULE_LINES:
            faults.append(f"{module}: {count} lines, of {MODULE_LINES}.")
        for name, length in functions(ast.parse(text)):
            lengths.append(length)
            if length > FUNCTION_LINES:
                faults.append(f"{module}: {name}() has {length} of {FUNCTION_LINES} lines.")
    faults += [
        f"{room}: {count} modules, of {ROOM_MODULES}."
        for room, count in rooms.items()
        if count > ROOM_MODULES and room not in MAY_BE_CROWDED
    ]
    lengths.sort()
    if lengths and (p90 := lengths[int(len(lengths) * 0.9)]) > P90_LINES:
        faults.append(f"One function in ten has {p90} lines or more, of {P90_LINES}.")
    return faults


def name_faults(package: Path) -> list[str]:
    """Each stem that two modules share, and each class name, with all their modules."""
    stems: dict[str, list[str]] = {}
    classes: dict[str, list[str]] = {}
    for module, path in modules_of(package).items():
        home = module.removesuffix(".__init__")
        stems.setdefault(home.split(".")[-1], []).append(home)
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                classes.setdefault(node.name, []).append(home)
    return [
        f"{name}: {' and '.join(homes)} share the name."
        for names, explained in ((stems, SHARED_STEMS), (classes, SHARED_CLASSES))
        for name, homes in names.items()
        if len(homes) > 1 and name not in explained
    ]


def small_faults(package: Path) -> list[str]:
    """Each small module that only one other of its room imports: it belongs in that one."""
    modules = modules_of(package)
    importers: dict[str, set[str]] = {}
    for module, path in modules.items():
        if module in TABLES:  # they name a module without loading it
            continue
        for imp in imports_of(module, ast.parse(path.read_text(encoding="utf-8")), modules):
            importers.setdefault(imp.target, set()).add(module)
    faults = []
    for module, users in importers.items():
        path = modules.get(module)
        if path is None or module.endswith("__init__") or len(users) > 1:
            continue
        (user,) = users
        count = len(path.read_text(encoding="utf-8").splitlines())
        if count < SMALL_LINES and room_of(user) == room_of(module) and user != module:
            faults.append(f"{module}: {count} lines, and only {user} imports it.")
    return [fault for fault in faults if fault.split(":")[0] not in MAY_BE_SMALL]


def functions(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node.end_lineno - node.lineno + 1


def listed(faults: list[str]) -> str:
    return "\n" + "\n".join(faults)


def test_every_import_goes_left():
    faults = layer_faults(ROOT / PACKAGE)

    assert not faults, listed(faults)


def test_nothing_is_too_large():
    faults = size_faults(ROOT / PACKAGE)

    assert not faults, listed(faults)


def test_no_small_module_has_but_one_importer_beside_it():
    faults = small_faults(ROOT / PACKAGE)

    assert not faults, listed(faults)


def test_no_two_modules_and_no_two_classes_share_a_name():
    faults = name_faults(ROOT / PACKAGE)

    assert not faults, listed(faults)


def test_every_public_name_is_there():
    missing = [name for name in netflux_nb.__all__ if not hasattr(netflux_nb, name)]

    assert missing == []


def corridor_in(text: str) -> list[set[str]]:
    """The rooms that a page draws, in their order; those in one brace together."""
    groups = re.findall(r"\{([^}]*)\}|([a-z_]+)", text)
    return [set(re.findall(r"[a-z_]+", brace or room)) for brace, room in groups]


def test_every_page_draws_the_same_corridor():
    contributing = (ROOT / "CONTRIBUTING.md").read_text()
    house = (ROOT / "docs" / "house.md").read_text()
    package = (ROOT / PACKAGE / "__init__.py").read_text()
    comment = package.split("holds it):\n")[1].split("# The way")[0]

    drawn = [set(rooms) - {"__main__"} for rooms in CORRIDOR]
    assert corridor_in(contributing.split("## The corridor")[1].split("```")[1]) == drawn
    assert corridor_in(house.split("```")[1]) == drawn
    assert corridor_in(comment.replace("this file", "__init__")) == drawn


def test_contributing_says_where_everything_is():
    table = (ROOT / "CONTRIBUTING.md").read_text().split("## Where things are")[1]
    listed = re.findall(r"^\| `([a-z_/]+)` \|", table.split("## ")[0], re.MULTILINE)
    places = {
        "/".join(module.split(".")[:-1]) or module
        for module in modules_of(ROOT / PACKAGE)
        if not module.startswith("__")
    }

    assert sorted(listed) == sorted(places)


def test_no_public_name_of_the_first_version_is_gone():
    first = json.loads((ROOT / "tests" / "public_names.json").read_text())

    gone = [
        f"{room}.{name}"
        for room, names in first.items()
        for name in names
        if not hasattr(import_module(room), name)
    ]
    assert gone == []


@pytest.mark.slow
def test_the_import_loads_nothing_heavy():
    code = f"import sys, {PACKAGE}; print(*sorted(set({HEAVY}) & set(sys.modules)))"

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert done.stdout.split() == []


# The checks themselves: a small sound package, and one thing at a time smuggled in.

SOUND = {
    "__init__.py": "from .session import Session\n",
    "core/__init__.py": (
        "from importlib import import_module\n"
        "from typing import TYPE_CHECKING\n"
        "from .events import Event\n"
        "if TYPE_CHECKING:\n"
        "    from ..runtime.nodes import Node\n"
        "_LATER = {'Node': 'netflux_nb.runtime.nodes', 'Run': '..run'}\n"
        "def __getattr__(name):\n"
        "    return getattr(import_module(_LATER[name], __name__), name)\n"
    ),
    "core/events.py": "import json\nclass Event: ...\n",
    "core/views.py": "from . import events\nfrom .events import Event\n",
    "runtime/__init__.py": "from .nodes import Node\n",
    "runtime/nodes.py": (
        "from typing import TYPE_CHECKING\n"
        "from ..core import Event\n"
        "if TYPE_CHECKING:\n"
        "    from ..core.views import View\n"
        "class Node: ...\n"
    ),
    "runtime/runtime.py": "from .nodes import Node\n",
    "record/journal.py": "from netflux_nb.core.events import Event\n",
    "session.py": "from .record import journal\nfrom .runtime import Node\n",
    "run.py": "from .session import Session\n",
    "demos/__main__.py": "import netflux_nb\nfrom netflux_nb import Session\n",
}

LEFTWARD = "imports session.*: session comes after core"
SMUGGLED = {
    "relative": ("core/views.py", "from ..session import Session", LEFTWARD),
    "relative module": ("core/views.py", "from .. import session", LEFTWARD),
    "absolute": ("core/views.py", "import netflux_nb.session as s", LEFTWARD),
    "absolute name": ("core/views.py", "from netflux_nb.session import S", LEFTWARD),
    "absolute module": ("core/views.py", "from netflux_nb import session", LEFTWARD),
    "in a function": (
        "core/views.py",
        "def f():\n    from ..session import Session",
        LEFTWARD,
    ),
    "in a method": (
        "core/views.py",
        "class A:\n    async def f(self):\n        import netflux_nb.session",
        LEFTWARD,
    ),
    "for types": (
        "core/views.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..session import Session",
        LEFTWARD,
    ),
    "by name": (
        "core/views.py",
        "import importlib\nimportlib.import_module('netflux_nb.session')",
        LEFTWARD,
    ),
    "by a dotted name": (
        "core/views.py",
        "from importlib import import_module\nimport_module('..session', __package__)",
        LEFTWARD,
    ),
    "by a table": (
        "core/views.py",
        "import importlib\nT = {'S': 'netflux_nb.session'}\n"
        "def get(n):\n    return importlib.import_module(T[n])",
        LEFTWARD,
    ),
    "a later room at the top of a table's file": (
        "core/__init__.py",
        "from ..session import Session",
        "core.__init__:.* session comes after core",
    ),
    "a table elsewhere": (
        "runtime/__init__.py",
        "def __getattr__(name): ...",
        "lazy names belong in",
    ),
    "the package itself": (
        "record/journal.py",
        "import netflux_nb",
        "__init__ comes after record",
    ),
    "a room beside": (
        "record/journal.py",
        "from ..providers import Scripted",
        "record and providers stand side by side",
    ),
    "the record": (
        "state/audit.py",
        "from ..record import journal",
        "state is handed what it needs of record",
    ),
    "compat": ("demos/old.py", "from ..compat import theus", "nobody imports compat"),
    "a room nobody knows": ("helpers.py", "x = 1", "helpers has no place"),
    "a room that is not there": (
        "core/views.py",
        "from ..helpers import x",
        "helpers is no room",
    ),
    "a cycle": ("core/events.py", "from .views import View", "a cycle"),
    "a cycle in a function": (
        "core/events.py",
        "def f():\n    from . import views",
        "a cycle",
    ),
    "a cycle for types": (
        "runtime/nodes.py",
        "if TYPE_CHECKING:\n    from .runtime import Runtime",
        "a cycle",
    ),
    "a cycle through the room": ("runtime/nodes.py", "from . import Node", "a cycle"),
}

TOO_LARGE = {
    "module": ({"core/views.py": "x = 1\n" * 601}, "601 lines, of 600"),
    "function": (
        {
            "core/views.py": "def f():\n" + "    x = 1\n" * 80,
            "core/prompts.py": "def g(): ...\n" * 20,
        },
        r"f\(\) has 81 of 80 lines",
    ),
    "functions": (
        {"core/views.py": ("def f():\n" + "    x = 1\n" * 30) * 3},
        "One function in ten has 31",
    ),
    "room": ({f"state/m{i}.py": "" for i in range(15)}, "state: 15 modules, of 14"),
    "folder": ({"show/html/parts/page.py": ""}, "holds no folders"),
    "modules in a folder": (
        {f"show/html/m{i}.py": "" for i in range(15)},
        "show.html: 15 modules, of 14",
    ),
}

SHARED = {
    "module": ({"core/rows.py": "", "record/rows.py": ""}, "rows: core.rows and record.rows"),
    "folder": ({"core/rows/__init__.py": "", "record/rows.py": ""}, "core.rows and record.rows"),
    "class": (
        {"core/cells.py": "class Row: ...\n", "record/lines.py": "class Row: ...\n"},
        "Row: core.cells and record.lines",
    ),
}


def build(tmp_path: Path, files: dict[str, str]) -> Path:
    package = tmp_path / PACKAGE
    for name, text in files.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return package


def test_a_sound_package_has_no_faults(tmp_path):
    package = build(tmp_path, SOUND)

    faults = layer_faults(package) + size_faults(package) + name_faults(package)

    assert faults == []


@pytest.mark.parametrize(("files", "fault"), SHARED.values(), ids=SHARED)
def test_a_shared_name_is_caught(tmp_path, files, fault):
    package = build(tmp_path, SOUND | files)

    faults = name_faults(package)

    assert len(faults) == 1, listed(faults)
    assert fault in faults[0]


def test_a_private_class_may_share_its_name(tmp_path):
    files = {"core/cells.py": "class _Walk: ...\n", "record/lines.py": "class _Walk: ...\n"}

    assert name_faults(build(tmp_path, SOUND | files)) == []


@pytest.mark.parametrize(("file", "text", "fault"), SMUGGLED.values(), ids=SMUGGLED)
def test_a_smuggled_import_is_caught(tmp_path, file, text, fault):
    package = build(tmp_path, SOUND | {file: f"{SOUND.get(file, '')}\n{text}\n"})

    faults = layer_faults(package)

    assert len(faults) == 1, listed(faults)
    assert re.search(fault, faults[0])


@pytest.mark.parametrize(("files", "fault"), TOO_LARGE.values(), ids=TOO_LARGE)
def test_what_is_too_large_is_caught(tmp_path, files, fault):
    package = build(tmp_path, SOUND | files)

    faults = size_faults(package)

    assert len(faults) == 1, listed(faults)
    assert re.search(fault, faults[0])


def test_a_small_module_with_one_importer_beside_it_is_caught(tmp_path):
    files = {"state/rows.py": "x = 1\n", "state/table.py": "from .rows import x\n" * 60}

    faults = small_faults(build(tmp_path, files))

    assert faults == ["state.rows: 1 lines, and only state.table imports it."]


@pytest.mark.parametrize(
    "files",
    [
        {"state/rows.py": "x = 1\n", "flows/table.py": "from ..state.rows import x\n"},
        {"state/rows.py": "x = 1\n" * 60, "state/table.py": "from .rows import x\n"},
        {
            "state/rows.py": "x = 1\n",
            "state/table.py": "from .rows import x\n",
            "state/chart.py": "from .rows import x\n",
        },
    ],
    ids=["of another room", "not small", "two importers"],
)
def test_a_module_that_more_may_need_stands_alone(tmp_path, files):
    assert small_faults(build(tmp_path, files)) == []


def test_the_built_in_functions_may_be_many(tmp_path):
    package = build(tmp_path, {f"func_lib/m{i}.py": "" for i in range(12)})

    assert size_faults(package) == []
