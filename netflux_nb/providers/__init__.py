"""Who answers agents: one file a provider."""

from ..core.messages import Provider
from ..runtime.registry import register_driver, register_model

__all__ = ["Provider", "register_driver", "register_model"]
