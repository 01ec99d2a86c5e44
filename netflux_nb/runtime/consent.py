"""The consent of persons on one Node: valid as long as what they were shown is unchanged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ..core.errors import ArgumentError
from ..core.functions.kinds import Function
from ..core.policy import NO_ANSWERS, Answer, Answers, WaitingOn
from ..core.question_ids import Facts, changes, facts_of, held_fast, listed_changes, question_id

# A question is read by a person, on a screen that shows others too.
QUESTION_CHARS = 2_000
CHOICE_CHARS = 200
MOST_CHOICES = 50


class NodeInQuestion(Protocol):
    """A Node as a person is asked about it."""

    key: str
    inputs: dict[str, Any]
    fn: Function
    consent: Consent | None


class Round:
    """One pass through the policies at a moment of a Node: who asked a person, and how far it came.

    A policy is known by its place. Those that asked are called again when an answer comes, or when
    what was agreed to has changed; those that were passed without a question are not: they may have
    counted the call.
    """

    __slots__ = ("_reached", "answers")

    def __init__(self) -> None:
        # By place: the answers to that policy's questions, by id.
        self.answers: dict[int, dict[str, Answer]] = {}
        self._reached: int | None = None

    def held(self, place: int) -> None:
        """Take note that a policy holds the Node here."""
        self._reached = place if self._reached is None else max(self._reached, place)

    def asks(self, place: int) -> dict[str, Answer]:
        """Take note that a policy asks a person; give where its answers are kept."""
        self.held(place)
        return self.answers.setdefault(place, {})

    def is_passed(self, place: int, start: int) -> bool:
        """Say whether a place was passed, and is not called again on the way from `start`."""
        if place == start or place in self.answers:
            return False
        return self._reached is not None and place <= self._reached


class Consent:
    """All that persons were asked about one Node, and said."""

    __slots__ = ("changed", "facts", "is_fast", "last", "loose", "rounds")

    def __init__(self, node: NodeInQuestion) -> None:
        # What the call was when it was looked at last: answers are to this.
        self.facts = Facts(node.key, node.fn.name, {})
        # Why answers that were given before do not count any more.
        self.changed = ""
        # True where nobody outside can change the arguments any more.
        self.is_fast = False
        # What of them anybody can change still, in words.
        self.loose = ""
        self.rounds: dict[str, Round] = {}
        # The newest answer, whatever it was to, and when it was given.
        self.last: tuple[Answer, float | None] | None = None

    def round(self, name: str) -> Round:
        """Give a pass by its name: admission, or the request of this number."""
        return self.rounds.setdefault(name, Round())

    def id_of(self, on: WaitingOn) -> str:
        """Give the id that a question has at this Node now."""
        return question_id(on, self.facts)

    def look(self, node: NodeInQuestion) -> None:
        """Take down what the call is now."""
        self.facts = facts_of(node.key, node.fn, node.inputs)

    def hold_fast(self, node: NodeInQuestion) -> None:
        """Copy the arguments: what a person reads is what will run, whatever happens meanwhile."""
        before = dict(node.inputs)
        node.inputs.update(held_fast(node.inputs))
        self.is_fast = True
        self.look(node)
        loose = [name for name in self.facts.unknown if node.inputs[name] is before[name]]
        if loose:
            names = ", ".join(loose)
            self.loose = f"Not held fast, neither copied nor compared when it runs: {names}."

    def looked_again(self, node: NodeInQuestion) -> bool:
        """Compare the call with what persons agreed to; True where it differs, and they must again.

        A no stands: it lets nothing run.
        """
        said = [one for r in self.rounds.values() for p in r.answers.values() for one in p.values()]
        agreed = [one for one in said if one.value is not False]
        if not agreed:
            return False
        now = facts_of(node.key, node.fn, node.inputs)
        lines = changes(self.facts, now)
        if not lines:
            return False
        who = ", ".join(dict.fromkeys(str(one.who) for one in agreed))
        self.facts = now
        self.changed = f"Since {who} answered:\n{listed_changes(lines)}"
        for one in self.rounds.values():
            for found in one.answers.values():
                for id in [id for id, answer in found.items() if answer.value is not False]:
                    del found[id]
        return True


def answers_at(node: NodeInQuestion, name: str, place: int, asker: str) -> Answers:
    """Give persons' answers to the questions of one policy at one moment of a Node."""
    consent = node.consent
    if consent is None or name not in consent.rounds:
        return NO_ANSWERS
    found = consent.rounds[name].answers.get(place)
    if not found:
        return NO_ANSWERS
    return Answers(found, lambda on: consent.id_of(asked_by(on, asker)))


def asked_by(on: WaitingOn, asker: str) -> WaitingOn:
    """Give a question with who asks it."""
    return WaitingOn(on.kind, on.what, on.node_id, on.choices, asker)


def question_of(text: str, choices: Sequence[str] | None) -> WaitingOn:
    """Check a question and give it as what a Node waits for."""
    if not text.strip() or len(text) > QUESTION_CHARS:
        raise ArgumentError(
            f"A question has 1 to {QUESTION_CHARS:,} characters, got {len(text.strip()):,}."
        )
    if isinstance(choices, str):
        raise ArgumentError(f"Choices are a list of texts, got the one text {choices[:80]!r}.")
    words = tuple(choices or ())
    if len(words) > MOST_CHOICES or len(set(words)) < len(words):
        raise ArgumentError(
            f"Choices differ from each other and are at most {MOST_CHOICES}, got {len(words)}."
        )
    wrong = next((w for w in words if not w.strip() or len(w) > CHOICE_CHARS), None)
    if wrong is not None:
        raise ArgumentError(f"A choice has 1 to {CHOICE_CHARS} characters, got {wrong[:80]!r}.")
    return WaitingOn("answer", text, choices=words)
