"""The record as one DuckDB file, and what is done to such files (rows F70-F73, F78)."""

import contextlib
import hashlib
import json
import re
import subprocess
import sys

import duckdb
import pytest

from netflux_nb import Approvals, RunContext, Runtime, function
from netflux_nb.core.errors import RecordError
from netflux_nb.determinism import levels
from netflux_nb.record.chain import hash_of, line_of
from netflux_nb.record.journal import Journal
from netflux_nb.record.retention import compact, delete
from netflux_nb.record.sql import contract, export
from netflux_nb.record.sql.engine import connected
from netflux_nb.record.sql.export import to_duckdb, upgrade, validate
from netflux_nb.runtime.threads import waiting

from .conftest import asks, double, fan


@pytest.fixture
def exported(recorded, tmp_path):
    """A file with two runs, and the runs."""
    runs = recorded.add((fan, {"n": 2}), (asks, {"q": "?"}))
    return to_duckdb(recorded.folder, tmp_path / "out.duckdb"), runs


def ask(path, words, *, write=False):
    with duckdb.connect(str(path), read_only=not write) as db:
        return db.execute(words).fetchall()


# Row F71, word for word: the tables and their columns.
F71 = """
schema_migrations(version, checksum, applied_at)
schema_contract(schema_version, schema_hash, applied_at)
dataset_state_transitions(from_state, to_state)
datasets(tenant_id, dataset_id, version, state, previous_state, fingerprint, storage_uri)
runs(tenant_id, run_id, flow_id, flow_state, determinism_level, replay_mode, replay_acceptability, dataset_id, dataset_version, dataset_state, dataset_hash, dataset_storage_uri, allow_deprecated_datasets, allowed_variance_class, replay_envelope_min_claim_overlap, replay_envelope_max_contradiction_delta, environment_fingerprint, plan_hash, verification_policy_fingerprint, resolver_id, parent_flow_id, contradiction_count, arbitration_decision, finalized, entropy_exhausted, entropy_exhaustion_action, non_certifiable, run_mode, created_at)
run_children(tenant_id, run_id, child_flow_id)
run_checkpoints(tenant_id, run_id, step_index, event_index, updated_at)
entropy_budget(tenant_id, run_id, min, max, exhaustion_action, allowed_variance_class)
entropy_budget_sources(tenant_id, run_id, source)
entropy_budget_magnitudes(tenant_id, run_id, magnitude)
entropy_budget_slices(tenant_id, run_id, source, min, max, exhaustion_action)
nondeterminism_intents(tenant_id, run_id, step_index, intent_index, intent_source, min, max, justification)
steps(tenant_id, run_id, step_index, agent_id, step_type, determinism_level, inputs_fingerprint, declared_entropy_min, declared_entropy_max, declared_entropy_exhaustion_action, allowed_variance_class)
step_dependencies(tenant_id, run_id, step_index, dependency_agent_id)
events(tenant_id, run_id, event_index, step_index, event_type, causality_tag, timestamp_utc, payload_hash, agent_id, payload_json)
artifacts(tenant_id, run_id, artifact_id, artifact_type, producer, content_hash, scope)
artifact_parents(tenant_id, run_id, artifact_id, parent_artifact_id)
evidence(tenant_id, run_id, entry_index, evidence_id, determinism, source_uri, content_hash, score, vector_contract_id)
entropy_usage(tenant_id, run_id, entry_index, source, magnitude, description, step_index, nondeterminism_authorized, nondeterminism_scope_id, nondeterminism_scope_type)
tool_invocations(tenant_id, run_id, entry_index, tool_id, determinism_level, inputs_fingerprint, outputs_fingerprint, duration, outcome)
claims(tenant_id, run_id, claim_id)
"""


@pytest.mark.slow
def test_f71_the_tables_are_those_of_the_seed(exported):
    wanted = {}
    for line in F71.strip().splitlines():
        name, words = re.fullmatch(r"(\w+)\((.*)\)", line).groups()
        wanted[name] = words.split(", ")
    found = ask(
        exported[0],
        "SELECT table_name, list(column_name ORDER BY ordinal_position) "
        "FROM information_schema.columns GROUP BY table_name",
    )
    assert dict(found) == wanted
    assert len(wanted) == len(contract.TABLES) == 21
    indexes = ask(exported[0], "SELECT count(*) FROM duckdb_indexes() WHERE table_name = 'events'")
    assert indexes == [(3,)]


