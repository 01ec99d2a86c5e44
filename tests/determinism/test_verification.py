"""Whether a result is believed: rules, claims, and one decision of many (rows F61 to F69)."""

import math
from dataclasses import dataclass, replace

import pytest

from netflux_nb import NodeState, Runtime, agent, function, view_from_json, view_to_json
from netflux_nb.core.errors import ArgumentError
from netflux_nb.determinism.claims import (
    BASELINE,
    Bundle,
    Claim,
    Evidence,
    bundle_of,
    contradictions,
)
from netflux_nb.determinism.rules import Rule, VerificationPolicy, arbitrate, verify_content
from netflux_nb.determinism.verification import VerificationFailure, Verifies, output_hash, verify
from netflux_nb.record.journal import Journal
from netflux_nb.replay.begin import replay
from netflux_nb.replay.recording import Recording
from netflux_nb.testing import ScriptedModel

HASH = "9f86d081"
SOUND = Bundle(
    claims=[Claim("c1", f"It rains, says e1 ({HASH})", 0.9, ["e1"])],
    evidence=[Evidence("e1", HASH)],
    evidence_ids=["e1"],
)


def node_of(fn, inputs=None, *policies, models=None):
    with Runtime([fn], policies=policies, models=models) as runtime:
        node = runtime.get_ctx().invoke(fn, inputs or {})
        node.wait(20)
    return node


def seen(fn, **options):
    """Run one tree and give the view of it."""
    with Runtime([fn], **options) as runtime:
        node = runtime.get_ctx().invoke(fn, {})
        node.wait(20)
        return node.view()


def view_of(value):
    @function
    def give() -> object:
        """Give it."""
        return value

    return seen(give)


def test_f61_a_policy_says_what_holds_and_is_checked():
    policy = VerificationPolicy()

    assert (policy.max_rule_cost, policy.arbitration, policy.failure_mode) == (
        100,
        "unanimous",
        "halt",
    )
    for wrong in (
        {"arbitration": "loudest"},
        {"randomness_tolerance": "some"},
        {"quorum": 0},
        {"fail_on": "confidence_in_range"},
        {"rules": [7]},
    ):
        with pytest.raises(ArgumentError):
            VerificationPolicy(**wrong)


BROKEN = {
    "claim_requires_evidence": replace(SOUND, claims=[Claim("c1", "x")]),
    "confidence_in_range": replace(SOUND, claims=[replace(SOUND.claims[0], confidence=math.nan)]),
    "unique_claim_ids": replace(SOUND, claims=[*SOUND.claims, *SOUND.claims]),
    "bundle_evidence_ids_match_inputs": replace(SOUND, evidence_ids=["e1", "e2"]),
    "claim_supports_known_evidence": replace(SOUND, evidence=[], evidence_ids=[]),
    "claim_mentions_evidence_id": replace(
        SOUND, claims=[Claim("c1", f"It rains ({HASH})", 0.9, ["e1"])]
    ),
    "claim_mentions_evidence_hash": replace(
        SOUND, claims=[Claim("c1", "It rains, says e1", 0.9, ["e1"])]
    ),
    "claim_mentions_artifact_hash": replace(SOUND, artifact_hashes=["abc"]),
}


@pytest.mark.parametrize(("rule", "bundle"), BROKEN.items(), ids=BROKEN)
def test_f62_each_baseline_rule_finds_its_fault(rule, bundle):
    found = verify_content(bundle, VerificationPolicy())

    assert rule in found.violations
    assert found.status == "FAIL"


def test_f62_a_sound_bundle_passes_all_eight():
    found = verify_content(SOUND, VerificationPolicy())

    assert len(BASELINE) == found.cost == 8
    assert (found.status, found.reason) == ("PASS", "verification_passed")


SAID = {
    "nothing": (None, "PASS", ()),
    "true": (True, "PASS", ()),
    "no words": ([], "PASS", ()),
    "false": (False, "FAIL", ()),
    "words": ("too short", "FAIL", ("mine: too short",)),
    "many words": (["a", "b"], "FAIL", ("mine: a", "mine: b")),
    "a status": ("ESCALATE", "ESCALATE", ()),
    "nonsense": (7, "FAIL", ("mine: it gave int, which says nothing",)),
}


@pytest.mark.parametrize(("said", "status", "findings"), SAID.values(), ids=SAID)
def test_f63_a_rule_of_ones_own_says_what_is_wrong(said, status, findings):
    rule = Rule(id="mine", check=lambda view: said)

    found = verify(view_of(1), VerificationPolicy(rules=[rule]))

    assert found.status == status
    assert found.findings == findings
    assert found.violations == (() if status == "PASS" else ("mine",))


