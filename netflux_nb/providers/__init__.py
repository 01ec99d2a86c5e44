"""Model providers: one module each, and one line in the table below."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from ..core.messages import Model, ModelRequest, Provider
from ..runtime.agents.agent import AgentNode
from ..runtime.registry import driver_of, register_driver, register_model
from . import scripted as scripted
from .settings import ModelNames

# The file that speaks to each. It is imported when an agent first asks, and its SDK then too.
FILES: dict[Provider, tuple[str, str, str]] = {
    Provider.Anthropic: ("anthropic", "model", "AnthropicAgentNode"),
    Provider.Gemini: ("gemini", "model", "GeminiAgentNode"),
    Provider.OpenAI: ("openai", "model", "OaiAgentNode"),
    Provider.xAI: ("openai", "xai", "OaiAgentNode"),
}
# One of these must be set where no client is given. The first is the one to name.
KEYS: dict[Provider, tuple[str, ...]] = {
    Provider.Anthropic: (
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_AUTH_TOKEN",
        "ANTHROPIC_PROFILE",
        "ANTHROPIC_IDENTITY_TOKEN",
        "ANTHROPIC_IDENTITY_TOKEN_FILE",
    ),
    Provider.Gemini: (
        "GEMINI_API_KEY",
        "GOOGLE_API_KEY",
        "GOOGLE_GENAI_USE_VERTEXAI",
        "GOOGLE_GENAI_USE_ENTERPRISE",
    ),
    Provider.OpenAI: ("OPENAI_API_KEY", "OPENAI_BASE_URL"),
    Provider.xAI: ("XAI_API_KEY",),
}

get_AgentNode_impl = driver_of  # noqa: N816  the seed's name


def _register(provider: Provider, file: str, maker: str, node: str) -> None:
    def make(client: Any) -> Model:
        made: Model = getattr(import_module(f".{file}", __name__), maker)(client)
        return made

    def driver() -> type[AgentNode]:
        kind: type[AgentNode] = getattr(import_module(f".{file}", __name__), node)
        return kind

    register_model(provider, make, keys=KEYS[provider])
    register_driver(provider, driver)


for _provider, _file in FILES.items():
    _register(_provider, *_file)


def native_digests(request: ModelRequest) -> frozenset[str]:
    """Give the hashes that a request may have been sent with: its `Spent.native_request`.

    A provider is asked in one dialect or another, as its client is; each has its own.
    Of a provider that is none of these there is nothing to hash.
    """
    from . import anthropic, gemini, native, openai

    match request.provider:
        case "anthropic":
            return frozenset({native.digest(anthropic.encode(request))})
        case "gemini":
            bodies = (gemini.encode(request, gives_ids=ids) for ids in (True, False))
            return frozenset(gemini.digest_of(body) for body in bodies)
        case "openai" | "xai":
            name = ModelNames[Provider(request.provider)]
            told = (openai.encode(request, name, is_openai=ours) for ours in (True, False))
            return frozenset(native.digest(body) for body in told)
        case _:
            return frozenset()


def native_body(request: ModelRequest) -> dict[str, Any] | None:
    """Give what a provider's SDK would be handed for a request, as plain JSON.

    None for a provider that is none of ours.
    """
    from . import anthropic, gemini, native, openai

    match request.provider:
        case "anthropic":
            return native.whole(anthropic.encode(request))
        case "gemini":
            return native.whole(gemini.encode(request))
        case "openai" | "xai":
            name = ModelNames[Provider(request.provider)]
            # A server that only speaks like OpenAI is told in older words.
            is_openai = request.provider == "openai" and not os.environ.get("OPENAI_BASE_URL")
            return native.whole(openai.encode(request, name, is_openai=is_openai))
        case _:
            return None


__all__ = [
    "ModelNames",
    "Provider",
    "get_AgentNode_impl",
    "native_body",
    "native_digests",
    "register_driver",
    "register_model",
]
