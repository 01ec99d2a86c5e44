"""Pages of a Node's details: inputs, result, error, transcript, policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, Literal, NamedTuple

from ...compare.equality import plain, readable
from ...core.contracts.declared import written
from ...core.contracts.persistent import MISSING
from ...core.errors import stringify
from ...core.json.state_values import told_changes
from ...core.messages import (
    Continuation,
    MachineStep,
    ModelStatusPart,
    ModelTextPart,
    NativePart,
    RetriableException,
    ThinkingBlockPart,
    ToolResultPart,
    ToolUsePart,
    TranscriptPart,
    UserTextPart,
)
from ...core.question_ids import full_text
from ...core.views import NodeView
from ...runtime.safe import keyless, line, seen
from ..parts.numbers import used

Pane = Literal["inputs", "result", "error", "transcript", "policy", "state", "asked"]
PANES: tuple[Pane, ...] = ("inputs", "result", "error", "transcript", "policy", "state", "asked")

PAGE_BYTES = 60_000
PAGE_PARTS = 200
# Of a question, in one message of the panel.
ASKED_BYTES = 200_000
# Of one value; the whole is in the record.
VALUE_CHARS = 1_000_000
# Paths of the state, of one Node.
MOST_TOUCHED = 500
_STEP = 2_000
_TRACE_CHARS = 20_000


class PanePart(NamedTuple):
    """One part of a pane: what kind of part, what is above it, and its text."""

    kind: str
    title: str
    text: str


def page(
    view: NodeView, pane: Pane, at: tuple[int, int], most_bytes: int = PAGE_BYTES
) -> dict[str, Any]:
    """Give what follows a place in a pane: parts as `[part, offset, kind, title, text, end]`.

    `next` is the place to go on at; none at the end. Offsets count characters of the text as
    it is without keys, before what cannot be seen was given a sign.
    """
    count, get = _PIECES[pane](view)
    parts: list[list[Any]] = []
    room = most_bytes
    part, offset = at
    while part < count:
        if len(parts) >= PAGE_PARTS or room <= 0:
            return {"parts": parts, "next": [part, offset], "count": count}
        piece = get(part)
        whole = keyless(piece.text)
        text, end = _within(whole, offset, room)
        is_new = end > offset or offset == 0
        if is_new:
            title = line(piece.title, 80)
            parts.append([part, offset, piece.kind, title, text, end])
            room -= len(text.encode()) + 100
        if end < len(whole):
            return {"parts": parts, "next": [part, end], "count": count}
        part, offset = part + 1, 0
    return {"parts": parts, "next": None, "count": count}


def _within(text: str, offset: int, room: int) -> tuple[str, int]:
    """Cut a text to what fits, counted as it is shown."""
    pieces: list[str] = []
    while offset < len(text) and room > 0:
        # Signs are eight times as long as what they stand for.
        step = text[offset : offset + max(1, min(_STEP, room // 32))]
        shown = seen(step)
        pieces.append(shown)
        room -= len(shown.encode())
        offset += len(step)
    return "".join(pieces), offset


_Pieces = tuple[int, Callable[[int], PanePart]]


def _listed(pieces: Sequence[PanePart]) -> _Pieces:
    return len(pieces), pieces.__getitem__


def value_text(value: Any) -> str:
    """Write a value as a person reads it in full, over lines; nothing of it is run."""
    if isinstance(value, str):
        return value
    try:
        if hasattr(value, "shape"):  # a table is said as it says itself
            return str(value)[:VALUE_CHARS]
        return readable(plain(value), VALUE_CHARS)
    except Exception:  # noqa: BLE001  what a user's own class raises is no reason to fail
        return f"({type(value).__name__}: it cannot be shown)"


def _inputs(view: NodeView) -> _Pieces:
    return _listed(
        [PanePart("value", name, value_text(value)) for name, value in view.inputs.items()]
    )


def _result(view: NodeView) -> _Pieces:
    if not view.is_done or view.exception is not None:
        return _listed([])
    return _listed([PanePart("value", "", value_text(view.outputs))])


def _error(view: NodeView) -> _Pieces:
    return _listed(list(_errors(view)))


def _errors(view: NodeView) -> Iterator[PanePart]:
    error = view.exception
    if view.cancel_reason:
        yield PanePart("note", "asked to stop", view.cancel_reason)
    if error is None:
        return
    yield PanePart("error", type(error).__name__, stringify(error, _TRACE_CHARS))
    notes = getattr(error, "__notes__", ())
    if notes:
        yield PanePart("note", "where", "\n".join(str(n)[:400] for n in notes[:20]))
    if error.__cause__ is not None:
        yield PanePart("error", "caused by", stringify(error.__cause__, _TRACE_CHARS))


def _policy(view: NodeView) -> _Pieces:
    return _listed(list(_rulings(view)))


def _rulings(view: NodeView) -> Iterator[PanePart]:
    on = view.waiting_on
    if on is not None:
        yield PanePart("note", f"waits for {on.kind}", on.text)
        if on.choices:
            yield PanePart("note", "may be answered", "\n".join(on.choices))
    if view.fn.needs_approval:
        yield PanePart("note", "approval", "A person says yes before it runs.")
    effect = getattr(view.fn, "effect", None)
    if effect:
        yield PanePart("note", "effect", str(effect))
    if view.served:
        yield PanePart("note", "served", "Its outcome came from a record; it cost nothing now.")
    if view.cancel_reason:
        yield PanePart("note", "asked to stop", view.cancel_reason)
    for note in view.intermediate_events:
        match note:
            case RetriableException(exception=error, attempt=attempt):
                yield PanePart("note", f"tried again, attempt {attempt}", stringify(error, 2_000))
            case MachineStep(state=state, event=event, next=after, outcome=outcome):
                how = f"{event or 'no event'}{f', {outcome}' if outcome else ''}"
                where = f"{state} → {after}" if after else f"{state}, and stays"
                yield PanePart("note", how[:200], where[:500])
            case Continuation():
                yield PanePart("note", "went on", "The model went on in a new response.")
            case _:
                pass
    for n, spent in enumerate(view.requests):
        model = f"{spent.provider}:{spent.model}" if spent.model else spent.provider
        how = "served from a record" if spent.served else f"{spent.seconds:.2f} s"
        words = f"{model}, {used(spent.usage)}, {how}, ended by {spent.stop}"
        yield PanePart("note", f"request {n + 1}", f"{words}. {spent.error}".rstrip(". "))


def _state(view: NodeView) -> _Pieces:
    return _listed(list(_touches(view)))


def _touches(view: NodeView) -> Iterator[PanePart]:
    """Tell which rules did not hold at a Node, and what it changed and read of the state."""
    for one in view.violations:
        yield PanePart("error", f"{one.action}, level {one.level}", one.text)
    touched = view.touched
    if touched is None:
        return
    if touched.delta:
        counts = view.exception is None
        made = "" if touched.version is None else f", which made version {touched.version:,}"
        how = f"changed{made}" if counts else "would have changed; none of it counts"
        yield PanePart("note", touched.state, f"from version {touched.base:,}: {how}")
    for path, (before, after) in islice(told_changes(touched).items(), MOST_TOUCHED):
        was, now = ("(nothing)" if v is MISSING else value_text(v) for v in (before, after))
        yield PanePart(
            "value", path, f"{was} → {now}" if "\n" not in was + now else f"{was}\n→\n{now}"
        )
    more = len(touched.delta) - MOST_TOUCHED
    if more > 0:
        yield PanePart("note", "", f"and {more:,} more")
    reads = [written(path) for path, _ in touched.reads[:MOST_TOUCHED]]
    if reads:
        more = len(touched.reads) - len(reads)
        yield PanePart(
            "note", "read", "\n".join([*reads, *([f"and {more:,} more"] if more else [])])
        )


def _asked(view: NodeView) -> _Pieces:
    """Give all that a person is asked about: the question, and every argument to its end."""
    on = view.waiting_on
    if on is None or not on.wants:
        return _listed([])
    given = [(name, full_text(value)) for name, value in view.inputs.items()]
    pieces = [PanePart("note", f"asked by {on.asker or view.fn.name}", on.text)]
    pieces += [PanePart("note", "may be answered", "\n".join(on.choices))] if on.choices else []
    pieces += [PanePart("value", f"{name}, {len(text):,} characters", text) for name, text in given]
    return _listed(pieces)


def asked_of(view: NodeView, most_bytes: int = ASKED_BYTES) -> str:
    """Give all that a person is asked about as one text, as far as a message holds it."""
    found = page(view, "asked", (0, 0), most_bytes)
    text = "\n".join(f"{title}\n{text}\n" for _, _, _, title, text, _ in found["parts"])
    return text if found["next"] is None else f"{text}\n⟨the rest is in the run's view⟩"


def _transcript(view: NodeView) -> _Pieces:
    parts = view.transcript
    return len(parts), lambda i: _part(parts[i])


def _part(part: TranscriptPart) -> PanePart:
    match part:
        case UserTextPart(text=text):
            return PanePart("user", "told", text)
        case ModelTextPart(text=text):
            return PanePart("model", "said", text)
        case ModelStatusPart(text=text):
            return PanePart("note", "progress", text)
        case ThinkingBlockPart(content=text):
            return PanePart("thinking", "thought", text or "(sealed by the provider)")
        case ToolUsePart(tool_name=name, args=args):
            given = "\n".join(f"{k} = {value_text(v)}" for k, v in args.items())
            return PanePart("call", name, given)
        case ToolResultPart(tool_name=name, is_error=failed):
            words = "\n".join(str(one) for one in part.content)
            return PanePart("error" if failed else "result", name, words)
        case NativePart(provider=provider):
            return PanePart("note", provider, "(a block that only the provider reads)")
        case _:
            return PanePart("note", type(part).__name__, "")


_PIECES: dict[Pane, Callable[[NodeView], _Pieces]] = {
    "inputs": _inputs,
    "result": _result,
    "error": _error,
    "transcript": _transcript,
    "policy": _policy,
    "state": _state,
    "asked": _asked,
}
