"""Messages between an agent and a model: parts, requests, replies, usage."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import Enum
from types import MappingProxyType
from typing import Any, Literal, Protocol, overload, runtime_checkable


class Provider(Enum):
    """The providers that have a name of their own. Others are named by a string."""

    Anthropic = "anthropic"
    Gemini = "gemini"
    OpenAI = "openai"
    xAI = "xai"  # noqa: N815  the seed's name
    Scripted = "scripted"


def provider_name(provider: Provider | str) -> str:
    """Give the registered name of a provider."""
    return provider.value if isinstance(provider, Provider) else provider


class TranscriptPart:
    """One part of an agent's conversation."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class UserTextPart(TranscriptPart):
    """A user turn: text to the agent."""

    text: str


@dataclass(frozen=True, slots=True)
class ModelTextPart(TranscriptPart):
    """Text of the model. A signature is the provider's own and is sent back untouched."""

    text: str
    signature: str = ""


@dataclass(frozen=True, slots=True)
class ModelStatusPart(TranscriptPart):
    """Progress that the model meant a person to see."""

    text: str
    tool_use_id: str | None = None


@dataclass(frozen=True, slots=True)
class ToolUsePart(TranscriptPart):
    """A call that the model asked for."""

    tool_use_id: str
    tool_name: str
    args: Mapping[str, Any]
    signature: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "args", MappingProxyType(dict(self.args)))

    def __hash__(self) -> int:
        return hash((self.tool_use_id, self.tool_name))

    def __reduce__(self) -> Any:
        words = (self.tool_use_id, self.tool_name, dict(self.args), self.signature)
        return ToolUsePart, words


@dataclass(frozen=True, slots=True)
class ImageResult:
    """A picture as the result of a call; a model that sees is given the picture itself."""

    media_type: str
    data: bytes = field(repr=False)
    width: int
    height: int

    def __str__(self) -> str:
        return f"[{self.media_type}, {self.width} x {self.height}, {len(self.data):,} bytes]"


@dataclass(frozen=True, slots=True)
class ToolResultPart(TranscriptPart):
    """The result of a call."""

    tool_use_id: str
    tool_name: str
    outputs: Any
    is_error: bool = False

    @property
    def content(self) -> tuple[str | ImageResult, ...]:
        """Give the outputs as a model is given them: texts and pictures."""
        outputs = self.outputs if isinstance(self.outputs, tuple) else (self.outputs,)
        return tuple(o if isinstance(o, ImageResult) else str(o) for o in outputs)


@dataclass(frozen=True, slots=True)
class ThinkingBlockPart(TranscriptPart):
    """A thinking block with its signature, kept to be given back untouched."""

    content: str
    signature: str
    redacted: bool = False


@dataclass(frozen=True, slots=True)
class NativePart(TranscriptPart):
    """A block that only its provider understands, kept to be given back untouched."""

    provider: str
    data: Mapping[str, Any]

    def __hash__(self) -> int:
        return hash(self.provider)


@dataclass(frozen=True, slots=True)
class TranscriptPosition:
    """A place in a transcript: after a part, or inside a text part."""

    part_index: int
    text_offset: int | None = None


@dataclass(frozen=True, slots=True)
class IntermediateEvent:
    """Something that happened beside the transcript, at a place in it."""

    position: TranscriptPosition


@dataclass(frozen=True, slots=True)
class Continuation(IntermediateEvent):
    """The model went on in a new response."""


@dataclass(frozen=True, slots=True)
class RetriableException(IntermediateEvent):
    """A fault that is tried again after a pause."""

    exception: BaseException
    attempt: int
    backoff_seconds: float | None = None
    backoff_started_at: float | None = None


@dataclass(frozen=True, slots=True)
class MachineStep(IntermediateEvent):
    """A workflow left a state, or met an event that fits nothing there: then `next` is empty."""

    nth: int
    state: str
    # What ran in it, and what came of that.
    entry: tuple[str, ...]
    outcome: str
    event: str
    next: str
    # How often such an event came at once.
    count: int = 1


