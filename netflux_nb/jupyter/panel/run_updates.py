"""The runs of this kernel and of its record, watched for the panel."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ... import session
from ...core.errors import NetfluxError, UsageError
from ...core.events import Event
from ...core.functions.kinds import Function
from ...core.functions.versions import Version
from ...record import reading, retention
from ...record.labels import FOLDER as LABELS
from ...record.labels import Labels, labels_of
from ...record.sql import spending
from ...record.sql.trends import By
from ...run import Run
from ...run.listing import runs
from ...run.trend_chart import Of, chart
from ...runtime.nodes import Node
from ...runtime.observe import Missed, Subscription
from ...runtime.runtime import Runtime, steady_clock
from ...runtime.safe import line
from ...runtime.threads.schedule import spawn
from ...show import usages
from ...show.parts.html import safe
from ...show.parts.text import clean
from ...show.wire.rows import CHOICE_CHARS, asked_line
from . import acting, finding, marks, orders, questions, updates
from .past_runs import Past
from .tally import Tally, TreeTotals

logger = logging.getLogger("netflux_nb.jupyter")

# At most so often is anything told.
TICK_S = 0.1
# A runtime may be made at any moment, and says so to nobody: it is looked for this often.
FOLLOW_S = 0.5
# How often it is looked whether another kernel wrote into the record, which is asked for at
# most a twentieth of the time.
LOOK_S = 10.0
SHARE = 20
KEEP_TREES = 1_000
# A kernel that is silent is idle to whoever culls idle ones, whatever runs in its background.
# While a run goes on that waits for nobody, something is told at least this often.
BEAT_S = 60.0
# Of pages whose question waits.
MOST_PAGES = 50

Send = Callable[[dict[str, Any]], None]


class RunUpdates:
    """All runs, as the panel lists them.

    One thread tells what changed, another asks the record; it may be asked on any thread.
    Nothing happens before the first panel said hello.
    """

    def __init__(self, send: Send, *, clock: Callable[[], float] | None = None) -> None:
        self._send_on = send
        self.clock = clock or steady_clock()
        # Guards all below but the bell and the jobs. Held while sending: numbers leave in order.
        self._lock = threading.RLock()
        self._number = 0
        self._told_last = 0.0
        self._tally = Tally()
        self._runtime: Runtime | None = None
        self._runtimes = 0
        # The runtime's events came too fast: what it holds is counted afresh.
        self._missed = False
        self._subscription: Subscription | None = None
        self._live: dict[str, updates.RunRow] = {}
        # The names under which this runtime's roots are told.
        self._names: dict[int, str] = {}
        # Rows told under an early name of ours, also of a runtime before this one: who is asked
        # for the record's name, and the names that it belongs to.
        self._unnamed: dict[str, tuple[Callable[[int], str], int, dict[int, str]]] = {}
        self._past: Past | None = None
        self._past_rows: list[updates.RunRow] = []
        # All rows as they were listed last, of which past rows, and whether that is still so.
        self._listed: list[updates.RunRow] = []
        self._listed_past: list[updates.RunRow] = []
        self._is_stale = True
        self._offered: dict[str, list[str]] = {}
        # Runs that were labelled, pinned or deleted from here since the record was read.
        self._relabelled: dict[str, tuple[Labels, bool]] = {}
        self._deleted: set[str] = set()
        # What was answered before to the Functions that ask now, and the questions when that was
        # asked of the record.
        self._before: dict[str, questions.Before] = {}
        self._asked_before: set[tuple[int, str]] = set()
        # The last question of each page, and what the last one that was answered found.
        self._wishes: dict[str, orders.Find] = {}
        self._found: tuple[object, dict[str, frozenset[str]]] = (None, {})
        self._signature: object = None
        self._is_read = False
        self._next_look = 0.0
        self._defined: dict[str, Function] = {}
        self._marks: dict[str, updates.CellMark] = {}
        self._told: dict[str, updates.RunRow] = {}
        self._told_beside: dict[str, Any] = {}
        self._is_heard = False
        self.path = ""
        # What was left of the notebook's cap, and what this kernel had paid, when the record was
        # asked last.
        self._left: tuple[float | None, float] = (None, 0.0)
        self._bell = threading.Event()
        self._stopped = threading.Event()
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    def start(self) -> RunUpdates:
        """Begin to watch."""
        self._threads = [
            spawn(self._tell_on, "netflux-panel"),
            spawn(self._ask_on, "netflux-panel-record"),
        ]
        return self

    def close(self) -> None:
        """Stop, and let go of the runtime."""
        self._stopped.set()
        self._bell.set()
        self._jobs.put(None)
        with self._lock:
            if self._subscription is not None:
                self._subscription.close()

    def join(self, timeout: float | None = None) -> None:
        """Wait until its threads ended."""
        for thread in self._threads:
            thread.join(timeout)

    def ring(self) -> None:
        """Say that there may be something to tell."""
        self._bell.set()

    def later(self, job: Callable[[], None]) -> None:
        """Do something slow on the thread that asks the record."""
        self._jobs.put(job)

    def send(self, message: dict[str, Any]) -> None:
        """Send a message with its number."""
        with self._lock:
            self._number += 1
            self._told_last = self.clock()
            self._send_on({**message, "n": self._number})

    # The thread that tells.

    def _tell_on(self) -> None:
        while True:
            self._bell.wait(FOLLOW_S if self._is_heard else None)
            self._bell.clear()
            if self._stopped.is_set():
                return
            try:
                self._tell()
            except Exception:  # the panel is a plug: what fails here must not end it
                logger.exception("The panel could not be told.")
            self._stopped.wait(TICK_S)

    def _tell(self) -> None:
        if not self._is_heard:
            return
        self.follow()
        if self.clock() >= self._next_look:
            self._next_look = self.clock() + LOOK_S
            self.later(self.reread)
        with self._lock:
            rows = self._rows()
            # Two calls alike ask one question: they are told apart by their Nodes.
            ids = {(q.node_id, q.on.id) for t in self._asking() for q in t.questions.values()}
            if ids != self._asked_before:
                self._asked_before = ids
                self.later(self._look_before)
            # The first ones are told, and of others those that a panel asked for.
            changed = [
                row
                for n, row in enumerate(rows)
                if (n < updates.PAGE_ROWS or row.waits or row.id in self._told)
                and self._told.get(row.id) != row
            ]
            known = {row.id for row in rows}
            gone = sorted(name for name in self._told if name not in known)
            beside = self._beside(rows)
            new = {k: v for k, v in beside.items() if self._told_beside.get(k) != v}
            for name in gone:
                del self._told[name]
            self._told.update({row.id: row for row in changed})
            self._told_beside = beside
            if changed or gone or new or self._is_silent():
                for message in updates.frames("update", "runs", changed, total=len(rows)):
                    self.send({**message, **new, "gone": gone})
                    new, gone = {}, []

    def _is_silent(self) -> bool:
        if self.clock() < self._told_last + BEAT_S:
            return False
        trees = self._tally.trees.values()
        return any(tree.ended is None and not tree.questions for tree in trees)

    def tell_all(self) -> None:
        """Tell the first rows, and what stands beside them. More rows are asked for."""
        self.follow()
        with self._lock:
            self._is_heard = True
            rows = self._rows()
            first = rows[: updates.PAGE_ROWS]
            self._told = {row.id: row for row in first}
            self._told_beside = self._beside(rows)
            beside = {"wire": updates.WIRE, "total": len(rows), **self._told_beside}
            for message in updates.frames("state", "runs", first, **beside):
                self.send(message)
                beside = {"total": len(rows)}
        self._next_look = 0.0
        self.ring()

    def find_later(self, order: orders.Find) -> None:
        """Tell which runs a panel wants, once the record was asked; of a page the last question."""
        with self._lock:
            self._wishes[order.page] = order
            while len(self._wishes) > MOST_PAGES:
                self._wishes.pop(next(iter(self._wishes)))
        self.later(lambda: self._find(order.page))

    def _find(self, page: str) -> None:
        with self._lock:
            order = self._wishes.pop(page, None)
            known, in_record = self._found
            signature = self._signature
        if order is None:  # a newer question was answered instead
            return
        words = order.wish.words
        # Another page of the same search, or the same words in another order.
        asked = (words, signature)
        if known != asked:
            session.flush()
            try:
                in_record = finding.search(session.home(), words)
            except NetfluxError:  # what the rows say is found all the same
                logger.exception("The record could not be searched for the panel.")
                in_record = {}
        with self._lock:
            self._found = (asked, in_record)
            rows = finding.find(self._rows(), order.wish, in_record)
            some = rows[order.start : order.start + updates.PAGE_ROWS]
            self._told.update({row.id: row for row in some})
            beside = {"id": order.id, "total": len(rows)}
            for message in updates.frames("found", "runs", some, start=order.start, **beside):
                self.send(message)

    def _rows(self) -> list[updates.RunRow]:
        """Give all rows; the very same list where nothing changed since."""
        self._learn_names()
        taken = self._tally.take()
        if not taken and not self._is_stale and self._past_rows is self._listed_past:
            return self._listed
        for tree in taken:
            name = self._name(tree.root_id)
            self._live[name] = updates.row_of(tree, name, self.path)
            if tree.ended is not None and len(self._tally.trees) > KEEP_TREES:
                self._tally.drop(tree.root_id)
        early = [self._live[name] for name in self._unnamed if name in self._live]
        rows = updates.merged(self._past_rows, self._live, early)
        if self._deleted:
            rows = [row for row in rows if row.id not in self._deleted]
        for n, row in enumerate(rows) if self._relabelled else ():
            if row.id in self._relabelled:
                labels, pinned = self._relabelled[row.id]
                rows[n] = updates.labelled(row, labels, pinned=pinned)
        self._listed, self._listed_past, self._is_stale = rows, self._past_rows, False
        self._offered = updates.offered(rows)
        return rows

    def _beside(self, rows: Sequence[updates.RunRow]) -> dict[str, Any]:
        said = updates.status(rows, self.path, _midnight(self.clock()))
        left, paid = self._left
        if left is not None:
            said = replace(said, left=round(max(0.0, left - (self._tally.paid - paid)), 6))
        asked = [self._pending(t, q.node_id) for t in self._asking() for q in t.questions.values()]
        return {
            "status": updates.plain(said),
            "pending": [updates.plain(one) for one in asked[: updates.MOST_PENDING]],
            "cells": {cell: updates.plain(mark) for cell, mark in self._marks.items()},
            "read": self._is_read,
            "offered": self._offered,
        }

    def _asking(self) -> list[TreeTotals]:
        return [tree for tree in self._tally.trees.values() if tree.questions]

    def _pending(self, tree: TreeTotals, node_id: int) -> updates.QuestionRow:
        asked = tree.questions[node_id]
        if asked.known is None and self._runtime is not None:
            with contextlib.suppress(KeyError, NetfluxError):
                view = self._runtime.get_view(node_id)
                place = questions.place_of(self._runtime.node(node_id))
                asked.known = (updates.inputs_beside(view, asked.on.what), *place)
        inputs, path, asker = asked.known or ("", "", "")
        before = self._before.get(asked.fn)
        return updates.QuestionRow(
            run=self._name(tree.root_id),
            node=node_id,
            fn=clean(asked.fn, updates.NAME_CHARS),
            kind=asked.on.wants,
            what=asked_line(asked.on.text),
            inputs=inputs,
            since=round(asked.since, 3),
            choices=tuple(line(one, CHOICE_CHARS) for one in asked.on.choices[:50]),
            question=asked.on.id,
            path=path,
            asker=asker,
            before={} if before is None or not before.last else asdict(before),
        )

    def _look_before(self) -> None:
        """Ask the record what was answered before to those that ask now."""
        with self._lock:
            fns = {q.fn for tree in self._asking() for q in tree.questions.values()}
        session.flush()
        me = session.here.who().name
        found = questions.answered_before(session.home(), fns, _midnight(self.clock()), me)
        with self._lock:
            self._before = found
        self.ring()

    # The runtime.

    def follow(self) -> None:
        """Watch the runtime that calls outside any tree run on now."""
        runtime = session.current_runtime()
        if runtime is None or (runtime is self._runtime and not self._missed):
            return
        with self._lock:
            if self._subscription is not None:
                self._subscription.close()
            if runtime is not self._runtime:
                self._runtime, self._names = runtime, {}
                self._runtimes += 1
            self._is_stale = True
            self._tally, self._missed = Tally(), False
            self._subscription = runtime.subscribe(self._heard)
            self._tally.load(runtime.list_toplevel_views())

    def _heard(self, event: Event | Missed) -> None:
        with self._lock:
            if isinstance(event, Missed):
                self._missed = changed = True
            else:
                changed = self._tally.apply(event)
        if changed and not self._bell.is_set():
            self._bell.set()

    def _name(self, root_id: int) -> str:
        """Give the name of a root's run: the record's, or an early one until that gave its own."""
        name = self._names.get(root_id)
        if name is None:
            name = self._names[root_id] = self._early(root_id)
            recorder = None if self._runtime is None else self._runtime.recorder
            if recorder is not None:
                self._unnamed[name] = recorder.run_of, root_id, self._names
                self._learn_names()
        return self._names[root_id]

    def _early(self, root_id: int) -> str:
        # Each runtime counts its Nodes from one.
        of = "" if self._runtimes <= 1 else f"{self._runtimes}."
        return f"live-{of}{root_id}"

    def _learn_names(self) -> None:
        """Take in the names that the record gave since, which may be after a run's end."""
        for early, (namer, root_id, names) in list(self._unnamed.items()):
            if named := namer(root_id):
                del self._unnamed[early]
                names[root_id] = named
                if (row := self._live.pop(early, None)) is not None:
                    self._live[named] = replace(row, id=named)
                self._is_stale = True

    def root(self, name: str) -> Node:
        """Give the root of one of this kernel's runs.

        A name that was told before the record gave its own is still in the panel's hand.
        """
        with self._lock:
            self._learn_names()
            found = [i for i in self._tally.trees if name in (self._name(i), self._early(i))]
            runtime = self._runtime
        if not found or runtime is None:
            raise UsageError(f"Run {name} is none of this kernel's: only those can be changed.")
        return runtime.node(found[0])

    def run(self, name: str) -> Run:
        """Give a run by its name: of this kernel, or of the record."""
        try:
            return Run.of(self.root(name))
        except (UsageError, KeyError):
            return runs[name]

    # The record.

    def _ask_on(self) -> None:
        while True:
            job = self._jobs.get()
            if job is None or self._stopped.is_set():
                return
            try:
                job()
            except Exception:  # as above: the next question may do better
                logger.exception("The record could not be asked for the panel.")

    def reread(self) -> None:
        """Read the rows of the record again, where anything was written since."""
        try:
            self._reread()
        finally:
            if not self._is_read:
                self._is_read = True
                self.ring()

    def _reread(self) -> None:
        folder = session.home()
        if folder is None:
            return
        if self._past is None or self._past.folder != folder:
            self._past, self._signature = Past(folder), None
        session.flush()
        signature = _signature(folder)
        if signature == self._signature:
            return
        left = session.spent().left_usd
        began = self.clock()
        relabelled = dict(self._relabelled)
        rows = self._past.rows()
        took = self.clock() - began
        with self._lock:
            self._past_rows, self._signature = rows, signature
            # Those of which the record told this time.
            for name, said in relabelled.items():
                if self._relabelled.get(name) == said:
                    del self._relabelled[name]
            self._left = (left, self._tally.paid)
            self._next_look = self.clock() + max(LOOK_S, SHARE * took)
        self._mark()

    def _mark(self) -> None:
        """Mark the cells that define Functions, as those stand now."""
        with self._lock:
            defined = dict(self._defined)
        found = {cell: marks.mark_of(fn) for cell, fn in defined.items()}
        last: Mapping[str, tuple[Version | None, float | None, int]] = {}
        if self._past is not None and found:
            last = self._past.last(mark.fn for mark in found.values())
        found = {
            cell: marks.with_last(mark, last[mark.fn]) if mark.fn in last else mark
            for cell, mark in found.items()
        }
        with self._lock:
            if self._defined.keys() == defined.keys():
                self._marks = found
        self.ring()

    def tell_static(self, name: str) -> None:
        """Tell a run's static HTML; nothing where it still goes on, or is not known."""
        with self._lock:
            row = self._live.get(name)
        html, state = "", "" if row is None else row.state
        if row is None or updates.is_over(row):
            with contextlib.suppress(NetfluxError, LookupError):
                run = self.run(name)
                html, state = run.tree().html, run.state.name
        if len(html.encode()) > updates.FRAME_BYTES - 4_000:
            html = ""
        self.send({"t": "static", "run": name, "state": state, "html": html})

    def tell_usage(self) -> None:
        """Tell what the notebook that is looked at used today, as static HTML."""
        try:
            of, since = self.path or runs.notebook, session.day().start
            calls = spending.calls_since(runs.folder, of, since, is_whole=not of)
            html = usages.usage_of(calls, f"{Path(of).name if of else 'all runs'}, today").html
        except NetfluxError as error:
            html = f"<p>{safe(str(error))}</p>"
        self.send({"t": "usage", "html": html})

    def tell_chart(self, number: int, by: By, of: Of, is_whole: bool) -> None:
        """Tell a chart over the runs of the notebook that is looked at, or of the folder."""
        whose = None if is_whole else self.path or runs.notebook
        self._tell_html(number, lambda: chart(runs.folder, whose, by, of).html)

    def tell_ledger(self, number: int, name: str) -> None:
        """Tell what was free in a run, as static HTML."""
        self._tell_html(number, lambda: self.run(name).ledger().html)

    def _tell_html(self, number: int, draw: Callable[[], str]) -> None:
        try:
            html = draw()
        except (NetfluxError, LookupError) as error:
            html = f"<p>{safe(str(error))}</p>"
        if len(html.encode()) > updates.FRAME_BYTES - 4_000:
            html = "<p>It is too large to be shown here.</p>"
        self.send({"t": "html", "id": number, "html": html})

    def act(self, order: orders.Act) -> None:
        """Do something to runs, and say what came of it."""
        folder = session.home()
        try:
            if folder is None:
                raise UsageError("Runs are not recorded here: there is nothing to change.")
            session.flush()
            ok, text = acting.act(folder, order.verb, order.runs, order.value)
        except (NetfluxError, OSError) as error:
            ok, text = False, clean(str(error), 400)
        else:
            self._acted(folder, order)
        self.send({"t": "said", "id": order.id, "ok": ok, "text": text})
        self.ring()

    def _acted(self, folder: Path, order: orders.Act) -> None:
        """Take in what was changed, which the record is asked for again later."""
        if order.verb == "export":
            return
        pins = retention.pinned(folder)
        gone = reading.deleted(folder) if order.verb == "delete" else frozenset[str]()
        with self._lock:
            self._is_stale = True
            for name in order.runs:
                if name in gone:
                    self._deleted.add(name)
                    continue
                self._relabelled[name] = (labels_of(folder, name), name in pins)

    # The notebook.

    def defined(self, cell: str, fns: Sequence[Function]) -> None:
        """Take in that a cell was run, and which Functions it defined."""
        if not fns and not self._defined:
            return
        with self._lock:
            names = {fn.name for fn in fns[-1:]}
            kept = {c: f for c, f in self._defined.items() if f.name not in names}
            self._defined = {**kept, cell: fns[-1]} if fns else kept
        self.later(self._mark)


def _midnight(now: float) -> float:
    """Give when the day began, where the kernel is."""
    day = time.localtime(now)
    return time.mktime((day.tm_year, day.tm_mon, day.tm_mday, 0, 0, 0, 0, 0, -1))


def _signature(folder: Path) -> object:
    found = []
    for path in reading.files(folder):
        with contextlib.suppress(OSError):
            found.append((path.name, path.stat().st_size))
    # A label is replaced, a pin is put there: their folders change.
    for name in (LABELS, retention.PINS, reading.DELETED):
        with contextlib.suppress(OSError):
            found.append((name, (folder / name).stat().st_mtime_ns))
    return tuple(found)
