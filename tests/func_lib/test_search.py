"""Searching real files, through a real runtime, and the rules of `.gitignore` as values."""

import os
import re
import shutil
import subprocess
import threading

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from netflux_nb import CancellationException, NodeState, Provider, Runtime, agent
from netflux_nb.core.functions.versions import version_of
from netflux_nb.func_lib._search.worker import expanded, ignored, rule_of, to_regex
from netflux_nb.func_lib.search import FilesException, SearchFiles, search_files
from netflux_nb.testing import ScriptedModel, call

pytestmark = pytest.mark.skipif(os.name != "posix", reason="It needs POSIX processes.")


@pytest.fixture
def find(tmp_path):
    """Search below `tmp_path`."""
    fn = SearchFiles(root=tmp_path)
    with Runtime([fn]) as runtime:

        def run(pattern, **args):
            return runtime.get_ctx().invoke(fn, {"pattern": pattern, **args}).result(60)

        yield run


def write(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())


def files_of(told):
    return [] if told.startswith("[") else list(dict.fromkeys(re.findall(r"(?m)^(.+?):\d+:", told)))


def test_its_arguments():
    assert search_files.name == "search_files"
    assert [a.name for a in search_files.args if a.required] == ["pattern"]
    assert search_files.effect == "files"
    assert version_of(search_files).is_whole


@pytest.mark.slow
def test_lines_are_given_with_path_and_number_in_order(tmp_path, find):
    write(tmp_path, {"b.py": "x\nneedle\n", "a/z.py": "needle one\n\nneedle two", "a/b/c.py": "no"})

    assert find("needle") == "a/z.py:1:needle one\na/z.py:3:needle two\nb.py:2:needle"
    assert find("needle", path="a") == "a/z.py:1:needle one\na/z.py:3:needle two"
    assert find("needle", path="./a/") == "./a/z.py:1:needle one\n./a/z.py:3:needle two"
    assert find("needle", path="b.py") == "b.py:2:needle"
    assert find("needle", path=str(tmp_path / "a/z.py")).startswith(f"{tmp_path}/a/z.py:1:")
    assert find("nothing like it") == "[Nothing matches.]"


@pytest.mark.slow
def test_a_path_as_given_can_be_read(tmp_path, monkeypatch):
    write(tmp_path, {"sub/a": "needle\n"})
    monkeypatch.chdir(tmp_path)

    with Runtime([search_files]) as runtime:
        told = runtime.get_ctx().invoke(search_files, {"pattern": "needle", "path": "sub"})
        assert told.result(60) == "sub/a:1:needle"


PATTERNS = {
    "regex": ({"pattern": r"^d\w+ \d$"}, ["1"]),
    "case": ({"pattern": "DEF"}, ["2"]),
    "no case": ({"pattern": "DEF", "ignore_case": True}, ["1", "2"]),
    "plain": ({"pattern": "a.b(", "fixed": True}, ["3"]),
    "plain without case": ({"pattern": "A.B(", "fixed": True, "ignore_case": True}, ["3"]),
    "utf-8": ({"pattern": "[äé]"}, ["4"]),
    "end of a line with crlf": ({"pattern": "crlf$"}, ["5"]),
    "plain utf-8": ({"pattern": "é", "fixed": True}, ["4"]),
    "nothing across lines": ({"pattern": r"def\s+1\s+DEF"}, []),
}


@pytest.mark.slow
def test_what_a_pattern_finds(tmp_path, find):
    write(tmp_path, {"a": "def 1\nDEF 2\nx a.b( y\naéxb(\ncrlf\r\n"})

    for name, (args, lines) in PATTERNS.items():
        assert re.findall(r"(?m)^a:(\d+):", find(**args)) == lines, name


