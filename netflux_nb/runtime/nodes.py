"""Nodes: the live handles of calls, to wait for, await, watch, answer and cancel."""

from __future__ import annotations

import contextlib
import contextvars
import threading
from collections.abc import Awaitable, Callable, Generator, Iterator
from typing import Any, Protocol

from ..core.bill import Bill
from ..core.contracts.declared import NodeDraft
from ..core.errors import CancellationException
from ..core.events import Ruling
from ..core.functions.display import Displayed
from ..core.functions.kinds import Function, current
from ..core.functions.versions import version_of
from ..core.json.portable import view_to_json
from ..core.messages import IntermediateEvent
from ..core.policy import Answer, Cursor, LiveCursor, Person
from ..core.views import NodeState, NodeView, TerminalNodeStates
from .bags import CancelToken, SessionBag
from .consent import Consent
from .observe import Log, Recorder
from .threads.schedule import Loop

# Of a Node that stands alone, until its runtime says otherwise.
LIVE = LiveCursor()


class Lives(Protocol):
    """The transitions of Nodes, as a Node needs them."""

    def schedule(self, node: Node, /) -> None:
        """Give a Node to who runs it."""
        ...

    def run_here(self, node: Node, /, *, inline: bool) -> None:
        """Run a body on this thread."""
        ...

    def run_body(self, node: Node, /) -> None:
        """Run a body and end its Node by what came of it."""
        ...

    def wait_for(self, node: Node, timeout: float | None, /) -> None:
        """Block until a Node has its outcome."""
        ...

    async def wait_async(self, node: Node, /) -> None:
        """Wait for a Node on whatever loop this is."""
        ...

    def may_block(self, fn: Function, /) -> None:
        """Raise on the loop's own thread."""
        ...


class Gates(Protocol):
    """The one place where policies are called, for who waits for a person's question."""

    def on_question(self, tell: Callable[[Node], object], /) -> Callable[[], None]:
        """Tell of every Node that waits for a person from now on. Gives what ends it."""
        ...


class Runner(Protocol):
    """A runtime as its Nodes, and whoever holds one, see it. `Runtime` is the one there is."""

    clock: Callable[[], float]
    sleep: Callable[[float], Any]
    redact: Callable[[str], str]
    log: Log
    loop: Loop

    @property
    def life(self) -> Lives:
        """The life of its Nodes."""
        ...

    @property
    def gate(self) -> Gates:
        """The gate: its policies are called there."""
        ...

    @property
    def recorder(self) -> Recorder | None:
        """The record of its runs; None where nothing is recorded."""
        ...

    def run_name(self, node: Node, /) -> str:
        """Give the name under which a Node's tree is recorded; nothing where it is not."""
        ...

    def max_agent_levels(self, root: Node, /) -> int:
        """Say how deep agents may call agents in a tree."""
        ...

    def get_view(self, node_id: int, /) -> NodeView:
        """Give a snapshot of a Node and its subtree."""
        ...

    def watch(
        self, node: Node | int, as_of_seq: int = 0, *, timeout: float | None = None
    ) -> NodeView | None:
        """Wait for a view newer than `as_of_seq`."""
        ...

    def post_note(self, node: Node, note: IntermediateEvent, /) -> None:
        """Publish something beside the transcript."""
        ...

    def post_status(self, node: Node, text: str, /) -> None:
        """Publish a line about progress."""
        ...

    def cancel(self, node: Node, reason: str = "Operation was canceled") -> None:
        """Ask a subtree to stop."""
        ...

    def answer(
        self,
        node: Node | int,
        value: Any,
        *,
        by: str | Person = "unknown",
        reason: str = "",
        question: str = "",
    ) -> None:
        """Answer what a Node waits for."""
        ...

    def pause(self, node: Node, /) -> None:
        """Let no new call start in a Node's tree."""
        ...

    def unpause(self, node: Node, /) -> None:
        """Let a paused tree go on."""
        ...


class Context(Protocol):
    """The `RunContext` of a Node, as far as others use it."""

    @property
    def runtime(self) -> Runner:
        """Its `Runtime`."""
        ...

    def in_time(self, live: Callable[[], None], /) -> None:
        """Raise `TimeoutError` where a wait takes too long, and keep whether it did."""
        ...

    def order(self, live: Callable[[], str], /) -> str:
        """Say which of several calls ended next, and keep it."""
        ...

    async def order_async(self, live: Callable[[], Awaitable[str]], /) -> str:
        """Say which of several calls ended next, in an async body, and keep it."""
        ...


