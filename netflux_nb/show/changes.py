"""The differences between two versions of a Function: in words, and as a text diff."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from .parts.html import TEXT, safe
from .parts.look import ADDED, REMOVED

# What a version is described by, and what a person calls it; long texts come as a diff too.
_TEXTS = {"prompt": "prompt", "system": "system prompt", "source": "code", "desc": "description"}
_WORDS = {
    "args": "arguments",
    "uses": "uses",
    "model": "model",
    "settings": "settings",
    "effect": "effect",
    "kind": "kind",
}
MOST_LINES = 60
CONTEXT_LINES = 1
LINE_CHARS = 200


def changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Name what differs between two descriptions of a Function.

    Example:
        >>> changed({"prompt": "a", "uses": []}, {"prompt": "b", "uses": []})
        ['prompt']
    """
    names = {**_TEXTS, **_WORDS}
    return [word for key, word in names.items() if (old.get(key) or None) != (new.get(key) or None)]


def diff_of(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Give the lines that were taken out and put in, of all texts that differ."""
    lines: list[str] = []
    for key, word in _TEXTS.items():
        before, after = str(old.get(key) or ""), str(new.get(key) or "")
        if before == after:
            continue
        found = list(
            difflib.unified_diff(
                before.splitlines(), after.splitlines(), lineterm="", n=CONTEXT_LINES
            )
        )
        lines.append(f"@ {word}")
        lines += [line[:LINE_CHARS] for line in found[2:] if not line.startswith("@@")]
    for key, word in _WORDS.items():
        was, now = old.get(key) or None, new.get(key) or None
        if was != now:
            lines += [f"@ {word}", f"-{_said(was)}", f"+{_said(now)}"]
    left = len(lines) - MOST_LINES
    return "\n".join([*lines[:MOST_LINES], *([f"… {left:,} more lines"] if left > 0 else [])])


def _said(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(": ".join(map(str, v)) if isinstance(v, list) else str(v) for v in value)
    return "none" if value is None else str(value)


def html_of(diff: str) -> str:
    """Give lines of `diff_of` as HTML, what was put in and taken out told apart."""
    rows = []
    for line in diff.splitlines():
        sign, words = line[:1], safe(line[1:].lstrip() if line.startswith("@") else line)
        style = {"+": ADDED, "-": REMOVED}.get(sign)
        if sign == "@":
            rows.append(f"<b>{words}</b>")
        else:
            rows.append(words if style is None else f'<span style="{style}">{words}</span>')
    inner = "\n".join(rows)
    return f'<pre style="{TEXT}">{inner}</pre>'
