# ruff: noqa: N999  a row's name
"""B9: what a conversation takes on disk: turns of new text, after a transcript that grows."""

from __future__ import annotations

import operator
import random
import tempfile
import zlib
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypedDict

from netflux_nb import Runtime, agent, function
from netflux_nb.record.journal import Journal
from netflux_nb.record.reading import read_view
from netflux_nb.record.retention import compact, sizes
from netflux_nb.testing import ScriptedModel, Turn, call

from .bench import NOT_INSTALLED, Row, exponent, peer, run_alone

SIZES = [25, 50, 100, 180]
TURNS = 100
# Half of a turn's new text is the model's, half is what its call gave.
HALF = 1_000
BAR = 1.0


def words(seed: int, size: int) -> str:
    """Give text of this size, which is as hard to make small as prose is."""
    chance = random.Random(seed)
    known = _known()
    text = ""
    while len(text) < size:
        # Common words are common: a rank's share is one over it.
        text += known[int(len(known) ** chance.random()) - 1] + " "
    return text[:size]


@cache
def _known() -> list[str]:
    chance = random.Random(0)
    letters = "etaoinshrdlucmwfygpb"
    return ["".join(chance.choices(letters, k=chance.randrange(2, 9))) for _ in range(8_000)]


@function
def look(page: int) -> str:
    """Give one page."""
    return words(1_000_000 + page, HALF)


reads = agent("reads(book: str)", "Read {book}.", uses=[look], model="scripted")


def answer(turns: int) -> Any:
    """Give a model that says something new each turn, and looks at another page."""

    def reply(request: Any) -> Any:
        turn = request.nth
        if turn == turns:
            return "I have read it."
        return Turn(text=words(turn, HALF), calls=[call("look", page=turn)])

    return reply


def ours(turns: int) -> tuple[int, int]:
    """Give what a conversation takes: as lines, and packed with all that belongs to it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        models = {"scripted": ScriptedModel(answer(turns))}
        with Journal(folder) as journal, Runtime([reads], models=models, sink=journal) as runtime:
            node = runtime.get_ctx().invoke(reads, {"book": "it"})
            node.result()
            run = runtime.run_name(node)
        before = sizes(folder).total_bytes
        if len(compact(folder)) != 1:
            raise RuntimeError("It was not packed.")
        view = read_view(folder, run).view
        said = sum(
            len(getattr(part, "text", None) or str(getattr(part, "outputs", "") or ""))
            for part in view.transcript
        )
        if said < turns * 2 * HALF:
            raise RuntimeError(f"The record holds {said} characters, of {turns * 2 * HALF}.")
        return before, sizes(folder).total_bytes


class State(TypedDict):
    """What LangGraph's conversation holds."""

    said: Annotated[list[str], operator.add]


def langgraph(turns: int) -> int:
    """Give what the same takes in LangGraph's SQLite store."""
    from langgraph.checkpoint.sqlite import SqliteSaver
    from langgraph.graph import END, START, StateGraph

    graph: Any = StateGraph(State)
    graph.add_node("model", lambda state: {"said": [words(len(state["said"]) // 2, HALF)]})
    graph.add_node("tool", lambda state: {"said": [words(1_000_000 + len(state["said"]), HALF)]})
    graph.add_edge(START, "model")
    graph.add_edge("model", "tool")
    graph.add_conditional_edges(
        "tool", lambda state: END if len(state["said"]) >= 2 * turns else "model"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        with SqliteSaver.from_conn_string(str(path)) as saver:
            app = graph.compile(checkpointer=saver)
            config = {"configurable": {"thread_id": "1"}, "recursion_limit": 4 * turns}
            app.invoke({"said": []}, config)
            saver.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return sum(file.stat().st_size for file in Path(folder).iterdir())


def beside() -> str:
    """Say what the peer takes."""
    if peer("langgraph.checkpoint.sqlite") is None:
        return f"LangGraph, SQLite {NOT_INSTALLED}"
    try:
        size = langgraph(TURNS)
    except Exception as error:  # noqa: BLE001  a peer's newer release may do things its way
        return f"LangGraph, SQLite failed: {type(error).__name__}"
    return f"LangGraph, SQLite {size:,} bytes ({size / (TURNS * 2 * HALF):.1f} × the text)"


def measure() -> list[Row]:
    """Give the row."""
    found = {turns: ours(turns) for turns in SIZES}
    lines, packed = found[TURNS]
    raw = TURNS * 2 * HALF
    told = "".join(words(n, HALF) + words(1_000_000 + n, HALF) for n in range(TURNS))
    growth = exponent(SIZES, [found[turns][1] for turns in SIZES])
    return [
        Row(
            "B9",
            f"{TURNS} turns of {2 * HALF:,} characters, packed",
            f"{packed:,} bytes ({lines:,} as lines); turns^{growth:.2f}",
            beside(),
            f"the text {raw:,} bytes; with zlib {len(zlib.compress(told.encode(), 6)):,}",
            f"{packed / raw:.2f} ×",
            f"≤ {BAR:.1f} × the text, linear in turns",
            packed <= BAR * raw and growth <= 1.1,
        )
    ]


if __name__ == "__main__":
    run_alone(measure)
