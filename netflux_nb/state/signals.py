"""Signals: set in a transaction, published when it counts, read once.

- A draft holds a signal like any write; a rollback drops it. What is written must be otherwise than
  declared: writing the declared value takes a signal back.
- Where the outermost Node's transaction counts, its signals leave the state, and stand in the
  inbox in the order of the commits.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, Protocol

from ..core.contracts.declared import Touched, written
from ..core.contracts.persistent import MISSING, Path, RecordVersion
from ..core.contracts.persistent import plain as plain_of
from ..core.contracts.version_paths import get_at, put_at
from .revival import equal
from .zones import is_signal, signals_in

logger = logging.getLogger("netflux_nb.state")

# Signals that nobody has read, of which the oldest go first.
KEPT = 10_000


class SentSignal(NamedTuple):
    """A signal that was published: what was set where, in which version, by whom."""

    path: str
    value: Any
    version: int
    by: str
    # The run and the Node's key; nothing where a person set it.
    run: str
    key: str

    def __repr__(self) -> str:
        return f"<signal {self.path} = {self.value!r:.60} by {self.by}, version {self.version}>"


class Setting(NamedTuple):
    """A signal as a draft holds it: by whom it was set, to what, and what is declared."""

    path: Path
    value: Any
    declared: Any
    by: str
    key: str


class Zoned(Protocol):
    """A state, as its signals need it."""

    root: Any

    def meets(self, cls: type, /) -> bool:
        """Take note of the class of a record that is written; say whether it has zones."""
        ...


# Its path, its value, and the call that set it, by name and key: as a record tells it.
Sent = tuple[Path, Any, str, str]
# By the Node's key and the path: what a Node sets twice is one signal.
Settings = dict[tuple[str, Path], Setting]


def noted(
    known: Settings | None,
    path: Path,
    version: Any,
    view: Any,
    state: Zoned,
    by: str,
    node: Any,
) -> Settings | None:
    """Note what a write sets as signals.

    Args:
        known: What the draft holds already.
        path: Where something is written.
        version: What is.
        view: What the draft sees before.
        state: The state, in which what is declared stands.
        by: The name of who writes.
        node: Its Node; None where a person writes.
    """
    if is_signal(view, path):
        paths = [path]
    elif not isinstance(version, RecordVersion) or not state.meets(version.cls):
        return known
    else:
        # A record in the place of another of its class sets what it has otherwise.
        before = get_at(view, path)
        is_alike = isinstance(before, RecordVersion) and before.cls is version.cls
        paths = list(signals_in(path, version)) if is_alike else []
    for one in paths:
        known = {} if known is None else known
        declared = _declared(known, one, view, state.root)
        key = "" if node is None else node.key
        value = version if one == path else get_at(version, one[len(path) :])
        known.pop((key, one), None)
        # Kept also where it is as declared: what stands there is put back.
        known[key, one] = Setting(one, value, declared, by, key)
    return known


def _declared(known: Settings, path: Path, view: Any, root: Any) -> Any:
    declared = get_at(root, path)
    if declared is not MISSING:
        return declared
    # What holds it is new in this transaction.
    before = (one.declared for one in known.values() if one.path == path)
    return next(before, get_at(view, path))


def merged(known: Settings | None, more: Settings | None) -> Settings | None:
    """Add what a child set to what its caller, or children before, did."""
    if not more:
        return known
    known = {} if known is None else known
    known.update(more)
    return known


def sent_of(settings: Settings) -> tuple[Sent, ...]:
    """Give those that are signals: set to something else than declared."""
    return tuple(
        (one.path, one.value, one.by, one.key)
        for one in settings.values()
        if one.value is not MISSING and not equal(one.value, one.declared)
    )


def paths_of(settings: Settings | None, served: Touched | None = None) -> list[Path]:
    """Give the paths of signals, and of those that a served Node published when it ran."""
    if served is not None and served.signals:
        return [one[0] for one in served.signals]
    return [one[0] for one in sent_of(settings)] if settings else []


def held_of(writes: Iterable[Path], settings: Settings | None) -> Iterable[Path]:
    """Give the writes that are compared with others': two that set a signal are two signals."""
    if not settings:
        return writes
    signals = {one.path for one in settings.values()}
    return [path for path in writes if path not in signals]


def without(version: Any, settings: Settings) -> Any:
    """Give a version in which all of these are as declared."""
    put: set[Path] = set()
    for one in settings.values():
        if one.path in put:
            continue
        put.add(one.path)
        if get_at(version, one.path) is not one.declared:
            try:
                version = put_at(version, one.path, one.declared)
            except LookupError:  # what held it was taken away in the same transaction
                continue
    return version


class Inbox:
    """The signals of a state that nobody has read, in the order of the commits."""

    __slots__ = ("_unread", "dropped")

    def __init__(self) -> None:
        self._unread: deque[SentSignal] = deque()
        # So many were published while nobody read, and are not here any more.
        self.dropped = 0

    def put(self, sent: Iterable[Sent], version: int, run: str) -> None:
        """Publish signals. The state's lock is held."""
        for path, value, by, key in sent:
            if len(self._unread) >= KEPT:
                self._unread.popleft()
                self.dropped += 1
                if self.dropped == 1:
                    logger.warning(
                        "More than %d signals are unread: the oldest are dropped. `sql` has all "
                        "of them in the view `signals`.",
                        KEPT,
                    )
            run = run if key else ""
            one = SentSignal(written(path), plain_of(value), version, by, run, key)
            self._unread.append(one)

    def take_back(self, version: int) -> None:
        """Have nothing of a version that does not count."""
        while self._unread and self._unread[-1].version == version:
            self._unread.pop()

    def take(self, path: Path) -> SentSignal | None:
        """Take the oldest unread signal of a path. The state's lock is held."""
        named = written(path)
        for place, one in enumerate(self._unread):
            if one.path == named:
                del self._unread[place]
                return one
        return None

    def __iter__(self) -> Iterator[SentSignal]:
        return iter(tuple(self._unread))

    def __len__(self) -> int:
        return len(self._unread)


def tell(node: Any, paths: Iterable[Path], above: Any = None) -> None:
    """Tell who works with the signals of its calls: all above a Node, or just this one."""
    hears = None if node is None else node.tree.hears
    if not hears:
        return
    said = list(paths)
    one = node if above is None else above
    while said and one is not None:
        if one.id in hears:
            hears[one.id](said)
        one = None if above is not None else one.parent
