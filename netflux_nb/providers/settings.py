"""The settings of a request, checked: one set of names for every provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from ..core.errors import ArgumentError, listed
from ..core.messages import ModelRequest, Provider

# What is asked where an agent names a provider and no model.
ModelNames: dict[Provider, str] = {
    Provider.Anthropic: "claude-sonnet-5-5",
    Provider.Gemini: "gemini-4-argon",
    Provider.OpenAI: "gpt-6-astra",
    Provider.xAI: "grok-4.6",
    Provider.Scripted: "scripted",
}

# What is said to a model whose answer was cut off.
GO_ON = "Go on exactly where you stopped."

EFFORTS = ("low", "medium", "high", "xhigh", "max")


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of an agent's requests. None leaves one to the provider.

    Attributes:
        effort: How hard to think: one of `EFFORTS`.
        thinking: True, False, or a budget in tokens.
        max_tokens: The longest answer.
        temperature: Between 0 and 2, where the model takes one.
        top_p: Between 0 and 1, where the model takes one.
        stop: Texts at which the answer ends.
        cache_ttl: "5m" or "1h"; None for no prompt cache marks. Where the provider has them.
        result: "schema", or "tool" for servers that know no result schema.
        timeout_s: The longest silence of the connection.
        extra: Put into the request's body as it is.
    """

    effort: str | None = None
    thinking: bool | int | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    cache_ttl: str | None = "5m"
    result: str = "schema"
    timeout_s: float | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        whole = type(self.max_tokens) is int and self.max_tokens > 0
        self._check("effort", self.effort is None or self.effort in EFFORTS, listed(EFFORTS))
        self._check("max_tokens", self.max_tokens is None or whole, "a whole number above 0")
        for name, most in (("temperature", 2), ("top_p", 1)):
            value = getattr(self, name)
            fits = value is None or (_is_number(value) and 0 <= value <= most)
            self._check(name, fits, f"a number from 0 to {most}")
        thinks = self.thinking is None or (
            type(self.thinking) in (bool, int) and self.thinking >= 0
        )
        self._check("thinking", thinks, "True, False, or tokens")
        self._check("cache_ttl", self.cache_ttl in (None, "5m", "1h"), "'5m', '1h' or None")
        self._check("result", self.result in ("schema", "tool"), "'schema' or 'tool'")
        waits = self.timeout_s is None or (_is_number(self.timeout_s) and self.timeout_s > 0)
        self._check("timeout_s", waits, "seconds above 0")
        self._check("extra", isinstance(self.extra, Mapping), "a mapping")
        stops = all(type(s) is str for s in self.stop)
        self._check("stop", stops, "a list of texts")

    def _check(self, name: str, fits: bool, want: str) -> None:
        if not fits:
            raise ArgumentError(
                f"Setting {name!r} must be {want}; got {str(getattr(self, name))[:80]!r}."
            )


NAMES = tuple(f.name for f in fields(Settings))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def settings_of(request: ModelRequest) -> Settings:
    """Read a request's settings, or raise `ArgumentError` naming what is not known."""
    return checked(request.settings, request.provider)


def checked(settings: Mapping[str, Any], whose: str) -> Settings:
    """Check settings by name, or raise `ArgumentError` naming what is not known."""
    unknown = sorted(set(settings) - set(NAMES))
    if unknown:
        raise ArgumentError(
            f"{whose} knows no setting {unknown[0]!r}. There is: {listed(NAMES, 20)}. "
            f"What only one provider knows goes into `extra`."
        )
    stop = settings.get("stop", ())
    stops = tuple(stop) if isinstance(stop, (list, tuple)) else (stop,)
    return Settings(**{**settings, "stop": stops})
