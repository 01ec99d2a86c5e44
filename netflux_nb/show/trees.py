"""A run as a tree: columns that fold, which read without script and styles; or a flow chart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice

from ..core.text.markdown import STEP, table
from ..core.views import NodeOrigin, NodeState, NodeView
from ..runtime.safe import Safe
from . import transcripts
from .parts import look, text, unkept
from .parts.headings import by_state, heading, marked_down, shape, sign_of, word
from .parts.html import (
    BELOW,
    BELOW_END,
    FOLD_ROW,
    FOLD_ROW_END,
    MOST_BYTES,
    ROWS,
    ROWS_END,
    Page,
    bytes_of,
    folded,
    safe,
)
from .parts.numbers import count, named, seconds, usd, used
from .parts.outline import MOST_URGENT, Outline, Row, outline
from .parts.shown import Shown, in_markdown
from .parts.values import line

_HEAD = (
    "<table width=100% style=margin:0><thead align=right><tr><th align=left style=text-align:left;font-weight:400>Call"
    + "".join(
        f"<th width={width} style=font-weight:400>{title}" for title, width in look.WIDTHS.items()
    )
    + "</table>"
)
_CELL = "<tr><td align=left style=text-align:left>"
_BEGIN = "<details class=f style=margin:0 open><summary>"
_AROUND = bytes_of(_BEGIN + FOLD_ROW + _CELL + FOLD_ROW_END + BELOW + BELOW_END + ROWS + ROWS_END)
# Rows beyond those in sight are scrolled to, as in the live view: nothing jumps when it ends.
_SIGHT = (look.ROWS_IN_SIGHT + 1) * look.ROW
# For the line below a row that says what is left out: two names and six numbers.
_REST = 260
# For what is said of the whole.
_TAIL = 160
# No row takes less: a tree of more Nodes than that makes room for is not drawn whole.
_LEAST_ROW = 110
# Rows of a tree in Markdown.
MOST_MARKED = 200
# Nodes of a flow chart.
MOST_CHARTED = 100
# Conversations take at most this share of the room, and one of them so many bytes.
_TALK_SHARE, _TALK_BYTES = 0.9, 6_000

# Gives what stands below rows, within their folds, as HTML by the `id` of the row, in so many bytes.
Below = Callable[[Outline, int], dict[int, str]]
# In a file of its own so many failures come before all else.
_MOST_URGENT = 1_000
# What a row takes more where something stands below it that would have no fold.
FOLD_BYTES = 440


def tree(
    view: NodeView, *, run: str = "", max_bytes: int = 30_000, is_bounded: bool = True
) -> Shown:
    """Draw a run: a heading, then its Nodes in columns, as the live view has them.

    Where there is no room for all, what failed and what leads to it comes first.

    Args:
        view: The root of the tree.
        run: What the run is called in the record.
        max_bytes: Of the HTML; 200 kB is the most.
        is_bounded: Scroll what is more than the rows in sight.
    """
    head = _headline(view, run)
    return Shown(
        Safe(f"{head}\n{text.tree(view)}"),
        lambda: _html(view, run, min(max_bytes, MOST_BYTES), is_bounded),
        "Tree",
        markdown=lambda: markdown(view, run),
        kind=f"{look.ROOT}-t",
    )


def totals(view: NodeView) -> list[str]:
    """Tell what a whole run came to: Nodes, states, time, tokens, money, what was served."""
    bill = view.bill()
    states: Counter[NodeState] = Counter()
    served = 0
    for _, one in view.walk():
        states[one.state] += 1
        served += one.served
    facts = [count(states.total(), "Node")]
    if counts := by_state(states):
        facts.append(counts)
    took = text.duration(view)
    if took is not None:
        facts.append(seconds(took))
    asked = sum(one.requests for one in bill.lines)
    replies = sum(one.served for one in bill.lines)
    if asked:
        examples = " (example prices)" if bill.is_example else ""
        facts += [used(bill.usage), f"{usd(bill.known_usd)}{examples}"]
        if bill.unknown:
            facts.append(f"without {line(', '.join(bill.unknown), 60)}, whose price is unknown")
    if replies or served:
        of = f"{replies:,} of {count(asked + replies, 'request')}"
        # What a whole call would have cost is not in its view: only of replies it is known.
        would = f", which would have cost {usd(bill.saved_usd)}" if replies else ""
        facts.append(f"{of if replies else count(served, 'Node')} served from the record{would}")
    if came := text.came_from(view):
        facts.append(came)
    if lost := unkept.words(view):
        facts.append(lost)
    return facts


def _headline(view: NodeView, run: str) -> str:
    sign = sign_of(view)
    words = [f"{sign.shape} {sign.word}", *totals(view)]
    name = line(view.fn.name, 64)
    return f"{name}: {', '.join(words)}{f' ({line(named(run), 80)})' if run else ''}"


def markdown(view: NodeView, run: str = "", *, most: int = MOST_MARKED) -> Iterator[str]:
    """Give a run as lines of Markdown: a heading, and a table whose calls are set in.

    Args:
        view: The root of the tree.
        run: What the run is called in the record.
        most: Rows; what failed comes first where there are more.
    """
    yield marked_down(view, totals(view), line(named(run), 80) if run else "")
    yield ""
    left = [most]

    def take(row: Row) -> bool:
        left[0] -= 1
        return left[0] >= 0

    chosen = outline(view, take)
    rows = [_marked_cells(row, view.origin) for row in chosen.rows()]
    yield from table(["Call", *look.WIDTHS], rows, [False, False, True, True, True])
    hidden = chosen.count - chosen.shown
    if hidden:
        yield from ("", f"… {hidden:,} more in the record")


def _marked_cells(row: Row, origin: NodeOrigin | None) -> list[str]:
    view = row.view
    name = in_markdown(row.segment if row.is_direct else f"…/{row.segment}")
    args = text.arguments(view, row.level)
    parts = [in_markdown(sign_of(view).shape), f"**{name}**" if view.fn.is_agent() else name]
    parts += [f"*{in_markdown(mark)}*" for mark in text.marks(view, origin)]
    parts += [in_markdown(one) for one in (args, text.result(view, row.level, args)) if one]
    return [STEP * row.level + " ".join(parts), *map(in_markdown, text.figures(view))]


def _html(view: NodeView, run: str, max_bytes: int, is_bounded: bool) -> str:
    page = Page(max_bytes)
    called = line(named(run), 80) if run else ""
    page.add(heading(sign_of(view), safe(line(view.fn.name, 64)), totals(view), called))
    scrolls = f' style="max-height:{_SIGHT}px;overflow:auto"' if is_bounded else ""
    if page.begin(f"<div{scrolls}>{_HEAD}", "</div>"):
        _add_rows(page, view, _conversations)
        page.close()
    return str(page)


def in_page(view: NodeView, below: Below, *, max_bytes: int, share: float) -> Shown:
    """Draw the tree for a file of its own, which has a heading, and is larger than an output.

    Args:
        view: The root of the tree.
        below: Draws what stands below rows.
        max_bytes: Of the HTML.
        share: Of that, what rows take at most; the rest is for what stands below them.
    """

    def html() -> str:
        page = Page(max_bytes)
        if page.begin(f"<div>{_HEAD}", "</div>"):
            _add_rows(page, view, below, share, _MOST_URGENT)
            page.close()
        return str(page)

    return Shown("", html, "Tree", kind=f"{look.ROOT}-t")


def _add_rows(
    page: Page, view: NodeView, below: Below, share: float = 1.0, urgent: int = MOST_URGENT
) -> None:
    drawn: dict[int, str] = {}
    kept = int((1 - share) * page.left)
    room = page.left - kept - _TAIL
    most = max(room, 0) // _LEAST_ROW
    fits = sum(1 for _ in islice(view.walk(), most + 1)) <= most
    chosen, left = _chosen(view, room, 0 if fits else _REST, drawn, urgent)
    if fits and chosen.shown < chosen.count:
        # Then each row that folds may need a line for what is left out below it.
        drawn.clear()
        chosen, left = _chosen(view, room, _REST, drawn, urgent)
    inner = below(chosen, max(left + kept, 0))
    for chunk in _chunks(chosen, drawn, inner):
        page.add(chunk)
    hidden = chosen.count - chosen.shown
    if hidden:
        page.add(f"<p><small>… {hidden:,} more in the record</small></p>")


def _chosen(
    view: NodeView, room: int, rest: int, drawn: dict[int, str], urgent: int
) -> tuple[Outline, int]:
    """Choose the rows for which there is room, and draw them; give what is left of it."""
    left = [room]

    def take(row: Row) -> bool:
        cells = _cells(row, view.origin)
        folds = row.view.children or row.view.transcript
        around = _AROUND + rest if folds else bytes_of(ROWS + ROWS_END) + 3
        left[0] -= bytes_of(cells) + around
        drawn[id(row)] = cells
        return left[0] >= 0

    return outline(view, take, most_urgent=urgent), left[0]


def _cells(row: Row, origin: NodeOrigin | None) -> str:
    """Draw a row's cells: the call with its result, then the columns beside it."""
    view = row.view
    sign = sign_of(view)
    name = safe(row.segment if row.is_direct else f"…/{row.segment}")
    # The shape comes first in its cell: the sheet colours a success there.
    shown = f"<b>{sign.shape}</b>" if sign.letter == "s" else shape(sign)
    parts = [shown, f"<b>{name}</b>" if view.fn.is_agent() else name]
    parts += [f"<i>{safe(mark)}</i>" for mark in text.marks(view, origin)]
    args = text.arguments(view, row.level)
    if args:
        parts.append(f"<tt>{safe(args)}</tt>")
    if came := text.result(view, row.level, args):
        parts.append(safe(came))
    state, *figures = text.figures(view)
    cells = [word(sign) if state == sign.word else safe(state), *map(safe, figures)]
    widths = [f" width={width}" for width in look.WIDTHS.values()]
    columns = "".join(f"<td{w}>{cell}" for w, cell in zip(widths, cells, strict=True))
    return f"{' '.join(parts)}{columns}"


