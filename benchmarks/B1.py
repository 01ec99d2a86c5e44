# ruff: noqa: N999  a row's name
"""B1: one call of code that does nothing, one after the other."""

from __future__ import annotations

import atexit
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, TypedDict

from netflux_nb import RunContext, Runtime, function
from netflux_nb.record.journal import Journal

from . import seed
from .bench import (
    NOT_INSTALLED,
    Row,
    Side,
    Took,
    Watch,
    ratio,
    rounds,
    run_alone,
    times,
    unusable,
)

CALLS = 1_000
ROOTS = 300
STEPS = 100


@function
def nop() -> int:
    """Do nothing."""
    return 0


@function(uses=[nop])
def in_tree(ctx: RunContext) -> Took:
    """Call `nop` many times from one body."""
    with Watch() as watch:
        for _ in range(CALLS):
            ctx.invoke(nop, {}).result()
    return watch.each(CALLS)


def ours_in_tree() -> Took:
    """Ours, from inside a tree."""
    with Runtime([in_tree]) as runtime:
        took: Took = runtime.get_ctx().invoke(in_tree, {}).result()
    return took


def recorded() -> Took:
    """Ours, from inside a tree, every event kept on disk."""
    with (
        tempfile.TemporaryDirectory(dir=Path(__file__).parent) as folder,
        Journal(folder) as journal,
        Runtime([in_tree], sink=journal) as runtime,
    ):
        took: Took = runtime.get_ctx().invoke(in_tree, {}).result()
    return took


def ours_roots() -> Took:
    """Ours, each call a root: the caller is no Node, so another thread runs it."""
    with Runtime([nop]) as runtime:
        ctx = runtime.get_ctx()
        ctx.invoke(nop, {}).result()
        with Watch() as watch:
            for _ in range(ROOTS):
                ctx.invoke(nop, {}).result()
    return watch.each(ROOTS)


def pool(n: int = CALLS) -> Took:
    """The baseline: a thread pool of the standard library."""
    with ThreadPoolExecutor() as executor:
        executor.submit(int).result()
        with Watch() as watch:
            for _ in range(n):
                executor.submit(int).result()
    return watch.each(n)


def netflux_in_tree() -> Took:
    """The seed, from inside a tree."""
    leaf = seed.code("nop", lambda ctx: 0)

    def body(ctx: Any) -> Took:
        with Watch() as watch:
            for _ in range(CALLS):
                ctx.invoke(leaf, {}).result()
        return watch.each(CALLS)

    took: Took = seed.run(seed.code("in_tree", body, leaf))
    return took


def netflux_roots() -> Took:
    """The seed, each call a root."""
    leaf = seed.code("nop", lambda ctx: 0)
    ctx = seed.netflux.Runtime([leaf], client_factories={}).get_ctx()
    with Watch() as watch:
        for _ in range(ROOTS):
            ctx.invoke(leaf, {}).result()
    return watch.each(ROOTS)


class State(TypedDict):
    """What LangGraph's one node reads and writes."""

    n: int


def langgraph(saver: Any = None) -> Took:
    """A graph of one node."""
    from langgraph.graph import END, START, StateGraph

    graph: Any = StateGraph(State)
    graph.add_node("nop", lambda state: {"n": 0})
    graph.add_edge(START, "nop")
    graph.add_edge("nop", END)
    app = graph.compile(checkpointer=saver)
    config = {"configurable": {"thread_id": "1"}}
    app.invoke({"n": 0}, config)
    with Watch() as watch:
        for _ in range(STEPS):
            app.invoke({"n": 0}, config)
    return watch.each(STEPS)


def langgraph_sqlite() -> Took:
    """The same, with its store in a file."""
    from langgraph.checkpoint.sqlite import SqliteSaver

    with (
        tempfile.TemporaryDirectory() as folder,
        SqliteSaver.from_conn_string(str(Path(folder) / "store.db")) as saver,
    ):
        return langgraph(saver)


def burr() -> Took:
    """An application of one action, stepped."""
    from burr.core import ApplicationBuilder, action

    @action(reads=[], writes=["n"])  # type: ignore[untyped-decorator]
    def step(state: Any) -> Any:
        return state.update(n=0)

    app = (
        ApplicationBuilder()
        .with_actions(step=step)
        .with_transitions(("step", "step"))
        .with_state(n=0)
        .with_entrypoint("step")
        .build()
    )
    app.step()
    with Watch() as watch:
        for _ in range(STEPS):
            app.step()
    return watch.each(STEPS)


@cache
def dbos_flow() -> Any:
    """A durable flow of empty steps. DBOS is one for a whole process: made once, kept."""
    from dbos import DBOS

    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    DBOS(
        config={
            "name": "bench",
            "system_database_url": f"sqlite:///{folder.name}/system.sqlite",
            "run_admin_server": False,
            "log_level": "ERROR",
        }
    )

    @DBOS.step()
    def empty() -> int:
        return 0

    @DBOS.workflow()
    def flow(n: int) -> None:
        for _ in range(n):
            empty()

    DBOS.launch()
    atexit.register(DBOS.destroy)
    flow(1)
    return flow


def dbos() -> Took:
    """A durable flow, a step each, its store in a file."""
    flow = dbos_flow()
    with Watch() as watch:
        flow(STEPS)
    return watch.each(STEPS)


PEERS: dict[str, tuple[str, Side]] = {
    "netflux": ("netflux", netflux_in_tree),
    "LangGraph": ("langgraph", langgraph),
    "LangGraph, SQLite": ("langgraph.checkpoint.sqlite", langgraph_sqlite),
    "Burr": ("burr", burr),
    "DBOS, SQLite": ("dbos", dbos),
}


def measure() -> list[Row]:
    """Give the rows."""
    sides: dict[str, Side] = {"ours": ours_in_tree, "recorded": recorded, "pool": pool}
    missing = {name: unusable(module, side) for name, (module, side) in PEERS.items()}
    sides |= {name: PEERS[name][1] for name, why in missing.items() if not why}
    found = rounds(sides)
    peers = "; ".join(f"{name} {found.get(name) or missing[name]}" for name in PEERS)
    both = ratio(found["ours"], found["pool"])
    kept = ratio(found["recorded"], found["pool"])

    root_sides: dict[str, Side] = {"ours": ours_roots, "pool": lambda: pool(ROOTS)}
    if seed.netflux:
        root_sides["netflux"] = netflux_roots
    roots = rounds(root_sides)
    return [
        Row(
            "B1",
            f"{CALLS:,} calls one by one in one tree",
            str(found["ours"]),
            peers,
            f"pool {found['pool']}",
            times(both),
            "≤ 1 × pool",
            max(both) <= 1.0,
        ),
        Row(
            "B1",
            f"{CALLS:,} calls one by one in one tree, recorded",
            str(found["recorded"]),
            "",
            f"pool {found['pool']}",
            times(kept),
            "≤ 2 × pool",
            max(kept) <= 2.0,
        ),
        Row(
            "B1",
            f"{ROOTS} roots one by one, run by another thread",
            str(roots["ours"]),
            f"netflux {roots.get('netflux', NOT_INSTALLED)}",
            f"pool {roots['pool']}",
            times(ratio(roots["ours"], roots["pool"])),
        ),
    ]


if __name__ == "__main__":
    run_alone(measure)
