"""The person at a notebook: their name, their pending questions, their answers."""

from __future__ import annotations

import getpass
import itertools
import os
import sys
import weakref
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

from ... import session
from ...core.errors import ArgumentError, NoNodeError, listed
from ...core.policy import Person, WaitingOn
from ...core.text.paths import call_at, path_of
from ...record.sql import store
from ...record.unfinished import went_on_as
from ...run import Run
from ...runtime.nodes import Node
from ...runtime.runtime import steady_clock
from ...runtime.threads import typed_answers, waiting
from ...show.parts import numbers
from ...show.parts.html import block, message
from ...show.parts.shown import Shown
from ...show.parts.tables import Column, table
from ...show.parts.text import clean

# Of runs that were cut off while they waited.
MOST_STORED = 20
QUESTION_CHARS = 300

# Small numbers for what waits, by the ids of the questions: they belong to this kernel, and each is
# given once. A Node that asks something else has another number then.
_numbers: weakref.WeakKeyDictionary[Node, dict[str, int]] = weakref.WeakKeyDictionary()
_next = itertools.count(1)


def who() -> Person:
    """Name who answers here: the user of the Hub, else of the system; "unknown" where unknown."""
    of_hub = os.environ.get("JUPYTERHUB_USER")
    if of_hub:
        return Person(of_hub, "hub")
    if sys.platform != "win32":  # where there is none, the system does not say by itself
        with suppress(ImportError, KeyError):
            import pwd

            return Person(pwd.getpwuid(os.getuid()).pw_name, "system")
    try:
        return Person(getpass.getuser(), "claimed")  # by the environment
    except (OSError, KeyError, ImportError):
        return Person()


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One thing that waits for a person, here or in a run that was cut off."""

    # None where no kernel runs it any more: it is asked again when the run is resumed.
    number: int | None
    run: str
    path: str
    kind: str
    what: str
    choices: tuple[str, ...] = ()
    since: float | None = None
    node: Node | None = None
    # Its id: an answer is to this question, and to no other that the Node may ask by then.
    id: str = ""

    @property
    def wants(self) -> str:
        """What a person is to give: "approval" is a yes or a no, "answer" a value."""
        return "answer" if self.kind == "answer" else "approval"

    @property
    def line(self) -> str:
        """Give the line that answers it."""
        if self.number is None:
            return f"%nf resume {self.run}"
        if self.wants == "approval":
            return f"%nf approve {self.number}"
        said = self.choices[0] if self.choices else "…"
        return f"%nf answer {self.number} {clean(said, 40)}"


class PendingQuestions(Sequence[Question]):
    """All that waits for a person, oldest first."""

    def __init__(self, questions: Sequence[Question]) -> None:
        self._questions = tuple(questions)

    @overload
    def __getitem__(self, index: int) -> Question: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Question]: ...
    def __getitem__(self, index: Any) -> Any:
        return self._questions[index]

    def __len__(self) -> int:
        return len(self._questions)

    def __iter__(self) -> Iterator[Question]:
        return iter(self._questions)

    @property
    def shown(self) -> Shown:
        """Give it as a table, for a terminal and for a notebook."""
        if not self._questions:
            return table([], ["#"], title="Nothing waits for a person.")
        now = steady_clock()()
        rows = [
            [
                "" if one.number is None else one.number,
                one.path,
                one.kind,
                clean(one.what, QUESTION_CHARS),
                ", ".join(clean(word, 40) for word in one.choices[:8]),
                "" if one.since is None else numbers.seconds(max(now - one.since, 0.0)),
                one.line,
            ]
            for one in self._questions
        ]
        columns: list[Column | str] = [
            Column("#", is_short=True),
            "Node",
            Column("wants", is_short=True),
            "question",
            "choices",
            Column("for", is_short=True),
            "answer with",
        ]
        return table(rows, columns, title="Waiting for a person")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        return self.shown._repr_mimebundle_(include, exclude)

    def __str__(self) -> str:
        return str(self.shown)

    def __repr__(self) -> str:
        return f"<{len(self)} wait for a person>"


def pending() -> PendingQuestions:
    """Give all that waits for a person: in this kernel, and in runs that were cut off."""
    asking = (node for root in _going() for node in waiting.asking_below(root))
    live = [_question(node) for node in asking if node.held is not None]
    live.sort(key=lambda one: one.since or 0.0)
    folder = session.home()
    stored = [] if folder is None or not folder.is_dir() else _stored(folder)
    return PendingQuestions([*live, *stored])


def _going() -> list[Node]:
    return [root for root in session.roots() if not root.is_done]


def _question(node: Node) -> Question:
    held = node.held
    on: WaitingOn = held.on
    known = _numbers.setdefault(node, {})
    if on.id not in known:
        known[on.id] = next(_next)
    return Question(
        number=known[on.id],
        run=node.runtime.run_name(node),
        path=path_of(node),
        kind=on.kind,
        what=on.text,
        choices=on.choices,
        since=held.since,
        node=node,
        id=on.id,
    )


# Of questions without an answer, those of runs that nobody runs.
_STORED = """
    SELECT a.run, a.kind, a.question, epoch(a.time) AS since, r.fn, n.fn AS asks
    FROM approvals a JOIN nodes n ON n.run = a.run AND n.node = a.node
    JOIN runs r ON r.run = a.run
    WHERE NOT a.is_answered AND n.ended IS NULL AND r.ended IS NULL AND NOT r.is_live
    ORDER BY a.time DESC LIMIT 200
