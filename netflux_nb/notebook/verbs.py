"""The verbs of `%nf`: a table, and how a line is read by it."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..core.errors import UsageError
from ..record.tables import VIEWS
from ..show.tables import table
from . import asked
from .asked import Asked, told
from .cells import near


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb: what it does, how it is written, the same in Python, its options."""

    about: str
    written: str
    python: str
    do: Callable[[Asked], Any]
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    # The rest of the line as it stands, where it is Python or prose.
    is_free: bool = False


def do(line: str, names: Mapping[str, Any]) -> Any:
    """Do what a line of `%nf` asks."""
    __tracebackhide__ = True
    word, _, rest = line.strip().partition(" ")
    if not word:
        return asked.now()
    verb = VERBS.get(word)
    if verb is None:
        raise UsageError(
            f"%nf has no verb {word[:80]!r}.{near(word, VERBS)} `%nf help` lists them."
        )
    return verb.do(Asked(_parsed(word, verb, rest.strip()), names))


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        raise UsageError(f"{self.prog}: {message}.")


def parser_of(word: str, verb: Verb) -> argparse.ArgumentParser:
    """Give what reads a verb's line."""
    parser = _Parser(f"%nf {word}", add_help=False, allow_abbrev=False)
    parser.add_argument("words", nargs="*")
    for name, how in verb.options.items():
        parser.add_argument(name, **how)
    return parser


def _parsed(word: str, verb: Verb, rest: str) -> argparse.Namespace:
    if verb.is_free:
        return argparse.Namespace(words=rest.split(" ", 1) if rest else [])
    try:
        words = shlex.split(rest)
    except ValueError as error:
        raise UsageError(f"%nf {word}: {str(error).lower()}.") from None
    return parser_of(word, verb).parse_intermixed_args(words)


def _help(given: Asked) -> Any:
    words = given.words
    if words[:1] == ["sql"]:
        return table(
            [[name, view.about] for name, view in VIEWS.items()],
            ["view", "a row is"],
            title="Views of `%%nfsql`; `SELECT * FROM runs LIMIT 1` shows a view's columns.",
        )
    if words:
        word = words[0]
        verb = VERBS.get(word)
        if verb is None:
            raise UsageError(f"%nf has no verb {word[:80]!r}.{near(word, VERBS)}")
        return told(f"%nf {verb.written}\n{verb.about}\nIn Python: {verb.python}")
    rows = [[f"%nf {verb.written}", verb.about, verb.python] for verb in VERBS.values()]
    return table(rows, ["write", "does", "in Python"], title="`%nf` alone: what goes on.")


_FLAG: Mapping[str, Any] = {"action": "store_true"}
_REPLAY = ("strict", "bounded", "observational")

VERBS: dict[str, Verb] = {
    "runs": Verb(
        "This notebook's runs; with --all those of the folder.",
        "runs [--all]",
        "runs, runs.all",
        asked.list_runs,
        {"--all": _FLAG, "--most": {"type": int, "default": 50}},
    ),
    "tree": Verb("The tree of a run.", "tree [run]", "run.tree()", lambda a: a.run.tree()),
    "open": Verb("The interactive view of a run.", "open [run]", "run.open()", asked.open_),
    "usage": Verb(
        "Tokens and money of a run.",
        "usage [run]",
        "run.usage()",
        lambda a: asked.method(a.run, "usage"),
    ),
    "timeline": Verb(
        "Who ran when.",
        "timeline [run]",
        "run.timeline()",
        lambda a: asked.method(a.run, "timeline"),
    ),
    "transcript": Verb(
        "One agent's conversation.",
        "transcript [run] [node]",
        'run.node("a/b[2]").transcript()',
        asked.transcript,
    ),
    "why": Verb("What a run failed of, and how to go on.", "why [run]", "run.why()", asked.why),
    "mermaid": Verb(
        "The tree as Mermaid text.",
        "mermaid [run]",
        "run.mermaid()",
        lambda a: told(asked.method(a.run, "mermaid")),
    ),
    "export": Verb(
        "A run as one page; --bundle for a colleague; --notebook for all runs of this one.",
        "export [run] [file] [--bundle|--notebook]",
        'run.export("x.html"), run.export("x.nfrun"), export_notebook("x.nfrun")',
        asked.export,
        {"--bundle": _FLAG, "--notebook": _FLAG, "--file": {"default": ""}},
    ),
    "replay": Verb(
        "Run again from the record, without any model, and compare.",
        "replay [run] [--mode strict|bounded|observational]",
        'run.replay(mode="strict")',
        asked.replay,
        {"--mode": {"choices": _REPLAY, "default": "strict"}},
    ),
    "diff": Verb("Two runs compared, Node by Node.", "diff before after", "a.diff(b)", asked.diff),
    "fork": Verb(
        "Run again with one call changed; what comes before it is served.",
        "fork [run] node [--model m] [--prompt p] [--system s] [--args name=value …]",
        'run.node("a/b[2]").fork(model="gemini")',
        asked.fork,
        {
            "--model": {},
            "--prompt": {},
            "--system": {},
            "--args": {"nargs": "+", "default": []},
        },
    ),
    "resume": Verb(
        "Go on where a run was cut off or cancelled.",
        "resume [run] [--force]",
        "run.resume()",
        lambda a: a.run.resume(force=a.given.force),
        {"--force": _FLAG},
    ),
    "rerun": Verb(
        "Run again after an edit: only what changed is live.",
        "rerun [run] [name=value …]",
        "run.rerun()",
        asked.rerun,
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
        asked.cancel,
    ),
    "pending": Verb("What waits for a person.", "pending", "run.pending()", asked.pending),
    "approve": Verb("Say yes.", "approve [number]", "run.approve()", asked.approve),
    "reject": Verb(
        "Say no.", "reject [number] [why]", 'run.reject("why")', asked.reject, is_free=True
    ),
    "answer": Verb(
        "Answer a question.", "answer [number] value", 'run.answer("…")', asked.answer, is_free=True
    ),
    "store": Verb(
        "Where runs are recorded, and how much that is; or record elsewhere from now on.",
        "store [folder|off]",
        "runs.folder",
        asked.store,
    ),
    "preview": Verb(
        "What a call would send, and about what it would cost.",
        "preview name arg=value …",
        "f.preview(arg=value)",
        asked.preview,
        is_free=True,
    ),
    "history": Verb(
        "The versions of a Function: what changed, runs, money.",
        "history name",
        "f.history()",
        lambda a: a.fn.history(),
    ),
    "source": Verb(
        "A Function as Python for a `.py` file.", "source name", "f.source()", asked.source
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
    "help": Verb(
        "The verbs; one verb; the views of `%%nfsql`.", "help [verb|sql]", "help(Run)", _help
    ),
}
