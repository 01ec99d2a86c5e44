"""Help on `?` and Shift-Tab for Functions and for our magics."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from ...core.functions.kinds import AgentFunction, Function
from ...core.text.legible import cut
from ...runtime.safe import visible
from ...show import cards
from ...show.parts.html import message
from ...show.parts.shown import Shown
from ...show.parts.tables import table

# Of a prompt or a text of help.
MOST_CHARS = 6_000

Sections = list[tuple[str, str]]


class Lookup:
    """Answers for Functions and magics in one shell; the rest is IPython's."""

    def __init__(self, shell: Any, magics: type) -> None:
        self._shell = shell
        self._magics = magics
        hooks = getattr(shell.inspector, "mime_hooks", None)
        if hooks is not None:
            shell.inspector.mime_hooks = {
                **hooks,
                "text/plain": self._text,
                "text/html": self._html,
            }

    def _text(self, asked: Any) -> Sections | None:
        found = asked.obj
        if isinstance(found, Function):
            return of_function(found, is_whole=asked.detail_level > 0)
        if isinstance(getattr(found, "__self__", None), self._magics) and not asked.detail_level:
            return of_magic(found)
        return None

    def _html(self, asked: Any) -> Sections | None:
        found = asked.obj
        if isinstance(found, Function):
            return [(visible(found.name[:64]), cards.card(found).html)]
        return None

    def leave(self) -> None:
        """Leave it to IPython again."""
        hooks = getattr(self._shell.inspector, "mime_hooks", None) or {}
        mine: tuple[Callable[..., Any], ...] = (self._text, self._html)
        self._shell.inspector.mime_hooks = {k: v for k, v in hooks.items() if v not in mine}


def of_function(fn: Function, *, is_whole: bool = False) -> Sections:
    """Tell of a Function: its signature, description, uses, prompts; whole, as Python too."""
    head, *rest = str(cards.card(fn)).splitlines()
    kind, _, signature = head.partition(" ")
    found = [("Signature", signature), ("Kind", kind)]
    if fn.desc != fn.name:
        found.append(("Description", rest.pop(0).strip()))
    found.append(("Facts", rest.pop(0).strip()))
    if rest:
        found.append(("Uses", "\n".join(rest[1:])))
    if is_whole:
        return [*found, ("Source", cut(fn.source(), MOST_CHARS))]
    if isinstance(fn, AgentFunction):
        texts = (("System prompt", fn.system_prompt), ("Prompt", fn.user_prompt_template))
        found += [(title, visible(cut(text, MOST_CHARS))) for title, text in texts if text]
    return found


def of_magic(magic: Any) -> Sections:
    """Tell of a magic: how it is written, what it does, an example."""
    name = magic.__name__
    sign = "%%" if name in ("agent", "function", "map") else "%"
    text = inspect.cleandoc(magic.__doc__ or "")
    # What is `reStructuredText` of it is not for reading.
    text = text.replace("::\n\n", "", 1) if text.startswith("::") else text.replace("\n::\n", "")
    text = text.replace("Example::", "Example:").replace(f"  %{name} [", f"  {sign}{name} [")
    return [(f"{sign}{name}", cut(text, MOST_CHARS))]


def functions_table(names: Mapping[str, Any]) -> Shown:
    """Show the Functions that have a name here."""
    rows = [
        [
            name,
            "agent" if one.is_agent() else "code",
            cards.signature(one),
            ", ".join(used.name for used in one.uses),
            one.desc if one.desc != one.name else "",
        ]
        for name, one in sorted(names.items())
        if isinstance(one, Function) and not name.startswith("_")
    ]
    if not rows:
        return message(
            "There is no Function yet. `%%agent?` and `%%function?` tell how to define one."
        )
    return table(rows, ["name", "kind", "signature", "uses", "description"], title="Functions")
