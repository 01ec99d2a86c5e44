"""Clients for the demos, by provider: the scripted one needs no key."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..core.errors import NoKeyError
from ..core.messages import Provider
from ..testing import Script, ScriptedModel


def scripted(script: Script) -> Mapping[Provider, Callable[[], ScriptedModel]]:
    """Give `client_factories` in which one script answers for every provider."""
    model = ScriptedModel(script)
    return {provider: lambda: model for provider in Provider}


def key_of(name: str, *variables: str) -> str:
    """Read a key from the environment, or from the file `<name>.key` in this folder."""
    for variable in variables:
        if os.environ.get(variable):
            return os.environ[variable]
    file = Path(f"{name}.key")
    key = file.read_text(encoding="utf-8").strip() if file.is_file() else ""
    if not key:
        raise NoKeyError(f"Set {variables[0]}, or put the key into the file {file}.")
    return key


def _anthropic() -> Any:
    import anthropic

    return anthropic.AsyncAnthropic(api_key=key_of("anthropic", "ANTHROPIC_API_KEY"))


def _gemini() -> Any:
    from google import genai

    return genai.Client(api_key=key_of("gemini", "GEMINI_API_KEY", "GOOGLE_API_KEY"))


def _openai() -> Any:
    import openai

    return openai.AsyncOpenAI(api_key=key_of("openai", "OPENAI_API_KEY"))


CLIENT_FACTORIES: dict[Provider, Callable[[], Any]] = {
    Provider.Anthropic: _anthropic,
    Provider.Gemini: _gemini,
    Provider.OpenAI: _openai,
}
