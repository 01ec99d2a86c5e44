"""Equality of two values by their canonical JSON."""

from __future__ import annotations

import contextlib
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ..core.errors import RecordedError, stringify
from ..core.json.canonical import MAX_DEPTH, canonical
from ..core.json.portable import Unkept, is_lost
from ..core.json.scalars import WORDED
from ..core.secrets.redaction import is_marked
from ..core.text.legible import length_kept, shortened
from ..runtime.safe import EDGE, keyless, keyless_bytes
from ..runtime.sinks import redaction
from .table_cells import same_table

# "taken out": the same, as far as they are there; both had a key, or what a pattern matches.
Sameness = Literal["same", "changed", "unknown", "lost", "taken out"]

# Texts of ours that name a Node by its number, which is another in every run.
_NODE_NUMBER = re.compile(
    r"(?<=agent )('[\w-]{1,64}', Node )\d{1,18}\)|\bNode \d{1,18}(?=, [\w-]{1,64}\(\))"
)
_ATOMS = (str, int, bool, bytes)
_WHOLE = 100_000_000
# Python writes no larger number in decimal.
_MOST_BITS = 14_000


@dataclass(frozen=True, slots=True, eq=False)
class Opaque:
    """A value that has no form in JSON."""

    value: Any

    @property
    def type_name(self) -> str:
        """The name of the value's type."""
        return type(self.value).__qualname__

    def __repr__(self) -> str:
        return f"<{self.type_name}>"


def anonymous(text: str) -> str:
    """Give a text without the numbers of Nodes that messages of ours hold."""
    return _NODE_NUMBER.sub(lambda m: f"{m[1] or 'Node '}*", text)


def same_atoms(left: Any, right: Any) -> bool:
    """True for two plain values that are equal; False says nothing."""
    kind = type(left)
    return kind is type(right) and (left is None or (kind in _ATOMS and left == right))


def compared(
    left: Any, right: Any, *, left_recorded: bool = False, right_recorded: bool = False
) -> Sameness:
    """Compare two values by their canonical form.

    What has no such form is compared as deep as possible: tables and arrays by their
    contents, the rest by type only, and then the answer is "unknown". Of such a value a record
    holds the type alone, so beside a live one it is "unknown" too.

    Example:
        >>> compared({"a": 1, "b": 2}, {"b": 2, "a": 1})
        'same'
        >>> compared([True], [1])
        'changed'
    """
    if left is right and not isinstance(left, Unkept):
        return "same"
    if is_lost(left) or is_lost(right):
        return "same" if left == right else "lost"
    if isinstance(left, Unkept) or isinstance(right, Unkept):
        return "unknown" if _type_name(left) == _type_name(right) else "changed"
    if type(left) is type(right) and type(left) in _ATOMS:
        if isinstance(left, str | bytes):
            return _compared_texts(left, right)
        return "same" if left == right else "changed"
    mine, theirs = text_of(left), text_of(right)
    if mine is None and theirs is None:
        return compared_plain(plain(left), plain(right))
    if mine is None or theirs is None:
        is_nothing = _is_nothing(left) if mine is not None else _is_nothing(right)
        by_record = left_recorded if mine is not None else right_recorded
        return "unknown" if by_record and is_nothing else "changed"
    same: Sameness = "same"
    if is_marked(mine) or is_marked(theirs):
        same = "taken out"
        clean = redaction().json
        mine, theirs = clean(mine), clean(theirs)
    if mine == theirs or anonymous(mine) == anonymous(theirs):
        return same
    if left_recorded != right_recorded and _untyped(mine) == _untyped(theirs):
        return same
    return "changed"


def _compared_texts(left: Any, right: Any) -> Sameness:
    """Compare texts without the numbers of Nodes, and a key with the mark in its place."""
    if isinstance(left, bytes):
        left, right = (one.decode("utf-8", "surrogateescape") for one in (left, right))
    same: Sameness = "same"
    if is_marked(left) or is_marked(right):
        same = "taken out"
        clean = redaction()
        left, right = clean(left), clean(right)
    return same if left == right or anonymous(left) == anonymous(right) else "changed"


