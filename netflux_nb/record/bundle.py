"""Runs in one file, for a colleague or a test."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def write(folder: Path, runs: Iterable[str], path: Path) -> None:
    """Write runs into one file."""
    raise NotImplementedError


def opened(path: Path) -> Path:
    """Lay a bundle out as a folder."""
    raise NotImplementedError
