"""The text editor on real files, through a real runtime."""

import os
import shutil
import socket
import threading
from pathlib import Path

import pytest

from netflux_nb import Provider, RunContext, Runtime, SessionBag, SessionScope, agent, function
from netflux_nb.core.functions.versions import version_of
from netflux_nb.func_lib import text_editor_func
from netflux_nb.func_lib._patch import edits
from netflux_nb.func_lib.bounds import Root, read_text
from netflux_nb.func_lib.text_editor import TextEditor, TextEditorException, _edit, text_editor
from netflux_nb.testing import ScriptedModel, call


@pytest.fixture
def edit(tmp_path):
    """Call the editor as a root of its own; paths are below `tmp_path`."""
    editor = TextEditor(root=tmp_path)
    with Runtime([editor]) as runtime:

        def run(command, path, **args):
            asked = {"command": command, "path": str(path), **args}
            return runtime.get_ctx().invoke(editor, asked).result()

        yield run


def leftovers(folder):
    return [p.name for p in folder.rglob("*.tmp")]


def test_n206_the_arguments_are_the_seeds():
    assert text_editor.name == "text_editor"
    assert [a.name for a in text_editor.args] == [
        "command",
        "path",
        "old_str",
        "new_str",
        "file_text",
        "insert_line",
        "view_start_line",
        "view_end_line",
    ]
    assert [a.name for a in text_editor.args if a.required] == ["command", "path"]
    assert text_editor.args[0].enum == {"view", "create", "str_replace", "insert"}
    assert text_editor.effect == "files"


def test_n206_a_file_is_made_viewed_and_edited(tmp_path, edit):
    assert edit("create", "a.txt", file_text="one\ntwo\n") == "Created 'a.txt' with 2 lines."
    assert edit("view", "a.txt") == "1|one\n2|two"
    assert "1|one\n2|2" in edit("str_replace", "a.txt", old_str="two", new_str="2")
    assert "Inserted at line 2" in edit("insert", "a.txt", insert_line=1, new_str="1.5")
    assert (tmp_path / "a.txt").read_bytes() == b"one\n1.5\n2\n"
    assert leftovers(tmp_path) == []


def test_n206_an_empty_text_deletes(tmp_path, edit):
    (tmp_path / "a").write_text("one\ntwo\n")

    edit("str_replace", "a", old_str="one\n", new_str="")

    assert (tmp_path / "a").read_text() == "two\n"


def test_n206_a_new_file_gets_its_folders_and_the_usual_mode(tmp_path, edit):
    edit("create", "deep/er/a.txt", file_text="")
    (tmp_path / "plain").touch()

    made = tmp_path / "deep/er/a.txt"
    assert made.read_bytes() == b""
    assert made.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_n207_a_folder_is_listed_one_level(tmp_path, edit):
    (tmp_path / "sub/inner").mkdir(parents=True)
    (tmp_path / "b.py").touch()
    (tmp_path / ".hidden").touch()

    assert edit("view", tmp_path) == ".hidden\nb.py\nsub/"
    assert edit("view", "sub/inner") == "[The folder is empty.]"


def test_n207_a_long_listing_is_cut(tmp_path, edit):
    for n in range(200):
        (tmp_path / f"{n:0200}").touch()

    shown = edit("view", ".")

    assert len(shown) <= 36_000
    assert "of 200 names are shown" in shown


def test_n207_a_folder_has_no_lines(edit):
    with pytest.raises(TextEditorException, match="is a folder, which has no lines"):
        edit("view", ".", view_start_line=1)


def test_n207_a_large_file_is_not_read(tmp_path, edit):
    with (tmp_path / "big").open("wb") as file:
        file.truncate(10_000_001)

    with pytest.raises(TextEditorException, match=r"10,000,001 bytes; .* up to 10,000,000"):
        edit("view", "big")


def test_n207_a_sparse_file_of_a_gigabyte_is_not_read(tmp_path, edit):
    with (tmp_path / "big").open("wb") as file:
        file.truncate(1_000_000_000)

    for command, args in EDITS.items():
        with pytest.raises(TextEditorException, match="1,000,000,000 bytes"):
            edit(command, "big", **args)


def test_n207_a_file_that_says_it_is_empty_is_read_to_the_limit(edit):
    text, _ = read_text_of("/proc/self/status")

    assert "Pid:" in text


def read_text_of(path):
    root = Root(None, TextEditorException)
    with root.spot(root.place(path)) as spot:
        return read_text(spot, path, TextEditorException)


