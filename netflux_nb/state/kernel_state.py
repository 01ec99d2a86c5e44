"""The handle of a kernel's state: declares it, reads it, changes it by hand, tells of its past."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, SupportsIndex

from ..core.contracts.declared import (
    DOMAIN,
    GLOBAL,
    Contract,
    StateHandle,
    domain_of,
    outboxes,
    parsed,
    written,
)
from ..core.contracts.persistent import (
    MISSING,
    DictVersion,
    Heavy,
    Path,
    RecordVersion,
    freeze,
)
from ..core.contracts.persistent import plain as plain_of
from ..core.contracts.version_paths import get_at
from ..core.errors import ContractError, FunctionError, NoNodeError, SignatureError
from ..core.functions.display import Displayed
from ..core.functions.kinds import Function, current
from ..runtime.host import host
from .audit import audit
from .drafts import Draft
from .guards import plain as plain
from .guards import unwrapped, view_of
from .outbox import no_transaction, put_after
from .revival import Classes, learn
from .signals import SentSignal
from .state_versions import Commit, StateVersions
from .zones import check_reads

# Whoever edits by hand may write all.
_ALL = Contract(("*", GLOBAL), ("*", GLOBAL))


class _Outside:
    """The state as it stands, for who looks at it outside every call."""

    is_outside = True

    def __init__(self, state: StateVersions) -> None:
        self._state = state
        self.view = state.newest
        self.guards: dict[Path, tuple[object, Any]] = {}

    def read(self, path: Path) -> Any:
        return self._state.read_once(self.view, path)

    def read_all(self, path: Path) -> Any:
        return get_at(self.view, path)

    def write(self, path: Path, value: Any) -> None:
        name = self._state.name
        raise ContractError(
            f"{name} is read-only outside a call. Write: with {name}.edit() as s: ..."
        )

    def handed(self, path: Path, stored: Any, copy: Any) -> Any:
        return copy


class State(Displayed, StateHandle):
    """The handle of a state: `bank.accounts` reads, and in a call with a contract writes.

    What a call sees is its own draft; outside all calls it is the state as it stands.
    """

    __slots__ = ("_store",)
    _store: StateVersions

    def __init__(self, store: StateVersions) -> None:
        object.__setattr__(self, "_store", store)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: Any) -> Any:
        access = self._access(name)
        found = access.read((name,))
        if found is MISSING:
            raise AttributeError(_unknown(self._store, str(name)))
        return view_of(access, (name,), found)

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __setitem__(self, name: Any, value: Any) -> None:
        access = self._access(name)
        if isinstance(self._store.root, RecordVersion) and name not in names_of(self._store.root):
            raise AttributeError(_unknown(self._store, str(name)))
        access.write((name,), value)

    def __delitem__(self, name: Any) -> None:
        self._access(name).write((name,), MISSING)

    def __contains__(self, name: object) -> bool:
        access = self._access(name)
        if isinstance(access, _Outside):  # a signal is not read by that
            return get_at(access.view, (name,)) is not MISSING
        return access.read((name,)) is not MISSING

    def __copy__(self) -> State:
        return self

    def __deepcopy__(self, memo: Any) -> State:
        return self

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        name = self._store.name
        raise TypeError(f"{name} is of this kernel, and cannot be pickled. Take {name}.value().")

    def __dir__(self) -> list[str]:
        return [*object.__dir__(self), *(str(name) for name in names_of(self._store.root))]

    def __repr__(self) -> str:
        store = self._store
        return f"<state {store.name}, version {store.version}: {', '.join(names_of(store.root))}>"

    @property
    def words(self) -> str:
        """The name of the state, by which Functions that reach it are known."""
        return self._store.name

    def _access(self, name: object) -> Any:
        node = current.get()
        return self._outside(str(name)) if node is None else draft_within(self._store, node, name)

    def _outside(self, name: str) -> Any:
        # A thread that a body began itself does not know its call, and would see another state.
        if threading.current_thread() is not threading.main_thread():
            raise NoNodeError(
                f"{self._store.name}.{name[:60]} is read in a thread of its own, which belongs to "
                f"no call. Bind what runs there: `ctx.bind(fn)`; or take `{self._store.name}"
                f".value()`."
            )
        return _Outside(self._store)

    @property
    def global_ctx(self) -> Any:
        """The layer of configuration: a contract names it as `global`, nobody's writes it."""
        access = self._access(GLOBAL)
        found = access.read((GLOBAL,))
        if found is MISSING:
            raise AttributeError(_no_config(self._store))
        return view_of(access, (GLOBAL,), found)

    def edit(self) -> Any:
        """Change the state by hand, whole or not at all: `with bank.edit() as s: s.total = 3`."""
        return _edit(self._store)

    def after(self, fn: Function, /, *args: Any, **inputs: Any) -> None:
        """Have a Function called once this transaction counts, and never where it does not.

        It is in the `uses` of whoever says so, as for a call. What it is given is plain JSON. The
        calls of a transaction are made in their order, when its outermost call has ended.

        Example:
            >>> bank.after(mail, to="ann", text="You have been paid.")  # doctest: +SKIP
        """
        node = current.get()
        if node is None or (node.draft is None and node.fn.contract is None):
            raise no_transaction(node, fn)
        put_after(self._access("the outbox"), node, fn, args, inputs)

    def outbox(self) -> Any:
        """List the calls of its outboxes as the record has them; `.release()` makes what is left."""
        return outboxes()(self._store.name)

    def rule(self, field: str, /, **asked: Any) -> None:
        """Hold a rule over the state, in every call that has a contract: `min`, `max`, `eq`, ….

        Args:
            field: A path, with `*` for any key; or a figure of it, as `accounts.sum()`.
            asked: What must hold, and `level`, `message`, `max_threshold`, `min_threshold`,
                `reset_on_success` where they are wanted.

        Example:
            >>> bank = state({"accounts": {"ann": 100}}, name="bank")
            >>> bank.rule("accounts.*", min=0, level="B", message="No overdraft.")
        """
        audit().rule(self._store.name, {"field": field, **asked})

    @property
    def version(self) -> int:
        """The number of the newest version."""
        with self._store.lock:
            return self._store.version

    def at(self, version: int) -> Any:
        """Give the state as it was at a version, as plain values."""
        store = self._store
        with store.lock:
            for commit in store.commits:
                if commit.version == version:
                    return plain_of(domain_of(commit.root))
        kept = [commit.version for commit in store.commits]
        raise ContractError(
            f"{store.name} has no version {version} here. It has {kept[0]} to {kept[-1]}."
        )

    def history(self, path: str = "") -> list[Commit]:
        """List the versions that changed a path, or all, oldest first."""
        named = parsed(path) if path else ()
        with self._store.lock:
            return [
                commit
                for commit in self._store.commits
                if any(
                    all(a == str(b) or a == "*" for a, b in zip(named, one, strict=False))
                    for one, _, _ in commit.delta
                )
            ]

    def signals(self) -> list[SentSignal]:
        """List the signals that nobody has read, oldest first. `bank.sig_x` reads one."""
        with self._store.lock:
            return list(self._store.inbox)

    @property
    def newest(self) -> Any:
        """The newest version itself, which never changes."""
        return self._store.root

    def value(self) -> Any:
        """Give the newest version as plain values, from any thread."""
        return plain_of(domain_of(self._store.newest))