@pytest.mark.slow
def test_f70_what_the_record_knows_is_in_them(exported, recorded):
    path, (first, second) = exported
    runs = ask(path, "SELECT tenant_id, run_id, flow_id, finalized, run_mode FROM runs ORDER BY 2")
    assert runs == [
        ("local", first, "fan", True, "live"),
        ("local", second, "asks", True, "live"),
    ]
    kept = ask(path, "SELECT environment_fingerprint, plan_hash, created_at FROM runs")
    assert all(len(ground) == 64 and len(version) == 32 and when for ground, version, when in kept)
    steps = ask(path, f"SELECT step_index, agent_id, step_type FROM steps WHERE run_id = '{first}'")
    assert steps == [(0, "fan", "code"), (1, "double", "code"), (2, "double", "code")]
    depends = ask(path, "SELECT step_index, dependency_agent_id FROM step_dependencies ORDER BY 1")
    assert depends == [(0, "double"), (0, "double")]
    used = ask(path, "SELECT source, description FROM entropy_usage")
    assert used == [("seeded_rng", "a request to scripted")] * 2
    rows = [row for row in recorded.rows() if row["run"] == first]
    found = ask(
        path, f"SELECT payload_json FROM events WHERE run_id = '{first}' ORDER BY event_index"
    )
    assert [json.loads(text) for (text,) in found] == rows
    kinds = {kind for (kind,) in ask(path, "SELECT DISTINCT event_type FROM events")}
    assert {"STEP_START", "STEP_END", "RequestEnded"} <= kinds
    last = ask(path, f"SELECT event_index FROM run_checkpoints WHERE run_id = '{first}'")
    assert last == [(len(rows) - 1,)]


@pytest.mark.slow
def test_effects_draws_and_large_values_are_in_them(recorded, tmp_path):
    @function(effect="shell")
    def act(what: str) -> str:
        return what * 2

    @function(uses=[act])
    def acts(ctx) -> str:
        ctx.random.random()
        return act(what="x" * 20_000)

    with Journal(recorded.folder) as journal, Runtime([acts], sink=journal) as runtime:
        runtime.get_ctx().invoke(acts, {}).result(timeout=20)
    path = to_duckdb(recorded.folder, tmp_path / "out.duckdb")
    tools = ask(path, "SELECT tool_id, outcome, duration >= 0 FROM tool_invocations")
    assert tools == [("act", "success", True)]
    used = "SELECT source, magnitude, description FROM entropy_usage ORDER BY entry_index"
    assert ask(path, used) == [
        ("seeded_rng", "low", "random"),
        ("external_oracle", "high", "an effect: shell"),
    ]
    kept = ask(path, "SELECT artifact_id, content_hash FROM artifacts ORDER BY 1")
    assert [digest for digest, _ in kept] == sorted(recorded.artifacts())
    assert all(digest == same for digest, same in kept)


@pytest.mark.slow
def test_a_file_that_is_there_is_added_to_and_no_run_is_there_twice(exported, recorded, tmp_path):
    path, runs = exported
    before = ask(path, "SELECT * FROM events ORDER BY ALL")
    to_duckdb(recorded.folder, path)
    assert ask(path, "SELECT * FROM events ORDER BY ALL") == before
    (third,) = recorded.add((double, {"x": 1}))
    compact(recorded.folder)
    delete(recorded.folder, runs[0])
    to_duckdb(recorded.folder, path, [third])
    assert [run for (run,) in ask(path, "SELECT run_id FROM runs ORDER BY created_at")] == [
        *runs,
        third,
    ]
    validate(path)
    only = to_duckdb(recorded.folder, tmp_path / "only.duckdb", [runs[1]])
    assert ask(only, "SELECT run_id FROM runs") == [(runs[1],)]
    assert {run for (run,) in ask(only, "SELECT run_id FROM events")} == {runs[1]}


