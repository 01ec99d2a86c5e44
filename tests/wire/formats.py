"""One scripted reply as the bytes that each provider would stream."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Call:
    """A call that the model makes. `raw` stands in for arguments that are no JSON."""

    name: str
    args: Mapping[str, Any] = field(default_factory=dict)
    id: str | None = "call_1"
    raw: str | None = None
    signature: str = ""


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a model says, whoever's it is. Tokens are counted as a test gives them."""

    text: str = ""
    thinking: str = ""
    signature: str = ""
    calls: Sequence[Call] = ()
    stop: str = "end"
    detail: str = ""
    model: str = "wire-model"
    fresh: int = 10
    cached: int = 0
    written: int = 0
    written_1h: int = 0
    thought: int = 0
    out: int = 5
    usage: bool = True

    @property
    def pieces(self) -> list[str]:
        """Split the text as a network would: never where it is convenient."""
        return [self.text[i : i + 7] for i in range(0, len(self.text), 7)]


def sse(data: Any, event: str | None = None) -> bytes:
    """Write one server-sent event."""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    head = f"event: {event}\n" if event else ""
    return f"{head}data: {text}\n\n".encode()


def anthropic(said: Said) -> list[bytes]:
    """Write a reply as the Messages API streams it."""
    usage: dict[str, Any] = {"input_tokens": said.fresh, "output_tokens": 1}
    if said.cached or said.written or said.written_1h:
        usage |= {
            "cache_read_input_tokens": said.cached,
            "cache_creation_input_tokens": said.written + said.written_1h,
            "cache_creation": {
                "ephemeral_5m_input_tokens": said.written,
                "ephemeral_1h_input_tokens": said.written_1h,
            },
        }
    head = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": said.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage if said.usage else {},
    }
    events: list[dict[str, Any]] = [{"type": "message_start", "message": head}]
    place = 0

    def block(start: dict[str, Any], deltas: list[dict[str, Any]]) -> None:
        nonlocal place
        events.append({"type": "content_block_start", "index": place, "content_block": start})
        for delta in deltas:
            events.append({"type": "content_block_delta", "index": place, "delta": delta})
        events.append({"type": "content_block_stop", "index": place})
        place += 1

    if said.thinking or said.signature:
        deltas = [{"type": "thinking_delta", "thinking": said.thinking}] if said.thinking else []
        deltas.append({"type": "signature_delta", "signature": said.signature})
        block({"type": "thinking", "thinking": "", "signature": ""}, deltas)
    if said.text:
        block(
            {"type": "text", "text": ""},
            [{"type": "text_delta", "text": piece} for piece in said.pieces],
        )
    for call in said.calls:
        text = call.raw if call.raw is not None else json.dumps(dict(call.args))
        half = len(text) // 2
        block(
            {"type": "tool_use", "id": call.id, "name": call.name, "input": {}},
            [
                {"type": "input_json_delta", "partial_json": t}
                for t in ("", text[:half], text[half:])
            ],
        )
    stops = {"end": "end_turn", "calls": "tool_use", "pause": "pause_turn", "none": None}
    stop = stops.get(said.stop, said.stop)
    if said.calls and said.stop == "end":
        stop = "tool_use"
    delta: dict[str, Any] = {"stop_reason": stop, "stop_sequence": None}
    if said.detail:
        delta["stop_details"] = {
            "type": "refusal",
            "category": "cyber",
            "explanation": said.detail,
        }
    spent: dict[str, Any] = {"output_tokens": said.out}
    if said.thought:
        spent["output_tokens_details"] = {"thinking_tokens": said.thought}
    events.append({"type": "message_delta", "delta": delta, "usage": spent if said.usage else {}})
    events.append({"type": "message_stop"})
    return [sse(e, e["type"]) for e in events]


