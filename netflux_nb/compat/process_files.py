"""Python files of a folder, imported, and the processes that are found in them."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from ..core.errors import ArgumentError, UsageError, stringify
from ..core.json.canonical import digest
from .process_functions import ProcessFunction


def processes_in(folder: Path) -> dict[str, ProcessFunction]:
    """Import every module of a folder and below it, and give the processes that it defines.

    All or nothing: a module that cannot be imported, or a name that stands for two processes, is
    an error.
    """
    if not folder.is_dir():
        raise ArgumentError(f"There is no folder {str(folder)[:200]!r}.")
    found: dict[str, ProcessFunction] = {}
    homes: dict[str, str] = {}
    for path in sorted(folder.rglob("*.py")):
        if path.name.startswith("__") or "__pycache__" in path.parts:
            continue
        here = str(path.relative_to(folder))
        for thing in vars(_module(path.absolute())).values():
            if not isinstance(thing, ProcessFunction) or found.get(thing.name) is thing:
                continue
            if thing.name in found:
                raise ArgumentError(
                    f"{here[:120]} and {homes[thing.name][:120]} both define a process "
                    f"{thing.name!r}. Rename one."
                )
            found[thing.name], homes[thing.name] = thing, here
    return found


def _module(path: Path) -> ModuleType:
    top = path.parent
    while (top / "__init__.py").is_file():
        top = top.parent
    name = ".".join(path.relative_to(top).with_suffix("").parts)
    try:
        return _of_package(name, path, top) if top != path.parent else _alone(path)
    except Exception as error:
        if isinstance(error, ArgumentError):
            raise
        raise UsageError(
            f"{path.name[:120]!r} could not be imported: {stringify(error, 200)}."
        ) from error


def _of_package(name: str, path: Path, top: Path) -> ModuleType:
    if str(top) not in sys.path:
        sys.path.insert(0, str(top))
    importlib.invalidate_caches()
    module = importlib.import_module(name)
    if Path(module.__file__ or "").resolve() != path.resolve():
        raise ArgumentError(
            f"{path.name[:120]!r} is not the module {name[:120]} that is imported here already. "
            f"Rename its package."
        )
    return module


def _alone(path: Path) -> ModuleType:
    """Import a file that is in no package, under a name that no other has."""
    name = f"{path.stem}_{digest(str(path))[:10]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ArgumentError(f"{path.name[:120]!r} is no Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
