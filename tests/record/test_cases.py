"""Every case that the older program was asked, asked here (rows F13 to F90)."""

import gzip
import json
from collections import defaultdict
from pathlib import Path

import pytest

from netflux_nb.core.errors import ArgumentError
from netflux_nb.record.classes import event_class, profile
from netflux_nb.record.determinism import (
    EntropyBudget,
    Intent,
    NonDeterminismPolicy,
    NonDeterminismViolationError,
    Slice,
    fingerprint,
    step_seed,
)
from netflux_nb.record.ledger import Ledger
from netflux_nb.record.lineage import check_lineage, check_transition

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


ASK = {
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
