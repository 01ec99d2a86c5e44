"""Flows: their file, their plan, their run in each mode, their replay."""

import json
from pathlib import Path

import pytest

from netflux_nb import NodeState, agent, function
from netflux_nb.compat import agentic_flows as af
from netflux_nb.core.errors import ArgumentError, BudgetError, RecordError
from netflux_nb.determinism.claims import Bundle, Claim, Evidence
from netflux_nb.determinism.levels import NonDeterminismViolationError, fingerprint
from netflux_nb.determinism.rules import VerificationPolicy
from netflux_nb.determinism.verdict import ReplayDiffError, failure_class
from netflux_nb.determinism.verification import VerificationFailure
from netflux_nb.flows import (
    ConfigurationError,
    ExecutionBudget,
    FlowManifest,
    FlowPlan,
    check_plan,
    execute_flow,
    flow,
    plan_diff,
    policy_from_json,
    replay_flow,
    resolve,
    resume_flow,
)
from netflux_nb.flows.exported import export_run
from netflux_nb.flows.limits import count_of
from netflux_nb.record.sql import export
from netflux_nb.replay.recording import Recording
from netflux_nb.run import Run
from netflux_nb.testing import ScriptedModel

FLOW = json.loads((Path(__file__).parent / "flow.json").read_text())
POLICY = json.loads((Path(__file__).parent / "policy.json").read_text())


def manifest(**changes):
    return FlowManifest.from_json({**FLOW, "verification_gates": [], **changes})


def chain(*agents, dependencies=(), **changes):
    return manifest(agents=list(agents), dependencies=list(dependencies), **changes)


@function(name="collect", effect="files")
def collect(seed: int) -> list[int]:
    """Give what grew."""
    return [1, 3, 4]


@function(name="weigh")
def weigh(collect: list[int]) -> int:
    """Sum it up."""
    return sum(collect)


@function(name="report")
def report(results: dict, agent_id: str) -> str:
    """Say it."""
    return f"{agent_id}: {results['weigh']}"


FUNCTIONS = [collect, weigh, report]


# What is written in the file.


def test_f1_a_manifest_reads_and_writes_its_own_keys():
    found = FlowManifest.from_json(FLOW)

    assert FlowManifest.from_json(found.to_json()) == found
    assert set(found.to_json()) == set(FLOW)
    assert found.spec_version == "v1"


def test_f1_a_key_that_it_does_not_know_is_refused():
    with pytest.raises(ConfigurationError, match="no key 'flow_version'"):
        FlowManifest.from_json({**FLOW, "flow_version": 1})


@pytest.mark.parametrize("name", sorted(set(FLOW) - {"replay_mode", "allowed_variance_class"}))
def test_f1_a_key_that_is_missing_is_named(name):
    with pytest.raises(ConfigurationError, match=name):
        FlowManifest.from_json({key: value for key, value in FLOW.items() if key != name})


def test_f1_replay_mode_is_strict_where_it_is_left_out():
    words = {k: v for k, v in FLOW.items() if k not in ("replay_mode", "allowed_variance_class")}

    assert FlowManifest.from_json(words).replay_mode == "strict"


@pytest.mark.parametrize("level", [None, "", "default", "maybe", 3, [], {}])
def test_f1_the_level_must_be_said(level):
    with pytest.raises(ConfigurationError, match="determinism_level"):
        manifest(determinism_level=level)


