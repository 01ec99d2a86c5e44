"""Anthropic: the Messages API through its own SDK; plain, Bedrock and Vertex clients."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..core.errors import ModelError
from ..core.functions.schema import as_object
from ..core.messages import (
    Delta,
    ImageResult,
    ModelReply,
    ModelRequest,
    ModelTextPart,
    NativePart,
    Provider,
    ThinkingBlockPart,
    ToolResultPart,
    ToolUsePart,
    TranscriptPart,
    UserTextPart,
)
from ..runtime.agents.agent import AgentNode
from ..runtime.registry import no_key
from . import clients, faults, native, typed_results
from .anthropic_stream import AnthropicDecoder
from .settings import GO_ON, ModelNames, Settings, settings_of

NAME = "anthropic"
# Long enough for a report; the API asks for a number.
MAX_TOKENS = 32_000
# Models that think only when they are given a budget.
_BUDGETED = re.compile(
    r"claude-(v?[12]\b|instant|3|(opus|sonnet|haiku)-4-[0-5]\b|(opus|sonnet)-4[@-]2)"
)
INTERLEAVED = {"anthropic-beta": "interleaved-thinking-2025-05-14"}
# Faults that arrive inside a stream whose status was 200 say what they are.
PASSING = {"overloaded_error", "api_error", "rate_limit_error", "timeout_error"}


def model(client: Any) -> Anthropic:
    """Make a client, or none, into who answers."""
    sdk = clients.sdk("anthropic", "anthropic")
    if client is None:
        try:
            client = sdk.AsyncAnthropic()
        except sdk.AnthropicError:
            raise no_key(NAME, "ANTHROPIC_API_KEY") from None
        if not (client.api_key or client.auth_token or client.credentials):
            raise no_key(NAME, "ANTHROPIC_API_KEY")
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
        clients.guard(client._client)

    async def reply(self, request: ModelRequest, emit: Callable[[Delta], None], /) -> ModelReply:
        """Answer one request, telling what arrives."""
        body = encode(request)
        decoder = AnthropicDecoder(emit, _result_name(request))
        try:
            stream = await self._client.messages.create(**clients.as_it_is(body), stream=True)
            async with stream:
                reply = await faults.read(stream, decoder, self._secrets)
        except Exception as error:  # noqa: BLE001  with no cause: its words may repeat a key
            raise fault_of(error, self._secrets) from None
        return replace(reply, native_request=native.digest(body)) if request.is_recorded else reply

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def fault_of(error: Exception, secrets: Sequence[str] = ()) -> Exception:
    """Map an error of the SDK to a `ModelError`."""
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
    return dict(native.sendable(body))


def _result_name(request: ModelRequest) -> str | None:
    """Name the call that gives the result; None where its schema is enforced, or there is none."""
    schema = request.result_schema
    if schema is None:
        return None
    fits = typed_results.is_closed(as_object(schema)) and not typed_results.is_recursive(schema)
    enforced = fits and settings_of(request).result == "schema" and _is_taken(schema)
    return None if enforced else typed_results.result_name(request)


def _result_tool(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    described = typed_results.RESULT_DESC
    return {"name": name, "description": described, "input_schema": as_object(schema)}


def _strict(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Give a schema in the shape that structured outputs take."""
    from anthropic import transform_schema

    return dict(transform_schema(typed_results.unzoned(as_object(schema))))


def _is_taken(schema: Mapping[str, Any]) -> bool:
    """Say whether the SDK takes a schema; before 2.8 no literal of several types."""
    try:
        _strict(schema)
    except ValueError:
        return False
    return True


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
    was_cut = bool(parts) and isinstance(parts[-1], (ModelTextPart, ThinkingBlockPart))
    messages = _ended(messages)
    if was_cut and messages and messages[-1]["role"] == "assistant":
        # Newer models refuse to be handed the beginning of their answer: they are asked.
        messages.append({"role": "user", "content": [{"type": "text", "text": GO_ON}]})
    return messages


def _ended(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Take thinking from the end of each answer without calls: none may end with it."""
    kept: list[dict[str, Any]] = []
    for message in messages:
        content = message["content"]
        calls = any(block["type"] == "tool_use" for block in content)
        while not calls and content and "thinking" in content[-1]["type"]:
            content.pop()
        if kept and content and kept[-1]["role"] == message["role"]:
            kept[-1]["content"].extend(content)
        elif content:
            kept.append(message)
    return kept


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
