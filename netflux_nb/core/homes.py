"""Modules that have moved, each with the name under which records know it.

A version of a Function takes in the classes of ours that it reaches, by module and name. A
module that moves must not make every recorded call look changed: it keeps its first name here.
"""

from __future__ import annotations

_MOVED = {
    "core.functions.arguments": "core.arguments",
    "core.functions.define": "core.define",
    "core.functions.display": "core.displayed",
    "core.functions.version_value": "core.versions",
    "core.functions.kinds": "core.functions",
    "core.functions.versions": "core.versions",
    "core.json.canonical": "core.events",
    "core.json.portable": "core.portable",
    "determinism.claims": "variance.claims",
    "determinism.classes": "variance.classes",
    "determinism.entropy": "variance.entropy",
    "determinism.ledger": "variance.ledger",
    "determinism.levels": "variance.determinism",
    "determinism.rules": "variance.rules",
    "determinism.traces": "variance.traces",
    "determinism.verdict": "variance.verdict",
    "determinism.verification": "variance.verification",
    "flows.execution": "flows.running",
    "flows.export_rows": "flows.exported",
    "flows.lineage": "variance.lineage",
    "flows.policy_file": "flows.policy",
    "flows.step_artifacts": "flows.artifacts",
    "func_lib._mcp.link": "func_lib.mcp_link",
    "func_lib._patch.diff_parser": "func_lib.diffs",
    "func_lib._patch.edits": "func_lib.edits",
    "func_lib._patch.writing": "func_lib.writing",
    "func_lib._process.sessions": "func_lib.sessions",
    "func_lib.retry_func": "func_lib.retry",
    "func_lib.wrappers": "func_lib.derived",
    "jupyter.extension": "notebook.extension",
    "replay.recording": "again.recording",
    "run.listing": "runs",
    "runtime.agents.agent": "runtime.agents",
    "runtime.agents.lanes": "runtime.lanes",
    "runtime.bags": "runtime.context",
    "runtime.sinks": "runtime.recording",
    "runtime.threads.collect": "runtime.collect",
    "runtime.threads.interrupts": "runtime.waiting",
    "studies.mapping": "scale.mapping",
}
_PACKAGE = __name__.partition(".")[0]
_RECORDED = {f"{_PACKAGE}.{now}": f"{_PACKAGE}.{first}" for now, first in _MOVED.items()}
_NOW = {first: now for now, first in _RECORDED.items()}


def recorded_home(module: str) -> str:
    """Give the name under which records know a module.

    Example:
        >>> recorded_home("netflux_nb.core.functions.kinds")
        'netflux_nb.core.functions'
        >>> recorded_home("json")
        'json'
    """
    return _RECORDED.get(module, module)


def home_now(recorded: str) -> str:
    """Give the module that a record names, as it is called now."""
    return _NOW.get(recorded, recorded)
