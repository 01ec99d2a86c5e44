"""Break a sample of places of a room, and see whether its quick tests notice: `make mutants`.

A mutant is run against the tests that touch its lines, the quickest first, until one fails.
Each runs in a fork of a process that has imported all but the package. An import hook gives it
the broken module, so that constants and class bodies are broken too, and no file is.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import importlib
import importlib.machinery
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
# A room's quick tests. What `core` says is mostly seen when it runs.
ROOMS = {
    "core": ("tests/core", "tests/runtime"),
    "replay": ("tests/replay",),
    "record": ("tests/record",),
}
# Imported once, before the forks. None of them starts a thread.
WARM = ("pytest", "coverage", "hypothesis", "pydantic", "regex", "IPython", "jsonschema", "numpy")
WARM += ("pandas", "duckdb", "anthropic", "openai", "google.genai", "PIL.Image")
# What is imported before pytest is not rewritten by it.
QUIET = "ignore::pytest.PytestAssertRewriteWarning"
# How much of its tests a mutant is run against, in seconds of the whole room's run. At 10 s on busy
# cores some survived whose own test was never reached.
MOST_S = 30.0
# A mutant that hangs is noticed too.
LIMIT_S = 25.0
SLOWER = 6

PAIRS = "Lt LtE, LtE Lt, Gt GtE, GtE Gt, Eq NotEq, NotEq Eq, Is IsNot, IsNot Is, In NotIn, NotIn In"
PAIRS += (
    ", And Or, Or And, Add Sub, Sub Add, Mult Add, Div Mult, FloorDiv Mult, Mod Add, BitOr BitAnd"
)
SWAPS = {getattr(ast, p.split()[0]): getattr(ast, p.split()[1]) for p in PAIRS.split(", ")}
# A swap of these turns a test round, as a `not` before it would.
TURNING = ast.Eq | ast.NotEq | ast.Is | ast.IsNot | ast.In | ast.NotIn
GONE = {ast.Raise, ast.AugAssign, ast.Continue, ast.Break}
# Left alone: annotations, decorators, what a message says. And what no test can see: type
# variables, and the guard of a `zip`, which never trips.
FIELDS = {"annotation", "returns", "decorator_list", "exc"}
PASSED_OVER = ast.JoinedStr | ast.Import | ast.ImportFrom | ast.Global | ast.Nonlocal

Touched = dict[str, dict[int, list[str]]]


def ways(node: ast.AST) -> Iterator[dict[str, Any]]:
    """Give the ways to break a node: what of it is otherwise."""
    match node:
        case ast.Compare(ops=[op]) | ast.BoolOp(op=op) | ast.BinOp(op=op) if type(op) in SWAPS:
            new = SWAPS[type(op)]()
            yield {"ops": [new]} if isinstance(node, ast.Compare) else {"op": new}
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield {"operand": ast.UnaryOp(ast.Not(), operand)}
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            is_turned = isinstance(test, ast.Compare) and isinstance(test.ops[0], TURNING)
            if not is_turned and not isinstance(test, ast.UnaryOp):
                yield {"test": ast.UnaryOp(ast.Not(), test)}
        case ast.Constant(value=bool() as value):
            yield {"value": not value}
        case ast.Constant(value=int() | float() as value):
            yield {"value": value + 1}
        case ast.Constant(value=str() as value) if value:
            yield {"value": value + "XX"}
        case ast.Return(value=value) if value is not None and ast.unparse(value) != "None":
            yield {"value": ast.Constant(None)}
        case ast.comprehension(ifs=[_, *_]):
            yield {"ifs": []}
        case ast.Expr(value=ast.Call()):
            yield {"__class__": ast.Pass}
        case _ if type(node) in GONE:
            yield {"__class__": ast.Pass}


def nodes(node: ast.AST, in_function: bool = False) -> Iterator[tuple[ast.AST, bool]]:
    """Give the nodes that may be broken, in one order, and whether a function is around."""
    yield node, in_function
    is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    for name, value in ast.iter_fields(node):
        inside = in_function or (is_function and name == "body")  # defaults are not
        for one in value if isinstance(value, list) else [value]:
            is_text = isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant)
            is_typing = isinstance(one, ast.If) and ast.unparse(one.test) == "TYPE_CHECKING"
            is_typing |= isinstance(one, ast.Subscript) and ast.unparse(one.value) == "Literal"
            is_typing |= isinstance(one, ast.Call) and ast.unparse(one.func) == "TypeVar"
            is_typing |= isinstance(one, ast.keyword) and one.arg == "strict"  # of `zip`
            if name in FIELDS or is_text or is_typing or isinstance(one, PASSED_OVER):
                continue
            if isinstance(one, ast.AST):
                yield from nodes(one, inside)


@dataclass
class Mutant:
    """One broken place: the nth node of a module, and the nth way to break it."""

    path: Path
    node: int
    way: int
    line: int
    last: int
    in_function: bool
    tree: ast.Module | None = None
    what: str = ""

    def make(self) -> None:
        """Break the module, and say how."""
        self.tree = ast.parse(self.path.read_text(encoding="utf-8"))
        target = next(node for i, (node, _) in enumerate(nodes(self.tree)) if i == self.node)
        old = _short(target)
        for name, value in list(ways(target))[self.way].items():
            setattr(target, name, value)
        ast.fix_missing_locations(self.tree)
        self.what = f"{self.path.relative_to(ROOT)}:{self.line}  {old}  →  {_short(target)}"


def _short(node: ast.AST) -> str:
    return ast.unparse(node.test if isinstance(node, ast.If | ast.While) else node)[:90]


def mutants(room: str) -> Iterator[Mutant]:
    """Give all mutants of a room."""
    for path in sorted((ROOT / "netflux_nb" / room).rglob("*.py")):
        line = 1
        for at, (node, inside) in enumerate(nodes(ast.parse(path.read_text(encoding="utf-8")))):
            line = getattr(node, "lineno", line)
            seen = node.test if isinstance(node, ast.If | ast.While) else node
            for way, _ in enumerate(ways(node)):
                yield Mutant(path, at, way, line, getattr(seen, "end_lineno", line), inside)


class Chosen:
    """A pytest plugin: these tests only, in this order; how long each takes."""

    def __init__(self, names: list[str], coverage: Any = None) -> None:
        self.place = {name: i for i, name in enumerate(names)}
        self.coverage = coverage
        self.seconds: Counter[str] = Counter()
        self.failed: set[str] = set()

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        if self.place:
            items[:] = [one for one in items if one.nodeid in self.place]
            items.sort(key=lambda one: self.place[one.nodeid])

    def pytest_runtest_setup(self, item: Any) -> None:
        if self.coverage:
            self.coverage.switch_context(item.nodeid)

    def pytest_runtest_logreport(self, report: Any) -> None:
        self.seconds[report.nodeid] += report.duration
        if report.failed:
            self.failed.add(report.nodeid)

    def run(self, folder: Path, *args: str) -> int:
        """Run them, and give how that ended."""
        import pytest

        ours = ["-q", "-p", "no:cacheprovider", "-p", "no:randomly", "-W", QUIET]
        ours += ["-m", os.environ["MUTANTS_OF"], f"--basetemp={folder / 'tmp'}"]
        return int(pytest.main([*ours, *args], [self]))


def forked(act: Callable[[Path], int], limit_s: float) -> tuple[str, str]:
    """Do something in a fork with a folder of its own. Give how it ended, and what it left."""
    folder = Path(tempfile.mkdtemp(prefix="mutant-"))
    pid = os.fork()
    if pid == 0:
        code = 3
        try:
            os.setsid()
            out = os.open(folder / "said", os.O_RDWR | os.O_CREAT)
            for fd in (0, 1, 2):
                os.dup2(out, fd)
            code = act(folder)
        except BaseException:  # noqa: BLE001  the fork says why, whatever it is
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    end, ended, status = time.monotonic() + limit_s, 0, 0
    while not ended and time.monotonic() < end:
        time.sleep(0.01)
        ended, status = os.waitpid(pid, os.WNOHANG)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)  # what it started, too
    if not ended:
        os.waitpid(pid, 0)
    said = next(folder.glob("left"), folder / "said").read_text(errors="replace")
    shutil.rmtree(folder, ignore_errors=True)
    return ("hung" if not ended else "killed" if status else "survived"), said


def baseline(room: str) -> tuple[Touched, dict[str, float]]:
    """Run a room's tests with nothing broken: the tests of each line, and how long each takes."""

    def act(folder: Path) -> int:
        import coverage

        source = [str(ROOT / "netflux_nb" / room)]
        cover = coverage.Coverage(data_file=None, source=source, config_file=False)
        cover.start()
        plugin = Chosen([], cover)
        plugin.run(folder, *ROOMS[room])
        cover.stop()
        data = cover.get_data()
        touched = {path: data.contexts_by_lineno(path) for path in data.measured_files()}
        told = [touched, plugin.seconds, sorted(plugin.failed)]
        (folder / "left").write_text(json.dumps(told))
        return 0

    how, said = forked(act, 3_600)
    if how != "survived":
        raise SystemExit(f"The tests of {room} could not be run:\n{said[-4_000:]}")
    touched, seconds, failed = json.loads(said)
    for name in failed:
        del seconds[name]
        print(f"  passed over, for it fails with nothing broken: {name}")
    return {p: {int(n): t for n, t in lines.items()} for p, lines in touched.items()}, seconds


