"""Substitution of declared arguments into a prompt, and nothing cleverer."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from ..errors import PromptError, listed

_NAME = re.compile(r"\{\{|\}\}|\{([^\W\d]\w*)\}")
_LITERAL = re.compile(r"\{\{|\{([^\W\d]\w*)\}")


def unknown(template: str, names: Collection[str]) -> tuple[str, int] | None:
    """Find the first placeholder that names no argument, and where it stands."""
    for match in _LITERAL.finditer(template):
        if match[1] is not None and match[1] not in names:
            return match[1], match.start()
    return None


def check(template: str, names: Collection[str], owner: str) -> None:
    """Raise `PromptError` with a caret where a placeholder names no argument."""
    found = unknown(template, names)
    if found is None:
        return
    name, place = found
    start = template.rfind("\n", 0, place) + 1
    line = template[start:].split("\n", 1)[0][:120]
    caret = " " * (place - start) + "^"
    raise PromptError(
        f"{owner}: {{{name}}} is no argument. It takes: {listed(names)}. "
        f"Declare it, or write {{{{{name}}} for a plain brace.\n  {line}\n  {caret}"
    )


def fill(template: str, values: Mapping[str, Any], *, doubled: bool = False) -> str:
    """Put values in for `{identifier}`; every other brace stays as it is.

    `{{` gives one brace. With `doubled`, `}}` does too, as `str.format` had it.

    Example:
        >>> fill('{"q": {text}}', {"text": "why {x}?"})
        '{"q": why {x}?}'
    """

    def put(match: re.Match[str]) -> str:
        name = match[1]
        if name is None:
            return match[0][0]
        if name not in values:
            raise PromptError(
                f"The prompt names {{{name}}}, which was not given. There is: {listed(values)}."
            )
        return str(values[name])

    return (_NAME if doubled else _LITERAL).sub(put, template)
