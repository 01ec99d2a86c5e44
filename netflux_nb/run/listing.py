"""The runs of the record: listed, opened, kept, and served to the calls below."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from ..core.errors import ArgumentError, NoNodeError, listed
from ..core.functions.display import Displayed
from ..core.functions.kinds import Function
from ..core.json.canonical import inputs_digest, node_key
from ..core.views import NodeState
from ..record import bundle, retention
from ..record.sql import dataframes, spending, store
from ..record.sql.engine import any_of, quoted
from ..record.sql.trends import By
from ..replay.program import program_of
from ..replay.recording import DivergenceError, Recording
from ..replay.serving import Strict
from ..runtime.sinks import redaction
from ..session import day, flush, here, home, live_node, roots
from ..show import histories, usages
from ..show.parts import tables
from ..show.parts.shown import Shown
from ..show.parts.values import call
from . import Run
from .trend_chart import Chart, Of, chart
from .wanted import Wanted, When, wanted

if TYPE_CHECKING:
    import pandas as pd


class Runs(Displayed):
    """Runs of the record, newest first: in a notebook its own, else the folder's.

    `runs.all` has the folder's, wherever they were begun, and `runs.where(...)` those that are
    wanted.
    """

    def __init__(
        self,
        folder: Callable[[], Path | None],
        *,
        is_whole: bool = False,
        wanted: Wanted | None = None,
    ) -> None:
        self._home = folder
        self._is_whole = is_whole
        self._wanted = wanted or Wanted()

    @property
    def folder(self) -> Path:
        """The folder of the record."""
        folder = self._home()
        if folder is None:
            raise NoNodeError(
                "Runs are not recorded here: NETFLUX_HOME, or the setting `store`, is off."
            )
        flush()
        return folder

    @property
    def notebook(self) -> str | None:
        """The notebook whose runs these are; None for those of the whole folder."""
        said = None if self._is_whole else here.place().get("notebook")
        return said if isinstance(said, str) else None

    @property
    def all(self) -> Runs:
        """Those of the whole folder."""
        return Runs(self._home, is_whole=True, wanted=self._wanted)

    def where(
        self,
        *,
        fn: str | Function = "",
        state: str | NodeState = "",
        tag: str | Iterable[str] = "",
        text: str = "",
        since: When | None = None,
        until: When | None = None,
    ) -> Runs:
        """Give those of these that are wanted, as a list of the same kind.

        All that is said has to hold. Days and times are those of the clock here.

        Args:
            fn: The Function that was called, or its name.
            state: Such as `"Error"`, `"cut off"`, or a `NodeState`.
            tag: A tag, or several, which it has all.
            text: What stands in its arguments, error, note, tags, title or Function's name, in
                small letters or large. A large value is not looked into.
            since: A day or a time, such as `"2026-11-28"`, `"yesterday"`, `"16:41"`, or a
                `datetime`: it began then or later.
            until: The same: it began before; of a day, on that day or before.

        Example:
            >>> runs.where(tag="baseline", state="Error", since="yesterday")  # doctest: +SKIP
        """
        more = wanted(fn=fn, state=state, tag=tag, text=text, since=since, until=until)
        return Runs(self._home, is_whole=self._is_whole, wanted=self._wanted & more)

    @property
    def df(self) -> pd.DataFrame:
        """One row a run."""
        ours = f"WHERE run IN (SELECT run FROM _roots {self._ours})" if self._ours else ""
        query = f"SELECT * FROM runs {ours} ORDER BY opened DESC, run DESC"
        return dataframes.typed(store.sql(query, self.folder), "runs")

    @property
    def _ours(self) -> str:
        notebook = self.notebook
        said = [] if notebook is None else [f"notebook = {quoted(notebook)}"]
        conditions = [*said, *self._wanted.sql]
        return f"WHERE {' AND '.join(conditions)}" if conditions else ""

    @property
    def last(self) -> Run:
        """The newest one."""
        if (
            self._home() is None and roots() and not self._wanted.sql
        ):  # nothing is recorded, but it is here
            return Run.of(roots()[-1])
        found = self._names()
        if not found:
            raise NoNodeError(self._none)
        return _run(self.folder, found[0])

    @property
    def _none(self) -> str:
        if self._wanted.sql:
            return f"There is no run with {self._wanted}."
        return (
            "There is no run of this notebook yet. `runs.all` has those of the folder."
            if self.notebook
            else "There is no run in this record yet. Call a Function, and there is one."
        )

    @overload
    def __getitem__(self, name: str | int) -> Run: ...

    @overload
    def __getitem__(self, name: slice) -> list[Run]: ...

    def __getitem__(self, name: str | int | slice) -> Run | list[Run]:
        """Give a run by its name, by the beginning or end of it, or by its place in this list.

        The list is as it is shown: `runs[0]` is the newest, `runs[-1]` the oldest, and
        `runs[:5]` gives the newest five.
        """
        if isinstance(name, slice):
            return [_run(self.folder, one) for one in self._names()[name]]
        if isinstance(name, int):
            mine = self._names()
            if not -len(mine) <= name < len(mine):
                raise ArgumentError(f"There are {len(mine)} runs here; got {name}.")
            return _run(self.folder, mine[name])
        if not isinstance(name, str):
            raise ArgumentError(
                f"A run is asked for by its name or its place; got {str(name)[:40]}. "
                f"`list(runs)` has them all, the newest first."
            )
        known = _names(self.folder)
        found = [one for one in known if name and (one.startswith(name) or one.endswith(name))]
        exact = [one for one in found if one == name]
        if len(exact or found) != 1:
            raise ArgumentError(
                f"{len(found) or 'No'} run{'s are' if found else ' is'} called {name[:80]!r}"
                + (f": {listed(found)}." if found else ". `runs.all` shows what there is.")
            )
        return _run(self.folder, (exact or found)[0])

    def _names(self) -> list[str]:
        if not self._wanted.sql:
            return _names(self.folder, self.notebook)
        if not self.folder.is_dir():
            return []
        query = f"SELECT run FROM _roots {self._ours} ORDER BY opened DESC, run DESC"
        return [name for (name,) in store.rows(query, self.folder)]

    def __iter__(self) -> Iterator[Run]:
        return (_run(self.folder, name) for name in self._names())

    def __len__(self) -> int:
        return len(self._names())

    def export_duckdb(self, path: str | Path) -> Path:
        """Write all runs into one DuckDB file, for other programs, under a schema contract."""
        from ..record.sql import export

        return export.to_duckdb(self.folder, path)

    def export(self, path: str | Path) -> Path:
        """Write all these runs into one bundle, with all that they need."""
        place = bundle.target(path)
        if place.suffix != ".nfrun":
            raise ArgumentError(f"A bundle's name ends in .nfrun; got {place.name!r}.")
        found = self._names()
        if not found:
            raise NoNodeError("There is no run here to export.")
        bundle.write(self.folder, found, place)
        return place

    def delete(self, *names: str) -> None:
        """Remove runs from the record, by their names; a pinned one is refused."""
        for run in [self[name] for name in names]:
            run.delete()

    def gc(self) -> Any:
        """Remove what no run needs any more, and say how much that was."""
        return retention.gc(self.folder)

    def sizes(self) -> Any:
        """Say what each run takes on the disk."""
        return retention.sizes(self.folder)

    def table(self, most: int = histories.MOST_RUNS) -> Shown:
        """Show the `most` newest: what, how they ended, when, what they used, marks and tags."""
        found = self._names()
        kept = found[: max(most, 0)]
        if not kept:
            none = self._none if self._wanted.sql else "There is no run yet."
            return histories.history([], [], count=len(found), none=none)
        order = "ORDER BY opened DESC, run DESC"
        rows, calls = (
            store.sql(f"SELECT * FROM {view} WHERE run IN {any_of(kept)} {how}", self.folder)
            for view, how in (("runs", order), ("calls", ""))
        )
        return histories.history(
            rows.to_dict("records"),
            calls.to_dict("records"),
            count=len(found),
            called=self._called,
            whose=self._whose,
            today=day().start,
            places={name: n for n, name in enumerate(found)},
            free=spending.free_in(self.folder, kept),
        )

    @property
    def _called(self) -> str:
        return "found" if self._wanted.sql else "runs.all" if self._is_whole else "runs"

    @property
    def _whose(self) -> str:
        notebook = self.notebook
        where = Path(notebook).name if notebook else "the whole folder" if self._is_whole else ""
        facts = [f"of {where}" if where else "", f"with {self._wanted}" if self._wanted.sql else ""]
        return " ".join(one for one in facts if one)

    def usage(self) -> Shown:
        """Show what these used today: tokens by kind, by model and Function, and money."""
        notebook = self.notebook
        calls = spending.calls_since(self.folder, notebook, day().start, is_whole=notebook is None)
        whose = Path(notebook).name if notebook else "all runs"
        if self._wanted.sql:
            mine = set(self._names())
            calls = [one for one in calls if one[1].partition("/")[0] in mine]
            whose += f" with {self._wanted}"
        return usages.usage_of(calls, f"{whose}, today")

    def chart(self, by: By = "day", of: Of = "cost") -> Chart:
        """Show money, tokens, latency or failures of these runs over time.

        Args:
            by: "day", "fn" for the Functions that asked or failed, or "model".
            of: "cost", "tokens", "latency" (median and 95th percentile of the requests), or
                "errors" by class.
        """
        return chart(self.folder, self.notebook, by, of)

    def __repr__(self) -> str:
        if self._home() is None:
            return "<runs: not recorded>"
        return f"<{len(self)} runs>"


def export_notebook(path: str | Path) -> Path:
    """Write all that this notebook has run into one bundle, for a colleague without a key."""
    return runs.export(path)


def _run(folder: Path, name: str) -> Run:
    """Give a run's handle; it is a live one while the run goes on here."""
    return Run(folder, name, live_node(name))


