"""The shell under the name that its module has in netflux."""

from __future__ import annotations

from .shell import (
    Bash,
    BashCommandTimeoutException,
    BashException,
    BashNonZeroExitCodeException,
    BashRequiresRestartException,
    BashSession,
    BashSessionCrashedException,
    bash,
)

__all__ = [
    "Bash",
    "BashCommandTimeoutException",
    "BashException",
    "BashNonZeroExitCodeException",
    "BashRequiresRestartException",
    "BashSession",
    "BashSessionCrashedException",
    "bash",
]
