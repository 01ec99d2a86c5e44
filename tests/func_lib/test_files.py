"""Reading and listing on real files, through a real runtime."""

import os
import threading
from pathlib import Path

import pytest

from netflux_nb import CancellationException, NodeState, Runtime
from netflux_nb.core.functions.versions import version_of
from netflux_nb.func_lib.bounds import Root
from netflux_nb.func_lib.files import (
    FilesException,
    ListDirectory,
    ReadFile,
    list_directory,
    read_file,
)
from netflux_nb.func_lib.search import SearchFiles


@pytest.fixture
def call(tmp_path):
    """Call either Function as a root of its own; paths are below `tmp_path`."""
    fns = {"read": ReadFile(root=tmp_path), "list": ListDirectory(root=tmp_path)}
    with Runtime(list(fns.values())) as runtime:

        def run(what, path, **args):
            asked = {"path": str(path), **args}
            return runtime.get_ctx().invoke(fns[what], asked).result(60)

        yield run


def test_their_names_and_effects():
    assert (read_file.name, list_directory.name) == ("read_file", "list_directory")
    assert {read_file.effect, list_directory.effect} == {"files"}
    assert [a.name for a in read_file.args] == ["path", "start_line", "max_lines"]
    assert [a.name for a in list_directory.args] == ["path", "depth"]
    assert version_of(read_file).is_whole
    assert version_of(list_directory).is_whole
    assert version_of(ReadFile(root="/tmp")).digest != version_of(ReadFile(root="/")).digest


READ = {
    "lines": (b"one\ntwo\n", {}, "1|one\n2|two"),
    "no end": (b"one\ntwo", {}, "1|one\n2|two"),
    "empty": (b"", {}, "[The file is empty.]"),
    "blank lines": (b"\n\n", {}, "1|\n2|"),
    "crlf": (b"one\r\ntwo\r\n", {}, "1|one\n2|two"),
    "a range": (b"1\n2\n3\n4\n", {"start_line": 2, "max_lines": 2}, None),
    "to the end": (b"1\n2\n3\n", {"start_line": 2, "max_lines": 2}, "2|2\n3|3"),
    "just past the end": (b"1\n", {"start_line": 2}, "[The file ends at line 1.]"),
    "utf-8": ("äß€😀\ufffd\n".encode(), {}, "1|äß€😀\ufffd"),
    "latin-1": (
        b"caf\xe9\nplain\n",
        {},
        "1|caf\ufffd\n2|plain\n[Not UTF-8, shown with \ufffd: 1 line.]",
    ),
}


@pytest.mark.parametrize(("data", "args", "shown"), READ.values(), ids=READ)
def test_a_file_is_read(tmp_path, call, data, args, shown):
    (tmp_path / "a").write_bytes(data)

    told = call("read", "a", **args)

    assert told == (shown or "2|2\n3|3\n[There is more. Go on with start_line=4.]")


def test_a_long_file_says_where_to_go_on(tmp_path, call):
    (tmp_path / "a").write_text("".join(f"{n}\n" for n in range(1, 5001)))

    first = call("read", "a")
    rest = call("read", "a", start_line=2001, max_lines=100_000)

    assert first.endswith("2000|2000\n[There is more. Go on with start_line=2001.]")
    assert rest.startswith("2001|2001\n")


def test_what_is_shown_has_an_end(tmp_path, call):
    (tmp_path / "a").write_text(f"{'x' * 1500}\n" * 100)

    told = call("read", "a")

    assert len(told) < 37_000
    assert told.endswith("[There is more. Go on with start_line=24.]")


def test_a_long_line_is_cut(tmp_path, call):
    (tmp_path / "a").write_text("x" * 300_000 + "\nnext\n")

    told = call("read", "a")

    assert told == f"1|{'x' * 2000}… (298,000 more)\n2|next"


def test_a_binary_file_is_refused(tmp_path, call):
    (tmp_path / "a").write_bytes(b"\x7fELF\0\1")

    with pytest.raises(FilesException, match=r"'a' is no text: byte 4 of 6 is NUL"):
        call("read", "a")


def test_a_nul_further_on_is_replaced(tmp_path, call):
    (tmp_path / "a").write_bytes(b"x" * 9_000 + b"\na\0b\n")

    assert call("read", "a", start_line=2) == "2|a\ufffdb"


def test_a_sparse_gigabyte_is_refused_unread(tmp_path, call):
    with (tmp_path / "a").open("wb") as file:
        file.truncate(1 << 30)

    with pytest.raises(FilesException, match="byte 0 of 1,073,741,824"):
        call("read", "a")


