"""A diff in words: what was compared, what changed, what both sides came to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from ...compare.diff import Diff, NodeDiff, Side, Status
from ...compare.fields import Field
from ...compare.sequences import word_diff
from ...compare.totals import Amounts
from ...compare.value_paths import changes
from ...core.views import NodeView
from ...runtime.safe import line
from ..parts import text, values
from ..parts.numbers import NO_TIME, is_stable, named, usd

# A shape for each status. The word always stands beside it.
SHAPES: dict[Status, str] = {
    "same": "=",
    "changed": "≠",
    "only left": "−",
    "only right": "+",
    "served": "»",
    "executed again": "↻",
}
# Of a Node that is the same itself, above one that is not.
BELOW = "≈"
STATUSES: dict[Status, str] = {
    "same": "the same",
    "changed": "changed",
    "only left": "only before",
    "only right": "only after",
    "served": "served",
    "executed again": "executed again",
}
# Fields by the words of a person, where these are others.
_NAMES = {"inputs": "arguments", "tool_calls": "calls asked for", "tool_results": "what calls gave"}
# What a Node holds of an edit to its Function: it is not told twice.
_HELD = {"system_prompt": "system"}
# What a body is made or told of: a cause, where what follows is not.
_CAUSES = frozenset({"function", "inputs", "system", "model", "determinism"})
_RUN_ID = re.compile(r"\d{8}-\d{6,9}-[0-9a-f]{4,}-[\d.]+")
_MOST_CAUSES = 3
_VALUE_CHARS = 32
# Of two texts, so much is read word by word for a title.
_TEXT_CHARS = 4_000


def fields_of(diff: Diff, node: NodeDiff) -> tuple[Field, ...]:
    """Give what differs in a Node; a version as what changed in it."""
    names = {f.name for f in node.fields}
    found: list[Field] = []
    for one in node.fields:
        if one.name != "version":
            found.append(one)
            continue
        edits = diff.edits(node) or ()
        found += [edit for edit in edits if _HELD.get(edit.name, edit.name) not in names]
    return tuple(found)


def label(name: str) -> str:
    """Name a field."""
    return _NAMES.get(name, name.replace("_", " "))


def what(diff: Diff, node: NodeDiff, most: int = 0) -> str:
    """Say what changed in a Node, in a few words; at most so many fields by name."""
    if node.status != "changed":
        return STATUSES[node.status]
    names = [label(f.name) for f in fields_of(diff, node)]
    if any(f.name == "version" for f in node.fields):
        edits = diff.edits(node)
        if edits is None:
            names.append("version")
        elif not edits:
            names.append("what it uses")
    names = list(dict.fromkeys(names))
    if most and len(names) > most + 1:
        names[most:] = [f"{len(names) - most:,} more"]
    return ", ".join(names)


def title(diff: Diff) -> str:
    """Say what was compared: the Function's name, and what changed in it or in its calls."""
    left, right = diff.left.view.fn.name, diff.right.view.fn.name
    name = line(left, 64) if left == right else f"{line(left, 64)} → {line(right, 64)}"
    causes = list(dict.fromkeys(_causes(diff)))
    told = ", ".join(causes[:_MOST_CAUSES])
    more = len(causes) - _MOST_CAUSES
    return f"{name}{': ' if told else ''}{told}{f', and {more:,} more' if more > 0 else ''}"


def verdict(diff: Diff) -> str:
    """Say how both came out, and how many Nodes there are of each status."""
    counts = ", ".join(
        f"{n:,} {SHAPES[s]} {STATUSES[s]}"  # type: ignore[index]
        for s, n in diff.counts.items()
    )
    return f"{diff.verdict} · {counts}"


def _causes(diff: Diff) -> Iterator[str]:
    root, first = diff.nodes[0], diff.first
    yield from (words for one in root.fields if one.name == "inputs" for words in _inputs(one))
    edited = {
        (node.fn, edit.name): edit for node in diff.changed for edit in diff.edits(node) or ()
    }
    for (fn, _), edit in edited.items():
        yield (f"{line(fn, 64)} " if fn != root.fn else "") + _edit(edit)
    if first is None:
        return
    name = line(first.segment, 72)
    if first.status != "changed":
        yield f"{name} called {STATUSES[first.status]}"
        return
    before = f"{name} " if first is not root else ""
    named_by = {_HELD.get(of, of) for fn, of in edited if fn == first.fn}
    found = False
    for one in first.fields:
        found = found or one.name in _CAUSES or one.name in named_by
        is_in_name = one.name == "function" and first is root
        if one.name not in _CAUSES or one.name in named_by or is_in_name:
            continue
        if one.name == "inputs":
            if first is not root:
                yield from (before + words for words in _inputs(one))
        else:
            yield before + _edit(one)
    if not found and not edited:
        yield f"{name} {what(diff, first)}"


def _inputs(found: Field) -> Iterator[str]:
    for entry in changes(found.left, found.right, _MOST_CAUSES + 1).entries:
        name = line(entry.path.removeprefix("$.").removeprefix("$"), 40)
        old, new = _value(entry.left), _value(entry.right)
        if entry.kind == "changed":
            yield f"{name} {old} → {new}"
        else:
            yield f"{name} {new if entry.kind == 'added' else old} {_SIDES[entry.kind]}"


_SIDES = {"added": "only after", "removed": "only before"}


def _value(value: object) -> str:
    if isinstance(value, str):
        return f"“{line(value, _VALUE_CHARS)}”"
    return line(values.brief(value, _VALUE_CHARS), _VALUE_CHARS)


