"""The text of an audit recipe: entries are added to it, and all that stands there stays."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..core.errors import ArgumentError
from ..core.text.legible import escaped
from ..core.text.yaml_text import read_yaml
from .process_sources import UNKNOWN, ProcessSource

ENTRIES = "process_recipes"


def recipe_in(path: Path) -> tuple[str, dict[str, Any]]:
    """Read a recipe: its text, and what it holds; nothing where there is none."""
    try:
        # Its ends of lines stay as they are.
        text = path.read_bytes().decode() if path.exists() else ""
    except UnicodeDecodeError:
        raise ArgumentError(f"{path.as_posix()!r} is no text in UTF-8.") from None
    told = read_yaml(text, path.name) if text.strip() else None
    if told is None:
        told = {}
    entries = told.get(ENTRIES) if isinstance(told, dict) else None
    if not isinstance(told, dict) or not isinstance(entries, dict | None):
        raise ArgumentError(f"{path.as_posix()!r} is no recipe. It has `{ENTRIES}`, by process.")
    return text, told


def with_entries(text: str, name: str, new: Iterable[ProcessSource]) -> str:
    """Give a recipe's text with an entry for each of these."""
    end = "\r\n" if "\r\n" in text else "\n"
    before, indent, after = _place(text, name)
    lines = [line for one in new for line in _entry(one, indent)]
    if before and not before.endswith(("\n", "\r")):
        before += end
    if not indent:  # there is no such key yet
        lines = [f"{ENTRIES}:", *(f"  {line}" for line in lines)]
    return before + end.join(lines) + end + after


def _place(text: str, name: str) -> tuple[str, str, str]:
    """Give what stands before and after new entries, and how far these are indented."""
    import yaml

    root = yaml.compose(text, Loader=yaml.SafeLoader) if text.strip() else None
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    found = next((pair for pair in pairs if pair[0].value == ENTRIES), None)
    if isinstance(root, yaml.MappingNode) and root.flow_style:
        raise ArgumentError(f"{name} is written in braces. Write it in lines: `{ENTRIES}:`.")
    if found is None:
        return text, "", ""
    key, value = found
    if (
        not isinstance(value, yaml.MappingNode) or not value.value
    ):  # `process_recipes:` or `process_recipes: {}`
        cut = key.end_mark.index + text[key.end_mark.index :].index(":") + 1
        after = text[value.end_mark.index :] if value.end_mark.index > cut else text[cut:]
        rest, newline, below = after.partition("\n")
        return text[:cut] + rest + newline, "  ", below
    if value.flow_style:
        raise ArgumentError(
            f"{name}: `{ENTRIES}` is written in braces. Write an entry a line, below it."
        )
    indent = " " * value.value[0][0].start_mark.column
    lines = text[: value.end_mark.index].splitlines(keepends=True)
    # What is said above the next key belongs to that.
    last = len(lines)
    while last and _is_loose(lines[last - 1], indent):
        last -= 1
    size = sum(map(len, lines[:last]))
    return text[:size], indent, text[size:]


def _is_loose(line: str, indent: str) -> bool:
    return not line.strip() or (line.lstrip().startswith("#") and not line.startswith(indent))


def _entry(one: ProcessSource, indent: str) -> list[str]:
    """Write the skeleton of an entry: rules that do nothing until their field is filled in."""
    inputs = ", ".join([*one.args, *one.reads]) or "an argument"
    outputs = ", ".join(one.writes) or "a path of the state"
    lines = [
        f"{_word(one.name)}:",
        "  inputs:",
        f"    - field: TODO_FIELD  # {_comment(inputs)}",
        "      level: I",
        "      min: 0",
        "  outputs:",
        f"    - field: TODO_FIELD  # {_comment(outputs)}",
        "      level: I",
        "      threshold: 3",
        f"  side_effects: {_listed(one.effects)}",
        f"  errors: {_listed(one.errors)}",
    ]
    return [indent + line for line in lines]


def _listed(words: Iterable[str]) -> str:
    return "[" + ", ".join(_word(word) for word in words if word != UNKNOWN) + "]"


def _word(text: str) -> str:
    # A word of YAML's own, such as `null`, is one that JSON would quote as well.
    is_plain = text.isidentifier() and text.isascii() and text.lower() not in _OWN
    return text if is_plain else json.dumps(text, ensure_ascii=False)


_OWN = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}


def _comment(text: str) -> str:
    return escaped(" ".join(text.split())[:120])