def _conversations(chosen: Outline, room: int) -> dict[int, str]:
    """Draw conversations, of what failed first, as far as there is room."""
    talks: dict[int, str] = {}
    room = int(room * _TALK_SHARE)
    rows = [row for row in chosen.rows() if row.view.transcript]
    for row in sorted(rows, key=lambda one: (not one.is_urgent, one.level)):
        inner = Page(min(_TALK_BYTES, room))
        transcripts.add(inner, transcripts.parts(row.view))
        title = f"<small>conversation, {count(len(row.view.transcript), 'part')}</small>"
        talk = folded(title, str(inner))
        room -= bytes_of(talk)
        if room < 0:
            break
        talks[id(row)] = talk
    return talks


def _is_open(row: Row, chosen: Outline) -> bool:
    """Say whether a row is unfolded, by the rule of the live view."""
    if row.level == 0 or row.is_urgent:
        return True
    if len(row.view.children) > look.OPEN_CHILDREN or row.level >= look.OPEN_LEVELS:
        return False
    # What an agent called, and its conversation, are looked at one by one.
    if row.view.fn.is_agent() and not row.is_unsettled:
        return False
    return chosen.count <= look.FEW_NODES or row.is_unsettled


def _chunks(chosen: Outline, drawn: dict[int, str], inner: dict[int, str]) -> Iterator[str]:
    stack: list[Row | str] = [chosen.top] if chosen.top is not None else []
    in_table = False
    while stack:
        row = stack.pop()
        if isinstance(row, Row) and not (row.below or row.rest or id(row) in inner):
            # An em space stands where others have the marker of their fold.
            yield f"{'' if in_table else ROWS}{_CELL}\u2003{drawn[id(row)]}"
            in_table = True
            continue
        if in_table:
            yield ROWS_END
            in_table = False
        if isinstance(row, str):
            yield row
            continue
        yield (
            _BEGIN
            if _is_open(row, chosen) and (row.below or row.rest)
            else _BEGIN.replace(" open", "")
        )
        yield f"{FOLD_ROW}{_CELL}{drawn[id(row)]}{FOLD_ROW_END}{BELOW}{inner.get(id(row), '')}"
        rest = f"<small>{safe(row.rest)}</small>" if row.rest else ""
        stack += [rest + BELOW_END, *reversed(row.below)]
    if in_table:
        yield ROWS_END


