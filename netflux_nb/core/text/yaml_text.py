"""YAML as people write it: recipes, workflows, rules.

- `yes`, `no`, `on` and `off` are words, not truth values: `on:` is a common key.
- A key that stands twice, a tag, and more than a file may hold are errors that name the line.
- Dates stay texts: what is read is what JSON can say.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from ..errors import ArgumentError
from .legible import escaped

MOST_BYTES = 2_000_000
# Values of a file, with what aliases repeat: a few lines of them could stand for a billion.
MOST_VALUES = 200_000
MOST_DEPTH = 60


def read_yaml(text: str, name: str) -> Any:
    """Read one YAML document; nothing in it is more than data.

    Args:
        text: The document.
        name: What messages call it, mostly its path.
    """
    import yaml

    if len(text.encode(errors="replace")) > MOST_BYTES:
        raise ArgumentError(f"{name} is larger than {MOST_BYTES // 1_000_000} MB.")
    try:
        loader = _loader()(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ArgumentError(f"{name}{_where(error)}: {_why(error)}") from None


@cache
def _loader() -> Any:
    import yaml

    class Loader(yaml.SafeLoader):
        """The safe loader, stricter."""

        def __init__(self, stream: str) -> None:
            super().__init__(stream)
            self.made = self.depth = 0

        def construct_object(self, node: Any, deep: bool = False) -> Any:
            self.made += 1
            self.depth += 1
            if self.made > MOST_VALUES or self.depth > MOST_DEPTH:
                raise yaml.constructor.ConstructorError(
                    None, None, "it holds too much, or is nested too deeply", node.start_mark
                )
            try:
                # Made again for each alias, so that nothing is in two places, or in itself.
                self.constructed_objects.pop(node, None)
                return super().construct_object(node, True)
            finally:
                self.depth -= 1

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            found: dict[Any, Any] = {}
            for key_node, value_node in node.value:
                key = self.construct_object(key_node, True)
                if not isinstance(key, (str, int, float, bool)) and key is not None:
                    what = "a key is a text or a number"
                elif key in found:
                    what = f"the key {str(key)[:60]!r} stands twice"
                else:
                    found[key] = self.construct_object(value_node, True)
                    continue
                raise yaml.constructor.ConstructorError(None, None, what, key_node.start_mark)
            return found

        def construct_yaml_map(self, node: Any) -> Any:
            return self.construct_mapping(node)

        def construct_yaml_seq(self, node: Any) -> Any:
            return [self.construct_object(one, True) for one in node.value]

    resolvers = {
        first: [
            (tag, pattern)
            for tag, pattern in pairs
            if tag.rpartition(":")[2] not in ("bool", "timestamp", "merge", "value")
        ]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    Loader.yaml_implicit_resolvers = resolvers
    Loader.add_implicit_resolver(
        "tag:yaml.org,2002:bool",
        re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"),
        list("tTfF"),
    )
    Loader.add_constructor("tag:yaml.org,2002:map", Loader.construct_yaml_map)
    Loader.add_constructor("tag:yaml.org,2002:seq", Loader.construct_yaml_seq)
    odd = {f"tag:yaml.org,2002:{kind}" for kind in ("set", "omap", "pairs", "binary", "timestamp")}
    kept = {tag: make for tag, make in Loader.yaml_constructors.items() if tag not in odd}
    Loader.yaml_constructors = kept
    return Loader


def _where(error: BaseException) -> str:
    mark = getattr(error, "problem_mark", None)
    return "" if mark is None else f", line {mark.line + 1}"


def _why(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply."
    said = str(getattr(error, "problem", None) or error).strip().splitlines()
    return f"it is no YAML that is read here: {escaped(said[0][:200]) if said else 'unreadable'}."
