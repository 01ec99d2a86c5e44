"""The daily cap of a notebook: counted over restarts, reserved before it is spent."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..core import bill
from ..core.errors import ArgumentError, BudgetError
from ..core.messages import ModelRequest, Spent, provider_name
from ..core.policy import Admit, Ask, Closed, Hold, Moment, Refuse, Replied, Verdict, WaitingOn
from ..runtime.threads.schedule import spawn
from .budgets import Price, sound

logger = logging.getLogger("netflux_nb.governance")

MOST_UNKNOWN = 50


@dataclass(frozen=True, slots=True)
class Paid:
    """The payments of one run in a day."""

    usd: float = 0.0
    requests: int = 0
    # The models whose price is not known: what they cost is not in `usd`.
    unknown: tuple[str, ...] = ()

    def plus(self, other: Paid) -> Paid:
        """Add what was paid beside it."""
        unknown = tuple(sorted({*self.unknown, *other.unknown}))[:MOST_UNKNOWN]
        return Paid(self.usd + other.usd, self.requests + other.requests, unknown)


@dataclass(frozen=True, slots=True)
class Day:
    """A day in the place where this runs: from when to when, in seconds since 1970."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Standing:
    """Today's spending, and the rest of the cap."""

    paid: Paid
    cap_usd: float | None

    @property
    def left_usd(self) -> float | None:
        """The money left for today; None where there is no cap."""
        return None if self.cap_usd is None else max(self.cap_usd - self.paid.usd, 0.0)

    def __str__(self) -> str:
        words = f"${self.paid.usd:,.4f} today"
        words += ", no cap" if self.cap_usd is None else f" of ${self.cap_usd:,.2f}"
        if self.paid.unknown:
            words += f"; price unknown: {', '.join(self.paid.unknown[:4])}"
        return words


