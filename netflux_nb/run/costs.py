"""What calls are likely to cost before they are made: a range, and where it is from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..core import bill
from ..core.converse import converse, tool_of
from ..core.functions import AgentFunction, Function
from ..core.messages import ModelRequest
from ..record.sql import spending
from ..runtime.agents import AgentNode
from ..runtime.calls import model_of
from ..runtime.context import RunContext
from ..session import default_runtime, flush, home

# Fewer calls than these say little of the next ones.
LEAST_CALLS = 3
# Of the calls before: the tenth part that cost least and most is left out.
SHARE = 0.1
# An agent that may call Functions asks again after each; this is a guess, and said to be one.
TURNS = 4
# First requests that are written to estimate what many calls cost.
SAMPLE = 20


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
    calls: int, costs: Sequence[spending.Cost], provider: str | None, model: str | None
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


def first_request(
    fn: AgentFunction, checked: Mapping[str, Any], asked: str | None = None
) -> ModelRequest:
    """Give the first request that a call would make, by the loop that would make it."""
    runtime = default_runtime()
    name, model = model_of(fn, asked, runtime.model)
    node = AgentNode(RunContext(runtime), 0, fn, dict(checked), None)
    talk = converse(
        fn,
        node_id=0,
        system=node.system_prompt(),
        user_text=node.build_user_text(),
        tools=tuple(map(tool_of, fn.uses)),
        provider=name,
        model=model,
        settings={**runtime.settings, **fn.settings},
    )
    step = talk.send(None)
    while not isinstance(step, ModelRequest):
        step = talk.send(None)
    talk.close()
    return step


# Calls, by who answers them.
Live = list[tuple[tuple[str, str | None] | None, list[dict[str, Any]]]]


def expected(fn: Function, live: Live) -> Range:
    """Give what calls are likely to cost: as such calls have cost, else by their tokens."""
    folder = home()
    costs: list[spending.Cost] = []
    if folder is not None and folder.is_dir():
        flush()
        costs = spending.costs_of(folder, fn.name)
    total = Range(0, 0.0, 0.0)
    for one, calls in live:
        provider, model = one or (None, None)
        found = from_history(len(calls), costs, provider, model)
        if found is None and isinstance(fn, AgentFunction):
            found = _estimated(fn, calls, provider, model)
        total = total.plus(found or Range(len(calls), None, None, "too few recorded calls of it"))
    return total


def _estimated(
    fn: AgentFunction, calls: Sequence[dict[str, Any]], provider: str | None, model: str | None
) -> Range:
    step = max(len(calls) // SAMPLE, 1)
    asked = f"{provider}:{model}" if model else provider
    requests = [first_request(fn, row, asked) for row in calls[::step][:SAMPLE]]
    return from_requests(len(calls), fn, requests)


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
