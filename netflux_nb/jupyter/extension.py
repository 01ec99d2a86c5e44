"""`%load_ext netflux_nb`: puts the magics, completion and front into a shell, and says so."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from IPython.core.getipython import get_ipython

from .. import session
from ..core.errors import NoNodeError, RecordError
from ..providers import KEYS
from ..record.unfinished import left_behind
from ..show.parts import numbers
from . import notebook_front
from .autoreload import Swapper
from .config import connect, settings
from .live import board
from .magics.complete import Matcher
from .magics.lookup import Lookup
from .magics.magics import NetfluxMagics
from .origin import here
from .panel import comm

PACKAGE = __name__.partition(".")[0]


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
