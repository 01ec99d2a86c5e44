"""A recorded run as a test: a bundle, and a file that replays it."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

from ..core.errors import ArgumentError
from ..core.functions.kinds import Function
from .program import Program

_TEST = '''\
"""A recorded run, replayed: no key, no model, no cost."""

from pathlib import Path

from netflux_nb import open_run

from MODULE import NAMEPUT


def test_NAME_MARK():
    done = open_run(Path(__file__).parent / "BUNDLE").replay(NAMECHANGES)
    assert done.is_same, str(done)
'''


def write_test(folder: Path, program: Program, run: str, export: Callable[[Path], Path]) -> Path:
    """Write a test that replays a run, and give its file."""
    fn = program.fn
    module, _ = place_of(fn, fn.name)
    put, changes = _put(program)
    folder.mkdir(parents=True, exist_ok=True)
    mark = run.replace("-", "_").replace(".", "_")
    bundle = export(folder / f"{fn.name}_{mark}.nfrun")
    words = {
        "NAMECHANGES": f"{fn.name}{changes}",
        "NAMEPUT": f"{fn.name}{put}",
        "MODULE": module,
        "NAME": fn.name,
        "MARK": mark,
        "BUNDLE": bundle.name,
    }
    text = re.sub("|".join(words), lambda found: words[found[0]], _TEST)
    test = folder / f"test_{fn.name}_{mark}.py"
    test.write_text(text, encoding="utf-8")
    return test


def _put(program: Program) -> tuple[str, str]:
    """Give the lines that import what a fork put in the place of others, and where it stands."""
    lines, changes = "", []
    for number, one in enumerate(program.changes, 1):
        if one.fn is not None and one.above is not None:
            module, name = place_of(one.fn)
            lines += f"\nfrom {module} import {name} as changed_{number}"
            changes.append(f"{one.path!r}: {{'fn': changed_{number}}}")
    return lines, f", changes={{{', '.join(changes)}}}" if changes else ""


def place_of(fn: Function, name: str | None = None) -> tuple[str, str]:
    """Name the module that a Function can be imported from, and what it is called there."""
    for module, held in list(sys.modules.items()):
        known = getattr(held, "__dict__", {}) if module != "__main__" else {}
        for own in list(known) if name is None else [name]:
            if known.get(own) is fn:
                return module, own
    raise ArgumentError(
        f"{fn.name}() is in no module that a test could import. Put it into a file beside "
        f"the tests, import it from there, and call `as_test` again."
    )
