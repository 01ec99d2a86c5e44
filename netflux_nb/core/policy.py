"""Policies: the moments at which they are asked, and the verdicts they may return."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, Protocol

from .contracts.declared import Touched
from .functions.version_value import Version
from .messages import ModelReply, ModelRequest, Spent, provider_name

WaitingKind = Literal[
    "turn", "child", "model", "retry", "approval", "again", "answer", "budget", "paused"
]
# What a person is asked: for a yes or a no ("again": may it be done a second time?), for a value.
DECISIONS: tuple[WaitingKind, ...] = ("approval", "again")
FOR_PERSONS: tuple[WaitingKind, ...] = (*DECISIONS, "answer")


@dataclass(frozen=True, slots=True)
class WaitingOn:
    """The reason why a Node waits, in words for a person."""

    kind: WaitingKind
    what: str = ""
    node_id: int | None = None
    # Of an "answer": all that may be said; none where anything may.
    choices: tuple[str, ...] = ()
    # Of a question to a person, filled in when it is put: who asks, what is told beside it (what is
    # otherwise than when it was answered before), and the hash of all that a yes is given to.
    asker: str = field(default="", compare=False)
    note: str = field(default="", compare=False)
    id: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        # JSON, where one may come from, knows lists only.
        object.__setattr__(self, "choices", tuple(self.choices))

    @property
    def wants(self) -> Literal["approval", "answer", ""]:
        """The kind of answer wanted: "approval" is a yes or a no, "answer" a value, "" none."""
        if self.kind == "answer":
            return "answer"
        return "approval" if self.kind in DECISIONS else ""

    @property
    def text(self) -> str:
        """All that is asked, and what is told beside it."""
        return f"{self.what}\n{self.note}" if self.note else self.what


# How the name of who answers is known. What a caller says of itself is a claim.
Known = Literal["system", "hub", "claimed", ""]
_KNOWN = {"system": "as the system knows", "hub": "as the Hub says", "claimed": "as claimed"}


@dataclass(frozen=True, slots=True)
class Person:
    """The person who answers, and how their name is known."""

    name: str = "unknown"
    known: Known = ""

    def __str__(self) -> str:
        how = _KNOWN.get(self.known)
        return f"{self.name} ({how})" if how else self.name


@dataclass(frozen=True, slots=True)
class Answer:
    """A person's answer: yes, no, or a value; by whom, and why."""

    value: Any
    by: str = "unknown"
    reason: str = ""
    known: Known = ""

    @property
    def who(self) -> Person:
        """The person who answered, and how their name is known."""
        return Person(self.by, self.known)


