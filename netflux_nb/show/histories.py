"""The list of runs: what, how it stands, when, what it used, where it comes from, its labels."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from html import escape
from pathlib import PurePosixPath
from typing import Any

from ..core.bill import price
from ..core.json.canonical import untagged
from ..core.messages import TokenUsage
from ..core.views import NodeState
from ..runtime.safe import Safe, visible
from .parts import look
from .parts.headings import shape, word
from .parts.html import safe
from .parts.look import Sign
from .parts.numbers import clock, count, date, named, seconds, usd
from .parts.shown import Shown
from .parts.tables import Column, Drawn, table
from .parts.text import HOW
from .parts.values import brief, line

# Newest first; the rest is a question for SQL.
MOST_RUNS = 20
TITLE_CHARS, NOTE_CHARS, TAG_CHARS, MOST_TAGS = 60, 60, 40, 8

# Of the arguments of one call, and of each of them, in characters.
MOST, LEAST_EACH, MOST_EACH = 48, 18, 36
# Arguments that are looked at, and how far into a value two are told apart.
MOST_NAMES, MOST_DEPTH = 12, 600
# What stands before the place where two values differ.
_BEFORE = 8

Row = Mapping[Any, Any]


def history(
    runs: Sequence[Row],
    calls: Iterable[Row],
    *,
    count: int,
    called: str = "runs",
    whose: str = "",
    today: float | None = None,
    places: Mapping[str, int] | None = None,
    free: Mapping[str, Mapping[str, int]] | None = None,
    none: str = "There is no run yet.",
) -> Shown:
    """Show runs as a table.

    Args:
        runs: Rows of the view `runs`, the newest first.
        calls: Rows of the view `calls` of these runs.
        count: How many runs there are.
        called: What the list is called, whose first is its `[0]`.
        whose: Whose runs they are, and which of them: as `of a.ipynb with tag='b'`.
        today: The beginning of today, on the clock of who looks.
        places: The place of each run in the list, by its name, of those that are not shown too.
        free: What was free in each, by its name: how often by kind, beside requests to models.
        none: What is said where there are none.
    """
    if not runs:
        return table([], [], count=count, title=none)
    spent: dict[str, list[float | None]] = {}
    for one in calls:
        if not _number(one["served"]):
            spent.setdefault(str(one["run"]), []).append(cost_of(one))
    known = {str(one["run"]): n for n, one in enumerate(runs)} | dict(places or {})
    titles = {str(one["run"]): _title(one) for one in runs}
    told_apart = calls_apart([(str(one["fn"]), one["inputs"]) for one in runs])
    books = _notebooks(runs)
    marks = [_marks(one, known, titles) for one in runs]
    has_marks = any(one.text for one in marks)
    inputs = [
        _free(len(spent.get(str(one["run"]), [])), (free or {}).get(str(one["run"]), {}))
        for one in runs
    ]
    rows = []
    for n, one in enumerate(runs):
        costs = spent.get(str(one["run"]), [])
        cost = None if None in costs else sum(amount or 0.0 for amount in costs)
        rows.append(
            [
                f"[{n}]",
                _what(one, told_apart[n]),
                _state(one),
                clock(_seconds(one["opened"]), today),
                *([books[n]] if books else []),
                "" if _number(one["seconds"]) is None else seconds(_number(one["seconds"])),
                int((_number(one["input_tokens"]) or 0) + (_number(one["output_tokens"]) or 0))
                or "",
                usd(cost) if costs else "",
                *([inputs[n]] if any(inputs) else []),
                *([marks[n]] if has_marks else []),
                _name(named(str(one["run"]))),
            ]
        )
    columns = _columns(called, has_books=bool(books), has_inputs=any(inputs), has_marks=has_marks)
    return table(rows, columns, count=count, title=_head(count, whose, today))


def _free(requests: int, kinds: Mapping[str, int]) -> str:
    """Say what was free in a run, as its ledger has it; what a record served was not."""
    found = {"model": requests, **kinds}
    return ", ".join(f"{n:,} {line(kind, 20)}" for kind, n in found.items() if n)


def _columns(called: str, *, has_books: bool, has_inputs: bool, has_marks: bool) -> list[Column]:
    return [
        Column(called, is_short=True),
        Column("Run", width=260),
        *(Column(title, is_short=True) for title in ("State", "When")),
        *([Column("Notebook")] if has_books else []),
        *(Column(title, is_number=True) for title in ("Time", "Tokens", "Money")),
        *([Column("Free")] if has_inputs else []),
        *([Column("Marks, tags", width=120)] if has_marks else []),
        Column("Name", is_short=True),
    ]


def _head(most: int, whose: str, today: float | None) -> str:
    # "16:41" says nothing to who reads it a week later, without the day.
    facts = [f"{count(most, 'run')}{f' {line(whose, 160)}' if whose else ''}"]
    if today is not None:
        facts.append(f"as of {date(today)}")
    return " · ".join(facts)


def _what(one: Row, called: str) -> Drawn:
    """Draw what a run is: its title where it has one, and the call with what tells it apart."""
    sign = _sign(one)
    fn, title = line(str(one["fn"]), 40), _title(one)
    lead = f"<b>{safe(title)}</b> <tt>{safe(fn)}" if title else f"<b>{safe(fn)}</b><tt>"
    return Drawn(
        f"{shape(sign)} {lead}({safe(called)})</tt>",
        f"{sign.shape} {f'{title}: ' if title else ''}{fn}({called})",
    )


def _title(one: Row) -> str:
    title = one.get("title")
    return line(title, TITLE_CHARS) if isinstance(title, str) else ""


def _sign(one: Row) -> Sign:
    known = NodeState.__members__.get(str(one["state"]))
    return Sign("?", "?", "x") if known is None else look.STATES[known]


def _state(one: Row) -> Drawn:
    sign = _sign(one)
    failed, nodes = (int(_number(one.get(name)) or 0) for name in ("failed", "nodes"))
    # Of one Node alone, its state says it.
    beside = f" · {failed:,} of {nodes:,} failed" if failed and nodes > 1 else ""
    return Drawn(f"{word(sign)}{beside}", f"{sign.word}{beside}")


def _marks(one: Row, places: Mapping[str, int], titles: Mapping[str, str]) -> Drawn:
    """Draw which run this one comes from, what was served, its tags and its note."""
    marks = []
    how, of = one.get("how"), one.get("of")
    if isinstance(how, str) and isinstance(of, str) and of:
        which = titles.get(of) or (f"[{places[of]}]" if of in places else line(named(of), 60))
        marks.append(f"{HOW.get(how) or line(how, 20)} of {which}")
    if served := int(_number(one["served"]) or 0):
        marks.append(f"{look.SERVED} {served:,} served")
    tags = one.get("tags")
    known = [] if tags is None or isinstance(tags, str | float) else list(tags)
    words = [f"#{line(str(tag), TAG_CHARS)}" for tag in known[:MOST_TAGS]]
    if len(known) > MOST_TAGS:
        words.append(f"+ {len(known) - MOST_TAGS}")
    note = one.get("note")
    said = f"“{line(note, NOTE_CHARS)}”" if isinstance(note, str) and note else ""
    html = [f"<i>{safe(mark)}</i>" for mark in marks] + [f"<b>{safe(tag)}</b>" for tag in words]
    if said:
        html.append(f"<small>{safe(said)}</small>")
    return Drawn(" ".join(html), " ".join([*marks, *words, *([said] if said else [])]))


def _name(name: str) -> Drawn:
    """Draw a run's name by its end, which names it too; whole where one points, and as text."""
    whole = line(name, 80)
    end = "-".join(whole.split("-")[-2:])
    return Drawn(f'<small title="{escape(visible(whole))}">{safe(end)}</small>', whole)


