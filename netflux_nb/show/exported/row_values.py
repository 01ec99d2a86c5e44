"""Arguments, results and errors that a row of an exported page cuts, in full below it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...core.errors import stringify
from ...core.views import NodeState, NodeView
from ..parts import text, values
from ..parts.html import Page, bytes_of, folded
from ..parts.numbers import count
from ..parts.outline import Outline, Row
from ..transcripts import Said, add
from ..trees import FOLD_BYTES, Below
from ..wire.details import value_text

# Of all values of one Node; of one error, in characters.
ROW_BYTES = 16_000
ERROR_CHARS = 8_000
MOST_ARGUMENTS = 40
# So much of the arguments is compared with what the row shows of them.
_CALL_CHARS = 400


def below(links: Mapping[int, str]) -> Below:
    """Give what draws below rows: links, by the `id` of a view, then values not shown whole."""

    def draw(chosen: Outline, room: int) -> dict[int, str]:
        found: dict[int, str] = {}
        for row in sorted(chosen.rows(), key=lambda one: (not one.is_urgent, one.level)):
            talk = links.get(id(row.view), "")
            shown = _values(row, min(ROW_BYTES, room))
            if not (talk or shown):
                continue
            fold = 0 if row.below or row.rest else FOLD_BYTES
            cost = bytes_of(talk + shown) + fold
            if cost > room:
                break
            room -= cost
            found[id(row)] = talk + shown
        return found

    return draw


def _values(row: Row, room: int) -> str:
    parts = list(_parts(row))
    if not parts or room < 600:
        return ""
    # A text is not looked at further than there is room for it.
    most = Page(room)
    add(most, parts)
    names = list(dict.fromkeys("arguments" if one.sign == "·" else one.who for one in parts))
    return folded(f"<small>{' and '.join(names)} in full</small>", str(most))


def _parts(row: Row) -> Iterator[Said]:
    view = row.view
    args = text.arguments(view, row.level)
    if view.inputs and values.call(view.inputs, _CALL_CHARS, _CALL_CHARS) != args:
        for name, value in list(view.inputs.items())[:MOST_ARGUMENTS]:
            yield Said("·", values.line(str(name), 64), value_text(value), is_aside=True)
        if len(view.inputs) > MOST_ARGUMENTS:
            yield Said(
                "·",
                "…",
                f"{count(len(view.inputs) - MOST_ARGUMENTS, 'more argument')} in the record",
            )
    shown = text.result(view, row.level, args)
    if view.state is NodeState.Success:
        if view.outputs is not None and shown != f"→ {values.said(view.outputs, _CALL_CHARS)}":
            yield Said("→", "result", value_text(view.outputs), is_aside=True)
    elif view.exception is not None:
        yield from _errors(view, shown)


def _errors(view: NodeView, shown: str) -> Iterator[Said]:
    error: BaseException | None = view.exception
    assert error is not None
    notes = [str(note) for note in getattr(error, "__notes__", ())[:20]]
    if error.__cause__ is None and not notes and shown == values.failure(error, _CALL_CHARS):
        return
    words = "\n".join([stringify(error, ERROR_CHARS), *notes])
    yield Said("✗", "error", words[:ERROR_CHARS], is_aside=True, is_failed=True)
    if error.__cause__ is not None:
        cause = stringify(error.__cause__, ERROR_CHARS)
        yield Said("✗", "caused by", cause, is_aside=True, is_failed=True)
