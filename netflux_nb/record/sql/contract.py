"""The tables of an exported DuckDB file, its version, and the contract it is held to."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from ...core.errors import RecordError
from .engine import connected, quoted

if TYPE_CHECKING:
    import duckdb

# Each table with its columns: the name, then the type, then "!" where there must be a value.
# Tables of a run begin with the tenant and the run, and these are part of their key. None stands
# before what its rows refer to.
_RUN = "tenant_id VARCHAR!, run_id VARCHAR!, "
_TABLES: dict[str, tuple[str, str]] = {
    "dataset_state_transitions": (
        "from_state VARCHAR!, to_state VARCHAR!",
        "from_state, to_state",
    ),
    "datasets": (
        "tenant_id VARCHAR!, dataset_id VARCHAR!, version VARCHAR!, state VARCHAR, "
        "previous_state VARCHAR, fingerprint VARCHAR, storage_uri VARCHAR",
        "tenant_id, dataset_id, version",
    ),
    "runs": (
        _RUN + "flow_id VARCHAR!, flow_state VARCHAR, determinism_level VARCHAR, "
        "replay_mode VARCHAR, replay_acceptability VARCHAR, dataset_id VARCHAR, "
        "dataset_version VARCHAR, dataset_state VARCHAR, dataset_hash VARCHAR, "
        "dataset_storage_uri VARCHAR, allow_deprecated_datasets BOOLEAN, "
        "allowed_variance_class VARCHAR, replay_envelope_min_claim_overlap DOUBLE, "
        "replay_envelope_max_contradiction_delta INTEGER, environment_fingerprint VARCHAR, "
        "plan_hash VARCHAR, verification_policy_fingerprint VARCHAR, resolver_id VARCHAR, "
        "parent_flow_id VARCHAR, contradiction_count INTEGER, arbitration_decision VARCHAR, "
        "finalized BOOLEAN!, entropy_exhausted BOOLEAN, entropy_exhaustion_action VARCHAR, "
        "non_certifiable BOOLEAN, run_mode VARCHAR, created_at TIMESTAMP",
        "tenant_id, run_id",
    ),
    "run_children": (_RUN + "child_flow_id VARCHAR!", "tenant_id, run_id, child_flow_id"),
    "entropy_budget": (
        _RUN + "min VARCHAR, max VARCHAR, exhaustion_action VARCHAR, "
        "allowed_variance_class VARCHAR",
        "tenant_id, run_id",
    ),
    "entropy_budget_sources": (_RUN + "source VARCHAR!", "tenant_id, run_id, source"),
    "entropy_budget_magnitudes": (_RUN + "magnitude VARCHAR!", "tenant_id, run_id, magnitude"),
    "entropy_budget_slices": (
        _RUN + "source VARCHAR!, min VARCHAR, max VARCHAR, exhaustion_action VARCHAR",
        "tenant_id, run_id, source",
    ),
    "steps": (
        _RUN + "step_index BIGINT!, agent_id VARCHAR!, step_type VARCHAR, "
        "determinism_level VARCHAR, inputs_fingerprint VARCHAR, declared_entropy_min VARCHAR, "
        "declared_entropy_max VARCHAR, declared_entropy_exhaustion_action VARCHAR, "
        "allowed_variance_class VARCHAR",
        "tenant_id, run_id, step_index",
    ),
    "run_checkpoints": (
        _RUN + "step_index BIGINT, event_index BIGINT, updated_at TIMESTAMP",
        "tenant_id, run_id",
    ),
    # An intent of the whole run has no step.
    "nondeterminism_intents": (
        _RUN + "step_index BIGINT, intent_index BIGINT!, intent_source VARCHAR, min VARCHAR, "
        "max VARCHAR, justification VARCHAR",
        "tenant_id, run_id, intent_index",
    ),
    "step_dependencies": (
        _RUN + "step_index BIGINT!, dependency_agent_id VARCHAR!",
        "tenant_id, run_id, step_index, dependency_agent_id",
    ),
    "events": (
        _RUN + "event_index BIGINT!, step_index BIGINT, event_type VARCHAR!, "
        "causality_tag VARCHAR!, timestamp_utc TIMESTAMP, payload_hash VARCHAR!, "
        "agent_id VARCHAR, payload_json VARCHAR!",
        "tenant_id, run_id, event_index",
    ),
    "artifacts": (
        _RUN + "artifact_id VARCHAR!, artifact_type VARCHAR, producer VARCHAR, "
        "content_hash VARCHAR!, scope VARCHAR",
        "tenant_id, run_id, artifact_id",
    ),
    "artifact_parents": (
        _RUN + "artifact_id VARCHAR!, parent_artifact_id VARCHAR!",
        "tenant_id, run_id, artifact_id, parent_artifact_id",
    ),
    "evidence": (
        _RUN + "entry_index BIGINT!, evidence_id VARCHAR, determinism VARCHAR, "
        "source_uri VARCHAR, content_hash VARCHAR, score DOUBLE, vector_contract_id VARCHAR",
        "tenant_id, run_id, entry_index",
    ),
    # A use that the budget of its run does not list cannot refer to it: NULL then.
    "entropy_usage": (
        _RUN + "entry_index BIGINT!, source VARCHAR, magnitude VARCHAR, description VARCHAR, "
        "step_index BIGINT, nondeterminism_authorized BOOLEAN, "
        "nondeterminism_scope_id VARCHAR, nondeterminism_scope_type VARCHAR",
        "tenant_id, run_id, entry_index",
    ),
    "tool_invocations": (
        _RUN + "entry_index BIGINT!, tool_id VARCHAR!, determinism_level VARCHAR, "
        "inputs_fingerprint VARCHAR, outputs_fingerprint VARCHAR, duration DOUBLE, "
        "outcome VARCHAR",
        "tenant_id, run_id, entry_index",
    ),
    "claims": (_RUN + "claim_id VARCHAR!", "tenant_id, run_id, claim_id"),
}
_BOOKS = (
    "CREATE TABLE schema_migrations (version INTEGER NOT NULL PRIMARY KEY, "
    "checksum VARCHAR NOT NULL, applied_at TIMESTAMP NOT NULL)",
    "CREATE TABLE schema_contract (schema_version INTEGER NOT NULL, "
    "schema_hash VARCHAR NOT NULL, applied_at TIMESTAMP NOT NULL)",
)

# What a row refers to, as the older store had it. A column that is NULL refers to nothing.
_OF_RUN = ("tenant_id, run_id -> runs",)
_OF_STEP = (*_OF_RUN, "tenant_id, run_id, step_index -> steps")
_PARENTS: dict[str, tuple[str, ...]] = {
    "runs": (
        "tenant_id, dataset_id, dataset_version -> datasets (tenant_id, dataset_id, version)",
    ),
    "run_children": _OF_RUN,
    "steps": _OF_RUN,
    "run_checkpoints": _OF_STEP,
    "entropy_budget": _OF_RUN,
    "entropy_budget_sources": _OF_RUN,
    "entropy_budget_magnitudes": _OF_RUN,
    "entropy_budget_slices": _OF_RUN,
    "nondeterminism_intents": _OF_STEP,
    "step_dependencies": _OF_STEP,
    "events": _OF_STEP,
    "artifacts": _OF_RUN,
    "artifact_parents": (
        "tenant_id, run_id, artifact_id -> artifacts",
        "tenant_id, run_id, parent_artifact_id -> artifacts (tenant_id, run_id, artifact_id)",
    ),
    "evidence": _OF_RUN,
    "entropy_usage": (
        *_OF_STEP,
        "tenant_id, run_id, source -> entropy_budget_sources",
        "tenant_id, run_id, magnitude -> entropy_budget_magnitudes",
    ),
    "tool_invocations": _OF_RUN,
    "claims": _OF_RUN,
}
# A run that declared no budget was held to none: all of these were allowed.
_ALLOWED = {
    "entropy_budget_sources": ("source", "seeded_rng external_oracle human_input data"),
    "entropy_budget_magnitudes": ("magnitude", "low medium high"),
}


def all_allowed(name: str, prefix: str) -> str:
    """Say how the runs that declared no budget get the sources or magnitudes they may use."""
    column, values = _ALLOWED[name]
    return (
        f"INSERT INTO {prefix}{name} SELECT tenant_id, run_id, unnest({values.split()}) "
        f"AS {column} FROM {prefix}runs ANTI JOIN {prefix}{name} USING (tenant_id, run_id)"
    )


def _created(name: str) -> str:
    columns, key = _TABLES[name]
    foreign = ""
    for one in _PARENTS.get(name, ()):
        own, table = one.split(" -> ")
        theirs = table if "(" in table else f"{table} ({own})"
        foreign += f", FOREIGN KEY ({own}) REFERENCES {theirs}"
    columns = columns.replace("!", " NOT NULL")
    return f"CREATE TABLE {name} ({columns}, PRIMARY KEY ({key}){foreign})"


class Migration(NamedTuple):
    """One step from a version to the next. It is never changed once a file may have it."""

    version: int
    statements: tuple[str, ...]

    @property
    def checksum(self) -> str:
        """What tells whether a file was made with just these statements."""
        return hashlib.sha256(";\n".join(self.statements).encode()).hexdigest()


_INDEXES = (
    "CREATE INDEX events_by_type ON events (tenant_id, event_type)",
    "CREATE INDEX events_by_step ON events (tenant_id, run_id, step_index)",
    "CREATE INDEX events_by_agent ON events (tenant_id, agent_id)",
)
MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        1,
        (
            *_BOOKS,
            *(_created(name) for name in _TABLES),
            *_INDEXES,
            "INSERT INTO dataset_state_transitions VALUES ('experimental', 'frozen'), "
            "('frozen', 'deprecated')",
        ),
    ),
)
VERSION = MIGRATIONS[-1].version

TABLES: tuple[str, ...] = ("schema_migrations", "schema_contract", *_TABLES)
# Tables of a run, none before what its rows refer to.
RUN_TABLES: tuple[str, ...] = tuple(_PARENTS)


def upgrade(
    db: duckdb.DuckDBPyConnection, migrations: Sequence[Migration] = MIGRATIONS
) -> list[int]:
    """Bring the file that is in use forward, and give the versions that were added.

    Raises `RecordError` where it is of a later version, or was made with other statements.
    """
    known, newest = _applied(db), migrations[-1].version
    for migration in migrations:
        if known.get(migration.version, migration.checksum) != migration.checksum:
            raise RecordError(
                f"Version {migration.version} of this file was made with other statements."
            )
    if known and max(known) > newest:
        raise RecordError(f"This file has version {max(known)}; this reads up to {newest}.")
    added: list[int] = []
    for migration in migrations:
        if migration.version in known:
            continue
        db.execute("BEGIN")
        for statement in migration.statements:
            db.execute(statement)
        db.execute(
            "INSERT INTO schema_migrations VALUES (?, ?, now()::TIMESTAMP)",
            [migration.version, migration.checksum],
        )
        db.execute("DELETE FROM schema_contract")
        db.execute(
            "INSERT INTO schema_contract VALUES (?, ?, now()::TIMESTAMP)",
            [migration.version, contract_hash(described(db))],
        )
        db.execute("COMMIT")
        added.append(migration.version)
    return added


def _applied(db: duckdb.DuckDBPyConnection) -> dict[int, str]:
    asked = "SELECT count(*) FROM duckdb_tables() WHERE database_name = current_database()"
    if db.execute(asked).fetchone() == (0,):
        return {}
    return dict(db.execute("SELECT version, checksum FROM schema_migrations").fetchall())


def described(db: duckdb.DuckDBPyConnection) -> set[str]:
    """Say what there is in the file that is in use: each column, key and index in words."""
    columns = db.execute(
        "SELECT table_name || '.' || column_name || ' ' || data_type "
        "|| CASE is_nullable WHEN 'NO' THEN ' NOT NULL' ELSE '' END "
        "FROM information_schema.columns WHERE table_catalog = current_database()"
    ).fetchall()
    keys = db.execute(
        "SELECT table_name || ' ' || constraint_text FROM duckdb_constraints() "
        "WHERE database_name = current_database() AND constraint_type <> 'NOT NULL'"
    ).fetchall()
    indexes = db.execute(
        "SELECT sql FROM duckdb_indexes() WHERE database_name = current_database()"
    ).fetchall()
    return {str(words) for (words,) in [*columns, *keys, *indexes]}


def contract_hash(words: set[str]) -> str:
    """Hash what there is."""
    return hashlib.sha256("\n".join(sorted(words)).encode()).hexdigest()


def expected(version: int) -> set[str]:
    """Say what there must be in a file of a version."""
    with connected() as db:
        upgrade(db, [one for one in MIGRATIONS if one.version <= version])
        return described(db)


def differences(db: duckdb.DuckDBPyConnection) -> list[str]:
    """Name in what the tables that are there differ from those that the file's version has."""
    there = described(db)
    if not any(words.startswith("schema_contract.") for words in there):
        return ["schema_contract is missing: this is no export of a record"]
    known = db.execute("SELECT schema_version, schema_hash FROM schema_contract").fetchall()
    if len(known) != 1 or known[0][0] not in {m.version for m in MIGRATIONS}:
        return [f"schema_contract holds {str(known)[:80]}; this knows up to version {VERSION}"]
    wanted = expected(known[0][0])
    tables = {words.partition(".")[0] for words in there if "." in words.partition(" ")[0]}
    found = [f"table {name} is missing" for name in TABLES if name not in tables]
    gone = sorted(words for words in wanted - there if _table_of(words) in tables)
    found += [f"{words} is missing" for words in gone]
    found += [f"{words} was added" for words in sorted(there - wanted)]
    if not found and known[0][1] != contract_hash(wanted):
        found.append("schema_contract holds another hash than its tables have")
    return found


def _table_of(words: str) -> str:
    if words.startswith("CREATE INDEX"):
        return words.partition(" ON ")[2].partition("(")[0].strip()
    return words.partition(" ")[0].partition(".")[0]


def attached(db: duckdb.DuckDBPyConnection, path: object, *, read_only: bool = False) -> None:
    """Take a file into use."""
    mode = " (READ_ONLY)" if read_only else ""
    db.execute(f"ATTACH {quoted(path)} AS exported{mode}")
    db.execute("USE exported")
