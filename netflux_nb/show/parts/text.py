"""A Node in words, and a tree as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from ...core.text.legible import blanked, shortened
from ...core.views import NodeOrigin, NodeState, NodeView
from ...runtime.safe import Safe, visible
from . import look
from .headings import sign_of
from .numbers import clock, named, seconds, usd, used
from .outline import Outline, Row, outline
from .values import call, failure, line, said
from .widths import cells, columns, fitted

_WIDTH = 60
# Of the name of a person.
WHO_CHARS, RULE_CHARS = 40, 90
# A call with its result, in cells of a terminal, where it stands beside the columns.
_CALL_CELLS = 84
# Of the path of a call that a fork changed, its end.
_PATH_CHARS = 60

# How a run came from another, in words and with the mark of a Node that did.
HOW = {
    "replay": f"{look.SERVED} replay",
    "fork": f"{look.FORKED} fork",
    "rerun": f"{look.AGAIN} rerun",
    "map": f"{look.AGAIN} rerun",
    "resume": f"{look.AGAIN} resume",
}


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
    heads = ["Call", *look.WIDTHS]
    table = [heads, *([words, *figures] for words, figures in rows if figures)]
    lines = iter(columns(table, [False, False, True, True, True]))
    drawn = [next(lines)]
    drawn += [next(lines) if figures else words for words, figures in rows]
    hidden = chosen.count - chosen.shown
    if hidden:
        drawn.append(f"… {hidden:,} more in the record")
    return Safe("\n".join(drawn))


def _drawn(chosen: Outline) -> Iterator[tuple[str, list[str]]]:
    """Give each row's call, set in, and its figures; a note of what is left out has none."""
    stack: list[tuple[str, str, Row | str]] = []
    if chosen.top is not None:
        stack.append(("", "", chosen.top))
    while stack:
        lead, below, row = stack.pop()
        if isinstance(row, str):
            yield lead + row, []
            continue
        origin = chosen.top.view.origin if chosen.top is not None else None
        yield lead + _call(row, len(lead), origin), figures(row.view)
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


def _call(row: Row, indent: int, origin: NodeOrigin | None) -> str:
    view = row.view
    name = visible(row.segment if row.is_direct else f"…/{row.segment}")
    known = "".join(f" {mark}" for mark in marks(view, origin))
    # The state alone stands in its own column.
    came = outcome(view)
    came = "" if came == view.state.value else came
    words = f"{sign_of(view).shape} {name}({call(view.inputs, 48)}){known} {came}"
    return fitted(words.rstrip(), max(_CALL_CELLS - indent, 40))


def figures(view: NodeView) -> list[str]:
    """Give what stands in the columns beside a call: state, time, tokens, money."""
    took = duration(view)
    bill = view.bill()
    usage = bill.usage
    tokens = f"{usage.total:,}" if usage.total else ""
    if usage.unknown_requests:
        tokens = f"{tokens} + ?" if tokens else "?"
    money = usd(bill.known_usd) if usage.total or bill.usd else ""
    if bill.unknown:
        money = f"{money} + ?" if bill.usd else "unknown"
    # What is shorter than a thousandth is told so.
    time = "" if took is None else seconds(max(took, 0.001))
    return [sign_of(view).word, time, tokens, money]


def marks(view: NodeView, origin: NodeOrigin | None = None) -> list[str]:
    """Say where a Node comes from, where it is not simply a call, and who agreed to it.

    `origin` is that of its root.
    """
    return [said for said in (told(view, origin), answered(view)) if said]


def told(view: NodeView, origin: NodeOrigin | None) -> str:
    """Say where a Node comes from, and what rule of the audit did not hold at it."""
    found = [said for said in (source(view, origin), broken(view)) if said]
    return Safe(" · ".join(found)) if found else ""


def broken(view: NodeView) -> str:
    """Say which rule of the audit did not hold at a Node, and what came of it: the worst first."""
    if not view.violations:
        return ""
    worst = min(view.violations, key=lambda one: ("SABCI".find(one.level), one.action))
    more = len(view.violations) - 1
    also = f", {more:,} more" if more else ""
    return Safe(f"{look.BROKEN} {line(worst.action, 12)}: {line(worst.text, RULE_CHARS)}{also}")


