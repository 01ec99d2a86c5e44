"""Where the parts meet; the only process-wide state: the default runtime, and the records."""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from . import providers as providers  # registers who answers, and what it costs
from .core.errors import ArgumentError, NetfluxError
from .core.functions import Function, set_default_runtime
from .core.messages import Delta, Model, ModelReply, ModelRequest
from .core.policy import Cursor
from .record import keeping
from .record.journal import Journal
from .runtime.nodes import Node
from .runtime.observe import Sink
from .runtime.recording import Where, set_place, set_record
from .runtime.runtime import Runtime
from .runtime.schedule import spawn

logger = logging.getLogger("netflux_nb.session")

# Where records are kept: a folder, or one of the words that mean nowhere.
HOME = "NETFLUX_HOME"
_NOWHERE = {"off", "none", "0"}
FOLDER = ".netflux"

_lock = threading.RLock()  # guards all of the below
_default: list[Runtime] = []
_models: dict[str, Model] = {}
_journals: dict[tuple[int, Path], Journal] = {}


def home() -> Path | None:
    """Say where runs are recorded; None where they are not.

    `NETFLUX_HOME` says it. Else it is the nearest `.netflux` from this folder upward, and
    where there is none, one beside the notebook or script.
    """
    said = os.environ.get(HOME, "").strip()
    if said:
        return None if said.lower() in _NOWHERE else Path(said).expanduser().absolute()
    here = Path.cwd()
    found = next((p / FOLDER for p in (here, *here.parents) if (p / FOLDER).is_dir()), None)
    return found or here / FOLDER


def journal_of(folder: Path) -> Journal:
    """Give this process' journal in a folder; a forked child gets its own."""
    with _lock:
        place = (os.getpid(), folder)
        journal = _journals.get(place)
        if journal is None or not journal.is_open:
            journal = _journals[place] = Journal(folder)
            journal.on_ended = lambda ended: _tidy(folder)
            _tidy(folder)
        return journal


def _tidy(folder: Path) -> None:
    """Make small what has ended, in the background."""

    def tidy() -> None:
        try:
            keeping.compact(folder)
        except (OSError, NetfluxError) as error:  # it stays as it is, and can be read so
            logger.warning("The record in %s could not be made small: %s", folder.name, error)

    if folder.is_dir():
        spawn(tidy, "netflux-tidy")


def _open(where: Where) -> Sink | None:
    folder = home() if where is True else Path(str(where)).expanduser().absolute()
    return None if folder is None else journal_of(folder).channel()


def _place() -> Mapping[str, Any]:
    # What the kernel was started with. A front end that knows better fills the slot again.
    return {"notebook": os.environ.get("JPY_SESSION_NAME")}


@atexit.register
def close_records() -> None:
    """Write and sync what is still to be written."""
    with _lock:
        for (pid, _), journal in list(_journals.items()):
            if pid == os.getpid():
                journal.close()
        _journals.clear()


def default_runtime() -> Runtime:
    """Give the runtime of calls outside any tree, made at the first such call."""
    with _lock:
        if not _default:
            _default.append(Runtime(is_open=True, models={n: _Answering(n) for n in _models}))
        return _default[0]


def current_runtime() -> Runtime | None:
    """Give the runtime of calls outside any tree, where one was made already."""
    with _lock:
        return _default[0] if _default else None


class _Answering:
    """Whoever answers for a provider now: a runtime keeps this one."""

    def __init__(self, name: str) -> None:
        self._name = name

    async def reply(self, request: ModelRequest, emit: Callable[[Delta], None], /) -> ModelReply:
        return await _models[self._name].reply(request, emit)


def _is_swapped(model: Model | None) -> bool:
    return isinstance(model, _Answering)


def use(runtime: Runtime | None = None, /, **models: Model) -> Runtime:
    """Let calls outside any tree run on this runtime, or be answered by these models, from now on.

    Args:
        runtime: Where they run; else the default runtime.
        models: Who answers, by provider: `use(scripted=ScriptedModel(["hello"]))`.
    """
    for name, model in models.items():
        if runtime is not None or not isinstance(model, Model):
            raise ArgumentError(
                f"use() takes a runtime, or models by provider; got {name}="
                f"{type(model).__name__}{' beside a runtime' if runtime is not None else ''}."
            )
    with _lock:
        _models.update(models)
        if runtime is not None:
            _default[:] = [runtime]
        elif _default and not all(_is_swapped(_default[0].models.get(name)) for name in models):
            # It may have asked the provider itself already. What runs there goes on there.
            _default.clear()
        return default_runtime()


def flush() -> None:
    """Write what this process has still to write, so that a question sees it."""
    with _lock:
        mine = [journal for (pid, _), journal in _journals.items() if pid == os.getpid()]
    for journal in mine:
        journal.flush()


# What a call outside any tree gives: `run` fills it.
_handle: list[Callable[[Node], Any]] = [lambda node: node]
# Who answers calls outside any tree from recordings, where somebody does.
_served: list[Callable[[Function, Mapping[str, Any]], Cursor]] = []


def set_handle(give: Callable[[Node], Any]) -> None:
    """Fill the slot that makes a handle of a root."""
    _handle[:] = [give]


def serve_with(give: Callable[[Function, Mapping[str, Any]], Cursor] | None) -> None:
    """Let calls outside any tree be answered from recordings; None goes live again."""
    _served[:] = [] if give is None else [give]


class _Calls:
    """Calls outside any tree: they are runs."""

    def start(self, caller: Any, fn: Function, inputs: Mapping[str, Any]) -> Any:
        """Start a run."""
        return _handle[0](self._begin(fn, inputs))

    def call(self, caller: Any, fn: Function, inputs: Mapping[str, Any]) -> Any:
        """Make a run and give its value."""
        default_runtime().life.may_block(fn)
        return self._begin(fn, inputs).result()

    def _begin(self, fn: Function, inputs: Mapping[str, Any]) -> Node:
        cursor = _served[0](fn, inputs) if _served else None
        return default_runtime().invoke(None, fn, inputs, cursor=cursor)


set_default_runtime(_Calls)
set_record(_open)
set_place(_place)
