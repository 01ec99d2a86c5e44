"""The names of theus, for programs that were written with it."""

from __future__ import annotations

import difflib
import logging
import os
import sys
import threading
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from types import SimpleNamespace
from typing import Any

from ..core.contracts.declared import GLOBAL, Contract, written
from ..core.contracts.declared import domain_of as without_config
from ..core.contracts.persistent import MISSING, Path, RecordVersion
from ..core.contracts.version_paths import get_at
from ..core.errors import (
    ArgumentError,
    AuditError,
    ContractError,
    FunctionError,
    InterlockError,
    UsageError,
)
from ..core.functions.kinds import Function, current
from ..core.text.legible import escaped
from ..core.text.yaml_text import read_yaml
from ..runtime.host import host
from ..state.audit import audit
from ..state.audit_recipe import ProcessRecipe, Recipe, read_recipe
from ..state.drafts import Draft
from ..state.guards import view_of
from ..state.kernel_state import by_hand, check_known, draft_within, names_of, versions_of
from ..state.workflows.finished import Finished
from ..state.workflows.workflow import workflow
from ..state.zones import check_reads
from .process_files import processes_in
from .process_functions import EVERYTHING, ProcessFunction, layer_of, process, process_of
from .system_context import (
    LAYERS,
    BaseDomainContext,
    BaseGlobalContext,
    BaseSystemContext,
    ContextZone,
    ContractViolationError,
    LockedContextMixin,
    LockViolationError,
    domain_of,
    resolve_zone,
)

logger = logging.getLogger("TheusEngine")

_TRUE = {"1", "true", "yes", "on"}


class ProcessNotFoundError(UsageError, KeyError):
    """A process that no engine was told of."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class AuditBlockError(AuditError):
    """A rule of level B did not hold: what the process wrote does not count."""


# A rule of level S or A did not hold.
AuditInterlockError = InterlockError


@dataclass(frozen=True)
class AuditRecipe:
    """A recipe that was read and found sound: its rules by process."""

    definitions: Mapping[str, ProcessRecipe]
    source: str | os.PathLike[str] | Mapping[str, Any] = field(repr=False)


class ConfigFactory:
    """Reads what a project says in files."""

    @staticmethod
    def load_recipe(path: str | os.PathLike[str]) -> AuditRecipe:
        """Read an audit recipe. All that is wrong with it is told at once."""
        return AuditRecipe(read_recipe(path).processes, path)


def _recipe_of(given: Any, state: str) -> Recipe:
    """Read a recipe for a state of this name."""
    if given is None:
        return Recipe({})
    return read_recipe(given.source if isinstance(given, AuditRecipe) else given, state)


class IEngine(ABC):
    """What runs one process, whole or not at all."""

    @abstractmethod
    def register_process(self, name: str, func: Callable[..., Any]) -> None:
        """Give a process a name."""

    @abstractmethod
    def execute_process(self, process_name: str, context: Any = None) -> Any:
        """Run a process without arguments."""

    @abstractmethod
    def get_process(self, name: str) -> Any:
        """Look a process up."""


class IScheduler(ABC):
    """What runs a callable beside others."""

    @abstractmethod
    def submit(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Start it, and give what can be waited for."""

    @abstractmethod
    def shutdown(self, wait: bool = True) -> None:
        """Take no more."""


class IOrchestrator(ABC):
    """What says which process comes next."""

    @abstractmethod
    def run_workflow(self, workflow_name: str, context: Any) -> None:
        """Run a workflow."""


class _Outside:
    """An engine's state as it is seen outside of every process: always the newest."""

    is_outside = True

    def __init__(self, engine: TheusEngine) -> None:
        self._engine = engine
        self.guards: dict[Path, tuple[object, Any]] = {}

    @property
    def view(self) -> Any:
        return self._engine.store.newest

    def read(self, path: Path) -> Any:
        return self._engine.store.read_once(self.view, path)

    def read_all(self, path: Path) -> Any:
        found = get_at(self.view, path)
        return found if path else without_config(found)

    def write(self, path: Path, value: Any) -> None:
        self._engine.write_outside(path, value)

    def handed(self, path: Path, stored: Any, copy: Any) -> Any:
        return copy