def _notebooks(runs: Sequence[Row]) -> list[str]:
    """Give each run's notebook where they are of several; as short as tells them apart."""
    found = [one.get("notebook") for one in runs]
    paths = [path if isinstance(path, str) else "" for path in found]
    if len(set(paths)) < 2:
        return []
    names = {path: PurePosixPath(path).name for path in paths}
    is_plain = len(set(names.values())) == len(names)
    return [line(names[path] if is_plain else path, 60) for path in paths]


def _seconds(moment: Any) -> float | None:
    # Missing is None, or NaT, which is not itself.
    return None if moment is None or moment != moment else float(moment.timestamp())


def _number(value: Any) -> float | None:
    # Missing is None, NaN or NA, as the frame has it.
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None


def cost_of(one: Row) -> float | None:
    """Price one request, a row of the view `calls`; None where no price is known."""
    used = used_by(one)
    if not used.total and isinstance(one["error"], str):
        return 0.0  # it failed before anything was used
    model = one["model"] if isinstance(one["model"], str) else None
    return price(str(one["provider"]), model, used, _seconds(one["time"]))


def used_by(one: Row) -> TokenUsage:
    """Give what one request used, a row of the view `calls`."""
    read, write, into, out, thought = (
        int(_number(one[f"{name}_tokens"]) or 0)
        for name in ("cache_read", "cache_write", "input", "output", "reasoning")
    )
    return TokenUsage(
        input_tokens_cache_read=read,
        input_tokens_cache_write=write,
        input_tokens_regular=max(into - read - write, 0),
        input_tokens_total=into,
        output_tokens_reasoning=thought,
        output_tokens_total=out,
    )