@pytest.mark.slow
def test_lines_around_a_match(tmp_path, find):
    write(tmp_path, {"a": "".join(f"{n}\n" for n in range(1, 20)), "b": "x\n9\n"})

    assert find("^(3|5|12)$", context=1, path="a") == (
        "a-2-2\na:3:3\na-4-4\na:5:5\na-6-6\n--\na-11-11\na:12:12\na-13-13"
    )
    assert find("^9$", context=1) == "a-8-8\na:9:9\na-10-10\n--\nb-1-x\nb:2:9"


GLOBS = {
    "a name": ("*.py", ["a.py", "sub/b.py", "sub/deep/d.py"]),
    "braces": ("*.{py,ts}", ["a.py", "sub/b.py", "sub/c.ts", "sub/deep/d.py"]),
    "a folder": ("sub/**/*.py", ["sub/b.py", "sub/deep/d.py"]),
    "one level": ("sub/*.py", ["sub/b.py"]),
    "the top": ("/*.py", ["a.py"]),
    "not": ("!*.py", ["sub/c.ts"]),
    "not a folder": ("!deep", ["a.py", "sub/b.py", "sub/c.ts"]),
    "a class": ("[ab].py", ["a.py", "sub/b.py"]),
    "nothing": ("*.none", []),
}


@pytest.mark.slow
def test_what_a_glob_lets_through(tmp_path, find):
    write(tmp_path, dict.fromkeys(["a.py", "sub/b.py", "sub/c.ts", "sub/deep/d.py"], "x"))

    for name, (glob, found) in GLOBS.items():
        assert files_of(find("x", glob=glob)) == found, name


@pytest.mark.slow
def test_a_glob_that_stands_for_too_many_is_refused(tmp_path, find):
    write(tmp_path, {"a": "x"})

    assert "more than 64 globs" in find("x", glob="{a,b}" * 20)


@pytest.mark.slow
def test_what_is_passed_over(tmp_path, find):
    write(
        tmp_path,
        {
            "plain": "x",
            ".hidden": "x",
            ".git/config": "x",
            "binary": b"x\0x",
            "late": b"x\n" * 9_000 + b"\0x\n",
            "build/out": "x",
            "sub/.gitignore": "*.log\n!keep.log\n/only\n",
            "sub/a.log": "x",
            "sub/keep.log": "x",
            "sub/only": "x",
            "sub/in/only": "x",
            ".gitignore": "build/\n",
        },
    )
    (tmp_path / "link").symlink_to("plain")
    (tmp_path / "folder_link").symlink_to("sub")
    (tmp_path / "circle").symlink_to(".")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")

    assert files_of(find("x", max_results=1000)) == ["late"]
    assert files_of(find("^x$", glob="!late")) == ["plain", "sub/in/only", "sub/keep.log"]
    assert files_of(find("x", path="sub/a.log")) == ["sub/a.log"]
    assert files_of(find("x", path="sub", glob="!late")) == ["sub/in/only", "sub/keep.log"]


@pytest.mark.slow
def test_rules_above_the_path_count_up_to_the_repository(tmp_path):
    write(
        tmp_path,
        {
            ".gitignore": "*",
            "repo/.git/HEAD": "",
            "repo/.gitignore": "*.log",
            "repo/a/b/x.log": "x",
            "repo/a/b/x.txt": "x",
        },
    )

    with Runtime([search_files]) as runtime:
        asked = {"pattern": "x", "path": str(tmp_path / "repo/a/b")}
        told = runtime.get_ctx().invoke(search_files, asked).result(60)

    assert told == f"{tmp_path}/repo/a/b/x.txt:1:x"


@pytest.mark.slow
def test_results_have_an_end(tmp_path, find):
    write(tmp_path, {"a": "x\n" * 500, "b": f"{'y' * 250}\n" * 500})

    told = find("x")
    assert told.count("a:") == 200
    assert "[Stopped at 200 matches; there may be more. It was at 'a'.]" in told
    assert find("x", max_results=3).count("a:") == 3

    told = find("y", max_results=1000)
    assert len(told) < 36_200
    assert "Stopped at 36,000 characters" in told


