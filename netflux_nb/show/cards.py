"""A Function as a card: its name, its signature, what it uses, its version, its prompt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import NoneType
from typing import Any, get_args, get_origin

from ..core.functions.arguments import MISSING, FunctionArg
from ..core.functions.kinds import AgentFunction, CodeFunction, Function
from ..core.messages import provider_name
from ..core.text.legible import cut
from ..runtime.safe import visible
from .parts.html import MOST_BYTES, Page, block, folded, safe
from .parts.numbers import count
from .parts.shown import Shown
from .parts.values import brief, line

MOST_USES = 40
PROMPT_CHARS = 6_000
_DESC_CHARS = 600


def card(
    fn: Function, *, notes: Sequence[str] = (), diff: str = "", max_bytes: int = 30_000
) -> Shown:
    """Show a Function.

    Args:
        fn: What to show.
        notes: Lines of its maker's, such as what changed since the last run.
        diff: HTML of ours that shows what changed.
        max_bytes: Of the HTML; 200 kB is the most.
    """
    desc = _desc(fn)
    lines = [_headline(fn), *([f"  {desc}"] if desc else []), f"  {_facts(fn)}"]
    uses = list(_uses(fn))
    if uses:
        lines += ["  uses", *(f"  {row}" for row in uses)]
    lines += [f"  {line(note, 400)}" for note in notes]
    return Shown(
        "\n".join(lines), lambda: _html(fn, uses, notes, diff, min(max_bytes, MOST_BYTES)), "Card"
    )


def signature(fn: Function) -> str:
    """Write a Function's signature, as Python has it."""
    args = ", ".join(_arg(arg) for arg in fn.args)
    gives = f" -> {type_name(fn.result_type)}" if isinstance(fn, AgentFunction) else ""
    if isinstance(fn, CodeFunction):
        hint = getattr(fn.original, "__annotations__", {}).get("return", MISSING)
        gives = "" if hint is MISSING else f" -> {type_name(hint)}"
    return f"{line(fn.name, 64)}({args}){gives}"


def _arg(arg: FunctionArg) -> str:
    kind = type_name(arg.argtype)
    if arg.optional and arg.default is MISSING:
        return f"{arg.name}: {kind} | None = None"
    default = "" if arg.default is MISSING else f" = {brief(arg.default, 40)}"
    return f"{arg.name}: {kind}{default}"


def type_name(kind: Any) -> str:
    """Write a type as one writes it in Python."""
    if isinstance(kind, str):
        return line(kind, 60)
    if kind is None or kind is NoneType:
        return "None"
    if get_origin(kind) is not None and get_args(kind):
        return line(str(kind).replace("typing.", "").replace("__main__.", ""), 80)
    return line(getattr(kind, "__name__", "") or str(kind), 60)


def _headline(fn: Function) -> str:
    return f"{'agent' if fn.is_agent() else 'function'} {signature(fn)}"


def _desc(fn: Function) -> str:
    # One that has no description is described by its name.
    return "" if fn.desc == fn.name else line(fn.desc, _DESC_CHARS)


def _facts(fn: Function) -> str:
    found = [f"version {fn.version[:8]}"]
    if isinstance(fn, AgentFunction) and fn.names_model:
        found.append(f"model {line(provider_name(fn.default_model), 60)}")
    if fn.effect is not None:
        found.append(f"reaches outside: {line(fn.effect, 40)}")
    if fn.needs_approval:
        found.append("waits for a person's approval")
    if fn.contract is not None:
        for what in ("reads", "writes"):
            paths = getattr(fn.contract, what)
            if paths:
                found.append(f"{what} {line(', '.join(paths), 120)}")
    return " · ".join(found)


def _uses(fn: Function) -> Iterator[str]:
    """Draw what a Function may call, and what that may call; each Function's own once."""
    seen = {fn.name}
    stack = [("", "", one, i == len(fn.uses) - 1) for i, one in reversed(list(enumerate(fn.uses)))]
    drawn = 0
    while stack:
        lead, below, one, is_last = stack.pop()
        if drawn == MOST_USES:
            yield f"… {len(stack) + 1:,} more"
            return
        drawn += 1
        again = one.name in seen
        marks = f"{' (agent)' if one.is_agent() else ''}{' ↑' if again and one.uses else ''}"
        yield f"{below}{'└─ ' if is_last else '├─ '}{line(one.name, 64)}{marks}"
        if again:
            continue
        seen.add(one.name)
        inner = below + ("   " if is_last else "│  ")
        last = len(one.uses) - 1
        stack += [(lead, inner, c, i == last) for i, c in reversed(list(enumerate(one.uses)))]


def _html(fn: Function, uses: Sequence[str], notes: Sequence[str], diff: str, most: int) -> str:
    page = Page(most)
    kind, desc = "agent" if fn.is_agent() else "function", _desc(fn)
    page.add(
        f"<p>{kind} <b><code>{safe(signature(fn))}</code></b>"
        f"{f'<br>{safe(desc)}' if desc else ''}<br><small>{safe(_facts(fn))}</small></p>"
    )
    if uses:
        page.add(f"<p><small>uses</small></p>{block(chr(10).join(uses))}")
    for note in notes:
        page.add(f"<p>{safe(line(note, 400))}</p>")
    if diff:
        page.add(folded("what changed", diff, is_open=True))
    for title, words in _prompts(fn):
        page.add(folded(f"{title} <small>{count(len(words), 'character')}</small>", _cut(words)))
    return str(page)


def _prompts(fn: Function) -> list[tuple[str, str]]:
    if not isinstance(fn, AgentFunction):
        return []
    prompts = [("system prompt", fn.system_prompt), ("prompt", fn.user_prompt_template)]
    return [(title, words) for title, words in prompts if words]


def _cut(words: str) -> str:
    return block(cut(visible(words), PROMPT_CHARS))
