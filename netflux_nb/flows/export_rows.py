"""Rows of a flow in the DuckDB file that its run is exported to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import RecordError
from ..determinism.claims import Bundle, bundle_of
from ..determinism.ledger import Ledger, Use
from ..determinism.levels import MAGNITUDES, RANK
from ..record.sql import contract, export
from ..record.sql.engine import connected, failures, first_line, opened
from ..replay.recording import Recording
from .flow import is_flow, parts_of, verification_in
from .lineage import check_transition
from .manifest import FlowManifest
from .plan import resolve
from .step_artifacts import artifacts_in

if TYPE_CHECKING:
    import duckdb

# What a text of a table may hold.
MOST_CHARS = 10_000


def export_run(folder: Path, path: str | Path, run: str) -> Path:
    """Write a run into a DuckDB file; of a flow's run, all that the flow says of it too.

    Raises `RecordError` where the file cannot be written, or already holds the data set of
    the flow with another hash, or in a later state.
    """
    recording = Recording(folder, run)
    manifest = None
    if is_flow(recording.root.opened.inputs):
        manifest = parts_of(recording.root.opened.inputs)[0]
        _check_dataset(Path(path), manifest)
        add = partial(_complete, recording=recording, manifest=manifest)
        return export.to_duckdb(folder, path, [run], add=add)
    return export.to_duckdb(folder, path, [run])


def exported_run(path: str | Path, run: str, tenant: str | None = None) -> dict[str, Any]:
    """Read a run from an exported file: its row, its steps, and how often each event came.

    Raises `RecordError` where there is no such run, or not of this tenant.
    """
    file = Path(path)
    if not file.is_file():
        raise RecordError(f"There is no file {file.name[:200]!r}.")
    with connected() as db:
        try:
            contract.attached(db, file, read_only=True)
            row = _dicts(db, "SELECT * FROM exported.runs WHERE run_id = ?", run)
            steps = _dicts(
                db, "SELECT * FROM exported.steps WHERE run_id = ? ORDER BY step_index", run
            )
            events = _dicts(
                db,
                "SELECT event_type, count(*) AS count, count(*) FILTER (step_index = 0) AS of_root "
                "FROM exported.events WHERE run_id = ? GROUP BY event_type ORDER BY event_type",
                run,
            )
        except failures() as error:
            raise RecordError(f"{file.name!r} cannot be used: {first_line(error)}.") from None
    if not row or tenant not in (None, row[0]["tenant_id"]):
        raise RecordError(f"{file.name!r} holds no run {run[:80]!r} of this tenant.")
    has_failed = any(one["event_type"] == "STEP_FAILED" and one["of_root"] for one in events)
    decided = row[0]["arbitration_decision"] in (None, "PASS")
    return {
        "run": row[0],
        "steps": steps,
        "events": {one["event_type"]: one["count"] for one in events},
        "is_ok": bool(row[0]["finalized"]) and not has_failed and decided,
    }


def _dicts(db: duckdb.DuckDBPyConnection, query: str, run: str) -> list[dict[str, Any]]:
    asked = db.execute(query, [run])
    names = [one[0] for one in asked.description or ()]
    return [dict(zip(names, row, strict=True)) for row in asked.fetchall()]


class _used:  # noqa: N801  read as a word in a `with`
    """Use a DuckDB file for a moment."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: Any = None

    def __enter__(self) -> duckdb.DuckDBPyConnection:
        self._db = opened()
        contract.attached(self._db, self._path)
        db: duckdb.DuckDBPyConnection = self._db
        return db

    def __exit__(self, kind: Any, error: BaseException | None, _: Any) -> None:
        self._db.close()
        if isinstance(error, Exception) and isinstance(error, failures()):
            raise RecordError(f"{self._path.name!r} cannot be used: {first_line(error)}.") from None


