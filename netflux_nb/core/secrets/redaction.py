"""Redaction: secrets found by name, form and value, and replaced by a mark.

Every line of a record comes here, so the ends of words are looked at first. Matching begins
where these were found, and nowhere else, so that its time grows with the text and not faster.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from operator import itemgetter
from typing import Any
from urllib.parse import quote

from .forms import STARTS, KeyMatch, begun, forms
from .names import (
    ENDS,
    FAINT,
    LIKELY,
    LIKELY_WORDS,
    NO,
    SURE,
    SURE_WORDS,
    sureness,
    sureness_of_variable,
    word_set,
)
from .patterns import MARK, TAKEN, Patterns

REDACTED = "$redacted"


# What stands under such a name, and is none.
_PLAIN = word_set(
    "none null nil true false yes no on off str string text int integer number bool boolean bytes "
    "object any optional required basic bearer digest oauth oauth2 ntlm kerberos anonymous default "
    "apikey api_key token password secret left right top bottom center start end auto unset empty "
    "private public session cookie cookies login hidden redacted"
)
# Passwords that everybody knows hide nothing, and are words of many texts.
_KNOWN = _PLAIN | word_set(
    "postgres changeme change-me admin administrator root guest example localhost development "
    "production testing test1234 password1 12345678 123456789 username placeholder"
)
_FILLED_IN = re.compile(
    r"[\W_]*|(?:\$[A-Z_]+|\$?\{{1,2}[^{}]*\}{1,2}|\$\([^()]*\)|<[^<>]*>|%s|%\(\w+\)s|\w+\(.*|x{3,}|X{3,})"
)
# A package is called `google-auth` or `jsonwebtoken`, and is followed by its version.
_VERSION = re.compile(
    r"[~^<>=v ]{0,3}\d+(?:\.\d+){1,3}(?:[-.+]?(?:a|b|rc|dev|post|alpha|beta)[.\d]*)?(?:\+\w{1,8})?"
)
_MIXED = re.compile(r"(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?=\D*\d)[\w.~+/=-]{20,}\Z")
_ENTROPIC = re.compile(r"(?=[^A-Za-z]*[A-Za-z])(?=\D*\d)\S{7,}\Z")
_PIECE = re.compile(r"(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?=\D*\d)\w{10,}")
# A shorter value of a variable is a word that texts may hold by chance.
_SHORTEST, _SHORTEST_MIXED = 8, 6

# Names in texts, by what their last word holds; and these by the four characters that it ends in.
_NEEDLES = (
    "pass", "pwd", "secret", "token", "auth", "cred", "cookie", "bearer", "jwt", "pin", "otp",
    "dsn", "_key", "-key", "ikey", "tkey", "skey", "ekey", "hkey", "salt", "_pat", "private", "psk",
    "webhook", "kennwort", "sig", "?key", "&key",
)  # fmt: skip
_BY_END: dict[str, set[str]] = {}
for _last in {*SURE_WORDS, *LIKELY_WORDS, *ENDS, *_NEEDLES, "signature"} - {"_key", "cred"}:
    _some = {n for n in _NEEDLES if n in _last}
    for _end in (_last, *(f"{_last}{n}" for n in range(10))):
        for _edge in [""] if len(_end) > 3 else map(chr, range(128)):
            _BY_END.setdefault(f"{_edge}{_end}"[-4:], set()).update(_some)
_BY_END |= {_end[-4:]: {n for n in _NEEDLES if n in _end} for _end in ("_key", "creds", "cred")}
_BY_END |= {_last: {_last} for _last in ("pwd", "pin", "otp", "dsn", "jwt", "psk", "sig")}
# In an address alone, behind `=`, these may be names of keys.
_ADDRESSED = {"sig", "?key", "&key"}
_SAID = {end: left for end, some in _BY_END.items() if (left := some - _ADDRESSED)}
_SEPARATORS = (
    ('"', '":', _SAID), (" ", ": ", _SAID), ("'", "':", _SAID), ("\\", '\\":', _SAID),
    ("=", "=", _BY_END),
)  # fmt: skip
_BETWEEN, _LONG, _LAST_4 = " \t\r\n\"'\\]0123456789", 4_000, itemgetter(slice(-4, None))
# Behind a part of a name: the rest of it, what is between it and its value, and the value.
_QUOTE = r"\\{0,7}[\"']"
_TO_VALUE = rf"""
    (?P<rest>[\w.-]{{0,40}}+)
    (?:
        (?P<close>{_QUOTE})\]?\s{{0,4}}(?::|={{1,3}}>?)\s{{0,4}}
        (?:\{{"json":\s?)?
        | \s{{0,2}}:\s{{0,2}}[\w.\[\]|\ ]{{1,40}}=\s{{0,8}}(?=[rbfuRBFU]{{0,2}}{_QUOTE})
        | (?P<equals>\s{{0,8}}={{1,3}}\s{{0,8}})
        | (?P<said>:\s{{1,4}})
    )
"""
_VALUE = re.compile(
    rf"""{_TO_VALUE}
    (?:
        [rbfuRBFU]{{0,2}}(?P<quote>{_QUOTE})(?:(?P=quote){{2}})?
        (?P<text>(?:(?!(?P=quote))(?:\\[\s\S]|[^\\"]))+)
        | (?P<number>\d{{4,12}})(?![\w.])
        | (?P<many>\[[^\[\]{{}}]{{4,2000}}\]|\{{[^\[\]{{}}]{{4,2000}}\}})
        | (?P<word>[^\s"'\\,;&<>()\[\]{{}}`]{{3,500}})(?P<next>.?)
    )
    """,
    re.VERBOSE,
)
# At the end of a text: too little of a value to tell, and a list of values that goes on.
_VALUE_BEGUN = re.compile(
    rf"""{_TO_VALUE}
    (?:(?P<word>[^\s"'\\,;&<>()\[\]{{}}`]{{1,2}}) | (?P<many>[\[{{][^\[\]{{}}]{{0,2000}}))\Z
    """,
    re.VERBOSE,
)
_NAME_END = re.compile(r"[\w.-]*\Z")
_LINE_VALUE = re.compile(r"""(?:[A-Za-z]{2,12} )?[^\s"'\\,;]+(?:; ?[^\s"'\\,;]+=[^\s"'\\,;]+)*""")
# What says of which kind a value is to be, and is none.
_SCHEMA = re.compile(r"""(?:type|\$ref|anyOf|description)\\*["']""")
_ONE_WORD = re.compile(r"[^\s,()]+")
_VARIED = re.compile(r"[A-Z0-9=+/_]")
_HEADERS = re.compile(r"(?i)(?:proxy-|x-)?auth|cookie|set-cookie")
# Bytes as JSON says them: what is in them is looked at too.
_BYTES = re.compile(r'"\$bytes":"([0-9a-f]+)"')
_HAS_BYTES = '"$bytes":"'
# In an event: where it stands, by names and numbers of ours.
_NUMBERS = {"v", "run", "seq", "time", "node"}
# A text of one word this long is shown, whatever it may become.
_MOST_BEGUN = 4_000


def is_secret(name: str, value: Any = None) -> bool:
    """Say whether a variable or a setting holds a key: by its name, or, where that is unsure, its value."""
    sure = sureness_of_variable(name)
    if sure != FAINT or not isinstance(value, str):
        return sure >= LIKELY
    return _looks(value, FAINT)


def _looks(value: str, sure: int) -> bool:
    """Say whether a text is a key, under a name that says so more or less surely."""
    if TAKEN in value or value == REDACTED or _FILLED_IN.fullmatch(value):
        return False
    value = value.strip()
    if _VERSION.fullmatch(value):
        return False
    if sure == FAINT:
        return _MIXED.match(value) is not None
    low = value.lower()
    if sure == SURE:
        return low not in _PLAIN
    return (
        len(value) >= 4
        and " " not in value
        and low not in _PLAIN
        and (len(value) >= 7 or not value.isalpha())
    )


def redacted(settings: Any) -> Any:
    """Give settings without what is a key by its name, and say so in its place."""
    if isinstance(settings, Mapping):
        return {k: REDACTED if _is_taken(k, v) else redacted(v) for k, v in settings.items()}
    if isinstance(settings, (list, tuple)):
        return [redacted(v) for v in settings]
    return settings


def _is_taken(name: Any, value: Any) -> bool:
    if not isinstance(name, str) or value is None or isinstance(value, bool):
        return False
    sure = sureness_of_variable(name)
    if sure == NO or not isinstance(value, str):
        return sure >= LIKELY
    return _looks(value, sure)


def secrets_of(variables: Mapping[str, str]) -> dict[str, str]:
    """Pick the values that are secrets by their variable's name, the longest first."""
    found = {value: name for name, value in variables.items() if _is_secret_value(name, value)}
    return dict(sorted(found.items(), key=lambda pair: -len(pair[0])))


def _is_secret_value(name: str, value: str) -> bool:
    sure = sureness_of_variable(name)
    if sure == NO or value.lower() in _KNOWN or _is_path(value):
        return False
    if sure == FAINT:
        return _MIXED.match(value) is not None
    return len(value) >= _SHORTEST or (len(value) >= _SHORTEST_MIXED and not value.isalpha())


def _is_path(value: str) -> bool:
    """Tell a file's place, which is no secret, from a key that begins with a stroke."""
    pieces = value.split("/")
    if len(pieces) < 3 or pieces[0] not in ("", "~", ".", ".."):
        return False
    return not any(map(_PIECE.search, pieces))


def withheld(name: str, value: str) -> bool:
    """Say whether a variable is kept from child processes: by its name or by its value.

    Example:
        >>> withheld("DB_PASS", "x"), withheld("PATH", "/bin"), withheld("X", "ghp_12")
        (True, False, True)
    """
    return sureness_of_variable(name) > NO or value.startswith(_LIKE_KEYS) or bool(_all(value))


_LIKE_KEYS = (
    *(start for start in STARTS if len(start) > 2 and start not in ("key-", "secret_", "v1.0-")),
    "pk-", "rk-", "pk_live_", "AKIA", "ASIA", "AIza", "eyJ", "-----BEGIN",
)  # fmt: skip


def is_marked(text: str) -> bool:
    """Say whether something was taken out of a text."""
    return TAKEN in text or text == REDACTED


def _needles(low: str) -> Iterable[str]:
    """Say which names of keys a text may hold: by how the words end that a value follows."""
    needles: set[str] = set()
    for gate, sep, known in _SEPARATORS:
        # Two looks: one character is found at once.
        if gate in low and sep in low:
            if sep == ": " and len(low) > _LONG and low.count(sep) == low.count('": '):
                continue  # names of JSON, all of them
            pieces = low.split(sep)
            if gate != '"':
                pieces = [piece[-12:].rstrip(_BETWEEN) for piece in pieces]
            if not known.keys().isdisjoint(map(_LAST_4, pieces)):
                needles.update(*(known[end] for end in known.keys() & map(_LAST_4, pieces)))
    return [needle for needle in needles if needle in low] if needles else ()


def _named(text: str) -> Iterable[KeyMatch]:
    """Find what stands under the name of a key: in JSON, in code, in a header, an address."""
    if ":" not in text and "=" not in text:
        return ()
    low = text.lower()
    if len(low) != len(text):  # one letter of Turkish becomes two
        low = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
    return _named_at(text, low, needles) if (needles := _needles(low)) else ()


def _named_at(text: str, low: str, needles: Iterable[str]) -> Iterator[KeyMatch]:
    for needle in needles:
        at = low.find(needle)
        while at >= 0:
            past = at + len(needle)
            found = _VALUE.match(text, past)
            if found is not None:
                one = _under(_name_at(text, at, found.end("rest")), found, text)
                if one is not None:
                    past = max(past, one.end)
                    yield one
            at = low.find(needle, past)


def _name_at(text: str, at: int, end: int) -> str:
    """Give the name that ends here, of which a part is known."""
    left = max(0, at - 40)
    found = _NAME_END.search(text, left, at)
    begin = at if found is None else found.start()
    if begin < at and text[begin - 1 : begin] == "\\":  # the end of a line, as JSON writes it
        begin += 5 if text[begin] == "u" else 1
    return text[begin:end]


def _under(name: str, match: re.Match[str], text: str) -> KeyMatch | None:
    """Give what stands under a name, where it is a key."""
    in_address = _is_in_address(name, match, text)
    sure = _in_address(name) if in_address else sureness(name)
    if sure == NO:
        return None
    label = name.lower().strip(".-_") or name.lower()
    if match["number"] is not None:
        is_number = sure == SURE or name.lower().endswith("pin")
        is_number = is_number and not label.endswith("token") and match["close"] is not None
        return KeyMatch(*match.span("number"), label, match["close"]) if is_number else None
    if match["many"] is not None:
        is_many = sure == SURE and match["close"] is not None and not _SCHEMA.search(match["many"])
        return KeyMatch(*match.span("many"), label, match["close"]) if is_many else None
    if label == "pwd" and (match["text"] or match["word"])[:1] in "/~.":
        return None  # the folder of a shell
    if match["text"] is not None:
        value = match["text"]
        is_varied = _ENTROPIC.match(value) is not None
        if match["close"] is None and (
            value[:1] in " ,)" or (match["said"] is not None and not _ONE_WORD.fullmatch(value))
        ):
            return None  # the quote ends what was said before: `"Password: "`
        if label.endswith(("cookie", "cookies")):
            is_key = _looks(value, SURE) and ("=" in value or is_varied)
        elif label.endswith(("pat", "_auth")) or (
            match["close"] is None
            and not label.endswith(("password", "passwd", "pwd", "secret", "pass"))
        ):
            is_key = _looks(value, sure) and (is_varied or len(value) >= 2 * _SHORTEST)
        else:
            is_key = _looks(value, sure)
        return KeyMatch(*match.span("text"), label) if is_key else None
    return _unquoted(label, name, sure, match, text, in_address=in_address)


def _is_in_address(name: str, found: re.Match[str], text: str) -> bool:
    begin = found.end("rest") - len(name)
    return text[begin - 1 : begin] in ("?", "&") and found["equals"] is not None


def _in_address(name: str) -> int:
    return SURE if name.lower() in ("key", "sig", "signature", "auth", "pass") else sureness(name)


def _unquoted(
    label: str, name: str, sure: int, match: re.Match[str], text: str, *, in_address: bool
) -> KeyMatch | None:
    """Give a value without quotes: of an address, a file of variables, a header, a connection."""
    value, follows = match["word"], match["next"]
    span = match.span("word")
    if match["said"] is not None and match["close"] is None:
        if _HEADERS.match(name):
            whole = _LINE_VALUE.match(text, span[0])
            end = span[1] if whole is None else whole.end()
            is_key = "cookie" not in label or "=" in text[span[0] : end]
            is_key = is_key and not _FILLED_IN.fullmatch(text[span[0] : end])
            is_key = is_key and TAKEN not in text[span[0] : end + 10]
            is_key = is_key and (_VARIED.search(text, *(span[0], end)) is not None)
            return KeyMatch(span[0], end, label) if is_key else None
        is_key = sure == SURE and _ENTROPIC.match(value) is not None and _looks(value, sure)
        return KeyMatch(*span, label) if is_key else None
    if match["equals"] is None or follows == "(" or not _looks(value, sure):
        return None
    if in_address:
        is_key = len(value) >= _SHORTEST or not value.isalpha()
    elif " " in match["equals"]:
        is_key = (
            _ENTROPIC.match(value) is not None and not value.isidentifier() and "." not in value
        )
    elif name.isupper() or follows == ";":
        is_key = sure == SURE
    else:
        is_varied = _ENTROPIC.match(value) is not None
        is_code = follows in (",", ")", ".", "[", "]")
        is_key = (
            (is_varied and len(value) >= 16)
            if is_code
            else (is_varied or "pass" in label or label.endswith("pwd"))
        )
        is_key = is_key and sure == SURE
    return KeyMatch(*span, label) if is_key else None


def _all(text: str) -> list[KeyMatch]:
    """Give all keys in a text in their order; of two that overlap, the one that begins first."""
    matches = forms(text)
    matches += _named(text)
    if len(matches) > 1:
        matches.sort(key=lambda one: (one.start, -one.end))
        kept = matches[:1]
        for one in islice(matches, 1, None):
            if one.start >= kept[-1].end:
                kept.append(one)
        return kept
    return matches


# Arguments of a call are short, and the same ones come again: in a replay each of them.
_SHORT_CHARS = 48
_all_of_short = lru_cache(maxsize=4_096)(_all)


def _marked(text: str, found: Iterable[KeyMatch]) -> str:
    pieces: list[str] = []
    place = 0
    for one in found:
        mark = MARK.format(one.name)
        pieces += (text[place : one.start], f"{one.quote}{mark}{one.quote}")
        place = one.end
    return "".join([*pieces, text[place:]])


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
            mark = MARK.format(name)
            self._values += ((form, mark) for form in _as_written(value))
        # The longest first: one may be a part of another.
        self._values.sort(key=lambda pair: -len(pair[0]))

    @property
    def shortest(self) -> int:
        """The length of the shortest value that is looked for."""
        return min((len(value) for value, _ in self._values), default=_MOST_BEGUN)

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
        found = _all_of_short(text) if len(text) <= _SHORT_CHARS else _all(text)
        text = _marked(text, found) if found else text
        return _BYTES.sub(self._hex, text) if _HAS_BYTES in text else text

    def undecided(self, text: str) -> int:
        """Say how much of a text's end may be the beginning of a key: what follows decides.

        Example:
            >>> Redaction().undecided("so sk-ant"), Redaction().undecided("so it is")
            (6, 0)
        """
        end = text[-_MOST_BEGUN:]
        place = min(begun(end), _begun_under_name(end))
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
        said = [mark[len(TAKEN) : -1] for value, mark in self._values if value in text]
        yield from dict.fromkeys([*said, *(one.name for one in _all(text))])


def _as_written(value: str) -> Iterator[str]:
    """Give a value as it is, in JSON, in JSON within JSON and in an address; and line by line."""
    told = json.dumps(value)[1:-1]
    forms = [value, told, json.dumps(told)[1:-1], quote(value, safe="")]
    lines = value.splitlines()
    if len(lines) > 1:
        # A screen shows one line after the other, and may be given one alone.
        forms += (
            line for line in map(str.strip, lines) if len(line) >= _SHORTEST and line[:5] != "-----"
        )
    yield from dict.fromkeys(forms)


def _of_bytes(data: bytes, clean: Callable[[str], str]) -> bytes:
    text = data.decode("utf-8", "surrogateescape")
    found = clean(text)
    return data if found == text else found.encode("utf-8", "surrogateescape")


def _begun_under_name(end: str) -> int:
    """Say where a value begins that has no end yet, and stands under the name of a key."""
    place = len(end)
    low = end.lower()
    if len(low) == len(end):
        for needle in _needles(low):
            at = low.rfind(needle)  # a value before is over
            past = at + len(needle)
            found = _VALUE.match(end, past) or _VALUE_BEGUN.match(end, past)
            # A header's value may be more words of its line.
            if found is not None and (
                found.end() == len(end) or (found["said"] and "\n" not in end[found.end() :])
            ):
                name = _name_at(end, at, found.end("rest"))
                if sureness(name) or (_is_in_address(name, found, end) and _in_address(name)):
                    kind = found.lastgroup if found.lastgroup != "next" else "word"
                    place = min(place, found.start(kind or 0))
    return place
