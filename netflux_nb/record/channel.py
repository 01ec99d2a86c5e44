"""The channel of one runtime into the journal: names its runs and chains each run's lines.

- Two entries under two locks. `append` runs on the poster's thread under its log's lock: it
  checks, has the file begun, and queues. `write` runs later, in the same order, under the
  journal's `_write`; it and `leave_runs`, under that lock too, alone change `_names`, `_runs`,
  `_members`, `_chains`, `_acted`, `_bytes` and `_versions`.
- `append` raises for a `NodeOpened` only: a call that cannot be recorded never exists. An event of
  a running tree is not refused; once the journal has failed its line is dropped there.
- A run is named in `_begun`, when its first line is made: the name holds the file it stands in.
- A Node's run is its parent's. A Node without a run ("" in `_runs`) gets no line: that is how
  `leave_runs` ends runs whose file is gone, and no later event may bring them back.
- A line is redacted before it is hashed, and hashed after large texts went to artifacts: the chain
  binds the text that is on disk. `_head` is not redacted: numbers and names of ours only.
- The line that describes a Function stands before the first line that names its version.
  `_versions` holds the Function beside its id, so that the id is not used again meanwhile.
- `_forget` runs once, at the root's `NodeClosed`: a root closes after all its Nodes, so nothing
  of the run can follow. A run in `_acted` asks for a sync then, without waiting for it.
- `unended` is added to here, and emptied by the journal after the write: `notices` tells of a run
  that ended only in memory.
"""

from __future__ import annotations

import errno
import math
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from ..core.contracts.declared import Touched
from ..core.contracts.persistent import holds_heavy, plain
from ..core.errors import RecordError
from ..core.events import (
    SCHEMA_VERSION,
    EffectStarted,
    Event,
    NodeClosed,
    NodeOpened,
    NodeStarted,
    RequestStarted,
    RunBegan,
)
from ..core.functions.kinds import Function
from ..core.functions.versions import version_of
from ..core.json.lines import body_to_json
from ..core.json.portable import RecordedFunction
from ..core.secrets.redaction import Redaction
from ..runtime.calls import beyond
from .chain import LARGE_CHARS, hash_of, is_heavy, line_of, words_of

Done = Callable[[OSError | None], object]

# What holds nothing that somebody wrote.
WITHOUT_WORDS = frozenset({NodeStarted, EffectStarted})
# Of these the event alone cannot say all.
WITH_VALUES = frozenset({NodeOpened, NodeClosed, RunBegan})
# After these something was paid, or done.
ACTS = frozenset({EffectStarted, RequestStarted})


class Pen(Protocol):
    """A journal as its channels write through it. Its lock is held while they give lines."""

    folder: Path
    redact: Redaction
    # The file, and the hash that the first line of each run in it is bound to.
    segment: str
    first: str
    # Bytes that went into files of their own.
    stored: int
    running: int
    # Roots whose last line is on its way.
    ending: list[tuple[Channel, int]]
    # What whoever waits for a run is to be told.
    notices: deque[str]
    failure: OSError | None
    # False once it takes no more events.
    is_open: bool

    @property
    def path(self) -> Path:
        """The file."""
        ...

    @property
    def is_in_place(self) -> bool:
        """False where the file was taken away."""
        ...

    def begin(self) -> None:
        """Have the file open."""
        ...

    def begin_run(self) -> None:
        """Have a file open that a run may begin in."""
        ...

    def look_around(self) -> None:
        """Look whether the code was changed."""
        ...

    def add(self, channel: Channel, event: Event, /) -> None:
        """Queue an event of a channel."""
        ...

    def drain(self, *, may_write: bool) -> None:
        """Write what is queued, or see to it that it is."""
        ...

    def flush(self) -> None:
        """Have what is queued written."""
        ...

    def written(self, done: Done, /) -> None:
        """Call `done` once what is queued is written."""
        ...

    def barrier(self, done: Done, /) -> None:
        """Call `done` once what is queued outlives the machine."""
        ...

    def sync(self) -> OSError | None:
        """Put what is queued on the disk, or say why it cannot be."""
        ...

    def stored_value(self, value: Any, /) -> dict[str, Any] | None:
        """Give a value a file of its own; None where it has no form."""
        ...

    def lighter(self, data: Any, /) -> Any:
        """Give an event whose large texts are in files of their own."""
        ...

    def describe(self, fn: Function, version: str, /) -> str:
        """Give the line that describes a version of a Function."""
        ...


