"""The diff of two runs: their trees aligned and compared Node by Node."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from ..core.errors import NoKeyError
from ..core.functions.display import Displayed, drawing_of
from ..core.messages import ToolUsePart
from ..core.text.legible import shortened
from ..core.views import NodeView
from .align import PairedNodes, paired_nodes
from .definition_changes import edits
from .equality import plain, readable
from .fields import Field, NodeComparison, RequestFields, compare, is_served
from .totals import Amounts, amounts, kinds, totals

Status = Literal["same", "changed", "only left", "only right", "served", "executed again"]
_ONE_SIDED: tuple[Status, ...] = ("only left", "only right")
_Alike = Literal["identical", "no difference found"]
Verdict = _Alike | Literal["same outcome, other path", "different outcome"]

# A path in a deep chain names its first and its last Nodes.
PATH_HEAD = 10
PATH_TAIL = 20
# A cell of a table is read, not scrolled.
CELL_CHARS = 2_000

# What is settled before a body does anything.
_AT_BIRTH = frozenset({"function", "inputs", "system", "model", "determinism"})
_IN_THE_END = frozenset({"state", "result", "error"})


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two runs, and what a view alone does not say of it.

    Args:
        view: Its tree.
        name: What a person calls it.
        systems: System prompts by the keys of Nodes, where they are known.
        versions: Versions of Functions by the keys of Nodes.
        classes: How a Node's Function may vary, by key: `deterministic`, `model`, or the
            name of its effect. Without one, what the Function itself says counts.
        functions: What a version of a Function is, by the version, as `described` tells it.
    """

    view: NodeView
    name: str = ""
    systems: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    classes: Mapping[str, str] = field(default_factory=dict)
    functions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True, repr=False)
class NodeDiff:
    """One Node of both runs, or of one: what it is there, and in which fields it differs.

    `fields` holds differences only. Tokens, cost and time are in `spent`, and are none.
    A field in `not_comparable` holds a value without a form that could be compared.
    """

    left: NodeView | None
    right: NodeView | None
    status: Status
    fields: tuple[Field, ...] = ()
    not_comparable: tuple[str, ...] = ()
    # How many parts the transcripts have in common at their beginning; None: all.
    agreeing_parts: int | None = None
    parent: NodeDiff | None = None
    # The ancestor at which the head of a long path ends: a path costs the same at any depth.
    far_above: NodeDiff | None = None
    depth: int = 0
    segment: str = ""

    @property
    def path(self) -> str:
        """Its path, as `study/summarise[2]/add`; siblings of one name are numbered."""
        words: list[str] = []
        node: NodeDiff | None = self
        while node is not None:
            words.append(node.segment)
            node = node.parent
            skipped = 0 if node is None else node.depth + 1 - PATH_HEAD
            if len(words) == PATH_TAIL and skipped > 0:
                words.append(f"…{skipped:,} more…")
                node = self.far_above
        return "/".join(reversed(words))

    @property
    def fn(self) -> str:
        """The name of its Function."""
        view = self.left if self.left is not None else self.right
        assert view is not None
        return view.fn.name

    @property
    def is_difference(self) -> bool:
        """True unless both runs did the same here."""
        return self.status == "changed" or self.status in _ONE_SIDED

    @property
    def is_blocking(self) -> bool:
        """True where something came out otherwise, or was called in one run only."""
        return self.status in _ONE_SIDED or any(f.is_blocking for f in self.fields)

    @property
    def spent(self) -> tuple[Amounts | None, Amounts | None]:
        """Its own usage on either side; its time includes the calls below."""
        left, right = self.left, self.right
        return (
            None if left is None else amounts(left),
            None if right is None else amounts(right),
        )

    def __repr__(self) -> str:
        names = ", ".join(f.name for f in self.fields)
        return f"<NodeDiff {self.path}: {self.status}{f' ({names})' if names else ''}>"


