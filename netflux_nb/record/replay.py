"""A recorded run once more: code runs again, models and effects are served from the record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.errors import (
    ArgumentError,
    ModelError,
    NetfluxError,
    listed,
    stringify,
)
from ..core.events import (
    Event,
    NodeClosed,
    NodeOpened,
    PartAdded,
    RequestEnded,
    RequestStarted,
    canonical,
)
from ..core.fold import Fold
from ..core.functions import Function
from ..core.lines import Digests, event_from_json
from ..core.messages import (
    Delta,
    ModelReply,
    ModelRequest,
    ModelStatusPart,
    Spent,
    ToolResultPart,
    TranscriptPart,
    UserTextPart,
    provider_name,
)
from ..core.policy import Admit, Moment, Replace, Verdict
from ..core.views import NodeState, NodeView
from ..runtime.runtime import Runtime
from .reading import check

# What a person compares is on one line.
SHOWN = 160


class DivergenceError(NetfluxError):
    """A replay asked for something that the record does not hold."""


@dataclass(slots=True)
class _Answer:
    """One recorded request, and the reply to it."""

    asked: RequestStarted
    spent: Spent | None = None
    parts: list[TranscriptPart] = field(default_factory=list)
    # What had been said when it was asked.
    said: tuple[TranscriptPart, ...] = ()


class Recording:
    """One run of a record, in a form that answers.

    Args:
        path: A file of a journal.
        run: Which run of it; the only one, where there is one.

    Example:
        >>> Recording("missing.jsonl")
        Traceback (most recent call last):
        ...
        FileNotFoundError: [Errno 2] No such file or directory: 'missing.jsonl'
    """

    def __init__(self, path: str | Path, run: str | None = None) -> None:
        rows = check(Path(path)).rows
        runs = sorted({row["run"] for row in rows})
        if run is None and len(runs) != 1:
            raise ArgumentError(
                f"{Path(path).name} holds {len(runs)} runs: {listed(runs)}. Name one."
            )
        self.run = run or runs[0]
        events = [event_from_json(row) for row in rows if row["run"] == self.run]
        if not events:
            raise ArgumentError(f"{Path(path).name} holds no run {self.run[:80]!r}.")
        folding = Fold()
        folding.apply(events)
        self.view = folding.view(next(iter(folding.roots)))
        self.answers: dict[tuple[str, int], _Answer] = {}
        self._take(events)
        self.nodes = {view.key: view for _, view in self.view.walk()}

    def _take(self, events: Sequence[Event]) -> None:
        keys: dict[int, str] = {}
        open_ones: dict[int, _Answer] = {}
        said: dict[int, list[TranscriptPart]] = {}
        for event in events:
            body = event.body
            match body:
                case NodeOpened():
                    keys[event.node_id] = body.key
                case RequestStarted():
                    past = tuple(said.get(event.node_id, ()))
                    answer = open_ones[event.node_id] = _Answer(body, said=past)
                    self.answers[keys[event.node_id], body.nth] = answer
                case RequestEnded(spent=spent):
                    if event.node_id in open_ones:
                        open_ones[event.node_id].spent = spent
                case PartAdded(part=part) if not isinstance(part, ModelStatusPart):
                    said.setdefault(event.node_id, []).append(part)
                    if isinstance(part, (UserTextPart, ToolResultPart)):
                        open_ones.pop(event.node_id, None)
                    elif event.node_id in open_ones:
                        open_ones[event.node_id].parts.append(part)
                case NodeClosed():
                    open_ones.pop(event.node_id, None)
                case _:
                    pass

    @property
    def providers(self) -> set[str]:
        """Who answered."""
        return {answer.asked.provider for answer in self.answers.values()}


class Served:
    """A model that answers from a recording, and stops at the first question not in it."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._digests: dict[str, Digests] = {}

    async def reply(self, request: ModelRequest, emit: Callable[[Delta], None], /) -> ModelReply:
        """Give the recorded reply to just this request."""
        answer = self._recording.answers.get((request.node_key, request.nth))
        digests = self._digests.setdefault(request.node_key, Digests())
        now = digests.started(request)
        if answer is None:
            raise DivergenceError(
                f"Request {request.nth + 1} of this Node is not in the record: {_last(request)}."
            )
        if now.digest != answer.asked.digest:
            raise DivergenceError(f"Request {request.nth + 1} {_difference(request, answer)}.")
        spent = answer.spent
        if spent is not None and spent.stop == "error":
            raise ModelError(spent.error.partition(": ")[2])
        if spent is None or spent.stop == "canceled":
            raise DivergenceError(f"Request {request.nth + 1} has no answer in the record.")
        return ModelReply(
            parts=tuple(answer.parts),
            usage=spent.usage,
            stop=spent.stop,  # type: ignore[arg-type]
            model=spent.model,
            served=True,
        )


def _last(request: ModelRequest) -> str:
    return _shown(request.parts[-1]) if request.parts else "an empty one"


