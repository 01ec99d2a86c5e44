"""The magics: each parses its line, makes one call of the Python API, and shows the result."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from IPython.core.magic import (
    Magics,
    line_cell_magic,
    line_magic,
    magics_class,
    no_var_expand,
)
from IPython.core.magic_arguments import argument, magic_arguments
from IPython.display import display

from ...core.errors import ArgumentError, UsageError
from ...core.functions.kinds import Function
from ...core.functions.versions import described
from ...core.messages import provider_name
from ...providers import KEYS
from ...run.listing import sql
from ...runtime.registry import is_known
from ...session import runtimes
from ...show import cards, changes
from ...show.parts.html import message
from ...show.parts.shown import Shown
from .. import origin
from ..config import settings
from . import cells, line_options, naming, verbs
from .cells import Cell
from .sql_names import frames_in, with_cell_line


@magics_class
class NetfluxMagics(Magics):
    """Functions and runs by magic. What each does is one call, which a script can make too."""

    # Never None here: magics live in a shell.
    shell: Any

    @no_var_expand
    @magic_arguments()
    @argument("signature", help='Such as `summarise(text: str, tone: str = "plain") -> str`.')
    @argument("--uses", "-u", nargs="+", default=[], help="Functions that it may call.")
    @argument("--model", "-m", help="`provider` or `provider:model`.")
    @argument("--effort", help="How hard to think: low, medium, high, xhigh or max.")
    @argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="Settings of its model.")
    @argument("--approve", action="store_true", help="Each call waits for a person's yes.")
    @argument("--max-steps", type=int, default=200, help="How often it may ask its model.")
    @argument("--recursive", action="store_true", help="It may call itself.")
    @argument("--reads", nargs="+", default=[], help="Paths of the state that it looks at.")
    @argument("--writes", nargs="+", default=[], help="Paths of the state that it changes.")
    @argument("--raises", nargs="+", default=None, help="Exceptions that it may fail with.")
    @line_cell_magic
    def agent(self, line: str, cell: str | None = None) -> None:
        """Define an agent: its signature here, its prompt below.

        A text in triple quotes at the top is its description, which other agents see. Above a
        line that is only `---` stands the system prompt. `{name}` of an argument is put in as
        it is; any other braces stay, and `{{` gives one where a name follows.

        Example::

            %%agent summarise(text: str, tone: str = "plain") -> str --uses word_count
            \"\"\"Summarise a text in three sentences.\"\"\"
            You are a careful editor.
            ---
            Summarise this in a {tone} tone:
            {text}

        In Python: `summarise = agent("summarise(text: str, …) -> str", prompt, uses=[…])`.
        """
        __tracebackhide__ = True
        written = Cell("agent", line.strip(), _body("agent", cell), origin.lines_above())
        told = line_options.cell_options(self.agent, written)
        self._define(cells.agent_of(written, told, self.shell.user_ns))

    @no_var_expand
    @magic_arguments()
    @argument("--uses", "-u", nargs="+", default=[], help="Functions that it may call.")
    @argument("--effect", help="What it reaches outside, such as `network`: never done twice.")
    @argument("--approve", action="store_true", help="Each call waits for a person's yes.")
    @argument("--idempotent", action="store_true", help="Its effect may be done again.")
    @argument("--recursive", action="store_true", help="It may call itself.")
    @argument("--reads", nargs="+", default=[], help="Paths of the state that it looks at.")
    @argument("--writes", nargs="+", default=[], help="Paths of the state that it changes.")
    @argument("--raises", nargs="+", default=None, help="Exceptions that it may fail with.")
    @line_cell_magic
    def function(self, line: str, cell: str | None = None) -> None:
        """Define a Function of Python code: one `def` with type hints and a docstring below.

        Example::

            %%function --uses summarise
            def study(texts: list[str]) -> list[str]:
                \"\"\"Summarise all texts.\"\"\"
                return [summarise(text=t) for t in texts]

        In Python: `@function(uses=[summarise])` above the `def`.
        """
        __tracebackhide__ = True
        written = Cell("function", line.strip(), _body("function", cell), origin.lines_above())
        options = line_options.cell_options(self.function, written)
        names = self.shell.user_ns
        missing = object()
        was: dict[str, Any] = {}

        def run(text: str, name: str) -> Any:
            __tracebackhide__ = True
            was[name] = names.get(name, missing)
            return self._run(text, name)

        try:
            made = cells.code_of(written, options, names, run)
        except BaseException:
            for name, value in was.items():  # a name means what it meant, or nothing
                if value is missing:
                    names.pop(name, None)
                else:
                    names[name] = value
            raise
        self._define(made, was.get(made.name))

    def _run(self, text: str, name: str) -> Any:
        """Run a cell's text under a file name that tracebacks and `inspect` know."""
        __tracebackhide__ = True
        shell = self.shell
        # Known by the cell's number, as what is defined without a magic is.
        file = shell.compile.cache(text, origin.here.execution_count or 0)
        shell.ex(shell.compile(text, file, "exec"))
        return shell.user_ns[name]

    def _define(self, fn: Function, before: Any = None) -> None:
        names = self.shell.user_ns
        old = before if before is not None else names.get(fn.name)
        self.shell.push({fn.name: fn})
        since = _last_called(fn.name) or (old if isinstance(old, Function) else None)
        display(_card(fn, since))

    @no_var_expand
    @line_magic
    def invoke(self, line: str) -> Any:
        """Call a Function; the value is the cell's, and can be assigned.

        ::

          %invoke [-b] [--show auto|widget|html|text|none] name arg=expression …

        Arguments are Python expressions in the notebook's names.

        -b      in the background: gives the run at once, and its tree goes on below the cell
        --show  how this one is shown

        Example::

            %invoke summarise text=notes[0] tone="dry"
            run = %invoke -b study texts=[n.strip() for n in notes]

        In Python: `summarise(text=notes[0], tone="dry")`, `study.start(texts=…)`.
        """
        __tracebackhide__ = True
        flags, rest = line_options.of_invoke(line)
        word, said = line_options.first_word(rest)
        fn = naming.function_named(word, self.shell.user_ns)
        given = line_options.values(said, self.shell.ev)
        with _shown(flags.show):
            return fn.start(**given) if flags.in_background else fn(**given)

    @no_var_expand
    @magic_arguments()
    @argument("name", help="The Function.")
    @argument("--models", "-m", nargs="+", default=[], help="A call a row and model.")
    @argument("-b", action="store_true", help="In the background.")
    @argument("--fresh", action="store_true", help="Serve nothing from earlier maps.")
    @line_cell_magic
    def map(self, line: str, cell: str | None = None) -> Any:
        """Call a Function for every row of a table; columns are matched by name.

        The cell's body is a Python expression: a DataFrame, or a list of dicts. A row that
        fails stops nothing, and running the cell again pays only for what is missing.

        Example::

            %%map summarise --models anthropic,gemini
            papers[papers.year > 2020]

        In Python: `summarise.map(papers, models=["anthropic", "gemini"])`.
        """
        __tracebackhide__ = True
        rows = _body("map", cell).strip()
        written = Cell("map", line.strip(), _body("map", cell), origin.lines_above())
        options = line_options.parsed(self.map, line_options.split(line, written), written)
        fn = naming.function_named(options.name, self.shell.user_ns)
        if not rows:
            raise written.wrong("There are no rows. Write a DataFrame's name, or a list.", 1)
        try:
            ast.parse(rows, mode="eval")
        except (SyntaxError, ValueError) as error:
            row, column = getattr(error, "lineno", None) or 1, getattr(error, "offset", None) or 1
            why = getattr(error, "msg", error)
            raise written.wrong(
                f"The rows are one Python expression: {why}.", row, column - 1
            ) from None
        given: dict[str, Any] = {}
        if options.models:
            given["models"] = cells.words_of(options.models)
        if options.b:
            given["wait"] = False
        if options.fresh:
            given["fresh"] = True
        return fn.map(line_options.evaluated(rows, self.shell.ev), **given)

    @no_var_expand
    @line_cell_magic
    def nfsql(self, line: str, cell: str | None = None) -> Any:
        """Ask the record with SQL, running trees too; DataFrames are tables by their names.

        `>> name` keeps the result. `%nf help sql` lists the views and their columns.

        Example::

            %%nfsql >> costly
            SELECT fn, count(*) AS calls FROM nodes JOIN papers USING (run) GROUP BY fn

            %nfsql SELECT fn, state FROM nodes ORDER BY opened DESC LIMIT 5

        In Python: `costly = sql("SELECT …", papers=papers)`.
        """
        __tracebackhide__ = True
        if cell is None:
            query, name = line_options.kept_as(line)
        else:
            before, name = line_options.kept_as(f" {line}")
            if before:
                raise ArgumentError(
                    f"{before[:80]!r} stands beside `%%nfsql`. It takes `>> name`, and SQL below."
                )
            query = cell
        if not query.strip():
            raise ArgumentError("There is no question. Write SQL, such as `SELECT * FROM runs`.")
        try:
            frame = sql(query, **frames_in(query, self.shell.user_ns))
        except ArgumentError as error:
            above = None if cell is None else origin.lines_above() + 1
            raise ArgumentError(with_cell_line(str(error), above)) from None
        if not name:
            return frame
        self.shell.push({name: frame})
        size = f"{len(frame):,} rows × {len(frame.columns)} columns"
        return message(f"{name}: {size}")

    @no_var_expand
    @line_magic
    def nf(self, line: str) -> Any:
        """Ask about runs, and act on them: `%nf` alone says what runs, waits and was spent.

        ::

          %nf [verb] [run] …

        `%nf help` lists the verbs, and `%nf help tree` tells of one.

        Example::

            %nf tree
            %nf diff 20261121-093012345-1f2e3d4c-1.7 base
            %nf fork summarise[2] --model gemini
        """
        __tracebackhide__ = True
        return verbs.do(line, self.shell.user_ns, self.shell.ev)


