"""The options of a magic's line, read, and what is wrong with them said."""

from __future__ import annotations

import argparse
import ast
import re
import shlex
from collections.abc import Iterable, Sequence
from typing import Any

from IPython.core.error import UsageError as LineError

from ...core.errors import ArgumentError, UsageError
from ...providers import settings as model_settings
from . import cells
from .cells import Cell, Told, near

SHOWS = ("auto", "widget", "html", "text", "none")
_UNKNOWN = re.compile(r"unrecognized arguments: (.*)", re.DOTALL)
# What argparse says of an option, by what stands behind it.
_ABOUT = re.compile(r"argument (\S+): (.*)", re.DOTALL)
_NUMBER = re.compile(r"invalid int value: (.*)", re.DOTALL)
_CHOICE = re.compile(r"invalid choice: (.*) \(choose from (.*)\)", re.DOTALL)
_CHARS = 80


def unknown(message: str, known: Iterable[str]) -> tuple[str, str]:
    """Say what of a line is not understood, and which option may be meant; with the word itself.

    Nothing where a parser complains of something else.
    """
    found = _UNKNOWN.search(message)
    if found is None:
        return _said(message)
    words = found[1].split()
    word = next((one for one in words if one.startswith("-")), words[0] if words else "")
    word = word.partition("=")[0]
    flags = sorted(one for one in known if one.startswith("--") or len(one) == 2)
    if not word.startswith("-"):
        return f"{word[:_CHARS]!r} is one word too many.", word
    there = f" There is: {', '.join(flags)}." if flags else " It takes none."
    close = near(word, flags)
    return f"There is no option {word[:_CHARS]!r}.{close or there}", word


def _said(message: str) -> tuple[str, str]:
    """Say in our words what a parser complains of; with the option that it is about."""
    about = _ABOUT.fullmatch(message)
    if about is None:
        return "", ""
    name, why = about[1].partition("/")[0], about[2]
    number, choice = _NUMBER.fullmatch(why), _CHOICE.fullmatch(why)
    if why.startswith("expected"):
        return f"{name} wants a value behind it.", name
    if number is not None:
        return f"{name} is a whole number; got {number[1][:_CHARS]}.", name
    if choice is not None:
        return f"{name} is one of {choice[2].replace(chr(39), '')}; got {choice[1][:_CHARS]}.", name
    return "", ""


def flags_of(parser: argparse.ArgumentParser) -> list[str]:
    """List the options that a parser knows."""
    return [flag for flag in parser._option_string_actions if flag not in ("-h", "--help")]


def parsed(magic: Any, words: Sequence[str], written: Cell) -> argparse.Namespace:
    """Read words by a magic's own parser."""
    try:
        found: argparse.Namespace = magic.parser.parse_args(list(words))
    except LineError as error:
        said, word = unknown(str(error), flags_of(magic.parser))
        place = written.place(word) if word else None
        raise written.wrong(said or f"{str(error)[:200]}.", 0, place) from None
    return found


def split(text: str, written: Cell) -> list[str]:
    """Split a line into words, as a terminal does."""
    try:
        return shlex.split(text)
    except ValueError as error:
        raise written.wrong(f"{error}.", 0) from None


def told(magic: Any, written: Cell) -> Told:
    """Read the options behind a cell's signature."""
    signature, rest = cells.head_of(written.line)
    if magic.__name__ == "function":
        if signature:
            raise written.wrong(
                "`%%function` takes options only; the signature is that of the `def` below.",
                0,
                written.indent,
            )
        words = []
    elif not signature:
        raise written.wrong(
            "`%%agent` wants a signature, such as `summarise(text: str) -> str`.", 0
        )
    else:
        words = [signature]
    found = parsed(magic, [*words, *split(rest, written)], written)
    given = _pairs(written, getattr(found, "set", []))
    if getattr(found, "effort", None):
        given["effort"] = found.effort
    try:
        model_settings.checked(given, "A model")
    except UsageError as error:
        raise written.wrong(error, 0) from None
    return Told(
        uses=cells.words_of(found.uses),
        model=getattr(found, "model", None),
        settings=given,
        max_steps=getattr(found, "max_steps", 200),
        is_recursive=found.recursive,
        needs_approval=found.approve,
        effect=getattr(found, "effect", None),
        is_idempotent=getattr(found, "idempotent", False),
    )


def _pairs(written: Cell, words: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name:
            raise written.wrong(
                f"{word[:_CHARS]!r} is no setting. Write `--set name=value`.",
                0,
                written.place(word),
            )
        try:
            found[name] = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            found[name] = text
    return found


def of_invoke(line: str) -> tuple[dict[str, str], str]:
    """Take the options off the beginning of a line of `%invoke`."""
    found: dict[str, str] = {}
    rest = line.strip()
    while rest.startswith("-"):
        word, _, rest = rest.partition(" ")
        rest = rest.strip()
        word, equals, value = word.partition("=")
        if word == "--show":
            if not equals:
                value, _, rest = rest.partition(" ")
            if value not in SHOWS:
                raise ArgumentError(f"--show is one of {', '.join(SHOWS)}; got {value[:_CHARS]!r}.")
            found[word] = value
        elif word == "-b":
            found[word] = ""
        else:
            raise ArgumentError(
                f"%invoke has no option {word[:_CHARS]!r}.{near(word, ['--show'])} There is: -b, "
                f"--show."
            )
    return found, rest
