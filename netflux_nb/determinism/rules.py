"""Verification rules of a result: their findings, and one decision made of many."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from ..core.errors import ArgumentError, CancellationException, listed, stringify
from ..core.functions.kinds import CodeFunction, Function
from ..core.views import NodeView
from .claims import BASELINE, Bundle
from .levels import checked, fingerprint

Status = Literal["PASS", "FAIL", "ESCALATE"]
Randomness = Literal["deterministic", "sampled", "statistical"]
ArbitrationRule = Literal["unanimous", "quorum", "strict_first_failure"]
RANDOMNESS: tuple[Randomness, ...] = get_args(Randomness)
ARBITRATIONS: tuple[ArbitrationRule, ...] = get_args(ArbitrationRule)

# What rules say is for a person: this many words, of this length.
MOST_FINDINGS = 50
FINDING_CHARS = 300
# What a Function that is a rule may ask for, by the name of its argument.
_ASKABLE = ("outputs", "inputs", "fn", "state", "error")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A check of one's own.

    `check` is handed the view and says what is wrong: nothing (`None`, `True`, no words),
    that something is (`False`), in words (a text or a list of them), or a status. A
    Function is called with what its arguments name: `outputs`, `inputs`, `fn`, `state`,
    `error`; an agent as a judge is one, and `randomness` says so.

    Example:
        >>> Rule(id="short", check=lambda view: len(view.outputs) < 80).cost
        1
    """

    id: str
    check: Callable[..., Any]
    cost: int = 1
    randomness: Randomness = "deterministic"

    def __post_init__(self) -> None:
        checked("The randomness of a rule", self.randomness, RANDOMNESS)
        if not self.id or self.id in BASELINE:
            raise ArgumentError(f"A rule needs a name of its own, got {self.id[:80]!r}.")
        if self.cost < 0:
            raise ArgumentError(f"A rule costs 0 or more, got {self.cost}.")
        if isinstance(self.check, Function):
            strange = sorted({arg.name for arg in self.check.args} - set(_ASKABLE))
            if strange:
                raise ArgumentError(
                    f"The rule {self.id!r} asks for {strange[0]!r}. It may ask for: "
                    f"{', '.join(_ASKABLE)}."
                )

    def run(self, view: NodeView) -> Any:
        """Ask the check."""
        check = self.check
        if not isinstance(check, Function):
            return check(view)
        error = view.exception
        known: dict[str, Any] = {
            "outputs": view.outputs,
            "inputs": dict(view.inputs),
            "fn": view.fn.name,
            "state": view.state.value,
            "error": "" if error is None else stringify(error),
        }
        return check(**{arg.name: known[arg.name] for arg in check.args})

    @property
    def version(self) -> str:
        """A hash of what the check does."""
        if isinstance(self.check, Function):
            return self.check.version
        holder = CodeFunction(name="rule", desc="rule", args=[], callable=_nothing)
        holder.original = self.check
        return holder.version


def _nothing(ctx: Any) -> None:
    """Stand where a body must."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationPolicy:
    """The rules for a result, and the arbitration that makes one decision of many.

    The eight rules on claims always hold; `rules` adds to them: a `Rule`, any callable that
    takes a view, or the name of one of the eight.

    Args:
        rules: What else is asked.
        fail_on: Rules whose violation fails, whatever else is found.
        escalate_on: Rules whose violation is for a person.
        max_rule_cost: What the rules of one bundle may cost together.
        randomness_tolerance: How random a check may be that is believed.
        arbitration: How decisions become one.
        quorum: How many of a kind decide; the majority, where left out.
        failure_mode: What a caller does with a result that did not pass.
    """

    rules: Sequence[Rule | Callable[..., Any] | str] = ()
    fail_on: Sequence[str] = ()
    escalate_on: Sequence[str] = ()
    max_rule_cost: int = 100
    randomness_tolerance: Randomness = "deterministic"
    arbitration: ArbitrationRule = "unanimous"
    quorum: int | None = None
    failure_mode: str = "halt"
    own: tuple[Rule, ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        checked("The tolerance", self.randomness_tolerance, RANDOMNESS)
        checked("The arbitration", self.arbitration, ARBITRATIONS)
        if self.quorum is not None and self.quorum < 1:
            raise ArgumentError(f"A quorum is 1 or more, got {self.quorum}.")
        for name in ("rules", "fail_on", "escalate_on"):
            value = getattr(self, name)
            if isinstance(value, str):
                raise ArgumentError(f"{name} is a list, got the one text {value[:80]!r}.")
            object.__setattr__(self, name, tuple(value))
        own = tuple(_rule(one) for one in self.rules if not isinstance(one, str))
        strange = [r for r in self.rules if isinstance(r, str) and r not in BASELINE]
        if strange:
            raise ArgumentError(
                f"verification rule not registered: {strange[0][:80]}. There are: "
                f"{listed(BASELINE)}. Give your own as a `Rule` or a callable."
            )
        names = [one.id for one in own]
        if len(set(names)) < len(names):
            raise ArgumentError(f"Rules have different names, got {', '.join(names)[:200]}.")
        object.__setattr__(self, "own", own)

    @property
    def fingerprint(self) -> str:
        """A hash of all this says, and of what its own rules do."""
        plain = {
            name: getattr(self, name)
            for name in (
                "fail_on",
                "escalate_on",
                "max_rule_cost",
                "randomness_tolerance",
                "arbitration",
                "quorum",
                "failure_mode",
            )
        }
        own = [[r.id, r.cost, r.randomness, r.version] for r in self.own]
        return fingerprint({**plain, "rules": own})


def _rule(thing: Rule | Callable[..., Any] | str) -> Rule:
    if isinstance(thing, Rule):
        return thing
    if isinstance(thing, Function):
        return Rule(
            id=thing.name,
            check=thing,
            randomness="sampled" if thing.is_agent() else "deterministic",
        )
    if not callable(thing):
        raise ArgumentError(f"A rule is a callable, got {type(thing).__name__}.")
    return Rule(id=getattr(thing, "__name__", type(thing).__name__), check=thing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What one engine says of one Node."""

    engine: str
    status: Status
    reason: str
    violations: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    randomness: Randomness = "deterministic"
    cost: int = 0
    node_key: str = ""


