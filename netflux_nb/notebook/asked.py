"""What each verb of `%nf` does: one call of the Python API, for the names of a notebook."""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .. import session
from ..again.paths import path_of
from ..core.errors import ArgumentError, NoNodeError
from ..core.functions import Function
from ..record import keeping
from ..record.tables import VIEWS
from ..run import Run, RunNode
from ..runs import export_notebook, runs, serve
from ..show import cards as drawn
from ..show import numbers
from ..show.sheet import block, safe
from ..show.shown import Shown
from ..show.tables import table
from . import lines, people
from .config import settings

_WORD = re.compile(r"\w+")
# What is listed of what runs now.
MOST_ROWS = 20


@dataclass(frozen=True, slots=True)
class Asked:
    """What a verb is asked with: its arguments, and the notebook's names."""

    given: argparse.Namespace
    names: Mapping[str, Any]

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
    def node(self) -> RunNode:
        """The Node that the words mean."""
        return lines.node_named(self.words, self.names)

    @property
    def fn(self) -> Function:
        """The Function that the words mean."""
        return lines.function_named(self.words[0] if self.words else "", self.names)


def told(text: str) -> Shown:
    """Give words to look at."""
    return Shown(text, lambda: f"<p>{safe(text)}</p>" if "\n" not in text else block(text), "Told")


def now() -> Shown:
    """Say what runs, what waits and what was spent."""
    going = [root for root in session.roots() if not root.is_done]
    done = [root for root in session.roots() if root.is_done]
    rows = []
    for root in going[-MOST_ROWS:]:
        view = root.view()
        waits = sum(1 for _ in Run.of(root).pending())
        rows.append(
            [root.id, view.fn.name, view.state.value, waits or None, numbers.usd(view.bill().usd)]
        )
    spent = sum(root.view().bill().usd for root in [*going, *done])
    title = (
        f"{numbers.count(len(going), 'run')} going on, {len(done)} ended in this kernel; "
        f"{numbers.usd(spent)} spent. Cap: {_cap()}."
    )
    if not rows:
        return told(f"{title} `%nf help` lists what can be asked.")
    return table(rows, ["#", "Function", "state", "waiting for you", "money"], title=title)


def _cap() -> str:
    cap = settings().cap_usd
    return f"{numbers.usd(cap)} a day" if cap else "none"


def frames_in(query: str, names: Mapping[str, Any]) -> dict[str, Any]:
    """Give the DataFrames of a notebook that a question names."""
    words = set(_WORD.findall(query))
    found = {}
    for word in words & names.keys():
        kind = type(names[word])
        is_frame = kind.__module__.split(".")[0] in ("pandas", "polars", "pyarrow")
        if is_frame and hasattr(names[word], "columns") and word.lower() not in VIEWS:
            found[word] = names[word]
    return found


def list_runs(asked: Asked) -> Any:
    known = runs
    return (known.all if asked.given.all else known).table(asked.given.most)


def transcript(asked: Asked) -> Any:
    node = asked.node
    if not node.view.fn.is_agent():
        agents = [one for _, one in node.view.walk() if one.fn.is_agent()]
        if not agents:
            raise NoNodeError(f"There is no agent in {node.path}: code has no transcript.")
        node = node.run.node(path_of(node.run.view(), agents[0].id))
    return node.transcript()


def why(asked: Asked) -> Any:
    run: Any = asked.run
    return run.why()


def export(asked: Asked) -> Any:
    file, rest = asked.given.file, asked.words
    if asked.given.notebook:
        return told(str(export_notebook(file or "notebook.nfrun")))
    if not file and rest and "." in rest[-1]:
        file = rest.pop()
    run = lines.run_named(rest[0] if rest else "", asked.names)
    ending = ".nfrun" if asked.given.bundle else ".html"
    return told(str(run.export(file or f"{run.fn}{ending}")))


def replay(asked: Asked) -> Any:
    return told(str(asked.run.replay(mode=asked.given.mode)))


def diff(asked: Asked) -> Any:
    words = asked.words
    if len(words) == 1:
        return runs.last.diff(lines.run_named(words[0], asked.names))
    if len(words) != 2:
        raise ArgumentError("Two runs are wanted: `%nf diff before after`.")
    left, right = (lines.run_named(word, asked.names) for word in words)
    return left.diff(right)


def fork(asked: Asked) -> Any:
    given = asked.given
    changes: dict[str, Any] = {
        name: _value(getattr(given, name), asked.names)
        for name in ("prompt", "system")
        if getattr(given, name) is not None
    }
    if given.model is not None:
        changes["model"] = given.model
    if given.args:
        pairs = (word.partition("=") for word in given.args)
        changes["args"] = {name: _value(value, asked.names) for name, _, value in pairs}
    if not changes:
        raise ArgumentError("Say what is to be otherwise: `--model`, `--prompt` or `--args`.")
    return asked.node.fork(**changes)


