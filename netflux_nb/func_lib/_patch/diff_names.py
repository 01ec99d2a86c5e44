"""The names in a diff: quoted, with times after them, or two in one line."""

from __future__ import annotations

import re

# No system takes a longer name, and the search for what follows it is not linear.
MOST_CHARS = 6_000

_STAMP = re.compile(r"^(.*?)(?:\t(.*)| +(\d{4}-\d\d-\d\d[ T]\d\d:\d\d.*))?$", re.DOTALL)
_EPOCH = re.compile(r"(1970-01-01|1969-12-31) (\d\d):(\d\d):00(?:\.0+)? ([+-])(\d\d)(\d\d)")
_ESCAPE = re.compile(r"\\([0-7]{3}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


def name_of(line: str) -> tuple[str, bool]:
    """Give the name in a `---` or `+++` line, and whether it stands for no file."""
    rest = line[4 : MOST_CHARS + 4].removesuffix("\r")
    if rest.startswith('"'):
        end = _quote_end(rest)
        name, stamp = unquoted(rest[:end]), rest[end:].strip()
    else:
        found = _STAMP.match(rest)
        assert found is not None
        name, stamp = found[1].rstrip(" "), (found[2] or found[3] or "").strip()
    if name == "/dev/null":
        return "", True
    return name, _is_epoch(stamp)


def _is_epoch(stamp: str) -> bool:
    """True for the time that `diff -N` gives to a file that is not there."""
    found = _EPOCH.fullmatch(stamp)
    if found is None:
        return False
    minutes = int(found[2]) * 60 + int(found[3]) - (1440 if found[1] < "1970" else 0)
    ahead = int(f"{found[4]}1") * (int(found[5]) * 60 + int(found[6]))
    return minutes == ahead


def _quote_end(text: str) -> int:
    found = re.match(r'"(?:[^"\\]|\\.)*"', text, re.DOTALL)
    return found.end() if found else len(text)


def unquoted(name: str) -> str:
    r"""Give a name as git wrote it: in quotes, with escapes, where it holds odd characters.

    Example:
        >>> unquoted('"caf\\303\\251"')
        'café'
    """
    name = name.removesuffix("\r")
    if len(name) < 2 or name[0] != '"' or name[-1] != '"':
        return name
    out = bytearray()
    at = 1
    inner = name[:-1]
    while at < len(inner):
        found = _ESCAPE.match(inner, at)
        if found is None:
            out += inner[at].encode("utf-8", "surrogatepass")
            at += 1
            continue
        code = found[1]
        out += bytes([int(code, 8) & 255]) if len(code) == 3 else _ESCAPES.get(code, code).encode()
        at = found.end()
    return out.decode("utf-8", "surrogateescape")


def git_names(rest: str) -> tuple[str | None, str | None]:
    """Give the two names after `diff --git`, where they can be told apart."""
    rest = rest.removesuffix("\r")
    if rest.startswith('"'):
        end = _quote_end(rest)
        return unquoted(rest[:end]), unquoted(rest[end + 1 :])
    if rest.endswith('"') and ' "' in rest:
        first, _, second = rest.partition(' "')
        return first, unquoted(f'"{second}')
    half = len(rest) // 2
    one, two = rest[:half], rest[half + 1 :]
    if rest[half : half + 1] == " " and (one == two or _plain(one) == _plain(two)):
        return one, two
    if rest.count(" ") == 1:
        one, _, two = rest.partition(" ")
        return one, two
    return None, None


def _plain(name: str) -> str:
    return name[2:] if name[1:2] == "/" else name
