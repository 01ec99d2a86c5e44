"""The schema of a context: read from its classes as syntax, and written as classes again."""

from __future__ import annotations

import ast
import keyword
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..core.errors import ArgumentError
from ..core.text.legible import escaped
from ..core.text.yaml_text import read_yaml
from .process_sources import tree_of

LAYERS = ("global", "domain")
# Of a type in Python the word of a schema.
_WORDS = {
    "str": "string", "int": "integer", "float": "float", "bool": "boolean",
    "list": "list", "dict": "dict", "set": "set", "tuple": "tuple", "Any": "any", "object": "any",
    "List": "list", "Dict": "dict", "Set": "set", "Tuple": "tuple", "bytes": "any",
}  # fmt: skip
_NAMES = {
    "string": "str", "integer": "int", "float": "float", "boolean": "bool",
    "list": "list", "dict": "dict", "set": "set", "tuple": "tuple", "any": "Any",
}  # fmt: skip
_EMPTY: dict[str, Any] = {"list": [], "dict": {}, "set": [], "tuple": []}
_MOST_DEPTH = 20


def schema_of(path: Path) -> dict[str, Any]:
    """Give the schema of the classes in a file that have `Global` or `Domain` in their name."""
    tree = tree_of(path, path.as_posix())
    classes = {one.name: one for one in ast.walk(tree) if isinstance(one, ast.ClassDef)}
    based = {name for one in classes.values() for name in _bases(one)}
    found: dict[str, dict[str, Any]] = {layer: {} for layer in LAYERS}
    homes: dict[tuple[str, str], str] = {}
    for one in classes.values():
        layer = next((layer for layer in LAYERS if layer.title() in one.name), None)
        if layer is None or one.name in based:
            continue
        for name, field in _fields(one, classes, ()):
            if homes.setdefault((layer, name), one.name) != one.name:
                raise ArgumentError(
                    f"{escaped(path.as_posix())}: {homes[layer, name]} and {one.name} both have a "
                    f"field {name!r}. One class is the {layer} layer."
                )
            found[layer][name] = field
    if not any(found.values()):
        raise ArgumentError(
            f"{escaped(path.as_posix())} has no class with fields that is called after a layer, "
            f"such as BankDomain or BankGlobal."
        )
    return {"context": found}


def _bases(one: ast.ClassDef) -> list[str]:
    return [base.id for base in one.bases if isinstance(base, ast.Name)]


