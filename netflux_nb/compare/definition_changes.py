"""Edits between two versions of a Function, from their descriptions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .equality import plain, readable
from .fields import Field

# What a version is described by, and what a person calls it.
_NAMES = {
    "system": "system_prompt",
    "prompt": "prompt",
    "source": "source",
    "model": "model",
    "settings": "settings",
    "uses": "uses",
    "args": "arguments",
    "effect": "effect",
    "kind": "kind",
    "desc": "description",
}
_TEXTS = frozenset({"system", "prompt", "source", "desc"})


def edits(left: Mapping[str, Any], right: Mapping[str, Any]) -> Iterator[Field]:
    """Give what differs between two descriptions of a Function, each as a field.

    Example:
        >>> [(f.name, f.right) for f in edits({"prompt": "a", "uses": []}, {"prompt": "b"})]
        [('prompt', 'b')]
    """
    for key, name in _NAMES.items():
        old, new = left.get(key) or None, right.get(key) or None
        if old == new:
            continue
        if key in _TEXTS:
            yield Field(name, str(old or ""), str(new or ""))
        elif key == "settings":
            yield Field(name, _settings(old), _settings(new))
        else:
            yield Field(name, _words(old), _words(new))


def _settings(held: Any) -> Any:
    # A record says of values that they are JSON, and are not held elsewhere.
    if isinstance(held, dict) and held.keys() == {"json"}:
        held = held["json"]
    return held or {}


def _words(held: Any) -> str:
    if held is None:
        return ""
    if isinstance(held, list):
        return ", ".join(
            ": ".join(map(str, one)) if isinstance(one, list) else str(one) for one in held
        )
    return held if isinstance(held, str) else readable(plain(held))