@pytest.mark.parametrize(
    "changes",
    [
        {"flow_id": ""},
        {"tenant_id": 3},
        {"flow_state": "done"},
        {"replay_mode": "fast"},
        {"replay_acceptability": "good"},
        {"entropy_budget": []},
        {"entropy_budget": {"allowed_sources": []}},
        {"entropy_budget": {"allowed_sources": ["luck"]}},
        {"entropy_budget": {"allowed_sources": ["data"], "size": 1}},
        {"entropy_budget": {"allowed_sources": ["data"], "per_source": [{"min_magnitude": "low"}]}},
        {"entropy_budget": {}},
        {"allowed_variance_class": "huge"},
        {"nondeterminism_intent": [{"source": "llm"}]},
        {"nondeterminism_intent": [{"source": "llm", "justification": " "}]},
        {"nondeterminism_intent": "llm"},
        {"replay_envelope": {"min_claim_overlap": 7}},
        {"replay_envelope": {"min_claim_overlap": "x"}},
        {"dataset": {"dataset_id": "x"}},
        {"dataset": {**FLOW["dataset"], "dataset_state": "new"}},
        {"dataset": {**FLOW["dataset"], "tenant_id": "other"}},
        {"dataset": {**FLOW["dataset"], "size": 1}},
        {"allow_deprecated_datasets": 1},
        {"agents": "weigh"},
        {"agents": [["x"]]},
    ],
)
def test_f1_a_value_that_does_not_fit_is_refused_in_one_line(changes):
    with pytest.raises(ConfigurationError) as caught:
        manifest(**changes)

    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("data", [None, [], "x", 3, [{}]])
def test_f1_what_is_no_object_is_no_flow(data):
    with pytest.raises(ConfigurationError):
        FlowManifest.from_json(data)


@pytest.mark.parametrize("text", ["", "{", "[1,]", '{"a": NaN}', "[" * 100_000, "\udcff"])
def test_f1_what_is_no_json_is_told_in_one_line(tmp_path, text):
    path = tmp_path / "flow.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))

    with pytest.raises(ConfigurationError, match=r"flow\.json"):
        FlowManifest.load(path)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        FlowManifest.load(tmp_path / "missing.json")


@pytest.mark.parametrize("state", ["draft", "deprecated"])
def test_f2_a_flow_that_is_no_more_or_not_yet_does_not_run(state):
    with pytest.raises(ConfigurationError, match="flow_state must allow execution"):
        execute_flow(manifest(flow_state=state), functions=FUNCTIONS, record=False)


def test_f3_data_and_flow_are_of_one_tenant():
    words = {k: v for k, v in FLOW["dataset"].items() if k != "tenant_id"}

    assert manifest(dataset=words).dataset["tenant_id"] == "farm"


@pytest.mark.parametrize(
    ("agents", "dependencies"),
    [
        ([], []),
        (["a", "a"], []),
        (["a", "b"], ["a:c"]),
        (["a"], ["a:a"]),
        (["a", "b"], ["a:b", "b:a"]),
        (["a", "b"], ["a"]),
        (["a", "b"], ["a:b", "a:b"]),
    ],
)
def test_f4_agents_and_dependencies_form_an_order(agents, dependencies):
    with pytest.raises(ConfigurationError):
        chain(*agents, dependencies=dependencies)


def test_f5_steps_are_in_the_order_of_kahn_by_name_where_it_is_free():
    plan = resolve(chain("d", "b", "c", "a", dependencies=["a:c"]))

    assert [step.agent_id for step in plan.steps] == ["b", "c", "a", "d"]
    assert [step.step_index for step in plan.steps] == [0, 1, 2, 3]
    assert {step.step_type for step in plan.steps} == {"agent"}


def test_f6_a_step_holds_all_that_is_known_beforehand():
    step = resolve(FlowManifest.from_json(FLOW)).steps[1]

    assert (step.agent_id, step.declared_dependencies) == ("weigh", ("collect",))
    assert step.determinism_level == "bounded"
    assert step.nondeterminism_intent[0].source == "retrieval"
    assert 0 <= step.seed < 2**32


def test_f7_the_inputs_of_a_step_hash_to_what_they_are():
    one = resolve(FlowManifest.from_json(FLOW)).steps[2]

    assert one.inputs_fingerprint == fingerprint(
        {
            "agent_id": "report",
            "dependencies": ["collect", "weigh"],
            "retrieval_contracts": ["fields-v1"],
            "verification_gates": ["is_plausible"],
        }
    )
    other = resolve(manifest(retrieval_contracts=["fields-v2"])).steps[2]
    assert other.inputs_fingerprint != one.inputs_fingerprint


