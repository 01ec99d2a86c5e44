"""The life of an opened Node: admission, schedule, body, outcome, end, cancel.

- The way of a Node: `Calls` opens it → `admit` (the gate) → `Node.start` → `schedule` (loop, pool)
  → `started` → a body → `finish` → `_close` → its parent, where that waits for its last child.
- `log.lock` guards `outcome`, the last `state`, `open_children`, `children`, `cancel_reason` and
  `done_calls`. It is held for a post and some assignments: never while a policy, a body, a
  callback or a cleanup runs, and never together with the pool's lock.
- The first outcome stands: `finish` sets it under the lock and gives False to all later ones.
- A Node closes when it has an outcome and no open child. `finish` and `_close` each change one half
  and test the other under the lock, so one thread closes it. That needs that no call opens below a
  Node with an outcome: `Calls._check_caller` refuses it early, `Calls._open` under the lock.
  `_close` goes up in a loop, without recursion.
- `_close_one`: the gate may change the outcome first; then `outputs` and `exception` are set, then
  `NodeClosed` is posted and `state` becomes terminal in one hold of the lock; callbacks come after.
  Whoever sees `is_done` sees the final value, and `add_done_callback` misses no end.
- Where a transaction counts that has an outbox, its calls are made then (`_release`): below a
  Node beside the one that ends, or in a run of its own. The one that ends is told as done, and
  counts as open for its caller, until that has ended (`_released`).
- No waiter waits for ever: where an end raises, `_close_anyhow` posts an end and calls them.
- A body runs at most once: the pool's worker, a waiting parent (`wait_for`) and `cancel` compete
  in `Pool.claim` / `Pool._next`, and one of them gets it.
- `cancel` flags the whole subtree and wakes what waits in it; code that runs is not interrupted, it
  meets the flag at its next call or wait. A call made meanwhile is cancelled in `Calls.invoke`.
  Once a body was told (`heard`) it ends Canceled, whatever value or `Exception` it ends with.
- `wait_for` raises on the loop's thread (`may_block`): a wait there would stop every agent.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import threading
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from ..core.contracts.declared import Entry, NodeDraft, Touched
from ..core.errors import (
    CancellationException,
    NetfluxError,
    NoNodeError,
    StillRunningError,
    stringify,
)
from ..core.events import CancelAsked, EffectStarted, NodeClosed, NodeStarted, NodeWaits
from ..core.fold import OUTCOMES
from ..core.functions.kinds import CodeFunction, Function, current
from ..core.policy import WaitingOn
from ..core.snapshots import snapshot
from ..core.views import NodeState
from .agents.agent import AgentNode
from .agents.drive import Driving, answer, drive, is_answered
from .gate import FIRST, Held, Outcome, outcome_of
from .host import host
from .nodes import Node
from .threads.interrupts import stopped
from .threads.schedule import Pool, attempt, here
from .threads.waiting import acquired

logger = logging.getLogger("netflux_nb.runtime")
# Of a failure, in the log: a longer message is cut.
MOST_LOGGED = 100_000

# A chain of inline calls this long goes on in another thread: the stack stays small, and
# ten thousand levels cost two hundred threads, not ten thousand. Whoever stands at the
# limit and has just called a leaf may call the next one inline too, up to the second.
INLINE_DEPTH = 50
INLINE_DEPTH_OF_LEAVES = 80
POSTS = {"success": "post_success", "error": "post_exception", "canceled": "post_cancel"}


class _Runtime(Driving, Protocol):
    """A runtime as the life of its Nodes needs it."""

    pool: Pool
    tasks: dict[asyncio.Task[Any], Node]

    def root_ended(self, root: Node) -> None: ...
    def follow(
        self, node: Node, fn: Function, inputs: dict[str, Any], lent: list[Any], /
    ) -> Node: ...


class Life:
    """The transitions of Nodes. Every state is entered in one method."""

    def __init__(self, runtime: _Runtime) -> None:
        self._runtime = runtime
        self._log = runtime.log
        self._pool = runtime.pool
        self._loop = runtime.loop
        lose = weakref.WeakMethod(self._lose_loop)  # its thread keeps no runtime alive
        self._loop.on_failure = lambda failure: (do := lose()) and do(failure)

    def admit(self, node: Node, start: int = FIRST) -> None:
        """Start a Node if the policies let it; it may be held, or fail at once."""
        try:
            self._admit(node, start)
        except BaseException as error:  # noqa: BLE001  it is open: whoever waits for it is told
            self.finish(node, outcome_of(None, error))

    def _admit(self, node: Node, start: int) -> None:
        was_held = node.held is not None
        node.held = None
        if was_held:
            if node.cancel_reason is not None:
                self.finish(node, outcome_of(None, CancellationException(node.cancel_reason)))
                return
            self._log.post(node, NodeWaits(None))
        verdict = self._runtime.gate.admit(node, start)
        if verdict is None:
            node.start()
        elif not isinstance(verdict, Held):
            self.finish(node, verdict)

    def look(self, node: Node) -> None:
        """Cancel a Node whose caller's event is set, and end one whose event cannot be asked."""
        try:
            node.is_cancel_requested()
        except BaseException as error:  # noqa: BLE001  the caller's; whoever waits is given it
            self._pool.unpoll(node)
            self.finish(node, outcome_of(None, error))
            self.cancel(node, f"Its cancel event failed: {stringify(error, 200)}")

    def _lose_loop(self, failure: NetfluxError) -> None:
        """End what ran on a loop that ended: nothing of it goes on."""
        for node in list(self._runtime.tasks.values()):
            self.finish(node, outcome_of(None, failure))

    def schedule(self, node: Node) -> None:
        """Give a Node to who runs it: the loop for agents and async code, else the pool."""
        fn = node.fn
        # On the loop's thread an agent is there already; elsewhere one that nobody has to wait
        # for costs less than the way to the loop and back.
        is_led = isinstance(node, AgentNode) and not node.is_driver
        if is_led and (self._loop.is_here or not is_answered(node)):
            assert isinstance(node, AgentNode)
            self._loop.call(lambda: self._spawn(node, drive(self._runtime, node)))
        elif isinstance(fn, CodeFunction) and fn.is_async:
            self._loop.call(lambda: self._spawn(node, self._run_async(node)))
        else:
            # A child of a pool thread is likely run by its parent's own wait: wake nobody.
            parent = node.parent
            mine = parent is not None and bool(here.stack) and here.stack[-1] is parent
            self._pool.put(node, wake=not mine)

    def _spawn(self, node: Node, body: Any) -> None:
        try:
            self._begin(node, body)
        except BaseException as error:  # noqa: BLE001  nobody else would end it
            body.close()
            self.finish(node, outcome_of(None, self._loop.failure or error))

    def _begin(self, node: Node, body: Any) -> None:
        context = node.context
        assert context is not None
        context.run(current.set, node)
        task = asyncio.get_running_loop().create_task(body, context=context)

        def settled(_: object) -> None:
            self._runtime.tasks.pop(task, None)
            if node.outcome is None:  # cancelled before its first step, as the loop closed
                reason = node.cancel_reason or "The runtime was closed"
                self.finish(node, outcome_of(None, CancellationException(reason)))

        # The loop itself holds tasks weakly.
        self._runtime.tasks[task] = node
        task.add_done_callback(settled)

    def run_here(self, node: Node, *, inline: bool) -> None:
        """Run a sync body on this thread, in the context of its call."""
        context = node.context
        if context is None:
            return
        here.stack.append(node)
        try:
            context.run(self._run, node, inline)
        except BaseException as error:  # noqa: BLE001  whatever it is, it ends the Node
            self.finish(node, outcome_of(None, error))
        finally:
            here.stack.pop()

    def _run(self, node: Node, inline: bool) -> None:
        current.set(node)
        if node.cancel_reason is not None:
            self.finish(node, outcome_of(None, CancellationException(node.cancel_reason)))
            return
        self.started(node, inline=inline)
        node.run_wrapper()

    def started(self, node: Node, *, inline: bool = False) -> None:
        """Mark a Node as running; a second call does nothing."""
        if node.state is NodeState.Waiting:
            event = self._log.post(node, NodeStarted(inline))
            node.started_at = event.time
            node.state = NodeState.Running

    def run_body(self, node: Node) -> None:
        """Run a sync body and end its Node by what came of it, whatever that is."""
        gate = self._runtime.gate
        try:
            if gate.at_enter or host().audit is not None:
                gate.enter(node)
            if isinstance(node, AgentNode) and not node.is_driver:
                self.end(node, answer(self._runtime, node))
                return
            if isinstance(node, AgentNode):
                if self._log.is_recorded:
                    self._log.begin_effect(node, "llm")
                self._run_driver(node)
                return
            fn = node.fn
            assert isinstance(fn, CodeFunction)
            if fn.effect is not None and self._log.is_recorded:
                self._log.begin_effect(node, fn.effect)
            value = fn.body(node.ctx, **node.inputs)
        except BaseException as error:  # noqa: BLE001  this thread is ours; the caller gets it
            trim(error)
            self.end(node, outcome_of(None, error))
        else:
            if inspect.iscoroutine(value):
                self._loop.call(lambda: self._spawn(node, self._finish_async(node, value)))
            elif value is not None or node.outcome is None:
                self.end(node, ("success", value, None))

    def _run_driver(self, node: AgentNode) -> None:
        try:
            node.run()
            if node.outcome is None:
                raise NoNodeError(
                    f"{type(node).__name__}.run() ended without an outcome. Call "
                    f"`ctx.post_success`, `post_exception` or `post_cancel`."
                )
        except CancellationException as error:
            self.end(node, outcome_of(None, error))
        except Exception as error:
            raise node.wrapped(error) from error

    async def _run_async(self, node: Node) -> None:
        fn = node.fn
        assert isinstance(fn, CodeFunction)
        if node.cancel_reason is not None:
            self.finish(node, outcome_of(None, CancellationException(node.cancel_reason)))
            return
        self.started(node)
        try:
            self._runtime.gate.enter(node)
            if fn.effect is not None and self._log.is_recorded:
                self._log.post(node, EffectStarted(fn.effect))
                await self._log.settled(node)
            body = fn.body(node.ctx, **node.inputs)
        except BaseException as error:  # noqa: BLE001  the loop must outlive any body
            self.finish(node, outcome_of(None, error))
            return
        await self._finish_async(node, body)

    async def _finish_async(self, node: Node, body: Any) -> None:
        # Not before this step: a task that is cancelled earlier never begins.
        task = asyncio.current_task()
        assert task is not None
        node.on_cancel = lambda: self._loop.call(lambda: task.cancel() and None)
        if node.cancel_reason is not None:
            task.cancel()
        try:
            value = await body
        except asyncio.CancelledError:
            reason = node.cancel_reason or "The body's task was cancelled"
            self.finish(node, outcome_of(None, CancellationException(reason)))
        except BaseException as error:  # noqa: BLE001  the loop must outlive any body
            trim(error)
            self.finish(node, outcome_of(None, error))
        else:
            if node.cancel_reason is not None and task.cancelling():
                node.heard = True
            self.finish(node, ("success", value, None))

    def end(self, node: Node, outcome: Outcome) -> None:
        """Set what a Node came to, or log that it had an outcome already."""
        if not self.finish(node, outcome):
            logger.error(
                "%s() on Node %s (%s), which has its outcome already, has no effect and is "
                "ignored.",
                POSTS[outcome[0]],
                node.id,
                node.fn.name,
            )

    def finish(self, node: Node, outcome: Outcome) -> bool:
        """Set what a Node came to. It ends now, or when its last child does.

        False where it had an outcome already: the first one stands.
        """
        if node.heard:
            outcome = _stopped(node, outcome)
        with self._log.lock:
            if node.outcome is not None:
                return False
            node.outcome = outcome
            ready = node.open_children == 0
        if ready:
            self._close(node)
        elif any(child.queued for child in node.children[-1:]):
            self._pool.wake()
        return True

    def _close(self, node: Node) -> None:
        closing: Node | None = node
        while closing is not None:
            try:
                if not self._close_one(closing):
                    return
            except BaseException as error:  # noqa: BLE001  whoever waits for it must hear of it
                self._close_anyhow(closing, error)
            closing = self._above(closing)

    def _above(self, node: Node) -> Node | None:
        """Count a Node out of its parent, and give that where it can close now."""
        parent = node.parent
        if parent is None:
            return None
        with self._log.lock:
            parent.open_children -= 1
            can_close = parent.open_children == 0 and parent.outcome is not None
        return parent if can_close else None

    def _close_one(self, node: Node) -> bool:
        """End a Node. False where it is done later, once the calls of its outbox have ended."""
        gate = self._runtime.gate
        assert node.outcome is not None
        outcome = node.outcome
        contract = node.fn.contract
        if contract is not None and contract.writes_result and outcome[0] == "success":
            try:
                assert node.draft is not None
                node.draft.returned(outcome[1])
            except Exception as error:  # noqa: BLE001  what cannot be put is no result
                outcome = outcome_of(None, error)
        if gate.at_leave or host().audit is not None or not node.cursor.is_live:
            outcome = gate.leave(node, outcome)
        draft = node.draft
        if draft is None:
            woken, calls, leaving = self._post_end(node, outcome, None)
        else:
            # What it wrote of the state counts with the line of its end, or not at all.
            woken, calls, leaving = draft.settle(outcome, partial(self._post_end, node))
        self._log.after(woken)
        node.context = node.counts = node.on_cancel = None
        if node.deadline is not None:
            attempt(node.deadline)
            node.deadline = None
        if draft is None or not leaving:
            self._tell_end(node, calls)
            return True
        release = self._release(node, draft, leaving)
        if release is None:
            self._released(node)
        else:
            release.add_done_callback(partial(self._released, node))
        return False

    def _release(self, node: Node, draft: NodeDraft, leaving: Sequence[Entry]) -> Node | None:
        """Have the calls of an outbox made: in their order, one after the other."""
        parent, outbox = node.parent, draft.outbox
        if parent is None and (node.cursor.is_alone or node.served):
            return None  # what was served left then, or waits in that run
        try:
            assert outbox is not None
            calls = [[nth, *one] for nth, one in enumerate(leaving)]
            inputs = {"of": node.key, "calls": calls}
            release = self._runtime.follow(node, outbox.release, inputs, outbox.fns)
            node.release = release
        except Exception:  # the transaction counts: what did not leave is listed
            logger.exception("The outbox of Node %s (%s) was not released.", node.id, node.fn.name)
            return None
        if parent is not None and parent.cancel_reason is not None:
            self.finish(release, outcome_of(None, CancellationException(parent.cancel_reason)))
            return release
        self.admit(release)
        is_near = here.stack and not self._loop.is_here and len(here.stack) < INLINE_DEPTH
        if is_near and self._pool.claim(release):
            self.run_here(release, inline=False)
        elif release.queued:
            self._pool.wake()
        return release

    def _released(self, node: Node) -> None:
        """Go on with the end of a Node: the calls of its outbox have ended."""
        try:
            self._tell_end(node, self._become(node, NodeState.Success))
        except BaseException as error:  # noqa: BLE001  whoever waits for it must hear of it
            self._close_anyhow(node, error)
        above = self._above(node)
        if above is not None:
            self._close(above)

    def _become(self, node: Node, state: NodeState) -> list[Callable[[], object]] | None:
        """Make a Node terminal, and give who is to be told."""
        with self._log.lock:
            node.state = state
            calls, node.done_calls = node.done_calls, None
        return calls

    def _tell_end(self, node: Node, calls: list[Callable[[], object]] | None) -> None:
        gate = self._runtime.gate
        for call in calls or ():
            attempt(call)
        if gate.at_closed:
            gate.closed(node)
        node.on_terminal_cleanup()
        if node.external_cancel is not None:
            self._pool.unpoll(node)
        if node.parent is None:
            self._runtime.root_ended(node)

    def _post_end(
        self, node: Node, outcome: Outcome, touched: Touched | None
    ) -> tuple[Any, list[Callable[[], object]] | None, Sequence[Entry]]:
        """Post the end, and make the Node terminal. Gives who is to be told, outside all locks.

        With an outbox that counts now it is terminal when the calls in it have ended.
        """
        kind, value, error = outcome
        if error is not None:
            node.traceback = error.__traceback__
            if kind == "error":
                logger.error(
                    "Node %s (%s) ended with exception: %s",
                    node.id,
                    node.fn.name,
                    stringify(error, MOST_LOGGED),
                )
        node.outputs, node.exception = value, error
        # Who called it gets the value itself, and may change it.
        body = NodeClosed(kind, snapshot(value), error, node.ruling, touched)
        leaving = touched.outbox if touched is not None and kind == "success" else ()
        calls = None
        with self._log.lock:
            event, woken = self._log.post_locked(node, body)
            node.ended_at = event.time
            if not leaving:
                node.state = OUTCOMES[kind]
                calls, node.done_calls = node.done_calls, None
        return woken, calls, leaving

    def _close_anyhow(self, node: Node, error: BaseException) -> None:
        """End a Node whose end failed, with what failed there."""
        logger.error("The end of Node %s (%s) failed.", node.id, node.fn.name, exc_info=error)
        woken = None
        with self._log.lock:
            if not node.is_done and node.ended_at is not None:  # only its outbox was left
                node.state = NodeState.Success
            elif not node.is_done:
                node.outcome = outcome_of(None, error)
                node.outputs, node.exception, node.state = None, error, NodeState.Error
                node.traceback = error.__traceback__
                with contextlib.suppress(Exception):  # whoever waits comes first
                    event, woken = self._log.post_locked(node, NodeClosed("error", None, error))
                    node.ended_at = event.time
            calls, node.done_calls = node.done_calls, None
        attempt(partial(self._log.after, woken))
        for call in calls or ():
            attempt(call)

    def may_block(self, fn: Function) -> None:
        """Raise on the loop's own thread, where waiting would stop every agent."""
        if self._loop.is_here:
            raise NoNodeError(
                f"{fn.name}() cannot be waited for here: this is the loop's own thread. "
                f"Write `await {fn.name}.start(...)`."
            )

    def wait_for(self, node: Node, timeout: float | None) -> None:
        """Block until a Node has its outcome; run it here if nobody has begun to."""
        self.may_block(node.fn)
        caller = current.get()
        stack = here.stack
        if (
            timeout is None
            and stack
            and stack[-1] is node.parent
            and caller is node.parent
            and (len(stack) < INLINE_DEPTH or _calls_leaves(node, len(stack)))
            and self._pool.claim(node)
        ):
            self.run_here(node, inline=True)
            if node.is_done:
                return
        elif node.queued and len(stack) >= INLINE_DEPTH:
            self._pool.wake()
        self._block(node, timeout, caller if stack else None)

    def _block(self, node: Node, timeout: float | None, caller: Node | None) -> None:
        woken = threading.Lock()
        woken.acquire()
        node.add_done_callback(woken.release)
        is_heard = caller is not None and caller.state is NodeState.Running
        if is_heard and caller is not None:
            self._log.post(caller, NodeWaits(WaitingOn("child", node.fn.name, node.id)))
        try:
            came = acquired(woken, timeout)
        except KeyboardInterrupt:
            # A person stopped the wait: what it waited for stops too, then they hear of it.
            if caller is not None:
                raise
            node.remove_done_callback(woken.release)
            raise stopped(node.root_ancestor) from None
        if is_heard and caller is not None:
            self._log.post(caller, NodeWaits(None))
        if not came:
            node.remove_done_callback(woken.release)
            raise StillRunningError(
                f"Node {node.id}, {node.fn.name}(), is still {node.state.name} after "
                f"{timeout} s. It goes on; `cancel()` stops it."
            )

    async def wait_async(self, node: Node) -> None:
        """Wait for a Node on whatever loop this is."""
        loop = asyncio.get_running_loop()
        done = loop.create_future()

        def tell() -> None:
            if not done.done():
                done.set_result(None)

        def ended() -> None:
            # A closed loop says RuntimeError: nobody waits there any more.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(tell)

        node.add_done_callback(ended)
        try:
            await done
        finally:
            node.remove_done_callback(ended)

    def cancel(self, node: Node, reason: str) -> None:
        """Ask a subtree to stop: flag it, wake who waits, drop what has not begun."""
        node = node.release or node
        with self._log.lock:
            if node.cancel_reason is not None or node.is_done:
                return
        self._log.post(node, CancelAsked(reason))
        stack = [node]
        while stack:
            one = stack.pop()
            with self._log.lock:
                if one.is_done or one.cancel_reason is not None:
                    continue
                one.cancel_reason = reason
                stack.extend(one.children)
            self._stop(one, reason)

    def _stop(self, node: Node, reason: str) -> None:
        held, wake = node.held, node.on_cancel
        if wake is not None:
            wake()
        if held is not None:
            held.release()
        elif self._pool.claim(node):
            self.finish(node, outcome_of(None, CancellationException(reason)))


def _stopped(node: Node, outcome: Outcome) -> Outcome:
    """Give the outcome of a body that met the cancel of its Node: no `except` undoes that."""
    kind, _, error = outcome
    if kind == "canceled" or not (error is None or isinstance(error, Exception)):
        return outcome
    stopped = CancellationException(node.cancel_reason or "Operation was canceled")
    stopped.__cause__ = error
    return outcome_of(None, stopped)


def _calls_leaves(node: Node, depth: int) -> bool:
    siblings = node.parent.children if node.parent is not None else []
    return (
        depth < INLINE_DEPTH_OF_LEAVES
        and len(siblings) > 1
        and siblings[-1] is node
        and not siblings[-2].children
        and siblings[-2].is_done
    )


def trim(error: BaseException) -> None:
    """Drop our own frame from a traceback: the user's code comes first."""
    tb = error.__traceback__
    if tb is not None and tb.tb_next is not None:
        error.__traceback__ = tb.tb_next