def test_of_a_gigabyte_with_text_ahead_only_that_is_read(tmp_path, call):
    with (tmp_path / "a").open("wb") as file:
        file.write(b"text\n" * 4_000)
        file.truncate(1 << 30)

    assert call("read", "a", max_lines=2).startswith("1|text\n2|text\n[There is more")


def test_a_cancel_stops_a_long_read(tmp_path):
    with (tmp_path / "a").open("wb") as file:
        file.write(b"\n" * 10_000)
        file.truncate(1 << 40)
    reader = ReadFile(root=tmp_path)

    with Runtime([reader]) as runtime:
        node = runtime.get_ctx().invoke(reader, {"path": "a", "start_line": 10**9})
        tick = threading.Event()
        while node.state is NodeState.Waiting:
            tick.wait(0.01)
        node.cancel()

        with pytest.raises(CancellationException):
            node.result(60)


MISUSE = {
    "line 0": ("read", "a", {"start_line": 0}, "start_line is 0"),
    "no lines": ("read", "a", {"max_lines": 0}, "max_lines 0"),
    "past the end": ("read", "a", {"start_line": 9}, "start_line is 9, and the file has 1 line"),
    "a pipe": ("read", "pipe", {}, "no plain file"),
    "no path": ("read", "", {}, "is no path"),
    "half a path": ("list", "a\0b", {}, "is no path"),
    "half a character": ("read", "a\ud800", {}, "is no path"),
    "no depth": ("list", ".", {"depth": 0}, "depth is 0; give 1 to 10"),
    "too deep": ("list", ".", {"depth": 11}, "depth is 11"),
}


@pytest.mark.parametrize(("what", "path", "args", "why"), MISUSE.values(), ids=MISUSE)
def test_misuse_is_refused(tmp_path, call, what, path, args, why):
    (tmp_path / "a").write_text("a\n")
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(FilesException, match=why):
        call(what, path, **args)


@pytest.mark.parametrize(
    ("what", "path", "kind"),
    [
        ("read", "none", FileNotFoundError),
        ("read", ".", IsADirectoryError),
        ("read", "a/b", NotADirectoryError),
        ("list", "none", FileNotFoundError),
        ("list", "a", NotADirectoryError),
    ],
)
def test_the_systems_errors_keep_their_type_and_hide_the_root(tmp_path, call, what, path, kind):
    (tmp_path / "a").touch()

    with pytest.raises(kind) as caught:
        call(what, path)

    assert str(tmp_path) not in str(caught.value)


def test_a_folder_is_listed(tmp_path, call):
    (tmp_path / "sub/inner/deep").mkdir(parents=True)
    (tmp_path / "sub/b.txt").write_text("12345")
    (tmp_path / "a").write_text("1")
    (tmp_path / "link").symlink_to("sub")
    (tmp_path / ".git/objects").mkdir(parents=True)
    (tmp_path / os.fsdecode(b"odd\xff")).touch()

    assert call("list", ".") == ".git/\na  1 byte\nlink@\nodd\ufffd  0 bytes\nsub/"
    assert call("list", ".", depth=2) == (
        ".git/\na  1 byte\nlink@\nodd\ufffd  0 bytes\nsub/\nsub/b.txt  5 bytes\nsub/inner/"
    )
    assert call("list", "sub/inner/deep") == "[The folder is empty.]"
    assert call("list", tmp_path / "sub") == "b.txt  5 bytes\ninner/"


def test_a_long_listing_is_cut(tmp_path, call):
    for n in range(1_200):
        (tmp_path / f"{n:04}").touch()

    told = call("list", ".")

    assert told.startswith("0000  0 bytes\n0001")
    assert told.endswith("[The first 1,000 names are shown; there are more.]")


def test_without_a_root_any_path_will_do(tmp_path, monkeypatch):
    (tmp_path / "a").write_text("a\n")
    monkeypatch.chdir(tmp_path)

    with Runtime([read_file, list_directory]) as runtime:
        ctx = runtime.get_ctx()
        assert ctx.invoke(read_file, {"path": str(tmp_path / "a")}).result(60) == "1|a"
        assert ctx.invoke(read_file, {"path": "a"}).result(60) == "1|a"
        assert ctx.invoke(list_directory, {"path": "."}).result(60) == "a  2 bytes"


