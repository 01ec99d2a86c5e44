"""Clients for demos and seed programs: every provider is answered by one script."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..core.messages import Provider
from ..testing import Script, ScriptedModel


def scripted(script: Script) -> Mapping[Provider, Callable[[], ScriptedModel]]:
    """Give `client_factories` in which one script answers for every provider."""
    model = ScriptedModel(script)
    return {provider: lambda: model for provider in Provider}