"""


def _stored(folder: Path) -> list[Question]:
    session.flush()
    found = store.sql(_STORED, folder).to_dict("records")
    left = [row for row in found if not went_on_as(folder, str(row["run"]))]
    return [
        Question(
            number=None,
            run=str(row["run"]),
            path=str(row["fn"]) if row["fn"] == row["asks"] else f"{row['fn']}/…/{row['asks']}",
            kind=str(row["kind"]),
            what=str(row["question"]),
            since=float(row["since"]),
        )
        for row in left[:MOST_STORED]
    ]


# Which is meant: nothing (the only one), its number, its path, its run's name or the end of
# it, a Run, a Node.
Which = int | str | Run | Node | None


def approve(which: Which = None, *, by: str | None = None) -> Shown:
    """Say yes to what waits for approval; without `which` to the only one."""
    one = _one(which, "approval")
    _give(one, True, by)
    return message(f"{one.path} was approved.")


def reject(which: Which = None, reason: str = "", *, by: str | None = None) -> Shown:
    """Say no to what waits for approval, and why."""
    one = _one(which, "approval")
    _give(one, False, by, reason)
    return message(f"{one.path} was rejected.")


def answer(which: Which, value: Any, *, by: str | None = None) -> Shown:
    """Answer a question; `None` or "" as `which` means the only one."""
    one = _one(which, "answer")
    if one.choices and value not in one.choices and str(value) in one.choices:
        value = str(value)  # a choice that reads like a number was typed as one
    _give(one, value, by)
    return message(f"{one.path} was answered.")


def full_question(which: Which) -> Shown:
    """Give all that a question is about: its text, and every argument to its end."""
    found = [one for one in pending() if _is_meant(one, which)]
    if len(found) != 1:
        raise NoNodeError(
            f"{len(found) or 'No'} questions are called {clean(str(which), 60)!r}. `%nf pending` "
            f"lists what waits."
        )
    text = typed_answers.whole_text(_live(found[0]))
    return Shown(text, lambda: block(text), "Question")


def _give(one: Question, value: Any, by: str | None, reason: str = "") -> None:
    node, who = _live(one), by or session.here.who()
    node.runtime.answer(node, value, by=who, reason=reason, question=one.id)


def _live(one: Question) -> Node:
    if one.node is None:
        raise NoNodeError(
            f"Run {one.run} was cut off while it waited. `%nf resume {one.run}` goes on with it "
            f"and asks again."
        )
    return one.node


def _one(which: Which, kind: str) -> Question:
    everything = pending()
    asked = [one for one in everything if one.wants == kind]
    if which is None or which == "":
        found = [one for one in asked if one.node is not None] or asked
    else:
        found = [one for one in everything if _is_meant(one, which)]
        # Of a run that is named, the one that can be answered so.
        found = [one for one in found if one.wants == kind] or found
    if len(found) == 1 and found[0].wants == kind:
        return found[0]
    noun = "an approval" if kind == "approval" else "an answer"
    if len(found) == 1:
        other = "`%nf approve` or `%nf reject`" if kind == "answer" else "`%nf answer`"
        raise ArgumentError(f"{found[0].path} waits for no {kind}: {other} is for it.")
    if not found:
        _was_answered(which)
        of = "" if which is None or which == "" else f" called {clean(str(which), 60)!r}"
        raise NoNodeError(f"Nothing{of} waits for {noun}. `%nf pending` lists what waits.")
    lines = listed([f"{one.number or one.run} {one.path}" for one in found], 4)
    raise ArgumentError(f"{len(found)} wait for {noun}: {lines}. Name one by its number.")


def _was_answered(which: Which) -> None:
    """Raise what says who answered first, where what is meant was answered already."""
    for node, known in list(_numbers.items()):
        is_it = which is node or str(which) in map(str, known.values())
        if is_it and node.answer_given is not None and not waiting.is_asking(node):
            node.runtime.answer(node, node.answer_given.value)


def _is_meant(one: Question, which: Which) -> bool:
    match which:
        case Node():
            return one.node is which
        case Run():
            return one.run == which.id
        case int():
            return one.number == which
        case _:
            text = str(which).strip().strip("/")
            if text.isdecimal():
                return one.number == int(text)
            if text == one.path or one.path.endswith(f"/{text}"):
                return True
            return bool(one.run) and (one.run.startswith(text) or one.run.endswith(text))


def cancel(which: Which = None) -> Shown:
    """Stop a run, or a Node and what is below it; without `which` the only run that goes on."""
    node = _cancelled(which)
    if node.is_done:
        return message(f"{path_of(node)} had ended already: {node.state.value}.")
    node.runtime.cancel(node, f"Cancelled by {session.here.who().name}")
    return message(f"{path_of(node)} was asked to stop. What it has is kept.")


def _cancelled(which: Which) -> Node:
    match which:
        case Node():
            return which
        case Run():
            return which.root
        case _:
            pass
    text = "" if which is None else str(which).strip().strip("/")
    found = _going() if not text else list(_named(text))
    if len(found) == 1:
        return found[0]
    going = [f"{r.runtime.run_name(r) or r.id} {r.fn.name}" for r in _going()]
    if not going:
        raise NoNodeError("Nothing runs here.")
    raise ArgumentError(
        f"{len(found)} runs or Nodes are meant{f' by {clean(text, 60)!r}' if text else ''}; name "
        f"one. There run: {listed(going, 4)}."
    )


def _named(text: str) -> Iterator[Node]:
    """Give the Nodes that go on and have this number, path, or run."""
    if text.isdecimal():
        numbered = (node for node, known in list(_numbers.items()) if int(text) in known.values())
        yield from (node for node in numbered if not node.is_done)
        return
    for root in _going():
        run = root.runtime.run_name(root)
        if run and (run.startswith(text) or run.endswith(text)):
            yield root
        elif (node := _at(root, text)) is not None and not node.is_done:
            yield node


def _at(root: Node, path: str) -> Node | None:
    try:
        return call_at(root, path, needs_root=True)
    except ArgumentError:
        return None