def _value(text: str, names: Mapping[str, Any]) -> Any:
    """Read an argument: a variable's name, a plain Python value, else the text itself."""
    if text in names:
        return names[text]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def rerun(asked: Asked) -> Any:
    words = asked.words
    has_run = bool(words) and "=" not in words[0]
    run = lines.run_named(words[0] if has_run else "", asked.names)
    pairs = [word.partition("=") for word in words[has_run:]]
    wrong = next((name for name, equals, _ in pairs if not equals), None)
    if wrong is not None:
        raise ArgumentError(f"{wrong[:80]!r} is no argument. Write `name=value`.")
    return run.rerun(**{name: _value(value, asked.names) for name, _, value in pairs})


_serving: list[Any] = []


def serve(asked: Asked) -> Any:
    words = asked.words
    if words == ["stop"]:
        while _serving:
            _serving.pop().stop()
        return told("Calls go live again.")
    if len(words) != 1:
        raise ArgumentError("Name a bundle: `%nf serve study.nfrun`; `%nf serve stop` ends it.")
    _serving.append(serve(words[0]))
    return told(f"Calls below are answered from {words[0]}. `%nf serve stop` goes live.")


def open_(asked: Asked) -> Any:
    run: Any = asked.run
    return run.open()


def astest(asked: Asked) -> Any:
    return told(str(asked.run.as_test(asked.given.folder)))


def cancel(asked: Asked) -> Any:
    return people.cancel(" ".join(asked.words))


def pending(asked: Asked) -> Any:
    return people.pending()


def approve(asked: Asked) -> Any:
    return people.approve(" ".join(asked.words))


def _which(words: Sequence[str]) -> tuple[str, str]:
    """Split off a number or path that says which question is meant."""
    first, rest = (words[0], words[1:]) if words else ("", ())
    is_place = first.isdecimal() or "/" in first or "[" in first
    return (first, " ".join(rest)) if is_place else ("", " ".join(words))


def reject(asked: Asked) -> Any:
    which, reason = _which(asked.words)
    return people.reject(which, reason.strip("\"'"))


def answer(asked: Asked) -> Any:
    which, value = _which(asked.words)
    if not value:
        raise ArgumentError("Write the answer: `%nf answer 7 yes, the second one`.")
    return people.answer(which, _value(value, asked.names))


def store(asked: Asked) -> Any:
    if asked.words:
        settings().store = " ".join(asked.words)
    folder = session.home()
    if folder is None:
        return told("Runs are not recorded. `%nf store .netflux` records them there.")
    size = keeping.sizes(folder).total_bytes if folder.is_dir() else 0
    return told(f"Runs are recorded in {folder}: {size / 1e6:,.1f} MB.")


def preview(asked: Asked) -> Any:
    words = asked.words
    fn = lines.function_named(words[0] if words else "", asked.names)
    said = lines.expressions(words[1]) if len(words) > 1 else {}
    return fn.preview(**{name: _value(value, asked.names) for name, value in said.items()})


def source(asked: Asked) -> Any:
    return told(asked.fn.source())


def pin(asked: Asked) -> Any:
    run = asked.run
    run.unpin() if asked.given.off else run.pin()
    return told(f"{run.id} is {'no longer pinned' if asked.given.off else 'pinned'}.")


def delete(asked: Asked) -> Any:
    if not asked.words:
        raise ArgumentError("Name the run to delete: nothing is deleted by default.")
    run = asked.run
    run.delete()
    return told(f"{run.id} is deleted.")


def gc(asked: Asked) -> Any:
    return told(f"{runs.all.gc() / 1e6:,.2f} MB were freed.")


def verify(asked: Asked) -> Any:
    run = asked.run
    faults = run.verify()
    return told("\n".join(faults[:50]) if faults else f"{run.id} is as it was written.")


def cards(asked: Asked) -> Any:
    if asked.words:
        return drawn.card(asked.fn)
    found = {
        name: one
        for name, one in asked.names.items()
        if isinstance(one, Function) and not name.startswith("_")
    }
    rows = [
        [
            name,
            "agent" if one.is_agent() else "code",
            str(one.__signature__),
            ", ".join(used.name for used in one.uses),
            one.desc,
        ]
        for name, one in sorted(found.items())
    ]
    return table(rows, ["name", "kind", "signature", "uses", "description"], title="Functions")


def method(run: Any, name: str) -> Any:
    """Ask a run for a view of it."""
    return getattr(run, name)()
