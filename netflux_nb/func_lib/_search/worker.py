"""The worker in the child process of `search_files`: walks folders, matches lines, prints them.

It is started by its path, so it knows nothing of this package. A pattern that takes for
ever takes this process's time only, and the alarm ends it.
"""

from __future__ import annotations

import codecs
import json
import os
import re
import signal
import stat
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

assert sys.platform != "win32", "no process of this kind is started there"

PROBE_BYTES = 8_192
# A longer line is matched in parts.
LINE_BYTES = 1_000_000
IGNORE_BYTES = 100_000
LINE_CHARS = 300
LEAD_CHARS = 80
ALL_CHARS = 36_000
MEMORY_BYTES = 2 << 30
MOST_BRACES = 64
READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC

NEVER = "(?!)"
_STARS = re.compile(r"\*+")
_NAMED = re.compile(r"\[:([^]]*):\]")
# In ASCII, as git has them.
_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": r" \t",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r" \t-\r",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}


class Stop(Exception):  # noqa: N818  it is no error
    """The search ends here, and why."""


@dataclass(frozen=True)
class IgnoreRule:
    """One line of a `.gitignore`, or one glob: matched against paths below a folder."""

    base: str
    pattern: re.Pattern[str]
    negated: bool = False
    folders_only: bool = False

    def says(self, path: str, is_folder: bool) -> bool:
        """Tell whether it speaks about a path."""
        if self.folders_only and not is_folder:
            return False
        return self.pattern.fullmatch(path.removeprefix(self.base)) is not None


def to_regex(glob: str) -> str:
    """Write a glob of git's as a regular expression; one that is faulty matches nothing.

    Example:
        >>> bool(re.fullmatch(to_regex("src/**/*.py"), "src/a/b.py"))
        True
    """
    out, i = [], 0
    while i < len(glob):
        if stars := _STARS.match(glob, i):
            end = stars.end()
            is_whole = (i == 0 or glob[i - 1] == "/") and glob[end : end + 1] in ("", "/")
            if end == i + 1 or not is_whole:
                out.append("[^/]*")
            else:  # any folders, also none
                out.append("(?:.*/)?" if end < len(glob) else ".+")
                end += 1
            i = end
        elif glob[i] == "?":
            out.append("[^/]")
            i += 1
        elif glob[i] == "[":
            pattern, i = _class(glob, i)
            out.append(pattern)
        else:
            i += glob[i] == "\\"
            out.append(re.escape(glob[i]) if i < len(glob) else NEVER)
            i += 1
    return "(?s:" + "".join(out) + ")"


def _class(glob: str, i: int) -> tuple[str, int]:
    """Write a class as git reads it, which is never a slash; give where it ends, too."""
    is_not = glob[i + 1 : i + 2] in ("!", "^")
    start = at = i + 1 + is_not
    out, last = "", ""
    while at < len(glob) and (glob[at] != "]" or at == start):
        if named := _NAMED.match(glob, at):
            if named[1] not in _CLASSES:
                break
            out += _CLASSES[named[1]]
            at, last = named.end(), ""
            continue
        to = glob[at] == "-" and last and glob[at + 1 : at + 2] not in ("", "]")
        at += bool(to)
        at += glob[at] == "\\"
        one = glob[at : at + 1]
        if not to:
            out += re.escape(one)
        elif last <= one:  # from z to a is nothing
            out += f"{re.escape(last)}-{re.escape(one)}"
        at, last = at + 1, "" if to else one
    if glob[at : at + 1] != "]":
        return NEVER, len(glob)
    if is_not:
        return f"[^/{out}]", at + 1
    return f"(?!/)[{out}]" if out else NEVER, at + 1


def rule_of(line: str, base: str) -> IgnoreRule | None:
    """Read a line as `.gitignore` has them; None for one that says nothing."""
    whole = line.removesuffix("\n").removesuffix("\r")
    text = whole.rstrip(" ")
    if text != whole and (len(text) - len(text.rstrip("\\"))) % 2:
        text += " "
    if not text or text.startswith("#"):
        return None
    negated = text.startswith("!")
    text = text[negated:]
    folders_only = text.endswith("/")
    text = text.removesuffix("/")
    if not text:
        return None
    text = text.removeprefix("/") if "/" in text else f"**/{text}"
    return IgnoreRule(base, re.compile(to_regex(text)), negated, folders_only)


