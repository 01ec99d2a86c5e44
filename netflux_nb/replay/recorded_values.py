"""Values of recorded calls, recovered: as stored, or rebuilt from their stored fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_type_hints

from ..core.errors import ArgumentError
from ..core.functions import schema
from ..core.functions.kinds import AgentFunction, CodeFunction, Function
from ..core.json.portable import value_to_json
from ..core.secrets.redaction import is_marked
from .recording import RecordedNode


def recover_value(fn: Function, was: RecordedNode) -> tuple[Any] | None:
    """Recover a recorded call's value in a tuple; None where the record does not hold it.

    An object that stands there by its fields is made anew. An agent's version says that its
    type is as it was; of code, what is made must have the recorded form.
    """
    if was.has_plain_value:
        return (was.value,)
    if was.outcome != "success" or "json" not in (was.value_form or ()):
        return None
    try:
        made = schema.check(result_type_of(fn), _fields(was.value))
    except (ArgumentError, ValueError, TypeError, RecursionError):
        return None
    return (made,) if fn.is_agent() or value_to_json(made) == was.value_form else None


def is_whole(form: Any) -> bool:
    """Say whether nothing that looked like a key was taken out of what was recorded."""
    stack: list[Any] = [form]
    while stack:
        one = stack.pop()
        if isinstance(one, str) and is_marked(one):
            return False
        if isinstance(one, Mapping):
            stack.extend(one.values())
        elif isinstance(one, list):
            stack.extend(one)
    return True


def result_type_of(fn: Function) -> Any:
    """Give the type of what a Function gives, as far as it is told; `Any` where it is not."""
    if isinstance(fn, AgentFunction):
        return fn.result_type
    if not isinstance(fn, CodeFunction):
        return Any
    try:
        return get_type_hints(fn.original).get("return", Any)
    except Exception:  # noqa: BLE001  a hint may name what is not there
        return Any


def _fields(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _fields(v) for k, v in value.items() if k != "$type"}
    return [_fields(v) for v in value] if isinstance(value, list) else value
