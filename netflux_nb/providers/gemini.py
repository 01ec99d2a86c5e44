"""Gemini: generateContent through Google's own SDK; with an API key, or Vertex."""

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
from ..core.schema import as_object
from ..runtime.agents import AgentNode
from . import clients, faults, results
from .settings import GO_ON, ModelNames, Settings, settings_of

NAME = "gemini"
# Models that think, and those of them that give a schema and calls in one request.
_THINKS = re.compile(r"gemini-(2\.5|[3-9])(?!.*(image|tts|live))")
_SCHEMA_WITH_TOOLS = re.compile(r"gemini-[3-9]")
STOPS: dict[str, StopReason] = {
    "STOP": "end",
    "MAX_TOKENS": "max_tokens",
    "CONTINUATION": "pause",
}
# A block or a slip of the model that another try often does not meet.
SLIPS = {
    "BLOCKLIST",
    "LANGUAGE",
    "MALFORMED_FUNCTION_CALL",
    "MALFORMED_RESPONSE",
    "OTHER",
    "PROHIBITED_CONTENT",
    "RECITATION",
    "SAFETY",
    "SPII",
    "UNEXPECTED_TOOL_CALL",
}
SLIP_ATTEMPTS = 3
LEVELS = {"low": "LOW", "medium": "MEDIUM", "high": "HIGH", "xhigh": "XHIGH", "max": "XHIGH"}


def model(client: Any) -> Gemini:
    """Make a client, or none, into who answers."""
    sdk = clients.sdk("google.genai", "gemini")
    if client is None:
        try:
            client = sdk.Client()
        except ValueError:
            raise clients.no_key(NAME, "GEMINI_API_KEY", "GOOGLE_API_KEY") from None
    if not (clients.is_from(client, "google.genai") and hasattr(client, "aio")):
        raise clients.wrong_client(NAME, client, "a google.genai.Client")
    return Gemini(client)


class GeminiAgentNode(AgentNode):
    """An agent that Gemini answers. The shared loop leads it."""


