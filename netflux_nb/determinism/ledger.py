"""The ledger of a run's variation, source by source, against what was declared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..core import events as ev
from ..core.bill import line_of
from ..core.messages import Spent
from .classes import DeterminismProfile, profile
from .levels import (
    LEVELS,
    MAGNITUDES,
    RANK,
    SOURCES,
    Action,
    Ceiling,
    EntropyBudget,
    Intent,
    Level,
    Magnitude,
    NonDeterminismViolationError,
    Slice,
    Source,
    checked,
    magnitude_of,
    source_of,
)

# Of a run that breaks its word a million times, this many are told one by one.
MOST_TOLD = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """Something that varies, before it is weighed."""

    source: Source
    magnitude: Magnitude
    kind: str = ""
    count: int = 1
    tokens: int = 0
    # None: it cost money, and nobody knows how much.
    usd: float | None = 0.0
    # What it costs is not known yet: a ceiling that is reached is then one too low.
    is_open: bool = False
    # What it will cost can be said at all.
    is_priced: bool = True

    def __post_init__(self) -> None:
        checked("A source", self.source, SOURCES)
        checked("A magnitude", self.magnitude, MAGNITUDES)


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One use as the ledger took it; `why` says what was not right with it."""

    use: Use
    authorised: bool = True
    why: str = ""


@dataclass(frozen=True, slots=True)
class UseFault:
    """A fault of a use. `action` is set where it exhausts a budget."""

    why: str
    action: Action | None = None


@dataclass(slots=True)
class Total:
    """A total. `usd` is None where a part of it is not known."""

    count: int = 0
    tokens: int = 0
    usd: float | None = 0.0

    def add(self, count: int, tokens: int, usd: float | None) -> None:
        """Add to it."""
        self.count += count
        self.tokens += tokens
        self.usd = None if self.usd is None or usd is None else self.usd + usd


@dataclass(frozen=True, slots=True)
class ReportLine:
    """One line of a report: an input that was free, and whether it was declared."""

    source: Source
    kind: str
    count: int
    tokens: int
    usd: float | None
    magnitude: Magnitude
    authorised: bool


_Place = tuple[Source, str, Magnitude, bool]


