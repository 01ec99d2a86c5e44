"""Who sits at this notebook, what waits for them, and their answers."""

from __future__ import annotations

import getpass
import os


def who() -> str:
    """Name who answers here: the user of the Hub, else of the system; "unknown" where unknown."""
    try:
        name = os.environ.get("JUPYTERHUB_USER") or getpass.getuser()
    except (OSError, KeyError, ImportError):
        name = ""
    return name or "unknown"
