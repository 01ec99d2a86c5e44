"""A Function over rows: one root, a call a row and model, of which each may fail alone."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..again.onward import Unchanged
from ..again.recording import Recording
from ..core.arguments import FunctionArg
from ..core.errors import CancellationException
from ..core.functions import CodeFunction, Function, newest, set_derived
from ..core.views import NodeState
from ..runtime.context import RunContext
from ..runtime.nodes import Node
from ..runtime.runtime import Runtime

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


def _derived(name: str, found: Function | None) -> Function | None:
    """Give the map of the newest Function of a name: after a restart nobody has made it yet."""
    if not name.endswith(SUFFIX) or not isinstance(found, MapFunction | None):
        return found
    fn = newest(name.removesuffix(SUFFIX))
    return found if fn is None else map_of(fn)


set_derived(_derived)


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
    loop = asyncio.get_running_loop()
    free = asyncio.Semaphore(max(at_once, 1))
    total = len(rows) * max(len(models), 1)
    told = _Told(ctx, total)
    nodes: list[Node] = []

    def ended() -> None:
        loop.call_soon_threadsafe(free.release)

    for row, model in pairs(rows, models):
        await free.acquire()
        node = call(ctx, fn, row, model)
        node.add_done_callback(ended)
        nodes.append(node)
        told.step(nodes)
    for node in nodes:
        await node.runtime.wait_async(node)
        told.step(nodes)
    failed = sum(node.state is not NodeState.Success for node in nodes)
    return {"calls": total, "failed": failed}


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
        stillborn: Node = ctx.runtime.stillborn(ctx.node, fn, fn.name, row, None, error)
        return stillborn


def below(
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


class Missing(Unchanged):
    """Serves the calls of earlier maps that are as they were; the map itself runs again."""

    # A map is asked for anew: what cannot be given again is made again.
    asks_again = False

    def __init__(self, runtime: Runtime, recordings: Sequence[Recording]) -> None:
        super().__init__(recordings[0], *recordings[1:])
        self.about: Mapping[str, Any] = {"of": recordings[0].run, "how": "map"}
        # Agents that name no model take today's, not that of the earlier map.
        self.model: Any = runtime.model
        self.settings: Mapping[str, Any] = dict(runtime.settings)
