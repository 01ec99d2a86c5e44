"""The calls that transactions were to make once they counted: listed, and made where they were not.

- The record says what was made: a run of `release_outbox` names the run and the Node whose outbox
  it is. Nothing else is kept.
- A person's release looks and begins in one turn, which all kernels share; its run is in the record
  before the turn ends. So two of them never make the same call.
- A run that goes on, or is being resumed, makes its calls itself. One that is resumed later makes
  none of an outbox that a person released: `NOTES` names these.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import session
from ..core.errors import ArgumentError, NoNodeError, listed
from ..core.functions.display import Displayed
from ..core.functions.kinds import current, newest
from ..core.policy import LiveCursor
from ..record.sql import dataframes, store
from ..record.sql.engine import quoted
from ..record.unfinished import is_being_resumed
from ..replay.recording import Recording
from ..replay.released import NOTES, note_released
from ..runtime.host import host
from ..runtime.nodes import Node
from ..runtime.runtime import Runtime
from ..show.parts import numbers, tables
from ..show.parts.shown import Shown
from ..show.parts.tables import Column
from ..state.outbox import Outbox, release_outbox

if TYPE_CHECKING:
    import pandas as pd

# What may have been done already, at least in part.
DOUBTED = ("failed", "lost")
LEFT = ("waiting", *DOUBTED)
MOST_ROWS = 100
_ORDER = "ORDER BY time DESC, run DESC, node, nth"
_COLUMNS = (
    Column("Counted", is_short=True), Column("Call"), Column("State", is_short=True), Column("Run"),
)  # fmt: skip


class OutboxRow(NamedTuple):
    """A call of an outbox: in which run and by which Node it was put in, and what became of it."""

    run: str
    key: str
    nth: int
    fn: str
    # As JSON.
    inputs: str
    # "released", "running", "waiting", "failed", or "lost": it had begun, and has no known end.
    state: str
    # When its transaction counted, in seconds since 1970.
    time: float

    def __str__(self) -> str:
        """Give the call in words."""
        try:
            given = json.loads(self.inputs or "{}")
        except (ValueError, RecursionError):
            given = {}
        args = given.items() if isinstance(given, dict) else ()
        return f"{self.fn}({', '.join(f'{name}={value!r}' for name, value in args)})"


class OutboxList(Displayed):
    """The calls of a state's outboxes, the newest transactions first, as the record has them.

    In a cell it shows those that were not made, then the newest others.
    """

    def __init__(self, state: str) -> None:
        self._state = state
        self.folder = session.home()
        self._rows = self._read()

    def _read(self, run: str = "", key: str = "") -> list[OutboxRow]:
        session.flush()
        if self.folder is None or not self.folder.is_dir():
            return []
        one = f"AND run = {quoted(run)} AND key = {quoted(key)}" if run else ""
        names = "run, key, nth, fn, inputs, state, epoch(time)"
        found = store.rows(f"SELECT {names} FROM outbox {self._ours} {one} {_ORDER}", self.folder)
        return [OutboxRow(*row) for row in found]

    @property
    def _ours(self) -> str:
        return f"WHERE of = {quoted(self._state)}"

    def __iter__(self) -> Iterator[OutboxRow]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, place: int) -> OutboxRow:
        return self._rows[place]

    @property
    def left(self) -> list[OutboxRow]:
        """Those that were not made, or of which that is not known; and nobody is at them."""
        return [row for row in self._rows if row.state in LEFT]

    @property
    def df(self) -> pd.DataFrame:
        """A row each."""
        if self.folder is None:
            raise NoNodeError("Nothing is recorded here, so nobody knows what was not made.")
        session.flush()
        query = f"SELECT * FROM outbox {self._ours} {_ORDER}"
        return dataframes.typed(store.sql(query, self.folder), "outbox")

    def release(self, *, again: bool = False) -> OutboxList:
        """Make the calls that wait, in their order, and give the list as it is then.

        Args:
            again: Also those that failed or were cut off, which may have been done already.
        """
        if current.get() is not None:
            raise NoNodeError("An outbox is released by a person, not from inside a call.")
        wanted = [row for row in self._read() if self._is_wanted(row, again)]
        doubted = [row for row in self.left if row.state in DOUBTED and row not in wanted]
        if not wanted and doubted:
            raise NoNodeError(
                f"{len(doubted)} of these may have been done already: {listed(map(str, doubted), 3)}."
                f" To do them once more: {self._state}.outbox().release(again=True)."
            )
        missing = {row.fn for row in wanted if newest(row.fn) is None}
        if missing:
            raise ArgumentError(f"{listed(missing)} is not defined here. Define it first.")
        runtime = session.default_runtime()
        self._check(runtime, wanted)
        for run, key in dict.fromkeys((row.run, row.key) for row in reversed(wanted)):
            node = self._begin(runtime, run, key, again)
            if node is not None:
                runtime.life.admit(node)
                session.attend(node)
        return OutboxList(self._state)

    def _is_wanted(self, row: OutboxRow, again: bool) -> bool:
        if row.state in DOUBTED:
            fn = newest(row.fn)
            is_harmless = row.state == "lost" and fn is not None and fn.idempotent
            return again or is_harmless
        return row.state == "waiting"

    def _check(self, runtime: Runtime, wanted: Sequence[OutboxRow]) -> None:
        folder = None if runtime.recorder is None else runtime.recorder.folder
        if wanted and folder != self.folder:
            raise NoNodeError(
                "What is released must be recorded where these are, so that nothing is done twice. "
                "Release it with the runtime that calls here have by themselves."
            )

    def _begin(self, runtime: Runtime, run: str, key: str, again: bool) -> Node | None:
        """Begin the run that makes what is left of one outbox. Its body does not run yet."""
        assert self.folder is not None
        with host().notes(NOTES).turn() as facts:
            rows = [row for row in self._read(run, key) if self._is_wanted(row, again)]
            if not rows or is_being_resumed(self.folder, run):
                return None
            calls = _calls(self.folder, run, key, [row.nth for row in rows])
            cursor = LiveCursor(runtime, {"outbox": {"run": run, "key": key}})
            inputs = {"of": key, "calls": calls}
            node = runtime.calls.follow(None, cursor, release_outbox(), inputs, [])
            note_released(facts, run, key, runtime.run_name(node))
            return node


def _calls(folder: Path, run: str, key: str, wanted: Sequence[int]) -> list[list[Any]]:
    """Read calls of an outbox in full: a view has no large texts."""
    touched = Recording(folder, run).nodes[key].touched
    outbox = None if touched is None else Outbox.of(touched)
    entries = () if outbox is None else outbox.entries
    return [[nth, *entries[nth]] for nth in sorted(wanted)]


def outbox_table(outbox: OutboxList) -> Shown:
    """Show what was not made, then what was."""
    left = outbox.left
    rest = [row for row in outbox if row.state not in LEFT]
    rows = [
        [numbers.moment(row.time), str(row), row.state, numbers.named(row.run)]
        for row in [*left, *rest][:MOST_ROWS]
    ]
    count = len(outbox)
    title = f"Outbox · {count:,} call{'' if count == 1 else 's'}"
    if left:
        title += f", {len(left):,} not made: .release() makes what waits"
    return tables.table(rows, _COLUMNS, title=title, count=count)
