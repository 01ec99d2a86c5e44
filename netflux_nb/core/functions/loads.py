"""Names that a code object loads: globals, attributes, imported modules, nested code included."""

from __future__ import annotations

import dis
import types
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Loads:
    """The names that code loads, nested code too: as globals, and as attributes of anything."""

    globals: frozenset[str]
    attributes: frozenset[str]
    # What an `import` in it names.
    modules: frozenset[str]


# Python 3.12 has the last: a class body, or an annotation, that looks into its own names first.
_AS_GLOBAL = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")
_AS_ATTRIBUTE = ("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR", "IMPORT_FROM")


@lru_cache(maxsize=2_000)
def loads_of(code: types.CodeType) -> Loads:
    """Name what code loads. An attribute is no global, whatever a global is called."""
    names: set[str] = set()
    attributes: set[str] = set()
    modules: set[str] = set()
    stack = [code]
    while stack:
        one = stack.pop()
        # What a class body has set on the straight way to here is its own.
        own: set[str] = set()
        is_straight = not one.co_exceptiontable
        for step in dis.get_instructions(one):
            is_straight = is_straight and step.opcode not in _JUMPS
            if step.opname in _AS_GLOBAL and step.argval not in own:
                names.add(step.argval)
            elif step.opname in _AS_ATTRIBUTE:
                attributes.add(step.argval)
            elif step.opname == "IMPORT_NAME":
                modules.add(step.argval)
            elif step.opname == "STORE_NAME" and is_straight:
                own.add(step.argval)
            elif step.opname == "DELETE_NAME":
                own.discard(step.argval)
        stack.extend(c for c in one.co_consts if isinstance(c, types.CodeType))
    return Loads(frozenset(names), frozenset(attributes), frozenset(modules))


_JUMPS = frozenset({*dis.hasjrel, *dis.hasjabs})
