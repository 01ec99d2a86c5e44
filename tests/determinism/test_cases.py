"""Every case that the older program was asked, asked here (rows F13 to F90)."""

import gzip
import json
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest

from netflux_nb.core.errors import ArgumentError
from netflux_nb.determinism.claims import Bundle, Claim, Evidence, contradictions
from netflux_nb.determinism.classes import event_class, profile
from netflux_nb.determinism.ledger import Ledger
from netflux_nb.determinism.levels import (
    EntropyBudget,
    Intent,
    NonDeterminismPolicy,
    NonDeterminismViolationError,
    Slice,
    fingerprint,
    step_seed,
)
from netflux_nb.determinism.rules import VerificationPolicy, arbitrate, verify_content
from netflux_nb.determinism.traces import EventMark, Outcome, Trace, trace_diff
from netflux_nb.determinism.verdict import failure_class, judge
from netflux_nb.flows.lineage import check_lineage, check_transition

FILE = Path(__file__).parent / "agentic_flows_cases.jsonl.gz"
SUITES = defaultdict(list)
for line in gzip.decompress(FILE.read_bytes()).decode().splitlines():
    case = json.loads(line)
    SUITES[case["suite"]].append((case["in"], case.get("out_0.3.9", case["out"])))

INTENT_OF = {
    "seeded_rng": "llm",
    "data": "retrieval",
    "human_input": "human",
    "external_oracle": "external",
}


def fault(error):
    """Say of an error what the cases say of one."""
    kinds = {ArgumentError: "ValueError"}
    return {"msg": str(error), "raises": kinds.get(type(error), type(error).__name__)}


def tried(act, *args, **options):
    try:
        act(*args, **options)
    except (ArgumentError, NonDeterminismViolationError) as error:
        return fault(error)
    return None


def entropy_ledger(given):
    source = given["source"]
    other = next(s for s in INTENT_OF if s != source)
    intents = {
        None: (),
        "wrong": (Intent(INTENT_OF[other], "low", "high", "why"),),
    }.get(given["intent"] if not isinstance(given["intent"], list) else "")
    if intents is None:
        intents = (Intent(INTENT_OF[source], *given["intent"], "why"),)
    slices = () if given["slice"] is None else (Slice(source, *given["slice"]),)
    budget = EntropyBudget(
        allowed_sources=[source if given["allowed"] else other],
        min_magnitude=given["min"],
        max_magnitude=given["max"],
        exhaustion_action=given["action"],
        per_source=slices,
    )
    ledger = Ledger(budget, intents, variance=given["variance"])
    fault = tried(ledger.record, source, given["magnitude"]) or {}
    return fault | {
        "recorded": len(ledger),
        "verdict": {
            "entropy_exhausted": ledger.exhausted,
            "entropy_exhaustion_action": ledger.exhaustion_action,
            "non_certifiable": ledger.non_certifiable,
        },
    }


def determinism_profile(given):
    found = profile(given["level"], given["usage"])
    return {
        "classes": list(found.classes),
        "decay": found.confidence_decay,
        "magnitude": found.magnitude,
        "severity": [one.severity for one in found.per_source],
    }


def nondet_policy(given):
    policy = NonDeterminismPolicy(
        allowed_sources=("seeded_rng", "data"),
        allowed_intents=("llm", "retrieval"),
        max_magnitude="medium",
        require_justification=given["require"],
    )
    intent = Intent(given["intent"], given["min"], given["max"], given["justification"])
    return tried(policy.check, [intent])


def replay_verdict(given):
    found = judge(
        given["diffs"],
        given["mode"],
        given["acceptability"],
        non_certifiable=given["non_certifiable"],
    )
    return {
        "acceptable": list(found.acceptable),
        "blocking": list(found.blocking),
        "verdict": found.verdict,
    }


def arbitration(given):
    return arbitrate(
        given["statuses"],
        given["rule"],
        quorum=given["quorum"],
        randomness=given["randomness"],
        tolerance=given["tolerance"],
    )


CLAIMS = {
    "none": (),
    "ok": (Claim("c1", "rain e1 abc", 0.9, ["e1"]),),
    "no_evidence": (Claim("c1", "rain", 0.9),),
    "conf_high": (Claim("c1", "rain", 1.5),),
    "dup": (Claim("c1", "rain", 0.9), Claim("c1", "sun", 0.9)),
    "unknown_ev": (Claim("c1", "rain", 0.9, ["e9"]),),
}