def mermaid(view: NodeView, *, most: int = MOST_CHARTED) -> str:
    """Write the executed tree as Mermaid, at most so many Nodes of it.

    Example:
        >>> from netflux_nb import Runtime, function
        >>> @function
        ... def double(x: int) -> int:
        ...     return 2 * x
        >>> with Runtime([double]) as runtime:
        ...     node = runtime.get_ctx().invoke(double, {"x": 21})
        ...     node.wait()
        ...     print(mermaid(node.view()).splitlines()[0])
        flowchart TD
    """
    left = [max(most, 1)]

    def take(row: Row) -> bool:
        left[0] -= 1
        return left[0] >= 0

    names: dict[int, str] = {}
    lines = ["flowchart TD"]
    for n, row in enumerate(outline(view, take).rows()):
        names[id(row)] = name = f"n{n}"
        # Agents have round ends, code has corners.
        begin, end = ('(["', '"])') if row.view.fn.is_agent() else ('["', '"]')
        lines.append(f"  {name}{begin}{_in_chart(row)}{end}")
        if row.parent is not None:
            arrow = "-->" if row.is_direct else "-.->"
            lines.append(f"  {names[id(row.parent)]} {arrow} {name}")
        if row.rest:
            lines += [f'  {name}r["{escaped(row.rest)}"]', f"  {name} -.- {name}r"]
    return "\n".join(lines)


def _in_chart(row: Row) -> str:
    title = escaped(line(f"{look.STATES[row.view.state].shape} {row.segment}", 48))
    told = escaped(line(", ".join(text.facts(row.view)), 80))
    # The only mark-up that is ours.
    return f"{title}<br/>{told}"


def escaped(words: str) -> str:
    """Write a text so that Mermaid, and the Markdown around it, take it as text only.

    Example:
        >>> escaped('a"]; click x')
        'a#34;#93;#59; click x'
    """
    return "".join(c if c.isalnum() or c in " _,.…" else f"#{ord(c)};" for c in words)
