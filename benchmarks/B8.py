# ruff: noqa: N999  a row's name
"""B8: what it costs to keep an event on disk, and to know that it is there."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from netflux_nb import Runtime
from netflux_nb.core.events import Event, NodeOpened, StatusSet
from netflux_nb.core.functions.kinds import CodeFunction
from netflux_nb.record.channel import Channel
from netflux_nb.record.journal import Journal

from .bench import Row, Took, Watch, ratio, rounds, run_alone, show, times

EVENTS = 5_000
BARRIERS = 50
STEPS = 1_000
FASTER = 200
SIZE = 513
EXTRA_S = 15e-6
EXTRA_BARRIER_S = 100e-6

# A disk, not memory, where there is one.
HERE = Path(__file__).parent
# The peer wants an older DuckDB, and so an environment of its own.
PEER = HERE.parent / ".bench-flows" / "bin" / "agentic-flows"
nop = CodeFunction(name="nop", desc="", args=[], callable=lambda ctx: 0)


def _event(seq: int) -> Event:
    return Event(seq, 1_795_250_000.0 + seq, 1, StatusSet("x" * 357))


@contextlib.contextmanager
def _channel(folder: str) -> Iterator[Channel]:
    with Journal(folder) as journal:
        channel = journal.channel()
        channel.append(Event(0, 0.0, 1, NodeOpened(None, nop, {}, "key")))
        journal.flush()
        # Once a process, the packages and the state of the code are noted: not of this row.
        if journal._looking is not None:
            journal._looking.join()
        yield channel


def capture() -> Took:
    """Ours: queued, hashed and written, one by one."""
    with tempfile.TemporaryDirectory(dir=HERE) as folder, _channel(folder) as kept:
        with Watch() as watch:
            for seq in range(1, EVENTS + 1):
                kept.append(_event(seq))
                kept.drain(may_write=True)
        kept.journal.flush()
        lines = kept.journal.path.read_bytes().splitlines()
        each = sum(len(line) + 1 for line in lines if b'"StatusSet"' in line) / EVENTS
        if abs(each - SIZE) > 60:
            raise RuntimeError(f"An event has {each:.0f} bytes; the row is about {SIZE}.")
    return watch.each(EVENTS)


def write() -> Took:
    """The baseline: the bare system call, as many bytes."""
    with tempfile.TemporaryDirectory(dir=HERE) as folder:
        file = os.open(f"{folder}/raw", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        data = b"x" * (SIZE - 1) + b"\n"
        with Watch() as watch:
            for _ in range(EVENTS):
                os.write(file, data)
        os.close(file)
    return watch.each(EVENTS)


def barrier() -> Took:
    """Ours, as before an effect of plain code: an event, put on the disk by who waits."""
    with tempfile.TemporaryDirectory(dir=HERE) as folder, _channel(folder) as kept:
        with Watch() as watch:
            for seq in range(1, BARRIERS + 1):
                kept.append(_event(seq))
                kept.drain(may_write=True)
                kept.sync()
        return watch.each(BARRIERS)


def barrier_of_loop() -> Took:
    """Ours, as before a request to a model: an event, put on the disk by the record's thread."""
    with tempfile.TemporaryDirectory(dir=HERE) as folder, _channel(folder) as kept:
        known = threading.Event()
        with Watch() as watch:
            for seq in range(1, BARRIERS + 1):
                kept.append(_event(seq))
                kept.drain(may_write=False)
                kept.barrier(lambda error: known.set())
                known.wait()
                known.clear()
        return watch.each(BARRIERS)


