"""Where the parts meet, and all process-wide state: default runtime, records, the front."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from . import providers as providers  # registers who answers, and what it costs
from .core.errors import ArgumentError, NetfluxError, RecordError
from .core.functions import Function, current, set_default_runtime
from .core.messages import Delta, Model, ModelReply, ModelRequest
from .core.policy import Cursor, Person, Policy
from .governance.approvals import Approvals
from .governance.caps import Cap, Day, Paid, Standing
from .record import keeping
from .record.journal import Journal
from .record.sql import spending
from .runtime import waiting
from .runtime.calls import at_most
from .runtime.front import Front, Script
from .runtime.nodes import Node
from .runtime.observe import Sink
from .runtime.runtime import Runtime
from .runtime.schedule import at_fork, spawn
from .runtime.sinks import Where, folder_named, place, session_name, set_place, set_record

logger = logging.getLogger("netflux_nb.session")

# Where records are kept: a folder, or one of the words that mean nowhere.
HOME = "NETFLUX_HOME"
_NOWHERE = {"off", "none", "0"}
FOLDER = ".netflux"

_lock = threading.RLock()  # guards all of the below
_default: list[Runtime] = []
_models: dict[str, Model] = {}
# Those that were the default before, while something of theirs still runs.
_before: list[Runtime] = []
_journals: dict[tuple[int, Path], Journal] = {}


def home() -> Path | None:
    """Say where runs are recorded; None where they are not.

    `NETFLUX_HOME` says it. Else it is the nearest `.netflux` from this folder upward, and
    where there is none, one beside the notebook or script.
    """
    said = (_set["store"] or os.environ.get(HOME, "")).strip()
    if said:
        return None if said.lower() in _NOWHERE else folder_named(said)
    here = _here()
    found = next((p / FOLDER for p in (here, *here.parents) if (p / FOLDER).is_dir()), None)
    return found or here / FOLDER


def _here() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise RecordError(
            f"This process' folder is gone. `os.chdir` into one that is there, or set {HOME}."
        ) from None


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


# The threads that make records small.
_tidying: weakref.WeakSet[threading.Thread] = weakref.WeakSet()


def _tidy(folder: Path) -> None:
    """Make small what has ended, in the background."""

    def tidy() -> None:
        try:
            keeping.compact(folder)
        except (OSError, NetfluxError) as error:  # it stays as it is, and can be read so
            logger.warning("The record in %s could not be made small: %s", folder.name, error)

    if folder.is_dir():
        _tidying.add(spawn(tidy, "netflux-tidy", may_import=True))


def settle(timeout_s: float) -> None:
    """Write what is still to be written, and wait for what makes the record small.

    A process that ends under it is aborted, and its exit code is lost.
    """
    flush()
    for thread in list(_tidying):
        thread.join(timeout_s)


def _open(where: Where) -> Sink | None:
    folder = home() if where is True else folder_named(str(where))
    return None if folder is None else journal_of(folder).channel()


def _place() -> Mapping[str, Any]:
    # What the kernel was started with. A front end that knows better fills the slot again.
    return {"notebook": session_name()}


@atexit.register
def close_records() -> None:
    """Write and sync what is still to be written."""
    with _lock:
        for (pid, _), journal in list(_journals.items()):
            if pid == os.getpid():
                journal.close()
        _journals.clear()


# What a person set for calls outside any tree. "" is what the environment says.
_set: dict[str, str] = {"store": "", "model": "", "cap": ""}
# How large a tree of these may be, where that is set.
_most: dict[str, int] = {}


# What this notebook may spend in a day, in USD; a notebook sets it, a script may.
CAP = "NETFLUX_CAP_USD"


def day(now: float | None = None) -> Day:
    """Give the day that a moment, or now, is in. By the calendar: it may have 23 hours, or 25."""
    here = datetime.fromtimestamp(time.time() if now is None else now).astimezone()
    midnight = here.replace(hour=0, minute=0, second=0, microsecond=0)
    after = (midnight.replace(tzinfo=None) + timedelta(days=1)).astimezone()
    return Day(midnight.timestamp(), after.timestamp())


def _paid_since(start: float) -> Mapping[str, Paid]:
    folder = home()
    if folder is None or not folder.is_dir():
        return {}
    flush()
    found: dict[str, Paid] = {}
    for run, spent in spending.requests_since(folder, place().get("notebook"), start):
        found[run] = found.get(run, Paid()).plus(cap.paid_for(spent))
    return found


def _cap_of_environment() -> float | None:
    said = os.environ.get(CAP, "").strip()
    try:
        return float(said) if said else None
    except ValueError:
        raise ArgumentError(f"{CAP} is {said[:40]!r}. Give an amount in USD, or 0.") from None


cap = Cap(earlier=_paid_since, day=day)


def spent() -> Standing:
    """Say what this notebook spent today, and what is left of its cap."""
    return cap.standing(time.time())


def policies() -> tuple[Policy, ...]:
    """Name who rules over calls outside any tree, in the order in which they are asked."""
    return (
        Approvals(),  # a person's yes to what is marked; it is never assumed
        cap,  # what this notebook may spend in a day, where that is set
    )


def default_runtime() -> Runtime:
    """Give the runtime of calls outside any tree, made at the first such call."""
    with _lock:
        if not _default:
            if not _set["cap"]:
                cap.limit(_cap_of_environment())
            model = _set["model"] or None
            answering = {name: _Answering(name) for name in _models}
            made = Runtime(
                is_open=True,
                model=model,
                models=answering,
                policies=policies(),
                max_depth=_most.get("max_depth"),
                max_nodes=_most.get("max_nodes"),
                max_record_mb=_most.get("max_record_mb"),
            )
            use(made)
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
            _retire()
            _default[:] = [runtime]
        elif _default and not all(_is_swapped(_default[0], name) for name in models):
            _retire()
        return default_runtime()


def _is_swapped(runtime: Runtime, name: str) -> bool:
    # Else it may have asked the provider itself already, and would go on doing so.
    return isinstance(runtime.models.get(name), _Answering)


def _retire() -> None:
    # A runtime that nobody holds is shut: what runs on this one is to go on.
    _before[:] = [
        one for one in runtimes() if not all(root.is_done for root in list(one.roots.values()))
    ]
    _default.clear()


def configure(
    *,
    store: str | None = None,
    model: str | None = None,
    cap_usd: float | None = None,
    cap_setting: str = "",
    max_depth: int | None = None,
    max_nodes: int | None = None,
    max_record_mb: int | None = None,
) -> None:
    """Set what calls outside any tree run with, from the next one on. What runs goes on.

    Args:
        store: The folder in which runs are recorded, or "off"; "" for what `NETFLUX_HOME` says.
        model: The model of agents that name none, as `provider` or `provider:model`.
        cap_usd: What this notebook may spend in a day; 0 for no cap.
        max_depth: How many levels of calls a tree may have; 0 for no limit, as with these two:
        max_nodes: How many Nodes a tree may have.
        max_record_mb: How much of record a run may write.
        cap_setting: What a person changes to raise it; it is named where the cap is met.
    """
    with _lock:
        if cap_usd is not None:
            cap.limit(cap_usd)
            _set["cap"] = "set"
        cap.setting = cap_setting or cap.setting
        new = {"store": store, "model": model}
        changed = {k: v for k, v in new.items() if v is not None and v != _set[k]}
        _set.update(changed)
        told = {"max_depth": max_depth, "max_nodes": max_nodes, "max_record_mb": max_record_mb}
        most = {k: v for k, v in told.items() if v is not None and v != _most.get(k)}
        for name, value in most.items():
            at_most(name, value, 0)
        _most.update(most)
        if changed or most:
            _retire()


def runtimes() -> list[Runtime]:
    """List the runtimes of calls outside any tree: those before that still run, today's last."""
    with _lock:
        return [one for one in _before if one not in _default] + _default