class TheusEngine(IEngine):
    """Runs the processes of a system, each as a Function of ours: a run, recorded, under contract.

    Args:
        system_ctx: The system. From here on its layers are live, and guarded.
        strict_mode: Whether a change outside of processes and `edit()` is refused, or only warned
            of; where left out, `THEUS_STRICT_MODE` says it.
        audit_recipe: The rules over it: a recipe, or its file.
    """

    def __init__(
        self,
        system_ctx: BaseSystemContext,
        strict_mode: bool | None = None,
        audit_recipe: Any = None,
    ) -> None:
        if not isinstance(system_ctx, BaseSystemContext):
            raise ArgumentError(
                f"TheusEngine takes a BaseSystemContext; got {type(system_ctx).__name__}."
            )
        if strict_mode is None:
            told = os.environ.get("THEUS_STRICT_MODE", os.environ.get("POP_STRICT_MODE", "0"))
            strict_mode = told.strip().lower() in _TRUE
        self.strict_mode = strict_mode
        self.ctx = system_ctx
        domain = domain_of(system_ctx)
        self.store = versions_of(domain, type(system_ctx).__name__, system_ctx.global_ctx)
        host().state = self.store
        self._recipe = _recipe_of(audit_recipe, self.store.name)
        if self._recipe.state:
            audit(Recipe({}, self._recipe.state))
        self._processes: dict[str, Function] = {}
        self._outside = _Outside(self)
        self._editing = threading.local()
        object.__setattr__(system_ctx, "_engine", self)

    # The system.

    def layer(self, name: str) -> Any:
        """Give a layer as it stands, or as the running process sees it."""
        node = current.get()
        if node is not None:
            return layer_of(draft_within(self.store, node, name), name)
        draft: Draft | None = getattr(self._editing, "draft", None)
        if draft is not None:
            return layer_of(draft, name)
        root = self.store.newest
        place: Path = (GLOBAL,) if name == "global_ctx" else ()
        found = get_at(root, place)
        if found is MISSING:
            return None
        is_view = place or isinstance(root, RecordVersion)
        return view_of(self._outside, place, found) if is_view else self.store.handle

    def replace(self, name: str, value: Any) -> None:
        """Set an attribute of the system; of a layer, all of its fields."""
        node, draft = current.get(), getattr(self._editing, "draft", None)
        if node is None and draft is None:
            self._locked(name)
            with self.edit():
                self.replace(name, value)
        elif name in LAYERS:
            layer = self.layer(name)
            root = self.store.newest
            for field in names_of(get_at(root, (GLOBAL,)) if name == "global_ctx" else root):
                setattr(layer, field, getattr(value, field))
        elif node is None:
            object.__setattr__(self.ctx, name, value)
        else:
            raise ContractError(f"{self.store.name}.{name[:80]} is in no layer.")

    def write_outside(self, path: Path, value: Any) -> None:
        """Refuse a change from outside; where the engine is not strict, warn, and make it."""
        self._locked(written(path))
        with by_hand(self.store) as draft:
            draft.write(path, value)

    def _locked(self, what: str) -> None:
        told = (
            f"{self.store.name}: {what[:80]} is changed outside of every process. Write: "
            f"with engine.edit() as ctx: ..."
        )
        if self.strict_mode:
            raise LockViolationError(told)
        logger.warning("%s", told)

    @contextmanager
    def edit(self) -> Iterator[BaseSystemContext]:
        """Change the system by hand, whole or not at all."""
        if getattr(self._editing, "draft", None) is not None:
            yield self.ctx
            return
        with by_hand(self.store) as draft:
            self._editing.draft = draft
            try:
                yield self.ctx
            finally:
                self._editing.draft = None

    # Processes.

    def register_process(self, name: str, func: Callable[..., Any]) -> None:
        """Give a process a name. One without a contract may change all of the domain."""
        contract: Contract | None = func.contract if isinstance(func, Function) else None
        if not isinstance(func, Function):
            logger.warning(
                "%s has no contract (@process): it may change all of the domain.", escaped(name)
            )
            contract = EVERYTHING
        elif contract is not None:
            check_known(self.store, name, contract)
            try:
                check_reads(name, contract, self.store.root)
            except FunctionError as error:
                raise ContractViolationError(str(error)) from None
        if isinstance(func, Function) and not isinstance(func, ProcessFunction):
            made: Function = copy(func)
            made.name, made.on_state = name, self.store
        else:
            assert contract is not None
            body, effect = getattr(func, "original", func), getattr(func, "effect", None)
            made = process_of(body, contract, name=name, effect=effect, on_state=self.store)
        if (rules := self._recipe.processes.get(name)) is not None:
            audit(Recipe({name: rules}))  # what does not fit its contract is told here
        self._processes[name] = made

    def scan_and_register(self, package_path: str | os.PathLike[str]) -> None:
        """Register every process that the modules of a folder define, under its own name."""
        for name, fn in processes_in(FilePath(package_path)).items():
            self.register_process(name, fn)

    def get_process(self, name: str) -> Function | None:
        """Look a process up; None where there is none."""
        return self._processes.get(name)

    def run_process(self, name: str, **kwargs: Any) -> Any:
        """Run a process: a run of its own, or a child of the process that runs here."""
        fn = self._known(name)
        node = current.get()
        # Of one engine, each may call each: what it may touch its caller's contract says.
        lent: Any = SimpleNamespace(uses=[fn], uses_funcs=[fn], calls_any=False)
        with nullcontext() if node is None else node.lending(lent):
            try:
                return fn(**kwargs)
            except InterlockError:
                raise
            except AuditError as error:
                if isinstance(error, AuditBlockError):
                    raise
                raise AuditBlockError(str(error), error.level) from error

    def execute_process(self, process_name: str, context: Any = None) -> Any:
        """Run a process without arguments."""
        return self.run_process(process_name)

    def execute_workflow(self, workflow_path: str | os.PathLike[str], **kwargs: Any) -> Any:
        """Run a workflow: one run, whose steps each take those of the arguments that they name.

        Of `steps` it gives the system; of `states`, where it ended: `start="PROCESSING"` says where
        it begins.
        """
        path = FilePath(workflow_path)
        told = read_yaml(path.read_text("utf-8"), path.name)
        name = path.stem if path.stem.isidentifier() else "workflow"
        data = _with_ends(told, path.name)
        made = workflow(data, functions=self._processes.values(), name=name)
        done: Finished = made(**kwargs)
        return self.ctx if "steps" in data else done

    def _known(self, name: str) -> Function:
        fn = self._processes.get(name)
        if fn is None:
            near = difflib.get_close_matches(name, self._processes, 1, 0.6)
            meant = f" Did you mean {near[0]!r}?" if near else ""
            raise ProcessNotFoundError(f"Process {name[:80]!r} not found in registry.{meant}")
        return fn


