"""Anthropic: the Messages API through its own SDK; plain, Bedrock and Vertex clients."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..core.errors import ModelError
from ..core.messages import (
    Delta,
    ImageResult,
    ModelReply,
    ModelRequest,
    ModelTextPart,
    NativePart,
    Provider,
    StopReason,
    ThinkingBlockPart,
    TokenUsage,
    ToolResultPart,
    ToolUsePart,
    TranscriptPart,
    UserTextPart,
)
from ..core.schema import args_of, as_object
from ..runtime.agents import AgentNode
from . import clients, faults, results
from .settings import GO_ON, ModelNames, Settings, settings_of

NAME = "anthropic"
# Long enough for a report; the API asks for a number.
MAX_TOKENS = 32_000
# Models that think only when they are given a budget.
_BUDGETED = re.compile(
    r"claude-(v?[12]\b|instant|3|(opus|sonnet|haiku)-4-[0-5]\b|(opus|sonnet)-4[@-]2)"
)
INTERLEAVED = {"anthropic-beta": "interleaved-thinking-2025-05-14"}
STOPS: dict[str, StopReason] = {
    "end_turn": "end",
    "stop_sequence": "end",
    "tool_use": "calls",
    "max_tokens": "max_tokens",
    "model_context_window_exceeded": "max_tokens",
    "pause_turn": "pause",
    "refusal": "refusal",
}
# Faults that arrive inside a stream whose status was 200 say what they are.
PASSING = {"overloaded_error", "api_error", "rate_limit_error", "timeout_error"}


def model(client: Any) -> Anthropic:
    """Make a client, or none, into who answers."""
    sdk = clients.sdk("anthropic", "anthropic")
    if client is None:
        try:
            client = sdk.AsyncAnthropic()
        except sdk.AnthropicError:
            raise clients.no_key(NAME, "ANTHROPIC_API_KEY") from None
        if not (client.api_key or client.auth_token or client.credentials):
            raise clients.no_key(NAME, "ANTHROPIC_API_KEY")
    if not (clients.is_from(client, "anthropic") and hasattr(client, "messages")):
        raise clients.wrong_client(NAME, client, "an anthropic.AsyncAnthropic, or its like")
    return Anthropic(clients.as_async(sdk, client))


class AnthropicAgentNode(AgentNode):
    """An agent that Anthropic answers. The shared loop leads it."""


class Anthropic:
    """Answers requests with one of Anthropic's models."""

    def __init__(self, client: Any) -> None:
        self._client = client.with_options(max_retries=0)  # the agent loop tries again
        self._secrets = clients.secrets_of(client)

    async def reply(self, request: ModelRequest, emit: Callable[[Delta], None], /) -> ModelReply:
        """Answer one request, telling what arrives."""
        body = encode(request)
        decoder = Decoder(emit, _result_name(request))
        try:
            stream = await self._client.messages.create(**body, stream=True)
            async with stream:
                async for event in stream:
                    decoder.take(event)
        except Exception as error:  # noqa: BLE001  with no cause: its words may repeat a key
            raise fault_of(error, self._secrets) from None
        return decoder.reply()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def fault_of(error: Exception, secrets: Sequence[str] = ()) -> Exception:
    """Say what an error of the SDK means."""
    kind = getattr(error, "type", None)
    if getattr(error, "status_code", None) == 200 and isinstance(kind, str):
        message = faults.scrubbed(f"{kind}: {faults.message_of(error)}", secrets)
        crowded = kind in ("overloaded_error", "rate_limit_error")
        return ModelError(message, retryable=kind in PASSING, is_limit=crowded)
    fault: Exception = faults.as_fault(error, secrets)
    return fault


def encode(request: ModelRequest) -> dict[str, Any]:
    """Give the body of a request."""
    settings = settings_of(request)
    name = request.model or ModelNames[Provider.Anthropic]
    messages = _messages(request.parts)
    if settings.cache_ttl is not None:
        _mark(messages, settings.cache_ttl)
    body: dict[str, Any] = {
        "model": name,
        "max_tokens": settings.max_tokens or MAX_TOKENS,
        "messages": messages,
    }
    if request.system:
        system: dict[str, Any] = {"type": "text", "text": request.system}
        body["system"] = [_marked(system, settings.cache_ttl)]
    tools = [
        {"name": t.name, "description": t.desc, "input_schema": t.schema} for t in request.tools
    ]
    if tools:
        body["tools"] = tools
    thinking = _thinking(settings, name)
    if thinking is not None:
        body["thinking"] = thinking
        if thinking["type"] == "enabled" and tools:
            body["extra_headers"] = INTERLEAVED
    output: dict[str, Any] = {}
    if settings.effort is not None:
        output["effort"] = settings.effort
    given_by = _result_name(request)
    if request.result_schema is not None and given_by is None:
        output["format"] = {"type": "json_schema", "schema": _strict(request.result_schema)}
    if output:
        body["output_config"] = output
    if request.result_schema is not None and given_by is not None:
        body["tools"] = [*tools, _result_tool(given_by, request.result_schema)]
    if settings.stop:
        body["stop_sequences"] = list(settings.stop)
    if settings.timeout_s is not None:
        body["timeout"] = settings.timeout_s
    # The SDK knows these two no more; older models still take them.
    chance = {"temperature": settings.temperature, "top_p": settings.top_p}
    extra = {**{k: v for k, v in chance.items() if v is not None}, **settings.extra}
    if extra:
        body["extra_body"] = extra
    return body


