"""Questions to people, answered by hand. To be replaced by the one that people's part brings."""

from __future__ import annotations

import getpass
import os
from typing import Any

from ..core.errors import NoNodeError
from ..run import Run
from ..session import roots
from ..show.shown import Shown
from ..show.tables import table


def _waiting() -> list[tuple[Run, Any]]:
    return [(Run.of(r), node) for r in roots() if not r.is_done for node in Run.of(r).pending()]


def pending() -> Shown:
    """List what waits for a person."""
    rows = [[n.id, n.fn.name, n.held.on.kind, n.held.on.what] for _, n in _waiting()]
    return table(rows, ["#", "Function", "wants", "question"], title="Waiting for a person")


def _one(which: str) -> Any:
    found = [node for _, node in _waiting() if which in ("", str(node.id))]
    if len(found) != 1:
        raise NoNodeError(f"{len(found)} Nodes wait. `%nf pending` lists them.")
    return found[0]


def approve(which: str = "") -> Any:
    """Say yes."""
    node = _one(which)
    node.runtime.answer(node, True)


def reject(which: str = "", reason: str = "") -> Any:
    """Say no."""
    node = _one(which)
    node.runtime.answer(node, False, reason=reason)


def answer(which: str, value: Any) -> Any:
    """Answer a question."""
    node = _one(which)
    node.runtime.answer(node, value)


def cancel(which: str = "") -> Any:
    """Stop a tree or a subtree."""
    going = [root for root in roots() if not root.is_done]
    for root in going:
        if which in ("", str(root.id)):
            root.cancel()


def who() -> str:
    """Name who answers here: the user of the Hub, else of the system; "unknown" where unknown."""
    try:
        name = os.environ.get("JUPYTERHUB_USER") or getpass.getuser()
    except (OSError, KeyError, ImportError):
        name = ""
    return name or "unknown"
