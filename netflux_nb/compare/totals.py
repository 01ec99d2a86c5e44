"""Tokens, money, time and effects of a Node, and of a whole tree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from ..core.bill import BillLine, line_of
from ..core.json.portable import RecordedFunction
from ..core.messages import Spent, provider_name
from ..core.views import NodeView


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """Usage. `usd` is None where a price is not known; served requests cost nothing."""

    count: int = 0
    tokens: int = 0
    usd: float | None = 0.0
    seconds: float | None = None
    served: int = 0


def amounts(view: NodeView) -> Amounts:
    """Sum up one Node's own usage. Its time includes the calls below."""
    return replace(_sum(_lines(view)), seconds=_seconds(view))


def totals(view: NodeView) -> Amounts:
    """Sum up the usage of a whole tree."""
    return replace(_sum(view.bill().lines), seconds=_seconds(view))


def kinds(view: NodeView, classes: Mapping[str, str]) -> dict[str, Amounts]:
    """Give a tree's requests by model, and its effects by name."""
    lines: dict[str, list[BillLine]] = {}
    for _, one in view.walk():
        for line in _lines(one):
            name = f"model {line.provider}{f':{line.model}' if line.model else ''}"
            lines.setdefault(name, []).append(line)
        effect = class_of(one, classes)
        if effect not in (None, "model", "deterministic"):
            served = int(one.served)
            line = BillLine("", None, requests=1 - served, served=served)
            lines.setdefault(f"effect {effect}", []).append(line)
    return {kind: _sum(of_kind) for kind, of_kind in lines.items()}


def class_of(view: NodeView, classes: Mapping[str, str]) -> str | None:
    """Say how a Node's Function may vary; None where a record does not say."""
    known = classes.get(str(view.key)) if view.key else None
    if known is not None:
        return known
    if view.fn.is_agent():
        return "model"
    if view.fn.effect is not None:
        return view.fn.effect
    # A Function that is known by name only cannot say that it has no effect.
    return None if is_recorded(view) else "deterministic"


def is_recorded(view: NodeView) -> bool:
    """True for a view that was read back: its values went through JSON."""
    return isinstance(view.fn, RecordedFunction)


def _lines(view: NodeView) -> list[BillLine]:
    lines = [line_of(spent) for spent in view.requests]
    if view.usage is not None and not view.requests:  # a driver that counts itself
        lines.append(line_of(Spent(provider_name(view.provider), None, view.usage)))
    return lines


def _sum(lines: Iterable[BillLine]) -> Amounts:
    count = tokens = served = 0
    usd: float | None = 0.0
    for line in lines:
        count += line.requests + line.served
        served += line.served
        tokens += line.usage.total
        usd = None if usd is None or line.usd is None else usd + line.usd
    return Amounts(count=count, tokens=tokens, usd=usd, served=served)


def _seconds(view: NodeView) -> float | None:
    began, ended = view.started_at, view.ended_at
    # A stored time may be anything.
    if not isinstance(began, (int, float)) or not isinstance(ended, (int, float)):
        return None
    return ended - began
