"""Python types as JSON Schema, and a value from outside as a checked value."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..errors import ArgumentError
from ..messages import GARBLED

if TYPE_CHECKING:
    from pydantic import TypeAdapter

PRIMITIVES: dict[Any, str] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
}


@lru_cache(maxsize=512)
def _adapter(kind: Any) -> TypeAdapter[Any]:
    # pydantic costs 0.2 s to import and plain str/int arguments never need it.
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def schema_of(kind: Any) -> dict[str, Any]:
    """Give the JSON Schema of a type, or raise `ArgumentError` where there is none."""
    if kind in (str, int, float, bool):
        return {"type": PRIMITIVES[kind]}
    if isinstance(kind, str):
        # pydantic would look the name up; a type is given, not named.
        raise ArgumentError(f"{kind!r} is a name of a type. Give the type itself.")
    if inspect.isroutine(kind):
        # pydantic would describe its arguments.
        raise ArgumentError(f"{kind!r} is a function, no type.")
    try:
        return dict(_adapter(kind).json_schema())
    except Exception as error:
        raise ArgumentError(
            f"{kind!r} has no JSON schema, so a model cannot be given it. Use str, int, "
            f"float, bool, or any type that pydantic can describe."
        ) from error


def check(kind: Any, value: Any) -> Any:
    """Turn what came from outside into a value of `kind`, or raise `ArgumentError`."""
    from pydantic import ValidationError

    try:
        return _adapter(kind).validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "value"
        raise ArgumentError(f"{where}: {first['msg']}; got {str(first['input'])[:80]!r}") from error


def check_json(kind: Any, text: str) -> Any:
    """Turn a model's JSON text into a value of `kind`, or raise `ArgumentError`."""
    from pydantic import ValidationError

    body = _unfenced(text)
    try:
        if _is_wrapped(kind, body):
            body = json.dumps(json.loads(body)[WRAPPED])
        return _adapter(kind).validate_json(body)
    except ValidationError as error:
        lines = [
            f"{'.'.join(map(str, e['loc'])) or 'answer'}: {e['msg']}" for e in error.errors()[:5]
        ]
        raise ArgumentError("; ".join(lines)) from error


# Providers want an object: any other result travels under this name.
WRAPPED = "result"


def as_object(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Give a schema whose value is an object, with the value under one name where need be."""
    if schema.get("type") == "object":
        return dict(schema)
    inner = {k: v for k, v in schema.items() if k != "$defs"}
    outer = {"type": "object", "properties": {WRAPPED: inner}, "required": [WRAPPED]}
    defs = {"$defs": schema["$defs"]} if "$defs" in schema else {}
    return {**outer, "additionalProperties": False, **defs}


def hoisted(
    properties: Mapping[str, Mapping[str, Any]],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Move the `$defs` of each property to the whole schema, where its `$ref`s look for them."""
    shared: dict[str, Any] = {}
    moved: dict[str, Any] = {}
    whole: dict[str, str] = {}  # by shared name: the type with all that it holds
    for arg, described in properties.items():
        own = described.get("$defs", {})
        rest = {k: v for k, v in described.items() if k != "$defs"}
        names: dict[str, str] = {}
        for name in own:
            free, text = name, _whole(name, own)
            while whole.get(free, text) != text:  # another type of that name
                free += "_"
            whole[free] = text
            names[f"#/$defs/{name}"] = f"#/$defs/{free}"
        moved[arg] = _renamed(rest, names)
        for name, body in own.items():
            free = names[f"#/$defs/{name}"].removeprefix("#/$defs/")
            shared[free] = _renamed(body, names)
    return moved, shared


def _whole(name: str, defs: Mapping[str, Any]) -> str:
    """Write a type with every type that it leads to: what reads alike may hold others."""
    seen: dict[str, Any] = {}
    ahead = [name]
    while ahead:
        one = ahead.pop()
        if one not in seen and one in defs:
            seen[one] = defs[one]
            text = json.dumps(defs[one], ensure_ascii=False)
            ahead += [other for other in defs if f'"#/$defs/{other}"' in text]
    return json.dumps([name, seen], sort_keys=True)


def _renamed(schema: Any, names: Mapping[str, str]) -> Any:
    if isinstance(schema, str):  # a reference, or where a tag leads to
        return names.get(schema, schema)
    if isinstance(schema, list):
        return [_renamed(v, names) for v in schema]
    if not isinstance(schema, Mapping):
        return schema
    return {k: _renamed(v, names) for k, v in schema.items()}


def _is_wrapped(kind: Any, body: str) -> bool:
    if not body.lstrip().startswith("{") or schema_of(kind).get("type") == "object":
        return False
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(data, dict) and data.keys() == {WRAPPED}


def args_of(text: str) -> Mapping[str, Any]:
    """Read the arguments that a model wrote; what is no JSON object is kept as garbled."""
    try:
        data = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        data = None
    return data if isinstance(data, dict) else {GARBLED: text[:10_000]}


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def _unfenced(text: str) -> str:
    """Take JSON out of the one Markdown fence that models like to put around it."""
    body = text.strip()
    if body.startswith("```") and body.endswith("```") and "\n" in body:
        return body.split("\n", 1)[1].rsplit("```", 1)[0]
    return body
