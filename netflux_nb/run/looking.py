"""Looking at a run: what it is shown as, and its frames."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..core.bill import Bill
from ..core.displayed import Displayed
from ..core.errors import ArgumentError, NetfluxError, NoNodeError
from ..core.views import NodeState, NodeView
from ..record.reading import Seen
from ..record.sql import columns, store
from ..record.sql.engine import quoted
from ..replay.recording import Recording
from ..session import here
from ..show import figures, mermaid, pages, timelines, trees, usages, why
from ..show.numbers import moment
from ..show.shown import Shown

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


class Looking(Displayed, ABC):
    """What can be seen of a run, live or stored."""

    @property
    @abstractmethod
    def id(self) -> str:
        """Its name in the record; nothing where it is not recorded."""

    @property
    @abstractmethod
    def recording(self) -> Recording:
        """The run as it is recorded now."""

    @property
    @abstractmethod
    def _looked(self) -> Seen:
        """The run as it is recorded now, to be looked at: some of it may be lost."""

    @abstractmethod
    def view(self) -> NodeView:
        """Give an immutable view of the whole tree as it is now."""

    @abstractmethod
    def _asked_folder(self) -> Path:
        """Give where it is recorded, when all of it is written."""

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

    def why(self) -> Shown:
        """Show what it failed with: the chain of calls, the agent's last words, a line to go on."""
        return why.why(self.view())

    def mermaid(self, *, most: int = mermaid.MOST_NODES) -> str:
        """Give the executed tree as a Mermaid flow chart, of at most so many Nodes."""
        return mermaid.mermaid(self.view(), most=most)

    def figure(self, kind: Literal["timeline", "usage"] = "timeline") -> Figure:
        """Draw it with matplotlib, for a paper. Needs the extra `figures`."""
        draw = {"timeline": figures.timeline_figure, "usage": figures.usage_figure}.get(kind)
        if draw is None:
            raise ArgumentError(f"There is no figure {kind!r}. There is: timeline, usage.")
        return draw(self.view())

    def open(self) -> Any:
        """Open the interactive view. `tree()` shows the same, without acting, everywhere."""
        if here.opens is None:
            raise NoNodeError(
                "There is no notebook here to open a view in. `%load_ext netflux_nb` in one, or "
                "`print(run.tree())`."
            )
        return here.opens(self)

    def _page(self) -> str:
        """Give the whole run as one HTML file."""
        view = self.view()
        if not self.id:
            return pages.page(view)
        looked = self._looked
        if view.is_done:
            view = looked.view  # as it is in the record: without keys
        notes = [f"began {moment(view.opened_at)}"] if view.opened_at is not None else []
        if view.state not in (NodeState.Running, NodeState.Waiting) and view.ended_at is not None:
            notes.append(f"ended {moment(view.ended_at)}")
        systems = looked.systems
        return pages.page(view, run=self.id, notes=notes, systems=systems, sources=self._sources())

    def _sources(self) -> list[pages.Source]:
        query = (
            "SELECT fn, version, source, system, prompt FROM functions WHERE version IN "
            f"(SELECT DISTINCT version FROM nodes WHERE run = {quoted(self.id)}) ORDER BY first_called"
        )
        try:
            found = store.sql(query, self._asked_folder())
        except NetfluxError:  # a record that cannot be asked can still be shown
            return []
        return [
            pages.Source(str(row["fn"]), str(row["version"]), tuple(_texts(row)))
            for row in found.to_dict("records")
        ]

    # Frames, with the ids in every one.

    def sql(self, query: str, /, **frames_by_name: Any) -> pd.DataFrame:
        """Ask the record of this run with SQL; see `netflux_nb.sql`."""
        return store.sql(query, self._asked_folder(), frames_by_name)

    def _rows(self, view: str, order: str = "seq") -> pd.DataFrame:
        return columns.typed(
            self.sql(f"SELECT * FROM {view} WHERE run = {quoted(self.id)} ORDER BY {order}"), view
        )

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


def _texts(row: Mapping[Any, Any]) -> list[tuple[str, str]]:
    titles = {"source": "source", "system": "system prompt", "prompt": "prompt"}
    return [(title, row[name]) for name, title in titles.items() if isinstance(row[name], str)]
