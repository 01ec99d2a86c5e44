"""The export of a record to one DuckDB file with the tables of a contract."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.errors import RecordError
from ..chain import DIGITS, END, MARK, hash_of, line_of
from ..codecs.artifacts import TEMPORARY
from ..os import replace, unlink
from ..packing import is_packed
from ..reading import asking, run_name
from . import contract
from .engine import connected, failures, first_line, quoted
from .sql_views import VIEWS
from .store import TRIES, define, source_of

if TYPE_CHECKING:
    import duckdb

TENANT = "local"
# How many differences a message names.
SHOWN = 8


def to_duckdb(
    folder: str | os.PathLike[str],
    path: str | Path,
    runs: Iterable[str] | None = None,
    *,
    add: Callable[[duckdb.DuckDBPyConnection], None] | None = None,
) -> Path:
    """Write runs into a DuckDB file, and give that file.

    A file that is there is brought to the newest version; its other runs stay. Where anything
    goes wrong it is left as it was. What the record does not know is NULL.

    Args:
        folder: Where the record is.
        path: The file.
        runs: Which runs; all where nothing is said.
        add: Told of the rows before they are written, in the tables `new_…`: it may add to
            them, and to `exported.datasets`.
    """
    target = Path(path)
    picked = None if runs is None else [run_name(run) for run in runs]
    temporary = target.with_name(f"{TEMPORARY}{os.urandom(8).hex()}")
    if not os.access(target.parent, os.W_OK):
        raise RecordError(f"{str(target.parent)!r} is no folder that can be written into.")
    try:
        if target.exists():
            # Held meanwhile, so that nobody writes it while it is copied.
            with _used(target, target.name, read_only=True):
                shutil.copyfile(target, temporary)
        with _used(temporary, target.name) as db:
            contract.upgrade(db)
            _refuse(target.name, contract.differences(db))
            with asking(folder):
                _gather(db, folder, picked)
            _set_down(db)
            if add is not None:
                add(db)
            _write(db)
        replace(temporary, target)
    finally:
        unlink(temporary, missing_ok=True)
        unlink(temporary.with_name(f"{temporary.name}.wal"), missing_ok=True)
    return target


def _set_down(db: duckdb.DuckDBPyConnection) -> None:
    """Fill tables like those of the file, held to nothing yet."""
    for name in contract.RUN_TABLES:
        db.execute(f"CREATE OR REPLACE TEMP TABLE new_{name} AS FROM exported.{name} LIMIT 0")
        if name in _FILLED:
            db.execute(f"INSERT INTO temp.new_{name} BY NAME {_FILLED[name]}")


def _write(db: duckdb.DuckDBPyConnection) -> None:
    # A key that is taken out can be put in again by a later transaction only, and a parent can
    # go once a transaction before took its children.
    for name in reversed(contract.RUN_TABLES):
        db.execute(f"DELETE FROM exported.{name} WHERE run_id IN (SELECT run FROM wanted)")
    for column, name in (
        ("source", "entropy_budget_sources"),
        ("magnitude", "entropy_budget_magnitudes"),
    ):
        db.execute(contract.all_allowed(name, "temp.new_"))
        # What the budget of a run does not list cannot refer to it.
        db.execute(
            f"UPDATE temp.new_entropy_usage u SET {column} = NULL, "
            f"nondeterminism_authorized = false WHERE NOT EXISTS (FROM temp.new_{name} b "
            f"WHERE b.tenant_id = u.tenant_id AND b.run_id = u.run_id AND b.{column} = u.{column})"
        )
    db.execute("BEGIN")
    for name in contract.RUN_TABLES:
        db.execute(f"INSERT INTO exported.{name} FROM temp.new_{name}")
    db.execute("COMMIT")
    db.execute("CHECKPOINT exported")


def upgrade(path: str | Path) -> list[int]:
    """Bring an exported file to the newest version, and give the versions that were added.

    Raises `RecordError` where it is of a later one, or not as its version says.
    """
    place = _there(path)
    with _used(place, place.name) as db:
        added = contract.upgrade(db)
        _refuse(place.name, contract.differences(db))
        return added


def validate(path: str | Path) -> None:
    """Hold an exported file to its contract, and its events to their hashes.

    The contract is compared with the tables that are there. Raises `RecordError` that names
    what differs.

    Args:
        path: The file.
    """
    place = _there(path)
    with _used(place, place.name, read_only=True) as db:
        _refuse(place.name, contract.differences(db))
        _refuse(place.name, [*_altered(db), *_short(db)])


def _there(path: str | Path) -> Path:
    place = Path(path)
    if not place.is_file():
        raise RecordError(f"There is no file {place.name!r}.")
    return place


@contextmanager
def _used(path: Path, name: str, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """Use a DuckDB file for a moment: nobody else can read it meanwhile."""
    try:
        with connected() as db:
            contract.attached(db, path, read_only=read_only)
            yield db
    except failures() as error:
        raise RecordError(f"{name!r} cannot be used: {first_line(error)}.") from None


def _refuse(name: str, differences: list[str]) -> None:
    if differences:
        more = f"; … ({len(differences) - SHOWN} more)" if len(differences) > SHOWN else ""
        raise RecordError(
            f"{name!r} is not as it was written: {'; '.join(differences[:SHOWN])}{more}."
        )


def _altered(db: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """Name the events that are not as they were written, and those after which one is gone."""
    found = db.execute(
        "SELECT run_id, event_index, payload_hash = sha256(payload_json), payload_json "
        "FROM exported.events ORDER BY run_id, event_index"
    )
    run, place, mark = "", 0, ""
    broken = ""
    while rows := found.fetchmany(1_000):
        for name, index, is_same, text in rows:
            if name != run:
                run, place, mark = name, 0, ""
            words, own = _taken_apart(text)
            is_next = index == place and mark in ("", _before(mark, words, own))
            if run != broken and not (is_same and is_next and text == line_of(words, own)[:-1]):
                broken = run
                yield f"event {index} of run {str(run)[:80]} is altered, or one before it is gone"
            place, mark = index + 1, own


def _short(db: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """Name the runs whose last events are gone."""
    found = db.execute(
        "SELECT run_id, event_index, (SELECT max(e.event_index) FROM exported.events e "
        "WHERE e.run_id = c.run_id) AS last FROM exported.run_checkpoints c "
        "WHERE last IS DISTINCT FROM event_index ORDER BY run_id"
    ).fetchall()
    for run, last, there in found:
        yield f"run {str(run)[:80]} ends with event {there}, not {last}"


def _taken_apart(text: str) -> tuple[str, str]:
    end = len(END) - 1  # a line in a table has no line's end
    return text[: -end - DIGITS - len(MARK)], text[-end - DIGITS : -end]


def _before(mark: str, words: str, own: str) -> str:
    return mark if hash_of(mark, words) == own else "another"


def _gather(
    db: duckdb.DuckDBPyConnection, folder: str | os.PathLike[str], runs: list[str] | None
) -> None:
    """Gather what the tables are filled from; again where files are packed meanwhile."""
    for left in reversed(range(TRIES)):
        source = source_of(folder)
        unreadable = frozenset(path for path in source.packed if not is_packed(path))
        define(db, source_of(folder, unreadable), list(VIEWS))
        try:
            _prepare(db, runs)
            return
        except failures():
            if not left or source_of(folder).paths == source.paths:
                raise


def _prepare(db: duckdb.DuckDBPyConnection, runs: list[str] | None) -> None:
    listed = "" if runs is None else f"WHERE run IN ({', '.join(map(quoted, runs)) or 'NULL'})"
    wanted = f"SELECT * FROM temp.runs {listed}"
    for name, words in {"wanted": wanted, **_GATHERED}.items():
        db.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {words}")
    if runs is not None:
        known = {run for (run,) in db.execute("SELECT run FROM wanted").fetchall()}
        if missing := set(runs) - known:
            raise RecordError(f"There is no run {min(missing)!r} in this record.")


_GATHERED: dict[str, str] = {
    "stepping": """
        SELECT n.*, row_number() OVER (PARTITION BY run ORDER BY node) - 1 AS step_index
        FROM temp.nodes n SEMI JOIN wanted USING (run)
    """,
    "happened": """
        SELECT e.*, row_number() OVER (PARTITION BY run ORDER BY seq) - 1 AS event_index,
            s.step_index, s.fn, s.key
        FROM temp.events e SEMI JOIN wanted USING (run)
        LEFT JOIN (SELECT run, node, step_index, fn, key FROM stepping) s USING (run, node)
    """,
    "ground": """
        SELECT run, arg_min(sha256(concat_ws(chr(10), python, implementation, platform,
            packages::VARCHAR)), abs(epoch(e.time) - epoch(w.opened))) AS fingerprint
        FROM wanted w JOIN temp.environments e USING (segment) GROUP BY run
    """,
}
_GATHERED["naming"] = "SELECT a.* FROM temp.artifacts a SEMI JOIN wanted USING (run)"
_GATHERED["varying"] = """
    SELECT h.run, h.seq, h.step_index, h.key,
        CASE event WHEN 'RequestEnded' THEN 'llm' WHEN 'Answered' THEN 'human'
            ELSE body->>'kind' END AS kind,
        CASE event WHEN 'Drawn' THEN concat_ws(' ', body->>'kind', nullif(body->>'name', ''))
            WHEN 'RequestEnded' THEN 'a request to ' || (body->'spent'->>'provider')
            WHEN 'EffectStarted' THEN 'an effect: ' || (body->>'kind')
            ELSE 'an answer of a person' END AS description
    FROM happened h LEFT JOIN (SELECT run, step_index, effect FROM stepping) s
        USING (run, step_index)
    WHERE event IN ('Drawn', 'EffectStarted', 'RequestEnded', 'Answered')
        AND coalesce(body->>'served', body->'spent'->>'served', 'false') <> 'true'
        -- A Function that is a question was counted when it asked.
        AND NOT (event = 'Answered' AND s.effect IS NOT DISTINCT FROM 'human')
