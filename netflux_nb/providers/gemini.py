"""Gemini: generateContent through Google's own SDK; with an API key, or Vertex."""

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
from .gemini_stream import GeminiDecoder
from .settings import GO_ON, ModelNames, Settings, settings_of

NAME = "gemini"
# Models that think, and those of them that give a schema and calls in one request.
_THINKS = re.compile(r"gemini-(2\.5|[3-9])(?!.*(image|tts|live))")
_SCHEMA_WITH_TOOLS = re.compile(r"gemini-[3-9]")
LEVELS = {"low": "LOW", "medium": "MEDIUM", "high": "HIGH", "xhigh": "XHIGH", "max": "XHIGH"}


def model(client: Any) -> Gemini:
    """Make a client, or none, into who answers."""
    sdk = clients.sdk("google.genai", "gemini")
    if client is None:
        try:
            client = sdk.Client()
        except ValueError:
            raise no_key(NAME, "GEMINI_API_KEY", "GOOGLE_API_KEY") from None
    if not (clients.is_from(client, "google.genai") and hasattr(client, "aio")):
        raise clients.wrong_client(NAME, client, "a google.genai.Client")
    return Gemini(client)


def _guard(api: Any) -> None:
    """Have what carries the requests look at each answer: a pool for each loop, or aiohttp."""
    http = api._async_httpx_client
    clients.guard(http)
    if (made_with := getattr(http, "_client_kwargs", None)) is not None:
        # Its pools are made later, of what it was made with.
        made_with["event_hooks"] = http.event_hooks
    if api._use_aiohttp():
        api._async_client_session_request_args["allow_redirects"] = False


class GeminiAgentNode(AgentNode):
    """An agent that Gemini answers. The shared loop leads it."""


class Gemini:
    """Answers requests with one of Google's models."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._secrets = clients.secrets_of(client._api_client)
        self._is_vertex = bool(client.vertexai)
        _guard(client._api_client)

    async def reply(self, request: ModelRequest, emit: Callable[[Delta], None], /) -> ModelReply:
        """Answer one request, telling what arrives."""
        body = encode(request, gives_ids=not self._is_vertex)
        decoder = GeminiDecoder(emit, _result_name(request))
        try:
            stream = await self._client.aio.models.generate_content_stream(**body)
            try:
                reply = await faults.read(stream, decoder, self._secrets)
            finally:
                await stream.aclose()
        except Exception as error:  # noqa: BLE001  with no cause: its words may repeat a key
            raise fault_of(error, self._secrets) from None
        return replace(reply, native_request=digest_of(body)) if request.is_recorded else reply

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
            tools.append(_tool(given_by, typed_results.RESULT_DESC, schema))
        elif typed_results.is_recursive(schema):
            # It is unrolled a few levels there; what is deeper could not be said.
            config["response_mime_type"] = "application/json"
            system = f"{system}\n\n{typed_results.described(schema)}".lstrip()
        else:
            told = typed_results.unzoned(typed_results.plain(schema))
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
        "config": types.GenerateContentConfig(**native.sendable(config)),
    }


def digest_of(body: Mapping[str, Any]) -> str:
    """Hash the arguments of a request; of how it travels only what joins its body counts."""
    config = body["config"].model_dump(exclude_none=True, warnings=False)
    extra = config.pop("http_options", {}).get("extra_body")
    return native.digest({**body, "config": {**config, "extra_body": extra}})


def _result_name(request: ModelRequest) -> str | None:
    """Name the call that gives the result; None where it is written, or there is none."""
    if request.result_schema is None:
        return None
    name = request.model or ModelNames[Provider.Gemini]
    apart = bool(request.tools) and not _SCHEMA_WITH_TOOLS.search(name)
    asked = settings_of(request).result == "tool"
    return typed_results.result_name(request) if asked or apart else None


def _tool(name: str, desc: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    told = typed_results.plain(schema)
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
    if isinstance(part, NativePart) and part.provider == NAME:
        # No `token`, as the first version had it: a record takes what is named so for a key.
        said = part.data.get("continuation", part.data.get("token"))
        return None if said is None else base64.b64decode(said)
    return None


def _contents(parts: Sequence[TranscriptPart], types: Any, *, gives_ids: bool) -> list[Any]:
    contents: list[Any] = []
    for part in parts:
        told = _native(part, gives_ids=gives_ids)
        if told is None:
            continue
        role = "user" if isinstance(part, (UserTextPart, ToolResultPart)) else "model"
        if contents and contents[-1]["role"] == role:
            contents[-1]["parts"].append(told)
        else:
            contents.append({"role": role, "parts": [told]})
    was_cut = bool(parts) and isinstance(parts[-1], (ModelTextPart, ThinkingBlockPart))
    if was_cut and contents and contents[-1]["role"] == "model":
        contents.append({"role": "user", "parts": [{"text": GO_ON}]})
    return [types.Content(**native.sendable(content)) for content in contents]


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