@pytest.mark.parametrize(
    "changes",
    [
        {"flow_id": "other"},
        {"flow_state": "frozen"},
        {"determinism_level": "strict"},
        {"replay_mode": "bounded"},
        {"replay_acceptability": "invariant_preserving"},
        {"entropy_budget": {"allowed_sources": ["data"]}},
        {"allowed_variance_class": "low"},
        {"nondeterminism_intent": []},
        {"replay_envelope": {"min_claim_overlap": 0.5}},
        {"dataset": {**FLOW["dataset"], "dataset_hash": "other"}},
        {"dependencies": ["weigh:collect", "report:weigh"]},
    ],
)
def test_f8_the_plan_hash_depends_on_all_that_decides_the_run(changes):
    assert resolve(manifest(**changes)).plan_hash != resolve(manifest()).plan_hash


def test_f8_the_plan_hash_does_not_depend_on_where_the_data_lies():
    moved = {**FLOW["dataset"], "storage_uri": "elsewhere"}

    assert resolve(manifest(dataset=moved)).plan_hash == resolve(manifest()).plan_hash
    assert len(resolve(manifest()).plan_hash) == 64


def test_f9_a_plan_is_one_of_its_flow():
    plan = resolve(manifest())
    check_plan(plan, manifest())

    with pytest.raises(ConfigurationError, match="flow_state"):
        check_plan(plan, manifest(flow_state="frozen"))
    with pytest.raises(ConfigurationError, match="once each"):
        check_plan(FlowPlan(manifest=manifest(), steps=plan.steps[1:]), manifest())
    with pytest.raises(ConfigurationError, match="does not come after"):
        check_plan(FlowPlan(manifest=manifest(), steps=plan.steps[::-1]), manifest())


def test_f10_the_order_of_a_list_counts():
    first, second = (
        manifest(retrieval_contracts=["a", "b"]),
        manifest(retrieval_contracts=["b", "a"]),
    )

    assert first.fingerprint != second.fingerprint


def test_f11_ids_are_texts_that_are_not_empty():
    assert len(af.IDS) == 23
    assert af.IDS["FlowID"]("x") == "x"
    with pytest.raises(ArgumentError, match="TenantID"):
        af.IDS["TenantID"](" ")


def test_f12_the_older_names_are_there():
    result = af.execute_flow(
        manifest(), af.RunMode.LIVE, functions=FUNCTIONS, policy=POLICY, record=False
    )

    assert result.is_ok
    assert result.results == {"collect": [1, 3, 4], "weigh": 8, "report": "report: 8"}
    assert all(hasattr(af, name) for name in af.__all__)


# How it runs.


def test_f32_a_plan_runs_nothing_and_needs_no_record(tmp_path):
    wanted = manifest(verification_gates=["is_nowhere"])
    result = execute_flow(wanted, "plan", functions=FUNCTIONS, record=tmp_path)

    assert result.is_ok
    assert result.view is None
    assert [step.agent_id for step in result.plan.steps] == ["collect", "weigh", "report"]
    assert result.calls.effects == ("files",)
    assert any("fields-v1" in words for words in result.calls.unjudged)
    assert any("is_nowhere" in words for words in result.calls.unjudged)
    assert list(tmp_path.iterdir()) == []


def test_f33_a_dry_run_of_a_flow_pays_nothing():
    ask = agent("ask(weigh: int) -> list[str]", "Of {weigh}", model="scripted")
    wanted = chain("collect", "weigh", "ask", dependencies=["weigh:collect", "ask:weigh"])

    result = execute_flow(wanted, "dry-run", functions=[*FUNCTIONS, ask], record=False)

    assert result.is_ok
    assert result.results == {"collect": [], "weigh": 0, "ask": []}
    assert result.view.bill().usd == 0


