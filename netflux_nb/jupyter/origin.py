"""The notebook and the cell in which a run begins, as far as the front end names them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import session
from ..runtime.sinks import session_name

# What VS Code puts into the notebook's names.
_VSCODE = "__vsc_ipynb_file__"
# Connections that are known. Each page that is loaded again brings new ones.
MOST_CONNECTIONS = 100


class Origin:
    """The notebook of this kernel, and the cell that runs."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Know nothing, as before the first cell."""
        self._names: Mapping[str, Any] = {}
        self._told: str | None = None
        # The notebook of each connection, and the one over which the running cell came.
        self._of: dict[str, str] = {}
        self._connection = ""
        self.cell_id: str | None = None
        self.execution_count: int | None = None
        self.raw = ""

    @property
    def notebook(self) -> str | None:
        """The notebook's path; None where nobody says."""
        told = self._of.get(self._connection, self._told)
        if told is not None:
            return told
        said = self._names.get(_VSCODE)
        return said.replace(os.sep, "/") if isinstance(said, str) else session_name()

    def rename(self, path: str | None) -> None:
        """Take note of a path that the front end tells, now and whenever it changes."""
        self._told = path

    def at(self, path: str) -> str:
        """Take note of a path below the server's root, and give the whole of it.

        A kernel is started with the whole path of its notebook, and in its folder. A run's
        notebook must have one name, whether a front end told it or not.
        """
        path = _whole(path)
        self.rename(path)
        return path

    def shared(self, of: Mapping[str, str]) -> None:
        """Take note of the notebooks that share this kernel, by their connections.

        Which of them is looked at says nothing about whose cells run.
        """
        kept = {one: path for one, path in self._of.items() if one not in of}
        whole = {one: _whole(path) for one, path in of.items()}
        self._of = dict(list({**kept, **whole}.items())[-MOST_CONNECTIONS:])

    def watch(self, shell: Any) -> None:
        """Note each cell of a shell before it runs."""
        self._names = shell.user_ns
        self._shell = shell
        shell.events.register("pre_run_cell", self._before)
        session.here.place = self.said

    def leave(self, shell: Any) -> None:
        """Note no more, and forget what was told."""
        shell.events.unregister("pre_run_cell", self._before)
        session.here.place = session.place_at_start
        self.forget()

    def _before(self, info: Any = None) -> None:
        self.cell_id = getattr(info, "cell_id", None)
        self.raw = str(getattr(info, "raw_cell", "") or "")
        asked = self._shell.get_parent() if hasattr(self._shell, "get_parent") else None
        header = asked.get("header") if isinstance(asked, dict) else None
        self._connection = str(header.get("session", "")) if isinstance(header, dict) else ""
        # IPython has counted the cell already, where it counts it at all.
        is_counted = bool(getattr(info, "store_history", False))
        self.execution_count = self._shell.execution_count - 1 if is_counted else None

    def said(self) -> dict[str, Any]:
        """Say it for the record. A front end without ids of cells has their numbers."""
        number = self.execution_count
        cell = self.cell_id or (None if number is None else f"In[{number}]")
        return {"notebook": self.notebook, "cell": cell, "execution_count": number}


here = Origin()


def _whole(path: str) -> str:
    said = session_name() or ""
    folder = path.rpartition("/")[0]
    cwd = Path.cwd().as_posix()
    if said.endswith(f"/{path}"):
        return said
    if not folder or cwd.endswith(f"/{folder}"):
        return f"{cwd.removesuffix(folder).rstrip('/')}/{path}"
    return path


def lines_above() -> int:
    """Count the lines of the running cell above its first words; IPython takes them off."""
    raw = here.raw
    return raw[: len(raw) - len(raw.lstrip())].count("\n")
