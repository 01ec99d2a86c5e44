"""Charts over runs: money, tokens, latency and failures by day, Function or model."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from ..core.errors import ArgumentError
from ..record.sql import dataframes, trends
from ..record.sql.trends import BYS, By
from ..show import figures
from ..show.histories import cost_of, used_by
from ..show.parts import charts, look, tables
from ..show.parts.charts import Series
from ..show.parts.html import MOST_BYTES, Page, block, folded, safe, sentence
from ..show.parts.numbers import NO_TIME, count, is_stable, seconds, usd
from ..show.parts.shown import Shown
from ..show.parts.tables import Column
from ..show.parts.values import line
from ..show.usages import KINDS, counts

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

Of = Literal["cost", "tokens", "latency", "errors"]
OFS: tuple[Of, ...] = get_args(Of)
# Days in a chart, the newest; bars; classes of errors that have a colour of their own.
MOST_DAYS, MOST_BARS, MOST_CLASSES = 60, 20, 3

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_BY: Mapping[By, str] = {"day": "day", "fn": "Function", "model": "model"}
_OF: Mapping[Of, str] = {
    "cost": "Cost",
    "tokens": "Tokens",
    "latency": "Latency",
    "errors": "Errors",
}
_COST = (Series("cost", look.BLUE, "█"),)
_LATENCY = (Series("p50", look.BLUE, "█"), Series("p95", look.AMBER, "░"))
_CLASSES = (
    *((look.AMBER, "█"), (look.VIOLET, "▓"), (look.BLUE, "▒")),
    (look.GRAY, "░"),
)

Values = tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The numbers of a chart: for each day, Function or model one of each series."""

    of: Of
    by: By
    series: tuple[Series, ...]
    rows: Mapping[str, Values]
    # Each class of errors by itself, and requests behind a latency, for `.df`.
    single: Sequence[tuple[str, str, int]] = ()
    notes: tuple[str, ...] = ()