@pytest.mark.slow
def test_packed_or_not_the_file_is_the_same(exported, recorded, tmp_path):
    path, _ = exported
    compact(recorded.folder)
    other = to_duckdb(recorded.folder, tmp_path / "packed.duckdb")
    for name in contract.RUN_TABLES:
        assert ask(other, f"FROM {name} ORDER BY ALL") == ask(path, f"FROM {name} ORDER BY ALL")


@pytest.mark.slow
def test_a_run_that_is_not_there_leaves_the_file_as_it_was(exported, recorded, tmp_path):
    path, runs = exported
    before = path.read_bytes()
    for names, why in [(["x-1.1"], "There is no run"), (["../x"], "names no run")]:
        with pytest.raises(RecordError, match=why):
            to_duckdb(recorded.folder, path, [runs[0], *names])
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.duckdb", "record"]


def test_an_empty_record_gives_empty_tables(tmp_path):
    path = to_duckdb(tmp_path / "nothing", tmp_path / "out.duckdb")
    assert ask(path, "SELECT count(*) FROM runs") == [(0,)]
    validate(path)


# Older files, and later ones.


def a_file(path, rows=()):
    with connected() as db:
        contract.attached(db, path)
        contract.upgrade(db)
        for words in rows:
            db.execute(words)
    return path


def brought_to_next_version(path, *statements):
    """Take the step that a later release would add."""
    steps = (*contract.MIGRATIONS, contract.Migration(contract.VERSION + 1, statements))
    with connected() as db:
        contract.attached(db, path)
        return contract.upgrade(db, steps)


def test_f72_an_old_file_is_brought_forward_and_keeps_its_rows(tmp_path):
    rows = [
        "INSERT INTO runs BY NAME SELECT 'local' AS tenant_id, 'old-1.1' AS run_id, "
        "'old' AS flow_id, true AS finalized",
        "INSERT INTO claims VALUES ('local', 'old-1.1', 'c1')",
    ]
    path = a_file(tmp_path / "old.duckdb", rows)
    assert upgrade(path) == []
    validate(path)
    step = "CREATE INDEX claims_by_id ON claims (claim_id)"
    assert brought_to_next_version(path, step) == [2]
    assert brought_to_next_version(path, step) == []
    assert ask(path, "SELECT version FROM schema_migrations ORDER BY 1") == [(1,), (2,)]
    assert ask(path, "SELECT schema_version FROM schema_contract") == [(2,)]
    assert ask(path, "SELECT * FROM claims") == [("local", "old-1.1", "c1")]


def test_f72_an_old_file_with_a_row_of_no_run_stays_as_it_was(tmp_path):
    path = a_file(tmp_path / "x")
    row = "INSERT INTO claims VALUES ('local', 'gone-1.1', 'c1')"

    with pytest.raises(duckdb.ConstraintException, match=r"gone-1\.1"):
        brought_to_next_version(path, "CREATE TABLE notes (note VARCHAR)", row)
    assert ask(path, "SELECT max(version) FROM schema_migrations") == [(1,)]
    validate(path)


