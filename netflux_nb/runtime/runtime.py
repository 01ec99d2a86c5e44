"""The runtime: its Nodes, policies, providers and log, in one object."""

from __future__ import annotations

import asyncio
import logging
import random
import time
import weakref
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any

from ..core.errors import CancellationException, NoNodeError, SignatureError
from ..core.events import (
    Event,
    NodeTouched,
    Noted,
    StatusSet,
    TranscriptSet,
    UsageSet,
)
from ..core.functions.kinds import Function
from ..core.messages import IntermediateEvent, Model, Provider, provider_name
from ..core.policy import Answer, Cursor, LiveCursor, Person, Policy
from ..core.views import NodeView
from . import registry
from .agents.agent import AgentNode
from .agents.lanes import Lane, Lanes, Limit, close_all
from .calls import (
    DEFAULT_MAX_AGENT_LEVELS,
    MAX_RECORD_MB,
    UPPER_MAX_AGENT_LEVELS,
    Calls,
    at_most,
)
from .context import RunContext
from .gate import Gate
from .host import Where
from .life import Life
from .nodes import Node
from .observe import Log, Missed, Record, Recorder, Sink, Subscription
from .sinks import redaction_of, sink_of
from .threads.interrupts import unbroken
from .threads.schedule import Loop, Pool

logger = logging.getLogger("netflux_nb.runtime")

# Finished trees kept in memory; the oldest goes first, one that runs never does.
KEEP_TREES = 1000

get_AgentNode_impl = registry.driver_of  # noqa: N816  the seed's name, replaceable here


def steady_clock() -> Callable[[], float]:
    """Give a clock in seconds since 1970 that never goes backwards while it lives."""
    offset = time.time() - time.monotonic()
    tick = time.monotonic
    return lambda: offset + tick()


