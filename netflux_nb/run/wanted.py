"""The wanted runs of a list: conditions on Function, state, tags, text and time, as SQL."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from ..core.errors import ArgumentError, listed
from ..core.functions.kinds import Function
from ..core.views import NodeState
from ..record.labels import MOST_TAGS, TAG_CHARS
from ..record.sql.engine import quoted
from ..session import day

MOST_CHARS = 1_000
# Columns in which a text is looked for. A large value has a file of its own, and is not read.
_TEXTS = ("fn", "inputs::VARCHAR", "error_type", "error", "note", "title")

When = str | date | datetime


@dataclass(frozen=True, slots=True)
class Wanted:
    """Conditions that a run of a list meets, as SQL and in words."""

    sql: tuple[str, ...] = ()
    words: tuple[str, ...] = field(default=())

    def __and__(self, other: Wanted) -> Wanted:
        return Wanted(self.sql + other.sql, self.words + other.words)

    def __str__(self) -> str:
        return ", ".join(self.words)


def wanted(
    *,
    fn: str | Function = "",
    state: str | NodeState = "",
    tag: str | Iterable[str] = "",
    text: str = "",
    since: When | None = None,
    until: When | None = None,
) -> Wanted:
    """Give the conditions; what says nothing is none."""
    found = Wanted()
    if fn:
        name = fn.name if isinstance(fn, Function) else _text("fn", fn)
        found &= Wanted((f"fn = {quoted(name)}",), (f"fn={name!r}",))
    if state:
        known = _state(state)
        found &= Wanted((f"state = {quoted(known.name)}",), (f"state={known.value!r}",))
    for one in _tags(tag):
        found &= Wanted((f"list_contains(tags, {quoted(one)})",), (f"tag={one!r}",))
    if text:
        found &= Wanted((_holding(_text("text", text)),), (f"text={text[:80]!r}",))
    if since is not None:
        at = _moment("since", since)
        found &= Wanted((f"epoch(opened) >= {at!r}",), (f"since={str(since)[:40]!r}",))
    if until is not None:
        at = _moment("until", until, is_end=True)
        found &= Wanted((f"epoch(opened) < {at!r}",), (f"until={str(until)[:40]!r}",))
    return found


def _text(what: str, text: str) -> str:
    if not isinstance(text, str):
        raise ArgumentError(f"{what} is a text; got {type(text).__name__}.")
    if len(text) > MOST_CHARS:
        raise ArgumentError(f"{what} has at most {MOST_CHARS:,} characters; got {len(text):,}.")
    # No text of a database holds half of a pair, or NUL.
    return text.encode("utf-8", "replace").decode().replace("\x00", "")


def _tags(tag: str | Iterable[str]) -> list[str]:
    tags = [tag] if isinstance(tag, str) else list(tag)
    if len(tags) > MOST_TAGS:
        raise ArgumentError(f"A run has at most {MOST_TAGS} tags; got {len(tags)}.")
    return [_text("tag", one).removeprefix("#")[:TAG_CHARS] for one in tags if one]


def _state(state: str | NodeState) -> NodeState:
    if isinstance(state, NodeState):
        return state
    said = "".join(_text("state", state).lower().split())
    for known in NodeState:
        if said in (known.name.lower(), "".join(known.value.lower().split())):
            return known
    raise ArgumentError(
        f"There is no state {state[:40]!r}. There is: {listed(one.name for one in NodeState)}."
    )


def _holding(text: str) -> str:
    """Say that a run holds a text. In arguments it stands as JSON writes it."""
    forms = {text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
    columns = [*(f"coalesce({name}, '')" for name in _TEXTS), "array_to_string(tags, ' ')"]
    lowered = f"lower(concat_ws(chr(10), {', '.join(columns)}))"
    return (
        f"({' OR '.join(f'contains({lowered}, lower({quoted(form)}))' for form in sorted(forms))})"
    )


def _moment(what: str, said: When, *, is_end: bool = False) -> float:
    """Give a moment in seconds since 1970. A day begins at midnight here, and ends at the next."""
    today = datetime.fromtimestamp(day().start).astimezone().date()
    found = _read(said, today) if isinstance(said, str) else said
    if isinstance(found, date) and not isinstance(found, datetime):
        found = datetime.combine(found + timedelta(days=int(is_end)), time())
    if not isinstance(found, datetime):
        raise ArgumentError(
            f"{what} is a day or a time, such as '2026-11-28', 'yesterday' or '16:41'; got "
            f"{str(said)[:40]!r}."
        )
    try:
        return found.timestamp()
    except (ValueError, OverflowError, OSError):
        raise ArgumentError(f"{what} is no time of this clock: {str(said)[:40]!r}.") from None


def _read(said: str, today: date) -> date | None:
    text = said.strip().lower()
    if text in ("today", "yesterday"):
        return today - timedelta(days=int(text == "yesterday"))
    reads: tuple[Callable[[str], date], ...] = (
        date.fromisoformat,
        lambda word: datetime.combine(today, time.fromisoformat(word)),
        datetime.fromisoformat,
    )
    for read in reads:
        with suppress(ValueError):
            return read(text)
    return None