def test_f34_a_step_is_given_what_it_asks_for_and_independent_ones_run_at_once():
    seen = {}

    @function(name="first-one")
    async def first(ctx, step_index: int, seed: int, inputs_fingerprint: str, topic: str) -> dict:
        seen["first"] = (step_index, seed, inputs_fingerprint, topic)
        return {"evidence": [{"id": "e1"}], "value": 7}

    @function(name="other")
    def other(dataset: dict, tenant_id: str, flow_id: str, retrieval_contracts: list) -> str:
        seen["other"] = (dataset["dataset_id"], tenant_id, flow_id, retrieval_contracts)
        return "o"

    @function(name="last")
    def last(first_one: dict, evidence: list, results: dict, dependencies: list) -> int:
        seen["last"] = (evidence, sorted(results), dependencies)
        return first_one["value"]

    wanted = chain("last", "other", "first-one", dependencies=["last:first-one", "last:other"])
    result = execute_flow(
        wanted, functions=[first, other, last], inputs={"topic": "oats"}, record=False
    )

    step = result.plan.steps[0]
    assert result.results == {"first-one": result.results["first-one"], "other": "o", "last": 7}
    assert seen["first"] == (0, step.seed, step.inputs_fingerprint, "oats")
    assert seen["other"] == ("fields", "farm", "harvest", ["fields-v1"])
    assert seen["last"] == ([{"id": "e1"}], ["first-one", "other"], ["first-one", "other"])


def test_f34_a_flow_without_its_functions_fails_loudly():
    with pytest.raises(ConfigurationError, match="'nobody_knows' names no registered Function"):
        execute_flow(chain("nobody_knows"), record=False)


def test_f34_what_is_asked_for_and_not_given_is_found_before_anything_runs():
    @function(name="wants")
    def wants(topic: str) -> str:
        return topic

    with pytest.raises(ConfigurationError, match="asks for 'topic'"):
        execute_flow(chain("wants"), functions=[wants], record=False)
    with pytest.raises(ConfigurationError, match="No agent of this flow asks for the input 'size'"):
        execute_flow(
            chain("wants"), functions=[wants], inputs={"topic": "x", "size": 1}, record=False
        )


def test_f35_a_stored_flow_is_observed(tmp_path):
    done = execute_flow(manifest(), functions=FUNCTIONS, policy=POLICY, record=tmp_path)

    found = execute_flow(manifest(), "observe", run=done.run, policy=POLICY)

    assert found.is_ok
    assert found.verification["status"] == "PASS"
    with pytest.raises(ArgumentError, match="give `run=`"):
        execute_flow(manifest(), "observe")


@function(name="claims")
def claims() -> Bundle:
    """Claim something without evidence."""
    return Bundle(claims=[Claim("c1", "It rains")])


def test_f36_unsafe_goes_on_where_live_fails_and_keeps_what_was_found(tmp_path):
    live = execute_flow(chain("claims"), functions=[claims], record=tmp_path)
    unsafe = execute_flow(chain("claims"), "unsafe", functions=[claims], record=tmp_path)

    assert not live.is_ok
    assert isinstance(live.view.exception, VerificationFailure)
    assert failure_class(live.view.exception) == "semantic"
    assert unsafe.view.state is NodeState.Success
    assert not unsafe.is_ok
    assert unsafe.verification["status"] == "FAIL"
    assert "claim_requires_evidence" in unsafe.verification["violations"]
    about = Recording(tmp_path, unsafe.run.id).about
    assert about["mode"] == "unsafe"
    assert about["flow"]["plan_hash"] == unsafe.plan.plan_hash


@pytest.mark.parametrize("mode", ["live", "unsafe"])
def test_q9_a_flow_that_failed_verification_is_replayed_as_it_was(tmp_path, mode):
    done = execute_flow(chain("claims"), mode, functions=[claims], record=tmp_path)

    found = replay_flow(Recording(tmp_path, done.run.id), functions=[claims])

    assert found.is_same, found.differences
    assert found.now.state is done.view.state
    assert found.judgement.is_accepted


