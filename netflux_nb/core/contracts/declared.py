"""Contracts: what a Function reads and writes of a state, and with what it may fail.

A Node with a contract runs in a draft of the state, which a room behind the runtime keeps. What the
runtime asks of it is here.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeVar

from ..errors import FunctionError, SignatureError
from ..slots import Slot
from ..text.legible import escaped
from .persistent import MISSING, DictVersion, Path, RecordVersion

# `accounts`, `accounts.*`, `accounts.ann`, `orders.*.total`; keys that are no words in brackets.
_PATH = re.compile(r"(?:[^\W\d]\w*|\*)(?:\.(?:[\w-]+|\*)|\[[^\[\]]+\])*")
_PART = re.compile(r"[\w-]+|\*|\[[^\[\]]+\]")
T = TypeVar("T")
# The layer whose name may be left out, and the one of configuration.
DOMAIN, GLOBAL = "domain", "global"
# The same layers as attributes: `global` is a word of Python's own.
_LAYERS = {"domain_ctx": DOMAIN, "global_ctx": GLOBAL}
# More of them than this are looked up, not remembered.
_REMEMBERED = 10_000


@dataclass(frozen=True, eq=False)
class Contract:
    """What a Function may touch of the state. What it does not name it may not touch.

    A path covers what is below it; `*` stands for any key, and for none of the layer `global`.
    """

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    # The classes of what it may raise, or their names; None where that is not said.
    raises: tuple[type[BaseException] | str, ...] | None = None
    # Whether its result is put at the one path that it writes.
    writes_result: bool = False
    _reads: tuple[Path, ...] = field(init=False, repr=False)
    _writes: tuple[Path, ...] = field(init=False, repr=False)
    _known: dict[tuple[bool, Path], bool] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_reads", tuple(parsed(p) for p in (*self.reads, *self.writes)))
        object.__setattr__(self, "_writes", tuple(parsed(p) for p in self.writes))

    @property
    def words(self) -> tuple[object, ...]:
        """All that it says, as a version's hash takes it in."""
        raised = self.raises
        named = (
            None
            if raised is None
            else [one if isinstance(one, str) else one.__qualname__ for one in raised]
        )
        return self.reads, self.writes, named, *(["writes_result"] if self.writes_result else [])

    @property
    def told(self) -> dict[str, Any]:
        """All that it says, for people to read later."""
        told = dict(zip(("reads", "writes", "raises"), self.words, strict=False))
        return told | ({"writes_result": True} if self.writes_result else {})

    @property
    def result_path(self) -> Path:
        """Where its result goes; nothing where it goes nowhere."""
        return self._writes[0] if self.writes_result else ()

    def may_read(self, path: Path) -> bool:
        """Say whether a path, or something below it, is named."""
        known = self._known.get((False, path))
        if known is None:
            known = self._know((False, path), any(_alike(one, path) for one in self._reads))
        return known

    def may_read_all(self, path: Path) -> bool:
        """Say whether all that is below a path is named: it is itself, or any key of it."""
        every = (*path, "*")
        return any(
            _covers(one, path) or (len(one) == len(every) and one[-1] == "*" and _alike(one, path))
            for one in self._reads
        )

    def may_write(self, path: Path) -> bool:
        """Say whether a path is named among those that it writes, or one above it is."""
        known = self._known.get((True, path))
        if known is None:
            known = self._know((True, path), any(_covers(one, path) for one in self._writes))
        return known

    def _know(self, key: tuple[bool, Path], is_named: bool) -> bool:
        if len(self._known) < _REMEMBERED:
            self._known[key] = is_named
        return is_named

    def within(self, other: Contract) -> Sequence[str]:
        """Give the paths that this one names, and the other, of a caller, does not."""
        beyond = [p for p in self.reads if not any(_covers(o, parsed(p)) for o in other._reads)]
        mine = ((p, parsed(p)) for p in self.writes)
        return beyond + [p for p, own in mine if not any(_covers(o, own) for o in other._writes)]

    def declares(self, error: BaseException) -> bool:
        """Say whether it may fail with this: its class, or one that it is made from, is named."""
        if self.raises is None:
            return True
        names = {kind.__name__ for kind in type(error).__mro__}
        return any(
            one in names if isinstance(one, str) else isinstance(error, one) for one in self.raises
        )


