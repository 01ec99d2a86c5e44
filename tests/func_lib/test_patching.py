"""Diffs on real files: as `patch` and `git apply` do it, or not at all."""

import difflib
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netflux_nb.func_lib._patch import hunks
from netflux_nb.func_lib._patch.diff_parser import DiffError, parse
from netflux_nb.func_lib._patch.patching import apply, commit, plan
from netflux_nb.func_lib._patch.writing import RollbackError

resource = pytest.importorskip("resource")

needs_patch = pytest.mark.skipif(not shutil.which("patch"), reason="There is no `patch`.")
needs_git = pytest.mark.skipif(not shutil.which("git"), reason="There is no `git`.")
ENV = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
slowly = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))

# Few words, so that blocks repeat and places are often in doubt.
WORDS = st.sampled_from(["", "a", "b", "c c", "}", "-- x", "++ y", "@@ z", "é", "\\ n", "t\t "])
ODD = st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]), max_size=6)
LINES = st.lists(WORDS | ODD, max_size=14)


@st.composite
def edited(draw, lines=LINES):
    """A text and what somebody made of it: as lists of lines."""
    before = draw(lines)
    after = list(before)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(after)))
        after[at : at + draw(st.integers(0, 2))] = draw(st.lists(WORDS | ODD, max_size=2))
    return before, after


def joined(lines, end="\n", is_open=False):
    text = "".join(line + end for line in lines)
    return text.removesuffix(end) if is_open else text


def unified(before, after, name="f", n=3):
    """A diff as `diff -u` writes it; `difflib` itself forgets about lines without an end."""
    rows = difflib.unified_diff(
        hunks.rows_of(before), hunks.rows_of(after), f"a/{name}", f"b/{name}", n=n
    )
    return "".join(
        row if row.endswith("\n") else f"{row}\n\\ No newline at end of file\n" for row in rows
    )


def snapshot(folder):
    """Everything below a folder: names, kinds, modes, contents."""
    return {
        str(p.relative_to(folder)): (
            p.lstat().st_mode,
            p.readlink() if p.is_symlink() else p.read_bytes() if p.is_file() else None,
        )
        for p in sorted(folder.rglob("*"))
    }


def fill(folder, tree):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, text in tree.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return folder


def contents(folder):
    files = (p for p in folder.rglob("*") if p.is_file() and ".git" not in p.parts)
    return {str(p.relative_to(folder)): p.read_bytes().decode() for p in files}


def ran(*command, cwd, stdin=None, ok=True):
    done = subprocess.run(
        command, cwd=cwd, input=stdin, capture_output=True, env=ENV, check=False, timeout=60
    )
    assert not ok or done.returncode == 0, done.stderr
    return done


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(edited(), st.sampled_from(["\n", "\r\n"]), st.booleans(), st.booleans(), st.integers(1, 4))
def test_n210_any_edit_comes_out_of_its_diff(pair, end, open_before, open_after, n):
    before = joined(pair[0], end, open_before)
    after = joined(pair[1], end, open_after)
    diff = unified(before, after, n=n)
    if before == after:
        return

    (file,) = parse(diff, is_markdown=False).files
    done = hunks.patch(before, file.hunks)

    assert done.problems == ()
    assert done.text == after