def test_f37_observers_hear_of_stages_and_events_and_stop_nothing():
    class Watching:
        def __init__(self):
            self.events, self.stages = [], []

        def on_event(self, event):
            self.events.append(event)

        def on_stage_start(self, stage):
            self.stages.append(stage)

        def on_stage_end(self, stage):
            self.stages.append(f"/{stage}")

    class Broken:
        def on_event(self, event):
            raise RuntimeError("no")

    watching = Watching()
    done = execute_flow(
        manifest(), functions=FUNCTIONS, record=False, observers=[Broken(), watching]
    )

    assert done.is_ok
    assert watching.stages == [
        *("planning", "/planning", "execution", "/execution"),
        *("finalization", "/finalization"),
    ]
    assert len(watching.events) > 8


@pytest.mark.parametrize(
    ("budget", "named"),
    [
        ({"step_limit": 1}, "step_limit is 1"),
        ({"artifact_limit": 2}, "artifact_limit is 2"),
        ({"artifact_step_limit": 0}, "artifact_step_limit is 0"),
        ({"trace_event_limit": 4}, "trace_event_limit is 4"),
    ],
)
def test_f43_a_budget_that_is_used_up_stops_the_flow(budget, named):
    done = execute_flow(
        manifest(), functions=FUNCTIONS, budget=ExecutionBudget(**budget), record=False
    )

    assert not done.is_ok
    assert isinstance(done.view.exception, BudgetError)
    assert named in str(done.view.exception)


def test_f43_evidence_and_tokens_are_counted_too():
    @function(name="proves")
    def proves() -> Bundle:
        return Bundle(
            evidence=[Evidence("e1", "h"), Evidence("e2", "h")], evidence_ids=["e1", "e2"]
        )

    done = execute_flow(
        chain("proves"),
        functions=[proves],
        budget=ExecutionBudget(evidence_limit=1),
        record=False,
    )
    assert "evidence_limit is 1" in str(done.view.exception)

    talks = agent("talks(seed: int) -> str", "Say {seed}", model="scripted")
    wanted = chain(
        "talks",
        nondeterminism_intent=[{"source": "llm", "justification": "It talks."}],
    )
    done = execute_flow(
        wanted,
        functions=[talks],
        budget=ExecutionBudget(token_limit=2),
        models={"scripted": ScriptedModel(["a long answer"])},
        record=False,
    )
    assert isinstance(done.view.exception, BudgetError)


def test_f43_a_budget_within_its_limits_stops_nothing_and_nonsense_is_refused():
    budget = ExecutionBudget(
        step_limit=3, artifact_limit=3, artifact_step_limit=1, trace_event_limit=500
    )

    assert execute_flow(manifest(), functions=FUNCTIONS, budget=budget, record=False).is_ok
    assert count_of([{"artifact_id": "a"}, {"artifact_id": "b"}]) == 2
    assert (count_of(None), count_of([1, 2])) == (0, 1)
    with pytest.raises(ArgumentError, match="step_limit"):
        ExecutionBudget(step_limit=-1)


def test_f45_a_flow_may_be_a_step_of_a_flow():
    inner = flow(manifest(flow_id="inner"), functions=FUNCTIONS)

    done = execute_flow(chain("inner"), functions=[inner], record=False)

    assert done.is_ok
    assert done.results["inner"]["results"]["weigh"] == 8


def test_f45_a_flow_given_to_another_flows_function_is_refused():
    made = flow(manifest(), functions=FUNCTIONS)
    from netflux_nb import Runtime

    with Runtime([made], record=False) as runtime:
        other = manifest(flow_state="frozen").to_json()
        node = runtime.invoke(None, made, {"manifest": other})
        with pytest.raises(ArgumentError, match="manifest differs"):
            node.result()


def test_f48_every_flow_is_verified_once():
    done = execute_flow(manifest(), functions=FUNCTIONS, record=False)

    assert [one.fn.name for one in done.view.children].count("verify_harvest") == 1


