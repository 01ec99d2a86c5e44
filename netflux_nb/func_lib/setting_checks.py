"""Checks of the numeric settings of built-in Functions."""

from __future__ import annotations

import math
from typing import Any

from ..core.errors import FunctionError

MOST_SECONDS = 86_400.0


def at_least(name: str, what: str, value: Any, least: int) -> Any:
    """Give a whole number that is large enough, or None where it is None."""
    if value is not None and (type(value) is not int or value < least):
        raise FunctionError(f"{name}: {what} is {value!r}; give a whole number from {least} on.")
    return value


def seconds(name: str, what: str, value: Any) -> float:
    """Give a time that comes to an end."""
    if not is_time(value):
        raise FunctionError(
            f"{name}: {what} is {value!r}; give a number above 0, up to {MOST_SECONDS:,.0f}."
        )
    return float(value)


def is_time(value: Any) -> bool:
    """True for a number of seconds that something may take."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and 0 < value <= MOST_SECONDS
