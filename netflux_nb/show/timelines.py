"""Timelines of a run: waiting, model requests and code of each Node, and their overlap."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, assert_never

from ..core.views import NodeState, NodeView
from .parts import look
from .parts.headings import heading, shape, sign_of
from .parts.html import MOST_BYTES, ROOM, Page, bytes_of, safe
from .parts.numbers import is_stable, percent, seconds
from .parts.outline import Outline, Row, outline
from .parts.shown import Shown
from .parts.values import line

Doing = Literal["waiting", "model", "code", "called"]
Span = tuple[float, float]

MOST_ROWS = 60
# A bar of text, in characters.
BAR_CHARS = 50
# Pieces of one bar; what is narrower than this share of a hundred is not seen.
MOST_PIECES = 40
_LEAST = 0.3

COLOURS: dict[Doing, str] = {
    "waiting": look.SLATE,
    "model": look.BLUE,
    "code": look.AMBER,
    "called": look.GRAY,
}
_SIGNS: dict[Doing, str] = {"waiting": "░", "model": "█", "code": "▓", "called": "─"}
_SAID: dict[Doing, str] = {
    "waiting": "waiting",
    "model": "a model answers",
    "code": "code runs",
    "called": "what it called runs",
}


@dataclass(frozen=True, slots=True)
class Piece:
    """A span of a Node's time, and its kind."""

    doing: Doing
    begin: float
    end: float


def pieces(view: NodeView, until: float) -> list[Piece]:
    """Take a Node's time apart. What is not known to be anything else is code, or waiting.

    Args:
        view: The Node.
        until: The moment up to which one that has not ended is looked at.
    """
    began = _number(view.started_at)
    opened = _number(view.opened_at)
    if began is None:
        return [] if opened is None or view.is_done else [Piece("waiting", opened, until)]
    ended = _number(view.ended_at)
    end = max(until if ended is None else ended, began)
    found = [Piece("waiting", opened, began)] if opened is not None and opened < began else []
    asked = _union(_requests(view), began, end)
    below = _union(_children(view, until), began, end)
    # An agent that neither asks nor calls waits: for its turn, a retry, a person.
    rest: Doing = "waiting" if view.fn.is_agent() else "code"
    marks = sorted({began, end, *(t for span in (*asked, *below) for t in span)})
    for left, right in pairwise(marks):
        middle = (left + right) / 2
        doing: Doing = rest
        if _holds(asked, middle):
            doing = "model"
        elif _holds(below, middle):
            doing = "called"
        if found and found[-1].doing == doing and found[-1].end == left:
            left = found.pop().begin
        found.append(Piece(doing, left, right))
    return found


def _number(time: object) -> float | None:
    # A stored time may be anything.
    if isinstance(time, (int, float)) and math.isfinite(time):
        return float(time)
    return None


def _requests(view: NodeView) -> Iterable[Span]:
    for spent in view.requests:
        end, took = _number(spent.time), _number(spent.seconds)
        if end is not None and took is not None and not spent.served:
            yield end - took, end


def _children(view: NodeView, until: float) -> Iterable[Span]:
    for child in view.children:
        began, ended = _number(child.started_at), _number(child.ended_at)
        if began is not None:
            yield began, until if ended is None else ended


def _union(spans: Iterable[Span], begin: float, end: float) -> list[Span]:
    """Lay spans over each other, inside a larger one."""
    found: list[Span] = []
    for left, right in sorted((max(a, begin), min(b, end)) for a, b in spans):
        if right <= left:
            continue
        if found and left <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], right)
        else:
            found.append((left, right))
    return found


def _holds(spans: Sequence[Span], time: float) -> bool:
    low, high = 0, len(spans)
    while low < high:
        middle = (low + high) // 2
        if spans[middle][1] < time:
            low = middle + 1
        else:
            high = middle
    return low < len(spans) and spans[low][0] <= time


@dataclass(frozen=True, slots=True)
class Times:
    """When a run began and ended, what all its Nodes did, and how much of it at once."""

    begin: float
    end: float
    sums: dict[Doing, float]
    most_at_once: int

    @property
    def took(self) -> float:
        """The seconds from its begin to its end."""
        return self.end - self.begin


def times(view: NodeView) -> Times | None:
    """Look through a whole run; None where it holds no time."""
    views = [one for _, one in view.walk()]
    known = [
        t
        for one in views
        for time in (one.opened_at, one.started_at, one.ended_at)
        if (t := _number(time)) is not None
    ]
    if not known:
        return None
    begin, end = min(known), max(known)
    sums: dict[Doing, float] = dict.fromkeys(COLOURS, 0.0)
    steps: list[tuple[float, int]] = []
    for one in views:
        for piece in pieces(one, end):
            sums[piece.doing] += piece.end - piece.begin
            if piece.doing in ("model", "code") and piece.end > piece.begin:
                steps += [(piece.begin, 1), (piece.end, -1)]
    most = now = 0
    for _, step in sorted(steps):
        now += step
        most = max(most, now)
    return Times(begin, end, sums, most)


def timeline(view: NodeView, *, max_bytes: int = 30_000, most_rows: int = MOST_ROWS) -> Shown:
    """Draw when each Node waited, asked a model, ran code."""
    left = [most_rows]

    def take(row: Row) -> bool:
        left[0] -= 1
        return left[0] >= 0

    chosen = outline(view, take)
    whole = times(view)
    name = line(view.fn.name, 64)
    if whole is None:
        return Shown(f"{name}: it has not begun", lambda: f"<p>{safe(name)}: it has not begun</p>")
    facts = _facts(whole)
    title = heading(sign_of(view), safe(name), facts)
    return Shown(
        "\n".join([f"{name}: {', '.join(facts)}", *_lines(chosen, whole)]),
        lambda: _html(chosen, whole, title, min(max_bytes, MOST_BYTES)),
        "Timeline",
    )