@pytest.mark.slow
def test_long_lines_are_cut_around_the_match(tmp_path, find):
    write(tmp_path, {"a": "x" * 5_000 + "needle" + "y" * 2_000_000 + "end" + "\nneedle\n"})

    told = find("needle")

    assert told == f"a:1:…{'x' * 80}needle{'y' * 214}…\na:2:needle"
    assert "end" in find("end")


@pytest.mark.slow
def test_bytes_that_are_no_utf8_and_odd_names_are_replaced(tmp_path, find):
    write(tmp_path, {"a": b"caf\xe9 needle\n"})
    (tmp_path / os.fsdecode(b"odd\xff")).write_text("needle\n")

    assert find("needle") == "a:1:caf\ufffd needle\nodd\ufffd:1:needle"


@pytest.mark.slow
def test_sparse_gigabytes_take_no_time(tmp_path, find):
    for name in ("a", "b"):
        with (tmp_path / name).open("wb") as file:
            file.write(b"needle\n" if name == "b" else b"")
            file.truncate(1 << 30)

    assert find("needle") == "[Nothing matches.]"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pattern", "args"),
    [("(x+x+)+y", {}), ("x", {"glob": "a*" * 30 + "b"})],
    ids=["a pattern", "a glob"],
)
def test_what_takes_for_ever_is_stopped(tmp_path, pattern, args):
    write(tmp_path, {"a" * 60: "x" * 60, "0": "xxy\n", "later": "xxy"})
    quick = SearchFiles(root=tmp_path, timeout_s=4.0)

    with Runtime([quick]) as runtime:
        told = runtime.get_ctx().invoke(quick, {"pattern": pattern, **args}).result(60)

    assert "Stopped after 4 s" in told
    if not args:
        assert told.startswith("0:1:xxy\n")
        assert f"It was at '{'a' * 60}'" in told


@pytest.mark.slow
def test_a_hostile_gitignore_is_stopped_too(tmp_path):
    write(tmp_path, {".gitignore": "a*" * 30 + "b\n", "a" * 60: "x"})
    quick = SearchFiles(root=tmp_path, timeout_s=1.0)

    with Runtime([quick]) as runtime:
        told = runtime.get_ctx().invoke(quick, {"pattern": "x"}).result(60)

    assert "Stopped after 1 s" in told


@pytest.mark.slow
def test_nw19_a_cancel_ends_a_search_at_once(tmp_path):
    write(tmp_path, {"a": "x" * 60})
    slow = SearchFiles(root=tmp_path, timeout_s=1000)

    with Runtime([slow]) as runtime:
        node = runtime.get_ctx().invoke(slow, {"pattern": "(x+x+)+y"})
        tick = threading.Event()
        while node.state is NodeState.Waiting:
            tick.wait(0.01)
        tick.wait(0.2)
        node.cancel("enough")

        with pytest.raises(CancellationException, match="enough"):
            node.result(60)


