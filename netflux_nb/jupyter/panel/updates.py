"""Messages to the panel: runs, totals, questions and marks, as plain bounded values."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ...compare.equality import plain as plain_value
from ...compare.equality import readable
from ...core.views import NodeState, NodeView, TerminalNodeStates
from ...record.labels import TAG_CHARS, Labels
from ...runtime.safe import line
from ...show.parts.text import clean
from .tally import TreeTotals

# Of the words and their meaning; a panel that knows another one says so.
WIRE = 2
# No frame is larger: a page of rows is cut into frames.
FRAME_BYTES = 256_000
PAGE_ROWS = 200
MOST_PENDING = 200
MOST_ROWS = 20_000
NAME_CHARS = 200
# Of a note: it is written anew where it is shown, and so comes whole.
NOTE_CHARS = 2_000
# Functions and tags that a filter offers.
MOST_OFFERED = 200
_OVER = {state.name for state in (*TerminalNodeStates, NodeState.CutOff)}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One run, as the list shows it."""

    id: str
    fn: str
    kind: str = "code"
    state: str = "Waiting"
    # Seconds since 1970, and how long it took; None while it goes on.
    opened: float = 0.0
    seconds: float | None = None
    nodes: int = 0
    done: int = 0
    running: int = 0
    waits: int = 0
    tokens: int = 0
    usd: float = 0.0
    unpriced: int = 0
    served: int = 0
    how: str = ""
    notebook: str = ""
    cell: str = ""
    error: str = ""
    version: str = ""
    # Arguments: those that tell it from other runs of its Function.
    args: str = ""
    # Nodes that failed.
    failed: int = 0
    # The run that it is a replay, a fork or a rerun of, and what that one is called.
    of: str = ""
    of_title: str = ""
    title: str = ""
    note: str = ""
    tags: tuple[str, ...] = ()
    pinned: bool = False
    # Of this kernel: it can be watched and stopped from here.
    mine: bool = False


@dataclass(frozen=True, slots=True)
class QuestionRow:
    """One question to a person."""

    run: str
    node: int
    fn: str
    kind: str
    what: str
    inputs: str
    since: float
    choices: tuple[str, ...] = ()
    # The question's id: what a person answers is what they read.
    question: str = ""
    # Where in the run it is asked, and the agent above; what was answered before.
    path: str = ""
    asker: str = ""
    before: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Status:
    """What the status bar says: what goes on here, and what this notebook used today."""

    running: int = 0
    waiting: int = 0
    tokens: int = 0
    usd: float = 0.0
    unpriced: int = 0
    left: float | None = None


@dataclass(frozen=True, slots=True)
class CellMark:
    """What stands beside a cell that defines a Function."""

    fn: str
    kind: str
    version: str
    # What could not be hashed into it: nobody knows whether that is as it was.
    unhashed: tuple[str, ...] = ()
    # None where it was never run.
    changed: bool | None = None
    cost: float | None = None
    calls: int = 0


def row_of(tree: TreeTotals, run: str, notebook: str = "", cell: str = "") -> RunRow:
    """Give the row of a tree of this kernel."""
    seconds = None if tree.ended is None else tree.ended - (tree.started or tree.opened)
    return RunRow(
        id=run,
        fn=clean(tree.fn, NAME_CHARS),
        kind=tree.kind,
        state=tree.state.name,
        opened=round(tree.opened, 3),
        seconds=None if seconds is None else round(max(0.0, seconds), 3),
        nodes=tree.nodes,
        done=tree.done,
        running=tree.running,
        waits=len(tree.questions),
        tokens=tree.tokens,
        usd=round(tree.usd, 6),
        unpriced=tree.unpriced,
        served=tree.served,
        how=clean(tree.how, 40),
        notebook=clean(tree.notebook or notebook, NAME_CHARS),
        cell=clean(tree.cell or cell, NAME_CHARS),
        error=clean(tree.error, 120),
        args=tree.args,
        failed=tree.failed,
        of=clean(tree.of, NAME_CHARS),
        mine=True,
    )


