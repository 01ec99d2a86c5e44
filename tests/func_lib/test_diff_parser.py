"""What a diff says, and where its hunks fit: on texts, without files."""

import pytest

from netflux_nb.func_lib._patch import hunks
from netflux_nb.func_lib._patch.diff_names import git_names, name_of, unquoted
from netflux_nb.func_lib._patch.diff_parser import DiffError, Problem, parse

HEAD = "--- a/f\n+++ b/f\n"


def patched(text, diff):
    """Apply a diff of one file to a text."""
    parsed = parse(diff)
    assert parsed.problems == []
    (file,) = parsed.files
    return hunks.patch(text, file.hunks, file="f")


def only_problem(text, diff):
    done = patched(text, diff)
    assert done.text == text
    (problem,) = done.problems
    return problem


def unread(diff):
    (problem,) = parse(diff).problems
    return problem


NAMES = {
    "plain": ("--- f", ("f", False)),
    "prefix": ("--- a/f", ("a/f", False)),
    "time after a tab": ("--- f\t2024-05-01 10:00:00.000000000 +0200", ("f", False)),
    "time after a space": ("--- f 2024-05-01 10:00:00 +0200", ("f", False)),
    "spaces in it": ("--- a/my file.txt", ("a/my file.txt", False)),
    "spaces and a tab": ("+++ b/my file.txt\t", ("b/my file.txt", False)),
    "quoted": ('--- "a/caf\\303\\251\\n\\"x\\""', ('a/café\n"x"', False)),
    "none": ("--- /dev/null", ("", True)),
    "none by time": ("--- f\t1970-01-01 00:00:00.000000000 +0000", ("f", True)),
    "none by time in the east": ("--- f\t1970-01-01 01:00:00.000000000 +0100", ("f", True)),
    "none by time in the west": ("--- f\t1969-12-31 19:00:00.000000000 -0500", ("f", True)),
    "a time near it": ("--- f\t1970-01-01 01:00:00.000000000 +0000", ("f", False)),
    "other line ends": ("--- a/f\r", ("a/f", False)),
}


@pytest.mark.parametrize(("line", "name"), NAMES.values(), ids=NAMES)
def test_n210_names_are_read(line, name):
    assert name_of(line) == name


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("a/f b/f", ("a/f", "b/f")),
        ("a/my file b/my file", ("a/my file", "b/my file")),
        ("f f", ("f", "f")),
        ("a/x b/y", ("a/x", "b/y")),
        ('"a/\\303\\251" "b/\\303\\251"', ("a/é", "b/é")),
        ('a/x "b/\\303\\251"', ("a/x", "b/é")),
        ("a/x y b/z w", (None, None)),
    ],
)
def test_n210_two_names_in_one_line_are_told_apart(line, names):
    assert git_names(line) == names


def test_n210_odd_bytes_in_names_survive():
    assert unquoted('"\\377\\t\\\\x"') == "\udcff\t\\x"


def test_n210_text_around_a_diff_is_passed_over():
    diff = f"Dear all,\n\n- one\n- two\n\n{HEAD}@@ -1 +1 @@\n-x\n+y\n\nRegards\n-- \n2.39.5\n"

    assert patched("x\n", diff).text == "y\n"


def test_n210_a_signature_is_no_line_that_goes():
    diff = f"{HEAD}@@ -1,2 +1,2 @@\n x\n-y\n+z\n-- \n2.39.5\n"

    assert patched("x\ny\n", diff).text == "x\nz\n"


def test_n210_lines_that_look_like_headers_are_lines():
    text = "-- x\n@@ y\n++ z\n"
    diff = f"{HEAD}@@ -1,3 +1,3 @@\n--- x\n+++ w\n @@ y\n ++ z\n"

    assert patched(text, diff).text == "++ w\n@@ y\n++ z\n"


MISCOUNTED = {
    "too few": "@@ -1,2 +1,2 @@",
    "too many": "@@ -1,9 +1,9 @@",
    "none": "@@ @@",
    "no numbers": "@@ def f():",
    "zeros": "@@ -0,0 +0,0 @@",
}


