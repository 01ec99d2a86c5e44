"""What the panel costs at JupyterLab's start: the page's load with and without it, by turns.

`python -m benchmarks.lab_startup [rounds]` prints medians in seconds. Needs Chromium.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from lab.jupyter import TOKEN, browsing, serving  # noqa: E402

# From the navigation to a shell that is restored, as the page's own clock has it.
UP = """async () => {
  await window.jupyterapp.restored;
  const [first] = performance.getEntriesByType('navigation');
  const own = performance.getEntriesByType('resource').filter(e => e.name.includes('netflux-lab'));
  return [performance.now() - first.startTime, own.reduce((a, e) => a + e.encodedBodySize, 0)];
}"""


def loaded(context, server) -> list[float]:
    """Load the page once in a tab of its own: milliseconds, and bytes of ours."""
    page = context.new_page()
    try:
        page.goto(f"{server.url}/lab?token={TOKEN}&reset")
        page.wait_for_function("() => window.jupyterapp !== undefined")
        return page.evaluate(UP)
    finally:
        page.close()


def main(rounds: int = 9) -> None:
    """Load both by turns, so that what else the machine does falls on both."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "labextensions").mkdir()
        panel = place / "labextensions" / "netflux-lab"
        panel.symlink_to(ROOT / "netflux_nb" / "labextension")
        for name in ("with", "without"):
            (place / name).mkdir()
        env = {"JUPYTER_PATH": folder}
        with (
            serving(place / "with", env=env) as ours,
            serving(place / "without") as plain,
            browsing() as context,
        ):
            found: dict[str, list[list[float]]] = {"with": [], "without": []}
            for turn in range(rounds + 1):
                for name, server in (("with", ours), ("without", plain)):
                    one = loaded(context, server)
                    if turn:  # the first load fills the browser's cache
                        found[name].append(one)
    medians = {k: statistics.median(ms for ms, _ in v) / 1000 for k, v in found.items()}
    out = {
        "rounds": rounds,
        **{f"{k}_s": round(v, 3) for k, v in medians.items()},
        "costs_s": round(medians["with"] - medians["without"], 3),
        "bytes": max(size for _, size in found["with"]),
        "bytes_without": max(size for _, size in found["without"]),
    }
    print(json.dumps(out))


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:2]))
