"""Diffs of two runs as text for a terminal, and as static HTML for a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ..compare.diff import Diff, NodeDiff, Status
from ..compare.equality import plain, readable
from ..compare.fields import Field
from ..compare.totals import Amounts
from ..core.errors import stringify
from ..core.text.legible import shortened
from ..core.views import NodeState, NodeView
from ..replay.begin import Replayed
from ..runtime.safe import visible
from .parts import values
from .parts.beside import MOST_LINES, field_html
from .parts.html import LIST, MOST_BYTES, ROOM, Page, safe
from .parts.marked import Marked, marked, said
from .parts.numbers import named as run_name
from .parts.numbers import seconds, usd
from .parts.shown import Shown
from .parts.text import clean

# A shape for each status. The word always stands beside it.
SHAPES: dict[Status, str] = {
    "same": "=",
    "changed": "≠",
    "only left": "-",
    "only right": "+",
    "served": "»",
    "executed again": "↻",
}
# Deeper Nodes stand under the nearest one that is shown.
MOST_LEVELS = 8
MOST_ROWS = 200
LINE_CHARS = 2_000


@dataclass(slots=True, eq=False)
class _Row:
    """One Node that is shown, under the nearest Node above it that is."""

    node: NodeDiff
    is_direct: bool
    below: list[_Row] = field(default_factory=list)


def text(diff: Diff, *, only_changes: bool = True, width: int = 100) -> str:
    """Draw a diff for a terminal: what it comes to, the tree, the first divergence.

    Args:
        diff: What to draw.
        only_changes: Leave out Nodes that do not differ, but for those above one that does.
        width: Of a line, in characters.
    """
    first = diff.first
    lines = list(_summary(diff))
    if not only_changes or not diff.is_same:
        top, left_out = _outline(diff, only_changes)
        lines += ["", *(_fitted(line, width) for line in _drawn(top, first)), *_rest(left_out)]
    if first is not None:
        lines += ["", f"First divergence: {values.line(first.path, 500)} ({first.status})"]
        if not first.fields:
            lines.append(f"  {_call(first)}")
        for found in first.fields:
            lines.append(f"  {found.name}")
            for line in marked(found, MOST_LINES):
                lines += [f"    {row}" for row in _wrapped(_plain_line(line), width - 4)]
    return "\n".join(lines)


def _fitted(line: str, width: int) -> str:
    return shortened(line, width)


def _summary(diff: Diff) -> Iterator[str]:
    left, right = (
        clean(run_name(side.name)) or name
        for side, name in ((diff.left, "left"), (diff.right, "right"))
    )
    yield f"{left} → {right}: {diff.verdict}"
    counts = ", ".join(f"{n:,} {SHAPES[s]} {s}" for s, n in diff.counts.items())  # type: ignore[index]
    facts = _facts(*diff.totals)
    yield f"Nodes: {counts}{f'; {facts}' if facts else ''}"
    unknown = diff.not_comparable
    if unknown:
        named = ", ".join(f"{clean(path)}: {name}" for path, name in unknown[:3])
        more = f", … ({len(unknown) - 3:,} more)" if len(unknown) > 3 else ""
        yield f"Could not be compared: {named}{more}"


def _facts(left: Amounts | None, right: Amounts | None) -> str:
    """Tell time, tokens and cost of both sides."""
    sides = [side for side in (left, right) if side is not None]
    facts = []
    if any(side.seconds is not None for side in sides):
        facts.append([_time(side) for side in sides])
    if any(side.tokens for side in sides):
        facts.append([f"{side.tokens:,} tokens" for side in sides])
    if any(side.usd != 0 for side in sides):
        facts.append([_cost(side) for side in sides])
    return ", ".join(" → ".join(dict.fromkeys(fact)) for fact in facts)


def _time(side: Amounts) -> str:
    return "no time" if side.seconds is None else seconds(side.seconds)


def _cost(side: Amounts) -> str:
    return usd(side.usd)


def _outline(diff: Diff, only_changes: bool) -> tuple[list[_Row], dict[str, int]]:
    """Choose the Nodes that are shown, and count those that are not."""
    wanted: set[int] = set()
    for one in diff.changed if only_changes else ():
        node: NodeDiff | None = one
        while node is not None and id(node) not in wanted:
            if node is one or node.depth <= MOST_LEVELS:
                wanted.add(id(node))
            # From deep down, straight to where ancestors are shown again.
            node = node.far_above if node.depth > MOST_LEVELS + 2 else node.parent
    rows: dict[int, _Row] = {}
    levels: dict[int, int] = {}
    above: dict[int, _Row | None] = {}
    top: list[_Row] = []
    more = 0
    for node in diff.nodes:
        parent = None if node.parent is None else above.get(id(node.parent))
        above[id(node)] = parent
        if only_changes and id(node) not in wanted:
            continue
        if len(rows) == MOST_ROWS:
            more += 1
            continue
        row = _Row(node, parent is None or parent.node is node.parent)
        rows[id(node)] = row
        level = 0 if parent is None else levels[id(parent)] + 1
        levels[id(row)] = level
        (top if parent is None else parent.below).append(row)
        if level < MOST_LEVELS:
            above[id(node)] = row
    return top, {"more": more, "alike": len(diff.nodes) - len(rows) - more}


def _rest(left_out: dict[str, int]) -> Iterator[str]:
    if left_out["more"]:
        yield f"… {left_out['more']:,} more"
    if left_out["alike"]:
        yield f"({left_out['alike']:,} that do not differ are not shown)"


def _drawn(top: list[_Row], first: NodeDiff | None) -> Iterator[str]:
    stack = [("", "", row) for row in reversed(top)]
    while stack:
        lead, below, row = stack.pop()
        yield lead + _line(row, first)
        last = len(row.below) - 1
        stack.extend(
            (
                below + ("└─ " if i == last else "├─ "),
                below + ("   " if i == last else "│  "),
                child,
            )
            for i, child in reversed(list(enumerate(row.below)))
        )


def _line(row: _Row, first: NodeDiff | None) -> str:
    node = row.node
    facts = _facts(*node.spent)
    words = [SHAPES[node.status], _title(row), node.status + _named(node.fields)]
    if node is first:
        words.append("◀ first divergence")
    if node.left is None or node.right is None:
        words.append(_call(node))
    if facts:
        words.append(f"[{facts}]")
    return " ".join(words)


def _title(row: _Row) -> str:
    name = values.line(row.node.segment, 80)
    return name if row.is_direct else f"…/{name}"


def _named(fields: Iterable[Field]) -> str:
    names = ", ".join(f.name for f in fields)
    return f": {names}" if names else ""


def _call(node: NodeDiff) -> str:
    """Write the call of a Node that one side has, and what came of it."""
    view = node.left if node.left is not None else node.right
    assert view is not None
    args = ", ".join(f"{clean(k, 24)}={_shown(v, 24)}" for k, v in view.inputs.items())
    return f"{clean(view.fn.name, 64)}({clean(args, 60)}) → {_outcome(view)}"


def _outcome(view: NodeView) -> str:
    if view.state is NodeState.Success:
        return _shown(view.outputs, 60)
    if view.exception is not None:
        return f"{view.state.value}: {clean(stringify(view.exception, 200))}"
    return str(view.state.value)


def _shown(value: object, most: int) -> str:
    return clean(visible(readable(plain(value), most)), most)


def _plain_line(line: Marked) -> str:
    if line.is_whole:
        mark = {"same": "  ", "removed": "- ", "added": "+ "}[line.pieces[0].tag]
        return mark + visible(line.pieces[0].text)
    label = f"{visible(line.label)}: " if line.label else ""
    begin = {"same": "", "removed": "[-", "added": "{+"}
    end = {"same": "", "removed": "-]", "added": "+}"}
    words = [f"{begin[p.tag]}{said(line, p)}{end[p.tag]}" for p in line.pieces]
    return label + "".join(words)[:LINE_CHARS]


def _wrapped(words: str, width: int) -> Iterator[str]:
    width = max(width, 20)
    for line in words.split("\n"):
        left = line
        while len(left) > width:
            # At a space where one is near; a word that fills a line is cut.
            cut = left.rfind(" ", width // 2, width) + 1 or width
            yield left[:cut].rstrip(" ")
            left = left[cut:]
        yield left


def shown(diff: Diff, *, only_changes: bool = True, max_bytes: int = 30_000) -> Shown:
    """Show a diff: the first divergence, then the trees laid over each other.

    Args:
        diff: What to show.
        only_changes: Leave out Nodes that do not differ, but for those above one that does.
        max_bytes: Of the HTML; 200 kB is the most.
    """
    most = min(max_bytes, MOST_BYTES)
    return Shown(
        text(diff, only_changes=only_changes),
        lambda: html(diff, only_changes=only_changes, max_bytes=most),
        "Diff",
    )


def replayed(found: Replayed, *, max_bytes: int = 30_000) -> Shown:
    """Show a replay, and below it the diff where something came out otherwise."""
    words = str(found)

    def drawn() -> str:
        page = Page(min(max_bytes, MOST_BYTES))
        first, *rest = words.splitlines()
        mark = "●" if found.is_same else "✗"
        lines = "".join(f"<br>{safe(line[:1_000])}" for line in rest)
        page.add(f"<p><b>{mark} {safe(first)}</b>{lines}</p>")
        if not found.is_same:
            page.add(html(found.diff, max_bytes=page.left))
        return str(page)

    return Shown(words, drawn, "Replay")


def html(diff: Diff, *, only_changes: bool = True, max_bytes: int = 30_000) -> str:
    """Draw a diff as one static piece of HTML, without script, of at most so many bytes.

    The first divergence stands at the top with all that differs in it: a link to it would
    not survive where outputs are cleaned.

    It reads without its styles too: what was removed and added is `del` and `ins`, and a
    status is a shape and a word.
    """
    page = Page(max_bytes - ROOM)
    verdict, *facts = _summary(diff)
    page.add(f"<p><b>{safe(verdict)}</b>{''.join(f'<br>{safe(f)}' for f in facts)}</p>")
    first = diff.first
    if first is not None:
        words = f"{SHAPES[first.status]} {first.status}{_named(first.fields)}"
        page.add(
            f"<p>First divergence: <code>{safe(values.line(first.path, 500))}</code> {safe(words)}</p>"
        )
        if not first.fields:
            page.add(f"<p>{safe(_call(first))}</p>")
        _add_fields(page, first)
    if not (diff.is_same and only_changes):
        _add_tree(page, diff, only_changes)
    return str(page)


def _add_tree(page: Page, diff: Diff, only_changes: bool) -> None:
    top, left_out = _outline(diff, only_changes)
    begin, end = f'<ul style="{LIST}">', "</ul>"
    if not page.add("", keep=len(begin + end)):
        return
    page.open(begin, end)
    is_open = {id(diff.first)}
    node = diff.first
    while node is not None and len(is_open) <= MOST_LEVELS:
        is_open.add(id(node))
        node = node.parent
    stack: list[_Row | None] = [*reversed(top)]
    more, is_full = left_out["more"], False
    while stack:
        row = stack.pop()
        if row is None:
            page.close()
        elif is_full or not _add_row(page, row, id(row.node) in is_open, diff.first):
            is_full = True
            more += 1
            stack.extend(row.below)
        elif _holds(row, diff.first):
            stack += [None, *reversed(row.below)]
    page.close()
    page.more(more, ROOM)
    page.add("".join(f"<p>{safe(line)}</p>" for line in _rest({**left_out, "more": 0})))


def _holds(row: _Row, first: NodeDiff | None) -> bool:
    return bool(row.below) or (bool(row.node.fields) and row.node is not first)


def _add_row(page: Page, row: _Row, is_open: bool, first: NodeDiff | None) -> bool:
    title = safe(_title(row))
    line = safe(_line(row, first)).replace(title, f"<b>{title}</b>", 1)
    if not _holds(row, first):
        return page.add(f"<li>{line}</li>")
    begin = f"<li><details{' open' if is_open else ''}><summary>{line}</summary>"
    ends = "</ul></details></li>"
    # A list keeps the levels apart where styles are dropped.
    if not page.add(begin, keep=len(f'<ul style="{LIST}">{ends}')):
        return False
    if row.node is not first:
        _add_fields(page, row.node)
    page.open(f'<ul style="{LIST}">', ends)
    return True


def _add_fields(page: Page, node: NodeDiff) -> None:
    for found in node.fields:
        page.add(field_html(found, page.left // 4))
