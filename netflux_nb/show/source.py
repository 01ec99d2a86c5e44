"""A Function as Python text that defines it again."""

from __future__ import annotations

import ast
import inspect
import textwrap
import types
from collections.abc import Mapping
from typing import Any, Literal, Union, get_args, get_origin

from ..core.errors import ArgumentError
from ..core.functions.arguments import MISSING, FunctionArg
from ..core.functions.kinds import AgentFunction, CodeFunction, Function
from ..core.functions.versions import globals_of
from ..core.messages import Provider

_PLAIN = (str, int, float, bool, list, dict, tuple, set, bytes)


def python_of(fn: Function) -> str:
    """Give Python text for a `.py` file, which defines the same Function.

    What it uses, and types of one's own, are named and not written: they are to be there.
    """
    if isinstance(fn, AgentFunction) and type(fn) is AgentFunction:
        return _agent(fn)
    if isinstance(fn, CodeFunction) and type(fn) is CodeFunction:
        return _code(fn)
    kind = type(fn)
    raise ArgumentError(
        f"{fn.name}() is a {kind.__module__}.{kind.__qualname__}, made by a call of that class. "
        f"Write that call."
    )


def _agent(fn: AgentFunction) -> str:
    if fn.doubled_braces:
        raise ArgumentError(
            f"{fn.name}() was made with `AgentFunction(...)`, whose prompts are templates of "
            f"another kind than those of `agent(...)`. Write that call."
        )
    told: dict[str, Any] = {}
    params = [_param(arg, told) for arg in fn.args]
    result = f" -> {_type(fn.result_type, told)}"
    signature = f"{fn.name}({', '.join(params)}){result}"
    given = [_literal(signature), _literal(fn.user_prompt_template)]
    doc = _doc(fn)
    if doc != fn.name:
        given.append(f"desc={_literal(doc)}")
    if fn.system_prompt:
        given.append(f"system={_literal(fn.system_prompt)}")
    uses = [one.name for one in fn.uses if one is not fn]
    if uses:
        given.append(f"uses=[{', '.join(uses)}]")
    if fn.uses_recursion:
        given.append("uses_recursion=True")
    if fn.names_model:
        model = fn.default_model
        name = model.value if isinstance(model, Provider) else model
        given.append(f"model={_literal(name)}")
    if fn.settings:
        given.append(f"settings={_value(fn.name, 'settings', fn.settings)}")
    if fn.max_steps != 200:
        given.append(f"max_steps={fn.max_steps}")
    if fn.needs_approval:
        given.append("needs_approval=True")
    given += _contract(fn)
    if told:
        given.append(f"types={{{', '.join(f'{name!r}: {name}' for name in sorted(told))}}}")
    lines = ["from netflux_nb import agent", *_wanted([*uses, *sorted(told)]), ""]
    body = "".join(f"    {one},\n" for one in given)
    return "\n".join([*lines, f"{fn.name} = agent(\n{body})\n"])


def _code(fn: CodeFunction) -> str:
    try:
        text = textwrap.dedent(inspect.getsource(inspect.unwrap(fn.original)))
    except (OSError, TypeError):
        raise ArgumentError(
            f"The source of {fn.name}() is not known: it was made of a {_kind(fn.original)}."
        ) from None
    text = _undecorated(text, fn.name)
    given = [] if _name_in(text) == fn.name else [f"name={fn.name!r}"]
    uses = [one.name for one in fn.uses if one is not fn]
    if uses:
        given.append(f"uses=[{', '.join(uses)}]")
    if fn.uses_recursion:
        given.append("uses_recursion=True")
    if fn.effect is not None:
        given.append(f"effect={fn.effect!r}")
    if fn.idempotent:
        given.append("idempotent=True")
    if fn.needs_approval:
        given.append("needs_approval=True")
    given += _contract(fn)
    mark = f"@function({', '.join(given)})" if given else "@function"
    wanted = _wanted(sorted({*uses, *_reached(fn)}))
    head = "\n".join(["from netflux_nb import function", *wanted, "", "", ""])
    return f"{head}{mark}\n{text.rstrip()}\n"


