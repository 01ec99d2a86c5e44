"""The verbs of `%nf`: each one call of the Python API, and the table that a line is read by."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...core.errors import ArgumentError, UsageError
from ...record.sql.sql_views import VIEWS
from ...record.sql.trends import BYS
from ...run.trend_chart import OFS
from ...show.parts.html import message, safe, sentence
from ...show.parts.tables import Drawn, table
from . import line_options, overview, people
from . import verb_doings as doings
from .cells import near
from .sql_names import columns

# An option as it is written in a verb's help.
_OPTION = re.compile(r"\[--[^]]*\]")


Do = Callable[[doings.Line], Any]


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


# A line of `%nf`, done.


def do(line: str, names: Mapping[str, Any], evaluate: Callable[[str], Any]) -> Any:
    """Do what a line of `%nf` asks."""
    __tracebackhide__ = True
    word, rest = line_options.first_word(line)
    if not word:
        return overview.now()
    verb = _verb(word)
    head, args = rest.strip(), {}
    if verb.has_args:
        head, said = line_options.arguments_in(head)
        args = line_options.values(said, evaluate)
    try:
        return verb.do(doings.Line(_parsed(word, verb, head), names, args))
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
    parser = line_options.LineParser(add_help=False, allow_abbrev=False)
    parser.add_argument("words", nargs="*")
    for name, how in verb.options.items():
        parser.add_argument(name, **how)
    try:
        found = parser.read(words, mixed=True)
    except line_options.WordError as error:
        raise UsageError(f"%nf {word}: {error}") from None
    if found.words and not verb.takes_words:
        raise UsageError(
            f"%nf {word} takes no word, got {found.words[0][:80]!r}. `%nf help {word}` tells of it."
        )
    return found


# Help and the table.


def _help(line: doings.Line) -> Any:
    if line.words[:1] == ["sql"]:
        return table(
            [[name, view.about, _named(columns(name))] for name, view in VIEWS.items()],
            ["view", "a row is", "columns"],
            title="Views of `%%nfsql`.",
        )
    if line.words:
        verb = _verb(line.words[0])
        return message(f"%nf {verb.written}\n{verb.about}\nIn Python: {verb.python}")
    rows = [
        [f"%nf {verb.written}", Drawn(sentence(verb.about), verb.about), verb.python]
        for verb in VERBS.values()
    ]
    return table(rows, ["write", "does", "in Python"], title="`%nf` alone: what goes on.")


def _named(names: Sequence[str]) -> Drawn:
    return Drawn(safe(", ".join(names)), ", ".join(names))


_FLAG: Mapping[str, Any] = {"action": "store_true"}
_MODES: Mapping[str, Any] = {
    "choices": ("strict", "bounded", "observational"),
    "default": "strict",
}

VERBS: dict[str, Verb] = {
    "runs": Verb(
        "This notebook's runs, or those that are wanted; with --all of the folder's.",
        "runs [text] [--fn f] [--state Error] [--tag t] [--since day] [--until day] [--all] "
        "[--most 20]",
        'runs, runs.all, runs.where(tag="t", text="…")',
        doings.list_runs,
        {
            **{f"--{name}": {} for name in ("fn", "state", "since", "until")},
            "--tag": {"action": "append"},
            "--all": _FLAG,
            "--most": {"type": int, "default": 20},
        },
    ),
    "tree": Verb("The tree of a run.", "tree [run]", "run.tree()", lambda a: a.run.tree()),
    "open": Verb(
        "The interactive view of a run.", "open [run]", "run.open()", lambda a: a.run.open()
    ),
    "play": Verb(
        "A run played again in the live view; a speed of 1 is as it was.",
        "play [run] [--speed 1|max]",
        "run.play(speed=1)",
        lambda a: a.run.play(a.options.speed),
        {"--speed": {}},
    ),
    "usage": Verb(
        "Tokens and money of a run; --today: of this notebook.",
        "usage [run] [--today]",
        "run.usage(), runs.usage()",
        doings.usage,
        {"--today": _FLAG},
    ),
    "chart": Verb(
        "What this notebook's runs cost by day, or otherwise; with --all those of the folder.",
        "chart [--by day|fn|model] [--of cost|tokens|latency|errors] [--all]",
        'runs.chart(by="day", of="cost")',
        doings.chart,
        {
            "--by": {"choices": BYS, "default": "day"},
            "--of": {"choices": OFS, "default": "cost"},
            "--all": _FLAG,
        },
    ),
    "timeline": Verb(
        "Who ran when.", "timeline [run]", "run.timeline()", lambda a: a.run.timeline()
    ),
    "transcript": Verb(
        "One agent's conversation.",
        "transcript [run] [node]",
        'run.node("a/b[2]").transcript()',
        doings.transcript,
    ),
    "why": Verb(
        "What a run failed of, and how to go on.",
        "why [run]",
        "run.why()",
        doings.why,
    ),
    "context": Verb(
        "The kernel's state: its paths, who changed them, the last transactions.",
        "context",
        "bank",
        lambda a: doings.context(),
    ),
    "audit": Verb(
        "The rules that hold here and what broke them; a file: take its rules; --clear: go on.",
        "audit [file|rule] [--clear]",
        'audit("audit.yaml"), audit().clear()',
        doings.audit,
        {"--clear": _FLAG},
    ),
    "workflow": Verb(
        "A workflow's machine, and where its last run is; live while that goes on.",
        "workflow [name or run]",
        "day.picture(run)",
        doings.workflow,
    ),
    "ledger": Verb(
        "What was free in a run, declared or not, and what of it a replay holds.",
        "ledger [run]",
        "run.ledger()",
        lambda a: a.run.ledger(),
    ),
    "mermaid": Verb(
        "The tree as Mermaid text.",
        "mermaid [run]",
        "run.mermaid()",
        lambda a: message(a.run.mermaid()),
    ),
    "export": Verb(
        "A run as one page; --bundle: for a colleague; --notebook: all its runs.",
        "export [run] [file] [--bundle|--notebook]",
        'run.export("x.html"), export_notebook("x.nfrun")',
        doings.export,
        {"--bundle": _FLAG, "--notebook": _FLAG},
    ),
    "replay": Verb(
        "Run again from the record, without any model, and compare.",
        "replay [run] [--mode strict|bounded|observational]",
        'run.replay(mode="strict")',
        lambda a: a.run.replay(mode=a.options.mode),
        {"--mode": _MODES},
    ),
    "diff": Verb(
        "Two runs compared, Node by Node.", "diff before [after]", "a.diff(b)", doings.diff
    ),
    "fork": Verb(
        "Run again with one call changed; what comes before it is served.",
        "fork [run] node [--model m] [--prompt p] [--system s] [name=value …]",
        'run.node("a/b[2]").fork(model="gemini")',
        doings.fork,
        {"--model": {}, "--prompt": {}, "--system": {}},
        has_args=True,
    ),
    "resume": Verb(
        "Go on where a run was cut off or cancelled.",
        "resume [run] [--force]",
        "run.resume()",
        doings.resume,
        {"--force": _FLAG},
    ),
    "rerun": Verb(
        "Run again after an edit: only what changed is live.",
        "rerun [run] [name=value …]",
        "run.rerun()",
        doings.rerun,
        has_args=True,
    ),
    "serve": Verb(
        "Answer the calls below from a bundle; `serve stop` ends it.",
        "serve file.nfrun",
        'serve("file.nfrun")',
        doings.serve,
    ),
    "astest": Verb(
        "Write a test that replays a run.",
        "astest [run] [--folder tests]",
        'run.as_test("tests")',
        doings.astest,
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
        lambda a: people.full_question(" ".join(a.words)) if a.words else people.pending(),
    ),
    "approve": Verb(
        "Say yes.",
        "approve [number]",
        "run.approve()",
        lambda a: people.approve(" ".join(a.words)),
    ),
    "reject": Verb(
        "Say no.", "reject [number] [why]", 'run.reject("why")', doings.reject, is_prose=True
    ),
    "answer": Verb(
        "Answer a question.",
        "answer [number] value",
        'run.answer("…")',
        doings.answer,
        is_prose=True,
    ),
    "store": Verb(
        "Where runs are recorded; with a folder, or `off`: from now on.",
        "store [folder|off]",
        "runs.folder",
        doings.store,
    ),
    "preview": Verb(
        "What a call would send, and about what it would cost.",
        "preview name arg=value …",
        "f.preview(arg=value)",
        doings.preview,
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
        lambda a: message(a.fn.source()),
    ),
    "cards": Verb(
        "The Functions of this notebook, or one as a card.", "cards [name]", "f", doings.cards
    ),
    "pin": Verb(
        "Keep a run for good; --off lets it go.",
        "pin [run] [--off]",
        "run.pin(), run.unpin()",
        doings.pin,
        {"--off": _FLAG},
    ),
    "tag": Verb(
        "Put tags on a run, or --remove them; --title names it in lists.",
        "tag run [tag …] [--remove] [--title text]",
        'run.tag("a", "b"), run.untag("a"), run.rename("…")',
        lambda a: doings.tag(a.words, a.names, a.options.title, is_removed=a.options.remove),
        {"--remove": _FLAG, "--title": {}},
    ),
    "note": Verb(
        "Write a note on a run; --remove takes it away.",
        "note run [text|--remove]",
        'run.note("…")',
        lambda a: doings.note(a.words, a.names),
        {"--remove": _FLAG},
        is_prose=True,
    ),
    "delete": Verb("Remove a run from the record.", "delete run", "run.delete()", doings.delete),
    "gc": Verb("Remove what no run needs any more.", "gc", "runs.gc()", doings.gc),
    "verify": Verb(
        "Check that a run is as it was written.", "verify [run]", "run.verify()", doings.verify
    ),
    "help": Verb("The verbs; one verb; the views of `%%nfsql`.", "help [verb|sql]", "", _help),
}
