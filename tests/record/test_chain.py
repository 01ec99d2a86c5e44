"""Lines of a record: how they are written, bound, and made whole again."""

import math
from pathlib import Path

import pytest

from netflux_nb.record.chain import DIGITS, hash_of, join_artifacts, line_of, words_of
from netflux_nb.record.reading import check_lines, files


def test_q55_a_number_that_json_has_not_is_never_written():
    assert words_of({"a": 1.5, "ö": "\ud800"}) == '{"a":1.5,"\\u00f6":"\\ud800"'
    for value in (math.nan, math.inf):
        with pytest.raises(ValueError, match="not JSON compliant"):
            words_of({"a": [value]})


def test_q55_a_line_is_bound_to_its_words_and_to_the_line_before():
    lines = {hash_of(before, words) for before in ("", "a") for words in ('{"b":1', '{"b":2')}

    assert len(lines) == 4
    assert hash_of("", "x") == hash_of("", "x")
    assert line_of('{"b":1', "mark").startswith('{"b":1,')


def test_q55_what_stood_in_a_file_is_put_back_as_what_it_is():
    kept = {
        "text": {"artifact": "1", "kind": "text"},
        "json": {"artifact": "2", "kind": "json"},
        "frame": [{"artifact": "3", "kind": "frame"}],
        "value": {"json": {"artifact": "4", "kind": "text"}},
        "other": {"artifact": "5"},
    }

    assert join_artifacts(kept, lambda kind, digest: f"{kind} {digest}") == {
        "text": "text 1",
        "json": {"json": "json 2"},
        "frame": [{"held": "frame 3"}],
        "value": {"json": {"artifact": "4", "kind": "text"}},
        "other": {"artifact": "5"},
    }


def test_q55_a_folder_with_the_name_of_a_file_is_none(tmp_path):
    (tmp_path / "20260101-000000000-aaaaaaaa.jsonl").mkdir()
    (tmp_path / "20260102-000000000-bbbbbbbb.jsonl").touch()
    (tmp_path / ".20260103-000000000-cccccccc.jsonl").touch()

    assert [path.name for path in files(tmp_path)] == ["20260102-000000000-bbbbbbbb.jsonl"]
    assert (
        files(tmp_path / "nowhere") == files(tmp_path / "20260102-000000000-bbbbbbbb.jsonl") == []
    )


def first_line(mark=""):
    words = words_of({"v": 1, "run": "s", "event": "Segment", "time": 0.0})
    return line_of(words, mark or hash_of("", words)).encode()


@pytest.mark.parametrize(
    ("lines", "at"),
    [
        ([first_line(mark="0" * DIGITS)], 1),
        ([first_line(), first_line()], 2),
    ],
    ids=["with another hash", "once more, in the middle"],
)
def test_a_beginning_has_its_hash_and_is_the_first_line(lines, at):
    checked = check_lines(Path("s.jsonl"), lines)

    assert [(one.line, one.why) for one in checked.faults] == [(at, "This is no beginning.")]
    assert check_lines(Path("s.jsonl"), lines[: at - 1] or [first_line()]).is_sound
