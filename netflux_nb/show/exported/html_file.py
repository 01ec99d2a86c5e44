"""One self-contained HTML file of a run: for a colleague who has a browser, and nothing else.

It reads whole without script. One small script of ours, named by its hash, adds what needs one:
search, folds opened all at once, failures alone, and the run played again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...core.text.legible import cut
from ...core.views import NodeState, NodeView
from ...record.labels import Labels
from ..parts import look, tables
from ..parts.headings import shape, sign_of, together, word
from ..parts.html import Page, block, bytes_of, folded, safe
from ..parts.numbers import count, named
from ..parts.outline import Row, outline
from ..parts.shown import Shown
from ..parts.tables import Column
from ..parts.values import call, line
from ..timelines import timeline
from ..transcripts import add, parts
from ..trees import in_page, totals
from ..usages import usage
from ..why import why
from . import browser_code, row_values

# A browser has read so much within a second or two.
MOST_BYTES = 3_600_000
# Of each part at most; what one leaves, the next may take.
_WHY, _COMPARED, _LEDGER, _USAGE = 60_000, 200_000, 60_000, 60_000
_TIMELINE, _SOURCES, _AROUND = 120_000, 600_000, 60_000
_ROWS = 300
_CONVERSATIONS, _ONE_CONVERSATION, _SOURCE = 2_000, 60_000, 20_000
# Of what is left for calls and conversations, the share of calls; of that, the share of rows.
_TREE_SHARE, _ROW_SHARE = 0.5, 0.7

MOST_PACKAGES = 1_000
_FACTS = {
    "python": "Python",
    "implementation": "implementation",
    "platform": "platform",
    "executable": "executable",
}


# A file of its own may say what it looks like: light and dark as the reader has it.
_STYLE = (
    look.pressed("""