def test_n207_odd_names_are_one_line_each(tmp_path, edit):
    (tmp_path / "line\nfeed").touch()
    (tmp_path / "esc\x1b[2J").mkdir()
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff")).touch()

    shown = edit("view", ".")

    assert shown.encode().decode().split("\n") == [
        repr("\udcff"),
        repr("esc\x1b[2J") + "/",
        repr("line\nfeed"),
    ]


def test_n206_a_name_may_hold_a_line_end(tmp_path, edit):
    edit("create", "line\nfeed", file_text="one\n")

    said = edit("str_replace", "line\nfeed", old_str="one", new_str="1")

    assert (tmp_path / "line\nfeed").read_text() == "1\n"
    assert r"of 'line\nfeed'." in said.split("\n")[0]


def test_n208_line_ends_stay_as_they_are(tmp_path, edit):
    (tmp_path / "a").write_bytes(b"one\r\ntwo\nthree\rfour")

    edit("str_replace", "a", old_str="two", new_str="2")

    assert (tmp_path / "a").read_bytes() == b"one\r\n2\nthree\rfour"


def test_n208_a_crlf_mismatch_names_the_file_and_changes_nothing(tmp_path, edit):
    (tmp_path / "a").write_bytes(b"one\r\ntwo\r\n")

    with pytest.raises(TextEditorException, match=r"'a': .*lines end in CRLF"):
        edit("str_replace", "a", old_str="one\ntwo", new_str="x")

    assert (tmp_path / "a").read_bytes() == b"one\r\ntwo\r\n"


def test_n208_places_that_overlap_count(tmp_path, edit):
    (tmp_path / "a").write_text("ababa")

    with pytest.raises(TextEditorException, match="found 2 times"):
        edit("str_replace", "a", old_str="aba", new_str="x")

    assert (tmp_path / "a").read_text() == "ababa"


def test_n208_the_mode_is_kept_and_the_file_is_another(tmp_path, edit):
    file = tmp_path / "run.sh"
    file.write_text("echo a\n")
    file.chmod(0o751)
    before = file.stat()

    edit("str_replace", "run.sh", old_str="a", new_str="b")

    assert file.stat().st_mode == before.st_mode
    assert file.stat().st_ino != before.st_ino
    assert leftovers(tmp_path) == []


def test_n208_a_link_stays_a_link(tmp_path, edit):
    (tmp_path / "real").write_text("a")
    (tmp_path / "link").symlink_to("real")

    edit("str_replace", "link", old_str="a", new_str="b")

    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "b"


def test_n208_a_change_by_somebody_else_is_not_lost(tmp_path):
    file = tmp_path / "a"
    file.write_text("one")

    def meanwhile(text):
        file.write_text("theirs, one")
        return edits.replace_once(text, "one", "1")

    with pytest.raises(TextEditorException, match="changed by somebody else"):
        _edit(file, "a", "Replaced", meanwhile)

    assert file.read_text() == "theirs, one"
    assert leftovers(tmp_path) == []


MISUSE = {
    "no text": (("create", {}), "`create` was not given file_text"),
    "no old": (("str_replace", {"new_str": "x"}), "not given old_str"),
    "no new": (("str_replace", {"old_str": "x"}), "not given new_str"),
    "no line": (("insert", {"new_str": "x"}), "not given insert_line"),
    "too much for view": (("view", {"old_str": "x"}), "`view` takes no old_str"),
    "too much for create": (
        ("create", {"file_text": "x", "insert_line": 1}),
        "`create` takes no insert_line",
    ),
    "too much for replace": (
        ("str_replace", {"old_str": "x", "new_str": "", "view_end_line": 1}),
        "takes no view_end_line",
    ),
    "too much for insert": (
        ("insert", {"insert_line": 0, "new_str": "x", "file_text": "x"}),
        "takes no file_text",
    ),
    "half a character": (("create", {"file_text": "ab\ud800"}), "half of a pair"),
}


@pytest.mark.parametrize(("asked", "why"), MISUSE.values(), ids=MISUSE)
def test_n209_misuse_is_refused(tmp_path, edit, asked, why):
    command, args = asked

    with pytest.raises(TextEditorException, match=why):
        edit(command, "a", **args)

    assert list(tmp_path.iterdir()) == []


def test_n209_a_command_that_is_none_is_refused_when_called_directly(tmp_path):
    with pytest.raises(TextEditorException, match=r"'undo' is no command\. There is: create"):
        text_editor.call(RunContext(None), command="undo", path=str(tmp_path))


