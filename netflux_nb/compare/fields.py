"""The fields in which two paired Nodes differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..core.contracts.declared import Touched
from ..core.contracts.persistent import MISSING
from ..core.json.portable import is_lost
from ..core.json.state_values import told_changes
from ..core.messages import (
    ModelStatusPart,
    ModelTextPart,
    NativePart,
    ThinkingBlockPart,
    ToolResultPart,
    ToolUsePart,
    TranscriptPart,
    UserTextPart,
    provider_name,
)
from ..core.views import NodeView
from .equality import (
    Sameness,
    compared,
    error_words,
    plain,
    readable,
    same_atoms,
    same_errors,
    text_of,
)
from .sequences import CommonRun, TextPiece, common, line_diff, word_diff
from .table_cells import FrameChange, frame_change, is_frame
from .totals import class_of, is_recorded
from .value_paths import ValueChange, changes

# A change in one of these changes what a caller, or a person, gets.
BLOCKING = frozenset({"state", "result", "error", "changes"})
_BY_LINE = frozenset({"system", "prompt", "system_prompt", "source"})
_BY_WORD = frozenset({"answer", "thinking", "progress", "error"})


class Known(Protocol):
    """Facts of a run that its views do not hold."""

    @property
    def systems(self) -> Mapping[str, str]:
        """System prompts by key."""
        ...

    @property
    def versions(self) -> Mapping[str, str]:
        """Versions by key."""
        ...

    @property
    def classes(self) -> Mapping[str, str]:
        """The determinism class of each Node, by key."""
        ...


@dataclass(frozen=True, slots=True)
class RequestFields:
    """A call that a model asked for: the Function's name and the arguments."""

    name: str
    args: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RequestChange:
    """One call that only one side asked for (the other is None), or with other arguments."""

    left: RequestFields | None
    right: RequestFields | None
    args: ValueChange | None = None


@dataclass(frozen=True, slots=True)
class TextChange:
    """A text as pieces: what both have, what only one has. Lines are pieces of their own."""

    pieces: tuple[TextPiece, ...]
    by_line: bool = False


@dataclass(frozen=True, slots=True)
class CallsChange:
    """The calls that differ, in order."""

    calls: tuple[RequestChange, ...]