def _result_name(request: ModelRequest) -> str | None:
    """Name the call that gives the result; None where its schema is enforced, or there is none."""
    schema = request.result_schema
    if schema is None:
        return None
    fits = results.is_closed(as_object(schema)) and not results.is_recursive(schema)
    enforced = fits and settings_of(request).result == "schema"
    return None if enforced else results.result_name(request)


def _result_tool(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    described = results.RESULT_DESC
    return {"name": name, "description": described, "input_schema": as_object(schema)}


def _strict(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Give a schema in the shape that structured outputs take."""
    from anthropic import transform_schema

    return dict(transform_schema(results.unzoned(as_object(schema))))


def _thinking(settings: Settings, name: str) -> dict[str, Any] | None:
    if settings.thinking is False or settings.thinking == 0:
        return {"type": "disabled"}
    if settings.thinking is not None and settings.thinking is not True:
        return {"type": "enabled", "budget_tokens": settings.thinking}
    if _BUDGETED.search(name):
        half = max(1024, (settings.max_tokens or MAX_TOKENS) // 2)
        return {"type": "enabled", "budget_tokens": half} if settings.thinking else None
    if settings.thinking is None and settings.temperature is not None:
        return None  # a model that thinks takes no temperature
    return {"type": "adaptive", "display": "summarized"}


def _messages(parts: Sequence[TranscriptPart]) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    for part in parts:
        block = _block(part)
        if block is None:
            continue
        role = "user" if isinstance(part, (UserTextPart, ToolResultPart)) else "assistant"
        if messages and messages[-1]["role"] == role:
            messages[-1]["content"].append(block)
        else:
            messages.append({"role": role, "content": [block]})
    if messages and isinstance(parts[-1], ModelTextPart):
        # Newer models refuse to be handed the beginning of their answer: they are asked.
        messages.append({"role": "user", "content": [{"type": "text", "text": GO_ON}]})
    return messages


def _block(part: TranscriptPart) -> dict[str, Any] | None:
    match part:
        case UserTextPart(text=text) | ModelTextPart(text=text):
            return {"type": "text", "text": text} if text else None
        case ThinkingBlockPart(content=data, redacted=True):
            return {"type": "redacted_thinking", "data": data}
        case ThinkingBlockPart(content=content, signature=signature):
            # One that was cut has no signature, and cannot be given back.
            block = {"type": "thinking", "thinking": content, "signature": signature}
            return block if signature else None
        case ToolUsePart(tool_use_id=use_id, tool_name=name, args=args):
            return {"type": "tool_use", "id": use_id, "name": name, "input": dict(args)}
        case ToolResultPart(tool_use_id=use_id, is_error=is_error):
            blocks = [_content(c) for c in part.content if c != ""]
            result: dict[str, Any] = {"type": "tool_result", "tool_use_id": use_id}
            if blocks:
                result["content"] = blocks
            if is_error:
                result["is_error"] = True
            return result
        case NativePart(provider="anthropic", data=data):
            return dict(data)
        case _:
            return None


def _content(content: str | ImageResult) -> dict[str, Any]:
    if isinstance(content, str):
        return {"type": "text", "text": content}
    data = base64.b64encode(content.data).decode()
    source = {"type": "base64", "media_type": content.media_type, "data": data}
    return {"type": "image", "source": source}


def _mark(messages: list[dict[str, Any]], ttl: str) -> None:
    """Mark the two newest user turns: what was cached last time, and what is from now on.

    The mark moves with the conversation. The older one matters when a turn brought more
    blocks than the provider looks back over.
    """
    turns = [m for m in messages if m["role"] == "user"]
    for turn in turns[-2:]:
        turn["content"][-1] = _marked(turn["content"][-1], ttl)


def _marked(block: dict[str, Any], ttl: str | None) -> dict[str, Any]:
    if ttl is None:
        return block
    mark = {"type": "ephemeral"} if ttl == "5m" else {"type": "ephemeral", "ttl": ttl}
    return {**block, "cache_control": mark}


class _Open:
    """A block that is still arriving."""

    def __init__(self, start: Any) -> None:
        self.start = start
        self.kind: str = start.type
        self.pieces: list[str] = []
        self.signature = ""


class Decoder:
    """Events of a stream, taken in one by one, and the reply they come to."""

    def __init__(self, emit: Callable[[Delta], None], result: str | None = None) -> None:
        self._emit = emit
        self._result = result  # the name of the call that gives it
        self._usage = TokenUsage()
        self._raw: dict[str, Any] = {}
        self._chars = 0
        self._model: str | None = None
        self._stop: str | None = None
        self._detail = ""
        self._has_begun = False
        self._open: dict[int, _Open] = {}
        self._parts: dict[int, TranscriptPart] = {}

    def take(self, event: Any) -> None:
        """Take in one event."""
        match event.type:
            case "message_start":
                self._has_begun = True
                self._model = event.message.model
                self._count(event.message.usage)
            case "content_block_start":
                block = self._open[event.index] = _Open(event.content_block)
                if block.kind in ("text", "thinking"):
                    block.pieces.append(getattr(event.content_block, block.kind) or "")
            case "content_block_delta":
                self._piece(self._block(event.index), event.delta)
            case "content_block_stop":
                self._parts[event.index] = _part(self._block(event.index))
                del self._open[event.index]
            case "message_delta":
                self._stop = event.delta.stop_reason
                details = getattr(event.delta, "stop_details", None)
                self._detail = getattr(details, "explanation", None) or ""
                self._count(event.usage)
            case _:
                pass

    def _block(self, index: int) -> _Open:
        if index not in self._open:
            raise faults.cut("it goes on with a block that never began")
        return self._open[index]

    def _piece(self, block: _Open, delta: Any) -> None:
        match delta.type:
            case "text_delta":
                self._tell(block, "text", delta.text)
            case "thinking_delta":
                self._tell(block, "thinking", delta.thinking)
            case "signature_delta":
                block.signature += delta.signature
            case "input_json_delta":
                block.pieces.append(delta.partial_json)
            case _:
                pass

    def _tell(self, block: _Open, kind: Any, text: str) -> None:
        block.pieces.append(text)
        self._chars += len(text)
        # The count comes with the end. Until then a guess, for an answer that is cut off.
        guess = max(self._usage.output_tokens_total, self._chars // 4)
        self._emit(Delta(kind, text, replace(self._usage, output_tokens_total=guess)))

    def _count(self, usage: Any) -> None:
        if usage is None:
            return
        told = usage.model_dump(exclude_none=True) if hasattr(usage, "model_dump") else {}
        self._raw.update(told)
        self._usage = usage_of(self._raw)
        self._emit(Delta("text", "", self._usage))

    def reply(self) -> ModelReply:
        """Give the finished reply, or raise `ModelError` for one that has no end."""
        if not self._has_begun:
            raise faults.cut("there was no message_start")
        if self._stop is None:
            raise faults.cut("there was no stop_reason")
        stop = STOPS.get(self._stop)
        if stop is None:
            raise ModelError(f"Anthropic stopped for {self._stop[:80]!r}, which is not known here.")
        said = [self._parts[place] for place in sorted(self._parts)]
        parts, stop = results.settled(said, stop, self._result)
        return ModelReply(
            parts=tuple(parts), usage=self._usage, stop=stop, model=self._model, detail=self._detail
        )


def _part(block: _Open) -> TranscriptPart:
    text = "".join(block.pieces)
    match block.kind:
        case "text":
            return ModelTextPart(text)
        case "thinking":
            given = getattr(block.start, "signature", "") or ""
            return ThinkingBlockPart(text, given + block.signature)
        case "redacted_thinking":
            return ThinkingBlockPart(block.start.data, "", redacted=True)
        case "tool_use":
            args = args_of(text) if text else dict(block.start.input or {})
            return ToolUsePart(block.start.id or "", block.start.name, args)
        case _:
            data = block.start.model_dump(mode="json", exclude_unset=True)
            if text:
                data["input"] = dict(args_of(text))
            return NativePart(NAME, data)


def usage_of(raw: Mapping[str, Any]) -> TokenUsage:
    """Read the counts, whichever of them are there."""
    fresh = int(raw.get("input_tokens") or 0)
    read = int(raw.get("cache_read_input_tokens") or 0)
    written = int(raw.get("cache_creation_input_tokens") or 0)
    by_ttl: Any = raw.get("cache_creation") or {}
    out = int(raw.get("output_tokens") or 0)
    details: Any = raw.get("output_tokens_details") or {}
    thought = details.get("thinking_tokens")
    total = fresh + read + written
    return TokenUsage(
        input_tokens_cache_read=read,
        input_tokens_cache_write=written,
        input_tokens_cache_write_1h=by_ttl.get("ephemeral_1h_input_tokens"),
        input_tokens_regular=fresh,
        input_tokens_total=total,
        output_tokens_reasoning=thought,
        output_tokens_text=None if thought is None else out - thought,
        output_tokens_total=out,
        context_window_in=total,
        context_window_out=out,
    )