class POPEngine(TheusEngine):
    """The older name of `TheusEngine`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        warnings.warn("POPEngine is deprecated. Use TheusEngine.", DeprecationWarning, stacklevel=2)
        super().__init__(*args, **kwargs)


def _with_ends(told: Any, name: str) -> Any:
    """Give a machine in which each state that only an event names is an end."""
    states = told.get("states") if isinstance(told, dict) else None
    if not isinstance(states, dict):
        return told
    ends: dict[str, Any] = {}
    for state in states.values():
        for word in ("events", "on", "transitions"):
            events = state.get(word) if isinstance(state, dict) else None
            for to in events.values() if isinstance(events, dict) else ():
                is_new = isinstance(to, str) and to not in states and to not in ends
                # One that is nearly another is meant as that, which is told when it is read.
                if is_new and not difflib.get_close_matches(to, map(str, states), 1, 0.6):
                    logger.warning("%s: %s is no state; it is taken for an end.", name, escaped(to))
                    ends[to] = {}
    return {**told, "states": {**states, **ends}}


__all__ = [
    "AuditBlockError",
    "AuditInterlockError",
    "AuditRecipe",
    "BaseDomainContext",
    "BaseGlobalContext",
    "BaseSystemContext",
    "ConfigFactory",
    "ContextZone",
    "ContractViolationError",
    "IEngine",
    "IOrchestrator",
    "IScheduler",
    "LockViolationError",
    "LockedContextMixin",
    "POPEngine",
    "ProcessNotFoundError",
    "TheusEngine",
    "process",
    "resolve_zone",
]

if __name__ == "__main__":  # `python -m netflux_nb.compat.theus init NAME`
    from ..cli import main

    sys.exit(main())