Change = TextChange | ValueChange | FrameChange | CallsChange


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a Node that differs, with both values."""

    name: str
    left: Any
    right: Any

    @property
    def is_blocking(self) -> bool:
        """True where what came out differs, not only the way there."""
        return self.name in BLOCKING

    @property
    def change(self) -> Change:
        """The paths inside the field at which both sides differ; computed on first use."""
        left, right = self.left, self.right
        if self.name == "tool_calls":
            return CallsChange(tuple(_asked_changes(left, right)))
        if is_frame(left) and is_frame(right):
            return frame_change(left, right)
        if self.name in _BY_LINE or self.name in _BY_WORD or _are_texts(left, right):
            mine, theirs = left or "", right or ""
            by_line = self.name in _BY_LINE
            return TextChange((line_diff if by_line else word_diff)(mine, theirs), by_line)
        return changes(left, right)


def _are_texts(left: Any, right: Any) -> bool:
    return isinstance(left, str) and isinstance(right, str)


def _asked_changes(
    left: Sequence[RequestFields], right: Sequence[RequestFields]
) -> list[RequestChange]:
    tokens = [[(c.name, _args_text(c)) for c in calls] for calls in (left, right)]
    found: list[RequestChange] = []
    at_l = at_r = 0
    for run in (*common(*tokens), CommonRun(len(left), len(right), 0)):
        olds, news = list(left[at_l : run.left]), list(right[at_r : run.right])
        while olds and news and olds[0].name == news[0].name:
            one, other = olds.pop(0), news.pop(0)
            found.append(RequestChange(one, other, changes(one.args, other.args)))
        found += [RequestChange(one, None) for one in olds]
        found += [RequestChange(None, one) for one in news]
        at_l, at_r = run.left + run.size, run.right + run.size
    return found


def _args_text(asked: RequestFields) -> str:
    text = text_of(asked.args)
    return readable(plain(asked.args), 100_000) if text is None else text


@dataclass(slots=True)
class NodeComparison:
    """The result of a comparison of two Nodes."""

    fields: list[Field] = field(default_factory=list)
    # Fields of which nobody can say whether they are the same, and why.
    unsure: list[tuple[str, Sameness]] = field(default_factory=list)
    agreeing_parts: int | None = None

    def add(self, name: str, left: Any, right: Any, alike: Sameness) -> None:
        """Take down one field, unless it is the same."""
        if alike == "changed":
            self.fields.append(Field(name, left, right))
        elif alike != "same" and (name, alike) not in self.unsure:
            self.unsure.append((name, alike))

    @property
    def not_comparable(self) -> tuple[str, ...]:
        """The values that could not be compared, in words for a person."""
        return tuple(name if why == "unknown" else f"{name} ({why})" for name, why in self.unsure)


class _Pair:
    """Two views, and whether one of them went through JSON and the other did not."""

    __slots__ = ("left", "left_recorded", "right", "right_recorded")

    def __init__(self, left: NodeView, right: NodeView) -> None:
        self.left, self.right = left, right
        self.left_recorded, self.right_recorded = is_recorded(left), is_recorded(right)

    def compared(self, left: Any, right: Any) -> Sameness:
        return compared(
            left, right, left_recorded=self.left_recorded, right_recorded=self.right_recorded
        )

    def parts(self, left: TranscriptPart, right: TranscriptPart) -> Sameness:
        """Compare two parts. Ids, signatures and sealed thoughts are of one run only."""
        match left, right:
            case UserTextPart(), UserTextPart():
                return self.compared(left.text, right.text)
            case ModelTextPart(), ModelTextPart():
                return self.compared(left.text, right.text)
            case ModelStatusPart(), ModelStatusPart():
                return self.compared(left.text, right.text)
            case ThinkingBlockPart(), ThinkingBlockPart():
                if left.redacted and right.redacted:
                    return "same"
                return self.compared(left.content, right.content)
            case ToolUsePart(), ToolUsePart():
                if left.tool_name != right.tool_name:
                    return "changed"
                return self.compared(left.args, right.args)
            case ToolResultPart(), ToolResultPart():
                if (left.tool_name, left.is_error) != (right.tool_name, right.is_error):
                    return "changed"
                return self.compared(left.outputs, right.outputs)
            case NativePart(), NativePart():
                if left.provider != right.provider:
                    return "changed"
                return self.compared(_nameless(left.data), _nameless(right.data))
            case _:
                return "same" if type(left) is type(right) and left == right else "changed"


def is_served(view: NodeView) -> bool:
    """True where nothing was asked or done anew: the outcome, or every reply, was recorded."""
    return view.served or (bool(view.requests) and all(s.served for s in view.requests))


def compare(left: NodeView, right: NodeView, mine: Known, theirs: Known) -> NodeComparison:
    """Compare two Nodes in every field. Numbers of Nodes, ids, usage and times do not count."""
    comparison = NodeComparison()
    if left is right and mine is theirs:
        return comparison
    pair = _Pair(left, right)
    if left.fn.name != right.fn.name:
        comparison.add("function", left.fn.name, right.fn.name, "changed")
    _inputs(pair, comparison)
    for name, olds, news in (
        ("system", mine.systems, theirs.systems),
        ("version", mine.versions, theirs.versions),
    ):
        old, new = olds.get(str(left.key)), news.get(str(right.key))
        # What is not known of one side is no difference.
        if old is not None and new is not None and old != new:
            comparison.add(name, old, new, "lost" if is_lost(old) or is_lost(new) else "changed")
    _model(pair, comparison)
    kinds = class_of(left, mine.classes), class_of(right, theirs.classes)
    if None not in kinds and kinds[0] != kinds[1]:
        comparison.add("determinism", *kinds, "changed")
    if not (left.served or right.served):
        _transcript(pair, comparison)
    _outcome(pair, comparison)
    _changes(pair, comparison)
    return comparison


def outcomes(left: NodeView, right: NodeView) -> NodeComparison:
    """Compare what came of two Nodes, and nothing else."""
    found = NodeComparison()
    alike = left.state is right.state and left.exception is right.exception
    if not (alike and same_atoms(left.outputs, right.outputs)):  # most of a tree is that plain
        _outcome(_Pair(left, right), found)
    return found


def _changes(pair: _Pair, comparison: NodeComparison) -> None:
    """Compare what two Nodes changed of the state."""
    if pair.left.touched is None and pair.right.touched is None:
        return
    left, right = ({} if v.touched is None else _after(v.touched) for v in (pair.left, pair.right))
    if left or right:
        comparison.add("changes", left, right, pair.compared(left, right))


def _after(touched: Touched) -> dict[str, Any]:
    found = told_changes(touched)
    return {path: "(taken away)" if new is MISSING else new for path, (_, new) in found.items()}


def _inputs(pair: _Pair, comparison: NodeComparison) -> None:
    left, right = pair.left.inputs, pair.right.inputs
    if left is right:
        return
    alike: Sameness = "same" if left.keys() == right.keys() else "changed"
    for name in left:
        if name in right:
            alike = _worse(alike, pair.compared(left[name], right[name]))
    comparison.add("inputs", dict(left), dict(right), alike)


_WORST: tuple[Sameness, ...] = ("changed", "lost", "unknown", "taken out", "same")


def _worse(one: Sameness, other: Sameness) -> Sameness:
    return _WORST[min(_WORST.index(one), _WORST.index(other))]


def _model(pair: _Pair, comparison: NodeComparison) -> None:
    """Compare who answered; a request that failed may name a model that never did."""
    if pair.left.provider is None and pair.right.provider is None:
        return
    left, right = ([*_models(view)] for view in (pair.left, pair.right))
    if left[0] != right[0] or (len(left) > 1 and len(right) > 1 and left != right):
        comparison.add("model", ":".join(left), ":".join(right), "changed")


def _models(view: NodeView) -> list[str]:
    answered = [
        str(s.model) for s in view.requests if s.model and s.stop not in ("error", "canceled")
    ]
    provider = "" if view.provider is None else str(provider_name(view.provider))
    return [provider, *dict.fromkeys(answered)]


def _outcome(pair: _Pair, comparison: NodeComparison) -> None:
    left, right = pair.left, pair.right
    if left.state is not right.state:
        comparison.add("state", left.state.value, right.state.value, "changed")
    comparison.add(
        "result", left.outputs, right.outputs, pair.compared(left.outputs, right.outputs)
    )
    if left.exception is not right.exception and not same_errors(left.exception, right.exception):
        comparison.add(
            "error", error_words(left.exception), error_words(right.exception), "changed"
        )


# What is the provider's own and new in every run.
_OWN = frozenset({"id", "signature", "container", "encrypted_content", "encrypted_index"})


def _nameless(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            k: _nameless(v)
            for k, v in value.items()
            if not (isinstance(k, str) and (k in _OWN or k.endswith("_id")))
        }
    if isinstance(value, (list, tuple)):
        return [_nameless(v) for v in value]
    return value


_FIELDS: dict[type[TranscriptPart], str] = {
    UserTextPart: "prompt",
    ThinkingBlockPart: "thinking",
    ModelTextPart: "answer",
    ToolUsePart: "tool_calls",
    ToolResultPart: "tool_results",
    ModelStatusPart: "progress",
    NativePart: "native",
}


def _transcript(pair: _Pair, comparison: NodeComparison) -> None:
    left, right = pair.left.transcript, pair.right.transcript
    if left is right:
        return
    agreeing = 0
    for one, other in zip(left, right, strict=False):
        alike = pair.parts(one, other)
        if alike == "changed":
            break
        comparison.add(_name(one), None, None, alike)
        agreeing += 1
    if agreeing == len(left) == len(right):
        return
    comparison.agreeing_parts = agreeing
    before = len(comparison.fields)
    for name in dict.fromkeys(_name(part) for part in (*left, *right)):
        olds = [p for p in left if _name(p) == name]
        news = [p for p in right if _name(p) == name]
        came: Sameness = "same" if len(olds) == len(news) else "changed"
        for one, other in zip(olds, news, strict=False):
            came = came if came == "changed" else _worse(came, pair.parts(one, other))
        comparison.add(name, _content(name, olds), _content(name, news), came)
    if len(comparison.fields) == before:
        mine, theirs = ([_name(part) for part in parts] for parts in (left, right))
        comparison.add("order", mine, theirs, "changed")


def _name(part: TranscriptPart) -> str:
    return _FIELDS.get(type(part), "other")


def _content(name: str, parts: Sequence[Any]) -> Any:
    match name:
        case "prompt" | "answer" | "progress":
            return "\n\n".join(str(p.text) for p in parts)
        case "thinking":
            return "\n\n".join("(sealed)" if p.redacted else str(p.content) for p in parts)
        case "tool_calls":
            return tuple(RequestFields(str(p.tool_name), dict(p.args)) for p in parts)
        case "tool_results":
            return [{"of": p.tool_name, "failed": p.is_error, "gave": p.outputs} for p in parts]
        case "native":
            return [{"provider": p.provider, "data": _nameless(p.data)} for p in parts]
        case _:
            return [type(p).__name__ for p in parts]
