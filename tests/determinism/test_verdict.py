"""What differences mean, what failed how, and what may come from what (rows F4, F5, F54 to F90)."""

import inspect
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netflux_nb import Runtime, agent, function
from netflux_nb.core import errors
from netflux_nb.core.errors import ArgumentError, RecordedError
from netflux_nb.determinism.claims import Bundle, Claim
from netflux_nb.determinism.levels import NonDeterminismViolationError
from netflux_nb.determinism.traces import (
    EventMark,
    Outcome,
    Trace,
    compare,
    non_determinism_report,
    render_diff,
    replay_diff,
    signature,
    trace_diff,
    trace_of,
)
from netflux_nb.determinism.verdict import (
    ACCEPTABILITIES,
    FAILURE_CLASSES,
    MODES,
    ReplayDiffError,
    ReplayEnvelope,
    breaks,
    failure_class,
    judge,
)
from netflux_nb.determinism.verification import VerificationFailure, verify
from netflux_nb.flows.lineage import (
    ARTIFACT_TYPES,
    DATASET_STATES,
    PARENTS,
    check_dataset,
    check_lineage,
    check_transition,
    steps_in_order,
)
from netflux_nb.record.journal import Journal
from netflux_nb.replay.begin import replay
from netflux_nb.replay.recording import DivergenceError, Recording
from netflux_nb.testing import ScriptedModel, call


def test_f5_steps_come_after_what_they_depend_on_and_by_name():
    assert steps_in_order(["d", "c", "b", "a"]) == ("a", "b", "c", "d")
    assert steps_in_order(["a", "b", "c"], ["a:b", "b:c"]) == ("c", "b", "a")
    assert steps_in_order(["z", "a", "m"], ["a:z"]) == ("m", "z", "a")


WRONG_FLOWS = {
    "none": ([], [], "at least one agent"),
    "twice": (["a", "a"], [], "twice are: a"),
    "unknown": (["a"], ["a:b"], "'b', which is no agent"),
    "itself": (["a"], ["a:a"], "cannot depend on itself"),
    "no colon": (["a"], ["a"], "'agent:dependency'"),
    "circle": (["a", "b", "c"], ["a:b", "b:a"], "in a circle: a, b"),
    "edge twice": (["a", "b"], ["a:b", "a:b"], "named twice"),
}


@pytest.mark.parametrize(("agents", "edges", "told"), WRONG_FLOWS.values(), ids=WRONG_FLOWS)
def test_f4_a_flow_that_cannot_be_ordered_is_refused(agents, edges, told):
    with pytest.raises(ArgumentError, match=told):
        steps_in_order(agents, edges)


@given(st.permutations("abcdef"), st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5))))
def test_f5_every_order_keeps_every_dependency(names, pairs):
    edges = {f"{names[max(p)]}:{names[min(p)]}" for p in pairs if p[0] != p[1]}

    order = steps_in_order(sorted(names), edges)

    assert sorted(order) == sorted(names)
    assert all(order.index(e[2]) < order.index(e[0]) for e in edges)


def test_f54_every_kind_of_artifact_says_what_it_may_come_from():
    assert set(PARENTS) == set(ARTIFACT_TYPES)
    assert len(ARTIFACT_TYPES) == 14
    for child, parents in PARENTS.items():
        check_lineage(parents, child)
        for parent in set(ARTIFACT_TYPES) - parents:
            with pytest.raises(ArgumentError):
                check_lineage([parent], child)
    with pytest.raises(ArgumentError, match="no kind of artifact"):
        check_lineage([], "cake")


def test_f59_a_data_set_goes_on_and_never_back():
    for place, before in enumerate(DATASET_STATES):
        for other, after in enumerate(DATASET_STATES):
            if other >= place:
                check_transition(before, after)
            else:
                with pytest.raises(ArgumentError, match=f"from {before} to {after}"):
                    check_transition(before, after)
    with pytest.raises(ArgumentError, match="experimental, frozen"):
        check_transition(None, "melted")


def test_f59_the_content_of_a_data_set_is_held_to_its_hash():
    check_dataset("frozen", declared_hash="a", found_hash="a")
    with pytest.raises(ArgumentError, match="not as declared"):
        check_dataset("experimental", declared_hash="a", found_hash="b")
    with pytest.raises(ArgumentError, match="names the hash"):
        check_dataset("frozen")


