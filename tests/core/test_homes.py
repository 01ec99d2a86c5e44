"""A module that moves makes no recorded call look changed."""

import importlib
import json
from importlib.util import find_spec
from pathlib import Path

from netflux_nb.core import homes

ROOMS = ("", ".core", ".runtime", ".providers", ".func_lib", ".testing", ".flows")
# Where each public name lived when records of the first version were written.
FIRST = json.loads((Path(__file__).parent / "homes.json").read_text())


def test_public_names_are_recorded_under_the_modules_that_they_had_first():
    homes_now = {}
    for room in ROOMS:
        module = importlib.import_module(f"netflux_nb{room}")
        for name in getattr(module, "__all__", vars(module)):
            thing = getattr(module, name)
            kinds = [thing, type(thing), *getattr(thing, "__mro__", ())]
            homes_now |= {
                kind.__qualname__: homes.recorded_home(kind.__module__)
                for kind in kinds
                if str(getattr(kind, "__module__", "")).startswith("netflux_nb")
                and hasattr(kind, "__qualname__")
            }

    moved = {name: (homes_now.get(name), at) for name, at in FIRST.items()}
    assert {name: pair for name, pair in moved.items() if pair[0] != pair[1]} == {}


def test_every_module_that_moved_is_there():
    assert [now for now in homes._RECORDED if find_spec(now) is None] == []
