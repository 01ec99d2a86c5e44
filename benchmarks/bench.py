"""The harness: interleaved rounds, medians, CPU time beside wall time, one table.

One row runs at a time, and inside a row one side at a time. Every side of a row is
measured in the same round, in turn, so that a busy machine is unfair to all alike.
"""

from __future__ import annotations

import datetime
import gc
import importlib
import json
import math
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from types import ModuleType, TracebackType

ROUNDS = 5
NOT_INSTALLED = "not installed"


@dataclass(frozen=True, slots=True)
class Took:
    """What one operation took, in seconds: on the wall, and of all threads' CPU."""

    wall: float
    cpu: float


class Watch:
    """A stopwatch for a `with` block. Ask it afterwards what each of n things took."""

    def __enter__(self) -> Watch:
        self._cpu = time.process_time()
        self._wall = time.perf_counter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._wall = time.perf_counter() - self._wall
        self._cpu = time.process_time() - self._cpu

    def each(self, n: int) -> Took:
        """Give the time of one of n."""
        return Took(self._wall / n, self._cpu / n)


@dataclass(frozen=True, slots=True)
class Sample:
    """All rounds of one side."""

    rounds: tuple[Took, ...]

    @property
    def wall(self) -> float:
        """The median on the wall."""
        return statistics.median(t.wall for t in self.rounds)

    @property
    def cpu(self) -> float:
        """The median of CPU."""
        return statistics.median(t.cpu for t in self.rounds)

    def __str__(self) -> str:
        return f"{show(self.wall)} (cpu {show(self.cpu)})"


Side = Callable[[], Took]


def rounds(
    sides: Mapping[str, Side], count: int = ROUNDS, *, warm: bool = True
) -> dict[str, Sample]:
    """Measure every side once a round, each round in another order."""
    names = list(sides)
    if warm:
        for name in names:
            sides[name]()
    found: dict[str, list[Took]] = {name: [] for name in names}
    for turn in range(count):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            gc.collect()  # nobody pays for another's garbage
            found[name].append(sides[name]())
    return {name: Sample(tuple(times)) for name, times in found.items()}


def ratio(ours: Sample, other: Sample) -> tuple[float, float]:
    """Give how many times the other's, on the wall and of CPU: medians over rounds."""
    pairs = list(zip(ours.rounds, other.rounds, strict=True))
    wall = statistics.median(a.wall / b.wall for a, b in pairs)
    cpu = statistics.median(a.cpu / max(b.cpu, 1e-9) for a, b in pairs)
    return wall, cpu


def times(both: tuple[float, float]) -> str:
    """Write a ratio."""
    return f"{both[0]:.2f} × (cpu {both[1]:.2f} ×)"


def exponent(sizes: Sequence[int], costs: Sequence[float]) -> float:
    """Give k where cost grows as size to the k: a straight line through the logarithms."""
    xs = [math.log(s) for s in sizes]
    ys = [math.log(c) for c in costs]
    return statistics.linear_regression(xs, ys).slope


def percentile(values: Sequence[float], share: float) -> float:
    """Give the value that this share of all lies below."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def show(seconds: float) -> str:
    """Write a time with three digits."""
    for size, unit in ((1.0, "s"), (1e-3, "ms")):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def peer(name: str) -> ModuleType | None:
    """Give a peer's module; None where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def unusable(module: str, side: Side) -> str:
    """Say why a peer cannot be measured; nothing where it can. Warms it up."""
    if peer(module) is None:
        return NOT_INSTALLED
    try:
        side()
    except Exception as error:  # noqa: BLE001  a peer's newer release may do things its way
        return f"failed: {type(error).__name__}"
    return ""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `passed` is None where there is no bar."""

    row: str
    workload: str
    ours: str
    peer: str = ""
    baseline: str = ""
    ratio: str = ""
    bar: str = ""
    passed: bool | None = None

    def cells(self) -> list[str]:
        """Give what stands in each column."""
        passed = {True: "yes", False: "NO", None: "–"}[self.passed]
        texts = [getattr(self, f.name) for f in fields(self)[:-1]]
        return [*texts, passed]


HEADS = ["row", "workload", "ours", "peer", "baseline", "ratio", "bar", "pass"]


def markdown(rows: Sequence[Row]) -> str:
    """Write the table."""
    lines = [HEADS, ["---"] * len(HEADS), *(r.cells() for r in rows)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def machine() -> str:
    """Say on what this was measured."""
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    return (
        f"{os.cpu_count()} CPUs, {platform.machine()}, {platform.system()}; "
        f"{platform.python_implementation()} {platform.python_version()}; {today}"
    )


def run_alone(measure: Callable[[], list[Row]]) -> None:
    """Run one row as a program. With `--json`, print what `__main__` reads."""
    rows = measure()
    if "--json" in sys.argv[1:]:
        print(json.dumps([asdict(r) for r in rows]))
    else:
        print(machine())
        print(markdown(rows))
