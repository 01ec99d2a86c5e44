"""Diffs as models write them, read by our parser and by libraries, then placed by our hunks.

`python -m benchmarks.house.diff_parsers [diffs] [seed]`; unidiff, whatthepatch and patch-ng are
asked where they are there. `right` is the text that was meant, `wrong` another one.
"""

from __future__ import annotations

import difflib
import logging
import random
import sys
from collections import Counter
from collections.abc import Callable

from netflux_nb.func_lib._patch import diff_parser, hunks
from netflux_nb.func_lib._patch.diff_parser import Hunk

# The hunks of the one file, or None where the diff is refused.
Parser = Callable[[str], list[Hunk] | None]


def ours(text: str) -> list[Hunk] | None:
    """Read it ourselves."""
    parsed = diff_parser.parse(text)
    return None if parsed.problems or len(parsed.files) != 1 else parsed.files[0].hunks


def unidiff(text: str) -> list[Hunk] | None:
    """Read it with unidiff."""
    from unidiff import PatchSet, UnidiffParseError

    try:
        found = PatchSet(line + "\n" for line in text.removesuffix("\n").split("\n"))
    except UnidiffParseError:
        return None
    if len(found) != 1:
        return None
    made = []
    for number, hunk in enumerate(found[0], 1):
        lines: list[tuple[str, str]] = []
        for line in hunk:
            if line.line_type == "\\":
                lines[-1] = lines[-1][0], lines[-1][1].removesuffix("\n")
            elif line.line_type:
                lines.append((line.line_type, line.value))
        made.append(Hunk(number, hunk.source_start, tuple(lines)))
    return made


def whatthepatch(text: str) -> list[Hunk] | None:
    """Read it with whatthepatch."""
    from whatthepatch import exceptions, parse_patch

    try:
        found = [one for one in parse_patch(text) if one.changes]
    except exceptions.WhatThePatchException:
        return None
    if len(found) != 1:
        return None
    made: dict[int, list] = {}
    for change in found[0].changes:
        mark = "+" if change.old is None else "-" if change.new is None else " "
        made.setdefault(change.hunk, []).append((change, (mark, f"{change.line}\n")))
    starts = [next((c.old for c, _ in rows if c.old), None) for rows in made.values()]
    rows = [tuple(row for _, row in rows) for rows in made.values()]
    return [Hunk(n, s, r) for n, (s, r) in enumerate(zip(starts, rows, strict=True), 1)]


def patch_ng(text: str) -> list[Hunk] | None:
    """Read it with patch-ng."""
    from patch_ng import fromstring

    found = fromstring(text.encode())
    if not found or found.errors or len(found.items) != 1:
        return None
    made = []
    for number, hunk in enumerate(found.items[0].hunks, 1):
        lines: list[tuple[str, str]] = []
        for data in hunk.text:
            line = data.decode()
            if line.startswith("\\"):
                lines[-1] = lines[-1][0], lines[-1][1].rstrip("\r\n")
            else:
                lines.append((line[0] if line[0] in "+- " else " ", line[line[0] in "+- " :]))
        made.append(Hunk(number, hunk.startsrc, tuple(lines)))
    return made


# Each takes the lines of a sound diff and chance.
Damage = Callable[[list[str], random.Random], str]


def _at_heads(lines: list[str], write: Callable[[str], str]) -> str:
    return "\n".join(write(line) if line.startswith("@@") else line for line in lines)


def _miscounted(lines: list[str], chance: random.Random) -> str:
    def wrong(head: str) -> str:
        old, new = head.split()[1:3]
        start, _, count = old[1:].partition(",")
        told = max(0, int(count or 1) + chance.choice([-2, -1, 1, 2, 5]))
        return f"@@ -{start},{told} {new} @@"

    return _at_heads(lines, wrong)


def _one(lines: list[str], chance: random.Random, which: Callable[[int, str], bool]) -> int | None:
    body = lines.index(next(line for line in lines if line.startswith("@@"))) + 1
    found = [n for n, line in enumerate(lines) if n >= body and which(n, line)]
    return chance.choice(found) if found else None


def _no_space(lines: list[str], chance: random.Random) -> str:
    n = _one(lines, chance, lambda _, line: line.startswith(" ") and bool(line.strip()))
    return "\n".join(line[1:] if i == n else line for i, line in enumerate(lines))


def _lost(lines: list[str], chance: random.Random) -> str:
    n = _one(lines, chance, lambda _, line: line.startswith(" "))
    return "\n".join(line for i, line in enumerate(lines) if i != n)


def _doubled(lines: list[str], chance: random.Random) -> str:
    n = _one(lines, chance, lambda _, line: line.startswith("+"))
    return "\n".join(f"{line}\n{line}" if i == n else line for i, line in enumerate(lines))


