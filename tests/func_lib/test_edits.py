"""Edits of a text, without files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netflux_nb import NetfluxError
from netflux_nb.func_lib._patch import edits
from netflux_nb.func_lib._patch.edits import TextEditorException

LINES = {
    "empty": ("", []),
    "one open": ("a", ["a"]),
    "one closed": ("a\n", ["a"]),
    "blank last": ("a\n\n", ["a", ""]),
    "crlf": ("a\r\nb\r\n", ["a", "b"]),
    "other breaks are text": ("a\x0bb\u2028c\n", ["a\x0bb\u2028c"]),
}


@pytest.mark.parametrize(("text", "lines"), LINES.values(), ids=LINES)
def test_n207_lines_end_at_line_feeds_only(text, lines):
    assert edits.lines_of(text) == lines


RANGES = {
    "all": ((None, None), "1|a\n2|b\n3|c"),
    "from": ((2, None), "2|b\n3|c"),
    "to": ((None, 2), "1|a\n2|b"),
    "one": ((2, 2), "2|b"),
    "to the end": ((2, -1), "2|b\n3|c"),
    "beyond the end": ((3, 99), "3|c"),
}


@pytest.mark.parametrize(("span", "shown"), RANGES.values(), ids=RANGES)
def test_n207_a_range_is_shown(span, shown):
    assert edits.view("a\nb\nc\n", *span) == shown


WRONG_RANGES = {
    "start zero": ((0, None), "view_start_line is 0"),
    "start below": ((-1, None), "view_start_line is -1"),
    "start beyond": ((4, None), "the file has 3 lines"),
    "end before": ((3, 2), "view_end_line is 2, before view_start_line 3"),
    "end zero": ((1, 0), "view_end_line is 0"),
    "end below": ((1, -2), "view_end_line is -2"),
}


@pytest.mark.parametrize(("span", "why"), WRONG_RANGES.values(), ids=WRONG_RANGES)
def test_n207_a_range_that_is_none_is_refused(span, why):
    with pytest.raises(TextEditorException, match=why):
        edits.view("a\nb\nc\n", *span)


def test_n207_an_empty_text_says_so():
    assert edits.view("") == "[The file is empty.]"


def test_n207_a_long_text_is_cut_and_says_where_to_go_on():
    text = "0123456789\n" * 5_000

    shown = edits.view(text)

    *rows, notice = shown.split("\n")
    assert len(shown) <= 36_000
    assert rows[-1] == f"{len(rows)}|0123456789"
    assert notice.startswith("[Cut at 36,000 characters: lines 1-")
    assert f"view_start_line={len(rows) + 1}" in notice
    assert edits.view(text, len(rows) + 1).startswith(f"{len(rows) + 1}|")


def test_n207_a_line_that_is_too_long_is_shown_in_part():
    shown = edits.view("x" * 50_000 + "\ny\n")

    assert len(shown) <= 36_000
    assert "line 1 has 50,000 characters" in shown
    assert "view_start_line=2" in shown


def test_n207_what_fits_exactly_is_not_cut():
    text = "x" * (36_000 - 2)

    assert edits.view(text) == f"1|{text}"


OFTEN = {
    "overlapping": ("aaa", "aa", "2 times"),
    "apart": ("ab ab", "ab", "2 times"),
    "very often": ("a" * 500, "a", "100 times or more"),
}


@pytest.mark.parametrize(("text", "old", "count"), OFTEN.values(), ids=OFTEN)
def test_n208_a_text_found_more_than_once_is_refused(text, old, count):
    with pytest.raises(TextEditorException, match=f"found {count}"):
        edits.replace_once(text, old, "x")


def test_n208_the_lines_of_all_places_are_told():
    with pytest.raises(TextEditorException, match="at lines 1, 3"):
        edits.replace_once("a\nb\na\n", "a", "x")


HINTS = {
    "numbers": ("a\nb\n", "1|a\n2|b", "line numbers .* Without them it is there"),
    "numbers elsewhere": ("a\n", "7|zz", "line numbers"),
    "lf for crlf": ("a\r\nb\r\n", "a\nb", "file's lines end in CRLF"),
    "crlf for lf": ("a\nb\n", "a\r\nb", "file's lines end in LF"),
    "white space": ("\tif x:\n\t\ty\n", "if x:\n  y", "But for white space it is at line 1"),
    "nothing near": ("a\n", "zebra", "copy the text exactly"),
    "only blanks": ("a\n", "   ", "copy the text exactly"),
}


@pytest.mark.parametrize(("text", "old", "hint"), HINTS.values(), ids=HINTS)
def test_n208_a_text_that_is_not_there_gets_a_hint(text, old, hint):
    with pytest.raises(TextEditorException, match=hint):
        edits.replace_once(text, old, "x")


@pytest.mark.parametrize(("old", "new"), [("", "x"), ("a", "a")])
def test_n208_a_replacement_of_nothing_is_refused(old, new):
    with pytest.raises(TextEditorException, match="old_str"):
        edits.replace_once("a", old, new)


def test_n208_mixed_line_ends_are_told():
    edit = edits.replace_once("a\r\nb\r\n", "a", "x\ny")

    assert edit.text == "x\ny\r\nb\r\n"
    assert "lines end in CRLF, those of the new text in LF" in edit.note


@given(st.text("ab\r\n|", max_size=8), st.text("ab\r\n", max_size=8), st.text("ab\n", max_size=4))
def test_n208_what_is_replaced_can_be_put_back(head, tail, new):
    edit = edits.replace_once(f"{head}§{tail}", "§", f"{new}¶")

    assert edit.text == f"{head}{new}¶{tail}"
    assert edits.replace_once(edit.text, f"{new}¶", "§").text == f"{head}§{tail}"


INSERTS = {
    "top": (("a\nb\n", 0, "x"), "x\na\nb\n"),
    "middle": (("a\nb\n", 1, "x\n"), "a\nx\nb\n"),
    "end": (("a\nb\n", 2, "x"), "a\nb\nx\n"),
    "open end": (("a\nb", 2, "x"), "a\nb\nx"),
    "empty": (("", 0, "x"), "x\n"),
    "several": (("a\n", 1, "x\ny"), "a\nx\ny\n"),
    "blank": (("a\n", 1, "\n"), "a\n\n"),
    "crlf": (("a\r\nb\r\n", 1, "x"), "a\r\nx\r\nb\r\n"),
}


@pytest.mark.parametrize(("call", "after"), INSERTS.values(), ids=INSERTS)
def test_n206_lines_are_inserted(call, after):
    assert edits.insert_after(*call).text == after


@pytest.mark.parametrize("line", [-1, 3])
def test_n206_a_line_that_is_not_there_is_refused(line):
    with pytest.raises(TextEditorException, match="Give 0 to 2"):
        edits.insert_after("a\nb\n", line, "x")


def test_n209_misuse_is_a_value_error_of_ours():
    assert issubclass(TextEditorException, NetfluxError)
    assert issubclass(TextEditorException, ValueError)
