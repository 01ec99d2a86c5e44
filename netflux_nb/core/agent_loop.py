"""The agent loop: a generator that asks for everything and does nothing itself."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .errors import AgentException, ArgumentError, ModelError, NetfluxError, stringify
from .functions import schema
from .functions.kinds import AgentFunction, Function
from .messages import (
    ImageResult,
    ModelReply,
    ModelRequest,
    ModelTextPart,
    NativePart,
    Prefix,
    ThinkingBlockPart,
    Tool,
    ToolResultPart,
    ToolUsePart,
    TranscriptPart,
    UserTextPart,
)
from .model_retries import Pause, with_retries

# An agent may give so many answers that do not fit its type; the last of them is its failure.
MAX_MISFITS = 3
# An answer that was cut this often in a row has no end.
MAX_CUTS = 10

# A model may read this much of an error: a failing build tells why at its end.
ERROR_CHARS = 4_000

RAISE_EXCEPTION = "raise_exception"


class StepsError(NetfluxError):
    """An agent asked its model more often than its `max_steps`."""


class ResultError(NetfluxError):
    """An agent's last answer does not fit its result type, nor did the ones before."""


@dataclass(frozen=True, slots=True)
class ToolCalls:
    """Run these calls, all at once, and send their results back in the same order."""

    parts: tuple[ToolUsePart, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one call."""

    value: Any = None
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class Say:
    """Put this part into the transcript."""

    part: TranscriptPart


@dataclass(frozen=True, slots=True)
class Continue:
    """The model's answer was cut and goes on in a new one."""


Step = ModelRequest | ToolCalls | Say | Pause | Continue
Sent = ModelReply | ModelError | tuple[Result, ...] | None


# What not every provider takes in an id.
_FOREIGN = re.compile(r"[^\w-]", re.ASCII)


def tool_of(fn: Function) -> Tool:
    """Give a Function as a model sees it."""
    return Tool(fn.name, fn.desc, fn.json_schema())


def shown(value: Any) -> Any:
    """Give a result as a model reads it: text and pictures as they are, data as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, ImageResult):
        return value
    if isinstance(value, (list, tuple)) and any(isinstance(v, ImageResult) for v in value):
        return tuple(shown(v) for v in value)
    if value is None or isinstance(value, (bool, int, float)):
        return str(value)
    from pydantic_core import PydanticSerializationError, to_json

    try:
        return to_json(value).decode()
    except (PydanticSerializationError, ValueError):
        return str(value)


def converse(
    fn: AgentFunction,
    *,
    node_id: int,
    system: str,
    user_text: str,
    tools: tuple[Tool, ...],
    provider: str,
    model: str | None,
    settings: Mapping[str, Any],
    node_key: str = "",
) -> Generator[Step, Sent, Any]:
    """Lead one agent from its user turn to its value, or raise what it failed with.

    Yields a `ModelRequest` (sent: the reply, or a `ModelError`), `ToolCalls` (sent: results),
    and `Say`, `Pause`, `Continue` (sent: nothing that counts).
    """
    history: list[TranscriptPart] = []
    wants_data = fn.result_type is not str
    result_schema = schema.schema_of(fn.result_type) if wants_data else None
    misfits = cuts = 0
    ids: set[str] = set()

    first = UserTextPart(user_text)
    history.append(first)
    yield Say(first)
    for step in range(fn.max_steps):
        request = ModelRequest(
            provider=provider,
            model=model,
            system=system,
            parts=Prefix(history),
            tools=tools,
            settings=settings,
            result_schema=result_schema,
            node_key=node_key,
            nth=step,
        )
        reply = yield from with_retries(request)
        parts = identified(reply.parts, ids, f"{provider}-{node_id}")
        for part in parts:
            history.append(part)
            yield Say(part)
        calls = tuple(p for p in parts if isinstance(p, ToolUsePart))
        if calls:
            results = yield ToolCalls(calls)
            assert isinstance(results, tuple)
            for part in _result_parts(calls, results):
                history.append(part)
                yield Say(part)
            raised = _raised(results)
            if raised is not None:
                raise raised
            continue
        if reply.stop == "pause":
            yield Continue()
            continue
        if reply.stop == "max_tokens":
            cuts += 1
            _check_cut(fn.name, reply, cuts)
            yield Continue()
            continue
        cuts = 0
        if reply.stop == "refusal":
            why = f": {reply.detail[:400]}" if reply.detail else "."
            raise ModelError(f"The model refused to answer this prompt{why}")
        text = "".join(p.text for p in _last_text(history))
        if not wants_data:
            return text
        try:
            return _value_of(fn.result_type, text, history)
        except ArgumentError as error:
            misfits += 1
            again = _misfit(fn.name, misfits, error)
            history.append(again)
            yield Say(again)
    raise StepsError(
        f"{fn.name}() asked its model {fn.max_steps} times without coming to an end. "
        f"Raise `max_steps`, or narrow its task."
    )


def for_its_provider(request: ModelRequest, came: Sequence[tuple[int, str]]) -> ModelRequest:
    """Take out of a request what only another provider can read: thinking, and signatures.

    A policy may have switched the model meanwhile. `came` tells from which part on the
    answers are whose.
    """
    if all(name == request.provider for _, name in came):
        return request
    kept: list[TranscriptPart] = []
    ahead, owner = list(came), request.provider
    for place, part in enumerate(request.parts):
        while ahead and ahead[0][0] <= place:
            owner = ahead.pop(0)[1]
        if owner == request.provider:
            kept.append(part)
        elif isinstance(part, (ModelTextPart, ToolUsePart)):
            kept.append(replace(part, signature=""))
        elif not isinstance(part, (ThinkingBlockPart, NativePart)):
            kept.append(part)
    return replace(request, parts=tuple(kept))


def identified(
    parts: tuple[TranscriptPart, ...], ids: set[str], owner: str
) -> tuple[TranscriptPart, ...]:
    """Give every call an id of its own: some providers send none, or one twice."""
    named = list(parts)
    for place, part in enumerate(parts):
        if not isinstance(part, ToolUsePart):
            continue
        if not part.tool_use_id or part.tool_use_id in ids:
            fresh = _FOREIGN.sub("_", f"{owner}-{len(ids) + 1}-{part.tool_name[:60]}")
            named[place] = replace(part, tool_use_id=fresh)
            ids.add(fresh)
        else:
            ids.add(part.tool_use_id)
    return tuple(named)


def _check_cut(name: str, reply: ModelReply, cuts: int) -> None:
    """Raise where an answer that ran into its `max_tokens` cannot go on."""
    if cuts > MAX_CUTS:
        raise ModelError(f"The answer of {name}() was cut {cuts} times in a row; it has no end.")
    if not any(isinstance(p, ModelTextPart) and p.text for p in reply.parts):
        raise ModelError(
            f"The answer of {name}() was cut at its `max_tokens` before it said anything. "
            f"Raise `max_tokens` in its settings, or lower its effort."
        )


def _misfit(name: str, misfits: int, error: ArgumentError) -> UserTextPart:
    """Say why an answer does not fit, or raise when there were too many."""
    if misfits >= MAX_MISFITS:
        raise ResultError(
            f"{name}() gave {misfits} answers that do not fit its result type. "
            f"The last: {str(error)[:400]}"
        ) from None
    return UserTextPart(f"That answer does not fit: {str(error)[:800]}. Answer with JSON only.")


def _value_of(kind: Any, text: str, history: list[TranscriptPart]) -> Any:
    """Read the answer; where it stands after other words, its last part alone."""
    try:
        return schema.check_json(kind, text)
    except ArgumentError:
        last = history[-1]
        if not isinstance(last, ModelTextPart) or last.text == text:
            raise
        try:
            return schema.check_json(kind, last.text)
        except ArgumentError:
            pass
        raise


def _last_text(history: list[TranscriptPart]) -> list[ModelTextPart]:
    """Give the text since the last turn that was not the model's, cut answers included."""
    texts: list[ModelTextPart] = []
    for part in reversed(history):
        if isinstance(part, (UserTextPart, ToolResultPart)):
            break
        if isinstance(part, ModelTextPart):
            texts.append(part)
    return texts[::-1]


def _result_parts(
    calls: tuple[ToolUsePart, ...], results: tuple[Result, ...]
) -> list[ToolResultPart]:
    return [
        ToolResultPart(
            call.tool_use_id,
            call.tool_name,
            shown(result.value) if result.error is None else stringify(result.error, ERROR_CHARS),
            result.error is not None,
        )
        for call, result in zip(calls, results, strict=True)
    ]


def _raised(results: tuple[Result, ...]) -> AgentException | None:
    """Give what this agent itself decided to raise, once the whole batch was tried.

    An `AgentException` of a sub-agent is a result like any other: only the built-in
    `raise_exception` speaks for the agent, and the driver marks what came from it.
    """
    for result in results:
        if isinstance(result, Raised):
            assert isinstance(result.error, AgentException)
            return result.error
    return None


@dataclass(frozen=True, slots=True)
class Raised(Result):
    """The agent called `raise_exception`."""
