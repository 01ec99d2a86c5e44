"""OpenAI, and every server that speaks as it does: chat completions through its SDK."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ..core.errors import ModelError
from ..core.functions.schema import args_of, as_object
from ..core.messages import (
    Delta,
    ImageResult,
    ModelReply,
    ModelRequest,
    ModelTextPart,
    Provider,
    StopReason,
    ThinkingBlockPart,
    TokenUsage,
    ToolResultPart,
    ToolUsePart,
    TranscriptPart,
    UserTextPart,
)
from ..runtime.agents.agent import AgentNode
from ..runtime.registry import no_key
from . import clients, faults, native, typed_results
from .settings import GO_ON, ModelNames, Settings, settings_of

STOPS: dict[str, StopReason] = {
    "stop": "end",
    "tool_calls": "calls",
    "function_call": "calls",
    "length": "max_tokens",
    "content_filter": "refusal",
}
XAI_URL = "https://api.x.ai/v1"


def model(client: Any) -> OpenAI:
    """Make a client, or none, into who answers. `OPENAI_BASE_URL` names a server of one's own."""
    sdk = clients.sdk("openai", "openai")
    if client is None:
        key, url = os.environ.get("OPENAI_API_KEY"), os.environ.get("OPENAI_BASE_URL")
        if not key and not url:
            raise no_key("openai", "OPENAI_API_KEY")
        client = sdk.AsyncOpenAI(api_key=key or "none")  # a local server asks for no key
    return _made(sdk, client, ModelNames[Provider.OpenAI])


def xai(client: Any) -> OpenAI:
    """Make who answers for xAI, which speaks the same."""
    sdk = clients.sdk("openai", "openai")
    if client is None:
        key = os.environ.get("XAI_API_KEY")
        if not key:
            raise no_key("xai", "XAI_API_KEY")
        client = sdk.AsyncOpenAI(api_key=key, base_url=XAI_URL)
    return _made(sdk, client, ModelNames[Provider.xAI])


def _made(sdk: Any, client: Any, name: str) -> OpenAI:
    if not (clients.is_from(client, "openai") and hasattr(client, "chat")):
        raise clients.wrong_client("openai", client, "an openai.AsyncOpenAI, or its like")
    return OpenAI(clients.as_async(sdk, client), name)


class OaiAgentNode(AgentNode):
    """An agent that OpenAI, or a server like it, answers. The shared loop leads it."""


