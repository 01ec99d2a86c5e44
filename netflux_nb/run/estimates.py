"""Cost estimates of calls before they are made: a range, and its basis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..core import bill
from ..core.functions.kinds import AgentFunction, Function
from ..core.messages import ModelRequest
from ..record.sql.spending import Cost

# Fewer calls than these say little of the next ones.
LEAST_CALLS = 3
# Of the calls before: the tenth part that cost least and most is left out.
SHARE = 0.1
# An agent that may call Functions asks again after each; this is a guess, and said to be one.
TURNS = 4


@dataclass(frozen=True, slots=True)
class Range:
    """From a least to a most, in USD; `why` says where it is from. None where nobody knows."""

    calls: int
    low: float | None
    high: float | None
    why: str = ""

    @property
    def is_free(self) -> bool:
        """True where nothing will be paid."""
        return self.high == 0.0

    def plus(self, other: Range) -> Range:
        """Add the range of other calls."""
        low = None if self.low is None or other.low is None else self.low + other.low
        high = None if self.high is None or other.high is None else self.high + other.high
        why = "; ".join(dict.fromkeys(w for w in (self.why, other.why) if w))
        return Range(self.calls + other.calls, low, high, why)

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"cost not known before ({self.why})"
        return f"${self.low:,.4f} to ${self.high:,.4f} ({self.why})"


def from_history(
    calls: int, costs: Sequence[Cost], provider: str | None, model: str | None
) -> Range | None:
    """Give a range from what such calls have cost; None where there were too few."""
    mine = sorted(usd for p, m, usd in costs if p == provider and m == model)
    if len(mine) < LEAST_CALLS:
        return None
    cut = int(len(mine) * SHARE)
    low, high = mine[cut], mine[len(mine) - 1 - cut]
    return Range(calls, calls * low, calls * high, f"from {len(mine)} recorded calls")


def from_requests(calls: int, fn: AgentFunction, requests: Sequence[ModelRequest]) -> Range:
    """Give a range from the tokens of some first requests, for so many calls."""
    low = high = 0.0
    turns = TURNS if fn.uses else 1
    is_bounded = True
    for request in requests:
        used = bill.estimate(request)
        is_bounded = is_bounded and used.is_bounded
        least = bill.price(request.provider, request.model, used.low)
        most = bill.price(request.provider, request.model, used.high)
        if least is None or most is None:
            name = f"{request.provider}:{request.model}" if request.model else request.provider
            return Range(calls, None, None, f"no price for {name}")
        low, high = low + least, high + most * turns
    share = calls / max(len(requests), 1)
    why = "estimated from tokens" + ("" if is_bounded else "; no `max_tokens` bounds an answer")
    return Range(calls, low * share, high * share, why)


def agents_below(fn: Function) -> list[AgentFunction]:
    """List the agents that a call may reach."""
    return [one for one in reachable(fn) if isinstance(one, AgentFunction)]


def reachable(fn: Function) -> list[Function]:
    """List a Function and all that a call of it may reach."""
    found: dict[int, Function] = {}
    stack = [fn]
    while stack:
        one = stack.pop()
        if id(one) not in found:
            found[id(one)] = one
            stack.extend(one.uses)
    return list(found.values())
