"""The modes in which a call runs, or is only watched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from ..core.errors import NoNodeError
from ..core.functions.kinds import Function
from ..core.policy import LiveCursor
from ..core.views import NodeState, NodeView
from ..determinism.entropy import Determinism
from ..determinism.levels import EntropyBudget
from ..determinism.rules import VerificationPolicy
from ..determinism.verification import Verification, Verifies, verify
from ..run import Run
from ..runtime.nodes import Node
from ..runtime.runtime import Runtime
from ..session import default_runtime
from .standins import StandIns

Mode = Literal["plan", "dry-run", "live", "observe", "unsafe"]


def begin(
    runtime: Runtime,
    fn: Function,
    inputs: Mapping[str, Any] | None = None,
    mode: Mode = "live",
    about: Mapping[str, Any] | None = None,
) -> Node:
    """Start a call in a mode that runs, and say so in its record.

    `about` is recorded beside the mode, for whoever reads the record.
    """
    cursor = (
        StandIns(runtime, about)
        if mode == "dry-run"
        else LiveCursor(runtime, {"mode": mode, **(about or {})})
    )
    return runtime.invoke(None, fn, inputs or {}, cursor=cursor)


def dry_run(
    fn: Function, inputs: Mapping[str, Any] | None = None, *, runtime: Runtime | None = None
) -> Run:
    """Run a call with stand-ins: code runs, whatever costs or changes something does not.

    Agents are answered with values that fit what they give; Functions marked as effects are
    not executed, and give such a value too; questions and approvals are answered. Unmarked
    code that reaches outside does so: this is no sandbox.

    Example:
        >>> from netflux_nb import Runtime, agent
        >>> guess = agent("guess(of: str) -> int", "How many {of}?")
        >>> with Runtime([guess], record=False) as runtime:
        ...     dry_run(guess, {"of": "beans"}, runtime=runtime).result()
        0
    """
    return Run.of(begin(runtime or default_runtime(), fn, inputs, "dry-run"))


def unsafe(
    fn: Function, inputs: Mapping[str, Any] | None = None, *, runtime: Runtime | None = None
) -> Run:
    """Run a call live, and write in its record that nothing was enforced.

    Make its runtime with `policies=loosened(policies)`: they look on, and stop nothing.
    """
    return Run.of(begin(runtime or default_runtime(), fn, inputs, "unsafe"))


def loosened(policies: Iterable[Any]) -> list[Any]:
    """Give policies of which those on verification and on variance only look on.

    All others, such as budgets and approvals, rule as before.
    """
    found: list[Any] = []
    for policy in policies:
        if isinstance(policy, Verifies):
            found.append(Verifies(policy.policy, only=policy.only, is_enforced=False))
        elif isinstance(policy, Determinism):
            found.append(_looking_on(policy))
        else:
            found.append(policy)
    return found


def _looking_on(policy: Determinism) -> Determinism:
    return Determinism(
        level="bounded" if policy.level == "strict" else policy.level,
        budget=None if policy.budget is None else _marking(policy.budget),
        intents=policy.intents,
        degrade_to=policy.degrade_to,
        variance=policy.variance,
        magnitudes=policy.magnitudes,
    )


def _marking(budget: EntropyBudget) -> EntropyBudget:
    """Give a budget that marks where it would have stopped."""
    mark: Any = {"exhaustion_action": "mark_non_certifiable"}

    def loose(parts: Sequence[Any]) -> list[Any]:
        return [
            replace(part, **mark) if part.exhaustion_action == "halt" else part for part in parts
        ]

    own = mark if budget.exhaustion_action == "halt" else {}
    return replace(
        budget, per_source=loose(budget.per_source), ceilings=loose(budget.ceilings), **own
    )


def observe(run: Run | NodeView, policy: VerificationPolicy | None = None) -> Verification:
    """Hold a run to a policy without running anything of it: a stored one, or as far as one is.

    Of a live run that has not ended, only what it said so far is judged; one that was cut
    off has failed.
    """
    if isinstance(run, NodeView):
        return verify(run, policy)
    view = run.view()
    if _is_live(run) and not view.is_done:
        view = replace(view, state=NodeState.Success)
    return verify(view, policy)


def _is_live(run: Run) -> bool:
    try:
        return run.root is not None
    except NoNodeError:
        return False
