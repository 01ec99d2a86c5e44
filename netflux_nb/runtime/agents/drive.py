"""The driver of an agent's loop: sends its requests, starts its calls, waits out its retries.

- `converse` yields steps and decides: retries, repairs, the end. A `Driver` only answers the
  steps: `_ask` a request, `_call` calls, `_pause` a retry's wait. It never decides to try again.
- `drive` runs as a task on the loop's thread, which owns `Driver`, `Lane` and `Stream`: no lock.
  `answer` leads a fully recorded agent on the waiting thread; its `_Answered` awaits nothing.
- A request passes in this order: cancel check, `cursor.request_of`, the record (`_served`), `Gate.ask`,
  a turn in the lane, a seat at the client, `RequestStarted`, `Log.settled`, the provider.
- Nothing is paid for that is not on disk: where there is a record, `RequestStarted` is synced
  before the provider is asked, and a record that fails ends the agent with no request sent.
- Once the provider is asked, `RequestEnded` is posted whatever happens (`finally` in `_request`).
  Seat and turn are given back, and `Gate.replied` is told: policies release what they reserved.
- What a record serves passes no policy and no lane, and adds nothing to `node.usage`.
- `ModelError` is returned to `converse`; anything else raised ends the agent. `met` wraps what is
  not a `NetfluxError` as `ModelProviderException`, the cause kept.
- Every wait for a provider races with `_stop`, which `node.on_cancel` settles from any thread. A
  reply that is there wins over a cancel: it was paid for. An abort is waited for `ABORT_S`.
- `_call` starts all calls before it waits for any. A call that cannot be made becomes a Node too
  (`stillborn`), whose error the model reads; a cancel, or a full tree, ends the agent instead.
- Every call in the transcript has an id of its own (`_with_ids`), also where a provider gave none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from ...core.agent_loop import (
    RAISE_EXCEPTION,
    Continue,
    Raised,
    Result,
    Say,
    Step,
    ToolCalls,
    converse,
    for_its_provider,
    identified,
    tool_of,
)
from ...core.errors import (
    AgentException,
    CancellationException,
    ModelError,
    NetfluxError,
    stringify,
)
from ...core.events import (
    NodeWaits,
    PartAdded,
    PartStreamed,
    RequestEnded,
    RequestStarted,
    StreamDropped,
)
from ...core.functions.kinds import Function
from ...core.json.lines import Digests
from ...core.messages import (
    Delta,
    Model,
    ModelReply,
    ModelRequest,
    Spent,
    TokenUsage,
    ToolResultPart,
    ToolUsePart,
    UserTextPart,
    provider_name,
)
from ...core.model_retries import Pause
from ...core.policy import WaitingOn
from ...core.snapshots import snapshot
from ..gate import Gate, Outcome, outcome_of
from ..nodes import Node
from ..observe import Log
from ..threads.schedule import Loop
from .agent import AgentNode
from .lanes import Lane, Seat
from .stream import Stream


class _Life(Protocol):
    def started(self, node: Node) -> None: ...

    def finish(self, node: Node, outcome: Outcome) -> bool: ...


class _Calls(Protocol):
    def stillborn(
        self,
        caller: Node,
        fn: Function | None,
        name: str,
        args: Mapping[str, Any],
        tool_use_id: str | None,
        error: BaseException,
    ) -> Node: ...


class Driving(Protocol):
    """A runtime as the driver of its agents needs it."""

    clock: Callable[[], float]
    sleep: Callable[[float], Any]
    chance: Callable[[], float]
    redact: Callable[[str], str]
    log: Log
    loop: Loop
    gate: Gate

    @property
    def life(self) -> _Life:
        """The life of its Nodes: start and end."""
        ...

    @property
    def calls(self) -> _Calls:
        """Its calls: all Nodes, and the making of new ones."""
        ...

    def lane(self, name: str) -> Lane:
        """Give the way to a provider."""
        ...


# What a request that is cancelled may take to let go of its connection.
ABORT_S = 0.1
# Who catches what a request failed with may read it; a replay says as much of it again.
ERROR_CHARS = 15_000


async def drive(runtime: Driving, node: AgentNode) -> None:
    """Lead one agent to its outcome, on the loop's thread."""
    life = runtime.life
    if node.cancel_reason is not None:
        life.finish(node, outcome_of(None, CancellationException(node.cancel_reason)))
        return
    stop: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    node.on_cancel = partial(runtime.loop.settle, stop)
    life.started(node)
    try:
        runtime.gate.enter(node)
        value = await Driver(runtime, node, stop).lead()
    except (asyncio.CancelledError, GeneratorExit):
        reason = node.cancel_reason or "The runtime was closed"
        life.finish(node, outcome_of(None, CancellationException(reason)))
    except BaseException as error:  # noqa: BLE001  the loop must outlive any agent
        life.finish(node, outcome_of(None, met(node, error)))
    else:
        life.finish(node, ("success", value, None))


