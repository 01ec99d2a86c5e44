"""What the panel costs at JupyterLab's start: the page with and without it, by turns."""

from __future__ import annotations

import gzip
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from .bench import NOT_INSTALLED, Row, run_alone, show

ROUNDS = 11
ROOT = Path(__file__).parents[1]
PANEL = ROOT / "netflux_nb" / "labextension" / "static"
# From the navigation to a shell that is restored, as the page's own clock has it; and ours of it.
UP = """async () => {
  await window.jupyterapp.restored;
  const [first] = performance.getEntriesByType('navigation');
  const own = performance.getEntriesByType('resource').filter(e => e.name.includes('netflux-lab'));
  return [(performance.now() - first.startTime) / 1000, own.length];
}"""


def loaded(context: Any, server: Any) -> tuple[float, int]:
    """Load the page once in a tab of its own: seconds, and how many files of ours it took."""
    page = context.new_page()
    try:
        page.goto(f"{server.url}/lab?token=lab&reset")
        page.wait_for_function("() => window.jupyterapp !== undefined")
        seconds, files = page.evaluate(UP)
        return seconds, files
    finally:
        page.close()


def measured() -> list[tuple[float, float]]:
    """Give the seconds with and without, a pair a round."""
    sys.path.insert(0, str(ROOT / "tests"))
    from lab.jupyter import browsing, serving

    found = []
    with ExitStack() as stack:
        folders = [stack.enter_context(tempfile.TemporaryDirectory()) for _ in range(2)]
        ours = stack.enter_context(serving(folders[0]))
        # An install has put the panel beside JupyterLab too: it is left out there.
        plain = stack.enter_context(serving(folders[1], ours="nowhere"))
        context = stack.enter_context(browsing())
        for turn in range(ROUNDS + 1):
            took = {}
            for server in (ours, plain) if turn % 2 else (plain, ours):
                took[server], files = loaded(context, server)
                assert (files > 0) == (server is ours), "The panel is not where it should be."
            if turn:  # The first load fills the browser's cache.
                found.append((took[ours], took[plain]))
    return found


def measure() -> list[Row]:
    """Give the row."""
    workload = "JupyterLab's page until it is restored, with the panel"
    try:
        import jupyterlab  # noqa: F401  what it is measured in
        import playwright  # noqa: F401
    except ImportError:
        return [Row("Lab", workload, f"JupyterLab, Playwright {NOT_INSTALLED}")]
    pairs = measured()
    ours, plain = (statistics.median(side) for side in zip(*pairs, strict=True))
    more = statistics.median(a - b for a, b in pairs)
    size = sum(len(gzip.compress(one.read_bytes())) for one in PANEL.glob("*.js"))
    return [
        Row(
            "Lab",
            workload,
            f"{show(ours)}; its scripts {size / 1000:.0f} kB compressed",
            "",
            f"without the panel {show(plain)}",
            f"{'-' if more < 0 else ''}{show(abs(more))} more; "
            f"{statistics.median(a / b for a, b in pairs):.2f} ×",
        )
    ]


if __name__ == "__main__":
    run_alone(measure)
