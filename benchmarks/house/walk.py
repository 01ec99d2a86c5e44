"""The walk of one argument through the modules: from a call to its line, and back to a cell."""

from __future__ import annotations

import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import netflux_nb
from netflux_nb import Runtime, agent
from netflux_nb.core.secrets import redaction
from netflux_nb.record.journal import Journal
from netflux_nb.record.reading import read_view
from netflux_nb.show import trees
from netflux_nb.testing import ScriptedModel

PACKAGE = str(Path(netflux_nb.__file__).parent)
WORDS = "when the snow melts, rivers rise"


class Walk:
    """The modules that were entered with the argument in hand, in their order."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.redactions = 0

    def __enter__(self) -> Walk:
        threading.setprofile(self._see)
        sys.setprofile(self._see)
        return self

    def __exit__(self, *exc: object) -> None:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]

    def _see(self, frame: FrameType, event: str, arg: Any) -> None:
        if event != "call" or not frame.f_code.co_filename.startswith(PACKAGE):
            return
        code = frame.f_code
        if code.co_name == "keys" and code.co_filename == redaction.__file__:
            self.redactions += 1
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        if any(holds(frame.f_locals.get(name)) for name in names):
            module = Path(code.co_filename).relative_to(PACKAGE).with_suffix("")
            self.steps.append(".".join(module.parts))

    @property
    def moves(self) -> int:
        """How often the next module is another one."""
        return sum(a != b for a, b in zip(self.steps, self.steps[1:], strict=False))

    @property
    def modules(self) -> list[str]:
        """The modules, each once."""
        return list(dict.fromkeys(self.steps))


def holds(value: Any, depth: int = 3) -> bool:
    """Say whether the argument is in a value, near its surface."""
    if isinstance(value, str):
        return WORDS in value
    if isinstance(value, bytes):
        return WORDS.encode() in value
    if depth == 0:
        return False
    if isinstance(value, Mapping):
        return any(holds(one, depth - 1) for one in list(value.values())[:20])
    if isinstance(value, (list, tuple)):
        return any(holds(one, depth - 1) for one in value[:20])
    slots = getattr(type(value), "__slots__", ())
    if slots and type(value).__module__.startswith("netflux_nb.core"):
        return any(holds(getattr(value, name, None), depth - 1) for name in slots)
    return False


def table() -> list[tuple[str, str]]:
    """Walk once to the record, once back to a cell, and give the counts."""
    title = agent("title(text: str)", "Give a title to: {text}", model="scripted")
    folder = Path(tempfile.mkdtemp())
    models = {"scripted": ScriptedModel(["Rivers"] * 3)}
    with Journal(folder) as journal, Runtime([title], models=models, sink=journal) as runtime:
        runtime.invoke(None, title, {"text": "warm"}).wait()
        with Walk() as there:
            node = runtime.invoke(None, title, {"text": WORDS})
            node.wait()
        run, live = runtime.run_name(node), node.view()
    read_view(folder, run)
    with Walk() as back:
        shown = trees.tree(read_view(folder, run).view)
        getattr(shown, "_repr_mimebundle_", shown.__str__)()
    with Walk() as screen:
        shown = trees.tree(live)
        getattr(shown, "_repr_mimebundle_", shown.__str__)()
    return [
        ("call → line: modules; moves", f"{len(there.modules)}; {there.moves}"),
        ("record → cell: modules; moves", f"{len(back.modules)}; {back.moves}"),
        ("redactions to show one Node", str(screen.redactions)),
    ]
