"""The heading of a view: a state, what it is of, and its figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from ...core.text.legible import shortened
from ...core.views import NodeState, NodeView
from ...runtime.safe import line
from . import look
from .html import safe
from .look import Sign
from .shown import in_markdown


def sign_of(view: NodeView) -> Sign:
    """Give the shape and the word of a Node's state; of one that waits, what it waits for."""
    on = view.waiting_on
    if on is not None and view.state in (NodeState.Waiting, NodeState.Running):
        if on.wants:
            return look.ASKS
        if on.kind != "child":
            known = look.STATES[view.state]
            return Sign(known.shape, f"waits: {shortened(on.kind, 20)}", known.letter)
    return look.STATES[view.state]


def shape(sign: Sign) -> str:
    """Give a state's shape as HTML, in its colour where it is no success."""
    ink = look.ink(sign.letter)
    style = f' style="{ink}"' if ink else ""
    return f"<b class={sign.letter}{style}>{sign.shape}</b>"


def word(sign: Sign) -> str:
    """Give a state's word as HTML. The sheet alone colours it: the shape is beside it."""
    if sign.letter == "s":
        return safe(sign.word)
    return f"<span class={sign.letter}>{safe(sign.word)}</span>"


def heading(sign: Sign, name: str, facts: Iterable[str], aside: str = "", *, args: str = "") -> str:
    """Draw a heading.

    Args:
        sign: The state.
        name: What it is of, as HTML.
        facts: Its figures. Short ones are not broken at the end of a line.
        aside: What is said last and small, such as a run's name.
        args: The arguments, where it is of one call.
    """
    told = "".join(f" · {together(fact)}" for fact in facts)
    small = f" <small>{safe(aside)}</small>" if aside else ""
    given = f" <tt>{safe(args)}</tt>" if args else ""
    return f"<p>{shape(sign)} <b>{name}</b>{given} {word(sign)}{told}{small}</p>"


def marked_down(view: NodeView, facts: Iterable[str], aside: str = "", *, args: str = "") -> str:
    """Give the heading of a Node as a line of Markdown; the parts are those of `heading`."""
    sign = sign_of(view)
    name = in_markdown(line(view.fn.name, 64))
    given = f"({in_markdown(args)})" if args else ""
    told = "".join(f" · {in_markdown(fact)}" for fact in facts)
    small = f" ({in_markdown(aside)})" if aside else ""
    return f"{in_markdown(sign.shape)} **{name}**{given} {in_markdown(sign.word)}{told}{small}"


def together(fact: str) -> str:
    """Give a fact as HTML whose words stay together where a line ends, if it is short."""
    return safe(fact).replace(" ", "\u00a0") if len(fact) < 24 else safe(fact)


def by_state(states: Counter[NodeState]) -> str:
    """Count Nodes by state, as `● 54 ✗ 4`; nothing where all are a success."""
    if set(states) <= {NodeState.Success}:
        return ""
    # Success first, then as a Node's life goes.
    order = [NodeState.Success, *(s for s in NodeState if s is not NodeState.Success)]
    return " ".join(f"{look.STATES[s].shape} {states[s]:,}" for s in order if states[s])
