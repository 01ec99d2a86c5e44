"""Paths of Nodes: the names of the calls down to one, as in `study/summarise[2]`.

A path is the same in every run that makes the same calls. Of siblings of one name, the second and
later ones have their number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, TypeVar, cast

from ..errors import ArgumentError, NoNodeError, listed
from ..views import Callee, NodeView

_STEP = re.compile(r"([\w-]+)(?:\[(\d{1,9})\])?")
# Of a step, where paths are shown: a name may be somebody else's, and its number is to be seen.
STEP_CHARS = 72


class Parent(Protocol):
    """A call with those that it made: a Node, live or recorded, or its view."""

    @property
    def fn(self) -> Callee:
        """The Function of the call."""
        ...

    @property
    def children(self) -> Sequence[Parent]:
        """The calls that it made, in order."""
        ...


class Nested(Parent, Protocol):
    """A call that knows who made it."""

    @property
    def parent(self) -> Nested | None:
        """The call that made it; None for a root."""
        ...


_C = TypeVar("_C", bound=Parent)


def steps_of(calls: Iterable[Parent]) -> Iterator[str]:
    """Give the step of each of some siblings, in their order."""
    counts: dict[str, int] = {}
    for one in calls:
        name = one.fn.name
        nth = counts[name] = counts.get(name, 0) + 1
        yield name if nth == 1 else f"{name}[{nth}]"


def step_among(one: Parent, siblings: Sequence[Parent]) -> str:
    """Give the step of one of some siblings."""
    return next(
        step for each, step in zip(siblings, steps_of(siblings), strict=True) if each is one
    )


def path_of(node: Nested) -> str:
    """Give the path of a call that knows who made it."""
    steps: list[str] = []
    one: Nested | None = node
    while one is not None:
        above = one.parent
        steps.append(one.fn.name if above is None else step_among(one, tuple(above.children)))
        one = above
    return "/".join(reversed(steps))


def path_in(root: NodeView, node_id: int) -> str:
    """Give the path of the Node with this number in a tree."""
    stack = [(root, root.fn.name)]
    while stack:
        view, path = stack.pop()
        if view.id == node_id:
            return path
        steps = steps_of(view.children)
        stack += [(c, f"{path}/{step}") for c, step in zip(view.children, steps, strict=True)]
    raise NoNodeError(f"Node {node_id} is not in this tree.")


def name_in(path: str) -> str:
    """Give the name of the Function that a path ends in."""
    return path.rpartition("/")[2].partition("[")[0]


def nth_in(path: str) -> int:
    """Say which of its name a path ends in, from 1."""
    step = _STEP.fullmatch(path.rpartition("/")[2])
    return int(step[2] or 1) if step is not None else 1


def call_at(root: _C, path: str, *, needs_root: bool = False) -> _C:
    """Give the call at a path. Raises `ArgumentError` where there is none.

    `needs_root` is False where a path may leave the root out.
    """
    if not isinstance(path, str):
        raise ArgumentError(
            f"A Node is asked for by its path, such as 'study/summarise[2]'; got {str(path)[:40]}."
        )
    call = root
    for depth, word in enumerate(path.strip("/").split("/")):
        step = _STEP.fullmatch(word)
        if step is None:
            raise ArgumentError(f"{word[:80]!r} is no step of a path. Write `name` or `name[2]`.")
        name, nth = step[1], int(step[2] or 1)
        among: list[Parent] = [root] if depth == 0 else list(call.children)
        if depth == 0 and name != root.fn.name and not needs_root:
            among = list(root.children)
        same = [one for one in among if one.fn.name == name]
        if not 1 <= nth <= len(same):
            there = listed(sorted({one.fn.name for one in among}))
            called = f"There is: {there}." if among else f"{call.fn.name}() called nothing."
            raise ArgumentError(f"There is no {word} below {call.fn.name}() in this run. {called}")
        call = cast("_C", same[nth - 1])  # what a call made is of its own kind
    return call