def verify_content(
    bundle: Bundle, policy: VerificationPolicy, view: NodeView | None = None
) -> Decision:
    """Hold claims to the eight rules, and a Node to the policy's own.

    A rule of one's own that no longer fits into `max_rule_cost` is not run.
    """
    violations, findings = [], []
    forced: dict[str, Status] = {}
    cost, is_random = 0, False
    randomness: Randomness = "deterministic"
    for rule in policy.own if view is not None else ():
        assert view is not None
        cost += rule.cost
        randomness = max(randomness, rule.randomness, key=rank)
        is_random |= rank(rule.randomness) > rank(policy.randomness_tolerance)
        if cost > policy.max_rule_cost:
            continue
        status, words = _asked(rule, view)
        if status != "PASS":
            violations.append(rule.id)
            forced[rule.id] = status
            findings += [f"{rule.id}: {one}" for one in words]
    cost += len(BASELINE)
    violations += [name for name, holds in BASELINE.items() if not holds(bundle)]
    if is_random:
        violations.append("rule_randomness_exceeds_policy")
    if cost > policy.max_rule_cost:
        violations.append("verification_cost_budget")
    status, reason = judged(violations, forced, policy)
    return Decision(
        engine="content",
        status=status,
        reason=reason,
        violations=tuple(violations),
        findings=tuple(findings[:MOST_FINDINGS]),
        randomness=randomness,
        cost=cost,
        node_key="" if view is None else view.key,
    )


def _asked(rule: Rule, view: NodeView) -> tuple[Status, list[str]]:
    """Run a rule. One that fails has found nothing right."""
    try:
        said = rule.run(view)
    except CancellationException:
        raise
    except Exception as error:  # noqa: BLE001  a rule is a plug of the user's
        return "FAIL", [stringify(error, FINDING_CHARS)]
    if said is None or said is True or said == "PASS":
        return "PASS", []
    if said in ("FAIL", "ESCALATE"):
        return said, []
    if said is False:
        return "FAIL", []
    many = [said] if isinstance(said, str) else said
    if not isinstance(many, Iterable) or isinstance(many, Mapping):
        return "FAIL", [f"it gave {type(said).__name__}, which says nothing"]
    words = [str(one)[:FINDING_CHARS] for one in list(many)[:MOST_FINDINGS] if str(one)]
    return ("FAIL" if words else "PASS"), words


def judged(
    violations: Collection[str], forced: Mapping[str, Status], policy: VerificationPolicy
) -> tuple[Status, str]:
    """Give the status of what was found, and why; `forced` is what rules said themselves."""
    if any(name in policy.fail_on for name in violations):
        return "FAIL", "policy_fail_on"
    escalates = {name for name, status in forced.items() if status == "ESCALATE"}
    if any(name in policy.escalate_on for name in violations):
        return "ESCALATE", "policy_escalate_on"
    if violations and escalates.issuperset(violations):
        return "ESCALATE", "rule_escalates"
    if violations:
        return "FAIL", "baseline_rule_violation"
    return "PASS", "verification_passed"


def rank(randomness: Randomness) -> int:
    """Give the place of a randomness: the higher, the more random."""
    return RANDOMNESS.index(randomness)


def arbitrate(
    statuses: Sequence[Status],
    rule: ArbitrationRule = "unanimous",
    *,
    quorum: int | None = None,
    randomness: Randomness = "deterministic",
    tolerance: Randomness = "deterministic",
) -> Status:
    """Make one decision of many. A pass that was more random than tolerated is for a person.

    Example:
        >>> arbitrate(["PASS", "ESCALATE", "PASS"], "quorum")
        'PASS'
    """
    decided: Status = "PASS"
    match rule:
        case "unanimous":
            if "FAIL" in statuses:
                decided = "FAIL"
            elif "ESCALATE" in statuses:
                decided = "ESCALATE"
        case "quorum":
            enough = quorum or len(statuses) // 2 + 1
            if statuses.count("PASS") < enough:
                decided = "FAIL" if statuses.count("FAIL") >= enough else "ESCALATE"
        case "strict_first_failure":
            for status in statuses:
                if status != "PASS":
                    decided = status
                    break
    is_random = rank(randomness) > rank(tolerance)
    return "ESCALATE" if is_random and decided == "PASS" else decided
