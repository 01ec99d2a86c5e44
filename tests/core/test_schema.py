"""What models are told of types, and what they give back."""

from dataclasses import dataclass, make_dataclass
from typing import Literal

import jsonschema
import pytest
from pydantic import BaseModel

from netflux_nb import function
from netflux_nb.core.functions.schema import args_of, as_object, check_json, hoisted, schema_of


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


def trees_of(size):
    return make_dataclass("Branch", [("leaf", make_dataclass("Leaf", [("size", size)]))])


def test_types_that_read_alike_and_hold_different_ones_stay_two():
    words = {name: schema_of(list[trees_of(kind)]) for name, kind in (("a", int), ("b", str))}
    properties, shared = hoisted(words)
    validator = jsonschema.Draft202012Validator({"properties": properties, "$defs": shared})
    validator.validate({"a": [{"leaf": {"size": 1}}], "b": [{"leaf": {"size": "x"}}]})
    assert not validator.is_valid({"b": [{"leaf": {"size": 1}}]})
    assert len(hoisted({"a": words["a"], "b": words["a"]})[1]) == 2


def test_a_type_is_described_once_beside_others_that_it_does_not_hold():
    leaf = {"type": "object"}
    one = {"$defs": {"Leaf": leaf}, "$ref": "#/$defs/Leaf"}
    two = {"$defs": {"Leaf": leaf, "Tree": {"items": {"$ref": "#/$defs/Leaf"}}}}

    assert hoisted({"one": one, "two": two})[1].keys() == {"Leaf", "Tree"}


def test_names_that_differ_by_their_end_stay_apart():
    one = {"$defs": {"A": {"type": "integer"}}, "$ref": "#/$defs/A"}
    two = {
        "$defs": {"A": {"type": "string"}, "A_": {"type": "null"}},
        "anyOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/A_"}],
    }
    properties, shared = hoisted({"one": one, "two": two})
    validator = jsonschema.Draft202012Validator({"properties": properties, "$defs": shared})
    validator.validate({"one": 1, "two": "x"})
    validator.validate({"two": None})
    assert not validator.is_valid({"two": 1})


def test_a_tag_leads_to_its_type_by_the_name_it_has_now():
    one = {"$defs": {"Cat": {"type": "integer"}}, "$ref": "#/$defs/Cat"}
    two = {
        "$defs": {"Cat": {"type": "object"}},
        "oneOf": [{"$ref": "#/$defs/Cat"}],
        "discriminator": {"mapping": {"cat": "#/$defs/Cat"}, "propertyName": "kind"},
    }
    properties, _ = hoisted({"one": one, "two": two})
    assert properties["two"]["discriminator"]["mapping"] == {"cat": "#/$defs/Cat_"}
