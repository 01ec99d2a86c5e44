"""Views as text for a terminal: a tree, usage, a value."""

from __future__ import annotations

from collections.abc import Iterator

from ...core.text.legible import blanked, shortened
from ...core.views import NodeState, NodeView
from ...runtime.safe import Safe, visible
from .numbers import seconds, usd, used
from .outline import Outline, Row, outline
from .values import call, failure, line, said

# A shape and a word for each state: never a colour alone.
SHAPES = {
    NodeState.Waiting: "○",
    NodeState.Running: "◐",
    NodeState.Success: "●",
    NodeState.Error: "✗",
    NodeState.Canceled: "◌",
    NodeState.CutOff: "◍",
}
_WIDTH = 60


def clean(text: str, width: int = _WIDTH) -> str:
    """Make any text safe for one line of a terminal: no control or direction marks, bounded."""
    return shortened(" ".join(blanked(text[: width * 4]).split()), width)


def tree(view: NodeView, *, limit: int = 200) -> str:
    """Draw a view and its subtree, at most `limit` rows of it.

    Example:
        >>> from netflux_nb import Runtime, function
        >>> @function
        ... def double(x: int) -> int:
        ...     return 2 * x
        >>> with Runtime([double]) as runtime:
        ...     node = runtime.get_ctx().invoke(double, {"x": 21})
        ...     node.wait()
        ...     print(tree(node.view()).split("  ")[0])
        ● double(x=21) → 42
    """
    left = [limit]

    def take(row: Row) -> bool:
        left[0] -= 1
        return left[0] >= 0

    chosen = outline(view, take)
    rows = list(_drawn(chosen))
    hidden = chosen.count - chosen.shown
    return Safe("\n".join([*rows, *([f"… {hidden:,} more in the record"] if hidden else [])]))


def _drawn(chosen: Outline) -> Iterator[str]:
    stack: list[tuple[str, str, Row | str]] = []
    if chosen.top is not None:
        stack.append(("", "", chosen.top))
    while stack:
        lead, below, row = stack.pop()
        if isinstance(row, str):
            yield lead + row
            continue
        yield lead + _row(row)
        inner: list[Row | str] = [*row.below, *([row.rest] if row.rest else [])]
        last = len(inner) - 1
        stack.extend(
            (
                below + ("└─ " if i == last else "├─ "),
                below + ("   " if i == last else "│  "),
                one,
            )
            for i, one in reversed(list(enumerate(inner)))
        )


def _row(row: Row) -> str:
    view = row.view
    name = visible(row.segment if row.is_direct else f"…/{row.segment}")
    words = f"{SHAPES[view.state]} {name}({call(view.inputs, 48)}) {outcome(view)}"
    return f"{words}  [{', '.join(facts(view))}]"


def outcome(view: NodeView, most: int = 48) -> str:
    """Say what came of a Node, or what it waits for."""
    return Safe(_outcome(view, most))  # its pieces are lines, or words of ours


def _outcome(view: NodeView, most: int) -> str:
    if view.state is NodeState.Success:
        return f"→ {said(view.outputs, most)}"
    if view.exception is not None:
        return f"→ {view.state.value}: {failure(view.exception)}"
    if view.state is NodeState.CutOff:
        asks = view.waiting_on is not None and bool(view.waiting_on.wants)
        return f"… it waited for {view.waiting_on.kind}" if asks and view.waiting_on else "… no end"
    if view.waiting_on is not None:
        return f"… waits for {view.waiting_on.kind}: {line(view.waiting_on.what, 40)}"
    return f"… {line(view.status, most)}" if view.status else view.state.value


def facts(view: NodeView) -> list[str]:
    """Tell a Node's state, its time, and what its subtree used and cost."""
    found = [str(view.state.value)]
    took = duration(view)
    if took is not None:
        found.append(seconds(took))
    bill = view.bill()
    usage = bill.usage
    if usage.total or usage.unknown_requests:
        found.append(used(usage))
    if bill.usd:
        found.append(usd(bill.usd))
    served = sum(one.served for one in bill.lines)
    if view.served or served:
        saved = f", saved {usd(bill.saved_usd)}" if bill.saved_usd else ""
        found.append(f"» served{saved}")
    return found


def duration(view: NodeView) -> float | None:
    """Give the seconds that a Node took, with all that it called; None where they are unknown."""
    began, ended = view.started_at, view.ended_at
    # A stored time may be anything.
    if not isinstance(began, (int, float)) or not isinstance(ended, (int, float)):
        return None
    return ended - began
