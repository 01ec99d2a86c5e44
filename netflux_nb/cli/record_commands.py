"""The commands over the record: list, query, inspect, explain, diff, export, validate."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..core.bill import Bill
from ..core.errors import ArgumentError, NoNodeError, stringify
from ..core.views import NodeState, NodeView
from ..determinism.verification import VerificationFailure
from ..flows import FlowManifest
from ..flows.export_rows import export_run, exported_run
from ..flows.flow import verification_in
from ..flows.manifest import read_json
from ..record import bundle, scan
from ..record.sql import store
from ..run import Run
from ..run.listing import Runs
from ..show import diffs
from ..show import failures as shown
from ..show.parts import text as text_of
from .loading import asked_store, check_tenant, run_at
from .printing import complain, plain, say, say_json, table

OK, FAILED, DIVERGED = 0, 1, 3
MOST_FAULTS = 50


def runs(args: argparse.Namespace) -> int:
    """List what there is."""
    frame = store.sql(
        f"SELECT * FROM runs ORDER BY opened DESC, run DESC LIMIT {_limit(args)}",
        asked_store(args.store),
    )
    return _frame(frame, args, ("run", "fn", "state", "mode", "opened", "seconds", "requests"))


def sql(args: argparse.Namespace) -> int:
    """Answer a question."""
    return _frame(store.sql(args.query, asked_store(args.store)).head(_limit(args)), args)


def _limit(args: argparse.Namespace) -> int:
    limit: int = args.limit
    if not 0 <= limit <= 100_000:
        raise ArgumentError(f"--limit is between 0 and 100,000, got {limit}.")
    return limit


def _frame(frame: Any, args: argparse.Namespace, wanted: tuple[str, ...] = ()) -> int:
    if args.json:
        words = frame.to_json(orient="records", date_format="iso", default_handler=str)
        say_json(json.loads(words))
        return OK
    names = [str(name) for name in frame.columns]
    shown_ones = [name for name in wanted if name in names] or names
    rows = frame[shown_ones].astype(object).where(frame[shown_ones].notna(), None)
    say(table(shown_ones, rows.itertuples(index=False)) if len(frame) else "There is none.")
    return OK


def summary(
    view: NodeView, run: Run | None, more: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Give what a run came to, as JSON."""
    error = view.exception
    return {
        "run_id": "" if run is None else run.id,
        "fn": view.fn.name,
        "state": view.state.name,
        "outputs": plain(view.outputs),
        "error": None if error is None else stringify(error),
        "nodes": sum(1 for _ in view.walk()),
        "bill": bill_to_json(view.bill()),
        **(more or {}),
    }


def bill_to_json(bill: Bill) -> dict[str, Any]:
    """Give a bill as JSON."""
    return {"text": str(bill)}


def is_verified(view: NodeView) -> bool:
    """Say whether what a run recorded of its verification lets it pass; True where nothing is."""
    found = verification_in(view)
    return found is None or found.get("status") == "PASS"


def code_of(view: NodeView, faults: tuple[str, ...] = ()) -> int:
    """Give the exit code that a run stands for."""
    is_good = view.state is NodeState.Success and is_verified(view) and not faults
    return OK if is_good else FAILED


def complain_of(view: NodeView) -> None:
    """Say in two lines why a tree did not succeed."""
    if view.state is NodeState.Success and not is_verified(view):
        found = verification_in(view) or {}
        complain(f"VerificationFailure: {found.get('status')}: {found.get('violations')}")
        complain("Failure: semantic")
        return
    failure = shown.explain(view)
    if failure is None:
        return
    complain(f"{failure.path}: {failure.error or failure.state}")
    if failure.kind is not None:
        complain(f"Failure: {failure.kind}")


def inspect(args: argparse.Namespace) -> int:
    """Show one run."""
    try:
        run = _run(args, args.run)
    except (ArgumentError, NoNodeError):
        if args.db_path is None:
            raise
        return _exported(args)
    view = run.view()
    faults = run.verify()
    about = run.recording.about
    if args.json:
        facts = {
            "mode": about.get("mode"),
            "of": about.get("of"),
            "how": about.get("how"),
            "verification": verification_in(view),
            "faults": list(faults[:MOST_FAULTS]),
            "tree": text_of.tree(view).splitlines(),
        }
        say_json(summary(view, run, facts))
    else:
        say(f"{run.id}  {about.get('mode') or ''}")
        say(text_of.tree(view))
        say(str(view.bill()))
        found = verification_in(view)
        if found is not None:
            say(f"Verification: {found.get('status')} {_named(found.get('violations'))}".rstrip())
        for fault in faults[:MOST_FAULTS]:
            say(f"✗ {fault}")
    return code_of(view, faults)


