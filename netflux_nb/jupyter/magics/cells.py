"""Cells as Functions: the code below `%%agent` and `%%function`, parsed without running it."""

from __future__ import annotations

import ast
import difflib
import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ... import func_lib
from ...core.errors import FunctionError, PromptError, UsageError, listed
from ...core.functions import prompts
from ...core.functions.define import agent, function
from ...core.functions.kinds import AgentFunction, CodeFunction, Function
from ...core.text.legible import blanked

# Below `%%agent`: the line that parts the system prompt from the user's turn.
PART = "---"
_QUOTES = ('"""', "'''")
_OPTION = re.compile(r"(?:^|\s)(--?[A-Za-z])")
_CARET_CHARS = 100


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell as it was written, so that a mistake is told by its line.

    `above` counts the lines before the magic's own.
    """

    magic: str
    line: str
    body: str
    above: int = 0

    def wrong(
        self,
        error: UsageError | str,
        row: int,
        column: int | None = None,
        kind: type = FunctionError,
    ) -> UsageError:
        """Give an error that names a line of the cell, and shows it with a caret.

        Row 0 is the magic's own line, and row 1 the first below it.
        """
        made: UsageError = kind(f"Line {self.above + row + 1}: {error}")
        lines = [f"%%{self.magic} {self.line}", *self.body.splitlines()]
        text = lines[row] if row < len(lines) else ""
        if column is not None:
            # A long line is shown around the place.
            start = max(0, column - _CARET_CHARS // 2) if len(text) > _CARET_CHARS else 0
            # What has no sign of its own would move the caret, or the terminal.
            shown = blanked(text[start : start + _CARET_CHARS])
            made = kind(f"{made}\n  {shown}\n  {' ' * (column - start)}^")
        return made

    def place(self, word: str) -> int | None:
        """Say where an option's word stands in the magic's own line."""
        behind = len(self.line) - len(head_of(self.line)[1])
        found = re.compile(rf"(?<![\w.-]){re.escape(word)}(?!\w)").search(self.line, behind)
        return None if found is None else found.start() + self.indent

    @property
    def indent(self) -> int:
        """How far the line's own words stand from its beginning."""
        return len(self.magic) + 3


@dataclass(frozen=True, slots=True, kw_only=True)
class CellOptions:
    """What the options of a cell say."""

    uses: Sequence[str] = ()
    model: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    max_steps: int = 200
    is_recursive: bool = False
    needs_approval: bool = False
    effect: str | None = None
    is_idempotent: bool = False
    # Its contract with the state.
    reads: Sequence[str] = ()
    writes: Sequence[str] = ()
    raises: Sequence[str] | None = None


def head_of(line: str) -> tuple[str, str]:
    """Split a line into the signature and the options behind it.

    Example:
        >>> head_of('one(a: str = "--x") -> str --uses two')
        ('one(a: str = "--x") -> str', '--uses two')
    """
    for found in _OPTION.finditer(line):
        if is_outside(line[: found.start(1)]):
            return line[: found.start(1)].strip(), line[found.start(1) :].strip()
    return line.strip(), ""


def is_outside(text: str) -> bool:
    """Say whether a text leaves no bracket and no quote open."""
    depth, quote = 0, ""
    for before, char in zip(" " + text, text, strict=False):
        if quote:
            quote = "" if char == quote and before != "\\" else quote
        elif char in "\"'":
            quote = char
        else:
            depth += (char in "([{") - (char in ")]}")
    return depth <= 0 and not quote


def words_of(said: Iterable[str]) -> list[str]:
    """Read names that commas or spaces part."""
    return [word for one in said for word in one.replace(",", " ").split()]


def named(path: str, names: Mapping[str, Any]) -> Any:
    """Look a dotted name up, without running anything; None where there is nothing."""
    first, *rest = path.split(".")
    found = names.get(first)
    for name in rest:
        found = inspect.getattr_static(found, name, None)
    return found


def near(word: str, known: Iterable[str]) -> str:
    """Say which known words are like this one, as the end of a sentence."""
    close = difflib.get_close_matches(word, list(known), 3, 0.6)
    return f" Did you mean {listed(close)}?" if close else ""


