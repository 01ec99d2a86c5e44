"""`RunContext`, the first argument of a body: calls, posts, bags, cancellation."""

from __future__ import annotations

import logging
import os
import random
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from functools import wraps
from types import SimpleNamespace
from typing import Any, Protocol

from ..core.errors import CancellationException, NoNodeError, NoParentSessionError
from ..core.events import Drawn
from ..core.functions.kinds import Function, current
from ..core.json.canonical import digest
from .bags import CancelToken, SessionBag, SessionScope
from .consent import question_of
from .gate import Gate
from .host import host
from .nodes import Node, Runner

logger = logging.getLogger("netflux_nb.runtime")


class _Runtime(Runner, Protocol):
    """A runtime as the bodies that it runs see it."""

    seed: int

    @property
    def gate(self) -> Gate: ...

    def invoke(
        self,
        caller: Node | None,
        fn: Function,
        inputs: Mapping[str, Any],
        provider: Any = None,
        cancel_event: Any = None,
        tool_use_id: str | None = None,
        max_agent_levels: int | None = None,
        *,
        timeout: float | None = None,
    ) -> Node: ...

    def post_running(self, node: Node, /) -> None: ...

    def post_success(self, node: Node, outputs: Any, /) -> None: ...

    def post_exception(self, node: Node, exception: BaseException, /) -> None: ...

    def post_cancel(self, node: Node, exception: CancellationException | None, /) -> None: ...

    def post_transcript(self, node: Node, /) -> None: ...


