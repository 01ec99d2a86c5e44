"""What a flow's step is made of, what it makes, and where that is kept (rows F42-F58)."""

import hashlib
import json
from pathlib import Path

import duckdb
import pytest

from netflux_nb import function
from netflux_nb.core.errors import ArgumentError, RecordError
from netflux_nb.determinism.levels import fingerprint
from netflux_nb.determinism.verdict import failure_class
from netflux_nb.flows import (
    ConfigurationError,
    FlowManifest,
    HostileArtifactStore,
    MemoryArtifactStore,
    ReasoningFailure,
    RetrievalFailure,
    RetrievalRequest,
    SemanticViolationError,
    execute_flow,
    executor_states,
    export_run,
    replay_flow,
    resolve,
    step,
)
from netflux_nb.flows.step_artifacts import artifacts_in, artifacts_of, check_output, check_parents
from netflux_nb.flows.steps import evidence_of

FLOW = json.loads((Path(__file__).parent / "flow.json").read_text())


def chain(*agents, **changes):
    """Give a flow of these agents, one after the other where `dependencies` says so."""
    own = {"agents": list(agents), "dependencies": [], "verification_gates": []}
    return FlowManifest.from_json({**FLOW, **own, **changes})


def rows(path, query):
    with duckdb.connect(str(path), read_only=True) as db:
        return db.execute(query).fetchall()


PIECE = {
    "evidence_id": "e1",
    "source_uri": "wiki:rain",
    "content": "It rains.",
    "determinism": "deterministic",
    "vector_contract_id": "fields-v1",
    "score": 0.5,
}
ASKED = RetrievalRequest(query="rain", vector_contract_id="fields-v1", top_k=2, scope="wiki")
calls = []


@function(effect="retrieval")
def looks(query: str, top_k: int, scope: str, vector_contract_id: str) -> list[dict]:
    calls.append((query, top_k, scope, vector_contract_id))
    return [PIECE]


@function
def holds(contract_id: str, evidence: list) -> bool:
    return all(one["vector_contract_id"] == contract_id for one in evidence)


@function
def writes(agent_id: str, seed: int, declared_outputs: list, evidence: list) -> list[dict]:
    content = [one["content"] for one in evidence]
    return [
        {"artifact_id": f"{agent_id}-1", "artifact_type": "agent_invocation", "content": content}
    ]


@function
def weighs(agent_outputs: list, evidence: list, seed: int) -> dict:
    (one,) = evidence
    words = f"By {one['evidence_id']} ({one['content_hash']}) it rains."
    claim = {"id": "c1", "statement": words, "confidence": 0.9, "supported_by": ["e1"]}
    return {"claims": [claim], "evidence_ids": ["e1"], "scope": "audit"}


def report(**changes):
    parts = {
        "request": ASKED,
        "retrieve": looks,
        "enforce_contract": holds,
        "reason": weighs,
    }
    return step("report", writes, **{**parts, **changes})


def run_flow(tmp_path, made, *more, mode="live", **options):
    wanted = chain(made.name, *more, determinism_level="bounded")
    return execute_flow(wanted, mode, functions=[made], record=tmp_path / "store", **options)


def test_f42_a_step_retrieves_judges_runs_and_reasons_as_calls_of_its_own(tmp_path):
    calls.clear()
    done = run_flow(tmp_path, report())

    assert done.is_ok, done.verification
    assert calls == [("rain", 2, "wiki", "fields-v1")]
    [agent, _] = done.view.children
    assert [one.fn.name for one in agent.children] == ["looks", "holds", "writes", "weighs"]
    found = done.results["report"]
    assert found["result"][0]["content"] == ["It rains."]
    assert found["evidence"] == [{**PIECE, "content_hash": fingerprint("It rains.")}]
    assert found["reasoning"]["claims"][0]["id"] == "c1"


def test_f42_a_step_replays_without_looking_anything_up(tmp_path):
    done = run_flow(tmp_path, report())
    calls.clear()

    assert replay_flow(done.run.recording, functions=[report()]).is_same
    assert calls == []


def test_f42_the_next_step_is_given_the_evidence(tmp_path):
    @function(name="counts")
    def counts(evidence: list, report: dict) -> list:
        return [len(evidence), sorted(report)]

    wanted = chain("report", "counts", dependencies=["counts:report"])
    done = execute_flow(wanted, functions=[report(), counts], record=tmp_path)

    assert done.results["counts"] == [1, ["evidence", "reasoning", "result"]]