def content_verification(given):
    evidence = [Evidence("e1", "abc")] if given["claims"] == "ok" else []
    bundle = Bundle(
        claims=CLAIMS[given["claims"]], evidence=evidence, evidence_ids=[e.id for e in evidence]
    )
    policy = VerificationPolicy(
        fail_on=given["fail_on"],
        escalate_on=given["escalate_on"],
        max_rule_cost=given["max_rule_cost"],
    )
    found = verify_content(bundle, policy)
    return {
        "reason": found.reason,
        "status": found.status,
        "violations": list(found.violations),
    }


def contradiction(given):
    first, second, sure, less = given
    return list(contradictions([Claim("c1", first, sure), Claim("c2", second, less)]))


ASK = {
    "replay_verdict": replay_verdict,
    "arbitration": arbitration,
    "content_verification": content_verification,
    "contradiction": contradiction,
    "entropy_ledger": entropy_ledger,
    "determinism_profile": determinism_profile,
    "nondet_policy": nondet_policy,
    "dataset_transition": lambda given: tried(check_transition, *given),
    "artifact_lineage": lambda given: tried(check_lineage, given[:1], given[1]),
    "event_class": event_class,
    "seed": lambda given: step_seed(*given),
}


@pytest.mark.parametrize("suite", sorted(ASK))
def test_every_case_comes_out_as_it_did(suite):
    wrong = [
        (given, wanted, came)
        for given, wanted in SUITES[suite]
        if (came := ASK[suite](given)) != wanted
    ]

    assert SUITES[suite]
    assert wrong == []


def sorted_lists(value):
    if isinstance(value, dict):
        return {k: sorted_lists(v) for k, v in value.items()}
    return sorted(map(sorted_lists, value)) if isinstance(value, list) else value


def test_f10_fingerprints_are_the_older_ones_where_no_order_is_at_stake():
    for given, wanted in SUITES["fingerprint"]:
        assert fingerprint(sorted_lists(given)) == wanted
        assert (fingerprint(given) == wanted) == (given == sorted_lists(given))
    assert fingerprint([1, 2]) != fingerprint([2, 1])


EVENTS = (
    EventMark("STEP_START", "0", "a"),
    EventMark("STEP_END", "0", "b"),
    EventMark("STEP_START", "1", "c"),
)
RUN = Trace(
    flow_id="flow",
    plan_hash="p",
    environment_fingerprint="e",
    level="bounded",
    events=EVENTS,
    claim_ids=("c1", "c2"),
    arbitration_decision="PASS",
    usage=(("data", "low"),),
    outcomes={"0": Outcome("flow", "Success", "a")},
)
CHANGES = {
    "same": {},
    "payload": {"events": (replace(EVENTS[0], payload_hash="x"), *EVENTS[1:])},
    "order": {"events": (EVENTS[1], EVENTS[0], EVENTS[2])},
    "missing": {"events": EVENTS[:2]},
    "extra": {"events": (*EVENTS, EventMark("STEP_END", "1", "d"))},
    "claims": {"claim_ids": ("c1", "c9")},
    "claims_more": {"claim_ids": ("c1", "c2", "c3")},
    "contra": {"contradiction_count": 2},
    "arb": {"arbitration_decision": "FAIL"},
    "env": {"environment_fingerprint": "f"},
    "plan": {"plan_hash": "q"},
    "usage": {"usage": (("external_oracle", "high"),)},
    "level": {"level": "probabilistic"},
}


@pytest.mark.parametrize("change", sorted({given["change"] for given, _ in SUITES["trace_diff"]}))
def test_f84_a_diff_names_all_that_the_older_one_named_and_every_outcome(change):
    """Ours names more: what changed is a difference at every level, what did not is none."""
    cases = [pair for pair in SUITES["trace_diff"] if pair[0]["change"] == change]
    for given, wanted in cases:
        found = trace_diff(RUN, replace(RUN, **CHANGES[change]), given["acceptability"])

        if change == "same":
            assert found == {}
        else:
            assert found
            assert set(wanted) <= set(found)
            added = set(found) - set(wanted)
            assert not wanted or added <= {
                "claims",
                "contradiction_count",
                "entropy",
                "arbitration_decision",
                "determinism_level",
                "acceptable_claims",
            }


def test_f90_failures_have_the_class_they_had_and_the_unknown_ones_too():
    for given, wanted in SUITES["failure_class"]:
        expected = "structural" if isinstance(wanted, dict) else wanted
        assert failure_class(given) == expected


def test_no_suite_is_left_out():
    assert set(SUITES) == {*ASK, "fingerprint", "trace_diff", "failure_class"}
    assert sum(map(len, SUITES.values())) == 2454
