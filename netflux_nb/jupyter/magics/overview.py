"""The overview that `%nf` alone shows: live runs, pending questions, the money of today."""

from __future__ import annotations

from ... import session
from ...run import Run
from ...runtime.runtime import KEEP_TREES
from ...show.parts import numbers
from ...show.parts.html import message
from ...show.parts.shown import Shown
from ...show.parts.tables import Column, table
from ..panel import comm

MOST_ROWS = 20


def now() -> Shown:
    """Say what runs, what waits and what was spent."""
    roots = session.roots()
    going = [root for root in roots if not root.is_done]
    title = (
        f"{numbers.count(len(going), 'run')} going on, {_ended(len(roots) - len(going))} ended here; "
        f"{_spent()}."
    )
    if not going:
        beside = " All runs are in the panel on the left, too." if comm.is_heard() else ""
        return message(f"{title}{beside} `%nf help` lists what can be asked.")
    rows = []
    for root in reversed(going):
        view = root.view()
        waits = len(Run.of(root).pending())
        rows.append([root.id, view.fn.name, view.state.value, waits, numbers.usd(view.bill().usd)])
    words = ("Function", "state", "waiting for you", "money")
    titles = [Column("#", is_number=True), *map(Column, words)]
    return table(rows, titles, title=title, most_rows=MOST_ROWS)


def _ended(known: int) -> str:
    """Say how many ended: a runtime forgets the oldest."""
    return f"{known:,}{' or more' if known >= KEEP_TREES else ''}"


def _spent() -> str:
    """Say what this notebook spent today, and of how much."""
    found = session.spent()
    words = f"{numbers.usd(found.paid.usd)} spent today"
    if found.cap_usd is not None:
        words += f" of {numbers.usd(found.cap_usd)}"
    if found.paid.unknown:
        words += f"; price unknown: {', '.join(found.paid.unknown[:4])}"
    return words