:root { color-scheme: light dark; scroll-padding-top: 56px; }
body { margin: 0 auto; padding: 16px; max-width: 1132px; font: 14px/1.5 system-ui, sans-serif;
  background: light-dark(#fff, #111); color: light-dark(#222, #e8e8e8); }
h1 { font-size: 20px; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 15px; margin: 24px 0 4px; }
nav { font-size: 13px; margin: 8px 0 12px; display: flex; flex-wrap: wrap; gap: 2px 14px; }
a { color: light-dark(#1257a8, #7db8f5); }
a:focus-visible { outline: 2px solid #3b82f6; }
.told { margin: 4px 0; white-space: pre-wrap; overflow-wrap: anywhere; }
.tag { border: 1px solid light-dark(#bbb, #555); border-radius: 9px; padding: 0 7px;
  margin-right: 4px; font-size: 12px; overflow-wrap: anywhere; }
section { content-visibility: auto; contain-intrinsic-size: auto 400px; }
.nf1 li > small { display: block; padding: 2px 10px; }
@media print { :root { color-scheme: light; } section { content-visibility: visible; }
  details:not([open])::details-content { content-visibility: visible; display: block; }
  body { max-width: none; padding: 0; font-size: 11px; } nav { display: none; } }
""")
    + look.SHEET
)
_HEAD = (
    '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width,initial-scale=1">'
)


@dataclass(frozen=True, slots=True)
class Source:
    """A version of a Function as it is recorded: what a person reads, and nobody runs."""

    name: str
    version: str
    # Titles and texts: source, system prompt, prompt.
    texts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Beside:
    """What is known of a run beside its tree."""

    # Lines below the title, such as when it began.
    notes: Sequence[str] = ()
    labels: Labels = field(default_factory=Labels)
    # System prompts by the keys of Nodes.
    systems: Mapping[str, str] = field(default_factory=dict)
    sources: Sequence[Source] = ()
    environment: Mapping[str, Any] = field(default_factory=dict)
    ledger: Shown | None = None
    # The diff with another run: that which it was forked from, or one that was asked for.
    compared: Callable[[int], Shown] | None = None
    # Its changes as they are played, as JSON; see `show.wire.playback`.
    playback: str = ""


_NOTHING = Beside()


def page(
    view: NodeView, *, run: str = "", beside: Beside = _NOTHING, max_bytes: int = MOST_BYTES
) -> str:
    """Give a run as one HTML file that needs nothing from anywhere.

    Args:
        view: The root of the tree.
        run: What the run is called.
        beside: What is known of it beside its tree.
        max_bytes: Of the file.
    """
    script = browser_code.script(beside.playback, most=max_bytes // 3)
    made = Page(max_bytes - bytes_of(script))
    title = beside.labels.title or view.fn.name
    made.add(
        f"{_HEAD}{browser_code.policy(script)}<title>{safe(line(title, 64))} "
        f"{safe(line(run, 80))}</title><style>{_STYLE}</style></head>"
    )
    if not made.begin("<body><main>", f"</main>{script}</body></html>"):
        return str(made)
    made.left += bytes_of(script)  # it was counted by `begin` again
    made.add(_heading(view, run, beside))
    sections = _Sections(view, run, beside, made.left - 1_000).drawn()
    links = " ".join(f'<a href="#{key}">{title}</a>' for key, title, _ in sections)
    made.add(f"<nav>{links}</nav>")
    for key, title, html in sections:
        made.add(f'<section><h2 id="{key}">{title}</h2>{html}</section>')
    return str(made)


def _heading(view: NodeView, run: str, beside: Beside) -> str:
    labels = beside.labels
    called = f"{safe(line(view.fn.name, 64))}({safe(call(view.inputs, 200, 60))})"
    head = f"<h1>{safe(line(labels.title, 120))}</h1><p>{called}</p>" if labels.title else ""
    head = head or f"<h1>{called}</h1>"
    if labels.tags:
        tags = " ".join(f"<span class=tag>#{safe(line(tag, 40))}</span>" for tag in labels.tags)
        head += f"<p>{tags}</p>"
    if labels.note:
        head += f"<p class=told>{safe(labels.note)}</p>"
    sign = sign_of(view)
    facts = "".join(f" · {together(fact)}" for fact in totals(view))
    told = "".join(f"<br>{safe(line(note, 300))}" for note in (named(run), *beside.notes) if note)
    frame = f'<div class="{look.ROOT}" style="max-width:{look.WIDEST}px">'
    return f"{head}{frame}<p>{shape(sign)} {word(sign)}{facts}<small>{told}</small></p></div>"


_Section = tuple[str, str, str]


class _Sections:
    """The parts of a page, drawn in the order of their weight, given in the order of reading."""

    def __init__(self, view: NodeView, run: str, beside: Beside, room: int) -> None:
        self.view = view
        self.run = run
        self.beside = beside
        # Of titles and links.
        self.left = room - 2_500

    def drawn(self) -> list[_Section]:
        """Draw them."""
        view, beside = self.view, self.beside
        found: dict[str, str] = {}
        is_fine = view.state in (NodeState.Success, NodeState.Running, NodeState.Waiting)
        if not is_fine:
            found["why"] = self._take(_WHY, lambda most: why(view, max_bytes=most).framed)
        found["usage"] = self._take(_USAGE, lambda most: usage(view, max_bytes=most).framed)
        if (compared := beside.compared) is not None:
            found["compared"] = self._take(_COMPARED, lambda most: compared(most).framed)
        if (ledger := beside.ledger) is not None:
            found["ledger"] = self._take(_LEDGER, lambda _: ledger.framed)
        around = _environment(beside.environment)
        found["environment"] = self._take(_AROUND, lambda most: around(most))
        found["timeline"] = self._take(
            _TIMELINE, lambda most: timeline(view, max_bytes=most, most_rows=_ROWS).framed
        )
        if beside.sources:
            room = min(_SOURCES, self.left // 3)
            found["sources"] = self._take(room, lambda most: _sources(beside.sources, most))
        room = int(self.left * (1 - _TREE_SHARE))
        talks, links = _conversations(view, beside.systems, room)
        self.left -= bytes_of(talks)
        found["conversations"] = talks
        found["tree"] = self._take(self.left, lambda most: self._tree(most, links))
        return [(key, title, found[key]) for key, title in _TITLES.items() if found.get(key)]

    def _take(self, most: int, draw: Callable[[int], str]) -> str:
        most = min(most, self.left)
        html = draw(most) if most > 400 else ""
        if bytes_of(html) > most:
            return ""
        self.left -= bytes_of(html)
        return html

    def _tree(self, most: int, links: Mapping[int, str]) -> str:
        below = row_values.below(links)
        return in_page(self.view, below, max_bytes=most, share=_ROW_SHARE).framed


_TITLES = {
    "why": "Why",
    "tree": "Calls",
    "compared": "Compared with another run",
    "conversations": "Conversations",
    "usage": "Usage",
    "timeline": "Timeline",
    "ledger": "What was free",
    "sources": "Functions as they ran",
    "environment": "Environment",
}


def _conversations(
    view: NodeView, systems: Mapping[str, str], room: int
) -> tuple[str, dict[int, str]]:
    """Draw the conversations of agents, those that failed and those nearest to the root first.

    Gives links to them too, by the `id` of their view.
    """
    all_of_them = sum(1 for _, one in view.walk() if one.transcript)
    links: dict[int, str] = {}
    made = Page(room)
    if not all_of_them or not made.begin(f'<div class="{look.ROOT}">', "</div>"):
        return "", links
    rows: list[Row] = []

    def take(row: Row) -> bool:
        rows.append(row)
        return len(rows) < _CONVERSATIONS * 10

    outline(view, take, most_urgent=_CONVERSATIONS)
    agents = [row for row in rows if row.view.transcript][:_CONVERSATIONS]
    for n, row in enumerate(agents):
        left = min(_ONE_CONVERSATION, made.left - 200)
        if left < 1_000:
            break
        inner = Page(left)
        add(inner, parts(row.view, systems.get(str(row.view.key), "")))
        sign = sign_of(row.view)
        title = f"{shape(sign)} <b>{safe(_path(row))}</b> {word(sign)}"
        # Within the fold: a browser opens what hides the place that a link leads to.
        body = f'<div id="c{n}">{inner}</div>'
        if made.add(folded(title, body, is_open=row.is_urgent)):
            told = f"conversation, {count(len(row.view.transcript), 'part')}"
            links[id(row.view)] = f'<small><a href="#c{n}">{told}</a></small>'
    if left := all_of_them - len(links):
        made.add(f"<p>… {left:,} more in the record</p>")
    return (str(made), links) if links else ("", {})


def _path(row: Row) -> str:
    steps: list[str] = []
    above: Row | None = row
    while above is not None:
        steps.append(above.segment if above.is_direct else f"…/{above.segment}")
        above = above.parent
    return "/".join(reversed(steps))


def _sources(sources: Sequence[Source], room: int) -> str:
    made = Page(room)
    if not made.begin(f'<div class="{look.ROOT}">', "</div>"):
        return ""
    for n, one in enumerate(sources):
        texts = "".join(
            f"<div><small>{title}</small>{block(cut(words, _SOURCE))}</div>"
            for title, words in one.texts
        )
        title = f"<b>{safe(line(one.name, 64))}</b> <small>{safe(line(one.version, 12))}</small>"
        drawn = folded(title, texts or "<p>nothing is recorded of it</p>")
        if bytes_of(drawn) > made.left - 200:
            made.more(len(sources) - n, 0)
            break
        made.add(drawn)
    return str(made)


def _environment(seen: Mapping[str, Any]) -> Callable[[int], str]:
    """Give what draws it in at most so many bytes; nothing where the record has none of it.

    A record may come from anybody: whatever it says is text.
    """

    def draw(most: int) -> str:
        facts = list(_surroundings(seen))
        packages = seen.get("packages")
        known = packages if isinstance(packages, Mapping) else {}
        page = Page(most)
        if not (facts or known) or not page.begin(f'<div class="{look.ROOT}">', "</div>"):
            return ""
        if facts:
            tables.add(page, facts, [Column("what", is_short=True), Column("value")])
        if known:
            rows = [[str(name), str(version)] for name, version in list(known.items())]
            inner = Page(page.left - 200)
            columns = [Column("package"), Column("version")]
            hidden = max(0, len(rows) - MOST_PACKAGES)
            tables.add(inner, rows[:MOST_PACKAGES], columns, hidden)
            page.add(folded(safe(count(len(rows), "package")), str(inner)))
        return str(page)

    return draw


def _surroundings(seen: Mapping[str, Any]) -> list[list[str]]:
    found = [[title, line(str(seen[key]), 200)] for key, title in _FACTS.items() if seen.get(key)]
    git = seen.get("git")
    if isinstance(git, Mapping) and git.get("head"):
        changed = ", with changes that are not committed" if git.get("dirty") else ""
        found.append(["commit", f"{line(str(git['head']), 64)}{changed}"])
    return found