class Answers(Mapping[str, Answer]):
    """Persons' answers to one asker's questions at one Node, by the ids of the questions."""

    __slots__ = ("_found", "_id_of")

    def __init__(self, found: Mapping[str, Answer], id_of: Callable[[WaitingOn], str]) -> None:
        self._found = found
        self._id_of = id_of

    def to(self, on: WaitingOn) -> Answer | None:
        """Give the answer to just this question; None where it was not put, or is open."""
        return self._found.get(self._id_of(on)) if self._found else None

    def __hash__(self) -> int:
        return hash(frozenset(self._found))

    def __getitem__(self, id: str) -> Answer:
        return self._found[id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


NO_ANSWERS = Answers({}, lambda on: "")


@dataclass(frozen=True, slots=True)
class Admit:
    """A call was made and its Node is there; nothing has run yet."""

    node: Any
    # To questions of the policy that is called; it never sees another's.
    answers: Answers = NO_ANSWERS


@dataclass(frozen=True, slots=True)
class Enter:
    """The body is about to run, in its own thread and context."""

    node: Any


@dataclass(frozen=True, slots=True)
class Ask:
    """An agent is about to send a request that may cost money."""

    node: Any
    request: ModelRequest
    answers: Answers = NO_ANSWERS


@dataclass(frozen=True, slots=True)
class Replied:
    """A request ended: with a reply, or without one. `spent` is what it used either way."""

    node: Any
    request: ModelRequest
    reply: ModelReply | None
    spent: Spent | None = None


@dataclass(frozen=True, slots=True)
class Draw:
    """A body is about to draw: "clock", "random", "uuid", "env" or "order"."""

    node: Any
    kind: str


@dataclass(frozen=True, slots=True)
class Leave:
    """The body ended and its children too; the outcome may still be changed."""

    node: Any
    value: Any
    error: BaseException | None


@dataclass(frozen=True, slots=True)
class Closed:
    """The Node has its outcome. Nothing can be changed any more."""

    node: Any


Moment = Admit | Enter | Ask | Replied | Draw | Leave | Closed


@dataclass(frozen=True, slots=True)
class Refuse:
    """No. The Node, or the request, fails with this error."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class Hold:
    """Not yet. The Node waits, without a thread, until it is released."""

    on: WaitingOn
    # Called with the function that lets the Node go on. None: only a person's answer does.
    until: Callable[[Callable[[], object]], None] | None = None


@dataclass(frozen=True, slots=True)
class Replace:
    """This outcome instead of the body's own."""

    value: Any = None
    error: BaseException | None = None
    # The run whose record it is from, where it is served from one, and how policies ruled there.
    served: str = ""
    ruling: Any = None
    # What it changed of the state there, and the key that it had.
    touched: Touched | None = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class Switch:
    """Ask this model instead: `"provider"` or `"provider:model"`."""

    model: str


Verdict = Refuse | Hold | Replace | Switch | None


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a fork: the call that had this key is made with these parts replaced."""

    key: str
    # Another Function in its place.
    fn: Any = None
    # Of its arguments, those that are otherwise.
    inputs: Mapping[str, Any] | None = None
    provider: Any = None
    # Other prompts of its agent.
    prompt: str | None = None
    system: str | None = None
    # The key of its caller; nothing at the root. And where it is, as a person says it.
    above: str | None = None
    path: str = ""
    # Of the Function that is named, or whose prompts these are, as it was then.
    version: Version | None = None

    def __hash__(self) -> int:
        return hash(self.key)


class Cursor(Protocol):
    """A cursor: decides at each boundary of one tree what a record serves; the rest is live."""

    # True where nothing is served: policies rule, and whoever is asked must be there.
    is_live: bool
    # True where nobody else rules, and nothing is live: `reply` never says None.
    is_alone: bool
    # Of a fork: the state that it runs on, beside the kernel's own; made when it is first needed.
    apart: Any

    @property
    def about(self) -> Mapping[str, Any]:
        """Facts for the tree's `RunBegan`, beside those of its runtime."""
        ...

    @property
    def changes(self) -> tuple[Change, ...]:
        """The calls that are made otherwise than its Functions make them."""
        ...

    @property
    def model(self) -> str | None:
        """The model of agents that name none."""
        ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """The settings of agents that have no such own."""
        ...

    def turned(
        self, caller: Any, fn: Any, inputs: Mapping[str, Any], provider: Any, /
    ) -> tuple[Any, Mapping[str, Any], Any]:
        """Give the call that is made in place of this one; mostly this one."""
        ...

    def admit(self, node: Any, /) -> Verdict:
        """Serve a whole Node, hold it, or let it run."""
        ...

    def leave(self, node: Any, value: Any, error: BaseException | None, /) -> Verdict:
        """Give a Node the end that came from outside when it was recorded."""
        ...

    def request_of(self, node: Any, request: ModelRequest, /) -> ModelRequest:
        """Give the request as it was asked: a policy may have switched its model."""
        ...

    def reply(self, node: Any, request: ModelRequest, asked: Any, /) -> ModelReply | None:
        """Give the recorded answer to a request; None to ask the model."""
        ...

    def draw_of(self, node: Any, kind: str, name: str, /) -> tuple[Any] | None:
        """Give the recorded draw in a tuple; None to draw anew."""
        ...

    def answer_to(self, node: Any, on: WaitingOn, /) -> Answer | None:
        """Give the recorded answer to just this question; None to ask."""
        ...

    def outdated(self, node: Any, on: WaitingOn, /) -> str:
        """Say why what a person said to a question like this does not count; mostly nothing."""
        ...


class Defaults(Protocol):
    """A runtime's defaults for agents that name no model or setting."""

    model: Any
    settings: Any


class LiveCursor:
    """The cursor of a tree that no record serves: every call is made, and made as it is."""

    __slots__ = ("_of", "about")

    is_live = True
    is_alone = False
    apart: Any = None
    changes: tuple[Change, ...] = ()

    def __init__(
        self, of: Defaults | None = None, about: Mapping[str, Any] = MappingProxyType({})
    ) -> None:
        self._of = of
        self.about = about

    @property
    def model(self) -> str | None:
        """The model of agents that name none."""
        model = None if self._of is None else self._of.model
        return None if model is None else provider_name(model)

    @property
    def settings(self) -> Mapping[str, Any]:
        """The settings of agents that have no such own."""
        return {} if self._of is None else self._of.settings

    def turned(
        self, caller: Any, fn: Any, inputs: Mapping[str, Any], provider: Any, /
    ) -> tuple[Any, Mapping[str, Any], Any]:
        """Give the call as it is."""
        return fn, inputs, provider

    def admit(self, node: Any, /) -> Verdict:
        """Let it run."""
        return None

    def leave(self, node: Any, value: Any, error: BaseException | None, /) -> Verdict:
        """Leave the end as it is."""
        return None

    def request_of(self, node: Any, request: ModelRequest, /) -> ModelRequest:
        """Give the request as it is."""
        return request

    def reply(self, node: Any, request: ModelRequest, asked: Any, /) -> ModelReply | None:
        """Ask the model."""
        return None

    def draw_of(self, node: Any, kind: str, name: str, /) -> tuple[Any] | None:
        """Draw."""
        return None

    def answer_to(self, node: Any, on: WaitingOn, /) -> Answer | None:
        """Ask the person."""
        return None

    def outdated(self, node: Any, on: WaitingOn, /) -> str:
        """Say nothing: nobody said anything before."""
        return ""


class Policy(Protocol):
    """One who rules. It is called at the moments it names, and at no other.

    None means go on. `Switch` is heard at `Ask`, `Hold` at `Admit` and `Ask`, `Refuse` wherever a
    Node can still fail, `Replace` at `Leave`, and at `Admit`, where the body then never runs. A
    policy that raises, or says what is not heard at that moment, fails the Node: it is not skipped.

    One that holds for a person is called again with the answer: `moment.answers.to(question)`,
    for the question that it gave. It sees answers to its own questions only.
    """

    moments: frozenset[type]

    def __call__(self, moment: Moment, /) -> Verdict:
        """Rule on one moment."""
        ...
