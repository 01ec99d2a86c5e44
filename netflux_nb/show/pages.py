"""One self-contained HTML file of a run: for a colleague who has a browser, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..core.text.legible import cut
from ..core.views import NodeState, NodeView
from . import timelines, transcripts, trees, usages, why
from .parts import look
from .parts.headings import shape, sign_of, together, word
from .parts.html import Page, block, bytes_of, folded, safe
from .parts.outline import Row, outline
from .parts.values import call, line
from .transcripts import parts

MOST_BYTES = 2_000_000
# Of the parts that are never left out; conversations and sources take what is left.
_TREE, _USAGE, _TIMELINE, _WHY = 200_000, 60_000, 120_000, 60_000
_ROWS = 300
_CONVERSATIONS, _ONE_CONVERSATION, _SOURCE = 400, 60_000, 20_000

# A file of its own may say what it looks like: light and dark as the reader has it.
_STYLE = (
    look.pressed("""
:root { color-scheme: light dark; }
body { margin: 0 auto; padding: 16px; max-width: 1132px; font: 14px/1.5 system-ui, sans-serif;
  background: light-dark(#fff, #111); color: light-dark(#222, #e8e8e8); }
h1 { font-size: 20px; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 15px; margin: 24px 0 4px; }
nav { font-size: 13px; margin: 8px 0 12px; }
a { color: light-dark(#1257a8, #7db8f5); margin-right: 12px; }
a:focus-visible { outline: 2px solid #3b82f6; }
@media print { :root { color-scheme: light; }
  details:not([open])::details-content { content-visibility: visible; display: block; }
  body { max-width: none; padding: 0; font-size: 11px; } nav { display: none; } }
""")
    + look.SHEET
)
_HEAD = (
    '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width,initial-scale=1">'
    # Even if a way in were found, nothing is loaded and nothing runs.
    '<meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
)


@dataclass(frozen=True, slots=True)
class Source:
    """A version of a Function as it is recorded: what a person reads, and nobody runs."""

    name: str
    version: str
    # Titles and texts: source, system prompt, prompt.
    texts: tuple[tuple[str, str], ...]


def page(
    view: NodeView,
    *,
    run: str = "",
    notes: Sequence[str] = (),
    systems: Mapping[str, str] | None = None,
    sources: Sequence[Source] = (),
    max_bytes: int = MOST_BYTES,
) -> str:
    """Give a run as one HTML file, without script, that needs nothing from anywhere.

    Args:
        view: The root of the tree.
        run: What the run is called.
        notes: Lines below the title, such as when it began.
        systems: System prompts by the keys of Nodes.
        sources: The versions of Functions that ran.
        max_bytes: Of the file.
    """
    made = Page(max_bytes)
    name = safe(line(view.fn.name, 64))
    made.add(f"{_HEAD}<title>{name} {safe(line(run, 80))}</title><style>{_STYLE}</style></head>")
    if not made.begin("<body>", "</body></html>"):
        return str(made)
    made.add(f"<h1>{name}({safe(call(view.inputs, 200, 60))})</h1>")
    facts = "".join(f" · {together(fact)}" for fact in trees.totals(view))
    sign = sign_of(view)
    told = "".join(f"<br>{safe(line(note, 300))}" for note in (run, *notes) if note)
    frame = f'<div class="{look.ROOT}" style="max-width:{look.WIDEST}px">'
    made.add(f"{frame}<p>{shape(sign)} {word(sign)}{facts}<small>{told}</small></p></div>")
    sections = _sections(view, run, systems or {}, sources)
    links = " ".join(f'<a href="#{key}">{title}</a>' for key, title, _ in sections)
    made.add(f"<nav>{links}</nav>")
    for key, title, write in sections:
        if made.begin(f'<section><h2 id="{key}">{title}</h2>', "</section>"):
            write(made)
            made.close()
    return str(made)


Section = tuple[str, str, Callable[[Page], None]]


def _sections(
    view: NodeView, run: str, systems: Mapping[str, str], sources: Sequence[Source]
) -> list[Section]:
    def whole(shown: Callable[[int], str], most: int) -> Callable[[Page], None]:
        def write(made: Page) -> None:
            made.add(shown(min(most, made.left)))

        return write

    found: list[Section] = []
    if view.state not in (NodeState.Success, NodeState.Running, NodeState.Waiting):
        found.append(("why", "Why", whole(lambda n: why.why(view, max_bytes=n).framed, _WHY)))
    found += [
        (
            "tree",
            "Calls",
            whole(lambda n: trees.tree(view, run=run, max_bytes=n, is_bounded=False).framed, _TREE),
        ),
        ("usage", "Usage", whole(lambda n: usages.usage(view, max_bytes=n).framed, _USAGE)),
        (
            "timeline",
            "Timeline",
            whole(
                lambda n: timelines.timeline(view, max_bytes=n, most_rows=_ROWS).framed, _TIMELINE
            ),
        ),
    ]
    if any(one.transcript for _, one in view.walk()):
        found.append(("conversations", "Conversations", lambda p: _conversations(p, view, systems)))
    if sources:
        found.append(("sources", "Functions as they ran", lambda made: _sources(made, sources)))
    return found


def _conversations(made: Page, view: NodeView, systems: Mapping[str, str]) -> None:
    """Write the conversations of agents, those that failed and those nearest to the root first."""
    rows: list[Row] = []

    def take(row: Row) -> bool:
        rows.append(row)
        return len(rows) < _CONVERSATIONS * 10

    outline(view, take)
    agents = [row for row in rows if row.view.transcript][:_CONVERSATIONS]
    shown = 0
    for row in agents:
        room = min(_ONE_CONVERSATION, made.left - 2_000)
        if room < 1_000:
            break
        inner = Page(room)
        transcripts.add(inner, parts(row.view, systems.get(str(row.view.key), "")))
        sign = sign_of(row.view)
        title = f"{shape(sign)} <b>{safe(_path(row))}</b> {word(sign)}"
        shown += made.add(folded(title, str(inner), is_open=row.is_urgent))
    left = sum(1 for _, one in view.walk() if one.transcript) - shown
    if left:
        made.add(f"<p>… {left:,} more in the record</p>")


def _path(row: Row) -> str:
    steps: list[str] = []
    above: Row | None = row
    while above is not None:
        steps.append(above.segment if above.is_direct else f"…/{above.segment}")
        above = above.parent
    return "/".join(reversed(steps))


def _sources(made: Page, sources: Sequence[Source]) -> None:
    for n, one in enumerate(sources):
        texts = "".join(
            f"<div><small>{title}</small>{block(cut(words, _SOURCE))}</div>"
            for title, words in one.texts
        )
        title = f"<b>{safe(line(one.name, 64))}</b> <small>{safe(line(one.version, 12))}</small>"
        drawn = folded(title, texts or "<p>nothing is recorded of it</p>")
        if bytes_of(drawn) > made.left - 200:
            made.more(len(sources) - n, 0)
            return
        made.add(drawn)