def met(node: AgentNode, error: BaseException) -> BaseException:
    """Give the error an agent ends with; a foreign one is wrapped as its driver's."""
    is_ours = isinstance(error, NetfluxError) and not isinstance(error, ModelError)
    if is_ours or isinstance(error, CancellationException):
        return error
    failure = node.wrapped(error)
    failure.__cause__ = error
    return failure


class Driver:
    """One agent's loop, with what it needs at hand."""

    def __init__(
        self, runtime: Driving, node: AgentNode, stop: asyncio.Future[None] | None
    ) -> None:
        self._runtime = runtime
        self._node = node
        self._stop = stop
        self._log = runtime.log
        self._name = self._owner = provider_name(node.provider_used)
        self._ids: set[str] = set()
        self._digests = Digests(runtime.redact)
        # From which part on the answers are whose: a policy may switch the model.
        self._came: list[tuple[int, str]] = []

    @property
    def _lane(self) -> Lane:
        return self._runtime.lane(self._name)

    async def lead(self) -> Any:
        """Go from question to answer until there is a value, or an error."""
        node, fn = self._node, self._node.agent_fn
        talk = converse(
            fn,
            node_id=node.id,
            system=node.system_prompt(),
            user_text=node.build_user_text(),
            tools=tuple(tool_of(f) for f in node.func_map.values()),
            provider=self._name,
            model=node.model,
            settings={**node.cursor.settings, **fn.settings},
            node_key=node.key,
        )
        sent: Any = None
        while True:
            try:
                step = talk.send(sent)
            except StopIteration as end:
                return end.value
            sent = await self._answer(step)

    async def _answer(self, step: Step) -> Any:
        match step:
            case Say(part=part):
                self._node.transcript.append(part)
                if isinstance(part, (UserTextPart, ToolResultPart)):  # the rest came with its reply
                    self._log.post(self._node, PartAdded(part))
            case ModelRequest():
                reply = await self._ask(step)
                if isinstance(reply, ModelReply):
                    self._came.append((len(step.parts), self._name))
                return reply
            case ToolCalls(parts=parts):
                return await self._call(parts)
            case Pause():
                await self._pause(step)
            case Continue():
                self._node.record_continuation()
        return None

    def check(self) -> None:
        """Raise once this agent was asked to stop."""
        if self._node.cancel_reason is not None:
            raise CancellationException(self._node.cancel_reason)

    async def _ask(self, request: ModelRequest) -> ModelReply | ModelError:
        self.check()
        node = self._node
        reply: ModelReply | None = None
        request = node.cursor.request_of(node, request)
        self._turn(request)
        self._asked: RequestStarted | None = None
        if self._log.is_recorded or not node.cursor.is_live:
            self._asked = self._digests.started(request)
        served = self._served(request)
        if served is not None:
            return served
        try:
            allowed = await self._runtime.gate.ask(node, request)
            if allowed is not request:
                request = allowed
                self._turn(request)
                if self._asked is not None:
                    self._asked = self._digests.started(request, anew=True)
            await self._take_turn()
            try:
                answer = reply = await self._seated(request)
            finally:
                self._lane.leave(self._spent.usage.total, went_well=reply is not None)
            return answer
        except ModelError as error:
            return error
        finally:
            self._log.post(node, NodeWaits(None))
            self._runtime.gate.replied(node, request, reply, self._spent)

    def _turn(self, request: ModelRequest) -> None:
        """Switch to the provider of this request; a policy may have changed it."""
        self._name = request.provider
        self._spent = Spent(self._name, request.model, TokenUsage(), "canceled")

    def _served(self, request: ModelRequest) -> ModelReply | ModelError | None:
        """Give the answer of a record, where one serves this request. It costs nothing now."""
        cursor = self._node.cursor
        if cursor.is_live:
            return None
        assert self._asked is not None
        came = replace(self._spent, served=True, time=self._runtime.clock())
        try:
            reply = cursor.reply(self._node, request, self._asked)
        except ModelError as error:
            self._log.post(self._node, self._asked)
            self._count(replace(came, stop="error", error=stringify(error, ERROR_CHARS)))
            return error
        if reply is None:
            return None
        self._log.post(self._node, self._asked)
        model = reply.model or request.model
        reply = self._with_ids(reply)
        self._count(replace(came, usage=reply.usage, model=model, stop=reply.stop), reply)
        return reply

    async def _seated(self, request: ModelRequest) -> ModelReply:
        """Send a request through the provider's client, which all agents share."""
        node = self._node
        seat: Seat | None = self._lane.sit()
        while seat is None:
            await self._unless_stopped(self._lane.ready())
            seat = self._lane.sit()
        is_broken = False
        try:
            if self._asked is not None and self._log.is_recorded:
                self._log.post(node, self._asked)
                await self._log.settled(node)
                request = replace(request, is_recorded=True)
            self._log.post(node, NodeWaits(WaitingOn("model", request.model or self._name)))
            return await self._request(seat.model, request)
        except ModelError as error:
            is_broken = error.is_broken
            raise
        finally:
            self._lane.rise(seat, is_broken=is_broken)

    async def _take_turn(self) -> None:
        turn = self._lane.ask_turn()
        if turn.done():
            return
        self._log.post(self._node, NodeWaits(WaitingOn("turn", self._name)))
        try:
            await asyncio.wait(_both(turn, self._stop), return_when=asyncio.FIRST_COMPLETED)
            self.check()
        except BaseException:
            self._lane.give_up(turn)
            raise

    async def _request(self, model: Model, request: ModelRequest) -> ModelReply:
        """Send it. A cancel aborts it, but a reply that is already there wins."""
        node, clock = self._node, self._runtime.clock
        spent, began = self._spent, clock()
        stream = Stream(lambda delta: self._log.post(node, PartStreamed(delta)))

        def emit(delta: Delta) -> None:
            nonlocal spent
            if delta.usage is not None:
                spent = replace(spent, usage=delta.usage)
            if delta.text:
                stream.add(delta)

        asking = asyncio.ensure_future(model.reply(for_its_provider(request, self._came), emit))
        reply: ModelReply | None = None
        try:
            await asyncio.wait(_both(asking, self._stop), return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                await _abort(asking)
            if not asking.done() or asking.cancelled():
                raise CancellationException(node.cancel_reason or "Operation was canceled")
            reply = self._with_ids(asking.result())
            spent = replace(
                spent,
                usage=reply.usage,
                model=reply.model or spent.model,
                stop=reply.stop,
                served=reply.served,
                native=reply.native,
                native_request=reply.native_request,
            )
            return reply
        except CancellationException:
            raise
        except Exception as error:
            spent = replace(spent, stop="error", error=stringify(error, ERROR_CHARS))
            raise
        finally:
            if not asking.done():
                asking.cancel()
            stream.close()
            if reply is None and stream.is_used:
                self._log.post(node, StreamDropped())
            ended = clock()
            self._count(replace(spent, seconds=ended - began, time=ended), reply)

    def _with_ids(self, reply: ModelReply) -> ModelReply:
        """Give the reply as the transcript will hold it: every call has an id of its own."""
        node = self._node
        parts = identified(reply.parts, self._ids, f"{self._owner}-{node.id}")
        return replace(reply, parts=parts)

    def _count(self, spent: Spent, reply: ModelReply | None = None) -> None:
        self._spent = spent
        node = self._node
        if not spent.served:
            node.usage = node.usage + spent.usage
        self._log.post(node, RequestEnded(spent, () if reply is None else reply.parts))

    async def _unless_stopped(self, waiting: Awaitable[Any]) -> Any:
        task = asyncio.ensure_future(waiting)
        try:
            await asyncio.wait(_both(task, self._stop), return_when=asyncio.FIRST_COMPLETED)
            self.check()
            return await task
        finally:
            if not task.done():
                task.cancel()
            elif not task.cancelled():
                task.exception()  # of a wait that was left, it is nobody's

    async def _pause(self, step: Pause) -> None:
        node = self._node
        seconds = step.seconds * (1 + 0.1 * self._runtime.chance())
        if step.error.is_limit:
            self.back_off(seconds)
        node.record_retriable_exception(step.error, attempt=step.attempt, backoff_seconds=seconds)
        self._log.post(node, NodeWaits(WaitingOn("retry", f"attempt {step.attempt + 1}")))
        try:
            await self.rest(seconds)
        finally:
            self._log.post(node, NodeWaits(None))

    def back_off(self, seconds: float) -> None:
        """Let all who ask this provider wait a while."""
        self._lane.back_off(seconds)

    async def rest(self, seconds: float) -> None:
        """Wait before the next attempt."""
        await self._unless_stopped(self._runtime.sleep(seconds))

    async def _call(self, parts: tuple[ToolUsePart, ...]) -> tuple[Result, ...]:
        """Start every call, then wait for all: one that fails does not stop the others."""
        self.check()
        started = [self._start(part) for part in parts]
        open_ones = [n for n in started if not n.is_done]
        if open_ones:
            names = ", ".join(n.fn.name for n in open_ones)[:120]
            self._log.post(self._node, NodeWaits(WaitingOn("child", names, open_ones[0].id)))
            await self.all_done(open_ones)
            self._log.post(self._node, NodeWaits(None))
        draft = self._node.draft
        if draft is not None:
            for child in started:
                draft.take(child)
        return tuple(_result(child) for child in started)

    async def all_done(self, nodes: list[Node]) -> None:
        """Wait until all of these have ended."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        left = [len(nodes)]

        def one_more() -> None:
            left[0] -= 1
            if left[0] == 0 and not done.done():
                done.set_result(None)

        for node in nodes:
            node.add_done_callback(lambda: self._runtime.loop.call(one_more))
        await done

    def _start(self, part: ToolUsePart) -> Node:
        node = self._node
        try:
            # The code that is called may change what it is given; what the model said stays.
            args = snapshot(part.args)
            return node.invoke_tool_function(part.tool_name, args, part.tool_use_id)
        except CancellationException:
            raise
        except Exception as error:  # noqa: BLE001  the model is told, and the tree shows it
            fn = node.func_map.get(part.tool_name)
            return self._runtime.calls.stillborn(
                node, fn, part.tool_name, part.args, part.tool_use_id, error
            )


def is_answered(node: Node) -> bool:
    """True for a call in a tree in which nothing is live: a record answers, or it fails."""
    return node.cursor.is_alone


def answer(runtime: Driving, node: AgentNode) -> Outcome:
    """Run a fully recorded agent on this thread, without an event loop."""
    leading = _Answered(runtime, node, None).lead()
    try:
        leading.send(None)
    except StopIteration as end:
        return "success", end.value, None
    except BaseException as error:  # noqa: BLE001  this thread is ours; the caller gets it
        return outcome_of(None, met(node, error))
    leading.close()
    raise RuntimeError("A record that is to answer everything left a question open.")


class _Answered(Driver):
    """The loop of an agent that waits for nothing but its calls."""

    async def all_done(self, nodes: list[Node]) -> None:
        """Wait for each in turn: one that nobody has begun runs here."""
        for node in nodes:
            node.wait()

    def back_off(self, seconds: float) -> None:
        """Spare nobody: nothing is asked."""

    async def rest(self, seconds: float) -> None:
        """Go on: what was waited for has happened."""
        self.check()


def _result(child: Node) -> Result:
    error = child.exception
    if child.outcome is not None and error is None:
        return Result(child.outputs)
    assert error is not None
    if child.fn.name == RAISE_EXCEPTION and isinstance(error, AgentException):
        return Raised(error=error)
    return Result(error=error)


async def _abort(asking: asyncio.Future[Any]) -> None:
    """Cancel a request and wait a moment for its connection to close."""
    asking.add_done_callback(lambda done: done.cancelled() or done.exception())
    asking.cancel()
    await asyncio.wait({asking}, timeout=ABORT_S)


def _both(
    work: asyncio.Future[Any], stop: asyncio.Future[None] | None
) -> list[asyncio.Future[Any]]:
    assert stop is not None
    return [work, stop]
