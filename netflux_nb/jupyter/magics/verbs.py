"""The table of the `%nf` verbs, and the parser of a line by it."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...core.errors import ArgumentError, UsageError
from ...record.sql.tables import VIEWS
from ...show.parts.html import safe, sentence
from ...show.parts.tables import Drawn, table
from . import asked, lines, options, people
from .asked import Asked, Do, told
from .cells import near

# An option as it is written in a verb's help.
_OPTION = re.compile(r"\[--[^]]*\]")


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb: what it does, how it is written, the same in Python, its options."""

    about: str
    written: str
    python: str
    do: Do
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    # Whether `name=expression` may follow, as in a call.
    has_args: bool = False
    # Whether the words are prose, in which a quote or a dash means itself.
    is_prose: bool = False

    @property
    def takes_words(self) -> bool:
        """True where words may follow that are no option."""
        return len(_OPTION.sub("", self.written).split()) > 1


def do(line: str, names: Mapping[str, Any], evaluate: Callable[[str], Any]) -> Any:
    """Do what a line of `%nf` asks."""
    __tracebackhide__ = True
    word, rest = lines.first_word(line)
    if not word:
        return asked.now()
    verb = _verb(word)
    head, args = rest.strip(), {}
    if verb.has_args:
        head, said = lines.arguments_in(head)
        args = lines.values(said, evaluate)
    try:
        return verb.do(Asked(_parsed(word, verb, head), names, args))
    except OSError as error:  # a file or folder that a person named
        named = f": {str(error.filename)[:120]!r}" if error.filename else ""
        raise ArgumentError(f"%nf {word}: {error.strerror or error}{named}.") from None


def _verb(word: str) -> Verb:
    verb = VERBS.get(word)
    if verb is None:
        raise UsageError(
            f"%nf has no verb {word[:80]!r}.{near(word, VERBS)} `%nf help` lists them."
        )
    return verb


def _parsed(word: str, verb: Verb, rest: str) -> argparse.Namespace:
    if verb.is_prose:
        return argparse.Namespace(words=rest.split(" ", 1) if rest else [])
    try:
        words = shlex.split(rest)
    except ValueError as error:
        raise UsageError(f"%nf {word}: {str(error).lower()}.") from None
    parser = options.LineParser(add_help=False, allow_abbrev=False)
    parser.add_argument("words", nargs="*")
    for name, how in verb.options.items():
        parser.add_argument(name, **how)
    try:
        told = parser.read(words, mixed=True)
    except options.WordError as error:
        raise UsageError(f"%nf {word}: {error}") from None
    if told.words and not verb.takes_words:
        raise UsageError(
            f"%nf {word} takes no word, got {told.words[0][:80]!r}. `%nf help {word}` tells of it."
        )
    return told


def _help(given: Asked) -> Any:
    if given.words[:1] == ["sql"]:
        return table(
            [[name, view.about, _named(asked.columns(name))] for name, view in VIEWS.items()],
            ["view", "a row is", "columns"],
            title="Views of `%%nfsql`.",
        )
    if given.words:
        verb = _verb(given.words[0])
        return told(f"%nf {verb.written}\n{verb.about}\nIn Python: {verb.python}")
    rows = [
        [f"%nf {verb.written}", Drawn(sentence(verb.about), verb.about), verb.python]
        for verb in VERBS.values()
    ]
    return table(rows, ["write", "does", "in Python"], title="`%nf` alone: what goes on.")


def _named(names: Sequence[str]) -> Drawn:
    return Drawn(safe(", ".join(names)), ", ".join(names))


def _preview(given: Asked) -> Any:
    if len(given.words) != 1:
        raise ArgumentError("Name a Function, then its arguments: `%nf preview name text=t`.")
    return given.fn.preview(**given.args)


_FLAG: Mapping[str, Any] = {"action": "store_true"}
_MODES: Mapping[str, Any] = {
    "choices": ("strict", "bounded", "observational"),
    "default": "strict",
}

