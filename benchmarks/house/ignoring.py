"""What is left out by `.gitignore`: git itself, `search_files`, `pathspec` and `rg`, side by side.

`python -m benchmarks.house.ignoring [trees] [seed]` wants git; pathspec and rg where they are there.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path

from netflux_nb.func_lib._search.worker import ignored, rules_in

NAMES = ["a", "b", "ab", "abb", "a.b", "x", "A", "1", "-", "^", "!a", "#a", "a ", " a", "a]", "]", "[ax", "a\\", "\\", "a*", "é", "a\r", "a\t"]  # fmt: skip
FOLDERS = ["a", "b", "a/b", "a/b/a", "b/a", "x", "x/ab", "a.b", "a.b/x"]
PARTS = ["a", "b", "ab", "x", ".", "*", "**", "***", "?", "/", "/", "[ab]", "[!a]", "[^a]", "[a-c]", "[]a]", "[[:alpha:]]", "[[:digit:]b]", "[\\]]", "[a\\-c]", "[.-b]", "[/a]", "[z-a]", "[z-ab]", "[", "]", "\\", "\\a", "\\ ", "\\\\", " ", "!", "#", "é", "-", "^", "\t"]  # fmt: skip
# One rule each, so that what an engine gets wrong has a name.
ALONE = [
    "a", "/a", "a/", "/a/", "a/b", "a/b/", "*", "/*", "*/", "**", "/**", "**/", "**/a", "**/a/b",
    "a/**", "a/**/", "a/**/a", "a/**/**/a", "***", "***/a", "a/***", "a**", "a**/b", "**a", "**b/a",
    "*b", "a*", "?", "a?b", "a/?", "a/*/a", "*/a", "*.b", "a.?", "[ab]", "[!a]", "[^a]", "[a-c]",
    "[]a]", "[!]a]", "[ax", "[[]ax", "a]", "[[:alpha:]]", "[[:digit:]]", "[[:digit:]b]", "[![:alpha:]]",
    "[[:none:]]", "[\\]]", "[\\a]", "[a\\-c]", "[a-]", "[-a]", "[z-a]", "[z-ab]", "[.-b]", "a[/]b",
    "a[!x]b", "a[.-0]b", "\\a", "a\\", "\\\\", "a\\\\", "\\", "\\#a", "#a", "\\!a", "!a", "!", "!!a",
    "a ", "a  ", "a\\ ", "a\\  ", "a\\\\ ", " a", "\\ a", "a\t", "a\r", "a\r\r", "\ufeffa", "é", "?\u0301", "[é]",
    "//", "//a", "a//", "a//b", "./a", "a/.", "../a", "\\*", "a\\*", "*\\", "/", "", " ", "\\/a", "a\\/b",
    "*\n!a", "*\n!*/", "*\n!*/\n!b", "a/\n!a/b", "a/*\n!a/b", "/*\n!/a\n/a/*\n!/a/b", "!a\na", "a\n!a\na",
]  # fmt: skip

# Lines on which pathspec raises an exception.
raised: set[str] = set()

Engine = Callable[[Path, list[str]], set[str]]


def git(root: Path, paths: list[str]) -> set[str]:
    """Ask git about each path, of the tree alone."""
    argv = ["git", "-c", "core.excludesFile=", "-C", str(root), "check-ignore", "--no-index", "--stdin", "-z"]  # fmt: skip
    told = subprocess.run(argv, input="\0".join(paths).encode(), capture_output=True)
    assert told.returncode in (0, 1), told.stderr
    return set(filter(None, os.fsdecode(told.stdout).split("\0")))


def ours(root: Path, paths: list[str]) -> set[str]:
    """Ask the rules of `search_files`."""

    def rules(base: str) -> list:
        here = os.open(root / base, os.O_RDONLY)
        try:
            return rules_in(here, base)
        finally:
            os.close(here)

    return _down(root, paths, rules, lambda known, path, is_dir: ignored([*chain(*known)], path, is_dir))  # fmt: skip


def pathspec(root: Path, paths: list[str]) -> set[str]:
    """Ask `pathspec`, a spec for each `.gitignore`, the deepest first."""
    from pathspec import GitIgnoreSpec

    def rules(base: str) -> list:
        file = root / base / ".gitignore"
        if not file.is_file():
            return []
        lines = file.read_bytes().decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
        kept = []
        for line in lines:
            try:
                kept += GitIgnoreSpec.from_lines([line]).patterns
            except (
                ValueError,
                re.error,
            ) as error:  # one such line would take the file's others along
                raised.add(f"{line!r}: {type(error).__name__}")
        return [(base, GitIgnoreSpec(kept))]

    def says(known: list[list], path: str, is_dir: bool) -> bool:
        for base, spec in reversed([*chain(*known)]):
            told = spec.check_file(path.removeprefix(base) + "/" * is_dir).include
            if told is not None:
                return told
        return False

    return _down(root, paths, rules, says)


def rg(root: Path, paths: list[str]) -> set[str]:
    """Ask ripgrep for the files that it keeps. A folder it says nothing of."""
    argv = ["rg", "--files", "--hidden", "-0", "--no-require-git", "--no-ignore-global", "--no-ignore-exclude", "--no-ignore-parent", "--no-ignore-dot"]  # fmt: skip
    told = subprocess.run([*argv, "./"], cwd=root, capture_output=True)
    kept = {os.fsdecode(name).removeprefix("./") for name in told.stdout.split(b"\0")}
    return {p for p in paths if p not in kept and not (root / p).is_dir()}


def _down(root: Path, paths: Iterable[str], rules: Callable, says: Callable) -> set[str]:
    """Go down as a walk does: what is left out takes all below it along."""
    known = {"": rules("")}
    out: set[str] = set()
    for path in sorted(paths, key=lambda p: p.count("/")):
        parent = path.rpartition("/")[0]
        is_dir = (root / path).is_dir()
        above = ["", *(f"{'/'.join(parent.split('/')[: n + 1])}/" for n in range(len(parent.split("/"))) if parent)]  # fmt: skip
        if parent in out or says([known.get(base, []) for base in above], path, is_dir):
            out.add(path)
        elif is_dir:
            known[f"{path}/"] = rules(f"{path}/")
    return out


def tree(root: Path) -> list[str]:
    """Make the folders and files that rules are about."""
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
    for folder in ["", *(f"{f}/" for f in FOLDERS)]:
        for name in NAMES:
            if not (root / folder / name).exists():
                (root / folder / name).write_text("x")
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    found = (p for p in root.rglob("*") if ".git" not in p.relative_to(root).parts)
    return sorted(str(p.relative_to(root)) for p in found)


def some_rules(chance: random.Random) -> str:
    """Make up a `.gitignore`."""
    lines = ("".join(chance.choices(PARTS, k=chance.randint(1, 4))) for _ in range(chance.randint(1, 4)))  # fmt: skip
    return "\n".join("!" * (chance.random() < 0.2) + line for line in lines)


def main(trees: int = 1000, seed: int = 0) -> None:
    """Print what each engine gets wrong alone, and how many made-up trees it gets right."""
    engines: list[Engine] = [ours]
    try:
        import pathspec as _

        engines.append(pathspec)
    except ImportError:
        print("pathspec is not there")
    engines += [rg] if shutil.which("rg") else []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        paths = tree(root)
        for engine in engines:
            wrong = []
            for rule in ALONE:
                (root / ".gitignore").write_bytes(rule.encode() + b"\n")
                told, truth = engine(root, paths), git(root, paths)
                if engine is rg:
                    truth = {p for p in truth if not (root / p).is_dir()}
                if told != truth:
                    wrong.append(f"{rule!r} (+{len(told - truth)} -{len(truth - told)})")
            print(f"{engine.__name__}: {len(wrong)} of {len(ALONE)} rules differ: {', '.join(wrong)}")  # fmt: skip
        print("pathspec raises on", len(raised), sorted(raised))
        right = dict.fromkeys(engines, 0)
        chance = random.Random(seed)
        for _ in range(trees):
            for base in ("", "a", "a/b"):
                (root / base / ".gitignore").write_bytes(some_rules(chance).encode())
            truth = git(root, paths)
            for engine in engines:
                files = {p for p in truth if not (root / p).is_dir()} if engine is rg else truth
                right[engine] += engine(root, paths) == files
        print(", ".join(f"{e.__name__}: {n} of {trees} trees as git" for e, n in right.items()))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
