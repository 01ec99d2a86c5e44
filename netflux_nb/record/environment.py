"""The environment of a run: Python, the platform, the packages, the git state."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..core.secrets.redaction import withheld

# A repository that answers more slowly than this is not waited for.
GIT_S = 5.0


def environment(folder: Path) -> dict[str, Any]:
    """Describe this machine, as far as a result may depend on it."""
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": platform.platform(),
        "executable": Path(sys.executable).name,
        "packages": dict(packages()),
        "git": git_state(folder),
    }


@cache
def packages() -> Mapping[str, str]:
    """Give the version of every installed distribution, as they were when first asked for."""
    from importlib import metadata  # slow to import, and not needed before a first run

    found: dict[str, str] = {}
    for one in metadata.distributions():
        name = one.metadata["Name"] if one.metadata is not None else None
        if name:
            found.setdefault(name, one.version)
    return MappingProxyType(dict(sorted(found.items())))


def git_state(folder: Path) -> dict[str, Any] | None:
    """Give the commit that the code is at, and whether it was changed since."""
    words = _git(folder, "status", "--porcelain=v2", "--branch", "--untracked-files=no")
    if words is None:
        return None
    lines = words.splitlines()
    heads = [line.split()[-1] for line in lines if line.startswith("# branch.oid")]
    return {
        "head": heads[0] if heads else None,
        "dirty": any(not line.startswith("#") for line in lines),
    }


def _git(folder: Path, *words: str) -> str | None:
    import subprocess

    command = ["git", "--no-optional-locks", "-C", str(folder), *words]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=GIT_S,
            check=False,
            env={name: value for name, value in os.environ.items() if not withheld(name, value)},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None