# Not frozen: drivers written for the seed count into one object as they go.
@dataclass(slots=True)
class TokenUsage:
    """Tokens of one agent. The three kinds of input exclude each other."""

    input_tokens_cache_read: int = 0
    input_tokens_cache_write: int | None = None
    input_tokens_regular: int = 0
    input_tokens_total: int = 0
    output_tokens_reasoning: int | None = None
    output_tokens_text: int | None = None
    output_tokens_total: int = 0
    context_window_in: int | None = None
    context_window_out: int | None = None
    # Part of the cache writes: those that are kept for an hour, which cost more.
    input_tokens_cache_write_1h: int | None = None
    # Part of the regular input: what tools that run at the provider put in.
    input_tokens_tools: int | None = None
    # Requests that nobody told the tokens of: they are in none of these counts.
    unknown_requests: int = 0

    def __add__(self, other: TokenUsage) -> TokenUsage:
        """Add counts; the context window is the later one's."""
        total = TokenUsage()
        for f in fields(TokenUsage):
            mine, theirs = getattr(self, f.name), getattr(other, f.name)
            if f.name.startswith("context_window"):
                value = mine if theirs is None else theirs
            elif mine is None and theirs is None:
                value = None
            else:
                value = (mine or 0) + (theirs or 0)
            setattr(total, f.name, value)
        return total

    @property
    def total(self) -> int:
        """All tokens, in and out."""
        return self.input_tokens_total + self.output_tokens_total


@dataclass(frozen=True, slots=True)
class TokenBill:
    """Tokens of a whole tree at one provider."""

    input_tokens_cache_read: int = 0
    input_tokens_cache_write: int = 0
    input_tokens_regular: int = 0
    output_tokens_total: int = 0

    def plus(self, usage: TokenUsage) -> TokenBill:
        """Add one agent's usage."""
        return TokenBill(
            self.input_tokens_cache_read + usage.input_tokens_cache_read,
            self.input_tokens_cache_write + (usage.input_tokens_cache_write or 0),
            self.input_tokens_regular + usage.input_tokens_regular,
            self.output_tokens_total + usage.output_tokens_total,
        )


class Prefix(Sequence[TranscriptPart]):
    """The first n parts of a list that only grows: a history that is never copied."""

    __slots__ = ("_length", "_parts")

    def __init__(self, parts: list[TranscriptPart]) -> None:
        self._parts = parts
        self._length = len(parts)

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> TranscriptPart: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[TranscriptPart]: ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self._parts[: self._length][index]
        place = index + self._length if index < 0 else index
        if not 0 <= place < self._length:
            raise IndexError(f"part {index} of {self._length}")
        return self._parts[place]

    def __iter__(self) -> Iterator[TranscriptPart]:
        for place in range(self._length):
            yield self._parts[place]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, (str, bytes)):
            return False
        return list(self) == list(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"Prefix({self._length} parts)"


@dataclass(frozen=True, slots=True)
class Tool:
    """A Function as a model sees it."""

    name: str
    desc: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """One question to a model: everything it is told, and what it may call."""

    provider: str
    model: str | None
    system: str
    parts: Sequence[TranscriptPart]
    tools: tuple[Tool, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    result_schema: Mapping[str, Any] | None = None
    # Whose question it is, by the key of its Node, and the how-manieth of it.
    node_key: str = ""
    nth: int = 0
    # Whether a record keeps a hash of what is sent: it costs as much as sending it.
    is_recorded: bool = field(default=False, compare=False)


# What arguments are called that were no JSON object; the text is kept for all to see.
GARBLED = "$garbled"

# "pause": the provider stopped in the middle and goes on when it is asked again.
StopReason = Literal["end", "calls", "max_tokens", "refusal", "pause"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReply:
    """One answer of a model: finished parts in order, and what they cost."""

    parts: tuple[TranscriptPart, ...]
    usage: TokenUsage = field(default_factory=TokenUsage)
    stop: StopReason = "end"
    model: str | None = None
    # Why it refused, where the provider says so.
    detail: str = ""
    # True for an answer from a record: it cost nothing now.
    served: bool = False
    # The response as its provider gave it, without its content; plain JSON, cut to some kB.
    native: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    # SHA-256 of the request as its SDK was given it: of canonical JSON, without keys.
    native_request: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Spent:
    """One request to a model: what it used, how it ended, how long it took."""

    provider: str
    model: str | None
    usage: TokenUsage
    # A `StopReason`, or "error", or "canceled".
    stop: str = "end"
    seconds: float = 0.0
    served: bool = False
    error: str = ""
    # When it ended, in seconds since 1970: prices are those of that day.
    time: float | None = None
    # As of `ModelReply`: for people to look up, and no part of what two runs are compared by.
    native: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    native_request: str = field(default="", compare=False, repr=False)

    def __hash__(self) -> int:
        return hash((self.provider, self.model, self.stop))


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of a reply that is still arriving; `usage` is all so far of this reply."""

    kind: Literal["text", "thinking"]
    text: str = ""
    usage: TokenUsage | None = None


@runtime_checkable
class Model(Protocol):
    """A model: an endpoint, a script, or a record that replies to requests."""

    async def reply(self, request: ModelRequest, emit: Callable[[Delta], None], /) -> ModelReply:
        """Answer one request, telling what arrives. Raise `ModelError` when it cannot."""
        ...
