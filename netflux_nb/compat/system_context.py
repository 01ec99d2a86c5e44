"""The context classes of theus: a system with its layers, over a state of ours."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ..core.errors import ContractError
from ..state.guards import fields_of, plain
from ..state.zones import Zone, zone_by_name, zones_of

# What a contract does not name, and an error that it does not name.
ContractViolationError = ContractError
# The layers of a system. `domain` and `domain_ctx` are one.
DOMAINS = ("domain", "domain_ctx")
LAYERS = frozenset((*DOMAINS, "global_ctx"))


def _told(context: Any, without: Collection[Zone]) -> dict[str, Any]:
    """Give the fields of a context, and of the layers in it, that are of no such zone."""
    kind: Any = type(context)
    zones = zones_of(kind)
    is_system = isinstance(context, BaseSystemContext)
    names = fields_of(kind) or vars(context)
    told = {}
    for name in names:
        # `domain_ctx` is the domain too.
        is_twice = is_system and name == "domain_ctx" and "domain" in names
        if name[:1] == "_" or is_twice or (zones.get(name) or zone_by_name(name)) in without:
            continue
        value = getattr(context, name)
        is_layer = is_system and fields_of(type(value))
        told[name] = _told(value, without) if is_layer else plain(value)
    return told


class LockViolationError(ContractError):
    """A context was changed outside of every process and of `engine.edit()`."""


# Zones that `to_dict` leaves out.
_PASSING = (Zone.SIGNAL, Zone.META)
ContextZone = Zone
resolve_zone = zone_by_name


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

    def get_zone(self, key: str) -> Zone:
        """Give the zone of a field: what its annotation says, else its name."""
        kind: Any = type(self)
        return zones_of(kind).get(key) or zone_by_name(key)

    def to_dict(self, exclude_zones: Collection[Zone] | None = None) -> dict[str, Any]:
        """Give what is to last as plain values: fields of DATA, or of all zones but these."""
        return _told(self, _PASSING if exclude_zones is None else exclude_zones)

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
