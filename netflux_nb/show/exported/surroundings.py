"""The environment of a run in its page: Python, the platform, the state of the code, packages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..parts import look, tables
from ..parts.html import Page, folded, safe
from ..parts.numbers import count
from ..parts.tables import Column
from ..parts.values import line

MOST_PACKAGES = 1_000
_FACTS = {
    "python": "Python",
    "implementation": "implementation",
    "platform": "platform",
    "executable": "executable",
}


def drawn(seen: Mapping[str, Any]) -> Callable[[int], str]:
    """Give what draws it in at most so many bytes; nothing where the record has none of it.

    A record may come from anybody: whatever it says is text.
    """

    def draw(most: int) -> str:
        facts = list(_facts(seen))
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


def _facts(seen: Mapping[str, Any]) -> list[list[str]]:
    found = [[title, line(str(seen[key]), 200)] for key, title in _FACTS.items() if seen.get(key)]
    git = seen.get("git")
    if isinstance(git, Mapping) and git.get("head"):
        changed = ", with changes that are not committed" if git.get("dirty") else ""
        found.append(["commit", f"{line(str(git['head']), 64)}{changed}"])
    return found