@pytest.mark.parametrize("path", ["", "a\0b", "\0", "a/b\0/../c", "half\ud800"])
def test_n209_what_is_no_path_is_refused(edit, path):
    with pytest.raises(TextEditorException, match="is no path"):
        edit("view", path)


@pytest.mark.parametrize(
    ("command", "args"),
    [
        ("view", {}),
        ("str_replace", {"old_str": "a", "new_str": "b"}),
        ("insert", {"insert_line": 0, "new_str": "b"}),
    ],
)
def test_n209_a_file_that_is_not_there_keeps_its_error(edit, command, args):
    with pytest.raises(FileNotFoundError):
        edit(command, "none", **args)


@pytest.mark.parametrize("command", ["create", "insert"])
def test_n209_a_folder_is_no_file(edit, command):
    args = {"create": {"file_text": ""}, "insert": {"insert_line": 0, "new_str": "b"}}

    with pytest.raises(IsADirectoryError):
        edit(command, ".", **args[command])


EDITS = {
    "view": {},
    "str_replace": {"old_str": "a", "new_str": "b"},
    "insert": {"insert_line": 0, "new_str": "b"},
}


@pytest.mark.parametrize(("command", "args"), EDITS.items(), ids=EDITS)
@pytest.mark.parametrize("kind", ["pipe", "socket", "/dev/zero", "/dev/null", "/dev/tty"])
def test_n209_what_is_no_plain_file_is_not_opened(tmp_path, kind, command, args):
    path = kind if kind.startswith("/dev") else str(tmp_path / kind)
    if kind == "pipe":
        os.mkfifo(path)
    with socket.socket(socket.AF_UNIX) as sock:
        if kind == "socket":
            sock.bind(path)

        with Runtime([text_editor]) as runtime:
            asked = {"command": command, "path": path, **args}
            with pytest.raises(TextEditorException, match="no plain file"):
                runtime.get_ctx().invoke(text_editor, asked).result()


def test_n209_nobody_is_told_that_a_pipe_was_looked_at(tmp_path, edit):
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(TextEditorException):
        edit("view", "pipe")

    # A writer that does not wait is refused while nobody reads.
    with pytest.raises(OSError, match="No such device"):
        os.open(tmp_path / "pipe", os.O_WRONLY | os.O_NONBLOCK)


def test_n209_a_pipe_is_not_created_over(tmp_path, edit):
    os.mkfifo(tmp_path / "pipe")

    assert "pipe_alt1" in edit("create", "pipe", file_text="x")

    assert (tmp_path / "pipe").is_fifo()
    assert (tmp_path / "pipe_alt1").read_text() == "x"


@pytest.mark.parametrize("command", EDITS)
def test_n209_links_in_a_circle_keep_their_error(tmp_path, edit, command):
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")

    with pytest.raises(OSError, match="cannot be followed"):
        edit(command, "one", **EDITS[command])


@pytest.mark.parametrize("command", ["view", "create"])
def test_n209_a_name_that_is_too_long_keeps_its_error(tmp_path, edit, command):
    args = {"view": {}, "create": {"file_text": ""}}[command]

    with pytest.raises(OSError, match="File name too long"):
        edit(command, "x" * 5_000, **args)

    assert list(tmp_path.iterdir()) == []


BINARIES = {
    "a picture": b"\x89PNG\r\n\x1a\n\0\0",
    "two bytes a character": "text".encode("utf-16"),
    "one byte a character": "caf\xe9".encode("latin-1"),
    "half a pair": b"a\xed\xa0\x80",
    "too long a form": b"a\xc0\xaf",
}


@pytest.mark.parametrize("data", BINARIES.values(), ids=BINARIES)
def test_n209_binaries_are_left_alone(tmp_path, edit, data):
    (tmp_path / "a").write_bytes(data)

    for command, args in EDITS.items():
        with pytest.raises(TextEditorException, match="not UTF-8"):
            edit(command, "a", **args)

    assert (tmp_path / "a").read_bytes() == data


def test_n208_a_mark_at_the_start_and_zeros_survive(tmp_path, edit):
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbfone\0\r\ntwo\r\n")

    edit("str_replace", "a", old_str="two", new_str="2")
    edit("insert", "a", insert_line=1, new_str="1.5")

    assert (tmp_path / "a").read_bytes() == b"\xef\xbb\xbfone\0\r\n1.5\r\n2\r\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="Root may write anything.")
