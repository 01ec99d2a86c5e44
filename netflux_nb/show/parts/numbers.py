"""Numbers for people: tokens, money, durations, moments."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from ...core.messages import TokenUsage
from ...runtime.host import host

# What stands for a time and for a run's name, where both are left out.
NO_TIME, NO_RUN = "‹time›", "‹run›"


def is_stable() -> bool:
    """Say whether times and runs' names are left out."""
    return host().is_stable


def named(run: str) -> str:
    """Give a run's name as it is shown."""
    return NO_RUN if run and is_stable() else run


def count(n: int, what: str, many: str = "") -> str:
    """Give a number of things, as `1 Node` or `1,204 Nodes`."""
    return f"{n:,} {what if n == 1 else many or f'{what}s'}"


def tokens(n: int) -> str:
    """Give a number of tokens.

    Example:
        >>> tokens(1204)
        '1,204 tokens'
    """
    return count(n, "token")


def used(usage: TokenUsage) -> str:
    """Give what was used, and of how many requests that is not known.

    Example:
        >>> used(TokenUsage(input_tokens_total=1200, output_tokens_total=4))
        '1,204 tokens'
        >>> used(TokenUsage(unknown_requests=1))
        'tokens unknown'
    """
    if not usage.unknown_requests:
        return tokens(usage.total)
    if not usage.total:
        return "tokens unknown"
    return f"{tokens(usage.total)} without {count(usage.unknown_requests, 'request')} of unknown"


def usd(amount: float | None) -> str:
    """Give an amount of money, small ones with the digits that count.

    Example:
        >>> usd(0.0134), usd(0.00042), usd(12.5), usd(None)
        ('$0.013', '$0.00042', '$12.50', 'price unknown')
    """
    if amount is None or not math.isfinite(amount):
        return "price unknown"
    if amount < 0:
        return f"-{usd(-amount)}"
    if amount == 0 or amount >= 0.1:
        return f"${amount:,.2f}"
    if amount < 1e-6:
        return "< $0.000001"
    digits = max(3, 1 - math.floor(math.log10(amount)))
    return f"${amount:.{min(digits, 7)}f}"


def seconds(value: float | None) -> str:
    """Give a duration.

    Example:
        >>> seconds(2.41), seconds(0.0042), seconds(300)
        ('2.4 s', '4 ms', '5.0 min')
    """
    if value is None or not math.isfinite(value):
        return "?"
    if is_stable():
        return NO_TIME
    if 0 <= value < 5e-7:
        return "0 s"
    if value < 0.0009995:
        return f"{value * 1e6:.0f} µs"
    if value < 1:
        return f"{value * 1e3:.0f} ms"
    if value < 120:
        return f"{value:.1f} s"
    return f"{value / 60:.1f} min" if value < 7_200 else f"{value / 3600:,.1f} h"


def moment(time: float | None) -> str:
    """Give a point in time, of seconds since 1970, in UTC.

    Example:
        >>> moment(0)
        '1970-01-01 00:00:00 UTC'
    """
    try:
        at = datetime.fromtimestamp(time, UTC) if time is not None else None
    except (ValueError, OverflowError, OSError, TypeError):  # a stored time may be anything
        return "?"
    if at is None:
        return "?"
    return NO_TIME if is_stable() else at.strftime("%Y-%m-%d %H:%M:%S UTC")


def clock(time: float | None, today: float | None) -> str:
    """Give a point in time as who looks would say it: `16:41`, `yesterday 16:41`, or the day.

    Args:
        time: Seconds since 1970.
        today: A moment of today, in the same. Without it there is no yesterday.
    """
    at, now = _local(time), _local(today)
    if at is None:
        return "?"
    if is_stable():
        return NO_TIME
    days = None if now is None else (now.date() - at.date()).days
    if days not in (0, 1):
        return f"{at:%Y-%m-%d}"
    return f"{at:%H:%M}" if days == 0 else f"yesterday {at:%H:%M}"


def date(time: float | None) -> str:
    """Give the day of a point in time, on the clock of who looks."""
    at = _local(time)
    return "?" if at is None else NO_TIME if is_stable() else f"{at:%Y-%m-%d}"


def _local(time: float | None) -> datetime | None:
    try:
        return None if time is None else datetime.fromtimestamp(time, UTC).astimezone()
    except (ValueError, OverflowError, OSError, TypeError):  # a stored time may be anything
        return None


def percent(part: float, whole: float) -> float:
    """Give a share of a hundred, with two digits, whatever the numbers are."""
    if not (math.isfinite(part) and math.isfinite(whole)) or whole <= 0:
        return 0.0
    return round(min(max(100 * part / whole, 0.0), 100.0), 2)
