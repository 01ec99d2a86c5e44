"""A run as a flow chart in Mermaid's words, in which nothing of a run can be anything but text."""

from __future__ import annotations

from ..core.views import NodeView
from .parts import look
from .parts.outline import Row, outline
from .parts.text import facts
from .parts.values import line

MOST_NODES = 100


def mermaid(view: NodeView, *, most: int = MOST_NODES) -> str:
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
        lines.append(f"  {name}{begin}{_label(row)}{end}")
        if row.parent is not None:
            arrow = "-->" if row.is_direct else "-.->"
            lines.append(f"  {names[id(row.parent)]} {arrow} {name}")
        if row.rest:
            lines += [f'  {name}r["{escaped(row.rest)}"]', f"  {name} -.- {name}r"]
    return "\n".join(lines)


def _label(row: Row) -> str:
    title = escaped(line(f"{look.STATES[row.view.state].shape} {row.segment}", 48))
    told = escaped(line(", ".join(facts(row.view)), 80))
    # The only mark-up that is ours.
    return f"{title}<br/>{told}"


def escaped(words: str) -> str:
    """Write a text so that Mermaid, and the Markdown around it, take it as text only.

    Example:
        >>> escaped('a"]; click x')
        'a#34;#93;#59; click x'
    """
    return "".join(c if c.isalnum() or c in " _,.…" else f"#{ord(c)};" for c in words)
