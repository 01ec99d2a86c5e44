"""The commands that run, watch, resume or replay a Function or a flow, or plan its run."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import session
from ..core.errors import ArgumentError
from ..core.functions.kinds import Function
from ..core.views import NodeState, NodeView
from ..determinism.entropy import Determinism
from ..determinism.levels import NonDeterminismViolationError
from ..determinism.verification import Verifies
from ..flows import (
    ConfigurationError,
    FlowManifest,
    FlowResult,
    call_plan,
    execute_flow,
    modes,
    policy_from_json,
    replay_flow,
    resume_flow,
)
from ..flows.execution import failure_of
from ..flows.flow import is_flow, verification_to_json
from ..flows.manifest import read_json
from ..replay.begin import Replayed
from ..replay.begin import replay as replay_run
from ..replay.recording import Recording
from ..run import Run
from ..runtime.runtime import Runtime
from ..show.parts import text as text_of
from .loading import (
    asked_store,
    check_tenant,
    function_at,
    functions_in,
    inputs_of,
    options_of,
    recording_in,
    run_at,
    store_of,
)
from .printing import complain, say, say_json
from .record_commands import OK, code_of, complain_of, summary, to_duckdb

FAILED, DIVERGED = 1, 3
STRICT = "AGENTIC_FLOWS_STRICT"


def _is_file_of_flow(what: str) -> bool:
    return what.endswith(".json")


def _policy_words(args: argparse.Namespace) -> dict[str, Any] | None:
    if args.policy is None:
        return None
    words = read_json(args.policy)
    policy_from_json(words)
    return dict(words)


def _is_strict(args: argparse.Namespace, mode: str) -> bool:
    if os.environ.get(STRICT) == "1":
        if mode in ("dry-run", "unsafe"):
            raise NonDeterminismViolationError(f"{STRICT}=1 forbids the mode {mode}.")
        return True
    return bool(getattr(args, "strict_determinism", False))


def run(args: argparse.Namespace) -> int:
    """Run for real."""
    return _in_mode(args, args.mode)


def plan(args: argparse.Namespace) -> int:
    """Say what may happen."""
    return _in_mode(args, "plan")


def dry_run(args: argparse.Namespace) -> int:
    """Run with stand-ins."""
    return _in_mode(args, "dry-run")


def _in_mode(args: argparse.Namespace, mode: Any) -> int:
    is_strict = _is_strict(args, mode)
    folder = store_of(args.store)
    with recording_in(folder):
        if _is_file_of_flow(args.what):
            return _flow(args, mode, folder, is_strict)
        return _function(args, mode, folder, is_strict)


def _flow(args: argparse.Namespace, mode: Any, folder: Path, is_strict: bool) -> int:
    manifest = FlowManifest.load(args.what)
    tenant = getattr(args, "tenant_id", None)
    if tenant not in (None, manifest.tenant_id):
        raise ConfigurationError(f"The flow is of tenant {manifest.tenant_id[:80]!r}.")
    policy = _policy_words(args)
    functions = functions_in(args.functions, args.what)
    result = execute_flow(
        manifest,
        mode,
        policy=policy,
        functions=functions,
        inputs=inputs_of(args.values),
        is_strict=is_strict,
        **options_of(folder, args.model),
    )
    if mode == "plan":
        return _planned(args, result)
    return _done(args, folder, result)


def _planned(args: argparse.Namespace, result: FlowResult) -> int:
    calls = result.calls
    assert calls is not None
    if args.json:
        say_json({**result.plan.to_json(), "calls": calls.to_json()})
    else:
        for step in result.plan.steps:
            after = ", ".join(step.declared_dependencies)
            say(f"{step.step_index}  {step.agent_id}{f'  after {after}' if after else ''}")
        say(str(calls))
        say(f"Plan {result.plan.plan_hash}")
    for fault in calls.faults[:20]:
        complain(fault)
    return OK if result.is_ok else FAILED


def _done(args: argparse.Namespace, folder: Path, result: FlowResult) -> int:
    view = result.view
    assert view is not None
    facts = {
        "mode": str(result.mode),
        "flow_id": result.plan.manifest.flow_id,
        "tenant_id": result.plan.manifest.tenant_id,
        "plan_hash": result.plan.plan_hash,
        "verification": result.verification,
        "is_ok": result.is_ok,
    }
    _print(args, folder, view, result.run, facts)
    found = result.verification
    if not result.is_ok and view.state is NodeState.Success and found is not None:
        complain(f"VerificationFailure: {found['status']}: {', '.join(found['violations'][:8])}")
        complain("Failure: semantic")
    return OK if result.is_ok else FAILED


def _print(
    args: argparse.Namespace,
    folder: Path,
    view: NodeView,
    run: Run | None,
    facts: Mapping[str, Any],
) -> None:
    """Print what a tree came to, and export it where that was asked for."""
    if args.db_path is not None and run is not None:
        to_duckdb(folder, args.db_path, run.id)
    if args.json:
        say_json(summary(view, run, facts))
    else:
        say(text_of.tree(view))
        if run is not None:
            say(f"Run {run.id}  {view.bill()}")
    if view.state is not NodeState.Success:
        complain_of(view)


def _function(args: argparse.Namespace, mode: Any, folder: Path, is_strict: bool) -> int:
    functions_in(args.functions)
    fn = function_at(args.what)
    inputs = inputs_of(args.values, fn)
    options = options_of(folder, args.model)
    policies = [*options.pop("policies"), *_own_policies(args, is_strict)]
    if mode == "unsafe":
        policies = modes.loosened(policies)
    if mode == "plan":
        options["record"] = False
    with Runtime([fn], policies=policies, **options) as runtime:
        if mode == "plan":
            return _planned_call(args, fn, inputs, runtime)
        node = modes.begin(runtime, fn, inputs, mode)
        session.wait(node)
        return _ended(args, folder, Run.of(node), mode)


def _own_policies(args: argparse.Namespace, is_strict: bool) -> list[Any]:
    found: list[Any] = [Determinism(level="strict")] if is_strict else []
    words = _policy_words(args)
    if words is not None:
        found.append(Verifies(policy_from_json(words)))
    return found


def _planned_call(
    args: argparse.Namespace, fn: Function, inputs: Mapping[str, Any], runtime: Runtime
) -> int:
    missing = [arg.name for arg in fn.args if arg.required and arg.name not in inputs]
    found = call_plan.plan(fn, None if missing and not inputs else inputs, runtime=runtime)
    if args.json:
        say_json(found.to_json())
    else:
        say(str(found))
    for fault in found.faults[:20]:
        complain(fault)
    return OK if found.is_sound else FAILED


def _ended(args: argparse.Namespace, folder: Path, run: Run, mode: str) -> int:
    view = run.view()
    name = run.id  # before its runtime forgets it
    session.flush()
    verification = None
    if args.policy is not None and mode == "live":
        verification = verification_to_json(
            modes.observe(view, policy_from_json(read_json(args.policy)))
        )
    facts = {"mode": mode, "verification": verification}
    _print(args, folder, view, Run(folder, name) if name else None, facts)
    if verification is not None and verification["status"] != "PASS":
        return FAILED
    return code_of(view)


def resume(args: argparse.Namespace) -> int:
    """Go on."""
    folder = asked_store(args.store)
    with recording_in(folder):
        functions = functions_in(args.functions)
        recording = run_at(folder, args.what).recording
        check_tenant(recording, args.tenant_id)
        options = options_of(folder, args.model)
        if is_flow(recording.root.opened.inputs):
            result = resume_flow(
                recording,
                policy=_policy_words(args),
                functions=functions,
                force=args.force,
                **options,
            )
            return _done(args, folder, result)
        with Runtime(functions, is_open=True, **options) as runtime:
            from ..replay.begin import resume as go_on

            node = go_on(runtime, recording, force=args.force)
            session.wait(node)
            return _ended(args, folder, Run.of(node), "live")


def observe(args: argparse.Namespace) -> int:
    """Judge a run as it is recorded."""
    run = run_at(asked_store(args.store), args.what)
    check_tenant(run.recording, args.tenant_id)
    found = modes.observe(run, policy_from_json(_policy_words(args) or {}))
    if args.json:
        say_json({"run_id": run.id, **verification_to_json(found)})
    else:
        say(str(found))
        for words in found.findings:
            say(f"  {words}")
    if found.status != "PASS":
        complain(f"{run.id} was not verified: {found}")
        complain("Failure: semantic")
    return OK if found.status == "PASS" else FAILED


def replay(args: argparse.Namespace) -> int:
    """Run the code again, all else from the record."""
    folder = asked_store(args.store)
    manifest = None
    name = args.what
    if _is_file_of_flow(args.what):
        if args.run_id is None:
            raise ArgumentError("Which run of the flow? Give `--run-id RUN`, or `--run-id last`.")
        manifest, name = FlowManifest.load(args.what), args.run_id
    with recording_in(folder):
        functions = functions_in(args.functions, args.what if manifest is not None else None)
        recording = run_at(folder, name).recording
        check_tenant(recording, args.tenant_id)
        if manifest is not None or is_flow(recording.root.opened.inputs):
            found = replay_flow(
                recording,
                _in_replay_mode(recording, manifest, args.mode),
                policy=_policy_words(args),
                functions=functions,
            )
        else:
            found = replay_run(recording, mode=args.mode or "strict")
    return _replayed(args, recording, found)


def _in_replay_mode(
    recording: Recording, manifest: FlowManifest | None, mode: str | None
) -> FlowManifest | None:
    if mode is None:
        return manifest
    words = recording.root.opened.inputs["manifest"] if manifest is None else manifest.to_json()
    return FlowManifest.from_json({**words, "replay_mode": mode})


def _replayed(args: argparse.Namespace, recording: Recording, replayed: Replayed) -> int:
    if args.json:
        say_json(
            {
                "run_id": recording.run,
                "is_same": replayed.is_same,
                "not_compared": len(replayed.not_compared),
                "verdict": replayed.verdict,
                "blocking": list(replayed.judgement.blocking),
                "acceptable": list(replayed.judgement.acceptable),
                "divergence": replayed.divergence or None,
                "first": replayed.first or None,
                "differences": [str(one) for one in replayed.differences[:100]],
                "served": replayed.tally.served,
                "changed": {k: list(v) for k, v in replayed.changed.items()},
                "state": replayed.now.state.name,
            }
        )
    else:
        say(str(replayed))
    if replayed.verdict == "non_certifiable" or replayed.judgement.is_accepted is False:
        complain(f"The replay is {replayed.verdict}: {replayed.first}")
        return DIVERGED
    code = code_of(replayed.now)
    if code != OK:
        complain(f"It came out as recorded, and failed: {failure_of(replayed.now)}")
    return code