class RunContext:
    """The context of a running body: makes calls, posts, draws, and tells whether to stop."""

    __slots__ = ("_bags", "_chance", "_node", "runtime")

    def __init__(
        self,
        runtime: _Runtime | Any,
        node: Node | None = None,
        object_bags: dict[SessionScope, SessionBag] | None = None,
        cancel_event: Any = None,
    ) -> None:
        self.runtime = runtime
        self._node = node
        self._bags: Any = object_bags or None
        self._chance: random.Random | None = None
        if node is None and cancel_event is not None:
            self._bags = cancel_event

    @property
    def node(self) -> Node | None:
        """The Node this context belongs to; None outside any tree."""
        return self._node

    @node.setter
    def node(self, node: Node | None) -> None:
        self._node = node

    @property
    def object_bags(self) -> dict[SessionScope, SessionBag]:
        """The bags within reach. Reaching for them marks the Node as one that shares state."""
        if isinstance(self._bags, dict):
            return self._bags
        if self._node is None:
            return {}
        bags = self._bags = bags_of(self._node)
        return bags

    @object_bags.setter
    def object_bags(self, bags: dict[SessionScope, SessionBag]) -> None:
        self._bags = bags

    @property
    def cancel_event(self) -> CancelToken | Any:
        """The cancel token of this Node."""
        if self._node is None:
            return None if isinstance(self._bags, dict) else self._bags
        return self._node.cancel_event

    def invoke(
        self,
        fn: Function,
        args: Mapping[str, Any],
        provider: Any = None,
        cancel_event: Any = None,
        tool_use_id: str | None = None,
        max_agent_levels: int | None = None,
        *,
        timeout: float | None = None,
    ) -> Node:
        """Start a call below this Node and give its Node. `timeout` is a deadline."""
        if cancel_event is None and self._node is None:
            cancel_event = self.cancel_event
        started: Node = self.runtime.invoke(
            self._node,
            fn,
            args,
            provider,
            cancel_event,
            tool_use_id,
            max_agent_levels,
            timeout=timeout,
        )
        return started

    def _mine(self, what: str) -> Node:
        if self._node is None:
            raise NoNodeError(f"{what} needs a running Node; this context is outside any tree.")
        return self._node

    def post_running(self) -> None:
        """Say that the body runs."""
        self.runtime.post_running(self._mine("post_running()"))

    def post_status_update(self, state: Any = None) -> None:
        """Say that the body runs: the older name of `post_running`."""
        self.runtime.post_running(self._mine("post_status_update()"))

    def post_success(self, outputs: Any) -> None:
        """End the Node with a value. Raises again what a cancel had raised here before."""
        node = self._mine("post_success()")
        if node.heard:
            raise node.stops()
        self.runtime.post_success(node, outputs)

    def post_exception(self, exception: BaseException) -> None:
        """End the Node with an error."""
        self.runtime.post_exception(self._mine("post_exception()"), exception)

    def post_cancel(self, exception: CancellationException | None = None) -> None:
        """End the Node as cancelled."""
        self.runtime.post_cancel(self._mine("post_cancel()"), exception)

    def post_transcript_update(self) -> None:
        """Publish the transcript and usage as a driver keeps them."""
        self.runtime.post_transcript(self._mine("post_transcript_update()"))

    def post_update(self) -> None:
        """Publish a new view. Raises when the Node was asked to stop."""
        node = self._mine("post_update()")
        self.check()
        self.runtime.post_transcript(node)

    def status(self, text: str) -> None:
        """Tell a person what is going on, in a line. Raises when asked to stop."""
        node = self._mine("status()")
        self.check()
        self.runtime.post_status(node, str(text)[:500])

    def cancel_requested(self) -> bool:
        """True once this Node was asked to stop; it may not have stopped yet."""
        if self._node is None:
            event = self.cancel_event
            return event is not None and bool(event.is_set())
        return self._node.is_cancel_requested()

    def check(self) -> None:
        """Raise `CancellationException` once this Node was asked to stop."""
        if self.cancel_requested():
            if self._node is None:
                raise CancellationException("Operation was canceled")
            raise self._node.stops()

    def get_or_put(
        self, scope: SessionScope, namespace: str, key: str, factory: Callable[[], Any]
    ) -> Any:
        """Give an object kept in a bag; make it first where there is none."""
        node = self._mine("get_or_put()")
        if self._bags is None and not hasattr(node, "session_bag"):
            raise NoNodeError("SessionBags have not been initialized for this context.")
        bags = self.object_bags
        if scope is SessionScope.Parent and node.parent is None:
            raise NoParentSessionError(
                "A root has no parent's bag. Use SessionScope.Self or SessionScope.TopLevel."
            )
        log = getattr(self.runtime, "log", None)
        if log is not None and log.is_recorded:
            log.post(node, Drawn("bag", scope.value, namespace))
        return bags[scope].get_or_put(namespace, key, factory)

    @property
    def domain(self) -> Any:
        """The state, as its handle gives it: `ctx.domain.accounts["ann"]`."""
        draft = None if self._node is None else self._node.draft
        if draft is not None:
            return draft.handle
        kept = host().state
        if kept is None:
            raise NoNodeError("There is no state. Declare it first: `bank = state(Bank(...))`.")
        return kept.handle

    @property
    def domain_ctx(self) -> Any:
        """The same as `domain`."""
        return self.domain

    @property
    def global_ctx(self) -> Any:
        """The state's configuration, which its contract names as `global`."""
        return self.domain.global_ctx

    @property
    def local(self) -> SimpleNamespace:
        """A namespace of this Node's own, which goes with its session bag."""
        made: SimpleNamespace = self.get_or_put(
            SessionScope.Self, "netflux", "local", SimpleNamespace
        )
        return made

    # What a body takes from outside, so that a record can give it again.

    def now(self) -> datetime:
        """Give the time, in UTC. It is recorded, and a replay gives the recorded one."""
        seconds = self._drawn("clock", self.runtime.clock)
        return datetime.fromtimestamp(seconds, UTC)

    @property
    def random(self) -> random.Random:
        """Chance of this Node's own: its seed is recorded, so that a replay draws alike."""
        if self._chance is None:
            self._chance = random.Random(self._drawn("random", lambda: self._seed("random")))
        return self._chance

    def uuid(self) -> str:
        """Give a fresh UUID. It is recorded."""

        def fresh() -> str:
            return str(uuid.UUID(int=self._seed("uuid", 128), version=4))

        return str(self._drawn("uuid", fresh))

    def env(self, name: str, default: str | None = None) -> str | None:
        """Give an environment variable. It is recorded, unless its name says it is a secret."""
        value: str | None = self._drawn("env", lambda: os.environ.get(name), name)
        return default if value is None else value

    def order(self, live: Callable[[], str]) -> str:
        """Say which of several calls ended next: `as_completed` asks."""
        return str(self._drawn("order", live))

    async def order_async(self, live: Callable[[], Awaitable[str]]) -> str:
        """Say which of several calls ended next, in an async body."""
        node = self._mine("order_async()")
        served = self._before(node, "order", "")
        value = await live() if served is None else served[0]
        self._after(node, "order", "", value, served)
        return str(value)

    def in_time(self, live: Callable[[], None]) -> None:
        """Raise `TimeoutError` where a wait takes too long: a replay raises it there too."""

        def late() -> str:
            try:
                live()
            except TimeoutError as error:
                return str(error)
            return ""

        if why := self._drawn("order", late, "timeout"):
            raise TimeoutError(why)

    def _seed(self, what: str, bits: int = 64) -> int:
        node = self._node
        if node is None:
            return random.SystemRandom().getrandbits(bits)
        with node.runtime.log.lock:
            counts = node.counts = node.counts or {}
            nth = counts[what] = counts.get(what, 0) + 1
        text = f"{self.runtime.seed}\0{node.root_ancestor.id}\0{node.key}\0{what}\0{nth}"
        return int(digest(text), 16) >> (128 - bits)

    def _drawn(self, kind: str, live: Callable[[], Any], name: str = "") -> Any:
        node = self._node
        if node is None:
            return live()
        served = self._before(node, kind, name)
        value = live() if served is None else served[0]
        self._after(node, kind, name, value, served)
        return value

    def _before(self, node: Node, kind: str, name: str) -> tuple[Any] | None:
        self.runtime.gate.draw(node, kind)
        return node.cursor.draw_of(node, kind, name)

    def _after(
        self, node: Node, kind: str, name: str, value: Any, served: tuple[Any] | None
    ) -> None:
        self.runtime.log.post(node, Drawn(kind, value, name, served is not None))

    def bind(self, body: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a callable for a thread of one's own, so that its calls stay in this tree."""
        node = self._mine("bind()")

        @wraps(body)
        def bound(*args: Any, **kwargs: Any) -> Any:
            token = current.set(node)
            try:
                return body(*args, **kwargs)
            finally:
                current.reset(token)

        return bound

    def ask(self, question: str, choices: Sequence[str] | None = None) -> Coroutine[Any, Any, Any]:
        """Ask a person, in an async body: `await ctx.ask(...)` gives the answer.

        No thread waits, and nobody answers for the person. With `choices`, only one of
        them is taken. `runtime.answer(node, value, by=...)` answers; a cancel ends the wait.
        """
        node = self._mine("ask()")
        if not self.runtime.loop.is_here:
            raise NoNodeError(
                "ctx.ask() needs an async body: write `async def` and `await ctx.ask(...)`, or "
                "call `human_in_loop(...)`."
            )
        asked: Coroutine[Any, Any, Any] = self.runtime.gate.question(
            node, question_of(question, choices)
        )
        return asked

    async def sleep(self, seconds: float) -> None:
        """Sleep in an async body; a cancel wakes it."""
        import asyncio

        await asyncio.sleep(seconds)
        self.check()

    def __repr__(self) -> str:
        return f"RunContext(node={self._node!r})"


def context_of(node: Node) -> RunContext:
    """Give the context of a Node."""
    assert isinstance(node.ctx, RunContext)
    return node.ctx


def bags_of(node: Node) -> dict[SessionScope, SessionBag]:
    """Give the bags within a Node's reach."""
    bags = {
        SessionScope.TopLevel: node.root_ancestor.session_bag,
        SessionScope.Self: node.session_bag,
    }
    if node.parent is not None:
        bags[SessionScope.Parent] = node.parent.session_bag
    return bags
