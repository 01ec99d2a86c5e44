"""The policy file of a flow, read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..determinism.rules import VerificationPolicy
from .manifest import SAID, ConfigurationError, as_configuration, needed, part, text_list, word

_POLICY = (
    "rules",
    "fail_on",
    "escalate_on",
    "max_rule_cost",
    "randomness_tolerance",
    "arbitration_policy",
    "verification_level",
    "required_evidence",
    "failure_mode",
)


def policy_from_json(data: Any) -> VerificationPolicy:
    """Read a policy from the plain JSON of its file.

    Its rules name some of the eight that always hold. `verification_level` and
    `required_evidence` are taken, and say nothing.

    Example:
        >>> policy_from_json({"rules": [], "fail_on": ["unique_claim_ids"]}).arbitration
        'unanimous'
    """
    if isinstance(data, Mapping) and set(data) == {"verification_policy"}:
        data = data["verification_policy"]
    fields = part("A policy", data, _POLICY)
    made: dict[str, Any] = {
        name: text_list(name, fields[name]) for name in ("fail_on", "escalate_on") if name in fields
    }
    for name in ("randomness_tolerance", "failure_mode"):
        if name in fields:
            made[name] = word(name, fields[name])
    cost = fields.get("max_rule_cost", 100)
    if isinstance(cost, bool) or not isinstance(cost, int) or cost < 0:
        raise ConfigurationError(f"max_rule_cost is a whole number, got {str(cost)[:SAID]!r}.")
    rules = fields.get("rules", [])
    if not isinstance(rules, list):
        raise ConfigurationError(f"rules is a list; got {type(rules).__name__}.")
    with as_configuration():
        return VerificationPolicy(
            **made,
            **_arbitration(fields.get("arbitration_policy", "unanimous")),
            max_rule_cost=cost,
            rules=[_rule_name(one) for one in rules],
        )


def _rule_name(one: Any) -> str:
    name = one.get("rule_id") if isinstance(one, Mapping) else one
    return word("The rule_id of a rule", name)


def _arbitration(data: Any) -> dict[str, Any]:
    if isinstance(data, str):
        return {"arbitration": data}
    given = part("arbitration_policy", data, ("rule", "quorum_threshold"))
    needed("arbitration_policy", given, "rule")
    most = given.get("quorum_threshold")
    if most is not None and (isinstance(most, bool) or not isinstance(most, int)):
        raise ConfigurationError("quorum_threshold is a whole number, or null.")
    return {"arbitration": word("The rule", given["rule"]), "quorum": most}
