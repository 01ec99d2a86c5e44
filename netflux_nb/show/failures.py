"""The failure of a tree: the Node in which it began, its class, and the others that failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ..core.errors import stringify
from ..core.text.paths import STEP_CHARS, step_among, steps_of
from ..core.views import NodeState, NodeView
from ..determinism.verdict import FailureClass, failure_class
from ..runtime.safe import visible
from .parts.text import clean
from .parts.values import brief

MOST_NAMED = 20
MOST_CHARS = 2_000

_ADVICE: Mapping[FailureClass, str] = {
    "structural": "Mend the code, the arguments or the flow, then `resume` or run it again.",
    "semantic": "The result was not as its rules, or its record, want it. Look at it.",
    "environmental": "Something outside failed. When it is there again, `resume` goes on.",
    "authority": "A policy did not let it go on. Change the policy, or what is asked of it.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The failure of a tree: its error, class, path and advice."""

    state: str
    kind: FailureClass | None
    # Of the Node in which it began.
    path: str
    error: str
    inputs: Mapping[str, str]
    advice: str
    # Other Nodes that failed, or have no end.
    others: tuple[str, ...] = ()
    unfinished: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Give it as plain JSON."""
        return {
            "state": self.state,
            "failure_class": self.kind,
            "path": self.path,
            "error": self.error,
            "inputs": dict(self.inputs),
            "advice": self.advice,
            "others": list(self.others),
            "unfinished": list(self.unfinished),
        }

    def __str__(self) -> str:
        lines = [f"{self.state}{f', {self.kind}' if self.kind else ''}, at {self.path}"]
        if self.error:
            lines.append(f"  {self.error}")
        lines += [f"  {name} = {value}" for name, value in self.inputs.items()]
        for what, many in (("Failed too", self.others), ("Without an end", self.unfinished)):
            if many:
                lines.append(f"{what}: {', '.join(many)}")
        return "\n".join([*lines, self.advice])


# Of a view alone nobody knows which: a run does.
_OPEN = (NodeState.Waiting, NodeState.Running)


def explain(view: NodeView) -> Failure | None:
    """Say why a tree did not succeed; None where it did.

    It began in the deepest Node whose error is the tree's own. Errors that a caller caught
    are named beside it.
    """
    if view.state is NodeState.Success:
        return None
    paths = _paths(view)
    origin = chain(view)[-1]
    failed = [one for _, one in view.walk() if one.state is NodeState.Error]
    on_way = {id(one) for one in failed if _is_same(one, view)}
    others = [paths[id(one)] for one in failed if id(one) not in on_way]
    unfinished = [paths[id(one)] for _, one in view.walk() if not one.is_done]
    error = origin.exception
    kind = None if error is None or view.state is NodeState.Canceled else failure_class(error)
    return Failure(
        state=view.state.value if view.state not in _OPEN else "Cut off, or still running",
        kind=kind,
        path=paths[id(origin)],
        error="" if error is None else _line(stringify(error, MOST_CHARS), MOST_CHARS),
        inputs={clean(k, 64): brief(v, 200) for k, v in list(origin.inputs.items())[:16]},
        advice=_ADVICE[kind] if kind else "`resume` goes on where it stopped.",
        others=_few(others),
        unfinished=_few(unfinished),
    )


def chain(view: NodeView) -> tuple[NodeView, ...]:
    """Give the Nodes from a tree's root down to the one in which its error began."""
    found = [view]
    while True:
        below = next((one for one in found[-1].children if _is_same(one, found[-1])), None)
        if below is None:
            return tuple(found)
        found.append(below)


def steps(found: Sequence[NodeView]) -> tuple[str, ...]:
    """Give the steps of the path that leads down a chain of Nodes."""
    below = (step_among(one, above.children) for above, one in pairwise(found))
    return tuple(clean(step, STEP_CHARS) for step in (found[0].fn.name, *below))


def _is_same(one: NodeView, above: NodeView) -> bool:
    mine, theirs = one.exception, above.exception
    if one.state is not NodeState.Error or mine is None or theirs is None:
        return False
    return mine is theirs or stringify(mine, 500) == stringify(theirs, 500)


def _paths(root: NodeView) -> dict[int, str]:
    found = {id(root): clean(root.fn.name, STEP_CHARS)}
    for _, one in root.walk():
        for child, step in zip(one.children, steps_of(one.children), strict=True):
            found[id(child)] = f"{found[id(one)]}/{clean(step, STEP_CHARS)}"[-500:]
    return found


def _few(names: list[str]) -> tuple[str, ...]:
    more = len(names) - MOST_NAMED
    return (*names[:MOST_NAMED], *([f"… ({more} more)"] if more > 0 else []))


def _line(text: str, most: int) -> str:
    return visible(" ⏎ ".join(text.splitlines()))[:most]