class Runtime:
    """Runs trees of calls and tells of them in consistent snapshots.

    A tree ends a recursion that has no end: `max_depth` levels of calls, `max_nodes` Nodes and
    `max_record_mb` of record are the most that it may have; what is beyond is not called. Left
    out they are generous; 0 is no limit.

    Args:
        specs: The Functions that may be called, those that they use included.
        is_open: Whether any other may be called as well.
        client_factories: What makes a provider's client, by provider.
        models: Models that are asked instead of a provider's own, by provider.
        model: For agents that name none, as `provider` or `provider:model`.
        settings: For agents that do not set the same themselves.
        limits: How many requests each provider takes at once, or a `Limit`, by provider.
        policies: What may refuse, change or hold calls and requests, asked in this order.
        record: Whether runs are recorded, or the folder of the record.
        sink: What takes every event in place of the record.
        seed: Where `ctx.random` and `ctx.uuid` begin; drawn by chance, where left out.
        clock: Gives the time of events.
        sleep: Waits so many seconds, on the loop.
        keep_trees: How many trees that have ended stay known.

    Example:
        >>> from netflux_nb import Runtime, function
        >>> @function
        ... def double(x: int) -> int:
        ...     return 2 * x
        >>> with Runtime([double]) as runtime:
        ...     runtime.get_ctx().invoke(double, {"x": 21}).result()
        42
    """

    def __init__(
        self,
        specs: Sequence[Function] = (),
        *,
        client_factories: Mapping[Any, Callable[[], Any]] | None = None,
        models: Mapping[Any, Model] | None = None,
        policies: Sequence[Policy] = (),
        limits: Mapping[Any, int | Limit] | None = None,
        model: Provider | str | None = None,
        settings: Mapping[str, Any] | None = None,
        record: Where = True,
        sink: Sink | Record | None = None,
        seed: int | None = None,
        clock: Callable[[], float] | None = None,
        sleep: Callable[[float], Any] = asyncio.sleep,
        keep_trees: int = KEEP_TREES,
        max_depth: int | None = None,
        max_nodes: int | None = None,
        max_record_mb: int | None = None,
        is_open: bool = False,
    ) -> None:
        self.validate_client_factories(client_factories or {})
        self.factories = {provider_name(k): v for k, v in (client_factories or {}).items()}
        self.models = {provider_name(k): v for k, v in (models or {}).items()}
        self._limits = {
            provider_name(k): Limit(v) if isinstance(v, int) else v
            for k, v in (limits or {}).items()
        }
        _check("models", self.models, Model)
        _check("limits", self._limits, Limit)
        strange = [n for n in self._limits if not self._knows(n)]
        if strange:
            raise SignatureError(
                f"limits names {strange[0][:80]!r}, which is no provider here. Give the name of "
                f"one, such as 'anthropic'."
            )
        self._lanes: Lanes = {}
        # What an agent takes that names no model, or no such setting, itself.
        self.model = model
        self.settings = dict(settings or {})
        self._live = LiveCursor(self)
        self.clock = clock or steady_clock()
        self.sleep = sleep
        self.chance = random.Random().random
        # What `ctx.random` and `ctx.uuid` draw from, with the Node's key.
        self.seed = random.SystemRandom().getrandbits(48) if seed is None else seed
        self.pool = Pool()
        self.loop = loop = Loop()
        kept = sink_of(record, sink)
        most_mb = at_most("max_record_mb", max_record_mb, MAX_RECORD_MB)
        if isinstance(kept, Recorder):
            kept.limit(most_mb * 1e6)
        self.redact = redaction_of(kept)
        self.log = Log(self.clock, kept, lambda: loop.is_here)
        self.loop.at_close = partial(close_all, self._lanes)
        self.tasks: dict[asyncio.Task[Any], Node] = {}
        self.gate = Gate(self, policies)
        self.life = Life(self)
        self.calls = Calls(self, specs, is_open=is_open, max_depth=max_depth, max_nodes=max_nodes)
        self._finished: deque[int] = deque()
        self._keep = keep_trees
        self._closed = False
        # Threads must not keep a runtime alive that nobody holds.
        opened = kept if kept is not sink else None
        self._shut = weakref.finalize(self, _shut, self.pool, self.loop, self.log, opened)

    @staticmethod
    def validate_client_factories(factories: Mapping[Any, Callable[[], Any]]) -> None:
        """Raise `TypeError` unless keys are providers and values make clients."""
        for provider, factory in factories.items():
            if not isinstance(provider, Provider) and not registry.is_known(provider):
                raise SignatureError(
                    f"client_factories keys must be a Provider or a registered provider's "
                    f"name, got {str(provider)[:80]!r}."
                )
            if not callable(factory):
                raise SignatureError(
                    f"client_factories values must be callables that make a client; "
                    f"{provider_name(provider)!r} has {type(factory).__name__}."
                )

    def get_ctx(self) -> RunContext:
        """Give a context outside any tree: what it invokes is a root."""
        return RunContext(self)

    @property
    def invocable_functions(self) -> tuple[Function, ...]:
        """All that may be called, in the order it was found."""
        return tuple(self.calls.registry)

    @property
    def roots(self) -> MappingProxyType[int, Node]:
        """All roots that are kept, by their ids, oldest first."""
        return MappingProxyType(self.calls.roots)

    def register(self, *fns: Function) -> None:
        """Let these be called; one under a known name replaces it for later calls."""
        self.calls.registry.add(list(fns), replace=True)

    def start(self, caller: Node | None, fn: Function, inputs: Mapping[str, Any]) -> Node:
        """Start a call for `Function.start`."""
        return self.invoke(caller, fn, inputs)

    def call(self, caller: Node | None, fn: Function, inputs: Mapping[str, Any]) -> Any:
        """Make a call for `Function.__call__`. Never on the loop thread: it would stand still."""
        __tracebackhide__ = True
        self.life.may_block(fn)
        return self.invoke(caller, fn, inputs).result()

    def invoke(
        self,
        caller: Node | None,
        fn: Function,
        inputs: Mapping[str, Any],
        provider: Provider | str | None = None,
        cancel_event: Any = None,
        tool_use_id: str | None = None,
        max_agent_levels: int | None = None,
        *,
        timeout: float | None = None,
        cursor: Cursor | None = None,
    ) -> Node:
        """Start a call and give its Node. What is wrong with it is raised before one exists."""
        if caller is None and self._closed:
            raise NoNodeError("This runtime was closed. Make a new one.")
        given = (fn, inputs, provider, cancel_event, tool_use_id, max_agent_levels, timeout)
        served = (cursor or self._live) if caller is None else caller.cursor
        begin = partial(self.calls.invoke, caller, *given, get_AgentNode_impl, served)
        return unbroken(begin) if caller is None else begin()

    def follow(self, node: Node, fn: Function, inputs: dict[str, Any], lent: list[Any]) -> Node:
        """Open what makes the calls of an ending Node's outbox; beside a root it is a run."""
        cursor = node.cursor
        if node.parent is None:
            of = {"run": self.run_name(node), "key": node.key}
            cursor = LiveCursor(self, {"outbox": of})
        return self.calls.follow(node.parent, cursor, fn, inputs, lent)

    def lane(self, name: str) -> Lane:
        """Give the way to a provider, which all its agents share. On the loop's thread."""
        lane = self._lanes.get(name)
        if lane is None:
            make = partial(registry.make_model, name, self.factories.get(name))
            limit = self._limits.get(name, Limit())
            lane = Lane(limit, make, self.models.get(name), self.clock, self.sleep)
            self._lanes[name] = lane
        return lane

    def _knows(self, name: str) -> bool:
        return name in self.models or name in self.factories or registry.is_known(name)

    def can_ask(self, name: str) -> bool:
        """True where something is known that answers for a provider."""
        return name in self.models or name in self.factories or registry.makes_its_own(name)

    def post_running(self, node: Node) -> None:
        """Say that a body runs."""
        self.life.started(node)

    def post_success(self, node: Node, outputs: Any) -> None:
        """End a Node with a value."""
        self._told(node)
        self.life.end(node, ("success", outputs, None))

    def post_exception(self, node: Node, exception: BaseException) -> None:
        """End a Node with an error."""
        self._told(node)
        self.life.end(node, ("error", None, exception))

    def post_cancel(self, node: Node, exception: CancellationException | None = None) -> None:
        """End a Node as cancelled."""
        self._told(node)
        error = exception or CancellationException(
            node.cancel_reason or "Operation was canceled (no reason provided)"
        )
        self.life.end(node, ("canceled", None, error))

    def _told(self, node: Node) -> None:
        if isinstance(node, AgentNode) and node.is_driver and not node.is_done:
            self.post_transcript(node)

    def post_transcript(self, node: Node) -> None:
        """Publish a driver's transcript and usage as they are now."""
        if node.is_done:
            logger.error(
                "post_transcript_update() on Node %s (%s), which is %s already, has no effect "
                "and is ignored.",
                node.id,
                node.fn.name,
                node.state.name,
            )
        elif isinstance(node, AgentNode):
            self.log.post(node, TranscriptSet(tuple(node.transcript)))
            usage = node.token_usage
            if usage is not None:
                self.log.post(node, UsageSet(replace(usage)))
        else:
            self.log.post(node, NodeTouched())

    def post_note(self, node: Node, note: IntermediateEvent) -> None:
        """Publish something beside the transcript."""
        self.log.post(node, Noted(note))

    def post_status(self, node: Node, text: str) -> None:
        """Publish a line about progress."""
        self.log.post(node, StatusSet(text))

    # What a person, or a program, asks and orders.

    def get_view(self, node_id: int) -> NodeView:
        """Give a snapshot of a Node and its subtree. Raises `KeyError`."""
        return self.log.view(node_id)

    def node(self, node: Node | int) -> Node:
        """Give a Node by its number, or as it is. Raises `KeyError`."""
        return node if isinstance(node, Node) else self.calls.nodes[node]

    @property
    def recorder(self) -> Recorder | None:
        """The record of its runs; None where nothing is recorded."""
        return self.log.recorder

    def run_name(self, node: Node) -> str:
        """Give the name under which a Node's tree is recorded; nothing where it is not."""
        recorder, root = self.log.recorder, node.root_ancestor.id
        if recorder is None:
            return ""
        if not recorder.run_of(root):  # it has one once its beginning is written
            self.log.flush()
        return recorder.run_of(root)

    def max_agent_levels(self, root: Node) -> int:
        """Say how deep agents may call agents in a tree."""
        return self.calls.levels_of(root)

    def list_toplevel_views(self) -> list[NodeView]:
        """Give snapshots of all trees, as of one moment."""
        return self.log.roots()

    def watch(
        self, node: Node | int, as_of_seq: int = 0, *, timeout: float | None = None
    ) -> NodeView | None:
        """Wait for a view newer than `as_of_seq`; see `Node.watch`."""
        return self.log.watch(self.node(node), as_of_seq, timeout)

    def subscribe(self, tell: Callable[[Event | Missed], None]) -> Subscription:
        """Tell every event from now on, in order, on the observer's own thread."""
        return self.log.subscribe(tell)

    def cancel(self, node: Node, reason: str = "Operation was canceled") -> None:
        """Ask a subtree to stop."""
        unbroken(partial(self.life.cancel, node, reason))

    def cancel_all(self, reason: str = "Operation was canceled") -> list[Node]:
        """Ask every tree to stop, and give the roots that were asked."""
        running = [root for root in list(self.calls.roots.values()) if not root.is_done]
        for root in running:
            self.life.cancel(root, reason)
        return running

    def answer(
        self,
        node: Node | int,
        value: Any,
        *,
        by: str | Person = "unknown",
        reason: str = "",
        question: str = "",
    ) -> None:
        """Answer what a Node waits for. Raises where it waits for nothing, and inside a run.

        Args:
            node: Which one.
            value: True or False for a yes or a no, else the answer itself.
            by: Who answers; a name that a caller gives is recorded as claimed.
            reason: Why.
            question: The id of the question that is meant, where the Node may ask another by now.
        """
        is_named = by not in ("", "unknown")
        who = by if isinstance(by, Person) else Person(by, "claimed" if is_named else "")
        answer = Answer(value, who.name, reason, who.known)
        self.gate.answer(self.node(node), answer, question)

    def pause(self, node: Node) -> None:
        """Let no new call start in a Node's tree."""
        self.gate.pauses.pause(node.root_ancestor.id)

    def unpause(self, node: Node) -> None:
        """Let a paused tree go on."""
        self.gate.pauses.unpause(node.root_ancestor.id)

    def root_ended(self, root: Node) -> None:
        """Keep the newest finished trees, delete the oldest."""
        self._finished.append(root.id)
        while len(self._finished) > self._keep:
            oldest = self.calls.roots.get(self._finished.popleft())
            if oldest is not None:
                self._forget(oldest)

    def delete(self, root: Node | int) -> None:
        """Forget a finished tree and close what its session bags hold."""
        node = root if isinstance(root, Node) else self.calls.nodes[root]
        if node.parent is not None:
            raise NoNodeError(f"Node {node.id} is no root. Delete its tree's root instead.")
        if not node.is_done:
            raise NoNodeError(
                f"Node {node.id}, {node.fn.name}(), still runs. Cancel it and wait first."
            )
        if node.id not in self.calls.roots:
            raise KeyError(node.id)
        self._finished.remove(node.id)
        self._forget(node)

    def _forget(self, root: Node) -> None:
        with self.log.lock:
            del self.calls.roots[root.id]
        self.calls.levels.pop(root.id, None)
        gone = [n for i in self.log.drop(root.id) if (n := self.calls.nodes.pop(i, None))]
        # Deepest first, as nested `with` blocks would end.
        for node in sorted(gone, key=lambda n: -n.id):
            if node.bag_made is not None:
                node.bag_made.close()

    def close(self) -> None:
        """Cancel what runs, close every bag, end the threads."""
        if self._closed:
            return
        self._closed = True
        for root in self.cancel_all("The runtime was closed"):
            try:
                root.wait(timeout=5)
            except TimeoutError:
                logger.error("Node %s (%s) did not stop.", root.id, root.fn.name)
        for root in list(self.calls.roots.values()):
            if root.is_done:
                self._forget(root)
        self._shut()

    def __enter__(self) -> Runtime:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return (
            f"<Runtime {len(self.calls.roots)} trees, {len(tuple(self.calls.registry))} Functions>"
        )


def runtime_of(node: Node) -> Runtime:
    """Give the runtime of a Node, with all that one can do."""
    assert isinstance(node.runtime, Runtime)
    return node.runtime


def _check(what: str, given: Mapping[str, Any], kind: type) -> None:
    for name, value in given.items():
        if not isinstance(value, kind):
            raise SignatureError(
                f"`{what}` has {type(value).__name__} for {name!r}; give a {kind.__name__}."
            )


def _shut(pool: Pool, loop: Loop, log: Log, opened: Any) -> None:
    pool.close()
    loop.close()
    log.close()
    if opened is not None:
        opened.close()


__all__ = ["DEFAULT_MAX_AGENT_LEVELS", "UPPER_MAX_AGENT_LEVELS", "Runtime"]
