"""Orders of a panel to the kernel, parsed; anything else is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ...core.errors import UsageError
from ...record.sql.trends import BYS, By
from ...run.trend_chart import OFS, Of
from ...show.parts.text import clean
from . import acting, finding
from .updates import MOST_ROWS, NAME_CHARS

# Of a text that a person typed.
MOST_CHARS = 20_000
MOST_MESSAGE_BYTES = 64_000
# Of one kernel, open in one page.
MOST_NOTEBOOKS = 20

# Runs that something is done to with one order.
MOST_NAMED = 500

Verb = Literal["cancel", "approve", "reject", "answer", "whole"]


@dataclass(frozen=True, slots=True)
class PanelHello:
    """A panel came, or lost its thread: it wants all."""


@dataclass(frozen=True, slots=True)
class Find:
    """It wants some of the runs, in an order; `id` is its number of the question.

    `page` names who asks: of one page, the last question counts.
    """

    id: int
    page: str
    start: int
    wish: finding.Wish


@dataclass(frozen=True, slots=True)
class NotebookLocation:
    """Where the notebook is that is looked at, as its front end knows it.

    `of` has every notebook of the kernel, by the connection over which its cells come.
    """

    path: str
    of: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run's view was opened, or closed."""

    run: str
    is_open: bool


@dataclass(frozen=True, slots=True)
class ViewMessage:
    """A message of an opened run's view, for its feed."""

    run: str
    message: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Static:
    """It wants a run's static HTML."""

    run: str


@dataclass(frozen=True, slots=True)
class Usage:
    """It wants what this notebook used today."""


@dataclass(frozen=True, slots=True)
class ShowChart:
    """It wants a chart over the runs of a notebook, or of the whole folder."""

    id: int
    by: By
    of: Of
    is_whole: bool


@dataclass(frozen=True, slots=True)
class ShowLedger:
    """It wants what was free in a run."""

    id: int
    run: str


@dataclass(frozen=True, slots=True)
class Act:
    """A person does something to runs; `value` is a text that goes with it."""

    id: int
    verb: acting.ActVerb
    runs: tuple[str, ...]
    value: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    """A person did something; `id` is the panel's number of it.

    An answer names its question. "whole" asks for all that a question is about.
    """

    id: int
    verb: Verb
    run: str
    node: int | None = None
    value: Any = None
    question: str = ""


Order = (
    PanelHello
    | Find
    | NotebookLocation
    | OpenRun
    | ViewMessage
    | Static
    | Usage
    | ShowChart
    | ShowLedger
    | Act
    | Command
)
_VERBS = ("cancel", "approve", "reject", "answer", "whole")


def read(data: object) -> Order:
    """Read what a panel said. Raises `UsageError` for what no panel of ours says."""
    if not isinstance(data, dict) or len(json.dumps(data, default=str)) > MOST_MESSAGE_BYTES:
        raise UsageError("The panel sent a message that is no object, or too long.")
    match data:
        case {"t": "hello"}:
            return PanelHello()
        case {"t": "find", "id": int(number), "page": str(page), "start": int(start)} if (
            0 <= start <= MOST_ROWS and _is_name(page)
        ):
            return Find(number, page, start, finding.read(data.get("wish")))
        case {"t": "where", "path": str(path)} if len(path) <= 2_000:
            return NotebookLocation(path, _notebooks(data.get("of")))
        case {"t": "open" | "close" as t, "run": str(run)} if _is_name(run):
            return OpenRun(run, t == "open")
        case {"t": "view", "run": str(run), "message": dict(message)} if _is_name(run):
            return ViewMessage(run, message)
        case {"t": "static", "run": str(run)} if _is_name(run):
            return Static(run)
        case {"t": "usage"}:
            return Usage()
        case {"t": "chart", "id": int(number), "by": str(by), "of": str(of)} if (
            by in BYS and of in OFS
        ):
            return ShowChart(number, by, of, data.get("whole") is True)
        case {"t": "ledger", "id": int(number), "run": str(run)} if _is_name(run):
            return ShowLedger(number, run)
        case {"t": "act", "id": int(number), "verb": str(verb), "runs": list(names)} if (
            verb in acting.VERBS and 0 < len(names) <= MOST_NAMED
        ):
            return _act(data, number, verb, names)
        case {"t": "do", "id": int(number), "verb": str(verb), "run": str(run)} if (
            verb in _VERBS and _is_name(run)
        ):
            return _command(data, number, verb, run)
    raise UsageError(f"The panel sent {clean(str(data.get('t')), 40)!r}, which is not known here.")


def _notebooks(data: object) -> Mapping[str, str]:
    found = data.items() if isinstance(data, dict) else ()
    texts = [(one, path) for one, path in found if isinstance(one, str) and isinstance(path, str)]
    return {one: path for one, path in texts[:MOST_NOTEBOOKS] if max(len(one), len(path)) <= 2_000}


def _is_name(text: str) -> bool:
    return 0 < len(text) <= NAME_CHARS and text.isprintable()


def _act(data: Mapping[str, Any], number: int, verb: Any, names: list[Any]) -> Act:
    value = data.get("value", "")
    if not all(isinstance(name, str) and _is_name(name) for name in names):
        raise UsageError("Runs are named by their names.")
    if not isinstance(value, str) or len(value) > MOST_CHARS:
        raise UsageError(f"What goes with it has at most {MOST_CHARS:,} characters.")
    return Act(number, verb, tuple(dict.fromkeys(names)), value)


def _command(data: Mapping[str, Any], number: int, verb: Any, run: str) -> Command:
    node, value, question = data.get("node"), data.get("value"), data.get("question", "")
    if isinstance(node, bool) or not isinstance(node, int | None):
        raise UsageError(f"A Node is named by its number; got {clean(repr(node), 40)}.")
    if isinstance(value, str) and len(value) > MOST_CHARS:
        raise UsageError(f"An answer has at most {MOST_CHARS:,} characters; got {len(value):,}.")
    if not isinstance(question, str) or len(question) > NAME_CHARS:
        raise UsageError(f"A question is named by its id; got {clean(repr(question), 40)}.")
    return Command(number, verb, run, node, value, question)
