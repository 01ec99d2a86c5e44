"""`%autoreload` and Functions: a name in the notebook means what its reloaded module holds."""

from __future__ import annotations

import sys
from collections.abc import MutableMapping
from typing import Any

from ..core.functions.kinds import Function

_RELOADERS = {"autoreload", "IPython.extensions.autoreload"}


def swap(names: MutableMapping[str, Any]) -> list[str]:
    """Let names mean what their modules hold now, and give those that do.

    `%autoreload` does so for Python's functions and classes alone. Nodes that run keep theirs.
    """
    swapped = []
    for name, held in list(names.items()):
        if not isinstance(held, Function):
            continue
        module = sys.modules.get(held.home)
        found = getattr(module, held.name, None)
        if isinstance(found, Function) and found is not held and found.name == held.name:
            names[name] = found
            swapped.append(name)
    return swapped


class Swapper:
    """Swaps before each cell, when `%autoreload` has done its work."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        shell.events.register("pre_run_cell", self._before)
        shell.events.register("post_run_cell", self._after)

    def _before(self, info: Any = None) -> None:
        if not _RELOADERS.isdisjoint(self._shell.extension_manager.loaded):
            swap(self._shell.user_ns)

    def _after(self, result: Any = None) -> None:
        # Who is registered later is told later: behind what this cell has loaded.
        events = self._shell.events
        if events.callbacks["pre_run_cell"][-1] != self._before:
            events.unregister("pre_run_cell", self._before)
            events.register("pre_run_cell", self._before)

    def leave(self) -> None:
        """Swap no more."""
        self._shell.events.unregister("pre_run_cell", self._before)
        self._shell.events.unregister("post_run_cell", self._after)
