# ruff: noqa: N999  a row's name
"""B5: from a post to the watcher that wakes, and what many watchers cost a call."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from netflux_nb import RunContext, Runtime, function

from . import seed
from .bench import (
    NOT_INSTALLED,
    ROUNDS,
    Row,
    Sample,
    Side,
    Took,
    Watch,
    percentile,
    ratio,
    rounds,
    run_alone,
    show,
    times,
)

MANY = 10_000
SEED_MANY = 1_000
CROWD = 100
# Posts a round; a round with a crowd has fewer, as each of them wakes all.
POSTS = {1: 300, CROWD: 20}
# Before a post everybody must be asleep again.
SETTLE_S = {1: 0.0005, CROWD: 0.005}
CALLS = 20_000
SEED_CALLS = 1_000
# A reader in the crowd looks at most ten times a second.
READ_EVERY_S = 0.1

# Waits for something newer than the number it is given, and gives the new number.
Waiter = Callable[[int], int]


class Board:
    """Somebody who posts when asked, from a thread of its own, and how to wait for it.

    The seed lets only a body's own thread post, so it is the body that posts everywhere.
    """

    def __init__(self) -> None:
        self.wait: Waiter = lambda seen: seen
        self.sent: list[float] = []
        self._bell = threading.Semaphore(0)
        self._open = True

    def serve(self, post: Callable[[], None]) -> None:
        """Post at every call of `ask`, until `close`."""
        while True:
            self._bell.acquire()
            if not self._open:
                return
            self.sent.append(time.perf_counter())
            post()

    def ask(self) -> None:
        """Have one more posted."""
        self._bell.release()

    def close(self) -> None:
        """Let the poster go."""
        self._open = False
        self._bell.release()


class Plain:
    """The baseline: a counter under a `Condition`."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._number = 1

    def publish(self) -> None:
        """Count on and wake all."""
        with self._changed:
            self._number += 1
            self._changed.notify_all()

    def wait(self, seen: int) -> int:
        """Wait for a newer number."""
        with self._changed:
            while self._number <= seen:
                self._changed.wait()
            return self._number


def latencies(board: Board, watchers: int) -> list[float]:
    """Post, and take the time until each watcher woke."""
    posts = POSTS[watchers]
    woken: list[list[float]] = [[] for _ in range(watchers)]
    here = threading.Semaphore(0)
    first = board.wait(0)

    def watch(stamps: list[float]) -> None:
        seen = first
        for _ in range(posts):
            seen = board.wait(seen)
            stamps.append(time.perf_counter())
            here.release()

    threads = [threading.Thread(target=watch, args=(w,), daemon=True) for w in woken]
    for thread in threads:
        thread.start()
    before = len(board.sent)
    for _ in range(posts):
        time.sleep(SETTLE_S[watchers])
        board.ask()
        for _ in range(watchers):
            here.acquire()
    for thread in threads:
        thread.join()
    sent = board.sent[before:]
    return [at - t for stamps in woken for at, t in zip(stamps, sent, strict=True)]


@contextmanager
def condition() -> Iterator[Board]:
    """The baseline, with a thread that posts."""
    plain, board = Plain(), Board()
    board.wait = plain.wait
    thread = threading.Thread(target=board.serve, args=(plain.publish,), daemon=True)
    thread.start()
    try:
        yield board
    finally:
        board.close()
        thread.join()


@function
def nop() -> int:
    """Do nothing."""
    return 0


@contextmanager
def ours(siblings: int, *, root: bool = False) -> Iterator[Board]:
    """Ours: a Node that posts beside finished siblings. Watched is it, or its root."""
    board, ready = Board(), threading.Event()
    posting: list[Any] = []

    @function
    def talk(ctx: RunContext) -> int:
        posting.append(ctx.node)
        ready.set()
        board.serve(lambda: ctx.status("x"))
        return 0

    @function(uses=[nop, talk])
    def hold(ctx: RunContext) -> int:
        for _ in range(siblings):
            ctx.invoke(nop, {}).result()
        value: int = ctx.invoke(talk, {}).result()
        return value

    with Runtime([hold]) as runtime:
        top = runtime.get_ctx().invoke(hold, {})
        ready.wait()
        board.wait = seen_by(top if root else posting[0])
        try:
            yield board
        finally:
            board.close()
            top.result()


@contextmanager
def netflux(siblings: int) -> Iterator[Board]:
    """The seed, the same way."""
    board, ready = Board(), threading.Event()
    posting: list[Any] = []
    leaf = seed.code("nop", lambda ctx: 0)

    def talking(ctx: Any) -> int:
        posting.append(ctx.node)
        ready.set()
        board.serve(ctx.post_update)
        return 0

    talk = seed.code("talk", talking)

    def body(ctx: Any) -> Any:
        for _ in range(siblings):
            ctx.invoke(leaf, {}).result()
        return ctx.invoke(talk, {}).result()

    hold = seed.code("hold", body, leaf, talk)
    top = seed.netflux.Runtime([hold], client_factories={}).get_ctx().invoke(hold, {})
    ready.wait()
    board.wait = seen_by(posting[0])
    try:
        yield board
    finally:
        board.close()
        top.result()