def _edit(edit: Field) -> str:
    """Say one edit in a few words: of a text, the first that was taken out and put in."""
    name, old, new = label(edit.name), edit.left, edit.right
    if edit.name in ("source", "description") or not (
        isinstance(old, str) and isinstance(new, str)
    ):
        return name
    if edit.name in ("system", "system_prompt", "prompt") and old and new:
        old, new = _first_words(old[:_TEXT_CHARS], new[:_TEXT_CHARS])
    if not new:
        return f"{name} without {_value(old)}"
    return f"{name} {_value(old)} → {_value(new)}" if old else f"{name} with {_value(new)}"


def _first_words(old: str, new: str) -> tuple[str, str]:
    removed = added = ""
    for piece in word_diff(old, new):
        if piece.tag == "removed":
            removed += piece.text
        elif piece.tag == "added":
            added += piece.text
        elif removed or added:
            break
    return removed.strip(" ,;"), added.strip(" ,;")


def labels(diff: Diff) -> tuple[str, str]:
    """Name both sides: before and after, when each ran, and what a person calls it."""
    times = [_when(side.view) for side in (diff.left, diff.right)]
    form = "%H:%M" if _same(times, "%Y-%m-%d") else "%Y-%m-%d %H:%M"
    if form == "%H:%M" and _same(times, "%H:%M"):
        form = "%H:%M:%S"
    left, right = (
        _label(side, word, time, form)
        for side, word, time in zip(
            (diff.left, diff.right), ("before", "after"), times, strict=True
        )
    )
    return left, right


def _same(times: list[datetime | None], form: str) -> bool:
    return len({None if time is None else time.strftime(form) for time in times}) == 1


def _label(side: Side, word: str, time: datetime | None, form: str) -> str:
    if time is not None:
        told = NO_TIME if is_stable() else f"{time.strftime(form)} UTC"
        word = f"{word} · {told}"
    own = side.name if side.name and not _RUN_ID.fullmatch(side.name) else ""
    return f"{word}, {line(own, 40)}" if own else word


def _when(view: NodeView) -> datetime | None:
    at = view.opened_at if view.opened_at is not None else view.started_at
    try:
        return None if at is None else datetime.fromtimestamp(at, UTC)
    except (ValueError, OverflowError, OSError, TypeError):  # a stored time may be anything
        return None


def ids(diff: Diff) -> str:
    """Give the ids of both runs, as they are copied."""
    known = [
        f"{word} {line(named(side.name), 80)}"
        for word, side in (("before", diff.left), ("after", diff.right))
        if _RUN_ID.fullmatch(side.name)
    ]
    return " · ".join(known)


def sums(diff: Diff) -> list[tuple[str, str, str, str]]:
    """Give what both runs came to: calls, time, tokens, money, and how they changed."""
    views = diff.left.view, diff.right.view
    left, right = diff.totals
    calls = [sum(1 for _ in view.walk()) for view in views]
    failed = [sum(one.state.value == "Error" for _, one in view.walk()) for view in views]
    told = [
        f"{n:,}{f', {bad:,} ✗ failed' if bad else ''}" for n, bad in zip(calls, failed, strict=True)
    ]
    rows = [("calls", told[0], told[1], _more(calls[1] - calls[0]))]
    mine, theirs = (text.figures(view) for view in views)
    if mine[1] or theirs[1]:
        rows.append(("time", mine[1] or "?", theirs[1] or "?", _share(left.seconds, right.seconds)))
    if mine[2] or theirs[2] or left.served or right.served:
        tokens = [
            f"{figures[2] or '0'}{_served(side)}"
            for figures, side in ((mine, left), (theirs, right))
        ]
        rows.append(("tokens", tokens[0], tokens[1], _more(right.tokens - left.tokens)))
    if left.usd != 0 or right.usd != 0:
        rows.append(("money", usd(left.usd), usd(right.usd), _money(left, right)))
    return rows


def _served(side: Amounts) -> str:
    return f", {side.served:,} of {side.count:,} replies served" if side.served else ""


def _more(n: int) -> str:
    return "same" if n == 0 else f"{'+' if n > 0 else '−'}{abs(n):,}"


def _share(left: float | None, right: float | None) -> str:
    if is_stable() or left is None or right is None or not left > 0:
        return ""
    share = 100 * (right - left) / left
    if abs(share) >= 1_000:
        return f"× {right / left:,.0f}"
    return _more(round(share)) + " %" if round(share) else "same"


def _money(left: Amounts, right: Amounts) -> str:
    if left.usd is None or right.usd is None:
        return ""
    change = right.usd - left.usd
    return "same" if change == 0 else f"{'+' if change > 0 else '−'}{usd(abs(change))}"


def figures(node: NodeDiff) -> list[str]:
    """Give a Node's time, tokens and money on both sides, with all that it called."""
    left, right = (None if v is None else text.figures(v)[1:] for v in (node.left, node.right))
    if left is None or right is None:
        return list(left or right or ())
    return [_arrow(old, new) for old, new in zip(left, right, strict=True)]


def _arrow(old: str, new: str) -> str:
    """Give two amounts as one, with their unit once.

    Example:
        >>> _arrow("917 ms", "304 ms"), _arrow("1.6 s", "443 ms"), _arrow("", "43")
        ('917 → 304 ms', '1.6 s → 443 ms', '– → 43')
    """
    if old == new:
        return old
    unit = new.rpartition(" ")[2]
    if " " in old and " " in new and old.endswith(f" {unit}"):
        old = old.removesuffix(f" {unit}")
    return f"{old or '–'} → {new or '–'}"


def unknown(diff: Diff) -> str:
    """Say what could not be compared."""
    found = diff.not_comparable
    told = ", ".join(f"{text.clean(path)}: {name}" for path, name in found[:3])
    more = f", … ({len(found) - 3:,} more)" if len(found) > 3 else ""
    return f"Could not be compared: {told}{more}" if found else ""