def _check_dataset(path: Path, manifest: FlowManifest) -> None:
    if not path.exists():
        return
    data = manifest.dataset
    with _used(path) as db:
        found = db.execute(
            "SELECT state, fingerprint FROM exported.datasets "
            "WHERE tenant_id = ? AND dataset_id = ? AND version = ?",
            [manifest.tenant_id, data["dataset_id"], data["dataset_version"]],
        ).fetchone()
    if found is None:
        return
    if found[1] != data["dataset_hash"]:
        raise RecordError(
            f"{path.name!r} holds the data set {data['dataset_id'][:80]!r} of this version with "
            f"another hash."
        )
    check_transition(found[0], data["dataset_state"])


def _complete(db: duckdb.DuckDBPyConnection, recording: Recording, manifest: FlowManifest) -> None:
    run, tenant = recording.run, manifest.tenant_id
    for name in contract.RUN_TABLES:
        db.execute(f"UPDATE temp.new_{name} SET tenant_id = ? WHERE run_id = ?", [tenant, run])
    facts = dict(_facts(recording, manifest))
    words = ", ".join(f"{name} = ?" for name in facts)
    db.execute(f"UPDATE temp.new_runs SET {words} WHERE run_id = ?", [*facts.values(), run])
    data = manifest.dataset
    db.execute(
        "INSERT INTO exported.datasets BY NAME SELECT ? AS tenant_id, ? AS dataset_id, "
        "? AS version, ? AS state, ? AS fingerprint, ? AS storage_uri "
        "ON CONFLICT DO UPDATE SET previous_state = CASE WHEN datasets.state <> excluded.state "
        "THEN datasets.state ELSE datasets.previous_state END, state = excluded.state",
        [
            tenant,
            *(data[name] for name in ("dataset_id", "dataset_version", "dataset_state")),
            data["dataset_hash"],
            data["storage_uri"],
        ],
    )
    for name, rows in _rows(recording, manifest):
        for row in rows:
            full = {"tenant_id": tenant, "run_id": run, **row}
            columns = ", ".join(f"? AS {column}" for column in full)
            db.execute(f"INSERT INTO temp.new_{name} BY NAME SELECT {columns}", list(full.values()))
    _judge(db, manifest)


def _judge(db: duckdb.DuckDBPyConnection, manifest: FlowManifest) -> None:
    """Say of each use whether the flow declared it."""
    ledger = Ledger(
        manifest.entropy_budget,
        manifest.nondeterminism_intent,
        variance=manifest.allowed_variance_class,
    )
    used = db.execute("SELECT DISTINCT source, magnitude FROM temp.new_entropy_usage").fetchall()
    for source, magnitude in used:
        fault = ledger.fault(Use(source=source, magnitude=magnitude))
        db.execute(
            "UPDATE temp.new_entropy_usage SET nondeterminism_authorized = ? "
            "WHERE source = ? AND magnitude = ?",
            [fault is None, source, magnitude],
        )


def _facts(recording: Recording, manifest: FlowManifest) -> Iterator[tuple[str, Any]]:
    """Give what a run's own row says of the flow."""
    for name in (
        "flow_id",
        "flow_state",
        "determinism_level",
        "replay_mode",
        "replay_acceptability",
        "allow_deprecated_datasets",
        "allowed_variance_class",
    ):
        yield name, getattr(manifest, name)
    data = manifest.dataset
    for name in ("dataset_id", "dataset_version", "dataset_state", "dataset_hash"):
        yield name, data[name]
    yield "dataset_storage_uri", data["storage_uri"]
    envelope = manifest.replay_envelope
    yield "replay_envelope_min_claim_overlap", envelope.min_claim_overlap
    yield "replay_envelope_max_contradiction_delta", envelope.max_contradiction_delta
    yield "plan_hash", resolve(manifest).plan_hash
    yield "entropy_exhaustion_action", manifest.entropy_budget.exhaustion_action
    found = verification_in(recording.view)
    if found is not None:
        yield "verification_policy_fingerprint", str(found.get("policy"))[:MOST_CHARS]
        yield "arbitration_decision", str(found.get("status"))[:MOST_CHARS]
        count = found.get("contradiction_count")
        yield "contradiction_count", count if isinstance(count, int) else None