class Gemini:
    """Answers requests with one of Google's models."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._secrets = clients.secrets_of(client._api_client)
        self._is_vertex = bool(client.vertexai)

    async def reply(self, request: ModelRequest, emit: Callable[[Delta], None], /) -> ModelReply:
        """Answer one request, telling what arrives."""
        body = encode(request, gives_ids=not self._is_vertex)
        decoder = Decoder(emit, _result_name(request))
        try:
            stream = await self._client.aio.models.generate_content_stream(**body)
            try:
                async for chunk in stream:
                    decoder.take(chunk)
            finally:
                await stream.aclose()
        except Exception as error:  # noqa: BLE001  with no cause: its words may repeat a key
            raise fault_of(error, self._secrets) from None
        return decoder.reply()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aio.aclose()
        self._client.close()


def fault_of(error: Exception, secrets: Sequence[str] = ()) -> Exception:
    """Say what an error of the SDK means; it tells how long to wait in its own way."""
    fault: Exception = faults.as_fault(error, secrets)
    if isinstance(fault, ModelError) and fault.retryable and fault.retry_after_s is None:
        match = re.search(r"retryDelay\W+(\d+(?:\.\d+)?)s", str(getattr(error, "details", "")))
        fault.retry_after_s = float(match[1]) if match else None
    if isinstance(error, ValueError) and not isinstance(fault, ModelError):
        return faults.stream_fault(error, secrets) or fault
    return fault


def encode(request: ModelRequest, *, gives_ids: bool = True) -> dict[str, Any]:
    """Give the arguments of a request."""
    from google.genai import types

    settings = settings_of(request)
    name = request.model or ModelNames[Provider.Gemini]
    token, parts = _continued(request.parts)
    tools = [_tool(t.name, t.desc, t.schema) for t in request.tools]
    config: dict[str, Any] = {
        "automatic_function_calling": {"disable": True},
        "automatic_continuation": False,
        # The agent loop tries again.
        "http_options": {"retry_options": {"attempts": 1}},
    }
    system = request.system
    if request.result_schema is not None:
        schema = as_object(request.result_schema)
        given_by = _result_name(request)
        if given_by is not None:
            tools.append(_tool(given_by, results.RESULT_DESC, schema))
        elif results.is_recursive(schema):
            # It is unrolled a few levels there; what is deeper could not be said.
            config["response_mime_type"] = "application/json"
            system = f"{system}\n\n{results.described(schema)}".lstrip()
        else:
            told = results.unzoned(results.plain(schema))
            config |= {"response_mime_type": "application/json", "response_json_schema": told}
    if tools:
        config["tools"] = [{"function_declarations": tools}]
    if settings.timeout_s is not None:
        config["http_options"]["timeout"] = int(settings.timeout_s * 1000)
    if settings.extra:
        config["http_options"]["extra_body"] = dict(settings.extra)
    for key, value in (
        ("system_instruction", system or None),
        ("thinking_config", _thinking(settings, name)),
        ("max_output_tokens", settings.max_tokens),
        ("temperature", settings.temperature),
        ("top_p", settings.top_p),
        ("stop_sequences", list(settings.stop) or None),
        ("continuation_token", token),
    ):
        if value is not None:
            config[key] = value
    return {
        "model": name,
        "contents": _contents(parts, types, gives_ids=gives_ids),
        "config": types.GenerateContentConfig(**config),
    }


def _result_name(request: ModelRequest) -> str | None:
    """Name the call that gives the result; None where it is written, or there is none."""
    if request.result_schema is None:
        return None
    name = request.model or ModelNames[Provider.Gemini]
    apart = bool(request.tools) and not _SCHEMA_WITH_TOOLS.search(name)
    asked = settings_of(request).result == "tool"
    return results.result_name(request) if asked or apart else None


def _tool(name: str, desc: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    told = results.plain(schema)
    return {"name": name, "description": desc, "parameters_json_schema": told}


def _thinking(settings: Settings, name: str) -> dict[str, Any] | None:
    if settings.thinking is False:
        return {"thinking_budget": 0}
    given: dict[str, Any] = {}
    if settings.effort is not None:
        given["thinking_level"] = LEVELS[settings.effort]
    elif settings.thinking is not None and settings.thinking is not True:
        given["thinking_budget"] = settings.thinking
    return {**given, "include_thoughts": True} if given or _THINKS.search(name) else None


def _continued(
    parts: Sequence[TranscriptPart],
) -> tuple[bytes | None, Sequence[TranscriptPart]]:
    """Find the token of an answer that goes on: it stands for what was said since then."""
    token = _token(parts[-1]) if parts else None
    if token is None:
        return None, parts
    heard = (UserTextPart, ToolResultPart)
    last = max((i for i, part in enumerate(parts) if isinstance(part, heard)), default=-1)
    return token, parts[: last + 1]


def _token(part: TranscriptPart) -> bytes | None:
    if isinstance(part, NativePart) and part.provider == NAME and "token" in part.data:
        return base64.b64decode(part.data["token"])
    return None


def _contents(parts: Sequence[TranscriptPart], types: Any, *, gives_ids: bool) -> list[Any]:
    contents: list[Any] = []
    for part in parts:
        native = _native(part, gives_ids=gives_ids)
        if native is None:
            continue
        role = "user" if isinstance(part, (UserTextPart, ToolResultPart)) else "model"
        if contents and contents[-1]["role"] == role:
            contents[-1]["parts"].append(native)
        else:
            contents.append({"role": role, "parts": [native]})
    if contents and isinstance(parts[-1], ModelTextPart):
        contents.append({"role": "user", "parts": [{"text": GO_ON}]})
    return [types.Content(**content) for content in contents]


def _native(part: TranscriptPart, *, gives_ids: bool) -> dict[str, Any] | None:
    match part:
        case UserTextPart(text=text):
            return {"text": text}
        case ModelTextPart(text=text, signature=signature):
            return {"text": text, **_signed(signature)} if text or signature else None
        case ThinkingBlockPart(content=content, signature=signature):
            # A summary is for people; only what is signed is given back.
            thought = {"thought": True} if content else {}
            return {"text": content, **thought, **_signed(signature)} if signature else None
        case ToolUsePart(tool_name=name, args=args, signature=signature):
            call = {"name": name, "args": dict(args), **_id(part.tool_use_id, gives_ids)}
            return {"function_call": call, **_signed(signature)}
        case ToolResultPart():
            return {"function_response": _response(part, gives_ids=gives_ids)}
        case NativePart(provider="gemini", data=data) if "part" in data:
            return dict(data["part"])
        case _:
            return None


def _id(use_id: str, gives_ids: bool) -> dict[str, str]:
    """Give an id back that came from the model; one of our own would be strange to it."""
    ours = use_id.startswith(f"{NAME}-")
    return {"id": use_id} if gives_ids and not ours else {}


def _signed(signature: str) -> dict[str, bytes]:
    return {"thought_signature": base64.b64decode(signature)} if signature else {}


def _response(part: ToolResultPart, *, gives_ids: bool) -> dict[str, Any]:
    texts = "\n".join(c for c in part.content if isinstance(c, str))
    pictures = [c for c in part.content if isinstance(c, ImageResult)]
    response: dict[str, Any] = {
        "name": part.tool_name,
        "response": {"error" if part.is_error else "output": texts},
        **_id(part.tool_use_id, gives_ids),
    }
    if pictures:
        response["parts"] = [
            {"inline_data": {"mime_type": p.media_type, "data": p.data}} for p in pictures
        ]
    return response


class Decoder:
    """Chunks of a stream, taken in one by one, and the reply they come to."""

    def __init__(self, emit: Callable[[Delta], None], result: str | None = None) -> None:
        self._emit = emit
        self._result = result  # the name of the call that gives it
        self._usage = TokenUsage()
        self._chars = 0
        self._model: str | None = None
        self._finish: str | None = None
        self._message = ""
        self._blocked: str | None = None
        self._parts: list[TranscriptPart] = []
        self._kind: Any = "text"
        self._pieces: list[str] = []
        self._token: bytes | None = None

    def take(self, chunk: Any) -> None:
        """Take in one chunk."""
        self._model = chunk.model_version or self._model
        if chunk.usage_metadata is not None:
            self._usage = usage_of(chunk.usage_metadata)
            self._emit(Delta("text", "", self._usage))
        feedback = chunk.prompt_feedback
        if feedback is not None and feedback.block_reason is not None:
            self._blocked = _word(feedback.block_reason)
        for candidate in (chunk.candidates or ())[:1]:
            for part in (candidate.content.parts or ()) if candidate.content else ():
                self._take(part)
            if candidate.finish_reason is not None:
                self._finish = _word(candidate.finish_reason)
                self._message = candidate.finish_message or ""
            self._token = candidate.continuation_token or self._token

    def _take(self, part: Any) -> None:
        signature = base64.b64encode(part.thought_signature or b"").decode()
        if part.function_call is not None:
            call = part.function_call
            self._flush()
            self._parts.append(
                ToolUsePart(call.id or "", call.name or "", dict(call.args or {}), signature)
            )
        elif part.text is not None:
            self._text("thinking" if part.thought else "text", part.text, signature)
        else:
            self._flush()
            data = part.model_dump(mode="json", exclude_none=True)
            self._parts.append(NativePart(NAME, {"part": data}))

    def _text(self, kind: Any, text: str, signature: str) -> None:
        if kind != self._kind or signature:
            self._flush()
            self._kind = kind
        if text:
            self._pieces.append(text)
            self._chars += len(text)
            # The count comes with the end. Until then a guess, for an answer that is cut off.
            guess = max(self._usage.output_tokens_total, self._chars // 4)
            self._emit(Delta(kind, text, replace(self._usage, output_tokens_total=guess)))
        if signature:  # what is signed stays as it came, and apart
            self._flush(signature)

    def _flush(self, signature: str = "") -> None:
        text = "".join(self._pieces)
        self._pieces.clear()
        if self._kind == "text" and text:
            self._parts.append(ModelTextPart(text, signature))
        elif text or signature:
            self._parts.append(ThinkingBlockPart(text, signature))

    def reply(self) -> ModelReply:
        """Give the finished reply, or raise `ModelError` for one that is none."""
        self._flush()
        parts = self._parts
        calls = any(isinstance(p, ToolUsePart) for p in parts)
        if self._blocked is not None:
            raise ModelError(f"The model refused to answer this prompt: {self._blocked}.")
        if self._finish in SLIPS:
            why = f"{self._finish}{': ' if self._message else ''}{self._message[:300]}"
            raise ModelError(
                f"Gemini broke its answer off: {why}", retryable=True, max_attempts=SLIP_ATTEMPTS
            )
        if self._finish is None and not calls and self._token is None:
            raise faults.cut("there was no finish reason")
        finish = "CONTINUATION" if self._token is not None else self._finish or "STOP"
        stop = STOPS.get(finish)
        if stop is None:
            raise ModelError(f"Gemini stopped for {finish}: {self._message[:300]}")
        if stop == "pause":
            token = base64.b64encode(self._token or b"").decode()
            parts = [*parts, NativePart(NAME, {"token": token})]
        elif not any(isinstance(p, (ModelTextPart, ToolUsePart)) for p in parts) and stop == "end":
            raise ModelError(
                "Gemini's answer is empty.", retryable=True, max_attempts=SLIP_ATTEMPTS
            )
        if stop == "end" and calls:
            stop = "calls"
        parts, stop = results.settled(parts, stop, self._result)
        return ModelReply(parts=tuple(parts), usage=self._usage, stop=stop, model=self._model)


def _word(reason: Any) -> str:
    return str(getattr(reason, "value", reason))


def usage_of(raw: Any) -> TokenUsage:
    """Read the counts, whichever of them are there."""
    prompt = int(raw.prompt_token_count or 0)
    read = int(raw.cached_content_token_count or 0)
    tools = raw.tool_use_prompt_token_count
    said = int(raw.candidates_token_count or 0)
    thought = raw.thoughts_token_count
    total, out = prompt + int(tools or 0), said + int(thought or 0)
    return TokenUsage(
        input_tokens_cache_read=read,
        input_tokens_regular=max(total - read, 0),
        input_tokens_total=total,
        input_tokens_tools=tools,
        output_tokens_reasoning=thought,
        output_tokens_text=said,
        output_tokens_total=out,
        context_window_in=total,
        context_window_out=out,
    )
