"""How tests ask any provider: a client at the local server, and what came of it."""

from dataclasses import dataclass, field
from typing import Any

from netflux_nb import Runtime, TokenUsage
from netflux_nb.providers.faults import status_fault
from netflux_nb.testing import FakeClock, Turn
from netflux_nb.testing import call as scripted_call

from .server import Fault, Stream, WireServer

KEY = "sk-secret-0123456789"
WIRED = ("anthropic", "gemini", "openai")
ALL = (*WIRED, "scripted")


def client_of(kind: str, url: str) -> Any:
    if kind == "anthropic":
        import anthropic

        return anthropic.AsyncAnthropic(api_key=KEY, base_url=url)
    if kind == "gemini":
        from google import genai

        return genai.Client(api_key=KEY, http_options={"base_url": url})
    import openai

    return openai.AsyncOpenAI(api_key=KEY, base_url=url)


def as_turn(step: Any) -> Turn:
    """Give the scripted model the same line to say."""
    if isinstance(step, Fault):
        return Turn(error=status_fault(step.status, step.message, step.headers))
    said = step.said if isinstance(step, Stream) else step
    total = said.fresh + said.cached
    usage = TokenUsage(
        input_tokens_cache_read=said.cached,
        input_tokens_regular=said.fresh,
        input_tokens_total=total,
        output_tokens_total=said.out,
    )
    calls = [scripted_call(c.name, **c.args) for c in said.calls]
    return Turn(
        text=said.text,
        thinking=said.thinking,
        signature=said.signature,
        calls=calls,
        usage=usage,
        stop=None if said.stop == "end" else said.stop,
    )


@dataclass
class Played:
    """A finished conversation, and what the server saw of it."""

    node: Any
    server: WireServer | None
    clock: FakeClock
    runtime: Runtime
    asked: list[Any] = field(default_factory=list)

    @property
    def view(self):
        return self.node.view()

    @property
    def bodies(self):
        assert self.server is not None
        return [a.body for a in self.server.asked]


def told(view: Any) -> list[Any]:
    """Give a transcript without what is each provider's own: ids and signatures."""
    lines = []
    for part in view.transcript:
        name = type(part).__name__.removesuffix("Part")
        text = getattr(part, "text", None)
        if text is None:
            text = getattr(part, "content", None) if name == "ThinkingBlock" else None
        if name == "ToolUse":
            lines.append((name, part.tool_name, dict(part.args)))
        elif name == "ToolResult":
            lines.append((name, part.tool_name, part.outputs, part.is_error))
        elif name != "Native":
            lines.append((name, text))
    return lines