def test_f60_a_deprecated_data_set_is_used_only_where_that_is_said():
    check_dataset("deprecated", allow_deprecated=True)
    with pytest.raises(ArgumentError, match="allow_deprecated_datasets"):
        check_dataset("deprecated")


def test_f81_strict_takes_no_difference_bounded_some_observational_all():
    names = ["events", "plan_hash"]

    assert judge([]).verdict == "acceptable"
    assert judge(["events"], "strict", "invariant_preserving").verdict == "unacceptable"
    assert judge(["events"], "bounded", "exact_match").verdict == "unacceptable"
    assert judge(["events"], "bounded", "statistically_bounded").is_accepted
    assert not judge(names, "bounded", "statistically_bounded").is_accepted
    assert judge(names, "observational").verdict == "acceptable_with_warnings"


def test_f81_what_is_not_acceptable_raises_and_says_what_differs():
    found = judge({"plan_hash": {"expected": 1, "observed": 2}})

    with pytest.raises(ReplayDiffError, match="plan_hash") as caught:
        found.check()

    assert isinstance(caught.value, ValueError)
    assert caught.value.diffs == {"plan_hash": {"expected": 1, "observed": 2}}
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.reason_code, str(again)) == ("strict_replay_diverged", str(caught.value))
    judge(["events"], "observational").check()
    judge(["events"], non_certifiable=True).check()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("acceptability", ACCEPTABILITIES)
def test_f82_what_is_weighed_already_passes_but_not_exactly(mode, acceptability):
    found = judge(["acceptable_events"], mode, acceptability)

    assert bool(found.acceptable) == (acceptability != "exact_match")


def test_f81_a_mode_that_is_none_is_named():
    with pytest.raises(ArgumentError, match="strict, bounded"):
        judge([], "lenient")


def test_f83_an_envelope_is_within_bounds():
    for wrong in ((1.5, 0), (-0.1, 0), (0.5, -1)):
        with pytest.raises(ArgumentError):
            ReplayEnvelope(*wrong)


CLAIMED = Trace(
    flow_id="f",
    claim_ids=("a", "b", "c", "d"),
    contradiction_count=1,
    replay_envelope=ReplayEnvelope(0.5, 1),
    outcomes={"k": Outcome("f", "Success", "1", "one")},
)


def changed(**fields):
    return Trace(**{name: getattr(CLAIMED, name) for name in CLAIMED.__dataclass_fields__} | fields)


def test_f83_the_envelope_weighs_claims_contradictions_and_words():
    near = changed(
        claim_ids=("a", "b"),
        contradiction_count=2,
        outcomes={"k": Outcome("f", "Success", "2", "two")},
    )
    far = changed(claim_ids=("a",), contradiction_count=3)

    within = trace_diff(CLAIMED, near, "statistically_bounded")
    beyond = trace_diff(CLAIMED, far, "statistically_bounded")

    assert set(within) == {
        "acceptable_claims",
        "acceptable_contradictions",
        "acceptable_outcomes",
        "non_determinism_report",
    }
    assert judge(within, "bounded", "statistically_bounded").is_accepted
    assert beyond["claim_overlap"] == {"expected_min": 0.5, "observed": 0.25}
    assert beyond["contradiction_delta"] == {"allowed": 1, "observed": 2}
    assert not judge(beyond, "bounded", "statistically_bounded").is_accepted


def test_f83_a_node_that_failed_is_no_drift_of_words():
    failed = changed(outcomes={"k": Outcome("f", "Error", "1", "no")})

    assert "outcomes" in trace_diff(CLAIMED, failed, "statistically_bounded")


PLAIN = {
    "flow_id": "g",
    "plan_hash": "h",
    "tenant_id": "t",
    "flow_state": "frozen",
    "replay_envelope": ReplayEnvelope(0.1),
    "dataset": {"id": "d"},
    "allow_deprecated_datasets": True,
    "environment_fingerprint": "e",
    "verification_policy_fingerprint": "v",
}