def _contract(fn: Function) -> list[str]:
    contract = fn.contract
    if contract is None:
        return []
    given = [
        f"{n}={p if p is True else list(p)!r}" for n, p in contract.told.items() if p is not None
    ]
    return [one for one in given if not one.endswith("=[]") or one.startswith("raises")]


def _kind(body: Any) -> str:
    return type(body).__name__


def _undecorated(text: str, name: str) -> str:
    """Take the lines of decorators off: ours is written anew."""
    try:
        tree = ast.parse(text).body
    except SyntaxError:
        tree = []
    head = tree[0] if tree else None
    if not isinstance(head, ast.FunctionDef | ast.AsyncFunctionDef):
        raise ArgumentError(f"{name}() was not made of a `def`. Write that line into the file.")
    others = [d for d in head.decorator_list if "function" not in ast.unparse(d)]
    if others:
        raise ArgumentError(
            f"{name}() has decorators of its own: `@{ast.unparse(others[0])[:60]}`. Copy its cell."
        )
    return "\n".join(text.splitlines()[head.lineno - 1 :])


def _name_in(text: str) -> str:
    head = ast.parse(text).body[0]
    return getattr(head, "name", "")


def _reached(fn: CodeFunction) -> list[str]:
    """Name what the body takes from its notebook: helpers, constants, modules."""
    plain = inspect.unwrap(fn.original)
    if not isinstance(plain, types.FunctionType):
        return []
    hints = [one for one in getattr(plain, "__annotations__", {}).values() if isinstance(one, type)]
    known = {t.__name__ for t in hints if t.__module__ == plain.__module__}
    return sorted((known | globals_of(plain).keys()) - {fn.name})


def _wanted(names: list[str]) -> list[str]:
    return [f"# It needs, defined or imported above: {', '.join(names)}."] if names else []


def _doc(fn: AgentFunction) -> str:
    """Write the description with a line for each argument that has one."""
    told = [f"    {arg.name}: {arg.desc}" for arg in fn.args if arg.desc]
    return "\n".join([fn.desc, "", "Args:", *told]) if told else fn.desc


def _param(arg: FunctionArg, told: dict[str, Any]) -> str:
    if arg.enum is not None or arg.load:
        what = "a set of words it takes" if arg.enum is not None else "a file that it loads"
        raise ArgumentError(f"Argument {arg.name!r} has {what}, which a signature cannot say.")
    kind = _type(arg.argtype, told)
    # An argument that takes None and must be given, or has another default, says so in its type.
    if arg.optional and arg.default is MISSING:
        return f"{arg.name}: {kind} | None = None"
    default = "" if arg.default is MISSING else f" = {_value(arg.name, 'default', arg.default)}"
    nullable = " | None" if arg.optional else ""
    return f"{arg.name}: {kind}{nullable}{default}"


def _type(kind: Any, told: dict[str, Any]) -> str:
    """Write a type as a signature's text may name it; those of one's own are noted."""
    if kind is None or kind is type(None):
        return "None"
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return f"Literal[{', '.join(map(repr, inner))}]"
    if origin in (types.UnionType, Union):
        return " | ".join(_type(one, told) for one in inner)
    if origin in _PLAIN and inner:
        return f"{origin.__name__}[{', '.join(_type(one, told) for one in inner)}]"
    if isinstance(kind, type) and not inner:
        if kind not in _PLAIN:
            told[kind.__name__] = kind
        return kind.__name__
    raise ArgumentError(f"The type {str(kind)[:80]!r} cannot be written into a signature.")


def _value(owner: str, what: str, value: Any) -> str:
    plain = dict(value) if isinstance(value, Mapping) else value
    text = repr(plain)
    try:
        same = ast.literal_eval(text) == plain
    except (ValueError, SyntaxError):
        same = False
    if not same:
        raise ArgumentError(f"The {what} of {owner} cannot be written as Python: {text[:80]}.")
    return text


def _literal(text: str) -> str:
    """Write a text as Python: over several lines where it has them and that says the same."""
    if "\n" not in text:
        return repr(text)
    block = f'"""{text}"""'
    try:
        is_same = ast.literal_eval(block) == text
    except (ValueError, SyntaxError):
        is_same = False
    if is_same:
        return block
    lines = [f"        {line!r}" for line in text.splitlines(keepends=True)]
    return "(\n" + "\n".join(lines) + "\n    )"