# Rows that refer to what is not there: each table, and a row of a run that is.
ORPHANS = {
    "a step of no run": ("steps", "'no-1.1' AS run_id, 0 AS step_index, 'x' AS agent_id"),
    "an event of no run": (
        "events",
        "'no-1.1' AS run_id, 99 AS event_index, 'x' AS event_type, 'agent' AS causality_tag, "
        "'x' AS payload_hash, '{{}}' AS payload_json",
    ),
    "an event of no step": (
        "events",
        "'{run}' AS run_id, 99 AS event_index, 99 AS step_index, 'x' AS event_type, "
        "'agent' AS causality_tag, 'x' AS payload_hash, '{{}}' AS payload_json",
    ),
    "a dependency of no step": (
        "step_dependencies",
        "'{run}' AS run_id, 99 AS step_index, 'x' AS dependency_agent_id",
    ),
    "a parent that is no artifact": (
        "artifact_parents",
        "'{run}' AS run_id, 'x' AS artifact_id, 'y' AS parent_artifact_id",
    ),
    "a claim of no run": ("claims", "'no-1.1' AS run_id, 'c' AS claim_id"),
    "a run of a data set that is not there": (
        "runs",
        "'new-1.1' AS run_id, 'x' AS flow_id, true AS finalized, 'd' AS dataset_id, "
        "'1' AS dataset_version",
    ),
    "a child of no run": ("run_children", "'no-1.1' AS run_id, '{run}' AS child_flow_id"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("table", "words"), ORPHANS.values(), ids=ORPHANS)
def test_f71_a_row_without_its_parent_is_refused(exported, table, words):
    path, (run, _) = exported
    row = f"INSERT INTO {table} BY NAME SELECT 'local' AS tenant_id, {words.format(run=run)}"

    with pytest.raises(duckdb.ConstraintException, match="does not exist in the referenced"):
        ask(path, row, write=True)
    with pytest.raises(duckdb.ConstraintException, match="still referenced by a foreign key"):
        ask(path, f"DELETE FROM runs WHERE run_id = '{run}'", write=True)


@pytest.mark.slow
@pytest.mark.parametrize("wrong", ["'weather' AS source", "'huge' AS magnitude"])
def test_f30_what_varied_is_of_a_source_and_magnitude_of_its_run(exported, wrong):
    path, (run, _) = exported
    right = f"'{run}' AS run_id, 'local' AS tenant_id, "
    add = "INSERT INTO entropy_usage BY NAME SELECT "
    for place, source in enumerate(("data", "human_input"), 50):
        words = f"{place} AS entry_index, '{source}' AS source, 'low' AS magnitude"
        ask(path, add + right + words, write=True)

    with pytest.raises(duckdb.ConstraintException, match="does not exist in the referenced"):
        ask(path, f"{add}{right}90 AS entry_index, {wrong}", write=True)
    with pytest.raises(duckdb.ConstraintException, match="does not exist in the referenced"):
        ask(path, f"{add}'local' AS tenant_id, 'no-1.1' AS run_id, 0 AS entry_index", write=True)


def test_f30_kinds_are_weighed_as_in_the_ledger_of_a_run():
    kinds = {*levels.SOURCE_OF_KIND, *levels.MAGNITUDE_OF_KIND}

    assert {
        kind: (levels.source_of(kind), levels.magnitude_of(kind)) for kind in kinds
    } == export.VARYING


@pytest.mark.slow
def test_f72_a_later_file_and_one_made_otherwise_are_refused(exported):
    path, _ = exported
    before = ask(path, "SELECT * FROM schema_migrations ORDER BY 1")
    ask(path, "INSERT INTO schema_migrations VALUES (99, 'x', now()::TIMESTAMP)", write=True)
    with pytest.raises(RecordError, match=r"has version 99; this reads up to 1\."):
        upgrade(path)
    ask(path, "DELETE FROM schema_migrations WHERE version = 99", write=True)
    ask(path, "UPDATE schema_migrations SET checksum = 'x' WHERE version = 1", write=True)
    with pytest.raises(RecordError, match="Version 1 of this file was made with other statements"):
        upgrade(path)
    assert len(before) == 1


def test_f72_what_is_released_is_never_changed():
    """A file of somebody's has these: another step is added instead."""
    known = {1: "531392978f67"}
    assert {m.version: m.checksum[:12] for m in contract.MIGRATIONS} == known


# What is done to files.

CHANGES = {
    "a table dropped": ("DROP TABLE claims", "table claims is missing"),
    "a column added": ("ALTER TABLE evidence ADD COLUMN x INTEGER", "evidence.x INTEGER was added"),
    "a column dropped": (
        "ALTER TABLE evidence DROP COLUMN score",
        "evidence.score DOUBLE is missing",
    ),
    "a column of another type": (
        "ALTER TABLE evidence ALTER score TYPE VARCHAR",
        "evidence.score DOUBLE is missing",
    ),
    "a column renamed": (
        "ALTER TABLE evidence RENAME score TO points",
        "evidence.points DOUBLE was added",
    ),
    "a table added": ("CREATE TABLE more (x INTEGER)", "more.x INTEGER was added"),
    "an index dropped": ("DROP INDEX events_by_type", "CREATE INDEX events_by_type"),
    "a duty dropped": (
        "ALTER TABLE tool_invocations ALTER tool_id DROP NOT NULL",
        "tool_invocations.tool_id VARCHAR NOT NULL is missing",
    ),
    "a foreign key dropped": (
        "CREATE TABLE other AS FROM claims; DROP TABLE claims; CREATE TABLE claims "
        "(tenant_id VARCHAR NOT NULL, run_id VARCHAR NOT NULL, claim_id VARCHAR NOT NULL, "
        "PRIMARY KEY (tenant_id, run_id, claim_id)); DROP TABLE other",
        "claims FOREIGN KEY (tenant_id, run_id) REFERENCES runs(tenant_id, run_id) is missing",
    ),
    "the contract's own row": ("UPDATE schema_contract SET schema_hash = 'x'", "another hash"),
    "no contract": ("DELETE FROM schema_contract", "schema_contract holds"),
    "the contract's table": ("DROP TABLE schema_contract", "this is no export of a record"),
    "a later contract": ("UPDATE schema_contract SET schema_version = 9", "schema_contract holds"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("words", "why"), CHANGES.values(), ids=CHANGES)
def test_f73_tables_that_are_not_as_they_were_are_named(tmp_path, words, why):
    path = a_file(tmp_path / "out.duckdb")
    validate(path)
    ask(path, words, write=True)
    for refuse in (validate, upgrade):
        with pytest.raises(RecordError, match=r"is not as it was written|has no|cannot") as caught:
            refuse(path)
        assert "\n" not in str(caught.value)
    with pytest.raises(RecordError, match=re.escape(why)):
        validate(path)


ALTERED = {
    "a payload": "UPDATE events SET payload_json = replace(payload_json, 'double', 'triple')",
    "a payload and its hash": (
        "UPDATE events SET payload_json = replace(payload_json, 'double', 'triple'), "
        "payload_hash = sha256(replace(payload_json, 'double', 'triple'))"
    ),
    "a hash": "UPDATE events SET payload_hash = 'x' WHERE event_index = 3",
    "an event gone": "DELETE FROM events WHERE event_index = 3",
    "an event gone and the rest moved up": (
        "DELETE FROM events WHERE event_index = 3; "
        "UPDATE events SET event_index = event_index - 1 WHERE event_index > 3"
    ),
    "the last event gone": "DELETE FROM events WHERE event_type = 'STEP_END' AND step_index = 0",
    "all events gone": "DELETE FROM events",
    "no line": (
        "UPDATE events SET payload_json = '{}', payload_hash = sha256('{}') WHERE event_index = 2"
    ),
    "an empty one": (
        "UPDATE events SET payload_json = '', payload_hash = sha256('') WHERE event_index = 2"
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("words", ALTERED.values(), ids=ALTERED)
def test_f78_events_that_were_altered_are_named(exported, words):
    path, runs = exported
    validate(path)
    with duckdb.connect(str(path)) as db:
        for one in words.split("; "):
            db.execute(one)
    with pytest.raises(RecordError, match="is not as it was written") as caught:
        validate(path)
    assert runs[0] in str(caught.value) or runs[1] in str(caught.value)


@pytest.mark.slow
def test_payload_hashes_are_those_of_the_payloads(exported):
    for digest, text in ask(exported[0], "SELECT payload_hash, payload_json FROM events"):
        assert digest == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("data", [b"", b"no database", b"\0" * 20_000])
def test_a_file_that_is_no_database_is_one_line(recorded, tmp_path, data):
    recorded.add((double, {"x": 1}))
    path = tmp_path / "strange.duckdb"
    path.write_bytes(data)
    for use in (validate, lambda p: to_duckdb(recorded.folder, p)):
        if not data and use is not validate:
            continue
        with pytest.raises(RecordError) as caught:
            use(path)
        assert "\n" not in str(caught.value)
    with pytest.raises(RecordError, match="There is no file"):
        validate(tmp_path / "missing.duckdb")


@pytest.mark.slow
def test_a_file_that_somebody_writes_is_one_line_and_nothing_is_held_afterwards(exported, recorded):
    path, _ = exported
    code = (
        "import duckdb, sys; db = duckdb.connect(sys.argv[1]); print('open', flush=True); "
        "sys.stdin.readline()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout.readline() == "open\n"
        for use in (validate, upgrade, lambda p: to_duckdb(recorded.folder, p)):
            with pytest.raises(RecordError, match="cannot be used"):
                use(path)
        other.communicate("\n", timeout=20)
    validate(path)
    with duckdb.connect(str(path)) as db:
        db.execute("CREATE TABLE free (x INTEGER)")


@pytest.mark.slow
def test_q55_f39_f40_events_that_the_seed_knows_have_its_names_and_fields(tmp_path):
    @function(effect="files")
    def write(word: str) -> str:
        return word

    @function(effect="files")
    def fails() -> None:
        raise LookupError("no")

    @function(needs_approval=True)
    def pay() -> int:
        return 1

    @function(uses=[write, fails, pay])
    def tell(ctx: RunContext) -> int:
        ctx.now()
        write(word="a")
        with contextlib.suppress(LookupError):
            fails()
        return pay()

    folder = tmp_path / "record"
    with Journal(folder) as journal, Runtime([tell], sink=journal, policies=[Approvals()]) as rt:
        node = rt.get_ctx().invoke(tell, {})
        asking = next(iter(waiting.questions(node)))
        asking.approve(by="ada")
        node.result(timeout=60)
        node = rt.get_ctx().invoke(pay, {})
        node.cancel("enough")
        node.wait(timeout=60)
    path = to_duckdb(folder, tmp_path / "out.duckdb")

    found = ask(
        path,
        "SELECT run_id, event_index, event_type, causality_tag, agent_id, payload_hash, "
        "payload_json FROM events ORDER BY run_id, event_index",
    )
    (first,) = {row[0] for row in found if row[4] == "tell"}
    told = [(kind, tag, fn) for run, _, kind, tag, fn, *_ in found if run == first]
    known = [one for one in told if one[0].isupper()]
    assert known == [
        ("STEP_START", "agent", "tell"),
        ("STEP_START", "agent", "write"),
        ("TOOL_CALL_START", "tool", "write"),
        ("STEP_END", "agent", "write"),
        ("STEP_START", "agent", "fails"),
        ("TOOL_CALL_START", "tool", "fails"),
        ("STEP_FAILED", "agent", "fails"),
        ("HUMAN_INTERVENTION", "human", "pay"),
        ("STEP_START", "agent", "pay"),
        ("STEP_END", "agent", "pay"),
        ("STEP_END", "agent", "tell"),
    ]
    assert ("Drawn", "environment", "tell") in told
    assert told[0][0] == "NodeOpened"
    second = [kind for run, _, kind, *_ in found if run != first]
    assert "EXECUTION_INTERRUPTED" in second
    assert second[-1] == "STEP_FAILED"
    for run in {row[0] for row in found}:
        numbers = [row[1] for row in found if row[0] == run]
        assert numbers == list(range(len(numbers)))
    for *_, digest, payload in found:
        assert digest == hashlib.sha256(payload.encode()).hexdigest()
        assert isinstance(json.loads(payload), dict)


@pytest.mark.parametrize(
    ("words", "told"),
    {
        "SELECT 1": [],
        "DROP INDEX events_by_type": ["CREATE INDEX events_by_type"],
        "DROP TABLE events": ["table events is missing"],
        "ALTER TABLE evidence DROP COLUMN score": ["evidence.score DOUBLE is missing"],
    }.items(),
)
def test_a_table_that_is_gone_is_named_once_and_an_index_by_itself(words, told):
    with connected() as db:
        contract.upgrade(db)
        db.execute(words)
        found = contract.differences(db)

    assert len(found) == len(told)
    assert all(one.startswith(start) for one, start in zip(found, told, strict=True))


def test_a_line_in_a_table_is_taken_apart_into_its_words_and_its_mark():
    words = '{"event":"Segment"'
    assert export._taken_apart(line_of(words, hash_of("", words))[:-1]) == (
        words,
        hash_of("", words),
    )
