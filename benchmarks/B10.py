# ruff: noqa: N999  a row's name
"""B10: a recorded tree served again and compared, with a thousand answers of models in it."""

from __future__ import annotations

import tempfile

from netflux_nb import Runtime, agent, function
from netflux_nb.record.journal import Journal
from netflux_nb.replay.begin import replay
from netflux_nb.replay.recording import Recording
from netflux_nb.testing import ScriptedModel

from .bench import Row, Took, Watch, exponent, rounds, run_alone

# One agent and eight calls of code each, and their parent.
PARTS = [100, 300, 1_000]
NODES = 10
BAR = 20_000


@function
def leaf(x: int) -> int:
    """Give a number."""
    return x


speak = agent("speak(x: int)", "Say {x}", model="scripted")


@function(uses=[leaf, speak])
def part(n: int) -> int:
    """Ask an agent, and call code."""
    speak(x=n)
    return sum(leaf(x=i) for i in range(NODES - 2))


@function(uses=[part])
def tree(n: int) -> int:
    """Do n parts."""
    return sum(part(n=i) for i in range(n))


_recorded: dict[int, Recording] = {}


def recorded(n: int) -> Recording:
    """Record a tree once."""
    if n not in _recorded:
        folder = tempfile.mkdtemp()
        models = {"scripted": ScriptedModel(lambda request: "said")}
        with Journal(folder) as journal, Runtime([tree], models=models, sink=journal) as runtime:
            runtime.get_ctx().invoke(tree, {"n": n}).result()
        _recorded[n] = Recording(folder)
    return _recorded[n]


def ours(n: int) -> Took:
    """Ours: run the code again, serve the agents, compare every Node."""
    recording = recorded(n)
    recording.view  # noqa: B018  folded once, as when a person looks at it
    with Watch() as watch:
        done = replay(recording, tree)
        is_same = done.is_same
    if not is_same or done.tally.requests != n:
        raise RuntimeError("The replay did not serve everything.")
    return watch.each(1)


def load(n: int) -> Took:
    """Ours: read the record, check its chain, and make it answer."""
    folder = recorded(n).folder
    with Watch() as watch:
        Recording(folder)
    return watch.each(1)


def measure() -> list[Row]:
    """Give the row."""
    found = rounds(
        {f"replay {n}": lambda n=n: ours(n) for n in PARTS}
        | {f"load {n}": lambda n=n: load(n) for n in PARTS}
    )
    sizes = [1 + n * NODES for n in PARTS]
    cpu = exponent(sizes, [found[f"replay {n}"].cpu for n in PARTS])
    speeds = [size / found[f"replay {n}"].wall for size, n in zip(sizes, PARTS, strict=True)]
    points = ", ".join(
        f"{size:,}: {speed:,.0f} Nodes/s" for size, speed in zip(sizes, speeds, strict=True)
    )
    largest = PARTS[-1]
    return [
        Row(
            "B10",
            f"replay of a recorded tree, {largest:,} agents served, every Node compared",
            f"{points}; n^{cpu:.2f}",
            "agentic-flows calls the agents again",
            f"opening the record {found[f'load {largest}']}",
            bar=f"10,001 Nodes ≥ {BAR:,} Nodes/s, no key",
            passed=speeds[-1] >= BAR,
        )
    ]


if __name__ == "__main__":
    run_alone(measure)
