# ruff: noqa: N999  a row's name
"""B3: one parent starts many children, then collects them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from netflux_nb import RunContext, Runtime, function

from . import seed
from .bench import (
    NOT_INSTALLED,
    Row,
    Side,
    Took,
    Watch,
    exponent,
    ratio,
    rounds,
    run_alone,
    show,
    times,
)

SIZES = [1_000, 3_000, 10_000]
# The seed starts a thread a child and copies the siblings: 10,000 would take minutes.
SEED_SIZES = [100, 300, 1_000]


@function
def nop() -> int:
    """Do nothing."""
    return 0


@function(uses=[nop])
def fan(ctx: RunContext, n: int) -> Took:
    """Start n calls, then collect them."""
    with Watch() as watch:
        nodes = [ctx.invoke(nop, {}) for _ in range(n)]
        for node in nodes:
            node.result()
    return watch.each(n)


def ours(n: int) -> Took:
    """Ours."""
    with Runtime([fan]) as runtime:
        took: Took = runtime.get_ctx().invoke(fan, {"n": n}).result()
    return took


def pool(n: int) -> Took:
    """The baseline: a thread pool of the standard library."""
    with ThreadPoolExecutor() as executor, Watch() as watch:
        futures = [executor.submit(int) for _ in range(n)]
        for future in futures:
            future.result()
    return watch.each(n)


def netflux(n: int) -> Took:
    """The seed."""
    leaf = seed.code("nop", lambda ctx: 0)

    def body(ctx: Any) -> Took:
        with Watch() as watch:
            nodes = [ctx.invoke(leaf, {}) for _ in range(n)]
            for node in nodes:
                node.result()
        return watch.each(n)

    took: Took = seed.run(seed.code("fan", body, leaf))
    return took


def measure() -> list[Row]:
    """Give the rows."""
    sides: dict[str, Side] = {}
    for n in SIZES:
        sides[f"ours {n}"] = lambda n=n: ours(n)  # type: ignore[misc]
        sides[f"pool {n}"] = lambda n=n: pool(n)  # type: ignore[misc]
    if seed.netflux:
        for n in SEED_SIZES:
            sides[f"netflux {n}"] = lambda n=n: netflux(n)  # type: ignore[misc]
    found = rounds(sides, warm=False)
    theirs = NOT_INSTALLED
    if seed.netflux:
        costs = [found[f"netflux {n}"].wall for n in SEED_SIZES]
        theirs = ", ".join(f"{n:,}: {show(c)}" for n, c in zip(SEED_SIZES, costs, strict=True))
        theirs += f" a child; n^{exponent(SEED_SIZES, costs):.2f}"
    rows = []
    for n in SIZES:
        mine, other = found[f"ours {n}"], found[f"pool {n}"]
        both = ratio(mine, other)
        rows.append(
            Row(
                "B3",
                f"fan-out of {n:,}, collected, a child",
                str(mine),
                f"netflux {theirs}" if n == SIZES[0] else "",
                f"pool {other}",
                times(both),
                "≤ 1.5 × pool",
                max(both) <= 1.5,
            )
        )
    slope = exponent(SIZES, [found[f"ours {n}"].wall for n in SIZES])
    rows.append(Row("B3", "growth of a child's cost with n", f"n^{slope:.2f}"))
    return rows


if __name__ == "__main__":
    run_alone(measure)