def _rows(
    recording: Recording, manifest: FlowManifest
) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    """Give what stands in tables of its own."""
    budget = manifest.entropy_budget
    low, high = RANK[budget.min_magnitude], RANK[budget.max_magnitude]
    bounds = {"min": budget.min_magnitude, "max": budget.max_magnitude}
    action = {"exhaustion_action": budget.exhaustion_action}
    variance = {"allowed_variance_class": manifest.allowed_variance_class}
    yield "entropy_budget", [{**bounds, **action, **variance}]
    yield (
        "entropy_budget_sources",
        [{"source": one} for one in dict.fromkeys(budget.allowed_sources)],
    )
    yield (
        "entropy_budget_magnitudes",
        [{"magnitude": one} for one in MAGNITUDES if low <= RANK[one] <= high],
    )
    yield (
        "entropy_budget_slices",
        [
            {
                "source": part.source,
                "min": part.min_magnitude,
                "max": part.max_magnitude,
                "exhaustion_action": part.exhaustion_action,
            }
            for part in budget.per_source
        ],
    )
    yield (
        "nondeterminism_intents",
        [
            {
                "intent_index": place,
                "intent_source": one.source,
                "min": one.min_magnitude,
                "max": one.max_magnitude,
                "justification": one.justification,
            }
            for place, one in enumerate(manifest.nondeterminism_intent)
        ],
    )
    bundles = [b for _, one in recording.view.walk() if (b := bundle_of(one)) is not None]
    claims = dict.fromkeys(claim.id for one in bundles for claim in one.claims)
    yield "claims", [{"claim_id": name[:MOST_CHARS]} for name in claims]
    yield "evidence", list(_evidence(recording, bundles))
    made = artifacts_in(resolve(manifest), _results(recording))
    yield (
        "artifacts",
        [
            {
                "artifact_id": one.id[:MOST_CHARS],
                "artifact_type": one.type,
                "producer": one.producer,
                "content_hash": one.content_hash,
                "scope": one.scope,
            }
            for one in made
        ],
    )
    known = {one.id for one in made}
    yield (
        "artifact_parents",
        [
            {"artifact_id": one.id[:MOST_CHARS], "parent_artifact_id": parent[:MOST_CHARS]}
            for one in made
            for parent in dict.fromkeys(one.parents)
            if parent in known
        ],
    )


def _results(recording: Recording) -> Mapping[str, Any]:
    """Give what each agent of a flow's run gave, as far as it did."""
    return {one.fn.name: one.outputs for one in recording.view.children if one.outputs is not None}


def _evidence(recording: Recording, bundles: list[Bundle]) -> Iterator[Mapping[str, Any]]:
    """Give what steps looked up, with what is known of it; then what else claims rest on."""
    evidence: dict[str, Mapping[str, Any]] = {}
    for one in recording.view.children:
        told = one.outputs.get("evidence") if isinstance(one.outputs, Mapping) else None
        for piece in told if isinstance(told, (list, tuple)) else ():
            if isinstance(piece, Mapping) and isinstance(piece.get("evidence_id"), str):
                evidence.setdefault(piece["evidence_id"], piece)
    for other in (piece for bundle in bundles for piece in bundle.evidence):
        plain = {"source_uri": other.source_uri, "content_hash": other.content_hash}
        evidence.setdefault(other.id, plain)
    words = ("determinism", "source_uri", "content_hash", "vector_contract_id")
    for place, (name, piece) in enumerate(evidence.items()):
        row: dict[str, Any] = {"entry_index": place, "evidence_id": name[:MOST_CHARS]}
        row |= {key: str(piece[key])[:MOST_CHARS] for key in words if piece.get(key) is not None}
        score = piece.get("score")
        yield {**row, "score": score if isinstance(score, float) else None}
