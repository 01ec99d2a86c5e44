"""Prices of tokens: the maintained table of `genai-prices`, read when first needed."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from ..core.bill import EXAMPLE
from ..core.messages import TokenUsage
from .settings import ModelNames

# How that table calls our providers.
NAMES = {"anthropic": "anthropic", "gemini": "google", "openai": "openai", "xai": "x-ai"}
_DEFAULTS = {provider.value: name for provider, name in ModelNames.items()}
# Nobody's models, so that a lesson shows money without a key: USD for a million tokens in and out.
EXAMPLES = {"example-large": (5.0, 25.0), "example-small": (1.0, 5.0)}
# What of the price of input is paid for what was read from a cache: as with most providers.
CACHED = 0.1


class Table:
    """Prices by provider and model. What it does not know is None, never a guess."""

    @property
    def source(self) -> str:
        """Name the table and its version: prices are those of its day."""
        table = _table()
        named = table[1] if table else "no price table, `pip install genai-prices` brings one"
        return f"{named}; scripted models: examples"

    def __call__(
        self, provider: str, model: str | None, usage: TokenUsage, time: float | None, /
    ) -> float | None:
        """Give the USD of one request, at the prices of its day."""
        if provider == EXAMPLE or not usage.total:
            return _example(model, usage)
        table = _table()
        model = model or _DEFAULTS.get(provider)
        if table is None or model is None:
            return None
        prices = table[0]
        cached = usage.input_tokens_cache_read
        written = usage.input_tokens_cache_write or 0
        counts = prices.Usage(
            input_tokens=usage.input_tokens_total,
            output_tokens=usage.output_tokens_total,
            cache_read_tokens=cached or None,
            cache_write_tokens=written or None,
            cache_write_1h_tokens=usage.input_tokens_cache_write_1h or None,
        )
        day = None if time is None else datetime.fromtimestamp(time, UTC)
        try:
            cost = prices.calc_price(
                counts,
                model,
                provider_id=NAMES.get(provider, provider),
                genai_request_timestamp=day,
            )
        except (LookupError, ValueError):
            return None
        return float(cost.total_price)


def _example(model: str | None, usage: TokenUsage) -> float:
    fresh, out = EXAMPLES.get(model or "", (0.0, 0.0))
    cached = usage.input_tokens_cache_read
    paid = (usage.input_tokens_total - cached) * fresh + cached * fresh * CACHED
    return (paid + usage.output_tokens_total * out) / 1_000_000


@lru_cache(maxsize=1)
def _table() -> tuple[Any, str] | None:
    try:
        import genai_prices
    except ImportError:
        return None
    return genai_prices, f"genai-prices {genai_prices.__version__}"
