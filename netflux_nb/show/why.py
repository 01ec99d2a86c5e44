"""The explanation of a failed run: from its root to the failing Node, and how to go on."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.views import NodeState, NodeView
from . import failures, transcripts
from .parts import look
from .parts.html import MOST_BYTES, Page, block, safe, sentence
from .parts.numbers import count
from .parts.shown import Shown
from .parts.text import facts
from .parts.values import brief, call, failure, line
from .transcripts import Said

# Steps of the chain that are shown, from the root and from where it began.
MOST_STEPS = 12
# Of the conversation of the agent that it happened in.
LAST_PARTS = 5


@dataclass(frozen=True, slots=True)
class Cause:
    """The parts of an explanation by `why`."""

    failure: failures.Failure
    chain: tuple[NodeView, ...]
    # The agent that is nearest to where it began, and its path.
    agent: NodeView | None
    paths: tuple[str, ...]
    # Lines that go on from here, the likeliest first.
    ready: tuple[str, ...]


def cause(view: NodeView, run: str = "run") -> Cause | None:
    """Find what a run failed with; None where it did not fail."""
    found = failures.explain(view)
    if found is None:
        return None
    chain = failures.chain(view)
    paths = failures.steps(chain)
    agents = [one for one in chain if one.fn.is_agent() and one.transcript]
    ready = [_fork(chain[-1], paths, run)]
    if view.state is not NodeState.Error:
        ready = [f"{run}.resume()"]
    elif found.kind == "environmental":
        ready.insert(0, f"{run}.resume()")
    return Cause(found, chain, agents[-1] if agents else None, paths, tuple(ready))


def _fork(origin: NodeView, paths: tuple[str, ...], run: str) -> str:
    """Write the line that runs it again with the failed call changed."""
    change = 'prompt="…"' if origin.fn.is_agent() else "fn=..."
    if not origin.fn.is_agent() and origin.inputs:
        name, value = next(iter(origin.inputs.items()))
        word = brief(value, 60)
        word = word if word == brief(value, 61) else "..."  # the whole of it, or nothing
        change = f"args={{{brief(str(name), 64)}: {word}}}"
    return f"{run}.node({brief('/'.join(paths), 500)}).fork({change})"


def why(view: NodeView, *, run: str = "run", max_bytes: int = 30_000) -> Shown:
    """Show why a run failed: the chain of calls, the last words of the agent, a line to go on.

    Args:
        view: The root of the tree.
        run: What the run is called in the line that forks it.
        max_bytes: Of the HTML; 200 kB is the most.
    """
    found = cause(view, run)
    if found is None:
        words = _fine(view)
        return Shown(words, lambda: f"<p>{safe(words)}</p>", "Why")
    said = _last(found)
    lines = [_headline(found), "", *_text_chain(found)]
    if found.failure.inputs:
        lines += ["", "It was given:"]
        lines += [f"  {name} = {value}" for name, value in found.failure.inputs.items()]
    if said:
        lines += ["", _said_by(found), *(_text_part(one) for one in said)]
    lines += ["", *_beside(found), found.failure.advice, *(f"  {row}" for row in found.ready)]
    return Shown(
        "\n".join(lines), lambda: _html(found, said, min(max_bytes, MOST_BYTES)), "Why"
    )  # fmt: skip


def _fine(view: NodeView) -> str:
    caught = [one for _, one in view.walk() if one.state is NodeState.Error]
    words = f"{line(view.fn.name, 64)} succeeded."
    if caught:
        named = ", ".join(f"{line(c.fn.name, 40)}: {failure(c.exception, 80)}"
                          for c in caught[:3] if c.exception is not None)  # fmt: skip
        were = "was" if len(caught) == 1 else "were"
        words += f" {count(len(caught), 'call')} below it failed and {were} dealt with: {named}."
    return words


def _headline(found: Cause) -> str:
    kind = f", {found.failure.kind}" if found.failure.kind else ""
    shape = look.STATES[found.chain[0].state].shape
    if found.chain[0].state is not NodeState.Error:
        return f"{shape} {found.failure.state}: {line(found.failure.path, 300)}"
    return f"{shape} {found.failure.state}{kind}: it began at {line(found.failure.path, 300)}"


def _steps(found: Cause) -> list[tuple[int, NodeView, str] | int]:
    """Give the chain's steps; a number stands for as many that are left out."""
    steps = list(zip(range(len(found.chain)), found.chain, found.paths, strict=True))
    if len(steps) <= MOST_STEPS:
        return list(steps)
    half = MOST_STEPS // 2
    return [*steps[:half], len(steps) - 2 * half, *steps[-half:]]


def _text_chain(found: Cause) -> list[str]:
    lines = []
    for level, step in enumerate(_steps(found)):
        lead = "   " * max(level - 1, 0) + ("└─ " if level else "")
        if isinstance(step, int):
            lines.append(f"{lead}… {step:,} more")
            continue
        _, view, name = step
        args = call(view.inputs, 48)
        lines.append(
            f"{lead}{look.STATES[view.state].shape} {name}({args})  [{', '.join(facts(view))}]"
        )
    lines.append("   " * len(lines) + found.failure.error[:400])
    return lines


def _last(found: Cause) -> list[Said]:
    return transcripts.parts(found.agent)[-LAST_PARTS:] if found.agent is not None else []


def _said_by(found: Cause) -> str:
    assert found.agent is not None
    return f"The last words of {line(found.agent.fn.name, 64)}:"


def _text_part(one: Said) -> str:
    return f"  {one.sign} {one.who}: {line(one.words, 300)}"


def _beside(found: Cause) -> list[str]:
    notes = []
    for what, names in (
        ("Failed too", found.failure.others),
        ("Without an end", found.failure.unfinished),
    ):
        if names:
            notes.append(line(f"{what}: {', '.join(names)}", 600))
    return notes


def _html(found: Cause, said: list[Said], max_bytes: int) -> str:
    page = Page(max_bytes)
    page.add(f"<p><b>{safe(_headline(found))}</b></p>")
    page.add(block("\n".join(_text_chain(found))))
    if found.failure.inputs:
        rows = "".join(
            f"<li>{safe(name)} = <code>{safe(value)}</code></li>"
            for name, value in found.failure.inputs.items()
        )
        page.add(f"<p>It was given</p><ul>{rows}</ul>")
    ready = (
        f"<p>{'<br>'.join([*map(safe, _beside(found)), sentence(found.failure.advice)])}</p>"
        f"{block(chr(10).join(found.ready))}"
    )
    # What to do next is never what there is no room for.
    room = min(len(ready.encode()), page.left)
    page.left -= room
    if said:
        page.add(f"<p>{safe(_said_by(found))}</p>")
        transcripts.add(page, said)
    page.left += room
    page.add(ready)
    return str(page)