def _body(magic: str, cell: str | None) -> str:
    """Give what is below a magic. Its line alone is there for its help: `%agent?`."""
    if cell is None:
        raise UsageError(
            f"`%%{magic}` wants two percent signs, in the first line of a cell; what it works on "
            f"is below. `%%{magic}?` tells more. In Python: `from netflux_nb import {magic}`."
            if magic != "map"
            else "`%%map` wants two percent signs, in the first line of a cell; its rows are below."
        )
    return cell


@contextmanager
def _shown(how: str) -> Iterator[None]:
    """Show what is begun meanwhile in another way."""
    told = settings()
    if not how:
        yield
        return
    before = told.display, told.live
    told.live = how != "none"
    told.display = "auto" if how == "none" else how
    try:
        yield
    finally:
        told.display, told.live = before


def _last_called(name: str) -> Function | None:
    """Give what a name meant when it was last called, by itself or below another."""
    for runtime in reversed(runtimes()):
        for fn in runtime.invocable_functions:
            if fn.name == name:
                return fn
    return None


def _card(fn: Function, since: Function | None) -> Shown:
    """Draw a Function, with what changed since it last ran."""
    notes = list(_notes(fn))
    words = diff = ""
    if since is not None and since is not fn:
        old, new = described(since), described(fn)
        words = ", ".join(changes.changed(old, new))
        diff = changes.diff_of(old, new)
    if words:
        notes.insert(0, f"changed since the last run: {words}")
    drawn = cards.card(fn, notes=notes, diff=changes.html_of(diff) if diff else "")
    return Shown(f"{drawn}\n{diff}" if diff else str(drawn), lambda: drawn.inner, "Card")


