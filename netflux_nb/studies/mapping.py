"""A Function over rows: one root, a call a row and model, of which each may fail alone."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from ..core.errors import CancellationException, RecordError
from ..core.functions.arguments import FunctionArg
from ..core.functions.kinds import CodeFunction, Function, newest
from ..core.views import NodeState
from ..record.sql import spending
from ..replay.recording import RecordedNode, Recording
from ..replay.rerun import Unchanged
from ..replay.serving import source_of
from ..run import estimates
from ..runtime.context import RunContext
from ..runtime.nodes import Node
from ..runtime.runtime import Runtime, runtime_of
from ..runtime.threads import interrupts, waiting

SUFFIX = "_map"
# Calls that are begun and have not ended. Limits of providers hold beside it.
AT_ONCE = 32
# How often a person is told how far it is, over the whole.
STEPS = 100


class MapFunction(CodeFunction):
    """The root of a map: calls its Function for every row and model, and counts what failed."""

    is_served_whole = False

    def __init__(self, fn: Function) -> None:
        async def over(
            ctx: RunContext, *, rows: list[Any], models: list[Any], at_once: int = AT_ONCE
        ) -> dict[str, int]:
            return await _over(ctx, fn, rows, models, at_once)

        self.of = fn
        super().__init__(
            name=map_name(fn.name),
            desc=f"Calls {fn.name}() for every row.",
            args=[
                FunctionArg("rows", list[Any], "The arguments of each call."),
                FunctionArg("models", list[Any], "The models that each row is given to."),
                FunctionArg("at_once", int, "How many calls at once.", default=AT_ONCE),
            ],
            callable=over,
            uses=[fn],
        )


def map_name(name: str) -> str:
    """Give the name of a Function's map, which is a Function too."""
    return f"{name[: 64 - len(SUFFIX)]}{SUFFIX}"


def map_of(fn: Function) -> MapFunction:
    """Give the root of a Function's maps; one Function has one."""
    known = fn.root_of_maps
    # A copy of a Function has its original's.
    if not isinstance(known, MapFunction) or known.of is not fn:
        known = fn.root_of_maps = MapFunction(fn)
    return known


def derived(name: str, found: Function | None) -> Function | None:
    """Give the map of the newest Function of a name: after a restart nobody has made it yet."""
    if not name.endswith(SUFFIX) or not isinstance(found, MapFunction | None):
        return found
    fn = newest(name.removesuffix(SUFFIX))
    return found if fn is None else map_of(fn)


def pairs(
    rows: Iterable[Mapping[str, Any]], models: Sequence[Any]
) -> Iterable[tuple[Mapping[str, Any], Any]]:
    """Give each call's arguments and model, in the order in which they are made."""
    for row in rows:
        for model in models or [None]:
            yield row, model


async def _over(
    ctx: RunContext, fn: Function, rows: list[Any], models: list[Any], at_once: int
) -> dict[str, int]:
    total = len(rows) * max(len(models), 1)
    if ctx.node is not None:
        ctx.node.tree.most += total  # they were asked for by number: that is no runaway
    told = _Told(ctx, total)
    nodes: list[Node] = []
    places = _Places(ctx, max(at_once, 1))
    off = ctx.runtime.gate.on_question(places.note_question)
    try:
        for row, model in pairs(rows, models):
            await places.take()
            node = call(ctx, fn, row, model)
            node.add_done_callback(partial(places.ended, node.id))
            nodes.append(node)
            told.step(nodes)
        places.all_begun()
        for node in nodes:
            await node.runtime.life.wait_async(node)
            told.step(nodes)
    finally:
        off()
    failed = sum(node.state is not NodeState.Success for node in nodes)
    return {"calls": total, "failed": failed}


class _Places:
    """The limit on calls at once. One that asks about an effect in doubt does not count."""

    def __init__(self, ctx: RunContext, at_once: int) -> None:
        self._root = ctx.node
        self._loop = asyncio.get_running_loop()
        self._free = asyncio.Semaphore(at_once)
        self._left = at_once
        # Of the calls that go on: how many ask nobody; which ask, and which of these gave their
        # place back. All of it on the loop's thread.
        self._moving = 0
        self._asking: dict[int, bool] = {}
        self._begun_all = False
        self._cursor = ctx.node.cursor if ctx.node is not None else None

    async def take(self) -> None:
        """Wait for a place."""
        await self._free.acquire()
        self._left -= 1
        self._moving += 1

    def _give_back(self) -> None:
        self._left += 1
        self._free.release()

    def all_begun(self) -> None:
        """Say that none comes any more."""
        self._begun_all = True
        self._look()

    def note_question(self, node: Node) -> None:
        """Take note that a Node waits for a person; on whatever thread that is."""
        row = node
        while row.parent is not None and row.parent is not self._root:
            row = row.parent
        on = node.held.on if node.held is not None else None
        if row.parent is not None and on is not None:
            self._loop.call_soon_threadsafe(self._waits, row.id, on.kind == "again")

    def _waits(self, row: int, in_doubt: bool) -> None:
        if row not in self._asking:
            self._asking[row] = False
            self._moving -= 1
        # Of those in doubt there are no more than an earlier map had begun at once.
        if in_doubt and not self._asking[row]:
            self._asking[row] = True
            self._give_back()
        self._look()

    def ended(self, row: int) -> None:
        """Take note that a call ended; on whatever thread that is."""
        self._loop.call_soon_threadsafe(self._ended, row)

    def _ended(self, row: int) -> None:
        gave_back = self._asking.pop(row, None)
        if gave_back is None:
            self._moving -= 1
        if not gave_back:
            self._give_back()
        self._look()

    def _look(self) -> None:
        is_at_rest = not self._moving and (self._begun_all or not self._left)
        if is_at_rest and isinstance(self._cursor, Missing):
            self._cursor.at_rest()


