"""Between a person and the runs of a notebook. To be replaced by the one of people's part."""

from __future__ import annotations

from typing import Any


def install(shell: Any) -> None:
    """Let this kernel's calls be shown, asked and stopped here."""


def uninstall() -> None:
    """Take it all back."""
