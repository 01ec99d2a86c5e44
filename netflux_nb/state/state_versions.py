"""Versions of a state: the newest, who made each of them, and what it changed."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..core.contracts.declared import Apart, Contract, Touched, written
from ..core.contracts.persistent import SCALARS, Heavy, Path, RecordVersion
from ..core.contracts.version_paths import get_at
from .revival import Classes, learn
from .signals import Inbox
from .zones import Zone, check_reads, is_signal, zone_by_name, zones_of

Delta = tuple[tuple[Path, Any, Any], ...]
# Versions that are remembered, the newest ones.
KEPT = 1_000


class Commit(NamedTuple):
    """A version of a state: who made it, and what it changed."""

    version: int
    by: str
    # The run and the Node's key; nothing where a person made it.
    run: str
    key: str
    delta: tuple[tuple[Path, Any, Any], ...]
    root: Any

    def __repr__(self) -> str:
        paths = ", ".join(written(path) for path, _, _ in self.delta[:4])
        return f"<version {self.version} by {self.by}: {paths or 'nothing'}>"


class StateVersions:
    """The versions of a state, the newest at hand and some before it."""

    def __init__(self, name: str, root: Any, classes: Classes) -> None:
        self.name = name
        self.lock = threading.RLock()
        self.root = root
        self.version = 0
        self.commits = deque([Commit(0, "state()", "", "", (), root)], KEPT)
        self.classes = classes
        self.inbox = Inbox()
        # Whether any of its fields is no data.
        self.has_zones = False
        self._zoned = 0
        self._names: set[object] = set()
        self._look_for_zones()
        for name in () if isinstance(root, RecordVersion) else tuple(root):
            self._meet_name(name)
        # Contracts that were held to its zones, by their ids.
        self._checked: dict[int, Contract] = {}
        self._origins: set[tuple[str, str]] = set()
        # The handle of the state.
        self.handle: Any = None
        # Of a fork's: the kernel's own, whose handle means this one within the fork.
        self.of: StateVersions = self

    def apart(self, apart: Apart) -> StateVersions:
        """Give the state that a fork runs on. What it changes there is not changed here."""
        with self.lock:
            if apart.versions is None:
                # One that is not known here any more begins with the state as it stands.
                began = (c for c in self.commits if c.version == apart.at)
                version, root = next(
                    ((c.version, c.root) for c in began), (self.version, self.root)
                )
                made = apart.versions = StateVersions(self.name, root, self.classes)
                made.version, made.of = version, self
            versions: StateVersions = apart.versions
            return versions

    @property
    def newest(self) -> Any:
        """The newest version, that of a Node whose end is seen already too."""
        with self.lock:
            return self.root

    def commit(
        self, root: Any, by: str, origins: Sequence[tuple[str, str]], touched: Touched
    ) -> Callable[[], None]:
        """Make this the newest version, and give what undoes that. The lock is held."""
        before = self.root
        self.root = root
        self.version += 1
        self._learn(touched.delta)
        run, key = origins[0] if origins else ("", "")
        self.commits.append(Commit(self.version, by, run, key, touched.delta, root))
        self._origins.update(origins)
        if touched.signals:
            self.inbox.put(touched.signals, self.version, run)

        def undo() -> None:
            self.inbox.take_back(self.version)
            self.root, self.version = before, self.version - 1
            self.commits.pop()
            self._origins.difference_update(origins)

        return undo

    def note(self, origins: Sequence[tuple[str, str]]) -> None:
        """Note whose change is in it."""
        self._origins.update(origins)

    def _learn(self, delta: Delta) -> None:
        for _, _, after in delta:
            if type(after) not in SCALARS:
                learn(self.classes, after)
        if not self.has_zones:
            if len(self.classes) > self._zoned:
                self._look_for_zones()
            if not isinstance(self.root, RecordVersion):
                for path, _, _ in delta:
                    if path[0] not in self._names:
                        self._meet_name(path[0])

    def _look_for_zones(self) -> None:
        self._zoned = len(self.classes)
        if any(zones_of(cls) for cls in self.classes.values() if cls is not None):
            self.has_zones = True

    def _meet_name(self, name: object) -> None:
        self._names.add(name)
        if zone_by_name(name) is not Zone.DATA:
            self.has_zones = True

    def meets(self, cls: type) -> bool:
        """Take note of the class of a record that is written; say whether it has zones."""
        if not zones_of(cls):
            return self.has_zones  # what it holds may have some
        self.has_zones = True
        return True

    def read_once(self, version: Any, path: Path) -> Any:
        """Give what a person reads at a path of a version: of a signal the oldest unread value."""
        if is_signal(version, path):
            with self.lock:
                sent = self.inbox.take(path)
            if sent is not None:  # a value of one's own, which stands nowhere
                return Heavy(sent.value)
        return get_at(version, path)

    def check(self, name: str, contract: Contract) -> None:
        """Refuse a contract, of a Function of this name, that reads what is no data."""
        if id(contract) not in self._checked:
            check_reads(name, contract, self.root)
            self._checked[id(contract)] = contract

    def holds(self, origin: tuple[str, str]) -> bool:
        """Say whether what a Node of a run changed is in it already."""
        return origin in self._origins

    def writer_of(self, path: Path, since: int) -> str:
        """Name who changed a path after a version."""
        words = tuple(str(part) for part in path)
        for commit in self.commits:
            if commit.version <= since:
                continue
            for one, _, _ in commit.delta:
                if all(str(a) == b for a, b in zip(one, words, strict=False)):
                    run = f" in run {commit.run}" if commit.run else ""
                    return f"{commit.by}{run}"
        return ""
