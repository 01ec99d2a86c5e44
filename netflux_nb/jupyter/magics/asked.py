"""The handlers of the `%nf` verbs: each makes one call of the Python API."""

from __future__ import annotations

import argparse
import ast
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from ... import session
from ...core.errors import ArgumentError, NoNodeError
from ...core.functions.kinds import Function
from ...core.text.paths import path_in
from ...record import keeping
from ...record.sql.store import sql
from ...record.sql.tables import VIEWS
from ...run import Run, RunNode
from ...run.listing import Serving, export_notebook, runs
from ...run.listing import serve as serve_from
from ...runtime.runtime import KEEP_TREES
from ...runtime.sinks import folder_named
from ...show import cards as drawn
from ...show.parts import numbers
from ...show.parts.html import block, sentence
from ...show.parts.shown import Shown
from ...show.parts.tables import Column, table
from ...show.why import why as show_why
from ..config import settings
from ..panel import beacon
from . import lines, people

_WORD = re.compile(r"\w+")
# What is listed of what runs now.
MOST_ROWS = 20
MOST_FAULTS = 50


@dataclass(frozen=True, slots=True)
class Asked:
    """What a verb is asked with: its words and options, arguments, and the notebook's names."""

    given: argparse.Namespace
    names: Mapping[str, Any]
    # Arguments as `name=expression`, evaluated.
    args: Mapping[str, Any] = field(default_factory=dict)

    @property
    def words(self) -> list[str]:
        """The words behind the verb."""
        return list(self.given.words)

    @property
    def run(self) -> Run:
        """The run that the words mean; without any, the last."""
        if len(self.words) > 1:
            raise ArgumentError(f"One run is wanted, got {len(self.words)} words.")
        return lines.run_named(self.words[0] if self.words else "", self.names)

    @property
    def node(self) -> RunNode[Run]:
        """The Node that the words mean."""
        return lines.node_named(self.words, self.names)

    @property
    def fn(self) -> Function:
        """The Function that the words mean."""
        return lines.function_named(self.words[0] if self.words else "", self.names)


Do = Callable[[Asked], Any]


def told(text: str) -> Shown:
    """Give words to look at."""
    return Shown(text, lambda: block(text) if "\n" in text else f"<p>{sentence(text)}</p>", "Told")


def now() -> Shown:
    """Say what runs, what waits and what was spent."""
    roots = session.roots()
    going = [root for root in roots if not root.is_done]
    title = (
        f"{numbers.count(len(going), 'run')} going on, {_ended(len(roots) - len(going))} ended here; "
        f"{_spent()}."
    )
    if not going:
        beside = " All runs are in the panel on the left, too." if beacon.is_heard() else ""
        return told(f"{title}{beside} `%nf help` lists what can be asked.")
    rows = []
    for root in reversed(going):
        view = root.view()
        waits = len(Run.of(root).pending())
        rows.append([root.id, view.fn.name, view.state.value, waits, numbers.usd(view.bill().usd)])
    words = ("Function", "state", "waiting for you", "money")
    titles = [Column("#", is_number=True), *map(Column, words)]
    return table(rows, titles, title=title, most_rows=MOST_ROWS)


def _ended(known: int) -> str:
    """Say how many ended: a runtime forgets the oldest."""
    return f"{known:,}{' or more' if known >= KEEP_TREES else ''}"


def _spent() -> str:
    """Say what this notebook spent today, and of how much."""
    found = session.spent()
    words = f"{numbers.usd(found.paid.usd)} spent today"
    if found.cap_usd is not None:
        words += f" of {numbers.usd(found.cap_usd)}"
    if found.paid.unknown:
        words += f"; price unknown: {', '.join(found.paid.unknown[:4])}"
    return words


def cap() -> str:
    """Say what may be spent."""
    most = settings().cap_usd
    return f"{numbers.usd(most)} a day" if most else "none"