@dataclass(frozen=True, eq=False, repr=False)
class Diff(Displayed):
    """Two runs beside each other. Nodes are in the order of the left tree, parents first."""

    left: Side
    right: Side
    nodes: tuple[NodeDiff, ...]

    @property
    def is_same(self) -> bool:
        """True where no Node differs in anything but tokens, cost and time."""
        return not self.changed

    @cached_property
    def changed(self) -> tuple[NodeDiff, ...]:
        """The Nodes that differ."""
        return tuple(n for n in self.nodes if n.is_difference)

    @cached_property
    def counts(self) -> dict[str, int]:
        """The number of Nodes of each status."""
        return dict(Counter(n.status for n in self.nodes))

    @property
    def not_comparable(self) -> tuple[tuple[str, str], ...]:
        """Paths and fields with values that could not be compared."""
        return tuple((n.path, name) for n in self.nodes for name in n.not_comparable)

    @property
    def verdict(self) -> Verdict:
        """The verdict on both runs. The outcome of a run is its root's: state, result and error."""
        if not self.changed:
            return "no difference found" if self.not_comparable else "identical"
        ended = any(f.name in _IN_THE_END for f in self.nodes[0].fields)
        return "different outcome" if ended else "same outcome, other path"

    @cached_property
    def first(self) -> NodeDiff | None:
        """The first divergence: the earliest cause, not the ancestors that it changed.

        The tree is gone through as the left run went. What a Node was given comes first;
        then, in order, what it said and what it called; its outcome comes last. So a root
        whose result differs because a child's does is behind that child. Siblings that ran
        at the same time count in the order in which they were called. A changed version is
        the first divergence only where nothing else differs, as callers change with it.
        """
        return _first(self.nodes)

    def edits(self, node: NodeDiff) -> tuple[Field, ...] | None:
        """Say what changed in the version of a Node's Function, in its own text.

        Nothing where the text is the same, and only what it reaches by name changed. None where
        the version is the same, or is not described on both sides.
        """
        version = next((f for f in node.fields if f.name == "version"), None)
        if version is None:
            return None
        old = self.left.functions.get(str(version.left))
        new = self.right.functions.get(str(version.right))
        return None if old is None or new is None else tuple(edits(old, new))

    @property
    def totals(self) -> tuple[Amounts, Amounts]:
        """The usage of each whole run."""
        return totals(self.left.view), totals(self.right.view)

    @property
    def df(self) -> Any:
        """A table: a row a Node, its `field` empty, and behind it a row a difference."""
        return _frame([row for n in self.nodes for row in _rows(n)], COLUMNS)

    @property
    def effects_df(self) -> Any:
        """A table of requests to models and of effects, both runs side by side."""
        left = kinds(self.left.view, self.left.classes)
        right = kinds(self.right.view, self.right.classes)
        rows = []
        for kind in sorted(left.keys() | right.keys()):
            mine, theirs = left.get(kind, Amounts()), right.get(kind, Amounts())
            row: list[Any] = [kind, mine.count, theirs.count, mine.tokens, theirs.tokens]
            rows.append([*row, mine.usd, theirs.usd, mine.served, theirs.served])
        return _frame(rows, EFFECT_COLUMNS)

    def show(self, *, only_changes: bool = True) -> Any:
        """Show it as a notebook does; with the Nodes that do not differ, where asked for."""
        return drawing_of(self if only_changes else Everything(self)) or self

    def __repr__(self) -> str:
        counts = ", ".join(f"{n:,} {status}" for status, n in self.counts.items())
        return f"<Diff {self.verdict}: {counts}>"


@dataclass(frozen=True, slots=True)
class Everything:
    """A diff that is shown with the Nodes that do not differ."""

    diff: Diff


COLUMNS = [
    *("path", "fn", "status", "field", "left", "right", "is_blocking"),
    *("left_tokens", "right_tokens", "left_usd", "right_usd", "left_seconds", "right_seconds"),
]
EFFECT_COLUMNS = [
    *("kind", "left_count", "right_count", "left_tokens", "right_tokens"),
    *("left_usd", "right_usd", "left_served", "right_served"),
]


def _frame(rows: list[list[Any]], columns: list[str]) -> Any:
    try:
        import pandas as pd
    except ImportError:
        raise NoKeyError(
            'A table needs pandas, which is not installed: pip install "netflux_nb[frames]"'
        ) from None
    return pd.DataFrame(rows, columns=columns)


def _rows(node: NodeDiff) -> Iterator[list[Any]]:
    head: list[Any] = [node.path, node.fn, node.status]
    states = [None if v is None else v.state.value for v in (node.left, node.right)]
    left, right = node.spent
    spent = [
        None if side is None else getattr(side, what)
        for what in ("tokens", "usd", "seconds")
        for side in (left, right)
    ]
    yield [*head, None, *states, node.is_blocking, *spent]
    for one in node.fields:
        sides = [_cell(one.left), _cell(one.right)]
        yield [*head, one.name, *sides, one.is_blocking, *[None] * len(spent)]


def _cell(value: Any) -> str:
    if isinstance(value, tuple) and value and isinstance(value[0], RequestFields):
        value = "; ".join(f"{c.name}({readable(plain(c.args), 200)})" for c in value)
    if isinstance(value, str):
        return shortened(value, CELL_CHARS)
    return readable(plain(value), CELL_CHARS)