def wakes(boards: dict[str, tuple[Board, int]]) -> dict[str, tuple[float, float]]:
    """Give p50 and p99 of each board: medians over interleaved rounds."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in boards}
    for _ in range(ROUNDS):
        for name, (board, watchers) in boards.items():
            seen = latencies(board, watchers)
            found[name].append((percentile(seen, 0.5), percentile(seen, 0.99)))
    return {
        name: (statistics.median(a for a, _ in r), statistics.median(b for _, b in r))
        for name, r in found.items()
    }


def text(pair: tuple[float, float] | None) -> str:
    """Write p50 and p99."""
    return NOT_INSTALLED if pair is None else f"p50 {show(pair[0])}, p99 {show(pair[1])}"


@contextmanager
def crowd(wait: Waiter, size: int) -> Iterator[None]:
    """Let many watch, each at most ten times a second."""
    end = threading.Event()

    def read(late: float) -> None:
        seen = 0
        end.wait(late)
        while not end.wait(READ_EVERY_S):
            seen = wait(seen)

    lateness = [READ_EVERY_S * i / size for i in range(size)]
    threads = [threading.Thread(target=read, args=(s,), daemon=True) for s in lateness]
    for thread in threads:
        thread.start()
    time.sleep(3 * READ_EVERY_S if size else 0)  # all of them read by now
    try:
        yield
    finally:
        end.set()
        for thread in threads:
            thread.join()


def seen_by(node: Any, timeout: float | None = None) -> Waiter:
    """Give how a reader waits for a Node. When the time is over it has seen no more."""

    def wait(seen: int) -> int:
        view = node.watch(seen, timeout=timeout)
        return seen if view is None else int(view.update_seqnum)

    return wait


@function(uses=[nop])
def busy(ctx: RunContext, watchers: int) -> Took:
    """Make calls while this tree's root is watched."""
    with crowd(seen_by(ctx.node, READ_EVERY_S), watchers), Watch() as watch:
        for _ in range(CALLS):
            ctx.invoke(nop, {}).result()
    return watch.each(CALLS)


def ours_busy(watchers: int) -> Took:
    """Ours."""
    with Runtime([busy]) as runtime:
        took: Took = runtime.get_ctx().invoke(busy, {"watchers": watchers}).result()
    return took


def netflux_busy(watchers: int) -> Took:
    """The seed."""
    leaf = seed.code("nop", lambda ctx: 0)

    def body(ctx: Any) -> Took:
        with crowd(seen_by(ctx.node, READ_EVERY_S), watchers), Watch() as watch:
            for _ in range(SEED_CALLS):
                ctx.invoke(leaf, {}).result()
        return watch.each(SEED_CALLS)

    took: Took = seed.run(seed.code("busy", body, leaf))
    return took


def wake_rows() -> list[Row]:
    """Give the rows of latencies."""
    with ExitStack() as stack:
        baseline = stack.enter_context(condition())
        alone = stack.enter_context(ours(0))
        many = stack.enter_context(ours(MANY))
        root = stack.enter_context(ours(MANY, root=True))
        boards = {
            "condition 1": (baseline, 1),
            "alone 1": (alone, 1),
            "many 1": (many, 1),
            "root 1": (root, 1),
            f"condition {CROWD}": (baseline, CROWD),
            f"alone {CROWD}": (alone, CROWD),
            f"many {CROWD}": (many, CROWD),
        }
        if seed.netflux:
            few = stack.enter_context(netflux(0))
            more = stack.enter_context(netflux(SEED_MANY))
            boards |= {
                "netflux 0 1": (few, 1),
                "netflux many 1": (more, 1),
                f"netflux 0 {CROWD}": (few, CROWD),
                f"netflux many {CROWD}": (more, CROWD),
            }
        found = wakes(boards)
    rows = []
    for name, siblings, n, theirs, barred in [
        ("alone", "0 siblings", 1, "netflux 0 1", True),
        ("many", f"{MANY:,} siblings", 1, "netflux many 1", True),
        ("alone", "0 siblings", CROWD, f"netflux 0 {CROWD}", True),
        ("many", f"{MANY:,} siblings", CROWD, f"netflux many {CROWD}", True),
        ("root", f"{MANY:,} siblings, its root watched", 1, "", False),
    ]:
        mine, base = found[f"{name} {n}"], found[f"condition {n}"]
        half, most = mine[0] / base[0], mine[1] / base[1]
        at = f" at {SEED_MANY:,}" if "many" in theirs else ""
        rows.append(
            Row(
                "B5",
                f"post to wake, {siblings}, {n} watcher{'s' if n > 1 else ''}",
                text(mine),
                f"netflux{at} {text(found.get(theirs))}" if theirs else "",
                f"Condition {text(base)}",
                f"p50 {half:.2f} ×, p99 {most:.2f} ×",
                "≤ 2 × Condition" if barred else "",
                max(half, most) <= 2.0 if barred else None,
            )
        )
    return rows


def crowd_row() -> Row:
    """Give the row of what a crowd costs."""
    sides: dict[str, Side] = {
        "alone": lambda: ours_busy(0),
        "crowd": lambda: ours_busy(CROWD),
    }
    if seed.netflux:
        sides["netflux alone"] = lambda: netflux_busy(0)
        sides["netflux crowd"] = lambda: netflux_busy(CROWD)
    found: dict[str, Sample] = rounds(sides, warm=False)
    both = ratio(found["crowd"], found["alone"])
    theirs = NOT_INSTALLED
    if seed.netflux:
        theirs = f"{found['netflux crowd']}, unwatched {found['netflux alone']}"
    return Row(
        "B5",
        f"a call while {CROWD} watch its root, each 10 times a second at most",
        str(found["crowd"]),
        f"netflux {theirs}",
        f"unwatched {found['alone']}",
        times(both),
        "≤ 1.5 × unwatched",
        max(both) <= 1.5,
    )


def measure() -> list[Row]:
    """Give the rows."""
    return [*wake_rows(), crowd_row()]


if __name__ == "__main__":
    run_alone(measure)