def test_n209_a_file_that_may_not_be_written_is_left_alone(tmp_path, edit):
    (tmp_path / "a").write_text("a")
    (tmp_path / "a").chmod(0o444)

    with pytest.raises(PermissionError):
        edit("str_replace", "a", old_str="a", new_str="b")


def test_n209_a_file_that_is_no_utf8_is_refused(tmp_path, edit):
    (tmp_path / "a").write_bytes(b"ab\xff")

    with pytest.raises(TextEditorException, match="not UTF-8 text: byte 2 is 0xff"):
        edit("view", "a")


def test_nu37_a_file_that_is_there_is_kept_and_the_text_goes_beside_it(tmp_path, edit):
    edit("create", "a.txt", file_text="first")

    said = [edit("create", "a.txt", file_text=text) for text in ("second", "third")]

    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {
        "a.txt": "first",
        "a_alt1.txt": "second",
        "a_alt2.txt": "third",
    }
    assert "is there already and was not changed" in said[0]
    assert "'a_alt1.txt'" in said[0]


def test_nu37_the_lock_is_kept_in_the_roots_bag(tmp_path):
    class Below:
        parent = object()

    bags = {SessionScope.TopLevel: SessionBag()}
    ctx = RunContext(None, Below(), bags)

    text_editor.call(ctx, command="create", path=str(tmp_path / "a"), file_text="x")

    key = TextEditor._file_lock_key(tmp_path / "a")
    assert (TextEditor._FILE_LOCK_NAMESPACE, key) in bags[SessionScope.TopLevel]._values


def test_nu37_twenty_edits_of_one_file_at_once_are_all_there(tmp_path):
    file = tmp_path / "a"
    file.write_text("".join(f"<{n}>\n" for n in range(20)))
    (tmp_path / "link").symlink_to(file)
    ready = threading.Barrier(20, timeout=20)

    @function(uses=[text_editor])
    def one(ctx, n: int) -> str:
        ready.wait()
        path = tmp_path / ("link" if n % 2 else "a")
        args = {"command": "str_replace", "path": str(path), "old_str": f"<{n}>"}
        return ctx.invoke(text_editor, {**args, "new_str": f"[{n}]"}).result()

    @function(uses=[one])
    def all_of_them(ctx) -> int:
        return len([node.result() for node in [ctx.invoke(one, {"n": n}) for n in range(20)]])

    with Runtime([all_of_them]) as runtime:
        assert runtime.get_ctx().invoke(all_of_them, {}).result() == 20

    assert file.read_text() == "".join(f"[{n}]\n" for n in range(20))
    assert leftovers(tmp_path) == []


def test_nu37_edits_of_one_file_by_several_agents_are_all_there(tmp_path):
    (tmp_path / "a").write_text("start\n")
    writer = agent("writer(n: int) -> str", "Write {n}.", uses=[text_editor])

    def answer(request):
        if request.parts[-1].__class__.__name__ == "ToolResultPart":
            return "done"
        n = request.parts[0].text.split()[1]
        path = str(tmp_path / "a")
        return call("text_editor", command="insert", path=path, insert_line=1, new_str=f"by {n}")

    @function(uses=[writer])
    def all_of_them(ctx) -> int:
        return len([node.result() for node in [ctx.invoke(writer, {"n": n}) for n in range(16)]])

    with Runtime([all_of_them], models={Provider.Anthropic: ScriptedModel(answer)}) as runtime:
        assert runtime.get_ctx().invoke(all_of_them, {}).result() == 16

    rows = (tmp_path / "a").read_text().split("\n")
    assert sorted(rows[1:-1]) == sorted(f"by {n}." for n in range(16))
    assert leftovers(tmp_path) == []


def test_nu37_trees_that_share_no_lock_lose_no_edit_silently(tmp_path):
    (tmp_path / "a").write_text("start\n")
    ready = threading.Barrier(12, timeout=30)

    @function(uses=[text_editor])
    def one(ctx, n: int) -> bool:
        ready.wait()
        args = {"command": "insert", "path": str(tmp_path / "a"), "insert_line": 0}
        try:
            ctx.invoke(text_editor, {**args, "new_str": f"by {n}"}).result()
        except TextEditorException:
            return False
        return True

    with Runtime([one]) as runtime:
        nodes = [runtime.get_ctx().invoke(one, {"n": n}) for n in range(12)]
        done = sum(node.result() for node in nodes)

    rows = (tmp_path / "a").read_text().split("\n")
    assert rows[-2:] == ["start", ""]
    assert 1 <= len(rows) - 2 == done
    assert leftovers(tmp_path) == []