@needs_patch
@pytest.mark.slow
@slowly
@given(edited(), LINES, LINES)
def test_n210_moved_lines_are_found_as_patch_finds_them(tmp_path, pair, above, below):
    before, after = joined(pair[0]), joined(pair[1])
    diff = unified(before, after)
    moved = joined(above) + before + joined(below)
    if before == after:
        return
    folder = fill(tmp_path / "p", {"f": moved})
    theirs = ran(
        *("patch", "-p1", "-F0", "--no-backup-if-mismatch", "-r-", "--forward", "--binary"),
        cwd=folder,
        stdin=diff.encode(),
        ok=False,
    )

    (file,) = parse(diff, is_markdown=False).files
    done = hunks.patch(moved, file.hunks)

    if done.problems:
        assert done.text == moved
    if theirs.returncode == 0:
        # Where lines repeat, `patch` takes the nearest place: here that is not sure.
        assert {p.kind for p in done.problems} <= {"ambiguous"}
        assert done.problems or done.text == (folder / "f").read_bytes().decode()


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(edited(), LINES, LINES)
def test_n210_two_places_that_are_named_do_both_fit(pair, above, below):
    before, after = joined(pair[0]), joined(pair[1])
    moved = joined(above) + before + joined(below)
    if before == after:
        return
    (file,) = parse(unified(before, after), is_markdown=False).files
    rows = [row.rstrip() for row in hunks.rows_of(moved)]

    done = hunks.patch(moved, file.hunks)

    for problem in done.problems:
        assert done.text == moved
        if problem.kind != "ambiguous" or not problem.reason.startswith("It fits equally"):
            continue
        assert len(problem.places) > 1
        hunk = file.hunks[problem.hunk - 1]
        for place in problem.places:
            fits = [
                rows[place - 1 : place - 1 + len(old)] == old
                for fuzz in range(3)
                for top, end in [hunks._left_out(hunk, fuzz)]
                if (old := [x.rstrip() for x in hunk.old[top : len(hunk.old) - end]])
            ]
            assert any(fits)


FILE_NAMES = ["f", "g.py", "sub/h", "sub/deep/é x", 'q"uote\\', "tab\tx", "line\nx", "a/f", "b/b/g"]
TREES = st.dictionaries(st.sampled_from(FILE_NAMES), edited(), min_size=1, max_size=5)


@st.composite
def two_trees(draw):
    """Files before and after: edited, made, removed, moved; in both line ends."""
    before, after = {}, {}
    for name, (old, new) in draw(TREES).items():
        end = draw(st.sampled_from(["\n", "\r\n"]))
        fate = draw(st.sampled_from(["edit", "edit", "make", "remove", "move"]))
        # What moves must be long enough to be known again.
        keep = [f"line {n} of {name!r}" for n in range(12)] if fate == "move" else []
        if fate != "make":
            before[name] = joined(keep + old, end, draw(st.booleans()))
        if fate != "remove":
            there = f"new/{name}" if fate == "move" else name
            after[there] = joined(keep + new, end, draw(st.booleans()))
    return before, after


@needs_git
@pytest.mark.slow
@slowly
@given(two_trees(), st.integers(1, 4))
def test_n210_what_git_applies_comes_out_the_same(tmp_path, trees, context):
    before, after = trees
    work = fill(tmp_path / "work", before)
    ran("git", "init", "-q", cwd=work)
    ran("git", "add", "-A", cwd=work)
    for path in [p for p in work.iterdir() if p.name != ".git"]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for name, text in after.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_bytes(text.encode())
    ran("git", "add", "-N", "--ignore-removal", ".", cwd=work)
    diff = ran("git", "diff", "-M", "-C", f"-U{context}", cwd=work).stdout
    if b"GIT binary" in diff or b"Binary files" in diff or not diff:
        return
    theirs = fill(tmp_path / "theirs", before)
    ran("git", "apply", "--whitespace=nowarn", cwd=theirs, stdin=diff)
    assert contents(theirs) == after
    ours = fill(tmp_path / "ours", before)

    apply(diff.decode(), ours, is_markdown=False)

    assert contents(ours) == after
    assert {p: m for p, (m, _) in snapshot(ours).items() if p in after} == {
        p: m for p, (m, _) in snapshot(theirs).items() if p in after
    }


@pytest.mark.slow
@slowly
@given(two_trees(), st.data())
def test_n210_a_spoilt_diff_is_applied_whole_or_leaves_all_as_it_was(tmp_path, trees, data):
    before, after = trees
    names = sorted(n for n in before.keys() & after.keys() if "\n" not in n and "\t" not in n)
    rows = "".join(unified(before[n], after[n], n) for n in names).splitlines(keepends=True)
    for _ in range(data.draw(st.integers(0, 3)) if rows else 0):
        at = data.draw(st.integers(0, len(rows) - 1))
        rows[at : at + 1] = data.draw(
            st.sampled_from([[], [rows[at]] * 2, [rows[at][1:]], [f"+{rows[at]}"], ["\n"]])
        ) or [""]
    ours = fill(tmp_path / "ours", before)
    was = snapshot(ours)

    try:
        apply("".join(rows), ours, is_markdown=False)
    except DiffError:
        assert snapshot(ours) == was
    else:
        assert not list(ours.rglob("*.tmp"))
        untouched = [n for n in before if n not in names]
        assert all(contents(ours)[n] == before[n] for n in untouched)