def test_f63_a_rule_sees_the_view():
    def is_one(view):
        return view.outputs == 1

    policy = VerificationPolicy(rules=[is_one])

    assert verify(view_of(1), policy).status == "PASS"
    assert verify(view_of(2), policy).violations == ("is_one",)


def test_f63_a_rule_that_fails_finds_nothing_right():
    found = verify(view_of(1), VerificationPolicy(rules=[lambda view: view.nowhere]))

    assert found.status == "FAIL"
    assert "AttributeError" in found.findings[0]


def test_f63_a_function_may_be_a_rule_and_asks_for_what_it_needs():
    asked = []

    @function
    def is_small(outputs: int, state: str) -> str:
        """Check."""
        asked.append((outputs, state))
        return "" if outputs < 5 else f"{outputs} is large"

    policy = VerificationPolicy(rules=[is_small])

    assert verify(view_of(1), policy).status == "PASS"
    assert verify(view_of(7), policy).findings == ("is_small: 7 is large",)
    assert asked == [(1, "Success"), (7, "Success")]


def test_f63_a_function_that_asks_for_what_is_not_there_is_no_rule():
    @function
    def check(weather: str) -> bool:
        """Check."""
        return True

    with pytest.raises(ArgumentError, match="asks for 'weather'"):
        VerificationPolicy(rules=[check])


def test_f63_the_cost_of_a_rule_counts_and_what_does_not_fit_is_not_run():
    ran = []
    cheap = Rule(id="cheap", check=lambda view: ran.append("cheap"), cost=2)
    dear = Rule(id="dear", check=lambda view: ran.append("dear"), cost=50)

    found = verify_content(
        Bundle(), VerificationPolicy(rules=[cheap, dear], max_rule_cost=20), view_of(1)
    )

    assert ran == ["cheap"]
    assert found.cost == 60
    assert found.violations == ("verification_cost_budget",)


def test_f63_a_rule_more_random_than_tolerated_is_a_violation():
    rule = Rule(id="judge", check=lambda view: True, randomness="sampled")

    strict = verify_content(Bundle(), VerificationPolicy(rules=[rule]), view_of(1))
    calm = VerificationPolicy(rules=[rule], randomness_tolerance="sampled")

    assert strict.violations == ("rule_randomness_exceeds_policy",)
    assert verify_content(Bundle(), calm, view_of(1)).status == "PASS"


def test_f63_an_agent_is_a_sampled_rule():
    judge = agent("judge(outputs: str) -> bool", "Is it well? {outputs}")

    assert VerificationPolicy(rules=[judge]).own[0].randomness == "sampled"


def test_f63_a_name_must_be_one_of_the_eight_and_ones_own_another():
    assert VerificationPolicy(rules=["unique_claim_ids"]).own == ()
    with pytest.raises(ArgumentError, match="not registered: mine"):
        VerificationPolicy(rules=["mine"])
    with pytest.raises(ArgumentError, match="name of its own"):
        Rule(id="unique_claim_ids", check=bool)
    with pytest.raises(ArgumentError, match="different names"):
        VerificationPolicy(rules=[Rule(id="a", check=bool), Rule(id="a", check=bool)])


def test_f64_fail_on_outweighs_escalate_on():
    bundle = BROKEN["claim_requires_evidence"]
    name = "claim_requires_evidence"

    def status(**policy):
        found = verify_content(bundle, VerificationPolicy(**policy))
        return found.status, found.reason

    assert status(escalate_on=[name]) == ("ESCALATE", "policy_escalate_on")
    assert status(fail_on=[name]) == ("FAIL", "policy_fail_on")
    assert status(fail_on=[name], escalate_on=[name]) == ("FAIL", "policy_fail_on")
    assert status() == ("FAIL", "baseline_rule_violation")


def test_f64_own_rules_may_escalate_by_policy():
    policy = VerificationPolicy(
        rules=[Rule(id="mine", check=lambda v: False)], escalate_on=["mine"]
    )

    assert verify(view_of(1), policy).status == "ESCALATE"


def test_f65_contradictions_are_found_between_the_claims_of_a_whole_tree():
    @function
    def first() -> object:
        """Claim."""
        return [Claim("c1", "it rains")]

    @function
    def second() -> object:
        """Claim."""
        return [Claim("c2", "not it rains")]

    @function(uses=[first, second])
    def both() -> int:
        """Ask both."""
        first()
        second()
        return 2

    found = verify(seen(both))

    assert "direct_contradiction" in found.violations
    assert found.contradiction_count == 1
    assert [d.node_key for d in found.decisions if d.engine == "content"][1:] != ["", ""]


