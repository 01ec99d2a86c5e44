"""Calls of one Function are told apart by the arguments that differ."""

import json

from netflux_nb.show.parts import apart


def told(*calls, fn="f"):
    forms = [{name: {"json": value} for name, value in one.items()} for one in calls]
    return apart.calls([(fn, json.dumps(one)) for one in forms])


def test_q38_equal_arguments_are_left_out_and_those_that_differ_come_first():
    assert told({"a": 1, "b": "x", "c": 2}, {"a": 1, "b": "y", "c": 2}) == ["b='x', …", "b='y', …"]


def test_q38_where_all_are_equal_or_one_is_alone_all_are_written():
    assert told({"a": 1, "b": "x"}) == ["a=1, b='x'"]
    assert told({"a": 1}, {"a": 1}) == ["a=1", "a=1"]


def test_q38_texts_that_begin_alike_are_shown_where_they_differ():
    begin = "Summarise the reviews of the tents that were sold in "

    one, two = told({"text": f"{begin}April."}, {"text": f"{begin}May."})

    assert one != two
    assert one.startswith("text=…")
    assert one.endswith("in April.'")
    assert len(one) < 60


def test_q38_calls_of_other_functions_do_not_count():
    made = [("f", '{"x": {"json": 1}}'), ("g", '{"x": {"json": 2}}')]
    assert apart.calls(made) == ["x=1", "x=2"]


def test_q38_large_values_are_told_apart_by_their_hash():
    forms = [{"d": {"artifact": digest * 64, "kind": "frame", "bytes": 9}} for digest in "ab"]
    assert apart.calls([("f", json.dumps(one)) for one in forms]) == [
        "d=<frame aaaaaa>",
        "d=<frame bbbbbb>",
    ]


def test_an_argument_that_only_one_of_them_has_is_shown_there():
    assert told({"a": 1}, {"a": 1, "b": 2}) == ["…", "b=2, …"]


def test_what_is_no_json_of_ours_is_left_out():
    strange = [None, "{", "[1]", "3", "[" * 100_000, '{"x": 1}', '{"x": {"json": {"$bytes": "z"}}}']
    assert len(apart.calls([("f", one) for one in strange])) == len(strange)
