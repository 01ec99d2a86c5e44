# ruff: noqa: N999  a row's name
"""B4: the memory that a finished Node of code keeps, with the tree's view held."""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any

from netflux_nb import RunContext, Runtime, function

from . import seed
from .bench import NOT_INSTALLED, Row, exponent, run_alone

SIZES = [1_000, 10_000, 50_000]
SEED_SIZES = [100, 300, 1_000]
BAR = 2_000
# Calls before the count begins: what is made once is not a Node's.
WARM = 50


@function
def nop() -> int:
    """Do nothing."""
    return 0


@function(uses=[nop])
def wide(ctx: RunContext, n: int) -> int:
    """Make n children."""
    for _ in range(n):
        ctx.invoke(nop, {}).result()
    return n


def kept() -> int:
    """Give the bytes that are in use."""
    for _ in range(3):
        gc.collect()
    return tracemalloc.get_traced_memory()[0]


def ours(n: int) -> float:
    """Ours: bytes a Node."""
    with Runtime([wide]) as runtime:
        ctx = runtime.get_ctx()
        runtime.get_view(started(ctx, wide, {"n": WARM}).id)
        before = kept()
        view = runtime.get_view(started(ctx, wide, {"n": n}).id)
        used = kept() - before
        if len(view.children) != n:
            raise RuntimeError("The view does not show all children.")
    return used / n


def netflux(n: int) -> float:
    """The seed: bytes a Node."""
    leaf = seed.code("nop", lambda ctx: 0)
    sizes = iter([WARM, n])

    def body(ctx: Any) -> int:
        for _ in range(next(sizes)):
            ctx.invoke(leaf, {}).result()
        return 0

    fn = seed.code("wide", body, leaf)
    runtime = seed.netflux.Runtime([fn], client_factories={})
    ctx = runtime.get_ctx()
    runtime.get_view(started(ctx, fn, {}).id)
    before = kept()
    view = runtime.get_view(started(ctx, fn, {}).id)
    used = kept() - before
    if len(view.children) != n:
        raise RuntimeError("The view does not show all children.")
    return used / n


def started(ctx: Any, fn: Any, inputs: dict[str, Any]) -> Any:
    """Run a root to its end and give its Node."""
    node = ctx.invoke(fn, inputs)
    node.result()
    return node


def line(found: dict[int, float]) -> str:
    """Write bytes by size, and the exponent."""
    points = ", ".join(f"{n:,}: {b:,.0f} B" for n, b in found.items())
    return f"{points}; n^{exponent(list(found), list(found.values())):.2f}"


def measure() -> list[Row]:
    """Give the rows. Memory does not waver as time does: each size is taken once."""
    tracemalloc.start()
    try:
        mine = {n: ours(n) for n in SIZES}
        theirs = NOT_INSTALLED
        if seed.netflux:
            theirs = line({n: netflux(n) for n in SEED_SIZES})
    finally:
        tracemalloc.stop()
    return [
        Row(
            "B4",
            "memory a finished Node, view kept",
            line(mine),
            f"netflux {theirs}",
            bar="≤ 2 KB",
            passed=max(mine.values()) <= BAR,
        )
    ]


if __name__ == "__main__":
    run_alone(measure)