def source(view: NodeView, origin: NodeOrigin | None) -> str:
    """Say that a Node was served, and from where; or changed by a fork, or run again."""
    own = view.origin
    if is_served(view):
        run = own.run if own is not None and own.how == "served" else ""
        run = run or (origin.run if origin is not None else "")
        if not run:
            return f"{look.SERVED} served"
        # Of runs further back it is not known when they began.
        began = origin.began if origin is not None and origin.run == run else None
        return Safe(f"{look.SERVED} served from {_which(run, began, view)}")
    if own is not None and (own.how == "changed" or (own.path and "/" not in own.path)):
        return f"{look.FORKED} changed"
    if origin is not None and origin.how == "rerun" and view.started_at is not None:
        return f"{look.AGAIN} run again"
    return ""


def _which(run: str, began: float | None, view: NodeView) -> str:
    known = named(run)
    # Its number tells it apart from others of its notebook; its kernel's is in the heading.
    name = line(known if known != run else f"…{run.rpartition('-')[2]}", 24)
    return name if began is None else f"{name}, {clock(began, view.opened_at)}"


def came_from(view: NodeView) -> str:
    """Say which run a root is a fork, a rerun or the like of; nothing of one that stands alone."""
    origin = view.origin
    if origin is None or origin.how in ("served", "changed"):
        return ""
    known = named(origin.run)
    name = line(known if known != origin.run else "-".join(known.split("-")[-2:]), 40)
    when = "" if origin.began is None else f", {clock(origin.began, view.opened_at)}"
    cut = origin.path[-_PATH_CHARS:]
    path = line(cut if cut == origin.path else f"…{cut}", _PATH_CHARS + 1)
    where = f", at {path}" if origin.path else ""
    return Safe(f"{HOW.get(origin.how) or line(origin.how, 20)} of {name}{when}{where}")


def is_served(view: NodeView) -> bool:
    """Say whether a Node's outcome came from a record."""
    return view.served or (bool(view.requests) and all(one.served for one in view.requests))


def answered(view: NodeView) -> str:
    """Say who answered what a Node asked, and when; of several answers the last one."""
    if not view.answers:
        return ""
    # The day is the run's.
    when = clock(view.answers[-1].time, view.opened_at)
    more = f", {len(view.answers):,} answers" if len(view.answers) > 1 else ""
    return Safe(f"{answered_by(view)}, {when}{more}")


def answered_by(view: NodeView) -> str:
    """Say who gave the last answer to what a Node asked, and whether it was a yes."""
    if not view.answers:
        return ""
    answer = view.answers[-1].answer
    how = "approved" if answer.value is True else "rejected"
    word = how if isinstance(answer.value, bool) else "answered"
    sign = look.REFUSED if answer.value is False else look.AGREED
    # A name that nobody vouches for says so.
    who = answer.by if answer.known in ("system", "hub") else str(answer.who)
    return Safe(f"{sign} {word} by {line(who, WHO_CHARS)}")


def arguments(view: NodeView, level: int) -> str:
    """Write a Node's arguments as they stand in its row, shorter the deeper it is."""
    most = max(look.ARGS_CELLS - look.LEVEL_CELLS * level, 12)
    return fitted(call(view.inputs, 60), most)


def result(view: NodeView, level: int, args: str) -> str:
    """Say what came of a Node as it stands in its row, in the room that its arguments leave."""
    most = max(look.CALL_CELLS - cells(args) - look.LEVEL_CELLS * level, 16)
    if view.state is NodeState.Success:
        return "" if view.outputs is None else f"→ {fitted(said(view.outputs, 80), most)}"
    if view.exception is not None:
        room = max(most, look.ERROR_CELLS - look.LEVEL_CELLS * level)
        return fitted(failure(view.exception, 120), room)
    if view.state is NodeState.CutOff:
        asks = view.waiting_on is not None and bool(view.waiting_on.wants)
        return f"waited for {view.waiting_on.kind}" if asks and view.waiting_on else ""
    on = view.waiting_on
    # What a Node waits for in the machinery is in its state already.
    if on is not None and on.kind not in ("child", "turn", "model"):
        return fitted(line(on.what, 80), most)
    return fitted(line(view.status, 80), most)


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
