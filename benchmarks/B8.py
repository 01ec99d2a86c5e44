# ruff: noqa: N999  a row's name
"""B8: what it costs to keep an event on disk, and to know that it is there."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from netflux_nb.core.events import Event, NodeOpened, StatusSet
from netflux_nb.core.functions import CodeFunction
from netflux_nb.record.channel import Channel
from netflux_nb.record.journal import Journal

from .bench import Row, Took, Watch, ratio, rounds, run_alone, show, times

EVENTS = 5_000
BARRIERS = 50
SIZE = 513
EXTRA_S = 15e-6
EXTRA_BARRIER_S = 100e-6

# A disk, not memory, where there is one.
HERE = Path(__file__).parent
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
    """Ours: an event, then wait until it is on the disk."""
    with tempfile.TemporaryDirectory(dir=HERE) as folder, _channel(folder) as kept:
        with Watch() as watch:
            for seq in range(1, BARRIERS + 1):
                kept.append(_event(seq))
                kept.drain(may_write=True)
                kept.journal.sync()
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


def measure() -> list[Row]:
    """Give the rows."""
    found = rounds({"capture": capture, "write": write, "barrier": barrier, "sync": sync})
    kept, bare = found["capture"], found["write"]
    held, synced = found["barrier"], found["sync"]
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
        Row(
            "B8",
            "a barrier: an event known to be on the disk",
            str(held),
            "",
            f"bare write and fdatasync {synced}",
            f"{show(max(held.wall - synced.wall, 0.0))} more; {times(ratio(held, synced))}",
            f"≤ bare fdatasync + {show(EXTRA_BARRIER_S)}",
            held.wall - synced.wall <= EXTRA_BARRIER_S,
        ),
    ]


if __name__ == "__main__":
    run_alone(measure)
