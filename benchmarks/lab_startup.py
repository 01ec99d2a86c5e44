"""What the panel costs at JupyterLab's start: the page with and without it, by turns."""

from __future__ import annotations

import gzip
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from .bench import NOT_INSTALLED, Row, Sample, Took, ratio, rounds, run_alone, times

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


def loaded(context: Any, server: Any) -> tuple[Took, int]:
    """Load the page once in a tab of its own: what it took, and how many files of ours.

    The CPU is that of the page's main thread.
    """
    page = context.new_page()
    try:
        asked = context.new_cdp_session(page)
        asked.send("Performance.enable", {"timeDomain": "threadTicks"})
        page.goto(f"{server.url}/lab?token=lab&reset")
        page.wait_for_function("() => window.jupyterapp !== undefined")
        seconds, files = page.evaluate(UP)
        told = asked.send("Performance.getMetrics")["metrics"]
        [cpu] = [one["value"] for one in told if one["name"] == "TaskDuration"]
        return Took(seconds, cpu), files
    finally:
        page.close()


def measured() -> dict[str, Sample]:
    """Give what the page takes with and without."""
    sys.path.insert(0, str(ROOT / "tests"))
    from lab.jupyter import browsing, serving

    with ExitStack() as stack:
        folders = [stack.enter_context(tempfile.TemporaryDirectory()) for _ in range(2)]
        ours = stack.enter_context(serving(folders[0]))
        # An install has put the panel beside JupyterLab too: it is left out there.
        plain = stack.enter_context(serving(folders[1], ours="nowhere"))
        context = stack.enter_context(browsing())

        def load(server: Any) -> Took:
            took, files = loaded(context, server)
            assert (files > 0) == (server is ours), "The panel is not where it should be."
            return took

        # The first load, which is not counted, fills the browser's cache.
        return rounds({"with": lambda: load(ours), "without": lambda: load(plain)}, ROUNDS)


def measure() -> list[Row]:
    """Give the row."""
    workload = "JupyterLab's page until it is restored, with the panel"
    try:
        import jupyterlab  # noqa: F401  what it is measured in
        import playwright  # noqa: F401
    except ImportError:
        return [Row("Lab", workload, f"JupyterLab, Playwright {NOT_INSTALLED}")]
    found = measured()
    ours, plain = found["with"], found["without"]
    size = sum(len(gzip.compress(one.read_bytes())) for one in PANEL.glob("*.js"))
    return [
        Row(
            "Lab",
            workload,
            f"{ours}; its scripts {size / 1000:.0f} kB compressed",
            "",
            f"without the panel {plain}",
            times(ratio(ours, plain)),
        )
    ]


if __name__ == "__main__":
    run_alone(measure)
