"""Settings of a notebook, set with `%config NetfluxNB`."""

from __future__ import annotations

import logging
from difflib import get_close_matches
from typing import Any

from traitlets import Bool, Enum, Float, Int, Unicode, observe
from traitlets.config import SingletonConfigurable

from .. import session
from ..core.errors import ArgumentError
from ..runtime.calls import MAX_DEPTH, MAX_NODES, MAX_RECORD_MB
from ..show.parts import look

logger = logging.getLogger("netflux_nb.jupyter")


class NetfluxNB(SingletonConfigurable):
    """How netflux_nb behaves in this notebook.

    `%config NetfluxNB` lists all of it; `%config NetfluxNB.display = 'text'` sets one.
    """

    display = Enum(
        ("auto", "widget", "html", "text"),
        "auto",
        help="How a run is shown: a live widget, HTML that is renewed, or text. 'auto' finds out.",
    ).tag(config=True)
    live = Bool(True, help="Show a run while it goes on; else only when it has ended.").tag(
        config=True
    )
    static = Bool(
        False, help="Show nothing but the finished, static view: for notebooks that are compared."
    ).tag(config=True)
    stable = Bool(
        False,
        help="Leave out of what is shown what differs from run to run by itself: times and the "
        "names of runs. For notebooks whose outputs are compared.",
    ).tag(config=True)
    rows = Int(
        look.ROWS_IN_SIGHT, min=3, max=60, help="How many rows of a live tree are seen at once."
    ).tag(config=True)
    store = Unicode("", help="Where runs are recorded: a folder, or 'off'.").tag(config=True)
    model = Unicode("", help="The model of agents that name none: 'provider[:model]'.").tag(
        config=True
    )
    cap_usd = Float(
        5.0, min=0.0, help="What this notebook may spend in a day, in USD; 0 is no limit."
    ).tag(config=True)
    max_depth = Int(
        MAX_DEPTH, min=0, help="How many levels of calls a tree may have; 0 is no limit."
    ).tag(config=True)
    max_nodes = Int(MAX_NODES, min=0, help="How many Nodes a tree may have; 0 is no limit.").tag(
        config=True
    )
    max_record_mb = Int(
        MAX_RECORD_MB, min=0, help="How much of record a run may write, in MB; 0 is no limit."
    ).tag(config=True)

    def update_config(self, config: Any) -> None:
        """Take what is set; what is misspelt is named where it was written."""
        super().update_config(config)
        known = self.trait_names(config=True)
        for name in config.get(type(self).__name__, {}):
            if name not in known:
                close = get_close_matches(name, known, 1)
                meant = f" Did you mean {close[0]}?" if close else ""
                raise ArgumentError(f"NetfluxNB has no setting {name[:80]!r}.{meant}")

    @observe("stable")
    def _mask(self, change: Any) -> None:
        session.here.is_stable = bool(change["new"])

    @observe("store", "model", "cap_usd", "max_depth", "max_nodes", "max_record_mb")
    def _configure(self, change: Any) -> None:
        # What runs goes on as it began; the next call has what is set now.
        session.configure(**{change["name"]: change["new"]})


def connect(shell: Any) -> None:
    """Let `%config NetfluxNB` of a shell, and its configuration file, reach the settings."""
    made = settings()
    if shell.config.get("NetfluxNB"):
        try:
            made.update_config(shell.config)
        except ArgumentError as error:  # of a file: what else it says holds
            logger.warning("%s", error)
    if made not in shell.configurables:
        shell.configurables.append(made)


def settings() -> NetfluxNB:
    """Give what is set now."""
    return NetfluxNB.instance()