# All or nothing.

THREE = "".join(f"--- a/{n}\n+++ b/{n}\n@@ -1 +1 @@\n-old {n}\n+new {n}\n" for n in "fgh")
TREE = {n: f"old {n}\n" for n in "fgh"}


def test_n210_three_files_are_changed_at_once(tmp_path):
    fill(tmp_path / "r", TREE)
    (tmp_path / "r/g").chmod(0o750)

    said = str(apply(THREE, tmp_path / "r"))

    assert said.startswith("Patched 3 files with 3 hunks: changed 'f' (1 hunk)")
    assert contents(tmp_path / "r") == {n: f"new {n}\n" for n in "fgh"}
    assert (tmp_path / "r/g").stat().st_mode & 0o777 == 0o750


def test_n210_the_current_folder_is_the_root_when_none_is_named(tmp_path, monkeypatch):
    fill(tmp_path / "r", TREE)
    monkeypatch.chdir(tmp_path / "r")

    apply(THREE)

    assert contents(tmp_path / "r")["h"] == "new h\n"


MIXED = """diff --git a/f b/sub/new/f
rename from f
rename to sub/new/f
diff --git a/gone b/gone
deleted file mode 100644
--- a/gone
+++ /dev/null
@@ -1 +0,0 @@
-gone
diff --git a/made/deep/x b/made/deep/x
new file mode 100755
--- /dev/null
+++ b/made/deep/x
@@ -0,0 +1 @@
+x
diff --git a/g b/copy
copy from g
copy to copy
--- a/g
+++ b/copy
@@ -1 +1 @@
-old g
+new copy
--- a/h
+++ b/h
@@ -1 +1 @@
-old h
+new h
"""


def test_n210_files_are_made_removed_moved_and_copied(tmp_path):
    folder = fill(tmp_path / "r", {**TREE, "gone": "gone\n"})
    plain = (folder / "h").stat().st_mode

    said = str(apply(MIXED, folder))

    assert contents(folder) == {
        "sub/new/f": "old f\n",
        "made/deep/x": "x\n",
        "g": "old g\n",
        "copy": "new copy\n",
        "h": "new h\n",
    }
    assert (folder / "made/deep/x").stat().st_mode == plain | 0o111 & ~_umask()
    assert "renamed 'sub/new/f' from 'f'" in said
    assert "removed 'gone' (1 hunk)" in said


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_n210_when_the_last_file_changed_meanwhile_all_is_put_back(tmp_path):
    folder = fill(tmp_path / "r", {**TREE, "gone": "gone\n"})
    (folder / "gone").chmod(0o640)
    planned = plan(parse(MIXED), folder)
    (folder / "h").write_text("theirs\n")
    was = snapshot(folder)
    inodes = {p: p.stat().st_ino for p in folder.iterdir()}

    with pytest.raises(DiffError, match="changed by somebody else meanwhile"):
        commit(planned)

    assert snapshot(folder) == was
    assert {p: p.stat().st_ino for p in folder.iterdir()} == inodes


def test_n210_a_folder_in_the_second_files_place_changes_nothing(tmp_path):
    folder = fill(tmp_path / "r", TREE)
    planned = plan(parse(THREE), folder)
    (folder / "g").unlink()
    (folder / "g").mkdir()
    was = snapshot(folder)

    with pytest.raises(DiffError, match="Nothing was changed"):
        commit(planned)

    assert snapshot(folder) == was
    with pytest.raises(DiffError, match="'b/g': It is a folder, not a file"):
        apply(THREE, folder)
    assert snapshot(folder) == was


def test_n210_a_file_on_the_way_to_a_new_one_changes_nothing(tmp_path):
    folder = fill(tmp_path / "r", TREE)
    diff = f"{THREE}--- /dev/null\n+++ b/new/x\n@@ -0,0 +1 @@\n+x\n"
    diff += "--- /dev/null\n+++ b/g/x\n@@ -0,0 +1 @@\n+x\n"
    was = snapshot(folder)

    with pytest.raises(DiffError, match=r"refused: 'g/x': It could not be written\. Not a dir"):
        apply(diff, folder)

    assert snapshot(folder) == was


