"""The context classes of theus: a system with its layers, over a state of ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ..core.errors import ContractError

# What a contract does not name, and an error that it does not name.
ContractViolationError = ContractError
# The layers of a system. `domain` and `domain_ctx` are one.
DOMAINS = ("domain", "domain_ctx")
LAYERS = frozenset((*DOMAINS, "global_ctx"))


class LockViolationError(ContractError):
    """A context was changed outside of every process and of `engine.edit()`."""


class Layers(Protocol):
    """An engine as its system sees it."""

    def layer(self, name: str, /) -> Any:
        """Give a layer as it stands, or as the running process sees it."""
        ...

    def replace(self, name: str, value: Any, /) -> None:
        """Put all fields of another value in the place of a layer's."""
        ...


class LockedContextMixin:
    """A context whose fields an engine guards."""

    def from_dict(self, data: Mapping[str, Any]) -> None:
        """Set fields by name, those of contexts in it too. A name that is no field is refused."""
        for name, value in data.items():
            if name.startswith("_"):
                continue
            if not hasattr(self, name):
                raise AttributeError(f"{type(self).__name__} has no field {name[:80]!r}.")
            inner = getattr(self, name)
            if hasattr(inner, "from_dict") and isinstance(value, Mapping):
                inner.from_dict(value)
            else:
                setattr(self, name, value)


@dataclass
class BaseGlobalContext(LockedContextMixin):
    """Configuration. Processes read it; a person changes it."""


@dataclass
class BaseDomainContext(LockedContextMixin):
    """What a session works on. Processes change what their contracts name."""


@dataclass
class BaseSystemContext(LockedContextMixin):
    """A system: its configuration and its domain.

    A subclass names its domain `domain`, or gives `domain_ctx` a class of its own. From the moment
    an engine has it, its layers are those of the engine's state: live, and changed by processes or
    under `engine.edit()`.
    """

    global_ctx: Any = None
    domain_ctx: Any = None

    def __getattribute__(self, name: str) -> Any:
        if name in LAYERS:
            engine: Layers | None = object.__getattribute__(self, "__dict__").get("_engine")
            if engine is not None:
                return engine.layer(name)
        return object.__getattribute__(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        engine: Layers | None = self.__dict__.get("_engine")
        if engine is None or name.startswith("_"):
            object.__setattr__(self, name, value)
        else:
            engine.replace(name, value)


def domain_of(system: BaseSystemContext) -> Any:
    """Give the domain of a system, under whichever of its two names it has it."""
    found = [one for name in DOMAINS if (one := getattr(system, name, None)) is not None]
    if not found:
        raise ContractError(
            f"{type(system).__name__} has no domain. Give it a field `domain`, such as "
            f"`domain: BankDomain = field(default_factory=BankDomain)`."
        )
    if len(found) > 1 and found[0] is not found[1]:
        raise ContractError(
            f"{type(system).__name__} has a `domain` and a `domain_ctx`, which are one. Give one "
            f"of them."
        )
    return found[0]