class Tree:
    """The number of Nodes of a tree, its limit, and versions as they were at the first call."""

    __slots__ = ("_versions", "count", "hears", "most")

    def __init__(self, most: float) -> None:
        self.count = 0
        self.most = most
        # By the id of a Node: who is told which signals of the state calls below it published.
        self.hears: dict[int, Callable[[Any], object]] | None = None
        self._versions: dict[int, tuple[Function, str]] = {}

    def version(self, fn: Function) -> str:
        """Give the version that a Function had when this tree first called it."""
        known = self._versions.get(id(fn))
        if known is None:
            known = self._versions.setdefault(id(fn), (fn, version_of(fn).text))
        return known[1]


class Node(Displayed):
    """One call of a Function, while it runs and after.

    Its outcome is set once. It ends after its children. Read it from outside through
    views; these fields belong to the thread that runs it.
    """

    __slots__ = (
        "__weakref__",
        "_bag",
        "agent_lineage_level",
        "cancel_reason",
        "children",
        "consent",
        "context",
        "counts",
        "ctx",
        "cursor",
        "deadline",
        "depth",
        "done_calls",
        "draft",
        "ended_at",
        "exception",
        "external_cancel",
        "fn",
        "heard",
        "held",
        "id",
        "inputs",
        "key",
        "lent",
        "mark",
        "on_cancel",
        "open_children",
        "outcome",
        "outputs",
        "parent",
        "provider_asked",
        "queued",
        "release",
        "ruling",
        "served",
        "started_at",
        "state",
        "tool_use_id",
        "traceback",
        "tree",
        "watchers",
    )

    def __init__(
        self,
        ctx: Context,
        id: int,
        fn: Function,
        inputs: dict[str, Any],
        parent: Node | None,
        cancel_event: Any = None,
        tool_use_id: str | None = None,
    ) -> None:
        self.ctx = ctx
        self.id = id
        self.fn = fn
        self.inputs = inputs
        self.parent = parent
        # Its own view of the state, where it or a caller of it has a contract.
        self.draft: NodeDraft | None = None
        # Who serves this tree from a record.
        self.cursor: Cursor = LIVE if parent is None else parent.cursor
        # The run that its outcome was taken from, where a record served it.
        self.served = ""
        self.tool_use_id = tool_use_id
        self.external_cancel = cancel_event
        self.provider_asked: Any = None
        self.state = NodeState.Waiting
        self.outputs: Any = None
        self.exception: BaseException | None = None
        self.children: list[Node] = []
        self.started_at: float | None = None
        self.ended_at: float | None = None
        self.key = ""
        self.cancel_reason: str | None = None
        # Its body met the cancel: whatever that makes of it, it is Canceled.
        self.heard = False
        # An epoch of the log; see `Log.post_locked`.
        self.mark = 0
        self.watchers: list[threading.Lock] | None = None
        self.done_calls: list[Callable[[], object]] | None = None
        self.queued = False
        self.context: contextvars.Context | None = None
        self.open_children = 0
        self.outcome: tuple[str, Any, BaseException | None] | None = None
        # The policies that gave it another outcome than its body's.
        self.ruling: Ruling | None = None
        self.traceback: Any = None
        # What makes the calls of its outbox, once these count: it is done when that has ended.
        self.release: Node | None = None
        # Where the policies stopped, and what they wait for.
        self.held: Any = None
        # What persons were asked about it; None where nobody was.
        self.consent: Consent | None = None
        self.counts: dict[Any, int] | None = None
        # Functions whose bodies its own body called directly, and which run now.
        self.lent: list[Function] | None = None
        # What wakes whoever works for it on the loop.
        self.on_cancel: Callable[[], object] | None = None
        self.deadline: Callable[[], object] | None = None
        self._bag: SessionBag | None = None
        above = parent.agent_lineage_level if parent is not None else 0
        self.agent_lineage_level: int = above + fn.is_agent()
        # The root is the first level. What all Nodes of a tree share is given as it is opened.
        self.depth: int = 1 if parent is None else parent.depth + 1
        self.tree: Tree

    @property
    def runtime(self) -> Runner:
        """The `Runtime` that runs it."""
        return self.ctx.runtime

    @property
    def provider(self) -> Any:
        """The provider of an agent's model; None for code."""
        return None

    @property
    def root_ancestor(self) -> Node:
        """The root of this tree."""
        node: Node = self
        while node.parent is not None:
            node = node.parent
        return node

    @property
    def answer_given(self) -> Answer | None:
        """The last answer of a person to any of its questions."""
        last = self.consent.last if self.consent is not None else None
        return None if last is None else last[0]

    @property
    def session_bag(self) -> SessionBag:
        """The bag that lives as long as this Node is kept."""
        if self._bag is None:
            with self.runtime.log.lock:
                if self._bag is None:
                    self._bag = SessionBag()
        return self._bag

    @property
    def bag_made(self) -> SessionBag | None:
        """The bag, if anybody asked for it."""
        return self._bag

    @contextlib.contextmanager
    def lending(self, fn: Function) -> Iterator[None]:
        """While a Function's body runs as part of this one's, this one may call what it uses."""
        with self.runtime.log.lock:
            self.lent = [*(self.lent or ()), fn]
        try:
            yield
        finally:
            with self.runtime.log.lock:
                left = list(self.lent)
                left.remove(fn)
                self.lent = left

    @property
    def cancel_event(self) -> CancelToken:
        """The cancel token of this Node."""
        return CancelToken(self)

    @property
    def is_done(self) -> bool:
        """True once it has its outcome."""
        return self.state in TerminalNodeStates

    @property
    def done(self) -> threading.Event:
        """An event that is set once it has its outcome."""
        event = threading.Event()
        self.add_done_callback(event.set)
        return event

    @property
    def thread(self) -> NodeThread | None:
        """A stand-in for the thread of its own that a Node once had; None before it starts."""
        return None if self.started_at is None else NodeThread(self)

    def start(self) -> None:
        """Hand it to the scheduler."""
        self.runtime.life.schedule(self)

    def run(self) -> None:
        """Run the body. Drivers of one's own override it and post the outcome."""
        raise NotImplementedError

    def run_wrapper(self) -> None:
        """Run the body and end the Node by what came of it."""
        self.runtime.life.run_body(self)

    def run_queued(self) -> None:
        """Run on a pool thread."""
        self.runtime.life.run_here(self, inline=False)

    def result(self, timeout: float | None = None) -> Any:
        """Wait for it and give its value, or raise what it failed with.

        The very exception is raised, every time with its first traceback. `TimeoutError`
        when the time is over; the Node goes on.
        """
        __tracebackhide__ = True
        self.wait(timeout)
        return self._value()

    def _value(self) -> Any:
        __tracebackhide__ = True
        if self.state is NodeState.Success:
            return self.outputs
        error = self.exception
        if error is None:
            error = CancellationException()
        raise error.with_traceback(self.traceback)

    def wait(self, timeout: float | None = None) -> None:
        """Wait until it has its outcome, whatever that is. A recorded run is then written.

        So is what an agent or an effect came to: who goes on with it can be killed, and it
        was paid for. In a body it is recorded whether that was in time.
        """
        caller: Node | None = current.get()
        if caller is not None:
            if caller.heard:
                raise caller.stops()
            if timeout is not None:
                caller.ctx.in_time(lambda: self._wait(timeout))
                timeout = None
        self._wait(timeout)
        if caller is not None:
            self._taken_by(caller)
        if self.parent is None or self._is_paid:
            self.runtime.log.flush()
        if self.parent is None:
            self.runtime.log.tell(self)

    @property
    def _is_paid(self) -> bool:
        return self.fn.effect is not None or not self.fn.is_code()

    def _taken_by(self, caller: Node) -> None:
        """Let a caller see what came of it: that it was cancelled, what it wrote of the state."""
        if caller.cancel_reason is not None and self.state is NodeState.Canceled:
            caller.heard = True
        if self.draft is not None and caller.draft is not None and caller is self.parent:
            caller.draft.take(self)

    def stops(self) -> CancellationException:
        """Give the exception that tells the body of its Node's cancel."""
        self.heard = self.cancel_reason is not None
        return CancellationException(self.cancel_reason or "Operation was canceled")

    def _wait(self, timeout: float | None) -> None:
        if self.state not in TerminalNodeStates:
            self.runtime.life.wait_for(self, timeout)

    def __await__(self) -> Generator[Any, None, Any]:
        """Wait in an async body or cell. Giving up the wait does not stop the Node."""
        __tracebackhide__ = True
        yield from self.ended().__await__()
        return self._value()

    async def ended(self) -> None:
        """Wait as `wait` does, in async code."""
        caller: Node | None = current.get()
        if caller is not None and caller.heard:
            raise caller.stops()
        if self.state not in TerminalNodeStates:
            await self.runtime.life.wait_async(self)
        if caller is not None:
            self._taken_by(caller)
        if self.parent is None or (self._is_paid and caller is not None):
            await self.runtime.log.written()
        if self.parent is None:
            self.runtime.log.tell(self)

    def add_done_callback(self, call: Callable[[], object]) -> None:
        """Call once it has its outcome, on whatever thread ends it; at once if it has."""
        with self.runtime.log.lock:
            if self.state not in TerminalNodeStates:
                self.done_calls = [*(self.done_calls or ()), call]
                return
        call()

    def remove_done_callback(self, call: Callable[[], object]) -> None:
        """Take a callback back."""
        with self.runtime.log.lock:
            if self.done_calls and call in self.done_calls:
                self.done_calls.remove(call)

    @property
    def is_driver(self) -> bool:
        """True for an agent's driver of one's own; a call that could not be made is none."""
        return False

    def view(self) -> NodeView:
        """Give a snapshot of it and its subtree."""
        return self.runtime.get_view(self.id)

    def bill(self) -> Bill:
        """Sum up usage and cost of its subtree so far, by provider and model."""
        return self.view().bill()

    def to_json(self) -> str:
        """Give it and its subtree, as they are now, as JSON; `view_from_json` reads it."""
        return view_to_json(self.view())

    def watch(self, as_of_seq: int = 0, *, timeout: float | None = None) -> NodeView | None:
        """Wait for a view newer than `as_of_seq`; None when the time is over."""
        return self.runtime.watch(self, as_of_seq, timeout=timeout)

    def cancel(self, reason: str = "Operation was canceled") -> None:
        """Ask it and all below it to stop. What is finished stays finished."""
        self.runtime.cancel(self, reason)

    def is_cancel_requested(self) -> bool:
        """True once it was asked to stop."""
        if self.cancel_reason is not None:
            return True
        external = self.external_cancel
        if external is not None and external.is_set():
            self.cancel("The cancel event was set")
            return True
        return False

    def answer(
        self, value: Any, by: str | Person = "unknown", reason: str = "", *, question: str = ""
    ) -> None:
        """Answer the question that it asks; with an id, that question and no other."""
        self.runtime.answer(self, value, by=by, reason=reason, question=question)

    def approve(self, by: str | Person = "unknown", *, question: str = "") -> None:
        """Say yes to what it waits for; with an id, to that question and no other."""
        self.runtime.answer(self, True, by=by, question=question)

    def reject(self, reason: str = "", by: str | Person = "unknown", *, question: str = "") -> None:
        """Say no to what it waits for; with an id, to that question and no other."""
        self.runtime.answer(self, False, by=by, reason=reason, question=question)

    def pause(self) -> None:
        """Let no new call start in its tree; bodies that run go on to their next call."""
        self.runtime.pause(self)

    def unpause(self) -> None:
        """Let its tree go on."""
        self.runtime.unpause(self)

    def on_terminal_cleanup(self) -> None:
        """Called once it has its outcome. For drivers of one's own."""

    def __repr__(self) -> str:
        return f"<Node {self.id} {self.fn.name} {self.state.name}>"


class NodeThread:
    """A stand-in for a Node's thread, with a thread's methods. Threads are shared between Nodes."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def is_alive(self) -> bool:
        """True until the Node has its outcome."""
        return not self._node.is_done

    def join(self, timeout: float | None = None) -> None:
        """Wait for the Node's outcome."""
        self._node.done.wait(timeout)


class CodeNode(Node):
    """A call of Python code."""

    __slots__ = ()
