"""Usage of a run: tokens by kind, provider, model and Function, money, the served part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..core.bill import Bill, BillLine, Lines, add, bill_of, line_of
from ..core.messages import Spent, TokenUsage, provider_name
from ..core.views import NodeView
from .parts import look, tables
from .parts.charts import Series, bar, legend
from .parts.html import MOST_BYTES, Page, safe, sentence
from .parts.numbers import count, usd, used
from .parts.shown import Shown, in_markdown
from .parts.tables import Column
from .parts.values import line

# Models, and Functions, that have a row of their own.
MOST_ROWS = 20


# Middle tones that are told apart on light and dark, and by those who see no red.
KINDS = (
    Series("fresh in", look.BLUE, "█"),
    Series("from cache", look.SLATE, "▒"),
    Series("into cache", look.VIOLET, "▓"),
    Series("out", look.AMBER, "░"),
)


@dataclass(slots=True)
class Share:
    """The own usage of one Function in all its calls."""

    name: str
    calls: int = 0
    lines: Lines = field(default_factory=dict)


def by_function(view: NodeView) -> list[Share]:
    """Give what each Function used itself, what used most first."""
    shares: dict[str, Share] = {}
    for _, one in view.walk():
        share = shares.setdefault(one.fn.name, Share(one.fn.name))
        share.calls += 1
        for spent in one.requests:
            _count(share, spent)
        if one.usage is not None and not one.requests:  # a driver that counts itself
            add(share.lines, line_of(Spent(provider_name(one.provider), None, one.usage)))
    return _ordered(shares.values())


def _count(share: Share, spent: Spent) -> None:
    if spent.usage.total or spent.stop not in ("error", "canceled"):
        add(share.lines, line_of(spent))


def _ordered(shares: Iterable[Share]) -> list[Share]:
    found = [share for share in shares if share.lines]
    return sorted(found, key=lambda s: (-_total(bill_of(s.lines)), s.name))


def _total(bill: Bill) -> int:
    return bill.usage.total


def counts(usage: TokenUsage) -> tuple[int, ...]:
    """Give tokens by kind, in the order of `KINDS`."""
    return (
        usage.input_tokens_regular,
        usage.input_tokens_cache_read,
        usage.input_tokens_cache_write or 0,
        usage.output_tokens_total,
    )


def usage(view: NodeView, *, max_bytes: int = 30_000) -> Shown:
    """Show what a run used: by model and by Function, with bars."""
    return _together(by_function(view), view.fn.name, max_bytes)


def usage_of(
    calls: Iterable[tuple[str, str, Spent]], name: str, *, max_bytes: int = 30_000
) -> Shown:
    """Show what many calls used, each request with its Function and its call."""
    shares: dict[str, Share] = {}
    known: set[str] = set()
    for fn, call, spent in calls:
        share = shares.setdefault(fn, Share(fn))
        share.calls += call not in known
        known.add(call)
        _count(share, spent)
    return _together(_ordered(shares.values()), name, max_bytes)


def _together(shares: Sequence[Share], name: str, max_bytes: int) -> Shown:
    merged: Lines = {}
    for share in shares:
        for one in share.lines.values():
            add(merged, one)
    return _shown(bill_of(merged), shares, line(name, 64), max_bytes)


def bill(of: Bill, *, max_bytes: int = 30_000) -> Shown:
    """Show a bill: tokens and money by provider and model."""
    return _shown(of, (), "bill", max_bytes)


def _shown(of: Bill, shares: Sequence[Share], name: str, max_bytes: int) -> Shown:
    head = [f"{name}: {', '.join(_totals(of))}", *_notes(of)]
    if not of.lines:
        return Shown(f"{name}: no model answered", lambda: _nothing(name), "Usage")
    parts: list[tuple[tuple[str, ...], list[list[Any]]]] = [(_COLUMNS, _models(of))]
    if shares:
        parts.append((("Function", "calls", *_COLUMNS[1:]), _functions(shares)))
    parts = [_filled(titles, rows) for titles, rows in parts]
    texts = list(head)
    for titles, rows in parts:
        texts += ["", *tables.lines(rows[:MOST_ROWS], _columns(titles)), *_more(rows)]
    texts.append("  ".join(f"{kind.sign} {kind.name}" for kind in KINDS))

    def html() -> str:
        page = Page(min(max_bytes, MOST_BYTES))
        page.add(
            f"<p><b>{safe(head[0])}</b>{''.join(f'<br>{sentence(note)}' for note in head[1:])}</p>"
        )
        page.add(f"<p><small>{legend(KINDS)}</small></p>")
        for titles, rows in parts:
            tables.add(page, rows[:MOST_ROWS], _columns(titles), max(0, len(rows) - MOST_ROWS))
        return str(page)

    def markdown() -> Iterator[str]:
        yield from (f"{in_markdown(told)}  " for told in head)
        for titles, rows in parts:
            yield ""
            yield from tables.marked_down(rows[:MOST_ROWS], _columns(titles))
            yield from ["", *_more(rows)]
        yield "  ".join(f"{kind.sign} {kind.name}" for kind in KINDS)

    return Shown("\n".join(texts), html, "Usage", markdown=markdown)


def _filled(
    titles: tuple[str, ...], rows: list[list[Any]]
) -> tuple[tuple[str, ...], list[list[Any]]]:
    """Leave out the columns in which nothing stands."""
    kept = [n for n in range(len(titles)) if any(row[n] != "" for row in rows)]
    return tuple(titles[n] for n in kept), [[row[n] for n in kept] for row in rows]


def _nothing(name: str) -> str:
    return f"<p><b>{safe(name)}</b>: no model answered</p>"


def _more(rows: Sequence[Any]) -> list[str]:
    return [f"… {len(rows) - MOST_ROWS:,} more"] if len(rows) > MOST_ROWS else []


def _totals(of: Bill) -> list[str]:
    usage = of.usage
    found = [used(usage), usd(of.known_usd)]
    found.append(count(sum(one.requests for one in of.lines), "request"))
    if usage.output_tokens_reasoning:
        found.append(
            f"{usage.output_tokens_reasoning:,} of {usage.output_tokens_total:,} out thought"
        )
    return found


def _notes(of: Bill) -> list[str]:
    notes = []
    served = sum(one.served for one in of.lines)
    if served:
        notes.append(
            f"{count(served, 'request')} served from the record for $0.00, which would have cost "
            f"{usd(of.saved_usd)}."
        )
    if of.unknown:
        notes.append(f"Price unknown, and not in the sum: {line(', '.join(of.unknown), 200)}.")
    if of.usd or of.saved_usd:
        day = f" of {of.priced_on}" if of.priced_on else ""
        notes.append(f"Prices{day}: {line(of.source, 120)}.")
    return notes


_COLUMNS: tuple[str, ...] = (
    "model",
    "requests",
    "served",
    *(kind.name for kind in KINDS),
    "cost",
    "tokens",
)
_TEXTS = frozenset({"model", "Function", "tokens"})


def _columns(titles: Iterable[str]) -> list[Column]:
    return [Column(title, title not in _TEXTS) for title in titles]


def _models(of: Bill) -> list[list[Any]]:
    most = max((one.usage.total for one in of.lines), default=0)
    ordered = sorted(of.lines, key=lambda one: -one.usage.total)
    return [[line(_name(one), 48), *_amounts([one], most)] for one in ordered]


def _functions(shares: Sequence[Share]) -> list[list[Any]]:
    most = _total(bill_of(shares[0].lines)) if shares else 0
    return [
        [line(share.name, 48), share.calls, *_amounts(list(share.lines.values()), most)]
        for share in shares
    ]


def _amounts(lines: Sequence[BillLine], most: int) -> list[Any]:
    usage = TokenUsage()
    for one in lines:
        usage = usage + one.usage
    known = [one.usd for one in lines]
    cost = None if None in known else sum(amount or 0.0 for amount in known)
    served = sum(one.served for one in lines)
    requests = sum(one.requests for one in lines)
    some = counts(usage)
    told: list[Any] = [n or "" for n in some]
    if usage.unknown_requests and not usage.total:
        told = ["unknown"] * len(some)
    return [requests, served or "", *told, usd(cost), bar(zip(some, KINDS, strict=True), most)]


def _name(one: BillLine) -> str:
    return f"{one.provider}:{one.model}" if one.model else one.provider