def roots() -> list[Node]:
    """List the live roots of calls outside any tree, oldest first."""
    return [node for runtime in runtimes() for node in list(runtime.roots.values())]


def live_node(run: str) -> Node | None:
    """Give the root of a run that goes on here, by its name in the record; else None."""
    place = run.rpartition(".")[2]
    mine = (node for node in roots() if not node.is_done and str(node.id) == place)
    return next((node for node in mine if node.runtime.run_name(node) == run), None)


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


def serve_with(*give: Callable[[Function, Mapping[str, Any]], Cursor]) -> None:
    """Let calls outside any tree be answered from recordings; none goes live again."""
    _served[:] = give


_who: list[Callable[[], Person]] = [Person]
_front: list[Front] = [Script(_who)]


def set_front(give: Front | None) -> None:
    """Fill the slot of who stands between; None is a script's own."""
    _front[:] = [give or Script(_who)]


def front() -> Front:
    """Give who stands between a person and calls outside any tree."""
    return _front[0]


def set_who(give: Callable[[], Person]) -> None:
    """Fill the slot that says who answers here."""
    _who[:] = [give]


def who() -> Person:
    """Name who answers questions here, and how they are known; "unknown" where nobody knows."""
    return _who[0]()


def wait(node: Node) -> None:
    """Wait for a root: outside any tree through the front, which asks what must be asked."""
    if current.get() is None:
        if not node.is_done:
            node.runtime.life.may_block(node.fn)
        # Also where it is over by chance: what a cell shows is not to hang on that.
        front().wait(node)
    node.wait()


