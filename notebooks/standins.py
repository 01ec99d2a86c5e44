"""The scripted models of the lessons: a few rules each, in the place of a real model."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from netflux_nb import ModelRequest, ToolResultPart
from netflux_nb.testing import Turn, call


def asked(request: ModelRequest) -> str:
    """Give what the agent asked first."""
    return str(getattr(request.parts[0], "text", ""))


def results(request: ModelRequest) -> list[str]:
    """Give what its calls came to so far."""
    return [str(part.outputs) for part in request.parts if isinstance(part, ToolResultPart)]


def editor(request: ModelRequest) -> Any:
    """Summarise a text in its first sentence, after counting; or have several summarised."""
    first, came = asked(request), results(request)
    if first.startswith("Have each"):
        texts = json.loads(re.findall(r"\[.*\]", first)[0].replace("'", '"'))
        if not came:
            return Turn(
                thinking="Each text on its own, all at once.",
                calls=[call("summarise", text=text) for text in texts],
            )
        return f"All {len(came)} are about slow change."
    head, _, text = first.partition("\n")
    if not came:
        return call("word_count", text=text)
    sentence = text.split(". ")[0].rstrip(".")
    return f"{sentence}{'!' if 'cheerful' in head else '.'}"


def jury(request: ModelRequest) -> Any:
    """Answer a question; one that is shown several answers takes the commonest."""
    return "Jupiter: it turns in ten hours." if "answers" in asked(request) else "Jupiter."


def titler(request: ModelRequest) -> Any:
    """Make a title of the first two words."""
    return " ".join(asked(request).split(": ")[1].split()[:2]).capitalize()


class Counting:
    """Counts how often a model was asked."""

    def __init__(self, answer: Callable[[ModelRequest], Any]) -> None:
        self._answer = answer
        self._count = 0

    def __call__(self, request: ModelRequest) -> Any:
        """Answer, and count."""
        self._count += 1
        return self._answer(request)

    def and_forget(self) -> int:
        """Give the count, and start anew."""
        count, self._count = self._count, 0
        return count


PLACE = r"(?:in|from) ([A-Z]\w+(?: [A-Z]\w+)*)"
YEAR = r"\b(1[0-9]{3}|20[0-9]{2})\b"
SEEN = r"open|first|shown"


def reader(request: ModelRequest) -> Any:
    """Read a place and a year out of a text: carefully, or hastily."""
    text = asked(request).split("\n\n")[-1]
    if request.model == "example-small":
        return _hasty(text, is_told_again=len(request.parts) > 1)
    return _careful(text)


def _careful(text: str) -> Any:
    """Take both from the sentence that says when people could see it."""
    sentences = re.split(r"(?<=\.) ", text)
    telling = [one for one in sentences if re.search(SEEN, one)] or sentences
    place = re.findall(PLACE, telling[0]) or re.findall(PLACE, text)
    year = re.findall(YEAR, telling[0])
    return json.dumps({"place": place[0] if place else "", "year": int(year[-1]) if year else None})


def _hasty(text: str, *, is_told_again: bool) -> Any:
    """Take the first place and the first year; and chat, unless told again to use JSON."""
    place, year = re.findall(PLACE, text), re.findall(YEAR, text)
    found = {"place": place[0] if place else "", "year": int(year[0]) if year else None}
    if len(text.split()) > 24 and not is_told_again:
        return f"It was in {found['place']}, in {found['year']}."
    return json.dumps(found)
