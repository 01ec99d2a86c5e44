"""Processes and their contracts, read from source files. Nothing is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import ArgumentError
from ..core.text.legible import escaped

# The words of a contract under both of their names, and in the order of the older decorator.
_WORDS = {
    "reads": "reads", "inputs": "reads",
    "writes": "writes", "outputs": "writes",
    "effect": "effects", "side_effects": "effects",
    "raises": "errors", "errors": "errors",
}  # fmt: skip
_IN_ORDER = ("inputs", "outputs", "side_effects", "errors")
MOST_FILES = 10_000
# For what only a run would tell.
UNKNOWN = "(worked out when it runs)"


@dataclass(frozen=True)
class ProcessSource:
    """A process as its source says it: its arguments and its contract."""

    name: str
    file: str
    args: tuple[str, ...]
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()


def tree_of(path: Path, name: str) -> ast.Module:
    """Read a Python file as syntax."""
    try:
        return ast.parse(path.read_bytes())
    except SyntaxError as error:
        where = f", line {error.lineno}" if error.lineno else ""
        raise ArgumentError(f"{escaped(name)}{where}: {error.msg}.") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise ArgumentError(
            f"{escaped(name)} cannot be read as Python: {str(error)[:120]}."
        ) from None


def processes_below(folder: Path) -> dict[str, ProcessSource]:
    """Give the processes that the files of a folder, and below it, define."""
    if not folder.is_dir():
        raise ArgumentError(
            f"There is no folder {folder.as_posix()!r} here. `netflux-nb init NAME` makes a project."
        )
    found: dict[str, ProcessSource] = {}
    for count, path in enumerate(sorted(folder.rglob("*.py"))):
        if count >= MOST_FILES:
            raise ArgumentError(f"{folder.as_posix()!r} holds more than {MOST_FILES:,} files.")
        if path.name.startswith("__") or not path.is_file():
            continue
        for one in _processes(tree_of(path, path.as_posix()), path.as_posix()):
            if one.name in found:
                raise ArgumentError(
                    f"{escaped(found[one.name].file)} and {escaped(one.file)} both define a "
                    f"process {one.name!r}. Rename one."
                )
            found[one.name] = one
    return found


def _processes(tree: ast.Module, file: str) -> Iterator[ProcessSource]:
    # What the decorators are called here: `from … import process as p`.
    known = {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name in ("process", "function")
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for decorator in node.decorator_list:
                contract = _contract(decorator, known)
                if contract is not None:
                    yield _process(node, file, contract)
                    break


def _process(
    node: ast.FunctionDef | ast.AsyncFunctionDef, file: str, contract: Mapping[str, Sequence[str]]
) -> ProcessSource:
    spec = node.args
    args = [one.arg for one in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)]
    if args[:1] == ["ctx"] or contract.get("is_older"):
        args = args[1:]
    words = {
        name: tuple(contract.get(name, ())) for name in ("reads", "writes", "effects", "errors")
    }
    return ProcessSource(contract.get("name", [node.name])[0], file, tuple(args), **words)


def _contract(decorator: ast.expr, known: Mapping[str, str]) -> dict[str, Sequence[str]] | None:
    """Give what a decorator says of a contract; None where it makes no process."""
    call = decorator if isinstance(decorator, ast.Call) else None
    named = decorator if call is None else call.func
    name = named.attr if isinstance(named, ast.Attribute) else getattr(named, "id", "")
    kind = name if isinstance(named, ast.Attribute) else known.get(name, name)
    if kind not in ("process", "function"):
        return None
    said: dict[str, ast.expr] = {}
    if call is not None:
        said = {one.arg: one.value for one in call.keywords if one.arg}
        if kind == "process":
            said = dict(zip(_IN_ORDER, call.args, strict=False)) | said
    found: dict[str, Sequence[str]] = {
        _WORDS[word]: _texts(value) for word, value in said.items() if word in _WORDS
    }
    if kind == "function":
        if not found.keys() & {"reads", "writes"}:
            return None
        if "name" in said:
            found["name"] = _texts(said["name"])
    else:
        found["is_older"] = ["yes"]
    return found


def _texts(value: ast.expr) -> list[str]:
    """Give the texts of a list, or of one text; classes by their names."""
    parts = value.elts if isinstance(value, ast.List | ast.Tuple | ast.Set) else [value]
    texts = []
    for part in parts:
        match part:
            case ast.Constant(value=None):
                continue
            case ast.Constant(value=str(text)):
                texts.append(text)
            case ast.Name(id=name) | ast.Attribute(attr=name) if part is not value:
                texts.append(name)
            case ast.Name(id=name) if (
                name[:1].isupper() and not name.isupper()
            ):  # raises=ValueError
                texts.append(name)
            case _:
                texts.append(UNKNOWN)
    return texts