def test_nu37_twenty_files_of_one_name_made_at_once_are_all_there(tmp_path):
    ready = threading.Barrier(20, timeout=20)

    @function(uses=[text_editor])
    def one(ctx, n: int) -> str:
        ready.wait()
        args = {"command": "create", "path": str(tmp_path / "a.txt"), "file_text": str(n)}
        return ctx.invoke(text_editor, args).result()

    # Twenty trees, so that no lock is shared: the system itself must keep them apart.
    with Runtime([one]) as runtime:
        for node in [runtime.get_ctx().invoke(one, {"n": n}) for n in range(20)]:
            node.result()

    assert sorted(int(p.read_text()) for p in tmp_path.iterdir()) == list(range(20))


@pytest.fixture
def cage(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in-no-more").mkdir()
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "in/file_link").symlink_to(tmp_path / "secret")
    (tmp_path / "in/folder_link").symlink_to(tmp_path)
    (tmp_path / "in/dangling").symlink_to(tmp_path / "new")
    (tmp_path / "in/chain").symlink_to("file_link")
    return tmp_path


ESCAPES = {
    "dots": "../secret",
    "the system's own root": "/proc/self/root{cage}/secret",
    "the system's own folder": "/proc/self/cwd/{up}{cage}/secret",
    "dots behind a link": "folder_link/in/../secret",
    "dots behind what is not there": "none/../../secret",
    "slashes": "..//.//secret",
    "link to a link": "chain",
    "device": "/dev/zero",
    "dots inside": "sub/../../secret",
    "absolute": "{cage}/secret",
    "a folder whose name begins alike": "../in-no-more/x",
    "link": "file_link",
    "link on the way": "folder_link/secret",
    "link to nothing yet": "dangling",
    "the folder above": "..",
}


@pytest.mark.parametrize("path", ESCAPES.values(), ids=ESCAPES)
@pytest.mark.parametrize(
    ("command", "args"),
    [
        ("view", {}),
        ("create", {"file_text": "x"}),
        ("str_replace", {"old_str": "secret", "new_str": "x"}),
    ],
)
def test_n206_no_path_leads_out_of_the_root(cage, path, command, args):
    editor = TextEditor(root=cage / "in")
    before = sorted(cage.rglob("*"))
    up = "../" * len(Path.cwd().parts)
    asked = {"command": command, "path": path.format(cage=cage, up=up), **args}

    with Runtime([editor]) as runtime, pytest.raises(TextEditorException, match="leads out"):
        runtime.get_ctx().invoke(editor, asked).result()

    assert (cage / "secret").read_text() == "secret"
    assert sorted(cage.rglob("*")) == before


def test_n206_the_file_of_a_link_that_stays_inside_is_edited(cage):
    editor = TextEditor(root=cage / "in")
    (cage / "in/sub").mkdir()
    (cage / "in/sub/a").write_text("one")
    (cage / "in/inner").symlink_to("sub")
    asked = {"command": "str_replace", "path": "inner/a", "old_str": "one", "new_str": "1"}

    with Runtime([editor]) as runtime:
        runtime.get_ctx().invoke(editor, asked).result()

    assert (cage / "in/sub/a").read_text() == "1"


def test_n206_a_root_that_is_a_link_is_the_folder_it_leads_to(cage):
    (cage / "root").symlink_to("in")
    editor = TextEditor(root=cage / "root")
    asked = {"command": "create", "path": f"{cage}/root/a", "file_text": "x"}

    with Runtime([editor]) as runtime:
        runtime.get_ctx().invoke(editor, asked).result()

    assert (cage / "in/a").read_text() == "x"


@pytest.mark.parametrize("path", ["sub/a", "sub", "sub/new/b"])
def test_n206_a_link_put_in_after_the_check_leads_nowhere(cage, path):
    root = Root(cage / "in", TextEditorException)
    (cage / "in/sub").mkdir()
    (cage / "a").write_text("secret")
    place = root.place(path)
    (cage / "in/sub").rmdir()
    (cage / "in/sub").symlink_to(cage)
    before = sorted(cage.rglob("*"))

    def reach():
        if path == "sub":
            with root.listing(place) as entries:
                return list(entries)
        with root.spot(place, made=[]) as spot:
            return read_text(spot, path, TextEditorException)

    with pytest.raises(TextEditorException, match="leads out"):
        reach()
    assert sorted(cage.rglob("*")) == before


