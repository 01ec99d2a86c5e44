"""The verbs of `%nf`: each one call of the Python API, and the table that a line is read by."""

from __future__ import annotations

import argparse
import ast
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ... import session
from ...core.errors import ArgumentError, NoNodeError, UsageError
from ...core.functions.kinds import Function
from ...core.text.paths import path_in
from ...record import retention
from ...record.sql.sql_views import VIEWS
from ...record.sql.trends import BYS
from ...run import Run, RunNode
from ...run.listing import Serving, export_notebook, runs
from ...run.listing import serve as serve_from
from ...run.trend_chart import OFS
from ...runtime.sinks import folder_named
from ...show import cards as drawn
from ...show.parts import numbers
from ...show.parts.html import message, safe, sentence
from ...show.parts.shown import Shown
from ...show.parts.tables import Drawn, table
from ...show.why import why as show_why
from ..config import settings
from . import labelling, line_options, lookup, naming, overview, people
from .cells import near
from .sql_names import columns

# An option as it is written in a verb's help.
_OPTION = re.compile(r"\[--[^]]*\]")
MOST_FAULTS = 50


@dataclass(frozen=True, slots=True)
class Line:
    """A line of `%nf`, read: its words and options, arguments, and the notebook's names."""

    options: argparse.Namespace
    names: Mapping[str, Any]
    # Arguments as `name=expression`, evaluated.
    args: Mapping[str, Any] = field(default_factory=dict)

    @property
    def words(self) -> list[str]:
        """The words behind the verb."""
        return list(self.options.words)

    @property
    def run(self) -> Run:
        """The run that the words mean; without any, the last."""
        if len(self.words) > 1:
            raise ArgumentError(f"One run is wanted, got {len(self.words)} words.")
        return naming.run_named(self.words[0] if self.words else "", self.names)

    @property
    def node(self) -> RunNode[Run]:
        """The Node that the words mean."""
        return naming.node_named(self.words, self.names)

    @property
    def fn(self) -> Function:
        """The Function that the words mean."""
        return naming.function_named(self.words[0] if self.words else "", self.names)


Do = Callable[[Line], Any]


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
        return verb.do(Line(_parsed(word, verb, head), names, args))
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


# Looking.


def list_runs(line: Line) -> Shown:
    """Show the runs, or those that are wanted."""
    options = line.options
    conditions: dict[str, Any] = {
        name: wanted
        for name in ("fn", "state", "tag", "since", "until")
        if (wanted := vars(options)[name])
    }
    chosen = runs.all if options.all else runs
    if conditions or line.words:
        chosen = chosen.where(text=" ".join(line.words), **conditions)
    return chosen.table(options.most)


def transcript(line: Line) -> Shown:
    """Show a conversation: of a tree of code, that of its first agent."""
    node = line.node
    if node.view.fn.is_agent():
        return node.transcript()
    found = next((one for _, one in node.view.walk() if one.fn.is_agent()), None)
    if found is None:
        raise NoNodeError(f"There is no agent in {node.path}: code has no transcript.")
    return node.run.node(path_in(node.run.view(), found.id)).transcript()


def usage(line: Line) -> Shown:
    """Show what a run used, or this notebook today."""
    return runs.usage() if line.options.today else line.run.usage()


def chart(line: Line) -> Shown:
    """Show a chart over the runs."""
    options = line.options
    return (runs.all if options.all else runs).chart(by=options.by, of=options.of)


def export(line: Line) -> Shown:
    """Write a file, and say which."""
    given, rest = line.options, line.words
    file = rest.pop() if rest and rest[-1].endswith((".html", ".nfrun")) else ""
    if given.notebook:
        return message(f"{export_notebook(file or 'notebook.nfrun')}: all runs of this notebook.")
    if len(rest) > 1:
        raise ArgumentError("One run is wanted, and a file that ends in .html or .nfrun.")
    run = naming.run_named(rest[0] if rest else "", line.names)
    ending = ".nfrun" if given.bundle else ".html"
    written = run.export(file or f"{run.fn}{ending}")
    is_page = written.suffix == ".html"
    about = "a page for a browser" if is_page else "a bundle, for `open_run` and `serve`"
    return message(f"{written}: {about}.")


