"""One agent's conversation, as a person reads it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..core.messages import (
    ModelStatusPart,
    ModelTextPart,
    NativePart,
    ThinkingBlockPart,
    ToolResultPart,
    ToolUsePart,
    TranscriptPart,
    UserTextPart,
)
from ..core.text.markdown import quoted
from ..core.views import NodeView
from ..runtime.safe import EDGE, keyless, visible
from .parts import look
from .parts.headings import heading, marked_down, sign_of
from .parts.html import MOST_BYTES, ROOM, TEXT, Page, bytes_of, folded, safe
from .parts.numbers import count
from .parts.shown import Shown, in_markdown
from .parts.text import facts, outcome
from .parts.values import call, line, said
from .parts.widths import fitted

# A part that is longer is folded; one that is much longer is in the record.
FOLD_CHARS = 700
PART_CHARS = 4_000
# Of a folded part, what is seen before it is opened.
HEAD_CHARS = 160
# Parts of the terminal's view, from the beginning and the end.
MOST_PARTS = 60
# The column of who speaks, in pixels.
_WHO = 128


@dataclass(frozen=True, slots=True)
class Said:
    """One part of a conversation: a sign and a word for who speaks, and the text."""

    sign: str
    who: str
    words: str
    # Thoughts and results are folded wherever they are longer than a line.
    is_aside: bool = False
    is_failed: bool = False


def parts(view: NodeView, system: str = "") -> list[Said]:
    """Give a conversation's parts, the system prompt first where it is known."""
    found = [Said("§", "system", system, is_aside=True)] if system else []
    below = {c.tool_use_id: c for c in view.children if c.tool_use_id is not None}
    found += [one for part in view.transcript if (one := _said(part, below)) is not None]
    return found


def _said(part: TranscriptPart, below: dict[str, NodeView]) -> Said | None:
    match part:
        case UserTextPart(text=words):
            return Said("»", "user", words)
        case ModelTextPart(text=words):
            return Said("«", "model", words)
        case ModelStatusPart(text=words):
            return Said("·", "progress", words)
        case ThinkingBlockPart(content=words, redacted=is_sealed):
            return Said("~", "thinking", "(sealed)" if is_sealed else words, is_aside=True)
        case ToolUsePart(tool_name=name, args=args, tool_use_id=use):
            child = below.get(use)
            told = f"  [{', '.join(facts(child))}]" if child is not None else ""
            return Said("→", "calls", f"{line(name, 64)}({call(args, 400, 200)}){told}")
        case ToolResultPart(tool_name=name, is_error=failed):
            words = "\n".join(said(one, PART_CHARS * 4) if not isinstance(one, str) else one
                              for one in part.content)  # fmt: skip
            who = f"{line(name, 64)} {'failed' if failed else 'gave'}"
            return Said("✗" if failed else "←", who, words, is_aside=True, is_failed=failed)
        case NativePart(provider=name):
            return Said("·", "native", f"a block that only {line(name, 40)} understands")
        case _:
            return None


def transcript(view: NodeView, *, system: str = "", max_bytes: int = 30_000) -> Shown:
    """Show one agent's conversation.

    Args:
        view: The agent's Node.
        system: Its system prompt, which a view does not hold.
        max_bytes: Of the HTML; 200 kB is the most.
    """
    found = parts(view, system)
    args = call(view.inputs, 80, 40)
    sign = sign_of(view)
    name = line(view.fn.name, 64)
    told = facts(view)
    head = f"{sign.shape} {name}({args}) [{', '.join(told)}]"
    title = heading(sign, safe(name), told[1:], args=args)
    if not found:
        why = "it is code" if view.fn.is_code() else "nothing was said yet"
        words = f"{head}\n{why}, so there is no conversation; {outcome(view, 200)}"
        return Shown(words, lambda: f"<p>{safe(words)}</p>", "Transcript")
    return Shown(
        "\n".join([head, *_lines(found)]),
        lambda: _html(title, found, min(max_bytes, MOST_BYTES)),
        "Transcript",
        markdown=lambda: [marked_down(view, told[1:], args=args), "", *talk_lines(found)],
    )