def _difference(request: ModelRequest, answer: _Answer) -> str:
    """Say in what a request differs from the recorded one: the first thing that does."""
    asked = answer.asked
    pairs: list[tuple[str, Any, Any]] = [
        ("model", asked.model, request.model),
        ("provider", asked.provider, request.provider),
    ]
    if asked.system is not None:
        pairs.append(("system prompt", asked.system, request.system))
    for place in range(max(len(answer.said), len(request.parts))):
        was = answer.said[place] if place < len(answer.said) else None
        now = request.parts[place] if place < len(request.parts) else None
        pairs.append((f"part {place + 1}", was, now))
    if asked.tools is not None:
        tools = [[t.name, t.desc, dict(t.schema)] for t in asked.tools]
        pairs.append(
            ("Functions", tools, [[t.name, t.desc, dict(t.schema)] for t in request.tools])
        )
    for name, was, now in pairs:
        if was != now:
            return f"differs in its {name}: recorded {_shown(was)}, now {_shown(now)}"
    return "differs in its settings or its Functions from the recorded one"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


class _Effects:
    """Serves what reached outside when it was recorded: it does not reach outside again."""

    moments: frozenset[type] = frozenset({Admit})

    def __init__(self, recording: Recording) -> None:
        self._recording = recording

    def __call__(self, moment: Moment, /) -> Verdict:
        """Give the recorded outcome of an effect, or stop where there is none."""
        assert isinstance(moment, Admit)
        node = moment.node
        if node.fn.effect is None:
            return None
        was = self._recording.nodes.get(node.key)
        if was is None or not was.is_done:
            return Replace(
                error=DivergenceError(
                    f"{node.fn.name}() reaches outside, and this call of it is not in the "
                    f"record: {_shown(dict(node.inputs))}."
                )
            )
        if was.state is NodeState.Success:
            return Replace(was.outputs)
        return Replace(error=was.exception)


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that came out otherwise than it was recorded."""

    key: str
    fn: str
    what: str
    recorded: Any
    now: Any

    def __str__(self) -> str:
        return f"{self.fn}(): {self.what} was {_shown(self.recorded)}, now {_shown(self.now)}"


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay came to, beside what was recorded."""

    recorded: NodeView
    now: NodeView
    differences: tuple[Difference, ...]

    @property
    def is_same(self) -> bool:
        """True where every Node came to what it came to when it was recorded."""
        return not self.differences


def replay(recording: Recording, fn: Function, **options: Any) -> Replayed:
    """Run a recorded call again, with this Function, and compare every Node.

    Code runs again. Answers of models, and what Functions marked as effects gave, are
    served from the record: no key, no network, no cost. A question that is not in the
    record ends its agent with a `DivergenceError` that names the difference. Unmarked code that
    reaches outside does so again: a replay is no cage.

    Args:
        recording: What was recorded.
        fn: The Function that was its root, as it is now.
        options: What the runtime is made with, such as `keep_trees`.
    """
    was = recording.view
    if fn.name != was.fn.name:
        raise ArgumentError(
            f"This run is of {was.fn.name}(), not of {fn.name}(). Give the Function it was of."
        )
    served = Served(recording)
    names = recording.providers | {provider_name(p) for p in _providers(was)}
    models: Mapping[Any, Any] = dict.fromkeys(names, served)
    with Runtime([fn], models=models, policies=[_Effects(recording)], **options) as runtime:
        provider = was.provider if was.fn.is_agent() else None
        node = runtime.get_ctx().invoke(fn, dict(was.inputs), provider=provider)
        node.wait()
        now = node.view()
    return Replayed(was, now, tuple(differences(was, now)))


def _providers(view: NodeView) -> Iterable[Any]:
    return {one.provider for _, one in view.walk() if one.provider is not None}


def differences(was: NodeView, now: NodeView) -> Iterable[Difference]:
    """Compare two trees Node by Node, by key; times and costs are no differences."""
    before = {view.key: view for _, view in was.walk()}
    after = {view.key: view for _, view in now.walk()}
    for key, one in before.items():
        other = after.get(key)
        if other is None:
            yield Difference(key, one.fn.name, "the call", dict(one.inputs), None)
            continue
        for what, mine, theirs in _compared(one, other):
            if mine != theirs:
                yield Difference(key, one.fn.name, what, mine, theirs)
    for key, other in after.items():
        if key not in before:
            yield Difference(key, other.fn.name, "the call", None, dict(other.inputs))


def _compared(was: NodeView, now: NodeView) -> Iterable[tuple[str, Any, Any]]:
    yield "the state", was.state.value, now.state.value
    yield "the result", _plain(was.outputs), _plain(now.outputs)
    yield "the error", _words(was.exception), _words(now.exception)


def _plain(value: Any) -> Any:
    """Give a value as a record holds it, so that both sides are alike."""
    try:
        return canonical(value)
    except ValueError:
        return None


def _words(error: BaseException | None) -> str | None:
    return None if error is None else stringify(error)