def _type_name(value: Any) -> str:
    return value.type_name if isinstance(value, Unkept) else type(value).__qualname__


def text_of(value: Any) -> str | None:
    """Give a value's canonical text, or None where it has none."""
    try:
        return canonical(value)
    except ValueError:
        return None
    except Exception:  # noqa: BLE001  a user's own `model_dump` may raise anything
        return None


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, Mapping) and not value)


def _untyped(text: str) -> Any:
    """Read canonical text as a record is read back: objects are dicts with their `$type`."""
    if "$type" not in text:
        return text
    return dumped(_loose(json.loads(text)))


def _loose(tagged: Any) -> Any:
    if isinstance(tagged, list):
        return [_loose(v) for v in tagged]
    if not isinstance(tagged, dict):
        return tagged
    pairs = tagged.get("$dict")
    if isinstance(pairs, list) and len(tagged) == 1:
        keys = [k for k, _ in pairs]
        if "$type" in keys and all(isinstance(k, str) for k in keys):
            return {k: _loose(v) for k, v in pairs}
    return {k: _loose(v) for k, v in tagged.items()}


def plain(value: Any) -> Any:
    """Give a value as JSON with the tags of `canonical`; what has no form is `Opaque`."""
    text = text_of(value)
    return _shaped(value, MAX_DEPTH) if text is None else _loose(json.loads(text))


def _shaped(value: Any, depth: int) -> Any:
    if depth == 0:
        return Opaque(value)
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": str(float(value))}
    if type(value) is int and value.bit_length() > _MOST_BITS:
        return {"$int": hex(value)}
    if isinstance(value, Mapping):
        if all(type(k) is str for k in value):
            return {k: _shaped(v, depth - 1) for k, v in value.items()}
        pairs = [[_shaped(k, depth - 1), _shaped(v, depth - 1)] for k, v in value.items()]
        return {"$dict": sorted(pairs, key=dumped)}
    if isinstance(value, (list, tuple)):
        items = [_shaped(v, depth - 1) for v in value]
        return items if isinstance(value, list) else {"$tuple": items}
    text = text_of(value)
    if text is not None:
        return json.loads(text)
    known = getattr(type(value), "__dataclass_fields__", None)
    if known:
        held = {name: _shaped(getattr(value, name, None), depth - 1) for name in known}
        return {"$type": type(value).__qualname__, **held}
    return Opaque(value)


def compared_plain(left: Any, right: Any) -> Sameness:
    """Compare two values in the form that `plain` gives: any place that differs decides."""
    found: Sameness = "same"
    stack = [(left, right)]
    while stack:
        mine, theirs = stack.pop()
        if isinstance(mine, Opaque) and isinstance(theirs, Opaque):
            alike = _same_opaque(mine, theirs)
            if alike is False:
                return "changed"
            found = "unknown" if alike is None else found
        elif type(mine) is not type(theirs):
            return "changed"
        elif isinstance(mine, dict):
            if mine.keys() != theirs.keys():
                return "changed"
            if found == "same" and any(map(is_marked, mine)):
                found = "taken out"
            stack.extend((v, theirs[k]) for k, v in mine.items())
        elif isinstance(mine, list):
            if len(mine) != len(theirs):
                return "changed"
            stack.extend(zip(mine, theirs, strict=True))
        elif isinstance(mine, str):
            said = _compared_texts(mine, theirs)
            if said == "changed":
                return said
            found = said if found == "same" else found
        elif mine != theirs:
            return "changed"
    return found


