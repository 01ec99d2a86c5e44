"""Who answers the agent loop in a live run: models, children, the clock."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from ..core.converse import (
    RAISE_EXCEPTION,
    Calls,
    Continue,
    Pause,
    Raised,
    Result,
    Say,
    Step,
    converse,
    tool_of,
)
from ..core.errors import (
    AgentException,
    CancellationException,
    ModelError,
    NetfluxError,
)
from ..core.events import NodeWaits, PartAdded, PartStreamed, StreamDropped, UsageSet
from ..core.messages import (
    Delta,
    ModelReply,
    ModelRequest,
    TokenUsage,
    ToolUsePart,
    provider_name,
)
from ..core.policy import WaitingOn
from .agents import AgentNode
from .gate import outcome_of
from .nodes import Node

if TYPE_CHECKING:
    from .runtime import Runtime


async def drive(runtime: Runtime, node: AgentNode) -> None:
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
        value = await _Driver(runtime, node, stop).lead()
    except CancellationException as error:
        life.finish(node, outcome_of(None, error))
    except (asyncio.CancelledError, GeneratorExit):
        reason = node.cancel_reason or "The runtime was closed"
        life.finish(node, outcome_of(None, CancellationException(reason)))
    except ModelError as error:
        failure = node.wrapped(error)
        failure.__cause__ = error
        life.finish(node, outcome_of(None, failure))
    except NetfluxError as error:
        life.finish(node, outcome_of(None, error))
    except BaseException as error:  # noqa: BLE001  the loop must outlive any agent
        failure = node.wrapped(error)
        failure.__cause__ = error
        life.finish(node, outcome_of(None, failure))
    else:
        life.finish(node, ("success", value, None))


class _Driver:
    """One agent's loop, with what it needs at hand."""

    def __init__(self, runtime: Runtime, node: AgentNode, stop: asyncio.Future[None]) -> None:
        self._runtime = runtime
        self._node = node
        self._stop = stop
        self._log = runtime.log
        self._name = provider_name(node.provider_used)
        self._model = runtime.model_for(self._name, node.client_factory)

    async def lead(self) -> Any:
        node, fn = self._node, self._node.agent_fn
        talk = converse(
            fn,
            node_id=node.id,
            system=node.system_prompt(),
            user_text=node.build_user_text(),
            tools=tuple(tool_of(f) for f in node.func_map.values()),
            provider=self._name,
            model=node.model,
            settings=fn.settings,
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
                self._log.post(self._node, PartAdded(part))
            case ModelRequest():
                return await self._ask(step)
            case Calls(parts=parts):
                return await self._call(parts)
            case Pause():
                await self._pause(step)
            case Continue():
                self._node.record_continuation()
        return None

    def _check(self) -> None:
        if self._node.cancel_reason is not None:
            raise CancellationException(self._node.cancel_reason)

    async def _ask(self, request: ModelRequest) -> ModelReply | ModelError:
        self._check()
        node = self._node
        reply: ModelReply | None = None
        try:
            await self._runtime.gate.ask(node, request)
            turns = self._runtime.turns(self._name)
            await self._take_turn(turns)
            try:
                self._log.post(node, NodeWaits(WaitingOn("model", node.model or self._name)))
                reply = await self._request(request)
            finally:
                turns.release()
            return reply
        except ModelError as error:
            return error
        finally:
            self._log.post(node, NodeWaits(None))
            self._runtime.gate.replied(node, request, reply)

    async def _take_turn(self, turns: asyncio.Semaphore) -> None:
        if not turns.locked():
            await turns.acquire()
            return
        self._log.post(self._node, NodeWaits(WaitingOn("turn", self._name)))
        taking = asyncio.ensure_future(turns.acquire())
        await asyncio.wait(_both(taking, self._stop), return_when=asyncio.FIRST_COMPLETED)
        if self._node.cancel_reason is not None:
            if taking.done():
                turns.release()
            taking.cancel()
            self._check()
        await taking

    async def _request(self, request: ModelRequest) -> ModelReply:
        """Send it. A cancel aborts it, but a reply that is already there wins."""
        node, so_far = self._node, [TokenUsage()]
        streamed: list[bool] = []

        def emit(delta: Delta) -> None:
            if delta.usage is not None:
                so_far[0] = delta.usage
            if delta.text:
                streamed.append(True)
                self._log.post(node, PartStreamed(delta))

        asking = asyncio.ensure_future(self._model.reply(request, emit))
        try:
            await asyncio.wait(_both(asking, self._stop), return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                asking.cancel()
                await asyncio.wait({asking})
            if asking.cancelled():
                raise CancellationException(node.cancel_reason or "Operation was canceled")
            reply = asking.result()
        except BaseException:
            if not asking.done():
                asking.cancel()
            self._count(so_far[0])
            if streamed:
                self._log.post(node, StreamDropped())
            raise
        self._count(reply.usage)
        return reply

    def _count(self, usage: TokenUsage) -> None:
        if usage == TokenUsage():
            return
        node = self._node
        node.usage = node.usage + usage
        self._log.post(node, UsageSet(node.usage))

    async def _unless_stopped(self, waiting: Any) -> None:
        task = asyncio.ensure_future(waiting)
        await asyncio.wait(_both(task, self._stop), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
        self._check()

    async def _pause(self, step: Pause) -> None:
        node = self._node
        seconds = step.seconds * (1 + 0.1 * self._runtime.chance())
        node.record_retriable_exception(step.error, attempt=step.attempt, backoff_seconds=seconds)
        self._log.post(node, NodeWaits(WaitingOn("retry", f"attempt {step.attempt + 1}")))
        try:
            await self._unless_stopped(self._runtime.sleep(seconds))
        finally:
            self._log.post(node, NodeWaits(None))

    async def _call(self, parts: tuple[ToolUsePart, ...]) -> tuple[Result, ...]:
        """Start every call, then wait for all: one that fails does not stop the others."""
        self._check()
        started = [self._start(part) for part in parts]
        open_ones = [n for n in started if not n.is_done]
        if open_ones:
            names = ", ".join(n.fn.name for n in open_ones)[:120]
            self._log.post(self._node, NodeWaits(WaitingOn("child", names, open_ones[0].id)))
            await _all_done(self._runtime, open_ones)
            self._log.post(self._node, NodeWaits(None))
        return tuple(_result(child) for child in started)

    def _start(self, part: ToolUsePart) -> Node:
        node = self._node
        try:
            return node.invoke_tool_function(part.tool_name, part.args, part.tool_use_id)
        except CancellationException:
            raise
        except Exception as error:  # noqa: BLE001  the model is told, and the tree shows it
            fn = node.func_map.get(part.tool_name)
            return self._runtime.stillborn(
                node, fn, part.tool_name, part.args, part.tool_use_id, error
            )


def _result(child: Node) -> Result:
    error = child.exception
    if child.outcome is not None and error is None:
        return Result(child.outputs)
    assert error is not None
    if child.fn.name == RAISE_EXCEPTION and isinstance(error, AgentException):
        return Raised(error=error)
    return Result(error=error)


async def _all_done(runtime: Runtime, nodes: list[Node]) -> None:
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    left = [len(nodes)]

    def one_more() -> None:
        left[0] -= 1
        if left[0] == 0 and not done.done():
            done.set_result(None)

    for node in nodes:
        node.add_done_callback(lambda: runtime.loop.call(one_more))
    await done


def _both(work: asyncio.Future[Any], stop: asyncio.Future[None]) -> list[asyncio.Future[Any]]:
    return [work, stop]