def _names(folder: Path, notebook: str | None = None) -> list[str]:
    return store.names(folder, notebook) if folder.is_dir() else []


def open_run(path: str | Path) -> Run:
    """Open a bundle: show it, ask it, compare it. Nothing of it runs.

    Replay and fork use the Functions that are defined here.
    """
    folder = bundle.opened(Path(path))
    found = _names(folder)
    return Run(folder, found[0])


class Serving(Displayed):
    """Calls below are answered from a recording, until `stop()` or the end of a `with`.

    After a `with` they are answered as they were before it.
    """

    def __init__(self, recordings: Sequence[Recording], name: str) -> None:
        self._name = name
        self._by_key: dict[str, list[Recording]] = {}
        for one in recordings:
            self._by_key.setdefault(one.root.key, []).append(one)
        # A fork stands for a call where nothing else does.
        self._by_key = {
            key: [one for one in ones if not one.changes] or ones
            for key, ones in self._by_key.items()
        }
        self._before = here.served
        here.served = (self._cursor,)

    def _cursor(self, fn: Function, inputs: Mapping[str, Any]) -> Strict:
        text = inputs_digest(fn.validate_coerce_args(inputs))
        found = self._by_key.get(node_key("", fn.name, redaction().json(text), 0))
        if not found:
            raise DivergenceError(
                f"{self._name} holds no call {fn.name}({_shown(inputs)}). It holds: "
                f"{listed(self._calls(), 4)}. `serving.stop()`, or "
                f"`%nf serve stop`, goes live."
            )
        # The same call made twice was recorded twice; the last one stands for all after it.
        recording = found.pop(0) if len(found) > 1 else found[0]
        changes = program_of(recording, fn, how="serve", is_alone=True).changes
        return Strict(recording, " `serving.stop()` goes live.", changes)

    def _calls(self) -> list[str]:
        roots = [one.root for ones in self._by_key.values() for one in ones]
        return [f"{root.fn_name}({_shown(root.opened.inputs)})" for root in roots]

    def stop(self) -> None:
        """Go live again."""
        here.served = ()

    def __enter__(self) -> Serving:
        return self

    def __exit__(self, *exc: object) -> None:
        here.served = self._before

    def __repr__(self) -> str:
        return f"<Serving from {self._name}: {listed(self._calls(), 4)}>"


