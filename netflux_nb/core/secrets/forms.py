"""Forms of API keys: their prefixes, alphabets and lengths, as public scanners know them.

Every line of a record comes here, so what is cheap is looked at first: nearly all keys are long
words, and most texts have none. A long word is judged once, by a few characters that each form
has. Matching begins where these were found, and nowhere else, so that its time grows with the
text and not faster.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from itertools import accumulate
from operator import itemgetter
from typing import NamedTuple

_LAST_OF = {2: itemgetter(slice(-2, None)), 3: itemgetter(slice(-3, None))}


class KeyKind(NamedTuple):
    """Keys that begin alike: what they are called, their beginnings, and how they go on."""

    name: str
    starts: tuple[str, ...]
    body: str


class FormNeedle(NamedTuple):
    """What tells that a form may be here, how far before it the form begins, and the form."""

    needle: str
    back: int
    name: str
    form: str


@cache
def _compiled(form: str) -> re.Pattern[str]:
    """Compile a form. Most are never needed, and an import need not wait for them."""
    return re.compile(form)


def _rows(*rows: tuple[str, int, str, str]) -> tuple[FormNeedle, ...]:
    return tuple(FormNeedle(*row) for row in rows)


def _kind(name: str, starts: str, body: str) -> KeyKind:
    return KeyKind(name, tuple(starts.split()), body)


_VAULT = r"(?=\w{0,24}\d)(?=\w{0,24}[A-Z])(?=\w{0,24}[a-z])[A-Za-z0-9]{24}(?!\w)"
# Keys whose beginning ends in one of `-_.`: told by what stands before it.
_KINDS = (
    _kind("key", "sk- xai- pplx-", r"[\w-]{20,}"),
    _kind("key", "gsk_ r8_ hf_ api_org_ fw_ jina_ nfp_ vcp_ vci_ vca_ vcr_ vck_", r"\w{20,}"),
    _kind("key", "nvapi- tvly- csk- tskey- voyage-key- lsv2_pt_ lsv2_sk_ tgp_v1_ phc_ phx_ pnu_", r"[\w-]{20,}"),
    _kind("github token", "ghp_ gho_ ghu_ ghs_ ghr_", r"\w{36,}"),
    _kind("github token", "github_pat_", r"\w{40,}"),
    _kind("gitlab token", "glpat- gldt- glrt- glptt- glft- glsoat- glcbt- glimt- glagent- glffct- gloas-", r"[\w-]{20,}(?:\.[\w-]{7,})*"),
    _kind("slack token", "xoxa- xoxb- xoxc- xoxd- xoxe- xoxo- xoxp- xoxr- xoxs- xapp-", r"[\w-]{10,}"),
    _kind("stripe key", "sk_live_ sk_test_ sk_prod_ rk_live_ rk_test_ rk_prod_", r"\w{10,}"),
    _kind("stripe key", "whsec_", r"[\w+/=-]{20,}"),
    _kind("npm token", "npm_", r"[A-Za-z0-9]{30,}"),
    _kind("pypi token", "pypi-", r"[\w-]{16,}"),
    _kind("package token", "rubygems_ dckr_pat_ dckr_oat_ CLOJARS_", r"[\w-]{20,}"),
    _kind("sendgrid key", "SG.", r"[\w-]{16,}\.[\w-]{16,}"),
    _kind("mail key", "xkeysib- xsmtpsib-", r"[\w-]{40,}"),
    _kind("mailgun key", "key-", r"[0-9a-f]{32}(?!\w)"),
    _kind("google token", "ya29.", r"[\w-]{20,}"),
    _kind("google secret", "GOCSPX-", r"[\w-]{20,}"),
    _kind("vault token", "hvs. hvb. hvr.", r"[\w-]{20,}"),
    _kind("vault token", "s.", _VAULT),
    _kind("digitalocean token", "dop_v1_ doo_v1_ dor_v1_", r"\w{32,}"),
    _kind("shopify token", "shpat_ shpca_ shppa_ shpss_ shptka_", r"\w{32,}"),
    _kind("square token", "sq0atp- sq0csp- sq0idp-", r"[\w-]{22,}"),
    _kind("linear key", "lin_api_ lin_oauth_", r"\w{32,}"),
    _kind("notion token", "ntn_", r"[A-Za-z0-9]{40,}"),
    _kind("notion token", "secret_", r"(?=\w*\d)[A-Za-z0-9]{43}(?!\w)"),
    _kind("figma token", "figd_ figu_", r"[\w-]{36,}"),
    _kind("postman key", "PMAK- PMAT-", r"[\w-]{24,}"),
    _kind("new relic key", "NRAK- NRJS- NRII- NRRA- NRIQ-", r"[\w-]{19,}"),
    _kind("grafana token", "glsa_ glc_", r"[\w+/=-]{32,}"),
    _kind("doppler token", "dp.pt. dp.ct. dp.sa. dp.scim. dp.audit.", r"[\w-]{40,}"),
    _kind("doppler token", "dp.st.", r"(?:[\w-]{2,35}\.)?[\w-]{40,}"),
    _kind("fly token", "fm2_ fm1r_ fm1a_ fo1_", r"[\w+/=-]{40,}"),
    _kind("supabase token", "sbp_ sb_secret_", r"\w{20,}"),
    _kind("planetscale token", "pscale_tkn_ pscale_pw_ pscale_oauth_", r"[\w.=-]{30,}"),
    _kind("sentry token", "sntrys_ sntryu_", r"[\w+/=-]{40,}"),
    _kind("age key", "AGE-SECRET-KEY-", r"1[A-Z0-9]{50,}"),
    _kind("1password token", "ops_", r"eyJ[\w+/=-]{50,}"),
    _kind("1password key", "A3-", r"[A-Z0-9]{6}(?:-[A-Z0-9]{5,11}){4,5}(?!\w)"),
    _kind("databricks token", "dkea_ dose_", r"\w{32,}"),
    _kind("sonar token", "squ_ sqp_ sqa_", r"[0-9a-f]{40}(?!\w)"),
    _kind("sourcegraph token", "sgp_", r"\w{40,}"),
    _kind("pulumi token", "pul-", r"[0-9a-f]{40}(?!\w)"),
    _kind("dynatrace token", "dt0c01. dt0s01.", r"[A-Z0-9]{24}\.[A-Z0-9]{60,}"),
    _kind("typeform token", "tfp_", r"[\w.=-]{40,}"),
    _kind("payment key", "duffel_live_ duffel_test_ shippo_live_ shippo_test_ FLWSECK_TEST- FLWSECK-", r"[\w=-]{12,}"),
    _kind("heroku key", "HRKU-", r"[\w-]{36,}"),
    _kind("readme key", "rdme_", r"[a-z0-9]{60,}"),
    _kind("infracost key", "ico-", r"(?=\w*\d)[A-Za-z0-9]{32}(?!\w)"),
    _kind("cloudflare key", "v1.0-", r"[0-9a-f]{24}-[0-9a-f]{100,}"),
    _kind("aws key", "bedrock-api-key-", r"[\w+/=-]{40,}"),
)  # fmt: skip
STARTS = [start for kind in _KINDS for start in kind.starts]
_WHOLE = {
    start: FormNeedle(start, 0, kind.name, re.escape(start) + kind.body)
    for kind in _KINDS
    for start in kind.starts
}
# What a key is made of, beside letters of other alphabets; and the least of it that one has
# without a break.
_OF_KEYS = frozenset(f"{string.ascii_letters}{string.digits}-_.~+/=".encode())
_SHORTEST = 15
_LONG = b"a" * _SHORTEST
_AS_LETTERS = bytes(ord("a" if c in _OF_KEYS or c >= 0x80 else " ") for c in range(256))
_IN_HASHES = f"{string.ascii_lowercase}{string.digits}".encode()
# Of a longer word it is not remembered what is in it.
_REMEMBERED = 200

# What may stand before a key, beside a letter of another alphabet.
_EDGES = [*map(chr, (*range(48), *range(58, 65), *range(91, 95), 96, *range(123, 128))), ""]
_WRITTEN = "bfnrt0123456789acdeABCDEF"  # as JSON and addresses write some of these


def _by_end(sep: str, chars: int) -> dict[str, tuple[str, ...]]:
    """Give the beginnings that end so, by the last characters before that end."""
    found: dict[str, tuple[str, ...]] = {}
    for start in STARTS:
        if start[-1] == sep:
            *before, word = start[:-1].split(sep)
            # One letter alone ends many a word of a text.
            edges = _EDGES if len(word) == 1 else [*_EDGES, *_WRITTEN]
            is_whole = before or len(word) >= chars
            for end in [word] if is_whole else [edge + word for edge in edges]:
                found[end[-chars:]] = (*found.get(end[-chars:], ()), start)
    return found


# By the two or three characters before the separator: of many texts none has one of these.
_CHARS = {"-": 3, "_": 3, ".": 2}
_STARTS_BY_END = {sep: _by_end(sep, chars) for sep, chars in _CHARS.items()}
_BY_SEP = [(sep, chars, frozenset(_STARTS_BY_END[sep])) for sep, chars in _CHARS.items()]
# Too short for that where a letter of another alphabet stands before: looked for by itself.
_SHORT = [start for start in STARTS if len(start) <= _CHARS[start[-1]]]
# As far as the text goes that it stands in, which may be one of many in a line.
_TO_END = r"""(?:[^"\\]|\\[^"])*?(?:-----END [A-Z ]*-----|(?=\\*")|\Z)"""
# Forms that are told by characters within them, in a long word: what is looked for, how far
# before it the form begins, and the form.
_IN_WORDS = _rows(
    ("AIza", 0, "google key", r"AIza[\w-]{35}"),
    ("AKIA", 0, "aws key", r"AKIA[A-Z0-9]{16}(?![A-Za-z0-9])"),
    ("ASIA", 0, "aws key", r"ASIA[A-Z0-9]{16}(?![A-Za-z0-9])"),
    ("AC", 0, "twilio key", r"AC[0-9a-f]{32}(?!\w)"),
    (":AA", 10, "telegram token", r"\d{10}:AA[\w-]{33}(?!\w)"),
    (":AA", 9, "telegram token", r"\d{9}:AA[\w-]{33}(?!\w)"),
    (":AA", 8, "telegram token", r"\d{8}:AA[\w-]{33}(?!\w)"),
    ("ABSK", 0, "aws key", r"ABSK[A-Za-z0-9+/]{100,}"),
    ("SK", 0, "twilio key", r"SK[0-9a-f]{32}(?!\w)"),
    ("AKCp", 0, "artifactory key", r"AKCp[A-Za-z0-9]{50,}"),
    ("ATATT3", 0, "atlassian token", r"ATATT3[\w=-]{40,}"),
    ("ATCTT3", 0, "atlassian token", r"ATCTT3[\w=-]{40,}"),
    ("LTAI", 0, "alibaba key", r"LTAI[A-Za-z0-9]{16,24}(?!\w)"),
    ("EAA", 0, "facebook token", r"EAA[A-Za-z][\w-]{55,}"),
    ("GR1348941", 0, "gitlab token", r"GR1348941[\w-]{20}"),
    (".atlasv1.", 14, "terraform token", r"[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{40,}"),
    ("Q~", 4, "azure secret", r"[\w.~]{3}\dQ~[\w.~-]{31,34}"),
    ("sha256~", 0, "openshift token", r"sha256~[\w-]{43}"),
    ("dapi", 0, "databricks token", r"dapi[0-9a-f]{32}(?:-\d)?(?!\w)"),
    ("\\ns.", -2, "vault token", rf"s\.{_VAULT}"),
    ("eyJ", 0, "jwt", r"(?<!-)eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"),
    ("-us", 32, "mailchimp key", r"[0-9a-f]{32}-us\d{1,2}(?!\w)"),
    ("1//0", 0, "google token", r"1//0[\w-]{30,}"),
    ("hooks.slack.com/", -16, "webhook", r"(?:services|workflows|triggers)/[\w/+-]{20,}"),
    ("hooks.zapier.com/", -17, "webhook", r"hooks/[\w/]{12,}"),
    ("/api/webhooks/", -14, "webhook", r"\d{10,25}/[\w-]{30,}"),
    (".webhook.office.com/", -20, "webhook", r"[\w@/-]{40,}"),
)  # fmt: skip
# The same of what is no long word, or stands before one: by a character that all of them have.
_LOOSE = (
    ("-", _rows(
        ("-----BEGIN", 0, "private key", rf"-----BEGIN [A-Z0-9 ]{{0,40}}PRIVATE KEY(?: BLOCK)?-----{_TO_END}"),
        (" -u", -3, "login", r"""[ =]?\\{0,3}["']?(?P<kept>[^\s:"'\\]{1,64}:[^\s"'\\]{2,200})"""),
        ("--user", -6, "login", r"""[ =]\\{0,3}["']?(?P<kept>[^\s:"'\\]{1,64}:[^\s"'\\]{2,200})"""),
    )),
    (" ", _rows(
        ("asic ", -5, "bearer token", r"(?=[\w+/-]*[\d=])[\w+/-]{8,}={0,2}"),
        ("earer ", -6, "bearer token", r"(?=[\w.~+/-]*[\d=]|[\w.~+/-]{32})[\w.~+/=-]{16,}"),
    )),
    ("/", _rows(
        ("://", -3, "login", r"""[^\s/:@"'\\<>{}]{0,64}:(?![{$])[^\s/@"'\\<>]{1,200}(?=@)"""),
    )),
)  # fmt: skip
# A Discord bot's: its id, a time, a code. Nothing in it is always the same but these lengths.
_BOT = FormNeedle("", 0, "discord token", r"[MNO][\w-]{23,25}\.[\w-]{6}\.[\w-]{27,45}(?!\w)")


class KeyMatch(NamedTuple):
    """A key in a text: where it stands, and what it is called."""

    start: int
    end: int
    name: str
    # Around the mark, where it was no text: a number of JSON.
    quote: str = ""


def _starts_key(text: str, at: int) -> bool:
    """Say whether a word begins here: also after a line's end, or a letter, that is written out."""
    before = text[at - 1 : at]
    if not (before.isalnum() or before == "_") or text[at] == "-":
        return True
    if before in "bfnrt" and text[at - 2 : at - 1] == "\\":
        return True
    return text[at - 6 : at - 4] == "\\u" or text[at - 3 : at - 2] == "%"


def forms(text: str) -> list[KeyMatch]:
    """Find keys of known forms."""
    matches: list[KeyMatch] = []
    if len(text) >= _SHORTEST:
        rows: dict[FormNeedle, None] = {}
        for word in _long_words(text):
            some = _beginnings(word) if len(word) <= _REMEMBERED else _beginnings_of(word)
            if some:
                rows |= dict.fromkeys(some)
        for row in rows:
            matches += _around(text, row) if row is not _BOT else _bots(text)
    for char, loose in _LOOSE:
        if char in text:
            for row in loose:
                if row.needle in text:
                    matches += _around(text, row)
    return matches


def _long_words(text: str) -> Iterable[bytes]:
    """Give the words that are as long as a key, each once."""
    data = text.encode("utf-8", "surrogatepass")
    letters = data.translate(_AS_LETTERS)
    at = letters.find(_LONG)
    if at < 0:
        return ()
    words: dict[bytes, None] = {}
    while at >= 0:
        end = letters.find(b" ", at + _SHORTEST)
        if end < 0:
            end = len(letters)
        words[data[at:end]] = None
        at = letters.find(_LONG, end)
    return words


def _beginnings_of(data: bytes) -> tuple[FormNeedle, ...]:
    """Say which forms may begin in a word."""
    if not data.translate(None, _IN_HASHES) and b"dapi" not in data:
        return ()
    word = data.decode("utf-8", "surrogatepass")
    needles: list[FormNeedle] = []
    for sep, chars, known in _BY_SEP:
        if sep in word:
            pieces = word.split(sep)
            for end in known.intersection(map(_LAST_OF[chars], pieces)):
                needles += (_WHOLE[start] for start in _STARTS_BY_END[sep][end] if start in word)
            if sep == "." and 6 in map(len, pieces) and any(_bots_in(pieces)):
                needles.append(_BOT)
    if not word.isascii():
        needles += (_WHOLE[start] for start in _SHORT if start in word)
    needles += (row for row in _IN_WORDS if _has(word, row.needle))
    return tuple(needles)


def _has(word: str, needle: str) -> bool:
    rest = needle.lstrip(":\\")  # these stand before a word, not in it
    return needle in word if rest == needle else word.startswith(rest)


_beginnings = lru_cache(maxsize=4_096)(_beginnings_of)


def _around(text: str, row: FormNeedle) -> Iterator[KeyMatch]:
    """Find keys of a form by what each of them has in it."""
    needle, back, name = row[:3]
    form = _compiled(row.form)
    at = text.find(needle)
    while at >= 0:
        begin, past = at - back, at + len(needle)
        if begin >= 0 and (back < 0 or _starts_key(text, begin)):
            found = form.match(text, begin)
            if found is not None:
                past = max(past, found.end())
                yield KeyMatch(*found.span("kept" if "kept" in form.groupindex else 0), name)
        at = text.find(needle, past)


def _bots(text: str) -> Iterator[KeyMatch]:
    pieces = text.split(".")
    ends = list(accumulate(len(piece) + 1 for piece in pieces))
    for n in _bots_in(pieces):
        for length in (24, 25, 26):
            at = ends[n - 1] - 1 - length
            found = (
                _compiled(_BOT.form).match(text, at) if at >= 0 and _starts_key(text, at) else None
            )
            if found:
                yield KeyMatch(at, found.end(), _BOT.name)
                break


def _bots_in(pieces: Sequence[str]) -> Iterator[int]:
    """Say which of the pieces may be the middle of a bot's token."""
    lengths = list(map(len, pieces))
    for n in range(1, len(pieces) - 1):
        if lengths[n] == 6 and lengths[n - 1] >= 24 and lengths[n + 1] >= 27:
            yield n


# A word ends before these; what a key begins with holds none.
_AROUND = " \t\r\n\"'`()[]{}<>,;|\\"
# All beginnings of beginnings, whole ones, and how a key goes on behind one.
_FIRST = (
    *STARTS,
    "AIza",
    "ABSK",
    "AKCp",
    "ATATT3",
    "ATCTT3",
    "EAA",
    "GR1348941",
    "dapi",
    "LTAI",
    "eyJ",
    "AKIA",
    "ASIA",
    "AC0",
    "SK0",
    "1//0",
)
_BEGINNINGS = frozenset(start[:n] for start in _FIRST for n in range(1, len(start)))
_LENGTHS = sorted({len(start) for start in _FIRST})
_WHOLE_STARTS = frozenset(_FIRST) | {f"{c}{n}" for c in ("AC", "SK") for n in "0123456789abcdef"}
_GOES_ON = re.compile(r"[\w.+/=-]*")
_EDGE = re.compile(r"(?<!\w)\w")
# The rest, each at a word's end: no word holds what is behind a `Bearer`, or in a private key.
_BEGUN = re.compile(
    r"""(?:-----BEGIN[A-Z ]{0,40}-{0,4}|(?<![\w-])-{1,5}(?:BE?G?I?)?
    |(?<=[Bb]earer[ ])[\w.~+/=-]{1,31}|(?<=[Bb]asic[ ])[\w.~+/=-]{1,19})\Z""",
    re.VERBOSE,
)
_BEGUN_IN_WORD = re.compile(
    r"""(?:(?<!\d)\d{8,10}:A[\w-]{0,34}|(?<![\w-])[MNO](?=[\w-]*\d)[\w-]{23,25}\.[\w.-]{0,52}
    |(?<=://)[^\s/:@"'<>]{0,64}:[^\s/@"'<>]{0,200}
    |(?<=hooks\.slack\.com/)[\w/+-]*|(?<=hooks\.zapier\.com/)[\w/]*
    |(?<=/api/webhooks/)[\w/-]*|(?<=\.webhook\.office\.com/)[\w@/-]*
    |[\w.~]{3}\dQ~[\w.~-]*|sha256~[\w-]*|[A-Za-z0-9]{14}\.atlasv1\.[\w=-]*)\Z""",
    re.VERBOSE,
)


def begun(end: str) -> int:
    """Say where a key may have begun that goes on behind a text."""
    place = len(end)
    begun = _BEGUN.search(end, max(0, len(end) - 80))
    if begun is not None:
        place = begun.start()
    word = max(map(end.rfind, _AROUND)) + 1
    if word == len(end):
        return place
    held = _BEGUN_IN_WORD.search(end, word)
    if held is not None:
        place = min(place, held.start())
    for edge in _EDGE.finditer(end, word, place):
        at = edge.start()
        if end[at:] in _BEGINNINGS and end[at - 1 : at] != "-":
            return at
        if any(end[at : at + n] in _WHOLE_STARTS for n in _LENGTHS):
            found = _GOES_ON.match(end, at)
            if found is not None and found.end() == len(end):
                return at
    return place