class Ledger:
    """The ledger of one run's variation: a million uses of a kind are one row.

    Args:
        budget: What may be used; without one, nothing may.
        intents: What the program says it uses.
        variance: No magnitude above this one, whatever the budget says.
        level: At "strict", nothing that was not authorised is recorded.

    Example:
        >>> ledger = Ledger(EntropyBudget(allowed_sources=["data"]), [Intent("retrieval")])
        >>> ledger.record("data", "low", kind="files").authorised
        True
        >>> [(row.source, row.count) for row in ledger.report()]
        [('data', 1)]
    """

    def __init__(
        self,
        budget: EntropyBudget | None = None,
        intents: Iterable[Intent] = (),
        *,
        variance: Magnitude | None = None,
        level: Level = "bounded",
    ) -> None:
        self.budget = budget
        self.intents = tuple(intents)
        self.variance: Magnitude | None = variance
        self.level: Level = level
        self.exhausted = False
        self.non_certifiable = False
        # Sources whose budget is used up, and what was to happen then.
        self.actions: dict[Source, Action] = {}
        self.faults: list[str] = []
        self._rows: dict[_Place, Total] = {}
        self._totals: dict[Source, Total] = {}

    def __len__(self) -> int:
        return sum(total.count for total in self._rows.values())

    @property
    def exhaustion_action(self) -> Action | None:
        """What is to happen when the budget is used up, or did when it was."""
        if self.actions:
            return next(reversed(self.actions.values()))
        return None if self.budget is None else self.budget.exhaustion_action

    def total(self, source: Source) -> Total:
        """Give what was used of a source so far."""
        return self._totals.setdefault(source, Total())

    def fault(self, use: Use) -> UseFault | None:
        """Say why a use does not fit what was declared, or None. Nothing is recorded."""
        budget = self.budget
        if budget is None:
            return UseFault("entropy budget must be declared before entropy is used")
        if not self.intents:
            return UseFault("entropy used without declared non-determinism intent")
        if self.variance is not None and RANK[use.magnitude] > RANK[self.variance]:
            return UseFault("entropy magnitude exceeds allowed variance class")
        if not any(intent.covers(use.source, use.magnitude) for intent in self.intents):
            return UseFault("entropy magnitude/source not declared in non-determinism intent")
        if use.source not in budget.allowed_sources:
            return UseFault("entropy source not allowed by policy")
        part = budget.slice_of(use.source)
        bounds = budget if part is None else part
        if RANK[use.magnitude] < RANK[bounds.min_magnitude]:
            return UseFault("entropy magnitude below declared budget minimum")
        if RANK[use.magnitude] > RANK[bounds.max_magnitude]:
            own = None if part is None else part.exhaustion_action
            why = "entropy magnitude exceeds declared budget"
            return UseFault(why, own or budget.exhaustion_action)
        return self._over(use, budget)

    def _over(self, use: Use, budget: EntropyBudget) -> UseFault | None:
        ceiling = budget.ceiling_of(use.source)
        if ceiling is None:
            return None
        total = self.total(use.source)
        why = ""
        if ceiling.count is not None and total.count + use.count > ceiling.count:
            why = f"of {ceiling.count:,} uses, {total.count:,} were made"
        elif ceiling.tokens is not None and (
            total.tokens + use.tokens + use.is_open > ceiling.tokens
        ):
            why = f"of {ceiling.tokens:,} tokens, {total.tokens + use.tokens:,} were used"
        elif ceiling.usd is not None:
            if total.usd is None or use.usd is None or not use.is_priced:
                why = f"of ${ceiling.usd:,g}, nobody knows how much was used"
            elif total.usd + use.usd > ceiling.usd or (use.is_open and total.usd >= ceiling.usd):
                why = f"of ${ceiling.usd:,g}, ${total.usd + use.usd:,.6g} were used"
        if not why:
            return None
        action = ceiling.exhaustion_action or budget.exhaustion_action
        return UseFault(f"entropy budget of {use.source} is used up: {why}", action)

    def record(
        self, source: Source, magnitude: Magnitude, *, authorised: bool = True, **more: Any
    ) -> LedgerEntry:
        """Take in a use that is as declared.

        Args:
            source: Where it comes from.
            magnitude: How strongly it varies, as declared.
            authorised: False for one that nobody allowed; level strict takes none.
            more: `kind`, `count`, `tokens`, `usd`.

        Raises:
            NonDeterminismViolationError: Where it is not, or where a budget that is used up
                says "halt". It is then not recorded.
        """
        if not authorised and self.level == "strict":
            raise NonDeterminismViolationError("strict determinism takes no unauthorised entropy")
        use = Use(source=source, magnitude=magnitude, **more)
        fault = self.fault(use)
        if fault is not None and fault.action is not None:
            self.exhaust(source, fault.action)
        if fault is not None and fault.action in (None, "halt"):
            raise NonDeterminismViolationError(fault.why)
        entry = LedgerEntry(use, authorised, "" if fault is None else fault.why)
        self._put(entry)
        return entry

    def observe(self, use: Use) -> LedgerEntry:
        """Take in a use that happened, whether it was declared or not."""
        fault = self.fault(use)
        if fault is None:
            entry = LedgerEntry(use)
        elif fault.action is None:
            entry = LedgerEntry(use, False, fault.why)
        else:
            self.exhaust(use.source, fault.action)
            entry = LedgerEntry(use, fault.action != "halt", fault.why)
        self._put(entry)
        return entry

    def settle(self, entry: LedgerEntry, tokens: int, usd: float | None) -> None:
        """Add what a use came to cost, now that it is known."""
        self._add(entry, 0, tokens, usd)
        if self.budget is None:
            return
        spent = Use(source=entry.use.source, magnitude=entry.use.magnitude, count=0)
        fault = self._over(spent, self.budget)
        if fault is not None and fault.action is not None:
            self.exhaust(entry.use.source, fault.action)

    def take_back(self, entry: LedgerEntry) -> None:
        """Forget a use that did not happen after all."""
        use = entry.use
        self._add(entry, -use.count, 0, 0.0)

    def exhaust(self, source: Source, action: Action) -> None:
        """Note that the budget of a source is used up."""
        self.exhausted = True
        self.actions.pop(source, None)  # the newest is the last
        self.actions[source] = action
        if action == "mark_non_certifiable":
            self.non_certifiable = True

    def _put(self, entry: LedgerEntry) -> None:
        if entry.why and len(self.faults) < MOST_TOLD:
            self.faults.append(f"{entry.use.kind or entry.use.source}: {entry.why}")
        self._add(entry, entry.use.count, entry.use.tokens, entry.use.usd)

    def _add(self, entry: LedgerEntry, count: int, tokens: int, usd: float | None) -> None:
        use = entry.use
        place = (use.source, use.kind, use.magnitude, entry.authorised)
        self._rows.setdefault(place, Total()).add(count, tokens, usd)
        self.total(use.source).add(count, tokens, usd)

    def report(self) -> tuple[ReportLine, ...]:
        """Give what was free in this run, one row a source, kind and magnitude."""
        return tuple(
            ReportLine(source, kind, t.count, t.tokens, t.usd, magnitude, authorised)
            for (source, kind, magnitude, authorised), t in sorted(self._rows.items())
            if t.count or t.tokens
        )

    def usage(self) -> tuple[tuple[Source, Magnitude], ...]:
        """Give each source and magnitude that was used, once."""
        return tuple(sorted({(row.source, row.magnitude) for row in self.report()}))

    def profile(self, acceptability: str = "exact_match") -> DeterminismProfile:
        """Sum up how far this run may be trusted to come out the same."""
        return profile(self.level, self.usage(), acceptability=acceptability, budget=self.budget)

    def __repr__(self) -> str:
        used = ", ".join(f"{row.kind or row.source}×{row.count}" for row in self.report()[:8])
        flags = " exhausted" * self.exhausted + " non-certifiable" * self.non_certifiable
        return f"<Ledger {used or 'empty'}{flags}>"


