"""Tags, notes and titles of runs by `%nf`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...core.errors import ArgumentError
from ...run import Run
from ...show.parts import numbers
from ...show.parts.html import message
from ...show.parts.shown import Shown
from . import naming

# A note is prose: a word that it begins with may look like an option.
REMOVE = "--remove"


def tag(
    words: Sequence[str], names: Mapping[str, Any], title: str | None, *, is_removed: bool
) -> Shown:
    """Tag the run that the first word names, or say what it is called; then show its labels."""
    run = _run(words, names, "`%nf tag runs[0] baseline`")
    if title is not None:
        run.rename(title)
    if is_removed:
        run.untag(*words[1:])
    elif words[1:]:
        run.tag(*words[1:])
    return _shown(run)


def note(words: Sequence[str], names: Mapping[str, Any]) -> Shown:
    """Write a note on the run that the first word names; then show its labels."""
    run = _run(words, names, "`%nf note runs[0] looks right`")
    text = words[1].strip() if len(words) > 1 else ""
    if text:
        run.note("" if text == REMOVE else text)
    return _shown(run)


def _run(words: Sequence[str], names: Mapping[str, Any], example: str) -> Run:
    # Nothing stands for the last run here: a word may be the end of a run's name, or a tag.
    if not words:
        raise ArgumentError(f"Name the run first, such as {example}.")
    return naming.run_named(words[0], names)


def _shown(run: Run) -> Shown:
    said = run.labels
    words = [f"“{said.title}”" if said.title else "", *(f"#{one}" for one in said.tags)]
    facts = [" ".join(one for one in words if one), said.note]
    told = "\n".join(one for one in facts if one) or "no tag, note or title"
    return message(f"{numbers.named(run.id)}: {told}")
