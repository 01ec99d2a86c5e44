"""What models are told of types, and what they give back."""

from dataclasses import dataclass
from typing import Literal

import jsonschema
import pytest
from pydantic import BaseModel

from netflux_nb import function
from netflux_nb.core.schema import args_of, as_object, check_json, hoisted


@dataclass
class Leaf:
    name: str


@dataclass
class Tree:
    leaf: Leaf
    below: "list[Tree] | None" = None


def other_leaf():
    class Leaf(BaseModel):
        size: int

    return Leaf


Other = other_leaf()


@function
def grow(trees: list[Tree], leaf: Leaf, others: list[Other], kind: Literal["a", "b"] = "a") -> int:
    """Grow."""
    return len(trees)


CALL = {
    "trees": [{"leaf": {"name": "x"}, "below": [{"leaf": {"name": "y"}}]}],
    "leaf": {"name": "z"},
    "others": [{"size": 3}],
}


def test_types_that_name_others_are_described_whole():
    schema = grow.json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(CALL)
    checked = grow.validate_coerce_args(CALL)
    assert checked["trees"][0].below[0].leaf == Leaf("y")


@pytest.mark.parametrize(
    "wrong",
    [
        {**CALL, "trees": [{"leaf": {"name": 1}}]},
        {**CALL, "trees": [{"leaf": {"name": "x"}, "below": [{"leaf": {}}]}]},
        {**CALL, "others": [{"name": "x"}]},
        {**CALL, "leaf": {"size": 3}},
        {**CALL, "kind": "c"},
        {**CALL, "more": 1},
    ],
)
def test_what_does_not_fit_is_told_apart_by_the_schema_too(wrong):
    validator = jsonschema.Draft202012Validator(grow.json_schema())
    assert not validator.is_valid(wrong)


def test_two_types_of_one_name_stay_two():
    schema = grow.json_schema()
    assert len(schema["$defs"]) == 3
    bodies = [set(body["properties"]) for body in schema["$defs"].values()]
    assert {"name"} in bodies
    assert {"size"} in bodies


def test_plain_arguments_have_no_definitions():
    @function
    def plain(x: int) -> int:
        return x

    assert "$defs" not in plain.json_schema()
    assert hoisted({}) == ({}, {})


def test_a_result_is_an_object_with_its_definitions_at_the_top():
    from netflux_nb.core.schema import schema_of

    schema = as_object(schema_of(list[Tree]))
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate({"result": [{"leaf": {"name": "x"}}]})
    assert not validator.is_valid({"result": [{"leaf": {}}]})
    assert check_json(list[Tree], '{"result": [{"leaf": {"name": "x"}}]}') == [Tree(Leaf("x"))]
    assert check_json(list[int], "[1]") == [1]


@pytest.mark.parametrize("text", ["", "[", "[1]", "null", "{" * 9000, '{"a": Infinity}', "\ud800"])
def test_arguments_that_are_no_object_are_kept_as_they_came(text):
    assert dict(args_of(text)) == {"$garbled": text[:10_000]}


def test_arguments_are_read():
    assert args_of('{"a": [1, {"b": null}]}') == {"a": [1, {"b": None}]}