class Cap:
    """Stops the next request to a model once a notebook has spent its money of the day.

    What other kernels and earlier ones spent is read from the record before the first request,
    so that a restart does not begin anew. A request reserves its estimate while it is in
    flight; one that does not fit waits for others, and is refused when there are none. A model
    without a known price is let through, and named.

    Args:
        usd: The cap; None or 0 for none.
        earlier: Gives what each run of this notebook paid since a moment, from the record.
        day: Gives the day that a moment is in.
        price: As of `Budget`. Else what is paid: the example prices of scripts take nothing.
        setting: What a person changes to raise it.
    """

    moments: frozenset[type] = frozenset({Admit, Ask, Replied, Closed})

    def __init__(
        self,
        usd: float | None = None,
        *,
        earlier: Callable[[float], Mapping[str, Paid]] = lambda start: {},
        day: Callable[[float], Day] = lambda now: Day(-math.inf, math.inf),
        price: Price | None = None,
        setting: str = "NETFLUX_CAP_USD",
    ) -> None:
        self.usd: float | None = None
        self.setting = setting
        self.limit(usd)
        self._earlier = earlier
        self._day_of = day
        self._cost = sound(price or bill.paid_price)
        self._lock = threading.Lock()  # guards all below
        self._day: Day | None = None
        # By run: what the record says, and what was seen here, which counts where both know.
        self._recorded: Mapping[str, Paid] = {}
        self._seen: dict[str, Paid] = {}
        self._reserved: dict[Any, float] = {}
        self._waiting: list[Callable[[], object]] = []
        self._is_reading = False

    def limit(self, usd: float | None) -> None:
        """Set the cap from now on; None or 0 for none."""
        if usd is not None and not (math.isfinite(usd) and usd >= 0):
            raise ArgumentError(f"A cap is an amount in USD from 0; got {usd!r}.")
        self.usd = usd or None

    def __call__(self, moment: Moment, /) -> Verdict:
        """Rule on a request, or take note of what it cost."""
        match moment:
            case Ask(node=node, request=request):
                return self._ask(node, request)
            case Replied(node=node, request=request, spent=spent):
                self._settle(node, request, spent)
            case Admit(node=node) if _is_driver(node):
                return self._admit(node)
            case Closed(node=node) if _is_driver(node):
                self._count(node)
            case _:
                pass
        return None

    def _ask(self, node: Any, request: ModelRequest) -> Verdict:
        if self.usd is None:
            return None
        now = node.runtime.clock()
        if not self._is_known(now):
            return self._being_counted(now)
        cost = self._cost(request.provider, request.model, bill.estimate(request).likely)
        if cost is None:
            return None  # it is named once it has an end
        with self._lock:
            paid, reserved = self._paid().usd, sum(self._reserved.values())
            if paid + reserved + cost <= self.usd:
                self._reserved[node] = cost
                return None
            if not self._reserved:
                return Refuse(self.refusal(f"{node.fn.name}()", cost, paid))
        return Hold(
            WaitingOn("budget", "money that other requests have reserved"),
            lambda go: self._wait(go),
        )

    def _admit(self, node: Any) -> Verdict:
        """Let a driver begin while there is money: it asks by itself, and tells only its count."""
        if self.usd is None:
            return None
        now = node.runtime.clock()
        if not self._is_known(now):
            return self._being_counted(now)
        with self._lock:
            paid = self._paid().usd
        return None if paid < self.usd else Refuse(self.refusal(f"{node.fn.name}()", None, paid))

    def _count(self, node: Any) -> None:
        usage = node.token_usage
        if node.served or usage is None or not usage.total:
            return
        name = provider_name(node.provider)
        paid = self.paid_for(Spent(name, getattr(node, "model", None), usage))
        run = _run_of(node)
        with self._lock:
            self._seen[run] = self._seen.get(run, Paid()).plus(paid)

    def _being_counted(self, now: float) -> Hold:
        # The record is read beside the loop: all agents run on it.
        return Hold(
            WaitingOn("budget", "what was spent today is being counted"),
            lambda go: self._read_beside(now, go),
        )

    def refusal(self, what: str, cost: float | None, paid: float) -> BudgetError:
        """Say why something is not begun, and what a person can do."""
        cap = self.usd or 0.0
        why = "does not say what it will cost" if cost is None else f"is taken to cost ${cost:,.4f}"
        return BudgetError(
            f"${paid:,.4f} of this notebook's ${cap:,.2f} for today are spent, and {what} "
            f"{why}. What was done is kept; `{self.setting}` raises the cap "
            f"(0: none)."
        )

    def _wait(self, go: Callable[[], object]) -> None:
        with self._lock:
            if self._reserved:
                self._waiting.append(go)
                return
        go()

    def _settle(self, node: Any, request: ModelRequest, spent: Spent | None) -> None:
        paid, run = Paid(), ""
        try:
            if spent is not None and not spent.served and spent.usage.total:
                paid = self.paid_for(spent, request.model)
                run = _run_of(node)
        finally:  # a price that fails must not hold up who waits
            now = node.runtime.clock()
            with self._lock:
                self._reserved.pop(node, None)
                if self._day is not None and now >= self._day.end:
                    self._seen.clear()  # of the day before
                if paid.requests:
                    self._seen[run] = self._seen.get(run, Paid()).plus(paid)
                waiting, self._waiting = self._waiting, []
            for go in waiting:
                go()

    def paid_for(self, spent: Spent, asked: str | None = None) -> Paid:
        """Price one request; `asked` is its model's name where its provider uses another."""
        cost = self._cost(spent.provider, spent.model, spent.usage)
        if cost is None and asked is not None:
            cost = self._cost(spent.provider, asked, spent.usage)
        if cost is None:
            name = provider_name(spent.provider)
            return Paid(0.0, 1, (f"{name}:{spent.model}" if spent.model else name,))
        return Paid(cost, 1)

    # What was spent before.

    def _is_known(self, now: float) -> bool:
        with self._lock:
            return self._day is not None and self._day.start <= now < self._day.end

    def _read_beside(self, now: float, go: Callable[[], object]) -> None:
        with self._lock:
            self._waiting.append(go)
            if self._is_reading:
                return
            self._is_reading = True

        def read() -> None:
            try:
                self.read(now)
            finally:
                with self._lock:
                    self._is_reading = False
                    waiting, self._waiting = self._waiting, []
                for each in waiting:
                    each()

        spawn(read, "netflux-cap", may_import=True)

    def read(self, now: float) -> None:
        """Read from the record what was spent today."""
        day = self._day_of(now)
        try:
            recorded = self._earlier(day.start)
        except BaseException:  # a record that cannot be read stops no work
            logger.exception("What was spent today could not be read from the record.")
            recorded = {}
        with self._lock:
            if self._day is not None and self._day.start != day.start:
                self._seen.clear()
            self._day, self._recorded = day, recorded

    def standing(self, now: float) -> Standing:
        """Say what was spent today and what is left, with what other kernels spent until now."""
        self.read(now)
        with self._lock:
            return Standing(self._paid(), self.usd)

    def _paid(self) -> Paid:
        total = Paid()
        for one in self._seen.values():
            total = total.plus(one)
        for run, one in self._recorded.items():
            if run not in self._seen:
                total = total.plus(one)
        return total

    def __repr__(self) -> str:
        return f"Cap({'none' if self.usd is None else f'{self.usd:g} USD a day'})"


def _is_driver(node: Any) -> bool:
    return node.fn.is_agent() and bool(node.is_driver)


def _run_of(node: Any) -> str:
    return node.runtime.run_name(node) or f"{id(node.runtime)}.{node.root_ancestor.id}"