def merged(
    past: Iterable[RunRow], live: Mapping[str, RunRow], unnamed: Iterable[RunRow] = ()
) -> list[RunRow]:
    """Give all rows, newest first: a run of this kernel is told by its kernel.

    One whose recorded name is not known here yet is not told under that name beside.
    """
    early = {(row.fn, _ms(row) + by) for row in unnamed for by in (-1, 0, 1)}
    found = {
        row.id: row
        for row in past
        if not early or row.id in live or (row.fn, _ms(row)) not in early
    }
    for row in live.values():
        known = found.get(row.id)
        found[row.id] = row if known is None else _with(row, known)
    return sorted(found.values(), key=lambda row: (-row.opened, row.id))[:MOST_ROWS]


def _ms(row: RunRow) -> int:
    return round(row.opened * 1_000)


def _with(row: RunRow, known: RunRow) -> RunRow:
    """Add what only the record knows."""
    return replace(
        row,
        # What was begun before anybody looked is not known to be this notebook's.
        notebook=known.notebook or row.notebook,
        cell=row.cell or known.cell,
        version=row.version or known.version,
        how=row.how or known.how,
        args=known.args or row.args,
        of=row.of or known.of,
        of_title=known.of_title,
        title=known.title,
        note=known.note,
        tags=known.tags,
        pinned=known.pinned,
    )


def labelled(row: RunRow, labels: Labels, *, pinned: bool) -> RunRow:
    """Give a row as it is labelled now."""
    return replace(
        row,
        title=line(labels.title, NAME_CHARS),
        note=line(labels.note, NOTE_CHARS),
        tags=tuple(line(tag, TAG_CHARS) for tag in labels.tags),
        pinned=pinned,
    )


def offered(rows: Iterable[RunRow]) -> dict[str, list[str]]:
    """List the Functions and the tags that there are, by name: what a filter offers."""
    fns: set[str] = set()
    tags: set[str] = set()
    for row in rows:
        fns.add(row.fn)
        tags.update(row.tags)
    return {"fns": sorted(fns)[:MOST_OFFERED], "tags": sorted(tags)[:MOST_OFFERED]}


def status(rows: Iterable[RunRow], notebook: str, since: float) -> Status:
    """Add up what goes on in this kernel, and what this notebook used since a moment."""
    running = waiting = tokens = unpriced = 0
    usd = 0.0
    for row in rows:
        if row.mine and row.seconds is None:
            running += row.running
            waiting += row.waits
        if row.opened >= since and (row.mine or (notebook and row.notebook == notebook)):
            tokens += row.tokens
            usd += row.usd
            unpriced += row.unpriced
    return Status(running, waiting, tokens, round(usd, 6), unpriced)


def frames(kind: str, name: str, items: Sequence[Any], **beside: Any) -> Iterator[dict[str, Any]]:
    """Give messages of at most `FRAME_BYTES` that carry all items between them, in order."""
    batch: list[Any] = []
    size, start = 0, int(beside.pop("start", 0))
    for item in items:
        data = plain(item)
        bytes_ = len(json.dumps(data)) + 2
        if batch and size + bytes_ > FRAME_BYTES - 4_000:
            yield {"t": kind, "start": start, name: batch, **beside}
            start, batch, size = start + len(batch), [], 0
        batch.append(data)
        size += bytes_
    yield {"t": kind, "start": start, name: batch, **beside}


def plain(value: RunRow | QuestionRow | Status | CellMark) -> dict[str, Any]:
    """Give a value as JSON has it, without what is as it always is."""
    data = asdict(value)
    if isinstance(value, RunRow):
        return {k: v for k, v in data.items() if v not in ("", 0, 0.0, False, None, ())}
    return data


def is_over(row: RunRow) -> bool:
    """Say whether nothing more will come of a run."""
    return row.state in _OVER


def inputs_beside(view: NodeView, what: str) -> str:
    """Write the arguments of a call that what it asks does not say already."""
    given = [
        f"{name}={readable(plain_value(value), 200)}"
        for name, value in view.inputs.items()
        if not _is_in(what, name, value)
    ]
    return line(", ".join(given[:20]), 1_000)


def _is_in(what: str, name: str, value: Any) -> bool:
    if isinstance(value, str) and value.strip() == what.strip():
        return True
    is_short = isinstance(value, str | int | float | bool) and len(str(value)) <= 200
    return is_short and f"{name}={value!r}" in what