def parsed(path: str) -> Path:
    """Take a path apart: `domain.accounts[a b].x` is `accounts`, `a b`, `x`."""
    if not isinstance(path, str) or not _PATH.fullmatch(path):
        raise FunctionError(
            f"{str(path)[:80]!r} is no path of a state. Write it as `accounts`, `accounts.ann` or "
            f"`accounts.*`; a key with other signs as `accounts[a key]`."
        )
    parts = tuple(p[1:-1] if p[0] == "[" else p for p in _PART.findall(path))
    layer = _LAYERS.get(parts[0], parts[0])
    if layer == DOMAIN:
        return parts[1:] or ("*",)
    return (layer, *parts[1:])


def written(path: Path) -> str:
    """Write a path as a person does."""
    if not path:
        return "the state"
    first, *rest = (escaped(str(part)) for part in path)
    return first + "".join(
        f".{p}" if re.fullmatch(r"[\w-]+|\*", p) else f"[{p[:60]}]" for p in rest
    )


def _covers(named: Path, path: Path) -> bool:
    return len(named) <= len(path) and _alike(named, path)


def _alike(named: Path, path: Path) -> bool:
    if path[:1] == (GLOBAL,) and named[:1] != (GLOBAL,):
        return False
    return all(one in ("*", str(part)) for one, part in zip(named, path, strict=False))


def contract_of(
    name: str,
    reads: str | Sequence[str],
    writes: str | Sequence[str],
    raises: Sequence[type[BaseException] | str] | type[BaseException] | None,
    *,
    writes_result: bool = False,
) -> Contract | None:
    """Make the contract that a definition gives; None where it gives none."""
    if not reads and not writes and raises is None and not writes_result:
        return None
    given = (raises,) if isinstance(raises, (type, str)) else raises
    kinds = None if given is None else tuple(given)
    for one in kinds or ():
        if not isinstance(one, str) and not (
            isinstance(one, type) and issubclass(one, BaseException)
        ):
            raise SignatureError(
                f"{name}: `raises` holds classes of exceptions, or their names; got "
                f"{type(one).__name__}."
            )
    paths = [(p,) if isinstance(p, str) else tuple(p) for p in (reads, writes)]
    made = Contract(paths[0], paths[1], kinds, bool(writes_result))
    refuse_global(name, made)
    if writes_result and (len(made.writes) != 1 or "*" in made.result_path):
        raise SignatureError(
            f"{name}: with `writes_result` its result goes to the one path in `writes`, such as "
            f"`writes='total'`; got {list(made.writes)!r:.80}."
        )
    check()(name, made)
    return made


def refuse_global(name: str, contract: Contract) -> None:
    """Refuse a contract that writes configuration."""
    for path in contract.writes:
        if parsed(path)[0] == GLOBAL:
            raise FunctionError(
                f"{name} writes {path[:80]}, which is configuration. A person changes that, under "
                f"`edit()`; a Function reads it."
            )


def domain_of(root: Any) -> Any:
    """Give a state without its layer of configuration."""
    if isinstance(root, RecordVersion) and GLOBAL in root.values:
        values = {name: value for name, value in root.values.items() if name != GLOBAL}
        return RecordVersion(root.cls, values, root.line)
    if isinstance(root, DictVersion) and root.get(GLOBAL) is not MISSING:
        return root.without(GLOBAL)
    return root


# The Function whose calls are those of an outbox, by name.
RELEASE = "release_outbox"


class Entry(NamedTuple):
    """A call in an outbox, of which Function and with what. It is made if its transaction counts."""

    fn: str
    # Plain JSON; None where the record does not hold it in full.
    inputs: dict[str, Any] | None


