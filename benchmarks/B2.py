# ruff: noqa: N999  a row's name
"""B2: what the next call costs, by how many siblings there are and how deep it is."""

from __future__ import annotations

from typing import Any

from netflux_nb import RunContext, Runtime, function

from . import seed
from .bench import (
    NOT_INSTALLED,
    ROUNDS,
    Row,
    Sample,
    Took,
    Watch,
    exponent,
    ratio,
    rounds,
    run_alone,
    show,
    times,
)

# Siblings, and how many calls are then timed: in all about as many as one fold takes.
SIBLINGS = {100: 100, 1_000: 700, 10_000: 700, 100_000: 700}
# A window that is short beside its size would miss the fold; so there are more trees.
TREES = {100: 7}
# Code runs in its caller's thread for 50 levels, then goes on in another: a depth of
# 100 or 500 is the last level of a thread, 75 and 475 are in the middle of one.
DEPTHS = [10, 75, 100, 475, 500]
SEED_SIBLINGS = {100: 30, 500: 30, 1_500: 30}
SEED_DEPTHS = [10, 50, 200]
CALLS_DEEP = 700


@function
def nop() -> int:
    """Do nothing."""
    return 0


def timed(ctx: Any, fn: Any, n: int) -> Took:
    """Time n calls, one by one."""
    with Watch() as watch:
        for _ in range(n):
            ctx.invoke(fn, {}).result()
    return watch.each(n)


def mean(all_took: list[Took]) -> Took:
    """Give the mean of windows of one length."""
    n = len(all_took)
    return Took(sum(t.wall for t in all_took) / n, sum(t.cpu for t in all_took) / n)


@function(uses=[nop])
def wide(ctx: RunContext, siblings: int) -> Took:
    """Make siblings, then time the next calls."""
    for _ in range(siblings):
        ctx.invoke(nop, {}).result()
    return timed(ctx, nop, SIBLINGS[siblings])


@function(uses=[nop], uses_recursion=True)
def deep(ctx: RunContext, left: int) -> Took:
    """Go down, then time calls at the bottom."""
    if left > 1:
        took: Took = ctx.invoke(deep, {"left": left - 1}).result()
        return took
    return timed(ctx, nop, CALLS_DEEP)


def ours_wide(siblings: int) -> Took:
    """Ours, with siblings."""
    with Runtime([wide]) as runtime:
        ctx = runtime.get_ctx()
        return mean(
            [
                ctx.invoke(wide, {"siblings": siblings}).result()
                for _ in range(TREES.get(siblings, 1))
            ]
        )


def ours_deep(depth: int) -> Took:
    """Ours, at a depth."""
    with Runtime([deep]) as runtime:
        took: Took = runtime.get_ctx().invoke(deep, {"left": depth}).result()
    return took


def netflux_wide() -> dict[int, Took]:
    """The seed with siblings: one tree, timed on its way."""
    leaf = seed.code("nop", lambda ctx: 0)

    def body(ctx: Any) -> dict[int, Took]:
        found: dict[int, Took] = {}
        made = 0
        for siblings, n in SEED_SIBLINGS.items():
            timed(ctx, leaf, siblings - made)
            found[siblings] = timed(ctx, leaf, n)
            made = siblings + n
        return found

    found: dict[int, Took] = seed.run(seed.code("wide", body, leaf))
    return found


def netflux_deep(depth: int) -> Took:
    """The seed at a depth. It lets code call itself though nothing says so."""
    leaf = seed.code("nop", lambda ctx: 0)
    left = [depth]

    def body(ctx: Any) -> Any:
        left[0] -= 1
        if left[0] > 0:
            return ctx.invoke(dig, {}).result()
        return timed(ctx, leaf, 20)

    dig = seed.code("deep", body, leaf)
    took: Took = seed.run(dig)
    return took


def line(found: dict[int, Sample]) -> str:
    """Write costs by size, and the exponent."""
    sizes = list(found)
    costs = [found[s].wall for s in sizes]
    points = ", ".join(f"{s:,}: {show(c)}" for s, c in zip(sizes, costs, strict=True))
    return f"{points}; n^{exponent(sizes, costs):.2f}"


def measure() -> list[Row]:
    """Give the rows."""
    by_width = rounds(
        {str(s): lambda s=s: ours_wide(s) for s in SIBLINGS},  # type: ignore[misc]
        warm=False,
    )
    by_depth = rounds({str(d): lambda d=d: ours_deep(d) for d in DEPTHS})  # type: ignore[misc]
    wide_line = {s: by_width[str(s)] for s in SIBLINGS}
    deep_line = {d: by_depth[str(d)] for d in DEPTHS}
    seed_wide = seed_deep = f"netflux {NOT_INSTALLED}"
    if seed.netflux:
        seen = [netflux_wide() for _ in range(ROUNDS)]
        seed_wide = "netflux " + line(
            {s: Sample(tuple(one[s] for one in seen)) for s in SEED_SIBLINGS}
        )
        dug = rounds(
            {str(d): lambda d=d: netflux_deep(d) for d in SEED_DEPTHS},  # type: ignore[misc]
            warm=False,
        )
        seed_deep = "netflux " + line({d: dug[str(d)] for d in SEED_DEPTHS})
    widths, depths = list(SIBLINGS), list(DEPTHS)
    grown = ratio(wide_line[widths[-1]], wide_line[widths[0]])
    deeper = ratio(deep_line[depths[-1]], deep_line[depths[0]])
    return [
        Row(
            "B2",
            "the next call, by siblings",
            line(wide_line),
            seed_wide,
            "ours at 100",
            times(grown),
            "≤ 1.2 × from 100 to 100,000",
            max(grown) <= 1.2,
        ),
        Row(
            "B2",
            "the next call, by depth",
            line(deep_line),
            seed_deep,
            "ours at 10",
            times(deeper),
            "≤ 1.5 × from 10 to 500",
            max(deeper) <= 1.5,
        ),
    ]


if __name__ == "__main__":
    run_alone(measure)