def _missing_key(name: str) -> str:
    """Name the variable that a provider's key would be in, where nobody else answers for it."""
    keys = {one.value: names for one, names in KEYS.items()}.get(name, ())
    if any(name in one.models or name in one.factories for one in runtimes()):
        return ""
    return "" if not keys or any(os.environ.get(key) for key in keys) else keys[0]


def _notes(fn: Function) -> Iterator[str]:
    """Say what may not be meant."""
    system = getattr(fn, "system_prompt", "")
    for arg in fn.args:
        if f"{{{arg.name}}}" in system:
            yield f"{{{arg.name}}} in the system prompt stays as it is: it is put in below `---` only"
    template = getattr(fn, "user_prompt_template", None)
    said = f"{template}{system}"
    unsaid = [a.name for a in fn.args if template and f"{{{a.name}}}" not in said]
    if unsaid:
        which = " and ".join(f"{{{name}}}" for name in unsaid)
        yield f"{which} stands nowhere in the prompt: the model is not told it"
    model = getattr(fn, "default_model", None)
    name = provider_name(model).partition(":")[0] if model is not None else ""
    if getattr(fn, "names_model", False) and not is_known(name):
        there = any(name in runtime.models for runtime in runtimes())
        if not there:
            yield f"nobody here answers for the provider {name!r} yet"
    is_its_own = getattr(fn, "names_model", False) or not any(one.model for one in runtimes())
    if is_its_own and (needed := _missing_key(name)):
        yield f"no key for {name!r} yet: {needed} is not set, so a call fails"
