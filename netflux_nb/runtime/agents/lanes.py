"""The lane to a provider: its client, and its limits on concurrency and rate."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from ...core.errors import ArgumentError
from ...core.messages import Model

# Requests in flight at one provider, where `limits` says nothing.
DEFAULT_CONCURRENCY = 50


@dataclass(frozen=True, slots=True)
class Limit:
    """The limits that all agents of a provider share.

    Of `concurrency` requests at once, and of `requests_per_minute` and `tokens_per_minute`.

    Example:
        >>> Limit(concurrency=20, requests_per_minute=600).concurrency
        20
    """

    concurrency: int = DEFAULT_CONCURRENCY
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None

    def __post_init__(self) -> None:
        for name in ("concurrency", "requests_per_minute", "tokens_per_minute"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ArgumentError(f"Limit: {name} must be more than 0, got {value!r}.")


class Meter:
    """A share of each minute that fills steadily; it may be overdrawn, and then must refill."""

    def __init__(self, per_minute: float | None) -> None:
        self._rate = None if per_minute is None else per_minute / 60.0
        # A second's worth at once, at least one: a burst of a whole minute meets the limit.
        self._most = 0.0 if self._rate is None else max(1.0, self._rate)
        self._level = self._most
        self._seen: float | None = None

    def wait_s(self, now: float) -> float:
        """Say how long until there is something to take."""
        if self._rate is None:
            return 0.0
        if self._seen is not None:
            self._level = min(self._most, self._level + (now - self._seen) * self._rate)
        self._seen = now
        return 0.0 if self._level > 0 else (1e-3 - self._level) / self._rate

    def take(self, amount: float) -> None:
        """Use some of it."""
        if self._rate is not None:
            self._level -= amount


class Seat:
    """A model and how many requests are at it. One that was given up closes with the last."""

    def __init__(self, model: Model, *, is_ours: bool) -> None:
        self.model = model
        self.is_ours = is_ours
        self.users = 0
        self.is_retired = False

    async def close(self) -> None:
        """Close what we made, where it can be closed."""
        shut: Any = getattr(self.model, "close", None)
        if self.is_ours and shut is not None:
            await shut()


class Lane:
    """One provider as all agents of a runtime share it. Lives on the loop's thread.

    After a fault that says "too many", nobody is let through for as long as the provider
    asks, and half as many at once from then on; each answer lets in a little more again.
    """

    def __init__(
        self,
        limit: Limit,
        make: Callable[[], Model] | None,
        model: Model | None,
        clock: Callable[[], float],
        sleep: Callable[[float], Any],
    ) -> None:
        self._limit = limit
        self._make = make
        self._seat = None if model is None else Seat(model, is_ours=False)
        self._making: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._clock = clock
        self._sleep = sleep
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.Task[None] | None = None
        self._requests = Meter(limit.requests_per_minute)
        self._tokens = Meter(limit.tokens_per_minute)
        self._shut_until = 0.0
        self._allowed = float(limit.concurrency)
        self.in_flight = 0

    def ask_turn(self) -> asyncio.Future[None]:
        """Queue for a turn. The future is done when it is one's own; then call `leave`."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._pump()
        return turn

    def give_up(self, turn: asyncio.Future[None]) -> None:
        """Leave the queue, or give the turn back where it came just now."""
        if not turn.cancel() and not turn.cancelled():
            self.leave()

    def leave(self, tokens: int = 0, *, went_well: bool = False) -> None:
        """Give a turn back and say what it used."""
        self.in_flight -= 1
        self._tokens.take(max(tokens, 0))
        if went_well and self._allowed < self._limit.concurrency:
            self._allowed = min(self._limit.concurrency, self._allowed + 1 / self._allowed)
        self._pump()

    def back_off(self, seconds: float) -> None:
        """Let nobody through for a while, and fewer at once after it."""
        now = self._clock()
        if now >= self._shut_until:  # one fault of many that came together counts
            self._allowed = max(1.0, self._allowed / 2)
        self._shut_until = max(self._shut_until, now + seconds)
        self._pump()

    def _wait_s(self) -> float:
        now = self._clock()
        return max(
            self._shut_until - now, self._requests.wait_s(now), self._tokens.wait_s(now), 0.0
        )

    def _pump(self) -> None:
        while self._waiting:
            if self._waiting[0].done():  # somebody who left the queue
                self._waiting.popleft()
                continue
            if self.in_flight >= max(1, int(self._allowed)):
                return
            wait = self._wait_s()
            if wait > 0:
                if self._timer is None:
                    self._timer = asyncio.ensure_future(self._pump_after(wait))
                return
            self.in_flight += 1
            self._requests.take(1)
            self._waiting.popleft().set_result(None)

    async def _pump_after(self, seconds: float) -> None:
        try:
            await self._sleep(seconds)
        finally:
            self._timer = None
        self._pump()

    async def ready(self) -> None:
        """Wait for the model; made once, in a thread: an SDK takes a second to import."""
        if self._seat is None:
            if self._making is None:
                self._making = asyncio.ensure_future(self._made())
                # Whoever waited may have left: its failure is nobody's then.
                self._making.add_done_callback(lambda done: done.cancelled() or done.exception())
            await asyncio.shield(self._making)

    async def _made(self) -> None:
        assert self._make is not None
        try:
            self._seat = Seat(await asyncio.to_thread(self._make), is_ours=True)
        finally:
            self._making = None

    def sit(self) -> Seat | None:
        """Take a seat at the model, or None where it must be made first. Then call `rise`."""
        if self._seat is not None:
            self._seat.users += 1
        return self._seat

    def rise(self, seat: Seat, *, is_broken: bool = False) -> None:
        """Leave a seat; the last one to leave a retired one closes it.

        After a broken connection the next request has a new client made.
        """
        seat.users -= 1
        if is_broken and seat is self._seat and seat.is_ours:
            seat.is_retired = True
            self._seat = None
        if seat.is_retired and seat.users == 0:
            # Beside the work: a connection that is broken may take long to close.
            closing = asyncio.ensure_future(_closed(seat))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Close the client. Nobody asks any more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._seat is not None:
            await self._seat.close()


async def _closed(seat: Seat) -> None:
    with contextlib.suppress(Exception):  # it was broken before
        await seat.close()


Lanes = dict[str, Lane]


async def close_all(lanes: Lanes) -> None:
    """Close every client; one that fails does not keep the others open."""
    shut: list[Awaitable[None]] = [lane.close() for lane in lanes.values()]
    await asyncio.gather(*shut, return_exceptions=True)