def tests_of(mutant: Mutant, touched: Touched, seconds: dict[str, float]) -> list[str]:
    """Name the tests that touch a mutant, the quickest first.

    What runs at import is touched by no test: those stand for it that use its module.
    """
    lines = touched.get(str(mutant.path), {})
    found = {test for n in range(mutant.line, mutant.last + 1) for test in lines.get(n, ())}
    if not found - {""} and not mutant.in_function:
        found = {test for tests in lines.values() for test in tests}
    names = sorted(found & seconds.keys(), key=lambda name: seconds[name])
    so_far = accumulate(seconds[name] for name in names)
    return [
        name for n, (name, s) in enumerate(zip(names, so_far, strict=True)) if not n or s < MOST_S
    ]


def tried(mutant: Mutant, names: list[str], limit_s: float) -> str:
    """Break a place, run its tests, and say how that ended."""
    get_code = importlib.machinery.SourceFileLoader.get_code

    def act(folder: Path) -> int:
        def given(self: Any, name: str) -> Any:
            if self.path != str(mutant.path):
                return get_code(self, name)
            return compile(mutant.tree, self.path, "exec", dont_inherit=True)  # type: ignore[arg-type]

        importlib.machinery.SourceFileLoader.get_code = given  # type: ignore[method-assign]
        files = dict.fromkeys(name.partition("::")[0] for name in names)
        return Chosen(names).run(folder, "-x", *files)

    return forked(act, limit_s)[0]