def served_by() -> tuple[Callable[[Function, Mapping[str, Any]], Cursor], ...]:
    """Give who answers calls outside any tree from recordings; nobody where all is live."""
    return tuple(_served)


class _Calls:
    """Calls outside any tree: they are runs."""

    def start(self, caller: Any, fn: Function, inputs: Mapping[str, Any]) -> Any:
        """Start a run."""
        node = begin(fn, inputs)
        front().begun(node, waits=False)
        return _handle[0](node)

    def call(self, caller: Any, fn: Function, inputs: Mapping[str, Any]) -> Any:
        """Make a run and give its value."""
        __tracebackhide__ = True
        default_runtime().life.may_block(fn)
        node = begin(fn, inputs)
        attend(node)
        return node.result()


def attend(node: Node) -> None:
    """Show a root that was begun, and wait for it. An interrupt at any moment stops it."""
    try:
        front().begun(node, waits=True)
        front().wait(node)
    except waiting.Interrupted:
        raise
    except KeyboardInterrupt:  # it came before the wait
        raise waiting.stopped(node) from None


def begin(fn: Function, inputs: Mapping[str, Any], cursor: Cursor | None = None) -> Node:
    """Begin a root on the default runtime; a recording answers it where one is served."""
    __tracebackhide__ = True
    if cursor is None and _served:
        cursor = _served[0](fn, inputs)
    runtime = default_runtime()
    newest = next(reversed(runtime.roots), 0)
    try:
        return runtime.invoke(None, fn, inputs, cursor=cursor)
    except KeyboardInterrupt:
        # It came while the tree was begun, and nobody would have it in hand.
        for node in list(runtime.roots.values()):
            if node.id > newest and node.fn is fn and not node.is_done:
                raise waiting.stopped(node) from None
        raise


_parents: list[Runtime] = []  # in a forked child: shutting one would reach into its parent


def _leave() -> None:
    """In a forked child: begin anew. Its parent's threads, and its notebook, are not in it."""
    _parents.extend([*_before, *_default])
    _before[:], _default[:] = [], []
    set_front(None)
    _lock.release()


at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_leave)

set_default_runtime(_Calls)
set_record(_open)
set_place(_place)
