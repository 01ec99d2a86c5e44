"""Arguments of a command turned into Functions, runs and values."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from ..core.errors import ArgumentError, NetfluxError, UsageError, listed
from ..core.functions.kinds import Function
from ..replay.recording import Recording
from ..run import Run
from ..run.listing import Runs, open_run
from ..session import HOME, default_runtime, home

BESIDE = "functions.py"


def store_of(said: str | None) -> Path:
    """Give the folder of the record that a command is about."""
    folder = home() if said is None else Path(said).expanduser().absolute()
    if folder is None:
        raise ArgumentError("Runs are not recorded: NETFLUX_HOME is off. Give `--store FOLDER`.")
    return folder


def asked_store(said: str | None) -> Path:
    """Give the folder of a record that is only asked: one that is named has to be there."""
    folder = store_of(said)
    if said is not None and not folder.is_dir():
        raise ArgumentError(f"There is no record in {said[:200]!r}.")
    return folder


@contextmanager
def recording_in(folder: Path) -> Iterator[None]:
    """Let the default runtime, where one is made meanwhile, record into this folder."""
    before = os.environ.get(HOME)
    os.environ[HOME] = str(folder)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(HOME, None)
        else:
            os.environ[HOME] = before


def options_of(folder: Path, model: str | None) -> dict[str, Any]:
    """Give what a runtime is made with: who answers, as the user's own modules said."""
    runtime = default_runtime()
    return {
        "models": runtime.models,
        "client_factories": runtime.factories,
        "policies": runtime.gate.policies[1:],
        "model": model or runtime.model,
        "settings": runtime.settings,
        "record": folder,
    }


def module_of(name: str) -> ModuleType:
    """Import a module by its name, or a file by its path. What it raises is the user's."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return _file(Path(name)) if name.endswith(".py") else importlib.import_module(name)
    except NetfluxError as error:
        raise UsageError(f"{name[:120]!r} could not be loaded: {error}") from None
    except Exception as error:  # noqa: BLE001  a user's module may raise anything
        raise UsageError(
            f"{name[:120]!r} could not be loaded: {type(error).__name__}: {str(error)[:200]}"
        ) from None


def _file(path: Path) -> ModuleType:
    file = path.absolute()
    if not file.is_file():
        raise ArgumentError(f"There is no file {str(path)[:200]!r}.")
    known = sys.modules.get(file.stem)
    if known is not None and getattr(known, "__file__", None) == str(file):
        return known
    # A name of its own where another module has that name already.
    name = file.stem if known is None else f"{file.stem}_{abs(hash(str(file))):x}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ArgumentError(f"{file.name!r} is no Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    if str(file.parent) not in sys.path:
        sys.path.insert(0, str(file.parent))
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def functions_in(names: Sequence[str], flow_file: str | None = None) -> list[Function]:
    """Give the Functions of modules; for a flow without any, those of the file beside it."""
    wanted = list(names)
    if not wanted and flow_file is not None:
        beside = Path(flow_file).absolute().parent / BESIDE
        wanted = [str(beside)] if beside.is_file() else []
    found: dict[str, Function] = {}
    for name in wanted:
        for thing in vars(module_of(name)).values():
            if isinstance(thing, Function):
                found[thing.name] = thing
    return list(found.values())


def function_at(words: str) -> Function:
    """Give the Function that `module:function` or `file.py:function` names."""
    where, colon, name = words.rpartition(":")
    if not colon or not where or not name:
        raise ArgumentError(
            f"{words[:120]!r} names nothing to run. Write `module:function`, "
            f"`file.py:function` or `flow.json`."
        )
    module = module_of(where)
    found = getattr(module, name, None)
    if not isinstance(found, Function):
        named = [n for n, thing in vars(module).items() if isinstance(thing, Function)]
        raise ArgumentError(
            f"{where[:120]!r} has no Function {name[:80]!r}. It has: {listed(named)}."
        )
    return found


def pairs_of(words: Sequence[str]) -> dict[str, str]:
    """Read `name=value` words."""
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise ArgumentError(f"{word[:120]!r} is no argument. Write `name=value`.")
        if name in found:
            raise ArgumentError(f"The argument {name[:80]!r} is given twice.")
        found[name] = value
    return found


def inputs_of(words: Sequence[str], fn: Function | None = None) -> dict[str, Any]:
    """Give arguments by name: texts as they are, anything else as JSON."""
    texts = {arg.name for arg in fn.args if arg.argtype is str} if fn is not None else set()
    return {n: v if n in texts else _value(v) for n, v in pairs_of(words).items()}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def run_at(folder: Path, name: str) -> Run:
    """Give a run by its name, by the beginning or the end of it, `last`, or a bundle's path."""
    if name.endswith(".nfrun"):
        if not Path(name).is_file():
            raise ArgumentError(f"There is no bundle {name[:200]!r}.")
        return open_run(name)
    known = Runs(lambda: folder, is_whole=True)
    return known.last if name == "last" else known[name]


def check_tenant(recording: Recording, tenant: str | None) -> None:
    """Raise where a run is not one of this tenant: for it, there is no such run."""
    if tenant is None:
        return
    manifest = recording.root.opened.inputs.get("manifest")
    whose = manifest.get("tenant_id") if isinstance(manifest, Mapping) else None
    if whose != tenant:
        raise ArgumentError(f"Tenant {tenant[:80]!r} has no run {recording.run[:80]!r}.")