class Touched(NamedTuple):
    """What a Node read and changed of a state, as its last event carries it.

    What stood somewhere is a version of `persistent`, or, read back from a record, what
    `json.state_values` makes of it; `MISSING` where nothing did, `Present` where it is not told.
    A change tells all that is below its path.
    """

    state: str
    # The number of the version that its outermost Node began with, and of the one that it made,
    # if it is that Node and made one.
    base: int
    version: int | None = None
    reads: tuple[tuple[Path, Any], ...] = ()
    # Before and after.
    delta: tuple[tuple[Path, Any, Any], ...] = ()
    # Of a Node that made a version: what it published, and which call set that, by name and key.
    signals: tuple[tuple[Path, Any, str, str], ...] = ()
    # Of an outermost Node: the calls that were made once it counted, if it did.
    outbox: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class Violated:
    """A rule of the audit did not hold at a Node."""

    rule: str
    # The way "in" or "out" of its Function, or the "state" that it left.
    gate: str
    field: str
    condition: str
    # What it asks and what was found, as texts without keys.
    limit: str
    value: str
    level: str
    # The how many-th it is since the last that counted, and the how many-th counts.
    count: int
    most: int
    # "noted", "warned", "tolerated", "blocked", "aborted" or "stopped".
    action: str
    # All of it in words.
    text: str


class StateHandle:
    """A handle of a state. A Function that reaches it is known by the state's name, not its value."""

    __slots__ = ()

    @property
    @abstractmethod
    def words(self) -> str:
        """The name of the state."""


class Apart:
    """The state that a fork runs on: as it was when the run that it is of began, and its own."""

    __slots__ = ("at", "notes", "versions")

    def __init__(self, at: int | None) -> None:
        # The version that it begins with.
        self.at = at
        # What the room of the state made of that.
        self.versions: Any = None
        # How often rules were broken there.
        self.notes: Any = None


Outcome = tuple[str, Any, BaseException | None]


class Leaving(Protocol):
    """The calls of an outbox, whose transaction counts now."""

    @property
    def release(self) -> Any:
        """The Function that makes them."""
        ...

    @property
    def fns(self) -> list[Any]:
        """Give their Functions, in their order; None where the name is all that there is."""
        ...


class NodeDraft(Protocol):
    """The draft of a state that a Node runs in."""

    @property
    def outbox(self) -> Leaving | None:
        """The calls that are made once it counts; None where there are none."""
        ...

    @property
    def handle(self) -> Any:
        """The handle of the state."""
        ...

    def below(self, node: Any, /) -> NodeDraft:
        """Give the draft of a call that the Node makes."""
        ...

    def take(self, child: Any, /) -> None:
        """See what a child that has ended wrote: its result is taken."""
        ...

    def differs(self, touched: Touched, /) -> str:
        """Say why what a record says was read is not so any more; nothing where all of it is."""
        ...

    def is_in(self, origin: tuple[str, str], /) -> bool:
        """Say whether what a Node of a run changed is in the state already."""
        ...

    def serve(self, touched: Touched | None, origin: tuple[str, str], /) -> None:
        """Hold what a served Node changed when it ran, in the run and under the key it had."""
        ...

    def returned(self, value: Any, /) -> None:
        """Put the result of a Function whose contract says so at its path."""
        ...

    def settle(self, outcome: Outcome, post: Callable[[Outcome, Any], T], /) -> T:
        """End: keep what was written, or drop it, and post the outcome that this comes to."""
        ...

    def replay(self, touched: Touched | None, differs: Callable[[str], BaseException], /) -> None:
        """See what the record says was read, and nothing else; the rest is an error."""
        ...

    def changed(self) -> str:
        """In a replay: name the first path that was left otherwise than then."""
        ...


# Makes the draft of an outermost Node with a contract; the room of the state fills it.
outermost: Slot[Callable[[Any], NodeDraft | None]] = Slot(lambda node: None)
# The Functions by which an agent with a contract reads and writes the state.
tools: Slot[Callable[[Contract], Sequence[Any]]] = Slot(lambda contract: ())
# Lists the calls of a state's outboxes, by its name.
outboxes: Slot[Callable[[str], Any]] = Slot(lambda state: ())
# Compares a contract with the shape of the state, where that is known.
check: Slot[Callable[[str, Contract], None]] = Slot(lambda name, contract: None)
