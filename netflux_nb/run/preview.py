"""What a call would send: the first request, in our words and its provider's, and its price."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..core.bill import EXAMPLE, price
from ..core.converse import converse, tool_of
from ..core.displayed import Displayed
from ..core.errors import NetfluxError
from ..core.functions import AgentFunction, Function
from ..core.messages import ModelRequest, TokenUsage, UserTextPart, provider_name
from ..providers import native_body
from ..providers.settings import settings_of
from ..runtime.agents import AgentNode
from ..runtime.calls import model_of
from ..runtime.context import RunContext
from ..session import default_runtime
from ..show.html import Page, block, folded, safe
from ..show.numbers import tokens, usd
from ..show.shown import Shown
from ..show.trees import cut
from ..show.values import line

# A token is three to five bytes of most texts; the middle is the estimate.
_BYTES = (5, 4, 3)
# Where an agent sets no `max_tokens`: no provider of ours takes more by itself.
MOST_OUT = 16_000
# Of each part: in a cell as much as there is room for, and where it is printed.
_TEXT_CHARS = (8_000, 1_000, 100)
_PLAIN_CHARS = 100_000
_MOST_BYTES = 30_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview(Displayed):
    """What a call would send first. Nothing was sent, and nothing is recorded.

    `usd` is the least and the most that the first request costs: its answer may be empty, or as
    long as is allowed. What the agent then calls, and asks again, is not in it.
    """

    fn: str
    args: Mapping[str, Any]
    request: ModelRequest | None = None
    # The request as its provider's SDK is given it; None where that is not known here.
    native: Mapping[str, Any] | None = None
    # About how many tokens it has: least, likely, most.
    tokens: tuple[int, int, int] = (0, 0, 0)
    usd: tuple[float, float] | None = None
    notes: tuple[str, ...] = field(default=())

    def __repr__(self) -> str:
        return f"<Preview of {self.fn}, {self._size()}>"

    def _size(self) -> str:
        if self.request is None:
            return "code: no model is asked by itself"
        cost = "price unknown"
        if self.usd is not None:
            least, most = self.usd
            cost = usd(most) if least == most else f"{usd(least)} to {usd(most)}"
            if most and self.request.provider == EXAMPLE:
                cost += " at example prices"
        low, likely, high = self.tokens
        return f"about {tokens(likely)} ({low:,} to {high:,}), {cost} for the first request"


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
    text = _plain(native if native is not None else _canonical(request))
    size = len(text.encode("utf-8", "surrogatepass"))
    low, likely, high = (size // per for per in _BYTES)
    return Preview(
        fn=fn.name,
        args=checked,
        request=request,
        native=native,
        tokens=(low, likely, high),
        usd=_range(request, low, high),
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


def _range(request: ModelRequest, low: int, high: int) -> tuple[float, float] | None:
    most_out = settings_of(request).max_tokens or MOST_OUT
    ends = []
    for into, out in ((low, 1), (high, most_out)):
        used = TokenUsage(
            input_tokens_regular=into, input_tokens_total=into, output_tokens_total=out
        )
        ends.append(price(request.provider, request.model, used))
    least, most = ends
    return None if least is None or most is None else (least, most)


def _canonical(request: ModelRequest) -> dict[str, Any]:
    return {
        "provider": request.provider,
        "model": request.model,
        "system": request.system,
        "messages": [part.text for part in request.parts if isinstance(part, UserTextPart)],
        "tools": [
            {"name": t.name, "description": t.desc, "schema": t.schema} for t in request.tools
        ],
        "settings": dict(request.settings),
        "result": request.result_schema,
    }


def _plain(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def shown(found: Preview) -> Shown:
    """Show a preview: the prompts as texts, the native request folded away."""
    parts = _parts(found)
    head = f"{found.fn}: {found._size()}"
    notes = [line(note, 400) for note in found.notes]
    said = [f"§ {title}\n{cut(words, _PLAIN_CHARS)}" for title, words, _ in parts]

    def html() -> str:
        page = Page(_MOST_BYTES)
        page.add(f"<p><b>{safe(line(found.fn, 64))}</b> {safe(found._size())}</p>")
        for note in notes:
            page.add(f"<p>{safe(note)}</p>")
        for title, words, is_open in parts:
            bodies = (block(cut(words, most)) for most in _TEXT_CHARS)
            any(page.add(folded(safe(title), body, is_open=is_open)) for body in bodies)
        return str(page)

    return Shown("\n".join([head, *notes, *said]), html, "Preview")


def _parts(found: Preview) -> list[tuple[str, str, bool]]:
    # Each with its title, and whether it is open at first.
    request = found.request
    if request is None:
        return [("arguments", _plain(dict(found.args)), False)]
    parts = [("system prompt", request.system, True)] if request.system else []
    parts += [("prompt", p.text, True) for p in request.parts if isinstance(p, UserTextPart)]
    if request.tools:
        names = "\n".join(f"{tool.name}: {line(tool.desc, 200)}" for tool in request.tools)
        parts.append(("may call", names, False))
    where = f"{provider_name(request.provider)}{f':{request.model}' if request.model else ''}"
    parts.append(("asks", where, False))
    if request.settings:
        parts.append(("settings", _plain(dict(request.settings)), False))
    if found.native is not None:
        parts.append((f"as {request.provider} is sent it", _plain(found.native), False))
    return parts
