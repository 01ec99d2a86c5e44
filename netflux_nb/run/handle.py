"""`Run`: one handle for a tree of calls, live or from the record."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from .. import session
from ..compare.diff import Diff, Side, diff
from ..core.bill import Bill
from ..core.errors import ArgumentError, NoNodeError, RecordError, listed
from ..core.functions.display import Displayed
from ..core.functions.kinds import Function, current
from ..core.handles import Handle
from ..core.policy import WaitingOn
from ..core.text.paths import call_at
from ..core.views import NodeState, NodeView, cut_off
from ..record import bundle, labels, reading, retention, scan
from ..record.chain import SUFFIX
from ..record.sql import dataframes, store
from ..replay import as_test, begin, free, program
from ..replay.recording import Recording, paused
from ..replay.report import Served, served_in
from ..replay.serving import ServingCursor
from ..runtime.nodes import Node
from ..runtime.runtime import Runtime, runtime_of
from ..runtime.threads.waiting import asking_below
from ..session import default_runtime, here
from ..show import figures, ledgers, timelines, trees, usages, why
from ..show.ledgers import RunLedger
from ..show.parts import numbers
from ..show.parts.shown import Shown
from . import other_process, page_of_run
from .run_node import RunNode

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


class RootCalls:
    """Calls outside any tree: they are runs."""

    def start(self, caller: Any, fn: Function, inputs: Mapping[str, Any]) -> Run:
        """Start a run."""
        return Run.begun(session.begin(fn, inputs))

    def call(self, caller: Any, fn: Function, inputs: Mapping[str, Any]) -> Any:
        """Make a run and give its value."""
        __tracebackhide__ = True
        return session.call(fn, inputs)


class Run(Displayed):
    """One run. Everything that is asked of it works alike while it goes on and from the record.

    `f.start(...)` gives one; so do `runs.last`, `runs["…"]` and `open_run(path)`.
    """

    def __init__(self, folder: Path | None, name: str, node: Node | None = None) -> None:
        self._folder = folder
        self._name = name
        self._node = node
        self._recording: Recording | None = None
        self._kept: reading.StoredRun | None = None

    @classmethod
    def of(cls, handle: Handle) -> Run:
        """Give the run of a call that was started: itself, or the tree below a Node."""
        if isinstance(handle, Run):
            return handle
        assert isinstance(handle, Node)
        node = handle
        recorder = node.runtime.recorder
        return cls(None if recorder is None else recorder.folder, "", node)

    @classmethod
    def begun(cls, node: Node) -> Run:
        """Give the handle of a tree that was begun just now, and have it shown where one looks."""
        if current.get() is None:
            here.front.begun(node, waits=False)
        return cls.of(node)

    # Who it is, and how it stands.

    @property
    def id(self) -> str:
        """Its name in the record; nothing where it is not recorded."""
        if not self._name and self._node is not None:
            self._name = self._node.runtime.run_name(self._node)
        return self._name

    @property
    def root(self) -> Node:
        """The live root Node. Raises where the run is known from the record only."""
        if self._node is None:
            raise NoNodeError(
                f"Run {self._name} is known from the record only. `resume`, `fork` or `rerun` "
                f"make a live one of it."
            )
        return self._node

    @property
    def folder(self) -> Path:
        """The folder of its record."""
        if self._folder is None:
            raise NoNodeError("This run is not recorded: its runtime was made with record=False.")
        return self._folder

    @property
    def fn(self) -> str:
        """The name of the Function that it is a call of."""
        return self._node.fn.name if self._node is not None else self.view().fn.name

    @property
    def state(self) -> NodeState:
        """The state of its root."""
        return self._node.state if self._node is not None else self.view().state

    @property
    def is_done(self) -> bool:
        """True when it has its outcome."""
        return self._node.is_done if self._node is not None else self.view().is_done

    def view(self) -> NodeView:
        """Give an immutable view of the whole tree as it is now."""
        if self._node is None:
            return self._stored()
        try:
            return self._node.view()
        except KeyError:
            return self._forgotten()

    def _stored(self) -> NodeView:
        """Give the view of what is recorded; without an end, and nobody who runs it: cut off."""
        view = self._looked.view
        if self._node is not None or view.is_done:
            return view
        path = reading.file_of(self.folder, self.id)
        is_left = path.suffix != SUFFIX or not reading.is_written(path)
        return cut_off(view) if is_left else view

    def _forgotten(self) -> NodeView:
        """Give the view of a tree that its runtime keeps no more: the newest stay."""
        if self._folder is None:
            raise NoNodeError(
                f"This run of {self.fn}() is forgotten: its runtime keeps the newest trees, and it "
                f"was not recorded. `result()` still gives its value."
            ) from None
        return self._looked.view

    @property
    def _looked(self) -> reading.StoredRun:
        """What is recorded, for the eye: its lines are not held."""
        kept = self._kept
        if kept is None or not kept.view.is_done:
            if self._node is not None:
                self._flush()
            with paused():
                kept = self._kept = reading.read_view(self.folder, self.id)
        return kept

    @property
    def _seen(self) -> Recording:
        """What is recorded, to be looked at: one lost value is no reason to show nothing."""
        try:
            return self.recording
        except RecordError:
            return Recording(self.folder, self.id, is_for_looking=True)

    @property
    def recording(self) -> Recording:
        """The run as it is recorded now, in a form that answers."""
        kept = self._recording
        if kept is None or not kept.is_whole:
            self._flush()
            kept = self._recording = Recording(self.folder, self.id)
        return kept

    def _flush(self) -> None:
        if self._node is not None:
            self._node.runtime.log.flush()

    # While it goes on.

    def result(self, timeout: float | None = None) -> Any:
        """Wait for it and give its value, or raise what it failed with."""
        __tracebackhide__ = True
        if self._node is not None:
            if timeout is None:
                session.wait(self._node)
            return self._node.result(timeout)
        view = self.wait(timeout).view()
        if view.state is NodeState.Success:
            return self.recording.root.value
        if view.exception is not None:
            raise view.exception
        if view.state is not NodeState.CutOff:
            raise NoNodeError(f"Run {self._name} goes on in another process. Ask when it is done.")
        raise NoNodeError(f"Run {self._name} was cut off. `run.resume()` goes on with it.")

    def wait(self, timeout: float | None = None) -> Run:
        """Wait until it has its outcome, whatever that is; also of one that another process makes."""
        if self._node is not None and timeout is None:
            session.wait(self._node)
        elif self._node is not None:
            self._node.wait(timeout)
        elif self._recording is None or not self._recording.is_whole:
            other_process.wait_for_end(self.folder, self._name, timeout)
        return self

    def __await__(self) -> Generator[Any, None, Any]:
        if current.get() is not None:
            return self.root.__await__()
        return here.front.awaited(self.root)

    def watch(self, as_of_seq: int = 0, *, timeout: float | None = None) -> NodeView | None:
        """Wait for a view newer than `as_of_seq`."""
        return self.root.watch(as_of_seq, timeout=timeout)

    def cancel(self, reason: str = "Operation was canceled") -> None:
        """Ask the whole tree to stop; what it has is kept."""
        self.root.runtime.cancel(self.root, reason)

    def pause(self) -> None:
        """Let no new call start."""
        self.root.pause()

    def unpause(self) -> None:
        """Let it go on."""
        self.root.unpause()

    def pending(self) -> list[Node]:
        """List the Nodes that wait for a person."""
        return asking_below(self.root)

    def approve(self, *, by: str | None = None, question: str = "") -> None:
        """Say yes to the one Node that waits for it, or to the question of this id.

        `by` is who says so, if not you; it is recorded as claimed.
        """
        self._answer("approval", True, by, question)

    def reject(self, reason: str = "", *, by: str | None = None, question: str = "") -> None:
        """Say no to the one Node that waits for approval, or to the question of this id."""
        self._answer("approval", False, by, question, reason)

    def answer(self, value: Any, *, by: str | None = None, question: str = "") -> None:
        """Answer the one question that waits, or the one of this id."""
        self._answer("answer", value, by, question)

    def _answer(
        self, kind: str, value: Any, by: str | None, question: str, reason: str = ""
    ) -> None:
        node, on = self._waiting(kind, question)
        node.runtime.answer(node, value, by=by or here.who(), reason=reason, question=on.id)

    def _waiting(self, kind: str, question: str) -> tuple[Node, WaitingOn]:
        asked = [(node, node.held.on) for node in self.pending() if node.held is not None]
        waiting = [one for one in asked if one[1].wants == kind and question in ("", one[1].id)]
        if len(waiting) == 1:
            return waiting[0]
        if question:
            raise NoNodeError(
                f"No Node of this run asks {question[:40]!r} any more. `pending()` lists what waits."
            )
        names = listed(f"{node.fn.name}()" for node, _ in waiting)
        raise NoNodeError(
            f"{len(waiting)} Nodes of this run wait for an {kind}: {names}. `pending()` lists "
            f"them; answer each by itself."
            if waiting
            else f"No Node of this run waits for an {kind}."
        )

    # Looking back.

    def node(self, path: str) -> RunNode[Run]:
        """Give a Node by its path, such as `study/summarise[2]/word_count`."""
        return RunNode(self, call_at(self.view(), path), path)

    def system_of(self, key: str) -> str:
        """Give the recorded system prompt of a Node, by its key."""
        return self._looked.systems.get(key, "") if self.id else ""

    def _asked_folder(self) -> Path:
        if self._node is not None:
            self._flush()
        return self.folder

    # Again, and otherwise.

    def replay(self, fn: Function | None = None, **options: Any) -> begin.Replayed:
        """Serve every model call and effect from the record, run the code again, and compare.

        Args:
            fn: The Function that the run is of, where it is not defined here by its name.
            options: `mode`, `acceptability`, `envelope`, `inputs` and `changes`, as
                `netflux_nb.replay.begin.replay` takes them, and those of a `Runtime`.
        """
        return begin.replay(self.wait().recording, fn, **options)

    def resume(self, fn: Function | None = None, *, force: bool = False, **options: Any) -> Run:
        """Go on where it was cut off or cancelled; nothing that was paid for is paid again.

        Args:
            fn: The Function that the run is of, where it is not defined here by its name.
            force: Go on although it may still run somewhere, or was resumed already.
            options: `inputs` and `changes` that the record does not hold, as `replay` takes them.
        """
        return Run.begun(begin.resume(self.runtime, self.recording, fn, force=force, **options))

    def rerun(self, fn: Function | None = None, **inputs: Any) -> Run:
        """Run it again: only calls whose Function or arguments changed are live.

        `fn` is the Function that the run is of, where it is not defined here by its name;
        `inputs` are arguments that replace the recorded ones.
        """
        recording = self.wait().recording
        # An argument of the Function may have this name too.
        is_ours = recording.changes and "changes" not in recording.root.input_forms
        changes = inputs.pop("changes", None) if is_ours else None
        node = begin.rerun(self.runtime, recording, fn, inputs=inputs, changes=changes)
        return Run.begun(node)

    def fork(self, at: str = "", **changes: Any) -> Run:
        """Run it again with one call changed: the one `at` this path, or the root.

        `changes` are those of `RunNode.fork`, such as `model="gemini"`.
        """
        root = self.view().fn.name
        return self.node(at or root).fork(**changes)

    @property
    def runtime(self) -> Runtime:
        """The runtime in which it runs or would go on: its own, or the default one."""
        if self._node is not None:
            return runtime_of(self._node)
        return default_runtime()

    @property
    def served(self) -> Served | None:
        """What came from the record of the run that this one goes on from, and what was live.

        None of a run that nothing is served to.
        """
        if self._node is None:
            return served_in(self._seen)
        cursor = self._node.root_ancestor.cursor
        return cursor.served() if isinstance(cursor, ServingCursor) else None

    def diff(self, other: Run | NodeView) -> Diff:
        """Compare with another run, Node by Node."""
        if not isinstance(other, Run | NodeView):
            raise ArgumentError(
                f"A run is compared with another run, such as `runs[1]`; got "
                f"{type(other).__name__}."
            )
        theirs = other._side() if isinstance(other, Run) else Side(other, name="")
        return diff(self._side(), theirs)

    def _side(self) -> Side:
        if self._folder is None:
            return Side(self.view(), name=self.id)
        recording = self._seen
        versions = {k: n.version.text for k, n in recording.nodes.items() if n.version is not None}
        return Side(
            self._stored(),
            name=self.id,
            systems=recording.systems(),
            versions=versions,
            functions=reading.functions_of(self._folder, self.id),
        )

    # Keeping.

    def verify(self) -> tuple[str, ...]:
        """Walk the hashes of its lines and large values, and name what is not as it was written.

        Nothing is named where all is sound.
        """
        return scan.verify(self._asked_folder(), self.id)

    def secrets_scan(self, variables: Mapping[str, str] | None = None) -> scan.Scan:
        """Look through all that was written for what looks like a key.

        Args:
            variables: Whose values are secrets too, by name; else this process' environment.
        """
        return scan.scan(self._asked_folder(), self.id, variables)

    def export(self, path: str | Path, *, against: Run | None = None) -> Path:
        """Write it into one file, with all that it needs, for a colleague or a test.

        Args:
            path: `study.nfrun` is a bundle, which `open_run` and `serve` read; `study.html` is
                one page for a browser; `study.md` is Markdown.
            against: The page shows what differs from this run. Of a fork, a rerun or a replay it
                is the run that it went on from, where that is here.
        """
        place = bundle.target(path)
        write = {".html": page_of_run.page_of, ".md": page_of_run.markdown_of}.get(place.suffix)
        if write is not None:
            compared = None if against is None else against.diff(self)
            folder = self._asked_folder() if self.id else None
            place.write_text(write(self.view(), folder, self.id, compared), encoding="utf-8")
            return place
        if place.suffix != ".nfrun":
            raise ArgumentError(
                f"A bundle's name ends in .nfrun, a page's in .html or .md; got {place.name!r}."
            )
        bundle.write(self._asked_folder(), [self.id], place)
        return place

    def as_test(self, folder: str | Path, fn: Function | None = None) -> Path:
        """Write a test that replays this run: a bundle, and a file that `pytest` runs.

        The run's Function, `fn` where it is not the one of that name here, must live in a
        module: a notebook's cell cannot be imported.
        """
        own = program.program_of(self.recording, fn, how="as_test", is_alone=True)
        return as_test.write_test(Path(folder), own, self.id, self.export)

    # Saying what it is. Verbs set, each with one word at a prompt; one noun has all that was
    # set. An attribute that is assigned would take a slip of the pen for a label.

    @property
    def labels(self) -> labels.Labels:
        """What people said of it: `.tags`, `.note` and `.title`; empty where nobody did.

        `tag`, `untag`, `note` and `rename` set them, while the run goes on and ever after. They
        are kept in the record beside its lines, go with it into a bundle, and are columns of
        `runs` in SQL.
        """
        return labels.Labels() if self._folder is None else labels.labels_of(self.folder, self.id)

    def tag(self, *tags: str) -> None:
        """Add tags: a word each, such as `run.tag("baseline")`; at most 20, of 40 characters."""
        labels.tag(self._asked_folder(), self.id, tags)

    def untag(self, *tags: str) -> None:
        """Remove these tags; without any, all."""
        labels.untag(self._asked_folder(), self.id, tags)

    def note(self, text: str) -> None:
        """Set its note, of at most 2,000 characters; an empty one removes it."""
        labels.note(self._asked_folder(), self.id, text)

    def rename(self, title: str) -> None:
        """Give it a title, which lists show; an empty one removes it. Its name stays."""
        labels.rename(self._asked_folder(), self.id, title)

    def pin(self) -> None:
        """Keep it: neither `delete` nor retention removes it."""
        retention.pin(self.folder, self.id)

    def unpin(self) -> None:
        """Undo `pin`: the run may be deleted again."""
        retention.unpin(self.folder, self.id)

    def delete(self) -> None:
        """Remove it from the record. What other runs need of it stays."""
        retention.delete(self._asked_folder(), self.id)

    def __repr__(self) -> str:
        try:
            view = self.view()
        except NoNodeError:  # forgotten
            return f"<Run not recorded {self.fn} {self.state.name}>"
        served = self.served if self._node is not None else None
        beside = f" ({served.how}: {served.summary})" if served is not None else ""
        return f"<Run {numbers.named(self.id) or 'not recorded'} {view.fn.name} {view.state.value}{beside}>"

    # What it is shown as.

    def bill(self) -> Bill:
        """Give tokens and money, by provider and model; what was served cost nothing."""
        return self.view().bill()

    def tree(self, *, max_bytes: int = 30_000) -> Shown:
        """Show the tree: what failed unfolded, and what is left out counted.

        Args:
            max_bytes: Of the HTML; 200 kB is the most.
        """
        return trees.tree(self.view(), run=self.id, max_bytes=max_bytes)

    def usage(self) -> Shown:
        """Show tokens by kind, model and Function, money, and what served calls would have cost."""
        return usages.usage(self.view())

    def timeline(self) -> Shown:
        """Show who ran when: waiting, asking a model, running code, and what went on at once."""
        return timelines.timeline(self.view())

    def ledger(self) -> RunLedger:
        """Show what was free in it: models, clock, chance, tools, persons, and what a replay holds.

        What a replay cannot hold comes first. `.df` has a row for each input of a Node.
        """
        if self._folder is None:
            told = [getattr(one, "declared", None) for one in self.runtime.gate.policies]
            declared = [one for one in told if isinstance(one, Mapping)]
            view = self.view()
            return ledgers.ledger(free.account_in(view, declared), view)
        return ledgers.ledger(free.account_of(self._seen), self.view(), run=self.id)

    def why(self) -> Shown:
        """Show what it failed with: the chain of calls, the agent's last words, a line to go on."""
        return why.why(self.view())

    def mermaid(self, *, most: int = trees.MOST_CHARTED) -> str:
        """Give the executed tree as a Mermaid flow chart, of at most so many Nodes."""
        return trees.mermaid(self.view(), most=most)

    def figure(self, kind: Literal["timeline", "usage"] = "timeline") -> Figure:
        """Draw it with matplotlib, for a paper: by `kind`, as its tree. Needs the extra `figures`."""
        draw = {"timeline": figures.timeline_figure, "usage": figures.usage_figure}.get(kind)
        if draw is None:
            raise ArgumentError(f"There is no figure {kind!r}. There is: timeline, usage.")
        return draw(self.view())

    def open(self) -> Any:
        """Open the interactive view. `tree()` shows the same, without acting, everywhere."""
        return self._opened(None)

    def play(self, speed: float | Literal["max"] | None = None) -> Any:
        """Play it again in the live view: pause, step, go to a place, change the speed.

        Without a notebook that shows widgets it is the finished tree. A page that `export` writes
        can play too.

        Args:
            speed: 1 is as it was, 0.5 half as fast; "max" is as fast as it shows. By itself a
                speed at which one can watch it. Long waits are shortened.
        """
        known = 0.0 if speed is None else page_of_run.speed_of(speed)
        view = self.view()
        if view.state in (NodeState.Running, NodeState.Waiting):
            raise NoNodeError("The run still goes on: `run.open()` shows it live.")
        folder = self._asked_folder() if self.id else None
        return self._opened((page_of_run.played_of(view, folder, self.id), known))

    def _opened(self, played: tuple[str, float] | None) -> Any:
        if here.opens is None:
            raise NoNodeError(
                "There is no notebook here to open a view in. `%load_ext netflux_nb` in one, or "
                "`print(run.tree())`."
            )
        return here.opens(self, played)

    # Frames, with the ids in every one.

    def sql(self, query: str, /, **frames_by_name: Any) -> pd.DataFrame:
        """Ask the record of this run with SQL; see `netflux_nb.sql`."""
        return store.sql(query, self._asked_folder(), frames_by_name)

    def _rows(self, view: str, order: str = "seq") -> pd.DataFrame:
        return dataframes.of_run(view, self._asked_folder(), self.id, order)

    @property
    def nodes_df(self) -> pd.DataFrame:
        """One row a Node."""
        return self._rows("nodes", "node")

    @property
    def events_df(self) -> pd.DataFrame:
        """One row an event."""
        return self._rows("events")

    @property
    def messages_df(self) -> pd.DataFrame:
        """One row a part of a transcript."""
        return self._rows("messages")

    @property
    def calls_df(self) -> pd.DataFrame:
        """One row a request to a model."""
        return self._rows("calls")

    @property
    def usage_df(self) -> pd.DataFrame:
        """Tokens by provider and model."""
        return self._rows("usage", "provider, model")

    @property
    def artifacts_df(self) -> pd.DataFrame:
        """One row a large value that stands in a file of its own."""
        return self._rows("artifacts")
