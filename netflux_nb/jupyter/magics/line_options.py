"""The line of a magic or a verb, parsed: its words, options and `name=expression` arguments."""

from __future__ import annotations

import argparse
import ast
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from ...core.errors import ArgumentError, UsageError
from ...providers import settings as model_settings
from . import cells
from .cells import Cell, CellOptions, is_outside, near

SHOWS = ("auto", "widget", "html", "text", "none")
# `name=`, but neither `==` nor the end of `<=`: where the next argument of a line begins.
_ARGUMENT = re.compile(r"(?:^|(?<=\s))([A-Za-z_]\w*)=(?!=)")
_KEPT = re.compile(r"^(.*?)\s*>>\s*([A-Za-z_]\w*)\s*$", re.DOTALL)
WORD_CHARS = 80
_SAID_CHARS = 400


# Options.


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
            return WordError(f"{word[:WORD_CHARS]!r} is one word too many.", word)
        known = [flag for flag in self._option_string_actions if flag not in ("-h", "--help")]
        flags = sorted(one for one in known if one.startswith("--") or len(one) == 2)
        there = f" There is: {', '.join(flags)}." if flags else " It takes none."
        return WordError(
            f"There is no option {word[:WORD_CHARS]!r}.{near(word, flags) or there}", word
        )

    # What argparse calls where it finds a fault in one option.

    def _match_argument(self, action: argparse.Action, arg_strings_pattern: str) -> int:
        with _fault(action, "wants a value behind it."):
            return super()._match_argument(action, arg_strings_pattern)

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        kind = "whole number" if action.type is int else "number"
        with _fault(action, f"is a {kind}; got {arg_string[:WORD_CHARS]!r}."):
            return super()._get_value(action, arg_string)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        choices = ", ".join(map(str, action.choices or ()))
        with _fault(action, f"is one of {choices}; got {str(value)[:WORD_CHARS]!r}."):
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


def cell_options(magic: Any, written: Cell) -> CellOptions:
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
    options = parsed(magic, [*words, *split(rest, written)], written)
    given = _pairs(written, getattr(options, "set", []))
    if getattr(options, "effort", None):
        given["effort"] = options.effort
    try:
        model_settings.checked(given, "A model")
    except UsageError as error:
        raise written.wrong(error, 0) from None
    return CellOptions(
        uses=cells.words_of(options.uses),
        model=getattr(options, "model", None),
        settings=given,
        max_steps=getattr(options, "max_steps", 200),
        is_recursive=options.recursive,
        needs_approval=options.approve,
        effect=getattr(options, "effect", None),
        is_idempotent=getattr(options, "idempotent", False),
        reads=cells.words_of(options.reads),
        writes=cells.words_of(options.writes),
        raises=None if options.raises is None else cells.words_of(options.raises),
    )


def _pairs(written: Cell, words: Sequence[str]) -> dict[str, Any]:
    pairs: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name:
            raise written.wrong(
                f"{word[:WORD_CHARS]!r} is no setting. Write `--set name=value`.",
                0,
                written.place(word),
            )
        try:
            pairs[name] = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            pairs[name] = text
    return pairs


# Words and arguments.


def expressions(text: str) -> dict[str, str]:
    """Split `a=1 b=f(x, y)` into names and Python expressions.

    Example:
        >>> expressions('text=notes["a b"] n=len(x) + 1')
        {'text': 'notes["a b"]', 'n': 'len(x) + 1'}
    """
    starts = [m for m in _ARGUMENT.finditer(text) if is_outside(text[: m.start()])]
    before = text[: starts[0].start()].strip() if starts else text.strip()
    if before:
        raise ArgumentError(
            f"{before[:WORD_CHARS]!r} has no name. Write arguments as `name=value`."
        )
    found: dict[str, str] = {}
    ends = [m.start() for m in starts[1:]] + [len(text)] * bool(starts)
    for start, end in zip(starts, ends, strict=True):
        name, words = start[1], text[start.end() : end].strip()
        if name in found:
            raise ArgumentError(f"The argument {name!r} is given twice.")
        found[name] = _expression(name, words)
    return found


def arguments_in(text: str) -> tuple[str, str]:
    """Split a line into its words and the `name=expression` behind them.

    Example:
        >>> arguments_in('a/b[2] --model gemini text="x y"')
        ('a/b[2] --model gemini', 'text="x y"')
    """
    starts = (m.start() for m in _ARGUMENT.finditer(text) if is_outside(text[: m.start()]))
    place = next(starts, len(text))
    return text[:place].strip(), text[place:].strip()


def _expression(name: str, words: str) -> str:
    try:
        ast.parse(words, mode="eval")
    except (SyntaxError, ValueError) as error:
        why = getattr(error, "msg", error)
        raise ArgumentError(
            f"`{name}={words[:WORD_CHARS]}` is no Python expression: {why}. A text stands in quotes."
        ) from None
    return words


def values(text: str, evaluate: Callable[[str], Any]) -> dict[str, Any]:
    """Give the arguments of a line, their expressions evaluated."""
    __tracebackhide__ = True
    found = {}
    for name, words in expressions(text).items():
        found[name] = evaluated(words, evaluate)
    return found


# How IPython calls what is no line of a file.
_TYPED = "<string>"


def evaluated(words: str, evaluate: Callable[[str], Any]) -> Any:
    """Give what a person's expression gives. Its own mistake is shown in a line or two.

    What fails deeper, in code of theirs, keeps its frames.
    """
    __tracebackhide__ = True
    try:
        return evaluate(words)
    except Exception as error:  # whatever an expression raises is its writer's
        walked = error.__traceback__
        while walked is not None and walked.tb_next is not None:
            walked = walked.tb_next
        if walked is not None and walked.tb_frame.f_code.co_filename == _TYPED:
            said = [
                f"{type(error).__name__}: {error}"[:_SAID_CHARS],
                f"  in `{words[:WORD_CHARS]}`",
            ]
            error._render_traceback_ = lambda: said  # type: ignore[attr-defined]
        raise


def first_word(text: str) -> tuple[str, str]:
    """Split a line behind its first word."""
    word, *rest = text.split(None, 1)[:2] or [""]
    return word, rest[0] if rest else ""


def kept_as(text: str) -> tuple[str, str]:
    """Split `… >> name` into what stands before it, and the name.

    Example:
        >>> kept_as("SELECT 1 >> ones")
        ('SELECT 1', 'ones')
    """
    found = _KEPT.match(text)
    return (text.strip(), "") if found is None else (found[1].strip(), found[2])
