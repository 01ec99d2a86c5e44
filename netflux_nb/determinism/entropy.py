"""The policy that watches for variation while a run runs, and stops undeclared uses."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..core.bill import price
from ..core.errors import ArgumentError
from ..core.messages import ModelRequest, Spent, TokenUsage, provider_name
from ..core.policy import (
    Admit,
    Ask,
    Closed,
    Draw,
    Enter,
    Leave,
    Moment,
    Refuse,
    Replied,
    Switch,
    Verdict,
)
from .ledger import Ledger, LedgerEntry, ReportLine, Use, UseFault, cost_of, use_of
from .levels import (
    LEVELS,
    MAGNITUDES,
    EntropyBudget,
    Intent,
    Level,
    Magnitude,
    NonDeterminismPolicy,
    NonDeterminismViolationError,
    checked,
    source_of,
    unsafe_config,
)

# Ledgers of finished trees that are kept; the oldest goes first.
KEEP_TREES = 1000
# Enough to learn whether a price is known.
_PROBE = TokenUsage(input_tokens_regular=1, input_tokens_total=1, output_tokens_total=1)


@dataclass(slots=True)
class _Tree:
    """The state of one tree while it runs."""

    ledger: Ledger
    # Requests on their way, by Node.
    asked: dict[int, LedgerEntry] = field(default_factory=dict)
    # Answers that were counted, by Node: the same one is seen more than once.
    answers: dict[int, Any] = field(default_factory=dict)
    # Nodes whose driver counts its own tokens.
    drivers: dict[int, LedgerEntry] = field(default_factory=dict)


class Determinism:
    """Keeps a ledger of each tree: what varied, and whether that was declared.

    A request to a model, an effect, a draw and a person's answer are weighed before they
    happen. What is outside the declaration is refused at level "strict" and shown as not
    authorised at the others. A budget that is used up does what it says: "halt" refuses,
    "degrade" asks `degrade_to` from then on, "mark_non_certifiable" flags the run.

    Args:
        level: How much a run of this may vary.
        budget: How much of which sources; without one, nothing is declared.
        intents: What the program says it uses, and why.
        policy: What may be declared at all; looked at now.
        degrade_to: The model that is asked once a budget is used up.
        variance: No magnitude above this one.
        magnitudes: How strongly a kind of effect varies, such as `{"shell": "low"}`.

    Example:
        >>> Determinism(level="strict").report()
        ()
    """

    moments = frozenset({Admit, Enter, Ask, Replied, Draw, Leave, Closed})

    def __init__(
        self,
        *,
        level: Level = "bounded",
        budget: EntropyBudget | None = None,
        intents: Iterable[Intent] = (),
        policy: NonDeterminismPolicy | None = None,
        degrade_to: str | None = None,
        variance: Magnitude | None = None,
        magnitudes: Mapping[str, Magnitude] | None = None,
        keep_trees: int = KEEP_TREES,
    ) -> None:
        self._keep_trees = keep_trees
        checked("A level", level, LEVELS)
        self.level: Level = level
        self.budget = budget
        self.intents = tuple(intents)
        self.variance: Magnitude | None = variance
        self.magnitudes: dict[str, Magnitude] = dict(magnitudes or {})
        if variance is not None:
            checked("A variance class", variance, MAGNITUDES)
        for kind, magnitude in self.magnitudes.items():
            checked(f"The magnitude of {kind[:40]!r}", magnitude, MAGNITUDES)
        if degrade_to is not None and not degrade_to.strip(" :"):
            raise ArgumentError(
                f"degrade_to names a model, such as 'gemini'; got {degrade_to[:80]!r}."
            )
        self.degrade_to = degrade_to
        if policy is not None:
            policy.check(self.intents, budget, variance)
        self._lock = threading.Lock()  # guards the trees and their ledgers
        self._trees: OrderedDict[int, _Tree] = OrderedDict()
        self._done: OrderedDict[int, Ledger] = OrderedDict()

    @property
    def warning(self) -> str | None:
        """What of this lets a run go on that varies; None where nothing does."""
        action = "halt" if self.budget is None else self.budget.exhaustion_action
        return unsafe_config(self.level, action)

    @property
    def declared(self) -> dict[str, Any]:
        """What is declared, in plain values: the record of each run keeps it."""
        budget = None if self.budget is None else asdict(self.budget)
        for name in ("allowed_sources", "per_source", "ceilings"):
            if budget is not None:
                budget[name] = list(budget[name])
        return {
            "level": self.level,
            "variance": self.variance,
            "budget": budget,
            "intents": [asdict(one) for one in self.intents],
            "magnitudes": dict(self.magnitudes),
        }

    def ledger(self, node: Any) -> Ledger:
        """Give the ledger of the tree of a Node, running or finished."""
        root = node.root_ancestor
        with self._lock:
            known = self._done.get(root.id)
            if known is None and root.is_done and root.id not in self._trees:
                known = self._fresh()  # nothing varied
            return self._tree(root.id).ledger if known is None else known

    def report(self, node: Any = None) -> tuple[ReportLine, ...]:
        """Give what was free in the tree of a Node; without one, in the newest that varied."""
        if node is not None:
            return self.ledger(node).report()
        with self._lock:
            trees = self._done | {root: tree.ledger for root, tree in self._trees.items()}
            return trees[max(trees)].report() if trees else ()

    def _fresh(self) -> Ledger:
        return Ledger(self.budget, self.intents, variance=self.variance, level=self.level)

    def _tree(self, root: int) -> _Tree:
        tree = self._trees.get(root)
        if tree is None:
            tree = self._trees[root] = _Tree(self._fresh())
        return tree

    def __call__(self, moment: Moment, /) -> Verdict:
        """Rule on what is about to vary, or take note of what it came to."""
        node = moment.node
        if isinstance(moment, (Admit, Enter, Leave)) and _is_plain(node):
            return None
        root = node.root_ancestor.id
        with self._lock:
            if isinstance(moment, Closed):
                self._closed(node, root)
                return None
            tree = self._tree(root)
            match moment:
                case Admit():
                    return self._admit(tree, node)
                case Enter():
                    return self._enter(tree, node)
                case Ask(request=request):
                    return self._ask(tree, node, request)
                case Replied(spent=spent):
                    self._replied(tree, node, spent)
                    return None
                case Draw(kind=kind):
                    return self._weigh(tree, node, use_of(kind, self.magnitudes))
                case Leave():
                    return self._answered(tree, node)

    def _admit(self, tree: _Tree, node: Any) -> Refuse | None:
        """Refuse before it starts what could not go on. It counts when its body runs."""
        if node.fn.effect is None:
            return None
        fault = tree.ledger.fault(use_of(node.fn.effect, self.magnitudes))
        if fault is None or not self._stops(fault):
            return None
        return self._weigh(tree, node, use_of(node.fn.effect, self.magnitudes))

    def _enter(self, tree: _Tree, node: Any) -> Refuse | None:
        refused = None
        if node.fn.effect is not None:
            refused = self._weigh(tree, node, use_of(node.fn.effect, self.magnitudes))
        elif node.fn.is_agent() and node.is_driver:
            refused = self._weigh(tree, node, use_of("llm", self.magnitudes), tree.drivers)
        return refused or self._answered(tree, node)

    def _answered(self, tree: _Tree, node: Any) -> Refuse | None:
        if not self._is_new(tree, node):
            return None
        return self._weigh(tree, node, use_of("human", self.magnitudes))

    def _is_new(self, tree: _Tree, node: Any) -> bool:
        """True for a person's answer, an approval or another, that was not counted."""
        answer = node.answer_given
        if answer is None or tree.answers.get(node.id) is answer:
            return False
        tree.answers[node.id] = answer
        effect = node.fn.effect
        # A Function that is a question was counted when it asked.
        return effect is None or source_of(effect) != "human_input"

    def _ask(self, tree: _Tree, node: Any, request: ModelRequest) -> Refuse | Switch | None:
        before = tree.asked.pop(node.id, None)
        if before is not None:  # the same request, which another policy held or changed
            tree.ledger.take_back(before)
        known = price(request.provider, request.model, _PROBE) is not None
        use = use_of("llm", self.magnitudes, is_open=True, is_priced=known)
        refused = self._weigh(tree, node, use, tree.asked)
        if refused is not None or self.degrade_to is None:
            return refused
        if tree.ledger.actions.get(use.source) != "degrade":
            return None
        asked = f"{request.provider}:{request.model}" if request.model else request.provider
        wanted = self.degrade_to
        is_there = asked == wanted or request.provider == wanted
        return None if is_there else Switch(wanted)

    def _weigh(
        self, tree: _Tree, node: Any, use: Use, kept: dict[int, LedgerEntry] | None = None
    ) -> Refuse | None:
        ledger = tree.ledger
        fault = ledger.fault(use)
        if fault is not None and self._stops(fault):
            if fault.action is not None:
                ledger.exhaust(use.source, fault.action)
            return Refuse(_violation(node, use, fault))
        entry = ledger.observe(use)
        if kept is not None:
            kept[node.id] = entry
        return None

    def _stops(self, fault: UseFault) -> bool:
        return self.level == "strict" if fault.action is None else fault.action == "halt"

    def _replied(self, tree: _Tree, node: Any, spent: Spent | None) -> None:
        entry = tree.asked.pop(node.id, None)
        if entry is None:
            return
        if spent is None or spent.time is None or spent.served:
            tree.ledger.take_back(entry)  # it was not sent, or a record answered
        else:
            tree.ledger.settle(entry, **cost_of(spent))

    def _closed(self, node: Any, root: int) -> None:
        if node.answer_given is not None:  # a no, after which no body ran
            tree = self._tree(root)
            if self._is_new(tree, node):
                tree.ledger.observe(use_of("human", self.magnitudes))
        known = self._trees.get(root)
        if known is None:
            return
        known.answers.pop(node.id, None)
        entry = known.drivers.pop(node.id, None)
        if entry is not None:
            known.ledger.settle(entry, **cost_of(_counted(node)))
        if node.parent is None:
            del self._trees[root]
            self._done[root] = known.ledger
            while len(self._done) > self._keep_trees:
                self._done.popitem(last=False)

    def __repr__(self) -> str:
        return f"Determinism(level={self.level!r}, degrade_to={self.degrade_to!r})"


def _is_plain(node: Any) -> bool:
    """True for code that varies in nothing and that nobody was asked about."""
    return node.fn.effect is None and node.answer_given is None and not node.fn.is_agent()


def _counted(node: Any) -> Spent:
    return Spent(provider_name(node.provider), getattr(node, "model", None), node.token_usage)


def _violation(node: Any, use: Use, fault: UseFault) -> NonDeterminismViolationError:
    does = {"llm": "asks a model", "human": "asks a person"}.get(use.kind, f"uses {use.kind}")
    return NonDeterminismViolationError(
        f"{node.fn.name}() {does}, which varies ({use.source}, {use.magnitude}): {fault.why}."
    )


__all__ = ["Determinism"]