@pytest.fixture
def cage(tmp_path):
    (tmp_path / "in/sub").mkdir(parents=True)
    (tmp_path / "in-no-more").mkdir()
    (tmp_path / "in-no-more/secret").write_text("secret\n")
    (tmp_path / "secret").write_text("secret\n")
    (tmp_path / "in/file_link").symlink_to(tmp_path / "secret")
    (tmp_path / "in/folder_link").symlink_to(tmp_path)
    (tmp_path / "in/relative").symlink_to("../secret")
    (tmp_path / "in/twice").symlink_to("relative")
    (tmp_path / "in/loop").symlink_to("loop")
    (tmp_path / "in/sub/inner_link").symlink_to("../real")
    (tmp_path / "in/real").write_text("real\n")
    return tmp_path


ESCAPES = {
    "dots": "../secret",
    "dots inside": "sub/../../secret",
    "absolute": "{cage}/secret",
    "absolute with dots": "{cage}/in/../secret",
    "a name that begins alike": "../in-no-more/secret",
    "link": "file_link",
    "relative link": "relative",
    "link to a link": "twice",
    "link on the way": "folder_link/secret",
    "link on the way and back": "folder_link/in/../secret",
    "the folder above": "..",
    "the system's root": "/",
    "our own process": "/proc/self/root{cage}/secret",
    "our own folder": "/proc/self/cwd",
    "passwords": "/etc/passwd",
}


@pytest.mark.parametrize("path", ESCAPES.values(), ids=ESCAPES)
@pytest.mark.parametrize("kind", [ReadFile, ListDirectory, SearchFiles])
def test_no_path_leads_out_of_the_root(cage, kind, path):
    fn = kind(root=cage / "in")
    asked = {"path": path.format(cage=cage)} | ({"pattern": "s"} if kind is SearchFiles else {})

    with Runtime([fn]) as runtime, pytest.raises(FilesException, match="leads out"):
        runtime.get_ctx().invoke(fn, asked).result(60)


def test_links_inside_the_root_and_a_link_as_root_are_fine(cage):
    (cage / "way").symlink_to("in")
    reader = ReadFile(root=cage / "way")

    with Runtime([reader]) as runtime:
        for path in ("sub/inner_link", f"{cage}/in/real", f"{cage}/way/real", "sub/../real"):
            assert runtime.get_ctx().invoke(reader, {"path": path}).result(60) == "1|real"


def test_a_link_in_a_circle_is_an_error(cage):
    reader = ReadFile(root=cage / "in")

    with Runtime([reader]) as runtime, pytest.raises(OSError, match=r"(?i)symbolic|levels"):
        runtime.get_ctx().invoke(reader, {"path": "loop"}).result(60)


@pytest.mark.parametrize("swapped", ["sub/real", "sub"])
def test_a_link_put_in_the_way_after_the_check_leads_nowhere(tmp_path, swapped):
    root = tmp_path / "in"
    (root / "sub").mkdir(parents=True)
    (root / "sub/real").write_text("real")
    (tmp_path / "real").write_text("secret")
    guard = Root(root, FilesException)
    place = guard.place("sub/real")

    (root / swapped).rename(tmp_path / "away")
    (root / swapped).symlink_to(tmp_path / "real" if swapped != "sub" else tmp_path)

    with pytest.raises((OSError, FilesException)), guard.spot(place) as spot:
        os.close(spot.open(os.O_RDONLY))


def test_a_thousand_swaps_leak_nothing(tmp_path):
    root = tmp_path / "in"
    root.mkdir()
    (tmp_path / "secret").write_text("secret")
    (root / "plain").write_text("plain")
    reader = ReadFile(root=root)
    over = threading.Event()

    def swap():
        link = root / "link"
        while not over.is_set():
            link.symlink_to(tmp_path / "secret")
            link.replace(root / "it")
            (root / "new").write_text("plain")
            (root / "new").replace(root / "it")

    swapper = threading.Thread(target=swap)
    swapper.start()
    told = set()
    with Runtime([reader]) as runtime:
        for _ in range(300):
            try:
                told.add(runtime.get_ctx().invoke(reader, {"path": "it"}).result(60))
            except (FilesException, OSError):
                told.add("refused")
    over.set()
    swapper.join()

    assert told <= {"1|plain", "refused"}


def test_nothing_stays_open(tmp_path, call):
    (tmp_path / "a").write_bytes(b"\0")
    (tmp_path / "sub").mkdir()
    os.mkfifo(tmp_path / "pipe")
    before = len(list(Path("/proc/self/fd").iterdir()))

    for path in ("a", "sub", "pipe", "none", "a/b"):
        for what in ("read", "list"):
            try:
                call(what, path)
            except (FilesException, OSError):
                continue

    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 2
