"""A person's own redaction patterns, searched for in every text that is recorded or shown."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import ArgumentError

if TYPE_CHECKING:
    import regex

# What stands in the place of something taken out of a text. Our own marks stay as they are.
TAKEN = "[redacted "
MARK = f"{TAKEN}{{}}]"
_MARKS = re.compile(r"\[redacted ([^\[\]\n]{1,80})\]")
_NAME = re.compile(r"[^\W\d_]\w{0,39}")
# A pattern that takes longer over a text takes all of it out: nobody waits for ever.
LONGEST_S = 1.0
_CHARS_A_SECOND = 1_000_000

# In an event: names and hashes of ours, which nobody wrote and which must stay as they are.
_OURS = {
    "run", "event", "key", "fn", "kind", "version", "provider", "model", "digest", "outcome", "from",
    "name", "tool_name", "tool_use_id", "artifact", "bytes", "type", "module", "part", "note",
    "signature", "above", "path", "id", "question", "asker", "known", "stop",
}  # fmt: skip
# And in what is said of a run's beginning.
_BEGUN = {
    "of", "how", "mode", "patterns", "seed", "policies", "provider", "model", "levels", "cell",
    "execution_count", "at", "of_began",
}  # fmt: skip
# What stands under these was said or given, all of it.
_CONTENT = {"json", "args", "fields", "native", "schema", "result_schema"}


class Patterns:
    r"""Patterns by name, and what they match taken out: marked, never blank.

    Example:
        >>> own = Patterns()
        >>> own.put({"employee": r"EMP-\d{6}"})
        >>> own.text("ask EMP-123456")
        'ask [redacted employee]'
    """

    def __init__(self, *, longest_s: float = LONGEST_S) -> None:
        self._longest_s = longest_s
        # As they were written: a compiled one keeps its flags.
        self.given: dict[str, str | re.Pattern[str]] = {}
        self._forms: dict[str, regex.Pattern[str]] = {}

    def __bool__(self) -> bool:
        return bool(self._forms)

    @property
    def sources(self) -> dict[str, str]:
        """The patterns as they were written, by name."""
        return {name: form.pattern for name, form in self._forms.items()}

    def put(self, patterns: Mapping[str, str | re.Pattern[str]]) -> None:
        """Put these in the place of those there were. Raises `ArgumentError`, and changes nothing."""
        self._forms = {name: _form(name, given) for name, given in patterns.items()}
        self.given = dict(patterns)

    def text(self, text: str) -> str:
        """Give a text without what matches."""
        for name, form in self._forms.items():
            text = self._without(text, name, form)
        return text

    def _without(self, text: str, name: str, form: regex.Pattern[str]) -> str:
        if TAKEN not in text:
            return _without(text, name, form, self._longest_s)
        pieces = _MARKS.split(text)  # every second one is what a mark says
        for place, piece in enumerate(pieces):
            if place % 2 == 0:
                pieces[place] = _without(piece, name, form, self._longest_s)
            elif piece not in self._forms and _without(piece, name, form, self._longest_s) != piece:
                pieces[place] = MARK.format(name)  # anybody may write what looks like a mark
            else:
                pieces[place] = MARK.format(piece)
        return "".join(pieces)

    def found(self, text: str) -> Iterator[str]:
        """Name the patterns that a text matches."""
        for name, form in self._forms.items():
            if self._without(text, name, form) != text:
                yield name

    def undecided(self, text: str) -> int:
        """Say how much of a text's end may be the beginning of a match."""
        place = len(text)
        for form in self._forms.values():
            try:
                for found in form.finditer(text, partial=True, timeout=self._longest_s):
                    place = min(place, found.start()) if found.partial else place
            except TimeoutError:
                return len(text)
        return len(text) - place

    def event(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Give an event, as JSON, without what matches in what was said or given."""
        return _event(row, self.text)

    def found_in(self, row: Mapping[str, Any]) -> set[str]:
        """Name the patterns that match something in an event, as JSON."""
        found: set[str] = set()

        def look(text: str) -> str:
            found.update(self.found(text))
            return text

        _event(row, look)
        return found

    def json(self, text: str) -> str:
        """Give JSON, all of which was said or given, without what matches."""
        return json.dumps(_content(json.loads(text), self.text), ensure_ascii=False)


def _form(name: str, pattern: Any) -> regex.Pattern[str]:
    import regex

    if not _NAME.fullmatch(name):
        raise ArgumentError(f"{name[:60]!r} names no pattern. A name is a word, as `employee`.")
    if isinstance(pattern, re.Pattern):
        pattern, flags = (
            pattern.pattern,
            pattern.flags & (re.IGNORECASE | re.MULTILINE | re.DOTALL | re.VERBOSE | re.ASCII),
        )
    else:
        flags = 0
    if not isinstance(pattern, str):
        raise ArgumentError(f"{name} is a {type(pattern).__name__}. A pattern is a text.")
    try:
        form = regex.compile(pattern, flags)
    except (regex.error, RecursionError, OverflowError) as error:
        raise ArgumentError(f"{name}: {pattern[:60]!r} is no pattern: {error}.") from None
    if form.search("") or form.search("\0"):
        raise ArgumentError(
            f"{name}: {pattern[:60]!r} matches anything. Say more of what it takes out."
        )
    return form


def _without(text: str, name: str, form: regex.Pattern[str], longest_s: float) -> str:
    try:
        within = longest_s + len(text) / _CHARS_A_SECOND
        return form.sub(lambda found: MARK.format(name), text, timeout=within)
    except TimeoutError:
        return MARK.format(name)


_Take = Callable[[str], str]


def _event(row: Mapping[str, Any], take: _Take) -> dict[str, Any]:
    clean = {name: _said(name, value, take) for name, value in row.items()}
    match row:
        case {"event": "RunBegan", "info": {"json": Mapping() as begun}}:
            info = {k: v if k in _BEGUN else _content(v, take) for k, v in begun.items()}
            clean["info"] = {"json": info}
        case {"event": "NodeWaits", "on": {"note": str() as note}}:
            clean["on"]["note"] = take(note)  # a text, where elsewhere it is a kind
        case {"event": "NodeClosed", "ruling": Mapping() as ruling}:
            clean["ruling"] = ruling  # names of policies, and a hash
    return clean


def _said(name: str, value: Any, take: _Take) -> Any:
    if name in _CONTENT:
        return _content(value, take)
    match value:
        case str():
            return value if name in _OURS else take(value)
        case list() | tuple():
            return [_said("", one, take) for one in value]
        case Mapping():
            return {name: _said(name, one, take) for name, one in value.items()}
        case _:
            return value


def _content(value: Any, take: _Take) -> Any:
    """Redact every match in a value: in texts, numbers, names of fields."""
    match value:
        case str():
            return take(value)
        case bool() | None:
            return value
        case int() | float():
            text = json.dumps(value)
            clean = take(text)
            return value if clean == text else clean
        case list() | tuple():
            return [_content(one, take) for one in value]
        case Mapping():
            return _mapping(value, take)
        case _:
            return value


def _mapping(value: Mapping[str, Any], take: _Take) -> Any:
    ((tag, held),) = value.items() if len(value) == 1 else (("", None),)
    if tag[:1] == "$" and isinstance(held, str):  # a value that its text tells whole
        text = _bytes_in(held) if tag == "$bytes" else held
        clean = take(text)
        return value if clean == text else clean
    names = _names(value, take)
    return {
        names[name]: one if name in ("$type", "$name") else _content(one, take)
        for name, one in value.items()
    }


def _names(value: Mapping[str, Any], take: _Take) -> dict[str, str]:
    """Give the names of fields anew: those that say the same now are numbered, in any order alike."""
    made: dict[str, str] = {}
    taken: set[str] = set()
    for name in sorted(value):
        clean = said = name if name[:1] == "$" else take(name)
        nth = 1
        while clean in taken:
            nth += 1
            clean = f"{said} {nth}"
        made[name] = clean
        taken.add(clean)
    return made


def _bytes_in(text: str) -> str:
    try:
        return bytes.fromhex(text).decode("utf-8", "replace")
    except ValueError:
        return text
