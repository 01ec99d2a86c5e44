"""All rows, each in a process of its own, one after the other. `--write` keeps them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from .bench import Row, machine, markdown

ROWS = ["B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B9", "B10", "B11", "B12"]
ROWS += ["B13", "B14", "B15", "B16", "B19", "lab_startup"]
# A row that hangs must not hold up the others.
LIMIT_S = 240
HERE = Path(__file__).parent

INTRO = """# Results

Measured by `python -m benchmarks --write`. Medians of at least five interleaved rounds,
but for memory. A time in parentheses is CPU of all threads. A ratio is ours to the
baseline, the median over rounds; a bar on it holds for both clocks. Nothing is
recorded by a journal, unless a row says so.

"""


def run(name: str) -> list[Row]:
    """Run one row's module and give its lines."""
    command = [sys.executable, "-m", f"benchmarks.{name}", "--json"]
    try:
        done = subprocess.run(
            command, cwd=HERE.parent, capture_output=True, text=True, timeout=LIMIT_S
        )
    except subprocess.TimeoutExpired:
        return [Row(name, f"did not end within {LIMIT_S} s", "", passed=False)]
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or ["no word"]
        print(done.stderr, file=sys.stderr)
        return [Row(name, f"failed: {said[-1][:200]}", "", passed=False)]
    return [Row(**row) for row in json.loads(done.stdout.splitlines()[-1])]


def main() -> None:
    """Run all, or those named on the command line."""
    named = [a for a in sys.argv[1:] if not a.startswith("-")]
    rows: list[Row] = []
    for name in named or ROWS:
        began = time.perf_counter()
        rows += run(name)
        print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr)
    table = markdown(rows)
    print(machine())
    print(table)
    if "--write" in sys.argv[1:]:
        text = f"{INTRO}{machine()}\n\n{table}\n"
        (HERE / "RESULTS.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