def test_n210_a_full_disk_changes_nothing(tmp_path):
    folder = fill(tmp_path / "r", TREE)
    body = "".join(f"+{'x' * 100}\n" for _ in range(2_000))
    diff = f"{THREE}--- /dev/null\n+++ b/new/x\n@@ -0,0 +1,2000 @@\n{body}"
    was = snapshot(folder)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))

    try:
        with pytest.raises(DiffError, match=r"File too large"):
            apply(diff, folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert snapshot(folder) == was


def test_n210_what_cannot_be_put_back_is_named(tmp_path):
    folder = fill(tmp_path / "r", TREE)
    planned = plan(parse(THREE), folder)
    (folder / "h").write_text("theirs\n")

    class Meddled(type(planned.after)):
        """Files in their order; before the last one, the first is made a folder."""

        def __getitem__(self, place):
            if place.name == "h" and (folder / "f").read_text() == "new f\n":
                shutil.move(folder, tmp_path / "elsewhere")
            return super().__getitem__(place)

    planned.after = Meddled(planned.after)

    with pytest.raises(RollbackError, match="could not be put back: 'g' "):
        commit(planned)
    assert (tmp_path / "elsewhere/f").exists()


# Names and bounds.


def test_n210_files_may_change_names_with_each_other(tmp_path):
    folder = fill(tmp_path / "r", {"f": "1\n", "g": "2\n"})
    (folder / "g").chmod(0o700)
    diff = (
        "diff --git a/f b/g\nrename from f\nrename to g\n"
        "diff --git a/g b/f\nrename from g\nrename to f\n"
    )

    apply(diff, folder)

    assert contents(folder) == {"f": "2\n", "g": "1\n"}
    assert (folder / "f").stat().st_mode & 0o777 == 0o700
    assert (folder / "g").stat().st_mode & 0o777 != 0o700


def test_n210_two_parts_may_change_one_file(tmp_path):
    folder = fill(tmp_path / "r", {"f": "a\nb\n"})
    first = "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n-a\n+A\n b\n"

    apply(first + "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n A\n-b\n+B\n", folder)

    assert contents(folder) == {"f": "A\nB\n"}


def test_n210_a_mode_alone_can_change(tmp_path):
    folder = fill(tmp_path / "r", {"f": "a\n"})
    (folder / "f").chmod(0o640)

    apply("diff --git a/f b/f\nold mode 100644\nnew mode 100755\n", folder)

    assert (folder / "f").stat().st_mode & 0o777 == 0o750


@pytest.mark.parametrize("names", ["f.orig\t2024-01-01 10:00:00 +0000\n+++ f", "a/f\n+++ f"])
def test_n210_one_name_that_is_there_is_enough(tmp_path, names):
    folder = fill(tmp_path / "r", {"f": "a\n"})

    apply(f"--- {names}\n@@ -1 +1 @@\n-a\n+b\n", folder)

    assert contents(folder) == {"f": "b\n"}


def test_n210_diff_n_makes_and_removes_files(tmp_path):
    folder = fill(tmp_path / "r", {"f": "a\n"})
    zero = "1970-01-01 00:00:00.000000000 +0000"
    time = "2024-05-01 10:00:00.000000000 +0000"
    diff = (
        f"diff -Nu a/f b/f\n--- a/f\t{time}\n+++ b/f\t{zero}\n@@ -1 +0,0 @@\n-a\n"
        f"diff -Nu a/g b/g\n--- a/g\t{zero}\n+++ b/g\t{time}\n@@ -0,0 +1 @@\n+b\n"
    )

    apply(diff, folder)

    assert contents(folder) == {"g": "b\n"}


def part(name, old="x", new="y"):
    return f"--- {name}\n+++ {name}\n@@ -1 +1 @@\n-{old}\n+{new}\n"


NOT_DONE = {
    "dots": (part("../out"), "refused"),
    "dots inside": (part("sub/../../out"), "refused"),
    "dots that stay inside": (part("sub/../f"), "refused"),
    "dots behind a prefix": ("--- a/../out\n+++ b/../out\n@@ -1 +1 @@\n-x\n+y\n", "refused"),
    "absolute": (part("{cage}/out"), "refused"),
    "absolute behind a prefix": ("--- a/{cage}/out\n+++ b/{cage}/out\n@@ -1 +1 @@\n-x\n+y\n", ""),
    "the system's own link": (part("/proc/self/root{cage}/out"), "refused"),
    "link": (part("link"), "refused"),
    "link that stays inside": (part("inner"), "refused"),
    "link on the way": (part("away/out"), "refused"),
    "link on the way to a new file": (
        "--- /dev/null\n+++ b/away/n\n@@ -0,0 +1 @@\n+x\n",
        "refused",
    ),
    "git's own": ("--- /dev/null\n+++ b/.GIT/hooks/x\n@@ -0,0 +1 @@\n+x\n", "refused"),
    "NUL": (part("f\0g"), "refused"),
    "pipe": (part("pipe"), "refused"),
    "device": (part("/dev/zero"), "refused"),
    "folder": (part("sub"), "refused"),
    "no text": (part("bytes"), "refused"),
    "too large": (part("large"), "refused"),
    "long name": (part("n" * 5000), "refused"),
    "a link is made": (
        "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+/etc\n",
        "refused",
    ),
    "renamed out": ("diff --git a/f b/x\nrename from f\nrename to ../x\n", "refused"),
    "renamed in": ("diff --git a/f b/x\nrename from {cage}/out\nrename to x\n", "refused"),
    "renamed on another": ("diff --git a/f b/h\nrename from f\nrename to h\n", "exists"),
    "not there": (part("none"), "missing"),
    "removed, not there": ("--- a/n\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n", "applied"),
    "removed, holds more": ("--- a/h\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n", "unmatched"),
    "two that are there": ("--- f\n+++ h\n@@ -1 +1 @@\n-x\n+y\n", "ambiguous"),
    "nothing new": (part("f", "x", "x"), "empty"),
    "half a character": (part("sub/g", "x", "\ud800"), "refused"),
}


@pytest.fixture
def cage(tmp_path):
    folder = fill(tmp_path / "in", {"f": "x\n", "h": "x\nmore\n", "sub/g": "x\n"})
    (tmp_path / "out").write_text("x\n")
    (folder / "link").symlink_to("../out")
    (folder / "inner").symlink_to("f")
    (folder / "away").symlink_to(tmp_path)
    (folder / "bytes").write_bytes(b"x\n\xff\n")
    os.mkfifo(folder / "pipe")
    with (folder / "large").open("wb") as file:
        file.truncate(1_000_000_000)
    return tmp_path


@pytest.mark.parametrize(("diff", "kind"), NOT_DONE.values(), ids=NOT_DONE)
def test_n210_nothing_is_changed(cage, diff, kind):
    (cage / "in/large").unlink() if kind != "refused" or "large" not in diff else None
    text = part("f") + diff.replace("{cage}", str(cage)) if kind != "empty" else diff
    was = snapshot_small(cage)

    with pytest.raises(DiffError) as caught:
        apply(text, cage / "in")

    assert caught.value.problems[-1].kind == (kind or "refused")
    assert snapshot_small(cage) == was


def snapshot_small(folder):
    return {
        p: (p.lstat().st_mode, p.lstat().st_mtime_ns, p.lstat().st_ino, p.lstat().st_size)
        for p in folder.rglob("*")
    } | {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.stat().st_size < 999}


def test_n210_a_link_put_in_after_the_plan_leads_nowhere(cage):
    folder = cage / "in"
    (cage / "g").write_text("x\n")
    planned = plan(parse(part("sub/g")), folder)
    shutil.move(folder / "sub", folder / "old")
    (folder / "sub").symlink_to(cage)

    with pytest.raises(DiffError, match="leads out"):
        commit(planned)

    assert (cage / "g").read_text() == "x\n"
    assert Path(folder / "old/g").read_text() == "x\n"


def test_n210_too_many_files_are_refused(tmp_path):
    with pytest.raises(DiffError, match="501 files, of 500"):
        apply("".join(part(f"f{n}") for n in range(501)), tmp_path)