def test_f65_claims_without_an_id_do_not_name_themselves():
    assert contradictions([Claim("", "anything")]) == ()


def test_f65_the_type_of_an_agents_result_is_looked_at():
    count = agent("count() -> int", "Count.", model="scripted")
    view = seen(count, models={"scripted": ScriptedModel(["3"])})

    assert verify(view).status == "PASS"
    wrong = verify(replace(view, outputs="many"))
    assert wrong.status == "FAIL"
    assert wrong.violations == ("result_schema",)
    assert "count()" in wrong.findings[0]


def test_f65_a_value_that_is_not_the_expected_one_is_found_by_its_hash():
    view = view_of([1, 2])

    assert verify(view, expected_hash=output_hash(view)).status == "PASS"
    other = verify(view, expected_hash=output_hash(view_of([2, 1])))
    assert (other.status, other.violations) == ("FAIL", ("output_hash",))
    assert output_hash(view_of(object())) is None


def test_f66_an_empty_vote_passes_only_where_nothing_is_asked():
    assert arbitrate([], "unanimous") == "PASS"
    assert arbitrate([], "quorum") == "ESCALATE"
    assert arbitrate([], "strict_first_failure") == "PASS"


def test_f66_no_majority_makes_a_failed_node_a_good_one():
    @function
    def fails() -> int:
        """Fail."""
        raise ValueError("no")

    view = seen(fails)

    found = verify(view, VerificationPolicy(arbitration="quorum", quorum=1))
    assert view.state is NodeState.Error
    assert (found.status, found.violations) == ("FAIL", ("outcome_not_success",))


def test_f66_the_arbitration_of_the_policy_counts():
    claims = view_of(Bundle(claims=[Claim("c1", "x", 0.5)]))

    assert verify(claims, VerificationPolicy(arbitration="quorum", quorum=1)).status == "PASS"
    assert verify(claims).status == "FAIL"


@function
def claims_badly() -> object:
    """Claim without evidence."""
    return Bundle(claims=[Claim("c1", "x", 0.5)])


def test_f67_what_does_not_pass_fails_its_node():
    verifies = Verifies(VerificationPolicy())

    node = node_of(claims_badly, {}, verifies)

    assert isinstance(node.exception, VerificationFailure)
    assert "claims_badly() was not verified: FAIL: claim_requires_evidence" in str(node.exception)


def test_f67_unsafe_looks_and_lets_go():
    verifies = Verifies(VerificationPolicy(), is_enforced=False)

    node = node_of(claims_badly, {}, verifies)

    assert isinstance(node.result(), Bundle)
    ((key, found),) = verifies.found
    assert (key, found.status) == (node.key, "FAIL")


def test_f67_named_functions_are_verified_without_claims_too():
    @function
    def give() -> int:
        """Give."""
        return 7

    policy = VerificationPolicy(rules=[Rule(id="small", check=lambda view: view.outputs < 5)])

    assert node_of(give, {}, Verifies(policy)).result() == 7
    assert isinstance(
        node_of(give, {}, Verifies(policy, only=["give"])).exception, VerificationFailure
    )


def test_f67_a_function_is_no_rule_while_a_node_ends():
    @function
    def check(outputs: int) -> bool:
        """Check."""
        return True

    with pytest.raises(ArgumentError, match="cannot be called while a Node ends"):
        Verifies(VerificationPolicy(rules=[check]))


def test_f68_every_decision_is_kept_and_none_hides_another():
    found = verify(view_of(Bundle(claims=[Claim("c1", "x", 0.5)])))

    assert found.status == "FAIL"
    assert {d.engine: d.status for d in found.decisions} == {
        "outcome": "PASS",
        "content": "FAIL",
        "contradiction": "PASS",
    }
    assert str(found) == "FAIL: claim_requires_evidence"


