"""Waits for several Nodes: all of them, or each as it ends."""

from __future__ import annotations

import asyncio
import contextlib
import queue
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Sequence
from functools import partial
from typing import Any

from ...core.errors import ArgumentError
from ...core.functions.kinds import current
from ..nodes import Node
from .interrupts import Interrupted
from .waiting import take


def gather(*nodes: Node) -> list[Any]:
    """Give the values of Nodes in order; raise the first error once all have ended."""
    for node in nodes:
        if not hasattr(node, "wait"):
            raise _refused("gather", node)
    try:
        for node in nodes:
            node.wait()
    except Interrupted:  # all were waited for, so all are stopped
        for node in nodes:
            node.cancel("Interrupted")
        raise
    return [node.result() for node in nodes]


def as_completed(*nodes: Node) -> Completed:
    """Give Nodes as they end: `for` in plain code, `async for` in async code.

    Inside a body the order is recorded, and a replay keeps it.

    Example:
        >>> from netflux_nb import Runtime, as_completed, function
        >>> @function
        ... def double(x: int) -> int:
        ...     return 2 * x
        >>> @function(uses=[double])
        ... async def total() -> int:
        ...     found = 0
        ...     async for node in as_completed(double.start(x=1), double.start(x=2)):
        ...         found += node.result()
        ...     return found
        >>> with Runtime([total]) as runtime:
        ...     runtime.get_ctx().invoke(total, {}).result()
        6
    """
    return Completed(nodes)


def _refused(what: str, given: object) -> ArgumentError:
    return ArgumentError(
        f"{what}() takes Nodes one by one, got {type(given).__name__}. A list of them is given "
        f"with a star: {what}(*nodes)."
    )


class Completed:
    """Nodes in the order in which they end. It is gone through once."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        # The handle of a run stands for its root, and is what is given.
        roots: list[Node] = [getattr(one, "root", one) for one in nodes]
        for one in roots:
            if not isinstance(one, Node):
                raise _refused("as_completed", one)
        self._nodes = roots
        self._given = {id(root): one for root, one in zip(roots, nodes, strict=True)}
        self._sync: Generator[Node, None, None] | None = None
        self._async: AsyncGenerator[Node, None] | None = None

    def __iter__(self) -> Iterator[Node]:
        return self

    def __next__(self) -> Node:
        if self._sync is None:
            self._sync = _completed(self._nodes)
        return self._given[id(next(self._sync))]

    def __aiter__(self) -> AsyncIterator[Node]:
        return self

    async def __anext__(self) -> Node:
        if self._async is None:
            self._async = _completed_async(self._nodes)
        return self._given[id(await anext(self._async))]


class _Left:
    """The Nodes that were not given yet."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._nodes = list(nodes)

    def __bool__(self) -> bool:
        return bool(self._nodes)

    def __contains__(self, node: Node) -> bool:
        return any(one is node for one in self._nodes)

    def of_key(self, key: str) -> Node:
        """Give the Node of a recorded key; any where there is none: the replay tells of it."""
        return next((n for n in self._nodes if n.key == key), self._nodes[0])

    def take(self, node: Node) -> Node:
        self._nodes.remove(node)
        return node


def _completed(nodes: Sequence[Node]) -> Generator[Node, None, None]:
    ended: queue.SimpleQueue[Node] = queue.SimpleQueue()
    for node in nodes:
        node.add_done_callback(partial(ended.put, node))
        node.runtime.life.may_block(node.fn)
    caller = current.get()
    left = _Left(nodes)

    def next_one() -> Node:
        while (node := take(ended)) not in left:
            pass
        return node

    while left:
        if caller is None:
            yield left.take(next_one())
            continue
        came: list[Node] = []

        def live(came: list[Node] = came) -> str:
            came.append(next_one())
            return came[0].key

        key = caller.ctx.order(live)
        node = came[0] if came else left.of_key(key)
        node.wait()
        yield left.take(node)


async def _completed_async(nodes: Sequence[Node]) -> AsyncGenerator[Node, None]:
    loop = asyncio.get_running_loop()
    ended: asyncio.Queue[Node] = asyncio.Queue()

    def tell(node: Node) -> None:
        # A closed loop says RuntimeError: nobody waits there any more.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(ended.put_nowait, node)

    for node in nodes:
        node.add_done_callback(partial(tell, node))
    caller = current.get()
    left = _Left(nodes)

    async def next_one() -> Node:
        while (node := await ended.get()) not in left:
            pass
        return node

    while left:
        if caller is None:
            yield left.take(await next_one())
            continue
        came: list[Node] = []

        async def live(came: list[Node] = came) -> str:
            came.append(await next_one())
            return came[0].key

        key = await caller.ctx.order_async(live)
        node = came[0] if came else left.of_key(key)
        await node.ended()
        yield left.take(node)
