"""The state of this process, in one object: default runtime, records, cap, front."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from . import providers as providers  # registers who answers, and what it costs
from .core.errors import ArgumentError, NetfluxError, RecordError
from .core.functions.kinds import Function, current
from .core.messages import Delta, Model, ModelReply, ModelRequest
from .core.policy import Cursor, Person, Policy
from .governance.approvals import Approvals
from .governance.budgets import Price
from .governance.caps import Cap, Day, Paid, Standing
from .record import retention
from .record.journal import Journal
from .record.noted import FileNotes
from .record.sql import spending
from .runtime.calls import at_most
from .runtime.front import Front, Script
from .runtime.host import Host, Notes, Where
from .runtime.nodes import Node
from .runtime.observe import Sink
from .runtime.runtime import Runtime
from .runtime.sinks import folder_named, session_name
from .runtime.threads import interrupts
from .runtime.threads.schedule import at_fork, spawn

logger = logging.getLogger("netflux_nb.session")

# Where records are kept: a folder, or one of the words that mean nowhere.
HOME = "NETFLUX_HOME"
_NOWHERE = {"off", "none", "0"}
FOLDER = ".netflux"
# What this notebook may spend in a day, in USD; a notebook sets it, a script may.
CAP = "NETFLUX_CAP_USD"

_T = TypeVar("_T")
# Answers a call outside any tree from a recording.
Served = Callable[[Function, Mapping[str, Any]], Cursor]


class Session(Host):
    """The state of a process: what its calls outside any tree run on, with, and for whom.

    A process has one, `here`, for as long as it lives. `fresh` lets it begin anew for a block.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()  # guards all of the below
        self.cap = Cap()
        super().__init__()

    def begin(self) -> None:
        """Be as at the start of a process."""
        super().begin()
        self.place = place_at_start
        self.default: Runtime | None = None
        # Those that were the default before, while something of theirs still runs.
        self.before: list[Runtime] = []
        self.models: dict[str, Model] = {}
        self.journals: dict[tuple[int, Path], Journal] = {}
        # The threads that make records small.
        self.tidying: weakref.WeakSet[threading.Thread] = weakref.WeakSet()
        # What a person set for calls outside any tree. "" is what the environment says.
        self.store = self.model = ""
        self.cap = self._new_cap()
        self.is_capped = False
        # How large a tree of these may be, where that is set.
        self.most: dict[str, int] = {}
        # Who answers calls outside any tree from recordings, where somebody does.
        self.served: tuple[Served, ...] = ()
        self.who: Callable[[], Person] = Person
        self.front: Front = Script(self.person)
        # Opens the interactive view of a run, where a notebook can show one; or plays its changes,
        # at a speed.
        self.opens: Callable[[Any, tuple[str, float] | None], Any] | None = None
        # What rooms behind this one keep of a notebook, by its kind.
        self.kept: dict[type, Any] = {}
        # In a forked child: shutting one of these would reach into its parent.
        self.parents: list[Runtime] = []

    def _new_cap(self, price: Price | None = None) -> Cap:
        return Cap(earlier=self._paid_since, day=day, price=price)

    @contextmanager
    def fresh(self, *, price: Price | None = None) -> Iterator[Session]:
        """Be as at the start of a process, for a block; after it, as before.

        Args:
            price: What requests cost the cap of the day, where it is not what is paid.
        """
        with self.lock:
            before = vars(self).copy()
            self.begin()
            self.cap = self._new_cap(price)
        try:
            yield self
        finally:
            with self.lock:
                journals = self.journals
                vars(self).update(before)
                # Their runtimes may still write; they are closed with all others.
                self.journals.update(journals)

    def person(self) -> Person:
        """Name who answers questions here, and how they are known; "unknown" where nobody knows."""
        return self.who()

    # What rooms behind this one keep.

    def get(self, kind: type[_T]) -> _T | None:
        """Get the one object of a kind; None where there is none."""
        thing: _T | None = self.kept.get(kind)
        return thing

    def keep(self, thing: _T) -> _T:
        """Keep this as the one of its kind."""
        self.kept[type(thing)] = thing
        return thing

    def take(self, kind: type[_T]) -> _T | None:
        """Remove the one object of a kind, and give it."""
        thing: _T | None = self.kept.pop(kind, None)
        return thing

    # Records.

    def home(self) -> Path | None:
        """Say where runs are recorded; None where they are not.

        `NETFLUX_HOME` says it. Else it is the nearest `.netflux` from this folder upward, and
        where there is none, one beside the notebook or script.
        """
        said = (self.store or os.environ.get(HOME, "")).strip()
        if said:
            return None if said.lower() in _NOWHERE else folder_named(said)
        cwd = _cwd()
        found = next((p / FOLDER for p in (cwd, *cwd.parents) if (p / FOLDER).is_dir()), None)
        return found or cwd / FOLDER

    def journal_of(self, folder: Path) -> Journal:
        """Give this process' journal in a folder; a forked child gets its own."""
        with self.lock:
            place = (os.getpid(), folder)
            journal = self.journals.get(place)
            if journal is None or not journal.is_open:
                journal = self.journals[place] = Journal(folder)
                journal.on_ended = lambda ended: self.tidy(folder)
                self.tidy(folder)
            return journal

    def sink(self, where: Where) -> Sink | None:
        """Open a record there; None where runs are not recorded."""
        folder = self.home() if where is True else folder_named(str(where))
        return None if folder is None else self.journal_of(folder).channel()

    def notes(self, name: str) -> Notes:
        """Give the notes of this name, which stand beside the runs where those are recorded."""
        folder = self.home()
        if folder is None:
            return super().notes(name)
        with self.lock:
            return self.noted.setdefault(f"{folder}/{name}", FileNotes(folder, name))

    def flush(self) -> None:
        """Write what this process has still to write, so that a question sees it."""
        with self.lock:
            mine = [one for (pid, _), one in self.journals.items() if pid == os.getpid()]
        for journal in mine:
            journal.flush()

    def close_records(self) -> None:
        """Write and sync what is still to be written."""
        with self.lock:
            for (pid, _), journal in list(self.journals.items()):
                if pid == os.getpid():
                    journal.close()
            self.journals.clear()

    def tidy(self, folder: Path) -> None:
        """Make small what has ended in a record, in the background."""

        def tidy() -> None:
            try:
                retention.compact(folder)
            except (OSError, NetfluxError) as error:  # it stays as it is, and can be read so
                logger.warning("The record in %s could not be made small: %s", folder.name, error)

        if folder.is_dir():
            self.tidying.add(spawn(tidy, "netflux-tidy", may_import=True))

    def settle(self, timeout_s: float) -> None:
        """Write what is still to be written, and wait for what makes the record small.

        A process that ends under it is aborted, and its exit code is lost.
        """
        self.flush()
        for thread in list(self.tidying):
            thread.join(timeout_s)

    # Money.

    def _paid_since(self, start: float) -> Mapping[str, Paid]:
        folder = self.home()
        if folder is None or not folder.is_dir():
            return {}
        self.flush()
        found: dict[str, Paid] = {}
        for run, spent in spending.requests_since(folder, self.place().get("notebook"), start):
            found[run] = found.get(run, Paid()).plus(self.cap.paid_for(spent))
        return found

    def spent(self) -> Standing:
        """Say what this notebook spent today, and what is left of its cap."""
        return self.cap.standing(time.time())

    def policies(self) -> tuple[Policy, ...]:
        """Name who rules over calls outside any tree, in the order in which they are asked."""
        return (
            Approvals(),  # a person's yes to what is marked; it is never assumed
            self.cap,  # what this notebook may spend in a day, where that is set
        )

    # Runtimes.

    def default_runtime(self) -> Runtime:
        """Give the runtime of calls outside any tree, made at the first such call."""
        with self.lock:
            if self.default is None:
                if not self.is_capped:
                    self.cap.limit(_cap_of_environment())
                made = Runtime(
                    is_open=True,
                    model=self.model or None,
                    models={name: _Answering(self, name) for name in self.models},
                    policies=self.policies(),
                    max_depth=self.most.get("max_depth"),
                    max_nodes=self.most.get("max_nodes"),
                    max_record_mb=self.most.get("max_record_mb"),
                )
                self.use(made)
                return made
            return self.default

    def current_runtime(self) -> Runtime | None:
        """Give the runtime of calls outside any tree, where one was made already."""
        return self.default

    def use(self, runtime: Runtime | None = None, /, **models: Model) -> Runtime:
        """Let calls outside any tree run on this runtime, or be answered by these models."""
        for name, model in models.items():
            if runtime is not None or not isinstance(model, Model):
                raise ArgumentError(
                    f"use() takes a runtime, or models by provider; got {name}="
                    f"{type(model).__name__}{' beside a runtime' if runtime is not None else ''}."
                )
        with self.lock:
            self.models.update(models)
            if runtime is not None:
                self._retire()
                self.default = runtime
            elif self.default is not None:
                swapped = self.default.models
                # Else it may have asked the provider itself already, and would go on doing so.
                if not all(isinstance(swapped.get(name), _Answering) for name in models):
                    self._retire()
            return self.default_runtime()

    def _retire(self) -> None:
        # A runtime that nobody holds is shut: what runs on this one is to go on.
        self.before = [
            one
            for one in self.runtimes()
            if not all(root.is_done for root in list(one.roots.values()))
        ]
        self.default = None

    def configure(
        self,
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
        with self.lock:
            if cap_usd is not None:
                self.cap.limit(cap_usd)
                self.is_capped = True
            self.cap.setting = cap_setting or self.cap.setting
            was = (self.store, self.model)
            self.store = self.store if store is None else store
            self.model = self.model if model is None else model
            limits = {
                "max_depth": max_depth,
                "max_nodes": max_nodes,
                "max_record_mb": max_record_mb,
            }
            most = {k: v for k, v in limits.items() if v is not None and v != self.most.get(k)}
            for name, value in most.items():
                at_most(name, value, 0)
            self.most.update(most)
            if most or was != (self.store, self.model):
                self._retire()

    def runtimes(self) -> list[Runtime]:
        """List the runtimes of calls outside any tree: those before that still run, today's last."""
        with self.lock:
            now = [] if self.default is None else [self.default]
            return [one for one in self.before if one is not self.default] + now

    def roots(self) -> list[Node]:
        """List the live roots of calls outside any tree, oldest first."""
        return [node for runtime in self.runtimes() for node in list(runtime.roots.values())]

    def live_node(self, run: str) -> Node | None:
        """Give the root of a run that goes on here, by its name in the record; else None."""
        place = run.rpartition(".")[2]
        mine = (node for node in self.roots() if not node.is_done and str(node.id) == place)
        return next((node for node in mine if node.runtime.run_name(node) == run), None)

    def leave_parent(self) -> None:
        """In a forked child: begin anew. Its parent's threads, and its notebook, are not in it."""
        self.parents += self.runtimes()
        self.before, self.default = [], None
        self.front = Script(self.person)
        self.lock.release()


def place_at_start() -> Mapping[str, Any]:
    """Give the notebook that the kernel was started with. A front end may know better."""
    return {"notebook": session_name()}


def _cwd() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise RecordError(
            f"This process' folder is gone. `os.chdir` into one that is there, or set {HOME}."
        ) from None


def day(now: float | None = None) -> Day:
    """Give the day that a moment, or now, is in. By the calendar: it may have 23 hours, or 25."""
    local = datetime.fromtimestamp(time.time() if now is None else now).astimezone()
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    after = (midnight.replace(tzinfo=None) + timedelta(days=1)).astimezone()
    return Day(midnight.timestamp(), after.timestamp())


def _cap_of_environment() -> float | None:
    said = os.environ.get(CAP, "").strip()
    try:
        return float(said) if said else None
    except ValueError:
        raise ArgumentError(f"{CAP} is {said[:40]!r}. Give an amount in USD, or 0.") from None


class _Answering:
    """The model that answers for a provider now; a runtime keeps it."""

    def __init__(self, session: Session, name: str) -> None:
        self._session = session
        self._name = name

    async def reply(self, request: ModelRequest, emit: Callable[[Delta], None], /) -> ModelReply:
        return await self._session.models[self._name].reply(request, emit)


here = Session()

home, flush, close_records, settle = here.home, here.flush, here.close_records, here.settle
roots, runtimes, live_node = here.roots, here.runtimes, here.live_node
configure, current_runtime, spent = here.configure, here.current_runtime, here.spent


def default_runtime() -> Runtime:
    """Give the runtime of calls outside any tree, made at the first such call."""
    return here.default_runtime()


def use(runtime: Runtime | None = None, /, **models: Model) -> Runtime:
    """Let calls outside any tree run on this runtime, or be answered by these models, from now on.

    Args:
        runtime: Where they run; else the default runtime.
        models: Who answers, by provider: `use(scripted=ScriptedModel(["hello"]))`.
    """
    return here.use(runtime, **models)


# Calls outside any tree: they are runs.


def wait(node: Node) -> None:
    """Wait for a root: outside any tree through the front, which asks what must be asked."""
    if current.get() is None:
        if not node.is_done:
            node.runtime.life.may_block(node.fn)
        # Also where it is over by chance: what a cell shows is not to hang on that.
        here.front.wait(node)
    node.wait()


def call(fn: Function, inputs: Mapping[str, Any]) -> Any:
    """Make a run and give its value."""
    __tracebackhide__ = True
    here.default_runtime().life.may_block(fn)
    node = begin(fn, inputs)
    attend(node)
    return node.result()


def attend(node: Node) -> None:
    """Show a root that was begun, and wait for it. An interrupt at any moment stops it."""
    try:
        here.front.begun(node, waits=True)
        here.front.wait(node)
    except interrupts.Interrupted:
        raise
    except KeyboardInterrupt:  # it came before the wait
        raise interrupts.stopped(node) from None


def begin(fn: Function, inputs: Mapping[str, Any], cursor: Cursor | None = None) -> Node:
    """Begin a root on the default runtime; a recording answers it where one is served."""
    __tracebackhide__ = True
    if cursor is None and here.served:
        cursor = here.served[0](fn, inputs)
    runtime = here.default_runtime()
    newest = next(reversed(runtime.roots), 0)
    try:
        return runtime.invoke(None, fn, inputs, cursor=cursor)
    except KeyboardInterrupt:
        # It came while the tree was begun, and nobody would have it in hand.
        for node in list(runtime.roots.values()):
            if node.id > newest and node.fn is fn and not node.is_done:
                raise interrupts.stopped(node) from None
        raise


atexit.register(here.close_records)
at_fork(
    before=here.lock.acquire,
    after_in_parent=here.lock.release,
    after_in_child=here.leave_parent,
)