class Chart(Shown):
    """A chart over runs: text, HTML without script, the numbers in `df`, a figure for a paper."""

    def __init__(self, found: Found, whose: str, max_bytes: int = 30_000) -> None:
        self.found = found
        self._whose = line(whose, 80)
        self._max_bytes = max_bytes
        self._labels, self._rows, self._hidden = _shown(found)
        self._series = tuple(
            replace(one, name=line(one.name, 48), values=tuple(row[n] for row in self._rows))
            for n, one in enumerate(found.series)
        )
        super().__init__("\n".join(self._words()), self._drawn, "Chart")

    @property
    def df(self) -> pd.DataFrame:
        """A row for each day, Function or model: all of them; of errors one for each class too."""
        found = self.found
        if found.of == "errors":
            kinds = {
                found.by: dataframes.TEXT,
                "error": dataframes.TEXT,
                "count": dataframes.NUMBER,
            }
            return self._typed([list(one) for one in found.single], kinds)
        names = [one.name.replace(" ", "_") for one in found.series]
        kind = dataframes.NUMBER if found.of == "tokens" else dataframes.SHARE
        kinds = {found.by: dataframes.TEXT, **dict.fromkeys(names, kind)}
        rows: list[list[Any]] = [[key, *values] for key, values in found.rows.items()]
        if found.of == "latency":
            kinds["requests"] = dataframes.NUMBER
            asked = {key: n for key, _, n in found.single}
            rows = [[*row, asked[row[0]]] for row in rows]
        return self._typed(rows, kinds)

    def _typed(self, rows: list[list[Any]], kinds: dict[str, str]) -> pd.DataFrame:
        if self.found.by == "day":
            rows = sorted(rows, key=lambda row: str(row[0]))
            kinds["day"] = dataframes.TIME
        return dataframes.made(rows, kinds)

    def figure(self) -> Figure:
        """Draw it with matplotlib, for a paper. Needs the extra `figures`."""
        is_lines = self.found.of == "latency"
        unit = {"cost": "USD", "latency": "seconds", "errors": "failures"}.get(self.found.of)
        return figures.chart_figure(
            self._title,
            self._labels,
            self._series,
            unit=unit or "tokens",
            is_by_day=self.found.by == "day",
            is_stacked=not is_lines,
        )

    @property
    def _title(self) -> str:
        return f"{_OF[self.found.of]} by {_BY[self.found.by]}"

    @property
    def _is_empty(self) -> bool:
        return not any(v for values in self.found.rows.values() for v in values)

    def _unit(self, value: float | None) -> str:
        if value is None:
            return ""
        match self.found.of:
            case "cost":
                return usd(value)
            case "latency":
                return seconds(value)
            case _:
                return f"{value:,.0f}"

    def _facts(self) -> list[str]:
        facts = [self._whose]
        rows = self.found.rows.values()
        if self.found.of != "latency":
            total = math.fsum(v or 0.0 for values in rows for v in values)
            facts.append(f"{self._unit(total)} in all")
        days = self._days
        if days and not is_stable():
            facts.append(f"{days[0].isoformat()} to {days[-1].isoformat()}")
        return facts

    @property
    def _days(self) -> list[date]:
        return _window(self.found.rows) if self.found.by == "day" else []

    def _notes(self) -> list[str]:
        notes = list(self.found.notes)
        if self._hidden:
            what = "earlier day" if self.found.by == "day" else _BY[self.found.by]
            notes.append(f"… {count(self._hidden, f'more {what}')}, in `.df`.")
        return notes

    def _numbers(self) -> tuple[list[list[Any]], list[Column]]:
        """Give the numbers as a table, each row with its bar."""
        # Where times are left out, a bar does not tell them.
        is_masked = self.found.of == "latency" and is_stable()
        rows = [tuple(1.0 if v else v for v in row) if is_masked else row for row in self._rows]
        bars = [_stacked(self.found.of, row) for row in rows]
        most = max((math.fsum(one) for one in bars), default=0.0)
        told = [
            [
                label,
                charts.bar(zip(each, self._series, strict=True), most),
                *(self._unit(v) for v in row),
            ]
            for label, row, each in zip(self._labels, self._rows, bars, strict=True)
        ]
        names = [Column(one.name, is_number=True) for one in self._series]
        return told, [
            Column(_BY[self.found.by], is_short=True),
            Column("Bar", is_short=True),
            *names,
        ]

    def _empty(self) -> str:
        if self.found.of == "errors":
            return f"{self._title}: nothing failed in {self._whose}."
        done = "no model was paid" if self.found.of == "cost" else "no model answered"
        return (
            f"{self._title}: {done} in {self._whose} yet. Call an agent, then ask again; "
            f"`runs.all.chart()`, or `%nf chart --all`, is of the whole folder."
        )

    def _legend(self) -> str:
        """Name the series, and how far a drawing without words goes; nothing where it is clear."""
        if self.found.by != "day":
            return charts.legend(self._series) if len(self._series) > 1 else ""
        # Columns and lines have their colour alone.
        told = charts.legend(replace(one, sign="■") for one in self._series)
        is_lines = self.found.of == "latency"
        if not is_lines and len(self._rows) <= charts.MOST_WORDED:
            return told if len(self._series) > 1 else ""
        tops = [max(v or 0.0 for v in row) if is_lines else _sum(row) for row in self._rows]
        return f"{told} 0 to {safe(self._unit(max(tops)))}"

    def _words(self) -> list[str]:
        if self._is_empty:
            return [self._empty(), *self.found.notes]
        rows, columns = self._numbers()
        words = [f"{self._title}: {', '.join(self._facts())}", *self._notes(), ""]
        words += tables.lines(rows, columns)
        if len(self._series) > 1:
            words.append("  ".join(f"{one.sign} {one.name}" for one in self._series))
        return words

    def _drawn(self) -> str:
        page = Page(min(self._max_bytes, MOST_BYTES))
        if self._is_empty:
            for words in (self._empty(), *self.found.notes):
                page.add(f"<p>{sentence(words)}</p>")
            return str(page)
        facts = "".join(f" · {safe(fact)}" for fact in self._facts())
        page.add(f"<p><b>{safe(self._title)}</b>{facts}</p>")
        for note in self._notes():
            page.add(f"<p><small>{sentence(note)}</small></p>")
        if legend := self._legend():
            page.add(f"<p><small>{legend}</small></p>")
        rows, columns = self._numbers()
        if self.found.by != "day":
            tables.add(page, rows, columns)
            return str(page)
        draw = charts.lines if self.found.of == "latency" else charts.columns
        if not (self.found.of == "latency" and is_stable()):
            page.add(draw(self._labels, self._series, self._unit))
        # Last, and folded: where styles are taken away, a chart is to be read there.
        page.add(folded("<small>numbers</small>", _table(rows, columns, page.left)))
        return str(page)


def _table(rows: Sequence[Sequence[Any]], columns: Sequence[Column], room: int) -> str:
    """Give the numbers without their bars; many take less room as text."""
    cells, heads = [[row[0], *row[2:]] for row in rows], [columns[0], *columns[2:]]
    if len(cells) > charts.MOST_JOINED:
        return block("\n".join(tables.lines(cells, heads)))
    inner = Page(room)
    tables.add(inner, cells, heads)
    return str(inner)


def _stacked(of: Of, row: Values) -> list[float]:
    """Give the pieces of a bar: of a latency the median, and what the slowest take longer."""
    values = [v or 0.0 for v in row]
    return [values[0], max(values[1] - values[0], 0.0)] if of == "latency" else values


def _shown(found: Found) -> tuple[list[str], list[Values], int]:
    """Give labels and numbers of what is shown, and how much is not."""
    if found.by != "day":
        weight = (lambda row: row[-1] or 0.0) if found.of == "latency" else _sum
        ordered = sorted(found.rows.items(), key=lambda pair: (-weight(pair[1]), pair[0]))
        kept = ordered[:MOST_BARS]
        return [line(k, 40) for k, _ in kept], [row for _, row in kept], len(ordered) - len(kept)
    if is_stable() and found.rows:
        # All days are one: on which they fell is another from time to time.
        sums = tuple(
            math.fsum(v or 0.0 for v in each) for each in zip(*found.rows.values(), strict=True)
        )
        return [NO_TIME], [sums], 0
    days = _window(found.rows)
    none: Values = tuple(None if found.of == "latency" else 0.0 for _ in found.series)
    rows = [found.rows.get(day.isoformat(), none) for day in days]
    kept_days = {day.isoformat() for day in days}
    labels = [f"{day.day} {_MONTHS[day.month - 1]}" for day in days]
    return labels, rows, len(found.rows.keys() - kept_days)