def draft_within(store: StateVersions, node: Any, name: object) -> Draft:
    """Give the draft of a call in which the state is looked at."""
    draft: Draft | None = node.draft
    if draft is None:
        if node.fn.contract is not None:
            raise ContractError(
                f"{store.name}.{str(name)[:60]} is read by {node.fn.name}(), whose call has ended."
            )
        raise ContractError(
            f"{node.fn.name}() declares nothing of the state. Add reads=[{str(name)[:60]!r}] to it."
        )
    if draft.root.of is not store:
        raise ContractError(
            f"{store.name} is not the state of this kernel any more: another was declared."
        )
    if draft.base is None:
        draft.begin()
    return draft


def names_of(root: Any) -> list[str]:
    """List the fields of a state, or of a record in it."""
    found = list(root.values) if isinstance(root, RecordVersion) else []
    found += [str(key) for key in root] if isinstance(root, DictVersion) else []
    return [name for name in found if name != GLOBAL]


class _Edited:
    """The state while a person changes it by hand."""

    __slots__ = ("_draft", "_store")

    def __init__(self, store: StateVersions, draft: Draft) -> None:
        object.__setattr__(self, "_store", store)
        object.__setattr__(self, "_draft", draft)

    def __getattr__(self, name: str) -> Any:
        place = parsed_name(name)
        found = self._draft.read(place)
        if found is MISSING:
            raise AttributeError(_unknown(self._store, *place))
        return view_of(self._draft, place, found)

    def __setattr__(self, name: str, value: Any) -> None:
        place, root = parsed_name(name), self._store.root
        is_fixed = place == (GLOBAL,) or isinstance(root, RecordVersion)
        if is_fixed and get_at(root, place) is MISSING:
            raise AttributeError(_unknown(self._store, *place))
        self._draft.write(place, value)

    __getitem__ = __getattr__
    __setitem__ = __setattr__

    def __delitem__(self, name: str) -> None:
        self._draft.write((name,), MISSING)


def parsed_name(name: str) -> Path:
    """Give the path of an attribute of a state: of a field, or of the layer of configuration."""
    return (GLOBAL,) if name == "global_ctx" else (name,)


@contextmanager
def _edit(store: StateVersions) -> Iterator[_Edited]:
    with by_hand(store) as draft:
        yield _Edited(store, draft)