def agent_of(cell: Cell, options: CellOptions, names: Mapping[str, Any]) -> AgentFunction:
    """Make the agent that a `%%agent` cell defines; types and uses are looked up in `names`."""
    signature, _ = head_of(cell.line)
    if not signature:
        raise cell.wrong(
            "`%%agent` wants a signature, such as `summarise(text: str) -> str`.", 0, cell.indent
        )
    parts = _parts(cell)
    types = {name: value for name, value in names.items() if not name.startswith("__")}
    shell = _shaped(cell, signature, parts.doc, types)
    _check_prompt(cell, parts, shell)
    uses = used(cell, shell.name, options, names)
    try:
        made = agent(
            signature,
            parts.prompt,
            system=parts.system,
            desc=parts.doc,
            uses=uses,
            uses_recursion=options.is_recursive,
            model=options.model,
            settings=options.settings,
            max_steps=options.max_steps,
            needs_approval=options.needs_approval,
            types=types,
            reads=options.reads,
            writes=options.writes,
            raises=options.raises,
        )
    except UsageError as error:
        raise cell.wrong(error, 0) from None
    made.home = str(names.get("__name__", "__main__"))
    return made


def _shaped(cell: Cell, signature: str, doc: str, types: Mapping[str, Any]) -> AgentFunction:
    """Read the signature alone, so that what is wrong with it is shown in it."""
    try:
        return agent(signature, "", desc=doc, types=types)
    except UsageError as error:
        column = error.column
        if column is not None:
            before = signature.encode()[:column].decode(errors="ignore")
            column = cell.indent + cell.line.index(signature) + len(before)
        raise cell.wrong(error, 0, column, type(error)) from None


@dataclass(frozen=True, slots=True)
class _Parts:
    """The parts of an agent's body, and the rows of the cell at which its prompts begin."""

    doc: str
    system: str
    prompt: str
    prompt_row: int


def _parts(cell: Cell) -> _Parts:
    lines = cell.body.splitlines()
    doc, start = _description(cell, lines)
    split = next((i for i in range(start, len(lines)) if lines[i].strip() == PART), None)
    system = "" if split is None else "\n".join(lines[start:split]).strip()
    first = start if split is None else split + 1
    while first < len(lines) and not lines[first].strip():
        first += 1
    prompt = "\n".join(lines[first:]).rstrip()
    if not prompt:
        raise cell.wrong("There is no prompt. Write what the agent is to do.", max(len(lines), 1))
    return _Parts(doc, system, prompt, first + 1)


def _description(cell: Cell, lines: list[str]) -> tuple[str, int]:
    """Give the description at the top of a body, and the first line behind it."""
    start = next((i for i, line in enumerate(lines) if line.strip()), 0)
    opening = lines[start].strip()[:3] if lines else ""
    if opening not in _QUOTES:
        return "", 0
    text = "\n".join(lines[start:]).lstrip()[3:]
    end = text.find(opening)
    if end < 0:
        raise cell.wrong(f"The description has no closing {opening}.", start + 1, 0)
    last = start + text[:end].count("\n")
    if text[end + 3 :].split("\n", 1)[0].strip():
        raise cell.wrong("The prompt begins on a line below the description.", last + 1)
    return inspect.cleandoc(text[:end]), last + 1


def _check_prompt(cell: Cell, parts: _Parts, shape: Function) -> None:
    args = [arg.name for arg in shape.args]
    found = prompts.unknown(parts.prompt, args)
    if found is None:
        return
    name, place = found
    row = parts.prompt_row + parts.prompt.count("\n", 0, place)
    column = place - (parts.prompt.rfind("\n", 0, place) + 1)
    raise cell.wrong(
        f"{{{name}}} is no argument. {shape.name}() takes: {listed(args) or 'none'}.{near(name, args)} "
        f"`{{{{{name}}}` stands for plain braces.",
        row,
        column,
        PromptError,
    )


def used(cell: Cell, name: str, options: CellOptions, names: Mapping[str, Any]) -> list[Function]:
    """Look up what a cell's Function may call. What is unknown, or a circle, is refused."""
    functions = []
    for word in options.uses:
        if word == name:
            if options.is_recursive:
                continue  # it is put there when the Function is made
            raise cell.wrong(
                f"{name}() uses itself. If that is meant, write `--recursive`.", 0, cell.place(word)
            )
        value = named(word, names)
        if not isinstance(value, Function):
            raise cell.wrong(_no_function(word, value, names), 0, cell.place(word))
        circle = None if options.is_recursive else _circle(value, name, names)
        if circle:
            raise cell.wrong(
                f"Circular uses: {' -> '.join([name, *circle])}. If that is meant, write "
                f"`--recursive`.",
                0,
                cell.place(word),
            )
        functions.append(value)
    return functions


def _no_function(word: str, value: Any, names: Mapping[str, Any]) -> str:
    if callable(value):
        return f"{word[:80]!r} is no Function. Put `@function` above its `def`."
    if value is not None:
        return f"{word[:80]!r} is a {type(value).__name__}, no Function."
    known = [n for n, one in names.items() if isinstance(one, Function) and n[:1] != "_"]
    if word in func_lib.__all__:
        return f"{word!r} is built in: `from netflux_nb.func_lib import {word}` first."
    here = listed(known) if known else "none"
    return f"There is no Function {word[:80]!r}.{near(word, known)} Defined here: {here}."