def _cut(lines: list[str], chance: random.Random) -> str:
    return "\n".join(lines[: chance.randint(3, len(lines))])


def _noise(lines: list[str], chance: random.Random) -> str:
    text = "\n".join(lines)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(text))
        text = text[:at] + chance.choice("+- @\n\\\r\t`x0") + text[at + chance.randint(0, 1) :]
    return text


# What a model does, and whether the text that was meant can still be known.
DAMAGE: dict[str, tuple[bool, Damage]] = {
    "sound": (True, lambda lines, _: "\n".join(lines) + "\n"),
    "no line end at its end": (True, lambda lines, _: "\n".join(lines)),
    "wrong counts": (True, _miscounted),
    "wrong line numbers": (True, lambda lines, c: _at_heads(lines, lambda h: h.replace("-", f"-{c.randint(1, 9)}", 1))),
    "`@@` alone": (True, lambda lines, _: _at_heads(lines, lambda _: "@@")),
    "`@@ … @@`": (True, lambda lines, _: _at_heads(lines, lambda _: "@@ ... @@")),
    "empty lines without their space": (True, lambda lines, _: "\n".join("" if line == " " else line for line in lines)),
    "the last too, without an end": (True, lambda lines, _: "\n".join("" if line == " " else line for line in lines).rstrip("\n")),
    "fenced, with prose": (True, lambda lines, _: "Here it is:\n\n```diff\n" + "\n".join(lines) + "\n```\n\nI hope it helps.\n"),
    "prose around": (True, lambda lines, _: "Here it is:\n\n" + "\n".join(lines) + "\n\nI hope it helps.\n"),
    "a git head, no names": (True, lambda lines, _: "diff --git a/f b/f\nindex 1..2 100644\n" + "\n".join(lines[2:])),
    "crlf": (True, lambda lines, _: "\r\n".join(lines) + "\r\n"),
    "git's signature": (True, lambda lines, _: "\n".join(lines) + "\n-- \n2.39.5\n"),
    "a line lost its space": (False, _no_space),
    "a context line lost": (False, _lost),
    "an added line twice": (False, _doubled),
    "cut off": (False, _cut),
    "noise": (False, _noise),
}  # fmt: skip


WORDS = ["", "", "x = 1", "    return x", "}", "-- note", "++ more", "@@ at", "def f():", "\tpass", "\\ odd", "é\x0cü"]  # fmt: skip


def sample(chance: random.Random) -> tuple[str, str, list[str]]:
    """Make up a text, another, and the diff between them."""
    while True:
        lines = [f"{chance.choice(WORDS)}{n if chance.random() < 0.7 else ''}" for n in range(chance.randint(4, 40))]  # fmt: skip
        after = list(lines)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(after))
            after[at : at + chance.randint(0, 2)] = [f"{chance.choice(WORDS)}n{chance.randrange(99)}" for _ in range(chance.randint(0, 2))]  # fmt: skip
            if not after:
                break
        diff = list(difflib.unified_diff(lines, after, "a/f", "b/f", lineterm=""))
        if diff and after:
            return "\n".join(lines) + "\n", "\n".join(after) + "\n", diff


def outcome(parser: Parser, text: str, before: str, after: str) -> str:
    """Say what came of a diff."""
    try:
        found = parser(text)
    except Exception as error:  # noqa: BLE001  a parser may raise anything, and it is counted
        return f"raised {type(error).__name__}"
    if not found:
        return "refused"
    done = hunks.patch(before, found)
    if done.problems:
        return "not placed"
    return "right" if done.text == after else "wrong"


def main(count: int = 3000, seed: int = 0) -> None:
    """Print a table: for each damage and parser what came of the diffs."""
    logging.disable()
    parsers: list[Parser] = [ours]
    for parser, module in ((unidiff, "unidiff"), (whatthepatch, "whatthepatch"), (patch_ng, "patch_ng")):  # fmt: skip
        try:
            __import__(module)
        except ImportError:
            continue
        parsers.append(parser)
    chance = random.Random(seed)
    samples = [sample(chance) for _ in range(count // len(DAMAGE))]
    total: dict[str, Counter[str]] = {p.__name__: Counter() for p in parsers}
    for name, (is_meant, damage) in DAMAGE.items():
        state = chance.getrandbits(32)
        for parser in parsers:
            again = random.Random(state)
            told = Counter(
                outcome(parser, damage(list(diff), again), before, after)
                for before, after, diff in samples
            )
            kind = "can be known" if is_meant else "cannot"
            for what, n in told.items():
                total[parser.__name__][f"{kind}: {what}"] += n
            print(f"{name:32} {parser.__name__:13}", ", ".join(f"{w} {n}" for w, n in told.most_common()))  # fmt: skip
    for name, told in total.items():
        print(name, dict(sorted(told.items())))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