def why(line: Line) -> Shown:
    """Show what a run failed of; the line that goes on names the run as the notebook can."""
    run, word = line.run, line.words[0] if line.words else ""
    name = word if line.names.get(word) is run else f'runs["{run.id}"]'
    return show_why(run.view(), run=name if word else "runs.last")


def diff(line: Line) -> Any:
    """Compare two runs; of one alone, the last with it."""
    words = line.words
    if len(words) not in (1, 2):
        raise ArgumentError("Two runs are wanted: `%nf diff before after`.")
    left = naming.run_named(words[0], line.names)
    return left.diff(naming.run_named(words[1] if len(words) == 2 else "", line.names))


def verify(line: Line) -> Shown:
    """Check what is recorded of a run."""
    run = line.run
    faults = run.verify()
    fine = f"{numbers.named(run.id)} is as it was written."
    return message("\n".join(faults[:MOST_FAULTS]) or fine)


def cards(line: Line) -> Shown:
    """Show the Functions of the notebook, or one."""
    if line.words:
        return drawn.card(line.fn)
    return lookup.functions_table(line.names)


# Again, and otherwise.


def fork(line: Line) -> Run:
    """Run again with one call changed."""
    given = line.options
    changes: dict[str, Any] = {}
    for name in ("prompt", "system"):
        text = getattr(given, name)
        if text is not None:
            held = line.names.get(text)
            changes[name] = held if isinstance(held, str) else text
    if given.model is not None:
        changes["model"] = given.model
    if line.args:
        changes["args"] = line.args
    if not changes:
        raise ArgumentError(
            "Say what is to be otherwise: `--model`, `--prompt`, `--system`, or `name=value`."
        )
    return line.node.fork(**changes)


def rerun(line: Line) -> Run:
    """Run again what changed."""
    return line.run.rerun(**line.args)


def resume(line: Line) -> Run:
    """Go on."""
    return line.run.resume(force=line.options.force)


def serve(line: Line) -> Any:
    """Answer calls from a bundle, or no more."""
    words = line.words
    if len(words) != 1:
        raise ArgumentError("Name a bundle: `%nf serve study.nfrun`; `%nf serve stop` ends it.")
    if (serving := session.here.take(Serving)) is not None:
        serving.stop()
    if words == ["stop"]:
        return message("Calls go live again.")
    return session.here.keep(serve_from(words[0]))


def astest(line: Line) -> Shown:
    """Write a test, and say where."""
    return message(str(line.run.as_test(line.options.folder)))


# People.


def _which(words: Sequence[str]) -> tuple[str, str]:
    """Split off a number or path that says which question is meant."""
    first, rest = (words[0], words[1:]) if words else ("", ())
    # A number alone is an answer, not the place of one.
    is_place = bool(rest) and (first.isdecimal() or "/" in first or "[" in first)
    return (first, " ".join(rest)) if is_place else ("", " ".join(words))


def reject(line: Line) -> Any:
    """Say no."""
    which, reason = _which(line.words)
    return people.reject(which, reason.strip().strip("\"'"))


def answer(line: Line) -> Any:
    """Answer a question: a variable's value, a plain Python value, else the text as it is."""
    which, text = _which(line.words)
    if not text.strip():
        raise ArgumentError("Write the answer: `%nf answer 7 yes, the second one`.")
    return people.answer(which, _plain(text.strip(), line.names))


def _plain(text: str, names: Mapping[str, Any]) -> Any:
    if text in names:
        return names[text]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


# Keeping.


def store(line: Line) -> Shown:
    """Say where runs are recorded, or record them elsewhere."""
    if line.words:
        said = " ".join(line.words)
        folder_named(said).is_dir()  # what cannot be a folder raises, and nothing is set
        settings().store = said
    folder = session.home()
    if folder is None:
        return message("Runs are not recorded. `%nf store .netflux` records them there.")
    size = retention.sizes(folder).total_bytes if folder.is_dir() else 0
    return message(f"Runs are recorded in {folder}: {size / 1e6:,.1f} MB.")


def pin(line: Line) -> Shown:
    """Keep a run, or let it go."""
    run = line.run
    if line.options.off:
        run.unpin()
    else:
        run.pin()
    return message(
        f"{numbers.named(run.id)} is {'no longer pinned' if line.options.off else 'pinned'}."
    )


def delete(line: Line) -> Shown:
    """Remove a run."""
    if not line.words:
        raise ArgumentError("Name the run to delete: here nothing stands for the last one.")
    run = line.run
    name = run.id
    run.delete()
    return message(f"{numbers.named(name)} is deleted.")


