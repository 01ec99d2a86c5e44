"""What looks like a key, and how it is taken out of a text: marked, never blank."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .patterns import MARK, TAKEN, Patterns

# Settings, arguments and variables under such a name are kept from every record.
_SECRET = re.compile(
    r"key|token(?!s)|secret|passw|credential|authori[sz]ation|cookie", re.IGNORECASE
)
REDACTED = "$redacted"

# Where a key may begin: also after a line's end, or a letter, that JSON has written out.
_EDGE = r"(?:(?<!\w)|(?<=\\[bfnrt])|(?<=\\u[0-9a-f]{4}))"
# As far as the text goes that it stands in, which may be one of many in a line.
_TO_END = r"""(?:[^"\\]|\\[^"])*?(?:-----END [A-Z ]*-----|(?=\\*")|\Z)"""
_QUERIES = ["key", "api_key", "apikey", "token", "access_token", "sig", "signature", "password"]
_AFTER = "|".join(rf"(?<=[?&]{name}=)" for name in _QUERIES)

# How keys of known kinds begin, and their whole form. The beginning is looked for first:
# finding a few characters is ten times as fast as matching.
_KINDS: dict[str, tuple[tuple[str, ...], str]] = {
    "key": (("sk-", "xai-", "pplx-", "gsk_", "r8_", "hf_"), rf"{_EDGE}(?:(?:sk|xai|pplx)-[\w-]{{20,}}|(?:gsk|r8|hf)_\w{{20,}})"),
    "google key": (("AIza",), rf"{_EDGE}AIza[\w-]{{35}}"),
    "aws key": (("AKIA", "ASIA"), rf"{_EDGE}(?:AKIA|ASIA)[A-Z0-9]{{16}}\b"),
    "github token": (("ghp_", "gho_", "ghs_", "github_pat_"), rf"{_EDGE}(?:gh[pos]_\w{{36,}}|github_pat_\w{{40,}})"),
    "slack token": (("xox",), rf"{_EDGE}xox[abprs]-[\w-]{{10,}}"),
    "bearer token": (("earer ", "asic "), r"(?<=[Bb]earer )[\w.~+/=-]{16,}|(?<=[Bb]asic )[\w.~+/=-]{20,}"),
    "jwt": (("eyJ",), rf"{_EDGE}eyJ[\w-]{{10,}}\.eyJ[\w-]{{10,}}\.[\w-]{{10,}}"),
    "private key": (("-----BEGIN",), rf"-----BEGIN [A-Z ]*PRIVATE KEY-----{_TO_END}"),
    "login": (("://",), r"""(?<=://)[^\s/:@"'\\]{1,64}:[^\s/@"'\\]{1,200}(?=@)"""),
    "key of an address": (tuple(f"{name}=" for name in ("key", "token", "sig", "signature", "password")), rf"(?:{_AFTER})[\w.~%+/=-]{{8,}}"),
}  # fmt: skip
_FORMS = {name: re.compile(form) for name, (_, form) in _KINDS.items()}
# Beginnings by a character that they hold: many texts lack it, and one look tells.
_GROUPS: dict[str, list[tuple[str, str]]] = {c: [] for c in ["-", "_", "=", "//", *"zKSJx", ""]}
for _name, (_starts, _) in _KINDS.items():
    for _start in _starts:
        _GROUPS[next(c for c in _GROUPS if c in _start)].append((_start, _name))
# A key that has only begun at the end of a text, by how its kind goes on behind its beginning.
_BODIES = (
    r"\b(?:sk|xai|pplx)-[\w-]{0,19}|\b(?:gsk|r8|hf)_\w{0,19}",
    r"\bAIza[\w-]{0,34}",
    r"\b(?:AKIA|ASIA)[A-Z0-9]{0,16}",
    r"\bgh[pos]_\w{0,35}|\bgithub_pat_\w{0,39}",
    r"\bxox[abprs](?:-[\w-]{0,9})?",
    r"(?<=[Bb]earer )[\w.~+/=-]{1,15}|(?<=[Bb]asic )[\w.~+/=-]{1,19}",
    r"\beyJ[\w-]*(?:\.(?:ey?|eyJ[\w-]*(?:\.[\w-]{0,9})?)?)?",
    r"-----BEGIN[A-Z ]{0,40}-{0,4}",
)
# A text of one word this long is shown, whatever it may become.
_MOST_BEGUN = 4_000


def _beginnings(start: str) -> str:
    """Give a pattern for `s`, `sk` and `sk-`, where these begin a word, or are no line's end."""
    inner = "".join(f"(?:{re.escape(c)}" for c in start[1:]) + ")?" * (len(start) - 1)
    return rf"(?<![\w-]){re.escape(start[0])}{inner}"


# A bearer's name is no part of the key behind it.
_STARTS = [s for name, (starts, _) in _KINDS.items() if name != "bearer token" for s in starts]
_BEGUN = re.compile(rf"(?:{'|'.join([*_BODIES, *map(_beginnings, _STARTS)])})\Z")
# Bytes as JSON says them: what is in them is looked at too.
_BYTES = re.compile(r'"\$bytes":"([0-9a-f]+)"')
_HAS_BYTES = '"$bytes":"'
# What stands under a key's own name: in a header, an argument, a dict that was printed. It
# ends where its text does: a line of the record goes on after it.
_UNDER = re.compile(
    r"""(?P<begin>(?P<quote>\\*["'])[\w.-]{0,40}?(?P<name>api[_-]?key|(?:access|secret|private|auth|account)"""
    r"""[_-]?key|(?:client|app|api)[_-]?secret|passw(?:or)?d|passphrase|(?:access|auth|refresh|"""
    r"""session|api|bearer)[_-]?token|authori[sz]ation|cookie)(?P=quote)\s*:\s*"""
    r"""(?:\{"json":\s*)?(?P=quote))(?P<value>(?:(?!(?P=quote))(?:\\[\s\S]|[^\\"]))+)""",
    re.IGNORECASE,
)
# In an event: where it stands, by names and numbers of ours.
_NUMBERS = {"v", "run", "seq", "time", "node"}
# A shorter value of a variable is a word that texts may hold by chance.
_SHORTEST = 8


def is_secret(name: str) -> bool:
    """Say whether a name is one under which keys are kept."""
    return _SECRET.search(name) is not None


def redacted(settings: Any) -> Any:
    """Give settings without what looks like a key by its name, and say so in its place."""
    if isinstance(settings, Mapping):
        return {
            k: REDACTED if isinstance(k, str) and is_secret(k) else redacted(v)
            for k, v in settings.items()
        }
    if isinstance(settings, (list, tuple)):
        return [redacted(v) for v in settings]
    return settings


def secrets_of(variables: Mapping[str, str]) -> dict[str, str]:
    """Pick the values that are secrets by their variable's name, the longest first."""
    found = {
        value: name
        for name, value in variables.items()
        if is_secret(name)
        and len(value) >= _SHORTEST
        and (len(value) >= 2 * _SHORTEST or not value.isalpha())
        and "/" not in value[:1]
    }
    return dict(sorted(found.items(), key=lambda pair: -len(pair[0])))


def is_marked(text: str) -> bool:
    """Say whether something was taken out of a text."""
    return TAKEN in text or text == REDACTED


def _may_name(text: str) -> bool:
    # Written out, for every line of a record comes here. Counts of tokens are in many.
    low = text.lower()
    return (
        (
            "key" in low
            and (
                "_key" in low
                or "-key" in low
                or "ikey" in low
                or "tkey" in low
                or "skey" in low
                or "ekey" in low
            )
        )
        or "secret" in low
        or ("pass" in low and ("passw" in low or "passph" in low))
        or "uthori" in low
        or "cookie" in low
        or ("token" in low and ('token"' in low or "token'" in low or "token\\" in low))
    )


def _named(found: re.Match[str]) -> str:
    value = found["value"]
    if TAKEN in value or value == REDACTED or (found["name"] == "cookie" and "=" not in value):
        return found[0]
    return found["begin"] + MARK.format(found["name"].lower())


class Redaction:
    """Takes keys out of texts: of known kinds, these values, and what a person's patterns match.

    Example:
        >>> Redaction({"open sesame 7": "DOOR_KEY"})("say open sesame 7, or sk-ant-" + "x" * 30)
        'say [redacted DOOR_KEY], or [redacted key]'
    """

    def __init__(
        self, values: Mapping[str, str] | None = None, own: Patterns | None = None
    ) -> None:
        self._own = Patterns() if own is None else own
        self._values: list[tuple[str, str]] = []
        for value, name in (values or {}).items():
            # As it is, and as it stands inside JSON.
            for form in dict.fromkeys((value, json.dumps(value)[1:-1])):
                self._values.append((form, MARK.format(name)))

    def __call__(self, text: str) -> str:
        """Give a text without keys, and without what the patterns match."""
        return self._own.text(self.keys(text)) if self._own else self.keys(text)

    def json(self, text: str) -> str:
        """Give JSON without keys, and its texts and numbers without what the patterns match."""
        return self._own.json(self.keys(text)) if self._own else self.keys(text)

    def event(self, row: dict[str, Any]) -> dict[str, Any]:
        """Give an event, as JSON, without what the patterns match.

        Of a key a pattern may match a part, and what is left is known as none: keys go first.
        Without patterns they are still there.
        """
        if not self._own:
            return row
        said = {name: value for name, value in row.items() if name not in _NUMBERS}
        return self._own.event({**row, **json.loads(self.keys(json.dumps(said)))})

    def keys(self, text: str) -> str:
        """Give a text, or JSON, without keys; patterns are not looked for."""
        for value, mark in self._values:
            if value in text:
                text = text.replace(value, mark)
        for char, starts in _GROUPS.items():
            if char in text:
                for start, name in starts:
                    if start in text:
                        text = _FORMS[name].sub(MARK.format(name), text)
        text = _UNDER.sub(_named, text) if _may_name(text) else text
        return _BYTES.sub(self._hex, text) if _HAS_BYTES in text else text

    def undecided(self, text: str) -> int:
        """Say how much of a text's end may be the beginning of a key: what follows decides.

        Example:
            >>> Redaction().undecided("so sk-ant"), Redaction().undecided("so it is")
            (6, 0)
        """
        end = text[-_MOST_BEGUN:]
        begun = _BEGUN.search(end)
        place = len(end) if begun is None else begun.start()
        for value, _ in self._values:
            at = end.find(value[0], max(len(end) - len(value) + 1, 0))
            while 0 <= at < place:
                if value.startswith(end[at:]):
                    place = at
                at = end.find(value[0], at + 1)
        held = len(end) - place
        return max(held, self._own.undecided(end)) if self._own else held

    def _hex(self, found: re.Match[str]) -> str:
        try:
            return f'{_HAS_BYTES}{_of_bytes(bytes.fromhex(found[1]), self.keys).hex()}"'
        except ValueError:  # half a byte is none of ours
            return found[0]

    def of_bytes(self, data: bytes, *, with_own: bool = True) -> bytes:
        """Give bytes without keys, and without what the patterns match, as far as they are text."""
        return _of_bytes(data, self if with_own else self.keys)

    def found_in(self, row: dict[str, Any]) -> Iterable[str]:
        """Name the kinds of keys that an event, as JSON, holds, and the patterns that match."""
        yield from self.kinds(json.dumps(row))
        yield from sorted(self._own.found_in(row)) if self._own else ()

    def found(self, text: str) -> Iterable[str]:
        """Name the kinds of keys that a text holds, and the patterns that match it."""
        yield from self.kinds(text)
        yield from self._own.found(text) if self._own else ()

    def found_among(self, texts: Iterable[str]) -> Iterable[str]:
        """Name the kinds of keys that texts hold, and the patterns that match one of them."""
        texts = list(dict.fromkeys(texts))
        yield from self.kinds("\n".join(texts))
        if self._own:
            yield from sorted({name for text in texts for name in self._own.found(text)})

    def kinds(self, text: str) -> Iterable[str]:
        """Name the kinds of keys that a text, or JSON, holds."""
        for value, mark in self._values:
            if value in text:
                yield mark[len(TAKEN) : -1]
        for name, (starts, _) in _KINDS.items():
            if any(start in text for start in starts) and _FORMS[name].search(text):
                yield name
        for one in _UNDER.finditer(text) if _may_name(text) else ():
            if _named(one) != one[0]:
                yield one["name"].lower()


def _of_bytes(data: bytes, clean: Callable[[str], str]) -> bytes:
    text = data.decode("utf-8", "surrogateescape")
    found = clean(text)
    return data if found == text else found.encode("utf-8", "surrogateescape")
