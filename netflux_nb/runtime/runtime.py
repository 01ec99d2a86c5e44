"""The runtime: calls become Nodes, Nodes become trees, and whoever wants to know looks here."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import logging
import random
import time
import weakref
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ..core.errors import (
    ArgumentError,
    CancellationException,
    FunctionError,
    MaxAgentLevelExceededException,
    NoNodeError,
    SignatureError,
    listed,
)
from ..core.events import (
    Body,
    Event,
    NodeOpened,
    NodeTouched,
    Noted,
    StatusSet,
    TranscriptSet,
    UsageSet,
    digest,
    inputs_digest,
    node_key,
)
from ..core.functions import AgentFunction, CodeFunction, Function, current
from ..core.messages import IntermediateEvent, Model, Provider, provider_name
from ..core.policy import Answer, Policy
from ..core.portable import RecordedFunction
from ..core.views import NodeView
from . import registry
from .context import RunContext
from .gate import Gate, outcome_of
from .life import Life
from .nodes import AgentNode, CodeNode, Node
from .observe import Log, Missed, Sink, Subscription
from .registry import Registry
from .schedule import Loop, Pool

logger = logging.getLogger("netflux_nb.runtime")

# Agents along one line of calls. Generous: it is there against runaways, not for design.
DEFAULT_MAX_AGENT_LEVELS = 8
UPPER_MAX_AGENT_LEVELS = 64
# Requests in flight at one provider, where `limits` says nothing.
DEFAULT_LIMIT = 50
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
        limits: Mapping[Any, int] | None = None,
        sink: Sink | None = None,
        clock: Callable[[], float] | None = None,
        sleep: Callable[[float], Any] = asyncio.sleep,
        keep_trees: int = KEEP_TREES,
        is_open: bool = False,
    ) -> None:
        self.validate_client_factories(client_factories or {})
        self._factories = {provider_name(k): v for k, v in (client_factories or {}).items()}
        self._models = {provider_name(k): v for k, v in (models or {}).items()}
        self._limits = {provider_name(k): v for k, v in (limits or {}).items()}
        self._turns: dict[str, asyncio.Semaphore] = {}
        self.clock = clock or steady_clock()
        self.sleep = sleep
        self.chance = random.Random().random
        self.log = Log(self.clock, sink)
        self.pool = Pool()
        self.loop = Loop()
        self.tasks: set[asyncio.Task[Any]] = set()
        self.gate = Gate(self, policies)
        self.life = Life(self)
        self.schedule = self.life.schedule
        self.run_here = self.life.run_here
        self.run_body = self.life.run_body
        self.wait_for = self.life.wait_for
        self.wait_async = self.life.wait_async
        self._registry = Registry(specs, is_open=is_open)
        self._ids = itertools.count(1)
        self._nodes: dict[int, Node] = {}
        self._roots: dict[int, Node] = {}
        self._root_counts: dict[str, int] = {}
        self._levels: dict[int, int] = {}
        self._finished: deque[int] = deque()
        self._keep = keep_trees
        self._closed = False
        # Threads must not keep a runtime alive that nobody holds.
        weakref.finalize(self, _shut, self.pool, self.loop, self.log)

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
        return tuple(self._registry)

    def register(self, *fns: Function) -> None:
        """Let these be called; one under a known name replaces it for later calls."""
        self._registry.add(list(fns), replace=True)

    def start(
        self, caller: Node | None, fn: Function, inputs: Mapping[str, Any], options: Mapping[str, Any]
    ) -> Node:
        """Start a call for `Function.start`."""
        return self.invoke(caller, fn, inputs, **options)

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
    ) -> Node:
        """Start a call and give its Node. What is wrong with it is raised before one exists."""
        self._registry.admit(fn)
        if caller is not None:
            self._check_caller(caller, fn)
        elif self._closed:
            raise NoNodeError("This runtime was closed. Make a new one.")
        if provider is not None and not isinstance(fn, AgentFunction):
            raise FunctionError(
                f"Provider override is only valid for AgentFunction; {fn.name} is code."
            )
        checked = fn.validate_coerce_args(inputs)
        if max_agent_levels is not None:
            self._check_levels(caller, max_agent_levels)
        if isinstance(fn, AgentFunction):
            self._check_depth(caller, fn, max_agent_levels)
        node = self._make(caller, fn, checked, provider, cancel_event, tool_use_id)
        if caller is None and max_agent_levels is not None:
            self._levels[node.id] = max_agent_levels
        self._open(node)
        if cancel_event is not None:
            self.pool.poll(node, lambda: node.is_cancel_requested() and None)
        if timeout is not None:
            why = f"The deadline of {timeout} s passed"
            node.deadline = self.loop.later(timeout, lambda: node.cancel(why))
        self.life.admit(node)
        if caller is not None and caller.cancel_reason is not None:
            node.cancel(caller.cancel_reason)
        return node

    def _check_caller(self, caller: Node, fn: Function) -> None:
        if caller.is_done or caller.outcome is not None:
            raise NoNodeError(
                f"Cannot invoke {fn.name}() from a terminal node: Node {caller.id}, "
                f"{caller.fn.name}(), is {caller.state.name}."
            )
        if caller.is_cancel_requested():
            raise CancellationException(caller.cancel_reason or "Operation was canceled")
        if not self._registry.may_call(caller.fn, fn):
            raise FunctionError(
                f"{caller.fn.name}() may not call {fn.name}(): it is not in its `uses`. "
                f"Declared: {listed(f.name for f in caller.fn.uses)}."
            )

    def _check_levels(self, caller: Node | None, levels: int) -> None:
        if caller is not None:
            raise ArgumentError("max_agent_levels is only valid for a top-level invoke.")
        if type(levels) is not int or not 0 <= levels <= UPPER_MAX_AGENT_LEVELS:
            raise ArgumentError(
                f"max_agent_levels must be between 0 and {UPPER_MAX_AGENT_LEVELS}, got {levels!r}."
            )

    def _check_depth(self, caller: Node | None, fn: Function, levels: int | None) -> None:
        limit = DEFAULT_MAX_AGENT_LEVELS if levels is None else levels
        level = 1
        if caller is not None:
            limit = self.max_agent_levels(caller.root_ancestor)
            level = caller.agent_lineage_level + 1
        if level > limit:
            raise MaxAgentLevelExceededException(fn.name, limit, level)

    def _make(
        self,
        caller: Node | None,
        fn: Function,
        inputs: dict[str, Any],
        provider: Provider | str | None,
        cancel_event: Any,
        tool_use_id: str | None,
    ) -> Node:
        ctx = RunContext(self)
        if isinstance(fn, CodeFunction):
            node: Node = CodeNode(
                ctx, next(self._ids), fn, inputs, caller, cancel_event, tool_use_id
            )
        elif isinstance(fn, AgentFunction):
            name, _, model = provider_name(provider or fn.default_model).partition(":")
            if name not in self._models and name not in self._factories:
                raise FunctionError(
                    f"{fn.name}() wants provider {name!r}, for which there is no client "
                    f"factory and no model. There is: "
                    f"{listed([*self._models, *self._factories])}."
                )
            named: Any = next((p for p in Provider if p.value == name), name)
            made = get_AgentNode_impl(named)(
                ctx,
                next(self._ids),
                fn,
                inputs,
                caller,
                cancel_event,
                self._factories.get(name),
                tool_use_id,
            )
            made.provider_used = named
            made.model = model or None
            made.func_map = {f.name: self._registry.newest(f) for f in fn.uses}
            node = made
        else:
            raise SignatureError(f"{fn.name}: only agents and code can be run.")
        ctx.node = node
        return node

    def _open(self, node: Node) -> None:
        caller, fn, log = node.parent, node.fn, self.log
        node.context = contextvars.copy_context()
        text = inputs_digest(node.inputs)
        above = caller.key if caller is not None else ""
        first = node_key(above, fn.name, text, 0)
        inputs = MappingProxyType(dict(node.inputs))
        provider = node.provider
        with log.lock:
            if caller is not None:
                counts = caller.counts
                if counts is None:
                    counts = caller.counts = {}
                caller.children.append(node)
                caller.open_children += 1
            else:
                counts = self._root_counts
                self._roots[node.id] = node
            nth = counts.get(first, 0)
            counts[first] = nth + 1
            node.key = first if nth == 0 else node_key(above, fn.name, text, nth)
            self._nodes[node.id] = node
            body = NodeOpened(
                caller.id if caller is not None else None,
                fn,
                inputs,
                node.key,
                node.tool_use_id,
                provider,
            )
            _, woken = log.post_locked(node, body)
        for waiter in woken or ():
            waiter.release()

    def stillborn(
        self,
        caller: Node,
        fn: Function | None,
        name: str,
        args: Mapping[str, Any],
        tool_use_id: str | None,
        error: BaseException,
    ) -> Node:
        """Open and end a Node for a call that could not be made, so that the tree shows it."""
        shown = fn or RecordedFunction(_safe_name(name), "code")
        node = CodeNode(RunContext(self), next(self._ids), shown, dict(args), caller, None, tool_use_id)
        node.ctx.node = node
        self._open(node)
        self.life.finish(node, outcome_of(None, error))
        return node

    def model_for(self, name: str, factory: Callable[[], Any] | None = None) -> Model:
        """Give who answers for a provider; made once, on the loop's thread."""
        model = self._models.get(name)
        if model is None:
            make = factory or self._factories[name]
            client = make()
            model = client if isinstance(client, Model) else registry.model_of(name, client)
            self._models[name] = model
        return model

    def turns(self, name: str) -> asyncio.Semaphore:
        """Give the limit of requests in flight at a provider."""
        if name not in self._turns:
            self._turns[name] = asyncio.Semaphore(self._limits.get(name, DEFAULT_LIMIT))
        return self._turns[name]

    def max_agent_levels(self, root: Node) -> int:
        """Say how deep agents may call agents in a tree."""
        return self._levels.get(root.id, DEFAULT_MAX_AGENT_LEVELS)

    # What a body, or a driver, says of its Node.

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
                from dataclasses import replace

                self.log.post(node, UsageSet(replace(usage)))
        else:
            self._post(node, NodeTouched())

    def post_note(self, node: Node, note: IntermediateEvent) -> None:
        """Publish something beside the transcript."""
        self._post(node, Noted(note))

    def post_status(self, node: Node, text: str) -> None:
        """Publish a line about progress."""
        self._post(node, StatusSet(text))

    def _post(self, node: Node, body: Body) -> None:
        self.log.post(node, body)

    # What a person, or a program, asks and orders.

    def get_view(self, node_id: int) -> NodeView:
        """Give a snapshot of a Node and its subtree. Raises `KeyError`."""
        return self.log.view(node_id)

    def list_toplevel_views(self) -> list[NodeView]:
        """Give snapshots of all trees, as of one moment."""
        return self.log.roots()

    def watch(
        self, node: Node | int, as_of_seq: int = 0, *, timeout: float | None = None
    ) -> NodeView | None:
        """Wait for a view newer than `as_of_seq`; see `Node.watch`."""
        live = node if isinstance(node, Node) else self._nodes[node]
        return self.log.watch(live, as_of_seq, timeout)

    def subscribe(self, tell: Callable[[Event | Missed], None]) -> Subscription:
        """Tell every event from now on, in order, on the observer's own thread."""
        return self.log.subscribe(tell)

    def cancel(self, node: Node, reason: str = "Operation was canceled") -> None:
        """Ask a subtree to stop."""
        self.life.cancel(node, reason)

    def cancel_all(self, reason: str = "Operation was canceled") -> list[Node]:
        """Ask every tree to stop, and give the roots that were asked."""
        running = [root for root in list(self._roots.values()) if not root.is_done]
        for root in running:
            self.life.cancel(root, reason)
        return running

    def answer(
        self, node: Node, value: Any, *, by: str = "unknown", reason: str = ""
    ) -> None:
        """Answer what a Node waits for. Raises where it waits for nothing."""
        self.gate.answer(node, Answer(value, by, reason))

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
            oldest = self._roots.get(self._finished.popleft())
            if oldest is not None:
                self._forget(oldest)

    def delete(self, root: Node | int) -> None:
        """Forget a finished tree and close what its session bags hold."""
        node = root if isinstance(root, Node) else self._nodes[root]
        if node.parent is not None:
            raise NoNodeError(f"Node {node.id} is no root. Delete its tree's root instead.")
        if not node.is_done:
            raise NoNodeError(
                f"Node {node.id}, {node.fn.name}(), still runs. Cancel it and wait first."
            )
        if node.id not in self._roots:
            raise KeyError(node.id)
        self._finished.remove(node.id)
        self._forget(node)

    def _forget(self, root: Node) -> None:
        with self.log.lock:
            del self._roots[root.id]
        self._levels.pop(root.id, None)
        gone = [n for i in self.log.drop(root.id) if (n := self._nodes.pop(i, None))]
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
        for root in list(self._roots.values()):
            if root.is_done:
                self._forget(root)
        _shut(self.pool, self.loop, self.log)

    def __enter__(self) -> Runtime:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Runtime {len(self._roots)} trees, {len(tuple(self._registry))} Functions>"


def _shut(pool: Pool, loop: Loop, log: Log) -> None:
    pool.close()
    loop.close()
    log.close()


def _safe_name(name: str) -> str:
    kept = "".join(c if c.isalnum() or c == "_" else "_" for c in str(name))[:60]
    return kept if kept.isidentifier() else f"unknown_{digest(str(name))[:8]}"


__all__ = ["DEFAULT_MAX_AGENT_LEVELS", "UPPER_MAX_AGENT_LEVELS", "Runtime", "current"]