@pytest.mark.parametrize("head", MISCOUNTED.values(), ids=MISCOUNTED)
@pytest.mark.parametrize("end", ["", "\n", "diff --git a/g b/g\nnew file mode 100644\n"])
def test_n210_where_counts_are_wrong_the_body_is_trusted(head, end):
    diff = f"{HEAD}{head}\n a\n-b\n+B\n+C\n c\n d\n{end}"

    parsed = parse(diff)

    assert parsed.problems == []
    assert hunks.patch("a\nb\nc\nd\n", parsed.files[0].hunks).text == "a\nB\nC\nc\nd\n"


UNREADABLE = {
    "a line lost its space": f"{HEAD}@@ -1,3 +1,4 @@\n a\n+x\nb\n+y\n",
    "and after an empty line": f"{HEAD}@@ -1,4 +1,6 @@\n a\n+x\n\nb\n+y\n",
    "prose where lines are due": f"{HEAD}@@ -1,3 +1,4 @@\n a\n+x\nAnd so on.\n",
    "more after an empty line": f"{HEAD}@@ -1 +1,2 @@\n a\n+x\n\n+y\n",
    "no names": "@@ -1 +1 @@\n-x\n+y\n",
    "one name": f"{HEAD}@@ -1 +1 @@\n-x\n+y\n--- a/g\n@@ -1 +1 @@\n-x\n+y\n",
    "a merge": "diff --cc f\n@@@ -1,2 -1,2 +1,2 @@@\n",
    "no file at all": "--- /dev/null\n+++ /dev/null\n@@ -1 +1 @@\n-x\n+y\n",
    "an empty hunk": f"{HEAD}@@ -1 +1 @@\n",
}


@pytest.mark.parametrize("diff", UNREADABLE.values(), ids=UNREADABLE)
def test_n210_what_can_be_read_in_two_ways_is_not_read(diff):
    assert parse(diff).problems[0].kind == "unreadable"


@pytest.mark.parametrize(
    "mark", ["GIT binary patch\nliteral 3\nKcmZ", "Binary files a/f and b/f differ"]
)
def test_n210_binary_patches_are_refused(mark):
    problem = unread(f"diff --git a/f b/f\nindex 1..2 100644\n{mark}\n")

    assert (problem.kind, problem.file) == ("refused", "b/f")
    assert "binary" in problem.reason


def test_n210_a_diff_that_is_too_large_is_refused():
    assert unread("x" * 2_000_001).kind == "refused"
    assert unread(HEAD + "@@ -1 +1 @@\n-x\n+y\n" * 2_001).kind == "refused"


@pytest.mark.slow
def test_n210_long_lines_are_read_at_once():
    for line in (
        "--- " + " " * 900_000 + "x",
        "```" + " " * 900_000 + "`",
        '--- "' + "\\" * 900_000,
    ):
        parse(f"{line}\n+++ b/f\n@@ -1 +1 @@\n-x\n+y\n")


MARKDOWN = """# Changes

```python
--- a/no
+++ b/no
@@ -1 +1 @@
-x
+no
```

- as discussed:

```diff
--- a/f
+++ b/f
@@ -1,2 +1,2 @@
-x
+y
 ```
```
- a bullet right below

~~~~diff
--- a/g
+++ b/g
@@ -1 +1 @@
-x
+z
~~~
~~~~
"""


def test_n210_in_markdown_only_fenced_diffs_count():
    parsed = parse(MARKDOWN)

    assert [f.new for f in parsed.files] == ["b/f", "b/g"]
    assert parsed.files[0].hunks[0].new == ["y\n", "```\n"]


def test_n210_a_fence_that_may_be_a_line_of_the_diff_is_not_guessed_about():
    lost = MARKDOWN.replace(" ```\n```\n- a", "```\n+- a")

    assert parse(lost).problems[0].kind == "unreadable"


def test_n210_a_diff_of_markdown_is_no_markdown():
    diff = f"{HEAD}@@ -1,3 +1,3 @@\n ```diff\n-x\n+y\n ```\n"

    assert patched("```diff\nx\n```\n", diff).text == "```diff\ny\n```\n"


def test_n210_markdown_without_a_fenced_diff_holds_none():
    assert unread("# Title\n\n```\nx\n```\n").kind == "empty"
    assert parse(f"{HEAD}@@ -1 +1 @@\n-x\n+y\n", is_markdown=True).problems[0].kind == "empty"


# Where hunks fit.


