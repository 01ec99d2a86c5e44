# ruff: noqa: N999  a row's name
"""B19: importing the package, and loading its extension, in a fresh process."""

from __future__ import annotations

import json
import subprocess
import sys

from .bench import NOT_INSTALLED, Row, Side, Took, peer, ratio, rounds, run_alone, times

# What an import must not drag in.
HEAVY = ["IPython", "anthropic", "duckdb", "google.genai", "numpy", "pandas", "pyarrow"]

CHILD = """
import json, sys, time
{before}
seen = set(sys.modules)
wall, cpu = time.perf_counter(), time.process_time()
{what}
took = time.perf_counter() - wall, time.process_time() - cpu
print(json.dumps([*took, sorted(set(sys.modules) - seen)]))
"""

SHELL = """
import netflux_nb
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
"""


def child(what: str, before: str = "") -> tuple[Took, set[str]]:
    """Run code in a fresh process: what it took, and what it imported."""
    program = CHILD.format(what=what, before=before)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    wall, cpu, modules = json.loads(done.stdout.splitlines()[-1])
    return Took(wall, cpu), set(modules)


def has_extension() -> bool:
    """True where there is something for `%load_ext` to load, and a shell to load it."""
    import netflux_nb

    return hasattr(netflux_nb, "load_ipython_extension") and peer("IPython") is not None


def dragged(modules: set[str]) -> str:
    """Say which heavy modules came along."""
    heavy = [name for name in HEAVY if name in modules]
    return f"imports {', '.join(heavy)}" if heavy else "nothing heavy comes along"


def measure() -> list[Row]:
    """Give the rows."""
    sides: dict[str, Side] = {"ours": lambda: child("import netflux_nb")[0]}
    if peer("netflux"):
        sides["netflux"] = lambda: child("import netflux")[0]
    if peer("pandas"):
        sides["pandas"] = lambda: child("import pandas")[0]
    if has_extension():
        load = "shell.run_line_magic('load_ext', 'netflux_nb')"
        sides["load"] = lambda: child(load, SHELL)[0]
    found = rounds(sides)
    mine = found["ours"]
    _, modules = child("import netflux_nb")
    light = not any(name in modules for name in HEAVY)
    rows = [
        Row(
            "B19",
            f"import netflux_nb ({dragged(modules)})",
            str(mine),
            f"netflux {found.get('netflux', NOT_INSTALLED)}",
            f"pandas {found.get('pandas', NOT_INSTALLED)}",
            times(ratio(mine, found["pandas"])) if "pandas" in found else "",
            "≤ 0.25 s, nothing heavy",
            mine.wall <= 0.25 and light,
        )
    ]
    if "load" in found:
        loaded = found["load"]
        rows.append(
            Row(
                "B19",
                "%load_ext netflux_nb, after its import",
                str(loaded),
                bar="≤ 0.5 s with the import",
                passed=loaded.wall + mine.wall <= 0.5,
            )
        )
    else:
        rows.append(Row("B19", "%load_ext netflux_nb", "not there yet", bar="≤ 0.5 s"))
    return rows


if __name__ == "__main__":
    run_alone(measure)
