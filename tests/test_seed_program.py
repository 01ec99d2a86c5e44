"""A program as one writes it for the netflux seed; only its imports are of this package."""

from netflux_nb.core import (
    AgentFunction,
    CodeFunction,
    FunctionArg,
    NodeState,
    RunContext,
    TerminalNodeStates,
)
from netflux_nb.demos.client_factory import scripted
from netflux_nb.func_lib.apply_diff import apply_diff_patch
from netflux_nb.func_lib.ensemble import Ensemble
from netflux_nb.func_lib.raise_exception import raise_exception
from netflux_nb.func_lib.text_editor import text_editor
from netflux_nb.providers import Provider
from netflux_nb.runtime import Runtime
from netflux_nb.testing import call

BUGGY = "def mean(values):\n    return sum(values) / len(value)\n"
DIFF = """--- a/stats.py
+++ b/stats.py
@@ -1,2 +1,2 @@
 def mean(values):
-    return sum(values) / len(value)
+    return sum(values) / len(values)
"""


def search(ctx: RunContext, *, root: str, text: str) -> str:
    from pathlib import Path

    found = [str(p) for p in sorted(Path(root).rglob("*.py")) if text in p.read_text()]
    return "\n".join(found) or "nothing"


repo_search = CodeFunction(
    name="repo_search",
    desc="Find the files that hold a text.",
    args=[FunctionArg("root", str), FunctionArg("text", str)],
    callable=search,
)
find_bug_agent = AgentFunction(
    name="find_bug_agent",
    desc="Find the cause of an error and write a report. Returns its path.",
    args=[FunctionArg("root", str), FunctionArg("error_message", str)],
    system_prompt="You find bugs.",
    user_prompt_template="Target project subtree: {root}\nObserved error: {error_message}\n",
    uses=[text_editor, repo_search, raise_exception],
    default_model=Provider.Gemini,
)
bugfixer_agent = AgentFunction(
    name="bugfixer_agent",
    desc="Write a diff that fixes a bug, and have it applied.",
    args=[FunctionArg("root", str), FunctionArg("bug_report", str)],
    system_prompt="You fix bugs.",
    user_prompt_template="Target project subtree: {root}\nBug report path: {bug_report}\n",
    uses=[text_editor, apply_diff_patch, raise_exception],
    default_model=Provider.Anthropic,
)
find_bug_ensemble = Ensemble(
    agent=find_bug_agent,
    instances={Provider.Anthropic: 1, Provider.Gemini: 3},
    allow_fail={Provider.Anthropic: 0, Provider.Gemini: 1},
)


def _fix_bug_workflow(ctx: RunContext, *, root: str, error_message: str) -> str:
    report = ctx.invoke(find_bug_ensemble, {"root": root, "error_message": error_message})
    fix = ctx.invoke(bugfixer_agent, {"root": root, "bug_report": report.result()})
    return f"{fix.result()}\nReport: {report.result()}"


fix_bug_workflow = CodeFunction(
    name="fix_bug_workflow",
    desc="Find the bug, make a diff, apply it.",
    args=[FunctionArg("root", str), FunctionArg("error_message", str)],
    callable=_fix_bug_workflow,
    uses=[find_bug_ensemble, bugfixer_agent, apply_diff_patch],
)


def script(project):
    """Stand in for the models: each agent is known by its system prompt."""
    code, report = str(project / "stats.py"), str(project / "report.md")
    runs = []

    def answer(request):
        said = sum(type(p).__name__ == "ToolResultPart" for p in request.parts)
        if request.system.startswith("You find bugs"):
            if len(request.parts) == 1 and "candidate" in request.parts[0].text.lower():
                return report
            if said == 0:
                runs.append(request.provider)
                if runs.count("gemini") == 3 and request.provider == "gemini":
                    return call("raise_exception", msg="no access")
                return call("repo_search", root=str(project), text="mean")
            return report
        if request.system.startswith("You fix bugs"):
            return call("apply_diff_patch", diff_content=DIFF) if said == 0 else "Patched 1 hunk."
        steps = [
            call("text_editor", command="view", path=code),
            call(
                "text_editor",
                command="str_replace",
                path=code,
                old_str="len(value)\n",
                new_str="len(values)\n",
            ),
            "1 hunk applied.",
        ]
        return steps[said]

    return answer


def test_a_seed_program_runs_with_only_its_imports_changed(tmp_path):
    (tmp_path / "stats.py").write_text(BUGGY)
    (tmp_path / "report.md").write_text("`value` is not defined.\n")
    runtime = Runtime(
        specs=[
            repo_search,
            find_bug_agent,
            bugfixer_agent,
            find_bug_ensemble,
            fix_bug_workflow,
            text_editor,
            apply_diff_patch,
            raise_exception,
        ],
        client_factories=scripted(script(tmp_path)),
    )
    root = runtime.get_ctx().invoke(
        fix_bug_workflow, {"root": str(tmp_path), "error_message": "NameError: value"}
    )
    prev, states = 0, []
    while True:
        view = root.watch(as_of_seq=prev)
        prev = view.update_seqnum
        states.append(view.state)
        if view.state in TerminalNodeStates:
            break

    assert root.result() == f"Patched 1 hunk.\nReport: {tmp_path / 'report.md'}"
    assert states[-1] is NodeState.Success
    assert "len(values)" in (tmp_path / "stats.py").read_text()
    ensemble, fixer = view.children
    assert [c.fn.name for c in ensemble.children].count("find_bug_agent") == 4
    assert sum(c.state is NodeState.Error for c in ensemble.children) == 1
    assert [c.fn.name for c in fixer.children] == ["apply_diff_patch"]
    assert {p.value for p in view.total_tree_token_bill()} == {"anthropic", "gemini"}
    runtime.close()