def score(counts: Counter[str]) -> str:
    """Say how many were killed, of those that a test reaches; one that hangs is noticed too."""
    killed = counts["killed"] + counts["hung"]
    reached = killed + counts["survived"]
    share = f" ({100 * killed / reached:.0f} %)" if reached else ""
    rest = f"{counts['survived']} survived, {counts['not reached']} not reached by any test"
    return f"{killed} of {reached} reached were killed{share}, {rest}"


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=300, help="how many, over all rooms")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--room", choices=ROOMS, action="append")
    parser.add_argument("--at", nargs="+", metavar="FILE:LINE", help="all of these lines instead")
    parser.add_argument("--slow", action="store_true", help="slow tests too")
    return parser.parse_args()


def chosen(room: str, asked: argparse.Namespace, share: int) -> list[Mutant]:
    """Draw a room's sample, or take the lines that are asked for."""
    every = list(mutants(room))
    if not every:
        raise SystemExit(f"There is no room {room!r}.")
    if asked.at:
        return [one for one in every if f"{one.path.name}:{one.line}" in asked.at]
    drawn = random.Random(f"{asked.seed} {room}").sample(every, min(share, len(every)))
    return sorted(drawn, key=lambda one: (one.path, one.line))


def main() -> None:
    """Sample, break, count, and name what survived."""
    asked = options()
    os.chdir(ROOT)
    os.environ.update(NETFLUX_SEED=str(asked.seed), OPENBLAS_NUM_THREADS="1")
    os.environ["MUTANTS_OF"] = "not lab" if asked.slow else "not slow and not lab"
    sys.path.insert(0, str(ROOT))
    for name in WARM:
        importlib.import_module(name)
    rooms = asked.room or list(ROOMS)
    print(f"--sample {asked.sample} --seed {asked.seed}", flush=True)
    began, totals = time.monotonic(), Counter[str]()
    for number, room in enumerate(rooms):
        sample = chosen(room, asked, (asked.sample + number) // len(rooms))
        touched, seconds = baseline(room) if sample else ({}, {})
        print(f"{room}: {len(sample)} mutants, {len(seconds)} tests", flush=True)
        counts = Counter[str]()
        for mutant in sample:
            mutant.make()
            names = tests_of(mutant, touched, seconds)
            limit_s = LIMIT_S + SLOWER * sum(seconds[name] for name in names)
            how = tried(mutant, names, limit_s) if names else "not reached"
            counts[how] += 1
            if how not in ("killed", "hung"):
                print(f"  {how} ({len(names)} tests): {mutant.what}", flush=True)
        print(f"{room}: {score(counts)}, {time.monotonic() - began:.0f} s", flush=True)
        totals += counts
    print(f"all: {score(totals)}, {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
