"""`%load_ext netflux_nb`: puts the magics, completion and front into a shell, and says so.

With `%autoreload`, names of Functions are swapped for what their modules hold now.
"""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from IPython.core.getipython import get_ipython

from .. import session
from ..core.errors import NoNodeError, RecordError
from ..core.functions.kinds import Function
from ..providers import KEYS
from ..record.unfinished import left_behind
from ..show.parts import numbers
from . import notebook_front
from .config import connect, settings
from .live import board
from .magics.complete import Matcher
from .magics.lookup import Lookup
from .magics.magics import NetfluxMagics
from .origin import here
from .panel import comm

PACKAGE = __name__.partition(".")[0]
_RELOADERS = {"autoreload", "IPython.extensions.autoreload"}


class Swapper:
    """Swaps before each cell, when `%autoreload` has done its work.

    So a name in the notebook means what its reloaded module holds.
    """

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        shell.events.register("pre_run_cell", self._before)
        shell.events.register("post_run_cell", self._after)

    def _before(self, info: Any = None) -> None:
        if not _RELOADERS.isdisjoint(self._shell.extension_manager.loaded):
            _swap(self._shell.user_ns)

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


def _swap(names: MutableMapping[str, Any]) -> None:
    """Let names mean what their modules hold now.

    `%autoreload` does so for Python's functions and classes alone. Nodes that run keep theirs.
    """
    for name, held in list(names.items()):
        if not isinstance(held, Function):
            continue
        module = sys.modules.get(held.home)
        found = getattr(module, held.name, None)
        if isinstance(found, Function) and found is not held and found.name == held.name:
            names[name] = found


@dataclass(frozen=True)
class Extension:
    """The shell that has the extension, and what must be taken out of it again."""

    shell: Any
    matcher: Matcher
    swapper: Swapper
    lookup: Lookup


def load_ipython_extension(shell: Any) -> None:
    """Put it into a shell. Again does nothing."""
    if (before := session.here.get(Extension)) is not None:
        if before.shell is shell:
            return
        unload_ipython_extension(before.shell)
    here.watch(shell)
    connect(shell)
    shell.register_magics(NetfluxMagics)
    matcher = Matcher(shell.user_ns)
    shell.Completer.custom_matchers.append(matcher.matcher)
    notebook_front.install(shell)
    comm.open(shell)
    session.here.keep(Extension(shell, matcher, Swapper(shell), Lookup(shell, NetfluxMagics)))
    sys.stdout.write(f"{greeting()}\n")


def unload_ipython_extension(shell: Any) -> None:
    """Take it out of a shell again. Runs go on."""
    loaded = session.here.get(Extension)
    if loaded is None or loaded.shell is not shell:
        return
    session.here.take(Extension)
    loaded.swapper.leave()
    loaded.lookup.leave()
    comm.close()
    board.close_all()
    notebook_front.uninstall()
    here.leave(shell)
    if loaded.matcher.matcher in shell.Completer.custom_matchers:
        shell.Completer.custom_matchers.remove(loaded.matcher.matcher)
    if settings() in shell.configurables:
        shell.configurables.remove(settings())
    for kind, names in NetfluxMagics.magics.items():
        for name in names:
            shell.magics_manager.magics[kind].pop(name, None)


def setup() -> None:
    """Do what `%load_ext netflux_nb` does.

    Example:
        >>> import netflux_nb
        >>> netflux_nb.setup()  # doctest: +SKIP
    """
    shell = get_ipython()
    if shell is None:
        raise NoNodeError("There is no notebook here. A script needs no `setup()`.")
    load_ipython_extension(shell)


def greeting() -> str:
    """Say in a few words what there is."""
    version = getattr(sys.modules[PACKAGE], "__version__", "")

    with_key = [p.value for p, names in KEYS.items() if any(os.environ.get(n) for n in names)]
    try:
        folder, shown = session.home(), ""
    except RecordError as error:
        folder, shown = None, str(error)
    most = settings().cap_usd
    words = [
        f"netflux_nb {version}",
        f"record: {shown or _shown(folder)}",
        f"key: {', '.join(with_key)}" if with_key else "no key: scripted and recorded only",
        f"cap: {f'{numbers.usd(most)} a day' if most else 'none'}",
    ]
    lines = [" · ".join(words)]
    cut = [] if folder is None else left_behind(folder, here.notebook)
    if cut:
        were = "1 run was" if len(cut) == 1 else f"{len(cut)} runs were"
        lines.append(f"{were} cut off: `%nf resume {cut[-1]}`")
    return "\n".join(lines)


def _shown(folder: Path | None) -> str:
    """Name a folder as it stands from here, where it is below."""
    if folder is None:
        return "off"
    try:
        return str(folder.relative_to(Path.cwd()))
    except (ValueError, FileNotFoundError):  # elsewhere, or what was here is gone
        return folder.name if folder.parent.name == "" else f"…/{folder.parent.name}/{folder.name}"
