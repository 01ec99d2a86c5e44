"""Numbers drawn: bars of characters, columns and lines over days, without script and without SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from ...runtime.safe import visible
from .html import safe
from .numbers import percent
from .tables import Drawn

# A bar of text, in characters; columns and lines, in pixels.
BAR_CHARS = 20
COLUMNS_PX, LINES_PX = 90, 110
# With more days the columns have no words of their own, and a line is a step each day.
MOST_WORDED, MOST_JOINED = 14, 31
# How wide a step from day to day is taken to be: it turns the diagonal of its box.
_STEP_PX = 110

Unit = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Series:
    """One series: its name, its colour, the character of its bars, and a number for each label."""

    name: str
    colour: str
    sign: str
    values: tuple[float | None, ...] = ()


def bar(pieces: Iterable[tuple[float, Series]], most: float, chars: int = BAR_CHARS) -> Drawn:
    """Draw a bar of characters: it keeps its length and its kinds without any style."""
    drawn, words = [], []
    for n, one in pieces:
        share = percent(n, most)
        signs = one.sign * (max(1, round(share / 100 * chars)) if share > 0 else 0)
        words.append(signs)
        if signs:
            drawn.append(f'<span style="color:{one.colour}">{signs}</span>')
    return Drawn(f"<tt style=white-space:nowrap>{''.join(drawn)}</tt>", "".join(words))


def legend(series: Iterable[Series]) -> str:
    """Name what the colours and characters stand for."""
    return " ".join(
        f'<span style="color:{one.colour}">{one.sign}</span> {safe(one.name)}&nbsp;'
        for one in series
    )


def columns(labels: Sequence[str], series: Sequence[Series], unit: Unit) -> str:
    """Draw a column for each label, what is of one label on top of each other."""
    totals = [math.fsum(one.values[n] or 0.0 for one in series) for n in range(len(labels))]
    top = max(totals, default=0.0)
    stacks = [
        _stack([(one.values[n] or 0.0, one.colour) for one in series], top)
        for n in range(len(labels))
    ]
    if len(labels) > MOST_WORDED:
        return _dense(stacks) + _ends(labels)
    cells = []
    for label, total, (high, pieces) in zip(labels, totals, stacks, strict=True):
        # Not `vertical-align`: the sheet, and a notebook's own, have all cells begin at the top.
        above = f"<div style=height:{COLUMNS_PX - high}px></div>" if high < COLUMNS_PX else ""
        title = escape(visible(f"{label}: {unit(total)}"))
        cells.append(
            f'<td width={100 / len(labels):.2f}% style=text-align:center title="{title}">{above}'
            f"<small>{safe(unit(total))}</small>{pieces}"
        )
    return f"<table width=100% style=margin:0><tfoot><tr>{''.join(cells)}{_names(labels)}</table>"


def _stack(values: Sequence[tuple[float, str]], top: float) -> tuple[int, str]:
    """Draw one column: how high it is, and its pieces, the first at the bottom."""
    high, pieces = 0, []
    for value, colour in values:
        share = round(percent(value, top) / 100 * COLUMNS_PX)
        # What is something is seen, were it a thousandth of the highest.
        tall = max(share, 2 * (value > 0))
        if tall:
            high += tall
            pieces.append(f"<div style=height:{tall}px;background:{colour}></div>")
    return high, "".join(reversed(pieces))


def _dense(stacks: Sequence[tuple[int, str]]) -> str:
    """Draw columns side by side without words: cells of a table would be all padding."""
    wide = 100 / len(stacks)
    marks = (
        f'<div style="position:absolute;left:{n * wide:.2f}%;width:{wide * 0.8:.2f}%;'
        f'top:{max(COLUMNS_PX - high, 0)}px">{pieces}</div>'
        for n, (high, pieces) in enumerate(stacks)
        if high
    )
    return f'<div style="{_frame(COLUMNS_PX)}">{"".join(marks)}</div>'


def _frame(height: int) -> str:
    return f"position:relative;height:{height}px;margin:4px 20px;border-bottom:1px solid #8091a7"


def _names(labels: Iterable[str]) -> str:
    cells = (f"<td style=text-align:center><small>{safe(label)}</small>" for label in labels)
    return f"<tr>{''.join(cells)}"


def _ends(labels: Sequence[str]) -> str:
    """Name the first and the last of labels that are too many to be named."""
    if len(labels) == 1:
        return f"<table width=100% style=margin:0><tfoot>{_names(labels)}</table>"
    return (
        f"<table width=100% style=margin:0><tfoot><tr><td align=left style=text-align:left>"
        f"<small>{safe(labels[0])}</small><td align=right><small>{safe(labels[-1])}</small></table>"
    )


def lines(labels: Sequence[str], series: Sequence[Series], unit: Unit) -> str:
    """Draw a line for each series. Where a label has no number, the line is broken.

    A step from one label to the next is a box with a diagonal drawn by a gradient: the sanitizer
    of a notebook keeps that, and no SVG.
    """
    top = 1.1 * max((v for one in series for v in one.values if v is not None), default=0.0)
    marks: list[str] = []
    for one in series:
        ys = [None if v is None else round(percent(v, top) / 100 * LINES_PX) for v in one.values]
        if len(labels) > MOST_JOINED:
            marks += _steps(ys, one.colour)
        else:
            words = [
                f"{label}: {unit(v or 0.0)}" for label, v in zip(labels, one.values, strict=True)
            ]
            marks += [*_segments(ys, one.colour), *_dots(ys, one.colour, words)]
    return (
        f'<div style="{_frame(LINES_PX)}">{"".join(marks)}</div>{_ends(labels) if labels else ""}'
    )


def _segments(ys: Sequence[int | None], colour: str) -> Iterable[str]:
    step = 100 / max(len(ys) - 1, 1)
    for n, (a, b) in enumerate(pairwise(ys)):
        if a is None or b is None:
            continue
        tall = max(abs(b - a), 2)
        # The gradient runs across the box: how much of its way two pixels are.
        half = 100 * math.hypot(_STEP_PX, tall) / (2 * _STEP_PX * tall)
        low, high = f"{50 - half:.0f}%", f"{50 + half:.0f}%"
        stops = f"transparent {low},{colour} {low},{colour} {high},transparent {high}"
        way = f"linear-gradient(to right {'bottom' if b > a else 'top'},{stops})"
        yield (
            f'<div style="position:absolute;left:{n * step:.2f}%;width:{step:.2f}%;'
            f"top:{LINES_PX - max(a, b)}px;height:{tall}px;"
            f'background:{way if tall > 2 else colour}"></div>'
        )


def _dots(ys: Sequence[int | None], colour: str, words: Sequence[str]) -> Iterable[str]:
    for n, y in enumerate(ys):
        if y is None:
            continue
        left = 100 * n / (len(ys) - 1) if len(ys) > 1 else 50
        yield (
            f'<div title="{escape(visible(words[n]))}" style="position:absolute;left:{left:.2f}%;'
            f"margin-left:-3px;top:{LINES_PX - y - 3}px;width:7px;height:7px;border-radius:4px;"
            f'background-color:{colour}"></div>'
        )


def _steps(ys: Sequence[int | None], colour: str) -> Iterable[str]:
    wide = 100 / len(ys)
    for n, y in enumerate(ys):
        if y is not None:
            yield (
                f'<div style="position:absolute;left:{n * wide:.2f}%;width:{wide:.2f}%;'
                f'top:{LINES_PX - y - 1}px;height:2px;background-color:{colour}"></div>'
            )