class Channel:
    """The sink of one runtime: it names the runs, and binds each run's lines to each other."""

    def __init__(self, journal: Pen, number: int) -> None:
        self.journal = journal
        self._number = number
        self._names: dict[int, str] = {}
        self._runs: dict[int, str] = {}
        self._members: dict[str, list[int]] = {}
        # Roots whose end is not written yet.
        self.unended: set[int] = set()
        self._chains: dict[str, str] = {}
        # Runs that paid for something, or acted: their end is to outlive the machine too.
        self._acted: set[str] = set()
        # What each run has written, and the most that one may.
        self._bytes: dict[str, int] = {}
        self._most_bytes = math.inf
        # Versions as they were when a run first called each Function.
        self._versions: dict[str, dict[int, tuple[Function, str]]] = {}

    @property
    def redact(self) -> Callable[[str], str]:
        """The redaction of JSON texts."""
        return lambda text: self.journal.redact.json(text)

    @property
    def folder(self) -> Path:
        """The folder of the record."""
        return self.journal.folder

    def limit(self, most_bytes: float) -> None:
        """Refuse calls in a run that has written so much."""
        self._most_bytes = most_bytes

    def run_of(self, root_id: int) -> str:
        """Give the name under which a tree is recorded."""
        return self._names.get(root_id, "")

    def close(self) -> None:
        """Do nothing: the file is the journal's."""

    def append(self, event: Event, /) -> None:
        """Queue an event. Refuses a new call once the record has failed."""
        journal = self.journal
        if isinstance(event.body, NodeOpened):
            self._begin(event.body)
        if journal.is_open:
            journal.add(self, event)

    def _begin(self, body: NodeOpened) -> None:
        journal = self.journal
        try:
            if body.parent_id is None:
                journal.begin_run()
            else:
                journal.begin()
        except OSError as error:
            raise RecordError(
                f"The record cannot be kept in {journal.folder.name!r}: {error.strerror}. Set "
                f"NETFLUX_HOME to a folder that can be written, or to `off`."
            ) from None
        if journal.failure is not None or not journal.is_open:
            what = "Free some space, or use another folder."
            why: object = journal.failure
            if why is None:
                why, what = "it was closed", "A forked process, too, makes a new Runtime()."
            raise RecordError(
                f"The record {journal.path.name} cannot be written: {why}. Nothing new is begun. "
                f"{what}"
            )
        if body.parent_id is not None:
            self._check_size(body)
        if body.parent_id is None:
            journal.look_around()

    def _check_size(self, body: NodeOpened) -> None:
        used = self._bytes.get(self._runs.get(body.parent_id or 0, ""), 0)
        if used >= self._most_bytes:
            why = f"the record of its run has {used / 1e6:,.0f} MB, the most it may have"
            raise beyond(body.fn.name, why, "max_record_mb")

    def drain(self, *, may_write: bool) -> None:
        """Write what is queued, or see to it that it is."""
        self.journal.drain(may_write=may_write)

    def flush(self) -> None:
        """Have what is queued written."""
        self.journal.flush()

    def left(self, node_id: int, /) -> OSError | None:
        """Say why a Node's run is written no further: its file was taken away."""
        if self._runs.get(node_id) != "":
            return None
        return FileNotFoundError(
            errno.ENOENT, "its file was removed or replaced while the run was written"
        )

    def notices(self, root_id: int) -> list[str]:
        """Say what the record lacks of a run that has ended, and what nobody was told yet."""
        journal = self.journal
        notices = [journal.notices.popleft() for _ in range(len(journal.notices))]
        if journal.failure is not None and root_id in self.unended:
            name = self.run_of(root_id) or "of this call"
            notices.append(
                f"The end of run {name} could not be recorded: {journal.failure}. Its value is what "
                f"it came to; the record will say that it was cut off."
            )
        elif journal.is_open and self._is_lost(root_id):
            notices.append(
                f"Run {self.run_of(root_id)} is not recorded: its file was removed or replaced in "
                f"{journal.folder.name!r}."
            )
        return notices

    def _is_lost(self, root_id: int) -> bool:
        """Say whether the file that a run stands in was taken away. One that was packed was not."""
        segment = self.run_of(root_id).rpartition("-")[0]
        if segment == self.journal.segment:
            return not self.journal.is_in_place
        return False

    def written(self, done: Done, /) -> None:
        """Call `done` once what is queued is written."""
        self.journal.written(done)

    def barrier(self, done: Done, /) -> None:
        """Call `done` once all that was queued is on the disk."""
        self.journal.barrier(done)

    def sync(self) -> OSError | None:
        """Put all that was queued on the disk, or say why it cannot be."""
        return self.journal.sync()

    def write(self, event: Event, lines: list[str]) -> None:
        """Give an event its line. The journal's lock is held."""
        body = event.body
        # By its class alone: each event that a runtime posts comes here.
        kind = type(body)
        if isinstance(body, NodeOpened):
            self._begun(event, body)
        run = self._runs.get(event.node_id)
        row = body_to_json(body) if run else None
        if row is None or not run:
            return
        journal = self.journal
        stored = journal.stored
        # Names and numbers of ours, that hold no key.
        head = _head(run, event)
        if kind in WITHOUT_WORDS:
            line = head + words_of(row)[1:]
        else:
            if kind in WITH_VALUES:
                self._add_values(row, run, body, lines)
            redact = journal.redact
            row = redact.event(row)
            said = words_of(row)
            if len(said) > LARGE_CHARS:
                said = words_of(journal.lighter(row))
            line = head + redact.keys(said)[1:]
            if is_heavy(line):
                line = head + redact.keys(words_of(journal.lighter(row)))[1:]
        if kind in ACTS:
            self._acted.add(run)
        self._bytes[run] = self._bytes.get(run, 0) + len(line) + journal.stored - stored
        mark = self._chains[run] = hash_of(self._chains.get(run, journal.first), line)
        lines.append(line_of(line, mark))
        if kind is NodeClosed and self._members[run][0] == event.node_id:
            journal.ending.append((self, event.node_id))
            self._forget(run)

    def _begun(self, event: Event, opened: NodeOpened) -> None:
        """Assign a Node to its run; a root begins a new one."""
        above = opened.parent_id
        if above is None:
            run = f"{self.journal.segment}-{self._number}.{event.node_id}"
            self._names[event.node_id] = run
            self.unended.add(event.node_id)
            self.journal.running += 1
        else:
            run = self._runs.get(above, "")
        self._runs[event.node_id] = run
        self._members.setdefault(run, []).append(event.node_id)

    def _add_values(self, row: dict[str, Any], run: str, body: object, lines: list[str]) -> None:
        """Add what an event alone cannot say: versions, and values that JSON has no form for."""
        store = self.journal.stored_value
        if isinstance(body, NodeOpened):
            row["version"] = self._version(run, body, lines)
            _keep_odd(row["inputs"], body.inputs, store)
        elif isinstance(body, NodeClosed):
            _keep_odd(row, {"value": body.value}, store)
            if body.touched is not None:
                _keep_touched(row["touched"], body.touched, store)
        elif isinstance(body, RunBegan):
            for form, change in zip(row.get("changes", ()), body.changes, strict=False):
                _keep_odd(form["inputs"] or {}, change.inputs or {}, store)

    def _version(self, run: str, opened: NodeOpened, lines: list[str]) -> str | None:
        fn = opened.fn
        if isinstance(fn, RecordedFunction):
            return None
        known = self._versions.setdefault(run, {})
        if id(fn) not in known:
            known[id(fn)] = fn, opened.version or version_of(fn).text
            lines.append(self.journal.describe(fn, known[id(fn)][1]))
        return known[id(fn)][1]

    def leave_runs(self) -> None:
        """Write no more of the runs that go on: their file is gone. The journal's lock is held."""
        self.journal.running -= len(self._members.keys() - {""})
        self._chains.clear()
        self._versions.clear()
        self._members.clear()
        self._acted.clear()
        self._runs = dict.fromkeys(self._runs, "")

    def _forget(self, run: str) -> None:
        self.journal.running -= 1
        if run in self._acted:
            self._acted.discard(run)
            self.journal.barrier(lambda error: None)
        # The tree has ended: nothing of it can come any more.
        del self._chains[run]
        self._bytes.pop(run, None)
        self._versions.pop(run, None)
        for node_id in self._members.pop(run):
            del self._runs[node_id]