"""
_GATHERED["following"] = """
    SELECT r.of, r.run FROM temp.runs r WHERE r.of IN (SELECT run FROM wanted)
"""
# Of each kind of effect and draw: what it takes from, and how strongly it is taken to vary. What
# is not here is an oracle. The ledger of a run has the same; it may not be asked from here.
VARYING: dict[str, tuple[str, str]] = {
    "llm": ("seeded_rng", "medium"),
    "random": ("seeded_rng", "low"),
    "uuid": ("seeded_rng", "low"),
    "files": ("data", "medium"),
    "frames": ("data", "low"),
    "retrieval": ("data", "medium"),
    "human": ("human_input", "high"),
    "clock": ("external_oracle", "low"),
    "env": ("external_oracle", "low"),
    "order": ("external_oracle", "low"),
}


def _listed(known: dict[str, tuple[str, str]]) -> str:
    return ", ".join(f"({', '.join(map(quoted, (kind, *of)))})" for kind, of in known.items())


_OWN = f"'{TENANT}' AS tenant_id, run AS run_id"

# What each table is filled with. Those that are not here have nothing in our record.
_FILLED: dict[str, str] = {
    "runs": f"""
        SELECT {_OWN}, fn AS flow_id, CASE WHEN mode <> 'live' THEN mode END AS replay_mode,
            fingerprint AS environment_fingerprint, version AS plan_hash,
            policies AS verification_policy_fingerprint, 'netflux_nb' AS resolver_id,
            of AS parent_flow_id, ended IS NOT NULL AS finalized, mode AS run_mode,
            opened AS created_at
        FROM wanted LEFT JOIN ground USING (run)
    """,
    "run_children": f"""
        SELECT '{TENANT}' AS tenant_id, of AS run_id, run AS child_flow_id FROM following
    """,
    "run_checkpoints": f"""
        SELECT {_OWN}, arg_max(step_index, event_index) AS step_index,
            max(event_index) AS event_index, max(time) AS updated_at
        FROM happened GROUP BY run
    """,
    "steps": f"""
        SELECT {_OWN}, step_index, fn AS agent_id, kind AS step_type, key AS inputs_fingerprint
        FROM stepping
    """,
    "step_dependencies": f"""
        SELECT DISTINCT '{TENANT}' AS tenant_id, s.run AS run_id, s.step_index,
            c.fn AS dependency_agent_id
        FROM stepping s JOIN stepping c ON c.run = s.run AND c.parent = s.node
    """,
    "events": f"""
        SELECT {_OWN}, event_index, step_index,
            CASE event WHEN 'NodeStarted' THEN 'STEP_START'
                WHEN 'NodeClosed' THEN CASE body->>'outcome' WHEN 'success' THEN 'STEP_END'
                    ELSE 'STEP_FAILED' END
                WHEN 'Answered' THEN 'HUMAN_INTERVENTION'
                WHEN 'EffectStarted' THEN 'TOOL_CALL_START'
                WHEN 'CancelAsked' THEN 'EXECUTION_INTERRUPTED' ELSE event END AS event_type,
            CASE event WHEN 'Answered' THEN 'human' WHEN 'EffectStarted' THEN 'tool'
                WHEN 'Drawn' THEN 'environment' ELSE 'agent' END AS causality_tag,
            time AS timestamp_utc, sha256(body::VARCHAR) AS payload_hash, fn AS agent_id,
            body::VARCHAR AS payload_json
        FROM happened
    """,
    "artifacts": f"""
        SELECT DISTINCT ON (run, artifact) {_OWN}, artifact AS artifact_id,
            CASE event WHEN 'NodeOpened' THEN 'agent_invocation' ELSE 'executor_state' END
                AS artifact_type,
            'agent' AS producer, artifact AS content_hash, 'audit' AS scope
        FROM naming ORDER BY run, artifact, seq
    """,
    "entropy_usage": f"""
        SELECT {_OWN}, row_number() OVER (PARTITION BY run ORDER BY seq) - 1 AS entry_index,
            coalesce(source, 'external_oracle') AS source, coalesce(size, 'high') AS magnitude,
            description, step_index, key AS nondeterminism_scope_id,
            'node' AS nondeterminism_scope_type
        FROM varying LEFT JOIN (VALUES {_listed(VARYING)}) AS known (kind, source, size)
            USING (kind)
    """,
    "tool_invocations": f"""
        SELECT {_OWN}, row_number() OVER (PARTITION BY run ORDER BY node) - 1 AS entry_index,
            fn AS tool_id, key AS inputs_fingerprint,
            sha256(outputs::VARCHAR) AS outputs_fingerprint, seconds AS duration,
            lower(state) AS outcome
        FROM stepping WHERE effect IS NOT NULL
    """,
}