def frames_in(query: str, names: Mapping[str, Any]) -> dict[str, Any]:
    """Give the DataFrames of a notebook that a question names."""
    found = {}
    for word in set(_WORD.findall(query)) & names.keys():
        kind = type(names[word])
        is_frame = kind.__module__.split(".")[0] in ("pandas", "polars", "pyarrow")
        if is_frame and hasattr(names[word], "columns") and word.lower() not in VIEWS:
            found[word] = names[word]
    return found


@lru_cache(maxsize=1)
def _columns() -> dict[str, list[str]]:
    with tempfile.TemporaryDirectory() as empty:
        return {view: list(sql(f"SELECT * FROM {view} LIMIT 0", empty).columns) for view in VIEWS}


def columns(view: str) -> list[str]:
    """Name the columns of a view of the record."""
    return _columns().get(view, [])


# Looking.


def list_runs(asked: Asked) -> Shown:
    """Show the runs."""
    return (runs.all if asked.given.all else runs).table(asked.given.most)


def transcript(asked: Asked) -> Shown:
    """Show a conversation: of a tree of code, that of its first agent."""
    node = asked.node
    if node.view.fn.is_agent():
        return node.transcript()
    found = next((one for _, one in node.view.walk() if one.fn.is_agent()), None)
    if found is None:
        raise NoNodeError(f"There is no agent in {node.path}: code has no transcript.")
    return node.run.node(path_in(node.run.view(), found.id)).transcript()


def usage(asked: Asked) -> Shown:
    """Show what a run used, or this notebook today."""
    return runs.usage() if asked.given.today else asked.run.usage()


def mermaid(asked: Asked) -> Shown:
    """Show the tree as Mermaid text."""
    return told(asked.run.mermaid())


def export(asked: Asked) -> Shown:
    """Write a file, and say which."""
    given, rest = asked.given, asked.words
    file = rest.pop() if rest and rest[-1].endswith((".html", ".nfrun")) else ""
    if given.notebook:
        return told(f"{export_notebook(file or 'notebook.nfrun')}: all runs of this notebook.")
    if len(rest) > 1:
        raise ArgumentError("One run is wanted, and a file that ends in .html or .nfrun.")
    run = lines.run_named(rest[0] if rest else "", asked.names)
    ending = ".nfrun" if given.bundle else ".html"
    written = run.export(file or f"{run.fn}{ending}")
    is_page = written.suffix == ".html"
    about = "a page for a browser" if is_page else "a bundle, for `open_run` and `serve`"
    return told(f"{written}: {about}.")


def why(asked: Asked) -> Shown:
    """Show what a run failed of; the line that goes on names the run as the notebook can."""
    run, word = asked.run, asked.words[0] if asked.words else ""
    name = word if asked.names.get(word) is run else f'runs["{run.id}"]'
    return show_why(run.view(), run=name if word else "runs.last")


def diff(asked: Asked) -> Any:
    """Compare two runs; of one alone, the last with it."""
    words = asked.words
    if len(words) not in (1, 2):
        raise ArgumentError("Two runs are wanted: `%nf diff before after`.")
    left = lines.run_named(words[0], asked.names)
    return left.diff(lines.run_named(words[1] if len(words) == 2 else "", asked.names))


def verify(asked: Asked) -> Shown:
    """Check what is recorded of a run."""
    run = asked.run
    faults = run.verify()
    return told(
        "\n".join(faults[:MOST_FAULTS])
        if faults
        else f"{numbers.named(run.id)} is as it was written."
    )


def cards(asked: Asked) -> Shown:
    """Show the Functions of the notebook, or one."""
    if asked.words:
        return drawn.card(asked.fn)
    rows = [
        [
            name,
            "agent" if one.is_agent() else "code",
            drawn.signature(one),
            ", ".join(used.name for used in one.uses),
            one.desc if one.desc != one.name else "",
        ]
        for name, one in sorted(asked.names.items())
        if isinstance(one, Function) and not name.startswith("_")
    ]
    if not rows:
        return told(
            "There is no Function yet. `%%agent?` and `%%function?` tell how to define one."
        )
    return table(rows, ["name", "kind", "signature", "uses", "description"], title="Functions")