# What is wrong with what was found, and what is said of it.
FOUND = {
    "nothing": ([], "Nothing was found for 'rain'"),
    "no list": ({"evidence_id": "e1"}, "Nothing was found|is a dict"),
    "no evidence": (["e1"], "is a dict with an `evidence_id`"),
    "too much": ([{**PIECE, "evidence_id": str(n)} for n in range(3)], "3 were found, of 2"),
    "twice": ([PIECE, PIECE], "twice is: e1"),
    "another contract": ([{**PIECE, "vector_contract_id": "x"}], "under the contract 'x'"),
    "no such kind": ([{**PIECE, "determinism": "maybe"}], "is 'maybe', none of"),
    "more random": ([{**PIECE, "determinism": "external"}], "is external; the request takes"),
    "no hash": ([{**PIECE, "content": object()}], "has no hash"),
}


@pytest.mark.parametrize(("found", "why"), FOUND.values(), ids=FOUND)
def test_f57_what_is_found_is_held_to_the_request(found, why):
    with pytest.raises(RetrievalFailure, match=why):
        evidence_of(ASKED, found)
    assert failure_class(RetrievalFailure) == "structural"


def test_f57_a_contract_that_does_not_hold_fails_the_step(tmp_path):
    @function
    def refuses(evidence: list) -> bool:
        return False

    done = run_flow(tmp_path, report(enforce_contract=refuses))

    assert not done.is_ok
    [agent] = done.view.children
    assert [one.fn.name for one in agent.children] == ["looks", "refuses"]
    assert "'fields-v1' does not hold" in str(agent.exception)


def test_f57_query_and_text_are_in_the_record_and_the_file(tmp_path):
    done = run_flow(tmp_path, report())
    looked = done.run.recording.view.children[0].children[0]
    assert looked.inputs["query"] == "rain"
    assert looked.outputs[0]["content"] == "It rains."
    path = export_run(tmp_path / "store", tmp_path / "F.duckdb", done.run.id)

    kept = "SELECT evidence_id, determinism, score, vector_contract_id FROM evidence"
    assert rows(path, kept) == [("e1", "deterministic", 0.5, "fields-v1")]
    used = "SELECT source, magnitude, nondeterminism_authorized FROM entropy_usage"
    assert rows(path, used) == [("data", "medium", True)]


NO_BUNDLES = {
    "no claims": {"evidence_ids": []},
    "no dict": {"claims": "it rains"},
    "another kind": {"claims": [], "artifact_type": "reasoning_step"},
    "another scope": {"claims": [], "scope": "working"},
}


@pytest.mark.parametrize("bundle", NO_BUNDLES.values(), ids=NO_BUNDLES)
def test_f55_reasoning_gives_a_bundle_for_the_audit(tmp_path, bundle):
    @function
    def says(evidence: list) -> dict:
        return bundle

    done = run_flow(tmp_path, report(reason=says))

    assert not done.is_ok
    assert type(done.view.children[0].exception) is ReasoningFailure


def test_f48_claims_of_the_reasoning_are_verified(tmp_path):
    @function
    def invents(evidence: list) -> dict:
        return {"claims": [{"id": "c1", "statement": "x", "supported_by": ["e9"]}]}

    done = run_flow(tmp_path, report(reason=invents), mode="unsafe")

    assert done.verification["status"] == "FAIL"
    assert "claim_supports_known_evidence" in done.verification["violations"]


@function
def named(seed: int) -> int:
    return seed


WRONG_STEPS = {
    "no retrieve": ({"retrieve": None, "enforce_contract": None}, "with both or none"),
    "no request": ({"request": None}, "with both or none"),
    "only a contract": ({"request": None, "retrieve": None}, "no `retrieve=`"),
    "an argument it is not given": ({"reason": looks}, "To reason, it is given"),
    "no effect": ({"retrieve": holds}, "To retrieve, it is given"),
}


@pytest.mark.parametrize(("changes", "why"), WRONG_STEPS.values(), ids=WRONG_STEPS)
def test_f42_a_step_that_could_not_run_is_refused_when_it_is_made(changes, why):
    with pytest.raises(ConfigurationError, match=why):
        report(**changes)