def gc(line: Line) -> Shown:
    """Free what nobody needs."""
    return message(f"{runs.all.gc() / 1e6:,.2f} MB were freed.")


# Help and the table.


def _help(line: Line) -> Any:
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


def _preview(line: Line) -> Any:
    if len(line.words) != 1:
        raise ArgumentError("Name a Function, then its arguments: `%nf preview name text=t`.")
    return line.fn.preview(**line.args)


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
        list_runs,
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
        usage,
        {"--today": _FLAG},
    ),
    "chart": Verb(
        "What this notebook's runs cost by day, or otherwise; with --all those of the folder.",
        "chart [--by day|fn|model] [--of cost|tokens|latency|errors] [--all]",
        'runs.chart(by="day", of="cost")',
        chart,
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
        transcript,
    ),
    "why": Verb(
        "What a run failed of, and how to go on.",
        "why [run]",
        "run.why()",
        why,
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
        export,
        {"--bundle": _FLAG, "--notebook": _FLAG},
    ),
    "replay": Verb(
        "Run again from the record, without any model, and compare.",
        "replay [run] [--mode strict|bounded|observational]",
        'run.replay(mode="strict")',
        lambda a: a.run.replay(mode=a.options.mode),
        {"--mode": _MODES},
    ),
    "diff": Verb("Two runs compared, Node by Node.", "diff before [after]", "a.diff(b)", diff),
    "fork": Verb(
        "Run again with one call changed; what comes before it is served.",
        "fork [run] node [--model m] [--prompt p] [--system s] [name=value …]",
        'run.node("a/b[2]").fork(model="gemini")',
        fork,
        {"--model": {}, "--prompt": {}, "--system": {}},
        has_args=True,
    ),
    "resume": Verb(
        "Go on where a run was cut off or cancelled.",
        "resume [run] [--force]",
        "run.resume()",
        resume,
        {"--force": _FLAG},
    ),
    "rerun": Verb(
        "Run again after an edit: only what changed is live.",
        "rerun [run] [name=value …]",
        "run.rerun()",
        rerun,
        has_args=True,
    ),
    "serve": Verb(
        "Answer the calls below from a bundle; `serve stop` ends it.",
        "serve file.nfrun",
        'serve("file.nfrun")',
        serve,
    ),
    "astest": Verb(
        "Write a test that replays a run.",
        "astest [run] [--folder tests]",
        'run.as_test("tests")',
        astest,
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
    "reject": Verb("Say no.", "reject [number] [why]", 'run.reject("why")', reject, is_prose=True),
    "answer": Verb(
        "Answer a question.",
        "answer [number] value",
        'run.answer("…")',
        answer,
        is_prose=True,
    ),
    "store": Verb(
        "Where runs are recorded; with a folder, or `off`: from now on.",
        "store [folder|off]",
        "runs.folder",
        store,
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
        lambda a: message(a.fn.source()),
    ),
    "cards": Verb("The Functions of this notebook, or one as a card.", "cards [name]", "f", cards),
    "pin": Verb(
        "Keep a run for good; --off lets it go.",
        "pin [run] [--off]",
        "run.pin(), run.unpin()",
        pin,
        {"--off": _FLAG},
    ),
    "tag": Verb(
        "Put tags on a run, or --remove them; --title names it in lists.",
        "tag run [tag …] [--remove] [--title text]",
        'run.tag("a", "b"), run.untag("a"), run.rename("…")',
        lambda a: labelling.tag(a.words, a.names, a.options.title, is_removed=a.options.remove),
        {"--remove": _FLAG, "--title": {}},
    ),
    "note": Verb(
        "Write a note on a run; --remove takes it away.",
        "note run [text|--remove]",
        'run.note("…")',
        lambda a: labelling.note(a.words, a.names),
        {"--remove": _FLAG},
        is_prose=True,
    ),
    "delete": Verb("Remove a run from the record.", "delete run", "run.delete()", delete),
    "gc": Verb("Remove what no run needs any more.", "gc", "runs.gc()", gc),
    "verify": Verb(
        "Check that a run is as it was written.", "verify [run]", "run.verify()", verify
    ),
    "help": Verb("The verbs; one verb; the views of `%%nfsql`.", "help [verb|sql]", "", _help),
}
