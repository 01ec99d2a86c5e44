"""Verification of a Node's result under a policy: rules, decisions, and one status."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from ..core.errors import ArgumentError, NetfluxError
from ..core.functions import schema
from ..core.functions.kinds import AgentFunction, Function
from ..core.policy import Leave, Moment, Refuse, Verdict
from ..core.views import NodeState, NodeView
from .claims import Bundle, Claim, bundle_of, contradictions
from .levels import fingerprint
from .rules import (
    FINDING_CHARS,
    Decision,
    Status,
    VerificationPolicy,
    arbitrate,
    judged,
    rank,
    verify_content,
)

# Verifications that a policy keeps; the oldest goes first.
KEPT = 1000


class VerificationFailure(NetfluxError):  # noqa: N818  the seed's name
    """A result was not as its rules want it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The outcome of a verification under a policy, with every decision on the way."""

    status: Status
    violations: tuple[str, ...]
    decisions: tuple[Decision, ...]
    policy: str

    @property
    def findings(self) -> tuple[str, ...]:
        """The findings of all rules, in words."""
        return tuple(words for one in self.decisions for words in one.findings)

    @property
    def contradiction_count(self) -> int:
        """In how many ways the claims contradict each other."""
        return sum(len(d.violations) for d in self.decisions if d.engine == "contradiction")

    def __str__(self) -> str:
        wrong = f": {', '.join(self.violations)}" if self.violations else ""
        return f"{self.status}{wrong}"


def output_hash(view: NodeView) -> str | None:
    """Hash what a Node gave; None for a value without a portable form."""
    try:
        return fingerprint(view.outputs)
    except ArgumentError:
        return None


def _outcome(view: NodeView) -> Decision:
    if view.state is NodeState.Success:
        return Decision(engine="outcome", status="PASS", reason="succeeded", node_key=view.key)
    return _wrong("outcome", view, "outcome_not_success", f"it is {view.state.value}")


def _schema(view: NodeView) -> Decision | None:
    """Look at an agent's result; of a stored one the type is not known."""
    fn = view.fn
    if not isinstance(fn, AgentFunction) or view.state is not NodeState.Success:
        return None
    try:
        schema.check(fn.result_type, view.outputs)
    except ArgumentError as error:
        return _wrong("schema", view, "result_schema", str(error))
    return Decision(engine="schema", status="PASS", reason="fits", node_key=view.key)


def _same_hash(view: NodeView, expected: str) -> Decision:
    found = output_hash(view)
    if found == expected:
        return Decision(engine="hash", status="PASS", reason="same", node_key=view.key)
    return _wrong("hash", view, "output_hash", f"it hashes to {found or 'nothing'}")


def _wrong(engine: str, view: NodeView, violation: str, words: str) -> Decision:
    return Decision(
        engine=engine,
        status="FAIL",
        reason=violation,
        violations=(violation,),
        findings=(f"{view.fn.name}(): {words[:FINDING_CHARS]}",),
        node_key=view.key,
    )


def verify(
    view: NodeView,
    policy: VerificationPolicy | None = None,
    *,
    expected_hash: str | None = None,
    also: Iterable[Decision] = (),
) -> Verification:
    """Hold a Node, live or stored, and the claims of its whole tree to a policy.

    Nothing of the tree is run again. All decisions are kept, so none hides another.

    Args:
        view: What came of it.
        policy: What it is held to; the eight rules alone, where left out.
        expected_hash: What `output_hash` of it has to be.
        also: What somebody else found; the engine "integrity" is not voted on.
    """
    policy = policy or VerificationPolicy()
    bundles = [(one, found) for _, one in view.walk() if (found := bundle_of(one)) is not None]
    mine = next((found for one, found in bundles if one is view), Bundle())
    decisions = [_outcome(view), verify_content(mine, policy, view)]
    for one, found in bundles:
        if one is not view:
            decisions.append(replace(verify_content(found, policy), node_key=one.key))
    decisions += [made for _, one in view.walk() if (made := _schema(one)) is not None]
    if expected_hash is not None:
        decisions.append(_same_hash(view, expected_hash))
    decisions += also
    decisions.append(_contradiction([c for _, b in bundles for c in b.claims], policy))
    voting = [one for one in decisions if one.engine not in _FACTS]
    status = arbitrate(
        [one.status for one in voting],
        policy.arbitration,
        quorum=policy.quorum,
        randomness=max((one.randomness for one in voting), key=rank),
        tolerance=policy.randomness_tolerance,
    )
    if any(one.status != "PASS" for one in decisions if one.engine in _FACTS):
        status = "FAIL"
    violations = dict.fromkeys(name for one in decisions for name in one.violations)
    return Verification(
        status=status,
        violations=tuple(violations),
        decisions=tuple(decisions),
        policy=policy.fingerprint,
    )


# No majority makes a failed Node, or another value than the one expected, a good one.
_FACTS = ("outcome", "hash", "integrity")


def _contradiction(claims: Sequence[Claim], policy: VerificationPolicy) -> Decision:
    violations = contradictions(claims)
    status, reason = judged(violations, {}, policy)
    return Decision(
        engine="contradiction",
        status=status,
        reason=reason if status == "PASS" else "contradiction_detected",
        violations=violations,
    )


class Verifies:
    """A policy that verifies results as they come, before anybody uses them.

    A result that does not pass fails its Node with a `VerificationFailure`. It looks at
    Nodes that make claims, and at those it is told of.

    Args:
        policy: What results are held to. Its rules are plain callables: no Function can be
            called while a Node ends.
        only: Names of Functions; every one that makes claims, where left out.
        is_enforced: False to look and let go: `found` holds what would have been refused.
    """

    moments = frozenset({Leave})

    def __init__(
        self,
        policy: VerificationPolicy,
        *,
        only: Collection[str] | None = None,
        is_enforced: bool = True,
    ) -> None:
        calls = [rule.id for rule in policy.own if isinstance(rule.check, Function)]
        if calls:
            raise ArgumentError(
                f"The rule {calls[0]!r} is a Function, which cannot be called while a Node ends. "
                f"Use it in `verify(node.view(), policy)`."
            )
        self.policy = policy
        self.only = None if only is None else frozenset(only)
        self.is_enforced = is_enforced
        self.found: deque[tuple[str, Verification]] = deque(maxlen=KEPT)

    def __call__(self, moment: Moment, /) -> Verdict:
        """Verify what a body came to."""
        assert isinstance(moment, Leave)
        node = moment.node
        if moment.error is not None or (self.only is not None and node.fn.name not in self.only):
            return None
        view = replace(node.view(), state=NodeState.Success, outputs=moment.value)
        if self.only is None and bundle_of(view) is None:
            return None
        found = verify(view, self.policy)
        self.found.append((node.key, found))
        if found.status == "PASS" or not self.is_enforced:
            return None
        words = f" {'; '.join(found.findings)[:FINDING_CHARS]}" if found.findings else ""
        return Refuse(VerificationFailure(f"{node.fn.name}() was not verified: {found}.{words}"))