def gemini(said: Said) -> list[bytes]:
    """Write a reply as `streamGenerateContent?alt=sse` streams it."""
    signed = base64.b64encode(said.signature.encode()).decode() if said.signature else ""
    parts: list[dict[str, Any]] = []
    if said.thinking:
        parts.append({"text": said.thinking, "thought": True})
    parts.extend({"text": piece} for piece in said.pieces)
    for call in said.calls:
        args = call.raw if call.raw is not None else dict(call.args)
        one: dict[str, Any] = {"functionCall": {"name": call.name, "args": args}}
        if call.id:
            one["functionCall"]["id"] = call.id
        if call.signature:
            one["thoughtSignature"] = base64.b64encode(call.signature.encode()).decode()
        parts.append(one)
    if signed and said.calls and not said.calls[0].signature:
        next(p for p in parts if "functionCall" in p)["thoughtSignature"] = signed
    elif signed:
        parts.append({"text": "", "thoughtSignature": signed})
    stops = {"end": "STOP", "calls": "STOP", "max_tokens": "MAX_TOKENS", "refusal": "SAFETY"}
    usage = {
        "promptTokenCount": said.fresh + said.cached,
        "cachedContentTokenCount": said.cached,
        "candidatesTokenCount": said.out - said.thought,
        "thoughtsTokenCount": said.thought,
        "totalTokenCount": said.fresh + said.cached + said.out,
    }
    rows: list[dict[str, Any]] = []
    for part in parts:
        content = {"role": "model", "parts": [part]}
        rows.append({"candidates": [{"content": content, "index": 0}], "modelVersion": said.model})
    if not rows:
        rows.append({"candidates": [{"index": 0}], "modelVersion": said.model})
    last = rows[-1]["candidates"][0]
    if said.stop != "none":
        last["finishReason"] = stops.get(said.stop, said.stop)
    if said.detail:
        last["finishMessage"] = said.detail
    if said.usage:
        rows[-1]["usageMetadata"] = usage
    return [sse(row) for row in rows]


def openai(said: Said) -> list[bytes]:
    """Write a reply as chat completions stream it."""
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": said.model}

    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    rows = [chunk({"role": "assistant", "content": ""})]
    if said.thinking:
        rows.append(chunk({"reasoning_content": said.thinking}))
    rows.extend(chunk({"content": piece}) for piece in said.pieces)
    for place, call in enumerate(said.calls):
        text = call.raw if call.raw is not None else json.dumps(dict(call.args))
        first = {"index": place, "type": "function", "function": {"name": call.name}}
        if call.id:
            first["id"] = call.id
        half = len(text) // 2
        rows.append(chunk({"tool_calls": [first]}))
        for piece in (text[:half], text[half:]):
            rows.append(chunk({"tool_calls": [{"index": place, "function": {"arguments": piece}}]}))
    stops = {"end": "stop", "calls": "tool_calls", "max_tokens": "length"}
    stops["refusal"] = "content_filter"
    stop = "tool_calls" if said.calls and said.stop == "end" else stops.get(said.stop, said.stop)
    if said.stop != "none":
        rows.append(chunk({}, stop))
    if said.usage:
        usage = {
            "prompt_tokens": said.fresh + said.cached,
            "completion_tokens": said.out,
            "total_tokens": said.fresh + said.cached + said.out,
            "prompt_tokens_details": {"cached_tokens": said.cached},
            "completion_tokens_details": {"reasoning_tokens": said.thought},
        }
        rows.append({**head, "choices": [], "usage": usage})
    return [*(sse(row) for row in rows), sse("[DONE]")]


FORMATS = {"anthropic": anthropic, "gemini": gemini, "openai": openai}


def error_body(kind: str, status: int, message: str) -> Any:
    """Write an error as this provider words it."""
    words = {
        400: "invalid_request_error",
        401: "authentication_error",
        429: "rate_limit_error",
        529: "overloaded_error",
    }
    if kind == "anthropic":
        error = {"type": words.get(status, "api_error"), "message": message}
        return {"type": "error", "error": error, "request_id": "req_1"}
    if kind == "gemini":
        word = {429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE", 400: "INVALID_ARGUMENT"}
        return {"error": {"code": status, "message": message, "status": word.get(status, "X")}}
    return {"error": {"message": message, "type": words.get(status, "server_error"), "code": None}}


def kind_of(path: str) -> str:
    """Say whose API a path belongs to."""
    if path.startswith(("/v1/messages", "/model/")) or "RawPredict" in path:
        return "anthropic"
    if "GenerateContent" in path or "generateContent" in path:
        return "gemini"
    return "openai"