def _same_opaque(left: Opaque, right: Opaque) -> bool | None:
    mine, theirs = left.value, right.value
    if mine is theirs:
        return True
    if type(mine) is not type(theirs):
        # A Function that was defined again makes values of a class of the same name.
        return None if left.type_name == right.type_name else False
    try:
        alike = same_table(mine, theirs)
        # Only a type that says what equal means can say that two values differ.
        if alike is None and _says_equal(type(mine)):
            alike = bool(mine == theirs) or bool(mine != mine and theirs != theirs)
    except Exception:  # noqa: BLE001  a user's `==` may raise anything
        return None
    return alike


def _says_equal(kind: type) -> bool:
    return any("__eq__" in vars(base) for base in kind.__mro__[:-1])


def dumped(value: Any, opaque: Callable[[Any], str] = repr) -> str:
    """Write a plain value down, each in one way only; those without a form are told by type."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=opaque)


def error_words(error: BaseException | None) -> str | None:
    """Give an error by its type and its message; of one that was read back, as it stands."""
    if error is None:
        return None
    if isinstance(error, RecordedError):
        return f"{error.type_name}: {error.args[0] if error.args else ''}"
    return stringify(error, _WHOLE)


def same_errors(left: BaseException | None, right: BaseException | None) -> bool:
    """Compare two errors by type and message.

    A record keeps the beginning of a long message. Beside a whole one, that is compared.
    """
    mine, theirs = error_words(left), error_words(right)
    if mine == theirs:
        return True
    if mine is None or theirs is None:
        return False
    if is_marked(mine) or is_marked(theirs):
        clean = redaction()
        mine, theirs = clean(mine), clean(theirs)
    mine, theirs = anonymous(mine), anonymous(theirs)
    if mine == theirs:
        return True
    cuts = [n for n in (length_kept(mine), length_kept(theirs)) if n is not None]
    if not cuts or isinstance(left, RecordedError) == isinstance(right, RecordedError):
        return False
    # Taken down twice, the end holds a cut of its own.
    kept = min(cuts) - 40
    return mine[:kept] == theirs[:kept]


def readable(data: Any, most: int = 400) -> str:
    """Give plain JSON as a person would write it, cut at `most` characters."""
    text = "".join(_written(data, [most + 1]))
    return shortened(text, most)


def _written(data: Any, left: list[int]) -> Iterator[str]:
    """Write a value in pieces, until there is no room left."""
    if left[0] <= 0:
        return
    if isinstance(data, dict):
        for tag, (begin, end) in _BRACKETS.items():
            if tag in data and len(data) == 1 and isinstance(data[tag], list):
                yield from _written_items(data[tag], begin, end, left)
                return
        if len(data) == 1 and not data.keys().isdisjoint(WORDED):
            word = str(*data.values())[: left[0]]
            left[0] -= len(word)
            yield word
            return
        yield "{"
        for n, (key, value) in enumerate(data.items()):
            if key == "$bytes" and isinstance(value, str):
                value = _keyless_hex(value, left[0])
            if left[0] <= 0:
                return
            word = f"{', ' if n else ''}{dumped(key[: left[0]])}: "
            left[0] -= len(word)
            yield word
            yield from _written(value, left)
        yield "}"
    elif isinstance(data, list):
        yield from _written_items(data, "[", "]", left)
    else:
        word = repr(data) if isinstance(data, Opaque) else _leaf(data, left[0])
        left[0] -= len(word)
        yield word


def _keyless_hex(digits: str, most: int) -> str:
    with contextlib.suppress(ValueError):
        return keyless_bytes(bytes.fromhex(digits[: 2 * (most + EDGE)])).hex()
    return digits


_BRACKETS = {"$tuple": ("(", ")"), "$set": ("{", "}"), "$dict": ("{", "}")}


def _leaf(data: Any, most: int) -> str:
    return dumped(keyless(data[: most + EDGE])[:most] if isinstance(data, str) else data)


def _written_items(items: Sequence[Any], begin: str, end: str, left: list[int]) -> Iterator[str]:
    yield begin
    for n, item in enumerate(items):
        if left[0] <= 0:
            return
        if n:
            left[0] -= 2
            yield ", "
        yield from _written(item, left)
    yield end