def test_f49_an_agent_of_this_name_fails_on_purpose():
    @function(name="force-partial-failure")
    def fails() -> None:
        raise RuntimeError("on purpose")

    done = execute_flow(
        chain("weigh", "collect", fails.name, dependencies=["weigh:collect"]),
        functions=[*FUNCTIONS, fails],
        record=False,
    )

    assert "on purpose" in str(done.view.exception)
    states = {one.fn.name: one.state for one in done.view.children}
    assert states["weigh"] is NodeState.Success


def test_f50_a_step_that_failed_fails_the_flow_and_takes_those_after_it_only():
    @function(name="breaks")
    def breaks() -> int:
        raise ValueError("broken")

    @function(name="after")
    def after(breaks: int) -> int:
        return breaks

    wanted = chain("breaks", "after", "collect", dependencies=["after:breaks"])
    done = execute_flow(wanted, functions=[breaks, after, collect], record=False)

    assert not done.is_ok
    assert str(done.view.exception) == "broken"
    assert {one.fn.name for one in done.view.children} == {"breaks", "collect"}


def test_f50_an_effect_that_was_not_declared_stops_a_strict_flow():
    wanted = chain("collect", determinism_level="strict", nondeterminism_intent=[])
    done = execute_flow(wanted, functions=FUNCTIONS, record=False)
    declared = execute_flow(
        chain("collect", determinism_level="strict"), functions=FUNCTIONS, record=False
    )

    assert isinstance(done.view.exception, NonDeterminismViolationError)
    assert declared.is_ok


def test_f20_an_unsafe_configuration_is_told():
    done = execute_flow(manifest(), functions=FUNCTIONS, record=False)

    assert done.view.status == "unsafe_config: level is bounded"


def test_f61_a_gate_that_is_a_function_is_a_rule():
    @function(name="small")
    def small(outputs: dict) -> bool:
        return outputs["weigh"] < 5

    wanted = manifest(verification_gates=["small", "nobody_asks"])
    done = execute_flow(wanted, functions=[*FUNCTIONS, small], record=False)

    assert not done.is_ok
    assert "gate small" in str(done.view.exception)


def test_f61_a_policy_is_read_from_its_file():
    found = policy_from_json(
        {
            **POLICY,
            "rules": [{"rule_id": "unique_claim_ids"}, "claim_requires_evidence"],
            "arbitration_policy": {"rule": "quorum", "quorum_threshold": 2},
        }
    )

    assert (found.arbitration, found.quorum) == ("quorum", 2)
    assert found.fail_on == ("claim_requires_evidence",)
    assert policy_from_json({"verification_policy": POLICY}) == policy_from_json(POLICY)


@pytest.mark.parametrize(
    "data",
    [
        [],
        {"rule": 1},
        {"rules": ["nobody_knows"]},
        {"rules": [{"id": "x"}]},
        {"rules": "x"},
        {"fail_on": "x"},
        {"max_rule_cost": "1"},
        {"max_rule_cost": True},
        {"arbitration_policy": {}},
        {"arbitration_policy": "loudest"},
        {"arbitration_policy": {"rule": "quorum", "quorum_threshold": "2"}},
        {"randomness_tolerance": 3},
    ],
)
def test_f63_a_policy_that_does_not_fit_is_refused(data):
    with pytest.raises(ConfigurationError):
        policy_from_json(data)


# Again.


@pytest.fixture
def recorded(tmp_path):
    done = execute_flow(manifest(), functions=FUNCTIONS, policy=POLICY, record=tmp_path)
    assert done.is_ok
    return Recording(tmp_path, done.run.id)


def test_f79_a_flow_replays_from_its_record(recorded):
    found = replay_flow(recorded, manifest(), policy=POLICY, functions=FUNCTIONS)

    assert found.is_same
    assert found.verdict == "acceptable"
    assert found.tally.nodes == 1
    assert not {"harvest", "verify_harvest"} & set(found.changed)


