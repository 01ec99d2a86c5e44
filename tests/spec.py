"""Which spec rows have a test: reads test names, writes `tests/SPEC.md` (`--write`)."""

from __future__ import annotations

import re
import sys
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = TESTS / "SPEC.md"

# How many rows each family has: netflux, agentic-flows, what no peer has, what was found when the
# first version was tried, and theus.
FAMILIES = {"N": 225, "ND": 8, "NU": 52, "NW": 41, "F": 96, "P": 21, "Q": 82, "T": 54}
# Rows whose promise belongs to a part that is not here yet, or that say nothing to test.
LATER = {
    "plans, recovery rules, studies, a viewer without a kernel": [
        "P7",
        "P9",
        "P11",
        "P15",
        "P18-P19",
    ],
    "the older program's HTTP pages, which answer 501": ["F95"],
    "the older program's terminal screen, for which the notebook's views stand: not row by row": [
        "NU41-NU45",
        "NU47-NU49",
        "NU51-NU52",
    ],
    "guidance for authors, or said by the suite as a whole: nothing to test alone": [
        "N6-N7",
        "N10",
        "N167",
        "N186-N187",
        "N222",
    ],
    "another way by the issue: chat completions, which any server like OpenAI's speaks": ["NU27"],
    "parts 3 and 7": ["Q5", "Q18-Q54", "Q70"],
    "reversed: events may be posted from any thread (NW11)": ["N149"],
}

# Rows of which tests hold a part only, and what is missing.
PARTLY = {
    "P20": "macOS and Windows, which are simulated",
}

INTRO = """# Spec rows and their tests

A row is done when a test named after it passes: `test_n48_…` is for row N48. This page is
written by `python tests/spec.py --write` from the names of the tests, and a test holds it.
"""


def named() -> dict[str, list[str]]:
    """Give the tests of each row."""
    found: dict[str, list[str]] = {}
    for file in sorted(TESTS.rglob("test_*.py")):
        text = file.read_text(encoding="utf-8")
        for name in re.findall(r"^(?:async )?def (test_\w+)", text, re.MULTILINE):
            rows = re.match(r"test((?:_(?:nd|nu|nw|n|f|p|q|t)\d+)*)_", name)
            for row in rows[1].upper().split("_")[1:] if rows else ():
                found.setdefault(row, []).append(f"{file.relative_to(TESTS)}::{name}")
    return found


def _listed(tests: list[str], most: int = 6) -> str:
    """Name a row's tests; of many the first."""
    more = f" and {len(tests) - most} more" if len(tests) > most else ""
    return ", ".join(f"`{t}`" for t in tests[:most]) + more


def spread(rows: list[str]) -> set[str]:
    """Write `N1-N3` out."""
    out = set()
    for row in rows:
        first, _, last = row.partition("-")
        family = re.match(r"[A-Z]+", first)[0]
        start = int(first[len(family) :])
        stop = int(last[len(family) :]) if last else start
        out.update(f"{family}{n}" for n in range(start, stop + 1))
    return out


def page() -> str:
    """Give the whole page."""
    found = named()
    later = {row: why for why, rows in LATER.items() for row in spread(rows)}
    lines = [INTRO]
    for family, count in FAMILIES.items():
        rows = [f"{family}{n}" for n in range(1, count + 1)]
        done = [r for r in rows if r in found]
        waiting = [r for r in rows if r not in found and r in later]
        missing = [r for r in rows if r not in found and r not in later]
        lines.append(f"## {family}: {len(done)} of {count} have a test\n")
        lines.append("| row | tests |\n|---|---|")
        lines.extend(f"| {r} | {_listed(found[r])} |" for r in done)
        if missing:
            lines.append(f"\nNo test of their own yet: {', '.join(missing)}.")
        if waiting:
            lines.append("\nIn a later part: " + ", ".join(waiting) + ".")
        lines.append("")
    lines.append("## Held in part\n")
    lines.extend(f"- {row}, without: {what}" for row, what in PARTLY.items())
    lines.append("\n## Why later\n")
    lines.extend(f"- {why}: {', '.join(rows)}" for why, rows in LATER.items())
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if "--write" in sys.argv:
        PAGE.write_text(page(), encoding="utf-8")
    else:
        sys.stdout.write(page())