VERBS: dict[str, Verb] = {
    "runs": Verb(
        "This notebook's runs; with --all those of the folder.",
        "runs [--all] [--most 20]",
        "runs, runs.all",
        asked.list_runs,
        {"--all": _FLAG, "--most": {"type": int, "default": 20}},
    ),
    "tree": Verb("The tree of a run.", "tree [run]", "run.tree()", lambda a: a.run.tree()),
    "open": Verb(
        "The interactive view of a run.", "open [run]", "run.open()", lambda a: a.run.open()
    ),
    "usage": Verb(
        "Tokens and money of a run; --today: of this notebook.",
        "usage [run] [--today]",
        "run.usage(), runs.usage()",
        asked.usage,
        {"--today": _FLAG},
    ),
    "timeline": Verb(
        "Who ran when.", "timeline [run]", "run.timeline()", lambda a: a.run.timeline()
    ),
    "transcript": Verb(
        "One agent's conversation.",
        "transcript [run] [node]",
        'run.node("a/b[2]").transcript()',
        asked.transcript,
    ),
    "why": Verb(
        "What a run failed of, and how to go on.",
        "why [run]",
        "run.why()",
        asked.why,
    ),
    "mermaid": Verb("The tree as Mermaid text.", "mermaid [run]", "run.mermaid()", asked.mermaid),
    "export": Verb(
        "A run as one page; --bundle: for a colleague; --notebook: all its runs.",
        "export [run] [file] [--bundle|--notebook]",
        'run.export("x.html"), export_notebook("x.nfrun")',
        asked.export,
        {"--bundle": _FLAG, "--notebook": _FLAG},
    ),
    "replay": Verb(
        "Run again from the record, without any model, and compare.",
        "replay [run] [--mode strict|bounded|observational]",
        'run.replay(mode="strict")',
        lambda a: a.run.replay(mode=a.given.mode),
        {"--mode": _MODES},
    ),
    "diff": Verb(
        "Two runs compared, Node by Node.", "diff before [after]", "a.diff(b)", asked.diff
    ),
    "fork": Verb(
        "Run again with one call changed; what comes before it is served.",
        "fork [run] node [--model m] [--prompt p] [--system s] [name=value …]",
        'run.node("a/b[2]").fork(model="gemini")',
        asked.fork,
        {"--model": {}, "--prompt": {}, "--system": {}},
        has_args=True,
    ),
    "resume": Verb(
        "Go on where a run was cut off or cancelled.",
        "resume [run] [--force]",
        "run.resume()",
        asked.resume,
        {"--force": _FLAG},
    ),
    "rerun": Verb(
        "Run again after an edit: only what changed is live.",
        "rerun [run] [name=value …]",
        "run.rerun()",
        asked.rerun,
        has_args=True,
    ),
    "serve": Verb(
        "Answer the calls below from a bundle; `serve stop` ends it.",
        "serve file.nfrun",
        'serve("file.nfrun")',
        asked.serve,
    ),
    "astest": Verb(
        "Write a test that replays a run.",
        "astest [run] [--folder tests]",
        'run.as_test("tests")',
        asked.astest,
        {"--folder": {"default": "tests"}},
    ),
    "cancel": Verb(
        "Stop a run or a part of it; what it has is kept.",
        "cancel [run or node]",
        "run.cancel()",
        lambda a: people.cancel(" ".join(a.words)),
    ),
    "pending": Verb(
        "What waits for a person; with a number, all that the question is about.",
        "pending [number]",
        "run.pending()",
        lambda a: people.whole(" ".join(a.words)) if a.words else people.pending(),
    ),
    "approve": Verb(
        "Say yes.",
        "approve [number]",
        "run.approve()",
        lambda a: people.approve(" ".join(a.words)),
    ),
    "reject": Verb(
        "Say no.", "reject [number] [why]", 'run.reject("why")', asked.reject, is_prose=True
    ),
    "answer": Verb(
        "Answer a question.",
        "answer [number] value",
        'run.answer("…")',
        asked.answer,
        is_prose=True,
    ),
    "store": Verb(
        "Where runs are recorded; with a folder, or `off`: from now on.",
        "store [folder|off]",
        "runs.folder",
        asked.store,
    ),
    "preview": Verb(
        "What a call would send, and about what it would cost.",
        "preview name arg=value …",
        "f.preview(arg=value)",
        _preview,
        has_args=True,
    ),
    "history": Verb(
        "The versions of a Function: what changed, runs, money.",
        "history name",
        "f.history()",
        lambda a: a.fn.history(),
    ),
    "source": Verb(
        "A Function as Python for a `.py` file.",
        "source name",
        "f.source()",
        lambda a: told(a.fn.source()),
    ),
    "cards": Verb(
        "The Functions of this notebook, or one as a card.", "cards [name]", "f", asked.cards
    ),
    "pin": Verb(
        "Keep a run for good; --off lets it go.",
        "pin [run] [--off]",
        "run.pin(), run.unpin()",
        asked.pin,
        {"--off": _FLAG},
    ),
    "delete": Verb("Remove a run from the record.", "delete run", "run.delete()", asked.delete),
    "gc": Verb("Remove what no run needs any more.", "gc", "runs.gc()", asked.gc),
    "verify": Verb(
        "Check that a run is as it was written.", "verify [run]", "run.verify()", asked.verify
    ),
    "help": Verb("The verbs; one verb; the views of `%%nfsql`.", "help [verb|sql]", "", _help),
}