@pytest.mark.parametrize("path", ["sub/a", "a"])
def test_n206_a_file_that_became_a_link_is_not_followed(cage, path):
    root = Root(cage / "in", TextEditorException)
    (cage / "in/sub").mkdir()
    (cage / "in" / path).write_text("mine")
    place = root.place(path)
    (cage / "in" / path).unlink()
    (cage / "in" / path).symlink_to(cage / "secret")

    with pytest.raises(OSError, match="cannot be followed"), root.spot(place) as spot:
        read_text(spot, path, TextEditorException)


def test_n208_a_folder_that_becomes_a_link_during_an_edit_leads_nowhere(cage):
    root = Root(cage / "in", TextEditorException)
    (cage / "in/sub").mkdir()
    for folder in (cage, cage / "in/sub"):
        (folder / "a").write_text("one")

    def meanwhile(text):
        shutil.move(cage / "in/sub", cage / "in/old")
        (cage / "in/sub").symlink_to(cage)
        return edits.replace_once(text, "one", "1")

    _edit(root.place("sub/a"), "sub/a", "Replaced", meanwhile, root)

    assert (cage / "a").read_text() == "one"
    assert (cage / "in/old/a").read_text() == "1"
    assert leftovers(cage) == []


def test_n208_a_file_that_becomes_a_link_during_an_edit_is_kept(cage):
    root = Root(cage / "in", TextEditorException)
    (cage / "in/a").write_text("secret")

    def meanwhile(text):
        (cage / "in/a").unlink()
        (cage / "in/a").symlink_to(cage / "secret")
        return edits.replace_once(text, "secret", "x")

    with pytest.raises(TextEditorException, match="changed by somebody else"):
        _edit(root.place("a"), "a", "Replaced", meanwhile, root)

    assert (cage / "in/a").is_symlink()
    assert (cage / "secret").read_text() == "secret"
    assert leftovers(cage) == []


@pytest.mark.slow
def test_n206_a_link_that_comes_and_goes_never_leads_out(cage):
    editor = TextEditor(root=cage / "in")
    (cage / "in/real").mkdir()
    for folder in (cage, cage / "in/real"):
        (folder / "a").write_text("0")
    (cage / "in/sub").symlink_to("real")
    done = threading.Event()

    def swap():
        while not done.is_set():
            for target in (cage, "real"):
                (cage / "in/next").symlink_to(target)
                (cage / "in/next").replace(cage / "in/sub")

    swapping = threading.Thread(target=swap)
    swapping.start()
    said = []
    try:
        with Runtime([editor]) as runtime:
            for n in range(150):
                asked = {"command": "insert", "path": "sub/a", "insert_line": 0, "new_str": f"{n}"}
                try:
                    said.append(runtime.get_ctx().invoke(editor, asked).result())
                except (TextEditorException, OSError):
                    continue
    finally:
        done.set()
        swapping.join()

    assert (cage / "a").read_text() == "0"
    assert len((cage / "in/real/a").read_text().split()) == len(said) + 1
    assert leftovers(cage) == []


def test_n206_absolute_paths_inside_the_root_are_fine(cage):
    editor = TextEditor(root=cage / "in")
    asked = {"command": "create", "path": f"{cage}/in/sub/../a", "file_text": "x"}

    with Runtime([editor]) as runtime:
        runtime.get_ctx().invoke(editor, asked).result()

    assert (cage / "in/a").read_text() == "x"


def test_n206_a_model_uses_it(tmp_path):
    path = str(tmp_path / "a")
    writer = agent("writer(path: str) -> str", "Write {path}", uses=[text_editor])
    model = ScriptedModel(
        [
            call("text_editor", command="create", path=path, file_text="hello"),
            call("text_editor", command="view", path=path, old_str="x"),
            "done",
        ]
    )

    with Runtime([writer], models={Provider.Anthropic: model}) as runtime:
        assert runtime.get_ctx().invoke(writer, {"path": path}).result() == "done"

    first, second = (r.parts[-1] for r in model.requests[1:])
    assert not first.is_error
    assert second.is_error
    assert second.outputs.startswith("TextEditorException: `view` takes no old_str")


def test_n206_the_later_module_has_the_same_names():
    assert text_editor_func.text_editor is text_editor
    assert text_editor_func.TextEditor is TextEditor
    assert text_editor_func.TextEditorException is TextEditorException


def test_n206_its_version_is_whole():
    assert version_of(text_editor).is_whole
