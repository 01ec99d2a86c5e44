"""The option parser of the magics, and its error messages."""

from __future__ import annotations

import argparse
import ast
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from ...core.errors import UsageError
from ...providers import settings as model_settings
from . import cells
from .cells import Cell, Told, near

SHOWS = ("auto", "widget", "html", "text", "none")
_CHARS = 80


class WordError(UsageError):
    """A word of a line that its parser does not take."""

    def __init__(self, message: str, word: str = "") -> None:
        super().__init__(message)
        self.word = word


class LineParser(argparse.ArgumentParser):
    """The options of a magic or a verb. What is wrong with a word is a `WordError`."""

    def read(self, words: Sequence[str], *, mixed: bool = False) -> argparse.Namespace:
        """Read the words of a line; `mixed` where options may stand between the others."""
        parse = self.parse_known_intermixed_args if mixed else self.parse_known_args
        found, rest = parse(list(words))
        if rest:
            raise self._unknown(rest)
        return found

    def leading(self, line: str) -> tuple[argparse.Namespace, str]:
        """Take the options off the beginning of a line; what follows stays as it is."""
        words: list[str] = []
        rest = line.strip()
        while rest.startswith("-"):
            word, _, rest = rest.partition(" ")
            words.append(word)
            action = self._option_string_actions.get(word)
            if action is not None and action.nargs is None:
                word, _, rest = rest.strip().partition(" ")
                words += [word] if word else []
            rest = rest.strip()
        return self.read(words), rest

    def error(self, message: str) -> NoReturn:
        """Raise what argparse has no class of its own for."""
        raise WordError(f"{message[:200]}.")

    def _unknown(self, words: Sequence[str]) -> WordError:
        word = next((one for one in words if one.startswith("-")), words[0]).partition("=")[0]
        if not word.startswith("-"):
            return WordError(f"{word[:_CHARS]!r} is one word too many.", word)
        known = [flag for flag in self._option_string_actions if flag not in ("-h", "--help")]
        flags = sorted(one for one in known if one.startswith("--") or len(one) == 2)
        there = f" There is: {', '.join(flags)}." if flags else " It takes none."
        return WordError(f"There is no option {word[:_CHARS]!r}.{near(word, flags) or there}", word)

    # What argparse calls where it finds a fault in one option.

    def _match_argument(self, action: argparse.Action, arg_strings_pattern: str) -> int:
        with _fault(action, "wants a value behind it."):
            return super()._match_argument(action, arg_strings_pattern)

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        kind = "whole number" if action.type is int else "number"
        with _fault(action, f"is a {kind}; got {arg_string[:_CHARS]!r}."):
            return super()._get_value(action, arg_string)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        choices = ", ".join(map(str, action.choices or ()))
        with _fault(action, f"is one of {choices}; got {str(value)[:_CHARS]!r}."):
            super()._check_value(action, value)


@contextmanager
def _fault(action: argparse.Action, why: str) -> Iterator[None]:
    try:
        yield
    except argparse.ArgumentError:
        name = next(iter(action.option_strings), action.dest)
        raise WordError(f"{name} {why}", name) from None


_INVOKE = LineParser("%invoke", add_help=False, allow_abbrev=False)
_INVOKE.add_argument("-b", action="store_true", dest="in_background")
_INVOKE.add_argument("--show", choices=SHOWS, default="")


def of_invoke(line: str) -> tuple[argparse.Namespace, str]:
    """Take the options off the beginning of a line of `%invoke`."""
    return _INVOKE.leading(line)


def parsed(magic: Any, words: Sequence[str], written: Cell) -> argparse.Namespace:
    """Read words by the options that a magic declares."""
    parser = LineParser(parents=[magic.parser], add_help=False)
    try:
        return parser.read(words)
    except WordError as error:
        place = written.place(error.word) if error.word else None
        raise written.wrong(error, 0, place) from None


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
