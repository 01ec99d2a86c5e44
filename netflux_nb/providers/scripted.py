"""The provider that needs no key: a client is a `ScriptedModel`."""

from __future__ import annotations

from ..core.messages import Model, Provider
from ..runtime.registry import register_model
from ..testing import ScriptedModel, Turn, call


def _model(client: ScriptedModel) -> Model:
    return client


register_model(Provider.Scripted, _model, needs_client=True)

__all__ = ["ScriptedModel", "Turn", "call"]