def _head(run: str, event: Event) -> str:
    """Begin a line: JSON, written out, for it is of each line alike."""
    time = float(event.time)
    if not math.isfinite(time):
        raise ValueError(f"{time} is no time")
    numbers = f'"seq":{event.seq:d},"time":{time!r},"node":{event.node_id:d}'
    return f'{{"v":{SCHEMA_VERSION},"run":"{run}",{numbers},'


def _keep_touched(
    row: dict[str, Any], touched: Touched, store: Callable[[Any], dict[str, Any] | None]
) -> None:
    """Give what stood in a state, and JSON cannot say, a file each."""
    pairs: list[tuple[list[Any], tuple[Any, ...]]] = [
        *zip(row["reads"], touched.reads, strict=True),
        *zip(row["delta"], touched.delta, strict=True),
    ]
    for forms, values in pairs:
        for place in range(1, len(values)):
            form, value = forms[place], values[place]
            if form.get("portable") is False and "redacted" not in form and not holds_heavy(value):
                forms[place] = store(plain(value)) or form


def _keep_odd(
    forms: dict[str, Any],
    values: Mapping[str, Any],
    store: Callable[[Any], dict[str, Any] | None],
) -> None:
    """Give values that JSON cannot say a file each, where there is a form for them."""
    for name, value in values.items():
        if forms[name].get("portable") is False:
            forms[name] = store(value) or forms[name]