def _shown(inputs: Mapping[str, Any]) -> str:
    clean = redaction()
    seen = {n: clean(value) if isinstance(value, str) else value for n, value in inputs.items()}
    return call(seen, 160, 40)


def serving_table(serving: Serving) -> Shown:
    """Show what calls are answered from."""
    rows = [[words] for words in serving._calls()]
    title = f"Calls are answered from {serving._name}; `stop()`, or `%nf serve stop`, goes live."
    return tables.table(rows, ["calls that it holds"], title=title, most_rows=20)


def serve(path: str | Path) -> Serving:
    """Answer the calls below from a bundle: no key, no model, no cost.

    The first call, or question to a model, that is not in it stops with what differs.
    """
    folder = bundle.opened(Path(path))
    recordings = [Recording(folder, name) for name in reversed(_names(folder))]
    return Serving(recordings, Path(path).name)


def sql(query: str, /, **frames: Any) -> pd.DataFrame:
    """Ask the record with SQL, running trees too; DataFrames given by name are tables.

    The views are `runs`, `nodes`, `events`, `messages`, `calls`, `usage`, `artifacts`,
    `functions`, `environments`, `draws`, `approvals`, `transactions`, `changes`, `violations`,
    `outbox`, `signals` and `workflow_steps`. Times are UTC.
    """
    return store.sql(query, runs.folder, frames)


runs = Runs(home)