@pytest.mark.parametrize("acceptability", ACCEPTABILITIES)
@pytest.mark.parametrize("name", PLAIN)
def test_f84_each_field_of_a_run_is_compared(name, acceptability):
    found = trace_diff(CLAIMED, changed(**{name: PLAIN[name]}), acceptability)

    assert set(found) - {"non_determinism_report"} == {name}
    assert set(found[name]) == {"expected", "observed"}


def test_f85_events_are_seen_as_the_acceptability_sees_them():
    marks = (EventMark("b", "1", "x"), EventMark("a", "0", "y"))
    trace = changed(events=marks)

    assert signature(trace, "exact_match") == [("b", "1", "x"), ("a", "0", "y")]
    assert signature(trace, "invariant_preserving") == [("b", "1"), ("a", "0")]
    assert signature(trace, "statistically_bounded") == [("a", "0"), ("b", "1")]


OUTCOMES = {
    "a value": {"outcomes": {"k": Outcome("f", "Success", "2", "two")}},
    "claims": {"claim_ids": ("a", "b", "c", "e")},
    "contradictions": {"contradiction_count": 2},
    "decision": {"arbitration_decision": "FAIL"},
    "what varied": {"usage": (("data", "high"),)},
    "level": {"level": "bounded"},
}


@pytest.mark.parametrize("acceptability", ACCEPTABILITIES)
@pytest.mark.parametrize("fields", OUTCOMES.values(), ids=OUTCOMES)
def test_f86_an_outcome_that_changed_is_a_difference_at_every_level(fields, acceptability):
    assert trace_diff(CLAIMED, changed(**fields), acceptability)
    assert trace_diff(changed(**fields), changed(**fields), acceptability) == {}


def test_f87_strict_does_not_take_another_output():
    other = changed(outcomes={"k": Outcome("f", "Success", "2", "two")})

    found = trace_diff(CLAIMED, other)

    assert found["outcomes"]["nodes"]["k"] == {
        "expected": "f() Success: one",
        "observed": "f() Success: two",
    }
    assert judge(found).verdict == "unacceptable"


def test_f88_a_report_sets_side_by_side_what_varied():
    calm = changed(usage=(("data", "low"),))
    wild = changed(usage=(("external_oracle", "high"),), level="probabilistic")

    found = non_determinism_report(calm, wild)

    assert found["entropy_sources_added"] == ["external_oracle"]
    assert found["entropy_sources_missing"] == ["data"]
    assert found["entropy_magnitude_delta"] == {"expected": "low", "observed": "high"}
    assert found["determinism_classes"]["added"] == ["external"]
    assert found["determinism_profile"]["observed"]["confidence_decay"] == 0.8


def test_f88_differences_are_lines():
    assert render_diff({}) == "no differences"
    assert render_diff({"plan_hash": 1, "x": "y"}) == "- plan_hash: 1\n- x: y"
    assert len(render_diff({"x": "y" * 10_000})) < 1_000


def test_f89_many_runs_are_set_beside_the_first():
    other = changed(
        claim_ids=("a",),
        contradiction_count=4,
        outcomes={"k": Outcome("f", "Success", "2")},
        arbitration_decision="PASS",
    )

    found = compare([CLAIMED, CLAIMED, other])

    assert found["claim_overlap"] == 0.25
    assert found["contradictions"] == {"min": 1, "max": 4}
    assert found["outcome_drift"] == ["k"]
    with pytest.raises(ArgumentError, match="no run"):
        compare([])


def test_f89_what_breaks_a_record_is_told():
    assert breaks(["doc_text"]) == ((), ())
    assert breaks(["plan_hash", "random_seed"]) == (("plan_hash",), ("random_seed",))
    assert breaks(["moon"]) == (("moon",), ("moon",))


def test_f80_a_replay_is_compared_in_its_counts_too():
    other = changed(
        failed=("k",),
        unfinished=("k",),
        human_answers=1,
        artifact_hashes=("x",),
        evidence_hashes=("y", "z"),
        dataset={"state": "deprecated"},
    )

    assert set(replay_diff(CLAIMED, other)) == {
        "failed_steps",
        "missing_step_end",
        "human_intervention_events",
        "artifact_fingerprint",
        "artifact_count",
        "evidence_fingerprint",
        "evidence_count",
        "dataset",
        "deprecated_dataset",
    }
    assert replay_diff(other, other) == {}