def _sum(row: Values) -> float:
    return math.fsum(v or 0.0 for v in row)


def _window(rows: Mapping[str, Values]) -> list[date]:
    """Give the days up to the newest, from the oldest that is not too far back."""
    known = sorted(date.fromisoformat(day) for day in rows)
    if not known:
        return []
    first = max(known[0].toordinal(), known[-1].toordinal() - MOST_DAYS + 1)
    start = date.fromordinal(first)
    return [start + timedelta(n) for n in range(known[-1].toordinal() - first + 1)]


def chart(folder: Path, notebook: str | None, by: By, of: Of) -> Chart:
    """Ask the record, and draw it.

    Args:
        folder: Where the runs are recorded.
        notebook: Whose runs; None for those of the whole folder.
        by: "day", "fn" or "model".
        of: "cost", "tokens", "latency" or "errors".
    """
    for what, value, known in (("by", by, BYS), ("of", of, OFS)):
        if value not in known:
            raise ArgumentError(f"{what}= is one of {', '.join(known)}; got {str(value)[:80]!r}.")
    whose = "all runs" if notebook is None else f"runs of {line(Path(notebook).name, 64)}"
    match of:
        case "latency":
            found = _latency(folder, notebook, by)
        case "errors":
            found = _errors(folder, notebook, by)
        case _:
            found = _used(folder, notebook, by, of)
    return Chart(found, whose)


def _used(folder: Path, notebook: str | None, by: By, of: Of) -> Found:
    series = _COST if of == "cost" else KINDS
    sums: dict[str, list[float]] = {}
    unknown = Counter[str]()
    for one in trends.requests(folder, notebook, by):
        key, times = str(one["place"]), int(one["number"])
        if not _is_key(by, key):
            continue
        usage = used_by(one)
        if of == "tokens":
            amounts: Sequence[float] = counts(usage)
        else:
            cost = cost_of(one)
            if cost is None:
                unknown[_named(one)] += times
            amounts = [cost or 0.0]
        row = sums.setdefault(key, [0.0] * len(series))
        for n, amount in enumerate(amounts):
            row[n] += amount * times
    notes: tuple[str, ...] = ()
    if unknown:
        names = ", ".join(line(name, 48) for name, _ in unknown.most_common(4))
        more = f" and {len(unknown) - 4:,} more" if len(unknown) > 4 else ""
        asked = count(unknown.total(), "request")
        notes = (f"Price unknown, and not in the sum: {asked} to {names}{more}.",)
    return Found(
        of=of,
        by=by,
        series=series,
        rows={key: tuple(row) for key, row in sums.items() if any(row)},
        notes=notes,
    )


def _named(one: Mapping[str, Any]) -> str:
    model = one["model"]
    return f"{one['provider']}:{model}" if isinstance(model, str) else str(one["provider"])


def _latency(folder: Path, notebook: str | None, by: By) -> Found:
    asked = [one for one in trends.latencies(folder, notebook, by) if _is_key(by, str(one[0]))]
    return Found(
        of="latency",
        by=by,
        series=_LATENCY,
        rows={str(key): (p50, p95) for key, p50, p95, _ in asked},
        single=[(str(key), "", int(n)) for key, _, _, n in asked],
    )


def _errors(folder: Path, notebook: str | None, by: By) -> Found:
    told = [
        (str(key), line(str(kind), 48), int(n))
        for key, kind, n in trends.failures(folder, notebook, by)
        if _is_key(by, str(key))
    ]
    classes = Counter[str]()
    for _, kind, n in told:
        classes[kind] += n
    named = [kind for kind, _ in sorted(classes.items(), key=lambda one: (-one[1], one[0]))]
    kept = named[:MOST_CLASSES]
    names = [*kept, *(["other"] if len(named) > len(kept) else [])]
    inks = [*_CLASSES[: len(kept)], _CLASSES[-1]][: len(names)]
    series = tuple(Series(n, *how) for n, how in zip(names, inks, strict=True))
    rows: dict[str, list[float]] = {}
    for key, kind, n in told:
        place = kept.index(kind) if kind in kept else len(kept)
        rows.setdefault(key, [0.0] * len(names))[place] += n
    told.sort()
    return Found(
        of="errors",
        by=by,
        series=series,
        rows={key: tuple(row) for key, row in rows.items()},
        single=told,
    )


def _is_key(by: By, key: str) -> bool:
    """Leave out a day that is none: a line of a record may claim any time."""
    if by != "day":
        return True
    try:
        date.fromisoformat(key)
    except ValueError:
        return False
    return len(key) == 10