def _exported(args: argparse.Namespace) -> int:
    """Show a run that only an exported file holds."""
    rows = exported_run(args.db_path, args.run, args.tenant_id)
    if args.json:
        say_json(rows)
    else:
        row = rows["run"]
        say(f"{row['run_id']}  {row['run_mode']}  {row['flow_id']}  tenant {row['tenant_id']}")
        columns = ("step_index", "agent_id", "step_type")
        say(table(columns, [[step[name] for name in columns] for step in rows["steps"]]))
        say(", ".join(f"{count} {name}" for name, count in rows["events"].items()))
        say(f"Verification: {row['arbitration_decision'] or 'none'}")
    return OK if rows["is_ok"] else FAILED


def _named(words: Any) -> str:
    return ", ".join(map(str, words[:20])) if isinstance(words, (list, tuple)) else ""


def explain(args: argparse.Namespace) -> int:
    """Say why one run failed."""
    run = _run(args, args.run)
    view = run.view()
    failure = shown.explain(view)
    if failure is None and not is_verified(view):
        raise VerificationFailure(f"{run.id} was not verified: {verification_in(view)}")
    if args.json:
        found = {} if failure is None else failure.to_json()
        say_json({"run_id": run.id, **found, "state": view.state.name})
    else:
        say("It succeeded." if failure is None else str(failure))
    return code_of(view)


def diff(args: argparse.Namespace) -> int:
    """Compare two runs."""
    difference = _run(args, args.left).diff(_run(args, args.right))
    if args.json:
        frame = json.loads(difference.df.to_json(orient="records", default_handler=str))
        say_json(
            {
                "left": difference.left.name,
                "right": difference.right.name,
                "is_same": difference.is_same,
                "verdict": str(difference.verdict),
                "counts": dict(difference.counts),
                "not_comparable": [f"{path}: {name}" for path, name in difference.not_comparable],
                "first": None if difference.first is None else difference.first.path,
                "rows": frame,
            }
        )
    else:
        say(diffs.text(difference))
    return OK if difference.is_same else DIVERGED


def export(args: argparse.Namespace) -> int:
    """Write one run into a file."""
    run = _run(args, args.run)
    place = Path(args.file)
    if place.suffix == ".duckdb":
        to_duckdb(run.folder, place, run.id)
    else:
        place = run.export(place)
    if args.json:
        say_json({"run_id": run.id, "file": str(place)})
    else:
        say(str(place))
    return OK


def to_duckdb(folder: Path, path: str | Path, run: str) -> None:
    """Write a run into a DuckDB file, beside those that are there."""
    place = bundle.target(path)
    export_run(folder, place, run)


def validate(args: argparse.Namespace) -> int:
    """Check a file."""
    said = args.path or args.db_path or args.store
    if said is None:
        raise ArgumentError("Name what to check: a .duckdb, a .nfrun, a flow.json, or a folder.")
    place = Path(said)
    if not place.exists():
        raise ArgumentError(f"There is no {said[:200]!r}.")
    faults = _faults(place)
    if args.json:
        say_json({"path": str(place), "is_sound": not faults, "faults": faults[:MOST_FAULTS]})
    elif not faults:
        say(f"{place.name} is sound.")
    for fault in faults[:MOST_FAULTS] if not args.json else ():
        say(f"✗ {fault}")
    return FAILED if faults else OK


def _faults(source: Path) -> list[str]:
    if source.is_dir():
        return [fault for run in Runs(lambda: source).all for fault in scan.verify(source, run.id)]
    match source.suffix:
        case ".nfrun":
            return list(run_at(source.parent, str(source)).verify())
        case ".json":
            FlowManifest.from_json(read_json(source))
            return []
        case _:
            from ..core.errors import RecordError
            from ..record.sql import export as exporter

            try:
                exporter.validate(source)
            except RecordError as error:
                return [str(error)]
            return []


def _run(args: argparse.Namespace, name: str) -> Run:
    run = run_at(asked_store(args.store), name)
    check_tenant(run.recording, getattr(args, "tenant_id", None))
    return run
