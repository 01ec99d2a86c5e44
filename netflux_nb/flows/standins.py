"""Stand-ins for models, effects and persons: fixed values that fit the declared types."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from ..core.errors import ArgumentError, ModelError
from ..core.events import RequestStarted
from ..core.functions import schema
from ..core.messages import ModelReply, ModelRequest, ModelTextPart, TokenUsage, provider_name
from ..core.policy import Answer, Change, Replace, Verdict, WaitingOn
from ..replay.recorded_values import result_type_of
from ..runtime.runtime import Runtime

# What a text says that nobody wrote, and who is said to have answered.
WORDS = "dry run"
BY = "dry-run"
# Types may hold themselves: below this, the shortest value that fits is taken.
MOST_LEVELS = 6
MOST_CHARS = 10_000
MOST_ITEMS = 100

_FORMATS = {
    "date-time": "2000-01-01T00:00:00Z",
    "date": "2000-01-01",
    "time": "00:00:00Z",
    "duration": "PT0S",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "uri": "https://example.invalid/",
    "email": "nobody@example.invalid",
    "ipv4": "127.0.0.1",
    "ipv6": "::1",
}


def stand_in(kind: Any) -> Any:
    """Give a value of a type, the same each time.

    Raises:
        ArgumentError: Where the type has rules that JSON Schema cannot tell.

    Example:
        >>> stand_in(dict[str, int]), stand_in(str)
        ({}, 'dry run')
    """
    return schema.check(kind, stand_in_json(schema.schema_of(kind)))


def stand_in_json(described: Mapping[str, Any]) -> Any:
    """Give JSON that fits a schema."""
    return _fitting(described, described.get("$defs", {}), 0)


def _fitting(one: Any, shared: Mapping[str, Any], level: int) -> Any:
    if not isinstance(one, Mapping):
        return None
    for name in ("const", "default"):
        if name in one:
            return one[name]
    for name in ("enum", "examples"):
        if one.get(name):
            return one[name][0]
    if "$ref" in one:
        if level > 4 * MOST_LEVELS:
            return None
        return _fitting(shared.get(str(one["$ref"]).rpartition("/")[2], {}), shared, level + 1)
    for name in ("anyOf", "oneOf", "allOf"):
        if one.get(name):
            return _fitting(_choice(one[name], level), shared, level + 1)
    kind = one.get("type")
    if isinstance(kind, list):
        kind = kind[0]
    match kind:
        case "object":
            fields = one.get("properties", {})
            return {n: _fitting(fields.get(n), shared, level + 1) for n in one.get("required", ())}
        case "array":
            items = [_fitting(part, shared, level + 1) for part in one.get("prefixItems", ())]
            more = min(int(one.get("minItems", 0)), MOST_ITEMS) - len(items)
            return items + [_fitting(one.get("items"), shared, level + 1) for _ in range(more)]
        case "string":
            return _text(one)
        case "integer" | "number":
            return _number(one, is_whole=kind == "integer")
        case "boolean":
            return False
        case _:
            return None


def _choice(among: list[Any], level: int) -> Any:
    nothing = next((one for one in among if one.get("type") == "null"), None)
    if nothing is not None and level > MOST_LEVELS:
        return nothing
    return next((one for one in among if one is not nothing), nothing)


def _text(one: Mapping[str, Any]) -> str:
    known = _FORMATS.get(str(one.get("format")))
    if known is not None:
        return known
    least = min(int(one.get("minLength", 0)), MOST_CHARS)
    return WORDS.ljust(least, ".")[: int(one.get("maxLength", MOST_CHARS))]


def _number(one: Mapping[str, Any], *, is_whole: bool) -> int | float:
    step = 1 if is_whole else 0.5
    value: int | float = 0
    least, above = one.get("minimum"), one.get("exclusiveMinimum")
    most, under = one.get("maximum"), one.get("exclusiveMaximum")
    if least is not None and value < least:
        value = least
    if above is not None and value <= above:
        value = above + step
    if most is not None and value > most:
        value = most
    if under is not None and value >= under:
        value = under - step
    if "multipleOf" in one:
        value = math.ceil(value / one["multipleOf"]) * one["multipleOf"]
    return int(value) if is_whole else value


class StandIns:
    """Answers for every model, effect and person of one tree; only plain code runs.

    Nobody else rules: nothing is paid, and nothing of the world changes.
    """

    is_live = False
    is_alone = True
    apart: Any = None

    def __init__(self, runtime: Runtime, about: Mapping[str, Any] | None = None) -> None:
        self.about: Mapping[str, Any] = {"mode": BY, **(about or {})}
        self.changes: tuple[Change, ...] = ()
        self.model: str | None = None if runtime.model is None else provider_name(runtime.model)
        self.settings: Mapping[str, Any] = runtime.settings

    def turned(
        self, caller: Any, fn: Any, inputs: Mapping[str, Any], provider: Any, /
    ) -> tuple[Any, Mapping[str, Any], Any]:
        """Give the call as it is."""
        return fn, inputs, provider

    def admit(self, node: Any, /) -> Verdict:
        """Give an effect a stand-in; let code and agents run."""
        fn = node.fn
        if fn.effect is None and not (fn.is_agent() and node.is_driver):
            return None
        kind = result_type_of(fn)
        if kind is Any or kind is None or kind is type(None):
            return Replace(None, served=BY)
        try:
            return Replace(stand_in(kind), served=BY)
        except ArgumentError as error:
            return Replace(error=ArgumentError(f"{fn.name}() has no stand-in: {error}"), served=BY)

    def leave(self, node: Any, value: Any, error: BaseException | None, /) -> Verdict:
        """Leave the end as it is."""
        return None

    def request_of(self, node: Any, request: ModelRequest, /) -> ModelRequest:
        """Give the request as it is."""
        return request

    def reply(self, node: Any, request: ModelRequest, asked: RequestStarted, /) -> ModelReply:
        """Answer for the model, with what fits the agent's result."""
        kind = node.fn.result_type
        try:
            found = stand_in_json(schema.schema_of(kind))
            if kind is not str:
                schema.check(kind, found)
        except ArgumentError as error:
            raise ModelError(f"{node.fn.name}() has no stand-in: {error}") from error
        text = found if kind is str else json.dumps(found)
        return ModelReply(
            parts=(ModelTextPart(text),),
            usage=TokenUsage(),
            stop="end",
            model=request.model,
            served=True,
        )

    def draw_of(self, node: Any, kind: str, name: str, /) -> tuple[Any] | None:
        """Draw as ever: a clock and chance cost nothing."""
        return None

    def answer_to(self, node: Any, on: WaitingOn, /) -> Answer | None:
        """Answer for the person."""
        if on.wants == "approval":
            return Answer(True, by=BY)
        if on.wants == "answer":
            return Answer(on.choices[0] if on.choices else WORDS, by=BY)
        return None

    def outdated(self, node: Any, on: WaitingOn, /) -> str:
        """Say nothing: nobody said anything before."""
        return ""
