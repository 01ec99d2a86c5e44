"""The outline of a large tree: a bounded choice of its Nodes, failures and questions first."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ...core.text.paths import STEP_CHARS, steps_of
from ...core.views import NodeState, NodeView
from .values import line

# Deeper Nodes stand under the nearest one above them that is shown, where they stand at all.
MOST_LEVELS = 10
# Of those that failed or wait for a person, so many are shown before all others.
MOST_URGENT = 16
# How far a Node is from the root: a step for each level, a part of one for each elder sibling.
_STEP, _ASIDE = 1.0, 0.2
# Kinds of what is left out that are named.
_KINDS = 3
_SETTLED = (NodeState.Success, NodeState.Canceled)


@dataclass(slots=True, eq=False)
class Row:
    """One Node that is shown, under the nearest Node above it that is."""

    view: NodeView
    parent: Row | None
    place: int
    level: int
    # Its step of a path, such as `summarise[2]`.
    segment: str
    # It stands under its own caller.
    is_direct: bool = True
    # It failed or waits for a person, or a Node below it does.
    is_urgent: bool = False
    # It, or a Node below it, has failed, was cut off, or still goes on.
    is_unsettled: bool = False
    below: list[Row] = field(default_factory=list)
    # What of its subtree is not shown, in words; nothing where all is.
    rest: str = ""


@dataclass(frozen=True, slots=True)
class Outline:
    """The Nodes of a tree that are shown; `top` is None where there was no room for any."""

    top: Row | None
    shown: int
    count: int

    def rows(self) -> Iterator[Row]:
        """Give every row, parents first."""
        stack = [self.top] if self.top is not None else []
        while stack:
            row = stack.pop()
            yield row
            stack.extend(reversed(row.below))


def is_urgent(view: NodeView) -> bool:
    """True for a Node that failed by itself, or waits for a person."""
    on = view.waiting_on if view.state is not NodeState.CutOff else None
    if on is not None and on.wants:
        return True
    return view.state is NodeState.Error and all(
        c.state is not NodeState.Error for c in view.children
    )


def outline(
    view: NodeView, take: Callable[[Row], bool], *, most_urgent: int = MOST_URGENT
) -> Outline:
    """Choose the rows of a tree. What failed comes first, then the Nodes nearest to the root.

    Args:
        view: The root of the tree.
        take: Is handed each row, a parent before its children; False says that there is no room.
        most_urgent: Of what failed or waits for a person, so many come before all others.
    """
    choice = _Choice(view, take, most_urgent)
    if choice.add(None, 0, view):
        choice.take_urgent()
        choice.take_nearest()
    choice.finish()
    top = choice.rows.get(id(view))
    return Outline(top, len(choice.rows), len(choice.size))


class _Choice:
    """Rows that were chosen so far, and what is known of the whole tree."""

    def __init__(self, view: NodeView, take: Callable[[Row], bool], most_urgent: int) -> None:
        self.view = view
        self.take = take
        self.rows: dict[int, Row] = {}
        self.above: dict[int, tuple[NodeView, int]] = {}
        self.size: dict[int, int] = {}
        self.unsettled: set[int] = set()
        self.urgent: list[NodeView] = []
        self._steps: dict[int, list[str]] = {}
        order = [one for _, one in view.walk()]
        for one in order:
            self.size[id(one)] = 1
            for place, child in enumerate(one.children):
                self.above[id(child)] = one, place
            if len(self.urgent) < most_urgent and is_urgent(one):
                self.urgent.append(one)
        for one in reversed(order[1:]):
            parent = self.above[id(one)][0]
            self.size[id(parent)] += self.size[id(one)]
            if one.state not in _SETTLED or id(one) in self.unsettled:
                self.unsettled.add(id(parent))

    def add(self, parent: Row | None, place: int, view: NodeView, *, direct: bool = True) -> bool:
        """Choose one Node, unless it was; False where there is no room."""
        if id(view) in self.rows:
            return True
        level = 0 if parent is None else parent.level + 1
        row = Row(view, parent, place, level, self.segment(view), direct)
        row.is_unsettled = view.state not in _SETTLED or id(view) in self.unsettled
        if not self.take(row):
            return False
        self.rows[id(view)] = row
        if parent is not None:
            parent.below.append(row)
        return True

    def segment(self, view: NodeView) -> str:
        """Give a Node's step of a path."""
        if id(view) not in self.above:
            return line(view.fn.name, STEP_CHARS)
        parent, place = self.above[id(view)]
        if id(parent) not in self._steps:
            self._steps[id(parent)] = list(steps_of(parent.children))
        return line(self._steps[id(parent)][place], STEP_CHARS)

    def take_urgent(self) -> None:
        """Choose what failed, or waits for a person, with all that stands above it."""
        for view in self.urgent:
            chain = [view]
            while id(chain[-1]) in self.above:
                chain.append(self.above[id(chain[-1])][0])
            chain.reverse()
            parent = self.rows[id(self.view)]
            # In a deep chain, straight from the last level to where it failed.
            shown = chain[1:] if len(chain) <= MOST_LEVELS else [*chain[1:MOST_LEVELS], view]
            for one in shown:
                caller, place = self.above[id(one)]
                if not self.add(parent, place, one, direct=caller is parent.view):
                    return
                parent = self.rows[id(one)]
            row: Row | None = parent
            while row is not None and not row.is_urgent:
                row.is_urgent = True
                row = row.parent

    def take_nearest(self) -> None:
        """Choose from the root on, level by level, until there is no room."""
        root = self.rows[id(self.view)]
        # The number is for a stable order among those that are equally far.
        near: list[tuple[float, int, Row, int]] = [(_STEP, 0, root, 0)]
        number = 0
        while near:
            far, _, parent, place = heapq.heappop(near)
            children = parent.view.children
            if place >= len(children):
                continue
            if not self.add(parent, place, children[place]):
                return
            row = self.rows[id(children[place])]
            number += 2
            heapq.heappush(near, (far + _ASIDE, number, parent, place + 1))
            if row.level < MOST_LEVELS:
                heapq.heappush(near, (far + _STEP, number + 1, row, 0))

    def finish(self) -> None:
        """Put siblings in their order, and say of each row what is left out below it."""
        for row in self.rows.values():
            row.below.sort(key=lambda one: (not one.is_direct, one.place))
            left = self.size[id(row.view)] - 1 - sum(self.size[id(b.view)] for b in row.below)
            if left > 0:
                row.rest = self._rest(row, left)

    def _rest(self, row: Row, left: int) -> str:
        kinds: dict[str, Counter[str]] = {}
        hidden = 0
        for child in row.view.children:
            if id(child) not in self.rows:
                hidden += 1
                kinds.setdefault(child.fn.name, Counter())[child.state.value] += 1
        if not hidden:
            return f"… {left:,} more further down"
        named = []
        for name, states in list(kinds.items())[:_KINDS]:
            how = ", ".join(f"{n:,} {state}" for state, n in states.most_common())
            named.append(f"{states.total():,} more {line(name, 40)}: {how}")
        if len(kinds) > _KINDS:
            others = sum(states.total() for states in list(kinds.values())[_KINDS:])
            named.append(f"{others:,} more of other kinds")
        below = f", and {left - hidden:,} below" if left > hidden else ""
        return f"… {'; '.join(named)}{below}"
