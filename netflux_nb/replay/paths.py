"""A Node by its path: the same in every run that makes the same calls."""

from __future__ import annotations

import re

from ..core.errors import ArgumentError, NoNodeError, listed
from ..core.views import NodeView

_STEP = re.compile(r"([\w-]+)(?:\[(\d+)\])?")


def view_at(root: NodeView, path: str) -> NodeView:
    """Give the view at a path, such as `study/summarise[2]/word_count`."""
    if not isinstance(path, str):
        raise ArgumentError(
            f"A Node is asked for by its path, such as 'study/summarise[2]'; got {str(path)[:40]}."
        )
    view = root
    for depth, word in enumerate(path.strip("/").split("/")):
        step = _STEP.fullmatch(word)
        if step is None:
            raise ArgumentError(f"{word[:80]!r} is no step of a path. Write `name` or `name[2]`.")
        name, nth = step[1], int(step[2] or 1)
        among = [root] if depth == 0 else list(view.children)
        same = [one for one in among if one.fn.name == name]
        if depth == 0 and not same:  # a path may leave the root out
            among = list(root.children)
            same = [one for one in among if one.fn.name == name]
        if not 1 <= nth <= len(same):
            there = listed(sorted({one.fn.name for one in among}))
            called = f"There is: {there}." if among else f"{view.fn.name}() called nothing."
            raise ArgumentError(f"There is no {word} below {view.fn.name}() in this run. {called}")
        view = same[nth - 1]
    return view


def path_of(root: NodeView, node_id: int) -> str:
    """Give the path of the Node with this number."""
    stack = [(root, root.fn.name)]
    while stack:
        view, path = stack.pop()
        if view.id == node_id:
            return path
        counts: dict[str, int] = {}
        for child in view.children:
            name = child.fn.name
            nth = counts[name] = counts.get(name, 0) + 1
            stack.append((child, f"{path}/{name}" + (f"[{nth}]" if nth > 1 else "")))
    raise NoNodeError(f"Node {node_id} is not in this tree.")