MISUSE = {
    "no pattern": ({"pattern": ""}, "pattern is empty"),
    "no regex": ({"pattern": "("}, "no regular expression: missing"),
    "a long pattern": ({"pattern": "x" * 1001}, "1,001 characters"),
    "a huge pattern": ({"pattern": "(" * 900}, "regular expression|too large"),
    "huge numbers": ({"pattern": "x{99999999999}"}, "regular expression|too large"),
    "no file": ({"pattern": "x", "path": "none"}, "'none' could not be searched. No such file"),
    "not below a file": ({"pattern": "x", "path": "a/b"}, "could not be searched"),
    "no context": ({"pattern": "x", "context": -1}, "context is -1"),
    "no results": ({"pattern": "x", "max_results": 0}, "max_results is 0"),
    "all results": ({"pattern": "x", "max_results": 10**9}, "give 1 to 1,000"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("args", "why"), MISUSE.values(), ids=MISUSE)
def test_misuse_is_refused_in_one_line(tmp_path, find, args, why):
    write(tmp_path, {"a": "x"})

    with pytest.raises(FilesException, match=why) as caught:
        find(**args)

    assert "\n" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.slow
def test_a_deep_tree_is_searched_as_far_as_it_goes(tmp_path, find):
    folder = tmp_path
    for _ in range(300):
        folder = folder / "d"
    folder.mkdir(parents=True)
    (folder / "a").write_text("needle")

    assert find("needle") == f"{'d/' * 300}a:1:needle"


RULES = {
    "a name anywhere": ("a.log", ["a.log", "x/a.log"], ["b.log", "a.logs"]),
    "a star": ("*.log", [".log", "x/y.log"], ["x.log/y"]),
    "a star is no slash": ("/a/*", ["a/b"], ["a/b/c", "b/a/b"]),
    "anchored": ("/a", ["a"], ["x/a"]),
    "anchored by a slash inside": ("a/b", ["a/b"], ["x/a/b"]),
    "stars first": ("**/a/b", ["a/b", "x/y/a/b"], ["ab"]),
    "stars last": ("a/**", ["a/b", "a/b/c"], ["a", "b/a/c"]),
    "stars between": ("a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["a/xb"]),
    "stars that are one": ("a**b", ["ab", "axb"], ["a/b"]),
    "a question mark": ("?.c", ["a.c"], ["ab.c", ".c"]),
    "a class": ("[a-c]x", ["ax", "cx"], ["dx"]),
    "not of a class": ("[!a-c]x", ["dx"], ["ax", "/x"]),
    "a bracket in a class": ("[]a]x", ["]x", "ax"], ["bx"]),
    "an open class": ("[ax", [], ["[ax", "ax"]),
    "a range that is none": ("[z-ab]", ["b", "z"], ["a", "y"]),
    "a class by its name": ("[[:digit:]x]", ["1", "x"], ["a", "["]),
    "not of a class by its name": ("[![:alpha:]]", ["1"], ["a", "/"]),
    "a class of no name": ("[[:none:]a]", [], ["a", "n", ":a]"]),
    "a class is no slash": ("a[/.-0]b", ["a.b", "a0b"], ["a/b"]),
    "an escaped bracket in a class": (r"[\]]", ["]"], ["\\", "\\]"]),
    "an escaped line in a class": (r"[a\-c]", ["a", "-", "c"], ["b"]),
    "three stars": ("***/a", ["a", "x/y/a"], ["b"]),
    "an escape of nothing": ("a\\", [], ["a", "a\\"]),
    "escaped": (r"\#a\*", ["#a*"], ["#ab"]),
    "an escaped not": (r"\!a", ["!a"], ["a"]),
    "a space at the end": ("a  ", ["a"], ["a  "]),
    "an escaped space": ("a\\ ", ["a "], ["a"]),
    "an escaped space before another": ("a\\  ", ["a "], ["a", "a  "]),
    "an escaped escape before a space": ("a\\\\ ", ["a\\"], ["a\\ "]),
    "one line end": ("a\r\r\n", ["a\r"], ["a"]),
    "dots are dots": ("a.b", ["a.b"], ["axb"]),
    "a comment": ("# a", [], ["# a", "a"]),
    "nothing": ("", [], ["a"]),
    "a slash": ("/", [], ["a"]),
}


@pytest.mark.parametrize(("line", "out", "kept"), RULES.values(), ids=RULES)
def test_a_rule_leaves_out_what_git_leaves_out(line, out, kept):
    rules = [r for r in [rule_of(line, "")] if r]

    assert [p for p in out if not ignored(rules, p, False)] == []
    assert [p for p in kept if ignored(rules, p, False)] == []


def test_the_last_rule_that_speaks_wins():
    rules = [rule_of(line, "") for line in ("*.log", "!keep.log", "/sub/keep.log")]

    assert [ignored(rules, p, False) for p in ("a.log", "keep.log", "sub/keep.log")] == [
        True,
        False,
        True,
    ]


def test_a_rule_for_folders_is_for_folders():
    rules = [rule_of("build/", "")]

    assert ignored(rules, "x/build", True)
    assert not ignored(rules, "x/build", False)


PARTS = st.sampled_from(
    ["a", "b", "*", "**", "***", "?", "/", "[ab]", "[!a]", "a.b", "!", "#", " ", "\\", "[", "]",
    "[a-c]", "[]a]", "[b-a]", "[/a]", "[.-b]", "[[:alpha:]", "[[:punct:]b]", "[\\]]", "-", "^"]
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("git") is None, reason="There is no git.")
def test_rules_are_gits(tmp_path_factory):
    repo = tmp_path_factory.mktemp("repo")
    subprocess.run(["git", "init", "-q", repo], check=True)
    names = ["a", "b", "ab", "a.b", "ba", "-", "a]", "[", "\\", "a ", "#a", "!"]
    paths = [*names, *(f"{x}/{y}" for x in names for y in names), "a/b/a", "b/a/b/ab"]

    @settings(deadline=None)
    @given(st.lists(st.lists(PARTS, min_size=1, max_size=5).map("".join), min_size=1, max_size=3))
    def agree(lines):
        # Git takes `a**/b` for `a` and `**/b`, against its own manual.
        assume(not re.search(r"[^/]\*\*", "\n".join(lines)))
        (repo / ".gitignore").write_text("\n".join(lines) + "\n")
        done = subprocess.run(
            ["git", "-C", repo, "check-ignore", "--no-index", "--stdin", "-z"],
            input="".join(f"{path}\0" for path in paths),
            capture_output=True,
            text=True,
        )
        rules = [r for line in lines if (r := rule_of(line, ""))]
        assert [p for p in paths if out(rules, p)] == done.stdout.split("\0")[:-1], lines

    agree()


def out(rules, path):
    """As the walk does it: a folder that is left out takes all below it along."""
    parts = path.split("/")
    return any(
        ignored(rules, "/".join(parts[:n]), n < len(parts)) for n in range(1, len(parts) + 1)
    )


@pytest.mark.slow
def test_a_gitignore_is_read_as_bytes(tmp_path, find):
    write(
        tmp_path,
        {
            "bom/.gitignore": b"\xef\xbb\xbfout\n",
            "bom/out": "x",
            "crlf/.gitignore": "out\r\n",
            "crlf/out": "x",
            "names/.gitignore": b"?\n[\xc3\xa9]\n*\xff\n",
            "names/é": "x",
            "names/e": "x",
            "é/.gitignore": "/out\n",
            "é/out": "x",
        },
    )
    (tmp_path / "names" / os.fsdecode(b"odd\xff")).write_text("x")

    assert files_of(find("x")) == ["names/é"]


def test_braces_are_written_out():
    assert sorted(expanded("*.{a,b}{c,}")) == ["*.a", "*.ac", "*.b", "*.bc"]
    assert expanded("{a") == ["{a"]


@given(st.text(max_size=20))
def test_any_text_is_a_glob(glob):
    rule_of(glob, "")
    assert isinstance(to_regex(glob), str)


@pytest.mark.slow
def test_a_model_uses_it(tmp_path):
    write(tmp_path, {"a": "needle"})
    find = SearchFiles(root=tmp_path)
    worker = agent("worker() -> str", "Work", uses=[find])
    model = ScriptedModel([call("search_files", pattern="needle"), "done"])

    with Runtime([worker], models={Provider.Anthropic: model}) as runtime:
        assert runtime.get_ctx().invoke(worker, {}).result(60) == "done"

    assert model.requests[1].parts[-1].outputs == "a:1:needle"


def test_q64_an_answer_counts_although_its_writer_ends_at_once(tmp_path, find):
    # The end of the channel may be read with the answer, or after it.
    write(tmp_path, {"a": "x\n"})
    told = [find("x") for _ in range(25)]
    assert set(told) == {"a:1:x"}
