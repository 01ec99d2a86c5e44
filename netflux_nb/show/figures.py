"""Figures for a paper, with matplotlib: a run's timeline and what it used."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..core.bill import bill_of
from ..core.errors import NoKeyError
from ..core.views import NodeView
from .parts.charts import Series
from .parts.numbers import seconds
from .parts.outline import Row, outline
from .parts.values import line
from .timelines import COLOURS, Times, pieces, times
from .usages import KINDS, by_function, counts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_ROWS = 40
# Below a chart, side by side.
MOST_DAYS_NAMED = 10
# Matplotlib knows no CSS colour with a share of light.
_CALLED = "#cccccc"


def timeline_figure(view: NodeView, *, most_rows: int = MOST_ROWS) -> Figure:
    """Draw when each Node waited, asked a model, ran code."""
    left = [most_rows]

    def take(row: Row) -> bool:
        left[0] -= 1
        return left[0] >= 0

    rows = list(outline(view, take).rows())
    figure = _figure(8, 0.6 + 0.22 * len(rows))
    axes = figure.add_subplot()
    whole = times(view)
    if whole is not None:
        for place, row in enumerate(rows):
            _add_bar(axes, place, row.view, whole)
    axes.set_yticks(range(len(rows)), [_plain("  " * r.level + r.segment, 40) for r in rows])
    axes.invert_yaxis()
    axes.set_xlabel("seconds")
    if whole is not None:
        title = f"{view.fn.name}, {seconds(whole.took)}, up to {whole.most_at_once:,} at once"
        axes.set_title(_plain(title, 80), loc="left")
    return figure


def _add_bar(axes: Any, place: int, view: NodeView, whole: Times) -> None:
    for piece in pieces(view, whole.end):
        colour = _CALLED if piece.doing == "called" else COLOURS[piece.doing]
        begin = piece.begin - whole.begin
        axes.barh(place, piece.end - piece.begin, left=begin, height=0.7, color=colour)


def usage_figure(view: NodeView, *, most_rows: int = MOST_ROWS) -> Figure:
    """Draw the tokens of each Function, by kind."""
    shares = by_function(view)[:most_rows]
    figure = _figure(8, 1.0 + 0.3 * len(shares))
    axes = figure.add_subplot()
    done = [0] * len(shares)
    amounts = [counts(bill_of(share.lines).usage) for share in shares]
    for n, kind in enumerate(KINDS):
        widths = [amount[n] for amount in amounts]
        axes.barh(range(len(shares)), widths, left=done, color=kind.colour, label=kind.name)
        done = [a + b for a, b in zip(done, widths, strict=True)]
    axes.set_yticks(range(len(shares)), [_plain(share.name, 40) for share in shares])
    axes.invert_yaxis()
    axes.set_xlabel("tokens")
    axes.legend(frameon=False)
    return figure


def chart_figure(
    title: str,
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    unit: str,
    is_by_day: bool,
    is_stacked: bool,
) -> Figure:
    """Draw a chart over runs: columns or lines over days, else bars."""
    figure = _figure(8, 3.2 if is_by_day else 1.0 + 0.3 * len(labels))
    axes = figure.add_subplot()
    places = range(len(labels))
    done = [0.0] * len(labels)
    for one in series:
        name = _plain(one.name, 40)
        if is_by_day and not is_stacked:
            marked = [math.nan if v is None else v for v in one.values]
            axes.plot(places, marked, color=one.colour, label=name, marker="o", markersize=3)
            continue
        values = [v or 0.0 for v in one.values]
        # What is not put on top of each other begins where the one before ends.
        sizes = values if is_stacked else [max(v - d, 0) for v, d in zip(values, done, strict=True)]
        if is_by_day:
            axes.bar(places, sizes, bottom=done, color=one.colour, label=name)
        else:
            axes.barh(places, sizes, left=done, color=one.colour, label=name)
        done = [a + b for a, b in zip(done, sizes, strict=True)]
    _label(axes, [_plain(label, 40) for label in labels], unit, is_by_day=is_by_day)
    axes.set_title(_plain(title, 80), loc="left")
    if len(series) > 1:
        axes.legend(frameon=False)
    return figure


def _label(axes: Any, labels: Sequence[str], unit: str, *, is_by_day: bool) -> None:
    if not is_by_day:
        axes.set_yticks(range(len(labels)), labels)
        axes.invert_yaxis()
        axes.set_xlabel(unit)
        return
    every = max(1, math.ceil(len(labels) / MOST_DAYS_NAMED))
    axes.set_xticks(range(0, len(labels), every), labels[::every])
    axes.set_ylabel(unit)


def _plain(words: str, most: int) -> str:
    """Give a text that matplotlib does not read as a formula."""
    indent = len(words) - len(words.lstrip(" "))
    return " " * indent + line(words, most).replace("$", r"\$")


def _figure(width: float, height: float) -> Figure:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise NoKeyError(
            "A figure needs matplotlib, which is not here. `pip install 'netflux_nb[figures]'`."
        ) from None

    class RunFigure(Figure):
        """A figure that a notebook shows, whichever backend is chosen there."""

        def _repr_png_(self) -> bytes:
            out = io.BytesIO()
            self.savefig(out, format="png", dpi=120)
            return out.getvalue()

    # No pyplot: it would keep the figure, and change what is chosen for all.
    return RunFigure(figsize=(width, height), layout="constrained")