def _facts(whole: Times) -> list[str]:
    words = [seconds(whole.took)]
    if is_stable():
        return words
    for doing in ("model", "code", "waiting"):
        if whole.sums[doing] > 0:
            words.append(f"{_of(doing)} {seconds(whole.sums[doing])}")
    work = whole.sums["model"] + whole.sums["code"]
    if whole.most_at_once > 1 and whole.took > 0:
        words.append(f"up to {whole.most_at_once:,} at once ({work / whole.took:.1f} on average)")
    return words


def _of(doing: Doing) -> str:
    match doing:
        case "waiting":
            return "waiting"
        case "model":
            return "models"
        case "code":
            return "code"
        case "called":
            return "what was called"
        case _:
            assert_never(doing)


def _title(row: Row) -> str:
    name = row.segment if row.is_direct else f"…/{row.segment}"
    return f"{look.STATES[row.view.state].shape} {name}"


def _took(row: Row, whole: Times) -> tuple[str, str]:
    """Say when a Node began, seen from the begin of the run, and how long it took."""
    began, ended = _number(row.view.started_at), _number(row.view.ended_at)
    if began is None:
        return "", "served" if row.view.served else row.view.state.value
    if ended is None:
        return f"+{seconds(began - whole.begin)}", row.view.state.value
    word = "" if row.view.state is NodeState.Success else f" {row.view.state.value}"
    return f"+{seconds(began - whole.begin)}", seconds(ended - began) + word


def _lines(chosen: Outline, whole: Times) -> list[str]:
    rows = list(chosen.rows())
    titles = ["  " * row.level + line(_title(row), 40) for row in rows]
    width = max((len(title) for title in titles), default=0)
    found = []
    for row, title in zip(rows, titles, strict=True):
        begin, took = _took(row, whole)
        found.append(f"{title:<{width}} │{_text_bar(row.view, whole)}│ {begin} {took}".rstrip())
    hidden = chosen.count - chosen.shown
    if hidden:
        found.append(f"… {hidden:,} more in the record")
    found.append("  ".join(f"{_SIGNS[doing]} {words}" for doing, words in _SAID.items()))
    return found


def _text_bar(view: NodeView, whole: Times) -> str:
    bar = [" "] * BAR_CHARS
    if is_stable():
        return "".join(bar)
    for piece in pieces(view, whole.end):
        left = int(percent(piece.begin - whole.begin, whole.took) / 100 * BAR_CHARS)
        right = math.ceil(percent(piece.end - whole.begin, whole.took) / 100 * BAR_CHARS)
        first = min(left, BAR_CHARS - 1)
        for place in range(first, max(right, first + 1)):
            # What was done counts more than what was waited for.
            if bar[place] in (" ", _SIGNS["called"], _SIGNS["waiting"]):
                bar[place] = _SIGNS[piece.doing]
    return "".join(bar)


def _html(chosen: Outline, whole: Times, title: str, max_bytes: int) -> str:
    page = Page(max_bytes)
    legend = " ".join(
        f'<b style="color:{COLOURS[doing]}">{"─" if doing == "called" else "■"}</b> {words}&nbsp;'
        for doing, words in _SAID.items()
    )
    page.add(title)
    page.add(f"<p><small>{legend}</small></p>")
    axis = f"0 s … {seconds(whole.took)}"
    begin = (
        "<table width=100% style=margin:0;table-layout:fixed><thead><tr>"
        "<th width=26% class=l align=left style=text-align:left>Call<th width=64>Began<th width=96>Took"
        f"<th class=l align=left style=text-align:left>{axis}<tfoot>"
    )
    end = "</table>"
    if not page.add("", keep=bytes_of(begin + end) + ROOM):
        return str(page)
    page.open(begin, end)
    hidden = chosen.count
    for row in chosen.rows():
        if not page.add(_html_row(row, whole)):
            break
        hidden -= 1
    page.close()
    page.more(hidden)
    return str(page)


def _html_row(row: Row, whole: Times) -> str:
    begin, took = _took(row, whole)
    name = safe(line(row.segment if row.is_direct else f"…/{row.segment}", 32))
    # An em space a level: it is kept where no style is.
    indent = "\u2003" * row.level
    return (
        f"<tr><td class=l align=left style=text-align:left>{indent}{shape(sign_of(row.view))} {name}"
        f"<td>{safe(begin)}<td>{safe(took)}<td class=l align=left style=text-align:left>{_bar(row.view, whole)}"
    )


def _bar(view: NodeView, whole: Times) -> str:
    """Draw a Node's time as pieces that stand where they were."""
    if is_stable():
        return ""
    drawn: list[str] = []
    found = pieces(view, whole.end)
    for piece in found[:MOST_PIECES]:
        left = percent(piece.begin - whole.begin, whole.took)
        width = percent(piece.end - piece.begin, whole.took)
        if width < _LEAST and len(found) > 1:
            continue
        # What was called is a line between the pieces of its own work.
        size = "top:4px;height:2px" if piece.doing == "called" else "height:10px"
        left = min(left, 100 - _LEAST)
        drawn.append(
            f'<div title="{piece.doing} {seconds(piece.end - piece.begin)}" '
            f'style="position:absolute;{size};left:{left:g}%;width:{max(width, _LEAST):g}%;'
            f'background-color:{COLOURS[piece.doing]}"></div>'
        )
    return f'<div style="position:relative;height:10px;margin:4px 0">{"".join(drawn)}</div>'
