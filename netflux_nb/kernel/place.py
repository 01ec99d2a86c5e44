"""Where a run is begun: the notebook and the cell, as far as the front end tells."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..runtime.recording import set_place

# What VS Code puts into the notebook's names.
_VSCODE = "__vsc_ipynb_file__"


class Place:
    """The notebook of this kernel, and the cell that runs."""

    def __init__(self) -> None:
        self._names: Mapping[str, Any] = {}
        self._told: str | None = None
        self.cell_id: str | None = None
        self.execution_count: int | None = None
        self.raw = ""

    @property
    def notebook(self) -> str | None:
        """The notebook's path; None where nobody says."""
        if self._told is not None:
            return self._told
        said = self._names.get(_VSCODE)
        return said if isinstance(said, str) else os.environ.get("JPY_SESSION_NAME")

    def rename(self, path: str | None) -> None:
        """Take note of a path that the front end tells, now and whenever it changes."""
        self._told = path

    def at(self, path: str) -> str:
        """Take note of a path below the server's root, and give the whole of it.

        A kernel is started with the whole path of its notebook, and in its folder. A run's
        notebook must have one name, whether a front end told it or not.
        """
        said = os.environ.get("JPY_SESSION_NAME", "")
        folder = path.rpartition("/")[0]
        cwd = Path.cwd().as_posix()
        if said.endswith(f"/{path}"):
            path = said
        elif not folder or cwd.endswith(f"/{folder}"):
            path = f"{cwd.removesuffix(folder).rstrip('/')}/{path}"
        self.rename(path)
        return path

    def watch(self, shell: Any) -> None:
        """Note each cell of a shell before it runs."""
        self._names = shell.user_ns
        self._shell = shell
        shell.events.register("pre_run_cell", self._before)
        set_place(self.said)

    def leave(self, shell: Any) -> None:
        """Note no more."""
        shell.events.unregister("pre_run_cell", self._before)

    def _before(self, info: Any = None) -> None:
        self.cell_id = getattr(info, "cell_id", None)
        self.raw = str(getattr(info, "raw_cell", "") or "")
        # IPython has counted the cell already, where it counts it at all.
        is_counted = bool(getattr(info, "store_history", False))
        self.execution_count = self._shell.execution_count - 1 if is_counted else None

    def said(self) -> dict[str, Any]:
        """Say it for the record. A front end without ids of cells has their numbers."""
        number = self.execution_count
        cell = self.cell_id or (None if number is None else f"In[{number}]")
        return {"notebook": self.notebook, "cell": cell, "execution_count": number}


here = Place()


def above() -> int:
    """Count the lines of the running cell above its first words; IPython takes them off."""
    raw = here.raw
    return raw[: len(raw) - len(raw.lstrip())].count("\n")
