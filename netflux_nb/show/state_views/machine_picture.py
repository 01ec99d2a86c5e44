"""A workflow's machine as a picture: its states, where events lead, where a run of it is.

Boxes and lines are `div`s at their places: the sanitizer of a notebook keeps these, and no SVG. A
line joins the one of its target where a dot is; where none is, they cross. More states than a
picture can show, and what a terminal shows, are a table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...core.errors import ArgumentError
from ...core.messages import MachineStep
from ...core.views import NodeState, NodeView
from ...state.workflows.finished import Finished
from ...state.workflows.machine import MachineState
from ...state.workflows.workflow import WorkflowFunction
from ..parts import look, tables
from ..parts.html import MOST_BYTES, Page, folded, safe
from ..parts.shown import Shown
from ..parts.tables import Column
from ..parts.values import line
from ..parts.widths import cells

# States of a picture; rows of the tables; Functions that are named in a state.
MOST_DRAWN, MOST_ROWS, MOST_NAMED = 30, 200, 6
# In pixels: a character, a line, around the words of a box, between boxes, between lines.
CHAR, LINE, PAD, GAP, LANE = 7.4, 19, 7, 13, 12
# Characters of a line in a box; longer ones go on in the next.
MOST_CHARS = 60

_STATES = (Column("State"), Column("Runs"), Column("Events"), Column("Times", is_number=True))
_STEPS = (
    Column("#", is_number=True),
    Column("State"),
    Column("Runs"),
    Column("Outcome", is_short=True),
    Column("Event"),
    Column("Next"),
)
_HERE = {
    NodeState.Waiting: "here",
    NodeState.Running: "here",
    NodeState.Success: "ended here",
    NodeState.Error: "failed here",
    NodeState.Canceled: "stopped here",
    NodeState.CutOff: "cut off here",
}


@dataclass(slots=True)
class _Way:
    """What a run did: how often it was in each state, took each event, and where it is."""

    steps: list[MachineStep] = field(default_factory=list)
    here: str = ""
    state: NodeState | None = None
    asks: bool = False

    @property
    def mark(self) -> str:
        """A shape and a word for where it is."""
        if self.state is None:
            return ""
        sign = look.ASKS if self.asks else look.STATES[self.state]
        return f"{sign.shape} {'waits here' if self.asks else _HERE[self.state]}"

    def times(self, state: str, event: str = "") -> int:
        """Say how often it left a state, or by this event."""
        return sum(s.state == state and (not event or s.event == event) for s in self.steps)

    def visits(self, state: str) -> int:
        """Say how often it was in a state."""
        ended = bool(self.steps) and not self.steps[-1].next
        return self.times(state) + (self.here == state and not ended)


def picture(workflow: WorkflowFunction, run: Any = None, *, max_bytes: int = 60_000) -> Shown:
    """Show a machine, and of a run where it is.

    Args:
        workflow: The machine's Function.
        run: A run of it, or of what calls it.
        max_bytes: Of the HTML; 200 kB is the most.
    """
    way = _Way() if run is None else _way(workflow, run.view())
    states = list(workflow.machine.states.values())
    rows = [_row(one, way) for one in states[:MOST_ROWS]]
    named = line(workflow.name, 64)
    many = f"{len(states):,} state{'' if len(states) == 1 else 's'}"
    words = [f"{named}: {_facts(way) or many}", *tables.lines(rows, _STATES)]
    if len(states) > MOST_ROWS:
        words.append(f"… {len(states) - MOST_ROWS:,} more states")
    taken = [_step(one) for one in way.steps]
    if taken:
        words += ["", "Steps", *tables.lines(taken[-MOST_ROWS:], _STEPS)]

    def html() -> str:
        page = Page(min(max_bytes, MOST_BYTES))
        facts = f" · {safe(_facts(way))}" if way.state is not None else ""
        page.add(f"<p><b>{safe(named)}</b> · {many}{facts}</p>")
        drawn = _drawn(states, way) if len(states) <= MOST_DRAWN else ""
        if not drawn or not page.add(drawn):
            tables.add(page, rows, _STATES, len(states) - len(rows))
        if taken:
            inner = Page(max(page.left - 200, 0))
            shown = taken[-MOST_ROWS:]
            tables.add(inner, shown, _STEPS, len(taken) - len(shown))
            page.add(folded("<small>steps</small>", str(inner)))
        return str(page)

    return Shown("\n".join(words), html, "Machine")


def finished(done: Finished, *, max_bytes: int = 30_000) -> Shown:
    """Show what a workflow came to."""
    rows = [
        [
            n,
            line(str(one.get("state", "")), 80),
            _runs(one.get("entry", ())),
            one.get("outcome", ""),
            line(str(one.get("event", "")), 80),
            line(str(one.get("next", "")), 80),
        ]
        for n, one in enumerate(done.history, 1)
    ]
    title = f"Ended in {line(done.end, 80)}"
    return tables.table(rows, _STEPS, title=title, max_bytes=max_bytes)


def _facts(way: _Way) -> str:
    if way.state is None:
        return ""
    many = len(way.steps)
    return f"{way.mark.replace(' here', '')} in {line(way.here, 80)} · {many:,} steps"


def _way(workflow: WorkflowFunction, view: NodeView) -> _Way:
    mine = [one for _, one in view.walk() if one.fn.name == workflow.name]
    if not mine:
        raise ArgumentError(
            f"This run, of {line(view.fn.name, 64)}(), is none of {workflow.name}()."
        )
    node = mine[-1]
    notes = [note for note in node.intermediate_events if isinstance(note, MachineStep)]
    steps = [note for note in notes if note.next or not note.event]
    here = str(node.inputs.get("start", workflow.machine.start))
    if steps:
        here = steps[-1].next or steps[-1].state
    on = node.waiting_on
    asks = not node.is_done and on is not None and bool(on.wants)
    return _Way(steps, here, node.state, asks)


def _row(one: MachineState, way: _Way) -> list[Any]:
    mark = f"{way.mark} " if one.name == way.here else ""
    events = ", ".join(f"{line(e, 40)} → {line(to, 40)}" for e, to in [*one.events.items()][:20])
    visits = way.visits(one.name)
    return [mark + line(one.name, 80), _runs(one.entry), events or "end", visits or ""]


def _runs(entry: Sequence[str]) -> str:
    more = f", … {len(entry) - MOST_NAMED:,} more" if len(entry) > MOST_NAMED else ""
    return ", ".join(line(name, 64) for name in entry[:MOST_NAMED]) + more


def _step(one: MachineStep) -> list[Any]:
    return [
        one.nth,
        line(one.state, 80),
        _runs(one.entry),
        one.outcome,
        line(one.event, 80),
        line(one.next, 80) or "(end)",
    ]


# The picture.


@dataclass(slots=True)
class _Box:
    """One state at its place: its words, and the line that each of its events stands on."""

    state: MachineState
    top: int
    lines: list[tuple[str, str]] = field(default_factory=list)  # words, and how they look
    ports: list[tuple[int, str, str]] = field(default_factory=list)  # line, event, target

    @property
    def height(self) -> int:
        return len(self.lines) * LINE + 2 * PAD

    def y(self, row: int) -> int:
        """The middle of a line."""
        return self.top + PAD + row * LINE + LINE // 2


def _pieces(words: str, most: int = MOST_CHARS) -> Iterator[str]:
    """Break words into lines, at a blank where one is near; nothing of them is left out."""
    piece = ""
    for char in words:
        if cells(piece + char) > most:
            blank = piece.rfind(" ", most - most // 3) + 1 or len(piece)
            yield piece[:blank]
            piece = f"  {piece[blank:]}"
        piece += char
    yield piece


def _boxes(states: Sequence[MachineState], way: _Way) -> list[_Box]:
    boxes: list[_Box] = []
    top = 8
    for one in states:
        box = _Box(one, top)
        mark = f"  {way.mark}" if one.name == way.here else ""
        visits = way.visits(one.name)
        count = f"  ×{visits}" if visits > 1 else ""
        box.lines += [(piece, "b") for piece in _pieces(f"{_whole(one.name)}{count}{mark}")]
        if one.entry:
            box.lines += [(piece, "i") for piece in _pieces(f"runs {_runs(one.entry)}")]
        for event, to in one.events.items():
            took = way.times(one.name, event)
            said = f"{_whole(event)} → {_whole(to)}{f'  ×{took}' if took else ''}"
            pieces = list(_pieces(said))
            box.lines += [(piece, "took" if took else "") for piece in pieces]
            box.ports.append((len(box.lines) - 1, event, to))
        if one.is_end:
            box.lines.append(("end", "i"))
        boxes.append(box)
        top += box.height + GAP
    return boxes


def _whole(name: str) -> str:
    return line(name, 240)


def _lanes(boxes: Sequence[_Box]) -> dict[str, tuple[int, int, int]]:
    """Give each target a line of its own to its left neighbours: its lane, from where to where."""
    at = {box.state.name: box for box in boxes}
    spans: dict[str, list[int]] = {}
    for box in boxes:
        for row, _, to in box.ports:
            spans.setdefault(to, [at[to].y(0)]).append(box.y(row))
    placed: dict[str, tuple[int, int, int]] = {}
    ordered = sorted(spans.items(), key=lambda pair: max(pair[1]) - min(pair[1]))
    for to, ys in ordered:
        low, high = min(ys), max(ys)
        taken = {lane for lane, a, b in placed.values() if a <= high and low <= b}
        lane = next(n for n in range(len(placed) + 1) if n not in taken)
        placed[to] = lane, low, high
    return placed


def _drawn(states: Sequence[MachineState], way: _Way) -> str:
    boxes = _boxes(states, way)
    lanes = _lanes(boxes)
    widest = max(cells(words) for box in boxes for words, _ in box.lines)
    wide = round(widest * CHAR) + 3 * PAD
    marks = [_box(box, wide, is_here=box.state.name == way.here) for box in boxes]
    at = {box.state.name: box for box in boxes}
    left = 8 + wide
    for to, (lane, low, high) in lanes.items():
        x = left + (lane + 2) * LANE
        took = any(way.times(b.state.name, e) for b in boxes for _, e, t in b.ports if t == to)
        ink = look.BLUE if took else look.SLATE
        y = at[to].y(0)
        marks.append(_line(x, low, 1, high - low + 1, ink))
        marks.append(_line(left + 6, y, x - left - 6, 1, ink))
        marks.append(
            f'<div style="position:absolute;left:{left + 1}px;top:{y - 9}px;height:18px;'
            f'line-height:18px;font-size:11px;color:{ink}">◀</div>'
        )
        for box in boxes:
            for row, event, target in box.ports:
                if target == to:
                    is_taken = bool(way.times(box.state.name, event))
                    marks += _joint(left, x, box.y(row), look.BLUE if is_taken else look.SLATE)
    high = boxes[-1].top + boxes[-1].height + 8
    most = left + (max((lane for lane, _, _ in lanes.values()), default=0) + 3) * LANE
    inner = "".join(marks)
    return (
        f'<div style="overflow-x:auto"><div style="position:relative;height:{high}px;'
        f'min-width:{most}px">{inner}</div></div>'
    )


def _box(box: _Box, wide: int, *, is_here: bool) -> str:
    ink = look.BLUE if is_here else look.SLATE
    # Around today's state a frame of three pixels: never its colour alone.
    edge = 3 if is_here else 1
    words = []
    for row, (said, how) in enumerate(box.lines):
        tag = {"b": "b", "i": "small", "took": "b"}.get(how, "span")
        top = PAD + row * LINE - edge
        words.append(
            f'<div style="position:absolute;left:{PAD + 3 - edge}px;top:{top}px;height:{LINE}px;'
            f'line-height:{LINE}px;white-space:pre"><{tag}><tt style="font-size:12px">'
            f"{safe(said)}</tt></{tag}></div>"
        )
    return (
        f'<div style="position:absolute;left:8px;top:{box.top}px;width:{wide - 2 * edge}px;'
        f"height:{box.height - 2 * edge}px;border:{edge}px solid {ink};"
        f'border-radius:6px">{"".join(words)}</div>'
    )


def _line(x: int, y: int, wide: int, high: int, ink: str) -> str:
    return (
        f'<div style="position:absolute;left:{x}px;top:{y}px;width:{wide}px;height:{high}px;'
        f'background-color:{ink}"></div>'
    )


def _joint(left: int, x: int, y: int, ink: str) -> list[str]:
    """Draw the way from an event to the line of its target, and the dot where they join."""
    dot = (
        f'<div style="position:absolute;left:{x - 2}px;top:{y - 2}px;width:5px;height:5px;'
        f'border-radius:3px;background-color:{ink}"></div>'
    )
    return [_line(left, y, x - left, 1, ink), dot]