def ledger_of(
    events: Iterable[ev.Event],
    budget: EntropyBudget | None = None,
    intents: Iterable[Intent] = (),
    *,
    variance: Magnitude | None = None,
    level: Level = "bounded",
    magnitudes: Mapping[str, Magnitude] | None = None,
    counts_served: bool = False,
) -> Ledger:
    """Judge a recorded run by its events, without running anything.

    What came from a record was not free and is not counted, unless the run is compared with
    the one that it came from. Nothing is refused: a use that would have been stands in a row
    that is not authorised.
    """
    ledger = Ledger(budget, intents, variance=variance, level=level)
    reader = _Reader(ledger, magnitudes or {}, counts_served)
    for event in events:
        reader.take(event)
    reader.end()
    return ledger


def declared_in(told: Any) -> tuple[Ledger | None, dict[str, Magnitude]]:
    """Read what a run declared, and its magnitudes of kinds; None where it declared nothing.

    It may stand in a record that anybody wrote: what is no declaration is none.
    """
    first = told[0] if isinstance(told, list | tuple) and told else told
    if not isinstance(first, Mapping):
        return None, {}
    try:
        budget = first.get("budget")
        level, variance = first.get("level", "bounded"), first.get("variance")
        checked("A level", level, LEVELS)
        if variance is not None:
            checked("A variance class", variance, MAGNITUDES)
        intents = [Intent(**one) for one in first.get("intents", ())]
        magnitudes = dict(first.get("magnitudes", {}))
        for size in magnitudes.values():
            checked("A magnitude", size, MAGNITUDES)
        made = None if budget is None else _budget_of(budget)
    except (TypeError, ValueError, AttributeError):
        return None, {}
    return Ledger(made, intents, variance=variance, level=level), magnitudes


def _budget_of(told: Mapping[str, Any]) -> EntropyBudget:
    given = dict(told)
    parts = [Slice(**one) for one in given.pop("per_source", ())]
    ceilings = [Ceiling(**one) for one in given.pop("ceilings", ())]
    return EntropyBudget(**given, per_source=parts, ceilings=ceilings)


class _Reader:
    """Finds in events what varied."""

    def __init__(
        self, ledger: Ledger, magnitudes: Mapping[str, Magnitude], counts_served: bool
    ) -> None:
        self._ledger = ledger
        self._magnitudes = magnitudes
        self._counts_served = counts_served
        # The effects of Nodes: one that is served does not begin it.
        self._effects: dict[int, str] = {}
        # Nodes that asked a model and have no answer yet: it was asked all the same.
        self._open: dict[int, None] = {}
        # Nodes that are a question to a person: their answer is that question's.
        self._asking: set[int] = set()
        self._counted: set[int] = set()

    def take(self, event: ev.Event) -> None:
        node = event.node_id
        match event.body:
            case ev.NodeOpened(fn=fn) if fn.effect is not None:
                self._effects[node] = fn.effect
            case ev.NodeServed() if self._counts_served and node in self._effects:
                self._use(self._effects[node])
            case ev.EffectStarted(kind=kind):
                if source_of(kind) == "human_input":
                    self._asking.add(node)
                self._use(kind)
            case ev.RequestStarted():
                self._counted.add(node)
                self._open[node] = None
            case ev.RequestEnded(spent=spent):
                self._counted.add(node)
                self._open.pop(node, None)
                self._ended(spent)
            case ev.UsageSet(usage=usage) if node not in self._counted:
                self._counted.add(node)  # a driver that counts itself
                self._use("llm", tokens=usage.total, usd=None if usage.total else 0.0)
            case ev.Drawn(kind=kind, served=served) if self._counts_served or not served:
                self._use(kind)
            case ev.Answered() if node not in self._asking:
                self._use("human")
            case _:
                pass

    def end(self) -> None:
        for _ in self._open:
            self._use("llm")

    def _ended(self, spent: Spent) -> None:
        if self._counts_served or not spent.served:
            self._use("llm", **cost_of(spent))

    def _use(self, kind: str, **cost: Any) -> None:
        self._ledger.observe(use_of(kind, self._magnitudes, **cost))


def use_of(kind: str, magnitudes: Mapping[str, Magnitude], **more: Any) -> Use:
    """Give the use that an effect or a draw of a kind is."""
    size = magnitudes.get(kind) or magnitude_of(kind)
    return Use(source=source_of(kind), magnitude=size, kind=kind[:80], **more)


def cost_of(spent: Spent) -> dict[str, Any]:
    """Give what a request cost: tokens, and money where its price is known."""
    return {"tokens": spent.usage.total, "usd": line_of(spent).usd}
