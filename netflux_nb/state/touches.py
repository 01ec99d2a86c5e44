"""The touches of a draft: what it read and changed, as the line that ends its Node tells it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from typing import Any, Protocol

from ..core.contracts.declared import Touched, written
from ..core.contracts.persistent import MISSING, DictVersion, Path, Present, kind_of
from ..core.contracts.version_paths import get_at, meet
from ..core.errors import ConflictError
from .outbox import Outbox
from .state_versions import StateVersions


class Drafted(Protocol):
    """A draft, as it is told of."""

    @property
    def root(self) -> StateVersions:
        """The state that it is of."""
        ...

    @property
    def by(self) -> str:
        """The name of its Function."""
        ...

    @property
    def number(self) -> int:
        """The version that the state had when it began."""
        ...

    @property
    def base(self) -> Any:
        """What it began with."""
        ...

    @property
    def view(self) -> Any:
        """What its body sees."""
        ...

    @property
    def reads(self) -> Set[Path]:
        """What was read."""
        ...

    @property
    def seen(self) -> Set[Path]:
        """Containers of which only what is below them was read or written, if anything."""
        ...

    @property
    def writes(self) -> Mapping[Path, str]:
        """What was written, and by whom."""
        ...

    @property
    def outbox(self) -> Outbox | None:
        """The calls that are made once it counts."""
        ...

    @property
    def outer(self) -> object:
        """The draft around it."""
        ...


def changes_of(draft: Drafted) -> list[Path]:
    """List what was written, but for what is below another of it."""
    writes = draft.writes
    if len(writes) < 2:
        return list(writes)
    return [p for p in writes if not any(p[:n] in writes for n in range(1, len(p)))]


def put_onto(draft: Drafted, version: Any, put: Callable[[Any, Path, Any], Any]) -> Any:
    """Give a version with what a draft wrote."""
    for path in draft.writes:
        try:
            version = put(version, path, get_at(draft.view, path))
        except LookupError:  # a part of what was written whole, or taken away, later
            continue
    return version


def touched_of(draft: Drafted, version: int | None = None) -> Touched | None:
    """Tell what was read and changed; None where nothing was."""
    # A call in an outbox leaves with the line of the outermost Node.
    leaving = draft.outbox.entries if draft.outbox is not None and draft.outer is None else ()
    if not (draft.reads or draft.seen or draft.writes or leaving):
        return None
    base, view = draft.base, draft.view
    reads, changes = list(draft.reads), changes_of(draft)
    told = [(path, get_at(base, path)) for path in reads]
    if draft.seen:
        below = {path[:n] for path in (*reads, *changes) for n in range(len(path))}
        told += _passed(draft, below)
    return Touched(
        draft.root.name,
        draft.number,
        version,
        tuple(told),
        tuple((path, get_at(base, path), get_at(view, path)) for path in changes),
        outbox=leaving,
    )


def _passed(draft: Drafted, below: Set[Path]) -> list[tuple[Path, Any]]:
    """Tell what containers there were: that of a dict is told by what was done in it."""
    told: list[tuple[Path, Any]] = []
    for path in list(draft.seen):
        found = get_at(draft.base, path)
        if found is MISSING or (type(found) is DictVersion and path in below):
            continue
        if not any(path[:n] in draft.reads for n in range(1, len(path) + 1)):
            told.append((path, Present(kind_of(found))))
    return told


def lost_to(draft: Drafted, path: Path, outer: Any) -> ConflictError:
    """Give the error of who comes second at a path: who was first, in the state or in a draft."""
    if outer is None:
        who = draft.root.writer_of(path, draft.number)
    else:
        written_by = [outer.writes, *(one.writes for one in outer.parked)]
        writers = (by for one in written_by for p, by in one.items() if meet(p, path))
        who = f"{next(writers, outer.by)}()"
    return ConflictError(
        f"{written(path)}: {who or 'another'} changed it first. Nothing that {draft.by}() wrote "
        f"counts."
    )
