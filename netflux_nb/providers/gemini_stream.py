"""The decoder of Gemini's stream: its chunks as one reply."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ..core.errors import ModelError
from ..core.messages import (
    Delta,
    ModelReply,
    ModelTextPart,
    NativePart,
    StopReason,
    ThinkingBlockPart,
    TokenUsage,
    ToolUsePart,
    TranscriptPart,
)
from . import faults, native, typed_results

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
# Of a response, and of its candidate, what is no content.
ENVELOPE = ("response_id", "model_version", "create_time", "prompt_feedback", "usage_metadata")
CANDIDATE = (
    *("finish_reason", "finish_message", "safety_ratings", "citation_metadata"),
    *("url_context_metadata", "avg_logprobs", "grounding_metadata"),
)


class GeminiDecoder:
    """Chunks of a stream, taken in one by one, and the reply they come to."""

    def __init__(self, emit: Callable[[Delta], None], result: str | None = None) -> None:
        self._emit = emit
        self._result = result  # the name of the call that gives it
        self._usage = TokenUsage(unknown_requests=1)
        self._chars = 0
        self._native: dict[str, Any] = {}
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
        self._model = native.word(chunk.model_version) or self._model
        self._keep(chunk, ENVELOPE)
        if chunk.usage_metadata is not None:
            self._usage = usage_of(chunk.usage_metadata)
            self._emit(Delta("text", "", self._usage))
        feedback = chunk.prompt_feedback
        if feedback is not None and feedback.block_reason is not None:
            self._blocked = _word(feedback.block_reason)
        for candidate in chunk.candidates or ():
            if candidate.index:
                raise faults.several("candidates", "candidateCount")
            self._keep(candidate, CANDIDATE)
            for part in (candidate.content.parts or ()) if candidate.content else ():
                self._take(part)
            if candidate.finish_reason is not None:
                self._finish = _word(candidate.finish_reason)
                self._message = candidate.finish_message or ""
            self._token = candidate.continuation_token or self._token

    def _keep(self, told: Any, names: Sequence[str]) -> None:
        for name in names:
            value = getattr(told, name, None)
            if value is not None:
                self._native[name] = value

    def _take(self, part: Any) -> None:
        signature = base64.b64encode(part.thought_signature or b"").decode()
        if part.function_call is not None:
            call = part.function_call
            self._flush()
            args = native.sendable(call.args or {})
            self._parts.append(native.call(call.id, call.name, args, signature))
        elif part.text is not None:
            self._text("thinking" if part.thought else "text", part.text, signature)
        else:
            self._flush()
            data = part.model_dump(mode="json", exclude_none=True)
            self._parts.append(NativePart("gemini", {"part": data}))

    def _text(self, kind: Any, text: str, signature: str) -> None:
        if kind != self._kind or signature:
            self._flush()
            self._kind = kind
        if text:
            self._pieces.append(text)
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
        if signature:  # what is signed stays as it came, and apart
            self._flush(signature)

    def _flush(self, signature: str = "") -> None:
        text = native.mended("".join(self._pieces))
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
        if self._finish is None:
            raise faults.cut("there was no finish reason")
        finish = "CONTINUATION" if self._token is not None else self._finish
        stop = STOPS.get(finish)
        if stop is None:
            raise ModelError(f"Gemini stopped for {finish}: {self._message[:300]}")
        if stop == "pause":
            token = base64.b64encode(self._token or b"").decode()
            parts = [*parts, NativePart("gemini", {"continuation": token})]
        elif not any(isinstance(p, (ModelTextPart, ToolUsePart)) for p in parts) and stop == "end":
            raise ModelError(
                "Gemini's answer is empty.", retryable=True, max_attempts=SLIP_ATTEMPTS
            )
        if stop == "end" and calls:
            stop = "calls"
        parts, stop = typed_results.settled(parts, stop, self._result)
        return ModelReply(
            parts=tuple(parts),
            usage=self._usage,
            stop=stop,
            model=self._model,
            native=native.envelope(self._native),
        )


def _word(reason: Any) -> str:
    return str(getattr(reason, "value", reason))


def usage_of(raw: Any) -> TokenUsage:
    """Read the counts, whichever of them are there."""
    prompt = native.count(raw.prompt_token_count)
    read = native.count(raw.cached_content_token_count)
    tools = native.maybe_count(raw.tool_use_prompt_token_count)
    said = native.count(raw.candidates_token_count)
    thought = native.maybe_count(raw.thoughts_token_count)
    total, out = prompt + (tools or 0), said + (thought or 0)
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
        unknown_requests=native.untold(raw.prompt_token_count, raw.candidates_token_count),
    )
