"""Alignment of two trees: each Node paired by key, then by function and arguments.

- Pure: two immutable views in, no event, no lock, no clock. `diff.py` calls `paired_nodes`.
- Rules, strongest first: the roots; equal key and function anywhere in the trees; then, between the
  children of two paired Nodes, equal arguments, an argument that only one sibling on each side
  has, and last the function's name in order. A weaker rule sees what the stronger ones left.
- Every Node is in at most one pair, and pairs hold for good: nothing is re-paired.
- Keys pair across parents; the other rules only below a pair. So a subtree without a partner has
  none inside but by key.
- Pairs are kept by `id`: a Node's number is its own tree's, and a key may stand twice. The trees
  must be alive as long as a `Pairs` is used.
- `paired_nodes` names each Node of either tree once: what the left tree has there, with its
  partner beside it; what only the right one has behind the sibling that it follows there.
- `_todo` and `stack` stand for recursion: trees are up to 12,000 levels deep.
- The time grows with the number of Nodes: each rule is a dictionary look-up, not all with all.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

from ..core.text.paths import steps_of
from ..core.views import NodeView
from .equality import text_of

Views = Sequence[NodeView]


@dataclass(slots=True, eq=False)
class PairedNodes:
    """One place in both trees laid over each other; at least one side is there.

    Places are in the order of the left tree. What only the right one has stands behind the
    sibling that it follows there.
    """

    left: NodeView | None
    right: NodeView | None
    parent: PairedNodes | None
    depth: int
    segment: str


class Pairs:
    """The pairs of Nodes of two trees. Both roots are one, whatever they are."""

    def __init__(self, left: NodeView, right: NodeView) -> None:
        # By identity: a Node's number may be the same in both trees, and its key not unique.
        self.of_left: dict[int, NodeView] = {}
        self.of_right: dict[int, NodeView] = {}
        self._todo: deque[tuple[NodeView, NodeView]] = deque()
        self._pair(left, right)
        self._by_key(left, right)
        while self._todo:
            mine, theirs = self._todo.popleft()
            if mine.children and theirs.children:
                self._children(mine, theirs)

    def _pair(self, left: NodeView, right: NodeView) -> None:
        self.of_left[id(left)] = right
        self.of_right[id(right)] = left
        self._todo.append((left, right))

    def _by_key(self, left: NodeView, right: NodeView) -> None:
        found: dict[tuple[str, str], list[NodeView]] = {}
        for _, view in right.walk():
            if view.key and view is not right:
                found.setdefault((str(view.key), view.fn.name), []).append(view)
        # A key that stands twice is no key of ours; the first are then paired with the first.
        for same in found.values():
            same.reverse()
        for _, view in left.walk():
            if view.key and view is not left:
                same = found.get((str(view.key), view.fn.name), [])
                if same:
                    self._pair(view, same.pop())

    def _children(self, left: NodeView, right: NodeView) -> None:
        for rule in (_by_inputs, _by_own_argument, _by_name):
            mine = [c for c in left.children if id(c) not in self.of_left]
            theirs = [c for c in right.children if id(c) not in self.of_right]
            if not mine or not theirs:
                return
            for one, other in rule(mine, theirs):
                self._pair(one, other)


def _in_order(
    left: Views, right: Views, name: Callable[[NodeView], Hashable]
) -> Iterable[tuple[NodeView, NodeView]]:
    """Pair the first of a name with the first, the second with the second."""
    found: dict[Hashable, deque[NodeView]] = {}
    for view in right:
        found.setdefault(name(view), deque()).append(view)
    for view in left:
        same = found.get(name(view))
        if same:
            yield view, same.popleft()


def _by_inputs(left: Views, right: Views) -> Iterable[tuple[NodeView, NodeView]]:
    return _in_order(left, right, lambda v: (v.fn.name, _inputs_text(v)))


def _inputs_text(view: NodeView) -> Hashable:
    text = text_of(view.inputs)
    if text is not None:
        return text
    # One without canonical form counts by its type, as it does in a key.
    held = [(name, text_of(value), type(value).__qualname__) for name, value in view.inputs.items()]
    return tuple(sorted((name, kind if text is None else text) for name, text, kind in held))


def _by_name(left: Views, right: Views) -> Iterable[tuple[NodeView, NodeView]]:
    return _in_order(left, right, lambda v: v.fn.name)


def _by_own_argument(left: Views, right: Views) -> Iterable[tuple[NodeView, NodeView]]:
    """Pair Nodes that share an argument which on each side only one of them has."""
    mine, theirs = _own_arguments(left), _own_arguments(right)
    used: set[int] = set()
    for said, one in mine.items():
        other = theirs.get(said)
        if other is not None and id(one) not in used and id(other) not in used:
            used |= {id(one), id(other)}
            yield one, other


def _own_arguments(views: Views) -> dict[Hashable, NodeView]:
    said = [
        ((view.fn.name, name, text), view)
        for view in views
        for name, value in view.inputs.items()
        if (text := text_of(value)) is not None
    ]
    counts = Counter(key for key, _ in said)
    return {key: view for key, view in said if counts[key] == 1}


def paired_nodes(left: NodeView, right: NodeView) -> list[PairedNodes]:
    """Lay two trees over each other: parents first, any depth, each Node once."""
    pairs = Pairs(left, right)
    nodes: list[PairedNodes] = []
    stack = [PairedNodes(left, right, None, 0, left.fn.name)]
    while stack:
        node = stack.pop()
        nodes.append(node)
        inner = _merged(node, pairs)
        if not inner:
            continue
        below = [
            PairedNodes(one, other, node, node.depth + 1, segment)
            for (one, other), segment in zip(inner, _segments(node, inner), strict=True)
        ]
        stack.extend(reversed(below))
    return nodes


def _segments(
    place: PairedNodes, inner: Sequence[tuple[NodeView | None, NodeView | None]]
) -> Iterable[str]:
    """Name what stands below a place as its own tree does, so that a path leads to its Node.

    Where the left tree has that name already, what only the right one has is numbered on.
    """
    mine, theirs = (_steps(side) for side in (place.left, place.right))
    taken = {*mine.values()}
    last: Counter[str] = Counter(one.fn.name for one, _ in inner if one is not None)
    for one, other in inner:
        if one is not None:
            yield mine[id(one)]
            continue
        assert other is not None
        segment, name = theirs[id(other)], other.fn.name
        while segment in taken:
            last[name] += 1
            segment = f"{name}[{last[name]}]"
        taken.add(segment)
        yield segment


def _steps(view: NodeView | None) -> dict[int, str]:
    called = () if view is None else view.children
    return {id(one): step for one, step in zip(called, steps_of(called), strict=True)}


def _merged(place: PairedNodes, pairs: Pairs) -> list[tuple[NodeView | None, NodeView | None]]:
    lefts = place.left.children if place.left is not None else ()
    rights = place.right.children if place.right is not None else ()
    alone = [c for c in rights if id(c) not in pairs.of_right]
    both: list[tuple[NodeView | None, NodeView | None]]
    both = [(c, pairs.of_left.get(id(c))) for c in lefts]
    if not alone:
        return both
    where = {id(other): i for i, (_, other) in enumerate(both) if other is not None}
    behind: dict[int, list[tuple[NodeView | None, NodeView | None]]] = {}
    last = -1
    for view in rights:
        if id(view) in pairs.of_right:
            last = where.get(id(view), last)
        else:
            behind.setdefault(last, []).append((None, view))
    out = behind.get(-1, [])
    for i, pair in enumerate(both):
        out.append(pair)
        out.extend(behind.get(i, ()))
    return out