def talk_lines(found: Sequence[Said]) -> Iterator[str]:
    """Give a conversation as lines of Markdown: who speaks, and what as a quotation."""
    most = MOST_PARTS // 2
    for n, one in enumerate(found):
        if len(found) > MOST_PARTS and n == most:
            yield from (f"… {len(found) - MOST_PARTS:,} more parts in the record", "")
        if len(found) > MOST_PARTS and most <= n < len(found) - most:
            continue
        yield from (f"{in_markdown(one.sign)} **{in_markdown(line(one.who, 80))}**", "")
        head = keyless(one.words[: PART_CHARS + EDGE])[:PART_CHARS]
        yield from quoted("\n".join(visible(row) for row in head.splitlines()))
        if len(one.words) > PART_CHARS:
            yield f"> … ({len(one.words) - PART_CHARS:,} more)"
        yield ""


def _lines(found: Sequence[Said]) -> list[str]:
    most = MOST_PARTS // 2
    lines = []
    for n, one in enumerate(found):
        if len(found) > MOST_PARTS and n == most:
            lines.append(f"… {len(found) - MOST_PARTS:,} more parts in the record")
        if len(found) <= MOST_PARTS or n < most or n >= len(found) - most:
            lines.append(f"{one.sign} {one.who}: {_indented(one.words)}")
    return lines


def _indented(words: str) -> str:
    head = words[:PART_CHARS]
    more = len(words) - len(head)
    shown = "\n  ".join(visible(row) for row in head.splitlines())
    return shown + (f"… ({more:,} more)" if more else "")


def drawn(one: Said) -> str:
    """Give one part as a row: who speaks, and what, folded where it is long."""
    # Keys are out before it is cut: half of one is not known.
    head = keyless(one.words[: PART_CHARS + EDGE])[:PART_CHARS]
    more = len(one.words) - PART_CHARS
    rest = f"… ({more:,} more)" if more > 0 else ""
    is_short = "\n" not in head and len(head) < HEAD_CHARS
    if is_short:
        body = safe(head)
    elif len(head) <= FOLD_CHARS and not one.is_aside:
        body = f'<pre style="{TEXT}">{safe(head)}{rest}</pre>'
    else:
        title = f"<tt>{safe(fitted(line(head, HEAD_CHARS), 72))}</tt>"
        text = f'<pre style="{TEXT}">{safe(head)}{rest}</pre>'
        body = folded(title, text, is_open=one.is_failed)
    if one.is_failed:
        body = f'<div class=e style="{look.ink("e")}">{body}</div>'
    who = f"<small>{one.sign} {safe(one.who)}</small>"
    return (
        f"<tr valign=top><td width={_WHO} align=left style=text-align:left>{who}"
        f"<td class=l align=left style=text-align:left>{body}"
    )


def _html(title: str, found: Sequence[Said], max_bytes: int) -> str:
    page = Page(max_bytes)
    page.add(title)
    add(page, found)
    return str(page)


_TABLE, _TABLE_END = "<table width=100% style=margin:0><tfoot>", "</table>"


def add(page: Page, found: Sequence[Said]) -> None:
    """Write a conversation on a page: where there is no room for all, its beginning and its end."""
    pieces = [drawn(one) for one in found]
    room = page.left - ROOM - 20 - bytes_of(_TABLE + _TABLE_END)
    kept: set[int] = set()
    # By turns from both ends, the end first: what was said last counts most.
    order = [n for pair in zip(reversed(range(len(pieces))), range(len(pieces)), strict=True)
             for n in pair]  # fmt: skip
    for n in order:
        if n in kept:
            continue
        room -= bytes_of(pieces[n])
        if room < 0:
            break
        kept.add(n)
    if not page.begin(_TABLE, _TABLE_END):
        return
    is_gap = False
    for n, piece in enumerate(pieces):
        if n in kept:
            page.add(piece)
        elif not is_gap:
            is_gap = True
            left = count(len(pieces) - len(kept), "more part")
            page.add(f"<tr><td><td class=l align=left style=text-align:left>… {left} in the record")
    page.close()
