"""The Nodes of a diff that are shown: what changed, and once what changed alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ...compare.diff import Diff, NodeDiff
from ...runtime.safe import line
from . import words

# Deeper Nodes stand under the nearest one that is shown.
MOST_LEVELS = 8
MOST_ROWS = 200
# Siblings that changed in the same way are folded where there are so many; so many are listed.
_ALIKE, _LISTED = 4, 20
# Fields that a row names.
_FIELDS = 3


@dataclass(slots=True, eq=False)
class DiffRow:
    """One Node that is shown, under the nearest Node above it that is."""

    node: NodeDiff
    is_direct: bool
    what: str
    # It does not differ itself, and leads to one that does.
    is_way: bool = False
    below: list[DiffRow | AlikeRows] = field(default_factory=list)

    @property
    def title(self) -> str:
        """Give its step of the path."""
        name = line(self.node.segment, 80)
        return name if self.is_direct else f"…/{name}"


@dataclass(slots=True, eq=False)
class AlikeRows:
    """Rows that say what one above them says already."""

    title: str
    rows: list[DiffRow] = field(default_factory=list)


@dataclass(slots=True)
class Chosen:
    """What is shown of a diff."""

    top: list[DiffRow | AlikeRows]
    # Differences for which there was no room.
    more: int
    # What does not differ: by status, their paths' first.
    alike: list[AlikeRows]


def chosen(diff: Diff, *, only_changes: bool) -> Chosen:
    """Choose the Nodes that are shown, and count those that are not."""
    return _Choice(diff, only_changes).take()


class _Choice:
    def __init__(self, diff: Diff, only_changes: bool) -> None:
        self.diff = diff
        self.only_changes = only_changes
        self.wanted = self._wanted() if only_changes else {id(node) for node in diff.nodes}
        self.what = {id(n): self._what(n) for n in diff.nodes if id(n) in self.wanted}
        self.kind: dict[int, int] = {}
        self.many: Counter[tuple[int, int]] = Counter()
        self.alike: Counter[str] = Counter()
        self.chain: set[int] = set()
        node = diff.first
        while node is not None and id(node) not in self.chain:
            self.chain.add(id(node))
            node = node.parent
        if only_changes:
            self._tell_apart()

    def _wanted(self) -> set[int]:
        found: set[int] = set()
        for one in self.diff.changed:
            node: NodeDiff | None = one
            while node is not None and id(node) not in found:
                if node is one or node.depth <= MOST_LEVELS:
                    found.add(id(node))
                # From deep down, straight to where ancestors are shown again.
                node = node.far_above if node.depth > MOST_LEVELS + 2 else node.parent
        return found

    def _is_way(self, node: NodeDiff) -> bool:
        return self.only_changes and not node.is_difference

    def _what(self, node: NodeDiff) -> str:
        if self._is_way(node):
            return "by what it called"
        return words.what(self.diff, node, _FIELDS)

    def _tell_apart(self) -> None:
        """Give Nodes that changed in the same way, with all below them, the same number."""
        below: dict[int, list[int]] = {}
        numbers: dict[tuple[object, ...], int] = {}
        for node in reversed(self.diff.nodes):
            if id(node) not in self.wanted:
                continue
            how = (node.fn, node.status, self.what[id(node)], *below.pop(id(node), ()))
            number = numbers.setdefault(how, len(numbers))
            self.kind[id(node)] = number
            self.many[id(node.parent), number] += 1
            below.setdefault(id(node.parent), []).append(number)

    def take(self) -> Chosen:
        top: list[DiffRow | AlikeRows] = []
        levels: dict[int, int] = {}
        above: dict[int, DiffRow | AlikeRows | None] = {}
        folds: dict[tuple[int, int], AlikeRows] = {}
        shown: Counter[tuple[int, int]] = Counter()
        count = more = 0
        same: dict[str, AlikeRows] = {}
        for node in self.diff.nodes:
            parent = above.get(id(node.parent)) if node.parent is not None else None
            above[id(node)] = parent
            if id(node) not in self.wanted:
                self._count_alike(same, node)
                continue
            if isinstance(parent, AlikeRows):  # below one that is only counted
                continue
            into = top if parent is None else parent.below
            key = id(node.parent), self.kind.get(id(node), -1)
            if self.many[key] >= _ALIKE and shown[key] and id(node) not in self.chain:
                if key not in folds:
                    folds[key] = AlikeRows("")
                    into.append(folds[key])
                fold = folds[key]
                left = self.many[key] - shown[key]
                fold.title = f"{left:,} more {line(node.fn, 40)} {_HOW[node.status]}"
                if len(fold.rows) == _LISTED or count >= MOST_ROWS:
                    above[id(node)] = fold
                    continue
                # Its own fields are shown; what stands below it is as it is above.
                fold.rows.append(self._row(node, None))
                above[id(node)] = fold
                count += 1
                continue
            if count >= MOST_ROWS:
                more += 1
                continue
            shown[key] += 1
            row = self._row(node, parent)
            level = 0 if parent is None else levels[id(parent)] + 1
            levels[id(row)] = level
            into.append(row)
            count += 1
            if level < MOST_LEVELS:
                above[id(node)] = row
        return Chosen(top, more, [*same.values()])

    def _row(self, node: NodeDiff, parent: DiffRow | None) -> DiffRow:
        is_direct = parent is None or parent.node is node.parent
        return DiffRow(node, is_direct, self.what[id(node)], is_way=self._is_way(node))

    def _count_alike(self, same: dict[str, AlikeRows], node: NodeDiff) -> None:
        fold = same.setdefault(node.status, AlikeRows(""))
        if len(fold.rows) < _LISTED:
            fold.rows.append(DiffRow(node, True, words.what(self.diff, node)))
        self.alike[node.status] += 1
        fold.title = f"{self.alike[node.status]:,} {_ALIKE_WORDS[node.status]}"


_HOW = {
    "changed": "that changed in the same way",
    "same": "that changed in the same way, by what they called",
    "served": "that changed in the same way, by what they called",
    "executed again": "that changed in the same way, by what they called",
    "only left": "only before",
    "only right": "only after",
}
_ALIKE_WORDS = {
    "same": "the same on both sides",
    "served": "» served, the same on both sides",
    "executed again": "↻ executed again, the same on both sides",
}


def walked(top: Sequence[DiffRow | AlikeRows]) -> Iterator[tuple[str, DiffRow | AlikeRows]]:
    """Give rows with the lines that lead to them, for a terminal."""
    stack: list[tuple[str, str, DiffRow | AlikeRows]] = [("", "", row) for row in reversed(top)]
    while stack:
        lead, below, row = stack.pop()
        yield lead, row
        inner = row.below if isinstance(row, DiffRow) else []
        last = len(inner) - 1
        stack.extend(
            (
                below + ("└─ " if i == last else "├─ "),
                below + ("   " if i == last else "│  "),
                child,
            )
            for i, child in reversed(list(enumerate(inner)))
        )
