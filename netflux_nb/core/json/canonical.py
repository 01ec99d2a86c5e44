"""Canonical JSON of values, and the hashes that are made of it."""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from .scalars import INT_BITS, MOST_INT_BITS, READ, WORDED, WORDS, encoder, read

# A deeper value is no argument of a call; JSON of it would meet Python's own limit.
MAX_DEPTH = 100
_SCALARS = frozenset({str, int, float, bool, type(None)})


def canonical(value: Any) -> str:
    """Give canonical JSON: sorted keys, lists in their order, floats as themselves.

    What JSON cannot say is tagged: `{"$tuple": [...]}`, `$set`, `$bytes`, `$dict` for keys
    that are no plain text, `$type` for the fields of an object, `$date` and its like (see
    `WORDED`). A single number of numpy's is that number. Nothing is ever stringified
    silently: two values that differ give different texts. Raises `ValueError` where a value
    has no such form.
    """
    try:
        return _text(_tagged(value, MAX_DEPTH, False))
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{type(value).__name__} has no canonical JSON: {error}") from None


def ordered_json(value: Any) -> Any:
    """Give a value as JSON with the tags of `canonical`, and every dict in its own order.

    What reads a dict, a prompt or a body, may go by the order. Raises as `canonical` does.
    """
    try:
        return read(_text(_tagged(value, MAX_DEPTH, True), _in_order))
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{type(value).__name__} has no canonical JSON: {error}") from None


# One encoder for all: making one costs more than a small call's arguments do.
# What is tagged is bounded in its depth: it holds no circle.
_form: dict[str, Any] = {
    "separators": (",", ":"),
    "ensure_ascii": False,
    "allow_nan": False,
    "check_circular": False,
}
_dumped = encoder(json.JSONEncoder(sort_keys=True, **_form))
_in_order = encoder(json.JSONEncoder(**_form))


def _text(tagged: Any, dumped: Callable[[Any], str] = _dumped) -> str:
    try:
        return dumped(tagged)
    except ValueError:  # it may hold a number that JSON has no word for
        return dumped(_finite(tagged))


def _finite(tagged: Any) -> Any:
    """Tag numbers that JSON has no word for: none, one without end, one too long to write."""
    if isinstance(tagged, float) and not math.isfinite(tagged):
        return {"$float": str(float(tagged))}
    if type(tagged) is int and INT_BITS < tagged.bit_length() <= MOST_INT_BITS:
        return {"$int": hex(tagged)}
    if isinstance(tagged, dict):
        return {k: _finite(v) for k, v in tagged.items()}
    return [_finite(v) for v in tagged] if isinstance(tagged, list) else tagged


def _tagged(value: Any, depth: int, in_order: bool) -> Any:
    if type(value) in _SCALARS:
        return value
    if depth == 0:
        raise ValueError(f"it is nested more than {MAX_DEPTH} levels deep")
    below = depth - 1
    if type(value) is dict:  # most are, and an ABC is slow to ask
        return _tagged_mapping(value, below, in_order)
    match value:
        case Mapping():
            return _tagged_mapping(value, below, in_order)
        case list():
            return [_tagged(v, below, in_order) for v in value]
        case tuple():
            return {"$tuple": [_tagged(v, below, in_order) for v in value]}
        case set() | frozenset():
            return {"$set": sorted((_tagged(v, below, in_order) for v in value), key=_text)}
        case bytes() | bytearray():
            return {"$bytes": value.hex()}
        case Enum():
            return {"$type": type(value).__qualname__, "$name": value.name}
        case str() | int() | float():
            return value
        case _ if type(value) in WORDS:
            tag, written, _ = WORDS[type(value)]
            return {tag: written(value)}
        case _ if _is_number_of_numpy(value):
            return value.item()
        case _:
            data = {k: _tagged(v, below, in_order) for k, v in _fields_of(value).items()}
            return {"$type": type(value).__qualname__, **data}


def _is_number_of_numpy(value: Any) -> bool:
    numpy = sys.modules.get("numpy")  # without it nothing can be of it
    kinds = getattr(numpy, "generic", ())
    # A long double stays one when it is asked for what it is in Python.
    return isinstance(value, kinds) and value.dtype.char in "?bBhHiIlLqQefd"


def _tagged_mapping(value: Mapping[Any, Any], below: int, in_order: bool) -> dict[str, Any]:
    for key in value:
        if type(key) is not str or key[:1] == "$":
            break
    else:
        scalars = _SCALARS
        return {
            k: v if type(v) in scalars else _tagged(v, below, in_order) for k, v in value.items()
        }
    pairs = [[_tagged(k, below, in_order), _tagged(v, below, in_order)] for k, v in value.items()]
    return {"$dict": pairs if in_order else sorted(pairs, key=_text)}


def _fields_of(value: Any) -> Mapping[str, Any]:
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in fields(value)}
    if hasattr(value, "model_dump") and not isinstance(value, type):
        return dict(value.model_dump(mode="json"))
    raise TypeError(f"a {type(value).__name__} has no fields")


def untagged(data: Any) -> Any:
    """Read back what `canonical` wrote; objects stay dicts with their `$type`."""
    if isinstance(data, list):
        return [untagged(v) for v in data]
    if not isinstance(data, dict):
        return data
    match data:
        case {"$tuple": list(items)} if len(data) == 1:
            return tuple(untagged(v) for v in items)
        case {"$set": list(items)} if len(data) == 1:
            return frozenset(untagged(v) for v in items)
        case {"$bytes": str(text)} if len(data) == 1:
            return bytes.fromhex(text)
        case {"$dict": list(pairs)} if len(data) == 1:
            return {untagged(k): untagged(v) for k, v in pairs}
        case _ if len(data) == 1 and not data.keys().isdisjoint(WORDED):
            ((tag, text),) = data.items()
            if isinstance(text, str):
                with suppress(ValueError, TypeError, LookupError, ArithmeticError):
                    return READ[tag](text)
            return {tag: untagged(text)}
        case _:
            return {k: untagged(v) for k, v in data.items()}


def digest(text: str) -> str:
    """Hash a text: 128 bits, as 32 hex digits."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


_EMPTY = "{}"


def inputs_digest(inputs: Mapping[str, Any]) -> str:
    """Hash a call's arguments; one without canonical JSON counts by its type alone."""
    if not inputs:
        return _EMPTY
    try:
        return canonical(inputs)
    except ValueError:
        parts = {}
        for name, value in inputs.items():
            try:
                parts[name] = canonical(value)
            except ValueError:
                parts[name] = f"$not-portable:{type(value).__qualname__}"
        return canonical(parts)


def came_to(value: Any, error: BaseException | None, redact: Callable[[str], str] = str) -> str:
    """Hash what a body came to: its value, or the class of its error, whose words vary."""
    if error is not None:
        return digest(f"error\0{type(error).__name__}")
    return digest(redact(inputs_digest({"value": value})))


def node_key(parent_key: str, name: str, inputs_text: str, nth: int) -> str:
    """Give a Node's key: the same in every run that makes the same calls.

    Hash of the parent's key, the Function's name, the arguments, and the how-manieth
    identical call of this parent it is. It does not depend on scheduling.
    """
    text = f"{parent_key}\0{name}\0{nth}\0{inputs_text}"
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
