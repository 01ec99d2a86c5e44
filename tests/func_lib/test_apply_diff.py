"""Diffs applied as Functions: without a model where that is sure, else by a scripted agent."""

import threading

import pytest

from netflux_nb import AgentException, Provider, Runtime, function
from netflux_nb.core.functions.versions import version_of
from netflux_nb.func_lib.apply_diff import (
    ApplyDiff,
    ApplyDiffPatch,
    DiffError,
    apply_diff,
    apply_diff_patch,
    patch_agent,
)
from netflux_nb.func_lib.raise_exception import raise_exception
from netflux_nb.func_lib.text_editor import text_editor
from netflux_nb.testing import ScriptedModel, call

DIFF = "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-{old}\n+{{new}}\n"
TWICE = "--- a/f\n+++ b/f\n@@ -9,2 +9,2 @@\n x\n-y\n+z\n"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(fn, diff, model=None):
    models = {} if model is None else {Provider.Anthropic: model}
    with Runtime([fn], models=models) as runtime:
        return runtime.get_ctx().invoke(fn, {"diff_content": diff}).result()


def test_n210_it_takes_one_argument():
    assert [(a.name, a.argtype) for a in apply_diff_patch.args] == [("diff_content", str)]
    assert apply_diff_patch.uses == [apply_diff, patch_agent]
    assert apply_diff.effect == "files"
    assert patch_agent.is_agent()
    assert patch_agent.uses == [text_editor, raise_exception]
    assert [a.name for a in patch_agent.args if a.required] == ["diff_content"]


@pytest.mark.parametrize(
    "rule",
    ["path of a file", "```diff", "Small drift is fine", "put every file back", "ambiguous"],
)
def test_n210_the_agent_is_told_the_rules(rule):
    assert rule in patch_agent.system_prompt


def test_n210_their_versions_are_whole():
    assert version_of(apply_diff).is_whole
    assert version_of(apply_diff_patch).is_whole


def test_n210_a_diff_that_fits_asks_no_model(here):
    (here / "f").write_text("{old}\n")

    assert run(apply_diff_patch, DIFF).startswith("Patched 1 file with 1 hunk: changed 'f'")
    assert (here / "f").read_text() == "{{new}}\n"


def test_n210_where_the_file_is_missing_an_agent_is_asked_with_the_diff_as_it_is(tmp_path):
    path = str(tmp_path / "f")
    (tmp_path / "f").write_text("{old}\n")
    edit = {"command": "str_replace", "path": path, "old_str": "{old}", "new_str": "{{new}}"}
    model = ScriptedModel(
        [
            call("text_editor", command="view", path=path),
            call("text_editor", **edit),
            "Applied 1 hunk.",
        ]
    )

    assert run(apply_diff_patch, DIFF, model) == "Applied 1 hunk."

    assert DIFF in model.requests[0].parts[0].text
    assert "missing: 'b/f': There is no such file" in model.requests[0].parts[0].text
    assert model.requests[1].parts[-1].outputs == "1|{old}"
    assert (tmp_path / "f").read_text() == "{{new}}\n"
    model.assert_finished()


def test_n210_the_agent_is_told_both_places(here):
    (here / "f").write_text("x\ny\nx\ny\n")
    model = ScriptedModel([call("raise_exception", msg="Hunk 1 of f fits twice.")])

    with pytest.raises(AgentException, match="Hunk 1 of f fits twice") as caught:
        run(apply_diff_patch, TWICE, model)

    assert caught.value.agent_name == "patch_agent"
    assert "fits equally well at lines 1, 3" in model.requests[0].parts[0].text
    assert (here / "f").read_text() == "x\ny\nx\ny\n"


def test_n210_without_a_model_what_is_not_sure_is_raised(here):
    (here / "f").write_text("x\ny\nx\ny\n")

    with pytest.raises(DiffError, match="fits equally well at lines 1, 3") as caught:
        run(apply_diff_patch, TWICE)

    assert caught.value.problems[0].places == (1, 3)
    assert "needs a key" in caught.value.__notes__[0]


SETTLED = {
    "out of the folder": ("--- a/../f\n+++ b/../f\n@@ -1 +1 @@\n-x\n+y\n", "`..`"),
    "absolute": ("--- /etc/passwd\n+++ /etc/passwd\n@@ -1 +1 @@\n-x\n+y\n", "leads out"),
    "no diff": ("Please be so kind\nand mend it.\n", "There is no diff"),
    "empty": ("\n", "There is no diff"),
    "no file": ("changes.diff", "names no file"),
    "done already": ("--- f\n+++ f\n@@ -1 +1 @@\n-x\n+new\n", "line 1 already"),
    "binary": ("diff --git a/f b/f\nBinary files a/f and b/f differ\n", "binary"),
    "taken": ("--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+x\n", "of this name already"),
}