def test_f69_a_policys_fingerprint_changes_with_all_it_says():
    def rule(view):
        return True

    def other(view):
        return False

    seen = [
        VerificationPolicy(),
        VerificationPolicy(max_rule_cost=9),
        VerificationPolicy(fail_on=["a"]),
        VerificationPolicy(quorum=2),
        VerificationPolicy(rules=[Rule(id="r", check=rule)]),
        VerificationPolicy(rules=[Rule(id="r", check=other)]),
        VerificationPolicy(rules=[Rule(id="r", check=rule, cost=2)]),
    ]

    assert len({policy.fingerprint for policy in seen}) == len(seen)
    assert seen[0].fingerprint == VerificationPolicy().fingerprint
    assert seen[4].fingerprint == VerificationPolicy(rules=[Rule(id="r", check=rule)]).fingerprint
    assert verify(view_of(1), seen[1]).policy == seen[1].fingerprint


@dataclass
class Report:
    title: str
    claims: list
    evidence: list


FORMS = {
    "bundle": SOUND,
    "dict": {
        "claims": [{"id": "c1", "statement": "x", "confidence": 0.5, "supported_by": ["e1"]}],
        "evidence": [{"id": "e1", "content_hash": HASH}],
    },
    "object": Report("r", [Claim("c1", "x", 0.5)], [Evidence("e1", HASH)]),
}


@pytest.mark.parametrize("value", FORMS.values(), ids=FORMS)
def test_f58_claims_are_read_off_a_result_live_or_stored(value):
    live = view_of(value)
    stored = view_from_json(view_to_json(live))

    assert [c.id for c in bundle_of(live).claims] == ["c1"]
    assert bundle_of(stored).claims == bundle_of(live).claims
    assert [e.content_hash for e in bundle_of(stored).evidence] == [HASH]
    assert verify(stored).violations == verify(live).violations


def test_q55_f58_a_bundle_holds_claims_with_all_that_is_theirs():
    claims = [
        {"claim_id": "c1", "statement": "It rains, says e1", "confidence": 0.5}
        | {"supported_by": ["e1", "e2"]},
        {"id": "c2", "statement": "It does not", "confidence": "sure", "supported_by": "e1"},
        Claim("c3", "Who knows", 0.25, ["e2"]),
    ]
    value = {
        "claims": claims,
        "evidence_ids": ["e1"],
        "evidence": [{"evidence_id": "e1", "content_hash": HASH, "source_uri": "file:a"}],
        "artifact_hashes": ["abc"],
    }
    bundle = bundle_of(view_of(value))

    assert bundle.claims[0] == Claim("c1", "It rains, says e1", 0.5, ("e1", "e2"))
    second = bundle.claims[1]
    assert (second.id, second.statement, second.supported_by) == ("c2", "It does not", ())
    assert math.isnan(second.confidence), "no rule takes what is no number"
    assert bundle.claims[2] == claims[2]
    assert bundle.evidence == (Evidence("e1", HASH, "file:a"),)
    assert (bundle.evidence_ids, bundle.artifact_hashes) == (("e1",), ("abc",))
    without = {name: value[name] for name in ("claims", "evidence")}
    assert bundle_of(view_of(without)).evidence_ids == ("e1",)


def test_q55_f58_a_list_of_claims_is_read_and_other_lists_are_none():
    stored = view_from_json(view_to_json(view_of([Claim("c1", "x", 0.5, ["e1"])])))

    assert bundle_of(stored).claims == (Claim("c1", "x", 0.5, ["e1"]),)
    assert bundle_of(view_of(Claim("c1", "x"))).claims == (Claim("c1", "x"),)
    assert bundle_of(view_of([1, 2])) is None
    assert bundle_of(view_of([Claim("c1", "x"), 2])) is None
    assert bundle_of(view_of([])) is None
    assert bundle_of(view_of("claims")) is None
    assert bundle_of(view_of({"claims": "none"})) is None


def test_f58_what_a_model_calls_claims_may_be_anything():
    hostile = {"claims": [None, 7, {"confidence": "sure", "supported_by": 3}, {"id": ["x"]}]}

    found = verify(view_of(hostile))

    assert found.status == "FAIL"
    assert "confidence_in_range" in found.violations


def test_q9_a_run_that_was_not_verified_is_replayed_as_it_was(tmp_path):
    @function
    def reads(topic: str) -> object:
        return Bundle(claims=[Claim("c1", topic)])

    @function(uses=[reads])
    def studies() -> str:
        node = reads.start(topic="rain")
        node.wait()
        return node.state.name

    policies = [Verifies(VerificationPolicy())]
    with Journal(tmp_path) as journal, Runtime([studies], policies=policies, sink=journal) as rt:
        assert rt.get_ctx().invoke(studies, {}).result() == "Error"

    done = replay(Recording(tmp_path), studies)

    assert done.is_same, done.differences
    assert done.now.children[0].exception.args == done.recorded.children[0].exception.args
