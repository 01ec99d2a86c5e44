"""A run as a static tree: nested lists without script, which read without styles too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..core.messages import ModelTextPart, UserTextPart
from ..core.text.legible import cut
from ..core.views import NodeState, NodeView
from ..runtime.safe import Safe
from .parts import text, unkept
from .parts.html import INNER, LIST, MOST_BYTES, TEXT, Page, bytes_of, folded, safe
from .parts.numbers import count, named, seconds, usd, used
from .parts.outline import Outline, Row, outline
from .parts.shown import Shown
from .parts.values import call, line

# Middle tones, which are read on light and on dark.
COLOURS = {
    NodeState.Waiting: "#8a8a8a",
    NodeState.Running: "#3584e4",
    NodeState.Error: "#d9534f",
    NodeState.Canceled: "#8a8a8a",
    NodeState.CutOff: "#c88800",
}
# A tree of no more Nodes is shown unfolded.
FEW = 24
# Of a prompt and of an answer, as they stand in the tree.
SAID_CHARS = 600

_LI, _LI_END = "<li>", "</li>"
_FOLD, _FOLD_OPEN, _FOLD_MID = "<details><summary>", "<details open><summary>", "</summary>"
_LIST, _LIST_END = f'<ul style="{INNER}">', "</ul></details></li>"
# A row that is folded, beside the row itself and what is left out below it.
_AROUND = bytes_of(_LI + _FOLD_OPEN + _FOLD_MID + _LIST + _LIST_END)
# For the line below a row that says what is left out: two names and six numbers.
_REST = 200
# For what is said of the whole.
_TAIL = 120


def tree(view: NodeView, *, run: str = "", max_bytes: int = 30_000) -> Shown:
    """Draw a run: one line for the whole, then its Nodes, what failed unfolded.

    Args:
        view: The root of the tree.
        run: What the run is called in the record.
        max_bytes: Of the HTML; 200 kB is the most.
    """
    head = _headline(view, run)
    return Shown(
        Safe(f"{head}\n{text.tree(view)}"),
        lambda: _html(view, run, min(max_bytes, MOST_BYTES)),
        "Tree",
    )


def state_of(view: NodeView) -> str:
    """Give a state as HTML: a shape and a word, and where it is not success a colour too."""
    words = f"{text.SHAPES[view.state]} {view.state.value}"
    colour = COLOURS.get(view.state)
    return f'<span style="color:{colour}">{words}</span>' if colour else words


def kept(facts: Iterable[str]) -> str:
    """Give facts as HTML whose words stay together where a line ends, short ones that is."""
    return " · ".join(safe(f).replace(" ", "\u00a0") if len(f) < 20 else safe(f) for f in facts)


def totals(view: NodeView) -> list[str]:
    """Tell what a whole run came to: Nodes, time, tokens, money, what was served."""
    bill = view.bill()
    nodes = served = 0
    for _, one in view.walk():
        nodes += 1
        served += one.served
    found = [count(nodes, "Node")]
    took = text.duration(view)
    if took is not None:
        found.append(seconds(took))
    asked = sum(one.requests for one in bill.lines)
    replies = sum(one.served for one in bill.lines)
    if asked:
        examples = " (example prices)" if bill.is_example else ""
        found += [used(bill.usage), f"{usd(bill.known_usd)}{examples}"]
        if bill.unknown:
            found.append(f"without {line(', '.join(bill.unknown), 60)}, whose price is unknown")
    if replies or served:
        of = f"{replies:,} of {count(asked + replies, 'request')}"
        # What a whole call would have cost is not in its view: only of replies it is known.
        would = f", which would have cost {usd(bill.saved_usd)}" if replies else ""
        found.append(f"{of if replies else count(served, 'Node')} served from the record{would}")
    if lost := unkept.words(view):
        found.append(lost)
    return found


def _headline(view: NodeView, run: str) -> str:
    words = [f"{text.SHAPES[view.state]} {view.state.value}", *totals(view)]
    name = line(view.fn.name, 64)
    return f"{name}: {', '.join(words)}{f' ({line(named(run), 80)})' if run else ''}"


def _html(view: NodeView, run: str, max_bytes: int) -> str:
    page = Page(max_bytes)
    name = safe(line(view.fn.name, 64))
    facts = " · ".join([state_of(view), kept(totals(view))])
    called = f" <small>{safe(line(named(run), 80))}</small>" if run else ""
    page.add(f"<p><b>{name}</b> {facts}{called}</p>")
    begin, end = f'<ul style="{LIST}">', "</ul>"
    if page.begin(begin, end):
        left = [page.left - _TAIL]
        lines: dict[int, str] = {}

        def take(row: Row) -> bool:
            drawn = _row(row)
            # A Node without children is one line, unless it has said something.
            around = _AROUND + _REST if _has_more(row.view) else len(_LI + _LI_END)
            left[0] -= bytes_of(drawn) + around
            lines[id(row)] = drawn
            return left[0] >= 0

        chosen = outline(view, take)
        said = _conversations(chosen, left[0])
        _add(page, chosen, lines, said)
        page.close()
        hidden = chosen.count - chosen.shown
        if hidden:
            page.add(f"<p>… {hidden:,} more in the record</p>")
    return str(page)


def _has_more(view: NodeView) -> bool:
    return bool(view.children or view.transcript)


def _row(row: Row) -> str:
    view = row.view
    name = row.segment if row.is_direct else f"…/{row.segment}"
    shape = text.SHAPES[view.state]
    if view.state in COLOURS:
        shape = f'<span style="color:{COLOURS[view.state]}">{shape}</span>'
    args = safe(call(view.inputs, 56, 28))
    facts = kept(text.facts(view))
    return (
        f"{shape} <b>{safe(name)}</b>({args}) {safe(text.outcome(view, 56))} <small>{facts}</small>"
    )


def _conversations(chosen: Outline, room: int) -> dict[int, str]:
    """Give prompts and last answers, of what failed first, as far as there is room."""
    found: dict[int, str] = {}
    rows = [row for row in chosen.rows() if row.view.transcript]
    for row in sorted(rows, key=lambda one: (not one.is_urgent, one.level)):
        drawn = _conversation(row.view)
        room -= bytes_of(drawn)
        if room < 0:
            break
        found[id(row)] = drawn
    return found


def _conversation(view: NodeView) -> str:
    prompts = (p.text for p in view.transcript if isinstance(p, UserTextPart))
    answers = (p.text for p in reversed(view.transcript) if isinstance(p, ModelTextPart))
    blocks = [
        f'<i>{what}</i><pre style="{TEXT}">{safe(cut(words, SAID_CHARS))}</pre>'
        for what, words in (("prompt", next(prompts, "")), ("last answer", next(answers, "")))
        if words
    ]
    title = f"<small>conversation, {count(len(view.transcript), 'part')}</small>"
    return folded(title, "".join(blocks))


def _add(page: Page, chosen: Outline, lines: dict[int, str], said: dict[int, str]) -> None:
    """Write the rows; their room was counted when they were chosen."""
    is_small = chosen.count <= FEW
    for chunk in _chunks(chosen, lines, said, is_small):
        page.add(chunk)


def _chunks(
    chosen: Outline, lines: dict[int, str], said: dict[int, str], is_small: bool
) -> Iterator[str]:
    stack: list[Row | str] = [chosen.top] if chosen.top is not None else []
    while stack:
        row = stack.pop()
        if isinstance(row, str):
            yield row
            continue
        conversation = said.get(id(row), "")
        if not (row.below or row.rest or conversation):
            yield f"{_LI}{lines[id(row)]}{_LI_END}"
            continue
        is_open = is_small or row.level == 0 or (row.is_urgent and bool(row.below))
        fold = _FOLD_OPEN if is_open else _FOLD
        yield f"{_LI}{fold}{lines[id(row)]}{_FOLD_MID}{conversation}"
        if row.below or row.rest:
            rest = f"{_LI}{safe(row.rest)}{_LI_END}" if row.rest else ""
            yield _LIST
            stack += [rest + _LIST_END, *reversed(row.below)]
        else:
            yield "</details></li>"
