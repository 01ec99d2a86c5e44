"""The host of a process's runtimes: its record, its notebook, its process-wide settings."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..core.secrets.patterns import Patterns
from ..core.slots import Slot
from .observe import Sink

# True: where records are kept by default; a text: this folder; False: nowhere.
Where = bool | str | os.PathLike[str]

# How a person goes on with a run where they are, and how they answer what waits there.
Lines = tuple[Callable[[str], str], str]
LINES: Lines = (
    lambda run: f'runs["{run}"].resume()',
    "`runs.last.approve()`, `.reject(...)` or `.answer(...)` answers it here",
)


class Notes:
    """Small facts, by name, that are kept for later runs. Here they last as long as the process."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.facts: dict[str, Any] = {}

    @contextmanager
    def turn(self) -> Iterator[dict[str, Any]]:
        """Give the facts, to be read and changed: nobody else changes them meanwhile."""
        with self.lock:
            yield self.facts


class Host:
    """The process as its runtimes see it. Without a session it is empty."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Be as at the start of a process."""
        # What is not to be kept, for all records and looks.
        self.patterns = Patterns()
        # What takes keys out of shown text, and what it gave: `safe` looks after it.
        self.door: Any = None
        # In which notebook and cell a run is begun.
        self.place: Callable[[], Mapping[str, Any]] = dict
        self.lines = LINES
        # The folders that bundles were laid out in, and the name of each bundle.
        self.bundles: dict[Path, str] = {}
        # What differs from run to run by itself is left out of what is shown.
        self.is_stable = False
        self.noted: dict[str, Notes] = {}
        # The state that Functions with contracts share; the room of the state looks after it.
        self.state: Any = None
        # The rules that hold here, where there are some; that room looks after them too.
        self.audit: Any = None

    def sink(self, where: Where) -> Sink | None:
        """Open a record there; None where runs are not recorded."""
        return None

    def notes(self, name: str) -> Notes:
        """Give the notes of this name. They stand beside the records, where there are some."""
        return self.noted.setdefault(name, Notes())


# The session of this process.
host = Slot(Host())