# Again, and otherwise.


def fork(asked: Asked) -> Run:
    """Run again with one call changed."""
    given = asked.given
    changes: dict[str, Any] = {}
    for name in ("prompt", "system"):
        text = getattr(given, name)
        if text is not None:
            held = asked.names.get(text)
            changes[name] = held if isinstance(held, str) else text
    if given.model is not None:
        changes["model"] = given.model
    if asked.args:
        changes["args"] = asked.args
    if not changes:
        raise ArgumentError(
            "Say what is to be otherwise: `--model`, `--prompt`, `--system`, or `name=value`."
        )
    return asked.node.fork(**changes)


def rerun(asked: Asked) -> Run:
    """Run again what changed."""
    return asked.run.rerun(**asked.args)


def resume(asked: Asked) -> Run:
    """Go on."""
    return asked.run.resume(force=asked.given.force)


def serve(asked: Asked) -> Any:
    """Answer calls from a bundle, or no more."""
    words = asked.words
    if len(words) != 1:
        raise ArgumentError("Name a bundle: `%nf serve study.nfrun`; `%nf serve stop` ends it.")
    if (serving := session.here.take(Serving)) is not None:
        serving.stop()
    if words == ["stop"]:
        return told("Calls go live again.")
    return session.here.keep(serve_from(words[0]))


def astest(asked: Asked) -> Shown:
    """Write a test, and say where."""
    return told(str(asked.run.as_test(asked.given.folder)))


# People.


def _which(words: Sequence[str]) -> tuple[str, str]:
    """Split off a number or path that says which question is meant."""
    first, rest = (words[0], words[1:]) if words else ("", ())
    # A number alone is an answer, not the place of one.
    is_place = bool(rest) and (first.isdecimal() or "/" in first or "[" in first)
    return (first, " ".join(rest)) if is_place else ("", " ".join(words))


def reject(asked: Asked) -> Any:
    """Say no."""
    which, reason = _which(asked.words)
    return people.reject(which, reason.strip().strip("\"'"))


def answer(asked: Asked) -> Any:
    """Answer a question: a variable's value, a plain Python value, else the text as it is."""
    which, text = _which(asked.words)
    if not text.strip():
        raise ArgumentError("Write the answer: `%nf answer 7 yes, the second one`.")
    return people.answer(which, _plain(text.strip(), asked.names))


def _plain(text: str, names: Mapping[str, Any]) -> Any:
    if text in names:
        return names[text]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


# Keeping.


def store(asked: Asked) -> Shown:
    """Say where runs are recorded, or record them elsewhere."""
    if asked.words:
        said = " ".join(asked.words)
        folder_named(said).is_dir()  # what cannot be a folder raises, and nothing is set
        settings().store = said
    folder = session.home()
    if folder is None:
        return told("Runs are not recorded. `%nf store .netflux` records them there.")
    size = keeping.sizes(folder).total_bytes if folder.is_dir() else 0
    return told(f"Runs are recorded in {folder}: {size / 1e6:,.1f} MB.")


def pin(asked: Asked) -> Shown:
    """Keep a run, or let it go."""
    run = asked.run
    if asked.given.off:
        run.unpin()
    else:
        run.pin()
    return told(
        f"{numbers.named(run.id)} is {'no longer pinned' if asked.given.off else 'pinned'}."
    )


def delete(asked: Asked) -> Shown:
    """Remove a run."""
    if not asked.words:
        raise ArgumentError("Name the run to delete: here nothing stands for the last one.")
    run = asked.run
    name = run.id
    run.delete()
    return told(f"{numbers.named(name)} is deleted.")


def gc(asked: Asked) -> Shown:
    """Free what nobody needs."""
    return told(f"{runs.all.gc() / 1e6:,.2f} MB were freed.")
