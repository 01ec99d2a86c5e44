"""A recorded run as a test: a bundle, and a file that replays it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from ..core.errors import ArgumentError
from ..core.functions import Function

_TEST = '''\
"""A recorded run, replayed: no key, no model, no cost."""

from pathlib import Path

from netflux_nb import open_run

from MODULE import NAME


def test_NAME_MARK():
    done = open_run(Path(__file__).parent / "BUNDLE").replay(NAME)
    assert done.is_same, str(done)
'''


def write_test(folder: Path, fn: Function, run: str, export: Callable[[Path], Path]) -> Path:
    """Write a test that replays a run, and give its file."""
    module = module_of(fn)
    if module is None:
        raise ArgumentError(
            f"{fn.name}() is in no module that a test could import. Put it into a file beside "
            f"the tests, import it from there, and call `as_test` again."
        )
    folder.mkdir(parents=True, exist_ok=True)
    mark = run.replace("-", "_").replace(".", "_")
    bundle = export(folder / f"{fn.name}_{mark}.nfrun")
    words = {"MODULE": module, "NAME": fn.name, "MARK": mark, "BUNDLE": bundle.name}
    text = _TEST
    for name, word in words.items():
        text = text.replace(name, word)
    test = folder / f"test_{fn.name}_{mark}.py"
    test.write_text(text, encoding="utf-8")
    return test


def module_of(fn: Function) -> str | None:
    """Name the module that a Function can be imported from."""
    for name, module in list(sys.modules.items()):
        if name != "__main__" and getattr(module, "__dict__", {}).get(fn.name) is fn:
            return name
    return None