def _fields(
    one: ast.ClassDef, classes: Mapping[str, ast.ClassDef], above: tuple[str, ...]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the fields of a class, those of its bases in the same file first."""
    for base in _bases(one):
        if base in classes and base not in above and len(above) < _MOST_DEPTH:
            yield from _fields(classes[base], classes, (*above, one.name))
    for item in one.body:
        if not isinstance(item, ast.AnnAssign) or not isinstance(item.target, ast.Name):
            continue
        name = item.target.id
        kind, is_optional = _type(item.annotation)
        if kind == "" or name.startswith("_"):
            continue
        field: dict[str, Any] = {"type": kind}
        if is_optional:
            field["optional"] = True
        field |= _default(item.value)
        yield name, field


def _type(node: ast.expr, depth: int = 0) -> tuple[str, bool]:
    """Give the word for a type, and whether it may be None; "" for what is no field."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and depth < _MOST_DEPTH:
        try:  # a type that is quoted
            return _type(ast.parse(node.value, mode="eval").body, depth + 1)
        except (SyntaxError, ValueError):
            return "any", False
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return ("" if name == "ClassVar" else _WORDS.get(name, "any")), False
        case ast.BinOp(left=left, op=ast.BitOr(), right=right) if depth < _MOST_DEPTH:
            return _either([left, right], depth)
        case ast.Subscript(value=value, slice=inner) if depth < _MOST_DEPTH:
            parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            return _subscript(getattr(value, "id", getattr(value, "attr", "")), parts, depth)
    return "any", False


def _subscript(name: str, parts: list[ast.expr], depth: int) -> tuple[str, bool]:
    if name in ("Annotated", "Final"):
        return _type(parts[0], depth + 1)
    if name == "Optional":
        return _type(parts[0], depth + 1)[0], True
    if name == "Union":
        return _either(parts, depth)
    if name == "ClassVar":
        return "", False
    if name == "Literal":
        kinds = {type(one.value).__name__ for one in parts if isinstance(one, ast.Constant)}
        kind = kinds.pop() if len(kinds) == 1 else ""
        return _WORDS.get(kind, "any"), False
    word = _WORDS.get(name, "any")
    if word not in _EMPTY:
        return "any", False
    words = [_inner(one, depth) for one in parts]
    return f"{word}[{', '.join(words)}]", False


def _inner(node: ast.expr, depth: int) -> str:
    if isinstance(node, ast.Constant) and node.value is Ellipsis:
        return "..."
    kind, is_optional = _type(node, depth + 1)
    # What may be None within another has no word of its own.
    return "any" if is_optional else kind or "any"


def _either(parts: list[ast.expr], depth: int) -> tuple[str, bool]:
    """Give the type of a union: of one type and None, that type."""
    rest = [one for one in parts if not (isinstance(one, ast.Constant) and one.value is None)]
    found = [_type(one, depth + 1) for one in rest]
    is_optional = len(rest) < len(parts) or any(optional for _, optional in found)
    kinds = {kind for kind, _ in found}
    return (kinds.pop() if len(kinds) == 1 else "any"), is_optional


def _default(node: ast.expr | None) -> dict[str, Any]:
    """Give what a field begins with, as far as its source says it."""
    if node is None:
        return {}
    value: ast.expr | None = node
    if isinstance(node, ast.Call):
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        named = {one.arg: one.value for one in node.keywords}
        if name in ("field", "Field"):
            value = named.get("default", node.args[0] if node.args and name == "Field" else None)
            factory = named.get("default_factory")
            if value is None and factory is None:
                return {}
            if factory is not None:
                return _made_by(factory)
        elif not node.args and not node.keywords and name in _EMPTY:
            return {"default": _EMPTY[name]}
    if isinstance(value, ast.Constant) and value.value is Ellipsis:
        return {}
    return _literal(value)


def _made_by(factory: ast.expr) -> dict[str, Any]:
    if isinstance(factory, ast.Name) and factory.id in _EMPTY:
        return {"default": _EMPTY[factory.id]}
    if isinstance(factory, ast.Lambda):
        return _literal(factory.body)
    return {"default": None}


def _literal(node: ast.expr | None) -> dict[str, Any]:
    try:
        value = _listed(ast.literal_eval(node)) if node is not None else None
    except (ValueError, TypeError, RecursionError, MemoryError, SyntaxError):
        value = None  # worked out when it is made: nobody but its class knows it
    return {"default": value}


def _listed(value: Any) -> Any:
    """Give a value as YAML can hold it. Raises where it cannot."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case list() | tuple():
            return [_listed(one) for one in value]
        case set() | frozenset():
            return sorted(_listed(one) for one in value)
        case dict():
            return {_listed(key): _listed(one) for key, one in value.items()}
    raise ValueError(type(value).__name__)


# The way back.


def code_of(path: Path) -> str:
    """Give Python classes for a schema. What a schema says goes into them as plain values."""
    try:
        told = read_yaml(path.read_text("utf-8"), path.name)
    except UnicodeDecodeError:
        raise ArgumentError(f"{path.as_posix()!r} is no text in UTF-8.") from None
    context = told.get("context", told) if isinstance(told, Mapping) else None
    if not isinstance(context, Mapping) or not set(context) <= set(LAYERS) or not context:
        raise ArgumentError(f"{path.as_posix()!r} is no schema. It has `context`: global, domain.")
    parts = [_class(f"App{layer.title()}", context.get(layer)) for layer in LAYERS]
    lines = [
        '"""The context of this project, made of its schema."""',
        "",
        "from dataclasses import dataclass, field",
        "from typing import Any",
        "",
        *(line for part in parts for line in ("", *part)),
    ]
    needed = [line for line in lines if line.startswith("    ")]
    if not any("Any" in line.partition("=")[0] for line in needed):
        lines.remove("from typing import Any")
    if not any("field(" in line for line in needed):
        lines[2] = "from dataclasses import dataclass"
    return "\n".join(lines).rstrip() + "\n"


def _class(name: str, fields: Any) -> list[str]:
    fields = {} if fields is None else fields
    if not isinstance(fields, Mapping):
        raise ArgumentError(f"A layer holds fields by name; got {str(fields)[:80]!r}.")
    made = [_field(field, told) for field, told in fields.items()]
    has_default = [default for _, default in made]
    # Behind one that has a default, one without has to be named.
    is_mixed = True in has_default and not all(has_default[has_default.index(True) :])
    head = "@dataclass(kw_only=True)" if is_mixed else "@dataclass"
    body = [f"    {line}" for line, _ in made] or ["    pass"]
    return [head, f"class {name}:", *body, ""]


def _field(name: Any, told: Any) -> tuple[str, bool]:
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        raise ArgumentError(f"{escaped(str(name)[:80])!r} cannot name a field.")
    told = {"type": told} if isinstance(told, str) else told
    if not isinstance(told, Mapping) or not isinstance(told.get("type", "any"), str):
        raise ArgumentError(f"{name} is told by its `type`, such as `integer`.")
    kind = _python(name, told.get("type", "any"))
    plain = kind.partition("[")[0]
    default = told.get("default")
    is_optional = told.get("optional") is True or (default is None and "default" in told)
    shown = f"{kind} | None" if is_optional and kind != "Any" else kind
    if default is None:
        has_default = is_optional or "default" in told
        return (f"{name}: {shown} = None" if has_default else f"{name}: {shown}"), has_default
    value = _value(name, default)
    if plain in ("set", "tuple") and isinstance(default, list):
        value = f"{plain}({value})" if default else f"{plain}()"
    if isinstance(default, list | dict) and plain != "tuple":
        factory = plain if not default and plain in _EMPTY else f"lambda: {value}"
        return f"{name}: {shown} = field(default_factory={factory})", True
    return f"{name}: {shown} = {value}", True


def _python(name: str, words: str) -> str:
    """Read a type of a schema, and give it as Python's own."""
    try:
        return _named(ast.parse(words.strip(), mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        known = ", ".join(_NAMES)
        raise ArgumentError(
            f"{name} has no type {escaped(words[:80])!r}. There is: {known}; list[string]."
        ) from None


def _named(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name):
            return _NAMES[name.lower()] if name.lower() in _NAMES else _refuse(name)
        case ast.Constant(value=value) if value is Ellipsis:
            return "..."
        case ast.Subscript(value=ast.Name(id=name), slice=inner) if name in _EMPTY:
            parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            return f"{name}[{', '.join(map(_named, parts))}]"
    return _refuse(type(node).__name__)


def _refuse(what: str) -> str:
    raise ValueError(what)


def _value(name: str, value: Any) -> str:
    """Write a plain value as Python."""
    match value:
        case float() if not math.isfinite(value):
            return f'float("{value}")'
        case None | bool() | int() | float() | str():
            return repr(value)
        case list():
            return "[" + ", ".join(_value(name, one) for one in value) + "]"
        case dict():
            pairs = (f"{_value(name, key)}: {_value(name, one)}" for key, one in value.items())
            return "{" + ", ".join(pairs) + "}"
    raise ArgumentError(f"{name}: a {type(value).__name__} is no default.")
