"""Print the measures of the house."""

from __future__ import annotations

import subprocess
import sys

from . import counts, walk

IMPORT = "import time; a = time.process_time(); import netflux_nb; print(time.process_time() - a)"


def import_s() -> float:
    """Give the CPU seconds of `import netflux_nb` in a fresh process: the least of five."""
    told = [
        float(subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True).stdout)
        for _ in range(5)
    ]  # fmt: skip
    return min(told)


def main() -> None:
    """Measure, and print a table."""
    rows = [*counts.table(), *walk.table(), ("import netflux_nb, CPU", f"{import_s():.3f} s")]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}}  {value}")


if __name__ == "__main__":
    main()
