# ruff: noqa: N999  a row's name
"""B12: the record asked with SQL: a tree of 10,000 Nodes, and tokens over 1,000 runs."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from netflux_nb import Runtime, agent, function, gather
from netflux_nb.record.journal import Journal
from netflux_nb.record.retention import compact
from netflux_nb.record.sql.store import sql
from netflux_nb.testing import ScriptedModel

from .bench import Row, Took, Watch, rounds, run_alone, show

WIDTH = 99
DEPTH = 102
NODES = 1 + DEPTH * WIDTH
RUNS = 1_000
ACTS = 50
BAR_S = 0.2
USAGE = """
    SELECT provider, model, sum(requests)::BIGINT AS requests,
        sum(input_tokens)::BIGINT AS input_tokens, sum(output_tokens)::BIGINT AS output_tokens
    FROM usage GROUP BY provider, model
"""


@function
def leaf(x: int) -> int:
    """Give what it was given."""
    return x


@function(uses=[leaf])
def branch(n: int) -> int:
    """Call many."""
    return sum(gather(*(leaf.start(x=n * WIDTH + i) for i in range(WIDTH - 1))))


@function(uses=[branch])
def tree(n: int) -> int:
    """Call many that call many."""
    return sum(branch(n=i) for i in range(n))


asks = agent("asks(q: str)", "{q}", model="scripted")


def _folder() -> Path:
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def recorded() -> tuple[Path, Path, Path, Path]:
    """Record both, as lines and packed."""
    one, many = _folder(), _folder()
    with Journal(one) as journal, Runtime([tree], sink=journal) as runtime:
        runtime.get_ctx().invoke(tree, {"n": DEPTH}).result()
    models = {"scripted": ScriptedModel(lambda request: "Well. " * 40)}
    with Journal(many) as journal, Runtime([asks], models=models, sink=journal) as runtime:
        for n in range(RUNS):
            runtime.get_ctx().invoke(asks, {"q": f"Question {n}?"}).result()
    packed = _folder(), _folder()
    for source, target in zip((one, many), packed, strict=True):
        shutil.copytree(source, target, dirs_exist_ok=True)
        compact(target)
    return one, many, *packed


def nodes(place: int) -> Took:
    """Ours: the whole tree as a DataFrame."""
    folder = recorded()[place]
    with Watch() as watch:
        found = sql("SELECT * FROM nodes", folder)
    if len(found) != NODES:
        raise RuntimeError(f"The tree has {len(found)} Nodes; the row says {NODES}.")
    return watch.each(1)


def usage(place: int) -> Took:
    """Ours: tokens by provider and model."""
    folder = recorded()[place]
    with Watch() as watch:
        found = sql(USAGE, folder)
    if found.requests.tolist() != [RUNS]:
        raise RuntimeError(f"There are {found.requests.tolist()} requests; the row says {RUNS}.")
    return watch.each(1)


def visible() -> int:
    """Count the effects whose beginning the record shows at the moment they act."""
    folder = _folder()
    seen = []

    @function(effect="mail")
    def acts(n: int) -> None:
        found = sql("SELECT inputs->'n'->>'json' AS n FROM nodes WHERE effect = 'mail'", folder)
        seen.append(str(n) in found.n.tolist())

    with Journal(folder) as journal, Runtime([acts], sink=journal) as runtime:
        for n in range(ACTS):
            runtime.get_ctx().invoke(acts, {"n": n}).result()
    return sum(seen)


def measure() -> list[Row]:
    """Give the rows."""
    found = rounds(
        {
            "nodes": lambda: nodes(0),
            "nodes packed": lambda: nodes(2),
            "usage": lambda: usage(1),
            "usage packed": lambda: usage(3),
        }
    )
    seen = visible()
    texts = {
        "nodes": f"a tree of {NODES:,} Nodes → DataFrame",
        "usage": f"tokens over {RUNS:,} runs",
    }
    rows = [
        Row(
            "B12",
            text,
            f"lines {found[name]}; packed {found[f'{name} packed']}",
            bar=f"≤ {show(BAR_S)}",
            passed=max(found[name].wall, found[f"{name} packed"].wall) <= BAR_S,
        )
        for name, text in texts.items()
    ]
    acted = f"{ACTS} effects, each seen with SQL before it acts"
    return [*rows, Row("B12", acted, f"{seen} of {ACTS}", bar="all", passed=seen == ACTS)]


if __name__ == "__main__":
    run_alone(measure)