@contextmanager
def by_hand(store: StateVersions) -> Iterator[Draft]:
    """Give the draft of a person, who may write all; it counts at the end of the block."""
    if current.get() is not None:
        raise ContractError(
            f"{store.name}.edit() is for a person, outside every call. A Function writes what its "
            f"contract names."
        )
    draft = Draft(store, "edit()", _ALL)
    draft.begin()
    try:
        yield draft
    except BaseException as error:
        draft.settle(("error", None, error), lambda outcome, touched: None)
        raise
    came: list[Any] = []
    draft.settle(("success", None, None), lambda outcome, touched: came.append(outcome))
    if came[0][2] is not None:
        raise came[0][2]


def _no_config(store: StateVersions) -> str:
    return f"{store.name} has no layer global. Give it one: `state(..., config=Config(...))`."


def _unknown(store: StateVersions, *path: str) -> str:
    above, name = get_at(store.root, path[:-1]), path[-1]
    if path == (GLOBAL,) or above is MISSING:
        return _no_config(store)
    near = difflib.get_close_matches(name, names_of(above), 1, 0.6)
    meant = f" Did you mean {written((*path[:-1], near[0]))}?" if near else ""
    return f"{store.name} has no path {written(path)[:120]}.{meant}"


def state(value: Any, *, config: Any = None, name: str = "state") -> State:
    """Give this kernel a state, which Functions with contracts read and change.

    Args:
        value: A dataclass, a pydantic model or a dict: the state at its beginning.
        config: The same for its layer `global`, which Functions only read.
        name: What messages and records call it.

    Example:
        >>> bank = state({"accounts": {"ann": 100}}, name="bank")
        >>> bank.accounts["ann"]
        100
    """
    store = versions_of(value, name, config)
    hidden = [one for one in names_of(store.root) if hasattr(State, one)]
    if hidden:
        raise SignatureError(
            f"{name}.{hidden[0]} is a word of the state itself. Call the field otherwise."
        )
    host().state = store
    return declared_here()


def versions_of(value: Any, name: str, config: Any = None) -> StateVersions:
    """Make a state of its layers, with its handle. It is not the kernel's yet."""
    root = _layer(value, name)
    taken = [one for one in (DOMAIN, GLOBAL) if get_at(root, (one,)) is not MISSING]
    if taken:
        raise SignatureError(f"{name}.{taken[0]} is a layer's name. Call the field otherwise.")
    if config is not None:
        root = root.with_key(GLOBAL, _layer(config, f"{name}.{GLOBAL}"))
    classes: Classes = {}
    learn(classes, root)
    store = StateVersions(name, root, classes)
    store.handle = State(store)
    return store


def _layer(value: Any, name: str) -> DictVersion | RecordVersion:
    made = freeze(value, name, unwrapped)
    if not isinstance(made, (DictVersion, RecordVersion)):
        raise SignatureError(
            f"A state is made of a dataclass, a pydantic model or a dict; got "
            f"{type(value).__name__}."
        )
    return made


def declared_here() -> State:
    """Give the handle of this kernel's state."""
    store: StateVersions | None = host().state
    if store is None:
        raise NoNodeError("There is no state. Declare it first: `bank = state(Bank(...))`.")
    handle: State = store.handle
    return handle


def heavy(value: Any) -> Any:
    """Hold a value by reference: no transaction copies it, and no record holds it."""
    return Heavy(value)


def draft_of(node: Any) -> Draft | None:
    """Give the draft of a Node with a contract whose caller has none."""
    store: StateVersions | None = node.fn.on_state or host().state
    if store is None:
        if node.fn.contract.reads or node.fn.contract.writes:
            raise FunctionError(
                f"{node.fn.name}() has a contract, and there is no state. Declare it first: "
                f"`bank = state(Bank(...))`."
            )
        return None
    apart = node.cursor.apart
    on = store if apart is None else store.apart(apart)
    on.check(node.fn.name, node.fn.contract)
    return Draft(on, node.fn.name, node.fn.contract, node=node)


def check_paths(name: str, contract: Contract) -> None:
    """Refuse a contract with a path that the state does not have, where there is one."""
    store: StateVersions | None = host().state
    check_reads(name, contract, None if store is None else store.root)
    if store is not None:
        check_known(store, name, contract)


def check_known(store: StateVersions, name: str, contract: Contract) -> None:
    """Refuse a contract with a path that a state does not have, where its fields are known."""
    for path in (*contract.reads, *contract.writes):
        first, *rest = parsed(path)
        above: Any = store.root
        place: Path = (first,)
        if first == GLOBAL and rest:
            above, place = get_at(store.root, (GLOBAL,)), (GLOBAL, rest[0])
        is_fixed = first == GLOBAL or isinstance(above, RecordVersion)
        if is_fixed and place[-1] != "*" and get_at(store.root, place) is MISSING:
            if isinstance(above, DictVersion) and place != (GLOBAL,):
                continue  # a key that may come
            raise FunctionError(f"{name}: {_unknown(store, *place)}")
