"""Counts of the source, by its syntax trees: sizes, circles, mutable globals, patches in tests."""

from __future__ import annotations

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "netflux_nb"


def modules() -> dict[str, ast.Module]:
    """Give every module of the package by its dotted name, without that of the package."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def lines() -> int:
    """Count the lines of the package."""
    return sum(p.read_text(encoding="utf-8").count("\n") for p in PACKAGE.rglob("*.py"))


def functions() -> list[int]:
    """Give the length of every function, in lines."""
    return sorted(
        node.end_lineno - node.lineno + 1
        for tree in modules().values()
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    )


def imports(name: str, tree: ast.Module, known: set[str], is_package: bool) -> Iterator[str]:
    """Name the modules of the package that one imports, also for types and inside functions."""
    here = name.split(".") if name else []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            if node.level:
                up = here if is_package else here[:-1]
                base = up[: len(up) - (node.level - 1)] if node.level > 1 else up
            elif node.module and node.module.split(".")[0] == "netflux_nb":
                base, node.module = [], ".".join(node.module.split(".")[1:])
            else:
                continue
            stem = ".".join([*base, *((node.module or "").split(".") if node.module else [])])
            for alias in node.names:
                whole = f"{stem}.{alias.name}".strip(".")
                target = whole if whole in known else stem
                if target in known and target != name:
                    yield target


def circles() -> list[list[str]]:
    """List the groups of modules that import each other in a circle, type-only imports too."""
    trees = modules()
    packages = {".".join(p.parent.relative_to(PACKAGE).parts) for p in PACKAGE.rglob("__init__.py")}
    known = set(trees)
    edges = {n: set(imports(n, t, known, n in packages)) for n, t in trees.items()}
    # A package's own list of names is no part of a circle with what it lists.
    for name in packages:
        edges[name] = set()
    return [sorted(group) for group in _strong(edges) if len(group) > 1]


def _strong(edges: dict[str, set[str]]) -> list[list[str]]:
    order: list[str] = []
    seen: set[str] = set()
    for start in edges:
        stack = [(start, iter(sorted(edges[start])))] if start not in seen else []
        seen.add(start)
        while stack:
            node, rest = stack[-1]
            for target in rest:
                if target not in seen:
                    seen.add(target)
                    stack.append((target, iter(sorted(edges[target]))))
                    break
            else:
                stack.pop()
                order.append(node)
    back: dict[str, set[str]] = {n: set() for n in edges}
    for node, targets in edges.items():
        for target in targets:
            back[target].add(node)
    groups, taken = [], set()
    for start in reversed(order):
        if start in taken:
            continue
        group, stack2 = [], [start]
        taken.add(start)
        while stack2:
            node = stack2.pop()
            group.append(node)
            for target in back[node] - taken:
                taken.add(target)
                stack2.append(target)
        groups.append(group)
    return groups


MAKERS = {"dict", "list", "set", "deque", "defaultdict", "WeakSet", "WeakValueDictionary"}


def mutables() -> list[str]:
    """Name what is mutable and at the top of a module outside `session`, and is written to.

    A list, dict or set that no function of its module changes is a table.
    """
    found = []
    for name, tree in modules().items():
        if name == "session" or name.startswith("demos"):
            continue
        made = {}
        for node in tree.body:
            targets = node.targets if isinstance(node, ast.Assign) else []
            if isinstance(node, ast.AnnAssign) and node.value is not None:
                targets = [node.target]
            for target in targets:
                if isinstance(target, ast.Name) and _is_mutable(node.value):
                    made[target.id] = node
        changed = {n for n in made if _is_changed(tree, n)}
        found += [f"{name}.{one}" for one in sorted(changed)]
    return found


def _is_mutable(value: ast.expr) -> bool:
    if isinstance(value, (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)):
        return True
    if isinstance(value, ast.Call):
        called = value.func
        named = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        return named in MAKERS
    return False


WRITES = {
    "append", "extend", "insert", "pop", "clear", "update", "setdefault", "add", "discard",
    "remove", "popitem", "appendleft", "popleft",
}  # fmt: skip


def _is_changed(tree: ast.Module, name: str) -> bool:
    for fn in ast.walk(tree):
        if not isinstance(fn, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        for node in ast.walk(fn):
            called = node.func if isinstance(node, ast.Call) else None
            is_write = isinstance(called, ast.Attribute) and called.attr in WRITES
            if is_write and _named(called.value) == name:
                return True
            targets = []
            if isinstance(node, ast.Assign):
                targets = node.targets
            elif isinstance(node, (ast.AugAssign, ast.Delete)):
                targets = node.targets if isinstance(node, ast.Delete) else [node.target]
            for target in targets:
                if isinstance(target, ast.Subscript) and _named(target.value) == name:
                    return True
            if isinstance(node, ast.Global) and name in node.names:
                return True
    return False


def _named(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def patches() -> int:
    """Count `monkeypatch.setattr` in the tests."""
    return sum(
        p.read_text(encoding="utf-8").count("monkeypatch.setattr(")
        for p in (ROOT / "tests").rglob("*.py")
    )


def table() -> list[tuple[str, str]]:
    """Give all counts, each with its name."""
    sizes = functions()
    found = circles()
    loose = mutables()
    deciles = statistics.quantiles(sizes, n=100)
    return [
        ("modules", str(len(modules()))),
        ("lines", f"{lines():,}"),
        ("functions; median, p90, longest", f"{len(sizes)}; {deciles[49]:.0f}, {deciles[89]:.0f}, {sizes[-1]}"),
        ("circles, type-only included", f"{len(found)} of {', '.join(str(len(g)) for g in found) or 'none'} modules"),
        ("mutable names outside `session`", f"{len(loose)} in {len({n.rpartition('.')[0] for n in loose})} modules"),
        ("`monkeypatch.setattr` in tests", str(patches())),
    ]  # fmt: skip