def test_f79_another_result_is_found(recorded):
    @function(name="weigh")
    def changed(collect: list[int]) -> int:
        return sum(collect) + 1

    found = replay_flow(recorded, functions=[collect, changed, report])

    assert found.verdict == "unacceptable"
    assert not found.is_same
    assert "weigh" in found.changed


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"flow_state": "frozen"}, {"plan_hash", "flow_state"}),
        ({"determinism_level": "strict"}, {"plan_hash", "determinism_level"}),
        (
            {"dataset": {**FLOW["dataset"], "dataset_state": "deprecated"}},
            {"plan_hash", "dataset", "deprecated_dataset"},
        ),
        ({"dependencies": []}, {"plan_hash"}),
    ],
)
def test_f80_a_flow_that_changed_is_told_before_anything_runs(recorded, changes, names):
    with pytest.raises(ReplayDiffError) as caught:
        replay_flow(recorded, manifest(**changes), policy=POLICY, functions=FUNCTIONS)

    assert set(caught.value.diffs) == names
    assert caught.value.reason_code == "plan_mismatch"


def test_f80_a_policy_that_changed_is_told(recorded):
    with pytest.raises(ReplayDiffError, match="verification_policy"):
        replay_flow(recorded, policy={**POLICY, "fail_on": []}, functions=FUNCTIONS)


def test_f80_an_environment_that_changed_is_told():
    found = plan_diff(manifest(), manifest(), environments=("a", "b"))

    assert found == {"environment_fingerprint": {"expected": "a", "observed": "b"}}


def test_f79_an_observational_replay_runs_nothing(recorded):
    found = replay_flow(recorded, manifest(replay_mode="observational"), functions=FUNCTIONS)

    assert found.judgement.is_accepted
    assert found.tally.served == 0


def test_f74_a_flow_that_was_cut_off_goes_on(tmp_path):
    calls = []
    is_down = [True]

    @function(name="weighs", effect="files", idempotent=True)
    def weighs(collect: list[int]) -> int:
        calls.append("weighs")
        if is_down[0]:
            raise ConnectionError("down")
        return sum(collect)

    @function(name="collect", effect="files")
    def counted(seed: int) -> list[int]:
        calls.append("collect")
        return [1]

    wanted = chain("collect", "weighs", dependencies=["weighs:collect"])
    first = execute_flow(wanted, functions=[counted, weighs], record=tmp_path)
    assert not first.is_ok
    is_down[0] = False

    again = resume_flow(
        Recording(tmp_path, first.run.id), functions=[counted, weighs], record=tmp_path
    )

    assert again.is_ok
    assert again.results == {"collect": [1], "weighs": 1}
    assert calls == ["collect", "weighs", "weighs"]
    assert Run(tmp_path, again.run.id).recording.about["of"] == first.run.id


def test_f69_a_policy_that_is_no_json_has_to_be_given_again(tmp_path):
    policy = VerificationPolicy(rules=[lambda view: True])
    done = execute_flow(manifest(), functions=FUNCTIONS, policy=policy, record=tmp_path)
    recording = Recording(tmp_path, done.run.id)

    with pytest.raises(ConfigurationError, match="Give it"):
        replay_flow(recording, functions=FUNCTIONS)
    assert replay_flow(recording, policy=policy, functions=FUNCTIONS).is_same


def rows(path, query):
    import duckdb

    with duckdb.connect(str(path), read_only=True) as db:
        return db.execute(query).fetchall()


@pytest.mark.slow
def test_p13_the_ledger_of_a_flow_is_held_to_its_budget(tmp_path):
    allowed = {**FLOW["entropy_budget"], "allowed_sources": ["data"]}

    done = execute_flow(
        chain("collect", entropy_budget=allowed),
        "unsafe",
        functions=[collect],
        record=tmp_path / "store",
    )
    ledger = Run(tmp_path / "store", done.run.id).ledger()

    assert [(r.source, r.kind, r.declared) for r in ledger.rows] == [("tool", "files", True)]
    assert ledger.budget.budget.allowed_sources == ("data",)
    assert "data       low to medium     1" in str(ledger)