def test_f42_what_may_vary_is_an_effect_and_a_step_has_a_name_of_its_own():
    @function
    def finds(query: str) -> list:
        return [PIECE]

    with pytest.raises(ConfigurationError, match='effect="retrieval"'):
        report(retrieve=finds)
    sure = RetrievalRequest(query="x", vector_contract_id="fields-v1", determinism="deterministic")
    assert report(retrieve=finds, request=sure).name == "report"
    with pytest.raises(ConfigurationError, match="is the step's name"):
        step("named", named)


@pytest.mark.parametrize(
    "wrong",
    [{"query": ""}, {"vector_contract_id": " "}, {"top_k": 0}, {"determinism": "maybe"}],
)
def test_f42_a_request_says_what_it_wants(wrong):
    with pytest.raises(ConfigurationError):
        RetrievalRequest(**{"query": "q", "vector_contract_id": "v", **wrong})


# What an agent makes.

OUTPUTS = {
    "another kind": ({"artifact_type": "reasoning_bundle"}, "an agent makes"),
    "no such kind": ({"artifact_type": "poem"}, "an agent makes"),
    "no such scope": ({"scope": "forever"}, "has the scope"),
    "no id": ({"artifact_id": ""}, "without an id"),
    "strange parents": ({"parent_artifacts": "a"}, "is a list of ids"),
    "no hash": ({"content": object()}, "has no hash"),
}


@pytest.mark.parametrize(("wrong", "why"), OUTPUTS.values(), ids=OUTPUTS)
def test_f55_an_agent_gives_invocations_and_states_only(wrong, why):
    with pytest.raises(SemanticViolationError, match=why):
        check_output("a", [{"artifact_id": "x", "content": 1, **wrong}])
    check_output("a", [{"artifact_id": "x", "content": 1}])
    assert failure_class(SemanticViolationError) == "authority"


def test_f55_a_step_that_gives_what_it_must_not_fails_the_flow(tmp_path):
    @function(name="proves")
    def proves() -> list:
        return [{"artifact_id": "x", "artifact_type": "verification_result", "content": 1}]

    done = run_flow(tmp_path, proves)

    assert not done.is_ok
    assert isinstance(done.view.exception, SemanticViolationError)


def made(name, *parents):
    return {"artifact_id": name, "content": name, "parent_artifacts": list(parents)}


PLAN = resolve(chain("a", "b", "c", dependencies=["b:a", "c:b"]))
LINEAGES = {
    "well": ({"a": [made("a1")], "b": [made("b1", "a1"), made("b2", "b1")]}, None),
    "from two steps above": ({"a": [made("a1")], "b": 1, "c": [made("c1", "a1")]}, None),
    "no lists": ({"a": 1, "b": 2, "c": 3}, None),
    "not all ran": ({"a": [made("a1")]}, None),
    "an id twice": ({"a": [made("x")], "b": [made("x", "x")]}, "has the id of one of 'a'"),
    "no parent": ({"a": [made("a1")], "b": [made("b1")]}, "names no parent"),
    "a parent that is not": ({"a": [made("a1", "z")]}, "comes from 'z'"),
    "a parent of later": ({"a": [made("a1", "b1")], "b": [made("b1", "a1")]}, "comes from 'b1'"),
    "its own parent": ({"a": [made("a1", "a1")]}, "comes from 'a1'"),
}


@pytest.mark.parametrize(("results", "why"), LINEAGES.values(), ids=LINEAGES)
def test_f47_artifacts_come_from_what_is_there(results, why):
    if why is None:
        check_parents(PLAN, results)
        return
    with pytest.raises(SemanticViolationError, match=why):
        check_parents(PLAN, results)


@pytest.mark.parametrize("mode", ["live", "unsafe"])
def test_f47_a_flow_ends_only_with_artifacts_that_have_their_parents(tmp_path, mode):
    @function(name="makes")
    def makes() -> list:
        return [made("m1", "nothing")]

    done = run_flow(tmp_path, makes, mode=mode)

    if mode == "live":
        assert isinstance(done.view.exception, SemanticViolationError)
    else:
        assert done.verification["status"] == "PASS"
        assert "comes from 'nothing'" in done.view.status


def test_f56_the_state_after_a_step_holds_all_steps_up_to_it():
    first, second, third = executor_states(PLAN)
    one, two, _ = PLAN.steps

    assert first == sha(f"{PLAN.plan_hash}:a:{one.inputs_fingerprint}")
    assert second == sha(f"{first}:b:{two.inputs_fingerprint}")
    other = executor_states(resolve(chain("a", "b", "d", dependencies=["b:a", "d:b"])))
    assert len({first, second, third, *other}) == 6
    assert executor_states(PLAN) == (first, second, third)


