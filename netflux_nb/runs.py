"""The runs of the record: listed, opened, kept, and served to the calls below."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .again.cursor import Strict
from .again.recording import DivergenceError, Recording
from .core.errors import ArgumentError, NoNodeError, listed
from .core.events import inputs_digest, node_key
from .core.functions import Function
from .core.redaction import Redaction
from .record import bundle, keeping, store
from .run import Run
from .session import flush, home, live_node, serve_with
from .show import text

if TYPE_CHECKING:
    import pandas as pd


class Runs:
    """The runs of the record, newest first."""

    def __init__(self, folder: Callable[[], Path | None]) -> None:
        self._where = folder

    @property
    def folder(self) -> Path:
        """Where they are."""
        folder = self._where()
        if folder is None:
            raise NoNodeError("Runs are not recorded here: NETFLUX_HOME is off.")
        flush()
        return folder

    @property
    def df(self) -> pd.DataFrame:
        """One row a run."""
        return store.sql("SELECT * FROM runs ORDER BY opened DESC", self.folder)

    @property
    def all(self) -> list[Run]:
        """Every run."""
        return [_run(self.folder, name) for name in self._names()]

    @property
    def last(self) -> Run:
        """The newest one."""
        found = self._names()
        if not found:
            raise NoNodeError("There is no run in this record yet.")
        return _run(self.folder, found[0])

    def __getitem__(self, name: str) -> Run:
        found = [one for one in self._names() if one.startswith(name) or one.endswith(name)]
        exact = [one for one in found if one == name]
        if len(exact or found) != 1:
            raise ArgumentError(
                f"{len(found)} runs are called {name[:80]!r}"
                + (f": {listed(found)}." if found else ". `runs.df` lists what there is.")
            )
        return _run(self.folder, (exact or found)[0])

    def _names(self) -> list[str]:
        return _names(self.folder)

    def __iter__(self) -> Iterator[Run]:
        return iter(self.all)

    def __len__(self) -> int:
        return len(self._names())

    def export_duckdb(self, path: str | Path) -> Path:
        """Write all runs into one DuckDB file, for other programs, under a schema contract."""
        from .record import export

        return export.to_duckdb(self.folder, path)

    def gc(self) -> Any:
        """Remove what no run needs any more, and say how much that was."""
        return keeping.gc(self.folder)

    def sizes(self) -> Any:
        """Say what each run takes on the disk."""
        return keeping.sizes(self.folder)

    def __repr__(self) -> str:
        return f"<{len(self)} runs>"


def _run(folder: Path, name: str) -> Run:
    """Give a run's handle; it is a live one while the run goes on here."""
    return Run(folder, name, live_node(name))


def _names(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    return list(store.sql("SELECT run FROM runs ORDER BY opened DESC, run DESC", folder)["run"])


def open_run(path: str | Path) -> Run:
    """Open a bundle: show it, ask it, compare it. Nothing of it runs.

    Replay and fork use the Functions that are defined here.
    """
    folder = bundle.opened(Path(path))
    found = _names(folder)
    return Run(folder, found[0])


class Serving:
    """Calls below are answered from a recording, until `stop()` or the end of a `with`."""

    def __init__(self, recordings: Sequence[Recording], name: str) -> None:
        self._name = name
        self._by_key: dict[str, list[Recording]] = {}
        for one in recordings:
            self._by_key.setdefault(one.root.key, []).append(one)
        serve_with(self._cursor)

    def _cursor(self, fn: Function, inputs: Mapping[str, Any]) -> Strict:
        text = inputs_digest(fn.validate_coerce_args(inputs))
        found = self._by_key.get(node_key("", fn.name, Redaction()(text), 0))
        if not found:
            raise DivergenceError(
                f"{self._name} holds no call {fn.name}({_shown(inputs)}). It holds: "
                f"{listed(self._calls(), 4)}. `serving.stop()` goes live."
            )
        # The same call made twice was recorded twice; the last one stands for all after it.
        return Strict(found.pop(0) if len(found) > 1 else found[0])

    def _calls(self) -> list[str]:
        roots = [one.root for ones in self._by_key.values() for one in ones]
        return [f"{root.fn_name}({_shown(root.opened.inputs)})" for root in roots]

    def stop(self) -> None:
        """Go live again."""
        serve_with(None)

    def __enter__(self) -> Serving:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<Serving from {self._name}: {listed(self._calls(), 4)}>"


def _shown(inputs: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={text.clean(repr(value), 40)}" for name, value in inputs.items())


def serve(path: str | Path) -> Serving:
    """Answer the calls below from a bundle: no key, no model, no cost.

    The first call, or question to a model, that is not in it stops with what differs.
    """
    folder = bundle.opened(Path(path))
    recordings = [Recording(folder, name) for name in reversed(_names(folder))]
    return Serving(recordings, Path(path).name)


def sql(query: str, **frames: Any) -> pd.DataFrame:
    """Ask the record with SQL, running trees too; DataFrames given by name are tables.

    The views are `runs`, `nodes`, `events`, `messages`, `calls`, `usage`, `artifacts`,
    `functions`, `environments`, `draws` and `approvals`.
    """
    return store.sql(query, runs.folder, frames)


runs = Runs(home)