class OpenAI:
    """Answers requests with a model behind a chat completions API."""

    def __init__(self, client: Any, default_model: str) -> None:
        self._client = client.with_options(max_retries=0)  # the agent loop tries again
        self._secrets = clients.secrets_of(client)
        clients.guard(client._client)
        self._default = default_model
        self._is_openai = "api.openai.com" in str(client.base_url)

    async def reply(self, request: ModelRequest, emit: Callable[[Delta], None], /) -> ModelReply:
        """Answer one request, telling what arrives."""
        body = encode(request, self._default, is_openai=self._is_openai)
        if body.get("extra_body", {}).get("n", 1) != 1:
            raise faults.several("choices", "n")
        decoder = ChatDecoder(emit, _result_name(request))
        try:
            stream = await self._client.chat.completions.create(**clients.as_it_is(body))
            async with stream:
                reply = await faults.read(stream, decoder, self._secrets)
        except Exception as error:  # noqa: BLE001  with no cause: its words may repeat a key
            raise faults.as_fault(error, self._secrets) from None
        return replace(reply, native_request=native.digest(body)) if request.is_recorded else reply

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def encode(request: ModelRequest, default_model: str, *, is_openai: bool = False) -> dict[str, Any]:
    """Give the body of a request. Other servers know the older name of `max_tokens`."""
    settings = settings_of(request)
    body: dict[str, Any] = {
        "model": request.model or default_model,
        "messages": _messages(request, gives_thoughts=not is_openai),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    tools = [_tool(t.name, t.desc, t.schema) for t in request.tools]
    if request.result_schema is not None:
        schema = as_object(request.result_schema)
        given_by = _result_name(request)
        if given_by is not None:
            tools.append(_tool(given_by, typed_results.RESULT_DESC, schema))
        else:
            named = {"name": "result", "schema": schema, "strict": typed_results.is_strict(schema)}
            body["response_format"] = {"type": "json_schema", "json_schema": named}
    if tools:
        body["tools"] = tools
    longest = "max_completion_tokens" if is_openai else "max_tokens"
    for key, value in (
        (longest, settings.max_tokens),
        ("reasoning_effort", _effort(settings)),
        ("temperature", settings.temperature),
        ("top_p", settings.top_p),
        ("stop", list(settings.stop) or None),
        ("timeout", settings.timeout_s),
        ("extra_body", dict(settings.extra) or None),
    ):
        if value is not None:
            body[key] = value
    return dict(native.sendable(body))


def _result_name(request: ModelRequest) -> str | None:
    """Name the call that gives the result; None where a schema asks for it, or nothing does."""
    asked = request.result_schema is not None and settings_of(request).result == "tool"
    return typed_results.result_name(request) if asked else None


def _tool(name: str, desc: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {"name": name, "description": desc, "parameters": dict(schema)},
    }


def _effort(settings: Settings) -> str | None:
    return "none" if settings.thinking is False and settings.effort is None else settings.effort


def _messages(request: ModelRequest, *, gives_thoughts: bool) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    if request.system:
        messages.append({"role": "system", "content": request.system})
    pictures: list[ImageResult] = []

    def said() -> dict[str, Any]:
        _show(messages, pictures)
        if messages and messages[-1]["role"] == "assistant":
            return messages[-1]
        messages.append({"role": "assistant", "content": None})
        return messages[-1]

    for part in request.parts:
        match part:
            case UserTextPart(text=text):
                _show(messages, pictures)
                messages.append({"role": "user", "content": text})
            case ModelTextPart(text=text) if text:
                message = said()
                message["content"] = (message["content"] or "") + text
            case ThinkingBlockPart(content=content) if content and gives_thoughts:
                message = said()
                message["reasoning_content"] = message.get("reasoning_content", "") + content
            case ToolUsePart():
                said().setdefault("tool_calls", []).append(_call(part))
            case ToolResultPart():
                messages.append(_result(part, pictures))
            case _:
                pass
    _show(messages, pictures)
    if request.parts and isinstance(request.parts[-1], ModelTextPart):
        messages.append({"role": "user", "content": GO_ON})
    return messages


def _call(part: ToolUsePart) -> dict[str, Any]:
    args = json.dumps(dict(part.args), ensure_ascii=False)
    return {
        "id": part.tool_use_id,
        "type": "function",
        "function": {"name": part.tool_name, "arguments": args},
    }


def _result(part: ToolResultPart, pictures: list[ImageResult]) -> dict[str, Any]:
    texts = [c for c in part.content if isinstance(c, str)]
    shown = [c for c in part.content if isinstance(c, ImageResult)]
    pictures.extend(shown)
    text = "\n".join(texts) or ("The picture follows." if shown else "")
    text = f"Error: {text}" if part.is_error else text
    return {"role": "tool", "tool_call_id": part.tool_use_id, "content": text}


def _show(messages: list[dict[str, Any]], pictures: list[ImageResult]) -> None:
    """Put pictures of results after the results: a result itself holds only text here."""
    if not pictures:
        return
    content = []
    for picture in pictures:
        data = base64.b64encode(picture.data).decode()
        url = f"data:{picture.media_type};base64,{data}"
        content.append({"type": "image_url", "image_url": {"url": url}})
    messages.append({"role": "user", "content": content})
    pictures.clear()


class ChatDecoder:
    """Chunks of a stream, taken in one by one, and the reply they come to."""

    def __init__(self, emit: Callable[[Delta], None], result: str | None = None) -> None:
        self._emit = emit
        self._result = result  # the name of the call that gives it
        # Some servers tell none; a connection may end between the answer and its count.
        self._usage = TokenUsage(unknown_requests=1)
        self._chars = 0
        self._native: dict[str, Any] = {}
        self._model: str | None = None
        self._finish: str | None = None
        self._choice: int | None = None  # which of several answers this is
        self._texts: dict[str, list[str]] = {"text": [], "thinking": [], "refusal": []}
        self._calls: list[dict[str, Any]] = []
        self._places: dict[int, dict[str, Any]] = {}

    def take(self, chunk: Any) -> None:
        """Take in one chunk."""
        self._model = native.word(chunk.model) or self._model
        self._keep(chunk, "choices")
        if chunk.usage is not None:
            self._usage = usage_of(chunk.usage.model_dump(exclude_none=True, warnings=False))
            self._emit(Delta("text", "", self._usage))
        for choice in chunk.choices or ():
            place = choice.index or 0
            if self._choice not in (None, place):
                raise faults.several("choices", "n")
            self._choice = place
            self._finish = choice.finish_reason or self._finish
            self._keep(choice, "delta", "logprobs", "index")
            delta = choice.delta
            if delta is not None:
                self._take(delta)

    def _keep(self, told: Any, *apart: str) -> None:
        for name, value in {**told.__dict__, **(told.model_extra or {})}.items():
            if value is not None and name not in apart:
                self._native[name] = value

    def _take(self, delta: Any) -> None:
        # Servers name what a model thinks one way or another; the SDK knows neither.
        thought = getattr(delta, "reasoning_content", None) or getattr(delta, "reasoning", None)
        self._tell("thinking", thought)
        self._tell("text", delta.content)
        if getattr(delta, "refusal", None):
            self._texts["refusal"].append(delta.refusal)
        for call in delta.tool_calls or ():
            self._take_call(call)

    def _tell(self, kind: Any, text: Any) -> None:
        if not isinstance(text, str) or not text:
            return
        self._texts[kind].append(text)
        self._chars += len(text)
        # The count comes with the end. Until then a guess, for an answer that is cut off.
        guess = max(self._usage.output_tokens_total, self._chars // 4)
        self._emit(
            Delta(
                kind,
                native.mended(text),
                replace(self._usage, output_tokens_total=guess, unknown_requests=0),
            )
        )

    def _take_call(self, call: Any) -> None:
        known = self._places.get(call.index)
        fresh = call.id and known is not None and known["id"] not in ("", call.id)
        if known is None or fresh:  # some servers number every call 0
            known = self._places[call.index] = {"id": "", "name": "", "args": []}
            self._calls.append(known)
        known["id"] = call.id or known["id"]
        if call.function is not None:
            known["name"] = call.function.name or known["name"]
            known["args"].append(call.function.arguments or "")

    def reply(self) -> ModelReply:
        """Give the finished reply, or raise `ModelError` for one that has no end."""
        if self._finish is None:
            raise faults.cut("there was no finish_reason")
        stop = STOPS.get(self._finish)
        if stop is None:
            raise ModelError(f"The model stopped for {self._finish[:80]!r}, not known here.")
        thought, text = (native.mended("".join(self._texts[kind])) for kind in ("thinking", "text"))
        parts: list[TranscriptPart] = []
        if thought:
            parts.append(ThinkingBlockPart(thought, ""))
        if text:
            parts.append(ModelTextPart(text))
        calls = [_use(c) for c in self._calls]
        if stop == "max_tokens" and calls:
            calls.pop()  # the last was cut
        parts, stop = typed_results.settled([*parts, *calls], stop, self._result)
        has_calls = any(isinstance(p, ToolUsePart) for p in parts)
        refusal = "".join(self._texts["refusal"])
        if refusal:
            stop = "refusal"
        elif has_calls:
            stop = "calls"
        elif stop == "calls":
            stop = "end"
        if not parts and stop == "end":
            parts.append(ModelTextPart(""))
        return ModelReply(
            parts=tuple(parts),
            usage=self._usage,
            stop=stop,
            model=self._model,
            detail=refusal,
            native=native.envelope(self._native),
        )


def _use(call: Mapping[str, Any]) -> ToolUsePart:
    text = native.mended("".join(call["args"]))
    args = args_of(text) if text.strip() else {}
    return native.call(call["id"], call["name"], args)


def usage_of(raw: Mapping[str, Any]) -> TokenUsage:
    """Read the counts, whichever of them are there."""
    asked = native.mapping(raw.get("prompt_tokens_details"))
    answered = native.mapping(raw.get("completion_tokens_details"))
    total = native.count(raw.get("prompt_tokens"))
    out = native.count(raw.get("completion_tokens"))
    read = native.count(asked.get("cached_tokens"))
    written = native.count(asked.get("cache_write_tokens"))
    thought = native.maybe_count(answered.get("reasoning_tokens"))
    return TokenUsage(
        input_tokens_cache_read=read,
        input_tokens_cache_write=written or None,
        input_tokens_regular=max(total - read - written, 0),
        input_tokens_total=total,
        output_tokens_reasoning=thought,
        output_tokens_text=None if thought is None else max(out - thought, 0),
        output_tokens_total=out,
        context_window_in=total,
        context_window_out=out,
        unknown_requests=native.untold(raw.get("prompt_tokens"), raw.get("completion_tokens")),
    )