def all_errors():
    found = [e for _, e in inspect.getmembers(errors, inspect.isclass)]
    ours = [e for e in found if issubclass(e, Exception) and e.__module__ == errors.__name__]
    return [e for e in ours if not issubclass(e, Warning)]


@pytest.mark.parametrize("error", all_errors(), ids=lambda e: e.__name__)
def test_f90_every_error_of_ours_has_a_class_of_its_own(error):
    assert error.__name__ in FAILURE_CLASSES
    assert failure_class(error) == FAILURE_CLASSES[error.__name__]


CLASSED = {
    "structural": [ValueError("x"), KeyError("x"), errors.ArgumentError("x"), "Nobody", ""],
    "environmental": [OSError(), ImportError(), TimeoutError(), ConnectionResetError()],
    "authority": [errors.BudgetError("x"), PermissionError("x")],
    "semantic": [
        VerificationFailure("x"),
        NonDeterminismViolationError("x"),
        DivergenceError("x"),
        ReplayDiffError("x", {}),
    ],
}


@pytest.mark.parametrize(("wanted", "failures"), CLASSED.items(), ids=CLASSED)
def test_f90_unknown_failures_are_structural_and_the_rest_as_they_are(wanted, failures):
    for failure in failures:
        assert failure_class(failure) == wanted
        if isinstance(failure, BaseException):
            recorded = RecordedError(type(failure).__name__, "x")
            assert failure_class(recorded) == wanted


def record(folder, fn, script, inputs=None):
    with (
        Journal(folder) as journal,
        Runtime([fn], models={"scripted": ScriptedModel(script)}, sink=journal) as runtime,
    ):
        runtime.get_ctx().invoke(fn, inputs or {}).wait(20)
    return journal.path


def read(path, **more):
    return trace_of(Recording(path).events, **more)


@function(effect="shell")
def act(what: str) -> str:
    """Reach outside."""
    return f"did {what}"


WRITER = agent("write()", "Write.", model="scripted", uses=[act])


def test_f79_a_replay_is_judged_record_against_record(tmp_path):
    path = record(tmp_path / "a", WRITER, [call("act", what="x"), "well"])
    with Journal(tmp_path / "b") as journal:
        replay(Recording(path), WRITER, sink=journal)

    for acceptability in ACCEPTABILITIES:
        found = trace_diff(read(path), read(journal.path), acceptability)
        # In a replay nothing is free: that is the only difference.
        assert set(found) <= {"entropy", "acceptable_entropy", "non_determinism_report"}
    assert judge(found, "bounded", "statistically_bounded").is_accepted


def test_f86_two_runs_that_came_out_alike_have_no_differences(tmp_path):
    script = [call("act", what="x"), "well"]
    one = read(record(tmp_path / "a", WRITER, script))
    two = read(record(tmp_path / "b", WRITER, script))

    for acceptability in ACCEPTABILITIES:
        assert replay_diff(one, two, acceptability) == {}


def test_f87_another_answer_of_a_model_is_named_with_both_values(tmp_path):
    one = read(record(tmp_path / "a", WRITER, ["well"]))
    two = read(record(tmp_path / "b", WRITER, ["badly"]))

    found = trace_diff(one, two)

    (pair,) = found["outcomes"]["nodes"].values()
    assert pair == {"expected": "write() Success: 'well'", "observed": "write() Success: 'badly'"}
    assert {mark[0] for mark in found["events"]["observed"]} >= {"PartAdded", "NodeClosed"}


def test_f84_a_trace_holds_what_was_verified(tmp_path):
    @function
    def claims() -> object:
        """Claim."""
        return Bundle(claims=[Claim("c1", "it rains"), Claim("c2", "not it rains")])

    path = record(tmp_path, claims, [])
    events = Recording(path).events
    found = verify(Recording(path).view)

    trace = trace_of(events, verification=found, environment_fingerprint="e")

    assert trace.claim_ids == ("c1", "c2")
    assert trace.contradiction_count == 1
    assert trace.arbitration_decision == "FAIL"
    assert trace.verification_policy_fingerprint == found.policy
    assert trace.environment_fingerprint == "e"


def test_what_tells_of_no_run_is_no_trace():
    with pytest.raises(ArgumentError, match="no run"):
        trace_of([])
