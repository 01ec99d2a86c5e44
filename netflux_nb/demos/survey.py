"""A small study that needs no key: an agent with tools and sub-agents, on the scripted model."""

from __future__ import annotations

import re

from .. import agent, function
from ..core.messages import ModelRequest, ToolResultPart, UserTextPart
from ..testing import Turn, call

TEXTS = {
    "tides": "Tides are raised by the Moon and the Sun. The Moon counts for about two thirds.",
    "bread": "Yeast turns sugar into gas. Warm dough rises in an hour; cold dough in a night.",
    "ink": "Iron gall ink darkens as it dries. It ate through many old pages.",
}


@function
def read_text(name: str) -> str:
    """Read one of the bundled texts.

    Args:
        name: tides, bread or ink.
    """
    if name not in TEXTS:
        raise KeyError(f"no text {name!r}; there is: {', '.join(TEXTS)}")
    return TEXTS[name]


@function
def word_count(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())


summarise = agent(
    "summarise(name: str)",
    "Summarise the text called {name} in a sentence.",
    system="You are a careful editor. Read the text before you write.",
    desc="Summarise one of the bundled texts.",
    uses=[read_text, word_count],
    model="scripted",
)

survey = agent(
    "survey(names: list[str])",
    "Have each of these texts summarised, then say what they share: {names}",
    system="You lead a small study. Delegate the reading.",
    desc="Compare several texts.",
    uses=[summarise],
    model="scripted",
)


def answer(request: ModelRequest) -> object:
    """Stand in for a model: decide by what was said so far, as a model would."""
    first = request.parts[0]
    assert isinstance(first, UserTextPart)
    results = [str(p.outputs) for p in request.parts if isinstance(p, ToolResultPart)]
    errors = [p for p in request.parts if isinstance(p, ToolResultPart) and p.is_error]
    if first.text.startswith("Have each"):
        names = re.findall(r"'(\w+)'", first.text)
        if not results:
            return Turn(
                thinking="Each text on its own, all at once.",
                calls=[call("summarise", name=n) for n in names],
            )
        return "All of them are about slow change: " + " ".join(results)
    name = re.findall(r"called (\w+)", first.text)[0]
    if not results:
        # A mistake on purpose: the first try names a text that is not there.
        return call("read_text", name=name if name != "ink" else "inks")
    if errors and len(results) == 1:
        return call("read_text", name="ink")
    if len(results) - len(errors) == 1:
        return call("word_count", text=results[-1])
    return results[-2].split(".")[0] + "."
