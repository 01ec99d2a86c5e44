"""The preview of a call: its first request, in our form and the provider's, and its price."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..core.agent_loop import converse, tool_of
from ..core.bill import EXAMPLE, estimate
from ..core.errors import NetfluxError
from ..core.functions.display import Displayed
from ..core.functions.kinds import AgentFunction, Function
from ..core.messages import ModelRequest, UserTextPart, provider_name
from ..core.text.legible import cut
from ..providers import native_body
from ..providers.settings import settings_of
from ..record.sql import spending
from ..runtime.agents.agent import AgentNode
from ..runtime.calls import model_of
from ..runtime.context import RunContext
from ..session import default_runtime, flush, home
from ..show.parts.html import Page, block, folded, safe
from ..show.parts.numbers import tokens
from ..show.parts.shown import Shown
from ..show.parts.values import line
from . import estimates

# First requests that are written to estimate what many calls cost.
SAMPLE = 20
# Of each part: in a cell as much as there is room for, and where it is printed.
_TEXT_CHARS = (8_000, 1_000, 100)
_PLAIN_CHARS = 100_000
_MOST_BYTES = 30_000


_UNKNOWN = estimates.Range(1, None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview(Displayed):
    """What a call would send first. Nothing was sent, and nothing is recorded.

    `cost` is that of the call: as such calls have cost, where there are some in the record, else
    by the tokens of the first request, from a short answer to the longest that is allowed. A map
    tells the same.
    """

    fn: str
    args: Mapping[str, Any]
    request: ModelRequest | None = None
    # The request as its provider's SDK is given it; None where that is not known here.
    native: Mapping[str, Any] | None = None
    # About how many tokens it has: least, likely, most.
    tokens: tuple[int, int, int] = (0, 0, 0)
    cost: estimates.Range = _UNKNOWN
    notes: tuple[str, ...] = field(default=())

    @property
    def usd(self) -> tuple[float, float] | None:
        """The least and the most that the call costs; None where no price is known."""
        low, high = self.cost.low, self.cost.high
        return None if low is None or high is None else (low, high)

    def __repr__(self) -> str:
        return f"<Preview of {self.fn}, {self._size()}>"

    def _size(self) -> str:
        if self.request is None:
            return "code: no model is asked by itself"
        prices = ", at example prices" if self.request.provider == EXAMPLE else ""
        low, likely, high = self.tokens
        return f"about {tokens(likely)} ({low:,} to {high:,}), {self.cost}{prices}"


def preview(fn: Function, inputs: Mapping[str, Any]) -> Preview:
    """Show what a call would send, unpaid and unrecorded. It needs no key."""
    checked = fn.validate_coerce_args(inputs)
    if not isinstance(fn, AgentFunction):
        return Preview(fn=fn.name, args=checked)
    request = first_request(fn, checked)
    settings_of(request)  # raises what a provider would refuse
    notes: list[str] = []
    try:
        native = native_body(request)
    except NetfluxError as error:  # its SDK is not here, or a setting is not known there
        native = None
        notes.append(f"What {request.provider} itself would be sent cannot be told: {error}")
    used = estimate(request)
    return Preview(
        fn=fn.name,
        args=checked,
        request=request,
        native=native,
        tokens=(
            used.low.input_tokens_total,
            used.likely.input_tokens_total,
            used.high.input_tokens_total,
        ),
        cost=expected(fn, [(model_of(fn, None, default_runtime().model), [checked])]),
        notes=tuple(notes),
    )


def first_request(
    fn: AgentFunction, checked: Mapping[str, Any], asked: str | None = None
) -> ModelRequest:
    """Give the first request that a call would make, by the loop that would make it."""
    runtime = default_runtime()
    name, model = model_of(fn, asked, runtime.model)
    node = AgentNode(RunContext(runtime), 0, fn, dict(checked), None)
    talk = converse(
        fn,
        node_id=0,
        system=node.system_prompt(),
        user_text=node.build_user_text(),
        tools=tuple(map(tool_of, fn.uses)),
        provider=name,
        model=model,
        settings={**runtime.settings, **fn.settings},
    )
    step = talk.send(None)
    while not isinstance(step, ModelRequest):
        step = talk.send(None)
    talk.close()
    return step


# Calls, by who answers them.
Live = list[tuple[tuple[str, str | None] | None, list[dict[str, Any]]]]


def expected(fn: Function, live: Live) -> estimates.Range:
    """Estimate the cost of calls: from recorded ones, else by their tokens."""
    folder = home()
    costs: list[spending.Cost] = []
    if folder is not None and folder.is_dir():
        flush()
        costs = spending.costs_of(folder, fn.name)
    total = estimates.Range(0, 0.0, 0.0)
    for one, calls in live:
        provider, model = one or (None, None)
        found = estimates.from_history(len(calls), costs, provider, model)
        if found is None and isinstance(fn, AgentFunction):
            found = _estimated(fn, calls, provider, model)
        total = total.plus(
            found or estimates.Range(len(calls), None, None, "too few recorded calls of it")
        )
    return total


def _estimated(
    fn: AgentFunction, calls: Sequence[dict[str, Any]], provider: str | None, model: str | None
) -> estimates.Range:
    step = max(len(calls) // SAMPLE, 1)
    asked = f"{provider}:{model}" if model else provider
    requests = [first_request(fn, row, asked) for row in calls[::step][:SAMPLE]]
    return estimates.from_requests(len(calls), fn, requests)


def _plain(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def shown(preview: Preview) -> Shown:
    """Show a preview: the prompts as texts, the native request folded away."""
    parts = _parts(preview)
    head = f"{preview.fn}: {preview._size()}"
    notes = [line(note, 400) for note in preview.notes]
    said = [f"§ {title}\n{cut(words, _PLAIN_CHARS)}" for title, words, _ in parts]

    def html() -> str:
        page = Page(_MOST_BYTES)
        page.add(f"<p><b>{safe(line(preview.fn, 64))}</b> {safe(preview._size())}</p>")
        for note in notes:
            page.add(f"<p>{safe(note)}</p>")
        for title, words, is_open in parts:
            bodies = (block(cut(words, most)) for most in _TEXT_CHARS)
            any(page.add(folded(safe(title), body, is_open=is_open)) for body in bodies)
        return str(page)

    return Shown("\n".join([head, *notes, *said]), html, "Preview")


def _parts(preview: Preview) -> list[tuple[str, str, bool]]:
    # Each with its title, and whether it is open at first.
    request = preview.request
    if request is None:
        return [("arguments", _plain(dict(preview.args)), False)]
    parts = [("system prompt", request.system, True)] if request.system else []
    parts += [("prompt", p.text, True) for p in request.parts if isinstance(p, UserTextPart)]
    if request.tools:
        names = "\n".join(f"{tool.name}: {line(tool.desc, 200)}" for tool in request.tools)
        parts.append(("may call", names, False))
    where = f"{provider_name(request.provider)}{f':{request.model}' if request.model else ''}"
    parts.append(("asks", where, False))
    if request.settings:
        parts.append(("settings", _plain(dict(request.settings)), False))
    if preview.native is not None:
        parts.append((f"as {request.provider} is sent it", _plain(preview.native), False))
    return parts
