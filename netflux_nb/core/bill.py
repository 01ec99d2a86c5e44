"""Bills: tokens and money of requests by provider and model; an unknown price stays unknown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Protocol

from .functions.display import Displayed
from .messages import ModelRequest, Spent, TokenUsage
from .slots import Slot

# Nobody's models: scripts. Their prices are examples, which nobody pays.
EXAMPLE = "scripted"


class Prices(Protocol):
    """A table of prices."""

    @property
    def source(self) -> str:
        """Say whose prices these are, and of when."""
        ...

    def __call__(
        self, provider: str, model: str | None, usage: TokenUsage, time: float | None, /
    ) -> float | None:
        """Give the USD of one request at that time, or None where the table does not know."""
        ...


class _Unknown:
    source = "no price table"

    def __call__(
        self, provider: str, model: str | None, usage: TokenUsage, time: float | None, /
    ) -> float | None:
        return None


prices: Slot[Prices] = Slot(_Unknown())


def price(
    provider: str, model: str | None, usage: TokenUsage, time: float | None = None
) -> float | None:
    """Give the USD of one request, or None where its price, or what it used, is not known."""
    if usage.unknown_requests:
        return None
    return prices()(provider, model, usage, time)


def paid_price(
    provider: str, model: str | None, usage: TokenUsage, time: float | None = None
) -> float | None:
    """Price one request as it is paid for; a scripted example is free."""
    return 0.0 if provider == EXAMPLE else price(provider, model, usage, time)


# A token is three to five bytes of most texts; the middle is the estimate.
BYTES_PER_TOKEN = (5, 4, 3)
# A reply is hardly shorter; is taken to be so long while it is on its way; and no provider of ours
# lets one be longer that sets no `max_tokens`.
SHORT_REPLY, USUAL_REPLY, LONGEST_REPLY = 20, 1_000, 16_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """The estimated usage of a request, before it is sent."""

    low: TokenUsage
    likely: TokenUsage
    high: TokenUsage
    # Whether its settings say how long the answer may be.
    is_bounded: bool


def estimate(request: ModelRequest) -> Estimate:
    """Estimate what a request uses: of the bytes that are sent, and the answer that is allowed."""
    size = _bytes(request.system) + sum(map(_part_bytes, request.parts))
    for tool in request.tools:
        size += _bytes(tool.name) + _bytes(tool.desc) + _bytes(str(tool.schema))
    if request.result_schema is not None:
        size += _bytes(str(request.result_schema))
    allowed = request.settings.get("max_tokens")
    most = max(int(allowed), 0) if isinstance(allowed, int | float) else None
    replies = (
        (SHORT_REPLY, USUAL_REPLY, LONGEST_REPLY)
        if most is None
        else (min(SHORT_REPLY, most), most, most)
    )
    low, likely, high = (
        TokenUsage(
            input_tokens_regular=size // per,
            input_tokens_total=size // per,
            output_tokens_total=out,
        )
        for per, out in zip(BYTES_PER_TOKEN, replies, strict=True)
    )
    return Estimate(low, likely, high, most is not None)


def _part_bytes(part: object) -> int:
    for name in ("text", "content", "outputs", "args"):
        if (value := getattr(part, name, None)) is not None:
            return _bytes(value if isinstance(value, str) else str(value))
    return 0


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


@dataclass(frozen=True, slots=True)
class BillLine:
    """The usage and cost of one model of one provider.

    `usd` is None where no price is known. What came from a record is kept apart: `served`
    requests cost nothing now and would have cost `saved_usd`.
    """

    provider: str
    model: str | None
    requests: int = 0
    usage: TokenUsage = field(default_factory=TokenUsage, compare=False)
    usd: float | None = 0.0
    served: int = 0
    saved_usd: float | None = 0.0
    # When the newest of them ended: the day whose prices were taken.
    time: float | None = None

    def plus(self, other: BillLine) -> BillLine:
        """Add another line of the same model."""
        return replace(
            self,
            requests=self.requests + other.requests,
            usage=self.usage + other.usage,
            usd=_sum((self.usd, other.usd)),
            served=self.served + other.served,
            saved_usd=_sum((self.saved_usd, other.saved_usd)),
            time=max((t for t in (self.time, other.time) if t is not None), default=None),
        )


Lines = dict[tuple[str, str | None], BillLine]


def _sum(amounts: Iterable[float | None]) -> float | None:
    total = 0.0
    for amount in amounts:
        if amount is None:
            return None
        total += amount
    return total


def line_of(spent: Spent) -> BillLine:
    """Price one request. Each alone: long ones may have another price."""
    cost = price(spent.provider, spent.model, spent.usage, spent.time)
    if spent.served:
        return BillLine(spent.provider, spent.model, served=1, saved_usd=cost, time=spent.time)
    return BillLine(spent.provider, spent.model, 1, spent.usage, cost, time=spent.time)


def add(lines: Lines, line: BillLine) -> None:
    """Put a line into a bill that is being made."""
    key = (line.provider, line.model)
    known = lines.get(key)
    lines[key] = line if known is None else known.plus(line)


@dataclass(frozen=True, slots=True)
class Bill(Displayed):
    """The bill of a tree of calls: tokens and money by provider and model."""

    lines: tuple[BillLine, ...]
    source: str

    @property
    def usd(self) -> float:
        """The sum of what is known. `unknown` names what is not in it."""
        return sum(line.usd or 0.0 for line in self.lines)

    @property
    def known_usd(self) -> float | None:
        """The sum of what is known; None where nobody told what was used, and nothing is."""
        return None if self.usage.unknown_requests and not self.usd else self.usd

    @property
    def saved_usd(self) -> float:
        """The price of all served requests, as far as prices are known."""
        return sum(line.saved_usd or 0.0 for line in self.lines)

    @property
    def unknown(self) -> tuple[str, ...]:
        """The models that were asked and have no known price."""
        return tuple(_name(line) for line in self.lines if line.usd is None)

    @property
    def is_example(self) -> bool:
        """True where it costs something at the example prices of scripts, and nobody pays."""
        return self.usd > 0 and all(ln.provider == EXAMPLE for ln in self.lines if ln.usd != 0)

    @property
    def priced_on(self) -> str | None:
        """The day whose prices were taken, as `2026-11-21`."""
        times = [line.time for line in self.lines if line.time is not None]
        return datetime.fromtimestamp(max(times), UTC).date().isoformat() if times else None

    @property
    def usage(self) -> TokenUsage:
        """All tokens together."""
        total = TokenUsage()
        for line in self.lines:
            total = total + line.usage
        return total

    def __str__(self) -> str:
        rows = [
            f"{_name(line):<40} {line.requests:>6} requests "
            f"{line.usage.input_tokens_total:>12,} in {line.usage.output_tokens_total:>10,} out "
            f"{_usd(line.usd):>12}"
            for line in self.lines
        ]
        served = sum(line.served for line in self.lines)
        if served:
            rows.append(f"{served} served from a record would have cost {_usd(self.saved_usd)}")
        if self.unknown:
            rows.append(f"price unknown: {', '.join(self.unknown)}")
        if unknown := self.usage.unknown_requests:
            rows.append(f"tokens unknown of {unknown:,} requests")
        total = f"total {_usd(self.known_usd)}"
        if self.usd or self.saved_usd or self.unknown:
            on = f" of {self.priced_on}" if self.priced_on else ""
            total += f", prices{on}: {self.source}"
        rows.append(total)
        return "\n".join(rows)


def _name(line: BillLine) -> str:
    return f"{line.provider}:{line.model}" if line.model else line.provider


def _usd(amount: float | None) -> str:
    return "unknown" if amount is None else f"${amount:,.6f}".rstrip("0").rstrip(".")


def bill_of(lines: Mapping[tuple[str, str | None], BillLine]) -> Bill:
    """Make a bill of lines, in one order."""
    ordered = sorted(lines.values(), key=lambda line: (line.provider, line.model or ""))
    return Bill(tuple(ordered), prices().source)