class _Told:
    """Says now and then how far it is."""

    def __init__(self, ctx: RunContext, total: int) -> None:
        self._ctx = ctx
        self._total = total
        self._last = -1

    def step(self, nodes: Sequence[Node]) -> None:
        """Say it, where it moved on."""
        done = sum(node.is_done for node in nodes) if len(nodes) <= STEPS else None
        if done is None:  # counting all at each step would be quadratic
            done = len(nodes) - AT_ONCE if len(nodes) < self._total else self._total
        step = done * STEPS // max(self._total, 1)
        if step > self._last:
            self._last = step
            self._ctx.status(f"{max(done, 0):,} of {self._total:,} done")


def call(ctx: RunContext, fn: Function, row: Mapping[str, Any], model: Any) -> Node:
    """Make one call of a map; one that cannot be made is a Node that failed."""
    try:
        return ctx.invoke(fn, row, provider=model)
    except CancellationException:
        raise
    except Exception as error:  # noqa: BLE001  a row that fails stops nothing
        assert ctx.node is not None
        calls = runtime_of(ctx.node).calls
        return calls.stillborn(ctx.node, fn, fn.name, row, None, error)


def calls_inside(
    ctx: RunContext,
    fn: Function,
    rows: Sequence[Mapping[str, Any]],
    models: Sequence[Any],
    at_once: int,
) -> list[Node]:
    """Make the calls of a map inside a body: they are children of its Node."""
    made: list[Node] = []
    open_ones: deque[Node] = deque()
    for row, model in pairs(rows, models):
        # On the loop's own thread nobody may wait: all are begun there.
        while len(open_ones) >= at_once and not ctx.runtime.loop.is_here:
            open_ones.popleft().wait()
        node = call(ctx, fn, row, model)
        made.append(node)
        open_ones.append(node)
    return made


def sound(folder: Path, names: Sequence[str]) -> list[Recording]:
    """Give these runs but for what is damaged, which serves nothing."""
    found: list[Recording] = []
    for name in names:
        with suppress(RecordError):
            found.append(Recording(folder, name))
    return found


def in_doubt(folder: Path, fn: Function, root: str) -> tuple[list[Recording], list[RecordedNode]]:
    """Give the effects in maps of a Function that may have been done, and the runs they are in."""
    if all(one.effect is None and one.is_code() for one in estimates.reachable(fn)):
        return [], []
    keys: dict[str, list[str]] = {}
    for run, key in spending.doubted_of(folder, root):
        keys.setdefault(run, []).append(key)
    recordings = [Recording(folder, run) for run in sorted(keys, reverse=True)]
    return recordings, [one.nodes[key] for one in recordings for key in keys[one.run]]


class Missing(Unchanged):
    """Serves the calls of earlier maps that are as they were; the map itself runs again."""

    # A map is asked for anew: what was done, and cannot be given again, is made again. Where
    # nobody knows whether it was done, a person is asked.
    asks_again = False

    def __init__(
        self,
        runtime: Runtime,
        recordings: Sequence[Recording],
        doubts: Sequence[RecordedNode] = (),
        *,
        serves: bool = True,
    ) -> None:
        super().__init__(recordings[0], *recordings[1:], doubts=doubts)
        if not serves:
            self._found.clear()
        # Free when nothing of the map goes on any more but for what waits for a person.
        self._rest = threading.Lock()
        self._rest.acquire()
        self.about: Mapping[str, Any] = {**source_of(recordings[0]), "how": "map"}
        # Agents that name no model take today's, not that of the earlier map.
        self.model: Any = runtime.model
        self.settings: Mapping[str, Any] = dict(runtime.settings)

    def at_rest(self) -> None:
        """Take note that all that goes on waits for a person. Again is nothing."""
        with suppress(RuntimeError):
            self._rest.release()

    def wait_for_rest(self, root: Node) -> None:
        """Wait until all that goes on waits for a person; an interrupt stops it."""
        root.add_done_callback(self.at_rest)
        try:
            waiting.acquired(self._rest, None)
        except KeyboardInterrupt:
            raise interrupts.stopped(root) from None
        self._rest.release()
