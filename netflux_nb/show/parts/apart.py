"""Arguments that tell calls of one Function apart, each call in one short line."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ...core.events import untagged
from ...runtime.safe import Safe
from .values import brief, line

# Of the arguments of one call, and of each of them, in characters.
MOST, LEAST_EACH, MOST_EACH = 48, 18, 36
# Arguments that are looked at, and how far into a value two are told apart.
MOST_NAMES, MOST_DEPTH = 12, 600
# What stands before the place where two values differ.
_BEFORE = 8


def calls(made: Sequence[tuple[str, Any]]) -> list[str]:
    """Write the arguments of calls, each a Function's name and its arguments as JSON.

    Among calls of one Function, those that are equal in all are left out. Where all are equal,
    or there is one call alone, all are written.

    Example:
        >>> calls([("f", '{"x": {"json": 1}, "y": {"json": 2}}')])
        ['x=1, y=2']
        >>> calls([("f", '{"x": {"json": 1}, "y": {"json": 2}}'),
        ...        ("f", '{"x": {"json": 1}, "y": {"json": 3}}')])
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
