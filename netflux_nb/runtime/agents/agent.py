"""The Node of an agent, and the base of custom drivers that may replace it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ...core.errors import ArgumentError, ModelProviderException, stringify
from ...core.events import PartAdded
from ...core.functions.kinds import AgentFunction
from ...core.messages import (
    Continuation,
    IntermediateEvent,
    ModelTextPart,
    Provider,
    RetriableException,
    TokenUsage,
    TranscriptPart,
    TranscriptPosition,
)
from ..context import RunContext
from ..nodes import Node


class AgentNode(Node):
    """A call of an agent.

    As it is, it leads the shared agent loop with the runtime's model. A driver of one's
    own overrides `run`, keeps `transcript` and `token_usage`, and posts the outcome.
    """

    ctx: RunContext

    def __init__(
        self,
        ctx: RunContext,
        id: int,
        fn: AgentFunction,
        inputs: dict[str, Any],
        parent: Node | None,
        cancel_event: Any = None,
        client_factory: Callable[[], Any] | None = None,
        tool_use_id: str | None = None,
    ) -> None:
        super().__init__(ctx, id, fn, inputs, parent, cancel_event, tool_use_id)
        self.agent_fn = fn
        self.client_factory = client_factory
        self.transcript: list[TranscriptPart] = []
        self.func_map = {f.name: f for f in fn.uses}
        self.usage = TokenUsage()
        self.model: str | None = None
        self.provider_used: Provider | str = fn.default_model
        # How far the transcript was told, for drivers that append to it themselves.
        self.notes: list[IntermediateEvent] = []

    @property
    def provider(self) -> Any:
        """The provider of its model."""
        return self.provider_used

    @property
    def token_usage(self) -> TokenUsage:
        """Tokens so far."""
        return self.usage

    @property
    def is_driver(self) -> bool:
        """True for a driver of one's own, which runs on a thread."""
        return type(self).run is not AgentNode.run

    def get_transcript(self) -> list[TranscriptPart]:
        """Copy the live transcript. From outside, read a view."""
        return list(self.transcript)

    @property
    def transcript_end_position(self) -> TranscriptPosition:
        """The place where the transcript ends now."""
        if not self.transcript:
            return TranscriptPosition(0)
        last = self.transcript[-1]
        offset = len(last.text) if isinstance(last, ModelTextPart) else None
        return TranscriptPosition(len(self.transcript) - 1, offset)

    def say(self, part: TranscriptPart) -> None:
        """Put a part at the transcript's end, for people to see. On the loop's thread."""
        self.transcript.append(part)
        self.runtime.log.post(self, PartAdded(part))

    def record_retriable_exception(
        self, ex: BaseException, *, attempt: int, backoff_seconds: float | None = None
    ) -> None:
        """Note a fault that will be tried again."""
        started = None if backoff_seconds is None else self.runtime.clock()
        self.note(
            RetriableException(self.transcript_end_position, ex, attempt, backoff_seconds, started)
        )

    def record_continuation(self) -> None:
        """Note that the model goes on in a new response."""
        self.note(Continuation(self.transcript_end_position))

    def note(self, event: IntermediateEvent) -> None:
        """Put something beside the transcript."""
        self.notes.append(event)
        self.runtime.post_note(self, event)

    def build_user_text(self) -> str:
        """Give the one user turn."""
        values = dict(self.inputs)
        for arg in self.agent_fn.args:
            if arg.load and isinstance(values.get(arg.name), str):
                values[arg.name] = _loaded(arg.name, values[arg.name])
        return self.agent_fn.user_text(values)

    def system_prompt(self) -> str:
        """Give the system prompt; at the last level allowed it says so."""
        prompt = self.agent_fn.system_prompt
        limit = self.runtime.max_agent_levels(self.root_ancestor) if self.ctx.runtime else 0
        if limit and self.agent_lineage_level >= limit:
            calls = [f.name for f in self.agent_fn.uses if f.is_agent()]
            if calls:
                prompt += (
                    f"\n\nNote: you are at agent level {self.agent_lineage_level} of {limit}. "
                    f"Calls of other agents ({', '.join(calls)}) will be refused here."
                )
        return prompt

    def invoke_tool_function(
        self, tool_name: str, tool_args: Mapping[str, Any], tool_use_id: str | None = None
    ) -> Node:
        """Start a call that the model asked for."""
        fn = self.func_map.get(tool_name)
        if fn is None:
            raise RuntimeError(f"Unknown tool: {tool_name!r}. Available: {sorted(self.func_map)}")
        return self.ctx.invoke(fn, tool_args, tool_use_id=tool_use_id)

    @staticmethod
    def stringify_exception(ex: BaseException) -> str:
        """Give an exception as a model may read it."""
        return stringify(ex)

    def wrapped(self, error: BaseException) -> ModelProviderException:
        """Say that a driver, not the agent, failed."""
        if isinstance(error, ModelProviderException):
            return error
        return ModelProviderException(
            f"{type(self).__name__} failed", type(self), self.fn.name, self.id, error
        )


# A prompt that is longer is a mistake, or costs more than anyone meant.
LOAD_LIMIT_BYTES = 1_000_000


def _loaded(name: str, value: str) -> str:
    """Give a file's text where the value is the path of one, else the value itself."""
    if len(value) > 4096 or "\n" in value or "\0" in value or not Path(value).is_file():
        return value
    path = Path(value)
    size = path.stat().st_size
    if size > LOAD_LIMIT_BYTES:
        raise ArgumentError(
            f"Arg '{name}': {path.name!r} has {size:,} bytes; a prompt takes files of up to "
            f"{LOAD_LIMIT_BYTES:,}."
        )
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ArgumentError(f"Arg '{name}': {path.name!r} is not UTF-8 text.") from None