def expanded(glob: str) -> list[str]:
    """Write out the braces of a glob: `*.{a,b}` is `*.a` and `*.b`."""
    done, todo = [], [glob]
    while todo:
        one = todo.pop()
        match = re.search(r"\{([^{}]*)\}", one)
        if match is None:
            done.append(one)
        else:
            todo += [one[: match.start()] + w + one[match.end() :] for w in match[1].split(",")]
        if len(done) + len(todo) > MOST_BRACES:
            raise Stop(f"The glob stands for more than {MOST_BRACES} globs.")
    return done


def bytewise(path: str) -> str:
    """Write a path with a character for each byte, for git matches bytes."""
    return os.fsencode(path).decode("latin-1")


def ignored(rules: list[IgnoreRule], path: str, is_folder: bool) -> bool:
    """Tell whether the last rule that speaks about a path leaves it out."""
    name = bytewise(path)
    for rule in reversed(rules):
        if rule.says(name, is_folder):
            return not rule.negated
    return False


class Search:
    """One search: what was asked, and what was found so far."""

    def __init__(self, asked: dict[str, Any]) -> None:
        flags = re.IGNORECASE if asked["ignore_case"] else 0
        pattern = re.escape(asked["pattern"]) if asked["fixed"] else asked["pattern"]
        self.pattern = re.compile(pattern, flags)
        self.plain = asked["pattern"].encode() if asked["fixed"] and not flags else b""
        self.context: int = asked["context"]
        self.most: int = asked["max_results"]
        self.prefix: str = asked["prefix"]
        self.globs = [r for g in expanded(asked["glob"]) if (r := rule_of(g, ""))]
        self.count = 0
        self.chars = 0
        self.at = ""
        self.printed = False

    def wants(self, path: str, is_folder: bool) -> bool:
        """Tell whether the glob lets a path through."""
        if not self.globs:
            return True
        said = [rule for rule in self.globs if rule.says(path, is_folder)]
        if self.globs[0].negated:
            return not said
        return is_folder or bool(said)

    def start(self, top: str, parts: list[str]) -> None:
        """Search what is below a folder, reached from the top step by step."""
        here = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
        rules = rules_in(here, "")
        path = ""
        for number, part in enumerate(parts, 1):
            below = os.open(part, READ, dir_fd=here)
            if not stat.S_ISDIR(os.fstat(below).st_mode):
                if number < len(parts):
                    raise NotADirectoryError(20, "Not a directory")
                self.file(below, part)
                return
            here, path = below, f"{path}{part}/"
            rules += rules_in(here, path)
        self.folder(here, path, len(path), rules)

    def folder(self, here: int, path: str, skip: int, rules: list[IgnoreRule]) -> None:
        """Search a folder in order of names. `skip` characters of a path are not shown."""
        with os.scandir(here) as entries:
            found = sorted((e.name, e.is_dir(follow_symlinks=False)) for e in entries)
        for name, is_folder in found:
            whole = path + name
            if name.startswith(".") or ignored(rules, whole, is_folder):
                continue
            if not self.wants(whole[skip:], is_folder):
                continue
            try:
                below = os.open(name, READ, dir_fd=here)
            except OSError:  # a link, or what may not be read, or is gone
                continue
            if is_folder:
                try:
                    inner = rules + rules_in(below, f"{whole}/")
                    self.folder(below, f"{whole}/", skip, inner)
                finally:
                    os.close(below)
            else:
                self.file(below, whole[skip:])

    def file(self, fd: int, shown: str) -> None:
        """Search a file, unless it is no text."""
        with os.fdopen(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                return
            start = file.read(PROBE_BYTES)
            if b"\0" in start:
                return
            whole = os.path.join(self.prefix, shown)  # noqa: PTH118  it is only shown
            self.at = os.fsencode(whole).decode("utf-8", "replace")
            if len(start) < PROBE_BYTES and self.plain and self.plain not in start:
                return
            file.seek(0)
            self.lines(file)

    def lines(self, file: IO[bytes]) -> None:
        """Print each line that matches, with those around it."""
        before: deque[tuple[int, str]] = deque(maxlen=self.context)
        number, after, last, is_open = 0, 0, 0, False
        for data in pieces(file):
            number += not is_open
            is_open = not data.endswith(b"\n")
            text = data.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "replace")
            match = self.pattern.search(text)
            if match is not None:
                first = before[0][0] if before else number
                if self.context and self.printed and (not last or first > last + 1):
                    self.put("--")
                for old, line in before:
                    self.row(old, "-", line, 0)
                before.clear()
                self.row(number, ":", text, match.start())
                after, last = self.context, number
                self.counted()
            elif after:
                self.row(number, "-", text, 0)
                after, last = after - 1, number
            elif self.context:
                before.append((number, text))

    def counted(self) -> None:
        """Count a line that matched, and stop when there are enough."""
        self.count += 1
        if self.count >= self.most:
            raise Stop(f"Stopped at {self.most:,} matches; there may be more.")

    def row(self, number: int, mark: str, text: str, at: int) -> None:
        """Print a line, or of a long one what is around a place."""
        start = max(0, at - LEAD_CHARS) if len(text) > LINE_CHARS else 0
        cut = text[start : start + LINE_CHARS].replace("\0", "\ufffd")
        lead, rest = "…" * (start > 0), "…" * (start + LINE_CHARS < len(text))
        self.put(f"{self.at}{mark}{number}{mark}{lead}{cut}{rest}")

    def put(self, row: str) -> None:
        """Print a row, and stop when it is too much."""
        self.chars += len(row) + 1
        if self.chars > ALL_CHARS:
            raise Stop(f"Stopped at {ALL_CHARS:,} characters; there is more.")
        sys.stdout.write(row + "\n")
        self.printed = True


