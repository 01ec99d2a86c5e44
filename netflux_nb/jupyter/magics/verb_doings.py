"""Bodies of `%nf` verbs that are more than one call."""

from __future__ import annotations

import argparse
import ast
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ... import session
from ...core.errors import ArgumentError, NoNodeError
from ...core.functions.kinds import Function, newest
from ...core.text.paths import path_in
from ...record import retention
from ...run import Run, RunNode
from ...run.listing import Serving, export_notebook, runs
from ...run.listing import serve as serve_from
from ...runtime.sinks import folder_named
from ...show import cards as drawn
from ...show.parts import numbers
from ...show.parts.html import message
from ...show.parts.shown import Shown
from ...show.state_views import state_table
from ...show.why import why as show_why
from ...state.audit import Audit
from ...state.audit import audit as kernel_audit
from ...state.kernel_state import declared_here
from ...state.workflows.workflow import WorkflowFunction
from ..config import settings
from ..live import board
from . import lookup, naming, people

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


def workflow(line: Line) -> Shown | None:
    """Show a machine, and where its last run is; while that goes on, live."""
    if len(line.words) > 1:
        raise ArgumentError(f"One workflow or run is wanted, got {len(line.words)} words.")
    found, run = _workflow_of(line.words[0] if line.words else "", line.names)
    if (
        run is not None
        and not run.is_done
        and board.follow(partial(found.picture, run), lambda: run.is_done)
    ):
        return None
    shown: Shown = found.picture(run)
    return shown


def _workflow_of(word: str, names: Mapping[str, Any]) -> tuple[WorkflowFunction, Run | None]:
    found = names.get(word)
    if not word:
        mine = [one for one in names.values() if isinstance(one, WorkflowFunction)]
        found = mine[-1] if mine else None
    if isinstance(found, WorkflowFunction):
        return found, _last_run_of(found.name)
    run = naming.run_named(word, names)
    for _, one in run.view().walk():
        known = newest(one.fn.name)
        if isinstance(known, WorkflowFunction):
            return known, run
    raise NoNodeError(f"There is no workflow in {numbers.named(run.id)} that is defined here.")


def _last_run_of(name: str) -> Run | None:
    with suppress(NoNodeError):
        return runs.where(fn=name).last
    mine = [node for node in session.roots() if node.fn.name == name]
    return Run.of(mine[-1]) if mine else None


def export(line: Line) -> Shown:
    """Write a file, and say which."""
    given, rest = line.options, line.words
    file = rest.pop() if rest and rest[-1].endswith((".html", ".md", ".nfrun")) else ""
    if given.notebook:
        return message(f"{export_notebook(file or 'notebook.nfrun')}: all runs of this notebook.")
    if len(rest) > 1:
        raise ArgumentError("One run is wanted, and a file that ends in .html, .md or .nfrun.")
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


def context() -> Shown:
    """Show the kernel's state, and how many calls of its outboxes were not made."""
    state = declared_here()
    left = len(state.outbox().left)
    said = f"{left:,} call{'' if left == 1 else 's'} of the outbox not made: {state.words}.outbox()"
    return state_table.state_table(state, note=said if left else "")


def audit(line: Line) -> Audit:
    """Show the rules that hold here; take those of a file, or clear what was stopped, before."""
    words = " ".join(line.words)
    if line.options.clear:
        kernel_audit().clear(words)
        return kernel_audit()
    return kernel_audit(words or None)


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


def preview(line: Line) -> Any:
    """Show what a call would send."""
    if len(line.words) != 1:
        raise ArgumentError("Name a Function, then its arguments: `%nf preview name text=t`.")
    return line.fn.preview(**line.args)


# A note is prose: a word that it begins with may look like an option.
REMOVE = "--remove"


def tag(
    words: Sequence[str], names: Mapping[str, Any], title: str | None, *, is_removed: bool
) -> Shown:
    """Tag the run that the first word names, or say what it is called; then show its labels."""
    run = _run(words, names, "`%nf tag runs[0] baseline`")
    if title is not None:
        run.rename(title)
    if is_removed:
        run.untag(*words[1:])
    elif words[1:]:
        run.tag(*words[1:])
    return _shown(run)


def note(words: Sequence[str], names: Mapping[str, Any]) -> Shown:
    """Write a note on the run that the first word names; then show its labels."""
    run = _run(words, names, "`%nf note runs[0] looks right`")
    text = words[1].strip() if len(words) > 1 else ""
    if text:
        run.note("" if text == REMOVE else text)
    return _shown(run)


def _run(words: Sequence[str], names: Mapping[str, Any], example: str) -> Run:
    # Nothing stands for the last run here: a word may be the end of a run's name, or a tag.
    if not words:
        raise ArgumentError(f"Name the run first, such as {example}.")
    return naming.run_named(words[0], names)


def _shown(run: Run) -> Shown:
    said = run.labels
    words = [f"“{said.title}”" if said.title else "", *(f"#{one}" for one in said.tags)]
    facts = [" ".join(one for one in words if one), said.note]
    told = "\n".join(one for one in facts if one) or "no tag, note or title"
    return message(f"{numbers.named(run.id)}: {told}")