def _circle(start: Function, name: str, names: Mapping[str, Any]) -> list[str]:
    """Find a way from a Function back to a name, as names now stand; nothing where none is."""
    ahead: list[tuple[Function, list[str]]] = [(start, [])]
    seen: set[str] = set()
    while ahead:
        fn, way = ahead.pop()
        way = [*way, fn.name]
        if fn.name == name:
            return way
        if fn.name in seen:
            continue
        seen.add(fn.name)
        now = names.get(fn.name)
        fn = now if isinstance(now, Function) else fn
        if not fn.uses_recursion:
            ahead += [(one, way) for one in fn.uses]
    return []


def code_of(
    cell: Cell, options: CellOptions, names: Mapping[str, Any], run: Callable[[str, str], Any]
) -> CodeFunction:
    """Make the Function that a `%%function` cell defines.

    Args:
        cell: The cell.
        options: Its options.
        names: The names of the notebook.
        run: Runs the cell's text, whose lines are the cell's own, and gives what a name means
            then.
    """
    __tracebackhide__ = True
    head = _definition(cell)
    uses = used(cell, head.name, options, names)
    _check_hints(cell, head)
    plain = _defined(cell, head.name, run)
    try:
        return function(
            uses=uses,
            uses_recursion=options.is_recursive,
            effect=options.effect,
            idempotent=options.is_idempotent,
            needs_approval=options.needs_approval,
            reads=options.reads,
            writes=options.writes,
            raises=options.raises,
        )(plain)
    except UsageError as error:
        row, column = _place_in(head, str(error))
        raise cell.wrong(error, row, column, type(error)) from None


def _defined(cell: Cell, name: str, run: Callable[[str, str], Any]) -> Any:
    """Run the `def`. What is wrong in its own lines is told; what they call keeps its frames."""
    __tracebackhide__ = True
    above = cell.above + 1
    try:
        return run("\n" * above + cell.body, name)
    except SyntaxError as error:
        row, column = (error.lineno or above + 1) - above, (error.offset or 1) - 1
        raise cell.wrong(f"{error.msg}.", max(row, 1), column) from None
    except Exception as error:  # whatever its defaults and types raise
        walked = error.__traceback__
        while walked is not None and walked.tb_next is not None:
            walked = walked.tb_next
        if walked is None or walked.tb_frame.f_code.co_name != "<module>":
            raise
        row = max(walked.tb_lineno - above, 1)
        raise cell.wrong(f"{type(error).__name__}: {str(error)[:200]}.", row) from None


def _definition(cell: Cell) -> ast.FunctionDef | ast.AsyncFunctionDef:
    try:
        tree = ast.parse(cell.body).body
    except (SyntaxError, ValueError) as error:
        row, place = getattr(error, "lineno", None) or 1, getattr(error, "offset", None) or 1
        raise cell.wrong(f"{getattr(error, 'msg', error)}.", row, place - 1) from None
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    other = next((one for one in tree if not isinstance(one, kinds)), None)
    if other is not None or len(tree) > 1:
        extra = other or tree[1]
        raise cell.wrong(
            "A `%%function` cell holds one `def` and nothing else.", extra.lineno, extra.col_offset
        )
    if not tree:
        raise cell.wrong("`%%function` wants a `def` below it.", 0)
    head = tree[0]
    assert isinstance(head, kinds)
    if head.decorator_list:
        first = head.decorator_list[0]
        raise cell.wrong(
            "`%%function` takes a plain `def`. Decorated, write it in a cell without the magic.",
            first.lineno,
            first.col_offset - 1,
        )
    return head


def _check_hints(cell: Cell, head: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    """Refuse what has no type before anything runs."""
    spec = head.args
    for number, param in enumerate([*spec.posonlyargs, *spec.args, *spec.kwonlyargs]):
        is_context = number == 0 and param.arg == "ctx"
        if param.annotation is None and not is_context:
            raise cell.wrong(
                f"Parameter '{param.arg}' needs a type a model can be told, such as "
                f"`{param.arg}: str`.",
                param.lineno,
                param.col_offset,
            )


def _place_in(head: ast.FunctionDef | ast.AsyncFunctionDef, message: str) -> tuple[int, int | None]:
    """Find the parameter that an error speaks of."""
    spec = head.args
    named = set(re.findall(r"'(\w+)'", message))
    loose = [one for one in (spec.vararg, spec.kwarg) if one is not None]
    params = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs]
    found = next((p for p in [*params, *loose] if p.arg in named), None)
    return (head.lineno, None) if found is None else (found.lineno, found.col_offset)
