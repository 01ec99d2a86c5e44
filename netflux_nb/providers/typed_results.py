"""Typed results: how each provider is asked for one, and how much of its schema it enforces."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..core.messages import (
    GARBLED,
    ModelRequest,
    ModelTextPart,
    StopReason,
    ToolUsePart,
    TranscriptPart,
)

# How a typed result is given where a provider cannot enforce its schema.
RESULT_TOOL = "give_result"
RESULT_DESC = "Give your final answer. Call this once, when you are done, instead of writing it."
# What is said where not even a call can carry the schema.
RESULT_TEXT = "Give your final answer as JSON only: one value that fits this JSON Schema."

# Formats that are enforced as RFC 3339, which knows no time without its zone: ours do.
ZONED = {"date-time", "time"}
# What OpenAI enforces. Any other word in a schema is refused, and so is the whole request.
STRICT_WORDS = {
    *("$defs", "$ref", "additionalProperties", "anyOf", "const", "description", "enum"),
    *("exclusiveMaximum", "exclusiveMinimum", "format", "items", "maxItems", "maximum"),
    *("minItems", "minimum", "multipleOf", "properties", "required", "title", "type"),
}
STRICT_FORMATS = {"date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"}
# What says of a schema what a value is; one that says nothing takes anything.
_SAYS = ("type", "$ref", "anyOf", "oneOf", "allOf", "enum", "const")


def result_name(request: ModelRequest) -> str:
    """Name the call that gives the result: none of the agent's own is called so."""
    taken = {tool.name for tool in request.tools}
    name = RESULT_TOOL
    while name in taken:
        name += "_"
    return name


def settled(
    parts: Sequence[TranscriptPart], stop: StopReason, name: str | None
) -> tuple[list[TranscriptPart], StopReason]:
    """Turn the call that gives the result into the answer.

    Given beside other calls it comes too early: those are made, and the model asked again.
    """
    calls = [p for p in parts if isinstance(p, ToolUsePart)]
    given = [c for c in calls if c.tool_name == name]
    if name is None or not given:
        return list(parts), stop
    rest = [p for p in parts if not (isinstance(p, ToolUsePart) and p.tool_name == name)]
    if len(given) < len(calls):
        return rest, stop
    args = given[-1].args
    if GARBLED in args and stop == "max_tokens":
        return rest, stop
    garbled = args.get(GARBLED)
    text = garbled if isinstance(garbled, str) else json.dumps(dict(args), ensure_ascii=False)
    return [*rest, ModelTextPart(text)], "end"


def described(schema: Mapping[str, Any]) -> str:
    """Tell a schema in words, for a provider that is given none."""
    return f"{RESULT_TEXT}\n{json.dumps(schema, ensure_ascii=False)}"


def within(schema: Mapping[str, Any]) -> Iterator[Any]:
    """Give the schemas that a schema holds."""
    for word in ("$defs", "properties", "patternProperties"):
        yield from schema.get(word, {}).values()
    for word in ("anyOf", "oneOf", "allOf", "prefixItems"):
        yield from schema.get(word, ())
    for word in ("items", "additionalProperties"):
        if isinstance(schema.get(word), Mapping):
            yield schema[word]


def is_recursive(schema: Mapping[str, Any]) -> bool:
    """True where a type holds itself, over however many others."""
    defs: Mapping[str, Any] = schema.get("$defs", {})
    below = {name: set(_refs(body)) for name, body in defs.items()}
    for name in below:
        seen: set[str] = set()
        ahead = list(below[name])
        while ahead:
            one = ahead.pop()
            if one == name:
                return True
            if one not in seen:
                seen.add(one)
                ahead.extend(below.get(one, ()))
    return False


def _refs(schema: Any) -> Iterator[str]:
    if not isinstance(schema, Mapping):
        return
    ref = schema.get("$ref")
    if isinstance(ref, str):
        yield ref.removeprefix("#/$defs/")
    for one in within(schema):
        yield from _refs(one)


def is_closed(schema: Any) -> bool:
    """True where every object names all it may hold, so that closing it takes nothing away.

    A list has one schema for all it holds, and every schema says what its value is.
    """
    if not isinstance(schema, Mapping) or not any(word in schema for word in _SAYS):
        return False
    kind = schema.get("type")
    if isinstance(kind, list) or "patternProperties" in schema:
        return False
    if kind == "object" and (
        schema.get("additionalProperties", False) is not False or "properties" not in schema
    ):
        return False
    if kind == "array" and ("prefixItems" in schema or "items" not in schema):
        return False
    if "items" in schema and not isinstance(schema["items"], Mapping):
        return False
    return all(is_closed(one) for one in within(schema))


def is_strict(schema: Any) -> bool:
    """True where OpenAI may enforce a schema: every object needs all it names, and no more."""
    if not isinstance(schema, Mapping) or not schema.keys() <= STRICT_WORDS:
        return False
    if "$ref" in schema:
        return schema.keys() <= {"$ref", "$defs"} and all(is_strict(s) for s in within(schema))
    if not isinstance(schema.get("type"), str) and "anyOf" not in schema:
        return False
    if schema.get("format", "date") not in STRICT_FORMATS:
        return False
    if schema.get("type") == "array" and "items" not in schema:
        return False
    if schema.get("type") == "object":
        names = set(schema.get("properties", {}))
        if schema.get("additionalProperties") is not False or names != set(
            schema.get("required", ())
        ):
            return False
    return all(is_strict(one) for one in within(schema))


def unzoned(schema: Any) -> Any:
    """Give a schema with formats that want a zone as words: they are not enforced then."""
    if not isinstance(schema, Mapping):
        return schema
    made = _mapped(schema, unzoned)
    if made.get("type") == "string" and made.get("format") in ZONED:
        words = f"In the format {made.pop('format')} of ISO 8601, the zone may be left out."
        made["description"] = f"{made['description']} {words}" if "description" in made else words
    return made


def plain(schema: Any) -> Any:
    """Give a schema in the words that Gemini knows: no `const`, and a `$ref` alone."""
    if not isinstance(schema, Mapping):
        return schema
    made = _mapped(schema, plain)
    if "const" in made:
        made["enum"] = [made.pop("const")]
    words = made.get("enum")
    if isinstance(words, list) and any(w is None or isinstance(w, bool) for w in words):
        made = _without_null(made, words)
    if "$ref" in made and any(not word.startswith("$") for word in made):
        made["anyOf"] = [{"$ref": made.pop("$ref")}]
    return made


def _without_null(schema: dict[str, Any], words: list[Any]) -> dict[str, Any]:
    """Say as types what an enum here cannot hold: it knows texts and numbers only."""
    rest = {k: v for k, v in schema.items() if k not in ("enum", "type")}
    some: list[dict[str, Any]] = []
    named = [w for w in words if w is not None and not isinstance(w, bool)]
    if named:
        some.append({"enum": named})
    if any(isinstance(w, bool) for w in words):
        some.append({"type": "boolean"})
    if None in words:
        some.append({"type": "null"})
    return {**rest, "anyOf": some}


def _mapped(schema: Mapping[str, Any], change: Any) -> dict[str, Any]:
    made = dict(schema)
    for word in ("$defs", "properties", "patternProperties"):
        if word in made:
            made[word] = {name: change(one) for name, one in made[word].items()}
    for word in ("anyOf", "oneOf", "allOf", "prefixItems"):
        if word in made:
            made[word] = [change(one) for one in made[word]]
    for word in ("items", "additionalProperties"):
        if word in made:
            made[word] = change(made[word])
    return made
