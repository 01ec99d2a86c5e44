"""Short ways to write the peer `netflux`'s Functions, where it is installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .bench import peer

netflux: Any = peer("netflux")


def code(name: str, body: Callable[..., Any], *uses: Any) -> Any:
    """Make one of its code Functions, without arguments."""
    return netflux.CodeFunction(name=name, desc=name, args=[], callable=body, uses=uses)


def run(fn: Any) -> Any:
    """Run one as a root of a fresh runtime and give its value."""
    runtime = netflux.Runtime([fn], client_factories={})
    return runtime.get_ctx().invoke(fn, {}).result()
