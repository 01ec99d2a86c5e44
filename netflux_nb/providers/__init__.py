"""Who answers agents: one file a provider, and one line in the table below."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from ..core.bill import set_prices
from ..core.messages import Model, Provider
from ..runtime.registry import driver_of, register_driver, register_model
from . import scripted as scripted
from .prices import Table

# The file that speaks to each. It is imported when an agent first asks, and its SDK then too.
FILES: dict[Provider, tuple[str, str]] = {
    Provider.Anthropic: ("anthropic", "model"),
    Provider.Gemini: ("gemini", "model"),
    Provider.OpenAI: ("openai", "model"),
    Provider.xAI: ("openai", "xai"),
}

# What is asked where an agent names a provider and no model.
ModelNames: dict[Provider, str] = {
    Provider.Anthropic: "claude-sonnet-5-5",
    Provider.Gemini: "gemini-4-argon",
    Provider.OpenAI: "gpt-6-astra",
    Provider.xAI: "grok-4.6",
    Provider.Scripted: "scripted",
}

get_AgentNode_impl = driver_of  # noqa: N816  the seed's name


def _made_by(file: str, maker: str) -> Callable[[Any], Model]:
    def make(client: Any) -> Model:
        made: Model = getattr(import_module(f".{file}", __name__), maker)(client)
        return made

    return make


for _provider, _file in FILES.items():
    register_model(_provider, _made_by(*_file))

set_prices(Table())

__all__ = ["ModelNames", "Provider", "get_AgentNode_impl", "register_driver", "register_model"]
