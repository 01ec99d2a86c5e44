"""The list of runs: start, Function, outcome, usage and cost."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from ..core.bill import price
from ..core.events import untagged
from ..core.messages import TokenUsage
from ..core.views import NodeState
from .parts import look
from .parts.numbers import moment, named, seconds, usd
from .parts.shown import Shown
from .parts.tables import Column, table
from .parts.values import call, line

# Newest first; the rest is a question for SQL.
MOST_RUNS = 20

_COLUMNS = (
    # Its place in the list: `runs[0]` is the newest.
    Column("runs", is_short=True),
    *map(Column, ("name", "when (UTC)", "what")),
    Column("state", is_short=True),
    *(Column(title, is_number=True) for title in ("time", "Nodes", "tokens", "cost", "served")),
)

Row = Mapping[Any, Any]


def history(runs: Iterable[Row], calls: Iterable[Row], *, count: int) -> Shown:
    """Show runs as a table.

    Args:
        runs: Rows of the view `runs`, the newest first.
        calls: Rows of the view `calls` of these runs.
        count: How many runs there are.
    """
    spent: dict[str, list[float | None]] = {}
    for one in calls:
        if not _number(one["served"]):
            spent.setdefault(str(one["run"]), []).append(cost_of(one))
    rows = [_row(n, one, spent.get(str(one["run"]), [])) for n, one in enumerate(runs)]
    return table(rows, _COLUMNS, count=count, title="" if rows else "There is no run yet.")


def _row(place: int, one: Row, costs: list[float | None]) -> list[Any]:
    cost = None if None in costs else sum(amount or 0.0 for amount in costs)
    at = _seconds(one["opened"])
    when = "" if at is None else moment(at).removesuffix(" UTC")
    served = _number(one["served"])
    return [
        f"[{place}]",
        named(str(one["run"])),
        when,
        f"{line(str(one['fn']), 40)}({_inputs(one['inputs'])})",
        _state(one),
        "" if _number(one["seconds"]) is None else seconds(_number(one["seconds"])),
        int(_number(one["nodes"]) or 0),
        int((_number(one["input_tokens"]) or 0) + (_number(one["output_tokens"]) or 0)),
        usd(cost) if costs else "",
        int(served) if served else "",
    ]


def _state(one: Row) -> str:
    known = NodeState.__members__.get(str(one["state"]))
    if known is None:
        return "?"
    return f"{look.STATES[known].shape} {known.value}"


def _inputs(text: Any) -> str:
    """Read the arguments of a stored call; what is no JSON of ours is left out."""
    try:
        forms = json.loads(text)
        held = {name: untagged(form.get("json", "…")) for name, form in list(forms.items())[:6]}
    except (TypeError, ValueError, AttributeError):
        return "…"
    return call(held, 40, 24)


def _seconds(moment: Any) -> float | None:
    # Missing is None, or NaT, which is not itself.
    return None if moment is None or moment != moment else float(moment.timestamp())


def _number(value: Any) -> float | None:
    # Missing is None, NaN or NA, as the frame has it.
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None


def cost_of(one: Row) -> float | None:
    """Price one request, a row of the view `calls`; None where no price is known."""
    used = used_by(one)
    if not used.total and isinstance(one["error"], str):
        return 0.0  # it failed before anything was used
    model = one["model"] if isinstance(one["model"], str) else None
    return price(str(one["provider"]), model, used, _seconds(one["time"]))


def used_by(one: Row) -> TokenUsage:
    """Give what one request used, a row of the view `calls`."""
    read, write, into, out, thought = (
        int(_number(one[f"{name}_tokens"]) or 0)
        for name in ("cache_read", "cache_write", "input", "output", "reasoning")
    )
    return TokenUsage(
        input_tokens_cache_read=read,
        input_tokens_cache_write=write,
        input_tokens_regular=max(into - read - write, 0),
        input_tokens_total=into,
        output_tokens_reasoning=thought,
        output_tokens_total=out,
    )