def test_n210_the_named_line_decides():
    assert patched("x\nx\nx\n", f"{HEAD}@@ -2 +2 @@\n-x\n+y\n").text == "x\ny\nx\n"


def test_n210_a_place_that_is_the_only_one_is_found():
    text = "a\nb\nc\n"

    assert patched(text, f"{HEAD}@@ -90,2 +90,2 @@\n b\n-c\n+C\n").text == "a\nb\nC\n"


@pytest.mark.parametrize(("line", "level"), [(7, "exact"), (3, "exact"), (9, "loose")])
def test_n210_two_places_are_never_chosen_between(line, level):
    text = "a\nb\n-\na\nb\n"
    told = "a \n b" if level == "loose" else "a\n b"
    problem = only_problem(text, f"{HEAD}@@ -{line},2 +{line},3 @@\n {told}\n+c\n")

    assert (problem.kind, problem.places, problem.hunk) == ("ambiguous", (1, 4), 1)
    assert "lines 1, 4" in problem.reason


def test_n210_a_diff_that_almost_fits_in_two_places_names_both():
    text = "one\ncommon a\ncommon b\nend 1\n" + "\n" * 5 + "two\ncommon a\ncommon b\nend 2\n"
    diff = f"{HEAD}@@ -5,4 +5,4 @@\n three\n-common a\n+better\n common b\n end 3\n"

    problem = only_problem(text, diff)

    assert (problem.kind, problem.places) == ("ambiguous", (2, 11))


def test_n210_end_of_file_and_named_line_may_disagree():
    problem = only_problem("a\nb\nx\na\nb\n", f"{HEAD}@@ -1,2 +1,3 @@\n a\n b\n+c\n")

    assert (problem.kind, problem.places) == ("ambiguous", (1, 4))


def test_n210_the_hunk_before_says_how_far_lines_moved():
    block = "".join(f"{c}\n" for c in "abcabcabc")
    text = "new\nnew\nfirst\n" + block
    diff = f"{HEAD}@@ -1 +1 @@\n-first\n+FIRST\n@@ -5,2 +5,2 @@\n a\n-b\n+B\n"

    assert patched(text, diff).text == "new\nnew\nFIRST\nabcaBcabc\n".replace(
        "abcaBcabc", "a\nb\nc\na\nB\nc\na\nb\nc"
    )


def test_n210_the_hunks_beside_it_leave_one_place():
    text = "x\nFIRST\nx\nLAST\nx\n"
    diff = f"{HEAD}@@ @@\n-FIRST\n+1\n@@ @@\n-x\n+y\n@@ @@\n-LAST\n+9\n"

    assert patched(text, diff).text == "x\n1\ny\n9\nx\n"


def test_n210_hunks_that_change_places_are_refused():
    problem = only_problem("b\na\n", f"{HEAD}@@ -1 +1 @@\n-a\n+A\n@@ -2 +2 @@\n-b\n+B\n")

    assert problem.kind == "ambiguous"
    assert "another order" in problem.reason


def test_n210_hunks_out_of_order_by_their_own_numbers_are_fine():
    diff = f"{HEAD}@@ -2 +2 @@\n-b\n+B\n@@ -1 +1 @@\n-a\n+A\n"

    assert patched("a\nb\n", diff).text == "A\nB\n"


def test_n210_hunks_may_share_context_but_no_change():
    shared = f"{HEAD}@@ -1,3 +1,3 @@\n-a\n+A\n b\n c\n@@ -2,3 +2,3 @@\n b\n c\n-d\n+D\n"
    same = f"{HEAD}@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n@@ -1,4 +1,4 @@\n a\n b\n-c\n+C\n d\n"

    assert patched("a\nb\nc\nd\n", shared).text == "A\nb\nc\nD\n"
    assert only_problem("a\nb\nc\nd\n", same).kind == "ambiguous"


def test_n210_white_space_at_line_ends_is_the_files_own():
    done = patched("a  \nb\t\nc\n", f"{HEAD}@@ -1,3 +1,3 @@\n a\n-b\n+B\n c \n")

    assert done.text == "a  \nB\nc\n"
    assert done.hunks[0].level.is_loose


def test_n210_a_context_line_that_lost_its_space_counts():
    assert patched("a\n\nb\n", f"{HEAD}@@ -1,3 +1,3 @@\n a\n\n-b\n+B\n").text == "a\n\nB\n"