def sync() -> Took:
    """The baseline: write, then the bare `fdatasync`."""
    with tempfile.TemporaryDirectory(dir=HERE) as folder:
        file = os.open(f"{folder}/raw", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        data = b"x" * (SIZE - 1) + b"\n"
        with Watch() as watch:
            for _ in range(BARRIERS):
                os.write(file, data)
                os.fdatasync(file)
        os.close(file)
    return watch.each(BARRIERS)


def flow() -> Took:
    """Ours: a chain of steps in one run, recorded, with the end on the disk."""

    def steps(ctx: object) -> int:
        for _ in range(STEPS):
            ctx.invoke(nop, {}).result()  # type: ignore[attr-defined]
        return 0

    root = CodeFunction(name="steps", desc="", args=[], callable=steps, uses=[nop])
    with (
        tempfile.TemporaryDirectory(dir=HERE) as folder,
        Journal(folder) as journal,
        Runtime([root], sink=journal) as runtime,
        Watch() as watch,
    ):
        runtime.get_ctx().invoke(root, {}).result()
        journal.sync()
    return watch.each(STEPS)


def _peer_seconds(agents: int) -> float:
    """Run a chain of agents in the peer's dry run, the one mode that needs no callables."""
    names = [f"a{n:04d}" for n in range(agents)]
    manifest = {
        "flow_id": "f",
        "tenant_id": "t",
        "flow_state": "frozen",
        "determinism_level": "strict",
        "replay_mode": "strict",
        "replay_acceptability": "exact_match",
        "entropy_budget": {
            "allowed_sources": ["seeded_rng"],
            "min_magnitude": "low",
            "max_magnitude": "low",
            "exhaustion_action": "halt",
        },
        "nondeterminism_intent": [],
        "replay_envelope": {"min_claim_overlap": 1.0, "max_contradiction_delta": 0},
        "dataset": {
            "dataset_id": "d",
            "tenant_id": "t",
            "dataset_version": "1",
            "dataset_hash": "h",
            "dataset_state": "frozen",
            "storage_uri": "x.csv",
        },
        "allow_deprecated_datasets": False,
        "agents": names,
        "dependencies": [f"{b}:{a}" for a, b in pairwise(names)],
        "retrieval_contracts": [],
        "verification_gates": [],
    }
    with tempfile.TemporaryDirectory(dir=HERE) as folder:
        place = Path(folder)
        (place / "flow.json").write_text(json.dumps(manifest))
        (place / "x.csv").write_text("x")
        (place / "x.csv.dvc").write_text("x")
        command = [PEER, "experimental", "dry-run", "flow.json", "--db-path", "f.duckdb"]
        began = time.perf_counter()
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        return time.perf_counter() - began


def _peer_step() -> float | None:
    """Give the seconds of one more step, without its start; None where it is not there."""
    if not PEER.exists():
        return None
    few = sorted(_peer_seconds(10) for _ in range(3))[1]
    many = sorted(_peer_seconds(160) for _ in range(3))[1]
    return (many - few) / 150


def _barrier(when: str, held: Took, synced: Took) -> Row:
    return Row(
        "B8",
        f"a barrier, {when}: an event known to be on the disk",
        str(held),
        "",
        f"bare write and fdatasync {synced}",
        f"{show(max(held.wall - synced.wall, 0.0))} more; {times(ratio(held, synced))}",
        f"≤ bare fdatasync + {show(EXTRA_BARRIER_S)}",
        held.wall - synced.wall <= EXTRA_BARRIER_S,
    )


def measure() -> list[Row]:
    """Give the rows."""
    sides = {"capture": capture, "write": write, "barrier": barrier, "sync": sync, "flow": flow}
    found = rounds({**sides, "loop": barrier_of_loop})
    step = _peer_step()
    said = "agentic-flows not installed" if step is None else f"agentic-flows, dry {show(step)}"
    faster = None if step is None else step / found["flow"].wall
    kept, bare = found["capture"], found["write"]
    return [
        Row(
            "B8",
            f"an event of {SIZE} bytes kept on disk",
            str(kept),
            "",
            f"bare write {bare}",
            f"{show(kept.wall - bare.wall)} more; {times(ratio(kept, bare))}",
            f"≤ bare write + {show(EXTRA_S)}",
            kept.wall - bare.wall <= EXTRA_S,
        ),
        _barrier("before an effect of code", found["barrier"], found["sync"]),
        _barrier("before a request to a model", found["loop"], found["sync"]),
        Row(
            "B8",
            f"a step of a flow of {STEPS:,}, recorded",
            str(found["flow"]),
            said,
            "",
            "" if faster is None else f"{faster:,.0f} × faster",
            f"≥ {FASTER} × faster",
            None if faster is None else faster >= FASTER,
        ),
    ]


if __name__ == "__main__":
    run_alone(measure)
