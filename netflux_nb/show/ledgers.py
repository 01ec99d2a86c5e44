"""The ledger of non-determinism: what was free in a run, declared or not, held by a replay or not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..core.views import NodeView
from ..determinism.ledger import Ledger
from ..determinism.levels import SOURCES, Ceiling, Source
from ..record.sql import dataframes
from ..replay.free import ORIGINS, Free, FreeInputs
from .parts import look, tables
from .parts.headings import heading, sign_of
from .parts.headings import shape as draw_shape
from .parts.html import MOST_BYTES, Page, safe, sentence
from .parts.look import Sign
from .parts.numbers import count, is_stable, named, usd
from .parts.shown import Shown
from .parts.tables import Column, Drawn
from .parts.values import line

if TYPE_CHECKING:
    import pandas as pd

# Rows that are shown, and names in a row or a note.
MOST_ROWS = 60
MOST_NAMED = 6
# Of one source, so many are told one by one; more are one row for each way they stand.
MOST_OF_SOURCE = 12

COLUMNS = (
    *("run", "node", "path", "fn", "source", "kind", "what", "count", "served"),
    *("magnitude", "declared", "fault", "is_held", "why"),
)
_CLAIMS = ("served", "declared", "is_held")
_DTYPES = dict.fromkeys(COLUMNS, dataframes.TEXT) | {
    "count": dataframes.NUMBER,
    **dict.fromkeys(_CLAIMS, dataframes.CLAIM),
}


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """A row as it is shown: one `Free`, or many that stand alike."""

    one: Free
    # Of different Nodes, and of different things.
    count: int
    others: int = 0
    things: int = 1


class RunLedger(Shown):
    """What was free in a run: `rows`, the same as a DataFrame in `df`, the budget in `budget`."""

    def __init__(self, account: FreeInputs, view: NodeView, run: str, max_bytes: int) -> None:
        self.account = account
        self._run = run
        self._max_bytes = max_bytes
        self._view = view
        super().__init__("\n".join(self._words()), self._drawn, "Ledger")

    @property
    def rows(self) -> tuple[Free, ...]:
        """One row an input of a Node, in the order of the run."""
        return self.account.rows

    @property
    def budget(self) -> Ledger | None:
        """What was declared, and what of it was used; None where nothing was declared."""
        return self.account.ledger

    @property
    def df(self) -> pd.DataFrame:
        """One row an input of a Node: its source, whether declared, whether a replay holds it."""
        return dataframes.made([self._cells(one) for one in self.rows], _DTYPES)

    def _cells(self, one: Free) -> list[Any]:
        told = [self._run, one.key, one.path, one.fn, one.source, one.kind, one.what, one.count]
        return [*told, one.served, one.magnitude, one.declared, one.fault, one.is_held, one.why]

    def _facts(self) -> list[str]:
        by_source: Counter[str] = Counter()
        for one in self.rows:
            by_source[one.source] += one.count
        facts = [f"{by_source[name]:,} {name}" for name in ORIGINS if by_source[name]]
        served = sum(one.count for one in self.rows if one.served)
        lost = sum(one.count for one in self.rows if not one.is_held)
        wild = sum(one.count for one in self.rows if one.declared is False)
        if served:
            facts.append(f"{look.SERVED} {served:,} served")
        if wild:
            facts.append(f"{wild:,} not declared")
        if self.rows:
            facts.append(f"{lost:,} not held by a replay" if lost else "a replay holds all")
        return facts or ["nothing in it was free"]

    def _notes(self) -> list[str]:
        account = self.account
        notes = []
        if account.missing:
            names = ", ".join(line(name, 40) for name in account.missing[:MOST_NAMED])
            more = len(account.missing) - MOST_NAMED
            more_said = f" and {more:,} more" if more > 0 else ""
            notes.append(f"A replay must be given, in `inputs`: {names}{more_said}.")
        if account.served:
            calls = count(account.served, "call")
            notes.append(f"{calls} came from a record whole: what was free in it is told there.")
        if account.ledger is None and self.rows:
            notes.append("Nothing was declared: a `Determinism` policy, or a flow, has a budget.")
        if not account.is_recorded:
            notes.append("The run is not recorded: draws and answers in it are not known.")
        if account.ran:
            calls = count(account.ran, "call")
            notes.append(
                f"A replay runs code again ({calls}): what it takes but by `ctx`, such as "
                f"`time.time()`, is in no ledger."
            )
        return notes

    def _tables(self) -> list[tuple[list[list[Any]], list[Column], int]]:
        has_budget = self.account.ledger is not None
        lines = lines_of(self.rows)
        shown = [_told(one, has_budget=has_budget) for one in lines[:MOST_ROWS]]
        columns = [
            Column("source", is_short=True),
            Column("what"),
            Column("where"),
            Column("times", is_number=True),
            *([Column("declared")] if has_budget else []),
            Column("in a replay"),
        ]
        found = [(shown, columns, max(0, len(lines) - MOST_ROWS))] if shown else []
        if self.account.ledger is not None:
            found.append((_budget(self.account.ledger), _OF_BUDGET, 0))
        return found

    def _aside(self) -> str:
        seed = self.account.seed
        # It is another in each run, as a run's name is.
        told = [named(self._run), "" if seed is None or is_stable() else f"seed {seed}"]
        return line(" ".join(one for one in told if one), 120)

    def _words(self) -> list[str]:
        facts = ", ".join(self._facts())
        aside = self._aside()
        head = f"{sign_of(self._view).shape} {line(self._view.fn.name, 64)}: {facts}"
        words = [f"{head} ({aside})" if aside else head, *self._notes()]
        for rows, columns, hidden in self._tables():
            words += ["", *tables.lines(rows, columns)]
            if hidden:
                words.append(f"… {hidden:,} more rows in `.df`")
        return words

    def _drawn(self) -> str:
        page = Page(min(self._max_bytes, MOST_BYTES))
        name = safe(line(self._view.fn.name, 64))
        page.add(heading(sign_of(self._view), name, self._facts(), self._aside()))
        for note in self._notes():
            page.add(f"<p><small>{sentence(note)}</small></p>")
        for rows, columns, hidden in self._tables():
            tables.add(page, rows, columns, hidden)
        return str(page)


def ledger(
    account: FreeInputs, view: NodeView, *, run: str = "", max_bytes: int = 30_000
) -> RunLedger:
    """Show what was free in a run: what a replay cannot hold first.

    Args:
        account: What was free, and what was declared.
        view: The root of the tree.
        run: What the run is called in the record.
        max_bytes: Of the HTML; 200 kB is the most.
    """
    return RunLedger(account, view, run, max_bytes)


def lines_of(rows: Iterable[Free]) -> list[LedgerRow]:
    """Give rows as they are shown: what a replay cannot hold first, many that are alike as one."""
    by_source: dict[str, list[Free]] = {}
    for one in rows:
        by_source.setdefault(one.source, []).append(one)
    found = [
        each
        for ones in by_source.values()
        for each in (
            [LedgerRow(one, one.count) for one in ones]
            if len(ones) <= MOST_OF_SOURCE
            else _alike(ones)
        )
    ]
    order = {name: place for place, name in enumerate(ORIGINS)}
    return sorted(
        found,
        key=lambda each: (
            each.one.is_held,
            each.one.declared is not False,
            each.one.served,
            order[each.one.source],
        ),
    )


def _alike(rows: Iterable[Free]) -> list[LedgerRow]:
    """Put together what stands alike: by what it is, or all of a source where that is many too."""
    rows = list(rows)
    whats = {one.what for one in rows}
    is_many = len(whats) > MOST_OF_SOURCE
    groups: dict[tuple[Any, ...], list[Free]] = {}
    for one in rows:
        place = "" if is_many else one.what
        key = (place, one.served, one.declared, one.fault, one.why)
        groups.setdefault(key, []).append(one)
    return [
        LedgerRow(
            ones[0],
            sum(one.count for one in ones),
            others=len({one.key for one in ones}) - 1,
            things=len({one.what for one in ones}),
        )
        for ones in groups.values()
    ]


def _told(each: LedgerRow, *, has_budget: bool) -> list[Any]:
    one = each.one
    what = line(one.what, 48) + (f" and {each.things - 1:,} more" if each.things > 1 else "")
    where = line(one.path, 72) + (f" and {count(each.others, 'other Node')}" if each.others else "")
    told: list[Any] = [one.source, what, _code(where), each.count]
    if has_budget:
        told.append(_declared(one))
    return [*told, _held(one)]


def _code(words: str) -> Drawn:
    # A path has no spaces to break it at.
    return Drawn(f"<tt style=overflow-wrap:anywhere>{safe(words)}</tt>", words)


def _declared(one: Free) -> Drawn:
    if one.declared is None:
        return Drawn("", "")
    if one.declared:
        return _signed(f"yes: {one.fault}" if one.fault else "yes", "●", "s")
    return _signed(f"no: {one.fault}" if one.fault else "no", "✗", "e")


def _held(one: Free) -> Drawn:
    if one.why:
        return _signed(f"not held: {one.why}", "✗", "e")
    return _signed("held", "●", "s", f" {look.SERVED} served" if one.served else "")


def _signed(words: str, shape: str, letter: str, mark: str = "") -> Drawn:
    told = line(words, 160)
    drawn = draw_shape(Sign(shape, "", letter))
    return Drawn(f"{drawn} {safe(told)}<i>{safe(mark)}</i>", f"{shape} {told}{mark}")


_OF_BUDGET = [
    Column("budget of", is_short=True),
    Column("magnitudes", is_short=True),
    *(Column(title, is_number=True) for title in ("uses", "tokens", "money")),
    Column("when it is used up", is_short=True),
]


def _budget(kept: Ledger) -> list[list[Any]]:
    """Give what each source of a budget was allowed, and what of it was used."""
    budget = kept.budget
    used = {row.source for row in kept.report()}
    allowed = set() if budget is None else set(budget.allowed_sources)
    return [_of_source(kept, source) for source in SOURCES if source in used | allowed]


def _of_source(kept: Ledger, source: Source) -> list[Any]:
    budget, total = kept.budget, kept.total(source)
    tokens, money = total.tokens or "", "" if total.usd == 0 else usd(total.usd)
    if budget is None or source not in budget.allowed_sources:
        return [source, "none allowed", total.count, tokens, money, ""]
    bounds = budget.slice_of(source) or budget
    most = budget.ceiling_of(source) or Ceiling(source=source)
    action = most.exhaustion_action or budget.exhaustion_action
    return [
        source,
        f"{bounds.min_magnitude} to {bounds.max_magnitude}",
        _of(f"{total.count:,}", most.count is not None and f"{most.count:,}"),
        _of(f"{total.tokens:,}" if tokens else "", most.tokens is not None and f"{most.tokens:,}"),
        _of(money, most.usd is not None and usd(most.usd)),
        f"{action}: it was" if source in kept.actions else action,
    ]


def _of(used: str, most: str | bool) -> str:
    return f"{used or 0} of {most}" if most else used
