"""Every text inside a stored table, array or JSON, for the secret scan."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...core.json.canonical import canonical
from .frame_bytes import Writer

if TYPE_CHECKING:
    import numpy as np


def texts_in(tagged: Any) -> Iterator[str]:
    """List the texts in JSON with the tags of `canonical`: names, texts, numbers, bytes."""
    match tagged:
        case dict():
            for name, one in tagged.items():
                yield name
                is_hex = name == "$bytes" and isinstance(one, str)
                yield from [_text(bytes.fromhex(one))] if is_hex else texts_in(one)
        case list():
            for one in tagged:
                yield from texts_in(one)
        case str():
            yield tagged
        case _:
            yield json.dumps(tagged)


def frame_words(value: Any, *, with_numbers: bool) -> Iterator[str]:
    """List the texts in a DataFrame or a Series, and its numbers if asked to."""
    writer = Writer()
    writer.header(value)
    for text, is_json in writer.texts():
        held = json.loads(text) if is_json else text
        if not isinstance(held, str):
            yield text  # a key is known by the name before it, too
        yield from texts_in(held)
    has_columns = hasattr(value, "columns")
    labels = [*value.index.names, *(value.columns.names if has_columns else [value.name])]
    # What a file says beside is ours.
    for one in (value.attrs, *labels):
        yield from texts_in(json.loads(canonical(one)))
    for numbers in writer.numbers:
        yield from array_words(numbers, with_numbers=with_numbers)


def array_words(value: np.ndarray[Any, Any], *, with_numbers: bool) -> Iterator[str]:
    """List the texts in an array, and its numbers if asked to."""
    kind = value.dtype.kind
    for name in value.dtype.fields or ():  # titles are among them
        yield str(name)
        yield from array_words(value[name], with_numbers=with_numbers)
    if kind == "U":
        yield from value.ravel().tolist()
    elif kind == "S":
        yield from map(_text, value.ravel().tolist())
    elif kind in "iufc" and with_numbers:
        yield from map(str, value.ravel().tolist())
    # A text may be given by its bytes.
    if (kind == "V" and not value.dtype.names) or (kind in "iu" and value.dtype.itemsize == 1):
        yield _text(value.tobytes())


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
