"""Whatever takes a root takes it alike."""

import pytest

from netflux_nb import FunctionError
from netflux_nb.func_lib import (
    ApplyDiff,
    ApplyDiffPatch,
    Bash,
    ListDirectory,
    Python,
    ReadFile,
    SearchFiles,
    TextEditor,
    ViewImage,
)

KINDS = [
    ApplyDiff,
    ApplyDiffPatch,
    Bash,
    ListDirectory,
    Python,
    ReadFile,
    SearchFiles,
    TextEditor,
    ViewImage,
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", ["missing", "file"])
def test_a_root_that_is_no_folder_is_told_when_the_function_is_made(kind, what, tmp_path):
    (tmp_path / "file").write_text("x")

    with pytest.raises(FunctionError, match=f"root .*{what}' is no folder"):
        kind(root=tmp_path / what)


@pytest.mark.parametrize("kind", [k for k in KINDS if k is not ApplyDiffPatch])
def test_a_relative_root_stays_where_it_was_when_the_function_was_made(kind, tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path)

    fn = kind(root="work")

    assert fn.root == tmp_path / "work"


def test_a_program_that_changes_its_folder_reads_the_same_file(tmp_path, monkeypatch):
    (tmp_path / "work" / "work").mkdir(parents=True)
    (tmp_path / "work" / "a.txt").write_text("right")
    (tmp_path / "work" / "work" / "a.txt").write_text("wrong")
    monkeypatch.chdir(tmp_path)
    read = ReadFile(root="work")

    monkeypatch.chdir(tmp_path / "work")

    assert read(path="a.txt") == "1|right"


def test_a_file_made_beside_another_is_named_as_it_was_asked_for(tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("old")
    editor = TextEditor(root=tmp_path)

    said = editor(command="create", path="notes/a.txt", file_text="new")

    assert "'notes/a_alt1.txt'" in said
    assert str(tmp_path) not in said
    assert editor(command="view", path="notes/a_alt1.txt") == "1|new"


def test_with_a_root_the_editor_asks_for_no_absolute_path(tmp_path):
    path = {arg.name: arg for arg in TextEditor(root=tmp_path).args}["path"]

    assert "absolute" not in path.desc
    assert "absolute" in {arg.name: arg for arg in TextEditor().args}["path"].desc


def test_a_folder_is_listed_where_no_path_is_given(tmp_path):
    (tmp_path / "a.txt").write_text("x")

    assert ListDirectory(root=tmp_path)() == "a.txt  1 byte"


def test_without_a_root_the_file_made_beside_is_named_in_full(tmp_path):
    (tmp_path / "a.txt").write_text("old")

    said = TextEditor()(command="create", path=str(tmp_path / "a.txt"), file_text="new")

    assert repr(str(tmp_path / "a_alt1.txt")) in said
