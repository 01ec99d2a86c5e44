"""Inputs of a recorded run that were free, Node by Node, and what of them a replay holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from ..core.functions.kinds import AgentFunction
from ..core.json.portable import Lost, Unkept
from ..core.json.shapes import LostText
from ..core.messages import Spent, provider_name
from ..core.text.paths import steps_of
from ..core.views import NodeView
from ..determinism.ledger import Ledger, cost_of, declared_in, use_of
from ..determinism.levels import Magnitude, magnitude_of
from .recorded_values import is_whole
from .recording import RecordedAnswer, RecordedNode, RecordedRequest, Recording

Origin = Literal["model", "clock", "chance", "environment", "tool", "person", "order"]
ORIGINS: tuple[Origin, ...] = get_args(Origin)
# Where a kind of draw comes from. The code fills a bag again itself: nothing in it is free.
_ORIGIN_OF_DRAW: Mapping[str, Origin] = {
    "clock": "clock",
    "random": "chance",
    "uuid": "chance",
    "env": "environment",
    "order": "order",
}
_NO_ANSWER = "has no answer in the record"
_NO_END = "has no end in the record: nobody knows whether it was done"
_TAKEN_OUT = "a key was taken out of it"
_UNANSWERED = "nobody has answered"
_NOT_RECORDED = "the run is not recorded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Free:
    """An input that was free, of one Node: whence, whether it was declared, what holds it.

    `why` says what keeps a replay from giving it again; it is empty where one can.
    """

    source: Origin
    what: str
    # Its kind in the words of a budget, such as "llm" or "shell".
    kind: str
    key: str
    fn: str
    path: str = ""
    count: int = 1
    # It came from a record: here it was not free.
    served: bool = False
    magnitude: Magnitude = "high"
    # None where the run declared nothing that it could be held to.
    declared: bool | None = None
    fault: str = ""
    why: str = ""

    @property
    def is_held(self) -> bool:
        """True where a replay gives the same again."""
        return not self.why


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeInputs:
    """An account of a run: what was free, what was declared, what else a replay must be given."""

    rows: tuple[Free, ...]
    # What the run declared, and what of that was used; None where it declared nothing.
    ledger: Ledger | None = None
    seed: int | None = None
    # Calls that came from a record whole: what was free in them is in the run they come from.
    served: int = 0
    # Calls of code, which a replay runs again.
    ran: int = 0
    # Arguments of the root that the record does not hold.
    missing: tuple[str, ...] = ()
    is_recorded: bool = True


def account_of(recording: Recording) -> FreeInputs:
    """Read it off a recording. Nothing runs, and nothing is refused."""
    found = sorted(
        (found for node in recording.nodes.values() for found in _of_node(node)),
        key=lambda found: found[0],
    )
    about = recording.about
    ledger, magnitudes = declared_in(about.get("declared"))
    rows = _weighed(((row, spent) for _, row, spent in found), ledger, magnitudes)
    paths = _Paths(recording.root)
    seed = about.get("seed")
    nodes = recording.nodes.values()
    forms = recording.root.input_forms
    return FreeInputs(
        rows=tuple(replace(one, path=paths.of(recording.nodes[one.key])) for one in rows),
        ledger=ledger,
        seed=seed if isinstance(seed, int) else None,
        served=sum(bool(one.served_from) for one in nodes),
        ran=sum(one.is_code and one.started and not one.effect for one in nodes),
        missing=tuple(str(name) for name, form in forms.items() if not _is_held(form)),
    )


def account_in(view: NodeView, declared: Any = None) -> FreeInputs:
    """Read it off the view of a run that is not recorded: no replay holds any of it."""
    ledger, magnitudes = declared_in(declared)
    rows = _weighed(_of_views(view), ledger, magnitudes)
    ran = sum(not (one.fn.is_agent() or one.fn.effect) for _, one in view.walk())
    return FreeInputs(rows=tuple(rows), ledger=ledger, ran=ran, is_recorded=False)


def _is_held(form: Mapping[str, Any]) -> bool:
    return ("json" in form or "held" in form) and is_whole(form)


def _weighed(
    rows: Iterable[tuple[Free, Spent | None]],
    ledger: Ledger | None,
    magnitudes: Mapping[str, Magnitude],
) -> list[Free]:
    """Hold rows, in the order of the run, to what was declared; put those alike together."""
    counts: dict[Free, int] = {}
    for one, spent in rows:
        cost = {} if spent is None else cost_of(spent)
        use = use_of(one.kind, magnitudes, **cost)
        told = replace(one, magnitude=use.magnitude)
        if ledger is not None and not one.served:
            entry = ledger.observe(use)
            told = replace(told, declared=entry.authorised, fault=entry.why)
        counts[told] = counts.get(told, 0) + 1
    return [replace(one, count=n) for one, n in counts.items()]


def _of_node(node: RecordedNode) -> Iterator[tuple[int, Free, Spent | None]]:
    """Give what was free in a Node, each with its place in the run, and what it cost."""
    if node.served_from:
        return
    for request in node.requests.values():
        yield request.seq, _asked(node, request), request.spent
    if node.effect and not (node.effect == "llm" and node.requests):
        yield node.seq, _reached(node), None
    for seq, drawn in node.draws:
        origin = _ORIGIN_OF_DRAW.get(drawn.kind)
        if origin is not None:
            what = drawn.name or drawn.kind
            why = _why_lost(drawn.value)
            yield seq, _row(node, origin, what, drawn.kind, why, served=drawn.served), None
    if node.effect != "human":
        for said in node.answers:
            yield said.seq, _said(node, said), None
    if node.question is not None and node.closed is None and not node.answers:
        yield node.seq, _row(node, "person", node.question.kind, "human", _UNANSWERED), None


def _row(
    node: RecordedNode, source: Origin, what: str, kind: str, why: str, *, served: bool = False
) -> Free:
    size = magnitude_of(kind)
    return Free(
        source=source,
        what=what,
        kind=kind,
        key=node.key,
        fn=node.fn_name,
        served=served,
        magnitude=size,
        why=why,
    )


def _asked(node: RecordedNode, request: RecordedRequest) -> Free:
    spent, asked = request.spent, request.start
    what = f"{asked.provider}:{asked.model}" if asked.model else str(asked.provider)
    why = ""
    if spent is None or spent.stop == "canceled":
        # Where the Node failed, or was cancelled, a replay ends it as it ended then.
        why = "" if node.outcome in ("error", "canceled") else _NO_ANSWER
    elif any(not _is_clean(part) for part in request.parts):
        why = _TAKEN_OUT
    return _row(node, "model", what, "llm", why, served=spent is not None and spent.served)


def _is_clean(part: Any) -> bool:
    said = [getattr(part, name, None) for name in ("text", "content", "args")]
    return is_whole(said)


def _reached(node: RecordedNode) -> Free:
    """Give what reached outside, or a driver that asks a model by itself."""
    source: Origin = {"llm": "model", "human": "person"}.get(node.effect, "tool")  # type: ignore[assignment]
    why = ""
    if node.closed is None:
        why = _NO_END
    elif node.outcome == "success":
        why = _why_not(node.value_form)
    what = node.effect
    if source == "model" and node.opened.provider is not None:
        what = provider_name(node.opened.provider)
    return _row(node, source, what, node.effect, why)


def _why_not(form: Any) -> str:
    """Say why what an effect gave cannot be given again; nothing where it can."""
    if not isinstance(form, Mapping) or not ("json" in form or "held" in form):
        kind = form.get("type") if isinstance(form, Mapping) else None
        return f"the record holds the type of its value alone: {str(kind)[:60]}"
    return "" if is_whole(form) else _TAKEN_OUT


def _why_lost(value: Any) -> str:
    match value:
        case Lost() | LostText():
            return "the file that holds its value is lost"
        case Unkept():
            return f"the record holds the type of its value alone: {value.type_name[:60]}"
        case _:
            return "" if is_whole(value) else _TAKEN_OUT


def _said(node: RecordedNode, said: RecordedAnswer) -> Free:
    kind = "answer" if said.question is None else said.question.kind
    what = f"{kind} by {said.answer.by}"
    return _row(node, "person", what, "human", _why_lost(said.answer.value))


def _of_views(root: NodeView) -> Iterator[tuple[Free, Spent | None]]:
    for path, one in _walked(root):
        rows: list[tuple[Origin, str, str, Spent | None]] = [
            ("model", f"{r.provider}:{r.model}" if r.model else r.provider, "llm", r)
            for r in one.requests
        ]
        if one.usage is not None and not one.requests and isinstance(one.fn, AgentFunction):
            rows.append(("model", provider_name(one.provider), "llm", None))
        if one.fn.effect is not None and not one.served:
            person = one.fn.effect == "human"
            rows.append(("person" if person else "tool", one.fn.effect, one.fn.effect, None))
        for source, what, kind, spent in rows:
            row = Free(
                source=source,
                what=what,
                kind=kind,
                key=one.key,
                fn=one.fn.name,
                path=path,
                served=spent is not None and spent.served,
                why=_NOT_RECORDED,
            )
            yield row, spent


def _walked(root: NodeView) -> Iterator[tuple[str, NodeView]]:
    stack = [(root.fn.name, root)]
    while stack:
        path, one = stack.pop()
        yield path, one
        below = list(zip(steps_of(one.children), one.children, strict=True))
        stack.extend((f"{path}/{step}", child) for step, child in reversed(below))


class _Paths:
    """The paths of recorded Nodes: steps are found once, a path when it is asked for."""

    def __init__(self, root: RecordedNode) -> None:
        self._steps = {id(root): root.fn_name}
        stack = [root]
        while stack:
            one = stack.pop()
            steps = zip(one.children, steps_of(one.children), strict=True)
            self._steps.update((id(child), step) for child, step in steps)
            stack.extend(one.children)

    def of(self, node: RecordedNode) -> str:
        steps = []
        one: RecordedNode | None = node
        while one is not None:
            steps.append(self._steps.get(id(one), one.fn_name))
            one = one.parent
        return "/".join(reversed(steps))
