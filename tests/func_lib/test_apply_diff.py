"""The agent that applies a diff, led by a script."""

import pytest

from netflux_nb import AgentException, Provider, Runtime
from netflux_nb.func_lib.apply_diff import apply_diff_patch
from netflux_nb.func_lib.raise_exception import raise_exception
from netflux_nb.func_lib.text_editor import text_editor
from netflux_nb.testing import ScriptedModel, call

DIFF = "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-{old}\n+{{new}}\n"


def test_n210_it_takes_one_argument_and_uses_two_functions():
    assert apply_diff_patch.is_agent()
    assert [(a.name, a.argtype) for a in apply_diff_patch.args] == [("diff_content", str)]
    assert apply_diff_patch.uses == [text_editor, raise_exception]


@pytest.mark.parametrize(
    "rule",
    ["path of a file", "```diff", "Small drift is fine", "put every file back", "ambiguous"],
)
def test_n210_the_agent_is_told_the_rules(rule):
    assert rule in apply_diff_patch.system_prompt


def test_n210_the_diff_reaches_the_model_as_it_is_and_is_applied(tmp_path):
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

    with Runtime([apply_diff_patch], models={Provider.Anthropic: model}) as runtime:
        node = runtime.get_ctx().invoke(apply_diff_patch, {"diff_content": DIFF})
        assert node.result() == "Applied 1 hunk."

    assert DIFF in model.requests[0].parts[0].text
    assert model.requests[1].parts[-1].outputs == "1|{old}"
    assert (tmp_path / "f").read_text() == "{{new}}\n"
    model.assert_finished()


def test_n210_a_hunk_that_fits_nowhere_is_raised(tmp_path):
    model = ScriptedModel([call("raise_exception", msg="Hunk 1 of f fits twice.")])

    with Runtime([apply_diff_patch], models={Provider.Anthropic: model}) as runtime:
        node = runtime.get_ctx().invoke(apply_diff_patch, {"diff_content": DIFF})
        with pytest.raises(AgentException, match="Hunk 1 of f fits twice") as caught:
            node.result()

    assert caught.value.agent_name == "apply_diff_patch"
