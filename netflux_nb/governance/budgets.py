"""Budgets of a tree, or of a whole runtime: calls, tokens, money, time."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..core import bill
from ..core.errors import ArgumentError, BudgetError
from ..core.messages import ModelRequest, Spent, TokenUsage
from ..core.policy import Admit, Ask, Closed, Hold, Moment, Refuse, Replied, Verdict, WaitingOn

Price = Callable[[str, str | None, TokenUsage], float | None]


def sound(price: Price) -> Price:
    """Give prices that can be summed: none is below 0, and one that is no number is unknown."""

    def cost(provider: str, model: str | None, usage: TokenUsage) -> float | None:
        usd = price(provider, model, usage)
        return None if usd is None or not math.isfinite(usd) else max(usd, 0.0)

    return cost


@dataclass(slots=True)
class Account:
    """Usage so far, and reservations for requests on their way."""

    calls: int = 0
    tokens: int = 0
    usd: float = 0.0
    started: float | None = None
    reserved: dict[int, tuple[int, float]] = field(default_factory=dict)
    waiting: list[Callable[[], object]] = field(default_factory=list)


class Budget:
    """Stops the next call that a tree (or, with `per="runtime"`, everything) cannot afford.

    A request reserves its estimate while it is in flight, so that a fan-out cannot
    overspend. One that does not fit waits for others to settle; when nothing is in
    flight it is refused. What was spent and done is kept.

    Args:
        calls: How many calls may be made.
        tokens: How many tokens requests may use.
        usd: What requests may cost.
        seconds: How long it may go on, from its first call.
        price: Gives the USD of a usage, None for unknown: `price(provider, model, usage)`.
            The maintained price table, where it is left out.
        per: "tree" or "runtime".

    Example:
        >>> Budget(calls=100, tokens=20_000)
        Budget(calls=100, tokens=20000, per='tree')
    """

    moments = frozenset({Admit, Ask, Replied, Closed})

    def __init__(
        self,
        *,
        calls: int | None = None,
        tokens: int | None = None,
        usd: float | None = None,
        seconds: float | None = None,
        price: Price | None = None,
        per: str = "tree",
    ) -> None:
        if per not in ("tree", "runtime"):
            raise ArgumentError(f"per is 'tree' or 'runtime', got {per!r}.")
        self.limits: dict[str, float] = {
            name: value
            for name, value in {
                "calls": calls,
                "tokens": tokens,
                "usd": usd,
                "seconds": seconds,
            }.items()
            if value is not None
        }
        self.per = per
        self._cost = sound(price or bill.price)
        self._counts_money = usd is not None
        self._lock = threading.Lock()  # guards the accounts
        self._accounts: dict[int, Account] = {}

    def account(self, node: Any) -> Account:
        """Give the account of a Node's tree, or of the runtime."""
        key = 0 if self.per == "runtime" else node.root_ancestor.id
        with self._lock:
            return self._accounts.setdefault(key, Account())

    def __call__(self, moment: Moment, /) -> Verdict:
        """Rule on a call or a request, or take note of what it used."""
        match moment:
            case Admit(node=node):
                return self._admit(node)
            case Ask(node=node, request=request):
                return self._ask(node, request)
            case Replied(node=node, request=request, spent=spent):
                self._settle(node, request, spent)
            case Closed(node=node) if node.parent is None and self.per == "tree":
                with self._lock:
                    self._accounts.pop(node.id, None)
            case _:
                pass
        return None

    def _admit(self, node: Any) -> Verdict:
        account, now = self.account(node), node.runtime.clock()
        with self._lock:
            if account.started is None:
                account.started = now
            spent = self._over(account, "seconds", now - account.started)
            spent = spent or self._over(account, "calls", account.calls + 1)
            if spent is None:
                account.calls += 1
        return None if spent is None else Refuse(self._error(node, spent))

    def _over(self, account: Account, name: str, value: float) -> tuple[str, float] | None:
        limit = self.limits.get(name)
        return (name, value) if limit is not None and value > limit else None

    def _ask(self, node: Any, request: ModelRequest) -> Verdict:
        tokens, usd = self._estimate(request)
        if usd is None:
            return Refuse(_unpriced(request))
        account, now = self.account(node), node.runtime.clock()
        with self._lock:
            held_tokens = sum(t for t, _ in account.reserved.values())
            held_usd = sum(u for _, u in account.reserved.values())
            started = account.started if account.started is not None else now
            spent = (
                self._over(account, "seconds", now - started)
                or self._over(account, "tokens", account.tokens + held_tokens + tokens)
                or self._over(account, "usd", account.usd + held_usd + usd)
            )
            if spent is None:
                account.reserved[node.id] = (tokens, usd)
                return None
            if not account.reserved or spent[0] == "seconds":
                return Refuse(self._error(node, spent))
        return Hold(
            WaitingOn("budget", f"{spent[0]} that other requests have reserved"),
            lambda go: self._wait(account, go),
        )

    def _wait(self, account: Account, go: Callable[[], object]) -> None:
        with self._lock:
            if account.reserved:
                account.waiting.append(go)
                return
        go()

    def _settle(self, node: Any, request: ModelRequest, spent: Spent | None) -> None:
        account = self.account(node)
        usage = spent.usage if spent is not None and not spent.served else TokenUsage()
        cost: float | None = None
        try:
            if self._counts_money and spent is not None and not spent.served:
                cost = self._cost(request.provider, spent.model, usage)
                if cost is None:  # a name that the provider uses for itself
                    cost = self._cost(request.provider, request.model, usage)
        finally:  # a price that fails must not hold up who waits
            with self._lock:
                reserved = account.reserved.pop(node.id, None)
                if reserved is not None:
                    tokens = usage.total
                    if usage.unknown_requests:  # nobody told: what was expected counts
                        tokens, cost = reserved
                    account.tokens += max(tokens, 0)
                    account.usd += cost or 0.0
                waiting, account.waiting = account.waiting, []
            for go in waiting:
                go()

    def _estimate(self, request: ModelRequest) -> tuple[int, float | None]:
        usage = bill.estimate(request).likely
        if not self._counts_money:
            return usage.total, 0.0
        return usage.total, self._cost(request.provider, request.model, usage)

    def _error(self, node: Any, spent: tuple[str, float]) -> BudgetError:
        name, value = spent
        limit = self.limits[name]
        whose = "this runtime" if self.per == "runtime" else "this tree"
        return BudgetError(
            f"The budget of {whose} allows {limit:,g} {name}; with {node.fn.name}() it would "
            f"be {value:,.6g}. What was done is kept; raise `{name}=` to go on."
        )

    def __repr__(self) -> str:
        shown = ", ".join(f"{k}={v}" for k, v in self.limits.items())
        return f"Budget({shown}, per={self.per!r})"


def _unpriced(request: ModelRequest) -> BudgetError:
    asked = f"{request.provider}:{request.model}" if request.model else request.provider
    return BudgetError(
        f"This budget is in USD, and no price is known for {asked}. Give `price=`, a function "
        f"of provider, model and usage, or limit `tokens=` instead."
    )
