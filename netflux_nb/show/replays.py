"""What a replay came to: what was served, what came out otherwise, and where first."""

from __future__ import annotations

from ..replay.begin import Replayed
from . import diffs
from .html import MOST_BYTES, Page, safe
from .shown import Shown


def shown(replayed: Replayed, *, max_bytes: int = 30_000) -> Shown:
    """Show a replay, and below it the diff where something came out otherwise."""
    words = str(replayed)

    def html() -> str:
        page = Page(min(max_bytes, MOST_BYTES))
        first, *rest = words.splitlines()
        mark = "●" if replayed.is_same else "✗"
        lines = "".join(f"<br>{safe(line[:1_000])}" for line in rest)
        page.add(f"<p><b>{mark} {safe(first)}</b>{lines}</p>")
        if not replayed.is_same:
            page.add(diffs.html(replayed.diff, max_bytes=page.left))
        return str(page)

    return Shown(words, html, "Replay")