def sha(words):
    return hashlib.sha256(words.encode()).hexdigest()


def test_f56_each_step_has_one_state_in_the_file(tmp_path):
    @function(name="a")
    def first() -> list:
        return [made("a1"), made("a2", "a1")]

    done = run_flow(tmp_path, first)
    path = export_run(tmp_path / "store", tmp_path / "F.duckdb", done.run.id)

    kept = "SELECT artifact_id, artifact_type, scope FROM artifacts ORDER BY 1"
    assert rows(path, kept) == [
        ("a1", "agent_invocation", "working"),
        ("a2", "agent_invocation", "working"),
        ("executor_state:0", "executor_state", "audit"),
    ]
    assert rows(
        path, "SELECT artifact_id, parent_artifact_id FROM artifact_parents ORDER BY ALL"
    ) == [
        ("a2", "a1"),
        ("executor_state:0", "a1"),
        ("executor_state:0", "a2"),
    ]


# Where artifacts are kept.


def test_f53_a_store_keeps_and_never_changes():
    store = MemoryArtifactStore()
    kept = store.create(id="a", content={"x": 1})

    assert store.load("a") == kept
    store.save(kept)
    with pytest.raises(RecordError, match="another content"):
        store.create(id="a", content={"x": 2})
    assert store.create(id="a", content=3, tenant_id="farm") != kept
    with pytest.raises(RecordError, match="no artifact 'b'"):
        store.load("b")
    with pytest.raises(ArgumentError, match="no kind of artifact, or no hash"):
        store.create(id="c", content=object())


def test_f53_what_a_flow_makes_is_kept_and_read_back(tmp_path):
    store = MemoryArtifactStore()
    done = run_flow(tmp_path, report(), artifacts=store)

    assert done.is_ok
    for one in artifacts_in(done.plan, done.results):
        assert store.load(one.id, "farm") == one
    assert replay_flow(done.run.recording, functions=[report()]).is_same


HARMS = {
    "loses": ({"drop_rate": 1.0}, "no artifact"),
    "alters": ({"corruption_rate": 1.0}, "another hash"),
}


@pytest.mark.parametrize(("harm", "why"), HARMS.values(), ids=HARMS)
def test_f49_a_store_that_harms_what_it_keeps_is_noticed(tmp_path, harm, why):
    waits = []
    store = HostileArtifactStore(3, max_delay=0.5, sleep=waits.append, **harm)
    done = run_flow(tmp_path, report(), artifacts=store, mode="unsafe")

    assert done.verification["status"] == "FAIL"
    assert "artifact_store_load_failed" in done.verification["violations"]
    assert any(why in words for words in done.verification["findings"])
    assert waits
    assert all(0 <= one <= 0.5 for one in waits)
    assert not run_flow(tmp_path, report(), artifacts=HostileArtifactStore(3, **harm)).is_ok


def test_f49_what_a_hostile_store_harms_depends_on_its_seed_alone():
    def lost(seed):
        store = HostileArtifactStore(seed, drop_rate=0.5)
        names = [f"a{n}" for n in range(40)]
        for name in names:
            store.create(id=name, content=name)
        return [name for name in names if not is_there(store, name)]

    assert lost(1) == lost(1) != lost(2)
    assert 8 < len(lost(1)) < 32
    assert is_there(HostileArtifactStore(1), "a") is False


def is_there(store, name):
    try:
        return store.load(name) is not None
    except RecordError:
        return False


@pytest.mark.parametrize("wrong", [{"drop_rate": 2}, {"corruption_rate": -1}, {"max_delay": -1}])
def test_f49_rates_are_from_0_to_1(wrong):
    with pytest.raises(ArgumentError):
        HostileArtifactStore(1, **wrong)


def test_f51_an_artifact_is_told_by_the_hash_of_its_content():
    [one] = artifacts_of("a", {"x": [2, 1]})

    assert one.content_hash == fingerprint({"x": [2, 1]}) != fingerprint({"x": [1, 2]})
    assert one.is_sound
    assert (one.id, one.type, one.producer, one.scope) == (
        "a",
        "agent_invocation",
        "agent",
        "working",
    )