def diff(left: NodeView | Side, right: NodeView | Side) -> Diff:
    """Compare two runs Node by Node.

    Nodes belong together by key; then, among the calls of two Nodes that do, by function
    and inputs, by an argument they share, and by function and position.

    Example:
        >>> from netflux_nb import Runtime, function
        >>> @function
        ... def double(x: int) -> int:
        ...     return 2 * x
        >>> with Runtime([double]) as runtime:
        ...     nodes = [runtime.get_ctx().invoke(double, {"x": x}) for x in (1, 1, 2)]
        ...     views = [node.view() for node in nodes if node.wait() is None]
        >>> diff(views[0], views[1]).verdict
        'identical'
        >>> diff(views[0], views[2]).first
        <NodeDiff double: changed (inputs, result)>
    """
    mine = left if isinstance(left, Side) else Side(left)
    theirs = right if isinstance(right, Side) else Side(right)
    found = paired_nodes(mine.view, theirs.view)
    replayed = any(_has_served(p.left) or _has_served(p.right) for p in found)
    made: dict[int, NodeDiff] = {}
    covered = _covered(found) if replayed else {}
    for paired in found:
        facts = NodeComparison()
        if paired.left is not None and paired.right is not None:
            facts = compare(paired.left, paired.right, mine, theirs)
        parent = None if paired.parent is None else made[id(paired.parent)]
        is_far = parent is not None and parent.depth >= PATH_HEAD
        made[id(paired)] = NodeDiff(
            left=paired.left,
            right=paired.right,
            status=_status(paired, facts, replayed, covered),
            fields=tuple(facts.fields),
            not_comparable=facts.not_comparable,
            agreeing_parts=facts.agreeing_parts,
            parent=parent,
            far_above=parent.far_above if is_far and parent is not None else parent,
            depth=paired.depth,
            segment=paired.segment,
        )
    return Diff(mine, theirs, tuple(made.values()))


def _has_served(view: NodeView | None) -> bool:
    return view is not None and (view.served or any(s.served for s in view.requests))


def _covered(found: Sequence[PairedNodes]) -> dict[int, tuple[bool, bool]]:
    """Say of each place whether on the left, on the right, it lies below a served Node."""
    out: dict[int, tuple[bool, bool]] = {}
    for place in found:
        left, right = out[id(place.parent)] if place.parent is not None else (False, False)
        out[id(place)] = (
            left or (place.left is not None and place.left.served),
            right or (place.right is not None and place.right.served),
        )
    return out


def _status(
    place: PairedNodes,
    facts: NodeComparison,
    replayed: bool,
    covered: Mapping[int, tuple[bool, bool]],
) -> Status:
    left, right = place.left, place.right
    # Below a served Node there is nothing on that side, because its body did not run.
    by_left, by_right = covered.get(id(place), (False, False))
    if left is None or right is None:
        if by_right if right is None else by_left:
            return "served"
        return "only left" if right is None else "only right"
    if facts.fields:
        return "changed"
    if is_served(left) or is_served(right):
        return "served"
    return "executed again" if replayed else "same"


def _first(nodes: Sequence[NodeDiff]) -> NodeDiff | None:
    above: list[NodeDiff] = []
    calls: dict[int, Mapping[str, int]] = {}
    versions: list[NodeDiff] = []
    for node in nodes:
        while above and above[-1].depth >= node.depth:
            if _differs_late(above[-1], versions):
                return above[-1]
            above.pop()
        if above and _said_before(above[-1], node, calls):
            return above[-1]
        if node.status in _ONE_SIDED or any(f.name in _AT_BIRTH for f in node.fields):
            return node
        above.append(node)
    late = [n for n in reversed(above) if _differs_late(n, versions)]
    return next(iter(late or versions), None)


def _differs_late(node: NodeDiff, versions: list[NodeDiff]) -> bool:
    """Say whether anything but the version differs; where only that does, take it down."""
    if any(f.name != "version" for f in node.fields):
        return True
    if node.fields:
        versions.append(node)
    return False


def _said_before(caller: NodeDiff, called: NodeDiff, calls: dict[int, Mapping[str, int]]) -> bool:
    """Say whether a caller's transcript differs before it comes to this call."""
    agreeing = caller.agreeing_parts
    if agreeing is None:
        return False
    on_left = called.left is not None and caller.left is not None
    by, of = (caller.left, called.left) if on_left else (caller.right, called.right)
    if by is None or of is None or of.tool_use_id is None:
        return False
    if id(by) not in calls:
        parts = enumerate(by.transcript)
        calls[id(by)] = {str(p.tool_use_id): i for i, p in parts if isinstance(p, ToolUsePart)}
    return calls[id(by)].get(str(of.tool_use_id), agreeing) >= agreeing