@pytest.mark.slow
def test_f71_what_a_flow_says_stands_in_the_exported_file(tmp_path):
    @function(name="proves")
    def proves() -> dict:
        return {
            "claims": [{"id": "c1", "statement": "e1 h1 it rains", "supported_by": ["e1"]}],
            "evidence": [{"id": "e1", "content_hash": "h1"}],
        }

    done = execute_flow(
        chain(
            "proves", entropy_budget={**FLOW["entropy_budget"], "per_source": [{"source": "data"}]}
        ),
        "unsafe",
        functions=[proves],
        record=tmp_path / "store",
    )
    path = tmp_path / "F.duckdb"
    for _ in range(2):  # the second time it replaces itself
        export_run(tmp_path / "store", path, done.run.id)
    export.validate(path)

    [run] = rows(
        path,
        "SELECT tenant_id, flow_id, flow_state, determinism_level, dataset_id, plan_hash, "
        "arbitration_decision, run_mode, finalized FROM runs",
    )
    assert run[:5] == ("farm", "harvest", "validated", "bounded", "fields")
    assert run[5:] == (done.plan.plan_hash, done.verification["status"], "unsafe", True)
    assert {tenant for (tenant,) in rows(path, "SELECT tenant_id FROM events")} == {"farm"}
    assert rows(path, "SELECT magnitude FROM entropy_budget_magnitudes ORDER BY 1") == [
        ("low",),
        ("medium",),
    ]
    assert rows(path, "SELECT intent_source FROM nondeterminism_intents") == [("retrieval",)]
    assert rows(path, "SELECT source FROM entropy_budget_slices") == [("data",)]
    assert rows(path, "SELECT claim_id FROM claims") == [("c1",)]
    assert rows(path, "SELECT evidence_id, content_hash FROM evidence") == [("e1", "h1")]
    assert rows(path, "SELECT state, previous_state FROM datasets") == [("frozen", None)]


@pytest.mark.slow
def test_f30_a_use_that_the_budget_does_not_list_is_in_the_file_as_not_allowed(tmp_path):
    @function(name="reads", effect="files")
    def reads(n: int) -> int:
        return n

    @function(name="draws", uses=[reads])
    def draws(ctx) -> int:
        ctx.now()
        return reads(n=2)

    wanted = chain("draws", entropy_budget={**FLOW["entropy_budget"], "allowed_sources": ["data"]})
    done = execute_flow(wanted, "unsafe", functions=[draws, reads], record=tmp_path / "store")
    path = export_run(tmp_path / "store", tmp_path / "F.duckdb", done.run.id)
    export.validate(path)

    kept = "SELECT description, source, nondeterminism_authorized FROM entropy_usage ORDER BY 1"
    assert rows(path, kept) == [("an effect: files", "data", True), ("clock", None, False)]
    assert rows(path, "SELECT source FROM entropy_budget_sources") == [("data",)]


@pytest.mark.slow
def test_f59_a_data_set_keeps_its_hash_and_does_not_go_back(tmp_path):
    def exported(**changes):
        wanted = manifest(dataset={**FLOW["dataset"], **changes}, allow_deprecated_datasets=True)
        done = execute_flow(wanted, functions=FUNCTIONS, record=tmp_path / "store")
        return export_run(tmp_path / "store", tmp_path / "F.duckdb", done.run.id)

    path = exported()
    exported(dataset_state="deprecated")
    assert rows(path, "SELECT state, previous_state FROM datasets") == [("deprecated", "frozen")]
    with pytest.raises(ArgumentError, match="from deprecated to frozen is not allowed"):
        exported()
    with pytest.raises(RecordError, match="another hash"):
        exported(dataset_state="deprecated", dataset_hash="other")
    export.validate(path)
    assert rows(path, "SELECT count(*) FROM runs") == [(2,)]