def test_n210_outer_context_may_differ_by_two_lines():
    text = "1\n2\nthree\nfour\n5\n6\n"
    two = f"{HEAD}@@ -1,6 +1,6 @@\n q\n q\n three\n-four\n+FOUR\n 5\n 6\n"
    three = f"{HEAD}@@ -1,6 +1,6 @@\n q\n q\n q\n-four\n+FOUR\n 5\n 6\n"

    assert patched(text, two).text == "1\n2\nthree\nFOUR\n5\n6\n"
    problem = only_problem(text, three)
    assert problem.kind == "unmatched"
    assert "nearest at line 1" in problem.reason


@pytest.mark.parametrize(
    "body",
    [
        "-gone\n two\n-three\n+3\n",
        " one\n-gone\n two\n-three\n+3\n",
        "-gone\n two\n-three\n+3\n four\n",
    ],
    ids=["none around", "some above", "some below"],
)
def test_n210_a_line_that_changes_is_never_left_out(body):
    problem = only_problem("one\ntwo\nthree\nfour\n", f"{HEAD}@@ @@\n{body}")

    assert problem.kind == "unmatched"


def test_n210_a_brace_alone_is_no_place():
    problem = only_problem("f {\n}\n", HEAD + "@@ -7,3 +7,4 @@\n g {\n   x\n+  y\n }\n")

    assert problem.kind == "unmatched"


def test_n210_lines_without_context_fit_anywhere():
    assert only_problem("a\nb\n", f"{HEAD}@@ -1,0 +2 @@\n+x\n").kind == "ambiguous"
    assert patched("", f"{HEAD}@@ -0,0 +1 @@\n+x\n").text == "x\n"


def test_n210_what_is_done_already_is_told():
    problem = only_problem("a\nB\nc\n", f"{HEAD}@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n")

    assert (problem.kind, problem.places) == ("applied", (1,))


@pytest.mark.parametrize(
    ("text", "diff", "after"),
    [
        ("a\r\nb\r\n", "@@ -1,2 +1,3 @@\n a\r\n-b\r\n+B\r\n+c\r\n", "a\r\nB\r\nc\r\n"),
        ("a\r\nb\r\n", "@@ -1,2 +1,3 @@\n a\n-b\n+B\n+c\n", "a\r\nB\r\nc\r\n"),
        ("a\nb\n", "@@ -1,2 +1,2 @@\n a\r\n-b\r\n+B\r\n", "a\nB\n"),
        ("a\nb", "@@ -1,2 +1,3 @@\n a\n b\n+c\n", "a\nb\nc\n"),
        ("a\r\nb", "@@ -1,2 +1,3 @@\n a\n b\n+c\n", "a\r\nb\r\nc\r\n"),
        ("a\nb", "@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+b\n", "a\nb\n"),
        ("a\nb\n", "@@ -1,2 +1,2 @@\n a\n-b\n+b\n\\ No newline at end of file\n", "a\nb"),
        ("a\n", "@@ -1 +1 @@\n-a\n+b", "b\n"),
        ("x\n\f\n\x1cy\n", "@@ -3 +3 @@\n-\x1cy\n+z\n", "x\n\f\nz\n"),
    ],
)
def test_n210_line_ends_are_kept(text, diff, after):
    assert patched(text, HEAD + diff).text == after


def test_n210_a_whole_diff_in_crlf_fits_a_file_in_either():
    diff = f"{HEAD}@@ -1,2 +1,2 @@\n a\n-b\n+B\n".replace("\n", "\r\n")

    assert patched("a\nb\n", diff).text == "a\nB\n"
    assert patched("a\r\nb\r\n", diff).text == "a\r\nB\r\n"


@pytest.mark.slow
def test_n210_long_repetitive_files_are_searched_at_once():
    text = "\n" * 500_000
    body = " \n" * 20_000

    problem = only_problem(text, f"{HEAD}@@ -9,20000 +9,20001 @@\n{body}-x\n+y\n{body}")

    assert problem.kind == "unmatched"


def test_n210_an_error_tells_a_few_problems():
    error = DiffError([Problem("ambiguous", f"f{n}", "why", 1) for n in range(20)])

    assert "ambiguous: 'f0', hunk 1: why" in str(error)
    assert str(error).endswith("and 12 more")
    assert error.is_unsure
