"""A run as one file of Markdown: for an issue, a wiki, a page that is made of such files."""

from __future__ import annotations

from collections.abc import Iterator

from ...core.views import NodeState, NodeView
from ...runtime.safe import line
from .. import trees
from ..parts.numbers import named
from ..parts.shown import in_markdown, whole_lines
from ..parts.values import call
from ..transcripts import transcript
from ..usages import usage
from ..why import why
from .html_file import Beside

# A code host shows no larger file.
MOST_CHARS = 400_000
_ROWS, _TREE, _SECTION = 1_000, 160_000, 40_000
_CONVERSATIONS, _ONE_CONVERSATION = 40, 12_000


def page(view: NodeView, *, run: str = "", beside: Beside) -> str:
    """Give a run as Markdown: what failed, its calls, what was compared, conversations, usage."""
    return f"{whole_lines(_lines(view, run, beside), MOST_CHARS)}\n"


def _lines(view: NodeView, run: str, beside: Beside) -> Iterator[str]:
    labels = beside.labels
    called = f"{line(view.fn.name, 64)}({call(view.inputs, 200, 60)})"
    yield from (f"# {in_markdown(line(labels.title, 120) or called)}", "")
    if labels.title:
        yield from (in_markdown(called), "")
    if labels.tags:
        yield from (" ".join(in_markdown(f"#{line(tag, 40)}") for tag in labels.tags), "")
    told = [labels.note, named(run), *beside.notes]
    yield from (f"{in_markdown(line(one, 2_000))}  " for one in told if one)
    if view.state not in (NodeState.Success, NodeState.Running, NodeState.Waiting):
        yield from ("", "## Why", "", why(view).markdown_within(_SECTION))
    yield from ("", "## Calls", "")
    yield whole_lines(trees.markdown(view, most=_ROWS), _TREE)
    if beside.compared is not None:
        compared = beside.compared(1)
        yield from ("", "## Compared with another run", "", compared.markdown_within(_SECTION))
    yield from _conversations(view, beside)
    yield from ("", "## Usage", "", usage(view).markdown_within(_SECTION))
    if beside.ledger is not None:
        yield from ("", "## What was free", "", beside.ledger.markdown_within(_SECTION))


def _conversations(view: NodeView, beside: Beside) -> Iterator[str]:
    agents = [one for _, one in view.walk() if one.transcript]
    if not agents:
        return
    yield from ("", "## Conversations", "")
    agents.sort(key=lambda one: one.state is not NodeState.Error)
    for one in agents[:_CONVERSATIONS]:
        shown = transcript(one, system=beside.systems.get(str(one.key), ""))
        yield from (shown.markdown_within(_ONE_CONVERSATION), "")
    if len(agents) > _CONVERSATIONS:
        yield f"… {len(agents) - _CONVERSATIONS:,} more in the record"