# What tells calls of one Function apart.


def calls_apart(made: Sequence[tuple[str, Any]]) -> list[str]:
    """Write the arguments of calls, each a Function's name and its arguments as JSON.

    Among calls of one Function, those that are equal in all are left out. Where all are equal,
    or there is one call alone, all are written.

    Example:
        >>> calls_apart([("f", '{"x": {"json": 1}, "y": {"json": 2}}')])
        ['x=1, y=2']
        >>> calls_apart([("f", '{"x": {"json": 1}, "y": {"json": 2}}'),
        ...              ("f", '{"x": {"json": 1}, "y": {"json": 3}}')])
        ['y=2, …', 'y=3, …']
    """
    groups: dict[str, list[int]] = {}
    for n, (fn, _) in enumerate(made):
        groups.setdefault(fn, []).append(n)
    found = [""] * len(made)
    for places in groups.values():
        words = _group([_forms(made[n][1]) for n in places])
        for n, text in zip(places, words, strict=True):
            found[n] = text
    return found


def _forms(text: Any) -> dict[str, Any] | None:
    """Read the arguments of a stored call; None of what is no JSON of ours."""
    try:
        forms = json.loads(text)
        return dict(list(forms.items())[:MOST_NAMES])
    except (TypeError, ValueError, AttributeError, RecursionError):
        return None


def _group(group: Sequence[dict[str, Any] | None]) -> list[str]:
    known = [forms for forms in group if forms is not None]
    names = list(dict.fromkeys(name for forms in known for name in forms))
    differing = [
        name for name in names if len({_key(forms.get(name)) for forms in known}) > 1
    ] or names
    each = min(max(MOST // max(len(differing), 1), LEAST_EACH), MOST_EACH)
    words = {name: _words([forms.get(name) for forms in known], each) for name in differing}
    made = iter(range(len(known)))
    return ["…" if forms is None else _call(forms, words, next(made)) for forms in group]


def _call(forms: Mapping[str, Any], words: Mapping[str, Sequence[str]], place: int) -> str:
    pieces: list[str] = []
    left = MOST
    for name, values in words.items():
        if name not in forms:
            continue
        piece = f"{line(name, 24)}={values[place]}"
        if pieces and len(piece) > left:
            break
        pieces.append(piece)
        left -= len(piece) + 2
    if len(pieces) < len(forms):
        pieces.append("…")
    return Safe(", ".join(pieces))


def _key(form: Any) -> str:
    try:
        return json.dumps(form, sort_keys=True)
    except (ValueError, RecursionError):
        return "…"


def _words(forms: Sequence[Any], each: int) -> list[str]:
    """Write the values of one argument; those that begin alike, from where they differ."""
    texts = [_whole(form) for form in forms]
    alike: dict[str, set[str]] = {}
    for text in texts:
        alike.setdefault(line(text, each), set()).add(text)
    found: list[str] = []
    for text in texts:
        same = alike[line(text, each)]
        begin = _alike(same) - _BEFORE if len(same) > 1 else 0
        # Where they differ only at the end, there is room for more of what is before.
        begin = min(begin, len(text) - each + 1)
        found.append(line(f"…{text[begin:]}" if begin > 0 else text, each))
    return found


def _alike(texts: Collection[str]) -> int:
    """Say how many characters texts have in common at their beginning."""
    # Those between the least and the greatest begin as both do.
    first, last = min(texts), max(texts)
    differing = (n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b)
    return next(differing, len(first))


def _whole(form: Any) -> str:
    """Write a value as far as it is looked at; one that has a file of its own, by its hash."""
    try:
        if "json" in form:
            return brief(untagged(form["json"]), MOST_DEPTH)
        kind = str(form.get("type") or form["kind"]).rpartition(".")[2]
        return line(f"<{kind} {str(form['artifact'])[:6]}>", 60)
    except (TypeError, ValueError, LookupError, AttributeError, RecursionError):
        return Safe("…")