def pieces(file: IO[bytes]) -> Iterator[bytes]:
    """Give lines, long ones in parts, until the end or the first NUL."""
    while (data := file.readline(LINE_BYTES)) and b"\0" not in data:
        yield data


def rules_in(folder: int, base: str) -> list[IgnoreRule]:
    """Read the rules of a folder's `.gitignore`, if it has one."""
    try:
        fd = os.open(".gitignore", READ, dir_fd=folder)
    except OSError:
        return []
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return []
        data = os.read(fd, IGNORE_BYTES).removeprefix(codecs.BOM_UTF8)
    finally:
        os.close(fd)
    lines = data.decode("latin-1").split("\n")
    return [rule for line in lines if (rule := rule_of(line, bytewise(base)))]


def run(asked: dict[str, Any]) -> int:
    """Search, and say where it stopped early. 2 where it could not be done."""

    def over(*_: object) -> None:
        raise Stop(
            f"Stopped after {asked['seconds']:g} s. Narrow the path or glob, or the pattern."
        )

    signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, asked["seconds"])
    search = None
    try:
        search = Search(asked)
        search.start(asked["top"], asked["parts"])
    except Stop as stop:
        at = f" It was at {search.at!r}." if search is not None and search.at else ""
        sys.stdout.write(f"[{stop}{at}]\n")
    except re.error as error:
        sys.stdout.write(f"The pattern is no regular expression: {error}.")
        return 2
    except (RecursionError, OverflowError, MemoryError) as error:
        sys.stdout.write(f"The pattern or the folder is too large: {type(error).__name__}.")
        return 2
    except OSError as error:
        sys.stdout.write(f"{error.strerror}.")
        return 2
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return 0


def main(answers: int) -> None:
    """Take one search from the standard input."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    sys.stdout.reconfigure(encoding="utf-8", errors="replace", newline="\n")  # type: ignore[union-attr]
    fed = texts()
    os.write(answers, f"{next(fed, '')} 0\n".encode())
    asked = next(fed, None)
    if asked is None:
        return
    code = run(json.loads(asked))
    sys.stdout.flush()
    os.write(answers, f"{next(fed, '')} {code}\n".encode())


def texts() -> Iterator[str]:
    """Give what is fed, in pieces that end with a NUL."""
    held = b""
    while data := os.read(0, 65_536):
        *whole, held = (held + data).split(b"\0")
        for one in whole:
            yield one.decode()


if __name__ == "__main__":
    main(int(sys.argv[1]))
