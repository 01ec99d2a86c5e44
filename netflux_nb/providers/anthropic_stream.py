"""The decoder of Anthropic's stream: its events as one reply."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ..core.errors import ModelError
from ..core.functions.schema import args_of
from ..core.messages import (
    Delta,
    ModelReply,
    ModelTextPart,
    NativePart,
    StopReason,
    ThinkingBlockPart,
    TokenUsage,
    TranscriptPart,
)
from . import faults, native, typed_results

STOPS: dict[str, StopReason] = {
    "end_turn": "end",
    "stop_sequence": "end",
    "tool_use": "calls",
    "max_tokens": "max_tokens",
    "model_context_window_exceeded": "max_tokens",
    "pause_turn": "pause",
    "refusal": "refusal",
}


class _Open:
    """A block that is still arriving."""

    def __init__(self, start: Any) -> None:
        self.start = start
        self.kind: str = start.type
        self.pieces: list[str] = []
        self.signature = ""


class AnthropicDecoder:
    """Events of a stream, taken in one by one, and the reply they come to."""

    def __init__(self, emit: Callable[[Delta], None], result: str | None = None) -> None:
        self._emit = emit
        self._result = result  # the name of the call that gives it
        self._usage = TokenUsage(unknown_requests=1)
        self._raw: dict[str, Any] = {}
        self._native: dict[str, Any] = {}
        self._chars = 0
        self._model: str | None = None
        self._stop: str | None = None
        self._detail = ""
        self._has_begun = False
        self._has_ended = False
        self._open: dict[int, _Open] = {}
        self._parts: dict[int, TranscriptPart] = {}

    def take(self, event: Any) -> None:
        """Take in one event."""
        match event.type:
            case "message_start":
                self._has_begun = True
                self._model = native.word(event.message.model) or None
                self._native |= _envelope(event.message)
                self._count(event.message.usage)
            case "content_block_start":
                if event.index in self._open or event.index in self._parts:
                    raise faults.cut("it begins a block twice")
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
                self._native |= _envelope(event.delta)
                self._count(event.usage)
            case "message_stop":
                self._has_ended = True
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
        self._emit(
            Delta(
                kind,
                native.mended(text),
                replace(self._usage, output_tokens_total=guess, unknown_requests=0),
            )
        )

    def _count(self, usage: Any) -> None:
        if usage is None:
            return
        told = _envelope(usage)
        self._raw.update(told)
        self._usage = usage_of(self._raw)
        self._emit(Delta("text", "", self._usage))

    def reply(self) -> ModelReply:
        """Give the finished reply, or raise `ModelError` for one that has no end."""
        if not self._has_begun:
            raise faults.cut("there was no message_start")
        if self._stop is None:
            raise faults.cut("there was no stop_reason")
        if self._open:
            raise faults.cut("a block has no content_block_stop")
        if not self._has_ended:
            raise faults.cut("there was no message_stop")
        stop = STOPS.get(self._stop)
        if stop is None:
            raise ModelError(f"Anthropic stopped for {self._stop[:80]!r}, which is not known here.")
        said = [self._parts[place] for place in sorted(self._parts)]
        parts, stop = typed_results.settled(said, stop, self._result)
        return ModelReply(
            parts=tuple(parts),
            usage=self._usage,
            stop=stop,
            model=self._model,
            detail=self._detail,
            native=native.envelope({**self._native, "usage": self._raw}),
        )


def _envelope(message: Any) -> dict[str, Any]:
    """Give what is set of an SDK's object, without its content and what is counted apart."""
    if not hasattr(message, "model_dump"):
        return {}
    apart = {"content", "usage"}
    return dict(message.model_dump(exclude=apart, exclude_none=True, warnings=False))


def _part(block: _Open) -> TranscriptPart:
    text = native.mended("".join(block.pieces))
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
            return native.call(block.start.id, block.start.name, args)
        case _:
            data = block.start.model_dump(mode="json", exclude_unset=True, warnings=False)
            if text:
                data["input"] = dict(args_of(text))
            return NativePart("anthropic", data)


def usage_of(raw: Mapping[str, Any]) -> TokenUsage:
    """Read the counts, whichever of them are there."""
    fresh = native.count(raw.get("input_tokens"))
    read = native.count(raw.get("cache_read_input_tokens"))
    written = native.count(raw.get("cache_creation_input_tokens"))
    by_ttl = native.mapping(raw.get("cache_creation"))
    out = native.count(raw.get("output_tokens"))
    details = native.mapping(raw.get("output_tokens_details"))
    thought = native.maybe_count(details.get("thinking_tokens"))
    total = fresh + read + written
    return TokenUsage(
        input_tokens_cache_read=read,
        input_tokens_cache_write=written,
        input_tokens_cache_write_1h=native.maybe_count(by_ttl.get("ephemeral_1h_input_tokens")),
        input_tokens_regular=fresh,
        input_tokens_total=total,
        output_tokens_reasoning=thought,
        output_tokens_text=None if thought is None else max(out - thought, 0),
        output_tokens_total=out,
        context_window_in=total,
        context_window_out=out,
        unknown_requests=native.untold(raw.get("input_tokens"), raw.get("output_tokens")),
    )