@pytest.mark.parametrize(("diff", "why"), SETTLED.values(), ids=SETTLED)
def test_n210_what_must_not_be_done_asks_no_model(here, diff, why):
    (here / "f").write_text("new\n")

    with pytest.raises(DiffError, match=why) as caught:
        run(apply_diff_patch, diff, ScriptedModel([]))

    assert not caught.value.is_unsure
    assert (here / "f").read_text() == "new\n"


def test_n210_a_path_stands_for_the_file_that_it_names(here):
    (here / "f").write_text("{old}\n")
    (here / "change.diff").write_text(DIFF)

    run(apply_diff, "change.diff")

    assert (here / "f").read_text() == "{{new}}\n"


def test_n210_a_markdown_file_counts_by_its_fences_alone(here):
    (here / "f").write_text("{old}\n")
    (here / "report.md").write_text(DIFF)

    with pytest.raises(DiffError, match="in a block fenced as ```diff"):
        run(apply_diff, "report.md")


def test_n210_a_root_holds_for_the_diffs_file_and_the_agent_too(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "change.diff").write_text(DIFF)
    mend = ApplyDiffPatch("mend", root=tmp_path / "in")
    path = str(tmp_path / "change.diff")

    with pytest.raises(DiffError, match="leads out"):
        run(mend, path)

    view = call("mend_agent_editor", command="view", path=path)
    model = ScriptedModel([view, "Done."])
    assert run(mend, DIFF, model) == "Done."
    assert "leads out" in model.requests[1].parts[-1].outputs


def test_n210_diffs_of_one_file_at_once_are_all_there(tmp_path):
    file = tmp_path / "f"
    file.write_text("".join(f"line {n}\n" for n in range(60)))
    ready = threading.Barrier(12, timeout=30)
    mend = ApplyDiff(root=tmp_path)

    @function(uses=[mend])
    def one(ctx, n: int) -> str:
        ready.wait()
        text = f"--- a/f\n+++ b/f\n@@ -{5 * n + 1} +{5 * n + 1} @@\n-line {5 * n}\n+done {n}\n"
        return ctx.invoke(mend, {"diff_content": text}).result()

    @function(uses=[one])
    def all_of_them(ctx) -> int:
        return len([node.result() for node in [ctx.invoke(one, {"n": n}) for n in range(12)]])

    with Runtime([all_of_them]) as runtime:
        assert runtime.get_ctx().invoke(all_of_them, {}).result() == 12

    assert file.read_text().count("done") == 12
    assert list(tmp_path.iterdir()) == [file]


def test_a_provider_named_in_the_call_is_the_one_that_judges(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("one\n")
    diff = "--- a.txt\n+++ a.txt\n@@ -1 +1 @@\n-three\n+two\n"
    model = ScriptedModel(["judged"])
    with Runtime([apply_diff_patch], models={Provider.Gemini: model}) as runtime:
        node = runtime.get_ctx().invoke(
            apply_diff_patch, {"diff_content": diff}, provider=Provider.Gemini
        )
        assert node.result(timeout=20) == "judged"
    assert len(model.requests) == 1


def test_q55_n210_a_patch_is_whole_or_not_at_all_and_never_a_guess(here):
    def diff(name, old, new, before="a\nb\n"):
        context = "".join(f" {line}\n" for line in before.split())
        return f"--- {name}\n+++ {name}\n@@ -1,3 +1,3 @@\n{context}-{old}\n+{new}\n"

    first, second = here / "first", here / "second"
    first.write_text("top\na\nb\nold\n")
    second.write_text("a\nb\nold\na\nb\nold\n")

    # The second file fits twice: the first, which fits, stays as it was too.
    with pytest.raises(DiffError, match="fits equally well"):
        run(
            apply_diff,
            diff("first", "old", "new") + diff("second", "old", "new").replace("-1", "-9"),
        )
    assert first.read_text() == "top\na\nb\nold\n"
    assert second.read_text() == "a\nb\nold\na\nb\nold\n"

    # A line lower than it says; the same from a file, and out of a report's fence alone.
    fits = diff("first", "old", "new")
    report = f"# Done\n\n```diff\n{fits}```\n\n{diff('second', 'a', 'z', before='')}"
    for name, text in ((None, fits), ("change.diff", fits), ("report.md", report)):
        first.write_text("top\na\nb\nold\n")
        if name is not None:
            (here / name).write_text(text)
        assert run(apply_diff, name or text).startswith("Patched 1 file with 1 hunk")
        assert first.read_text() == "top\na\nb\nnew\n"
    assert second.read_text() == "a\nb\nold\na\nb\nold\n"
